// The client that publishes for the republish action. A connection of its own: on the source's,
// every packet would wait behind held acknowledgements.
#include "engine/mqtt/mqtt.h"

#include <stdlib.h>

#include "engine/mqtt/arrive.h"
#include "engine/mqtt/client.h"
#include "engine/mqtt/reason.h"
#include "engine/mqtt/setup.h"
#include "engine/observe/log.h"

#include "sql/base/banned.h"

#define MIDS          65536
#define UNDER_WAY_MAX 20000 // publications; beyond it the engine keeps them. Well below MIDS
#define READ_BATCH    1000  // PUBACKs read at a time

struct pending {
    void (*done)(void *user, wr_err err, const char *why);
    void *user;
};

// An answer to be given from the loop: callers are never called from inside libmosquitto.
struct answer {
    struct pending to;
    wr_err err;
    const char *why; // static
};

struct wr_publisher {
    struct wr_client *client;
    struct wr_publisher_watch watch;
    bool v5, up, closing, properties_said;
    uint64_t properties_dropped;
    struct pending *by_mid; // [MIDS]
    size_t under_way;
    struct answer *answers;
    size_t answer_count, answer_cap;
    uv_idle_t answering;
    bool client_closed, answering_closed;
    struct wr_buf topic, key, value; // terminated copies
    void (*done)(void *user);
    void *done_user;
};

// ---- answers

static void on_answering(uv_idle_t *handle)
{
    struct wr_publisher *p = handle->data;
    uv_idle_stop(handle);
    struct answer *answers = p->answers; // callbacks may publish and so add new ones
    size_t count = p->answer_count;
    p->answers = NULL;
    p->answer_count = p->answer_cap = 0;
    for (size_t i = 0; i < count; i++) {
        answers[i].to.done(answers[i].to.user, answers[i].err, answers[i].why);
    }
    if (!p->answers) { // keep the memory
        p->answers = answers;
        p->answer_cap = count;
    } else {
        free(answers);
    }
}

static void answer(struct wr_publisher *p, int mid, wr_err err, const char *why)
{
    struct pending *pending = &p->by_mid[mid & (MIDS - 1)];
    if (!pending->done) {
        return;
    }
    if (p->answer_count == p->answer_cap) {
        p->answer_cap = p->answer_cap ? 2 * p->answer_cap : 64;
        p->answers = wr_realloc(p->answers, p->answer_cap * sizeof *p->answers);
    }
    p->answers[p->answer_count++] = (struct answer){*pending, err, why};
    *pending = (struct pending){0};
    p->under_way--;
    uv_idle_start(&p->answering, on_answering);
}

static void answer_all(struct wr_publisher *p, wr_err err, const char *why)
{
    for (int mid = 0; mid < MIDS && p->under_way > 0; mid++) {
        answer(p, mid, err, why);
    }
}

static void on_published(void *user, int mid, int reason)
{
    struct wr_publisher *p = user;
    if (reason < 128) {
        answer(p, mid, WR_OK, NULL);
        return;
    }
    bool later = reason == MQTT_RC_QUOTA_EXCEEDED || reason == MQTT_RC_UNSPECIFIED ||
                 reason == MQTT_RC_IMPLEMENTATION_SPECIFIC;
    answer(p, mid,
           later                              ? WR_ERR_BUSY
           : reason == MQTT_RC_NOT_AUTHORIZED ? WR_ERR_DENIED
                                              : WR_ERR_FAILED,
           wr_reason_ack(true, reason));
}

static void on_up(void *user, const struct wr_client_session *session)
{
    struct wr_publisher *p = user;
    p->up = true;
    wr_log(WR_LOG_INFO, "mqtt", "publisher: connected");
    if (p->watch.up) {
        p->watch.up(p->watch.user);
    }
}

static void on_down(void *user, const char *why)
{
    struct wr_publisher *p = user;
    p->up = false;
    answer_all(p, WR_ERR_BUSY, "the connection to the broker was lost");
    if (p->watch.down) {
        p->watch.down(p->watch.user, why);
    }
}

static void on_failed(void *user, const char *why)
{
    struct wr_publisher *p = user;
    if (p->watch.failed) {
        p->watch.failed(p->watch.user, why);
    }
}

