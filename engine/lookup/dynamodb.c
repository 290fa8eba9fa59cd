// get_dynamodb() on the local tables. One connection, so one work item at a time on uv's thread
// pool; it takes all that waits.
#include "engine/lookup/pending.h"

#include <stdlib.h>

#include "sinks/lib/local_dynamodb.h"
#include "sql/base/num.h"

#include "sql/base/banned.h"

struct get {
    struct wr_pending p; // first
    struct get *next;
    struct wr_buf texts; // what the keys below and `table` are parts of
    wr_str table;
    struct wr_local_dynamodb_key keys[2];
    size_t key_count;
    // The answer, from the worker.
    struct wr_buf item;
    bool found;
    wr_err err;
    struct wr_fault fault;
};

struct wr_item_reads {
    uv_loop_t *loop;
    uv_work_t work;
    struct wr_local_dynamodb *reader; // the worker's while `running`
    struct get *first, *last;         // wait
    struct get *running;
};

struct wr_item_reads *wr_item_reads_new(uv_loop_t *loop, const char *state_dir)
{
    struct wr_item_reads *g = wr_zalloc(sizeof *g);
    g->loop = loop;
    g->work.data = g;
    g->reader = wr_local_dynamodb_new(state_dir);
    return g;
}

void wr_item_reads_free(struct wr_item_reads *g)
{
    wr_assert(!g->running && !g->first);
    wr_local_dynamodb_free(g->reader);
    free(g);
}

static void work(uv_work_t *item)
{
    struct wr_item_reads *g = item->data;
    for (struct get *at = g->running; at; at = at->next) {
        at->err = wr_local_dynamodb_get(g->reader, at->table, &at->keys[0],
                                        at->key_count == 2 ? &at->keys[1] : NULL,
                                        WR_LOOKUP_ITEM_MAX, &at->item, &at->found, &at->fault);
    }
}

static void get_free(struct get *get)
{
    wr_buf_release(&get->texts);
    wr_buf_release(&get->item);
    wr_pending_free(&get->p);
}

static void finish(struct get *get)
{
    struct wr_lookup *l = get->p.lookup;
    if (l && get->err) {
        wr_lookup_fail(l, "%s", get->fault.text);
    } else if (l && get->found) {
        wr_lookup_json(l, wr_buf_str(&get->item));
        if (!l->failed) {
            wr_value item = l->result;
            wr_lookup_item(l, &item);
        }
    }
    wr_pending_answer(&get->p);
    get_free(get);
}

static void after_work(uv_work_t *item, int status);

static void run(struct wr_item_reads *g)
{
    if (g->first && !g->running) {
        g->running = g->first;
        g->first = g->last = NULL;
        wr_assert(uv_queue_work(g->loop, &g->work, work, after_work) == 0);
    }
}

static void after_work(uv_work_t *item, int status)
{
    struct wr_item_reads *g = item->data;
    // Answering may begin further ones, or be the last thing that keeps `g`.
    struct get *done = g->running;
    g->running = NULL;
    run(g);
    for (struct get *next; done; done = next) {
        next = done->next;
        finish(done);
    }
}

// The value of a key, as text; false when the look-up has failed.
static bool add_value(struct wr_lookup *l, size_t i, struct wr_buf *texts, char *type)
{
    wr_value v = l->args[i];
    if (v.type == WR_STRING) {
        *type = 'S';
        wr_buf_add(texts, wr_value_text(&v));
        return true;
    }
    if (v.type == WR_NUMBER) {
        *type = 'N';
        wr_num_write(texts, &v, WR_SQL_2016);
        return true;
    }
    wr_lookup_fail(l, "the value of key %.*s is of type %s, expected String or a number",
                   WR_STR_ARG(wr_lookup_text(l, i - 1)), wr_value_type_name(&v));
    return false;
}

void wr_lookup_begin_dynamodb(struct wr_lookups *all, struct wr_lookup *l)
{
    // Offsets first: the buffer moves while it grows.
    size_t ends[5], count = wr_lookup_has_sort_key(l) ? 2 : 1;
    char types[2] = {0};
    struct wr_buf texts = {0};
    wr_buf_add(&texts, wr_lookup_text(l, 0));
    ends[0] = texts.len;
    for (size_t i = 0; i < count; i++) {
        wr_buf_add(&texts, wr_lookup_text(l, 1 + 2 * i));
        ends[1 + 2 * i] = texts.len;
        if (!add_value(l, 2 + 2 * i, &texts, &types[i])) {
            wr_buf_release(&texts);
            return;
        }
        ends[2 + 2 * i] = texts.len;
    }
    struct wr_item_reads *g = all->items;
    struct get *get = wr_pending_new(all, l, sizeof *get);
    get->texts = texts;
    get->key_count = count;
    wr_str whole = wr_buf_str(&get->texts);
    get->table = wr_str_cut(whole, 0, ends[0]);
    for (size_t i = 0; i < count; i++) {
        get->keys[i] = (struct wr_local_dynamodb_key){
            .name = wr_str_cut(whole, ends[2 * i], ends[1 + 2 * i]),
            .value = wr_str_cut(whole, ends[1 + 2 * i], ends[2 + 2 * i]),
            .type = types[i]};
    }
    *(g->last ? &g->last->next : &g->first) = get;
    g->last = get;
    run(g);
}
