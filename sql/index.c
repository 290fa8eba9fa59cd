// Builds and walks the index: a tree of nodes in one array, lists of rules in another.
#include "sql/index.h"

#include <math.h>
#include <stdlib.h>

#include "sql/base/hash.h"
#include "sql/index_terms.h"

#include "sql/base/banned.h"

#define RULES_MIN   8           // fewer are all run
#define DEPTH_MAX   16          // equalities after one another
#define PAYLOAD_MAX (64u << 10) // larger ones may meet limits of fuel or memory: all are run
#define TERMS_BYTES (1u << 20)  // for the terms of one program
#define LONG_TEXT   4096        // bytes of a text that is compared
#define NONE        UINT32_MAX
#define ONE         (1u << 31) // in place of a node: the rule of this number alone

enum node_kind {
    LIST,   // nominated as they are
    RANGES, // those whose bounds hold the number at `slot`
    EQUALS, // the child of the value at `slot`, and always the child `rest`
};

struct node {
    enum node_kind kind;
    uint32_t slot;
    uint32_t first, count; // LIST, RANGES: of ids (and bounds); EQUALS: of entries
    uint32_t mask;         // EQUALS: entries are a hash table of mask + 1 places
    uint32_t rest;         // EQUALS, RANGES: another node, or NONE
};

// Values are told apart by their hashes alone: two that share one share the child.
struct entry {
    uint64_t hash;
    uint32_t child; // NONE: an empty place
};

struct bounds {
    double low, high;
};

struct wr_index {
    const struct wr_plan *plan;
    struct node *nodes;
    struct entry *entries;
    uint32_t *ids;
    struct bounds *bounds; // in the order of ids, for those of RANGES
    uint32_t node_count, entry_count, id_count;
    uint32_t node_cap, entry_cap, id_cap;
    uint32_t *found; // room for all programs
    uint32_t root;
};

// ---- values

// Numbers of any kind by value, texts by their bytes; never 0.
static uint64_t hash_of(const wr_value *v)
{
    switch ((enum wr_type)v->type) {
    case WR_NUMBER:
        return wr_num_hash(v) | 1;
    case WR_STRING:
        return (wr_hash_str(wr_value_text(v)) ^ 0x5bd1e995) | 1;
    case WR_BOOLEAN:
        return v->as.truth ? 3 : 5;
    case WR_NULL:
        return 7;
    case WR_UNDEFINED:
    case WR_ARRAY:
    case WR_OBJECT:
    case WR_RAW:
        break;
    }
    return 9;
}

// ---- building

struct rule {
    uint32_t id;
    const struct wr_term *terms;
    size_t term_count;
};

struct build {
    struct wr_index *x;
    const struct wr_plan *plan;
    struct wr_arena terms; // of all rules
    uint32_t path[DEPTH_MAX];
    unsigned depth;
};

static uint32_t slot_of(const struct build *b, const struct rule *r, const struct wr_term *t)
{
    return b->plan->maps[r->id][t->path] % (uint32_t)b->plan->path_count;
}

static bool on_path(const struct build *b, uint32_t slot)
{
    for (unsigned i = 0; i < b->depth; i++) {
        if (b->path[i] == slot) {
            return true;
        }
    }
    return false;
}

// The rule's term of this kind on `slot`, or NULL.
static const struct wr_term *term_on(const struct build *b, const struct rule *r,
                                     enum wr_term_kind kind, uint32_t slot)
{
    for (size_t i = 0; i < r->term_count; i++) {
        if (r->terms[i].kind == kind && slot_of(b, r, &r->terms[i]) == slot) {
            return &r->terms[i];
        }
    }
    return NULL;
}

// The slot that most rules have a term of this kind on, with how many.
static uint32_t commonest(const struct build *b, const struct rule *rules, size_t count,
                          enum wr_term_kind kind, size_t *most)
{
    size_t slots = b->plan->path_count;
    uint32_t *seen = wr_zalloc(slots * sizeof *seen), best = NONE;
    *most = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < rules[i].term_count; k++) {
            const struct wr_term *t = &rules[i].terms[k];
            uint32_t slot = t->kind == kind ? slot_of(b, &rules[i], t) : NONE;
            if (slot == NONE || (kind == WR_TERM_EQ && on_path(b, slot))) {
                continue;
            }
            if (++seen[slot] > *most) {
                *most = seen[slot];
                best = slot;
            }
        }
    }
    free(seen);
    return best;
}

static void *room(void *at, uint32_t count, uint32_t more, uint32_t *cap, size_t size)
{
    if (count + more <= *cap) {
        return at;
    }
    while (*cap < count + more) {
        *cap = *cap ? *cap * 2 : 64;
    }
    return wr_realloc(at, *cap * size);
}

