// The families of /metrics that are not a rule's.
#include "engine/admin/page.h"

#include "engine/admin/process.h"
#include "engine/admin/quotas.h"
#include "sinks/lib/aws.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

void wr_page_family(struct wr_buf *out, enum wr_metric metric)
{
    const struct wr_metric_row *row = wr_metric_at(metric);
    wr_prom_family(out, row->name, row->type, row->help);
}

void wr_page_one(struct wr_buf *out, enum wr_metric metric, uint64_t value)
{
    wr_page_family(out, metric);
    wr_prom_u64(out, wr_metric_at(metric)->name, NULL, 0, value);
}

static void one_double(struct wr_buf *out, enum wr_metric metric, double value)
{
    wr_page_family(out, metric);
    wr_prom_double(out, wr_metric_at(metric)->name, NULL, 0, value);
}

// A sample with one label.
static void labelled(struct wr_buf *out, enum wr_metric metric, const char *name, wr_str label,
                     uint64_t value)
{
    const struct wr_prom_label labels = {name, label};
    wr_prom_u64(out, wr_metric_at(metric)->name, &labels, 1, value);
}

static void messages(const struct wr_page_view *v, struct wr_buf *out)
{
    const struct wr_metrics *m = v->metrics;
    const struct wr_rule_set *rules = wr_flow_rules(v->flow);
    wr_page_family(out, WR_METRIC_BUILD_INFO);
    labelled(out, WR_METRIC_BUILD_INFO, "version", WR_STR(WR_VERSION), 1);
    wr_page_one(out, WR_METRIC_RULES, rules ? wr_rule_set_count(rules) : 0);
    wr_page_one(out, WR_METRIC_REFUSED, m->refused_documents);
    wr_page_one(out, WR_METRIC_RELOADS, m->reloads);
    wr_page_one(out, WR_METRIC_MESSAGES, m->messages);
    wr_page_one(out, WR_METRIC_NO_RULE, m->no_rule);
    wr_page_one(out, WR_METRIC_NOT_FOUND, m->rule_not_found);
    wr_page_family(out, WR_METRIC_DROPPED);
    for (int i = 0; i < WR_DROP_COUNT; i++) {
        labelled(out, WR_METRIC_DROPPED, "reason", wr_str_of(wr_drop_text((enum wr_drop)i)),
                 m->dropped[i]);
    }
    wr_page_one(out, WR_METRIC_EVALUATED, m->evaluated);
    wr_page_one(out, WR_METRIC_RESTORED, m->restored);
    wr_page_one(out, WR_METRIC_SETTLED, m->settled);
    wr_page_one(out, WR_METRIC_LIVE, m->now.live);
    wr_page_one(out, WR_METRIC_WORKERS, m->now.workers);
    wr_page_one(out, WR_METRIC_IN_WORKERS, m->now.in_workers);
    wr_page_one(out, WR_METRIC_CACHE_HITS, m->cache_hits);
    wr_page_one(out, WR_METRIC_CACHE_MISSES, m->cache_misses);
}

static void latencies(const struct wr_metrics *m, struct wr_buf *out)
{
    wr_page_one(out, WR_METRIC_RECOGNISED, m->recognised);
    wr_page_family(out, WR_METRIC_LATENCY);
    for (int i = 0; i < WR_LATENCY_COUNT; i++) {
        const struct wr_prom_label label = {"until",
                                            wr_str_of(wr_latency_text((enum wr_latency)i))};
        wr_histogram_write(&m->latency[i], wr_metric_at(WR_METRIC_LATENCY)->name, &label, out);
    }
}

static void lookups(const struct wr_metrics *m, struct wr_buf *out)
{
    static const enum wr_metric families[] = {WR_METRIC_LOOKUPS, WR_METRIC_LOOKUPS_FAILED,
                                              WR_METRIC_LOOKUPS_LATE, WR_METRIC_LOOKUPS_NOW};
    wr_page_one(out, WR_METRIC_SUSPENDED, m->suspended);
    for (size_t f = 0; f < WR_COUNT(families); f++) {
        wr_page_family(out, families[f]);
        for (int i = 0; i < WR_LOOKUP_KINDS; i++) {
            const struct wr_lookup_counters *c = &m->lookups[i];
            const uint64_t values[] = {c->made, c->failed, c->timed_out, c->waiting};
            labelled(out, families[f], "function",
                     wr_str_of(wr_lookup_name((enum wr_lookup_kind)i)), values[f]);
        }
    }
}

