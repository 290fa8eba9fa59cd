// The durable spool: a log of entries on disk between evaluation and sinks. What is an entry is the
// owner's business (flow/entry.h); the spool keeps bytes, numbers them, says when they are durable,
// gives them back, and forgets them when they are done (performance-design.md 8).
//
//   add, add, … ─ flush ─► group ═ thread: one write, one fdatasync ═► durable(seq) ─► owner
//                                                                       done(seq)   ◄─
// Groups form by themselves: while one is written the next one fills.
//
//   DIR/<base seq>.seg    header, batches (spool_format.h); preallocated, never written again
//   DIR/<base seq>.done   the numbers of its entries that are done: the cursor. Written lazily and
//                         not synced: lost marks deliver twice, never lose
//   DIR/manifest          the segments there should be, so that a missing one is noticed
//   DIR/acknowledged      twice.h's
//   DIR/damaged/          what could not be read, one file a place, kept for people
//
// There is a cursor a segment and not one a sink (as in the design digest), since entries are done
// in any order: a dead destination neither makes the others deliver again after a crash nor keeps
// segments without its entries.
// Thread: loop. The spool has two threads for all that touches the disk after opening: one writes,
// one reads, so that a slow sync holds up nothing that is read.
#ifndef WR_ENGINE_FLOW_SPOOL_H
#define WR_ENGINE_FLOW_SPOOL_H

#include "sql/base/buf.h"
#include "sql/base/err.h"

#include <sys/types.h>
#include <uv.h>

// A group of more bytes takes no further entry. While one waits to be written, reads wait: what was
// read already may make more.
#define WR_SPOOL_GROUP_MAX (8u << 20)

struct wr_spool;

// The system calls whose failures a spool must survive; tests make the n-th one fail.
struct wr_spool_io {
    int (*open)(const char *path, int flags, mode_t mode);
    ssize_t (*pwrite)(int fd, const void *at, size_t len, off_t offset);
    int (*fdatasync)(int fd);
    int (*fallocate)(int fd, off_t size);
    int (*unlink)(const char *path);
};

struct wr_spool_events {
    // Every entry up to and including `seq` is on disk.
    void (*durable)(void *user, uint64_t seq);
    // No room on the disk or under max_bytes: stop reading. Then: there is again. Also from inside
    // wr_spool_flush().
    void (*full)(void *user, bool full, const char *why);
    // A sync or a write failed for another reason than room: nothing that was not durable may be
    // trusted. The process must end without acknowledging; the next start recovers.
    void (*broken)(void *user, const struct wr_fault *fault);
    void *user;
};

struct wr_spool_options {
    uv_loop_t *loop;
    const char *dir;              // made when missing
    uint64_t max_bytes;           // on disk, all segments together; at least two segments
    const char *max_name;         // of its option, for the log; may be NULL
    uint64_t segment_bytes;       // of a segment; a larger group gets a segment of its size
    bool read_only;               // look and fetch only: nothing is written, set aside or said, and
                                  // another process may be at work on it
    const struct wr_spool_io *io; // NULL: the system's
    struct wr_spool_events events;
};

struct wr_spool_stats {
    uint64_t entries;    // added since the start
    uint64_t groups;     // written since the start
    uint64_t pending;    // entries not done
    uint64_t disk_bytes; // of all segments
    uint64_t segments;
    uint64_t unwritten_bytes; // added and not yet durable
    uint64_t recovered;       // entries that were not done when the spool was opened
    uint64_t damaged_batches; // set aside when the spool was opened
    uint64_t damaged_bytes;
    uint64_t missing_segments;
    bool full;
};

// Read what a former process left, make the folder, start the thread. A segment of a newer format
// is refused by name (WR_ERR_UNSUPPORTED); damage is logged and set aside, and is no error. Blocks
// while it reads. Give: wr_spool_close() it.
wr_err wr_spool_open(const struct wr_spool_options *options, struct wr_spool **out,
                     struct wr_fault *fault) WR_MUST_CHECK;

// The first entry that is not done with a number of `seq` or more; 0: none. Numbers begin at 1.
uint64_t wr_spool_pending(const struct wr_spool *s, uint64_t seq);

// The highest number given; 0: none.
uint64_t wr_spool_last(const struct wr_spool *s);

// Begin an entry: append its bytes to the answer, then end it, which gives its number. Between the
// two no other call.
struct wr_buf *wr_spool_begin(struct wr_spool *s);
uint64_t wr_spool_end(struct wr_spool *s);
// Write what was added, now or when the group before it is written. At the end of each batch.
void wr_spool_flush(struct wr_spool *s);
// Another limit for all segments together; what waits for room goes on if there is now.
void wr_spool_set_max(struct wr_spool *s, uint64_t max_bytes);
// Over WR_SPOOL_GROUP_MAX, or full: do not read on; the next `durable` or `full` says when.
bool wr_spool_busy(const struct wr_spool *s);

// The entry needs nothing more. Once a number, after it was durable.
void wr_spool_done(struct wr_spool *s, uint64_t seq);

// Read an entry again, off the loop. `bytes` is on the heap and the caller's; `done` is called
// once, from the loop. WR_ERR_CORRUPT: its checksum does not fit; the bytes are in DIR/damaged and
// the caller should call it done. WR_ERR_IO: the disk.
struct wr_spool_fetch {
    uint64_t seq;
    void (*done)(struct wr_spool_fetch *f);
    void *user;
    struct wr_buf bytes;
    struct wr_fault fault; // code WR_OK: `bytes` holds the entry
};
// Those of one turn of the loop that lie near one another are read together, in the order in which
// they were asked for: ask in ascending order.
void wr_spool_fetch(struct wr_spool *s, struct wr_spool_fetch *f);
// Bytes of a durable entry, or more where damage lies behind it.
size_t wr_spool_size(const struct wr_spool *s, uint64_t seq);

void wr_spool_stats(const struct wr_spool *s, struct wr_spool_stats *stats);

// Write what was added and the marks of what is done, end the thread, then call `closed` and free.
// Fetches under way are answered before. A full disk does not keep it: what is not durable then is
// given up, and nobody has been told that it was.
void wr_spool_close(struct wr_spool *s, void (*closed)(void *user), void *user);

#endif
