// Functions on text: sql.md 11.2 without regular expressions and hashes. Characters are code
// points.
#include "sql/func/bodies.h"

#include "sql/base/buf.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define PAD_MAX     1000 // sql.md 14
#define STEPS_PIECE 8    // to find a place and to copy what lies between two

// Copying and scanning go at about eight bytes an instruction.
static void work(struct wr_call *c, size_t bytes)
{
    c->steps += bytes / 8;
}

static wr_value concat_arrays(struct wr_call *c, wr_value *args, uint32_t count)
{
    struct wr_array_builder b = {0};
    for (uint32_t i = 0; i < count; i++) {
        wr_value_force(&args[i], c->num.arena, c->num.dialect);
        if (args[i].type == WR_ARRAY) {
            for (uint32_t k = 0; k < args[i].len; k++) {
                const wr_value *item = &args[i].as.items[k];
                if (!wr_value_is_absent(item, c->num.arena, c->num.dialect)) {
                    wr_array_push(&b, c->num.arena, *item);
                }
            }
            c->steps += args[i].len;
        } else if (args[i].type != WR_UNDEFINED) {
            wr_array_push(&b, c->num.arena, args[i]);
        }
    }
    return c->num.arena->over ? wr_undefined() : wr_array_done(&b);
}

static wr_value concat_strings(struct wr_call *c, wr_value *args, uint32_t count)
{
    size_t len = 0;
    for (uint32_t i = 0; i < count; i++) {
        wr_str s;
        if (!wr_call_text(c, &args[i], &s)) {
            return wr_undefined();
        }
        args[i] = wr_string(s);
        len += s.len;
    }
    if (count == 1) {
        return args[0];
    }
    work(c, len);
    struct wr_buf b;
    wr_buf_init_arena(&b, c->num.arena);
    if (len && !wr_buf_reserve(&b, len)) {
        return wr_undefined();
    }
    for (uint32_t i = 0; i < count; i++) {
        wr_buf_add(&b, wr_value_text(&args[i]));
    }
    return wr_call_built(&b);
}

wr_value wr_string_concat(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    bool array = false, string = count == 1;
    for (uint32_t i = 0; i < count; i++) {
        array = array || args[i].type == WR_ARRAY;
        string = string || args[i].type == WR_STRING;
    }
    if (array) {
        return concat_arrays(c, args, count);
    }
    return string ? concat_strings(c, args, count) : wr_undefined();
}

wr_value wr_string_length(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    wr_str s;
    if (!wr_call_text(c, &args[0], &s)) {
        return wr_undefined();
    }
    c->steps += s.len / 2;
    return wr_num_int(&c->num, (int64_t)wr_utf8_count(s));
}

wr_value wr_string_numbytes(struct wr_call *c, wr_value *args, uint32_t count,
                            uint32_t payload_args)
{
    wr_str s;
    return wr_call_text(c, &args[0], &s) ? wr_num_int(&c->num, (int64_t)s.len) : wr_undefined();
}

wr_value wr_string_indexof(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    wr_str s, what;
    if (!wr_call_text(c, &args[0], &s) || !wr_call_text(c, &args[1], &what)) {
        return wr_undefined();
    }
    c->steps += s.len;
    ptrdiff_t at = wr_str_find(s, what);
    size_t index = at < 0 ? 0 : wr_utf8_count(wr_str_cut(s, 0, (size_t)at));
    return wr_num_int(&c->num, at < 0 ? -1 : (int64_t)index);
}

#define TOPS UINT64_C(0x8080808080808080)

static bool is_ascii(wr_str s)
{
    uint64_t all = 0, eight;
    if (s.len < 8) {
        for (size_t i = 0; i < s.len; i++) {
            all |= (unsigned char)s.at[i];
        }
        return all < 0x80;
    }
    for (size_t i = 0; i < s.len - 8; i += 8) {
        memcpy(&eight, s.at + i, 8);
        all |= eight;
    }
    memcpy(&eight, s.at + s.len - 8, 8);
    return !((all | eight) & TOPS);
}

