// The rule set: rules by number and by name, filters in a trie for each space, edits.
#include "engine/rules/rule_set.h"

#include <stdlib.h>

#include "engine/rules/rule_set_parts.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

static uint64_t last_epoch; // of the loop's thread; 0 is no epoch

void wr_rule_set_new_epoch(struct wr_rule_set *s)
{
    s->head.epoch_ = ++last_epoch;
}

// ---- order of names

// The first place whose rule's name is not before `name`.
static size_t place_of(const struct wr_rule_set *s, wr_str name)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (wr_str_cmp(s->slots[s->order[middle]].rule->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct wr_rule_set *s, size_t place, wr_str name)
{
    return place < s->count && wr_str_eq(s->slots[s->order[place]].rule->name, name);
}

static uint32_t number_of(const struct wr_rule_set *s, wr_str name)
{
    size_t place = place_of(s, name);
    return is_at(s, place, name) ? s->order[place] : UINT32_MAX;
}

// By plain name, then by name.
static size_t plain_place(const struct wr_rule_set *s, const struct wr_rule_space *space,
                          wr_str plain, wr_str name)
{
    size_t low = 0, high = space->plain_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct wr_rule *r = s->slots[space->by_plain[middle]].rule;
        int order = wr_str_cmp(r->plain, plain);
        if (order < 0 || (order == 0 && wr_str_cmp(r->name, name) < 0)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void plain_add(struct wr_rule_set *s, struct wr_rule_space *space, uint32_t number)
{
    const struct wr_rule *r = s->slots[number].rule;
    if (space->plain_count == space->plain_cap) {
        space->plain_cap = space->plain_cap ? 2 * space->plain_cap : 16;
        space->by_plain = wr_realloc(space->by_plain, space->plain_cap * sizeof *space->by_plain);
    }
    size_t at = plain_place(s, space, r->plain, r->name);
    memmove(&space->by_plain[at + 1], &space->by_plain[at],
            (space->plain_count++ - at) * sizeof *space->by_plain);
    space->by_plain[at] = number;
}

static void plain_remove(struct wr_rule_set *s, struct wr_rule_space *space, uint32_t number)
{
    const struct wr_rule *r = s->slots[number].rule;
    size_t at = plain_place(s, space, r->plain, r->name);
    wr_assert(at < space->plain_count && space->by_plain[at] == number);
    memmove(&space->by_plain[at], &space->by_plain[at + 1],
            (--space->plain_count - at) * sizeof *space->by_plain);
}

// ---- filters

static int filter_order(const void *a, const void *b)
{
    const wr_str *x = a, *y = b;
    return wr_str_cmp(*x, *y);
}

static bool listens(const struct wr_rule *r)
{
    return r->enabled && r->filter.len;
}

static struct wr_rule_space *space_of(struct wr_rule_set *s, const struct wr_rule *r)
{
    size_t count = (size_t)r->owner.space + 1;
    if (count > s->space_count) {
        s->spaces = wr_realloc(s->spaces, count * sizeof *s->spaces);
        for (; s->space_count < count; s->space_count++) {
            s->spaces[s->space_count] = (struct wr_rule_space){.trie = wr_trie_new()};
        }
    }
    return &s->spaces[r->owner.space];
}

// Where the filter is in the list, or would be.
static size_t filter_place(const struct wr_rule_space *space, size_t count, wr_str filter)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (wr_str_cmp(space->filters[middle], filter) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// The list, if there is one, as the trie has changed: its bytes are those of some rule.
static void list_filter(struct wr_rule_space *space, wr_str filter, bool first)
{
    size_t count = wr_trie_filters(space->trie) - first;
    if (!space->filters || !first) {
        return;
    }
    if (count == space->filter_cap) {
        space->filter_cap = 2 * (count + 8);
        space->filters = wr_realloc(space->filters, space->filter_cap * sizeof *space->filters);
    }
    size_t at = filter_place(space, count, filter);
    memmove(&space->filters[at + 1], &space->filters[at], (count - at) * sizeof *space->filters);
    space->filters[at] = filter;
}

static void unlist_filter(const struct wr_rule_set *s, struct wr_rule_space *space, wr_str filter,
                          bool last)
{
    size_t count = wr_trie_filters(space->trie) + last;
    if (!space->filters) {
        return;
    }
    size_t at = filter_place(space, count, filter);
    if (last) {
        memmove(&space->filters[at], &space->filters[at + 1],
                (count - at - 1) * sizeof *space->filters);
        return;
    }
    const uint32_t *ids;
    wr_assert(wr_trie_find(space->trie, filter, &ids) > 0);
    space->filters[at] = s->slots[ids[0]].rule->filter; // the one that goes has lent its own
}

// Rule `number` comes into the tables of its space.
static void enter(struct wr_rule_set *s, uint32_t number)
{
    const struct wr_rule *r = s->slots[number].rule;
    struct wr_rule_space *space = space_of(s, r);
    if (listens(r)) {
        bool first = wr_trie_add(space->trie, r->filter, number);
        list_filter(space, r->filter, first);
        s->filters_epoch += first;
    }
    if (r->enabled && r->owner.space) {
        plain_add(s, space, number);
    }
}

static void go(struct wr_rule_set *s, uint32_t number)
{
    const struct wr_rule *r = s->slots[number].rule;
    struct wr_rule_space *space = space_of(s, r);
    if (listens(r)) {
        bool last = wr_trie_remove(space->trie, r->filter, number);
        unlist_filter(s, space, r->filter, last);
        s->filters_epoch += last;
    }
    if (r->enabled && r->owner.space) {
        plain_remove(s, space, number);
    }
}

size_t wr_rule_set_filter_count(const struct wr_rule_set *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->space_count; i++) {
        count += wr_trie_filters(s->spaces[i].trie);
    }
    return count;
}

const wr_str *wr_rule_set_filters(struct wr_rule_set *s, uint32_t number, size_t *count)
{
    static const wr_str none;
    *count = number < s->space_count ? wr_trie_filters(s->spaces[number].trie) : 0;
    if (*count == 0) {
        return &none;
    }
    struct wr_rule_space *space = &s->spaces[number];
    if (space->filters) {
        return space->filters;
    }
    wr_str *all = wr_alloc((s->count + 1) * sizeof *all);
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < s->slot_count; i++) {
        const struct wr_rule *r = s->slots[i].rule;
        if (r && listens(r) && r->owner.space == number) {
            all[n++] = r->filter;
        }
    }
    qsort(all, n, sizeof *all, filter_order);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || !wr_str_eq(all[kept - 1], all[i])) {
            all[kept++] = all[i];
        }
    }
    wr_assert(kept == *count);
    space->filter_cap = s->count + 1;
    space->filters = all;
    return all;
}

