// Runs the cases of suites, each on its own: rules are compiled once, nothing else carries over.
//
//   case ─► rule (suite_rule.h) ─► statement ─► actions, error action (suite_action.c)
//        ─► comparison with `expect` (suite_judge.c) ─► differences as lines (suite_diff.h)
// Thread: start.
#ifndef WR_ENGINE_CLI_SUITE_RUN_H
#define WR_ENGINE_CLI_SUITE_RUN_H

#include "engine/cli/cases.h"
#include "engine/cli/suite_diff.h"
#include "engine/cli/suite_rule.h"

// One action as it would have been sent.
struct wr_suite_action {
    const struct wr_rule_action *action;
    const struct wr_param *params; // after templates; NULL: one of them failed
    wr_str body;                   // the result, or the error document
    bool json;                     // the body is JSON
    bool failed;
    bool planned;    // failed, because context.failures says so
    wr_str resource; // failed: the resolved primary name, as in the error document
    wr_str why;      // failed
};

enum wr_suite_state {
    WR_SUITE_PASSED,
    WR_SUITE_FAILED,
    WR_SUITE_BROKEN, // the case itself is wrong
};

// Lives until the next wr_suite_run_case().
struct wr_suite_result {
    enum wr_suite_state state;
    struct wr_case_answer answer;
    struct wr_suite_rule *rule; // NULL: a case with template
    struct wr_suite_action actions[WR_RULE_ACTIONS_MAX];
    size_t action_count; // 0 when the rule did not fire
    struct wr_suite_action error_action;
    bool has_error_action; // it ran: an action failed, and the rule has one
    wr_value expect;       // an OBJECT
    uint32_t differs;      // bit i: member i of expect does not hold
    struct wr_buf why;     // FAILED, BROKEN: lines, with marks of suite_diff.h
    int64_t took_us;
};

struct wr_suite_runner {
    const struct wr_suite *suite;
    struct wr_arena arena;
    struct wr_suite_rules rules;
    struct wr_diff diff;
    struct wr_suite_result result;
};

void wr_suite_runner_init(struct wr_suite_runner *r, const struct wr_suite *suite, bool coverage);
void wr_suite_runner_release(struct wr_suite_runner *r);

// The answer is borrowed.
const struct wr_suite_result *wr_suite_run_case(struct wr_suite_runner *r,
                                                const struct wr_suite_case *c);

// ---- suite_action.c

// The rule has fired: fill result.actions, and when one failed result.error_action. Fault:
// context.failures names what the rule does not have.
wr_err wr_suite_run_actions(struct wr_suite_runner *r, struct wr_case *ran,
                            struct wr_fault *fault) WR_MUST_CHECK;

// ---- suite_judge.c

// Compare r->result with its `expect`: lines in `why`, bits in `differs`. `ran` is NULL when
// nothing was evaluated.
wr_err wr_suite_judge(struct wr_suite_runner *r, const struct wr_case *ran,
                      struct wr_fault *fault) WR_MUST_CHECK;

#endif
