// The connection's life, and its bytes. conn_packets.c takes packets apart, connect.c makes the
// socket.
#include "engine/mqtt/native/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "engine/mqtt/linger.h"
#include "engine/mqtt/native/conn_parts.h"

#include "sql/base/banned.h"

#define TICK_MS 1000
// poll() finds an error, and reading finds none: for ever that would be a busy loop.
#define TROUBLES_MAX 100
#define SETTLED_US   5000000 // up this long: the next failure starts the back-off anew
#define LINGER_MS    1000    // for the broker to read our last words
#define READ_SIZE    (64u << 10)
#define READ_MIN     (16u << 10) // less room in a segment is not worth a call
// Bytes read in one turn of the loop, so that others get theirs.
#define TURN_BYTES (256u << 10)
// Bytes the broker has not taken from us, over which nothing more is read: each message read makes
// more.
#define OUT_MAX  (1u << 20)
#define OUT_KEEP (8u << 20) // a buffer that a large publication has made larger goes back

static void on_poll(uv_poll_t *handle, int status, int events);
static void on_again(uv_idle_t *handle);

// ---- the end of a link

static void finish_close(struct wr_conn *w)
{
    if (w->open_handles > 0 || w->link) {
        return;
    }
    void (*done)(void *) = w->done;
    void *user = w->done_user;
    for (size_t i = 0; i <= WR_CONN_ALIASES; i++) {
        wr_buf_release(&w->aliases[i]);
    }
    wr_buf_release(&w->out);
    wr_buf_release(&w->properties);
    free(w->client_id);
    free(w);
    done(user);
}

static void on_delay(uv_timer_t *timer)
{
    struct wr_conn *w = timer->data;
    if (!w->link) {
        wr_conn_kick(w);
        return;
    }
    char why[WR_OUTAGE_WHY_MAX];
    wr_outage_explain_late(w->config, &w->url, why);
    wr_conn_lose(w, why);
}

static void wait_to_connect(struct wr_conn *w)
{
    w->waiting = true;
    int64_t ms = w->attempt ? wr_backoff_ms(&w->jitter, w->config->mqtt_reconnect_min_ms,
                                            w->config->mqtt_reconnect_max_ms, w->attempt)
                            : 0;
    uv_timer_start(&w->delay, on_delay, (uint64_t)ms, 0);
}

static void on_link_ended(void *user)
{
    struct wr_conn *w = user;
    w->open_handles--;
    if (w->closing) {
        finish_close(w);
    } else if (!w->link) {
        wait_to_connect(w);
    }
}

static void drop_input(struct wr_conn *w)
{
    if (w->segment) {
        wr_segment_unlock(w->segment);
        w->segment = NULL;
    }
    w->begin = w->expected = 0;
    w->left_over = false;
}

static void end_link(struct wr_conn *w)
{
    struct wr_link *l = w->link;
    w->link = NULL;
    w->up = w->acks_wait = false;
    uv_timer_stop(&w->delay);
    uv_idle_stop(&w->again);
    wr_buf_clear(&w->out);
    w->written = 0;
    drop_input(w);
    if (wr_link_end(l, on_link_ended, w)) {
        w->open_handles++;
    } else if (!w->closing) {
        wait_to_connect(w);
    }
}

void wr_conn_lose(struct wr_conn *w, const char *why)
{
    bool was_up = w->up;
    if (was_up && w->pumping && w->events->drained) {
        w->events->drained(w->user); // what came before the end
    }
    if (was_up && wr_mono_since_us(w->up_since, wr_mono_now()) > SETTLED_US) {
        w->attempt = 0;
    }
    w->attempt++;
    end_link(w);
    wr_outage_say(&w->outages, w->name, why);
    if (was_up) {
        w->events->down(w->user, why);
    } else {
        w->events->failed(w->user, why);
    }
}

