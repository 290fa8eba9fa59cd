// The files of one audit log, oldest first: audit.log.N, whose last line is number N, and
// audit.log, which is written. The chain goes on from one to the next. Thread: any; may block.
#ifndef WR_ENGINE_ADMIN_AUDIT_FILES_H
#define WR_ENGINE_ADMIN_AUDIT_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "sql/base/compiler.h"
#include "sql/base/err.h"

struct wr_audit_file {
    char *path;
    uint64_t last; // number of its last line; 0: the one that is written
    int fd;        // to read
};

struct wr_audit_files {
    struct wr_audit_file *at;
    size_t count;
};

// Open `path` and what is kept beside it, as they were at one moment: a weir that writes may begin
// a new file meanwhile. WR_ERR_MISSING: there is no `path` and nothing kept; WR_ERR_IO.
wr_err wr_audit_files_open(const char *path, struct wr_audit_files *out,
                           struct wr_fault *fault) WR_MUST_CHECK;
void wr_audit_files_close(struct wr_audit_files *files);

// The file that is written, made when it is not there; -1: errno.
int wr_audit_files_log(const char *path);
// Keep `path`, whose last line is number `last` and which is on disk, and begin a new one: *fd, to
// be closed. WR_ERR_EXISTS, WR_ERR_IO: all is as it was.
wr_err wr_audit_files_begin(const char *path, uint64_t last, int *fd,
                            struct wr_fault *fault) WR_MUST_CHECK;

#endif
