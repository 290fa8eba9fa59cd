// An append-only file written on uv's thread pool, many lines at a time: a function's results and
// its output. A line that `written` has told of survives the end of this process (it is not
// synced). Thread: loop.
#ifndef WR_SINKS_LAMBDA_JOURNAL_H
#define WR_SINKS_LAMBDA_JOURNAL_H

#include "sql/base/buf.h"

#include <uv.h>

struct wr_journal;

struct wr_journal_options {
    const char *path; // borrowed; its folder exists
    // A file that has grown to this size is renamed to path.1 (replacing that) before the next
    // write. 0: never.
    int64_t size_max;
    // Lines that would make more than this wait are left out, counted, and told of by a line of the
    // journal's own. 0: no limit.
    size_t pending_max;
    // May be NULL. Every line up to number `seq` is in the file; or could not be written, and `why`
    // says why. In order, from the loop.
    void (*written)(void *user, uint64_t seq, const char *why);
    void *user;
};

// Cannot fail: the file is opened at the first write. Give: wr_journal_close().
struct wr_journal *wr_journal_new(uv_loop_t *loop, const struct wr_journal_options *options);

// Where to build the next line, with its line feed; end with wr_journal_commit().
struct wr_buf *wr_journal_begin(struct wr_journal *j);

// Take what was added since wr_journal_begin(). The answer is its number: 1, 2, …
uint64_t wr_journal_commit(struct wr_journal *j);

// Write what waits, then call `done` (from the loop). `j` must not be used after this call.
void wr_journal_close(struct wr_journal *j, void (*done)(void *user), void *user);

#endif
