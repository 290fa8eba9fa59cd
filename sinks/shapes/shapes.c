// Every action of AWS: the sinks that weir has, and the shapes of those it has not.
#include "sinks/shapes/shapes.h"

#include "sql/base/banned.h"

// SHAPE(variable) in the order of actions.md 4; null, weir's own, stands last.
#define SHAPES(SHAPE)                \
    SHAPE(wr_sink_s3)                \
    SHAPE(wr_sink_dynamodb)          \
    SHAPE(wr_sink_dynamodb_v2)       \
    SHAPE(wr_sink_lambda)            \
    SHAPE(wr_sink_republish)         \
    SHAPE(wr_sink_kafka)             \
    SHAPE(wr_sink_sqs)               \
    SHAPE(wr_sink_sns)               \
    SHAPE(wr_sink_kinesis)           \
    SHAPE(wr_sink_firehose)          \
    SHAPE(wr_sink_http)              \
    SHAPE(wr_sink_cloudwatch_logs)   \
    SHAPE(wr_sink_cloudwatch_metric) \
    SHAPE(wr_sink_cloudwatch_alarm)  \
    SHAPE(wr_sink_timestream)        \
    SHAPE(wr_sink_step_functions)    \
    SHAPE(wr_sink_elasticsearch)     \
    SHAPE(wr_sink_open_search)       \
    SHAPE(wr_sink_iot_events)        \
    SHAPE(wr_sink_iot_analytics)     \
    SHAPE(wr_sink_iot_site_wise)     \
    SHAPE(wr_sink_location)          \
    SHAPE(wr_sink_salesforce)        \
    SHAPE(wr_sink_influx_db)         \
    SHAPE(wr_sink_null)

#define SHAPE(name) extern const struct wr_sink_impl name;
SHAPES(SHAPE)
#undef SHAPE

const struct wr_sink_impl *const wr_sink_shapes[] = {
#define SHAPE(name) &name,
    SHAPES(SHAPE)
#undef SHAPE
        NULL,
};

bool wr_shape_has_template(wr_str text)
{
    return wr_str_find(text, WR_STR("${")) >= 0;
}

bool wr_shape_only(wr_str text, const char *others)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || !strchr(others, c))) {
            return false;
        }
    }
    return true;
}

// The part of an ARN from `*at` up to the next colon.
static bool arn_part(wr_str text, size_t *at, wr_str *part)
{
    const char *colon = *at < text.len ? memchr(text.at + *at, ':', text.len - *at) : NULL;
    if (!colon) {
        return false;
    }
    size_t end = (size_t)(colon - text.at);
    *part = wr_str_cut(text, *at, end);
    *at = end + 1;
    return true;
}

wr_err wr_shape_check_arn(const char *name, wr_str text, const char *service,
                          struct wr_fault *fault)
{
    size_t at = 0;
    wr_str arn, partition, found, region, account;
    bool whole = arn_part(text, &at, &arn) && arn_part(text, &at, &partition) &&
                 arn_part(text, &at, &found) && arn_part(text, &at, &region) &&
                 arn_part(text, &at, &account) && at < text.len;
    if (whole && wr_str_eq(arn, WR_STR("arn")) && partition.len &&
        wr_str_eq(found, wr_str_of(service))) {
        return WR_OK;
    }
    return wr_fault_set(fault, WR_ERR_FAILED,
                        "%s: \"%.*s\" is no ARN of %s: arn:aws:%s:REGION:ACCOUNT:NAME", name,
                        WR_STR_ARG(text), service, service);
}

wr_err wr_shape_refuse_fifo(const char *name, wr_str text, struct wr_fault *fault)
{
    if (wr_str_ends(text, WR_STR(".fifo"))) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "%s: \"%.*s\" is FIFO; rules deliver to standard queues and topics "
                            "only",
                            name, WR_STR_ARG(text));
    }
    return WR_OK;
}

bool wr_shape_is_stream(wr_str text, size_t max)
{
    return text.len > 0 && text.len <= max && wr_shape_only(text, "_.-");
}

wr_err wr_shape_check_stream(const char *name, wr_str text, size_t max, struct wr_fault *fault)
{
    if (!wr_shape_is_stream(text, max)) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "%s: \"%.*s\" is no name of a stream: 1 to %zu letters, digits and _.-",
                            name, WR_STR_ARG(text), max);
    }
    return WR_OK;
}

bool wr_shape_whole(wr_str text, uint64_t max)
{
    uint64_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || n > max / 10) {
            return false;
        }
        n = n * 10 + (uint64_t)(text.at[i] - '0');
    }
    return text.len > 0 && n <= max;
}
