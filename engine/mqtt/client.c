// Drives libmosquitto on the loop: connect, read until drained, hold or flush, keepalive, back-off.
#include "engine/mqtt/client.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "engine/loop/backoff.h"
#include "engine/mqtt/linger.h"
#include "engine/mqtt/reason.h"
#include "engine/mqtt/setup.h"
#include "engine/observe/log.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define TICK_MS      1000
#define SETTLED_US   5000000 // up this long: the next failure starts the back-off anew
#define LINGER_MS    1000    // for the broker to read our last words
#define TLS_TEXT_MAX 256

// One connection attempt, and the connection if it succeeds. Outlives the client when the client is
// closed while the pool still connects.
struct link {
    struct wr_client *client; // NULL: abandoned
    struct mosquitto *m;
    uv_work_t work;
    uv_poll_t poll;
    bool polling; // poll is initialised
    bool working; // in the pool
    bool tls;
    bool late; // the deadline came while it was in the pool
    bool up;   // CONNACK, success
    bool v5;
    int port, keepalive_s;
    int64_t expiry_s;  // session expiry; 0: none
    int rc, error;     // of the connect
    int refused;       // CONNACK's code, 0 none
    int server_reason; // of the broker's DISCONNECT, 0 none
    struct wr_client_session session;
    bool fresh;  // `up` is to be told
    int dup_mid; // of the message that is about to come, if it is a second delivery; else 0
    char host[WR_MQTT_HOST_MAX + 1];
    char tls_text[TLS_TEXT_MAX]; // libmosquitto's last word on TLS
};

struct wr_client {
    uv_loop_t *loop;
    const struct wr_config *config;
    const struct wr_client_events *events;
    void *user;
    const char *name;
    char *client_id;
    bool clean, held, closing;
    bool reading; // although held
    bool waiting; // no link, for may_connect() or the back-off
    bool pumping; // on the stack: what follows is done when it returns
    int batch, window;
    struct wr_mqtt_url url;
    struct link *link;      // NULL: not connected
    uv_timer_t tick, delay; // delay: back-off or deadline
    uv_idle_t again;        // more to read, or something to write, at the next turn
    unsigned attempt;
    struct wr_jitter jitter;
    wr_mono up_since;
    struct wr_outage_log outages;
    uint64_t connects;
    int open_handles;
    void (*done)(void *user);
    void *done_user;
};

static void start_link(struct wr_client *c);
static void on_again(uv_idle_t *handle);

// ---- the end of a link

static void free_link(struct link *l)
{
    mosquitto_destroy(l->m);
    free(l);
}

static void finish_close(struct wr_client *c)
{
    if (c->open_handles > 0 || c->link) {
        return;
    }
    void (*done)(void *) = c->done;
    void *user = c->done_user;
    free(c->client_id);
    free(c);
    done(user);
}

static void on_delay(uv_timer_t *timer)
{
    struct wr_client *c = timer->data;
    if (!c->link) {
        wr_client_kick(c);
        return;
    }
    char why[WR_CLIENT_WHY_MAX];
    wr_outage_explain_late(c->config, &c->url, why);
    if (c->link->working) { // cannot be called back: its end is awaited
        c->link->late = true;
        wr_outage_say(&c->outages, c->name, why);
        if (c->events->failed) {
            c->events->failed(c->user, why);
        }
        return;
    }
    wr_client_drop(c, why);
}

static void wait_to_connect(struct wr_client *c, int64_t delay_ms)
{
    c->waiting = true;
    uv_timer_start(&c->delay, on_delay, (uint64_t)delay_ms, 0);
}

static void on_link_closed(uv_handle_t *handle)
{
    struct link *l = handle->data;
    struct wr_client *c = l->client;
    free_link(l);
    c->open_handles--;
    if (c->closing) {
        finish_close(c);
    } else if (!c->link) {
        wait_to_connect(c, c->attempt ? wr_backoff_ms(&c->jitter, c->config->mqtt_reconnect_min_ms,
                                                      c->config->mqtt_reconnect_max_ms, c->attempt)
                                      : 0);
    }
}

