// `weir eval`: one statement on one message, for people; and the interface for conformance cases.
#include "engine/cli/cases.h"
#include "engine/cli/cli.h"
#include "engine/cli/given.h"
#include "engine/rules/zones.h"
#include "sql/base/clock.h"
#include "sql/explain.h"
#include "sql/explain/levels.h"
#include "sql/explain/tape.h"
#include "sql/topic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sql/base/banned.h"

#define MEMORY_MIN     (64u << 10) // as option message_memory
#define MEMORY_DEFAULT (64u << 20)

struct asked {
    const char *sql, *topic, *payload, *version, *cases;
    const char *fuel_text, *memory_text;
    uint64_t fuel; // 0: the default
    size_t memory;
};

static int wrong(const char *text, const char *value)
{
    fprintf(stderr, "weir eval: %s%s; see 'weir help eval'\n", text, value ? value : "");
    return 2;
}

static int show(struct wr_eval *e, struct wr_tape *tape)
{
    wr_str bytes;
    bool json;
    switch (e->state) {
    case WR_EVAL_MATCHED:
        if (wr_eval_output(e, &bytes, &json)) {
            break;
        }
        if (bytes.len) {
            fwrite(bytes.at, 1, bytes.len, stdout);
        }
        if (bytes.len == 0) {
            fprintf(stderr, "(matched; the outgoing payload is empty: the value is Undefined)\n");
        } else if (json || isatty(STDOUT_FILENO)) {
            fputc('\n', stdout);
        }
        return 0;
    case WR_EVAL_NO_MATCH: {
        struct wr_buf why = {0};
        tape->at = 0; // chance is what it was
        wr_explain_where(e->program, e->message, &tape->host, &why);
        fprintf(stderr, "no match: WHERE is not true\n%.*s", WR_STR_ARG(wr_buf_str(&why)));
        wr_buf_release(&why);
        return 1;
    }
    case WR_EVAL_FAILED:
    case WR_EVAL_READY:
    case WR_EVAL_SUSPENDED:
        break;
    }
    fprintf(stderr, "error: the rule fails for this message: %s\n", e->fault.text);
    return 1;
}

static int evaluate(const struct wr_program *p, const struct asked *a, wr_str payload)
{
    struct wr_buf topic = {0};
    struct wr_sql_host host = {.account_id = WR_STR("123456789012"), .zone = wr_zones_find};
    struct wr_sql_message m = {.payload = payload,
                               .timestamp_ms = wr_wall_ms(),
                               .over_mqtt = true,
                               .trace_id = WR_STR("00000000-0000-4000-8000-000000000000"),
                               .format_indicator = -1};
    wr_str filter = wr_program_filter(p), rule, rest;
    if (a->topic) {
        wr_buf_add(&topic, wr_str_of(a->topic));
    } else {
        wr_given_topic(filter, &topic);
    }
    m.topic = wr_buf_str(&topic);
    m.basic_ingest = wr_topic_basic_ingest(m.topic, &rule, &rest);
    int status = 2;
    struct wr_fault fault = {0};
    if (wr_topic_name_check(m.topic, &fault)) {
        fprintf(stderr, "weir eval: topic '%.*s': %s\n", WR_STR_ARG(m.topic), fault.text);
    } else if (!m.basic_ingest && !(filter.len && wr_topic_matches(filter, m.topic))) {
        fprintf(stderr,
                filter.len ? "no match: topic '%.*s' is not matched by FROM '%.*s'\n"
                           : "no match: topic '%.*s', and the statement has no FROM%.*s\n",
                WR_STR_ARG(m.topic), WR_STR_ARG(filter));
        struct wr_buf advice = {0};
        wr_levels_advise(filter, m.topic, &advice);
        fprintf(stderr, "%.*s", WR_STR_ARG(wr_buf_str(&advice)));
        wr_buf_release(&advice);
        status = 1;
    } else {
        struct wr_arena arena;
        wr_arena_init(&arena, a->memory);
        const struct wr_program *programs[] = {p};
        struct wr_plan *plan = wr_plan_new(programs, 1);
        struct wr_eval e = {0};
        if (wr_sql_message_read(&m, plan, &arena)) {
            fprintf(stderr, "error: the payload does not fit into memory\n");
        } else {
            if (!m.json) {
                fprintf(stderr,
                        "note: the payload is not a JSON Object or Array (byte %zu), so it has "
                        "no attributes\n",
                        m.malformed_at);
            }
            struct wr_tape tape;
            wr_tape_init(&tape, &host);
            wr_eval_start(&e, &m, 0, &tape.host);
            wr_eval_run(&e);
            status = show(&e, &tape);
            wr_tape_release(&tape);
        }
        wr_plan_free(plan);
        wr_arena_release(&arena);
    }
    wr_buf_release(&topic);
    return status;
}

