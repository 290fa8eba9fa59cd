// The log: lines on stderr, text or JSON. Not for the message path after warm-up.
// Thread: any.
#ifndef WR_ENGINE_OBSERVE_LOG_H
#define WR_ENGINE_OBSERVE_LOG_H

#include "sinks/sink.h"

// "error".."debug"; "text" or "json". Thread: start.
void wr_log_setup(enum wr_log_level level, bool json);
bool wr_log_enabled(enum wr_log_level level);
// One line: time, level, room ("mqtt", "rules", …), message.
void wr_log(enum wr_log_level level, const char *room, const char *format, ...) WR_PRINTF(3, 4);
// The same, at most once a second for each call site; the line says how many were left out. A limit
// is zeroed at first and belongs to one loop.
struct wr_log_limit {
    int64_t next_ms_;
    uint64_t skipped_;
};
void wr_log_limited(struct wr_log_limit *limit, enum wr_log_level level, const char *room,
                    const char *format, ...) WR_PRINTF(4, 5);

#endif
