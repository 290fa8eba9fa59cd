// From weir.yaml to a consumer of librdkafka. Thread: loop.
#ifndef WR_ENGINE_KAFKA_SETUP_H
#define WR_ENGINE_KAFKA_SETUP_H

#include "engine/config.h"

#include <librdkafka/rdkafka.h>

struct wr_kafka_setup {
    const struct wr_config *config;
    void (*rebalance)(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                      rd_kafka_topic_partition_list_t *list, void *user);
    void (*committed)(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                      rd_kafka_topic_partition_list_t *offsets, void *user);
    void (*error)(rd_kafka_t *rk, int err, const char *why, void *user);
    void *user;
};

// A consumer that stores no offsets by itself and commits those it is told of. Faults name the
// option, or the file. Blocks for the files.
wr_err wr_kafka_setup_consumer(const struct wr_kafka_setup *setup, rd_kafka_t **out,
                               struct wr_fault *fault) WR_MUST_CHECK;

// Join the group for kafka.topics.
void wr_kafka_setup_subscribe(rd_kafka_t *rk, const struct wr_config *config);

// kafka.topics: names that Kafka can have, regular expressions that can be read.
wr_err wr_kafka_setup_check(const struct wr_config *config, struct wr_fault *fault) WR_MUST_CHECK;

#endif
