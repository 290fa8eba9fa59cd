// The rule set: names, filters, the trie, and the groups interned by content.
#include "engine/rules/rule_set.h"

#include <stdlib.h>

#include "engine/rules/trie.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define BUCKETS_MIN 1024 // of the group table

struct wr_rule_set {
    uint32_t locks;
    uint64_t epoch;
    struct wr_rule **rules; // sorted by name, so that their numbers do not depend on files
    size_t count;
    wr_str *filters;
    bool *complained; // by filter
    size_t filter_count;
    struct wr_trie *trie;
    struct wr_readers *readers;    // what the groups' plans share
    struct wr_rule_group **groups; // buckets, a power of two
    size_t bucket_count, group_count, group_max;
};

static uint64_t last_epoch; // of the loop's thread; 0 is no epoch

static int rule_order(const void *a, const void *b)
{
    const struct wr_rule *const *x = a, *const *y = b;
    return wr_str_cmp((*x)->name, (*y)->name);
}

static int filter_order(const void *a, const void *b)
{
    const wr_str *x = a, *y = b;
    return wr_str_cmp(*x, *y);
}

static void collect_filters(struct wr_rule_set *s)
{
    s->filters = wr_alloc((s->count + 1) * sizeof *s->filters);
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct wr_rule *r = s->rules[i];
        if (r->enabled && r->filter.len) {
            s->filters[n++] = r->filter;
        }
    }
    if (n) {
        qsort(s->filters, n, sizeof *s->filters, filter_order);
    }
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || !wr_str_eq(s->filters[i], s->filters[s->filter_count - 1])) {
            s->filters[s->filter_count++] = s->filters[i];
        }
    }
    s->complained = wr_zalloc((s->filter_count + 1) * sizeof *s->complained);
}

struct wr_rule_set *wr_rule_set_new(struct wr_rule *const *rules, size_t count)
{
    struct wr_rule_set *s = wr_zalloc(sizeof *s);
    s->locks = 1;
    s->epoch = ++last_epoch;
    s->count = count;
    s->rules = wr_alloc((count + 1) * sizeof(struct wr_rule *));
    for (size_t i = 0; i < count; i++) {
        s->rules[i] = rules[i];
        wr_rule_lock(rules[i]);
    }
    if (count) {
        qsort(s->rules, count, sizeof(struct wr_rule *), rule_order);
    }
    collect_filters(s);
    s->trie = wr_trie_new();
    for (size_t i = 0; i < count; i++) {
        const struct wr_rule *r = s->rules[i];
        if (r->enabled && r->filter.len) {
            wr_trie_add(s->trie, r->filter, (uint32_t)i);
        }
    }
    wr_trie_seal(s->trie);
    s->readers = wr_readers_new();
    s->bucket_count = BUCKETS_MIN;
    while (s->bucket_count < count) {
        s->bucket_count *= 2;
    }
    s->groups = wr_zalloc(s->bucket_count * sizeof(struct wr_rule_group *));
    s->group_max = WR_GROUPS_MAX + 2 * count;
    return s;
}

void wr_rule_set_lock(struct wr_rule_set *s)
{
    s->locks++;
}

static void group_settle(struct wr_rule_group *g)
{
    for (size_t i = 0; g->indexed && i < g->count; i++) {
        struct wr_rule_counters *c = g->rules[i]->counters;
        uint64_t left_out = g->indexed - g->nominated[i];
        c->topic_match += left_out;
        c->no_match += left_out;
        c->left_out += left_out;
        g->nominated[i] = 0;
    }
    g->indexed = 0;
}

void wr_rule_set_settle(struct wr_rule_set *s)
{
    for (size_t i = 0; i < s->bucket_count; i++) {
        for (struct wr_rule_group *g = s->groups[i]; g; g = g->next_) {
            group_settle(g);
        }
    }
}

static void group_free(struct wr_rule_group *g)
{
    group_settle(g);
    wr_index_free(g->index);
    free(g->nominated);
    wr_plan_free(g->plan);
    free(g);
}

void wr_rule_set_unlock(struct wr_rule_set *s)
{
    if (!s || --s->locks > 0) {
        return;
    }
    for (size_t i = 0; i < s->bucket_count; i++) {
        while (s->groups[i]) {
            struct wr_rule_group *g = s->groups[i];
            wr_dassert(g->locks == 0);
            s->groups[i] = g->next_;
            group_free(g);
        }
    }
    free(s->groups);
    wr_readers_free(s->readers);
    wr_trie_free(s->trie);
    for (size_t i = 0; i < s->count; i++) {
        wr_rule_unlock(s->rules[i]);
    }
    free(s->rules);
    free(s->filters);
    free(s->complained);
    free(s);
}