static int eval_one(const struct asked *a)
{
    struct wr_program_options options = {.sql_version = wr_str_of(a->version), .fuel = a->fuel};
    struct wr_program *p = NULL;
    struct wr_fault fault = {0};
    wr_str sql = wr_str_of(a->sql);
    wr_err err = wr_program_new(sql, &options, &p, &fault);
    if (!err) {
        err = wr_program_seal(p, &fault);
    }
    if (err) {
        struct wr_buf text = {0};
        wr_explain_fault(sql, &fault, &text);
        fprintf(stderr, "invalid SQL: %.*s", WR_STR_ARG(wr_buf_str(&text)));
        wr_buf_release(&text);
        wr_program_free(p);
        return 2;
    }
    for (size_t i = 0; i < wr_program_warning_count(p); i++) {
        fprintf(stderr, "warning: %s\n", wr_program_warning(p, i)->text);
    }
    struct wr_buf payload = {0};
    int status = wr_given_payload("eval", a->payload, &payload) ? 0 : 2;
    if (status == 0) {
        status = evaluate(p, a, payload.len ? wr_buf_str(&payload) : (wr_str){"", 0});
    }
    wr_buf_release(&payload);
    wr_program_free(p);
    return status;
}

static int eval_cases(const char *name)
{
    FILE *in = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    if (!in) {
        fprintf(stderr, "weir eval: %s: %s\n", name, strerror(errno));
        return 2;
    }
    struct wr_fault fault = {0};
    wr_err err = wr_cases_answer(in, stdout, &fault);
    if (err) {
        fprintf(stderr, "weir eval: %s: %s\n", strcmp(name, "-") == 0 ? "standard input" : name,
                fault.text);
    }
    if (in != stdin) {
        fclose(in);
    }
    return err || fflush(stdout) != 0 ? 2 : 0;
}

// A number with k, M or G behind it, where `units` allows; at least `min`. 0: it is none.
static uint64_t read_number(const char *text, uint64_t min, bool units)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    unsigned shift = 0;
    if (units && *end && !end[1]) {
        shift = *end == 'k' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
        end += shift > 0;
    }
    bool good = *text >= '0' && *text <= '9' && !*end && !errno && n <= UINT64_MAX >> (shift + 8);
    n = good ? n << shift : 0;
    return n >= min ? n : 0;
}

int wr_cli_eval(int argc, char **argv)
{
    struct asked a = {.payload = "{}", .version = "2016-03-23", .memory = MEMORY_DEFAULT};
    static const char *const names[] = {
        "-t", "--topic", "-p", "--payload", "--sql-version", "--cases", "--fuel", "--memory"};
    const char **targets[] = {&a.topic,   &a.topic, &a.payload,   &a.payload,
                              &a.version, &a.cases, &a.fuel_text, &a.memory_text};
    for (int i = 1; i < argc; i++) {
        size_t k = 0;
        while (k < WR_COUNT(names) && strcmp(argv[i], names[k]) != 0) {
            k++;
        }
        if (k < WR_COUNT(names)) {
            if (++i == argc) {
                return wrong("expected a value after ", argv[i - 1]);
            }
            *targets[k] = argv[i];
        } else if (argv[i][0] == '-' && argv[i][1]) {
            return wrong("unknown option ", argv[i]);
        } else if (a.sql) {
            return wrong("expected one statement, and found another: ", argv[i]);
        } else {
            a.sql = argv[i];
        }
    }
    if (!a.sql == !a.cases) {
        return wrong("expected a statement or --cases FILE", NULL);
    }
    if (a.fuel_text && !(a.fuel = read_number(a.fuel_text, 1, false))) {
        return wrong("expected a number of steps for --fuel, found ", a.fuel_text);
    }
    if (a.memory_text && !(a.memory = (size_t)read_number(a.memory_text, MEMORY_MIN, true))) {
        return wrong("expected bytes, at least 64k, for --memory, found ", a.memory_text);
    }
    int status = a.cases ? eval_cases(a.cases) : eval_one(&a);
    wr_zones_release();
    return status;
}
