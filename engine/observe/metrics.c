// Counters by name, and their JSON.
#include "engine/observe/metrics.h"

#include <stdlib.h>

#include "sql/base/json.h"

#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define BUCKETS_FIRST 64

const char *wr_drop_text(enum wr_drop reason)
{
    static const char *const texts[] = {
#define DROP(name, text) text,
        WR_DROP_MAP(DROP)
#undef DROP
    };
    return texts[reason];
}

const char *wr_http_met_text(enum wr_http_met met)
{
    static const char *const texts[] = {
#define MET(name, text) text,
        WR_HTTP_MET_MAP(MET)
#undef MET
    };
    return texts[met];
}

const char *wr_failure_text(enum wr_failed_of why)
{
    static const char *const texts[] = {
#define FAILURE(name, text) text,
        WR_FAILURE_MAP(FAILURE)
#undef FAILURE
    };
    return texts[why];
}

const char *wr_stage_text(enum wr_stage stage)
{
    static const char *const texts[] = {
#define STAGE(name, text) text,
        WR_STAGE_MAP(STAGE)
#undef STAGE
    };
    return texts[stage];
}

const char *wr_latency_text(enum wr_latency what)
{
    static const char *const texts[] = {
#define LATENCY(name, text) text,
        WR_LATENCY_MAP(LATENCY)
#undef LATENCY
    };
    return texts[what];
}

uint64_t wr_action_failures(const struct wr_action_counters *a)
{
    uint64_t sum = 0;
    for (int i = 0; i < WR_FAILURE_COUNT; i++) {
        sum += a->failures[i];
    }
    return sum;
}

uint64_t wr_rule_failures(const struct wr_rule_counters *r)
{
    uint64_t sum = 0;
    for (int i = 0; i < WR_WHY_COUNT; i++) {
        sum += r->failed[i];
    }
    return sum;
}

struct wr_metrics *wr_metrics_new(void)
{
    return wr_zalloc(sizeof(struct wr_metrics));
}

void wr_metrics_forget_terms(struct wr_rule_counters *r)
{
    for (size_t i = 0; r->terms && i < r->terms->count; i++) {
        free(r->terms->at[i].text);
    }
    free(r->terms);
    r->terms = NULL;
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
        wr_metrics_forget_terms(r);
        free(r);
    }
    free(m->buckets_);
    free(m);
}

static struct wr_rule_counters **bucket_of(const struct wr_metrics *m, wr_str name)
{
    return &m->buckets_[wr_hash_str(name) & (m->bucket_count_ - 1)];
}

static void grow(struct wr_metrics *m)
{
    m->bucket_count_ = m->bucket_count_ ? 4 * m->bucket_count_ : BUCKETS_FIRST;
    free(m->buckets_);
    m->buckets_ = wr_zalloc(m->bucket_count_ * sizeof(struct wr_rule_counters *));
    for (struct wr_rule_counters *r = m->rules; r; r = r->next) {
        struct wr_rule_counters **bucket = bucket_of(m, wr_str_of(r->name));
        r->same_bucket_ = *bucket;
        *bucket = r;
    }
}

