// The topic trie (performance-design.md 2): one hash table of edges, nodes that know their `+`
// child and the values that end here or at a `#` below. It is not the matcher of sql/topic, which
// answers for one filter and is this file's oracle in tests.
//
//   edges: (parent, level hash) ──► child + level bytes     nodes: plus ─► child, here[], hash[]
//
// The ways through the trie that fit a topic are walked depth first with an explicit stack: its
// size is bounded by the depth of the deepest filter, however many `+` a hostile set of filters
// holds.
#include "engine/rules/trie.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "sql/base/err.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define NONE      UINT32_MAX
#define NAME_HERE 12
#define HUGE_PAGE (2u << 20)

struct node {
    uint32_t plus;                  // the child for `+`, or NONE
    uint32_t here_at, here_count;   // in values: filters that end at this node
    uint32_t below_at, below_count; // in values: filters that go on with `#`
};

struct edge {
    uint64_t hash; // of the level's bytes
    uint32_t parent;
    uint32_t child; // NONE: the place is free
    uint32_t name_len;
    union { // half a line of the cache in all: most names are looked at without another miss
        char bytes[NAME_HERE];
        uint32_t at; // in names, of longer ones
    } name;
};

// What wr_trie_add() noted; sorted into the nodes' lists by wr_trie_seal().
struct entry {
    uint32_t node;
    bool below;
    uint32_t value;
};

struct level {
    wr_str name;
    uint64_t hash;
};

struct visit {
    uint32_t node, depth;
};

struct wr_trie {
    struct node *nodes;
    uint32_t node_count, node_cap;
    struct edge *edges; // open addressing, edge_cap is a power of two
    uint32_t edge_count, edge_cap;
    char *names;
    size_t names_len, names_cap;
    struct entry *entries;
    uint32_t entry_count, entry_cap;
    uint32_t *values;
    uint32_t depth; // levels of the deepest filter
    bool sealed;
    // scratch of wr_trie_match()
    struct level *levels;
    struct visit *stack;
    uint32_t *found;
};

static uint32_t node_new(struct wr_trie *t)
{
    if (t->node_count == t->node_cap) {
        t->node_cap = t->node_cap ? t->node_cap * 2 : 16;
        t->nodes = wr_realloc(t->nodes, t->node_cap * sizeof *t->nodes);
    }
    t->nodes[t->node_count] = (struct node){.plus = NONE};
    return t->node_count++;
}

