// Counters by name, and their JSON.
#include "engine/observe/metrics.h"

#include <stdlib.h>

#include "sql/base/json.h"

#include "sql/base/banned.h"

const char *wr_drop_text(enum wr_drop reason)
{
    static const char *const texts[] = {
#define DROP(name, text) text,
        WR_DROP_MAP(DROP)
#undef DROP
    };
    return texts[reason];
}

struct wr_metrics *wr_metrics_new(void)
{
    return wr_zalloc(sizeof(struct wr_metrics));
}

void wr_metrics_free(struct wr_metrics *m)
{
    if (!m) {
        return;
    }
    while (m->rules) {
        struct wr_rule_counters *r = m->rules;
        m->rules = r->next;
        while (r->actions) {
            struct wr_action_counters *a = r->actions;
            r->actions = a->next;
            free(a);
        }
        free(r);
    }
    free(m);
}

// The name lies behind the struct, in the same allocation.
struct wr_rule_counters *wr_metrics_rule(struct wr_metrics *m, wr_str name)
{
    struct wr_rule_counters **end = &m->rules;
    for (; *end; end = &(*end)->next) {
        if (wr_str_eq(wr_str_of((*end)->name), name)) {
            return *end;
        }
    }
    struct wr_rule_counters *r = wr_zalloc(sizeof *r + name.len + 1);
    memcpy(r + 1, name.at, name.len);
    r->name = (const char *)(r + 1);
    *end = r;
    return r;
}

struct wr_action_counters *wr_metrics_action(struct wr_rule_counters *r, const char *kind)
{
    struct wr_action_counters **end = &r->actions;
    for (; *end; end = &(*end)->next) {
        if (strcmp((*end)->kind, kind) == 0) {
            return *end;
        }
    }
    size_t len = strlen(kind);
    struct wr_action_counters *a = wr_zalloc(sizeof *a + len + 1);
    memcpy(a + 1, kind, len);
    a->kind = (const char *)(a + 1);
    *end = a;
    return a;
}

static void number(struct wr_buf *out, const char *name, uint64_t n)
{
    if (out->len && out->at[out->len - 1] != '{') {
        wr_buf_add_char(out, ',');
    }
    wr_json_write_string(out, wr_str_of(name));
    wr_buf_add_char(out, ':');
    wr_buf_add_u64(out, n);
}

static void write_action(struct wr_buf *out, const struct wr_action_counters *a)
{
    wr_json_write_string(out, wr_str_of(a->kind));
    wr_buf_add(out, WR_STR(":{"));
    number(out, "success", a->success);
    number(out, "failure", a->failure);
    number(out, "retries", a->retries);
    number(out, "errorActionSuccess", a->error_success);
    number(out, "errorActionFailure", a->error_failure);
    wr_buf_add_char(out, '}');
}

void wr_metrics_write_rule(const struct wr_rule_counters *r, struct wr_buf *out)
{
    wr_json_write_string(out, wr_str_of(r->name));
    wr_buf_add(out, WR_STR(":{"));
    number(out, "topicMatch", r->topic_match);
    number(out, "matched", r->matched);
    number(out, "noMatch", r->no_match);
    number(out, "parseError", r->not_json);
    number(out, "regexLimits", r->regex_limits);
    number(out, "dead", r->dead);
    number(out, "damaged", r->damaged);
    number(out, "waiting", r->waiting);
    wr_buf_add(out, WR_STR(",\"failed\":{"));
#define WHY(name, text) number(out, text, r->failed[WR_WHY_##name]);
    WR_EVAL_WHY_MAP(WHY)
#undef WHY
    wr_buf_add_char(out, '}');
    wr_buf_add(out, WR_STR(",\"actions\":{"));
    for (const struct wr_action_counters *a = r->actions; a; a = a->next) {
        write_action(out, a);
        if (a->next) {
            wr_buf_add_char(out, ',');
        }
    }
    wr_buf_add(out, WR_STR("}}"));
}

static void write_lookups(struct wr_buf *out, const struct wr_metrics *m)
{
    wr_buf_add(out, WR_STR(",\"lookups\":{"));
    for (int i = 0; i < WR_LOOKUP_KINDS; i++) {
        const struct wr_lookup_counters *c = &m->lookups[i];
        if (i > 0) {
            wr_buf_add_char(out, ',');
        }
        wr_json_write_string(out, wr_str_of(wr_lookup_name((enum wr_lookup_kind)i)));
        wr_buf_add(out, WR_STR(":{"));
        number(out, "made", c->made);
        number(out, "failed", c->failed);
        number(out, "timedOut", c->timed_out);
        number(out, "waiting", c->waiting);
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_char(out, '}');
}

void wr_metrics_write(const struct wr_metrics *m, struct wr_buf *out)
{
    wr_buf_add_char(out, '{');
    number(out, "messages", m->messages);
    number(out, "noRule", m->no_rule);
    number(out, "ruleNotFound", m->rule_not_found);
    number(out, "evaluated", m->evaluated);
    number(out, "settled", m->settled);
    number(out, "records", m->records);
    number(out, "suspended", m->suspended);
    number(out, "recognised", m->recognised);
    number(out, "spoolUnreadable", m->spool_unreadable);
    number(out, "topicCacheHits", m->cache_hits);
    number(out, "topicCacheMisses", m->cache_misses);
    number(out, "reloads", m->reloads);
    number(out, "refusedDocuments", m->refused_documents);
    write_lookups(out, m);
    wr_buf_add(out, WR_STR(",\"dropped\":{"));
    for (int i = 0; i < WR_DROP_COUNT; i++) {
        number(out, wr_drop_text((enum wr_drop)i), m->dropped[i]);
    }
    wr_buf_add_char(out, '}');
}

void wr_metrics_write_rules(const struct wr_metrics *m, struct wr_buf *out)
{
    wr_buf_add(out, WR_STR(",\"rules\":{"));
    for (const struct wr_rule_counters *r = m->rules; r; r = r->next) {
        wr_metrics_write_rule(r, out);
        if (r->next) {
            wr_buf_add_char(out, ',');
        }
    }
    wr_buf_add_char(out, '}');
}
