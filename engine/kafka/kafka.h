// Kafka as a source of messages: a consumer of librdkafka on the loop, in a group with other weirs,
// which share the partitions. Thread: loop.
//
//   poll ─► message: MQTT topic, properties ─► batch ─► flow ─► acknowledge, in any order
//                                                                   │
//   committed offset ◄─ stored ◄─ frontier: all before it are acknowledged (frontier.h)
//
// Nothing is committed that is not durable or settled. A partition that is taken away is given up
// only when its messages are acknowledged (or kafka.revoke_wait is over), so that the next owner
// begins behind them; after that nothing of it is committed here any more.
#ifndef WR_ENGINE_KAFKA_KAFKA_H
#define WR_ENGINE_KAFKA_KAFKA_H

#include "engine/config.h"
#include "engine/flow/source.h"

#include <uv.h>

// What must be right before anything is opened: topics and kafka.topic_map.
wr_err wr_kafka_source_check(const struct wr_config *config, struct wr_fault *fault) WR_MUST_CHECK;

// It joins the group at the first `want` and keeps trying; faults are about what cannot ever work.
wr_err wr_kafka_source_open(uv_loop_t *loop, const struct wr_config *config,
                            struct wr_message_pool *pool, const struct wr_source_events *events,
                            struct wr_source **out, struct wr_fault *fault) WR_MUST_CHECK;

// Counters for `weir run`'s status and for tests.
struct wr_kafka_stats {
    uint64_t received;     // messages handed out
    uint64_t acknowledged; // of them
    uint64_t dropped;      // without a usable MQTT topic
    uint64_t rebalances;   // partitions given or taken
    uint64_t given_up;     // not acknowledged when their partition went: another delivers them too
    uint64_t pauses;       // fetching was stopped for more than a second
    size_t assigned;       // partitions now
    size_t uncommitted;    // of them: more is acknowledged than the group has taken a commit of
};
void wr_kafka_source_stats(const struct wr_source *source, struct wr_kafka_stats *out);

#endif
