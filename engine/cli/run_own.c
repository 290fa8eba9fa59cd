// Brokers that belong to a tenant (control-plane.md 9): a tenant whose feature iot.broker names one
// of brokers.* has its messages from there, and only from there. Each is a source of its own, with
// a session and a file in the state folder of its own; its messages meet the rules of its space.
//
// They are acknowledged as the first source's are. After a kill those of the last moment may come
// twice: second deliveries are recognised (flow/twice.h) for the source of mqtt.url only.
#include "engine/cli/run_parts.h"

#include <stdlib.h>

#include "engine/observe/log.h"

#include "sql/base/banned.h"

struct own_broker {
    struct wr_daemon *d;
    struct wr_config config; // weir's, with the members mqtt_* of the broker
    char *client_id;
    struct wr_source *source;
    uint64_t wanted;
    bool failed;
};

struct wr_daemon_own {
    size_t count;
    struct own_broker brokers[];
};

static void on_state(void *user, struct wr_source *source, bool up, const char *why)
{
    // The source logs it itself.
}

// The client id of brokers.NAME is the publisher's: two connections cannot have the same.
static wr_err open_broker(struct wr_daemon *d, size_t at, struct wr_fault *fault)
{
    struct own_broker *o = &d->own->brokers[at];
    const struct wr_config_broker *broker = &d->config->brokers[at];
    struct wr_buf id = {0};
    o->d = d;
    o->config = *broker->mqtt;
    if (*o->config.mqtt_client_id) {
        wr_buf_addf(&id, "%s-source", o->config.mqtt_client_id);
    }
    o->client_id = wr_strdup(wr_buf_str(&id));
    o->config.mqtt_client_id = o->client_id;
    wr_buf_release(&id);
    const struct wr_source_events events = {
        .batch = wr_daemon_take_batch, .state = on_state, .user = d};
    wr_err err = wr_mqtt_source_open(&d->loop, &o->config, d->pool, &events, &o->source, fault);
    if (!err) {
        o->source->space = (uint32_t)at + 1;
        if (d->pace != WR_PACE_SETTLE) {
            o->source->impl->pace(o->source, d->pace);
        }
    }
    return err;
}

static void want(struct wr_daemon *d, size_t at)
{
    struct own_broker *o = &d->own->brokers[at];
    const wr_str *filters;
    size_t count;
    struct wr_fault fault = {0};
    bool others = wr_daemon_filters(d, (uint32_t)at + 1, &o->wanted, &filters, &count);
    if (!others || o->failed || (!o->source && !count)) {
        return;
    }
    if (!o->source && open_broker(d, at, &fault)) {
        o->failed = true; // what cannot ever work
        wr_log(WR_LOG_ERROR, "mqtt",
               "brokers.%s: %s; the tenant that it belongs to gets no messages",
               d->config->brokers[at].name, fault.text);
        return;
    }
    o->source->impl->want(o->source, filters, count);
}

void wr_daemon_want_own(struct wr_daemon *d)
{
    size_t count = d->config->broker_count;
    if (!d->own && count) {
        d->own = wr_zalloc(sizeof *d->own + count * sizeof d->own->brokers[0]);
        d->own->count = count;
    }
    for (size_t i = 0; i < count; i++) {
        want(d, i);
    }
}

void wr_daemon_pace_own(struct wr_daemon *d, enum wr_pace pace)
{
    for (size_t i = 0; d->own && i < d->own->count; i++) {
        struct wr_source *source = d->own->brokers[i].source;
        if (source) {
            source->impl->pace(source, pace);
        }
    }
}

static void on_closed(void *user)
{
    struct own_broker *o = user;
    o->source = NULL;
    wr_daemon_input_closed(o->d);
}

void wr_daemon_close_own(struct wr_daemon *d)
{
    for (size_t i = 0; d->own && i < d->own->count; i++) {
        struct own_broker *o = &d->own->brokers[i];
        if (o->source) {
            d->waiting++;
            o->source->impl->close(o->source, (int)d->config->drain_ms, on_closed, o);
        }
    }
}

void wr_daemon_free_own(struct wr_daemon *d)
{
    for (size_t i = 0; d->own && i < d->own->count; i++) {
        free(d->own->brokers[i].client_id);
    }
    free(d->own);
}
