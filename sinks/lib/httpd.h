// HTTP/1.1 server on a uv loop: http-parser, TCP with or without TLS or a unix socket, one callback
// a request. For the Lambda Runtime API and the admin side; no files, no websockets. Thread: loop.
// The program ignores SIGPIPE: libuv writes to sockets without MSG_NOSIGNAL.
//
// A connection carries one request at a time. Requests that a client sends ahead wait, unread, in
// one bounded buffer until the reply before them is written. Malformed, smuggled, oversized and
// slow requests are answered here (400, 408, 413, 417, 421, 431, 501, 505) and never reach the
// callback.
#ifndef WR_SINKS_LIB_HTTPD_H
#define WR_SINKS_LIB_HTTPD_H

#include "sinks/lib/http1.h"
#include "sql/base/err.h"
#include "sql/base/str.h"

#include <uv.h>

struct wr_httpd;
struct wr_httpd_tls_identity; // httpd_tls.h

#define WR_HTTPD_HEADER_MAX (64u << 10) // http-parser itself gives up at 80 kB

// A request in the handler's hands, from `request` until one of wr_httpd_reply(),
// wr_httpd_stream_end() and wr_httpd_drop(), which may come at any time later. All strings live
// just as long.
struct wr_httpd_request {
    const struct wr_http1_head *head; // method, path, query, headers
    wr_str body;
    bool gone;  // the client went away: whatever is sent now is dropped
    void *user; // the handler's; NULL at the start
    void *conn_;
};

struct wr_httpd_options {
    // Where: a numeric address ("127.0.0.1", "::1") and a port (0: any free one), or a path. The
    // unix socket is for its owner only (mode 0600) unless `path_mode` says otherwise; one that a
    // dead process left is replaced.
    const char *host;
    uint16_t port;
    const char *path;
    unsigned path_mode;  // 0: 0600
    bool path_has_group; // the socket's group is `path_group`; refused by the system: WR_ERR_IO
    uint32_t path_group; // a gid

    // TLS with this certificate (httpd_tls.h), taken, also when open fails; NULL: none. The
    // handshake has the time of a head.
    struct wr_httpd_tls_identity *tls;

    // Zero stands for the default in brackets.
    size_t header_max;           // [16 KiB] bytes of a head, at most WR_HTTPD_HEADER_MAX: else 431
    size_t body_max;             // [1 MiB] else 413
    size_t stream_max;           // [1 MiB] bytes of a streamed reply that the client has not taken
    unsigned connections_max;    // [64] one more is answered 503
    bool close_idle;             // one more than that: the connection without a request for the
                                 // longest time is closed for it; 503 only when there is none
    uint32_t head_timeout_ms;    // [as request_timeout_ms] from a request's first byte to the end
                                 // of its head: else 408
    uint32_t request_timeout_ms; // [30 s] from a request's first byte to its last: else 408
    uint32_t idle_timeout_ms;    // [60 s] between requests: closed
    uint32_t write_timeout_ms;   // [30 s] without the client taking a byte of a reply: closed

    // Host names (without port) that the Host header may name, NULL-terminated; NULL: any. This is
    // what keeps a web page from reaching a loopback server through a name of its own (421).
    const char *const *hosts;
    // A request that carries Origin must come from a page of this very host and port (403).
    bool same_origin;

    // A complete request. Reply from inside or later.
    void (*request)(void *user, struct wr_httpd_request *req);
    // May be NULL. The client of a request that is not ended yet went away, or the server is being
    // closed. req->gone is set; the request must still be ended. A client that half-closes its side
    // before a LATE reply counts as gone.
    void (*gone)(void *user, struct wr_httpd_request *req);
    void *user;
};

// Listen. Faults: WR_ERR_RANGE (an address, a limit), WR_ERR_BUSY (in use), WR_ERR_IO. `options` is
// copied; strings in it are borrowed but `hosts`, which is lent until close. Give:
// wr_httpd_close().
wr_err wr_httpd_open(uv_loop_t *loop, const struct wr_httpd_options *options, struct wr_httpd **out,
                     struct wr_fault *fault) WR_MUST_CHECK;

// Another certificate for connections from now on, taken. The server was opened with one.
void wr_httpd_set_tls(struct wr_httpd *h, struct wr_httpd_tls_identity *tls);

// The TCP port; 0 for a unix socket.
uint16_t wr_httpd_port(const struct wr_httpd *h);

// Who is at the other end of a unix socket, as it was when it connected. False: not a unix socket.
struct wr_httpd_peer {
    int64_t pid;
    uint32_t uid, gid;
};
bool wr_httpd_peer(const struct wr_httpd_request *req, struct wr_httpd_peer *out) WR_MUST_CHECK;
// "192.0.2.7:40001", "[::1]:40001", or "unix"; "gone" when the connection is closed already.
#define WR_HTTPD_ADDRESS_MAX 64
void wr_httpd_address(const struct wr_httpd_request *req, char out[WR_HTTPD_ADDRESS_MAX]);
// It was in this group, as its own or a supplementary one.
bool wr_httpd_peer_in_group(const struct wr_httpd_request *req, uint32_t gid);

// Connections that are open now.
unsigned wr_httpd_connections(const struct wr_httpd *h);

// Stop listening and cut all connections, replies under way included. `done` (may be NULL) is
// called when the last one is closed and every request has been ended; that may be inside the call
// that ends the last request, never inside this one. `h` must not be used after this call.
void wr_httpd_close(struct wr_httpd *h, void (*done)(void *user), void *user);

// ---- replies. Each ends the request: the pointer is dead afterwards.

struct wr_httpd_reply {
    int status;                            // 200 to 599
    wr_str type;                           // Content-Type; empty: none
    const struct wr_http1_header *headers; // more; control characters in values become blanks
    size_t header_count;
    wr_str body;
    bool close; // close the connection after it
};

// The whole reply, with Content-Length and Date. What the socket does not take at once is copied.
void wr_httpd_reply(struct wr_httpd_request *req, const struct wr_httpd_reply *reply);

// A short reply: `text` as type "text/plain", with a line feed behind it.
void wr_httpd_reply_text(struct wr_httpd_request *req, int status, wr_str text);

// No reply: close the connection.
void wr_httpd_drop(struct wr_httpd_request *req);

// ---- streamed replies: long bodies and server-sent events

// Send the head (reply->body is ignored). The request stays open until wr_httpd_stream_end().
void wr_httpd_stream_begin(struct wr_httpd_request *req, const struct wr_httpd_reply *reply);

// Send a piece, at once. False, and nothing is sent, when more than stream_max bytes would wait for
// the client (drop it and count, or try again later), or when the client is gone.
bool wr_httpd_stream_send(struct wr_httpd_request *req, wr_str bytes) WR_MUST_CHECK;

// Bytes that the client has not taken yet.
size_t wr_httpd_stream_queued(const struct wr_httpd_request *req);

void wr_httpd_stream_end(struct wr_httpd_request *req);

#endif
