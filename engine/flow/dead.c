// Dead letters in a spool: waiting for durability, walking, filtering.
#include "engine/flow/dead.h"

#include <stdlib.h>

#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define SEGMENT_BYTES (16u << 20)
#define LETTER_MEMORY (64u << 20) // of one letter that is shown

// A letter on its way to the disk.
struct waiting {
    uint64_t seq;
    void (*kept)(void *user);
    void *user;
};

struct wr_dead {
    struct wr_dead_options options;
    struct wr_spool *spool;
    struct waiting *waiting; // a ring would save little: letters are rare
    size_t waiting_count, waiting_cap;
    bool flush_soon;
    uv_prepare_t flush; // before the loop waits: letters of one turn are one group
    bool spool_closed;
    void (*closed)(void *user);
    void *closed_user;
};

const char *wr_dead_word(enum wr_dead_reason reason)
{
    static const char *const words[] = {
#define DEAD(name, word, help) [WR_DEAD_##name] = word,
        WR_DEAD_REASONS(DEAD)
#undef DEAD
    };
    return words[reason];
}

bool wr_dead_reason_of(wr_str word, enum wr_dead_reason *out)
{
    for (int i = 0; i < WR_DEAD_REASON_COUNT; i++) {
        if (wr_str_eq(word, wr_str_of(wr_dead_word((enum wr_dead_reason)i)))) {
            *out = (enum wr_dead_reason)i;
            return true;
        }
    }
    return false;
}

void wr_delivery_id_text(const struct wr_delivery_id *id, char text[2 * WR_DELIVERY_ID_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < WR_DELIVERY_ID_LEN; i++) {
        text[2 * i] = digits[id->at[i] >> 4];
        text[2 * i + 1] = digits[id->at[i] & 15];
    }
    text[2 * WR_DELIVERY_ID_LEN] = '\0';
}

// ---- keeping

static void on_durable(void *user, uint64_t seq)
{
    struct wr_dead *d = user;
    size_t count = 0;
    while (count < d->waiting_count && d->waiting[count].seq <= seq) {
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        struct waiting w = d->waiting[i]; // its owner may put another letter
        w.kept(w.user);
    }
    d->waiting_count -= count;
    memmove(d->waiting, d->waiting + count, d->waiting_count * sizeof *d->waiting);
}

static void on_full(void *user, bool full, const char *why)
{
    struct wr_dead *d = user;
    d->options.full(d->options.user, full, why);
}

static void on_broken(void *user, const struct wr_fault *fault)
{
    struct wr_dead *d = user;
    d->options.broken(d->options.user, fault);
}

static void on_turn_end(uv_prepare_t *prepare)
{
    struct wr_dead *d = prepare->data;
    uv_prepare_stop(prepare);
    d->flush_soon = false;
    wr_spool_flush(d->spool);
}

void wr_dead_put(struct wr_dead *d, const struct wr_entry *e, void (*kept)(void *user), void *user)
{
    wr_entry_write(wr_spool_begin(d->spool), e);
    if (d->waiting_count == d->waiting_cap) {
        d->waiting_cap = d->waiting_cap ? 2 * d->waiting_cap : 64;
        d->waiting = wr_realloc(d->waiting, d->waiting_cap * sizeof *d->waiting);
    }
    d->waiting[d->waiting_count++] = (struct waiting){wr_spool_end(d->spool), kept, user};
    if (!d->flush_soon) {
        d->flush_soon = true;
        uv_prepare_start(&d->flush, on_turn_end);
    }
}

// ---- walking

static bool fits(const struct wr_dead_walk *w, const struct wr_entry *e)
{
    const struct wr_dead_filter *f = &w->filter;
    int64_t age_ms = w->now_ms_ - e->dead_ms;
    char id[2 * WR_DELIVERY_ID_LEN + 1];
    wr_delivery_id_text(&e->id, id);
    return (f->rule.len == 0 || wr_str_eq(f->rule, e->rule)) &&
           (!f->has_reason || wr_str_eq(e->reason, wr_str_of(wr_dead_word(f->reason)))) &&
           (f->older_ms <= 0 || age_ms >= f->older_ms) &&
           (f->newer_ms <= 0 || age_ms <= f->newer_ms) && wr_str_starts(wr_str_of(id), f->id);
}

uint64_t wr_dead_last(const struct wr_dead *d)
{
    return d->waiting_count ? d->waiting[0].seq - 1 : wr_spool_last(d->spool);
}

