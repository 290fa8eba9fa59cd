// Parameters of actions: names (dotted for nested members), types, ranges, choices, and where
// templates may stand. The option table decides all of it; this file knows no action, but for the
// names that AWS's own pages misspell.
#include "engine/rules/params.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
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
    {"location", "sampleTime", "timestamp", true},
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

wr_err wr_faults_add(struct wr_faults *f, wr_err code, const char *path, const char *format, ...)
{
    char text[WR_FAULT_TEXT_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *more = len >= 0 && (size_t)len >= sizeof text ? "..." : "";
    f->count++;
    if (f->options->report) {
        struct wr_fault fault = {.offset = SIZE_MAX};
        (void)wr_fault_set(&fault, code, "%s%s", text, more);
        f->options->report(f->options->user, path, &fault);
        return WR_OK;
    }
    return wr_fault_set(f->first, code, "%s%s%s%s", path, *path ? ": " : "", text, more);
}

struct reader {
    struct wr_arena *arena;
    struct wr_document_action *action;
    struct wr_faults *faults;
    struct wr_buf path; // of the member being read, from the root of the document
    size_t base;        // where in `path` the name in the table begins
};

// A list while it is read: its leaves so far (struct wr_param).
struct list {
    size_t index;   // of the member of the action that it belongs to
    size_t path_at; // where in the path the keys begin
    wr_str *keys, *values;
    size_t count, cap;
};

// What an object is read against. `list` is NULL for the action itself.
struct table {
    const struct wr_option *options;
    struct list *list;
    uint64_t seen; // a bit an option
};

#define SEEN(index) ((uint64_t)1 << (index))
static_assert(WR_OPTIONS_MAX == 64, "a bit an option");

static const char *path_text(struct reader *r)
{
    return wr_buf_terminated(&r->path);
}

static wr_err complain(struct reader *r, wr_err code, const char *text, const char *found)
{
    return wr_faults_add(r->faults, code, path_text(r), "%s%s", text, found);
}

static void path_cut(struct reader *r, size_t len)
{
    r->path.len = len;
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

// Templates where none are accepted, then type and range of a constant. *taken: the text may be
// used.
static wr_err check_text(struct reader *r, const struct wr_option *option, size_t index,
                         wr_str text, int64_t *number, bool *taken)
{
    *taken = false;
    if (wr_template_has_expression(text)) {
        if (!(option->flags & WR_OPT_TEMPLATE)) {
            return complain(r, WR_ERR_UNSUPPORTED, "substitution templates are not accepted here",
                            "");
        }
        r->action->constant[index] = false;
        *taken = true;
        return WR_OK;
    }
    struct wr_fault inner = {0};
    if (wr_param_check(option, text, number, &inner)) {
        return complain(r, inner.code, "", inner.text);
    }
    if (option->type == WR_OPT_STRING) {
        int64_t len = (int64_t)text.len;
        if (text.len == 0 && (option->flags & WR_OPT_REQUIRED)) {
            return complain(r, WR_ERR_RANGE, "must not be empty", "");
        }
        if ((option->min || option->max) &&
            (len < option->min || (option->max && len > option->max))) {
            return option->max
                       ? wr_faults_add(r->faults, WR_ERR_LIMIT, path_text(r),
                                       "expected %" PRId64 " to %" PRId64 " bytes, found %" PRId64,
                                       option->min, option->max, len)
                       : wr_faults_add(r->faults, WR_ERR_LIMIT, path_text(r),
                                       "expected at least %" PRId64 " bytes, found %" PRId64,
                                       option->min, len);
        }
    }
    *taken = true;
    return WR_OK;
}

// The text of a scalar, as it would be written in a string; *out is {NULL, 0} after a fault.
static wr_err scalar_text(struct reader *r, const struct wr_option *option, const json_t *v,
                          wr_str *out)
{
    bool takes_bool = option->type == WR_OPT_BOOL;
    bool takes_number = option->type == WR_OPT_INT;
    *out = (wr_str){0};
    if (json_is_string(v)) {
        *out = wr_str_dup(r->arena, (wr_str){json_string_value(v), json_string_length(v)});
    } else if (takes_bool && json_is_boolean(v)) {
        *out = json_is_true(v) ? WR_STR("true") : WR_STR("false");
    } else if (takes_number && json_is_integer(v)) {
        char digits[32];
        int len = snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        *out = wr_str_dup(r->arena, (wr_str){digits, (size_t)len});
    } else {
        return complain(r, WR_ERR_TYPE,
                        takes_bool     ? "expected true or false, found "
                        : takes_number ? "expected a whole number, found "
                                       : "expected a string, found ",
                        wr_json_kind_name(v));
    }
    return WR_OK;
}

// ---- PAIRS

// The text of a pair's key or value, whose path is in place.
static wr_err pair_text(struct reader *r, size_t index, const json_t *v, bool templates,
                        wr_str *out)
{
    *out = (wr_str){0};
    if (!v) {
        return complain(r, WR_ERR_MISSING, "missing", "");
    }
    if (!json_is_string(v)) {
        return complain(r, WR_ERR_TYPE, "expected a string, found ", wr_json_kind_name(v));
    }
    *out = wr_str_dup(r->arena, (wr_str){json_string_value(v), json_string_length(v)});
    if (wr_template_has_expression(*out)) {
        if (!templates) {
            return complain(r, WR_ERR_UNSUPPORTED, "substitution templates are not accepted here",
                            "");
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
            wr_err err =
                complain(r, WR_ERR_UNKNOWN, "expected \"key\" and \"value\", found ", name);
            if (err) {
                return err;
            }
        }
    }
    return WR_OK;
}

// Entries of a list or of a map: as many as the table allows.
static wr_err check_count(struct reader *r, const struct wr_option *option, size_t count)
{
    int64_t n = (int64_t)count;
    if ((!option->min && !option->max) ||
        (n >= option->min && (!option->max || n <= option->max))) {
        return WR_OK;
    }
    return option->max ? wr_faults_add(r->faults, WR_ERR_LIMIT, path_text(r),
                                       "expected %" PRId64 " to %" PRId64 " entries, found %zu",
                                       option->min, option->max, count)
                       : wr_faults_add(r->faults, WR_ERR_LIMIT, path_text(r),
                                       "expected at least %" PRId64 " entries, found %zu",
                                       option->min, count);
}

static wr_err map_entry(struct reader *r, size_t index, const char *key, const json_t *v,
                        bool templates, wr_str *key_out, wr_str *value_out)
{
    *key_out = wr_str_dup(r->arena, wr_str_of(key));
    wr_err err = WR_OK;
    if (wr_template_has_expression(*key_out)) {
        err = complain(r, WR_ERR_UNSUPPORTED,
                       "substitution templates are not accepted in keys: ", key);
    }
    size_t len = r->path.len;
    wr_buf_addf(&r->path, ".%s", key);
    if (!err) {
        err = pair_text(r, index, v, templates, value_out);
    }
    path_cut(r, len);
    return err;
}

static wr_err pair_member(struct reader *r, size_t index, const json_t *pair, const char *name,
                          bool templates, wr_str *out)
{
    size_t len = r->path.len;
    wr_buf_addf(&r->path, ".%s", name);
    wr_err err = pair_text(r, index, json_object_get(pair, name), templates, out);
    path_cut(r, len);
    return err;
}

static wr_err list_entry(struct reader *r, size_t index, size_t at, const json_t *v,
                         unsigned templates, wr_str *key_out, wr_str *value_out)
{
    size_t len = r->path.len;
    wr_buf_addf(&r->path, "[%zu]", at);
    wr_err err = pair_members(r, v);
    if (!err && json_is_object(v)) {
        err = pair_member(r, index, v, "key", templates & WR_OPT_KEYS, key_out);
        if (!err) {
            err = pair_member(r, index, v, "value", templates & WR_OPT_TEMPLATE, value_out);
        }
    }
    path_cut(r, len);
    return err;
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
    wr_err err = check_count(r, option, count);
    wr_str *keys = wr_arena_alloc(r->arena, (count + 1) * sizeof *keys);
    wr_str *values = wr_arena_alloc(r->arena, (count + 1) * sizeof *values);
    if (!err && (!keys || !values)) {
        return complain(r, WR_ERR_LIMIT, "too many entries", "");
    }
    json_t *o = WR_JSON_MUTABLE(v);
    void *at = map ? json_object_iter(o) : NULL;
    for (size_t i = 0; !err && i < count; i++) {
        keys[i] = values[i] = (wr_str){0};
        if (map) {
            err = map_entry(r, index, json_object_iter_key(at), json_object_iter_value(at),
                            option->flags & WR_OPT_TEMPLATE, &keys[i], &values[i]);
            at = json_object_iter_next(o, at);
        } else {
            err =
                list_entry(r, index, i, json_array_get(v, i), option->flags, &keys[i], &values[i]);
        }
    }
    if (!err) {
        struct wr_param *p = &r->action->params[index];
        *p = (struct wr_param){.set = true, .count = count, .keys = keys, .values = values};
    }
    return err;
}

// ---- LIST

static wr_err read_object(struct reader *r, struct table *t, const json_t *object);

// The leaf at the reader's path.
static wr_err add_leaf(struct reader *r, struct list *list, wr_str text)
{
    if (list->count == list->cap) {
        size_t size = list->cap * sizeof(wr_str);
        list->cap = list->cap ? list->cap * 2 : 16;
        list->keys = wr_arena_grow(r->arena, list->keys, size, list->cap * sizeof(wr_str));
        list->values = wr_arena_grow(r->arena, list->values, size, list->cap * sizeof(wr_str));
    }
    wr_str path = wr_buf_str(&r->path);
    if (!list->keys || !list->values) {
        list->cap = list->count = 0;
        return complain(r, WR_ERR_LIMIT, "too many entries", "");
    }
    list->keys[list->count] = wr_str_dup(r->arena, wr_str_cut(path, list->path_at, path.len));
    list->values[list->count++] = text;
    return WR_OK;
}

static wr_err read_entries(struct reader *r, const struct wr_option *option, struct list *list,
                           const json_t *v)
{
    if (!json_is_array(v)) {
        return complain(r, WR_ERR_TYPE, "expected a list, found ", wr_json_kind_name(v));
    }
    wr_err err = check_count(r, option, json_array_size(v));
    size_t len = r->path.len, base = r->base;
    for (size_t i = 0; !err && i < json_array_size(v); i++) {
        const json_t *item = json_array_get(v, i);
        wr_buf_addf(&r->path, "[%zu]", i);
        if (json_is_object(item)) {
            wr_buf_add_char(&r->path, '.');
            r->base = r->path.len;
            err = read_object(r, &(struct table){.options = option->fields, .list = list}, item);
        } else {
            err = complain(r, WR_ERR_TYPE, "expected an object, found ", wr_json_kind_name(item));
        }
        path_cut(r, len);
        r->base = base;
    }
    return err;
}

// ---- members

static wr_err read_scalar(struct reader *r, struct table *t, size_t index, const json_t *v)
{
    const struct wr_option *option = &t->options[index];
    size_t top = t->list ? t->list->index : index;
    wr_str text;
    int64_t number = 0;
    bool taken = false;
    wr_err err = scalar_text(r, option, v, &text);
    if (!err && text.at) {
        err = check_text(r, option, top, text, &number, &taken);
    }
    if (err || !taken) {
        return err;
    }
    if (t->list) {
        return add_leaf(r, t->list, text);
    }
    r->action->params[index] = (struct wr_param){.set = true, .text = text, .number = number};
    return WR_OK;
}

static wr_err read_value(struct reader *r, struct table *t, size_t index, const json_t *v)
{
    const struct wr_option *option = &t->options[index];
    if (json_is_null(v)) {
        return WR_OK; // as not given
    }
    if (t->seen & SEEN(index)) {
        return complain(r, WR_ERR_EXISTS, "given twice", "");
    }
    t->seen |= SEEN(index);
    if (option->type == WR_OPT_LIST && t->list) {
        return read_entries(r, option, t->list, v);
    }
    if (option->type == WR_OPT_LIST) {
        struct list list = {.index = index, .path_at = r->path.len};
        wr_err err = read_entries(r, option, &list, v);
        r->action->params[index] = (struct wr_param){
            .set = true, .count = list.count, .keys = list.keys, .values = list.values};
        return err;
    }
    if (option->type == WR_OPT_PAIRS) {
        wr_assert(!t->list); // no action of AWS has pairs inside of a list
        return read_pairs(r, option, index, v);
    }
    return read_scalar(r, t, index, v);
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

static wr_err unknown(struct reader *r, const struct table *t)
{
    const char *name = path_text(r) + r->base;
    for (size_t i = 0; !t->list && i < WR_COUNT(misprints); i++) {
        if (strcmp(misprints[i].kind, r->action->impl->name) == 0 &&
            strcmp(misprints[i].wrong, name) == 0) {
            return wr_faults_add(r->faults, WR_ERR_UNKNOWN, path_text(r),
                                 "there is no such member; the API calls it \"%s\"",
                                 misprints[i].right);
        }
    }
    const char *known[WR_OPTIONS_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; t->options && t->options[i].name && count < WR_OPTIONS_MAX; i++) {
        known[count++] = t->options[i].name;
    }
    known[count] = NULL;
    const char *near = wr_name_nearest(wr_str_of(name), known);
    if (near) {
        return wr_faults_add(r->faults, WR_ERR_UNKNOWN, path_text(r),
                             "there is no such member; did you mean \"%s\"?", near);
    }
    return complain(r, WR_ERR_UNKNOWN, "there is no such member", "");
}

// The name that a member goes by: the right spelling where a misprint is accepted.
static const char *spelling(struct reader *r, const struct table *t, const char *key)
{
    bool top = !t->list && r->path.len == r->base;
    for (size_t i = 0; top && i < WR_COUNT(misprints); i++) {
        if (misprints[i].accepted && strcmp(misprints[i].kind, r->action->impl->name) == 0 &&
            strcmp(misprints[i].wrong, key) == 0) {
            return misprints[i].right;
        }
    }
    return key;
}

static wr_err read_members(struct reader *r, struct table *t, const json_t *object);

// The member whose path is in place: a value of the table, or an object on the way to some.
static wr_err read_member(struct reader *r, struct table *t, const json_t *v)
{
    const char *name = path_text(r) + r->base;
    int index = strlen(name) > NAME_MAX_LEN || !t->options
                    ? -1
                    : wr_option_find(t->options, wr_str_of(name));
    if (index >= 0) {
        return read_value(r, t, (size_t)index, v);
    }
    if (strlen(name) > NAME_MAX_LEN || !is_container(t->options, name)) {
        return unknown(r, t);
    }
    if (json_is_null(v)) {
        return WR_OK;
    }
    if (!json_is_object(v)) {
        return complain(r, WR_ERR_TYPE, "expected an object, found ", wr_json_kind_name(v));
    }
    size_t len = r->path.len;
    wr_buf_add_char(&r->path, '.');
    wr_err err = read_members(r, t, v);
    path_cut(r, len);
    return err;
}

static wr_err missing(struct reader *r, const struct wr_option *option)
{
    size_t len = r->path.len;
    path_cut(r, r->base);
    wr_buf_add(&r->path, wr_str_of(option->name));
    wr_err err = complain(r, WR_ERR_MISSING, "missing", "");
    path_cut(r, len);
    return err;
}

// What the object at the path, which ends with a dot, must have since it is given.
static wr_err check_nested(struct reader *r, const struct table *t)
{
    wr_str path = wr_buf_str(&r->path);
    wr_str prefix = wr_str_cut(path, r->base, path.len);
    wr_err err = WR_OK;
    for (size_t i = 0; !err && prefix.len && t->options[i].name; i++) {
        wr_str name = wr_str_of(t->options[i].name);
        bool member = wr_str_starts(name, prefix) && !strchr(name.at + prefix.len, '.');
        if (member && (t->options[i].flags & WR_OPT_NESTED) && !(t->seen & SEEN(i))) {
            err = missing(r, &t->options[i]);
        }
    }
    return err;
}

// Nested members become dotted names; depth is bounded by the table.
static wr_err read_members(struct reader *r, struct table *t, const json_t *object)
{
    json_t *o = WR_JSON_MUTABLE(object);
    size_t len = r->path.len;
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        wr_buf_add(&r->path, wr_str_of(spelling(r, t, json_object_iter_key(i))));
        wr_err err = read_member(r, t, json_object_iter_value(i));
        path_cut(r, len);
        if (err) {
            return err;
        }
    }
    return check_nested(r, t);
}

// A whole object: the action itself, or one entry of a list.
static wr_err read_object(struct reader *r, struct table *t, const json_t *object)
{
    wr_err err = read_members(r, t, object);
    for (size_t i = 0; !err && t->options && t->options[i].name; i++) {
        wr_assert(i < WR_OPTIONS_MAX);
        // There is no IAM here: a role that is not needed may be left out (weir check has a note).
        bool spared =
            (t->options[i].flags & WR_OPT_IGNORED) && strcmp(t->options[i].name, "roleArn") == 0;
        if ((t->options[i].flags & WR_OPT_REQUIRED) && !spared && !(t->seen & SEEN(i))) {
            err = missing(r, &t->options[i]);
        }
    }
    return err;
}

static void fill_defaults(struct wr_document_action *action)
{
    for (size_t i = 0; i < action->param_count; i++) {
        const struct wr_option *option = &action->impl->options[i];
        struct wr_param *p = &action->params[i];
        if (!p->set && option->fallback) {
            p->set = true;
            p->text = wr_str_of(option->fallback);
            wr_err err = wr_param_check(option, p->text, &p->number, NULL);
            wr_assert(!err); // a default that its own table refuses is our bug
        }
    }
}

// impl->check, whose fault says the member before its first colon.
static wr_err check_action(struct reader *r)
{
    struct wr_fault found = {0};
    if (!r->action->impl->check(r->action->params, r->action->constant, &found)) {
        return WR_OK;
    }
    const char *colon = strstr(found.text, ": ");
    size_t name = strcspn(found.text, ":[ ");
    if (colon && found.text[name] != ' ') {
        path_cut(r, r->base);
        wr_buf_add(&r->path, (wr_str){found.text, (size_t)(colon - found.text)});
        return wr_faults_add(r->faults, found.code, path_text(r), "%s", colon + 2);
    }
    return wr_faults_add(r->faults, found.code, r->action->path, "%s", found.text);
}

wr_err wr_params_read(struct wr_arena *arena, const json_t *members,
                      struct wr_document_action *action, struct wr_faults *faults)
{
    const struct wr_option *options = action->impl->options;
    while (options && options[action->param_count].name) {
        action->param_count++;
    }
    size_t count = action->param_count, before = faults->count;
    action->params = wr_arena_alloc(arena, (count + 1) * sizeof *action->params);
    action->constant = wr_arena_alloc(arena, (count + 1) * sizeof *action->constant);
    if (!action->params || !action->constant) {
        action->param_count = 0;
        return wr_faults_add(faults, WR_ERR_LIMIT, action->path, "too much memory");
    }
    memset(action->params, 0, (count + 1) * sizeof *action->params);
    memset(action->constant, true, (count + 1) * sizeof *action->constant);
    if (!json_is_object(members)) {
        return wr_faults_add(faults, WR_ERR_TYPE, action->path, "expected an object, found %s",
                             wr_json_kind_name(members));
    }
    struct reader r = {.arena = arena, .action = action, .faults = faults};
    wr_buf_addf(&r.path, "%s.", action->path);
    r.base = r.path.len;
    wr_err err = read_object(&r, &(struct table){.options = options}, members);
    fill_defaults(action);
    if (!err && action->impl->check && faults->count == before) {
        err = check_action(&r);
    }
    wr_buf_release(&r.path);
    return err;
}
