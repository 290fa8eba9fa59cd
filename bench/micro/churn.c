// What do rule changes cost while messages flow? 10,000 rules, 1,000 changes a second between
// batches, each as the API makes it: compiled, kept small, put into the running set. Beside it in
// the same run: the same messages without a change, and what making the set anew would take.
//
// Time is that of this thread, so that what else runs on the machine does not count. Latency is
// from the instant a message is due, at half of what goes through at most, to the end of its batch.
#include "engine/cli/bench.h"
#include "engine/rules/topic_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sql/base/err.h"

#include "sql/base/banned.h"

#define RULES   10000
#define CHANGES 1000 // a second
#define BATCH   64
#define SECONDS 2
#define WARM    40000
#define COSTS   2000 // changes that are timed one by one

struct case_of {
    const char *name, *generator;
    // Append a document that changes something; its name is "change_<i>" or a rule's of the set.
    void (*document)(struct wr_buf *out, uint64_t i);
    bool removes;  // every second change takes out what the one before brought
    uint64_t rate; // changes a second
};

static const struct wr_bench_generator *generator(const char *name)
{
    const struct wr_bench_generator *g = wr_bench_generators;
    while (strcmp(g->name, name) != 0) {
        g++;
    }
    return g;
}

static void replace_fan_in(struct wr_buf *out, uint64_t i)
{
    generator("fan-in")->rule(out, i * 7919 % RULES, RULES);
}

static void replace_many(struct wr_buf *out, uint64_t i)
{
    generator("many")->rule(out, i * 7919 % RULES, RULES);
}

static void change(struct wr_buf *out, uint64_t i, const char *filter)
{
    wr_buf_addf(out,
                "{\"ruleName\": \"change_%llu\", \"topicRulePayload\": {\"sql\": \"SELECT device "
                "FROM '%s' WHERE temp > 90\", \"awsIotSqlVersion\": \"2016-03-23\", \"actions\": "
                "[{\"null\": {}}]}}",
                (unsigned long long)i, filter);
}

static void add_literal(struct wr_buf *out, uint64_t i)
{
    char filter[64];
    unsigned long long k = i * 7919 % RULES;
    snprintf(filter, sizeof filter, "fleet/%llu/dev-%llu/state", k / 100, k);
    change(out, i, filter);
}

static void add_fleet(struct wr_buf *out, uint64_t i)
{
    char filter[64];
    snprintf(filter, sizeof filter, "fleet/%llu/#", (unsigned long long)(i * 7919 % (RULES / 100)));
    change(out, i, filter);
}

static const struct case_of cases[] = {
    {"a filter each; none", "fan-in", NULL, false, 0},
    {"a filter each; a rule replaced", "fan-in", replace_fan_in, false, CHANGES},
    {"a filter each; one more for a device, and out again", "fan-in", add_literal, true, CHANGES},
    {"a filter each; one more for a hundred, and out again", "fan-in", add_fleet, true, CHANGES},
    {"all on one topic; none", "many", NULL, false, 0},
    {"all on one topic; a rule replaced, 10 a second", "many", replace_many, false, 10},
};

static struct {
    struct wr_bench_set set;
    struct wr_bench_engine engine;
    const struct case_of *of;
    uint64_t changes, fed;
    struct wr_buf text;
} w;

static bool of_one_topic(void)
{
    return strcmp(w.of->generator, "many") == 0;
}

