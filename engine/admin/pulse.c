// The timer: lag, and a look at the oldest entry of the spool when it is another one.
#include "engine/admin/pulse.h"

#include "engine/flow/entry.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define BEAT_MS      250
#define LOOK_BEATS   4          // the spool is looked at once a second
#define ENTRY_MEMORY (1u << 30) // to read one; what is in it was bounded when it was written

static void on_fetched(struct wr_spool_fetch *fetch)
{
    struct wr_pulse *p = fetch->user;
    struct wr_arena arena;
    struct wr_entry e;
    p->fetching_ = false;
    wr_arena_init(&arena, ENTRY_MEMORY);
    // What cannot be read is said by those who need it.
    if (!fetch->fault.code && !wr_entry_read(wr_buf_str(&fetch->bytes), &arena, &e, NULL)) {
        p->oldest_ = fetch->seq;
        p->received_ms_ = (int64_t)e.received_ms;
    }
    wr_arena_release(&arena);
    wr_buf_release(&fetch->bytes);
}

static void look_at_spool(struct wr_pulse *p)
{
    struct wr_spool_stats stats;
    wr_spool_stats(p->spool, &stats);
    // Entries that are not durable yet cannot be read, and are young.
    uint64_t seq = stats.pending ? wr_spool_pending(p->spool, 1) : 0;
    if (seq == 0) {
        p->oldest_ = 0;
    } else if (seq != p->oldest_ && !p->fetching_ && !stats.unwritten_bytes) {
        p->fetching_ = true;
        p->fetch_ = (struct wr_spool_fetch){.seq = seq, .done = on_fetched, .user = p};
        wr_spool_fetch(p->spool, &p->fetch_);
    }
}

static void on_beat(uv_timer_t *timer)
{
    struct wr_pulse *p = timer->data;
    uint64_t now = uv_hrtime();
    wr_histogram_add(&p->lag, ((int64_t)now - (int64_t)p->due_ns_) / 1000, 1);
    p->due_ns_ = uv_hrtime() + BEAT_MS * UINT64_C(1000000);
    if (p->spool && p->beats_++ % LOOK_BEATS == 0) {
        look_at_spool(p);
    }
    uv_update_time(timer->loop); // else the next beat counts from before what held up this one
    uv_timer_start(timer, on_beat, BEAT_MS, 0);
}

void wr_pulse_start(struct wr_pulse *p, uv_loop_t *loop, struct wr_spool *spool)
{
    p->spool = spool;
    p->open_ = true;
    uv_timer_init(loop, &p->timer);
    p->timer.data = p;
    uv_unref((uv_handle_t *)&p->timer);
    uv_update_time(loop);
    p->due_ns_ = uv_hrtime() + BEAT_MS * UINT64_C(1000000);
    uv_timer_start(&p->timer, on_beat, BEAT_MS, 0);
}

void wr_pulse_stop(struct wr_pulse *p)
{
    if (p->open_) {
        p->open_ = false;
        p->spool = NULL;
        uv_close((uv_handle_t *)&p->timer, NULL);
    }
}

double wr_pulse_spool_age_s(const struct wr_pulse *p)
{
    int64_t age_ms = p->oldest_ ? wr_wall_ms() - p->received_ms_ : 0;
    return age_ms > 0 ? (double)age_ms / 1000 : 0;
}
