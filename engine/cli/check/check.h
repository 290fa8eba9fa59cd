// `weir check`: the run as a whole. Files become rules (form_*.c), each rule is looked at alone
// (rule.c, action.c) and then all together (all.c); what is found goes to reports (report*.c).
//
//   path ─► source ─► tree ─► form: rule document in the API's form, each node with its place ─►
//   document, program, templates ─► findings
//
// Thread: start. Everything lives until wr_check_release().
#ifndef WR_ENGINE_CLI_CHECK_CHECK_H
#define WR_ENGINE_CLI_CHECK_CHECK_H

#include "engine/cli/check/finding.h"
#include "engine/rules/document.h"
#include "sql/outline.h"
#include "sql/sql.h"

#include <stdio.h>

#define WR_CHECK_FILES_MAX 10000 // in folders; as many as a folder of rules may have
#define WR_CHECK_RULES_MAX 10000 // AWS has 1,000 in an account by default
#define WR_CHECK_DEPTH_MAX 32    // folders in folders

// --param NAME=VALUE and --table NAME=hash[,range].
struct wr_check_pair {
    const char *name, *value;
};

struct wr_check_options {
    const struct wr_check_pair *params, *tables;
    size_t param_count, table_count;
    bool lenient;
};

enum wr_check_form { WR_FORM_RULE, WR_FORM_CLOUDFORMATION, WR_FORM_TERRAFORM };

struct wr_check_rule {
    const struct wr_source *source;
    size_t file_index;
    enum wr_check_form form;
    const char *id; // for people: rule name, logical id, address
    // The document as the API has it: a payload or {"ruleName", "topicRulePayload"}.
    const struct wr_tree *document, *payload;
    // What looking at it adds:
    struct wr_document *d;      // NULL until read
    struct wr_program *program; // NULL: the statement is not valid
    struct wr_outline outline;  // with a program
    bool sealed;                // the program, with every template in it
    uint64_t ignored[8];        // as in struct wr_findings, from the description
};

struct wr_check {
    const struct wr_check_options *options;
    struct wr_findings findings;
    struct wr_source **sources; // those that hold rules
    size_t source_count, file_count;
    size_t passed_over; // files of folders that hold no rule
    struct wr_check_rule **rules;
    size_t rule_count;
    struct {
        const char *label; // the resource's "TYPE.NAME" part
        struct wr_source *source;
        size_t file_index;
        struct wr_place at;
    } * hcl; // blocks of .tf files, which a plan may cover
    size_t hcl_count;
    struct {
        const char *name, *hash, *range; // keys of a table that a file declares
    } * tables;
    size_t table_count;
    struct wr_arena arena;
    bool unreadable; // something named could not be read
    size_t file_index;
};

void wr_check_init(struct wr_check *c, const struct wr_check_options *options);
void wr_check_release(struct wr_check *c);

// Read a file, or all of a folder. Troubles are findings, or a line on stderr and c->unreadable.
void wr_check_add_path(struct wr_check *c, const char *path);

// The same for text that is not in a file; `name` decides on the form as a file's name does.
void wr_check_add_text(struct wr_check *c, const char *name, wr_str text);

// After all paths: look at everything. Findings are sorted then.
void wr_check_run(struct wr_check *c);

// ---- for the forms

// Turn source->root into rules; `asked`: the file was named, so that holding none is a finding.
// False: it holds no rule, and nothing of it is needed.
bool wr_form_read(struct wr_check *c, struct wr_source *s, bool asked);
bool wr_form_cloudformation(struct wr_check *c, struct wr_source *s);
bool wr_form_terraform(struct wr_check *c, struct wr_source *s);
bool wr_form_hcl(struct wr_check *c, struct wr_source *s);

// A rule found. `document` is a map in the API's form.
struct wr_check_rule *wr_check_add_rule(struct wr_check *c, struct wr_source *s,
                                        enum wr_check_form form, const char *id,
                                        const struct wr_tree *document);
// Keys of a table, for what dynamoDBv2 puts. Texts are copied.
void wr_check_add_table(struct wr_check *c, wr_str name, wr_str hash, wr_str range);
// NULL: not given.
const char *wr_check_param(const struct wr_check *c, const char *name);

// A finding at a place of a file; `rule` may be NULL.
void wr_check_at(struct wr_check *c, int number, const struct wr_source *s, struct wr_place at,
                 const char *rule, const char *format, ...) WR_PRINTF(6, 7);

// ---- for what looks at rules

// A finding at the member `path` of the rule's payload ("" for all of it).
void wr_check_member(struct wr_check *c, const struct wr_check_rule *r, int number,
                     const char *path, const char *format, ...) WR_PRINTF(5, 6);
// The same at byte `at` of the member's text. `fault_line` and column are within the text.
void wr_check_text(struct wr_check *c, const struct wr_check_rule *r, int number, const char *path,
                   size_t at, uint32_t line, uint32_t column, const char *message);

// The member's value hangs on something that is not known.
bool wr_check_unknown(const struct wr_check_rule *r, const char *path);

// rule.c: document, statement, templates: all that is an error. Before the other three.
void wr_check_rule_alone(struct wr_check *c, struct wr_check_rule *r);
// rule.c: what the linter says about statement and templates.
void wr_check_lint(struct wr_check *c, struct wr_check_rule *r);
// action*.c: traps of the actions.
void wr_check_actions(struct wr_check *c, struct wr_check_rule *r);
// together.c: keys of tables, from rules that name them; then what rules do to each other.
void wr_check_infer_tables(struct wr_check *c);
void wr_check_together(struct wr_check *c);
// Another rule of the run selects the topic.
bool wr_check_selected(const struct wr_check *c, wr_str topic);

// Calls `visit` for each text of an action that may hold a template, with its path.
void wr_check_texts(const struct wr_document_action *a,
                    void (*visit)(void *user, const char *path, wr_str text), void *user);

// ---- reports, to `out`

void wr_report_text(const struct wr_check *c, bool colour, FILE *out);
void wr_report_json(const struct wr_check *c, FILE *out);
void wr_report_sarif(const struct wr_check *c, FILE *out);
void wr_report_codes(bool markdown, FILE *out);
void wr_report_explain(const struct wr_check_code *code, FILE *out);

#endif
