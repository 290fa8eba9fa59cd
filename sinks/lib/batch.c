// Queues by destination, calls, and when one may leave.
#include "sinks/lib/batch.h"

#include <stdlib.h>

#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define BUCKETS 1024 // of the table of destinations; a record in memory has one at most

// One queue: a destination, or a lane of it.
struct wr_batch_destination {
    char *key;
    size_t key_len;
    uint32_t lane;
    uint64_t hash;
    struct wr_record *first, **end;
    size_t entries, bytes; // that wait
    unsigned in_flight;
    // After a call was refused as a whole: so many records still go in calls of `careful_max`.
    size_t careful, careful_max;
    bool ready;                        // in the list of those that may send
    bool waiting;                      // in the list of those that wait for company
    bool idle;                         // in the list of those that may be forgotten
    struct wr_batch_destination *next; // in its bucket
    struct wr_batch_destination *ready_next, *waiting_next;
    struct wr_batch_destination *newer, *older; // while idle
};

struct wr_batch {
    struct wr_batch_options options;
    struct wr_batch_destination *buckets[BUCKETS];
    struct wr_batch_destination *ready, **ready_end;
    struct wr_batch_destination *waiting;
    struct wr_batch_destination *newest, *oldest; // idle ones
    size_t idle_count;
    struct wr_batch_call *calls[WR_BATCH_CALLS_MAX]; // all that were made
    struct wr_batch_call *free;
    size_t call_count, out;
    size_t held;
    uv_timer_t soon, age; // `age` serves the grace of close too
    bool closing;
    int handles;
    void (*closed)(void *user);
    void *closed_user;
};

static struct wr_batch_item *item_of(const struct wr_record *rec)
{
    return rec->sink_data;
}

// ---- destinations

static void idle_leave(struct wr_batch *b, struct wr_batch_destination *d)
{
    d->idle = false;
    *(d->newer ? &d->newer->older : &b->newest) = d->older;
    *(d->older ? &d->older->newer : &b->oldest) = d->newer;
    d->newer = d->older = NULL;
    b->idle_count--;
}

static void destination_free(struct wr_batch_destination *d)
{
    free(d->key);
    free(d);
}

// If nothing is there for `d` any more, it may be forgotten; now, when there are too many such.
static void idle_enter(struct wr_batch *b, struct wr_batch_destination *d)
{
    if (d->idle || d->first || d->in_flight > 0 || d->ready || d->waiting) {
        return;
    }
    d->idle = true;
    d->older = b->newest;
    d->newer = NULL;
    *(b->newest ? &b->newest->newer : &b->oldest) = d;
    b->newest = d;
    if (++b->idle_count > WR_BATCH_IDLE_MAX) {
        struct wr_batch_destination *gone = b->oldest;
        struct wr_batch_destination **at = &b->buckets[gone->hash % BUCKETS];
        while (*at != gone) {
            at = &(*at)->next;
        }
        *at = gone->next;
        idle_leave(b, gone);
        destination_free(gone);
    }
}

static struct wr_batch_destination *destination_of(struct wr_batch *b, wr_str key, uint32_t lane)
{
    uint64_t hash = wr_hash_bytes(key.at, key.len, wr_hash_seed ^ lane);
    struct wr_batch_destination **bucket = &b->buckets[hash % BUCKETS];
    for (struct wr_batch_destination *d = *bucket; d; d = d->next) {
        if (d->hash == hash && d->lane == lane && wr_str_eq((wr_str){d->key, d->key_len}, key)) {
            return d;
        }
    }
    struct wr_batch_destination *d = wr_zalloc(sizeof *d);
    d->key = wr_strdup(key);
    d->key_len = key.len;
    d->lane = lane;
    d->hash = hash;
    d->end = &d->first;
    d->next = *bucket;
    *bucket = d;
    return d;
}

// ---- when to send

static bool is_full(const struct wr_batch *b, const struct wr_batch_destination *d)
{
    return d->entries >= b->options.count_max || d->bytes >= b->options.bytes_max;
}

static int64_t now_ms(const struct wr_batch *b)
{
    return (int64_t)uv_now(b->options.loop);
}

// When the oldest record has waited for long enough.
static int64_t due_ms(const struct wr_batch *b, const struct wr_batch_destination *d)
{
    return item_of(d->first)->since_ms + b->options.age_ms;
}

static bool may_send(const struct wr_batch *b, const struct wr_batch_destination *d)
{
    return d->first && d->in_flight < b->options.in_flight_max &&
           (d->in_flight == 0 || b->closing || is_full(b, d) || due_ms(b, d) <= now_ms(b));
}

static void on_age(uv_timer_t *timer);

