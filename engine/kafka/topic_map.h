// kafka.topic_map: which MQTT topic a message of Kafka has that brings none in a header. Literal
// text and, in braces, {topic} (Kafka's), {levels} (the same with a slash for each dot), {key},
// {partition}; a brace itself is doubled. Thread: any.
#ifndef WR_ENGINE_KAFKA_TOPIC_MAP_H
#define WR_ENGINE_KAFKA_TOPIC_MAP_H

#include "sql/base/arena.h"
#include "sql/base/err.h"

#define WR_TOPIC_MAP_PARTS 16 // texts and places together

enum wr_topic_map_place {
    WR_TOPIC_MAP_TEXT,
    WR_TOPIC_MAP_TOPIC,
    WR_TOPIC_MAP_LEVELS,
    WR_TOPIC_MAP_KEY,
    WR_TOPIC_MAP_PARTITION,
};

struct wr_topic_map {
    size_t count;
    struct {
        enum wr_topic_map_place place;
        wr_str text; // TEXT: lent by the template
    } parts[WR_TOPIC_MAP_PARTS];
};

// `text` is lent while the map is used. The fault has the place and what was expected.
wr_err wr_topic_map_read(wr_str text, struct wr_topic_map *out,
                         struct wr_fault *fault) WR_MUST_CHECK;

struct wr_topic_map_values {
    wr_str topic, key, partition;
};

// The MQTT topic in the arena; at NULL: no memory. It may be unusable: see wr_topic_usable().
wr_str wr_topic_map_make(const struct wr_topic_map *map, const struct wr_topic_map_values *values,
                         struct wr_arena *arena);

// A topic name that MQTT can have: 1 to 65535 bytes of UTF-8 without NUL and wildcards.
bool wr_topic_usable(wr_str topic);

#endif
