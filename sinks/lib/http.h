// HTTP/1.1 client on a uv loop: libcurl's multi interface with connections that are kept, limits of
// time and size, and an answer for every request. Signs nothing and tries nothing again: aws.h does
// the first, the engine the second.
//
// Names are resolved off the loop (libcurl's threads). Proxies come from the usual variables
// (http_proxy, https_proxy, all_proxy, no_proxy). Redirects are not followed: they are answers.
// Thread: loop.
#ifndef WR_SINKS_LIB_HTTP_H
#define WR_SINKS_LIB_HTTP_H

#include "sql/base/buf.h"
#include "sql/base/err.h"
#include "sql/base/str.h"

#include <uv.h>

#define WR_HTTP_URL_MAX     8192 // bytes; AWS's longest is a Lambda ARN in a path
#define WR_HTTP_HEADERS_MAX 112  // of a request: the 100 that a rule may have, and our own

struct wr_http;
struct wr_recorder;

// Zero stands for the default in brackets.
struct wr_http_options {
    unsigned per_host_max;       // [64] connections to one host; more requests wait for one
    unsigned connections_max;    // [256] in all
    uint32_t connect_timeout_ms; // [5 s] name, connection and TLS together
    uint32_t timeout_ms;         // [30 s] a request as a whole, waiting for a connection included
    size_t response_max;         // [4 MiB] bytes of a body
    const char *ca_file;         // PEM; NULL: the system's
    const char *cert_file;       // PEM, with key_file: who this client is, to servers that ask
    const char *key_file;
    bool no_proxy;          // the proxy variables do not count
    const char *user_agent; // ["weir"]
    bool insecure;          // certificates are not checked: for tests of one's own servers
    // Requests are kept there (recorder.h) and answered at once with status 200, without a body and
    // with `recorded` set; nothing is sent. Lent until closed.
    struct wr_recorder *recorder;
};

// Loads nothing from disk; libcurl is initialised by the first. Give: wr_http_close() it. Options
// are copied, their strings lent until then.
struct wr_http *wr_http_new(uv_loop_t *loop, const struct wr_http_options *options);

struct wr_http_header {
    wr_str name, value;
};

enum wr_http_outcome {
    WR_HTTP_ANSWERED,    // there is a status, whatever it is
    WR_HTTP_UNRESOLVED,  // no such host
    WR_HTTP_UNCONNECTED, // refused, unreachable, or the proxy said no
    WR_HTTP_UNTRUSTED,   // TLS failed: certificate, name, handshake
    WR_HTTP_TIMED_OUT,
    WR_HTTP_CUT_OFF,     // the connection ended before the answer did
    WR_HTTP_TOO_LARGE,   // the answer passed response_max
    WR_HTTP_BAD_REQUEST, // a URL or header that cannot be sent
    WR_HTTP_CANCELLED,   // wr_http_cancel() or wr_http_close()
};

// Everything is borrowed until `done` returns.
struct wr_http_response {
    enum wr_http_outcome outcome;
    int status; // ANSWERED; TOO_LARGE too
    wr_str body;
    wr_str headers;  // the lines as they came; wr_http_response_header() finds one
    const char *why; // not ANSWERED: one sentence's worth, with the host
    bool recorded;   // not sent: see wr_http_options.recorder
    bool reused;     // over a connection that had served another request
    bool close;      // the peer has closed, or will close, the connection after this answer
};

// A request. URL and headers are copied by wr_http_send(), the body is lent until `done`, which is
// called once, from the loop, never from inside wr_http_send().
struct wr_http_request {
    const char *method; // "PUT"
    wr_str url;         // http:// or https://, path already encoded and sent as it is
    const struct wr_http_header *headers; // Host and Content-Length are made here
    size_t header_count;
    wr_str body;         // `at` NULL: none
    uint32_t timeout_ms; // 0: the options'
    size_t response_max; // 0: the options'
    bool secret;         // this client's copies of the request and its answer are wiped afterwards
    void (*done)(struct wr_http_request *req, const struct wr_http_response *response);
    void *user;
    struct wr_http_transfer *transfer_;
};

void wr_http_send(struct wr_http *h, struct wr_http_request *req);
// `done` is called with CANCELLED, later, unless it has been called.
void wr_http_cancel(struct wr_http *h, struct wr_http_request *req);

// The first header of that name (case does not matter) without blanks around it, or {NULL, 0}.
wr_str wr_http_response_header(const struct wr_http_response *response, wr_str name);

// Requests that have no answer yet.
size_t wr_http_pending(const struct wr_http *h);

// Cancel what is under way, cut all connections, then call `closed` (may be NULL) and free.
void wr_http_close(struct wr_http *h, void (*closed)(void *user), void *user);

#endif
