// The HTTP client against real servers on the same loop: weir's own (sinks/lib/httpd), and a raw
// one that misbehaves.
#include "sinks/lib/http.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sinks/lib/httpd.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

static uv_loop_t *loop;
static struct wr_httpd *server;
static uint16_t port;
static struct wr_httpd_request *later;
static bool closed;

// ---- a server that echoes

static void on_request(void *user, struct wr_httpd_request *req)
{
    struct wr_buf body = {0};
    wr_str path = req->head->path;
    if (wr_str_eq(path, S("/later"))) {
        later = req;
        return;
    }
    if (wr_str_eq(path, S("/moved"))) {
        static const struct wr_http1_header to = {WR_STR_INIT("Location"), WR_STR_INIT("/echo")};
        wr_httpd_reply(req,
                       &(struct wr_httpd_reply){.status = 301, .headers = &to, .header_count = 1});
        return;
    }
    if (wr_str_eq(path, S("/big"))) {
        for (int i = 0; i < 100000; i++) {
            wr_buf_add(&body, S("0123456789"));
        }
    } else {
        wr_buf_addf(&body, "%.*s %.*s?%.*s", WR_STR_ARG(req->head->method), WR_STR_ARG(path),
                    WR_STR_ARG(req->head->query));
        for (unsigned i = 0; i < req->head->header_count; i++) {
            wr_str name = req->head->headers[i].name;
            if (wr_str_starts(name, S("X-")) || wr_str_eq(name, S("Content-Type")) ||
                wr_str_eq(name, S("Expect")) || wr_str_eq(name, S("Content-Length"))) {
                wr_buf_addf(&body, "|%.*s=%.*s", WR_STR_ARG(name),
                            WR_STR_ARG(req->head->headers[i].value));
            }
        }
        wr_buf_addf(&body, "|%zu|", req->body.len);
        wr_buf_add(&body, req->body.len > 100 ? wr_str_cut(req->body, 0, 100) : req->body);
    }
    static const struct wr_http1_header more = {WR_STR_INIT("X-More"), WR_STR_INIT("  a b ")};
    wr_httpd_reply(
        req, &(struct wr_httpd_reply){
                 .status = 200, .headers = &more, .header_count = 1, .body = wr_buf_str(&body)});
    wr_buf_release(&body);
}

static void on_gone(void *user, struct wr_httpd_request *req)
{
    if (req == later) {
        later = NULL;
    }
    wr_httpd_drop(req);
}

// ---- a server that says fixed bytes and ends the connection

static uv_tcp_t raw;
static const char *raw_says;

static void on_raw_closed(uv_handle_t *handle)
{
    free(handle);
}

static void on_raw_written(uv_write_t *write, int status)
{
    uv_close((uv_handle_t *)write->handle, on_raw_closed);
    free(write);
}

static void on_raw_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    static char bytes[4096];
    *buf = uv_buf_init(bytes, sizeof bytes);
}

static void on_raw_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    uv_read_stop(stream);
    uv_write_t *write = malloc(sizeof *write);
    uv_buf_t out = {.base = (char *)(uintptr_t)raw_says, .len = strlen(raw_says)};
    uv_write(write, stream, &out, 1, on_raw_written);
}

static void on_raw_connection(uv_stream_t *listener, int status)
{
    uv_tcp_t *peer = malloc(sizeof *peer);
    uv_tcp_init(loop, peer);
    uv_accept(listener, (uv_stream_t *)peer);
    uv_read_start((uv_stream_t *)peer, on_raw_alloc, on_raw_read);
}

static uint16_t port_of(const uv_tcp_t *tcp)
{
    struct sockaddr_in at;
    int len = sizeof at;
    uv_tcp_getsockname(tcp, (struct sockaddr *)&at, &len);
    return ntohs(at.sin_port);
}

static void raw_open(void)
{
    struct sockaddr_in at;
    uv_ip4_addr("127.0.0.1", 0, &at);
    uv_tcp_init(loop, &raw);
    assert_int_equal(uv_tcp_bind(&raw, (const struct sockaddr *)&at, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&raw, 8, on_raw_connection), 0);
}

// ---- a request and what came of it

struct call {
    struct wr_http_request req;
    char url[200];
    bool done;
    enum wr_http_outcome outcome;
    int status;
    bool reused;
    struct wr_buf body, more, why;
};

static void on_done(struct wr_http_request *req, const struct wr_http_response *r)
{
    struct call *c = req->user;
    assert_false(c->done);
    c->done = true;
    c->outcome = r->outcome;
    c->status = r->status;
    c->reused = r->reused;
    wr_buf_add(&c->body, r->body);
    wr_buf_add(&c->more, wr_http_response_header(r, S("x-more")));
    wr_buf_add(&c->why, wr_str_of(r->why));
}

static void call_init(struct call *c, const char *method, uint16_t to, const char *path)
{
    *c = (struct call){.req = {.method = method, .done = on_done}};
    snprintf(c->url, sizeof c->url, "http://127.0.0.1:%u%s", to, path);
    c->req.url = wr_str_of(c->url);
    c->req.user = c;
}

