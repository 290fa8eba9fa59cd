// One Lambda function on this machine: its queue, its workers, its retries, its files.

#include "sinks/lambda/function.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "sinks/lambda/output.h"
#include "sinks/lambda/runtime_api.h"
#include "sinks/lib/exec.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define PAUSE_MIN_MS   100 // before a worker that failed is started again; doubles
#define PAUSE_MAX_MS   10000
#define LINE_MAX_BYTES 8192 // output without a line feed is cut into pieces of this size

enum worker_state {
    DOWN,
    PAUSED,   // failed; may start when the timer fires
    STARTING, // has not asked for an event yet; timer: init_timeout
    IDLE,     // waits for an event
    BUSY,     // has one; timer: timeout
    ANSWERED, // has answered it, or its connection broke: must ask for the next; timer: timeout
    STOPPING, // was told to end
};

struct worker {
    struct wr_function *f;
    enum worker_state state;
    struct wr_runtime_api *api; // from the first start on
    struct wr_process *process;
    uv_timer_t timer;
    struct wr_invocation *running;
    struct wr_buf line; // output that waits for its line feed
    unsigned failures;  // ends in a row without an answer
    bool served;        // this process has answered something
    int open_parts;     // while closing: api, timer
};

struct queue {
    struct wr_invocation *first, *last;
    size_t len;
};

struct wr_function {
    const struct wr_sink_host *host;
    struct wr_function_options o; // its strings are not kept
    char *name;
    struct wr_launch launch;
    struct wr_exec *exec; // NULL: workers
    struct wr_output *output;
    struct queue waiting;
    struct queue delayed; // by due_ms_
    struct queue ended;   // final, until their line is written; by line_
    size_t held;
    struct execution *executions; // that the exec has
    uv_timer_t delay_timer;
    bool pumping, pump_again, closing;
    int open_parts; // while closing: workers, delay_timer
    void (*done)(void *user);
    void *done_user;
    size_t worker_count;
    struct worker workers[];
};

static void pump(struct wr_function *f);

// ---- queues

static void push(struct queue *q, struct wr_invocation *inv)
{
    inv->next_ = NULL;
    *(q->last ? &q->last->next_ : &q->first) = inv;
    q->last = inv;
    q->len++;
}

static struct wr_invocation *pop(struct queue *q)
{
    struct wr_invocation *inv = q->first;
    if (inv) {
        q->first = inv->next_;
        q->last = q->first ? q->last : NULL;
        q->len--;
    }
    return inv;
}

static bool queue_remove(struct queue *q, const struct wr_invocation *inv)
{
    struct wr_invocation *before = NULL;
    for (struct wr_invocation *at = q->first; at; before = at, at = at->next_) {
        if (at == inv) {
            *(before ? &before->next_ : &q->first) = at->next_;
            q->last = at->next_ ? q->last : before;
            q->len--;
            return true;
        }
    }
    return false;
}

static void push_by_due(struct queue *q, struct wr_invocation *inv)
{
    struct wr_invocation **at = &q->first;
    while (*at && (*at)->due_ms_ <= inv->due_ms_) {
        at = &(*at)->next_;
    }
    inv->next_ = *at;
    *at = inv;
    q->last = inv->next_ ? q->last : inv;
    q->len++;
}

// ---- output

// Whole lines go to the log, so that those of several processes do not mix.
static void on_output(void *user, wr_str bytes)
{
    struct worker *w = user;
    wr_buf_add(&w->line, bytes);
    const char *last = memrchr(w->line.at, '\n', w->line.len);
    size_t len = last ? (size_t)(last - w->line.at) + 1 : 0;
    if (w->line.len - len > LINE_MAX_BYTES) {
        len = w->line.len;
    }
    if (len > 0) {
        wr_output_text(w->f->output, wr_str_cut(wr_buf_str(&w->line), 0, len));
        w->line.len -= len;
        memmove(w->line.at, w->line.at + len, w->line.len);
    }
}

// ---- invocations

static void done(struct wr_function *f, struct wr_invocation *inv)
{
    f->held--;
    inv->done(inv, inv->outcome_);
}

static void on_results_written(void *user, uint64_t line)
{
    struct wr_function *f = user;
    while (f->ended.first && f->ended.first->line_ <= line) {
        done(f, pop(&f->ended));
    }
}

