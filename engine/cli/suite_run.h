// Runs the cases of suites, each on its own: a rule's documents are compiled once, nothing else
// carries over. Thread: start.
#ifndef WR_ENGINE_CLI_SUITE_RUN_H
#define WR_ENGINE_CLI_SUITE_RUN_H

#include "engine/cli/cases.h"
#include "engine/cli/suite.h"
#include "engine/cli/suite_diff.h"
#include "engine/rules/rule.h"
#include "sql/coverage.h"

// A template of an action, over all cases in which its action ran.
struct wr_suite_template {
    const struct wr_rule_action *action;
    const struct wr_template_use *use;
    wr_str text;                          // as written
    uint64_t resolved, undefined, failed; // undefined: an expression of it was Undefined or Null
};

// A rule that cases name, with what they covered of it.
struct wr_suite_rule {
    char *key;             // the document's path, or the document itself
    bool inlined;          // the key is the document
    struct wr_rule *rule;  // NULL: refused
    struct wr_fault fault; // why
    uint32_t line, column; // of the fault in the statement; 0: elsewhere
    uint64_t cases;
    struct wr_coverage *coverage; // NULL: not asked for
    size_t left_out;
    struct wr_suite_template *templates;
    size_t template_count;
};

// One action as it would have been sent.
struct wr_suite_action {
    const struct wr_rule_action *action;
    const struct wr_param *params; // NULL: it failed
    wr_str why;                    // it failed: why
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
    struct wr_suite_rule *rule; // NULL: a case with sql or template
    struct wr_suite_action actions[WR_RULE_ACTIONS_MAX];
    size_t action_count; // 0 when the rule did not fire
    struct wr_suite_action error_action;
    bool has_error_action; // as it would run after a failed action
    wr_value expect;       // an OBJECT
    struct wr_buf why;     // FAILED, BROKEN: lines
    int64_t took_us;
};

struct wr_suite_runner {
    const struct wr_suite *suite;
    bool coverage;
    struct wr_arena arena;
    struct wr_metrics *metrics;
    struct wr_suite_rule **rules; // in the order of their first use
    size_t rule_count;
    struct wr_diff diff;
    struct wr_suite_result result;
};

void wr_suite_runner_init(struct wr_suite_runner *r, const struct wr_suite *suite, bool coverage);
void wr_suite_runner_release(struct wr_suite_runner *r);

// The answer is borrowed.
const struct wr_suite_result *wr_suite_run_case(struct wr_suite_runner *r,
                                                const struct wr_suite_case *c);

// suite_judge.c: compares r->result with its `expect`, fills `why`.
wr_err wr_suite_judge(struct wr_suite_runner *r, const struct wr_case *ran,
                      struct wr_fault *fault) WR_MUST_CHECK;

#endif
