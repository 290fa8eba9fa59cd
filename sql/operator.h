// The operators of sql.md section 6 on values; the VM's slow paths and the compiler's constant
// folding are these same routines. Thread: the arena's owner. Operands may be lazy and are forced
// in place.
#ifndef WR_SQL_OPERATOR_H
#define WR_SQL_OPERATOR_H

#include "sql/ast.h"
#include "sql/base/num.h"

// `steps` (may be NULL) is increased by inner work, for the fuel.
wr_value wr_operator_binary(const struct wr_num_context *c, enum wr_operator op, wr_value *a,
                            wr_value *b, uint64_t *steps);
wr_value wr_operator_not(wr_value *v, const struct wr_num_context *c);
wr_value wr_operator_neg(wr_value *v, const struct wr_num_context *c);
// get(v, index) and v[index].
wr_value wr_operator_index(const struct wr_num_context *c, wr_value *v, wr_value *index);
// v.key
wr_value wr_operator_member(const struct wr_num_context *c, wr_value *v, wr_str key);
// 0 false, 1 true, 2 neither: a Boolean, or a String true/false in any case.
int wr_operator_truth(wr_value *v, const struct wr_num_context *c);

// The comparison that says the same with its sides changed: a < b is b > a.
enum wr_operator wr_operator_mirrored(enum wr_operator op);
// The comparison that is true where `op` is false, of operands for which `op` is not Undefined.
enum wr_operator wr_operator_negated(enum wr_operator op);

#endif
