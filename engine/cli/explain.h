// `weir explain`, as its files share it: what is explained, on which message, and who writes it
// down. Thread: start.
#ifndef WR_ENGINE_CLI_EXPLAIN_H
#define WR_ENGINE_CLI_EXPLAIN_H

#include "engine/cli/case_host.h"
#include "engine/cli/message_line.h"
#include "engine/rules/rule.h"
#include "sql/explain/values.h"

#define WR_EXPLAIN_BYTES_MAX        (256u << 20) // memory beside the tree of values
#define WR_EXPLAIN_INSTRUCTIONS_MAX 1000         // that are listed: more nobody reads
#define WR_EXPLAIN_DIFFERENCES_MAX  10           // messages shown in full by a comparison

// Where a template stands in the rule document: by its number in the program.
struct wr_explain_template {
    char *parameter; // "actions[0].s3.key"
    wr_str text;     // as written
};

// A statement or a rule document, compiled.
struct wr_explain_subject {
    const char *file;       // NULL: a statement on the command line
    struct wr_rule *rule;   // NULL: a statement
    struct wr_program *own; // of a statement
    const struct wr_program *program;
    wr_str given_version; // awsIotSqlVersion of the document, or of --sql-version; empty: none
    struct wr_explain_template *templates;
    size_t template_count;
    struct wr_metrics *metrics_;
    struct wr_buf text_; // of the file
};

// Compile what `given` is: a statement, or the path of a rule document. `version` (NULL: the
// document's; 2016-03-23 for a statement). False: *why holds lines that say what is wrong with it,
// for stderr. Release it in any case.
bool wr_explain_subject_init(struct wr_explain_subject *s, const char *given, const char *version,
                             struct wr_buf *why) WR_MUST_CHECK;
void wr_explain_subject_release(struct wr_explain_subject *s);

// A message, with what answers look-ups.
struct wr_explain_message {
    struct wr_sql_message m; // the caller's part
    bool has_payload;        // else only the topic is explained
    bool addressed;          // Basic Ingest: the topic names a rule, FROM is not asked
    bool matches;            // by its topic
    wr_str other_rule;       // Basic Ingest that names another rule
    struct wr_case_host host;
    bool answers; // there is a context for look-ups
};

// What has been asked for and found; the writers take it apart.
struct wr_explain {
    const struct wr_explain_subject *subject;
    const struct wr_explain_message *message; // NULL: none given
    struct wr_values *values;                 // NULL: no payload given
    struct wr_arena *arena;
    bool program; // the rule itself is asked for as well
    bool colour;
};

// explain_text.c, explain_json.c: append it all.
void wr_explain_write_text(const struct wr_explain *x, struct wr_buf *out);
void wr_explain_write_json(const struct wr_explain *x, struct wr_buf *out);

// explain_compare.c: the messages of `path` under the subject's version and under `version`.
// Returns the exit status; lines are appended to `out`, faults are said on stderr.
int wr_explain_compare(const char *given, const char *version, const char *path, bool json,
                       struct wr_buf *out);

#endif
