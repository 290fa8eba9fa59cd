// Differences between what a case expects and what came out. Parameters of actions:
// suite_params.c.
#include "engine/cli/suite_diff.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/json.h"
#include "sql/base/num.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define SHOWN_MAX  160 // bytes of a value in a line
#define PAIR_MAX   72  // bytes of path and values in one line
#define SHORT_MAX  24  // bytes of two values that fit behind any path
#define BEFORE_MAX 40  // characters of a text shown before the first difference
#define AFTER_MAX  60  // and from there on
#define HEX_BEFORE 8   // bytes, likewise
#define HEX_AFTER  8

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

void wr_diff_plain(struct wr_buf *out, wr_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < 1 || text.at[i] > 3) {
            wr_buf_add_char(out, text.at[i]);
        }
    }
}

// What the two values are called.
static const char *word(const struct wr_diff *d, int which)
{
    static const char *const usual[] = {"expected", "got"};
    return d->words[which] ? d->words[which] : usual[which];
}

// Both, one below the other. Returns the column in which they begin.
static int two_lines(struct wr_diff *d, wr_str expected, wr_str got)
{
    int first = (int)strlen(word(d, 0)), second = (int)strlen(word(d, 1));
    int width = first > second ? first : second;
    wr_diff_line(d, "  %-*s " WR_DIFF_EXPECTED "%.*s" WR_DIFF_END, width, word(d, 0),
                 WR_STR_ARG(expected));
    wr_diff_line(d, "  %-*s " WR_DIFF_GOT "%.*s" WR_DIFF_END, width, word(d, 1), WR_STR_ARG(got));
    return width + 3;
}

static bool one_line(size_t path, size_t expected, size_t got)
{
    return expected + got <= SHORT_MAX || path + expected + got <= PAIR_MAX;
}

void wr_diff_pair(struct wr_diff *d, const char *path, wr_str expected, wr_str got)
{
    if (one_line(strlen(path), expected.len, got.len)) {
        wr_diff_line(
            d, "%s: %s " WR_DIFF_EXPECTED "%.*s" WR_DIFF_END ", %s " WR_DIFF_GOT "%.*s" WR_DIFF_END,
            path, word(d, 0), WR_STR_ARG(expected), word(d, 1), WR_STR_ARG(got));
        return;
    }
    wr_diff_line(d, "%s:", path);
    two_lines(d, expected, got);
}

// ---- values

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
    wr_value forced = *v;
    wr_value_force(&forced, arena, WR_SQL_2016);
    if (forced.type == WR_UNDEFINED) {
        bool number = v->type == WR_NUMBER && wr_value_is_lazy(v); // as it is written
        add_cut(out, number ? (wr_str){v->as.text, v->len} : WR_STR("nothing"));
        wr_buf_add(out, number ? WR_STR(" (out of range)") : WR_STR(""));
        return;
    }
    struct wr_buf json = {0};
    wr_json_write(&json, &forced, arena, WR_SQL_2016);
    add_cut(out, wr_buf_str(&json));
    wr_buf_release(&json);
}

static void differ(struct wr_diff *d, const char *path, const wr_value *expected,
                   const wr_value *got)
{
    struct wr_buf e = {0}, a = {0};
    wr_diff_show(&e, expected, d->arena);
    wr_diff_show(&a, got, d->arena);
    wr_diff_pair(d, path, wr_buf_str(&e), wr_buf_str(&a));
    wr_buf_release(&e);
    wr_buf_release(&a);
}

// ---- texts

// A text that may be long, from a little before byte `at` to a little behind it, as a JSON string
// on one line. Returns in which column of it `at` stands.
static size_t show_text(struct wr_buf *out, wr_str s, size_t at)
{
    size_t from = at, to = at, before = 0, after = 0;
    for (; from > 0 && before < BEFORE_MAX; before++) {
        do {
            from--;
        } while (from > 0 && ((unsigned char)s.at[from] & 0xc0) == 0x80);
    }
    for (; to < s.len && after < AFTER_MAX; after++) {
        do {
            to++;
        } while (to < s.len && ((unsigned char)s.at[to] & 0xc0) == 0x80);
    }
    struct wr_buf head = {0}, tail = {0};
    wr_json_write_string(&head, wr_str_cut(s, from, at));
    wr_json_write_string(&tail, wr_str_cut(s, at, to));
    wr_buf_add(out, from ? WR_STR("…\"") : WR_STR("\""));
    wr_buf_add(out, (wr_str){head.at + 1, head.len - 2});
    size_t column = wr_utf8_count(wr_buf_str(out));
    wr_buf_add(out, (wr_str){tail.at + 1, tail.len - 1});
    if (to < s.len) {
        wr_buf_addf(out, "… (%zu bytes)", s.len);
    }
    wr_buf_release(&head);
    wr_buf_release(&tail);
    return column;
}

