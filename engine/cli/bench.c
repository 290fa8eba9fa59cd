// `weir bench`: options, rounds and clocks.
#include "engine/cli/bench.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engine/cli/cli.h"
#include "sql/base/clock.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define ROUNDS_DEFAULT 7
#define TOP_DEFAULT    10
#define ROUND_NS       300000000.0 // a round takes about this long without --count
#define WARM_NS        200000000   // of feeding before the first round
#define SAMPLE_NS      500000000   // of feeding to see what each rule costs
#define CHUNK          4096        // messages between two looks at Ctrl-C

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = 1;
}

// ---- arguments

struct words {
    const char *rules, *messages, *generate, *seed, *rule_count, *message_count, *rounds, *count,
        *sink, *top, *mqtt, *qos, *workers;
    bool json;
};

static int wrong(const char *text, const char *value)
{
    return wr_cli_wrong("bench", text, value);
}

static const struct wr_bench_generator *find_generator(const char *name)
{
    const struct wr_bench_generator *g = wr_bench_generators;
    while (g->name && strcmp(g->name, name) != 0) {
        g++;
    }
    return g->name ? g : NULL;
}

static bool take_count(const char *text, uint64_t max, uint64_t *out)
{
    return !text || wr_argument_count(text, max, out);
}

// 0 when all is well.
static int read_numbers(const struct words *w, struct wr_bench_options *o)
{
    if (!take_count(w->rounds, WR_BENCH_ROUNDS_MAX, &o->rounds)) {
        return wrong("--rounds: expected 1 to 1000, found ", w->rounds);
    }
    if (!take_count(w->count, WR_BENCH_COUNT_MAX, &o->count)) {
        return wrong("--count: expected 1 to 1000000000000, found ", w->count);
    }
    if (!take_count(w->seed, UINT64_MAX, &o->seed)) {
        return wrong("--seed: expected a number from 1, found ", w->seed);
    }
    if (!take_count(w->rule_count, WR_BENCH_RULES_MAX, &o->rule_count)) {
        return wrong("--generate-rules: expected 1 to 1000000, found ", w->rule_count);
    }
    if (!take_count(w->message_count, WR_BENCH_RULES_MAX * 10, &o->message_count)) {
        return wrong("--generate-messages: expected 1 to 10000000, found ", w->message_count);
    }
    bool alone = w->workers && strcmp(w->workers, "0") == 0;
    if (!alone && !take_count(w->workers, WR_FLOW_WORKERS_MAX, &o->workers)) {
        return wrong("--workers: expected 0 to 16, found ", w->workers);
    }
    if (!take_count(w->top, WR_BENCH_RULES_MAX, &o->top)) {
        return wrong("--top: expected 1 to 1000000, found ", w->top);
    }
    return 0;
}

static int read_options(const struct words *w, struct wr_bench_options *o)
{
    *o = (struct wr_bench_options){.rules = w->rules,
                                   .messages = w->messages,
                                   .seed = 1,
                                   .rounds = ROUNDS_DEFAULT,
                                   .top = TOP_DEFAULT,
                                   .json = w->json};
    if (w->generate) {
        o->gen = find_generator(w->generate);
        if (!o->gen) {
            return wrong("--generate: unknown generator ", w->generate);
        }
    } else if (!w->rules && !w->messages) {
        o->gen = &wr_bench_generators[0];
    }
    if (!o->gen && (!w->rules || !w->messages)) {
        return wrong(w->rules ? "--rules wants messages too: --messages FILE, or --generate "
                              : "--messages wants rules too: --rules FOLDER, or --generate ",
                     "NAME");
    }
    if (o->gen && w->rules && w->messages) {
        return wrong("nothing is left to generate beside --rules and --messages: ", w->generate);
    }
    if (w->sink && strcmp(w->sink, "count") != 0 && strcmp(w->sink, "null") != 0) {
        return wrong("--sink: expected null or count, found ", w->sink);
    }
    if (w->qos && !w->mqtt) {
        return wrong("--qos is for --mqtt URL, found ", w->qos);
    }
    if (w->qos && strcmp(w->qos, "0") != 0 && strcmp(w->qos, "1") != 0) {
        return wrong("--qos: expected 0 or 1, found ", w->qos);
    }
    o->mqtt = w->mqtt;
    o->qos = w->qos && w->qos[0] == '0' ? 0 : 1;
    o->sink_counts = w->sink && strcmp(w->sink, "count") == 0;
    return read_numbers(w, o);
}

// ---- rounds

static double clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct wr_bench_round measure(struct wr_bench_engine *e, uint64_t workers, uint64_t count)
{
    clockid_t used = workers ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_THREAD_CPUTIME_ID;
    double cpu = clock_ns(used), wall = clock_ns(CLOCK_MONOTONIC);
    if (e->broker) {
        (void)wr_bench_broker_feed(e->broker, count);
    }
    for (uint64_t done = 0; !e->broker && done < count && !interrupted;) {
        uint64_t chunk = count - done < CHUNK ? count - done : CHUNK;
        wr_bench_engine_feed(e, done, chunk);
        done += chunk;
    }
    wr_flow_drain(e->flow);
    return (struct wr_bench_round){clock_ns(used) - cpu, clock_ns(CLOCK_MONOTONIC) - wall};
}

