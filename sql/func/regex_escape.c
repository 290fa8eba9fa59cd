// Java escapes that stand for a character or a set of characters, for PCRE2: \t \x41 \d \p{…}.
#include "sql/func/regex_class.h"

#include <stdio.h>

#include "sql/base/banned.h"

static int hex_digit(const struct wr_regex_scan *s, size_t at)
{
    char ch = at < s->p.len ? s->p.at[at] : 0;
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }
    ch = (char)(ch | 0x20);
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

// Exactly `count` hex digits at `at`, or -1.
static int64_t hex(const struct wr_regex_scan *s, size_t at, size_t count)
{
    int64_t n = 0;
    for (size_t k = 0; k < count; k++) {
        int digit = hex_digit(s, at + k);
        if (digit < 0) {
            return -1;
        }
        n = n * 16 + digit;
    }
    return n;
}

static wr_err hex_escape(struct wr_regex_scan *s, struct wr_regex_item *item)
{
    size_t at = s->i + 1;
    if (at < s->p.len && s->p.at[at] == '{') {
        size_t from = ++at;
        int64_t n = 0;
        for (int digit; (digit = hex_digit(s, at)) >= 0 && n <= 0x10ffff; at++) {
            n = n * 16 + digit;
        }
        if (at == from || n > 0x10ffff || at >= s->p.len || s->p.at[at] != '}') {
            return wr_regex_fail(s, WR_ERR_SYNTAX, "\\x{…} holds no code point");
        }
        item->ch = (uint32_t)n;
        s->i = at + 1;
    } else {
        int64_t n = hex(s, at, 2);
        if (n < 0) {
            return wr_regex_fail(s, WR_ERR_SYNTAX, "\\x is followed by two hex digits or {…}");
        }
        item->ch = (uint32_t)n;
        s->i = at + 2;
    }
    item->nothing = item->ch >= 0xd800 && item->ch <= 0xdfff;
    return WR_OK;
}

static wr_err unicode_escape(struct wr_regex_scan *s, struct wr_regex_item *item)
{
    int64_t high = hex(s, s->i + 1, 4), low = -1;
    if (high < 0) {
        return wr_regex_fail(s, WR_ERR_SYNTAX, "\\u is followed by four hex digits");
    }
    s->i += 5;
    if (high >= 0xd800 && high <= 0xdbff && s->i + 1 < s->p.len && s->p.at[s->i] == '\\' &&
        s->p.at[s->i + 1] == 'u') {
        low = hex(s, s->i + 2, 4);
    }
    if (low >= 0xdc00 && low <= 0xdfff) {
        high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        s->i += 6;
    }
    item->ch = (uint32_t)high;
    item->nothing = item->ch >= 0xd800 && item->ch <= 0xdfff;
    return WR_OK;
}

// \0n, \0nn or \0mnn with m at most 3.
static wr_err octal_escape(struct wr_regex_scan *s, struct wr_regex_item *item)
{
    size_t from = ++s->i;
    uint32_t n = 0;
    while (s->i < s->p.len && s->p.at[s->i] >= '0' && s->p.at[s->i] <= '7' && s->i - from < 3 &&
           n * 8 + (uint32_t)(s->p.at[s->i] - '0') <= 0377) {
        n = n * 8 + (uint32_t)(s->p.at[s->i++] - '0');
    }
    item->ch = n;
    return s->i == from ? wr_regex_fail(s, WR_ERR_SYNTAX, "\\0 is followed by an octal number")
                        : WR_OK;
}

// The set written as `before`, `name`, `after`.
static void set_text(struct wr_regex_item *item, const char *before, wr_str name, const char *after)
{
    item->set = true;
    snprintf(item->text, sizeof item->text, "%s%.*s%s", before, WR_STR_ARG(name), after);
}

// Java's POSIX properties are ASCII, as PCRE2's POSIX classes are without UCP.
static bool posix_property(struct wr_regex_scan *s, wr_str name, bool negated,
                           struct wr_regex_item *item)
{
    static const char *const names[] = {"Lower", "Upper",  "ASCII", "Alpha", "Digit",
                                        "Alnum", "Punct",  "Graph", "Print", "Blank",
                                        "Cntrl", "XDigit", "Space"};
    static const char *const posix[] = {"lower", "upper",  "ascii", "alpha", "digit",
                                        "alnum", "punct",  "graph", "print", "blank",
                                        "cntrl", "xdigit", "space"};
    for (size_t k = 0; k < WR_COUNT(names); k++) {
        if (wr_str_eq(name, wr_str_of(names[k]))) {
            bool both = k < 2 && (s->flags & WR_RE_CASELESS);
            set_text(item, negated ? "[:^" : "[:", wr_str_of(both ? "alpha" : posix[k]), ":]");
            item->flipped = negated;
            return true;
        }
    }
    return false;
}

