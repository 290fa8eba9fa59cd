// The form "blackhole" of every kind: what it costs to get a record to its sink, and nothing more.
#ifndef WR_SINKS_LIB_BLACKHOLE_H
#define WR_SINKS_LIB_BLACKHOLE_H

#include "sinks/sink.h"

wr_err wr_blackhole_open(struct wr_sink *self, const struct wr_settings *settings,
                         struct wr_fault *fault);
void wr_blackhole_submit(struct wr_sink *self, struct wr_record *rec);
void wr_blackhole_close(struct wr_sink *self, void (*done)(struct wr_sink *self));

#endif
