// Exact decimal arithmetic: small numbers in 64 and 128 bits, the others by Intel's decimal
// library.
//
//   fast    both operands small, the exact result has at most 38 digits: integer operations
//   slow    BID128 in, BID128 out, half-even at 34 digits; its exponents (±6111) are far beyond
//   ours,
//           so that the library never meets overflow and ours is applied once, in
//           wr_num_make_rounded()
//
// Every result goes through wr_num_make_rounded() or wr_num_make_small(), which alone know the
// canonical form.
#include "sql/base/num.h"

#include "sql/base/bid.h"
#include "sql/base/compiler.h"
#include "sql/base/err.h"
#include "sql/base/hash.h"
#include "sql/base/num_parts.h"

#include "sql/base/banned.h"

#define BID_BIAS 6176 // of the exponent, IEEE 754 table 3.6

typedef wr_u128 u128;
typedef wr_i128 i128;

#define E18 ((u128)1000000000000000000u)
#define TEN_POWERS(E)                                                                             \
    (E), (E)*10u, (E)*100u, (E)*1000u, (E)*10000u, (E)*100000u, (E)*1000000u, (E)*10000000u,      \
        (E)*100000000u, (E)*1000000000u, (E)*10000000000u, (E)*100000000000u, (E)*1000000000000u, \
        (E)*10000000000000u, (E)*100000000000000u, (E)*1000000000000000u, (E)*10000000000000000u, \
        (E)*100000000000000000u

static const uint64_t ten[] = {TEN_POWERS(UINT64_C(1)), 1000000000000000000u,
                               10000000000000000000u};
const u128 wr_num_ten[] = {TEN_POWERS((u128)1), TEN_POWERS(E18), E18 *E18, E18 *E18 * 10,
                           E18 *E18 * 100};
#define LIMIT_SMALL ten[WR_NUM_SMALL_DIGITS]

int wr_num_digits(u128 n)
{
    uint64_t high = (uint64_t)(n >> 64), low = (uint64_t)n;
    if (WR_UNLIKELY(n == 0)) {
        return 1;
    }
    int bits = high ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll(low);
    int d = bits * 1233 >> 12; // 1233 / 4096 is log10(2) as near as 128 bits need
    return d + (n >= wr_num_ten[d]);
}

static int trailing_zero_bits(u128 n)
{
    return (uint64_t)n ? __builtin_ctzll((uint64_t)n) : 64 + __builtin_ctzll((uint64_t)(n >> 64));
}

static u128 divide_by_ten(u128 n, int power, u128 *rest)
{
    if (WR_LIKELY((n >> 64) == 0)) {
        uint64_t low = (uint64_t)n;
        if (power > 19) {
            *rest = low;
            return 0;
        }
        *rest = low % ten[power];
        return low / ten[power];
    }
    *rest = n % wr_num_ten[power];
    return n / wr_num_ten[power];
}

// Remove up to `max` trailing zeros of a number that is not zero; returns how many went.
static int strip_zeros(u128 *n, int max)
{
    int gone = 0;
    for (int step = 16; step; step /= 2) {
        // What 10^k divides, 2^k divides: most numbers need no division here.
        while (gone + step <= max && trailing_zero_bits(*n) >= step) {
            u128 rest, less = divide_by_ten(*n, step, &rest);
            if (rest) {
                break;
            }
            *n = less;
            gone += step;
        }
    }
    return gone;
}

// ---- making values

static wr_value zero(const struct wr_num_context *c, bool decimal)
{
    return (wr_value){.type = WR_NUMBER,
                      .flags = wr_num_kind_flag(decimal && c->dialect == WR_SQL_2015)};
}

static BID_UINT128 pack(struct wr_num_parts p)
{
    BID_UINT128 b;
    b.w[0] = (uint64_t)p.coef;
    b.w[1] = (uint64_t)(p.coef >> 64) | (uint64_t)(p.exp + BID_BIAS) << 49 | (uint64_t)p.neg << 63;
    return b;
}

static struct wr_num_parts unpack(uint64_t low, uint64_t high)
{
    return (struct wr_num_parts){.coef = (u128)(high & ((UINT64_C(1) << 49) - 1)) << 64 | low,
                                 .exp = (int)(high >> 49 & 0x3fff) - BID_BIAS,
                                 .neg = high >> 63};
}

