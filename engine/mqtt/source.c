// The MQTT source: messages in batches, acknowledgements when all of a batch is settled,
// subscriptions as the rules want them.
//
// libmosquitto sends a batch's acknowledgements only together with all else that waits, so while
// messages of QoS 1 are unsettled nothing is read or written (wr_client_hold). While they wait for
// look-ups it goes on reading for a part of mqtt.hold_max, so that other messages may pass them.
// After mqtt.hold_max the connection is given up, the records handed out settle, and only then weir
// connects again; what the broker then delivers a second time is recognised by packet identifier
// and content.
#include "engine/mqtt/source_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/mqtt/arrive.h"
#include "engine/mqtt/client.h"
#include "engine/mqtt/interest.h"
#include "engine/mqtt/known.h"
#include "engine/mqtt/setup.h"
#include "engine/observe/log.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define READ_ON_PART 4 // of mqtt.hold_max: the rest is for what was read to be settled

// A message handed out.
struct slot {
    struct wr_message *m; // NULL: free
    struct wr_spill *spill;
    uint64_t connection; // its number; acknowledgements of earlier ones are gone
    uint16_t mid;        // 0: nothing to acknowledge
    bool expires;
    uint32_t next_free;
};

struct mqtt_source {
    struct wr_mqtt_source common; // first
    struct wr_client *client;
    bool up, started, ack_received;
    bool batching; // the flow has a batch in hand
    enum wr_pace pace;
    uint64_t held_ms;    // of uv_now(): since when messages are unsettled
    uint64_t connection; // number of the present one
    uv_timer_t hold, grace;
    int open_handles;

    struct wr_message *first, *last; // of the batch being read
    size_t batch_count;
    int64_t batch_ms;
    size_t unwritten; // acknowledgements in libmosquitto's queue
    struct slot *slots;
    uint32_t slot_count, free_slot; // free_slot: index + 1
    size_t open, spills;            // messages to be acknowledged and not settled; all spills
    struct wr_known_list settled;   // of this connection, while held
    struct wr_known_list known;     // of earlier ones: not to be handled again
    int64_t unknown;                // messages of this connection that were not among them
    void (*done)(void *user);
    void *done_user;
};

static struct mqtt_source *self_of(struct wr_source *source)
{
    return (struct mqtt_source *)source;
}

// ---- what is known

// Whether this is a second delivery of a message that is settled. Its acknowledgement never left,
// so its packet identifier is not free for another one. The broker sends those that it is waiting
// for first (MQTT 5, 4.4), at most mqtt.receive_maximum, and among them may be some that are not
// known: acknowledgements that left and did not arrive.
static bool is_known(struct mqtt_source *s, const struct mosquitto_message *from)
{
    if (s->known.count == 0 || from->qos == 0) {
        return false;
    }
    wr_str payload = {from->payload, (size_t)from->payloadlen};
    uint64_t content = wr_known_hash(wr_str_of(from->topic), payload);
    if (wr_known_take(&s->known, (uint16_t)from->mid, content)) {
        wr_known_add(&s->settled, (uint16_t)from->mid, content);
        return true;
    }
    if (++s->unknown >= s->common.config->mqtt_receive_maximum) {
        s->known.count = 0;
    }
    return false;
}

// The connection is gone: what was settled on it comes again.
static void carry_over(struct mqtt_source *s)
{
    for (size_t i = 0; i < s->settled.count; i++) {
        wr_known_add(&s->known, s->settled.at[i].mid, s->settled.at[i].content);
    }
    s->settled.count = 0;
}

// ---- slots

static uint32_t take_slot(struct mqtt_source *s)
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

static void give_slot(struct mqtt_source *s, uint32_t index)
{
    s->slots[index] = (struct slot){.next_free = s->free_slot};
    s->free_slot = index + 1;
}

// ---- subscriptions

static void on_subscribed(void *user, int mid, int granted)
{
    wr_mqtt_source_subscribed(user, mid, granted);
}

