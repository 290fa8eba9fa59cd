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
// The number at p, of which 16 bytes may be read, if it is one of the many that are short and have
// no exponent: returns what is behind it; WR_V_CANON tells how it is spelt. NULL: anything else,
// malformed numbers too; ask the general scanner.
static inline const char *wr_json_scan_number(const char *p, wr_value *v)
{
    __m128i text = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i digit = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
    unsigned digits = (unsigned)_mm_movemask_epi8(is_digit);
    unsigned minus = *p == '-';
    unsigned whole = (unsigned)__builtin_ctz(~(digits >> minus));
    unsigned len = minus + whole;
    bool zero = p[minus] == '0';
    if (WR_UNLIKELY(whole == 0 || len >= 15 || (zero && whole > 1))) {
        return NULL;
    }
    unsigned flags = zero & minus ? WR_V_LAZY : WR_V_LAZY | WR_V_CANON; // -0 is 0
    char next = p[len];
    if (next == '.') {
        unsigned fraction = (unsigned)__builtin_ctz(~(digits >> (len + 1)));
        len += 1 + fraction;
        if (WR_UNLIKELY(fraction == 0 || len >= 16)) {
            return NULL;
        }
        // A last 0 is dropped; less than 0.000001 is written with an exponent.
        bool canonical = p[len - 1] != '0' && !(zero && fraction > 6);
        flags = canonical ? WR_V_LAZY | WR_V_DECIMAL | WR_V_CANON : WR_V_LAZY | WR_V_DECIMAL;
        next = p[len];
    }
    if (WR_UNLIKELY((next | 0x20) == 'e')) {
        return NULL;
    }
    *v = (wr_value){.type = WR_NUMBER, .flags = (uint8_t)flags, .len = len, .as.text = p};
    return p + len;
}
#endif

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