static uint32_t edge_place(uint64_t hash, uint32_t parent)
{
    uint64_t h = (hash ^ (parent * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(h >> 32);
}

// What is looked at here and there: in large pages where it is large, so that finding the page does
// not cost as much as the look. free() it.
static void *spread_alloc(size_t size)
{
    if (size < HUGE_PAGE) {
        return wr_alloc(size);
    }
    size_t whole = (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    void *at = aligned_alloc(HUGE_PAGE, whole);
    if (!at) {
        wr_out_of_memory(whole);
    }
    (void)madvise(at, whole, MADV_HUGEPAGE); // a wish
    return at;
}

static wr_str name_of(const struct wr_trie *t, const struct edge *e)
{
    return (wr_str){e->name_len <= NAME_HERE ? e->name.bytes : t->names + e->name.at, e->name_len};
}

static struct edge *edge_find(const struct wr_trie *t, uint32_t parent, const struct level *level)
{
    uint32_t mask = t->edge_cap - 1;
    for (uint32_t i = edge_place(level->hash, parent) & mask;; i = (i + 1) & mask) {
        struct edge *e = &t->edges[i];
        if (e->child == NONE) {
            return e;
        }
        // The bytes decide; a hash alone is no identity.
        if (e->hash == level->hash && e->parent == parent &&
            wr_str_eq(name_of(t, e), level->name)) {
            return e;
        }
    }
}

static void edges_resize(struct wr_trie *t, uint32_t cap)
{
    struct edge *old = t->edges;
    uint32_t old_cap = t->edge_cap;
    t->edges = spread_alloc(cap * sizeof *t->edges);
    t->edge_cap = cap;
    for (uint32_t i = 0; i < cap; i++) {
        t->edges[i].child = NONE;
    }
    for (uint32_t i = 0; i < old_cap; i++) {
        if (old[i].child == NONE) {
            continue;
        }
        uint32_t at = edge_place(old[i].hash, old[i].parent) & (cap - 1);
        while (t->edges[at].child != NONE) {
            at = (at + 1) & (cap - 1);
        }
        t->edges[at] = old[i];
    }
    free(old);
}

static uint32_t name_add(struct wr_trie *t, wr_str name)
{
    if (t->names_cap - t->names_len < name.len) {
        t->names_cap = (t->names_len + name.len) * 2;
        t->names = wr_realloc(t->names, t->names_cap);
    }
    wr_assert(t->names_len + name.len < UINT32_MAX);
    size_t at = t->names_len;
    if (name.len) {
        memcpy(t->names + at, name.at, name.len);
    }
    t->names_len += name.len;
    return (uint32_t)at;
}

static uint32_t child_of(struct wr_trie *t, uint32_t parent, wr_str name)
{
    if (wr_str_eq(name, WR_STR("+"))) {
        if (t->nodes[parent].plus == NONE) {
            uint32_t child = node_new(t); // may move the nodes
            t->nodes[parent].plus = child;
        }
        return t->nodes[parent].plus;
    }
    if ((t->edge_count + 1) * 2 > t->edge_cap) {
        edges_resize(t, t->edge_cap * 2);
    }
    struct level level = {.name = name, .hash = wr_hash_str(name)};
    struct edge *e = edge_find(t, parent, &level);
    if (e->child == NONE) {
        *e = (struct edge){.hash = level.hash,
                           .parent = parent,
                           .child = node_new(t),
                           .name_len = (uint32_t)name.len};
        if (name.len > NAME_HERE) {
            e->name.at = name_add(t, name);
        } else if (name.len) {
            memcpy(e->name.bytes, name.at, name.len);
        }
        t->edge_count++;
    }
    return e->child;
}

// Cuts the next level off `rest`; false after the last.
static bool next_level(wr_str *rest, bool *more, wr_str *level)
{
    if (!*more) {
        return false;
    }
    const char *slash = rest->len ? memchr(rest->at, '/', rest->len) : NULL;
    size_t len = slash ? (size_t)(slash - rest->at) : rest->len;
    *level = (wr_str){rest->at, len};
    *more = slash != NULL;
    if (slash) {
        *rest = wr_str_cut(*rest, len + 1, rest->len);
    }
    return true;
}

// Heap sort: results come from few sorted lists, and libc's qsort allocates for long arrays.
static void sift_down(uint32_t *v, size_t root, size_t count)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && v[child] < v[child + 1]) {
            child++;
        }
        if (v[root] >= v[child]) {
            return;
        }
        uint32_t swap = v[root];
        v[root] = v[child];
        v[child] = swap;
    }
}

static void sort_values(uint32_t *v, size_t count)
{
    if (count <= 16) {
        for (size_t i = 1; i < count; i++) {
            uint32_t x = v[i];
            size_t k = i;
            for (; k > 0 && v[k - 1] > x; k--) {
                v[k] = v[k - 1];
            }
            v[k] = x;
        }
        return;
    }
    for (size_t i = count / 2; i-- > 0;) {
        sift_down(v, i, count);
    }
    for (size_t end = count; end-- > 1;) {
        uint32_t swap = v[0];
        v[0] = v[end];
        v[end] = swap;
        sift_down(v, 0, end);
    }
}

static int entry_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->node != y->node) {
        return x->node < y->node ? -1 : 1;
    }
    if (x->below != y->below) {
        return x->below ? 1 : -1;
    }
    return (x->value > y->value) - (x->value < y->value);
}

struct wr_trie *wr_trie_new(void)
{
    struct wr_trie *t = wr_zalloc(sizeof *t);
    edges_resize(t, 16);
    node_new(t); // the root is node 0
    return t;
}

void wr_trie_free(struct wr_trie *t)
{
    if (!t) {
        return;
    }
    free(t->nodes);
    free(t->edges);
    free(t->names);
    free(t->entries);
    free(t->values);
    free(t->levels);
    free(t->stack);
    free(t->found);
    free(t);
}

