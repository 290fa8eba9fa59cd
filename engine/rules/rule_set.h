// A snapshot of all rules: what a topic leads to. Replaced as a whole, never edited; it ends when
// the last message that uses it ends. Topics with equal sets of rules share one group: one plan of
// what to read. Thread: loop.
#ifndef WR_ENGINE_RULES_RULE_SET_H
#define WR_ENGINE_RULES_RULE_SET_H

#include "engine/rules/rule.h"
#include "sql/index.h"

// Groups kept at most, and two more for each rule; beyond it those not in use are forgotten.
// Hostile topics can otherwise make one for every combination of filters.
#define WR_GROUPS_MAX 4096

// Rules that are tried together on a message. `plan` reads for all of them, `rules` are in the
// plan's order.
struct wr_rule_group {
    size_t count;
    struct wr_rule *const *rules;
    struct wr_plan *plan;
    struct wr_index *index; // nominates rules; NULL: there are too few, or nothing tells them apart
    // With an index, since the last wr_rule_set_settle(): messages that were nominated for, and for
    // how many of them each rule was.
    uint64_t indexed;
    uint64_t *nominated;
    uint32_t locks;       // evaluations that use it
    const uint32_t *ids_; // numbers in the set, ascending: the group's identity
    uint64_t hash_;
    struct wr_rule_group *next_;
};

struct wr_rule_set;

// Give: a set of `count` rules (each is locked), names distinct, with one lock.
struct wr_rule_set *wr_rule_set_new(struct wr_rule *const *rules, size_t count);
void wr_rule_set_lock(struct wr_rule_set *s);
void wr_rule_set_unlock(struct wr_rule_set *s); // NULL is accepted

size_t wr_rule_set_count(const struct wr_rule_set *s);
struct wr_rule *wr_rule_set_at(const struct wr_rule_set *s, size_t index);
struct wr_rule *wr_rule_set_find(const struct wr_rule_set *s, wr_str name); // NULL: none

// Never the same for two contents, in any set of the process: a cached answer of another epoch is
// void.
uint64_t wr_rule_set_epoch(const struct wr_rule_set *s);

// Bring the counters of rules up to date with what indexes have left out: a rule that was not
// nominated was tried, and did not match. Whoever reads counters calls it before.
void wr_rule_set_settle(struct wr_rule_set *s);

// FROM filters of the enabled rules, of all spaces or of one: sorted, each once; borrowed.
const wr_str *wr_rule_set_filters(const struct wr_rule_set *s, size_t *count);
const wr_str *wr_rule_set_space_filters(const struct wr_rule_set *s, uint32_t space, size_t *count);
// True the first time it is called for this filter: "logged once per topic filter" (sql.md 14).
bool wr_rule_set_first_complaint(struct wr_rule_set *s, wr_str filter);

// The group for a topic of space 0, or NULL when no enabled rule has it. Allocates only for a
// combination of rules that was not seen before. Valid while the set is locked and, beyond the
// caller's turn, the group is.
struct wr_rule_group *wr_rule_set_topic(struct wr_rule_set *s, wr_str topic) WR_HOT;
struct wr_rule_group *wr_rule_set_topic_in(struct wr_rule_set *s, uint32_t space,
                                           wr_str topic) WR_HOT;
// The group of one rule by its name, for Basic Ingest; NULL when it is unknown or disabled.
struct wr_rule_group *wr_rule_set_basic_ingest(struct wr_rule_set *s, wr_str name);
// In a space: 0 as above; elsewhere the enabled rules of all regions with this plain name.
struct wr_rule_group *wr_rule_set_basic_ingest_in(struct wr_rule_set *s, uint32_t space,
                                                  wr_str name);

#endif
