// What to read from a payload for several programs at once, and the reading.
//
//   plan ─ programs, their maps: path of the program ─► slot
//     └── reader: trie of paths, shapes learned; one for all plans of a pool that want the same
#include "sql/program.h"

#include <stdlib.h>

#include "sql/base/buf.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

struct wr_reader {
    struct wr_paths *paths;
    struct wr_shapes *shapes;
    uint32_t plans; // that use it
    uint64_t hash;
    wr_str key; // its paths, sorted, each once: behind the struct, in its memory
    struct wr_reader *next;
    struct wr_readers *pool;
};

struct wr_readers {
    struct wr_reader **buckets; // a power of two
    size_t bucket_count, count;
};

// ---- readers

#define BUCKETS_FIRST   64
#define CONSTANTS_USUAL 128 // bytes of them, with short texts

struct wr_readers *wr_readers_new(void)
{
    struct wr_readers *pool = wr_zalloc(sizeof *pool);
    pool->bucket_count = BUCKETS_FIRST;
    pool->buckets = wr_zalloc(pool->bucket_count * sizeof(struct wr_reader *));
    return pool;
}

void wr_readers_free(struct wr_readers *pool)
{
    if (pool) {
        wr_assert(pool->count == 0);
        free(pool->buckets);
        free(pool);
    }
}

size_t wr_readers_count(const struct wr_readers *pool)
{
    return pool->count;
}

static void grow(struct wr_readers *pool)
{
    size_t count = pool->bucket_count * 4;
    struct wr_reader **buckets = wr_zalloc(count * sizeof(struct wr_reader *));
    for (size_t i = 0; i < pool->bucket_count; i++) {
        while (pool->buckets[i]) {
            struct wr_reader *r = pool->buckets[i];
            pool->buckets[i] = r->next;
            r->next = buckets[r->hash & (count - 1)];
            buckets[r->hash & (count - 1)] = r;
        }
    }
    free(pool->buckets);
    pool->buckets = buckets;
    pool->bucket_count = count;
}

static struct wr_reader *reader_new(const struct wr_path *paths, size_t count, wr_str key)
{
    uint32_t *slots = wr_alloc((count + 1) * sizeof *slots);
    struct wr_reader *r = wr_zalloc(sizeof *r + key.len);
    if (key.len) {
        memcpy(r + 1, key.at, key.len);
    }
    r->key = (wr_str){(const char *)(r + 1), key.len};
    r->paths = wr_paths_new(paths, count, slots);
    r->shapes = wr_shapes_new(r->paths);
    free(slots);
    return r;
}

static int path_order(const void *a, const void *b)
{
    const struct wr_path *x = a, *y = b;
    for (size_t i = 0; i < x->len && i < y->len; i++) {
        int order = wr_str_cmp(x->keys[i], y->keys[i]);
        if (order) {
            return order;
        }
    }
    return (x->len > y->len) - (x->len < y->len);
}

// The sorted paths as bytes, each once: equal for equal sets of paths.
static void spell(const struct wr_path *paths, size_t count, struct wr_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i && path_order(&paths[i - 1], &paths[i]) == 0) {
            continue;
        }
        wr_buf_add(out, (wr_str){(const char *)&paths[i].len, sizeof paths[i].len});
        for (size_t k = 0; k < paths[i].len; k++) {
            const wr_str *name = &paths[i].keys[k];
            wr_buf_add(out, (wr_str){(const char *)&name->len, sizeof name->len});
            wr_buf_add(out, *name);
        }
    }
}

