// What `weir run` tells the service manager, and when (Type=notify). Ready means: the rules are
// loaded, what the spool had is taken up, and the sources run. The broker may be away: that is no
// reason for a manager to start weir again, so it is in the status line and in /readyz only.
#include "engine/cli/run_parts.h"

#include <inttypes.h>
#include <stdio.h>

#include "sql/base/banned.h"

#define OPEN_US   300000000 // reading a spool of many gigabytes before the loop turns
#define WAIT_US   30000000  // more time, again each second while it recovers or stops
#define STATUS_MS 5000

static const char *state_of(const struct wr_daemon *d)
{
    if (d->stopping) {
        return "stopping";
    }
    if (!d->recovered) {
        return "taking up what the spool had";
    }
    if (wr_stores_busy(&d->stores)) {
        return "the spool or the dead letters take nothing more";
    }
    return !d->connected ? "waiting for the broker" : d->subscribed ? "connected" : "subscribing";
}

static void tell_status(struct wr_daemon *d)
{
    const struct wr_rule_set *rules = d->flow ? wr_flow_rules(d->flow) : NULL;
    char text[256];
    snprintf(text, sizeof text, "STATUS=%s; rules: %zu, messages: %" PRIu64 ", under way: %zu",
             state_of(d), rules ? wr_rule_set_count(rules) : 0, d->metrics->messages,
             d->flow ? wr_flow_live(d->flow) : 0);
    wr_notify_send(&d->notify, "%s", text);
}

static void on_watchdog(uv_timer_t *timer)
{
    struct wr_daemon *d = timer->data;
    wr_notify_send(&d->notify, "WATCHDOG=1");
}

void wr_daemon_notify_open(struct wr_daemon *d)
{
    wr_notify_open(&d->notify);
    wr_notify_send(&d->notify, "EXTEND_TIMEOUT_USEC=%d", OPEN_US);
    uv_timer_init(&d->loop, &d->watchdog_timer);
    d->watchdog_timer.data = d;
    uint64_t half_ms = d->notify.watchdog_us / 2000;
    if (d->notify.watchdog_us) {
        uv_timer_start(&d->watchdog_timer, on_watchdog, 0, half_ms ? half_ms : 1);
    }
}

void wr_daemon_notify_ready(struct wr_daemon *d)
{
    d->told_ready = true;
    wr_notify_send(&d->notify, "READY=1");
    tell_status(d);
}

void wr_daemon_notify_reloading(struct wr_daemon *d)
{
    wr_notify_send(&d->notify, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, wr_mono_now().us);
}

void wr_daemon_notify_stopping(struct wr_daemon *d)
{
    wr_notify_send(&d->notify, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64,
                   d->config->drain_ms * 1000 + WAIT_US);
    tell_status(d);
}

void wr_daemon_notify_tick(struct wr_daemon *d)
{
    if (d->stopping || !d->told_ready) {
        wr_notify_send(&d->notify, "EXTEND_TIMEOUT_USEC=%d", WAIT_US);
    }
    uint64_t now = uv_now(&d->loop);
    if (now >= d->status_told_ms + STATUS_MS) {
        d->status_told_ms = now;
        tell_status(d);
    }
}
