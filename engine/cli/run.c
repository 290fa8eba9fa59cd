// `weir run`: wires source, flow, rules and sinks together; order of start and stop; signals;
// status.
//
//   start  config ─ state folder ─ stores ─ sinks ─ flow ─ rules (open sinks) ─ source ─ publisher
//   ─ loop stop   rules folder, source (waits for records) ─ look-ups, flow ─ sinks ─ stores ─
//   publisher ─ handles ─ loop ends
#include "engine/cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "engine/cli/state_dir.h"
#include "engine/cli/stores.h"
#include "engine/config.h"
#include "engine/flow/flow.h"
#include "engine/lookup/lookup.h"
#include "engine/mqtt/mqtt.h"
#include "engine/observe/log.h"
#include "engine/rules/folder.h"
#include "engine/rules/objects.h"
#include "engine/rules/zones.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define STATUS_MS       1000
#define DRAIN_LOOK_MS   5
#define POOL_KEEP_MAX   4096 // messages kept for reuse: 32 MiB and more
#define AWS_PAYLOAD_MAX (128 * 1024)

enum { SIGNAL_HUP, SIGNAL_TERM, SIGNAL_INT, SIGNAL_USR1, SIGNAL_COUNT };

struct arguments {
    const char *config_file, *status_file;
    bool check, help;
};

struct daemon {
    uv_loop_t loop;
    struct wr_config *config;
    const char *status_file;
    struct wr_state_dir state;
    struct wr_metrics *metrics;
    struct wr_message_pool *pool;
    struct wr_sinks *sinks;
    struct wr_lookups *lookups;
    struct wr_stores stores;
    struct wr_flow *flow;
    struct wr_folder *folder;
    struct wr_source *source;
    struct wr_publisher *publisher;
    struct wr_mqtt_stats last_stats; // once the source is closed
    struct wr_sql_host sql;
    struct wr_objects *objects;
    uv_signal_t signals[SIGNAL_COUNT];
    uv_timer_t status_timer, drain_timer;
    wr_mono started, drain_end;
    bool handles_open, ran, connected, stopping, forced;
    bool recovered; // what the spool had from before is taken up: the source may start
    enum wr_pace lookups_pace, pace;
    bool subscribed; // to everything, at least once since the start
    int waiting;     // ends that the next step of the stop waits for
};

// ---- arguments

static void usage(FILE *to)
{
    fputs("usage: weir run [-c FILE] [--check] [--status-file FILE] [--OPTION VALUE]...\n"
          "  -c FILE             configuration; default ./weir.yaml if it exists\n"
          "  --check             read configuration and rules, report, and end\n"
          "  --status-file FILE  write the counters there as JSON, every second\n"
          "  --OPTION VALUE      any option of weir.yaml, such as --mqtt-url, --rules-dir\n"
          "SIGHUP reloads the rules, SIGUSR1 logs the counters, SIGTERM drains and stops.\n",
          to);
}

// The value of option `name` at argv[*i], as "--name value" or "--name=value"; NULL when it is
// another.
static const char *option_value(int argc, char **argv, int *i, const char *name)
{
    size_t len = strlen(name);
    if (strncmp(argv[*i], name, len) != 0) {
        return NULL;
    }
    if (argv[*i][len] == '=') {
        return argv[*i] + len + 1;
    }
    if (argv[*i][len] != '\0' || *i + 1 >= argc) {
        return NULL;
    }
    return argv[++*i];
}

// Takes our own options out; the rest are for the configuration.
static void take_arguments(int *argc, char **argv, struct arguments *out)
{
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        int at = i;
        const char *value;
        if ((value = option_value(*argc, argv, &at, "-c")) ||
            (value = option_value(*argc, argv, &at, "--config"))) {
            out->config_file = value;
            i = at;
        } else if ((value = option_value(*argc, argv, &at, "--status-file"))) {
            out->status_file = value;
            i = at;
        } else if (strcmp(argv[i], "--check") == 0) {
            out->check = true;
        } else if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            out->help = true;
        } else {
            argv[kept++] = argv[i];
        }
    }
    *argc = kept;
}

