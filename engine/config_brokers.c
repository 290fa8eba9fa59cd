// brokers.NAME.*: brokers that republish may publish to; and sinks.republish.*, which says what
// goes to which. AWS's rule document has no member for a broker, so a rule is sent elsewhere by its
// name, in weir.yaml, and documents stay as AWS takes them.
#include "engine/config.h"

#include <stdlib.h>

#include "engine/config_parts.h"

#include "sql/base/banned.h"

#define BROKERS_MAX       32 // each has a thread's share of connects and a bit in sets (flow/sinks.h)
#define NAME_MAX_LEN      64   // of a broker; it is a part of client ids and of lines of the log
#define AWS_CLIENT_ID_MAX 128  // bytes; AWS IoT Core's quotas
#define AWS_KEEPALIVE_MIN 30   // s
#define AWS_KEEPALIVE_MAX 1200 // s
#define AWS_RATE          100  // publications a second over one connection
#define AWS_ALPN          "x-amzn-mqtt-ca" // what AWS IoT Core wants to hear on port 443
#define NEAR_MAX          3                // letters off, for "did you mean"

// X(name, type, flags, default, min, max, unit, choices, help)
#define BROKER_OPTIONS(X)                                                                         \
    X(url, STRING, WR_OPT_REQUIRED, NULL, 0, 0, NULL, NULL,                                       \
      "Where it is: mqtt://host[:1883] or mqtts://host[:8883], an IPv6 address in brackets.")     \
    X(version, CHOICE, 0, "5", 0, 0, NULL, "5|3.1.1", "Version of MQTT.")                         \
    X(client_id, STRING, 0, NULL, 0, 65535, NULL, NULL,                                           \
      "Client id; without one weir's own, a dash and the broker's name.")                         \
    X(username, STRING, 0, NULL, 0, 65535, NULL, NULL, "User name.")                              \
    X(password, STRING, 0, NULL, 0, 65535, NULL, NULL, "Password; password_file is safer.")       \
    X(password_file, PATH, 0, NULL, 0, 0, "path", NULL, "File whose first line is the password.") \
    X(ca_file, PATH, 0, NULL, 0, 0, "path", NULL,                                                 \
      "Certificates (PEM) that may sign the broker's; without one the system's.")                 \
    X(cert_file, PATH, 0, NULL, 0, 0, "path", NULL, "Client certificate (PEM).")                  \
    X(key_file, PATH, 0, NULL, 0, 0, "path", NULL, "Key of the client certificate (PEM).")        \
    X(verify, BOOL, 0, "true", 0, 0, NULL, NULL, "Check the broker's certificate and name.")      \
    X(alpn, STRING, 0, NULL, 0, 255, NULL, NULL,                                                  \
      "Application protocol that TLS names (ALPN); " AWS_ALPN                                     \
      " by itself for AWS IoT Core on port 443.")                                                 \
    X(keepalive, DURATION, 0, "60", 5, 65535, "s", NULL, "Longest silence before a ping.")        \
    X(connect_timeout, DURATION, 0, "10s", 100, 600000, "ms", NULL,                               \
      "How long one attempt to connect may take.")                                                \
    X(reconnect_min, DURATION, 0, "200ms", 10, 3600000, "ms", NULL,                               \
      "Pause before the first attempt to connect again; doubles.")                                \
    X(reconnect_max, DURATION, 0, "30s", 10, 3600000, "ms", NULL,                                 \
      "Longest pause between attempts to connect.")                                               \
    X(window, INT, 0, "100", 1, 65535, NULL, NULL,                                                \
      "Publications under way at once; the broker's own limit counts too.")                       \
    X(rate, INT, 0, NULL, 0, 1000000, NULL, NULL,                                                 \
      "Publications a second, 0 for no limit; AWS's 100 by itself with limits: aws.")             \
    X(spool_share, INT, 0, "50", 1, 100, NULL, NULL,                                              \
      "Percent of spool.max that may wait for this broker; what is more fails at once "           \
      "(SinkQueueFull); with 100 all waits.")                                                     \
    X(dir, PATH, 0, NULL, 0, 0, "path", NULL,                                                     \
      "Of a tenant's own broker: folder of its plugin's status table and CAs, as broker.dir.")    \
    X(limits, CHOICE, 0, "auto", 0, 0, NULL, "auto|aws|none",                                     \
      "aws: what AWS IoT Core would not take is refused here; auto: if the host is AWS's.")

