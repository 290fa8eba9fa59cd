// Which of many programs may match a message: the index nominates, the program decides
// (performance-design 4). It may nominate one that does not match, and never leaves out one that
// does, fails, or does anything that can be seen from outside.
//
//   equality (a member of the payload) ─ value ─► rules that ask for it, indexed further
//        │                             └ …
//        └ the others ─► ranges: columns of bounds, compared one after the other
//                     └► lists of a few, or of what nothing is known about
//
// Thread: the plan's.
#ifndef WR_SQL_INDEX_H
#define WR_SQL_INDEX_H

#include "sql/sql.h"

struct wr_index;

// Give: wr_index_free(). NULL when the plan has few programs, or no condition tells them apart.
// Lends the plan.
struct wr_index *wr_index_new(const struct wr_plan *plan);
void wr_index_free(struct wr_index *x); // NULL is accepted

// The programs, by their numbers in the plan, ascending; `*numbers` is valid until the next call.
// `m` was read with the plan. No allocation but from the message's arena.
size_t wr_index_match(struct wr_index *x, struct wr_sql_message *m,
                      const uint32_t **numbers) WR_HOT;

// Bytes it takes.
size_t wr_index_bytes(const struct wr_index *x);

#endif