static int complain(const struct wr_fault *fault, int code)
{
    fprintf(stderr, "weir run: %s\n", fault->text);
    return code;
}

static enum wr_log_level log_level(const char *name)
{
    return strcmp(name, "error") == 0   ? WR_LOG_ERROR
           : strcmp(name, "warn") == 0  ? WR_LOG_WARN
           : strcmp(name, "debug") == 0 ? WR_LOG_DEBUG
                                        : WR_LOG_INFO;
}

// ---- --check

static void print_report(void *user, enum wr_log_level level, const char *line)
{
    printf("%s: %s\n", level == WR_LOG_ERROR ? "error" : "warning", line);
}

static int check(const struct wr_config *config)
{
    struct wr_metrics *metrics = wr_metrics_new();
    const struct wr_folder_options options = {
        .dir = config->rules_dir,
        .rule = {.kinds = wr_sink_list, .metrics = metrics, .fuel = (uint64_t)config->fuel},
        .report = print_report,
    };
    struct wr_folder *folder = wr_folder_open(&options);
    struct wr_fault fault = {0};
    size_t refused = 0;
    int code = 0;
    if (wr_folder_load(folder, true, &refused, &fault)) {
        code = complain(&fault, 2);
    } else {
        printf("rules accepted: %zu, documents refused: %zu\n",
               wr_rule_set_count(wr_folder_rules(folder)), refused);
        code = refused ? 1 : 0;
    }
    wr_folder_close(folder, NULL, NULL);
    wr_metrics_free(metrics);
    return code;
}

// ---- status

static void write_mqtt(const struct daemon *d, struct wr_buf *out)
{
    struct wr_mqtt_stats stats = d->last_stats;
    if (d->source) {
        wr_mqtt_source_stats(d->source, &stats);
    }
    wr_buf_addf(out,
                ",\"mqtt\":{\"connected\":%s,\"subscribed\":%s,\"received\":%llu,"
                "\"duplicatesDropped\":%llu,"
                "\"acknowledged\":%llu,\"connects\":%llu,\"holdsBroken\":%llu}",
                d->connected ? "true" : "false", d->subscribed ? "true" : "false",
                (unsigned long long)stats.received, (unsigned long long)stats.duplicates_dropped,
                (unsigned long long)stats.acknowledged, (unsigned long long)stats.connects,
                (unsigned long long)stats.holds_broken);
}

// Without the closing brace.
static void write_totals(const struct daemon *d, struct wr_buf *out)
{
    const struct wr_rule_set *rules = wr_flow_rules(d->flow);
    wr_metrics_write(d->metrics, out);
    wr_buf_addf(out, ",\"pid\":%ld,\"uptimeMs\":%lld,\"live\":%zu,\"rulesLoaded\":%zu",
                (long)getpid(), (long long)wr_mono_since_us(d->started, wr_mono_now()) / 1000,
                wr_flow_live(d->flow), rules ? wr_rule_set_count(rules) : 0);
    write_mqtt(d, out);
    wr_stores_write(&d->stores, out);
}

// Totals in one line, then a line a rule: lines of the log have a limit.
static void log_status(const struct daemon *d)
{
    struct wr_buf text = {0};
    write_totals(d, &text);
    wr_buf_add_char(&text, '}');
    wr_log(WR_LOG_INFO, "status", "%s", wr_buf_terminated(&text));
    for (const struct wr_rule_counters *r = d->metrics->rules; r; r = r->next) {
        wr_buf_clear(&text);
        wr_buf_add_char(&text, '{');
        wr_metrics_write_rule(r, &text);
        wr_buf_add_char(&text, '}');
        wr_log(WR_LOG_INFO, "status", "%s", wr_buf_terminated(&text));
    }
    wr_buf_release(&text);
}

