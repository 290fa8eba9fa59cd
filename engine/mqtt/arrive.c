// Copies a message out of libmosquitto, which frees its own after the callback.
#include "engine/mqtt/arrive.h"

#include <mqtt_protocol.h>
#include <stdlib.h>

#include "sql/base/err.h"

#include "sql/base/banned.h"

void wr_arrive_look(const mosquitto_property *props, struct wr_arrival *out)
{
    out->id_count = 0;
    out->expires = false;
    for (const mosquitto_property *p = props; p; p = mosquitto_property_next(p)) {
        int kind = mosquitto_property_identifier(p);
        uint32_t id;
        if (kind == MQTT_PROP_SUBSCRIPTION_IDENTIFIER && out->id_count < WR_ARRIVE_IDS_MAX &&
            mosquitto_property_read_varint(p, kind, &id, false)) {
            out->ids[out->id_count++] = id;
        } else if (kind == MQTT_PROP_MESSAGE_EXPIRY_INTERVAL) {
            out->expires = true;
        }
    }
}

static wr_str keep_string(struct wr_message *m, const mosquitto_property *p, int kind,
                          struct wr_spill **spill)
{
    char *text = NULL;
    if (!mosquitto_property_read_string(p, kind, &text, false) || !text) {
        return (wr_str){NULL, 0};
    }
    wr_str kept = wr_spill_keep(m, text, strlen(text), spill);
    free(text);
    return kept;
}

static wr_str keep_binary(struct wr_message *m, const mosquitto_property *p, int kind,
                          struct wr_spill **spill)
{
    void *bytes = NULL;
    uint16_t len = 0;
    if (!mosquitto_property_read_binary(p, kind, &bytes, &len, false)) {
        return (wr_str){NULL, 0};
    }
    wr_str kept = wr_spill_keep(m, bytes, len, spill);
    free(bytes);
    return kept;
}

// Our own property is taken out, the others keep their order.
static void keep_user_property(struct wr_message *m, const mosquitto_property *p,
                               struct wr_user_property *list, struct wr_spill **spill)
{
    char *key = NULL, *value = NULL;
    if (!mosquitto_property_read_string_pair(p, MQTT_PROP_USER_PROPERTY, &key, &value, false) ||
        !key || !value) {
        free(key);
        free(value);
        return;
    }
    if (wr_str_eq(wr_str_of(key), WR_STR(WR_HOPS_PROPERTY))) {
        m->hops = wr_message_hops(wr_str_of(value));
    } else {
        list[m->sql.user_property_count++] =
            (struct wr_user_property){wr_spill_keep(m, key, strlen(key), spill),
                                      wr_spill_keep(m, value, strlen(value), spill)};
    }
    free(key);
    free(value);
}

static void fill_properties(struct wr_message *m, const mosquitto_property *props,
                            struct wr_spill **spill)
{
    size_t user = 0;
    for (const mosquitto_property *p = props; p; p = mosquitto_property_next(p)) {
        user += mosquitto_property_identifier(p) == MQTT_PROP_USER_PROPERTY;
    }
    struct wr_user_property *list = user ? wr_spill_room(m, user * sizeof *list, spill) : NULL;
    m->sql.user_properties = list;
    for (const mosquitto_property *p = props; p; p = mosquitto_property_next(p)) {
        int kind = mosquitto_property_identifier(p);
        uint8_t byte;
        if (kind == MQTT_PROP_USER_PROPERTY) {
            keep_user_property(m, p, list, spill);
        } else if (kind == MQTT_PROP_CONTENT_TYPE) {
            m->sql.content_type = keep_string(m, p, kind, spill);
        } else if (kind == MQTT_PROP_RESPONSE_TOPIC) {
            m->sql.response_topic = keep_string(m, p, kind, spill);
        } else if (kind == MQTT_PROP_CORRELATION_DATA) {
            m->sql.correlation_data = keep_binary(m, p, kind, spill);
        } else if (kind == MQTT_PROP_PAYLOAD_FORMAT_INDICATOR &&
                   mosquitto_property_read_byte(p, kind, &byte, false)) {
            m->sql.format_indicator = byte ? 1 : 0;
        }
    }
}

void wr_arrive_fill(struct wr_message *m, const struct mosquitto_message *from,
                    const mosquitto_property *props, int64_t timestamp_ms, struct wr_spill **spill)
{
    *spill = NULL;
    size_t len = from->payloadlen > 0 ? (size_t)from->payloadlen : 0;
    wr_assert(len <= WR_MQTT_PAYLOAD_MAX); // no packet can hold more
    m->sql.topic = wr_spill_keep(m, from->topic, strlen(from->topic), spill);
    m->sql.payload = wr_spill_keep(m, from->payload, len, spill);
    m->sql.timestamp_ms = timestamp_ms;
    m->sql.over_mqtt = true;
    m->qos = (uint8_t)from->qos;
    m->retain = from->retain;
    if (props) {
        fill_properties(m, props, spill);
    }
}
