// A child process in a group of its own, with pipes for what it reads and writes: the worker of a
// Lambda function, a command that is run for an event (exec.h).
// Thread: loop.
//
// Nothing is left behind: stop and kill reach the whole group, what is left of the group when the
// process itself ends is killed, and where setpriv(1) is installed the kernel kills the process
// when weir dies without a word (kill -9).
#ifndef WR_SINKS_LIB_PROCESS_H
#define WR_SINKS_LIB_PROCESS_H

#include "sql/base/buf.h"
#include "sql/base/err.h"

#include <uv.h>

#define WR_PROCESS_GRACE_MS 2000 // between SIGTERM and SIGKILL
#define WR_PROCESS_WORDS    256  // words of a command line
#define WR_PROCESS_PREFIX   4    // words put before a command

// ---- command lines

// Words, as a shell splits them: blanks separate; '…' is literal; in "…" a backslash escapes " and
// \; outside quotes it escapes any character. There are no variables, no globs, no shell.
struct wr_words {
    char **at; // `count` terminated strings, then NULL
    size_t count;
    char *text_;
};

// Faults: WR_ERR_SYNTAX (a quote or backslash without end), WR_ERR_LIMIT. Give: wr_words_free().
wr_err wr_words_split(struct wr_words *words, wr_str line, struct wr_fault *fault) WR_MUST_CHECK;
void wr_words_free(struct wr_words *words);

// ---- processes

struct wr_process;

struct wr_process_options {
    char *const *command; // NULL-terminated; the first word is looked up in PATH of `env`
    char *const *env;     // "NAME=value", NULL-terminated; nothing is inherited
    const char *cwd;      // NULL: ours
    wr_str input; // on its stdin, which then ends; lent until `ended`, stop or kill. at NULL: none
    // A piece of what it wrote to stdout or stderr, in order.
    void (*output)(void *user, wr_str bytes);
    // May be NULL. Then: what it wrote to stderr comes here, and only stdout to `output`.
    void (*errors)(void *user, wr_str bytes);
    // It has ended and all its output was told: `exit_status`, or the signal's number when that is
    // not 0. Called once, from the loop; the process is freed behind it.
    void (*ended)(void *user, int64_t exit_status, int signal);
    void *user;
};

// Start it. Options are borrowed, `user` apart. Fault WR_ERR_FAILED: it could not be started, and
// there will be no callback.
wr_err wr_process_start(uv_loop_t *loop, const struct wr_process_options *options,
                        struct wr_process **out, struct wr_fault *fault) WR_MUST_CHECK;

int wr_process_pid(const struct wr_process *p);

// SIGTERM, and SIGKILL when it has not ended WR_PROCESS_GRACE_MS later. `ended` follows.
void wr_process_stop(struct wr_process *p);

// SIGKILL. `ended` follows.
void wr_process_kill(struct wr_process *p);

#endif
