// Validating JSON reader: one pass, no recursion, no allocation. It keeps the values at the wanted
// paths as lazy tokens and throws everything else away once it is checked.
//
//   trie of paths           stack of open containers        slots
//   root ─ "a" ─ "b" (0)    { start, node of the trie }     values[0] = token of a.b
//        └ "c" (1)          { start, NULL: nothing wanted }
#include "sql/base/json.h"

#include "sql/base/compiler.h"
#include "sql/base/hash.h"
#include "sql/base/json_paths.h"
#include "sql/base/json_scan.h"
#include "sql/base/json_text.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define KEY_DECODED 512 // decoded keys up to this length are looked up as fast as plain ones

// ---- looking keys up

static inline const struct wr_path_node *find_child(const struct wr_paths *paths,
                                                    const struct wr_path_node *n, wr_str key)
{
    if (WR_LIKELY(!n->mask)) {
        for (const struct wr_path_child *c = &paths->children[n->first], *end = c + n->count;
             c < end; c++) {
            if (c->len == key.len && memcmp(c->key, key.at, key.len) == 0) {
                return &paths->nodes[c->node];
            }
        }
        return NULL;
    }
    const uint32_t *table = &paths->tables[n->table];
    for (uint32_t i = (uint32_t)wr_hash_str(key) & n->mask; table[i]; i = (i + 1) & n->mask) {
        const struct wr_path_child *c = &paths->children[table[i] - 1];
        if (c->len == key.len && memcmp(c->key, key.at, key.len) == 0) {
            return &paths->nodes[c->node];
        }
    }
    return NULL;
}

// `raw`, decoded, is `key`; without room for the decoded form.
static bool key_matches(wr_str raw, const struct wr_path_child *c)
{
    size_t done = 0;
    for (size_t i = 0; i < raw.len;) {
        size_t len = raw.at[i] == '\\' ? wr_json_escape_len(raw.at + i) : 1;
        char out[12];
        size_t n = wr_json_unescape(out, wr_str_cut(raw, i, i + len));
        if (n > c->len - done || memcmp(out, c->key + done, n) != 0) {
            return false;
        }
        done += n;
        i += len;
    }
    return done == c->len;
}

static WR_NOINLINE const struct wr_path_node *find_escaped(const struct wr_paths *paths,
                                                           const struct wr_path_node *n, wr_str raw)
{
    if (raw.len <= KEY_DECODED) {
        char key[KEY_DECODED];
        return find_child(paths, n, (wr_str){key, wr_json_unescape(key, raw)});
    }
    for (const struct wr_path_child *c = &paths->children[n->first], *end = c + n->count; c < end;
         c++) {
        // An escape is at most six times as long as what it stands for.
        if (c->len >= raw.len / 6 && key_matches(raw, c)) {
            return &paths->nodes[c->node];
        }
    }
    return NULL;
}

// ---- scanning tokens. A scanner returns the end of its token, or NULL with *p at the error.

const char *wr_json_scan_plain(const char *p, const char *end, unsigned *high)
{
    return wr_json_scan(p, end, high);
}

struct reader {
    const char *p, *end;
};

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

// Four hex digits behind "\u" at r->p; returns the code unit or -1.
static int read_unit(struct reader *r)
{
    int unit = 0;
    if (r->end - r->p < 2 || r->p[0] != '\\' || r->p[1] != 'u') {
        return -1;
    }
    for (const char *p = r->p + 2; p < r->p + 6; p++) {
        if (p >= r->end || !is_hex(*p)) {
            r->p = p < r->end ? p : r->end;
            return -1;
        }
        unit = unit << 4 | (*p <= '9' ? *p - '0' : (*p | 0x20) - 'a' + 10);
    }
    r->p += 6;
    return unit;
}

static bool read_escape(struct reader *r)
{
    if (r->end - r->p < 2) {
        r->p = r->end;
        return false;
    }
    if (r->p[1] != 'u') {
        if (!memchr("\"\\/bfnrt", r->p[1], 8)) {
            return false;
        }
        r->p += 2;
        return true;
    }
    const char *start = r->p;
    int unit = read_unit(r);
    if (unit < 0) {
        return false;
    }
    if (unit >= 0xdc00 && unit < 0xe000) {
        r->p = start;
        return false;
    }
    if (unit >= 0xd800 && unit < 0xdc00) {
        int low = read_unit(r);
        if (low < 0xdc00 || low >= 0xe000) {
            r->p = start;
            return false;
        }
    }
    return true;
}

static WR_NOINLINE bool check_utf8(struct reader *r, wr_str raw)
{
    size_t valid = wr_utf8_valid_len(raw);
    if (valid == raw.len) {
        return true;
    }
    r->p = raw.at + valid;
    return false;
}

