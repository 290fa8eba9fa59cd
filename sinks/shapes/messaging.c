// Members of sqs, sns, kinesis and firehose (actions.md 4.7 to 4.10).
#include "sinks/shapes/shapes.h"

#include "sql/base/banned.h"

// actions.md 4.7, 4.8: a rule keeps no order, so AWS refuses these queues and topics.
static wr_err refuse_fifo(const char *name, wr_str text, struct wr_fault *fault)
{
    if (wr_str_ends(text, WR_STR(".fifo"))) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "%s: \"%.*s\" is FIFO; rules deliver to standard queues and topics "
                            "only",
                            name, WR_STR_ARG(text));
    }
    return WR_OK;
}

static wr_err check_name(const char *name, wr_str text, size_t max, struct wr_fault *fault)
{
    if (text.len == 0 || text.len > max || !wr_shape_only(text, "_.-")) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "%s: \"%.*s\" is no name of a stream: 1 to %zu letters, digits and _.-",
                            name, WR_STR_ARG(text), max);
    }
    return WR_OK;
}

// ---- sqs

enum { SQS_ROLE, SQS_URL, SQS_BASE64 };

static const struct wr_option sqs_options[] = {
    [SQS_ROLE] = WR_SHAPE_ROLE,
    [SQS_URL] = {"queueUrl", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE, .unit = "URL",
                 .help = "URL of a standard queue."},
    [SQS_BASE64] = {"useBase64", WR_OPT_BOOL, 0, "false",
                    .help = "Send the result as base64, for bytes that are no text."},
    {0},
};

static wr_err sqs_check(const struct wr_param *params, const bool *constant, struct wr_fault *fault)
{
    wr_str url = params[SQS_URL].text;
    wr_err err = refuse_fifo("queueUrl", url, fault);
    if (!err && constant[SQS_URL] && !wr_str_starts(url, WR_STR("https://")) &&
        !wr_str_starts(url, WR_STR("http://"))) {
        err = wr_fault_set(fault, WR_ERR_FAILED,
                           "queueUrl: \"%.*s\" is no URL: "
                           "https://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE",
                           WR_STR_ARG(url));
    }
    return err;
}

const struct wr_sink_impl wr_shape_sqs = {
    .name = "sqs",
    .failed_action = "SqsAction",
    .help = "Sends the result as a message of an SQS queue.",
    .options = sqs_options,
    .resource_option = SQS_URL,
    .check = sqs_check,
};

// ---- sns

enum { SNS_ROLE, SNS_TARGET, SNS_FORMAT };

static const struct wr_option sns_options[] = {
    [SNS_ROLE] = WR_SHAPE_ROLE,
    [SNS_TARGET] = {"targetArn", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE, .unit = "ARN",
                    .help = "ARN of a standard topic, or of an endpoint of a mobile platform."},
    [SNS_FORMAT] = {"messageFormat", WR_OPT_CHOICE, 0, "RAW", .choices = "RAW|JSON",
                    .help = "JSON: the result has a text for each protocol, and \"default\"."},
    {0},
};

static wr_err sns_check(const struct wr_param *params, const bool *constant, struct wr_fault *fault)
{
    wr_err err = refuse_fifo("targetArn", params[SNS_TARGET].text, fault);
    if (!err && constant[SNS_TARGET]) {
        err = wr_shape_check_arn("targetArn", params[SNS_TARGET].text, "sns", fault);
    }
    return err;
}

const struct wr_sink_impl wr_shape_sns = {
    .name = "sns",
    .failed_action = "SnsAction",
    .help = "Publishes the result to an SNS topic.",
    .options = sns_options,
    .resource_option = SNS_TARGET,
    .check = sns_check,
};

// ---- kinesis

enum { KINESIS_ROLE, KINESIS_STREAM, KINESIS_KEY };

static const struct wr_option kinesis_options[] = {
    [KINESIS_ROLE] = WR_SHAPE_ROLE,
    [KINESIS_STREAM] = {"streamName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                        .help = "Data stream to put the record into."},
    [KINESIS_KEY] = {"partitionKey", WR_OPT_STRING, WR_OPT_TEMPLATE,
                     .help = "Which shard takes it, 1 to 256 characters; without it a random one."},
    {0},
};

static wr_err kinesis_check(const struct wr_param *params, const bool *constant,
                            struct wr_fault *fault)
{
    wr_str key = params[KINESIS_KEY].text;
    if (params[KINESIS_KEY].set && constant[KINESIS_KEY] && (key.len == 0 || key.len > 4 * 256)) {
        return wr_fault_set(fault, WR_ERR_FAILED, "partitionKey: expected 1 to 256 characters");
    }
    return constant[KINESIS_STREAM]
               ? check_name("streamName", params[KINESIS_STREAM].text, 128, fault)
               : WR_OK;
}

const struct wr_sink_impl wr_shape_kinesis = {
    .name = "kinesis",
    .failed_action = "KinesisAction",
    .help = "Puts the result into a Kinesis data stream.",
    .options = kinesis_options,
    .resource_option = KINESIS_STREAM,
    .check = kinesis_check,
};

// ---- firehose

enum { FIREHOSE_ROLE, FIREHOSE_STREAM, FIREHOSE_SEPARATOR, FIREHOSE_BATCH };

static const struct wr_option firehose_options[] = {
    [FIREHOSE_ROLE] = WR_SHAPE_ROLE,
    [FIREHOSE_STREAM] = {"deliveryStreamName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                         .help = "Delivery stream to put the record into."},
    [FIREHOSE_SEPARATOR] = {"separator", WR_OPT_STRING, 0,
                            .help = "What follows each record: a line feed, a tab, carriage return "
                                    "and line feed, or a comma."},
    [FIREHOSE_BATCH] = {"batchMode", WR_OPT_BOOL, 0, "false",
                        .help = "A result that is an array becomes a record an element."},
    {0},
};

static wr_err firehose_check(const struct wr_param *params, const bool *constant,
                             struct wr_fault *fault)
{
    wr_str s = params[FIREHOSE_SEPARATOR].text;
    if (params[FIREHOSE_SEPARATOR].set && !wr_str_eq(s, WR_STR("\n")) &&
        !wr_str_eq(s, WR_STR("\t")) && !wr_str_eq(s, WR_STR("\r\n")) &&
        !wr_str_eq(s, WR_STR(","))) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "separator: expected one of \"\\n\", \"\\t\", \"\\r\\n\" and \",\"");
    }
    return constant[FIREHOSE_STREAM]
               ? check_name("deliveryStreamName", params[FIREHOSE_STREAM].text, 64, fault)
               : WR_OK;
}

const struct wr_sink_impl wr_shape_firehose = {
    .name = "firehose",
    .failed_action = "FirehoseAction",
    .help = "Puts the result into a Firehose delivery stream.",
    .options = firehose_options,
    .resource_option = FIREHOSE_STREAM,
    .check = firehose_check,
};
