// The scanner behind wr_regex_translate: one pass over the Java pattern that writes the PCRE2
// pattern. It runs twice, because what \2 means depends on how many groups there are in the end.
//
// Everything literal is written escaped, blanks and comments of (?x) are dropped, ASCII-only (?i)
// is written out ([Aa]), so that PCRE2 sees only what means the same to it. Callouts stand behind
// every quantifier, at every further alternative, behind look-arounds and before references.
#include "sql/func/regex_translate.h"

#include "sql/func/regex_class.h"

#include "sql/base/banned.h"

#define LIGHT 64 // a pattern of so few characters may be tried everywhere without being counted

static void callout(struct wr_regex_scan *s)
{
    wr_buf_add(s->out, WR_STR("(?C1)"));
}

// ---- escapes outside classes

static void literal(struct wr_regex_scan *s, uint32_t ch)
{
    if (wr_regex_dotless(s, ch)) {
        wr_buf_add(s->out, WR_STR("[iI\\x{130}\\x{131}]"));
        return;
    }
    bool letter = (ch | 0x20) >= 'a' && (ch | 0x20) <= 'z' && ch < 0x80;
    if (letter && wr_regex_ascii_caseless(s)) {
        wr_buf_add_char(s->out, '[');
        wr_buf_add_char(s->out, (char)(ch & ~0x20u));
        wr_buf_add_char(s->out, (char)(ch | 0x20));
        wr_buf_add_char(s->out, ']');
        return;
    }
    wr_regex_put(s, ch);
}

static wr_err reference(struct wr_regex_scan *s, uint32_t group)
{
    if (s->flags & WR_RE_BEHIND) {
        return wr_regex_fail(s, WR_ERR_UNSUPPORTED, "a look-behind cannot refer to a group");
    }
    if (group > s->total_groups) {
        wr_buf_add(s->out, WR_STR("(?!)")); // Java: a group that is nowhere never matches
        return WR_OK;
    }
    bool caseless = wr_regex_ascii_caseless(s);
    wr_buf_add(s->out, WR_STR("(?C2)"));
    wr_buf_add(s->out, caseless ? WR_STR("(?i:\\g{") : WR_STR("\\g{"));
    wr_buf_add_u64(s->out, group);
    wr_buf_add(s->out, caseless ? WR_STR("})") : WR_STR("}"));
    return WR_OK;
}

// More digits belong to the number only while such a group has been opened already.
static wr_err numbered_reference(struct wr_regex_scan *s)
{
    uint32_t group = (uint32_t)(s->p.at[s->i++] - '0');
    while (s->i < s->p.len && s->p.at[s->i] >= '0' && s->p.at[s->i] <= '9') {
        uint32_t longer = group * 10 + (uint32_t)(s->p.at[s->i] - '0');
        if (longer > s->groups->count) {
            break;
        }
        group = longer;
        s->i++;
    }
    return reference(s, group);
}

