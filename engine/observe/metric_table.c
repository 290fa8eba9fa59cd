// The table of metrics, by number.
#include "engine/observe/metric_table.h"

#include "sql/base/banned.h"

const struct wr_metric_row *wr_metric_at(enum wr_metric metric)
{
    static const struct wr_metric_row rows[] = {
#define METRIC(id, name, type, labels, help) {name, #type, labels, help},
        WR_METRIC_TABLE(METRIC)
#undef METRIC
    };
    return &rows[metric];
}
