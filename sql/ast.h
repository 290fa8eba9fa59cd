// The tree that the parser makes and the compiler reads: one node type, children as a list.
// Everything lives in the parse arena; texts borrow from the statement or the arena.
// Thread: any.
#ifndef WR_SQL_AST_H
#define WR_SQL_AST_H

#include "sql/base/arena.h"
#include "sql/base/buf.h"
#include "sql/base/str.h"
#include "sql/convert.h"
#include "sql/func/function.h"

// Chains such as `a OR b OR …` make a tree high although they do not nest; who walks it may
// recurse.
#define WR_AST_HEIGHT_MAX 4096

enum wr_node_kind {
    WR_NODE_NUMBER, // text: the digits as written
    WR_NODE_STRING, // text: decoded
    WR_NODE_NULL,
    WR_NODE_TRUE,
    WR_NODE_FALSE,
    WR_NODE_STAR,     // `*` as an operand: the payload, or the row inside a query
    WR_NODE_NAME,     // text: an attribute of the payload, or of the row, or the query's alias
    WR_NODE_VARIABLE, // text without `@`; index: 0-based number of the SET variable
    WR_NODE_MEMBER,   // kids[0] . text
    WR_NODE_ALL,      // kids[0] . *        (only as an item)
    WR_NODE_INDEX,    // kids[0] [ kids[1] ]
    WR_NODE_CALL,     // text: the name as written; function; kids: the arguments
    WR_NODE_CAST,     // text: "cast" as written; kids[0]; cast
    WR_NODE_UNARY,    // op '-' or 'N' (NOT); kids[0]
    WR_NODE_BINARY,   // op below; kids[0], kids[1]
    WR_NODE_CASE,     // kids: operand, when, then, when, then, …; has_else: the last kid is ELSE
    WR_NODE_ARRAY,    // kids
    WR_NODE_OBJECT,   // kids: WR_NODE_PAIR each
    WR_NODE_PAIR,     // text: decoded key; kids[0] the value
    WR_NODE_EXISTS,   // kids[0]: a WR_NODE_QUERY
    WR_NODE_QUERY,    // query
};

enum wr_operator {
    WR_OP_AND,
    WR_OP_OR,
    WR_OP_EQ,
    WR_OP_NE,
    WR_OP_LT,
    WR_OP_LE,
    WR_OP_GT,
    WR_OP_GE,
    WR_OP_IN,
    WR_OP_ADD,
    WR_OP_SUB,
    WR_OP_MUL,
    WR_OP_DIV,
    WR_OP_MOD,
    WR_OP_NOT, // unary
    WR_OP_NEG, // unary
};

struct wr_query;

struct wr_node {
    enum wr_node_kind kind;
    enum wr_operator op;
    bool parenthesised; // written in its own parentheses
    bool has_else;
    uint32_t index;
    uint32_t begin, end; // bytes of the statement: [begin, end), without outer parentheses
    uint32_t at;         // the byte to blame: the operator, the function name, …
    wr_str text;
    const struct wr_function *function;
    enum wr_cast_type cast;
    struct wr_query *query;
    struct wr_node **kids;
    uint32_t kid_count;
    uint32_t height; // 1 for a leaf, at most WR_AST_HEIGHT_MAX
};

// One item of a select list. `name` is what the member is called (sql.md 7), alias or derived; a
// dotted alias is in `path` (path_len > 1). `star`: a bare `*` without alias; `all`: `path.*`
// without alias.
struct wr_item {
    struct wr_node *expr; // for `path.* AS x` simply the path
    bool star, all, has_alias;
    const wr_str *path;
    uint32_t path_len;
    uint32_t begin, end; // source of the whole item
};

// A select: the statement's own or a nested query.
struct wr_query {
    bool value; // SELECT VALUE
    struct wr_item *items;
    uint32_t item_count;
    struct wr_node *source; // nested only
    wr_str source_alias;    // nested: AS word, else at NULL
    struct wr_node *where;  // NULL without
    uint32_t begin, end;
};

struct wr_assign {
    wr_str name;
    struct wr_node *expr;
    uint32_t begin;
};

struct wr_statement {
    wr_str text;   // the whole source
    wr_str filter; // FROM, at NULL without; decoded
    enum wr_dialect dialect;
    uint32_t assign_count;
    struct wr_assign *assigns; // from here on not for running: a slim program has none of it
    struct wr_query select;
    uint32_t filter_at;
    bool filter_double_quoted;
};

// "AND", "=", "-", …; `<>` for both its spellings.
const char *wr_operator_text(enum wr_operator op);

// The first node, in the order of the text, for which `wanted` holds, or NULL. `n` and what is
// below it, nested queries included.
const struct wr_node *wr_node_find(const struct wr_node *n,
                                   bool (*wanted)(const struct wr_node *n));

// `n` as a plain path below the payload, or below the row inside a nested query: a, a.b, a['b'],
// get(a, 'b'), *. Returns how many keys lead there, 0 for `*`; -1 when `n` is no plain path.
int wr_node_path(const struct wr_node *n);
// The keys of a node whose wr_node_path() is `len`.
void wr_node_path_keys(const struct wr_node *n, int len, wr_str *keys);
// A key that get() cannot take for an index of an Array or a String: then get(x, key) is x.key.
bool wr_node_is_plain_key(const struct wr_node *n);
bool wr_node_is_get(const struct wr_node *n); // get(a, b)

// The tree as an S-expression: `a.b + 1` is `(+ (. a b) 1)`. For tests and for reading.
void wr_node_print(const struct wr_node *n, struct wr_buf *out);
void wr_statement_print(const struct wr_statement *s, struct wr_buf *out);

#endif
