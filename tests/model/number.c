// Numbers (sql.md 4) and their text (sql.md 9). The arithmetic is Intel's; what is left to do by
// hand goes over the digits.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/model/model.h"

#define DIGITS_MAX   34
#define EXPONENT_MAX 999 // of the first digit; the smallest magnitude is 1E-999

static BID_UINT128 from_text(char *text)
{
    _IDEC_flags flags = 0;
    return bid128_from_string(text, WR_BID_HALF_EVEN, &flags);
}

BID_UINT128 model_zero(void)
{
    char zero[] = "0";
    return from_text(zero);
}

static void strip(struct model_digits *d)
{
    int leading = 0;
    while (d->count > 0 && d->digit[d->count - 1] == '0') {
        d->count--;
    }
    while (leading < d->count && d->digit[leading] == '0') {
        leading++;
    }
    memmove(d->digit, d->digit + leading, (size_t)(d->count - leading));
    d->count -= leading;
    d->point = d->count == 0 ? 0 : d->point - leading;
}

struct model_digits model_digits_of(BID_UINT128 x)
{
    char text[64]; // "-1234E-56"
    _IDEC_flags flags = 0;
    bid128_to_string(text, x, &flags);
    struct model_digits d = {.negative = text[0] == '-'};
    const char *s = text + 1;
    while (*s >= '0' && *s <= '9' && d.count < (int)sizeof d.digit) {
        d.digit[d.count++] = *s++;
    }
    d.point = d.count + (int)strtol(s + 1, NULL, 10);
    strip(&d);
    return d;
}

// The digits need not be stripped or few: more than 34 are rounded half to even.
static BID_UINT128 to_bid(const struct model_digits *in)
{
    struct model_digits d = *in;
    strip(&d);
    if (d.count == 0) {
        return model_zero();
    }
    char text[128];
    snprintf(text, sizeof text, "%s%.*sE%d", d.negative ? "-" : "", d.count, d.digit,
             d.point - d.count);
    return from_text(text);
}

mval model_number(struct model *m, BID_UINT128 x, bool is_int)
{
    if (bid128_isNaN(x) || bid128_isInf(x)) {
        return &model_undefined;
    }
    struct model_digits d = model_digits_of(x);
    if (d.count && d.point - 1 > EXPONENT_MAX) {
        return &model_undefined;
    }
    if (d.count == 0 || d.point - 1 < -EXPONENT_MAX) {
        d = (struct model_digits){0};
        x = model_zero();
    }
    bool whole = d.count <= d.point && d.point <= DIGITS_MAX;
    bool kept = m->is16 ? whole : is_int && whole;
    struct model_value *v = model_new(m, kept ? MODEL_INT : MODEL_DECIMAL);
    v->number = x;
    return v;
}

mval model_number_of(struct model *m, const struct model_digits *d, bool is_int)
{
    return model_number(m, to_bid(d), is_int);
}

mval model_int(struct model *m, int64_t n)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)n);
    return model_number(m, from_text(text), true);
}

mval model_parse_number(struct model *m, struct model_text text)
{
    struct model_digits d = {0};
    bool is_int = true, fraction = false, more = false;
    size_t at = 0;
    int dropped = 0; // whole digits beyond what is kept
    if (at < text.len && (text.at[at] == '-' || text.at[at] == '+')) {
        d.negative = text.at[at++] == '-';
    }
    for (; at < text.len && text.at[at] != 'e' && text.at[at] != 'E'; at++) {
        char c = text.at[at];
        if (c == '.') {
            fraction = true;
            is_int = false;
        } else if (d.count == 0 && c == '0') {
            d.point -= fraction; // a leading zero
        } else if (d.count < DIGITS_MAX + 2) {
            d.digit[d.count++] = c;
            d.point += !fraction;
        } else {
            more = more || c != '0';
            dropped += !fraction;
        }
    }
    d.point += dropped;
    if (more) {
        d.digit[d.count++] = '1'; // makes a half more than one
    }
    if (at < text.len) {
        is_int = false;
        long e = 0;
        bool minus = text.at[++at] == '-';
        at += text.at[at] == '-' || text.at[at] == '+';
        for (; at < text.len; at++) {
            e = e > 100000000 ? e : e * 10 + (text.at[at] - '0');
        }
        e = d.point + (minus ? -e : e);
        if (d.count && e > EXPONENT_MAX + 2) {
            return &model_undefined;
        }
        d.point = (int)(e < -EXPONENT_MAX - 2 ? -EXPONENT_MAX - 2 : e);
    }
    if (d.count && d.point > EXPONENT_MAX + 2) {
        return &model_undefined;
    }
    if (d.point < -EXPONENT_MAX - 2) {
        d.count = 0;
    }
    return model_number_of(m, &d, is_int);
}

