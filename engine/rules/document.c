// Rule documents: shape, names and limits of actions.md 1.2, and the members of each action against
// the sink's option table. It does not read SQL or the inside of templates.
#include "engine/rules/document.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "engine/rules/params.h"

#include "sql/base/banned.h"

// What the API knows (actions.md 2.1), so that a kind that weir lacks is told from a typing error.
static const char *const aws_kinds[] = {
    "s3",
    "dynamoDB",
    "dynamoDBv2",
    "lambda",
    "republish",
    "kafka",
    "sqs",
    "sns",
    "kinesis",
    "firehose",
    "http",
    "cloudwatchLogs",
    "cloudwatchMetric",
    "cloudwatchAlarm",
    "timestream",
    "stepFunctions",
    "elasticsearch",
    "openSearch",
    "iotEvents",
    "iotAnalytics",
    "iotSiteWise",
    "location",
    "salesforce",
    "influxDB",
    NULL,
};

static const char *const payload_members[] = {
    "sql", "actions", "description", "ruleDisabled", "awsIotSqlVersion", "errorAction", NULL,
};

static const char *const wrapper_members[] = {"ruleName", "topicRulePayload", "tags", NULL};

static size_t distance(wr_str a, wr_str b)
{
    // Levenshtein's, two rows; names are short.
    size_t row[65];
    if (a.len > 64 || b.len > 64) {
        return SIZE_MAX;
    }
    for (size_t k = 0; k <= b.len; k++) {
        row[k] = k;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            size_t change = diagonal + (a.at[i - 1] != b.at[k - 1]);
            size_t insert = row[k] + 1 < row[k - 1] + 1 ? row[k] + 1 : row[k - 1] + 1;
            diagonal = row[k];
            row[k] = change < insert ? change : insert;
        }
    }
    return row[b.len];
}

const char *wr_name_nearest(wr_str name, const char *const *known)
{
    const char *best = NULL;
    size_t best_distance = 3;
    for (size_t i = 0; known[i]; i++) {
        wr_str candidate = wr_str_of(known[i]);
        if (wr_str_eq_nocase(name, candidate)) {
            return known[i];
        }
        size_t d = distance(name, candidate);
        if (d < best_distance && d < candidate.len / 2 + 1) {
            best_distance = d;
            best = known[i];
        }
    }
    return best;
}

