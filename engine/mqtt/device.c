// The threaded mode of libmosquitto behind five functions.
#include "engine/mqtt/device.h"

#include "sql/base/clock.h"

#include <mosquitto.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "sql/base/banned.h"

// Written by the client's thread, read by the owner: hence atomics, and nothing else is shared.
struct wr_device {
    struct mosquitto *client;
    struct wr_device_options options;
    _Atomic int refused; // reason code of a CONNACK or SUBACK that said no
    _Atomic bool ready;  // connected, and subscribed where asked
    _Atomic uint64_t acknowledged;
};

static void on_connect(struct mosquitto *client, void *user, int code)
{
    struct wr_device *d = user;
    if (code) {
        atomic_store(&d->refused, code);
    } else if (d->options.filter) {
        mosquitto_subscribe(client, NULL, d->options.filter, 1);
    } else {
        atomic_store(&d->ready, true);
    }
}

static void on_subscribe(struct mosquitto *client, void *user, int mid, int count,
                         const int *granted)
{
    struct wr_device *d = user;
    if (count < 1 || granted[0] > 2) {
        atomic_store(&d->refused, 135);
    }
    atomic_store(&d->ready, true);
}

static void on_publish(struct mosquitto *client, void *user, int mid)
{
    struct wr_device *d = user;
    atomic_fetch_add(&d->acknowledged, 1);
}

static void on_message(struct mosquitto *client, void *user, const struct mosquitto_message *m)
{
    struct wr_device *d = user;
    if (d->options.arrived) {
        d->options.arrived(d->options.user, wr_str_of(m->topic),
                           (wr_str){m->payload, (size_t)m->payloadlen});
    }
}

static wr_err wait_ready(struct wr_device *d, int timeout_ms, struct wr_fault *fault)
{
    wr_mono begin = wr_mono_now();
    while (!atomic_load(&d->ready)) {
        if (atomic_load(&d->refused)) {
            return wr_fault_set(fault, WR_ERR_DENIED, "the broker refused client %s (code %d)",
                                d->options.client_id, atomic_load(&d->refused));
        }
        if (wr_mono_since_us(begin, wr_mono_now()) > (int64_t)timeout_ms * 1000) {
            return wr_fault_set(fault, WR_ERR_IO, "client %s is not connected after %d ms",
                                d->options.client_id, timeout_ms);
        }
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    return WR_OK;
}

wr_err wr_device_open(const struct wr_device_options *options, int timeout_ms,
                      struct wr_device **out, struct wr_fault *fault)
{
    struct wr_device *d = wr_zalloc(sizeof *d);
    d->options = *options;
    d->client = mosquitto_new(options->client_id, true, d);
    if (!d->client) {
        wr_out_of_memory(sizeof *d);
    }
    mosquitto_connect_callback_set(d->client, on_connect);
    mosquitto_subscribe_callback_set(d->client, on_subscribe);
    mosquitto_publish_callback_set(d->client, on_publish);
    mosquitto_message_callback_set(d->client, on_message);
    int rc = mosquitto_connect(d->client, options->host, options->port, 60);
    if (rc == MOSQ_ERR_SUCCESS) {
        rc = mosquitto_loop_start(d->client);
    }
    wr_err err =
        rc ? wr_fault_set(fault, WR_ERR_IO, "client %s cannot connect to %s:%d: %s",
                          options->client_id, options->host, options->port, mosquitto_strerror(rc))
           : wait_ready(d, timeout_ms, fault);
    if (err) {
        wr_device_close(d);
        return err;
    }
    *out = d;
    return WR_OK;
}

wr_err wr_device_publish(struct wr_device *d, const char *topic, wr_str payload)
{
    int rc = mosquitto_publish(d->client, NULL, topic, (int)payload.len, payload.at, 1, false);
    return rc ? WR_ERR_IO : WR_OK;
}

uint64_t wr_device_acknowledged(const struct wr_device *d)
{
    return atomic_load(&d->acknowledged);
}

void wr_device_close(struct wr_device *d)
{
    if (d) {
        mosquitto_disconnect(d->client);
        mosquitto_loop_stop(d->client, true);
        mosquitto_destroy(d->client);
        free(d);
    }
}
