// The rules that run: what a topic leads to. A set is made of many rules at once, and edited rule
// by rule. Topics with equal sets of rules share one group: one plan of what to read. A group is
// never edited: with a rule of it that changes it is retired, and the next message makes another
// one; evaluations that use it keep it, its rules and the set (a lock on each of both) until they
// end.
//
//   edit: put, remove ─► trie of its space (its filter's levels) ─► groups of that rule retired
//                     └► a note of the filter, by which topic caches void what it matches
//
// So an edit may come at any time, from inside of an evaluation too: every message is evaluated by
// the rules as they were before an edit, or as they are after it.
//
// Thread: loop; a worker (flow/workers.h) that was given a group reads its `rules`.
#ifndef WR_ENGINE_RULES_RULE_SET_H
#define WR_ENGINE_RULES_RULE_SET_H

#include "engine/rules/rule.h"
#include "sql/index.h"

// Groups kept at most, and two more for each rule; beyond it those not in use are forgotten.
// Hostile topics can otherwise make one for every combination of filters.
#define WR_GROUPS_MAX 4096

// Changes that are remembered for topic caches; one that has missed more begins anew.
#define WR_CHANGES_KEPT 64

struct wr_rule_seat;
struct wr_rule_group;

// How other threads see a group: theirs, ended by `forget` before the group is.
struct wr_rule_group_views {
    void (*forget)(struct wr_rule_group *g);
};

// Rules that are tried together on a message. `plan` reads for all of them, `rules` are in the
// plan's order, which is that of their names.
struct wr_rule_group {
    size_t count;
    struct wr_rule *const *rules; // each is locked
    struct wr_plan *plan;
    struct wr_index *index; // nominates rules; NULL: there are too few, or nothing tells them apart
    // With an index, since the last wr_rule_set_settle(): messages that were nominated for, and for
    // how many of them each rule was.
    uint64_t indexed;
    uint64_t *nominated;
    uint64_t quota_epoch; // that `limited` is of (quota.h)
    bool limited;         // a rule of it belongs to a tenant with a quota; the flow's
    uint32_t locks;       // evaluations that use it
    bool retired_;        // the set does not know it any more: it ends with its last lock
    struct wr_rule_group_views *views; // of other threads; NULL: none
    struct wr_rule_seat *seats_;
    const uint32_t *ids_; // numbers in the set, ascending: the group's identity
    uint64_t hash_;
    struct wr_rule_group *next_;
};

struct wr_rule_set;

// What a set begins with: every message looks at it.
struct wr_rule_set_head {
    uint32_t locks_;
    uint64_t epoch_;
};

// Give: a set of `count` rules (each is locked), names distinct, with one lock.
struct wr_rule_set *wr_rule_set_new(struct wr_rule *const *rules, size_t count);

// The same by name only: topics lead nowhere.
struct wr_rule_set *wr_rule_set_names(struct wr_rule *const *rules, size_t count);

static inline void wr_rule_set_lock(struct wr_rule_set *s)
{
    ((struct wr_rule_set_head *)(void *)s)->locks_++;
}
void wr_rule_set_free_(struct wr_rule_set *s);
static inline void wr_rule_set_unlock(struct wr_rule_set *s) // NULL is accepted
{
    if (s && --((struct wr_rule_set_head *)(void *)s)->locks_ == 0) {
        wr_rule_set_free_(s);
    }
}

static inline void wr_rule_group_lock(struct wr_rule_group *g)
{
    g->locks++;
}
void wr_rule_group_free_(struct wr_rule_group *g);
static inline void wr_rule_group_unlock(struct wr_rule_group *g)
{
    if (--g->locks == 0 && WR_UNLIKELY(g->retired_)) {
        wr_rule_group_free_(g);
    }
}

// Take the rule in, instead of the one that has its name. Locks it.
void wr_rule_set_put(struct wr_rule_set *s, struct wr_rule *r);
// False: there is none of this name, which may be the rule's own.
bool wr_rule_set_remove(struct wr_rule_set *s, wr_str name);
// Make it the set of these rules by such edits; those that it has already are left alone. How many
// edits that took.
size_t wr_rule_set_become(struct wr_rule_set *s, struct wr_rule *const *rules, size_t count);

size_t wr_rule_set_count(const struct wr_rule_set *s);
// In order of their names. The first time after an edit it sorts.
struct wr_rule *wr_rule_set_at(const struct wr_rule_set *s, size_t index);
struct wr_rule *wr_rule_set_find(const struct wr_rule_set *s, wr_str name); // NULL: none

// Never the same for two answers to any topic, in any set of the process: another one after each
// edit that topics may notice, and when groups were forgotten.
static inline uint64_t wr_rule_set_epoch(const struct wr_rule_set *s)
{
    return ((const struct wr_rule_set_head *)(const void *)s)->epoch_;
}

// A filter that rules came to or went from.
struct wr_rule_change {
    uint64_t before, epoch; // the set's, on either side
    uint32_t space;
    wr_str filter;
};
// The change that led away from `epoch`; borrowed until the next edit. NULL: it is not known, and
// neither is what became of any topic.
const struct wr_rule_change *wr_rule_set_change(const struct wr_rule_set *s, uint64_t epoch);

// Bring the counters of rules up to date with what indexes have left out: a rule that was not
// nominated was tried, and did not match. Whoever reads counters calls it before.
void wr_rule_set_settle(struct wr_rule_set *s);

// FROM filters of the enabled rules: how many, those of each space for themselves.
size_t wr_rule_set_filter_count(const struct wr_rule_set *s);
// Those of one space: sorted, each once; borrowed until the next edit.
const wr_str *wr_rule_set_filters(struct wr_rule_set *s, uint32_t space, size_t *count);
// Another one whenever the filters of some space have become others.
uint64_t wr_rule_set_filters_epoch(const struct wr_rule_set *s);
// True the first time it is called for this filter: "logged once per topic filter" (sql.md 14).
bool wr_rule_set_first_complaint(struct wr_rule_set *s, wr_str filter);

// The group for a topic of space 0, or NULL when no enabled rule has it. Allocates only for a
// combination of rules that was not seen before. Valid until the next edit or call of these;
// beyond that while it and the set are locked.
struct wr_rule_group *wr_rule_set_topic(struct wr_rule_set *s, wr_str topic) WR_HOT;
struct wr_rule_group *wr_rule_set_topic_in(struct wr_rule_set *s, uint32_t space,
                                           wr_str topic) WR_HOT;
// The group of one rule by its name, for Basic Ingest; NULL when it is unknown or disabled.
struct wr_rule_group *wr_rule_set_basic_ingest(struct wr_rule_set *s, wr_str name);
// In a space: 0 as above; elsewhere the enabled rules of all regions with this plain name.
struct wr_rule_group *wr_rule_set_basic_ingest_in(struct wr_rule_set *s, uint32_t space,
                                                  wr_str name);

#endif
