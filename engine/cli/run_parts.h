// What the files of `weir run` share: the daemon with all its parts. For run.c and run_*.c only.
// Thread: loop.
//
//   run.c          arguments, order of start and stop    run_check.c    --check
//   run_flow.c     stores, sinks, look-ups, flow, rules  run_sources.c  where messages come from
//   run_signals.c  signals and timers                    run_status.c   the counters
//   run_admin.c    what it answers about itself          run_config.c   the log's setup, reload
//   run_trace.c    what rules do, over the socket        run_messages.c the last messages
//   run_notify.c   what the service manager is told      run_dead.c     dead letters, by socket
//   run_control.c  registry and operations of the API
//   run_own.c      brokers that belong to a tenant
#ifndef WR_ENGINE_CLI_RUN_PARTS_H
#define WR_ENGINE_CLI_RUN_PARTS_H

#include <uv.h>

#include "engine/admin/admin.h"
#include "engine/admin/pulse.h"
#include "engine/cli/notify.h"
#include "engine/cli/state_dir.h"
#include "engine/cli/stores.h"
#include "engine/config.h"
#include "engine/flow/flow.h"
#include "engine/kafka/kafka.h"
#include "engine/lookup/lookup.h"
#include "engine/mqtt/mqtt.h"
#include "engine/rules/folder.h"

enum { WR_DAEMON_SIGNALS = 4 };

// The command line, as it was given.
struct wr_daemon_arguments {
    const char *config_file, *status_file;
    int count; // of the options of the configuration
    char **options;
    bool check, help;
};

struct wr_api;
struct wr_certificates;
struct wr_audit;
struct wr_auth;
struct wr_console;
struct wr_registry;
struct wr_broker;
struct wr_seal_key;
struct wr_sessions;
struct wr_sweep;
struct wr_tenants;
struct wr_daemon_dead;    // run_dead.c
struct wr_daemon_history; // run_history.c
struct wr_daemon_own;     // run_own.c
struct wr_daemon_traces;  // run_trace.c
struct wr_rule_book;
struct wr_destinations;
struct wr_api_rules;

struct wr_daemon {
    uv_loop_t loop;
    const struct wr_daemon_arguments *arguments;
    struct wr_config *config;
    const char *rules_dir; // of `folder`
    struct wr_state_dir state;
    struct wr_metrics *metrics;
    struct wr_message_pool *pool;
    struct wr_sinks *sinks;
    struct wr_lookups *lookups;
    struct wr_stores stores;
    struct wr_twice *twice; // NULL without a spool
    uint64_t former;        // the spool's last entry of the processes before
    struct wr_flow *flow;
    struct wr_folder *folder;
    struct wr_source *source;  // MQTT; NULL: not asked for
    struct wr_daemon_own *own; // sources of tenants' own brokers, by broker (run_own.c)
    struct wr_source *kafka;   // likewise
    struct wr_brokers *brokers;
    struct wr_seal_key *seal;   // of the secrets in the registry
    struct wr_seal_key *escrow; // the operator's, of device keys; NULL: none are kept
    struct wr_sweep *sweep;
    struct wr_registry *registry;
    struct wr_broker *broker; // NULL: no broker.dir
    struct wr_auto_register *auto_register;
    struct wr_tenants *tenants;
    struct wr_sessions *sessions;
    struct wr_auth *auth;
    struct wr_certificates *certificates; // keys of that family; NULL: none
    struct wr_console *console;
    struct wr_destinations *destinations;
    struct wr_api_rules *api_rules; // what these two families work with
    struct wr_rule_book *book;      // the rules of `folder` and the API's, as they run
    struct wr_audit *audit;
    struct wr_api *api;
    void (*control_closed)(void *user);
    struct wr_admin *admin;
    struct wr_health_host health;
    struct wr_pulse pulse;
    uint64_t wanted;                  // the filters asked for last, as a hash
    uint64_t filters_epoch;           // of the rules when they were told of last
    struct wr_mqtt_stats last_stats;  // once the source is closed
    struct wr_kafka_stats last_kafka; // likewise
    struct wr_sql_host sql;
    struct wr_objects *objects;
    uv_signal_t signals[WR_DAEMON_SIGNALS];
    uv_timer_t status_timer, drain_timer, tick_timer, watchdog_timer;
    struct wr_notify notify;
    uint64_t status_told_ms; // to the service manager; of uv_now()
    bool told_ready;
    wr_mono started, drain_end;
    bool handles_open, ran, connected, stopping, forced;
    bool recovered; // what the spool had from before is taken up: the source may start
    enum wr_pace lookups_pace, pace;
    struct wr_ring *ring;              // NULL: no messages are kept
    unsigned message_replies;          // under way (run_messages.c)
    struct wr_daemon_traces *traces;   // NULL: the admin socket is not open
    struct wr_daemon_history *history; // NULL: the admin socket is not open
    struct wr_daemon_dead *dead_job;   // NULL: none is under way
    bool subscribed;                   // to everything, at least once since the start
    int waiting;                       // ends that the next step of the stop waits for
};

