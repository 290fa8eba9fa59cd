// Numbers and times out of texts, and into them.
#include "sinks/lib/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/clock.h"
#include "sql/base/num.h"

#include "sql/base/banned.h"

#define NUMBER_MAX 512 // bytes of a number's text; a double has 17 digits that count
#define SCRATCH    1024

static size_t digits(wr_str s, size_t at)
{
    size_t from = at;
    while (at < s.len && s.at[at] >= '0' && s.at[at] <= '9') {
        at++;
    }
    return at - from;
}

// [+-] digits [. digits] [e [+-] digits], with a digit on one side of the point at least.
static bool is_number(wr_str s)
{
    size_t at = s.len > 0 && (s.at[0] == '-' || s.at[0] == '+');
    size_t whole = digits(s, at), part = 0;
    at += whole;
    if (at < s.len && s.at[at] == '.') {
        part = digits(s, at + 1);
        at += 1 + part;
    }
    if (whole + part > 0 && at < s.len && (s.at[at] == 'e' || s.at[at] == 'E')) {
        at++;
        at += at < s.len && (s.at[at] == '-' || s.at[at] == '+');
        size_t exponent = digits(s, at);
        at += exponent;
        whole = exponent ? whole : 0;
        part = exponent ? part : 0;
    }
    return whole + part > 0 && at == s.len && s.len <= NUMBER_MAX;
}

bool wr_text_double(wr_str text, double *out)
{
    char copy[NUMBER_MAX + 1];
    if (!is_number(text)) {
        return false;
    }
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    double d = strtod(copy, NULL);
    if (!isfinite(d)) {
        return false;
    }
    *out = d;
    return true;
}

bool wr_text_whole(wr_str text, int64_t *out)
{
    if (!is_number(text)) {
        return false;
    }
    // The reader of numbers wants a digit in front of the point, and behind it, and no plus.
    if (text.at[0] == '+') {
        text = wr_str_cut(text, 1, text.len);
    }
    const char *point = memchr(text.at, '.', text.len);
    size_t at = point ? (size_t)(point - text.at) : 0;
    if (point && (at == 0 || text.at[at - 1] == '-' || digits(text, at + 1) == 0)) {
        return false;
    }
    struct wr_arena arena;
    wr_arena_init(&arena, SCRATCH);
    const struct wr_num_context c = {&arena, WR_SQL_2016};
    wr_value n = wr_num_parse(&c, text);
    bool whole = n.type == WR_NUMBER && wr_num_to_i64(&n, out);
    wr_arena_release(&arena);
    return whole;
}

void wr_text_add_double(struct wr_buf *b, double d)
{
    struct wr_arena arena;
    wr_arena_init(&arena, SCRATCH);
    const struct wr_num_context c = {&arena, WR_SQL_2016};
    wr_value n = wr_num_from_double(&c, d);
    if (n.type == WR_NUMBER) {
        wr_num_write(b, &n, WR_SQL_2016);
    } else {
        b->over = true;
    }
    wr_arena_release(&arena);
}

bool wr_text_add_time(struct wr_buf *b, int64_t seconds, uint32_t nanos)
{
    int64_t days = seconds / 86400, rest = seconds % 86400, year;
    unsigned month, day;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    if (days < -719528 || days > 2932896) { // 0000-01-01 and 9999-12-31
        return false;
    }
    wr_date_from_days(days, &year, &month, &day);
    char text[48];
    int len = snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", (int)year, month, day,
                       (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
    wr_buf_add(b, (wr_str){text, (size_t)len});
    if (nanos % 1000 != 0) {
        len = snprintf(text, sizeof text, ".%09u", nanos);
    } else if (nanos % 1000000 != 0) {
        len = snprintf(text, sizeof text, ".%06u", nanos / 1000);
    } else if (nanos != 0) {
        len = snprintf(text, sizeof text, ".%03u", nanos / 1000000);
    } else {
        len = 0;
    }
    wr_buf_add(b, (wr_str){text, (size_t)len});
    wr_buf_add_char(b, 'Z');
    return true;
}

bool wr_text_time_parts(int64_t value, wr_str unit, int64_t *seconds, uint32_t *nanos)
{
    static const struct {
        wr_str name;
        int64_t per_second;
    } units[] = {{WR_STR_INIT("SECONDS"), 1},
                 {WR_STR_INIT("MILLISECONDS"), 1000},
                 {WR_STR_INIT("MICROSECONDS"), 1000000},
                 {WR_STR_INIT("NANOSECONDS"), 1000000000}};
    for (size_t i = 0; i < WR_COUNT(units); i++) {
        if (wr_str_eq(units[i].name, unit)) {
            int64_t part = value % units[i].per_second;
            *seconds = value / units[i].per_second - (part < 0);
            part += part < 0 ? units[i].per_second : 0;
            *nanos = (uint32_t)(part * (1000000000 / units[i].per_second));
            return true;
        }
    }
    return false;
}

bool wr_text_has_control(wr_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c < 0x20 || c == 0x7f) {
            return true;
        }
    }
    return false;
}