static void on_unsubscribed(void *user, int mid)
{
    struct mqtt_source *s = user;
    if (!s->common.closing) {
        wr_interest_unsubscribed(&s->common.interest, mid);
    }
}

static void mqtt_want(struct wr_source *self, const wr_str *filters, size_t count)
{
    struct mqtt_source *s = self_of(self);
    s->started = true;
    wr_interest_want(&s->common.interest, filters, count);
    wr_client_kick(s->client); // without effect when there is a connection
}

// ---- messages

static void on_message(void *user, const struct mosquitto_message *from,
                       const mosquitto_property *props)
{
    struct mqtt_source *s = user;
    struct wr_arrival arrival = {0};
    s->common.stats.received++;
    s->unwritten += from->qos > 0;
    if (props) {
        wr_arrive_look(props, &arrival);
    }
    if (from->retain) { // not a publication but what a new subscription is told
        wr_mqtt_source_drop_retained(&s->common, wr_str_of(from->topic));
        return;
    }
    if (is_known(s, from) || !wr_interest_take(&s->common.interest, wr_str_of(from->topic),
                                               arrival.ids, arrival.id_count)) {
        s->common.stats.duplicates_dropped++;
        return;
    }
    if (s->batch_count == 0) {
        s->batch_ms = wr_wall_ms();
    }
    struct wr_message *m = wr_message_new(s->common.base.pool);
    uint32_t index = take_slot(s);
    struct slot *slot = &s->slots[index];
    wr_arrive_fill(m, from, props, s->batch_ms, &slot->spill);
    wr_mqtt_source_mark(&s->common, m, s->batch_ms);
    slot->m = m;
    slot->connection = s->connection;
    slot->mid = from->qos > 0 && !s->ack_received ? (uint16_t)from->mid : 0;
    slot->expires = arrival.expires;
    if (s->common.base.events.acknowledging && !arrival.expires) {
        m->mid = slot->mid;
        m->dup = m->mid && wr_client_is_dup(s->client, from->mid);
    }
    s->open += slot->mid != 0;
    s->spills += slot->spill != NULL;
    m->source = &s->common.base;
    m->token = index;
    *(s->last ? &s->last->next : &s->first) = m;
    s->last = m;
    s->batch_count++;
}

static void on_hold_too_long(uv_timer_t *timer)
{
    struct mqtt_source *s = timer->data;
    char why[WR_CLIENT_WHY_MAX];
    s->common.stats.holds_broken++;
    if (s->open > 0) {
        snprintf(why, sizeof why,
                 "%zu messages are unsettled after %lld ms (mqtt.hold_max): disconnects without "
                 "acknowledging, the session stays; connects again when they are settled",
                 s->open, (long long)s->common.config->mqtt_hold_max_ms);
    } else {
        snprintf(why, sizeof why,
                 "nothing more can be taken for %lld ms (mqtt.hold_max): disconnects, the session "
                 "stays; connects again when there is room",
                 (long long)s->common.config->mqtt_hold_max_ms);
    }
    wr_client_drop(s->client, why);
}

// All that is read may be acknowledged from here on.
static void release(struct mqtt_source *s)
{
    const struct wr_source_events *events = &s->common.base.events;
    if (s->unwritten && events->acknowledging &&
        !events->acknowledging(events->user, &s->common.base)) {
        return; // held: weir ends
    }
    uv_timer_stop(&s->hold);
    s->common.stats.acknowledged += s->unwritten;
    s->unwritten = 0;
    s->settled.count = 0;
    wr_client_resume(s->client);
}

// Go on, or hold: after a batch, and whenever what decides it has changed.
static void go_on(struct mqtt_source *s)
{
    if (s->open == 0 && s->pace != WR_PACE_STOP) {
        release(s);
        return;
    }
    uv_loop_t *loop = s->hold.loop;
    uint64_t max = (uint64_t)s->common.config->mqtt_hold_max_ms;
    if (!uv_is_active((uv_handle_t *)&s->hold)) {
        uv_timer_start(&s->hold, on_hold_too_long, max, 0);
        s->held_ms = uv_now(loop);
    }
    bool reading = s->pace == WR_PACE_ON && uv_now(loop) - s->held_ms < max / READ_ON_PART;
    wr_client_hold(s->client, reading);
}

