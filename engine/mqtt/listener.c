// Subscribes, leaves second copies out, and puts libmosquitto's messages into plain structs.
#include "engine/mqtt/listener.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/mqtt/arrive.h"
#include "engine/mqtt/client.h"
#include "engine/mqtt/filters.h"
#include "engine/mqtt/reason.h"
#include "engine/mqtt/setup.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define READ_BATCH 256
#define WHY_MAX    512
// Topics and properties of one message: its packet bounds them.
#define ARENA_BYTES (4 * (size_t)WR_MQTT_PAYLOAD_MAX)

struct wr_listener {
    const struct wr_config *config;
    struct wr_client *client;
    struct wr_listener_events events;
    void *user;
    struct wr_filters wanted, asked; // as given; as sent
    int *mids;                       // of the SUBSCRIBEs, by filter; 0: answered
    uint32_t *ids;
    struct wr_copies copies;
    bool use_ids, as_published, closing;
    bool was_up, was_down; // at least once
    bool lowered;          // QoS 0 is granted where 1 was asked for
    int qos;
    size_t unanswered;
    struct wr_arena arena;
    void (*done)(void *user);
    void *done_user;
};

// ---- subscribing

static void forget_asked(struct wr_listener *l)
{
    wr_copies_release(&l->copies);
    wr_filters_release(&l->asked);
    l->asked = (struct wr_filters){0};
    free(l->mids);
    free(l->ids);
    l->mids = NULL;
    l->ids = NULL;
    l->unanswered = 0;
}

static int retain_options(const struct wr_listener *l, bool v5)
{
    if (!v5) {
        return 0;
    }
    // What the broker keeps is asked for once: after a reconnect it would come a second time.
    int options = l->was_up || l->as_published ? MQTT_SUB_OPT_SEND_RETAIN_NEVER
                                               : MQTT_SUB_OPT_SEND_RETAIN_ALWAYS;
    return l->as_published ? options | MQTT_SUB_OPT_RETAIN_AS_PUBLISHED : options;
}

static int subscribe(struct wr_listener *l, struct mosquitto *m, size_t i, int options)
{
    mosquitto_property *props = NULL;
    if (l->use_ids) {
        mosquitto_property_add_varint(&props, MQTT_PROP_SUBSCRIPTION_IDENTIFIER, l->ids[i]);
    }
    char *filter = wr_strdup(l->asked.at[i]);
    int rc = mosquitto_subscribe_v5(m, &l->mids[i], filter, l->qos, options, props);
    free(filter);
    mosquitto_property_free_all(&props);
    return rc;
}

static void on_up(void *user, const struct wr_client_session *session)
{
    struct wr_listener *l = user;
    struct mosquitto *m = wr_client_mosquitto(l->client);
    forget_asked(l);
    l->use_ids = session->ids;
    if (l->use_ids) {
        wr_filters_cover(l->wanted.at, l->wanted.count, &l->asked);
    } else {
        wr_filters_disjoint(l->wanted.at, l->wanted.count, &l->asked);
    }
    l->mids = wr_zalloc(l->asked.count * sizeof *l->mids);
    l->ids = wr_zalloc(l->asked.count * sizeof *l->ids);
    for (size_t i = 0; i < l->asked.count; i++) {
        l->ids[i] = (uint32_t)i + 1;
    }
    if (l->use_ids) {
        wr_copies_init(&l->copies, l->asked.at, l->ids, l->asked.count);
    }
    int options = retain_options(l, session->v5);
    for (size_t i = 0; m && i < l->asked.count; i++) {
        int rc = subscribe(l, m, i, options);
        if (rc == MOSQ_ERR_NO_CONN) {
            return; // `down` comes
        }
        if (rc) {
            l->events.refused(l->user, mosquitto_strerror(rc));
            return;
        }
        l->unanswered++;
    }
    wr_client_flush_soon(l->client);
}

