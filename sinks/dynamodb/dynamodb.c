// dynamoDB and dynamoDBv2: one item per record (actions.md 4.2 and 4.3), in their local form: a
// SQLite file below the state folder. Knows no AWS. The item is made on the loop, in the record's
// arena. One worker at a time takes all records that wait into one transaction; more load makes
// larger transactions.
#include "sinks/sink.h"

#include <stdio.h>
#include <stdlib.h>

#include "sinks/dynamodb/item.h"
#include "sinks/dynamodb/number.h"
#include "sinks/dynamodb/store.h"
#include "sinks/lib/later.h"

#include "sql/base/banned.h"

#define KEY_NAME_MAX 255 // bytes of a key attribute's name

enum {
    V1_ROLE,
    V1_TABLE,
    V1_HASH_FIELD,
    V1_HASH_VALUE,
    V1_HASH_TYPE,
    V1_RANGE_FIELD,
    V1_RANGE_VALUE,
    V1_RANGE_TYPE,
    V1_PAYLOAD_FIELD,
    V1_OPERATION,
};

static const struct wr_option v1_options[] = {
    [V1_ROLE] = {"roleArn", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_IGNORED,
                 .help = "Checked and kept; the local form needs no permission."},
    [V1_TABLE] = {"tableName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                  .help = "Table, made with this rule's keys when it is first written to."},
    [V1_HASH_FIELD] = {"hashKeyField", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE, .min = 1,
                       .max = KEY_NAME_MAX, .unit = "bytes", .help = "Name of the partition key."},
    [V1_HASH_VALUE] = {"hashKeyValue", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                       .help = "Value of the partition key."},
    [V1_HASH_TYPE] = {"hashKeyType", WR_OPT_CHOICE, WR_OPT_TEMPLATE, "STRING",
                      .choices = "STRING|NUMBER", .help = "Type of the partition key."},
    [V1_RANGE_FIELD] = {"rangeKeyField", WR_OPT_STRING, WR_OPT_TEMPLATE, .min = 1,
                        .max = KEY_NAME_MAX, .unit = "bytes", .help = "Name of the sort key."},
    [V1_RANGE_VALUE] = {"rangeKeyValue", WR_OPT_STRING, WR_OPT_TEMPLATE,
                        .help = "Value of the sort key."},
    [V1_RANGE_TYPE] = {"rangeKeyType", WR_OPT_CHOICE, WR_OPT_TEMPLATE, "STRING",
                       .choices = "STRING|NUMBER", .help = "Type of the sort key."},
    [V1_PAYLOAD_FIELD] = {"payloadField", WR_OPT_STRING, WR_OPT_TEMPLATE, "payload",
                          .help = "Attribute that takes the whole result."},
    [V1_OPERATION] = {"operation", WR_OPT_CHOICE, WR_OPT_TEMPLATE, "INSERT",
                      .choices = "INSERT|UPDATE|DELETE",
                      .help = "INSERT replaces the item, UPDATE sets payloadField in it."},
    {0},
};

enum { V2_ROLE, V2_TABLE };

static const struct wr_option v2_options[] = {
    [V2_ROLE] = {"roleArn", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_IGNORED,
                 .help = "Checked and kept; the local form needs no permission."},
    [V2_TABLE] = {"putItem.tableName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                  .help = "Table; its key must be declared in weir.yaml or made by a v1 rule."},
    {0},
};

static const struct wr_option settings_table[] = {
    {"tables.*.hash_key", WR_OPT_STRING, WR_OPT_REQUIRED, .max = KEY_NAME_MAX, .unit = "bytes",
     .help = "Name of the table's partition key."},
    {"tables.*.hash_type", WR_OPT_CHOICE, 0, "S", .choices = "S|N|B",
     .help = "Type of the partition key: string, number or binary."},
    {"tables.*.range_key", WR_OPT_STRING, 0, "", .max = KEY_NAME_MAX, .unit = "bytes",
     .help = "Name of the table's sort key, if it has one."},
    {"tables.*.range_type", WR_OPT_CHOICE, 0, "S", .choices = "S|N|B",
     .help = "Type of the sort key."},
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

static char key_type(wr_str text)
{
    return wr_str_eq(text, WR_STR("STRING")) ? 'S' : wr_str_eq(text, WR_STR("NUMBER")) ? 'N' : 0;
}

static bool parse_operation(wr_str text, enum wr_dynamodb_op *op)
{
    static const struct {
        wr_str name;
        enum wr_dynamodb_op op;
    } operations[] = {
        {WR_STR_INIT("INSERT"), WR_DYNAMODB_PUT},
        {WR_STR_INIT("UPDATE"), WR_DYNAMODB_UPDATE},
        {WR_STR_INIT("DELETE"), WR_DYNAMODB_DELETE},
    };
    for (size_t i = 0; i < WR_COUNT(operations); i++) {
        if (wr_str_eq(operations[i].name, text)) {
            *op = operations[i].op;
            return true;
        }
    }
    return false;
}

// What is wrong with the parameters of a v1 action after templates, or NULL with schema and
// operation.
static const char *read_v1(const struct wr_param *params, struct wr_dynamodb_schema *schema,
                           enum wr_dynamodb_op *op)
{
    *schema = (struct wr_dynamodb_schema){
        .hash_name = params[V1_HASH_FIELD].text,
        .hash_type = key_type(params[V1_HASH_TYPE].text),
    };
    if (params[V1_RANGE_FIELD].set) {
        schema->range_name = params[V1_RANGE_FIELD].text;
        schema->range_type = key_type(params[V1_RANGE_TYPE].text);
    }
    if (schema->hash_name.len == 0 || schema->hash_name.len > KEY_NAME_MAX ||
        schema->range_name.len > KEY_NAME_MAX ||
        (params[V1_RANGE_FIELD].set && schema->range_name.len == 0)) {
        return "The name of a key attribute must have 1 to 255 bytes";
    }
    if (!schema->hash_type || (params[V1_RANGE_FIELD].set && !schema->range_type)) {
        return "A key type is neither STRING nor NUMBER";
    }
    if (!parse_operation(params[V1_OPERATION].text, op)) {
        return "The operation is none of INSERT, UPDATE and DELETE";
    }
    return NULL;
}

static void v1_submit(struct wr_sink *self, struct wr_record *rec)
{
    const struct wr_param *params = rec->params;
    struct wr_dynamodb_schema *schema = wr_arena_alloc(rec->arena, sizeof *schema);
    struct wr_dynamodb_job *job = wr_arena_alloc(rec->arena, sizeof *job);
    if (!schema || !job) {
        refuse(rec, "The message is over its limit of memory");
        return;
    }
    *job = (struct wr_dynamodb_job){.table = params[V1_TABLE].text, .infer = schema};
    const char *trouble = wr_dynamodb_table_trouble(job->table);
    trouble = trouble ? trouble : read_v1(params, schema, &job->op);
    if (trouble) {
        refuse(rec, trouble);
        return;
    }
    struct wr_dynamodb_builder builder;
    wr_dynamodb_builder_init(&builder, rec->arena, rec->dialect, 3);
    wr_dynamodb_builder_add_text(&builder, schema->hash_name, schema->hash_type,
                                 params[V1_HASH_VALUE].text);
    if (schema->range_type) {
        wr_dynamodb_builder_add_text(&builder, schema->range_name, schema->range_type,
                                     params[V1_RANGE_VALUE].text);
    }
    if (job->op != WR_DYNAMODB_DELETE) {
        if (rec->body_json && rec->result->type != WR_UNDEFINED) {
            wr_dynamodb_builder_add(&builder, params[V1_PAYLOAD_FIELD].text, rec->result);
        } else {
            wr_dynamodb_builder_add_binary(&builder, params[V1_PAYLOAD_FIELD].text, rec->body);
        }
    }
    trouble = wr_dynamodb_builder_done(&builder, &job->item);
    if (trouble) {
        refuse(rec, trouble);
        return;
    }
    enqueue(self->state, rec, job);
}

static void v2_submit(struct wr_sink *self, struct wr_record *rec)
{
    const wr_value *result = rec->result;
    wr_str table = rec->params[V2_TABLE].text;
    const char *trouble = wr_dynamodb_table_trouble(table);
    if (!trouble && result->type != WR_OBJECT) {
        trouble = "The result is no JSON object: dynamoDBv2 writes one attribute per member";
    }
    struct wr_dynamodb_job *job = wr_arena_alloc(rec->arena, sizeof *job);
    if (trouble || !job) {
        refuse(rec, trouble ? trouble : "The message is over its limit of memory");
        return;
    }
    *job = (struct wr_dynamodb_job){.op = WR_DYNAMODB_PUT, .table = table};
    wr_value object = *result;
    wr_value_force(&object, rec->arena, rec->dialect);
    struct wr_dynamodb_builder builder;
    wr_dynamodb_builder_init(&builder, rec->arena, rec->dialect, object.len);
    for (uint32_t i = 0; object.type == WR_OBJECT && i < object.len; i++) {
        wr_dynamodb_builder_add(&builder, object.as.members[i].key, &object.as.members[i].value);
    }
    trouble = wr_dynamodb_builder_done(&builder, &job->item);
    if (trouble) {
        refuse(rec, trouble);
        return;
    }
    enqueue(self->state, rec, job);
}

// ---- checks

static wr_err check_table(const struct wr_param *table, bool constant, const char *name,
                          struct wr_fault *fault)
{
    const char *trouble = constant ? wr_dynamodb_table_trouble(table->text) : NULL;
    return trouble ? wr_fault_set(fault, WR_ERR_FAILED, "%s: found \"%.*s\": %s", name,
                                  WR_STR_ARG(table->text), trouble)
                   : WR_OK;
}

// A constant key that DynamoDB would refuse.
static wr_err check_key(const struct wr_param *params, const bool *constant, int value, int type,
                        struct wr_fault *fault)
{
    wr_str text = params[value].text;
    struct wr_dynamodb_number number;
    if (!params[value].set || !constant[value]) {
        return WR_OK;
    }
    if (text.len == 0) {
        return wr_fault_set(fault, WR_ERR_FAILED, "%s: empty, which no key can be",
                            v1_options[value].name);
    }
    bool numeric = constant[type] && wr_str_eq(params[type].text, WR_STR("NUMBER"));
    const char *trouble = numeric ? wr_dynamodb_number_parse(text, &number) : NULL;
    return trouble ? wr_fault_set(fault, WR_ERR_FAILED, "%s: found \"%.*s\", expected a number: %s",
                                  v1_options[value].name, WR_STR_ARG(text), trouble)
                   : WR_OK;
}

static wr_err v1_check(const struct wr_param *params, const bool *constant, struct wr_fault *fault)
{
    static const int names[] = {V1_HASH_FIELD, V1_RANGE_FIELD, V1_PAYLOAD_FIELD};
    if (params[V1_RANGE_FIELD].set != params[V1_RANGE_VALUE].set) {
        return wr_fault_set(fault, WR_ERR_MISSING,
                            "%s: missing; rangeKeyField and rangeKeyValue go together",
                            params[V1_RANGE_FIELD].set ? "rangeKeyValue" : "rangeKeyField");
    }
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        const struct wr_param *a = &params[names[i]];
        if (a->set && constant[names[i]] && a->text.len == 0) {
            return wr_fault_set(fault, WR_ERR_RANGE, "%s: empty", v1_options[names[i]].name);
        }
        for (size_t j = 0; j < i; j++) {
            const struct wr_param *b = &params[names[j]];
            if (a->set && b->set && wr_str_eq(a->text, b->text)) {
                return wr_fault_set(fault, WR_ERR_FAILED, "%s: \"%.*s\" is %s already",
                                    v1_options[names[i]].name, WR_STR_ARG(a->text),
                                    v1_options[names[j]].name);
            }
        }
    }
    wr_err err = check_key(params, constant, V1_HASH_VALUE, V1_HASH_TYPE, fault);
    err = err ? err : check_key(params, constant, V1_RANGE_VALUE, V1_RANGE_TYPE, fault);
    return err ? err : check_table(&params[V1_TABLE], constant[V1_TABLE], "tableName", fault);
}

static wr_err v2_check(const struct wr_param *params, const bool *constant, struct wr_fault *fault)
{
    return check_table(&params[V2_TABLE], constant[V2_TABLE], "putItem.tableName", fault);
}

// ---- open and close

static wr_str table_setting(const struct wr_settings *settings, const char *table, const char *name)
{
    char full[600];
    snprintf(full, sizeof full, "tables.%s.%s", table, name);
    return wr_str_of(wr_settings_get(settings, full));
}

// The tables that weir.yaml declares.
static wr_err declare(struct dynamodb *state, const struct wr_settings *settings,
                      struct wr_fault *fault)
{
    size_t count = wr_settings_count(settings, "tables");
    for (size_t i = 0; i < count; i++) {
        const char *name = wr_settings_name(settings, "tables", i);
        const char *trouble = wr_dynamodb_table_trouble(wr_str_of(name));
        if (trouble) {
            return wr_fault_set(fault, WR_ERR_RANGE, "tables.%s: %s", name, trouble);
        }
        wr_str hash_type = table_setting(settings, name, "hash_type");
        wr_str range_type = table_setting(settings, name, "range_type");
        struct wr_dynamodb_schema schema = {
            .hash_name = table_setting(settings, name, "hash_key"),
            .hash_type = hash_type.len ? hash_type.at[0] : 'S',
            .range_name = table_setting(settings, name, "range_key"),
        };
        if (schema.range_name.len > 0) {
            schema.range_type = range_type.len ? range_type.at[0] : 'S';
        }
        if (schema.hash_name.len == 0) {
            return wr_fault_set(fault, WR_ERR_MISSING, "tables.%s.hash_key: missing", name);
        }
        if (wr_str_eq(schema.hash_name, schema.range_name)) {
            return wr_fault_set(fault, WR_ERR_EXISTS,
                                "tables.%s.range_key: \"%.*s\" is hash_key already", name,
                                WR_STR_ARG(schema.range_name));
        }
        wr_err err = wr_dynamodb_store_declare(state->store, wr_str_of(name), &schema, fault);
        if (err) {
            return err;
        }
    }
    return WR_OK;
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
    .name = "dynamoDB",
    .failed_action = "DynamoAction",
    .help = "Writes the result into one attribute of an item.",
    .options = v1_options,
    .form = "A table of the SQLite file local/dynamodb.db of the state folder.",
    .settings = settings_table,
    .resource_option = V1_TABLE,
    .check = v1_check,
    .open = dynamodb_open,
    .submit = v1_submit,
    .close = dynamodb_close,
};

const struct wr_sink_impl wr_sink_dynamodb_v2 = {
    .name = "dynamoDBv2",
    .failed_action = "DynamoDBv2Action",
    .help = "Writes each member of the result as an attribute of an item.",
    .options = v2_options,
    .form = "A table of the SQLite file local/dynamodb.db of the state folder.",
    .settings = settings_table,
    .resource_option = V2_TABLE,
    .check = v2_check,
    .open = dynamodb_open,
    .submit = v2_submit,
    .close = dynamodb_close,
};
