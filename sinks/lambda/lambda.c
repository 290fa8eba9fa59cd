// The local form of lambda: functions are processes on this machine (actions.md 4.4 and 10). Here:
// which function a record is for, and what its end means for the rule. function.c runs it.
//
// AWS's action succeeds when the event is queued. Here a record is settled when the function has
// answered or has failed its last try, because a queue in memory may not be the only place an
// acknowledged message is in.

#include "sinks/lambda/lambda.h"

#include <stdio.h>
#include <stdlib.h>

#include "sinks/lambda/action.h"
#include "sinks/lambda/function.h"
#include "sinks/lib/later.h"
#include "sinks/lib/uuid.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define VERB     "Failed to invoke Lambda function. "
#define TEXT_MAX 400 // bytes of a function's own error text in an error document

static const struct wr_option settings[] = {
    {"functions.*.command", WR_OPT_STRING, WR_OPT_REQUIRED,
     .help =
         "What to start. Split into words at blanks; '…' and \"…\" keep blanks; no shell runs."},
    {"functions.*.runtime", WR_OPT_CHOICE, .fallback = "api", .choices = "api|exec",
     .help = "api: the command is a program that speaks the Lambda Runtime API and stays. exec: it "
             "is run once for each event, which is its stdin; stdout is the answer."},
    {"functions.*.cwd", WR_OPT_STRING, .fallback = "", .unit = "path",
     .help = "The folder it runs in, also LAMBDA_TASK_ROOT; empty: weir's own."},
    {"functions.*.handler", WR_OPT_STRING, .fallback = "",
     .help = "_HANDLER, as the runtime reads it: usually FILE.FUNCTION."},
    {"functions.*.env", WR_OPT_STRING, .fallback = "",
     .help = "NAME=value words, split like the command. Of weir's own environment it sees PATH, "
             "HOME, LANG, LC_ALL, TMPDIR and USER."},
    {"functions.*.timeout", WR_OPT_INT, .fallback = "3000", .min = 1, .max = 900000, .unit = "ms",
     .help = "How long one event may take; then the process is killed."},
    {"functions.*.init_timeout", WR_OPT_INT, .fallback = "10000", .min = 1, .max = 900000,
     .unit = "ms",
     .help = "How long it may take from the start to the first request for an event."},
    {"functions.*.concurrency", WR_OPT_INT, .fallback = "1", .min = 1, .max = WR_FUNCTION_WORKERS,
     .help = "Processes, each of which has one event at a time."},
    {"functions.*.queue", WR_OPT_INT, .fallback = "1000", .min = 1, .max = 1000000,
     .help = "Events it may hold: waiting, running and between tries. More are tried later."},
    {"functions.*.retries", WR_OPT_INT, .fallback = "2", .min = 0, .max = WR_FUNCTION_RETRIES,
     .help = "Tries after the first, when it answers with an error, times out or crashes."},
    {"functions.*.retry_delay", WR_OPT_INT, .fallback = "1000", .min = 0, .max = 3600000,
     .unit = "ms", .help = "Before the second try; doubles with each further one."},
    {"functions.*.memory", WR_OPT_INT, .fallback = "128", .min = 128, .max = 10240,
     .help = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE, in MB. Not enforced."},
    {"functions.*.log_max", WR_OPT_INT, .fallback = "1048576", .min = 0, .max = INT64_MAX,
     .unit = "bytes", .help = "log.txt becomes log.txt.1 at this size; 0: never."},
    {"functions.*.results_max", WR_OPT_INT, .fallback = "0", .min = 0, .max = INT64_MAX,
     .unit = "bytes", .help = "results.ndjson becomes results.ndjson.1 at this size; 0: never."},
    {"region", WR_OPT_STRING, .fallback = "us-east-1",
     .help = "AWS_REGION, and part of the ARN of a function that a rule names without one."},
    {"account_id", WR_OPT_STRING, .fallback = "123456789012",
     .help = "Part of the ARN of a function that a rule names without one."},
    {"event_max", WR_OPT_INT, .fallback = "262144", .min = 1, .max = 6 << 20, .unit = "bytes",
     .help = "Largest event. AWS takes 262144 in an asynchronous invocation."},
    {0},
};

struct lambda {
    size_t event_max;
    struct wr_arena scratch; // for reading error documents
    struct wr_paths *error_paths;
    uint32_t type_slot, message_slot;
    char *region, *account_id;
    bool closing;
    size_t open_count; // while closing
    void (*done)(struct wr_sink *self);
    size_t count;
    struct wr_function **functions;
};

// A record in a function's hands, in the record's arena.
struct job {
    struct wr_invocation inv;
    struct wr_record *rec;
    wr_str message; // why it failed
};

// ---- which function

static struct wr_function *find_function(const struct lambda *l, wr_str name)
{
    for (size_t i = 0; i < l->count; i++) {
        if (wr_str_eq(wr_str_of(wr_function_name(l->functions[i])), name)) {
            return l->functions[i];
        }
    }
    return NULL;
}

// ---- settling

static void settle(struct wr_record *rec, enum wr_verdict verdict, wr_str message, bool throttled)
{
    struct wr_why why = {.resource = rec->params[WR_LAMBDA_FUNCTION].text,
                         .message = message,
                         .throttled = throttled};
    wr_record_settle(rec, verdict, verdict == WR_DELIVERED ? NULL : &why);
}

// As an answer of the service: actions.md 5.
static void settle_service_error(struct wr_record *rec, enum wr_verdict verdict, int status,
                                 const char *code, const char *format, wr_str subject)
{
    struct wr_buf b;
    wr_buf_init_arena(&b, rec->arena);
    wr_buf_add(&b, WR_STR(VERB "The error received was "));
    const char *mark = strchr(format, '@');
    wr_buf_add(&b, (wr_str){format, mark ? (size_t)(mark - format) : strlen(format)});
    if (mark) {
        wr_buf_add(&b, subject);
        wr_buf_add(&b, wr_str_of(mark + 1));
    }
    wr_buf_add(&b, WR_STR(" (Service: AWSLambda; Status Code: "));
    wr_buf_add_u64(&b, (uint64_t)status);
    wr_buf_add(&b, WR_STR("; Error Code: "));
    wr_buf_add(&b, wr_str_of(code));
    wr_buf_add(&b, WR_STR("; Request ID: "));
    wr_buf_add(&b, rec->trace_id);
    wr_buf_add_char(&b, ')');
    settle(rec, verdict, b.over ? WR_STR(VERB) : wr_buf_str(&b), status == 429);
}

static wr_str cut_text(wr_str s)
{
    if (s.len > TEXT_MAX) {
        s.len = TEXT_MAX;
        while (s.len > 0 && (s.at[s.len] & 0xc0) == 0x80) {
            s.len--; // not in the middle of a character
        }
    }
    return s;
}

// "ValueError: no such bin" from an error document; else its first bytes.
static void add_error_text(struct lambda *l, struct wr_buf *b, wr_str doc)
{
    wr_value values[2] = {wr_undefined(), wr_undefined()};
    size_t error_at;
    if (wr_json_read(l->error_paths, doc, values, &error_at) == WR_JSON_VALID) {
        for (size_t i = 0; i < WR_COUNT(values); i++) {
            wr_value_force(&values[i], &l->scratch, WR_SQL_2016);
        }
    }
    const wr_value *type = &values[l->type_slot], *message = &values[l->message_slot];
    bool typed = type->type == WR_STRING && type->len > 0;
    if (typed) {
        wr_buf_add(b, cut_text(wr_value_text(type)));
    }
    if (message->type == WR_STRING) {
        wr_buf_add(b, typed ? WR_STR(": ") : WR_STR(""));
        wr_buf_add(b, cut_text(wr_value_text(message)));
    } else if (!typed) {
        wr_buf_add(b, cut_text(doc));
    }
    wr_arena_reset(&l->scratch);
}

void wr_lambda_error_text(struct wr_sink *sink, struct wr_buf *out, wr_str document)
{
    add_error_text(sink->state, out, document);
}

static void on_answered(struct wr_invocation *inv, enum wr_outcome outcome, wr_str answer)
{
    struct job *job = WR_CONTAINER(inv, struct job, inv);
    struct lambda *l = job->rec->sink->state;
    if (outcome == WR_OUTCOME_OK || outcome == WR_OUTCOME_STOPPED) {
        return;
    }
    struct wr_buf b;
    wr_buf_init_arena(&b, job->rec->arena);
    wr_buf_add(&b, WR_STR(VERB "It failed "));
    wr_buf_add_u64(&b, inv->retries + 1);
    wr_buf_add(&b, inv->retries ? WR_STR(" times, at last with ") : WR_STR(" time, with "));
    add_error_text(l, &b, answer);
    job->message = b.over ? WR_STR(VERB) : wr_buf_str(&b);
}

static void on_done(struct wr_invocation *inv, enum wr_outcome outcome)
{
    struct job *job = WR_CONTAINER(inv, struct job, inv);
    switch (outcome) {
    case WR_OUTCOME_OK:
        settle(job->rec, WR_DELIVERED, (wr_str){NULL, 0}, false);
        return;
    case WR_OUTCOME_ERROR:
    case WR_OUTCOME_TIMEOUT:
    case WR_OUTCOME_CRASH:
        settle(job->rec, WR_REFUSED, job->message, false);
        return;
    case WR_OUTCOME_STOPPED:
        settle(job->rec, WR_RETRY, WR_STR(VERB "weir is stopping"), false);
        return;
    }
}

// The ARN for the process: the rule's, or made around a bare name.
static wr_str full_arn(const struct lambda *l, struct wr_arena *arena, wr_str arn)
{
    if (wr_str_starts(arn, WR_STR("arn:"))) {
        return arn;
    }
    struct wr_buf b;
    wr_buf_init_arena(&b, arena);
    wr_buf_add(&b, WR_STR("arn:aws:lambda:"));
    wr_buf_add(&b, wr_str_of(l->region));
    wr_buf_add_char(&b, ':');
    wr_buf_add(&b, wr_str_of(l->account_id));
    wr_buf_add(&b, WR_STR(":function:"));
    wr_buf_add(&b, arn);
    return b.over ? arn : wr_buf_str(&b);
}

static void lambda_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct lambda *l = self->state;
    wr_str arn = rec->params[WR_LAMBDA_FUNCTION].text, name;
    if (l->closing) {
        settle(rec, WR_RETRY, WR_STR(VERB "weir is stopping"), false);
        return;
    }
    if (!wr_lambda_name(arn, &name)) {
        settle_service_error(rec, WR_REFUSED, 400, "InvalidParameterValueException",
                             "Not a function: @", arn);
        return;
    }
    if (!rec->body_json || rec->body.len == 0) {
        settle_service_error(rec, WR_REFUSED, 400, "InvalidRequestContentException",
                             "Could not parse request body into json: an event must be JSON; "
                             "encode other payloads in SQL",
                             arn);
        return;
    }
    if (rec->body.len > l->event_max) {
        settle_service_error(rec, WR_REFUSED, 413, "RequestTooLargeException",
                             "Request size is over the limit for the InvokeFunction operation",
                             arn);
        return;
    }
    struct wr_function *f = find_function(l, name);
    if (!f) {
        settle_service_error(rec, WR_REFUSED, 404, "ResourceNotFoundException",
                             "Function not found: @", full_arn(l, rec->arena, arn));
        return;
    }
    struct job *job = wr_arena_alloc(rec->arena, sizeof *job);
    if (!job) {
        settle(rec, WR_REFUSED, WR_STR(VERB "The message has used up its memory"), false);
        return;
    }
    *job = (struct job){.rec = rec};
    job->inv.event = rec->body;
    job->inv.arn = full_arn(l, rec->arena, arn);
    job->inv.retries = wr_function_retries(f);
    job->inv.answered = on_answered;
    job->inv.done = on_done;
    // The same at every try, so that a function can tell an event that comes twice.
    char id[WR_UUID_LEN + 1];
    if (rec->delivery_id) {
        wr_uuid_of_record(id, rec, 0);
        job->inv.id = (wr_str){id, WR_UUID_LEN};
    }
    if (!wr_function_invoke(f, &job->inv)) {
        settle_service_error(rec, WR_RETRY, 429, "TooManyRequestsException", "Rate Exceeded", arn);
    }
}

