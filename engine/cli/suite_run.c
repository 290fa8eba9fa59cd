// Evaluates a case: its rule or statement, the rule's actions, and what all that covered.
#include "engine/cli/suite_run.h"

#include <stdlib.h>

#include "engine/rules/zones.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

void wr_suite_runner_init(struct wr_suite_runner *r, const struct wr_suite *suite, bool coverage)
{
    *r = (struct wr_suite_runner){.suite = suite};
    wr_suite_rules_init(&r->rules, coverage);
    wr_arena_init(&r->arena, WR_SUITE_CASE_BYTES);
    r->diff = (struct wr_diff){.out = &r->result.why, .arena = &r->arena};
}

void wr_suite_runner_release(struct wr_suite_runner *r)
{
    wr_suite_rules_release(&r->rules);
    wr_diff_release(&r->diff);
    wr_buf_release(&r->result.why);
    wr_arena_release(&r->arena);
    wr_zones_release();
}

static void count_coverage(struct wr_case *ran, struct wr_suite_rule *rule, bool matched)
{
    if (!rule->coverage || !ran->read || !wr_case_topic_fits(ran)) {
        return;
    }
    struct wr_arena arena;
    wr_arena_init(&arena, WR_SUITE_CASE_BYTES);
    struct wr_case_host host;
    wr_case_host_init(&host, &ran->context, &arena);
    if (wr_coverage_add(rule->coverage, &ran->message, matched, &host.host, &arena)) {
        rule->messages_left_out++;
    }
    wr_arena_release(&arena);
}

static wr_err run_program(struct wr_suite_runner *r, struct wr_case *ran, struct wr_fault *fault)
{
    struct wr_suite_result *result = &r->result;
    struct wr_suite_rule *rule = result->rule;
    wr_err err = WR_OK;
    rule->cases++;
    if (rule->rule && !rule->rule->enabled) {
        result->answer.outcome = "nomatch";
        return WR_OK;
    }
    wr_case_statement(ran, &result->answer);
    bool matched = result->answer.has_payload;
    if (matched && rule->rule) {
        err = wr_suite_run_actions(r, ran, fault);
    }
    count_coverage(ran, rule, matched);
    return err;
}

static wr_err evaluate(struct wr_suite_runner *r, const struct wr_suite_case *c,
                       struct wr_fault *fault)
{
    struct wr_suite_result *result = &r->result;
    struct wr_line line;
    wr_err err = wr_line_read(c->line, &r->arena, &line, fault);
    if (err) {
        return err;
    }
    result->expect = wr_line_member(&line.object, "expect", &r->arena);
    wr_str template = wr_line_text(&line.object, "template", &r->arena);
    if (template.at) {
        err = wr_case_evaluate(wr_line_text(&line.object, "sql", &r->arena), template, &line,
                               &r->arena, &result->answer, fault);
        return err ? err : wr_suite_judge(r, NULL, fault);
    }
    err = wr_suite_rules_find(&r->rules, r->suite->files[c->file].name, c->id, &line, &r->arena,
                              &result->rule, fault);
    if (err) {
        return err;
    }
    if (!result->rule->program) {
        result->answer.outcome = "invalid";
        result->answer.fault = result->rule->fault;
        return wr_suite_judge(r, NULL, fault);
    }
    struct wr_case ran = {0};
    err = wr_case_init(&ran, result->rule->program, &line, &r->arena, fault);
    err = err ? err : run_program(r, &ran, fault);
    err = err ? err : wr_suite_judge(r, &ran, fault);
    wr_case_release(&ran);
    return err;
}

const struct wr_suite_result *wr_suite_run_case(struct wr_suite_runner *r,
                                                const struct wr_suite_case *c)
{
    struct wr_suite_result *result = &r->result;
    struct wr_buf why = result->why;
    wr_buf_clear(&why);
    wr_arena_reset(&r->arena);
    *result = (struct wr_suite_result){.why = why};
    r->diff.count = 0;
    wr_mono start = wr_mono_now();
    struct wr_fault fault = {0};
    if (evaluate(r, c, &fault)) {
        result->state = WR_SUITE_BROKEN;
        wr_buf_clear(&result->why);
        wr_buf_addf(&result->why, "%s\n", fault.text);
    } else if (r->diff.count) {
        result->state = WR_SUITE_FAILED;
    }
    if (r->diff.count > WR_DIFF_LINES_MAX && result->state == WR_SUITE_FAILED) {
        wr_buf_addf(&result->why, "… and %zu more\n", r->diff.count - WR_DIFF_LINES_MAX);
    }
    result->took_us = wr_mono_since_us(start, wr_mono_now());
    return result;
}
