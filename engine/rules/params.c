// Parameters of actions: names (dotted for nested members), types, ranges, choices, and where
// templates may stand. The option table decides all of it; this file knows no action, but for the
// names that AWS's own pages misspell.
#include "engine/rules/params.h"

#include <inttypes.h>
#include <stdio.h>

#include "sql/template.h"

#include "sql/base/banned.h"

#define NAME_MAX_LEN 256 // a dotted name; longer ones are in no table

// actions.md 1.2: names that AWS's pages print and the API does not have. `accepted`: taken as it
// stands.
static const struct {
    const char *kind, *wrong, *right;
    bool accepted;
} misprints[] = {
    {"s3", "cannedacl", "cannedAcl", true},
    {"timestream", "sampleTime", "timestamp", true},
    {"s3", "bucket", "bucketName", false},
    {"dynamoDB", "table", "tableName", false},
    {"dynamoDBv2", "table", "putItem.tableName", false},
    {"dynamoDBv2", "tableName", "putItem.tableName", false},
    {"dynamoDBv2", "putItem.table", "putItem.tableName", false},
    {"timestream", "table", "tableName", false},
    {"kinesis", "stream", "streamName", false},
    {"firehose", "stream", "deliveryStreamName", false},
};

const char *wr_json_kind_name(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

struct reader {
    struct wr_arena *arena;
    struct wr_document_action *action;
    struct wr_fault *fault;
    char name[NAME_MAX_LEN + 1]; // dotted name of the member being read
};

static wr_err complain(struct reader *r, wr_err code, const char *text, const char *found)
{
    return wr_fault_set(r->fault, code, "%s.%s: %s%s", r->action->path, r->name, text, found);
}

static bool choice_has(const struct wr_option *option, wr_str text)
{
    wr_str rest = wr_str_of(option->choices);
    for (;;) {
        const char *bar = rest.len ? memchr(rest.at, '|', rest.len) : NULL;
        size_t len = bar ? (size_t)(bar - rest.at) : rest.len;
        wr_str one = wr_str_cut(rest, 0, len);
        if (option->flags & WR_OPT_NOCASE ? wr_str_eq_nocase(one, text) : wr_str_eq(one, text)) {
            return true;
        }
        if (!bar) {
            return false;
        }
        rest = wr_str_cut(rest, len + 1, rest.len);
    }
}

static bool parse_int(wr_str text, int64_t *number)
{
    bool minus = text.len && text.at[0] == '-';
    size_t digits = text.len - minus;
    if (digits == 0 || digits > 18) {
        return false;
    }
    int64_t n = 0;
    for (size_t i = minus; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return false;
        }
        n = n * 10 + (text.at[i] - '0');
    }
    *number = minus ? -n : n;
    return true;
}

wr_err wr_param_check(const struct wr_option *option, wr_str text, int64_t *number,
                      struct wr_fault *fault)
{
    switch (option->type) {
    case WR_OPT_BOOL:
        if (!wr_str_eq(text, WR_STR("true")) && !wr_str_eq(text, WR_STR("false"))) {
            return wr_fault_set(fault, WR_ERR_TYPE, "expected true or false, found \"%.*s\"",
                                WR_STR_ARG(text));
        }
        *number = text.len == strlen("true");
        return WR_OK;
    case WR_OPT_INT:
        if (!parse_int(text, number)) {
            return wr_fault_set(fault, WR_ERR_TYPE, "expected a whole number, found \"%.*s\"",
                                WR_STR_ARG(text));
        }
        if ((option->min || option->max) && (*number < option->min || *number > option->max)) {
            return wr_fault_set(fault, WR_ERR_RANGE,
                                "expected %" PRId64 " to %" PRId64 ", found %" PRId64, option->min,
                                option->max, *number);
        }
        return WR_OK;
    case WR_OPT_CHOICE:
        if (!choice_has(option, text)) {
            return wr_fault_set(fault, WR_ERR_RANGE, "expected one of %s, found \"%.*s\"",
                                option->choices, WR_STR_ARG(text));
        }
        return WR_OK;
    case WR_OPT_STRING:
    case WR_OPT_PAIRS:
    case WR_OPT_LIST:
        return WR_OK;
    }
    return WR_OK;
}

