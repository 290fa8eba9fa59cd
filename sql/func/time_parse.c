// Reading times by the elements of a DateTimeFormatter pattern, and resolving what was read as
// java.time does in its smart mode.
#include "sql/func/time_format.h"

#include "sql/base/clock.h"
#include "sql/func/time_pattern.h"

#include "sql/base/banned.h"

#define ZONE_NAME_MAX 64 // bytes of a zone's name in a text
#define DAY           86400

struct found {
    int64_t value[FIELDS];
    unsigned set; // bit of each field
    bool zone_set;
    struct wr_zone zone;
};

struct reader {
    const struct pattern *pattern;
    wr_str text;
    const struct wr_sql_host *host;
};

// ---- text by elements

// The same field twice must hold the same.
static bool set(struct found *f, enum field field, int64_t value)
{
    if (f->set & (1u << field)) {
        return f->value[field] == value;
    }
    f->set |= 1u << field;
    f->value[field] = value;
    return true;
}

static int count_digits(wr_str s, size_t at, int max)
{
    int n = 0;
    while (n < max && at + (size_t)n < s.len && s.at[at + (size_t)n] >= '0' &&
           s.at[at + (size_t)n] <= '9') {
        n++;
    }
    return n;
}

static bool read_number(const struct reader *r, const struct element *e, size_t *at,
                        struct found *f)
{
    wr_str s = r->text;
    bool minus = *at < s.len && s.at[*at] == '-', plus = *at < s.len && s.at[*at] == '+';
    if ((minus && e->sign == NO_SIGN) || (plus && e->sign != EXCEEDS_PAD)) {
        return false;
    }
    size_t from = *at + (minus || plus);
    int len = count_digits(s, from, e->max + e->subsequent);
    if (e->subsequent) {
        len = len - e->subsequent > e->min ? len - e->subsequent : e->min;
    }
    if (len < e->min || len > DIGITS_MAX || count_digits(s, from, len) < len) {
        return false;
    }
    uint64_t n = 0;
    for (int i = 0; i < len; i++) {
        n = n * 10 + (uint64_t)(s.at[from + (size_t)i] - '0');
    }
    if ((minus && n == 0) || (e->sign == EXCEEDS_PAD && plus && len <= e->min) ||
        (e->sign == EXCEEDS_PAD && !plus && !minus && len > e->min) || n > INT64_MAX) {
        return false;
    }
    *at = from + (size_t)len;
    if (e->kind == REDUCED_YEAR) {
        n += 2000;
    }
    for (int i = len; e->kind == FRACTION && i < 9; i++) {
        n *= 10;
    }
    return set(f, e->field, minus ? -(int64_t)n : (int64_t)n);
}

// One of `names`, in full or its first three letters. Of two that fit the longer.
static bool read_name(const struct reader *r, const wr_str *names, int count, bool full, size_t *at,
                      int *index)
{
    wr_str rest = wr_str_cut(r->text, *at, r->text.len);
    for (int i = 0; i < count; i++) {
        wr_str name = full ? names[i] : wr_str_cut(names[i], 0, WR_TIME_SHORT);
        if (wr_str_starts(rest, name)) {
            *index = i;
            *at += name.len;
            return true;
        }
    }
    return false;
}

static bool two_digits(wr_str s, size_t at, int *out)
{
    if (count_digits(s, at, 2) < 2) {
        return false;
    }
    *out = (s.at[at] - '0') * 10 + (s.at[at + 1] - '0');
    return true;
}

// +hh, +hhmm, +hh:mm and so on: `minutes` and `seconds` are 0 never, 1 when there, 2 always.
static bool read_offset(wr_str s, size_t *at, bool colon, int minutes, int seconds, int32_t *out)
{
    size_t i = *at;
    if (i >= s.len || (s.at[i] != '+' && s.at[i] != '-')) {
        return false;
    }
    int part[3] = {0, 0, 0}, want[3] = {2, minutes, seconds};
    i++;
    for (int k = 0; k < 3 && want[k]; k++) {
        size_t next = i + (k > 0 && colon);
        bool there = (k == 0 || !colon || (i < s.len && s.at[i] == ':')) &&
                     two_digits(s, next, &part[k]) && (k == 0 || part[k] < 60);
        if (!there) {
            part[k] = 0;
            if (want[k] == 2) {
                return false;
            }
            break;
        }
        i = next + 2;
    }
    int32_t offset = part[0] * 3600 + part[1] * 60 + part[2];
    if (offset > 18 * 3600) {
        return false;
    }
    *out = s.at[*at] == '-' ? -offset : offset;
    *at = i;
    return true;
}

