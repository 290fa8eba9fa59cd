// Programs as they are kept for running: without syntax tree, places and warnings, in one block
// that fits. Instructions, guards and paths are shared with programs that have the same ones.
//
//   program ─ block: statement, constants, templates
//       └──── part of the pool: key │ paths │ their names
//                               └ instructions, guards, the paths once more as bytes to compare
#include "sql/program.h"

#include <stdlib.h>

#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define BUCKETS_FIRST 64
#define NEAR_TEXT     16 // bytes of a constant that is copied, not looked up in the statement

struct wr_program_part {
    struct wr_program_part *next;
    struct wr_program_pool *pool;
    uint64_t hash;
    size_t refs;
    size_t key_len;
    struct wr_path *paths; // behind the key
    _Alignas(8) char key[];
};

struct wr_program_pool {
    struct wr_program_part **buckets; // a power of two
    size_t bucket_count, count;
    bool closed; // freed with its last part
};

// ---- the pool

struct wr_program_pool *wr_program_pool_new(void)
{
    struct wr_program_pool *pool = wr_zalloc(sizeof *pool);
    pool->bucket_count = BUCKETS_FIRST;
    pool->buckets = wr_zalloc(pool->bucket_count * sizeof(struct wr_program_part *));
    return pool;
}

static void pool_free(struct wr_program_pool *pool)
{
    free(pool->buckets);
    free(pool);
}

void wr_program_pool_free(struct wr_program_pool *pool)
{
    if (pool) {
        pool->closed = true;
        if (pool->count == 0) {
            pool_free(pool);
        }
    }
}

size_t wr_program_pool_count(const struct wr_program_pool *pool)
{
    return pool->count;
}

static void grow(struct wr_program_pool *pool)
{
    size_t count = pool->bucket_count * 4;
    struct wr_program_part **buckets = wr_zalloc(count * sizeof(struct wr_program_part *));
    for (size_t i = 0; i < pool->bucket_count; i++) {
        while (pool->buckets[i]) {
            struct wr_program_part *part = pool->buckets[i];
            pool->buckets[i] = part->next;
            part->next = buckets[part->hash & (count - 1)];
            buckets[part->hash & (count - 1)] = part;
        }
    }
    free(pool->buckets);
    pool->buckets = buckets;
    pool->bucket_count = count;
}

static void add_bytes(struct wr_buf *b, const void *at, size_t len)
{
    if (len) {
        wr_buf_add(b, (wr_str){at, len});
    }
}

// Equal for programs that can share a part, and starts with the instructions.
static void spell(const struct wr_program *p, struct wr_buf *key)
{
    add_bytes(key, p->code.at, p->code.len * sizeof *p->code.at);
    add_bytes(key, p->guards.at, p->guards.len * sizeof *p->guards.at);
    for (uint32_t i = 0; i < p->paths.len; i++) {
        const struct wr_path *path = &p->paths.at[i];
        add_bytes(key, &path->len, sizeof path->len);
        for (size_t k = 0; k < path->len; k++) {
            add_bytes(key, &path->keys[k].len, sizeof path->keys[k].len);
            wr_buf_add(key, path->keys[k]);
        }
    }
    const uint32_t counts[] = {p->code.len, p->guards.len, p->paths.len};
    add_bytes(key, counts, sizeof counts);
}

static struct wr_program_part *part_new(const struct wr_program *p, wr_str key)
{
    size_t names = 0, bytes = 0;
    for (uint32_t i = 0; i < p->paths.len; i++) {
        names += p->paths.at[i].len;
        for (size_t k = 0; k < p->paths.at[i].len; k++) {
            bytes += p->paths.at[i].keys[k].len;
        }
    }
    size_t key_room = (key.len + 15) & ~(size_t)15;
    size_t path_room = p->paths.len * sizeof(struct wr_path);
    struct wr_program_part *part =
        wr_zalloc(sizeof *part + key_room + path_room + names * sizeof(wr_str) + bytes);
    memcpy(part->key, key.at, key.len);
    part->key_len = key.len;
    part->paths = (void *)(part->key + key_room);
    wr_str *name = (void *)(part->key + key_room + path_room);
    char *text = (char *)(name + names);
    for (uint32_t i = 0; i < p->paths.len; i++) {
        const struct wr_path *path = &p->paths.at[i];
        part->paths[i] = (struct wr_path){name, path->len};
        for (size_t k = 0; k < path->len; k++) {
            size_t len = path->keys[k].len;
            *name++ = (wr_str){text, len};
            if (len) {
                memcpy(text, path->keys[k].at, len);
            }
            text += len;
        }
    }
    return part;
}

static struct wr_program_part *part_take(struct wr_program_pool *pool, const struct wr_program *p)
{
    struct wr_buf key = {0};
    spell(p, &key);
    uint64_t hash = wr_hash_str(wr_buf_str(&key));
    struct wr_program_part *part = pool->buckets[hash & (pool->bucket_count - 1)];
    while (part && !(part->hash == hash &&
                     wr_str_eq((wr_str){part->key, part->key_len}, wr_buf_str(&key)))) {
        part = part->next;
    }
    if (!part) {
        part = part_new(p, wr_buf_str(&key));
        part->hash = hash;
        part->pool = pool;
        if (pool->count >= pool->bucket_count) {
            grow(pool);
        }
        struct wr_program_part **bucket = &pool->buckets[hash & (pool->bucket_count - 1)];
        part->next = *bucket;
        *bucket = part;
        pool->count++;
    }
    part->refs++;
    wr_buf_release(&key);
    return part;
}

