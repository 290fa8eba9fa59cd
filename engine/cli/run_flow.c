// Wires stores, sinks, look-ups, flow and rules together: what each is told, and what they call.
#include "engine/cli/run_parts.h"

#include <stdlib.h>
#include <string.h>

#include "engine/admin/destinations.h"
#include "engine/admin/rule_book.h"
#include "engine/observe/log.h"
#include "engine/rules/objects.h"
#include "engine/rules/zones.h"

#include "sql/base/banned.h"

#define POOL_KEEP_MAX   4096 // messages kept for reuse: 32 MiB and more
#define AWS_PAYLOAD_MAX (128 * 1024)

static void on_pace(void *user, enum wr_pace pace)
{
    struct wr_daemon *d = user;
    d->lookups_pace = pace;
    wr_daemon_update_pace(d);
}

static void on_durable(void *user, uint64_t seq)
{
    struct wr_daemon *d = user;
    wr_flow_durable(d->flow, seq);
}

static void on_room(void *user)
{
    wr_daemon_update_pace(user);
    wr_daemon_dead_room(user);
}

// Nothing is acknowledged from here on: the broker delivers it again, and the next start finds what
// is on disk.
bool wr_daemon_note_acknowledged(struct wr_daemon *d, uint64_t seq)
{
    struct wr_fault fault;
    if (!d->twice || !wr_twice_acknowledging(d->twice, seq, &fault)) {
        return true;
    }
    wr_log(WR_LOG_ERROR, "run", "%s; weir ends at once", fault.text);
    d->forced = true;
    uv_stop(&d->loop);
    return false;
}

static void on_broken(void *user, const struct wr_fault *fault)
{
    struct wr_daemon *d = user;
    // What the next process reads may never have reached the disk: the broker's copy is the good
    // one.
    (void)wr_daemon_note_acknowledged(d, wr_spool_last(d->stores.spool));
    wr_log(WR_LOG_ERROR, "run", "%s; weir ends at once, since nothing can be kept any more",
           fault->text);
    d->forced = true;
    uv_stop(&d->loop);
}

// A tenant's own broker, or what weir.yaml says.
static size_t route(void *user, wr_str rule, bool error_action)
{
    const struct wr_daemon *d = user;
    struct wr_fault fault;
    uint32_t space = 0;
    const struct wr_tenant *owner = d->book ? wr_rule_book_owner(d->book, rule) : NULL;
    if (owner && wr_rule_book_space(d->book, owner, &space, &fault) && space) {
        return space;
    }
    return wr_config_route(d->config, rule, error_action);
}

static void publish(void *user, const struct wr_publish *p)
{
    struct wr_daemon *d = user;
    struct wr_fault fault = {0};
    if (!d->brokers) {
        p->done(p->user, WR_ERR_BUSY, "the publishing connection is not open");
    } else if (!wr_rule_book_may_publish(d->book, p->rule, p->topic, &fault)) {
        p->done(p->user, fault.code, fault.text);
    } else {
        wr_brokers_publish(d->brokers, route(d, p->rule, p->error_action), p);
    }
}

