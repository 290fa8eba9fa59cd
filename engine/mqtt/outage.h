// Why a connection could not be made or has ended: from facts to a line with the place and the
// remedy, and into the log, not over and over. Thread: loop.
#ifndef WR_ENGINE_MQTT_OUTAGE_H
#define WR_ENGINE_MQTT_OUTAGE_H

#include "engine/config.h"
#include "engine/mqtt/url.h"
#include "sql/base/clock.h"

#define WR_OUTAGE_WHY_MAX 512 // a reason with its remedy, one line

enum wr_outage_kind {
    WR_OUTAGE_CLOSED, // the broker closed it
    WR_OUTAGE_ERRNO,  // `error` says why
    WR_OUTAGE_HOST,   // its name has no address
    WR_OUTAGE_SILENT, // a ping was not answered
    WR_OUTAGE_OTHER,  // `cause` says why
};

struct wr_outage {
    const struct wr_config *config;
    const struct wr_mqtt_url *url;
    enum wr_outage_kind kind;
    bool v5, up;       // up: since the CONNACK
    int refused;       // CONNACK's code, 0 none
    int server_reason; // of the broker's DISCONNECT, 0 none
    int error;         // of errno
    const char *cause;
    const char *tls_text; // OpenSSL's words; "" or NULL: TLS is not to blame
};

// Into `why`, of WR_OUTAGE_WHY_MAX bytes.
void wr_outage_explain(const struct wr_outage *o, char *why);
// The connect has taken too long.
void wr_outage_explain_late(const struct wr_config *config, const struct wr_mqtt_url *url,
                            char *why);

// What a client said last. Zeroed: nothing.
struct wr_outage_log {
    wr_mono said_at;
    char said[WR_OUTAGE_WHY_MAX];
};
// A warning, unless it was the same a short while ago. `name`: whose connection.
void wr_outage_say(struct wr_outage_log *log, const char *name, const char *why);
// There is a connection.
void wr_outage_over(struct wr_outage_log *log);

#endif
