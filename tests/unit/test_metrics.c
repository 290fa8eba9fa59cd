// The funnel's sums: they hold for what belongs together, and one too many anywhere is found and
// named. That the flow keeps them is asked in every test of test_flow.c and test_durable.c. And how
// metrics are written for Prometheus.
#include "engine/observe/metrics.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

// One rule with one action, every counter different.
static struct wr_metrics *sample(void)
{
    struct wr_metrics *m = wr_metrics_new();
    m->no_rule = 1;
    m->rule_not_found = 2;
    m->dropped[WR_DROP_MEMORY] = 3;
    m->dropped[WR_DROP_STOPPING] = 4;
    m->evaluated = 50;
    m->messages = 60;
    m->restored = 9;
    m->now.live = 5;
    m->settled = 64;
    struct wr_rule_counters *r = wr_metrics_rule(m, WR_STR("r"));
    r->no_match = 7;
    r->undefined = 2;
    r->failed[WR_WHY_FUEL] = 3;
    r->failed[WR_WHY_LOOKUP] = 1;
    r->unfinished = 1;
    r->now.evaluating = 2;
    r->matched = 20;
    r->topic_match = 34;
    r->recovered = 10;
    r->redriven = 3;
    r->delivered = 11;
    r->handled = 4;
    r->dead = 3;
    r->unkept = 1;
    r->damaged = 2;
    r->given_back = 2;
    r->broken_back = 1;
    r->waiting = 4;
    r->now.fetching = 1;
    r->now.stages[WR_STAGE_TEMPLATES] = 1;
    r->now.stages[WR_STAGE_DELIVERING] = 2;
    r->now.stages[WR_STAGE_ERROR] = 1;
    r->now.stages[WR_STAGE_BURYING] = 1;
    r->broken = 11;
    r->now.in_spool = 4;
    m->now.has_spool = true;
    m->spool_left = 1;
    m->now.redriving = 2;
    m->now.unread = 3;
    m->now.pending = 15;
    struct wr_action_counters *a = wr_metrics_action(r, "s3");
    a->success = 11;
    a->failures[WR_FAILURE_REFUSED] = 5;
    a->failures[WR_FAILURE_TEMPLATE] = 2;
    a->returned = 1;
    a->now.records = 2;
    a->records = 21;
    a->error_success = 4;
    a->error_failure = 3;
    a->error_returned = 1;
    a->now.error_records = 1;
    a->error_records = 9;
    return m;
}

static void add(uint64_t *counter, uint32_t *small, int n)
{
    if (counter) {
        *counter += (uint64_t)n;
    } else {
        *small += (uint32_t)n;
    }
}

