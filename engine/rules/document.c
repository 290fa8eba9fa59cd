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

#define DOCUMENT_MORE 128  // bytes beyond the text's, of most
#define ARENA_UNKNOWN 4096 // of one whose length is not known

// A document while it is read.
struct reader {
    struct wr_document *d;
    struct wr_faults faults;
};

static wr_err unknown_member(struct reader *r, const char *where, const char *name,
                             const char *const *known)
{
    const char *near = wr_name_nearest(wr_str_of(name), known);
    char path[128];
    snprintf(path, sizeof path, "%s%s%.80s", where, *where ? "." : "", name);
    return near ? wr_faults_add(&r->faults, WR_ERR_UNKNOWN, path,
                                "there is no such member; did you mean \"%s\"?", near)
                : wr_faults_add(&r->faults, WR_ERR_UNKNOWN, path, "there is no such member");
}

static wr_err only_members(struct reader *r, const json_t *object, const char *const *known)
{
    // jansson's iterators take non-const objects even for reading.
    json_t *o = WR_JSON_MUTABLE(object);
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        const char *name = json_object_iter_key(i);
        wr_err err = in_list(name, known) ? WR_OK : unknown_member(r, "", name, known);
        if (err) {
            return err;
        }
    }
    return WR_OK;
}

static wr_err text_member(struct reader *r, const json_t *object, const char *name, bool required,
                          wr_str *out)
{
    const json_t *v = json_object_get(object, name);
    if (!v || json_is_null(v)) {
        return required ? wr_faults_add(&r->faults, WR_ERR_MISSING, name, "missing") : WR_OK;
    }
    if (!json_is_string(v)) {
        return wr_faults_add(&r->faults, WR_ERR_TYPE, name, "expected a string, found %s",
                             wr_json_kind_name(v));
    }
    *out = wr_str_dup(&r->d->arena, (wr_str){json_string_value(v), json_string_length(v)});
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

static wr_err unknown_kind(struct reader *r, const char *where, const char *name)
{
    if (!in_list(name, aws_kinds)) {
        return unknown_member(r, where, name, aws_kinds);
    }
    char path[64];
    snprintf(path, sizeof path, "%s.%s", where, name);
    if (wr_sink_kind_find(wr_str_of(name))) {
        return wr_faults_add(&r->faults, WR_ERR_UNSUPPORTED, path,
                             "this kind of action has no form for the mode of this weir; "
                             "'weir sinks %s' lists its modes, sinks.%s.mode chooses one",
                             name, name);
    }
    return wr_faults_add(&r->faults, WR_ERR_UNSUPPORTED, path,
                         "this kind of action is not supported yet");
}

// *read: `out` is an action, whose parameters may have had faults.
static wr_err read_action(struct reader *r, const json_t *v, const char *where,
                          struct wr_document_action *out, bool *read)
{
    *read = false;
    if (!json_is_object(v)) {
        return wr_faults_add(&r->faults, WR_ERR_TYPE, where, "expected an object, found %s",
                             wr_json_kind_name(v));
    }
    size_t members = json_object_size(v);
    if (members != 1) {
        return wr_faults_add(&r->faults, WR_ERR_RANGE, where,
                             "expected exactly one member, the kind of action, found %zu", members);
    }
    json_t *o = WR_JSON_MUTABLE(v);
    void *at = json_object_iter(o);
    const char *name = json_object_iter_key(at);
    out->impl = kind_find(r->faults.options->kinds, name);
    if (!out->impl) {
        return unknown_kind(r, where, name);
    }
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s.%s", where, name);
    out->path = wr_str_dup(&r->d->arena, wr_buf_str(&path)).at;
    wr_buf_release(&path);
    *read = true;
    return wr_params_read(&r->d->arena, json_object_iter_value(at), out, &r->faults);
}

static wr_err read_error_action(struct reader *r, const json_t *payload)
{
    const json_t *v = json_object_get(payload, "errorAction");
    if (!v || json_is_null(v)) {
        return WR_OK;
    }
    if (json_is_array(v)) {
        return wr_faults_add(&r->faults, WR_ERR_TYPE, "errorAction",
                             "expected one action, an object, found a list");
    }
    return read_action(r, v, "errorAction", &r->d->error_action, &r->d->has_error_action);
}

static wr_err read_actions(struct reader *r, const json_t *payload)
{
    struct wr_document *d = r->d;
    const json_t *list = json_object_get(payload, "actions");
    if (!list) {
        return wr_faults_add(&r->faults, WR_ERR_MISSING, "actions", "missing");
    }
    if (!json_is_array(list)) {
        return wr_faults_add(&r->faults, WR_ERR_TYPE, "actions", "expected a list, found %s",
                             wr_json_kind_name(list));
    }
    if (json_array_size(list) > WR_RULE_ACTIONS_MAX) {
        wr_err err =
            wr_faults_add(&r->faults, WR_ERR_LIMIT, "actions", "at most %d are allowed, found %zu",
                          WR_RULE_ACTIONS_MAX, json_array_size(list));
        if (err) {
            return err;
        }
    }
    size_t count = json_array_size(list);
    count = count < WR_RULE_ACTIONS_MAX ? count : WR_RULE_ACTIONS_MAX;
    d->actions = wr_arena_alloc(&d->arena, count * sizeof *d->actions);
    for (size_t i = 0; i < count && d->actions; i++) {
        d->actions[d->action_count] = (struct wr_document_action){0};
        char where[32];
        bool read;
        snprintf(where, sizeof where, "actions[%zu]", i);
        wr_err err =
            read_action(r, json_array_get(list, i), where, &d->actions[d->action_count], &read);
        if (err) {
            return err;
        }
        d->action_count += read;
    }
    return WR_OK;
}

// The quota's count: the members it names, as compact JSON in UTF-8.
static wr_err check_size(struct reader *r, const json_t *payload)
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
        return wr_faults_add(&r->faults, WR_ERR_LIMIT, "",
                             "the rule has %zu bytes (statement, actions, error action, version "
                             "and description as JSON), at most %d are allowed",
                             size, WR_DOCUMENT_MAX);
    }
    return WR_OK;
}