// The reader of the paths, which are sorted: found, or made.
static struct wr_reader *reader_take(struct wr_readers *pool, const struct wr_path *paths,
                                     size_t count)
{
    struct wr_buf key = {0};
    spell(paths, count, &key);
    uint64_t hash = wr_hash_str(wr_buf_str(&key));
    struct wr_reader *r = pool ? pool->buckets[hash & (pool->bucket_count - 1)] : NULL;
    while (r && !(r->hash == hash && wr_str_eq(r->key, wr_buf_str(&key)))) {
        r = r->next;
    }
    if (!r) {
        r = reader_new(paths, count, wr_buf_str(&key));
        r->hash = hash;
        r->pool = pool;
        if (pool) {
            if (pool->count >= pool->bucket_count) {
                grow(pool);
            }
            struct wr_reader **bucket = &pool->buckets[hash & (pool->bucket_count - 1)];
            r->next = *bucket;
            *bucket = r;
            pool->count++;
        }
    }
    r->plans++;
    wr_buf_release(&key);
    return r;
}

static void reader_drop(struct wr_reader *r)
{
    if (--r->plans > 0) {
        return;
    }
    if (r->pool) {
        struct wr_reader **at = &r->pool->buckets[r->hash & (r->pool->bucket_count - 1)];
        while (*at != r) {
            at = &(*at)->next;
        }
        *at = r->next;
        r->pool->count--;
    }
    wr_shapes_free(r->shapes);
    wr_paths_free(r->paths);
    free(r);
}

// ---- plans

// Programs of a pool (slim.c) often have their paths in common.
static bool same_paths(const struct wr_program *const *programs, size_t i)
{
    return i > 0 && programs[i]->paths.at == programs[i - 1]->paths.at &&
           programs[i]->paths.len == programs[i - 1]->paths.len;
}

// All paths of all programs, sorted, each once; free() it.
static struct wr_path *all_paths(const struct wr_program *const *programs, size_t count,
                                 size_t *total)
{
    *total = 0;
    for (size_t i = 0; i < count; i++) {
        *total += same_paths(programs, i) ? 0 : programs[i]->paths.len;
    }
    struct wr_path *paths = wr_alloc((*total + 1) * sizeof *paths);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < programs[i]->paths.len && !same_paths(programs, i); k++) {
            paths[n++] = programs[i]->paths.at[k];
        }
    }
    if (n) {
        qsort(paths, n, sizeof *paths, path_order);
    }
    size_t distinct = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || path_order(&paths[distinct - 1], &paths[i]) != 0) {
            paths[distinct++] = paths[i];
        }
    }
    *total = distinct;
    return paths;
}

// Whether what instruction `i` loads is looked into as an Array.
static bool looked_into(const struct wr_program *p, uint32_t i)
{
    for (uint32_t k = i + 1; k < p->code.len && k <= i + 2; k++) {
        const struct wr_ins *ins = &p->code.at[k];
        if ((ins->op == WR_OPC_ROWS || ins->op == WR_OPC_INDEX) && ins->b == p->code.at[i].a) {
            return true;
        }
    }
    return false;
}

static void want_trees(const struct wr_plan *plan, const struct wr_program *p)
{
    for (uint32_t i = 0; i < p->code.len; i++) {
        if (p->code.at[i].op == WR_OPC_LOAD_PATH && looked_into(p, i)) {
            uint32_t slot = wr_paths_slot(plan->reader->paths, &p->paths.at[p->code.at[i].b]);
            wr_shapes_want_tree(plan->reader->shapes, slot);
        }
    }
}

// Whether program `i` has the map of the one before.
static bool same_map(const struct wr_program *const *programs, size_t i)
{
    return same_paths(programs, i) && programs[i]->dialect == programs[i - 1]->dialect;
}

static uint32_t *map_new(struct wr_plan *plan, const struct wr_program *p)
{
    uint32_t *map = wr_alloc((p->paths.len + 1) * sizeof *map);
    bool second = plan->mixed && p->dialect == WR_SQL_2015;
    for (uint32_t k = 0; k < p->paths.len; k++) {
        uint32_t slot = wr_paths_slot(plan->reader->paths, &p->paths.at[k]);
        if (p->paths.at[k].len == 0) {
            plan->root_slot = (int)slot;
        }
        map[k] = (uint32_t)(slot + (second ? plan->path_count : 0));
    }
    return map;
}

