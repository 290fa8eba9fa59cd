// Searches and comparisons of borrowed strings that are too long to be inline.
#include "sql/base/str.h"

#include <stdint.h>

#include "sql/base/banned.h"

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
}

bool wr_str_eq_nocase(wr_str a, wr_str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower((unsigned char)a.at[i]) != lower((unsigned char)b.at[i])) {
            return false;
        }
    }
    return true;
}

ptrdiff_t wr_str_find(wr_str haystack, wr_str needle)
{
    if (needle.len == 0) {
        return 0;
    }
    if (needle.len > haystack.len) {
        return -1;
    }
    const char *hit = memmem(haystack.at, haystack.len, needle.at, needle.len);
    return hit ? hit - haystack.at : -1;
}

size_t wr_str_distance(wr_str a, wr_str b)
{
    // Levenshtein's, with one row of the matrix at a time.
    size_t row[WR_STR_DISTANCE_MAX + 1];
    if (a.len > WR_STR_DISTANCE_MAX || b.len > WR_STR_DISTANCE_MAX) {
        return SIZE_MAX;
    }
    for (size_t k = 0; k <= b.len; k++) {
        row[k] = k;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            bool same = lower((unsigned char)a.at[i - 1]) == lower((unsigned char)b.at[k - 1]);
            size_t change = diagonal + !same;
            size_t step = (row[k] < row[k - 1] ? row[k] : row[k - 1]) + 1;
            diagonal = row[k];
            row[k] = change < step ? change : step;
        }
    }
    return row[b.len];
}
