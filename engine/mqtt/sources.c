// Opens the source that the configuration asks for, and what both have in common.
#include "engine/mqtt/source_parts.h"

#include <mosquitto.h>
#include <signal.h>

#include "engine/mqtt/setup.h"
#include "engine/observe/log.h"

#include "sql/base/banned.h"

void wr_mqtt_source_tell(struct wr_mqtt_source *s, bool up, const char *why)
{
    if (s->base.events.state && !s->closing) {
        s->base.events.state(s->base.events.user, &s->base, up, why);
    }
}

void wr_mqtt_source_up(struct wr_mqtt_source *s, const struct wr_client_session *session,
                       const struct wr_subscriber *link)
{
    const struct wr_source_events *events = &s->base.events;
    if (!session->present && events->session_over) {
        events->session_over(events->user, &s->base);
    }
    if (events->acknowledging) {
        (void)events->acknowledging(events->user, &s->base); // if not, weir ends
    }
    wr_log(WR_LOG_INFO, "mqtt", "%s: connected as '%s', %s",
           wr_mqtt_source_name(s->interest.config), s->interest.state.client_id,
           session->present ? "the broker kept the session" : "a new session");
    wr_mqtt_source_tell(s, true,
                        session->present ? "connected, session resumed" : "connected, new session");
    if (!s->closing) {
        wr_interest_up(&s->interest, link, session);
    }
}

void wr_mqtt_source_down(struct wr_mqtt_source *s, const char *why)
{
    wr_interest_down(&s->interest, why);
    if (s->base.events.session_over) {
        s->base.events.session_over(s->base.events.user, &s->base);
    }
    wr_mqtt_source_tell(s, false, why);
}

void wr_mqtt_source_subscribed(struct wr_mqtt_source *s, int mid, int granted)
{
    if (wr_interest_subscribed(&s->interest, mid, granted)) {
        wr_mqtt_source_tell(s, true, "subscribed");
    }
}

void wr_mqtt_source_drop_retained(struct wr_mqtt_source *s, wr_str topic)
{
    static struct wr_log_limit limit;
    s->stats.retained_dropped++;
    wr_log_limited(&limit, WR_LOG_DEBUG, "mqtt",
                   "%s: retained message on '%.*s' was published before: not handled",
                   wr_mqtt_source_name(s->interest.config), WR_STR_ARG(topic));
}

static wr_err check_config(const struct wr_config *config, bool native, struct wr_fault *fault)
{
    struct wr_mqtt_url url;
    wr_err err = wr_mqtt_setup_check(config, &url, fault);
    if (err) {
        return err;
    }
    if (!native && config->mqtt_hold_max_ms * 3 > config->mqtt_keepalive_s * 1000) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "mqtt.hold_max is %lld ms, expected at most a third of mqtt.keepalive "
                            "(%lld s): pings wait behind held acknowledgements",
                            (long long)config->mqtt_hold_max_ms,
                            (long long)config->mqtt_keepalive_s);
    }
    const char *group = config->mqtt_share_group;
    if (strpbrk(group, "/+#")) {
        return wr_fault_set(fault, WR_ERR_SYNTAX,
                            "mqtt.share_group is '%s', expected a name without '/', '+' and '#'",
                            group);
    }
    return WR_OK;
}

void wr_mqtt_init(void)
{
    signal(SIGPIPE, SIG_IGN); // OpenSSL writes to lost connections
    mosquitto_lib_init();
}

void wr_mqtt_cleanup(void)
{
    mosquitto_lib_cleanup();
}

wr_err wr_mqtt_source_open(uv_loop_t *loop, const struct wr_config *config,
                           struct wr_message_pool *pool, const struct wr_source_events *events,
                           struct wr_source **out, struct wr_fault *fault)
{
    bool native = wr_config_is_native(config),
         has_key = config->mqtt_mac_key_file && *config->mqtt_mac_key_file;
    struct wr_origin_key key;
    wr_err err = check_config(config, native, fault);
    if (!err && has_key) {
        err = wr_origin_key_load(config->mqtt_mac_key_file, &key, fault);
        if (err) {
            wr_fault_prefix(fault, "mqtt.mac_key_file");
        }
    }
    if (err) {
        return err;
    }
    err = native ? wr_native_source_open(loop, config, pool, events, out, fault)
                 : wr_mosquitto_source_open(loop, config, pool, events, out, fault);
    if (!err && has_key) {
        struct wr_mqtt_source *s = (struct wr_mqtt_source *)*out;
        s->has_key = true;
        s->key = key;
    }
    return err;
}

const char *wr_mqtt_source_client_id(const struct wr_source *source)
{
    return ((const struct wr_mqtt_source *)source)->interest.state.client_id;
}

void wr_mqtt_source_stats(const struct wr_source *source, struct wr_mqtt_stats *out)
{
    const struct wr_mqtt_source *s = (const struct wr_mqtt_source *)source;
    *out = s->stats;
    s->count(s, out);
}