void wr_conn_fail(struct wr_conn *w, enum wr_outage_kind kind, int error, const char *cause)
{
    char why[WR_OUTAGE_WHY_MAX];
    struct wr_outage outage = {.config = w->config,
                               .url = &w->url,
                               .kind = kind,
                               .v5 = w->v5,
                               .up = w->up,
                               .refused = w->link->refused,
                               .server_reason = w->link->server_reason,
                               .error = error,
                               .cause = cause,
                               .tls_text = w->up ? NULL : w->link->stream.tls_text};
    wr_outage_explain(&outage, why);
    wr_conn_lose(w, why);
}

// Reading or writing has failed, or the other end has closed.
static void fail_stream(struct wr_conn *w, ssize_t result)
{
    const struct wr_stream *s = &w->link->stream;
    bool gone = !w->up && (s->error == ECONNRESET || s->error == EPIPE); // before a word was said
    bool closed = result == WR_STREAM_END || gone || strstr(s->tls_text, "unexpected eof");
    if (w->up && s->tls_text[0] && !closed) {
        char text[WR_STREAM_TLS_MAX];
        memcpy(text, s->tls_text, sizeof text);
        wr_conn_fail(w, WR_OUTAGE_OTHER, 0, text);
    } else {
        wr_conn_fail(w, closed ? WR_OUTAGE_CLOSED : WR_OUTAGE_ERRNO, s->error, "");
    }
}

// ---- writing

static void watch(struct wr_conn *w)
{
    struct wr_link *l = w->link;
    bool waits = w->out.len > w->written;
    // What is read by a publisher makes nothing to write.
    bool reading = !w->paused && (!w->events->message || w->out.len - w->written < OUT_MAX);
    int events = UV_DISCONNECT | (reading || !w->up ? UV_READABLE : 0) |
                 (waits || l->stream.want_write ? UV_WRITABLE : 0);
    if (events != w->watched) {
        w->watched = events;
        uv_poll_start(&l->poll, events, on_poll);
    }
}

// Whether what waits may leave. Asked once for all acknowledgements that wait.
static bool may_write(struct wr_conn *w)
{
    if (w->acks_wait) {
        if (w->events->acknowledging && !w->events->acknowledging(w->user)) {
            return false;
        }
        w->acks_wait = false;
    }
    return true;
}

// Write all that waits, as far as the socket takes it. False: the link is gone, or must not write.
bool wr_conn_flush(struct wr_conn *w)
{
    if (w->out.len > w->written) {
        if (!may_write(w)) {
            return false;
        }
        ssize_t n =
            wr_stream_write(&w->link->stream, w->out.at + w->written, w->out.len - w->written);
        if (n > 0) {
            w->written += (size_t)n;
            w->last_out_ms = uv_now(w->loop);
        } else if (n != WR_STREAM_AGAIN) {
            fail_stream(w, n);
            return false;
        }
        if (w->written == w->out.len) {
            if (w->written > OUT_KEEP) {
                wr_buf_release(&w->out);
            }
            wr_buf_clear(&w->out);
            w->written = 0;
            if (w->up && w->events->written) {
                w->events->written(w->user);
            }
        }
    }
    watch(w);
    return true;
}

void wr_conn_flush_soon(struct wr_conn *w)
{
    if (!w->pumping && !w->closing && w->link) {
        uv_idle_start(&w->again, on_again);
    }
}

// The last words on a connection that we end, as far as the socket takes them.
void wr_conn_say_goodbye(struct wr_conn *w, enum wr_packet_reason reason)
{
    wr_packet_write_disconnect(w->v5, reason, &w->out);
    struct wr_stream *s = &w->link->stream;
    while (w->out.len > w->written && may_write(w)) {
        ssize_t n = wr_stream_write(s, w->out.at + w->written, w->out.len - w->written);
        if (n <= 0) {
            return;
        }
        w->written += (size_t)n;
    }
}

