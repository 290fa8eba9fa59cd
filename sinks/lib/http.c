// libcurl's sockets and timer on a loop. Transfers (an easy handle with its buffers) are kept and
// used again, so that a request in steady state allocates nothing here.
#include "sinks/lib/http.h"

#include <stdio.h>
#include <stdlib.h>

#include <curl/curl.h>

#include "sinks/lib/recorder.h"

#include "sql/base/banned.h"

#define KEEP_TRANSFERS 256          // easy handles kept for later
#define KEEP_BUFFER    (256u << 10) // bytes of a buffer kept with one
#define HEADERS_MAX    (64u << 10)  // of an answer

struct wr_http_transfer {
    CURL *easy;
    struct wr_http *http;
    struct wr_http_request *req; // NULL: free
    struct wr_buf text;          // URL and header lines, each with its NUL
    struct curl_slist lines[WR_HTTP_HEADERS_MAX + 2];
    struct wr_buf body, headers; // of the answer
    size_t response_max;
    bool too_large;
    char error[CURL_ERROR_SIZE];
    struct wr_http_transfer *next, *before;
    enum wr_http_outcome early; // not ANSWERED: has failed or was cancelled without libcurl
    bool kept;                  // by the recorder: no libcurl either
    const char *early_why;
};

struct socket {
    uv_poll_t poll;
    struct wr_http *http;
    curl_socket_t fd;
};

struct wr_http {
    struct wr_http_options options;
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer;
    uv_timer_t soon; // answers that need no network, so that none comes from inside a call
    struct wr_http_transfer *active, *free, *early;
    size_t free_count, pending;
    int handles; // of the loop
    bool closing;
    void (*closed)(void *user);
    void *closed_user;
};

// ---- transfers

static size_t on_body(char *at, size_t size, size_t count, void *user)
{
    struct wr_http_transfer *t = user;
    size_t len = size * count;
    if (len > t->response_max - t->body.len) {
        t->too_large = true;
        return 0;
    }
    wr_buf_add(&t->body, (wr_str){at, len});
    return len;
}

static size_t on_header(char *at, size_t size, size_t count, void *user)
{
    struct wr_http_transfer *t = user;
    size_t len = size * count;
    wr_str line = {at, len};
    if (wr_str_starts(line, WR_STR("HTTP/"))) {
        wr_buf_clear(&t->headers); // of a 100 Continue, or of a proxy's CONNECT, before it
    }
    if (len > HEADERS_MAX - t->headers.len) {
        t->too_large = true;
        return 0;
    }
    wr_buf_add(&t->headers, line);
    return len;
}

// What is the same for every request.
static struct wr_http_transfer *transfer_new(struct wr_http *h)
{
    struct wr_http_transfer *t = wr_zalloc(sizeof *t);
    t->http = h;
    t->easy = curl_easy_init();
    if (!t->easy) {
        wr_out_of_memory(sizeof *t);
    }
    CURL *e = t->easy;
    const struct wr_http_options *o = &h->options;
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
    curl_easy_setopt(e, CURLOPT_USERAGENT, o->user_agent);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    if (o->ca_file) {
        curl_easy_setopt(e, CURLOPT_CAINFO, o->ca_file);
    }
    if (o->cert_file) {
        curl_easy_setopt(e, CURLOPT_SSLCERT, o->cert_file);
        curl_easy_setopt(e, CURLOPT_SSLKEY, o->key_file);
    }
    if (o->no_proxy) {
        curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    }
    if (o->insecure) {
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    return t;
}

static void transfer_free(struct wr_http_transfer *t)
{
    curl_easy_cleanup(t->easy);
    wr_buf_release(&t->text);
    wr_buf_release(&t->body);
    wr_buf_release(&t->headers);
    free(t);
}

static void link_to(struct wr_http_transfer **list, struct wr_http_transfer *t)
{
    t->before = NULL;
    t->next = *list;
    if (*list) {
        (*list)->before = t;
    }
    *list = t;
}

static void unlink_from(struct wr_http_transfer **list, struct wr_http_transfer *t)
{
    if (t->before) {
        t->before->next = t->next;
    } else {
        *list = t->next;
    }
    if (t->next) {
        t->next->before = t->before;
    }
}

static void trim(struct wr_buf *b, bool wipe)
{
    if (wipe && b->at) {
        explicit_bzero(b->at, b->cap_);
    }
    if (b->cap_ > KEEP_BUFFER) {
        wr_buf_release(b);
    } else {
        wr_buf_clear(b);
    }
}

// Answer the request; the transfer is in no list.
static void answer(struct wr_http_transfer *t, const struct wr_http_response *response)
{
    struct wr_http *h = t->http;
    struct wr_http_request *req = t->req;
    t->req = NULL;
    req->transfer_ = NULL;
    h->pending--;
    bool wipe = req->secret; // the request may be gone after `done`
    req->done(req, response);
    trim(&t->text, wipe);
    trim(&t->body, wipe);
    trim(&t->headers, wipe);
    if (h->closing || h->free_count >= KEEP_TRANSFERS) {
        transfer_free(t);
    } else {
        link_to(&h->free, t);
        h->free_count++;
    }
}

// ---- answers

static enum wr_http_outcome outcome_of(const struct wr_http_transfer *t, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return WR_HTTP_ANSWERED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return WR_HTTP_UNRESOLVED;
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
    case CURLE_PROXY:
        return WR_HTTP_UNCONNECTED;
    case CURLE_OPERATION_TIMEDOUT:
        return WR_HTTP_TIMED_OUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return WR_HTTP_UNTRUSTED;
    case CURLE_WRITE_ERROR:
        return t->too_large ? WR_HTTP_TOO_LARGE : WR_HTTP_CUT_OFF;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_FUNCTION_ARGUMENT:
        return WR_HTTP_BAD_REQUEST;
    default:
        return WR_HTTP_CUT_OFF;
    }
}

