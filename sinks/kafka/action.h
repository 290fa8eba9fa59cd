// kafka: sends the result to a Kafka topic (actions.md 4.6). What its forms share: the action's
// members, what a record of them is, and the settings of clients.
#ifndef WR_SINKS_KAFKA_ACTION_H
#define WR_SINKS_KAFKA_ACTION_H

#include "sinks/kafka/client.h"

enum {
    WR_KAFKA_DESTINATION,
    WR_KAFKA_TOPIC,
    WR_KAFKA_KEY,
    WR_KAFKA_PARTITION,
    WR_KAFKA_HEADERS,
    WR_KAFKA_PROPERTIES,
};
extern const struct wr_option wr_kafka_action_options[];
wr_err wr_kafka_action_check(const struct wr_param *params, const bool *constant,
                             struct wr_fault *fault);

#define WR_KAFKA_ACTION                                                                            \
    .name = "kafka", .failed_action = "KafkaAction", .help = "Sends the result to a Kafka topic.", \
    .options = wr_kafka_action_options, .resource_option = WR_KAFKA_TOPIC,                         \
    .check = wr_kafka_action_check

// What the record asks for, in its arena, with every value checked. NULL: it is settled, refused;
// also when it has been sent `max_hops` times already.
struct wr_kafka_send *wr_kafka_send_of(struct wr_record *rec, const struct wr_sink_host *host,
                                       unsigned max_hops);

// Rows of a settings table, and the options that they come to.
#define WR_KAFKA_SETTINGS                                                                     \
    {"timeout",                                                                               \
     WR_OPT_INT,                                                                              \
     0,                                                                                       \
     "30s",                                                                                   \
     .min = 100,                                                                              \
     .max = 3600000,                                                                          \
     .unit = "ms",                                                                            \
     .help = "How long one record may take until a broker has it; as retry.budget."},         \
        {"linger",                                                                            \
         WR_OPT_INT,                                                                          \
         0,                                                                                   \
         "5ms",                                                                               \
         .min = 0,                                                                            \
         .max = 10000,                                                                        \
         .unit = "ms",                                                                        \
         .help = "How long a record waits for others to be sent together with."},             \
        {"flush",                                                                             \
         WR_OPT_INT,                                                                          \
         0,                                                                                   \
         "3s",                                                                                \
         .min = 0,                                                                            \
         .max = 600000,                                                                       \
         .unit = "ms",                                                                        \
         .help = "How long the end of weir waits for the brokers' answers."},                 \
        {"queue_max",                                                                         \
         WR_OPT_INT,                                                                          \
         0,                                                                                   \
         "100000",                                                                            \
         .min = 1,                                                                            \
         .max = 10000000,                                                                     \
         .help = "Records of one client under way; more of them wait."},                      \
        {"max_hops",                                                                          \
         WR_OPT_INT,                                                                          \
         0,                                                                                   \
         "8",                                                                                 \
         .min = 1,                                                                            \
         .max = 99,                                                                           \
         .help = "How often a message that comes back (from Kafka, or republished) is sent; " \
                 "more are refused: a loop."},                                                \
    {                                                                                         \
        "message_max", WR_OPT_INT, 0, "1000000",                                              \
            .min = 1000, .max = 1000000000, .unit = "bytes",                                  \
            .help = "Largest record, and largest batch; brokers have a limit of their own."   \
    }
wr_err wr_kafka_settings_read(const struct wr_settings *settings, const struct wr_sink_host *host,
                              struct wr_kafka_options *out, struct wr_fault *fault) WR_MUST_CHECK;

#endif
