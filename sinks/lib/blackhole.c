// Delivered at once, to nowhere.
#include "sinks/lib/blackhole.h"

#include "sinks/lib/later.h"

#include "sql/base/banned.h"

wr_err wr_blackhole_open(struct wr_sink *self, const struct wr_settings *settings,
                         struct wr_fault *fault)
{
    return WR_OK;
}

void wr_blackhole_submit(struct wr_sink *self, struct wr_record *rec)
{
    wr_record_settle(rec, WR_DELIVERED, NULL);
}

void wr_blackhole_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    wr_later_done(self, done);
}
