// The document that an error action gets instead of the result (actions.md 5 and 6.1): for the
// flow, and for tests of rules. Thread: the arena's owner.
#ifndef WR_ENGINE_FLOW_ERROR_DOCUMENT_H
#define WR_ENGINE_FLOW_ERROR_DOCUMENT_H

#include "engine/rules/rule.h"

// An action that failed finally.
struct wr_failure {
    const struct wr_rule_action *action;
    const struct wr_param *params; // after templates; NULL: they did not resolve
    wr_str resource, message;      // message: without its "Message arrived on" tail
};

// Append the document for `count` failures of one rule on one message, in the order of its actions.
// `arena` serves what is made in between; doc->over when it does not fit.
void wr_error_document_write(struct wr_buf *doc, const struct wr_sql_message *m, wr_str rule_name,
                             const struct wr_failure *failures, size_t count,
                             struct wr_arena *arena);

#endif
