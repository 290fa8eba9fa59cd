// Properties of a publication, and terminated copies.
#include "engine/mqtt/outgoing.h"

#include <mqtt_protocol.h>
#include <string.h>

#include "engine/mqtt/arrive.h"

#include "sql/base/banned.h"

void wr_outgoing_release(struct wr_outgoing *o)
{
    wr_buf_release(&o->topic);
    wr_buf_release(&o->key);
    wr_buf_release(&o->value);
}

// ---- libmosquitto

// `s` with a NUL behind it, or NULL when it holds one.
static const char *terminated(struct wr_buf *b, wr_str s)
{
    if (s.len > 0 && memchr(s.at, '\0', s.len)) {
        return NULL;
    }
    wr_buf_clear(b);
    wr_buf_add(b, s);
    return wr_buf_terminated(b);
}

static int add_string(struct wr_outgoing *o, mosquitto_property **props, int kind, wr_str text)
{
    if (!text.at) {
        return 0;
    }
    const char *value = terminated(&o->value, text);
    return value ? mosquitto_property_add_string(props, kind, value) : MOSQ_ERR_MALFORMED_UTF8;
}

static int add_user(struct wr_outgoing *o, mosquitto_property **props, wr_str key, wr_str value)
{
    const char *k = terminated(&o->key, key), *v = terminated(&o->value, value);
    return k && v ? mosquitto_property_add_string_pair(props, MQTT_PROP_USER_PROPERTY, k, v)
                  : MOSQ_ERR_MALFORMED_UTF8;
}

static int add_properties(struct wr_outgoing *o, mosquitto_property **props,
                          const struct wr_publish *pub)
{
    int rc = 0;
    if (pub->format_indicator >= 0) {
        rc = mosquitto_property_add_byte(props, MQTT_PROP_PAYLOAD_FORMAT_INDICATOR,
                                         (uint8_t)pub->format_indicator);
    }
    if (!rc && pub->message_expiry_s >= 0) {
        rc = mosquitto_property_add_int32(props, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL,
                                          (uint32_t)pub->message_expiry_s);
    }
    if (!rc) {
        rc = add_string(o, props, MQTT_PROP_CONTENT_TYPE, pub->content_type);
    }
    if (!rc) {
        rc = add_string(o, props, MQTT_PROP_RESPONSE_TOPIC, pub->response_topic);
    }
    if (!rc && pub->correlation_data.at) {
        rc = pub->correlation_data.len > UINT16_MAX
                 ? MOSQ_ERR_OVERSIZE_PACKET
                 : mosquitto_property_add_binary(props, MQTT_PROP_CORRELATION_DATA,
                                                 pub->correlation_data.at,
                                                 (uint16_t)pub->correlation_data.len);
    }
    for (size_t i = 0; !rc && i < pub->user_count; i++) {
        rc = add_user(o, props, pub->user_keys[i], pub->user_values[i]);
    }
    if (!rc && pub->hops > 0) {
        struct wr_buf hops = {0};
        wr_buf_add_u64(&hops, pub->hops);
        rc = add_user(o, props, WR_STR(WR_HOPS_PROPERTY), wr_buf_str(&hops));
        wr_buf_release(&hops);
    }
    return rc;
}

bool wr_outgoing_has_properties(const struct wr_publish *pub)
{
    return pub->format_indicator >= 0 || pub->message_expiry_s >= 0 || pub->content_type.at ||
           pub->response_topic.at || pub->correlation_data.at || pub->user_count > 0;
}

int wr_outgoing_send(struct wr_outgoing *o, struct mosquitto *m, bool v5,
                     const struct wr_publish *pub, int *mid)
{
    mosquitto_property *props = NULL;
    int rc = v5 ? add_properties(o, &props, pub) : 0;
    const char *topic = rc ? NULL : terminated(&o->topic, pub->topic);
    if (!rc && !topic) {
        rc = MOSQ_ERR_MALFORMED_UTF8;
    }
    if (!rc && pub->payload.len > WR_MQTT_PAYLOAD_MAX) {
        rc = MOSQ_ERR_PAYLOAD_SIZE;
    }
    if (!rc) {
        rc = mosquitto_publish_v5(m, mid, topic, (int)pub->payload.len, pub->payload.at, pub->qos,
                                  pub->retain, props);
    }
    mosquitto_property_free_all(&props);
    return rc;
}
