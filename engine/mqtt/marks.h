// The user properties weir-… of a message that came from a broker with weir-mosquitto.so: which
// are believed, and what they say (control-plane.md 7.6; registry/origin.h). Only with the option
// mqtt.mac_key_file; without it they are properties like others.
// Thread: loop.
#ifndef WR_ENGINE_MQTT_MARKS_H
#define WR_ENGINE_MQTT_MARKS_H

#include "engine/flow/message.h"
#include "engine/registry/origin.h"

struct wr_marks_stats {
    uint64_t vouched;  // messages with a good weir-origin: clientid(), principal(), sourceip()
    uint64_t stripped; // properties weir-… that were taken out since no good MAC was with them
    uint64_t stale;    // those of them that are right, and older than mqtt.mac_max_age
};

// Take every weir-… property out of `m`, just filled, and set client id, principal and address from
// a good weir-origin. Hops count only in what the broker's own accounts publish: devices cannot
// set them, and a Will could say what it likes. No allocation.
void wr_marks_take(struct wr_message *m, const struct wr_origin_key *key, int64_t now_ms,
                   int64_t max_age_ms, struct wr_marks_stats *stats);

#endif
