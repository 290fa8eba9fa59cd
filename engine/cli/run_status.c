// The counters of a running weir: into its status file, into the log.
#include "engine/cli/run_parts.h"

#include <string.h>
#include <unistd.h>

#include "engine/admin/process.h"
#include "engine/observe/log.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

static void write_mqtt(const struct wr_daemon *d, struct wr_buf *out)
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

// Only where Kafka is a source.
static void write_kafka(const struct wr_daemon *d, struct wr_buf *out)
{
    struct wr_kafka_stats s = d->last_kafka;
    if (!wr_config_has_kafka(d->config)) {
        return;
    }
    if (d->kafka) {
        wr_kafka_source_stats(d->kafka, &s);
    }
    wr_buf_addf(out,
                ",\"kafka\":{\"assigned\":%zu,\"received\":%llu,\"acknowledged\":%llu,"
                "\"dropped\":%llu,\"rebalances\":%llu,\"givenUp\":%llu,\"pauses\":%llu,"
                "\"uncommitted\":%zu}",
                s.assigned, (unsigned long long)s.received, (unsigned long long)s.acknowledged,
                (unsigned long long)s.dropped, (unsigned long long)s.rebalances,
                (unsigned long long)s.given_up, (unsigned long long)s.pauses, s.uncommitted);
}

// `,"circuits":[…]`: destinations that failed.
static void write_circuits(const struct wr_daemon *d, struct wr_buf *out)
{
    struct wr_circuit_state s;
    const char *separator = "";
    wr_buf_add(out, WR_STR(",\"circuits\":["));
    for (size_t at = 0; wr_flow_circuits(d->flow, &at, &s);) {
        wr_buf_addf(out, "%s{\"kind\":\"%s\",\"resource\":", separator, s.kind);
        wr_json_write_string(out, s.resource);
        wr_buf_addf(out,
                    ",\"state\":\"%s\",\"failures\":%llu,\"opened\":%llu,\"waiting\":%zu,"
                    "\"awayMs\":%lld,\"why\":",
                    wr_circuit_phase_name(s.phase), (unsigned long long)s.failures,
                    (unsigned long long)s.opened, s.waiting, (long long)s.away_ms);
        wr_json_write_string(out, s.why);
        wr_buf_add_char(out, '}');
        separator = ",";
    }
    wr_buf_add_char(out, ']');
}

// Brings what is under way up to date too. Sums that do not match are a bug of ours: said, not
// fatal, since nothing is lost by it.
static void write_audit(const struct wr_daemon *d, struct wr_buf *out)
{
    static struct wr_log_limit limit;
    struct wr_fault fault = {0};
    bool match = wr_flow_audit(d->flow, &fault) == WR_OK;
    wr_buf_add(out, WR_STR(",\"sums\":"));
    wr_json_write_string(out, match ? WR_STR("match") : wr_str_of(fault.text));
    if (!match) {
        wr_log_limited(&limit, WR_LOG_ERROR, "status", "the counters do not add up: %s",
                       fault.text);
    }
}

static uint64_t spooled(void *flow, size_t broker)
{
    return wr_flow_spooled(flow, broker);
}

// Without the closing brace.
static void write_totals(const struct wr_daemon *d, struct wr_buf *out)
{
    const struct wr_rule_set *rules = wr_flow_rules(d->flow);
    wr_flow_take_stock(d->flow);
    wr_metrics_write(d->metrics, out);
    wr_buf_addf(out,
                ",\"pid\":%ld,\"uptimeMs\":%lld,\"live\":%zu,\"rulesLoaded\":%zu,"
                "\"circuitsOpen\":%zu,\"workers\":%zu,\"inWorkers\":%llu",
                (long)getpid(), (long long)wr_mono_since_us(d->started, wr_mono_now()) / 1000,
                wr_flow_live(d->flow), rules ? wr_rule_set_count(rules) : 0,
                wr_flow_circuits_open(d->flow), wr_flow_workers(d->flow),
                (unsigned long long)d->metrics->now.in_workers);
    write_audit(d, out);
    write_mqtt(d, out);
    write_kafka(d, out);
    wr_sinks_write_aws(d->sinks, out);
    if (d->brokers) {
        wr_brokers_write(d->brokers, spooled, d->flow, out);
    }
    wr_stores_write(&d->stores, out);
}

// Totals in one line, then a line a rule: lines of the log have a limit.
void wr_daemon_log_status(const struct wr_daemon *d)
{
    struct wr_buf text = {0};
    write_totals(d, &text);
    wr_buf_add_char(&text, '}');
    wr_log_event(WR_LOG_INFO, "status",
                 WR_LOG_FIELDS(WR_LOG_DOCUMENT("counters", wr_buf_str(&text))), "counters");
    for (const struct wr_rule_counters *r = d->metrics->rules; r; r = r->next) {
        wr_buf_clear(&text);
        wr_buf_add_char(&text, '{');
        wr_metrics_write_rule(r, true, &text);
        wr_buf_add_char(&text, '}');
        wr_log_event(WR_LOG_INFO, "status",
                     WR_LOG_FIELDS(WR_LOG_TEXT("rule", wr_str_of(r->name)),
                                   WR_LOG_DOCUMENT("counters", wr_buf_str(&text))),
                     "rule counters");
    }
    wr_buf_release(&text);
}

// What this process takes of the machine.
static void write_process(const struct wr_daemon *d, struct wr_buf *out)
{
    struct wr_process p;
    wr_process_look(&p);
    wr_buf_addf(out,
                ",\"cpuUs\":%lld,\"residentBytes\":%llu,\"loopLag\":{\"count\":%llu,"
                "\"sumUs\":%llu}",
                (long long)(p.cpu_s * 1e6), (unsigned long long)p.resident_bytes,
                (unsigned long long)wr_histogram_count(&d->pulse.lag),
                (unsigned long long)d->pulse.lag.sum_us);
}

// A rate is the difference of two counters over that of monotonicUs.
void wr_daemon_write_status(const struct wr_daemon *d, struct wr_buf *out)
{
    write_totals(d, out);
    wr_buf_addf(out,
                ",\"version\":\"%s\",\"timeMs\":%lld,\"monotonicUs\":%lld,\"metricsPort\":%u,"
                "\"apiPort\":%u",
                WR_VERSION, (long long)wr_wall_ms(), (long long)wr_mono_now().us,
                d->admin ? wr_admin_metrics_port(d->admin) : 0u,
                d->admin ? wr_admin_api_port(d->admin) : 0u);
    write_process(d, out);
    write_circuits(d, out);
    wr_metrics_write_rules(d->metrics, out);
    wr_buf_add(out, WR_STR("}\n"));
}

void wr_daemon_save_status(const struct wr_daemon *d)
{
    static struct wr_log_limit limit;
    if (!d->arguments->status_file) {
        return;
    }
    struct wr_buf text = {0};
    struct wr_fault fault;
    wr_daemon_write_status(d, &text);
    if (wr_file_replace(d->arguments->status_file, wr_buf_str(&text), &fault)) {
        wr_log_limited(&limit, WR_LOG_WARN, "status", "%s", fault.text);
    }
    wr_buf_release(&text);
}
