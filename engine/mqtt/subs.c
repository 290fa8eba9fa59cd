// The table of subscriptions. Small lists, rarely changed: linear.
#include "engine/mqtt/subs.h"

#include <stdlib.h>

#include "sql/base/err.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

static wr_str copy(wr_str s)
{
    return (wr_str){wr_strdup(s), s.len};
}

static void free_bytes(wr_str s)
{
    free((void *)(uintptr_t)s.at); // made by copy()
}

void wr_subs_init(struct wr_subs *s)
{
    *s = (struct wr_subs){.next_id = 1};
}

void wr_subs_clear(struct wr_subs *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free_bytes(s->at[i].filter);
    }
    s->count = 0;
    s->dirty = true;
    wr_copies_release(&s->copies);
}

void wr_subs_forgive(struct wr_subs *s)
{
    for (size_t i = 0; i < s->refused_count; i++) {
        free_bytes(s->refused[i]);
    }
    free(s->refused);
    s->refused = NULL;
    s->refused_count = 0;
}

void wr_subs_release(struct wr_subs *s)
{
    wr_subs_clear(s);
    wr_subs_forgive(s);
    free(s->at);
    *s = (struct wr_subs){0};
}

static struct wr_sub *append(struct wr_subs *s, wr_str filter, uint32_t id)
{
    if (s->count == s->cap_) {
        s->cap_ = s->cap_ ? 2 * s->cap_ : 16;
        s->at = wr_realloc(s->at, s->cap_ * sizeof *s->at);
    }
    struct wr_sub *sub = &s->at[s->count++];
    *sub = (struct wr_sub){.filter = copy(filter), .id = id, .phase = WR_SUB_ASK};
    return sub;
}

// The table of those that may be the reason for a copy. Its filters borrow from ours.
static void refresh_copies(struct wr_subs *s)
{
    wr_copies_release(&s->copies);
    wr_str *filters = wr_alloc((s->count ? s->count : 1) * sizeof *filters);
    uint32_t *ids = wr_alloc((s->count ? s->count : 1) * sizeof *ids);
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (!s->at[i].leaving && s->at[i].id != 0) {
            filters[count] = s->at[i].filter;
            ids[count++] = s->at[i].id;
        }
    }
    wr_copies_init(&s->copies, filters, ids, count);
    free(filters);
    free(ids);
}

void wr_subs_add_saved(struct wr_subs *s, wr_str filter, uint32_t id, bool granted, bool leaving)
{
    struct wr_sub *sub = append(s, filter, id);
    sub->granted = granted;
    sub->leaving = leaving;
    sub->phase = leaving ? WR_SUB_LEAVE : WR_SUB_ASK;
}

void wr_subs_lost(struct wr_subs *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct wr_sub *sub = &s->at[i];
        if (!sub->granted && !sub->leaving) {
            sub->leaving = s->dirty = true;
        }
    }
    refresh_copies(s);
}

static void remove_at(struct wr_subs *s, size_t index)
{
    free_bytes(s->at[index].filter);
    s->count--;
    memmove(&s->at[index], &s->at[index + 1],
            (s->count - index) * sizeof *s->at); // keeps the order
}

void wr_subs_remove(struct wr_subs *s, struct wr_sub *sub)
{
    bool present = !sub->leaving;
    if (present) {
        wr_copies_release(&s->copies); // borrows the filter
    }
    remove_at(s, (size_t)(sub - s->at));
    s->late = true;
    if (present) {
        refresh_copies(s);
    }
}

void wr_subs_connected(struct wr_subs *s, bool session_present)
{
    wr_copies_release(&s->copies);
    for (size_t i = s->count; i-- > 0;) {
        struct wr_sub *sub = &s->at[i];
        if (sub->leaving && !session_present) {
            remove_at(s, i);
            s->dirty = true;
        } else {
            sub->phase = sub->leaving ? WR_SUB_LEAVE : WR_SUB_ASK;
        }
    }
    refresh_copies(s);
}

bool wr_subs_is_refused(const struct wr_subs *s, wr_str filter)
{
    for (size_t i = 0; i < s->refused_count; i++) {
        if (wr_str_eq(s->refused[i], filter)) {
            return true;
        }
    }
    return false;
}

// A present filter that a refused one was to replace is better than nothing.
static bool stands_in(const struct wr_subs *s, const struct wr_sub *sub)
{
    for (size_t i = 0; i < s->refused_count; i++) {
        if (wr_topic_covers(s->refused[i], sub->filter)) {
            return true;
        }
    }
    return false;
}

