// From libmosquitto's message to ours: the one copy, and the MQTT 5 properties.
// Thread: loop.
#ifndef WR_ENGINE_MQTT_ARRIVE_H
#define WR_ENGINE_MQTT_ARRIVE_H

#include "engine/flow/message.h"
#include "engine/flow/spill.h"

#include <mosquitto.h>

#define WR_MQTT_PAYLOAD_MAX 268435455 // MQTT: a whole packet's length is four bytes of seven bits
#define WR_ARRIVE_IDS_MAX   16        // subscription identifiers read of one copy

// What the source decides on before it takes a message.
struct wr_arrival {
    uint32_t ids[WR_ARRIVE_IDS_MAX];
    size_t id_count;
    bool expires; // has a message expiry
};
void wr_arrive_look(const mosquitto_property *props, struct wr_arrival *out);

// Fill `m` (fresh from the pool) but for source and token. *spill is NULL unless the arena was too
// small: limits of size are the flow's to judge, so the message is whole in any case.
void wr_arrive_fill(struct wr_message *m, const struct mosquitto_message *from,
                    const mosquitto_property *props, int64_t timestamp_ms, struct wr_spill **spill);

#endif
