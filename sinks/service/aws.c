// The AWS form: entries in requests, answers to entries, entries to verdicts.
#include <stdlib.h>

#include "sinks/lib/later.h"
#include "sinks/service/service.h"

#include "sql/base/banned.h"

struct wr_service_aws {
    struct wr_sink *sink;
    const struct wr_service *service;
    struct wr_aws *client;
    struct wr_batch *batch;
    void *kind;
    struct wr_buf key, text;
    void (*done)(struct wr_sink *self);
};

static struct wr_service_ask *ask_of(const struct wr_record *rec)
{
    return rec->sink_data;
}

// ---- one request

static bool fits(const struct wr_service_call *call, const struct wr_service_entry *e)
{
    const struct wr_service *service = call->state->service;
    if (call->count == 0) {
        return true;
    }
    return call->count < service->entries_max &&
           (service->bytes_max == 0 || call->bytes + e->weight <= service->bytes_max) &&
           (!service->joins || service->joins(call, e));
}

static void take(struct wr_service_call *call, struct wr_service_entry *e)
{
    if (call->count == call->cap_) {
        call->cap_ = call->cap_ ? 2 * call->cap_ : 64;
        call->entries = wr_realloc(call->entries, call->cap_ * sizeof(struct wr_service_entry *));
    }
    call->low_ms = call->count == 0 || e->time_ms < call->low_ms ? e->time_ms : call->low_ms;
    call->high_ms = call->count == 0 || e->time_ms > call->high_ms ? e->time_ms : call->high_ms;
    e->order = (uint32_t)call->count;
    call->entries[call->count++] = e;
    call->bytes += e->weight;
}

// Entries of one record that wait, as far as they fit. False: the request is full.
static bool collect_record(struct wr_service_call *call, struct wr_service_ask *ask)
{
    size_t before = call->count;
    bool room = true;
    for (uint32_t i = 0; i < ask->count && room; i++) {
        struct wr_service_entry *e = &ask->entries[i];
        if (e->stand == WR_SERVICE_WAITS) {
            room = fits(call, e);
            if (room) {
                take(call, e);
            }
        }
    }
    if (call->count > before) {
        call->records++;
        ask->tries++;
    }
    return room && (call->most == 0 || call->records < call->most);
}

// False: none waits.
static bool collect(struct wr_service_call *call)
{
    call->count = call->records = 0;
    call->bytes = 0;
    bool room = true;
    for (struct wr_record *rec = call->batch->records; rec && room; rec = rec->sink_next) {
        room = collect_record(call, ask_of(rec));
    }
    return call->count > 0;
}

static void on_answer(struct wr_aws_call *aws, const struct wr_aws_answer *answer);

static void send_again(struct wr_service_call *call)
{
    struct wr_service_aws *state = call->state;
    const struct wr_service *service = state->service;
    const struct wr_service_ask *first = call->entries[0]->ask;
    struct wr_buf *body = &call->batch->body;
    wr_buf_clear(body);
    call->aws = (struct wr_aws_call){
        .service = service->aws,
        .method = "POST",
        .path = first->path,
        .endpoint = state->sink->host->endpoint && state->sink->host->endpoint[0]
                        ? wr_str_of(state->sink->host->endpoint)
                        : first->endpoint,
        .signing_name = first->signing_name,
        .role_arn = first->role,
        .done = on_answer,
        .user = call,
    };
    service->write(call, body);
    call->aws.body = wr_buf_str(body);
    wr_aws_send(state->client, &call->aws);
}

// The next request of the call. False: all has been tried.
static bool send_next(struct wr_service_call *call)
{
    if (!collect(call)) {
        return false;
    }
    const struct wr_service *service = call->state->service;
    if (service->sort) {
        service->sort(call);
    }
    call->step = 0;
    wr_buf_clear(&call->note);
    send_again(call);
    return true;
}

