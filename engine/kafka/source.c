// The consumer: polled from the loop, its partitions given and taken, its messages handed out and
// acknowledged.
#include "engine/kafka/kafka.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "engine/kafka/arrive.h"
#include "engine/kafka/frontier.h"
#include "engine/kafka/memory.h"
#include "engine/kafka/setup.h"
#include "engine/observe/log.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define BATCH_MAX 256
#define HELD_MAX  (64u << 20) // payload bytes not settled, from which on nothing is read
#define TICK_MS   1000        // librdkafka wants to be polled, also when nothing comes

// One partition, from the time it is given to this weir until it is taken and its last message is
// settled. Given again, it is another one.
struct partition {
    struct partition *next;
    struct wr_kafka_origin origin;
    int32_t id;
    bool revoking;     // to be given up: nothing more is handed out
    bool gone;         // not ours any more: nothing is stored
    bool dirty;        // its frontier has moved since it was stored
    size_t held;       // messages not settled
    int64_t committed; // up to here the group has taken a commit of ours
    struct wr_frontier frontier;
    char name[]; // origin's texts
};

// A message handed out.
struct slot {
    struct wr_message *m; // NULL: free
    struct partition *partition;
    uint64_t number; // in its frontier
    bool acknowledged;
    struct wr_spill *spill;
    uint32_t next_free;
};

struct kafka_source {
    struct wr_source base; // first
    const struct wr_config *config;
    struct wr_topic_map map;
    wr_str topic_header;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue; // for its wake-ups
    int pipe[2];
    uv_poll_t wake;
    uv_timer_t tick;  // each TICK_MS
    uv_timer_t again; // there is more to read; the end of revoke_wait; the grace of close
    uv_timer_t wait;
    uv_work_t work;
    int open_handles;
    bool started, ack_received, serving, up;
    bool paused; // librdkafka fetches nothing
    // Commits are refused, since the group is being shared out anew: what is read now would be read
    // by the next owner again, so nothing is, until then. Of uv_now(); 0: not so.
    uint64_t held_until_ms;
    struct wr_kafka_memory memory;
    enum wr_pace pace;
    struct partition *partitions;           // ours
    struct partition *gone;                 // with messages that are not settled
    struct partition *last;                 // of the last message
    rd_kafka_topic_partition_list_t *taken; // being given up; NULL: none
    struct slot *slots;
    uint32_t slot_count, free_slot; // free_slot: index + 1
    size_t in_flight, bytes;        // of messages not settled
    size_t open;                    // not acknowledged, of partitions that are ours
    size_t spills;                  // once it is closed: messages that hold on to us
    struct wr_kafka_stats stats;
    bool closing, ended;              // ended: the consumer belongs to the thread pool
    rd_kafka_resp_err_t last_refused; // why the commit on leaving was not taken
    void (*done)(void *user);
    void *done_user;
};

static struct kafka_source *self_of(struct wr_source *source)
{
    return (struct kafka_source *)source;
}

// ---- partitions

static struct partition *find(struct kafka_source *s, const char *topic, int32_t id)
{
    for (struct partition *p = s->partitions; p; p = p->next) {
        if (p->id == id &&
            (p->origin.topic.at == topic || strcmp(p->origin.topic.at, topic) == 0)) {
            return p;
        }
    }
    return NULL;
}

// `from`: where reading goes on; 0: where the group has committed.
static void add_partition(struct kafka_source *s, const char *topic, int32_t id, int64_t from)
{
    size_t len = strlen(topic);
    struct partition *p = wr_zalloc(sizeof *p + len + 1 + 12);
    memcpy(p->name, topic, len + 1);
    int digits = snprintf(p->name + len + 1, 12, "%d", (int)id);
    p->origin.topic = (wr_str){p->name, len};
    p->origin.partition = (wr_str){p->name + len + 1, (size_t)digits};
    p->id = id;
    p->frontier.committable = from;
    p->dirty = from > 0;
    p->next = s->partitions;
    s->partitions = p;
    s->stats.assigned++;
}

