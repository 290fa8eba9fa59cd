// What an error of librdkafka means for a record (actions.md 4.0), and how it is told.
#ifndef WR_SINKS_KAFKA_VERDICT_H
#define WR_SINKS_KAFKA_VERDICT_H

#include "sinks/sink.h"

#include <librdkafka/rdkafka.h>

// RETRY, unless no later try can change it. librdkafka has tried again by itself what it could.
enum wr_verdict wr_kafka_verdict(rd_kafka_resp_err_t err);

// Settle with the verdict of `err`. `last` (may be NULL or ""): what went wrong on the way, for
// errors that only say that time is over. `final`: refused whatever it is.
void wr_kafka_settle(struct wr_record *rec, wr_str topic, rd_kafka_resp_err_t err, const char *last,
                     bool final);

// Settle what did not get as far as librdkafka: `cause` is a sentence without its full stop.
void wr_kafka_fail(struct wr_record *rec, wr_str topic, enum wr_verdict verdict, const char *code,
                   const char *cause);

#endif
