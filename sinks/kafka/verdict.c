// Errors that stay, and the words for all.
#include "sinks/kafka/verdict.h"

#include <stdio.h>

#include "sql/base/banned.h"

#define TEXT_MAX 768 // a broker's complaint and the words around it

// What the broker, or the library for it, says about the record itself, its topic or who sends it.
static const rd_kafka_resp_err_t permanent[] = {
    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
    RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
    RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,
    RD_KAFKA_RESP_ERR_INVALID_MSG, // librdkafka has sent it again: not damaged on the way
    RD_KAFKA_RESP_ERR_INVALID_RECORD,
    RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
    RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
    RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
    RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS,
    RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
    RD_KAFKA_RESP_ERR_SECURITY_DISABLED,
    RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM,
    RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
    RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE,
    RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
    RD_KAFKA_RESP_ERR_INVALID_CONFIG,
    RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
    RD_KAFKA_RESP_ERR__INVALID_ARG,
    RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE,
    RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED,
    RD_KAFKA_RESP_ERR__BAD_MSG,
    RD_KAFKA_RESP_ERR__BAD_COMPRESSION,
};

enum wr_verdict wr_kafka_verdict(rd_kafka_resp_err_t err)
{
    for (size_t i = 0; i < WR_COUNT(permanent); i++) {
        if (permanent[i] == err) {
            return WR_REFUSED;
        }
    }
    return err ? WR_RETRY : WR_DELIVERED;
}

static void settle(struct wr_record *rec, wr_str topic, enum wr_verdict verdict, const char *code,
                   const char *cause, const char *last)
{
    char text[TEXT_MAX];
    bool more = last && *last;
    int len = snprintf(text, sizeof text,
                       "Failed to send to Kafka topic. The error received was %s%s%s%s (Service: "
                       "Kafka; Error Code: %s).",
                       cause, more ? " [" : "", more ? last : "", more ? "]" : "", code);
    struct wr_why why = {
        .resource = topic,
        .message = {text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1},
    };
    wr_record_settle(rec, verdict, &why);
}

void wr_kafka_settle(struct wr_record *rec, wr_str topic, rd_kafka_resp_err_t err, const char *last,
                     bool final)
{
    enum wr_verdict verdict = wr_kafka_verdict(err);
    if (verdict == WR_DELIVERED) {
        wr_record_settle(rec, WR_DELIVERED, NULL);
        return;
    }
    bool local = err < 0; // the library's own: the way there, not the broker's answer
    settle(rec, topic, final ? WR_REFUSED : verdict, rd_kafka_err2name(err), rd_kafka_err2str(err),
           local ? last : NULL);
}

void wr_kafka_fail(struct wr_record *rec, wr_str topic, enum wr_verdict verdict, const char *code,
                   const char *cause)
{
    settle(rec, topic, verdict, code, cause, NULL);
}
