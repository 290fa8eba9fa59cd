// The local form of Firehose: files that are filled, closed and followed by the next, with the
// service's own names (actions.md 10). Writing them, for the sink; and looking.
//
//   <state_dir>/local/firehose/{stream}/2026/11/27/10/{stream}-1-2026-11-27-10-02-31-8f3c…   whole
//   ….part        being filled; renamed when it has `size_max` bytes or is `age_ms` old
//   <state_dir>/local/firehose/{stream}/.active   what is being written where, for a restart
//
// Times are UTC. Records stand one behind the other as they came, with their separators. `.active`
// says, before each write, in which file it begins and how long it is: what a crash cut off is
// removed at the next start, and is not missed, for it was never answered.
#ifndef WR_SINKS_LIB_LOCAL_FIREHOSE_H
#define WR_SINKS_LIB_LOCAL_FIREHOSE_H

#include "sinks/lib/turns.h"
#include "sql/base/err.h"
#include "sql/base/str.h"

#define WR_LOCAL_FIREHOSE_OPEN_MAX 64 // streams with a file being filled; with more the oldest ends

// ---- writing. Thread: loop; files are written on a worker, each synced once a turn

struct wr_local_firehose;

// Lent until `done`.
struct wr_local_firehose_piece {
    struct wr_turn_item item; // first
    wr_str stream;            // letters, digits and _.-
    const wr_str *texts;
    size_t count;
    wr_str separator;    // behind each
    const char *trouble; // in `done`: NULL, or why it is not on the disk (constant text)
    void *user;
    struct wr_local_firehose_stream *to_;
};

struct wr_local_firehose_options {
    uv_loop_t *loop;
    const char *state_dir; // absolute
    uint64_t size_max;     // bytes
    int64_t age_ms;
    // Pieces in the order they were sent, linked by item.next.
    void (*done)(void *user, struct wr_local_firehose_piece *pieces);
    void *user;
};

// Blocks. Files that a former process was filling are repaired and ended. Give:
// wr_local_firehose_close() it.
wr_err wr_local_firehose_open(const struct wr_local_firehose_options *options,
                              struct wr_local_firehose **out, struct wr_fault *fault) WR_MUST_CHECK;
void wr_local_firehose_send(struct wr_local_firehose *f, struct wr_local_firehose_piece *piece);
// What waits is still written and all files are ended; then `closed`, from the loop.
void wr_local_firehose_close(struct wr_local_firehose *f, void (*closed)(void *user), void *user);

// ---- looking. Thread: any; calls block. Texts are lent until the visit ends

// In the order of their names, until `visit` returns false. None is no error.
wr_err wr_local_firehose_streams(const char *state_dir, bool (*visit)(void *user, wr_str stream),
                                 void *user, struct wr_fault *fault) WR_MUST_CHECK;

struct wr_local_firehose_file {
    wr_str name;      // "2026/11/27/10/…", without .part
    const char *path; // of the file
    bool part;        // being filled
    uint64_t size;
    int64_t modified_ms;
};
// In the order of time. WR_ERR_UNKNOWN: no such stream.
wr_err wr_local_firehose_files(const char *state_dir, wr_str stream,
                               bool (*visit)(void *user, const struct wr_local_firehose_file *file),
                               void *user, struct wr_fault *fault) WR_MUST_CHECK;

#endif
