// What `weir bench` prints: a page for people, or one JSON object.
#include "engine/cli/bench.h"

#include <inttypes.h>

#include "engine/cli/progress.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define RULES_MANY 100 // of fewer, what a process takes anyway would be most of it

static double cpu_ns(const struct wr_bench_result *r, size_t round)
{
    return r->round[round].cpu_ns / (double)r->count;
}

static double per_message(const struct wr_bench_result *r, uint64_t n)
{
    return (double)n / (double)r->messages;
}

static double median_wall(const struct wr_bench_result *r)
{
    return r->round[r->rounds / 2].wall_ns / (double)r->count;
}

static double hit_rate(const struct wr_bench_result *r)
{
    uint64_t looks = r->cache_hits + r->cache_misses;
    return looks ? (double)r->cache_hits / (double)looks : 0;
}

// ---- text

static void print_rate(const char *name, double ns, const char *note)
{
    char count[32];
    printf("%-22s %12.1f ns a message %14s messages/s%s\n", name, ns,
           wr_progress_count((uint64_t)(1e9 / ns), count), note);
}

static void print_rules(const struct wr_bench_result *r, uint64_t top)
{
    size_t shown = r->rule_count < top ? r->rule_count : (size_t)top;
    if (shown == 0) {
        return;
    }
    printf("\n%-32s %12s %14s %14s %10s\n", "dearest rules", "ns each", "evaluated", "matched",
           "failed");
    for (size_t i = 0; i < shown; i++) {
        const struct wr_bench_rule *rule = &r->rule[i];
        char columns[3][32];
        printf("%-32.60s %12.0f %14s %14s %10s\n", rule->name, rule->ns,
               wr_progress_count(rule->tried, columns[0]),
               wr_progress_count(rule->matched, columns[1]),
               wr_progress_count(rule->failed, columns[2]));
    }
    if (shown < r->rule_count) {
        printf("and %zu more (--top N)\n", r->rule_count - shown);
    }
}

static void print_text(const struct wr_bench_options *o, const struct wr_bench_result *r)
{
    char a[32], b[32], c[32];
    double ns = cpu_ns(r, r->rounds / 2);
    printf("%s rules, %s distinct messages of %.0f bytes; %zu rounds of %s messages%s%s\n",
           wr_progress_count(r->rules, a), wr_progress_count(r->distinct_messages, b),
           r->bytes_per_message, r->rounds, wr_progress_count(r->count, c),
           r->over_mqtt ? " through " : ", in process", r->over_mqtt ? o->mqtt : "");
    if (o->workers) {
        printf("%-22s %12" PRIu64 " beside the thread that feeds them; CPU time is of all\n",
               "workers", o->workers);
    }
    print_rate("CPU time (median)", ns, "");
    print_rate("  fastest round", cpu_ns(r, 0), "");
    print_rate("  slowest round", cpu_ns(r, r->rounds - 1), "");
    print_rate("wall time", median_wall(r), "");
    printf("%-22s %12.1f MB/s of payloads\n", "throughput", r->bytes_per_message / ns * 1000);
    printf("%-22s %12.4f a message (%s)\n", "matches", per_message(r, r->matches),
           wr_progress_count(r->matches, a));
    printf("%-22s %12.4f a message\n", "evaluations", per_message(r, r->evaluations));
    if (r->failures) {
        printf("%-22s %12s\n", "failed evaluations", wr_progress_count(r->failures, a));
    }
    if (r->no_rule) {
        printf("%-22s %12s messages\n", "no rule for", wr_progress_count(r->no_rule, a));
    }
    if (o->sink_counts) {
        printf("%-22s %12s, %s\n", "records", wr_progress_count(r->records, a),
               wr_progress_size(r->record_bytes, b));
    }
    printf("%-22s %12.4f a message\n", "allocations", per_message(r, r->allocations));
    printf("%-22s %12.1f %% hits\n", "topic cache", 100 * hit_rate(r));
    printf("%-22s %12.0f ms\n", "loading", r->load_ms);
    if (r->rules >= RULES_MANY) {
        printf("%-22s %12.0f bytes a rule\n", "memory", r->bytes_per_rule);
    }
    print_rules(r, o->top);
}

// ---- JSON

static void number(struct wr_buf *b, const char *name, double value)
{
    wr_buf_addf(b, ",\"%s\":%.6g", name, value);
}

static void whole(struct wr_buf *b, const char *name, uint64_t value)
{
    wr_buf_addf(b, ",\"%s\":%" PRIu64, name, value);
}

static void write_rules(struct wr_buf *b, const struct wr_bench_result *r, uint64_t top)
{
    wr_buf_add(b, WR_STR(",\"dearest_rules\":["));
    for (size_t i = 0; i < r->rule_count && i < top; i++) {
        const struct wr_bench_rule *rule = &r->rule[i];
        wr_buf_add(b, i ? WR_STR(",{\"rule\":") : WR_STR("{\"rule\":"));
        wr_json_write_string(b, wr_str_of(rule->name));
        number(b, "ns_per_evaluation", rule->ns);
        whole(b, "evaluated", rule->tried);
        whole(b, "matched", rule->matched);
        whole(b, "failed", rule->failed);
        wr_buf_add_char(b, '}');
    }
    wr_buf_add_char(b, ']');
}

static void print_json(const struct wr_bench_options *o, const struct wr_bench_result *r)
{
    struct wr_buf b = {0};
    double ns = cpu_ns(r, r->rounds / 2), wall = median_wall(r);
    wr_buf_addf(&b, "{\"messages\":%" PRIu64, r->messages);
    whole(&b, "matches", r->matches);
    number(&b, "ns_per_message", ns);
    number(&b, "messages_per_second", 1e9 / ns);
    number(&b, "bytes_per_second", r->bytes_per_message * 1e9 / ns);
    number(&b, "allocations_per_message", per_message(r, r->allocations));
    number(&b, "ns_per_message_min", cpu_ns(r, 0));
    number(&b, "ns_per_message_max", cpu_ns(r, r->rounds - 1));
    number(&b, "wall_ns_per_message", wall);
    number(&b, "wall_messages_per_second", 1e9 / wall);
    whole(&b, "workers", o->workers);
    whole(&b, "rounds", r->rounds);
    whole(&b, "messages_per_round", r->count);
    whole(&b, "distinct_messages", r->distinct_messages);
    number(&b, "bytes_per_message", r->bytes_per_message);
    whole(&b, "rules", r->rules);
    whole(&b, "evaluations", r->evaluations);
    whole(&b, "failures", r->failures);
    whole(&b, "no_rule", r->no_rule);
    if (o->sink_counts) {
        whole(&b, "records", r->records);
        whole(&b, "record_bytes", r->record_bytes);
    }
    number(&b, "topic_cache_hit_rate", hit_rate(r));
    number(&b, "load_ms", r->load_ms);
    number(&b, "bytes_per_rule", r->bytes_per_rule);
    wr_buf_addf(&b, ",\"source\":\"%s\"", r->over_mqtt ? "mqtt" : "in process");
    write_rules(&b, r, o->top);
    wr_buf_add(&b, WR_STR("}\n"));
    fwrite(b.at, 1, b.len, stdout);
    wr_buf_release(&b);
}

void wr_bench_report(const struct wr_bench_options *options, const struct wr_bench_result *r)
{
    if (options->json) {
        print_json(options, r);
    } else {
        print_text(options, r);
    }
}
