// Canonical JSON out of values. Lazy parts are copied from the source text where that is already
// canonical, and decoded first where not.
#include "sql/base/json.h"

#include "sql/base/compiler.h"
#include "sql/base/json_scan.h"
#include "sql/base/json_text.h"
#include "sql/base/num.h"

#include "sql/base/banned.h"

static void write_escape(struct wr_buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    for (size_t i = 0; i + 1 < sizeof letters; i += 2) {
        if ((unsigned char)letters[i] == c) {
            wr_buf_add(b, (wr_str){(const char[]){'\\', letters[i + 1]}, 2});
            return;
        }
    }
    const char text[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    wr_buf_add(b, (wr_str){text, sizeof text});
}

// A text that needs no escape.
static inline void write_plain(struct wr_buf *b, wr_str text)
{
    char *to = wr_buf_reserve(b, text.len + 2);
    if (to) {
        to[0] = '"';
        if (text.len) { // an empty one may have no address
            memcpy(to + 1, text.at, text.len);
        }
        to[text.len + 1] = '"';
        b->len += text.len + 2;
    }
}

// At most 16 bytes, as two that overlap.
static inline void copy_short(char *to, wr_str s)
{
    if (s.len >= 8) {
        memcpy(to, s.at, 8);
        memcpy(to + s.len - 8, s.at + s.len - 8, 8);
    } else if (s.len >= 4) {
        memcpy(to, s.at, 4);
        memcpy(to + s.len - 4, s.at + s.len - 4, 4);
    } else if (s.len) {
        to[0] = s.at[0];
        to[s.len / 2] = s.at[s.len / 2];
        to[s.len - 1] = s.at[s.len - 1];
    }
}

void wr_json_write_string(struct wr_buf *b, wr_str s)
{
    if (s.len <= 16 && wr_json_is_plain_short(s)) {
        write_plain(b, s);
        return;
    }
    const char *p = s.at ? s.at : "", *end = p + s.len;
    wr_buf_add_char(b, '"');
    while (p < end) {
        unsigned high = 0;
        const char *stop = wr_json_scan_plain(p, end, &high);
        wr_buf_add(b, (wr_str){p, (size_t)(stop - p)});
        p = stop;
        if (p < end) {
            write_escape(b, (unsigned char)*p++);
        }
    }
    wr_buf_add_char(b, '"');
}

// A member's name and its colon, behind a comma unless it is the first.
static inline void write_key(struct wr_buf *b, wr_str key, bool comma)
{
    if (WR_LIKELY(key.len <= 16 && b->cap_ - b->len >= 20 && wr_json_is_plain_short(key))) {
        char *to = b->at + b->len;
        to[0] = ',';
        to += comma;
        to[0] = '"';
        copy_short(to + 1, key);
        to[key.len + 1] = '"';
        to[key.len + 2] = ':';
        b->len += comma + key.len + 3;
        return;
    }
    if (comma) {
        wr_buf_add_char(b, ',');
    }
    wr_json_write_string(b, key);
    wr_buf_add_char(b, ':');
}

static void pay(struct wr_buf *b, struct wr_arena *scratch, uint64_t steps)
{
    b->over |= !wr_arena_spend(scratch, steps);
}

// Forces on the scratch arena; a part that does not fit there makes the whole text invalid.
static void force(struct wr_buf *b, wr_value *v, struct wr_arena *scratch, enum wr_dialect dialect)
{
    bool was_over = scratch->over;
    scratch->over = false;
    wr_value_force(v, scratch, dialect);
    b->over = b->over || scratch->over || scratch->spent;
    scratch->over = scratch->over || was_over;
}

// ---- copying out of the source text

#define OPEN_MAX  32  // containers open at once
#define KEYS_MAX  128 // keys of all open objects
#define KEYS_EACH 32  // keys of one: each new one is compared with all before it

struct copy {
    struct wr_buf *b;
    struct wr_arena *scratch;
    enum wr_dialect dialect;
    const char *p, *end;
    const char *from; // what is behind it, up to p, is canonical and not copied yet
    unsigned depth, keys_len;
    struct {
        unsigned first; // of its keys
        bool object;
    } open[OPEN_MAX];
    wr_str keys[KEYS_MAX];
};

static void flush(struct copy *c)
{
    wr_buf_add(c->b, (wr_str){c->from, (size_t)(c->p - c->from)});
}

// A string with escapes, quotes and all, in its canonical spelling.
static void write_escaped(struct wr_buf *b, wr_str raw)
{
    const char *p = raw.at, *end = raw.at + raw.len;
    wr_buf_add_char(b, '"');
    while (p < end) {
        const char *stop = memchr(p, '\\', (size_t)(end - p));
        stop = stop ? stop : end;
        wr_buf_add(b, (wr_str){p, (size_t)(stop - p)});
        p = stop;
        if (p < end) {
            char out[12];
            size_t len = wr_json_escape_len(p);
            size_t n = wr_json_unescape(out, (wr_str){p, len});
            unsigned char c = (unsigned char)out[0];
            if (c < 0x20 || c == '"' || c == '\\') {
                write_escape(b, c);
            } else {
                wr_buf_add(b, (wr_str){out, n});
            }
            p += len;
        }
    }
    wr_buf_add_char(b, '"');
}

// Note the key; false when it may repeat an earlier one or there is no room to know.
static bool copy_key(struct copy *c, wr_str key)
{
    unsigned first = c->open[c->depth - 1].first;
    if (c->keys_len == KEYS_MAX || c->keys_len - first == KEYS_EACH) {
        return false;
    }
    for (unsigned i = first; i < c->keys_len; i++) {
        if (wr_str_eq(c->keys[i], key)) {
            return false;
        }
    }
    c->keys[c->keys_len++] = key;
    return true;
}

static bool copy_string(struct copy *c, bool key)
{
    bool escaped;
    wr_str raw = wr_json_string_at(c->p + 1, c->end, &escaped);
    if (key && (escaped || !copy_key(c, raw))) {
        return false;
    }
    if (escaped) {
        flush(c);
        write_escaped(c->b, raw);
        c->from = raw.at + raw.len + 1;
    }
    c->p = raw.at + raw.len + 1;
    return true;
}

static bool copy_number(struct copy *c)
{
    const char *end = wr_json_number_end(c->p, c->end);
    wr_str token = {c->p, (size_t)(end - c->p)};
    if (WR_UNLIKELY(!wr_json_is_canonical_number(token))) {
        struct wr_num_context context = {c->scratch, c->dialect};
        wr_value n = wr_num_parse(&context, token);
        if (n.type != WR_NUMBER) {
            return false; // to be left out, with its key
        }
        flush(c);
        wr_num_write(c->b, &n, c->dialect);
        c->from = end;
    }
    c->p = end;
    return true;
}

static bool copy_opening(struct copy *c)
{
    if (c->depth == OPEN_MAX) {
        return false;
    }
    c->open[c->depth].first = c->keys_len;
    c->open[c->depth++].object = *c->p++ == '{';
    return true;
}

// Copy accepted text, squeezed and respelled. False where that is not enough, because a member is
// repeated or left out, or there are very many: then the tree has to be made.
static bool copy_text(struct copy *c)
{
    bool key = false; // a string here is one
    bool good = true;
    while (good && c->p < c->end) {
        switch (*c->p) {
        case ' ':
        case '\n':
        case '\r':
        case '\t':
            flush(c);
            c->p = c->from = wr_json_skip_space(c->p, c->end);
            break;
        case '{':
        case '[':
            good = copy_opening(c);
            key = good && c->open[c->depth - 1].object;
            break;
        case '}':
        case ']':
            c->keys_len = c->open[--c->depth].first;
            c->p++;
            break;
        case ',':
            key = c->open[c->depth - 1].object;
            c->p++;
            break;
        case ':':
            key = false;
            c->p++;
            break;
        case '"':
            good = copy_string(c, key);
            break;
        case 't':
        case 'n':
            c->p += 4;
            break;
        case 'f':
            c->p += 5;
            break;
        default:
            good = copy_number(c);
        }
    }
    flush(c);
    return good;
}

static bool write_lazy_container(struct wr_buf *b, const wr_value *v, struct wr_arena *scratch,
                                 enum wr_dialect dialect)
{
    struct copy c; // not zeroed: the stacks are large
    size_t start = b->len;
    c.b = b;
    c.scratch = scratch;
    c.dialect = dialect;
    c.p = c.from = v->as.text;
    c.end = c.p + v->len;
    c.depth = c.keys_len = 0;
    if (copy_text(&c)) {
        return true;
    }
    b->len = start;
    return false;
}

// ---- values

static void write_base64(struct wr_buf *b, wr_str bytes)
{
    wr_buf_add_char(b, '"');
    wr_buf_add_base64(b, bytes);
    wr_buf_add_char(b, '"');
}

// A lazy number out of range is Undefined, which shows only when it is forced.
static bool is_left_out(struct wr_buf *b, wr_value *v, struct wr_arena *scratch,
                        enum wr_dialect dialect)
{
    if (v->type == WR_NUMBER && wr_value_is_lazy(v) && !(v->flags & WR_V_CANON) &&
        !wr_json_is_canonical_number((wr_str){v->as.text, v->len})) {
        force(b, v, scratch, dialect);
    }
    return v->type == WR_UNDEFINED;
}

static void write_any(struct wr_buf *b, const wr_value *v, struct wr_arena *scratch,
                      enum wr_dialect dialect, unsigned depth);

// What is copied as it stands is most of most results.
static WR_ALWAYS_INLINE void write_value(struct wr_buf *b, const wr_value *v,
                                         struct wr_arena *scratch, enum wr_dialect dialect,
                                         unsigned depth)
{
    bool text = v->type == WR_STRING && !wr_value_is_lazy(v);
    if (!(v->flags & WR_V_CANON) || !(text || wr_value_is_lazy(v))) {
        write_any(b, v, scratch, dialect, depth);
        return;
    }
    pay(b, scratch, 2 + v->len / 4);
    wr_str s = {v->as.text, v->len};
    if (text) {
        write_plain(b, s);
    } else if (WR_LIKELY(s.len <= 16 && b->cap_ - b->len >= 16)) {
        copy_short(b->at + b->len, s);
        b->len += s.len;
    } else {
        wr_buf_add(b, s);
    }
}

static void write_array(struct wr_buf *b, const wr_value *v, struct wr_arena *scratch,
                        enum wr_dialect dialect, unsigned depth)
{
    bool comma = false;
    wr_buf_add_char(b, '[');
    for (uint32_t i = 0; i < v->len && !b->over; i++) {
        wr_value item = v->as.items[i];
        if (is_left_out(b, &item, scratch, dialect)) {
            continue;
        }
        if (comma) {
            wr_buf_add_char(b, ',');
        }
        comma = true;
        write_value(b, &item, scratch, dialect, depth + 1);
    }
    wr_buf_add_char(b, ']');
}

static void write_object(struct wr_buf *b, const wr_value *v, struct wr_arena *scratch,
                         enum wr_dialect dialect, unsigned depth)
{
    bool comma = false;
    wr_buf_add_char(b, '{');
    for (uint32_t i = 0; i < v->len && !b->over; i++) {
        wr_value value = v->as.members[i].value;
        pay(b, scratch, v->as.members[i].key.len / 4);
        if (is_left_out(b, &value, scratch, dialect)) {
            continue;
        }
        write_key(b, v->as.members[i].key, comma);
        comma = true;
        write_value(b, &value, scratch, dialect, depth + 1);
    }
    wr_buf_add_char(b, '}');
}

static void write_lazy(struct wr_buf *b, const wr_value *v, struct wr_arena *scratch,
                       enum wr_dialect dialect, unsigned depth)
{
    wr_str token = {v->as.text, v->len};
    if (v->flags & WR_V_CANON) {
        wr_buf_add(b, token);
        return;
    }
    if (v->type == WR_STRING) {
        write_escaped(b, token);
        return;
    }
    if (v->type == WR_NUMBER && wr_json_is_canonical_number(token)) {
        wr_buf_add(b, token);
        return;
    }
    if (v->type != WR_NUMBER && write_lazy_container(b, v, scratch, dialect)) {
        return;
    }
    wr_value forced = *v;
    force(b, &forced, scratch, dialect);
    write_value(b, &forced, scratch, dialect, depth);
}

static void write_any(struct wr_buf *b, const wr_value *v, struct wr_arena *scratch,
                      enum wr_dialect dialect, unsigned depth)
{
    if (depth > WR_VALUE_DEPTH_MAX) {
        b->over = scratch->over = true;
        return;
    }
    bool bytes = wr_value_is_lazy(v) || v->type == WR_STRING || v->type == WR_RAW;
    pay(b, scratch, bytes ? 2 + v->len / 4 : v->type == WR_NUMBER ? 12 : 2);
    if (b->over) {
        return;
    }
    if (wr_value_is_lazy(v)) {
        write_lazy(b, v, scratch, dialect, depth);
        return;
    }
    switch ((enum wr_type)v->type) {
    case WR_UNDEFINED:
        return;
    case WR_NULL:
        wr_buf_add(b, WR_STR("null"));
        return;
    case WR_BOOLEAN:
        wr_buf_add(b, v->as.truth ? WR_STR("true") : WR_STR("false"));
        return;
    case WR_NUMBER:
        wr_num_write(b, v, dialect);
        return;
    case WR_STRING:
        if (v->flags & WR_V_CANON) {
            write_plain(b, wr_value_text(v));
        } else {
            wr_json_write_string(b, wr_value_text(v));
        }
        return;
    case WR_RAW:
        write_base64(b, wr_value_text(v));
        return;
    case WR_ARRAY:
        write_array(b, v, scratch, dialect, depth);
        return;
    case WR_OBJECT:
        write_object(b, v, scratch, dialect, depth);
        return;
    }
}

void wr_json_write(struct wr_buf *b, const wr_value *v, struct wr_arena *scratch,
                   enum wr_dialect dialect)
{
    write_value(b, v, scratch, dialect, 0);
}

bool wr_json_squeeze(wr_value *v, struct wr_arena *arena, enum wr_dialect dialect)
{
    struct wr_buf b;
    if (v->flags & WR_V_CANON) {
        return true;
    }
    wr_buf_init_arena(&b, arena);
    pay(&b, arena, 2 + v->len / 4);
    if (b.over || !wr_buf_reserve(&b, v->len) || !write_lazy_container(&b, v, arena, dialect) ||
        b.over || b.len > UINT32_MAX) {
        return false;
    }
    v->as.text = b.at;
    v->len = (uint32_t)b.len;
    v->flags |= WR_V_CANON | WR_V_TIDY;
    return true;
}

bool wr_json_has_key(wr_str text, wr_str key)
{
    unsigned high = 0;
    if (key.len == 0 || wr_json_scan(key.at, key.at + key.len, &high) != key.at + key.len) {
        return true; // empty, or with escapes: not worth knowing
    }
    const char *p = text.at, *end = text.at + text.len;
    size_t size = key.len + 2; // with its quotes
#ifdef __SSE2__
    __m128i quote = _mm_set1_epi8('"'), first = _mm_set1_epi8(key.at[0]);
    for (; end - p >= 17; p += 16) {
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(p + 1));
        unsigned hits = (unsigned)_mm_movemask_epi8(
            _mm_and_si128(_mm_cmpeq_epi8(a, quote), _mm_cmpeq_epi8(b, first)));
        for (; hits; hits &= hits - 1) {
            const char *at = p + __builtin_ctz(hits);
            if ((size_t)(end - at) >= size && at[size - 1] == '"' &&
                memcmp(at + 1, key.at, key.len) == 0) {
                return true;
            }
        }
    }
#endif
    for (; (size_t)(end - p) >= size; p++) {
        if (*p == '"' && p[size - 1] == '"' && memcmp(p + 1, key.at, key.len) == 0) {
            return true;
        }
    }
    return false;
}

