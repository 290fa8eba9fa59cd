// The log: one line an event on stderr, in one write(2), as logfmt or JSON; a plain form for people
// at a terminal. Not for the message path after warm-up.
//
//   time=2026-11-27T08:00:00.000Z level=error room=flow msg="rule a: action s3 failed on topic t:
//   …"
//       eventType=RuleExecution status=Failure ruleName=a topicName=t        (all in one line)
//
// A message is a whole sentence; fields say the same again in parts, for programs, and are left out
// of the plain form. Whatever bytes names, topics and payloads hold, a line stays one line, and
// nothing in it commands a terminal. What is told to the journal (JOURNAL_STREAM is stderr) begins
// with its priority, as <3>.
//
// Thread: any. Protocol: the setup and the counts of a limit are atomics; what a limit remembers of
// its line is guarded by one mutex in log.c, taken only when a line is written.
#ifndef WR_ENGINE_OBSERVE_LOG_H
#define WR_ENGINE_OBSERVE_LOG_H

#include "sinks/sink.h"

#include <stdatomic.h>
#include <stdint.h>

#define WR_LOG_LIKE_MAX    160 // bytes remembered of a line of which others are held back
#define WR_LOG_PAYLOAD_MAX 256 // bytes of a payload that log.payloads shows

enum wr_log_form {
    WR_LOG_PLAIN, // time, level, room: message; documents and payloads, no other fields
    WR_LOG_JSON,
    WR_LOG_LOGFMT,
    WR_LOG_AUTO, // plain on a terminal, else logfmt
};

// May be called again, at any time. WR_LOG_PLAIN and "info" without it.
void wr_log_setup(enum wr_log_level level, enum wr_log_form form);
// Show payloads where a line has one; not without this.
void wr_log_show_payloads(bool on);
bool wr_log_enabled(enum wr_log_level level);

struct wr_log_field {
    const char *key;
    enum {
        WR_LOG_FIELD_TEXT,
        WR_LOG_FIELD_NUMBER,
        WR_LOG_FIELD_JSON,    // `text` is valid JSON; null when it does not fit into the line
        WR_LOG_FIELD_PAYLOAD, // only with log.payloads
    } kind;
    wr_str text; // borrowed; any bytes. A text with a NULL pointer leaves the field out
    int64_t number;
};
#define WR_LOG_TEXT(key, text)          \
    {                                   \
        key, WR_LOG_FIELD_TEXT, text, 0 \
    }
#define WR_LOG_NUMBER(key, number)                         \
    {                                                      \
        key, WR_LOG_FIELD_NUMBER, {"", 0}, (int64_t)number \
    }
#define WR_LOG_DOCUMENT(key, json)      \
    {                                   \
        key, WR_LOG_FIELD_JSON, json, 0 \
    }
#define WR_LOG_PAYLOAD(bytes)                     \
    {                                             \
        "payload", WR_LOG_FIELD_PAYLOAD, bytes, 0 \
    }
// The two arguments `fields, count`.
#define WR_LOG_FIELDS(...)                      \
    (const struct wr_log_field[]){__VA_ARGS__}, \
        sizeof((const struct wr_log_field[]){__VA_ARGS__}) / sizeof(struct wr_log_field)

// One line: time, level, room ("mqtt", "rules", …), message, fields.
void wr_log(enum wr_log_level level, const char *room, const char *format, ...) WR_PRINTF(3, 4);
void wr_log_event(enum wr_log_level level, const char *room, const struct wr_log_field *fields,
                  size_t count, const char *format, ...) WR_PRINTF(5, 6);

// The same, at most once a second for each limit. How many were held back the next line says, or
// wr_log_flush(), whichever comes first. A limit is zeroed at first and lives as long as the
// process: `static`.
struct wr_log_limit {
    _Atomic int64_t next_ms_;
    _Atomic uint64_t held_;
    struct wr_log_limit *next_; // of those that have been used; under the mutex, as are these
    bool known_;
    enum wr_log_level level_;
    const char *room_;
    char like_[WR_LOG_LIKE_MAX];
};
void wr_log_limited(struct wr_log_limit *limit, enum wr_log_level level, const char *room,
                    const char *format, ...) WR_PRINTF(4, 5);
void wr_log_event_limited(struct wr_log_limit *limit, enum wr_log_level level, const char *room,
                          const struct wr_log_field *fields, size_t count, const char *format, ...)
    WR_PRINTF(6, 7);

// A line for every limit that has held lines back for a second and has said nothing since; with
// `all` whatever their time (at the end). Call it every second or so.
void wr_log_flush(bool all);

#endif