static uint32_t node_new(struct build *b, enum node_kind kind, uint32_t slot)
{
    struct wr_index *x = b->x;
    x->nodes = room(x->nodes, x->node_count, 1, &x->node_cap, sizeof *x->nodes);
    x->nodes[x->node_count] = (struct node){.kind = kind, .slot = slot, .rest = NONE};
    return x->node_count++;
}

static void add_id(struct build *b, uint32_t id, double low, double high)
{
    struct wr_index *x = b->x;
    uint32_t cap = x->id_cap;
    x->ids = room(x->ids, x->id_count, 1, &x->id_cap, sizeof *x->ids);
    x->bounds = room(x->bounds, x->id_count, 1, &cap, sizeof *x->bounds);
    x->ids[x->id_count] = id;
    x->bounds[x->id_count++] = (struct bounds){low, high};
}

static uint32_t make(struct build *b, struct rule *rules, size_t count);

static uint32_t make_list(struct build *b, const struct rule *rules, size_t count)
{
    uint32_t n = node_new(b, LIST, NONE);
    b->x->nodes[n].first = b->x->id_count;
    b->x->nodes[n].count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        add_id(b, rules[i].id, -INFINITY, INFINITY);
    }
    return n;
}

// Those with a range on `slot` first; returns how many they are. Order is kept.
static size_t part(const struct build *b, struct rule *rules, size_t count, enum wr_term_kind kind,
                   uint32_t slot)
{
    struct rule *others = wr_alloc((count + 1) * sizeof *others);
    size_t with = 0, without = 0;
    for (size_t i = 0; i < count; i++) {
        if (term_on(b, &rules[i], kind, slot)) {
            rules[with++] = rules[i];
        } else {
            others[without++] = rules[i];
        }
    }
    memcpy(rules + with, others, without * sizeof *others);
    free(others);
    return with;
}

static uint32_t make_ranges(struct build *b, struct rule *rules, size_t count, uint32_t slot)
{
    uint32_t n = node_new(b, RANGES, slot);
    size_t with = part(b, rules, count, WR_TERM_RANGE, slot);
    b->x->nodes[n].first = b->x->id_count;
    b->x->nodes[n].count = (uint32_t)with;
    for (size_t i = 0; i < with; i++) {
        const struct wr_term *t = term_on(b, &rules[i], WR_TERM_RANGE, slot);
        add_id(b, rules[i].id, t->low, t->high);
    }
    uint32_t rest = with < count ? make(b, rules + with, count - with) : NONE;
    b->x->nodes[n].rest = rest;
    return n;
}

// A rule under one of the values it asks for.
struct keyed {
    uint64_t hash;
    struct rule rule;
    size_t order;
};

static int by_hash(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    return x->hash != y->hash     ? (x->hash > y->hash) - (x->hash < y->hash)
           : x->order == y->order ? 0
                                  : (x->order > y->order) - (x->order < y->order);
}

static size_t list_keys(const struct build *b, const struct rule *rules, size_t count,
                        uint32_t slot, struct keyed **keys)
{
    size_t total = 0, n = 0;
    for (size_t i = 0; i < count; i++) {
        total += term_on(b, &rules[i], WR_TERM_EQ, slot)->value_count;
    }
    *keys = wr_alloc((total + 1) * sizeof **keys);
    for (size_t i = 0; i < count; i++) {
        const struct wr_term *t = term_on(b, &rules[i], WR_TERM_EQ, slot);
        for (uint16_t k = 0; k < t->value_count; k++) {
            uint64_t hash = hash_of(&t->values[k]);
            bool again = false; // IN [1, 1.0]
            for (uint16_t e = 0; e < k; e++) {
                again = again || hash_of(&t->values[e]) == hash;
            }
            if (!again) {
                (*keys)[n] = (struct keyed){hash, rules[i], n};
                n++;
            }
        }
    }
    qsort(*keys, n, sizeof **keys, by_hash);
    return n;
}

static void put_entry(struct wr_index *x, uint32_t node, uint64_t hash, uint32_t child)
{
    struct node *n = &x->nodes[node];
    uint32_t at = (uint32_t)(hash >> 32) & n->mask;
    while (x->entries[n->first + at].child != NONE) {
        at = (at + 1) & n->mask;
    }
    x->entries[n->first + at] = (struct entry){hash, child};
}

