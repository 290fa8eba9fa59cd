// Intake: limits, which rules a message meets, and the flow's life.
#include "engine/flow/flow.h"

#include <stdlib.h>

#include "engine/flow/durable.h"
#include "engine/flow/say.h"
#include "engine/flow/work.h"
#include "engine/observe/log.h"
#include "engine/rules/quota.h"
#include "engine/rules/topic_cache.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define TOPIC_SETS_MIN   2048  // of the topic cache: 4,096 topics, about 1.2 MB once all are used
#define TOPIC_SETS_MAX   32768 // 19 MB
#define AHEAD            8     // messages that are looked at together
#define FAR_RULES        (WR_ASAN ? 0 : 2000) // more do not stay in the second cache; ASan: tests see it
#define AWS_TOPIC_LEN    256                  // sql.md 14
#define AWS_TOPIC_LEVELS 8

void wr_flow_unhold(struct wr_flow *f, struct wr_message *m)
{
    if (m->ack_holds == 1 && m->kept > f->acknowledged) {
        f->acknowledged = m->kept;
    }
    wr_message_unhold(m);
}

void wr_flow_release(struct wr_flow *f, struct wr_message *m)
{
    if (m->locks == 1) {
        f->live_messages--;
        f->options.metrics->settled++;
    }
    wr_message_unlock(m);
}

// Seldom asked for, and so not written here: a number of its own, and what is this process's.
static inline void set_trace_id(struct wr_flow *f, struct wr_message *m)
{
    if (!m->sql.trace_id.at) { // else its source gave it one
        m->sql.trace_seed[0] = f->trace_seed[0]++;
        m->sql.trace_seed[1] = f->trace_seed[1];
        m->sql.trace_room = m->trace_room;
    }
}

WR_COLD static void drop(struct wr_flow *f, struct wr_message *m, struct wr_rule_set *set,
                         const struct wr_rule_group *group, enum wr_drop why)
{
    f->options.metrics->dropped[why]++;
    if (f->tap && group) {
        wr_trace_dropped(f, m, group, why);
    }
    for (size_t i = 0; group && i < group->count; i++) {
        wr_str filter = group->rules[i]->filter;
        if (wr_rule_set_first_complaint(set, filter)) {
            wr_log(
                WR_LOG_WARN, "flow",
                "filter %.*s: a message was not evaluated: %s (topic %.*s, %zu bytes; payload_max "
                "is %zu); further ones are counted",
                WR_STR_ARG(filter), wr_drop_text(why), WR_STR_ARG(m->sql.topic), m->sql.payload.len,
                f->options.payload_max);
        }
    }
}

// sql.md 14. `topic` is without a Basic Ingest prefix.
static bool over_limits(const struct wr_flow *f, const struct wr_message *m, wr_str topic,
                        enum wr_drop *why)
{
    if (m->sql.payload.len > f->options.payload_max) {
        *why = WR_DROP_PAYLOAD_TOO_LARGE;
        return true;
    }
    if (!f->options.aws_limits) {
        return false;
    }
    if (topic.len > AWS_TOPIC_LEN) {
        *why = WR_DROP_TOPIC_TOO_LONG;
        return true;
    }
    size_t slashes = 0;
    for (size_t i = 0; i < topic.len; i++) {
        slashes += topic.at[i] == '/';
    }
    if (slashes >= AWS_TOPIC_LEVELS) {
        *why = WR_DROP_TOPIC_TOO_DEEP;
        return true;
    }
    return false;
}

static struct wr_rule_group *find_group(struct wr_flow *f, struct wr_message *m, uint32_t space,
                                        wr_str *topic)
{
    struct wr_metrics *metrics = f->options.metrics;
    struct wr_rule_group *group;
    wr_str rule;
    *topic = m->sql.topic;
    if (WR_UNLIKELY(topic->len && topic->at[0] == '$') &&
        wr_topic_basic_ingest(m->sql.topic, &rule, topic)) {
        m->sql.basic_ingest = true;
        group = wr_rule_set_basic_ingest_in(f->rules, space, rule);
        if (!group) {
            metrics->rule_not_found++;
            set_trace_id(f, m);
            wr_say_rule_not_found(m, rule);
        }
        return group;
    }
    bool hit;
    group = wr_topic_cache_get(f->topics, f->rules, space, m->sql.topic, &hit);
    metrics->cache_hits += hit;
    metrics->cache_misses += !hit;
    metrics->no_rule += !group;
    return group;
}

