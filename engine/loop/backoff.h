// Exponential back-off with full jitter (actions.md 4.0): rand(0,1) * min(cap, base * 2^(attempt -
// 1)). Thread: any; each user has its own state.
#ifndef WR_ENGINE_LOOP_BACKOFF_H
#define WR_ENGINE_LOOP_BACKOFF_H

#include <stdint.h>

// A small generator for jitter and trace ids; not for secrets.
struct wr_jitter {
    uint64_t state;
};

// Seed from the system's random source.
void wr_jitter_init(struct wr_jitter *j);
uint64_t wr_jitter_next(struct wr_jitter *j);

// Milliseconds to wait after `attempt` tries (1: the first has failed): 0 .. min(cap, base *
// 2^(attempt-1)).
int64_t wr_backoff_ms(struct wr_jitter *j, int64_t base_ms, int64_t cap_ms, unsigned attempt);

#endif
