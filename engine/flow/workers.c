// The threads, what they are given, and what comes back.
#include "engine/flow/workers.h"

#include <stdlib.h>

#include "engine/flow/work.h"
#include "sql/base/clock.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

struct batch {
    struct wr_worker_letter letter; // first
    struct wr_worker *worker;
    struct wr_message *first; // linked by `next`
    struct batch *next;       // of those that are free
};

struct wr_worker {
    struct wr_workers *all;
    uv_thread_t thread;
    struct wr_mailbox inbox;
    struct wr_worker_tools tools; // the thread's
    struct wr_worker_letter quit;
    // The loop's:
    struct batch batches[WR_WORKER_BATCHES];
    struct batch *free;
    struct wr_message *gathered, **gathered_end; // not sent yet
    size_t gathered_count;
    struct wr_view *views;
};

struct wr_workers {
    struct wr_flow *flow;
    struct wr_mailbox outbox;       // batches
    struct wr_message *back, *last; // not taken up yet, in the order in which they came
    size_t out;                     // given and not taken up
    bool taking_up, stopped;
    void (*closed)(void *user);
    void *closed_user;
    size_t count;
    struct wr_worker at[];
};

// ---- the thread

static void run(void *worker)
{
    struct wr_worker *k = worker;
    for (bool quit = false; !quit;) {
        struct wr_letter *letters = wr_mailbox_wait(&k->inbox, UINT64_MAX);
        while (letters) {
            struct wr_worker_letter *letter = (struct wr_worker_letter *)letters;
            letters = letters->next;
            switch (letter->kind) {
            case WR_WORKER_BATCH_OF:
                for (struct wr_message *m = ((struct batch *)letter)->first; m; m = m->next) {
                    wr_work_on(&k->tools, m);
                }
                wr_mailbox_send(&k->all->outbox, &letter->letter);
                break;
            case WR_WORKER_FORGET:
                wr_view_free((struct wr_view *)letter);
                break;
            case WR_WORKER_QUIT:
                quit = true; // nothing comes behind it
                break;
            }
        }
    }
}

// ---- views

static void view_unlink(struct wr_view *v)
{
    if (v->before) {
        v->before->next = v->next;
    } else {
        v->worker->views = v->next;
    }
    if (v->next) {
        v->next->before = v->before;
    }
}

// Of one group, by worker.
struct views {
    struct wr_rule_group_views head; // first
    size_t count;
    struct wr_view *at[];
};

// The group ends. No worker has a message of it.
static void forget_views(struct wr_rule_group *g)
{
    struct views *views = (struct views *)g->views;
    for (size_t i = 0; i < views->count; i++) {
        struct wr_view *v = views->at[i];
        struct wr_worker *k = v->worker;
        view_unlink(v);
        if (k->all->stopped) {
            wr_view_free(v);
        } else {
            wr_mailbox_send(&k->inbox, &v->letter.letter);
        }
    }
    free(views);
}

static void make_views(struct wr_workers *w, struct wr_rule_group *g)
{
    struct views *views = wr_alloc(sizeof *views + w->count * sizeof(struct wr_view *));
    for (size_t i = 0; i < w->count; i++) {
        struct wr_worker *k = &w->at[i];
        struct wr_view *v = wr_zalloc(sizeof *v);
        v->letter.kind = WR_WORKER_FORGET;
        v->worker = k;
        v->rules = g->rules;
        v->count = g->count;
        v->group = g;
        v->next = k->views;
        if (k->views) {
            k->views->before = v;
        }
        k->views = v;
        views->at[i] = v;
    }
    views->head.forget = forget_views;
    views->count = w->count;
    g->views = &views->head;
}

// ---- there and back

static void send_gathered(struct wr_worker *k)
{
    struct batch *b = k->free;
    if (!b || !k->gathered) {
        return; // it goes with the next batch that comes back
    }
    k->free = b->next;
    b->first = k->gathered;
    k->gathered = NULL;
    k->gathered_end = &k->gathered;
    k->gathered_count = 0;
    wr_mailbox_send(&k->inbox, &b->letter.letter);
}

// Behind what is back already; the batches may be filled again.
static void receive(struct wr_workers *w, struct wr_letter *letters)
{
    while (letters) {
        struct batch *b = (struct batch *)letters;
        letters = letters->next;
        struct wr_message *m = b->first;
        if (w->last) {
            w->last->next = m;
        } else {
            w->back = m;
        }
        while (m->next) {
            m = m->next;
        }
        w->last = m;
        b->next = b->worker->free;
        b->worker->free = b;
        send_gathered(b->worker);
    }
}

// One by one, each off the list before it is looked at: what is taken up may give others.
static void take_up(struct wr_workers *w)
{
    if (w->taking_up) {
        return; // below us on the stack
    }
    struct wr_flow *f = w->flow;
    w->taking_up = true;
    f->clock_us = wr_mono_now().us; // one look for all of them
    while (w->back) {
        struct wr_message *m = w->back;
        w->back = m->next;
        if (w->back) {
            __builtin_prefetch(w->back->work);
        } else {
            w->last = NULL;
        }
        m->next = NULL;
        w->out--;
        wr_flow_take_up(f, m);
    }
    f->clock_us = 0;
    w->taking_up = false;
}

static void on_back(void *workers, struct wr_letter *letters)
{
    struct wr_workers *w = workers;
    receive(w, letters);
    if (!w->stopped) {
        take_up(w);
        wr_flow_flush(w->flow);
    }
}

