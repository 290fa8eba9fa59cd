// Takes what came out of failed cases as what is expected: `weir test --update`. Thread: start.
#ifndef WR_ENGINE_CLI_TEST_UPDATE_H
#define WR_ENGINE_CLI_TEST_UPDATE_H

#include "engine/cli/suite_run.h"

struct wr_test_change {
    const struct wr_suite_case *at;
    char *expect; // the new member, as JSON
};

// Zeroed memory is empty.
struct wr_test_update {
    struct wr_test_change *changes;
    size_t count;
};

// Remember what came out of a case that failed. The shape stays: members that `expect` gives, and
// {"matches"} where they still match.
void wr_test_update_add(struct wr_test_update *u, struct wr_suite_runner *r,
                        const struct wr_suite_case *c);
// Show the changes, ask on the terminal (or read the answer from standard input), write the files:
// of each line only `expect` changes. Fault: what cannot be written.
wr_err wr_test_update_ask(struct wr_test_update *u, const struct wr_suite *s,
                          struct wr_fault *fault) WR_MUST_CHECK;
void wr_test_update_release(struct wr_test_update *u);

#endif
