// One producer of librdkafka on the loop, and the bounded set of them: one for each distinct set of
// client properties.
//
//   submit ─► client of the properties ─┬─► produce ─────────────► delivery report ─► settled
//               (made when it is new)   └─► waits: being made,          │
//                                           or the queue is full ◄──────┘ goes on
//
// A client is made and ended on uv's thread pool. librdkafka's threads wake the loop through a
// pipe, once for many reports. Records are lent to librdkafka, not copied: a record is settled only
// with its report. Thread: loop.
#ifndef WR_SINKS_KAFKA_CLIENT_H
#define WR_SINKS_KAFKA_CLIENT_H

#include "sinks/sink.h"

#define WR_KAFKA_CLIENTS_MAX 16 // each has threads and connections; get_secret() may make more sets
// librdkafka keeps every topic it has seen and asks for their partitions together: a client with so
// many is replaced by a new one, since topics may be under the control of devices.
#define WR_KAFKA_TOPICS_MAX  1000
#define WR_KAFKA_HEADERS_MAX 100 // the API model

struct wr_kafka_clients;

struct wr_kafka_options {
    const struct wr_sink_host *host;
    const char *bootstrap; // "": the rule's
    int64_t timeout_ms;    // of one record, from submit to report
    int64_t linger_ms;
    int64_t queue_max;   // records in librdkafka, those not yet reported included
    int64_t message_max; // bytes
    int64_t flush_ms;    // of close: how long reports are waited for
};

// Options are copied, strings lent until the end. Give: wr_kafka_clients_close().
struct wr_kafka_clients *wr_kafka_clients_new(const struct wr_kafka_options *options);

// A record as it goes out. All lent until the record is settled.
struct wr_kafka_send {
    const struct wr_param *properties; // expanded
    wr_str topic;                      // checked
    int32_t partition;                 // -1: by the key, or any
    wr_str key;                        // at NULL: none
    unsigned hops;                     // to be told in a header of its own; 0: none
    size_t header_count;
    const wr_str *header_keys, *header_values;
};

// Lend `rec` until it is settled. `*send` lies in the record's arena, or lives as long.
void wr_kafka_clients_submit(struct wr_kafka_clients *c, struct wr_record *rec,
                             struct wr_kafka_send *send);

// Records of which nothing was heard within flush_ms are given back (RETRY). `closed` is called
// once, from the loop, when all is settled and freed.
void wr_kafka_clients_close(struct wr_kafka_clients *c, void (*closed)(void *user), void *user);

// For tests: clients there are, and topics of all of them.
size_t wr_kafka_clients_count(const struct wr_kafka_clients *c);

#endif
