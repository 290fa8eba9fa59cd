// The HTTP server, over real sockets on loopback. Client and server share the thread: the client's
// sockets do not block, and waiting means turning the loop.

#include "sinks/lib/httpd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sql/base/buf.h"
#include "sql/base/clock.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

#define WAIT_MS 30000

static uv_loop_t *loop;

// ---- the server under test: echoes what it understood

struct server {
    struct wr_httpd *h;
    struct wr_httpd_request *later; // asked for "/later" or "/stream"
    int requests, gone;
    bool closed;
};

static void on_request(void *user, struct wr_httpd_request *req)
{
    struct server *s = user;
    s->requests++;
    req->user = s;
    if (wr_str_eq(req->head->path, S("/later")) || wr_str_eq(req->head->path, S("/stream"))) {
        s->later = req;
        return;
    }
    if (wr_str_eq(req->head->path, S("/big"))) {
        struct wr_buf body = {0};
        while (body.len < 8u << 20) {
            wr_buf_add(&body, S("0123456789abcdef"));
        }
        wr_httpd_reply(req, &(struct wr_httpd_reply){.status = 200, .body = wr_buf_str(&body)});
        wr_buf_release(&body);
        return;
    }
    struct wr_buf body = {0};
    wr_buf_add(&body, req->head->method);
    wr_buf_add_char(&body, ' ');
    wr_buf_add(&body, req->head->path);
    wr_buf_add_char(&body, '|');
    wr_buf_add(&body, req->head->query);
    wr_buf_add_char(&body, '|');
    wr_buf_add(&body, wr_http1_header(req->head, S("x-test")));
    wr_buf_add_char(&body, '|');
    wr_buf_add(&body, req->body);
    static const struct wr_http1_header more = {WR_STR_INIT("X-More"), WR_STR_INIT("a\r\nb")};
    wr_httpd_reply(req, &(struct wr_httpd_reply){
                            .status = 200,
                            .type = S("text/plain"),
                            .headers = &more,
                            .header_count = 1,
                            .body = wr_buf_str(&body),
                        });
    wr_buf_release(&body);
}

static void on_gone(void *user, struct wr_httpd_request *req)
{
    struct server *s = user;
    wr_assert(req->gone && req->user == s);
    s->gone++;
}

static void on_closed(void *user)
{
    ((struct server *)user)->closed = true;
}

static void server_open(struct server *s, struct wr_httpd_options o)
{
    struct wr_fault fault = {0};
    *s = (struct server){0};
    o.request = on_request;
    o.gone = on_gone;
    o.user = s;
    if (!o.path && !o.host) {
        o.host = "127.0.0.1";
    }
    if (wr_httpd_open(loop, &o, &s->h, &fault) != WR_OK) {
        CASE_FAIL("open", "%s", fault.text);
    }
}

static bool in_time(int64_t start_ms)
{
    return (wr_mono_now().us / 1000) - start_ms < WAIT_MS;
}

static int64_t now_ms(void)
{
    return wr_mono_now().us / 1000;
}

static void turn(void)
{
    uv_run(loop, UV_RUN_NOWAIT);
    usleep(200);
}

static void server_close(struct server *s)
{
    wr_httpd_close(s->h, on_closed, s);
    assert_false(s->closed); // never from inside
    for (int64_t start = now_ms(); !s->closed && in_time(start);) {
        turn();
    }
    assert_true(s->closed);
    assert_int_equal(uv_run(loop, UV_RUN_NOWAIT), 0); // no handle is left
}

// ---- the client

struct client {
    int fd;
    bool eof, reset;
    struct wr_buf got;
};

static void client_open(struct client *c, const struct server *s, const char *path)
{
    *c = (struct client){0};
    if (path) {
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        memcpy(to.sun_path, path, strlen(path) + 1);
        c->fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof to), 0);
    } else {
        struct sockaddr_in to;
        uv_ip4_addr("127.0.0.1", wr_httpd_port(s->h), &to);
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof to), 0);
    }
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

static void client_close(struct client *c)
{
    close(c->fd);
    wr_buf_release(&c->got);
}

