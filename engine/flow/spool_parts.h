// Inside of the spool: what its loop side (spool.c), its threads (spool_disk.c writes, spool_read.c
// reads) and its recovery (spool_recover.c) share. For those four only.
//
// Protocol: a command is a letter to a thread and comes back as the same letter. The loop does not
// touch a command, nor the group in it, while a thread has it. Segments belong to the loop; the
// threads see of them the descriptors and places that a command holds. A segment's descriptors are
// closed by its own last command, which comes after all others of the writing thread, and which is
// not sent while something of it is read.
#ifndef WR_ENGINE_FLOW_SPOOL_PARTS_H
#define WR_ENGINE_FLOW_SPOOL_PARTS_H

#include "engine/flow/spool.h"
#include "engine/flow/spool_format.h"
#include "engine/loop/mailbox.h"

#define WR_SPOOL_NAME_MAX 40 // "0123456789abcdef.done" and room
#define WR_SPOOL_DAMAGED  "damaged"

struct wr_spool_segment {
    uint64_t base_seq;
    uint32_t salt;
    uint32_t count, live; // entries; not done
    uint32_t cap;
    uint32_t *offsets;   // of entry headers, from the start of the file in units of WR_SPOOL_ALIGN
    uint64_t *done;      // a bit an entry
    uint64_t used, size; // bytes written; on disk
    uint64_t durable;    // where its last entry in `offsets` ends
    uint32_t reading;    // entries of it that are being read
    int fd, done_fd;     // -1: not open
    bool pinned;         // holds damage that could not be set aside: stays
};

// Entries written together: one group fills, one is written. One that has reached
// WR_SPOOL_GROUP_MAX waits between the two.
struct wr_spool_group {
    struct wr_buf body; // begins with room for the batch's header
    uint32_t *offsets;  // of entry headers in `body`
    uint32_t count, cap;
    uint64_t base_seq;
    struct wr_spool_segment *segment; // set when it is handed over
    struct wr_spool_group *next;      // waiting or spare
};

enum wr_spool_command_kind {
    WR_SPOOL_WRITE, // a group
    WR_SPOOL_MARK,  // marks of what is done
    WR_SPOOL_DROP,  // a segment
    WR_SPOOL_FETCH, // an entry
    WR_SPOOL_STATE, // from the thread alone: full, or no longer
    WR_SPOOL_STOP,
};

// A line of the manifest.
struct wr_spool_manifest {
    uint64_t base_seq;
    uint32_t salt;
};

struct wr_spool_mark {
    int fd;
    uint32_t index;
};

struct wr_spool_command {
    struct wr_letter letter; // first
    enum wr_spool_command_kind kind;
    // WRITE
    struct wr_spool_group *group;
    bool create;   // the segment first: `fd` and `done_fd` come back
    uint64_t trim; // > 0: cut the segment before to this many bytes
    int trim_fd;
    uint64_t offset, size;
    uint64_t base_seq; // of the segment; also DROP
    uint32_t salt;
    int fd, done_fd; // also DROP and FETCH
    // MARK
    struct wr_spool_mark *marks;
    size_t mark_count;
    // FETCH: at most `size` bytes at `offset`
    struct wr_spool_fetch *fetch;
    struct wr_spool_segment *segment; // the loop's
    // manifest after it, when it changed: WRITE with `create`, DROP
    struct wr_spool_manifest *manifest; // on the heap
    size_t manifest_count;
    // what came of it
    struct wr_fault fault;
    bool full; // STATE
};

struct wr_spool {
    struct wr_spool_options options;
    struct wr_spool_io io;
    char *dir;
    // the loop's
    struct wr_spool_segment **segments; // by base_seq
    size_t segment_count, segment_cap;
    struct wr_spool_segment *active; // NULL: none yet
    struct wr_spool_group *filling;
    struct wr_spool_group *waiting, *waiting_last; // full ones, in order
    struct wr_spool_group *spare;                  // at most one
    struct wr_spool_command write;                 // under way when write.group is set
    struct wr_spool_command mark;                  // under way when marking
    struct wr_spool_command stop, stop_reads;      // under way when stopped
    bool flush_wanted, marking, disk_full, limit_full, told_full, closing, stopped, broken;
    size_t entry_at; // of the entry being added, in filling->body
    uint64_t next_seq, durable_seq;
    struct wr_spool_mark *marks; // to be sent
    size_t mark_count, mark_cap;
    size_t under_way; // commands the threads have
    uv_timer_t mark_timer;
    struct wr_mailbox answers; // threads to loop
    struct wr_spool_stats stats;
    void (*closed)(void *user);
    void *closed_user;
    int handles;
    // both
    struct wr_mailbox commands, reads; // loop to threads
    uv_thread_t thread, reader;
    // the writing thread's
    bool stopping;
};

// ---- spool_disk.c

extern const struct wr_spool_io wr_spool_system_io;
void wr_spool_thread(void *spool);
// The checksum that a batch's header should have.
uint32_t wr_spool_header_crc(const struct wr_spool_batch_header *h, uint32_t salt);
// DIR/<base seq>.<what>; on the heap.
char *wr_spool_path(const struct wr_spool *s, uint64_t base_seq, const char *what);
// Keep bytes that cannot be read in DIR/damaged/<name>; false when even that fails. `fresh` (may be
// NULL) tells whether they were not there before.
bool wr_spool_set_aside(const struct wr_spool *s, const char *name, const void *at, size_t len,
                        bool *fresh);

// ---- spool_read.c

void wr_spool_reader(void *spool);

// ---- spool_recover.c

// Fill segments, next_seq and what stats say of it.
wr_err wr_spool_recover(struct wr_spool *s, struct wr_fault *fault) WR_MUST_CHECK;

// ---- spool.c

struct wr_spool_segment *wr_spool_segment_new(struct wr_spool *s, uint64_t base_seq);
void wr_spool_segment_free(struct wr_spool_segment *segment);
// An entry more in the segment, at `offset` of the file.
void wr_spool_segment_add(struct wr_spool_segment *segment, uint64_t offset);
void wr_spool_segment_mark(struct wr_spool_segment *segment, uint32_t index);
bool wr_spool_segment_is_done(const struct wr_spool_segment *segment, uint32_t index);

#endif