static void on_delay(uv_timer_t *timer)
{
    struct wr_function *f = timer->data;
    uint64_t now = uv_now(f->host->loop);
    while (f->delayed.first && f->delayed.first->due_ms_ <= now) {
        push(&f->waiting, pop(&f->delayed));
    }
    if (f->delayed.first) {
        uv_timer_start(timer, on_delay, f->delayed.first->due_ms_ - now, 0);
    }
    pump(f);
}

static const char *const outcome_words[] = {
    [WR_OUTCOME_OK] = "ok",           [WR_OUTCOME_ERROR] = "error",
    [WR_OUTCOME_TIMEOUT] = "timeout", [WR_OUTCOME_CRASH] = "crash",
    [WR_OUTCOME_STOPPED] = "stopped",
};

// One try is over: try again later, or that was it.
static void attempt_over(struct wr_function *f, struct wr_invocation *inv, enum wr_outcome outcome,
                         wr_str answer)
{
    inv->line_ = wr_output_result(
        f->output,
        &(struct wr_output_result){
            .id = inv->id_,
            .attempt = inv->attempt_,
            .status = outcome_words[outcome],
            .duration_ms = inv->started_ms_ ? uv_now(f->host->loop) - inv->started_ms_ : 0,
            .event = inv->event,
            .answer = answer,
        });
    if (outcome != WR_OUTCOME_OK && inv->attempt_ <= inv->retries) {
        uint64_t delay = (uint64_t)f->o.retry_delay_ms << (inv->attempt_ - 1);
        inv->due_ms_ = uv_now(f->host->loop) + delay;
        push_by_due(&f->delayed, inv);
        uv_timer_start(&f->delay_timer, on_delay, f->delayed.first->due_ms_ - uv_now(f->host->loop),
                       0);
        return;
    }
    inv->outcome_ = outcome;
    push(&f->ended, inv);
    if (inv->answered) {
        inv->answered(inv, outcome, answer);
    }
}

// {"errorType": …, "errorMessage": "RequestId: … Error: …"}, as AWS words it.
static void attempt_failed(struct wr_function *f, struct wr_invocation *inv,
                           enum wr_outcome outcome, const char *type, const char *text)
{
    struct wr_buf doc = {0};
    wr_buf_addf(&doc, "{\"errorType\":\"%s\",\"errorMessage\":\"RequestId: %s Error: ", type,
                inv->id_);
    // The escaped text without its opening quote.
    size_t at = doc.len;
    wr_json_write_string(&doc, wr_str_of(text));
    memmove(doc.at + at, doc.at + at + 1, doc.len - at - 1);
    doc.len--;
    wr_buf_add_char(&doc, '}');
    attempt_over(f, inv, outcome, wr_buf_str(&doc));
    wr_buf_release(&doc);
}

// A worker could not start. What waits has failed one try, unless another worker may still take it:
// so an event sees a bounded number of failed starts.
static void start_failed(struct worker *w, const char *type, const char *text, wr_str doc)
{
    struct wr_function *f = w->f;
    for (size_t i = 0; i < f->worker_count; i++) {
        switch (f->workers[i].state) {
        case STARTING:
        case IDLE:
        case BUSY:
        case ANSWERED:
            return;
        case DOWN:
        case PAUSED:
        case STOPPING:
            break;
        }
    }
    struct queue failed = f->waiting;
    f->waiting = (struct queue){0};
    for (struct wr_invocation *inv; (inv = pop(&failed));) {
        inv->attempt_++;
        inv->started_ms_ = 0;
        if (doc.len > 0) {
            attempt_over(f, inv, WR_OUTCOME_CRASH, doc);
        } else {
            attempt_failed(f, inv, WR_OUTCOME_CRASH, type, text);
        }
    }
}

// ---- workers

static void on_worker_timer(uv_timer_t *timer);

static void worker_pause(struct worker *w)
{
    w->state = DOWN;
    if (w->failures > 0) {
        unsigned doublings = w->failures - 1 < 7 ? w->failures - 1 : 7;
        uint64_t pause = (uint64_t)PAUSE_MIN_MS << doublings;
        w->state = PAUSED;
        uv_timer_start(&w->timer, on_worker_timer, pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS, 0);
    }
}

