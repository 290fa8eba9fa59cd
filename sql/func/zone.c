// TZif files, RFC 8536: the transitions of the 64-bit block, then the POSIX rule of the footer.
// Nothing is copied: a look-up is a binary search in the file's bytes.
#include "sql/func/zone.h"

#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define TYPE_SIZE   6 // i32 offset, u8 is_dst, u8 index of the name
#define HEADER_SIZE 44
#define DAY         86400
#define OFFSET_MAX  (18 * 3600) // java.time's; no zone comes near

// ---- reading

static int64_t big_endian(const char *at, size_t size)
{
    uint64_t n = (signed char)at[0] < 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < size; i++) {
        n = n << 8 | (unsigned char)at[i];
    }
    return (int64_t)n;
}

struct header {
    char version;
    uint32_t isut, isstd, leap, time, type, chars;
    size_t data_len;
};

static bool header_read(wr_str s, size_t time_size, struct header *h)
{
    if (s.len < HEADER_SIZE || memcmp(s.at, "TZif", 4) != 0) {
        return false;
    }
    uint32_t n[6];
    for (size_t i = 0; i < 6; i++) {
        n[i] = (uint32_t)big_endian(s.at + 20 + 4 * i, 4);
        if (n[i] > s.len) {
            return false;
        }
    }
    *h = (struct header){s.at[4], n[0], n[1], n[2], n[3], n[4], n[5], 0};
    h->data_len = h->time * time_size + h->time + (size_t)h->type * TYPE_SIZE + h->chars +
                  h->leap * (time_size + 4) + h->isstd + h->isut;
    return h->type > 0 && h->chars > 0 && h->data_len <= s.len - HEADER_SIZE;
}

static bool indexes_fit(const struct wr_zone *z)
{
    for (uint32_t i = 0; i < z->count; i++) {
        if ((unsigned char)z->indexes[i] >= z->type_count) {
            return false;
        }
    }
    for (uint32_t i = 0; i < z->type_count; i++) {
        int64_t offset = big_endian(z->types + (size_t)i * TYPE_SIZE, 4);
        unsigned char name = (unsigned char)z->types[(size_t)i * TYPE_SIZE + 5];
        if (name >= z->names.len || offset < -26 * 3600 || offset > 26 * 3600) {
            return false;
        }
    }
    return z->names.at[z->names.len - 1] == 0;
}

bool wr_zone_from_tzif(struct wr_zone *z, wr_str id, wr_str tzif)
{
    struct header h;
    size_t time_size = 4;
    if (!header_read(tzif, 4, &h)) {
        return false;
    }
    if (h.version >= '2') { // the second block says the same with 64 bits
        tzif = wr_str_cut(tzif, HEADER_SIZE + h.data_len, tzif.len);
        time_size = 8;
        if (!header_read(tzif, 8, &h)) {
            return false;
        }
    }
    const char *at = tzif.at + HEADER_SIZE;
    *z = (struct wr_zone){.id = id, .count = h.time, .type_count = h.type, .time_size = time_size};
    z->times = at;
    z->indexes = at + h.time * time_size;
    z->types = z->indexes + h.time;
    z->names = (wr_str){z->types + (size_t)h.type * TYPE_SIZE, h.chars};
    if (time_size == 8) {
        wr_str footer = wr_str_cut(tzif, HEADER_SIZE + h.data_len, tzif.len);
        ptrdiff_t end = footer.len > 1 && footer.at[0] == '\n'
                            ? wr_str_find(wr_str_cut(footer, 1, footer.len), WR_STR("\n"))
                            : -1;
        if (end < 0) {
            return false;
        }
        z->rule = wr_str_cut(footer, 1, 1 + (size_t)end);
    }
    return indexes_fit(z);
}

// ---- the POSIX rule: EST5EDT,M3.2.0,M11.1.0/2

struct date_rule {
    char kind; // 'M': month.week.day; 'J': day 1..365 without 29 February; '0': day 0..365
    int month, week, day;
    int32_t second; // of the day, may be negative or beyond it
};

struct posix_rule {
    wr_str std, dst; // dst empty: none
    int32_t std_offset, dst_offset;
    struct date_rule start, end;
};

static bool take(wr_str *s, char ch)
{
    if (s->len == 0 || s->at[0] != ch) {
        return false;
    }
    *s = wr_str_cut(*s, 1, s->len);
    return true;
}

