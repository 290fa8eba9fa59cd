// What a case expects, member by member, against what came out (docs/testing.md).
#include "engine/cli/suite_run.h"

#include <stdio.h>

#include "sql/base/json.h"
#include "sql/explain.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

// Members of an expected action that are not the action's own.
static const char *const own_members[] = {"payload", "payloadText", "payloadBase64", "fails", NULL};

static wr_str text_of(struct wr_suite_runner *r, const char *name)
{
    return wr_line_text(&r->result.expect, name, &r->arena);
}

static bool expected(const struct wr_suite_runner *r, const char *name)
{
    return wr_object_get(&r->result.expect, wr_str_of(name)) != NULL;
}

static wr_str unbase64(struct wr_suite_runner *r, wr_str text)
{
    struct wr_buf bytes;
    wr_buf_init_arena(&bytes, &r->arena);
    bool good = wr_buf_add_unbase64(&bytes, text);
    return good && bytes.at ? wr_buf_str(&bytes) : (wr_str){good ? "" : NULL, 0};
}

// ---- why it came out so

// Every line of `text` as a line of the explanation.
static void add_lines(struct wr_diff *d, wr_str text)
{
    size_t at = 0;
    while (at < text.len) {
        const char *end = memchr(text.at + at, '\n', text.len - at);
        size_t stop = end ? (size_t)(end - text.at) : text.len;
        wr_diff_line(d, "  %.*s", WR_STR_ARG(wr_str_cut(text, at, stop)));
        at = stop + 1;
    }
}

static void explain_topic(struct wr_suite_runner *r, const struct wr_case *ran)
{
    wr_str filter = wr_program_filter(ran->eval.program), name, rest;
    if (filter.len == 0) {
        wr_diff_line(&r->diff, "  the statement has no FROM: Basic Ingest reaches it only "
                               "(context.basicIngest)");
        return;
    }
    wr_diff_line(&r->diff, "  topic \"%.*s\" is not matched by FROM '%.*s'",
                 WR_STR_ARG(ran->message.topic), WR_STR_ARG(filter));
    if (wr_topic_basic_ingest(ran->message.topic, &name, &rest)) {
        wr_diff_line(&r->diff, "  if it is Basic Ingest for this rule: context.basicIngest true");
    }
}

// The fault, or the term of WHERE that decided.
static void explain(struct wr_suite_runner *r, const struct wr_case *ran)
{
    const struct wr_case_answer *a = &r->result.answer;
    const struct wr_suite_rule *rule = r->result.rule;
    if (a->fault.code) {
        struct wr_buf why = {0};
        bool placed = rule && rule->kind == WR_SUITE_STATEMENT && a->fault.line;
        if (placed) {
            wr_explain_fault(rule->sql, &a->fault, &why);
            add_lines(&r->diff, wr_buf_str(&why));
        } else {
            wr_diff_line(&r->diff, "  %s%s%s",
                         rule && rule->kind == WR_SUITE_DOCUMENT ? rule->key : "",
                         rule && rule->kind == WR_SUITE_DOCUMENT ? ": " : "", a->fault.text);
        }
        wr_buf_release(&why);
        return;
    }
    if (a->has_payload || a->has_text) {
        wr_str found = a->has_text ? a->text : a->payload;
        struct wr_buf shown = {0};
        wr_diff_show_bytes(&shown, found);
        wr_diff_line(&r->diff, "  the result is %.*s", WR_STR_ARG(wr_buf_str(&shown)));
        wr_buf_release(&shown);
    }
    if (!ran || strcmp(a->outcome, "nomatch") != 0) {
        return;
    }
    if (rule->rule && !rule->rule->enabled) {
        wr_diff_line(&r->diff, "  the rule is disabled (ruleDisabled)");
    } else if (!wr_case_topic_fits(ran)) {
        explain_topic(r, ran);
    } else {
        struct wr_buf why = {0};
        wr_explain_where(rule->program, &ran->message, &ran->host.host, &why);
        add_lines(&r->diff, wr_buf_str(&why));
        wr_buf_release(&why);
    }
}

