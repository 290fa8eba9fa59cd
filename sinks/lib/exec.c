// Jobs in a queue, processes in slots.
#include "sinks/lib/exec.h"

#include <stdio.h>
#include <stdlib.h>

#include "sql/base/utf8.h"

#include "sql/base/banned.h"

// A place for a process.
struct slot {
    struct wr_exec *x;
    struct wr_process *process; // NULL: free
    struct wr_exec_job *job;    // NULL: it was stopped, and only its process has to end
    uv_timer_t timer;
    struct wr_buf output, errors;
    uint64_t from_ms;
    bool timed_out, too_long;
};

struct wr_exec {
    uv_loop_t *loop;
    struct wr_launch launch;
    int64_t timeout_ms;
    struct wr_exec_job *first, **end;
    uv_timer_t soon; // `done` never comes from inside wr_exec_run()
    size_t held;
    bool closing;
    size_t open_parts; // while closing: slots, soon
    void (*closed)(void *user);
    void *closed_user;
    size_t slot_count;
    struct slot slots[];
};

static void pump(struct wr_exec *x);

static void finish(struct slot *s, enum wr_exec_end end)
{
    struct wr_exec_job *job = s->job;
    struct wr_exec *x = s->x;
    s->job = NULL;
    job->end = end;
    job->output = wr_buf_str(&s->output);
    job->errors = wr_buf_str(&s->errors);
    job->took_ms = uv_now(x->loop) - s->from_ms;
    x->held--;
    job->done(job);
}

static void on_output(void *user, wr_str bytes)
{
    struct slot *s = user;
    if (s->too_long || s->output.len + bytes.len > WR_EXEC_OUTPUT_MAX) {
        if (!s->too_long && s->process) {
            wr_process_kill(s->process);
        }
        s->too_long = true;
        return;
    }
    wr_buf_add(&s->output, bytes);
}

// The last WR_EXEC_ERRORS_MAX bytes.
static void on_errors(void *user, wr_str bytes)
{
    struct slot *s = user;
    wr_buf_add(&s->errors, bytes);
    if (s->errors.len > WR_EXEC_ERRORS_MAX) {
        size_t cut = s->errors.len - WR_EXEC_ERRORS_MAX;
        memmove(s->errors.at, s->errors.at + cut, WR_EXEC_ERRORS_MAX);
        s->errors.len = WR_EXEC_ERRORS_MAX;
    }
}

static void on_part_closed(struct wr_exec *x)
{
    if (--x->open_parts > 0) {
        return;
    }
    void (*closed)(void *) = x->closed;
    void *user = x->closed_user;
    for (size_t i = 0; i < x->slot_count; i++) {
        wr_buf_release(&x->slots[i].output);
        wr_buf_release(&x->slots[i].errors);
    }
    wr_launch_release(&x->launch);
    free(x);
    closed(user);
}

static void on_slot_closed(uv_handle_t *timer)
{
    on_part_closed(((struct slot *)timer->data)->x);
}

static void on_soon_closed(uv_handle_t *timer)
{
    on_part_closed(timer->data);
}

static void slot_close(struct slot *s)
{
    uv_close((uv_handle_t *)&s->timer, on_slot_closed);
}

static void on_ended(void *user, int64_t exit_status, int signal)
{
    struct slot *s = user;
    struct wr_exec *x = s->x;
    s->process = NULL;
    uv_timer_stop(&s->timer);
    if (x->closing) {
        slot_close(s);
        return;
    }
    char *why = s->job->why;
    size_t size = sizeof s->job->why;
    if (s->timed_out) {
        snprintf(why, size, "it ran for more than %lld ms", (long long)x->timeout_ms);
    } else if (s->too_long) {
        snprintf(why, size, "it wrote more than %u bytes", WR_EXEC_OUTPUT_MAX);
    } else if (signal) {
        snprintf(why, size, "signal: %s", strsignal(signal));
    } else if (exit_status != 0) {
        snprintf(why, size, "exit status %lld", (long long)exit_status);
    } else {
        why[0] = '\0';
    }
    finish(s, s->timed_out                                ? WR_EXEC_TIMEOUT
              : s->too_long || signal || exit_status != 0 ? WR_EXEC_FAILED
                                                          : WR_EXEC_OK);
    pump(x);
}

static void on_timer(uv_timer_t *timer)
{
    struct slot *s = timer->data;
    s->timed_out = true;
    wr_process_kill(s->process);
}

