// HTTP/1.1 server on a uv loop: where it listens, its opening and closing.

#include "sinks/lib/httpd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sinks/lib/httpd_parts.h"

#include "sql/base/banned.h"

#define BACKLOG 1024 // a burst of clients; the kernel cuts it to net.core.somaxconn

static void on_refused_closed(uv_handle_t *handle)
{
    free(handle);
}

// One too many: take it from the queue, say so and close.
static void refuse_connection(struct wr_httpd *h)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                               "Connection: close\r\n\r\n";
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } *io = wr_alloc(sizeof *io);
    int err = h->o.path ? uv_pipe_init(h->loop, &io->pipe, 0) : uv_tcp_init(h->loop, &io->tcp);
    if (err != 0) {
        free(io);
        return;
    }
    if (uv_accept(&h->io.stream, &io->stream) == 0 && !h->o.tls) {
        char copy[sizeof text];
        memcpy(copy, text, sizeof text);
        uv_buf_t buf = uv_buf_init(copy, sizeof text - 1);
        uv_try_write(&io->stream, &buf, 1);
    }
    uv_close(&io->handle, on_refused_closed);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct wr_httpd *h = listener->data;
    if (status < 0) {
        return;
    }
    if (h->count >= h->o.connections_max && !(h->o.close_idle && wr_httpd_conn_evict(h))) {
        refuse_connection(h);
        return;
    }
    wr_httpd_conn_accept(h);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct wr_httpd *h = handle->data;
    h->listener_closed = true;
    wr_httpd_end(h);
}

// Whether a unix socket is there that nobody listens on; then it is removed.
static wr_err remove_stale(const char *path, struct wr_fault *fault)
{
    struct stat st;
    if (lstat(path, &st) != 0) {
        return WR_OK;
    }
    if (!S_ISSOCK(st.st_mode)) {
        return wr_fault_set(fault, WR_ERR_EXISTS, "%s exists and is not a socket", path);
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return wr_fault_set(fault, WR_ERR_IO, "socket: %s", strerror(errno));
    }
    bool dead =
        connect(fd, (struct sockaddr *)&address, sizeof address) != 0 && errno == ECONNREFUSED;
    close(fd);
    if (!dead) {
        return wr_fault_set(fault, WR_ERR_BUSY, "%s: another process listens there", path);
    }
    if (unlink(path) != 0) {
        return wr_fault_set(fault, WR_ERR_IO, "cannot remove %s: %s", path, strerror(errno));
    }
    return WR_OK;
}

static wr_err listen_path(struct wr_httpd *h, struct wr_fault *fault)
{
    const char *path = h->o.path;
    wr_err err = remove_stale(path, fault);
    if (err != WR_OK) {
        return err;
    }
    int code = uv_pipe_bind(&h->io.pipe, path);
    if (code == 0 && h->o.path_has_group && chown(path, (uid_t)-1, h->o.path_group) != 0) {
        code = uv_translate_sys_error(errno);
    }
    if (code == 0 && chmod(path, h->o.path_mode) != 0) { // nobody can connect before listen()
        code = uv_translate_sys_error(errno);
    }
    if (code == 0) {
        code = uv_listen(&h->io.stream, BACKLOG, on_connection);
    }
    if (code != 0) {
        return wr_fault_set(fault, code == UV_EADDRINUSE ? WR_ERR_BUSY : WR_ERR_IO,
                            "cannot listen on %s: %s", path, uv_strerror(code));
    }
    return WR_OK;
}

static wr_err listen_tcp(struct wr_httpd *h, const struct sockaddr_storage *address,
                         struct wr_fault *fault)
{
    struct sockaddr_storage bound;
    int len = sizeof bound;
    int code = uv_tcp_bind(&h->io.tcp, (const struct sockaddr *)address, 0);
    if (code == 0) {
        code = uv_listen(&h->io.stream, BACKLOG, on_connection);
    }
    if (code == 0) {
        code = uv_tcp_getsockname(&h->io.tcp, (struct sockaddr *)&bound, &len);
    }
    if (code != 0) {
        return wr_fault_set(fault, code == UV_EADDRINUSE ? WR_ERR_BUSY : WR_ERR_IO,
                            "cannot listen on %s port %u: %s", h->o.host, h->o.port,
                            uv_strerror(code));
    }
    in_port_t port = bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                 : ((struct sockaddr_in *)&bound)->sin_port;
    h->port = ntohs(port);
    return WR_OK;
}

