// Java character classes for PCRE2. Unions and intersections of nested
// classes become alternatives and look-aheads that each match one character:
//   [a-c&&[^b]]   (?:(?=[a-c])[^b])        [a[^b]]   (?:[a]|[^b])
#include "sql/func/regex_class.h"

#include <stdarg.h>
#include <stdio.h>

#include "sql/base/banned.h"

#define CLASS_DEPTH_MAX 32 // nested brackets; each level is a C frame

wr_err wr_regex_fail(struct wr_regex_scan *s, wr_err code, const char *format, ...)
{
    char text[128];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return wr_fault_at(s->fault, code, s->p, s->i < s->p.len ? s->i : s->p.len, "%s", text);
}

static bool ends_line(uint32_t ch, unsigned flags)
{
    return ch == '\n' || (!(flags & WR_RE_UNIX_LINES) &&
                          (ch == '\r' || ch == 0x85 || ch == 0x2028 || ch == 0x2029));
}

void wr_regex_skip(struct wr_regex_scan *s)
{
    while ((s->flags & WR_RE_COMMENTS) && s->i < s->p.len) {
        char ch = s->p.at[s->i];
        if (ch == ' ' || (ch >= '\t' && ch <= '\r')) {
            s->i++;
        } else if (ch == '#') {
            while (s->i < s->p.len && !ends_line(wr_utf8_next(s->p, &s->i), s->flags)) {
            }
        } else {
            return;
        }
    }
}