static void free_partition(struct partition *p)
{
    wr_frontier_release(&p->frontier);
    free(p);
}

static void unlink_partition(struct partition **list, const struct partition *p)
{
    while (*list != p) {
        list = &(*list)->next;
    }
    *list = p->next;
}

// It is another's from now on.
static void drop_partition(struct kafka_source *s, struct partition *p, bool lost)
{
    if (!lost && p->frontier.committable > p->committed) {
        wr_kafka_remember(&s->memory, p->name, p->id, p->frontier.committable);
    }
    unlink_partition(&s->partitions, p);
    size_t open = 0;
    for (uint32_t i = 0; p->held > 0 && i < s->slot_count; i++) {
        open += s->slots[i].m && s->slots[i].partition == p && !s->slots[i].acknowledged;
    }
    s->stats.given_up += open;
    s->open -= open;
    s->stats.assigned--;
    s->last = NULL;
    p->gone = true;
    if (p->held == 0) {
        free_partition(p);
    } else {
        p->next = s->gone;
        s->gone = p;
    }
}

// Tell librdkafka how far the partitions are; it commits that every kafka.commit_interval, and
// before it gives a partition up.
static void store(struct kafka_source *s)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    for (struct partition *p = s->partitions; p; p = p->next) {
        if (p->dirty) {
            list = list ? list : rd_kafka_topic_partition_list_new(8);
            rd_kafka_topic_partition_list_add(list, p->name, p->id)->offset =
                p->frontier.committable;
            p->dirty = false;
        }
    }
    if (list) {
        (void)rd_kafka_offsets_store(s->rk, list);
        for (int i = 0; i < list->cnt; i++) {
            if (list->elems[i].err) { // not quite ours yet; or no more, then another begins there
                find(s, list->elems[i].topic, list->elems[i].partition)->dirty = true;
            }
        }
        rd_kafka_topic_partition_list_destroy(list);
    }
}

// ---- given and taken

static bool cooperative(rd_kafka_t *rk)
{
    return strcmp(rd_kafka_rebalance_protocol(rk), "COOPERATIVE") == 0;
}

static void unassign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list)
{
    if (cooperative(rk)) {
        rd_kafka_error_t *error = rd_kafka_incremental_unassign(rk, list);
        rd_kafka_error_destroy(error);
    } else {
        rd_kafka_assign(rk, NULL);
    }
}

static bool still_open(struct kafka_source *s)
{
    for (const struct partition *p = s->partitions; p; p = p->next) {
        if (p->revoking && wr_frontier_open(&p->frontier) > 0) {
            return true;
        }
    }
    return false;
}

// What is acknowledged is committed with it, and the partitions are another's.
static void give_up(struct kafka_source *s)
{
    bool lost = rd_kafka_assignment_lost(s->rk);
    uv_timer_stop(&s->wait);
    wr_kafka_forget(&s->memory);
    store(s);
    unassign(s->rk, s->taken);
    for (struct partition *p = s->partitions, *next; p; p = next) {
        next = p->next;
        if (p->revoking) {
            drop_partition(s, p, lost);
        }
    }
    rd_kafka_topic_partition_list_destroy(s->taken);
    s->taken = NULL;
}

static void on_wait_over(uv_timer_t *timer);

static void on_taken(struct kafka_source *s, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        struct partition *p = find(s, list->elems[i].topic, list->elems[i].partition);
        if (p) {
            p->revoking = true;
        }
    }
    s->taken = rd_kafka_topic_partition_list_copy(list);
    bool lost = rd_kafka_assignment_lost(s->rk);
    if (lost) {
        wr_log(WR_LOG_WARN, "kafka",
               "source: %d partitions are lost: the group did not hear of this weir in time; what "
               "is not committed is delivered again",
               list->cnt);
    }
    if (lost || s->config->kafka_revoke_wait_ms == 0 || !still_open(s)) {
        give_up(s);
    } else if (!s->closing) { // while closing, the grace is the limit
        uv_timer_start(&s->wait, on_wait_over, (uint64_t)s->config->kafka_revoke_wait_ms, 0);
    }
}

