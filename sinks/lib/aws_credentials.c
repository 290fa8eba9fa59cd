// One set of credentials: its cache, its timer, those who wait for it.
#include "sinks/lib/aws_credentials.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/banned.h"

#define RETRY_MIN_MS   1000  // after a first failure
#define RETRY_MAX_MS   60000 // a provider that is away is asked once a minute
#define RENEW_MIN_MS   1000
#define EXPIRED_KEEP_S 600 // instance metadata with old keys: use them, ask again (as the SDKs do)

struct wr_aws_credentials {
    struct wr_aws_tools *tools;
    char *name;
    const struct wr_aws_source *source;
    struct wr_aws_credentials *base;

    struct wr_aws_found found;
    struct wr_aws_keys keys; // of found
    bool have;
    uint64_t version;

    struct wr_aws_fetch *fetch;
    bool again; // renew() while a fetch was under way
    uv_timer_t timer, soon;
    struct wr_aws_waiter *waiting, *failing;
    unsigned failures;   // in a row
    unsigned refusals;   // in a row, of keys that were fetched anew each time
    uint64_t not_before; // of the loop's clock, ms
    struct wr_aws_state state;
    char why[WR_FAULT_TEXT_MAX];

    bool closing;
    int handles;
    void (*closed)(void *user);
    void *closed_user;
};

// ---- state

static void log_line(const struct wr_aws_credentials *c, enum wr_aws_level level, const char *line)
{
    if (c->tools->log) {
        c->tools->log(c->tools->log_user, level, line);
    }
}

static void set_health(struct wr_aws_credentials *c, enum wr_aws_health health, const char *why)
{
    char line[WR_FAULT_TEXT_MAX + 300];
    bool same = c->state.health == health && strcmp(c->why, why) == 0;
    if (c->state.health != health) {
        c->state.since_ms = wr_wall_ms();
    }
    c->state.health = health;
    snprintf(c->why, sizeof c->why, "%s", why);
    if (same || c->closing) {
        return;
    }
    if (health == WR_AWS_GOOD) {
        snprintf(line, sizeof line, "AWS credentials (%s) from %s are good", c->name,
                 wr_aws_provider_name(c->state.provider));
        log_line(c, WR_AWS_LOG_INFO, line);
    } else {
        snprintf(line, sizeof line, "AWS credentials (%s): %s%s", c->name, why,
                 c->have ? "; the old ones are still used" : "; records wait");
        log_line(c, WR_AWS_LOG_WARN, line);
    }
}

// [0, 1)
static double chance(void)
{
    uint32_t n = 0;
    uv_random(NULL, NULL, &n, sizeof n, 0, NULL);
    return (double)n / 4294967296.0;
}

static uint32_t back_off(unsigned failures)
{
    uint32_t ms = RETRY_MIN_MS;
    for (unsigned i = 1; i < failures && ms < RETRY_MAX_MS; i++) {
        ms *= 2;
    }
    ms = ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
    return ms / 2 + (uint32_t)((double)(ms / 2) * chance());
}

static bool expired(const struct wr_aws_credentials *c)
{
    return c->found.expires_ms && c->found.expires_ms <= wr_aws_now_ms(c->tools);
}

// ---- fetching

static void start(struct wr_aws_credentials *c);

static void on_timer(uv_timer_t *timer)
{
    struct wr_aws_credentials *c = timer->data;
    start(c);
}

static void tell(struct wr_aws_credentials *c, struct wr_aws_waiter **list,
                 const struct wr_aws_keys *keys)
{
    struct wr_aws_waiter *w = NULL;
    while (*list) { // in the order they came
        struct wr_aws_waiter *last = *list;
        *list = last->next_;
        last->next_ = w;
        w = last;
    }
    while (w) {
        struct wr_aws_waiter *next = w->next_;
        w->done(w, keys, keys ? NULL : c->why);
        w = next;
    }
}