wr_err wr_lambda_invoke(struct wr_sink *sink, struct wr_invocation *inv, struct wr_fault *fault)
{
    struct lambda *l = sink->state;
    wr_str name;
    struct wr_function *f = wr_lambda_name(inv->arn, &name) ? find_function(l, name) : NULL;
    if (l->closing) {
        return wr_fault_set(fault, WR_ERR_STATE, "weir is stopping");
    }
    if (!f) {
        return wr_fault_set(fault, WR_ERR_UNKNOWN, "Function not found: %.*s",
                            WR_STR_ARG(inv->arn));
    }
    if (inv->event.len > l->event_max) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "Request must be smaller than %zu bytes",
                            l->event_max);
    }
    return wr_function_invoke(f, inv) ? WR_OK : wr_fault_set(fault, WR_ERR_BUSY, "Rate Exceeded");
}

// ---- open and close

static void lambda_free(struct lambda *l)
{
    wr_arena_release(&l->scratch);
    wr_paths_free(l->error_paths);
    free(l->functions);
    free(l->region);
    free(l->account_id);
    free(l);
}

static void on_half_opened_closed(void *user)
{
    struct lambda *l = user;
    if (--l->open_count == 0) {
        lambda_free(l);
    }
}

static void on_function_closed(void *user)
{
    struct wr_sink *self = user;
    struct lambda *l = self->state;
    if (--l->open_count == 0) {
        wr_later_done(self, l->done);
        lambda_free(l);
    }
}

