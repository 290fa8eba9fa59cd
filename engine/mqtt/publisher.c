// A connection that publishes: for republish, one to each broker, and for `weir replay`. On the
// source's own, every packet would wait behind held acknowledgements.
//
//   publish() ─► waiting ─ window, rate ─► sent ─ PUBACK, written ─► answers ─► done()
//                   ▲                       │
//                   └─── connection lost ───┘   (with `keep`: in their order, before the rest)
//
// With `keep` a publication is answered only when the broker has it or refuses it; while there is
// no connection it waits. So what goes to one broker leaves in the order in which it came, over
// reconnections too: what was under way is sent again first.
//
// On our own client (native/conn.h), or on libmosquitto: with `source: libmosquitto`, and without
// `keep`, since that copies what there is no room for yet.
#include "engine/mqtt/mqtt.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/mqtt/arrive.h"
#include "engine/mqtt/client.h"
#include "engine/mqtt/native/conn.h"
#include "engine/mqtt/outgoing.h"
#include "engine/mqtt/reason.h"
#include "engine/mqtt/setup.h"
#include "engine/observe/log.h"
#include "sinks/lib/aws_publish.h"

#include "sql/base/banned.h"

#define MIDS          65536
#define UNDER_WAY_MAX 20000 // publications without `keep`. Well below MIDS
#define READ_BATCH    1000  // PUBACKs read at a time
#define THROTTLED_MS  1000  // pause after "quota exceeded"; AWS counts by the second
#define STRIKES_MAX   8     // see `alone`
#define RATE_LOOK_MS  10    // how often a limited rate is looked at
// Bytes that our own client may have unwritten, over which publications wait as they are.
#define UNWRITTEN_MAX (1u << 20)

struct item {
    struct wr_publish pub;
    struct item *next, *before;
    struct item *next_plain; // QoS 0, sent and not written
    int mid;                 // when it is sent
    int strikes;
    wr_err err;
    const char *why; // static
};

struct queue {
    struct item *first, *last;
    size_t count;
};

struct wr_publisher {
    uv_loop_t *loop;
    struct wr_client *client; // NULL: `conn` is it
    struct wr_conn *conn;
    struct wr_segments segments; // conn's
    struct wr_publisher_options options;
    struct wr_publisher_watch watch;
    bool v5, up, closing, given_back, properties_said;
    // A broker may end the connection over one publication (AWS does when a policy forbids it), and
    // that must not hold up all others for ever. After a connection that ended without an
    // acknowledgement the first goes alone, until one comes; what was alone on STRIKES_MAX
    // connections that ended is given up.
    bool alone, acknowledged;
    struct queue waiting, sent, answers;
    size_t unacknowledged;            // of QoS 1 in `sent`
    struct item *plain, **plain_last; // of `sent`: QoS 0 that our own client has not written
    struct item *spare;
    struct item **by_mid; // [MIDS]
    double allowance;     // publications that the rate leaves now
    uint64_t allowed_at;  // of uv_now()
    uv_timer_t pause;
    uv_idle_t answering;
    int open_handles; // ours, and the client
    struct wr_publisher_stats stats;
    struct wr_outgoing outgoing;
    void (*done)(void *user);
    void *done_user;
};

static void pump(struct wr_publisher *p);

// ---- queues

static void put(struct queue *q, struct item *i)
{
    i->next = NULL;
    i->before = q->last;
    *(q->last ? &q->last->next : &q->first) = i;
    q->last = i;
    q->count++;
}

static void put_first(struct queue *q, struct item *i)
{
    i->before = NULL;
    i->next = q->first;
    *(q->first ? &q->first->before : &q->last) = i;
    q->first = i;
    q->count++;
}

static void take(struct queue *q, struct item *i)
{
    *(i->before ? &i->before->next : &q->first) = i->next;
    *(i->next ? &i->next->before : &q->last) = i->before;
    q->count--;
}

