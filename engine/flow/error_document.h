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
    uint64_t batch; // failures of one action with the same number are one; 0: its own
};

// Failures of one rule on one message, in the order of its actions.
struct wr_failed_message {
    const struct wr_sql_message *message;
    const struct wr_failure *failures;
    size_t count;
};

// How the failures are told of: as those of a message (6.1), or of a batch (6.2).
enum wr_batching wr_error_document_batching(const struct wr_failure *failures, size_t count);

// Append the document of a batch (6.2), ids from 1 in the order of `messages`.
void wr_error_document_write_batch(struct wr_buf *doc, const struct wr_failed_message *messages,
                                   size_t count, wr_str rule_name, struct wr_arena *arena);

// Append the document for `count` failures of one rule on one message, in the order of its actions.
// Of an action that sends batches it is that of a batch of one.
// `arena` serves what is made in between; doc->over when it does not fit.
void wr_error_document_write(struct wr_buf *doc, const struct wr_sql_message *m, wr_str rule_name,
                             const struct wr_failure *failures, size_t count,
                             struct wr_arena *arena);

#endif
