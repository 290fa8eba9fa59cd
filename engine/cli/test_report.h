// How `weir test` shows results: text, TAP, JSON on standard output; JUnit XML in a file.
// Thread: start.
#ifndef WR_ENGINE_CLI_TEST_REPORT_H
#define WR_ENGINE_CLI_TEST_REPORT_H

#include "engine/cli/suite_run.h"

enum wr_test_style { WR_TEST_TEXT, WR_TEST_TAP, WR_TEST_JSON };

struct wr_test_report {
    enum wr_test_style style;
    size_t total; // cases that will run
    size_t done, passed, failed, broken;
    int64_t took_us; // of the cases
    bool colour_;
    int64_t shown_us_; // since the start, when progress was shown last
    wr_mono start_;
    bool line_; // the progress line is on the terminal
};

void wr_test_report_begin(struct wr_test_report *r);
void wr_test_report_case(struct wr_test_report *r, const struct wr_suite *s,
                         const struct wr_suite_case *c, const struct wr_suite_result *result);
// No case follows: the totals. Of JSON the end is still open, for the coverage.
void wr_test_report_end(struct wr_test_report *r);

// Every line of `text` behind `before` on standard output. Marks of suite_diff.h become colours or
// nothing; what would move a terminal's cursor becomes a question mark.
void wr_test_print(const char *before, wr_str text, bool colour);

// ---- JUnit, test_junit.c. Zeroed memory is empty.

struct wr_test_junit {
    struct wr_buf suites; // the <testsuite>s so far
    struct wr_buf file;   // the <testcase>s of the file under way
    size_t cases, failed, broken;
    int64_t us;
};

void wr_test_junit_case(struct wr_test_junit *j, const char *file, const struct wr_suite_case *c,
                        const struct wr_suite_result *result);
// The last case of a file was reported.
void wr_test_junit_file(struct wr_test_junit *j, const char *file);
// Fault: the file cannot be written.
wr_err wr_test_junit_write(struct wr_test_junit *j, const struct wr_test_report *totals,
                           const char *path, struct wr_fault *fault) WR_MUST_CHECK;
void wr_test_junit_release(struct wr_test_junit *j);

#endif
