// kinesis: a record of a data stream per record (actions.md 4.9). What its forms share.
#ifndef WR_SINKS_KINESIS_KINESIS_H
#define WR_SINKS_KINESIS_KINESIS_H

#include "sinks/lib/refusal.h"
#include "sinks/sink.h"

#define WR_KINESIS_NAME_MAX 128
#define WR_KINESIS_KEY_MAX  256 // characters
#define WR_KINESIS_RECORD_MAX \
    10485760 // bytes of data and key, where a stream is told so; else 1 MiB

enum { WR_KINESIS_ROLE, WR_KINESIS_STREAM, WR_KINESIS_KEY };
extern const struct wr_option wr_kinesis_options[];
extern const struct wr_refusal_text wr_kinesis_texts;
wr_err wr_kinesis_check(const struct wr_param *params, const bool *constant,
                        struct wr_fault *fault);

#define WR_KINESIS_ACTION                                                                 \
    .name = "kinesis", .failed_action = "KinesisAction",                                  \
    .help = "Puts the result into a Kinesis data stream.", .options = wr_kinesis_options, \
    .resource_option = WR_KINESIS_STREAM, .check = wr_kinesis_check

// The partition key: the rule's, or the message's trace id, which is a random UUID that stays the
// same over retries. Checks what Kinesis checks of stream, key and data.
struct wr_refusal wr_kinesis_key(const struct wr_record *rec, wr_str *key);

#endif
