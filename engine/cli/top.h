// `weir top`: its parts. Thread: start.
//
//   top.c        words, the terminal, the round   top_sample.c  what /weir/v1/status says
//   top_table.c  the table and the JSON object
#ifndef WR_ENGINE_CLI_TOP_H
#define WR_ENGINE_CLI_TOP_H

#include "sql/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define WR_TOP_KINDS_MAX 64 // kinds of action, of which weir has fewer

// What one kind of action has, of all rules.
struct wr_top_kind {
    char name[32];
    uint64_t delivered, failures, retries, in_flight;
};

// Counters of one rule since the weir's start.
struct wr_top_rule {
    char *name;
    uint64_t tried, matched, delivered, errors, failures, retries, dead;
    uint64_t waiting, in_flight; // now
    uint64_t samples, sampled_ns;
};

struct wr_top_sample {
    int64_t monotonic_us, uptime_ms, pid;
    char version[32];
    bool connected;
    uint64_t messages, cpu_us, lag_us, lags, resident;
    uint64_t samples, sampled_ns;
    uint64_t spool_entries, spool_bytes, dead, live, circuits;
    struct wr_top_rule *rules;
    size_t rule_count;
    struct wr_top_kind kinds[WR_TOP_KINDS_MAX];
    size_t kind_count;
};

// Read a status. False: it is none.
bool wr_top_read(const struct wr_buf *status, struct wr_top_sample *out);
// Zeroed memory too.
void wr_top_release(struct wr_top_sample *s);

// ---- top_table.c

enum wr_top_sort { WR_TOP_MESSAGES, WR_TOP_COST, WR_TOP_FAILURES };

struct wr_top_view {
    const struct wr_top_sample *before, *now;
    enum wr_top_sort sort;
    unsigned width, height; // of the screen; 0: no limit
    bool colour;
    const char *trouble; // shown instead of the age of the numbers; NULL: none
};

// `before` and `now` are of the same process.
bool wr_top_same(const struct wr_top_sample *before, const struct wr_top_sample *now);
// Lines, each with its line feed.
void wr_top_table(const struct wr_top_view *view, struct wr_buf *out);
// One JSON object and a line feed.
void wr_top_json(const struct wr_top_view *view, struct wr_buf *out);

#endif