// "weir run: TEXT" on stderr. Returns `code`.
int wr_daemon_complain(const struct wr_fault *fault, int code);

// ---- run.c

// Begin the stop, once.
void wr_daemon_stop(struct wr_daemon *d);
// One of what `waiting` counts is closed.
void wr_daemon_input_closed(struct wr_daemon *d);

// ---- run_check.c

// Returns the exit status.
int wr_daemon_check(const struct wr_config *config);
// wr_folder_options.elsewhere, by the configuration.
bool wr_daemon_is_elsewhere(const struct wr_config *config, wr_str rule, bool error_action);

// ---- run_config.c

// Level, form and payloads of the log.
void wr_daemon_setup_log(const struct wr_config *config);
// SIGHUP: configuration and rules are read again. Nothing changes when the configuration is wrong.
void wr_daemon_reload(struct wr_daemon *d);

// ---- run_flow.c

// The pool of messages, and what is on disk.
wr_err wr_daemon_open_stores(struct wr_daemon *d, struct wr_fault *fault) WR_MUST_CHECK;
// Sinks, look-ups, flow. Cannot fail.
void wr_daemon_open_flow(struct wr_daemon *d);
// The folder of rules, read once; each accepted rule opens its sinks. In place of another one,
// which stays when this one cannot be read. `dir` is lent for as long.
wr_err wr_daemon_open_rules(struct wr_daemon *d, const char *dir, bool watch,
                            struct wr_fault *fault) WR_MUST_CHECK;
// wr_folder_options.accept and the rule book's.
wr_err wr_daemon_accept_rule(void *daemon, const struct wr_rule *rule,
                             struct wr_fault *fault) WR_MUST_CHECK;
// A rule is about to run.
void wr_daemon_adopt_rule(void *daemon, struct wr_rule *rule);
// The rules that run are others; `files`: those of the folder.
void wr_daemon_take_rules(void *daemon, struct wr_rule_set *set, bool files);
// What the configuration says now to those of them that take it while they run.
void wr_daemon_tune(struct wr_daemon *d);
// The next process may not take entries up to `seq` for something that was not acknowledged. False:
// that cannot be noted, and weir ends.
bool wr_daemon_note_acknowledged(struct wr_daemon *d, uint64_t seq);
// Take up what the spool has from before; sources are asked for messages only then.
void wr_daemon_recover(struct wr_daemon *d);

// ---- run_sources.c

// Every source that the configuration asks for, and the brokers that republish publishes to.
wr_err wr_daemon_open_sources(struct wr_daemon *d, struct wr_fault *fault) WR_MUST_CHECK;
// The filters of the rules as they are now.
void wr_daemon_want_filters(struct wr_daemon *d);
// Both look-ups that wait and stores without room slow the sources down.
void wr_daemon_update_pace(struct wr_daemon *d);
// Each adds one to `waiting` and ends with wr_daemon_input_closed().
void wr_daemon_close_sources(struct wr_daemon *d);

// wr_source_events.batch, with the daemon as `user`.
void wr_daemon_take_batch(void *daemon, struct wr_source *source, struct wr_message *messages,
                          size_t count);
// The filters of one space; `before` is a hash of those asked for last. True: they are others.
bool wr_daemon_filters(struct wr_daemon *d, uint32_t space, uint64_t *before,
                       const wr_str **filters, size_t *count);

