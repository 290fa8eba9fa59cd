// Sockets and OpenSSL on sockets. OpenSSL reads ahead, so that many small records cost one call.
#include "engine/mqtt/native/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "sql/base/banned.h"

#define READ_AHEAD (64 << 10)

static void keep_tls_text(struct wr_stream *s)
{
    unsigned long code = ERR_peek_error(); // the first: what comes after it is its consequence
    if (code && !s->tls_text[0]) {
        ERR_error_string_n(code, s->tls_text, sizeof s->tls_text);
    }
    ERR_clear_error();
}

// OpenSSL would ask on the terminal.
static int no_passphrase(char *at, int size, int writing, void *user)
{
    return 0;
}

static bool set_alpn(SSL_CTX *ctx, const char *name)
{
    unsigned char list[256];
    size_t len = strlen(name);
    if (len == 0 || len > 255) { // one byte of length
        return len == 0;
    }
    list[0] = (unsigned char)len;
    memcpy(list + 1, name, len);
    return SSL_CTX_set_alpn_protos(ctx, list, (unsigned)len + 1) == 0;
}

static bool set_files(SSL_CTX *ctx, const struct wr_config *config)
{
    const char *ca = config->mqtt_ca_file, *cert = config->mqtt_cert_file;
    if (*ca ? SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1
            : SSL_CTX_set_default_verify_paths(ctx) != 1) {
        return false;
    }
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    return !*cert ||
           (SSL_CTX_use_certificate_chain_file(ctx, cert) == 1 &&
            SSL_CTX_use_PrivateKey_file(ctx, config->mqtt_key_file, SSL_FILETYPE_PEM) == 1 &&
            SSL_CTX_check_private_key(ctx) == 1);
}

// The name in the certificate must be that of the URL.
static bool set_host(SSL *ssl, const char *host, bool verify)
{
    unsigned char address[sizeof(struct in6_addr)];
    bool number = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    if (!number && SSL_set_tlsext_host_name(ssl, host) != 1) {
        return false;
    }
    if (!verify) {
        SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
        return true;
    }
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    return number ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1
                  : SSL_set1_host(ssl, host) == 1;
}

wr_err wr_stream_tls(struct wr_stream *s, const struct wr_config *config,
                     const struct wr_mqtt_url *url, struct wr_fault *fault)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    bool ok = ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
              set_alpn(ctx, config->mqtt_alpn) && set_files(ctx, config);
    if (ok) {
        SSL_CTX_set_read_ahead(ctx, 1);
        SSL_CTX_set_default_read_buffer_len(ctx, READ_AHEAD);
        SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        s->ssl = SSL_new(ctx);
        ok = s->ssl && SSL_set_fd(s->ssl, s->fd) == 1 &&
             set_host(s->ssl, url->host, config->mqtt_verify);
    }
    if (ok) {
        SSL_set_connect_state(s->ssl);
    } else {
        keep_tls_text(s);
    }
    SSL_CTX_free(ctx);
    return ok ? WR_OK
              : wr_fault_set(fault, WR_ERR_FAILED, "OpenSSL does not take the settings: %s",
                             s->tls_text);
}

void wr_stream_release(struct wr_stream *s)
{
    SSL_free(s->ssl);
    s->ssl = NULL;
}

// What OpenSSL's result means: AGAIN, END or FAILED.
static int judge(struct wr_stream *s, int rc, int error)
{
    s->want_write = false;
    switch (SSL_get_error(s->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return WR_STREAM_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        s->want_write = true;
        return WR_STREAM_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return WR_STREAM_END;
    case SSL_ERROR_SYSCALL:
        s->error = error;
        ERR_clear_error();
        return WR_STREAM_FAILED;
    default:
        s->error = 0;
        keep_tls_text(s);
        return WR_STREAM_FAILED;
    }
}

int wr_stream_handshake(struct wr_stream *s)
{
    ERR_clear_error();
    errno = 0;
    int rc = SSL_do_handshake(s->ssl);
    if (rc == 1) {
        s->want_write = false;
        return 1;
    }
    int error = errno, result = judge(s, rc, error);
    return result == WR_STREAM_AGAIN ? result : WR_STREAM_FAILED;
}

static ssize_t plain_result(struct wr_stream *s, ssize_t n)
{
    if (n >= 0) {
        return n;
    }
    if (errno == EAGAIN || errno == EINTR) {
        return WR_STREAM_AGAIN;
    }
    s->error = errno;
    return WR_STREAM_FAILED;
}

ssize_t wr_stream_read(struct wr_stream *s, void *at, size_t size)
{
    if (!s->ssl) {
        return plain_result(s, recv(s->fd, at, size, 0));
    }
    ERR_clear_error();
    errno = 0;
    size_t n = 0;
    int rc = SSL_read_ex(s->ssl, at, size, &n);
    return rc == 1 ? (ssize_t)n : judge(s, rc, errno);
}

ssize_t wr_stream_write(struct wr_stream *s, const void *at, size_t size)
{
    if (!s->ssl) {
        return plain_result(s, send(s->fd, at, size, MSG_NOSIGNAL));
    }
    ERR_clear_error();
    errno = 0;
    size_t n = 0;
    int rc = SSL_write_ex(s->ssl, at, size, &n);
    return rc == 1 ? (ssize_t)n : judge(s, rc, errno);
}

bool wr_stream_pending(const struct wr_stream *s)
{
    return s->ssl && SSL_has_pending(s->ssl);
}

int wr_stream_error(const struct wr_stream *s)
{
    int error = 0;
    socklen_t len = sizeof error;
    return getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

void wr_stream_shutdown(struct wr_stream *s)
{
    if (s->ssl) {
        ERR_clear_error();
        (void)SSL_shutdown(s->ssl); // a word of courtesy: the rest is the socket's
    }
    (void)shutdown(s->fd, SHUT_WR);
}
