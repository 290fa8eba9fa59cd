// The state of a parse, and what expression.c and parser.c share. Private to them.
// Functions that return a pointer or a bool fail with NULL or false; then p->err is set, the fault
// is filled, and the parse is over. NULL of a `void *` may be returned as either. Thread: the
// arena's owner.
#ifndef WR_SQL_PARSER_BASE_H
#define WR_SQL_PARSER_BASE_H

#include "sql/ast.h"
#include "sql/base/err.h"
#include "sql/check.h"
#include "sql/hint.h"
#include "sql/lexer.h"

#define WR_PARSER_NOWHERE UINT32_MAX // an offset that no token has

struct wr_parser {
    struct wr_lexer lexer;
    struct wr_token before, tok, next; // the token just taken, the one to decide on, and one more
    struct wr_check check;
    struct wr_arena *arena;
    struct wr_fault *fault;
    const char *end_name; // what a fault calls the end: "statement" or "expression"
    uint32_t item_begin;  // where the item under way begins: `path.*` may stand there only
    unsigned depth;       // what is open around the current token, at most WR_SQL_DEPTH_MAX
    wr_err err;
};

// ---- tokens

void wr_parser_advance(struct wr_parser *p);
bool wr_parser_take(struct wr_parser *p, enum wr_token_kind kind);
wr_str wr_parser_text(const struct wr_parser *p, struct wr_token t);

static inline bool wr_parser_at(const struct wr_parser *p, enum wr_token_kind kind)
{
    return p->tok.kind == kind;
}

// ---- faults

// The fault is filled already: note its code. Returns NULL.
void *wr_parser_refuse(struct wr_parser *p, wr_err err);

// "found X, expected Y (hint)" at the current token. `expected` is to follow that word. Returns
// NULL.
void *wr_parser_unexpected(struct wr_parser *p, enum wr_hint_place place, const char *expected);

// Take a token of this kind, or fail as above.
bool wr_parser_expect(struct wr_parser *p, enum wr_token_kind kind, enum wr_hint_place place,
                      const char *expected) WR_MUST_CHECK;

// Something opens that nests: fails at WR_SQL_DEPTH_MAX. Taken back with p->depth--.
bool wr_parser_deeper(struct wr_parser *p) WR_MUST_CHECK;

// The arena's limit is met. Returns NULL.
void *wr_parser_no_memory(struct wr_parser *p);

// ---- nodes

// Zeroed memory in the arena.
void *wr_parser_make(struct wr_parser *p, size_t size) WR_MUST_CHECK;

struct wr_node *wr_parser_node(struct wr_parser *p, enum wr_node_kind kind, uint32_t begin,
                               uint32_t blame) WR_MUST_CHECK;
bool wr_parser_push(struct wr_parser *p, struct wr_node *n, struct wr_node *kid) WR_MUST_CHECK;

// The last token of `n` has been taken: note its end and height.
struct wr_node *wr_parser_finish(struct wr_parser *p, struct wr_node *n) WR_MUST_CHECK;

// Push one kid, or two, and finish. `n` may be NULL, which is passed on.
struct wr_node *wr_parser_join(struct wr_parser *p, struct wr_node *n, struct wr_node *left,
                               struct wr_node *right) WR_MUST_CHECK;

// ---- grammar

// `expr`, of expression.c.
struct wr_node *wr_parser_expression(struct wr_parser *p) WR_MUST_CHECK;
// `postfix`, of expression.c: the source of a nested query.
struct wr_node *wr_parser_postfix(struct wr_parser *p) WR_MUST_CHECK;
// `subquery`, of parser.c; the current token is SELECT.
struct wr_node *wr_parser_query(struct wr_parser *p) WR_MUST_CHECK;

#endif