// Those that the index nominates.
static WR_NOINLINE size_t nominate(const struct wr_flow *f, struct wr_message *m,
                                   struct wr_rule_group *group, const uint32_t **numbers)
{
    size_t count = wr_index_match(group->index, &m->sql, numbers);
    group->indexed++;
    for (size_t i = 0; i < count; i++) {
        wr_fetch(&group->rules[(*numbers)[i]], sizeof *group->rules);
        group->nominated[(*numbers)[i]]++;
    }
    for (size_t i = 0; i < count && f->far; i++) { // see look_ahead()
        wr_fetch(group->rules[(*numbers)[i]], WR_LINE);
        wr_plan_fetch(group->plan, (*numbers)[i], 1);
    }
    for (size_t i = 0; i < count && f->far; i++) {
        wr_fetch(group->rules[(*numbers)[i]]->counters, WR_LINE);
    }
    return count;
}

// Which of the group's rules are run on the message, by their numbers in it: those that the index
// nominates. All of them (*numbers NULL) without one; when someone counts the terms of WHERE, or
// traces a rule of the group; for what is no JSON; and for a second delivery, whose rules are
// looked up one by one.
static inline size_t candidates(struct wr_flow *f, struct wr_message *m,
                                struct wr_rule_group *group, const uint32_t **numbers)
{
    *numbers = NULL;
    if (WR_LIKELY(!group->index) || f->counts_terms || !m->sql.json || (m->dup && f->twice) ||
        (WR_UNLIKELY(f->tap) && wr_trace_has(f, group))) {
        return group->count;
    }
    return nominate(f, m, group, numbers);
}

// The same as the loop of evaluate(), with a look at the clock before and behind each rule. What
// the looks cost is taken off; `began` is from before the message was read.
WR_COLD static void evaluate_timed(struct wr_flow *f, struct wr_message *m, struct wr_rule_set *set,
                                   struct wr_rule_group *group, int64_t began)
{
    struct wr_run *spare = NULL;
    int64_t last = wr_mono_ns(), look = wr_mono_ns() - last;
    int64_t sum = last - began - look;
    last += look;
    const uint32_t *numbers;
    size_t count = candidates(f, m, group, &numbers);
    for (size_t k = 0; k < count; k++) {
        size_t i = numbers ? numbers[k] : k;
        wr_run_start(f, m, set, group, i, &spare);
        int64_t now = wr_mono_ns(), took = now - last - look;
        struct wr_rule_counters *c = group->rules[i]->counters;
        took = took > 0 ? took : 0;
        c->samples++;
        c->sampled_ns += (uint64_t)took;
        sum += took;
        last = now;
    }
    f->options.metrics->samples++;
    f->options.metrics->sampled_ns += (uint64_t)(sum > 0 ? sum : 0);
}

// The rules of the group whose tenants may have the message, each with what it takes. The index is
// asked only when all may: it counts for all of them.
WR_COLD static void evaluate_in_quotas(struct wr_flow *f, struct wr_message *m,
                                       struct wr_rule_set *set, struct wr_rule_group *group,
                                       bool all)
{
    struct wr_run *spare = NULL;
    const uint32_t *numbers = NULL;
    size_t count = all ? candidates(f, m, group, &numbers) : group->count;
    int64_t last = wr_mono_ns();
    for (size_t k = 0; k < count; k++) {
        size_t i = numbers ? numbers[k] : k;
        struct wr_quota *q = group->rules[i]->quota;
        if (!q || wr_quota_admitted(q)) {
            wr_run_start(f, m, set, group, i, &spare);
            int64_t now = wr_mono_ns();
            if (q) {
                wr_quota_charge(q, now - last);
            }
            last = now;
        }
    }
}

WR_COLD static void look_for_quotas(struct wr_rule_group *group)
{
    group->quota_epoch = wr_quota_epoch();
    group->limited = false;
    for (size_t i = 0; i < group->count; i++) {
        const struct wr_quota *q = group->rules[i]->quota;
        group->limited = group->limited || (q && q->counts);
    }
}

