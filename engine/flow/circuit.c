// Circuits in a hash table of fixed width, each with a queue of what waits.
#include "engine/flow/circuit.h"

#include <stdlib.h>

#include "engine/observe/log.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

struct wr_circuit {
    struct wr_retry_entry look; // first: when the next try is due, or the budget of one that waits
    struct wr_circuits *all;
    struct wr_circuit *next; // in its bucket
    const char *kind;
    uint64_t hash;
    size_t resource_len; // of the whole
    char resource[WR_CIRCUIT_RESOURCE_MAX];
    enum wr_circuit_phase phase;
    bool probing; // half-open: one is out
    bool busy;    // not to be forgotten
    uint64_t failures, opened;
    unsigned tries;    // since it opened
    int64_t opened_ms; // of uv_now()
    int64_t try_ms;    // open: when to try again
    struct wr_circuit_waiter *first, *last;
    size_t waiting;
    char why[WR_CIRCUIT_WHY_MAX];
    size_t why_len;
};

const char *wr_circuit_phase_name(enum wr_circuit_phase phase)
{
    switch (phase) {
    case WR_CIRCUIT_CLOSED:
        return "closed";
    case WR_CIRCUIT_OPEN:
        return "open";
    case WR_CIRCUIT_HALF_OPEN:
        return "half-open";
    }
    return "";
}

static int64_t now_of(const struct wr_circuits *c)
{
    return (int64_t)uv_now(c->looks.loop);
}

// ---- the table

static uint64_t hash_of(struct wr_destination to)
{
    return wr_hash_bytes(to.resource.at, to.resource.len, wr_hash_str(wr_str_of(to.kind)));
}

static bool is_same(const struct wr_circuit *at, struct wr_destination to, uint64_t hash)
{
    size_t kept = to.resource.len < sizeof at->resource ? to.resource.len : sizeof at->resource;
    return at->hash == hash && at->resource_len == to.resource.len &&
           strcmp(at->kind, to.kind) == 0 && memcmp(at->resource, to.resource.at, kept) == 0;
}

static struct wr_circuit *find(const struct wr_circuits *c, struct wr_destination to, uint64_t hash)
{
    struct wr_circuit *at = c->buckets[hash % WR_CIRCUIT_BUCKETS];
    while (at && !is_same(at, to, hash)) {
        at = at->next;
    }
    return at;
}

// Forget one that is closed. False: all are open.
static bool forget_one(struct wr_circuits *c)
{
    for (size_t i = 0; i < WR_CIRCUIT_BUCKETS; i++) {
        for (struct wr_circuit **at = &c->buckets[i]; *at; at = &(*at)->next) {
            struct wr_circuit *one = *at;
            if (one->phase == WR_CIRCUIT_CLOSED && !one->busy) {
                *at = one->next;
                c->troubled -= one->failures > 0;
                c->count--;
                free(one);
                return true;
            }
        }
    }
    return false;
}

static struct wr_circuit *make(struct wr_circuits *c, struct wr_destination to, uint64_t hash)
{
    if (c->count == WR_CIRCUITS_MAX && !forget_one(c)) {
        return NULL;
    }
    struct wr_circuit *one = wr_zalloc(sizeof *one);
    one->all = c;
    one->kind = to.kind;
    one->hash = hash;
    one->resource_len = to.resource.len;
    if (to.resource.len) {
        size_t len = to.resource.len;
        memcpy(one->resource, to.resource.at,
               len < sizeof one->resource ? len : sizeof one->resource);
    }
    one->next = c->buckets[hash % WR_CIRCUIT_BUCKETS];
    c->buckets[hash % WR_CIRCUIT_BUCKETS] = one;
    c->count++;
    return one;
}

static struct wr_circuit_state state_of(const struct wr_circuit *one)
{
    size_t len = one->resource_len;
    return (struct wr_circuit_state){
        .kind = one->kind,
        .resource = {one->resource, len < sizeof one->resource ? len : sizeof one->resource},
        .phase = one->phase,
        .failures = one->failures,
        .opened = one->opened,
        .waiting = one->waiting,
        .away_ms = one->phase == WR_CIRCUIT_CLOSED ? 0 : now_of(one->all) - one->opened_ms,
        .why = {one->why, one->why_len},
    };
}

