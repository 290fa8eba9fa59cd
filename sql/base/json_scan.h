// Scanning of JSON tokens, inline: shared by json.c and json_shape.c, not for others. Nothing is
// read at or behind `end`. Thread: any.
#ifndef WR_BASE_JSON_SCAN_H
#define WR_BASE_JSON_SCAN_H

#include "sql/base/compiler.h"
#include "sql/base/value.h"

#include <stddef.h>
#include <string.h>
#ifdef __SSE2__
#    include <emmintrin.h>
#endif

// wr_json_scan_plain(), json_text.h.
static inline const char *wr_json_scan(const char *p, const char *end, unsigned *high)
{
#ifdef __SSE2__
    while (WR_LIKELY(end - p >= 16)) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
        __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
        unsigned stop =
            (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control));
        unsigned top = (unsigned)_mm_movemask_epi8(v);
        if (WR_LIKELY(stop)) {
            *high |= top & (stop - 1) & ~stop; // the bits below the lowest one of `stop`
            return p + __builtin_ctz(stop);
        }
        *high |= top;
        p += 16;
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20) {
        *high |= (unsigned char)*p & 0x80;
        p++;
    }
    return p;
}

#ifdef __SSE2__
// A number of `len` bytes at p, of which `fraction` stand behind the point.
static WR_ALWAYS_INLINE const char *wr_json_scanned_number(const char *p, unsigned len,
                                                           unsigned fraction, bool odd,
                                                           unsigned *odds, wr_value *v)
{
    if (v) {
        unsigned flags = fraction ? WR_V_LAZY | WR_V_DECIMAL : WR_V_LAZY;
        flags |= odd ? 0 : WR_V_CANON;
        *odds += odd;
        *v = (wr_value){.type = WR_NUMBER, .flags = (uint8_t)flags, .len = len, .as.text = p};
    }
    return p + len;
}

// The number at p, of which 16 bytes may be read, if it is one of the many that are short; an
// exponent may follow, which the caller must see. Returns what is behind it. NULL: anything else,
// malformed numbers too; ask the general scanner. With `v` it is filled, WR_V_CANON tells how the
// number is spelt, and those that are not canonical are added to *odds.
static WR_ALWAYS_INLINE const char *wr_json_scan_number(const char *p, wr_value *v, unsigned *odds)
{
    __m128i text = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i digit = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
    unsigned others = ~(unsigned)_mm_movemask_epi8(is_digit); // the bits from 16 on are set
    if (WR_LIKELY((unsigned char)(*p - '1') < 9)) {
        unsigned whole = (unsigned)__builtin_ctz(others);
        if (WR_UNLIKELY(whole >= 15)) {
            return NULL;
        }
        if (p[whole] != '.') {
            return wr_json_scanned_number(p, whole, 0, false, odds, v);
        }
        unsigned fraction = (unsigned)__builtin_ctz(others >> (whole + 1));
        unsigned len = whole + 1 + fraction;
        if (WR_UNLIKELY(fraction == 0 || len >= 16)) {
            return NULL;
        }
        return wr_json_scanned_number(p, len, fraction, p[len - 1] == '0', odds, v);
    }
    unsigned minus = *p == '-';
    unsigned whole = (unsigned)__builtin_ctz(others >> minus);
    unsigned len = minus + whole;
    bool zero = p[minus] == '0';
    if (WR_UNLIKELY(whole == 0 || len >= 15 || (zero && whole > 1))) {
        return NULL;
    }
    unsigned fraction = 0;
    if (p[len] == '.') {
        fraction = (unsigned)__builtin_ctz(others >> (len + 1));
        len += 1 + fraction;
        if (WR_UNLIKELY(fraction == 0 || len >= 16)) {
            return NULL;
        }
    }
    // -0 is 0; a last 0 is dropped; less than 0.000001 is written with an exponent.
    bool odd = fraction ? p[len - 1] == '0' || (zero && fraction > 6) : zero & minus;
    return wr_json_scanned_number(p, len, fraction, odd, odds, v);
}
#endif

static inline bool wr_json_plain_word(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    uint64_t quote = x ^ ones * '"', slash = x ^ ones * '\\';
    // A byte that borrows: zero in the first two, below a blank in the third. A borrow from the
    // byte below may show a byte that is not: false is always safe.
    return ((((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((x - ones * 0x20) & ~x)) &
            tops) == 0;
}

// Whether a text of at most 16 bytes needs no escape; false is always safe.
static inline bool wr_json_is_plain_short(wr_str s)
{
    uint64_t a, b;
    if (s.len >= 8) {
        memcpy(&a, s.at, 8);
        memcpy(&b, s.at + s.len - 8, 8);
        return s.len <= 16 && wr_json_plain_word(a) && wr_json_plain_word(b);
    }
    if (s.len >= 4) {
        uint32_t low, high;
        memcpy(&low, s.at, 4);
        memcpy(&high, s.at + s.len - 4, 4);
        return wr_json_plain_word((uint64_t)high << 32 | low);
    }
    a = UINT64_C(0x2020202020202020);
    for (size_t i = 0; i < s.len; i++) {
        a = a << 8 | (unsigned char)s.at[i];
    }
    return wr_json_plain_word(a);
}

// The token is what wr_num_write() would write, under every dialect. False is always safe.
static inline bool wr_json_is_canonical_number(wr_str token)
{
    const char *p = token.at, *end = token.at + token.len;
    p += *p == '-';
    if (end - p > 34) { // WR_NUM_DIGITS_MAX
        return false;
    }
    const char *start = p;
    while (p < end && (unsigned char)(*p - '0') < 10) {
        p++;
    }
    if (p == end) {
        return *start != '0' || start == token.at; // "-0" is 0
    }
    if (*p != '.' || end[-1] == '0') {
        return false;
    }
    const char *fraction = ++p;
    while (p < end && (unsigned char)(*p - '0') < 10) {
        p++;
    }
    if (p < end) {
        return false;
    }
    // 0.000001 is plain, less is scientific.
    return *start != '0' || end - fraction <= 6 || memcmp(fraction, "000000", 6) != 0;
}

// ---- json.c

// The string, number or word at p, which is before `end`; NULL when it is malformed.
const char *wr_json_scan_scalar(const char *p, const char *end, wr_value *v);

// Behind the value at p (blanks before it are skipped), which stands within `depth` containers;
// NULL when it is malformed or nested too deep.
const char *wr_json_skip_value(const char *p, const char *end, unsigned depth);

#endif
