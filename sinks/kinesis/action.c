// kinesis: members, checks, partition keys.
#include "sinks/kinesis/kinesis.h"

#include "sinks/shapes/shapes.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

const struct wr_option wr_kinesis_options[] = {
    [WR_KINESIS_ROLE] = WR_SHAPE_ROLE,
    [WR_KINESIS_STREAM] = {"streamName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                           .help = "Data stream to put the record into."},
    [WR_KINESIS_KEY] = {"partitionKey", WR_OPT_STRING, WR_OPT_TEMPLATE,
                        .help =
                            "Which shard takes it, 1 to 256 characters; without it a random one."},
    {0},
};

const struct wr_refusal_text wr_kinesis_texts = {"Failed to put Kinesis record", "AmazonKinesis"};

wr_err wr_kinesis_check(const struct wr_param *params, const bool *constant, struct wr_fault *fault)
{
    wr_str key = params[WR_KINESIS_KEY].text;
    if (params[WR_KINESIS_KEY].set && constant[WR_KINESIS_KEY] &&
        (key.len == 0 || wr_utf8_count(key) > WR_KINESIS_KEY_MAX)) {
        return wr_fault_set(fault, WR_ERR_FAILED, "partitionKey: expected 1 to 256 characters");
    }
    return constant[WR_KINESIS_STREAM]
               ? wr_shape_check_stream("streamName", params[WR_KINESIS_STREAM].text,
                                       WR_KINESIS_NAME_MAX, fault)
               : WR_OK;
}

struct wr_refusal wr_kinesis_key(const struct wr_record *rec, wr_str *key)
{
    const struct wr_param *p = &rec->params[WR_KINESIS_KEY];
    wr_str stream = rec->params[WR_KINESIS_STREAM].text;
    *key = p->set ? p->text : rec->trace_id;
    if (!wr_shape_is_stream(stream, WR_KINESIS_NAME_MAX)) {
        return (struct wr_refusal){"1 validation error detected: Value at 'streamName' failed to "
                                   "satisfy constraint: Member must satisfy regular expression "
                                   "pattern: [a-zA-Z0-9_.-]+, with 1 to 128 characters",
                                   "ValidationException"};
    }
    if (key->len == 0) {
        return (struct wr_refusal){"1 validation error detected: Value at 'partitionKey' failed to "
                                   "satisfy constraint: Member must have length greater than or "
                                   "equal to 1",
                                   "ValidationException"};
    }
    if (key->len > WR_KINESIS_KEY_MAX && wr_utf8_count(*key) > WR_KINESIS_KEY_MAX) {
        return (struct wr_refusal){"1 validation error detected: Value at 'partitionKey' failed to "
                                   "satisfy constraint: Member must have length less than or equal "
                                   "to 256",
                                   "ValidationException"};
    }
    if (rec->body.len + key->len > WR_KINESIS_RECORD_MAX) {
        return (struct wr_refusal){"1 validation error detected: Value at 'data' failed to satisfy "
                                   "constraint: Member must have length less than or equal to "
                                   "10485760",
                                   "ValidationException"};
    }
    return (struct wr_refusal){0};
}
