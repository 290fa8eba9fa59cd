// weir.yaml: one options table (config.c) behind the file, the WEIR_… environment variables and the
// --options. Later wins: default, file, environment, command line.
// Thread: start. A loaded configuration is read-only.
//
// Names: `mqtt.keepalive` in the file is nested YAML (mqtt: {keepalive: 60}) or the dotted key; the
// environment variable is WEIR_MQTT_KEEPALIVE, the option --mqtt-keepalive.
#ifndef WR_ENGINE_CONFIG_H
#define WR_ENGINE_CONFIG_H

#include "sinks/sink.h"
#include "sql/base/buf.h"
#include "sql/base/err.h"

// Every member stands in the table in config.c with its name, type, default, range, unit and help.
// Strings are never NULL ("" is "not set"); paths from the file are relative to the file's folder.
struct wr_config {
    const char *mqtt_url; // mqtt.url: mqtt://host[:1883] or mqtts://host[:8883], IPv6 in brackets
    const char *mqtt_version;        // mqtt.version: "5" (default) | "3.1.1"
    const char *mqtt_client_id;      // mqtt.client_id: "" = made once, kept in source.json
    const char *mqtt_username;       // mqtt.username
    const char *mqtt_password;       // mqtt.password
    const char *mqtt_password_file;  // mqtt.password_file: first line
    const char *mqtt_ca_file;        // mqtt.ca_file: "" = the system's
    const char *mqtt_cert_file;      // mqtt.cert_file
    const char *mqtt_key_file;       // mqtt.key_file
    const char *mqtt_alpn;           // mqtt.alpn: "" = none
    bool mqtt_verify;                // mqtt.verify: check the broker's certificate, default true
    int64_t mqtt_keepalive_s;        // mqtt.keepalive: 60..65535, default 60
    int64_t mqtt_session_expiry_s;   // mqtt.session_expiry: default 7 days
    int64_t mqtt_receive_maximum;    // mqtt.receive_maximum: 1..65535, default 1000
    const char *mqtt_share_group;    // mqtt.share_group: "" = none
    int64_t mqtt_connect_timeout_ms; // mqtt.connect_timeout: default 10 s
    int64_t mqtt_reconnect_min_ms;   // mqtt.reconnect_min: default 200 ms
    int64_t mqtt_reconnect_max_ms;   // mqtt.reconnect_max: default 30 s
    int64_t mqtt_hold_max_ms;      // mqtt.hold_max: default 10 s, at most a third of the keepalive
    int64_t mqtt_batch;            // mqtt.batch: messages read before they are settled, default 256
    const char *mqtt_mac_key_file; // mqtt.mac_key_file: shared with the broker's plugin
    int64_t mqtt_mac_max_age_ms;   // mqtt.mac_max_age, default 24 h
    bool mqtt_basic_ingest;        // mqtt.basic_ingest: subscribe to $aws/rules/#, default true
    const char *broker_dir;        // broker.dir: of the status table; "": none
    bool broker_crl;               // broker.crl: write crl.pem too, default false
    int64_t broker_confirm_timeout_ms;   // broker.confirm_timeout: default 2 s
    const char *source;                  // ask wr_config_has_mqtt() and kin
    const char *kafka_bootstrap;         // kafka.bootstrap: required with source kafka, both
    const char *kafka_topics;            // kafka.topics: likewise
    const char *kafka_group;             // kafka.group: default "weir"
    const char *kafka_topic_header;      // kafka.topic_header: default "mqtt.topic"
    const char *kafka_topic_map;         // kafka.topic_map: default "{topic}"
    const char *kafka_start;             // kafka.start: "earliest" (default) | "latest"
    const char *kafka_assignor;          // kafka.assignor: default "cooperative-sticky"
    int64_t kafka_in_flight;             // kafka.in_flight: default 4096
    int64_t kafka_commit_interval_ms;    // kafka.commit_interval: default 1 s
    int64_t kafka_session_timeout_ms;    // kafka.session_timeout: default 10 s
    int64_t kafka_revoke_wait_ms;        // kafka.revoke_wait: default 10 s
    const char *kafka_security_protocol; // kafka.security_protocol: default "PLAINTEXT"
    const char *kafka_sasl_mechanism;    // kafka.sasl_mechanism: default "PLAIN"
    const char *kafka_username, *kafka_password_file;
    const char *kafka_ca_file, *kafka_cert_file, *kafka_key_file;
    const char *rules_dir; // rules.dir: default "rules"
    bool rules_watch;      // rules.watch: reload when the folder changes, default true
    const char *state_dir; // state_dir: default /var/lib/weir if writable, else ./weir-data
    const char *mode;      // mode: "local" (default) | "aws" | "record" | "blackhole"
    const char *ack;       // ack: "durable" (default) | "settled" | "received"
    const char *limits;    // limits: "weir" | "aws" (sql.md 14)
    int64_t payload_max;   // payload_max: bytes, default 1 MiB; limits: aws makes it 128 KiB
    int64_t
        message_memory; // message_memory: bytes one message's evaluation may take, default 64 MiB
    int64_t fuel;       // fuel: steps one evaluation may take
    int64_t spool_max, spool_segment, dead_max; // bytes
    int64_t spool_in_flight;                    // durable messages of one rule in memory
    const char *account_id;                     // account_id: 12 digits, default 123456789012
    const char *region;                         // region: default us-east-1
    const char *templates_undefined;   // templates.undefined: "empty" | "fail" (actions.md 2)
    int64_t retry_attempts;            // retry.attempts: default 3, the first try included
    int64_t retry_budget_ms;           // retry.budget: default 30 s
    int64_t retry_base_ms;             // retry.base: default 50 ms
    int64_t retry_throttled_base_ms;   // retry.throttled_base: default 1 s
    int64_t retry_cap_ms;              // retry.cap: default 20 s
    int64_t retry_circuit;             // retry.circuit: failures in a row; 0: never
    int64_t drain_ms;                  // drain: how long SIGTERM waits for records, default 10 s
    int64_t lookups_lambda_timeout_ms; // lookups.lambda_timeout: default 2000 (documented)
    int64_t lookups_timeout_ms;        // lookups.timeout: of the other kinds, default 2000
    int64_t lookups_max;               // lookups.max: waiting at once, default 500
    const char *lookups_mode;          // lookups.mode: "auto" (default) | "local" | "aws"
    const char *lookups_lambda_mode;   // lookups.*_mode: the same; auto: lookups.mode
    const char *lookups_dynamodb_mode;
    const char *lookups_shadow_mode;
    const char *lookups_secret_mode;
    const char *lookups_registry_mode;
    int64_t lookups_aws_max;         // lookups.aws_max: default 64
    const char *lookups_shadows_dir; // lookups.*_dir: "" = below the state folder
    const char *lookups_secrets_dir;
    int64_t lookups_secret_cache_ms; // lookups.secret_cache: default and at most 15 minutes
    const char *lookups_registry_dir;
    const char *admin_socket;           // admin.socket: "" = STATE/admin.sock
    const char *admin_group;            // admin.group: "" = weir-admin, or the process's own
    const char *admin_users;            // admin.users: "NAME=ROLE, …"
    const char *admin_groups;           // admin.groups: likewise
    const char *admin_listen;           // admin.listen: see wr_config_address(); "" = none
    bool admin_listen_given;            // as metrics_listen_given
    const char *admin_mode;             // admin.mode: "verify" | "open" | "token"
    bool admin_auto_tenants;            // admin.auto_tenants
    bool admin_test;                    // admin.test
    const char *admin_policy_documents; // admin.policy_documents: "strict" | "lenient"
    // admin.thing_type_delete_wait: default 5 min, in test mode 0
    int64_t admin_thing_type_delete_wait_ms;
    const char *audit;                                    // audit: "changes", "all"
    int64_t admin_audit_file;                             // admin.audit_file: bytes
    int64_t admin_audit_files;                            // admin.audit_files
    const char *admin_tls_cert_file, *admin_tls_key_file; // admin.tls_…: "" = no TLS
    const char *admin_unknown_rule; // admin.unknown_rule: "not_found" | "unauthorized"
    const char *admin_endpoint;     // admin.endpoint: "" = the host of mqtt.url
    const char *workers;            // workers: "auto" | "0" … as engine/cli/run_flow.c counts
    int64_t ring_bytes;             // of the last messages; 0: none are kept
    int64_t metrics_sample;         // one of so many messages is timed; 0: none
    const char *metrics_listen;     // metrics.listen: see wr_config_address(); "" = none
    bool metrics_listen_given;      // it is not the default: what cannot be had is an error
    const char *log_level;          // log.level: error|warn|info|debug
    const char *log_format;         // log.format: auto|logfmt|json
    bool log_payloads;              // log.payloads

