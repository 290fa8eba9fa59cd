// Time and text: Joda-Time patterns for writing, java.time patterns for reading (sql.md 11.4).
// Thread: any.
#ifndef WR_SQL_FUNC_TIME_FORMAT_H
#define WR_SQL_FUNC_TIME_FORMAT_H

#include "sql/base/buf.h"
#include "sql/func/zone.h"

extern const wr_str wr_time_months[12]; // "January", …
extern const wr_str wr_time_days[7];    // "Monday", …
#define WR_TIME_SHORT 3                 // bytes of the short forms

// Append `ms` since the epoch by a Joda-Time pattern, in English. False when the pattern is bad, or
// asks for what weir does not know (zzzz, the zone's long name); then `b` holds a part of the text.
bool wr_time_write(struct wr_buf *b, wr_str pattern, int64_t ms, const struct wr_zone *zone);

// Read `text` by a DateTimeFormatter pattern (smart resolving, English); zones from `host` (may be
// NULL). False when the pattern is bad or does not fit the whole text, or when the text holds no
// date.
bool wr_time_read(wr_str text, wr_str pattern, const struct wr_sql_host *host, int64_t *ms);

// Whether wr_time_read() can use the pattern at all.
bool wr_time_pattern_valid(wr_str pattern);

#endif
