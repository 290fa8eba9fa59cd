#include "engine/cli/self.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sinks/lib/spawn.h"
#include "sql/base/buf.h"
#include "sql/base/err.h"

#include "sql/base/banned.h"

#define ERR_MAX (64u << 10)

enum { FILES = 2, STDIO = 3 + FILES };

struct child {
    uv_process_t process;
    uv_pipe_t out, err;
    uv_timer_t timer;
    int handles; // that are open
    int status;
    bool exited, given_up;
    const char *why;
    struct wr_buf out_text, err_text;
    int files[FILES];
    char piece[65536]; // of what is read
    void (*done)(void *user, int status, wr_str out, wr_str err);
    void *user;
};

static void on_closed(uv_handle_t *handle)
{
    struct child *c = handle->data;
    if (--c->handles > 0) {
        return;
    }
    wr_str err = c->why ? wr_str_of(c->why) : wr_buf_str(&c->err_text);
    c->done(c->user, c->why ? -1 : c->status, wr_buf_str(&c->out_text), err);
    wr_buf_release(&c->out_text);
    wr_buf_release(&c->err_text);
    free(c);
}

static void close_one(void *handle)
{
    if (!uv_is_closing(handle)) {
        uv_close(handle, on_closed);
    }
}

// All that it said has been read and it has ended: pipes end by themselves.
static void on_child_exit(uv_process_t *process, int64_t status, int signal)
{
    struct child *c = process->data;
    c->exited = true;
    c->status = signal ? 128 + signal : (int)status;
    if (signal && !c->why) {
        c->why = "it ended by a signal";
    }
    close_one(&c->timer);
    close_one(process);
}

static void give_up(struct child *c, const char *why)
{
    c->why = c->why ? c->why : why;
    if (!c->exited) {
        uv_process_kill(&c->process, SIGKILL);
    }
}

static void on_timer(uv_timer_t *timer)
{
    give_up(timer->data, "it took longer than 10 seconds");
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct child *c = handle->data;
    *buf = uv_buf_init(c->piece, sizeof c->piece);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct child *c = stream->data;
    if (count < 0) {
        close_one(stream);
        return;
    }
    struct wr_buf *to = stream == (uv_stream_t *)&c->out ? &c->out_text : &c->err_text;
    wr_buf_add(to, (wr_str){buf->base, (size_t)count});
    if (to->over) {
        give_up(c, "its answer is too long");
    }
}

// A file in memory, at its start. -1: none is wanted, or there can be none.
static int file_of(wr_str text)
{
    if (!text.at) {
        return -1;
    }
    int fd = memfd_create("weir", MFD_CLOEXEC);
    size_t done = 0;
    while (fd >= 0 && done < text.len) {
        ssize_t n = write(fd, text.at + done, text.len - done);
        if (n <= 0) {
            close(fd);
            return -1;
        }
        done += (size_t)n;
    }
    if (fd >= 0) {
        lseek(fd, 0, SEEK_SET);
    }
    return fd;
}

static void open_handle(struct child *c, void *handle)
{
    ((uv_handle_t *)handle)->data = c;
    c->handles++;
}

void wr_self_run(uv_loop_t *loop, const struct wr_self_ask *ask)
{
    struct child *c = wr_zalloc(sizeof *c);
    c->done = ask->done;
    c->user = ask->user;
    wr_buf_init(&c->out_text, WR_SELF_OUT_MAX);
    wr_buf_init(&c->err_text, ERR_MAX);
    c->files[0] = file_of(ask->first);
    c->files[1] = file_of(ask->second);
    char *argv[WR_SELF_ARGS_MAX + 2] = {(char[]){"weir"}};
    for (size_t i = 0; i < WR_SELF_ARGS_MAX && ask->args[i]; i++) {
        argv[i + 1] = wr_strdup(wr_str_of(ask->args[i]));
    }
    uv_pipe_init(loop, &c->out, 0);
    uv_pipe_init(loop, &c->err, 0);
    uv_timer_init(loop, &c->timer);
    open_handle(c, &c->out);
    open_handle(c, &c->err);
    open_handle(c, &c->timer);
    open_handle(c, &c->process);
    uv_stdio_container_t stdio[STDIO] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&c->out},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&c->err},
    };
    for (int i = 0; i < FILES; i++) {
        stdio[3 + i] = c->files[i] < 0
                           ? (uv_stdio_container_t){.flags = UV_IGNORE}
                           : (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = c->files[i]};
    }
    const uv_process_options_t options = {.file = "/proc/self/exe",
                                          .args = argv,
                                          .stdio = stdio,
                                          .stdio_count = STDIO,
                                          .exit_cb = on_child_exit};
    int failed = wr_spawn(loop, &c->process, &options);
    for (size_t i = 1; argv[i]; i++) {
        free(argv[i]);
    }
    for (int i = 0; i < FILES; i++) {
        if (c->files[i] >= 0) {
            close(c->files[i]);
        }
    }
    if (failed) {
        c->why = uv_strerror(failed);
        close_one(&c->out);
        close_one(&c->err);
        close_one(&c->timer);
        close_one(&c->process);
        return;
    }
    uv_read_start((uv_stream_t *)&c->out, on_alloc, on_read);
    uv_read_start((uv_stream_t *)&c->err, on_alloc, on_read);
    uv_timer_start(&c->timer, on_timer, WR_SELF_TIMEOUT_MS, 0);
}