// Half-even to 34 digits. `more`: the number is a little larger than coef says.
static void round_wide(u128 *coef, int64_t *exp, bool more)
{
    int drop = wr_num_digits(*coef) - WR_NUM_DIGITS_MAX;
    if (drop <= 0) {
        return;
    }
    u128 rest, kept = divide_by_ten(*coef, drop, &rest);
    u128 half = wr_num_ten[drop] / 2;
    kept += rest > half || (rest == half && (more || (kept & 1)));
    *coef = kept; // 10^34 at most, whose zeros go next
    *exp += drop;
}

wr_value wr_num_make_rounded(const struct wr_num_context *c, bool neg, u128 coef, int64_t exp,
                             bool more, bool decimal)
{
    round_wide(&coef, &exp, more);
    if (coef == 0) {
        return zero(c, decimal);
    }
    exp += strip_zeros(&coef, 38);
    int digits = wr_num_digits(coef);
    int64_t first = exp + digits - 1;
    if (first > WR_NUM_EXP_MAX) {
        return wr_undefined();
    }
    if (first < -WR_NUM_EXP_MAX) {
        return zero(c, decimal);
    }
    bool whole = exp >= 0 && first < WR_NUM_DIGITS_MAX;
    decimal = !whole || (decimal && c->dialect == WR_SQL_2015);
    wr_value v = {.type = WR_NUMBER, .flags = wr_num_kind_flag(decimal)};
    if (exp <= 0 ? digits <= WR_NUM_SMALL_DIGITS : first < WR_NUM_SMALL_DIGITS) {
        int64_t small = (int64_t)(exp > 0 ? (uint64_t)coef * ten[exp] : (uint64_t)coef);
        v.as.coef = neg ? -small : small;
        v.scale = (int16_t)(exp < 0 ? -exp : 0);
        return v;
    }
    struct wr_big *big = wr_arena_alloc(c->arena, sizeof *big);
    if (!big) {
        return wr_undefined();
    }
    BID_UINT128 packed = pack((struct wr_num_parts){.coef = coef, .exp = (int)exp, .neg = neg});
    big->w[0] = packed.w[0];
    big->w[1] = packed.w[1];
    v.flags |= WR_V_BIG;
    v.as.big = big;
    return v;
}

wr_value wr_num_make(const struct wr_num_context *c, bool neg, u128 coef, int64_t exp, bool decimal)
{
    return wr_num_make_rounded(c, neg, coef, exp, false, decimal);
}

static wr_value make_signed(const struct wr_num_context *c, i128 coef, int64_t exp, bool decimal)
{
    return wr_num_make(c, coef < 0, coef < 0 ? -(u128)coef : (u128)coef, exp, decimal);
}

// `coef` is an exact result of small operands: at most 38 digits.
static inline wr_value make_exact(const struct wr_num_context *c, i128 coef, int scale,
                                  bool decimal)
{
    i128 limit = (i128)LIMIT_SMALL;
    if (WR_LIKELY(coef < limit && coef > -limit && scale <= WR_NUM_SCALE_SAFE)) {
        return wr_num_make_small(c, (int64_t)coef, scale, decimal);
    }
    return make_signed(c, coef, -scale, decimal);
}

struct wr_num_parts wr_num_take(const wr_value *n)
{
    if (n->flags & WR_V_BIG) {
        return unpack(n->as.big->w[0], n->as.big->w[1]);
    }
    bool neg = n->as.coef < 0;
    return (struct wr_num_parts){
        .coef = (u128)(neg ? -n->as.coef : n->as.coef), .exp = -n->scale, .neg = neg};
}

static inline bool both_small(const wr_value *a, const wr_value *b)
{
    return !((a->flags | b->flags) & WR_V_BIG);
}

static inline bool either_decimal(const wr_value *a, const wr_value *b)
{
    return ((a->flags | b->flags) & WR_V_DECIMAL) != 0;
}

static wr_value from_bid(const struct wr_num_context *c, BID_UINT128 b, bool decimal)
{
    struct wr_num_parts p = unpack(b.w[0], b.w[1]);
    return wr_num_make(c, p.neg, p.coef, p.exp, decimal);
}

// An Int, which has at most 34 digits.
static i128 int_of(const wr_value *n)
{
    struct wr_num_parts p = wr_num_take(n);
    i128 whole = (i128)(p.coef * wr_num_ten[p.exp > 0 ? p.exp : 0]);
    return p.neg ? -whole : whole;
}