static bool in_list(const char *name, const char *const *list)
{
    for (size_t i = 0; list[i]; i++) {
        if (strcmp(list[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static wr_err unknown_member(const char *where, const char *name, const char *const *known,
                             struct wr_fault *fault)
{
    const char *near = wr_name_nearest(wr_str_of(name), known);
    const char *dot = *where ? "." : "";
    if (near) {
        return wr_fault_set(fault, WR_ERR_UNKNOWN,
                            "%s%s%.80s: there is no such member; did you mean \"%s\"?", where, dot,
                            name, near);
    }
    return wr_fault_set(fault, WR_ERR_UNKNOWN, "%s%s%.80s: there is no such member", where, dot,
                        name);
}

static wr_err only_members(const json_t *object, const char *where, const char *const *known,
                           struct wr_fault *fault)
{
    // jansson's iterators take non-const objects even for reading.
    json_t *o = WR_JSON_MUTABLE(object);
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        const char *name = json_object_iter_key(i);
        if (!in_list(name, known)) {
            return unknown_member(where, name, known, fault);
        }
    }
    return WR_OK;
}

static wr_err text_member(const json_t *object, const char *name, bool required,
                          struct wr_document *d, wr_str *out, struct wr_fault *fault)
{
    const json_t *v = json_object_get(object, name);
    if (!v || json_is_null(v)) {
        return required ? wr_fault_set(fault, WR_ERR_MISSING, "%s: missing", name) : WR_OK;
    }
    if (!json_is_string(v)) {
        return wr_fault_set(fault, WR_ERR_TYPE, "%s: expected a string, found %s", name,
                            wr_json_kind_name(v));
    }
    *out = wr_str_dup(&d->arena, (wr_str){json_string_value(v), json_string_length(v)});
    return WR_OK;
}

wr_err wr_rule_name_check(wr_str name, struct wr_fault *fault)
{
    if (name.len == 0 || name.len > WR_RULE_NAME_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "ruleName: expected 1 to %d characters, found %zu",
                            WR_RULE_NAME_MAX, name.len);
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool fits =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (!fits) {
            return wr_fault_set(fault, WR_ERR_RANGE,
                                "ruleName: \"%.*s\": only letters, digits and _ are allowed%s",
                                WR_STR_ARG(name), c == '-' ? ", no hyphen" : "");
        }
    }
    return WR_OK;
}

static const struct wr_sink_impl *kind_find(const struct wr_sink_impl *const *kinds,
                                            const char *name)
{
    for (size_t i = 0; kinds[i]; i++) {
        if (strcmp(kinds[i]->name, name) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}

static wr_err read_action(struct wr_document *d, const json_t *v, const char *where,
                          const struct wr_sink_impl *const *kinds, struct wr_document_action *out,
                          struct wr_fault *fault)
{
    if (!json_is_object(v)) {
        return wr_fault_set(fault, WR_ERR_TYPE, "%s: expected an object, found %s", where,
                            wr_json_kind_name(v));
    }
    size_t members = json_object_size(v);
    if (members != 1) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "%s: expected exactly one member, the kind of action, found %zu", where,
                            members);
    }
    json_t *o = WR_JSON_MUTABLE(v);
    void *at = json_object_iter(o);
    const char *name = json_object_iter_key(at);
    out->impl = kind_find(kinds, name);
    if (!out->impl) {
        if (in_list(name, aws_kinds)) {
            return wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                                "%s.%s: this kind of action is not supported yet", where, name);
        }
        return unknown_member(where, name, aws_kinds, fault);
    }
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s.%s", where, name);
    out->path = wr_str_dup(&d->arena, wr_buf_str(&path)).at;
    wr_buf_release(&path);
    return wr_params_read(&d->arena, json_object_iter_value(at), out, fault);
}

static wr_err read_actions(struct wr_document *d, const json_t *payload,
                           const struct wr_sink_impl *const *kinds, struct wr_fault *fault)
{
    const json_t *list = json_object_get(payload, "actions");
    if (!list) {
        return wr_fault_set(fault, WR_ERR_MISSING, "actions: missing");
    }
    if (!json_is_array(list)) {
        return wr_fault_set(fault, WR_ERR_TYPE, "actions: expected a list, found %s",
                            wr_json_kind_name(list));
    }
    if (json_array_size(list) > WR_RULE_ACTIONS_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "actions: at most %d are allowed, found %zu",
                            WR_RULE_ACTIONS_MAX, json_array_size(list));
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        char where[32];
        snprintf(where, sizeof where, "actions[%zu]", i);
        wr_err err = read_action(d, json_array_get(list, i), where, kinds, &d->actions[i], fault);
        if (err) {
            return err;
        }
        d->action_count++;
    }
    const json_t *error_action = json_object_get(payload, "errorAction");
    if (!error_action || json_is_null(error_action)) {
        return WR_OK;
    }
    if (json_is_array(error_action)) {
        return wr_fault_set(fault, WR_ERR_TYPE,
                            "errorAction: expected one action, an object, found a list");
    }
    d->has_error_action = true;
    return read_action(d, error_action, "errorAction", kinds, &d->error_action, fault);
}

// The quota's count: the members it names, as compact JSON in UTF-8.
static wr_err check_size(const json_t *payload, struct wr_fault *fault)
{
    static const char *const counted[] = {"sql", "actions", "errorAction", "awsIotSqlVersion",
                                          "description"};
    json_t *copy = json_object();
    for (size_t i = 0; i < WR_COUNT(counted); i++) {
        json_t *v = json_object_get(payload, counted[i]);
        if (v) {
            json_object_set(copy, counted[i], v);
        }
    }
    size_t size = json_dumpb(copy, NULL, 0, JSON_COMPACT);
    json_decref(copy);
    if (size > WR_DOCUMENT_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT,
                            "the rule has %zu bytes (statement, actions, error action, version and "
                            "description as JSON), at most %d are allowed",
                            size, WR_DOCUMENT_MAX);
    }
    return WR_OK;
}

