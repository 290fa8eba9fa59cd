// Time zones: fixed offsets, and zones of the tz database read from TZif bytes (RFC 8536) in place.
// Thread: any.
#ifndef WR_SQL_FUNC_ZONE_H
#define WR_SQL_FUNC_ZONE_H

#include "sql/sql.h"

// A zone as value; borrows the TZif bytes and the name.
struct wr_zone {
    wr_str id;         // as it was asked for; empty for a plain offset
    bool fixed;        // `offset` is all there is
    int32_t offset;    // seconds east of UTC
    const char *times; // `count` big-endian numbers of `time_size` bytes, ascending
    size_t time_size;
    const char *indexes; // `count` bytes: number of the type from that time on
    uint32_t count;
    const char *types; // `type_count` of 6 bytes
    uint32_t type_count;
    wr_str names; // NUL-terminated short names
    wr_str rule;  // POSIX TZ for times after the last transition; may be empty
};

// What holds at one time. `name` is empty for a plain offset and borrows from the zone.
struct wr_zone_state {
    int32_t offset;
    bool dst;
    wr_str name;
};

// False when `tzif` is not a well-formed file. `tzif` must outlive the zone.
bool wr_zone_from_tzif(struct wr_zone *z, wr_str id, wr_str tzif);

// "UTC", "GMT", "UT", "Z", these with an offset ("UTC+01:00"), plain offsets ("+01:00", "-0530",
// "+9"); other names from `host` (NULL: none is known). False when there is no such zone.
bool wr_zone_find(struct wr_zone *z, wr_str name, const struct wr_sql_host *host);

void wr_zone_fixed(struct wr_zone *z, wr_str id, int32_t offset);

// At `second` since the epoch.
void wr_zone_at(const struct wr_zone *z, int64_t second, struct wr_zone_state *out);

// The second since the epoch when clocks of the zone show `local` (counted as if it were UTC). As
// in java.time: of two such seconds the earlier; inside a gap what the clock before it would have
// said.
int64_t wr_zone_to_utc(const struct wr_zone *z, int64_t local);

#endif
