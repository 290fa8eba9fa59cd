// Evaluates a case: its rule, the rule's actions after templates, and what all that covered.
#include "engine/cli/suite_run.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/rules/params.h"
#include "engine/rules/zones.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

void wr_suite_runner_init(struct wr_suite_runner *r, const struct wr_suite *suite, bool coverage)
{
    *r = (struct wr_suite_runner){.suite = suite, .coverage = coverage};
    r->metrics = wr_metrics_new();
    wr_arena_init(&r->arena, WR_SUITE_CASE_BYTES);
    r->diff = (struct wr_diff){.out = &r->result.why, .arena = &r->arena};
}

void wr_suite_runner_release(struct wr_suite_runner *r)
{
    for (size_t i = 0; i < r->rule_count; i++) {
        struct wr_suite_rule *rule = r->rules[i];
        wr_coverage_free(rule->coverage);
        wr_rule_unlock(rule->rule);
        free(rule->templates);
        free(rule->key);
        free(rule);
    }
    free(r->rules);
    wr_diff_release(&r->diff);
    wr_buf_release(&r->result.why);
    wr_metrics_free(r->metrics);
    wr_arena_release(&r->arena);
    wr_zones_release();
}

// ---- rules

// "sql:LINE:COLUMN: …" is how wr_rule_new() says where.
static void read_place(struct wr_suite_rule *rule)
{
    const char *at = rule->fault.text;
    char *end;
    if (strncmp(at, "sql:", 4) != 0) {
        return;
    }
    unsigned long line = strtoul(at + 4, &end, 10);
    if (line && *end == ':') {
        rule->line = (uint32_t)line;
        rule->column = (uint32_t)strtoul(end + 1, NULL, 10);
    }
}

static wr_str template_text(const struct wr_rule_action *a, const struct wr_template_use *use)
{
    const struct wr_param *p = &a->params[use->param];
    switch (use->part) {
    case WR_PART_KEY:
        return p->keys[use->pair];
    case WR_PART_VALUE:
        return p->values[use->pair];
    case WR_PART_TEXT:
        break;
    }
    return p->text;
}

static void list_templates(struct wr_suite_rule *rule)
{
    const struct wr_rule *r = rule->rule;
    size_t count = r->error_action ? r->error_action->template_count : 0;
    for (size_t i = 0; i < r->action_count; i++) {
        count += r->actions[i].template_count;
    }
    rule->templates = wr_zalloc((count + 1) * sizeof *rule->templates);
    for (size_t i = 0; i <= r->action_count; i++) {
        const struct wr_rule_action *a = i < r->action_count ? &r->actions[i] : r->error_action;
        for (size_t k = 0; a && k < a->template_count; k++) {
            rule->templates[rule->template_count++] = (struct wr_suite_template){
                .action = a, .use = &a->templates[k], .text = template_text(a, &a->templates[k])};
        }
    }
}

static struct wr_suite_rule *add_rule(struct wr_suite_runner *r, wr_str key, bool inlined,
                                      wr_str text)
{
    struct wr_suite_rule *rule = wr_zalloc(sizeof *rule);
    rule->key = wr_strdup(key);
    rule->inlined = inlined;
    struct wr_rule_options options = {.kinds = wr_sink_list, .metrics = r->metrics};
    if (wr_rule_new(text, inlined ? "rule.json" : rule->key, &options, &rule->rule, &rule->fault)) {
        rule->rule = NULL;
        read_place(rule);
    } else {
        list_templates(rule);
        if (r->coverage) {
            rule->coverage = wr_coverage_new(rule->rule->program, &rule->left_out);
        }
    }
    r->rules = wr_realloc(r->rules, (r->rule_count + 1) * sizeof *r->rules);
    r->rules[r->rule_count++] = rule;
    return rule;
}

// The document that `path` names in a suite: one file has one name, whoever names it, below the
// working folder without that. Give.
static wr_err real_name(const char *suite, wr_str path, char **out, struct wr_fault *fault)
{
    struct wr_buf name = {0};
    const char *slash = strrchr(suite, '/');
    if (slash && path.at[0] != '/') {
        wr_buf_add(&name, (wr_str){suite, (size_t)(slash - suite) + 1});
    }
    wr_buf_add(&name, path);
    char *real = realpath(wr_buf_terminated(&name), NULL), *here = getcwd(NULL, 0);
    wr_err err = WR_OK;
    if (!real) {
        err = wr_fault_set(fault, WR_ERR_IO, "rule: %s: %s", wr_buf_terminated(&name),
                           strerror(errno));
    } else {
        size_t len = here ? strlen(here) : 0;
        bool below = len > 1 && strncmp(real, here, len) == 0 && real[len] == '/';
        *out = wr_strdup(wr_str_of(below ? real + len + 1 : real));
    }
    free(real);
    free(here);
    wr_buf_release(&name);
    return err;
}

static wr_err find_rule(struct wr_suite_runner *r, const struct wr_suite_case *c,
                        const struct wr_line *line, struct wr_suite_rule **out,
                        struct wr_fault *fault)
{
    wr_str path = wr_line_text(&line->object, "rule", &r->arena);
    wr_str inlined = wr_suite_span(c->line, "rule"), key = inlined;
    char *name = NULL, *text;
    wr_err err = WR_OK;
    if (path.at) {
        err = real_name(r->suite->files[c->file].name, path, &name, fault);
        key = wr_str_of(name);
    }
    *out = NULL;
    for (size_t i = 0; !err && !*out && i < r->rule_count; i++) {
        struct wr_suite_rule *rule = r->rules[i];
        bool same = rule->inlined == !path.at && wr_str_eq(wr_str_of(rule->key), key);
        *out = same ? rule : NULL;
    }
    if (!err && !*out && path.at) {
        size_t len;
        err = wr_suite_read_file(name, WR_DOCUMENT_FILE_MAX, &text, &len, fault);
        if (!err) {
            *out = add_rule(r, key, false, (wr_str){text, len});
            free(text);
        }
    } else if (!err && !*out) {
        *out = add_rule(r, key, true, inlined);
    }
    free(name);
    return err;
}