// The link goes; the socket is closed when the poll handle is, never before.
static void end_link(struct wr_client *c)
{
    struct link *l = c->link;
    c->link = NULL;
    c->held = false;
    uv_timer_stop(&c->delay);
    uv_idle_stop(&c->again);
    if (l->polling) {
        uv_poll_stop(&l->poll);
        uv_close((uv_handle_t *)&l->poll, on_link_closed);
        return;
    }
    free_link(l);
    if (!c->closing) {
        wait_to_connect(c, wr_backoff_ms(&c->jitter, c->config->mqtt_reconnect_min_ms,
                                         c->config->mqtt_reconnect_max_ms, c->attempt));
    }
}

static void lose(struct wr_client *c, const char *why, bool on_purpose)
{
    struct link *l = c->link;
    bool was_up = l->up;
    if (on_purpose || (l->up && wr_mono_since_us(c->up_since, wr_mono_now()) > SETTLED_US)) {
        c->attempt = 0;
    }
    c->attempt += !on_purpose;
    bool late = l->late; // was told before
    end_link(c);
    if (!late) {
        wr_outage_say(&c->outages, c->name, why);
    }
    if (was_up) {
        c->events->down(c->user, why);
    } else if (!late && c->events->failed) {
        c->events->failed(c->user, why);
    }
}

void wr_client_drop(struct wr_client *c, const char *why)
{
    if (c->link && !c->link->working) {
        lose(c, why, c->link->up);
    }
}

// What it means that libmosquitto gave `rc`.
static enum wr_outage_kind kind_of(int rc)
{
    switch (rc) {
    case MOSQ_ERR_CONN_LOST:
    case MOSQ_ERR_NO_CONN:
        return WR_OUTAGE_CLOSED;
    case MOSQ_ERR_ERRNO:
        return WR_OUTAGE_ERRNO;
    case MOSQ_ERR_EAI:
        return WR_OUTAGE_HOST;
    case MOSQ_ERR_KEEPALIVE:
        return WR_OUTAGE_SILENT;
    default:
        return WR_OUTAGE_OTHER;
    }
}

static void fail(struct wr_client *c, int rc, int error)
{
    char why[WR_CLIENT_WHY_MAX];
    const struct link *l = c->link;
    const struct wr_outage outage = {.config = c->config,
                                     .url = &c->url,
                                     .kind = kind_of(rc),
                                     .v5 = l->v5,
                                     .up = l->up,
                                     .refused = l->refused,
                                     .server_reason = l->server_reason,
                                     .error = error,
                                     .cause = mosquitto_strerror(rc),
                                     .tls_text = l->tls_text};
    wr_outage_explain(&outage, why);
    lose(c, why, false);
}

// ---- libmosquitto's callbacks. They leave errno 0: dependencies.md 1.9, pitfall 1.

// "Client ID received PUBLISH (d1, q1, r0, m42, 'topic', ... (5 bytes))": the one place where
// libmosquitto 2.0 tells of the DUP flag, before it calls on_message. Other words: no flag.
static void note_dup(struct link *l, const char *text)
{
    static const char words[] = " received PUBLISH (d";
    wr_str line = wr_str_of(text), id = wr_str_of(l->client->client_id);
    size_t at = 7 + id.len; // behind "Client "
    if (line.len <= at + sizeof words || memcmp(text + 7, id.at, id.len) != 0 ||
        memcmp(text + at, words, sizeof words - 1) != 0) {
        return; // of something else: our acknowledgement stands between the two
    }
    const char *flags = text + at + sizeof words - 1; // "1, q1, r0, m42, …"
    bool dup = strncmp(flags, "1, q1, r", 8) == 0 && flags[8] && strncmp(flags + 9, ", m", 3) == 0;
    l->dup_mid = dup ? (int)strtol(flags + 12, NULL, 10) : 0;
}