static void start(struct slot *s, struct wr_exec_job *job)
{
    struct wr_exec *x = s->x;
    struct wr_fault fault;
    s->job = job;
    s->timed_out = s->too_long = false;
    s->from_ms = uv_now(x->loop);
    wr_buf_clear(&s->output);
    wr_buf_clear(&s->errors);
    wr_err err = wr_process_start(x->loop,
                                  &(struct wr_process_options){
                                      .command = x->launch.command.at,
                                      .env = wr_launch_environment(&x->launch, job->variable),
                                      .cwd = x->launch.cwd,
                                      .input = job->input.at ? job->input : WR_STR(""),
                                      .output = on_output,
                                      .errors = on_errors,
                                      .ended = on_ended,
                                      .user = s,
                                  },
                                  &s->process, &fault);
    if (err) {
        snprintf(job->why, sizeof job->why, "%.*s", (int)sizeof job->why - 1, fault.text);
        finish(s, WR_EXEC_FAILED);
    } else {
        uv_timer_start(&s->timer, on_timer, (uint64_t)x->timeout_ms, 0);
    }
}

static void pump(struct wr_exec *x)
{
    for (size_t i = 0; i < x->slot_count && x->first && !x->closing; i++) {
        while (!x->slots[i].process && x->first && !x->closing) {
            struct wr_exec_job *job = x->first;
            x->first = job->next_;
            if (!x->first) {
                x->end = &x->first;
            }
            start(&x->slots[i], job);
        }
    }
}

static void on_soon(uv_timer_t *timer)
{
    pump(timer->data);
}

void wr_exec_run(struct wr_exec *x, struct wr_exec_job *job)
{
    wr_assert(!x->closing);
    job->next_ = NULL;
    *x->end = job;
    x->end = &job->next_;
    x->held++;
    if (!uv_is_active((uv_handle_t *)&x->soon)) {
        uv_timer_start(&x->soon, on_soon, 0, 0);
    }
}

bool wr_exec_cancel(struct wr_exec *x, struct wr_exec_job *job)
{
    for (struct wr_exec_job **at = &x->first; *at; at = &(*at)->next_) {
        if (*at == job) {
            *at = job->next_;
            if (!*at) {
                x->end = at;
            }
            x->held--;
            return true;
        }
    }
    return false;
}

size_t wr_exec_held(const struct wr_exec *x)
{
    return x->held;
}

void wr_exec_add_answer(struct wr_buf *b, const struct wr_paths *none, wr_str answer)
{
    size_t error_at;
    if (answer.len == 0) {
        wr_buf_add(b, WR_STR("null"));
        return;
    }
    enum wr_json_kind kind = wr_json_read(none, answer, NULL, &error_at);
    if (kind == WR_JSON_VALID || kind == WR_JSON_SCALAR) {
        size_t from = b->len;
        wr_buf_add(b, answer);
        for (size_t i = from; i < b->len; i++) { // a line feed in JSON is a blank between tokens
            b->at[i] = b->at[i] == '\n' || b->at[i] == '\r' ? ' ' : b->at[i];
        }
    } else if (wr_utf8_valid(answer)) {
        wr_json_write_string(b, answer);
    } else {
        wr_buf_add(b, WR_STR("{\"base64\":\""));
        wr_buf_add_base64(b, answer);
        wr_buf_add(b, WR_STR("\"}"));
    }
}

wr_err wr_exec_open(uv_loop_t *loop, const struct wr_launch_options *launch, int64_t timeout_ms,
                    size_t concurrency, struct wr_exec **out, struct wr_fault *fault)
{
    wr_assert(concurrency > 0 && concurrency <= WR_EXEC_CONCURRENCY_MAX);
    struct wr_exec *x = wr_zalloc(sizeof *x + concurrency * sizeof x->slots[0]);
    wr_err err = wr_launch_init(&x->launch, launch, fault);
    if (err) {
        free(x);
        return err;
    }
    x->loop = loop;
    x->timeout_ms = timeout_ms;
    x->end = &x->first;
    x->slot_count = concurrency;
    uv_timer_init(loop, &x->soon);
    x->soon.data = x;
    for (size_t i = 0; i < concurrency; i++) {
        x->slots[i].x = x;
        uv_timer_init(loop, &x->slots[i].timer);
        x->slots[i].timer.data = &x->slots[i];
    }
    *out = x;
    return WR_OK;
}

static void stop_job(struct wr_exec *x, struct wr_exec_job *job)
{
    job->end = WR_EXEC_STOPPED;
    job->output = job->errors = WR_STR("");
    snprintf(job->why, sizeof job->why, "weir is stopping");
    x->held--;
    job->done(job);
}

void wr_exec_close(struct wr_exec *x, void (*closed)(void *user), void *user)
{
    x->closing = true;
    x->closed = closed;
    x->closed_user = user;
    x->open_parts = x->slot_count + 1;
    uv_close((uv_handle_t *)&x->soon, on_soon_closed);
    while (x->first) {
        struct wr_exec_job *job = x->first;
        x->first = job->next_;
        stop_job(x, job);
    }
    for (size_t i = 0; i < x->slot_count; i++) {
        struct slot *s = &x->slots[i];
        struct wr_exec_job *job = s->job;
        s->job = NULL;
        uv_timer_stop(&s->timer);
        if (s->process) {
            wr_process_stop(s->process);
        } else {
            slot_close(s);
        }
        if (job) {
            stop_job(x, job); // its input may go: see on_ended
        }
    }
}
