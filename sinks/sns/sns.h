// sns: a publication to a topic per record (actions.md 4.8). What its forms share: the action's
// members, and what a message is.
#ifndef WR_SINKS_SNS_SNS_H
#define WR_SINKS_SNS_SNS_H

#include "sinks/lib/refusal.h"
#include "sinks/sink.h"

#define WR_SNS_MESSAGE_MAX 262144 // bytes of a message, and of all messages of a call

enum { WR_SNS_ROLE, WR_SNS_TARGET, WR_SNS_FORMAT };
extern const struct wr_option wr_sns_options[];
extern const struct wr_refusal_text wr_sns_texts;
wr_err wr_sns_check(const struct wr_param *params, const bool *constant, struct wr_fault *fault);

#define WR_SNS_ACTION                                                                             \
    .name = "sns", .failed_action = "SnsAction", .help = "Publishes the result to an SNS topic.", \
    .options = wr_sns_options, .resource_option = WR_SNS_TARGET, .check = wr_sns_check

// messageFormat JSON: the result holds a text for each protocol.
bool wr_sns_is_json(const struct wr_record *rec);

// Checks what SNS checks: the target (an ARN of SNS that is not FIFO) and the message; with
// messageFormat JSON it is an object with a text named "default", which goes to `text`; else `text`
// is the message.
struct wr_refusal wr_sns_message(const struct wr_record *rec, wr_str *text);

#endif