// Templates where none are accepted, then type and range of a constant.
static wr_err check_text(struct reader *r, const struct wr_option *option, size_t index,
                         wr_str text, int64_t *number)
{
    if (wr_template_has_expression(text)) {
        if (!(option->flags & WR_OPT_TEMPLATE)) {
            return complain(r, WR_ERR_UNSUPPORTED, "substitution templates are not accepted here",
                            "");
        }
        r->action->constant[index] = false;
        return WR_OK;
    }
    struct wr_fault inner = {0};
    if (wr_param_check(option, text, number, &inner)) {
        return complain(r, inner.code, "", inner.text);
    }
    if (option->type != WR_OPT_STRING) {
        return WR_OK;
    }
    if (text.len == 0 && (option->flags & WR_OPT_REQUIRED)) {
        return complain(r, WR_ERR_RANGE, "must not be empty", "");
    }
    int64_t len = (int64_t)text.len;
    if ((option->min || option->max) && (len < option->min || (option->max && len > option->max))) {
        return wr_fault_set(r->fault, WR_ERR_LIMIT,
                            "%s.%s: expected %" PRId64 " to %" PRId64 " bytes, found %" PRId64,
                            r->action->path, r->name, option->min, option->max, len);
    }
    return WR_OK;
}

// The text of a scalar, as it would be written in a string.
static wr_err scalar_text(struct reader *r, const struct wr_option *option, const json_t *v,
                          wr_str *out)
{
    bool takes_bool = option->type == WR_OPT_BOOL;
    bool takes_number = option->type == WR_OPT_INT;
    if (json_is_string(v)) {
        *out = wr_str_dup(r->arena, (wr_str){json_string_value(v), json_string_length(v)});
        return WR_OK;
    }
    if (takes_bool && json_is_boolean(v)) {
        *out = json_is_true(v) ? WR_STR("true") : WR_STR("false");
        return WR_OK;
    }
    if (takes_number && json_is_integer(v)) {
        char digits[32];
        int len = snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        *out = wr_str_dup(r->arena, (wr_str){digits, (size_t)len});
        return WR_OK;
    }
    return complain(r, WR_ERR_TYPE,
                    takes_bool     ? "expected true or false, found "
                    : takes_number ? "expected a whole number, found "
                                   : "expected a string, found ",
                    wr_json_kind_name(v));
}

static wr_err pair_text(struct reader *r, size_t index, const json_t *v, const char *what,
                        bool templates, wr_str *out)
{
    if (!v) {
        return complain(r, WR_ERR_MISSING, "missing: ", what);
    }
    if (!json_is_string(v)) {
        return wr_fault_set(r->fault, WR_ERR_TYPE, "%s.%s: %s: expected a string, found %s",
                            r->action->path, r->name, what, wr_json_kind_name(v));
    }
    *out = wr_str_dup(r->arena, (wr_str){json_string_value(v), json_string_length(v)});
    if (wr_template_has_expression(*out)) {
        if (!templates) {
            return wr_fault_set(r->fault, WR_ERR_UNSUPPORTED,
                                "%s.%s: %s: substitution templates are not accepted here",
                                r->action->path, r->name, what);
        }
        r->action->constant[index] = false;
    }
    return WR_OK;
}

static wr_err pair_members(struct reader *r, const json_t *item)
{
    if (!json_is_object(item)) {
        return complain(r, WR_ERR_TYPE, "expected a list of {\"key\", \"value\"} objects, found ",
                        wr_json_kind_name(item));
    }
    json_t *o = WR_JSON_MUTABLE(item);
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        const char *name = json_object_iter_key(i);
        if (strcmp(name, "key") != 0 && strcmp(name, "value") != 0) {
            return complain(r, WR_ERR_UNKNOWN, "expected \"key\" and \"value\", found ", name);
        }
    }
    return WR_OK;
}