// Waits for one batch at least.
static void wait_back(struct wr_workers *w)
{
    receive(w, wr_mailbox_wait(&w->outbox, UINT64_MAX));
    take_up(w);
}

bool wr_workers_give(struct wr_workers *w, struct wr_message *m, struct wr_rule_set *set,
                     struct wr_rule_group *group, bool here, bool timed)
{
    struct wr_worker *k = &w->at[wr_hash_str(m->sql.topic) % w->count];
    struct wr_work *work = wr_arena_alloc(&m->arena, sizeof *work);
    if (!work) {
        return false;
    }
    if (!group->views) {
        make_views(w, group);
    }
    *work = (struct wr_work){.flow = w->flow,
                             .set = set,
                             .group = group,
                             .view = ((struct views *)group->views)->at[k - w->at],
                             .mark = wr_arena_mark(&m->arena),
                             .here = here,
                             .timed = timed};
    m->work = work;
    wr_message_lock(m);
    m->ack_holds++;
    wr_rule_set_lock(set);
    wr_rule_group_lock(group);
    w->out++;
    // Inside of take_up() nothing can come back, so what is given there waits beyond the bound.
    while (k->gathered_count >= WR_WORKER_BATCH && !k->free && !w->taking_up) {
        wait_back(w);
    }
    if (k->gathered_count >= WR_WORKER_BATCH) {
        send_gathered(k);
    }
    *k->gathered_end = m;
    k->gathered_end = &m->next;
    k->gathered_count++;
    return true;
}

void wr_workers_send(struct wr_workers *w)
{
    for (size_t i = 0; i < w->count; i++) {
        send_gathered(&w->at[i]);
    }
    if (w->out) {
        receive(w, wr_mailbox_wait(&w->outbox, 0));
        take_up(w);
    }
}

void wr_workers_drain(struct wr_workers *w)
{
    wr_assert(!w->taking_up);
    while (w->out) {
        wr_workers_send(w);
        if (w->out) {
            wait_back(w);
        }
    }
}

// ---- life

static void start(struct wr_workers *w, struct wr_worker *k)
{
    k->all = w;
    k->gathered_end = &k->gathered;
    k->quit.kind = WR_WORKER_QUIT;
    for (size_t i = 0; i < WR_WORKER_BATCHES; i++) {
        struct batch *b = &k->batches[i];
        b->letter.kind = WR_WORKER_BATCH_OF;
        b->worker = k;
        b->next = k->free;
        k->free = b;
    }
    wr_mailbox_init(&k->inbox);
    wr_worker_tools_init(&k->tools, &w->flow->outer);
    wr_assert(uv_thread_create(&k->thread, run, k) == 0);
}

struct wr_workers *wr_workers_new(struct wr_flow *f, size_t count)
{
    wr_assert(count > 0 && count <= WR_FLOW_WORKERS_MAX);
    struct wr_workers *w = wr_zalloc(sizeof *w + count * sizeof w->at[0]);
    w->flow = f;
    w->count = count;
    wr_mailbox_open(&w->outbox, f->options.loop, on_back, w);
    for (size_t i = 0; i < count; i++) {
        start(w, &w->at[i]);
    }
    return w;
}

static void forget_list(struct wr_workers *w, struct wr_message *list)
{
    while (list) {
        struct wr_message *m = list;
        list = m->next;
        m->next = NULL;
        w->out--;
        wr_flow_forget(w->flow, m);
    }
}

// The thread is gone: what its views are views of may live on.
static void drop_views(struct wr_worker *k)
{
    while (k->views) {
        struct wr_view *v = k->views;
        k->views = v->next;
        free(v->group->views); // the first worker's turn
        v->group->views = NULL;
        wr_view_free(v);
    }
}

void wr_workers_stop(struct wr_workers *w)
{
    if (w->stopped) {
        return;
    }
    w->stopped = true;
    for (size_t i = 0; i < w->count; i++) {
        wr_mailbox_send(&w->at[i].inbox, &w->at[i].quit.letter);
    }
    for (size_t i = 0; i < w->count; i++) {
        uv_thread_join(&w->at[i].thread);
    }
    // Not by receive(): nothing is to be sent again.
    for (struct wr_letter *l = wr_mailbox_wait(&w->outbox, 0); l;) {
        struct batch *b = (struct batch *)l;
        l = l->next;
        forget_list(w, b->first);
    }
    forget_list(w, w->back);
    w->back = w->last = NULL;
    for (size_t i = 0; i < w->count; i++) {
        forget_list(w, w->at[i].gathered);
        w->at[i].gathered = NULL;
    }
    wr_assert(w->out == 0);
}

static void on_outbox_closed(void *workers)
{
    struct wr_workers *w = workers;
    void (*closed)(void *user) = w->closed;
    void *user = w->closed_user;
    for (size_t i = 0; i < w->count; i++) {
        drop_views(&w->at[i]);
        wr_worker_tools_release(&w->at[i].tools);
        wr_mailbox_release(&w->at[i].inbox);
    }
    free(w);
    closed(user);
}

void wr_workers_close(struct wr_workers *w, void (*closed)(void *user), void *user)
{
    wr_assert(w->stopped);
    w->closed = closed;
    w->closed_user = user;
    wr_mailbox_close(&w->outbox, on_outbox_closed);
}

size_t wr_workers_count(const struct wr_workers *w)
{
    return w->count;
}

size_t wr_workers_out(const struct wr_workers *w)
{
    return w->out;
}
