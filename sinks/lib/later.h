// Ending a sink's close() from the loop: the engine must not be called back from inside its own
// call. Thread: loop.
#ifndef WR_SINKS_LIB_LATER_H
#define WR_SINKS_LIB_LATER_H

#include "sinks/sink.h"

// Call `done(self)` once, from self's loop, after the callback that runs now has returned. What the
// sink still owns may be freed before.
void wr_later_done(struct wr_sink *self, void (*done)(struct wr_sink *self));

#endif