static void judge_place(struct wr_suite_runner *r)
{
    const struct wr_fault *fault = &r->result.answer.fault;
    wr_str wanted = text_of(r, "at");
    char found[32];
    snprintf(found, sizeof found, "%u:%u", fault->line, fault->column);
    if (!wr_str_eq(wanted, wr_str_of(found))) {
        wr_diff_pair(&r->diff, "at", wanted, fault->line ? wr_str_of(found) : WR_STR("no place"));
        wr_diff_line(&r->diff, "  %s", fault->text);
    }
}

// ---- the result

// A payload that must be JSON.
static wr_err judge_json(struct wr_suite_runner *r, const char *path, const wr_value *wanted,
                         wr_str payload, const struct wr_diff_mode *mode, struct wr_fault *fault)
{
    wr_value found;
    if (!wr_json_parse(payload, &r->arena, WR_SQL_2016, &found, NULL)) {
        return wr_diff_json(&r->diff, path, wanted, &found, mode, fault);
    }
    struct wr_buf shown = {0};
    wr_diff_show(&shown, wanted, &r->arena);
    wr_diff_line(&r->diff, "%s: expected JSON, got %s", path,
                 payload.len ? "what is none" : "an empty payload");
    if (payload.len) {
        wr_diff_bytes(&r->diff, path, wr_buf_str(&shown), payload);
    }
    wr_buf_release(&shown);
    return WR_OK;
}

static wr_err judge_output(struct wr_suite_runner *r, wr_str name, const wr_value *value,
                           struct wr_fault *fault)
{
    const struct wr_case_answer *a = &r->result.answer;
    wr_str found = a->has_text ? a->text : a->payload;
    const char *what = a->has_text ? "text" : "payload";
    if (wr_str_eq(name, WR_STR("json"))) {
        wr_value tolerance = wr_line_member(&r->result.expect, "tolerance", &r->arena);
        struct wr_diff_mode mode = {.tolerance = tolerance.type == WR_NUMBER ? &tolerance : NULL};
        return judge_json(r, "$", value, found, &mode, fault);
    }
    if (wr_str_eq(name, WR_STR("matches"))) {
        return wr_diff_matches(&r->diff, what, wr_value_text(value), found, fault);
    }
    bool base64 = wr_str_eq(name, WR_STR("base64"));
    wr_diff_bytes(&r->diff, what, base64 ? unbase64(r, wr_value_text(value)) : wr_value_text(value),
                  found);
    return WR_OK;
}

// ---- actions

static wr_err judge_body(struct wr_suite_runner *r, const char *path, const wr_value *members,
                         const struct wr_suite_action *found, bool subset, struct wr_fault *fault)
{
    struct wr_diff_mode mode = {.subset = subset, .patterns = true};
    struct wr_buf name = {0};
    wr_err err = WR_OK;
    for (uint32_t i = 0; !err && i < members->len; i++) {
        wr_str key = members->as.members[i].key;
        wr_value v = members->as.members[i].value;
        wr_value_force(&v, &r->arena, WR_SQL_2016);
        wr_buf_clear(&name);
        wr_buf_addf(&name, "%s.%.*s", path, WR_STR_ARG(key));
        const char *at = wr_buf_terminated(&name);
        if (wr_str_eq(key, WR_STR("payload"))) {
            err = judge_json(r, at, &v, found->body, &mode, fault);
        } else if (wr_str_eq(key, WR_STR("payloadText"))) {
            err = wr_diff_text(&r->diff, at, &v, found->body, fault);
        } else if (wr_str_eq(key, WR_STR("payloadBase64"))) {
            wr_str bytes = v.type == WR_STRING ? unbase64(r, wr_value_text(&v)) : (wr_str){NULL, 0};
            if (bytes.at) {
                wr_diff_bytes(&r->diff, at, bytes, found->body);
            } else {
                err =
                    wr_fault_set(fault, WR_ERR_TYPE, "expect.%s: expected a string of base64", at);
            }
        }
    }
    wr_buf_release(&name);
    return err;
}

