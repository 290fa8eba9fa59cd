// A list that waits, a list that is worked on.
#include "sinks/lib/turns.h"

#include <stdlib.h>

#include "sql/base/err.h"

#include "sql/base/banned.h"

struct wr_turns {
    struct wr_turns_options options;
    struct wr_turn_item *first, **end; // wait
    struct wr_turn_item *turn;         // the worker's while busy
    bool busy, ticking, closing, ended;
    uv_work_t work;
    uv_timer_t timer;
    void (*closed)(void *user);
    void *closed_user;
};

static void work(uv_work_t *request)
{
    struct wr_turns *t = request->data;
    if (t->ticking) {
        t->options.tick(t->options.user);
    } else {
        t->options.work(t->options.user, t->turn);
    }
}

static void after_work(uv_work_t *request, int status);

static void on_closed(uv_handle_t *handle)
{
    struct wr_turns *t = handle->data;
    void (*closed)(void *) = t->closed;
    void *user = t->closed_user;
    free(t);
    closed(user);
}

static void go_on(struct wr_turns *t)
{
    if (t->busy) {
        return;
    }
    if (t->first) {
        struct wr_turn_item **last = &t->first;
        for (unsigned n = 0; n < t->options.items_max && *last; n++) {
            last = &(*last)->next;
        }
        struct wr_turn_item *rest = *last;
        *last = NULL;
        t->turn = t->first;
        t->first = rest;
        t->end = rest ? t->end : &t->first;
        t->busy = true;
        wr_assert(uv_queue_work(t->options.loop, &t->work, work, after_work) == 0);
    } else if (t->closing && !t->ended) {
        t->ended = true;
        uv_close((uv_handle_t *)&t->timer, on_closed);
    }
}

static void after_work(uv_work_t *request, int status)
{
    struct wr_turns *t = request->data;
    struct wr_turn_item *items = t->turn;
    bool ticked = t->ticking;
    t->turn = NULL;
    t->ticking = false;
    t->busy = false;
    go_on(t);
    if (!ticked) {
        t->options.done(t->options.user, items);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct wr_turns *t = timer->data;
    if (!t->busy && !t->closing) {
        t->busy = t->ticking = true;
        wr_assert(uv_queue_work(t->options.loop, &t->work, work, after_work) == 0);
    }
}

struct wr_turns *wr_turns_new(const struct wr_turns_options *options)
{
    struct wr_turns *t = wr_zalloc(sizeof *t);
    t->options = *options;
    t->end = &t->first;
    t->work.data = t;
    wr_assert(options->items_max > 0 && uv_timer_init(options->loop, &t->timer) == 0);
    t->timer.data = t;
    if (options->tick) {
        uv_timer_start(&t->timer, on_tick, options->tick_ms, options->tick_ms);
    }
    uv_unref((uv_handle_t *)&t->timer);
    return t;
}

void wr_turns_add(struct wr_turns *t, struct wr_turn_item *item)
{
    wr_assert(!t->closing || t->busy);
    item->next = NULL;
    *t->end = item;
    t->end = &item->next;
    go_on(t);
}

void wr_turns_close(struct wr_turns *t, void (*closed)(void *user), void *user)
{
    t->closing = true;
    t->closed = closed;
    t->closed_user = user;
    go_on(t);
}