static void client_send(struct client *c, wr_str bytes)
{
    for (int64_t start = now_ms(); bytes.len > 0 && in_time(start);) {
        ssize_t n = send(c->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        if (n > 0) {
            bytes = wr_str_cut(bytes, (size_t)n, bytes.len);
        } else if (errno != EAGAIN) {
            return; // refused while we were sending: the reply tells
        }
        turn();
    }
}

static void client_read(struct client *c)
{
    char part[65536];
    ssize_t n;
    while ((n = recv(c->fd, part, sizeof part, 0)) > 0) {
        wr_buf_add(&c->got, (wr_str){part, (size_t)n});
    }
    c->eof = c->eof || n == 0;
    c->reset = c->reset || (n < 0 && errno == ECONNRESET);
}

static size_t count(wr_str in, wr_str what)
{
    size_t times = 0;
    ptrdiff_t at;
    while ((at = wr_str_find(in, what)) >= 0) {
        times++;
        in = wr_str_cut(in, (size_t)at + what.len, in.len);
    }
    return times;
}

// Until `text` has arrived `times` times.
static void client_want_times(struct client *c, const char *name, wr_str text, size_t times)
{
    for (int64_t start = now_ms(); in_time(start);) {
        turn();
        client_read(c);
        if (count(wr_buf_str(&c->got), text) >= times) {
            return;
        }
    }
    CASE_FAIL(name, "no '%.*s' in '%.*s'", WR_STR_ARG(text), (int)c->got.len,
              wr_buf_terminated(&c->got));
}

static void client_want(struct client *c, const char *name, wr_str text)
{
    client_want_times(c, name, text, 1);
}

static void client_want_eof(struct client *c, const char *name)
{
    for (int64_t start = now_ms(); !c->eof && !c->reset && in_time(start);) {
        turn();
        client_read(c);
    }
    CHECK(name, c->eof || c->reset);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

// ---- requests and what comes back

struct exchange {
    const char *name;
    wr_str send;
    const char *want[2]; // must be in the answer
    bool ends;           // the server closes the connection by itself
};

static const struct exchange exchanges[] = {
    {"get", WR_STR_INIT(GET("/a/b?x=1&y")), {"HTTP/1.1 200 OK\r\n", "GET /a/b|x=1&y||"}, false},
    {"header value is trimmed",
     WR_STR_INIT("GET / HTTP/1.1\r\nHost:h\r\nX-TEST: \t v w \t\r\n\r\n"),
     {"GET /||v w|", "Content-Length: 11"},
     false},
    {"post",
     WR_STR_INIT("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab\0cd"),
     {"POST /p|||ab", "Content-Length: 15\r\n"},
     false},
    {"reply headers cannot be split", WR_STR_INIT(GET("/")), {"X-More: a  b\r\n", "Date: "}, false},
    {"chunked",
     WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "3\r\nabc\r\n0A;x=\"y\"\r\n0123456789\r\n0\r\nX-T: v\r\n\r\n"),
     {"POST /|||abc0123456789", "200 OK"},
     false},
    {"head has no body",
     WR_STR_INIT("HEAD /h HTTP/1.1\r\nHost: h\r\n\r\n" GET("/2")),
     {"Content-Length: 10\r\n\r\nHTTP/1.1 200 OK", "GET /2|||"},
     false},
    {"connection close",
     WR_STR_INIT("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
     {"200 OK", "Connection: close"},
     true},
    {"http 1.0", WR_STR_INIT("GET /o HTTP/1.0\r\n\r\n"), {"200 OK", "GET /o|||"}, true},
    {"http 1.0 keep-alive",
     WR_STR_INIT("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
     {"200 OK", "Connection: keep-alive"},
     false},
    {"continue",
     WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"),
     {"HTTP/1.1 100 Continue\r\n\r\n"},
     false},
    {"unknown expectation",
     WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nExpect: cake\r\n\r\n"),
     {" 417 "},
     true},
    {"continue is not said to a body that is too long",
     WR_STR_INIT(
         "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n"),
     {"HTTP/1.1 413 "},
     true},
    {"body over the limit",
     WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1025\r\n\r\n"),
     {" 413 "},
     true},
    {"chunked body over the limit",
     WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n"),
     {" 413 "},
     true},
    {"not http", WR_STR_INIT("\x16\x03\x01\x02\x00\x01"), {" 400 "}, true},
    {"unknown method", WR_STR_INIT("FROB / HTTP/1.1\r\nHost: h\r\n\r\n"), {" 400 "}, true},
    {"http 0.9", WR_STR_INIT("GET /\r\n\r\n"), {"HTTP/1.1 "}, true},
    {"http 2.0", WR_STR_INIT("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), {" 505 "}, true},
    {"http 1.2", WR_STR_INIT("GET / HTTP/1.2\r\nHost: h\r\n\r\n"), {" 505 "}, true},
    {"no host", WR_STR_INIT("GET / HTTP/1.1\r\n\r\n"), {" 400 "}, true},
    {"two hosts", WR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), {" 400 "}, true},
    {"host that is none", WR_STR_INIT("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), {" 400 "}, true},
    {"bare LF in a header",
     WR_STR_INIT("GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n"),
     {" 400 "},
     true},
    {"bare LF at the end", WR_STR_INIT("GET / HTTP/1.1\r\nHost: h\r\n\n"), {" 400 "}, true},
    {"bare CR", WR_STR_INIT("GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n"), {" 400 "}, true},
    {"NUL in a value", WR_STR_INIT("GET / HTTP/1.1\r\nHost: h\r\nX: \0\r\n\r\n"), {" 400 "}, true},
    {"blank before the colon", WR_STR_INIT("GET / HTTP/1.1\r\nHost : h\r\n\r\n"), {" 400 "}, true},
    {"folded header",
     WR_STR_INIT("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n"),
     {" 400 "},
     true},
    {"header without a colon",
     WR_STR_INIT("GET / HTTP/1.1\r\nHost: h\r\nnonsense\r\n\r\n"),
     {" 400 "},
     true},
    {"two blanks in the request line",
     WR_STR_INIT("GET  / HTTP/1.1\r\nHost: h\r\n\r\n"),
     {" 400 "},
     true},
    {"absolute target", WR_STR_INIT("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), {" 400 "}, true},
    {"asterisk target", WR_STR_INIT("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), {" 400 "}, true},
    {"connect", WR_STR_INIT("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), {" 501 "}, true},
    {"upgrade",
     WR_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
     {" 501 "},
     true},
    {"two lengths",
     WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
     {" 400 "},
     true},
    {"the same length twice",
     WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nab"),
     {" 400 "},
     true},
    {"length list",
     WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\na"),
     {" 400 "},
     true},
    {"length with a sign",
     WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na"),
     {" 400 "},
     true},
    {"length beyond 64 bits",
     WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\na"),
     {" 400 "},
     true},
    {"length and chunked",
     WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     {" 400 "},
     true},
    {"chunked in http 1.0",
     WR_STR_INIT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     {" 400 "},
     true},
    {"chunked twice",
     WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     {" 400 "},
     true},
    {"other encoding",
     WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
     {" 501 "},
     true},
    {"chunk size that is none",
     WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"),
     {" 400 "},
     true},
    {"chunk size that wraps",
     WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "10000000000000001\r\na\r\n0\r\n\r\n"),
     {"HTTP/1.1 4"},
     true},
    {"bare LF behind a chunk size",
     WR_STR_INIT(
         "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n"),
     {" 400 "},
     true},
    {"bare LF in a chunk extension",
     WR_STR_INIT(
         "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;\na\r\n0\r\n\r\n"),
     {" 400 "},
     true},
    {"bare LF in the trailers",
     WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n"),
     {" 400 "},
     true},
};

static const struct wr_httpd_options small = {.body_max = 1024, .header_max = 1024};

static void run_exchange(const struct exchange *x, struct server *s, bool bytewise)
{
    struct client c;
    client_open(&c, s, NULL);
    for (size_t i = 0; bytewise && i < x->send.len; i++) {
        client_send(&c, wr_str_cut(x->send, i, i + 1));
    }
    if (!bytewise) {
        client_send(&c, x->send);
    }
    for (size_t i = 0; i < WR_COUNT(x->want) && x->want[i]; i++) {
        client_want(&c, x->name, Z(x->want[i]));
    }
    if (x->ends) {
        client_want_eof(&c, x->name);
        CHECK(x->name, !c.reset || bytewise);
    }
    client_close(&c);
}

static void test_exchanges(void **state)
{
    struct server s;
    server_open(&s, small);
    for (size_t i = 0; i < WR_COUNT(exchanges); i++) {
        run_exchange(&exchanges[i], &s, false);
    }
    server_close(&s);
}

static void test_exchanges_split_at_every_byte(void **state)
{
    struct server s;
    server_open(&s, small);
    for (size_t i = 0; i < WR_COUNT(exchanges); i++) {
        run_exchange(&exchanges[i], &s, true);
    }
    server_close(&s);
}

static void test_keep_alive(void **state)
{
    struct server s;
    server_open(&s, (struct wr_httpd_options){0});
    struct client c;
    client_open(&c, &s, NULL);
    for (size_t i = 1; i <= 50; i++) {
        client_send(&c, S("PUT /k HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"));
        client_want_times(&c, "keep-alive", S("PUT /k|||body"), i);
    }
    assert_int_equal(wr_httpd_connections(s.h), 1);
    client_close(&c);
    server_close(&s);
}

// Replies come in the order of the requests, also when the first is late and more requests wait
// than the connection's buffer takes.
static void test_pipelined(void **state)
{
    struct server s;
    server_open(&s, (struct wr_httpd_options){.header_max = 1024});
    struct client c;
    client_open(&c, &s, NULL);
    client_send(&c, S(GET("/later")));
    for (int i = 0; i < 300; i++) {
        char request[80];
        int len = snprintf(request, sizeof request, GET("/n%d"), i);
        client_send(&c, (wr_str){request, (size_t)len});
    }
    for (int i = 0; i < 20; i++) {
        turn();
    }
    assert_int_equal(s.requests, 1);
    wr_httpd_reply_text(s.later, 200, S("first"));
    assert_int_equal(s.requests, 1); // the next callback comes from the loop
    client_want(&c, "last", S("GET /n299|||"));
    assert_int_equal(s.requests, 301);
    wr_str rest = wr_buf_str(&c.got);
    for (int i = -1; i < 300; i++) {
        char want[32];
        snprintf(want, sizeof want, i < 0 ? "first\n" : "GET /n%d|", i);
        ptrdiff_t at = wr_str_find(rest, Z(want));
        CHECK(want, at >= 0);
        rest = wr_str_cut(rest, (size_t)at, rest.len);
    }
    client_close(&c);
    server_close(&s);
}

static void test_header_too_long(void **state)
{
    static const struct {
        const char *name;
        size_t filler;
        const char *want;
    } cases[] = {
        {"fits", 900, " 200 "}, {"too long", 1100, " 431 "}, {"far too long", 200000, " 431 "}};
    struct server s;
    server_open(&s, small);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf b = {0};
        wr_buf_add(&b, S("GET / HTTP/1.1\r\nHost: h\r\nX-Long: "));
        for (size_t n = 0; n < cases[i].filler; n++) {
            wr_buf_add_char(&b, 'x');
        }
        wr_buf_add(&b, S("\r\n\r\n"));
        struct client c;
        client_open(&c, &s, NULL);
        client_send(&c, wr_buf_str(&b));
        client_want(&c, cases[i].name, Z(cases[i].want));
        client_close(&c);
        wr_buf_clear(&b);
        // The same by number of headers.
        wr_buf_add(&b, S("GET / HTTP/1.1\r\nHost: h\r\n"));
        for (size_t n = 0; n < cases[i].filler / 14; n++) {
            wr_buf_add(&b, S("a: b\r\n"));
        }
        wr_buf_add(&b, S("\r\n"));
        client_open(&c, &s, NULL);
        client_send(&c, wr_buf_str(&b));
        client_want(&c, cases[i].name, i == 0 ? S(" 431 ") : Z(cases[i].want));
        client_close(&c);
        wr_buf_release(&b);
    }
    server_close(&s);
}

static void test_slow_clients(void **state)
{
    static const struct {
        const char *name;
        wr_str send;
        const char *want; // NULL: closed without a word
    } cases[] = {
        {"silent", WR_STR_INIT(""), NULL},
        {"half a head", WR_STR_INIT("GET / HTTP/1.1\r\nHo"), " 408 "},
        {"half a body", WR_STR_INIT("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"),
         " 408 "},
        {"no body after continue",
         WR_STR_INIT(
             "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"),
         " 408 "},
        {"idle after a reply", WR_STR_INIT(GET("/")), " 200 "},
    };
    struct server s;
    server_open(&s, (struct wr_httpd_options){.request_timeout_ms = 400, .idle_timeout_ms = 400});
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct client c;
        client_open(&c, &s, NULL);
        client_send(&c, cases[i].send);
        client_want_eof(&c, cases[i].name);
        if (cases[i].want) {
            CHECK(cases[i].name, wr_str_find(wr_buf_str(&c.got), Z(cases[i].want)) >= 0);
        } else {
            CHECK_INT(cases[i].name, c.got.len, 0);
        }
        client_close(&c);
    }
    server_close(&s);
}

static void wait_for(const char *name, const int *value, int want)
{
    for (int64_t start = now_ms(); *value != want && in_time(start);) {
        turn();
    }
    CHECK_INT(name, *value, want);
}

static void test_client_that_takes_nothing(void **state)
{
    struct server s;
    server_open(&s, (struct wr_httpd_options){.write_timeout_ms = 100});
    struct client c;
    client_open(&c, &s, NULL);
    client_send(&c, S(GET("/big")));
    for (int64_t start = now_ms(); wr_httpd_connections(s.h) > 0 && in_time(start);) {
        turn();
    }
    assert_int_equal(wr_httpd_connections(s.h), 0);
    client_close(&c);
    server_close(&s);
    // A client that takes it gets all of it, however slow this machine is.
    server_open(&s, (struct wr_httpd_options){.write_timeout_ms = 60000});
    client_open(&c, &s, NULL);
    client_send(&c, S(GET("/big")));
    for (int64_t start = now_ms(); c.got.len < 8u << 20 && in_time(start);) {
        turn();
        client_read(&c);
    }
    assert_true(wr_str_ends(wr_buf_str(&c.got), S("\r\n\r\n0123456789abcdef")) ||
                wr_str_ends(wr_buf_str(&c.got), S("abcdef")));
    client_send(&c, S(GET("/after")));
    client_want(&c, "after the big one", S("GET /after|||"));
    client_close(&c);
    server_close(&s);
}

static void test_late_reply(void **state)
{
    struct server s;
    server_open(&s, (struct wr_httpd_options){.request_timeout_ms = 300, .idle_timeout_ms = 300});
    struct client c;
    client_open(&c, &s, NULL);
    client_send(&c, S(GET("/later")));
    wait_for("request", &s.requests, 1);
    for (int64_t start = now_ms(); now_ms() - start < 700;) {
        turn(); // a reply may take its time
    }
    wr_httpd_reply_text(s.later, 200, S("late"));
    client_want(&c, "late", S("late\n"));
    client_close(&c);

    // The client does not wait.
    client_open(&c, &s, NULL);
    client_send(&c, S(GET("/later")));
    wait_for("request", &s.requests, 2);
    client_close(&c);
    wait_for("gone", &s.gone, 1);
    assert_true(s.later->gone);
    assert_int_equal(wr_httpd_connections(s.h), 1);
    wr_httpd_reply_text(s.later, 200, S("too late"));
    assert_int_equal(wr_httpd_connections(s.h), 0);

    client_open(&c, &s, NULL);
    client_send(&c, S(GET("/later")));
    wait_for("request", &s.requests, 3);
    wr_httpd_drop(s.later);
    client_want_eof(&c, "dropped");
    assert_int_equal(c.got.len, 0);
    client_close(&c);
    server_close(&s);
}

static const struct wr_httpd_reply events = {.status = 200,
                                             .type = WR_STR_INIT("text/event-stream")};

static void test_stream(void **state)
{
    struct server s;
    server_open(&s, (struct wr_httpd_options){0});
    struct client c;
    client_open(&c, &s, NULL);
    client_send(&c, S(GET("/stream") GET("/next")));
    wait_for("request", &s.requests, 1);
    wr_httpd_stream_begin(s.later, &events);
    assert_true(wr_httpd_stream_send(s.later, S("data: 1\n\n")));
    assert_true(wr_httpd_stream_send(s.later, S("")));
    client_want(&c, "first event", S("\r\n9\r\ndata: 1\n\n\r\n"));
    assert_true(wr_httpd_stream_send(s.later, S("data: 2\n\n")));
    wr_httpd_stream_end(s.later);
    client_want(&c, "end", S("9\r\ndata: 2\n\n\r\n0\r\n\r\nHTTP/1.1 200 OK"));
    client_want(&c, "next", S("GET /next|||"));
    client_close(&c);

    // HTTP/1.0: the end of the connection is the end of the body.
    client_open(&c, &s, NULL);
    client_send(&c, S("GET /stream HTTP/1.0\r\n\r\n"));
    wait_for("request", &s.requests, 3);
    wr_httpd_stream_begin(s.later, &events);
    assert_true(wr_httpd_stream_send(s.later, S("abc")));
    wr_httpd_stream_end(s.later);
    client_want_eof(&c, "1.0");
    assert_true(wr_str_ends(wr_buf_str(&c.got), S("\r\n\r\nabc")));
    client_close(&c);
    server_close(&s);
}

static void test_stream_to_a_slow_client(void **state)
{
    struct server s;
    server_open(&s, (struct wr_httpd_options){.stream_max = 100000});
    struct client c;
    client_open(&c, &s, NULL);
    client_send(&c, S(GET("/stream")));
    wait_for("request", &s.requests, 1);
    wr_httpd_stream_begin(s.later, &events);
    char piece[1000];
    memset(piece, 'e', sizeof piece);
    size_t sent = 0, dropped = 0;
    while (dropped < 10 && sent < 100000) {
        if (wr_httpd_stream_send(s.later, (wr_str){piece, sizeof piece})) {
            sent++;
        } else {
            dropped++;
        }
        assert_true(wr_httpd_stream_queued(s.later) < 110000);
    }
    assert_int_equal(dropped, 10);
    wr_httpd_stream_end(s.later); // what is queued still arrives
    client_want(&c, "end", S("\r\n0\r\n\r\n"));
    assert_int_equal(count(wr_buf_str(&c.got), S("\r\n3e8\r\n")), sent);
    client_close(&c);

    // Gone in the middle of a stream.
    client_open(&c, &s, NULL);
    client_send(&c, S(GET("/stream")));
    wait_for("request", &s.requests, 2);
    wr_httpd_stream_begin(s.later, &events);
    client_close(&c);
    wait_for("gone", &s.gone, 1);
    assert_false(wr_httpd_stream_send(s.later, S("x")));
    assert_int_equal(wr_httpd_stream_queued(s.later), 0);
    wr_httpd_stream_end(s.later);
    server_close(&s);
}

static void test_unix_socket(void **state)
{
    char folder[] = "/tmp/weir-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s.sock", folder);
    struct server s, second;
    server_open(&s, (struct wr_httpd_options){.path = path});
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(wr_httpd_port(s.h), 0);
    struct client c;
    client_open(&c, &s, path);
    client_send(&c, S(GET("/u")));
    client_want(&c, "unix", S("GET /u|||"));
    client_close(&c);

    // A living one is not taken over.
    struct wr_fault fault = {0};
    struct wr_httpd_options o = {.path = path, .request = on_request};
    assert_int_equal(wr_httpd_open(loop, &o, &second.h, &fault), WR_ERR_BUSY);
    server_close(&s);
    assert_int_equal(access(path, F_OK), -1);

    // A dead one is replaced, another kind of file is not.
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    close(fd);
    server_open(&s, (struct wr_httpd_options){.path = path});
    server_close(&s);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(wr_httpd_open(loop, &o, &s.h, &fault), WR_ERR_EXISTS);
    unlink(path);
    rmdir(folder);
    uv_run(loop, UV_RUN_NOWAIT);
}

static void test_open_faults(void **state)
{
    struct server s;
    server_open(&s, (struct wr_httpd_options){0});
    char long_path[200];
    memset(long_path, 'p', sizeof long_path);
    long_path[sizeof long_path - 1] = 0;
    const struct {
        const char *name;
        struct wr_httpd_options o;
        wr_err want;
    } cases[] = {
        {"name, not address", {.host = "localhost"}, WR_ERR_RANGE},
        {"port in use", {.host = "127.0.0.1", .port = wr_httpd_port(s.h)}, WR_ERR_BUSY},
        {"header limit", {.host = "127.0.0.1", .header_max = 1 << 20}, WR_ERR_RANGE},
        {"long path", {.path = long_path}, WR_ERR_RANGE},
        {"no folder", {.path = "/nonexistent/s.sock"}, WR_ERR_IO},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_httpd_options o = cases[i].o;
        struct wr_httpd *h;
        struct wr_fault fault = {0};
        o.request = on_request;
        CHECK_INT(cases[i].name, wr_httpd_open(loop, &o, &h, &fault), cases[i].want);
        CHECK(cases[i].name, fault.text[0]);
    }
    server_close(&s);
}

static void test_host_and_origin(void **state)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]", NULL};
    static const struct exchange cases[] = {
        {"name", WR_STR_INIT("GET / HTTP/1.1\r\nHost: LOCALHOST\r\n\r\n"), {" 200 "}, false},
        {"name and port",
         WR_STR_INIT("GET / HTTP/1.1\r\nHost: localhost:8\r\n\r\n"),
         {" 200 "},
         false},
        {"ipv6", WR_STR_INIT("GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n"), {" 200 "}, false},
        {"ipv6 and port",
         WR_STR_INIT("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
         {" 200 "},
         false},
        {"rebound name",
         WR_STR_INIT("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
         {" 421 "},
         true},
        {"longer name",
         WR_STR_INIT("GET / HTTP/1.1\r\nHost: localhost.evil\r\n\r\n"),
         {" 421 "},
         true},
        {"same origin",
         WR_STR_INIT("GET / HTTP/1.1\r\nHost: localhost:8\r\nOrigin: http://localhost:8\r\n\r\n"),
         {" 200 "},
         false},
        {"other origin",
         WR_STR_INIT("GET / HTTP/1.1\r\nHost: localhost:8\r\nOrigin: http://localhost:9\r\n\r\n"),
         {" 403 "},
         true},
        {"null origin",
         WR_STR_INIT("GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n"),
         {" 403 "},
         true},
    };
    struct server s;
    server_open(&s, (struct wr_httpd_options){.hosts = hosts, .same_origin = true});
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        run_exchange(&cases[i], &s, false);
    }
    server_close(&s);
}

static void test_too_many_connections(void **state)
{
    struct server s;
    server_open(&s, (struct wr_httpd_options){.connections_max = 2});
    struct client c[3];
    for (size_t i = 0; i < 3; i++) {
        client_open(&c[i], &s, NULL);
        turn();
        turn();
    }
    client_want(&c[2], "third", S("HTTP/1.1 503 "));
    client_want_eof(&c[2], "third");
    client_send(&c[0], S(GET("/0")));
    client_want(&c[0], "first", S("GET /0|||"));
    for (size_t i = 0; i < 3; i++) {
        client_close(&c[i]);
    }
    server_close(&s);
}

static void test_idle_connection_makes_room(void **state)
{
    struct server s;
    server_open(&s, (struct wr_httpd_options){.connections_max = 2, .close_idle = true});
    struct client c[4];
    for (size_t i = 0; i < 2; i++) {
        client_open(&c[i], &s, NULL);
        turn();
        turn();
    }
    uv_sleep(2); // the clock of the loop goes by milliseconds
    turn();
    client_send(&c[0], S(GET("/0"))); // from here on it is idle for a shorter time than the other
    client_want(&c[0], "first", S("GET /0|||"));
    client_open(&c[2], &s, NULL);
    client_send(&c[2], S("GET /2 HTTP/1.1\r\n")); // busy, as the next one finds it
    client_want_eof(&c[1], "idle for the longest time");
    client_open(&c[3], &s, NULL);
    client_want_eof(&c[0], "the only idle one");
    client_send(&c[3], S(GET("/3")));
    client_want(&c[3], "fourth", S("GET /3|||"));
    client_send(&c[2], S("Host: h\r\n\r\n"));
    client_want(&c[2], "third", S("GET /2|||"));
    for (size_t i = 0; i < 4; i++) {
        client_close(&c[i]);
    }
    server_close(&s);
}

static void test_head_timeout(void **state)
{
    struct server s;
    server_open(&s, (struct wr_httpd_options){.head_timeout_ms = 400, .request_timeout_ms = 60000});
    struct client c, body;
    client_open(&c, &s, NULL);
    client_open(&body, &s, NULL);
    client_send(&body, S("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na"));
    client_send(&c, S("GET / HTTP/1.1\r\nHo"));
    client_want_eof(&c, "half a head");
    CHECK("half a head", wr_str_find(wr_buf_str(&c.got), S(" 408 ")) >= 0);
    client_send(&body, S("b"));
    client_want(&body, "its time is another", S("POST /b||"));
    client_close(&c);
    client_close(&body);
    server_close(&s);
}

static void test_unix_socket_mode_and_peer(void **state)
{
    char folder[] = "/tmp/weir-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s.sock", folder);
    struct server s;
    server_open(
        &s, (struct wr_httpd_options){
                .path = path, .path_mode = 0660, .path_has_group = true, .path_group = getegid()});
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    assert_int_equal(st.st_gid, getegid());
    struct client c;
    client_open(&c, &s, path);
    client_send(&c, S(GET("/later")));
    while (!s.later) {
        turn();
    }
    struct wr_httpd_peer peer;
    assert_true(wr_httpd_peer(s.later, &peer));
    assert_int_equal(peer.pid, getpid());
    assert_int_equal(peer.uid, geteuid());
    assert_int_equal(peer.gid, getegid());
    assert_true(wr_httpd_peer_in_group(s.later, getegid()));
    assert_false(wr_httpd_peer_in_group(s.later, 54321));
    client_close(&c);
    while (!s.gone) {
        turn();
    }
    assert_false(wr_httpd_peer(s.later, &peer)); // its number may be another's by now
    wr_httpd_drop(s.later);
    server_close(&s);

    server_open(&s, (struct wr_httpd_options){0});
    client_open(&c, &s, NULL);
    client_send(&c, S(GET("/later")));
    while (!s.later) {
        turn();
    }
    assert_false(wr_httpd_peer(s.later, &peer)); // TCP
    wr_httpd_reply_text(s.later, 200, S("bye"));
    client_close(&c);
    server_close(&s);
    rmdir(folder);
}

static void test_close_with_open_connections(void **state)
{
    struct server s;
    server_open(&s, (struct wr_httpd_options){0});
    struct client idle, half, big, later;
    client_open(&idle, &s, NULL);
    client_open(&half, &s, NULL);
    client_send(&half, S("GET / HT"));
    client_open(&big, &s, NULL);
    client_send(&big, S(GET("/big")));
    client_open(&later, &s, NULL);
    client_send(&later, S(GET("/later")));
    wait_for("requests", &s.requests, 2);
    wr_httpd_close(s.h, on_closed, &s);
    wait_for("gone", &s.gone, 1);
    for (int i = 0; i < 5; i++) {
        turn();
    }
    assert_false(s.closed); // a request is held
    wr_httpd_reply_text(s.later, 200, S("x"));
    for (int64_t start = now_ms(); !s.closed && in_time(start);) {
        turn();
    }
    assert_true(s.closed);
    client_want_eof(&idle, "idle");
    client_close(&idle);
    client_close(&half);
    client_close(&big);
    client_close(&later);
    assert_int_equal(uv_run(loop, UV_RUN_NOWAIT), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(test_exchanges),
        T(test_exchanges_split_at_every_byte),
        T(test_keep_alive),
        T(test_pipelined),
        T(test_header_too_long),
        T(test_slow_clients),
        T(test_client_that_takes_nothing),
        T(test_late_reply),
        T(test_stream),
        T(test_stream_to_a_slow_client),
        T(test_unix_socket),
        T(test_open_faults),
        T(test_host_and_origin),
        T(test_too_many_connections),
        T(test_idle_connection_makes_room),
        T(test_head_timeout),
        T(test_unix_socket_mode_and_peer),
        T(test_close_with_open_connections),
    };
    signal(SIGPIPE, SIG_IGN);
    loop = uv_default_loop();
    int failed = TEST_MAIN(tests);
    uv_loop_close(loop);
    return failed;
}
