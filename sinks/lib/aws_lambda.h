// Lambda's Invoke: for the action (asynchronous) and for aws_lambda() (synchronous).
// Thread: loop.
#ifndef WR_SINKS_LIB_AWS_LAMBDA_H
#define WR_SINKS_LIB_AWS_LAMBDA_H

#include "sinks/lib/aws.h"

// Fill service, path, region, headers, content type and body of `call`, for the function of that
// ARN or name. Texts are made in `arena`; false: it is full.
bool wr_aws_lambda_call(struct wr_aws_call *call, wr_str function, wr_str event, bool wait,
                        struct wr_arena *arena) WR_MUST_CHECK;

// Of a synchronous answer of class OK: the function itself has failed, its body is the error
// document.
bool wr_aws_lambda_failed(const struct wr_aws_answer *answer);

#endif
