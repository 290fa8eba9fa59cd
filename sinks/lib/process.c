// A child process in a group of its own, with pipes for what it reads and writes.

#include "sinks/lib/process.h"

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

// What it writes.
struct outlet {
    struct wr_process *p;
    uv_pipe_t pipe;
    void (*output)(void *user, wr_str bytes);
};

enum { OUT, ERRORS, OUTLETS };

struct wr_process {
    uv_process_t process;
    struct outlet outlets[OUTLETS];
    int outlet_count, drained;
    uv_pipe_t stdin_; // only with input
    uv_write_t write;
    bool has_input;
    uv_timer_t timer; // SIGKILL; once it has ended: the end of waiting for output
    int open_handles;
    int pid;
    bool exited, started, has_process;
    int64_t exit_status;
    int signal;
    void (*ended)(void *user, int64_t exit_status, int signal);
    void *user;
    char room[OUTPUT_MAX];
};

static void on_gone(struct wr_process *p)
{
    if (--p->open_handles > 0) {
        return;
    }
    if (p->started) {
        p->ended(p->user, p->exit_status, p->signal);
    }
    free(p);
}

static void on_outlet_closed(uv_handle_t *handle)
{
    on_gone(((struct outlet *)handle->data)->p);
}

static void on_handle_closed(uv_handle_t *handle)
{
    on_gone(handle->data);
}

static void close_handle(uv_handle_t *handle, uv_close_cb closed)
{
    if (!uv_is_closing(handle)) {
        uv_close(handle, closed);
    }
}

static void end(struct wr_process *p)
{
    for (int i = 0; i < p->outlet_count; i++) {
        close_handle((uv_handle_t *)&p->outlets[i].pipe, on_outlet_closed);
    }
    if (p->has_input) {
        close_handle((uv_handle_t *)&p->stdin_, on_handle_closed);
    }
    if (p->has_process) {
        close_handle((uv_handle_t *)&p->process, on_handle_closed);
    }
    close_handle((uv_handle_t *)&p->timer, on_handle_closed);
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
    if (p->drained == p->outlet_count) {
        end(p);
    } else {
        uv_timer_start(&p->timer, on_timer, DRAIN_MS, 0);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct wr_process *p = ((struct outlet *)handle->data)->p;
    *buf = uv_buf_init(p->room, sizeof p->room);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct outlet *outlet = stream->data;
    struct wr_process *p = outlet->p;
    if (n > 0) {
        outlet->output(p->user, (wr_str){buf->base, (size_t)n});
    } else if (n < 0) {
        uv_read_stop(stream);
        if (++p->drained == p->outlet_count && p->exited) {
            end(p);
        }
    }
}

// All is written, or it does not read on: its stdin ends.
static void on_input_written(uv_write_t *write, int status)
{
    close_handle((uv_handle_t *)write->handle, on_handle_closed);
}

static void pass_input(struct wr_process *p, wr_str input)
{
    uv_buf_t buf = {.base = (char *)(uintptr_t)input.at, .len = input.len};
    if (uv_write(&p->write, (uv_stream_t *)&p->stdin_, &buf, 1, on_input_written) != 0) {
        close_handle((uv_handle_t *)&p->stdin_, on_handle_closed);
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
                 const uv_file ends[3])
{
    char *words[WR_PROCESS_PREFIX + WR_PROCESS_WORDS + 1];
    union {
        char *const *from;
        char **to; // libuv does not write to it
    } env = {.from = o->env};
    uv_stdio_container_t stdio[3];
    for (int i = 0; i < 3; i++) {
        stdio[i].flags = ends[i] < 0 ? UV_IGNORE : UV_INHERIT_FD;
        stdio[i].data.fd = ends[i];
    }
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

// A pipe of which one end is `pipe` and `*theirs` the other.
static int connect_pipe(uv_loop_t *loop, struct wr_process *p, uv_pipe_t *pipe, bool we_write,
                        uv_file *theirs)
{
    uv_file fds[2];
    int flags = UV_NONBLOCK_PIPE; // ours
    int code = uv_pipe(fds, we_write ? 0 : flags, we_write ? flags : 0);
    uv_pipe_init(loop, pipe, 0);
    p->open_handles++;
    if (code != 0) {
        return code;
    }
    uv_file ours = we_write ? fds[1] : fds[0];
    *theirs = we_write ? fds[0] : fds[1];
    code = uv_pipe_open(pipe, ours);
    if (code != 0) {
        close(ours);
    }
    return code;
}

// Pipes for what it reads and writes; `ends` are its ends of them.
static int connect_all(uv_loop_t *loop, struct wr_process *p, const struct wr_process_options *o,
                       uv_file ends[3])
{
    int code = 0;
    void (*const to[OUTLETS])(void *, wr_str) = {o->output, o->errors};
    for (int i = 0; i < OUTLETS && to[i] && code == 0; i++) {
        struct outlet *outlet = &p->outlets[p->outlet_count++];
        *outlet = (struct outlet){.p = p, .output = to[i]};
        code = connect_pipe(loop, p, &outlet->pipe, false, &ends[1 + i]);
        outlet->pipe.data = outlet;
    }
    if (code == 0 && o->input.at) {
        p->has_input = true;
        code = connect_pipe(loop, p, &p->stdin_, true, &ends[0]);
        p->stdin_.data = p;
    }
    return code;
}

wr_err wr_process_start(uv_loop_t *loop, const struct wr_process_options *o,
                        struct wr_process **out, struct wr_fault *fault)
{
    uv_file ends[3] = {-1, -1, -1};
    struct wr_process *p = wr_zalloc(sizeof *p);
    p->ended = o->ended;
    p->user = o->user;
    uv_timer_init(loop, &p->timer);
    p->process.data = p->timer.data = p;
    p->open_handles = 1;
    int code = connect_all(loop, p, o, ends);
    const uv_file theirs[3] = {ends[0], ends[1], o->errors ? ends[2] : ends[1]};
    if (code == 0) {
        p->has_process = true; // also when uv_spawn() fails
        p->open_handles++;
        code = spawn(loop, p, o, theirs);
    }
    for (int i = 0; i < 3; i++) {
        if (ends[i] >= 0) {
            close(ends[i]);
        }
    }
    if (code == 0) {
        p->pid = p->process.pid;
    }
    for (int i = 0; i < p->outlet_count && code == 0; i++) {
        code = uv_read_start((uv_stream_t *)&p->outlets[i].pipe, on_alloc, on_read);
        if (code != 0) {
            kill(-p->pid, SIGKILL);
        }
    }
    if (code != 0) {
        end(p);
        return wr_fault_set(fault, WR_ERR_FAILED, "cannot start %s: %s", o->command[0],
                            uv_strerror(code));
    }
    if (p->has_input) {
        pass_input(p, o->input);
    }
    p->started = true;
    *out = p;
    return WR_OK;
}

int wr_process_pid(const struct wr_process *p)
{
    return p->pid;
}

// Its input need not be there any longer.
static void hang_up(struct wr_process *p)
{
    if (p->has_input) {
        close_handle((uv_handle_t *)&p->stdin_, on_handle_closed);
    }
}

void wr_process_stop(struct wr_process *p)
{
    hang_up(p);
    if (!p->exited && !uv_is_active((uv_handle_t *)&p->timer)) {
        kill(-p->pid, SIGTERM);
        uv_timer_start(&p->timer, on_timer, WR_PROCESS_GRACE_MS, 0);
    }
}

void wr_process_kill(struct wr_process *p)
{
    hang_up(p);
    if (!p->exited) {
        kill(-p->pid, SIGKILL);
    }
}