static void save_status(const struct daemon *d)
{
    static struct wr_log_limit limit;
    if (!d->status_file) {
        return;
    }
    struct wr_buf text = {0};
    struct wr_fault fault;
    write_totals(d, &text);
    wr_metrics_write_rules(d->metrics, &text);
    wr_buf_add(&text, WR_STR("}\n"));
    if (wr_file_replace(d->status_file, wr_buf_str(&text), &fault)) {
        wr_log_limited(&limit, WR_LOG_WARN, "status", "%s", fault.text);
    }
    wr_buf_release(&text);
}

static void on_status_timer(uv_timer_t *timer)
{
    save_status(timer->data);
}

// ---- what the parts call

// Both look-ups that wait and stores without room slow the source down.
static void update_pace(struct daemon *d)
{
    enum wr_pace pace = wr_stores_busy(&d->stores) ? WR_PACE_STOP : d->lookups_pace;
    if (pace != d->pace && d->source) {
        d->pace = pace;
        d->source->impl->pace(d->source, pace);
    }
}

static void on_batch(void *user, struct wr_source *source, struct wr_message *messages,
                     size_t count)
{
    struct daemon *d = user;
    wr_flow_batch(d->flow, source, messages, count);
    update_pace(d);
}

// The source logs these itself.
static void on_source_state(void *user, struct wr_source *source, bool up, const char *why)
{
    struct daemon *d = user;
    d->connected = up;
    if (up && why && strcmp(why, "subscribed") == 0) {
        d->subscribed = true;
    }
}

static void on_pace(void *user, enum wr_pace pace)
{
    struct daemon *d = user;
    d->lookups_pace = pace;
    update_pace(d);
}

static void on_durable(void *user, uint64_t seq)
{
    struct daemon *d = user;
    wr_flow_durable(d->flow, seq);
}

static void on_room(void *user)
{
    update_pace(user);
}

// Nothing is acknowledged from here on: the broker delivers it again, and the next start finds what
// is on disk.
static void on_broken(void *user, const struct wr_fault *fault)
{
    struct daemon *d = user;
    wr_log(WR_LOG_ERROR, "run", "%s; weir ends at once, since nothing can be kept any more",
           fault->text);
    d->forced = true;
    uv_stop(&d->loop);
}

static void publish(void *user, const struct wr_publish *p)
{
    struct daemon *d = user;
    if (!d->publisher) {
        p->done(p->user, WR_ERR_BUSY, "the publishing connection is not open");
        return;
    }
    wr_publisher_publish(d->publisher, p);
}

static wr_err open_sinks_of(void *user, const struct wr_rule *rule, struct wr_fault *fault)
{
    struct daemon *d = user;
    wr_err err = WR_OK;
    for (size_t i = 0; !err && rule->enabled && i < rule->action_count; i++) {
        err = wr_sinks_require(d->sinks, rule->actions[i].kind, fault);
    }
    if (!err && rule->enabled && rule->error_action) {
        err = wr_sinks_require(d->sinks, rule->error_action->kind, fault);
    }
    if (!err && rule->enabled) {
        err = wr_lookups_require(d->lookups, rule->program, fault);
    }
    return err;
}

// The source adds the subscription for Basic Ingest itself.
static void want_filters(struct daemon *d)
{
    size_t count;
    const wr_str *filters = wr_rule_set_filters(wr_flow_rules(d->flow), &count);
    d->source->impl->want(d->source, filters, count);
}

static void on_rules(void *user, struct wr_rule_set *set)
{
    struct daemon *d = user;
    size_t filters;
    wr_rule_set_filters(set, &filters);
    d->metrics->reloads += wr_flow_rules(d->flow) != NULL;
    wr_flow_set_rules(d->flow, set);
    wr_log(WR_LOG_INFO, "rules", "rules from %s: %zu, topic filters: %zu, documents refused: %llu",
           d->config->rules_dir, wr_rule_set_count(set), filters,
           (unsigned long long)d->metrics->refused_documents);
    if (d->source && d->recovered) {
        want_filters(d);
    }
}

static void on_recovered(void *user)
{
    struct daemon *d = user;
    d->recovered = true;
    if (d->source && !d->stopping) {
        want_filters(d);
    }
}

// ---- stop

static void on_loop_handle_closed(uv_handle_t *handle)
{
}

