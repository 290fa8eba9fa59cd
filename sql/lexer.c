// Tokens of the SQL language. No grammar here, and no decision on what is valid where.
#include "sql/lexer.h"

#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define VARIABLE_LEN_MAX 64 // sql.md 8.3, without the @

static const struct {
    wr_str text;
    enum wr_token_kind kind;
    bool reserved;
} keywords[] = {
#define KEYWORD(name, reserved) {WR_STR_INIT(#name), WR_WORD_##name, reserved},
    WR_KEYWORD_MAP(KEYWORD)
#undef KEYWORD
};

static const struct {
    wr_str text;
    enum wr_token_kind kind;
} signs[] = {
#define SIGN(name, text) {WR_STR_INIT(text), WR_TOKEN_##name},
    WR_SIGN_MAP(SIGN)
#undef SIGN
};

// What people coming from other SQL write, and signs that end in the middle. Looked for before the
// signs, since `--` and `/*` would be two of those.
static const struct {
    wr_str text;
    const char *why;
} strangers[] = {
    {WR_STR_INIT("--"), "comments are not part of AWS IoT SQL (a double minus needs a space or "
                        "parentheses between)"},
    {WR_STR_INIT("/*"), "comments are not part of AWS IoT SQL"},
    {WR_STR_INIT("#"), "comments are not part of AWS IoT SQL"},
    {WR_STR_INIT(";"), "a rule is one statement without a final semicolon"},
    {WR_STR_INIT("&&"), "write AND"},
    {WR_STR_INIT("||"), "write OR, or + to join strings"},
    {WR_STR_INIT("!"), "write NOT, or <> for 'not equal'"},
    {WR_STR_INIT("`"), "names are not quoted: a field with an unusual name is read with "
                       "get(*, 'my field')"},
    {WR_STR_INIT("$"), "$ is not part of a name: such a field is read with get(*, '$name')"},
};

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// The byte at `at`, or NUL (which no token holds) behind the end.
static unsigned char peek(const struct wr_lexer *l, uint32_t at)
{
    return at < l->end ? (unsigned char)l->text.at[at] : '\0';
}

static bool follows(const struct wr_lexer *l, wr_str text)
{
    return l->end - l->at >= text.len && memcmp(l->text.at + l->at, text.at, text.len) == 0;
}

static struct wr_token token(struct wr_lexer *l, enum wr_token_kind kind, uint32_t end)
{
    struct wr_token t = {.kind = kind, .begin = l->at, .end = end};
    l->at = end;
    return t;
}

static struct wr_token bad(struct wr_lexer *l, uint32_t end, const char *why)
{
    struct wr_token t = token(l, WR_TOKEN_BAD, end);
    t.why = why;
    return t;
}

static uint32_t skip_digits(const struct wr_lexer *l, uint32_t at)
{
    while (is_digit(peek(l, at))) {
        at++;
    }
    return at;
}

static uint32_t skip_word(const struct wr_lexer *l, uint32_t at)
{
    while (is_letter(peek(l, at)) || is_digit(peek(l, at))) {
        at++;
    }
    return at;
}

static struct wr_token word(struct wr_lexer *l)
{
    uint32_t end = skip_word(l, l->at + 1);
    wr_str text = wr_str_cut(l->text, l->at, end);
    for (size_t i = 0; i < WR_COUNT(keywords); i++) {
        if (wr_str_eq_nocase(keywords[i].text, text)) {
            return token(l, keywords[i].kind, end);
        }
    }
    return token(l, WR_TOKEN_NAME, end);
}

static struct wr_token number(struct wr_lexer *l)
{
    uint32_t end = skip_digits(l, l->at);
    if (peek(l, end) == '.') {
        if (!is_digit(peek(l, end + 1))) {
            return bad(l, end + 1, "a number cannot end in a point");
        }
        end = skip_digits(l, end + 1);
    }
    if (peek(l, end) == 'e' || peek(l, end) == 'E') {
        uint32_t digits = end + 1;
        if (peek(l, digits) == '+' || peek(l, digits) == '-') {
            digits++;
        }
        if (is_digit(peek(l, digits))) {
            end = skip_digits(l, digits);
        }
    }
    if (is_letter(peek(l, end))) {
        return bad(
            l, skip_word(l, end),
            "a number cannot be followed directly by a letter; a field whose name begins with "
            "a digit is read with get(*, '1st')");
    }
    return token(l, WR_TOKEN_NUMBER, end);
}

// sql.md 2: a doubled delimiter, \\, \' and \" do not end the string.
static struct wr_token string(struct wr_lexer *l)
{
    unsigned char quote = peek(l, l->at);
    bool escaped_quote = false;
    uint32_t i = l->at + 1;
    while (i < l->end) {
        unsigned char c = peek(l, i), next = peek(l, i + 1);
        if (c == '\\' && (next == '\\' || next == '\'' || next == '"')) {
            escaped_quote |= next == quote;
            i += 2;
        } else if (c != quote) {
            i++;
        } else if (next == quote) {
            i += 2;
        } else {
            return token(l, WR_TOKEN_STRING, i + 1);
        }
    }
    return bad(l, l->end,
               escaped_quote
                   ? "a string without an end (a backslash before a quote makes the quote "
                     "part of the string)"
                   : "a string without an end");
}

