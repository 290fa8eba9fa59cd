// A flow with fake sinks and a source in process: feed messages, see what arrived and what was
// settled. Include it in exactly one file of the executable, after fake_sink.h.
#ifndef WR_TESTS_SUPPORT_FLOW_BED_H
#define WR_TESTS_SUPPORT_FLOW_BED_H

#include "engine/flow/flow.h"

#include <stdlib.h>

#define BED_RULES_MAX   32
#define BED_LOOKUPS_MAX 16

struct bed {
    uv_loop_t loop;
    struct wr_metrics *metrics;
    struct wr_message_pool *pool;
    struct wr_sinks *sinks;
    struct wr_flow *flow;
    struct wr_source source;
    size_t settled, acknowledged;
    struct wr_buf order;                        // payloads in the order they were settled
    struct wr_lookup *lookups[BED_LOOKUPS_MAX]; // not yet answered
    size_t lookup_count;
    bool answer_at_once;
};

static inline void bed_settled(struct wr_source *self, struct wr_message *m)
{
    struct bed *b = WR_CONTAINER(self, struct bed, source);
    b->settled++;
    if (!fake.quiet) {
        wr_buf_add(&b->order, m->sql.payload);
        wr_buf_add_char(&b->order, ' ');
    }
}

static inline void bed_acknowledge(struct wr_source *self, struct wr_message *m)
{
    struct bed *b = WR_CONTAINER(self, struct bed, source);
    b->acknowledged++;
}

static const struct wr_source_impl bed_source_impl = {
    .name = "bed", .acknowledge = bed_acknowledge, .settled = bed_settled};

static inline void bed_lookup(void *user, struct wr_flow *flow, struct wr_lookup *lookup)
{
    struct bed *b = user;
    if (b->answer_at_once) {
        lookup->result = wr_string(WR_STR("at once"));
        lookup->answered = true;
        return;
    }
    b->lookups[b->lookup_count++] = lookup;
}

// Answer look-up `i` of those that wait; NULL fails it.
static inline void bed_answer(struct bed *b, size_t i, const char *text)
{
    struct wr_lookup *l = b->lookups[i];
    memmove(&b->lookups[i], &b->lookups[i + 1], (--b->lookup_count - i) * sizeof(void *));
    if (text) {
        l->result = wr_string(wr_str_of(text));
    } else {
        l->failed = true;
        wr_fault_set(&l->fault, WR_ERR_FAILED, "the look-up failed");
    }
    l->answered = true;
    wr_flow_answered(b->flow, l);
}

static struct wr_flow_host bed_host = {.lookup = bed_lookup};

// WEIR_TEST_WORKERS=N: the same tests with N threads that evaluate.
static inline size_t bed_workers(void)
{
    const char *text = getenv("WEIR_TEST_WORKERS");
    return text ? (size_t)strtoul(text, NULL, 10) : 0;
}

// `change` may be NULL: it edits the options.
static inline void bed_open(struct bed *b, void (*change)(struct wr_flow_options *o))
{
    memset(b, 0, sizeof *b);
    memset(&fake, 0, sizeof fake);
    fake.script = "d";
    uv_loop_init(&b->loop);
    b->metrics = wr_metrics_new();
    b->pool = wr_message_pool_new(1 << 20, 64);
    const struct wr_sinks_options sinks = {.loop = &b->loop, .kinds = fake_kinds, .state_dir = "."};
    b->sinks = wr_sinks_new(&sinks);
    b->source = (struct wr_source){.impl = &bed_source_impl, .pool = b->pool};
    bed_host.user = b;
    struct wr_flow_options options = {
        .loop = &b->loop,
        .metrics = b->metrics,
        .sinks = b->sinks,
        .host = &bed_host,
        .payload_max = 1024,
        .retry =
            {.attempts = 3, .budget_ms = 1000, .base_ms = 1, .throttled_base_ms = 2, .cap_ms = 5},
        .workers = bed_workers(),
    };
    if (change) {
        change(&options);
    }
    b->flow = wr_flow_new(&options);
}