static void on_publisher_closed(void *user);

static void close_handles(struct daemon *d)
{
    if (!d->handles_open) {
        return;
    }
    d->handles_open = false;
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        uv_close((uv_handle_t *)&d->signals[i], on_loop_handle_closed);
    }
    uv_close((uv_handle_t *)&d->status_timer, on_loop_handle_closed);
    uv_close((uv_handle_t *)&d->drain_timer, on_loop_handle_closed);
}

static void on_lookups_freed(void *user)
{
    struct daemon *d = user;
    d->lookups = NULL;
    close_handles(d);
}

static void on_flow_freed(void *user)
{
    struct daemon *d = user;
    d->flow = NULL;
    wr_lookups_free(d->lookups, on_lookups_freed, d);
}

static void on_publisher_closed(void *user)
{
    struct daemon *d = user;
    d->publisher = NULL;
    wr_flow_free(d->flow, on_flow_freed, d);
}

static void on_stores_closed(void *user)
{
    struct daemon *d = user;
    if (d->publisher) {
        wr_publisher_close(d->publisher, on_publisher_closed, d);
    } else {
        on_publisher_closed(d);
    }
}

static void on_sinks_closed(void *user)
{
    struct daemon *d = user;
    if (d->ran) {
        save_status(d);
        log_status(d);
    }
    wr_stores_close(&d->stores, on_stores_closed, d);
}

static void end_flow(struct daemon *d)
{
    size_t left = wr_flow_live(d->flow);
    if (left) {
        wr_log(WR_LOG_WARN, "run", "%zu messages are not settled; %s", left,
               d->stores.keeps ? "the spool keeps them" : "the broker keeps those of QoS 1");
    }
    wr_lookups_stop(d->lookups);
    wr_flow_stop(d->flow);
    wr_sinks_close(d->sinks, on_sinks_closed, d);
}

// The source has waited for what it must acknowledge; messages of QoS 0 are waited for here.
static void on_drain_timer(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    if (wr_flow_live(d->flow) && wr_mono_since_us(d->drain_end, wr_mono_now()) < 0) {
        return;
    }
    uv_timer_stop(timer);
    end_flow(d);
}

// Folder and source are closed.
static void on_input_closed(void *user)
{
    struct daemon *d = user;
    if (--d->waiting == 0) {
        uv_timer_start(&d->drain_timer, on_drain_timer, 0, DRAIN_LOOK_MS);
    }
}

static void on_folder_closed(void *user)
{
    struct daemon *d = user;
    d->folder = NULL;
    on_input_closed(d);
}

static void on_source_closed(void *user)
{
    struct daemon *d = user;
    wr_mqtt_source_stats(d->source, &d->last_stats); // it is there until we return
    d->source = NULL;
    d->connected = false;
    on_input_closed(d);
}

static void stop(struct daemon *d)
{
    d->stopping = true;
    d->drain_end.us = wr_mono_now().us + d->config->drain_ms * 1000;
    d->waiting = 1 + (d->folder != NULL) + (d->source != NULL);
    if (d->folder) {
        wr_folder_close(d->folder, on_folder_closed, d);
    }
    if (d->source) {
        d->source->impl->close(d->source, (int)d->config->drain_ms, on_source_closed, d);
    }
    on_input_closed(d); // ours: both may be absent when the start failed
}

// ---- signals