static void on_subscribed(void *user, int mid, int granted)
{
    struct wr_listener *l = user;
    size_t i = 0;
    while (i < l->asked.count && l->mids[i] != mid) {
        i++;
    }
    if (i == l->asked.count) {
        return;
    }
    l->mids[i] = 0;
    if (granted >= 128) {
        char why[WHY_MAX];
        snprintf(why, sizeof why, "the broker refuses the subscription to '%.*s': %s",
                 WR_STR_ARG(l->asked.at[i]), wr_reason_ack(wr_mqtt_is_v5(l->config), granted));
        l->events.refused(l->user, why);
        return;
    }
    l->lowered = l->lowered || granted < l->qos;
    if (--l->unanswered == 0) {
        l->was_up = true;
        l->events.up(l->user, l->lowered);
    }
}

static void on_down(void *user, const char *why)
{
    struct wr_listener *l = user;
    l->was_down = l->was_up;
    l->events.down(l->user, why);
}

static void on_failed(void *user, const char *why)
{
    struct wr_listener *l = user;
    l->events.failed(l->user, why);
}

// ---- messages

static wr_str keep(struct wr_listener *l, const void *at, size_t len)
{
    wr_str kept = wr_str_dup(&l->arena, (wr_str){at, len});
    return kept.at ? kept : (wr_str){"", 0};
}

static wr_str keep_string(struct wr_listener *l, const mosquitto_property *p, int kind)
{
    char *text = NULL;
    if (!mosquitto_property_read_string(p, kind, &text, false) || !text) {
        return (wr_str){NULL, 0};
    }
    wr_str kept = keep(l, text, strlen(text));
    free(text);
    return kept;
}

static void read_user_property(struct wr_listener *l, const mosquitto_property *p,
                               struct wr_user_property *list, size_t *count)
{
    char *key = NULL, *value = NULL;
    if (mosquitto_property_read_string_pair(p, MQTT_PROP_USER_PROPERTY, &key, &value, false) &&
        key && value) {
        list[(*count)++] =
            (struct wr_user_property){keep(l, key, strlen(key)), keep(l, value, strlen(value))};
    }
    free(key);
    free(value);
}

static void read_property(struct wr_listener *l, const mosquitto_property *p, struct wr_heard *m)
{
    int kind = mosquitto_property_identifier(p);
    uint8_t byte;
    uint32_t seconds;
    void *bytes = NULL;
    uint16_t len = 0;
    switch (kind) {
    case MQTT_PROP_CONTENT_TYPE:
        m->sql.content_type = keep_string(l, p, kind);
        break;
    case MQTT_PROP_RESPONSE_TOPIC:
        m->sql.response_topic = keep_string(l, p, kind);
        break;
    case MQTT_PROP_CORRELATION_DATA:
        if (mosquitto_property_read_binary(p, kind, &bytes, &len, false)) {
            m->sql.correlation_data = keep(l, bytes, len);
            free(bytes);
        }
        break;
    case MQTT_PROP_PAYLOAD_FORMAT_INDICATOR:
        if (mosquitto_property_read_byte(p, kind, &byte, false)) {
            m->sql.format_indicator = byte ? 1 : 0;
        }
        break;
    case MQTT_PROP_MESSAGE_EXPIRY_INTERVAL:
        if (mosquitto_property_read_int32(p, kind, &seconds, false)) {
            m->expiry_s = seconds;
        }
        break;
    default: // identifiers of ours, and what is the connection's
        break;
    }
}

static void read_properties(struct wr_listener *l, const mosquitto_property *props,
                            struct wr_heard *m)
{
    size_t user = 0;
    for (const mosquitto_property *p = props; p; p = mosquitto_property_next(p)) {
        user += mosquitto_property_identifier(p) == MQTT_PROP_USER_PROPERTY;
        read_property(l, p, m);
    }
    struct wr_user_property *list = user ? wr_arena_alloc(&l->arena, user * sizeof *list) : NULL;
    for (const mosquitto_property *p = props; list && p; p = mosquitto_property_next(p)) {
        if (mosquitto_property_identifier(p) == MQTT_PROP_USER_PROPERTY) {
            read_user_property(l, p, list, &m->sql.user_property_count);
        }
    }
    m->sql.user_properties = list;
}

