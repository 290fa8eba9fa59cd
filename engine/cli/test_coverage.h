// What the cases covered of every rule they name, marked in the SQL itself. Thread: start.
#ifndef WR_ENGINE_CLI_TEST_COVERAGE_H
#define WR_ENGINE_CLI_TEST_COVERAGE_H

#include "engine/cli/suite_run.h"

// Counted are: each condition true, each condition false, each item with a value, each template
// resolved. Undefined is shown and not counted: many conditions can never be Undefined.
struct wr_test_coverage {
    size_t covered, total;
};

struct wr_test_coverage wr_test_coverage_of(const struct wr_suite_rule *rule);
struct wr_test_coverage wr_test_coverage_all(const struct wr_suite_runner *r);
// 100 when there is nothing to cover.
double wr_test_coverage_percent(const struct wr_test_coverage *c);

void wr_test_coverage_text(const struct wr_suite_runner *r, struct wr_buf *out);
// One page, complete in itself.
void wr_test_coverage_html(const struct wr_suite_runner *r, struct wr_buf *out);

#endif
