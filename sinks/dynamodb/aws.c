// The AWS form of dynamoDB and dynamoDBv2: PutItem, UpdateItem, DeleteItem; and BatchWriteItem
// where that is the same: for puts and deletes of items whose keys are known, each key once in a
// call.
//
//   submit ─► batch.h: by table and role, in lanes ─► a call's records, one request after the
//   other:
//             as many as may go together, or one ─► verdicts of those ─► the next
//
// Lanes keep the order of a key (of a topic, where the table's key is not known). The key of a
// dynamoDBv2 table is declared in weir.yaml, or asked for (keys.h). A role that may only PutItem is
// found out by the first answer: from then on every item goes alone.
#include "sinks/dynamodb/action.h"

#include <stdlib.h>

#include "sinks/dynamodb/keys.h"
#include "sinks/lib/aws_form.h"
#include "sinks/lib/batch.h"
#include "sql/base/hash.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define BATCH_COUNT 25                 // requests of one BatchWriteItem
#define BATCH_BYTES (15 * 1024 * 1024) // of its 16 MB
#define ENTRY_BYTES 64                 // about what an entry has beside its item
#define LANES       32                 // of one table: so many requests to it at once
#define SCRATCH_MAX (32u << 20)        // an answer with every item in it, read
#define WHAT        "Failed to write to DynamoDB table"

#define DYNAMODB_BATCH                                                             \
    {                                                                              \
        "batch", WR_OPT_BOOL, 0, "true",                                           \
            .help = "BatchWriteItem where it is the same as writing item by item." \
    }

static const struct wr_option settings_table[] = {
    WR_DYNAMODB_TABLES,
    DYNAMODB_BATCH,
    {0},
};

static const struct wr_option v2_settings_table[] = {
    WR_DYNAMODB_TABLES,
    DYNAMODB_BATCH,
    {"describe", WR_OPT_BOOL, 0, "true",
     .help = "Ask once for the key of a table that is not declared (DescribeTable); where that is "
             "not allowed, items are written in the order of their topics."},
    {0},
};

// What a record is here; in its arena.
struct entry {
    struct wr_batch_item item; // first
    struct wr_dynamodb_write *write;
    const struct wr_dynamodb_attr *hash, *range; // of the item; NULL: not known, or no such key
    bool keyed;
    bool failed; // of the answer at hand: not processed
};

struct state {
    struct wr_sink *sink;
    struct wr_aws *aws;
    struct wr_batch *batch;
    bool batching;
    struct wr_dynamodb_keys *keys; // NULL: dynamoDB, whose rules say them
    int parts;                     // that are being closed
    struct wr_arena scratch;
    void (*done)(struct wr_sink *self);
};

// One call of the batch: requests one after the other.
struct requests {
    struct wr_aws_call call; // first
    struct state *state;
    struct wr_batch_call *records;
    size_t count;  // of records in the request under way
    size_t single; // so many more go alone, since their batch was refused
    bool batched;
    bool cancelled; // the sink closes: nothing more is sent
};

static const struct wr_aws_form_kind kind = {
    .service = WR_AWS_DYNAMODB,
    .what = WHAT,
    .role_option = WR_DYNAMODB_V1_ROLE,
};
_Static_assert((int)WR_DYNAMODB_V1_ROLE == (int)WR_DYNAMODB_V2_ROLE, "one index for both");

static struct entry *entry_of(const struct wr_record *rec)
{
    return rec->sink_data;
}

// ---- verdicts

static void settle(struct wr_record *rec, const struct wr_aws_answer *answer)
{
    struct wr_buf text;
    struct wr_why why;
    wr_buf_init_arena(&text, rec->arena);
    enum wr_verdict verdict =
        wr_aws_verdict(answer, WR_AWS_DYNAMODB, WR_STR(WHAT),
                       rec->params[rec->sink->impl->resource_option].text, &text, &why);
    wr_record_settle(rec, verdict, verdict == WR_DELIVERED ? NULL : &why);
}

static void refuse(struct wr_record *rec, const char *trouble)
{
    settle(rec, &(struct wr_aws_answer){.class = WR_AWS_PERMANENT, .message = wr_str_of(trouble)});
}