void wr_conn_acknowledge(struct wr_conn *w, enum wr_packet_type type, uint16_t mid)
{
    char *to = wr_buf_reserve(&w->out, WR_PACKET_ACK_SIZE);
    wr_packet_put_ack(to, type, mid);
    w->out.len += WR_PACKET_ACK_SIZE;
    w->acks_wait = true;
    if (!w->pumping) {
        wr_conn_flush_soon(w);
    }
}

// ---- reading

// A segment with room to read on. A packet's length is believed as its bytes come, so that a liar
// pays for the memory; when it is whole, its segment ends with it.
static void make_room(struct wr_conn *w)
{
    struct wr_segment *g = w->segment;
    size_t part = g ? g->len - w->begin : 0, room = g ? g->cap - g->len : 0;
    if (g && part == 0 && g->refs == 1 && g->cap == WR_SEGMENT_SIZE) {
        g->len = w->begin = 0; // nobody needs what was there, and it is in the cache
        return;
    }
    if (room >= READ_MIN || (room > 0 && w->expected && w->begin + w->expected == g->cap)) {
        return;
    }
    size_t size = w->expected > part + READ_MIN ? w->expected : part + READ_MIN;
    size = size > 2 * part + READ_SIZE ? 2 * part + READ_SIZE : size;
    size = size > WR_SEGMENT_SIZE ? size : WR_SEGMENT_SIZE;
    if (g && g->refs == 1 && size == g->cap) {
        memmove(g->bytes, g->bytes + w->begin, part);
    } else {
        struct wr_segment *next = wr_segment_new(w->segments, size);
        if (g) {
            memcpy(next->bytes, g->bytes + w->begin, part);
            wr_segment_unlock(g);
        }
        w->segment = g = next;
    }
    g->len = part;
    w->begin = 0;
}

// Take the packets apart that are there, unless told to pause: then the rest waits where it is.
// False: the link is gone.
static bool take_packets(struct wr_conn *w)
{
    struct wr_segment *g = w->segment;
    struct wr_packet_fault fault;
    w->left_over = false;
    for (;;) {
        struct wr_packet p;
        if (WR_UNLIKELY(w->paused && w->up)) {
            w->left_over = g->len > w->begin;
            w->expected = 0;
            return true;
        }
        enum wr_scan got =
            wr_packet_scan(g->bytes + w->begin, g->len - w->begin, w->v5, &p, &fault);
        if (WR_UNLIKELY(got != WR_SCAN_WHOLE)) {
            w->expected = got == WR_SCAN_MORE ? p.size : 0;
            return got == WR_SCAN_MORE || wr_conn_refuse(w, NULL, &fault);
        }
        if (WR_UNLIKELY(!wr_conn_take(w, &p))) {
            return false;
        }
        w->begin += p.size;
    }
}

// Read what is there. False: the link is gone. *more: there may be more.
static bool read_some(struct wr_conn *w, bool *more)
{
    struct wr_link *l = w->link;
    *more = false;
    if (w->left_over && !take_packets(w)) {
        return false;
    }
    for (size_t taken = 0; taken < TURN_BYTES && !(w->paused && w->up);) {
        make_room(w);
        struct wr_segment *g = w->segment;
        size_t room = g->cap - g->len;
        room = room < READ_SIZE ? room : READ_SIZE;
        ssize_t n = wr_stream_read(&l->stream, g->bytes + g->len, room);
        if (n == WR_STREAM_AGAIN) {
            return true;
        }
        if (n <= 0) {
            fail_stream(w, n);
            return false;
        }
        w->last_in_ms = uv_now(w->loop);
        w->pinged = false; // it is there
        w->troubles = 0;
        g->len += (size_t)n;
        taken += (size_t)n;
        if (!take_packets(w)) {
            return false;
        }
        if (!l->stream.ssl) { // poll() tells of the rest
            return true;
        }
        *more = wr_stream_pending(&l->stream);
    }
    return true;
}

