// State machines on this machine: a command of weir.yaml (sinks.stepFunctions.machines) is run for
// each execution, with its input on stdin. What it writes to stdout is the output; an exit status
// other than 0 is a failed execution, of which a rule hears nothing, as on AWS.
// Thread: loop, the sink's.
#ifndef WR_SINKS_STEP_FUNCTIONS_MACHINES_H
#define WR_SINKS_STEP_FUNCTIONS_MACHINES_H

#include "sinks/lib/exec.h"
#include "sinks/sink.h"

#define WR_MACHINE_OUTPUT_MAX 262144 // bytes, as on AWS

struct wr_machine;
struct wr_machines;

// An execution. The caller's memory until `ended`.
struct wr_machine_run {
    struct wr_exec_job job; // first; the machine's
    wr_str input;           // JSON; lent until `ended`
    char *variable;         // "EXECUTION_ARN=…"; lent likewise
    // Called once. `status` NULL: weir is stopping, nothing has become of it.
    void (*ended)(struct wr_machine_run *run);
    void *user;
    // For `ended`: what became of it. Texts are lent until it returns.
    const char *status; // "SUCCEEDED", "FAILED", "TIMED_OUT"
    const char *error;  // of the last two: "States.Timeout"
    wr_str output;      // any bytes; of a failure what it wrote to stderr
    uint64_t took_ms;
};

#define WR_MACHINE_SETTINGS                                                                        \
    {"machines.*.command", WR_OPT_STRING, WR_OPT_REQUIRED,                                         \
     .help = "What is run for an execution, with its input on stdin. Split into words at blanks; " \
             "'…' and \"…\" keep blanks; no shell runs."},                                         \
        {"machines.*.cwd", WR_OPT_STRING, .fallback = "", .unit = "path",                          \
         .help = "The folder it runs in; empty: weir's own."},                                     \
        {"machines.*.env", WR_OPT_STRING, .fallback = "",                                          \
         .help = "NAME=value words, split like the command. Of weir's own environment it sees "    \
                 "PATH, HOME, LANG, LC_ALL, TMPDIR and USER."},                                    \
        {"machines.*.timeout",                                                                     \
         WR_OPT_INT,                                                                               \
         .fallback = "60000",                                                                      \
         .min = 1,                                                                                 \
         .max = 86400000,                                                                          \
         .unit = "ms",                                                                             \
         .help = "How long an execution may take; then it is killed."},                            \
        {"machines.*.concurrency",                                                                 \
         WR_OPT_INT,                                                                               \
         .fallback = "4",                                                                          \
         .min = 1,                                                                                 \
         .max = WR_EXEC_CONCURRENCY_MAX,                                                           \
         .help = "Executions that run at once; more wait."},                                       \
    {                                                                                              \
        "machines.*.executions", WR_OPT_INT,                                                       \
            .fallback = "1000", .min = 1, .max = 1000000,                                          \
            .help = "Executions that run or wait. More are tried later, as "                       \
                    "ExecutionLimitExceeded."                                                      \
    }

// Those of `settings`. Give: wr_machines_close().
wr_err wr_machines_open(uv_loop_t *loop, const struct wr_settings *settings,
                        struct wr_machines **out, struct wr_fault *fault) WR_MUST_CHECK;
// NULL: no command is known for it.
struct wr_machine *wr_machine_find(const struct wr_machines *m, wr_str name);
// False, and nothing is done: as many executions as may be are under way.
bool wr_machine_run(struct wr_machine *machine, struct wr_machine_run *run) WR_MUST_CHECK;
// Executions under way are told, then `closed` is called from the loop.
void wr_machines_close(struct wr_machines *m, void (*closed)(void *user), void *user);

#endif