static bool read_zone_offset(const struct reader *r, const struct element *e, size_t *at,
                             struct found *f)
{
    wr_str s = r->text;
    bool zulu = e->letter == 'X' || (e->letter == 'Z' && e->count == 5);
    if (zulu && *at < s.len && s.at[*at] == 'Z') {
        (*at)++;
        return set(f, OFFSET, 0);
    }
    // X, XX, XXX, XXXX, XXXXX; Z to ZZZ are as XX, ZZZZZ as XXXXX.
    int form = e->letter == 'Z' ? (e->count == 5 ? 5 : 2) : e->count;
    static const wr_str zero[] = {{NULL, 0},
                                  WR_STR_INIT("+00"),
                                  WR_STR_INIT("+0000"),
                                  WR_STR_INIT("+00:00"),
                                  WR_STR_INIT("+0000"),
                                  WR_STR_INIT("+00:00")};
    // java.time takes the text of "no offset" first, also when digits follow: +0030 does not fit x.
    if (!zulu && wr_str_starts(wr_str_cut(s, *at, s.len), zero[form])) {
        *at += zero[form].len;
        return set(f, OFFSET, 0);
    }
    bool colon = form == 3 || form == 5;
    int32_t offset;
    return read_offset(s, at, colon, form == 1 ? 1 : 2, form >= 4 ? 1 : 0, &offset) &&
           set(f, OFFSET, offset);
}

static bool set_zone(struct found *f, const struct wr_zone *zone)
{
    if (f->zone_set) {
        return wr_str_eq(f->zone.id, zone->id) && f->zone.offset == zone->offset;
    }
    f->zone_set = true;
    f->zone = *zone;
    return true;
}

// UTC, GMT and UT may carry an offset; a bare offset or Z is a zone as well.
static bool read_fixed_zone(const struct reader *r, size_t *at, struct wr_zone *zone)
{
    static const wr_str prefixes[] = {WR_STR_INIT("UTC"), WR_STR_INIT("GMT"), WR_STR_INIT("UT")};
    wr_str s = r->text, rest = wr_str_cut(s, *at, s.len);
    int32_t offset = 0;
    for (size_t i = 0; i < WR_COUNT(prefixes); i++) {
        if (wr_str_starts(rest, prefixes[i])) {
            *at += prefixes[i].len;
            read_offset(s, at, true, 2, 1, &offset);
            wr_zone_fixed(zone, offset ? (wr_str){NULL, 0} : WR_STR("UTC"), offset);
            return true;
        }
    }
    if (read_offset(s, at, true, 2, 1, &offset)) {
        wr_zone_fixed(zone, (wr_str){NULL, 0}, offset);
        return true;
    }
    return false;
}

static bool zone_name_byte(char ch)
{
    char lower = (char)(ch | 0x20);
    return (lower >= 'a' && lower <= 'z') || (ch >= '0' && ch <= '9') || ch == '/' || ch == '_' ||
           ch == '-' || ch == '+';
}

// The longest name of the tz database that starts here; shorter ones are tried at word ends only.
static bool read_tz_zone(const struct reader *r, size_t *at, struct wr_zone *zone)
{
    wr_str rest = wr_str_cut(r->text, *at, r->text.len);
    size_t len = 0;
    while (len < rest.len && len < ZONE_NAME_MAX && zone_name_byte(rest.at[len])) {
        len++;
    }
    while (len > 0) {
        if (wr_zone_find(zone, wr_str_cut(rest, 0, len), r->host)) {
            *at += len;
            return true;
        }
        do {
            len--;
        } while (len > 0 && rest.at[len] != '-' && rest.at[len] != '+' && rest.at[len] != '_' &&
                 rest.at[len] != '/');
    }
    return false;
}

