// Members of operations: out of the request, by the table, checked as AWS checks them.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/api.h"

#include "sql/base/banned.h"

#define STRING_MAX  2048 // of a member without a limit of its own
#define VALUE_SHOWN 160  // of a value in an error

static const struct {
    const char *text, *bytes;
} patterns[] = {
#define PATTERN(name, text, bytes) {text, bytes},
    WR_API_PATTERNS(PATTERN)
#undef PATTERN
};

// ---- errors: all that is wrong is said at once, as AWS does

struct errors {
    struct wr_buf text;
    unsigned count;
};

static void add_error(struct errors *e, const char *name, const char *value, const char *constraint)
{
    wr_buf_addf(&e->text, "%sValue %s%.*s%s at '%s' failed to satisfy constraint: %s",
                e->count ? "; " : "", value ? "'" : "", VALUE_SHOWN, value ? value : "null",
                value ? "'" : "", name, constraint);
    e->count++;
}

static void report(struct wr_api_call *c, struct errors *e)
{
    if (e->count) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "%u validation error%s detected: %s", e->count,
                    e->count == 1 ? "" : "s", wr_buf_terminated(&e->text));
    }
    wr_buf_release(&e->text);
}

static bool in_class(const char *class, unsigned char byte)
{
    for (const char *p = class; *p; p++) {
        if (p[1] == '-' && p[2]) {
            if (byte >= (unsigned char)p[0] && byte <= (unsigned char)p[2]) {
                return true;
            }
            p += 2;
        } else if (byte == (unsigned char)*p) {
            return true;
        }
    }
    return false;
}

static bool fits(enum wr_api_pattern pattern, wr_str s)
{
    const char *class = patterns[pattern].bytes;
    for (size_t i = 0; *class && i < s.len; i++) {
        if (!in_class(class, (unsigned char)s.at[i])) {
            return false;
        }
    }
    return pattern != WR_API_TENANT_PATTERN || !s.len || s.at[0] != '-';
}

static bool is_one_of(const char *list, wr_str s)
{
    wr_str rest = wr_str_of(list);
    while (rest.len) {
        ptrdiff_t end = wr_str_find(rest, WR_STR("|"));
        wr_str one = end < 0 ? rest : wr_str_cut(rest, 0, (size_t)end);
        rest = end < 0 ? (wr_str){0} : wr_str_cut(rest, (size_t)end + 1, rest.len);
        if (wr_str_eq(one, s)) {
            return true;
        }
    }
    return false;
}

static size_t characters(wr_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += ((unsigned char)s.at[i] & 0xC0) != 0x80;
    }
    return n;
}

static void check_text(struct errors *e, const char *name, const char *text, size_t len,
                       enum wr_api_pattern pattern, int64_t min, int64_t max)
{
    char constraint[160];
    wr_str s = {text, len};
    size_t count = characters(s);
    if (count < (size_t)min) {
        snprintf(constraint, sizeof constraint,
                 "Member must have length greater than or equal to %lld", (long long)min);
        add_error(e, name, text, constraint);
    } else if (count > (size_t)max) {
        snprintf(constraint, sizeof constraint,
                 "Member must have length less than or equal to %lld", (long long)max);
        add_error(e, name, text, constraint);
    } else if (!fits(pattern, s)) {
        snprintf(constraint, sizeof constraint,
                 "Member must satisfy regular expression pattern: %s", patterns[pattern].text);
        add_error(e, name, text, constraint);
    }
}

bool wr_api_check_text(struct wr_api_call *c, const char *where, const json_t *value,
                       enum wr_api_pattern pattern, int64_t min, int64_t max)
{
    struct errors e = {0};
    if (!json_is_string(value)) {
        add_error(&e, where, NULL, "Member must be a string");
    } else {
        check_text(&e, where, json_string_value(value), json_string_length(value), pattern, min,
                   max);
    }
    report(c, &e);
    return !c->error;
}

// ---- one member

static void check_string(struct errors *e, const struct wr_api_member *m, const json_t *value)
{
    wr_str s = {json_string_value(value), json_string_length(value)};
    if (m->one_of) {
        if (!is_one_of(m->one_of, s)) {
            char constraint[320];
            int len = snprintf(constraint, sizeof constraint,
                               "Member must satisfy enum value set: [%s]", m->one_of);
            for (int i = 0; i < len && i < (int)sizeof constraint; i++) {
                if (constraint[i] == '|') {
                    constraint[i] = ',';
                }
            }
            add_error(e, m->name, s.at, constraint);
        }
        return;
    }
    check_text(e, m->name, s.at, s.len, m->pattern, m->min, m->max ? m->max : STRING_MAX);
}

