// The members of the action kafka, what they may be, and a record's values.
#include "sinks/kafka/action.h"

#include <stdio.h>

#include "sinks/kafka/properties.h"
#include "sinks/kafka/verdict.h"
#include "sinks/shapes/shapes.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define TOPIC_MAX        249   // Kafka's, of a topic's name
#define HEADER_BYTES_MAX 16384 // API model, of a header's key and value

const struct wr_option wr_kafka_action_options[] = {
    [WR_KAFKA_DESTINATION] = {"destinationArn", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_IGNORED,
                              .unit = "ARN",
                              .help = "The rule destination in a VPC; checked and kept."},
    [WR_KAFKA_TOPIC] = {"topic", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                        .help = "Kafka topic to produce to."},
    [WR_KAFKA_KEY] = {"key", WR_OPT_STRING, WR_OPT_TEMPLATE, .help = "Key of the record."},
    [WR_KAFKA_PARTITION] =
        {"partition", WR_OPT_STRING, WR_OPT_TEMPLATE,
         .help = "Partition, a whole number of 0 or more; without it the key decides."},
    [WR_KAFKA_HEADERS] = {"headers", WR_OPT_PAIRS, WR_OPT_TEMPLATE | WR_OPT_KEYS, .min = 1,
                          .max = 100, .help = "Headers of the record."},
    [WR_KAFKA_PROPERTIES] =
        {"clientProperties", WR_OPT_PAIRS,
         WR_OPT_REQUIRED | WR_OPT_MAP | WR_OPT_TEMPLATE | WR_OPT_SECRET,
         .help = "Properties of the Java producer. Templates only in ssl.truststore, "
                 "ssl.keystore, their passwords, sasl user names, passwords and keytab."},
    {0},
};

// ---- what a rule may say

static bool topic_is_good(wr_str topic)
{
    return topic.len > 0 && topic.len <= TOPIC_MAX && wr_shape_only(topic, "._-") &&
           !wr_str_eq(topic, WR_STR(".")) && !wr_str_eq(topic, WR_STR(".."));
}

wr_err wr_kafka_action_check(const struct wr_param *params, const bool *constant,
                             struct wr_fault *fault)
{
    const struct wr_param *headers = &params[WR_KAFKA_HEADERS];
    for (size_t i = 0; i < headers->count; i++) {
        if (headers->keys[i].len > HEADER_BYTES_MAX || headers->values[i].len > HEADER_BYTES_MAX) {
            return wr_fault_set(fault, WR_ERR_LIMIT, "headers[%zu]: more than %d bytes", i,
                                HEADER_BYTES_MAX);
        }
    }
    if (params[WR_KAFKA_PARTITION].set && constant[WR_KAFKA_PARTITION] &&
        !wr_shape_whole(params[WR_KAFKA_PARTITION].text, INT32_MAX)) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "partition: expected a whole number of 0 or more, found \"%.*s\"",
                            WR_STR_ARG(params[WR_KAFKA_PARTITION].text));
    }
    if (constant[WR_KAFKA_TOPIC] && !topic_is_good(params[WR_KAFKA_TOPIC].text)) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "topic: \"%.*s\" is no Kafka topic: 1 to 249 letters, digits and ._-",
                            WR_STR_ARG(params[WR_KAFKA_TOPIC].text));
    }
    return wr_kafka_properties_check(&params[WR_KAFKA_PROPERTIES], fault);
}

// ---- what a record says

static bool parse_partition(wr_str text, int32_t *partition)
{
    if (!wr_shape_whole(text, INT32_MAX)) {
        return false;
    }
    *partition = 0;
    for (size_t i = 0; i < text.len; i++) {
        *partition = *partition * 10 + (text.at[i] - '0');
    }
    return true;
}

// What is wrong with the record's values, or NULL.
static const char *fill(struct wr_kafka_send *send, const struct wr_record *rec)
{
    const struct wr_param *p = rec->params, *headers = &p[WR_KAFKA_HEADERS];
    *send = (struct wr_kafka_send){
        .properties = &p[WR_KAFKA_PROPERTIES], .topic = p[WR_KAFKA_TOPIC].text, .partition = -1};
    if (!topic_is_good(send->topic)) {
        return "a topic that is no Kafka topic: 1 to 249 letters, digits and ._-";
    }
    if (p[WR_KAFKA_PARTITION].set &&
        !parse_partition(p[WR_KAFKA_PARTITION].text, &send->partition)) {
        return "a partition that is no whole number of 0 or more";
    }
    if (p[WR_KAFKA_KEY].set &&
        p[WR_KAFKA_KEY].text.len > 0) { // Undefined is no key, not an empty one
        send->key = p[WR_KAFKA_KEY].text;
    }
    if (headers->count > WR_KAFKA_HEADERS_MAX) {
        return "more than 100 headers";
    }
    for (size_t i = 0; i < headers->count; i++) {
        if (headers->keys[i].len == 0 || !wr_utf8_valid(headers->keys[i])) {
            return "a header whose key is empty or no text";
        }
        if (!wr_utf8_valid(headers->values[i])) {
            return "a header whose value is no text: binary headers are not supported";
        }
        if (headers->keys[i].len > HEADER_BYTES_MAX || headers->values[i].len > HEADER_BYTES_MAX) {
            return "a header of more than 16384 bytes";
        }
    }
    send->header_count = headers->count;
    send->header_keys = headers->keys;
    send->header_values = headers->values;
    return NULL;
}

struct wr_kafka_send *wr_kafka_send_of(struct wr_record *rec, const struct wr_sink_host *host,
                                       unsigned max_hops)
{
    struct wr_kafka_send *send = wr_arena_alloc(rec->arena, sizeof *send);
    if (!send) {
        wr_kafka_fail(rec, rec->params[WR_KAFKA_TOPIC].text, WR_REFUSED, "MEMORY",
                      "No memory is left for this message");
        return NULL;
    }
    const char *trouble = fill(send, rec);
    if (trouble) {
        char cause[160];
        snprintf(cause, sizeof cause, "Found %s", trouble);
        wr_kafka_fail(rec, send->topic, WR_REFUSED, "INVALID_RECORD", cause);
        return NULL;
    }
    if (rec->hops >= max_hops) {
        char cause[160];
        snprintf(cause, sizeof cause,
                 "A loop: weir sent this message %u times already (sinks.kafka.max_hops is %u)",
                 rec->hops, max_hops);
        wr_kafka_fail(rec, send->topic, WR_REFUSED, "LOOP", cause);
        return NULL;
    }
    // Where nothing comes back records are as AWS sends them.
    send->hops = host->reads_kafka || rec->hops ? rec->hops + 1 : 0;
    return send;
}

wr_err wr_kafka_settings_read(const struct wr_settings *settings, const struct wr_sink_host *host,
                              struct wr_kafka_options *out, struct wr_fault *fault)
{
    *out = (struct wr_kafka_options){
        .host = host,
        .bootstrap = "",
        .timeout_ms = wr_settings_int(settings, "timeout"),
        .linger_ms = wr_settings_int(settings, "linger"),
        .flush_ms = wr_settings_int(settings, "flush"),
        .queue_max = wr_settings_int(settings, "queue_max"),
        .message_max = wr_settings_int(settings, "message_max"),
    };
    if (out->linger_ms >= out->timeout_ms) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "linger is %lld ms, expected less than timeout (%lld ms)",
                            (long long)out->linger_ms, (long long)out->timeout_ms);
    }
    return WR_OK;
}
