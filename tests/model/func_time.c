// parse_time and time_to_epoch (sql.md 11.4) in UTC and fixed offsets; the zones of the tz database
// and rarer pattern letters are "unsupported".
#include "tests/model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS 86400000

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const days[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                   "Friday", "Saturday", "Sunday"};

static bool leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_len(int64_t year, int month) // 1..12
{
    static const int len[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return len[month - 1] + (month == 2 && leap(year));
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

// Days from 1970-01-01 to January 1st of a year: whole years of 365 days and the leap days.
static int64_t year_start(int64_t year)
{
    int64_t y = year - 1;
    int64_t leaps = floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400);
    return 365 * (year - 1970) + leaps - (1969 / 4 - 1969 / 100 + 1969 / 400);
}

struct moment {
    int64_t year;
    int month, day, weekday, year_day; // weekday 1 is Monday
    int64_t week_year;
    int week;
    int hour, minute, second, milli;
};

static int64_t week_start(int64_t year) // the Monday of its first ISO week
{
    int64_t fourth = year_start(year) + 3;
    return fourth - (fourth + 3 - 7 * floor_div(fourth + 3, 7));
}

static struct moment moment_of(int64_t ms)
{
    struct moment t = {0};
    int64_t day = floor_div(ms, DAY_MS), left = ms - day * DAY_MS;
    t.year = 1970 + floor_div(day, 366);
    while (year_start(t.year + 1) <= day) {
        t.year++;
    }
    while (year_start(t.year) > day) {
        t.year--;
    }
    t.year_day = (int)(day - year_start(t.year)) + 1;
    t.day = t.year_day;
    for (t.month = 1; t.day > month_len(t.year, t.month); t.month++) {
        t.day -= month_len(t.year, t.month);
    }
    t.weekday = (int)(day + 3 - 7 * floor_div(day + 3, 7)) + 1; // 1970-01-01 was a Thursday
    t.week_year = t.year + 1;
    while (week_start(t.week_year) > day) {
        t.week_year--;
    }
    t.week = (int)((day - week_start(t.week_year)) / 7) + 1;
    t.hour = (int)(left / 3600000);
    t.minute = (int)(left / 60000 % 60);
    t.second = (int)(left / 1000 % 60);
    t.milli = (int)(left % 1000);
    return t;
}

static void padded(struct model_buf *b, int64_t n, int width)
{
    char digits[32];
    int len = snprintf(digits, sizeof digits, "%lld", (long long)(n < 0 ? -n : n));
    if (n < 0) {
        model_add_char(b, '-');
    }
    for (; len < width; width--) {
        model_add_char(b, '0');
    }
    for (int i = 0; i < len; i++) {
        model_add_char(b, digits[i]);
    }
}

static void two_digits(struct model_buf *b, int64_t n)
{
    padded(b, (n < 0 ? -n : n) % 100, 2);
}

static void fraction(struct model_buf *b, int milli, int width)
{
    char text[8] = {(char)('0' + milli / 100), (char)('0' + milli / 10 % 10),
                    (char)('0' + milli % 10)};
    for (int i = 0; i < width; i++) {
        model_add_char(b, i < 3 ? text[i] : '0');
    }
}

// One run of the same letter in a Joda pattern; false: no such letter.
static bool format_field(struct model_buf *b, const struct moment *t, char letter, int width)
{
    int64_t of_era = t->year > 0 ? t->year : 1 - t->year;
    const char *text;
    switch (letter) {
    case 'G':
        model_add(b, t->year > 0 ? TEXT("AD") : TEXT("BC"));
        return true;
    case 'C': // the year without its sign, as Joda's ISO calendar has it
        padded(b, (t->year < 0 ? -t->year : t->year) / 100, width);
        return true;
    case 'Y':
    case 'y':
    case 'x':
        if (width == 2) {
            two_digits(b, letter == 'x' ? t->week_year : t->year);
        } else {
            padded(b, letter == 'Y' ? of_era : letter == 'x' ? t->week_year : t->year, width);
        }
        return true;
    case 'M':
        text = months[t->month - 1];
        if (width >= 3) {
            model_add(b, (struct model_text){text, width >= 4 ? strlen(text) : 3});
            return true;
        }
        padded(b, t->month, width);
        return true;
    case 'E':
        text = days[t->weekday - 1];
        model_add(b, (struct model_text){text, width >= 4 ? strlen(text) : 3});
        return true;
    case 'a':
        model_add(b, t->hour < 12 ? TEXT("AM") : TEXT("PM"));
        return true;
    case 'S':
        fraction(b, t->milli, width);
        return true;
    case 'z':
        model_add(b, TEXT("UTC"));
        return true;
    case 'Z':
        model_add(b, width == 1 ? TEXT("+0000") : width == 2 ? TEXT("+00:00") : TEXT("UTC"));
        return true;
    }
    const struct {
        char letter;
        int value;
    } plain[] = {
        {'w', t->week},      {'e', t->weekday},
        {'D', t->year_day},  {'d', t->day},
        {'K', t->hour % 12}, {'h', t->hour % 12 ? t->hour % 12 : 12},
        {'H', t->hour},      {'k', t->hour ? t->hour : 24},
        {'m', t->minute},    {'s', t->second},
    };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (plain[i].letter == letter) {
            padded(b, plain[i].value, width);
            return true;
        }
    }
    return false;
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// False: bad pattern.
static bool format(struct model_buf *b, const struct moment *t, struct model_text p)
{
    bool quoted = false;
    for (size_t i = 0; i < p.len; i++) {
        if (p.at[i] == '\'') {
            if (i + 1 < p.len && p.at[i + 1] == '\'') {
                model_add_char(b, p.at[i++]);
            } else {
                quoted = !quoted;
            }
        } else if (quoted || !letter(p.at[i])) {
            model_add_char(b, p.at[i]);
        } else {
            int width = 1;
            while (i + 1 < p.len && p.at[i + 1] == p.at[i]) {
                i++;
                width++;
            }
            if (p.at[i] == 'z' && width >= 4) {
                b->m->unsupported = "long names of time zones"; // sql.md has the short ones
            }
            if (!format_field(b, t, p.at[i], width)) {
                return false;
            }
        }
    }
    return p.len > 0;
}

static MODEL_BODY(parse_time)
{
    mval pattern = model_to_string(r->m, args[0]), ms = model_to_int(r->m, args[1]);
    struct model_buf b = {.m = r->m};
    if (pattern->type != MODEL_STRING || ms->type != MODEL_INT) {
        return &model_undefined;
    }
    if (count == 3) {
        mval zone = model_to_string(r->m, args[2]);
        if (zone->type != MODEL_STRING) {
            return &model_undefined;
        }
        if (!model_text_is(zone->text, "UTC")) {
            r->m->unsupported = "time zones";
        }
    }
    int64_t at = model_clamped(ms);
    if (at >= 100000000000000 || at <= -100000000000000) {
        r->m->unsupported = "times thousands of years away";
        return &model_undefined;
    }
    struct moment t = moment_of(at);
    return format(&b, &t, pattern->text) ? model_string(r->m, model_buf_text(&b))
                                         : &model_undefined;
}

// ---- reading

struct scan {
    struct model_text t;
    size_t at;
    int64_t year;
    int month, day, hour, half_hour, half, minute, second, milli, offset_minutes;
};

static bool number(struct scan *s, int least, int most, int *out)
{
    int n = 0, count = 0;
    while (count < most && s->at < s->t.len && s->t.at[s->at] >= '0' && s->t.at[s->at] <= '9') {
        n = n * 10 + (s->t.at[s->at++] - '0');
        count++;
    }
    *out = n;
    return count >= least;
}

static bool month_name(struct scan *s, bool full)
{
    for (int i = 0; i < 12; i++) {
        size_t len = full ? strlen(months[i]) : 3;
        if (s->t.len - s->at >= len && memcmp(s->t.at + s->at, months[i], len) == 0) {
            s->at += len;
            s->month = i + 1;
            return true;
        }
    }
    return false;
}

static bool half_day(struct scan *s)
{
    bool two = s->t.len - s->at >= 2 && s->t.at[s->at + 1] == 'M';
    if (!two || (s->t.at[s->at] != 'A' && s->t.at[s->at] != 'P')) {
        return false;
    }
    s->half = s->t.at[s->at] == 'P';
    s->at += 2;
    return true;
}

// X XX XXX: Z, or +hh[mm], +hhmm, +hh:mm.
static bool offset(struct scan *s, char letter_of, int width)
{
    int hours, minutes = 0;
    bool zulu = letter_of == 'X' && s->at < s->t.len && s->t.at[s->at] == 'Z';
    if (zulu) {
        s->at++;
        return true;
    }
    // The JDK takes the text for "no offset" first, so that x reads no more of +0030.
    if (letter_of == 'x' && width == 1 && s->t.len - s->at >= 3 &&
        memcmp(s->t.at + s->at, "+00", 3) == 0) {
        s->at += 3;
        return true;
    }
    char sign = s->at < s->t.len ? s->t.at[s->at++] : 0;
    if ((sign != '+' && sign != '-') || !number(s, 2, 2, &hours)) {
        return false;
    }
    if (width == 3 && (s->at == s->t.len || s->t.at[s->at++] != ':')) {
        return false;
    }
    size_t before = s->at;
    if (!number(s, 2, 2, &minutes)) {
        if (width != 1) {
            return false;
        }
        s->at = before;
        minutes = 0;
    }
    if (hours > 18 || minutes > 59 || (hours == 18 && minutes)) {
        return false;
    }
    s->offset_minutes = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
    return true;
}

// True: read. *known false: the model does not do this letter or width.
static bool scan_field(struct scan *s, char which, int width, bool *known)
{
    int year = 0;
    bool read;
    *known = true;
    switch (which) {
    case 'y':
    case 'u':
        *known = width == 4;
        read = number(s, 4, 4, &year);
        s->year = year;
        // A fifth digit would need a sign before the first.
        *known = *known && !(s->at < s->t.len && s->t.at[s->at] >= '0' && s->t.at[s->at] <= '9');
        return read && (which == 'u' || year > 0);
    case 'M':
        if (width >= 3) {
            *known = width <= 4;
            return month_name(s, width == 4);
        }
        return number(s, width, 2, &s->month) && s->month >= 1 && s->month <= 12;
    case 'd':
        *known = width <= 2;
        return number(s, width, 2, &s->day) && s->day >= 1 && s->day <= 31;
    case 'H':
        *known = width <= 2;
        return number(s, width, 2, &s->hour) && s->hour <= 24;
    case 'h':
        *known = width <= 2;
        return number(s, width, 2, &s->half_hour) && s->half_hour <= 12; // "smart": 0 too
    case 'm':
        *known = width <= 2;
        return number(s, width, 2, &s->minute) && s->minute <= 59;
    case 's':
        *known = width <= 2;
        return number(s, width, 2, &s->second) && s->second <= 59;
    case 'S':
        *known = width == 3;
        return number(s, 3, 3, &s->milli);
    case 'a':
        *known = width == 1;
        return half_day(s);
    case 'X':
    case 'x':
        *known = width <= 3;
        return offset(s, which, width);
    default:
        *known = false;
        return false;
    }
}

static bool scan(struct scan *s, struct model_text p, bool *known)
{
    bool quoted = false;
    for (size_t i = 0; i < p.len; i++) {
        if (p.at[i] == '\'') {
            if (i + 1 < p.len && p.at[i + 1] == '\'') {
                *known = false;
                return false;
            }
            quoted = !quoted;
        } else if (quoted || !letter(p.at[i])) {
            if (!quoted && strchr("[]{}#", p.at[i])) {
                *known = false;
                return false;
            }
            if (s->at == s->t.len || s->t.at[s->at++] != p.at[i]) {
                return false;
            }
        } else {
            int width = 1;
            while (i + 1 < p.len && p.at[i + 1] == p.at[i]) {
                i++;
                width++;
            }
            if (i + 1 < p.len && letter(p.at[i + 1]) && strchr("yuMdHhmsS", p.at[i]) &&
                !strchr("aXx", p.at[i + 1])) {
                *known = false; // adjacent numbers share their digits by rules of their own
                return false;
            }
            if (!scan_field(s, p.at[i], width, known) || !*known) {
                return false;
            }
        }
    }
    *known = *known && !quoted;
    return s->at == s->t.len;
}

// How many fields of a letter the pattern has, quoted text aside. `which` 0: of letters that the
// model does not read at all.
static int fields(struct model_text p, char which)
{
    bool quoted = false;
    int count = 0;
    for (size_t i = 0; i < p.len; i++) {
        quoted = quoted != (p.at[i] == '\'');
        bool first = i == 0 || p.at[i - 1] != p.at[i];
        if (!quoted && first && letter(p.at[i])) {
            count += which ? p.at[i] == which : !strchr("yuMdHhmsSaXx", p.at[i]);
        }
    }
    return count;
}

static bool pattern_known(struct model_text p)
{
    for (const char *c = "yuMdHhmsSaXx"; *c; c++) {
        if (fields(p, *c) > 1) {
            return false;
        }
    }
    return fields(p, 0) == 0 && fields(p, 'y') + fields(p, 'u') == 1 && fields(p, 'M') == 1 &&
           fields(p, 'd') == 1 && fields(p, 'h') == fields(p, 'a') &&
           fields(p, 'h') + fields(p, 'H') <= 1 && fields(p, 'X') + fields(p, 'x') <= 1;
}

static MODEL_BODY(time_to_epoch)
{
    mval text = model_to_string(r->m, args[0]), pattern = model_to_string(r->m, args[1]);
    if (text->type != MODEL_STRING || pattern->type != MODEL_STRING) {
        return &model_undefined;
    }
    struct model_text p = pattern->text;
    struct scan s = {.t = text->text, .half_hour = -1, .half = -1, .month = -1, .day = -1};
    bool known = pattern_known(p), read = known && scan(&s, p, &known);
    if (!known) {
        r->m->unsupported = "rarer time patterns";
        return &model_undefined;
    }
    if (!read) {
        return &model_undefined;
    }
    if (s.hour == 24 && (s.minute || s.second || s.milli)) { // "smart": 24:00 is the day's end
        return &model_undefined;
    }
    if (s.half_hour >= 0) {
        s.hour = s.half_hour % 12 + 12 * s.half;
    }
    if (s.day > month_len(s.year, s.month)) { // "smart": the month's last day
        s.day = month_len(s.year, s.month);
    }
    int64_t day = year_start(s.year) + s.day - 1;
    for (int i = 1; i < s.month; i++) {
        day += month_len(s.year, i);
    }
    return model_int(r->m, day * DAY_MS + (s.hour * 60 + s.minute - s.offset_minutes) * 60000LL +
                               s.second * 1000 + s.milli);
}

const struct model_function model_times[] = {
    {"parse_time", 2, 3, true, model_fn_parse_time},
    {"time_to_epoch", 2, 2, true, model_fn_time_to_epoch},
    {0},
};
