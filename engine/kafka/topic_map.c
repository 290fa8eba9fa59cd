// Templates with four places.
#include "engine/kafka/topic_map.h"

#include "sql/base/buf.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define TOPIC_MAX 65535 // a length field of two bytes in MQTT

static const char *const names[] = {
    [WR_TOPIC_MAP_TEXT] = "",
    [WR_TOPIC_MAP_TOPIC] = "topic",
    [WR_TOPIC_MAP_LEVELS] = "levels",
    [WR_TOPIC_MAP_KEY] = "key",
    [WR_TOPIC_MAP_PARTITION] = "partition",
};

static bool add(struct wr_topic_map *map, enum wr_topic_map_place place, wr_str text)
{
    if (map->count == WR_TOPIC_MAP_PARTS) {
        return false;
    }
    map->parts[map->count].place = place;
    map->parts[map->count++].text = text;
    return true;
}

// Length of the place that begins at `from`, or 0.
static size_t read_place(wr_str text, size_t from, enum wr_topic_map_place *place)
{
    for (size_t i = WR_TOPIC_MAP_TOPIC; i < WR_COUNT(names); i++) {
        size_t len = strlen(names[i]);
        if (text.len - from >= len + 2 && memcmp(text.at + from + 1, names[i], len) == 0 &&
            text.at[from + 1 + len] == '}') {
            *place = (enum wr_topic_map_place)i;
            return len + 2;
        }
    }
    return 0;
}

wr_err wr_topic_map_read(wr_str text, struct wr_topic_map *out, struct wr_fault *fault)
{
    struct wr_topic_map map = {0};
    bool room = true;
    size_t from = 0;
    for (size_t i = 0; i < text.len;) {
        char c = text.at[i];
        if (c != '{' && c != '}') {
            i++;
            continue;
        }
        enum wr_topic_map_place place = WR_TOPIC_MAP_TEXT;
        size_t len = i + 1 < text.len && text.at[i + 1] == c ? 2 : 0;
        room = room && (i + (len == 2) == from ||
                        add(&map, WR_TOPIC_MAP_TEXT, wr_str_cut(text, from, i + (len == 2))));
        if (len == 0 && c == '{') {
            len = read_place(text, i, &place);
            room = room && (len == 0 || add(&map, place, (wr_str){0}));
        }
        if (len == 0) {
            return wr_fault_set(fault, WR_ERR_SYNTAX,
                                "found '%c' at character %zu of \"%.*s\", expected {topic}, "
                                "{levels}, {key} or {partition}; a brace is written twice",
                                c, i + 1, WR_STR_ARG(text));
        }
        i += len;
        from = i;
    }
    room = room &&
           (from == text.len || add(&map, WR_TOPIC_MAP_TEXT, wr_str_cut(text, from, text.len)));
    if (!room) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "more than %d parts in \"%.*s\"",
                            WR_TOPIC_MAP_PARTS, WR_STR_ARG(text));
    }
    if (map.count == 0) {
        return wr_fault_set(fault, WR_ERR_MISSING, "found nothing, expected for example {topic}");
    }
    *out = map;
    return WR_OK;
}

wr_str wr_topic_map_make(const struct wr_topic_map *map, const struct wr_topic_map_values *values,
                         struct wr_arena *arena)
{
    struct wr_buf b;
    wr_buf_init_arena(&b, arena);
    for (size_t i = 0; i < map->count; i++) {
        size_t from = b.len;
        switch (map->parts[i].place) {
        case WR_TOPIC_MAP_TEXT:
            wr_buf_add(&b, map->parts[i].text);
            break;
        case WR_TOPIC_MAP_TOPIC:
            wr_buf_add(&b, values->topic);
            break;
        case WR_TOPIC_MAP_LEVELS:
            wr_buf_add(&b, values->topic);
            for (size_t k = from; k < b.len; k++) {
                b.at[k] = b.at[k] == '.' ? '/' : b.at[k];
            }
            break;
        case WR_TOPIC_MAP_KEY:
            wr_buf_add(&b, values->key);
            break;
        case WR_TOPIC_MAP_PARTITION:
            wr_buf_add(&b, values->partition);
            break;
        }
    }
    if (b.over) {
        return (wr_str){0};
    }
    return (wr_str){b.at ? b.at : "", b.len};
}

bool wr_topic_usable(wr_str topic)
{
    return topic.len > 0 && topic.len <= TOPIC_MAX && !memchr(topic.at, 0, topic.len) &&
           !memchr(topic.at, '+', topic.len) && !memchr(topic.at, '#', topic.len) &&
           wr_utf8_valid(topic);
}
