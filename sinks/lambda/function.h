// One Lambda function on this machine: a bounded queue, and what takes from it: a command that is
// run for each event (sinks/lib/exec), or worker processes over the Runtime API. Workers start at
// the first event and stay; they are started again when needed after a crash, with a growing pause
// when they fail before they have answered anything. Thread: loop.
//
//   invoke ─► queue ─► worker: DOWN → STARTING → IDLE ⇄ BUSY → ANSWERED → IDLE …
//               ▲                                  │ error, time-out, crash
//               └──────────── delayed ◄────────────┘ while it has retries left
#ifndef WR_SINKS_LAMBDA_FUNCTION_H
#define WR_SINKS_LAMBDA_FUNCTION_H

#include "sinks/lambda/action.h"
#include "sinks/lib/launch.h"
#include "sinks/lib/local_lambda.h"
#include "sinks/sink.h"

#define WR_FUNCTION_WORKERS 64 // processes of one function
#define WR_FUNCTION_NAME    WR_LAMBDA_NAME_MAX
#define WR_FUNCTION_RETRIES 10

struct wr_function_options {
    const char *name;
    struct wr_launch_options launch;
    bool exec; // the command is run once for each event, with it on stdin
    int64_t timeout_ms, init_timeout_ms, concurrency, queue_max, retry_delay_ms;
    int64_t retries;              // what wr_function_retries() answers
    int64_t log_max, results_max; // bytes; 0: no limit
};

// Options are borrowed. Makes the folder state_dir/local/lambda/NAME. Faults: what is wrong with an
// option, WR_ERR_IO. Give: wr_function_close().
wr_err wr_function_open(const struct wr_sink_host *host, const struct wr_function_options *options,
                        struct wr_function **out, struct wr_fault *fault) WR_MUST_CHECK;

const char *wr_function_name(const struct wr_function *f);

// The retries it is configured with; for inv->retries.
unsigned wr_function_retries(const struct wr_function *f);

// False, and no callback, when the queue is full. Callbacks may come from inside.
bool wr_function_invoke(struct wr_function *f, struct wr_invocation *inv) WR_MUST_CHECK;

// End every invocation (WR_OUTCOME_STOPPED, from inside this call; those that were answered once
// their line is written), end all processes, then call `done` from the loop.
void wr_function_close(struct wr_function *f, void (*done)(void *user), void *user);

#endif
