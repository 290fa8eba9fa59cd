// The log: one line, one write(2), so that lines of threads and processes do not mix. Bytes that a
// terminal or a line reader would take for more than text are escaped: payloads and names end up
// here.
#include "engine/observe/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sql/base/clock.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define MESSAGE_MAX 2048                    // bytes of a message before escapes; the rest is cut
#define LINE_MAX_   (MESSAGE_MAX * 6 + 256) // an escape has at most 6 bytes ("\u0000")

static struct {
    enum wr_log_level level;
    bool json, colour;
} setup = {.level = WR_LOG_INFO};

struct line {
    char at[LINE_MAX_];
    size_t len;
};

static void add(struct line *l, wr_str s)
{
    size_t n = s.len < sizeof l->at - l->len ? s.len : sizeof l->at - l->len;
    memcpy(l->at + l->len, s.at, n);
    l->len += n;
}

static void addf(struct line *l, const char *format, ...) WR_PRINTF(2, 3);

static void addf(struct line *l, const char *format, ...)
{
    char text[64];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add(l, (wr_str){text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1});
}

static void add_escape(struct line *l, unsigned value)
{
    if (setup.json) {
        addf(l, "\\u%04x", value);
    } else {
        addf(l, "\\x%02x", value);
    }
}

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

// C0, DEL and C1: what terminals take as commands.
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

static void add_escaped(struct line *l, wr_str s)
{
    for (size_t i = 0; i < s.len;) {
        size_t n = character(wr_str_cut(s, i, s.len));
        size_t end = i;
        uint32_t c = n ? wr_utf8_next(wr_str_cut(s, 0, i + n), &end) : 0;
        if (n == 0) {
            // JSON cannot hold the byte; the replacement character says that one was there.
            add_escape(l, setup.json ? 0xfffd : (unsigned char)s.at[i]);
            n = 1;
        } else if (is_control(c)) {
            add_escape(l, c);
        } else if (setup.json && (c == '"' || c == '\\')) {
            add(l, WR_STR("\\"));
            add(l, wr_str_cut(s, i, i + n));
        } else {
            add(l, wr_str_cut(s, i, i + n));
        }
        i += n;
    }
}

static void add_time(struct line *l)
{
    int64_t ms = wr_wall_ms(), year;
    unsigned month, day;
    int64_t days = ms / 86400000, of_day = ms % 86400000;
    wr_date_from_days(days, &year, &month, &day);
    char text[64];
    int n = snprintf(text, sizeof text, "%04lld-%02u-%02uT%02u:%02u:%02u.%03uZ", (long long)year,
                     month, day, (unsigned)(of_day / 3600000), (unsigned)(of_day / 60000 % 60),
                     (unsigned)(of_day / 1000 % 60), (unsigned)(of_day % 1000));
    add(l, (wr_str){text, (size_t)n});
}

static void write_line(const struct line *l)
{
    int saved = errno;
    for (size_t at = 0; at < l->len;) {
        ssize_t n = write(STDERR_FILENO, l->at + at, l->len - at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break; // there is nowhere to complain to
        }
        at += (size_t)n;
    }
    errno = saved;
}

static void print(enum wr_log_level level, const char *room, wr_str message, uint64_t skipped)
{
    static const struct {
        const char *name, *padded, *colour;
    } levels[] = {
        [WR_LOG_ERROR] = {"error", "error", "\033[31m"},
        [WR_LOG_WARN] = {"warn", "warn ", "\033[33m"},
        [WR_LOG_INFO] = {"info", "info ", "\033[32m"},
        [WR_LOG_DEBUG] = {"debug", "debug", "\033[2m"},
    };
    struct line l;
    l.len = 0;
    if (setup.json) {
        add(&l, WR_STR("{\"time\":\""));
        add_time(&l);
        add(&l, WR_STR("\",\"level\":\""));
        add(&l, wr_str_of(levels[level].name));
        add(&l, WR_STR("\",\"room\":\""));
        add_escaped(&l, wr_str_of(room));
        add(&l, WR_STR("\",\"message\":\""));
        add_escaped(&l, message);
        add(&l, WR_STR("\""));
        if (skipped) {
            addf(&l, ",\"skipped\":%llu", (unsigned long long)skipped);
        }
        add(&l, WR_STR("}\n"));
    } else {
        add_time(&l);
        add(&l, WR_STR(" "));
        add(&l, wr_str_of(setup.colour ? levels[level].colour : ""));
        add(&l, wr_str_of(levels[level].padded));
        add(&l, wr_str_of(setup.colour ? "\033[0m" : ""));
        add(&l, WR_STR(" "));
        add_escaped(&l, wr_str_of(room));
        add(&l, WR_STR(": "));
        add_escaped(&l, message);
        if (skipped) {
            addf(&l, " (%llu more like it were left out)", (unsigned long long)skipped);
        }
        add(&l, WR_STR("\n"));
    }
    write_line(&l);
}

static wr_str format_message(char buffer[MESSAGE_MAX], const char *format, va_list args)
    WR_PRINTF(2, 0);

// The formatted message in `buffer`, cut with "..." at its end, never inside a character.
static wr_str format_message(char buffer[MESSAGE_MAX], const char *format, va_list args)
{
    int n = vsnprintf(buffer, MESSAGE_MAX, format, args);
    if (n < 0) {
        return WR_STR("(a message that cannot be formatted)");
    }
    if (n < MESSAGE_MAX) {
        return (wr_str){buffer, (size_t)n};
    }
    size_t end = MESSAGE_MAX - 4;
    while (end > 0 && ((unsigned char)buffer[end] & 0xc0) == 0x80) {
        end--;
    }
    memcpy(buffer + end, "...", 3);
    return (wr_str){buffer, end + 3};
}

void wr_log_setup(enum wr_log_level level, bool json)
{
    const char *no_color = getenv("NO_COLOR");
    setup.level = level;
    setup.json = json;
    setup.colour = !json && isatty(STDERR_FILENO) && !(no_color && *no_color);
}

bool wr_log_enabled(enum wr_log_level level)
{
    return level <= setup.level;
}

void wr_log(enum wr_log_level level, const char *room, const char *format, ...)
{
    if (!wr_log_enabled(level)) {
        return;
    }
    char buffer[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    wr_str message = format_message(buffer, format, args);
    va_end(args);
    print(level, room, message, 0);
}

void wr_log_limited(struct wr_log_limit *limit, enum wr_log_level level, const char *room,
                    const char *format, ...)
{
    if (!wr_log_enabled(level)) {
        return;
    }
    int64_t now = wr_mono_now().us / 1000;
    if (limit->next_ms_ && now < limit->next_ms_) {
        limit->skipped_++;
        return;
    }
    uint64_t skipped = limit->skipped_;
    limit->next_ms_ = now + 1000;
    limit->skipped_ = 0;
    char buffer[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    wr_str message = format_message(buffer, format, args);
    va_end(args);
    print(level, room, message, skipped);
}
