// TLS under the HTTP server: OpenSSL between memory, no socket of its own. Bytes of the wire go in
// and come out; the server moves them.
//
//     socket ── wr_httpd_tls_feed ──> │ SSL │ ── wr_httpd_tls_read ──> requests
//     socket <── wr_httpd_tls_take ── │     │ <── wr_httpd_tls_write ── replies
//
// TLS 1.2 and 1.3; no renegotiation, no compression, no early data.
// Thread: loop.
#ifndef WR_SINKS_LIB_HTTPD_TLS_H
#define WR_SINKS_LIB_HTTPD_TLS_H

#include "sql/base/buf.h"
#include "sql/base/err.h"

#include <sys/types.h>

// A certificate and its key, for many connections.
struct wr_httpd_tls_identity;

// `cert_file`: PEM, the server's certificate first, then those between it and its CA. `key_file`:
// its key, not encrypted; nobody but owner and group may have access to it. WR_ERR_MISSING,
// WR_ERR_DENIED, WR_ERR_CORRUPT; the fault names the file. Give.
wr_err wr_httpd_tls_identity_read(const char *cert_file, const char *key_file,
                                  struct wr_httpd_tls_identity **out,
                                  struct wr_fault *fault) WR_MUST_CHECK;
// Connections that use it keep it. NULL is accepted.
void wr_httpd_tls_identity_free(struct wr_httpd_tls_identity *identity);

struct wr_httpd_tls;

// The server's side of a new connection. NULL: lack of entropy.
struct wr_httpd_tls *wr_httpd_tls_new(const struct wr_httpd_tls_identity *identity);
void wr_httpd_tls_free(struct wr_httpd_tls *t);

// Bytes from the client; at most a read of the socket, so that what waits is bounded.
void wr_httpd_tls_feed(struct wr_httpd_tls *t, wr_str bytes);

enum wr_httpd_tls_end {
    WR_HTTPD_TLS_MORE = 0,    // needs more from the client
    WR_HTTPD_TLS_EOF = -1,    // the client has said that it sends no more
    WR_HTTPD_TLS_FAILED = -2, // what came is no TLS, or not acceptable: take, send, and close
};
// Up to `room` bytes of what the client says; how many, or one of the above. Also does the
// handshake: there may be something to take afterwards.
ssize_t wr_httpd_tls_read(struct wr_httpd_tls *t, char *to, size_t room);
// The handshake is done.
bool wr_httpd_tls_is_ready(const struct wr_httpd_tls *t);
// There may be something to read without another feed.
bool wr_httpd_tls_has_more(const struct wr_httpd_tls *t);

// Encrypt. False: the connection cannot take it (its handshake is not done, or has failed).
bool wr_httpd_tls_write(struct wr_httpd_tls *t, wr_str bytes);
// Say that nothing more comes.
void wr_httpd_tls_finish(struct wr_httpd_tls *t);
// Append what is to be sent.
void wr_httpd_tls_take(struct wr_httpd_tls *t, struct wr_buf *out);

#endif
