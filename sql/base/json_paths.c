// Builds the trie of paths that wr_json_read() walks along.
#include "sql/base/json.h"

#include <stdlib.h>

#include "sql/base/compiler.h"
#include "sql/base/err.h"
#include "sql/base/hash.h"
#include "sql/base/json_paths.h"

#include "sql/base/banned.h"

#define LINEAR_MAX 8 // more children are found by hash

struct build {
    struct wr_paths *p;
    const struct wr_path *paths;
    uint32_t *parents; // of each node
    wr_str *keys;      // of each node, the paths' own bytes
    uint32_t *chain;   // nodes of the latest path; chain[0] is the root
    uint32_t nodes_len;
};

static int compare_paths(const void *a, const void *b, void *context)
{
    const struct wr_path *paths = context;
    const struct wr_path *x = &paths[*(const uint32_t *)a], *y = &paths[*(const uint32_t *)b];
    for (size_t i = 0; i < x->len && i < y->len; i++) {
        int order = wr_str_cmp(x->keys[i], y->keys[i]);
        if (order) {
            return order;
        }
    }
    return (x->len > y->len) - (x->len < y->len);
}

static uint32_t node_new(struct build *b, uint32_t parent, wr_str key)
{
    uint32_t n = b->nodes_len++;
    b->p->nodes[n] = (struct wr_path_node){.slot = WR_PATHS_NO_SLOT, .low = (uint32_t)b->p->count};
    b->parents[n] = parent;
    b->keys[n] = key;
    return n;
}

// Paths arrive in order, so that each only leaves the latest one and never comes back.
static uint32_t add_path(struct build *b, const struct wr_path *path, const struct wr_path *latest)
{
    size_t same = 0;
    while (latest && same < path->len && same < latest->len &&
           wr_str_eq(path->keys[same], latest->keys[same])) {
        same++;
    }
    for (size_t i = same; i < path->len; i++) {
        b->chain[i + 1] = node_new(b, b->chain[i], path->keys[i]);
    }
    struct wr_path_node *n = &b->p->nodes[b->chain[path->len]];
    if (n->slot == WR_PATHS_NO_SLOT) {
        n->slot = (uint32_t)b->p->count++;
    }
    return n->slot;
}

// Every node's slots end where the next node that is not below it begins.
static void close_ranges(struct build *b)
{
    for (uint32_t n = 0; n < b->nodes_len; n++) {
        struct wr_path_node *node = &b->p->nodes[n];
        node->high = node->slot == WR_PATHS_NO_SLOT ? node->low : (uint32_t)(node->slot + 1);
    }
    for (uint32_t n = b->nodes_len; n-- > 1;) {
        struct wr_path_node *node = &b->p->nodes[n], *parent = &b->p->nodes[b->parents[n]];
        parent->high = parent->high > node->high ? parent->high : node->high;
        parent->count++;
    }
}

static void place_children(struct build *b)
{
    uint32_t next = 0, table = 0;
    for (uint32_t n = 0; n < b->nodes_len; n++) {
        struct wr_path_node *node = &b->p->nodes[n];
        node->first = next;
        next += node->count;
        if (node->count > LINEAR_MAX) {
            uint32_t size = 16;
            while (size < node->count * 2) {
                size *= 2;
            }
            node->table = table;
            node->mask = size - 1;
            table += size;
        }
        node->count = 0;
    }
    b->p->tables = wr_zalloc(table * sizeof *b->p->tables);
    char *to = b->p->keys;
    for (uint32_t n = 1; n < b->nodes_len; n++) {
        struct wr_path_node *parent = &b->p->nodes[b->parents[n]];
        wr_str key = b->keys[n];
        uint32_t at = parent->first + parent->count++;
        b->p->children[at] = (struct wr_path_child){to, (uint32_t)key.len, n};
        if (key.len) {
            memcpy(to, key.at, key.len);
            to += key.len;
        }
        if (parent->mask) {
            uint32_t i = (uint32_t)wr_hash_str(key) & parent->mask;
            while (b->p->tables[parent->table + i]) {
                i = (i + 1) & parent->mask;
            }
            b->p->tables[parent->table + i] = at + 1;
        }
    }
}

struct wr_paths *wr_paths_new(const struct wr_path *paths, size_t count, uint32_t *slots)
{
    size_t nodes_max = 1, longest = 0, bytes = 0;
    wr_assert(count < WR_PATHS_NO_SLOT);
    for (size_t i = 0; i < count; i++) {
        nodes_max += paths[i].len;
        longest = paths[i].len > longest ? paths[i].len : longest;
        for (size_t k = 0; k < paths[i].len; k++) {
            bytes += paths[i].keys[k].len;
        }
    }
    struct wr_paths *p = wr_zalloc(sizeof *p);
    p->nodes = wr_alloc(nodes_max * sizeof *p->nodes);
    p->children = wr_alloc(nodes_max * sizeof *p->children);
    p->keys = wr_alloc(bytes);
    struct build b = {.p = p, .paths = paths};
    b.parents = wr_alloc(nodes_max * sizeof *b.parents);
    b.keys = wr_alloc(nodes_max * sizeof *b.keys);
    b.chain = wr_zalloc((longest + 1) * sizeof *b.chain);
    uint32_t *order = wr_alloc(count * sizeof *order);
    for (size_t i = 0; i < count; i++) {
        order[i] = (uint32_t)i;
    }
    union {
        const void *in;
        void *out;
    } context = {.in = paths}; // qsort_r() wants it without const
    if (count) {
        qsort_r(order, count, sizeof *order, compare_paths, context.out);
    }
    node_new(&b, 0, (wr_str){0});
    for (size_t i = 0; i < count; i++) {
        slots[order[i]] = add_path(&b, &paths[order[i]], i ? &paths[order[i - 1]] : NULL);
    }
    close_ranges(&b);
    place_children(&b);
    free(order);
    free(b.chain);
    free(b.keys);
    free(b.parents);
    return p;
}

void wr_paths_free(struct wr_paths *p)
{
    if (p) {
        free(p->nodes);
        free(p->children);
        free(p->tables);
        free(p->keys);
        free(p);
    }
}

size_t wr_paths_count(const struct wr_paths *p)
{
    return p->count;
}

uint32_t wr_paths_slot(const struct wr_paths *p, const struct wr_path *path)
{
    const struct wr_path_node *n = &p->nodes[0];
    for (size_t i = 0; i < path->len && n; i++) {
        n = wr_paths_child(p, n, path->keys[i]);
    }
    wr_assert(n && n->slot != WR_PATHS_NO_SLOT);
    return n->slot;
}
