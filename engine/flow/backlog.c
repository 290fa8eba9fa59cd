// Each rule's entries that wait in the spool, as numbers, and how many of it are under way.
#include "engine/flow/durable.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engine/observe/log.h"

#include "sql/base/banned.h"

// Runs in memory that backlogs count, over which a rule gets no second one: 128 MiB of messages of
// 8 KiB. Each rule may have one, so that none waits for ever.
#define DURABLE_LIVE_MAX 16384
// The same in bytes of entries, for large payloads: what they become in memory is two or three
// times as much.
#define DURABLE_BYTES_MAX (256u << 20)
// Entries that are read at once: of one rule, and the bytes of all, over which a rule gets no
// second one. Many, since what is asked for together is read in one piece.
#define FETCHES_MAX     256
#define FETCH_BYTES_MAX (16u << 20)

// One entry on its way from the disk.
struct fetch {
    struct wr_spool_fetch spool; // first
    struct wr_backlog *backlog;
    size_t size;
};

struct wr_backlog *wr_backlog_of(struct wr_flow *f, struct wr_rule_counters *counters)
{
    if (!counters->backlog) {
        struct wr_backlog *b = wr_zalloc(sizeof *b);
        b->flow = f;
        b->counters = counters;
        b->next = f->backlogs;
        f->backlogs = b;
        counters->backlog = b;
    }
    return counters->backlog;
}

void wr_backlogs_free(struct wr_flow *f)
{
    while (f->backlogs) {
        struct wr_backlog *b = f->backlogs;
        f->backlogs = b->next;
        b->counters->backlog = NULL;
        b->counters->waiting = 0;
        free(b->seqs);
        free(b);
    }
}

// With `more` records beside those that are under way.
static bool share_full(const struct wr_flow *f, size_t share, size_t more)
{
    return f->loads[share].records + more >= wr_sinks_in_flight(f->options.sinks, share) ||
           f->loads[share].bytes >= wr_sinks_memory(f->options.sinks, share);
}

bool wr_share_full(const struct wr_flow *f, size_t share)
{
    return share_full(f, share, 0);
}

// Whether the sinks that the rule needs take more.
static bool sinks_have_room(const struct wr_backlog *b)
{
    const struct wr_flow *f = b->flow;
    uint64_t shares = b->shares;
    for (size_t i = 0; shares; i++, shares >>= 1) {
        if ((shares & 1) && share_full(f, i, b->fetching)) {
            return false;
        }
    }
    return true;
}

void wr_backlog_load(struct wr_engine_record *er)
{
    struct wr_run *r = er->run;
    if (r->backlog) {
        size_t share = wr_engine_record_share(er);
        struct wr_sink_load *load = &r->flow->loads[share];
        er->loaded = true;
        load->records++;
        load->bytes += r->entry_bytes;
        r->backlog->shares |= UINT64_C(1) << share;
    }
}

void wr_backlog_unload(struct wr_engine_record *er)
{
    if (er->loaded) {
        struct wr_sink_load *load = &er->run->flow->loads[wr_engine_record_share(er)];
        er->loaded = false;
        load->records--;
        load->bytes -= er->run->entry_bytes;
    }
}

// Whether one more run of the rule may be in memory.
static bool has_room(const struct wr_backlog *b)
{
    size_t mine = b->live + b->fetching;
    return mine == 0 ||
           (mine < b->flow->options.in_flight_max && b->flow->durable_live < DURABLE_LIVE_MAX &&
            b->flow->durable_bytes < DURABLE_BYTES_MAX && sinks_have_room(b));
}

static void enter(struct wr_backlog *b, size_t bytes)
{
    b->live++;
    b->flow->durable_live++;
    b->flow->durable_bytes += bytes;
}

static void leave(struct wr_backlog *b, size_t bytes)
{
    b->live--;
    b->flow->durable_live--;
    b->flow->durable_bytes -= bytes;
}

