#include "engine/admin/sweep.h"

#include <stdlib.h>

#include "engine/observe/log.h"
#include "engine/registry/authority.h"
#include "engine/registry/escrow.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define EVERY_MS 300000 // a key that expires after days may be there minutes longer

struct wr_sweep {
    uv_timer_t timer;
    struct wr_registry *registry;
    struct wr_registry_job job;
    int64_t expired;
    bool running, closing, closed; // closed: the timer
};

static void end(struct wr_sweep *s)
{
    if (s->closed && !s->running) {
        free(s);
    }
}

// Thread: the registry's.
static void on_run(struct wr_registry_job *job, struct wr_db *db)
{
    struct wr_sweep *s = WR_CONTAINER(job, struct wr_sweep, job);
    s->expired = wr_escrow_expire(db, wr_wall_ms());
    wr_authority_forget(db);
}

static void on_done(struct wr_registry_job *job)
{
    struct wr_sweep *s = WR_CONTAINER(job, struct wr_sweep, job);
    s->running = false;
    if (!job->failed && s->expired) {
        wr_log(WR_LOG_INFO, "admin", "device keys that nobody fetched were destroyed: %lld",
               (long long)s->expired);
    }
    end(s);
}

static void on_timer(uv_timer_t *timer)
{
    struct wr_sweep *s = timer->data;
    if (!s->running && !s->closing) {
        s->running = true;
        s->job = (struct wr_registry_job){.write = true, .run = on_run, .done = on_done};
        wr_registry_submit(s->registry, &s->job);
    }
}

struct wr_sweep *wr_sweep_open(uv_loop_t *loop, struct wr_registry *registry)
{
    struct wr_sweep *s = wr_zalloc(sizeof *s);
    s->registry = registry;
    wr_assert(uv_timer_init(loop, &s->timer) == 0);
    s->timer.data = s;
    wr_assert(uv_timer_start(&s->timer, on_timer, 0, EVERY_MS) == 0);
    uv_unref((uv_handle_t *)&s->timer);
    return s;
}

static void on_closed(uv_handle_t *handle)
{
    struct wr_sweep *s = handle->data;
    s->closed = true;
    end(s);
}

void wr_sweep_close(struct wr_sweep *sweep)
{
    if (sweep) {
        sweep->closing = true;
        uv_close((uv_handle_t *)&sweep->timer, on_closed);
    }
}
