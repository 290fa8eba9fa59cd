// What the flow tells the log about messages: the events of AWS's logs (actions.md 5), with AWS's
// names for their members. Limited to a line a second each: a sample, in a flood. Thread: loop.
#ifndef WR_ENGINE_FLOW_SAY_H
#define WR_ENGINE_FLOW_SAY_H

#include "engine/flow/run.h"

// RuleExecution, Failure: an action has failed finally.
void wr_say_action_failed(const struct wr_engine_record *er);
// RuleExecution, Failure: the statement, or what it made, failed.
void wr_say_evaluation_failed(const struct wr_run *r, const char *why);
// The message goes to the dead letters; `id` is its delivery id.
void wr_say_buried(const struct wr_run *r, const char *reason, const char *id);
// Basic Ingest names a rule that is not there.
void wr_say_rule_not_found(const struct wr_message *m, wr_str rule);

// With log.level debug only: RuleMatch, and RuleExecution with Success.
void wr_say_matched(const struct wr_run *r);
void wr_say_delivered(const struct wr_engine_record *er);

#endif
