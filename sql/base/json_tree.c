// JSON text to a tree of values. The text has been accepted by wr_json_read(), so nothing is
// checked here again; leaves stay lazy.
#include "sql/base/json.h"

#include "sql/base/compiler.h"
#include "sql/base/json_scan.h"
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

// ---- trees

#define FEW 16 // members or items that are collected on the stack, before their place is made

struct tree {
    const char *end;
    struct wr_arena *arena;
    bool tidy; // no blanks, and no key stands twice in an object
};

static const char *build(struct tree *t, const char *p, wr_value *out);

static inline const char *skip(const struct tree *t, const char *p)
{
    return WR_UNLIKELY((unsigned char)*p <= ' ') ? wr_json_skip_space(p, t->end) : p;
}

// Room in the arena for what was collected, or NULL.
static void *settle(struct tree *t, const void *from, uint32_t count, size_t size)
{
    void *to = count ? wr_arena_alloc(t->arena, count * size) : NULL;
    if (to) {
        memcpy(to, from, count * size);
    }
    return to;
}

static const char *build_array(struct tree *t, const char *p, wr_value *out)
{
    wr_value few[FEW];
    struct wr_array_builder many = {0};
    uint32_t count = 0;
    p = skip(t, p + 1);
    while (*p != ']') {
        wr_value v;
        p = skip(t, build(t, p, &v));
        if (WR_LIKELY(count < FEW)) {
            few[count++] = v;
        } else {
            for (uint32_t i = 0; count == FEW && i < FEW; i++) {
                wr_array_push(&many, t->arena, few[i]);
            }
            count = FEW + 1;
            wr_array_push(&many, t->arena, v);
        }
        if (*p == ',') {
            p = skip(t, p + 1);
        }
    }
    if (count > FEW) {
        *out = wr_array_done(&many);
    } else {
        const wr_value *items = settle(t, few, count, sizeof few[0]);
        *out = (wr_value){.type = WR_ARRAY, .len = items ? count : 0, .as.items = items};
    }
    return p + 1;
}

static const char *read_key(struct tree *t, const char *p, wr_str *key)
{
    unsigned high = 0;
    const char *stop = wr_json_scan(p + 1, t->end, &high);
    if (WR_LIKELY(*stop == '"')) {
        *key = (wr_str){p + 1, (size_t)(stop - p - 1)};
        return stop + 1;
    }
    bool escaped;
    wr_str raw = wr_json_string_at(p + 1, t->end, &escaped);
    char *text = wr_arena_alloc(t->arena, raw.len);
    *key = text ? (wr_str){text, wr_json_unescape(text, raw)} : (wr_str){0};
    return raw.at + raw.len + 1;
}

// The place of `key` among the first members, or `count`.
static inline uint32_t place_of(const struct wr_member *members, uint32_t count, wr_str key)
{
    uint32_t i = 0;
    while (i < count &&
           !(members[i].key.len == key.len && memcmp(members[i].key.at, key.at, key.len) == 0)) {
        i++;
    }
    return i;
}

static const char *build_object(struct tree *t, const char *p, wr_value *out)
{
    struct wr_member few[FEW];
    struct wr_object_builder many = {0};
    uint32_t count = 0;
    p = skip(t, p + 1);
    while (*p != '}') {
        struct wr_member m;
        p = skip(t, read_key(t, p, &m.key));
        p = skip(t, p + 1); // the colon
        p = skip(t, build(t, p, &m.value));
        if (WR_LIKELY(count <= FEW)) {
            uint32_t at = t->tidy ? count : place_of(few, count < FEW ? count : FEW, m.key);
            if (WR_LIKELY(at < FEW)) { // the last of equal keys wins, in the place of the first
                few[at].value = m.value;
                few[at].key = at < count ? few[at].key : m.key;
                count += at == count;
            } else {
                for (uint32_t i = 0; i < FEW; i++) {
                    wr_object_set(&many, t->arena, few[i].key, few[i].value);
                }
                count = FEW + 1;
            }
        }
        if (count > FEW) {
            wr_object_set(&many, t->arena, m.key, m.value);
        }
        if (*p == ',') {
            p = skip(t, p + 1);
        }
    }
    if (count > FEW) {
        *out = wr_object_done(&many);
    } else {
        const struct wr_member *members = settle(t, few, count, sizeof few[0]);
        *out = (wr_value){.type = WR_OBJECT, .len = members ? count : 0, .as.members = members};
    }
    return p + 1;
}

static const char *build_string(struct tree *t, const char *p, wr_value *out)
{
    unsigned high = 0;
    const char *stop = wr_json_scan(p + 1, t->end, &high);
    if (WR_LIKELY(*stop == '"')) {
        *out = wr_string((wr_str){p + 1, (size_t)(stop - p - 1)});
        out->flags = WR_V_CANON;
        return stop + 1;
    }
    bool escaped;
    *out = wr_string(wr_json_string_at(p + 1, t->end, &escaped));
    out->flags = WR_V_LAZY;
    return out->as.text + out->len + 1;
}

static const char *build_number(struct tree *t, const char *p, wr_value *out)
{
#ifdef __SSE2__
    if (WR_LIKELY(t->end - p >= 16)) {
        unsigned odd = 0;
        const char *next = wr_json_scan_number(p, out, &odd);
        if (WR_LIKELY(next && (*next | 0x20) != 'e')) {
            out->flags &= (uint8_t)~WR_V_DECIMAL; // it is known when it is forced
            return next;
        }
    }
#endif
    const char *next = wr_json_number_end(p, t->end);
    *out = (wr_value){
        .type = WR_NUMBER, .flags = WR_V_LAZY, .len = (uint32_t)(next - p), .as.text = p};
    return next;
}

static const char *build(struct tree *t, const char *p, wr_value *out)
{
    switch (*p) {
    case '{':
        return build_object(t, p, out);
    case '[':
        return build_array(t, p, out);
    case '"':
        return build_string(t, p, out);
    case 't':
        *out = wr_boolean(true);
        return p + 4;
    case 'f':
        *out = wr_boolean(false);
        return p + 5;
    case 'n':
        *out = wr_null();
        return p + 4;
    default:
        return build_number(t, p, out);
    }
}

wr_value wr_json_build(const char **at, const char *end, bool tidy, struct wr_arena *arena)
{
    struct tree t = {.end = end, .arena = arena, .tidy = tidy};
    bool was_over = arena->over;
    wr_value v;
    arena->over = false;
    *at = build(&t, *at, &v);
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
    wr_value v = wr_json_build(&p, end, false, arena);
    wr_value_force(&v, arena, dialect);
    if (arena->over) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "JSON text is too large for its memory");
    }
    arena->over = was_over;
    *out = v;
    return WR_OK;
}
