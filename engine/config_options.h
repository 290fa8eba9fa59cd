// The options of weir.yaml as one table, and where the loaded values come from. For config.c and
// config_check.c only.
// Thread: start.
#ifndef WR_ENGINE_CONFIG_OPTIONS_H
#define WR_ENGINE_CONFIG_OPTIONS_H

#include "engine/config.h"

#define WR_CONFIG_STATE_DIR "/var/lib/weir"

#define WR_CONFIG_WORKERS "0|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16" // WR_FLOW_WORKERS_MAX

// X(member, name, type, when, default, range, unit, help). A range is "min..max" in the unit or
// with units of its own, or "a|b" for choices. A default of "" for a text is "not set". `when`:
// what a running weir does with another value at a reload: LIVE takes it, RESTART names it in a
// warning.
#define WR_CONFIG_OPTIONS(X)                                                                       \
    X(mqtt_url, "mqtt.url", STRING, RESTART, "mqtt://localhost:1883", "", "",                      \
      "The broker: mqtt://host[:1883] or mqtts://host[:8883], an IPv6 address in brackets.")       \
    X(mqtt_version, "mqtt.version", CHOICE, RESTART, "5", "5|3.1.1", "", "Version of MQTT.")       \
    X(mqtt_client_id, "mqtt.client_id", STRING, RESTART, "", "", "",                               \
      "Client id; without one it is made once and kept in the state folder.")                      \
    X(mqtt_username, "mqtt.username", STRING, RESTART, "", "", "", "User name for the broker.")    \
    X(mqtt_password, "mqtt.password", STRING, RESTART, "", "", "",                                 \
      "Password; mqtt.password_file is safer.")                                                    \
    X(mqtt_password_file, "mqtt.password_file", PATH, RESTART, "", "", "",                         \
      "File whose first line is the password.")                                                    \
    X(mqtt_ca_file, "mqtt.ca_file", PATH, RESTART, "", "", "",                                     \
      "Certificates (PEM) that may sign the broker's; without one the system's.")                  \
    X(mqtt_cert_file, "mqtt.cert_file", PATH, RESTART, "", "", "", "Client certificate (PEM).")    \
    X(mqtt_key_file, "mqtt.key_file", PATH, RESTART, "", "", "",                                   \
      "Key of the client certificate (PEM).")                                                      \
    X(mqtt_alpn, "mqtt.alpn", STRING, RESTART, "", "", "",                                         \
      "Application protocol that TLS names (ALPN): x-amzn-mqtt-ca for AWS IoT Core on port 443.")  \
    X(mqtt_verify, "mqtt.verify", BOOL, RESTART, "true", "", "",                                   \
      "Check the broker's certificate and name.")                                                  \
    X(mqtt_keepalive_s, "mqtt.keepalive", DURATION, RESTART, "60", "60..65535", "s",               \
      "Longest silence before a ping.")                                                            \
    X(mqtt_session_expiry_s, "mqtt.session_expiry", DURATION, RESTART, "7d", "0..4294967295", "s", \
      "How long the broker keeps messages for a weir that is away.")                               \
    X(mqtt_receive_maximum, "mqtt.receive_maximum", INT, RESTART, "1000", "1..65535", "",          \
      "Messages the broker may send before the first is acknowledged (MQTT 5).")                   \
    X(mqtt_share_group, "mqtt.share_group", STRING, RESTART, "", "", "",                           \
      "Subscribe as $share/GROUP/…, so that several weirs share the messages.")                    \
    X(mqtt_connect_timeout_ms, "mqtt.connect_timeout", DURATION, LIVE, "10s", "100ms..10m", "ms",  \
      "How long one attempt to connect may take.")                                                 \
    X(mqtt_reconnect_min_ms, "mqtt.reconnect_min", DURATION, LIVE, "200ms", "10ms..1h", "ms",      \
      "Pause before the first attempt to connect again; doubles.")                                 \
    X(mqtt_reconnect_max_ms, "mqtt.reconnect_max", DURATION, LIVE, "30s", "10ms..1h", "ms",        \
      "Longest pause between attempts to connect.")                                                \
    X(mqtt_hold_max_ms, "mqtt.hold_max", DURATION, RESTART, "10s", "10ms..6h", "ms",               \
      "libmosquitto: longest hold of acknowledgements, at most a third of mqtt.keepalive.")        \
    X(mqtt_batch, "mqtt.batch", INT, RESTART, "256", "1..65536", "",                               \
      "Messages read before they are settled together.")                                           \
    X(mqtt_basic_ingest, "mqtt.basic_ingest", BOOL, RESTART, "true", "", "",                       \
      "Subscribe to $aws/rules/# too (Basic Ingest).")                                             \
    X(mqtt_mac_key_file, "mqtt.mac_key_file", PATH, RESTART, "", "", "",                           \
      "Key shared with weir-mosquitto.so: who published is believed only with a MAC by it.")       \
    X(mqtt_mac_max_age_ms, "mqtt.mac_max_age", DURATION, LIVE, "24h", "1s..365d", "ms",            \
      "How old such a MAC may be: as long as messages may wait at the broker.")                    \
    X(broker_dir, "broker.dir", PATH, RESTART, "", "", "",                                         \
      "Folder shared with weir-mosquitto.so: status table, CAs, socket; not set: no such broker.") \
    X(broker_crl, "broker.crl", BOOL, LIVE, "false", "", "",                                       \
      "Also write crl.pem, revocation lists of the tenants' CAs, for brokers without the plugin.") \
    X(broker_confirm_timeout_ms, "broker.confirm_timeout", DURATION, LIVE, "2s", "0..1m", "ms",    \
      "How long a change waits until the broker has confirmed it.")                                \
    X(source, "source", CHOICE, RESTART, "mqtt", "mqtt|native|libmosquitto|kafka|both", "",        \
      "Where messages come from. mqtt and native: weir's own MQTT client; libmosquitto: with "     \
      "that library instead; both: mqtt and kafka.")                                               \
    X(kafka_bootstrap, "kafka.bootstrap", STRING, RESTART, "", "", "",                             \
      "Source Kafka: brokers, host:port,host:port.")                                               \
    X(kafka_topics, "kafka.topics", STRING, RESTART, "", "", "",                                   \
      "Topics to read, with commas between them; ^… is a regular expression.")                     \
    X(kafka_group, "kafka.group", STRING, RESTART, "weir", "", "",                                 \
      "Consumer group; weirs of one group share the partitions.")                                  \
    X(kafka_topic_header, "kafka.topic_header", STRING, RESTART, "mqtt.topic", "", "",             \
      "Header that holds the MQTT topic of a message.")                                            \
    X(kafka_topic_map, "kafka.topic_map", STRING, RESTART, "{topic}", "", "",                      \
      "MQTT topic of messages without it: {topic}, {levels}, {key}, {partition} and text.")        \
    X(kafka_start, "kafka.start", CHOICE, RESTART, "earliest", "earliest|latest", "",              \
      "Where a group without committed offsets begins.")                                           \
    X(kafka_assignor, "kafka.assignor", CHOICE, RESTART, "cooperative-sticky",                     \
      "cooperative-sticky|range|roundrobin", "",                                                   \
      "How the group shares partitions; the same for all of it.")                                  \
    X(kafka_in_flight, "kafka.in_flight", INT, RESTART, "4096", "1..100000", "",                   \
      "Messages handed out and not settled, from which on no more are read.")                      \
    X(kafka_commit_interval_ms, "kafka.commit_interval", DURATION, RESTART, "1s", "10ms..10m",     \
      "ms", "How often the offsets of acknowledged messages are committed.")                       \
    X(kafka_session_timeout_ms, "kafka.session_timeout", DURATION, RESTART, "10s", "1s..30m",      \
      "ms",                                                                                        \
      "After so long without a sign of life the group gives this weir's partitions to others.")    \
    X(kafka_revoke_wait_ms, "kafka.revoke_wait", DURATION, RESTART, "10s", "0..4m", "ms",          \
      "How long a partition that goes to another waits until its messages are acknowledged.")      \
    X(kafka_security_protocol, "kafka.security_protocol", CHOICE, RESTART, "PLAINTEXT",            \
      "PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL", "", "How the brokers are spoken to.")               \
    X(kafka_sasl_mechanism, "kafka.sasl_mechanism", CHOICE, RESTART, "PLAIN",                      \
      "PLAIN|SCRAM-SHA-256|SCRAM-SHA-512", "", "With SASL: how weir proves who it is.")            \
    X(kafka_username, "kafka.username", STRING, RESTART, "", "", "", "User name for SASL.")        \
    X(kafka_password_file, "kafka.password_file", PATH, RESTART, "", "", "",                       \
      "File whose first line is the password.")                                                    \
    X(kafka_ca_file, "kafka.ca_file", PATH, RESTART, "", "", "",                                   \
      "Certificates (PEM) that may sign the brokers'; without one the system's.")                  \
    X(kafka_cert_file, "kafka.cert_file", PATH, RESTART, "", "", "", "Client certificate (PEM).")  \
    X(kafka_key_file, "kafka.key_file", PATH, RESTART, "", "", "",                                 \
      "Key of the client certificate (PEM).")                                                      \
    X(rules_dir, "rules.dir", PATH, LIVE, "rules", "", "",                                         \
      "Folder of the rule documents (*.json).")                                                    \
    X(rules_watch, "rules.watch", BOOL, LIVE, "true", "", "",                                      \
      "Reload rules when the folder changes.")                                                     \
    X(state_dir, "state_dir", PATH, RESTART, "", "", "",                                           \
      "Folder for state; without one " WR_CONFIG_STATE_DIR                                         \
      " if it is writable, else ./weir-data.")                                                     \
    X(mode, "mode", CHOICE, RESTART, "local", WR_MODE_CHOICES, "",                                 \
      "Form of the actions: in the state folder (nothing leaves the machine), AWS's services, "    \
      "requests kept instead of sent, or nothing at all. sinks.KIND.mode is for one kind.")        \
    X(ack, "ack", CHOICE, RESTART, "durable", "durable|settled|received", "",                      \
      "When a message is acknowledged: once what actions get of it is on disk, once they have "    \
      "it, "                                                                                       \
      "or at once (a crash loses messages).")                                                      \
    X(spool_max, "spool.max", SIZE, LIVE, "1G", "64M..16384G", "bytes",                            \
      "Room for what is acknowledged and not delivered; over it nothing more is taken.")           \
    X(spool_segment, "spool.segment", SIZE, RESTART, "16M", "1M..1G", "bytes",                     \
      "Size of one file of the spool; it goes when all in it is delivered.")                       \
    X(spool_in_flight, "spool.in_flight", INT, LIVE, "1000", "1..1000000", "",                     \
      "Messages of one rule in memory; more of it wait in the spool.")                             \
    X(dead_max, "dead.max", SIZE, LIVE, "1G", "64M..16384G", "bytes",                              \
      "Room for dead letters; over it nothing more is taken.")                                     \
    X(limits, "limits", CHOICE, LIVE, "weir", "weir|aws", "",                                      \
      "aws: topics and payloads over AWS's limits are not evaluated.")                             \
    X(payload_max, "payload_max", SIZE, LIVE, "1M", "1..256M", "bytes",                            \
      "Largest payload that is evaluated; 128k with limits: aws.")                                 \
    X(message_memory, "message_memory", SIZE, RESTART, "64M", "64k..16G", "bytes",                 \
      "Memory the evaluation of one message may take.")                                            \
    X(fuel, "fuel", INT, RESTART, "10000000", "1000..1000000000000", "",                           \
      "Steps one evaluation may take.")                                                            \
    X(account_id, "account_id", STRING, RESTART, "123456789012", "", "",                           \
      "What accountid() gives: 12 digits.")                                                        \
    X(region, "region", STRING, RESTART, "us-east-1", "", "",                                      \
      "Region in ARNs and error documents.")                                                       \
    X(templates_undefined, "templates.undefined", CHOICE, LIVE, "empty", "empty|fail", "",         \
      "An Undefined or Null in a template inserts nothing, or fails the action.")                  \
    X(retry_attempts, "retry.attempts", INT, LIVE, "3", "1..1000", "",                             \
      "Tries of one action, the first included.")                                                  \
    X(retry_budget_ms, "retry.budget", DURATION, LIVE, "30s", "0..1d", "ms",                       \
      "Longest time for all tries of one action together.")                                        \
    X(retry_base_ms, "retry.base", DURATION, LIVE, "50ms", "1ms..1h", "ms",                        \
      "Pause before the second try; doubles.")                                                     \
    X(retry_throttled_base_ms, "retry.throttled_base", DURATION, LIVE, "1s", "1ms..1h", "ms",      \
      "The same after an answer that asks to slow down.")                                          \
    X(retry_cap_ms, "retry.cap", DURATION, LIVE, "20s", "1ms..1h", "ms",                           \
      "Longest pause between tries.")                                                              \
    X(retry_circuit, "retry.circuit", INT, LIVE, "10", "0..1000000", "",                           \
      "Failures of a destination in a row, after which one record at a time is tried; 0: never.")  \
    X(drain_ms, "drain", DURATION, LIVE, "10s", "0..1h", "ms",                                     \
      "How long SIGTERM waits for actions under way.")                                             \
    X(lookups_lambda_timeout_ms, "lookups.lambda_timeout", DURATION, LIVE, "2000ms", "1ms..30s",   \
      "ms", "How long aws_lambda() waits for an answer, the start of a process included.")         \
    X(lookups_timeout_ms, "lookups.timeout", DURATION, LIVE, "2000ms", "1ms..30s", "ms",           \
      "How long the other look-up functions wait for an answer.")                                  \
    X(lookups_max, "lookups.max", INT, LIVE, "500", "1..100000", "",                               \
      "Look-ups waiting at once, from which on no more messages are read. What workers have by "   \
      "then comes on top.")                                                                        \
    X(lookups_mode, "lookups.mode", CHOICE, RESTART, "auto", "auto|local|aws", "",                 \
      "Who answers look-ups: local forms, AWS's services; auto: AWS with mode: aws, else local.")  \
    X(lookups_lambda_mode, "lookups.lambda_mode", CHOICE, RESTART, "auto", "auto|local|aws", "",   \
      "The same for aws_lambda() and machinelearning_predict(); auto: lookups.mode.")              \
    X(lookups_dynamodb_mode, "lookups.dynamodb_mode", CHOICE, RESTART, "auto", "auto|local|aws",   \
      "", "The same for get_dynamodb().")                                                          \
    X(lookups_shadow_mode, "lookups.shadow_mode", CHOICE, RESTART, "auto", "auto|local|aws", "",   \
      "The same for get_thing_shadow().")                                                          \
    X(lookups_secret_mode, "lookups.secret_mode", CHOICE, RESTART, "auto", "auto|local|aws", "",   \
      "The same for get_secret().")                                                                \
    X(lookups_registry_mode, "lookups.registry_mode", CHOICE, RESTART, "auto", "auto|local|aws",   \
      "", "The same for get_registry_data().")                                                     \
    X(lookups_aws_max, "lookups.aws_max", INT, RESTART, "64", "1..10000", "",                      \
      "Calls of one function to AWS at once; more wait.")                                          \
    X(lookups_shadows_dir, "lookups.shadows_dir", PATH, RESTART, "", "", "",                       \
      "Folder of get_thing_shadow(): THING.json, THING/SHADOW.json; default "                      \
      "STATE/lookups/shadows.")                                                                    \
    X(lookups_secrets_dir, "lookups.secrets_dir", PATH, RESTART, "", "", "",                       \
      "Folder of get_secret(): ID.json, / and : in the id as %2F and %3A; default "                \
      "STATE/lookups/secrets.")                                                                    \
    X(lookups_secret_cache_ms, "lookups.secret_cache", DURATION, LIVE, "15m", "0..15m", "ms",      \
      "How long a secret is kept before it is asked for, or its file looked at, again; 0: never.") \
    X(lookups_registry_dir, "lookups.registry_dir", PATH, RESTART, "", "", "",                     \
      "Folder of get_registry_data(): DescribeThing/THING.json, "                                  \
      "ListThingGroupsForThing/THING.json; default STATE/lookups/registry.")                       \
    X(admin_socket, "admin.socket", PATH, RESTART, "", "", "",                                     \
      "Unix socket of the administration; default STATE/admin.sock.")                              \
    X(admin_group, "admin.group", STRING, RESTART, "", "", "",                                     \
      "Group that may connect to it; default weir-admin if there is one, else weir's own.")        \
    X(admin_users, "admin.users", STRING, RESTART, "", "", "",                                     \
      "Roles on it, as in \"ann=operator, 1001=reader\"; root and weir's own user are admin.")     \
    X(admin_groups, "admin.groups", STRING, RESTART, "", "", "", "The same for groups of users.")  \
    X(admin_listen, "admin.listen", STRING, RESTART, "127.0.0.1:8081", "", "",                     \
      "Address and port of the AWS IoT control plane; a port alone: on 127.0.0.1; 0: any free "    \
      "one; \"\": none.")                                                                          \
    X(admin_mode, "admin.mode", CHOICE, RESTART, "verify", "verify|open|token", "",                \
      "Who may use it: verify SigV4 signatures; open checks nothing, the key id picks the "        \
      "tenant; token wants bearer tokens.")                                                        \
    X(admin_tls_cert_file, "admin.tls_cert_file", PATH, RESTART, "", "", "",                       \
      "Certificate chain (PEM) of admin.listen, which then speaks TLS; wanted for an address "     \
      "that is not loopback. SIGHUP reads it again.")                                              \
    X(admin_tls_key_file, "admin.tls_key_file", PATH, RESTART, "", "", "",                         \
      "Key of that certificate (PEM, not encrypted).")                                             \
    X(admin_auto_tenants, "admin.auto_tenants", BOOL, RESTART, "false", "", "",                    \
      "Mode open: a key id of 12 digits makes the tenant of that account when there is none.")     \
    X(admin_test, "admin.test", BOOL, RESTART, "false", "", "",                                    \
      "Test mode: no waits before thing types are deleted, and a tenant's registry can be reset.") \
    X(admin_policy_documents, "admin.policy_documents", CHOICE, RESTART, "lenient",                \
      "strict|lenient", "",                                                                        \
      "Policies: lenient takes any JSON object (without statements it allows nothing); strict "    \
      "refuses what AWS would.")                                                                   \
    X(admin_thing_type_delete_wait_ms, "admin.thing_type_delete_wait", DURATION, RESTART, "5m",    \
      "0..1h", "ms",                                                                               \
      "How long after its deprecation a thing type cannot be deleted yet, as at AWS; test mode "   \
      "has none unless this is set.")                                                              \
    X(admin_unknown_rule, "admin.unknown_rule", CHOICE, RESTART, "not_found",                      \
      "not_found|unauthorized", "",                                                                \
      "What a topic rule that is not there is answered with; AWS says unauthorized.")              \
    X(audit, "audit", CHOICE, RESTART, "changes", "changes|all", "",                               \
      "What STATE/audit.log gets: calls that change something, hand out a secret or are refused; " \
      "or all.")                                                                                   \
    X(admin_audit_file, "admin.audit_file", SIZE, RESTART, "64M", "64k..1G", "bytes",              \
      "Size of one file of the audit log; a full one is kept as audit.log.N, its last line being " \
      "number N.")                                                                                 \
    X(admin_audit_files, "admin.audit_files", INT, RESTART, "15", "1..1000", "",                   \
      "How many full ones are kept; then the oldest goes, and a line says so.")                    \
    X(admin_endpoint, "admin.endpoint", STRING, RESTART, "", "", "",                               \
      "Host name that DescribeEndpoint gives to devices; without one the broker's.")               \
    X(admin_broker_port, "admin.broker_port", INT, RESTART, "0", "0..65535", "",                   \
      "Port that device packages tell; 0: that of mqtt.url if it is mqtts, else 8883.")            \
    X(admin_broker_ca, "admin.broker_ca", PATH, RESTART, "", "", "",                               \
      "CA (PEM) that signed the broker's certificate, for device packages; without one "           \
      "mqtt.ca_file.")                                                                             \
    X(admin_escrow_key, "admin.escrow_key", PATH, RESTART, "", "", "",                             \
      "File outside the state folder with 32 bytes (also as hex or base64) that seal device keys " \
      "kept for device packages; without one none is kept.")                                       \
    X(admin_escrow_ttl_s, "admin.escrow_ttl", DURATION, RESTART, "7d", "1..31536000", "s",         \
      "How long a device key is kept when nobody fetches it.")                                     \
    X(workers, "workers", CHOICE, RESTART, "auto", "auto|" WR_CONFIG_WORKERS, "",                  \
      "Threads that evaluate; 0: the thread that reads and delivers does. auto: one less than "    \
      "there are processors, at most 16, and 0 with two or fewer.")                                \
    X(ring_bytes, "ring.bytes", SIZE, RESTART, "4M", "0..64M", "bytes",                            \
      "Memory for the last messages, which weir record --running fetches; 0: none are kept.")      \
    X(metrics_listen, "metrics.listen", STRING, RESTART, "127.0.0.1:9464", "", "",                 \
      "Address and port of /metrics, /healthz and /readyz; a port alone: on 127.0.0.1; 0: any "    \
      "free one; \"\": none.")                                                                     \
    X(metrics_sample, "metrics.sample", INT, RESTART, "64", "0..1000000", "",                      \
      "One of so many messages is timed, for the cost of rules in weir top; 0: none.")             \
    X(log_level, "log.level", CHOICE, LIVE, "info", "error|warn|info|debug", "",                   \
      "Least grave lines shown.")                                                                  \
    X(log_format, "log.format", CHOICE, LIVE, "auto", "auto|logfmt|json", "",                      \
      "Form of the log's lines; auto: logfmt, and a plain form on a terminal.")                    \
    X(log_payloads, "log.payloads", BOOL, LIVE, "false", "", "",                                   \
      "Show the begin of payloads in lines about messages that failed.")

// The index of each option.
enum wr_config_at {
#define X(member, name, type, when, fallback, range, unit, help) WR_AT_##member,
    WR_CONFIG_OPTIONS(X)
#undef X
        WR_CONFIG_OPTION_COUNT,
};

// Where an option's value comes from; `from` NULL: the default.
struct wr_config_origin {
    const char *from;      // the file's name, "WEIR_MQTT_URL" or "--mqtt-url"
    uint32_t line, column; // 0 outside the file
};

// A fault about the value that came from `o`: its place goes before the text. Returns `err`.
wr_err wr_config_blame(const struct wr_config_origin *o, wr_err err, struct wr_fault *fault);

// What must fit together, of values that are each right (config_check.c). `origins` by
// wr_config_at.
wr_err wr_config_check(const struct wr_config *c, const struct wr_config_origin *origins,
                       struct wr_fault *fault) WR_MUST_CHECK;

#endif