wr_value wr_num_int(const struct wr_num_context *c, int64_t n)
{
    if (WR_LIKELY(n < (int64_t)LIMIT_SMALL && n > -(int64_t)LIMIT_SMALL)) {
        return (wr_value){.type = WR_NUMBER, .as.coef = n};
    }
    return make_signed(c, n, 0, false);
}

// ---- questions

bool wr_num_is_int(const wr_value *n)
{
    return !(n->flags & WR_V_DECIMAL);
}

bool wr_num_is_zero(const wr_value *n)
{
    return !(n->flags & WR_V_BIG) && n->as.coef == 0;
}

int wr_num_sign(const wr_value *n)
{
    if (n->flags & WR_V_BIG) {
        return n->as.big->w[1] >> 63 ? -1 : 1;
    }
    return (n->as.coef > 0) - (n->as.coef < 0);
}

bool wr_num_to_i64(const wr_value *n, int64_t *out)
{
    if (WR_LIKELY(!(n->flags & WR_V_BIG))) {
        if (n->scale) {
            return false;
        }
        *out = n->as.coef;
        return true;
    }
    struct wr_num_parts p = wr_num_take(n);
    if (p.exp < 0 || wr_num_digits(p.coef) + p.exp > 19) {
        return false;
    }
    u128 whole = p.coef * wr_num_ten[p.exp];
    if (whole > (u128)INT64_MAX + p.neg) {
        return false;
    }
    *out = p.neg ? (int64_t)(0 - (uint64_t)whole) : (int64_t)whole;
    return true;
}

enum rounding { TO_ZERO, TO_FLOOR, TO_CEIL, HALF_AWAY };

// Cut the last `drop` > 0 digits off.
static u128 cut(const struct wr_num_parts *p, int drop, enum rounding how)
{
    u128 rest, kept;
    bool half = false; // at least
    if (drop > 38) {
        kept = 0;
        rest = p->coef;
    } else {
        kept = divide_by_ten(p->coef, drop, &rest);
        half = rest >= wr_num_ten[drop] - rest;
    }
    switch (how) {
    case TO_ZERO:
        return kept;
    case TO_FLOOR:
        return kept + (p->neg && rest);
    case TO_CEIL:
        return kept + (!p->neg && rest);
    case HALF_AWAY:
        return kept + half;
    }
    return kept;
}

int64_t wr_num_floor_clamped(const wr_value *n)
{
    struct wr_num_parts p = wr_num_take(n);
    u128 whole;
    if (p.exp >= 0) {
        whole = wr_num_digits(p.coef) + p.exp > 20 ? (u128)-1 : p.coef * wr_num_ten[p.exp];
    } else {
        whole = cut(&p, -p.exp, TO_FLOOR);
    }
    if (p.neg) {
        return whole > (u128)INT64_MAX ? INT64_MIN : -(int64_t)whole;
    }
    return whole > (u128)INT64_MAX ? INT64_MAX : (int64_t)whole;
}

// The sign of |a| - |b|; neither is zero.
static int compare_magnitudes(const struct wr_num_parts *a, const struct wr_num_parts *b)
{
    int a_first = wr_num_digits(a->coef) + a->exp, b_first = wr_num_digits(b->coef) + b->exp;
    if (a_first != b_first) {
        return a_first < b_first ? -1 : 1;
    }
    u128 x = a->coef, y = b->coef; // of at most 34 digits, also with the shorter one filled up
    if (a->exp > b->exp) {
        x *= wr_num_ten[a->exp - b->exp];
    } else {
        y *= wr_num_ten[b->exp - a->exp];
    }
    return (x > y) - (x < y);
}

int wr_num_cmp(const wr_value *a, const wr_value *b)
{
    if (WR_LIKELY(both_small(a, b) && a->scale == b->scale)) {
        return (a->as.coef > b->as.coef) - (a->as.coef < b->as.coef);
    }
    int a_sign = wr_num_sign(a), b_sign = wr_num_sign(b);
    if (a_sign != b_sign) {
        return a_sign < b_sign ? -1 : 1;
    }
    if (a_sign == 0) {
        return 0;
    }
    int diff = b->scale - a->scale;
    if (both_small(a, b) && diff >= -WR_NUM_SMALL_DIGITS && diff <= WR_NUM_SMALL_DIGITS) {
        i128 x = (i128)a->as.coef * (i128)(diff > 0 ? ten[diff] : 1);
        i128 y = (i128)b->as.coef * (i128)(diff < 0 ? ten[-diff] : 1);
        return (x > y) - (x < y);
    }
    struct wr_num_parts x = wr_num_take(a), y = wr_num_take(b);
    int order = compare_magnitudes(&x, &y);
    return a_sign < 0 ? -order : order;
}