static void on_send(void *user, struct wr_batch_call *batch)
{
    struct wr_service_aws *state = user;
    struct wr_service_call *call = batch->user;
    if (!call) {
        call = batch->user = wr_zalloc(sizeof *call);
        call->state = state;
    }
    call->batch = batch;
    call->most = 0;
    for (struct wr_record *rec = batch->records; rec; rec = rec->sink_next) {
        struct wr_service_ask *ask = ask_of(rec);
        ask->trouble = ask->refused ? ask->trouble : (wr_str){0}; // what was refused stays so
        ask->throttled = false;
        ask->retry_at_ms = 0;
        for (uint32_t i = 0; i < ask->count; i++) {
            if (ask->entries[i].stand == WR_SERVICE_LATER) {
                ask->entries[i].stand = WR_SERVICE_WAITS;
            }
        }
    }
    wr_assert(send_next(call)); // a record in a queue has an entry that waits
}

// ---- what became of entries

static void fail(struct wr_service_call *call, struct wr_service_entry *e,
                 const struct wr_aws_answer *answer)
{
    struct wr_service_aws *state = call->state;
    struct wr_service_ask *ask = e->ask;
    bool never = answer->class == WR_AWS_PERMANENT;
    e->stand = never ? WR_SERVICE_NEVER : WR_SERVICE_LATER;
    if (answer->retry_at_ms > ask->retry_at_ms) {
        ask->retry_at_ms = answer->retry_at_ms;
    }
    ask->throttled |= answer->class == WR_AWS_THROTTLED;
    if (ask->trouble.at && (ask->refused || !never)) {
        return; // the first reason, a refusal before others
    }
    ask->refused |= never;
    struct wr_why why;
    (void)wr_aws_verdict(answer, state->service->aws, wr_str_of(state->service->what), (wr_str){0},
                         &state->text, &why);
    ask->trouble = wr_str_dup(ask->rec->arena, why.message);
    if (!ask->trouble.at) {
        ask->trouble = WR_STR("Failed, and no memory is left for this message to say why.");
    }
}

void wr_service_fail_entry(struct wr_service_call *call, const struct wr_aws_answer *answer,
                           size_t index, wr_str code, wr_str message, enum wr_aws_class fallback)
{
    if (index >= call->count) {
        return; // an answer that names what was not asked
    }
    struct wr_aws_answer a = *answer;
    a.code = code;
    a.old_code = (wr_str){0};
    a.message = message.len ? message : code;
    a.class = wr_aws_class_of(call->state->service->aws, code, fallback);
    a.retry_at_ms = 0;
    fail(call, call->entries[index], &a);
}

size_t wr_service_find_entry(const struct wr_service_call *call, wr_str id, size_t from)
{
    for (size_t i = from; i < call->count; i++) {
        if (wr_str_eq(call->entries[i]->id, id)) {
            return i;
        }
    }
    return SIZE_MAX;
}

void *wr_service_call_state(const struct wr_service_call *call)
{
    return call->state->kind;
}

struct wr_aws *wr_service_client(const struct wr_service_call *call)
{
    return call->state->client;
}

const struct wr_sink *wr_service_sink(const struct wr_service_call *call)
{
    return call->state->sink;
}

void wr_service_write_entries(const struct wr_service_call *call, struct wr_buf *body)
{
    for (size_t i = 0; i < call->count; i++) {
        if (i > 0) {
            wr_buf_add_char(body, ',');
        }
        wr_buf_add(body, call->entries[i]->json);
    }
}

void wr_service_cloudwatch(struct wr_service_call *call, wr_str target)
{
    // So that an error carries the code that its users know.
    static const struct wr_http_header query_mode[] = {
        {WR_STR_INIT("x-amzn-query-mode"), WR_STR_INIT("true")}};
    call->aws.target = target;
    call->aws.content_type = WR_STR("application/x-amz-json-1.0");
    call->aws.headers = query_mode;
    call->aws.header_count = 1;
}

static void mark_there(struct wr_service_call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        if (call->entries[i]->stand == WR_SERVICE_WAITS) {
            call->entries[i]->stand = WR_SERVICE_THERE;
        }
    }
}