static void on_log(struct mosquitto *m, void *user, int level, const char *text)
{
    struct link *l = user; // also from the pool, while nothing else touches the link
    if (level == MOSQ_LOG_DEBUG && l->up && strncmp(text, "Client ", 7) == 0) {
        note_dup(l, text);
    }
    if (level == MOSQ_LOG_ERR && !(l->tls_text[0] && wr_reason_tls(l->tls_text))) {
        const char *colon = strstr(text, "error:");
        snprintf(l->tls_text, sizeof l->tls_text, "%s", colon ? colon : text);
    }
}

static void on_connect(struct mosquitto *m, void *user, int rc, int flags,
                       const mosquitto_property *props)
{
    struct link *l = user;
    l->refused = rc;
    if (rc == 0) {
        uint8_t ids = 1, shared = 1;
        mosquitto_property_read_byte(props, MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE, &ids, false);
        mosquitto_property_read_byte(props, MQTT_PROP_SHARED_SUB_AVAILABLE, &shared, false);
        l->session = (struct wr_client_session){
            .present = flags & 1, .v5 = l->v5, .ids = l->v5 && ids, .shared = shared};
        l->up = l->fresh = true;
        l->tls_text[0] = '\0';
    }
    errno = 0;
}

static void on_disconnect(struct mosquitto *m, void *user, int rc, const mosquitto_property *props)
{
    struct link *l = user;
    if (rc >= 128) {
        l->server_reason = rc;
    }
    errno = 0;
}

static void on_message(struct mosquitto *m, void *user, const struct mosquitto_message *message,
                       const mosquitto_property *props)
{
    struct wr_client *c = ((struct link *)user)->client;
    if (c && c->events->message) {
        c->events->message(c->user, message, props);
    }
    errno = 0;
}

static void on_subscribe(struct mosquitto *m, void *user, int mid, int count, const int *granted,
                         const mosquitto_property *props)
{
    struct wr_client *c = ((struct link *)user)->client;
    if (c && c->events->subscribed) {
        c->events->subscribed(c->user, mid, count > 0 ? granted[0] : 128);
    }
    errno = 0;
}

static void on_unsubscribe(struct mosquitto *m, void *user, int mid,
                           const mosquitto_property *props)
{
    struct wr_client *c = ((struct link *)user)->client;
    if (c && c->events->unsubscribed) {
        c->events->unsubscribed(c->user, mid);
    }
    errno = 0;
}

static void on_publish(struct mosquitto *m, void *user, int mid, int reason,
                       const mosquitto_property *props)
{
    struct wr_client *c = ((struct link *)user)->client;
    if (c && c->events->published) {
        c->events->published(c->user, mid, reason);
    }
    errno = 0;
}

// ---- reading and writing

static void on_poll(uv_poll_t *handle, int status, int events);

static void watch(struct wr_client *c)
{
    struct link *l = c->link;
    // While held only the end of the connection is of interest. The kernel tells of it although
    // data waits unread.
    int events = UV_DISCONNECT;
    if (!c->held) {
        events |= UV_READABLE | (mosquitto_want_write(l->m) ? UV_WRITABLE : 0);
    } else if (c->reading) {
        events |= UV_READABLE;
    }
    uv_poll_start(&l->poll, events, on_poll);
}

static void cork(struct link *l, int on)
{
    int fd = mosquitto_socket(l->m);
    if (fd >= 0) { // a hint: failure costs only speed
        (void)setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
    }
}

// Write all that waits. False: the link is gone.
static bool flush(struct wr_client *c)
{
    struct link *l = c->link;
    if (mosquitto_want_write(l->m)) {
        cork(l, 1);
        errno = 0;
        int rc = mosquitto_loop_write(l->m, 1), error = errno;
        cork(l, 0);
        if (!rc && mosquitto_socket(l->m) < 0) {
            rc = MOSQ_ERR_CONN_LOST;
        }
        if (rc) {
            fail(c, rc, error);
            return false;
        }
    }
    watch(c);
    return true;
}

static bool tls_pending(const struct link *l)
{
    SSL *ssl = mosquitto_ssl_get(l->m);
    return ssl && SSL_pending(ssl) > 0;
}