static bool wanted(const struct wr_listener *l, wr_str topic, const mosquitto_property *props)
{
    struct wr_arrival arrival;
    wr_arrive_look(props, &arrival);
    if (l->use_ids && !wr_copies_take(&l->copies, topic, arrival.ids, arrival.id_count)) {
        return false;
    }
    for (size_t i = 0; i < l->wanted.count; i++) {
        if (wr_topic_matches_mqtt(l->wanted.at[i], topic)) {
            return true;
        }
    }
    return false;
}

static void on_message(void *user, const struct mosquitto_message *from,
                       const mosquitto_property *props)
{
    struct wr_listener *l = user;
    wr_str topic = wr_str_of(from->topic);
    // MQTT 3.1.1 sends what the broker keeps after each reconnect.
    bool again = from->retain && l->was_down && !wr_mqtt_is_v5(l->config);
    if (l->closing || again || !wanted(l, topic, props)) {
        return;
    }
    struct wr_heard m = {
        .sql = {.topic = topic,
                .payload = {from->payloadlen > 0 ? from->payload : "", (size_t)from->payloadlen},
                .over_mqtt = true,
                .format_indicator = -1},
        .qos = (uint8_t)from->qos,
        .retain = from->retain,
        .expiry_s = -1};
    wr_arena_reset(&l->arena);
    read_properties(l, props, &m);
    l->events.message(l->user, &m);
}

static void on_drained(void *user)
{
    struct wr_listener *l = user;
    l->events.drained(l->user);
}

// ---- open and close

static const struct wr_client_events client_events = {
    .up = on_up,
    .down = on_down,
    .failed = on_failed,
    .message = on_message,
    .subscribed = on_subscribed,
    .drained = on_drained,
};

static wr_err check(const struct wr_config *config, const struct wr_listener_options *options,
                    struct wr_fault *fault)
{
    struct wr_mqtt_url url;
    wr_err err = wr_mqtt_setup_check(config, &url, fault);
    for (size_t i = 0; !err && i < options->filter_count; i++) {
        wr_str filter = options->filters[i];
        err = wr_topic_filter_check(filter, fault);
        if (!err && wr_str_starts(filter, WR_STR("$share/"))) {
            err = wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                               "a shared subscription would take messages away from its group: "
                               "give the filter behind $share/GROUP/");
        }
        if (err) {
            wr_fault_prefix(fault, "filter '%.*s'", WR_STR_ARG(filter));
        }
    }
    if (!err && options->as_published && !wr_mqtt_is_v5(config)) {
        err = wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                           "MQTT 3.1.1 does not tell how a live message was published (retain)");
    }
    return err;
}

wr_err wr_listener_open(uv_loop_t *loop, const struct wr_config *config,
                        const struct wr_listener_options *options,
                        const struct wr_listener_events *events, void *user,
                        struct wr_listener **out, struct wr_fault *fault)
{
    wr_err err = check(config, options, fault);
    if (err) {
        return err;
    }
    struct wr_listener *l = wr_zalloc(sizeof *l);
    l->config = config;
    l->events = *events;
    l->user = user;
    l->qos = options->qos;
    l->as_published = options->as_published;
    wr_filters_copy(options->filters, options->filter_count, &l->wanted);
    wr_arena_init(&l->arena, ARENA_BYTES);
    struct wr_client_options client = {
        .name = "listener", .client_id = options->client_id, .clean = true, .batch = READ_BATCH};
    l->client = wr_client_new(loop, config, &client, &client_events, l);
    *out = l;
    return WR_OK;
}

static void on_closed(void *user)
{
    struct wr_listener *l = user;
    void (*done)(void *) = l->done;
    void *done_user = l->done_user;
    forget_asked(l);
    wr_filters_release(&l->wanted);
    wr_arena_release(&l->arena);
    free(l);
    done(done_user);
}

void wr_listener_close(struct wr_listener *l, void (*done)(void *user), void *user)
{
    l->closing = true;
    l->done = done;
    l->done_user = user;
    wr_client_close(l->client, on_closed, l);
}
