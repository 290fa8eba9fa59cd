// The state directory: made when it is missing, and held by one process.
// Thread: start.
#ifndef WR_ENGINE_CLI_STATE_DIR_H
#define WR_ENGINE_CLI_STATE_DIR_H

#include "sql/base/err.h"

struct wr_state_dir {
    char *path; // absolute
    int lock_fd;
};

// Make `path` with its parents if need be and lock it: a second process gets WR_ERR_BUSY with the
// first one's pid. The lock goes with the process.
wr_err wr_state_dir_open(const char *path, struct wr_state_dir *out,
                         struct wr_fault *fault) WR_MUST_CHECK;
void wr_state_dir_close(struct wr_state_dir *s);

// Replace `path` by `text` so that a reader sees the old or the new content, never a part.
wr_err wr_file_replace(const char *path, wr_str text, struct wr_fault *fault) WR_MUST_CHECK;

#endif
