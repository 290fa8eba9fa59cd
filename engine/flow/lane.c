// Lanes: queues of runs by rule and topic, in a hash table of fixed width.
#include "engine/flow/lane.h"

#include <stdlib.h>

#include "engine/flow/run.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

static wr_str topic_of(const struct wr_run *r)
{
    return r->message->sql.topic;
}

static uint64_t hash_of(const struct wr_run *r)
{
    return wr_hash_bytes(r->rule->name.at, r->rule->name.len, wr_hash_str(topic_of(r)));
}

static void append(struct wr_lane *lane, struct wr_run *r)
{
    r->lane = lane;
    r->lane_next = NULL;
    if (lane->last) {
        lane->last->lane_next = r;
    } else {
        lane->first = r;
    }
    lane->last = r;
}

bool wr_lane_join(struct wr_lanes *l, struct wr_run *r)
{
    uint64_t hash = hash_of(r);
    for (struct wr_lane *lane = l->buckets[hash % WR_LANE_BUCKETS]; lane; lane = lane->next) {
        if (lane->hash == hash && wr_str_eq(lane->first->rule->name, r->rule->name) &&
            wr_str_eq(topic_of(lane->first), topic_of(r))) {
            append(lane, r);
            return true;
        }
    }
    return false;
}

void wr_lane_open(struct wr_lanes *l, struct wr_run *r)
{
    if (wr_lane_join(l, r)) {
        return;
    }
    struct wr_lane *lane = wr_zalloc(sizeof *lane);
    lane->hash = hash_of(r);
    struct wr_lane **bucket = &l->buckets[lane->hash % WR_LANE_BUCKETS];
    lane->next = *bucket;
    *bucket = lane;
    l->count++;
    append(lane, r);
}

static void lane_free(struct wr_lanes *l, struct wr_lane *lane)
{
    struct wr_lane **at = &l->buckets[lane->hash % WR_LANE_BUCKETS];
    while (*at != lane) {
        at = &(*at)->next;
    }
    *at = lane->next;
    l->count--;
    free(lane);
}

struct wr_run *wr_lane_take(struct wr_lanes *l, struct wr_lane **lane)
{
    struct wr_run *r = (*lane)->first;
    if (r->stage != WR_RUN_READY && r->stage != WR_RUN_ENDED) {
        return NULL;
    }
    struct wr_lane *mine = *lane;
    if (mine->first == mine->last) {
        *lane = NULL;
    }
    wr_lane_leave(l, r);
    return r;
}

void wr_lane_leave(struct wr_lanes *l, struct wr_run *r)
{
    struct wr_lane *lane = r->lane;
    struct wr_run *before = NULL;
    for (struct wr_run *at = lane->first; at != r; at = at->lane_next) {
        before = at;
    }
    if (before) {
        before->lane_next = r->lane_next;
    } else {
        lane->first = r->lane_next;
    }
    if (lane->last == r) {
        lane->last = before;
    }
    r->lane = NULL;
    r->lane_next = NULL;
    if (!lane->first) {
        lane_free(l, lane);
    }
}