#define OPT_STRING   WR_OPT_STRING
#define OPT_PATH     WR_OPT_STRING
#define OPT_BOOL     WR_OPT_BOOL
#define OPT_INT      WR_OPT_INT
#define OPT_DURATION WR_OPT_INT
#define OPT_CHOICE   WR_OPT_CHOICE

const struct wr_option wr_config_broker_table[] = {
#define X(name, type, flags, fallback, min, max, unit, choices, help) \
    {"*." #name, OPT_##type, flags, fallback, min, max, unit, choices, help, NULL},
    BROKER_OPTIONS(X)
#undef X
        {0},
};

// ---- the table for others

#define NAME_STRING   "string"
#define NAME_PATH     "path"
#define NAME_BOOL     "boolean"
#define NAME_INT      "integer"
#define NAME_DURATION "duration"
#define NAME_CHOICE   "choice"

// A range only where a number has one.
#define RANGE_STRING(min, max, choices)   ""
#define RANGE_PATH(min, max, choices)     ""
#define RANGE_BOOL(min, max, choices)     ""
#define RANGE_INT(min, max, choices)      #min ".." #max
#define RANGE_DURATION(min, max, choices) #min ".." #max
#define RANGE_CHOICE(min, max, choices)   choices
#define UNIT_STRING(unit)                 ""
#define UNIT_PATH(unit)                   ""
#define UNIT_BOOL(unit)                   ""
#define UNIT_INT(unit)                    ""
#define UNIT_DURATION(unit)               unit
#define UNIT_CHOICE(unit)                 ""

static const struct wr_config_option rows[] = {
#define X(name, type, flags, fallback, min, max, unit, choices, help)                  \
    {"brokers.NAME." #name,           NAME_##type,       (fallback) ? (fallback) : "", \
     RANGE_##type(min, max, choices), UNIT_##type(unit), help},
    BROKER_OPTIONS(X)
#undef X
};

size_t wr_config_broker_option_count(void)
{
    return WR_COUNT(rows);
}

const struct wr_config_option *wr_config_broker_option_at(size_t index)
{
    return index < WR_COUNT(rows) ? &rows[index] : NULL;
}

// ---- one broker

struct broker {
    const struct wr_settings *all;
    struct wr_arena *arena;
    const char *section; // "brokers.NAME"
};

static const char *full_name(const struct broker *b, const char *option)
{
    struct wr_buf text;
    wr_buf_init_arena(&text, b->arena);
    wr_buf_addf(&text, "%s.%s", b->section + sizeof "brokers", option);
    return wr_buf_terminated(&text);
}

static const char *text_of(const struct broker *b, const char *option)
{
    return wr_settings_get(b->all, full_name(b, option));
}

static int64_t int_of(const struct broker *b, const char *option)
{
    return wr_settings_int(b->all, full_name(b, option));
}

// The members mqtt_* as the broker has them.
static void fill(const struct broker *b, struct wr_config *m)
{
    m->mqtt_section = b->section;
    m->mqtt_url = text_of(b, "url");
    m->mqtt_version = text_of(b, "version");
    m->mqtt_client_id = text_of(b, "client_id");
    m->mqtt_username = text_of(b, "username");
    m->mqtt_password = text_of(b, "password");
    m->mqtt_password_file = text_of(b, "password_file");
    m->mqtt_ca_file = text_of(b, "ca_file");
    m->mqtt_cert_file = text_of(b, "cert_file");
    m->mqtt_key_file = text_of(b, "key_file");
    m->mqtt_alpn = text_of(b, "alpn");
    m->mqtt_verify = wr_settings_bool(b->all, full_name(b, "verify"));
    m->mqtt_keepalive_s = int_of(b, "keepalive");
    m->mqtt_connect_timeout_ms = int_of(b, "connect_timeout");
    m->mqtt_reconnect_min_ms = int_of(b, "reconnect_min");
    m->mqtt_reconnect_max_ms = int_of(b, "reconnect_max");
    m->mqtt_share_group = "";
}

// The authority of a URL without its port, and whether its port is 443.
static wr_str host_of(const char *url, bool *port_443)
{
    wr_str text = wr_str_of(url);
    ptrdiff_t sign = wr_str_find(text, WR_STR("://"));
    wr_str host = wr_str_cut(text, sign < 0 ? 0 : (size_t)sign + 3, text.len);
    while (host.len && host.at[host.len - 1] == '/') {
        host.len--;
    }
    const char *colon = host.at ? memrchr(host.at, ':', host.len) : NULL;
    *port_443 = colon && wr_str_ends(host, WR_STR(":443"));
    return colon ? wr_str_cut(host, 0, (size_t)(colon - host.at)) : host;
}

static bool ends_nocase(wr_str text, wr_str end)
{
    return text.len >= end.len &&
           wr_str_eq_nocase(wr_str_cut(text, text.len - end.len, text.len), end);
}

static wr_err check_aws(const struct broker *b, const struct wr_config *m, struct wr_fault *fault)
{
    const char *s = b->section;
    size_t id = strlen(m->mqtt_client_id);
    bool local = strncmp(m->mqtt_url, "mqtt://", 7) == 0;
    bool port_443;
    wr_str host = host_of(m->mqtt_url, &port_443);
    if (local && (ends_nocase(host, WR_STR(".amazonaws.com")) ||
                  ends_nocase(host, WR_STR(".amazonaws.com.cn")))) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "%s.url: AWS IoT Core takes TLS only: expected mqtts://", s);
    }
    if (id > AWS_CLIENT_ID_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT,
                            "%s.client_id: found %zu bytes, AWS IoT Core takes at most %d", s, id,
                            AWS_CLIENT_ID_MAX);
    }
    if (m->mqtt_client_id[0] == '$') {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "%s.client_id: found '$' in front, which AWS IoT Core refuses", s);
    }
    if (m->mqtt_keepalive_s < AWS_KEEPALIVE_MIN || m->mqtt_keepalive_s > AWS_KEEPALIVE_MAX) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "%s.keepalive: found %lld s, AWS IoT Core keeps %d to %d s", s,
                            (long long)m->mqtt_keepalive_s, AWS_KEEPALIVE_MIN, AWS_KEEPALIVE_MAX);
    }
    return WR_OK;
}

