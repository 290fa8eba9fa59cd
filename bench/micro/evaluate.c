// How long does one message take from bytes to outgoing bytes, no rule matching or matching? Beside
// it in the same run: a scan of the same bytes (floor), jansson's parse of them (what a tree
// costs), and, where it is installed, simdjson doing the first rule's job by hand
// (floor_simdjson.cc).
//
//   bench_evaluate [TEXT COUNT]      only what has TEXT in its name, for COUNT messages, once: for
//                                    callgrind, which counts the instructions of two COUNTs
#include "sql/base/clock.h"
#include "sql/sql.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/banned.h"

#define MESSAGES 1000 // distinct, so that no branch predictor learns one message
#define ROUNDS   7    // medians
#define REPEATS  20   // of all messages in a round

#define PADDING 64 // behind a payload, as simdjson wants it

static char payloads[MESSAGES][256 + PADDING];
static wr_str texts[MESSAGES];
static volatile uint64_t sink;

static void make_messages(void)
{
    uint64_t seed = 42;
    for (int i = 0; i < MESSAGES; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int n = snprintf(
            payloads[i], sizeof payloads[i] - PADDING,
            "{\"device\":\"sensor-%03d\",\"site\":\"plant-%d\",\"temp\":%d.%d,\"humidity\":%d,"
            "\"battery\":0.%02d,\"status\":\"%s\",\"seq\":%d,\"tags\":[\"a\",\"b\"],"
            "\"pos\":{\"lat\":52.%05d,\"lon\":13.%05d}}",
            i, i % 7, (int)(seed >> 60) * 2 + (i % 10 == 0 ? 40 : 0), i % 10, 30 + i % 50, i % 100,
            i % 3 ? "ok" : "warn", i, (int)(seed >> 40 & 0xffff), (int)(seed >> 20 & 0xffff));
        texts[i] = (wr_str){payloads[i], (size_t)n};
    }
}

struct rule {
    struct wr_program *p;
    struct wr_plan *plan;
    struct wr_arena arena;
};

static void rule_init(struct rule *r, const char *sql)
{
    struct wr_program_options options = {.sql_version = WR_STR("2016-03-23")};
    struct wr_fault fault;
    if (wr_program_new(wr_str_of(sql), &options, &r->p, &fault) || wr_program_seal(r->p, &fault)) {
        fprintf(stderr, "%s\n", fault.text);
        exit(2);
    }
    r->plan = wr_plan_new((const struct wr_program *const *)&r->p, 1);
    wr_arena_init(&r->arena, 1u << 20);
}

static void rule_release(struct rule *r)
{
    wr_plan_free(r->plan);
    wr_program_free(r->p);
    wr_arena_release(&r->arena);
}

static void evaluate(struct rule *r, wr_str text)
{
    struct wr_sql_message m = {
        .topic = WR_STR("plant/3/sensor"), .payload = text, .format_indicator = -1};
    struct wr_eval e = {0};
    wr_str bytes;
    bool json;
    if (wr_sql_message_read(&m, r->plan, &r->arena)) {
        exit(2);
    }
    wr_eval_start(&e, &m, 0, NULL);
    if (wr_eval_run(&e) == WR_EVAL_MATCHED && !wr_eval_output(&e, &bytes, &json)) {
        sink += bytes.len;
    }
    wr_arena_reset(&r->arena);
}

static void scan(struct rule *r, wr_str text)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < text.len; i++) {
        sum += (unsigned char)text.at[i];
    }
    sink += sum;
}

static void parse_tree(struct rule *r, wr_str text)
{
    json_t *tree = json_loadb(text.at, text.len, 0, NULL);
    sink += json_object_size(tree);
    json_decref(tree);
}

#ifdef WITH_SIMDJSON
size_t floor_simdjson(const char *at, size_t len, char *out, size_t size);

static void simdjson(struct rule *r, wr_str text)
{
    char out[256];
    sink += floor_simdjson(text.at, text.len, out, sizeof out);
}
#endif

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double measure(void (*work)(struct rule *, wr_str), struct rule *r)
{
    double ns[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        wr_mono begin = wr_mono_now();
        for (int k = 0; k < REPEATS; k++) {
            for (int i = 0; i < MESSAGES; i++) {
                work(r, texts[i]);
            }
        }
        ns[round] = (double)wr_mono_since_us(begin, wr_mono_now()) * 1000 / (REPEATS * MESSAGES);
    }
    qsort(ns, ROUNDS, sizeof *ns, by_value);
    return ns[ROUNDS / 2];
}

struct job {
    const char *name, *sql; // sql NULL: a floor
    void (*work)(struct rule *, wr_str);
};

static const struct job jobs[] = {
    {"floor: sum of the bytes", NULL, scan},
    {"jansson: parse and free", NULL, parse_tree},
#ifdef WITH_SIMDJSON
    {"simdjson: filter and 4 columns, by hand", NULL, simdjson},
#endif
    {"filter and 4 columns, 10 % match",
     "SELECT device, temp, humidity, pos.lat AS lat FROM 'plant/+/sensor' WHERE temp > 39",
     evaluate},
    {"4 columns, all match", "SELECT device, temp, humidity, pos.lat AS lat FROM 'plant/+/sensor'",
     evaluate},
    {"no column, none match", "SELECT device FROM 'plant/+/sensor' WHERE temp > 1000", evaluate},
    {"functions",
     "SELECT upper(status) AS s, concat(device, '/', site) AS id, topic(2) AS plant, round(temp) "
     "AS t FROM 'plant/+/sensor'",
     evaluate},
};

// For callgrind.
static void run_only(const char *text, size_t count)
{
    for (size_t j = 0; j < WR_COUNT(jobs); j++) {
        struct rule r;
        if (!strstr(jobs[j].name, text)) {
            continue;
        }
        if (jobs[j].sql) {
            rule_init(&r, jobs[j].sql);
        }
        for (size_t i = 0; i < count; i++) {
            jobs[j].work(&r, texts[i % MESSAGES]);
        }
        if (jobs[j].sql) {
            rule_release(&r);
        }
    }
}

int main(int argc, char **argv)
{
    double ns[WR_COUNT(jobs)];
    make_messages();
    if (argc == 3) {
        run_only(argv[1], strtoul(argv[2], NULL, 10));
        return 0;
    }
    for (size_t j = 0; j < WR_COUNT(jobs); j++) {
        struct rule r;
        if (!jobs[j].sql) {
            ns[j] = measure(jobs[j].work, NULL);
            printf("%-40s %8.1f ns/message", jobs[j].name, ns[j]);
            printf(j == 0 ? "  (%zu bytes)\n" : "\n", texts[0].len);
            continue;
        }
        rule_init(&r, jobs[j].sql);
        ns[j] = measure(jobs[j].work, &r);
        printf("%-40s %8.1f ns/message  %5.1f x floor, %.2f x jansson\n", jobs[j].name, ns[j],
               ns[j] / ns[0], ns[j] / ns[1]);
        rule_release(&r);
    }
    return 0;
}