// ---- verdicts

static void settle(struct wr_service_aws *state, struct wr_record *rec)
{
    struct wr_service_ask *ask = ask_of(rec);
    bool later = false, never = false;
    for (uint32_t i = 0; i < ask->count; i++) {
        enum wr_service_stand stand = ask->entries[i].stand;
        later |= stand == WR_SERVICE_LATER || stand == WR_SERVICE_WAITS;
        never |= stand == WR_SERVICE_NEVER;
    }
    if (!later && !never) {
        wr_record_settle(rec, WR_DELIVERED, NULL);
        return;
    }
    // Of a refusal it is said when the rest is there, or given up.
    struct wr_why why = {
        .resource = rec->params[rec->sink->impl->resource_option].text,
        .message = ask->trouble,
        .retry_at_ms = ask->retry_at_ms,
        .throttled = ask->throttled,
    };
    wr_record_settle(rec, later ? WR_RETRY : WR_REFUSED, &why);
}

static void finish(struct wr_service_call *call)
{
    struct wr_service_aws *state = call->state;
    struct wr_batch_call *batch = call->batch;
    for (struct wr_record *rec; (rec = wr_batch_pop(batch));) {
        settle(state, rec);
    }
    wr_batch_done(batch);
}

// May one entry be why a request was refused as a whole? Not where its sender, or what all entries
// go to, is refused: then halves of it would be too.
static bool may_be_one_entry(const struct wr_aws_answer *answer)
{
    bool about_content = answer->status == 400 || answer->status == 413 || answer->status == 422;
    return answer->class == WR_AWS_PERMANENT && about_content &&
           !wr_str_starts(answer->code, WR_STR("ResourceNotFound")) &&
           !wr_str_starts(answer->code, WR_STR("AccessDenied")) &&
           !wr_str_starts(answer->code, WR_STR("InvalidSignature"));
}

// What of the request's records waits still goes with them.
static void refuse_rest(struct wr_service_call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        struct wr_service_ask *ask = call->entries[i]->ask;
        for (uint32_t k = 0; k < ask->count; k++) {
            if (ask->entries[k].stand == WR_SERVICE_WAITS) {
                ask->entries[k].stand = WR_SERVICE_NEVER;
            }
        }
    }
}

// The whole request failed. True: go on with what waits. A request of several records that one of
// them may have spoilt is sent again in halves, so that in the end only the guilty one is refused.
// A record is not taken apart: AWS too takes all of it or nothing.
static bool fail_all(struct wr_service_call *call, const struct wr_aws_answer *answer)
{
    if (call->records > 1 && may_be_one_entry(answer)) {
        call->most = call->records / 2;
        return true;
    }
    for (size_t i = 0; i < call->count; i++) {
        fail(call, call->entries[i], answer);
    }
    if (answer->class == WR_AWS_PERMANENT) {
        refuse_rest(call);
    }
    return answer->class == WR_AWS_PERMANENT; // else it is not the time for more of it
}

// A 200 with more in it: what `read` finds has failed. False: nobody can tell from this answer
// (some proxy's page); entries are there or not, so they are sent again.
static bool read_success(struct wr_service_call *call, const struct wr_aws_answer *answer)
{
    struct wr_arena *arena = call->entries[0]->ask->rec->arena;
    if (!call->state->service->read || answer->body.len == 0) {
        return true;
    }
    wr_value body = wr_service_body(answer, arena);
    if (body.type == WR_OBJECT) {
        call->state->service->read(call, answer);
        return true;
    }
    struct wr_aws_answer a = *answer;
    a.class = WR_AWS_RETRY;
    a.code = (wr_str){0};
    a.message = WR_STR("The answer is no JSON object");
    for (size_t i = 0; i < call->count; i++) {
        fail(call, call->entries[i], &a);
    }
    return false;
}