static void stopped(struct wr_record *rec)
{
    settle(rec,
           &(struct wr_aws_answer){.class = WR_AWS_RETRY, .message = WR_STR("weir is stopping")});
}

// ---- requests

static bool same_key(const struct entry *a, const struct entry *b)
{
    bool hash = wr_str_eq(a->hash->json, b->hash->json);
    return hash && (a->range ? b->range && wr_str_eq(a->range->json, b->range->json) : !b->range);
}

static bool may_share(const struct state *s, const struct entry *e)
{
    return s->batching && e->keyed && e->write->op != WR_DYNAMODB_UPDATE;
}

// How many records from `first` on may go in one request.
static size_t take(const struct requests *r, const struct wr_record *first)
{
    size_t count = 1;
    if (r->single > 0 || !may_share(r->state, entry_of(first))) {
        return 1;
    }
    for (const struct wr_record *rec = first->sink_next; rec && count < BATCH_COUNT;
         rec = rec->sink_next) {
        if (!may_share(r->state, entry_of(rec))) {
            break;
        }
        size_t i = 0;
        const struct wr_record *earlier = first;
        while (i < count && !same_key(entry_of(earlier), entry_of(rec))) {
            earlier = earlier->sink_next;
            i++;
        }
        if (i < count) {
            break; // of one key only one may be in a call
        }
        count++;
    }
    return count;
}

static void add_batch(struct wr_buf *b, const struct wr_record *rec, size_t count)
{
    wr_buf_add(b, WR_STR("{\"RequestItems\":{"));
    wr_json_write_string(b, entry_of(rec)->write->table);
    wr_buf_add(b, WR_STR(":["));
    for (size_t i = 0; i < count; i++, rec = rec->sink_next) {
        const struct wr_dynamodb_write *w = entry_of(rec)->write;
        wr_buf_add(b, i ? WR_STR(",") : WR_STR(""));
        wr_buf_add(b, w->op == WR_DYNAMODB_PUT ? WR_STR("{\"PutRequest\":{\"Item\":")
                                               : WR_STR("{\"DeleteRequest\":{\"Key\":"));
        wr_buf_add(b, w->item.json);
        wr_buf_add(b, WR_STR("}}"));
    }
    wr_buf_add(b, WR_STR("]}}"));
}

// The key, then what to set: the last attribute.
static void add_update(struct wr_buf *b, const struct wr_dynamodb_item *item)
{
    const struct wr_dynamodb_attr *set = &item->attrs[item->count - 1];
    wr_buf_add(b, WR_STR(",\"Key\":{"));
    for (size_t i = 0; i + 1 < item->count; i++) {
        wr_buf_add(b, i ? WR_STR(",") : WR_STR(""));
        wr_json_write_string(b, item->attrs[i].name);
        wr_buf_add_char(b, ':');
        wr_buf_add(b, item->attrs[i].json);
    }
    wr_buf_add(b, WR_STR("},\"UpdateExpression\":\"SET #p = :p\",\"ExpressionAttributeNames\":"
                         "{\"#p\":"));
    wr_json_write_string(b, set->name);
    wr_buf_add(b, WR_STR("},\"ExpressionAttributeValues\":{\":p\":"));
    wr_buf_add(b, set->json);
    wr_buf_add_char(b, '}');
}

// The target; the body is in `b`.
static wr_str add_one(struct wr_buf *b, const struct wr_dynamodb_write *w)
{
    wr_buf_add(b, WR_STR("{\"TableName\":"));
    wr_json_write_string(b, w->table);
    wr_str target = WR_STR("DynamoDB_20120810.PutItem");
    switch (w->op) {
    case WR_DYNAMODB_PUT:
        wr_buf_add(b, WR_STR(",\"Item\":"));
        wr_buf_add(b, w->item.json);
        break;
    case WR_DYNAMODB_DELETE:
        wr_buf_add(b, WR_STR(",\"Key\":"));
        wr_buf_add(b, w->item.json);
        target = WR_STR("DynamoDB_20120810.DeleteItem");
        break;
    case WR_DYNAMODB_UPDATE:
        add_update(b, &w->item);
        target = WR_STR("DynamoDB_20120810.UpdateItem");
        break;
    }
    wr_buf_add_char(b, '}');
    return target;
}