void wr_trie_add(struct wr_trie *t, wr_str filter, uint32_t value)
{
    wr_assert(!t->sealed);
    uint32_t node = 0;
    uint32_t depth = 0;
    bool more = true;
    bool below = false;
    for (wr_str level; next_level(&filter, &more, &level);) {
        if (!more && wr_str_eq(level, WR_STR("#"))) {
            below = true;
            break;
        }
        node = child_of(t, node, level);
        depth++;
    }
    if (depth > t->depth) {
        t->depth = depth;
    }
    if (t->entry_count == t->entry_cap) {
        t->entry_cap = t->entry_cap ? t->entry_cap * 2 : 16;
        t->entries = wr_realloc(t->entries, t->entry_cap * sizeof *t->entries);
    }
    t->entries[t->entry_count++] = (struct entry){.node = node, .below = below, .value = value};
}

void wr_trie_seal(struct wr_trie *t)
{
    wr_assert(!t->sealed);
    t->sealed = true;
    if (t->entry_count) {
        qsort(t->entries, t->entry_count, sizeof *t->entries, entry_order);
    }
    t->values = wr_alloc((t->entry_count + 1) * sizeof *t->values);
    for (uint32_t i = 0; i < t->entry_count; i++) {
        const struct entry *e = &t->entries[i];
        struct node *n = &t->nodes[e->node];
        t->values[i] = e->value;
        uint32_t *at = e->below ? &n->below_at : &n->here_at;
        uint32_t *count = e->below ? &n->below_count : &n->here_count;
        if ((*count)++ == 0) {
            *at = i;
        }
    }
    free(t->entries);
    t->entries = NULL;
    struct node *nodes = spread_alloc(t->node_count * sizeof *nodes);
    memcpy(nodes, t->nodes, t->node_count * sizeof *nodes);
    free(t->nodes);
    t->nodes = nodes;
    t->node_cap = t->node_count;
    t->levels = wr_alloc((t->depth + 1) * sizeof *t->levels);
    // One node is taken for two put on, once a level.
    t->stack = wr_alloc((t->depth + 2) * sizeof *t->stack);
    // Every node is reached on one way only, so a value is found at most as often as it was added.
    t->found = wr_alloc((t->entry_count + 1) * sizeof *t->found);
}

static void take(struct wr_trie *t, size_t *count, uint32_t at, uint32_t n)
{
    if (n) {
        memcpy(t->found + *count, t->values + at, n * sizeof *t->found);
        *count += n;
    }
}

// A node that will be visited, and the edge that will be looked for there: of many filters neither
// is in the cache, and one need not wait for the other.
static inline void fetch(const struct wr_trie *t, uint32_t node, uint32_t depth, uint32_t known)
{
    __builtin_prefetch(&t->nodes[node]);
    if (depth < known) {
        __builtin_prefetch(&t->edges[edge_place(t->levels[depth].hash, node) & (t->edge_cap - 1)]);
    }
}

size_t wr_trie_match(struct wr_trie *t, wr_str topic, const uint32_t **values)
{
    wr_dassert(t->sealed);
    bool reserved = topic.len && topic.at[0] == '$'; // wildcards do not see it in the first level
    bool more = true;
    uint32_t known = 0; // levels of the topic, as far as any filter looks
    wr_str rest = topic;
    for (wr_str level; known < t->depth && next_level(&rest, &more, &level); known++) {
        t->levels[known] = (struct level){.name = level, .hash = wr_hash_str(level)};
    }
    size_t count = 0;
    uint32_t top = 0;
    t->stack[top++] = (struct visit){.node = 0, .depth = 0};
    while (top) {
        struct visit v = t->stack[--top];
        const struct node *n = &t->nodes[v.node];
        if (v.depth == known && !more) {
            take(t, &count, n->here_at, n->here_count);
            continue;
        }
        bool hidden = reserved && v.depth == 0;
        if (!hidden) {
            take(t, &count, n->below_at, n->below_count); // at least one level is left
        }
        if (v.depth == known) {
            continue; // the topic is deeper than any filter
        }
        if (n->plus != NONE && !hidden) {
            fetch(t, n->plus, v.depth + 1, known);
            t->stack[top++] = (struct visit){.node = n->plus, .depth = v.depth + 1};
        }
        const struct edge *e = edge_find(t, v.node, &t->levels[v.depth]);
        if (e->child != NONE) {
            fetch(t, e->child, v.depth + 1, known);
            t->stack[top++] = (struct visit){.node = e->child, .depth = v.depth + 1};
        }
    }
    sort_values(t->found, count);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || t->found[kept - 1] != t->found[i]) {
            t->found[kept++] = t->found[i];
        }
    }
    *values = t->found;
    return kept;
}
