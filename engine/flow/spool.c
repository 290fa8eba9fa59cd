// The spool's side on the loop: groups, segments and what is done in them.
#include "engine/flow/spool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/flow/spool_parts.h"

#include "sql/base/banned.h"

#define MARK_MS     200  // what is done is noted at least so often
#define MARK_BATCH  4096 // or after so many
#define HEADER_SIZE sizeof(struct wr_spool_segment_header)
#define NUMBERS_MAX (UINT32_MAX / 2) // entries of a segment

// ---- segments

struct wr_spool_segment *wr_spool_segment_new(struct wr_spool *s, uint64_t base_seq)
{
    struct wr_spool_segment *segment = wr_zalloc(sizeof *segment);
    segment->base_seq = base_seq;
    segment->fd = segment->done_fd = -1;
    if (s->segment_count == s->segment_cap) {
        s->segment_cap = s->segment_cap ? 2 * s->segment_cap : 16;
        s->segments = wr_realloc(s->segments, s->segment_cap * sizeof(struct wr_spool_segment *));
    }
    s->segments[s->segment_count++] = segment; // numbers only grow
    return segment;
}

void wr_spool_segment_free(struct wr_spool_segment *segment)
{
    free(segment->offsets);
    free(segment->done);
    free(segment);
}

void wr_spool_segment_add(struct wr_spool_segment *segment, uint64_t offset)
{
    if (segment->count == segment->cap) {
        segment->cap = segment->cap ? 2 * segment->cap : 1024;
        segment->offsets = wr_realloc(segment->offsets, segment->cap * sizeof *segment->offsets);
        size_t words = segment->cap / 64;
        segment->done = wr_realloc(segment->done, words * sizeof *segment->done);
        memset(segment->done + segment->count / 64, 0,
               (words - segment->count / 64) * sizeof *segment->done);
    }
    segment->offsets[segment->count++] = (uint32_t)(offset / WR_SPOOL_ALIGN);
    segment->live++;
}

bool wr_spool_segment_is_done(const struct wr_spool_segment *segment, uint32_t index)
{
    return segment->done[index / 64] >> (index % 64) & 1;
}

void wr_spool_segment_mark(struct wr_spool_segment *segment, uint32_t index)
{
    if (!wr_spool_segment_is_done(segment, index)) {
        segment->done[index / 64] |= UINT64_C(1) << (index % 64);
        segment->live--;
    }
}