// The same of bytes in hex; three columns each.
static size_t show_hex(struct wr_buf *out, wr_str s, size_t at)
{
    size_t from = at > HEX_BEFORE ? at - HEX_BEFORE : 0;
    size_t to = s.len - at > HEX_AFTER ? at + HEX_AFTER : s.len;
    wr_buf_add(out, from ? WR_STR("… ") : WR_STR(""));
    size_t column = (from ? 2 : 0) + 3 * (at - from);
    for (size_t i = from; i < to; i++) {
        wr_buf_addf(out, "%02x ", (unsigned char)s.at[i]);
    }
    wr_buf_addf(out, "%s(%zu bytes)", to < s.len ? "… " : "", s.len);
    return column;
}

void wr_diff_show_bytes(struct wr_buf *out, wr_str s)
{
    if (!wr_utf8_valid(s)) {
        show_hex(out, s, 0);
    } else if (s.len == 0) {
        wr_buf_add(out, WR_STR("empty"));
    } else {
        add_cut(out, s);
    }
}

void wr_diff_bytes(struct wr_diff *d, const char *path, wr_str expected, wr_str got)
{
    if (wr_str_eq(expected, got)) {
        return;
    }
    size_t at = 0;
    while (at < expected.len && at < got.len && expected.at[at] == got.at[at]) {
        at++;
    }
    struct wr_buf e = {0}, a = {0};
    size_t column;
    bool text = wr_utf8_valid(expected) && wr_utf8_valid(got);
    if (text) {
        while (at > 0 && ((at < expected.len && ((unsigned char)expected.at[at] & 0xc0) == 0x80) ||
                          (at < got.len && ((unsigned char)got.at[at] & 0xc0) == 0x80))) {
            at--; // inside a character
        }
        show_text(&e, expected, at);
        column = show_text(&a, got, at);
    } else {
        show_hex(&e, expected, at);
        column = show_hex(&a, got, at);
    }
    wr_diff_line(d, "%s: %s differ from byte %zu on", path, text ? "texts" : "bytes", at + 1);
    int begin = two_lines(d, wr_buf_str(&e), wr_buf_str(&a));
    wr_diff_line(d, "%*s^", begin + (int)column, "");
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

wr_err wr_diff_matches(struct wr_diff *d, const char *path, wr_str pattern, wr_str got,
                       struct wr_fault *fault)
{
    if (search(d, pattern, WR_STR("x")) < 0) {
        return wr_fault_set(fault, WR_ERR_SYNTAX, "%s: \"%.*s\" is no regular expression", path,
                            WR_STR_ARG(pattern));
    }
    if (wr_utf8_valid(got) && search(d, pattern, got) == 1) {
        return WR_OK;
    }
    struct wr_buf e = {0}, a = {0};
    wr_buf_addf(&e, "a match of %.*s", WR_STR_ARG(pattern));
    if (wr_utf8_valid(got)) {
        wr_json_write_string(&a, got);
    } else {
        show_hex(&a, got, 0);
    }
    struct wr_buf shown = {0};
    add_cut(&shown, wr_buf_str(&a));
    wr_diff_pair(d, path, wr_buf_str(&e), wr_buf_str(&shown));
    wr_buf_release(&e);
    wr_buf_release(&a);
    wr_buf_release(&shown);
    return WR_OK;
}

// The pattern of {"matches": PATTERN}, or {NULL, 0}.
static wr_str pattern_of(const wr_value *v, struct wr_arena *arena)
{
    const wr_value *found =
        v->type == WR_OBJECT && v->len == 1 ? wr_object_get(v, WR_STR("matches")) : NULL;
    wr_value pattern = found ? *found : wr_undefined();
    wr_value_force(&pattern, arena, WR_SQL_2016);
    return pattern.type == WR_STRING ? wr_value_text(&pattern) : (wr_str){NULL, 0};
}

wr_err wr_diff_text(struct wr_diff *d, const char *path, const wr_value *expected, wr_str got,
                    struct wr_fault *fault)
{
    wr_value v = *expected;
    wr_value_force(&v, d->arena, WR_SQL_2016);
    wr_str pattern = pattern_of(&v, d->arena);
    if (pattern.at) {
        return wr_diff_matches(d, path, pattern, got, fault);
    }
    if (v.type != WR_STRING && v.type != WR_NUMBER && v.type != WR_BOOLEAN) {
        return wr_fault_set(fault, WR_ERR_TYPE,
                            "%s: expected a text, a number, a Boolean or {\"matches\": PATTERN}",
                            path);
    }
    struct wr_buf text;
    wr_buf_init_arena(&text, d->arena);
    if (v.type != WR_STRING) {
        wr_json_write(&text, &v, d->arena, WR_SQL_2016);
    }
    wr_str wanted = v.type == WR_STRING ? wr_value_text(&v) : wr_buf_str(&text);
    struct wr_buf e = {0}, a = {0};
    wr_json_write_string(&e, wanted);
    bool shown = wr_utf8_valid(got) && one_line(strlen(path), e.len, got.len);
    if (shown && !wr_str_eq(wanted, got)) {
        wr_json_write_string(&a, got);
        wr_diff_pair(d, path, wr_buf_str(&e), wr_buf_str(&a));
    } else {
        wr_diff_bytes(d, path, wanted, got);
    }
    wr_buf_release(&e);
    wr_buf_release(&a);
    return WR_OK;
}

// ---- JSON

struct comparison {
    struct wr_diff *d;
    struct wr_buf path;
    const struct wr_diff_mode *mode;
    struct wr_fault *fault;
};

static bool same_number(const struct comparison *c, const wr_value *e, const wr_value *a)
{
    if (!c->mode->tolerance) {
        return wr_num_cmp(a, e) == 0;
    }
    struct wr_num_context n = {c->d->arena, WR_SQL_2016};
    wr_value off = wr_num_sub(&n, a, e), size = wr_num_abs(&n, e), one = wr_num_int(&n, 1);
    off = wr_num_abs(&n, &off);
    wr_value most = wr_num_mul(&n, c->mode->tolerance, wr_num_cmp(&size, &one) > 0 ? &size : &one);
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

static wr_err compare(struct comparison *c, const wr_value *expected, const wr_value *got);

static const wr_value nothing = {.type = WR_UNDEFINED};

static wr_err compare_objects(struct comparison *c, const wr_value *e, const wr_value *a)
{
    size_t len = c->path.len;
    wr_err err = WR_OK;
    for (uint32_t i = 0; !err && i < e->len; i++) {
        const wr_value *found = wr_object_get(a, e->as.members[i].key);
        add_key(&c->path, e->as.members[i].key);
        err = compare(c, &e->as.members[i].value, found ? found : &nothing);
        c->path.len = len;
    }
    for (uint32_t i = 0; !err && !c->mode->subset && i < a->len; i++) {
        if (!wr_object_get(e, a->as.members[i].key)) {
            add_key(&c->path, a->as.members[i].key);
            differ(c->d, wr_buf_terminated(&c->path), &nothing, &a->as.members[i].value);
            c->path.len = len;
        }
    }
    return err;
}

static wr_err compare_arrays(struct comparison *c, const wr_value *e, const wr_value *a)
{
    size_t len = c->path.len;
    uint32_t most = e->len > a->len ? e->len : a->len;
    wr_err err = WR_OK;
    for (uint32_t i = 0; !err && i < most; i++) {
        wr_buf_addf(&c->path, "[%u]", i);
        err = compare(c, i < e->len ? &e->as.items[i] : &nothing,
                      i < a->len ? &a->as.items[i] : &nothing);
        c->path.len = len;
    }
    return err;
}

// No stack trouble: what is parsed nests at most WR_JSON_DEPTH_MAX deep.
static wr_err compare(struct comparison *c, const wr_value *expected, const wr_value *got)
{
    struct wr_diff *d = c->d;
    wr_value e = *expected, a = *got;
    wr_value_force(&e, d->arena, WR_SQL_2016);
    wr_value_force(&a, d->arena, WR_SQL_2016);
    wr_str pattern = c->mode->patterns ? pattern_of(&e, d->arena) : (wr_str){NULL, 0};
    if (pattern.at && a.type == WR_STRING) {
        return wr_diff_matches(d, wr_buf_terminated(&c->path), pattern, wr_value_text(&a),
                               c->fault);
    }
    bool same = e.type == a.type;
    switch (same ? (enum wr_type)e.type : WR_UNDEFINED) {
    case WR_OBJECT:
        return compare_objects(c, &e, &a);
    case WR_ARRAY:
        return compare_arrays(c, &e, &a);
    case WR_NUMBER:
        same = same_number(c, &e, &a);
        break;
    case WR_STRING:
        if (!one_line(c->path.len, e.len, a.len)) {
            wr_diff_bytes(d, wr_buf_terminated(&c->path), wr_value_text(&e), wr_value_text(&a));
            return WR_OK;
        }
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
        differ(d, wr_buf_terminated(&c->path), expected, got);
    }
    return WR_OK;
}

wr_err wr_diff_json(struct wr_diff *d, const char *path, const wr_value *expected,
                    const wr_value *got, const struct wr_diff_mode *mode, struct wr_fault *fault)
{
    struct comparison c = {.d = d, .mode = mode, .fault = fault};
    wr_buf_add(&c.path, wr_str_of(path));
    wr_err err = compare(&c, expected, got);
    wr_buf_release(&c.path);
    return err;
}
