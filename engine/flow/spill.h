// Bytes of a message: in its arena, or beside it when they do not fit. Limits of size are the
// flow's to judge, so a source hands out whole messages in any case. Thread: loop.
#ifndef WR_ENGINE_FLOW_SPILL_H
#define WR_ENGINE_FLOW_SPILL_H

#include "engine/flow/message.h"

// What did not fit, linked; the source frees it when the message is settled.
struct wr_spill {
    struct wr_spill *next;
    max_align_t bytes[];
};
void wr_spill_free(struct wr_spill *spill);

// `size` bytes in the arena of `m`, or a new one in front of *spill. Never NULL.
void *wr_spill_room(struct wr_message *m, size_t size, struct wr_spill **spill);

// A copy that is not absent, whatever its length.
wr_str wr_spill_keep(struct wr_message *m, const void *at, size_t len, struct wr_spill **spill);

#endif
