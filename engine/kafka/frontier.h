// What of a partition is done: offsets are taken in their order, finished in any, and the frontier
// is where the unfinished ones begin. Thread: loop.
#ifndef WR_ENGINE_KAFKA_FRONTIER_H
#define WR_ENGINE_KAFKA_FRONTIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wr_frontier_entry {
    int64_t offset;
    bool done;
};

// Embedded by value, zeroed. Memory is for as many as are unfinished at once.
struct wr_frontier {
    struct wr_frontier_entry *ring_;
    size_t cap_;
    uint64_t first_, next_; // numbers of entries; number n lies at n % cap_
    int64_t committable;    // one behind the last finished offset without a gap; 0 before there is
                            // one, which needs no commit
};

// Take an offset, larger than all before; gives its number.
uint64_t wr_frontier_take(struct wr_frontier *f, int64_t offset);
// It is finished, once. True: `committable` has moved.
bool wr_frontier_finish(struct wr_frontier *f, uint64_t number);
size_t wr_frontier_open(const struct wr_frontier *f); // taken and not behind the frontier
void wr_frontier_release(struct wr_frontier *f);

#endif