static void arm_age(struct wr_batch *b, int64_t due)
{
    int64_t left = due - now_ms(b);
    uint64_t in = left > 1 ? (uint64_t)left : 1;
    if (!b->closing &&
        (!uv_is_active((uv_handle_t *)&b->age) || uv_timer_get_due_in(&b->age) > in)) {
        uv_timer_start(&b->age, on_age, in, 0);
    }
}

static void on_soon(uv_timer_t *timer);

// Something about `d` has changed: list it where it belongs.
static void look_at(struct wr_batch *b, struct wr_batch_destination *d)
{
    if (d->ready) {
        return;
    }
    if (may_send(b, d)) {
        d->ready = true;
        d->ready_next = NULL;
        *b->ready_end = d;
        b->ready_end = &d->ready_next;
        if (b->out < WR_BATCH_CALLS_MAX && !uv_is_active((uv_handle_t *)&b->soon)) {
            uv_timer_start(&b->soon, on_soon, 0, 0);
        }
    } else if (d->first && d->in_flight < b->options.in_flight_max) {
        if (!d->waiting) {
            d->waiting = true;
            d->waiting_next = b->waiting;
            b->waiting = d;
        }
        arm_age(b, due_ms(b, d));
    }
}

// ---- calls

static struct wr_batch_call *call_new(struct wr_batch *b)
{
    struct wr_batch_call *call = b->free;
    if (call) {
        b->free = call->next_;
    } else {
        call = wr_zalloc(sizeof *call);
        call->batch = b;
        b->calls[b->call_count++] = call;
    }
    wr_buf_clear(&call->body);
    call->records = NULL;
    call->end_ = &call->records;
    call->record_count = call->entries = call->bytes = call->popped_ = 0;
    call->out_ = true;
    b->out++;
    return call;
}

// As many of the destination's records as fit into one call.
static void fill(struct wr_batch *b, struct wr_batch_destination *d, struct wr_batch_call *call)
{
    size_t records_max = d->careful > 0 ? d->careful_max : SIZE_MAX;
    while (d->first && call->record_count < records_max) {
        struct wr_record *rec = d->first;
        const struct wr_batch_item *item = item_of(rec);
        if (call->records && (call->entries + item->entries > b->options.count_max ||
                              call->bytes + item->bytes > b->options.bytes_max)) {
            break;
        }
        d->first = rec->sink_next;
        d->entries -= item->entries;
        d->bytes -= item->bytes;
        rec->sink_next = NULL;
        *call->end_ = rec;
        call->end_ = &rec->sink_next;
        call->record_count++;
        call->entries += item->entries;
        call->bytes += item->bytes;
    }
    if (!d->first) {
        d->end = &d->first;
    }
}

static void pump(struct wr_batch *b)
{
    while (b->ready && b->out < WR_BATCH_CALLS_MAX) {
        struct wr_batch_destination *d = b->ready;
        b->ready = d->ready_next;
        if (!b->ready) {
            b->ready_end = &b->ready;
        }
        d->ready = false;
        if (!may_send(b, d)) {
            look_at(b, d);
            idle_enter(b, d);
            continue;
        }
        struct wr_batch_call *call = call_new(b);
        call->destination_ = d;
        d->in_flight++;
        fill(b, d, call);
        look_at(b, d); // to the end of the line, if there is more
        b->options.send(b->options.user, call);
    }
}

static void on_soon(uv_timer_t *timer)
{
    pump(timer->data);
}

static void on_age(uv_timer_t *timer)
{
    struct wr_batch *b = timer->data;
    struct wr_batch_destination *d = b->waiting;
    b->waiting = NULL;
    while (d) {
        struct wr_batch_destination *next = d->waiting_next;
        d->waiting = false;
        look_at(b, d);
        idle_enter(b, d);
        d = next;
    }
    pump(b);
}

void wr_batch_add(struct wr_batch *b, wr_str key, uint32_t lane, struct wr_record *rec)
{
    if (b->closing && b->options.cancel) {
        b->options.abandon(b->options.user, rec);
        return;
    }
    struct wr_batch_destination *d = destination_of(b, key, lane);
    struct wr_batch_item *item = item_of(rec);
    if (d->idle) {
        idle_leave(b, d);
    }
    item->since_ms = now_ms(b);
    rec->sink_next = NULL;
    *d->end = rec;
    d->end = &rec->sink_next;
    d->entries += item->entries;
    d->bytes += item->bytes;
    b->held++;
    look_at(b, d);
}

// ---- answers

static void end_if_empty(struct wr_batch *b);

struct wr_record *wr_batch_pop(struct wr_batch_call *call)
{
    struct wr_record *rec = call->records;
    if (rec) {
        call->records = rec->sink_next;
        call->record_count--;
        call->popped_++;
        call->batch->held--;
        rec->sink_next = NULL;
    }
    return rec;
}

