// UTF-8 checking and stepping, and case mapping by code point.
#include "sql/base/utf8.h"

#include "sql/base/compiler.h"

#include "sql/base/banned.h"

struct case_range {
    uint32_t first, last;
    uint8_t step;
    int32_t distance;
};

#include "sql/base/utf8_case.inc"

#define TOP_BITS UINT64_C(0x8080808080808080)

static inline uint64_t load8(const char *p)
{
    uint64_t n;
    memcpy(&n, p, sizeof n);
    return n;
}

// Length of the well-formed character at `p`, which is not ASCII; 0 when there is none.
static size_t character_len(const unsigned char *p, size_t left)
{
    // By Unicode table 3-7 only the second byte's range depends on the first one.
    unsigned char low = 0x80, high = 0xbf;
    size_t len;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        len = 2;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        len = 3;
        low = p[0] == 0xe0 ? 0xa0 : low;   // else overlong
        high = p[0] == 0xed ? 0x9f : high; // else a surrogate
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        len = 4;
        low = p[0] == 0xf0 ? 0x90 : low;
        high = p[0] == 0xf4 ? 0x8f : high; // else above U+10FFFF
    } else {
        return 0;
    }
    if (len > left || p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

size_t wr_utf8_valid_len(wr_str s)
{
    size_t i = 0;
    while (i < s.len) {
        if (s.len - i >= 8 && !(load8(s.at + i) & TOP_BITS)) {
            i += 8;
        } else if (!(s.at[i] & 0x80)) {
            i++;
        } else {
            size_t len = character_len((const unsigned char *)s.at + i, s.len - i);
            if (len == 0) {
                return i;
            }
            i += len;
        }
    }
    return i;
}

bool wr_utf8_valid(wr_str s)
{
    return wr_utf8_valid_len(s) == s.len;
}

// How many of the eight bytes start a character: all but those of the form 10xxxxxx.
static inline size_t starts(uint64_t bytes)
{
    uint64_t continued = bytes & ~(bytes << 1) & TOP_BITS;
    return 8 - (size_t)__builtin_popcountll(continued);
}

size_t wr_utf8_count(wr_str valid)
{
    size_t count = 0, i = 0;
    for (; valid.len - i >= 8; i += 8) {
        count += starts(load8(valid.at + i));
    }
    for (; i < valid.len; i++) {
        count += (valid.at[i] & 0xc0) != 0x80;
    }
    return count;
}

size_t wr_utf8_offset(wr_str valid, size_t index)
{
    size_t i = 0;
    while (valid.len - i >= 8) {
        size_t here = starts(load8(valid.at + i));
        if (here > index) {
            break;
        }
        index -= here;
        i += 8;
    }
    for (; i < valid.len; i++) {
        if ((valid.at[i] & 0xc0) != 0x80 && index-- == 0) {
            return i;
        }
    }
    return valid.len;
}

uint32_t wr_utf8_next(wr_str valid, size_t *at)
{
    const unsigned char *p = (const unsigned char *)valid.at + *at;
    if (p[0] < 0x80) {
        *at += 1;
        return p[0];
    }
    if (p[0] < 0xe0) {
        *at += 2;
        return (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
    }
    if (p[0] < 0xf0) {
        *at += 3;
        return (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
    }
    *at += 4;
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
           (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
}

size_t wr_utf8_put(char out[4], uint32_t code_point)
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xc0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xe0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code_point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code_point & 0x3f));
    return 4;
}

static uint32_t map(const struct case_range *ranges, size_t count, uint32_t c)
{
    size_t low = 0, high = count; // the range, if any, is in [low, high)
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct case_range *r = &ranges[middle];
        if (c < r->first) {
            high = middle;
        } else if (c > r->last) {
            low = middle + 1;
        } else {
            return (c - r->first) % r->step == 0 ? (uint32_t)((int32_t)c + r->distance) : c;
        }
    }
    return c;
}

uint32_t wr_utf8_lower(uint32_t code_point)
{
    if (WR_LIKELY(code_point < 0x80)) {
        return code_point - 'A' < 26 ? code_point | 0x20 : code_point;
    }
    return map(lower_ranges, WR_COUNT(lower_ranges), code_point);
}

uint32_t wr_utf8_upper(uint32_t code_point)
{
    if (WR_LIKELY(code_point < 0x80)) {
        return code_point - 'a' < 26 ? code_point & ~0x20u : code_point;
    }
    return map(upper_ranges, WR_COUNT(upper_ranges), code_point);
}