uint64_t wr_rule_set_filters_epoch(const struct wr_rule_set *s)
{
    return s->filters_epoch;
}

bool wr_rule_set_first_complaint(struct wr_rule_set *s, wr_str filter)
{
    bool there = false, said = false;
    for (size_t k = 0; k < s->space_count; k++) {
        const uint32_t *ids;
        size_t count = wr_trie_find(s->spaces[k].trie, filter, &ids);
        there |= count > 0;
        for (size_t i = 0; i < count; i++) {
            said |= s->complained[ids[i]];
            s->complained[ids[i]] = true;
        }
    }
    return there && !said;
}

// ---- life

static int rule_order(const void *a, const void *b)
{
    const struct wr_rule *const *x = a, *const *y = b;
    return wr_str_cmp((*x)->name, (*y)->name);
}

struct wr_rule_set *wr_rule_set_names(struct wr_rule *const *rules, size_t count)
{
    struct wr_rule_set *s = wr_zalloc(sizeof *s);
    s->head.locks_ = 1;
    wr_rule_set_new_epoch(s);
    s->filters_epoch = s->head.epoch_ << 32; // edits count up from there
    s->spaces = wr_alloc(sizeof *s->spaces);
    s->spaces[0] = (struct wr_rule_space){.trie = wr_trie_new()};
    s->space_count = 1;
    s->count = s->slot_count = s->slot_cap = count;
    s->in_order = true; // so that numbers do not depend on files
    struct wr_rule **sorted = wr_alloc((count + 1) * sizeof(struct wr_rule *));
    for (size_t i = 0; i < count; i++) {
        sorted[i] = rules[i];
        wr_rule_lock(rules[i]);
    }
    if (count) {
        qsort(sorted, count, sizeof(struct wr_rule *), rule_order);
    }
    s->slots = wr_zalloc((count + 1) * sizeof *s->slots);
    s->complained = wr_zalloc((count + 1) * sizeof *s->complained);
    s->order = wr_alloc((count + 1) * sizeof *s->order);
    for (uint32_t i = 0; i < count; i++) {
        s->slots[i].rule = sorted[i];
        s->order[i] = i;
    }
    free(sorted);
    wr_rule_groups_init(s);
    return s;
}

struct wr_rule_set *wr_rule_set_new(struct wr_rule *const *rules, size_t count)
{
    struct wr_rule_set *s = wr_rule_set_names(rules, count);
    for (uint32_t i = 0; i < count; i++) {
        enter(s, i);
    }
    return s;
}

