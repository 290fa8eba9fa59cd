// The AWS form of lambda: an asynchronous Invoke for each record. Delivered means queued, as on
// AWS.
#include "sinks/lambda/action.h"
#include "sinks/lib/aws_form.h"
#include "sinks/lib/aws_lambda.h"

#include "sql/base/banned.h"

static wr_str build(const struct wr_aws_form *f, struct wr_record *rec, struct wr_aws_call *call)
{
    wr_str function = rec->params[WR_LAMBDA_FUNCTION].text, name;
    if (!wr_lambda_name(function, &name)) {
        return WR_STR("functionArn is neither a function's ARN nor a name");
    }
    if (!rec->body_json || rec->body.len == 0) {
        return WR_STR("the result is no JSON; encode(*, 'base64') makes a string of bytes");
    }
    if (!wr_aws_lambda_call(call, function, rec->body, false, rec->arena)) {
        return WR_STR("the message is over its limit of memory");
    }
    return (wr_str){0};
}

static const struct wr_aws_form_kind kind = {
    .service = WR_AWS_LAMBDA,
    .what = "Failed to invoke Lambda function",
    .role_option = -1, // a policy of the function allows it
    .build = build,
};

static wr_err open_lambda(struct wr_sink *self, const struct wr_settings *settings,
                          struct wr_fault *fault)
{
    return wr_aws_form_open(self, &kind, NULL, fault);
}

const struct wr_sink_impl wr_sink_lambda_aws = {
    WR_LAMBDA_ACTION,
    .form = "Invoke of type Event, one for each record; the region is that of the ARN.",
    .open = open_lambda,
    .submit = wr_aws_form_submit,
    .close = wr_aws_form_close,
};