static void finished(struct wr_http_transfer *t, CURLcode code)
{
    struct wr_http *h = t->http;
    char why[CURL_ERROR_SIZE + 64];
    struct wr_http_response r = {.outcome = outcome_of(t, code)};
    long status = 0, connects = 0;
    curl_multi_remove_handle(h->multi, t->easy);
    unlink_from(&h->active, t);
    if (r.outcome == WR_HTTP_ANSWERED) {
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
        r.status = (int)status;
        r.body = wr_buf_str(&t->body);
        r.headers = wr_buf_str(&t->headers);
        r.reused = connects == 0;
        r.close =
            wr_str_eq_nocase(wr_http_response_header(&r, WR_STR("connection")), WR_STR("close"));
    } else if (r.outcome == WR_HTTP_TOO_LARGE) {
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        r.status = (int)status;
        snprintf(why, sizeof why, "the answer has more than %zu bytes", t->response_max);
        r.why = why;
    } else {
        snprintf(why, sizeof why, "%s", t->error[0] ? t->error : curl_easy_strerror(code));
        r.why = why;
    }
    answer(t, &r);
}

static void take_answers(struct wr_http *h)
{
    int left;
    const CURLMsg *m;
    while ((m = curl_multi_info_read(h->multi, &left))) {
        if (m->msg == CURLMSG_DONE) {
            struct wr_http_transfer *t;
            CURLcode code = m->data.result; // the message goes with the handle
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
            finished(t, code);
        }
    }
}

static void end_if_closed(struct wr_http *h);

static void on_soon(uv_timer_t *timer)
{
    struct wr_http *h = timer->data;
    while (h->early) {
        struct wr_http_transfer *t = h->early;
        unlink_from(&h->early, t);
        struct wr_http_response r = {.outcome = t->early, .why = t->early_why};
        if (r.outcome == WR_HTTP_ANSWERED) { // recorded
            r.status = 200;
            r.recorded = true;
        }
        answer(t, &r);
    }
    end_if_closed(h);
}

static void fail_soon(struct wr_http_transfer *t, enum wr_http_outcome outcome, const char *why)
{
    struct wr_http *h = t->http;
    t->early = outcome;
    t->early_why = why;
    link_to(&h->early, t);
    uv_timer_start(&h->soon, on_soon, 0, 0);
}

// ---- sockets and the timer

