// Traps of actions, kind by kind: what action.c gives to the files with the kinds.
// Thread: start.
#ifndef WR_ENGINE_CLI_CHECK_ACTION_H
#define WR_ENGINE_CLI_CHECK_ACTION_H

#include "engine/cli/check/check.h"

// One action under look. For an error action the result is the error document.
struct wr_check_action {
    struct wr_check *c;
    struct wr_check_rule *r;
    const struct wr_document_action *a;
    bool is_error;
    // The result, as far as it is known.
    enum wr_outline_shape shape;
    bool passthrough; // the payload as it was published
    bool open;        // may have members that are not known
};

// NULL: not set. *constant (may be NULL): no template, and known.
const struct wr_param *wr_action_param(const struct wr_check_action *a, const char *name,
                                       bool *constant);
bool wr_action_is(const struct wr_check_action *a, const char *name, const char *value);
// What the member's templates read (sql/outline.h); WR_READS_LOOKUP too where the value is not
// known.
unsigned wr_action_reads(const struct wr_check_action *a, const char *name);
// The member is exactly ${timestamp()}.
bool wr_action_is_now(const struct wr_check_action *a, const char *name);
bool wr_text_is_now(wr_str text);
// The result has, or may have, this member at top level.
bool wr_action_result_has(const struct wr_check_action *a, wr_str name);

// A finding at a member of the action; `member` "" for the action.
void wr_action_find(const struct wr_check_action *a, int number, const char *member,
                    const char *format, ...) WR_PRINTF(4, 5);

// The result is not the object that the kind needs. `array`: one is fine too.
void wr_action_want_object(const struct wr_check_action *a, bool array);

// action_store.c
void wr_check_s3(const struct wr_check_action *a);
void wr_check_dynamodb(const struct wr_check_action *a);
void wr_check_dynamodb_v2(const struct wr_check_action *a);
void wr_check_timestream(const struct wr_check_action *a);
void wr_check_influx(const struct wr_check_action *a);
void wr_check_search(const struct wr_check_action *a);
void wr_check_metric(const struct wr_check_action *a);
void wr_check_site_wise(const struct wr_check_action *a);
void wr_check_location(const struct wr_check_action *a);

// action_send.c
void wr_check_lambda(const struct wr_check_action *a);
void wr_check_republish(const struct wr_check_action *a);
void wr_check_kafka(const struct wr_check_action *a);
void wr_check_sqs(const struct wr_check_action *a);
void wr_check_sns(const struct wr_check_action *a);
void wr_check_kinesis(const struct wr_check_action *a);
void wr_check_firehose(const struct wr_check_action *a);
void wr_check_http(const struct wr_check_action *a);
void wr_check_logs(const struct wr_check_action *a);
void wr_check_batch(const struct wr_check_action *a);

#endif