static void on_given(struct kafka_source *s, rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *e = &list->elems[i];
        int64_t from = wr_kafka_recall(&s->memory, e->topic, e->partition);
        if (from > 0) {
            e->offset = from;
        }
        add_partition(s, e->topic, e->partition, from);
    }
    wr_kafka_forget(&s->memory);
    s->held_until_ms = 0;
    if (cooperative(s->rk)) {
        rd_kafka_error_t *error = rd_kafka_incremental_assign(s->rk, list);
        rd_kafka_error_destroy(error);
    } else {
        rd_kafka_assign(s->rk, list);
    }
    if (s->paused) {
        rd_kafka_pause_partitions(s->rk, list);
    }
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                         rd_kafka_topic_partition_list_t *list, void *user)
{
    struct kafka_source *s = user;
    if (s->ended) { // on the thread pool, in rd_kafka_consumer_close()
        unassign(rk, list);
        return;
    }
    s->stats.rebalances++;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        on_given(s, list);
    } else if (err == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
        on_taken(s, list);
    } else {
        rd_kafka_assign(rk, NULL);
    }
    wr_log(WR_LOG_INFO, "kafka", "source: %d partitions %s, %zu now", list->cnt,
           err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? "given" : "taken", s->stats.assigned);
    s->up = true;
    if (s->base.events.state && !s->closing) {
        s->base.events.state(s->base.events.user, &s->base, true, "assigned");
    }
}

static void say_refused(rd_kafka_resp_err_t err)
{
    wr_log(WR_LOG_WARN, "kafka",
           "source: the group did not take the last commit of partitions that are another's now "
           "(%s): what was handled since the one before is delivered again",
           rd_kafka_err2name(err));
}

// Also when nothing was to be committed.
static void on_committed(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                         rd_kafka_topic_partition_list_t *offsets, void *user)
{
    struct kafka_source *s = user;
    bool refused = err && err != RD_KAFKA_RESP_ERR__NO_OFFSET;
    if (s->ended) {
        s->last_refused = refused || !err ? err : s->last_refused;
        return;
    }
    if (refused && offsets && offsets->cnt > 0 &&
        !find(s, offsets->elems[0].topic, offsets->elems[0].partition)) {
        say_refused(err);
    }
    for (int i = 0; !err && offsets && i < offsets->cnt; i++) {
        const rd_kafka_topic_partition_t *e = &offsets->elems[i];
        if (e->err || e->offset < 0) { // negative: of this partition nothing was to be committed
            continue;
        }
        struct partition *p = find(s, e->topic, e->partition);
        if (p) {
            p->committed = e->offset;
        } else {
            wr_kafka_committed(&s->memory, e->topic, e->partition, e->offset);
        }
    }
    if (err == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS && !s->held_until_ms && !s->taken) {
        s->held_until_ms = uv_now(s->tick.loop) + (uint64_t)s->config->kafka_session_timeout_ms;
        wr_log(WR_LOG_INFO, "kafka",
               "source: the group shares out anew and takes no commits: nothing more is read until "
               "it has");
    } else if (!err) {
        s->held_until_ms = 0;
    }
}

// ---- slots

static uint32_t take_slot(struct kafka_source *s)
{
    if (!s->free_slot) {
        uint32_t count = s->slot_count ? 2 * s->slot_count : 256;
        s->slots = wr_realloc(s->slots, count * sizeof *s->slots);
        for (uint32_t i = count; i-- > s->slot_count;) {
            s->slots[i] = (struct slot){.next_free = s->free_slot};
            s->free_slot = i + 1;
        }
        s->slot_count = count;
    }
    uint32_t index = s->free_slot - 1;
    s->free_slot = s->slots[index].next_free;
    return index;
}