static void check_number(struct errors *e, const struct wr_api_member *m, int64_t value)
{
    char text[24], constraint[80];
    snprintf(text, sizeof text, "%lld", (long long)value);
    if (value < m->min) {
        snprintf(constraint, sizeof constraint,
                 "Member must have value greater than or equal to %lld", (long long)m->min);
        add_error(e, m->name, text, constraint);
    } else if (m->max && value > m->max) {
        snprintf(constraint, sizeof constraint, "Member must have value less than or equal to %lld",
                 (long long)m->max);
        add_error(e, m->name, text, constraint);
    }
}

static bool type_fits(enum wr_api_type type, const json_t *value)
{
    switch (type) {
    case WR_API_STRING:
        return json_is_string(value);
    case WR_API_BOOL:
        return json_is_boolean(value);
    case WR_API_INT:
        return json_is_integer(value);
    case WR_API_OBJECT:
        return json_is_object(value);
    case WR_API_LIST:
        return json_is_array(value);
    }
    return false;
}

static const char *type_text(enum wr_api_type type)
{
    static const char *const texts[] = {[WR_API_STRING] = "Member must be a string",
                                        [WR_API_BOOL] = "Member must be a boolean",
                                        [WR_API_INT] = "Member must be an integer",
                                        [WR_API_OBJECT] = "Member must be an object",
                                        [WR_API_LIST] = "Member must be a list"};
    return texts[type];
}

// What a query or header says, as JSON; NULL: it cannot be that.
static json_t *from_text(enum wr_api_type type, wr_str s)
{
    char digits[24];
    char *rest;
    switch (type) {
    case WR_API_BOOL:
        return wr_str_eq(s, WR_STR("true"))    ? json_true()
               : wr_str_eq(s, WR_STR("false")) ? json_false()
                                               : NULL;
    case WR_API_INT:
        if (!s.len || s.len >= sizeof digits) {
            return NULL;
        }
        memcpy(digits, s.at, s.len);
        digits[s.len] = '\0';
        errno = 0;
        long long n = strtoll(digits, &rest, 10);
        return *rest || errno || digits[0] == '+' || digits[0] == ' ' ? NULL : json_integer(n);
    default:
        return json_stringn(s.at, s.len); // NULL for what is no UTF-8
    }
}

// Labels are in the order of the pattern.
static wr_str label_of(const struct wr_admin_call *from, const char *name)
{
    const char *at = from->route->pattern;
    for (size_t i = 0; i < WR_ADMIN_LABELS_MAX && (at = strchr(at, '{')) != NULL; i++) {
        at++;
        size_t len = strcspn(at, "+}");
        if (wr_str_eq((wr_str){at, len}, wr_str_of(name))) {
            return from->labels[i];
        }
    }
    return (wr_str){0};
}

static bool find_text(const struct wr_admin_call *from, const struct wr_api_member *m, wr_str *out)
{
    const char *wire = m->wire ? m->wire : m->name;
    switch (m->place) {
    case WR_API_IN_PATH:
        *out = label_of(from, wire);
        return out->at != NULL;
    case WR_API_IN_QUERY:
        return wr_admin_query(from, wr_str_of(wire), out);
    case WR_API_IN_HEADER:
        *out = wr_http1_header(from->req->head, wr_str_of(wire));
        return out->at != NULL;
    case WR_API_IN_BODY:
    case WR_API_IN_PAYLOAD:
        break;
    }
    return false;
}

static json_t *find_value(const struct wr_admin_call *from, json_t *body,
                          const struct wr_api_member *m, struct errors *e)
{
    if (m->place == WR_API_IN_PAYLOAD) {
        return json_incref(body);
    }
    if (m->place == WR_API_IN_BODY) {
        json_t *value = json_object_get(body, m->name);
        return json_is_null(value) ? NULL : json_incref(value);
    }
    wr_str text;
    if (!find_text(from, m, &text)) {
        return NULL;
    }
    json_t *value = from_text(m->type, text);
    if (!value) {
        add_error(e, m->name, "…",
                  m->type == WR_API_STRING ? "Member must be UTF-8" : type_text(m->type));
        json_t *seen = json_object(); // not missing, but wrong
        return seen;
    }
    return value;
}

