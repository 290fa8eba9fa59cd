// One line of the log, as bytes. For log.c and tests. Thread: any.
#ifndef WR_ENGINE_OBSERVE_LOG_LINE_H
#define WR_ENGINE_OBSERVE_LOG_LINE_H

#include "engine/observe/log.h"

#define WR_LOG_MESSAGE_MAX 2048        // bytes of a message before escapes; the rest is cut
#define WR_LOG_FIELD_MAX   512         // the same of a field
#define WR_LOG_LINE_MAX    (32 * 1024) // a message of escapes of 6 bytes, and fields behind it

struct wr_log_line {
    char at[WR_LOG_LINE_MAX];
    size_t len;
};

struct wr_log_entry {
    enum wr_log_level level;
    const char *room;
    wr_str message;
    const struct wr_log_field *fields;
    size_t count;
    uint64_t held_back; // lines like it that were not written; 0: not said
    int64_t wall_ms;
    enum wr_log_form form; // not WR_LOG_AUTO
    bool colour;           // the plain form
    bool journal;          // with its priority in front
    bool payloads;
};

// Fill `l` with the line, its line feed included. Fields that do not fit are left out.
void wr_log_line_make(struct wr_log_line *l, const struct wr_log_entry *e);

#endif
