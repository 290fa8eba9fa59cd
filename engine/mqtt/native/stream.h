// A connected, non-blocking socket, with TLS or without. Thread: loop.
#ifndef WR_ENGINE_MQTT_NATIVE_STREAM_H
#define WR_ENGINE_MQTT_NATIVE_STREAM_H

#include "engine/config.h"
#include "engine/mqtt/url.h"

#include <openssl/ssl.h>
#include <sys/types.h>

#define WR_STREAM_TLS_MAX 256

struct wr_stream {
    int fd; // its owner closes it
    SSL *ssl;
    bool want_write;                  // TLS waits for room in the socket before it can go on
    int error;                        // errno of the failure, 0: the other end is gone
    char tls_text[WR_STREAM_TLS_MAX]; // OpenSSL's words about the failure, or ""
};

enum {
    WR_STREAM_END = 0,    // the other end has closed it
    WR_STREAM_AGAIN = -1, // nothing now
    WR_STREAM_FAILED = -2,
};

// TLS on a socket that is connected, from the options mqtt.*; the files are read now. WR_ERR_IO or
// WR_ERR_FAILED. Release it in any case.
wr_err wr_stream_tls(struct wr_stream *s, const struct wr_config *config,
                     const struct wr_mqtt_url *url, struct wr_fault *fault) WR_MUST_CHECK;
void wr_stream_release(struct wr_stream *s);

// 1: done. WR_STREAM_AGAIN, WR_STREAM_FAILED.
int wr_stream_handshake(struct wr_stream *s);
// Bytes, or one of the above.
ssize_t wr_stream_read(struct wr_stream *s, void *at, size_t size);
ssize_t wr_stream_write(struct wr_stream *s, const void *at, size_t size);
// There are bytes that poll() does not tell of.
bool wr_stream_pending(const struct wr_stream *s);
// The socket's error that waits to be told, errno's number; 0: none.
int wr_stream_error(const struct wr_stream *s);
// Say that nothing more will be written; what is written goes out.
void wr_stream_shutdown(struct wr_stream *s);

#endif