// `fails`: true, or what the failure's message is.
static wr_err judge_failure(struct wr_suite_runner *r, const char *path, const wr_value *members,
                            const struct wr_suite_action *found, struct wr_fault *fault)
{
    wr_value fails = wr_line_member(members, "fails", &r->arena);
    bool truth = fails.type == WR_BOOLEAN, wanted = truth ? fails.as.truth : true;
    struct wr_buf name = {0};
    wr_buf_addf(&name, "%s.fails", path);
    wr_err err = WR_OK;
    if (fails.type == WR_UNDEFINED) {
        if (found->failed && !found->planned) {
            wr_diff_line(&r->diff, "%s: it fails: %.*s", path, WR_STR_ARG(found->why));
        }
    } else if (!truth && fails.type != WR_STRING && fails.type != WR_OBJECT) {
        err = wr_fault_set(fault, WR_ERR_TYPE,
                           "expect.%s: expected true, a text or {\"matches\": PATTERN}",
                           wr_buf_terminated(&name));
    } else if (wanted != found->failed) {
        wr_diff_line(&r->diff,
                     wanted ? "%s: expected that it fails, but it would be sent"
                            : "%s: expected that it is sent, but it fails: %.*s",
                     path, WR_STR_ARG(found->why));
    } else if (!truth) {
        err = wr_diff_text(&r->diff, wr_buf_terminated(&name), &fails, found->why, fault);
    }
    wr_buf_release(&name);
    return err;
}

// {kind: members}
static wr_err judge_action(struct wr_suite_runner *r, const char *path, const wr_value *wanted,
                           const struct wr_suite_action *found, bool subset, struct wr_fault *fault)
{
    wr_value v = *wanted;
    wr_value_force(&v, &r->arena, WR_SQL_2016);
    if (v.type != WR_OBJECT || v.len != 1) {
        return wr_fault_set(fault, WR_ERR_TYPE,
                            "expect.%s: expected an object with one member, the kind of action",
                            path);
    }
    wr_str kind = v.as.members[0].key;
    const struct wr_sink_impl *impl = found->action->impl;
    if (!wr_str_eq(kind, wr_str_of(impl->name))) {
        wr_diff_pair(&r->diff, path, kind, wr_str_of(impl->name));
        return WR_OK;
    }
    wr_value members = v.as.members[0].value;
    wr_value_force(&members, &r->arena, WR_SQL_2016);
    if (members.type != WR_OBJECT) {
        return wr_fault_set(fault, WR_ERR_TYPE,
                            "expect.%s.%s: expected an object, the members to compare", path,
                            impl->name);
    }
    struct wr_buf name = {0};
    wr_buf_addf(&name, "%s.%s", path, impl->name);
    const char *at = wr_buf_terminated(&name);
    wr_err err = judge_failure(r, at, &members, found, fault);
    const struct wr_param *params = found->params ? found->params : found->action->params;
    size_t before = r->diff.count;
    if (!err) {
        err = wr_diff_params(&r->diff, at, impl, params, &members, own_members, fault);
    }
    if (!err && !found->params && r->diff.count > before) {
        wr_diff_line(&r->diff, "  (templates as written: one of them failed)");
    }
    if (!err) {
        err = judge_body(r, at, &members, found, subset, fault);
    }
    wr_buf_release(&name);
    return err;
}

static wr_err judge_actions(struct wr_suite_runner *r, const wr_value *wanted,
                            struct wr_fault *fault)
{
    const struct wr_suite_result *result = &r->result;
    if (wanted->len != result->action_count) {
        wr_diff_line(&r->diff, "actions: expected %u, got %zu", wanted->len, result->action_count);
    }
    wr_err err = WR_OK;
    for (uint32_t i = 0; !err && i < wanted->len && i < result->action_count; i++) {
        char path[32];
        snprintf(path, sizeof path, "actions[%u]", i);
        err = judge_action(r, path, &wanted->as.items[i], &result->actions[i], false, fault);
    }
    return err;
}

