// How a line of the log is spelt. Escapes are JSON's in logfmt too, where a quoted value is read
// like that; the plain form shows the bytes as they were.
#include "engine/observe/log_line.h"

#include <stdarg.h>
#include <stdio.h>

#include "sql/base/clock.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define TAIL 64 // room kept for what ends a line

static const struct {
    const char *name, *padded, *colour, *priority;
} levels[] = {
    [WR_LOG_ERROR] = {"error", "error", "\033[31m", "<3>"},
    [WR_LOG_WARN] = {"warn", "warn ", "\033[33m", "<4>"},
    [WR_LOG_INFO] = {"info", "info ", "\033[32m", "<6>"},
    [WR_LOG_DEBUG] = {"debug", "debug", "\033[2m", "<7>"},
};

static size_t room(const struct wr_log_line *l)
{
    return sizeof l->at - l->len;
}

static void add(struct wr_log_line *l, wr_str s)
{
    size_t n = s.len < room(l) ? s.len : room(l);
    memcpy(l->at + l->len, s.at, n);
    l->len += n;
}

static void add_text(struct wr_log_line *l, const char *text)
{
    add(l, wr_str_of(text));
}

static void addf(struct wr_log_line *l, const char *format, ...) WR_PRINTF(2, 3);

static void addf(struct wr_log_line *l, const char *format, ...)
{
    char text[64];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add(l, (wr_str){text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1});
}

// ---- escapes

// Bytes of the well-formed character at the start of `s`, or 0.
static size_t character(wr_str s)
{
    for (size_t n = 1; n <= 4 && n <= s.len; n++) {
        if (wr_utf8_valid(wr_str_cut(s, 0, n))) {
            return n;
        }
    }
    return 0;
}

// C0, DEL and C1, which terminals take as commands; what some readers take for the end of a line;
// what turns the order of the letters behind it, so that a line reads as another; invisible ones.
static bool is_hostile(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void add_escape(struct wr_log_line *l, uint32_t c, bool plain)
{
    if (!plain) {
        addf(l, "\\u%04x", (unsigned)c); // none of them is above U+FFFF
    } else if (c < 0x100) {
        addf(l, "\\x%02x", (unsigned)c);
    } else {
        addf(l, "\\u{%x}", (unsigned)c);
    }
}

// `s` with what is hostile escaped; not plain: as inside of JSON's quotes.
static void add_escaped(struct wr_log_line *l, wr_str s, bool plain)
{
    for (size_t i = 0; i < s.len;) {
        size_t n = character(wr_str_cut(s, i, s.len));
        size_t end = i;
        uint32_t c = n ? wr_utf8_next(wr_str_cut(s, 0, i + n), &end) : 0;
        if (n == 0) {
            // JSON cannot hold the byte; the replacement character says that one was there.
            add_escape(l, plain ? (unsigned char)s.at[i] : 0xfffd, plain);
            n = 1;
        } else if (is_hostile(c)) {
            add_escape(l, c, plain);
        } else {
            if (!plain && (c == '"' || c == '\\')) {
                add_text(l, "\\");
            }
            add(l, wr_str_cut(s, i, i + n));
        }
        i += n;
    }
}

static void add_quoted(struct wr_log_line *l, wr_str s)
{
    add_text(l, "\"");
    add_escaped(l, s, false);
    add_text(l, "\"");
}

// A value of logfmt needs no quotes: readers split at blanks and at =.
static bool is_bare(wr_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\') {
            return false;
        }
    }
    return s.len > 0;
}

// The first `max` bytes, never half of a character.
static wr_str cut(wr_str s, size_t max, bool *shorter)
{
    *shorter = s.len > max;
    if (!*shorter) {
        return s;
    }
    size_t end = max;
    while (end > max - 4 && ((unsigned char)s.at[end] & 0xc0) == 0x80) {
        end--;
    }
    return wr_str_cut(s, 0, end);
}

// ---- the parts of a line

static void add_time(struct wr_log_line *l, int64_t ms)
{
    int64_t year;
    unsigned month, day;
    int64_t days = ms / 86400000, of_day = ms % 86400000;
    wr_date_from_days(days, &year, &month, &day);
    addf(l, "%04lld-%02u-%02uT%02u:%02u:%02u.%03uZ", (long long)year, month, day,
         (unsigned)(of_day / 3600000), (unsigned)(of_day / 60000 % 60),
         (unsigned)(of_day / 1000 % 60), (unsigned)(of_day % 1000));
}

static void add_key(struct wr_log_line *l, const char *key, bool json)
{
    add_text(l, json ? ",\"" : " ");
    add_text(l, key);
    add_text(l, json ? "\":" : "=");
}

