// dynamoDB and dynamoDBv2 (actions.md 4.2 and 4.3): the members of both actions, and the write that
// a record means, for their local and their AWS form.
// Thread: loop.
#ifndef WR_SINKS_DYNAMODB_ACTION_H
#define WR_SINKS_DYNAMODB_ACTION_H

#include "sinks/dynamodb/store.h"
#include "sinks/sink.h"

#define WR_DYNAMODB_KEY_NAME_MAX 255 // bytes of a key attribute's name

enum {
    WR_DYNAMODB_V1_ROLE,
    WR_DYNAMODB_V1_TABLE,
    WR_DYNAMODB_V1_HASH_FIELD,
    WR_DYNAMODB_V1_HASH_VALUE,
    WR_DYNAMODB_V1_HASH_TYPE,
    WR_DYNAMODB_V1_RANGE_FIELD,
    WR_DYNAMODB_V1_RANGE_VALUE,
    WR_DYNAMODB_V1_RANGE_TYPE,
    WR_DYNAMODB_V1_PAYLOAD_FIELD,
    WR_DYNAMODB_V1_OPERATION,
};

extern const struct wr_option wr_dynamodb_options[];
wr_err wr_dynamodb_check(const struct wr_param *params, const bool *constant,
                         struct wr_fault *fault);

enum { WR_DYNAMODB_V2_ROLE, WR_DYNAMODB_V2_TABLE };

extern const struct wr_option wr_dynamodb_v2_options[];
wr_err wr_dynamodb_v2_check(const struct wr_param *params, const bool *constant,
                            struct wr_fault *fault);

#define WR_DYNAMODB_ACTION                                                                      \
    .name = "dynamoDB", .failed_action = "DynamoAction",                                        \
    .help = "Writes the result into one attribute of an item.", .options = wr_dynamodb_options, \
    .resource_option = WR_DYNAMODB_V1_TABLE, .check = wr_dynamodb_check
#define WR_DYNAMODB_V2_ACTION                                                   \
    .name = "dynamoDBv2", .failed_action = "DynamoDBv2Action",                  \
    .help = "Writes each member of the result as an attribute of an item.",     \
    .options = wr_dynamodb_v2_options, .resource_option = WR_DYNAMODB_V2_TABLE, \
    .check = wr_dynamodb_v2_check

// Settings of both forms: the keys of tables.
#define WR_DYNAMODB_TABLES                                                            \
    {"tables.*.hash_key", WR_OPT_STRING,                                              \
     WR_OPT_REQUIRED,     .max = WR_DYNAMODB_KEY_NAME_MAX,                            \
     .unit = "bytes",     .help = "Name of the table's partition key."},              \
        {"tables.*.hash_type",                                                        \
         WR_OPT_CHOICE,                                                               \
         0,                                                                           \
         "S",                                                                         \
         .choices = "S|N|B",                                                          \
         .help = "Type of the partition key: string, number or binary."},             \
        {"tables.*.range_key",                                                        \
         WR_OPT_STRING,                                                               \
         0,                                                                           \
         "",                                                                          \
         .max = WR_DYNAMODB_KEY_NAME_MAX,                                             \
         .unit = "bytes",                                                             \
         .help = "Name of the table's sort key, if it has one."},                     \
    {                                                                                 \
        "tables.*.range_type", WR_OPT_CHOICE, 0, "S", .choices = "S|N|B",             \
                                                      .help = "Type of the sort key." \
    }

// Table number `index` of the settings: its name and keys, borrowed from them.
wr_err wr_dynamodb_declared(const struct wr_settings *settings, size_t index, wr_str *table,
                            struct wr_dynamodb_schema *schema,
                            struct wr_fault *fault) WR_MUST_CHECK;

// What a record writes.
struct wr_dynamodb_write {
    enum wr_dynamodb_op op;
    wr_str table;
    struct wr_dynamodb_schema schema; // of a dynamoDB action; dynamoDBv2 does not say: hash_type 0
    struct wr_dynamodb_item item;     // as in struct wr_dynamodb_job
};

// NULL and the write, made in the record's arena; or what is wrong with it, in DynamoDB's words.
const char *wr_dynamodb_read_v1(struct wr_record *rec, struct wr_dynamodb_write **out);
const char *wr_dynamodb_read_v2(struct wr_record *rec, struct wr_dynamodb_write **out);

#endif
