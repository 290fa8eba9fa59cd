// What a case expects, member by member, against what came out.
#include "engine/cli/suite_run.h"

#include <stdio.h>

#include "sql/base/json.h"
#include "sql/explain.h"

#include "sql/base/banned.h"

static wr_str text_of(struct wr_suite_runner *r, const char *name)
{
    return wr_line_text(&r->result.expect, name, &r->arena);
}

static wr_value member(struct wr_suite_runner *r, const char *name)
{
    return wr_line_member(&r->result.expect, name, &r->arena);
}

static bool expected(const struct wr_suite_runner *r, const char *name)
{
    return wr_object_get(&r->result.expect, wr_str_of(name)) != NULL;
}

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

// Why it came out so: the fault, or the term of WHERE that decided.
static void explain(struct wr_suite_runner *r, const struct wr_case *ran)
{
    const struct wr_case_answer *a = &r->result.answer;
    const struct wr_suite_rule *rule = r->result.rule;
    if (a->fault.code) {
        wr_diff_line(&r->diff, "  %s", a->fault.text);
        return;
    }
    if (!ran || strcmp(a->outcome, "nomatch") != 0) {
        return;
    }
    if (!rule->rule->enabled) {
        wr_diff_line(&r->diff, "  the rule is disabled (ruleDisabled)");
    } else if (!wr_case_topic_fits(ran)) {
        wr_str filter = rule->rule->filter;
        wr_diff_line(&r->diff, "  topic '%.*s' is not matched by FROM '%.*s'",
                     WR_STR_ARG(ran->message.topic), WR_STR_ARG(filter));
    } else {
        struct wr_buf why = {0};
        wr_explain_where(rule->rule->program, &ran->message, &ran->host.host, &why);
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
    if (wanted.at && !wr_str_eq(wanted, wr_str_of(found))) {
        wr_diff_line(&r->diff, "at: expected %.*s, found %s", WR_STR_ARG(wanted),
                     fault->line ? found : "no place");
        wr_diff_line(&r->diff, "  %s", fault->text);
    }
}

static wr_err judge_json(struct wr_suite_runner *r, wr_str payload)
{
    wr_value wanted = member(r, "json"), tolerance = member(r, "tolerance"), found;
    struct wr_fault fault = {0};
    if (wr_json_parse(payload, &r->arena, WR_SQL_2016, &found, &fault)) {
        struct wr_buf shown = {0};
        wr_diff_show(&shown, &wanted, &r->arena);
        wr_diff_line(&r->diff, "the result: expected %.*s", WR_STR_ARG(wr_buf_str(&shown)));
        wr_buf_release(&shown);
        wr_diff_bytes(&r->diff, "but it is no JSON", WR_STR(""), payload);
        return WR_OK;
    }
    wr_diff_json(&r->diff, "$", &wanted, &found, tolerance.type == WR_NUMBER ? &tolerance : NULL);
    return WR_OK;
}

static wr_err judge_output(struct wr_suite_runner *r, struct wr_fault *fault)
{
    const struct wr_case_answer *a = &r->result.answer;
    wr_str found = a->has_text ? a->text : a->payload, wanted = text_of(r, "text");
    const char *what = a->has_text ? "the text" : "the result";
    wr_err err = WR_OK;
    if (wanted.at) {
        wr_diff_bytes(&r->diff, what, wanted, found);
    }
    wanted = text_of(r, "base64");
    if (wanted.at) {
        struct wr_buf bytes;
        wr_buf_init_arena(&bytes, &r->arena);
        if (!wr_buf_add_unbase64(&bytes, wanted)) {
            return wr_fault_set(fault, WR_ERR_SYNTAX, "expect.base64 is not base64");
        }
        wr_diff_bytes(&r->diff, what, wr_buf_str(&bytes), found);
    }
    wanted = text_of(r, "matches");
    if (wanted.at) {
        err = wr_diff_matches(&r->diff, what, wanted, found, fault);
    }
    if (!err && expected(r, "json")) {
        err = judge_json(r, found);
    }
    return err;
}

// {kind: members}, or {kind: "error"}.
static wr_err judge_action(struct wr_suite_runner *r, const char *path, const wr_value *wanted,
                           const struct wr_suite_action *found, struct wr_fault *fault)
{
    wr_value v = *wanted;
    wr_value_force(&v, &r->arena, WR_SQL_2016);
    if (v.type != WR_OBJECT || v.len != 1) {
        return wr_fault_set(fault, WR_ERR_TYPE, "%s: expected an object with one member, the kind",
                            path);
    }
    wr_str kind = v.as.members[0].key;
    const struct wr_sink_impl *impl = found->action->impl;
    if (!wr_str_eq(kind, wr_str_of(impl->name))) {
        wr_diff_line(&r->diff, "%s: expected %.*s, found %s", path, WR_STR_ARG(kind), impl->name);
        return WR_OK;
    }
    wr_value members = v.as.members[0].value;
    wr_value_force(&members, &r->arena, WR_SQL_2016);
    bool fails = members.type == WR_STRING && wr_str_eq(wr_value_text(&members), WR_STR("error"));
    if (!fails && members.type != WR_OBJECT) {
        return wr_fault_set(fault, WR_ERR_TYPE, "%s.%s: expected an object, or \"error\"", path,
                            impl->name);
    }
    struct wr_buf name = {0};
    wr_buf_addf(&name, "%s.%s", path, impl->name);
    wr_err err = WR_OK;
    if (!found->params && !fails) {
        wr_diff_line(&r->diff, "%s: it fails: %.*s", wr_buf_terminated(&name),
                     WR_STR_ARG(found->why));
    } else if (found->params && fails) {
        wr_diff_line(&r->diff, "%s: expected that it fails, but its templates resolve",
                     wr_buf_terminated(&name));
    } else if (found->params) {
        err = wr_diff_params(&r->diff, wr_buf_terminated(&name), impl, found->params, &members,
                             fault);
    }
    wr_buf_release(&name);
    return err;
}

static wr_err judge_actions(struct wr_suite_runner *r, struct wr_fault *fault)
{
    const struct wr_suite_result *result = &r->result;
    wr_value wanted = member(r, "actions");
    if (wanted.type != WR_ARRAY) {
        return wr_fault_set(fault, WR_ERR_TYPE, "expect.actions: expected a list");
    }
    if (wanted.len != result->action_count) {
        wr_diff_line(&r->diff, "actions: expected %u, found %zu", wanted.len, result->action_count);
    }
    wr_err err = WR_OK;
    for (uint32_t i = 0; !err && i < wanted.len && i < result->action_count; i++) {
        char path[32];
        snprintf(path, sizeof path, "actions[%u]", i);
        err = judge_action(r, path, &wanted.as.items[i], &result->actions[i], fault);
    }
    return err;
}

static wr_err judge_error_action(struct wr_suite_runner *r, struct wr_fault *fault)
{
    wr_value wanted = member(r, "errorAction");
    if (wanted.type == WR_NULL) {
        if (r->result.has_error_action) {
            wr_diff_line(&r->diff, "errorAction: expected none, found %s",
                         r->result.error_action.action->impl->name);
        }
        return WR_OK;
    }
    if (!r->result.has_error_action) {
        wr_diff_line(&r->diff, "errorAction: expected one, and there is none");
        return WR_OK;
    }
    return judge_action(r, "errorAction", &wanted, &r->result.error_action, fault);
}

// Without expect.actions no action may fail unseen.
static void no_failed_actions(struct wr_suite_runner *r)
{
    for (size_t i = 0; i < r->result.action_count; i++) {
        const struct wr_suite_action *a = &r->result.actions[i];
        if (!a->params) {
            wr_diff_line(&r->diff, "%s fails: %.*s", a->action->path, WR_STR_ARG(a->why));
        }
    }
}

wr_err wr_suite_judge(struct wr_suite_runner *r, const struct wr_case *ran, struct wr_fault *fault)
{
    const struct wr_case_answer *a = &r->result.answer;
    wr_str outcome = text_of(r, "outcome");
    if (!outcome.at) {
        outcome = WR_STR("output");
    }
    if (!wr_str_eq(outcome, wr_str_of(a->outcome))) {
        wr_diff_line(&r->diff, "outcome: expected %.*s, found %s", WR_STR_ARG(outcome), a->outcome);
        explain(r, ran);
        return WR_OK;
    }
    judge_place(r);
    if (strcmp(a->outcome, "output") != 0) {
        wr_value actions = member(r, "actions");
        bool none = actions.type == WR_UNDEFINED || (actions.type == WR_ARRAY && !actions.len);
        return none && !expected(r, "errorAction")
                   ? WR_OK
                   : wr_fault_set(fault, WR_ERR_TYPE,
                                  "expect: there are no actions with outcome %s", a->outcome);
    }
    wr_err err = judge_output(r, fault);
    if (!err && expected(r, "actions")) {
        err = judge_actions(r, fault);
    } else if (!err) {
        no_failed_actions(r);
    }
    if (!err && expected(r, "errorAction")) {
        err = judge_error_action(r, fault);
    }
    return err;
}
