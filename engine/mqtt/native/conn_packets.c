// What each packet of the broker does, and the packets that we ask with.
#include "engine/mqtt/native/conn_parts.h"

#include <stdio.h>

#include "sql/base/banned.h"

#define RECEIVE_MAXIMUM_DEFAULT 65535 // MQTT 5: without the property
#define WINDOW_311              20 // as many clients have it: brokers have limits, and no way to say so

bool wr_conn_refuse(struct wr_conn *w, const struct wr_packet *p,
                    const struct wr_packet_fault *fault)
{
    char cause[WR_OUTAGE_WHY_MAX];
    snprintf(cause, sizeof cause, "what the broker sent is not MQTT %s: %s (%s, byte %zu)",
             w->v5 ? "5" : "3.1.1", fault->what, p ? wr_packet_name(p->type) : "a packet's head",
             fault->offset);
    if (w->up) {
        if (w->events->drained) {
            w->events->drained(w->user); // what came before it is taken
        }
        wr_conn_say_goodbye(w, fault->reason);
    }
    wr_conn_fail(w, WR_OUTAGE_OTHER, 0, cause);
    return false;
}

static bool refuse(struct wr_conn *w, const struct wr_packet *p, enum wr_packet_reason reason,
                   const char *what)
{
    const struct wr_packet_fault fault = {.reason = reason, .what = what};
    return wr_conn_refuse(w, p, &fault);
}

// ---- PUBLISH

// A topic's number instead of it, or with it.
static bool resolve_alias(struct wr_conn *w, const struct wr_packet *p, struct wr_conn_message *m)
{
    uint32_t alias = m->p.properties.value[WR_PROPERTY_ALIAS].number;
    if (alias > WR_CONN_ALIASES) {
        return refuse(w, p, WR_REASON_ALIAS, "a topic alias over the maximum that we announced");
    }
    struct wr_buf *known = &w->aliases[alias];
    if (m->p.topic.len) {
        wr_buf_clear(known);
        wr_buf_add(known, m->p.topic);
        return true;
    }
    if (known->len == 0) {
        return refuse(w, p, WR_REASON_PROTOCOL, "a topic alias that was not given a topic");
    }
    m->p.topic = wr_buf_str(known);
    m->topic_apart = true;
    return true;
}

static inline bool take_publish(struct wr_conn *w, const struct wr_packet *p)
{
    struct wr_conn_message *m = &w->message;
    struct wr_packet_fault fault;
    if (WR_UNLIKELY(!wr_packet_read_publish(p, w->v5, &m->p, &fault))) {
        return wr_conn_refuse(w, p, &fault);
    }
    if (WR_UNLIKELY(!w->events->message)) {
        return refuse(w, p, WR_REASON_PROTOCOL, "a PUBLISH that nothing was subscribed to");
    }
    m->segment = w->segment;
    m->topic_apart = false;
    if (WR_UNLIKELY(wr_properties_has(&m->p.properties, WR_PROPERTY_ALIAS)) &&
        !resolve_alias(w, p, m)) {
        return false;
    }
    w->events->message(w->user, m);
    return true;
}

// ---- CONNACK

static bool take_connack(struct wr_conn *w, const struct wr_packet *p)
{
    struct wr_connack a;
    struct wr_packet_fault fault;
    if (!wr_packet_read_connack(p, w->v5, &a, &fault)) {
        return wr_conn_refuse(w, p, &fault);
    }
    if (w->up) {
        return refuse(w, p, WR_REASON_PROTOCOL, "a second CONNACK");
    }
    if (a.code) {
        w->link->refused = a.code;
        wr_conn_fail(w, WR_OUTAGE_CLOSED, 0, "");
        return false;
    }
    const struct wr_properties *q = &a.properties;
    const struct wr_client_session session = {
        .present = a.present,
        .v5 = w->v5,
        .ids = w->v5 && wr_properties_number(q, WR_PROPERTY_SUBSCRIPTION_IDS, 1),
        .shared = wr_properties_number(q, WR_PROPERTY_SHARED, 1)};
    w->keepalive_s = wr_properties_number(q, WR_PROPERTY_KEEPALIVE, w->keepalive_s);
    w->maximum_packet = wr_properties_number(q, WR_PROPERTY_MAXIMUM_PACKET, UINT32_MAX);
    w->send_maximum = w->v5       ? wr_properties_number(q, WR_PROPERTY_RECEIVE_MAXIMUM, UINT16_MAX)
                      : w->window ? w->window
                                  : WINDOW_311;
    w->takes_qos1 = wr_properties_number(q, WR_PROPERTY_MAXIMUM_QOS, 1);
    w->takes_retain = wr_properties_number(q, WR_PROPERTY_RETAIN, 1);
    w->up = true;
    w->connects++;
    w->up_since = wr_mono_now();
    wr_outage_over(&w->outages);
    uv_timer_stop(&w->delay); // the deadline
    w->events->up(w->user, &session);
    return true;
}

