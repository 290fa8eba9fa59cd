// The local form of kafka without a broker: kafka/{topic}/{partition}.ndjson below local/ of the
// state folder, one line a record (lib/append.h), synced before the record is settled:
//
//   {"timestamp":1764243335000,"key":"kiln-7","headers":[{"key":"k","value":"v"}],"value":{…}}
//
// No key, no headers: the member is not there. The value is "value" when it is JSON, else
// "valueText", or "valueBase64" of what is no text. Thread: loop.
#ifndef WR_SINKS_KAFKA_FILES_H
#define WR_SINKS_KAFKA_FILES_H

#include "sinks/kafka/client.h"

struct wr_kafka_files;

// Blocks. `partitions`: of every topic. Give: wr_kafka_files_close().
wr_err wr_kafka_files_open(const struct wr_sink_host *host, int32_t partitions,
                           struct wr_kafka_files **out, struct wr_fault *fault) WR_MUST_CHECK;

// Lend `rec` until it is settled. Without a partition the key's, as the Java client has it; without
// a key partition 0, so that a rule's output is found where it was looked for last.
void wr_kafka_files_submit(struct wr_kafka_files *f, struct wr_record *rec,
                           const struct wr_kafka_send *send);

// What is held is written first; then `closed`, from the loop.
void wr_kafka_files_close(struct wr_kafka_files *f, void (*closed)(void *user), void *user);

#endif
