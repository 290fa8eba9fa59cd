// The actions of a rule as they would be sent: templates, what the destination would refuse, what
// the case makes fail, and the error action with its document. Nothing is sent.
#include "engine/cli/suite_run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/flow/error_document.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define NO_TRACE "00000000-0000-0000-0000-000000000000" // cases without context.traceId

// Which results an action takes (actions.md 3). Kinds that are not listed take any.
enum form { TEXT, JSON, OBJECT };

static const struct {
    const char *kind;
    enum form form;
} forms[] = {
    {"sqs", TEXT},
    {"sns", TEXT},
    {"cloudwatchLogs", TEXT},
    {"lambda", JSON},
    {"iotEvents", JSON},
    {"iotAnalytics", JSON},
    {"stepFunctions", JSON},
    {"influxDB", JSON},
    {"dynamoDBv2", OBJECT},
    {"timestream", OBJECT},
    {"elasticsearch", OBJECT},
    {"openSearch", OBJECT},
};

WR_PRINTF(3, 4)
static void fail(struct wr_suite_runner *r, struct wr_suite_action *out, const char *format, ...)
{
    va_list args;
    char *text = NULL;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0) {
        wr_out_of_memory(0);
    }
    out->failed = true;
    out->why = wr_str_dup(&r->arena, (wr_str){text, (size_t)len});
    free(text);
    int primary = out->action->impl->resource_option;
    if (primary >= 0 && (size_t)primary < out->action->param_count) {
        out->resource = out->params ? out->params[primary].text : out->action->params[primary].text;
    }
}

// ---- what a destination would refuse

// Why the body cannot be sent, or NULL.
static const char *body_trouble(const struct wr_suite_action *a)
{
    const struct wr_sink_impl *impl = a->action->impl;
    size_t i = 0;
    while (i < WR_COUNT(forms) && strcmp(forms[i].kind, impl->name) != 0) {
        i++;
    }
    if (i == WR_COUNT(forms)) {
        return NULL;
    }
    int base64 = wr_option_find(impl->options, WR_STR("useBase64"));
    bool encoded = base64 >= 0 && a->params[base64].number != 0;
    switch (forms[i].form) {
    case TEXT:
        return encoded || wr_utf8_valid(a->body) ? NULL : "the result is no UTF-8 text";
    case JSON:
        return a->json && a->body.len ? NULL : "the result is no JSON";
    case OBJECT:
        return a->json && wr_str_starts(a->body, WR_STR("{")) ? NULL
                                                              : "the result is no JSON object";
    }
    return NULL;
}

// What the table and the sink's own check say about the values, as if they were constants.
static wr_err check_values(const struct wr_suite_action *a, struct wr_arena *arena,
                           struct wr_fault *fault)
{
    const struct wr_sink_impl *impl = a->action->impl;
    bool *constant = wr_arena_alloc(arena, a->action->param_count + 1);
    for (size_t i = 0; constant && i < a->action->param_count; i++) {
        const struct wr_option *option = &impl->options[i];
        const struct wr_param *p = &a->params[i];
        constant[i] = true;
        int64_t len = (int64_t)p->text.len;
        if (!p->set || option->type != WR_OPT_STRING) {
            continue;
        }
        if (len == 0 && option->flags & WR_OPT_REQUIRED) {
            return wr_fault_set(fault, WR_ERR_RANGE, "%s: must not be empty", option->name);
        }
        if (option->max && len > option->max) {
            return wr_fault_set(fault, WR_ERR_LIMIT, "%s: %lld bytes, at most %lld are possible",
                                option->name, (long long)len, (long long)option->max);
        }
    }
    return constant && impl->check ? impl->check(a->params, constant, fault) : WR_OK;
}

// ---- templates

static bool expand(struct wr_suite_runner *r, struct wr_case *ran, struct wr_suite_action *out)
{
    const struct wr_rule_action *a = out->action;
    struct wr_param *params = wr_rule_action_params(a, &r->arena);
    struct wr_fault fault = {0};
    if (!params) {
        fail(r, out, "No memory is left for the parameters");
        return false;
    }
    for (size_t i = 0; i < a->template_count; i++) {
        const struct wr_template_use *use = &a->templates[i];
        struct wr_suite_template *t = wr_suite_rule_template(r->result.rule, use);
        wr_str text;
        bool undefined = false;
        bool done = wr_case_template(ran, use->id, &text, &undefined);
        if (!done || wr_rule_action_put(a, params, use, text, undefined, &fault)) {
            fail(r, out, "Failed to resolve the template of %s. The error received was %s",
                 a->impl->options[use->param].name, done ? fault.text : ran->eval.fault.text);
            t->failed++;
            return false;
        }
        t->undefined += undefined;
        t->resolved += !undefined;
    }
    out->params = params;
    return true;
}

