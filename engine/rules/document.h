// One rule document as people write it (actions.md 1): JSON in, checked members out. Statements and
// templates are compiled later, by rule.h.
// Thread: loop. Not for the message path.
#ifndef WR_ENGINE_RULES_DOCUMENT_H
#define WR_ENGINE_RULES_DOCUMENT_H

#include "sinks/sink.h"
#include "sql/base/arena.h"
#include "sql/base/err.h"

#define WR_RULE_NAME_MAX    128          // API model
#define WR_RULE_ACTIONS_MAX 10           // API model, and the quota
#define WR_DOCUMENT_MAX     (128 * 1024) // SQL, actions, error action, version, description as JSON
#define WR_DOCUMENT_FILE_MAX \
    (1024 * 1024) // the text with its blanks; bounds what is read into memory

struct wr_document_action {
    const struct wr_sink_impl *impl;
    size_t param_count; // options of the impl
    struct wr_param
        *params;      // in the order of impl->options, defaults filled in, templates as written
    bool *constant;   // per parameter: false where a template is in it
    const char *path; // "actions[0].s3"
};

// Everything lives in the arena, texts are terminated.
struct wr_document {
    struct wr_arena arena;
    wr_str name;
    wr_str sql;
    wr_str sql_version; // as written; empty: not given
    wr_str description;
    bool disabled;
    size_t action_count;
    struct wr_document_action *actions; // at most WR_RULE_ACTIONS_MAX
    bool has_error_action;
    struct wr_document_action error_action;
};

// How a document is read. Without `report` the first fault ends it. With it every fault is told,
// at the path of its member ("actions[0].s3.key"; "" for the whole), and reading goes on behind it:
// what had a fault is then missing from the document.
struct wr_document_options {
    const struct wr_sink_impl *const *kinds; // NULL-terminated: wr_sink_list, wr_sink_shapes
    void (*report)(void *user, const char *path, const struct wr_fault *fault);
    void *user;
    size_t size; // of the text, about; 0: not known
};

// 1..128 of A-Z a-z 0-9 _
wr_err wr_rule_name_check(wr_str name, struct wr_fault *fault) WR_MUST_CHECK;

// Read `text`: a bare payload, {"topicRulePayload"} or {"ruleName", "topicRulePayload"}.
// `file_name` names the rule when the document does not: its last part without ".json". `kinds` is
// a NULL-terminated list of sinks (wr_sink_list). A syntax fault has line and column; others begin
// with the member's path, as in "actions[0].s3.key: …". Give: wr_document_free() it.
wr_err wr_document_parse(wr_str text, const char *file_name,
                         const struct wr_sink_impl *const *kinds, struct wr_document **out,
                         struct wr_fault *fault) WR_MUST_CHECK;

// The same from JSON that was read already; jansson's json_t.
struct json_t;
wr_err wr_document_read(const struct json_t *root, const char *file_name,
                        const struct wr_document_options *options, struct wr_document **out,
                        struct wr_fault *fault) WR_MUST_CHECK;
void wr_document_free(struct wr_document *d);

// The name that AWS gives to what somebody may have meant by `name`, among the names in `known`
// (NULL-terminated): equal but for case, or at most two letters off. NULL: nothing is near.
const char *wr_name_nearest(wr_str name, const char *const *known);

#endif