uint64_t wr_num_hash(const wr_value *n)
{
    uint64_t x, y;
    if (n->flags & WR_V_BIG) {
        x = n->as.big->w[0];
        y = n->as.big->w[1];
    } else {
        x = (uint64_t)n->as.coef;
        y = (uint64_t)n->scale;
    }
    u128 product = (u128)(x ^ wr_hash_seed ^ 0x2d358dccaa6c78a5u) * (y ^ 0x8bb84b93962eacc9u);
    product = (u128)((uint64_t)product ^ 0x4b33a62ed433d4a3u) *
              ((uint64_t)(product >> 64) ^ wr_hash_seed ^ 0x4d5a2da51de1aa47u);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

// ---- arithmetic

// a + b, or a - b.
static inline wr_value sum(const struct wr_num_context *c, const wr_value *a, const wr_value *b,
                           bool minus)
{
    bool decimal = either_decimal(a, b);
    int diff = b->scale - a->scale;
    if (WR_LIKELY(both_small(a, b) && diff >= -WR_NUM_SMALL_DIGITS &&
                  diff <= WR_NUM_SMALL_DIGITS)) {
        i128 x = (i128)a->as.coef * (i128)(diff > 0 ? ten[diff] : 1);
        i128 y = (i128)b->as.coef * (i128)(diff < 0 ? ten[-diff] : 1);
        return make_exact(c, minus ? x - y : x + y, diff > 0 ? b->scale : a->scale, decimal);
    }
    struct wr_num_parts x = wr_num_take(a), y = wr_num_take(b);
    y.neg = y.neg != minus;
    _IDEC_flags flags = 0;
    return from_bid(c, bid128_add(pack(x), pack(y), WR_BID_HALF_EVEN, &flags), decimal);
}

wr_value wr_num_add(const struct wr_num_context *c, const wr_value *a, const wr_value *b)
{
    return sum(c, a, b, false);
}

wr_value wr_num_sub(const struct wr_num_context *c, const wr_value *a, const wr_value *b)
{
    return sum(c, a, b, true);
}

wr_value wr_num_mul(const struct wr_num_context *c, const wr_value *a, const wr_value *b)
{
    bool decimal = either_decimal(a, b);
    if (WR_LIKELY(both_small(a, b))) {
        return make_exact(c, (i128)a->as.coef * b->as.coef, a->scale + b->scale, decimal);
    }
    _IDEC_flags flags = 0;
    return from_bid(
        c, bid128_mul(pack(wr_num_take(a)), pack(wr_num_take(b)), WR_BID_HALF_EVEN, &flags),
        decimal);
}

wr_value wr_num_div(const struct wr_num_context *c, const wr_value *a, const wr_value *b,
                    bool exact)
{
    if (wr_num_is_zero(b)) {
        return wr_undefined();
    }
    if (!exact && !either_decimal(a, b)) {
        if (WR_LIKELY(both_small(a, b))) {
            return wr_num_make_small(c, a->as.coef / b->as.coef, 0, false);
        }
        return make_signed(c, int_of(a) / int_of(b), 0, false);
    }
    if (both_small(a, b)) { // most come out even with two more digits, most others with eighteen
        int64_t dividend = a->as.coef;
        for (int k = 0; k <= 2; k++) {
            int scale = a->scale - b->scale + k;
            if (scale > WR_NUM_SCALE_SAFE) {
                break;
            }
            if (scale >= 0 && dividend % b->as.coef == 0) {
                return wr_num_make_small(c, dividend / b->as.coef, scale, true);
            }
            if (dividend <= -(int64_t)LIMIT_SMALL / 10 || dividend >= (int64_t)LIMIT_SMALL / 10) {
                break; // ten times that is no small coefficient
            }
            dividend *= 10;
        }
    }
    struct wr_num_parts x = wr_num_take(a), y = wr_num_take(b);
    if (both_small(a, b)) {
        u128 dividend = x.coef * E18, quotient = dividend / y.coef;
        if (quotient * y.coef == dividend) {
            return wr_num_make(c, x.neg != y.neg, quotient, x.exp - y.exp - WR_NUM_SMALL_DIGITS,
                               true);
        }
    }
    _IDEC_flags flags = 0;
    return from_bid(c, bid128_div(pack(x), pack(y), WR_BID_HALF_EVEN, &flags), true);
}

unsigned wr_num_decades(const wr_value *a, const wr_value *b)
{
    struct wr_num_parts x = wr_num_take(a), y = wr_num_take(b);
    int between = wr_num_digits(x.coef) + x.exp - wr_num_digits(y.coef) - y.exp;
    return (unsigned)(between < 0 ? -between : between);
}

wr_value wr_num_mod(const struct wr_num_context *c, const wr_value *a, const wr_value *b)
{
    bool decimal = either_decimal(a, b);
    if (wr_num_is_zero(b)) {
        return wr_undefined();
    }
    int diff = b->scale - a->scale;
    if (WR_LIKELY(both_small(a, b))) {
        if (diff == 0) {
            return wr_num_make_small(c, a->as.coef % b->as.coef, a->scale, decimal);
        }
        if (diff >= -WR_NUM_SMALL_DIGITS && diff <= WR_NUM_SMALL_DIGITS) {
            i128 x = (i128)a->as.coef * (i128)(diff > 0 ? ten[diff] : 1);
            i128 y = (i128)b->as.coef * (i128)(diff < 0 ? ten[-diff] : 1);
            return make_exact(c, x % y, diff > 0 ? b->scale : a->scale, decimal);
        }
    }
    if (!decimal) {
        return make_signed(c, int_of(a) % int_of(b), 0, false);
    }
    _IDEC_flags flags = 0; // the remainder is exact and has at most 34 digits
    return from_bid(c, bid128_fmod(pack(wr_num_take(a)), pack(wr_num_take(b)), &flags), true);
}

wr_value wr_num_neg(const struct wr_num_context *c, const wr_value *a)
{
    wr_value v = *a;
    if (!(a->flags & WR_V_BIG)) {
        v.as.coef = -a->as.coef;
        return v;
    }
    struct wr_big *big = wr_arena_alloc(c->arena, sizeof *big);
    if (!big) {
        return wr_undefined();
    }
    big->w[0] = a->as.big->w[0];
    big->w[1] = a->as.big->w[1] ^ UINT64_C(1) << 63;
    v.as.big = big;
    return v;
}

wr_value wr_num_abs(const struct wr_num_context *c, const wr_value *a)
{
    return wr_num_sign(a) < 0 ? wr_num_neg(c, a) : *a;
}

wr_value wr_num_as_decimal(const struct wr_num_context *c, const wr_value *a)
{
    wr_value v = *a;
    if (c->dialect == WR_SQL_2015) {
        v.flags |= WR_V_DECIMAL;
    }
    return v;
}

static wr_value to_int(const struct wr_num_context *c, const wr_value *a, enum rounding how)
{
    if (!(a->flags & WR_V_BIG) && a->scale == 0) {
        return (wr_value){.type = WR_NUMBER, .as.coef = a->as.coef};
    }
    struct wr_num_parts p = wr_num_take(a);
    if (p.exp >= 0) {
        return wr_num_make(c, p.neg, p.coef, p.exp, false);
    }
    return wr_num_make(c, p.neg, cut(&p, -p.exp, how), 0, false);
}

wr_value wr_num_floor(const struct wr_num_context *c, const wr_value *a)
{
    return to_int(c, a, TO_FLOOR);
}

wr_value wr_num_ceil(const struct wr_num_context *c, const wr_value *a)
{
    return to_int(c, a, TO_CEIL);
}

wr_value wr_num_round(const struct wr_num_context *c, const wr_value *a)
{
    return to_int(c, a, HALF_AWAY);
}

wr_value wr_num_trunc(const struct wr_num_context *c, const wr_value *a, int places)
{
    struct wr_num_parts p = wr_num_take(a);
    if (wr_num_is_int(a) || -p.exp <= places) {
        return *a;
    }
    return wr_num_make(c, p.neg, cut(&p, -p.exp - places, TO_ZERO), -places, true);
}

wr_value wr_num_bits(const struct wr_num_context *c, char op, const wr_value *a, const wr_value *b)
{
    // 34 digits and a sign need 114 bits: 128 are as good as unlimited.
    u128 x = (u128)int_of(a), y = (u128)int_of(b);
    wr_assert(op == '&' || op == '|' || op == '^');
    u128 bits = op == '&' ? (x & y) : op == '|' ? (x | y) : (x ^ y);
    return make_signed(c, (i128)bits, 0, false);
}

wr_value wr_num_bitnot(const struct wr_num_context *c, const wr_value *a)
{
    return make_signed(c, -int_of(a) - 1, 0, false);
}