// The name lies behind the struct, in the same allocation.
struct wr_rule_counters *wr_metrics_rule(struct wr_metrics *m, wr_str name)
{
    if (m->rule_count_ >= m->bucket_count_) {
        grow(m);
    }
    struct wr_rule_counters **bucket = bucket_of(m, name);
    for (struct wr_rule_counters *r = *bucket; r; r = r->same_bucket_) {
        if (wr_str_eq(wr_str_of(r->name), name)) {
            return r;
        }
    }
    struct wr_rule_counters *r = wr_zalloc(sizeof *r + name.len + 1);
    memcpy(r + 1, name.at, name.len);
    r->name = (const char *)(r + 1);
    *(m->last_rule_ ? &m->last_rule_->next : &m->rules) = r;
    m->last_rule_ = r;
    m->rule_count_++;
    r->same_bucket_ = *bucket;
    *bucket = r;
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

// Members of objects put their comma before themselves.
static void number(struct wr_buf *out, const char *name, uint64_t n)
{
    if (out->len && out->at[out->len - 1] != '{') {
        wr_buf_add_char(out, ',');
    }
    wr_json_write_string(out, wr_str_of(name));
    wr_buf_add_char(out, ':');
    wr_buf_add_u64(out, n);
}

// A member that is left out of brief texts when it is 0.
static void more(struct wr_buf *out, const char *name, uint64_t n, bool brief)
{
    if (n || !brief) {
        number(out, name, n);
    }
}

static void begin(struct wr_buf *out, const char *name, char bracket)
{
    if (out->len && out->at[out->len - 1] != '{') {
        wr_buf_add_char(out, ',');
    }
    wr_json_write_string(out, wr_str_of(name));
    wr_buf_add_char(out, ':');
    wr_buf_add_char(out, bracket);
}

static void write_action(struct wr_buf *out, const struct wr_action_counters *a, bool brief)
{
    begin(out, a->kind, '{');
    number(out, "success", a->success);
    number(out, "failure", wr_action_failures(a));
    number(out, "retries", a->retries);
    number(out, "errorActionSuccess", a->error_success);
    number(out, "errorActionFailure", a->error_failure);
    more(out, "records", a->records, brief);
    more(out, "returned", a->returned, brief);
    more(out, "inFlight", a->now.records, brief);
    more(out, "errorRecords", a->error_records, brief);
    more(out, "errorReturned", a->error_returned, brief);
    more(out, "errorInFlight", a->now.error_records, brief);
    if (!brief) {
        begin(out, "failures", '{');
        for (int i = 0; i < WR_FAILURE_COUNT; i++) {
            number(out, wr_failure_text((enum wr_failed_of)i), a->failures[i]);
        }
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_char(out, '}');
}

static void write_whys(struct wr_buf *out, const char *name, const uint64_t counts[WR_WHY_COUNT])
{
    begin(out, name, '{');
#define WHY(why, text) number(out, text, counts[WR_WHY_##why]);
    WR_EVAL_WHY_MAP(WHY)
#undef WHY
    wr_buf_add_char(out, '}');
}

void wr_metrics_write_terms(const struct wr_rule_counters *r, struct wr_buf *out)
{
    if (!r->terms) {
        wr_buf_add(out, WR_STR(",\"terms\":null"));
        return;
    }
    begin(out, "terms", '[');
    for (size_t i = 0; i < r->terms->count; i++) {
        wr_buf_add(out, i ? WR_STR(",{\"term\":") : WR_STR("{\"term\":"));
        wr_json_write_string(out, wr_str_of(r->terms->at[i].text));
        number(out, "false", r->terms->at[i].no);
        number(out, "undefined", r->terms->at[i].undefined);
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_char(out, ']');
}

static void write_results(struct wr_buf *out, const struct wr_rule_counters *r, bool brief)
{
    more(out, "recovered", r->recovered, brief);
    more(out, "redriven", r->redriven, brief);
    more(out, "delivered", r->delivered, brief);
    more(out, "broken", r->broken, brief);
    more(out, "handled", r->handled, brief);
    number(out, "dead", r->dead);
    more(out, "unkept", r->unkept, brief);
    number(out, "damaged", r->damaged);
    more(out, "givenBack", r->given_back, brief);
    more(out, "brokenBack", r->broken_back, brief);
    number(out, "waiting", r->waiting);
    more(out, "fetching", r->now.fetching, brief);
    if (!brief) {
        begin(out, "inFlight", '{');
        for (int i = 0; i < WR_STAGE_COUNT; i++) {
            number(out, wr_stage_text((enum wr_stage)i), r->now.stages[i]);
        }
        wr_buf_add_char(out, '}');
    }
}

void wr_metrics_write_rule(const struct wr_rule_counters *r, bool brief, struct wr_buf *out)
{
    begin(out, r->name, '{');
    number(out, "topicMatch", r->topic_match);
    number(out, "matched", r->matched);
    number(out, "noMatch", r->no_match);
    number(out, "undefined", r->undefined);
    number(out, "leftOut", r->left_out);
    number(out, "parseError", r->not_json);
    number(out, "regexLimits", r->regex_limits);
    more(out, "evaluating", r->now.evaluating, brief);
    more(out, "unfinished", r->unfinished, brief);
    write_results(out, r, brief);
    more(out, "samples", r->samples, brief);
    more(out, "sampledNs", r->sampled_ns, brief);
    write_whys(out, "failed", r->failed);
    if (!brief) {
        write_whys(out, "templatesFailed", r->templates_failed);
    }
    if (r->terms && !brief) {
        wr_metrics_write_terms(r, out);
    }
    begin(out, "actions", '{');
    for (const struct wr_action_counters *a = r->actions; a; a = a->next) {
        write_action(out, a, brief);
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
    number(out, "restored", m->restored);
    number(out, "settled", m->settled);
    number(out, "records", m->records);
    number(out, "suspended", m->suspended);
    number(out, "recognised", m->recognised);
    number(out, "spoolUnreadable", m->spool_unreadable);
    number(out, "spoolLeft", m->spool_left);
    number(out, "topicCacheHits", m->cache_hits);
    number(out, "topicCacheMisses", m->cache_misses);
    number(out, "reloads", m->reloads);
    number(out, "refusedDocuments", m->refused_documents);
    number(out, "samples", m->samples);
    number(out, "sampledNs", m->sampled_ns);
    write_lookups(out, m);
    wr_buf_add(out, WR_STR(",\"dropped\":{"));
    for (int i = 0; i < WR_DROP_COUNT; i++) {
        number(out, wr_drop_text((enum wr_drop)i), m->dropped[i]);
    }
    wr_buf_add_char(out, '}');
}

void wr_metrics_write_rules(const struct wr_metrics *m, struct wr_buf *out)
{
    begin(out, "rules", '{');
    for (const struct wr_rule_counters *r = m->rules; r; r = r->next) {
        wr_metrics_write_rule(r, false, out);
    }
    wr_buf_add_char(out, '}');
}
