// One MQTT connection of our own client, for reading or for publishing: connects, keeps trying,
// reads what comes in large pieces, takes packets apart where they lie, writes what waits in one
// call. Knows nothing of rules, nor of when a message may be acknowledged. Thread: loop.
//
//   wr_conn_new ─► [waiting] ─► address ─► TCP ─► TLS ─► CONNECT, CONNACK ─► up ─► down ─┐
//                     ▲                                                                 │
//                     └─────────────────────── back-off ────────────────────────────────┘
//
// A packet that MQTT does not allow ends the connection with its reason (DISCONNECT, MQTT 5).
// Pings go on while nothing is read, so that the broker never finds us silent.
#ifndef WR_ENGINE_MQTT_NATIVE_CONN_H
#define WR_ENGINE_MQTT_NATIVE_CONN_H

#include "engine/config.h"
#include "engine/mqtt/native/packet.h"
#include "engine/mqtt/native/segment.h"
#include "engine/mqtt/session.h"
#include "sinks/sink.h"

#include <uv.h>

struct wr_conn;

// What a message's slices lie in.
struct wr_conn_message {
    struct wr_publication p;
    struct wr_segment *segment; // lock it to keep payload and properties
    bool topic_apart;           // the topic stands for an alias: it lies elsewhere, copy it
};

// None may call wr_conn_close(). Those of the second part may be NULL.
struct wr_conn_events {
    void (*up)(void *user, const struct wr_client_session *session);
    void (*down)(void *user, const char *why); // after `up` only
    void (*failed)(void *user, const char *why);

    // Whether to connect now. When it was false, say wr_conn_kick() once it is true.
    bool (*may_connect)(void *user);
    void (*message)(void *user, const struct wr_conn_message *m);
    // Everything that was read has been told.
    void (*drained)(void *user);
    // Acknowledgements are about to be written. False: they must not be; the process ends.
    bool (*acknowledging)(void *user);
    void (*subscribed)(void *user, int mid, int granted); // granted >= 128: refused
    void (*unsubscribed)(void *user, int mid);
    void (*tick)(void *user);                           // once a second while up
    void (*published)(void *user, int mid, int reason); // PUBACK
    void (*written)(void *user);                        // all that waited to be written is
};

struct wr_conn_options {
    const char *name; // in the log; lent until the close has finished
    const char *client_id;
    bool clean;      // no session is kept
    unsigned window; // publications under way at once over MQTT 3.1.1, which has no limit; 0: 20
};

// Starts to connect at the next turn of the loop. `config`, `events` and `segments` are lent until
// the close has finished; the client id is copied.
struct wr_conn *wr_conn_new(uv_loop_t *loop, const struct wr_config *config,
                            const struct wr_conn_options *options, struct wr_segments *segments,
                            const struct wr_conn_events *events, void *user);

// Acknowledge a message: leaves with the next write, which is soon.
void wr_conn_acknowledge(struct wr_conn *w, enum wr_packet_type type, uint16_t mid);
// Tell of nothing more, and read nothing, until told otherwise. From inside `message` too: the rest
// of what was read waits.
void wr_conn_pause(struct wr_conn *w, bool pause);
// Subscribing through it, at any time.
struct wr_subscriber wr_conn_subscriber(struct wr_conn *w);
bool wr_conn_usable(const struct wr_conn *w); // up, and not closing
// Put a publication behind what waits to be written, soon; it is copied. NULL: it is there; QoS 1:
// *mid is given, and `published` follows. Else why it cannot ever be sent. Only while usable.
const char *wr_conn_publish(struct wr_conn *w, const struct wr_publish *pub,
                            int *mid) WR_MUST_CHECK;
// How many of QoS 1 may be under way; the caller counts them.
size_t wr_conn_send_maximum(const struct wr_conn *w);
// Bytes that wait to be written.
size_t wr_conn_unwritten(const struct wr_conn *w);
// may_connect() may have changed.
void wr_conn_kick(struct wr_conn *w);
// Connections that reached CONNACK.
uint64_t wr_conn_connects(const struct wr_conn *w);

// Write what waits and a DISCONNECT (a kept session stays), then close. `done` is called once from
// the loop, it is freed by then. No event is called after this call but `acknowledging`, from
// inside of it.
void wr_conn_close(struct wr_conn *w, void (*done)(void *user), void *user);

#endif
