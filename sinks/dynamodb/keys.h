// The keys of tables that dynamoDBv2 writes to, for its AWS form: declared in weir.yaml, or asked
// for once (DescribeTable). Whoever knows the key can write in its order, and together. Thread:
// loop.
#ifndef WR_SINKS_DYNAMODB_KEYS_H
#define WR_SINKS_DYNAMODB_KEYS_H

#include "sinks/dynamodb/action.h"
#include "sinks/lib/aws_form.h"

#define WR_DYNAMODB_KEYS_MAX      256    // tables asked for: names may come from templates
#define WR_DYNAMODB_KEYS_AGAIN_MS 600000 // after a refusal; the role or the table may come later

struct wr_dynamodb_keys;

// `go_on` gets each record that has waited for an answer. `describe` false: nobody is asked.
wr_err wr_dynamodb_keys_open(struct wr_sink *sink, struct wr_aws *aws,
                             const struct wr_aws_form_kind *kind,
                             const struct wr_settings *settings, bool describe,
                             void (*go_on)(void *user, struct wr_record *rec), void *user,
                             struct wr_dynamodb_keys **out, struct wr_fault *fault) WR_MUST_CHECK;

// True: `rec` is held until the answer is there. False: *schema is the table's, or NULL where
// nobody tells it.
bool wr_dynamodb_keys_find(struct wr_dynamodb_keys *k, wr_str table, struct wr_record *rec,
                           const struct wr_dynamodb_schema **schema);

// Calls under way end; records that wait go on. Then `closed`, from the loop or from inside, once.
void wr_dynamodb_keys_close(struct wr_dynamodb_keys *k, void (*closed)(void *user), void *user);

#endif
