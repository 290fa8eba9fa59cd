// librdkafka's mock cluster in this process, and a reader of what is in it. Include it in one file
// of the executable. Its limits: about 5 MiB or 100,000 batches are kept a partition.
#ifndef WR_TESTS_SUPPORT_KAFKA_MOCK_H
#define WR_TESTS_SUPPORT_KAFKA_MOCK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

struct kafka_mock {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
    const char *bootstrap;
};

static inline void kafka_mock_open(struct kafka_mock *m, int brokers)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    m->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    m->cluster = m->rk ? rd_kafka_mock_cluster_new(m->rk, brokers) : NULL;
    if (!m->cluster) {
        fprintf(stderr, "no mock cluster: %s\n", why);
        abort();
    }
    m->bootstrap = rd_kafka_mock_cluster_bootstraps(m->cluster);
}

static inline void kafka_mock_close(struct kafka_mock *m)
{
    rd_kafka_mock_cluster_destroy(m->cluster);
    rd_kafka_destroy(m->rk);
}

// A consumer that reads `partitions` of `topic` from the beginning.
static inline rd_kafka_t *kafka_mock_reader(const struct kafka_mock *m, const char *topic,
                                            int partitions)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_conf_set(conf, "bootstrap.servers", m->bootstrap, why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", "reader", why, sizeof why);
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof why);
    rd_kafka_conf_set(conf, "fetch.wait.max.ms", "20", why, sizeof why);
    rd_kafka_t *reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; i++) {
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_poll_set_consumer(reader);
    rd_kafka_assign(reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    return reader;
}

// The next message, NULL after two seconds without one. rd_kafka_message_destroy() it.
static inline rd_kafka_message_t *kafka_mock_next(rd_kafka_t *reader)
{
    rd_kafka_message_t *m;
    while ((m = rd_kafka_consumer_poll(reader, 2000)) && m->err) {
        rd_kafka_message_destroy(m);
    }
    return m;
}

static inline void kafka_mock_end_reader(rd_kafka_t *reader)
{
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
}

#endif
