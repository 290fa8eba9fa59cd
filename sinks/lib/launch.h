// How processes of one kind are started: command, folder and environment, made once.
// Thread: loop.
#ifndef WR_SINKS_LIB_LAUNCH_H
#define WR_SINKS_LIB_LAUNCH_H

#include "sinks/lib/process.h"

// A variable of the environment.
struct wr_launch_variable {
    const char *name, *value;
};

struct wr_launch_options {
    const char *setting; // what faults name, as in "functions.f"
    const char *command; // split by wr_words_split()
    const char *cwd;     // "": ours
    const char *env;     // NAME=value words
    // Besides; `env` goes before them.
    const struct wr_launch_variable *own;
    size_t own_count;
    const char *cwd_variable; // NULL, or the variable that tells the folder
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
