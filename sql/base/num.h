// Exact decimal numbers of 34 digits: sql.md 4 to 6 and performance-design.md 6.
// Small form: |coef| < 10^18 and scale 0..1100 in the value itself, no trailing zero in coef while
// scale > 0, zero is coef 0 scale 0. Every other number is WR_V_BIG. One number has one form.
// Kind (Int or Decimal) is the flag WR_V_DECIMAL; under WR_SQL_2016 it always follows the value:
// whole and at most 34 digits is Int, all else Decimal; under WR_SQL_2015 it is kept as computed.
// Thread: any. Operands are forced NUMBERs. Results: a NUMBER, or Undefined when the magnitude
// passes 9.99…E999 or a divisor is zero; below 1E-999 they are zero. Big results are made in
// `arena`; on its limit the result is Undefined and arena->over is set.
#ifndef WR_BASE_NUM_H
#define WR_BASE_NUM_H

#include "sql/base/buf.h"
#include "sql/base/compiler.h"
#include "sql/base/value.h"

#define WR_NUM_DIGITS_MAX 34  // sql.md 4: significant digits
#define WR_NUM_EXP_MAX    999 // sql.md 4: exponent of the first digit, both ways

struct wr_num_context {
    struct wr_arena *arena;
    enum wr_dialect dialect;
};

// An Int of any int64 value.
wr_value wr_num_int(const struct wr_num_context *c, int64_t n);

// `token` matches -?digits(.digits)?([eE][+-]?digits)? (JSON numbers, numeric strings and SQL
// literals all do; leading zeros are harmless). Rounds half-even to 34 digits; a token with point
// or exponent is a Decimal under WR_SQL_2015, and an integer of more than 34 digits under both.
wr_value wr_num_parse(const struct wr_num_context *c, wr_str token);

// The documented pattern for numeric strings, whole string: ^-?\d+(\.\d+)?([eE]-?\d+)?$ (sql.md 5).
bool wr_num_is_numeric_string(wr_str s);

// Whole number as int64 (Decimals too when whole); false when it is not whole or does not fit.
bool wr_num_to_i64(const wr_value *n, int64_t *out) WR_MUST_CHECK;
// Floor, clamped into int64.
int64_t wr_num_floor_clamped(const wr_value *n);
bool wr_num_is_int(const wr_value *n); // the kind, not the value
bool wr_num_is_zero(const wr_value *n);
int wr_num_sign(const wr_value *n); // -1, 0, 1

// Nearest double; and back through its shortest round-trip digits as a Decimal.
// NaN and infinities give Undefined.
double wr_num_to_double(const wr_value *n);
wr_value wr_num_from_double(const struct wr_num_context *c, double d);

int wr_num_cmp(const wr_value *a, const wr_value *b); // by value: -1, 0, 1
// The same for numbers whose small forms can be brought to one scale in 64 bits, inline: false when
// they cannot, or are lazy.
static WR_ALWAYS_INLINE bool wr_num_cmp_small(const wr_value *a, const wr_value *b, int *order)
{
    static const int64_t ten[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    if ((a->flags | b->flags) & (WR_V_LAZY | WR_V_BIG)) {
        return false;
    }
    int64_t x = a->as.coef, y = b->as.coef;
    int diff = b->scale - a->scale;
    if (diff > 8 || diff < -8 ||
        __builtin_mul_overflow(diff > 0 ? x : y, ten[diff > 0 ? diff : -diff],
                               diff > 0 ? &x : &y)) {
        return false;
    }
    *order = (x > y) - (x < y);
    return true;
}
uint64_t wr_num_hash(const wr_value *n); // equal numbers hash equal, whatever their kind

wr_value wr_num_add(const struct wr_num_context *c, const wr_value *a, const wr_value *b);
wr_value wr_num_sub(const struct wr_num_context *c, const wr_value *a, const wr_value *b);
wr_value wr_num_mul(const struct wr_num_context *c, const wr_value *a, const wr_value *b);
// Int by Int: the quotient cut toward zero, an Int; otherwise a Decimal (sql.md 6, `/`).
// `exact`: always the Decimal row, because an operand was a String.
wr_value wr_num_div(const struct wr_num_context *c, const wr_value *a, const wr_value *b,
                    bool exact);
// Remainder with the sign of the dividend. Int when both are Ints and not `decimal`.
wr_value wr_num_mod(const struct wr_num_context *c, const wr_value *a, const wr_value *b);
wr_value wr_num_neg(const struct wr_num_context *c, const wr_value *a);
wr_value wr_num_abs(const struct wr_num_context *c, const wr_value *a);
wr_value wr_num_floor(const struct wr_num_context *c, const wr_value *a); // Int
wr_value wr_num_ceil(const struct wr_num_context *c, const wr_value *a);  // Int
wr_value wr_num_round(const struct wr_num_context *c,
                      const wr_value *a); // Int, half away from zero
// Toward zero to `places` (0..34) digits behind the point; an Int is returned as it is.
wr_value wr_num_trunc(const struct wr_num_context *c, const wr_value *a, int places);
// The same value as a Decimal (matters under WR_SQL_2015 only).
wr_value wr_num_as_decimal(const struct wr_num_context *c, const wr_value *a);

// Two's complement of unlimited width on Ints; `op` is '&', '|' or '^'.
wr_value wr_num_bits(const struct wr_num_context *c, char op, const wr_value *a, const wr_value *b);
wr_value wr_num_bitnot(const struct wr_num_context *c, const wr_value *a);

// How many powers of ten lie between the larger and the smaller: what a remainder costs.
unsigned wr_num_decades(const wr_value *a, const wr_value *b);

// The text of sql.md section 9.
void wr_num_write(struct wr_buf *b, const wr_value *n, enum wr_dialect dialect);

#endif
