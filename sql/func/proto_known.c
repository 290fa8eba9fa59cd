// The JSON forms of Google's well-known types: times as text, wrappers as their value, Struct as
// what it holds. Their fields were checked when the descriptor was read.
#include "sql/func/proto_decode.h"

#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define TIMESTAMP_MIN INT64_C(-62135596800) // 0001-01-01
#define TIMESTAMP_MAX INT64_C(253402300799) // 9999-12-31
#define DURATION_MAX  INT64_C(315576000000) // 10,000 years
#define DAY_SECONDS   86400
#define NANOS_MAX     999999999

static char *put_digits(char *at, uint64_t n, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + n % 10);
        n /= 10;
    }
    return at + width;
}

// ".5" as 0, 3, 6 or 9 digits.
static char *put_nanos(char *at, uint32_t nanos)
{
    if (nanos == 0) {
        return at;
    }
    *at++ = '.';
    if (nanos % 1000000 == 0) {
        return put_digits(at, nanos / 1000000, 3);
    }
    return nanos % 1000 == 0 ? put_digits(at, nanos / 1000, 6) : put_digits(at, nanos, 9);
}

static bool put_text(struct wr_proto_decoder *d, const char *text, const char *end, wr_value *out)
{
    wr_str copy = wr_str_dup(d->arena, (wr_str){text, (size_t)(end - text)});
    *out = wr_string(copy);
    return copy.at;
}

static int64_t parse_i64(wr_str digits)
{
    bool neg = digits.len && digits.at[0] == '-';
    uint64_t n = 0;
    for (size_t i = neg; i < digits.len; i++) {
        n = n * 10 + (uint64_t)(digits.at[i] - '0');
    }
    return (int64_t)(neg ? 0 - n : n);
}

// Fields 1 and 2 of a Timestamp or Duration. 64-bit numbers are text by then.
static void seconds_and_nanos(struct wr_proto_message *m, int64_t *seconds, int64_t *nanos)
{
    const wr_value *s = &m->slots[0].as.value, *n = &m->slots[1].as.value;
    *seconds = s->type == WR_STRING ? parse_i64(wr_value_text(s)) : 0;
    *nanos = 0;
    if (n->type == WR_NUMBER && !wr_num_to_i64(n, nanos)) {
        *nanos = INT64_MAX;
    }
}

// Year, month and day of a day since 1970, in years that begin in March.
static void civil(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    days += 719468;
    int64_t era = days / 146097, of_era = days % 146097; // days are positive from year 1 on
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = of_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = era * 400 + y + (*month <= 2);
}

static bool timestamp(struct wr_proto_decoder *d, struct wr_proto_message *m, wr_value *out)
{
    int64_t seconds, nanos, year, month, day;
    seconds_and_nanos(m, &seconds, &nanos);
    if (seconds < TIMESTAMP_MIN || seconds > TIMESTAMP_MAX || nanos < 0 || nanos > NANOS_MAX) {
        return wr_proto_fail(d, "a Timestamp out of range: %lld seconds, %lld nanoseconds",
                             (long long)seconds, (long long)nanos);
    }
    int64_t of_day = seconds % DAY_SECONDS, days = seconds / DAY_SECONDS;
    if (of_day < 0) {
        of_day += DAY_SECONDS;
        days--;
    }
    civil(days, &year, &month, &day);
    char text[40], *at = put_digits(text, (uint64_t)year, 4);
    const int64_t parts[] = {month, day, of_day / 3600, of_day / 60 % 60, of_day % 60};
    for (size_t i = 0; i < WR_COUNT(parts); i++) {
        *at++ = "--T::"[i];
        at = put_digits(at, (uint64_t)parts[i], 2);
    }
    at = put_nanos(at, (uint32_t)nanos);
    *at++ = 'Z';
    return put_text(d, text, at, out);
}

static bool duration(struct wr_proto_decoder *d, struct wr_proto_message *m, wr_value *out)
{
    int64_t seconds, nanos;
    seconds_and_nanos(m, &seconds, &nanos);
    if (seconds < -DURATION_MAX || seconds > DURATION_MAX || nanos < -NANOS_MAX ||
        nanos > NANOS_MAX || (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0)) {
        return wr_proto_fail(d, "a Duration out of range: %lld seconds, %lld nanoseconds",
                             (long long)seconds, (long long)nanos);
    }
    char text[40], *at = text;
    if (seconds < 0 || nanos < 0) {
        *at++ = '-';
        seconds = -seconds;
        nanos = -nanos;
    }
    int width = 1;
    for (int64_t n = seconds; n >= 10; n /= 10) {
        width++;
    }
    at = put_nanos(put_digits(at, (uint64_t)seconds, width), (uint32_t)nanos);
    *at++ = 's';
    return put_text(d, text, at, out);
}

