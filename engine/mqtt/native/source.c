// The MQTT source on our own client: messages in batches, where they were read; acknowledgements
// one by one as they are settled, in the order of arrival.
//
// Nothing is held: while messages are unsettled reading goes on, up to the broker's window
// (mqtt.receive_maximum), and so do pings. What keeps the flow from taking more stops the reading,
// and TCP and the broker's window do the rest. After a lost connection weir connects again once the
// messages that were handed out are settled; what the broker then delivers a second time is
// recognised by packet identifier and content.
#include <stdlib.h>

#include "engine/flow/spill.h"
#include "engine/mqtt/known.h"
#include "engine/mqtt/native/conn.h"
#include "engine/mqtt/native/window.h"
#include "engine/mqtt/setup.h"
#include "engine/mqtt/source_parts.h"

#include "sql/base/banned.h"

// Bytes of segments that messages may keep; beyond it small messages are copied, so that a few slow
// ones do not keep all that was read around them.
#define LEND_MAX (32u << 20)
// Bytes of segments over which nothing more is read: what is unsettled and large. It goes on at
// half of it.
#define HELD_MAX (256u << 20)

struct native_source {
    struct wr_mqtt_source common; // first
    struct wr_conn *conn;
    struct wr_segments segments;
    bool up, started, ack_received, batching;
    bool sated; // over HELD_MAX, and not down to half of it
    enum wr_pace pace;
    size_t batch_max, batch_count;
    struct wr_message *first, *last; // of the batch being read
    int64_t batch_ms;
    struct wr_window window;
    struct wr_known_list known; // of earlier connections: not to be handled again
    int64_t unknown;            // messages of this connection that were not among them
    size_t open;                // to be acknowledged and not settled, of all connections
    size_t live;                // messages handed out whose bytes are needed
    uv_timer_t grace;
    int open_handles;
    void (*done)(void *user);
    void *done_user;
};

// Which of a message's fields the source uses for what.
#define SEGMENT(m) ((struct wr_segment *)(m)->held[0])
#define SPILL(m)   ((struct wr_spill *)(m)->held[1])

static struct native_source *self_of(struct wr_source *source)
{
    return (struct native_source *)source;
}

// ---- acknowledging

static void update_pause(struct native_source *s)
{
    // MQTT 5 has a window; with 3.1.1 it is ours to keep.
    bool full = wr_window_count(&s->window) >= (size_t)s->common.config->mqtt_receive_maximum;
    bool limited = s->common.interest.session.v5;
    s->sated = s->segments.used > (s->sated ? HELD_MAX / 2 : HELD_MAX);
    wr_conn_pause(s->conn,
                  s->pace == WR_PACE_STOP || s->common.closing || s->sated || (full && !limited));
}

// What is done leaves, in order.
static void let_leave(struct native_source *s)
{
    struct wr_window_entry e;
    bool some = false;
    while (wr_window_pop(&s->window, &e)) {
        wr_conn_acknowledge(s->conn, (enum wr_packet_type)e.answer, e.mid);
        s->common.stats.acknowledged++;
        some = true;
    }
    if (some && !s->batching) {
        update_pause(s);
    }
}

static enum wr_packet_type answer_to(uint8_t qos)
{
    return qos == 2 ? WR_PACKET_PUBREC : WR_PACKET_PUBACK;
}

// A message that is not handed out is done at once.
static void done_already(struct native_source *s, const struct wr_publication *p, bool known,
                         uint64_t content)
{
    if (p->qos == 0) {
        return;
    }
    uint64_t number = wr_window_add(&s->window, p->mid, answer_to(p->qos));
    if (known) {
        wr_window_done_known(&s->window, number, content);
    } else {
        wr_window_done(&s->window, number);
    }
    let_leave(s);
}

// Whether this is a second delivery of a message that is settled. Its acknowledgement never left,
// so its packet identifier is not free for another one. The broker sends those that it is waiting
// for first (MQTT 5, 4.4), at most mqtt.receive_maximum, and among them may be some that are not
// known: acknowledgements that left and did not arrive.
static bool is_known(struct native_source *s, const struct wr_publication *p)
{
    uint64_t content = wr_known_hash(p->topic, p->payload);
    if (wr_known_take(&s->known, p->mid, content)) {
        done_already(s, p, true, content);
        return true;
    }
    if (++s->unknown >= s->common.config->mqtt_receive_maximum) {
        s->known.count = 0;
    }
    return false;
}

