// A timer of the loop that measures what cannot be counted: how late the loop is, and how old the
// oldest entry of the spool is.
// Thread: loop.
#ifndef WR_ENGINE_ADMIN_PULSE_H
#define WR_ENGINE_ADMIN_PULSE_H

#include "engine/flow/spool.h"
#include "engine/observe/histogram.h"

#include <uv.h>

// Embedded by value, in memory that lives until the loop has ended.
struct wr_pulse {
    uv_timer_t timer;
    struct wr_histogram lag;
    uint64_t due_ns_, beats_;
    struct wr_spool *spool; // NULL: none
    struct wr_spool_fetch fetch_;
    bool fetching_, open_;
    uint64_t oldest_;     // number of the entry that was looked at last; 0: the spool was empty
    int64_t received_ms_; // wall clock, of its message
};

// `spool` may be NULL; it is lent until wr_pulse_stop().
void wr_pulse_start(struct wr_pulse *p, uv_loop_t *loop, struct wr_spool *spool);
// Also when it was never started, or is stopped.
void wr_pulse_stop(struct wr_pulse *p);

// Seconds since the message of the oldest entry came, as of about a second ago; 0: there is none.
double wr_pulse_spool_age_s(const struct wr_pulse *p);

#endif