void wr_rule_set_free_(struct wr_rule_set *s)
{
    wr_rule_groups_release(s);
    for (size_t k = 0; k < s->space_count; k++) {
        wr_trie_free(s->spaces[k].trie);
        free(s->spaces[k].filters);
        free(s->spaces[k].by_plain);
    }
    free(s->spaces);
    for (size_t i = 0; i < s->slot_count; i++) {
        wr_rule_unlock(s->slots[i].rule);
    }
    for (size_t i = 0; s->changes && i < WR_CHANGES_KEPT; i++) {
        free((void *)(uintptr_t)s->changes[i].filter.at);
    }
    free(s->changes);
    free(s->slots);
    free(s->complained);
    free(s->free);
    free(s->order);
    free(s->scratch);
    free(s);
}

// ---- edits

// From here on topics of this rule's filter may lead elsewhere.
static void note_change(struct wr_rule_set *s, const struct wr_rule *r)
{
    if (!listens(r)) {
        return;
    }
    uint64_t before = s->head.epoch_;
    wr_rule_set_new_epoch(s);
    if (!s->changes) {
        s->changes = wr_zalloc(WR_CHANGES_KEPT * sizeof *s->changes);
    }
    struct wr_rule_change *c = &s->changes[s->change_count++ % WR_CHANGES_KEPT];
    free((void *)(uintptr_t)c->filter.at);
    *c = (struct wr_rule_change){.before = before,
                                 .epoch = s->head.epoch_,
                                 .space = r->owner.space,
                                 .filter = {wr_strdup(r->filter), r->filter.len}};
}

const struct wr_rule_change *wr_rule_set_change(const struct wr_rule_set *s, uint64_t epoch)
{
    for (size_t i = 0; i < WR_CHANGES_KEPT && i < s->change_count; i++) {
        const struct wr_rule_change *c = &s->changes[(s->change_count - 1 - i) % WR_CHANGES_KEPT];
        if (c->before == epoch) {
            return c;
        }
    }
    return NULL;
}

static uint32_t number_take(struct wr_rule_set *s)
{
    if (s->free_count) {
        return s->free[--s->free_count];
    }
    wr_assert(s->slot_count < UINT32_MAX);
    if (s->slot_count == s->slot_cap) {
        size_t cap = 2 * (s->slot_cap + 8);
        // The seats of a rule point to its slot.
        struct wr_rule_slot *slots = wr_zalloc(cap * sizeof *slots);
        for (size_t i = 0; i < s->slot_count; i++) {
            slots[i] = s->slots[i];
            if (slots[i].seats) {
                slots[i].seats->at = &slots[i].seats;
            }
        }
        free(s->slots);
        s->slots = slots;
        s->complained = wr_realloc(s->complained, cap * sizeof *s->complained);
        s->order = wr_realloc(s->order, cap * sizeof *s->order);
        s->free = wr_realloc(s->free, cap * sizeof *s->free);
        s->slot_cap = cap;
    }
    return (uint32_t)s->slot_count++;
}

static void number_give(struct wr_rule_set *s, uint32_t number)
{
    if (!s->free) {
        s->free = wr_alloc((s->slot_cap + 1) * sizeof *s->free);
    }
    s->slots[number] = (struct wr_rule_slot){0};
    s->free[s->free_count++] = number;
}

// Whether the tables look the same with `new` in place of `old`.
static bool same_place(const struct wr_rule *old, const struct wr_rule *new)
{
    return old->owner.space == new->owner.space &&
           old->enabled == new->enabled &&wr_str_eq(old->filter, new->filter) &&
           wr_str_eq(old->plain, new->plain);
}

static void replace(struct wr_rule_set *s, uint32_t number, struct wr_rule *new)
{
    struct wr_rule *old = s->slots[number].rule;
    wr_rule_groups_retire(s, number);
    note_change(s, old);
    if (same_place(old, new)) {
        struct wr_rule_space *space = space_of(s, new);
        s->slots[number].rule = new;
        if (listens(new) && space->filters) { // whose bytes may be the old one's
            size_t count = wr_trie_filters(space->trie);
            space->filters[filter_place(space, count, new->filter)] = new->filter;
        }
    } else {
        go(s, number);
        s->slots[number].rule = new;
        s->complained[number] = false;
        enter(s, number);
        note_change(s, new);
    }
    wr_rule_unlock(old);
}

