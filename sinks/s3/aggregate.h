// Aggregated objects, weir's own option (AWS writes one object for each message): the results for a
// bucket are collected by key into one object of JSON Lines, which is stored when it is large, old
// or numerous enough. A record is settled when its object is stored, and not before: with ack:
// durable a crash loses none, and what was not settled is collected anew.
//
//   add ─► group (bucket, key, ACL, role) ── size, count, age, too many held ─► object
//   object ─► worker: lines, gzip ─► PutObject ── tried again here ─► verdict for all its records
//
// Thread: loop; the worker reads bodies of records that nobody else touches meanwhile.
#ifndef WR_SINKS_S3_AGGREGATE_H
#define WR_SINKS_S3_AGGREGATE_H

#include "sinks/lib/aws_form.h"
#include "sinks/sink.h"

#define WR_S3_AGGREGATE_GROUPS  1024 // open at once: beyond it the oldest is stored
#define WR_S3_AGGREGATE_OBJECTS 8    // being made or stored at once: each has its bytes in memory
#define WR_S3_AGGREGATE_TRIES   3    // of one object, 1 s and 2 s apart; then the engine decides

// Rows of the settings, for the table of the AWS form.
#define WR_S3_AGGREGATE                                                                           \
    {"aggregate.*.size",                                                                          \
     WR_OPT_INT,                                                                                  \
     0,                                                                                           \
     "8M",                                                                                        \
     .unit = "bytes",                                                                             \
     .min = 1024,                                                                                 \
     .max = 268435456,                                                                            \
     .help = "Collect the results for this bucket in objects of JSON Lines of this size, before " \
             "compression; any of these settings turns it on."},                                  \
        {"aggregate.*.age",                                                                       \
         WR_OPT_INT,                                                                              \
         0,                                                                                       \
         "60000",                                                                                 \
         .unit = "ms",                                                                            \
         .min = 100,                                                                              \
         .max = 900000,                                                                           \
         .help = "An object is stored when its first result has waited so long."},                \
        {"aggregate.*.count",                                                                     \
         WR_OPT_INT,                                                                              \
         0,                                                                                       \
         "100000",                                                                                \
         .min = 1,                                                                                \
         .max = 10000000,                                                                         \
         .help = "Or has so many results; three quarters of spool.in_flight and in_flight bound " \
                 "it too."},                                                                      \
        {"aggregate.*.gzip", WR_OPT_BOOL, 0, "false",                                             \
         .help = "Compress; the key gets .gz behind it."},                                        \
    {                                                                                             \
        "aggregate.*.suffix", WR_OPT_STRING, 0, "/%Y/%m/%d/%H/%M%S-%u.jsonl",                     \
            .min = 2, .max = 512, .unit = "bytes",                                                \
            .help =                                                                               \
                "What follows the rule's key: %Y %m %d %H %M %S is the time (UTC) of the first "  \
                "result, %u is unique and must be in it."                                         \
    }

struct wr_s3_aggregate;

// *out is NULL where no bucket is aggregated. `kind` begins the calls. Give: close.
wr_err wr_s3_aggregate_open(struct wr_sink *sink, struct wr_aws *aws,
                            const struct wr_aws_form_kind *kind, const struct wr_settings *settings,
                            struct wr_s3_aggregate **out, struct wr_fault *fault) WR_MUST_CHECK;

// False: this bucket is not aggregated. True: it is held, or settled.
bool wr_s3_aggregate_add(struct wr_s3_aggregate *a, struct wr_record *rec);

// From now on nothing waits for company.
void wr_s3_aggregate_drain(struct wr_s3_aggregate *a);

// Store what is held, at most for some seconds, settle, then `closed`, from the loop.
void wr_s3_aggregate_close(struct wr_s3_aggregate *a, void (*closed)(void *user), void *user);

#endif