static bool category_property(struct wr_regex_scan *s, wr_str name, bool negated,
                              struct wr_regex_item *item)
{
    static const char known[] =
        " L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm "
        "Sc Sk So Z Zs Zl Zp C Cc Cf Co Cs Cn ";
    char padded[8];
    if (name.len < 1 || name.len > 2) {
        return false;
    }
    snprintf(padded, sizeof padded, " %.*s ", WR_STR_ARG(name));
    bool cased = wr_str_eq(name, WR_STR("LC"));
    if (!cased && wr_str_find(wr_str_of(known), wr_str_of(padded)) < 0) {
        return false;
    }
    if (name.at[0] == 'L' && (s->flags & WR_RE_CASELESS) && name.len == 2 &&
        (name.at[1] == 'u' || name.at[1] == 'l' || name.at[1] == 't')) {
        cased = true; // since Java 15
    }
    set_text(item, negated ? "\\P{" : "\\p{", cased ? WR_STR("L&") : name, "}");
    return true;
}

// Java's binary properties that PCRE2 has, under its name for them.
static bool binary_property(wr_str name, bool negated, struct wr_regex_item *item)
{
    static const struct {
        const char *java, *pcre2;
        bool inverse;
    } table[] = {
        {"Alphabetic", "Alphabetic", false},
        {"Ideographic", "Ideographic", false},
        {"Letter", "L", false},
        {"Lowercase", "Lowercase", false},
        {"Uppercase", "Uppercase", false},
        {"Titlecase", "Lt", false},
        {"Punctuation", "P", false},
        {"Control", "Cc", false},
        {"White_Space", "White_Space", false},
        {"WhiteSpace", "White_Space", false},
        {"Digit", "Nd", false},
        {"Join_Control", "Join_Control", false},
        {"JoinControl", "Join_Control", false},
        {"Noncharacter_Code_Point", "Noncharacter_Code_Point", false},
        {"NoncharacterCodePoint", "Noncharacter_Code_Point", false},
        {"Assigned", "Cn", true},
    };
    for (size_t k = 0; k < WR_COUNT(table); k++) {
        if (wr_str_eq_nocase(name, wr_str_of(table[k].java))) {
            set_text(item, negated != table[k].inverse ? "\\P{" : "\\p{", wr_str_of(table[k].pcre2),
                     "}");
            return true;
        }
    }
    return false;
}

static wr_err script_property(struct wr_regex_scan *s, wr_str name, bool negated,
                              struct wr_regex_item *item)
{
    bool word = name.len >= 3 && name.len <= 40;
    for (size_t k = 0; k < name.len; k++) {
        char lower = (char)(name.at[k] | 0x20);
        word = word && ((lower >= 'a' && lower <= 'z') || name.at[k] == '_');
    }
    // "Any", "Xan" and the like are PCRE2's own words; the sc: prefix keeps them apart.
    if (!word) {
        return wr_regex_fail(s, WR_ERR_UNSUPPORTED, "the property '%.*s' is not supported",
                             WR_STR_ARG(name));
    }
    set_text(item, negated ? "\\P{sc:" : "\\p{sc:", name, "}");
    return WR_OK;
}

