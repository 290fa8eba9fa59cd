// A child process in a group of its own, with one pipe for its output.

#include "sinks/lambda/process.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "sinks/lib/spawn.h"

#include "sql/base/banned.h"

#define DRAIN_MS \
    200 // for the rest of the output, when a process that left the group holds the pipe
#define OUTPUT_MAX 16384

// ---- command lines

wr_err wr_words_split(struct wr_words *words, wr_str line, struct wr_fault *fault)
{
    char *text = wr_alloc(line.len + 1), *to = text;
    char **at = wr_zalloc((WR_PROCESS_WORDS + 1) * sizeof *at);
    size_t count = 0, i = 0;
    wr_err err = WR_OK;
    while (err == WR_OK) {
        while (i < line.len && strchr(" \t\r\n", line.at[i])) {
            i++;
        }
        if (i == line.len) {
            break;
        }
        if (count == WR_PROCESS_WORDS) {
            err = wr_fault_set(fault, WR_ERR_LIMIT, "more than %d words", WR_PROCESS_WORDS);
            break;
        }
        at[count++] = to;
        char quote = 0;
        for (; i < line.len && (quote || !strchr(" \t\r\n", line.at[i])); i++) {
            char c = line.at[i], next = i + 1 < line.len ? line.at[i + 1] : 0;
            if (quote ? c == quote : c == '\'' || c == '"') {
                quote = quote ? 0 : c;
            } else if (c == '\\' && (!quote || (quote == '"' && (next == '"' || next == '\\')))) {
                if (!next) {
                    err = wr_fault_set(fault, WR_ERR_SYNTAX, "nothing behind the last backslash");
                } else {
                    *to++ = line.at[++i];
                }
            } else {
                *to++ = c;
            }
        }
        *to++ = 0; // stands where a blank or the line's end was
        if (quote) {
            err = wr_fault_set(fault, WR_ERR_SYNTAX, "the quote %c is not closed", quote);
        }
    }
    if (err != WR_OK) {
        free(at);
        free(text);
        return err;
    }
    *words = (struct wr_words){.at = at, .count = count, .text_ = text};
    return WR_OK;
}

void wr_words_free(struct wr_words *words)
{
    free(words->at);
    free(words->text_);
    *words = (struct wr_words){0};
}

// ---- processes

struct wr_process {
    uv_process_t process;
    uv_pipe_t pipe;
    uv_timer_t timer; // SIGKILL; once it has ended: the end of waiting for output
    int open_handles;
    int pid;
    bool exited, drained, started;
    int64_t exit_status;
    int signal;
    void (*output)(void *user, wr_str bytes);
    void (*ended)(void *user, int64_t exit_status, int signal);
    void *user;
    char room[OUTPUT_MAX];
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct wr_process *p = handle->data;
    if (--p->open_handles > 0) {
        return;
    }
    if (p->started) {
        p->ended(p->user, p->exit_status, p->signal);
    }
    free(p);
}