static void on_drained(void *user)
{
}

static const struct wr_client_events client_events = {
    .up = on_up,
    .down = on_down,
    .failed = on_failed,
    .drained = on_drained,
    .published = on_published,
};

// ---- publish

// `s` with a NUL behind it, or NULL when it holds one.
static const char *terminated(struct wr_buf *b, wr_str s)
{
    if (s.len > 0 && memchr(s.at, '\0', s.len)) {
        return NULL;
    }
    wr_buf_clear(b);
    wr_buf_add(b, s);
    return wr_buf_terminated(b);
}

static int add_string(struct wr_publisher *p, mosquitto_property **props, int kind, wr_str text)
{
    if (!text.at) {
        return 0;
    }
    const char *value = terminated(&p->value, text);
    return value ? mosquitto_property_add_string(props, kind, value) : MOSQ_ERR_MALFORMED_UTF8;
}

static int add_user(struct wr_publisher *p, mosquitto_property **props, wr_str key, wr_str value)
{
    const char *k = terminated(&p->key, key), *v = terminated(&p->value, value);
    return k && v ? mosquitto_property_add_string_pair(props, MQTT_PROP_USER_PROPERTY, k, v)
                  : MOSQ_ERR_MALFORMED_UTF8;
}

static int add_properties(struct wr_publisher *p, mosquitto_property **props,
                          const struct wr_publish *pub)
{
    int rc = 0;
    if (pub->format_indicator >= 0) {
        rc = mosquitto_property_add_byte(props, MQTT_PROP_PAYLOAD_FORMAT_INDICATOR,
                                         (uint8_t)pub->format_indicator);
    }
    if (!rc && pub->message_expiry_s >= 0) {
        rc = mosquitto_property_add_int32(props, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL,
                                          (uint32_t)pub->message_expiry_s);
    }
    if (!rc) {
        rc = add_string(p, props, MQTT_PROP_CONTENT_TYPE, pub->content_type);
    }
    if (!rc) {
        rc = add_string(p, props, MQTT_PROP_RESPONSE_TOPIC, pub->response_topic);
    }
    if (!rc && pub->correlation_data.at) {
        rc = pub->correlation_data.len > UINT16_MAX
                 ? MOSQ_ERR_OVERSIZE_PACKET
                 : mosquitto_property_add_binary(props, MQTT_PROP_CORRELATION_DATA,
                                                 pub->correlation_data.at,
                                                 (uint16_t)pub->correlation_data.len);
    }
    for (size_t i = 0; !rc && i < pub->user_count; i++) {
        rc = add_user(p, props, pub->user_keys[i], pub->user_values[i]);
    }
    if (!rc && pub->hops > 0) {
        struct wr_buf hops = {0};
        wr_buf_add_u64(&hops, pub->hops);
        rc = add_user(p, props, WR_STR(WR_HOPS_PROPERTY), wr_buf_str(&hops));
        wr_buf_release(&hops);
    }
    return rc;
}

static bool has_properties(const struct wr_publish *pub)
{
    return pub->format_indicator >= 0 || pub->message_expiry_s >= 0 || pub->content_type.at ||
           pub->response_topic.at || pub->correlation_data.at || pub->user_count > 0;
}

static void drop_properties(struct wr_publisher *p)
{
    p->properties_dropped++;
    if (!p->properties_said) {
        p->properties_said = true;
        wr_log(WR_LOG_WARN, "mqtt",
               "publisher: MQTT 3.1.1 has no properties: headers of republished messages are left "
               "out (mqtt.version: \"5\" keeps them)");
    }
}

// 0, or libmosquitto's code.
static int hand_over(struct wr_publisher *p, const struct wr_publish *pub, int *mid)
{
    mosquitto_property *props = NULL;
    int rc = 0;
    if (p->v5) {
        rc = add_properties(p, &props, pub);
    } else if (has_properties(pub)) {
        drop_properties(p);
    }
    const char *topic = rc ? NULL : terminated(&p->topic, pub->topic);
    if (!rc && !topic) {
        rc = MOSQ_ERR_MALFORMED_UTF8;
    }
    if (!rc && pub->payload.len > WR_MQTT_PAYLOAD_MAX) {
        rc = MOSQ_ERR_PAYLOAD_SIZE;
    }
    if (!rc) {
        rc = mosquitto_publish_v5(wr_client_mosquitto(p->client), mid, topic, (int)pub->payload.len,
                                  pub->payload.at, pub->qos, pub->retain, props);
    }
    mosquitto_property_free_all(&props);
    return rc;
}

