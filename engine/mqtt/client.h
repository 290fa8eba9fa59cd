// One MQTT connection on the loop: connects, keeps trying, drives libmosquitto
// (dependencies.md 1.3). Used by the source and by the publisher; knows nothing of messages,
// filters or rules. Thread: loop. Only the TCP connect (which resolves the name) runs in uv's pool.
//
//   wr_client_new ─► [waiting] ─► connect in the pool ─► handshake, CONNACK ─► up ─► down ─┐
//                        ▲                                                                │
//                        back-off
//                        └────────────────────────────────────────────────────────────────┘
//
// Every attempt has its own `struct mosquitto`, so that nothing of a lost connection (held
// acknowledgements, half-sent publications) reaches the next one.
#ifndef WR_ENGINE_MQTT_CLIENT_H
#define WR_ENGINE_MQTT_CLIENT_H

#include "engine/config.h"
#include "engine/mqtt/outage.h"
#include "engine/mqtt/session.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <uv.h>

struct wr_client;

#define WR_CLIENT_WHY_MAX WR_OUTAGE_WHY_MAX

// All but `up`, `down` and `drained` may be NULL. None may call wr_client_close().
struct wr_client_events {
    void (*up)(void *user, const struct wr_client_session *session);
    void (*down)(void *user, const char *why); // after `up` only
    // A connection attempt failed; called for each.
    void (*failed)(void *user, const char *why);
    // Whether to connect now. When it was false, say wr_client_kick() once it is true.
    bool (*may_connect)(void *user);
    // From inside libmosquitto: only copy and queue.
    void (*message)(void *user, const struct mosquitto_message *m, const mosquitto_property *props);
    void (*subscribed)(void *user, int mid, int granted); // granted >= 128: refused
    void (*unsubscribed)(void *user, int mid);
    void (*published)(void *user, int mid, int reason);
    // Everything that was there is read, or the batch is full. Unless wr_client_hold() is called
    // inside, all that waits in libmosquitto is now written, acknowledgements included.
    void (*drained)(void *user);
    void (*tick)(void *user); // once a second while up and not held
};

struct wr_client_options {
    const char *name; // for the log: "source"
    const char *client_id;
    bool clean; // no session is kept
    int batch;  // packets read before `drained`
    int window; // publications of QoS 1 under way at once; 0: libmosquitto's own limit
};

// Starts to connect at the next turn of the loop. `config`, `options->name` and `events` are lent
// until the close has finished; the client id is copied.
struct wr_client *wr_client_new(uv_loop_t *loop, const struct wr_config *config,
                                const struct wr_client_options *options,
                                const struct wr_client_events *events, void *user);

// NULL unless up. Queue with mosquitto_subscribe_v5() and kin, then wr_client_flush_soon().
struct mosquitto *wr_client_mosquitto(const struct wr_client *c);
// Subscribing through it, at any time.
struct wr_subscriber wr_client_subscriber(struct wr_client *c);
// Write what waits at the next turn of the loop, unless held by then.
void wr_client_flush_soon(struct wr_client *c);

// From now on nothing is written on this connection, nor read unless `reading`, until
// wr_client_resume(): then what waits is written at the next turn of the loop and reading goes on.
// The end of the connection ends the hold. Again: changes `reading`.
void wr_client_hold(struct wr_client *c, bool reading);
void wr_client_resume(struct wr_client *c);
bool wr_client_held(const struct wr_client *c);

// End this connection without writing anything; `down` is told `why`; then connect again as soon as
// may_connect() allows, without back-off.
void wr_client_drop(struct wr_client *c, const char *why);
// may_connect() may have changed.
void wr_client_kick(struct wr_client *c);

// Unless held, write what waits and a DISCONNECT (a kept session stays); then close. `done` is
// called once from the loop, the client is freed by then. No event is called after this call. An
// attempt to connect to a silent host may stay in uv's pool for some time after `done`: its memory
// is its own.
void wr_client_close(struct wr_client *c, void (*done)(void *user), void *user);

// From inside `message`: whether the broker said that it delivered the message with this packet
// identifier before (DUP). False when that cannot be told: libmosquitto says it in its log only.
bool wr_client_is_dup(const struct wr_client *c, int mid);

// Tests: connections that reached CONNACK.
uint64_t wr_client_connects(const struct wr_client *c);

#endif
