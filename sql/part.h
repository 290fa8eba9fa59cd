// Parts of a program: one expression of its statement or templates compiled on its own and run on a
// message that the program itself has read, with the variables that the program has set. Coverage
// and explanations evaluate this way, so that they cannot disagree with the program.
//
//   wr_part_new ─► wr_part_map ─► wr_part_start ─► wr_eval_run: the value is e->result
//
// Thread: the owner's. Not for the message path.
#ifndef WR_SQL_PART_H
#define WR_SQL_PART_H

#include "sql/ast.h"
#include "sql/sql.h"

// Give: a sealed program whose result is the value of `n`, a node of `p`'s statement or of one of
// its templates; wr_program_free() it, before `p`. Inside of a nested query `row_of` is the
// innermost one that is around `n`; else NULL. With `n` NULL: the SET clause, for its variables.
wr_err wr_part_new(const struct wr_program *p, const struct wr_node *n,
                   const struct wr_query *row_of, struct wr_program **out,
                   struct wr_fault *fault) WR_MUST_CHECK;

// The part is a constant: the compiler has folded it. `*v` lives as long as the part.
bool wr_part_constant(const struct wr_program *part, wr_value *v);

// Where the part finds its paths in a message that was read for program `index` of its plan, which
// the part was made of. In `arena`; NULL on its limit, or for a path that the program does not read
// (what it folds away).
const uint32_t *wr_part_map(const struct wr_program *part, const struct wr_sql_message *m,
                            size_t index, struct wr_arena *arena);

// Begin. `variables`: an eval of the program, or of its SET clause, that has run; NULL when there
// is no SET. `row`: a forced value, for a part with `row_of`; else NULL.
void wr_part_start(struct wr_eval *e, const struct wr_program *part, const uint32_t *map,
                   struct wr_sql_message *m, const struct wr_sql_host *host,
                   const struct wr_eval *variables, const wr_value *row);

#endif