size_t wr_rule_set_count(const struct wr_rule_set *s)
{
    return s->count;
}

struct wr_rule *wr_rule_set_at(const struct wr_rule_set *s, size_t index)
{
    return s->rules[index];
}

static size_t number_of(const struct wr_rule_set *s, wr_str name)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = wr_str_cmp(s->rules[middle]->name, name);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return SIZE_MAX;
}

struct wr_rule *wr_rule_set_find(const struct wr_rule_set *s, wr_str name)
{
    size_t i = number_of(s, name);
    return i == SIZE_MAX ? NULL : s->rules[i];
}

uint64_t wr_rule_set_epoch(const struct wr_rule_set *s)
{
    return s->epoch;
}

const wr_str *wr_rule_set_filters(const struct wr_rule_set *s, size_t *count)
{
    *count = s->filter_count;
    return s->filters;
}

bool wr_rule_set_first_complaint(struct wr_rule_set *s, wr_str filter)
{
    wr_str *at = s->filter_count ? bsearch(&filter, s->filters, s->filter_count, sizeof *s->filters,
                                           filter_order)
                                 : NULL;
    if (!at || s->complained[at - s->filters]) {
        return false;
    }
    s->complained[at - s->filters] = true;
    return true;
}

// Forgets the groups nobody uses; cached answers that name them become void with the epoch.
static void groups_sweep(struct wr_rule_set *s)
{
    s->epoch = ++last_epoch;
    for (size_t i = 0; i < s->bucket_count; i++) {
        struct wr_rule_group **at = &s->groups[i];
        while (*at) {
            struct wr_rule_group *g = *at;
            if (g->locks) {
                at = &g->next_;
                continue;
            }
            *at = g->next_;
            group_free(g);
            s->group_count--;
        }
    }
}

// One allocation: the group, its rules, the programs for its plan, its identity.
static struct wr_rule_group *group_new(struct wr_rule_set *s, const uint32_t *ids, size_t count)
{
    size_t pointers = 2 * count * sizeof(void *);
    struct wr_rule_group *g = wr_zalloc(sizeof *g + pointers + count * sizeof *ids);
    struct wr_rule **rules = (void *)(g + 1);
    const struct wr_program **programs = (void *)(rules + count);
    uint32_t *own = (void *)(programs + count);
    for (size_t i = 0; i < count; i++) {
        rules[i] = s->rules[ids[i]];
        programs[i] = rules[i]->program;
        own[i] = ids[i];
    }
    g->count = count;
    g->rules = rules;
    g->ids_ = own;
    g->plan = wr_plan_new_in(s->readers, programs, count);
    g->index = wr_index_new(g->plan);
    g->nominated = g->index ? wr_zalloc(count * sizeof *g->nominated) : NULL;
    return g;
}

static struct wr_rule_group *intern(struct wr_rule_set *s, const uint32_t *ids, size_t count)
{
    uint64_t hash = wr_hash_bytes(ids, count * sizeof *ids, wr_hash_seed);
    struct wr_rule_group *g = s->groups[hash & (s->bucket_count - 1)];
    for (; g; g = g->next_) {
        if (g->hash_ == hash && g->count == count &&
            memcmp(g->ids_, ids, count * sizeof *ids) == 0) {
            return g;
        }
    }
    if (s->group_count >= s->group_max) {
        groups_sweep(s);
    }
    g = group_new(s, ids, count);
    g->hash_ = hash;
    g->next_ = s->groups[hash & (s->bucket_count - 1)];
    s->groups[hash & (s->bucket_count - 1)] = g;
    s->group_count++;
    return g;
}

struct wr_rule_group *wr_rule_set_topic(struct wr_rule_set *s, wr_str topic)
{
    const uint32_t *ids;
    size_t count = wr_trie_match(s->trie, topic, &ids);
    return count ? intern(s, ids, count) : NULL;
}

struct wr_rule_group *wr_rule_set_basic_ingest(struct wr_rule_set *s, wr_str name)
{
    size_t i = number_of(s, name);
    if (i == SIZE_MAX || !s->rules[i]->enabled) {
        return NULL;
    }
    uint32_t id = (uint32_t)i;
    return intern(s, &id, 1);
}
