// Text to tree, with everything checked that makes a statement invalid (sql.md 2, 3, 8.3, 12):
// parser.c finds the structure, check.c what parses but may not run. Hand-written, Pratt for
// expressions. Thread: any.
#ifndef WR_SQL_PARSER_H
#define WR_SQL_PARSER_H

#include "sql/ast.h"
#include "sql/base/err.h"

// A statement. `sql` must outlive the tree; nodes are made in `arena`. On failure the fault's place
// is the first character of the first token that cannot continue the statement, and its text says
// what was found and what was expected.
wr_err wr_parse_statement(wr_str sql, enum wr_dialect dialect, struct wr_arena *arena,
                          struct wr_statement *out, struct wr_fault *fault) WR_MUST_CHECK;

// One expression of a template, text[begin, end): offsets in the tree and in faults are those of
// `text`. `scope` (may be NULL) gives the SET variables that are visible.
wr_err wr_parse_expression(wr_str text, size_t begin, size_t end, enum wr_dialect dialect,
                           const struct wr_statement *scope, struct wr_arena *arena,
                           struct wr_node **out, struct wr_fault *fault) WR_MUST_CHECK;

#endif
