// Takes the weir-… user properties out of what clients publish and says who published.
#include "engine/plugin/plugin.h"

#include <stdlib.h>

#include <mqtt_protocol.h>

#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define STRING_MAX 65535 // of MQTT

static bool is_ours(const mosquitto_property *p)
{
    char *name = NULL, *value = NULL;
    bool ours =
        mosquitto_property_identifier(p) == MQTT_PROP_USER_PROPERTY &&
        mosquitto_property_read_string_pair(p, MQTT_PROP_USER_PROPERTY, &name, &value, false) &&
        name && wr_str_starts(wr_str_of(name), WR_STR(WR_ORIGIN_PREFIX));
    free(name);
    free(value);
    return ours;
}

// One property behind the list's last. False: it could not be read or added.
static bool copy_one(mosquitto_property **to, const mosquitto_property *p)
{
    int kind = mosquitto_property_identifier(p), rc = MOSQ_ERR_INVAL;
    char *text = NULL, *value = NULL;
    void *bytes = NULL;
    uint16_t len = 0;
    uint8_t byte;
    uint32_t number;
    switch (kind) {
    case MQTT_PROP_PAYLOAD_FORMAT_INDICATOR:
        if (mosquitto_property_read_byte(p, kind, &byte, false)) {
            rc = mosquitto_property_add_byte(to, kind, byte);
        }
        break;
    case MQTT_PROP_MESSAGE_EXPIRY_INTERVAL:
        if (mosquitto_property_read_int32(p, kind, &number, false)) {
            rc = mosquitto_property_add_int32(to, kind, number);
        }
        break;
    case MQTT_PROP_CONTENT_TYPE:
    case MQTT_PROP_RESPONSE_TOPIC:
        if (mosquitto_property_read_string(p, kind, &text, false)) {
            rc = mosquitto_property_add_string(to, kind, text ? text : "");
        }
        break;
    case MQTT_PROP_CORRELATION_DATA:
        if (mosquitto_property_read_binary(p, kind, &bytes, &len, false)) {
            rc = mosquitto_property_add_binary(to, kind, bytes, len);
        }
        break;
    case MQTT_PROP_USER_PROPERTY:
        if (mosquitto_property_read_string_pair(p, kind, &text, &value, false)) {
            rc = mosquitto_property_add_string_pair(to, kind, text ? text : "", value ? value : "");
        }
        break;
    default: // what a broker keeps of a PUBLISH is above
        break;
    }
    free(text);
    free(value);
    free(bytes);
    return rc == MOSQ_ERR_SUCCESS;
}

// The list without ours. False: the broker keeps what it had.
static bool strip(mosquitto_property **list)
{
    bool any = false;
    for (const mosquitto_property *p = *list; p; p = mosquitto_property_next(p)) {
        any = any || is_ours(p);
    }
    mosquitto_property *kept = NULL;
    for (const mosquitto_property *p = any ? *list : NULL; p; p = mosquitto_property_next(p)) {
        if (!is_ours(p) && !copy_one(&kept, p)) {
            mosquitto_property_free_all(&kept);
            return false;
        }
    }
    if (any) {
        mosquitto_property_free_all(list);
        *list = kept;
    }
    return true;
}

static bool mark(const struct wr_plugin *p, const struct mosquitto_evt_message *m,
                 const char *principal, const char *address, mosquitto_property **list)
{
    struct wr_buf value;
    wr_buf_init(&value, STRING_MAX);
    const struct wr_origin origin = {
        .principal = wr_str_of(principal),
        .address = wr_str_of(address),
        .client_id = wr_str_of(mosquitto_client_id(m->client)),
        .at_ms = wr_wall_ms(),
    };
    wr_origin_write(&p->key, &origin, wr_str_of(m->topic), (wr_str){m->payload, m->payloadlen},
                    &value);
    // A client id of nearly 65,535 bytes leaves no room: the message then says nothing.
    bool good = value.over || mosquitto_property_add_string_pair(
                                  list, MQTT_PROP_USER_PROPERTY, WR_ORIGIN_PROPERTY,
                                  wr_buf_terminated(&value)) == MOSQ_ERR_SUCCESS;
    wr_buf_release(&value);
    return good;
}

int wr_plugin_on_message(int event, void *data, void *user)
{
    const struct wr_plugin *p = user;
    struct mosquitto_evt_message *m = data;
    const struct wr_session *s = wr_sessions_find(&p->sessions, m->client);
    const char *username = mosquitto_client_username(m->client);
    const char *principal = s ? s->username : username, *address = s ? s->address : NULL;
    if (!address) {
        const char *peer = mosquitto_client_address(m->client);
        address = peer && !strchr(peer, ' ') ? peer : "-";
    }
    // An account of this machine, weir above all, may set them; it cannot set the origin.
    bool device = !username || strchr(username, '/');
    if (device && !strip(&m->properties)) {
        return MOSQ_ERR_NOMEM; // rather no message than a forged one
    }
    if (p->has_key && principal && !mark(p, m, principal, address, &m->properties)) {
        return MOSQ_ERR_NOMEM;
    }
    return MOSQ_ERR_SUCCESS;
}