static void tell_up(struct wr_client *c)
{
    struct link *l = c->link;
    l->fresh = false;
    c->connects++;
    c->up_since = wr_mono_now();
    wr_outage_over(&c->outages);
    uv_timer_stop(&c->delay); // the deadline
    c->events->up(c->user, &l->session);
}

// Read what is there, up to a batch; let the user take it; write unless held.
static void pump(struct wr_client *c, bool disconnected)
{
    struct link *l = c->link;
    int rc, n = 0;
    do {
        errno = 0;
        rc = mosquitto_loop_read(l->m, 1);
    } while (!rc && errno != EAGAIN && ++n < c->batch && mosquitto_socket(l->m) >= 0);
    int error = errno;
    bool more = error != EAGAIN || tls_pending(l);
    if (!rc && (mosquitto_socket(l->m) < 0 || (disconnected && !l->up))) {
        rc = MOSQ_ERR_CONN_LOST; // pitfall 3
    }
    c->pumping = true;
    if (l->fresh) { // also when it is lost already: messages may have come with the CONNACK
        tell_up(c);
    }
    if (l->up) {
        c->events->drained(c->user);
    }
    c->pumping = false;
    if (c->link != l) {
        return; // dropped meanwhile
    }
    if (rc) {
        fail(c, rc, error);
        return;
    }
    if (c->held) {
        watch(c);
        if (c->reading && more) {
            uv_idle_start(&c->again, on_again);
        }
    } else if (flush(c) && more) {
        uv_idle_start(&c->again, on_again);
    }
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct link *l = handle->data;
    struct wr_client *c = l->client;
    if (status < 0 || (c->held && (events & UV_DISCONNECT))) {
        fail(c, MOSQ_ERR_CONN_LOST, status < 0 ? -status : 0);
    } else if (events & (UV_READABLE | UV_DISCONNECT)) {
        pump(c, events & UV_DISCONNECT);
    } else {
        flush(c);
    }
}

