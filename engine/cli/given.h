// What people give on the command line for a message: a payload as text, file or standard input,
// and a topic when they give none. Thread: start.
#ifndef WR_ENGINE_CLI_GIVEN_H
#define WR_ENGINE_CLI_GIVEN_H

#include "sql/base/buf.h"
#include "sql/base/err.h"

#define WR_GIVEN_BYTES_MAX (64u << 20) // of a payload or another file

// The whole of file `path`, appended to `out`; at most WR_GIVEN_BYTES_MAX. Fault: begins with the
// path.
wr_err wr_given_file(const char *path, struct wr_buf *out, struct wr_fault *fault) WR_MUST_CHECK;

// The text itself, @FILE, or - for standard input. False: `weir NAME` has said on stderr what could
// not be read.
bool wr_given_payload(const char *name, const char *given, struct wr_buf *out) WR_MUST_CHECK;

// A topic that the filter matches: `x` for every wildcard.
void wr_given_topic(wr_str filter, struct wr_buf *out);

#endif
