#include "engine/registry/wild.h"

#include "sql/base/err.h"

#include "sql/base/banned.h"

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

// Behind the character at `at`.
static size_t next(wr_str text, size_t at)
{
    do {
        at++;
    } while (at < text.len && ((unsigned char)text.at[at] & 0xC0) == 0x80);
    return at;
}

// One piece of the pattern that is no %; both go on. False: it is another character, or the end.
static bool one(wr_str text, size_t *t, wr_str pattern, size_t *p)
{
    if (*p >= pattern.len) {
        return false;
    }
    if (pattern.at[*p] == '_') {
        *t = next(text, *t);
        *p += 1;
        return true;
    }
    size_t literal = *p + (pattern.at[*p] == '\\' && *p + 1 < pattern.len);
    if (lower(pattern.at[literal]) != lower(text.at[*t])) {
        return false;
    }
    *t += 1;
    *p = literal + 1;
    return true;
}

bool wr_wild_match(wr_str text, wr_str pattern)
{
    size_t t = 0, p = 0, star = SIZE_MAX, star_t = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.at[p] == '%') {
            star = ++p;
            star_t = t;
            if (p == pattern.len) {
                return true;
            }
        } else if (!one(text, &t, pattern, &p)) {
            if (star == SIZE_MAX) {
                return false;
            }
            // What an earlier star could gain by moving, this one gains too.
            p = star;
            t = star_t = next(text, star_t);
        }
    }
    while (p < pattern.len && pattern.at[p] == '%') {
        p++;
    }
    return p == pattern.len;
}

static void wild(sqlite3_context *context, int count, sqlite3_value **values)
{
    wr_str s[2];
    for (int i = 0; i < 2; i++) {
        s[i].at = (const char *)sqlite3_value_text(values[i]);
        s[i].len = (size_t)sqlite3_value_bytes(values[i]);
        if (!s[i].at) {
            return; // NULL
        }
    }
    sqlite3_result_int(context, wr_wild_match(s[0], s[1]));
}

void wr_wild_register(sqlite3 *db)
{
    int code = sqlite3_create_function_v2(db, "wild", 2,
                                          SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                          NULL, wild, NULL, NULL, NULL);
    wr_assert(code == SQLITE_OK);
}
