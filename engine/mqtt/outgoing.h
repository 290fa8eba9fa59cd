// From a `struct wr_publish` to libmosquitto's publication.
// Thread: loop.
#ifndef WR_ENGINE_MQTT_OUTGOING_H
#define WR_ENGINE_MQTT_OUTGOING_H

#include "sinks/sink.h"

#include <mosquitto.h>

// Memory for terminated copies. Embedded by value, zeroed.
struct wr_outgoing {
    struct wr_buf topic, key, value;
};

void wr_outgoing_release(struct wr_outgoing *o);

// MQTT 5 properties are in it, so that MQTT 3.1.1 would lose something.
bool wr_outgoing_has_properties(const struct wr_publish *p);

// Queue it in `m`, which copies everything. 0 and its identifier, or libmosquitto's code.
int wr_outgoing_send(struct wr_outgoing *o, struct mosquitto *m, bool v5,
                     const struct wr_publish *p, int *mid) WR_MUST_CHECK;

#endif