static wr_err read_payload(struct reader *r, const json_t *payload)
{
    struct wr_document *d = r->d;
    wr_err err = only_members(r, payload, payload_members);
    if (!err) {
        err = text_member(r, payload, "sql", true, &d->sql);
    }
    if (!err) {
        err = text_member(r, payload, "description", false, &d->description);
    }
    if (!err) {
        err = text_member(r, payload, "awsIotSqlVersion", false, &d->sql_version);
    }
    if (err) {
        return err;
    }
    const json_t *disabled = json_object_get(payload, "ruleDisabled");
    if (disabled && !json_is_null(disabled) && !json_is_boolean(disabled)) {
        err = wr_faults_add(&r->faults, WR_ERR_TYPE, "ruleDisabled",
                            "expected true or false, found %s", wr_json_kind_name(disabled));
    }
    d->disabled = json_is_true(disabled);
    if (!err) {
        err = check_size(r, payload);
    }
    if (!err) {
        err = read_actions(r, payload);
    }
    return err ? err : read_error_action(r, payload);
}

// `fault` says "ruleName: …".
static wr_err bad_name(struct reader *r, const struct wr_fault *fault, const char *prefix)
{
    const char *colon = strstr(fault->text, ": ");
    if (r->faults.options->report && colon) {
        return wr_faults_add(&r->faults, fault->code, "ruleName", "%s%s%s", prefix,
                             *prefix ? ": " : "", colon + 2);
    }
    return wr_faults_add(&r->faults, fault->code, prefix, "%s", fault->text);
}

static wr_err read_name(struct reader *r, const json_t *root, const char *file_name)
{
    struct wr_document *d = r->d;
    struct wr_fault fault = {0};
    const json_t *name = json_object_get(root, "ruleName");
    if (name) {
        if (!json_is_string(name)) {
            return wr_faults_add(&r->faults, WR_ERR_TYPE, "ruleName", "expected a string, found %s",
                                 wr_json_kind_name(name));
        }
        d->name = wr_str_dup(&d->arena, wr_str_of(json_string_value(name)));
        return wr_rule_name_check(d->name, &fault) ? bad_name(r, &fault, "") : WR_OK;
    }
    const char *slash = strrchr(file_name, '/');
    wr_str base = wr_str_of(slash ? slash + 1 : file_name);
    if (wr_str_ends(base, WR_STR(".json"))) {
        base.len -= strlen(".json");
    }
    d->name = wr_str_dup(&d->arena, base);
    return wr_rule_name_check(d->name, &fault)
               ? bad_name(r, &fault,
                          "the document has no ruleName and its file's name does not serve")
               : WR_OK;
}

static wr_err read_root(struct reader *r, const json_t *root, const char *file_name)
{
    if (!json_is_object(root)) {
        return wr_faults_add(&r->faults, WR_ERR_TYPE, "", "expected an object, found %s",
                             wr_json_kind_name(root));
    }
    const json_t *payload = json_object_get(root, "topicRulePayload");
    if (!payload) {
        if (json_object_get(root, "ruleName")) {
            return wr_faults_add(&r->faults, WR_ERR_MISSING, "topicRulePayload",
                                 "missing; a document with a ruleName wraps the rule in it");
        }
        wr_err err = read_name(r, root, file_name);
        return err ? err : read_payload(r, root);
    }
    wr_err err = only_members(r, root, wrapper_members);
    if (!err && !json_is_object(payload)) {
        return wr_faults_add(&r->faults, WR_ERR_TYPE, "topicRulePayload",
                             "expected an object, found %s", wr_json_kind_name(payload));
    }
    if (!err) {
        err = read_name(r, root, file_name);
    }
    return err ? err : read_payload(r, payload);
}

wr_err wr_document_read(const struct json_t *root, const char *file_name,
                        const struct wr_document_options *options, struct wr_document **out,
                        struct wr_fault *fault)
{
    struct reader r = {.d = wr_zalloc(sizeof *r.d), .faults = {.options = options, .first = fault}};
    // What is kept of a document is about as long as its text.
    wr_arena_init_first(&r.d->arena, 16 * (size_t)WR_DOCUMENT_FILE_MAX,
                        options->size ? options->size + DOCUMENT_MORE : ARENA_UNKNOWN);
    wr_err err = read_root(&r, root, file_name);
    if (!err && r.d->arena.over) {
        err = wr_fault_set(fault, WR_ERR_LIMIT, "the document takes too much memory");
    }
    if (err) {
        wr_document_free(r.d);
        return err;
    }
    *out = r.d;
    return WR_OK;
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
    const struct wr_document_options options = {.kinds = kinds, .size = text.len};
    wr_err err = wr_document_read(root, file_name, &options, out, fault);
    json_decref(root);
    return err;
}

void wr_document_free(struct wr_document *d)
{
    if (d) {
        wr_arena_release(&d->arena);
        free(d);
    }
}