// ---- what waits

static void push(struct wr_circuit *one, struct wr_circuit_waiter *w)
{
    w->circuit = one;
    w->next = NULL;
    w->before = one->last;
    *(one->last ? &one->last->next : &one->first) = w;
    one->last = w;
    one->waiting++;
}

void wr_circuits_leave(struct wr_circuit_waiter *w)
{
    struct wr_circuit *one = w->circuit;
    if (!one) {
        return;
    }
    *(w->before ? &w->before->next : &one->first) = w->next;
    *(w->next ? &w->next->before : &one->last) = w->before;
    one->waiting--;
    *w = (struct wr_circuit_waiter){0};
}

// Look again when the next try is due, or the first budget ends.
static void look_later(struct wr_circuit *one)
{
    struct wr_circuits *c = one->all;
    int64_t due = one->phase == WR_CIRCUIT_OPEN ? one->try_ms : INT64_MAX;
    for (const struct wr_circuit_waiter *w = one->first; w; w = w->next) {
        due = w->until_ms < due ? w->until_ms : due;
    }
    wr_retry_remove(&c->looks, &one->look);
    if (due < INT64_MAX) {
        wr_retry_add(&c->looks, &one->look, due - now_of(c));
    }
}

// Takes them out first: what is told may come back and wait again.
static void expire(struct wr_circuit *one)
{
    struct wr_circuit_waiter *over = NULL, **last = &over;
    int64_t now = now_of(one->all);
    for (struct wr_circuit_waiter *w = one->first, *next; w; w = next) {
        next = w->next;
        if (w->until_ms <= now) {
            wr_circuits_leave(w);
            *last = w;
            last = &w->next;
        }
    }
    struct wr_circuit_state state = state_of(one);
    while (over) {
        struct wr_circuit_waiter *w = over;
        over = w->next;
        w->next = NULL;
        one->all->expired(w, &state);
    }
}

static void on_look(struct wr_retry *retry, struct wr_retry_entry *e)
{
    struct wr_circuit *one = WR_CONTAINER(e, struct wr_circuit, look);
    struct wr_circuits *c = one->all;
    one->busy = true;
    expire(one);
    if (one->phase == WR_CIRCUIT_OPEN && one->try_ms <= now_of(c)) {
        one->phase = WR_CIRCUIT_HALF_OPEN;
        one->probing = false;
        struct wr_circuit_waiter *w = one->first;
        if (w) {
            one->probing = true;
            wr_circuits_leave(w);
            c->go(w, true);
        }
    }
    if (one->phase != WR_CIRCUIT_CLOSED) {
        look_later(one);
    }
    one->busy = false;
}

enum wr_circuit_way wr_circuits_enter(struct wr_circuits *c, struct wr_destination to,
                                      const struct wr_retry_policy *policy, int64_t first_ms,
                                      struct wr_circuit_waiter *w, struct wr_circuit_state *state)
{
    struct wr_circuit *one = find(c, to, hash_of(to));
    if (!one || one->phase == WR_CIRCUIT_CLOSED) {
        return WR_CIRCUIT_GO;
    }
    if (one->phase == WR_CIRCUIT_HALF_OPEN && !one->probing) {
        one->probing = true;
        return WR_CIRCUIT_PROBE;
    }
    int64_t since = first_ms < one->opened_ms ? first_ms : one->opened_ms;
    w->until_ms = since + policy->budget_ms;
    if (w->until_ms <= now_of(c)) {
        *state = state_of(one);
        return WR_CIRCUIT_FAIL;
    }
    push(one, w);
    if (!one->look.place_ || w->until_ms < one->look.due_ms) {
        look_later(one);
    }
    return WR_CIRCUIT_WAIT;
}

// ---- answers

static void set_why(struct wr_circuit *one, const struct wr_why *why)
{
    size_t len = why ? why->message.len : 0;
    one->why_len = len < sizeof one->why ? len : sizeof one->why;
    if (len) {
        memcpy(one->why, why->message.at, one->why_len);
    }
}

