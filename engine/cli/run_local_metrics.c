// The values that rules put by cloudwatchMetric, in its local form: part of weir's own exposition.
#include "engine/cli/run_parts.h"

#include "engine/observe/log.h"
#include "engine/observe/prometheus.h"
#include "sinks/lib/local_rows.h"

#include "sql/base/banned.h"

// Names come from templates, so from devices: an exposition must end, and a scrape be quick.
#define METRICS_MAX 10000

// A family: what of a metric it shows.
struct family {
    const char *name, *type, *help;
    double (*value)(const struct wr_local_metric *m);
};

static double count_of(const struct wr_local_metric *m)
{
    return (double)m->count;
}

static double sum_of(const struct wr_local_metric *m)
{
    return m->sum;
}

static double min_of(const struct wr_local_metric *m)
{
    return m->min;
}

static double max_of(const struct wr_local_metric *m)
{
    return m->max;
}

static double last_of(const struct wr_local_metric *m)
{
    return m->last;
}

static const struct family families[] = {
    {"weir_cloudwatch_values_total", "counter", "Values that rules put for a metric, locally.",
     count_of},
    {"weir_cloudwatch_sum", "gauge", "Their sum.", sum_of},
    {"weir_cloudwatch_min", "gauge", "The least of them.", min_of},
    {"weir_cloudwatch_max", "gauge", "The greatest of them.", max_of},
    {"weir_cloudwatch_last", "gauge", "The one of the latest time.", last_of},
};

// Samples of one family stand together: a text for each, joined at the end.
struct pages {
    struct wr_buf at[WR_COUNT(families)];
    unsigned count;
};

static bool add_metric(void *user, const struct wr_local_metric *m)
{
    struct pages *p = user;
    const struct wr_prom_label labels[] = {
        {"namespace", m->space}, {"name", m->name}, {"unit", m->unit}};
    for (size_t i = 0; i < WR_COUNT(families); i++) {
        wr_prom_double(&p->at[i], families[i].name, labels, WR_COUNT(labels), families[i].value(m));
    }
    return ++p->count < METRICS_MAX;
}

void wr_daemon_add_local_metrics(const struct wr_daemon *d, struct wr_buf *out)
{
    static struct wr_log_limit limit;
    struct pages p = {0};
    struct wr_fault fault = {0};
    if (wr_local_metrics(d->state.path, add_metric, &p, &fault)) {
        wr_log_limited(&limit, WR_LOG_WARN, "admin", "/metrics: cloudwatchMetric: %s", fault.text);
    }
    for (size_t i = 0; i < WR_COUNT(families); i++) {
        if (p.count > 0) {
            wr_prom_family(out, families[i].name, families[i].type, families[i].help);
            wr_buf_add(out, wr_buf_str(&p.at[i]));
        }
        wr_buf_release(&p.at[i]);
    }
}
