// The local forms that are rows of SQLite files: metrics, alarms, Timestream tables; reading them
// beside the process that writes (actions.md 10). No file is no row.
// Thread: any; calls block.
//
//   local/metrics.db     metrics   namespace, name, unit: count, sum, min, max, last, time_ms
//   local/alarms.db      alarms    name: state, reason, time_ms
//                        changes   seq: name, before, state, reason, time_ms
//   local/timestream.db  records   seq: database, name, measure, type, value, time, time_unit,
//                                  dimensions
#ifndef WR_SINKS_LIB_LOCAL_ROWS_H
#define WR_SINKS_LIB_LOCAL_ROWS_H

#include "sql/base/buf.h"
#include "sql/base/err.h"
#include "sql/base/str.h"

#include <stdint.h>

// One metric, for an exposition. All lent until the visit ends.
struct wr_local_metric {
    wr_str space, name, unit;
    uint64_t count;
    double sum, min, max, last;
    int64_t time_ms; // of the last value
};

// Visit the metrics in the order of namespace, name and unit until `visit` returns false.
wr_err wr_local_metrics(const char *state_dir,
                        bool (*visit)(void *user, const struct wr_local_metric *metric), void *user,
                        struct wr_fault *fault) WR_MUST_CHECK;

// What can be asked. QUERY(name, file, sql): parameters are :name and :key (empty: any) and :after;
// columns are seq, the row as JSON, and the row as a line for people.
#define WR_LOCAL_TIME(column) "strftime('%Y-%m-%dT%H:%M:%fZ', " column " / 1000.0, 'unixepoch')"
#define WR_LOCAL_ROWS_MAP(QUERY)                                                                  \
    QUERY(NAMESPACES, "metrics.db",                                                               \
          "SELECT 0, json_object('namespace', namespace, 'metrics', count(*), 'values', "         \
          "sum(count), 'lastModified', " WR_LOCAL_TIME("max(time_ms)") "), " WR_LOCAL_TIME(       \
              "max(time_ms)") " || printf(' %10d ', sum(count)) || namespace "                    \
                              "FROM metrics GROUP BY namespace ORDER BY namespace")               \
    QUERY(METRICS, "metrics.db",                                                                  \
          "SELECT seq, json_object('namespace', namespace, 'name', name, 'unit', unit, 'count', " \
          "count, 'sum', sum, 'min', min, 'max', max, 'last', last, 'time', " WR_LOCAL_TIME(      \
              "time_ms") "), NULL FROM metrics WHERE namespace = :name AND "                      \
                         "(:key = '' OR name = :key) AND seq > :after "                           \
                         "ORDER BY CASE WHEN :after = 0 THEN 0 ELSE seq END, name, unit")         \
    QUERY(ALARMS, "alarms.db",                                                                    \
          "SELECT 0, json_object('alarm', name, 'state', state, 'reason', reason, "               \
          "'time', " WR_LOCAL_TIME("time_ms") "), " WR_LOCAL_TIME(                                \
              "time_ms") " || printf(' %-17s ', state) "                                          \
                         "|| name FROM alarms ORDER BY name")                                     \
    QUERY(CHANGES, "alarms.db",                                                                   \
          "SELECT seq, json_object('alarm', name, 'before', before, 'state', state, 'reason', "   \
          "reason, 'time', " WR_LOCAL_TIME("time_ms") "), NULL FROM changes WHERE name = :name "  \
                                                      "AND seq > :after ORDER BY seq")            \
    QUERY(TABLES, "timestream.db",                                                                \
          "SELECT 0, json_object('database', database, 'table', name, 'records', count(*)), "     \
          "printf('%10d ', count(*)) || database || ' ' || name FROM records "                    \
          "GROUP BY database, name ORDER BY database, name")                                      \
    QUERY(RECORDS, "timestream.db",                                                               \
          "SELECT seq, json_object('table', name, 'measure', measure, 'type', type, 'value', "    \
          "value, 'time', time, 'timeUnit', time_unit, 'dimensions', json(dimensions)), NULL "    \
          "FROM records WHERE database = :name AND (:key = '' OR name = :key) AND seq > :after "  \
          "ORDER BY seq")

enum wr_local_rows_query {
#define QUERY(name, file, sql) WR_LOCAL_##name,
    WR_LOCAL_ROWS_MAP(QUERY)
#undef QUERY
};

// All lent until the visit ends.
struct wr_local_row {
    int64_t seq;
    wr_str json, line;
};

// Visit the rows until `visit` returns false. `after`: only later ones, by their seq; 0: all.
wr_err wr_local_rows(const char *state_dir, enum wr_local_rows_query query, wr_str name, wr_str key,
                     int64_t after, bool (*visit)(void *user, const struct wr_local_row *row),
                     void *user, struct wr_fault *fault) WR_MUST_CHECK;

#endif
