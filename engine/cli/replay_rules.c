// `weir replay --rules`: evaluates rules on recorded messages and says what each did.
#include "engine/cli/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/cli/cli.h"
#include "engine/cli/replay_results.h"
#include "engine/cli/replay_side.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define LARGE_BYTES (1u << 20) // default of payload_max: weir run leaves larger ones out

struct run {
    const struct wr_replay_options *options;
    struct wr_side side;
    struct wr_replay_input in;
    struct wr_progress progress;
    FILE *results;
    struct wr_buf line;
    uint64_t evaluated, stored, large;
    bool interrupted;
};

static wr_err write_results(struct run *r, const struct wr_file_message *m,
                            const struct wr_outcome *outcomes, size_t count, struct wr_fault *fault)
{
    for (size_t i = 0; r->results && i < count; i++) {
        if (outcomes[i].state == WR_OUTCOME_NO_MATCH) {
            continue;
        }
        wr_buf_clear(&r->line);
        wr_results_write(&r->line, &r->in, m, &outcomes[i]);
        if (fwrite(r->line.at, 1, r->line.len, r->results) != r->line.len) {
            return wr_fault_set(fault, WR_ERR_IO, "%s: cannot be written: %s", r->options->results,
                                strerror(errno));
        }
    }
    return WR_OK;
}

static wr_err step_through(struct run *r, struct wr_fault *fault)
{
    struct wr_file_message m;
    bool end = false;
    wr_err err = WR_OK;
    while (!err && !r->interrupted) {
        err = wr_replay_input_next(&r->in, &m, &end, fault);
        if (err || end) {
            break;
        }
        if (wr_progress_due(&r->progress)) {
            wr_replay_input_progress(&r->in, &r->progress, "");
        }
        r->interrupted = wr_replay_interrupted();
        if (m.stored) { // told to the recorder when it subscribed: no publication
            r->stored++;
            continue;
        }
        size_t count;
        r->evaluated++;
        r->large += m.sql.payload.len > LARGE_BYTES;
        const struct wr_outcome *outcomes = wr_side_evaluate(&r->side, &m, r->in.taken, &count);
        err = write_results(r, &m, outcomes, count, fault);
    }
    return err;
}

// ---- the report

struct sums {
    uint64_t evaluated, matched, failed, records, actions_failed;
};

static struct sums sums_of(const struct wr_rule *rule)
{
    const struct wr_rule_counters *c = rule->counters;
    struct sums s = {.evaluated = c->topic_match, .matched = c->matched};
    for (int why = 0; why < WR_WHY_COUNT; why++) {
        s.failed += c->failed[why];
    }
    for (const struct wr_action_counters *a = c->actions; a; a = a->next) {
        s.records += a->success;
        s.actions_failed += wr_action_failures(a);
    }
    return s;
}

static void print_row(const char *name, int width, const struct sums *s)
{
    char columns[5][32];
    printf("%-*s %12s %12s %12s %12s %12s\n", width, name,
           wr_progress_count(s->evaluated, columns[0]), wr_progress_count(s->matched, columns[1]),
           wr_progress_count(s->failed, columns[2]), wr_progress_count(s->records, columns[3]),
           wr_progress_count(s->actions_failed, columns[4]));
}

static void print_text(const struct run *r)
{
    struct sums all = {0};
    size_t count = wr_rule_set_count(r->side.rules), width = 8;
    char messages[32], none[32], stored[32];
    for (size_t i = 0; i < count; i++) {
        size_t len = wr_rule_set_at(r->side.rules, i)->name.len;
        width = len > width ? len : width;
    }
    printf("%-*s %12s %12s %12s %12s %12s\n", (int)width, "rule", "evaluated", "matched", "failed",
           "records", "not sent");
    for (size_t i = 0; i < count; i++) {
        const struct wr_rule *rule = wr_rule_set_at(r->side.rules, i);
        struct sums s = sums_of(rule);
        print_row(rule->counters->name, (int)width, &s);
        all.evaluated += s.evaluated;
        all.matched += s.matched;
        all.failed += s.failed;
        all.records += s.records;
        all.actions_failed += s.actions_failed;
    }
    print_row("all", (int)width, &all);
    printf("%s messages, no rule for %s of them", wr_progress_count(r->evaluated, messages),
           wr_progress_count(r->side.metrics->no_rule, none));
    if (r->stored) {
        printf("; left out: %s that the broker had kept from before",
               wr_progress_count(r->stored, stored));
    }
    printf("\n");
}

