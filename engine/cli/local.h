// `weir local`: the services whose local forms can be looked at, one file each.
// Thread: start.
#ifndef WR_ENGINE_CLI_LOCAL_H
#define WR_ENGINE_CLI_LOCAL_H

#include "sql/base/buf.h"
#include "sql/base/err.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct wr_local_asked {
    const char *state_dir;
    const char *name; // bucket, table, function; NULL: not given
    const char *key;  // key or prefix; NULL: not given
    bool json;
    int64_t until_ms; // monotonic milliseconds when a tail ends; 0: never
};

// One service. Each prints to stdout and fails with a fault; WR_ERR_UNKNOWN: there is no such
// thing. NULL where the service has no such verb.
struct wr_local_service {
    const char *name;
    wr_err (*ls)(const struct wr_local_asked *a, struct wr_fault *fault);
    wr_err (*cat)(const struct wr_local_asked *a, struct wr_fault *fault);
    wr_err (*tail)(const struct wr_local_asked *a, struct wr_fault *fault);
    bool cat_key; // cat wants a key besides the name
    bool may_key; // cat and tail take one
    bool ls_name; // ls takes a name
};

extern const struct wr_local_service wr_local_objects;         // s3
extern const struct wr_local_service wr_local_items;           // dynamodb
extern const struct wr_local_service wr_local_results;         // lambda
extern const struct wr_local_service wr_local_queues;          // sqs
extern const struct wr_local_service wr_local_topics;          // sns
extern const struct wr_local_service wr_local_shards;          // kinesis
extern const struct wr_local_service wr_local_partitions;      // kafka
extern const struct wr_local_service wr_local_streams;         // firehose
extern const struct wr_local_service wr_local_groups;          // logs
extern const struct wr_local_service wr_local_executions;      // stepfunctions
extern const struct wr_local_service wr_local_indexes;         // opensearch
extern const struct wr_local_service wr_local_old_indexes;     // elasticsearch
extern const struct wr_local_service wr_local_inputs;          // iotevents
extern const struct wr_local_service wr_local_channels;        // iotanalytics
extern const struct wr_local_service wr_local_entries;         // iotsitewise
extern const struct wr_local_service wr_local_trackers;        // location
extern const struct wr_local_service wr_local_databases;       // influxdb
extern const struct wr_local_service wr_local_metric_rows;     // metrics
extern const struct wr_local_service wr_local_alarm_rows;      // alarms
extern const struct wr_local_service wr_local_timestream_rows; // timestream

// Text of others on a line for people: control characters become \xNN.
void wr_local_print(wr_str text);

// 2024-05-01T12:00:00Z
void wr_local_time(struct wr_buf *b, int64_t wall_ms);

// Print what is in `b` with a line feed, at once, and clear it. False: the reader is gone.
bool wr_local_line(struct wr_buf *b);

// ---- files of lines (local_follow.c)

// Copy the file's whole lines to stdout. 0, or an errno.
int wr_local_copy(const char *path);

// Where a tail stands in a file. Zeroed: at its begin. `first`: what is there at the first look is
// not shown.
struct wr_local_follow {
    ino_t file;
    int64_t offset;
    bool first;
};
// Copy what has been added since the last look; from the begin when another file took its place.
void wr_local_look(struct wr_local_follow *f, const char *path);

// Wait a moment between two looks. False when the tail's time is over.
bool wr_local_wait(const struct wr_local_asked *a);

#endif