void wr_publisher_publish(struct wr_publisher *p, const struct wr_publish *pub)
{
    if (!p->up || p->closing || !wr_client_mosquitto(p->client)) {
        pub->done(pub->user, WR_ERR_BUSY, "not connected to the broker");
        return;
    }
    if (p->under_way >= UNDER_WAY_MAX) {
        pub->done(pub->user, WR_ERR_BUSY, "too many publications are under way");
        return;
    }
    int mid = 0;
    int rc = hand_over(p, pub, &mid);
    if (rc) {
        bool later = rc == MOSQ_ERR_NO_CONN || rc == MOSQ_ERR_CONN_LOST || rc == MOSQ_ERR_ERRNO;
        pub->done(pub->user, later ? WR_ERR_BUSY : WR_ERR_FAILED, mosquitto_strerror(rc));
        return;
    }
    wr_assert(
        !p->by_mid[mid & (MIDS - 1)].done); // under_way is far below the identifiers there are
    p->by_mid[mid & (MIDS - 1)] = (struct pending){pub->done, pub->user};
    p->under_way++;
    wr_client_flush_soon(p->client);
}

// ---- open and close

wr_err wr_publisher_open_as(uv_loop_t *loop, const struct wr_config *config, const char *client_id,
                            struct wr_publisher **out, struct wr_fault *fault)
{
    struct wr_mqtt_url url;
    wr_err err = wr_mqtt_setup_check(config, &url, fault);
    if (err) {
        return err;
    }
    struct wr_publisher *p = wr_zalloc(sizeof *p);
    p->v5 = wr_mqtt_is_v5(config);
    p->by_mid = wr_zalloc(MIDS * sizeof *p->by_mid);
    uv_idle_init(loop, &p->answering);
    p->answering.data = p;
    struct wr_client_options options = {
        .name = "publisher", .client_id = client_id, .clean = true, .batch = READ_BATCH};
    p->client = wr_client_new(loop, config, &options, &client_events, p);
    *out = p;
    return WR_OK;
}

wr_err wr_publisher_open(uv_loop_t *loop, const struct wr_config *config, const char *client_id,
                         struct wr_publisher **out, struct wr_fault *fault)
{
    struct wr_buf id = {0};
    wr_buf_add(&id, wr_str_of(client_id));
    wr_buf_add(&id, WR_STR("-pub"));
    wr_err err = wr_publisher_open_as(loop, config, wr_buf_terminated(&id), out, fault);
    wr_buf_release(&id);
    return err;
}

void wr_publisher_watch(struct wr_publisher *p, const struct wr_publisher_watch *watch)
{
    p->watch = *watch;
}

static void finish(struct wr_publisher *p)
{
    if (!p->client_closed || !p->answering_closed) {
        return;
    }
    void (*done)(void *) = p->done;
    void *user = p->done_user;
    wr_buf_release(&p->topic);
    wr_buf_release(&p->key);
    wr_buf_release(&p->value);
    free(p->answers);
    free(p->by_mid);
    free(p);
    done(user);
}

static void on_client_closed(void *user)
{
    struct wr_publisher *p = user;
    p->client_closed = true;
    finish(p);
}

static void on_answering_closed(uv_handle_t *handle)
{
    struct wr_publisher *p = handle->data;
    p->answering_closed = true;
    finish(p);
}

void wr_publisher_close(struct wr_publisher *p, void (*done)(void *user), void *user)
{
    p->closing = true;
    p->watch = (struct wr_publisher_watch){0};
    p->done = done;
    p->done_user = user;
    answer_all(p, WR_ERR_BUSY, "weir is stopping");
    wr_client_close(p->client, on_client_closed, p); // writes what waits
    on_answering(&p->answering);
    uv_close((uv_handle_t *)&p->answering, on_answering_closed);
}