bool wr_batch_again(struct wr_batch_call *call)
{
    struct wr_batch *b = call->batch;
    struct wr_batch_destination *d = call->destination_;
    if (call->record_count < 2) {
        return false;
    }
    if (b->closing && b->options.cancel) {
        struct wr_record *rec;
        while ((rec = wr_batch_pop(call))) {
            b->options.abandon(b->options.user, rec);
        }
        return true;
    }
    d->careful_max = call->record_count / 2;
    d->careful = d->careful > call->record_count ? d->careful : call->record_count;
    *call->end_ = d->first;
    if (!d->first) {
        d->end = call->end_;
    }
    d->first = call->records;
    d->entries += call->entries;
    d->bytes += call->bytes;
    call->records = NULL;
    call->record_count = 0;
    return true;
}

// A call of records that are sent carefully has been taken.
static void care_less(struct wr_batch_destination *d, size_t settled)
{
    d->careful -= settled < d->careful ? settled : d->careful;
    d->careful_max *= 2;
}

void wr_batch_done(struct wr_batch_call *call)
{
    struct wr_batch *b = call->batch;
    struct wr_batch_destination *d = call->destination_;
    wr_assert(!call->records && call->out_);
    if (d->careful > 0 && call->popped_ > 0) {
        care_less(d, call->popped_);
    }
    call->out_ = false;
    call->next_ = b->free;
    b->free = call;
    b->out--;
    d->in_flight--;
    look_at(b, d);
    idle_enter(b, d);
    pump(b);
    end_if_empty(b);
}

// ---- the beginning and the end

struct wr_batch *wr_batch_new(const struct wr_batch_options *options)
{
    struct wr_batch *b = wr_zalloc(sizeof *b);
    b->options = *options;
    b->ready_end = &b->ready;
    wr_assert(options->count_max > 0 && options->in_flight_max > 0);
    wr_assert(uv_timer_init(options->loop, &b->soon) == 0);
    wr_assert(uv_timer_init(options->loop, &b->age) == 0);
    b->soon.data = b->age.data = b;
    return b;
}

size_t wr_batch_held(const struct wr_batch *b)
{
    return b->held;
}

size_t wr_batch_idle(const struct wr_batch *b)
{
    return b->idle_count;
}

static void on_closed(uv_handle_t *handle)
{
    struct wr_batch *b = handle->data;
    if (--b->handles > 0) {
        return;
    }
    void (*closed)(void *) = b->closed;
    void *user = b->closed_user;
    for (size_t i = 0; i < b->call_count; i++) {
        if (b->options.forget) {
            b->options.forget(b->options.user, b->calls[i]);
        }
        wr_buf_release(&b->calls[i]->body);
        free(b->calls[i]);
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        while (b->buckets[i]) {
            struct wr_batch_destination *d = b->buckets[i];
            b->buckets[i] = d->next;
            destination_free(d);
        }
    }
    free(b);
    closed(user);
}

static void end_if_empty(struct wr_batch *b)
{
    if (b->closing && b->held == 0 && b->out == 0 && b->handles == 0) {
        b->handles = 2;
        uv_close((uv_handle_t *)&b->soon, on_closed);
        uv_close((uv_handle_t *)&b->age, on_closed);
    }
}

static void on_grace_over(uv_timer_t *timer)
{
    struct wr_batch *b = timer->data;
    for (size_t i = 0; i < b->call_count; i++) {
        if (b->calls[i]->out_) {
            b->options.cancel(b->options.user, b->calls[i]);
        }
    }
}

// What no call has taken yet.
static void abandon(struct wr_batch *b, struct wr_batch_destination *d)
{
    while (d->first) {
        struct wr_record *rec = d->first;
        const struct wr_batch_item *item = item_of(rec);
        d->first = rec->sink_next;
        d->entries -= item->entries;
        d->bytes -= item->bytes;
        rec->sink_next = NULL;
        b->held--;
        b->options.abandon(b->options.user, rec);
    }
    d->end = &d->first;
}

void wr_batch_close(struct wr_batch *b, void (*closed)(void *user), void *user)
{
    b->closing = true;
    b->closed = closed;
    b->closed_user = user;
    uv_timer_stop(&b->age);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct wr_batch_destination *d = b->buckets[i]; d; d = d->next) {
            if (b->options.cancel) {
                abandon(b, d);
            } else {
                look_at(b, d);
            }
        }
    }
    if (b->options.cancel && b->out > 0) {
        uv_timer_start(&b->age, on_grace_over, WR_BATCH_GRACE_MS, 0);
    }
    end_if_empty(b);
}
