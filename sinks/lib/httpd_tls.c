#include "sinks/lib/httpd_tls.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "sql/base/banned.h"

struct wr_httpd_tls_identity {
    SSL_CTX *context;
};

struct wr_httpd_tls {
    SSL *ssl;
    BIO *in, *out; // the ssl's
    bool failed;
};

// ---- certificate and key

static wr_err check_file(const char *path, bool secret, struct wr_fault *fault)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return wr_fault_set(fault, errno == ENOENT ? WR_ERR_MISSING : WR_ERR_DENIED, "%s: %s", path,
                            strerror(errno));
    }
    if (access(path, R_OK) != 0) {
        return wr_fault_set(fault, WR_ERR_DENIED, "%s: %s", path, strerror(errno));
    }
    if (secret && (st.st_mode & 07)) {
        return wr_fault_set(fault, WR_ERR_DENIED,
                            "%s: everybody may read or write this key (mode %04o); chmod o= it",
                            path, st.st_mode & 07777u);
    }
    return WR_OK;
}

static wr_err refuse(const char *path, const char *what, struct wr_fault *fault)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return wr_fault_set(fault, WR_ERR_CORRUPT, "%s: %s: %s", path, what,
                        reason ? reason : "unknown reason");
}

// A pass phrase is asked for on the terminal without this.
static int no_passphrase(char *to, int size, int writing, void *user)
{
    return 0;
}

wr_err wr_httpd_tls_identity_read(const char *cert_file, const char *key_file,
                                  struct wr_httpd_tls_identity **out, struct wr_fault *fault)
{
    wr_err err = check_file(cert_file, false, fault);
    if (!err) {
        err = check_file(key_file, true, fault);
    }
    if (err) {
        return err;
    }
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    if (!c) {
        wr_out_of_memory(0);
    }
    ERR_clear_error();
    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    // A kept connection gives its buffers back while it is idle.
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_default_passwd_cb(c, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(c, cert_file) != 1) {
        err = refuse(cert_file, "holds no certificate that can be used", fault);
    } else if (SSL_CTX_use_PrivateKey_file(c, key_file, SSL_FILETYPE_PEM) != 1) {
        err = refuse(key_file, "holds no key that goes with the certificate", fault);
    }
    if (err) {
        SSL_CTX_free(c);
        return err;
    }
    *out = wr_zalloc(sizeof **out);
    (*out)->context = c;
    return WR_OK;
}

void wr_httpd_tls_identity_free(struct wr_httpd_tls_identity *identity)
{
    if (identity) {
        SSL_CTX_free(identity->context);
        free(identity);
    }
}

// ---- a connection

struct wr_httpd_tls *wr_httpd_tls_new(const struct wr_httpd_tls_identity *identity)
{
    struct wr_httpd_tls *t = wr_zalloc(sizeof *t);
    t->ssl = SSL_new(identity->context);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (!t->ssl || !t->in || !t->out) {
        wr_out_of_memory(0);
    }
    BIO_set_mem_eof_return(t->in, -1); // empty is "later", not the end
    BIO_set_mem_eof_return(t->out, -1);
    SSL_set_bio(t->ssl, t->in, t->out);
    SSL_set_accept_state(t->ssl);
    return t;
}

void wr_httpd_tls_free(struct wr_httpd_tls *t)
{
    if (t) {
        SSL_free(t->ssl); // and its two BIOs
        free(t);
    }
}

void wr_httpd_tls_feed(struct wr_httpd_tls *t, wr_str bytes)
{
    wr_assert(bytes.len <= INT_MAX);
    if (bytes.len && BIO_write(t->in, bytes.at, (int)bytes.len) != (int)bytes.len) {
        wr_out_of_memory(bytes.len);
    }
}

ssize_t wr_httpd_tls_read(struct wr_httpd_tls *t, char *to, size_t room)
{
    if (t->failed) {
        return WR_HTTPD_TLS_FAILED;
    }
    ERR_clear_error();
    size_t got = 0;
    int ok = SSL_read_ex(t->ssl, to, room, &got);
    if (ok == 1) {
        return (ssize_t)got;
    }
    switch (SSL_get_error(t->ssl, ok)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return WR_HTTPD_TLS_MORE;
    case SSL_ERROR_ZERO_RETURN:
        return WR_HTTPD_TLS_EOF;
    default:
        t->failed = true;
        ERR_clear_error();
        return WR_HTTPD_TLS_FAILED;
    }
}

bool wr_httpd_tls_is_ready(const struct wr_httpd_tls *t)
{
    return SSL_is_init_finished(t->ssl);
}

bool wr_httpd_tls_has_more(const struct wr_httpd_tls *t)
{
    return !t->failed && (SSL_has_pending(t->ssl) || BIO_ctrl_pending(t->in) > 0);
}

bool wr_httpd_tls_write(struct wr_httpd_tls *t, wr_str bytes)
{
    ERR_clear_error();
    size_t done = 0;
    if (bytes.len == 0) {
        return true;
    }
    // Memory takes all of it at once.
    if (t->failed || !SSL_is_init_finished(t->ssl) ||
        SSL_write_ex(t->ssl, bytes.at, bytes.len, &done) != 1 || done != bytes.len) {
        t->failed = true;
        ERR_clear_error();
        return false;
    }
    return true;
}

void wr_httpd_tls_finish(struct wr_httpd_tls *t)
{
    if (!t->failed && SSL_is_init_finished(t->ssl)) {
        (void)SSL_shutdown(t->ssl);
        ERR_clear_error();
    }
}

void wr_httpd_tls_take(struct wr_httpd_tls *t, struct wr_buf *out)
{
    char *at = NULL;
    long len = BIO_get_mem_data(t->out, &at);
    if (len > 0) {
        wr_buf_add(out, (wr_str){at, (size_t)len});
        (void)BIO_reset(t->out);
    }
}
