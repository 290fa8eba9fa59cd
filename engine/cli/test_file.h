// Files that `weir test` writes. Thread: start.
#ifndef WR_ENGINE_CLI_TEST_FILE_H
#define WR_ENGINE_CLI_TEST_FILE_H

#include "sql/base/buf.h"
#include "sql/base/err.h"

// The whole file at once: a reader sees the old one or the new one, also after a crash. What is
// there keeps its permissions, its owner where that is allowed, and its place when it is a symbolic
// link; what is no file (a pipe, a device) is written to. Fault: begins with the path.
wr_err wr_test_write_file(const char *path, wr_str text, struct wr_fault *fault) WR_MUST_CHECK;

// `s` for XML and HTML, also in attributes; what XML cannot hold becomes U+FFFD.
void wr_test_add_xml(struct wr_buf *b, wr_str s);

#endif