static void on_answer(struct wr_aws_call *call, const struct wr_aws_answer *answer);

static void send_next(struct requests *r)
{
    const struct wr_record *first = r->records->records;
    struct wr_buf *body = &r->records->body;
    wr_buf_clear(body);
    r->count = take(r, first);
    r->batched = r->count > 1;
    wr_aws_form_call(r->state->sink, &kind, first, &r->call);
    if (r->batched) {
        add_batch(body, first, r->count);
        r->call.target = WR_STR("DynamoDB_20120810.BatchWriteItem");
    } else {
        r->call.target = add_one(body, entry_of(first)->write);
    }
    r->call.content_type = WR_STR("application/x-amz-json-1.0");
    r->call.body = wr_buf_str(body);
    r->call.done = on_answer;
    wr_aws_send(r->state->aws, &r->call);
}

static void send_records(void *user, struct wr_batch_call *records)
{
    struct requests *r = records->user;
    if (!r) {
        r = records->user = wr_zalloc(sizeof *r);
    }
    r->state = user;
    r->records = records;
    r->single = 0;
    r->cancelled = false;
    send_next(r);
}

// ---- answers

static wr_value member(const wr_value *object, wr_str name, struct wr_arena *arena)
{
    const wr_value *found = object->type == WR_OBJECT ? wr_object_get(object, name) : NULL;
    wr_value v = found ? *found : wr_undefined();
    wr_value_force(&v, arena, WR_SQL_2016);
    return v;
}

// Whether `key` (the item, or the key, of a request) has this attribute: {"S":"…"}.
static bool has_attr(const wr_value *key, const struct wr_dynamodb_attr *attr,
                     struct wr_arena *arena)
{
    wr_value typed = member(key, attr->name, arena);
    wr_value v = member(&typed, wr_str_of(attr->type), arena);
    return v.type == WR_STRING && wr_str_eq(wr_value_text(&v), attr->scalar);
}

// The record that an unprocessed request is about is marked; false: there is none.
static bool mark(struct requests *r, const wr_value *request)
{
    struct wr_arena *arena = &r->state->scratch;
    wr_value put = member(request, WR_STR("PutRequest"), arena);
    wr_value del = member(request, WR_STR("DeleteRequest"), arena);
    wr_value key = put.type == WR_OBJECT ? member(&put, WR_STR("Item"), arena)
                                         : member(&del, WR_STR("Key"), arena);
    struct wr_record *rec = r->records->records;
    for (size_t i = 0; i < r->count; i++, rec = rec->sink_next) {
        struct entry *e = entry_of(rec);
        if (has_attr(&key, e->hash, arena) && (!e->range || has_attr(&key, e->range, arena))) {
            e->failed = true;
            return true;
        }
    }
    return false;
}

// Marks what the answer calls unprocessed; all, when it cannot be told which those are.
static void mark_unprocessed(struct requests *r, wr_str body)
{
    struct wr_arena *arena = &r->state->scratch;
    struct wr_record *first = r->records->records, *rec = first;
    for (size_t i = 0; i < r->count; i++, rec = rec->sink_next) {
        entry_of(rec)->failed = false;
    }
    wr_value answer = wr_undefined();
    bool good = wr_json_parse(body, arena, WR_SQL_2016, &answer, NULL) == WR_OK;
    wr_value left = member(&answer, WR_STR("UnprocessedItems"), arena);
    wr_value list = member(&left, entry_of(first)->write->table, arena);
    for (uint32_t i = 0; good && list.type == WR_ARRAY && i < list.len; i++) {
        wr_value request = list.as.items[i];
        wr_value_force(&request, arena, WR_SQL_2016);
        good = mark(r, &request);
    }
    good = good && !arena->over && (left.type != WR_OBJECT || left.len == 0 || list.len > 0);
    rec = first;
    for (size_t i = 0; !good && i < r->count; i++, rec = rec->sink_next) {
        entry_of(rec)->failed = true;
    }
    wr_arena_reset(arena);
}

