// HTTP/1.1 server on a uv loop: connections, time-outs, replies. The bytes' meaning is in http1.c,
// the listener in httpd_listen.c.

#include "sinks/lib/httpd.h"

#include <stdio.h>
#include <stdlib.h>

#include <http_parser.h>

#include "sinks/lib/httpd_parts.h"

#include "sql/base/banned.h"

#define KEEP_MAX     (64u << 10) // a buffer that grew beyond it is given back after its request
#define LINGER_MS    500         // for the client to read the last reply before the socket closes
#define LINGER_BYTES (1u << 20)  // that we read and drop meanwhile

static void conn_run(struct wr_httpd_conn *c);

// ---- end of a connection

void wr_httpd_end(struct wr_httpd *h)
{
    if (!h->closing || !h->listener_closed || h->count > 0) {
        return;
    }
    void (*done)(void *user) = h->done;
    void *user = h->done_user;
    wr_httpd_tls_identity_free(h->o.tls);
    free(h->scratch);
    free(h);
    if (done) {
        done(user);
    }
}

static void conn_free(struct wr_httpd_conn *c)
{
    struct wr_httpd *h = c->server;
    *(c->prev ? &c->prev->next : &h->conns) = c->next;
    if (c->next) {
        c->next->prev = c->prev;
    }
    h->count--;
    wr_buf_release(&c->body);
    wr_buf_release(&c->text);
    wr_buf_release(&c->out);
    wr_buf_release(&c->more);
    wr_httpd_tls_free(c->tls);
    free(c);
    wr_httpd_end(h);
}

static void on_conn_handle_closed(uv_handle_t *handle)
{
    struct wr_httpd_conn *c = handle->data;
    if (--c->open_handles > 0) {
        return;
    }
    if (!c->held) {
        conn_free(c);
        return;
    }
    c->req.gone = true;
    if (c->server->o.gone) {
        c->server->o.gone(c->server->o.user, &c->req); // may end the request and free `c`
    }
}

void wr_httpd_conn_close(struct wr_httpd_conn *c)
{
    if (c->state == WR_HTTPD_CLOSED) {
        return;
    }
    c->state = WR_HTTPD_CLOSED;
    uv_close(&c->io.handle, on_conn_handle_closed);
    uv_close((uv_handle_t *)&c->timer, on_conn_handle_closed);
}

// The handler is through with the request of a closed connection.
static void conn_let_go(struct wr_httpd_conn *c)
{
    c->held = false;
    if (c->open_handles == 0) {
        conn_free(c);
    }
}

// ---- timer

static void send_status(struct wr_httpd_conn *c, int status);

static size_t waiting_bytes(const struct wr_httpd_conn *c)
{
    return uv_stream_get_write_queue_size(&c->io.stream) + c->more.len;
}

static void on_timer(uv_timer_t *timer);

static void timer_set(struct wr_httpd_conn *c, uint64_t ms)
{
    uv_timer_start(&c->timer, on_timer, ms, 0);
}

static void pump(struct wr_httpd_conn *c);

static void on_timer(uv_timer_t *timer)
{
    struct wr_httpd_conn *c = timer->data;
    switch (c->state) {
    case WR_HTTPD_READ_HEAD:
        if (c->kick) {
            c->kick = false;
            if (c->tls) {
                timer_set(c, c->server->o.idle_timeout_ms);
                pump(c);
            } else {
                conn_run(c);
            }
        } else if (c->in_len > 0) {
            send_status(c, 408);
        } else {
            wr_httpd_conn_close(c);
        }
        return;
    case WR_HTTPD_READ_BODY:
        send_status(c, 408);
        return;
    case WR_HTTPD_HANDLING:
    case WR_HTTPD_WRITING:
        // Running only while a write is under way. Time starts anew as long as bytes leave.
        if (waiting_bytes(c) >= c->waited_for) {
            wr_httpd_conn_close(c);
        } else {
            c->waited_for = waiting_bytes(c);
            timer_set(c, c->server->o.write_timeout_ms);
        }
        return;
    case WR_HTTPD_LINGER:
        wr_httpd_conn_close(c);
        return;
    case WR_HTTPD_CLOSED:
        return;
    }
}

