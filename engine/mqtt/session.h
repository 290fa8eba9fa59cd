// What the clients of this room share: the session that a broker granted, and how subscriptions are
// asked for on it. Thread: loop.
#ifndef WR_ENGINE_MQTT_SESSION_H
#define WR_ENGINE_MQTT_SESSION_H

#include "sql/base/str.h"

#include <stdbool.h>
#include <stdint.h>

// What the broker said in its CONNACK.
struct wr_client_session {
    bool present; // it kept our session
    bool v5;
    bool ids;    // subscription identifiers may be used
    bool shared; // shared subscriptions may be used
};

enum wr_asked {
    WR_ASKED_SENT,  // *mid is its packet identifier: an answer follows
    WR_ASKED_LATER, // not now: there is no connection any more, or it is said in the log
};

// A connection that is up, for those who subscribe.
struct wr_subscriber {
    // At quality of service 1, without what was retained before where MQTT can say that. `id`:
    // subscription identifier, 0: none.
    enum wr_asked (*subscribe)(void *user, wr_str filter, uint32_t id, int *mid);
    enum wr_asked (*unsubscribe)(void *user, wr_str filter, int *mid);
    bool (*usable)(void *user);
    void (*flush)(void *user); // write what was asked, soon
    void *user;
};

#endif
