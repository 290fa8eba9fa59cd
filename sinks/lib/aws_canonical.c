// Canonical text: the same rules whether a request is about to be sent or has just come in.
#include "sinks/lib/aws_canonical.h"

#include "sql/base/clock.h"

#include "sql/base/banned.h"

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static int compare_nocase(wr_str a, wr_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < n; i++) {
        int order = (int)lower(a.at[i]) - (int)lower(b.at[i]);
        if (order) {
            return order;
        }
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool wr_aws_fields_add(struct wr_aws_fields *f, wr_str name, wr_str value)
{
    if (f->count == WR_AWS_FIELDS_MAX) {
        return false;
    }
    size_t i = f->count++;
    while (i > 0 && compare_nocase(f->at[i - 1].name, name) > 0) {
        f->at[i] = f->at[i - 1];
        i--;
    }
    f->at[i] = (struct wr_http_header){name, value};
    return true;
}

bool wr_aws_never_signed(wr_str name)
{
    static const wr_str never[] = {
        WR_STR_INIT("accept-encoding"),
        WR_STR_INIT("authorization"),
        WR_STR_INIT("connection"),
        WR_STR_INIT("content-length"),
        WR_STR_INIT("expect"),
        WR_STR_INIT("forwarded"),
        WR_STR_INIT("keep-alive"),
        WR_STR_INIT("proxy-authorization"),
        WR_STR_INIT("proxy-connection"),
        WR_STR_INIT("te"),
        WR_STR_INIT("trailer"),
        WR_STR_INIT("transfer-encoding"),
        WR_STR_INIT("upgrade"),
        WR_STR_INIT("user-agent"),
        WR_STR_INIT("via"),
        WR_STR_INIT("x-amzn-trace-id"),
        WR_STR_INIT("x-forwarded-for"),
        WR_STR_INIT("x-forwarded-host"),
        WR_STR_INIT("x-forwarded-port"),
        WR_STR_INIT("x-forwarded-proto"),
    };
    for (size_t i = 0; i < WR_COUNT(never); i++) {
        if (wr_str_eq_nocase(name, never[i])) {
            return true;
        }
    }
    return false;
}

// 1: as it is in every place. 2: "/", a matter of the place.
static const unsigned char plain_bytes[256] = {
    ['-'] = 1, ['.'] = 1, ['_'] = 1, ['~'] = 1, ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1,
    ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1, ['A'] = 1, ['B'] = 1,
    ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1, ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1,
    ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1, ['Q'] = 1, ['R'] = 1,
    ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1, ['Y'] = 1, ['Z'] = 1,
    ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1, ['g'] = 1, ['h'] = 1,
    ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1,
    ['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1,
    ['y'] = 1, ['z'] = 1, ['/'] = 2,
};

void wr_aws_encode(struct wr_buf *b, wr_str s, bool slash)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (plain_bytes[c] == 1 || (slash && plain_bytes[c] == 2)) {
            continue;
        }
        wr_buf_add(b, wr_str_cut(s, from, i));
        from = i + 1;
        wr_buf_add_char(b, '%');
        wr_buf_add_char(b, digits[c >> 4]);
        wr_buf_add_char(b, digits[c & 15]);
    }
    wr_buf_add(b, wr_str_cut(s, from, s.len));
}

bool wr_aws_plain_path(wr_str service)
{
    return wr_str_eq(service, WR_STR("s3")) || wr_str_starts(service, WR_STR("s3-")) ||
           wr_str_eq(service, WR_STR("s3express"));
}

bool wr_aws_wants_hash(wr_str service)
{
    return wr_aws_plain_path(service) || wr_str_eq(service, WR_STR("aoss"));
}

void wr_aws_canonical_path(struct wr_buf *b, wr_str path, bool plain)
{
    if (path.len == 0) {
        wr_buf_add_char(b, '/');
        return;
    }
    if (plain) {
        wr_buf_add(b, path);
        return;
    }
    size_t start = b->len;
    for (size_t from = 0, to; from < path.len; from = to + 1) {
        const char *slash = memchr(path.at + from, '/', path.len - from);
        to = slash ? (size_t)(slash - path.at) : path.len;
        wr_str part = wr_str_cut(path, from, to);
        if (part.len == 0 || wr_str_eq(part, WR_STR("."))) {
            continue;
        }
        if (!wr_str_eq(part, WR_STR(".."))) {
            wr_buf_add_char(b, '/');
            wr_aws_encode(b, part, false);
            continue;
        }
        while (b->len > start && b->at[--b->len] != '/') {
        }
    }
    if (b->len == start || path.at[path.len - 1] == '/') {
        wr_buf_add_char(b, '/');
    }
}

struct pair {
    wr_str name, value;
};