static void reload(struct daemon *d)
{
    struct wr_fault fault = {0};
    size_t refused;
    wr_log(WR_LOG_INFO, "run", "reload");
    if (wr_folder_load(d->folder, true, &refused, &fault)) {
        wr_log(WR_LOG_ERROR, "rules", "%s; the rules stay as they are", fault.text);
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct daemon *d = handle->data;
    switch (number) {
    case SIGHUP:
        if (!d->stopping) {
            reload(d);
        }
        return;
    case SIGUSR1:
        log_status(d);
        return;
    default:
        break;
    }
    if (d->stopping) {
        wr_log(WR_LOG_WARN, "run", "second signal: ended at once, %zu messages are not settled",
               wr_flow_live(d->flow));
        d->forced = true;
        uv_stop(&d->loop);
        return;
    }
    wr_log(WR_LOG_INFO, "run", "stopping: %zu messages to settle, at most %lld ms",
           wr_flow_live(d->flow), (long long)d->config->drain_ms);
    stop(d);
}

static void open_handles(struct daemon *d)
{
    static const int numbers[SIGNAL_COUNT] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1};
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        uv_signal_init(&d->loop, &d->signals[i]);
        d->signals[i].data = d;
        uv_signal_start(&d->signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(&d->loop, &d->status_timer);
    uv_timer_init(&d->loop, &d->drain_timer);
    d->status_timer.data = d->drain_timer.data = d;
    if (d->status_file) {
        uv_timer_start(&d->status_timer, on_status_timer, STATUS_MS, STATUS_MS);
    }
    d->handles_open = true;
}

// ---- start

static void open_flow(struct daemon *d)
{
    const struct wr_config *c = d->config;
    bool aws = strcmp(c->limits, "aws") == 0;
    const struct wr_sinks_options sinks = {.loop = &d->loop,
                                           .config = c,
                                           .kinds = wr_sink_list,
                                           .state_dir = d->state.path,
                                           .publish = publish,
                                           .publish_user = d};
    d->sinks = wr_sinks_new(&sinks);
    d->sql = (struct wr_sql_host){.account_id = wr_str_of(c->account_id), .zone = wr_zones_find};
    d->objects = wr_objects_new(d->state.path);
    d->sql.user = d->objects;
    d->sql.object = wr_objects_find;
    const struct wr_lookups_options lookups = {
        .loop = &d->loop,
        .metrics = d->metrics,
        .sinks = d->sinks,
        .kinds = wr_sink_list,
        .state_dir = d->state.path,
        .shadows_dir = c->lookups_shadows_dir,
        .secrets_dir = c->lookups_secrets_dir,
        .registry_dir = c->lookups_registry_dir,
        .lambda_timeout_ms = c->lookups_lambda_timeout_ms,
        .timeout_ms = c->lookups_timeout_ms,
        .secret_cache_ms = c->lookups_secret_cache_ms,
        .waiting_max = (size_t)c->lookups_max,
        .pace = on_pace,
        .user = d,
    };
    d->lookups = wr_lookups_new(&lookups);
    size_t payload_max = (size_t)c->payload_max;
    const struct wr_flow_options flow = {
        .loop = &d->loop,
        .metrics = d->metrics,
        .sinks = d->sinks,
        .sql = &d->sql,
        .host = wr_lookups_host(d->lookups),
        .payload_max = aws && payload_max > AWS_PAYLOAD_MAX ? AWS_PAYLOAD_MAX : payload_max,
        .aws_limits = aws,
        .undefined_fails = strcmp(c->templates_undefined, "fail") == 0,
        .spool = d->stores.spool,
        .spool_is_old = !d->stores.keeps,
        .pool = d->pool,
        .in_flight_max = (size_t)c->spool_in_flight,
        .dead = d->stores.dead,
        .retry = {.attempts = (unsigned)c->retry_attempts,
                  .budget_ms = c->retry_budget_ms,
                  .base_ms = c->retry_base_ms,
                  .throttled_base_ms = c->retry_throttled_base_ms,
                  .cap_ms = c->retry_cap_ms},
    };
    d->flow = wr_flow_new(&flow);
}

static wr_err open_rules(struct daemon *d, struct wr_fault *fault)
{
    const struct wr_config *c = d->config;
    const struct wr_folder_options options = {
        .loop = &d->loop,
        .dir = c->rules_dir,
        .watch = c->rules_watch,
        .rule = {.kinds = wr_sink_list, .metrics = d->metrics, .fuel = (uint64_t)c->fuel},
        .accept = open_sinks_of,
        .changed = on_rules,
        .user = d,
    };
    d->folder = wr_folder_open(&options);
    return wr_folder_load(d->folder, true, NULL, fault);
}

static wr_err open_mqtt(struct daemon *d, struct wr_fault *fault)
{
    const struct wr_config *c = d->config;
    const struct wr_source_events events = {.batch = on_batch, .state = on_source_state, .user = d};
    wr_err err = wr_mqtt_source_open(&d->loop, c, d->pool, &events, &d->source, fault);
    if (!err) {
        err = wr_publisher_open(&d->loop, c, wr_mqtt_source_client_id(d->source), &d->publisher,
                                fault);
    }
    return err;
}

static wr_err start(struct daemon *d, struct wr_fault *fault)
{
    int64_t keep = d->config->mqtt_receive_maximum + d->config->mqtt_batch;
    d->pool = wr_message_pool_new((size_t)d->config->message_memory,
                                  keep < POOL_KEEP_MAX ? (size_t)keep : POOL_KEEP_MAX);
    const struct wr_stores_events events = {
        .durable = on_durable, .room = on_room, .broken = on_broken, .user = d};
    wr_err err = wr_stores_open(&d->stores, &d->loop, d->config, d->state.path, &events, fault);
    open_flow(d);
    if (!err) {
        err = open_rules(d, fault);
    }
    if (!err) {
        err = open_mqtt(d, fault);
    }
    if (!err && d->stores.spool) {
        wr_flow_recover(d->flow, on_recovered, d);
    } else if (!err) {
        on_recovered(d);
    }
    return err;
}

static void daemon_release(struct daemon *d)
{
    wr_sinks_free(d->sinks);
    wr_message_pool_free(d->pool);
    wr_metrics_free(d->metrics);
    wr_state_dir_close(&d->state);
    wr_zones_release();
    wr_objects_free(d->objects);
}

static int run(struct wr_config *config, const char *status_file)
{
    struct daemon d = {.config = config, .status_file = status_file, .started = wr_mono_now()};
    struct wr_fault fault = {0};
    if (wr_state_dir_open(config->state_dir, &d.state, &fault)) {
        return complain(&fault, 1);
    }
    uv_loop_init(&d.loop);
    wr_mqtt_init();
    d.metrics = wr_metrics_new();
    open_handles(&d);
    int code = 0;
    if (start(&d, &fault)) {
        wr_log(WR_LOG_ERROR, "run", "%s", fault.text);
        code = 2;
        stop(&d);
    } else {
        d.ran = true;
        wr_log(WR_LOG_INFO, "run", "started: pid %ld, broker %s, rules %s, state %s",
               (long)getpid(), config->mqtt_url, config->rules_dir, d.state.path);
        if (!wr_regex_jit_works()) {
            wr_log(WR_LOG_WARN, "run",
                   "this process may not make machine code (MemoryDenyWriteExecute?): regular "
                   "expressions work, several times slower");
        }
        save_status(&d);
    }
    uv_run(&d.loop, UV_RUN_DEFAULT);
    if (d.forced) {
        wr_cli_at_once = true; // handles are open still; the system takes them
        return 1;
    }
    wr_mqtt_cleanup();
    daemon_release(&d);
    uv_loop_close(&d.loop);
    wr_log(WR_LOG_INFO, "run", "stopped");
    return code;
}

int wr_cli_run(int argc, char **argv)
{
    struct arguments arguments = {0};
    int count = argc > 0 ? argc - 1 : 0;
    char **rest = argv + (argc > 0);
    take_arguments(&count, rest, &arguments);
    if (arguments.help) {
        usage(stdout);
        return 0;
    }
    struct wr_config *config;
    struct wr_fault fault = {0};
    if (wr_config_load(arguments.config_file, &count, rest, &config, &fault)) {
        return complain(&fault, 2);
    }
    if (count > 0) {
        wr_config_free(config);
        return wr_cli_wrong("run", "unknown argument ", rest[0]);
    }
    wr_log_setup(log_level(config->log_level), strcmp(config->log_format, "json") == 0);
    int code = arguments.check ? check(config) : run(config, arguments.status_file);
    if (!wr_cli_at_once) {
        wr_config_free(config);
    }
    return code;
}
