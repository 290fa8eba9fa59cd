// Declared tables, and those that DynamoDB was asked about.
#include "sinks/dynamodb/keys.h"

#include <stdlib.h>

#include "sql/base/json.h"

#include "sql/base/banned.h"

#define SCRATCH_MAX (4u << 20) // a description, read

struct table {
    struct wr_aws_call call; // first
    struct wr_dynamodb_keys *all;
    char *name;
    struct wr_dynamodb_schema schema; // hash_type 0: not known
    char *names;                      // what the schema's names are parts of; NULL: the settings'
    bool asking;
    uint64_t again_ms; // of uv_now(): not asked before; UINT64_MAX: never again
    struct wr_buf body, role;
    struct wr_record *first, **last; // wait for the answer
    struct table *next;
};

struct wr_dynamodb_keys {
    struct wr_sink *sink;
    struct wr_aws *aws;
    const struct wr_aws_form_kind *kind;
    struct table *tables;
    size_t count, asking;
    bool describe, closing;
    struct wr_arena scratch;
    void (*go_on)(void *user, struct wr_record *rec);
    void *user;
    void (*closed)(void *user);
    void *closed_user;
};

static struct table *add_table(struct wr_dynamodb_keys *k, wr_str name)
{
    struct table *t = wr_zalloc(sizeof *t);
    t->all = k;
    t->name = wr_strdup(name);
    t->last = &t->first;
    t->next = k->tables;
    k->tables = t;
    k->count++;
    return t;
}

static void release(struct wr_dynamodb_keys *k)
{
    while (k->tables) {
        struct table *t = k->tables;
        k->tables = t->next;
        wr_buf_release(&t->body);
        wr_buf_release(&t->role);
        free(t->names);
        free(t->name);
        free(t);
    }
    wr_arena_release(&k->scratch);
    free(k);
}

wr_err wr_dynamodb_keys_open(struct wr_sink *sink, struct wr_aws *aws,
                             const struct wr_aws_form_kind *kind,
                             const struct wr_settings *settings, bool describe,
                             void (*go_on)(void *user, struct wr_record *rec), void *user,
                             struct wr_dynamodb_keys **out, struct wr_fault *fault)
{
    struct wr_dynamodb_keys *k = wr_zalloc(sizeof *k);
    *k = (struct wr_dynamodb_keys){
        .sink = sink, .aws = aws, .kind = kind, .describe = describe, .go_on = go_on, .user = user};
    wr_arena_init(&k->scratch, SCRATCH_MAX);
    wr_err err = WR_OK;
    size_t count = wr_settings_count(settings, "tables");
    for (size_t i = 0; !err && i < count; i++) {
        wr_str name;
        struct wr_dynamodb_schema schema;
        err = wr_dynamodb_declared(settings, i, &name, &schema, fault);
        if (!err) {
            struct table *t = add_table(k, name);
            t->schema = schema;
            t->again_ms = UINT64_MAX;
        }
    }
    k->count = 0; // declared ones do not count
    if (err) {
        release(k);
        return err;
    }
    *out = k;
    return WR_OK;
}

// ---- DescribeTable

static wr_value member(const wr_value *object, const char *name, struct wr_arena *arena)
{
    const wr_value *found =
        object->type == WR_OBJECT ? wr_object_get(object, wr_str_of(name)) : NULL;
    wr_value v = found ? *found : wr_undefined();
    wr_value_force(&v, arena, WR_SQL_2016);
    return v;
}

static wr_str text_of(const wr_value *object, const char *name, struct wr_arena *arena)
{
    wr_value v = member(object, name, arena);
    return v.type == WR_STRING ? wr_value_text(&v) : (wr_str){NULL, 0};
}

static char type_of(const wr_value *definitions, wr_str name, struct wr_arena *arena)
{
    for (uint32_t i = 0; definitions->type == WR_ARRAY && i < definitions->len; i++) {
        wr_value d = definitions->as.items[i];
        wr_value_force(&d, arena, WR_SQL_2016);
        wr_str type = text_of(&d, "AttributeType", arena);
        if (type.len > 0 && wr_str_eq(text_of(&d, "AttributeName", arena), name)) {
            return type.at[0];
        }
    }
    return 0;
}