static void on_worker_timer(uv_timer_t *timer)
{
    struct worker *w = timer->data;
    struct wr_function *f = w->f;
    struct wr_invocation *inv = w->running;
    char text[80];
    switch (w->state) {
    case PAUSED:
        w->state = DOWN;
        break;
    case STARTING:
        snprintf(text, sizeof text, "Initialization timed out after %.2f seconds",
                 (double)f->o.init_timeout_ms / 1000);
        f->host->log(f->host, WR_LOG_WARN, "lambda %s: %s", f->name, text);
        w->state = STOPPING;
        w->failures++;
        wr_process_kill(w->process);
        start_failed(w, "Sandbox.Timedout", text, (wr_str){NULL, 0});
        break;
    case BUSY:
        snprintf(text, sizeof text, "Task timed out after %.2f seconds",
                 (double)f->o.timeout_ms / 1000);
        wr_output_note(f->output, wr_process_pid(w->process), "killed: ", text);
        w->state = STOPPING;
        w->running = NULL;
        wr_runtime_api_reset(w->api); // it knows the event's id, which may end now
        wr_process_kill(w->process);
        attempt_failed(f, inv, WR_OUTCOME_TIMEOUT, "Sandbox.Timedout", text);
        break;
    case ANSWERED:
        wr_output_note(f->output, wr_process_pid(w->process),
                       "killed: ", "it did not ask for the next event in time");
        w->state = STOPPING;
        wr_process_kill(w->process);
        break;
    case DOWN:
    case IDLE:
    case STOPPING:
        return;
    }
    pump(f);
}

static void on_asked(void *user)
{
    struct worker *w = user;
    switch (w->state) {
    case STARTING:
    case ANSWERED:
    case IDLE: // again, after a connection broke
        uv_timer_stop(&w->timer);
        w->state = IDLE;
        pump(w->f);
        return;
    case DOWN:
    case PAUSED:
    case BUSY:
    case STOPPING:
        return;
    }
}

static void on_left(void *user)
{
    struct worker *w = user;
    if (w->state == IDLE) {
        w->state = ANSWERED;
        uv_timer_start(&w->timer, on_worker_timer, (uint64_t)w->f->o.timeout_ms, 0);
    }
}

static void on_answered(void *user, bool ok, wr_str body, wr_str type)
{
    struct worker *w = user;
    if (w->state != BUSY) {
        return; // too late, it is being ended
    }
    struct wr_invocation *inv = w->running;
    w->running = NULL;
    w->state = ANSWERED;
    w->served = true;
    w->failures = 0;
    attempt_over(w->f, inv, ok ? WR_OUTCOME_OK : WR_OUTCOME_ERROR, body);
}

static void on_init_failed(void *user, wr_str body, wr_str type)
{
    struct worker *w = user;
    if (w->state == STARTING) {
        w->state = STOPPING;
        w->failures++;
        uv_timer_stop(&w->timer);
        wr_process_stop(w->process);
        start_failed(w, "Runtime.InitError", "the function could not get ready", body);
    }
}

static void on_part_closed(void *user);

static void on_worker_part_closed(void *user)
{
    struct worker *w = user;
    if (--w->open_parts == 0) {
        wr_buf_release(&w->line);
        on_part_closed(w->f);
    }
}

static void on_worker_timer_closed(uv_handle_t *handle)
{
    on_worker_part_closed(handle->data);
}

static void worker_close(struct worker *w)
{
    w->state = DOWN;
    w->open_parts = w->api ? 2 : 1;
    uv_close((uv_handle_t *)&w->timer, on_worker_timer_closed);
    if (w->api) {
        wr_runtime_api_close(w->api, on_worker_part_closed, w);
    }
}