static wr_err named_property(struct wr_regex_scan *s, wr_str name, bool negated,
                             struct wr_regex_item *item)
{
    static const wr_str script_keys[] = {WR_STR_INIT("script="), WR_STR_INIT("sc=")};
    static const wr_str category_keys[] = {WR_STR_INIT("general_category="), WR_STR_INIT("gc=")};
    for (size_t k = 0; k < 2; k++) {
        wr_str key = script_keys[k];
        if (name.len > key.len && wr_str_eq_nocase(wr_str_cut(name, 0, key.len), key)) {
            return script_property(s, wr_str_cut(name, key.len, name.len), negated, item);
        }
        key = category_keys[k];
        if (name.len > key.len && wr_str_eq_nocase(wr_str_cut(name, 0, key.len), key) &&
            category_property(s, wr_str_cut(name, key.len, name.len), negated, item)) {
            return WR_OK;
        }
    }
    if (wr_str_starts(name, WR_STR("Is"))) {
        wr_str rest = wr_str_cut(name, 2, name.len);
        // Under (?i) Java widens Uppercase to all cases, which one bracket member cannot say.
        bool cased = wr_str_eq_nocase(rest, WR_STR("Uppercase")) ||
                     wr_str_eq_nocase(rest, WR_STR("Lowercase")) ||
                     wr_str_eq_nocase(rest, WR_STR("Titlecase"));
        if (cased && (s->flags & WR_RE_CASELESS)) {
            return wr_regex_fail(s, WR_ERR_UNSUPPORTED,
                                 "the property '%.*s' is not supported in (?i)", WR_STR_ARG(name));
        }
        if (binary_property(rest, negated, item) || category_property(s, rest, negated, item)) {
            return WR_OK;
        }
        return script_property(s, rest, negated, item);
    }
    if (posix_property(s, name, negated, item) || category_property(s, name, negated, item)) {
        return WR_OK;
    }
    return wr_regex_fail(s, WR_ERR_UNSUPPORTED, "the property '%.*s' is not supported",
                         WR_STR_ARG(name));
}

// s->i stays at the letter where the property is refused.
static wr_err property_escape(struct wr_regex_scan *s, struct wr_regex_item *item)
{
    bool negated = s->p.at[s->i] == 'P';
    size_t from = s->i + 1, end = from;
    if (from >= s->p.len) {
        return wr_regex_fail(s, WR_ERR_SYNTAX, "\\p is followed by a property");
    }
    wr_str name;
    if (s->p.at[from] == '{') {
        wr_str rest = wr_str_cut(s->p, from + 1, s->p.len);
        ptrdiff_t len = wr_str_find(rest, WR_STR("}"));
        if (len < 1) {
            return wr_regex_fail(s, WR_ERR_SYNTAX, "\\p{ is followed by a property and }");
        }
        name = wr_str_cut(rest, 0, (size_t)len);
        end = from + 2 + (size_t)len;
    } else {
        wr_utf8_next(s->p, &end);
        name = wr_str_cut(s->p, from, end);
    }
    wr_err err = named_property(s, name, negated, item);
    if (!err) {
        s->i = end;
    }
    return err;
}

static wr_err control_escape(struct wr_regex_scan *s, struct wr_regex_item *item)
{
    if (++s->i >= s->p.len || (unsigned char)s->p.at[s->i] >= 0x80) {
        return wr_regex_fail(s, WR_ERR_SYNTAX, "\\c is followed by an ASCII character");
    }
    item->ch = (uint32_t)s->p.at[s->i++] ^ 64; // Java does not make it upper case first
    return WR_OK;
}

wr_err wr_regex_escape(struct wr_regex_scan *s, struct wr_regex_item *item)
{
    static const char from[] = "tnrfae", to[] = "\t\n\r\f\a\033";
    char ch = s->p.at[s->i];
    *item = (struct wr_regex_item){0};
    switch (ch) {
    case 'x':
        return hex_escape(s, item);
    case 'u':
        return unicode_escape(s, item);
    case '0':
        return octal_escape(s, item);
    case 'c':
        return control_escape(s, item);
    case 'p':
    case 'P':
        return property_escape(s, item);
    case 'd':
    case 'D':
    case 's':
    case 'S':
    case 'w':
    case 'W':
    case 'h':
    case 'H':
    case 'v':
    case 'V':
        s->i++;
        set_text(item, "\\", wr_str_cut(s->p, s->i - 1, s->i), "");
        item->flipped = ch == 'D' || ch == 'S' || ch == 'W';
        return WR_OK;
    default:
        break;
    }
    const char *simple = ch ? strchr(from, ch) : NULL;
    if (simple) {
        s->i++;
        item->ch = (uint32_t)to[simple - from];
        return WR_OK;
    }
    if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9')) {
        return wr_regex_fail(s, ch == 'N' ? WR_ERR_UNSUPPORTED : WR_ERR_SYNTAX,
                             "the escape \\%c means nothing here", ch);
    }
    item->ch = wr_utf8_next(s->p, &s->i);
    return WR_OK;
}

void wr_regex_item_alone(struct wr_regex_scan *s, const struct wr_regex_item *item)
{
    bool bracket = item->text[0] == '[';
    wr_buf_add(s->out, bracket ? WR_STR("[") : WR_STR(""));
    wr_buf_add(s->out, wr_str_of(item->text));
    wr_buf_add(s->out, bracket ? WR_STR("]") : WR_STR(""));
}
