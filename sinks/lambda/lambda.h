// Lambda functions on this machine, for callers other than the rule action: SQL's aws_lambda().
// Thread: loop, the sink's.
#ifndef WR_SINKS_LAMBDA_LAMBDA_H
#define WR_SINKS_LAMBDA_LAMBDA_H

#include "sinks/lambda/function.h"
#include "sinks/sink.h"

extern const struct wr_sink_impl wr_sink_lambda;

// Invoke the function that `inv->arn` names (an ARN or a bare name). `inv` as for
// wr_function_invoke(). Faults, in AWS's words: WR_ERR_UNKNOWN (no such function), WR_ERR_LIMIT
// (the event is too large), WR_ERR_BUSY (the queue is full), WR_ERR_STATE (closing); then there is
// no callback. The caller sees to it that the event is JSON.
wr_err wr_lambda_invoke(struct wr_sink *sink, struct wr_invocation *inv,
                        struct wr_fault *fault) WR_MUST_CHECK;

#endif
