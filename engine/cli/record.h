// `weir record`: what its two ways have in common. Thread: start.
#ifndef WR_ENGINE_CLI_RECORD_H
#define WR_ENGINE_CLI_RECORD_H

#include "engine/cli/arguments.h"
#include "engine/config.h"

// ---- record_running.c

struct wr_record_running {
    const char *out, *socket, *last; // socket, last: may be NULL
    const struct wr_argument_list *filters;
    bool append, json;
};
// The last messages of the weir that runs into a file. Returns the exit status.
int wr_record_running(const struct wr_record_running *asked, const struct wr_config *config);

#endif
