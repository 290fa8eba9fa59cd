// Copies a message out of librdkafka's.
#include "engine/kafka/arrive.h"

#include <stdio.h>

#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define OWN_MAX 5 // kafka.* properties

struct reading {
    struct wr_message *m;
    const struct wr_kafka_origin *origin;
    struct wr_spill **spill;
    wr_str topic_header;
    wr_str topic; // of the header; at NULL: none
    struct wr_user_property *list;
    size_t count;
};

static wr_str keep(const struct reading *r, const void *at, size_t len)
{
    return wr_spill_keep(r->m, at, len, r->spill);
}

static void add(struct reading *r, wr_str key, wr_str value)
{
    r->list[r->count++] = (struct wr_user_property){key, value};
}

static void read_header(struct reading *r, wr_str name, wr_str value)
{
    if (r->topic_header.len && wr_str_eq(name, r->topic_header)) {
        r->topic = keep(r, value.at, value.len);
    } else if (wr_str_eq(name, WR_STR(WR_HOPS_PROPERTY))) {
        r->m->hops = wr_message_hops(value);
    } else if (wr_utf8_valid(name) && wr_utf8_valid(value)) {
        add(r, keep(r, name.at, name.len), keep(r, value.at, value.len));
    }
}

static void read_properties(struct reading *r, const rd_kafka_message_t *from)
{
    rd_kafka_headers_t *headers = NULL;
    size_t count = 0;
    if (rd_kafka_message_headers(from, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        count = rd_kafka_header_cnt(headers);
    }
    // One piece: the list, then the texts of the numbers.
    char *numbers = wr_spill_room(r->m, (count + OWN_MAX) * sizeof *r->list + 2 * 24, r->spill);
    r->list = (struct wr_user_property *)(void *)numbers;
    numbers += (count + OWN_MAX) * sizeof *r->list;
    for (size_t i = 0; i < count; i++) {
        const char *name;
        const void *value;
        size_t len;
        if (rd_kafka_header_get_all(headers, i, &name, &value, &len) == 0) {
            read_header(r, wr_str_of(name), (wr_str){value ? value : "", len});
        }
    }
    add(r, WR_STR("kafka.topic"), r->origin->topic);
    add(r, WR_STR("kafka.partition"), r->origin->partition);
    int len = snprintf(numbers, 24, "%lld", (long long)from->offset);
    add(r, WR_STR("kafka.offset"), (wr_str){numbers, (size_t)len});
    rd_kafka_timestamp_type_t type;
    int64_t time = rd_kafka_message_timestamp(from, &type);
    if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) {
        len = snprintf(numbers + 24, 24, "%lld", (long long)time);
        add(r, WR_STR("kafka.timestamp"), (wr_str){numbers + 24, (size_t)len});
    }
    if (from->key && wr_utf8_valid((wr_str){from->key, from->key_len})) {
        add(r, WR_STR("kafka.key"), keep(r, from->key, from->key_len));
    }
    r->m->sql.user_properties = r->list;
    r->m->sql.user_property_count = r->count;
}

bool wr_kafka_arrive(struct wr_message *m, const rd_kafka_message_t *from,
                     const struct wr_kafka_origin *origin, wr_str topic_header,
                     const struct wr_topic_map *map, struct wr_spill **spill)
{
    struct reading r = {.m = m, .origin = origin, .spill = spill, .topic_header = topic_header};
    *spill = NULL;
    m->sql.payload = keep(&r, from->payload, from->len);
    m->sql.over_mqtt = true;
    m->qos = 1;
    read_properties(&r, from);
    if (!r.topic.at) {
        const struct wr_topic_map_values values = {
            origin->topic, {from->key, from->key ? from->key_len : 0}, origin->partition};
        r.topic = wr_topic_map_make(map, &values, &m->arena);
        if (!r.topic.at) {
            m->arena.over = false;
            r.topic = WR_STR("");
        }
    }
    m->sql.topic = r.topic;
    return wr_topic_usable(r.topic);
}
