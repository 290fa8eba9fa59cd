// What the cases covered of every rule they name, marked in the SQL itself. Thread: start.
#ifndef WR_ENGINE_CLI_TEST_COVERAGE_H
#define WR_ENGINE_CLI_TEST_COVERAGE_H

#include "engine/cli/suite_rule.h"

// Outcomes that can be covered: each condition true, each condition false, each item of SELECT with
// a value, each template resolved. Undefined is shown and not counted: many conditions can never be
// Undefined.
struct wr_test_coverage {
    size_t covered, total;
};

struct wr_test_coverage wr_test_coverage_of(const struct wr_suite_rule *rule);
struct wr_test_coverage wr_test_coverage_all(const struct wr_suite_rules *r);
// covered of total, 100 when there is nothing to cover.
double wr_test_coverage_percent(const struct wr_test_coverage *c);
// With one decimal, cut and not rounded: what falls short of 100 never reads 100.0.
void wr_test_coverage_add_percent(struct wr_buf *out, const struct wr_test_coverage *c);

// Of one place.
struct wr_test_coverage wr_test_coverage_place(const struct wr_coverage_place *p);
// "true 3, false 0, Undefined 1: never false"
void wr_test_coverage_describe(const struct wr_coverage_place *p, struct wr_buf *out);
void wr_test_coverage_describe_template(const struct wr_suite_template *t, struct wr_buf *out);
// "actions[0].s3.key"
void wr_test_coverage_name_template(const struct wr_suite_template *t, struct wr_buf *out);

// For people, with marks of suite_diff.h; for programs; and one page, complete in itself
// (test_coverage_html.c).
void wr_test_coverage_text(const struct wr_suite_rules *r, struct wr_buf *out);
void wr_test_coverage_json(const struct wr_suite_rules *r, struct wr_buf *out);
void wr_test_coverage_html(const struct wr_suite_rules *r, struct wr_buf *out);

#endif