// The letters from `first` to `first` + 25 of eight ASCII characters with their case changed.
static inline void change_eight(char *to, const char *from, unsigned char first)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t x;
    memcpy(&x, from, 8);
    // The top bit of a byte: it is at least `first`; and not more than 25 above.
    uint64_t reach = x + ones * (0x80u - first), beyond = x + ones * (0x80u - first - 26u);
    x ^= (reach & ~beyond & TOPS) >> 2;
    memcpy(to, &x, 8);
}

static void change_ascii(char *to, const char *from, size_t len, unsigned char first)
{
    if (len < 8) {
        for (size_t i = 0; i < len; i++) {
            to[i] = (unsigned char)(from[i] - first) < 26 ? from[i] ^ 0x20 : from[i];
        }
        return;
    }
    for (size_t i = 0; i < len - 8; i += 8) {
        change_eight(to + i, from + i, first);
    }
    change_eight(to + len - 8, from + len - 8, first); // some of them again
}

static wr_value change_case(struct wr_call *c, wr_value *arg, uint32_t (*map)(uint32_t))
{
    wr_str s;
    if (!wr_call_text(c, arg, &s) || s.len == 0) {
        return arg->type == WR_STRING ? *arg : wr_undefined();
    }
    bool ascii = is_ascii(s);
    c->steps += ascii ? s.len : 4 * s.len;
    // No mapping makes a character more than half as long again, in UTF-8.
    char *start = wr_arena_alloc(c->num.arena, ascii ? s.len : s.len + s.len / 2 + 4);
    if (!start) {
        return wr_undefined();
    }
    if (ascii) {
        bool plain = arg->type == WR_STRING && (arg->flags & WR_V_CANON);
        change_ascii(start, s.at, s.len, map('A') == 'A' ? 'a' : 'A');
        wr_value v = wr_string((wr_str){start, s.len});
        v.flags = plain ? WR_V_CANON : 0; // letters need no escape
        return v;
    }
    char *to = start;
    for (size_t at = 0; at < s.len;) {
        to += wr_utf8_put(to, map(wr_utf8_next(s, &at)));
    }
    return wr_string((wr_str){start, (size_t)(to - start)});
}

wr_value wr_string_lower(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return change_case(c, &args[0], wr_utf8_lower);
}

wr_value wr_string_upper(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return change_case(c, &args[0], wr_utf8_upper);
}

static bool is_blank(char ch)
{
    return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n';
}

static wr_value strip(struct wr_call *c, wr_value *arg, bool left, bool right)
{
    wr_str s;
    if (!wr_call_text(c, arg, &s)) {
        return wr_undefined();
    }
    size_t from = 0, to = s.len;
    c->steps += s.len;
    while (left && from < to && is_blank(s.at[from])) {
        from++;
    }
    while (right && to > from && is_blank(s.at[to - 1])) {
        to--;
    }
    return wr_string(wr_str_cut(s, from, to));
}

wr_value wr_string_ltrim(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return strip(c, &args[0], true, false);
}

wr_value wr_string_rtrim(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return strip(c, &args[0], false, true);
}

wr_value wr_string_trim(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return strip(c, &args[0], true, true);
}

static wr_value pad(struct wr_call *c, wr_value *args, bool left)
{
    wr_str s;
    int64_t n;
    if (!wr_call_text(c, &args[0], &s) || !wr_call_int(c, &args[1], &n)) {
        return wr_undefined();
    }
    size_t spaces = n < 0 ? 0 : n > PAD_MAX ? PAD_MAX : (size_t)n;
    char *at = wr_arena_alloc(c->num.arena, s.len + spaces + 1);
    if (!at) {
        return wr_undefined();
    }
    work(c, s.len + spaces);
    memset(left ? at : at + s.len, ' ', spaces);
    if (s.len) {
        memcpy(left ? at + spaces : at, s.at, s.len);
    }
    return wr_string((wr_str){at, s.len + spaces});
}