// ---- the others

static bool take_ack(struct wr_conn *w, const struct wr_packet *p)
{
    struct wr_packet_ack a;
    struct wr_packet_fault fault;
    if (!wr_packet_read_ack(p, w->v5, &a, &fault)) {
        return wr_conn_refuse(w, p, &fault);
    }
    if (p->type == WR_PACKET_PUBREL) { // the message was taken when it came
        char *to = wr_buf_reserve(&w->out, WR_PACKET_ACK_SIZE);
        wr_packet_put_ack(to, WR_PACKET_PUBCOMP, a.mid);
        w->out.len += WR_PACKET_ACK_SIZE;
        return true;
    }
    if (!wr_conn_mid_is_taken(w, a.mid)) {
        return refuse(w, p, WR_REASON_PROTOCOL, "an answer to what was not asked");
    }
    wr_conn_give_mid(w, a.mid);
    if (p->type == WR_PACKET_PUBACK) {
        if (!w->events->published) {
            return refuse(w, p, WR_REASON_PROTOCOL, "a PUBACK, though nothing is published here");
        }
        w->events->published(w->user, a.mid, a.code);
    } else if (p->type == WR_PACKET_SUBACK) {
        w->events->subscribed(w->user, a.mid, a.code);
    } else {
        if (a.code >= 0x80) {
            wr_log(WR_LOG_WARN, "mqtt", "%s: the broker does not unsubscribe a filter (code %u)",
                   w->name, a.code);
        }
        w->events->unsubscribed(w->user, a.mid);
    }
    return true;
}

static bool take_disconnect(struct wr_conn *w, const struct wr_packet *p)
{
    struct wr_goodbye g;
    struct wr_packet_fault fault;
    if (!wr_packet_read_disconnect(p, w->v5, &g, &fault)) {
        return wr_conn_refuse(w, p, &fault);
    }
    w->link->server_reason = g.code;
    wr_str reason = wr_properties_text(&g.properties, WR_PROPERTY_REASON);
    if (reason.len) {
        wr_log(WR_LOG_INFO, "mqtt", "%s: the broker says why: %.*s", w->name, WR_STR_ARG(reason));
    }
    wr_conn_fail(w, WR_OUTAGE_CLOSED, 0, "");
    return false;
}

bool wr_conn_take(struct wr_conn *w, const struct wr_packet *p)
{
    if (WR_LIKELY(p->type == WR_PACKET_PUBLISH && w->up)) {
        return take_publish(w, p);
    }
    if (!w->up && p->type != WR_PACKET_CONNACK) {
        return refuse(w, p, WR_REASON_PROTOCOL, "a packet before the CONNACK");
    }
    switch (p->type) {
    case WR_PACKET_CONNACK:
        return take_connack(w, p);
    case WR_PACKET_DISCONNECT:
        return take_disconnect(w, p);
    case WR_PACKET_PINGRESP: // that something came is all there is to know
        return true;
    default:
        return take_ack(w, p);
    }
}

// ---- what we ask