static void on_socket_closed(uv_handle_t *handle)
{
    struct socket *s = handle->data;
    struct wr_http *h = s->http;
    free(s);
    h->handles--;
    end_if_closed(h);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct socket *s = poll->data;
    struct wr_http *h = s->http;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) | (status < 0 ? CURL_CSELECT_ERR : 0);
    int running;
    curl_multi_socket_action(h->multi, s->fd, flags, &running); // may free s
    take_answers(h);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket)
{
    struct wr_http *h = user;
    struct socket *s = socket;
    if (what == CURL_POLL_REMOVE) {
        if (s) {
            curl_multi_assign(h->multi, fd, NULL);
            uv_poll_stop(&s->poll);
            uv_close((uv_handle_t *)&s->poll, on_socket_closed);
        }
        return 0;
    }
    if (!s) {
        s = wr_zalloc(sizeof *s);
        s->http = h;
        s->fd = fd;
        if (uv_poll_init_socket(h->loop, &s->poll, fd) != 0) {
            free(s);
            return -1;
        }
        s->poll.data = s;
        h->handles++;
        curl_multi_assign(h->multi, fd, s);
    }
    uv_poll_start(&s->poll,
                  (what & CURL_POLL_IN ? UV_READABLE : 0) |
                      (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
                  on_poll);
    return 0;
}

static void on_timeout(uv_timer_t *timer)
{
    struct wr_http *h = timer->data;
    int running;
    curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_answers(h);
}

static int on_timer(CURLM *multi, long timeout_ms, void *user)
{
    struct wr_http *h = user;
    if (timeout_ms < 0) {
        uv_timer_stop(&h->timer);
    } else { // never from inside: libcurl is not re-entrant here
        uv_timer_start(&h->timer, on_timeout, timeout_ms > 0 ? (uint64_t)timeout_ms : 1, 0);
    }
    return 0;
}

// ---- requests

// Bytes that would begin another line, or end the text.
static bool one_line(wr_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\r' || s.at[i] == '\n' || s.at[i] == '\0') {
            return false;
        }
    }
    return true;
}

static const char *check(const struct wr_http_request *req)
{
    if (req->url.len > WR_HTTP_URL_MAX) {
        return "the URL is longer than 8192 bytes";
    }
    if (!one_line(req->url)) {
        return "the URL holds a control character";
    }
    if (req->header_count > WR_HTTP_HEADERS_MAX) {
        return "more than 112 headers";
    }
    for (size_t i = 0; i < req->header_count; i++) {
        const struct wr_http_header *x = &req->headers[i];
        if (x->name.len == 0 || !one_line(x->name) || !one_line(x->value) ||
            memchr(x->name.at, ':', x->name.len)) {
            return "a header with a control character, or without a name";
        }
    }
    return NULL;
}

// "Name: value" for each, in one buffer; a header without value is "Name;" to libcurl.
static void set_headers(struct wr_http_transfer *t)
{
    const struct wr_http_request *req = t->req;
    size_t offsets[WR_HTTP_HEADERS_MAX + 2], count = 0;
    wr_buf_clear(&t->text);
    wr_buf_add(&t->text, req->url);
    wr_buf_add_char(&t->text, '\0');
    for (size_t i = 0; i < req->header_count; i++) {
        const struct wr_http_header *x = &req->headers[i];
        offsets[count++] = t->text.len;
        wr_buf_add(&t->text, x->name);
        wr_buf_add(&t->text, x->value.len ? WR_STR(": ") : WR_STR(";"));
        wr_buf_add(&t->text, x->value);
        wr_buf_add_char(&t->text, '\0');
    }
    // Not to wait for "100 Continue"; and no type that nobody has asked for.
    static const wr_str without[] = {WR_STR_INIT("Expect:"), WR_STR_INIT("Content-Type:")};
    bool typed = false;
    for (size_t i = 0; i < req->header_count; i++) {
        typed |= wr_str_eq_nocase(req->headers[i].name, WR_STR("content-type"));
    }
    for (size_t i = 0; i < (typed ? 1u : 2u); i++) {
        offsets[count++] = t->text.len;
        wr_buf_add(&t->text, without[i]);
        wr_buf_add_char(&t->text, '\0');
    }
    for (size_t i = 0; i < count; i++) {
        t->lines[i].data = t->text.at + offsets[i];
        t->lines[i].next = i + 1 < count ? &t->lines[i + 1] : NULL;
    }
}

static void set_up(struct wr_http_transfer *t)
{
    const struct wr_http_request *req = t->req;
    CURL *e = t->easy;
    set_headers(t);
    t->error[0] = '\0';
    t->too_large = false;
    t->response_max = req->response_max ? req->response_max : t->http->options.response_max;
    curl_easy_setopt(e, CURLOPT_URL, t->text.at);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->lines);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS,
                     (long)(req->timeout_ms ? req->timeout_ms : t->http->options.timeout_ms));
    // The order matters: each of these sets the method too, the last one by name.
    curl_easy_setopt(e, CURLOPT_NOBODY, 0L);
    if (req->body.at) {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.len);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, req->body.at);
    } else {
        curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
    }
    if (strcmp(req->method, "HEAD") == 0) {
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, req->method);
}

static void record(struct wr_http_transfer *t)
{
    const char *why = wr_recorder_keep(t->http->options.recorder, t->req);
    t->kept = true;
    fail_soon(t, why ? WR_HTTP_UNCONNECTED : WR_HTTP_ANSWERED, why);
}

