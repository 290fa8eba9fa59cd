// How `weir test` shows results: text, TAP, JUnit XML. Thread: start.
#ifndef WR_ENGINE_CLI_TEST_REPORT_H
#define WR_ENGINE_CLI_TEST_REPORT_H

#include "engine/cli/suite_run.h"

struct wr_test_report {
    bool tap;
    bool want_junit;
    size_t total; // cases that will run
    size_t done, passed, failed, broken;
    struct wr_buf junit_; // the <testsuite>s so far
    struct wr_buf file_;  // the <testcase>s of the file under way
    size_t file_cases_, file_failed_, file_broken_;
    int64_t file_us_, all_us_;
    int64_t shown_us_; // since the start, when progress was shown last
    wr_mono start_;
    bool line_; // the progress line is on the terminal
};

void wr_test_report_begin(struct wr_test_report *r);
void wr_test_report_case(struct wr_test_report *r, const struct wr_suite *s,
                         const struct wr_suite_case *c, const struct wr_suite_result *result);
// The last case of a file was reported.
void wr_test_report_file(struct wr_test_report *r, const char *name);
void wr_test_report_end(struct wr_test_report *r);
// Fault: the file cannot be written.
wr_err wr_test_report_junit(struct wr_test_report *r, const char *path,
                            struct wr_fault *fault) WR_MUST_CHECK;
void wr_test_report_release(struct wr_test_report *r);

// The whole file at once: a reader sees the old one or the new one.
wr_err wr_test_write_file(const char *path, wr_str text, struct wr_fault *fault) WR_MUST_CHECK;
// `s` for XML and HTML, also in attributes; what XML cannot hold becomes U+FFFD.
void wr_test_add_xml(struct wr_buf *b, wr_str s);

#endif
