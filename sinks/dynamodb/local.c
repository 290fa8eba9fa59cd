// The local form of dynamoDB and dynamoDBv2: a SQLite file below the state folder. Knows no AWS.
// The item is made on the loop, in the record's arena. One worker at a time takes all records that
// wait into one transaction; more load makes larger transactions.
#include "sinks/dynamodb/action.h"

#include <stdio.h>
#include <stdlib.h>

#include "sinks/dynamodb/store.h"
#include "sinks/lib/later.h"

#include "sql/base/banned.h"

static const struct wr_option settings_table[] = {
    WR_DYNAMODB_TABLES,
    {"busy_timeout", WR_OPT_INT, 0, "2000", .min = 0, .max = 60000, .unit = "ms",
     .help = "How long a write waits for another process that writes to the same file."},
    {0},
};

struct dynamodb {
    struct wr_sink *sink;
    struct wr_dynamodb_store *store; // the worker's while busy
    uv_work_t work;
    bool busy;
    struct wr_record *queue, **queue_end; // loop only
    struct wr_record *batch;              // the worker's while busy
    size_t held;                          // records not settled
    void (*done)(struct wr_sink *self);   // set while closing
};

// ---- verdicts

static void fail(struct wr_record *rec, enum wr_verdict verdict, wr_str message, int status,
                 const char *code)
{
    const struct wr_sink_impl *impl = rec->sink->impl;
    char text[1400];
    int len = snprintf(text, sizeof text,
                       "Failed to write to DynamoDB table. The error received was %.*s (Service: "
                       "AmazonDynamoDBv2; Status Code: %d; Error Code: %s; Request ID: local).",
                       WR_STR_ARG(message), status, code);
    struct wr_why why = {
        .resource = rec->params[impl->resource_option].text,
        .message = {text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1},
    };
    wr_record_settle(rec, verdict, &why);
}

static void refuse(struct wr_record *rec, const char *message)
{
    fail(rec, WR_REFUSED, wr_str_of(message), 400, "ValidationException");
}

static void settle(struct wr_record *rec)
{
    struct wr_dynamodb_job *job = rec->sink_data;
    if (job->verdict == WR_DELIVERED) {
        wr_record_settle(rec, WR_DELIVERED, NULL);
        return;
    }
    char *message = job->message; // the job dies with the record
    fail(rec, job->verdict, wr_str_of(message), job->status, job->code);
    free(message);
}

// ---- the worker

static void end_if_idle(struct dynamodb *state)
{
    if (state->done && state->held == 0) {
        struct wr_sink *sink = state->sink;
        void (*done)(struct wr_sink *) = state->done;
        sink->state = NULL;
        wr_dynamodb_store_close(state->store);
        free(state);
        wr_later_done(sink, done);
    }
}

static void work(uv_work_t *request)
{
    struct dynamodb *state = request->data;
    wr_dynamodb_store_run(state->store, state->batch->sink_data);
}

static void after_work(uv_work_t *request, int status);

static void start(struct dynamodb *state)
{
    if (state->busy || !state->queue) {
        return;
    }
    state->batch = state->queue;
    state->queue = NULL;
    state->queue_end = &state->queue;
    for (struct wr_record *rec = state->batch; rec; rec = rec->sink_next) {
        struct wr_dynamodb_job *job = rec->sink_data;
        job->next = rec->sink_next ? rec->sink_next->sink_data : NULL;
    }
    state->busy = true;
    wr_assert(uv_queue_work(state->sink->host->loop, &state->work, work, after_work) == 0);
}

static void after_work(uv_work_t *request, int status)
{
    struct dynamodb *state = request->data;
    struct wr_record *rec = state->batch;
    state->batch = NULL;
    state->busy = false;
    start(state);
    while (rec) {
        struct wr_record *next = rec->sink_next;
        settle(rec);
        state->held--; // not before: settling may call close()
        rec = next;
    }
    end_if_idle(state);
}

static void enqueue(struct dynamodb *state, struct wr_record *rec, struct wr_dynamodb_job *job)
{
    rec->sink_data = job;
    rec->sink_next = NULL;
    *state->queue_end = rec;
    state->queue_end = &rec->sink_next;
    state->held++;
    start(state);
}

// ---- preparing a record

// `write` is in the record's arena, or NULL with what is wrong.
static void take(struct wr_sink *self, struct wr_record *rec, struct wr_dynamodb_write *write,
                 const char *trouble)
{
    struct wr_dynamodb_job *job = trouble ? NULL : wr_arena_alloc(rec->arena, sizeof *job);
    if (!job) {
        refuse(rec, trouble ? trouble : "The message is over its limit of memory");
        return;
    }
    *job = (struct wr_dynamodb_job){.op = write->op,
                                    .table = write->table,
                                    .item = write->item,
                                    .infer = write->schema.hash_type ? &write->schema : NULL};
    enqueue(self->state, rec, job);
}

static void v1_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct wr_dynamodb_write *write = NULL;
    const char *trouble = wr_dynamodb_read_v1(rec, &write);
    take(self, rec, write, trouble);
}

static void v2_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct wr_dynamodb_write *write = NULL;
    const char *trouble = wr_dynamodb_read_v2(rec, &write);
    take(self, rec, write, trouble);
}

// ---- open and close

// The tables that weir.yaml declares.
static wr_err declare(struct dynamodb *state, const struct wr_settings *settings,
                      struct wr_fault *fault)
{
    wr_err err = WR_OK;
    size_t count = wr_settings_count(settings, "tables");
    for (size_t i = 0; !err && i < count; i++) {
        struct wr_dynamodb_schema schema;
        wr_str table;
        err = wr_dynamodb_declared(settings, i, &table, &schema, fault);
        err = err ? err : wr_dynamodb_store_declare(state->store, table, &schema, fault);
    }
    return err;
}

static wr_err dynamodb_open(struct wr_sink *self, const struct wr_settings *settings,
                            struct wr_fault *fault)
{
    struct dynamodb *state = wr_zalloc(sizeof *state);
    state->sink = self;
    state->work.data = state;
    state->queue_end = &state->queue;
    wr_err err = wr_dynamodb_store_open(self->host->state_dir,
                                        (int)wr_settings_int(settings, "busy_timeout"),
                                        &state->store, fault);
    err = err ? err : declare(state, settings, fault);
    if (err) {
        wr_dynamodb_store_close(state->store);
        free(state);
        return err;
    }
    self->state = state;
    return WR_OK;
}

static void dynamodb_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct dynamodb *state = self->state;
    state->done = done;
    end_if_idle(state);
}

const struct wr_sink_impl wr_sink_dynamodb = {
    WR_DYNAMODB_ACTION,
    .form = "A table of the SQLite file local/dynamodb.db of the state folder.",
    .settings = settings_table,
    .open = dynamodb_open,
    .submit = v1_submit,
    .close = dynamodb_close,
};

const struct wr_sink_impl wr_sink_dynamodb_v2 = {
    WR_DYNAMODB_V2_ACTION,
    .form = "A table of the SQLite file local/dynamodb.db of the state folder.",
    .settings = settings_table,
    .open = dynamodb_open,
    .submit = v2_submit,
    .close = dynamodb_close,
};
