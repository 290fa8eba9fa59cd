// Commands that are run, a process for each event: the event on its stdin, what it writes to stdout
// is the answer, its exit status says whether all went well. For local forms of services that run
// code (actions.md 10, `exec`).
//
//   run ─► queue ─► process, at most `concurrency` at once ─► done(job)
//
// Nothing is left behind by a command, see process.h. Thread: loop.
#ifndef WR_SINKS_LIB_EXEC_H
#define WR_SINKS_LIB_EXEC_H

#include "sinks/lib/launch.h"
#include "sql/base/json.h"

#define WR_EXEC_CONCURRENCY_MAX 64
#define WR_EXEC_OUTPUT_MAX      (1u << 20) // bytes of an answer: over AWS's largest, of 256 KiB
#define WR_EXEC_ERRORS_MAX      4096       // of what it wrote to stderr, the last so many are kept

struct wr_exec;

enum wr_exec_end {
    WR_EXEC_OK,      // exit status 0
    WR_EXEC_FAILED,  // another one, a signal, too long an answer, or it could not be started
    WR_EXEC_TIMEOUT, // it was killed
    WR_EXEC_STOPPED, // wr_exec_close()
};

// One event. The caller's memory until `done`.
struct wr_exec_job {
    wr_str input;   // lent until done
    char *variable; // "NAME=value" of this job, or NULL; lent until done
    // Called once, from the loop, or from inside wr_exec_close().
    void (*done)(struct wr_exec_job *job);
    void *user;
    // For `done`; texts are lent until it returns.
    enum wr_exec_end end;
    wr_str output, errors;
    char why[160];    // of another end than OK: "exit status 3"
    uint64_t took_ms; // from the start of the process
    struct wr_exec_job *next_;
};

// Options and `launch` are borrowed. Faults of wr_launch_init(). Give: wr_exec_close().
wr_err wr_exec_open(uv_loop_t *loop, const struct wr_launch_options *launch, int64_t timeout_ms,
                    size_t concurrency, struct wr_exec **out, struct wr_fault *fault) WR_MUST_CHECK;

void wr_exec_run(struct wr_exec *x, struct wr_exec_job *job);

// Nobody wants the answer. True: it had not begun, and `done` does not come.
bool wr_exec_cancel(struct wr_exec *x, struct wr_exec_job *job);

// Jobs that wait or run.
size_t wr_exec_held(const struct wr_exec *x);

// What a program has written, as JSON on one line: JSON as it is, other text as a string, nothing
// as null, other bytes as {"base64": …}. `none` is wr_paths_new(NULL, 0, NULL).
void wr_exec_add_answer(struct wr_buf *b, const struct wr_paths *none, wr_str answer);

// End all jobs (STOPPED, from inside this call) and their processes, then free and call `closed`
// from the loop.
void wr_exec_close(struct wr_exec *x, void (*closed)(void *user), void *user);

#endif
