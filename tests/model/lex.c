// Statement to tokens: sql.md 2.
#include "tests/model/model.h"

#include <string.h>

#define VARIABLE_MAX 64

static const char *const reserved[] = {"SET",  "SELECT", "FROM", "WHERE",  "AS",   "AND",
                                       "OR",   "NOT",    "IN",   "EXISTS", "CASE", "WHEN",
                                       "THEN", "ELSE",   "END",  "NULL",   "TRUE", "FALSE"};

bool model_reserved(struct model_text word)
{
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (model_text_is_nocase(word, reserved[i])) {
            return true;
        }
    }
    return false;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(int c) // of an ASCII name
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int at_or_end(struct model_text t, size_t at)
{
    return at < t.len ? (unsigned char)t.at[at] : -1;
}

// Length of the name character at `at`: 0 when there is none.
static size_t name_step(struct model_text t, size_t at, bool first)
{
    int c = at_or_end(t, at);
    if (c < 0x80) {
        return is_letter(c) || (!first && is_digit(c));
    }
    return model_utf8(t, at, NULL);
}

static size_t digits(struct model_text t, size_t at)
{
    while (is_digit(at_or_end(t, at))) {
        at++;
    }
    return at;
}

static bool lex_number(struct model_text t, struct model_token *k)
{
    size_t at = digits(t, k->at);
    if (at_or_end(t, at) == '.') {
        if (!is_digit(at_or_end(t, at + 1))) {
            return false; // no trailing dot
        }
        at = digits(t, at + 1);
    }
    int c = at_or_end(t, at);
    if (c == 'e' || c == 'E') {
        int sign = at_or_end(t, at + 1);
        size_t exponent = at + 1 + (sign == '+' || sign == '-');
        if (is_digit(at_or_end(t, exponent))) {
            at = digits(t, exponent);
        }
    }
    k->end = at;
    k->text = model_text_part(t, k->at, at);
    k->kind = TOKEN_NUMBER;
    return name_step(t, at, true) == 0; // 5abc
}

static bool lex_string(struct model *m, struct model_text t, struct model_token *k)
{
    int quote = at_or_end(t, k->at);
    struct model_buf b = {.m = m};
    size_t at = k->at + 1;
    while (at < t.len) {
        int c = at_or_end(t, at), next = at_or_end(t, at + 1);
        if (c == quote && next != quote) {
            k->end = at + 1;
            k->text = model_buf_text(&b);
            k->kind = TOKEN_STRING;
            return true;
        }
        if (c == quote || (c == '\\' && (next == '\\' || next == '\'' || next == '"'))) {
            model_add_char(&b, (char)next);
            at += 2;
        } else {
            model_add_char(&b, (char)c);
            at++;
        }
    }
    return false;
}

static bool lex_variable(struct model_text t, struct model_token *k)
{
    size_t at = k->at + 1;
    while (is_letter(at_or_end(t, at)) || is_digit(at_or_end(t, at))) {
        at++;
    }
    k->end = at;
    k->text = model_text_part(t, k->at + 1, at);
    k->kind = TOKEN_VARIABLE;
    return k->text.len >= 1 && k->text.len <= VARIABLE_MAX;
}

static bool lex_sign(struct model_text t, struct model_token *k)
{
    // Comments are errors where they begin, also where two signs would do.
    int c = at_or_end(t, k->at), next = at_or_end(t, k->at + 1);
    if ((c == '-' && next == '-') || (c == '/' && next == '*')) {
        return false;
    }
    static const char *const signs[] = {"<>", "<=", ">=", "!=", "(", ")", "[", "]", "{", "}", ",",
                                        ".",  ":",  "*",  "+",  "-", "/", "%", "=", "<", ">"};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        size_t len = strlen(signs[i]);
        if (t.len - k->at >= len && memcmp(t.at + k->at, signs[i], len) == 0) {
            k->end = k->at + len;
            k->text = model_text_part(t, k->at, k->end);
            k->kind = TOKEN_SIGN;
            return true;
        }
    }
    return false;
}

static bool lex_one(struct model *m, struct model_text t, struct model_token *k)
{
    int c = at_or_end(t, k->at);
    if (is_digit(c)) {
        return lex_number(t, k);
    }
    if (c == '\'' || c == '"') {
        return lex_string(m, t, k);
    }
    if (c == '@') {
        return lex_variable(t, k);
    }
    if (name_step(t, k->at, true) == 0) {
        return lex_sign(t, k);
    }
    k->end = k->at;
    for (size_t step; (step = name_step(t, k->end, false)) > 0; k->end += step) {
    }
    k->text = model_text_part(t, k->at, k->end);
    k->kind = TOKEN_WORD;
    return true;
}

struct model_token *model_lex(struct model *m, struct model_text t, size_t at)
{
    // There are never more tokens than bytes.
    struct model_token *all = model_alloc(m, (t.len - at + 2) * sizeof *all);
    for (size_t count = 0;; count++) {
        struct model_token *k = &all[count];
        while (at < t.len && strchr(" \t\r\n", t.at[at]) && t.at[at] != 0) {
            at++;
        }
        k->at = k->end = at;
        k->kind = TOKEN_END;
        if (at == t.len) {
            return all;
        }
        if (!lex_one(m, t, k)) {
            k->kind = TOKEN_ERROR;
            return all;
        }
        at = k->end;
    }
}