static void on_answer(struct wr_aws_call *aws, const struct wr_aws_answer *answer)
{
    struct wr_service_call *call = aws->user;
    const struct wr_service *service = call->state->service;
    enum wr_service_next next = service->turn ? service->turn(call, answer) : WR_SERVICE_BY_CLASS;
    bool stopping = call->state->done != NULL; // a client that closes takes no more calls
    switch (next) {
    case WR_SERVICE_AGAIN:
        if (!stopping) {
            send_again(call);
            return;
        }
        break;
    case WR_SERVICE_DONE:
        mark_there(call);
        break;
    case WR_SERVICE_READ:
        service->read(call, answer);
        mark_there(call);
        break;
    case WR_SERVICE_BY_CLASS:
        if (answer->class == WR_AWS_OK) {
            if (!read_success(call, answer)) {
                finish(call);
                return;
            }
            mark_there(call);
            call->most *= 2;
        } else if (!fail_all(call, answer)) {
            finish(call);
            return;
        }
        break;
    }
    if (stopping || !send_next(call)) {
        finish(call);
    }
}

// ---- the batch's callbacks

static void on_cancel(void *user, struct wr_batch_call *batch)
{
    struct wr_service_aws *state = user;
    struct wr_service_call *call = batch->user;
    wr_aws_cancel(state->client, &call->aws);
}

static void on_abandon(void *user, struct wr_record *rec)
{
    struct wr_service_aws *state = user;
    wr_service_settle_no(rec, state->service, WR_RETRY, 503, "ServiceUnavailable",
                         WR_STR("weir is stopping"));
}

static void on_forget(void *user, struct wr_batch_call *batch)
{
    struct wr_service_call *call = batch->user;
    if (call) {
        wr_buf_release(&call->note);
        free(call->entries);
        free(call);
    }
}

// ---- the form

wr_err wr_service_aws_open(struct wr_sink *self, const struct wr_settings *settings,
                           struct wr_fault *fault)
{
    const struct wr_service *service = wr_service_of(self->impl);
    struct wr_aws *client = self->host->aws ? self->host->aws(self->host, fault) : NULL;
    if (!client) {
        return self->host->aws ? fault->code
                               : wr_fault_set(fault, WR_ERR_UNSUPPORTED, "there is no AWS here");
    }
    struct wr_service_aws *state = wr_zalloc(sizeof *state);
    state->sink = self;
    state->service = service;
    state->client = client;
    state->kind = wr_service_state_new(service, self, settings);
    struct wr_batch_options o = {
        .loop = self->host->loop,
        .count_max = service->entries_max,
        .bytes_max = service->bytes_max ? service->bytes_max : SIZE_MAX,
        .age_ms = service->entries_max > 1 && service->in_flight_max > 1
                      ? (uint32_t)wr_settings_int(settings, "linger")
                      : 0,
        .in_flight_max = service->in_flight_max,
        .send = on_send,
        .cancel = on_cancel,
        .abandon = on_abandon,
        .forget = on_forget,
        .user = state,
    };
    state->batch = wr_batch_new(&o);
    self->state = state;
    return WR_OK;
}

void wr_service_aws_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct wr_service_aws *state = self->state;
    struct wr_service_ask *ask = wr_service_ask_of(state->service, state->kind, rec);
    if (!ask) {
        return;
    }
    wr_buf_clear(&state->key);
    wr_buf_add(&state->key, ask->role);
    for (int i = 0; i < 2; i++) {
        wr_buf_add_char(&state->key, 0);
        wr_buf_add(&state->key, ask->names[i]);
    }
    wr_batch_add(state->batch, wr_buf_str(&state->key), ask->lane, rec);
}

static void on_closed(void *user)
{
    struct wr_service_aws *state = user;
    struct wr_sink *sink = state->sink;
    void (*done)(struct wr_sink *) = state->done;
    wr_service_state_free(state->service, state->kind);
    wr_buf_release(&state->key);
    wr_buf_release(&state->text);
    free(state);
    sink->state = NULL;
    done(sink);
}

void wr_service_aws_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct wr_service_aws *state = self->state;
    state->done = done;
    wr_batch_close(state->batch, on_closed, state);
}