static void stores(const struct wr_page_view *v, struct wr_buf *out)
{
    struct wr_spool_stats s = {0};
    if (v->spool) {
        wr_spool_stats(v->spool, &s);
    }
    wr_page_one(out, WR_METRIC_SPOOL_ENTRIES, s.pending);
    wr_page_one(out, WR_METRIC_SPOOL_BYTES, s.disk_bytes);
    one_double(out, WR_METRIC_SPOOL_AGE, wr_pulse_spool_age_s(v->pulse));
    wr_page_one(out, WR_METRIC_SPOOL_WRITTEN, s.entries);
    wr_page_one(out, WR_METRIC_SPOOL_SYNCS, s.groups);
    wr_page_one(out, WR_METRIC_SPOOL_FULL, s.full);
    wr_page_one(out, WR_METRIC_SPOOL_UNREADABLE, s.damaged_batches + v->metrics->spool_unreadable);
    wr_page_one(out, WR_METRIC_SPOOL_MISSING, s.missing_segments);
    s = (struct wr_spool_stats){0};
    if (v->dead) {
        wr_dead_stats(v->dead, &s);
    }
    wr_page_one(out, WR_METRIC_DEAD, s.pending);
    wr_page_one(out, WR_METRIC_DEAD_BYTES, s.disk_bytes);
    wr_page_one(out, WR_METRIC_DEAD_FULL, s.full);
}

// Names of destinations come from devices: bytes that are no UTF-8 would make the page unreadable.
static wr_str label_text(wr_str name)
{
    return wr_utf8_valid(name) ? name : WR_STR("(not UTF-8)");
}

static void circuits(const struct wr_page_view *v, struct wr_buf *out)
{
    static const enum wr_metric families[] = {WR_METRIC_CIRCUIT, WR_METRIC_CIRCUIT_FAILURES,
                                              WR_METRIC_CIRCUIT_WAITING, WR_METRIC_CIRCUIT_OPENED};
    for (size_t f = 0; f < WR_COUNT(families); f++) {
        struct wr_circuit_state s;
        wr_page_family(out, families[f]);
        for (size_t at = 0; wr_flow_circuits(v->flow, &at, &s);) {
            struct wr_prom_label labels[3] = {{"action", wr_str_of(s.kind)},
                                              {"destination", label_text(s.resource)}};
            const uint64_t values[] = {0, s.failures, s.waiting, s.opened};
            const char *name = wr_metric_at(families[f])->name;
            if (f > 0) {
                wr_prom_u64(out, name, labels, 2, values[f]);
                continue;
            }
            for (int phase = WR_CIRCUIT_CLOSED; phase <= WR_CIRCUIT_HALF_OPEN; phase++) {
                enum wr_circuit_phase p = (enum wr_circuit_phase)phase;
                labels[2] = (struct wr_prom_label){"state", wr_str_of(wr_circuit_phase_name(p))};
                wr_prom_u64(out, name, labels, 3, s.phase == p);
            }
        }
    }
    wr_page_one(out, WR_METRIC_CIRCUITS_OPEN, wr_flow_circuits_open(v->flow));
}

static void mqtt(const struct wr_page_view *v, struct wr_buf *out)
{
    const struct wr_mqtt_stats *s = v->mqtt;
    if (!s) {
        return;
    }
    wr_page_one(out, WR_METRIC_MQTT_UP, v->connected);
    wr_page_one(out, WR_METRIC_MQTT_SUBSCRIBED, v->subscribed);
    wr_page_one(out, WR_METRIC_MQTT_CONNECTS, s->connects);
    wr_page_one(out, WR_METRIC_MQTT_RECEIVED, s->received);
    wr_page_one(out, WR_METRIC_MQTT_DUPLICATES, s->duplicates_dropped);
    wr_page_one(out, WR_METRIC_MQTT_ACKS, s->acknowledged);
    wr_page_one(out, WR_METRIC_MQTT_OPEN, s->open);
    wr_page_one(out, WR_METRIC_MQTT_HOLDS, s->holds_broken);
    wr_page_one(out, WR_METRIC_MQTT_VOUCHED, s->marks.vouched);
    wr_page_one(out, WR_METRIC_MQTT_STRIPPED, s->marks.stripped);
    wr_page_one(out, WR_METRIC_MQTT_STALE, s->marks.stale);
}

