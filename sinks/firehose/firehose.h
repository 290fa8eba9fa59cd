// firehose: a record of a delivery stream per record, or one for each element of an array
// (actions.md 4.10). What its forms share.
#ifndef WR_SINKS_FIREHOSE_FIREHOSE_H
#define WR_SINKS_FIREHOSE_FIREHOSE_H

#include "sinks/lib/refusal.h"
#include "sinks/sink.h"

#define WR_FIREHOSE_NAME_MAX     64
#define WR_FIREHOSE_RECORD_MAX   1024000   // bytes before base64, the separator included
#define WR_FIREHOSE_ELEMENTS_MAX 500       // of an array with batchMode
#define WR_FIREHOSE_CALL_MAX     (4 << 20) // bytes of all records of a call

enum { WR_FIREHOSE_ROLE, WR_FIREHOSE_STREAM, WR_FIREHOSE_SEPARATOR, WR_FIREHOSE_BATCH };
extern const struct wr_option wr_firehose_options[];
extern const struct wr_refusal_text wr_firehose_texts;
wr_err wr_firehose_check(const struct wr_param *params, const bool *constant,
                         struct wr_fault *fault);

#define WR_FIREHOSE_ACTION                                                                      \
    .name = "firehose", .failed_action = "FirehoseAction",                                      \
    .help = "Puts the result into a Firehose delivery stream.", .options = wr_firehose_options, \
    .resource_option = WR_FIREHOSE_STREAM, .check = wr_firehose_check

// What becomes of one record: `count` texts, each followed by the separator (which may be empty).
struct wr_firehose_texts {
    const wr_str *texts; // in the record's arena
    size_t count;
    wr_str separator;
    size_t bytes; // of all, separators included
};

// Checks what Firehose checks.
struct wr_refusal wr_firehose_read(const struct wr_record *rec, struct wr_firehose_texts *out);

#endif
