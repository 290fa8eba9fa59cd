// Tables of reason codes: MQTT 3.1.1 section 3.2.2.3, MQTT 5 section 2.4.
#include "engine/mqtt/reason.h"

#include <mosquitto.h>
#include <string.h>

#include "sql/base/banned.h"

struct reason {
    int code;
    const char *text;
};

#define CREDENTIALS                                                                  \
    "the broker does not accept the user name or password: check mqtt.username and " \
    "mqtt.password_file"
#define NOT_AUTHORISED                                                                          \
    "not authorised: check mqtt.username, mqtt.password_file, mqtt.cert_file and the broker's " \
    "access rules"
#define VERSION   "the broker does not speak this version of MQTT: set mqtt.version to the other one"
#define CLIENT_ID "the broker does not accept the client id: set mqtt.client_id"

static const struct reason connack_311[] = {
    {1, VERSION},     {2, CLIENT_ID},      {3, "the broker says that it is unavailable"},
    {4, CREDENTIALS}, {5, NOT_AUTHORISED}, {0},
};

static const struct reason connack_5[] = {
    {1, VERSION}, // an older broker answers in its own way
    {0x80, "the broker gave no reason"},
    {0x81, "the broker calls the CONNECT packet malformed"},
    {0x82, "the broker calls it a protocol error"},
    {0x84, VERSION},
    {0x85, CLIENT_ID},
    {0x86, CREDENTIALS},
    {0x87, NOT_AUTHORISED},
    {0x88, "the broker says that it is unavailable"},
    {0x89, "the broker is busy"},
    {0x8a, "the broker has banned this client"},
    {0x8c, "the broker wants another authentication method than user name and password"},
    {0x97, "a quota of the broker is exceeded"},
    {0x9c, "the broker says: use another server; change mqtt.url"},
    {0x9d, "the broker has moved: change mqtt.url"},
    {0x9f, "the broker limits the rate of connections"},
    {0},
};

static const struct reason disconnect[] = {
    {0x80, "the broker gave no reason"},
    {0x81, "the broker calls a packet malformed"},
    {0x82, "the broker calls it a protocol error"},
    {0x87, "no longer authorised: check the broker's access rules"},
    {0x89, "the broker is busy"},
    {0x8b, "the broker is shutting down"},
    {0x8d, "the broker heard nothing for longer than the keepalive"},
    {0x8e, "another client has connected with the same client id: give each weir its own "
           "state_dir, or set mqtt.client_id"},
    {0x93, "the broker saw more messages in flight than it allows"},
    {0x95, "a packet was larger than the broker allows"},
    {0x96, "the broker limits the rate of messages"},
    {0x97, "a quota of the broker is exceeded"},
    {0x98, "an administrator ended the connection"},
    {0x9c, "the broker says: use another server; change mqtt.url"},
    {0x9d, "the broker has moved: change mqtt.url"},
    {0},
};

static const struct reason ack_5[] = {
    {0x80, "the broker gave no reason"},
    {0x83, "an implementation limit of the broker"},
    {0x87, "not authorised: check the broker's access rules"},
    {0x8f, "the broker does not accept the topic filter"},
    {0x90, "the broker does not accept the topic"},
    {0x91, "packet identifier in use"},
    {0x95, "the packet is larger than the broker allows"},
    {0x97, "a quota of the broker is exceeded"},
    {0x99, "the payload is not of the format it claims"},
    {0x9e, "the broker does not support shared subscriptions"},
    {0xa1, "the broker does not support subscription identifiers"},
    {0xa2, "the broker does not support wildcards"},
    {0},
};

static const char *find(const struct reason *table, int code)
{
    for (; table->text; table++) {
        if (table->code == code) {
            return table->text;
        }
    }
    return mosquitto_reason_string(code);
}

const char *wr_reason_connack(bool v5, int code)
{
    return find(v5 ? connack_5 : connack_311, code);
}

const char *wr_reason_disconnect(int code)
{
    return find(disconnect, code);
}

const char *wr_reason_ack(bool v5, int code)
{
    return v5 ? find(ack_5, code) : "refused (MQTT 3.1.1 gives no reason): check its access rules";
}

const char *wr_reason_tls(const char *text)
{
    if (strstr(text, "certificate verify failed")) {
        return "the broker's certificate is not signed by a known authority, has expired or is for "
               "another name: check mqtt.ca_file and the host in mqtt.url";
    }
    if (strstr(text, "wrong version number") || strstr(text, "packet length too long")) {
        return "the broker does not speak TLS on this port: check the port, or write mqtt:// "
               "instead of mqtts://";
    }
    if (strstr(text, "unexpected eof")) {
        return "the broker ended the handshake: it may not speak TLS on this port (write mqtt:// "
               "then), or want a client certificate (mqtt.cert_file, mqtt.key_file)";
    }
    if (strstr(text, "no certificate or crl found") || strstr(text, "no start line") ||
        strstr(text, "PEM")) {
        return "mqtt.ca_file, mqtt.cert_file or mqtt.key_file holds no certificate or key as PEM";
    }
    if (strstr(text, "alert unknown ca") || strstr(text, "alert bad certificate") ||
        strstr(text, "alert certificate")) {
        return "the broker does not accept our certificate: check mqtt.cert_file and mqtt.key_file";
    }
    if (strstr(text, "alert handshake failure")) {
        return "the broker ended the handshake: it may want a client certificate (mqtt.cert_file, "
               "mqtt.key_file)";
    }
    if (strstr(text, "key values mismatch")) {
        return "mqtt.key_file does not belong to mqtt.cert_file";
    }
    return NULL;
}