void model_write_number(struct model_buf *b, mval v)
{
    struct model_digits d = model_digits_of(v->number);
    int exponent = d.point - 1; // of the first digit
    bool whole = d.count <= d.point;
    if (d.negative) {
        model_add_char(b, '-');
    }
    if (d.count == 0) {
        model_add_char(b, '0');
    } else if (exponent >= DIGITS_MAX || exponent < -6) {
        model_addf(b, "%c%s%.*sE%c%d", d.digit[0], d.count > 1 ? "." : "", d.count - 1, d.digit + 1,
                   exponent > 0 ? '+' : '-', abs(exponent));
        return;
    } else if (d.point <= 0) {
        model_addf(b, "0.%.*s%.*s", -d.point, "000000", d.count, d.digit);
    } else {
        for (int i = 0; i < d.count || i < d.point; i++) {
            if (i == d.point) {
                model_add_char(b, '.');
            }
            model_add_char(b, i < d.count ? d.digit[i] : '0');
        }
    }
    if ((whole || d.count == 0) && v->type == MODEL_DECIMAL && !b->m->is16) {
        model_add(b, TEXT(".0"));
    }
}

double model_to_double(mval v)
{
    _IDEC_flags flags = 0;
    return bid128_to_binary64(v->number, WR_BID_HALF_EVEN, &flags);
}

static int compare_bids(BID_UINT128 a, BID_UINT128 b)
{
    _IDEC_flags flags = 0;
    if (bid128_quiet_less(a, b, &flags)) {
        return -1;
    }
    return bid128_quiet_greater(a, b, &flags) ? 1 : 0;
}

int model_compare(mval a, mval b)
{
    return compare_bids(a->number, b->number);
}

// One unit up or down in the last place of `count` digits; false when that changes their number.
static bool nudge(struct model_digits *d, int by)
{
    for (int i = d->count - 1; i >= 0; i--) {
        d->digit[i] = (char)(d->digit[i] + by);
        if (d->digit[i] >= '0' && d->digit[i] <= '9') {
            return true;
        }
        d->digit[i] = by > 0 ? '0' : '9';
    }
    return false;
}

static double back(const struct model_digits *d)
{
    char text[128];
    snprintf(text, sizeof text, "%s0.%.*se%d", d->negative ? "-" : "", d->count, d->digit,
             d->point);
    return strtod(text, NULL);
}

// The shortest digits that give the double back; of several the nearest (sql.md 9). printf rounds
// to the nearest of each length; where the steps between doubles change, only its neighbour fits.
mval model_double(struct model *m, double x)
{
    if (!isfinite(x)) {
        return &model_undefined;
    }
    for (int count = 1; count <= 17; count++) {
        char text[64];
        snprintf(text, sizeof text, "%.*e", count - 1, x);
        struct model_digits d = {.negative = text[0] == '-'};
        const char *s = text + d.negative;
        for (; *s != 'e'; s++) {
            if (*s != '.') {
                d.digit[d.count++] = *s;
            }
        }
        d.point = (int)strtol(s + 1, NULL, 10) + 1;
        for (int by = 0; by <= 2; by++) { // as it is, one up, one down
            struct model_digits try = d;
            if ((by == 0 || nudge(&try, by == 1 ? 1 : -1)) && back(&try) == x) {
                return model_number_of(m, &try, false);
            }
        }
    }
    return &model_undefined; // cannot be: 17 digits always do
}

mval model_floor(struct model *m, mval v)
{
    _IDEC_flags flags = 0;
    return model_number(m, bid128_round_integral_negative(v->number, &flags), true);
}

int64_t model_clamped(mval v)
{
    char high[] = "1E15", low[] = "-1E15";
    if (compare_bids(v->number, from_text(high)) > 0) {
        return 1000000000000000;
    }
    if (compare_bids(v->number, from_text(low)) < 0) {
        return -1000000000000000;
    }
    _IDEC_flags flags = 0;
    return bid128_to_int64_floor(v->number, &flags);
}

mval model_truncate(struct model *m, mval v, int places)
{
    struct model_digits d = model_digits_of(v->number);
    if (d.point + places < d.count) {
        d.count = d.point + places < 0 ? 0 : d.point + places;
    }
    return model_number_of(m, &d, false);
}

static __int128 to_wide(mval v)
{
    struct model_digits d = model_digits_of(v->number);
    __int128 n = 0;
    for (int i = 0; i < d.point; i++) {
        n = n * 10 + (i < d.count ? d.digit[i] - '0' : 0);
    }
    return d.negative ? -n : n;
}

mval model_bits(struct model *m, char op, mval a, mval b)
{
    __int128 x = to_wide(a), y = to_wide(b), n = op == '&' ? x & y : op == '|' ? x | y : x ^ y;
    struct model_digits d = {.negative = n < 0};
    char reversed[64];
    for (; n != 0; n /= 10) {
        reversed[d.count++] = (char)('0' + (n < 0 ? -(int)(n % 10) : (int)(n % 10)));
    }
    for (int i = 0; i < d.count; i++) {
        d.digit[i] = reversed[d.count - 1 - i];
    }
    d.point = d.count;
    return model_number_of(m, &d, true);
}
