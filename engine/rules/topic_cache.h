// Topics seen lately and what they lead to: two places for each hash, so that many distinct topics
// do not throw out a hot one at once. It follows the edits of a rule set: one of a filter without
// wildcards voids that topic; with wildcards each entry is compared with the filter when it is
// asked for the next time. Another set voids all. Thread: loop.
#ifndef WR_ENGINE_RULES_TOPIC_CACHE_H
#define WR_ENGINE_RULES_TOPIC_CACHE_H

#include "engine/rules/rule_set.h"

#define WR_TOPIC_CACHE_LEN \
    256 // longer topics are looked up in the trie each time: AWS allows no longer

struct wr_topic_cache;

// `sets` is a power of two; twice as many topics fit. Memory is used as topics come.
struct wr_topic_cache *wr_topic_cache_new(size_t sets);
void wr_topic_cache_free(struct wr_topic_cache *c);

// As wr_rule_set_topic_in(), which it asks on a miss. `*hit` tells which it was. A hit allocates
// nothing.
struct wr_rule_group *wr_topic_cache_get(struct wr_topic_cache *c, struct wr_rule_set *s,
                                         uint32_t space, wr_str topic, bool *hit) WR_HOT;

// For looking ahead: have the topic's places fetched, and later what they lead to if that is known;
// else NULL. The hash is that of wr_topic_cache_ask().
uint64_t wr_topic_cache_ask(const struct wr_topic_cache *c, wr_str topic) WR_HOT;
struct wr_rule_group *wr_topic_cache_peek(struct wr_topic_cache *c, struct wr_rule_set *s,
                                          uint32_t space, wr_str topic, uint64_t hash) WR_HOT;

#endif
