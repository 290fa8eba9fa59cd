// GET /weir/v1/history: the counters of the last hour, a sample every EVERY_MS, for the console's
// charts. A rate is the difference of two samples by their times.
//
//   {"members": ["uptimeMs", "messages", …], "samples": [[…], …]}     oldest first
#include "engine/cli/run_parts.h"

#include <stdlib.h>

#include "sql/base/banned.h"

#define EVERY_MS    5000
#define SAMPLES_MAX 720 // an hour

enum { UPTIME_MS, MESSAGES, MATCHED, DELIVERED, BROKEN, DEAD, LIVE, SPOOL, MEMBERS };
static const char *const names[MEMBERS] = {"uptimeMs", "messages", "matched", "delivered",
                                           "broken",   "dead",     "live",    "spool"};

struct wr_daemon_history {
    uint64_t at[SAMPLES_MAX][MEMBERS];
    size_t first, count;
    int64_t next_ms; // of the uptime
};

static void take(const struct wr_daemon *d, int64_t uptime_ms, uint64_t s[MEMBERS])
{
    struct wr_spool_stats spool = {0};
    if (d->stores.spool) {
        wr_spool_stats(d->stores.spool, &spool);
    }
    s[UPTIME_MS] = (uint64_t)uptime_ms;
    s[MESSAGES] = d->metrics->messages;
    s[MATCHED] = s[DELIVERED] = s[BROKEN] = s[DEAD] = 0;
    for (const struct wr_rule_counters *r = d->metrics->rules; r; r = r->next) {
        s[MATCHED] += r->matched;
        s[DELIVERED] += r->delivered;
        s[BROKEN] += r->broken;
        s[DEAD] += r->dead;
    }
    s[LIVE] = wr_flow_live(d->flow);
    s[SPOOL] = spool.pending;
}

void wr_daemon_history_tick(struct wr_daemon *d)
{
    struct wr_daemon_history *h = d->history;
    if (d->stopping) {
        return; // what is counted is taken apart
    }
    int64_t uptime_ms = wr_mono_since_us(d->started, wr_mono_now()) / 1000;
    if (!h || uptime_ms < h->next_ms) {
        return;
    }
    h->next_ms = uptime_ms + EVERY_MS;
    size_t at = (h->first + h->count) % SAMPLES_MAX;
    if (h->count == SAMPLES_MAX) {
        h->first = (h->first + 1) % SAMPLES_MAX;
    } else {
        h->count++;
    }
    take(d, uptime_ms, h->at[at]);
}

static void add_sample(struct wr_buf *out, const uint64_t s[MEMBERS])
{
    for (size_t k = 0; k < MEMBERS; k++) {
        wr_buf_add_char(out, k ? ',' : '[');
        wr_buf_add_u64(out, s[k]);
    }
    wr_buf_add_char(out, ']');
}

static void get_history(struct wr_admin_call *call)
{
    const struct wr_daemon *d = call->user;
    const struct wr_daemon_history *h = d->history;
    struct wr_buf text = {0};
    wr_buf_add(&text, WR_STR("{\"members\":["));
    for (size_t k = 0; k < MEMBERS; k++) {
        wr_buf_addf(&text, "%s\"%s\"", k ? "," : "", names[k]);
    }
    wr_buf_add(&text, WR_STR("],\"samples\":["));
    for (size_t i = 0; i < h->count; i++) {
        add_sample(&text, h->at[(h->first + i) % SAMPLES_MAX]);
        wr_buf_add_char(&text, ',');
    }
    uint64_t now[MEMBERS];
    take(d, wr_mono_since_us(d->started, wr_mono_now()) / 1000, now);
    add_sample(&text, now);
    wr_buf_add(&text, WR_STR("]}\n"));
    wr_admin_reply_json(call, 200, wr_buf_str(&text));
    wr_buf_release(&text);
}

static const struct wr_admin_route routes[] = {
    {"GET", "/weir/v1/history", WR_ROLE_READER, WR_ON_INSIDE, get_history},
};

void wr_daemon_add_history(struct wr_daemon *d)
{
    d->history = wr_zalloc(sizeof *d->history);
    wr_admin_add(d->admin, routes, WR_COUNT(routes), d);
    wr_daemon_history_tick(d);
}