// The segment that holds `seq`, or the first one behind; its index, or segment_count.
static size_t find_segment(const struct wr_spool *s, uint64_t seq)
{
    size_t low = 0, high = s->segment_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct wr_spool_segment *m = s->segments[middle];
        if (m->base_seq + m->count <= seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct wr_spool_segment *segment_of(const struct wr_spool *s, uint64_t seq, uint32_t *index)
{
    size_t at = find_segment(s, seq);
    wr_assert(at < s->segment_count && s->segments[at]->base_seq <= seq);
    *index = (uint32_t)(seq - s->segments[at]->base_seq);
    return s->segments[at];
}

uint64_t wr_spool_pending(const struct wr_spool *s, uint64_t seq)
{
    for (size_t at = find_segment(s, seq); at < s->segment_count; at++) {
        const struct wr_spool_segment *segment = s->segments[at];
        if (segment->live == 0) {
            continue;
        }
        uint32_t i = seq > segment->base_seq ? (uint32_t)(seq - segment->base_seq) : 0;
        for (; i < segment->count; i++) {
            if (!wr_spool_segment_is_done(segment, i)) {
                return segment->base_seq + i;
            }
        }
    }
    return 0;
}

uint64_t wr_spool_last(const struct wr_spool *s)
{
    return s->next_seq - 1;
}

// ---- commands

static void post(struct wr_spool *s, struct wr_spool_command *c)
{
    s->under_way++;
    wr_mailbox_send(&s->commands, &c->letter);
}

static void list_manifest(const struct wr_spool *s, struct wr_spool_command *c)
{
    c->manifest = wr_alloc((s->segment_count + 1) * sizeof *c->manifest);
    c->manifest_count = s->segment_count;
    for (size_t i = 0; i < s->segment_count; i++) {
        c->manifest[i] = (struct wr_spool_manifest){s->segments[i]->base_seq, s->segments[i]->salt};
    }
}

// Only damage or a read that is under way keeps it.
static bool is_free(const struct wr_spool_segment *segment)
{
    return segment->live == 0 && !segment->pinned && segment->reading == 0;
}

// Nothing is left to do with the segment: its files go, and marks of it need not be written.
static void drop_segment(struct wr_spool *s, struct wr_spool_segment *segment)
{
    struct wr_spool_command *c = wr_zalloc(sizeof *c);
    *c = (struct wr_spool_command){.kind = WR_SPOOL_DROP,
                                   .base_seq = segment->base_seq,
                                   .size = segment->size,
                                   .fd = segment->fd,
                                   .done_fd = segment->done_fd};
    size_t kept = 0;
    for (size_t i = 0; i < s->mark_count; i++) {
        if (s->marks[i].fd != segment->done_fd) {
            s->marks[kept++] = s->marks[i];
        }
    }
    s->mark_count = kept;
    kept = 0;
    for (size_t i = 0; i < s->segment_count; i++) {
        if (s->segments[i] != segment) {
            s->segments[kept++] = s->segments[i];
        }
    }
    s->segment_count = kept;
    if (s->active == segment) {
        s->active = NULL;
    }
    wr_spool_segment_free(segment);
    list_manifest(s, c);
    post(s, c);
}

// Marks that were made since the last time.
static void send_marks(struct wr_spool *s)
{
    if (s->marking || s->mark_count == 0) {
        return;
    }
    s->marking = true;
    s->mark = (struct wr_spool_command){
        .kind = WR_SPOOL_MARK, .marks = s->marks, .mark_count = s->mark_count};
    s->marks = NULL;
    s->mark_count = s->mark_cap = 0;
    post(s, &s->mark);
}

static void on_mark_timer(uv_timer_t *timer)
{
    send_marks(timer->data);
}

// ---- groups

static void tell_full(struct wr_spool *s, const char *why)
{
    bool full = s->disk_full || s->limit_full;
    s->stats.full = full;
    if (full != s->told_full) {
        s->told_full = full;
        s->options.events.full(s->options.events.user, full, why);
    }
}

static void group_free(struct wr_spool_group *g)
{
    if (g) {
        wr_buf_release(&g->body);
        free(g->offsets);
        free(g);
    }
}

// An empty group begins to fill.
static void fill_next(struct wr_spool *s)
{
    struct wr_spool_group *g = s->spare;
    s->spare = NULL;
    if (!g) {
        g = wr_zalloc(sizeof *g);
    }
    char *header = wr_buf_reserve(&g->body, sizeof(struct wr_spool_batch_header));
    wr_assert(header);
    memset(header, 0, sizeof(struct wr_spool_batch_header));
    g->body.len = sizeof(struct wr_spool_batch_header);
    g->base_seq = s->next_seq;
    s->filling = g;
}

// One large message must not make a group large for ever.
static void group_done(struct wr_spool *s, struct wr_spool_group *g)
{
    if (s->spare || g->body.cap_ > 4 * WR_SPOOL_GROUP_MAX) {
        group_free(g);
        return;
    }
    wr_buf_clear(&g->body);
    g->count = 0;
    g->segment = NULL;
    s->spare = g;
}

static void put_by(struct wr_spool *s)
{
    struct wr_spool_group *g = s->filling;
    g->next = NULL;
    *(s->waiting ? &s->waiting_last->next : &s->waiting) = g;
    s->waiting_last = g;
    fill_next(s);
}

// Make a new segment the active one. False: there is no room under max_bytes.
static bool roll(struct wr_spool *s, const struct wr_spool_group *g, struct wr_spool_command *c)
{
    struct wr_spool_segment *old = s->active;
    if (old && is_free(old)) {
        drop_segment(s, old);
        old = NULL;
    }
    uint64_t size = s->options.segment_bytes;
    if (size < HEADER_SIZE + g->body.len) {
        size = HEADER_SIZE + g->body.len;
    }
    uint64_t spare = old ? old->size - old->used : 0;
    if (s->stats.disk_bytes - spare + size > s->options.max_bytes && s->segment_count > 0) {
        return false;
    }
    if (old) {
        c->trim = old->used;
        c->trim_fd = old->fd;
        s->stats.disk_bytes -= spare;
        old->size = old->used;
    }
    s->active = wr_spool_segment_new(s, g->base_seq);
    s->active->size = size;
    s->active->used = HEADER_SIZE;
    wr_assert(getrandom(&s->active->salt, sizeof s->active->salt, 0) ==
              (ssize_t)sizeof s->active->salt);
    s->stats.disk_bytes += size;
    c->create = true;
    list_manifest(s, c);
    return true;
}

// The place of `g`. False as above.
static bool place(struct wr_spool *s, struct wr_spool_group *g, struct wr_spool_command *c)
{
    const struct wr_spool_segment *now = s->active;
    bool fits = now && now->used + g->body.len <= now->size && now->count < NUMBERS_MAX;
    if (!fits && !roll(s, g, c)) {
        return false;
    }
    g->segment = s->active;
    c->fd = s->active->fd; // -1 of one that is to be made
    c->done_fd = s->active->done_fd;
    c->offset = s->active->used;
    c->size = s->active->size;
    c->base_seq = s->active->base_seq;
    c->salt = s->active->salt;
    s->active->used += g->body.len;
    return true;
}

void wr_spool_flush(struct wr_spool *s)
{
    if ((!s->waiting && s->filling->count == 0) || s->broken) {
        return;
    }
    s->flush_wanted = true;
    if (s->write.group) {
        return; // goes when that one is written
    }
    struct wr_spool_group *g = s->waiting ? s->waiting : s->filling;
    struct wr_spool_command c = {.kind = WR_SPOOL_WRITE, .group = g};
    if (!place(s, g, &c)) {
        char why[80];
        snprintf(why, sizeof why, "there is no more room within %s",
                 s->options.max_name ? s->options.max_name : "its limit");
        s->limit_full = true;
        tell_full(s, why);
        return;
    }
    if (s->limit_full) {
        s->limit_full = false;
        tell_full(s, "there is room again");
    }
    s->write = c;
    if (g == s->filling) {
        s->flush_wanted = false;
        fill_next(s);
    } else {
        s->waiting = g->next;
    }
    post(s, &s->write);
}

void wr_spool_set_max(struct wr_spool *s, uint64_t max_bytes)
{
    s->options.max_bytes = max_bytes;
    if (s->limit_full) {
        wr_spool_flush(s);
    }
}

struct wr_buf *wr_spool_begin(struct wr_spool *s)
{
    struct wr_spool_group *g = s->filling;
    s->entry_at = g->body.len;
    char *header = wr_buf_reserve(&g->body, sizeof(struct wr_spool_entry_header));
    wr_assert(header);
    g->body.len += sizeof(struct wr_spool_entry_header);
    return &g->body;
}

uint64_t wr_spool_end(struct wr_spool *s)
{
    struct wr_spool_group *g = s->filling;
    size_t len = g->body.len - s->entry_at - sizeof(struct wr_spool_entry_header);
    wr_assert(len <= UINT32_MAX / 2 &&
              g->body.len < UINT32_MAX / 2); // the owner's limits are below
    struct wr_spool_entry_header h = {.len = (uint32_t)len};
    memcpy(g->body.at + s->entry_at, &h, sizeof h);
    size_t pad = wr_spool_padded(len) - len;
    char *to = wr_buf_reserve(&g->body, WR_SPOOL_ALIGN);
    wr_assert(to);
    memset(to, 0, pad);
    g->body.len += pad;
    if (g->count == g->cap) {
        g->cap = g->cap ? 2 * g->cap : 256;
        g->offsets = wr_realloc(g->offsets, g->cap * sizeof *g->offsets);
    }
    g->offsets[g->count++] = (uint32_t)s->entry_at;
    s->stats.entries++;
    s->stats.pending++;
    s->stats.unwritten_bytes += g->body.len - s->entry_at;
    uint64_t seq = s->next_seq++;
    if (g->body.len > WR_SPOOL_GROUP_MAX) {
        put_by(s);
    }
    return seq;
}

bool wr_spool_busy(const struct wr_spool *s)
{
    return s->told_full || s->broken || s->waiting;
}

// ---- what is done

static bool drop_if_free(struct wr_spool *s, struct wr_spool_segment *segment)
{
    // The active one goes too when what waits is larger than all other room.
    bool goes = is_free(segment) && (segment != s->active || s->limit_full);
    if (goes) {
        drop_segment(s, segment);
    }
    return goes;
}

void wr_spool_done(struct wr_spool *s, uint64_t seq)
{
    uint32_t index;
    struct wr_spool_segment *segment = segment_of(s, seq, &index);
    wr_assert(seq <= s->durable_seq && !wr_spool_segment_is_done(segment, index));
    wr_spool_segment_mark(segment, index);
    s->stats.pending--;
    if (drop_if_free(s, segment)) {
        return;
    }
    if (s->mark_count == s->mark_cap) {
        s->mark_cap = s->mark_cap ? 2 * s->mark_cap : 256;
        s->marks = wr_realloc(s->marks, s->mark_cap * sizeof *s->marks);
    }
    s->marks[s->mark_count++] = (struct wr_spool_mark){segment->done_fd, index};
    if (s->mark_count >= MARK_BATCH) {
        send_marks(s);
    } else if (!uv_is_active((uv_handle_t *)&s->mark_timer)) {
        uv_timer_start(&s->mark_timer, on_mark_timer, MARK_MS, 0);
    }
}

// ---- reading again

static uint64_t size_of(const struct wr_spool_segment *segment, uint32_t index)
{
    uint32_t from = segment->offsets[index], next = index + 1;
    while (next < segment->count && segment->offsets[next] < from) { // a number without bytes
        next++;
    }
    uint64_t end = next < segment->count ? (uint64_t)segment->offsets[next] * WR_SPOOL_ALIGN
                                         : segment->durable;
    return end - (uint64_t)from * WR_SPOOL_ALIGN;
}

size_t wr_spool_size(const struct wr_spool *s, uint64_t seq)
{
    uint32_t index;
    const struct wr_spool_segment *segment = segment_of(s, seq, &index);
    return (size_t)size_of(segment, index);
}

void wr_spool_fetch(struct wr_spool *s, struct wr_spool_fetch *f)
{
    uint32_t index;
    struct wr_spool_segment *segment = segment_of(s, f->seq, &index);
    struct wr_spool_command *c = wr_zalloc(sizeof *c);
    *c = (struct wr_spool_command){.kind = WR_SPOOL_FETCH,
                                   .fd = segment->fd,
                                   .offset = (uint64_t)segment->offsets[index] * WR_SPOOL_ALIGN,
                                   .size = size_of(segment, index),
                                   .fetch = f,
                                   .segment = segment};
    f->bytes = (struct wr_buf){0};
    segment->reading++;
    s->under_way++;
    wr_mailbox_send(&s->reads, &c->letter);
}

// ---- answers

static void close_on(struct wr_spool *s);

static void written(struct wr_spool *s, struct wr_spool_command *c)
{
    struct wr_spool_group *g = c->group;
    struct wr_spool_segment *segment = g->segment;
    s->write.group = NULL;
    free(c->manifest);
    if (c->fault.code) {
        // Stopping with a full disk, or the disk has failed: what is in the group is nobody's.
        s->broken = true;
        group_free(g);
        if (!s->closing) {
            s->options.events.broken(s->options.events.user, &c->fault);
        }
        return;
    }
    if (c->create) {
        segment->fd = c->fd;
        segment->done_fd = c->done_fd;
    }
    for (uint32_t i = 0; i < g->count; i++) {
        wr_spool_segment_add(segment, c->offset + g->offsets[i]);
    }
    segment->durable = c->offset + g->body.len;
    s->durable_seq = g->base_seq + g->count - 1;
    s->stats.groups++;
    s->stats.unwritten_bytes -= g->body.len - sizeof(struct wr_spool_batch_header);
    group_done(s, g);
    if (s->flush_wanted) {
        wr_spool_flush(s);
    }
    s->options.events.durable(s->options.events.user, s->durable_seq);
}

static void dropped(struct wr_spool *s, struct wr_spool_command *c)
{
    s->stats.disk_bytes -= c->size;
    free(c->manifest);
    free(c);
    if (s->limit_full) {
        wr_spool_flush(s);
    }
}

static void state(struct wr_spool *s, struct wr_spool_command *c)
{
    s->disk_full = c->full;
    tell_full(s, c->full ? c->fault.text : "there is room on the disk again");
    free(c);
}

static void fetched(struct wr_spool *s, struct wr_spool_command *c)
{
    struct wr_spool_fetch *f = c->fetch;
    struct wr_spool_segment *segment = c->segment;
    free(c);
    if (--segment->reading == 0) {
        drop_if_free(s, segment);
    }
    f->done(f);
}

static void on_answers(void *user, struct wr_letter *letters)
{
    struct wr_spool *s = user;
    while (letters) {
        struct wr_spool_command *c = (struct wr_spool_command *)letters;
        letters = letters->next;
        s->under_way -= c->kind != WR_SPOOL_STATE;
        switch (c->kind) {
        case WR_SPOOL_WRITE:
            written(s, c);
            break;
        case WR_SPOOL_MARK:
            free(c->marks);
            s->marking = false;
            if (s->mark_count >= MARK_BATCH) {
                send_marks(s);
            } else if (s->mark_count && !s->closing) {
                uv_timer_start(&s->mark_timer, on_mark_timer, MARK_MS, 0);
            }
            break;
        case WR_SPOOL_DROP:
            dropped(s, c);
            break;
        case WR_SPOOL_FETCH:
            fetched(s, c);
            break;
        case WR_SPOOL_STATE:
            state(s, c);
            break;
        case WR_SPOOL_STOP:
            break;
        }
    }
    if (s->closing) {
        close_on(s);
    }
}

// ---- open and close

// The thread has none of it.
static void segment_close(struct wr_spool_segment *segment)
{
    if (segment->fd >= 0) {
        close(segment->fd);
    }
    if (segment->done_fd >= 0) {
        close(segment->done_fd);
    }
    wr_spool_segment_free(segment);
}

wr_err wr_spool_open(const struct wr_spool_options *options, struct wr_spool **out,
                     struct wr_fault *fault)
{
    if (!options->read_only && mkdir(options->dir, 0700) != 0 && errno != EEXIST) {
        return wr_fault_set(fault, WR_ERR_IO, "%s cannot be made: %s", options->dir,
                            strerror(errno));
    }
    struct wr_spool *s = wr_zalloc(sizeof *s);
    s->options = *options;
    s->io = options->io ? *options->io : wr_spool_system_io;
    s->dir = wr_strdup(wr_str_of(options->dir));
    wr_err err = wr_spool_recover(s, fault);
    if (err) {
        for (size_t i = 0; i < s->segment_count; i++) {
            segment_close(s->segments[i]);
        }
        free(s->segments);
        free(s->dir);
        free(s);
        return err;
    }
    s->durable_seq = s->next_seq - 1;
    fill_next(s);
    uv_timer_init(options->loop, &s->mark_timer);
    s->mark_timer.data = s;
    wr_mailbox_open(&s->answers, options->loop, on_answers, s);
    wr_mailbox_init(&s->commands);
    wr_mailbox_init(&s->reads);
    wr_assert(uv_thread_create(&s->thread, wr_spool_thread, s) == 0);
    wr_assert(uv_thread_create(&s->reader, wr_spool_reader, s) == 0);
    for (size_t i = s->segment_count; i-- > 0;) {
        if (s->segments[i]->live == 0 && !s->segments[i]->pinned && !options->read_only) {
            drop_segment(s, s->segments[i]);
        }
    }
    *out = s;
    return WR_OK;
}

void wr_spool_stats(const struct wr_spool *s, struct wr_spool_stats *stats)
{
    *stats = s->stats;
    stats->segments = s->segment_count;
}

static void on_handle_closed(struct wr_spool *s)
{
    if (--s->handles > 0) {
        return;
    }
    for (size_t i = 0; i < s->segment_count; i++) {
        segment_close(s->segments[i]);
    }
    while (s->waiting) {
        struct wr_spool_group *next = s->waiting->next;
        group_free(s->waiting);
        s->waiting = next;
    }
    group_free(s->filling);
    group_free(s->spare);
    free(s->segments);
    free(s->marks);
    free(s->dir);
    void (*closed)(void *user) = s->closed;
    void *user = s->closed_user;
    free(s);
    closed(user);
}

static void on_timer_closed(uv_handle_t *timer)
{
    on_handle_closed(timer->data);
}

static void on_mailbox_closed(void *user)
{
    on_handle_closed(user);
}

static void stop_threads(struct wr_spool *s)
{
    s->stopped = true;
    s->stop.kind = s->stop_reads.kind = WR_SPOOL_STOP;
    post(s, &s->stop);
    s->under_way++;
    wr_mailbox_send(&s->reads, &s->stop_reads.letter);
}

// Each call does the next thing that closing needs and that the thread has time for.
static void close_on(struct wr_spool *s)
{
    bool stuck = s->disk_full && s->write.group;
    if (s->handles > 0 || (s->under_way > 0 && !stuck)) {
        return;
    }
    if (!s->stopped && !stuck && !s->broken && !s->limit_full &&
        (s->waiting || s->filling->count > 0)) {
        wr_spool_flush(s);
        if (s->under_way > 0) {
            return;
        }
    }
    if (!s->stopped) {
        uv_timer_stop(&s->mark_timer);
        send_marks(s);
        if (s->active && s->active->live == 0 && s->active->reading == 0 && !stuck) {
            drop_segment(s, s->active);
        }
        stop_threads(s);
        return;
    }
    if (s->under_way > 0) {
        return;
    }
    s->handles = 2;
    uv_thread_join(&s->thread);
    uv_thread_join(&s->reader);
    wr_mailbox_release(&s->commands);
    wr_mailbox_release(&s->reads);
    uv_close((uv_handle_t *)&s->mark_timer, on_timer_closed);
    wr_mailbox_close(&s->answers, on_mailbox_closed);
}

void wr_spool_close(struct wr_spool *s, void (*closed)(void *user), void *user)
{
    s->closing = true;
    s->closed = closed;
    s->closed_user = user;
    close_on(s);
}
