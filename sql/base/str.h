// A borrowed run of bytes: pointer and length, no terminator, may hold NULs.
// Thread: any.
#ifndef WR_BASE_STR_H
#define WR_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

// `at` may be NULL when `len` is 0. The bytes belong to somebody else.
typedef struct {
    const char *at;
    size_t len;
} wr_str;

// For printf's "%.*s". Precision is an int: longer texts are cut at INT_MAX.
#define WR_STR_ARG(s) (int)((s).len > 0x7fffffff ? 0x7fffffff : (s).len), ((s).at ? (s).at : "")

// A string literal as wr_str; sizeof makes it fail on pointers.
#define WR_STR(literal) ((wr_str){"" literal, sizeof(literal) - 1})
#define WR_STR_INIT(literal)            \
    {                                   \
        "" literal, sizeof(literal) - 1 \
    }

static inline wr_str wr_str_of(const char *terminated)
{
    return (wr_str){terminated, terminated ? strlen(terminated) : 0};
}

static inline bool wr_str_eq(wr_str a, wr_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

// Bytewise order, shorter first among equals: <0, 0, >0.
static inline int wr_str_cmp(wr_str a, wr_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.at, b.at, n) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static inline bool wr_str_starts(wr_str s, wr_str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.at, prefix.at, prefix.len) == 0);
}

static inline bool wr_str_ends(wr_str s, wr_str suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.at + s.len - suffix.len, suffix.at, suffix.len) == 0);
}

// The bytes from `from` up to, not including, `to`; both at most s.len.
static inline wr_str wr_str_cut(wr_str s, size_t from, size_t to)
{
    return (wr_str){s.at ? s.at + from : NULL, to - from};
}

// ASCII letters compare without case; other bytes as they are.
bool wr_str_eq_nocase(wr_str a, wr_str b);

// Offset of the first occurrence, or -1. An empty needle is found at 0.
ptrdiff_t wr_str_find(wr_str haystack, wr_str needle);

// Letters to insert, remove or change to make `a` of `b`: for "did you mean". ASCII letters compare
// without case. SIZE_MAX when one is longer than WR_STR_DISTANCE_MAX bytes.
#define WR_STR_DISTANCE_MAX 64 // names are shorter, and the work grows with the square
size_t wr_str_distance(wr_str a, wr_str b);

#endif