// ---- reading

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct wr_httpd_conn *c = handle->data;
    if (c->tls) {
        *buf = uv_buf_init(c->server->scratch, WR_HTTPD_SCRATCH);
        return;
    }
    *buf = uv_buf_init(c->in + c->in_len, (unsigned)(c->in_cap - c->in_len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void reading_set(struct wr_httpd_conn *c, bool on)
{
    if (c->reading != on) {
        c->reading = on;
        if (!on) {
            uv_read_stop(&c->io.stream);
        } else if (uv_read_start(&c->io.stream, on_alloc, on_read) != 0) {
            wr_httpd_conn_close(c);
        }
    }
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    struct wr_httpd_conn *c = req->handle->data;
    if (status < 0) {
        wr_httpd_conn_close(c);
    }
}

// Close in a way that lets the client read our last reply: a socket that is closed while bytes of
// the client are unread sends a reset, which may overtake that reply.
static void send_raw(struct wr_httpd_conn *c);

static void linger(struct wr_httpd_conn *c)
{
    if (c->tls) {
        wr_httpd_tls_finish(c->tls);
        send_raw(c);
        if (c->state == WR_HTTPD_CLOSED) {
            return;
        }
    }
    c->state = WR_HTTPD_LINGER;
    c->in_len = c->at = c->head_len = 0;
    if (uv_shutdown(&c->shutdown, &c->io.stream, on_shutdown) != 0) {
        wr_httpd_conn_close(c);
        return;
    }
    timer_set(c, LINGER_MS);
    reading_set(c, true);
}

// `n` bytes are in `in`, behind what was there.
static void take_in(struct wr_httpd_conn *c, size_t n)
{
    c->in_len += n;
    if (c->in_len == c->in_cap && (c->state == WR_HTTPD_HANDLING || c->state == WR_HTTPD_WRITING)) {
        reading_set(c, false); // the client has to wait for its reply
    }
    conn_run(c);
}

// TLS: decrypt as far as there is room.
static void pump(struct wr_httpd_conn *c)
{
    if (c->pumping) {
        return;
    }
    c->pumping = true;
    conn_run(c);
    ssize_t n = WR_HTTPD_TLS_MORE;
    while (c->state != WR_HTTPD_CLOSED && c->state != WR_HTTPD_LINGER && c->in_len < c->in_cap) {
        n = wr_httpd_tls_read(c->tls, c->in + c->in_len, c->in_cap - c->in_len);
        send_raw(c);
        if (!c->greeted && wr_httpd_tls_is_ready(c->tls)) {
            c->greeted = true;
            if (c->state == WR_HTTPD_READ_HEAD && c->in_len == 0) {
                timer_set(c, c->server->o.idle_timeout_ms);
            }
        }
        if (n <= 0 || c->state == WR_HTTPD_CLOSED) {
            break;
        }
        take_in(c, (size_t)n);
    }
    c->pumping = false;
    if (n == WR_HTTPD_TLS_EOF && c->state == WR_HTTPD_WRITING) {
        c->keep = false;
        reading_set(c, false);
    } else if (n < 0 && c->state != WR_HTTPD_LINGER) {
        wr_httpd_conn_close(c);
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct wr_httpd_conn *c = stream->data;
    if (n == 0) {
        return;
    }
    if (n == UV_EOF && c->state == WR_HTTPD_WRITING) {
        c->keep = false;
        reading_set(c, false);
        return;
    }
    if (n < 0) {
        wr_httpd_conn_close(c);
        return;
    }
    if (c->state == WR_HTTPD_LINGER) {
        c->lingered += (size_t)n;
        if (c->lingered > LINGER_BYTES) {
            wr_httpd_conn_close(c);
        }
        return;
    }
    if (!c->tls) {
        take_in(c, (size_t)n);
        return;
    }
    wr_httpd_tls_feed(c->tls, (wr_str){buf->base, (size_t)n});
    pump(c);
    if (c->state != WR_HTTPD_LINGER && c->reading && c->in_len == c->in_cap) {
        reading_set(c, false); // there is no room to decrypt to: the client has to wait
    }
}

// ---- writing

static void reply_written(struct wr_httpd_conn *c);
static void write_start(struct wr_httpd_conn *c);

static void on_write(uv_write_t *req, int status)
{
    struct wr_httpd_conn *c = req->handle->data;
    c->writing = false;
    if (c->state == WR_HTTPD_CLOSED) {
        return;
    }
    if (status < 0) {
        wr_httpd_conn_close(c);
        return;
    }
    if (c->state == WR_HTTPD_READ_HEAD) { // it was a part of a TLS handshake
        timer_set(c, c->server->o.head_timeout_ms);
    } else if (c->state == WR_HTTPD_LINGER) { // the end of TLS: the timer is the linger's
        wr_buf_clear(&c->out);
        return;
    } else if (c->state !=
               WR_HTTPD_READ_BODY) { // else it was "100 Continue": the timer goes on for the body
        uv_timer_stop(&c->timer);
    }
    wr_buf_clear(&c->out);
    if (c->more.len > 0) {
        struct wr_buf swap = c->out;
        c->out = c->more;
        c->more = swap;
        write_start(c);
    } else if (c->state == WR_HTTPD_WRITING) {
        reply_written(c);
    }
}

static void write_start(struct wr_httpd_conn *c)
{
    uv_buf_t buf = uv_buf_init(c->out.at, (unsigned)c->out.len);
    if (uv_write(&c->write, &c->io.stream, &buf, 1, on_write) != 0) {
        wr_httpd_conn_close(c);
        return;
    }
    c->writing = true;
    c->waited_for = waiting_bytes(c);
    timer_set(c, c->server->o.write_timeout_ms);
}

// Bytes as they go over the wire.
static void wire_send(struct wr_httpd_conn *c, const wr_str *parts, unsigned count)
{
    uv_buf_t bufs[3] = {0};
    wr_assert(count <= WR_COUNT(bufs));
    if (c->writing) {
        for (unsigned i = 0; i < count; i++) {
            wr_buf_add(&c->more, parts[i]);
        }
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        union {
            const char *from;
            char *to; // libuv only reads it
        } at = {.from = parts[i].at};
        bufs[i] = uv_buf_init(at.to, (unsigned)parts[i].len);
    }
    int sent = uv_try_write(&c->io.stream, bufs, count);
    if (sent < 0 && sent != UV_EAGAIN) {
        wr_httpd_conn_close(c);
        return;
    }
    size_t skip = sent > 0 ? (size_t)sent : 0;
    for (unsigned i = 0; i < count; i++) {
        size_t cut = skip < parts[i].len ? skip : parts[i].len;
        wr_buf_add(&c->out, wr_str_cut(parts[i], cut, parts[i].len));
        skip -= cut;
    }
    if (c->out.len > 0) {
        write_start(c);
    }
}

// TLS: what it has to say.
static void send_raw(struct wr_httpd_conn *c)
{
    struct wr_buf raw = {0};
    wr_httpd_tls_take(c->tls, &raw);
    wr_str part = wr_buf_str(&raw);
    if (part.len && c->state != WR_HTTPD_CLOSED) {
        wire_send(c, &part, 1);
    }
    wr_buf_release(&raw);
}

// Send the parts: at once as far as the socket takes them, the rest from a copy.
static void out_send(struct wr_httpd_conn *c, const wr_str *parts, unsigned count)
{
    if (!c->tls) {
        wire_send(c, parts, count);
        return;
    }
    bool good = true;
    for (unsigned i = 0; i < count && good; i++) {
        good = wr_httpd_tls_write(c->tls, parts[i]);
    }
    if (good) {
        send_raw(c);
    } else {
        wr_httpd_conn_close(c);
    }
}

static const char *date_now(struct wr_httpd *h)
{
    time_t now = time(NULL);
    if (now != h->date_s) {
        struct tm tm;
        h->date_s = now;
        gmtime_r(&now, &tm);
        strftime(h->date, sizeof h->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    }
    return h->date;
}

static void add_header(struct wr_buf *b, wr_str name, wr_str value)
{
    wr_buf_add(b, name);
    wr_buf_add(b, WR_STR(": "));
    for (size_t i = 0; i < value.len; i++) {
        unsigned char byte = (unsigned char)value.at[i];
        wr_buf_add_char(b, byte < 0x20 || byte == 0x7f ? ' ' : (char)byte);
    }
    wr_buf_add(b, WR_STR("\r\n"));
}

// The reply's head, in c->text.
static void make_head(struct wr_httpd_conn *c, const struct wr_httpd_reply *reply, bool stream)
{
    wr_assert(reply->status >= 200 && reply->status <= 599);
    struct wr_buf *b = &c->text;
    wr_buf_clear(b);
    wr_buf_add(b, WR_STR("HTTP/1.1 "));
    wr_buf_add_u64(b, (uint64_t)reply->status);
    wr_buf_add_char(b, ' ');
    wr_buf_add(b, wr_str_of(http_status_str((enum http_status)reply->status)));
    wr_buf_add(b, WR_STR("\r\n"));
    add_header(b, WR_STR("Date"), wr_str_of(date_now(c->server)));
    for (size_t i = 0; i < reply->header_count; i++) {
        add_header(b, reply->headers[i].name, reply->headers[i].value);
    }
    if (reply->type.len > 0) {
        add_header(b, WR_STR("Content-Type"), reply->type);
    }
    bool bodiless = reply->status == 204 || reply->status == 304;
    if (stream && c->chunked) {
        wr_buf_add(b, WR_STR("Transfer-Encoding: chunked\r\n"));
    } else if (!stream && !bodiless) {
        wr_buf_add(b, WR_STR("Content-Length: "));
        wr_buf_add_u64(b, reply->body.len);
        wr_buf_add(b, WR_STR("\r\n"));
    }
    if (!c->keep) {
        wr_buf_add(b, WR_STR("Connection: close\r\n"));
    } else if (!c->head.http11) {
        wr_buf_add(b, WR_STR("Connection: keep-alive\r\n"));
    }
    wr_buf_add(b, WR_STR("\r\n"));
    c->body_left_out = bodiless || wr_str_eq(c->head.method, WR_STR("HEAD"));
}

// Everything of this reply has been handed to out_send().
static void reply_complete(struct wr_httpd_conn *c)
{
    if (c->state != WR_HTTPD_CLOSED) {
        c->state = WR_HTTPD_WRITING;
        if (!c->writing) {
            reply_written(c);
        }
    }
}

static void send_reply(struct wr_httpd_conn *c, const struct wr_httpd_reply *reply)
{
    c->keep = c->keep && !reply->close && !c->server->closing;
    make_head(c, reply, false);
    wr_str parts[] = {wr_buf_str(&c->text), reply->body};
    out_send(c, parts, c->body_left_out ? 1 : 2);
    reply_complete(c);
}

// Refuse the request that is being read.
static void send_status(struct wr_httpd_conn *c, int status)
{
    c->keep = false;
    if (c->state == WR_HTTPD_READ_HEAD) { // what it says is not known, or not to be trusted
        c->head.method = (wr_str){NULL, 0};
        c->head.http11 = true;
    }
    send_reply(c, &(struct wr_httpd_reply){
                      .status = status,
                      .type = WR_STR("text/plain"),
                      .body = wr_str_of(http_status_str((enum http_status)status)),
                  });
}

static void trim(struct wr_buf *b)
{
    if (b->cap_ > KEEP_MAX) {
        wr_buf_release(b);
        wr_buf_init(b, 0);
    } else {
        wr_buf_clear(b);
    }
}

// The reply has left. On to the next request, or to the end.
static void reply_written(struct wr_httpd_conn *c)
{
    trim(&c->body);
    trim(&c->out);
    trim(&c->more);
    c->streaming = false;
    if (!c->keep) {
        linger(c);
        return;
    }
    size_t left = c->in_len - c->at;
    memmove(c->in, c->in + c->at, left);
    c->in_len = left;
    c->at = c->head_len = 0;
    c->scan = (struct wr_http1_scan){0};
    c->late = false;
    c->state = WR_HTTPD_READ_HEAD;
    // The next request's callback must not come from inside the handler's call.
    bool waits = left > 0 || (c->tls && !c->pumping && wr_httpd_tls_has_more(c->tls));
    c->kick = waits && !c->running;
    c->idle_since = uv_now(c->server->loop);
    timer_set(c, c->kick ? 0 : c->server->o.idle_timeout_ms);
    reading_set(c, true);
}

// ---- requests

static bool host_allowed(const struct wr_httpd *h, wr_str host)
{
    if (!h->o.hosts) {
        return true;
    }
    // Cut the port: behind the last colon, unless that stands inside an IPv6 address's brackets.
    for (size_t i = host.len; i > 0 && host.at[i - 1] != ']'; i--) {
        if (host.at[i - 1] == ':') {
            host.len = i - 1;
            break;
        }
    }
    for (size_t i = 0; h->o.hosts[i]; i++) {
        if (wr_str_eq_nocase(host, wr_str_of(h->o.hosts[i]))) {
            return true;
        }
    }
    return false;
}

static bool origin_allowed(const struct wr_httpd_conn *c)
{
    wr_str origin = wr_http1_header(&c->head, WR_STR("Origin"));
    wr_str scheme = WR_STR("http://");
    return !c->server->o.same_origin || !origin.at ||
           (wr_str_starts(origin, scheme) &&
            wr_str_eq_nocase(wr_str_cut(origin, scheme.len, origin.len), c->head.host));
}

static int check_request(const struct wr_httpd_conn *c)
{
    if (!host_allowed(c->server, c->head.host)) {
        return 421;
    }
    if (!origin_allowed(c)) {
        return 403;
    }
    return c->head.body_len > c->server->o.body_max ? 413 : 0;
}

// Both read_…() return whether to go on with what was read; false: more bytes must come, or the
// state has changed.
static bool read_head(struct wr_httpd_conn *c)
{
    if (c->in_len == 0) {
        return false;
    }
    if (!c->late) {
        c->late = true;
        c->kick = false;
        timer_set(c, c->server->o.head_timeout_ms);
    }
    int status = 0;
    size_t max = c->server->o.header_max;
    size_t seen = c->in_len < max ? c->in_len : max;
    c->head_len = wr_http1_scan(&c->scan, (wr_str){c->in, seen}, &status);
    if (status == 0 && c->head_len == 0) {
        if (seen < max) {
            return false;
        }
        status = 431;
    }
    if (status == 0) {
        status = wr_http1_parse(&c->head, (wr_str){c->in, c->head_len});
    }
    if (status == 0) {
        status = check_request(c);
    }
    if (status != 0) {
        send_status(c, status);
        return false;
    }
    c->at = c->head_len;
    c->keep = c->head.keep_alive;
    c->chunks = (struct wr_http1_chunks){0};
    c->state = WR_HTTPD_READ_BODY;
    timer_set(c, c->server->o.request_timeout_ms);
    if (c->head.expect_continue && c->at == c->in_len &&
        (c->head.chunked || c->head.body_len > 0)) {
        wr_str go = WR_STR("HTTP/1.1 100 Continue\r\n\r\n");
        out_send(c, &go, 1);
    }
    return c->state == WR_HTTPD_READ_BODY;
}

static bool read_body(struct wr_httpd_conn *c)
{
    wr_str bytes = {c->in + c->at, c->in_len - c->at};
    size_t used = 0;
    bool complete;
    if (c->head.chunked) {
        int status =
            wr_http1_chunks_feed(&c->chunks, bytes, &used, &c->body, c->server->o.body_max);
        if (status != 0) {
            send_status(c, status);
            return false;
        }
        complete = c->chunks.done;
    } else {
        size_t want = (size_t)c->head.body_len - c->body.len;
        used = bytes.len < want ? bytes.len : want;
        wr_buf_add(&c->body, wr_str_cut(bytes, 0, used));
        complete = c->body.len == c->head.body_len;
    }
    c->at += used;
    if (!complete) {
        c->in_len = c->at = c->head_len; // all was taken: make room
        return false;
    }
    if (!c->writing) { // else "100 Continue" is on its way, and the timer watches that
        uv_timer_stop(&c->timer);
    }
    if (c->in_len == c->in_cap) {
        reading_set(c, false);
    }
    c->state = WR_HTTPD_HANDLING;
    c->held = true;
    c->req = (struct wr_httpd_request){.head = &c->head, .body = wr_buf_str(&c->body), .conn_ = c};
    c->server->o.request(c->server->o.user, &c->req);
    return true;
}

static void conn_run(struct wr_httpd_conn *c)
{
    if (c->running) {
        return;
    }
    c->running = true;
    bool more = true;
    while (more) {
        switch (c->state) {
        case WR_HTTPD_READ_HEAD:
            more = read_head(c);
            break;
        case WR_HTTPD_READ_BODY:
            more = read_body(c);
            break;
        case WR_HTTPD_HANDLING:
        case WR_HTTPD_WRITING:
        case WR_HTTPD_LINGER:
        case WR_HTTPD_CLOSED:
            more = false;
            break;
        }
    }
    c->running = false;
}

void wr_httpd_conn_accept(struct wr_httpd *h)
{
    size_t cap = h->o.header_max + WR_HTTPD_READ_ROOM;
    struct wr_httpd_conn *c = wr_alloc(sizeof *c + cap);
    memset(c, 0, sizeof *c);
    c->server = h;
    c->in_cap = cap;
    int err = h->o.path ? uv_pipe_init(h->loop, &c->io.pipe, 0) : uv_tcp_init(h->loop, &c->io.tcp);
    if (err != 0) {
        free(c);
        return;
    }
    c->tls = h->o.tls ? wr_httpd_tls_new(h->o.tls) : NULL;
    uv_timer_init(h->loop, &c->timer);
    c->io.handle.data = c->timer.data = c;
    c->open_handles = 2;
    c->next = h->conns;
    if (c->next) {
        c->next->prev = c;
    }
    h->conns = c;
    h->count++;
    if (uv_accept(&h->io.stream, &c->io.stream) != 0) {
        wr_httpd_conn_close(c);
        return;
    }
    if (!h->o.path) {
        uv_tcp_nodelay(&c->io.tcp, 1);
    }
    c->idle_since = uv_now(h->loop);
    timer_set(c, c->tls ? h->o.head_timeout_ms : h->o.idle_timeout_ms);
    reading_set(c, true);
}

bool wr_httpd_conn_evict(struct wr_httpd *h)
{
    struct wr_httpd_conn *oldest = NULL;
    for (struct wr_httpd_conn *c = h->conns; c; c = c->next) {
        bool idle = c->state == WR_HTTPD_READ_HEAD && c->in_len == 0;
        if (idle && (!oldest || c->idle_since <= oldest->idle_since)) { // new ones stand first
            oldest = c;
        }
    }
    if (oldest) {
        wr_httpd_conn_close(oldest);
    }
    return oldest != NULL;
}

// ---- replies

static struct wr_httpd_conn *conn_of(const struct wr_httpd_request *req)
{
    return req->conn_;
}

void wr_httpd_reply(struct wr_httpd_request *req, const struct wr_httpd_reply *reply)
{
    struct wr_httpd_conn *c = conn_of(req);
    wr_assert(c->held && !c->streaming);
    if (c->state == WR_HTTPD_CLOSED) {
        conn_let_go(c);
        return;
    }
    c->held = false;
    send_reply(c, reply);
}

void wr_httpd_reply_text(struct wr_httpd_request *req, int status, wr_str text)
{
    struct wr_buf line = {0};
    wr_buf_add(&line, text);
    wr_buf_add_char(&line, '\n');
    wr_httpd_reply(req, &(struct wr_httpd_reply){
                            .status = status,
                            .type = WR_STR("text/plain"),
                            .body = wr_buf_str(&line),
                        });
    wr_buf_release(&line);
}

void wr_httpd_drop(struct wr_httpd_request *req)
{
    struct wr_httpd_conn *c = conn_of(req);
    wr_assert(c->held);
    wr_httpd_conn_close(c);
    conn_let_go(c);
}

void wr_httpd_stream_begin(struct wr_httpd_request *req, const struct wr_httpd_reply *reply)
{
    struct wr_httpd_conn *c = conn_of(req);
    wr_assert(c->held && !c->streaming);
    c->streaming = true;
    if (c->state == WR_HTTPD_CLOSED) {
        return;
    }
    c->chunked = c->head.http11;
    c->keep = c->keep && c->chunked && !reply->close && !c->server->closing;
    make_head(c, reply, true);
    wr_str head = wr_buf_str(&c->text);
    out_send(c, &head, 1);
}

bool wr_httpd_stream_send(struct wr_httpd_request *req, wr_str bytes)
{
    struct wr_httpd_conn *c = conn_of(req);
    wr_assert(c->held && c->streaming);
    if (c->state == WR_HTTPD_CLOSED ||
        (c->writing && waiting_bytes(c) + bytes.len > c->server->o.stream_max)) {
        return false;
    }
    if (bytes.len == 0 || c->body_left_out) {
        return true; // an empty chunk would be the end
    }
    if (!c->chunked) {
        out_send(c, &bytes, 1);
    } else {
        char size[24];
        int len = snprintf(size, sizeof size, "%zx\r\n", bytes.len);
        wr_str parts[] = {{size, (size_t)len}, bytes, WR_STR("\r\n")};
        out_send(c, parts, WR_COUNT(parts));
    }
    return c->state != WR_HTTPD_CLOSED;
}

size_t wr_httpd_stream_queued(const struct wr_httpd_request *req)
{
    const struct wr_httpd_conn *c = conn_of(req);
    return c->state == WR_HTTPD_CLOSED ? 0 : waiting_bytes(c);
}

void wr_httpd_stream_end(struct wr_httpd_request *req)
{
    struct wr_httpd_conn *c = conn_of(req);
    wr_assert(c->held && c->streaming);
    if (c->state == WR_HTTPD_CLOSED) {
        conn_let_go(c);
        return;
    }
    c->held = false;
    if (c->chunked && !c->body_left_out) {
        wr_str last = WR_STR("0\r\n\r\n");
        out_send(c, &last, 1);
    }
    reply_complete(c);
}
