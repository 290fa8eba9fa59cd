// The topic trie (performance-design.md 2): one hash table of edges, nodes that know their `+`
// child and the values that end here or at a `#` below. It is not the matcher of sql/topic, which
// answers for one filter and is this file's oracle in tests.
//
//   edges: (parent, level hash) ──► child + level bytes     nodes: plus ─► child, here, below
//
// The ways through the trie that fit a topic are walked depth first with an explicit stack: its
// size is bounded by the depth of the deepest filter, however many `+` a hostile set of filters
// holds.
//
// A filter comes and goes in the time that its levels take: nodes, names and lists of values are
// taken from pools and given back to them. Only when a pool is full it doubles, which copies it.
#include "engine/rules/trie.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "sql/base/err.h"
#include "sql/base/hash.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define NONE         UINT32_MAX
#define NAME_HERE    12
#define NAME_UNIT    16 // bytes; a longer name takes a power of two of them
#define POOL_CLASSES 31
#define HUGE_PAGE    (2u << 20)

// Values, ascending. One stands in the node itself, more in a block of the pool whose room is the
// next power of two.
struct list {
    uint32_t count, at;
};

struct node {
    uint32_t plus;     // the child for `+`, or NONE; of a free node the next free one
    uint32_t children; // `plus` included
    struct list here;  // filters that end at this node
    struct list below; // filters that go on with `#`
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

// Pieces of an array, by place; free ones are chained by their size.
struct pool {
    void *at;
    uint32_t used, cap;          // in units
    uint32_t free[POOL_CLASSES]; // by power of two: the first free piece, or NONE
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
    uint32_t free_node; // or NONE
    struct edge *edges; // open addressing, edge_cap is a power of two
    uint32_t edge_count, edge_cap;
    struct pool names;  // units of NAME_UNIT bytes
    struct pool values; // units of four bytes
    uint32_t value_count, filter_count;
    uint32_t depth; // levels of the deepest filter that there was
    // scratch
    struct level *levels;
    struct visit *stack;
    uint32_t *found;
    uint32_t found_cap;
    uint32_t *path; // nodes on the way to a filter
};

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

// ---- pools

static void pool_init(struct pool *p)
{
    *p = (struct pool){0};
    for (int i = 0; i < POOL_CLASSES; i++) {
        p->free[i] = NONE;
    }
}

// The power of two that `units` take.
static int class_of(uint32_t units)
{
    return units <= 1 ? 0 : 32 - __builtin_clz(units - 1);
}

static uint32_t pool_take(struct pool *p, size_t unit, uint32_t units)
{
    int class = class_of(units);
    uint32_t at = p->free[class];
    if (at != NONE) {
        memcpy(&p->free[class], (char *)p->at + at * unit, sizeof p->free[class]);
        return at;
    }
    uint32_t room = UINT32_C(1) << class;
    if (p->cap - p->used < room) {
        wr_assert(p->used < (UINT32_C(1) << 30) && room < (UINT32_C(1) << 30));
        p->cap = 2 * (p->used + room);
        p->at = wr_realloc(p->at, p->cap * unit);
    }
    at = p->used;
    p->used += room;
    return at;
}

static void pool_give(struct pool *p, size_t unit, uint32_t at, uint32_t units)
{
    int class = class_of(units);
    memcpy((char *)p->at + at * unit, &p->free[class], sizeof p->free[class]);
    p->free[class] = at;
}

// ---- nodes

static uint32_t node_new(struct wr_trie *t)
{
    uint32_t new = t->free_node;
    if (new != NONE) {
        t->free_node = t->nodes[new].plus;
    } else {
        if (t->node_count == t->node_cap) {
            struct node *old = t->nodes;
            t->node_cap = t->node_cap ? t->node_cap * 2 : 16;
            t->nodes = spread_alloc(t->node_cap * sizeof *t->nodes);
            if (old) {
                memcpy(t->nodes, old, t->node_count * sizeof *old);
            }
            free(old);
        }
        new = t->node_count++;
    }
    t->nodes[new] = (struct node){.plus = NONE};
    return new;
}

static void node_free(struct wr_trie *t, uint32_t node)
{
    t->nodes[node].plus = t->free_node;
    t->free_node = node;
}

static bool is_bare(const struct node *n)
{
    return n->children == 0 && n->here.count == 0 && n->below.count == 0;
}

// ---- edges

static uint32_t edge_place(uint64_t hash, uint32_t parent)
{
    uint64_t h = (hash ^ (parent * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(h >> 32);
}

static wr_str name_of(const struct wr_trie *t, const struct edge *e)
{
    const char *far = t->names.at;
    return (wr_str){e->name_len <= NAME_HERE ? e->name.bytes : far + (size_t)e->name.at * NAME_UNIT,
                    e->name_len};
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

static uint32_t name_units(uint32_t len)
{
    return (len + NAME_UNIT - 1) / NAME_UNIT;
}

static uint32_t child_find(const struct wr_trie *t, uint32_t parent, wr_str name)
{
    if (wr_str_eq(name, WR_STR("+"))) {
        return t->nodes[parent].plus;
    }
    const struct level level = {.name = name, .hash = wr_hash_str(name)};
    return edge_find(t, parent, &level)->child;
}

static uint32_t child_new(struct wr_trie *t, uint32_t parent, wr_str name)
{
    uint32_t child = node_new(t); // may move the nodes
    t->nodes[parent].children++;
    if (wr_str_eq(name, WR_STR("+"))) {
        t->nodes[parent].plus = child;
        return child;
    }
    if ((t->edge_count + 1) * 2 > t->edge_cap) {
        edges_resize(t, t->edge_cap * 2);
    }
    const struct level level = {.name = name, .hash = wr_hash_str(name)};
    struct edge *e = edge_find(t, parent, &level);
    *e = (struct edge){
        .hash = level.hash, .parent = parent, .child = child, .name_len = (uint32_t)name.len};
    if (name.len > NAME_HERE) {
        e->name.at = pool_take(&t->names, NAME_UNIT, name_units(e->name_len));
        memcpy((char *)t->names.at + (size_t)e->name.at * NAME_UNIT, name.at, name.len);
    } else if (name.len) {
        memcpy(e->name.bytes, name.at, name.len);
    }
    t->edge_count++;
    return child;
}

// The place becomes free; those behind that were put off by it move up.
static void edge_remove(struct wr_trie *t, struct edge *e)
{
    uint32_t mask = t->edge_cap - 1, hole = (uint32_t)(e - t->edges);
    if (e->name_len > NAME_HERE) {
        pool_give(&t->names, NAME_UNIT, e->name.at, name_units(e->name_len));
    }
    for (uint32_t i = (hole + 1) & mask; t->edges[i].child != NONE; i = (i + 1) & mask) {
        uint32_t home = edge_place(t->edges[i].hash, t->edges[i].parent) & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            t->edges[hole] = t->edges[i];
            hole = i;
        }
    }
    t->edges[hole].child = NONE;
    t->edge_count--;
}

static void child_remove(struct wr_trie *t, uint32_t parent, wr_str name)
{
    t->nodes[parent].children--;
    if (wr_str_eq(name, WR_STR("+"))) {
        node_free(t, t->nodes[parent].plus);
        t->nodes[parent].plus = NONE;
        return;
    }
    const struct level level = {.name = name, .hash = wr_hash_str(name)};
    struct edge *e = edge_find(t, parent, &level);
    node_free(t, e->child);
    edge_remove(t, e);
}

// ---- lists of values

static uint32_t *list_at(const struct wr_trie *t, struct list *l)
{
    return l->count == 1 ? &l->at : (uint32_t *)t->values.at + l->at;
}

// The first that is not less.
static uint32_t list_place(const uint32_t *v, uint32_t count, uint32_t value)
{
    uint32_t low = 0, high = count;
    if (count && v[count - 1] < value) {
        return count; // they come ascending when many come
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (v[middle] < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void list_move(struct wr_trie *t, struct list *l, uint32_t count)
{
    uint32_t alone = l->at, block = 0;
    uint32_t kept = l->count < count ? l->count : count;
    if (count > 1) {
        block = pool_take(&t->values, sizeof(uint32_t), count);
    }
    uint32_t *to = (uint32_t *)t->values.at + block;
    const uint32_t *from = l->count > 1 ? (uint32_t *)t->values.at + l->at : &alone;
    if (count > 1) {
        memcpy(to, from, kept * sizeof *to);
    } else {
        block = kept ? from[0] : 0;
    }
    if (l->count > 1) {
        pool_give(&t->values, sizeof(uint32_t), l->at, l->count);
    }
    l->at = block;
}

static void list_add(struct wr_trie *t, struct list *l, uint32_t value)
{
    if (l->count == 0) {
        *l = (struct list){.count = 1, .at = value};
        return;
    }
    if (l->count == 1 || class_of(l->count + 1) != class_of(l->count)) {
        list_move(t, l, l->count + 1);
    }
    uint32_t *v = (uint32_t *)t->values.at + l->at;
    uint32_t place = list_place(v, l->count, value);
    memmove(v + place + 1, v + place, (l->count - place) * sizeof *v);
    v[place] = value;
    l->count++;
}

static void list_remove(struct wr_trie *t, struct list *l, uint32_t value)
{
    uint32_t *v = list_at(t, l);
    uint32_t place = list_place(v, l->count, value), count = l->count - 1;
    wr_assert(place < l->count && v[place] == value);
    memmove(v + place, v + place + 1, (count - place) * sizeof *v);
    if (count == 0) {
        *l = (struct list){0};
        return;
    }
    if (count == 1 || class_of(count) != class_of(l->count)) {
        list_move(t, l, count);
    }
    l->count = count;
}

// ---- filters

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
    size_t sorted = 1; // one list, mostly, which is
    while (sorted < count && v[sorted - 1] <= v[sorted]) {
        sorted++;
    }
    if (sorted >= count) {
        return;
    }
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

struct wr_trie *wr_trie_new(void)
{
    struct wr_trie *t = wr_zalloc(sizeof *t);
    t->free_node = NONE;
    pool_init(&t->names);
    pool_init(&t->values);
    edges_resize(t, 16);
    node_new(t); // the root is node 0
    t->levels = wr_alloc(sizeof *t->levels);
    t->stack = wr_alloc(2 * sizeof *t->stack);
    t->path = wr_alloc(sizeof *t->path);
    t->found = wr_alloc(sizeof *t->found);
    return t;
}

void wr_trie_free(struct wr_trie *t)
{
    if (!t) {
        return;
    }
    free(t->nodes);
    free(t->edges);
    free(t->names.at);
    free(t->values.at);
    free(t->levels);
    free(t->stack);
    free(t->found);
    free(t->path);
    free(t);
}

static void deepen(struct wr_trie *t, uint32_t depth)
{
    t->depth = depth;
    t->levels = wr_realloc(t->levels, (depth + 1) * sizeof *t->levels);
    // One node is taken for two put on, once a level.
    t->stack = wr_realloc(t->stack, (depth + 2) * sizeof *t->stack);
    t->path = wr_realloc(t->path, (depth + 1) * sizeof *t->path);
}

// Levels of the filter, a `#` left out.
static uint32_t depth_of(wr_str filter, bool *below)
{
    uint32_t depth = 0;
    bool more = true;
    *below = false;
    for (wr_str level; next_level(&filter, &more, &level);) {
        *below = !more && wr_str_eq(level, WR_STR("#"));
        depth += !*below;
    }
    return depth;
}

// The node where a filter ends, or NONE; nodes on the way to it in t->path.
static uint32_t walk(struct wr_trie *t, wr_str filter, bool make, bool *below)
{
    uint32_t depth = depth_of(filter, below), node = 0;
    if (depth > t->depth) {
        if (!make) {
            return NONE;
        }
        deepen(t, depth);
    }
    bool more = true;
    wr_str level;
    for (uint32_t i = 0; i < depth && next_level(&filter, &more, &level); i++) {
        t->path[i] = node;
        uint32_t child = child_find(t, node, level);
        if (child == NONE) {
            if (!make) {
                return NONE;
            }
            child = child_new(t, node, level);
        }
        node = child;
    }
    return node;
}

bool wr_trie_add(struct wr_trie *t, wr_str filter, uint32_t value)
{
    bool below;
    uint32_t node = walk(t, filter, true, &below);
    struct list *l = below ? &t->nodes[node].below : &t->nodes[node].here;
    bool first = l->count == 0;
    list_add(t, l, value);
    t->filter_count += first;
    // Every node is reached on one way only, so a value is found at most as often as it was added.
    if (++t->value_count > t->found_cap) {
        t->found_cap = 2 * t->value_count;
        t->found = wr_realloc(t->found, t->found_cap * sizeof *t->found);
    }
    return first;
}

bool wr_trie_remove(struct wr_trie *t, wr_str filter, uint32_t value)
{
    bool below;
    uint32_t node = walk(t, filter, false, &below);
    wr_assert(node != NONE);
    struct list *l = below ? &t->nodes[node].below : &t->nodes[node].here;
    list_remove(t, l, value);
    t->value_count--;
    if (l->count) {
        return false;
    }
    t->filter_count--;
    uint32_t depth = depth_of(filter, &below);
    while (depth > 0 && is_bare(&t->nodes[node])) {
        wr_str level = {0};
        (void)wr_topic_level(filter, --depth, &level);
        node = t->path[depth];
        child_remove(t, node, level);
    }
    return true;
}

size_t wr_trie_find(struct wr_trie *t, wr_str filter, const uint32_t **values)
{
    bool below;
    uint32_t node = walk(t, filter, false, &below);
    if (node == NONE) {
        return 0;
    }
    struct list *l = below ? &t->nodes[node].below : &t->nodes[node].here;
    *values = list_at(t, l);
    return l->count;
}

size_t wr_trie_filters(const struct wr_trie *t)
{
    return t->filter_count;
}

static void take(struct wr_trie *t, size_t *count, const struct list *l)
{
    if (l->count == 1) {
        t->found[(*count)++] = l->at;
    } else if (l->count) {
        memcpy(t->found + *count, (uint32_t *)t->values.at + l->at, l->count * sizeof *t->found);
        *count += l->count;
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
            take(t, &count, &n->here);
            continue;
        }
        bool hidden = reserved && v.depth == 0;
        if (!hidden) {
            take(t, &count, &n->below); // at least one level is left
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
