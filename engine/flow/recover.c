// The start: each entry that a former process left is read once, to learn its rule. It is
// submitted, or its number goes to the rule's backlog; so memory is bounded however long the spool
// is.
#include "engine/flow/durable.h"

#include <stdlib.h>

#include "engine/observe/log.h"

#include "sql/base/banned.h"

#define AT_ONCE      32         // entries under way: the thread reads while the loop restores
#define ENTRY_MEMORY (1u << 30) // to read one; what is in it was bounded when it was written

struct wr_recovery {
    struct wr_flow *flow;
    struct wr_spool_fetch fetches[AT_ONCE];
    struct wr_arena arena;
    size_t under_way;
    uint64_t next;    // entries from here on have not been asked for
    uint64_t last;    // what is new has higher numbers
    uv_timer_t first; // the first answer does not come from inside the call
    void (*done)(void *user);
    void *user;
};

static void on_timer_closed(uv_handle_t *timer)
{
    struct wr_recovery *r = timer->data;
    void (*done)(void *user) = r->done;
    void *user = r->user;
    wr_arena_release(&r->arena);
    free(r);
    done(user);
}

static void ask(struct wr_recovery *r, struct wr_spool_fetch *fetch)
{
    struct wr_flow *f = r->flow;
    uint64_t seq = f->stopped ? 0 : wr_spool_pending(f->options.spool, r->next);
    if (seq == 0 || seq > r->last) {
        r->next = UINT64_MAX;
        if (r->under_way == 0) {
            f->recovery = NULL;
            uv_close((uv_handle_t *)&r->first, on_timer_closed);
        }
        return;
    }
    r->next = seq + 1;
    r->under_way++;
    fetch->seq = seq;
    wr_spool_fetch(f->options.spool, fetch);
}

static void take(struct wr_recovery *r, struct wr_spool_fetch *fetch)
{
    struct wr_flow *f = r->flow;
    struct wr_fault fault = fetch->fault;
    f->unread--;
    struct wr_entry e;
    if (!fault.code) {
        fault.code = wr_entry_read(wr_buf_str(&fetch->bytes), &r->arena, &e, &fault);
    }
    if (fault.code) {
        static struct wr_log_limit limit;
        wr_log_limited(&limit, WR_LOG_ERROR, "flow", "entry %llu of the spool: %s",
                       (unsigned long long)fetch->seq, fault.text);
        f->options.metrics->spool_unreadable++;
        if (fault.code == WR_ERR_CORRUPT) {
            wr_spool_done(f->options.spool, fetch->seq); // its bytes are in damaged/
        } else {
            f->options.metrics->spool_left++;
        }
        return;
    }
    if (f->twice) {
        wr_twice_add(f->twice, fetch->seq, e.mid, e.message.topic, e.message.payload, e.rule);
    }
    struct wr_backlog *b = wr_backlog_of(f, wr_metrics_rule(f->options.metrics, e.rule));
    b->counters->recovered++;
    size_t share = wr_entry_spool_share(f, &e);
    if (share) {
        f->loads[share].spooled += fetch->bytes.len;
    }
    if (wr_backlog_idle(b)) {
        wr_backlog_take(b, fetch);
    } else {
        wr_backlog_push(b, fetch->seq);
    }
}

static void on_fetched(struct wr_spool_fetch *fetch)
{
    struct wr_recovery *r = fetch->user;
    r->under_way--;
    if (!r->flow->stopped) {
        take(r, fetch);
    }
    wr_arena_reset(&r->arena);
    wr_buf_release(&fetch->bytes);
    ask(r, fetch);
}

static void on_first(uv_timer_t *timer)
{
    struct wr_recovery *r = timer->data;
    for (size_t i = 0; i < AT_ONCE && r->next != UINT64_MAX; i++) {
        ask(r, &r->fetches[i]);
    }
}

void wr_flow_recover(struct wr_flow *f, void (*done)(void *user), void *user)
{
    struct wr_recovery *r = wr_zalloc(sizeof *r);
    struct wr_spool_stats stats;
    wr_spool_stats(f->options.spool, &stats);
    *r = (struct wr_recovery){
        .flow = f, .next = 1, .last = wr_spool_last(f->options.spool), .done = done, .user = user};
    wr_arena_init(&r->arena, ENTRY_MEMORY);
    for (size_t i = 0; i < AT_ONCE; i++) {
        r->fetches[i] = (struct wr_spool_fetch){.done = on_fetched, .user = r};
    }
    if (stats.pending) {
        wr_log(WR_LOG_INFO, "flow", "the spool has %llu entries from before",
               (unsigned long long)stats.pending);
    }
    f->recovery = r;
    uv_timer_init(f->options.loop, &r->first);
    r->first.data = r;
    uv_timer_start(&r->first, on_first, 0, 0);
}

// ---- dead letters that come back

// On its way into the spool.
struct redriven {
    uint64_t seq;
    struct wr_backlog *backlog;
    void (*kept)(void *user);
    void *user;
    struct redriven *next;
};

void wr_flow_redrive(struct wr_flow *f, const struct wr_entry *dead, void (*kept)(void *user),
                     void *user)
{
    struct wr_entry e;
    struct wr_entry_action actions[WR_ENTRY_ACTIONS_MAX];
    wr_entry_redrive(dead, &e, actions);
    struct redriven *d = wr_zalloc(sizeof *d);
    struct wr_buf *to = wr_spool_begin(f->options.spool);
    size_t before = to->len, share = wr_entry_spool_share(f, &e);
    wr_entry_write(to, &e);
    if (share) {
        f->loads[share].spooled += to->len - before;
    }
    *d = (struct redriven){
        .seq = wr_spool_end(f->options.spool),
        .backlog = wr_backlog_of(f, wr_metrics_rule(f->options.metrics, e.rule)),
        .kept = kept,
        .user = user,
    };
    struct redriven **at = &f->redriven;
    while (*at) {
        at = &(*at)->next;
    }
    *at = d;
    wr_spool_flush(f->options.spool);
}

void wr_redriven_durable(struct wr_flow *f, uint64_t seq)
{
    while (f->redriven && f->redriven->seq <= seq) {
        struct redriven *d = f->redriven;
        f->redriven = d->next;
        d->backlog->counters->redriven++;
        d->kept(d->user);
        wr_backlog_push(d->backlog, d->seq);
        free(d);
    }
}

void wr_redriven_free(struct wr_flow *f)
{
    while (f->redriven) {
        struct redriven *d = f->redriven;
        f->redriven = d->next;
        free(d);
    }
}

size_t wr_redriven_count(const struct wr_flow *f)
{
    size_t count = 0;
    for (const struct redriven *d = f->redriven; d; d = d->next) {
        count++;
    }
    return count;
}