void wr_program_part_drop(struct wr_program_part *part)
{
    if (--part->refs > 0) {
        return;
    }
    struct wr_program_pool *pool = part->pool;
    struct wr_program_part **at = &pool->buckets[part->hash & (pool->bucket_count - 1)];
    while (*at != part) {
        at = &(*at)->next;
    }
    *at = part->next;
    free(part);
    if (--pool->count == 0 && pool->closed) {
        pool_free(pool);
    }
}

// ---- the block

// Copies into a block; with `at` NULL it counts what that takes.
struct packer {
    char *at;
    size_t used;
    wr_str from, to; // the statement: what lies in `from` is at the same place in `to`
};

static void *pack(struct packer *k, const void *from, size_t size)
{
    k->used = (k->used + 15) & ~(size_t)15;
    void *to = k->at ? k->at + k->used : NULL;
    k->used += size;
    if (to && size) {
        memcpy(to, from, size);
    }
    return to;
}

static const char *pack_text(struct packer *k, const char *text, size_t len)
{
    if (text >= k->from.at && text + len <= k->from.at + k->from.len) {
        return k->to.at + (text - k->from.at);
    }
    char *to = k->at ? k->at + k->used : NULL;
    k->used += len;
    if (to && len) {
        memcpy(to, text, len);
    }
    return to;
}

static void pack_value(struct packer *k, wr_value *v);

static void pack_members(struct packer *k, wr_value *v)
{
    struct wr_member *members = pack(k, v->as.members, v->len * sizeof *members);
    for (uint32_t i = 0; i < v->len; i++) {
        struct wr_member m = v->as.members[i];
        m.key.at = pack_text(k, m.key.at, m.key.len);
        pack_value(k, &m.value);
        if (members) {
            members[i] = m;
        }
    }
    v->as.members = members;
}

// Constants are not lazy. No deeper than statements are.
static void pack_value(struct packer *k, wr_value *v)
{
    wr_assert(!wr_value_is_lazy(v));
    if (v->type == WR_NUMBER && (v->flags & WR_V_BIG)) {
        v->as.big = pack(k, v->as.big, sizeof *v->as.big);
    } else if (v->type == WR_STRING && v->len <= NEAR_TEXT) { // compared, mostly: kept near by
        char *to = k->at ? k->at + k->used : NULL;
        k->used += v->len;
        if (to && v->len) {
            memcpy(to, v->as.text, v->len);
        }
        v->as.text = to;
    } else if (v->type == WR_STRING || v->type == WR_RAW) {
        v->as.text = pack_text(k, v->as.text, v->len);
    } else if (v->type == WR_ARRAY) {
        wr_value *items = pack(k, v->as.items, v->len * sizeof *items);
        for (uint32_t i = 0; i < v->len; i++) {
            wr_value item = v->as.items[i];
            pack_value(k, &item);
            if (items) {
                items[i] = item;
            }
        }
        v->as.items = items;
    } else if (v->type == WR_OBJECT) {
        pack_members(k, v);
    }
}

// What `p` has of its own, as `out` has it in the block.
static void pack_program(struct packer *k, const struct wr_program *p, struct wr_program *out)
{
    out->consts.at = pack(k, p->consts.at, p->consts.len * sizeof *p->consts.at);
    for (uint32_t i = 0; i < p->consts.len; i++) {
        wr_value v = p->consts.at[i];
        pack_value(k, &v);
        if (out->consts.at) {
            out->consts.at[i] = v;
        }
    }
    out->templates.at = pack(k, p->templates.at, p->templates.len * sizeof *p->templates.at);
    for (uint32_t i = 0; i < p->templates.len; i++) {
        wr_str text = p->templates.at[i].text;
        text.at = pack_text(k, text.at, text.len);
        if (out->templates.at) {
            out->templates.at[i].text = text;
        }
    }
    if (out->statement.filter.at) {
        out->statement.filter.at = pack_text(k, p->statement.filter.at, p->statement.filter.len);
    }
    wr_str known[] = {WR_STR("2015-10-08"), WR_STR("2016-03-23"), WR_STR("beta")};
    for (size_t i = 0; i < WR_COUNT(known); i++) {
        if (wr_str_eq(p->version, known[i])) {
            out->version = known[i];
            return;
        }
    }
    out->version.at = pack_text(k, p->version.at, p->version.len);
}

struct wr_program *wr_program_slim(struct wr_program *p, wr_str text, struct wr_program_pool *pool)
{
    wr_assert(p->sealed && !p->part && wr_str_eq(text, p->statement.text));
    struct wr_program out = *p, *slim;
    struct packer k = {.from = p->statement.text, .to = text};
    pack_program(&k, p, &out);
    slim = wr_alloc(WR_PROGRAM_SLIM + k.used); // in one piece, constants first
    k.at = (char *)slim + WR_PROGRAM_SLIM;
    k.used = 0;
    out = *p;
    pack_program(&k, p, &out);
    out.statement.text = text;
    out.part = part_take(pool, p);
    out.code.at = (void *)out.part->key;
    out.guards.at = (void *)(out.part->key + p->code.len * sizeof *p->code.at);
    out.paths.at = out.part->paths;
    wr_arena_release(&p->arena);
    free(p);
    memcpy(slim, &out, offsetof(struct wr_program, statement.assigns));
    return slim;
}
