// sqs: a message of a queue per record (actions.md 4.7). What its forms share: the action's
// members, and the text of a message.
#ifndef WR_SINKS_SQS_SQS_H
#define WR_SINKS_SQS_SQS_H

#include "sinks/lib/refusal.h"
#include "sinks/sink.h"

#define WR_SQS_BODY_MAX 1048576 // bytes of a message, and of all messages of a call

enum { WR_SQS_ROLE, WR_SQS_URL, WR_SQS_BASE64 };
extern const struct wr_option wr_sqs_options[];
extern const struct wr_refusal_text wr_sqs_texts;
wr_err wr_sqs_check(const struct wr_param *params, const bool *constant, struct wr_fault *fault);

#define WR_SQS_ACTION                                                                    \
    .name = "sqs", .failed_action = "SqsAction",                                         \
    .help = "Sends the result as a message of an SQS queue.", .options = wr_sqs_options, \
    .resource_option = WR_SQS_URL, .check = wr_sqs_check

// The message's text; base64 is made in the record's arena. Checks what SQS checks of it.
struct wr_refusal wr_sqs_body(const struct wr_record *rec, wr_str *body);

#endif