static struct wr_token variable(struct wr_lexer *l)
{
    uint32_t end = l->at + 1;
    while ((is_letter(peek(l, end)) && peek(l, end) < 0x80) || is_digit(peek(l, end))) {
        end++;
    }
    if (end == l->at + 1) {
        return bad(l, end, "@ begins the name of a variable: letters, digits and underscores");
    }
    if (end - l->at - 1 > VARIABLE_LEN_MAX) {
        return bad(l, end, "the name of a variable has at most 64 characters");
    }
    return token(l, WR_TOKEN_VARIABLE, end);
}

void wr_lexer_init(struct wr_lexer *l, wr_str text, size_t begin, size_t end)
{
    wr_assert(begin <= end && end <= text.len && end < UINT32_MAX);
    *l = (struct wr_lexer){.text = text, .at = (uint32_t)begin, .end = (uint32_t)end};
}

struct wr_token wr_lexer_next(struct wr_lexer *l)
{
    while (l->at < l->end && is_blank(peek(l, l->at))) {
        l->at++;
    }
    if (l->at == l->end) {
        return token(l, WR_TOKEN_END, l->end);
    }
    unsigned char c = peek(l, l->at);
    if (is_letter(c)) {
        return word(l);
    }
    if (is_digit(c)) {
        return number(l);
    }
    if (c == '\'' || c == '"') {
        return string(l);
    }
    if (c == '@') {
        return variable(l);
    }
    // `!=` is a sign, so the stranger `!` gives way to it.
    if (!follows(l, WR_STR("!="))) {
        for (size_t i = 0; i < WR_COUNT(strangers); i++) {
            if (follows(l, strangers[i].text)) {
                return bad(l, l->at + (uint32_t)strangers[i].text.len, strangers[i].why);
            }
        }
    }
    for (size_t i = 0; i < WR_COUNT(signs); i++) {
        if (follows(l, signs[i].text)) {
            return token(l, signs[i].kind, l->at + (uint32_t)signs[i].text.len);
        }
    }
    return bad(l, l->at + 1, "AWS IoT SQL has no such sign");
}

bool wr_lexer_string(const struct wr_lexer *l, struct wr_token t, struct wr_arena *arena,
                     wr_str *out)
{
    wr_assert(t.kind == WR_TOKEN_STRING);
    char quote = l->text.at[t.begin];
    wr_str raw = wr_str_cut(l->text, t.begin + 1, t.end - 1);
    if (raw.len == 0 || (!memchr(raw.at, '\\', raw.len) && !memchr(raw.at, quote, raw.len))) {
        *out = raw;
        return true;
    }
    char *to = wr_arena_alloc(arena, raw.len);
    if (!to) {
        return false;
    }
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char next = i + 1 < raw.len ? raw.at[i + 1] : '\0';
        bool escape = raw.at[i] == '\\' && (next == '\\' || next == '\'' || next == '"');
        if (escape || raw.at[i] == quote) {
            i++; // keep the second character of the pair
        }
        to[len++] = raw.at[i];
    }
    *out = (wr_str){to, len};
    return true;
}

bool wr_token_is_word(enum wr_token_kind kind)
{
    return kind == WR_TOKEN_NAME || (kind >= keywords[0].kind && kind < WR_TOKEN_COUNT);
}

bool wr_token_is_name(enum wr_token_kind kind)
{
    return kind == WR_TOKEN_NAME ||
           (wr_token_is_word(kind) && !keywords[kind - keywords[0].kind].reserved);
}

// Length of the well-formed sequence at `at`, 0 when it is none.
static size_t sequence(wr_str text, size_t at, size_t end)
{
    for (size_t len = 1; len <= 4 && at + len <= end; len++) {
        if (wr_utf8_valid(wr_str_cut(text, at, at + len))) {
            return len;
        }
    }
    return 0;
}

wr_err wr_lexer_check_bytes(wr_str text, size_t begin, size_t end, struct wr_fault *fault)
{
    wr_str part = wr_str_cut(text, begin, end);
    const char *nul = part.len ? memchr(part.at, '\0', part.len) : NULL;
    size_t stop = nul ? (size_t)(nul - text.at) : end;
    if (!wr_utf8_valid(wr_str_cut(text, begin, stop))) {
        size_t at = begin;
        for (size_t len; at < stop && (len = sequence(text, at, stop)); at += len) {
        }
        return wr_fault_at(fault, WR_ERR_SYNTAX, text, at, "found byte 0x%02x, expected UTF-8",
                           (unsigned char)text.at[at]);
    }
    if (nul) {
        return wr_fault_at(fault, WR_ERR_SYNTAX, text, stop, "found a NUL byte, expected text");
    }
    return WR_OK;
}