static void print_json(const struct run *r)
{
    struct wr_buf b = {0};
    wr_buf_addf(&b,
                "{\"messages\":%" PRIu64 ",\"noRule\":%" PRIu64 ",\"storedLeftOut\":%" PRIu64
                ",\"rules\":{",
                r->evaluated, r->side.metrics->no_rule, r->stored);
    for (size_t i = 0; i < wr_rule_set_count(r->side.rules); i++) {
        const struct wr_rule *rule = wr_rule_set_at(r->side.rules, i);
        struct sums s = sums_of(rule);
        wr_buf_add(&b, i ? WR_STR(",") : WR_STR(""));
        wr_json_write_string(&b, rule->name);
        wr_buf_addf(&b,
                    ":{\"evaluated\":%" PRIu64 ",\"matched\":%" PRIu64 ",\"failed\":%" PRIu64
                    ",\"records\":%" PRIu64 ",\"notSent\":%" PRIu64 "}",
                    s.evaluated, s.matched, s.failed, s.records, s.actions_failed);
    }
    wr_buf_add(&b, WR_STR("}}\n"));
    fwrite(b.at, 1, b.len, stdout);
    wr_buf_release(&b);
}

static void report(struct run *r)
{
    bool on_stdout = r->results == stdout;
    if (r->options->json) {
        print_json(r);
    } else if (!on_stdout) {
        print_text(r);
    }
    if (r->large) {
        fprintf(stderr,
                "weir replay: note: %" PRIu64 " payloads are larger than 1 MiB: weir run leaves "
                "those out unless payload_max is raised\n",
                r->large);
    }
}

static wr_err open_results(struct run *r, struct wr_fault *fault)
{
    const char *name = r->options->results;
    if (name) {
        r->results = strcmp(name, "-") == 0 ? stdout : fopen(name, "we");
        if (!r->results) {
            return wr_fault_set(fault, WR_ERR_IO, "%s: cannot be opened: %s", name,
                                strerror(errno));
        }
    }
    return WR_OK;
}

static wr_err close_results(struct run *r, struct wr_fault *fault)
{
    bool failed = r->results && r->results != stdout && fclose(r->results) != 0;
    return failed ? wr_fault_set(fault, WR_ERR_IO, "%s: cannot be written: %s", r->options->results,
                                 strerror(errno))
                  : WR_OK;
}

int wr_replay_into_rules(const struct wr_replay_options *options)
{
    struct run r = {.options = options};
    struct wr_fault fault = {0};
    wr_replay_catch_signals();
    wr_replay_input_init(&r.in, options);
    wr_err err = wr_side_open(&r.side, options->rules[0], false, &fault);
    if (!err) {
        err = open_results(&r, &fault);
    }
    bool ready = !err;
    if (ready) {
        wr_progress_init(&r.progress);
        err = step_through(&r, &fault);
        wr_progress_clear(&r.progress);
        report(&r);
        wr_err closed = close_results(&r, err ? NULL : &fault);
        err = err ? err : closed;
    }
    fflush(stdout);
    if (err) {
        fprintf(stderr, "weir replay: %s%s\n", fault.text,
                ready ? " (what came before is counted)" : "");
    } else if (r.interrupted) {
        fprintf(stderr, "weir replay: stopped before the end\n");
    } else {
        wr_replay_input_note_none(&r.in);
    }
    wr_side_close(&r.side);
    wr_replay_input_release(&r.in);
    wr_buf_release(&r.line);
    return err ? WR_EXIT_USAGE : r.interrupted ? WR_EXIT_NO : WR_EXIT_OK;
}
