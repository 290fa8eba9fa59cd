// The registry: what the control plane knows, in STATE/registry.db (SQLite, WAL). Three threads of
// its own: one writes, two read; the loop hands them jobs and gets them back.
//
//   loop ── job ──> writer: all jobs that wait, in ONE transaction, a savepoint each ── commit ──┐
//     ^                                                                                          │
//     └────────────────────────────── done, in the order of the jobs ◄───────────────────────────┘
//
// A job is done only when what it wrote is on disk (synchronous=FULL). Jobs that only read run
// beside it, on what is committed: in the reader, or in the searcher when they may take long, so
// that those that do not need not wait behind them.
// Thread: loop, but for `run` of a job.
#ifndef WR_ENGINE_REGISTRY_REGISTRY_H
#define WR_ENGINE_REGISTRY_REGISTRY_H

#include "engine/loop/mailbox.h"
#include "engine/registry/db.h"

#define WR_REGISTRY_GROUP_MAX 256 // jobs of one transaction: bounds what a failing commit undoes

struct wr_registry;

struct wr_registry_job {
    struct wr_letter letter_;
    bool write;
    bool slow; // of those that read
    // On the writer's, the reader's or the searcher's thread. What it wrote is kept unless it sets
    // `undo`.
    void (*run)(struct wr_registry_job *job, struct wr_db *db);
    // On the loop. `failed`: the file or the disk failed, nothing of it is kept, `why` says what.
    void (*done)(struct wr_registry_job *job);
    bool undo, failed;
    char why[160];
};

// Open or make the file in `state_dir`, migrate it, check that it is whole (PRAGMA quick_check),
// start the threads. `first` (may be NULL) runs before that on the caller's thread, inside a
// transaction: for what has to be there. WR_ERR_CORRUPT, WR_ERR_UNSUPPORTED, WR_ERR_IO; the fault
// names the file and what helps.
wr_err wr_registry_open(uv_loop_t *loop, const char *state_dir,
                        wr_err (*first)(void *user, struct wr_db *db, struct wr_fault *fault),
                        void *user, struct wr_registry **out, struct wr_fault *fault) WR_MUST_CHECK;

// Take `job` until it is done.
void wr_registry_submit(struct wr_registry *r, struct wr_registry_job *job);

// The commits and the jobs they held so far, and failures.
struct wr_registry_stats {
    uint64_t commits, writes, reads, failures;
};
void wr_registry_stats(const struct wr_registry *r, struct wr_registry_stats *out);

// Jobs that were submitted are done first. NULL: `closed` is called at once.
void wr_registry_close(struct wr_registry *r, void (*closed)(void *user), void *user);

#endif
