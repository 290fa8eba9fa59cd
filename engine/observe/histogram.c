// Histograms as Prometheus wants them: cumulative, in seconds.
#include "engine/observe/histogram.h"

#include <stdio.h>

#include "sql/base/banned.h"

uint64_t wr_histogram_count(const struct wr_histogram *h)
{
    uint64_t sum = 0;
    for (size_t i = 0; i <= WR_HISTOGRAM_BUCKETS; i++) {
        sum += h->counts[i];
    }
    return sum;
}

void wr_histogram_write(const struct wr_histogram *h, const char *name,
                        const struct wr_prom_label *label, struct wr_buf *out)
{
    char series[96], bound[32];
    struct wr_prom_label labels[2] = {{0}};
    size_t own = label != NULL;
    if (label) {
        labels[0] = *label;
    }
    uint64_t sum = 0;
    snprintf(series, sizeof series, "%s_bucket", name);
    for (size_t i = 0; i <= WR_HISTOGRAM_BUCKETS; i++) {
        sum += h->counts[i];
        double seconds = (double)(UINT64_C(1) << (i + WR_HISTOGRAM_FIRST)) / 1e6;
        int len = snprintf(bound, sizeof bound, "%.9g", seconds);
        labels[own] = (struct wr_prom_label){"le", {bound, (size_t)len}};
        if (i == WR_HISTOGRAM_BUCKETS) {
            labels[own].value = WR_STR("+Inf");
        }
        wr_prom_u64(out, series, labels, own + 1, sum);
    }
    snprintf(series, sizeof series, "%s_sum", name);
    wr_prom_double(out, series, labels, own, (double)h->sum_us / 1e6);
    snprintf(series, sizeof series, "%s_count", name);
    wr_prom_u64(out, series, labels, own, sum);
}