static bool is_letter(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

// A group name up to `end`, which is passed.
static wr_err group_name(struct wr_regex_scan *s, char end, wr_str *name)
{
    size_t from = s->i;
    while (s->i < s->p.len && (is_letter(s->p.at[s->i]) ||
                               (s->i > from && s->p.at[s->i] >= '0' && s->p.at[s->i] <= '9'))) {
        s->i++;
    }
    *name = wr_str_cut(s->p, from, s->i);
    if (name->len == 0 || s->i >= s->p.len || s->p.at[s->i] != end) {
        return wr_regex_fail(s, WR_ERR_SYNTAX, "a group name is letters and digits, then '%c'",
                             end);
    }
    s->i++;
    return WR_OK;
}

static const struct wr_regex_name *name_find(const struct wr_regex_scan *s, wr_str name)
{
    for (uint32_t i = 0; i < s->groups->name_count; i++) {
        if (wr_str_eq(s->groups->names[i].name, name)) {
            return &s->groups->names[i];
        }
    }
    return NULL;
}

static wr_err named_reference(struct wr_regex_scan *s)
{
    wr_str name;
    if (s->i >= s->p.len || s->p.at[s->i] != '<') {
        return wr_regex_fail(s, WR_ERR_SYNTAX, "\\k is followed by a group name in < >");
    }
    s->i++;
    wr_err err = group_name(s, '>', &name);
    if (err) {
        return err;
    }
    const struct wr_regex_name *found = name_find(s, name);
    if (!found) {
        return wr_regex_fail(s, WR_ERR_SYNTAX, "there is no group named '%.*s' before this",
                             WR_STR_ARG(name));
    }
    return reference(s, found->group);
}

// \Q…\E, to the end when \E is missing.
static void quoted(struct wr_regex_scan *s)
{
    wr_str rest = wr_str_cut(s->p, s->i, s->p.len);
    ptrdiff_t end = wr_str_find(rest, WR_STR("\\E"));
    size_t stop = end < 0 ? s->p.len : s->i + (size_t)end;
    while (s->i < stop) {
        literal(s, wr_utf8_next(s->p, &s->i));
        s->has_atom = true; // a quantifier behind \E belongs to the last character
    }
    s->i = end < 0 ? s->p.len : stop + 2;
}

// Java's line ends, written out because none of PCRE2's newline settings has this set. Where \r\n
// stands, nothing ends or begins between the two.
#define LINE_END  "\\n\\r\\x{85}\\x{2028}\\x{2029}"
#define LINE_STOP "\\r\\n|(?<!\\r)\\n|[\\r\\x{85}\\x{2028}\\x{2029}]"

static bool at_quantifier(struct wr_regex_scan *s)
{
    wr_regex_skip(s);
    char ch = s->i < s->p.len ? s->p.at[s->i] : 0;
    return ch == '*' || ch == '+' || ch == '?' || ch == '{';
}

// What matches no character; the scan stands behind it. Java repeats it where that is asked for.
static void assertion(struct wr_regex_scan *s, wr_str text)
{
    bool wrap = at_quantifier(s);
    wr_buf_add(s->out, wrap ? WR_STR("(?:") : WR_STR(""));
    wr_buf_add(s->out, text);
    wr_buf_add(s->out, wrap ? WR_STR(")") : WR_STR(""));
}

// The end of the text, or a line end before it.
static void text_end(struct wr_regex_scan *s)
{
    assertion(s, s->flags & WR_RE_UNIX_LINES ? WR_STR("(?=\\n?+\\z)")
                                             : WR_STR("(?:\\z|(?=(?:" LINE_STOP ")\\z))"));
}

// Assertions and sequences that mean the same to PCRE2 and stand outside classes only; s->i is at
// the letter.
static bool same_escape(struct wr_regex_scan *s, char ch)
{
    const char text[] = {'\\', ch};
    switch (ch) {
    case 'Z':
        s->i++;
        text_end(s);
        return true;
    case 'b':
    case 'B':
    case 'A':
    case 'z':
        s->i++;
        assertion(s, (wr_str){text, sizeof text});
        return true;
    case 'R':
    case 'X':
        s->i++;
        wr_buf_add(s->out, (wr_str){text, sizeof text});
        return true;
    default:
        return false;
    }
}

static wr_err escape(struct wr_regex_scan *s)
{
    s->i++; // the backslash
    if (s->i >= s->p.len) {
        return wr_regex_fail(s, WR_ERR_SYNTAX, "a backslash at the end");
    }
    char ch = s->p.at[s->i];
    s->has_atom = true;
    if (ch >= '1' && ch <= '9') {
        return numbered_reference(s);
    }
    if (ch == 'Q') {
        s->i++;
        s->has_atom = false;
        quoted(s);
        return WR_OK;
    }
    if (ch == 'k') {
        s->i++;
        return named_reference(s);
    }
    if (ch == 'b' && s->i + 1 < s->p.len && s->p.at[s->i + 1] == '{') {
        return wr_regex_fail(s, WR_ERR_UNSUPPORTED, "\\b{g} is not supported");
    }
    if (ch == 'G') { // after an empty match Java goes on behind \G, PCRE2 goes on with it
        return wr_regex_fail(s, WR_ERR_UNSUPPORTED, "\\G is not supported");
    }
    if (same_escape(s, ch)) {
        return WR_OK;
    }
    struct wr_regex_item item;
    wr_err err = wr_regex_escape(s, &item);
    if (err) {
        return err;
    }
    if (item.set) {
        wr_regex_item_alone(s, &item);
    } else if (item.nothing) {
        wr_buf_add(s->out, WR_STR("(?!)"));
    } else {
        literal(s, item.ch);
    }
    return WR_OK;
}

// ---- groups

static void put_flags(struct wr_regex_scan *s)
{
    bool fold = (s->flags & WR_RE_CASELESS) && (s->flags & WR_RE_UNICODE);
    bool dot = s->flags & WR_RE_DOTALL;
    wr_buf_add(s->out, fold ? WR_STR("i") : WR_STR(""));
    wr_buf_add(s->out, dot ? WR_STR("s") : WR_STR(""));
    wr_buf_add(s->out, !fold || !dot ? WR_STR("-") : WR_STR(""));
    wr_buf_add(s->out, fold ? WR_STR("") : WR_STR("i"));
    wr_buf_add(s->out, dot ? WR_STR("") : WR_STR("s"));
}

// (?idmsux-idmsux) or (?idmsux-idmsux: … ); s->i is at the first flag.
static wr_err inline_flags(struct wr_regex_scan *s, unsigned outer)
{
    static const struct {
        char letter;
        unsigned flag;
    } table[] = {{'i', WR_RE_CASELESS}, {'d', WR_RE_UNIX_LINES}, {'m', WR_RE_MULTILINE},
                 {'s', WR_RE_DOTALL},   {'u', WR_RE_UNICODE},    {'x', WR_RE_COMMENTS}};
    bool off = false;
    for (; s->i < s->p.len; s->i++) {
        char ch = s->p.at[s->i];
        if (ch == ')' || ch == ':') {
            s->i++;
            wr_buf_add(s->out, WR_STR("(?"));
            put_flags(s);
            wr_buf_add_char(s->out, ch);
            if (ch == ':') {
                s->stack[s->depth++] = outer;
            }
            s->has_atom = false;
            return WR_OK;
        }
        if (ch == '-' && !off) {
            off = true;
            continue;
        }
        if (ch == 'U') {
            return wr_regex_fail(s, WR_ERR_UNSUPPORTED, "the flag U is not supported");
        }
        size_t k = 0;
        while (k < WR_COUNT(table) && table[k].letter != ch) {
            k++;
        }
        if (k == WR_COUNT(table)) {
            return wr_regex_fail(s, WR_ERR_SYNTAX, "unknown group or flag after '(?'");
        }
        s->flags = off ? s->flags & ~table[k].flag : s->flags | table[k].flag;
    }
    return wr_regex_fail(s, WR_ERR_SYNTAX, "a group without its ')'");
}

static wr_err capture(struct wr_regex_scan *s, wr_str name)
{
    s->groups->count++;
    if (name.len) {
        if (name_find(s, name)) {
            return wr_regex_fail(s, WR_ERR_SYNTAX, "a second group named '%.*s'", WR_STR_ARG(name));
        }
        if (s->groups->name_count == WR_REGEX_NAMES_MAX) {
            return wr_regex_fail(s, WR_ERR_LIMIT, "more than %d named groups", WR_REGEX_NAMES_MAX);
        }
        s->groups->names[s->groups->name_count++] =
            (struct wr_regex_name){.name = name, .group = s->groups->count};
    }
    wr_buf_add_char(s->out, '(');
    return WR_OK;
}

static wr_err open_group(struct wr_regex_scan *s)
{
    static const wr_str plain[] = {WR_STR_INIT("?:"),  WR_STR_INIT("?="),  WR_STR_INIT("?!"),
                                   WR_STR_INIT("?<="), WR_STR_INIT("?<!"), WR_STR_INIT("?>")};
    if (s->depth == WR_REGEX_DEPTH_MAX) {
        return wr_regex_fail(s, WR_ERR_LIMIT, "groups nest deeper than %d", WR_REGEX_DEPTH_MAX);
    }
    unsigned outer = s->flags;
    s->i++;
    wr_str rest = wr_str_cut(s->p, s->i, s->p.len);
    s->has_atom = false;
    for (size_t k = 0; k < WR_COUNT(plain); k++) {
        if (wr_str_starts(rest, plain[k])) {
            s->i += plain[k].len;
            wr_buf_add_char(s->out, '(');
            wr_buf_add(s->out, plain[k]);
            bool look = k != 0 && k != WR_COUNT(plain) - 1;
            s->stack[s->depth++] = outer | (look ? WR_RE_LOOK : 0);
            if (wr_str_starts(plain[k], WR_STR("?<"))) {
                s->flags |= WR_RE_BEHIND;
                callout(s); // the way back counts as well
            }
            return WR_OK;
        }
    }
    wr_str name = {NULL, 0};
    if (wr_str_starts(rest, WR_STR("?<"))) {
        s->i += 2;
        wr_err err = group_name(s, '>', &name);
        if (err) {
            return err;
        }
    } else if (wr_str_starts(rest, WR_STR("?"))) {
        s->i++;
        return inline_flags(s, outer);
    }
    wr_err err = capture(s, name);
    if (!err) {
        s->stack[s->depth++] = outer;
    }
    return err;
}

static wr_err close_group(struct wr_regex_scan *s)
{
    if (s->depth == 0) {
        return wr_regex_fail(s, WR_ERR_SYNTAX, "a ')' without its '('");
    }
    s->flags = s->stack[--s->depth] & ~WR_RE_LOOK;
    s->looked = s->stack[s->depth] & WR_RE_LOOK;
    s->i++;
    wr_regex_skip(s);
    if (s->i < s->p.len && s->p.at[s->i] == '{') {
        callout(s); // once for each of the copies that {n} stands for
    }
    wr_buf_add_char(s->out, ')');
    s->has_atom = true;
    return WR_OK;
}

// ---- the rest

static void add_weight(struct wr_regex_scan *s, uint64_t n)
{
    s->groups->weight += n < UINT16_MAX ? (uint32_t)n : UINT16_MAX; // PCRE2 takes no more
}

// {n}, {n,} or {n,m}; s->i is at the brace.
static wr_err repetition(struct wr_regex_scan *s)
{
    size_t from = s->i++;
    uint64_t bound[2] = {0, 0};
    bool open = false, second = false;
    for (size_t k = 0; k < 2; k++) {
        size_t digits = s->i;
        while (s->i < s->p.len && s->p.at[s->i] >= '0' && s->p.at[s->i] <= '9') {
            bound[k] =
                bound[k] > UINT32_MAX ? bound[k] : bound[k] * 10 + (uint64_t)(s->p.at[s->i] - '0');
            s->i++;
        }
        second = k == 1 && s->i > digits;
        if (k == 0 && s->i == digits) {
            return wr_regex_fail(s, WR_ERR_SYNTAX, "'{' is not followed by a count");
        }
        if (k == 1 || s->i >= s->p.len || s->p.at[s->i] != ',') {
            break;
        }
        open = true;
        s->i++;
    }
    if (s->i >= s->p.len || s->p.at[s->i] != '}') {
        return wr_regex_fail(s, WR_ERR_SYNTAX, "a '{' without its '}'");
    }
    if (open && second && bound[1] < bound[0]) {
        return wr_regex_fail(s, WR_ERR_SYNTAX, "a repetition whose end is before its start");
    }
    if (bound[0] == 0 && (second ? bound[1] == 0 : !open)) {
        // PCRE2 10.42: `(?:c|(?=b)b){0}\z` does not match "a".
        return wr_regex_fail(s, WR_ERR_UNSUPPORTED, "a repetition of zero times is not supported");
    }
    s->i++;
    bool possessive = s->i < s->p.len && s->p.at[s->i] == '+';
    if (possessive && bound[0] > 1 && s->out->at[s->out->len - 1] == ')') {
        // Java does not go back into single rounds either, PCRE2 does.
        return wr_regex_fail(s, WR_ERR_UNSUPPORTED, "{n}+ behind a group is not supported");
    }
    add_weight(s, bound[0]);
    wr_buf_add(s->out, wr_str_cut(s->p, from, s->i));
    return WR_OK;
}

static wr_err quantifier(struct wr_regex_scan *s)
{
    char ch = s->p.at[s->i];
    if (!s->has_atom) {
        // Java takes {2} there, and repeats nothing.
        return wr_regex_fail(s, ch == '{' ? WR_ERR_UNSUPPORTED : WR_ERR_SYNTAX,
                             "'%c' has nothing to repeat", ch);
    }
    if (ch == '{') {
        wr_err err = repetition(s);
        if (err) {
            return err;
        }
    } else {
        wr_buf_add_char(s->out, ch);
        s->i++;
    }
    wr_regex_skip(s);
    if (s->i < s->p.len && (s->p.at[s->i] == '?' || s->p.at[s->i] == '+')) {
        wr_buf_add_char(s->out, s->p.at[s->i++]);
    }
    callout(s);
    s->has_atom = false; // a second quantifier is an error in Java
    return WR_OK;
}

static void anchor(struct wr_regex_scan *s, char ch)
{
    bool multi = s->flags & WR_RE_MULTILINE, unix_lines = s->flags & WR_RE_UNIX_LINES;
    s->i++;
    s->has_atom = true;
    if (ch == '.') {
        wr_buf_add(s->out, s->flags & WR_RE_DOTALL ? WR_STR(".")
                           : unix_lines            ? WR_STR("[^\\n]")
                                                   : WR_STR("[^" LINE_END "]"));
    } else if (ch == '^') {
        // Java's (?m)^ does not match at the end of the text, not even of an empty one.
        assertion(s, !multi ? WR_STR("\\A")
                     : unix_lines
                         ? WR_STR("(?:\\A|(?<=\\n))(?!\\z)")
                         : WR_STR("(?:\\A|(?<=[\\n\\x{85}\\x{2028}\\x{2029}])|(?<=\\r)(?!\\n))"
                                  "(?!\\z)"));
    } else if (multi) {
        assertion(s, unix_lines ? WR_STR("(?=\\n|\\z)") : WR_STR("(?=\\z|" LINE_STOP ")"));
    } else {
        text_end(s);
    }
}

static wr_err one(struct wr_regex_scan *s)
{
    switch (s->p.at[s->i]) {
    case '\\':
        return escape(s);
    case '[':
        s->has_atom = true;
        return wr_regex_class(s);
    case '(':
        return open_group(s);
    case ')':
        return close_group(s);
    case '*':
    case '+':
    case '?':
    case '{':
        return quantifier(s);
    case '|':
        s->i++;
        s->has_atom = false;
        wr_buf_add_char(s->out, '|');
        callout(s);
        return WR_OK;
    case '.':
    case '^':
    case '$':
        anchor(s, s->p.at[s->i]);
        return WR_OK;
    default:
        literal(s, wr_utf8_next(s->p, &s->i));
        s->has_atom = true;
        return WR_OK;
    }
}

static wr_err pass(struct wr_regex_scan *s)
{
    for (wr_regex_skip(s); s->i < s->p.len; wr_regex_skip(s)) {
        char ch = s->p.at[s->i];
        if (s->looked && ch != '*' && ch != '+' && ch != '?' && ch != '{') {
            callout(s); // what follows begins where the look-around began
        }
        s->looked = false;
        wr_err err = one(s);
        if (err) {
            return err;
        }
    }
    if (s->depth) {
        return wr_regex_fail(s, WR_ERR_SYNTAX, "a group without its ')'");
    }
    return s->out->over ? wr_regex_fail(s, WR_ERR_LIMIT, "the pattern is too long") : WR_OK;
}

wr_err wr_regex_translate(wr_str java, struct wr_buf *out, struct wr_regex_groups *groups,
                          struct wr_fault *fault)
{
    if (java.len > WR_REGEX_PATTERN_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "a regular expression of more than %d bytes",
                            WR_REGEX_PATTERN_MAX);
    }
    struct wr_regex_scan s = {.p = java, .out = out, .groups = groups, .fault = fault};
    size_t start = out->len;
    s.total_groups = UINT32_MAX;
    groups->count = groups->name_count = groups->weight = 0;
    add_weight(&s, java.len);
    wr_err err = pass(&s);
    if (err) {
        return err;
    }
    out->len = start;
    struct wr_regex_scan again = {.p = java, .out = out, .groups = groups, .fault = fault};
    again.total_groups = groups->count;
    if (groups->weight > LIGHT) {
        callout(&again); // else PCRE2 finds the first character faster
    }
    groups->count = groups->name_count = groups->weight = 0;
    add_weight(&again, java.len);
    return pass(&again);
}
