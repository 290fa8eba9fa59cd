// The rule set: names, filters, the trie, and the groups interned by content.
#include "engine/rules/rule_set.h"

#include <stdlib.h>

#include "engine/rules/trie.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define BUCKETS_MIN 1024 // of the group table

// What one source's messages meet.
struct space {
    struct wr_trie *trie;
    wr_str *filters;
    size_t filter_count;
    uint32_t *by_plain; // numbers of the rules, by plain name; NULL in space 0
    size_t rule_count;
};

struct wr_rule_set {
    uint32_t locks;
    uint64_t epoch;
    struct wr_rule **rules; // sorted by name, so that their numbers do not depend on files
    size_t count;
    wr_str *filters;
    bool *complained; // by filter
    size_t filter_count;
    struct space *spaces;
    size_t space_count;            // at least 1
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

// Sorted, each once; of all spaces with UINT32_MAX.
static wr_str *collect_filters(const struct wr_rule_set *s, uint32_t space, size_t *count)
{
    wr_str *filters = wr_alloc((s->count + 1) * sizeof *filters);
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct wr_rule *r = s->rules[i];
        if (r->enabled && r->filter.len && (space == UINT32_MAX || r->owner.space == space)) {
            filters[n++] = r->filter;
        }
    }
    if (n) {
        qsort(filters, n, sizeof *filters, filter_order);
    }
    *count = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || !wr_str_eq(filters[i], filters[*count - 1])) {
            filters[(*count)++] = filters[i];
        }
    }
    return filters;
}

// Insertion keeps it sorted: spaces other than 0 are a tenant's own, with a tenant's rules.
static void add_by_plain(const struct wr_rule_set *s, struct space *space, uint32_t number)
{
    size_t at = space->rule_count++;
    wr_str plain = s->rules[number]->plain;
    while (at > 0 && wr_str_cmp(s->rules[space->by_plain[at - 1]]->plain, plain) > 0) {
        space->by_plain[at] = space->by_plain[at - 1];
        at--;
    }
    space->by_plain[at] = number;
}

static void make_spaces(struct wr_rule_set *s)
{
    s->space_count = 1;
    for (size_t i = 0; i < s->count; i++) {
        size_t space = s->rules[i]->owner.space;
        s->space_count = space >= s->space_count ? space + 1 : s->space_count;
    }
    s->spaces = wr_zalloc(s->space_count * sizeof *s->spaces);
    for (uint32_t k = 0; k < s->space_count; k++) {
        struct space *space = &s->spaces[k];
        space->trie = wr_trie_new();
        space->filters = collect_filters(s, k, &space->filter_count);
        space->by_plain = k ? wr_alloc((s->count + 1) * sizeof *space->by_plain) : NULL;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        const struct wr_rule *r = s->rules[i];
        struct space *space = &s->spaces[r->owner.space];
        if (r->enabled && r->filter.len) {
            wr_trie_add(space->trie, r->filter, i);
        }
        if (r->enabled && space->by_plain) {
            add_by_plain(s, space, i);
        }
    }
    for (uint32_t k = 0; k < s->space_count; k++) {
        wr_trie_seal(s->spaces[k].trie);
    }
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
    s->filters = collect_filters(s, UINT32_MAX, &s->filter_count);
    s->complained = wr_zalloc((s->filter_count + 1) * sizeof *s->complained);
    make_spaces(s);
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
    for (size_t k = 0; k < s->space_count; k++) {
        wr_trie_free(s->spaces[k].trie);
        free(s->spaces[k].filters);
        free(s->spaces[k].by_plain);
    }
    free(s->spaces);
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

const wr_str *wr_rule_set_space_filters(const struct wr_rule_set *s, uint32_t space, size_t *count)
{
    static const wr_str none;
    *count = space < s->space_count ? s->spaces[space].filter_count : 0;
    return space < s->space_count ? s->spaces[space].filters : &none;
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

struct wr_rule_group *wr_rule_set_topic_in(struct wr_rule_set *s, uint32_t space, wr_str topic)
{
    if (space >= s->space_count) {
        return NULL;
    }
    const uint32_t *ids;
    size_t count = wr_trie_match(s->spaces[space].trie, topic, &ids);
    return count ? intern(s, ids, count) : NULL;
}

struct wr_rule_group *wr_rule_set_topic(struct wr_rule_set *s, wr_str topic)
{
    return wr_rule_set_topic_in(s, 0, topic);
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

struct wr_rule_group *wr_rule_set_basic_ingest_in(struct wr_rule_set *s, uint32_t space,
                                                  wr_str name)
{
    if (space == 0 || space >= s->space_count) {
        return space ? NULL : wr_rule_set_basic_ingest(s, name);
    }
    const struct space *of = &s->spaces[space];
    size_t low = 0, high = of->rule_count;
    while (low < high) { // the first that is not before `name`
        size_t middle = low + (high - low) / 2;
        if (wr_str_cmp(s->rules[of->by_plain[middle]]->plain, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    size_t end = low; // numbers of one name ascend: they were added in that order
    while (end < of->rule_count && wr_str_eq(s->rules[of->by_plain[end]]->plain, name)) {
        end++;
    }
    return end > low ? intern(s, &of->by_plain[low], end - low) : NULL;
}