// ---- actions

static struct wr_param *copy_params(const struct wr_rule_action *a, struct wr_arena *arena)
{
    struct wr_param *params = wr_arena_alloc(arena, (a->param_count + 1) * sizeof *params);
    for (size_t i = 0; params && i < a->param_count; i++) {
        params[i] = a->params[i];
        size_t size = params[i].count * sizeof(wr_str);
        wr_str *pairs = size ? wr_arena_alloc(arena, 2 * size) : NULL;
        if (size && !pairs) {
            return NULL;
        }
        if (size) {
            memcpy(pairs, params[i].keys, size);
            memcpy(pairs + params[i].count, params[i].values, size);
            params[i].keys = pairs;
            params[i].values = pairs + params[i].count;
        }
    }
    return params;
}

static wr_err put(const struct wr_rule_action *a, struct wr_param *params,
                  const struct wr_template_use *use, wr_str text, struct wr_fault *fault)
{
    struct wr_param *p = &params[use->param];
    if (use->part != WR_PART_TEXT) { // the arrays are copy_params()'s
        wr_str *at = (wr_str *)(uintptr_t)(use->part == WR_PART_KEY ? p->keys : p->values);
        at[use->pair] = text;
        return WR_OK;
    }
    p->text = text;
    const struct wr_option *option = &a->impl->options[use->param];
    return option->type == WR_OPT_STRING ? WR_OK : wr_param_check(option, text, &p->number, fault);
}

static struct wr_suite_template *counter_of(struct wr_suite_rule *rule,
                                            const struct wr_template_use *use)
{
    size_t i = 0;
    while (rule->templates[i].use != use) {
        i++;
    }
    return &rule->templates[i];
}

static void expand(struct wr_suite_runner *r, struct wr_case *ran, struct wr_suite_rule *rule,
                   const struct wr_rule_action *a, struct wr_suite_action *out)
{
    *out = (struct wr_suite_action){.action = a};
    struct wr_param *params = copy_params(a, &r->arena);
    struct wr_fault fault = {0};
    if (!params) {
        out->why = WR_STR("no memory left for the parameters");
        return;
    }
    for (size_t i = 0; i < a->template_count; i++) {
        const struct wr_template_use *use = &a->templates[i];
        struct wr_suite_template *t = counter_of(rule, use);
        wr_str text;
        bool undefined = false;
        bool done = wr_case_template(ran, use->id, &text, &undefined);
        if (!done || put(a, params, use, text, &fault)) {
            struct wr_buf why;
            wr_buf_init_arena(&why, &r->arena);
            wr_buf_addf(&why, "%s: %s", a->impl->options[use->param].name,
                        done ? fault.text : ran->eval.fault.text);
            out->why = wr_buf_str(&why);
            t->failed++;
            return;
        }
        params[use->param].undefined |= undefined;
        t->undefined += undefined;
        t->resolved += !undefined;
    }
    out->params = params;
}

static void run_rule(struct wr_suite_runner *r, struct wr_case *ran, struct wr_suite_rule *rule)
{
    struct wr_suite_result *result = &r->result;
    struct wr_case_answer *a = &result->answer;
    rule->cases++;
    if (!rule->rule->enabled) {
        a->outcome = "nomatch";
        return;
    }
    wr_case_statement(ran, a);
    bool evaluated = wr_case_topic_fits(ran) && ran->read;
    if (a->has_payload) {
        for (size_t i = 0; i < rule->rule->action_count; i++) {
            expand(r, ran, rule, &rule->rule->actions[i], &result->actions[i]);
        }
        result->action_count = rule->rule->action_count;
        if (rule->rule->error_action && wr_object_get(&result->expect, WR_STR("errorAction"))) {
            expand(r, ran, rule, rule->rule->error_action, &result->error_action);
            result->has_error_action = true;
        }
    }
    if (evaluated && rule->coverage) {
        struct wr_arena arena;
        wr_arena_init(&arena, WR_SUITE_CASE_BYTES);
        struct wr_case_host host;
        wr_case_host_init(&host, &ran->context, &arena);
        if (wr_coverage_add(rule->coverage, &ran->message, a->has_payload, &host.host, &arena)) {
            rule->left_out++;
        }
        wr_arena_release(&arena);
    }
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
    struct wr_case ran = {0};
    if (!wr_object_get(&line.object, WR_STR("rule"))) {
        err = wr_case_evaluate(wr_line_text(&line.object, "sql", &r->arena),
                               wr_line_text(&line.object, "template", &r->arena), &line, &r->arena,
                               &result->answer, fault);
        return err ? err : wr_suite_judge(r, NULL, fault);
    }
    err = find_rule(r, c, &line, &result->rule, fault);
    if (err) {
        return err;
    }
    if (!result->rule->rule) {
        result->answer.outcome = "invalid";
        result->answer.fault = result->rule->fault;
        result->answer.fault.line = result->rule->line;
        result->answer.fault.column = result->rule->column;
        return wr_suite_judge(r, NULL, fault);
    }
    err = wr_case_init(&ran, result->rule->rule->program, &line, &r->arena, fault);
    if (!err) {
        run_rule(r, &ran, result->rule);
        err = wr_suite_judge(r, &ran, fault);
    }
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
