// libmosquitto on the loop: the source of messages, and the separate client that publishes.
// dependencies.md section 1 holds the measurements behind every rule here.
// Thread: loop.
#ifndef WR_ENGINE_MQTT_MQTT_H
#define WR_ENGINE_MQTT_MQTT_H

#include "engine/config.h"
#include "engine/flow/source.h"
#include "sinks/sink.h"

#include <uv.h>

// Once per process, before and after everything else of this room.
void wr_mqtt_init(void);
void wr_mqtt_cleanup(void);

// Open a source on `loop` for the broker of `config`. It connects in the background and keeps
// trying; faults here are about what cannot ever work (URL, files, state folder). The client id and
// the filters last subscribed to are kept in state_dir/source.json. `log` as in wr_sink_host.
wr_err wr_mqtt_source_open(uv_loop_t *loop, const struct wr_config *config,
                           struct wr_message_pool *pool, const struct wr_source_events *events,
                           struct wr_source **out, struct wr_fault *fault) WR_MUST_CHECK;

// The republishing client: own connection, own client id ("<id>-pub"), clean session.
struct wr_publisher;
wr_err wr_publisher_open(uv_loop_t *loop, const struct wr_config *config, const char *client_id,
                         struct wr_publisher **out, struct wr_fault *fault) WR_MUST_CHECK;
// The same with exactly this client id.
wr_err wr_publisher_open_as(uv_loop_t *loop, const struct wr_config *config, const char *client_id,
                            struct wr_publisher **out, struct wr_fault *fault) WR_MUST_CHECK;
// `p->done` is called once: QoS 1 after the PUBACK, QoS 0 when written; while disconnected at once
// with WR_ERR_BUSY, so that the engine retries. MQTT 3.1.1 drops properties (counted, logged once).
void wr_publisher_publish(struct wr_publisher *publisher, const struct wr_publish *p);
// What becomes of the connection, for those who want to know; each may be NULL, none may close the
// publisher. `down` comes before the publications under way are answered.
struct wr_publisher_watch {
    void (*up)(void *user);
    void (*down)(void *user, const char *why);
    void (*failed)(void *user, const char *why); // one attempt to connect; another follows
    void *user;
};
void wr_publisher_watch(struct wr_publisher *publisher, const struct wr_publisher_watch *watch);
void wr_publisher_close(struct wr_publisher *publisher, void (*done)(void *user), void *user);
const char *wr_mqtt_source_client_id(const struct wr_source *source);

// Counters for `weir run`'s status and for tests.
struct wr_mqtt_stats {
    uint64_t received, duplicates_dropped, acknowledged, connects, holds_broken;
    uint64_t open;             // of QoS 1 and not acknowledged yet; now
    uint64_t retained_dropped; // what a new subscription is told is no publication
};
void wr_mqtt_source_stats(const struct wr_source *source, struct wr_mqtt_stats *out);

#endif
