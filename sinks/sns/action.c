// sns: members, checks, messages.
#include "sinks/sns/sns.h"

#include "sinks/lib/aws_service.h"
#include "sinks/shapes/shapes.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

const struct wr_option wr_sns_options[] = {
    [WR_SNS_ROLE] = WR_SHAPE_ROLE,
    [WR_SNS_TARGET] = {"targetArn", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE, .unit = "ARN",
                       .help = "ARN of a standard topic, or of an endpoint of a mobile platform."},
    [WR_SNS_FORMAT] = {"messageFormat", WR_OPT_CHOICE, 0, "RAW", .choices = "RAW|JSON",
                       .help = "JSON: the result has a text for each protocol, and \"default\"."},
    {0},
};

const struct wr_refusal_text wr_sns_texts = {"Failed to publish SNS message", "AmazonSNS"};

wr_err wr_sns_check(const struct wr_param *params, const bool *constant, struct wr_fault *fault)
{
    wr_err err = wr_shape_refuse_fifo("targetArn", params[WR_SNS_TARGET].text, fault);
    if (!err && constant[WR_SNS_TARGET]) {
        err = wr_shape_check_arn("targetArn", params[WR_SNS_TARGET].text, "sns", fault);
    }
    return err;
}

bool wr_sns_is_json(const struct wr_record *rec)
{
    return wr_str_eq(rec->params[WR_SNS_FORMAT].text, WR_STR("JSON"));
}

static struct wr_refusal check_target(wr_str target)
{
    struct wr_aws_arn arn;
    if (!wr_aws_arn_read(target, &arn) || !wr_str_eq(arn.service, WR_STR("sns")) ||
        arn.resource.len == 0) {
        return (struct wr_refusal){"Invalid parameter: TargetArn Reason: no ARN of SNS, expected "
                                   "arn:aws:sns:REGION:ACCOUNT:TOPIC",
                                   "InvalidParameter"};
    }
    if (wr_str_ends(target, WR_STR(".fifo"))) {
        return (struct wr_refusal){
            "Invalid parameter: The topic is FIFO; rules publish to standard "
            "topics only",
            "InvalidParameter"};
    }
    return (struct wr_refusal){0};
}

// The member "default" of the result.
static struct wr_refusal find_default(const struct wr_record *rec, wr_str *text)
{
    wr_value v = *rec->result;
    wr_value_force(&v, rec->arena, rec->dialect);
    if (v.type != WR_OBJECT) {
        return (struct wr_refusal){
            "Invalid parameter: Message Structure - JSON message body failed "
            "to parse",
            "InvalidParameter"};
    }
    const wr_value *found = wr_object_get(&v, WR_STR("default"));
    wr_value d = found ? *found : wr_undefined();
    wr_value_force(&d, rec->arena, rec->dialect);
    if (d.type != WR_STRING) {
        return (struct wr_refusal){
            "Invalid parameter: Message Structure - No default entry in JSON "
            "message body",
            "InvalidParameter"};
    }
    *text = wr_value_text(&d);
    return (struct wr_refusal){0};
}

struct wr_refusal wr_sns_message(const struct wr_record *rec, wr_str *text)
{
    struct wr_refusal refusal = check_target(rec->params[WR_SNS_TARGET].text);
    if (refusal.message) {
        return refusal;
    }
    *text = rec->body;
    if (rec->body.len == 0) {
        return (struct wr_refusal){"Invalid parameter: Empty message", "InvalidParameter"};
    }
    if (rec->body.len > WR_SNS_MESSAGE_MAX) {
        return (struct wr_refusal){"Invalid parameter: Message too long", "InvalidParameter"};
    }
    if (!wr_utf8_valid(rec->body)) {
        return (struct wr_refusal){
            "Invalid parameter: Message is no text in UTF-8; encode() in the "
            "statement makes one of any bytes",
            "InvalidParameter"};
    }
    return wr_sns_is_json(rec) ? find_default(rec, text) : refusal;
}
