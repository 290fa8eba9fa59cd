// A copy of the registry while weir runs: one moment of it, whole, in one file. Another process
// than weir's may make it; writers go on meanwhile. Thread: any; blocks.
#ifndef WR_ENGINE_REGISTRY_BACKUP_H
#define WR_ENGINE_REGISTRY_BACKUP_H

#include <stdint.h>

#include "sql/base/err.h"

struct wr_backup {
    uint64_t bytes;
    int64_t tenants, things; // in the copy
};

// Copy `state_dir`/registry.db to `path` (0600, never over a file that is there), and check the
// copy as a weir that starts would. On failure no file is left. WR_ERR_MISSING: no registry there;
// WR_ERR_EXISTS, WR_ERR_IO, WR_ERR_CORRUPT.
wr_err wr_registry_backup(const char *state_dir, const char *path, struct wr_backup *out,
                          struct wr_fault *fault) WR_MUST_CHECK;

#endif