static void on_ended(void *user, int64_t exit_status, int signal)
{
    struct worker *w = user;
    struct wr_function *f = w->f;
    enum worker_state was = w->state;
    struct wr_invocation *inv = w->running;
    char text[120];
    if (signal) {
        snprintf(text, sizeof text, "Runtime exited with error: signal: %s", strsignal(signal));
    } else if (exit_status) {
        snprintf(text, sizeof text, "Runtime exited with error: exit status %d", (int)exit_status);
    } else {
        snprintf(text, sizeof text, "Runtime exited without providing a reason");
    }
    if (w->line.len > 0) {
        wr_buf_add_char(&w->line, '\n');
        wr_output_text(f->output, wr_buf_str(&w->line));
        wr_buf_clear(&w->line);
    }
    wr_output_note(f->output, wr_process_pid(w->process), "ended: ", text);
    uv_timer_stop(&w->timer);
    w->process = NULL;
    w->running = NULL;
    if (f->closing) {
        worker_close(w);
        return;
    }
    wr_runtime_api_reset(w->api);
    if (was == STARTING || (was == BUSY && !w->served)) {
        w->failures++;
    }
    if (was != STOPPING) {
        f->host->log(f->host, WR_LOG_WARN, "lambda %s: %s", f->name, text);
    }
    worker_pause(w);
    if (inv) {
        attempt_failed(f, inv, WR_OUTCOME_CRASH, "Runtime.ExitError", text);
    } else if (was == STARTING) {
        start_failed(w, "Runtime.ExitError", text, (wr_str){NULL, 0});
    }
    pump(f);
}

static void worker_start(struct worker *w)
{
    struct wr_function *f = w->f;
    struct wr_fault fault = {0};
    char address[64];
    const struct wr_runtime_events events = {on_asked, on_left, on_answered, on_init_failed, w};
    wr_err err = w->api ? WR_OK : wr_runtime_api_open(f->host->loop, &events, &w->api, &fault);
    if (err == WR_OK) {
        snprintf(address, sizeof address, "AWS_LAMBDA_RUNTIME_API=%s",
                 wr_runtime_api_address(w->api));
        err = wr_process_start(f->host->loop,
                               &(struct wr_process_options){
                                   .command = f->launch.command.at,
                                   .env = wr_launch_environment(&f->launch, address),
                                   .cwd = f->launch.cwd,
                                   .output = on_output,
                                   .ended = on_ended,
                                   .user = w,
                               },
                               &w->process, &fault);
    }
    if (err != WR_OK) {
        f->host->log(f->host, WR_LOG_WARN, "lambda %s: %s", f->name, fault.text);
        w->failures++;
        worker_pause(w);
        start_failed(w, "Runtime.InvalidEntrypoint", fault.text, (wr_str){NULL, 0});
        return;
    }
    w->state = STARTING;
    w->served = false;
    uv_timer_start(&w->timer, on_worker_timer, (uint64_t)f->o.init_timeout_ms, 0);
    wr_output_note(f->output, wr_process_pid(w->process), "started", "");
}

static void worker_send(struct worker *w, struct wr_invocation *inv)
{
    struct wr_function *f = w->f;
    inv->attempt_++;
    inv->started_ms_ = uv_now(f->host->loop);
    w->running = inv;
    w->state = BUSY;
    uv_timer_start(&w->timer, on_worker_timer, (uint64_t)f->o.timeout_ms, 0);
    wr_runtime_api_send(w->api, &(struct wr_runtime_event){
                                    .id = wr_str_of(inv->id_),
                                    .arn = inv->arn,
                                    .trace_id = wr_str_of(inv->trace_),
                                    .body = inv->event,
                                    .deadline_ms = wr_wall_ms() + f->o.timeout_ms,
                                });
}

// ---- a command for each event

struct execution {
    struct wr_exec_job job; // first
    struct wr_function *f;
    struct wr_invocation *inv;
    char variable[80];
    struct execution *next;
};

static void stop_invocation(struct wr_function *f, struct wr_invocation *inv);

static void on_executed(struct wr_exec_job *job)
{
    struct execution *x = (struct execution *)job;
    struct wr_function *f = x->f;
    struct wr_invocation *inv = x->inv;
    struct execution **at = &f->executions;
    while (*at != x) {
        at = &(*at)->next;
    }
    *at = x->next;
    inv->attempt_++;
    inv->started_ms_ = uv_now(f->host->loop) - job->took_ms;
    if (job->errors.len > 0) {
        wr_output_text(f->output, job->errors);
    }
    char text[200];
    switch (job->end) {
    case WR_EXEC_OK:
        attempt_over(f, inv, WR_OUTCOME_OK, job->output);
        break;
    case WR_EXEC_FAILED:
        snprintf(text, sizeof text, "Runtime exited with error: %s", job->why);
        attempt_failed(f, inv, WR_OUTCOME_CRASH, "Runtime.ExitError", text);
        break;
    case WR_EXEC_TIMEOUT:
        snprintf(text, sizeof text, "Task timed out after %.2f seconds",
                 (double)f->o.timeout_ms / 1000);
        attempt_failed(f, inv, WR_OUTCOME_TIMEOUT, "Sandbox.Timedout", text);
        break;
    case WR_EXEC_STOPPED:
        stop_invocation(f, inv);
        break;
    }
    free(x);
}

