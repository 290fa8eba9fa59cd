// What a function leaves behind: state_dir/local/lambda/NAME/results.ndjson, a line for each try,
// and log.txt, what its processes wrote and what became of them. Thread: loop.
#ifndef WR_SINKS_LAMBDA_OUTPUT_H
#define WR_SINKS_LAMBDA_OUTPUT_H

#include "sinks/sink.h"

struct wr_output;

struct wr_output_options {
    const char *name;             // the function's; lent until close
    int64_t log_max, results_max; // bytes at which a file is put aside; 0: never
    // Every result up to number `line` is written, or is lost and the log has said why.
    void (*written)(void *user, uint64_t line);
    void *user;
};

// Makes the folder. Fault: WR_ERR_IO. Give: wr_output_close().
wr_err wr_output_open(const struct wr_sink_host *host, const struct wr_output_options *options,
                      struct wr_output **out, struct wr_fault *fault) WR_MUST_CHECK;

// One try. All borrowed.
struct wr_output_result {
    const char *id;
    unsigned attempt;
    const char *status;
    uint64_t duration_ms;
    wr_str event;  // valid JSON
    wr_str answer; // any bytes: JSON is kept, other text becomes a string, the rest {"base64": …}
};

// The answer is the line's number: 1, 2, …
uint64_t wr_output_result(struct wr_output *o, const struct wr_output_result *result);

// To log.txt, as it is.
void wr_output_text(struct wr_output *o, wr_str text);

// To log.txt: a line of weir's own, "TIME weir: process PID WHAT DETAIL".
void wr_output_note(struct wr_output *o, int pid, const char *what, const char *detail);

// Write what waits, then call `done` from the loop. `o` must not be used after this call.
void wr_output_close(struct wr_output *o, void (*done)(void *user), void *user);

#endif