// When to renew: 15 to 10 minutes before the end, never before half of the life.
static uint64_t renew_in(const struct wr_aws_credentials *c, int64_t expires_ms)
{
    int64_t life = expires_ms - wr_aws_now_ms(c->tools);
    int64_t early = WR_AWS_ADVISORY_MS, spread = WR_AWS_ADVISORY_MS - WR_AWS_MANDATORY_MS;
    if (early > life / 2) {
        early = life / 2;
        spread = early / 3;
    }
    int64_t in = life - early + (int64_t)((double)spread * chance());
    return (uint64_t)(in > RENEW_MIN_MS ? in : RENEW_MIN_MS);
}

static void install(struct wr_aws_credentials *c, struct wr_aws_found *found)
{
    wr_aws_found_wipe(&c->found);
    c->found = *found;
    *found = (struct wr_aws_found){0};
    c->keys = (struct wr_aws_keys){wr_buf_str(&c->found.id), wr_buf_str(&c->found.secret),
                                   wr_buf_str(&c->found.token)};
    c->have = true;
    c->version++;
    c->failures = 0;
    c->state.fetched++;
    uv_timer_stop(&c->timer);
    if (c->found.expires_ms) {
        uv_timer_start(&c->timer, on_timer, renew_in(c, c->found.expires_ms), 0);
    }
}

static void failed(struct wr_aws_credentials *c, const char *why)
{
    c->state.failed++;
    c->failures++;
    uint32_t wait_ms = back_off(c->failures);
    c->not_before = uv_now(c->tools->loop) + wait_ms;
    c->have = c->have && !expired(c);
    set_health(c, WR_AWS_FAILED, why);
    if (c->have && !c->closing) { // renewing: try until they have expired
        uv_timer_start(&c->timer, on_timer, wait_ms, 0);
    }
}

static void end_if_closed(struct wr_aws_credentials *c);

static void on_fetched(void *user, struct wr_aws_found *found, enum wr_aws_provider provider,
                       const char *why)
{
    struct wr_aws_credentials *c = user;
    c->fetch = NULL;
    c->state.provider = provider;
    int64_t now = wr_aws_now_ms(c->tools);
    if (found && found->expires_ms && found->expires_ms <= now) {
        if (provider == WR_AWS_PROVIDER_IMDS) {
            found->expires_ms = now + EXPIRED_KEEP_S * 1000;
            log_line(c, WR_AWS_LOG_WARN,
                     "instance metadata gives credentials that have expired: they are used, and "
                     "others asked for in a few minutes");
        } else {
            found = NULL;
            why = "the credentials that were given have expired already";
        }
    }
    if (found) {
        install(c, found);
        if (c->refusals == 0) { // else worked() says so
            set_health(c, WR_AWS_GOOD, "");
        }
    } else {
        failed(c, why);
    }
    tell(c, &c->waiting, c->have ? &c->keys : NULL);
    if (c->again && !c->closing) {
        c->again = false;
        start(c);
    }
    end_if_closed(c);
}

static void start(struct wr_aws_credentials *c)
{
    if (!c->fetch && !c->closing) {
        c->fetch = wr_aws_fetch_start(c->tools, c->source, c->base, on_fetched, c);
    }
}

// ---- users

static void on_soon(uv_timer_t *timer)
{
    struct wr_aws_credentials *c = timer->data;
    tell(c, &c->failing, NULL);
    if (wr_aws_credentials_now(c, NULL)) {
        tell(c, &c->waiting, &c->keys);
    }
}

const struct wr_aws_keys *wr_aws_credentials_now(struct wr_aws_credentials *c, uint64_t *version)
{
    if (!c->have || expired(c)) {
        return NULL;
    }
    if (version) {
        *version = c->version;
    }
    return &c->keys;
}

void wr_aws_credentials_wait(struct wr_aws_credentials *c, struct wr_aws_waiter *w)
{
    bool have = wr_aws_credentials_now(c, NULL);
    bool fail = !have && (c->closing || (!c->fetch && uv_now(c->tools->loop) < c->not_before));
    struct wr_aws_waiter **list = fail ? &c->failing : &c->waiting;
    w->next_ = *list;
    *list = w;
    if (have || fail) {
        uv_timer_start(&c->soon, on_soon, 0, 0);
    } else {
        start(c);
    }
}

