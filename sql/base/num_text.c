// Numbers from and to text and doubles.
#include "sql/base/num.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/compiler.h"
#include "sql/base/num_parts.h"

#include "sql/base/banned.h"

#define TEXT_MAX 64            // sign, 34 digits, point, five zeros before them, ".0" or "E-999"
#define EXP_FAR  1000000000000 // stands for any exponent that is out of range for sure
#define E19      10000000000000000000u

// ---- text to number

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

// `[eE][+-]?digits` at `p`; exponents out of all reason are cut.
static int64_t parse_exponent(const char *p, const char *end)
{
    p++;
    bool neg = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) {
        p++;
    }
    int64_t e = 0;
    for (; p < end && is_digit(*p); p++) {
        if (e < EXP_FAR) {
            e = e * 10 + (*p - '0');
        }
    }
    return neg ? -e : e;
}

static WR_NOINLINE wr_value parse_long(const struct wr_num_context *c, wr_str token)
{
    const char *p = token.at, *end = token.at + token.len;
    bool neg = p < end && *p == '-';
    bool decimal = false, more = false;
    wr_u128 coef = 0;
    int kept = 0;    // significant digits in coef: 34, one to round by and one to spare
    int64_t exp = 0; // of coef's last digit
    for (p += neg; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            decimal = true;
            continue;
        }
        if (kept < WR_NUM_DIGITS_MAX + 2) {
            coef = coef * 10 + (unsigned)(*p - '0');
            kept += coef != 0;
            exp -= decimal;
        } else {
            more = more || *p != '0';
            exp += !decimal;
        }
    }
    if (p < end) {
        decimal = true;
        exp += parse_exponent(p, end);
    }
    return wr_num_make_rounded(c, neg, coef, exp, more, decimal);
}

wr_value wr_num_parse(const struct wr_num_context *c, wr_str token)
{
    const char *p = token.at, *end = token.at + token.len;
    bool neg = p < end && *p == '-';
    p += neg;
    if (WR_UNLIKELY(end - p > WR_NUM_SMALL_DIGITS)) {
        return parse_long(c, token);
    }
    uint64_t coef = 0;
    const char *point = NULL;
    for (; p < end; p++) {
        unsigned char d = (unsigned char)(*p - '0');
        if (WR_LIKELY(d < 10)) {
            coef = coef * 10 + d;
        } else if (*p == '.') {
            point = p;
        } else {
            return parse_long(c, token); // an exponent
        }
    }
    int scale = point ? (int)(end - point) - 1 : 0;
    return wr_num_make_small(c, neg ? -(int64_t)coef : (int64_t)coef, scale, point != NULL);
}

bool wr_num_is_numeric_string(wr_str s)
{
    if (s.len == 0) {
        return false;
    }
    const char *p = s.at, *end = s.at + s.len;
    p += *p == '-';
    const char *start = p;
    while (p < end && is_digit(*p)) {
        p++;
    }
    if (p == start) {
        return false;
    }
    if (p < end && *p == '.') {
        start = ++p;
        while (p < end && is_digit(*p)) {
            p++;
        }
        if (p == start) {
            return false;
        }
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && *p == '-';
        start = p;
        while (p < end && is_digit(*p)) {
            p++;
        }
        if (p == start) {
            return false;
        }
    }
    return p == end;
}

// ---- number to text

static const char pairs[] = "0001020304050607080910111213141516171819"
                            "2021222324252627282930313233343536373839"
                            "4041424344454647484950515253545556575859"
                            "6061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

// Digits of `n` ending before `end`; returns where they start.
static char *write_back(char *end, uint64_t n)
{
    while (n >= 100) {
        end -= 2;
        memcpy(end, pairs + n % 100 * 2, 2);
        n /= 100;
    }
    if (n >= 10) {
        end -= 2;
        memcpy(end, pairs + n * 2, 2);
    } else {
        *--end = (char)('0' + n);
    }
    return end;
}

static char *write_back_wide(char *end, wr_u128 n)
{
    if (WR_LIKELY((n >> 64) == 0)) {
        return write_back(end, (uint64_t)n);
    }
    char *start = write_back(end, (uint64_t)(n % E19));
    while (end - start < 19) {
        *--start = '0';
    }
    return write_back(start, (uint64_t)(n / E19)); // 34 digits less 19 fit
}

static char *put(char *to, const char *from, size_t len)
{
    memcpy(to, from, len);
    return to + len;
}

static char *put_zeros(char *to, int count)
{
    for (; count > 0; count--) {
        *to++ = '0';
    }
    return to;
}

static char *put_scientific(char *to, const char *digits, int len, int first)
{
    while (len > 1 && digits[len - 1] == '0') {
        len--;
    }
    *to++ = digits[0];
    if (len > 1) {
        *to++ = '.';
        to = put(to, digits + 1, (size_t)len - 1);
    }
    *to++ = 'E';
    *to++ = first < 0 ? '-' : '+';
    char exponent[8];
    char *start = write_back(exponent + sizeof exponent, (uint64_t)(first < 0 ? -first : first));
    return put(to, start, (size_t)(exponent + sizeof exponent - start));
}

