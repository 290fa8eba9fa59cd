// The listeners of `weir run`: what the daemon answers about itself.
#include "engine/cli/run_parts.h"

#include <string.h>

#include "engine/admin/admin.h"
#include "engine/admin/audit.h"
#include "engine/admin/page.h"
#include "engine/admin/tenants.h"
#include "engine/observe/prometheus.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

// control-plane.md 10: what --status-file gets, with the two clocks that rates are made with.
static void get_status(struct wr_admin_call *call)
{
    const struct wr_daemon *d = call->user;
    struct wr_buf text = {0};
    wr_daemon_write_status(d, &text);
    wr_admin_reply_json(call, 200, wr_buf_str(&text));
    wr_buf_release(&text);
}

// ---- which term of WHERE decides

// What wr_rule_counters.terms says, as the status does: counted since PUT, or null.
static void reply_terms(struct wr_admin_call *call, const struct wr_daemon *d)
{
    const struct wr_rule *rule = wr_rule_set_find(wr_flow_rules(d->flow), call->labels[0]);
    struct wr_buf text = {0};
    if (!rule) {
        wr_admin_reply_error(call, 404, "there is no rule %.*s", WR_STR_ARG(call->labels[0]));
        return;
    }
    wr_buf_add(&text, WR_STR("{\"rule\":"));
    wr_json_write_string(&text, rule->name);
    wr_metrics_write_terms(rule->counters, &text);
    wr_buf_add(&text, WR_STR("}\n"));
    wr_admin_reply_json(call, 200, wr_buf_str(&text));
    wr_buf_release(&text);
}

static void get_terms(struct wr_admin_call *call)
{
    reply_terms(call, call->user);
}

static void put_terms(struct wr_admin_call *call)
{
    struct wr_daemon *d = call->user;
    wr_flow_count_terms(d->flow, call->labels[0], true);
    reply_terms(call, d);
}

static void delete_terms(struct wr_admin_call *call)
{
    struct wr_daemon *d = call->user;
    wr_flow_count_terms(d->flow, call->labels[0], false);
    reply_terms(call, d);
}

// ---- health

// Kafka alone has no filters to subscribe to, and no connection of MQTT's to count.
static bool has_mqtt(const struct wr_daemon *d)
{
    return wr_config_has_mqtt(d->config);
}

static void reasons(void *user, struct wr_buf *out)
{
    const struct wr_daemon *d = user;
    if (d->stopping) {
        wr_buf_add(out, WR_STR("weir is stopping\n"));
    }
    if (!wr_flow_rules(d->flow)) {
        wr_buf_add(out, WR_STR("the rules are not loaded\n"));
    }
    if (!d->recovered) {
        wr_buf_add(out, WR_STR("what the spool has from before is not taken up yet\n"));
    }
    if (!d->connected) {
        wr_buf_add(out, WR_STR("the broker is not connected\n"));
    } else if (!d->subscribed && has_mqtt(d)) {
        wr_buf_add(out, WR_STR("the rules' topic filters are not subscribed to yet\n"));
    }
    struct wr_spool_stats spool = {0};
    if (d->stores.spool) {
        wr_spool_stats(d->stores.spool, &spool);
    }
    if (spool.full) {
        wr_buf_add(out, WR_STR("the spool takes nothing more: no room (spool.max, or the disk)\n"));
    }
    struct wr_audit_stats audit;
    wr_audit_stats(d->audit, &audit);
    if (audit.failing) {
        wr_buf_add(out,
                   WR_STR("the audit log cannot be written: secrets are not handed out, and who "
                          "changes something is told\n"));
    }
    if (d->stores.dead_full) {
        wr_buf_add(out, WR_STR("the dead-letter store takes nothing more: no room (dead.max, or "
                               "the disk)\n"));
    }
}

static void get_metrics(struct wr_admin_call *call)
{
    const struct wr_daemon *d = call->user;
    struct wr_mqtt_stats mqtt = d->last_stats;
    if (d->source) {
        wr_mqtt_source_stats(d->source, &mqtt);
    }
    struct wr_broker_stats broker;
    if (d->broker) {
        wr_broker_stats(d->broker, &broker);
    }
    const struct wr_page_view view = {
        .broker = d->broker ? &broker : NULL,
        .quotas = wr_tenants_quotas(d->tenants),
        .metrics = d->metrics,
        .flow = d->flow,
        .sinks = d->sinks,
        .spool = d->stores.spool,
        .dead = d->stores.dead,
        .pulse = &d->pulse,
        .mqtt = has_mqtt(d) ? &mqtt : NULL,
        .connected = d->connected,
        .subscribed = d->connected && d->subscribed,
    };
    struct wr_buf text = {0};
    wr_flow_take_stock(d->flow);
    wr_page_write(&view, &text);
    wr_daemon_add_local_metrics(d, &text);
    size_t count;
    const struct wr_http1_header *headers = wr_admin_headers(&count);
    wr_httpd_reply(call->req, &(struct wr_httpd_reply){.status = 200,
                                                       .type = WR_STR(WR_PROM_TYPE),
                                                       .headers = headers,
                                                       .header_count = count,
                                                       .body = wr_buf_str(&text)});
    wr_buf_release(&text);
}

static const struct wr_admin_route routes[] = {
    {"GET", "/metrics", WR_ROLE_NONE, WR_ON_SOCKET | WR_ON_METRICS, get_metrics},
    {"GET", "/weir/v1/status", WR_ROLE_READER, WR_ON_INSIDE, get_status},
    {"GET", "/weir/v1/rules/{name}/terms", WR_ROLE_READER, WR_ON_INSIDE, get_terms},
    {"PUT", "/weir/v1/rules/{name}/terms", WR_ROLE_OPERATOR, WR_ON_INSIDE, put_terms},
    {"DELETE", "/weir/v1/rules/{name}/terms", WR_ROLE_OPERATOR, WR_ON_INSIDE, delete_terms},
};

wr_err wr_daemon_open_admin(struct wr_daemon *d, struct wr_fault *fault)
{
    const struct wr_admin_options options = {.loop = &d->loop,
                                             .config = d->config,
                                             .state_dir = d->state.path,
                                             .auth = d->auth,
                                             .audit = d->audit};
    wr_err err = wr_admin_open(&options, &d->admin, fault);
    wr_pulse_start(&d->pulse, &d->loop, d->stores.spool);
    if (!err) {
        d->health = (struct wr_health_host){.user = d, .reasons = reasons};
        wr_health_add(d->admin, &d->health);
        wr_admin_add(d->admin, routes, WR_COUNT(routes), d);
        wr_daemon_open_api(d);
        wr_daemon_add_dead(d);
        wr_daemon_add_traces(d);
        wr_daemon_add_try(d);
        wr_daemon_add_history(d);
        wr_daemon_add_messages(d);
    }
    return err;
}

void wr_daemon_close_admin(struct wr_daemon *d, void (*done)(void *user))
{
    struct wr_admin *admin = d->admin;
    d->admin = NULL;
    wr_pulse_stop(&d->pulse);
    wr_admin_close(admin, done, d);
}