// Feeds until every message was seen and `least_ns` have passed, or twice as long. Returns
// nanoseconds a message.
static double feed_for(struct wr_bench_engine *e, int64_t least_ns)
{
    if (!e->broker) {
        wr_bench_engine_feed(e, 0, 1); // what the first message makes is no message's cost
    }
    int64_t began = wr_mono_ns(), spent = 0;
    uint64_t done = 0;
    if (e->broker) {
        done = e->set->count > 2000 ? e->set->count : 2000;
        (void)wr_bench_broker_feed(e->broker, done);
        return (double)(wr_mono_ns() - began) / (double)done;
    }
    while (!interrupted && (spent < least_ns || (done < e->set->count && spent < 2 * least_ns))) {
        wr_bench_engine_feed(e, done, 64);
        done += 64;
        spent = wr_mono_ns() - began;
    }
    wr_flow_drain(e->flow);
    return done ? (double)spent / (double)done : 1;
}

static void say_round(const struct wr_bench_options *o, size_t round)
{
    if (!isatty(STDERR_FILENO)) {
        return;
    }
    if (round < o->rounds) {
        fprintf(stderr, "\rround %zu of %" PRIu64 " ", round + 1, o->rounds);
    } else {
        fputs("\r\033[K", stderr);
    }
}

static int by_cpu(const void *a, const void *b)
{
    const struct wr_bench_round *x = a, *y = b;
    return (x->cpu_ns > y->cpu_ns) - (x->cpu_ns < y->cpu_ns);
}

// ---- sums

struct sums {
    uint64_t tried, matched, failed;
};

static struct sums sums_of(const struct wr_rule_counters *c)
{
    struct sums s = {.tried = c->topic_match, .matched = c->matched};
    for (int why = 0; why < WR_WHY_COUNT; why++) {
        s.failed += c->failed[why] + c->templates_failed[why];
    }
    return s;
}

static struct sums all_sums(const struct wr_bench_set *set)
{
    struct sums all = {0};
    wr_rule_set_settle(set->rule_set);
    for (size_t i = 0; i < wr_rule_set_count(set->rule_set); i++) {
        struct sums s = sums_of(wr_rule_set_at(set->rule_set, i)->counters);
        all.tried += s.tried;
        all.matched += s.matched;
        all.failed += s.failed;
    }
    return all;
}

static bool stopped(const struct wr_bench_engine *e)
{
    return interrupted || (e->broker && wr_bench_broker_why(e->broker)[0]);
}

static void run_rounds(struct wr_bench_engine *e, const struct wr_bench_options *o,
                       struct wr_bench_result *r)
{
    const struct wr_metrics *m = e->set->metrics;
    struct sums before = all_sums(e->set);
    uint64_t hits = m->cache_hits, misses = m->cache_misses, none = m->no_rule;
    uint64_t messages = m->messages;
    uint64_t records = e->records, bytes = e->record_bytes, calls = wr_alloc_calls();
    for (size_t i = 0; i < r->rounds && !stopped(e); i++) {
        say_round(o, i);
        r->round[i] = measure(e, o->workers, r->count);
    }
    r->allocations = wr_alloc_calls() - calls;
    say_round(o, r->rounds);
    struct sums after = all_sums(e->set);
    r->messages = m->messages - messages;
    r->matches = after.matched - before.matched;
    r->evaluations = after.tried - before.tried;
    r->failures = after.failed - before.failed;
    r->cache_hits = m->cache_hits - hits;
    r->cache_misses = m->cache_misses - misses;
    r->no_rule = m->no_rule - none;
    r->records = e->records - records;
    r->record_bytes = e->record_bytes - bytes;
    qsort(r->round, r->rounds, sizeof *r->round, by_cpu);
}

// ---- what each rule costs

static int by_cost(const void *a, const void *b)
{
    const struct wr_bench_rule *x = a, *y = b;
    double dx = x->ns * (double)x->tried, dy = y->ns * (double)y->tried;
    return (dx < dy) - (dx > dy);
}

