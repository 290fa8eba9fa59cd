// Messages that were settled and whose acknowledgement never left: when their connection is gone,
// the broker delivers them again, and they are recognised by packet identifier and content.
// Thread: loop.
#ifndef WR_ENGINE_MQTT_KNOWN_H
#define WR_ENGINE_MQTT_KNOWN_H

#include "sql/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WR_KNOWN_MAX 65535 // packet identifiers

struct wr_known {
    uint64_t content; // hash of topic and payload
    uint16_t mid;
};

// A list of them; zeroed: empty.
struct wr_known_list {
    struct wr_known *at;
    size_t count, cap_;
};
void wr_known_release(struct wr_known_list *list);

uint64_t wr_known_hash(wr_str topic, wr_str payload);
// Full: forgotten, which costs a duplicate.
void wr_known_add(struct wr_known_list *list, uint16_t mid, uint64_t content);
// Takes it out of the list.
bool wr_known_take(struct wr_known_list *list, uint16_t mid, uint64_t content);

#endif