static void settle_batch(struct requests *r, const struct wr_aws_answer *answer)
{
    bool taken = answer->class == WR_AWS_OK;
    if (taken && !answer->recorded) {
        mark_unprocessed(r, answer->body);
    }
    struct wr_aws_answer left = *answer;
    left.class = WR_AWS_THROTTLED;
    left.message = WR_STR("this item of the batch was not processed");
    left.code = WR_STR("UnprocessedItems");
    for (size_t count = r->count; count > 0; count--) {
        struct wr_record *rec = wr_batch_pop(r->records);
        bool failed = taken && !answer->recorded && entry_of(rec)->failed;
        settle(rec, failed ? &left : answer);
    }
}

// A refusal of the whole that says nothing about each: they go again, one by one.
static bool one_by_one(struct requests *r, const struct wr_aws_answer *answer)
{
    struct state *s = r->state;
    if (!r->batched || answer->class != WR_AWS_PERMANENT) {
        return false;
    }
    if (wr_str_eq(answer->code, WR_STR("AccessDeniedException"))) {
        if (s->batching) {
            s->sink->host->log(s->sink->host, WR_LOG_INFO,
                               "%s: BatchWriteItem is not allowed, items are written one by one",
                               s->sink->impl->name);
        }
        s->batching = false;
        return true;
    }
    return wr_str_eq(answer->code, WR_STR("ValidationException")) ||
           wr_str_eq(answer->code, WR_STR("ItemCollectionSizeLimitExceededException"));
}

static void on_answer(struct wr_aws_call *call, const struct wr_aws_answer *answer)
{
    struct requests *r = (struct requests *)call;
    struct wr_batch_call *records = r->records;
    if (!r->cancelled && one_by_one(r, answer)) {
        r->single = r->count;
    } else {
        r->single -= r->single > 0;
        settle_batch(r, answer);
    }
    for (struct wr_record *rec; r->cancelled && (rec = wr_batch_pop(records));) {
        stopped(rec);
    }
    if (records->records) {
        send_next(r);
    } else {
        wr_batch_done(records);
    }
}

// ---- records

static const struct wr_dynamodb_attr *find_attr(const struct wr_dynamodb_item *item, wr_str name)
{
    for (size_t i = 0; i < item->count; i++) {
        const struct wr_dynamodb_attr *a = &item->attrs[i];
        bool scalar = a->type[1] == '\0' && (a->type[0] == 'S' || a->type[0] == 'N');
        if (wr_str_eq(a->name, name)) {
            return scalar ? a : NULL;
        }
    }
    return NULL;
}

static void find_key(struct entry *e, const struct wr_dynamodb_schema *schema)
{
    if (!schema) {
        return;
    }
    e->hash = find_attr(&e->write->item, schema->hash_name);
    e->range = schema->range_type ? find_attr(&e->write->item, schema->range_name) : NULL;
    e->keyed = e->hash && (e->range || !schema->range_type);
}

static uint32_t lane_of(const struct entry *e, const struct wr_record *rec)
{
    uint64_t hash = e->keyed ? wr_hash_str(e->hash->json) : wr_hash_str(rec->topic);
    if (e->keyed && e->range) {
        hash = wr_hash_bytes(e->range->json.at, e->range->json.len, hash);
    }
    return (uint32_t)(hash % LANES);
}

// The key is as known as it gets.
static void queue(struct state *s, struct wr_record *rec, const struct wr_dynamodb_schema *schema)
{
    struct entry *e = entry_of(rec);
    struct wr_buf key;
    find_key(e, schema);
    wr_buf_init_arena(&key, rec->arena);
    wr_buf_add(&key, e->write->table);
    wr_buf_add_char(&key, '\n');
    wr_buf_add(&key, rec->params[kind.role_option].text);
    if (key.over) {
        refuse(rec, "the message is over its limit of memory");
        return;
    }
    wr_batch_add(s->batch, wr_buf_str(&key), lane_of(e, rec), rec);
}

// A record that has waited for the table's key.
static void go_on(void *user, struct wr_record *rec)
{
    struct state *s = user;
    const struct wr_dynamodb_schema *schema;
    if (s->done) {
        stopped(rec);
    } else if (!wr_dynamodb_keys_find(s->keys, entry_of(rec)->write->table, rec, &schema)) {
        queue(s, rec, schema);
    }
}

