// credential_process: a command that prints credentials. Run without a shell, with limits of time
// and size, and killed with what it started.
#include "sinks/lib/aws_fetch_parts.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "sinks/lib/spawn.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define WORDS_MAX  64    // of a command
#define OUTPUT_MAX 65536 // bytes; an answer has about a thousand
#define ERRORS_MAX 4096  // bytes kept of what it says on stderr
#define TIMEOUT_MS 60000 // it may ask another service
#define LINGER_MS  1000  // after its end, for pipes that something it started still holds

struct wr_aws_process {
    struct wr_aws_fetch *fetch;
    uv_process_t process;
    uv_pipe_t out, err;
    uv_timer_t timer;
    struct wr_buf output, errors;
    struct wr_buf words; // the command, split, each word with its NUL
    int open;            // handles
    bool late, large;
    int64_t status;
    int signal;
    int spawn_error;
    bool exited;
    char chunk[4096];
};

// ---- words, as a POSIX shell splits them, without expanding anything

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

// Into b, each with a NUL behind it. False: a quote is not closed, or too many.
static bool split(wr_str s, struct wr_buf *b, size_t *count)
{
    *count = 0;
    size_t i = 0;
    for (;;) {
        while (i < s.len && is_blank(s.at[i])) {
            i++;
        }
        if (i == s.len) {
            return true;
        }
        if (++*count > WORDS_MAX) {
            return false;
        }
        char quote = 0;
        for (; i < s.len && (quote || !is_blank(s.at[i])); i++) {
            char c = s.at[i];
            if (quote ? c == quote : c == '"' || c == '\'') {
                quote = quote ? 0 : c;
            } else if (c == '\\' && quote != '\'' && i + 1 < s.len &&
                       (!quote || s.at[i + 1] == '"' || s.at[i + 1] == '\\')) {
                wr_buf_add_char(b, s.at[++i]);
            } else {
                wr_buf_add_char(b, c);
            }
        }
        if (quote) {
            return false;
        }
        wr_buf_add_char(b, '\0');
    }
}

// ---- its end

static void finish(struct wr_aws_process *p)
{
    static const struct wr_aws_key_names names = {NULL, "AccessKeyId", "SecretAccessKey",
                                                  "SessionToken", "Expiration"};
    struct wr_aws_fetch *f = p->fetch;
    wr_value o;
    f->process = NULL;
    if (f->cancelled) {
        wr_aws_fetch_fail(f, "weir is stopping");
    } else if (p->spawn_error) {
        wr_aws_fetch_fail(f, "credential_process cannot be started: %s",
                          uv_strerror(p->spawn_error));
    } else if (p->late) {
        wr_aws_fetch_fail(f, "credential_process did not end within %d s", TIMEOUT_MS / 1000);
    } else if (p->large) {
        wr_aws_fetch_fail(f, "credential_process printed more than %d bytes", OUTPUT_MAX);
    } else if (p->signal || p->status) {
        wr_aws_fetch_fail(f, "credential_process ended with %s %d: %.*s",
                          p->signal ? "signal" : "status", p->signal ? p->signal : (int)p->status,
                          WR_STR_ARG(wr_buf_str(&p->errors)));
    } else if (wr_json_parse(wr_buf_str(&p->output), &f->arena, WR_SQL_2016, &o, NULL) ||
               o.type != WR_OBJECT) {
        wr_aws_fetch_fail(f, "credential_process printed something that is not a JSON object");
    } else {
        const wr_value *found = wr_object_get(&o, WR_STR("Version"));
        wr_value version = found ? *found : wr_undefined();
        wr_value_force(&version, &f->arena, WR_SQL_2016);
        if (version.type != WR_NUMBER || version.flags || version.scale || version.as.coef != 1) {
            wr_aws_fetch_fail(f, "credential_process printed a Version that is not 1");
        } else if (wr_aws_fetch_json(f, wr_buf_str(&p->output), &names, "credential_process")) {
            wr_aws_fetch_next(f);
        }
    }
    OPENSSL_cleanse(p->chunk, sizeof p->chunk);
    if (p->output.at) {
        OPENSSL_cleanse(p->output.at, p->output.cap_);
    }
    wr_buf_release(&p->output);
    wr_buf_release(&p->errors);
    wr_buf_release(&p->words);
    free(p);
}

static void on_closed(uv_handle_t *handle)
{
    struct wr_aws_process *p = handle->data;
    if (--p->open == 0) {
        finish(p);
    }
}

