// The topic cache: set-associative, two ways, with the topic's bytes inline.
//
// An entry is stamped with the instant it was last known to be right. Instants pass when a filter
// with wildcards changes. Such filters are told apart by their shape, which is the places of their
// wildcards; what stands between these is hashed, and a table has the last instant that a filter
// of this hash changed. So an entry of an earlier instant asks the table once for each shape that
// has changed since, and gets the new stamp unless it must be looked up again.
#include "engine/rules/topic_cache.h"

#include <stdlib.h>

#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define SPACES_MAX 64 // brokers.* are fewer (config_brokers.c)
#define SHAPES     8  // more of them take as long as looking the topic up
#define LEVELS     32 // of a filter with a shape
#define INSTANTS   4096

struct entry {
    uint64_t stamp; // instant * SPACES_MAX + space; 0: void
    uint64_t hash;
    struct wr_rule_group *group; // NULL: no rule has the topic
    uint32_t len;
    char topic[WR_TOPIC_CACHE_LEN];
};

struct shape {
    uint32_t space;
    uint32_t literal; // levels that are no wildcard, a bit each
    uint32_t levels;  // a `#` left out
    bool open;        // ends with `#`
    uint64_t last;    // instant that one of it changed; 0: not in use
};

struct wr_topic_cache {
    struct entry *entries; // two a set
    size_t mask;
    uint64_t turn;  // which way is given up next
    uint64_t epoch; // of the rule set that the entries are about
    uint64_t now;   // the instant
    uint64_t from;  // entries of earlier instants are void
    struct shape shapes[SHAPES];
    uint64_t instants[INSTANTS];
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

static inline uint64_t eight(const char *p)
{
    uint64_t n;
    memcpy(&n, p, sizeof n);
    return n;
}

// Topics of usual length without a call: their first and last bytes, which overlap.
static inline bool is_topic(const struct entry *e, uint64_t hash, wr_str topic)
{
    const char *a = e->topic, *b = topic.at;
    size_t len = topic.len;
    if (e->hash != hash || e->len != len) {
        return false;
    }
    if (WR_UNLIKELY(len < 8 || len > 32)) {
        return memcmp(a, b, len) == 0;
    }
    uint64_t differ = (eight(a) ^ eight(b)) | (eight(a + len - 8) ^ eight(b + len - 8));
    if (len > 16) {
        differ |= (eight(a + 8) ^ eight(b + 8)) | (eight(a + len - 16) ^ eight(b + len - 16));
    }
    return differ == 0;
}

static struct entry *entries_of(const struct wr_topic_cache *c, uint64_t hash)
{
    return &c->entries[(hash & c->mask) * 2];
}

// Hashes of the levels; how many there are, LEVELS + 1 for more.
static uint32_t split(wr_str topic, uint64_t hashes[LEVELS], uint32_t *literal)
{
    const char *at = topic.at, *end = topic.at + topic.len;
    for (uint32_t n = 0; n < LEVELS; n++) {
        const char *slash = at < end ? memchr(at, '/', (size_t)(end - at)) : NULL;
        wr_str level = {at, (size_t)((slash ? slash : end) - at)};
        bool wild = level.len == 1 && (*at == '+' || *at == '#');
        *literal |= wild ? 0 : UINT32_C(1) << n;
        hashes[n] = wr_hash_str(level);
        if (!slash) {
            return n + 1;
        }
        at = slash + 1;
    }
    return LEVELS + 1;
}

// Where the table has what lies at the shape's places.
static uint64_t *instant_of(struct wr_topic_cache *c, const struct shape *shape,
                            const uint64_t hashes[LEVELS])
{
    uint64_t hash = shape->literal + ((uint64_t)shape->space << 32) + shape->open;
    for (uint32_t rest = shape->literal; rest; rest &= rest - 1) {
        hash = (hash ^ hashes[__builtin_ctz(rest)]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return &c->instants[hash % INSTANTS];
}

// The shape's place; the one that has not changed for longest makes room.
static struct shape *shape_place(struct wr_topic_cache *c, const struct shape *like)
{
    struct shape *oldest = c->shapes;
    for (struct shape *s = c->shapes; s < c->shapes + SHAPES; s++) {
        if (s->last && s->space == like->space && s->literal == like->literal &&
            s->levels == like->levels && s->open == like->open) {
            return s;
        }
        oldest = s->last < oldest->last ? s : oldest;
    }
    c->from = c->from > oldest->last ? c->from : oldest->last; // nobody asks for it any more
    *oldest = *like;
    return oldest;
}

static void void_topic(struct wr_topic_cache *c, wr_str topic)
{
    uint64_t hash = wr_hash_str(topic);
    struct entry *e = entries_of(c, hash);
    for (int i = 0; i < 2; i++) {
        e[i].stamp = is_topic(&e[i], hash, topic) ? 0 : e[i].stamp;
    }
}

static void note_change(struct wr_topic_cache *c, const struct wr_rule_change *change)
{
    wr_str filter = change->filter;
    uint64_t hashes[LEVELS];
    struct shape shape = {.space = change->space};
    if (!memchr(filter.at, '+', filter.len) && !memchr(filter.at, '#', filter.len)) {
        void_topic(c, filter);
        return;
    }
    c->now++;
    shape.levels = split(filter, hashes, &shape.literal);
    if (shape.levels > LEVELS) {
        c->from = c->now;
        return;
    }
    shape.open = filter.at[filter.len - 1] == '#'; // alone in its level, or it were no filter
    shape.levels -= shape.open;
    struct shape *place = shape_place(c, &shape);
    place->last = c->now;
    *instant_of(c, place, hashes) = c->now;
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
static bool is_right_still(struct wr_topic_cache *c, struct entry *e, uint32_t space, wr_str topic)
{
    uint64_t instant = e->stamp / SPACES_MAX;
    if (e->stamp % SPACES_MAX != space || instant < c->from) {
        return false;
    }
    uint64_t hashes[LEVELS];
    uint32_t literal = 0, levels = split(topic, hashes, &literal);
    for (const struct shape *shape = c->shapes; shape < c->shapes + SHAPES; shape++) {
        bool fits = shape->open ? levels > shape->levels : levels == shape->levels;
        if (fits && shape->last > instant && shape->space == space &&
            *instant_of(c, shape, hashes) > instant) {
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

uint64_t wr_topic_cache_ask(const struct wr_topic_cache *c, wr_str topic)
{
    uint64_t hash = wr_hash_str(topic);
    const struct entry *e = entries_of(c, hash);
    __builtin_prefetch(&e[0]);
    __builtin_prefetch(&e[0].topic[24]);
    __builtin_prefetch(&e[1]);
    return hash;
}

struct wr_rule_group *wr_topic_cache_peek(struct wr_topic_cache *c, struct wr_rule_set *s,
                                          uint32_t space, wr_str topic, uint64_t hash)
{
    if (topic.len > WR_TOPIC_CACHE_LEN) {
        return NULL;
    }
    if (WR_UNLIKELY(c->epoch != wr_rule_set_epoch(s))) {
        follow(c, s);
    }
    uint64_t stamp = c->now * SPACES_MAX + space;
    struct entry *e = entries_of(c, hash);
    for (int i = 0; i < 2; i++) {
        if (e[i].hash == hash &&
            (e[i].stamp == stamp ||
             (is_topic(&e[i], hash, topic) && is_right_still(c, &e[i], space, topic)))) {
            return e[i].group;
        }
    }
    return NULL;
}
