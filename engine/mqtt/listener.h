// A subscriber without a session: what is published to some filters, each message once, with all of
// its properties. For `weir record`; the source of rules is mqtt.h's. Thread: loop.
//
// Filters that overlap are handled as in filters.h; what comes through a widened one and was not
// asked for is left out.
#ifndef WR_ENGINE_MQTT_LISTENER_H
#define WR_ENGINE_MQTT_LISTENER_H

#include "engine/config.h"
#include "sql/sql.h"

#include <uv.h>

struct wr_listener;

struct wr_heard {
    struct wr_sql_message sql; // topic, payload, properties; borrowed until the callback returns
    uint8_t qos;
    // With `as_published`: as published. Without: the broker had it before we subscribed.
    bool retain;
    int64_t expiry_s; // what is left of it; -1: none
};

struct wr_listener_options {
    const char *client_id;
    const wr_str *filters; // borrowed by the open
    size_t filter_count;
    int qos; // 0 or 1: the most that is asked for
    // MQTT 5 only: live messages keep their retain flag, and what the broker had before is not
    // asked for.
    bool as_published;
};

// None may call wr_listener_close().
struct wr_listener_events {
    void (*message)(void *user, const struct wr_heard *m);
    void (*drained)(void *user); // everything that was there is read
    // Every filter is granted; again after each reconnect. `lowered`: one at QoS 0 only though QoS
    // 1 was asked for.
    void (*up)(void *user, bool lowered);
    // The connection ended: what is published from now to the next `up` is missing.
    void (*down)(void *user, const char *why);
    void (*failed)(void *user, const char *why);  // one attempt to connect; another follows
    void (*refused)(void *user, const char *why); // the broker does not grant a filter
};

// Connects in the background and keeps trying. `config` is lent until the close has finished.
// Fault: what cannot ever work (URL, files, a filter).
wr_err wr_listener_open(uv_loop_t *loop, const struct wr_config *config,
                        const struct wr_listener_options *options,
                        const struct wr_listener_events *events, void *user,
                        struct wr_listener **out, struct wr_fault *fault) WR_MUST_CHECK;
void wr_listener_close(struct wr_listener *l, void (*done)(void *user), void *user);

#endif