static void close_one(struct wr_aws_process *p, uv_handle_t *h)
{
    if (!uv_is_closing(h)) {
        uv_close(h, on_closed);
    }
}

static void kill_it(struct wr_aws_process *p)
{
    if (!p->exited && p->process.pid > 0) {
        uv_kill(-p->process.pid, SIGKILL); // it leads a group of its own
    }
}

// The timer outlives the process and its pipes.
static void close_timer_if_done(struct wr_aws_process *p)
{
    if (p->exited && uv_is_closing((uv_handle_t *)&p->out) &&
        uv_is_closing((uv_handle_t *)&p->err)) {
        close_one(p, (uv_handle_t *)&p->timer);
    }
}

static void on_linger(uv_timer_t *timer)
{
    struct wr_aws_process *p = timer->data;
    close_one(p, (uv_handle_t *)&p->out);
    close_one(p, (uv_handle_t *)&p->err);
    close_timer_if_done(p);
}

static void on_exit_(uv_process_t *process, int64_t status, int signal)
{
    struct wr_aws_process *p = process->data;
    kill_it(p); // the rest of its group, which may hold the pipes open
    p->exited = true;
    p->status = status;
    p->signal = signal;
    close_one(p, (uv_handle_t *)&p->process);
    uv_timer_start(&p->timer, on_linger, LINGER_MS, 0);
    close_timer_if_done(p);
}

static void on_late(uv_timer_t *timer)
{
    struct wr_aws_process *p = timer->data;
    p->late = true;
    kill_it(p);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct wr_aws_process *p = handle->data;
    *buf = uv_buf_init(p->chunk, sizeof p->chunk);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct wr_aws_process *p = stream->data;
    bool is_output = stream == (uv_stream_t *)&p->out;
    struct wr_buf *b = is_output ? &p->output : &p->errors;
    size_t max = is_output ? OUTPUT_MAX : ERRORS_MAX;
    if (len < 0) {
        close_one(p, (uv_handle_t *)stream);
        close_timer_if_done(p);
        return;
    }
    size_t room = max - b->len, take = (size_t)len < room ? (size_t)len : room;
    wr_buf_add(b, (wr_str){buf->base, take});
    if (is_output && take < (size_t)len) {
        p->large = true;
        kill_it(p);
    }
}

// ---- its start

static int start(struct wr_aws_process *p, char **args)
{
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&p->out},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&p->err},
    };
    uv_process_options_t options = {
        .file = args[0],
        .args = args,
        .stdio = stdio,
        .stdio_count = 3,
        .exit_cb = on_exit_,
        .flags = UV_PROCESS_DETACHED, // a group of its own
    };
    return wr_spawn(p->fetch->tools->loop, &p->process, &options);
}

void wr_aws_run_process(struct wr_aws_fetch *f)
{
    struct wr_aws_process *p = wr_zalloc(sizeof *p);
    uv_loop_t *loop = f->tools->loop;
    char *args[WORDS_MAX + 1];
    size_t count;
    p->fetch = f;
    if (!split(f->plan.command, &p->words, &count) || count == 0) {
        wr_buf_release(&p->words);
        free(p);
        wr_aws_fetch_fail(f,
                          "credential_process: expected a command of at most %d words, quotes "
                          "closed",
                          WORDS_MAX);
        return;
    }
    char *at = p->words.at;
    for (size_t i = 0; i < count; i++) {
        args[i] = at;
        at += strlen(at) + 1;
    }
    args[count] = NULL;
    f->process = p;
    uv_pipe_init(loop, &p->out, 0);
    uv_pipe_init(loop, &p->err, 0);
    uv_timer_init(loop, &p->timer);
    p->out.data = p->err.data = p->timer.data = p->process.data = p;
    p->open = 4;
    p->spawn_error = start(p, args);
    if (p->spawn_error) {
        p->exited = true;
        uv_handle_t *all[] = {(uv_handle_t *)&p->process, (uv_handle_t *)&p->out,
                              (uv_handle_t *)&p->err, (uv_handle_t *)&p->timer};
        for (size_t i = 0; i < WR_COUNT(all); i++) {
            close_one(p, all[i]);
        }
        return;
    }
    uv_timer_start(&p->timer, on_late, TIMEOUT_MS, 0);
    uv_read_start((uv_stream_t *)&p->out, on_alloc, on_read);
    uv_read_start((uv_stream_t *)&p->err, on_alloc, on_read);
}

void wr_aws_process_cancel(struct wr_aws_fetch *f)
{
    if (f->process) {
        kill_it(f->process);
    }
}
