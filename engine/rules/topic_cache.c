// The topic cache: set-associative, two ways, with the topic's bytes inline.
//
// An entry is stamped with the instant it was last known to be right. Instants pass when a filter
// with wildcards changes: those filters are kept for a while, and an entry whose topic none of them
// matches gets the new stamp instead of being looked up again.
#include "engine/rules/topic_cache.h"

#include <stdlib.h>

#include "sql/base/buf.h"
#include "sql/base/hash.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define SPACES_MAX 64 // brokers.* are fewer (config_brokers.c)
#define WILD_KEPT  16 // comparing with more filters takes as long as looking the topic up

struct entry {
    uint64_t stamp; // instant * SPACES_MAX + space; 0: void
    uint64_t hash;
    struct wr_rule_group *group; // NULL: no rule has the topic
    uint32_t len;
    char topic[WR_TOPIC_CACHE_LEN];
};

struct wr_topic_cache {
    struct entry *entries; // two a set
    size_t mask;
    uint64_t turn;  // which way is given up next
    uint64_t epoch; // of the rule set that the entries are about
    uint64_t now;   // the instant
    uint64_t from;  // entries of earlier instants are void
    struct {
        struct wr_buf filter;
        uint32_t space;
    } wild[WILD_KEPT]; // what changed at an instant, by its number
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
    for (size_t i = 0; c && i < WILD_KEPT; i++) {
        wr_buf_release(&c->wild[i].filter);
    }
    if (c) {
        free(c->entries);
        free(c);
    }
}

static bool is_topic(const struct entry *e, uint64_t hash, wr_str topic)
{
    return e->hash == hash && wr_str_eq((wr_str){e->topic, e->len}, topic);
}

static struct entry *entries_of(const struct wr_topic_cache *c, uint64_t hash)
{
    return &c->entries[(hash & c->mask) * 2];
}

static void note_change(struct wr_topic_cache *c, const struct wr_rule_change *change)
{
    wr_str filter = change->filter;
    bool wild = memchr(filter.at, '+', filter.len) || memchr(filter.at, '#', filter.len);
    if (wild) {
        c->now++;
        struct wr_buf *kept = &c->wild[c->now % WILD_KEPT].filter;
        wr_buf_clear(kept);
        wr_buf_add(kept, filter);
        c->wild[c->now % WILD_KEPT].space = change->space;
        return;
    }
    uint64_t hash = wr_hash_str(filter);
    struct entry *e = entries_of(c, hash);
    for (int i = 0; i < 2; i++) {
        e[i].stamp = is_topic(&e[i], hash, filter) ? 0 : e[i].stamp;
    }
}

// The rules have changed since.
WR_COLD static void follow(struct wr_topic_cache *c, const struct wr_rule_set *s)
{
    uint64_t epoch = wr_rule_set_epoch(s);
    while (c->epoch != epoch) {
        const struct wr_rule_change *change = wr_rule_set_change(s, c->epoch);
        if (!change) {
            c->from = ++c->now;
            c->epoch = epoch;
            return;
        }
        note_change(c, change);
        c->epoch = change->epoch;
    }
}

// An entry for this topic with an earlier stamp: whether it is right still.
WR_COLD static bool is_right_still(struct wr_topic_cache *c, struct entry *e, uint32_t space,
                                   wr_str topic)
{
    uint64_t instant = e->stamp / SPACES_MAX;
    if (e->stamp % SPACES_MAX != space || instant < c->from || c->now - instant > WILD_KEPT) {
        return false;
    }
    for (uint64_t at = c->now; at > instant; at--) {
        const struct wr_buf *filter = &c->wild[at % WILD_KEPT].filter;
        if (c->wild[at % WILD_KEPT].space == space &&
            wr_topic_matches((wr_str){filter->at, filter->len}, topic)) {
            return false;
        }
    }
    e->stamp = c->now * SPACES_MAX + space;
    return true;
}

struct wr_rule_group *wr_topic_cache_get(struct wr_topic_cache *c, struct wr_rule_set *s,
                                         uint32_t space, wr_str topic, bool *hit)
{
    wr_dassert(space < SPACES_MAX);
    if (topic.len > WR_TOPIC_CACHE_LEN) {
        *hit = false;
        return wr_rule_set_topic_in(s, space, topic);
    }
    if (WR_UNLIKELY(c->epoch != wr_rule_set_epoch(s))) {
        follow(c, s);
    }
    uint64_t hash = wr_hash_str(topic);
    uint64_t stamp = c->now * SPACES_MAX + space;
    struct entry *e = entries_of(c, hash);
    *hit = true;
    if (WR_LIKELY(e[0].stamp == stamp && is_topic(&e[0], hash, topic))) {
        return e[0].group;
    }
    if (e[1].stamp == stamp && is_topic(&e[1], hash, topic)) {
        return e[1].group;
    }
    for (int i = 0; i < 2; i++) {
        if (is_topic(&e[i], hash, topic) && is_right_still(c, &e[i], space, topic)) {
            return e[i].group;
        }
    }
    *hit = false;
    struct wr_rule_group *group = wr_rule_set_topic_in(s, space, topic);
    if (c->epoch != wr_rule_set_epoch(s)) { // making a group may have swept others
        follow(c, s);
        stamp = c->now * SPACES_MAX + space;
    }
    // A way that is of no use goes first; between two others by turns.
    bool own[2];
    for (int i = 0; i < 2; i++) {
        own[i] = e[i].stamp < c->from * SPACES_MAX ||
                 (e[i].stamp % SPACES_MAX == space && is_topic(&e[i], hash, topic));
    }
    struct entry *out = own[0] ? &e[0] : own[1] ? &e[1] : &e[c->turn++ & 1];
    out->stamp = stamp;
    out->hash = hash;
    out->group = group;
    out->len = (uint32_t)topic.len;
    if (topic.len) {
        memcpy(out->topic, topic.at, topic.len);
    }
    return group;
}
