// `weir run`: arguments, and the order of start and stop. The parts: run_parts.h.
//
//   start  config ─ state folder ─ stores ─ sinks ─ flow ─ rules (open sinks) ─ sources ─ brokers
//          ─ listeners ─ recovery ─ loop
//   stop   rules folder, sources (wait for records) ─ listeners ─ look-ups, flow ─ sinks ─ stores ─
//          brokers ─ handles ─ loop ends
#include "engine/cli/run_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/admin/rule_book.h"
#include "engine/cli/cli.h"
#include "engine/observe/log.h"
#include "engine/rules/objects.h"
#include "engine/rules/zones.h"

#include "sql/base/banned.h"

#define DRAIN_LOOK_MS 5

// ---- arguments

static void usage(FILE *to)
{
    fputs("usage: weir run [-c FILE] [--check] [--status-file FILE] [--OPTION VALUE]...\n"
          "  -c FILE             configuration; default ./weir.yaml if it exists\n"
          "  --check             read configuration and rules, report, and end\n"
          "  --status-file FILE  write the counters there as JSON, every second\n"
          "  --OPTION VALUE      any option of weir.yaml, such as --mqtt-url, --rules-dir\n"
          "SIGHUP reloads configuration and rules, SIGUSR1 logs the counters, SIGTERM drains and "
          "stops.\n",
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
static void take_arguments(int *argc, char **argv, struct wr_daemon_arguments *out)
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

int wr_daemon_complain(const struct wr_fault *fault, int code)
{
    fprintf(stderr, "weir run: %s\n", fault->text);
    return code;
}

// ---- stop

static void on_lookups_freed(void *user)
{
    struct wr_daemon *d = user;
    d->lookups = NULL;
    wr_daemon_close_handles(d);
}

static void on_flow_freed(void *user)
{
    struct wr_daemon *d = user;
    d->flow = NULL;
    wr_lookups_free(d->lookups, on_lookups_freed, d);
}

static void on_brokers_closed(void *user)
{
    struct wr_daemon *d = user;
    d->brokers = NULL;
    wr_flow_free(d->flow, on_flow_freed, d);
}

static void on_stores_closed(void *user)
{
    struct wr_daemon *d = user;
    if (d->brokers) {
        wr_brokers_close(d->brokers, on_brokers_closed, d);
    } else {
        on_brokers_closed(d);
    }
}

static void on_sinks_closed(void *user)
{
    struct wr_daemon *d = user;
    if (d->ran) {
        wr_daemon_save_status(d);
        wr_daemon_log_status(d);
    }
    wr_stores_close(&d->stores, on_stores_closed, d);
}

static void on_control_closed(void *user)
{
    struct wr_daemon *d = user;
    wr_daemon_close_traces(d);
    size_t left = wr_flow_live(d->flow);
    if (left) {
        wr_log(WR_LOG_WARN, "run", "%zu messages are not settled; %s", left,
               d->stores.keeps ? "the spool keeps them" : "the broker keeps those of QoS 1");
    }
    wr_lookups_stop(d->lookups);
    wr_flow_stop(d->flow);
    if (d->brokers) {
        wr_brokers_give_back(d->brokers);
    }
    wr_sinks_close(d->sinks, on_sinks_closed, d);
}

static void on_admin_closed(void *user)
{
    wr_daemon_close_control(user, on_control_closed);
}

// The source has waited for what it must acknowledge; messages of QoS 0 are waited for here.
static void on_drain_timer(uv_timer_t *timer)
{
    struct wr_daemon *d = timer->data;
    bool letters = wr_daemon_dead_stop(d);
    if ((letters || wr_flow_live(d->flow)) && wr_mono_since_us(d->drain_end, wr_mono_now()) < 0) {
        return;
    }
    uv_timer_stop(timer);
    wr_daemon_close_admin(d, on_admin_closed); // it could be asked all the time until now
}

// The last of them begins the next step.
void wr_daemon_input_closed(struct wr_daemon *d)
{
    if (--d->waiting == 0) {
        uv_timer_start(&d->drain_timer, on_drain_timer, 0, DRAIN_LOOK_MS);
    }
}

static void on_folder_closed(void *user)
{
    struct wr_daemon *d = user;
    d->folder = NULL;
    wr_rule_book_set_files(d->book, NULL);
    wr_daemon_input_closed(d);
}

void wr_daemon_stop(struct wr_daemon *d)
{
    d->stopping = true;
    if (d->sinks) {
        wr_sinks_drain(d->sinks);
    }
    d->drain_end.us = wr_mono_now().us + d->config->drain_ms * 1000;
    d->waiting = 1; // ours: all may be absent when the start failed
    if (d->folder) {
        d->waiting++;
        wr_folder_close(d->folder, on_folder_closed, d);
    }
    wr_daemon_close_sources(d);
    wr_daemon_input_closed(d);
}

// ---- start

static wr_err start(struct wr_daemon *d, struct wr_fault *fault)
{
    wr_err err = wr_daemon_open_stores(d, fault);
    if (!err) {
        err = wr_daemon_open_registry(d, fault);
    }
    wr_daemon_open_flow(d);
    if (!err) {
        wr_daemon_start_book(d);
        err = wr_daemon_open_rules(d, d->config->rules_dir, d->config->rules_watch, fault);
    }
    if (!err) {
        err = wr_daemon_open_sources(d, fault);
    }
    if (!err) {
        err = wr_daemon_open_admin(d, fault);
    }
    if (!err) {
        wr_daemon_recover(d);
    }
    return err;
}

static void daemon_release(struct wr_daemon *d)
{
    wr_daemon_dead_free(d);
    wr_daemon_free_own(d);
    wr_ring_free(d->ring);
    free(d->history);
    wr_sinks_free(d->sinks);
    wr_twice_free(d->twice);
    wr_message_pool_free(d->pool);
    wr_metrics_free(d->metrics);
    wr_state_dir_close(&d->state);
    wr_zones_release();
    wr_objects_free(d->objects);
}

static int run(struct wr_config *config, const struct wr_daemon_arguments *arguments)
{
    // Static: when weir ends at once, uv's threads may still answer to its loop.
    static struct wr_daemon d;
    d = (struct wr_daemon){.config = config, .arguments = arguments, .started = wr_mono_now()};
    struct wr_fault fault = {0};
    if (wr_state_dir_open(config->state_dir, &d.state, &fault)) {
        return wr_daemon_complain(&fault, 1);
    }
    uv_loop_init(&d.loop);
    wr_mqtt_init();
    d.metrics = wr_metrics_new();
    wr_daemon_open_handles(&d);
    int code = 0;
    if (start(&d, &fault)) {
        wr_log(WR_LOG_ERROR, "run", "%s", fault.text);
        code = 2;
        wr_daemon_stop(&d);
    } else {
        d.ran = true;
        wr_log(WR_LOG_INFO, "run", "started: pid %ld, broker %s, rules %s, state %s",
               (long)getpid(),
               wr_config_has_mqtt(config) ? config->mqtt_url : config->kafka_bootstrap,
               config->rules_dir, d.state.path);
        if (!wr_regex_jit_works()) {
            wr_log(WR_LOG_WARN, "run",
                   "this process may not make machine code (MemoryDenyWriteExecute?): regular "
                   "expressions work, several times slower");
        }
        wr_daemon_save_status(&d);
    }
    uv_run(&d.loop, UV_RUN_DEFAULT);
    if (d.forced) {
        wr_log_flush(true);
        wr_cli_at_once = true; // handles are open still; the system takes them
        return 1;
    }
    wr_notify_close(&d.notify);
    wr_mqtt_cleanup();
    daemon_release(&d);
    uv_loop_close(&d.loop);
    wr_log_flush(true);
    wr_log(WR_LOG_INFO, "run", "stopped");
    return code;
}

// With what is left of the arguments: all of it must be options of the configuration.
static int with_config(const struct wr_daemon_arguments *arguments, int count, char **rest)
{
    struct wr_config *config;
    struct wr_fault fault = {0};
    if (wr_config_load(arguments->config_file, &count, rest, &config, &fault)) {
        return wr_daemon_complain(&fault, 2);
    }
    if (count > 0) {
        wr_config_free(config);
        return wr_cli_wrong("run", "unknown argument ", rest[0]);
    }
    wr_daemon_setup_log(config);
    int code = arguments->check ? wr_daemon_check(config) : run(config, arguments);
    if (!wr_cli_at_once) {
        wr_config_free(config);
    }
    return code;
}

int wr_cli_run(int argc, char **argv)
{
    struct wr_daemon_arguments arguments = {0};
    int count = argc > 0 ? argc - 1 : 0;
    char **rest = argv + (argc > 0);
    take_arguments(&count, rest, &arguments);
    if (arguments.help) {
        usage(stdout);
        return 0;
    }
    arguments.count = count;
    arguments.options = wr_alloc(((size_t)count + 1) * sizeof *rest);
    memcpy(arguments.options, rest, (size_t)count * sizeof *rest);
    int code = with_config(&arguments, count, rest);
    free(arguments.options);
    return code;
}