// A pass of its own, with looks at the clock around every rule.
static wr_err sample(struct wr_bench_set *set, struct wr_bench_result *r, struct wr_fault *fault)
{
    struct wr_bench_engine e;
    wr_err err = wr_bench_engine_open(&e, set, false, 1, 0, fault);
    if (!err) {
        feed_for(&e, SAMPLE_NS);
    }
    wr_bench_engine_close(&e);
    size_t count = wr_rule_set_count(set->rule_set);
    wr_rule_set_settle(set->rule_set);
    r->rule = wr_alloc((count + 1) * sizeof *r->rule);
    for (size_t i = 0; i < count && !err; i++) {
        const struct wr_rule_counters *c = wr_rule_set_at(set->rule_set, i)->counters;
        struct sums s = sums_of(c);
        if (c->samples) {
            r->rule[r->rule_count++] = (struct wr_bench_rule){
                .name = c->name,
                .tried = s.tried,
                .matched = s.matched,
                .failed = s.failed,
                .ns = (double)c->sampled_ns / (double)c->samples,
            };
        }
    }
    qsort(r->rule, r->rule_count, sizeof *r->rule, by_cost);
    return err;
}

static wr_err run(struct wr_bench_set *set, const struct wr_bench_options *o,
                  struct wr_bench_result *r, struct wr_fault *fault)
{
    struct wr_bench_engine e;
    bool exact = o->rounds == 1; // no warm-up, so that instructions of two counts can be subtracted
    wr_err err = wr_bench_engine_open(&e, set, o->sink_counts, 0, (size_t)o->workers, fault);
    r->over_mqtt = o->mqtt != NULL;
    if (!err && o->mqtt) {
        err = wr_bench_broker_open(&e, o->mqtt, o->qos, &interrupted, &e.broker, fault);
    }
    if (!err) {
        double ns = exact ? 0 : feed_for(&e, WARM_NS);
        r->count = o->count  ? o->count
                   : exact   ? set->count
                   : ns <= 0 ? 1
                             : (uint64_t)(ROUND_NS / ns) + 1;
        r->rounds = (size_t)o->rounds;
        r->round = wr_zalloc(r->rounds * sizeof *r->round);
        run_rounds(&e, o, r);
        r->bytes_per_rule = (double)(wr_bench_heap() - set->heap_before - e.heap) /
                            (double)wr_rule_set_count(set->rule_set);
        if (e.broker && wr_bench_broker_why(e.broker)[0]) {
            err = wr_fault_set(fault, WR_ERR_IO, "%s: %s", o->mqtt, wr_bench_broker_why(e.broker));
        }
    }
    wr_bench_broker_close(e.broker);
    wr_bench_engine_close(&e);
    return err || exact || interrupted ? err : sample(set, r, fault);
}

static int bench(const struct wr_bench_options *o)
{
    struct wr_bench_set set;
    struct wr_bench_result r = {0};
    struct wr_fault fault = {0};
    int64_t began = wr_mono_ns();
    wr_err err = wr_bench_set_open(&set, o, &fault);
    if (!err) {
        r.load_ms = (double)(wr_mono_ns() - began) / 1e6;
        r.rules = wr_rule_set_count(set.rule_set);
        r.distinct_messages = set.count;
        r.bytes_per_message = (double)set.bytes / (double)set.count;
        err = run(&set, o, &r, &fault);
    }
    if (err) {
        fprintf(stderr, "weir bench: %s\n", fault.text);
    } else if (interrupted) {
        fputs("weir bench: stopped before the end\n", stderr);
    } else {
        wr_bench_report(o, &r);
    }
    free(r.round);
    free(r.rule);
    wr_bench_set_close(&set);
    return err ? WR_EXIT_USAGE : interrupted ? WR_EXIT_NO : WR_EXIT_OK;
}

int wr_cli_bench(int argc, char **argv)
{
    struct words w = {0};
    const struct wr_argument table[] = {
        {.name = "--rules", .value = &w.rules},
        {.name = "--messages", .value = &w.messages},
        {.name = "--generate", .value = &w.generate},
        {.name = "--generate-rules", .value = &w.rule_count},
        {.name = "--generate-messages", .value = &w.message_count},
        {.name = "--seed", .value = &w.seed},
        {.name = "--rounds", .value = &w.rounds},
        {.name = "--count", .value = &w.count},
        {.name = "--sink", .value = &w.sink},
        {.name = "--mqtt", .value = &w.mqtt},
        {.name = "--qos", .value = &w.qos},
        {.name = "--top", .value = &w.top},
        {.name = "--workers", .value = &w.workers},
        {.name = "--json", .flag = &w.json},
        {0},
    };
    const char *lacks;
    struct wr_argument_list names = {.at = wr_alloc((size_t)argc * sizeof *names.at)};
    int count = argc - 1, code;
    struct wr_bench_options options;
    if (!wr_arguments_take(table, &count, argv + 1, &names, &lacks)) {
        code = wrong("no value after ", lacks);
    } else if (count > 0 || names.count > 0) {
        code = wrong("unknown argument ", count > 0 ? argv[1] : names.at[0]);
    } else {
        code = read_options(&w, &options);
        if (!code) {
            struct sigaction action = {.sa_handler = on_signal};
            sigaction(SIGINT, &action, NULL);
            sigaction(SIGTERM, &action, NULL);
            code = bench(&options);
        }
    }
    free(names.at);
    return code;
}