static void call_release(struct call *c)
{
    wr_buf_release(&c->body);
    wr_buf_release(&c->more);
    wr_buf_release(&c->why);
}

// A loop that waits looks at its timers only before it does.
static uv_timer_t tick;

static void on_tick(uv_timer_t *timer)
{
}

static void run_until(const bool *done)
{
    while (!*done) {
        uv_run(loop, UV_RUN_ONCE);
    }
}

static void on_closed(void *user)
{
    closed = true;
}

static struct wr_http *client(void)
{
    return wr_http_new(loop, &(struct wr_http_options){.timeout_ms = 5000});
}

static void client_close(struct wr_http *h)
{
    closed = false;
    wr_http_close(h, on_closed, NULL);
    assert_false(closed);
    run_until(&closed);
}

static void test_requests_as_they_are_sent(void **state)
{
    static const struct wr_http_header headers[] = {
        {WR_STR_INIT("X-One"), WR_STR_INIT("1: 2")},
        {WR_STR_INIT("Content-Type"), WR_STR_INIT("text/x")},
        {WR_STR_INIT("X-Empty"), WR_STR_INIT("")},
    };
    static const struct {
        const char *name, *method, *path, *body, *want;
        size_t headers;
    } cases[] = {
        {"GET", "GET", "/a%2Fb/../c?x=%20y&z", NULL, "GET /a%2Fb/../c?x=%20y&z|0|", 0},
        {"PUT", "PUT", "/k", "text",
         "PUT /k?|X-One=1: 2|Content-Type=text/x|X-Empty=|Content-Length=4|4|text", 3},
        {"POST, empty body", "POST", "/", "", "POST /?|Content-Length=0|0|", 0},
        {"DELETE", "DELETE", "/k", NULL, "DELETE /k?|0|", 0},
    };
    struct wr_http *h = client();
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct call c;
        call_init(&c, cases[i].method, port, cases[i].path);
        c.req.headers = headers;
        c.req.header_count = cases[i].headers;
        c.req.body = wr_str_of(cases[i].body);
        wr_http_send(h, &c.req);
        assert_false(c.done);
        run_until(&c.done);
        CHECK_INT(cases[i].name, c.outcome, WR_HTTP_ANSWERED);
        CHECK_INT(cases[i].name, c.status, 200);
        CHECK_STR(cases[i].name, wr_buf_str(&c.body), Z(cases[i].want));
        CHECK_STR(cases[i].name, wr_buf_str(&c.more), S("a b"));
        CHECK_INT(cases[i].name, c.reused, i > 0);
        call_release(&c);
    }
    client_close(h);
}

static void test_large_bodies_without_waiting_for_100(void **state)
{
    struct wr_http *h = client();
    struct wr_buf body = {0};
    for (int i = 0; i < 50000; i++) {
        wr_buf_add(&body, S("payload! "));
    }
    struct call c;
    call_init(&c, "PUT", port, "/large");
    c.req.body = wr_buf_str(&body);
    wr_http_send(h, &c.req);
    run_until(&c.done);
    assert_int_equal(c.status, 200);
    assert_true(wr_str_starts(wr_buf_str(&c.body), S("PUT /large?|Content-Length=450000|450000|")));
    call_release(&c);
    wr_buf_release(&body);
    client_close(h);
}

static void test_redirects_are_answers(void **state)
{
    struct wr_http *h = client();
    struct call c;
    call_init(&c, "GET", port, "/moved");
    wr_http_send(h, &c.req);
    run_until(&c.done);
    assert_int_equal(c.status, 301);
    call_release(&c);
    client_close(h);
}

static void test_limits_of_size_and_time(void **state)
{
    struct wr_http *h = client();
    struct call c;
    call_init(&c, "GET", port, "/big");
    c.req.response_max = 999999;
    wr_http_send(h, &c.req);
    run_until(&c.done);
    assert_int_equal(c.outcome, WR_HTTP_TOO_LARGE);
    call_release(&c);
    call_init(&c, "GET", port, "/big");
    c.req.response_max = 1000000;
    wr_http_send(h, &c.req);
    run_until(&c.done);
    assert_int_equal(c.outcome, WR_HTTP_ANSWERED);
    call_release(&c);
    call_init(&c, "GET", port, "/later");
    c.req.timeout_ms = 50;
    wr_http_send(h, &c.req);
    run_until(&c.done);
    assert_int_equal(c.outcome, WR_HTTP_TIMED_OUT);
    call_release(&c);
    client_close(h);
}