static wr_err read_pairs(struct reader *r, const struct wr_option *option, size_t index,
                         const json_t *v)
{
    bool map = option->flags & WR_OPT_MAP;
    if (map ? !json_is_object(v) : !json_is_array(v)) {
        return complain(r, WR_ERR_TYPE,
                        map ? "expected an object of strings, found " : "expected a list, found ",
                        wr_json_kind_name(v));
    }
    size_t count = map ? json_object_size(v) : json_array_size(v);
    if ((option->min || option->max) &&
        ((int64_t)count < option->min || (option->max && (int64_t)count > option->max))) {
        return wr_fault_set(r->fault, WR_ERR_LIMIT,
                            "%s.%s: expected %" PRId64 " to %" PRId64 " entries, found %zu",
                            r->action->path, r->name, option->min, option->max, count);
    }
    wr_str *keys = wr_arena_alloc(r->arena, (count + 1) * sizeof *keys);
    wr_str *values = wr_arena_alloc(r->arena, (count + 1) * sizeof *values);
    if (!keys || !values) {
        return complain(r, WR_ERR_LIMIT, "too many entries", "");
    }
    bool in_values = option->flags & WR_OPT_TEMPLATE;
    bool in_keys = option->flags & WR_OPT_KEYS;
    json_t *o = WR_JSON_MUTABLE(v);
    void *at = map ? json_object_iter(o) : NULL;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = map ? json_object_iter_value(at) : json_array_get(v, i);
        wr_err err = WR_OK;
        if (map) {
            keys[i] = wr_str_dup(r->arena, wr_str_of(json_object_iter_key(at)));
            if (wr_template_has_expression(keys[i])) {
                err = complain(r, WR_ERR_UNSUPPORTED,
                               "substitution templates are not accepted in keys: ", keys[i].at);
            }
            at = json_object_iter_next(o, at);
        } else {
            err = pair_members(r, item);
            if (!err) {
                err = pair_text(r, index, json_object_get(item, "key"), "key", in_keys, &keys[i]);
            }
            item = err ? NULL : json_object_get(item, "value");
        }
        if (!err) {
            err = pair_text(r, index, item, "value", in_values, &values[i]);
        }
        if (err) {
            return err;
        }
    }
    struct wr_param *p = &r->action->params[index];
    *p = (struct wr_param){.set = true, .count = count, .keys = keys, .values = values};
    return WR_OK;
}

static wr_err read_value(struct reader *r, size_t index, const json_t *v)
{
    const struct wr_option *option = &r->action->impl->options[index];
    struct wr_param *p = &r->action->params[index];
    if (json_is_null(v)) {
        return WR_OK; // as not given
    }
    if (p->set) {
        return complain(r, WR_ERR_EXISTS, "given twice", "");
    }
    if (option->type == WR_OPT_PAIRS) {
        return read_pairs(r, option, index, v);
    }
    if (option->type == WR_OPT_LIST) {
        return complain(r, WR_ERR_UNSUPPORTED, "this member is not supported yet", "");
    }
    wr_str text = {0};
    int64_t number = 0;
    wr_err err = scalar_text(r, option, v, &text);
    if (!err) {
        err = check_text(r, option, index, text, &number);
    }
    if (!err) {
        *p = (struct wr_param){.set = true, .text = text, .number = number};
    }
    return err;
}

static bool is_container(const struct wr_option *options, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; options && options[i].name; i++) {
        if (strncmp(options[i].name, name, len) == 0 && options[i].name[len] == '.') {
            return true;
        }
    }
    return false;
}

static wr_err unknown(struct reader *r)
{
    const struct wr_option *options = r->action->impl->options;
    for (size_t i = 0; i < WR_COUNT(misprints); i++) {
        if (strcmp(misprints[i].kind, r->action->impl->name) == 0 &&
            strcmp(misprints[i].wrong, r->name) == 0) {
            return wr_fault_set(r->fault, WR_ERR_UNKNOWN,
                                "%s.%s: there is no such member; the API calls it \"%s\"",
                                r->action->path, r->name, misprints[i].right);
        }
    }
    const char *known[64];
    size_t count = 0;
    for (size_t i = 0; options && options[i].name && count + 1 < WR_COUNT(known); i++) {
        known[count++] = options[i].name;
    }
    known[count] = NULL;
    const char *near = wr_name_nearest(wr_str_of(r->name), known);
    if (near) {
        return wr_fault_set(r->fault, WR_ERR_UNKNOWN,
                            "%s.%s: there is no such member; did you mean \"%s\"?", r->action->path,
                            r->name, near);
    }
    return complain(r, WR_ERR_UNKNOWN, "there is no such member", "");
}