static wr_err check_broker(const struct broker *b, const struct wr_config *m,
                           struct wr_fault *fault)
{
    const char *s = b->section;
    wr_str name = wr_str_of(s + sizeof "brokers");
    const char *good = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    bool tls = strncmp(m->mqtt_url, "mqtts://", 8) == 0;
    if (name.len > NAME_MAX_LEN || strspn(name.at, good) != name.len ||
        wr_str_eq(name, WR_STR(WR_BROKER_SOURCE))) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "%s: expected a name of at most %d letters, digits, _ and -, and not "
                            "\"" WR_BROKER_SOURCE "\", which is the broker of mqtt.url",
                            s, NAME_MAX_LEN);
    }
    if (!tls && strncmp(m->mqtt_url, "mqtt://", 7) != 0) { // not quoted: it may hold a password
        return wr_fault_set(
            fault, WR_ERR_RANGE,
            "%s.url: found something else than mqtt://host[:port] or mqtts://host[:port]", s);
    }
    if (!tls && (*m->mqtt_ca_file || *m->mqtt_cert_file || *m->mqtt_alpn || !m->mqtt_verify)) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "%s: ca_file, cert_file, alpn and verify are about TLS: expected url "
                            "to begin with mqtts://",
                            s);
    }
    if (!*m->mqtt_cert_file != !*m->mqtt_key_file) {
        return wr_fault_set(fault, WR_ERR_MISSING,
                            "%s: a client certificate wants cert_file and key_file", s);
    }
    if (*m->mqtt_password && *m->mqtt_password_file) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "%s.password_file: found beside password, expected one of them", s);
    }
    if ((*m->mqtt_password || *m->mqtt_password_file) && !*m->mqtt_username &&
        strcmp(m->mqtt_version, "3.1.1") == 0) {
        return wr_fault_set(fault, WR_ERR_MISSING,
                            "%s.username: missing, MQTT 3.1.1 wants it with a password", s);
    }
    if (m->mqtt_reconnect_min_ms > m->mqtt_reconnect_max_ms) {
        return wr_fault_set(fault, WR_ERR_RANGE, "%s.reconnect_min: more than reconnect_max", s);
    }
    return WR_OK;
}