static struct slot *slot_of(struct kafka_source *s, const struct wr_message *m)
{
    wr_assert(m->token < s->slot_count && s->slots[m->token].m == m);
    return &s->slots[m->token];
}

// ---- messages

static void on_again(uv_timer_t *timer);

static void finish(struct kafka_source *s, struct partition *p, uint64_t number)
{
    if (wr_frontier_finish(&p->frontier, number)) {
        p->dirty = true;
        if (!s->serving && !s->closing && !uv_is_active((uv_handle_t *)&s->again)) {
            uv_timer_start(&s->again, on_again, 0, 0); // stored once for all of a burst
        }
    }
}

// A message, or NULL: it was an error, or is not for us. Takes `from`.
static struct wr_message *take_message(struct kafka_source *s, rd_kafka_message_t *from,
                                       int64_t now_ms)
{
    struct partition *p = s->last;
    const char *topic = rd_kafka_topic_name(from->rkt);
    if (!p || p->id != from->partition || strcmp(p->name, topic) != 0) {
        p = s->last = find(s, topic, from->partition);
    }
    if (!p || p->revoking) { // whoever has it next gets the message
        rd_kafka_message_destroy(from);
        return NULL;
    }
    struct wr_message *m = wr_message_new(s->base.pool);
    uint32_t index = take_slot(s);
    struct slot *slot = &s->slots[index];
    *slot = (struct slot){.m = m, .partition = p};
    slot->number = wr_frontier_take(&p->frontier, from->offset);
    bool good = wr_kafka_arrive(m, from, &p->origin, s->topic_header, &s->map, &slot->spill);
    m->sql.timestamp_ms = now_ms;
    m->source = &s->base;
    m->token = index;
    p->held++;
    s->in_flight++;
    if (s->ack_received) {
        slot->acknowledged = true;
        finish(s, p, slot->number);
    } else {
        s->open++;
    }
    s->bytes += m->sql.payload.len;
    rd_kafka_message_destroy(from);
    if (good) {
        s->stats.received++;
        return m;
    }
    s->stats.dropped++;
    static struct wr_log_limit limit;
    wr_str shown = wr_str_cut(m->sql.topic, 0, m->sql.topic.len < 200 ? m->sql.topic.len : 200);
    wr_log_limited(&limit, WR_LOG_WARN, "kafka",
                   "source: %s, partition %d: a message has no usable MQTT topic (\"%.*s\"): not "
                   "handled",
                   p->name, (int)p->id, WR_STR_ARG(shown));
    wr_message_unhold(m);
    wr_message_unlock(m);
    return NULL;
}

static void on_consumer_error(const rd_kafka_message_t *from)
{
    static struct wr_log_limit limit;
    wr_log_limited(&limit, WR_LOG_WARN, "kafka", "source: %s: %s", rd_kafka_err2name(from->err),
                   rd_kafka_message_errstr(from));
}

static bool may_read(const struct kafka_source *s)
{
    return s->pace != WR_PACE_STOP && s->in_flight < (size_t)s->config->kafka_in_flight &&
           s->bytes < HELD_MAX && !s->closing && s->held_until_ms <= uv_now(s->tick.loop);
}

// Hand out what is there, a batch at most. True: there may be more.
static bool read_batch(struct kafka_source *s)
{
    struct wr_message *first = NULL, **last = &first;
    size_t count = 0;
    int64_t now_ms = wr_wall_ms();
    bool more = true;
    for (int n = 0; n < BATCH_MAX && may_read(s); n++) {
        rd_kafka_message_t *from = rd_kafka_consumer_poll(s->rk, 0);
        if (!from) {
            more = false;
            break;
        }
        if (from->err) {
            on_consumer_error(from);
            rd_kafka_message_destroy(from);
            continue;
        }
        struct wr_message *m = take_message(s, from, now_ms);
        if (m) {
            *last = m;
            last = &m->next;
            count++;
        }
    }
    if (count) {
        s->base.events.batch(s->base.events.user, &s->base, first, count);
    }
    return more;
}