// Rules from documents, named r0, r1, … Ends the test when one is refused.
static inline void bed_rules(struct bed *b, const char *const *documents, size_t count)
{
    const struct wr_rule_options options = {.kinds = fake_kinds, .metrics = b->metrics};
    struct wr_rule *rules[BED_RULES_MAX];
    for (size_t i = 0; i < count; i++) {
        char file[16];
        struct wr_fault fault = {0};
        snprintf(file, sizeof file, "r%zu.json", i);
        if (wr_rule_new(wr_str_of(documents[i]), file, &options, &rules[i], &fault)) {
            fprintf(stderr, "%s: %s\n", documents[i], fault.text);
            abort();
        }
    }
    for (size_t k = 0; fake_kinds[k]; k++) {
        wr_assert(wr_sinks_require(b->sinks, k, NULL) == WR_OK);
    }
    struct wr_rule_set *set = wr_rule_set_new(rules, count);
    wr_flow_set_rules(b->flow, set);
    wr_rule_set_unlock(set);
    for (size_t i = 0; i < count; i++) {
        wr_rule_unlock(rules[i]);
    }
}

static inline struct wr_message *bed_message(struct bed *b, const char *topic, const char *payload)
{
    struct wr_message *m = wr_message_new(b->pool);
    m->sql.topic = wr_str_of(topic);
    m->sql.payload = wr_str_of(payload);
    m->sql.timestamp_ms = 1700000000000;
    m->sql.over_mqtt = true;
    m->sql.trace_id = WR_STR("00000000-0000-4000-8000-000000000000");
    m->qos = 1;
    m->source = &b->source;
    return m;
}

// The funnel's sums hold at any instant: every step of every test asks.
static inline void bed_audit(const struct bed *b)
{
    struct wr_fault fault = {0};
    if (wr_flow_audit(b->flow, &fault)) {
        fprintf(stderr, "the counters do not add up: %s\n", fault.text);
        abort();
    }
}

// With workers, when they are through: every test sees what it sees without.
static inline void bed_batch(struct bed *b, struct wr_message *messages, size_t count)
{
    wr_flow_batch(b->flow, &b->source, messages, count);
    wr_flow_drain(b->flow);
    bed_audit(b);
}

static inline void bed_send(struct bed *b, const char *topic, const char *payload)
{
    bed_batch(b, bed_message(b, topic, payload), 1);
}

// Turn the loop once, without waiting in it: with workers it has a handle that may stay silent.
static inline void bed_turn(struct bed *b)
{
    size_t before = b->settled;
    uv_run(&b->loop, UV_RUN_NOWAIT);
    if (b->settled == before) {
        uv_sleep(1);
    }
}

// Turn the loop until `count` messages in all are settled, at most half a minute.
static inline void bed_wait(struct bed *b, size_t count)
{
    uint64_t end = uv_hrtime() + UINT64_C(30000000000);
    while (b->settled < count && uv_hrtime() < end) {
        bed_turn(b);
        bed_audit(b);
    }
}

static inline void bed_nothing(void *user)
{
}

static inline void bed_close(struct bed *b)
{
    bed_audit(b);
    wr_flow_stop(b->flow);
    bed_audit(b);
    wr_sinks_close(b->sinks, bed_nothing, NULL);
    bed_audit(b);
    wr_flow_free(b->flow, bed_nothing, NULL);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    wr_assert(uv_loop_close(&b->loop) == 0);
    wr_assert(wr_message_pool_live(b->pool) == 0);
    wr_sinks_free(b->sinks);
    wr_message_pool_free(b->pool);
    wr_metrics_free(b->metrics);
    wr_buf_release(&b->order);
    wr_buf_release(&fake.notes);
}

#endif
