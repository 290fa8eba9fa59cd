// Bytes to tokens, with byte offsets (sql.md 2). Never fails: what is no token comes out as
// WR_TOKEN_BAD with a reason, and the parser stumbles over it in its place. It knows no grammar.
// Thread: any.
#ifndef WR_SQL_LEXER_H
#define WR_SQL_LEXER_H

#include "sql/base/arena.h"
#include "sql/base/err.h"
#include "sql/base/str.h"
#include "sql/token.h"

// Embedded by value. Borrows the text.
struct wr_lexer {
    wr_str text;
    uint32_t at;  // where the next token is looked for; callers may set it to the start of a token
    uint32_t end; // the first byte that is not looked at
};

// Tokens of text[begin, end), with offsets in `text`. `end` is at most UINT32_MAX.
void wr_lexer_init(struct wr_lexer *l, wr_str text, size_t begin, size_t end);

// The next token; WR_TOKEN_END, which is empty, at the end and ever after. Any bytes are accepted.
struct wr_token wr_lexer_next(struct wr_lexer *l);

// The bytes of a token as written.
static inline wr_str wr_lexer_text(const struct wr_lexer *l, struct wr_token t)
{
    return wr_str_cut(l->text, t.begin, t.end);
}

// The content of a STRING token: quotes off, escapes resolved. Borrows from the text where there
// are no escapes, else made in `arena`. False on the arena's limit.
bool wr_lexer_string(const struct wr_lexer *l, struct wr_token t, struct wr_arena *arena,
                     wr_str *out) WR_MUST_CHECK;

// Whether the token may stand where the grammar says NAME (true for keywords that are not
// reserved), or WORD (true for every keyword).
bool wr_token_is_name(enum wr_token_kind kind);
bool wr_token_is_word(enum wr_token_kind kind);

// Refuses NUL bytes and invalid UTF-8 in text[begin, end), with their place.
wr_err wr_lexer_check_bytes(wr_str text, size_t begin, size_t end,
                            struct wr_fault *fault) WR_MUST_CHECK;

#endif