// For how many rules of the group their tenants' quotas have room.
WR_COLD static size_t ask_quotas(struct wr_flow *f, const struct wr_rule_group *group)
{
    size_t admitted = 0;
    f->quota_turn++;
    int64_t now_us = f->clock_us ? f->clock_us : f->batch_us;
    for (size_t i = 0; i < group->count; i++) {
        struct wr_quota *q = group->rules[i]->quota;
        admitted += !q || wr_quota_ask(q, f->quota_turn, now_us);
    }
    return admitted;
}

// How many rules of the group may have the message. 0: the message is dropped.
static inline size_t admit(struct wr_flow *f, const struct wr_message *m,
                           struct wr_rule_group *group)
{
    size_t admitted = WR_UNLIKELY(group->limited) ? ask_quotas(f, group) : group->count;
    if (WR_UNLIKELY(admitted == 0)) {
        f->options.metrics->dropped[WR_DROP_THROTTLED]++;
        if (f->tap) {
            wr_trace_dropped(f, m, group, WR_DROP_THROTTLED);
        }
    }
    return admitted;
}

// Whether this message is one of those that are timed.
static inline bool is_timed(struct wr_flow *f)
{
    bool timed = WR_UNLIKELY(f->until_sample) && --f->until_sample == 0;
    if (WR_UNLIKELY(timed)) {
        f->until_sample = f->options.sample_every;
    }
    return timed;
}

static WR_ALWAYS_INLINE void evaluate(struct wr_flow *f, struct wr_message *m,
                                      struct wr_rule_set *set, struct wr_rule_group *group,
                                      size_t admitted, bool timed)
{
    int64_t began = WR_UNLIKELY(timed) ? wr_mono_ns() : 0;
    if (wr_sql_message_read(&m->sql, group->plan, &m->arena)) {
        drop(f, m, set, group, WR_DROP_MEMORY);
        return;
    }
    f->options.metrics->evaluated++;
    m->rule_set = set;
    wr_rule_set_lock(set); // a sink may have the rules replaced under us
    wr_rule_group_lock(group);
    if (WR_UNLIKELY(group->limited)) {
        evaluate_in_quotas(f, m, set, group, admitted == group->count);
    } else if (WR_UNLIKELY(timed)) {
        evaluate_timed(f, m, set, group, began);
    } else {
        struct wr_run *spare = NULL;
        const uint32_t *numbers;
        size_t count = candidates(f, m, group, &numbers);
        for (size_t k = 0; k < count; k++) {
            wr_run_start(f, m, set, group, numbers ? numbers[k] : k, &spare);
        }
    }
    wr_rule_group_unlock(group);
    wr_rule_set_unlock(set);
}

// To its worker. What the loop has to see while it evaluates it evaluates itself, in its turn.
static void give(struct wr_flow *f, struct wr_message *m, struct wr_rule_group *group)
{
    bool here = f->counts_terms || group->limited || (m->dup && f->twice) ||
                (f->tap && wr_trace_has(f, group));
    if (!wr_workers_give(f->workers, m, f->rules, group, here, is_timed(f))) {
        drop(f, m, f->rules, group, WR_DROP_MEMORY);
    }
}

static void adopt_outcome(struct wr_message *m, const struct wr_rule *rule,
                          const struct wr_outcome *o)
{
    struct wr_rule_counters *c = rule->counters;
    c->topic_match++;
    c->not_json += !m->sql.json;
    if (o->run) {
        wr_run_adopt(o->run);
        m->arena.over = false; // said and counted: not the other rules' trouble
    } else {
        c->no_match++;
        c->undefined += o->undefined;
        c->regex_limits += o->regex_limits;
    }
}

// What a worker found out.
static void adopt(struct wr_flow *f, struct wr_message *m, const struct wr_work *w)
{
    struct wr_rule_group *group = w->group;
    int64_t sum = w->read_ns;
    f->options.metrics->evaluated++;
    m->rule_set = w->set;
    group->indexed += w->indexed;
    for (size_t i = 0; i < w->count; i++) {
        const struct wr_outcome *o = &w->outcomes[i];
        if (w->indexed) {
            group->nominated[o->rule]++;
        }
        if (WR_UNLIKELY(w->timed)) {
            group->rules[o->rule]->counters->samples++;
            group->rules[o->rule]->counters->sampled_ns += (uint64_t)o->took_ns;
            sum += o->took_ns;
        }
        adopt_outcome(m, group->rules[o->rule], o);
    }
    f->options.metrics->samples += w->timed;
    f->options.metrics->sampled_ns += (uint64_t)sum;
}

