// The tokens of the SQL language, as tables (sql.md 2). Included by the lexer and the parser only.
// A new keyword or sign is one line here; the lexer finds it by its text.
// Thread: any.
#ifndef WR_SQL_TOKEN_H
#define WR_SQL_TOKEN_H

#include <stdint.h>

// PLAIN(name): tokens with a content of their own.
#define WR_PLAIN_MAP(PLAIN)                                                                       \
    PLAIN(END)      /* the end of the statement, or of a template's expression */                 \
    PLAIN(BAD)      /* what no token can be: wr_token.why says so; fits nowhere in the grammar */ \
    PLAIN(NAME)     /* [A-Za-z_ or U+0080 and up][the same or 0-9]*, not a keyword */             \
    PLAIN(NUMBER)   /* digits [ . digits ] [ e [+-] digits ] */                                   \
    PLAIN(STRING)   /* with its quotes; wr_lexer_string() decodes */                              \
    PLAIN(VARIABLE) /* with its @ */

// SIGN(name, text): longer texts stand before their prefixes, the first that fits is taken.
#define WR_SIGN_MAP(SIGN) \
    SIGN(NE, "<>")        \
    SIGN(NE_BANG, "!=")   \
    SIGN(LE, "<=")        \
    SIGN(GE, ">=")        \
    SIGN(LT, "<")         \
    SIGN(GT, ">")         \
    SIGN(EQ, "=")         \
    SIGN(LPAREN, "(")     \
    SIGN(RPAREN, ")")     \
    SIGN(LBRACKET, "[")   \
    SIGN(RBRACKET, "]")   \
    SIGN(LBRACE, "{")     \
    SIGN(RBRACE, "}")     \
    SIGN(COMMA, ",")      \
    SIGN(DOT, ".")        \
    SIGN(COLON, ":")      \
    SIGN(STAR, "*")       \
    SIGN(PLUS, "+")       \
    SIGN(MINUS, "-")      \
    SIGN(SLASH, "/")      \
    SIGN(PERCENT, "%")

// KEYWORD(name, reserved): matched without case. One that is not reserved is an attribute name too.
#define WR_KEYWORD_MAP(KEYWORD) \
    KEYWORD(SET, 1)             \
    KEYWORD(SELECT, 1)          \
    KEYWORD(VALUE, 0)           \
    KEYWORD(FROM, 1)            \
    KEYWORD(WHERE, 1)           \
    KEYWORD(AS, 1)              \
    KEYWORD(AND, 1)             \
    KEYWORD(OR, 1)              \
    KEYWORD(NOT, 1)             \
    KEYWORD(IN, 1)              \
    KEYWORD(EXISTS, 1)          \
    KEYWORD(CASE, 1)            \
    KEYWORD(WHEN, 1)            \
    KEYWORD(THEN, 1)            \
    KEYWORD(ELSE, 1)            \
    KEYWORD(END, 1)             \
    KEYWORD(NULL, 1)            \
    KEYWORD(TRUE, 1)            \
    KEYWORD(FALSE, 1)           \
    KEYWORD(CAST, 0)

enum wr_token_kind {
#define PLAIN(name) WR_TOKEN_##name,
    WR_PLAIN_MAP(PLAIN)
#undef PLAIN
#define SIGN(name, text) WR_TOKEN_##name,
        WR_SIGN_MAP(SIGN)
#undef SIGN
#define KEYWORD(name, reserved) WR_WORD_##name,
            WR_KEYWORD_MAP(KEYWORD)
#undef KEYWORD
                WR_TOKEN_COUNT
};

struct wr_token {
    enum wr_token_kind kind;
    uint32_t begin, end; // bytes of the text: [begin, end)
    const char *why;     // BAD: what is wrong; static
};

#endif