    // Device packages, and device keys that are kept for them.
    int64_t admin_broker_port;    // admin.broker_port: 0 = mqtt.url's or 8883
    const char *admin_broker_ca;  // admin.broker_ca: "" = mqtt.ca_file
    const char *admin_escrow_key; // admin.escrow_key: "" = no escrow
    int64_t admin_escrow_ttl_s;   // admin.escrow_ttl

    // What messages call the connection of the members mqtt_*: "mqtt", or "brokers.NAME" in a
    // broker's own.
    const char *mqtt_section;
    const struct wr_config_broker *brokers; // of brokers.*, in the order of the file
    size_t broker_count;

    const struct wr_config_route *routes_; // config_brokers.c's
    size_t route_count_;
    size_t broker_default_, broker_error_default_;
    struct wr_config_sinks *sinks_; // sinks.<kind>.<setting>, aws.<setting>
    struct wr_config_kinds *kinds_; // the forms that were chosen
    struct wr_arena *arena_;
    struct wr_config *adopted_; // whose values of live options these are; NULL: our own
};

// A broker that republish may publish to, besides the one that messages come from.
struct wr_config_broker {
    const char *name;             // brokers.NAME
    const struct wr_config *mqtt; // this configuration with the members mqtt_* of the broker
    bool aws_limits;              // it is AWS IoT Core, or is to be treated so
    int64_t window;               // publications that are not acknowledged
    int64_t rate;                 // publications a second; 0: no limit
    int64_t spool_share;          // percent of spool.max that may wait for it
    const char *dir;              // as broker.dir; "": none
};

