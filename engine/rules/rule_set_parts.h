// What the files of a rule set share: rule_set.c has the rules, their names, filters and edits;
// rule_groups.c what is made of them for topics. For these two only. Thread: loop.
#ifndef WR_ENGINE_RULES_RULE_SET_PARTS_H
#define WR_ENGINE_RULES_RULE_SET_PARTS_H

#include "engine/rules/rule_set.h"
#include "engine/rules/trie.h"

// One rule's place in one group: the groups of a rule are found from it, and left in any order.
struct wr_rule_seat {
    struct wr_rule_seat *next, **at; // where the one before, or the rule, points to this
    struct wr_rule_group *group;
};

// A rule's place in the set: its index is the rule's number as long as it is there, and of the one
// that replaces it.
struct wr_rule_slot {
    struct wr_rule *rule; // NULL: free
    struct wr_rule_seat *seats;
};

// What one source's messages meet.
struct wr_rule_space {
    struct wr_trie *trie;
    wr_str *filters; // sorted, each once; NULL until somebody asks
    size_t filter_cap;
    uint32_t *by_plain; // numbers of enabled rules, by plain name, then by name; none in space 0
    size_t plain_count, plain_cap;
};

struct wr_rule_set {
    struct wr_rule_set_head head; // first
    uint64_t filters_epoch;
    struct wr_rule_slot *slots;
    bool *complained; // by number
    size_t slot_count, slot_cap;
    uint32_t *free; // numbers that are not taken
    size_t free_count;
    uint32_t *order; // numbers, by name
    size_t count;
    bool in_order; // numbers ascend as names do
    struct wr_rule_space *spaces;
    size_t space_count;             // at least 1
    struct wr_rule_change *changes; // a ring; NULL before the first edit
    size_t change_count;
    uint32_t *scratch; // numbers for a look-up by plain name
    // rule_groups.c
    struct wr_readers *readers;    // what the groups' plans share
    struct wr_rule_group **groups; // buckets, a power of two
    size_t bucket_count, group_count;
};

// Another epoch: nothing that was cached counts any more.
void wr_rule_set_new_epoch(struct wr_rule_set *s);

void wr_rule_groups_init(struct wr_rule_set *s);
void wr_rule_groups_release(struct wr_rule_set *s);
// The group of these rules, ascending, each once: found, or made.
struct wr_rule_group *wr_rule_groups_intern(struct wr_rule_set *s, const uint32_t *ids,
                                            size_t count) WR_HOT;
// Retire every group that the rule is in.
void wr_rule_groups_retire(struct wr_rule_set *s, uint32_t number);

#endif