static int compare(const void *a, const void *b)
{
    const wr_str *x = a, *y = b;
    return wr_str_cmp(*x, *y);
}

void wr_subs_plan(struct wr_subs *s, const struct wr_filters *filters, bool ids)
{
    s->plan_again = false;
    bool *have = wr_zalloc(filters->count ? filters->count : 1);
    for (size_t i = 0; i < s->count; i++) {
        struct wr_sub *sub = &s->at[i];
        if (sub->leaving) {
            continue;
        }
        wr_str *wanted = filters->count ? bsearch(&sub->filter, filters->at, filters->count,
                                                  sizeof *filters->at, compare)
                                        : NULL;
        if (wanted && (sub->id != 0) == ids) {
            have[wanted - filters->at] = true;
            if (sub->phase == WR_SUB_UNWANTED) {
                sub->phase = WR_SUB_ASK; // costs a packet, and makes sure
            }
        } else if (sub->phase == WR_SUB_ASKED) {
            s->plan_again = true; // its SUBACK finds it by `mid`
        } else if (!stands_in(s, sub)) {
            sub->phase = WR_SUB_UNWANTED;
        }
    }
    for (size_t i = 0; i < filters->count; i++) {
        if (!have[i] && !wr_subs_is_refused(s, filters->at[i])) {
            wr_assert(s->next_id <= WR_SUB_ID_MAX);
            append(s, filters->at[i], ids ? s->next_id++ : 0);
            s->dirty = true;
        }
    }
    free(have);
    refresh_copies(s);
}

struct wr_sub *wr_subs_next(struct wr_subs *s, enum wr_sub_phase phase, const struct wr_sub *after)
{
    for (size_t i = after ? (size_t)(after - s->at) + 1 : 0; i < s->count; i++) {
        if (s->at[i].phase == phase) {
            return &s->at[i];
        }
    }
    return NULL;
}

size_t wr_subs_count(const struct wr_subs *s, enum wr_sub_phase phase)
{
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++) {
        count += s->at[i].phase == phase;
    }
    return count;
}

static struct wr_sub *find_mid(struct wr_subs *s, enum wr_sub_phase phase, int mid)
{
    struct wr_sub *sub = NULL;
    while ((sub = wr_subs_next(s, phase, sub)) && sub->mid != mid) {
    }
    return sub;
}

void wr_subs_refuse(struct wr_subs *s, wr_str filter)
{
    wr_str kept = copy(filter);
    wr_copies_release(&s->copies);
    for (size_t i = s->count; i-- > 0;) {
        if (wr_str_eq(s->at[i].filter, kept)) {
            remove_at(s, i);
            s->dirty = true;
        }
    }
    s->refused = wr_realloc(s->refused, (s->refused_count + 1) * sizeof *s->refused);
    s->refused[s->refused_count++] = kept;
    s->plan_again = true;
    refresh_copies(s);
}

bool wr_subs_granted(struct wr_subs *s, int mid, bool granted, wr_str *refused)
{
    struct wr_sub *sub = find_mid(s, WR_SUB_ASKED, mid);
    if (!sub) {
        return false;
    }
    if (granted) {
        s->late |= !sub->granted;
        sub->granted = true;
        sub->phase = WR_SUB_ON;
        return true;
    }
    *refused = copy(sub->filter);
    wr_subs_refuse(s, *refused);
    return true;
}

bool wr_subs_leave(struct wr_subs *s)
{
    bool any = false;
    for (size_t i = 0; i < s->count; i++) {
        if (s->at[i].phase == WR_SUB_UNWANTED) {
            s->at[i].phase = WR_SUB_LEAVE;
            s->at[i].leaving = any = s->dirty = true;
        }
    }
    if (any) {
        refresh_copies(s);
    }
    return any;
}

bool wr_subs_replaced(const struct wr_subs *s, const struct wr_sub *sub)
{
    for (size_t i = 0; i < s->count; i++) {
        if (&s->at[i] != sub && !s->at[i].leaving && wr_str_eq(s->at[i].filter, sub->filter)) {
            return true;
        }
    }
    return false;
}

bool wr_subs_left(struct wr_subs *s, int mid)
{
    struct wr_sub *sub = find_mid(s, WR_SUB_LEFT, mid);
    if (!sub) {
        return false;
    }
    wr_subs_remove(s, sub);
    return true;
}
