#include "engine/admin/quotas.h"

#include <stdlib.h>

#include "engine/admin/page.h"
#include "engine/observe/prometheus.h"

#include "sql/base/banned.h"

struct entry {
    int64_t tenant;
    char *name;
    struct wr_quota quota;
    struct entry *next;
};

struct wr_quotas {
    struct entry *first;
};

#define COUNTED(e, quotas)                                        \
    for (const struct entry *e = (quotas)->first; e; e = e->next) \
        if (e->quota.counts)

struct wr_quotas *wr_quotas_new(void)
{
    return wr_zalloc(sizeof(struct wr_quotas));
}

void wr_quotas_free(struct wr_quotas *quotas)
{
    struct entry *next;
    for (struct entry *e = quotas ? quotas->first : NULL; e; e = next) {
        next = e->next;
        free(e->name);
        free(e);
    }
    free(quotas);
}

static struct entry *find(const struct wr_quotas *quotas, int64_t tenant)
{
    struct entry *e = quotas->first;
    while (e && e->tenant != tenant) {
        e = e->next;
    }
    return e;
}

static int64_t limit_of(const json_t *features, const char *feature)
{
    const json_t *value = json_object_get(features, feature);
    return json_is_integer(value) ? json_integer_value(value) : WR_QUOTA_NONE;
}

void wr_quotas_follow(struct wr_quotas *quotas, int64_t tenant, const char *name,
                      const json_t *features)
{
    int64_t messages = limit_of(features, "iot.quota.messages_per_second");
    int64_t cpu = limit_of(features, "iot.quota.rule_cpu");
    struct entry *e = find(quotas, tenant);
    if (!e) {
        e = wr_zalloc(sizeof *e);
        e->tenant = tenant;
        e->name = wr_strdup(wr_str_of(name)); // a tenant keeps its name
        e->quota = (struct wr_quota){
            .tenant = e->name, .messages_per_s = WR_QUOTA_NONE, .cpu_percent = WR_QUOTA_NONE};
        e->next = quotas->first;
        quotas->first = e;
    }
    wr_quota_set(&e->quota, messages, cpu);
}

struct wr_quota *wr_quotas_find(const struct wr_quotas *quotas, int64_t tenant)
{
    struct entry *e = find(quotas, tenant);
    return e ? &e->quota : NULL;
}

json_t *wr_quota_use(const struct wr_quota *q)
{
    json_t *throttled = json_object();
    for (int i = 0; i < WR_THROTTLE_COUNT; i++) {
        json_object_set_new(throttled, wr_throttle_text((enum wr_throttle)i),
                            json_integer((json_int_t)q->throttled[i]));
    }
    return json_pack("{s:I, s:o, s:f}", "messages", (json_int_t)q->messages, "throttled", throttled,
                     "ruleCpuSeconds", (double)q->cpu_ns / 1e9);
}

void wr_quotas_write(const struct wr_quotas *quotas, struct wr_buf *out)
{
    wr_page_family(out, WR_METRIC_TENANT_MESSAGES);
    COUNTED(e, quotas)
    {
        const struct wr_prom_label label = {"tenant", wr_str_of(e->name)};
        wr_prom_u64(out, wr_metric_at(WR_METRIC_TENANT_MESSAGES)->name, &label, 1,
                    e->quota.messages);
    }
    wr_page_family(out, WR_METRIC_TENANT_THROTTLED);
    COUNTED(e, quotas)
    {
        for (int i = 0; i < WR_THROTTLE_COUNT; i++) {
            const struct wr_prom_label labels[] = {
                {"tenant", wr_str_of(e->name)},
                {"reason", wr_str_of(wr_throttle_text((enum wr_throttle)i))}};
            wr_prom_u64(out, wr_metric_at(WR_METRIC_TENANT_THROTTLED)->name, labels, 2,
                        e->quota.throttled[i]);
        }
    }
    wr_page_family(out, WR_METRIC_TENANT_CPU);
    COUNTED(e, quotas)
    {
        const struct wr_prom_label label = {"tenant", wr_str_of(e->name)};
        wr_prom_double(out, wr_metric_at(WR_METRIC_TENANT_CPU)->name, &label, 1,
                       (double)e->quota.cpu_ns / 1e9);
    }
}