static void on_drained(void *user)
{
    struct mqtt_source *s = user;
    struct wr_message *batch = s->first;
    size_t count = s->batch_count;
    s->first = s->last = NULL;
    s->batch_count = 0;
    if (count) {
        wr_interest_heard(&s->common.interest);
        // Held before the flow sees it: whatever is settled inside must not count as the last.
        s->open++;
        s->batching = true;
        s->common.base.events.batch(s->common.base.events.user, &s->common.base, batch, count);
        s->batching = false;
        s->open--;
    }
    go_on(s);
}

static void mqtt_pace(struct wr_source *self, enum wr_pace pace)
{
    struct mqtt_source *s = self_of(self);
    s->pace = pace;
    if (s->batching || s->common.closing) {
        return;
    }
    if (!s->up) {
        wr_client_kick(s->client); // it may have waited for this
    } else if (pace == WR_PACE_STOP || wr_client_held(s->client)) {
        go_on(s);
    }
}

static void end(struct mqtt_source *s);
static void on_grace(uv_timer_t *timer);

static struct slot *slot_of(struct mqtt_source *s, const struct wr_message *m)
{
    wr_assert(m->token < s->slot_count && s->slots[m->token].m == m);
    return &s->slots[m->token];
}

static void mqtt_acknowledge(struct wr_source *self, struct wr_message *m)
{
    struct mqtt_source *s = self_of(self);
    struct slot *slot = slot_of(s, m);
    if (slot->mid == 0 || (s->common.closing && !s->client)) {
        return;
    }
    bool gone = slot->connection != s->connection || !s->up;
    // One that expires could be gone at the broker and its identifier in use for another.
    if (!slot->expires && !s->common.closing) {
        wr_known_add(gone ? &s->known : &s->settled, slot->mid,
                     wr_known_hash(m->sql.topic, m->sql.payload));
    }
    slot->mid = 0;
    if (--s->open > 0) {
        return;
    }
    if (s->common.closing) {
        uv_timer_start(&s->grace, on_grace, 0, 0);
    } else if (s->up) {
        go_on(s);
    } else {
        wr_client_kick(s->client);
    }
}

static void mqtt_settled(struct wr_source *self, struct wr_message *m)
{
    struct mqtt_source *s = self_of(self);
    struct slot slot = *slot_of(s, m);
    give_slot(s, (uint32_t)m->token);
    if (slot.spill) {
        wr_spill_free(slot.spill); // the content goes
        s->spills--;
    }
    if (s->common.closing && !s->client) { // only spills keep the source
        end(s);
    }
}

// ---- the connection

static bool may_connect(void *user)
{
    struct mqtt_source *s = user;
    return s->started && s->open == 0 && s->pace != WR_PACE_STOP && !s->common.closing;
}

static void on_up(void *user, const struct wr_client_session *session)
{
    struct mqtt_source *s = user;
    s->up = true;
    s->unknown = 0;
    if (!session->present) {
        s->known.count = 0;
    }
    struct wr_subscriber link = wr_client_subscriber(s->client);
    wr_mqtt_source_up(&s->common, session, &link);
}

static void on_down(void *user, const char *why)
{
    struct mqtt_source *s = user;
    s->up = false;
    s->connection++;
    s->unwritten = 0;
    uv_timer_stop(&s->hold);
    carry_over(s);
    wr_mqtt_source_down(&s->common, why);
}

static void on_failed(void *user, const char *why)
{
    wr_mqtt_source_tell(user, false, why);
}

static void on_tick(void *user)
{
    struct mqtt_source *s = user;
    if (!s->common.closing) {
        wr_interest_tick(&s->common.interest);
    }
}