// The children of one node, one for each hash.
static void make_children(struct build *b, uint32_t node, const struct keyed *keys, size_t count)
{
    struct rule *alike = wr_alloc((count + 1) * sizeof *alike);
    for (size_t i = 0; i < count;) {
        uint64_t hash = keys[i].hash;
        size_t n = 0;
        while (i < count && keys[i].hash == hash) {
            alike[n++] = keys[i++].rule;
        }
        uint32_t child = make(b, alike, n);
        put_entry(b->x, node, hash, child);
    }
    free(alike);
}

static size_t distinct(const struct keyed *keys, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        n += i == 0 || keys[i].hash != keys[i - 1].hash;
    }
    return n;
}

static uint32_t make_equals(struct build *b, struct rule *rules, size_t count, uint32_t slot)
{
    struct wr_index *x = b->x;
    size_t with = part(b, rules, count, WR_TERM_EQ, slot);
    struct keyed *keys;
    size_t key_count = list_keys(b, rules, with, slot, &keys);
    uint32_t n = node_new(b, EQUALS, slot), places = 4;
    while (places < 2 * distinct(keys, key_count)) {
        places *= 2;
    }
    x->entries = room(x->entries, x->entry_count, places, &x->entry_cap, sizeof *x->entries);
    x->nodes[n].first = x->entry_count;
    x->nodes[n].count = places;
    x->nodes[n].mask = places - 1;
    for (uint32_t i = 0; i < places; i++) {
        x->entries[x->entry_count++] = (struct entry){.child = NONE};
    }
    b->path[b->depth++] = slot;
    make_children(b, n, keys, key_count);
    b->depth--;
    uint32_t rest = with < count ? make(b, rules + with, count - with) : NONE;
    x->nodes[n].rest = rest;
    free(keys);
    return n;
}

static uint32_t make(struct build *b, struct rule *rules, size_t count)
{
    size_t equals = 0, ranges = 0;
    if (count == 1) {
        return ONE | rules[0].id;
    }
    if (count <= RULES_MIN) {
        return make_list(b, rules, count);
    }
    uint32_t slot = b->depth < DEPTH_MAX ? commonest(b, rules, count, WR_TERM_EQ, &equals) : NONE;
    uint32_t range_slot = commonest(b, rules, count, WR_TERM_RANGE, &ranges);
    if (equals >= RULES_MIN / 2) {
        return make_equals(b, rules, count, slot);
    }
    if (ranges >= RULES_MIN / 2) {
        return make_ranges(b, rules, count, range_slot);
    }
    return make_list(b, rules, count);
}

// Rules that can never match are in no list.
static size_t list_rules(struct build *b, struct rule *rules)
{
    size_t n = 0;
    for (size_t i = 0; i < b->plan->program_count; i++) {
        struct rule r = {.id = (uint32_t)i};
        r.term_count = wr_index_terms(b->plan->programs[i], &b->terms, &r.terms);
        bool possible = true;
        for (size_t k = 0; k < r.term_count; k++) {
            possible = possible && r.terms[k].kind != WR_TERM_NEVER;
        }
        if (possible) {
            rules[n++] = r;
        }
    }
    return n;
}

struct wr_index *wr_index_new(const struct wr_plan *plan)
{
    if (plan->program_count < RULES_MIN || plan->path_count == 0) {
        return NULL;
    }
    wr_assert(plan->program_count < ONE);
    struct wr_index *x = wr_zalloc(sizeof *x);
    struct build b = {.x = x, .plan = plan};
    struct rule *rules = wr_alloc((plan->program_count + 1) * sizeof *rules);
    x->plan = plan;
    wr_arena_init(&b.terms, SIZE_MAX / 2);
    size_t count = list_rules(&b, rules);
    x->root = make(&b, rules, count);
    x->found = wr_alloc((plan->program_count + 1) * sizeof *x->found);
    x->nodes = wr_realloc(x->nodes, x->node_count * sizeof *x->nodes);
    x->entries = wr_realloc(x->entries, x->entry_count * sizeof *x->entries);
    x->ids = wr_realloc(x->ids, x->id_count * sizeof *x->ids);
    x->bounds = wr_realloc(x->bounds, x->id_count * sizeof *x->bounds);
    wr_arena_release(&b.terms);
    free(rules);
    const struct node *root = x->root & ONE ? NULL : &x->nodes[x->root];
    if (root && root->kind == LIST && root->count == plan->program_count) {
        wr_index_free(x);
        return NULL;
    }
    return x;
}

void wr_index_free(struct wr_index *x)
{
    if (x) {
        free(x->nodes);
        free(x->entries);
        free(x->ids);
        free(x->bounds);
        free(x->found);
        free(x);
    }
}