static struct item *new_item(struct wr_publisher *p, const struct wr_publish *pub)
{
    struct item *i = p->spare;
    if (i) {
        p->spare = i->next;
    } else {
        i = wr_alloc(sizeof *i);
    }
    *i = (struct item){.pub = *pub};
    return i;
}

static void free_item(struct wr_publisher *p, struct item *i)
{
    i->next = p->spare;
    p->spare = i;
}

// ---- answers: callers are never called from inside libmosquitto

static void on_answering(uv_idle_t *handle)
{
    struct wr_publisher *p = handle->data;
    uv_idle_stop(handle);
    struct queue answers = p->answers; // callbacks may publish and so add new ones
    p->answers = (struct queue){0};
    for (struct item *i = answers.first, *next; i; i = next) {
        next = i->next;
        struct item it = *i;
        free_item(p, i);
        it.pub.done(it.pub.user, it.err, it.why);
    }
    pump(p);
}

// `i` is in no queue.
static void answer(struct wr_publisher *p, struct item *i, wr_err err, const char *why)
{
    i->err = err;
    i->why = why;
    put(&p->answers, i);
    uv_idle_start(&p->answering, on_answering);
}

static void unsend(struct wr_publisher *p, struct item *i)
{
    take(&p->sent, i);
    p->unacknowledged -= i->pub.qos > 0;
    p->by_mid[i->mid] = NULL;
    i->mid = 0;
}

static void answer_all(struct wr_publisher *p, struct queue *q, wr_err err, const char *why)
{
    for (struct item *i; (i = q->first);) {
        if (q == &p->sent) {
            unsend(p, i);
        } else {
            take(q, i);
        }
        answer(p, i, err, why);
    }
    if (q == &p->sent) {
        p->plain = NULL;
    }
}

static void pause_sending(struct wr_publisher *p, uint64_t ms);

WR_COLD static void throttled(struct wr_publisher *p, struct item *i)
{
    static struct wr_log_limit limit;
    p->stats.throttled++;
    put_first(&p->waiting, i);
    pause_sending(p, THROTTLED_MS);
    wr_log_limited(&limit, WR_LOG_WARN, "mqtt",
                   "%s: the broker says that a quota is exceeded; it gets nothing for %d ms "
                   "(rate and window limit what it gets)",
                   p->options.name, THROTTLED_MS);
}

static void on_published(void *user, int mid, int reason)
{
    struct wr_publisher *p = user;
    struct item *i = p->by_mid[mid & (MIDS - 1)];
    if (!i) {
        return;
    }
    unsend(p, i);
    p->acknowledged = true;
    p->alone = false;
    if (reason < 128) {
        p->stats.published++;
        answer(p, i, WR_OK, NULL);
        return;
    }
    if (reason == MQTT_RC_QUOTA_EXCEEDED && p->options.keep && !p->given_back) {
        throttled(p, i);
        return;
    }
    bool later = reason == MQTT_RC_QUOTA_EXCEEDED || reason == MQTT_RC_UNSPECIFIED ||
                 reason == MQTT_RC_IMPLEMENTATION_SPECIFIC;
    p->stats.refused += !later;
    answer(p, i,
           later                              ? WR_ERR_BUSY
           : reason == MQTT_RC_NOT_AUTHORIZED ? WR_ERR_DENIED
                                              : WR_ERR_FAILED,
           wr_reason_ack(true, reason));
}

// Our own client has written all that was sent: those of QoS 0 are done.
static void on_written(void *user)
{
    struct wr_publisher *p = user;
    for (struct item *i = p->plain, *next; i; i = next) {
        next = i->next_plain;
        unsend(p, i);
        p->acknowledged = true;
        p->alone = false;
        p->stats.published++;
        answer(p, i, WR_OK, NULL);
    }
    p->plain = NULL;
    pump(p);
}

// ---- the connection