// The string whose opening quote is at r->p; r->p moves behind the closing one.
static inline bool read_string(struct reader *r, wr_str *raw, bool *escaped)
{
    const char *start = ++r->p;
    unsigned high = 0;
    *escaped = false;
    for (;;) {
        r->p = wr_json_scan(r->p, r->end, &high);
        if (WR_UNLIKELY(r->p == r->end)) {
            return false;
        }
        if (WR_LIKELY(*r->p == '"')) {
            break;
        }
        *escaped = true;
        if (*r->p != '\\' || !read_escape(r)) {
            return false;
        }
    }
    *raw = (wr_str){start, (size_t)(r->p - start)};
    if (WR_UNLIKELY(high) && !check_utf8(r, *raw)) {
        return false;
    }
    r->p++;
    return true;
}

static inline const char *skip_digits(const char *p, const char *end)
{
    while (p < end && (unsigned char)(*p - '0') < 10) {
        p++;
    }
    return p;
}

static inline bool read_number(struct reader *r, bool *decimal)
{
    const char *p = r->p, *end = r->end;
    *decimal = false;
    p += *p == '-';
    r->p = p;
    if (p < end && *p == '0') {
        p++;
    } else {
        p = skip_digits(p, end);
        if (p == r->p) {
            return false;
        }
    }
    if (p < end && *p == '.') {
        *decimal = true;
        r->p = p + 1;
        p = skip_digits(p + 1, end);
        if (p == r->p) {
            return false;
        }
    }
    if (p < end && (*p | 0x20) == 'e') {
        *decimal = true;
        p++;
        p += p < end && (*p == '+' || *p == '-');
        r->p = p;
        p = skip_digits(p, end);
        if (p == r->p) {
            return false;
        }
    }
    r->p = p;
    return true;
}

static inline bool read_word(struct reader *r, const char *word, size_t len)
{
    if ((size_t)(r->end - r->p) < len || memcmp(r->p, word, len) != 0) {
        while (r->p < r->end && *r->p == *word) {
            r->p++;
            word++;
        }
        return false;
    }
    r->p += len;
    return true;
}

// A value that is no container.
static inline bool read_scalar(struct reader *r, wr_value *v)
{
    const char *start = r->p;
    bool flag;
    switch (*start) {
    case '"': {
        wr_str raw;
        if (!read_string(r, &raw, &flag)) {
            return false;
        }
        *v = wr_string(raw);
        v->flags = flag ? WR_V_LAZY : 0;
        return true;
    }
    case 't':
        *v = wr_boolean(true);
        return read_word(r, "true", 4);
    case 'f':
        *v = wr_boolean(false);
        return read_word(r, "false", 5);
    case 'n':
        *v = wr_null();
        return read_word(r, "null", 4);
    default:
        if (!read_number(r, &flag)) {
            return false;
        }
        *v = (wr_value){.type = WR_NUMBER,
                        .flags = flag ? WR_V_LAZY | WR_V_DECIMAL : WR_V_LAZY,
                        .len = (uint32_t)(r->p - start),
                        .as.text = start};
        return true;
    }
}

const char *wr_json_scan_scalar(const char *p, const char *end, wr_value *v)
{
    struct reader r = {p, end};
    return read_scalar(&r, v) ? r.p : NULL;
}

const struct wr_path_node *wr_paths_child(const struct wr_paths *paths,
                                          const struct wr_path_node *n, wr_str key)
{
    return find_child(paths, n, key);
}

// ---- the pass

struct frame {
    const char *start;                 // of an open container
    const struct wr_path_node *wanted; // NULL: nothing of it
};

struct pass {
    struct reader r;
    const struct wr_paths *paths;
    wr_value *values;
    const struct wr_path_node *wanted; // the trie's node of the value at r.p, or NULL
    unsigned depth, depth_max;
    bool one; // stop behind the value, whatever follows
    struct frame frames[WR_JSON_DEPTH_MAX];
};

static inline void skip_space(struct reader *r)
{
    if (WR_UNLIKELY(r->p < r->end && (unsigned char)*r->p <= ' ')) {
        r->p = wr_json_skip_space(r->p, r->end);
    }
}

// A key and its colon; r->p ends on the value, `wanted` is its node.
static inline bool read_key(struct pass *s)
{
    wr_str key;
    bool escaped;
    skip_space(&s->r);
    if (s->r.p == s->r.end || *s->r.p != '"' || !read_string(&s->r, &key, &escaped)) {
        return false;
    }
    const struct wr_path_node *n = s->frames[s->depth - 1].wanted;
    if (n && n->count) {
        n = WR_UNLIKELY(escaped) ? find_escaped(s->paths, n, key) : find_child(s->paths, n, key);
        if (n && n->count) {
            // What an earlier member of this name has left.
            memset(&s->values[n->low], 0, (size_t)(n->high - n->low) * sizeof *s->values);
        }
        s->wanted = n;
    } else {
        s->wanted = NULL;
    }
    skip_space(&s->r);
    if (s->r.p == s->r.end || *s->r.p != ':') {
        return false;
    }
    s->r.p++;
    return true;
}