// {"Table":{"KeySchema":[{"AttributeName":…,"KeyType":"HASH"}],"AttributeDefinitions":[…]}}
static void read_description(struct table *t, wr_str body)
{
    struct wr_arena *arena = &t->all->scratch;
    struct wr_dynamodb_schema s = {0};
    wr_value answer = wr_undefined();
    if (wr_json_parse(body, arena, WR_SQL_2016, &answer, NULL)) {
        answer = wr_undefined(); // as if there were no table in it
    }
    wr_value table = member(&answer, "Table", arena);
    wr_value keys = member(&table, "KeySchema", arena);
    wr_value definitions = member(&table, "AttributeDefinitions", arena);
    for (uint32_t i = 0; keys.type == WR_ARRAY && i < keys.len; i++) {
        wr_value key = keys.as.items[i];
        wr_value_force(&key, arena, WR_SQL_2016);
        wr_str name = text_of(&key, "AttributeName", arena);
        bool hash = wr_str_eq(text_of(&key, "KeyType", arena), WR_STR("HASH"));
        *(hash ? &s.hash_name : &s.range_name) = name;
        *(hash ? &s.hash_type : &s.range_type) = type_of(&definitions, name, arena);
    }
    if (s.hash_type && (s.range_type || s.range_name.len == 0)) {
        struct wr_buf names = {0};
        wr_buf_add(&names, s.hash_name);
        wr_buf_add(&names, s.range_name);
        free(t->names);
        t->names = wr_strdup(wr_buf_str(&names));
        wr_buf_release(&names);
        s.range_name = (wr_str){t->names + s.hash_name.len, s.range_name.len};
        s.hash_name = (wr_str){t->names, s.hash_name.len};
        t->schema = s;
        t->again_ms = UINT64_MAX;
    }
    wr_arena_reset(arena);
}

static void end_if_idle(struct wr_dynamodb_keys *k)
{
    if (k->closing && k->asking == 0) {
        void (*closed)(void *user) = k->closed;
        void *user = k->closed_user;
        release(k);
        closed(user);
    }
}

static void on_answer(struct wr_aws_call *call, const struct wr_aws_answer *answer)
{
    struct table *t = (struct table *)call;
    struct wr_dynamodb_keys *k = t->all;
    t->asking = false;
    t->again_ms = uv_now(k->sink->host->loop) + WR_DYNAMODB_KEYS_AGAIN_MS;
    if (answer->class == WR_AWS_OK) {
        read_description(t, answer->body);
    }
    while (t->first) {
        struct wr_record *rec = t->first;
        t->first = rec->sink_next;
        k->go_on(k->user, rec);
    }
    t->last = &t->first;
    k->asking--; // not before: what goes on may close
    end_if_idle(k);
}

static void ask(struct table *t, const struct wr_record *rec)
{
    struct wr_dynamodb_keys *k = t->all;
    t->asking = true;
    k->asking++;
    wr_aws_form_call(k->sink, k->kind, rec, &t->call);
    wr_buf_clear(&t->body);
    wr_buf_add(&t->body, WR_STR("{\"TableName\":"));
    wr_json_write_string(&t->body, wr_str_of(t->name));
    wr_buf_add_char(&t->body, '}');
    wr_buf_clear(&t->role); // the record may be gone before the answer
    wr_buf_add(&t->role, t->call.role_arn);
    t->call.role_arn = wr_buf_str(&t->role);
    t->call.target = WR_STR("DynamoDB_20120810.DescribeTable");
    t->call.content_type = WR_STR("application/x-amz-json-1.0");
    t->call.body = wr_buf_str(&t->body);
    t->call.done = on_answer;
    wr_aws_send(k->aws, &t->call);
}

bool wr_dynamodb_keys_find(struct wr_dynamodb_keys *k, wr_str table, struct wr_record *rec,
                           const struct wr_dynamodb_schema **schema)
{
    struct table *t = k->tables;
    while (t && !wr_str_eq(wr_str_of(t->name), table)) {
        t = t->next;
    }
    if (!t && k->describe && k->count < WR_DYNAMODB_KEYS_MAX) {
        t = add_table(k, table);
    }
    *schema = t && t->schema.hash_type ? &t->schema : NULL;
    if (!t || *schema || k->closing) {
        return false;
    }
    if (!t->asking && uv_now(k->sink->host->loop) >= t->again_ms) {
        ask(t, rec);
    }
    if (!t->asking) {
        return false;
    }
    rec->sink_next = NULL;
    *t->last = rec;
    t->last = &rec->sink_next;
    return true;
}

void wr_dynamodb_keys_close(struct wr_dynamodb_keys *k, void (*closed)(void *user), void *user)
{
    k->closing = true;
    k->closed = closed;
    k->closed_user = user;
    for (struct table *t = k->tables; t; t = t->next) {
        if (t->asking) {
            wr_aws_cancel(k->aws, &t->call);
        }
    }
    end_if_idle(k);
}