static void die(const char *what, const char *text)
{
    fprintf(stderr, "%s: %s\n", what, text);
    exit(2);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static struct wr_rule *compile(uint64_t i)
{
    const struct wr_rule_options options = {.kinds = wr_bench_kinds(), .metrics = w.set.metrics};
    struct wr_rule *r;
    struct wr_fault fault;
    wr_buf_clear(&w.text);
    w.of->document(&w.text, i);
    if (wr_rule_new(wr_buf_str(&w.text), "change.json", &options, &r, &fault)) {
        die(w.of->name, fault.text);
    }
    wr_rule_slim(r, w.set.programs);
    return r;
}

static void put(struct wr_rule *r)
{
    wr_flow_adopt(w.engine.flow, r);
    wr_rule_set_put(w.set.rule_set, r);
    wr_rule_unlock(r);
}

static void change_now(void)
{
    uint64_t i = w.changes++;
    if (w.of->removes && i % 2) {
        char name[32];
        int len = snprintf(name, sizeof name, "change_%llu", (unsigned long long)i / 2);
        (void)wr_rule_set_remove(w.set.rule_set, (wr_str){name, (size_t)len});
    } else {
        put(compile(w.of->removes ? i / 2 : i));
    }
}

static void feed(uint64_t count)
{
    wr_bench_engine_feed(&w.engine, w.fed, count);
    w.fed += count;
}

// Messages a second when they never end, changes made when they are due.
static double saturate(void)
{
    int64_t began = now_ns(), end = began + SECONDS * INT64_C(1000000000), now = began;
    uint64_t changes = 0, from = w.fed;
    for (; now < end; now = now_ns()) {
        while (changes < (uint64_t)(now - began) * w.of->rate / 1000000000) {
            change_now();
            changes++;
        }
        feed(BATCH);
    }
    return (double)(w.fed - from) * 1e9 / (double)(now - began);
}

static int by_ns(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void print_latencies(double rate)
{
    uint64_t count = (uint64_t)(rate * SECONDS), sent = 0, changes = 0;
    int64_t *ns = wr_alloc(count * sizeof *ns), began = now_ns();
    while (sent < count) {
        int64_t now = now_ns() - began;
        uint64_t due = (uint64_t)((double)now * rate / 1e9);
        due = due < count ? due : count;
        if (changes < (uint64_t)now * w.of->rate / 1000000000) {
            change_now();
            changes++;
        }
        uint64_t batch = due - sent < BATCH ? due - sent : BATCH;
        if (batch) {
            feed(batch);
            now = now_ns() - began;
        }
        for (; batch; batch--, sent++) {
            ns[sent] = now - (int64_t)((double)sent * 1e9 / rate);
        }
    }
    qsort(ns, count, sizeof *ns, by_ns);
    printf("  at %.0f a second: p50 %.1f, p99 %.1f, p99.9 %.1f, max %.1f us", rate,
           (double)ns[count / 2] / 1e3, (double)ns[count * 99 / 100] / 1e3,
           (double)ns[count * 999 / 1000] / 1e3, (double)ns[count - 1] / 1e3);
    free(ns);
}

static double median_us(int64_t *ns, size_t count)
{
    qsort(ns, count, sizeof *ns, by_ns);
    return (double)ns[count / 2] / 1e3;
}

// A topic of the filter.
static wr_str topic_of(wr_str filter, char out[WR_TOPIC_CACHE_LEN])
{
    bool wild = filter.at[filter.len - 1] == '+' || filter.at[filter.len - 1] == '#';
    int len = snprintf(out, WR_TOPIC_CACHE_LEN, "%.*s%s", (int)(filter.len - wild), filter.at,
                       wild ? "state" : "");
    return (wr_str){out, (size_t)len};
}

// A change alone: compiling, the edit, and what the first message that meets it does more.
static void print_costs(void)
{
    static int64_t made[COSTS], edited[COSTS], met[COSTS];
    uint64_t calls = 0;
    size_t count = of_one_topic() ? COSTS / 50 : COSTS;
    for (size_t i = 0; i < count; i++) {
        int64_t a = now_ns();
        struct wr_rule *r = compile(i + 1000000);
        int64_t b = now_ns();
        uint64_t before = wr_alloc_calls();
        put(r);
        calls += wr_alloc_calls() - before;
        int64_t c = now_ns();
        char text[WR_TOPIC_CACHE_LEN];
        wr_str topic = topic_of(r->filter, text);
        int64_t d = now_ns();
        wr_assert(wr_rule_set_topic(w.set.rule_set, topic));
        made[i] = b - a;
        edited[i] = c - b;
        met[i] = now_ns() - d;
        if (w.of->removes) {
            char name[32];
            int len = snprintf(name, sizeof name, "change_%zu", i + 1000000);
            (void)wr_rule_set_remove(w.set.rule_set, (wr_str){name, (size_t)len});
        }
    }
    printf(
        "\n  a change: compiled in %.1f us, put in %.1f us (%.1f allocations), its group made in "
        "%.1f us\n",
        median_us(made, count), median_us(edited, count), (double)calls / (double)count,
        median_us(met, count));
}

static void print_anew(void)
{
    size_t count = wr_rule_set_count(w.set.rule_set);
    struct wr_rule **rules = wr_alloc(count * sizeof(struct wr_rule *));
    for (size_t i = 0; i < count; i++) {
        rules[i] = wr_rule_set_at(w.set.rule_set, i);
    }
    int64_t began = now_ns();
    struct wr_rule_set *anew = wr_rule_set_new(rules, count);
    printf("  a set made anew: %.0f us, before its first message\n",
           (double)(now_ns() - began) / 1e3);
    wr_rule_set_unlock(anew);
    free(rules);
}

static void run(const struct case_of *of)
{
    const struct wr_bench_options options = {
        .gen = generator(of->generator), .rule_count = RULES, .message_count = RULES, .seed = 1};
    struct wr_fault fault = {0};
    w.of = of;
    w.changes = w.fed = 0;
    if (wr_bench_set_open(&w.set, &options, &fault) ||
        wr_bench_engine_open(&w.engine, &w.set, false, 0, 0, &fault)) {
        die(of->generator, fault.text);
    }
    feed(WARM);
    static double undisturbed;
    uint64_t hits = w.set.metrics->cache_hits, misses = w.set.metrics->cache_misses;
    double rate = saturate();
    hits = w.set.metrics->cache_hits - hits;
    misses = w.set.metrics->cache_misses - misses;
    undisturbed = of->rate ? undisturbed : rate;
    printf("%s\n  %.0f messages a second, %.0f %% of their topics found in the cache\n", of->name,
           rate, 100.0 * (double)hits / (double)(hits + misses));
    print_latencies((rate < undisturbed ? rate : undisturbed) / 2);
    if (of->rate) {
        print_costs();
    } else {
        printf("\n");
        print_anew();
    }
    wr_assert(w.engine.settled == w.fed);
    wr_assert(w.set.metrics->evaluated == w.fed); // each has met a rule
    fflush(stdout);
    wr_bench_engine_close(&w.engine);
    wr_bench_set_close(&w.set);
}

int main(void)
{
    printf("%d rules, %d changes a second\n", RULES, CHANGES);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        run(&cases[i]);
    }
    wr_buf_release(&w.text);
    return 0;
}