static bool read_zone_id(const struct reader *r, size_t *at, struct found *f)
{
    struct wr_zone zone;
    return (read_fixed_zone(r, at, &zone) || read_tz_zone(r, at, &zone)) && set_zone(f, &zone);
}

// Short names stand for the zone that java.time prefers in English; other texts are ids.
static bool read_zone_name(const struct reader *r, size_t *at, struct found *f)
{
    static const struct {
        wr_str name, id;
    } table[] = {
        {WR_STR_INIT("EST"), WR_STR_INIT("America/New_York")},
        {WR_STR_INIT("EDT"), WR_STR_INIT("America/New_York")},
        {WR_STR_INIT("CST"), WR_STR_INIT("America/Chicago")},
        {WR_STR_INIT("CDT"), WR_STR_INIT("America/Chicago")},
        {WR_STR_INIT("MST"), WR_STR_INIT("America/Denver")},
        {WR_STR_INIT("MDT"), WR_STR_INIT("America/Denver")},
        {WR_STR_INIT("PST"), WR_STR_INIT("America/Los_Angeles")},
        {WR_STR_INIT("PDT"), WR_STR_INIT("America/Los_Angeles")},
    };
    wr_str rest = wr_str_cut(r->text, *at, r->text.len);
    struct wr_zone zone;
    for (size_t i = 0; i < WR_COUNT(table); i++) {
        wr_str name = table[i].name;
        bool whole =
            rest.len == name.len || (rest.len > name.len && !zone_name_byte(rest.at[name.len]));
        if (whole && wr_str_starts(rest, name) && wr_zone_find(&zone, table[i].id, r->host)) {
            *at += name.len;
            return set_zone(f, &zone);
        }
    }
    return read_zone_id(r, at, f);
}

static bool read_element(const struct reader *r, const struct element *e, size_t *at,
                         struct found *f)
{
    static const wr_str halves[2] = {WR_STR_INIT("AM"), WR_STR_INIT("PM")};
    int index;
    switch (e->kind) {
    case NUMBER:
    case REDUCED_YEAR:
    case FRACTION:
        return read_number(r, e, at, f);
    case MONTH_NAME:
        return read_name(r, wr_time_months, 12, e->count == 4, at, &index) &&
               set(f, MONTH, index + 1);
    case DAY_NAME:
        return read_name(r, wr_time_days, 7, e->count == 4, at, &index) &&
               set(f, WEEKDAY, index + 1);
    case HALF_NAME:
        return read_name(r, halves, 2, true, at, &index) && set(f, HALF, index);
    case ZONE_ID:
        return read_zone_id(r, at, f);
    case ZONE_NAME:
        return read_zone_name(r, at, f);
    case ZONE_OFFSET:
        return read_zone_offset(r, e, at, f);
    case LITERAL:
        return *at < r->text.len && (unsigned char)r->text.at[(*at)++] == e->ch;
    case OPTION_BEGIN:
    case OPTION_END:
        break;
    }
    return true;
}

// Elements [from, to). An optional section that does not fit is passed over.
static bool read_range(const struct reader *r, int from, int to, size_t *at, struct found *f)
{
    for (int i = from; i < to; i++) {
        const struct element *e = &r->pattern->at[i];
        if (e->kind == OPTION_BEGIN) {
            size_t inner = *at;
            struct found tried = *f;
            if (read_range(r, i + 1, e->end, &inner, &tried)) {
                *at = inner;
                *f = tried;
            }
            i = e->end;
        } else if (!read_element(r, e, at, f)) {
            return false;
        }
    }
    return true;
}

// ---- fields to a time