static void test_connections_that_fail(void **state)
{
    static const struct {
        const char *name, *says;
        enum wr_http_outcome outcome;
        int status;
    } cases[] = {
        {"nothing", "", WR_HTTP_CUT_OFF, 0},
        {"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", WR_HTTP_CUT_OFF, 0},
        {"no HTTP", "SSH-2.0-x\r\n\r\n", WR_HTTP_CUT_OFF, 0},
        {"closing", "HTTP/1.1 503 No\r\nConnection: close\r\n\r\nbusy", WR_HTTP_ANSWERED, 503},
    };
    struct wr_http *h = client();
    raw_open();
    struct call c;
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        raw_says = cases[i].says;
        call_init(&c, "GET", port_of(&raw), "/");
        wr_http_send(h, &c.req);
        run_until(&c.done);
        bool other = cases[i].outcome == WR_HTTP_CUT_OFF && c.outcome == WR_HTTP_BAD_REQUEST;
        CHECK_INT(cases[i].name, other ? WR_HTTP_CUT_OFF : c.outcome, cases[i].outcome);
        CHECK_INT(cases[i].name, c.status, cases[i].status);
        call_release(&c);
    }
    uint16_t gone = port_of(&raw);
    uv_close((uv_handle_t *)&raw, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
    call_init(&c, "GET", gone, "/");
    wr_http_send(h, &c.req);
    run_until(&c.done);
    assert_int_equal(c.outcome, WR_HTTP_UNCONNECTED);
    assert_true(c.why.len > 0);
    call_release(&c);
    client_close(h);
}

static void test_what_cannot_be_sent(void **state)
{
    static const struct wr_http_header split = {WR_STR_INIT("X-A"), WR_STR_INIT("a\r\nX-B: b")};
    static const struct wr_http_header named = {WR_STR_INIT("X-A: b"), WR_STR_INIT("a")};
    struct wr_http *h = client();
    struct call c;
    call_init(&c, "GET", port, "/");
    c.req.headers = &split;
    c.req.header_count = 1;
    wr_http_send(h, &c.req);
    assert_false(c.done);
    run_until(&c.done);
    assert_int_equal(c.outcome, WR_HTTP_BAD_REQUEST);
    call_release(&c);
    call_init(&c, "GET", port, "/");
    c.req.headers = &named;
    c.req.header_count = 1;
    wr_http_send(h, &c.req);
    run_until(&c.done);
    assert_int_equal(c.outcome, WR_HTTP_BAD_REQUEST);
    call_release(&c);
    call_init(&c, "GET", port, "/");
    c.req.url = S("file:///etc/passwd");
    wr_http_send(h, &c.req);
    run_until(&c.done);
    assert_int_equal(c.outcome, WR_HTTP_BAD_REQUEST);
    call_release(&c);
    client_close(h);
}

static void test_cancel_and_close_answer_everything(void **state)
{
    struct wr_http *h = client();
    struct call a, b;
    call_init(&a, "GET", port, "/later");
    call_init(&b, "GET", port, "/later");
    wr_http_send(h, &a.req);
    wr_http_send(h, &b.req);
    for (int i = 0; i < 10; i++) {
        uv_run(loop, UV_RUN_NOWAIT);
    }
    wr_http_cancel(h, &a.req);
    assert_false(a.done);
    run_until(&a.done);
    assert_int_equal(a.outcome, WR_HTTP_CANCELLED);
    assert_int_equal(wr_http_pending(h), 1);
    client_close(h);
    assert_true(b.done);
    assert_int_equal(b.outcome, WR_HTTP_CANCELLED);
    call_release(&a);
    call_release(&b);
}

static void test_many_at_once_over_few_connections(void **state)
{
    enum { COUNT = 300 };
    static struct call calls[COUNT];
    struct wr_http *h = wr_http_new(loop, &(struct wr_http_options){.per_host_max = 4});
    unsigned reused = 0;
    for (int i = 0; i < COUNT; i++) {
        char path[40];
        snprintf(path, sizeof path, "/n/%d", i);
        call_init(&calls[i], "GET", port, path);
        wr_http_send(h, &calls[i].req);
    }
    for (int i = 0; i < COUNT; i++) {
        run_until(&calls[i].done);
        char want[60];
        snprintf(want, sizeof want, "GET /n/%d?|0|", i);
        CHECK_STR("body", wr_buf_str(&calls[i].body), Z(want));
        reused += calls[i].reused;
        call_release(&calls[i]);
    }
    assert_int_equal(reused, COUNT - 4);
    client_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_requests_as_they_are_sent),
        T(test_large_bodies_without_waiting_for_100),
        T(test_redirects_are_answers),
        T(test_limits_of_size_and_time),
        T(test_connections_that_fail),
        T(test_what_cannot_be_sent),
        T(test_cancel_and_close_answer_everything),
        T(test_many_at_once_over_few_connections),
    };
    signal(SIGPIPE, SIG_IGN);
    loop = uv_default_loop();
    struct wr_httpd_options options = {
        .host = "127.0.0.1", .request = on_request, .gone = on_gone, .connections_max = 512};
    struct wr_fault fault;
    if (wr_httpd_open(loop, &options, &server, &fault)) {
        fprintf(stderr, "%s\n", fault.text);
        return 1;
    }
    port = wr_httpd_port(server);
    uv_timer_init(loop, &tick);
    uv_timer_start(&tick, on_tick, 5, 5);
    int failed = TEST_MAIN(tests);
    wr_httpd_close(server, NULL, NULL);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    return uv_loop_close(loop) ? 1 : failed;
}
