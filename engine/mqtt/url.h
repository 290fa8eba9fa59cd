// mqtt.url: where the broker is.
// Thread: any.
#ifndef WR_ENGINE_MQTT_URL_H
#define WR_ENGINE_MQTT_URL_H

#include "sql/base/err.h"
#include "sql/base/str.h"

#define WR_MQTT_HOST_MAX 253 // DNS: longest name in text

struct wr_mqtt_url {
    bool tls;
    int port;                        // 1883 or 8883 unless the URL says
    char host[WR_MQTT_HOST_MAX + 1]; // without the brackets of an IPv6 address
};

// mqtt://host[:port], mqtts://host[:port]. WR_ERR_SYNTAX, WR_ERR_UNSUPPORTED (another scheme) or
// WR_ERR_RANGE (port); user names, paths and queries are refused with the option to use instead.
wr_err wr_mqtt_url_parse(wr_str text, struct wr_mqtt_url *out,
                         struct wr_fault *fault) WR_MUST_CHECK;

#endif