static void pump(struct wr_backlog *b);

static void on_fetched(struct wr_spool_fetch *spool)
{
    struct fetch *fetch = (struct fetch *)spool;
    struct wr_backlog *b = fetch->backlog;
    struct wr_flow *f = b->flow;
    b->fetching--;
    f->fetching--;
    f->fetching_bytes -= fetch->size;
    if (!f->stopped) {
        wr_backlog_take(b, spool);
        pump(b);
    } else {
        b->counters->given_back++;
    }
    wr_buf_release(&spool->bytes);
    free(fetch);
}

void wr_backlog_take(struct wr_backlog *b, struct wr_spool_fetch *fetched)
{
    struct wr_flow *f = b->flow;
    struct wr_fault *fault = &fetched->fault;
    size_t bytes = fetched->bytes.len;
    if (!fault->code) {
        enter(b, bytes);
        if (wr_run_restore(f, b, fetched->seq, &fetched->bytes, fault) == WR_OK) {
            return;
        }
        leave(b, bytes);
    }
    // What is damaged is set aside. Anything else may do better at the next start.
    bool damaged = fault->code == WR_ERR_CORRUPT;
    static struct wr_log_limit limit;
    wr_log_limited(&limit, WR_LOG_ERROR, "flow", "rule %s: entry %llu of the spool: %s%s",
                   b->counters->name, (unsigned long long)fetched->seq, fault->text,
                   damaged ? "" : "; it stays in the spool for the next start");
    b->counters->damaged++;
    if (damaged) {
        wr_spool_done(f->options.spool, fetched->seq);
    } else {
        f->options.metrics->spool_left++;
    }
}

static void pump(struct wr_backlog *b)
{
    struct wr_flow *f = b->flow;
    while (b->count > 0 && !f->stopped && has_room(b) && b->fetching < FETCHES_MAX &&
           (b->fetching == 0 || f->fetching_bytes < FETCH_BYTES_MAX)) {
        struct fetch *fetch = wr_zalloc(sizeof *fetch);
        fetch->backlog = b;
        fetch->spool.seq = b->seqs[b->first];
        fetch->spool.done = on_fetched;
        b->first = (b->first + 1) % b->cap;
        b->counters->waiting = --b->count;
        fetch->size = wr_spool_size(f->options.spool, fetch->spool.seq);
        b->fetching++;
        f->fetching++;
        f->fetching_bytes += fetch->size;
        wr_spool_fetch(f->options.spool, &fetch->spool);
    }
}

bool wr_backlog_idle(const struct wr_backlog *b)
{
    return b->count == 0 && b->fetching == 0 && b->restoring == 0 && has_room(b);
}

bool wr_backlog_admit(struct wr_backlog *b, size_t bytes, bool no_sink)
{
    const struct wr_flow *f = b->flow;
    bool room = f->durable_live < DURABLE_LIVE_MAX && f->durable_bytes < DURABLE_BYTES_MAX;
    if (no_sink ? !room : !wr_backlog_idle(b)) {
        return false;
    }
    enter(b, bytes);
    return true;
}

void wr_backlog_push(struct wr_backlog *b, uint64_t seq)
{
    if (b->count == b->cap) {
        size_t cap = b->cap ? 2 * b->cap : 64;
        uint64_t *seqs = wr_alloc(cap * sizeof *seqs);
        for (size_t i = 0; i < b->count; i++) {
            seqs[i] = b->seqs[(b->first + i) % b->cap];
        }
        free(b->seqs);
        b->seqs = seqs;
        b->first = 0;
        b->cap = cap;
    }
    b->seqs[(b->first + b->count) % b->cap] = seq;
    b->counters->waiting = ++b->count;
    pump(b);
}

void wr_backlog_restored(struct wr_backlog *b)
{
    b->restoring--;
}

void wr_backlog_left(struct wr_backlog *b, size_t bytes)
{
    leave(b, bytes);
    pump(b);
}