// What `source` means.
bool wr_config_has_mqtt(const struct wr_config *c);
bool wr_config_has_kafka(const struct wr_config *c);
bool wr_config_has_libmosquitto(const struct wr_config *c); // instead of weir's own client
bool wr_config_is_native(const struct wr_config *c);        // MQTT with weir's own client

#define WR_BROKER_SOURCE "source" // the name of the broker that messages come from

// Where the republish action of rule `rule` publishes to (sinks.republish.*): 0 is the source's
// broker, i + 1 is brokers[i]. Thread: any.
size_t wr_config_route(const struct wr_config *c, wr_str rule, bool error_action);
// The rules that sinks.republish.rules and .error_rules name, 0 .. count-1, some twice.
size_t wr_config_route_count(const struct wr_config *c);
wr_str wr_config_route_rule(const struct wr_config *c, size_t index);

// A table entry, for `weir help options`, docs and tests; those of the section aws stand last.
struct wr_config_option {
    const char *name; // "mqtt.keepalive"
    const char *type; // "string", "path", "integer", "boolean", "duration", "size", "choice"
    const char *fallback;
    const char *range; // "60..65535", "5|3.1.1", or ""
    const char *unit;  // "s", "ms", "bytes", ""
    const char *help;
    bool live; // a reload takes another value; else a restart is needed
};
size_t wr_config_option_count(void);
const struct wr_config_option *wr_config_option_at(size_t index);
// The same of one broker: "brokers.NAME.url".
size_t wr_config_broker_option_count(void);
const struct wr_config_option *wr_config_broker_option_at(size_t index);

// Read `file` (NULL: ./weir.yaml if it exists, else defaults only), then the environment, then the
// options among `args` (`--mqtt-url=…` or two words). Recognised options are taken out of
// args/count, so that the caller sees only its own. Durations take ms, s, m, h, d; sizes take k, M,
// G (powers of 1024). An unknown key, a wrong type, a value out of range or invalid YAML is a
// fault: file, line, what was found, what was expected (the nearest known name for an unknown one).
// Its text begins with the place: "weir.yaml:3:7: ", the variable or the option.
// Give: wr_config_free().
wr_err wr_config_load(const char *file, int *arg_count, char **args, struct wr_config **out,
                      struct wr_fault *fault) WR_MUST_CHECK;
void wr_config_free(struct wr_config *c);

// What differs in `next`: options, then settings of sinks and of the section aws
// ("sinks.s3.fsync"), each once. `live`: wr_config_adopt() takes it. Values are not told: some are
// secrets.
void wr_config_changes(const struct wr_config *now, const struct wr_config *next,
                       void (*changed)(void *user, const char *name, bool live), void *user);
// Take `next`: `now` gets the values of its live options, and keeps all else. Texts of live options
// that were read from `now` before are gone afterwards. Thread: the owner's.
void wr_config_adopt(struct wr_config *now, struct wr_config *next);

// A duration as weir.yaml takes it ("90s", "7d"), in milliseconds; for options of commands.
wr_err wr_config_duration(wr_str text, int64_t *ms, struct wr_fault *fault) WR_MUST_CHECK;

// Where to listen: "ADDRESS:PORT" with a numeric address, IPv6 in brackets, or a port alone, which
// is on 127.0.0.1.
struct wr_config_listen {
    char host[64];
    uint16_t port; // 0: any free one
    bool loopback; // nobody else can reach it
};
wr_err wr_config_address(wr_str text, struct wr_config_listen *out,
                         struct wr_fault *fault) WR_MUST_CHECK;

// The settings of sink `impl` in this configuration; lives as long as `c`. Never NULL.
const struct wr_settings *wr_config_sink(const struct wr_config *c,
                                         const struct wr_sink_impl *impl);

// The section `aws`, whose table is wr_aws_settings (sinks/lib/aws_settings.h).
const struct wr_settings *wr_config_aws(const struct wr_config *c);

// The forms that the modes of this configuration choose, NULL-terminated, in the order of
// wr_sink_kinds. A kind without a form for the mode of weir as a whole is missing.
const struct wr_sink_impl *const *wr_config_kinds(const struct wr_config *c);
// The mode of a kind: sinks.<kind>.mode, or the instance's.
enum wr_mode wr_config_mode(const struct wr_config *c, const struct wr_sink_impl *impl);
// Whether any kind has this mode.
bool wr_config_has_mode(const struct wr_config *c, enum wr_mode mode);

#endif
