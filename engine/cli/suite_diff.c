// Differences between what a case expects and what came out.
#include "engine/cli/suite_diff.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/rules/document.h"
#include "sql/base/json.h"
#include "sql/base/num.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define SHOWN_MAX 160 // bytes of a value in a line

void wr_diff_release(struct wr_diff *d)
{
    wr_program_free(d->regex);
    d->regex = NULL;
}

void wr_diff_line(struct wr_diff *d, const char *format, ...)
{
    if (++d->count > WR_DIFF_LINES_MAX) {
        return;
    }
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0) {
        wr_out_of_memory(0);
    }
    wr_buf_add(d->out, (wr_str){text, (size_t)len});
    wr_buf_add_char(d->out, '\n');
    free(text);
}

static void add_cut(struct wr_buf *out, wr_str s)
{
    size_t len = s.len;
    if (len > SHOWN_MAX) {
        len = SHOWN_MAX;
        while (len > 0 && ((unsigned char)s.at[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    wr_buf_add(out, (wr_str){s.at, len});
    if (len < s.len) {
        wr_buf_addf(out, "… (%zu bytes)", s.len);
    }
}

void wr_diff_show(struct wr_buf *out, const wr_value *v, struct wr_arena *arena)
{
    if (v->type == WR_UNDEFINED) {
        wr_buf_add(out, WR_STR("nothing"));
        return;
    }
    struct wr_buf json = {0};
    wr_json_write(&json, v, arena, WR_SQL_2016);
    add_cut(out, wr_buf_str(&json));
    wr_buf_release(&json);
}

static void show_bytes(struct wr_buf *out, wr_str s)
{
    struct wr_buf text = {0};
    if (wr_utf8_valid(s)) {
        wr_json_write_string(&text, s);
    } else {
        wr_buf_add(&text, WR_STR("base64 "));
        wr_buf_add_base64(&text, s);
    }
    add_cut(out, wr_buf_str(&text));
    wr_buf_release(&text);
}

static void differ(struct wr_diff *d, wr_str path, const wr_value *expected, const wr_value *actual)
{
    struct wr_buf e = {0}, a = {0};
    wr_diff_show(&e, expected, d->arena);
    wr_diff_show(&a, actual, d->arena);
    wr_diff_line(d, "%.*s: expected %.*s, found %.*s", WR_STR_ARG(path), WR_STR_ARG(wr_buf_str(&e)),
                 WR_STR_ARG(wr_buf_str(&a)));
    wr_buf_release(&e);
    wr_buf_release(&a);
}

// ---- JSON

static bool same_number(struct wr_diff *d, const wr_value *e, const wr_value *a,
                        const wr_value *tolerance)
{
    if (!tolerance) {
        return wr_num_cmp(a, e) == 0;
    }
    struct wr_num_context c = {d->arena, WR_SQL_2016};
    wr_value off = wr_num_sub(&c, a, e), size = wr_num_abs(&c, e), one = wr_num_int(&c, 1);
    off = wr_num_abs(&c, &off);
    wr_value most = wr_num_mul(&c, tolerance, wr_num_cmp(&size, &one) > 0 ? &size : &one);
    return off.type == WR_NUMBER && most.type == WR_NUMBER && wr_num_cmp(&off, &most) <= 0;
}

static void add_key(struct wr_buf *path, wr_str key)
{
    bool word = key.len > 0;
    for (size_t i = 0; i < key.len; i++) {
        unsigned char c = (unsigned char)key.at[i];
        word = word && (c >= 0x80 || c == '_' || (c >= '0' && c <= '9') ||
                        ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'));
    }
    if (word) {
        wr_buf_add_char(path, '.');
        wr_buf_add(path, key);
    } else {
        wr_buf_add_char(path, '[');
        wr_json_write_string(path, key);
        wr_buf_add_char(path, ']');
    }
}

static void compare(struct wr_diff *d, struct wr_buf *path, const wr_value *expected,
                    const wr_value *actual, const wr_value *tolerance);

static void compare_objects(struct wr_diff *d, struct wr_buf *path, const wr_value *e,
                            const wr_value *a, const wr_value *tolerance)
{
    static const wr_value nothing = {.type = WR_UNDEFINED};
    size_t len = path->len;
    for (uint32_t i = 0; i < e->len; i++) {
        const wr_value *found = wr_object_get(a, e->as.members[i].key);
        add_key(path, e->as.members[i].key);
        compare(d, path, &e->as.members[i].value, found ? found : &nothing, tolerance);
        path->len = len;
    }
    for (uint32_t i = 0; i < a->len; i++) {
        if (!wr_object_get(e, a->as.members[i].key)) {
            add_key(path, a->as.members[i].key);
            differ(d, wr_buf_str(path), &nothing, &a->as.members[i].value);
            path->len = len;
        }
    }
}

static void compare_arrays(struct wr_diff *d, struct wr_buf *path, const wr_value *e,
                           const wr_value *a, const wr_value *tolerance)
{
    static const wr_value nothing = {.type = WR_UNDEFINED};
    size_t len = path->len;
    uint32_t most = e->len > a->len ? e->len : a->len;
    for (uint32_t i = 0; i < most; i++) {
        wr_buf_addf(path, "[%u]", i);
        compare(d, path, i < e->len ? &e->as.items[i] : &nothing,
                i < a->len ? &a->as.items[i] : &nothing, tolerance);
        path->len = len;
    }
}

// No stack trouble: what is parsed nests at most WR_JSON_DEPTH_MAX deep.
static void compare(struct wr_diff *d, struct wr_buf *path, const wr_value *expected,
                    const wr_value *actual, const wr_value *tolerance)
{
    wr_value e = *expected, a = *actual;
    wr_value_force(&e, d->arena, WR_SQL_2016);
    wr_value_force(&a, d->arena, WR_SQL_2016);
    bool same = e.type == a.type;
    switch (same ? (enum wr_type)e.type : WR_UNDEFINED) {
    case WR_OBJECT:
        compare_objects(d, path, &e, &a, tolerance);
        return;
    case WR_ARRAY:
        compare_arrays(d, path, &e, &a, tolerance);
        return;
    case WR_NUMBER:
        same = same_number(d, &e, &a, tolerance);
        break;
    case WR_STRING:
        same = wr_str_eq(wr_value_text(&e), wr_value_text(&a));
        break;
    case WR_BOOLEAN:
        same = e.as.truth == a.as.truth;
        break;
    case WR_NULL:
        break;
    case WR_UNDEFINED: // other types, or numbers out of range: never the same
    case WR_RAW:
        same = false;
        break;
    }
    if (!same) {
        differ(d, wr_buf_str(path), &e, &a);
    }
}

void wr_diff_json(struct wr_diff *d, const char *path, const wr_value *expected,
                  const wr_value *actual, const wr_value *tolerance)
{
    struct wr_buf at = {0};
    wr_buf_add(&at, wr_str_of(path));
    compare(d, &at, expected, actual, tolerance);
    wr_buf_release(&at);
}

// ---- texts

void wr_diff_bytes(struct wr_diff *d, const char *path, wr_str expected, wr_str actual)
{
    if (wr_str_eq(expected, actual)) {
        return;
    }
    size_t at = 0;
    while (at < expected.len && at < actual.len && expected.at[at] == actual.at[at]) {
        at++;
    }
    struct wr_buf e = {0}, a = {0};
    show_bytes(&e, expected);
    show_bytes(&a, actual);
    wr_diff_line(d, "%s: expected %.*s", path, WR_STR_ARG(wr_buf_str(&e)));
    wr_diff_line(d, "%*s  found    %.*s  (they differ from byte %zu on)", (int)strlen(path), "",
                 WR_STR_ARG(wr_buf_str(&a)), at + 1);
    wr_buf_release(&e);
    wr_buf_release(&a);
}

// `regexp_matches(s, r)` of {"s", "r"}: 1, 0, or -1 when r is no regular expression.
static int search(struct wr_diff *d, wr_str pattern, wr_str text)
{
    if (!d->regex) {
        struct wr_program_options options = {.sql_version = WR_STR("2016-03-23")};
        if (wr_program_new(WR_STR("SELECT VALUE regexp_matches(s, r)"), &options, &d->regex,
                           NULL) ||
            wr_program_seal(d->regex, NULL)) {
            wr_assert(!"the statement is valid");
        }
    }
    struct wr_buf payload;
    wr_buf_init_arena(&payload, d->arena);
    wr_buf_add(&payload, WR_STR("{\"s\":"));
    wr_json_write_string(&payload, text);
    wr_buf_add(&payload, WR_STR(",\"r\":"));
    wr_json_write_string(&payload, pattern);
    wr_buf_add_char(&payload, '}');
    const struct wr_program *programs[] = {d->regex};
    struct wr_plan *plan = wr_plan_new(programs, 1);
    struct wr_sql_message m = {.topic = WR_STR("x"), .payload = wr_buf_str(&payload)};
    static const struct wr_sql_host host = {.account_id = WR_STR_INIT("123456789012")};
    struct wr_eval e = {0};
    int found = -1;
    if (!payload.over && !wr_sql_message_read(&m, plan, d->arena)) {
        wr_eval_start(&e, &m, 0, &host);
        if (wr_eval_run(&e) == WR_EVAL_MATCHED && e.result.type == WR_BOOLEAN) {
            found = e.result.as.truth;
        }
    }
    wr_plan_free(plan);
    return found;
}

wr_err wr_diff_matches(struct wr_diff *d, const char *path, wr_str pattern, wr_str actual,
                       struct wr_fault *fault)
{
    if (search(d, pattern, WR_STR("x")) < 0) {
        return wr_fault_set(fault, WR_ERR_SYNTAX, "%s: matches is no regular expression: %.*s",
                            path, WR_STR_ARG(pattern));
    }
    if (wr_utf8_valid(actual) && search(d, pattern, actual) == 1) {
        return WR_OK;
    }
    struct wr_buf a = {0};
    show_bytes(&a, actual);
    wr_diff_line(d, "%s: expected a match of %.*s", path, WR_STR_ARG(pattern));
    wr_diff_line(d, "%*s  found    %.*s", (int)strlen(path), "", WR_STR_ARG(wr_buf_str(&a)));
    wr_buf_release(&a);
    return WR_OK;
}

// ---- parameters of actions

struct params {
    struct wr_diff *d;
    const char *path;
    const struct wr_sink_impl *impl;
    const struct wr_param *params;
    struct wr_fault *fault;
};

// A scalar as the text of a parameter.
static wr_str scalar(const wr_value *v, struct wr_arena *arena)
{
    if (v->type == WR_STRING) {
        return wr_value_text(v);
    }
    struct wr_buf b;
    wr_buf_init_arena(&b, arena);
    wr_json_write(&b, v, arena, WR_SQL_2016);
    return wr_buf_str(&b);
}

static wr_err compare_text(const struct params *p, const char *path, const wr_value *expected,
                           wr_str actual)
{
    wr_value v = *expected;
    wr_value_force(&v, p->d->arena, WR_SQL_2016);
    if (v.type == WR_OBJECT) {
        const wr_value *found = wr_object_get(&v, WR_STR("matches"));
        wr_value pattern = found ? *found : wr_undefined();
        wr_value_force(&pattern, p->d->arena, WR_SQL_2016);
        if (v.len != 1 || pattern.type != WR_STRING) {
            return wr_fault_set(p->fault, WR_ERR_TYPE,
                                "%s: expected a text or {\"matches\": PATTERN}", path);
        }
        return wr_diff_matches(p->d, path, wr_value_text(&pattern), actual, p->fault);
    }
    if (v.type == WR_ARRAY || v.type == WR_NULL) {
        return wr_fault_set(p->fault, WR_ERR_TYPE,
                            "%s: expected a text, a number, a Boolean or {\"matches\": PATTERN}",
                            path);
    }
    wr_diff_bytes(p->d, path, scalar(&v, p->d->arena), actual);
    return WR_OK;
}

// [{"key", "value"}, …] in the same order.
static wr_err compare_pairs(const struct params *p, const char *path, const wr_value *expected,
                            const struct wr_param *actual)
{
    if (expected->type != WR_ARRAY) {
        return wr_fault_set(p->fault, WR_ERR_TYPE, "%s: expected a list of {key, value}", path);
    }
    if (expected->len != actual->count) {
        wr_diff_line(p->d, "%s: expected %u entries, found %zu", path, expected->len,
                     actual->count);
        return WR_OK;
    }
    wr_err err = WR_OK;
    for (uint32_t i = 0; !err && i < expected->len; i++) {
        wr_value pair = expected->as.items[i];
        wr_value_force(&pair, p->d->arena, WR_SQL_2016);
        bool object = pair.type == WR_OBJECT && pair.len == 2;
        const wr_value *key = object ? wr_object_get(&pair, WR_STR("key")) : NULL;
        const wr_value *value = object ? wr_object_get(&pair, WR_STR("value")) : NULL;
        if (!key || !value) {
            return wr_fault_set(p->fault, WR_ERR_TYPE, "%s: expected a list of {key, value}", path);
        }
        struct wr_buf name = {0};
        wr_buf_addf(&name, "%s[%u].key", path, i);
        err = compare_text(p, wr_buf_terminated(&name), key, actual->keys[i]);
        wr_buf_clear(&name);
        wr_buf_addf(&name, "%s[%u].value", path, i);
        if (!err) {
            err = compare_text(p, wr_buf_terminated(&name), value, actual->values[i]);
        }
        wr_buf_release(&name);
    }
    return err;
}

static wr_err compare_option(const struct params *p, const char *path, size_t option,
                             const wr_value *expected)
{
    const struct wr_param *actual = &p->params[option];
    wr_value v = *expected;
    wr_value_force(&v, p->d->arena, WR_SQL_2016);
    enum wr_option_type type = p->impl->options[option].type;
    if (type == WR_OPT_LIST || p->impl->options[option].flags & WR_OPT_MAP) {
        return wr_fault_set(p->fault, WR_ERR_UNSUPPORTED, "%s cannot be compared yet", path);
    }
    if (v.type == WR_NULL) { // not given
        if (actual->set) {
            wr_diff_line(p->d, "%s: expected nothing, found \"%.*s\"", path,
                         WR_STR_ARG(actual->text));
        }
        return WR_OK;
    }
    if (!actual->set) {
        struct wr_buf shown = {0};
        wr_diff_show(&shown, &v, p->d->arena);
        wr_diff_line(p->d, "%s: expected %.*s, found nothing", path,
                     WR_STR_ARG(wr_buf_str(&shown)));
        wr_buf_release(&shown);
        return WR_OK;
    }
    return type == WR_OPT_PAIRS ? compare_pairs(p, path, &v, actual)
                                : compare_text(p, path, &v, actual->text);
}

static wr_err unknown(const struct params *p, wr_str name)
{
    size_t count = 0;
    while (p->impl->options && p->impl->options[count].name) {
        count++;
    }
    const char **names = wr_alloc((count + 1) * sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = p->impl->options[i].name;
    }
    names[count] = NULL;
    const char *near = wr_name_nearest(name, names);
    wr_fault_set(p->fault, WR_ERR_UNKNOWN, "%s: %s has no member '%.*s'%s%s%s", p->path,
                 p->impl->name, WR_STR_ARG(name), near ? ", did you mean '" : "", near ? near : "",
                 near ? "'?" : "");
    free(names);
    return WR_ERR_UNKNOWN;
}

// `prefix` is the dotted name so far: "putItem."
static wr_err compare_members(const struct params *p, wr_str prefix, const wr_value *expected)
{
    wr_err err = WR_OK;
    for (uint32_t i = 0; !err && i < expected->len; i++) {
        struct wr_buf name = {0}, path = {0};
        wr_buf_add(&name, prefix);
        wr_buf_add(&name, expected->as.members[i].key);
        wr_buf_addf(&path, "%s.%.*s", p->path, WR_STR_ARG(wr_buf_str(&name)));
        wr_value v = expected->as.members[i].value;
        wr_value_force(&v, p->d->arena, WR_SQL_2016);
        int option = p->impl->options ? wr_option_find(p->impl->options, wr_buf_str(&name)) : -1;
        bool inner = false; // some option's name goes on from here
        if (option < 0 && v.type == WR_OBJECT && p->impl->options) {
            wr_buf_add_char(&name, '.');
            for (const struct wr_option *o = p->impl->options; o->name; o++) {
                inner |= wr_str_starts(wr_str_of(o->name), wr_buf_str(&name));
            }
            name.len -= inner ? 0 : 1;
        }
        if (option >= 0) {
            err = compare_option(p, wr_buf_terminated(&path), (size_t)option, &v);
        } else if (inner) {
            err = compare_members(p, wr_buf_str(&name), &v);
        } else {
            err = unknown(p, wr_buf_str(&name));
        }
        wr_buf_release(&name);
        wr_buf_release(&path);
    }
    return err;
}

wr_err wr_diff_params(struct wr_diff *d, const char *path, const struct wr_sink_impl *impl,
                      const struct wr_param *params, const wr_value *expected,
                      struct wr_fault *fault)
{
    struct params p = {d, path, impl, params, fault};
    return compare_members(&p, WR_STR(""), expected);
}