static void pause_all(struct kafka_source *s, bool paused)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    if (s->paused == paused || rd_kafka_assignment(s->rk, &list)) {
        return;
    }
    s->paused = paused;
    s->stats.pauses += paused;
    if (paused) {
        rd_kafka_pause_partitions(s->rk, list);
    } else {
        rd_kafka_resume_partitions(s->rk, list);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

// Who may not read must poll nevertheless, or the group thinks this weir dead: then nothing is
// fetched, and a poll brings no message.
static void poll_only(struct kafka_source *s)
{
    pause_all(s, true);
    store(s);
    for (rd_kafka_message_t *from; (from = rd_kafka_consumer_poll(s->rk, 0));) {
        if (from->err) {
            on_consumer_error(from);
            rd_kafka_message_destroy(from);
            continue;
        }
        // Not expected while it is paused; to drop it would be to lose it.
        struct wr_message *m = take_message(s, from, wr_wall_ms());
        if (m) {
            s->base.events.batch(s->base.events.user, &s->base, m, 1);
        }
    }
}

// Only what comes into an empty queue wakes: it is read until it is empty, or later.
static void serve(struct kafka_source *s)
{
    if (s->serving || s->ended || !s->started) {
        return;
    }
    s->serving = true;
    if (may_read(s) && s->paused) {
        pause_all(s, false);
    }
    if (may_read(s) && read_batch(s) && may_read(s)) {
        uv_timer_start(&s->again, on_again, 0, 0);
    }
    if (s->held_until_ms && !may_read(s)) {
        poll_only(s); // what ends it comes that way
    }
    store(s);
    s->serving = false;
}

static void on_again(uv_timer_t *timer)
{
    serve(timer->data);
}

static void on_wake(uv_poll_t *wake, int status, int events)
{
    struct kafka_source *s = wake->data;
    char bytes[256];
    while (read(s->pipe[0], bytes, sizeof bytes) == (ssize_t)sizeof bytes) {
    }
    serve(s);
}

static void on_tick(uv_timer_t *timer)
{
    struct kafka_source *s = timer->data;
    if (!s->started || s->ended || s->serving) {
        return;
    }
    if (may_read(s)) {
        serve(s);
        return;
    }
    s->serving = true;
    poll_only(s);
    s->serving = false;
}

// ---- what the flow calls

static void end_if_done(struct kafka_source *s);

static void kafka_want(struct wr_source *self, const wr_str *filters, size_t count)
{
    struct kafka_source *s = self_of(self);
    if (!s->started && !s->closing) {
        s->started = true;
        wr_kafka_setup_subscribe(s->rk, s->config);
        uv_timer_start(&s->again, on_again, 0, 0); // it has said things before it could wake us
    }
}

static void kafka_acknowledge(struct wr_source *self, struct wr_message *m)
{
    struct kafka_source *s = self_of(self);
    struct slot *slot = slot_of(s, m);
    struct partition *p = slot->partition;
    if (slot->acknowledged) { // `ack: received`
        return;
    }
    slot->acknowledged = true;
    if (p->gone) {
        return;
    }
    s->stats.acknowledged++;
    s->open--;
    finish(s, p, slot->number);
    if (s->ended) {
        return;
    }
    if (p->revoking && s->taken && !s->closing && !still_open(s)) {
        uv_timer_start(&s->wait, on_wait_over, 0, 0);
    }
    if (s->closing && s->open == 0) {
        end_if_done(s);
    }
}

static void free_source(struct kafka_source *s)
{
    for (struct partition *p; (p = s->partitions);) {
        s->partitions = p->next;
        free_partition(p);
    }
    for (struct partition *p; (p = s->gone);) {
        s->gone = p->next;
        free_partition(p);
    }
    for (int i = 0; i < 2; i++) {
        if (s->pipe[i] >= 0) {
            close(s->pipe[i]);
        }
    }
    wr_kafka_forget(&s->memory);
    free(s->slots);
    free(s);
}

static void kafka_settled(struct wr_source *self, struct wr_message *m)
{
    struct kafka_source *s = self_of(self);
    struct slot *slot = slot_of(s, m);
    struct partition *p = slot->partition;
    bool was_full = !may_read(s);
    s->in_flight--;
    s->bytes -= m->sql.payload.len;
    p->held--;
    wr_spill_free(slot->spill); // the content goes
    *slot = (struct slot){.next_free = s->free_slot};
    s->free_slot = (uint32_t)m->token + 1;
    if (p->gone && p->held == 0) {
        unlink_partition(&s->gone, p);
        free_partition(p);
    }
    if (s->spills > 0 && --s->spills == 0) {
        free_source(s); // only they kept it
        return;
    }
    if (was_full && !s->serving && !s->closing && may_read(s)) {
        uv_timer_start(&s->again, on_again, 0, 0);
    }
}

static void kafka_pace(struct wr_source *self, enum wr_pace pace)
{
    struct kafka_source *s = self_of(self);
    s->pace = pace;
    if (!s->serving && !s->closing && may_read(s)) {
        uv_timer_start(&s->again, on_again, 0, 0);
    }
}

// ---- close
//
// Nothing more is read; what is acknowledged within the grace is committed; then the consumer
// leaves the group on the thread pool, which commits.

static void on_handle_closed(uv_handle_t *handle)
{
    struct kafka_source *s = handle->data;
    if (--s->open_handles > 0) {
        return;
    }
    // Unsettled messages forget us, but for those whose bytes we hold.
    for (uint32_t i = 0; i < s->slot_count; i++) {
        if (s->slots[i].m && s->slots[i].spill) {
            s->spills++;
        } else if (s->slots[i].m) {
            s->slots[i].m->source = NULL;
        }
    }
    s->done(s->done_user);
    if (s->spills == 0) {
        free_source(s);
    }
}

static void leave(uv_work_t *work)
{
    struct kafka_source *s = work->data;
    rd_kafka_consumer_close(s->rk);
    rd_kafka_destroy(s->rk);
}

static void on_left(uv_work_t *work, int status)
{
    struct kafka_source *s = work->data;
    if (s->last_refused) {
        say_refused(s->last_refused);
    }
    uv_close((uv_handle_t *)&s->tick, on_handle_closed);
    uv_close((uv_handle_t *)&s->again, on_handle_closed);
    uv_close((uv_handle_t *)&s->wait, on_handle_closed);
    uv_close((uv_handle_t *)&s->wake, on_handle_closed);
}

static void end(struct kafka_source *s)
{
    if (s->ended) {
        return;
    }
    if (s->taken) {
        give_up(s);
    }
    store(s);
    s->ended = true;
    uv_timer_stop(&s->tick);
    uv_timer_stop(&s->again);
    uv_timer_stop(&s->wait);
    uv_poll_stop(&s->wake);
    rd_kafka_queue_io_event_enable(s->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(s->queue);
    wr_assert(uv_queue_work(s->tick.loop, &s->work, leave, on_left) == 0);
}

static void end_if_done(struct kafka_source *s)
{
    if (s->open == 0) {
        uv_timer_start(&s->wait, on_wait_over, 0, 0); // not from inside the flow's call
    }
}

// Of a partition that is taken, or of close: all is acknowledged, or time is over.
static void on_wait_over(uv_timer_t *timer)
{
    struct kafka_source *s = timer->data;
    if (s->closing) {
        end(s);
    } else if (s->taken) {
        if (still_open(s)) {
            wr_log(WR_LOG_WARN, "kafka",
                   "source: partitions go with messages that are not acknowledged after %lld ms "
                   "(kafka.revoke_wait): another weir delivers those too",
                   (long long)s->config->kafka_revoke_wait_ms);
        }
        give_up(s);
        serve(s);
    }
}

static void kafka_close(struct wr_source *self, int grace_ms, void (*done)(void *user), void *user)
{
    struct kafka_source *s = self_of(self);
    wr_assert(!s->closing);
    s->closing = true;
    s->done = done;
    s->done_user = user;
    uv_timer_start(&s->wait, on_wait_over, s->open && grace_ms > 0 ? (uint64_t)grace_ms : 0, 0);
}

static const struct wr_source_impl impl = {
    .name = "kafka",
    .want = kafka_want,
    .acknowledge = kafka_acknowledge,
    .settled = kafka_settled,
    .pace = kafka_pace,
    .close = kafka_close,
};

// ---- open

wr_err wr_kafka_source_check(const struct wr_config *config, struct wr_fault *fault)
{
    struct wr_topic_map map;
    wr_err err = wr_topic_map_read(wr_str_of(config->kafka_topic_map), &map, fault);
    if (err) {
        wr_fault_prefix(fault, "kafka.topic_map");
    }
    return err ? err : wr_kafka_setup_check(config, fault);
}

static void on_error(rd_kafka_t *rk, int err, const char *why, void *user)
{
    struct kafka_source *s = user;
    static struct wr_log_limit limit;
    if (s->ended) {
        return;
    }
    wr_log_limited(&limit, WR_LOG_WARN, "kafka", "source: %s", why);
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && s->up && !s->closing) {
        s->up = false;
        s->base.events.state(s->base.events.user, &s->base, false, why);
    }
}

wr_err wr_kafka_source_open(uv_loop_t *loop, const struct wr_config *config,
                            struct wr_message_pool *pool, const struct wr_source_events *events,
                            struct wr_source **out, struct wr_fault *fault)
{
    wr_err err = wr_kafka_source_check(config, fault);
    if (err) {
        return err;
    }
    struct kafka_source *s = wr_zalloc(sizeof *s);
    s->base = (struct wr_source){.impl = &impl, .events = *events, .pool = pool};
    s->config = config;
    s->ack_received = strcmp(config->ack, "received") == 0;
    s->topic_header = wr_str_of(config->kafka_topic_header);
    wr_assert(wr_topic_map_read(wr_str_of(config->kafka_topic_map), &s->map, NULL) == WR_OK);
    const struct wr_kafka_setup setup = {.config = config,
                                         .rebalance = on_rebalance,
                                         .committed = on_committed,
                                         .error = on_error,
                                         .user = s};
    if (pipe2(s->pipe, O_NONBLOCK | O_CLOEXEC) != 0) {
        err = wr_fault_set(fault, WR_ERR_IO, "no pipe: %s", strerror(errno));
        free(s);
        return err;
    }
    err = wr_kafka_setup_consumer(&setup, &s->rk, fault);
    if (err) {
        free_source(s);
        return err;
    }
    s->queue = rd_kafka_queue_get_consumer(s->rk);
    rd_kafka_queue_io_event_enable(s->queue, s->pipe[1], "1", 1);
    uv_poll_init(loop, &s->wake, s->pipe[0]);
    uv_timer_init(loop, &s->tick);
    uv_timer_init(loop, &s->again);
    uv_timer_init(loop, &s->wait);
    s->wake.data = s->tick.data = s->again.data = s->wait.data = s->work.data = s;
    s->open_handles = 4;
    uv_poll_start(&s->wake, UV_READABLE, on_wake);
    uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
    *out = &s->base;
    return WR_OK;
}

void wr_kafka_source_stats(const struct wr_source *source, struct wr_kafka_stats *out)
{
    const struct kafka_source *s = (const struct kafka_source *)source;
    *out = s->stats;
    for (const struct partition *p = s->partitions; p; p = p->next) {
        out->uncommitted += p->frontier.committable > p->committed;
    }
}