static void execute(struct wr_function *f, struct wr_invocation *inv)
{
    struct execution *x = wr_zalloc(sizeof *x);
    x->f = f;
    x->inv = inv;
    snprintf(x->variable, sizeof x->variable, "AWS_REQUEST_ID=%s", inv->id_);
    x->job =
        (struct wr_exec_job){.input = inv->event, .variable = x->variable, .done = on_executed};
    x->next = f->executions;
    f->executions = x;
    wr_exec_run(f->exec, &x->job);
}

static bool cancel_execution(struct wr_function *f, const struct wr_invocation *inv)
{
    for (struct execution **at = &f->executions; *at; at = &(*at)->next) {
        struct execution *x = *at;
        if (x->inv == inv) {
            bool taken = wr_exec_cancel(f->exec, &x->job);
            if (taken) {
                *at = x->next;
                free(x);
            }
            return taken;
        }
    }
    return false;
}

// ---- handing out

// Hand events to the workers that wait, then start as many workers as there are events left.
static void pump_once(struct wr_function *f)
{
    size_t coming = 0;
    while (f->exec && f->waiting.first) {
        execute(f, pop(&f->waiting));
    }
    for (size_t i = 0; i < f->worker_count; i++) {
        struct worker *w = &f->workers[i];
        if (w->state == IDLE && f->waiting.first && wr_runtime_api_waits(w->api)) {
            worker_send(w, pop(&f->waiting));
        }
        coming += w->state == STARTING || w->state == ANSWERED;
    }
    for (size_t i = 0; i < f->worker_count && f->waiting.len > coming; i++) {
        if (f->workers[i].state == DOWN) {
            worker_start(&f->workers[i]);
            coming += f->workers[i].state == STARTING;
        }
    }
}

// Callbacks from inside may invoke again: that is one more round, not a deeper one.
static void pump(struct wr_function *f)
{
    f->pump_again = true;
    if (f->pumping) {
        return;
    }
    f->pumping = true;
    while (f->pump_again && !f->closing) {
        f->pump_again = false;
        pump_once(f);
    }
    f->pumping = false;
}

// ---- public

static void random_hex(char *to, size_t digits)
{
    unsigned char bytes[32];
    wr_assert(digits <= 2 * sizeof bytes);
    wr_assert(getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes);
    for (size_t i = 0; i < digits; i++) {
        to[i] = "0123456789abcdef"[(bytes[i / 2] >> (i % 2 * 4)) & 15];
    }
    to[digits] = 0;
}

static void new_uuid(char to[37])
{
    char hex[32];
    random_hex(hex, 31);
    // Version 4: the variant's digit is 8, 9, a or b.
    snprintf(to, 37, "%.8s-%.4s-4%.3s-%c%.3s-%.12s", hex, hex + 8, hex + 12, "89ab"[hex[15] % 4],
             hex + 16, hex + 19);
}

static void make_ids(struct wr_invocation *inv)
{
    char hex[57];
    if (inv->id.len) {
        wr_assert(inv->id.len == sizeof inv->id_ - 1);
        memcpy(inv->id_, inv->id.at, inv->id.len);
        inv->id_[inv->id.len] = 0;
    } else {
        new_uuid(inv->id_);
    }
    random_hex(hex, 56);
    snprintf(inv->trace_, sizeof inv->trace_, "Root=1-%08x-%.24s;Parent=%.16s;Sampled=0",
             (unsigned)(wr_wall_ms() / 1000), hex, hex + 24);
}

const char *wr_function_name(const struct wr_function *f)
{
    return f->name;
}

unsigned wr_function_retries(const struct wr_function *f)
{
    return (unsigned)f->o.retries;
}

bool wr_function_invoke(struct wr_function *f, struct wr_invocation *inv)
{
    if (f->closing || f->held >= (size_t)f->o.queue_max) {
        return false;
    }
    inv->function_ = f;
    inv->attempt_ = 0;
    inv->started_ms_ = 0;
    make_ids(inv);
    f->held++;
    push(&f->waiting, inv);
    pump(f);
    return true;
}