wr_err wr_daemon_accept_rule(void *daemon, const struct wr_rule *rule, struct wr_fault *fault)
{
    struct wr_daemon *d = daemon;
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

static wr_err accept_file(void *user, const struct wr_rule *rule, struct wr_fault *fault)
{
    struct wr_daemon *d = user;
    wr_err err = wr_rule_book_accept_file(d->book, rule, fault);
    return err ? err : wr_daemon_accept_rule(d, rule, fault);
}

// A name misspelt in weir.yaml would send its rule to the wrong broker without a word.
static void check_routes(const struct wr_daemon *d, const struct wr_rule_set *set)
{
    for (size_t i = 0; i < wr_config_route_count(d->config); i++) {
        wr_str rule = wr_config_route_rule(d->config, i);
        if (!wr_rule_set_find(set, rule)) {
            wr_log(WR_LOG_WARN, "rules",
                   "weir.yaml gives a broker to the rule %.*s (sinks.republish.rules or "
                   "error_rules), but there is no such rule",
                   WR_STR_ARG(rule));
        }
    }
}

static void on_files(void *user, struct wr_rule_set *set)
{
    struct wr_daemon *d = user;
    wr_rule_book_set_files(d->book, d->folder);
}

static void log_rules(const struct wr_daemon *d, const struct wr_rule_set *set, bool files)
{
    static struct wr_log_limit limit;
    size_t of_files = wr_rule_set_count(wr_folder_rules(d->folder));
    size_t filters = wr_rule_set_filter_count(set);
    if (files) {
        wr_log(WR_LOG_INFO, "rules",
               "rules from %s: %zu, topic filters: %zu, documents refused: %llu", d->rules_dir,
               of_files, filters, (unsigned long long)d->metrics->refused_documents);
    } else {
        wr_log_limited(&limit, WR_LOG_INFO, "rules", "rules that run: %zu, topic filters: %zu",
                       wr_rule_set_count(set), filters);
    }
}

void wr_daemon_adopt_rule(void *daemon, struct wr_rule *rule)
{
    struct wr_daemon *d = daemon;
    wr_flow_adopt(d->flow, rule);
}

void wr_daemon_take_rules(void *daemon, struct wr_rule_set *set, bool files)
{
    struct wr_daemon *d = daemon;
    bool others = wr_rule_set_filters_epoch(set) != d->filters_epoch;
    d->metrics->reloads += wr_flow_rules(d->flow) != NULL;
    wr_flow_set_rules(d->flow, set);
    log_rules(d, set, files);
    if (files) {
        check_routes(d, set);
    }
    d->filters_epoch = wr_rule_set_filters_epoch(set);
    if ((others || files) && (d->source || d->kafka) && d->recovered) {
        wr_daemon_want_filters(d);
    }
}

static void on_recovered(void *user)
{
    struct wr_daemon *d = user;
    d->recovered = true;
    if (!d->stopping) {
        if (d->source || d->kafka) {
            wr_daemon_want_filters(d);
        }
        wr_daemon_notify_ready(d);
    }
}

// Threads that evaluate. With two processors a worker would share one with the loop, or the broker.
static size_t workers_of(const struct wr_config *c)
{
    if (strcmp(c->workers, "auto") != 0) {
        return (size_t)strtoul(c->workers, NULL, 10);
    }
    size_t processors = uv_available_parallelism();
    size_t workers = processors > 2 ? processors - 1 : 0;
    return workers < WR_FLOW_WORKERS_MAX ? workers : WR_FLOW_WORKERS_MAX;
}

wr_err wr_daemon_open_stores(struct wr_daemon *d, struct wr_fault *fault)
{
    bool kafka = wr_config_has_kafka(d->config);
    int64_t keep = d->config->mqtt_receive_maximum + d->config->mqtt_batch +
                   (kafka ? d->config->kafka_in_flight : 0);
    d->pool = wr_message_pool_new((size_t)d->config->message_memory,
                                  (keep < POOL_KEEP_MAX ? (size_t)keep : POOL_KEEP_MAX) +
                                      workers_of(d->config) * WR_FLOW_WORKER_MESSAGES);
    const struct wr_stores_events events = {
        .durable = on_durable, .room = on_room, .broken = on_broken, .user = d};
    wr_err err = wr_stores_open(&d->stores, &d->loop, d->config, d->state.path, &events, fault);
    if (!err && d->stores.spool) {
        d->former = wr_spool_last(d->stores.spool);
    }
    return err;
}

bool wr_daemon_lookup_is_aws(const struct wr_config *c, enum wr_lookup_kind kind)
{
    const char *const modes[WR_LOOKUP_KINDS] = {
        [WR_LOOKUP_LAMBDA] = c->lookups_lambda_mode,
        [WR_LOOKUP_DYNAMODB] = c->lookups_dynamodb_mode,
        [WR_LOOKUP_SHADOW] = c->lookups_shadow_mode,
        [WR_LOOKUP_SECRET] = c->lookups_secret_mode,
        [WR_LOOKUP_REGISTRY] = c->lookups_registry_mode,
        [WR_LOOKUP_ML] = c->lookups_lambda_mode,
    };
    const char *mode = modes[kind];
    mode = strcmp(mode, "auto") == 0 ? c->lookups_mode : mode;
    return strcmp(strcmp(mode, "auto") == 0 ? c->mode : mode, "aws") == 0;
}

// What the configuration says to the look-ups, now.
static struct wr_lookups_options lookups_options(struct wr_daemon *d)
{
    const struct wr_config *c = d->config;
    struct wr_lookups_options lookups = {
        .loop = &d->loop,
        .metrics = d->metrics,
        .sinks = d->sinks,
        .kinds = wr_config_kinds(c),
        .state_dir = d->state.path,
        .shadows_dir = c->lookups_shadows_dir,
        .secrets_dir = c->lookups_secrets_dir,
        .registry_dir = c->lookups_registry_dir,
        .lambda_timeout_ms = c->lookups_lambda_timeout_ms,
        .timeout_ms = c->lookups_timeout_ms,
        .secret_cache_ms = c->lookups_secret_cache_ms,
        .waiting_max = (size_t)c->lookups_max,
        .aws_max = (size_t)c->lookups_aws_max,
        .pace = on_pace,
        .user = d,
    };
    for (int i = 0; i < WR_LOOKUP_KINDS; i++) {
        lookups.aws[i] = wr_daemon_lookup_is_aws(c, (enum wr_lookup_kind)i);
    }
    return lookups;
}

// The same to the flow.
static struct wr_flow_options flow_options(struct wr_daemon *d)
{
    const struct wr_config *c = d->config;
    bool aws = strcmp(c->limits, "aws") == 0;
    size_t payload_max = (size_t)c->payload_max;
    return (struct wr_flow_options){
        .loop = &d->loop,
        .metrics = d->metrics,
        .sinks = d->sinks,
        .sql = &d->sql,
        .host = wr_lookups_host(d->lookups),
        .payload_max = aws && payload_max > AWS_PAYLOAD_MAX ? AWS_PAYLOAD_MAX : payload_max,
        .aws_limits = aws,
        .undefined_fails = strcmp(c->templates_undefined, "fail") == 0,
        .spool = d->stores.spool,
        .spool_max = (uint64_t)c->spool_max,
        .spool_is_old = !d->stores.keeps,
        .pool = d->pool,
        .in_flight_max = (size_t)c->spool_in_flight,
        .sample_every = (uint32_t)c->metrics_sample,
        .ring = d->ring,
        .workers = workers_of(c),
        .dead = d->stores.dead,
        .retry = {.attempts = (unsigned)c->retry_attempts,
                  .budget_ms = c->retry_budget_ms,
                  .base_ms = c->retry_base_ms,
                  .throttled_base_ms = c->retry_throttled_base_ms,
                  .cap_ms = c->retry_cap_ms,
                  .circuit = (unsigned)c->retry_circuit},
    };
}

static bool confirmed(void *user, wr_str rule, wr_str url)
{
    const struct wr_daemon *d = user;
    return wr_destinations_cover(d->destinations, rule, url);
}

static bool destination(void *user, wr_str rule, wr_str arn, struct wr_sink_destination *out)
{
    const struct wr_daemon *d = user;
    return wr_destinations_influx(d->destinations, rule, arn, out);
}

static void read_secret(void *user, struct wr_secret_ask *ask)
{
    wr_lookups_secret(user, ask);
}

void wr_daemon_open_flow(struct wr_daemon *d)
{
    const struct wr_config *c = d->config;
    const struct wr_sinks_options sinks = {.loop = &d->loop,
                                           .config = c,
                                           .kinds = wr_config_kinds(c),
                                           .state_dir = d->state.path,
                                           .publish = publish,
                                           .publish_user = d,
                                           .confirmed = confirmed,
                                           .route = route,
                                           .destination = destination,
                                           .hops_lost = strcmp(c->mqtt_version, "5") != 0,
                                           .reads_kafka = strcmp(c->source, "mqtt") != 0,
                                           .aws_limits = strcmp(c->limits, "aws") == 0};
    d->sinks = wr_sinks_new(&sinks);
    d->sql = (struct wr_sql_host){.account_id = wr_str_of(c->account_id), .zone = wr_zones_find};
    d->objects = wr_objects_new(d->state.path);
    d->sql.user = d->objects;
    d->sql.object = wr_objects_find;
    const struct wr_lookups_options lookups = lookups_options(d);
    d->lookups = wr_lookups_new(&lookups);
    wr_sinks_set_secrets(d->sinks, read_secret, d->lookups);
    wr_destinations_set_secrets(d->destinations, read_secret, d->lookups);
    d->ring = c->ring_bytes ? wr_ring_new((size_t)c->ring_bytes) : NULL;
    const struct wr_flow_options flow = flow_options(d);
    d->flow = wr_flow_new(&flow);
}

void wr_daemon_tune(struct wr_daemon *d)
{
    const struct wr_lookups_options lookups = lookups_options(d);
    const struct wr_flow_options flow = flow_options(d);
    wr_lookups_tune(d->lookups, &lookups);
    wr_flow_tune(d->flow, &flow);
    wr_stores_tune(&d->stores, d->config);
}

wr_err wr_daemon_open_rules(struct wr_daemon *d, const char *dir, bool watch,
                            struct wr_fault *fault)
{
    const struct wr_config *c = d->config;
    const struct wr_folder_options options = {
        .loop = &d->loop,
        .dir = dir,
        .watch = watch,
        .rule = {.kinds = wr_config_kinds(c), .metrics = d->metrics, .fuel = (uint64_t)c->fuel},
        .accept = accept_file,
        .merged = true,
        .changed = on_files,
        .slim = true,
        .user = d,
    };
    struct wr_folder *folder = wr_folder_open(&options), *before = d->folder;
    const char *dir_before = d->rules_dir;
    d->rules_dir = dir;
    d->folder = folder;
    wr_err err = wr_folder_load(folder, true, NULL, fault);
    if (err && before) {
        d->rules_dir = dir_before;
        d->folder = before;
        wr_folder_close(folder, NULL, NULL);
        return err;
    }
    if (before) {
        wr_folder_close(before, NULL, NULL); // its rules go with the last message under way
    }
    return err;
}

void wr_daemon_recover(struct wr_daemon *d)
{
    if (d->stores.spool) {
        wr_flow_recover(d->flow, on_recovered, d);
    } else {
        on_recovered(d);
    }
}
