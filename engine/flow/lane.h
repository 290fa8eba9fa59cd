// Lanes keep the order of one rule on one topic while look-ups wait: a run whose evaluation is done
// is submitted only when those before it in its lane are. There is a lane only while something
// waits. A rule is known by its name, so that its next version keeps behind the one before. Thread:
// loop. Private to engine/flow.
#ifndef WR_ENGINE_FLOW_LANE_H
#define WR_ENGINE_FLOW_LANE_H

#include "sql/base/str.h"

#include <stdint.h>

#define WR_LANE_BUCKETS 256

struct wr_run;

struct wr_lane {
    uint64_t hash;
    struct wr_run *first, *last;
    bool pumping;         // runs are being taken out, further up the stack
    struct wr_lane *next; // in its bucket
};

// Zeroed memory is empty.
struct wr_lanes {
    size_t count;
    struct wr_lane *buckets[WR_LANE_BUCKETS];
};

// Put the run at the end of its rule's lane for its topic, if there is one; false if not.
bool wr_lane_join(struct wr_lanes *l, struct wr_run *r);
// The same, making the lane.
void wr_lane_open(struct wr_lanes *l, struct wr_run *r);
// Takes the first run out and returns it, if it waits for nothing but its turn (READY or ENDED);
// NULL otherwise. The lane is freed with its last run; `*lane` is NULL then.
struct wr_run *wr_lane_take(struct wr_lanes *l, struct wr_lane **lane);
// Take the run out, wherever it is.
void wr_lane_leave(struct wr_lanes *l, struct wr_run *r);

#endif
