// What must fit together in a configuration: faults name the option that somebody set, and where.
#include "engine/config_options.h"

#include <stdarg.h>
#include <stdio.h>

#include "engine/config_parts.h"

#include "sql/base/banned.h"

static const char *const names[] = {
#define X(member, name, type, when, fallback, range, unit, help) name,
    WR_CONFIG_OPTIONS(X)
#undef X
};

struct check {
    const struct wr_config *config;
    const struct wr_config_origin *origins;
};

static wr_err clash(const struct check *l, size_t at, struct wr_fault *fault, const char *format,
                    ...) WR_PRINTF(4, 5);

// A fault at option `at`, where it was set.
static wr_err clash(const struct check *l, size_t at, struct wr_fault *fault, const char *format,
                    ...)
{
    char text[WR_FAULT_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    wr_err err = wr_fault_set(fault, WR_ERR_RANGE, "%s: %s", names[at], text);
    return wr_config_blame(&l->origins[at], err, fault);
}

// Of two options, the one that somebody set; the later one when both or none are.
static size_t set_one(const struct check *l, size_t a, size_t b)
{
    return l->origins[a].from && !l->origins[b].from ? a : b;
}

static wr_err check_tls(const struct check *l, struct wr_fault *fault)
{
    const struct wr_config *c = l->config;
    if (*c->mqtt_cert_file && !*c->mqtt_key_file) {
        return clash(l, WR_AT_mqtt_cert_file, fault, "found a certificate without mqtt.key_file");
    }
    if (*c->mqtt_key_file && !*c->mqtt_cert_file) {
        return clash(l, WR_AT_mqtt_key_file, fault, "found a key without mqtt.cert_file");
    }
    static const size_t tls_only[] = {WR_AT_mqtt_ca_file, WR_AT_mqtt_cert_file, WR_AT_mqtt_verify,
                                      WR_AT_mqtt_alpn};
    for (size_t i = 0; i < WR_COUNT(tls_only); i++) {
        if (l->origins[tls_only[i]].from && strncmp(c->mqtt_url, "mqtts:", 6) != 0) {
            return clash(l, tls_only[i], fault,
                         "found without TLS: expected mqtt.url to begin with mqtts://");
        }
    }
    return WR_OK;
}

static wr_err check_mqtt(const struct check *l, struct wr_fault *fault)
{
    const struct wr_config *c = l->config;
    wr_str url = wr_str_of(c->mqtt_url), group = wr_str_of(c->mqtt_share_group);
    if (!wr_str_starts(url, WR_STR("mqtt://")) && !wr_str_starts(url, WR_STR("mqtts://"))) {
        // Not quoted: it may hold a password.
        return clash(l, WR_AT_mqtt_url, fault,
                     "found something else than mqtt://host[:port] or mqtts://host[:port]");
    }
    if (*c->mqtt_mac_key_file && strcmp(c->mqtt_version, "5") != 0) {
        return clash(l, WR_AT_mqtt_mac_key_file, fault,
                     "found with mqtt.version 3.1.1, which has no properties to carry a MAC");
    }
    if (wr_str_ends(url, WR_STR("//"))) {
        return clash(l, WR_AT_mqtt_url, fault, "found no host, expected mqtt://host[:port]");
    }
    if (*c->mqtt_password && *c->mqtt_password_file) {
        return clash(l, WR_AT_mqtt_password_file, fault,
                     "found beside mqtt.password, expected one of them");
    }
    bool password = *c->mqtt_password || *c->mqtt_password_file;
    if (password && !*c->mqtt_username && strcmp(c->mqtt_version, "3.1.1") == 0) {
        return clash(l, *c->mqtt_password ? WR_AT_mqtt_password : WR_AT_mqtt_password_file, fault,
                     "found without mqtt.username, which MQTT 3.1.1 requires");
    }
    if (group.len && (memchr(group.at, '/', group.len) || memchr(group.at, '+', group.len) ||
                      memchr(group.at, '#', group.len))) {
        return clash(l, WR_AT_mqtt_share_group, fault, "found one of / + # in \"%s\"",
                     c->mqtt_share_group);
    }
    if (c->mqtt_hold_max_ms > c->mqtt_keepalive_s * 1000 / 3) {
        return clash(
            l, set_one(l, WR_AT_mqtt_keepalive_s, WR_AT_mqtt_hold_max_ms), fault,
            "mqtt.hold_max is %lld ms, expected at most a third of mqtt.keepalive (%lld s)",
            (long long)c->mqtt_hold_max_ms, (long long)c->mqtt_keepalive_s);
    }
    if (c->mqtt_reconnect_min_ms > c->mqtt_reconnect_max_ms) {
        return clash(l, set_one(l, WR_AT_mqtt_reconnect_min_ms, WR_AT_mqtt_reconnect_max_ms), fault,
                     "mqtt.reconnect_min is more than mqtt.reconnect_max");
    }
    return check_tls(l, fault);
}

static wr_err check_kafka(const struct check *l, struct wr_fault *fault)
{
    const struct wr_config *c = l->config;
    if (!wr_config_has_kafka(c)) {
        return WR_OK;
    }
    static const size_t required[] = {WR_AT_kafka_bootstrap, WR_AT_kafka_topics, WR_AT_kafka_group};
    const char *const values[] = {c->kafka_bootstrap, c->kafka_topics, c->kafka_group};
    for (size_t i = 0; i < WR_COUNT(required); i++) {
        if (!*values[i]) {
            wr_err err =
                wr_fault_set(fault, WR_ERR_MISSING, "%s: missing, required with source: %s",
                             names[required[i]], c->source);
            return wr_config_blame(&l->origins[WR_AT_source], err, fault);
        }
    }
    if (strncmp(c->kafka_security_protocol, "SASL_", 5) == 0 &&
        (!*c->kafka_username || !*c->kafka_password_file)) {
        return clash(l, WR_AT_kafka_security_protocol, fault,
                     "found without kafka.username and kafka.password_file");
    }
    if (!*c->kafka_cert_file != !*c->kafka_key_file) {
        return clash(l, *c->kafka_cert_file ? WR_AT_kafka_cert_file : WR_AT_kafka_key_file, fault,
                     "found one of kafka.cert_file and kafka.key_file, expected both");
    }
    if (c->kafka_commit_interval_ms > c->kafka_session_timeout_ms) {
        return clash(l, set_one(l, WR_AT_kafka_commit_interval_ms, WR_AT_kafka_session_timeout_ms),
                     fault, "kafka.commit_interval is more than kafka.session_timeout");
    }
    return WR_OK;
}

static bool all_of(const char *text, const char *allowed)
{
    return strspn(text, allowed) == strlen(text);
}

static wr_err check_rest(const struct check *l, struct wr_fault *fault)
{
    const struct wr_config *c = l->config;
    if (strlen(c->account_id) != 12 || !all_of(c->account_id, "0123456789")) {
        return clash(l, WR_AT_account_id, fault, "found \"%s\", expected 12 digits", c->account_id);
    }
    if (!*c->region || !all_of(c->region, "abcdefghijklmnopqrstuvwxyz0123456789-")) {
        return clash(l, WR_AT_region, fault, "found \"%s\", expected for example us-east-1",
                     c->region);
    }
    if (!*c->rules_dir) {
        return clash(l, WR_AT_rules_dir, fault, "found nothing, expected a folder");
    }
    if (c->retry_base_ms > c->retry_cap_ms) {
        return clash(l, set_one(l, WR_AT_retry_base_ms, WR_AT_retry_cap_ms), fault,
                     "retry.base is more than retry.cap");
    }
    if (c->retry_throttled_base_ms > c->retry_cap_ms) {
        return clash(l, set_one(l, WR_AT_retry_throttled_base_ms, WR_AT_retry_cap_ms), fault,
                     "retry.throttled_base is more than retry.cap");
    }
    if (strcmp(c->limits, "aws") == 0 && l->origins[WR_AT_payload_max].from &&
        c->payload_max > 128 * 1024) {
        return clash(l, WR_AT_payload_max, fault,
                     "found %lld bytes, but with limits: aws at most 128k",
                     (long long)c->payload_max);
    }
    struct wr_config_listen listen;
    wr_err err = *c->metrics_listen
                     ? wr_config_address(wr_str_of(c->metrics_listen), &listen, fault)
                     : WR_OK;
    if (err) {
        return wr_config_blame(&l->origins[WR_AT_metrics_listen], err, fault);
    }
    return wr_config_sinks_check(c->sinks_, fault);
}

wr_err wr_config_check(const struct wr_config *c, const struct wr_config_origin *origins,
                       struct wr_fault *fault)
{
    const struct check l = {c, origins};
    wr_err err = check_mqtt(&l, fault);
    err = err ? err : check_kafka(&l, fault);
    return err ? err : check_rest(&l, fault);
}
