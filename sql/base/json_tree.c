// JSON text to a tree of values. The text has been accepted by wr_json_read(), so nothing is
// checked here again; leaves stay lazy.
#include "sql/base/json.h"

#include "sql/base/compiler.h"
#include "sql/base/json_text.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

wr_str wr_json_string_at(const char *p, const char *end, bool *escaped)
{
    const char *start = p;
    unsigned high = 0;
    *escaped = false;
    for (;;) {
        p = wr_json_scan_plain(p, end, &high);
        if (*p == '"') {
            return (wr_str){start, (size_t)(p - start)};
        }
        *escaped = true;
        p += 2; // what is escaped is never the end; the digits of \u are plain
    }
}

const char *wr_json_number_end(const char *p, const char *end)
{
    while (p < end && ((*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == '.' ||
                       (*p | 0x20) == 'e')) {
        p++;
    }
    return p;
}

static uint32_t hex4(const char *p)
{
    uint32_t n = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        n = n << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return n;
}

size_t wr_json_unescape(char *out, wr_str raw)
{
    const char *p = raw.at, *end = raw.at + raw.len;
    char *to = out;
    while (p < end) {
        const char *stop = memchr(p, '\\', (size_t)(end - p));
        stop = stop ? stop : end;
        memcpy(to, p, (size_t)(stop - p));
        to += stop - p;
        p = stop;
        if (p == end) {
            break;
        }
        uint32_t code;
        switch (p[1]) {
        case 'b':
            *to++ = '\b';
            break;
        case 'f':
            *to++ = '\f';
            break;
        case 'n':
            *to++ = '\n';
            break;
        case 'r':
            *to++ = '\r';
            break;
        case 't':
            *to++ = '\t';
            break;
        case 'u':
            code = hex4(p + 2);
            if (code >= 0xd800 && code < 0xdc00) {
                code = 0x10000 + ((code - 0xd800) << 10) + (hex4(p + 8) - 0xdc00);
                p += 6;
            }
            to += wr_utf8_put(to, code); // at most 3 bytes for 6, 4 for 12
            p += 4;
            break;
        default:
            *to++ = p[1];
        }
        p += 2;
    }
    return (size_t)(to - out);
}

static wr_value build(const char **at, const char *end, struct wr_arena *arena);

static wr_value build_array(const char **at, const char *end, struct wr_arena *arena)
{
    struct wr_array_builder b = {0};
    const char *p = wr_json_skip_space(*at + 1, end);
    while (*p != ']') {
        wr_array_push(&b, arena, build(&p, end, arena));
        p = wr_json_skip_space(p, end);
        if (*p == ',') {
            p = wr_json_skip_space(p + 1, end);
        }
    }
    *at = p + 1;
    return wr_array_done(&b);
}

static wr_value build_object(const char **at, const char *end, struct wr_arena *arena)
{
    struct wr_object_builder b = {0};
    const char *p = wr_json_skip_space(*at + 1, end);
    while (*p != '}') {
        bool escaped;
        wr_str key = wr_json_string_at(p + 1, end, &escaped);
        p = wr_json_skip_space(key.at + key.len + 1, end);
        if (escaped) {
            char *text = wr_arena_alloc(arena, key.len);
            key = text ? (wr_str){text, wr_json_unescape(text, key)} : (wr_str){0};
        }
        p = wr_json_skip_space(p + 1, end);
        wr_value value = build(&p, end, arena);
        wr_object_set(&b, arena, key, value);
        p = wr_json_skip_space(p, end);
        if (*p == ',') {
            p = wr_json_skip_space(p + 1, end);
        }
    }
    *at = p + 1;
    return wr_object_done(&b);
}

static wr_value build(const char **at, const char *end, struct wr_arena *arena)
{
    const char *p = *at;
    switch (*p) {
    case '{':
        return build_object(at, end, arena);
    case '[':
        return build_array(at, end, arena);
    case '"': {
        bool escaped;
        wr_str raw = wr_json_string_at(p + 1, end, &escaped);
        *at = raw.at + raw.len + 1;
        wr_value v = wr_string(raw);
        v.flags = escaped ? WR_V_LAZY : 0;
        return v;
    }
    case 't':
        *at = p + 4;
        return wr_boolean(true);
    case 'f':
        *at = p + 5;
        return wr_boolean(false);
    case 'n':
        *at = p + 4;
        return wr_null();
    default:
        *at = wr_json_number_end(p, end);
        return (wr_value){
            .type = WR_NUMBER, .flags = WR_V_LAZY, .len = (uint32_t)(*at - p), .as.text = p};
    }
}

wr_value wr_json_build(const char **at, const char *end, struct wr_arena *arena)
{
    bool was_over = arena->over;
    arena->over = false;
    wr_value v = build(at, end, arena);
    if (arena->over) {
        return wr_undefined();
    }
    arena->over = was_over;
    return v;
}

wr_err wr_json_parse(wr_str text, struct wr_arena *arena, enum wr_dialect dialect, wr_value *out,
                     struct wr_fault *fault)
{
    size_t error_at = 0;
    switch (wr_json_read(NULL, text, NULL, &error_at)) {
    case WR_JSON_VALID:
    case WR_JSON_SCALAR:
        break;
    case WR_JSON_MALFORMED:
        return error_at < text.len
                   ? wr_fault_at(fault, WR_ERR_SYNTAX, text, error_at, "malformed JSON")
                   : wr_fault_at(fault, WR_ERR_SYNTAX, text, error_at,
                                 "unexpected end of JSON text");
    case WR_JSON_TOO_DEEP:
        return wr_fault_at(fault, WR_ERR_LIMIT, text, error_at, "JSON is nested more than %d deep",
                           WR_JSON_DEPTH_MAX);
    }
    if (!wr_arena_spend(arena, text.len)) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "no fuel left for the JSON text");
    }
    const char *end = text.at + text.len;
    const char *p = wr_json_skip_space(text.at, end);
    bool was_over = arena->over;
    arena->over = false;
    wr_value v = wr_json_build(&p, end, arena);
    wr_value_force(&v, arena, dialect);
    if (arena->over) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "JSON text is too large for its memory");
    }
    arena->over = was_over;
    *out = v;
    return WR_OK;
}
