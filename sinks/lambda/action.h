// The members of the action lambda, for both of its forms.
// Thread: any.
#ifndef WR_SINKS_LAMBDA_ACTION_H
#define WR_SINKS_LAMBDA_ACTION_H

#include "sinks/sink.h"

#define WR_LAMBDA_NAME_MAX 140 // AWS's limit, in bytes

enum { WR_LAMBDA_FUNCTION };
extern const struct wr_option wr_lambda_options[];
wr_err wr_lambda_check(const struct wr_param *params, const bool *constant, struct wr_fault *fault);

#define WR_LAMBDA_ACTION                                                                      \
    .name = "lambda", .failed_action = "LambdaAction",                                        \
    .help = "Invokes a function with the result as its event, and does not wait for what it " \
            "answers.",                                                                       \
    .options = wr_lambda_options, .resource_option = WR_LAMBDA_FUNCTION, .check = wr_lambda_check

// The name in arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER] or NAME[:QUALIFIER].
// False: it is neither.
bool wr_lambda_name(wr_str arn, wr_str *name);
// Letters, digits, - and _, at most WR_LAMBDA_NAME_MAX.
bool wr_lambda_is_name(wr_str s);

#endif