static bool take_number(wr_str *s, int max, int *out)
{
    int n = 0;
    size_t i = 0;
    while (i < s->len && s->at[i] >= '0' && s->at[i] <= '9' && n <= max) {
        n = n * 10 + (s->at[i++] - '0');
    }
    *s = wr_str_cut(*s, i, s->len);
    *out = n;
    return i > 0 && n <= max;
}

static bool take_name(wr_str *s, wr_str *out)
{
    bool quoted = take(s, '<');
    size_t i = 0;
    while (i < s->len) {
        char ch = s->at[i], lower = (char)(ch | 0x20);
        bool letter = lower >= 'a' && lower <= 'z';
        if (quoted ? ch == '>' : !letter) {
            break;
        }
        i++;
    }
    *out = wr_str_cut(*s, 0, i);
    *s = wr_str_cut(*s, i, s->len);
    return i > 0 && (!quoted || take(s, '>'));
}

// [+-]hh[:mm[:ss]]
static bool take_time(wr_str *s, int32_t *out)
{
    int sign = take(s, '-') ? -1 : 1, h = 0, m = 0, sec = 0;
    if (sign > 0) {
        take(s, '+');
    }
    if (!take_number(s, 167, &h) || (take(s, ':') && !take_number(s, 59, &m)) ||
        (take(s, ':') && !take_number(s, 59, &sec))) {
        return false;
    }
    *out = sign * (h * 3600 + m * 60 + sec);
    return true;
}

static bool take_date(wr_str *s, struct date_rule *d)
{
    *d = (struct date_rule){.kind = '0', .second = 2 * 3600};
    if (take(s, 'M')) {
        d->kind = 'M';
        if (!take_number(s, 12, &d->month) || !take(s, '.') || !take_number(s, 5, &d->week) ||
            !take(s, '.') || !take_number(s, 6, &d->day) || d->month < 1 || d->week < 1) {
            return false;
        }
    } else {
        d->kind = take(s, 'J') ? 'J' : '0';
        if (!take_number(s, 365, &d->day) || (d->kind == 'J' && d->day < 1)) {
            return false;
        }
    }
    return !take(s, '/') || take_time(s, &d->second);
}

