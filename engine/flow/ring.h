// The last messages that came, copied into one block of memory as they come: what `weir record
// --running` fetches. Bounded in bytes; the oldest make room. Adding allocates nothing.
// Thread: loop.
#ifndef WR_ENGINE_FLOW_RING_H
#define WR_ENGINE_FLOW_RING_H

#include "engine/flow/message.h"

// A message that would take more than this part of the ring is not kept: it would push out all
// others.
#define WR_RING_SHARE 4

struct wr_ring;

struct wr_ring *wr_ring_new(size_t bytes);
void wr_ring_free(struct wr_ring *r); // NULL too

// With timestamp_ms set. Copies everything that a message file has.
void wr_ring_add(struct wr_ring *r, const struct wr_message *m) WR_HOT;

// All of it as it is now. Give: wr_ring_free().
struct wr_ring *wr_ring_copy(const struct wr_ring *r);

// One message of it.
struct wr_ring_message {
    struct wr_sql_message sql; // the caller's part; no trace id
    uint8_t qos;
    bool retain;
};
// The next one, oldest first; *at is 0 at the begin and the ring's later. Texts borrow from the
// ring until the next add, user properties from `arena`. False: that was the last.
bool wr_ring_next(const struct wr_ring *r, uint64_t *at, struct wr_arena *arena,
                  struct wr_ring_message *out);

struct wr_ring_stats {
    uint64_t messages, bytes; // in it now
    uint64_t too_large;       // not kept
};
void wr_ring_stats(const struct wr_ring *r, struct wr_ring_stats *out);

#endif
