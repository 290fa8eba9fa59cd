// decode(…, 'proto', …): gets the descriptor file from the host, keeps what was read of it for the
// thread, and decodes. Kept schemas are never dropped, since values point into them.
#include "sql/func/proto.h"

#include <pthread.h>
#include <stdlib.h>

#include "sql/base/banned.h"

#define SCHEMA_BYTES_MAX (8u << 20) // tables of the worst 32 KiB need about 2 MiB

struct kept {
    wr_str bytes; // in the arena: the descriptor file
    struct wr_arena arena;
    struct wr_proto_schema *schema;
};

struct thread {
    struct kept kept[WR_PROTO_SCHEMAS_MAX];
    size_t count;
};

static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
static _Thread_local struct thread *self;

static void thread_free(void *thread)
{
    struct thread *t = thread;
    for (size_t i = 0; i < t->count; i++) {
        wr_arena_release(&t->kept[i].arena);
    }
    free(t);
}

static void thread_key_make(void)
{
    wr_assert(pthread_key_create(&thread_key, thread_free) == 0);
}

static struct thread *thread(void)
{
    if (!self) {
        self = wr_zalloc(sizeof *self);
        pthread_once(&thread_once, thread_key_make);
        wr_assert(pthread_setspecific(thread_key, self) == 0);
    }
    return self;
}

void wr_proto_thread_release(void)
{
    if (self) {
        pthread_setspecific(thread_key, NULL);
        thread_free(self);
        self = NULL;
    }
}

// What was read of a descriptor file. When the thread keeps enough, in the message's arena.
static wr_err schema_of(struct wr_call *c, wr_str bytes, struct wr_proto_schema **out)
{
    struct thread *t = thread();
    for (size_t i = 0; i < t->count; i++) {
        if (wr_str_eq(t->kept[i].bytes, bytes)) {
            c->steps += bytes.len / 256;
            *out = t->kept[i].schema;
            return WR_OK;
        }
    }
    c->steps += 1000 + bytes.len * 4;
    if (t->count == WR_PROTO_SCHEMAS_MAX) {
        return wr_proto_schema_read(bytes, c->num.arena, out, &c->fault);
    }
    struct kept *k = &t->kept[t->count];
    wr_arena_init(&k->arena, SCHEMA_BYTES_MAX);
    k->bytes = wr_str_dup(&k->arena, bytes); // far below the arena's limit
    wr_err err = wr_proto_schema_read(bytes, &k->arena, &k->schema, &c->fault);
    if (err) {
        wr_arena_release(&k->arena);
        return err;
    }
    *out = k->schema;
    t->count++;
    return WR_OK;
}

static wr_value fail(struct wr_call *c)
{
    c->failed = true;
    wr_fault_prefix(&c->fault, "decode");
    return wr_undefined();
}

wr_value wr_proto_call(struct wr_call *c, wr_str bytes, const wr_str args[4])
{
    const struct wr_sql_host *host = c->eval ? c->eval->host : NULL;
    wr_str file;
    if (!host || !host->object) {
        wr_fault_set(&c->fault, WR_ERR_UNSUPPORTED, "there is no S3 here to read '%.*s' from",
                     WR_STR_ARG(args[1]));
        return fail(c);
    }
    if (!host->object(host->user, args[0], args[1], &file)) {
        wr_fault_set(&c->fault, WR_ERR_MISSING, "the bucket '%.*s' has no object '%.*s'",
                     WR_STR_ARG(args[0]), WR_STR_ARG(args[1]));
        return fail(c);
    }
    if (file.len > WR_SQL_OBJECT_MAX) {
        wr_fault_set(&c->fault, WR_ERR_LIMIT,
                     "the descriptor file '%.*s' has more than %d bytes, the limit",
                     WR_STR_ARG(args[1]), WR_SQL_OBJECT_MAX);
        return fail(c);
    }
    struct wr_proto_schema *s;
    const struct wr_proto_type *t;
    if (schema_of(c, file, &s) || wr_proto_schema_find(s, args[2], args[3], &t, &c->fault)) {
        return c->num.arena->over ? wr_undefined() : fail(c);
    }
    return wr_proto_decode(c, s, t, bytes);
}