static wr_err make_broker(struct wr_config *c, const struct wr_settings *all, const char *name,
                          struct wr_config_broker *out, struct wr_fault *fault)
{
    struct wr_config *m = wr_arena_alloc(c->arena_, sizeof *m);
    struct wr_buf section;
    wr_buf_init_arena(&section, c->arena_);
    wr_buf_addf(&section, "brokers.%s", name);
    if (!m || section.over) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "the configuration is too large");
    }
    const struct broker b = {all, c->arena_, wr_buf_terminated(&section)};
    *m = *c;
    fill(&b, m);
    wr_err err = check_broker(&b, m, fault);
    if (err) {
        return err;
    }
    const char *limits = text_of(&b, "limits"), *rate = text_of(&b, "rate");
    bool port_443;
    wr_str host = host_of(m->mqtt_url, &port_443);
    bool aws = strcmp(limits, "aws") == 0 ||
               (strcmp(limits, "auto") == 0 && (ends_nocase(host, WR_STR(".amazonaws.com")) ||
                                                ends_nocase(host, WR_STR(".amazonaws.com.cn"))));
    if (aws) {
        err = check_aws(&b, m, fault);
        m->mqtt_alpn = !*m->mqtt_alpn && port_443 ? AWS_ALPN : m->mqtt_alpn;
    }
    *out = (struct wr_config_broker){
        .name = b.section + sizeof "brokers",
        .mqtt = m,
        .aws_limits = aws,
        .window = int_of(&b, "window"),
        .rate = aws && !*rate ? AWS_RATE : int_of(&b, "rate"),
        .spool_share = int_of(&b, "spool_share"),
        .dir = text_of(&b, "dir"),
    };
    return err;
}

// ---- what goes where

struct wr_config_route {
    wr_str rule;
    bool error_action;
    size_t broker; // as wr_config_route() gives it
};

static wr_err find_broker(const struct wr_config *c, const char *name, const char *setting,
                          const char *rule, size_t *out, struct wr_fault *fault)
{
    wr_str wanted = wr_str_of(name), near = {NULL, 0};
    size_t least = NEAR_MAX + 1;
    if (wr_str_eq(wanted, WR_STR(WR_BROKER_SOURCE))) {
        *out = 0;
        return WR_OK;
    }
    for (size_t i = 0; i < c->broker_count; i++) {
        wr_str one = wr_str_of(c->brokers[i].name);
        if (wr_str_eq(one, wanted)) {
            *out = i + 1;
            return WR_OK;
        }
        size_t d = wr_str_distance(one, wanted);
        if (d < least) {
            least = d;
            near = one;
        }
    }
    return near.len
               ? wr_fault_set(fault, WR_ERR_UNKNOWN,
                              "sinks.republish.%s%s: found \"%s\", which is no name under "
                              "brokers; did you mean \"%.*s\"?",
                              setting, rule, name, WR_STR_ARG(near))
               : wr_fault_set(fault, WR_ERR_UNKNOWN,
                              "sinks.republish.%s%s: found \"%s\", expected \"" WR_BROKER_SOURCE
                              "\" or a name under brokers",
                              setting, rule, name);
}

static int compare(const void *a, const void *b)
{
    const struct wr_config_route *x = a, *y = b;
    int by_name = wr_str_cmp(x->rule, y->rule);
    return by_name ? by_name : (int)x->error_action - (int)y->error_action;
}