WR_COLD static void evaluate_here(struct wr_flow *f, struct wr_message *m, const struct wr_work *w)
{
    wr_arena_rewind(&m->arena, w->mark);
    if (w->group->quota_epoch != wr_quota_epoch()) {
        look_for_quotas(w->group);
    }
    size_t admitted = admit(f, m, w->group);
    if (admitted) {
        evaluate(f, m, w->set, w->group, admitted, w->timed);
    }
}

void wr_flow_take_up(struct wr_flow *f, struct wr_message *m)
{
    struct wr_work w = *m->work;
    if (WR_UNLIKELY(w.here)) {
        evaluate_here(f, m, &w);
    } else {
        adopt(f, m, &w);
    }
    wr_rule_group_unlock(w.group);
    wr_rule_set_unlock(w.set);
    wr_flow_unhold(f, m);
    wr_flow_release(f, m);
}

void wr_flow_forget(struct wr_flow *f, struct wr_message *m)
{
    f->options.metrics->dropped[WR_DROP_STOPPING]++;
    wr_rule_group_unlock(m->work->group);
    wr_rule_set_unlock(m->work->set);
    wr_flow_release(f, m);
}

static WR_ALWAYS_INLINE void take(struct wr_flow *f, struct wr_message *m, uint32_t space)
{
    f->options.metrics->messages++;
    f->live_messages++;
    m->received_us = f->batch_us;
    if (f->options.ring) {
        if (m->sql.timestamp_ms == 0) {
            m->sql.timestamp_ms = wr_wall_ms();
        }
        wr_ring_add(f->options.ring, m);
    }
    if (WR_UNLIKELY(f->stopped || !f->rules)) {
        f->options.metrics->dropped[WR_DROP_STOPPING]++;
        return;
    }
    if (WR_UNLIKELY(f->twice && wr_twice_count(f->twice))) {
        wr_twice_seen(f->twice, m);
    }
    wr_str topic;
    struct wr_rule_group *group = find_group(f, m, space, &topic);
    if (!group) {
        return;
    }
    enum wr_drop why;
    if (WR_UNLIKELY(over_limits(f, m, topic, &why))) {
        drop(f, m, f->rules, group, why);
        return;
    }
    if (WR_UNLIKELY(m->qos == 0 && f->live_messages > WR_FLOW_LIVE_MAX)) {
        drop(f, m, f->rules, group, WR_DROP_OVERLOAD);
        return;
    }
    if (WR_UNLIKELY(group->quota_epoch != wr_quota_epoch())) {
        look_for_quotas(group);
    }
    // With workers quotas are asked when the loop evaluates it, in its turn.
    size_t admitted = WR_LIKELY(!f->workers) ? admit(f, m, group) : group->count;
    if (WR_UNLIKELY(admitted == 0)) {
        return;
    }
    if (m->sql.timestamp_ms == 0) {
        m->sql.timestamp_ms = wr_wall_ms();
    }
    set_trace_id(f, m);
    if (WR_UNLIKELY(f->workers)) {
        give(f, m, group);
    } else {
        evaluate(f, m, f->rules, group, admitted, is_timed(f));
    }
}

void wr_flow_flush(struct wr_flow *f)
{
    if (f->options.spool && !f->stopped) {
        wr_spool_flush(f->options.spool);
    }
}

void wr_flow_reached(struct wr_flow *f, enum wr_latency what, const struct wr_message *m)
{
    if (WR_LIKELY(f->batch_us && m->received_us == f->batch_us)) {
        f->batch_counts[what]++;
        return;
    }
    int64_t now = f->clock_us ? f->clock_us : wr_mono_now().us;
    wr_histogram_add(&f->options.metrics->latency[what], now - m->received_us, 1);
}

static void end_batch(struct wr_flow *f)
{
    int64_t took = wr_mono_now().us - f->batch_us;
    f->batch_us = 0;
    for (int i = 0; i < WR_LATENCY_COUNT; i++) {
        if (f->batch_counts[i]) {
            wr_histogram_add(&f->options.metrics->latency[i], took, f->batch_counts[i]);
            f->batch_counts[i] = 0;
        }
    }
}