void wr_regex_put(struct wr_regex_scan *s, uint32_t ch)
{
    char bytes[4];
    bool word = (ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') ||
                ch == '_';
    if (ch >= 0x80 || word) {
        wr_buf_add(s->out, (wr_str){bytes, wr_utf8_put(bytes, ch)});
    } else if (ch < 0x20 || ch == 0x7f) {
        unsigned char byte = (unsigned char)ch;
        wr_buf_add(s->out, WR_STR("\\x{"));
        wr_buf_add_hex(s->out, &byte, 1);
        wr_buf_add_char(s->out, '}');
    } else {
        wr_buf_add_char(s->out, '\\');
        wr_buf_add_char(s->out, (char)ch);
    }
}

// What stands between two && of a class: members for one bracket, and nested classes that do not
// fit in.
struct operand {
    struct wr_buf members;      // without brackets
    struct wr_buf flipped;      // further ones: \W, \S, [:^alpha:]
    struct wr_buf beside;       // the same, each an alternative
    struct wr_buf alternatives; // "|x|y", each matches one character
    bool sets;                  // members holds other sets than flipped ones
    bool nested_first;          // begins with a nested class
};

static void operand_release(struct operand *o)
{
    wr_buf_release(&o->members);
    wr_buf_release(&o->flipped);
    wr_buf_release(&o->beside);
    wr_buf_release(&o->alternatives);
}

static void put_into(struct wr_regex_scan *s, struct wr_buf *to, uint32_t ch)
{
    struct wr_buf *out = s->out;
    s->out = to;
    wr_regex_put(s, ch);
    s->out = out;
}

static void put_range(struct wr_regex_scan *s, struct wr_buf *to, uint32_t first, uint32_t last)
{
    put_into(s, to, first);
    if (last > first) {
        wr_buf_add_char(to, '-');
        put_into(s, to, last);
    }
}

// Surrogates are code points to Java, but in no text and refused by PCRE2: ranges go around them.
static void add_range(struct wr_regex_scan *s, struct operand *o, uint32_t first, uint32_t last)
{
    if (first < 0xd800 && last >= 0xd800) {
        put_range(s, &o->members, first, 0xd7ff);
        first = 0xd800;
    }
    if (first >= 0xd800 && first <= 0xdfff) {
        if (last <= 0xdfff) {
            return;
        }
        first = 0xe000;
    }
    put_range(s, &o->members, first, last);
    if (first == last && wr_regex_dotless(s, first)) {
        wr_buf_add(&o->members, WR_STR("iI\\x{130}\\x{131}"));
    } else if (wr_regex_dotless(s, 'i')) { // of a range Java asks for the upper, then for its lower
        bool lower = first <= 'i' && last >= 'i', upper = first <= 'I' && last >= 'I';
        wr_buf_add(&o->members, lower ? WR_STR("\\x{130}") : WR_STR(""));
        wr_buf_add(&o->members, lower || upper ? WR_STR("\\x{131}") : WR_STR(""));
    }
    static const struct {
        uint32_t first, last;
    } letters[] = {{'A', 'Z'}, {'a', 'z'}};
    for (size_t k = 0; k < 2 && wr_regex_ascii_caseless(s); k++) {
        uint32_t from = first > letters[k].first ? first : letters[k].first;
        uint32_t to = last < letters[k].last ? last : letters[k].last;
        if (from <= to) {
            put_range(s, &o->members, from ^ 0x20, to ^ 0x20);
        }
    }
}

// One character of a class, escaped or not. A set escape is added at once: then item->set.
static wr_err class_character(struct wr_regex_scan *s, struct operand *o,
                              struct wr_regex_item *item)
{
    *item = (struct wr_regex_item){0};
    if (s->p.at[s->i] != '\\') {
        item->ch = wr_utf8_next(s->p, &s->i);
        return WR_OK;
    }
    if (++s->i >= s->p.len) {
        return wr_regex_fail(s, WR_ERR_SYNTAX, "a backslash at the end");
    }
    // The one letter that is a character in front of a range and a set elsewhere.
    wr_str rest = wr_str_cut(s->p, s->i, s->p.len);
    if (wr_str_starts(rest, WR_STR("v-")) && rest.len > 2 && rest.at[2] != ']' &&
        rest.at[2] != '[') {
        s->i++;
        item->ch = 0x0b;
        return WR_OK;
    }
    wr_err err = wr_regex_escape(s, item);
    if (!err && item->set && o) {
        wr_str text = wr_str_of(item->text);
        wr_buf_add(item->flipped ? &o->flipped : &o->members, text);
        o->sets |= !item->flipped;
        if (item->flipped) {
            wr_buf_add(&o->beside, WR_STR("|["));
            wr_buf_add(&o->beside, text);
            wr_buf_add_char(&o->beside, ']');
        }
    }
    return err;
}

static wr_err class_range(struct wr_regex_scan *s, struct operand *o)
{
    struct wr_regex_item first, last;
    wr_err err = class_character(s, o, &first);
    if (err || first.set) {
        return err;
    }
    wr_regex_skip(s);
    uint32_t end = first.ch;
    if (s->i + 1 < s->p.len && s->p.at[s->i] == '-' && s->p.at[s->i + 1] != ']' &&
        s->p.at[s->i + 1] != '[') {
        s->i++;
        wr_regex_skip(s);
        if (s->i >= s->p.len) {
            return wr_regex_fail(s, WR_ERR_SYNTAX, "a class without its ']'");
        }
        err = class_character(s, NULL, &last);
        if (err) {
            return err;
        }
        end = last.ch;
        if (last.set || end < first.ch) {
            return wr_regex_fail(s, WR_ERR_SYNTAX, "a range whose end is before its start");
        }
    }
    add_range(s, o, first.ch, end);
    return WR_OK;
}

static wr_err class_quoted(struct wr_regex_scan *s, struct operand *o)
{
    s->i += 2;
    wr_str rest = wr_str_cut(s->p, s->i, s->p.len);
    ptrdiff_t end = wr_str_find(rest, WR_STR("\\E"));
    size_t stop = end < 0 ? s->p.len : s->i + (size_t)end;
    while (s->i < stop) {
        uint32_t ch = wr_utf8_next(s->p, &s->i);
        add_range(s, o, ch, ch);
    }
    s->i = end < 0 ? s->p.len : stop + 2;
    wr_regex_skip(s);
    if (s->i < s->p.len && s->p.at[s->i] == '-') { // Java: from the last of the quoted characters
        return wr_regex_fail(s, WR_ERR_UNSUPPORTED, "a '-' behind \\E is not supported");
    }
    return WR_OK;
}

static void nested(struct operand *o, wr_str inner, bool plain)
{
    // "[abc]" joins the bracket; "[^a]", "[\W]" and "(?:…)" stand beside it.
    if (plain) {
        wr_buf_add(&o->members, wr_str_cut(inner, 1, inner.len - 1));
        return;
    }
    wr_buf_add_char(&o->alternatives, '|');
    wr_buf_add(&o->alternatives, inner);
}

// Everything up to && or ']', which is not passed.
static wr_err operand_read(struct wr_regex_scan *s, struct operand *o, bool first)
{
    for (bool any = false;; any = true) {
        wr_regex_skip(s);
        wr_str rest = wr_str_cut(s->p, s->i, s->p.len);
        if (rest.len == 0) {
            return wr_regex_fail(s, WR_ERR_SYNTAX, "a class without its ']'");
        }
        bool end = (rest.at[0] == ']' && (any || !first)) || wr_str_starts(rest, WR_STR("&&"));
        if (end) {
            return any ? WR_OK
                       : wr_regex_fail(s, WR_ERR_UNSUPPORTED,
                                       "'&&' stands between two sets of characters");
        }
        wr_err err = WR_OK;
        // Java drops what stands before it.
        if (!first && o->nested_first && rest.at[0] != '[') {
            return wr_regex_fail(s, WR_ERR_UNSUPPORTED,
                                 "'&&[…]' with more behind it is not supported");
        }
        // Java 17 passes blanks here in an order of its own.
        if ((s->flags & WR_RE_COMMENTS) && rest.len > 1 && rest.at[0] == '&' &&
            (rest.at[1] == ' ' || rest.at[1] == '#' ||
             (rest.at[1] >= '\t' && rest.at[1] <= '\r'))) {
            return wr_regex_fail(s, WR_ERR_UNSUPPORTED, "'&' before a blank is not supported");
        }
        o->nested_first = o->nested_first || (!any && rest.at[0] == '[');
        if (rest.at[0] == '[') {
            struct wr_buf inner = {0}, *out = s->out;
            s->out = &inner;
            err = wr_regex_class(s);
            s->out = out;
            if (!err) {
                nested(o, wr_buf_str(&inner), s->plain);
            }
            wr_buf_release(&inner);
        } else if (wr_str_starts(rest, WR_STR("\\Q"))) {
            err = class_quoted(s, o);
        } else {
            err = class_range(s, o);
        }
        if (err) {
            return err;
        }
    }
}

// PCRE2 10.42 is wrong about characters above U+00FF in a bracket with flipped and other sets
// ([\S[:punct:]], [^\W\p{S}]): there each flipped one stands beside the bracket.
static void place_flipped(struct operand *o)
{
    if (o->sets) {
        wr_buf_add(&o->alternatives, wr_buf_str(&o->beside));
    } else {
        wr_buf_add(&o->members, wr_buf_str(&o->flipped));
    }
}

static void operand_write(struct wr_buf *to, const struct operand *o, bool negated)
{
    if (o->alternatives.len == 0) {
        // Only halves of surrogate pairs: nothing, or with ^ everything.
        wr_str members = o->members.len ? wr_buf_str(&o->members) : WR_STR("");
        if (members.len == 0) {
            wr_buf_add(to, negated ? WR_STR("(?s:.)") : WR_STR("(?!)"));
            return;
        }
        wr_buf_add(to, negated ? WR_STR("[^") : WR_STR("["));
        wr_buf_add(to, members);
        wr_buf_add_char(to, ']');
        return;
    }
    wr_buf_add(to, negated ? WR_STR("(?:(?!") : WR_STR("(?:"));
    if (o->members.len) {
        wr_buf_add_char(to, '[');
        wr_buf_add(to, wr_buf_str(&o->members));
        wr_buf_add_char(to, ']');
        wr_buf_add(to, wr_buf_str(&o->alternatives));
    } else {
        wr_buf_add(to, wr_str_cut(wr_buf_str(&o->alternatives), 1, o->alternatives.len));
    }
    wr_buf_add(to, negated ? WR_STR(")(?s:.))") : WR_STR(")"));
}

static wr_err class_body(struct wr_regex_scan *s, bool negated)
{
    struct wr_buf all = {0};
    uint32_t count = 0;
    bool plain = false;
    wr_err err;
    for (;;) {
        struct operand o = {0};
        err = operand_read(s, &o, count == 0);
        plain = count == 0 && !o.sets && o.flipped.len == 0 && o.members.len > 0;
        place_flipped(&o);
        plain = plain && o.alternatives.len == 0;
        bool last = !err && s->p.at[s->i] == ']';
        if (!err) {
            count++;
            // One operand alone carries the negation itself; the last of several needs no
            // look-ahead.
            wr_buf_add(&all, last ? WR_STR("") : WR_STR("(?="));
            operand_write(&all, &o, last && count == 1 && negated);
            wr_buf_add(&all, last ? WR_STR("") : WR_STR(")"));
        }
        operand_release(&o);
        if (err || last) {
            break;
        }
        s->i += 2;
        if (s->i < s->p.len && s->p.at[s->i] == '&') {
            err = wr_regex_fail(s, WR_ERR_UNSUPPORTED, "'&&&' is not supported");
            break;
        }
    }
    if (!err) {
        s->i++;
        bool wrap = count > 1;
        wr_buf_add(s->out, !wrap ? WR_STR("") : negated ? WR_STR("(?:(?!") : WR_STR("(?:"));
        wr_buf_add(s->out, wr_buf_str(&all));
        wr_buf_add(s->out, !wrap ? WR_STR("") : negated ? WR_STR(")(?s:.))") : WR_STR(")"));
    }
    wr_buf_release(&all);
    s->plain = plain && !negated;
    return err;
}

wr_err wr_regex_class(struct wr_regex_scan *s)
{
    if (s->class_depth == CLASS_DEPTH_MAX) {
        return wr_regex_fail(s, WR_ERR_LIMIT, "classes nest deeper than %d", CLASS_DEPTH_MAX);
    }
    s->class_depth++;
    s->i++;
    bool negated = s->i < s->p.len && s->p.at[s->i] == '^';
    s->i += negated;
    wr_err err = class_body(s, negated);
    s->class_depth--;
    return err;
}