static const char *setting(const struct wr_settings *s, const char *name, const char *what)
{
    struct wr_buf b = {0};
    wr_buf_addf(&b, "functions.%s.%s", name, what);
    const char *text = wr_settings_get(s, wr_buf_terminated(&b));
    wr_buf_release(&b);
    return text;
}

static int64_t number(const struct wr_settings *s, const char *name, const char *what)
{
    struct wr_buf b = {0};
    wr_buf_addf(&b, "functions.%s.%s", name, what);
    int64_t n = wr_settings_int(s, wr_buf_terminated(&b));
    wr_buf_release(&b);
    return n;
}

static wr_err open_function(struct wr_sink *self, const struct wr_settings *s, const char *name,
                            struct wr_fault *fault)
{
    struct lambda *l = self->state;
    if (!wr_lambda_is_name(wr_str_of(name))) {
        return wr_fault_set(fault, WR_ERR_SYNTAX,
                            "functions.%s: a function's name has 1 to %d letters, digits, - and _",
                            name, WR_FUNCTION_NAME);
    }
    char memory[24];
    struct wr_buf group = {0}, prefix = {0};
    snprintf(memory, sizeof memory, "%lld", (long long)number(s, name, "memory"));
    wr_buf_addf(&group, "/aws/lambda/%s", name);
    wr_buf_addf(&prefix, "functions.%s", name);
    const struct wr_launch_variable own[] = {
        {"_HANDLER", setting(s, name, "handler")},
        {"AWS_REGION", l->region},
        {"AWS_DEFAULT_REGION", l->region},
        {"AWS_LAMBDA_FUNCTION_NAME", name},
        {"AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"},
        {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory},
        {"AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"},
        {"AWS_LAMBDA_LOG_GROUP_NAME", wr_buf_terminated(&group)},
        {"AWS_LAMBDA_LOG_STREAM_NAME", "weir"},
        {"TZ", ":UTC"},
    };
    struct wr_function_options o = {
        .name = name,
        .launch =
            {
                .setting = wr_buf_terminated(&prefix),
                .command = setting(s, name, "command"),
                .cwd = setting(s, name, "cwd"),
                .env = setting(s, name, "env"),
                .own = own,
                .own_count = WR_COUNT(own),
                .cwd_variable = "LAMBDA_TASK_ROOT",
            },
        .exec = strcmp(setting(s, name, "runtime"), "exec") == 0,
        .timeout_ms = number(s, name, "timeout"),
        .init_timeout_ms = number(s, name, "init_timeout"),
        .concurrency = number(s, name, "concurrency"),
        .queue_max = number(s, name, "queue"),
        .retries = number(s, name, "retries"),
        .retry_delay_ms = number(s, name, "retry_delay"),
        .log_max = number(s, name, "log_max"),
        .results_max = number(s, name, "results_max"),
    };
    wr_err err = wr_function_open(self->host, &o, &l->functions[l->count], fault);
    wr_buf_release(&group);
    wr_buf_release(&prefix);
    return err;
}