bool wr_aws_canonical_query(struct wr_buf *b, wr_str query, wr_str without)
{
    struct pair pairs[WR_AWS_QUERY_MAX];
    size_t count = 0;
    for (size_t from = 0, to; from < query.len; from = to + 1) {
        const char *end = memchr(query.at + from, '&', query.len - from);
        to = end ? (size_t)(end - query.at) : query.len;
        wr_str whole = wr_str_cut(query, from, to);
        if (whole.len == 0) {
            continue;
        }
        const char *sign = memchr(whole.at, '=', whole.len);
        size_t at = sign ? (size_t)(sign - whole.at) : whole.len;
        struct pair p = {wr_str_cut(whole, 0, at),
                         wr_str_cut(whole, sign ? at + 1 : at, whole.len)};
        if (without.at && wr_str_eq(p.name, without)) {
            continue;
        }
        if (count == WR_AWS_QUERY_MAX) {
            return false;
        }
        size_t i = count++;
        for (; i > 0; i--) {
            int order = wr_str_cmp(pairs[i - 1].name, p.name);
            if (order < 0 || (order == 0 && wr_str_cmp(pairs[i - 1].value, p.value) <= 0)) {
                break;
            }
            pairs[i] = pairs[i - 1];
        }
        pairs[i] = p;
    }
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            wr_buf_add_char(b, '&');
        }
        wr_buf_add(b, pairs[i].name);
        wr_buf_add_char(b, '=');
        wr_buf_add(b, pairs[i].value);
    }
    return true;
}

static void add_lower(struct wr_buf *b, wr_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        wr_buf_add_char(b, (char)lower(s.at[i]));
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void add_value(struct wr_buf *b, wr_str s)
{
    while (s.len > 0 && is_blank(s.at[s.len - 1])) {
        s.len--;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!is_blank(s.at[i])) {
            wr_buf_add_char(b, s.at[i]);
        } else if (i > 0 && !is_blank(s.at[i - 1])) {
            wr_buf_add_char(b, ' ');
        }
    }
}

static bool same_as_before(const struct wr_aws_fields *f, size_t i)
{
    return i > 0 && wr_str_eq_nocase(f->at[i].name, f->at[i - 1].name);
}

void wr_aws_canonical_fields(struct wr_buf *b, const struct wr_aws_fields *f)
{
    for (size_t i = 0; i < f->count; i++) {
        if (same_as_before(f, i)) {
            wr_buf_add_char(b, ',');
        } else {
            if (i > 0) {
                wr_buf_add_char(b, '\n');
            }
            add_lower(b, f->at[i].name);
            wr_buf_add_char(b, ':');
        }
        add_value(b, f->at[i].value);
    }
    if (f->count > 0) {
        wr_buf_add_char(b, '\n');
    }
}

void wr_aws_signed_names(struct wr_buf *b, const struct wr_aws_fields *f)
{
    for (size_t i = 0; i < f->count; i++) {
        if (same_as_before(f, i)) {
            continue;
        }
        if (i > 0) {
            wr_buf_add_char(b, ';');
        }
        add_lower(b, f->at[i].name);
    }
}

// ---- dates

static char *put(char *to, unsigned n, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        to[i] = (char)('0' + n % 10);
        n /= 10;
    }
    return to + digits;
}

void wr_aws_date(char out[WR_AWS_DATE_LEN + 1], int64_t time_ms)
{
    int64_t second = time_ms / 1000 - (time_ms % 1000 < 0);
    int64_t days = second / 86400 - (second % 86400 < 0), year;
    unsigned month, day, left = (unsigned)(second - days * 86400);
    wr_date_from_days(days, &year, &month, &day);
    char *p = put(put(put(out, (unsigned)year, 4), month, 2), day, 2);
    *p++ = 'T';
    p = put(put(put(p, left / 3600, 2), left / 60 % 60, 2), left % 60, 2);
    *p++ = 'Z';
    *p = '\0';
}

bool wr_aws_date_read(wr_str date, int64_t *time_ms)
{
    unsigned n[WR_AWS_DATE_LEN];
    if (date.len != WR_AWS_DATE_LEN || date.at[8] != 'T' || date.at[15] != 'Z') {
        return false;
    }
    for (size_t i = 0; i < WR_AWS_DATE_LEN; i++) {
        n[i] = (unsigned)date.at[i] - '0';
        if (i != 8 && i != 15 && n[i] > 9) {
            return false;
        }
    }
    unsigned year = n[0] * 1000 + n[1] * 100 + n[2] * 10 + n[3];
    unsigned month = n[4] * 10 + n[5], day = n[6] * 10 + n[7];
    unsigned hour = n[9] * 10 + n[10], minute = n[11] * 10 + n[12], second = n[13] * 10 + n[14];
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
        second > 60) {
        return false;
    }
    int64_t days = wr_days_from_date((int64_t)year, month, day), y;
    unsigned m, d;
    wr_date_from_days(days, &y, &m, &d);
    if (m != month || d != day) { // the 31st of a month that has 30
        return false;
    }
    *time_ms = (days * 86400 + (int64_t)(hour * 3600 + minute * 60 + second)) * 1000;
    return true;
}
