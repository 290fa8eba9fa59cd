// MQTT: the source of messages, on our own client or on libmosquitto, and the separate client that
// publishes. dependencies.md section 1 holds the measurements behind the rules for libmosquitto,
// performance-design.md section 1 those for our own.
// Thread: loop.
#ifndef WR_ENGINE_MQTT_MQTT_H
#define WR_ENGINE_MQTT_MQTT_H

#include "engine/config.h"
#include "engine/flow/source.h"
#include "engine/mqtt/marks.h"
#include "sinks/sink.h"

#include <uv.h>

// Once per process, before and after everything else of this room.
void wr_mqtt_init(void);
void wr_mqtt_cleanup(void);

// Open a source on `loop` for the broker of `config`. It connects in the background and keeps
// trying; faults here are about what cannot ever work (URL, files, state folder). The client id and
// the filters last subscribed to are kept in state_dir/source.json; of a broker of brokers.*, in
// state_dir/brokers.NAME.json. `log` as in wr_sink_host.
wr_err wr_mqtt_source_open(uv_loop_t *loop, const struct wr_config *config,
                           struct wr_message_pool *pool, const struct wr_source_events *events,
                           struct wr_source **out, struct wr_fault *fault) WR_MUST_CHECK;

// A connection that publishes, with a clean session.
struct wr_publisher;
struct wr_publisher_options {
    const char *name;      // in the log: "publisher", "broker cloud". Lent until closed
    const char *client_id; // copied
    // What cannot be sent now waits, in order, and what was under way when the connection was lost
    // is sent again; else both are answered with WR_ERR_BUSY.
    bool keep;
    bool aws_limits; // refuse what AWS IoT Core would not take
    size_t window;   // publications under way at once; 0: 20,000
    unsigned rate;   // publications a second; 0: no limit
};
wr_err wr_publisher_open(uv_loop_t *loop, const struct wr_config *config,
                         const struct wr_publisher_options *options, struct wr_publisher **out,
                         struct wr_fault *fault) WR_MUST_CHECK;
// `p->done` is called once: QoS 1 after the PUBACK, QoS 0 when written. WR_ERR_BUSY: another try
// may do better. What `p` points to is lent until then with `keep`, else borrowed. MQTT 3.1.1 drops
// properties (logged once).
void wr_publisher_publish(struct wr_publisher *publisher, const struct wr_publish *p);
// Answer all that waits or is under way with WR_ERR_BUSY, soon, and all that comes at once.
void wr_publisher_give_back(struct wr_publisher *publisher);

struct wr_publisher_stats {
    bool up;
    size_t waiting, under_way;
    uint64_t connects;
    uint64_t published; // acknowledged, or written with QoS 0
    uint64_t repeated;  // were under way when a connection was lost
    uint64_t throttled, refused;
    char why[512]; // why there is no connection; "" while there is, and before the first try
};
void wr_publisher_stats(const struct wr_publisher *publisher, struct wr_publisher_stats *out);

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

// Every broker that republish may publish to, each with its own connection: the one that messages
// come from (client id "<id>-pub") and those of brokers.* ("<id>-NAME" unless they have one).
// While one is away its publications wait, and nobody else's.
struct wr_brokers;
// Connects in the background; faults are about what cannot ever work. Give: wr_brokers_close().
// `source_now`: connect to mqtt.url at once; else with the first publication for it.
wr_err wr_brokers_open(uv_loop_t *loop, const struct wr_config *config, const char *client_id,
                       bool source_now, struct wr_brokers **out,
                       struct wr_fault *fault) WR_MUST_CHECK;
// To the source's broker (0) or to brokers[at - 1]: wr_config_route(). As wr_publisher_publish()
// with `keep`.
void wr_brokers_publish(struct wr_brokers *b, size_t at, const struct wr_publish *p);
// All that waits is answered with WR_ERR_BUSY: before sinks are closed, which wait for it.
void wr_brokers_give_back(struct wr_brokers *b);
// Append `,"brokers":{"source":{…},…}`. `spooled(user, i)`: bytes in the spool for brokers[i].
void wr_brokers_write(const struct wr_brokers *b, uint64_t (*spooled)(void *user, size_t broker),
                      void *user, struct wr_buf *out);
void wr_brokers_close(struct wr_brokers *b, void (*done)(void *user), void *user);

// Counters for `weir run`'s status and for tests.
struct wr_mqtt_stats {
    uint64_t received, duplicates_dropped, acknowledged, connects, holds_broken;
    uint64_t open;             // of QoS 1 and not acknowledged yet; now
    uint64_t retained_dropped; // what a new subscription is told is no publication
    struct wr_marks_stats marks;
};
void wr_mqtt_source_stats(const struct wr_source *source, struct wr_mqtt_stats *out);

#endif