size_t wr_index_bytes(const struct wr_index *x)
{
    return sizeof *x + x->node_cap * sizeof *x->nodes + x->entry_cap * sizeof *x->entries +
           x->id_cap * (sizeof *x->ids + sizeof *x->bounds) +
           x->plan->program_count * sizeof *x->found;
}

// ---- matching

struct match {
    struct wr_index *x;
    struct wr_sql_message *m;
    size_t count;
    bool sorted;
};

// The value at `slot`, decoded; remembered, unless programs of two dialects read it.
static const wr_value *value_at(struct match *k, uint32_t slot, wr_value *copy)
{
    wr_value *v = &k->m->slots[slot];
    if (!wr_value_is_lazy(v) || v->type > WR_STRING) {
        return v;
    }
    const struct wr_plan *plan = k->x->plan;
    *copy = *v;
    wr_value_force(copy, k->m->arena, plan->mixed ? WR_SQL_2016 : plan->programs[0]->dialect);
    if (!plan->mixed) {
        *v = *copy;
        return v;
    }
    return copy;
}

static void nominate(struct match *k, uint32_t id)
{
    struct wr_index *x = k->x;
    k->sorted = k->sorted && (k->count == 0 || x->found[k->count - 1] < id);
    x->found[k->count++] = id;
    // Of many rules those of one message are seldom in the cache: begin to fetch them.
    __builtin_prefetch(&x->plan->programs[id]);
    __builtin_prefetch(&x->plan->maps[id]);
}

static uint32_t child_of(const struct wr_index *x, const struct node *n, const wr_value *v)
{
    if (v->type == WR_UNDEFINED || v->type > WR_STRING) {
        return NONE;
    }
    uint64_t hash = hash_of(v);
    const struct entry *entries = &x->entries[n->first];
    for (uint32_t at = (uint32_t)(hash >> 32) & n->mask; entries[at].child != NONE;
         at = (at + 1) & n->mask) {
        if (entries[at].hash == hash) {
            return entries[at].child;
        }
    }
    return NONE;
}

// False: it is no number, and no ordering holds.
static bool number_of(struct match *k, const wr_value *v, double *low, double *high)
{
    wr_value n = *v;
    if (v->type == WR_STRING && v->len <= LONG_TEXT && wr_num_is_numeric_string(wr_value_text(v))) {
        struct wr_num_context c = {k->m->arena, WR_SQL_2016};
        n = wr_num_parse(&c, wr_value_text(v));
    } else if (v->type == WR_STRING && v->len > LONG_TEXT) {
        *low = -INFINITY; // not worth a look: all of them
        *high = INFINITY;
        return true;
    }
    if (n.type != WR_NUMBER) {
        return false;
    }
    wr_index_bounds(&n, low, high);
    return true;
}

static void walk(struct match *k, uint32_t at)
{
    const struct wr_index *x = k->x;
    wr_value copy;
    while (at != NONE) {
        if (at & ONE) {
            nominate(k, at & ~ONE);
            return;
        }
        const struct node *n = &x->nodes[at];
        switch (n->kind) {
        case LIST:
            for (uint32_t i = 0; i < n->count; i++) {
                nominate(k, x->ids[n->first + i]);
            }
            return;
        case RANGES: {
            double low, high;
            if (number_of(k, value_at(k, n->slot, &copy), &low, &high)) {
                const struct bounds *bounds = &x->bounds[n->first];
                for (uint32_t i = 0; i < n->count; i++) {
                    if (high >= bounds[i].low && low <= bounds[i].high) {
                        nominate(k, x->ids[n->first + i]);
                    }
                }
            }
            break;
        }
        case EQUALS: {
            uint32_t child = child_of(x, n, value_at(k, n->slot, &copy));
            if (child != NONE) {
                walk(k, child);
            }
            break;
        }
        }
        at = n->rest;
    }
}

static int ascending(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

size_t wr_index_match(struct wr_index *x, struct wr_sql_message *m, const uint32_t **numbers)
{
    struct match k = {.x = x, .m = m, .sorted = true};
    *numbers = x->found;
    if (m->payload.len <= PAYLOAD_MAX) {
        walk(&k, x->root);
    }
    if (m->payload.len > PAYLOAD_MAX || m->arena->over) { // let each say what it meets
        m->arena->over = false;
        for (size_t i = 0; i < x->plan->program_count; i++) {
            x->found[i] = (uint32_t)i;
        }
        return x->plan->program_count;
    }
    if (!k.sorted) {
        qsort(x->found, k.count, sizeof *x->found, ascending);
    }
    return k.count;
}
