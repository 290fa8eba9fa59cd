// The request of actions.md 4.4.
#include "sinks/lib/aws_lambda.h"

#include "sinks/lib/aws_canonical.h"

#include "sql/base/banned.h"

bool wr_aws_lambda_call(struct wr_aws_call *call, wr_str function, wr_str event, bool wait,
                        struct wr_arena *arena)
{
    static const struct wr_http_header async = {WR_STR_INIT("X-Amz-Invocation-Type"),
                                                WR_STR_INIT("Event")};
    static const struct wr_http_header sync = {WR_STR_INIT("X-Amz-Invocation-Type"),
                                               WR_STR_INIT("RequestResponse")};
    struct wr_buf path;
    struct wr_aws_arn arn;
    wr_buf_init_arena(&path, arena);
    wr_buf_add(&path, WR_STR("/2015-03-31/functions/"));
    wr_aws_encode(&path, function, false);
    wr_buf_add(&path, WR_STR("/invocations"));
    call->service = WR_AWS_LAMBDA;
    call->method = "POST";
    call->path = wr_buf_str(&path);
    call->region = wr_aws_arn_read(function, &arn) ? arn.region : (wr_str){0};
    call->content_type = WR_STR("application/json");
    call->headers = wait ? &sync : &async;
    call->header_count = 1;
    call->body = event;
    return !path.over;
}

bool wr_aws_lambda_failed(const struct wr_aws_answer *answer)
{
    return answer->response &&
           wr_http_response_header(answer->response, WR_STR("x-amz-function-error")).len > 0;
}
