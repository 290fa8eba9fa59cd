// HTTP/1.x requests as bytes: strict check of a head, http-parser's reading of it, and chunked
// bodies. No sockets: httpd.c has those.
// Thread: any.
//
// http-parser alone lets shapes through on which two servers may disagree (request smuggling): bare
// LF, a blank before the colon, folded lines, repeated Host or Content-Length. They are refused
// here, before it sees them.
#ifndef WR_SINKS_LIB_HTTP1_H
#define WR_SINKS_LIB_HTTP1_H

#include "sql/base/buf.h"
#include "sql/base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define WR_HTTP1_HEADERS_MAX 64 // a browser sends about 20

struct wr_http1_header {
    wr_str name, value; // value without blanks around it
};

// What a request's head says. Everything borrows from the bytes that were parsed.
struct wr_http1_head {
    wr_str method;
    wr_str path;  // as sent, percent escapes included; starts with "/"
    wr_str query; // behind "?", as sent; empty without
    wr_str host;  // empty with HTTP/1.0 that sends none
    struct wr_http1_header headers[WR_HTTP1_HEADERS_MAX];
    unsigned header_count;
    bool http11;          // false: HTTP/1.0
    bool keep_alive;      // the client wants to send another request
    bool chunked;         // else body_len bytes follow
    bool expect_continue; // and does not send them before "100 Continue"
    uint64_t body_len;
};

// How far the search for the end of a head has come. Zeroed: at its start.
struct wr_http1_scan {
    size_t at_;
    bool line_; // at_ stands inside a line
};

// Look at bytes[at_..]; `bytes` starts where the head does and grows from call to call. Returns the
// head's length with its blank line, or 0: not complete yet, or *status is set: it never will be.
size_t wr_http1_scan(struct wr_http1_scan *scan, wr_str bytes, int *status);

// Read a complete head. Returns 0, or the status to refuse the request with (400, 417, 431, 501,
// 505); then `head` must not be used.
int wr_http1_parse(struct wr_http1_head *head, wr_str bytes);

// The first header of that name (case does not matter), or {NULL, 0}.
wr_str wr_http1_header(const struct wr_http1_head *head, wr_str name);

// A chunked body under way. Zeroed: at its start.
struct wr_http1_chunks {
    int state_;
    uint64_t left_;   // bytes of this chunk
    unsigned digits_; // of its size
    size_t overhead_; // bytes of extensions and trailers so far
    bool done;        // the last chunk and the trailers have been read
};

// Decode from the front of `bytes`, until they end or the body does; *used says how many it took.
// The data is appended to `body`; trailers are checked and dropped. Returns 0 or a status: 400, or
// 413 when the body would have more than `body_max` bytes.
int wr_http1_chunks_feed(struct wr_http1_chunks *chunks, wr_str bytes, size_t *used,
                         struct wr_buf *body, size_t body_max);

#endif
