// Ending a sink's close() from the loop: the close callback of a timer that never runs.
#include "sinks/lib/later.h"

#include <stdlib.h>

#include "sql/base/banned.h"

struct later {
    uv_timer_t timer;
    struct wr_sink *sink;
    void (*done)(struct wr_sink *self);
};

static void on_closed(uv_handle_t *handle)
{
    struct later *later = handle->data;
    later->done(later->sink);
    free(later);
}

void wr_later_done(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct later *later = wr_alloc(sizeof *later);
    later->sink = self;
    later->done = done;
    wr_assert(uv_timer_init(self->host->loop, &later->timer) == 0);
    later->timer.data = later;
    uv_close((uv_handle_t *)&later->timer, on_closed);
}
