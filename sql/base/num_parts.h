// What num.c and num_text.c share, not for others: numbers taken apart.
// Thread: any.
#ifndef WR_BASE_NUM_PARTS_H
#define WR_BASE_NUM_PARTS_H

#include "sql/base/compiler.h"
#include "sql/base/num.h"

#define WR_NUM_SMALL_DIGITS 18  // coefficients below 10^18: sums of two still fit 64 bits
#define WR_NUM_SCALE_SAFE   900 // up to here a small number is within the range for sure

__extension__ typedef unsigned __int128 wr_u128;
__extension__ typedef __int128 wr_i128;

// (-1)^neg * coef * 10^exp, coef of at most 34 digits; without trailing zeros where exp < 0.
struct wr_num_parts {
    wr_u128 coef;
    int exp;
    bool neg;
};

extern const wr_u128 wr_num_ten[39]; // powers of ten

struct wr_num_parts wr_num_take(const wr_value *n);

// Any number in its one form. `coef` has at most 38 digits and is rounded to 34. `decimal` is the
// kind that 2015-10-08 keeps.
wr_value wr_num_make(const struct wr_num_context *c, bool neg, wr_u128 coef, int64_t exp,
                     bool decimal);

// The same; `more` says that the number is a little larger than coef says, which then has more than
// 34 digits.
wr_value wr_num_make_rounded(const struct wr_num_context *c, bool neg, wr_u128 coef, int64_t exp,
                             bool more, bool decimal) WR_NOINLINE;

int wr_num_digits(wr_u128 n); // decimal digits; 1 for 0

static inline uint8_t wr_num_kind_flag(bool decimal)
{
    return decimal ? WR_V_DECIMAL : 0;
}

// |coef| < 10^18 and 0 <= scale <= WR_NUM_SCALE_SAFE: no range check is needed.
static inline wr_value wr_num_make_small(const struct wr_num_context *c, int64_t coef, int scale,
                                         bool decimal)
{
    while (scale > 0 && !(coef & 1) && coef % 10 == 0) {
        coef /= 10;
        scale = coef ? scale - 1 : 0;
    }
    decimal = scale > 0 || (decimal && c->dialect == WR_SQL_2015);
    return (wr_value){.type = WR_NUMBER,
                      .flags = wr_num_kind_flag(decimal),
                      .scale = (int16_t)scale,
                      .as.coef = coef};
}

#endif
