// Where messages come from: opens and closes the sources, passes their messages to the flow, and
// tells them what the rules want and when to slow down.
#include "engine/cli/run_parts.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/observe/log.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

void wr_daemon_update_pace(struct wr_daemon *d)
{
    enum wr_pace pace = wr_stores_busy(&d->stores) ? WR_PACE_STOP : d->lookups_pace;
    if (pace == d->pace) {
        return;
    }
    d->pace = pace;
    if (d->source) {
        d->source->impl->pace(d->source, pace);
    }
    if (d->kafka) {
        d->kafka->impl->pace(d->kafka, pace);
    }
    wr_daemon_pace_own(d, pace);
}

void wr_daemon_take_batch(void *daemon, struct wr_source *source, struct wr_message *messages,
                          size_t count)
{
    struct wr_daemon *d = daemon;
    wr_flow_batch(d->flow, source, messages, count);
    wr_daemon_update_pace(d);
}

// The source logs these itself.
static void on_source_state(void *user, struct wr_source *source, bool up, const char *why)
{
    struct wr_daemon *d = user;
    if (source != d->source) {
        return; // Kafka has counters of its own
    }
    d->connected = up;
    if (up && why && strcmp(why, "subscribed") == 0) {
        d->subscribed = true;
    }
}

static bool on_acknowledging(void *user, struct wr_source *source)
{
    struct wr_daemon *d = user;
    uint64_t seq = wr_flow_acknowledged(d->flow);
    return wr_daemon_note_acknowledged(d, seq > d->former ? seq : d->former);
}

static void on_session_over(void *user, struct wr_source *source)
{
    struct wr_daemon *d = user;
    if (d->twice) {
        wr_twice_forget(d->twice);
    }
}

// What the spool keeps of the source's messages is recognised when they come again.
static wr_err open_twice(struct wr_daemon *d, struct wr_fault *fault)
{
    struct wr_buf session = {0};
    wr_buf_addf(&session, "%s\n%s", d->config->mqtt_url, wr_mqtt_source_client_id(d->source));
    wr_err err = wr_twice_open(d->stores.spool_dir, wr_buf_str(&session), NULL, &d->twice, fault);
    wr_buf_release(&session);
    if (!err) {
        wr_flow_set_twice(d->flow, d->twice);
    }
    return err;
}

bool wr_daemon_filters(struct wr_daemon *d, uint32_t space, uint64_t *before,
                       const wr_str **filters, size_t *count)
{
    *filters = wr_rule_set_filters(wr_flow_rules(d->flow), space, count);
    uint64_t hash = *count + 1;
    for (size_t i = 0; i < *count; i++) {
        hash = wr_hash_bytes((*filters)[i].at, (*filters)[i].len, hash);
    }
    bool others = hash != *before;
    *before = hash;
    return others;
}

// The source adds the subscription for Basic Ingest itself.
void wr_daemon_want_filters(struct wr_daemon *d)
{
    size_t count;
    const wr_str *filters;
    wr_daemon_want_own(d);
    if (!wr_daemon_filters(d, 0, &d->wanted, &filters, &count)) {
        return;
    }
    if (d->source) {
        d->source->impl->want(d->source, filters, count);
    }
    if (d->kafka) {
        d->kafka->impl->want(d->kafka, filters, count);
    }
}

static wr_err open_mqtt(struct wr_daemon *d, struct wr_fault *fault)
{
    const struct wr_config *c = d->config;
    const struct wr_source_events events = {
        .batch = wr_daemon_take_batch,
        .state = on_source_state,
        .acknowledging = d->stores.spool ? on_acknowledging : NULL,
        .session_over = d->stores.spool ? on_session_over : NULL,
        .user = d,
    };
    wr_err err = wr_mqtt_source_open(&d->loop, c, d->pool, &events, &d->source, fault);
    if (!err && d->stores.spool) {
        err = open_twice(d, fault);
    }
    return err;
}

static wr_err open_kafka(struct wr_daemon *d, struct wr_fault *fault)
{
    const struct wr_source_events events = {
        .batch = wr_daemon_take_batch, .state = on_source_state, .user = d};
    return wr_kafka_source_open(&d->loop, d->config, d->pool, &events, &d->kafka, fault);
}

// Without the source MQTT the broker of mqtt.url is connected to once something is published there.
static wr_err open_brokers(struct wr_daemon *d, struct wr_fault *fault)
{
    char made[64];
    const char *id = d->config->mqtt_client_id;
    if (d->source) {
        id = wr_mqtt_source_client_id(d->source);
    } else if (!*id) {
        snprintf(made, sizeof made, "weir-%lx-%llx", (long)getpid(),
                 (unsigned long long)wr_wall_ms());
        id = made;
    }
    return wr_brokers_open(&d->loop, d->config, id, d->source != NULL, &d->brokers, fault);
}

wr_err wr_daemon_open_sources(struct wr_daemon *d, struct wr_fault *fault)
{
    wr_err err = wr_config_has_mqtt(d->config) ? open_mqtt(d, fault) : WR_OK;
    if (!err && wr_config_has_kafka(d->config)) {
        err = open_kafka(d, fault);
    }
    return err ? err : open_brokers(d, fault);
}

static void on_source_closed(void *user)
{
    struct wr_daemon *d = user;
    wr_mqtt_source_stats(d->source, &d->last_stats); // it is there until we return
    d->source = NULL;
    d->connected = false;
    wr_daemon_input_closed(d);
}

static void on_kafka_closed(void *user)
{
    struct wr_daemon *d = user;
    wr_kafka_source_stats(d->kafka, &d->last_kafka);
    d->kafka = NULL;
    wr_daemon_input_closed(d);
}

void wr_daemon_close_sources(struct wr_daemon *d)
{
    wr_daemon_close_own(d);
    if (d->source) {
        d->waiting++;
        d->source->impl->close(d->source, (int)d->config->drain_ms, on_source_closed, d);
    }
    if (d->kafka) {
        d->waiting++;
        d->kafka->impl->close(d->kafka, (int)d->config->drain_ms, on_kafka_closed, d);
    }
}
