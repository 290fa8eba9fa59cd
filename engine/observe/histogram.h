// Histograms of times, with fixed buckets: each is twice the one before. Adding is a shift and two
// additions, and allocates nothing.
// Thread: loop.
#ifndef WR_ENGINE_OBSERVE_HISTOGRAM_H
#define WR_ENGINE_OBSERVE_HISTOGRAM_H

#include "engine/observe/prometheus.h"

// Bounds from 32 µs to 134 s: below is the noise of the loop, above what retries may take anyway.
#define WR_HISTOGRAM_FIRST   5 // 2^5 µs
#define WR_HISTOGRAM_BUCKETS 23

struct wr_histogram {
    uint64_t counts[WR_HISTOGRAM_BUCKETS + 1]; // the last: over all bounds
    uint64_t sum_us;
};

// `n` times of `us` microseconds; negative ones are 0.
static inline void wr_histogram_add(struct wr_histogram *h, int64_t us, uint64_t n)
{
    uint64_t value = us > 0 ? (uint64_t)us : 0;
    // The number of the lowest bound 2^k that is not below the value.
    unsigned k = value > 1 ? 64 - (unsigned)__builtin_clzll(value - 1) : 0;
    unsigned at = k > WR_HISTOGRAM_FIRST ? k - WR_HISTOGRAM_FIRST : 0;
    h->counts[at < WR_HISTOGRAM_BUCKETS ? at : WR_HISTOGRAM_BUCKETS] += n;
    h->sum_us += value * n;
}

uint64_t wr_histogram_count(const struct wr_histogram *h);

// The samples NAME_bucket, NAME_sum and NAME_count in seconds, with one more label or none.
void wr_histogram_write(const struct wr_histogram *h, const char *name,
                        const struct wr_prom_label *label, struct wr_buf *out);

#endif