void wr_num_write(struct wr_buf *b, const wr_value *n, enum wr_dialect dialect)
{
    char text[TEXT_MAX], digits_room[40];
    char *to = text, *digits_end = digits_room + sizeof digits_room;
    struct wr_num_parts p = wr_num_take(n);
    char *digits = write_back_wide(digits_end, p.coef);
    int len = (int)(digits_end - digits);
    int first = len + p.exp - 1; // exponent of the first digit
    if (p.neg) {
        *to++ = '-';
    }
    if (first < -6 || first >= WR_NUM_DIGITS_MAX) {
        to = put_scientific(to, digits, len, first);
    } else if (p.exp >= 0) {
        to = put_zeros(put(to, digits, (size_t)len), p.exp);
        if (dialect == WR_SQL_2015 && !wr_num_is_int(n)) {
            to = put(to, ".0", 2);
        }
    } else if (first >= 0) {
        to = put(to, digits, (size_t)first + 1);
        *to++ = '.';
        to = put(to, digits + first + 1, (size_t)(len - first - 1));
    } else {
        to = put_zeros(put(to, "0.", 2), -first - 1);
        to = put(to, digits, (size_t)len);
    }
    wr_buf_add(b, (wr_str){text, (size_t)(to - text)});
}

// ---- doubles

double wr_num_to_double(const wr_value *n)
{
    // Both operands are exact, so one operation rounds correctly.
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (!(n->flags & WR_V_BIG)) {
        int64_t coef = n->as.coef;
        if (n->scale == 0) {
            return (double)coef;
        }
        if (coef >= -(INT64_C(1) << 53) && coef <= INT64_C(1) << 53 &&
            n->scale < (int)WR_COUNT(tens)) {
            return (double)coef / tens[n->scale];
        }
    }
    struct wr_num_parts p = wr_num_take(n);
    char text[TEXT_MAX];
    char *end = text + sizeof text - 8; // room for the exponent
    char *start = write_back_wide(end, p.coef);
    if (p.neg) {
        *--start = '-';
    }
    snprintf(end, 8, "e%d", p.exp); // without a point, so that no locale can matter
    return strtod(start, NULL);
}

// Shortest digits of a double from 10^-6 to 2^53 in exact integers: 2 * mantissa * 10^k fits 128
// bits there. False outside, and at powers of two, whose neighbours lie at unequal distances.
static bool shortest_common(double d, uint64_t *coef, int *exp)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    int shift = 1076 - (int)(bits >> 52); // d is 2 * mantissa / 2^shift
    if (mantissa == 0 || shift < 1 || shift > 72) {
        return false;
    }
    mantissa |= UINT64_C(1) << 52;
    // With k places d has 17 digits in front of the point; the guess may be one too low.
    int k = 16 - ((53 - shift) * 1233 >> 12);
    if (k > 22) {
        return false;
    }
    wr_u128 scaled = 2 * (wr_u128)mantissa * wr_num_ten[k];
    if (scaled >> shift >= (wr_u128)100000000000000000u) {
        scaled = 2 * (wr_u128)mantissa * wr_num_ten[--k];
    }
    uint64_t whole = (uint64_t)(scaled >> shift);
    wr_u128 rest = scaled & (((wr_u128)1 << shift) - 1);
    for (int cut = 2; cut >= 0; cut--) {
        uint64_t unit = (uint64_t)wr_num_ten[cut];
        wr_u128 size = (wr_u128)unit << shift, below = ((wr_u128)(whole % unit) << shift) | rest;
        bool up = below > size - below || (below == size - below && (whole / unit & 1));
        wr_u128 distance = up ? size - below : below, reach = wr_num_ten[k]; // half of d's last bit
        if (distance < reach || (distance == reach && !(mantissa & 1))) {
            *coef = whole / unit + up;
            *exp = cut - k;
            return true;
        }
    }
    return false;
}

// `d` written with `digits` significant digits: as coefficient and exponent.
static void decimal_of(double d, int digits, uint64_t *coef, int *exp)
{
    char text[40];
    snprintf(text, sizeof text, "%.*e", digits - 1, d);
    *coef = 0;
    char *p = text;
    for (; *p && *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9') {
            *coef = *coef * 10 + (uint64_t)(*p - '0');
        }
    }
    *exp = (int)strtol(p + 1, NULL, 10) - (digits - 1);
}

static bool reads_back(uint64_t coef, int exp, double d)
{
    char text[40];
    snprintf(text, sizeof text, "%" PRIu64 "e%d", coef, exp);
    return strtod(text, NULL) == d;
}

wr_value wr_num_from_double(const struct wr_num_context *c, double d)
{
    if (!isfinite(d)) {
        return wr_undefined();
    }
    double size = fabs(d);
    if (size < 1e9) {
        // Few places: the division of two exact numbers proves that the digits read back as d.
        static const double tens[] = {1, 1e3, 1e6};
        for (size_t i = 0; i < WR_COUNT(tens); i++) {
            uint64_t whole = (uint64_t)(size * tens[i] + 0.5);
            if ((double)whole / tens[i] == size) {
                return wr_num_make(c, d < 0, whole, -3 * (int)i, true);
            }
        }
    }
    uint64_t coef = 0;
    int exp = 0;
    if (shortest_common(size, &coef, &exp)) {
        return wr_num_make(c, d < 0, coef, exp, true);
    }
    // A double with the full precision shows any decimal of 15 digits that made it; below the
    // normal range fewer digits can be enough.
    for (int digits = isnormal(size) ? 15 : 1; digits <= 17; digits++) {
        decimal_of(size, digits, &coef, &exp);
        if (digits == 17 || reads_back(coef, exp, size)) {
            break;
        }
        // At a power of two the doubles below lie closer than those above: the nearest decimal may
        // read back as the neighbour while the next one up is right.
        if (reads_back(coef + 1, exp, size)) {
            coef++;
            break;
        }
    }
    return wr_num_make(c, d < 0, coef, exp, true);
}