// With many rules a message meets what lies in no cache: its topic's entry, the group, plan and
// rule, the program and its constants, each found through the one before. For some messages at once
// these are fetched step by step, so that they wait for memory together.
static WR_NOINLINE void look_ahead(const struct wr_flow *f, const struct wr_message *m,
                                   uint32_t space)
{
    const struct wr_rule_group *groups[AHEAD];
    wr_str topics[AHEAD];
    uint64_t hashes[AHEAD];
    size_t count = 0, known = 0;
    for (; m && f->rules && count < AHEAD; m = m->next) {
        topics[count] = m->sql.topic;
        hashes[count] = wr_topic_cache_ask(f->topics, m->sql.topic);
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        const struct wr_rule_group *g =
            wr_topic_cache_peek(f->topics, f->rules, space, topics[i], hashes[i]);
        if (g && (known == 0 || groups[known - 1] != g)) {
            groups[known++] = g;
            wr_fetch(g, sizeof *g + sizeof(struct wr_rule *));
        }
    }
    for (size_t i = 0; i < known; i++) {
        wr_plan_fetch(groups[i]->plan, 0, 0);
        wr_fetch(groups[i]->rules[0], WR_LINE);
    }
    for (size_t i = 0; i < known; i++) {
        wr_plan_fetch(groups[i]->plan, 0, 1);
        wr_fetch(groups[i]->rules[0]->counters, WR_LINE);
    }
}

void wr_flow_batch(void *flow, struct wr_source *source, struct wr_message *messages, size_t count)
{
    struct wr_flow *f = flow;
    uint32_t space = source->space;
    f->batch_us = wr_mono_now().us;
    f->far = f->rules && wr_rule_set_count(f->rules) > FAR_RULES;
    size_t left = 0; // of those that were looked at
    while (messages) {
        if (WR_UNLIKELY(f->far) && left-- == 0) {
            look_ahead(f, messages, space);
            left = AHEAD - 1;
        }
        struct wr_message *m = messages;
        messages = m->next; // the message may be back in its pool below
        m->next = NULL;
        take(f, m, space);
        wr_flow_unhold(f, m);
        wr_flow_release(f, m);
    }
    if (WR_UNLIKELY(f->workers)) {
        wr_workers_send(f->workers);
    }
    end_batch(f);
    wr_flow_flush(f);
}

void wr_flow_drain(struct wr_flow *f)
{
    if (f->workers) {
        wr_workers_drain(f->workers);
        wr_flow_flush(f);
    }
}

static void flow_lookup(void *user, struct wr_lookup *lookup)
{
    struct wr_flow *f = user;
    const struct wr_flow_host *host = f->options.host;
    if (host) {
        host->lookup(host->user, f, lookup);
        return;
    }
    lookup->failed = true;
    lookup->answered = true;
    wr_fault_set(&lookup->fault, WR_ERR_FAILED, "%s() cannot be answered here",
                 wr_lookup_name(lookup->kind));
}

static void flow_random(void *user, void *at, size_t len)
{
    struct wr_flow *f = user;
    f->outer.random(f->outer.user, at, len);
}

static bool flow_zone(void *user, wr_str name, wr_str *tzif)
{
    struct wr_flow *f = user;
    return f->outer.zone(f->outer.user, name, tzif);
}

static bool flow_object(void *user, wr_str bucket, wr_str key, wr_str *bytes)
{
    struct wr_flow *f = user;
    return f->outer.object(f->outer.user, bucket, key, bytes);
}

static void on_due(struct wr_retry *retry, struct wr_retry_entry *e)
{
    wr_engine_record_submit(WR_CONTAINER(e, struct wr_engine_record, retry));
}

struct wr_flow *wr_flow_new(const struct wr_flow_options *options)
{
    struct wr_flow *f = wr_zalloc(sizeof *f);
    f->options = *options;
    f->until_sample = options->sample_every;
    if (options->sql) {
        f->outer = *options->sql;
    }
    f->sql = (struct wr_sql_host){.user = f,
                                  .account_id = f->outer.account_id,
                                  .random = f->outer.random ? flow_random : NULL,
                                  .lookup = flow_lookup,
                                  .zone = f->outer.zone ? flow_zone : NULL,
                                  .object = f->outer.object ? flow_object : NULL};
    if (options->spool) {
        struct wr_spool_stats stats;
        wr_spool_stats(options->spool, &stats);
        f->unread = stats.pending;
    }
    f->topic_sets = TOPIC_SETS_MIN;
    f->topics = wr_topic_cache_new(f->topic_sets);
    wr_jitter_init(&f->jitter);
    f->trace_seed[0] = wr_jitter_next(&f->jitter);
    f->trace_seed[1] = wr_jitter_next(&f->jitter);
    wr_retry_init(&f->retry, options->loop, on_due);
    f->loads = wr_zalloc((wr_sinks_shares(options->sinks) + 1) * sizeof *f->loads);
    wr_circuits_init(&f->circuits, options->loop, &f->jitter);
    f->circuits.go = wr_engine_record_go;
    f->circuits.expired = wr_engine_record_expired;
    f->workers = options->workers ? wr_workers_new(f, options->workers) : NULL;
    return f;
}

