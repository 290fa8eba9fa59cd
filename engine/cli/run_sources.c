// Where messages come from: opens and closes the sources, passes their messages to the flow, and
// tells them what the rules want and when to slow down.
#include "engine/cli/run_parts.h"

#include <string.h>

#include "sql/base/banned.h"

void wr_daemon_update_pace(struct wr_daemon *d)
{
    enum wr_pace pace = wr_stores_busy(&d->stores) ? WR_PACE_STOP : d->lookups_pace;
    if (pace != d->pace && d->source) {
        d->pace = pace;
        d->source->impl->pace(d->source, pace);
    }
}

static void on_batch(void *user, struct wr_source *source, struct wr_message *messages,
                     size_t count)
{
    struct wr_daemon *d = user;
    wr_flow_batch(d->flow, source, messages, count);
    wr_daemon_update_pace(d);
}

// The source logs these itself.
static void on_source_state(void *user, struct wr_source *source, bool up, const char *why)
{
    struct wr_daemon *d = user;
    d->connected = up;
    if (up && why && strcmp(why, "subscribed") == 0) {
        d->subscribed = true;
    }
}

// The source adds the subscription for Basic Ingest itself.
void wr_daemon_want_filters(struct wr_daemon *d)
{
    size_t count;
    const wr_str *filters = wr_rule_set_filters(wr_flow_rules(d->flow), &count);
    d->source->impl->want(d->source, filters, count);
}

wr_err wr_daemon_open_sources(struct wr_daemon *d, struct wr_fault *fault)
{
    const struct wr_config *c = d->config;
    const struct wr_source_events events = {.batch = on_batch, .state = on_source_state, .user = d};
    wr_err err = wr_mqtt_source_open(&d->loop, c, d->pool, &events, &d->source, fault);
    if (!err) {
        err = wr_publisher_open(&d->loop, c, wr_mqtt_source_client_id(d->source), &d->publisher,
                                fault);
    }
    return err;
}

static void on_source_closed(void *user)
{
    struct wr_daemon *d = user;
    wr_mqtt_source_stats(d->source, &d->last_stats); // it is there until we return
    d->source = NULL;
    d->connected = false;
    wr_daemon_input_closed(d);
}

void wr_daemon_close_sources(struct wr_daemon *d)
{
    if (d->source) {
        d->waiting++;
        d->source->impl->close(d->source, (int)d->config->drain_ms, on_source_closed, d);
    }
}
