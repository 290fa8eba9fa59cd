// A rule, compiled: program, actions, the templates in their parameters. Immutable, shared by rule
// sets through locks; only its counters change. Thread: loop; a worker (flow/workers.h) that was
// given the rule reads the program, the owner's account, and the actions but for their counters.
#ifndef WR_ENGINE_RULES_RULE_H
#define WR_ENGINE_RULES_RULE_H

#include "engine/observe/metrics.h"
#include "engine/rules/document.h"
#include "sql/sql.h"

// Where an expanded template goes.
enum wr_template_part_of { WR_PART_TEXT, WR_PART_KEY, WR_PART_VALUE };

struct wr_template_use {
    uint32_t id;    // in the rule's program
    uint32_t param; // index into params
    uint32_t pair;  // KEY, VALUE: index into the pairs
    enum wr_template_part_of part;
};

struct wr_rule_action {
    const struct wr_sink_impl *impl;
    size_t kind; // index of impl in the list of kinds
    size_t param_count;
    const struct wr_param *params;           // in the order of impl->options; templates as written
    size_t template_count;                   // 0: params serve every record as they are
    const struct wr_template_use *templates; // in the order of the parameters
    struct wr_action_counters *counters;
    const char *path; // "actions[0].s3"
    uint64_t secret;  // parameters that hold secrets, a bit each: the spool does not keep them
};

// Whose rule it is: a tenant's, in a region.
struct wr_rule_owner {
    wr_str account; // accountid(); at NULL: the host's
    // In front of the rule's name where names of all tenants stand side by side: counters, spool,
    // traces, dead letters. "acme/eu-west-1/"; empty for rules of files and their like.
    wr_str label;
    uint32_t space; // whose messages it sees: wr_source.space
};

struct wr_quota;

struct wr_rule {
    // What every message looks at comes first.
    const struct wr_program *program;
    struct wr_rule_counters *counters;
    const struct wr_sql_host *host; // of accountid() and its like; the flow's. NULL: any rule's
    struct wr_quota *quota; // its tenant's, which outlives it; NULL: none. Set before a set has it
    size_t action_count;
    const struct wr_rule_action *actions;
    wr_str name;  // unique: label and plain name
    wr_str plain; // as the document has it; the end of `name`
    struct wr_rule_owner owner;
    wr_str filter;                             // len 0: reached by Basic Ingest only
    const struct wr_rule_action *error_action; // NULL: none
    struct wr_document *document;
    struct wr_program *program_; // the same, to free it
    struct wr_rule_action *actions_;
    uint32_t locks_;
    bool enabled;
    bool error_action_dynamic; // the error action has templates
};

struct wr_rule_options {
    const struct wr_sink_impl *const *kinds; // NULL-terminated: wr_sink_list
    struct wr_metrics *metrics;              // NULL: see wr_rule_count()
    uint64_t fuel;                           // 0: the default
    wr_str sql_version;                      // at not NULL: instead of the document's
    const struct wr_rule_owner *owner;       // copied; NULL: nobody's
    bool turn, enabled; // turn: `enabled` says what the document's ruleDisabled does
};

// Compile a document's text. `file_name` as in wr_document_parse(). The text of a fault in SQL
// begins with "sql:LINE:COLUMN: ", within the statement; in a template with the member, likewise.
// Only JSON syntax faults have fault->line. Give: with one lock.
wr_err wr_rule_new(wr_str text, const char *file_name, const struct wr_rule_options *options,
                   struct wr_rule **out, struct wr_fault *fault) WR_MUST_CHECK;
// Give a rule that was made without metrics its counters, before it comes into a set: what is only
// tried leaves no trace in them.
void wr_rule_count(struct wr_rule *r, struct wr_metrics *metrics);
// The action's parameters as a table that may be written to, with pairs of its own, made in
// `arena`. NULL when that is full.
struct wr_param *wr_rule_action_params(const struct wr_rule_action *a, struct wr_arena *arena);
// Put what template `use` came to into such a table; the text is borrowed. `undefined`: an
// expression of it was Undefined or Null. Fault: the parameter cannot take it. No allocation.
wr_err wr_rule_action_put(const struct wr_rule_action *a, struct wr_param *params,
                          const struct wr_template_use *use, wr_str text, bool undefined,
                          struct wr_fault *fault) WR_MUST_CHECK;

// What is behind the label of a rule's name (wr_rule_owner).
wr_str wr_rule_plain_name(wr_str name);

// Give up what running does not need (wr_program_slim()). Before any set has the rule.
void wr_rule_slim(struct wr_rule *r, struct wr_program_pool *pool);

void wr_rule_lock(struct wr_rule *r);
void wr_rule_unlock(struct wr_rule *r); // the last one frees; NULL is accepted

#endif