static void set_defaults(struct wr_httpd_options *o)
{
    o->header_max = o->header_max ? o->header_max : 16u << 10;
    o->body_max = o->body_max ? o->body_max : 1u << 20;
    o->stream_max = o->stream_max ? o->stream_max : 1u << 20;
    o->connections_max = o->connections_max ? o->connections_max : 64;
    o->request_timeout_ms = o->request_timeout_ms ? o->request_timeout_ms : 30000;
    o->head_timeout_ms = o->head_timeout_ms ? o->head_timeout_ms : o->request_timeout_ms;
    o->path_mode = o->path_mode ? o->path_mode : 0600;
    o->idle_timeout_ms = o->idle_timeout_ms ? o->idle_timeout_ms : 60000;
    o->write_timeout_ms = o->write_timeout_ms ? o->write_timeout_ms : 30000;
}

static wr_err check_options(const struct wr_httpd_options *o, struct sockaddr_storage *address,
                            struct wr_fault *fault)
{
    wr_assert(o->request && !o->host == !!o->path);
    if (o->header_max > WR_HTTPD_HEADER_MAX) {
        return wr_fault_set(fault, WR_ERR_RANGE, "header limit %zu is over %u", o->header_max,
                            WR_HTTPD_HEADER_MAX);
    }
    if (o->path) {
        size_t max = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
        if (!*o->path || strlen(o->path) > max) {
            return wr_fault_set(fault, WR_ERR_RANGE, "%s: a socket's path has 1 to %zu bytes",
                                o->path, max);
        }
    } else if (uv_ip4_addr(o->host, o->port, (struct sockaddr_in *)address) != 0 &&
               uv_ip6_addr(o->host, o->port, (struct sockaddr_in6 *)address) != 0) {
        return wr_fault_set(fault, WR_ERR_RANGE, "%s is not a numeric address", o->host);
    }
    return WR_OK;
}

wr_err wr_httpd_open(uv_loop_t *loop, const struct wr_httpd_options *options, struct wr_httpd **out,
                     struct wr_fault *fault)
{
    struct sockaddr_storage address = {0};
    wr_err err = check_options(options, &address, fault);
    if (err != WR_OK) {
        wr_httpd_tls_identity_free(options->tls);
        return err;
    }
    struct wr_httpd *h = wr_zalloc(sizeof *h);
    h->o = *options;
    h->loop = loop;
    set_defaults(&h->o);
    int code = h->o.path ? uv_pipe_init(loop, &h->io.pipe, 0) : uv_tcp_init(loop, &h->io.tcp);
    if (code != 0) {
        wr_httpd_tls_identity_free(h->o.tls);
        free(h);
        return wr_fault_set(fault, WR_ERR_IO, "no socket: %s", uv_strerror(code));
    }
    h->io.handle.data = h;
    err = h->o.path ? listen_path(h, fault) : listen_tcp(h, &address, fault);
    if (err != WR_OK) {
        h->closing = true;
        uv_close(&h->io.handle, on_listener_closed);
        return err;
    }
    h->scratch = h->o.tls ? wr_alloc(WR_HTTPD_SCRATCH) : NULL;
    h->o.host = h->o.path = h->o.path ? "" : NULL; // only borrowed; from now on a mark
    *out = h;
    return WR_OK;
}

void wr_httpd_set_tls(struct wr_httpd *h, struct wr_httpd_tls_identity *tls)
{
    wr_assert(h->o.tls && tls);
    wr_httpd_tls_identity_free(h->o.tls);
    h->o.tls = tls;
}

uint16_t wr_httpd_port(const struct wr_httpd *h)
{
    return h->port;
}

unsigned wr_httpd_connections(const struct wr_httpd *h)
{
    return h->count;
}

void wr_httpd_close(struct wr_httpd *h, void (*done)(void *user), void *user)
{
    wr_assert(!h->closing);
    h->closing = true;
    h->done = done;
    h->done_user = user;
    uv_close(&h->io.handle, on_listener_closed);
    for (struct wr_httpd_conn *c = h->conns, *next; c; c = next) {
        next = c->next;
        wr_httpd_conn_close(c);
    }
}