bool wr_json_extend(wr_value *v, const struct wr_member *members, uint32_t count,
                    struct wr_arena *arena, enum wr_dialect dialect)
{
    struct wr_buf b;
    wr_buf_init_arena(&b, arena);
    bool first = v->len == 2;
    if (!wr_buf_reserve(&b, v->len + (size_t)count * 48)) { // most fit
        return false;
    }
    wr_buf_add(&b, (wr_str){v->as.text, v->len - 1});
    for (uint32_t i = 0; i < count && !b.over; i++) {
        write_key(&b, members[i].key, !first);
        first = false;
        write_value(&b, &members[i].value, arena, dialect, 1);
    }
    wr_buf_add_char(&b, '}');
    if (b.over || b.len > UINT32_MAX) {
        return false;
    }
    v->as.text = b.at;
    v->len = (uint32_t)b.len;
    return true;
}

static size_t bound(const wr_value *v, size_t max, unsigned depth)
{
    if (wr_value_is_lazy(v)) {
        return 2 + (size_t)v->len * 12; // 1e33 is written with 34 digits
    }
    if (depth > WR_VALUE_DEPTH_MAX) {
        return max + 1;
    }
    size_t n = 2;
    switch ((enum wr_type)v->type) {
    case WR_UNDEFINED:
    case WR_NULL:
    case WR_BOOLEAN:
        return 5;
    case WR_NUMBER:
        return 64;
    case WR_STRING:
    case WR_RAW:
        return 6 + (size_t)v->len * 6; // \u0001
    case WR_ARRAY:
        for (uint32_t i = 0; i < v->len && n <= max; i++) {
            n += 1 + bound(&v->as.items[i], max - n, depth + 1);
        }
        return n;
    case WR_OBJECT:
        for (uint32_t i = 0; i < v->len && n <= max; i++) {
            n += 4 + v->as.members[i].key.len * 6;
            n += n <= max ? bound(&v->as.members[i].value, max - n, depth + 1) : 0;
        }
        return n;
    }
    return n;
}

size_t wr_json_bound(const wr_value *v, size_t max)
{
    return bound(v, max, 0);
}