// ---- run_own.c: a tenant whose feature iot.broker names one of brokers.* has its messages from
// there

// As wr_daemon_want_filters(), for these; a broker is connected to when a rule first wants it.
void wr_daemon_want_own(struct wr_daemon *d);
void wr_daemon_pace_own(struct wr_daemon *d, enum wr_pace pace);
void wr_daemon_close_own(struct wr_daemon *d); // each adds one to `waiting`
void wr_daemon_free_own(struct wr_daemon *d);  // once the loop has ended

// ---- run_admin.c

// The admin socket and the metrics listener.
wr_err wr_daemon_open_admin(struct wr_daemon *d, struct wr_fault *fault) WR_MUST_CHECK;
// To an exposition: what the local form of cloudwatchMetric holds (run_local_metrics.c). Reads a
// file.
void wr_daemon_add_local_metrics(const struct wr_daemon *d, struct wr_buf *out);
// run_flow.c: whether AWS's services answer this function, by lookups.mode and its kin.
bool wr_daemon_lookup_is_aws(const struct wr_config *c, enum wr_lookup_kind kind);
// `done` gets the daemon, once all are closed; at once when none is open.
void wr_daemon_close_admin(struct wr_daemon *d, void (*done)(void *user));

// ---- run_control.c: the control plane

// The registry and the tenants in it; before anything that asks them.
wr_err wr_daemon_open_registry(struct wr_daemon *d, struct wr_fault *fault) WR_MUST_CHECK;
// The rules of the registry, compiled: once sinks can be opened, before the folder is read.
void wr_daemon_start_book(struct wr_daemon *d);
// The operations, to the admin socket and admin.listen.
void wr_daemon_open_api(struct wr_daemon *d);
// Once these are closed: calls under way end, then the registry. `closed` gets the daemon.
void wr_daemon_close_control(struct wr_daemon *d, void (*closed)(void *user));

// ---- run_dead.c

// The calls, to the admin socket.
void wr_daemon_add_dead(struct wr_daemon *d);
// The stores have written something, or have room again.
void wr_daemon_dead_room(struct wr_daemon *d);
// weir stops: no more letters. True: some are on their way into the spool still; what is noted
// before it closes is not delivered twice.
bool wr_daemon_dead_stop(struct wr_daemon *d);
// Once the loop has ended.
void wr_daemon_dead_free(struct wr_daemon *d);

// ---- run_history.c: the counters of the last hour

// The call, to the admin socket.
void wr_daemon_add_history(struct wr_daemon *d);
void wr_daemon_history_tick(struct wr_daemon *d); // every second

// ---- run_messages.c

// The call, to the admin socket.
void wr_daemon_add_messages(struct wr_daemon *d);

// ---- run_try.c

// What the console asks of weir's commands.
void wr_daemon_add_try(struct wr_daemon *d);

// ---- run_trace.c

// The call, to the admin socket.
void wr_daemon_add_traces(struct wr_daemon *d);
// Once that is closed.
void wr_daemon_close_traces(struct wr_daemon *d);

// ---- run_notify.c: what the service manager is told

// Before anything that takes long; opens its timer.
void wr_daemon_notify_open(struct wr_daemon *d);
void wr_daemon_notify_ready(struct wr_daemon *d); // the first time, and after a reload
void wr_daemon_notify_reloading(struct wr_daemon *d);
void wr_daemon_notify_stopping(struct wr_daemon *d);
void wr_daemon_notify_tick(struct wr_daemon *d); // every second

// ---- run_signals.c

// Signals and timers.
void wr_daemon_open_handles(struct wr_daemon *d);
void wr_daemon_close_handles(struct wr_daemon *d);

// ---- run_status.c

// All counters into the log: totals in one line, then a line a rule.
void wr_daemon_log_status(const struct wr_daemon *d);
// All of it as one JSON object, with the clocks that rates are made with.
void wr_daemon_write_status(const struct wr_daemon *d, struct wr_buf *out);
// Into --status-file, if there is one.
void wr_daemon_save_status(const struct wr_daemon *d);

#endif
