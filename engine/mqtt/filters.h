// Which filters to subscribe to so that a published message is handled once, though rules' filters
// overlap (dependencies.md 1.10). Pure logic: no broker, no clock.
// Thread: any.
#ifndef WR_ENGINE_MQTT_FILTERS_H
#define WR_ENGINE_MQTT_FILTERS_H

#include "sql/base/str.h"

#include <stddef.h>
#include <stdint.h>

// A list of filters with its own copies of the bytes, sorted bytewise, without repetition.
struct wr_filters {
    wr_str *at;
    size_t count, cap_;
};
void wr_filters_release(struct wr_filters *f);

// The filters of `list`, sorted. `out` is zeroed memory, here and below.
void wr_filters_copy(const wr_str *list, size_t count, struct wr_filters *out);

// The filters of `wanted` less those that another of them covers: copies of one message can be told
// apart by subscription identifiers.
void wr_filters_cover(const wr_str *wanted, size_t count, struct wr_filters *out);

// Filters that cover all of `wanted` and are disjoint: overlapping ones are widened to one that
// covers both. Depends on the set only, not on its order: every member of a shared group gets the
// same.
void wr_filters_disjoint(const wr_str *wanted, size_t count, struct wr_filters *out);

// ---- copies

// The subscriptions that may be the reason for a copy, by identifier.
struct wr_copies {
    struct wr_copy_filter *at; // identifiers ascending
    size_t count;
};
struct wr_copy_filter {
    uint32_t id;
    wr_str filter;   // borrowed
    uint32_t *lower; // indices of those with a lower identifier that overlap this one
    size_t lower_count;
};

// Make the table from `count` filters with their identifiers, in any order, all different and not
// 0. Borrows the filters' bytes until wr_copies_release().
void wr_copies_init(struct wr_copies *c, const wr_str *filters, const uint32_t *ids, size_t count);
void wr_copies_release(struct wr_copies *c);

// Whether to handle this copy: it has no identifier, or one that is not in the table, or one that
// is the lowest among those whose filter matches the topic. Of the copies that a broker sends of
// one message, for the subscriptions of the table, exactly one is taken.
bool wr_copies_take(const struct wr_copies *c, wr_str topic, const uint32_t *ids, size_t count);

#endif
