// What the demo has for the console: its devices as things, and a link that logs in.
// Blocks. Thread: start.
#ifndef WR_ENGINE_CLI_DEMO_CONSOLE_H
#define WR_ENGINE_CLI_DEMO_CONSOLE_H

#include "sql/base/buf.h"
#include "sql/base/err.h"

// Make the things and append the link to `link`; `state_dir` is of the weir that runs. The console
// is an extra: a failure is for a line, not for an end.
wr_err wr_demo_console(const char *state_dir, struct wr_buf *link,
                       struct wr_fault *fault) WR_MUST_CHECK;

#endif
