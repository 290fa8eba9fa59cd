// This program again, as a child with one of its commands: for questions of the console whose
// answers are a command's, and whose work must not stop the loop. The child gets two texts as files
// at most, a time limit, and nothing else of ours.
// Thread: loop.
#ifndef WR_ENGINE_CLI_SELF_H
#define WR_ENGINE_CLI_SELF_H

#include <uv.h>

#include "sql/base/str.h"

#define WR_SELF_ARGS_MAX   8
#define WR_SELF_OUT_MAX    (8u << 20) // bytes of its answer; more ends it
#define WR_SELF_TIMEOUT_MS 10000
#define WR_SELF_FIRST      "/dev/fd/3" // how it calls the files
#define WR_SELF_SECOND     "/dev/fd/4"

struct wr_self_ask {
    const char *args[WR_SELF_ARGS_MAX]; // behind the program's name; NULL behind the last
    wr_str first, second;               // files; a NULL pointer: none
    // Called once, later. `status` is the exit status; -1: it could not be started, took too long
    // or said too much, and `err` says so. Texts are lent until it returns.
    void (*done)(void *user, int status, wr_str out, wr_str err);
    void *user;
};
// Everything in `ask` is borrowed.
void wr_self_run(uv_loop_t *loop, const struct wr_self_ask *ask);

#endif
