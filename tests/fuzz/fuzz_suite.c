// Any bytes as a suite of `weir test`: refused with a place, or every case is judged. What --update
// makes of a case that failed is a suite again.
#include "engine/cli/test_coverage.h"
#include "engine/cli/test_update.h"

#include "sql/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void update(struct wr_suite_runner *r, const struct wr_suite_case *c)
{
    struct wr_test_update u = {0};
    struct wr_buf line = {0};
    wr_test_update_add(&u, r, c);
    const char *from = c->line.at;
    for (size_t i = 0; i < u.count; i++) {
        wr_assert(u.edits[i].old.at >= from);
        wr_buf_add(&line, (wr_str){from, (size_t)(u.edits[i].old.at - from)});
        wr_buf_add(&line, wr_str_of(u.edits[i].text));
        from = u.edits[i].old.at + u.edits[i].old.len;
    }
    wr_buf_add(&line, (wr_str){from, (size_t)(c->line.at + c->line.len - from)});
    struct wr_suite again = {0};
    struct wr_suite_runner runner;
    wr_suite_add_text(&again, "again", wr_buf_str(&line));
    wr_assert(again.fault_count == 0 && again.count == 1);
    wr_suite_runner_init(&runner, &again, false);
    wr_suite_run_case(&runner, &again.cases[0]);
    wr_suite_runner_release(&runner);
    wr_suite_release(&again);
    wr_buf_release(&line);
    wr_test_update_release(&u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wr_suite suite = {0};
    struct wr_suite_runner runner;
    wr_suite_add_text(&suite, "fuzz", (wr_str){(const char *)data, size});
    wr_suite_check_ids(&suite);
    wr_suite_runner_init(&runner, &suite, true);
    for (size_t i = 0; i < suite.count; i++) {
        const struct wr_suite_result *result = wr_suite_run_case(&runner, &suite.cases[i]);
        wr_assert((result->state == WR_SUITE_PASSED) == (result->why.len == 0));
        if (result->state == WR_SUITE_FAILED) {
            update(&runner, &suite.cases[i]);
        }
    }
    struct wr_buf out = {0};
    wr_test_coverage_text(&runner.rules, &out);
    wr_test_coverage_json(&runner.rules, &out);
    wr_test_coverage_html(&runner.rules, &out);
    wr_buf_release(&out);
    wr_suite_runner_release(&runner);
    wr_suite_release(&suite);
    return 0;
}