void wr_aws_credentials_forget(struct wr_aws_credentials *c, struct wr_aws_waiter *w)
{
    struct wr_aws_waiter **lists[] = {&c->waiting, &c->failing};
    for (size_t i = 0; i < WR_COUNT(lists); i++) {
        for (struct wr_aws_waiter **at = lists[i]; *at; at = &(*at)->next_) {
            if (*at == w) {
                *at = w->next_;
                return;
            }
        }
    }
}

uint32_t wr_aws_credentials_retry_ms(const struct wr_aws_credentials *c)
{
    uint64_t now = uv_now(c->tools->loop);
    return c->not_before > now ? (uint32_t)(c->not_before - now) : 0;
}

void wr_aws_credentials_refused(struct wr_aws_credentials *c, uint64_t version, wr_str code)
{
    char why[256];
    if (!c->have || version != c->version) {
        return;
    }
    c->have = false;
    c->state.refused++;
    c->refusals++;
    if (c->refusals > 1) { // new ones, or the same again, and AWS says no to them too
        c->not_before = uv_now(c->tools->loop) + back_off(c->refusals - 1);
    }
    snprintf(why, sizeof why, "AWS does not take them (%.*s)", WR_STR_ARG(code));
    set_health(c, WR_AWS_REFUSED, why);
}

void wr_aws_credentials_worked(struct wr_aws_credentials *c, uint64_t version)
{
    if (version == c->version && c->refusals > 0) {
        c->refusals = 0;
        c->not_before = 0;
        set_health(c, WR_AWS_GOOD, "");
    }
}

void wr_aws_credentials_renew(struct wr_aws_credentials *c)
{
    if (c->fetch) {
        c->again = true;
    } else if (c->state.health != WR_AWS_UNASKED) {
        c->not_before = 0;
        start(c);
    }
}

wr_str wr_aws_credentials_region(const struct wr_aws_credentials *c)
{
    return wr_buf_str(&c->found.region);
}

void wr_aws_credentials_state(const struct wr_aws_credentials *c, struct wr_aws_state *out)
{
    *out = c->state;
    out->name = c->name;
    out->why = c->why;
    out->expires_ms = c->have ? c->found.expires_ms : 0;
}

// ---- life

struct wr_aws_credentials *wr_aws_credentials_new(struct wr_aws_tools *tools, wr_str name,
                                                  const struct wr_aws_source *source,
                                                  struct wr_aws_credentials *base)
{
    struct wr_aws_credentials *c = wr_zalloc(sizeof *c);
    c->tools = tools;
    c->name = wr_strdup(name);
    c->source = source;
    c->base = base;
    uv_timer_init(tools->loop, &c->timer);
    uv_timer_init(tools->loop, &c->soon);
    // What is only cached keeps no loop alive.
    uv_unref((uv_handle_t *)&c->timer);
    c->timer.data = c->soon.data = c;
    c->handles = 2;
    return c;
}

static void on_closed(uv_handle_t *handle)
{
    struct wr_aws_credentials *c = handle->data;
    c->handles--;
    end_if_closed(c);
}

static void end_if_closed(struct wr_aws_credentials *c)
{
    if (!c->closing || c->fetch || c->handles > 0) {
        return;
    }
    void (*closed)(void *user) = c->closed;
    void *user = c->closed_user;
    tell(c, &c->waiting, NULL);
    tell(c, &c->failing, NULL);
    wr_aws_found_wipe(&c->found);
    free(c->name);
    free(c);
    if (closed) {
        closed(user);
    }
}

void wr_aws_credentials_close(struct wr_aws_credentials *c, void (*closed)(void *user), void *user)
{
    c->closing = true;
    c->closed = closed;
    c->closed_user = user;
    c->have = false;
    snprintf(c->why, sizeof c->why, "weir is stopping");
    if (c->fetch) {
        wr_aws_fetch_cancel(c->fetch);
    }
    uv_close((uv_handle_t *)&c->timer, on_closed);
    uv_close((uv_handle_t *)&c->soon, on_closed);
}
