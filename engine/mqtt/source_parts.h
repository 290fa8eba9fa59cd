// What the two MQTT sources share, for them and sources.c only. Thread: loop.
#ifndef WR_ENGINE_MQTT_SOURCE_PARTS_H
#define WR_ENGINE_MQTT_SOURCE_PARTS_H

#include "engine/mqtt/interest.h"
#include "engine/mqtt/mqtt.h"

// The begin of each source.
struct wr_mqtt_source {
    struct wr_source base; // first
    const struct wr_config *config;
    struct wr_interest interest;
    struct wr_mqtt_stats stats; // without `open` and `connects`
    // `open` and `connects`, as they are now.
    void (*count)(const struct wr_mqtt_source *s, struct wr_mqtt_stats *out);
    bool closing;
    bool has_key; // mqtt.mac_key_file
    struct wr_origin_key key;
};

// What the properties weir-… of a message that was just filled say, and away with them.
static inline void wr_mqtt_source_mark(struct wr_mqtt_source *s, struct wr_message *m,
                                       int64_t now_ms)
{
    if (s->has_key) {
        wr_marks_take(m, &s->key, now_ms, s->config->mqtt_mac_max_age_ms, &s->stats.marks);
    }
}

// The state of the connection, unless it is closing.
void wr_mqtt_source_tell(struct wr_mqtt_source *s, bool up, const char *why);
// A connection is there: into the log, to the flow, and its subscriptions. True: the broker kept
// the session.
void wr_mqtt_source_up(struct wr_mqtt_source *s, const struct wr_client_session *session,
                       const struct wr_subscriber *link);
// It is gone.
void wr_mqtt_source_down(struct wr_mqtt_source *s, const char *why);
void wr_mqtt_source_subscribed(struct wr_mqtt_source *s, int mid, int granted);
// What a new subscription is told, and no publication.
void wr_mqtt_source_drop_retained(struct wr_mqtt_source *s, wr_str topic);

// Without faults but of the state folder: the rest is checked.
wr_err wr_mosquitto_source_open(uv_loop_t *loop, const struct wr_config *config,
                                struct wr_message_pool *pool, const struct wr_source_events *events,
                                struct wr_source **out, struct wr_fault *fault) WR_MUST_CHECK;
wr_err wr_native_source_open(uv_loop_t *loop, const struct wr_config *config,
                             struct wr_message_pool *pool, const struct wr_source_events *events,
                             struct wr_source **out, struct wr_fault *fault) WR_MUST_CHECK;

#endif
