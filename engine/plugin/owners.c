#include "engine/plugin/owners.h"

#include <stdlib.h>

#include "sql/base/err.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

struct wr_owner {
    struct wr_owner *next;          // in the chain
    struct wr_owner *older, *newer; // by time
    char *client_id, *tenant;       // own
    int64_t at_us;
};

static struct wr_owner **place(const struct wr_owners *o, const char *client_id)
{
    struct wr_owner **at = &o->slots_[wr_hash_str(wr_str_of(client_id)) & (o->room_ - 1)];
    while (*at && strcmp((*at)->client_id, client_id) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static void take_out(struct wr_owners *o, struct wr_owner **at)
{
    struct wr_owner *owner = *at;
    *at = owner->next;
    *(owner->older ? &owner->older->newer : &o->oldest_) = owner->newer;
    *(owner->newer ? &owner->newer->older : &o->newest_) = owner->older;
    o->count--;
    free(owner->client_id);
    free(owner->tenant);
    free(owner);
}

void wr_owners_clear(struct wr_owners *o, const char *client_id)
{
    struct wr_owner **at = o->room_ ? place(o, client_id) : NULL;
    if (at && *at) {
        take_out(o, at);
    }
}

void wr_owners_set(struct wr_owners *o, const char *client_id, wr_str tenant, int64_t now_us)
{
    if (!o->room_) {
        o->room_ = 1 << 16; // chains of one or two when it is full
        o->slots_ = wr_zalloc(o->room_ * sizeof *o->slots_);
    }
    wr_owners_clear(o, client_id);
    if (o->count == WR_OWNERS_MAX) {
        take_out(o, place(o, o->oldest_->client_id));
    }
    struct wr_owner *owner = wr_zalloc(sizeof *owner), **at = place(o, client_id);
    *owner = (struct wr_owner){.client_id = wr_strdup(wr_str_of(client_id)),
                               .tenant = wr_strdup(tenant),
                               .at_us = now_us,
                               .older = o->newest_};
    *at = owner;
    *(o->newest_ ? &o->newest_->newer : &o->oldest_) = owner;
    o->newest_ = owner;
    o->count++;
}

bool wr_owners_is_other(const struct wr_owners *o, const char *client_id, wr_str tenant,
                        int64_t now_us)
{
    const struct wr_owner *owner = o->room_ ? *place(o, client_id) : NULL;
    return owner && now_us - owner->at_us < WR_OWNERS_KEEP_S * 1000000 &&
           !wr_str_eq(wr_str_of(owner->tenant), tenant);
}

void wr_owners_release(struct wr_owners *o)
{
    while (o->oldest_) {
        take_out(o, place(o, o->oldest_->client_id));
    }
    free(o->slots_);
    *o = (struct wr_owners){0};
}