void wr_http_send(struct wr_http *h, struct wr_http_request *req)
{
    wr_assert(!h->closing);
    struct wr_http_transfer *t = h->free;
    if (t) {
        unlink_from(&h->free, t);
        h->free_count--;
    } else {
        t = transfer_new(h);
    }
    t->req = req;
    t->kept = false;
    req->transfer_ = t;
    h->pending++;
    const char *wrong = check(req);
    if (wrong) {
        fail_soon(t, WR_HTTP_BAD_REQUEST, wrong);
        return;
    }
    if (h->options.recorder) {
        record(t);
        return;
    }
    set_up(t);
    if (curl_multi_add_handle(h->multi, t->easy) != CURLM_OK) {
        fail_soon(t, WR_HTTP_BAD_REQUEST, "libcurl does not take the request");
        return;
    }
    t->early = WR_HTTP_ANSWERED;
    link_to(&h->active, t);
}

void wr_http_cancel(struct wr_http *h, struct wr_http_request *req)
{
    struct wr_http_transfer *t = req->transfer_;
    if (!t || t->kept || t->early != WR_HTTP_ANSWERED) {
        return;
    }
    curl_multi_remove_handle(h->multi, t->easy);
    unlink_from(&h->active, t);
    fail_soon(t, WR_HTTP_CANCELLED, "cancelled");
}

wr_str wr_http_response_header(const struct wr_http_response *response, wr_str name)
{
    wr_str left = response->headers;
    while (left.len > 0) {
        const char *end = memchr(left.at, '\n', left.len);
        size_t len = end ? (size_t)(end - left.at) : left.len;
        wr_str line = {left.at, len};
        left = wr_str_cut(left, end ? len + 1 : len, left.len);
        if (line.len > name.len && line.at[name.len] == ':' &&
            wr_str_eq_nocase((wr_str){line.at, name.len}, name)) {
            size_t from = name.len + 1, to = line.len;
            while (from < to && (line.at[from] == ' ' || line.at[from] == '\t')) {
                from++;
            }
            while (to > from &&
                   (line.at[to - 1] == ' ' || line.at[to - 1] == '\r' || line.at[to - 1] == '\t')) {
                to--;
            }
            return wr_str_cut(line, from, to);
        }
    }
    return (wr_str){0};
}

size_t wr_http_pending(const struct wr_http *h)
{
    return h->pending;
}

// ---- open and close

struct wr_http *wr_http_new(uv_loop_t *loop, const struct wr_http_options *options)
{
    static bool initialised;
    if (!initialised) {
        initialised = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
        wr_assert(initialised);
    }
    struct wr_http *h = wr_zalloc(sizeof *h);
    struct wr_http_options *o = &h->options;
    *o = *options;
    o->per_host_max = o->per_host_max ? o->per_host_max : 64;
    o->connections_max = o->connections_max ? o->connections_max : 256;
    o->connect_timeout_ms = o->connect_timeout_ms ? o->connect_timeout_ms : 5000;
    o->timeout_ms = o->timeout_ms ? o->timeout_ms : 30000;
    o->response_max = o->response_max ? o->response_max : 4u << 20;
    o->user_agent = o->user_agent ? o->user_agent : "weir";
    h->loop = loop;
    h->multi = curl_multi_init();
    if (!h->multi) {
        wr_out_of_memory(sizeof *h);
    }
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)o->per_host_max);
    curl_multi_setopt(h->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)o->connections_max);
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)o->connections_max);
    uv_timer_init(loop, &h->timer);
    uv_timer_init(loop, &h->soon);
    h->timer.data = h->soon.data = h;
    h->handles = 2;
    return h;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct wr_http *h = handle->data;
    h->handles--;
    end_if_closed(h);
}

static void end_if_closed(struct wr_http *h)
{
    if (!h->closing || h->pending > 0) {
        return;
    }
    if (h->multi) {
        CURLM *multi = h->multi;
        while (h->free) {
            struct wr_http_transfer *t = h->free;
            unlink_from(&h->free, t);
            transfer_free(t);
        }
        curl_multi_cleanup(multi); // its sockets come back through on_socket()
        h->multi = NULL;
        uv_close((uv_handle_t *)&h->timer, on_timer_closed);
        uv_close((uv_handle_t *)&h->soon, on_timer_closed);
        return;
    }
    if (h->handles > 0) {
        return;
    }
    void (*closed)(void *user) = h->closed;
    void *user = h->closed_user;
    free(h);
    if (closed) {
        closed(user);
    }
}

void wr_http_close(struct wr_http *h, void (*closed)(void *user), void *user)
{
    h->closing = true;
    h->closed = closed;
    h->closed_user = user;
    while (h->active) {
        wr_http_cancel(h, h->active->req);
    }
    uv_timer_start(&h->soon, on_soon, 0, 0);
}
