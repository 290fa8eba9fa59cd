// A message of librdkafka as weir has messages: MQTT topic, payload, properties.
// Thread: loop.
#ifndef WR_ENGINE_KAFKA_ARRIVE_H
#define WR_ENGINE_KAFKA_ARRIVE_H

#include "engine/flow/message.h"
#include "engine/flow/spill.h"
#include "engine/kafka/topic_map.h"

#include <librdkafka/rdkafka.h>

// Of a partition, living as long as its messages.
struct wr_kafka_origin {
    wr_str topic, partition; // "readings", "7"
};

// Everything is copied: a message of librdkafka holds on to all that was fetched with it. User
// properties: the headers that are text, in their order, then kafka.topic, kafka.partition,
// kafka.offset, kafka.timestamp, and kafka.key when the key is text. `topic_header` "": none.
// False: there is no usable topic; m->sql.topic is then what was found.
bool wr_kafka_arrive(struct wr_message *m, const rd_kafka_message_t *from,
                     const struct wr_kafka_origin *origin, wr_str topic_header,
                     const struct wr_topic_map *map, struct wr_spill **spill);

#endif