static wr_err lambda_open(struct wr_sink *self, const struct wr_settings *s, struct wr_fault *fault)
{
    static const wr_str type = WR_STR_INIT("errorType"), message = WR_STR_INIT("errorMessage");
    const struct wr_path paths[] = {{&type, 1}, {&message, 1}};
    uint32_t slots[WR_COUNT(paths)];
    struct lambda *l = wr_zalloc(sizeof *l);
    wr_arena_init(&l->scratch, 1u << 20);
    l->error_paths = wr_paths_new(paths, WR_COUNT(paths), slots);
    l->type_slot = slots[0];
    l->message_slot = slots[1];
    l->event_max = (size_t)wr_settings_int(s, "event_max");
    l->region = wr_strdup(wr_str_of(wr_settings_get(s, "region")));
    l->account_id = wr_strdup(wr_str_of(wr_settings_get(s, "account_id")));
    size_t count = wr_settings_count(s, "functions");
    l->functions = wr_zalloc((count + 1) * sizeof *l->functions);
    self->state = l;
    wr_err err = WR_OK;
    for (size_t i = 0; i < count && err == WR_OK; i++) {
        err = open_function(self, s, wr_settings_name(s, "functions", i), fault);
        l->count += err == WR_OK;
    }
    if (err != WR_OK) {
        self->state = NULL;
        l->open_count = l->count + 1;
        for (size_t i = 0; i < l->count; i++) {
            wr_function_close(l->functions[i], on_half_opened_closed, l);
        }
        on_half_opened_closed(l);
    }
    return err;
}

static void lambda_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct lambda *l = self->state;
    l->closing = true;
    l->done = done;
    l->open_count = l->count + 1;
    for (size_t i = 0; i < l->count; i++) {
        wr_function_close(l->functions[i], on_function_closed, self);
    }
    on_function_closed(self);
}

const struct wr_sink_impl wr_sink_lambda = {
    WR_LAMBDA_ACTION,
    .form = "A process on this machine that speaks the Lambda Runtime API, or one for each event.",
    .settings = settings,
    .open = lambda_open,
    .submit = lambda_submit,
    .close = lambda_close,
};