static void add_field(struct wr_log_line *l, const struct wr_log_field *f, enum wr_log_form form)
{
    bool json = form == WR_LOG_JSON;
    bool shorter = false;
    size_t max = f->kind == WR_LOG_FIELD_PAYLOAD ? WR_LOG_PAYLOAD_MAX : WR_LOG_FIELD_MAX;
    wr_str text = f->kind == WR_LOG_FIELD_JSON ? f->text : cut(f->text, max, &shorter);
    // A byte takes at most 6; a document in logfmt has its quotes escaped.
    size_t most = strlen(f->key) + text.len * (f->kind == WR_LOG_FIELD_JSON ? 2 : 6) + TAIL;
    if (f->kind == WR_LOG_FIELD_JSON && most > room(l)) {
        text = WR_STR("null");
        most = strlen(f->key) + TAIL;
    }
    if (most + TAIL > room(l)) {
        return;
    }
    add_key(l, f->key, json);
    if (f->kind == WR_LOG_FIELD_NUMBER) {
        addf(l, "%lld", (long long)f->number);
    } else if (f->kind == WR_LOG_FIELD_JSON && form != WR_LOG_LOGFMT) {
        add(l, text);
    } else if (!json && !shorter && is_bare(text)) {
        add(l, text);
    } else {
        add_text(l, "\"");
        add_escaped(l, text, false);
        add_text(l, shorter ? "...\"" : "\"");
    }
}

static bool shown(const struct wr_log_entry *e, const struct wr_log_field *f)
{
    if (f->kind == WR_LOG_FIELD_PAYLOAD && !e->payloads) {
        return false;
    }
    return f->text.at && (e->form != WR_LOG_PLAIN || f->kind == WR_LOG_FIELD_PAYLOAD ||
                          f->kind == WR_LOG_FIELD_JSON);
}

static void add_fields(struct wr_log_line *l, const struct wr_log_entry *e)
{
    for (size_t i = 0; i < e->count; i++) {
        if (shown(e, &e->fields[i])) {
            add_field(l, &e->fields[i], e->form);
        }
    }
}

// ---- the three forms

static void make_plain(struct wr_log_line *l, const struct wr_log_entry *e)
{
    add_time(l, e->wall_ms);
    add_text(l, " ");
    add_text(l, e->colour ? levels[e->level].colour : "");
    add_text(l, levels[e->level].padded);
    add_text(l, e->colour ? "\033[0m " : " ");
    add_escaped(l, wr_str_of(e->room), true);
    add_text(l, ": ");
    add_escaped(l, e->message, true);
    if (e->held_back) {
        addf(l, " (%llu more like it were held back)", (unsigned long long)e->held_back);
    }
    add_fields(l, e);
}

static void make_logfmt(struct wr_log_line *l, const struct wr_log_entry *e)
{
    add_text(l, "time=");
    add_time(l, e->wall_ms);
    add_text(l, " level=");
    add_text(l, levels[e->level].name);
    add_text(l, " room=");
    add_text(l, e->room);
    add_text(l, " msg=");
    add_quoted(l, e->message);
    if (e->held_back) {
        addf(l, " held_back=%llu", (unsigned long long)e->held_back);
    }
    add_fields(l, e);
}

static void make_json(struct wr_log_line *l, const struct wr_log_entry *e)
{
    add_text(l, "{\"time\":\"");
    add_time(l, e->wall_ms);
    add_text(l, "\",\"level\":\"");
    add_text(l, levels[e->level].name);
    add_text(l, "\",\"room\":\"");
    add_text(l, e->room);
    add_text(l, "\",\"msg\":");
    add_quoted(l, e->message);
    if (e->held_back) {
        addf(l, ",\"held_back\":%llu", (unsigned long long)e->held_back);
    }
    add_fields(l, e);
    add_text(l, "}");
}

void wr_log_line_make(struct wr_log_line *l, const struct wr_log_entry *e)
{
    struct wr_log_entry cut_off = *e;
    char message[WR_LOG_MESSAGE_MAX];
    bool shorter;
    wr_str text = cut(e->message, sizeof message - 4, &shorter);
    if (shorter) {
        memcpy(message, text.at, text.len);
        memcpy(message + text.len, "...", 3);
        cut_off.message = (wr_str){message, text.len + 3};
    }
    l->len = 0;
    add_text(l, e->journal ? levels[e->level].priority : "");
    switch (e->form) {
    case WR_LOG_JSON:
        make_json(l, &cut_off);
        break;
    case WR_LOG_LOGFMT:
        make_logfmt(l, &cut_off);
        break;
    case WR_LOG_PLAIN:
    case WR_LOG_AUTO:
        make_plain(l, &cut_off);
        break;
    }
    add_text(l, "\n");
}