static bool rule_read(wr_str s, struct posix_rule *r)
{
    *r = (struct posix_rule){0};
    if (!take_name(&s, &r->std) || !take_time(&s, &r->std_offset)) {
        return false;
    }
    r->std_offset = -r->std_offset; // POSIX counts west of Greenwich
    if (s.len == 0) {
        return true;
    }
    if (!take_name(&s, &r->dst)) {
        return false;
    }
    r->dst_offset = r->std_offset + 3600;
    if (s.len && s.at[0] != ',') {
        if (!take_time(&s, &r->dst_offset)) {
            return false;
        }
        r->dst_offset = -r->dst_offset;
    }
    return take(&s, ',') && take_date(&s, &r->start) && take(&s, ',') && take_date(&s, &r->end) &&
           s.len == 0;
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

// Day number since the epoch.
static int64_t date_rule_day(const struct date_rule *d, int64_t year)
{
    int64_t first = wr_days_from_date(year, 1, 1);
    if (d->kind == 'J') {
        return first + d->day - 1 + (d->day >= 60 && is_leap(year));
    }
    if (d->kind == '0') {
        return first + d->day;
    }
    first = wr_days_from_date(year, (unsigned)d->month, 1);
    int64_t next = d->month == 12 ? wr_days_from_date(year + 1, 1, 1)
                                  : wr_days_from_date(year, (unsigned)d->month + 1, 1);
    int64_t weekday = ((first + 4) % 7 + 7) % 7; // 1970-01-01 was a Thursday; Sunday is 0
    int64_t day = first + (d->day - weekday + 7) % 7 + 7 * (d->week - 1);
    return day >= next ? day - 7 : day; // week 5 is the last one
}

static void rule_at(const struct posix_rule *r, int64_t second, struct wr_zone_state *out)
{
    *out = (struct wr_zone_state){r->std_offset, false, r->std};
    if (r->dst.len == 0) {
        return;
    }
    int64_t local = second + r->std_offset, year;
    unsigned month, day;
    wr_date_from_days(local / DAY - (local % DAY < 0), &year, &month, &day);
    int64_t start = date_rule_day(&r->start, year) * DAY + r->start.second - r->std_offset;
    int64_t end = date_rule_day(&r->end, year) * DAY + r->end.second - r->dst_offset;
    bool dst = start < end ? second >= start && second < end : second >= start || second < end;
    if (dst) {
        *out = (struct wr_zone_state){r->dst_offset, true, r->dst};
    }
}

// ---- finding

void wr_zone_fixed(struct wr_zone *z, wr_str id, int32_t offset)
{
    *z = (struct wr_zone){.id = id, .fixed = true, .offset = offset};
}

static bool digits(wr_str s, size_t from, size_t count, int *out)
{
    *out = 0;
    for (size_t i = from; i < from + count; i++) {
        if (i >= s.len || s.at[i] < '0' || s.at[i] > '9') {
            return false;
        }
        *out = *out * 10 + (s.at[i] - '0');
    }
    return true;
}

// [+-]h, hh, hhmm, hh:mm, hhmmss, hh:mm:ss
static bool offset_read(wr_str s, int32_t *out)
{
    if (s.len < 2 || (s.at[0] != '+' && s.at[0] != '-')) {
        return false;
    }
    int part[3] = {0, 0, 0};
    size_t at = s.len == 2 ? 2 : 3;
    if (!digits(s, 1, at - 1, &part[0])) {
        return false;
    }
    bool colon = at < s.len && s.at[at] == ':';
    for (size_t i = 1; i < 3 && at < s.len; i++) {
        if (colon && s.at[at++] != ':') {
            return false;
        }
        if (!digits(s, at, 2, &part[i])) {
            return false;
        }
        at += 2;
    }
    int32_t seconds = part[0] * 3600 + part[1] * 60 + part[2];
    *out = s.at[0] == '-' ? -seconds : seconds;
    return at == s.len && part[1] < 60 && part[2] < 60 && seconds <= OFFSET_MAX;
}

bool wr_zone_find(struct wr_zone *z, wr_str name, const struct wr_sql_host *host)
{
    static const wr_str utc[] = {WR_STR_INIT("UTC"), WR_STR_INIT("GMT"), WR_STR_INIT("UT"),
                                 WR_STR_INIT("Z")};
    int32_t offset;
    for (size_t i = 0; i < WR_COUNT(utc); i++) {
        if (wr_str_eq(name, utc[i])) {
            wr_zone_fixed(z, i < 2 ? utc[i] : utc[0], 0);
            return true;
        }
        if (i < 3 && wr_str_starts(name, utc[i]) &&
            offset_read(wr_str_cut(name, utc[i].len, name.len), &offset)) {
            wr_zone_fixed(z, (wr_str){NULL, 0}, offset);
            return true;
        }
    }
    if (offset_read(name, &offset)) {
        wr_zone_fixed(z, (wr_str){NULL, 0}, offset);
        return true;
    }
    wr_str tzif;
    return name.len && host && host->zone && host->zone(host->user, name, &tzif) &&
           wr_zone_from_tzif(z, name, tzif);
}

// ---- using

static void type_state(const struct wr_zone *z, uint32_t index, struct wr_zone_state *out)
{
    const char *type = z->types + (size_t)index * TYPE_SIZE;
    out->offset = (int32_t)big_endian(type, 4);
    out->dst = type[4] != 0;
    out->name = wr_str_of(z->names.at + (unsigned char)type[5]);
}

void wr_zone_at(const struct wr_zone *z, int64_t second, struct wr_zone_state *out)
{
    if (z->fixed) {
        *out = (struct wr_zone_state){z->offset, false, z->id};
        return;
    }
    uint32_t low = 0, high = z->count; // the first transition after `second`
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (big_endian(z->times + mid * z->time_size, z->time_size) <= second) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    struct posix_rule rule;
    if (low == z->count && z->rule.len && rule_read(z->rule, &rule)) {
        rule_at(&rule, second, out);
        return;
    }
    type_state(z, low == 0 ? 0 : (unsigned char)z->indexes[low - 1], out);
}

int64_t wr_zone_to_utc(const struct wr_zone *z, int64_t local)
{
    struct wr_zone_state before, after, then;
    wr_zone_at(z, local - DAY, &before);
    wr_zone_at(z, local + DAY, &after);
    if (before.offset != after.offset) {
        wr_zone_at(z, local - before.offset, &then);
        if (then.offset != before.offset) {
            wr_zone_at(z, local - after.offset, &then);
            if (then.offset == after.offset) {
                return local - after.offset;
            }
        }
    }
    return local - before.offset;
}
