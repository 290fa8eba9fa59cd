// Every metric of /metrics, once: its family in the page, its row in docs/metrics.md, and what the
// dashboard may ask for are made from here. Names as Prometheus wants them: weir_…, base units,
// _total for what only grows.
// Thread: any.
#ifndef WR_ENGINE_OBSERVE_METRIC_TABLE_H
#define WR_ENGINE_OBSERVE_METRIC_TABLE_H

// METRIC(ID, name, type, labels, help)
#define WR_METRIC_TABLE(METRIC)                                                                   \
    METRIC(BUILD_INFO, "weir_build_info", gauge, "version", "Which weir this is; always 1.")      \
    METRIC(RULES, "weir_rules", gauge, "", "Rules that run.")                                     \
    METRIC(REFUSED, "weir_rule_documents_refused", gauge, "",                                     \
           "Rule documents that are refused now; their former versions run on.")                  \
    METRIC(RELOADS, "weir_reloads_total", counter, "", "Times the rules were replaced.")          \
    METRIC(MESSAGES, "weir_messages_received_total", counter, "", "Messages from sources.")       \
    METRIC(NO_RULE, "weir_messages_no_rule_total", counter, "",                                   \
           "Messages of whose topic there is no enabled rule.")                                   \
    METRIC(NOT_FOUND, "weir_messages_rule_not_found_total", counter, "",                          \
           "Basic Ingest to a rule that is unknown or disabled.")                                 \
    METRIC(DROPPED, "weir_messages_dropped_total", counter, "reason",                             \
           "Messages that were not evaluated though a rule has their topic.")                     \
    METRIC(EVALUATED, "weir_messages_evaluated_total", counter, "",                               \
           "Messages evaluated for at least one rule.")                                           \
    METRIC(RESTORED, "weir_messages_restored_total", counter, "",                                 \
           "Messages made again from the spool, for one rule each.")                              \
    METRIC(SETTLED, "weir_messages_settled_total", counter, "",                                   \
           "Messages of which nothing is left to do in memory.")                                  \
    METRIC(LIVE, "weir_messages_in_memory", gauge, "", "Messages that are not settled.")          \
    METRIC(WORKERS, "weir_workers", gauge, "",                                                    \
           "Threads that evaluate; 0: the thread that reads and delivers does.")                  \
    METRIC(IN_WORKERS, "weir_messages_in_workers", gauge, "",                                     \
           "Messages that these threads have, or that wait for them.")                            \
    METRIC(CACHE_HITS, "weir_topic_cache_hits_total", counter, "",                                \
           "Messages whose rules were known by their topic.")                                     \
    METRIC(CACHE_MISSES, "weir_topic_cache_misses_total", counter, "",                            \
           "Messages whose rules had to be looked for.")                                          \
    METRIC(TENANT_MESSAGES, "weir_tenant_messages_total", counter, "tenant",                      \
           "Messages that a rule of a tenant with a quota has the topic of.")                     \
    METRIC(TENANT_THROTTLED, "weir_tenant_throttled_total", counter, "tenant, reason",            \
           "Of these: not tried on its rules, since it was over a quota (messages, cpu).")        \
    METRIC(TENANT_CPU, "weir_tenant_rule_cpu_seconds_total", counter, "tenant",                   \
           "Time that the rules of a tenant with a quota took.")                                  \
    METRIC(RULE_TRIED, "weir_rule_evaluated_total", counter, "rule",                              \
           "Messages that the rule was tried on.")                                                \
    METRIC(RULE_MATCHED, "weir_rule_matched_total", counter, "rule",                              \
           "Of these: WHERE was true, and there is a result.")                                    \
    METRIC(RULE_NOT, "weir_rule_not_matched_total", counter, "rule, reason",                      \
           "Of these: WHERE was false, or Undefined; index: one of the two, without a look.")     \
    METRIC(RULE_ERRORS, "weir_rule_errors_total", counter, "rule, reason",                        \
           "Of these: the statement failed.")                                                     \
    METRIC(RULE_UNFINISHED, "weir_rule_unfinished_total", counter, "rule",                        \
           "Of these: waited for a look-up when weir stopped.")                                   \
    METRIC(RULE_EVALUATING, "weir_rule_evaluating", gauge, "rule",                                \
           "Of these: wait for a look-up now.")                                                   \
    METRIC(RULE_NOT_JSON, "weir_rule_not_json_total", counter, "rule",                            \
           "Messages that the rule was tried on and that are not JSON.")                          \
    METRIC(RULE_TERMS, "weir_rule_where_decided_total", counter, "rule, term, reason",            \
           "Which term of WHERE decided, by its number; while it is asked for.")                  \
    METRIC(RULE_TEMPLATES, "weir_rule_template_errors_total", counter, "rule, reason",            \
           "Templates of actions that failed.")                                                   \
    METRIC(RULE_REGEX, "weir_rule_regex_limits_total", counter, "rule",                           \
           "Matches of regular expressions that ended at a limit: Undefined.")                    \
    METRIC(RULE_SAMPLES, "weir_rule_samples_total", counter, "rule",                              \
           "Evaluations whose time was taken.")                                                   \
    METRIC(RULE_SAMPLED, "weir_rule_sampled_seconds_total", counter, "rule",                      \
           "Time of these evaluations.")                                                          \
    METRIC(                                                                                       \
        RESULTS_IN, "weir_results_in_total", counter, "rule, origin",                             \
        "Results (a rule on a message) to deliver: matched, or recovered from the spool at the "  \
        "start, or redriven from the dead letters.")                                              \
    METRIC(RESULTS, "weir_results_total", counter, "rule, outcome",                               \
           "What became of them: delivered by every action, taken by the error action, dead, "    \
           "damaged in the spool, given back when weir stopped, or lost (no dead-letter store).") \
    METRIC(RESULTS_NOW, "weir_results_in_flight", gauge, "rule, stage",                           \
           "Where those are that have not come to their end.")                                    \
    METRIC(RESULTS_BROKEN, "weir_results_broken_total", counter, "rule",                          \
           "Results of which an action failed finally.")                                          \
    METRIC(RECORDS, "weir_action_records_total", counter, "rule, action",                         \
           "Records handed to an action, repeats not counted.")                                   \
    METRIC(DELIVERED, "weir_action_delivered_total", counter, "rule, action",                     \
           "Records that the destination has.")                                                   \
    METRIC(FAILED, "weir_action_failed_total", counter, "rule, action, reason",                   \
           "Records that failed finally.")                                                        \
    METRIC(RETRIES, "weir_action_retries_total", counter, "rule, action",                         \
           "Tries after the first, error actions included.")                                      \
    METRIC(HTTP_MET, "weir_action_http_total", counter, "rule, action, metric",                   \
           "Requests of http actions that were not taken, by the names of AWS's metrics.")        \
    METRIC(RETURNED, "weir_action_returned_total", counter, "rule, action",                       \
           "Records given back when weir stopped.")                                               \
    METRIC(RECORDS_NOW, "weir_action_in_flight", gauge, "rule, action",                           \
           "Records at the destination, or waiting for another try.")                             \
    METRIC(ERR_RECORDS, "weir_error_action_records_total", counter, "rule, action",               \
           "Error documents.")                                                                    \
    METRIC(ERR_DELIVERED, "weir_error_action_delivered_total", counter, "rule, action",           \
           "Error documents that the destination has.")                                           \
    METRIC(ERR_FAILED, "weir_error_action_failed_total", counter, "rule, action",                 \
           "Error documents that failed finally.")                                                \
    METRIC(RECOGNISED, "weir_results_recognised_total", counter, "",                              \
           "Second deliveries by the broker of what the spool had already, by rule: not tried "   \
           "again.")                                                                              \
    METRIC(LATENCY, "weir_latency_seconds", histogram, "until",                                   \
           "From the receipt of a message until a result of it is evaluated, durable in the "     \
           "spool, settled.")                                                                     \
    METRIC(SUSPENDED, "weir_evaluations_suspended_total", counter, "",                            \
           "Times an evaluation waited for a look-up.")                                           \
    METRIC(LOOKUPS, "weir_lookups_total", counter, "function", "Look-ups made.")                  \
    METRIC(LOOKUPS_FAILED, "weir_lookups_failed_total", counter, "function", "Of these: failed.") \
    METRIC(LOOKUPS_LATE, "weir_lookups_timed_out_total", counter, "function",                     \
           "Of these: without an answer in time.")                                                \
    METRIC(LOOKUPS_NOW, "weir_lookups_waiting", gauge, "function", "Of these: without one yet.")  \
    METRIC(SPOOL_ENTRIES, "weir_spool_entries", gauge, "", "Results in the spool.")               \
    METRIC(SPOOL_BYTES, "weir_spool_bytes", gauge, "", "Room that the spool takes on disk.")      \
    METRIC(SPOOL_AGE, "weir_spool_oldest_age_seconds", gauge, "",                                 \
           "Since the message of the oldest entry came; 0: the spool is empty.")                  \
    METRIC(SPOOL_WRITTEN, "weir_spool_written_total", counter, "", "Entries written.")            \
    METRIC(SPOOL_SYNCS, "weir_spool_syncs_total", counter, "", "Groups written, a sync each.")    \
    METRIC(SPOOL_FULL, "weir_spool_full", gauge, "", "1: no room; nothing more is taken.")        \
    METRIC(SPOOL_UNREADABLE, "weir_spool_unreadable_total", counter, "",                          \
           "Entries and batches that could not be read.")                                         \
    METRIC(SPOOL_MISSING, "weir_spool_missing_segments_total", counter, "",                       \
           "Segments that were not there at the start.")                                          \
    METRIC(DEAD, "weir_dead_letters", gauge, "", "Dead letters in the store.")                    \
    METRIC(DEAD_BYTES, "weir_dead_letters_bytes", gauge, "", "Room that they take on disk.")      \
    METRIC(DEAD_FULL, "weir_dead_letters_full", gauge, "", "1: no room; nothing more is taken.")  \
    METRIC(CIRCUIT, "weir_circuit_state", gauge, "action, destination, state",                    \
           "1 for the state that a destination is in that has failed.")                           \
    METRIC(CIRCUIT_FAILURES, "weir_circuit_failures", gauge, "action, destination",               \
           "Failures in a row.")                                                                  \
    METRIC(CIRCUIT_WAITING, "weir_circuit_waiting", gauge, "action, destination",                 \
           "Records that wait for it.")                                                           \
    METRIC(CIRCUIT_OPENED, "weir_circuit_opened_total", counter, "action, destination",           \
           "Times it opened.")                                                                    \
    METRIC(CIRCUITS_OPEN, "weir_circuits_open", gauge, "", "Destinations that are not closed.")   \
    METRIC(MQTT_UP, "weir_mqtt_connected", gauge, "", "1: connected to the broker.")              \
    METRIC(MQTT_SUBSCRIBED, "weir_mqtt_subscribed", gauge, "",                                    \
           "1: subscribed to every filter of the rules.")                                         \
    METRIC(MQTT_CONNECTS, "weir_mqtt_connects_total", counter, "", "Connections that came up.")   \
    METRIC(MQTT_RECEIVED, "weir_mqtt_received_total", counter, "",                                \
           "Publications from the broker, second deliveries included.")                           \
    METRIC(MQTT_DUPLICATES, "weir_mqtt_duplicates_dropped_total", counter, "",                    \
           "Second deliveries of what was settled.")                                              \
    METRIC(MQTT_ACKS, "weir_mqtt_acknowledged_total", counter, "",                                \
           "Publications that the broker may forget.")                                            \
    METRIC(MQTT_OPEN, "weir_mqtt_unacknowledged", gauge, "",                                      \
           "Publications of QoS 1 that are not acknowledged yet.")                                \
    METRIC(MQTT_HOLDS, "weir_mqtt_holds_broken_total", counter, "",                               \
           "Times weir left the broker since nothing could be acknowledged for too long.")        \
    METRIC(MQTT_VOUCHED, "weir_mqtt_origins_total", counter, "",                                  \
           "Messages whose publisher the broker's plugin has named (mqtt.mac_key_file).")         \
    METRIC(MQTT_STRIPPED, "weir_mqtt_properties_stripped_total", counter, "",                     \
           "User properties weir-… without a good MAC, taken out (mqtt.mac_key_file).")           \
    METRIC(MQTT_STALE, "weir_mqtt_origins_stale_total", counter, "",                              \
           "Those of them with a MAC that is right and older than mqtt.mac_max_age.")             \
    METRIC(BROKER_TABLES, "weir_broker_tables_total", counter, "",                                \
           "Status tables written for the broker's plugin (broker.dir).")                         \
    METRIC(BROKER_FAILURES, "weir_broker_table_failures_total", counter, "",                      \
           "Status tables that could not be written.")                                            \
    METRIC(BROKER_CONFIRMED, "weir_broker_confirmed_total", counter, "",                          \
           "Changes that the broker confirmed before they were answered.")                        \
    METRIC(BROKER_UNCONFIRMED, "weir_broker_unconfirmed_total", counter, "",                      \
           "Changes answered with x-weir-warning: broker-not-confirmed.")                         \
    METRIC(BROKER_CERTIFICATES, "weir_broker_certificates", gauge, "",                            \
           "Certificates in the latest status table.")                                            \
    METRIC(BROKER_CONNECTS, "weir_broker_connects_total", counter, "",                            \
           "Connections of devices, as the plugin told.")                                         \
    METRIC(BROKER_DROPPED, "weir_broker_dropped_total", counter, "",                              \
           "Devices that the plugin dropped since a change barred them.")                         \
    METRIC(BROKER_REFUSED, "weir_broker_refused_total", counter, "",                              \
           "Connections that the plugin refused.")                                                \
    METRIC(BROKER_LOST, "weir_broker_events_lost_total", counter, "",                             \
           "Events of the plugin that weir was too slow for.")                                    \
    METRIC(AWS_EXPIRY, "weir_aws_credentials_expiry_seconds", gauge, "credentials",               \
           "Unix time at which the keys end; 0: never, or there are none.")                       \
    METRIC(AWS_HEALTH, "weir_aws_credentials_health", gauge, "credentials, health",               \
           "1 for the state that a set of credentials is in.")                                    \
    METRIC(LAG, "weir_loop_lag_seconds", histogram, "",                                           \
           "How much later than it should a timer fires: how long the loop was busy.")            \
    METRIC(ALLOCATIONS, "weir_allocations_total", counter, "",                                    \
           "Allocations since the start; the message path makes none.")                           \
    METRIC(CPU, "process_cpu_seconds_total", counter, "", "Time on a processor.")                 \
    METRIC(RSS, "process_resident_memory_bytes", gauge, "", "Memory in RAM.")                     \
    METRIC(VSZ, "process_virtual_memory_bytes", gauge, "", "Address space.")                      \
    METRIC(FDS, "process_open_fds", gauge, "", "Open files and sockets.")                         \
    METRIC(MAX_FDS, "process_max_fds", gauge, "", "How many there may be.")                       \
    METRIC(START, "process_start_time_seconds", gauge, "", "Unix time of the start.")

enum wr_metric {
#define METRIC(id, name, type, labels, help) WR_METRIC_##id,
    WR_METRIC_TABLE(METRIC)
#undef METRIC
        WR_METRIC_COUNT
};

struct wr_metric_row {
    const char *name, *type, *labels, *help;
};
const struct wr_metric_row *wr_metric_at(enum wr_metric metric);

#endif