static void close_container(struct pass *s)
{
    struct frame f = s->frames[--s->depth];
    s->r.p++;
    if (f.wanted && f.wanted->slot != WR_PATHS_NO_SLOT) {
        s->values[f.wanted->slot] = (wr_value){.type = *f.start == '{' ? WR_OBJECT : WR_ARRAY,
                                               .flags = WR_V_LAZY,
                                               .len = (uint32_t)(s->r.p - f.start),
                                               .as.text = f.start};
    }
}

// Behind a value: close what ends here. True when another value follows, at r.p; else the text is
// at its end or wrong.
static inline bool next_value(struct pass *s)
{
    while (s->depth) {
        skip_space(&s->r);
        if (s->r.p == s->r.end) {
            return false;
        }
        bool object = *s->frames[s->depth - 1].start == '{';
        if (*s->r.p == ',') {
            s->r.p++;
            s->wanted = NULL;
            return object ? read_key(s) : true;
        }
        if (*s->r.p != (object ? '}' : ']')) {
            return false;
        }
        close_container(s);
    }
    return false;
}

static enum wr_json_kind run(struct pass *s)
{
    enum wr_json_kind kind = WR_JSON_VALID;
    for (;;) {
        skip_space(&s->r);
        if (s->r.p == s->r.end) {
            return WR_JSON_MALFORMED;
        }
        if (*s->r.p == '{' || *s->r.p == '[') {
            char closing = *s->r.p == '{' ? '}' : ']';
            if (s->depth == s->depth_max) {
                return WR_JSON_TOO_DEEP;
            }
            s->frames[s->depth++] = (struct frame){s->r.p++, s->wanted};
            s->wanted = NULL;
            skip_space(&s->r);
            if (s->r.p == s->r.end || *s->r.p != closing) {
                if (closing == '}' && !read_key(s)) {
                    return WR_JSON_MALFORMED;
                }
                continue;
            }
        } else {
            wr_value v;
            if (!read_scalar(&s->r, &v)) {
                return WR_JSON_MALFORMED;
            }
            if (s->wanted && s->wanted->slot != WR_PATHS_NO_SLOT) {
                s->values[s->wanted->slot] = v;
            }
            kind = s->depth ? kind : WR_JSON_SCALAR;
        }
        if (!next_value(s)) {
            if (WR_UNLIKELY(s->one)) {
                return s->depth ? WR_JSON_MALFORMED : kind;
            }
            skip_space(&s->r);
            return s->depth || s->r.p != s->r.end ? WR_JSON_MALFORMED : kind;
        }
    }
}

const char *wr_json_skip_value(const char *p, const char *end, unsigned depth)
{
    struct pass s; // not zeroed: 8 KiB of frames
    s.r = (struct reader){p, end};
    s.paths = NULL;
    s.values = NULL;
    s.wanted = NULL;
    s.depth = 0;
    s.depth_max = WR_JSON_DEPTH_MAX - depth;
    s.one = true;
    enum wr_json_kind kind = run(&s);
    return kind == WR_JSON_VALID || kind == WR_JSON_SCALAR ? s.r.p : NULL;
}

enum wr_json_kind wr_json_read(const struct wr_paths *paths, wr_str text, wr_value *values,
                               size_t *error_at)
{
    struct pass s; // not zeroed: 8 KiB of frames
    text.at = text.at ? text.at : "";
    s.r = (struct reader){text.at, text.at + text.len};
    s.paths = paths;
    s.values = values;
    s.wanted = paths && paths->count ? &paths->nodes[0] : NULL;
    s.depth = 0;
    s.depth_max = WR_JSON_DEPTH_MAX;
    s.one = false;
    size_t size = paths ? paths->count * sizeof *values : 0;
    if (size) {
        memset(values, 0, size);
    }
    if (text.len > UINT32_MAX) { // lengths in values are 32 bits
        s.r.p += UINT32_MAX;
    }
    enum wr_json_kind kind = text.len > UINT32_MAX ? WR_JSON_MALFORMED : run(&s);
    if (kind == WR_JSON_MALFORMED || kind == WR_JSON_TOO_DEEP) {
        if (size) {
            memset(values, 0, size);
        }
        if (error_at) {
            *error_at = (size_t)(s.r.p - text.at);
        }
    }
    return kind;
}