// ---- messages

static void fill_properties(struct wr_message *m, const struct wr_conn_message *from, bool lend,
                            struct wr_spill **spill)
{
    const struct wr_properties *q = &from->p.properties;
    struct {
        enum wr_property which;
        wr_str *to;
    } texts[] = {{WR_PROPERTY_CONTENT_TYPE, &m->sql.content_type},
                 {WR_PROPERTY_RESPONSE_TOPIC, &m->sql.response_topic},
                 {WR_PROPERTY_CORRELATION_DATA, &m->sql.correlation_data}};
    for (size_t i = 0; i < WR_COUNT(texts); i++) {
        wr_str text = wr_properties_text(q, texts[i].which);
        if (text.at) {
            *texts[i].to = lend ? text : wr_spill_keep(m, text.at, text.len, spill);
        }
    }
    if (wr_properties_has(q, WR_PROPERTY_FORMAT)) {
        m->sql.format_indicator = (int)q->value[WR_PROPERTY_FORMAT].number;
    }
    if (q->user_count == 0) {
        return;
    }
    struct wr_user_property *list = wr_spill_room(m, q->user_count * sizeof *list, spill);
    m->sql.user_properties = list;
    wr_str key, value;
    for (size_t at = 0; wr_properties_user(q, &at, &key, &value);) {
        if (wr_str_eq(key,
                      WR_STR(WR_HOPS_PROPERTY))) { // ours is taken out, others keep their order
            m->hops = wr_message_hops(value);
            continue;
        }
        list[m->sql.user_property_count++] =
            (struct wr_user_property){lend ? key : wr_spill_keep(m, key.at, key.len, spill),
                                      lend ? value : wr_spill_keep(m, value.at, value.len, spill)};
    }
}

// The bytes stay in the segment, or are copied.
static inline void fill(struct native_source *s, struct wr_message *m,
                        const struct wr_conn_message *from)
{
    struct wr_segment *g = from->segment;
    struct wr_spill *spill = NULL;
    bool lend = s->segments.used < LEND_MAX || g->cap > WR_SEGMENT_SIZE;
    if (WR_LIKELY(lend)) {
        wr_segment_lock(g);
        m->held[0] = g;
        m->sql.payload = from->p.payload;
    } else {
        m->held[0] = NULL;
        m->sql.payload = wr_spill_keep(m, from->p.payload.at, from->p.payload.len, &spill);
    }
    m->sql.topic = WR_LIKELY(lend && !from->topic_apart)
                       ? from->p.topic
                       : wr_spill_keep(m, from->p.topic.at, from->p.topic.len, &spill);
    if (!from->p.plain) {
        fill_properties(m, from, lend, &spill);
    }
    m->held[1] = spill;
}

static void hand_over(struct native_source *s)
{
    struct wr_message *batch = s->first;
    size_t count = s->batch_count;
    if (count == 0) {
        return;
    }
    s->first = s->last = NULL;
    s->batch_count = 0;
    wr_interest_heard(&s->common.interest);
    s->batching = true;
    s->common.base.events.batch(s->common.base.events.user, &s->common.base, batch, count);
    s->batching = false;
    update_pause(s);
}