// Where there are many filters there are many topics, of devices each with its own.
static void fit_topic_cache(struct wr_flow *f, const struct wr_rule_set *set)
{
    size_t filters = wr_rule_set_filter_count(set), sets = TOPIC_SETS_MIN;
    while (sets < 2 * filters && sets < TOPIC_SETS_MAX) {
        sets *= 2;
    }
    if (sets != f->topic_sets) {
        wr_topic_cache_free(f->topics);
        f->topics = wr_topic_cache_new(sets);
        f->topic_sets = sets;
    }
}

void wr_flow_tune(struct wr_flow *f, const struct wr_flow_options *options)
{
    wr_flow_drain(f); // they look at what a template is to be made of
    f->options.payload_max = options->payload_max;
    f->options.aws_limits = options->aws_limits;
    f->options.undefined_fails = options->undefined_fails;
    f->options.retry = options->retry;
    f->options.in_flight_max = options->in_flight_max;
}

// What evaluations of rules of this account see. They keep the pointer while they live, as rules do
// while their set does.
static const struct wr_sql_host *host_of(struct wr_flow *f, wr_str account)
{
    struct wr_account_host *h = f->hosts;
    while (h && !wr_str_eq(h->sql.account_id, account)) {
        h = h->next;
    }
    if (!h) {
        h = wr_alloc(sizeof *h);
        *h = (struct wr_account_host){.next = f->hosts, .sql = f->sql};
        h->sql.account_id = (wr_str){wr_strdup(account), account.len};
        f->hosts = h;
    }
    return &h->sql;
}

void wr_flow_adopt(struct wr_flow *f, struct wr_rule *r)
{
    if (!r->host && r->owner.account.at) { // a worker may be reading others of the rule's members
        r->host = host_of(f, r->owner.account);
    }
}

void wr_flow_set_rules(struct wr_flow *f, struct wr_rule_set *set)
{
    for (size_t i = 0; set != f->rules && i < wr_rule_set_count(set); i++) {
        wr_flow_adopt(f, wr_rule_set_at(set, i));
    }
    fit_topic_cache(f, set);
    wr_rule_set_lock(set);
    wr_rule_set_unlock(f->rules);
    f->rules = set;
}

void wr_flow_set_twice(struct wr_flow *f, struct wr_twice *twice)
{
    f->twice = twice;
}

struct wr_rule_set *wr_flow_rules(const struct wr_flow *f)
{
    return f->rules;
}

void wr_flow_answered(struct wr_flow *f, struct wr_lookup *lookup)
{
    wr_assert(lookup->answered && !f->stopped);
    struct wr_run *r = WR_CONTAINER(lookup->eval, struct wr_run, eval);
    struct wr_message *m = r->message;
    struct wr_quota *quota = r->rule->quota;
    int64_t began = WR_UNLIKELY(quota && quota->counts) ? wr_mono_ns() : 0;
    wr_message_lock(m); // the run may end, and the message with it
    wr_run_advance(r);
    if (WR_UNLIKELY(began)) {
        wr_quota_charge(quota, wr_mono_ns() - began);
    }
    m->arena.over = false; // said and counted: not the other rules' trouble
    wr_flow_release(f, m);
    wr_flow_flush(f);
}

void wr_flow_durable(void *flow, uint64_t seq)
{
    struct wr_flow *f = flow;
    if (!f->stopped) {
        f->clock_us = wr_mono_now().us; // one look for the group
        wr_keep_durable(f, seq);
        f->clock_us = 0;
        wr_redriven_durable(f, seq);
    }
}

uint64_t wr_flow_acknowledged(const struct wr_flow *f)
{
    return f->acknowledged;
}

size_t wr_flow_workers(const struct wr_flow *f)
{
    return f->workers ? wr_workers_count(f->workers) : 0;
}

