// An ordinary MQTT client with a thread of its own, as a device or a dashboard would be one: for
// the demo and for load, not for the message path. Thread: functions by its owner; `arrived` is
// called on the client's own thread.
#ifndef WR_ENGINE_MQTT_DEVICE_H
#define WR_ENGINE_MQTT_DEVICE_H

#include "sql/base/err.h"
#include "sql/base/str.h"

#include <stdint.h>

struct wr_device;

struct wr_device_options {
    const char *host, *client_id;
    int port;
    const char *filter;                                        // to subscribe to at QoS 1, or NULL
    void (*arrived)(void *user, wr_str topic, wr_str payload); // borrowed
    void *user;
};

// Give: connects, and waits for that (and for the subscription) up to `timeout_ms`.
wr_err wr_device_open(const struct wr_device_options *options, int timeout_ms,
                      struct wr_device **out, struct wr_fault *fault) WR_MUST_CHECK;
// Hand a message to the client at QoS 1; it is sent in the background.
wr_err wr_device_publish(struct wr_device *d, const char *topic, wr_str payload) WR_MUST_CHECK;
// How many of the published messages the broker has acknowledged.
uint64_t wr_device_acknowledged(const struct wr_device *d);
// Disconnects and ends the thread.
void wr_device_close(struct wr_device *d);

#endif