struct wr_plan *wr_plan_new_in(struct wr_readers *pool, const struct wr_program *const *programs,
                               size_t count)
{
    // In one piece: a message meets all of it.
    struct wr_plan *plan =
        wr_zalloc(sizeof *plan + count * (sizeof *plan->programs + sizeof *plan->maps));
    bool seen[2] = {false, false};
    for (size_t i = 0; i < count; i++) {
        wr_assert(programs[i]->sealed);
        seen[programs[i]->dialect] = true;
    }
    size_t total;
    struct wr_path *paths = all_paths(programs, count, &total);
    plan->reader = reader_take(pool, paths, total);
    free(paths);
    plan->path_count = wr_paths_count(plan->reader->paths);
    plan->mixed = seen[WR_SQL_2015] && seen[WR_SQL_2016];
    plan->slot_count = plan->path_count * (plan->mixed ? 2 : 1);
    plan->root_slot = -1;
    plan->program_count = count;
    plan->programs = (void *)(plan + 1);
    plan->maps = (void *)(plan->programs + count);
    for (size_t i = 0; i < count; i++) {
        plan->programs[i] = programs[i];
        plan->maps[i] = same_map(programs, i) ? plan->maps[i - 1] : map_new(plan, programs[i]);
        want_trees(plan, programs[i]);
    }
    return plan;
}

struct wr_plan *wr_plan_new(const struct wr_program *const *programs, size_t count)
{
    return wr_plan_new_in(NULL, programs, count);
}

void wr_plan_free(struct wr_plan *plan)
{
    if (!plan) {
        return;
    }
    for (size_t i = 0; i < plan->program_count; i++) {
        if (i == 0 || plan->maps[i] != plan->maps[i - 1]) {
            free(plan->maps[i]);
        }
    }
    reader_drop(plan->reader);
    free(plan);
}

void wr_plan_fetch(const struct wr_plan *plan, size_t index, unsigned step)
{
    switch (step) {
    case 0:
        if (index == 0) { // nothing of it may be there yet
            wr_fetch(plan, sizeof *plan + sizeof *plan->programs + sizeof *plan->maps);
        } else {
            wr_fetch(&plan->programs[index], sizeof *plan->programs);
            wr_fetch(&plan->maps[index], sizeof *plan->maps);
        }
        return;
    case 1:
        wr_fetch(plan->programs[index], offsetof(struct wr_program, part));
        wr_fetch((const char *)plan->programs[index] + WR_PROGRAM_SLIM, CONSTANTS_USUAL);
        wr_fetch(plan->maps[index], WR_LINE);
        return;
    }
}

wr_err wr_sql_message_read(struct wr_sql_message *m, const struct wr_plan *plan,
                           struct wr_arena *arena)
{
    m->plan = plan;
    m->arena = arena;
    bool trees = wr_shapes_wants_trees(plan->reader->shapes);
    size_t count = plan->slot_count + (trees ? plan->path_count : 0);
    m->slots = wr_arena_alloc(arena, (count + 1) * sizeof *m->slots);
    if (!m->slots) {
        return WR_ERR_LIMIT;
    }
    m->trees = trees ? m->slots + plan->slot_count + 1 : NULL;
    const struct wr_shapes_trees made = {arena, m->trees};
    m->json = wr_shapes_read(plan->reader->shapes, m->payload, m->padded ? 32 : 0, m->slots,
                             trees ? &made : NULL, &m->malformed_at) == WR_JSON_VALID;
    if (!m->json) {
        memset(m->slots, 0, plan->path_count * sizeof *m->slots);
        if (plan->root_slot >= 0) {
            m->slots[plan->root_slot] = wr_raw(m->payload);
        }
    }
    if (plan->mixed) {
        memcpy(m->slots + plan->path_count, m->slots, plan->path_count * sizeof *m->slots);
    }
    return WR_OK;
}