size_t wr_flow_live(const struct wr_flow *f)
{
    return f->live_messages;
}

// Takes what waits for another try back; what a sink holds ends with its verdict.
static void take_back(struct wr_run *r)
{
    for (size_t i = 0; i < r->rule->action_count; i++) {
        struct wr_engine_record *er = &r->records[i];
        if (wr_engine_record_unwait(er)) {
            er->action->counters->returned++;
            r->outstanding--;
            r->abandoned = true;
        }
    }
    if (r->outstanding == 0) {
        wr_run_give_back(r);
    }
}

// Ends the run unless a sink still holds a record of it.
static void abandon(struct wr_flow *f, struct wr_run *r)
{
    struct wr_rule_counters *c = r->rule->counters;
    switch (r->stage) {
    case WR_RUN_STATEMENT:
    case WR_RUN_TEMPLATES:
    case WR_RUN_SECRETS_STATEMENT:
    case WR_RUN_SECRETS:
    case WR_RUN_READY:
    case WR_RUN_KEPT:
    case WR_RUN_ENDED:
        if (r->lane) {
            wr_lane_leave(&f->lanes, r);
        }
        if (r->stage == WR_RUN_STATEMENT || r->stage == WR_RUN_ENDED) {
            c->unfinished += r->stage == WR_RUN_STATEMENT;
            wr_run_end(r);
        } else {
            wr_run_give_back(r);
        }
        return;
    case WR_RUN_BURIED:
        return; // the store tells when it is kept, or will be gone with all of it
    case WR_RUN_SUBMITTED:
        take_back(r);
        return;
    case WR_RUN_ERROR_STATEMENT:
    case WR_RUN_ERROR_TEMPLATES:
        wr_run_give_back_error(r);
        return;
    case WR_RUN_ERROR_TOGETHER:
        if (wr_together_abandon(r)) {
            c->broken_back++;
            wr_run_give_back(r);
        }
        return;
    case WR_RUN_ERROR_SUBMITTED:
        if (wr_engine_record_unwait(r->error_record)) {
            wr_run_give_back_error(r);
        }
        return;
    }
}

void wr_flow_stop(struct wr_flow *f)
{
    f->stopped = true;
    if (f->workers) {
        wr_workers_stop(f->workers);
    }
    f->kept = f->kept_last = NULL;
    wr_flow_forget_terms(f);
    for (struct wr_run *r = f->live, *next; r; r = next) {
        next = r->live_next;
        abandon(f, r);
    }
}

uint64_t wr_flow_spooled(const struct wr_flow *f, size_t broker)
{
    return f->loads[wr_sinks_count(f->options.sinks) + broker].spooled;
}

bool wr_flow_circuits(const struct wr_flow *f, size_t *at, struct wr_circuit_state *out)
{
    return wr_circuits_next(&f->circuits, at, out);
}

size_t wr_flow_circuits_open(const struct wr_flow *f)
{
    return f->circuits.open;
}

static void on_workers_closed(void *flow)
{
    struct wr_flow *f = flow;
    void (*done)(void *user) = f->done;
    void *user = f->done_user;
    wr_rule_set_unlock(f->rules);
    wr_topic_cache_free(f->topics);
    wr_backlogs_free(f);
    wr_redriven_free(f);
    wr_together_free(f);
    free(f->loads);
    while (f->hosts) {
        struct wr_account_host *h = f->hosts;
        f->hosts = h->next;
        free((void *)(uintptr_t)h->sql.account_id.at);
        free(h);
    }
    free(f);
    done(user);
}

static void on_circuits_closed(uv_handle_t *timer)
{
    struct wr_retry *looks = timer->data;
    struct wr_flow *f = WR_CONTAINER(looks, struct wr_flow, circuits.looks);
    if (f->workers) {
        wr_workers_close(f->workers, on_workers_closed, f);
    } else {
        on_workers_closed(f);
    }
}

static void on_retry_closed(uv_handle_t *timer)
{
    struct wr_retry *retry = timer->data;
    struct wr_flow *f = WR_CONTAINER(retry, struct wr_flow, retry);
    wr_circuits_close(&f->circuits, on_circuits_closed);
}

void wr_flow_free(struct wr_flow *f, void (*done)(void *user), void *user)
{
    wr_assert(f->stopped && !f->live);
    f->done = done;
    f->done_user = user;
    wr_retry_close(&f->retry, on_retry_closed);
}
