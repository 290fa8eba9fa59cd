// AWS's conversion tables (sql.md 5). Opcodes and functions never convert on their own.
// Thread: the arena's owner.
#ifndef WR_SQL_CONVERT_H
#define WR_SQL_CONVERT_H

#include "sql/base/num.h"
#include "sql/base/value.h"

// Standard conversions. Arguments need not be forced; they are forced in place. The answer is of
// the type wanted, or Undefined. `c->arena` takes what is made.
wr_value wr_convert_string(const struct wr_num_context *c, wr_value *v);
// A NUMBER: an Int stays one, a String gives a Decimal whatever its digits.
wr_value wr_convert_decimal(const struct wr_num_context *c, wr_value *v);
wr_value wr_convert_int(const struct wr_num_context *c, wr_value *v); // floor
wr_value wr_convert_boolean(const struct wr_num_context *c, wr_value *v);

// The types of CAST. Names: wr_cast_type_parse.
enum wr_cast_type { WR_CAST_STRING, WR_CAST_INT, WR_CAST_DECIMAL, WR_CAST_DOUBLE, WR_CAST_BOOLEAN };

// "String", "Nvarchar", … in any case. `*since16` tells whether 2015-10-08 lacks the name.
// False for a name that is no type.
bool wr_cast_type_parse(wr_str name, enum wr_cast_type *out, bool *since16);
wr_value wr_convert_cast(const struct wr_num_context *c, wr_value *v, enum wr_cast_type to);

// The text that a value gives inside a template (sql.md 13): its String conversion, Raw as base64,
// nothing for Undefined and Null. Appended to `b`.
void wr_convert_template_text(const struct wr_num_context *c, wr_value *v, struct wr_buf *b);

#endif
