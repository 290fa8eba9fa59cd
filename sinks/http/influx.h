// influxDB: points in line protocol (actions.md 4.22). The action's members, and the lines.
#ifndef WR_SINKS_HTTP_INFLUX_H
#define WR_SINKS_HTTP_INFLUX_H

#include "sinks/sink.h"

enum {
    WR_INFLUX_DESTINATION,
    WR_INFLUX_ROLE,
    WR_INFLUX_DATABASE,
    WR_INFLUX_TABLE,
    WR_INFLUX_ORGANIZATION,
    WR_INFLUX_TAGS,
    WR_INFLUX_UNIT,
    WR_INFLUX_BATCH_SIZE,
    WR_INFLUX_BATCH_OPEN,
    WR_INFLUX_BATCH_BYTES,
    WR_INFLUX_BATCH_TOPICS,
};
extern const struct wr_option wr_influx_options[];
wr_err wr_influx_check(const struct wr_param *params, const bool *constant, struct wr_fault *fault);

#define WR_INFLUX_FIELDS_MAX 250 // tags and fields of one point

// Append a line for each point of `rec`, each with its line feed, and count them. `v3`: the rules
// of version 3. NULL, or why the record cannot be written (static or in rec->arena): then what was
// appended is to be thrown away. Thread: the record's owner.
const char *wr_influx_lines(const struct wr_record *rec, bool v3, struct wr_buf *out,
                            size_t *points);

#endif
