// The flow as `weir run` has it, between a source that is a table and sinks that do nothing.
#include "engine/cli/bench.h"

#include <stdlib.h>

#include "engine/rules/objects.h"
#include "engine/rules/zones.h"

#include "sql/base/banned.h"

#define BATCH        64 // as a native source hands messages over
#define PAYLOAD_MAX  (256u << 20)
#define MEMORY_BYTES (64u << 20) // default of message_memory
#define POOL_KEEP    256
#define KINDS_MAX    64

// ---- sinks

static wr_err null_open(struct wr_sink *self, const struct wr_settings *settings,
                        struct wr_fault *fault)
{
    return WR_OK;
}

static void null_submit(struct wr_sink *self, struct wr_record *rec)
{
    wr_record_settle(rec, WR_DELIVERED, NULL);
}

static struct wr_bench_engine *counting; // the host of a sink is the flow's: one engine at a time

static void count_submit(struct wr_sink *self, struct wr_record *rec)
{
    counting->records++;
    counting->record_bytes += rec->body.len;
    wr_record_settle(rec, WR_DELIVERED, NULL);
}

static void null_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    done(self);
}

static struct wr_sink_impl impls[KINDS_MAX];
static const struct wr_sink_impl *kinds[KINDS_MAX + 1];

const struct wr_sink_impl *const *wr_bench_kinds(void)
{
    for (size_t i = 0; !kinds[i] && wr_sink_shapes[i]; i++) {
        wr_assert(i < KINDS_MAX);
        impls[i] = *wr_sink_shapes[i];
        impls[i].settings = NULL;
        impls[i].open = null_open;
        impls[i].submit = null_submit;
        impls[i].close = null_close;
        kinds[i] = &impls[i];
    }
    return kinds;
}

// ---- the source

static void on_acknowledge(struct wr_source *self, struct wr_message *m)
{
}

static void on_settled(struct wr_source *self, struct wr_message *m)
{
    WR_CONTAINER(self, struct wr_bench_engine, source)->settled++;
}

static const struct wr_source_impl table_source = {
    .name = "table", .acknowledge = on_acknowledge, .settled = on_settled};

static wr_err require_sinks(struct wr_bench_engine *e, struct wr_fault *fault)
{
    for (size_t k = 0; kinds[k]; k++) {
        wr_err err = wr_sinks_require(e->sinks, k, fault);
        if (err) {
            return err;
        }
    }
    return WR_OK;
}

// As many messages as a batch has, so that the engine's own memory is there.
static void fill_pool(struct wr_bench_engine *e)
{
    struct wr_message *messages[BATCH];
    for (size_t i = 0; i < BATCH; i++) {
        messages[i] = wr_message_new(e->pool);
    }
    for (size_t i = 0; i < BATCH; i++) {
        wr_message_unlock(messages[i]);
    }
}

wr_err wr_bench_engine_open(struct wr_bench_engine *e, struct wr_bench_set *set, bool count,
                            uint32_t sample_every, size_t workers, struct wr_fault *fault)
{
    size_t before = wr_bench_heap();
    *e = (struct wr_bench_engine){.set = set};
    uv_loop_init(&e->loop);
    for (size_t k = 0; kinds[k]; k++) {
        impls[k].submit = count ? count_submit : null_submit;
    }
    counting = e;
    e->pool = wr_message_pool_new(MEMORY_BYTES, POOL_KEEP + workers * WR_FLOW_WORKER_MESSAGES);
    const struct wr_sinks_options sinks = {.loop = &e->loop, .kinds = kinds, .state_dir = "."};
    e->sinks = wr_sinks_new(&sinks);
    e->source = (struct wr_source){.impl = &table_source, .pool = e->pool};
    const struct wr_sql_host sql = {.account_id = WR_STR("123456789012"), .zone = wr_zones_find};
    const struct wr_flow_options options = {
        .loop = &e->loop,
        .metrics = set->metrics,
        .sinks = e->sinks,
        .sql = &sql,
        .payload_max = PAYLOAD_MAX,
        .retry = {.attempts = 1},
        .sample_every = sample_every,
        .workers = workers,
    };
    e->flow = wr_flow_new(&options);
    fill_pool(e);
    e->heap = wr_bench_heap() - before;
    wr_flow_set_rules(e->flow, set->rule_set);
    return require_sinks(e, fault);
}

static void on_freed(void *user)
{
}

static void on_sinks_closed(void *user)
{
    struct wr_bench_engine *e = user;
    wr_flow_free(e->flow, on_freed, NULL);
}

void wr_bench_engine_close(struct wr_bench_engine *e)
{
    wr_flow_stop(e->flow);
    wr_sinks_close(e->sinks, on_sinks_closed, e);
    uv_run(&e->loop, UV_RUN_DEFAULT);
    wr_sinks_free(e->sinks);
    wr_message_pool_free(e->pool);
    uv_loop_close(&e->loop);
}

void wr_bench_engine_feed(struct wr_bench_engine *e, uint64_t from, uint64_t count)
{
    const struct wr_bench_set *set = e->set;
    size_t at = (size_t)(from % set->count);
    while (count > 0) {
        size_t batch = count < BATCH ? (size_t)count : BATCH;
        struct wr_message *first = NULL, **end = &first;
        for (size_t i = 0; i < batch; i++) {
            struct wr_message *m = wr_message_new(e->pool);
            wr_copy_small(&m->sql, &set->messages[at], offsetof(struct wr_sql_message, arena));
            m->qos = 1;
            m->source = &e->source;
            *end = m;
            end = &m->next;
            at = at + 1 == set->count ? 0 : at + 1;
        }
        wr_flow_batch(e->flow, &e->source, first, batch);
        count -= batch;
    }
}
