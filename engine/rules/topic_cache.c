// The topic cache: set-associative, two ways, with the topic's bytes inline.
#include "engine/rules/topic_cache.h"

#include <stdlib.h>

#include "sql/base/hash.h"

#include "sql/base/banned.h"

struct entry {
    uint64_t epoch; // of the set, and the space; 0: never used
    uint64_t hash;
    struct wr_rule_group *group; // NULL: no rule has the topic
    uint32_t len;
    char topic[WR_TOPIC_CACHE_LEN];
};

struct wr_topic_cache {
    struct entry *entries; // two a set
    size_t mask;
    uint64_t turn; // which way is given up next
};

struct wr_topic_cache *wr_topic_cache_new(size_t sets)
{
    wr_assert(sets && (sets & (sets - 1)) == 0);
    struct wr_topic_cache *c = wr_zalloc(sizeof *c);
    c->entries = wr_zalloc(sets * 2 * sizeof *c->entries);
    c->mask = sets - 1;
    return c;
}

void wr_topic_cache_free(struct wr_topic_cache *c)
{
    if (c) {
        free(c->entries);
        free(c);
    }
}

#define SPACES_MAX 64 // brokers.* are fewer (config_brokers.c)

static uint64_t epoch_of(const struct wr_rule_set *s, uint32_t space)
{
    return wr_rule_set_epoch(s) * SPACES_MAX + space;
}

static bool is_entry(const struct entry *e, uint64_t epoch, uint64_t hash, wr_str topic)
{
    return e->hash == hash && e->epoch == epoch && wr_str_eq((wr_str){e->topic, e->len}, topic);
}

struct wr_rule_group *wr_topic_cache_get(struct wr_topic_cache *c, struct wr_rule_set *s,
                                         uint32_t space, wr_str topic, bool *hit)
{
    wr_dassert(space < SPACES_MAX);
    if (topic.len > WR_TOPIC_CACHE_LEN) {
        *hit = false;
        return wr_rule_set_topic_in(s, space, topic);
    }
    uint64_t hash = wr_hash_str(topic);
    uint64_t epoch = epoch_of(s, space);
    struct entry *e = &c->entries[(hash & c->mask) * 2];
    *hit = true;
    if (WR_LIKELY(is_entry(&e[0], epoch, hash, topic))) {
        return e[0].group;
    }
    if (is_entry(&e[1], epoch, hash, topic)) {
        return e[1].group;
    }
    *hit = false;
    struct wr_rule_group *group = wr_rule_set_topic_in(s, space, topic);
    epoch = epoch_of(s, space); // making a group may have swept others
    // A stale way goes first; between two live ones by turns.
    struct entry *out = e[0].epoch != epoch   ? &e[0]
                        : e[1].epoch != epoch ? &e[1]
                                              : &e[c->turn++ & 1];
    out->epoch = epoch;
    out->hash = hash;
    out->group = group;
    out->len = (uint32_t)topic.len;
    if (topic.len) {
        memcpy(out->topic, topic.at, topic.len);
    }
    return group;
}
