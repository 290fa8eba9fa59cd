// How a function's processes are started: command, folder and environment, made once.
// Thread: loop.
#ifndef WR_SINKS_LAMBDA_LAUNCH_H
#define WR_SINKS_LAMBDA_LAUNCH_H

#include "sinks/lambda/process.h"

struct wr_launch_options {
    const char *name;
    const char *command; // split by wr_words_split()
    const char *cwd;     // "": ours
    const char *handler; // _HANDLER
    const char *env;     // NAME=value words
    const char *region;
    int64_t memory_mb;
};

struct wr_launch {
    struct wr_words command;
    char *cwd; // NULL: ours
    struct wr_words env_;
    char **environment_;
    size_t environment_len_;
};

// Options are borrowed. Faults name the setting. Give: wr_launch_release().
wr_err wr_launch_init(struct wr_launch *launch, const struct wr_launch_options *options,
                      struct wr_fault *fault) WR_MUST_CHECK;
void wr_launch_release(struct wr_launch *launch);

// The environment with `entry` ("NAME=value", borrowed as long as the answer is used) in it;
// NULL-terminated, until the next call.
char *const *wr_launch_environment(struct wr_launch *launch, char *entry);

#endif
