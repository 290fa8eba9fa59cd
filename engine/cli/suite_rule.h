// The rules and statements that cases name, each compiled once, with what the cases covered of it.
// Thread: start.
#ifndef WR_ENGINE_CLI_SUITE_RULE_H
#define WR_ENGINE_CLI_SUITE_RULE_H

#include "engine/cli/suite.h"
#include "engine/rules/rule.h"
#include "sql/coverage.h"

#define WR_SUITE_RULES_MAX 50000 // of one run; each keeps its program, some kilobytes

// A template of an action, over all cases in which its action ran.
struct wr_suite_template {
    const struct wr_rule_action *action;
    const struct wr_template_use *use;
    wr_str text;                          // as written
    uint64_t resolved, undefined, failed; // undefined: an expression of it was Undefined or Null
};

enum wr_suite_rule_kind {
    WR_SUITE_DOCUMENT,  // a file; the key is its path
    WR_SUITE_INLINE,    // a document in the case; the key is the document without blanks
    WR_SUITE_STATEMENT, // sql and sqlVersion of a case; the key is the statement
};

struct wr_suite_rule {
    enum wr_suite_rule_kind kind;
    char *key;
    char *label; // what people call it: the rule's name, or of which case it is
    const struct wr_program *program; // NULL: refused
    struct wr_rule *rule;             // NULL: refused, or a statement
    struct wr_program *statement;     // NULL: refused, or a rule
    wr_str sql;                       // of the program
    struct wr_fault fault;            // why refused; line and column are of the statement, or 0
    uint64_t cases;
    struct wr_coverage *coverage; // NULL: not asked for, or refused
    size_t left_out;              // places that could not be measured
    size_t messages_left_out;     // likewise
    struct wr_suite_template *templates;
    size_t template_count;
};

struct wr_suite_rules {
    bool coverage;
    struct wr_metrics *metrics;
    struct wr_suite_rule **all; // in the order of their first use
    size_t count, cap_;
    struct wr_suite_name *names_; // hash table: what cases wrote, and what it stands for
    size_t name_count_, name_cap_;
};

void wr_suite_rules_init(struct wr_suite_rules *r, bool coverage);
void wr_suite_rules_release(struct wr_suite_rules *r);

// The rule that the case's `rule` names, as seen from the folder of `suite`; or the statement of
// its `sql` and `sqlVersion`. One that is refused is found too, with its fault. Fault: no document
// is there.
wr_err wr_suite_rules_find(struct wr_suite_rules *r, const char *suite, const char *id,
                           const struct wr_line *line, struct wr_arena *arena,
                           struct wr_suite_rule **out, struct wr_fault *fault) WR_MUST_CHECK;

// Where template `use` of one of the rule's actions is counted.
struct wr_suite_template *wr_suite_rule_template(struct wr_suite_rule *rule,
                                                 const struct wr_template_use *use);

#endif