void wr_dead_walk_end(struct wr_dead_walk *w)
{
    w->next_ = UINT64_MAX;
}

static void step(struct wr_dead_walk *w)
{
    uint64_t seq = w->next_ > w->upto ? 0 : wr_spool_pending(w->dead_->spool, w->next_);
    if (seq == 0 || seq > w->upto) {
        wr_arena_release(&w->arena_);
        w->done(w);
        return;
    }
    w->next_ = seq + 1;
    w->fetch_.seq = seq;
    wr_spool_fetch(w->dead_->spool, &w->fetch_);
}

static void on_fetched(struct wr_spool_fetch *fetch)
{
    struct wr_dead_walk *w = fetch->user;
    struct wr_entry e;
    struct wr_fault fault = fetch->fault;
    enum wr_dead_fate fate = WR_DEAD_KEEP;
    if (!fault.code) {
        fault.code = wr_entry_read(wr_buf_str(&fetch->bytes), &w->arena_, &e, &fault);
    }
    if (fault.code) {
        fate = w->letter(w, fetch->seq, NULL, &fault);
    } else if (fits(w, &e)) {
        fate = w->letter(w, fetch->seq, &e, NULL);
    }
    wr_buf_release(&fetch->bytes);
    wr_arena_reset(&w->arena_);
    switch (fate) {
    case WR_DEAD_PURGE:
        wr_spool_done(w->dead_->spool, fetch->seq);
        break;
    case WR_DEAD_STOP:
        wr_dead_walk_end(w);
        break;
    case WR_DEAD_KEEP:
    case WR_DEAD_LEAVE:
        break;
    }
    step(w);
}

void wr_dead_walk(struct wr_dead *d, struct wr_dead_walk *w)
{
    w->dead_ = d;
    w->fetch_ = (struct wr_spool_fetch){.done = on_fetched, .user = w};
    w->next_ = w->from ? w->from : 1;
    w->upto = w->upto ? w->upto : wr_dead_last(d);
    w->now_ms_ = wr_wall_ms();
    wr_arena_init(&w->arena_, LETTER_MEMORY);
    step(w);
}

void wr_dead_done(struct wr_dead *d, uint64_t seq)
{
    wr_spool_done(d->spool, seq);
}

uint64_t wr_dead_count(const struct wr_dead *d)
{
    struct wr_spool_stats stats;
    wr_spool_stats(d->spool, &stats);
    return stats.pending;
}

void wr_dead_stats(const struct wr_dead *d, struct wr_spool_stats *stats)
{
    wr_spool_stats(d->spool, stats);
}

void wr_dead_set_max(struct wr_dead *d, uint64_t max_bytes)
{
    wr_spool_set_max(d->spool, max_bytes);
}

// ---- open and close

wr_err wr_dead_open(const struct wr_dead_options *options, struct wr_dead **out,
                    struct wr_fault *fault)
{
    struct wr_dead *d = wr_zalloc(sizeof *d);
    d->options = *options;
    struct wr_spool_options spool = {
        .loop = options->loop,
        .dir = options->dir,
        .max_bytes = options->max_bytes,
        .max_name = "dead.max",
        .read_only = options->read_only,
        .segment_bytes = SEGMENT_BYTES,
        .events = {.durable = on_durable, .full = on_full, .broken = on_broken, .user = d},
    };
    wr_err err = wr_spool_open(&spool, &d->spool, fault);
    if (err) {
        free(d);
        return err;
    }
    uv_prepare_init(options->loop, &d->flush);
    d->flush.data = d;
    *out = d;
    return WR_OK;
}

static void end(struct wr_dead *d)
{
    if (!d->spool_closed || d->flush.data) {
        return;
    }
    void (*closed)(void *user) = d->closed;
    void *user = d->closed_user;
    free(d->waiting);
    free(d);
    closed(user);
}

static void on_prepare_closed(uv_handle_t *handle)
{
    struct wr_dead *d = handle->data;
    handle->data = NULL;
    end(d);
}

static void on_spool_closed(void *user)
{
    struct wr_dead *d = user;
    d->spool_closed = true;
    end(d);
}

void wr_dead_close(struct wr_dead *d, void (*closed)(void *user), void *user)
{
    d->closed = closed;
    d->closed_user = user;
    uv_close((uv_handle_t *)&d->flush, on_prepare_closed);
    wr_spool_close(d->spool, on_spool_closed, d);
}