static wr_err judge_error_action(struct wr_suite_runner *r, const wr_value *wanted,
                                 struct wr_fault *fault)
{
    const struct wr_suite_result *result = &r->result;
    if (wanted->type == WR_NULL) {
        if (result->has_error_action) {
            wr_diff_pair(&r->diff, "errorAction", WR_STR("none"),
                         wr_str_of(result->error_action.action->impl->name));
        }
        return WR_OK;
    }
    if (!result->has_error_action) {
        wr_diff_line(&r->diff, "errorAction: expected one, got none: %s",
                     result->rule->rule->error_action
                         ? "no action failed (context.failures makes one fail)"
                         : "the rule has no errorAction");
        return WR_OK;
    }
    return judge_action(r, "errorAction", wanted, &result->error_action, true, fault);
}

// What fails by itself must be expected.
static void no_failed_actions(struct wr_suite_runner *r)
{
    const struct wr_suite_result *result = &r->result;
    bool listed = expected(r, "actions");
    wr_value error_action = wr_line_member(&result->expect, "errorAction", &r->arena);
    for (size_t i = 0; !listed && error_action.type != WR_OBJECT && i < result->action_count; i++) {
        const struct wr_suite_action *a = &result->actions[i];
        if (a->failed && !a->planned) {
            wr_diff_line(&r->diff, "%s: it fails: %.*s", a->action->path, WR_STR_ARG(a->why));
        }
    }
    if (result->has_error_action && result->error_action.failed && error_action.type != WR_OBJECT) {
        wr_diff_line(&r->diff, "%s: it fails: %.*s", result->error_action.action->path,
                     WR_STR_ARG(result->error_action.why));
    }
}

static wr_err judge_member(struct wr_suite_runner *r, wr_str name, const wr_value *value,
                           struct wr_fault *fault)
{
    bool fires = strcmp(r->result.answer.outcome, "output") == 0;
    if (wr_str_eq(name, WR_STR("outcome")) || wr_str_eq(name, WR_STR("tolerance"))) {
        return WR_OK;
    }
    if (wr_str_eq(name, WR_STR("at"))) {
        judge_place(r);
        return WR_OK;
    }
    if (!fires) { // null and []
        return WR_OK;
    }
    if (wr_str_eq(name, WR_STR("actions"))) {
        return judge_actions(r, value, fault);
    }
    if (wr_str_eq(name, WR_STR("errorAction"))) {
        return judge_error_action(r, value, fault);
    }
    return judge_output(r, name, value, fault);
}

wr_err wr_suite_judge(struct wr_suite_runner *r, const struct wr_case *ran, struct wr_fault *fault)
{
    struct wr_suite_result *result = &r->result;
    wr_str outcome = text_of(r, "outcome");
    if (!outcome.at) {
        outcome = WR_STR("output");
    }
    if (!wr_str_eq(outcome, wr_str_of(result->answer.outcome))) {
        wr_diff_pair(&r->diff, "outcome", outcome, wr_str_of(result->answer.outcome));
        explain(r, ran);
        result->differs = UINT32_MAX;
        return WR_OK;
    }
    wr_err err = WR_OK;
    for (uint32_t i = 0; !err && i < result->expect.len; i++) {
        const struct wr_member *m = &result->expect.as.members[i];
        wr_value v = m->value;
        size_t before = r->diff.count;
        wr_value_force(&v, &r->arena, WR_SQL_2016);
        err = judge_member(r, m->key, &v, fault);
        result->differs |= r->diff.count > before ? 1u << i : 0;
    }
    if (!err && strcmp(result->answer.outcome, "output") == 0) {
        no_failed_actions(r);
    }
    return err;
}
