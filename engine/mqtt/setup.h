// From weir's configuration to a `struct mosquitto` that is ready to connect: version, credentials,
// TLS. Thread: loop.
#ifndef WR_ENGINE_MQTT_SETUP_H
#define WR_ENGINE_MQTT_SETUP_H

#include "engine/config.h"
#include "engine/mqtt/url.h"

#include <mosquitto.h>

// Check the URL and that every file of the options mqtt.* can be read.
wr_err wr_mqtt_setup_check(const struct wr_config *config, struct wr_mqtt_url *url,
                           struct wr_fault *fault) WR_MUST_CHECK;

// Give: mosquitto_destroy() it. `window`: publications of QoS 1 that may be under way, 0 for
// libmosquitto's own. Files are read again each time, so that renewed certificates and
// passwords are taken up at the next connection. WR_ERR_IO or WR_ERR_FAILED; no log is written.
wr_err wr_mqtt_setup(const struct wr_config *config, const struct wr_mqtt_url *url,
                     const char *client_id, bool clean, int window, void *user,
                     struct mosquitto **out, struct wr_fault *fault) WR_MUST_CHECK;

// The first line of mqtt.password_file, without its end; or mqtt.password; appended.
wr_err wr_mqtt_read_password(const struct wr_config *config, struct wr_buf *out,
                             struct wr_fault *fault) WR_MUST_CHECK;

// What the source of this broker is called in the log and in the state folder: "source" for the
// one of mqtt.url, else "brokers.NAME".
const char *wr_mqtt_source_name(const struct wr_config *config);
bool wr_mqtt_is_v5(const struct wr_config *config);

#endif