static wr_err add_routes(struct wr_config *c, const struct wr_settings *s, bool error_action,
                         struct wr_config_route *routes, size_t *count, struct wr_fault *fault)
{
    const char *group = error_action ? "error_rules" : "rules";
    size_t n = wr_settings_count(s, group);
    for (size_t i = 0; i < n; i++) {
        const char *rule = wr_settings_name(s, group, i);
        struct wr_buf name;
        wr_buf_init_arena(&name, c->arena_);
        wr_buf_addf(&name, "%s.%s", group, rule);
        struct wr_config_route *r = &routes[(*count)++];
        *r = (struct wr_config_route){.rule = wr_str_of(rule), .error_action = error_action};
        wr_err err = find_broker(c, wr_settings_get(s, wr_buf_terminated(&name)),
                                 error_action ? "error_rules." : "rules.", rule, &r->broker, fault);
        if (err) {
            return err;
        }
    }
    return WR_OK;
}

static wr_err make_routes(struct wr_config *c, struct wr_fault *fault)
{
    const struct wr_sink_impl *impl = wr_sink_find(WR_STR("republish"));
    if (!impl) {
        return WR_OK;
    }
    const struct wr_settings *s = wr_config_sinks_find(c->sinks_, impl);
    size_t count = 0;
    size_t most = wr_settings_count(s, "rules") + wr_settings_count(s, "error_rules");
    struct wr_config_route *routes = wr_arena_alloc(c->arena_, (most + 1) * sizeof *routes);
    const char *broker = wr_settings_get(s, "broker"), *error = wr_settings_get(s, "error_broker");
    c->broker_error_default_ = SIZE_MAX;
    if (!routes) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "the configuration is too large");
    }
    wr_err err = find_broker(c, broker, "broker", "", &c->broker_default_, fault);
    if (!err && *error) {
        err = find_broker(c, error, "error_broker", "", &c->broker_error_default_, fault);
    }
    if (!err) {
        err = add_routes(c, s, false, routes, &count, fault);
    }
    if (!err) {
        err = add_routes(c, s, true, routes, &count, fault);
    }
    if (!err) {
        qsort(routes, count, sizeof *routes, compare);
        c->routes_ = routes;
        c->route_count_ = count;
    }
    return err;
}

wr_err wr_config_brokers_finish(struct wr_config *c, struct wr_fault *fault)
{
    const struct wr_settings *all = wr_config_sinks_brokers(c->sinks_);
    size_t count = wr_settings_count(all, "");
    if (count > BROKERS_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "brokers: found %zu, at most %d", count,
                            BROKERS_MAX);
    }
    struct wr_config_broker *brokers = wr_arena_alloc(c->arena_, (count + 1) * sizeof *brokers);
    if (!brokers) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "the configuration is too large");
    }
    for (size_t i = 0; i < count; i++) {
        wr_err err = make_broker(c, all, wr_settings_name(all, "", i), &brokers[i], fault);
        if (err) {
            return err;
        }
    }
    c->brokers = brokers;
    c->broker_count = count;
    return make_routes(c, fault);
}

static const struct wr_config_route *find_route(const struct wr_config *c, wr_str rule, bool error)
{
    const struct wr_config_route key = {.rule = rule, .error_action = error};
    return c->route_count_ ? bsearch(&key, c->routes_, c->route_count_, sizeof key, compare) : NULL;
}

size_t wr_config_route(const struct wr_config *c, wr_str rule, bool error_action)
{
    const struct wr_config_route *own = error_action ? find_route(c, rule, true) : NULL;
    if (own) {
        return own->broker;
    }
    if (error_action && c->broker_error_default_ != SIZE_MAX) {
        return c->broker_error_default_;
    }
    own = find_route(c, rule, false);
    return own ? own->broker : c->broker_default_;
}

size_t wr_config_route_count(const struct wr_config *c)
{
    return c->route_count_;
}

wr_str wr_config_route_rule(const struct wr_config *c, size_t index)
{
    return c->routes_[index].rule;
}