static void on_up(void *user, const struct wr_client_session *session)
{
    struct wr_publisher *p = user;
    p->up = true;
    p->acknowledged = false;
    p->stats.connects++;
    p->stats.why[0] = '\0';
    if (p->waiting.count) {
        wr_log(WR_LOG_INFO, "mqtt", "%s: connected, %zu publications wait", p->options.name,
               p->waiting.count);
    } else {
        wr_log(WR_LOG_INFO, "mqtt", "%s: connected", p->options.name);
    }
    if (p->watch.up) {
        p->watch.up(p->watch.user);
    }
    pump(p);
}

static void note_why(struct wr_publisher *p, const char *why)
{
    snprintf(p->stats.why, sizeof p->stats.why, "%s", why);
}

// `i` was alone on a connection that ended. True: it is given up.
static bool strike(struct wr_publisher *p, struct item *i)
{
    if (++i->strikes < STRIKES_MAX) {
        return false;
    }
    unsend(p, i);
    p->alone = false;
    p->stats.refused++;
    wr_log(WR_LOG_WARN, "mqtt", "%s: the connection ended %d times over one publication, to %.*s",
           p->options.name, STRIKES_MAX, WR_STR_ARG(i->pub.topic));
    answer(p, i, WR_ERR_FAILED,
           "the connection ended each time it was sent: the broker may not take this topic or "
           "payload from us");
    return true;
}

static void send_again(struct wr_publisher *p)
{
    if (p->acknowledged || !p->sent.count) {
        // nothing is suspected
    } else if (p->alone && p->sent.count == 1 && strike(p, p->sent.first)) {
        return;
    } else {
        p->alone = true;
    }
    p->plain = NULL;
    for (struct item *i; (i = p->sent.last);) { // in their order, before what waits
        unsend(p, i);
        p->stats.repeated++;
        put_first(&p->waiting, i);
    }
}

static void on_down(void *user, const char *why)
{
    struct wr_publisher *p = user;
    p->up = false;
    note_why(p, why);
    if (p->options.keep && !p->given_back) {
        send_again(p);
    } else {
        answer_all(p, &p->sent, WR_ERR_BUSY, "the connection to the broker was lost");
    }
    if (p->watch.down) {
        p->watch.down(p->watch.user, why);
    }
}

static void on_failed(void *user, const char *why)
{
    struct wr_publisher *p = user;
    note_why(p, why);
    if (p->watch.failed) {
        p->watch.failed(p->watch.user, why);
    }
}

static void on_drained(void *user)
{
}

static const struct wr_client_events client_events = {
    .up = on_up,
    .down = on_down,
    .failed = on_failed,
    .drained = on_drained,
    .published = on_published,
};

static const struct wr_conn_events conn_events = {
    .up = on_up,
    .down = on_down,
    .failed = on_failed,
    .published = on_published,
    .written = on_written,
};

// ---- publish

static bool is_usable(const struct wr_publisher *p)
{
    return p->conn ? wr_conn_usable(p->conn) : wr_client_mosquitto(p->client) != NULL;
}

static void drop_properties(struct wr_publisher *p)
{
    if (!p->properties_said) {
        p->properties_said = true;
        wr_log(WR_LOG_WARN, "mqtt",
               "%s: MQTT 3.1.1 has no properties: headers of republished messages are left "
               "out (version: \"5\" keeps them)",
               p->options.name);
    }
}

static void on_pause(uv_timer_t *timer)
{
    pump(timer->data);
}

static void pause_sending(struct wr_publisher *p, uint64_t ms)
{
    uv_timer_start(&p->pause, on_pause, ms, 0);
}

// Whether one more may go now by the rate.
static bool rate_allows(struct wr_publisher *p)
{
    double rate = p->options.rate;
    if (rate <= 0) {
        return true;
    }
    uint64_t now = uv_now(p->loop);
    // A tenth of a second's worth at once, at least one.
    double most = rate > 10 ? rate / 10 : 1;
    p->allowance += (double)(now - p->allowed_at) * rate / 1000;
    p->allowance = p->allowance > most ? most : p->allowance;
    p->allowed_at = now;
    if (p->allowance < 1) {
        double wait = (1 - p->allowance) * 1000 / rate;
        pause_sending(p, wait > RATE_LOOK_MS ? (uint64_t)wait + 1 : RATE_LOOK_MS);
        return false;
    }
    p->allowance -= 1;
    return true;
}

