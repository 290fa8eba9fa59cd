// /metrics: every counter and gauge of a running weir as Prometheus reads them. The families stand
// in observe/metric_table.h; each is here once.
// Thread: loop.
#ifndef WR_ENGINE_ADMIN_PAGE_H
#define WR_ENGINE_ADMIN_PAGE_H

#include "engine/admin/broker.h"
#include "engine/admin/pulse.h"
#include "engine/flow/flow.h"
#include "engine/mqtt/mqtt.h"
#include "engine/observe/metric_table.h"

struct wr_quotas;

// Where to look. All is borrowed; the metrics' `now` is fresh (wr_flow_take_stock).
struct wr_page_view {
    const struct wr_metrics *metrics;
    const struct wr_flow *flow;
    const struct wr_sinks *sinks;
    const struct wr_spool *spool; // NULL: none
    const struct wr_dead *dead;   // NULL: none
    const struct wr_pulse *pulse;
    const struct wr_mqtt_stats *mqtt;     // NULL: no such source
    const struct wr_broker_stats *broker; // NULL: no broker.dir
    const struct wr_quotas *quotas;
    bool connected, subscribed;
};

void wr_page_write(const struct wr_page_view *view, struct wr_buf *out);

// ---- parts

void wr_page_family(struct wr_buf *out, enum wr_metric metric);
// A family with one sample, without labels.
void wr_page_one(struct wr_buf *out, enum wr_metric metric, uint64_t value);
// page_rules.c: of rules, results and actions.
void wr_page_rules(const struct wr_metrics *m, struct wr_buf *out);

#endif
