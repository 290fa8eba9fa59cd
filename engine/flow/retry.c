// A binary heap of waiting records.
#include "engine/flow/retry.h"

#include <stdbool.h>
#include <stdlib.h>

#include "sql/base/err.h"

#include "sql/base/banned.h"

static bool before(const struct wr_retry_entry *a, const struct wr_retry_entry *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->number_ < b->number_;
}

static void put(struct wr_retry *r, size_t place, struct wr_retry_entry *e)
{
    r->heap[place - 1] = e;
    e->place_ = place;
}

static void sift_up(struct wr_retry *r, struct wr_retry_entry *e)
{
    size_t place = e->place_;
    while (place > 1 && before(e, r->heap[place / 2 - 1])) {
        put(r, place, r->heap[place / 2 - 1]);
        place /= 2;
    }
    put(r, place, e);
}

static void sift_down(struct wr_retry *r, struct wr_retry_entry *e)
{
    size_t place = e->place_;
    for (size_t child; (child = place * 2) <= r->count; place = child) {
        if (child < r->count && before(r->heap[child], r->heap[child - 1])) {
            child++;
        }
        if (!before(r->heap[child - 1], e)) {
            break;
        }
        put(r, place, r->heap[child - 1]);
    }
    put(r, place, e);
}

static void on_timer(uv_timer_t *timer);

static void arm(struct wr_retry *r)
{
    if (r->count == 0) {
        uv_timer_stop(&r->timer);
        return;
    }
    int64_t wait = r->heap[0]->due_ms - (int64_t)uv_now(r->loop);
    uv_timer_start(&r->timer, on_timer, wait > 0 ? (uint64_t)wait : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct wr_retry *r = timer->data;
    int64_t now = (int64_t)uv_now(r->loop);
    // What is added meanwhile has a higher number and waits for the next round.
    uint64_t end = r->next_number;
    while (r->count && r->heap[0]->due_ms <= now && r->heap[0]->number_ < end) {
        struct wr_retry_entry *e = r->heap[0];
        wr_retry_remove(r, e);
        r->due(r, e);
    }
    arm(r);
}

void wr_retry_init(struct wr_retry *r, uv_loop_t *loop,
                   void (*due)(struct wr_retry *r, struct wr_retry_entry *e))
{
    *r = (struct wr_retry){.loop = loop, .due = due};
    uv_timer_init(loop, &r->timer);
    r->timer.data = r;
}

void wr_retry_add(struct wr_retry *r, struct wr_retry_entry *e, int64_t delay_ms)
{
    wr_assert(e->place_ == 0);
    if (r->count == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 64;
        r->heap = wr_realloc(r->heap, r->cap * sizeof(struct wr_retry_entry *));
    }
    uv_update_time(r->loop);
    e->due_ms = (int64_t)uv_now(r->loop) + (delay_ms > 0 ? delay_ms : 0);
    e->number_ = r->next_number++;
    e->place_ = ++r->count;
    sift_up(r, e);
    if (e->place_ == 1) {
        arm(r);
    }
}

void wr_retry_remove(struct wr_retry *r, struct wr_retry_entry *e)
{
    if (e->place_ == 0) {
        return;
    }
    size_t place = e->place_;
    e->place_ = 0;
    struct wr_retry_entry *last = r->heap[--r->count];
    if (last == e) {
        return;
    }
    put(r, place, last);
    sift_up(r, last);
    sift_down(r, last);
}

void wr_retry_close(struct wr_retry *r, uv_close_cb closed)
{
    free(r->heap);
    r->heap = NULL;
    r->count = r->cap = 0;
    uv_close((uv_handle_t *)&r->timer, closed);
}