static const struct wr_client_events client_events = {
    .up = on_up,
    .down = on_down,
    .failed = on_failed,
    .may_connect = may_connect,
    .message = on_message,
    .subscribed = on_subscribed,
    .unsubscribed = on_unsubscribed,
    .drained = on_drained,
    .tick = on_tick,
};

// ---- close

// Free, once nothing refers to the source any more.
static void end(struct mqtt_source *s)
{
    if (s->open_handles > 0 || s->client) {
        return;
    }
    if (s->done) {
        // Unsettled messages forget us, but for those whose bytes we hold.
        void (*done)(void *) = s->done;
        s->done = NULL;
        for (uint32_t i = 0; i < s->slot_count; i++) {
            if (s->slots[i].m && !s->slots[i].spill) {
                s->slots[i].m->source = NULL;
            }
        }
        done(s->done_user);
    }
    if (s->spills == 0) {
        wr_known_release(&s->settled);
        wr_known_release(&s->known);
        free(s->slots);
        free(s);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct mqtt_source *s = handle->data;
    s->open_handles--;
    end(s);
}

static void on_client_closed(void *user)
{
    struct mqtt_source *s = user;
    s->client = NULL;
    wr_interest_close(&s->common.interest, on_handle_closed,
                      s); // now another process may have the session
}

// All is settled, or the grace is over: then the connection is held, and closing it writes nothing.
static void on_grace(uv_timer_t *timer)
{
    struct mqtt_source *s = timer->data;
    if (uv_is_closing((uv_handle_t *)timer)) {
        return;
    }
    if (s->open == 0) {
        release(s);
    }
    uv_close((uv_handle_t *)&s->hold, on_handle_closed);
    uv_close((uv_handle_t *)&s->grace, on_handle_closed);
    wr_client_close(s->client, on_client_closed, s);
}

static void mqtt_close(struct wr_source *self, int grace_ms, void (*done)(void *user), void *user)
{
    struct mqtt_source *s = self_of(self);
    wr_assert(!s->common.closing);
    s->common.closing = true;
    s->done = done;
    s->done_user = user;
    wr_client_hold(s->client, false); // nothing more is read
    uv_timer_start(&s->grace, on_grace, s->open && grace_ms > 0 ? (uint64_t)grace_ms : 0, 0);
}

static const struct wr_source_impl impl = {
    .name = "mqtt",
    .want = mqtt_want,
    .acknowledge = mqtt_acknowledge,
    .settled = mqtt_settled,
    .pace = mqtt_pace,
    .close = mqtt_close,
};

// ---- open

static void count(const struct wr_mqtt_source *common, struct wr_mqtt_stats *out)
{
    const struct mqtt_source *s = (const struct mqtt_source *)common;
    out->open = s->open;
    out->connects = s->client ? wr_client_connects(s->client) : 0;
}

wr_err wr_mosquitto_source_open(uv_loop_t *loop, const struct wr_config *config,
                                struct wr_message_pool *pool, const struct wr_source_events *events,
                                struct wr_source **out, struct wr_fault *fault)
{
    struct mqtt_source *s = wr_zalloc(sizeof *s);
    s->common.base = (struct wr_source){.impl = &impl, .events = *events, .pool = pool};
    s->common.config = config;
    s->common.count = count;
    s->ack_received = wr_str_eq(wr_str_of(config->ack), WR_STR("received"));
    wr_err err = wr_interest_open(&s->common.interest, loop, config, fault);
    if (err) {
        free(s);
        return err;
    }
    uv_timer_init(loop, &s->hold);
    uv_timer_init(loop, &s->grace);
    s->hold.data = s->grace.data = s;
    s->open_handles = 3;
    struct wr_client_options options = {.name = wr_mqtt_source_name(config),
                                        .client_id = s->common.interest.state.client_id,
                                        .batch = (int)config->mqtt_batch};
    s->client = wr_client_new(loop, config, &options, &client_events, s);
    *out = &s->common.base;
    return WR_OK;
}