static void pump(struct wr_conn *w)
{
    struct wr_link *l = w->link;
    bool more;
    w->pumping = true;
    bool there = read_some(w, &more);
    if (there && w->up && w->events->drained) {
        w->events->drained(w->user);
    }
    w->pumping = false;
    if (!there || w->link != l) {
        return;
    }
    if (wr_conn_flush(w) && more && !w->paused) {
        uv_idle_start(&w->again, on_again);
    }
}

// ---- the socket

// TCP, and TLS, are there: the first words.
static void greet(struct wr_conn *w)
{
    w->greeting = true;
    w->last_out_ms = w->last_in_ms = uv_now(w->loop);
    if (!wr_conn_write_connect(w)) {
        return;
    }
    wr_conn_flush(w);
}

static void handshake(struct wr_conn *w)
{
    int rc = wr_stream_handshake(&w->link->stream);
    if (rc == 1) {
        greet(w);
    } else if (rc == WR_STREAM_AGAIN) {
        watch(w);
    } else {
        fail_stream(w, rc);
    }
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct wr_conn *w = handle->data;
    if (status < 0) { // whatever happened is EBADF to uv, which has stopped to watch: reading tells
        w->watched = 0;
        events = UV_READABLE;
        if (++w->troubles > TROUBLES_MAX) {
            wr_conn_fail(w, WR_OUTAGE_ERRNO, -status, "");
            return;
        }
    }
    if (!w->greeting) {
        handshake(w);
    } else if (w->paused && w->up && (status < 0 || (events & UV_DISCONNECT))) {
        wr_conn_fail(w, WR_OUTAGE_CLOSED, 0, "");
    } else if (events & (UV_READABLE | UV_DISCONNECT)) {
        pump(w);
    } else {
        wr_conn_flush(w);
    }
}

static void on_again(uv_idle_t *handle)
{
    struct wr_conn *w = handle->data;
    uv_idle_stop(handle);
    if (!w->link || !w->greeting || !wr_conn_flush(w)) {
        return;
    }
    if (!w->paused && (w->left_over || wr_stream_pending(&w->link->stream))) {
        pump(w);
    }
}

// The link has its socket, connected.
static void on_connected(void *user)
{
    struct wr_conn *w = user;
    struct wr_link *l = w->link;
    l->poll.data = w;
    w->watched = 0;
    if (!w->url.tls) {
        greet(w);
        return;
    }
    struct wr_fault fault = {0};
    if (wr_stream_tls(&l->stream, w->config, &w->url, &fault)) {
        wr_conn_fail(w, WR_OUTAGE_OTHER, 0, fault.text);
        return;
    }
    handshake(w);
}

static void on_not_connected(void *user, bool host_unknown, int error)
{
    wr_conn_fail(user, host_unknown ? WR_OUTAGE_HOST : WR_OUTAGE_ERRNO, error, "");
}

static void on_tick(uv_timer_t *timer)
{
    struct wr_conn *w = timer->data;
    if (!w->up) {
        return;
    }
    uint64_t now = uv_now(w->loop), keepalive = (uint64_t)w->keepalive_s * 1000;
    if (w->pinged && now - w->pinged_ms >= keepalive) {
        wr_conn_fail(w, WR_OUTAGE_SILENT, 0, "");
        return;
    }
    bool silent =
        now - w->last_out_ms >= keepalive || (!w->paused && now - w->last_in_ms >= keepalive);
    if (keepalive && silent && !w->pinged) {
        wr_packet_write_ping(&w->out);
        w->pinged = !w->paused; // else its answer is not read
        w->pinged_ms = now;
    }
    if (wr_conn_flush(w) && w->events->tick) {
        w->events->tick(w->user);
    }
}