static void on_message(void *user, const struct wr_conn_message *from)
{
    struct native_source *s = user;
    const struct wr_publication *p = &from->p;
    s->common.stats.received++;
    if (WR_UNLIKELY(p->retain)) {
        wr_mqtt_source_drop_retained(&s->common, p->topic);
        done_already(s, p, false, 0);
        return;
    }
    if (WR_UNLIKELY(s->known.count && p->qos) && is_known(s, p)) {
        s->common.stats.duplicates_dropped++;
        return;
    }
    if (!wr_interest_take(&s->common.interest, p->topic, p->properties.ids,
                          p->properties.id_count)) {
        s->common.stats.duplicates_dropped++;
        done_already(s, p, false, 0);
        return;
    }
    if (s->batch_count == 0) {
        s->batch_ms = wr_wall_ms();
    }
    struct wr_message *m = wr_message_new(s->common.base.pool);
    fill(s, m, from);
    wr_mqtt_source_mark(&s->common, m, s->batch_ms);
    m->sql.timestamp_ms = s->batch_ms;
    m->sql.over_mqtt = true;
    m->qos = p->qos;
    m->source = &s->common.base;
    if (p->qos) {
        uint64_t number = wr_window_add(&s->window, p->mid, answer_to(p->qos));
        if (s->ack_received) {
            wr_window_done(&s->window, number);
            let_leave(s);
        } else {
            bool expires = !p->plain && wr_properties_has(&p->properties, WR_PROPERTY_EXPIRY);
            m->token = number << 17 | (uint64_t)p->mid << 1 | expires;
            s->open++;
            if (s->common.base.events.acknowledging && !expires) {
                m->mid = p->mid;
                m->dup = p->dup;
            }
        }
    }
    s->live++;
    *(s->last ? &s->last->next : &s->first) = m;
    s->last = m;
    if (++s->batch_count == s->batch_max) {
        hand_over(s);
    }
}

static void on_drained(void *user)
{
    hand_over(user);
}

static bool on_acknowledging(void *user)
{
    const struct native_source *s = user;
    const struct wr_source_events *events = &s->common.base.events;
    return !events->acknowledging || events->acknowledging(events->user, user);
}

static void native_want(struct wr_source *self, const wr_str *filters, size_t count)
{
    struct native_source *s = self_of(self);
    s->started = true;
    wr_interest_want(&s->common.interest, filters, count);
    wr_conn_kick(s->conn); // without effect when there is a connection
}

static void native_pace(struct wr_source *self, enum wr_pace pace)
{
    struct native_source *s = self_of(self);
    s->pace = pace;
    if (s->batching || s->common.closing) {
        return;
    }
    update_pause(s);
    if (!s->up) {
        wr_conn_kick(s->conn); // it may have waited for this
    }
}

static void end(struct native_source *s);
static void on_grace(uv_timer_t *timer);

static void native_acknowledge(struct wr_source *self, struct wr_message *m)
{
    struct native_source *s = self_of(self);
    if (m->token == 0 || !s->conn) { // nothing to acknowledge, or too late
        return;
    }
    uint64_t number = m->token >> 17;
    uint16_t mid = (uint16_t)(m->token >> 1);
    bool expires = m->token & 1;
    m->token = 0;
    s->open--;
    if (!wr_window_has(&s->window, number)) { // its connection is gone
        // One that expires could be gone at the broker and its identifier in use for another.
        if (!expires && !s->common.closing) {
            wr_known_add(&s->known, mid, wr_known_hash(m->sql.topic, m->sql.payload));
        }
        wr_conn_kick(s->conn);
    } else if (WR_LIKELY(wr_window_is_first(&s->window, number))) {
        wr_window_done(&s->window, number);
        let_leave(s);
    } else if (expires) {
        wr_window_done(&s->window, number);
    } else {
        wr_window_done_known(&s->window, number, wr_known_hash(m->sql.topic, m->sql.payload));
    }
    if (s->common.closing && s->open == 0) {
        uv_timer_start(&s->grace, on_grace, 0, 0);
    }
}

static void native_settled(struct wr_source *self, struct wr_message *m)
{
    struct native_source *s = self_of(self);
    if (WR_LIKELY(SEGMENT(m))) {
        wr_segment_unlock(SEGMENT(m));
    }
    if (WR_UNLIKELY(SPILL(m))) {
        wr_spill_free(SPILL(m)); // the content goes
    }
    s->live--;
    if (WR_UNLIKELY(s->sated) && s->conn && !s->batching) {
        update_pause(s);
    }
    if (s->common.closing && !s->conn) {
        end(s);
    }
}

// ---- the connection

static bool may_connect(void *user)
{
    const struct native_source *s = user;
    return s->started && s->open == 0 && s->pace != WR_PACE_STOP && !s->common.closing;
}

static void on_up(void *user, const struct wr_client_session *session)
{
    struct native_source *s = user;
    s->up = true;
    s->unknown = 0;
    if (!session->present) {
        s->known.count = 0;
    }
    struct wr_subscriber link = wr_conn_subscriber(s->conn);
    wr_mqtt_source_up(&s->common, session, &link);
}

