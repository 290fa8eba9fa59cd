// Why an operator, a cast or a call came to what it did: '12a' is no number, a side is Undefined,
// `=` does not convert. Words only; the value comes from the program.
// Thread: the arena's owner.
#ifndef WR_SQL_EXPLAIN_REASON_H
#define WR_SQL_EXPLAIN_REASON_H

#include "sql/ast.h"
#include "sql/base/buf.h"

// Append one line on `value`, the value of `n`, whose kids have the values `kids` (as many as
// n->kid_count, in their order, forced; not for CASE, queries and plain paths). Nothing when there
// is nothing surprising about it.
void wr_reason_write(const struct wr_num_context *c, const struct wr_node *n, const wr_value *value,
                     const wr_value *kids, struct wr_buf *out);

// An operand of AND, OR or NOT that is neither true nor false.
bool wr_reason_no_truth(const struct wr_num_context *c, const wr_value *v);

#endif
