// Lambda functions on this machine, for callers other than the rule action: SQL's aws_lambda().
// They are the functions that weir.yaml declares under sinks.lambda.functions, run by the lambda
// sink (sinks/lambda), with one queue and the same processes for both. Thread: loop, the sink's.
#ifndef WR_SINKS_LIB_LOCAL_LAMBDA_H
#define WR_SINKS_LIB_LOCAL_LAMBDA_H

#include "sinks/sink.h"

struct wr_function;

// How an invocation ended.
enum wr_outcome {
    WR_OUTCOME_OK,
    WR_OUTCOME_ERROR,   // the function said so
    WR_OUTCOME_TIMEOUT, // it was killed
    WR_OUTCOME_CRASH,   // its process ended, or could not start
    WR_OUTCOME_STOPPED, // the function is being closed
};

// One event for a function. The caller's memory, until `done`.
struct wr_invocation {
    wr_str event;     // JSON; lent until done
    wr_str arn;       // for the process; lent until done
    wr_str id;        // its request id, 36 letters; copied. Empty: a new one
    unsigned retries; // tries after the first
    // May be NULL. The outcome is final. `answer` is what the function answered, or an error
    // document ({"errorMessage": …, "errorType": …}); borrowed, not checked.
    void (*answered)(struct wr_invocation *inv, enum wr_outcome outcome, wr_str answer);
    // Last call, after `answered`: the line is in results.ndjson too (or closing).
    void (*done)(struct wr_invocation *inv, enum wr_outcome outcome);
    void *user;

    struct wr_function *function_;
    struct wr_invocation *next_;
    char id_[37], trace_[80];
    unsigned attempt_;
    enum wr_outcome outcome_;
    uint64_t started_ms_, due_ms_, line_;
};

// Invoke the function that `inv->arn` names (an ARN or a bare name). `sink` is the open lambda
// sink. Faults, in AWS's words: WR_ERR_UNKNOWN (no such function), WR_ERR_LIMIT (the event is too
// large), WR_ERR_BUSY (the queue is full), WR_ERR_STATE (closing); then there is no callback.
// Callbacks may come from inside. The caller sees to it that the event is JSON.
wr_err wr_lambda_invoke(struct wr_sink *sink, struct wr_invocation *inv,
                        struct wr_fault *fault) WR_MUST_CHECK;

// Nobody wants the answer any more. True: no process had the event yet, it is taken back, and no
// callback comes. False: it is under way and ends as usual.
bool wr_lambda_cancel(struct wr_invocation *inv);

// "ValueError: no such bin" from an error document, cut to a few hundred bytes; of other text the
// beginning.
void wr_lambda_error_text(struct wr_sink *sink, struct wr_buf *out, wr_str document);

#endif