static void check_member(const struct wr_api_member *m, const json_t *value, struct errors *e)
{
    if (!value) {
        if (m->required) {
            add_error(e, m->name, NULL, "Member must not be null");
        }
        return;
    }
    if (!type_fits(m->type, value)) {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        add_error(e, m->name, text, type_text(m->type));
        free(text);
    } else if (m->type == WR_API_STRING) {
        check_string(e, m, value);
    } else if (m->type == WR_API_INT) {
        check_number(e, m, json_integer_value(value));
    } else if (m->type == WR_API_LIST && m->max && json_array_size(value) > (size_t)m->max) {
        char constraint[80];
        snprintf(constraint, sizeof constraint,
                 "Member must have length less than or equal to %lld", (long long)m->max);
        add_error(e, m->name, "[…]", constraint);
    }
}

static void read_member(struct wr_api_call *c, const struct wr_admin_call *from, json_t *body,
                        const struct wr_api_member *m, struct errors *e)
{
    unsigned before = e->count;
    json_t *value = find_value(from, body, m, e);
    if (e->count > before) {
        json_decref(value);
        return;
    }
    check_member(m, value, e);
    if (value) {
        json_object_set_new(c->in, m->name, value);
    }
}

bool wr_api_check_input(struct wr_api_call *c)
{
    struct errors e = {0};
    for (const struct wr_api_member *m = c->op->in; m && m->name; m++) {
        check_member(m, json_object_get(c->in, m->name), &e);
    }
    report(c, &e);
    return !c->error;
}

// ---- the body

static bool wants_body(const struct wr_api_member *in)
{
    for (; in && in->name; in++) {
        if (in->place == WR_API_IN_BODY || in->place == WR_API_IN_PAYLOAD) {
            return true;
        }
    }
    return false;
}

// An empty body is an empty object. NULL: the call has failed.
static json_t *read_body(struct wr_api_call *c, wr_str body)
{
    if (!body.len) {
        return json_object();
    }
    json_error_t error;
    json_t *o = json_loadb(body.at, body.len, JSON_REJECT_DUPLICATES, &error);
    if (!o) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "the body is not valid JSON: line %d, column %d: %s",
                    error.line, error.column, error.text);
    } else if (!json_is_object(o)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "the body must be a JSON object");
        json_decref(o);
        o = NULL;
    }
    return o;
}

// AWS passes them over; whoever sent them should know.
static void warn_unknown(struct wr_api_call *c, json_t *body)
{
    const char *name;
    json_t *value;
    json_object_foreach(body, name, value)
    {
        bool known = false;
        for (const struct wr_api_member *m = c->op->in; m->name && !known; m++) {
            known = m->place == WR_API_IN_PAYLOAD ||
                    (m->place == WR_API_IN_BODY && !strcmp(m->name, name));
        }
        if (!known) {
            wr_api_warn(c, "%s has no member %.60s", c->op->name, name);
            return;
        }
    }
}

bool wr_api_read_input(struct wr_api_call *c, const struct wr_admin_call *from)
{
    if (!c->op->in) {
        return true;
    }
    json_t *body = NULL;
    if (wants_body(c->op->in)) {
        body = read_body(c, from->req->body);
        if (!body) {
            return false;
        }
        warn_unknown(c, body);
    }
    struct errors e = {0};
    for (const struct wr_api_member *m = c->op->in; m->name; m++) {
        read_member(c, from, body, m, &e);
    }
    report(c, &e);
    json_decref(body);
    return !c->error;
}

// ---- what operations ask

json_t *wr_api_json(const struct wr_api_call *c, const char *name)
{
    return json_object_get(c->in, name);
}

const char *wr_api_text(const struct wr_api_call *c, const char *name)
{
    return json_string_value(wr_api_json(c, name));
}

wr_str wr_api_str(const struct wr_api_call *c, const char *name)
{
    const json_t *value = wr_api_json(c, name);
    return (wr_str){json_string_value(value), json_string_length(value)};
}

bool wr_api_bool(const struct wr_api_call *c, const char *name, bool missing)
{
    const json_t *value = wr_api_json(c, name);
    return value ? json_is_true(value) : missing;
}

int64_t wr_api_int(const struct wr_api_call *c, const char *name, int64_t missing)
{
    const json_t *value = wr_api_json(c, name);
    return value ? json_integer_value(value) : missing;
}