// "user_name" is "userName"; a path that could not be turned back has no JSON form.
static bool add_path(struct wr_proto_decoder *d, struct wr_buf *b, wr_str path)
{
    for (size_t i = 0; i < path.len; i++) {
        char c = path.at[i];
        bool upper = c == '_';
        if (upper) {
            c = i + 1 < path.len ? path.at[++i] : '\0';
        }
        if ((c >= 'A' && c <= 'Z') || (upper && !(c >= 'a' && c <= 'z'))) {
            return wr_proto_fail(d, "the FieldMask path '%.*s' has no JSON form", WR_STR_ARG(path));
        }
        wr_buf_add_char(b, upper ? (char)(c - 'a' + 'A') : c);
    }
    return !d->arena->over;
}

static bool field_mask(struct wr_proto_decoder *d, struct wr_proto_message *m, wr_value *out)
{
    const struct wr_array_builder *paths = &m->slots[0].as.array;
    struct wr_buf b;
    wr_buf_init_arena(&b, d->arena);
    for (uint32_t i = 0; i < paths->len; i++) {
        if (i) {
            wr_buf_add_char(&b, ',');
        }
        if (!add_path(d, &b, wr_value_text(&paths->items[i]))) {
            return false;
        }
    }
    *out = wr_string(b.len ? wr_buf_str(&b) : WR_STR(""));
    return !d->arena->over;
}

static bool value(struct wr_proto_decoder *d, struct wr_proto_message *m, int depth, wr_value *out)
{
    *out = wr_null();
    for (uint32_t i = 1; i < m->type->field_count; i++) { // the first is null_value
        const struct wr_proto_field *f = &m->type->fields[i];
        if (m->slots[i].set) {
            if (!wr_proto_slot_value(d, f, &m->slots[i], depth, out)) {
                return false;
            }
            if (f->kind == WR_PROTO_DOUBLE && out->type != WR_NUMBER) {
                return wr_proto_fail(d, "a Value that is NaN or infinite has no JSON form");
            }
        }
    }
    return true;
}

// {"@type": URL, and the message's own members, or "value": its JSON form}
static bool any(struct wr_proto_decoder *d, struct wr_proto_message *m, int depth, wr_value *out)
{
    struct wr_object_builder b = {0};
    if (!m->slots[0].set && !m->slots[1].set) {
        *out = wr_object_done(&b);
        return true;
    }
    wr_str url = m->slots[0].set ? wr_value_text(&m->slots[0].as.value) : WR_STR("");
    wr_str bytes = m->slots[1].set ? wr_value_text(&m->slots[1].as.value) : WR_STR("");
    size_t at = url.len;
    while (at > 0 && url.at[at - 1] != '/') {
        at--;
    }
    const struct wr_proto_type *t = wr_proto_schema_type(d->schema, wr_str_cut(url, at, url.len));
    if (!t) {
        return wr_proto_fail(d, "an Any holds '%.*s', which is not in the descriptor file",
                             WR_STR_ARG(url));
    }
    if (depth >= WR_WIRE_DEPTH_MAX) {
        return wr_proto_fail(d, "messages nested deeper than %d", WR_WIRE_DEPTH_MAX);
    }
    struct wr_proto_message *inner = wr_proto_read(d, t, wr_wire_of(bytes), depth + 1);
    wr_value v;
    if (!inner) {
        return false;
    }
    wr_object_set(&b, d->arena, WR_STR("@type"), wr_string(url));
    if (t->known == WR_PROTO_PLAIN) {
        if (!wr_proto_object(d, inner, depth + 1, &b)) {
            return false;
        }
    } else if (wr_proto_finish(d, inner, depth + 1, &v)) {
        wr_object_set(&b, d->arena, WR_STR("value"), v);
    } else {
        return false;
    }
    *out = wr_object_done(&b);
    return !d->arena->over;
}

bool wr_proto_known(struct wr_proto_decoder *d, struct wr_proto_message *m, int depth,
                    wr_value *out)
{
    switch (m->type->known) {
    case WR_PROTO_TIMESTAMP:
        return timestamp(d, m, out);
    case WR_PROTO_DURATION:
        return duration(d, m, out);
    case WR_PROTO_FIELD_MASK:
        return field_mask(d, m, out);
    case WR_PROTO_VALUE:
        return value(d, m, depth, out);
    case WR_PROTO_ANY:
        return any(d, m, depth, out);
    case WR_PROTO_WRAPPER:
    case WR_PROTO_STRUCT:
    case WR_PROTO_LIST:
    case WR_PROTO_PLAIN:
        break;
    }
    return wr_proto_slot_value(d, &m->type->fields[0], &m->slots[0], depth, out);
}