void wr_rule_set_put(struct wr_rule_set *s, struct wr_rule *r)
{
    size_t place = place_of(s, r->name);
    wr_rule_lock(r);
    if (is_at(s, place, r->name)) {
        replace(s, s->order[place], r);
        return;
    }
    uint32_t number = number_take(s);
    s->slots[number] = (struct wr_rule_slot){.rule = r};
    s->complained[number] = false;
    memmove(&s->order[place + 1], &s->order[place], (s->count - place) * sizeof *s->order);
    s->order[place] = number;
    s->in_order &= place == s->count && number == s->count;
    s->count++;
    enter(s, number);
    note_change(s, r);
}

bool wr_rule_set_remove(struct wr_rule_set *s, wr_str name)
{
    size_t place = place_of(s, name);
    if (!is_at(s, place, name)) {
        return false;
    }
    uint32_t number = s->order[place];
    struct wr_rule *r = s->slots[number].rule;
    wr_rule_groups_retire(s, number);
    note_change(s, r);
    go(s, number);
    s->count--;
    memmove(&s->order[place], &s->order[place + 1], (s->count - place) * sizeof *s->order);
    number_give(s, number);
    wr_rule_unlock(r);
    return true;
}

size_t wr_rule_set_become(struct wr_rule_set *s, struct wr_rule *const *rules, size_t count)
{
    size_t edits = 0, gone = 0;
    bool *stays = wr_zalloc(s->slot_count + 1);
    for (size_t i = 0; i < count; i++) {
        uint32_t number = number_of(s, rules[i]->name);
        if (number != UINT32_MAX) {
            stays[number] = true;
        }
    }
    struct wr_rule **leaving = wr_alloc((s->count + 1) * sizeof(struct wr_rule *));
    for (size_t i = 0; i < s->slot_count; i++) {
        if (s->slots[i].rule && !stays[i]) {
            leaving[gone++] = s->slots[i].rule;
        }
    }
    for (size_t i = 0; i < gone; i++) {
        edits += wr_rule_set_remove(s, leaving[i]->name);
    }
    for (size_t i = 0; i < count; i++) {
        if (wr_rule_set_find(s, rules[i]->name) != rules[i]) {
            wr_rule_set_put(s, rules[i]);
            edits++;
        }
    }
    free(leaving);
    free(stays);
    return edits;
}

// ---- asking

size_t wr_rule_set_count(const struct wr_rule_set *s)
{
    return s->count;
}

struct wr_rule *wr_rule_set_at(const struct wr_rule_set *s, size_t index)
{
    return s->slots[s->order[index]].rule;
}

struct wr_rule *wr_rule_set_find(const struct wr_rule_set *s, wr_str name)
{
    uint32_t number = number_of(s, name);
    return number == UINT32_MAX ? NULL : s->slots[number].rule;
}

struct wr_rule_group *wr_rule_set_topic_in(struct wr_rule_set *s, uint32_t space, wr_str topic)
{
    if (space >= s->space_count) {
        return NULL;
    }
    const uint32_t *ids;
    size_t count = wr_trie_match(s->spaces[space].trie, topic, &ids);
    return count ? wr_rule_groups_intern(s, ids, count) : NULL;
}

struct wr_rule_group *wr_rule_set_topic(struct wr_rule_set *s, wr_str topic)
{
    return wr_rule_set_topic_in(s, 0, topic);
}

struct wr_rule_group *wr_rule_set_basic_ingest(struct wr_rule_set *s, wr_str name)
{
    uint32_t number = number_of(s, name);
    if (number == UINT32_MAX || !s->slots[number].rule->enabled) {
        return NULL;
    }
    return wr_rule_groups_intern(s, &number, 1);
}

static int number_order(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

struct wr_rule_group *wr_rule_set_basic_ingest_in(struct wr_rule_set *s, uint32_t space,
                                                  wr_str name)
{
    if (space == 0 || space >= s->space_count) {
        return space ? NULL : wr_rule_set_basic_ingest(s, name);
    }
    const struct wr_rule_space *of = &s->spaces[space];
    size_t first = plain_place(s, of, name, (wr_str){0}), end = first;
    while (end < of->plain_count && wr_str_eq(s->slots[of->by_plain[end]].rule->plain, name)) {
        end++;
    }
    size_t count = end - first;
    if (count == 0) {
        return NULL;
    }
    if (s->in_order || count == 1) {
        return wr_rule_groups_intern(s, &of->by_plain[first], count);
    }
    s->scratch = wr_realloc(s->scratch, count * sizeof *s->scratch);
    memcpy(s->scratch, &of->by_plain[first], count * sizeof *s->scratch);
    qsort(s->scratch, count, sizeof *s->scratch, number_order);
    return wr_rule_groups_intern(s, s->scratch, count);
}