static void prepare(struct wr_suite_runner *r, struct wr_case *ran, struct wr_suite_action *out)
{
    struct wr_fault fault = {0};
    if (!expand(r, ran, out)) {
        return;
    }
    const char *trouble = body_trouble(out);
    if (check_values(out, &r->arena, &fault)) {
        fail(r, out, "Failed to perform the action. The error received was %s", fault.text);
    } else if (trouble) {
        fail(r, out, "Failed to perform the action. The error received was %s", trouble);
    }
}

// ---- what the case makes fail

// The text for an action in context.failures: by its path "actions[0]", else by its kind.
static wr_str planned(struct wr_suite_runner *r, const wr_value *failures, size_t index)
{
    char path[32];
    snprintf(path, sizeof path, "actions[%zu]", index);
    const wr_value *v = wr_object_get(failures, wr_str_of(path));
    const char *kind = r->result.actions[index].action->impl->name;
    v = v ? v : wr_object_get(failures, wr_str_of(kind));
    wr_value text = v ? *v : wr_undefined();
    wr_value_force(&text, &r->arena, WR_SQL_2016);
    return text.type == WR_STRING ? wr_value_text(&text) : (wr_str){NULL, 0};
}

static wr_err plan_failures(struct wr_suite_runner *r, const wr_value *failures,
                            struct wr_fault *fault)
{
    struct wr_suite_result *result = &r->result;
    for (uint32_t i = 0; i < failures->len; i++) {
        wr_str key = failures->as.members[i].key;
        bool known = false;
        for (size_t k = 0; k < result->action_count; k++) {
            char path[32];
            snprintf(path, sizeof path, "actions[%zu]", k);
            known |= wr_str_eq(key, wr_str_of(path)) ||
                     wr_str_eq(key, wr_str_of(result->actions[k].action->impl->name));
        }
        if (!known) {
            return wr_fault_set(fault, WR_ERR_UNKNOWN,
                                "context.failures.%.*s: the rule has no such action; expected a "
                                "kind of its actions, or actions[N]",
                                WR_STR_ARG(key));
        }
    }
    for (size_t k = 0; k < result->action_count; k++) {
        struct wr_suite_action *a = &result->actions[k];
        wr_str text = planned(r, failures, k);
        if (text.at && !a->failed) {
            fail(r, a, "%.*s", WR_STR_ARG(text));
            a->planned = true;
        }
    }
    return WR_OK;
}

// ---- the error action

static void run_error_action(struct wr_suite_runner *r, struct wr_case *ran)
{
    struct wr_suite_result *result = &r->result;
    const struct wr_rule *rule = result->rule->rule;
    struct wr_failure failures[WR_RULE_ACTIONS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < result->action_count; i++) {
        const struct wr_suite_action *a = &result->actions[i];
        if (a->failed) {
            failures[count++] = (struct wr_failure){a->action, a->params, a->resource, a->why};
        }
    }
    if (count == 0 || !rule->error_action) {
        return;
    }
    struct wr_sql_message m = ran->message;
    if (!m.trace_id.at) {
        m.trace_id = WR_STR(NO_TRACE);
    }
    struct wr_buf document;
    wr_buf_init_arena(&document, &r->arena);
    wr_error_document_write(&document, &m, rule->name, failures, count, &r->arena);
    result->error_action = (struct wr_suite_action){
        .action = rule->error_action, .body = wr_buf_str(&document), .json = true};
    result->has_error_action = true;
    if (document.over) {
        fail(r, &result->error_action, "No memory is left for the error document");
    } else {
        prepare(r, ran, &result->error_action);
    }
}

wr_err wr_suite_run_actions(struct wr_suite_runner *r, struct wr_case *ran, struct wr_fault *fault)
{
    struct wr_suite_result *result = &r->result;
    const struct wr_rule *rule = result->rule->rule;
    wr_value failures = wr_line_member(&ran->context, "failures", &r->arena);
    for (size_t i = 0; i < rule->action_count; i++) {
        result->actions[i] = (struct wr_suite_action){.action = &rule->actions[i],
                                                      .body = result->answer.payload,
                                                      .json = result->answer.json};
        prepare(r, ran, &result->actions[i]);
    }
    result->action_count = rule->action_count;
    wr_err err = failures.type == WR_OBJECT ? plan_failures(r, &failures, fault) : WR_OK;
    if (!err) {
        run_error_action(r, ran);
    }
    return err;
}
