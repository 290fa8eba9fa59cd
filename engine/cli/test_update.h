// Takes what came out of failed cases as what is expected: `weir test --update`. Thread: start.
#ifndef WR_ENGINE_CLI_TEST_UPDATE_H
#define WR_ENGINE_CLI_TEST_UPDATE_H

#include "engine/cli/suite_run.h"

// One place of a suite's text.
struct wr_test_edit {
    const struct wr_suite_case *at;
    wr_str old; // in the file's text
    char *text; // what shall stand there
};

// Zeroed memory is empty.
struct wr_test_update {
    struct wr_test_edit *edits; // in the order of files and places
    size_t count, cap_;
    size_t cases;
};

// Remember what came out of a case that failed. The shape stays: members of `expect` that hold are
// left as they are written, also {"matches"}; of actions the members that are given.
void wr_test_update_add(struct wr_test_update *u, struct wr_suite_runner *r,
                        const struct wr_suite_case *c);
// Show the edits, ask on the terminal unless `yes`, write the files: all else in them stays.
// *written: the answer was yes. Fault: what cannot be written.
wr_err wr_test_update_write(struct wr_test_update *u, const struct wr_suite *s, bool yes,
                            bool *written, struct wr_fault *fault) WR_MUST_CHECK;
void wr_test_update_release(struct wr_test_update *u);

#endif
