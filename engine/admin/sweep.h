// What happens also while nobody calls: device keys that nobody fetched are destroyed when their
// time is over, CAs that sign no more are forgotten when none of their certificates is left.
// Thread: loop.
#ifndef WR_ENGINE_ADMIN_SWEEP_H
#define WR_ENGINE_ADMIN_SWEEP_H

#include <uv.h>

#include "engine/registry/registry.h"

struct wr_sweep;

// Looks at once, and every few minutes until closed; `registry` outlives it.
struct wr_sweep *wr_sweep_open(uv_loop_t *loop, struct wr_registry *registry);
void wr_sweep_close(struct wr_sweep *sweep); // NULL is accepted

#endif