static bool has(const struct found *f, enum field field)
{
    return f->set & (1u << field);
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool in_range(const struct found *f)
{
    static const struct {
        int64_t min, max;
    } range[FIELDS] = {
        [YEAR] = {-999999999, 999999999},
        [YEAR_OF_ERA] = {1, 999999999},
        [MONTH] = {1, 12},
        [DAY_OF_MONTH] = {1, 31},
        [DAY_OF_YEAR] = {1, 366},
        [WEEKDAY] = {1, 7},
        [HOUR] = {0, 24},
        [HOUR_OF_HALF] = {0, 12}, // smart resolving takes 0 for 12
        [HALF] = {0, 1},
        [MINUTE] = {0, 59},
        [SECOND] = {0, 59},
        [NANO] = {0, 999999999},
        [OFFSET] = {-18 * 3600, 18 * 3600},
    };
    for (int i = 0; i < FIELDS; i++) {
        if (has(f, (enum field)i) && (f->value[i] < range[i].min || f->value[i] > range[i].max)) {
            return false;
        }
    }
    return true;
}

// Day number since the epoch. Smart resolving: 31 April is 30 April, 30 February the last of
// February.
static bool resolve_date(struct found *f, int64_t *days)
{
    static const unsigned char lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (has(f, YEAR_OF_ERA) && !set(f, YEAR, f->value[YEAR_OF_ERA])) {
        return false;
    }
    if (!has(f, YEAR)) {
        return false;
    }
    int64_t year = f->value[YEAR], doy = f->value[DAY_OF_YEAR];
    if (has(f, MONTH) && has(f, DAY_OF_MONTH)) {
        int64_t month = f->value[MONTH], day = f->value[DAY_OF_MONTH];
        int64_t last = lengths[month - 1] + (month == 2 && is_leap(year));
        *days = wr_days_from_date(year, (unsigned)month, (unsigned)(day > last ? last : day));
        if (has(f, DAY_OF_YEAR) && *days != wr_days_from_date(year, 1, 1) + doy - 1) {
            return false;
        }
    } else if (has(f, DAY_OF_YEAR)) {
        *days = wr_days_from_date(year, 1, 1) + doy - 1;
        if (doy == 366 && !is_leap(year)) {
            return false;
        }
    } else {
        return false;
    }
    return !has(f, WEEKDAY) || ((*days + 3) % 7 + 7) % 7 + 1 == f->value[WEEKDAY];
}

// Second of the day, 86400 for 24:00. Without an hour there is no time of day: midnight.
static bool resolve_time(struct found *f, int64_t *second)
{
    if (has(f, HOUR_OF_HALF) || has(f, HALF)) {
        if (has(f, HOUR_OF_HALF) && has(f, HALF)) {
            if (!set(f, HOUR, f->value[HOUR_OF_HALF] % 12 + 12 * f->value[HALF])) {
                return false;
            }
        } else if (!has(f, HOUR) || has(f, HOUR_OF_HALF) || f->value[HALF] != f->value[HOUR] / 12) {
            return false; // half of the day unknown, or in conflict
        }
    }
    bool below = has(f, MINUTE) || has(f, SECOND) || has(f, NANO);
    if (!has(f, HOUR)) {
        *second = 0;
        return !below;
    }
    if (!has(f, MINUTE) && below) {
        return false;
    }
    int64_t minute = has(f, MINUTE) ? f->value[MINUTE] : 0;
    int64_t sec = has(f, SECOND) ? f->value[SECOND] : 0;
    int64_t nano = has(f, NANO) ? f->value[NANO] : 0;
    *second = f->value[HOUR] * 3600 + minute * 60 + sec;
    return *second + (nano > 0) <= DAY;
}

bool wr_time_read(wr_str text, wr_str pattern, const struct wr_sql_host *host, int64_t *ms)
{
    struct pattern p;
    struct found f = {.set = 0};
    size_t at = 0;
    if (!wr_time_pattern_read(&p, pattern)) {
        return false;
    }
    const struct reader r = {&p, text, host};
    int64_t days, second;
    if (!read_range(&r, 0, p.len, &at, &f) || at != text.len || !in_range(&f) ||
        !resolve_date(&f, &days) || !resolve_time(&f, &second)) {
        return false;
    }
    int64_t local = days * DAY + second, utc = local;
    if (has(&f, OFFSET)) {
        utc = local - f.value[OFFSET];
    } else if (f.zone_set) {
        utc = wr_zone_to_utc(&f.zone, local);
    }
    *ms = utc * 1000 + (has(&f, NANO) ? f.value[NANO] / 1000000 : 0);
    return true;
}

bool wr_time_pattern_valid(wr_str pattern)
{
    struct pattern p;
    return wr_time_pattern_read(&p, pattern);
}
