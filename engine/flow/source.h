// Where messages come from. Narrow on purpose: our own MQTT client (engine/mqtt/native/source.c),
// libmosquitto (engine/mqtt/source.c), Kafka (engine/kafka); tests feed messages in process.
// Thread: loop.
#ifndef WR_ENGINE_FLOW_SOURCE_H
#define WR_ENGINE_FLOW_SOURCE_H

#include "engine/flow/message.h"
#include "sql/base/err.h"

struct wr_source;

// What a source calls. `messages` is a list linked by `next`; the flow takes it: each message ends
// with wr_source_impl.settled, exactly once.
struct wr_source_events {
    void (*batch)(void *user, struct wr_source *source, struct wr_message *messages, size_t count);
    // For log and metrics: connected, disconnected and why, subscribed.
    void (*state)(void *user, struct wr_source *source, bool up, const char *why);
    // Acknowledgements of all that was acknowledged until now are about to be written; also at the
    // begin of each connection, before a message of it is read. False: they must not be. NULL: its
    // messages have no `mid`.
    bool (*acknowledging)(void *user, struct wr_source *source);
    // With `acknowledging`: the connection has ended, or the broker kept no session.
    void (*session_over)(void *user, struct wr_source *source);
    void *user;
};

// How a source goes on while messages of it are not settled.
enum wr_pace {
    WR_PACE_SETTLE, // as it is used to
    WR_PACE_ON,     // they wait for look-ups: it goes on reading, so that others may pass
    WR_PACE_STOP,   // too many wait: it reads nothing until it is told otherwise
};

struct wr_source_impl {
    const char *name; // "mqtt"
    // Ask for exactly these filters from now on (deduplicated, sorted); the source works out what
    // to subscribe and unsubscribe. May be called at any time, also before the connection is up.
    void (*want)(struct wr_source *self, const wr_str *filters, size_t count);
    // May be NULL. Every record of the message is durable or settled, or there was none: it may be
    // acknowledged. At most once for a message, before `settled`, in any order; the message lives
    // on.
    void (*acknowledge)(struct wr_source *self, struct wr_message *m);
    // Nobody needs the message's bytes any more. Called once for every message, in any order. It
    // may be acknowledged only if `acknowledge` was called: what is given up at the end is not.
    void (*settled)(struct wr_source *self, struct wr_message *m);
    // May be NULL. May be called from inside `batch`; what is read already still comes.
    void (*pace)(struct wr_source *self, enum wr_pace pace);
    // Stop taking messages, acknowledge what is settled, end within `grace_ms`, then call `done`
    // once. What is not settled by then is not acknowledged.
    void (*close)(struct wr_source *self, int grace_ms, void (*done)(void *user), void *user);
};

struct wr_source {
    const struct wr_source_impl *impl;
    uint32_t
        space; // of the rules that its messages meet (rules/rule.h); 0 unless the owner sets it
    struct wr_source_events events;
    struct wr_message_pool *pool;
};

#endif