bool wr_conn_write_connect(struct wr_conn *w)
{
    const struct wr_config *c = w->config;
    struct wr_buf password = {0};
    struct wr_fault fault = {0};
    if (wr_mqtt_read_password(c, &password, &fault)) {
        wr_buf_release(&password);
        wr_conn_lose(w, fault.text);
        return false;
    }
    const struct wr_packet_connect packet = {
        .v5 = w->v5,
        .clean = w->clean,
        .client_id = wr_str_of(w->client_id),
        .username = *c->mqtt_username ? wr_str_of(c->mqtt_username) : (wr_str){NULL, 0},
        .password = password.len ? wr_buf_str(&password) : (wr_str){NULL, 0},
        .keepalive_s = (uint16_t)c->mqtt_keepalive_s,
        .session_expiry_s = w->clean ? 0 : (uint32_t)c->mqtt_session_expiry_s,
        .receive_maximum = c->mqtt_receive_maximum == RECEIVE_MAXIMUM_DEFAULT
                               ? 0
                               : (uint16_t)c->mqtt_receive_maximum,
        .alias_maximum = WR_CONN_ALIASES};
    wr_packet_write_connect(&packet, &w->out);
    if (password.len) {
        explicit_bzero(password.at, password.len);
    }
    wr_buf_release(&password);
    return true;
}

static bool is_usable(void *user)
{
    return wr_conn_usable(user);
}

bool wr_conn_mid_is_taken(const struct wr_conn *w, uint16_t mid)
{
    return w->mids[mid >> 6] >> (mid & 63) & 1;
}

void wr_conn_give_mid(struct wr_conn *w, uint16_t mid)
{
    w->mids[mid >> 6] &= ~(UINT64_C(1) << (mid & 63));
}

// Far fewer than there are identifiers are under way.
uint16_t wr_conn_take_mid(struct wr_conn *w)
{
    do {
        w->last_mid = w->last_mid == UINT16_MAX ? 1 : (uint16_t)(w->last_mid + 1);
    } while (wr_conn_mid_is_taken(w, w->last_mid));
    w->mids[w->last_mid >> 6] |= UINT64_C(1) << (w->last_mid & 63);
    return w->last_mid;
}

// What was appended since `before` is more than the broker takes, or the filter than MQTT does.
static bool too_large(struct wr_conn *w, size_t before, const char *what, wr_str filter)
{
    if (w->out.len - before <= w->maximum_packet) {
        return false;
    }
    wr_log(WR_LOG_ERROR, "mqtt", "%s: cannot %s '%.*s': the broker takes packets of %u bytes",
           w->name, what, WR_STR_ARG(filter), w->maximum_packet);
    w->out.len = before;
    wr_conn_give_mid(w, w->last_mid);
    return true;
}

static bool filter_fits(struct wr_conn *w, const char *what, wr_str filter)
{
    if (filter.len <= UINT16_MAX) {
        return true;
    }
    wr_log(WR_LOG_ERROR, "mqtt", "%s: cannot %s a filter of %zu bytes: MQTT has room for 65535",
           w->name, what, filter.len);
    return false;
}

static enum wr_asked subscribe(void *user, wr_str filter, uint32_t id, int *mid)
{
    struct wr_conn *w = user;
    size_t before = w->out.len;
    if (!filter_fits(w, "subscribe to", filter)) {
        return WR_ASKED_LATER;
    }
    uint16_t taken = wr_conn_take_mid(w);
    wr_packet_write_subscribe(w->v5, taken, filter, 1, id, &w->out);
    *mid = taken;
    return too_large(w, before, "subscribe to", filter) ? WR_ASKED_LATER : WR_ASKED_SENT;
}

static enum wr_asked unsubscribe(void *user, wr_str filter, int *mid)
{
    struct wr_conn *w = user;
    size_t before = w->out.len;
    if (!filter_fits(w, "unsubscribe from", filter)) {
        return WR_ASKED_LATER;
    }
    uint16_t taken = wr_conn_take_mid(w);
    wr_packet_write_unsubscribe(w->v5, taken, filter, &w->out);
    *mid = taken;
    return too_large(w, before, "unsubscribe from", filter) ? WR_ASKED_LATER : WR_ASKED_SENT;
}

static void flush_soon(void *user)
{
    wr_conn_flush_soon(user);
}

struct wr_subscriber wr_conn_subscriber(struct wr_conn *w)
{
    return (struct wr_subscriber){.subscribe = subscribe,
                                  .unsubscribe = unsubscribe,
                                  .usable = is_usable,
                                  .flush = flush_soon,
                                  .user = w};
}