// Appends ".key" to r->name, right spelling first where a misprint is accepted. False: too long.
static bool name_push(struct reader *r, size_t at, const char *key)
{
    for (size_t i = 0; at == 0 && i < WR_COUNT(misprints); i++) {
        if (misprints[i].accepted && strcmp(misprints[i].kind, r->action->impl->name) == 0 &&
            strcmp(misprints[i].wrong, key) == 0) {
            key = misprints[i].right;
        }
    }
    int len = snprintf(r->name + at, sizeof r->name - at, "%s%s", at ? "." : "", key);
    return len >= 0 && (size_t)len < sizeof r->name - at;
}

// Nested members become dotted names; depth is bounded by the length of a name.
static wr_err read_members(struct reader *r, const json_t *object, size_t at)
{
    const struct wr_option *options = r->action->impl->options;
    json_t *o = WR_JSON_MUTABLE(object);
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        const json_t *v = json_object_iter_value(i);
        wr_err err;
        if (!name_push(r, at, json_object_iter_key(i))) {
            return complain(r, WR_ERR_UNKNOWN, "there is no such member", "");
        }
        int index = options ? wr_option_find(options, wr_str_of(r->name)) : -1;
        if (index >= 0) {
            err = read_value(r, (size_t)index, v);
        } else if (!is_container(options, r->name)) {
            err = unknown(r);
        } else if (json_is_null(v)) {
            err = WR_OK;
        } else if (!json_is_object(v)) {
            err = complain(r, WR_ERR_TYPE, "expected an object, found ", wr_json_kind_name(v));
        } else {
            err = read_members(r, v, strlen(r->name));
        }
        if (err) {
            return err;
        }
        r->name[at] = '\0';
    }
    return WR_OK;
}

static wr_err fill_defaults(struct reader *r)
{
    for (size_t i = 0; i < r->action->param_count; i++) {
        const struct wr_option *option = &r->action->impl->options[i];
        struct wr_param *p = &r->action->params[i];
        if (p->set) {
            continue;
        }
        snprintf(r->name, sizeof r->name, "%s", option->name);
        if (option->flags & WR_OPT_REQUIRED) {
            return complain(r, WR_ERR_MISSING, "missing", "");
        }
        if (option->fallback) {
            p->set = true;
            p->text = wr_str_of(option->fallback);
            wr_err err = wr_param_check(option, p->text, &p->number, r->fault);
            wr_assert(!err); // a default that its own table refuses is our bug
        }
    }
    return WR_OK;
}

wr_err wr_params_read(struct wr_arena *arena, const json_t *members,
                      struct wr_document_action *action, struct wr_fault *fault)
{
    if (!json_is_object(members)) {
        return wr_fault_set(fault, WR_ERR_TYPE, "%s: expected an object, found %s", action->path,
                            wr_json_kind_name(members));
    }
    const struct wr_option *options = action->impl->options;
    while (options && options[action->param_count].name) {
        action->param_count++;
    }
    size_t count = action->param_count;
    action->params = wr_arena_alloc(arena, (count + 1) * sizeof *action->params);
    action->constant = wr_arena_alloc(arena, (count + 1) * sizeof *action->constant);
    if (!action->params || !action->constant) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "%s: too much memory", action->path);
    }
    memset(action->params, 0, (count + 1) * sizeof *action->params);
    memset(action->constant, true, (count + 1) * sizeof *action->constant);
    struct reader r = {.arena = arena, .action = action, .fault = fault};
    wr_err err = read_members(&r, members, 0);
    if (!err) {
        err = fill_defaults(&r);
    }
    if (!err && action->impl->check) {
        err = action->impl->check(action->params, action->constant, fault);
        if (err) {
            wr_fault_prefix(fault, "%s", action->path);
        }
    }
    return err;
}
