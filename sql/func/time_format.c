// Writing times by Joda-Time's patterns: G C Y x w e E y D M d a K h H k m s S z Z, quotes as in
// Joda.
#include "sql/func/time_format.h"

#include "sql/base/clock.h"

#include "sql/base/banned.h"

const wr_str wr_time_months[12] = {
    WR_STR_INIT("January"), WR_STR_INIT("February"), WR_STR_INIT("March"),
    WR_STR_INIT("April"),   WR_STR_INIT("May"),      WR_STR_INIT("June"),
    WR_STR_INIT("July"),    WR_STR_INIT("August"),   WR_STR_INIT("September"),
    WR_STR_INIT("October"), WR_STR_INIT("November"), WR_STR_INIT("December"),
};
const wr_str wr_time_days[7] = {
    WR_STR_INIT("Monday"),   WR_STR_INIT("Tuesday"), WR_STR_INIT("Wednesday"),
    WR_STR_INIT("Thursday"), WR_STR_INIT("Friday"),  WR_STR_INIT("Saturday"),
    WR_STR_INIT("Sunday"),
};

// A time taken apart, in its zone.
struct parts {
    int64_t year, week_year;
    unsigned month, day, day_of_year, week, weekday; // weekday 1 is Monday
    unsigned hour, minute, second, ms;
    struct wr_zone_state zone;
    wr_str zone_id;
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static unsigned weekday(int64_t days) // 1970-01-01 was a Thursday
{
    return (unsigned)(((days + 3) % 7 + 7) % 7) + 1;
}

// Day number of the Monday of ISO week 1: the week that holds 4 January.
static int64_t first_week(int64_t year)
{
    int64_t day = wr_days_from_date(year, 1, 4);
    return day - (weekday(day) - 1);
}

static void take_apart(int64_t ms, const struct wr_zone *zone, struct parts *p)
{
    wr_zone_at(zone, floor_div(ms, 1000), &p->zone);
    p->zone_id = zone->id;
    int64_t local = ms + (int64_t)p->zone.offset * 1000, days = floor_div(local, 86400000);
    unsigned of_day = (unsigned)(local - days * 86400000);
    wr_date_from_days(days, &p->year, &p->month, &p->day);
    p->day_of_year = (unsigned)(days - wr_days_from_date(p->year, 1, 1)) + 1;
    p->weekday = weekday(days);
    p->week_year = p->year;
    if (days < first_week(p->year)) {
        p->week_year--;
    } else if (days >= first_week(p->year + 1)) {
        p->week_year++;
    }
    p->week = (unsigned)((days - first_week(p->week_year)) / 7) + 1;
    p->hour = of_day / 3600000;
    p->minute = of_day / 60000 % 60;
    p->second = of_day / 1000 % 60;
    p->ms = of_day % 1000;
}

// At least `width` digits, the sign not counted.
static void put_number(struct wr_buf *b, int64_t n, size_t width)
{
    if (n < 0) {
        wr_buf_add_char(b, '-');
        n = -n;
    }
    size_t digits = 1;
    for (int64_t rest = n; rest >= 10; rest /= 10) {
        digits++;
    }
    for (; width > digits && !b->over; width--) {
        wr_buf_add_char(b, '0');
    }
    wr_buf_add_i64(b, n);
}

static void put_offset(struct wr_buf *b, int32_t offset, bool colon)
{
    wr_buf_add_char(b, offset < 0 ? '-' : '+');
    int32_t minutes = (offset < 0 ? -offset : offset) / 60;
    put_number(b, minutes / 60, 2);
    if (colon) {
        wr_buf_add_char(b, ':');
    }
    put_number(b, minutes % 60, 2);
}

static void put_name(struct wr_buf *b, wr_str name, size_t count)
{
    wr_buf_add(b, count >= 4 ? name : wr_str_cut(name, 0, WR_TIME_SHORT));
}

// Of the second: as many digits as letters, cut, not rounded.
static void put_fraction(struct wr_buf *b, unsigned ms, size_t count)
{
    unsigned scale = 100;
    for (size_t i = 0; i < count && !b->over; i++, scale /= 10) {
        wr_buf_add_char(b, scale ? (char)('0' + ms / scale % 10) : '0');
    }
}

static bool put_zone_name(struct wr_buf *b, const struct parts *p, size_t count)
{
    wr_str name = p->zone.name;
    if (count >= 4) {
        return false;
    }
    // tzdata's made-up names such as -03 are what Joda does not have: it writes the offset.
    if (name.len == 0 || name.at[0] == '+' || name.at[0] == '-') {
        put_offset(b, p->zone.offset, true);
    } else {
        wr_buf_add(b, name);
    }
    return true;
}

static bool put_zone_offset(struct wr_buf *b, const struct parts *p, size_t count)
{
    if (count >= 3 && p->zone_id.len) {
        wr_buf_add(b, p->zone_id);
    } else {
        put_offset(b, p->zone.offset, count >= 2);
    }
    return true;
}

static void put_year(struct wr_buf *b, int64_t year, size_t count)
{
    if (count == 2) {
        put_number(b, (year < 0 ? -year : year) % 100, 2);
    } else {
        put_number(b, year, count);
    }
}

static bool put_field(struct wr_buf *b, const struct parts *p, char letter, size_t count)
{
    // As Joda's ISO calendar has it: the century is that of the year without its sign, while in the
    // year of the era the year 0 is 1 BC. YY is the year's last digits, as yy.
    int64_t unsigned_year = p->year < 0 ? -p->year : p->year;
    int64_t era_year = p->year > 0 || count == 2 ? p->year : 1 - p->year;
    switch (letter) {
    case 'G':
        wr_buf_add(b, p->year > 0 ? WR_STR("AD") : WR_STR("BC"));
        return true;
    case 'C':
        put_number(b, unsigned_year / 100, count);
        return true;
    case 'Y':
        put_year(b, era_year, count);
        return true;
    case 'y':
        put_year(b, p->year, count);
        return true;
    case 'x':
        put_year(b, p->week_year, count);
        return true;
    case 'w':
        put_number(b, p->week, count);
        return true;
    case 'e':
        put_number(b, p->weekday, count);
        return true;
    case 'E':
        put_name(b, wr_time_days[p->weekday - 1], count);
        return true;
    case 'D':
        put_number(b, p->day_of_year, count);
        return true;
    case 'M':
        if (count >= 3) {
            put_name(b, wr_time_months[p->month - 1], count);
        } else {
            put_number(b, p->month, count);
        }
        return true;
    case 'd':
        put_number(b, p->day, count);
        return true;
    case 'a':
        wr_buf_add(b, p->hour < 12 ? WR_STR("AM") : WR_STR("PM"));
        return true;
    case 'K':
        put_number(b, p->hour % 12, count);
        return true;
    case 'h':
        put_number(b, p->hour % 12 ? p->hour % 12 : 12, count);
        return true;
    case 'H':
        put_number(b, p->hour, count);
        return true;
    case 'k':
        put_number(b, p->hour ? p->hour : 24, count);
        return true;
    case 'm':
        put_number(b, p->minute, count);
        return true;
    case 's':
        put_number(b, p->second, count);
        return true;
    case 'S':
        put_fraction(b, p->ms, count);
        return true;
    case 'z':
        return put_zone_name(b, p, count);
    case 'Z':
        return put_zone_offset(b, p, count);
    default:
        return false;
    }
}

static bool is_letter(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

// Text up to the next pattern letter; '' is a quote, inside quotes letters are text.
static size_t put_text(struct wr_buf *b, wr_str pattern, size_t i)
{
    bool quoted = false;
    for (; i < pattern.len && (quoted || !is_letter(pattern.at[i])); i++) {
        if (pattern.at[i] != '\'') {
            wr_buf_add_char(b, pattern.at[i]);
        } else if (i + 1 < pattern.len && pattern.at[i + 1] == '\'') {
            wr_buf_add_char(b, '\'');
            i++;
        } else {
            quoted = !quoted;
        }
    }
    return i;
}

bool wr_time_write(struct wr_buf *b, wr_str pattern, int64_t ms, const struct wr_zone *zone)
{
    struct parts p;
    if (pattern.len == 0 || ms > INT64_MAX - 86400000 || ms < INT64_MIN + 86400000) {
        return false;
    }
    take_apart(ms, zone, &p);
    for (size_t i = 0; i < pattern.len && !b->over;) {
        if (!is_letter(pattern.at[i])) {
            i = put_text(b, pattern, i);
            continue;
        }
        size_t from = i;
        while (i < pattern.len && pattern.at[i] == pattern.at[from]) {
            i++;
        }
        if (!put_field(b, &p, pattern.at[from], i - from)) {
            return false;
        }
    }
    return !b->over;
}