static void end(struct wr_process *p)
{
    uv_handle_t *handles[] = {(uv_handle_t *)&p->process, (uv_handle_t *)&p->pipe,
                              (uv_handle_t *)&p->timer};
    for (size_t i = 0; i < WR_COUNT(handles); i++) {
        if (!uv_is_closing(handles[i])) {
            uv_close(handles[i], on_handle_closed);
        }
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct wr_process *p = timer->data;
    if (p->exited) {
        end(p);
    } else {
        wr_process_kill(p);
    }
}

static void on_process_exit(uv_process_t *process, int64_t exit_status, int signal)
{
    struct wr_process *p = process->data;
    kill(-p->pid, SIGKILL); // what it started and did not wait for
    p->exited = true;
    p->exit_status = exit_status;
    p->signal = signal;
    if (p->drained) {
        end(p);
    } else {
        uv_timer_start(&p->timer, on_timer, DRAIN_MS, 0);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct wr_process *p = handle->data;
    *buf = uv_buf_init(p->room, sizeof p->room);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct wr_process *p = stream->data;
    if (n > 0) {
        p->output(p->user, (wr_str){buf->base, (size_t)n});
    } else if (n < 0) {
        uv_read_stop(stream);
        p->drained = true;
        if (p->exited) {
            end(p);
        }
    }
}

// `prefixed` has room for WR_PROCESS_PREFIX words before the command's.
static char **with_prefix(char **prefixed, char *const *command)
{
    static char setpriv[] = "/usr/bin/setpriv", option[] = "--pdeathsig", sig[] = "KILL",
                dash[] = "--";
    size_t n = 0;
    if (access(setpriv, X_OK) == 0) {
        prefixed[n++] = setpriv;
        prefixed[n++] = option;
        prefixed[n++] = sig;
        prefixed[n++] = dash;
    }
    for (size_t i = 0; command[i]; i++) {
        prefixed[n++] = command[i];
    }
    prefixed[n] = NULL;
    return prefixed;
}

static int spawn(uv_loop_t *loop, struct wr_process *p, const struct wr_process_options *o,
                 int write_end)
{
    char *words[WR_PROCESS_PREFIX + WR_PROCESS_WORDS + 1];
    union {
        char *const *from;
        char **to; // libuv does not write to it
    } env = {.from = o->env};
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = write_end},
        {.flags = UV_INHERIT_FD, .data.fd = write_end},
    };
    uv_process_options_t options = {
        .exit_cb = on_process_exit,
        .args = with_prefix(words, o->command),
        .env = env.to,
        .cwd = o->cwd,
        .flags = UV_PROCESS_DETACHED, // a session and group of its own
        .stdio_count = WR_COUNT(stdio),
        .stdio = stdio,
    };
    options.file = options.args[0];
    return wr_spawn(loop, &p->process, &options);
}

wr_err wr_process_start(uv_loop_t *loop, const struct wr_process_options *o,
                        struct wr_process **out, struct wr_fault *fault)
{
    uv_file fds[2];
    int code = uv_pipe(fds, 0, 0);
    if (code != 0) {
        return wr_fault_set(fault, WR_ERR_FAILED, "no pipe: %s", uv_strerror(code));
    }
    struct wr_process *p = wr_zalloc(sizeof *p);
    p->output = o->output;
    p->ended = o->ended;
    p->user = o->user;
    uv_pipe_init(loop, &p->pipe, 0);
    uv_timer_init(loop, &p->timer);
    p->process.data = p->pipe.data = p->timer.data = p;
    p->open_handles = 3; // uv_spawn() makes a handle of `process` also when it fails
    code = spawn(loop, p, o, fds[1]);
    close(fds[1]);
    if (code == 0) {
        p->pid = p->process.pid;
    }
    int piped = uv_pipe_open(&p->pipe, fds[0]);
    if (piped != 0) {
        close(fds[0]);
    }
    if (code == 0 &&
        (piped != 0 || uv_read_start((uv_stream_t *)&p->pipe, on_alloc, on_read) != 0)) {
        kill(-p->pid, SIGKILL);
        code = UV_EIO;
    }
    if (code != 0) {
        end(p);
        return wr_fault_set(fault, WR_ERR_FAILED, "cannot start %s: %s", o->command[0],
                            uv_strerror(code));
    }
    p->started = true;
    *out = p;
    return WR_OK;
}

int wr_process_pid(const struct wr_process *p)
{
    return p->pid;
}

void wr_process_stop(struct wr_process *p)
{
    if (!p->exited && !uv_is_active((uv_handle_t *)&p->timer)) {
        kill(-p->pid, SIGTERM);
        uv_timer_start(&p->timer, on_timer, WR_PROCESS_GRACE_MS, 0);
    }
}

void wr_process_kill(struct wr_process *p)
{
    if (!p->exited) {
        kill(-p->pid, SIGKILL);
    }
}