static void start_link(struct wr_conn *w)
{
    w->greeting = w->pinged = false;
    w->troubles = 0;
    w->v5 = wr_mqtt_is_v5(w->config);
    w->keepalive_s = (unsigned)w->config->mqtt_keepalive_s;
    w->maximum_packet = UINT32_MAX;
    memset(w->mids, 0, sizeof w->mids);
    for (size_t i = 0; i <= WR_CONN_ALIASES; i++) {
        wr_buf_clear(&w->aliases[i]);
    }
    uv_timer_start(&w->delay, on_delay, (uint64_t)w->config->mqtt_connect_timeout_ms, 0);
    w->link = wr_link_new(w->loop, &w->url, on_connected, on_not_connected, w);
}

void wr_conn_kick(struct wr_conn *w)
{
    if (w->closing || w->link || !w->waiting || uv_is_active((uv_handle_t *)&w->delay)) {
        return;
    }
    if (!w->events->may_connect || w->events->may_connect(w->user)) {
        w->waiting = false;
        start_link(w);
    }
}

void wr_conn_pause(struct wr_conn *w, bool pause)
{
    if (w->paused == pause) {
        return;
    }
    w->paused = pause;
    w->last_in_ms = uv_now(w->loop);
    w->pinged = false; // an answer is not read, or asked for again
    if (w->up) {
        if (!w->pumping) {
            watch(w);
        }
        wr_conn_flush_soon(w); // there may be bytes that poll() does not tell of
    }
}

bool wr_conn_usable(const struct wr_conn *w)
{
    return w->up && !w->closing;
}

size_t wr_conn_unwritten(const struct wr_conn *w)
{
    return w->out.len - w->written;
}

size_t wr_conn_send_maximum(const struct wr_conn *w)
{
    return w->send_maximum;
}

uint64_t wr_conn_connects(const struct wr_conn *w)
{
    return w->connects;
}

struct wr_conn *wr_conn_new(uv_loop_t *loop, const struct wr_config *config,
                            const struct wr_conn_options *options, struct wr_segments *segments,
                            const struct wr_conn_events *events, void *user)
{
    struct wr_conn *w = wr_zalloc(sizeof *w);
    w->loop = loop;
    w->config = config;
    w->name = options->name;
    w->client_id = wr_strdup(wr_str_of(options->client_id));
    w->clean = options->clean;
    w->window = options->window;
    w->segments = segments;
    w->events = events;
    w->user = user;
    wr_err err = wr_mqtt_url_parse(wr_str_of(config->mqtt_url), &w->url, NULL);
    wr_assert(err == WR_OK); // the caller has checked it
    wr_jitter_init(&w->jitter);
    uv_timer_init(loop, &w->tick);
    uv_timer_init(loop, &w->delay);
    uv_idle_init(loop, &w->again);
    w->tick.data = w->delay.data = w->again.data = w;
    w->open_handles = 3;
    uv_timer_start(&w->tick, on_tick, TICK_MS, TICK_MS);
    wait_to_connect(w);
    return w;
}

// ---- close

static void on_handle_closed(uv_handle_t *handle)
{
    struct wr_conn *w = handle->data;
    w->open_handles--;
    finish_close(w);
}

static void on_lingered(void *user)
{
    struct wr_conn *w = user;
    w->open_handles--;
    finish_close(w);
}

void wr_conn_close(struct wr_conn *w, void (*done)(void *user), void *user)
{
    wr_assert(!w->closing && !w->pumping);
    w->closing = true;
    w->done = done;
    w->done_user = user;
    if (w->link) {
        if (w->up) {
            wr_conn_say_goodbye(w, WR_REASON_NORMAL);
            // Ours stays until the broker has read it and closed the connection.
            int fd = fcntl(w->link->stream.fd, F_DUPFD_CLOEXEC, 0);
            wr_stream_shutdown(&w->link->stream);
            if (fd >= 0) {
                w->open_handles++;
                wr_linger(w->loop, fd, LINGER_MS, on_lingered, w);
            }
        }
        end_link(w);
    }
    uv_close((uv_handle_t *)&w->tick, on_handle_closed);
    uv_close((uv_handle_t *)&w->delay, on_handle_closed);
    uv_close((uv_handle_t *)&w->again, on_handle_closed);
}