static void submit(struct wr_sink *self, struct wr_record *rec)
{
    struct state *s = self->state;
    struct entry *e = wr_arena_alloc(rec->arena, sizeof *e);
    struct wr_dynamodb_write *write = NULL;
    const char *trouble = !e        ? "the message is over its limit of memory"
                          : s->keys ? wr_dynamodb_read_v2(rec, &write)
                                    : wr_dynamodb_read_v1(rec, &write);
    if (trouble) {
        refuse(rec, trouble);
        return;
    }
    *e = (struct entry){.write = write};
    e->item.entries = 1;
    e->item.bytes = write->item.json.len + ENTRY_BYTES;
    rec->sink_data = e;
    if (s->keys) {
        go_on(s, rec);
    } else {
        queue(s, rec, &write->schema);
    }
}

// ---- open and close

static void cancel(void *user, struct wr_batch_call *records)
{
    struct requests *r = records->user;
    r->cancelled = true;
    wr_aws_cancel(r->state->aws, &r->call);
}

static void abandon(void *user, struct wr_record *rec)
{
    stopped(rec);
}

static void forget(void *user, struct wr_batch_call *records)
{
    free(records->user);
}

static wr_err open_sink(struct wr_sink *self, const struct wr_settings *settings, bool v2,
                        struct wr_fault *fault)
{
    struct wr_aws *aws = self->host->aws ? self->host->aws(self->host, fault) : NULL;
    if (!aws) {
        return self->host->aws
                   ? WR_ERR_FAILED
                   : wr_fault_set(fault, WR_ERR_UNSUPPORTED, "there is no AWS client here");
    }
    struct state *s = wr_zalloc(sizeof *s);
    s->sink = self;
    s->aws = aws;
    s->batching = wr_settings_bool(settings, "batch");
    if (v2) {
        wr_err err = wr_dynamodb_keys_open(self, aws, &kind, settings,
                                           wr_settings_bool(settings, "describe"), go_on, s,
                                           &s->keys, fault);
        if (err) {
            free(s);
            return err;
        }
    }
    wr_arena_init(&s->scratch, SCRATCH_MAX);
    s->batch = wr_batch_new(&(struct wr_batch_options){.loop = self->host->loop,
                                                       .count_max = BATCH_COUNT,
                                                       .bytes_max = BATCH_BYTES,
                                                       .in_flight_max = 1,
                                                       .send = send_records,
                                                       .cancel = cancel,
                                                       .abandon = abandon,
                                                       .forget = forget,
                                                       .user = s});
    self->state = s;
    return WR_OK;
}

static wr_err open_v1(struct wr_sink *self, const struct wr_settings *settings,
                      struct wr_fault *fault)
{
    return open_sink(self, settings, false, fault);
}

static wr_err open_v2(struct wr_sink *self, const struct wr_settings *settings,
                      struct wr_fault *fault)
{
    return open_sink(self, settings, true, fault);
}

static void on_part_closed(void *user)
{
    struct state *s = user;
    if (--s->parts > 0) {
        return;
    }
    struct wr_sink *sink = s->sink;
    void (*done)(struct wr_sink *) = s->done;
    sink->state = NULL;
    wr_arena_release(&s->scratch);
    free(s);
    done(sink);
}

static void close_sink(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct state *s = self->state;
    s->done = done;
    s->parts = s->keys ? 2 : 1;
    if (s->keys) {
        wr_dynamodb_keys_close(s->keys, on_part_closed, s); // the batch ends later, from the loop
    }
    wr_batch_close(s->batch, on_part_closed, s);
}

const struct wr_sink_impl wr_sink_dynamodb_aws = {
    WR_DYNAMODB_ACTION,
    .form = "PutItem, UpdateItem, DeleteItem, and BatchWriteItem for what waits together.",
    .settings = settings_table,
    .open = open_v1,
    .submit = submit,
    .close = close_sink,
};

const struct wr_sink_impl wr_sink_dynamodb_v2_aws = {
    WR_DYNAMODB_V2_ACTION,
    .form = "PutItem, and BatchWriteItem for what waits together in tables whose key is known.",
    .settings = v2_settings_table,
    .open = open_v2,
    .submit = submit,
    .close = close_sink,
};