static void sent(struct wr_publisher *p, struct item *i, int mid)
{
    i->mid = mid & (MIDS - 1);
    wr_assert(!p->by_mid[i->mid]); // `sent` is far below the identifiers there are
    p->by_mid[i->mid] = i->mid ? i : NULL;
    p->unacknowledged += i->pub.qos > 0;
    put(&p->sent, i);
}

// To our own client, which has room.
static void send_native(struct wr_publisher *p, struct item *i)
{
    int mid = 0;
    const char *trouble = wr_conn_publish(p->conn, &i->pub, &mid);
    take(&p->waiting, i);
    if (trouble) {
        p->stats.refused++;
        answer(p, i, WR_ERR_FAILED, trouble);
        return;
    }
    sent(p, i, mid);
    if (!mid) {
        i->next_plain = NULL;
        *(p->plain ? p->plain_last : &p->plain) = i;
        p->plain_last = &i->next_plain;
    }
}

// False: it must wait.
static bool send_mosquitto(struct wr_publisher *p, struct item *i)
{
    struct mosquitto *m = wr_client_mosquitto(p->client);
    int mid = 0, rc = wr_outgoing_send(&p->outgoing, m, p->v5, &i->pub, &mid);
    bool later = rc == MOSQ_ERR_NO_CONN || rc == MOSQ_ERR_CONN_LOST || rc == MOSQ_ERR_ERRNO;
    if (later && p->options.keep) {
        return false; // the connection is about to be found dead
    }
    take(&p->waiting, i);
    if (rc) {
        p->stats.refused += !later;
        answer(p, i, later ? WR_ERR_BUSY : WR_ERR_FAILED, mosquitto_strerror(rc));
    } else {
        sent(p, i, mid);
    }
    return true;
}

// Hand the first of those that wait to the client. False: none can go now.
static bool send_first(struct wr_publisher *p)
{
    struct item *i = p->waiting.first;
    const char *trouble = p->options.aws_limits ? wr_aws_publish_trouble(&i->pub) : NULL;
    if (trouble) {
        take(&p->waiting, i);
        p->stats.refused++;
        answer(p, i, WR_ERR_FAILED, trouble);
        return true;
    }
    if (!rate_allows(p)) {
        return false;
    }
    if (!p->v5 && wr_outgoing_has_properties(&i->pub)) {
        drop_properties(p);
    }
    if (p->conn) {
        send_native(p, i);
        return true;
    }
    return send_mosquitto(p, i);
}

// libmosquitto keeps what the broker's window has no room for.
static bool has_room(const struct wr_publisher *p)
{
    return !p->conn ||
           (wr_conn_unwritten(p->conn) < UNWRITTEN_MAX &&
            (p->waiting.first->pub.qos == 0 || p->unacknowledged < wr_conn_send_maximum(p->conn)));
}

static void pump(struct wr_publisher *p)
{
    if (!p->up || p->closing || !is_usable(p) || uv_is_active((uv_handle_t *)&p->pause)) {
        return;
    }
    size_t before = p->sent.count, window = p->alone ? 1 : p->options.window;
    while (p->waiting.first && p->sent.count < window && has_room(p) && send_first(p)) {
    }
    if (p->client && p->sent.count > before) {
        wr_client_flush_soon(p->client);
    }
}