static void on_again(uv_idle_t *handle)
{
    struct wr_client *c = handle->data;
    uv_idle_stop(handle);
    if (!c->link || !c->link->polling || (c->held && !c->reading)) {
        return;
    }
    if (c->held || flush(c)) {
        pump(c, false);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct wr_client *c = timer->data;
    if (!c->link || !c->link->polling || c->held) {
        return; // a ping would wait behind the held acknowledgements anyhow
    }
    errno = 0;
    int rc = mosquitto_loop_misc(c->link->m), error = errno;
    if (rc) {
        fail(c, rc, error);
    } else if (flush(c) && c->link->up && c->events->tick) {
        c->events->tick(c->user);
    }
}

void wr_client_flush_soon(struct wr_client *c)
{
    if (c->link && c->link->polling && !c->held && !c->pumping && !c->closing) {
        uv_idle_start(&c->again, on_again);
    }
}

void wr_client_hold(struct wr_client *c, bool reading)
{
    if (c->link && c->link->polling && (!c->held || c->reading != reading)) {
        c->held = true;
        c->reading = reading;
        if (!c->pumping) {
            watch(c);
            if (reading) { // libmosquitto or TLS may have bytes that poll() does not tell of
                uv_idle_start(&c->again, on_again);
            }
        }
    }
}

void wr_client_resume(struct wr_client *c)
{
    if (c->held) {
        c->held = false;
        wr_client_flush_soon(c);
    }
}

bool wr_client_held(const struct wr_client *c)
{
    return c->held;
}

bool wr_client_is_dup(const struct wr_client *c, int mid)
{
    return mid > 0 && c->link && c->link->dup_mid == mid;
}

// ---- connecting

// libmosquitto prepares OpenSSL within the first connect with TLS, guarded by nothing: until one
// has come through, such connects go one by one. Held in the pool only, by connect_in_pool().
static pthread_mutex_t tls_first = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool tls_ready;

static void connect_in_pool(uv_work_t *work)
{
    struct link *l = work->data;
    mosquitto_property *props = NULL;
    if (l->v5 && l->expiry_s > 0) {
        mosquitto_property_add_int32(&props, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                     (uint32_t)l->expiry_s);
    }
    bool alone = l->tls && !tls_ready;
    if (alone) {
        pthread_mutex_lock(&tls_first);
    }
    errno = 0;
    l->rc = mosquitto_connect_bind_v5(l->m, l->host, l->port, l->keepalive_s, NULL, props);
    l->error = errno;
    if (alone) {
        tls_ready |= l->rc == MOSQ_ERR_SUCCESS;
        pthread_mutex_unlock(&tls_first);
    }
    mosquitto_property_free_all(&props);
}

static void on_connected(uv_work_t *work, int status)
{
    struct link *l = work->data;
    struct wr_client *c = l->client;
    l->working = false;
    if (!c) {
        free_link(l);
        return;
    }
    if (status || l->rc || l->late) {
        fail(c, l->rc ? l->rc : MOSQ_ERR_CONN_LOST, l->error);
        return;
    }
    int error = uv_poll_init(c->loop, &l->poll, mosquitto_socket(l->m));
    if (error) {
        fail(c, MOSQ_ERR_ERRNO, -error);
        return;
    }
    l->poll.data = l;
    l->polling = true;
    c->open_handles++;
    flush(c); // CONNECT, or the begin of TLS
}

static void set_callbacks(struct mosquitto *m)
{
    mosquitto_log_callback_set(m, on_log);
    mosquitto_connect_v5_callback_set(m, on_connect);
    mosquitto_disconnect_v5_callback_set(m, on_disconnect);
    mosquitto_message_v5_callback_set(m, on_message);
    mosquitto_subscribe_v5_callback_set(m, on_subscribe);
    mosquitto_unsubscribe_v5_callback_set(m, on_unsubscribe);
    mosquitto_publish_v5_callback_set(m, on_publish);
}

static void start_link(struct wr_client *c)
{
    struct link *l = wr_zalloc(sizeof *l);
    l->client = c;
    struct wr_fault fault = {0};
    wr_err err =
        wr_mqtt_setup(c->config, &c->url, c->client_id, c->clean, c->window, l, &l->m, &fault);
    c->link = l;
    if (err) {
        lose(c, fault.text, false);
        return;
    }
    set_callbacks(l->m);
    l->v5 = wr_mqtt_is_v5(c->config);
    l->port = c->url.port;
    l->tls = c->url.tls;
    l->keepalive_s = (int)c->config->mqtt_keepalive_s;
    l->expiry_s = c->clean ? 0 : c->config->mqtt_session_expiry_s;
    memcpy(l->host, c->url.host, sizeof l->host);
    l->work.data = l;
    l->working = true;
    uv_timer_start(&c->delay, on_delay, (uint64_t)c->config->mqtt_connect_timeout_ms, 0);
    int rc = uv_queue_work(c->loop, &l->work, connect_in_pool, on_connected);
    wr_assert(rc == 0); // fails only without a function
}

void wr_client_kick(struct wr_client *c)
{
    if (c->closing || c->link || !c->waiting || uv_is_active((uv_handle_t *)&c->delay)) {
        return;
    }
    if (!c->events->may_connect || c->events->may_connect(c->user)) {
        c->waiting = false;
        start_link(c);
    }
}

struct wr_client *wr_client_new(uv_loop_t *loop, const struct wr_config *config,
                                const struct wr_client_options *options,
                                const struct wr_client_events *events, void *user)
{
    struct wr_client *c = wr_zalloc(sizeof *c);
    c->loop = loop;
    c->config = config;
    c->events = events;
    c->user = user;
    c->name = options->name;
    c->client_id = wr_strdup(wr_str_of(options->client_id));
    c->clean = options->clean;
    c->batch = options->batch;
    c->window = options->window;
    wr_err err = wr_mqtt_url_parse(wr_str_of(config->mqtt_url), &c->url, NULL);
    wr_assert(err == WR_OK); // the caller has checked it
    wr_jitter_init(&c->jitter);
    uv_timer_init(loop, &c->tick);
    uv_timer_init(loop, &c->delay);
    uv_idle_init(loop, &c->again);
    c->tick.data = c->delay.data = c->again.data = c;
    c->open_handles = 3;
    uv_timer_start(&c->tick, on_tick, TICK_MS, TICK_MS);
    wait_to_connect(c, 0);
    return c;
}

struct mosquitto *wr_client_mosquitto(const struct wr_client *c)
{
    return c->link && c->link->up && !c->closing ? c->link->m : NULL;
}

// ---- subscribing

static bool is_usable(void *user)
{
    return wr_client_mosquitto(user) != NULL;
}

static enum wr_asked answer(const struct wr_client *c, int rc, const char *what, wr_str filter)
{
    if (rc && rc != MOSQ_ERR_NO_CONN) { // the tick tries again
        wr_log(WR_LOG_ERROR, "mqtt", "%s: cannot %s '%.*s': %s", wr_mqtt_source_name(c->config),
               what, WR_STR_ARG(filter), mosquitto_strerror(rc));
    }
    return rc ? WR_ASKED_LATER : WR_ASKED_SENT;
}

static enum wr_asked subscribe(void *user, wr_str filter, uint32_t id, int *mid)
{
    struct wr_client *c = user;
    mosquitto_property *props = NULL;
    if (id) {
        mosquitto_property_add_varint(&props, MQTT_PROP_SUBSCRIPTION_IDENTIFIER, id);
    }
    // Retained messages were published before; rules see publications.
    int options = c->link->v5 ? MQTT_SUB_OPT_SEND_RETAIN_NEVER : 0;
    int rc = mosquitto_subscribe_v5(c->link->m, mid, filter.at, 1, options, props);
    mosquitto_property_free_all(&props);
    return answer(user, rc, "subscribe to", filter);
}

static enum wr_asked unsubscribe(void *user, wr_str filter, int *mid)
{
    struct wr_client *c = user;
    return answer(user, mosquitto_unsubscribe_v5(c->link->m, mid, filter.at, NULL),
                  "unsubscribe from", filter);
}

static void flush_subscriptions(void *user)
{
    wr_client_flush_soon(user);
}

struct wr_subscriber wr_client_subscriber(struct wr_client *c)
{
    return (struct wr_subscriber){.subscribe = subscribe,
                                  .unsubscribe = unsubscribe,
                                  .usable = is_usable,
                                  .flush = flush_subscriptions,
                                  .user = c};
}

uint64_t wr_client_connects(const struct wr_client *c)
{
    return c->connects;
}

// ---- close

static void on_handle_closed(uv_handle_t *handle)
{
    struct wr_client *c = handle->data;
    c->open_handles--;
    finish_close(c);
}

static void on_lingered(void *user)
{
    struct wr_client *c = user;
    c->open_handles--;
    finish_close(c);
}

// Acknowledgements and all else that waits, then the DISCONNECT. libmosquitto closes its descriptor
// with that; ours stays until the broker has closed the connection.
static void say_goodbye(struct wr_client *c)
{
    struct link *l = c->link;
    int fd = fcntl(mosquitto_socket(l->m), F_DUPFD_CLOEXEC, 0);
    uv_poll_stop(&l->poll); // before its descriptor goes: the connection stays in the kernel's list
    if (mosquitto_disconnect_v5(l->m, 0, NULL) == MOSQ_ERR_SUCCESS) {
        (void)mosquitto_loop_write(l->m, 1);
    }
    if (fd >= 0) {
        c->open_handles++;
        wr_linger(c->loop, fd, LINGER_MS, on_lingered, c);
    }
}

void wr_client_close(struct wr_client *c, void (*done)(void *user), void *user)
{
    wr_assert(!c->closing && !c->pumping);
    c->closing = true;
    c->done = done;
    c->done_user = user;
    struct link *l = c->link;
    if (l && l->working) {
        l->client = NULL; // freed when the pool is done with it
        c->link = NULL;
    } else if (l) {
        if (l->up && !c->held) {
            say_goodbye(c);
        }
        end_link(c);
    }
    uv_close((uv_handle_t *)&c->tick, on_handle_closed);
    uv_close((uv_handle_t *)&c->delay, on_handle_closed);
    uv_close((uv_handle_t *)&c->again, on_handle_closed);
}
