// From a name to a connected socket: its addresses one after the other, without blocking.
#include "engine/mqtt/native/conn_parts.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sql/base/banned.h"

static void try_next(struct wr_link *l);

static void free_link(struct wr_link *l)
{
    wr_stream_release(&l->stream);
    if (l->stream.fd >= 0) {
        close(l->stream.fd);
    }
    if (l->addresses) {
        uv_freeaddrinfo(l->addresses);
    }
    void (*done)(void *) = l->done;
    void *user = l->done_user;
    free(l);
    if (done) {
        done(user);
    }
}

static void on_address_closed(uv_handle_t *handle)
{
    struct wr_link *l = WR_CONTAINER(handle, struct wr_link, poll);
    l->polling = false;
    close(l->stream.fd);
    l->stream.fd = -1;
    if (l->ended) {
        free_link(l);
    } else {
        try_next(l);
    }
}

static void on_writable(uv_poll_t *handle, int status, int events)
{
    struct wr_link *l = WR_CONTAINER(handle, struct wr_link, poll);
    int error = wr_stream_error(&l->stream); // `status` is EBADF, whatever it was
    error = error ? error : -status;
    uv_poll_stop(handle);
    if (error) {
        l->error = error;
        uv_close((uv_handle_t *)handle, on_address_closed);
        return;
    }
    int on = 1;
    (void)setsockopt(l->stream.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    l->connected(l->user);
}

static bool start(struct wr_link *l, const struct addrinfo *a)
{
    l->stream.fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->stream.fd < 0) {
        l->error = errno;
        return false;
    }
    bool ok = connect(l->stream.fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS;
    int error = ok ? -uv_poll_init(l->loop, &l->poll, l->stream.fd) : errno;
    if (error) {
        l->error = error;
        close(l->stream.fd);
        l->stream.fd = -1;
        return false;
    }
    l->polling = true;
    uv_poll_start(&l->poll, UV_WRITABLE, on_writable);
    return true;
}

static void try_next(struct wr_link *l)
{
    while (l->next) {
        const struct addrinfo *a = l->next;
        l->next = a->ai_next;
        if (start(l, a)) {
            return;
        }
    }
    l->failed(l->user, false, l->error);
}

static void on_found(uv_getaddrinfo_t *lookup, int status, struct addrinfo *addresses)
{
    struct wr_link *l = WR_CONTAINER(lookup, struct wr_link, lookup);
    l->looking = false;
    l->addresses = l->next = addresses;
    if (l->ended) {
        free_link(l);
    } else if (status) {
        l->failed(l->user, true, 0);
    } else {
        try_next(l);
    }
}

struct wr_link *wr_link_new(uv_loop_t *loop, const struct wr_mqtt_url *url,
                            void (*connected)(void *user),
                            void (*failed)(void *user, bool host_unknown, int error), void *user)
{
    struct wr_link *l = wr_zalloc(sizeof *l);
    l->loop = loop;
    l->stream.fd = -1;
    l->connected = connected;
    l->failed = failed;
    l->user = user;
    char port[16];
    snprintf(port, sizeof port, "%d", url->port);
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    l->looking = true;
    int rc = uv_getaddrinfo(loop, &l->lookup, on_found, url->host, port, &hints);
    wr_assert(rc == 0); // fails only without a function or a name
    return l;
}

bool wr_link_end(struct wr_link *l, void (*done)(void *user), void *user)
{
    l->ended = true;
    if (l->looking) { // frees itself
        (void)uv_cancel((uv_req_t *)&l->lookup);
        return false;
    }
    if (!l->polling) {
        free_link(l);
        return false;
    }
    l->done = done;
    l->done_user = user;
    if (!uv_is_closing((uv_handle_t *)&l->poll)) {
        uv_poll_stop(&l->poll);
        uv_close((uv_handle_t *)&l->poll, on_address_closed); // its descriptor not before it
    }
    return true;
}
