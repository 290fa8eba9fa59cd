// Reads a connection to its end before it is closed.
#include "engine/mqtt/linger.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "sql/base/err.h"

#include "sql/base/banned.h"

#define TURN_BYTES (1 << 20) // read in one turn of the loop, at most

struct lingerer {
    uv_poll_t poll;
    uv_timer_t deadline;
    int fd, open_handles;
    void (*done)(void *user);
    void *user;
};

static void on_closed(uv_handle_t *handle)
{
    struct lingerer *l = handle->data;
    if (--l->open_handles > 0) {
        return;
    }
    close(l->fd); // not before its poll handle
    l->done(l->user);
    free(l);
}

static void end(struct lingerer *l)
{
    uv_close((uv_handle_t *)&l->poll, on_closed);
    uv_close((uv_handle_t *)&l->deadline, on_closed);
}

static void on_deadline(uv_timer_t *timer)
{
    end(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct lingerer *l = poll->data;
    char unwanted[16384];
    ssize_t n = status < 0 ? 0 : 1;
    for (size_t taken = 0; n > 0 && taken < TURN_BYTES; taken += (size_t)n) {
        n = read(l->fd, unwanted, sizeof unwanted);
        if (n < 0 && errno == EINTR) {
            n = 1;
        }
    }
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        end(l);
    }
}

void wr_linger(uv_loop_t *loop, int fd, int ms, void (*done)(void *user), void *user)
{
    struct lingerer *l = wr_zalloc(sizeof *l);
    *l = (struct lingerer){.fd = fd, .open_handles = 2, .done = done, .user = user};
    uv_timer_init(loop, &l->deadline);
    l->deadline.data = l;
    int error = uv_poll_init(loop, &l->poll, fd);
    if (error) { // no memory in the kernel: the end is not polite
        l->open_handles = 1;
        uv_close((uv_handle_t *)&l->deadline, on_closed);
        return;
    }
    l->poll.data = l;
    uv_poll_start(&l->poll, UV_READABLE, on_poll);
    uv_timer_start(&l->deadline, on_deadline, (uint64_t)ms, 0);
}