static void open_one(struct wr_circuit *one)
{
    static struct wr_log_limit limit;
    one->opened++;
    one->opened_ms = now_of(one->all);
    one->tries = 0;
    one->all->open++;
    struct wr_circuit_state s = state_of(one);
    wr_log_limited(&limit, WR_LOG_WARN, "flow",
                   "%s %.*s: %llu tries failed in a row: records for it wait, one at a time is "
                   "tried until it answers: %.*s",
                   one->kind, WR_STR_ARG(s.resource), (unsigned long long)one->failures,
                   WR_STR_ARG(s.why));
}

void wr_circuits_failed(struct wr_circuits *c, struct wr_destination to,
                        const struct wr_retry_policy *policy, bool probe, const struct wr_why *why)
{
    uint64_t hash = hash_of(to);
    struct wr_circuit *one = find(c, to, hash);
    if (!one) {
        one = make(c, to, hash);
    }
    if (!one) {
        c->untracked++;
        return;
    }
    c->troubled += one->failures == 0;
    one->failures++;
    set_why(one, why);
    bool was_closed = one->phase == WR_CIRCUIT_CLOSED;
    if (was_closed) {
        if (policy->circuit == 0 || one->failures < policy->circuit) {
            return;
        }
        open_one(one);
    } else if (!probe || one->phase != WR_CIRCUIT_HALF_OPEN) {
        return; // it went out before
    }
    one->phase = WR_CIRCUIT_OPEN;
    one->probing = false;
    one->tries++;
    int64_t base = why && why->throttled ? policy->throttled_base_ms : policy->base_ms;
    int64_t pause = wr_backoff_ms(c->jitter, base, policy->cap_ms, one->tries);
    if (why && why->retry_at_ms > pause) {
        pause = why->retry_at_ms;
    }
    one->try_ms = now_of(c) + pause;
    look_later(one);
}

static void close_one(struct wr_circuit *one)
{
    static struct wr_log_limit limit;
    struct wr_circuits *c = one->all;
    struct wr_circuit_state s = state_of(one);
    wr_log_limited(&limit, WR_LOG_INFO, "flow",
                   "%s %.*s: answers again, after %lld ms; %zu records waited", one->kind,
                   WR_STR_ARG(s.resource), (long long)s.away_ms, s.waiting);
    one->phase = WR_CIRCUIT_CLOSED;
    one->probing = false;
    c->open--;
    wr_retry_remove(&c->looks, &one->look);
    while (one->first) {
        struct wr_circuit_waiter *w = one->first;
        wr_circuits_leave(w);
        c->go(w, false);
    }
}

void wr_circuits_answered(struct wr_circuits *c, struct wr_destination to)
{
    struct wr_circuit *one = find(c, to, hash_of(to));
    if (!one || one->failures == 0) {
        return;
    }
    if (one->phase != WR_CIRCUIT_CLOSED) {
        close_one(one);
    }
    one->failures = 0;
    c->troubled--;
}

// ---- the rest

bool wr_circuits_next(const struct wr_circuits *c, size_t *at, struct wr_circuit_state *out)
{
    size_t bucket = *at / WR_CIRCUITS_MAX, place = *at % WR_CIRCUITS_MAX;
    for (; bucket < WR_CIRCUIT_BUCKETS; bucket++, place = 0) {
        const struct wr_circuit *one = c->buckets[bucket];
        for (size_t i = 0; one && i < place; i++) {
            one = one->next;
        }
        if (one) {
            *out = state_of(one);
            *at = bucket * WR_CIRCUITS_MAX + place + 1;
            return true;
        }
    }
    return false;
}

void wr_circuits_init(struct wr_circuits *c, uv_loop_t *loop, struct wr_jitter *jitter)
{
    *c = (struct wr_circuits){.jitter = jitter};
    wr_retry_init(&c->looks, loop, on_look);
}

void wr_circuits_close(struct wr_circuits *c, uv_close_cb closed)
{
    for (size_t i = 0; i < WR_CIRCUIT_BUCKETS; i++) {
        while (c->buckets[i]) {
            struct wr_circuit *one = c->buckets[i];
            wr_assert(!one->first);
            c->buckets[i] = one->next;
            wr_retry_remove(&c->looks, &one->look);
            free(one);
        }
    }
    c->count = c->troubled = c->open = 0;
    wr_retry_close(&c->looks, closed);
}
