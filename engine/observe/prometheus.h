// Prometheus' text format, version 0.0.4: families and samples, escaped as it asks.
// Thread: any.
#ifndef WR_ENGINE_OBSERVE_PROMETHEUS_H
#define WR_ENGINE_OBSERVE_PROMETHEUS_H

#include "sql/base/buf.h"
#include "sql/base/str.h"

#define WR_PROM_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct wr_prom_label {
    const char *name;
    wr_str value;
};

// "# HELP" and "# TYPE"; before the samples of the family, which follow it without others between.
// `type`: "counter", "gauge", "histogram".
void wr_prom_family(struct wr_buf *out, const char *name, const char *type, const char *help);

// One sample: name, labels, value.
void wr_prom_u64(struct wr_buf *out, const char *name, const struct wr_prom_label *labels,
                 size_t count, uint64_t value);
// With as many digits as tell it from its neighbours.
void wr_prom_double(struct wr_buf *out, const char *name, const struct wr_prom_label *labels,
                    size_t count, double value);

#endif