static void on_down(void *user, const char *why)
{
    struct native_source *s = user;
    s->up = false;
    wr_window_end(&s->window, &s->known);
    wr_mqtt_source_down(&s->common, why);
}

static void on_failed(void *user, const char *why)
{
    wr_mqtt_source_tell(user, false, why);
}

static void on_subscribed(void *user, int mid, int granted)
{
    wr_mqtt_source_subscribed(user, mid, granted);
}

static void on_unsubscribed(void *user, int mid)
{
    struct native_source *s = user;
    wr_interest_unsubscribed(&s->common.interest, mid);
}

static void on_tick(void *user)
{
    struct native_source *s = user;
    wr_interest_tick(&s->common.interest);
}

static const struct wr_conn_events conn_events = {
    .up = on_up,
    .down = on_down,
    .failed = on_failed,
    .may_connect = may_connect,
    .message = on_message,
    .drained = on_drained,
    .acknowledging = on_acknowledging,
    .subscribed = on_subscribed,
    .unsubscribed = on_unsubscribed,
    .tick = on_tick,
};

// ---- close

// Free, once nothing refers to the source any more; messages that are never settled before it do.
static void end(struct native_source *s)
{
    if (s->open_handles > 0 || s->conn) {
        return;
    }
    if (s->done) {
        void (*done)(void *) = s->done;
        s->done = NULL;
        s->live++; // not under our feet
        done(s->done_user);
        s->live--;
    }
    if (s->live == 0) {
        wr_window_release(&s->window);
        wr_known_release(&s->known);
        wr_segments_release(&s->segments);
        free(s);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct native_source *s = handle->data;
    s->open_handles--;
    end(s);
}

static void on_conn_closed(void *user)
{
    struct native_source *s = user;
    s->conn = NULL;
    // Now another process may have the session.
    wr_interest_close(&s->common.interest, on_handle_closed, s);
}

// All is settled, or the grace is over: what is settled is acknowledged, and nothing else.
static void on_grace(uv_timer_t *timer)
{
    struct native_source *s = timer->data;
    if (uv_is_closing((uv_handle_t *)timer)) {
        return;
    }
    uv_close((uv_handle_t *)&s->grace, on_handle_closed);
    wr_conn_close(s->conn, on_conn_closed, s);
}

static void native_close(struct wr_source *self, int grace_ms, void (*done)(void *user), void *user)
{
    struct native_source *s = self_of(self);
    wr_assert(!s->common.closing);
    s->common.closing = true;
    s->done = done;
    s->done_user = user;
    update_pause(s); // nothing more is read
    uv_timer_start(&s->grace, on_grace, s->open && grace_ms > 0 ? (uint64_t)grace_ms : 0, 0);
}

static const struct wr_source_impl impl = {
    .name = "mqtt",
    .want = native_want,
    .acknowledge = native_acknowledge,
    .settled = native_settled,
    .pace = native_pace,
    .close = native_close,
};

static void count(const struct wr_mqtt_source *common, struct wr_mqtt_stats *out)
{
    const struct native_source *s = (const struct native_source *)common;
    out->open = s->open;
    out->connects = s->conn ? wr_conn_connects(s->conn) : 0;
}

wr_err wr_native_source_open(uv_loop_t *loop, const struct wr_config *config,
                             struct wr_message_pool *pool, const struct wr_source_events *events,
                             struct wr_source **out, struct wr_fault *fault)
{
    struct native_source *s = wr_zalloc(sizeof *s);
    s->common.base = (struct wr_source){.impl = &impl, .events = *events, .pool = pool};
    s->common.config = config;
    s->common.count = count;
    s->ack_received = wr_str_eq(wr_str_of(config->ack), WR_STR("received"));
    s->batch_max = (size_t)config->mqtt_batch;
    wr_err err = wr_interest_open(&s->common.interest, loop, config, fault);
    if (err) {
        free(s);
        return err;
    }
    uv_timer_init(loop, &s->grace);
    s->grace.data = s;
    s->open_handles = 2;
    const struct wr_conn_options options = {.name = wr_mqtt_source_name(config),
                                            .client_id = s->common.interest.state.client_id};
    s->conn = wr_conn_new(loop, config, &options, &s->segments, &conn_events, s);
    *out = &s->common.base;
    return WR_OK;
}