void wr_publisher_publish(struct wr_publisher *p, const struct wr_publish *pub)
{
    bool keep = p->options.keep && !p->given_back && !p->closing;
    if (!keep && (!p->up || p->closing || p->given_back || !is_usable(p))) {
        pub->done(pub->user, WR_ERR_BUSY, "not connected to the broker");
        return;
    }
    if (!keep && p->sent.count >= p->options.window) {
        pub->done(pub->user, WR_ERR_BUSY, "too many publications are under way");
        return;
    }
    struct item *i = new_item(p, pub);
    put(&p->waiting, i);
    pump(p);
    if (!keep && p->waiting.last == i) { // what it points to is not ours to keep
        take(&p->waiting, i);
        answer(p, i, WR_ERR_BUSY, "too many publications are under way");
    }
}

void wr_publisher_give_back(struct wr_publisher *p)
{
    p->given_back = true;
    answer_all(p, &p->sent, WR_ERR_BUSY, "weir is stopping");
    answer_all(p, &p->waiting, WR_ERR_BUSY, "weir is stopping");
}

void wr_publisher_stats(const struct wr_publisher *p, struct wr_publisher_stats *out)
{
    *out = p->stats;
    out->up = p->up;
    out->waiting = p->waiting.count;
    out->under_way = p->sent.count;
}

// ---- open and close

wr_err wr_publisher_open(uv_loop_t *loop, const struct wr_config *config,
                         const struct wr_publisher_options *options, struct wr_publisher **out,
                         struct wr_fault *fault)
{
    struct wr_mqtt_url url;
    wr_err err = wr_mqtt_setup_check(config, &url, fault);
    if (err) {
        return err;
    }
    struct wr_publisher *p = wr_zalloc(sizeof *p);
    p->loop = loop;
    p->options = *options;
    p->options.window = options->window ? options->window : UNDER_WAY_MAX;
    p->v5 = wr_mqtt_is_v5(config);
    p->by_mid = wr_zalloc(MIDS * sizeof(struct item *));
    p->allowed_at = uv_now(loop);
    uv_idle_init(loop, &p->answering);
    uv_timer_init(loop, &p->pause);
    p->answering.data = p->pause.data = p;
    p->open_handles = 3;
    if (wr_config_has_libmosquitto(config) || !options->keep) {
        const struct wr_client_options client = {.name = p->options.name,
                                                 .client_id = options->client_id,
                                                 .clean = true,
                                                 .batch = READ_BATCH,
                                                 .window = (int)options->window};
        p->client = wr_client_new(loop, config, &client, &client_events, p);
    } else {
        const struct wr_conn_options conn = {.name = p->options.name,
                                             .client_id = options->client_id,
                                             .clean = true,
                                             .window = (unsigned)options->window};
        p->conn = wr_conn_new(loop, config, &conn, &p->segments, &conn_events, p);
    }
    *out = p;
    return WR_OK;
}

void wr_publisher_watch(struct wr_publisher *p, const struct wr_publisher_watch *watch)
{
    p->watch = *watch;
}

static void finish(struct wr_publisher *p)
{
    if (--p->open_handles > 0) {
        return;
    }
    void (*done)(void *) = p->done;
    void *user = p->done_user;
    for (struct item *i = p->spare, *next; i; i = next) {
        next = i->next;
        free(i);
    }
    wr_outgoing_release(&p->outgoing);
    wr_segments_release(&p->segments);
    free(p->by_mid);
    free(p);
    done(user);
}

static void on_client_closed(void *user)
{
    finish(user);
}

static void on_handle_closed(uv_handle_t *handle)
{
    finish(handle->data);
}

void wr_publisher_close(struct wr_publisher *p, void (*done)(void *user), void *user)
{
    p->closing = true;
    p->watch = (struct wr_publisher_watch){0};
    p->done = done;
    p->done_user = user;
    wr_publisher_give_back(p);
    if (p->conn) { // both write what waits
        wr_conn_close(p->conn, on_client_closed, p);
    } else {
        wr_client_close(p->client, on_client_closed, p);
    }
    on_answering(&p->answering);
    uv_close((uv_handle_t *)&p->answering, on_handle_closed);
    uv_close((uv_handle_t *)&p->pause, on_handle_closed);
}
