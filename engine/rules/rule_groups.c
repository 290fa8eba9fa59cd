// Groups: interned by the numbers of their rules, made when a topic needs one, retired when one of
// their rules changes.
//
//   group ─ one block: the group │ rules │ seats │ numbers
//                                           └ chained with the rule's other seats
#include <stdlib.h>

#include "engine/rules/rule_set_parts.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define BUCKETS_MIN 1024

void wr_rule_groups_init(struct wr_rule_set *s)
{
    s->readers = wr_readers_new();
    s->bucket_count = BUCKETS_MIN;
    while (s->bucket_count < s->count) {
        s->bucket_count *= 2;
    }
    s->groups = wr_zalloc(s->bucket_count * sizeof(struct wr_rule_group *));
}

static void settle(struct wr_rule_group *g)
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
            settle(g);
        }
    }
}

void wr_rule_group_free_(struct wr_rule_group *g)
{
    settle(g);
    if (g->views) {
        g->views->forget(g);
    }
    wr_index_free(g->index);
    free(g->nominated);
    wr_plan_free(g->plan);
    for (size_t i = 0; i < g->count; i++) {
        wr_rule_unlock(g->rules[i]);
    }
    free(g);
}

// Out of the table and of its rules' chains.
static void leave(struct wr_rule_set *s, struct wr_rule_group *g)
{
    struct wr_rule_group **at = &s->groups[g->hash_ & (s->bucket_count - 1)];
    while (*at != g) {
        at = &(*at)->next_;
    }
    *at = g->next_;
    s->group_count--;
    for (size_t i = 0; i < g->count; i++) {
        struct wr_rule_seat *seat = &g->seats_[i];
        *seat->at = seat->next;
        if (seat->next) {
            seat->next->at = seat->at;
        }
    }
}

static void retire(struct wr_rule_set *s, struct wr_rule_group *g)
{
    leave(s, g);
    settle(g);
    if (g->locks) {
        g->retired_ = true;
    } else {
        wr_rule_group_free_(g);
    }
}

void wr_rule_groups_retire(struct wr_rule_set *s, uint32_t number)
{
    while (s->slots[number].seats) {
        retire(s, s->slots[number].seats->group);
    }
}

void wr_rule_groups_release(struct wr_rule_set *s)
{
    for (size_t i = 0; i < s->bucket_count; i++) {
        while (s->groups[i]) {
            wr_dassert(s->groups[i]->locks == 0);
            retire(s, s->groups[i]);
        }
    }
    free(s->groups);
    wr_readers_free(s->readers);
}

// Forgets the groups nobody uses.
static void sweep(struct wr_rule_set *s)
{
    wr_rule_set_new_epoch(s);
    for (size_t i = 0; i < s->bucket_count; i++) {
        for (struct wr_rule_group *g = s->groups[i], *next; g; g = next) {
            next = g->next_;
            if (g->locks == 0) {
                retire(s, g);
            }
        }
    }
}

static void grow(struct wr_rule_set *s)
{
    size_t count = 4 * s->bucket_count;
    struct wr_rule_group **buckets = wr_zalloc(count * sizeof(struct wr_rule_group *));
    for (size_t i = 0; i < s->bucket_count; i++) {
        while (s->groups[i]) {
            struct wr_rule_group *g = s->groups[i];
            s->groups[i] = g->next_;
            g->next_ = buckets[g->hash_ & (count - 1)];
            buckets[g->hash_ & (count - 1)] = g;
        }
    }
    free(s->groups);
    s->groups = buckets;
    s->bucket_count = count;
}

static int rule_order(const void *a, const void *b)
{
    const struct wr_rule *const *x = a, *const *y = b;
    return wr_str_cmp((*x)->name, (*y)->name);
}

static void sit_down(struct wr_rule_set *s, struct wr_rule_group *g)
{
    for (size_t i = 0; i < g->count; i++) {
        struct wr_rule_slot *slot = &s->slots[g->ids_[i]];
        struct wr_rule_seat *seat = &g->seats_[i];
        *seat = (struct wr_rule_seat){.next = slot->seats, .at = &slot->seats, .group = g};
        if (slot->seats) {
            slot->seats->at = &seat->next;
        }
        slot->seats = seat;
    }
}

static struct wr_rule_group *group_new(struct wr_rule_set *s, const uint32_t *ids, size_t count)
{
    size_t each = sizeof(struct wr_rule *) + sizeof(struct wr_rule_seat) + sizeof *ids;
    struct wr_rule_group *g = wr_zalloc(sizeof *g + count * each);
    struct wr_rule **rules = (void *)(g + 1);
    g->seats_ = (void *)(rules + count);
    uint32_t *own = (void *)(g->seats_ + count);
    for (size_t i = 0; i < count; i++) {
        rules[i] = s->slots[ids[i]].rule;
        wr_rule_lock(rules[i]);
        own[i] = ids[i];
    }
    if (!s->in_order) {
        qsort(rules, count, sizeof(struct wr_rule *), rule_order);
    }
    g->count = count;
    g->rules = rules;
    g->ids_ = own;
    const struct wr_program **programs = wr_alloc(count * sizeof *programs);
    for (size_t i = 0; i < count; i++) {
        programs[i] = rules[i]->program;
    }
    g->plan = wr_plan_new_in(s->readers, programs, count);
    free(programs);
    g->index = wr_index_new(g->plan);
    g->nominated = g->index ? wr_zalloc(count * sizeof *g->nominated) : NULL;
    return g;
}

struct wr_rule_group *wr_rule_groups_intern(struct wr_rule_set *s, const uint32_t *ids,
                                            size_t count)
{
    uint64_t hash = wr_hash_bytes(ids, count * sizeof *ids, wr_hash_seed);
    struct wr_rule_group *g = s->groups[hash & (s->bucket_count - 1)];
    for (; g; g = g->next_) {
        if (g->hash_ == hash && g->count == count &&
            memcmp(g->ids_, ids, count * sizeof *ids) == 0) {
            return g;
        }
    }
    if (s->group_count >= WR_GROUPS_MAX + 2 * s->count) {
        sweep(s);
    }
    if (s->group_count >= 2 * s->bucket_count) {
        grow(s);
    }
    g = group_new(s, ids, count);
    g->hash_ = hash;
    g->next_ = s->groups[hash & (s->bucket_count - 1)];
    s->groups[hash & (s->bucket_count - 1)] = g;
    s->group_count++;
    sit_down(s, g);
    return g;
}