wr_value wr_string_lpad(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return pad(c, args, true);
}

wr_value wr_string_rpad(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    return pad(c, args, false);
}

wr_value wr_string_startswith(struct wr_call *c, wr_value *args, uint32_t count,
                              uint32_t payload_args)
{
    wr_str s, prefix;
    if (!wr_call_text(c, &args[0], &s) || !wr_call_text(c, &args[1], &prefix)) {
        return wr_undefined();
    }
    work(c, prefix.len);
    return wr_boolean(wr_str_starts(s, prefix));
}

wr_value wr_string_endswith(struct wr_call *c, wr_value *args, uint32_t count,
                            uint32_t payload_args)
{
    wr_str s, suffix;
    if (!wr_call_text(c, &args[0], &s) || !wr_call_text(c, &args[1], &suffix)) {
        return wr_undefined();
    }
    work(c, suffix.len);
    return wr_boolean(wr_str_ends(s, suffix));
}

// As in Java the empty text occurs before every character and at the end.
static void replace_empty(struct wr_call *c, struct wr_buf *b, wr_str s, wr_str with)
{
    wr_buf_add(b, with);
    for (size_t at = 0; at < s.len && !b->over;) {
        c->steps += STEPS_PIECE;
        size_t from = at;
        wr_utf8_next(s, &at);
        wr_buf_add(b, wr_str_cut(s, from, at));
        wr_buf_add(b, with);
    }
}

wr_value wr_string_replace(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    wr_str s, what, with;
    if (!wr_call_text(c, &args[0], &s) || !wr_call_text(c, &args[1], &what) ||
        !wr_call_text(c, &args[2], &with)) {
        return wr_undefined();
    }
    c->steps += s.len;
    ptrdiff_t found = wr_str_find(s, what);
    if (found < 0) {
        return wr_string(s);
    }
    struct wr_buf b;
    wr_buf_init_arena(&b, c->num.arena);
    if (what.len == 0) {
        replace_empty(c, &b, s, with);
        work(c, b.len);
        return wr_call_built(&b);
    }
    size_t done = 0;
    while (found >= 0 && !b.over) {
        c->steps += STEPS_PIECE;
        wr_buf_add(&b, wr_str_cut(s, done, done + (size_t)found));
        wr_buf_add(&b, with);
        done += (size_t)found + what.len;
        found = wr_str_find(wr_str_cut(s, done, s.len), what);
    }
    wr_buf_add(&b, wr_str_cut(s, done, s.len));
    work(c, b.len);
    return wr_call_built(&b);
}

wr_value wr_string_substring(struct wr_call *c, wr_value *args, uint32_t count,
                             uint32_t payload_args)
{
    wr_str s;
    int64_t from, to = INT64_MAX;
    if (!wr_call_text(c, &args[0], &s) || !wr_call_int(c, &args[1], &from) ||
        (count == 3 && !wr_call_int(c, &args[2], &to))) {
        return wr_undefined();
    }
    from = from < 0 ? 0 : from;
    if (to <= from) {
        return wr_string(WR_STR(""));
    }
    c->steps += s.len;
    size_t begin = wr_utf8_offset(s, (size_t)from);
    wr_str rest = wr_str_cut(s, begin, s.len);
    return wr_string(wr_str_cut(rest, 0, wr_utf8_offset(rest, (size_t)(to - from))));
}

wr_value wr_string_chr(struct wr_call *c, wr_value *args, uint32_t count, uint32_t payload_args)
{
    static const char ascii[128] = {
#define ROW(n) n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7
        ROW(0),  ROW(8),  ROW(16), ROW(24), ROW(32), ROW(40),  ROW(48),  ROW(56),
        ROW(64), ROW(72), ROW(80), ROW(88), ROW(96), ROW(104), ROW(112), ROW(120),
#undef ROW
    };
    int64_t n;
    if (!wr_call_int(c, &args[0], &n) || n < 0 || n > 127) {
        return wr_undefined();
    }
    return wr_string((wr_str){&ascii[n], 1});
}
