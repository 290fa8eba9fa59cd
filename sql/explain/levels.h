// A topic against a filter, level by level, and what is nearly right. The verdict is
// wr_topic_matches(). Thread: any.
#ifndef WR_SQL_EXPLAIN_LEVELS_H
#define WR_SQL_EXPLAIN_LEVELS_H

#include "sql/base/buf.h"
#include "sql/topic.h"

#define WR_LEVELS_MAX 64 // levels that are compared one by one; AWS allows 8

enum wr_level_how {
    WR_LEVEL_SAME,      // the same text
    WR_LEVEL_PLUS,      // `+`: any one level
    WR_LEVEL_HASH,      // `#`: this level and all that follow
    WR_LEVEL_DIFFERENT, // another text
    WR_LEVEL_MISSING,   // the filter has a level here, the topic none
    WR_LEVEL_EXTRA,     // the topic has a level here, the filter none
};

struct wr_level {
    enum wr_level_how how;
    wr_str filter, topic; // at NULL: no such level
};

// Compares level after level. Returns how many there are, the first WR_LEVELS_MAX are in `out`.
size_t wr_levels_compare(wr_str filter, wr_str topic, struct wr_level out[WR_LEVELS_MAX]);

// "the same", "any level", "'readings' is not 'reading': 1 letter more", …
void wr_levels_describe(const struct wr_level *level, struct wr_buf *out);

// Why the filter does not match although it nearly does, lines of text; nothing when it matches or
// is far off.
void wr_levels_advise(wr_str filter, wr_str topic, struct wr_buf *out);

#endif