static wr_err read_payload(struct wr_document *d, const json_t *payload,
                           const struct wr_sink_impl *const *kinds, struct wr_fault *fault)
{
    wr_err err = only_members(payload, "", payload_members, fault);
    if (!err) {
        err = text_member(payload, "sql", true, d, &d->sql, fault);
    }
    if (!err) {
        err = text_member(payload, "description", false, d, &d->description, fault);
    }
    if (!err) {
        err = text_member(payload, "awsIotSqlVersion", false, d, &d->sql_version, fault);
    }
    if (err) {
        return err;
    }
    const json_t *disabled = json_object_get(payload, "ruleDisabled");
    if (disabled && !json_is_null(disabled)) {
        if (!json_is_boolean(disabled)) {
            return wr_fault_set(fault, WR_ERR_TYPE,
                                "ruleDisabled: expected true or false, found %s",
                                wr_json_kind_name(disabled));
        }
        d->disabled = json_is_true(disabled);
    }
    err = check_size(payload, fault);
    return err ? err : read_actions(d, payload, kinds, fault);
}

static wr_err read_name(struct wr_document *d, const json_t *root, const char *file_name,
                        struct wr_fault *fault)
{
    const json_t *name = json_object_get(root, "ruleName");
    if (name) {
        if (!json_is_string(name)) {
            return wr_fault_set(fault, WR_ERR_TYPE, "ruleName: expected a string, found %s",
                                wr_json_kind_name(name));
        }
        d->name = wr_str_dup(&d->arena, wr_str_of(json_string_value(name)));
        return wr_rule_name_check(d->name, fault);
    }
    const char *slash = strrchr(file_name, '/');
    wr_str base = wr_str_of(slash ? slash + 1 : file_name);
    if (wr_str_ends(base, WR_STR(".json"))) {
        base.len -= strlen(".json");
    }
    d->name = wr_str_dup(&d->arena, base);
    wr_err err = wr_rule_name_check(d->name, fault);
    if (err) {
        wr_fault_prefix(fault, "the document has no ruleName and its file's name does not serve");
    }
    return err;
}

static wr_err read_root(struct wr_document *d, const json_t *root, const char *file_name,
                        const struct wr_sink_impl *const *kinds, struct wr_fault *fault)
{
    if (!json_is_object(root)) {
        return wr_fault_set(fault, WR_ERR_TYPE, "expected an object, found %s",
                            wr_json_kind_name(root));
    }
    const json_t *payload = json_object_get(root, "topicRulePayload");
    if (!payload) {
        if (json_object_get(root, "ruleName")) {
            return wr_fault_set(fault, WR_ERR_MISSING,
                                "topicRulePayload: missing; a document with a ruleName wraps the "
                                "rule in it");
        }
        wr_err err = read_name(d, root, file_name, fault);
        return err ? err : read_payload(d, root, kinds, fault);
    }
    wr_err err = only_members(root, "", wrapper_members, fault);
    if (!err && !json_is_object(payload)) {
        err = wr_fault_set(fault, WR_ERR_TYPE, "topicRulePayload: expected an object, found %s",
                           wr_json_kind_name(payload));
    }
    if (!err) {
        err = read_name(d, root, file_name, fault);
    }
    return err ? err : read_payload(d, payload, kinds, fault);
}

wr_err wr_document_parse(wr_str text, const char *file_name,
                         const struct wr_sink_impl *const *kinds, struct wr_document **out,
                         struct wr_fault *fault)
{
    if (text.len > WR_DOCUMENT_FILE_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "the document has %zu bytes, at most %d are read",
                            text.len, WR_DOCUMENT_FILE_MAX);
    }
    json_error_t error;
    json_t *root = json_loadb(text.at ? text.at : "", text.len, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        size_t at = error.position > 0 ? (size_t)error.position : 0;
        wr_err err = wr_fault_set(fault, WR_ERR_SYNTAX, "%s", error.text);
        if (fault) {
            fault->offset = at;
            fault->line = error.line > 0 ? (uint32_t)error.line : 1;
            fault->column = error.column > 0 ? (uint32_t)error.column : 1;
        }
        return err;
    }
    struct wr_document *d = wr_zalloc(sizeof *d);
    wr_arena_init(&d->arena, 16 * (size_t)WR_DOCUMENT_FILE_MAX);
    wr_err err = read_root(d, root, file_name, kinds, fault);
    json_decref(root);
    if (!err && d->arena.over) {
        err = wr_fault_set(fault, WR_ERR_LIMIT, "the document takes too much memory");
    }
    if (err) {
        wr_document_free(d);
        return err;
    }
    *out = d;
    return WR_OK;
}

void wr_document_free(struct wr_document *d)
{
    if (d) {
        wr_arena_release(&d->arena);
        free(d);
    }
}