static void broker(const struct wr_page_view *v, struct wr_buf *out)
{
    const struct wr_broker_stats *s = v->broker;
    if (!s) {
        return;
    }
    wr_page_one(out, WR_METRIC_BROKER_TABLES, s->tables);
    wr_page_one(out, WR_METRIC_BROKER_FAILURES, s->failures);
    wr_page_one(out, WR_METRIC_BROKER_CONFIRMED, s->confirmed);
    wr_page_one(out, WR_METRIC_BROKER_UNCONFIRMED, s->unconfirmed);
    wr_page_one(out, WR_METRIC_BROKER_CERTIFICATES, s->certificates);
    wr_page_one(out, WR_METRIC_BROKER_CONNECTS, s->connects);
    wr_page_one(out, WR_METRIC_BROKER_DROPPED, s->dropped);
    wr_page_one(out, WR_METRIC_BROKER_REFUSED, s->refused);
    wr_page_one(out, WR_METRIC_BROKER_LOST, s->lost);
}

static void aws(const struct wr_page_view *v, struct wr_buf *out)
{
    static const char *const healths[] = {"unasked", "good", "failed", "refused"};
    const struct wr_aws *a = wr_sinks_aws_opened(v->sinks);
    size_t count = a ? wr_aws_state_count(a) : 0;
    struct wr_aws_state s;
    wr_page_family(out, WR_METRIC_AWS_EXPIRY);
    for (size_t i = 0; i < count; i++) {
        wr_aws_state(a, i, &s);
        const struct wr_prom_label label = {"credentials", label_text(wr_str_of(s.name))};
        wr_prom_double(out, wr_metric_at(WR_METRIC_AWS_EXPIRY)->name, &label, 1,
                       (double)s.expires_ms / 1000);
    }
    wr_page_family(out, WR_METRIC_AWS_HEALTH);
    for (size_t i = 0; i < count; i++) {
        wr_aws_state(a, i, &s);
        for (size_t health = 0; health < WR_COUNT(healths); health++) {
            const struct wr_prom_label labels[] = {
                {"credentials", label_text(wr_str_of(s.name))},
                {"health", wr_str_of(healths[health])},
            };
            wr_prom_u64(out, wr_metric_at(WR_METRIC_AWS_HEALTH)->name, labels, 2,
                        s.health == health);
        }
    }
}

static void process(const struct wr_page_view *v, struct wr_buf *out)
{
    struct wr_process p;
    wr_process_look(&p);
    wr_page_family(out, WR_METRIC_LAG);
    wr_histogram_write(&v->pulse->lag, wr_metric_at(WR_METRIC_LAG)->name, NULL, out);
    wr_page_one(out, WR_METRIC_ALLOCATIONS, wr_alloc_calls());
    one_double(out, WR_METRIC_CPU, p.cpu_s);
    wr_page_one(out, WR_METRIC_RSS, p.resident_bytes);
    wr_page_one(out, WR_METRIC_VSZ, p.virtual_bytes);
    wr_page_one(out, WR_METRIC_FDS, p.fds);
    wr_page_one(out, WR_METRIC_MAX_FDS, p.fds_max);
    one_double(out, WR_METRIC_START, p.start_s);
}

void wr_page_write(const struct wr_page_view *view, struct wr_buf *out)
{
    messages(view, out);
    wr_quotas_write(view->quotas, out);
    wr_page_rules(view->metrics, out);
    latencies(view->metrics, out);
    lookups(view->metrics, out);
    stores(view, out);
    circuits(view, out);
    mqtt(view, out);
    broker(view, out);
    aws(view, out);
    process(view, out);
}