static void test_sums(void **state)
{
    struct wr_metrics *m = sample();
    struct wr_rule_counters *r = m->rules;
    struct wr_action_counters *a = r->actions;
    struct wr_fault fault = {0};
    CHECK_INT("as they belong together", wr_metrics_audit(m, &fault), WR_OK);
    const struct {
        const char *name;
        uint64_t *counter; // or NULL
        const char *want;
        uint32_t *small; // one of four bytes
    } cases[] = {
        {"messages", &m->messages, "intake: 61 came in, 60 are accounted for"},
        {"no rule", &m->no_rule, "intake: 60 came in, 61 are accounted for"},
        {"rule not found", &m->rule_not_found, "intake: 60 came in, 61 are accounted for"},
        {"dropped", &m->dropped[WR_DROP_OVERLOAD], "intake: 60 came in, 61 are accounted for"},
        {"evaluated", &m->evaluated, "intake: 60 came in, 61 are accounted for"},
        {"restored", &m->restored, "settled: 70 came in, 69 are accounted for"},
        {"settled", &m->settled, "settled: 69 came in, 70 are accounted for"},
        {"live", &m->now.live, "settled: 69 came in, 70 are accounted for"},
        {"pending", &m->now.pending, "spool: 16 came in, 15 are accounted for"},
        {"left", &m->spool_left, "spool: 15 came in, 16 are accounted for"},
        {"redriving", &m->now.redriving, "spool: 15 came in, 16 are accounted for"},
        {"unread", &m->now.unread, "spool: 15 came in, 16 are accounted for"},
        {"in spool", NULL, "spool: 15 came in, 16 are accounted for", &r->now.in_spool},
        {"tried", &r->topic_match, "matching of rule r: 35 came in, 34 are accounted for"},
        {"no match", &r->no_match, "matching of rule r: 34 came in, 35 are accounted for"},
        {"failed", &r->failed[WR_WHY_MEMORY],
         "matching of rule r: 34 came in, 35 are accounted for"},
        {"unfinished", &r->unfinished, "matching of rule r: 34 came in, 35 are accounted for"},
        {"evaluating", &r->now.evaluating, "matching of rule r: 34 came in, 35 are accounted for"},
        {"recovered", &r->recovered, "results of rule r: 34 came in, 33 are accounted for"},
        {"redriven", &r->redriven, "results of rule r: 34 came in, 33 are accounted for"},
        {"delivered", &r->delivered, "results of rule r: 33 came in, 34 are accounted for"},
        {"handled", &r->handled, "results of rule r: 33 came in, 34 are accounted for"},
        {"dead", &r->dead, "results of rule r: 33 came in, 34 are accounted for"},
        {"unkept", &r->unkept, "results of rule r: 33 came in, 34 are accounted for"},
        {"damaged", &r->damaged, "results of rule r: 33 came in, 34 are accounted for"},
        {"given back", &r->given_back, "results of rule r: 33 came in, 34 are accounted for"},
        {"spooling", NULL, "results of rule r: 33 came in, 34 are accounted for",
         &r->now.stages[WR_STAGE_SPOOLING]},
        {"broken", &r->broken, "failing of rule r: 12 came in, 11 are accounted for"},
        {"broken back", &r->broken_back, "failing of rule r: 11 came in, 12 are accounted for"},
        {"records", &a->records, "records of rule r, s3: 22 came in, 21 are accounted for"},
        {"success", &a->success, "records of rule r, s3: 21 came in, 22 are accounted for"},
        {"failures", &a->failures[WR_FAILURE_EXPIRED],
         "records of rule r, s3: 21 came in, 22 are accounted for"},
        {"returned", &a->returned, "records of rule r, s3: 21 came in, 22 are accounted for"},
        {"in flight", &a->now.records, "records of rule r, s3: 21 came in, 22 are accounted for"},
        {"error records", &a->error_records,
         "errors of rule r, s3: 10 came in, 9 are accounted for"},
        {"error success", &a->error_success,
         "errors of rule r, s3: 9 came in, 10 are accounted for"},
        {"error failure", &a->error_failure,
         "errors of rule r, s3: 9 came in, 10 are accounted for"},
        {"error returned", &a->error_returned,
         "errors of rule r, s3: 9 came in, 10 are accounted for"},
        {"error in flight", &a->now.error_records,
         "errors of rule r, s3: 9 came in, 10 are accounted for"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        add(cases[i].counter, cases[i].small, 1);
        CHECK_INT(cases[i].name, wr_metrics_audit(m, &fault), WR_ERR_STATE);
        CHECK_STR(cases[i].name, wr_str_of(fault.text), Z(cases[i].want));
        add(cases[i].counter, cases[i].small, -1);
    }
    CHECK_INT("as before", wr_metrics_audit(m, &fault), WR_OK);
    m->now.has_spool = false;
    m->now.pending = 99;
    CHECK_INT("without a spool nothing is asked of it", wr_metrics_audit(m, &fault), WR_OK);
    wr_metrics_free(m);
}

static void test_escapes(void **state)
{
    struct wr_buf out = {0};
    const struct wr_prom_label labels[] = {{"a", WR_STR("plain")}, {"b", WR_STR("q\"b\\n\n.")}};
    wr_prom_family(&out, "x_total", "counter", "A \"help\" with \\ and\nlines.");
    wr_prom_u64(&out, "x_total", labels, 2, UINT64_MAX);
    wr_prom_u64(&out, "x_total", NULL, 0, 0);
    CHECK_STR("escapes", wr_buf_str(&out),
              S("# HELP x_total A \"help\" with \\\\ and\\nlines.\n"
                "# TYPE x_total counter\n"
                "x_total{a=\"plain\",b=\"q\\\"b\\\\n\\n.\"} 18446744073709551615\n"
                "x_total 0\n"));
    static const struct {
        double value;
        const char *want;
    } doubles[] = {{0, "d 0\n"},        {3, "d 3\n"},
                   {0.1, "d 0.1\n"},    {1e15, "d 1e+15\n"},
                   {-2.5, "d -2.5\n"},  {0.1 + 0.2, "d 0.30000000000000004\n"},
                   {1e-6, "d 1e-06\n"}, {1795782725.18, "d 1795782725.18\n"}};
    for (size_t i = 0; i < WR_COUNT(doubles); i++) {
        wr_buf_clear(&out);
        wr_prom_double(&out, "d", NULL, 0, doubles[i].value);
        CHECK_STR("a number", wr_buf_str(&out), Z(doubles[i].want));
    }
    wr_buf_release(&out);
}

static void test_histogram(void **state)
{
    // (time, the number of its bucket): bounds are inclusive.
    static const struct {
        int64_t us;
        size_t bucket;
    } cases[] = {{-5, 0},   {0, 0},          {1, 0},          {2, 0},         {31, 0},
                 {32, 0},   {33, 1},         {64, 1},         {65, 2},        {1024, 5},
                 {1025, 6}, {134217728, 22}, {134217729, 23}, {INT64_MAX, 23}};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_histogram h = {0};
        wr_histogram_add(&h, cases[i].us, 3);
        for (size_t k = 0; k <= WR_HISTOGRAM_BUCKETS; k++) {
            CHECK_INT("bucket", h.counts[k], k == cases[i].bucket ? 3 : 0);
        }
        CHECK_INT("count", wr_histogram_count(&h), 3);
    }
    struct wr_histogram h = {0};
    wr_histogram_add(&h, 50, 2);
    wr_histogram_add(&h, INT64_C(200000000), 1);
    struct wr_buf out = {0};
    const struct wr_prom_label label = {"k", WR_STR("v")};
    wr_histogram_write(&h, "h_seconds", &label, &out);
    const char *first = "h_seconds_bucket{k=\"v\",le=\"3.2e-05\"} 0\n"
                        "h_seconds_bucket{k=\"v\",le=\"6.4e-05\"} 2\n";
    const char *last = "h_seconds_bucket{k=\"v\",le=\"134.217728\"} 2\n"
                       "h_seconds_bucket{k=\"v\",le=\"+Inf\"} 3\n"
                       "h_seconds_sum{k=\"v\"} 200.0001\nh_seconds_count{k=\"v\"} 3\n";
    CHECK("the first buckets", wr_str_starts(wr_buf_str(&out), Z(first)));
    CHECK("the last ones, sum and count", wr_str_ends(wr_buf_str(&out), Z(last)));
    wr_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(test_sums), T(test_escapes), T(test_histogram)};
    return TEST_MAIN(tests);
}