bool wr_lambda_cancel(struct wr_invocation *inv)
{
    struct wr_function *f = inv->function_;
    bool taken = queue_remove(&f->waiting, inv) || queue_remove(&f->delayed, inv) ||
                 cancel_execution(f, inv);
    f->held -= taken;
    return taken;
}

static void function_free(struct wr_function *f)
{
    wr_launch_release(&f->launch);
    free(f->name);
    free(f);
}

static void on_nothing(void *user)
{
}

wr_err wr_function_open(const struct wr_sink_host *host, const struct wr_function_options *options,
                        struct wr_function **out, struct wr_fault *fault)
{
    wr_assert(options->concurrency >= 1 && options->concurrency <= WR_FUNCTION_WORKERS);
    struct wr_function *f =
        wr_zalloc(sizeof *f + (size_t)options->concurrency * sizeof f->workers[0]);
    f->host = host;
    f->o = *options;
    f->name = wr_strdup(wr_str_of(options->name));
    wr_err err = options->exec ? wr_exec_open(host->loop, &options->launch, options->timeout_ms,
                                              (size_t)options->concurrency, &f->exec, fault)
                               : wr_launch_init(&f->launch, &options->launch, fault);
    if (err == WR_OK) {
        err = wr_output_open(host,
                             &(struct wr_output_options){
                                 .name = f->name,
                                 .log_max = options->log_max,
                                 .results_max = options->results_max,
                                 .written = on_results_written,
                                 .user = f,
                             },
                             &f->output, fault);
    }
    if (err != WR_OK) {
        if (f->exec) {
            wr_exec_close(f->exec, on_nothing, NULL);
        }
        function_free(f);
        return err;
    }
    uv_timer_init(host->loop, &f->delay_timer);
    f->delay_timer.data = f;
    f->worker_count = f->exec ? 0 : (size_t)options->concurrency;
    for (size_t i = 0; i < f->worker_count; i++) {
        f->workers[i].f = f;
        uv_timer_init(host->loop, &f->workers[i].timer);
        f->workers[i].timer.data = &f->workers[i];
    }
    *out = f;
    return WR_OK;
}

static void on_output_closed(void *user)
{
    struct wr_function *f = user;
    wr_assert(f->held == 0);
    void (*closed)(void *user) = f->done;
    void *closed_user = f->done_user;
    function_free(f);
    closed(closed_user);
}

// A worker or the timer. When all are: the files, to which the workers' last lines went.
static void on_part_closed(void *user)
{
    struct wr_function *f = user;
    if (--f->open_parts == 0) {
        wr_output_close(f->output, on_output_closed, f);
    }
}

static void on_delay_timer_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

static void stop_invocation(struct wr_function *f, struct wr_invocation *inv)
{
    inv->outcome_ = WR_OUTCOME_STOPPED;
    if (inv->answered) {
        inv->answered(inv, WR_OUTCOME_STOPPED, (wr_str){NULL, 0});
    }
    done(f, inv);
}

void wr_function_close(struct wr_function *f, void (*closed)(void *user), void *user)
{
    wr_assert(!f->closing);
    f->closing = true;
    f->done = closed;
    f->done_user = user;
    f->open_parts = 1 + (f->exec ? 1 : 0) + (int)f->worker_count;
    uv_close((uv_handle_t *)&f->delay_timer, on_delay_timer_closed);
    for (struct wr_invocation *inv; (inv = pop(&f->waiting)) || (inv = pop(&f->delayed));) {
        stop_invocation(f, inv);
    }
    if (f->exec) {
        wr_exec_close(f->exec, on_part_closed, f);
    }
    for (size_t i = 0; i < f->worker_count; i++) {
        struct worker *w = &f->workers[i];
        struct wr_invocation *inv = w->running;
        w->running = NULL;
        uv_timer_stop(&w->timer);
        if (w->process) {
            w->state = STOPPING;
            wr_process_stop(w->process); // before it sees that it is hung up on
            wr_runtime_api_reset(w->api);
        } else {
            worker_close(w);
        }
        if (inv) {
            stop_invocation(f, inv);
        }
    }
}
