// `weir bench`: what rules cost on messages, through the real flow with sinks that do nothing.
// Private to engine/cli/bench*.c. Thread: start.
//
//   set (rules and messages, from files or a generator) ─► engine (flow, null sinks) ─► rounds ─►
//   report
#ifndef WR_ENGINE_CLI_BENCH_H
#define WR_ENGINE_CLI_BENCH_H

#include "engine/cli/arguments.h"
#include "engine/flow/flow.h"

#include <signal.h>

#define WR_BENCH_ROUNDS_MAX 1000
#define WR_BENCH_COUNT_MAX  1000000000000
#define WR_BENCH_RULES_MAX  1000000 // of a generator

struct wr_bench_options {
    const char *rules;                    // a folder; NULL: the generator's
    const char *messages;                 // a file; NULL: the generator's
    const struct wr_bench_generator *gen; // NULL: none
    uint64_t seed;
    uint64_t rule_count;    // the generator's; 0: its default
    uint64_t message_count; // likewise: distinct messages
    uint64_t rounds, count; // count 0: chosen so that a round takes a while
    uint64_t top;           // rules shown
    uint64_t workers;       // threads that evaluate; 0: the one that feeds
    bool sink_counts;       // --sink count
    bool json;
    const char *mqtt; // URL of a broker; NULL: in process
    int qos;          // with mqtt
};

// ---- what is measured (bench_set.c)

// Rules and messages in memory. Everything the messages point to lives in `arena`.
struct wr_bench_set {
    struct wr_arena arena;
    struct wr_sql_message *messages;
    size_t count;
    uint64_t bytes;         // of all payloads
    struct wr_rule **rules; // each with one lock; owned
    struct wr_program_pool *programs;
    size_t rule_count;
    struct wr_metrics *metrics;
    size_t heap_before;           // bytes of the heap in use before the rules were made
    struct wr_folder *folder;     // NULL with a generator
    struct wr_rule_set *rule_set; // one lock
};

// Thread: start. Faults name the file and the place.
wr_err wr_bench_set_open(struct wr_bench_set *s, const struct wr_bench_options *options,
                         struct wr_fault *fault) WR_MUST_CHECK;
void wr_bench_set_close(struct wr_bench_set *s);
// Bytes of the heap that are in use, the allocator's own included.
size_t wr_bench_heap(void);

// ---- generators (bench_generate.c)

struct wr_bench_generator {
    const char *name, *help;
    uint64_t rule_count, message_count; // defaults
    // Append rule number `i` of `count` as a document; its name is "NAME_<i>".
    void (*rule)(struct wr_buf *out, uint64_t i, uint64_t count);
    // Append message `i`'s payload and, to `topic`, its topic; `chance` gives the next random
    // number.
    void (*message)(struct wr_buf *topic, struct wr_buf *payload, uint64_t i, uint64_t rules,
                    uint64_t *chance);
};
// NULL-named last.
extern const struct wr_bench_generator wr_bench_generators[];
// splitmix64: the same numbers for the same seed, everywhere.
uint64_t wr_bench_chance(uint64_t *state);

// ---- running (bench_engine.c)

struct wr_bench_engine {
    uv_loop_t loop;
    struct wr_bench_set *set;
    struct wr_message_pool *pool;
    struct wr_sinks *sinks;
    struct wr_flow *flow;
    struct wr_source source;
    const struct wr_sink_impl **kinds;
    struct wr_sink_impl *impls;
    uint64_t settled;
    size_t heap;                    // bytes that it takes without any rule
    uint64_t records, record_bytes; // what sinks got (--sink count)
    struct wr_bench_broker *broker; // NULL: in process
};

// The folder's or generator's rules into a flow. `sample_every` and `workers` as in struct
// wr_flow_options.
wr_err wr_bench_engine_open(struct wr_bench_engine *e, struct wr_bench_set *set, bool count,
                            uint32_t sample_every, size_t workers,
                            struct wr_fault *fault) WR_MUST_CHECK;
void wr_bench_engine_close(struct wr_bench_engine *e);
// Evaluate `count` messages, cycling through the set from message `from`.
void wr_bench_engine_feed(struct wr_bench_engine *e, uint64_t from, uint64_t count) WR_HOT;

// ---- through a broker (bench_broker.c)

struct wr_bench_broker;
// Subscribe at the broker of `url` to everything, and start the process that publishes the engine's
// messages there at `qos`. Close it in any case. `interrupted` ends what waits.
wr_err wr_bench_broker_open(struct wr_bench_engine *engine, const char *url, int qos,
                            const volatile sig_atomic_t *interrupted, struct wr_bench_broker **out,
                            struct wr_fault *fault) WR_MUST_CHECK;
// Evaluate `count` messages, cycling through the set from where it was. False: interrupted, or
// wr_bench_broker_why() says why they do not come.
bool wr_bench_broker_feed(struct wr_bench_broker *b, uint64_t count);
const char *wr_bench_broker_why(const struct wr_bench_broker *b); // "": nothing is wrong
void wr_bench_broker_close(struct wr_bench_broker *b);            // also NULL

// The kinds of action that rules are compiled against: as the shapes, but nothing leaves.
const struct wr_sink_impl *const *wr_bench_kinds(void);

// ---- results (bench_report.c)

struct wr_bench_round {
    double cpu_ns, wall_ns; // of the round; CPU time of all threads that are measured
};

struct wr_bench_rule {
    const char *name;
    uint64_t tried, matched, failed; // in all rounds
    double ns;                       // an evaluation, sampled; negative: none was
};

struct wr_bench_result {
    uint64_t count; // messages of a round
    size_t rounds;
    struct wr_bench_round *round; // sorted by cpu_ns
    uint64_t messages, matches, evaluations, failures, no_rule, records, record_bytes;
    uint64_t allocations; // of the allocator, in all measured rounds
    double bytes_per_message;
    uint64_t cache_hits, cache_misses;
    double load_ms;
    double bytes_per_rule; // of heap: rules, what is shared by them, indexes, counters; warm
    size_t rules, distinct_messages;
    struct wr_bench_rule *rule; // dearest first: by ns times tried
    size_t rule_count;          // with samples
    bool over_mqtt;
};

void wr_bench_report(const struct wr_bench_options *options, const struct wr_bench_result *r);

#endif
