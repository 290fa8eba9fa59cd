// Tables, checks, and from parameters and result to an item.
#include "sinks/dynamodb/action.h"

#include <stdio.h>

#include "sinks/dynamodb/number.h"

#include "sql/base/banned.h"

static const char no_memory[] = "The message is over its limit of memory";

const struct wr_option wr_dynamodb_options[] = {
    [WR_DYNAMODB_V1_ROLE] = {"roleArn", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_IGNORED,
                             .help = "Role that AWS assumes; here aws.roles says what it means."},
    [WR_DYNAMODB_V1_TABLE] =
        {"tableName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
         .help = "Table; locally made with this rule's keys when it is first written "
                 "to."},
    [WR_DYNAMODB_V1_HASH_FIELD] = {"hashKeyField", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                                   .min = 1, .max = WR_DYNAMODB_KEY_NAME_MAX, .unit = "bytes",
                                   .help = "Name of the partition key."},
    [WR_DYNAMODB_V1_HASH_VALUE] = {"hashKeyValue", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                                   .help = "Value of the partition key."},
    [WR_DYNAMODB_V1_HASH_TYPE] = {"hashKeyType", WR_OPT_CHOICE, WR_OPT_TEMPLATE, "STRING",
                                  .choices = "STRING|NUMBER", .help = "Type of the partition key."},
    [WR_DYNAMODB_V1_RANGE_FIELD] = {"rangeKeyField", WR_OPT_STRING, WR_OPT_TEMPLATE, .min = 1,
                                    .max = WR_DYNAMODB_KEY_NAME_MAX, .unit = "bytes",
                                    .help = "Name of the sort key."},
    [WR_DYNAMODB_V1_RANGE_VALUE] = {"rangeKeyValue", WR_OPT_STRING, WR_OPT_TEMPLATE,
                                    .help = "Value of the sort key."},
    [WR_DYNAMODB_V1_RANGE_TYPE] = {"rangeKeyType", WR_OPT_CHOICE, WR_OPT_TEMPLATE, "STRING",
                                   .choices = "STRING|NUMBER", .help = "Type of the sort key."},
    [WR_DYNAMODB_V1_PAYLOAD_FIELD] = {"payloadField", WR_OPT_STRING, WR_OPT_TEMPLATE, "payload",
                                      .help = "Attribute that takes the whole result."},
    [WR_DYNAMODB_V1_OPERATION] = {"operation", WR_OPT_CHOICE, WR_OPT_TEMPLATE, "INSERT",
                                  .choices = "INSERT|UPDATE|DELETE",
                                  .help =
                                      "INSERT replaces the item, UPDATE sets payloadField in it."},
    {0},
};

const struct wr_option wr_dynamodb_v2_options[] = {
    [WR_DYNAMODB_V2_ROLE] = {"roleArn", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_IGNORED,
                             .help = "Role that AWS assumes; here aws.roles says what it means."},
    [WR_DYNAMODB_V2_TABLE] =
        {"putItem.tableName", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
         .help = "Table; locally its key must be declared in weir.yaml or made by a rule "
                 "with dynamoDB."},
    {0},
};

// ---- a record's write

static char key_type(wr_str text)
{
    return wr_str_eq(text, WR_STR("STRING")) ? 'S' : wr_str_eq(text, WR_STR("NUMBER")) ? 'N' : 0;
}

static bool parse_operation(wr_str text, enum wr_dynamodb_op *op)
{
    static const struct {
        wr_str name;
        enum wr_dynamodb_op op;
    } operations[] = {
        {WR_STR_INIT("INSERT"), WR_DYNAMODB_PUT},
        {WR_STR_INIT("UPDATE"), WR_DYNAMODB_UPDATE},
        {WR_STR_INIT("DELETE"), WR_DYNAMODB_DELETE},
    };
    for (size_t i = 0; i < WR_COUNT(operations); i++) {
        if (wr_str_eq(operations[i].name, text)) {
            *op = operations[i].op;
            return true;
        }
    }
    return false;
}

// What is wrong with the parameters of a v1 action after templates, or NULL with schema and
// operation.
static const char *read_v1(const struct wr_param *params, struct wr_dynamodb_schema *schema,
                           enum wr_dynamodb_op *op)
{
    *schema = (struct wr_dynamodb_schema){
        .hash_name = params[WR_DYNAMODB_V1_HASH_FIELD].text,
        .hash_type = key_type(params[WR_DYNAMODB_V1_HASH_TYPE].text),
    };
    if (params[WR_DYNAMODB_V1_RANGE_FIELD].set) {
        schema->range_name = params[WR_DYNAMODB_V1_RANGE_FIELD].text;
        schema->range_type = key_type(params[WR_DYNAMODB_V1_RANGE_TYPE].text);
    }
    if (schema->hash_name.len == 0 || schema->hash_name.len > WR_DYNAMODB_KEY_NAME_MAX ||
        schema->range_name.len > WR_DYNAMODB_KEY_NAME_MAX ||
        (params[WR_DYNAMODB_V1_RANGE_FIELD].set && schema->range_name.len == 0)) {
        return "The name of a key attribute must have 1 to 255 bytes";
    }
    if (!schema->hash_type || (params[WR_DYNAMODB_V1_RANGE_FIELD].set && !schema->range_type)) {
        return "A key type is neither STRING nor NUMBER";
    }
    if (!parse_operation(params[WR_DYNAMODB_V1_OPERATION].text, op)) {
        return "The operation is none of INSERT, UPDATE and DELETE";
    }
    return NULL;
}

const char *wr_dynamodb_read_v1(struct wr_record *rec, struct wr_dynamodb_write **out)
{
    const struct wr_param *params = rec->params;
    struct wr_dynamodb_write *w = wr_arena_alloc(rec->arena, sizeof *w);
    if (!w) {
        return no_memory;
    }
    *w = (struct wr_dynamodb_write){.table = params[WR_DYNAMODB_V1_TABLE].text};
    struct wr_dynamodb_schema *schema = &w->schema;
    const char *trouble = wr_dynamodb_table_trouble(w->table);
    trouble = trouble ? trouble : read_v1(params, schema, &w->op);
    if (trouble) {
        return trouble;
    }
    struct wr_dynamodb_builder builder;
    wr_dynamodb_builder_init(&builder, rec->arena, rec->dialect, 3);
    wr_dynamodb_builder_add_text(&builder, schema->hash_name, schema->hash_type,
                                 params[WR_DYNAMODB_V1_HASH_VALUE].text);
    if (schema->range_type) {
        wr_dynamodb_builder_add_text(&builder, schema->range_name, schema->range_type,
                                     params[WR_DYNAMODB_V1_RANGE_VALUE].text);
    }
    if (w->op != WR_DYNAMODB_DELETE) {
        wr_str field = params[WR_DYNAMODB_V1_PAYLOAD_FIELD].text;
        if (rec->body_json && rec->result->type != WR_UNDEFINED) {
            wr_dynamodb_builder_add(&builder, field, rec->result);
        } else {
            wr_dynamodb_builder_add_binary(&builder, field, rec->body);
        }
    }
    *out = w;
    return wr_dynamodb_builder_done(&builder, &w->item);
}

const char *wr_dynamodb_read_v2(struct wr_record *rec, struct wr_dynamodb_write **out)
{
    const wr_value *result = rec->result;
    struct wr_dynamodb_write *w = wr_arena_alloc(rec->arena, sizeof *w);
    if (!w) {
        return no_memory;
    }
    *w = (struct wr_dynamodb_write){.op = WR_DYNAMODB_PUT,
                                    .table = rec->params[WR_DYNAMODB_V2_TABLE].text};
    const char *trouble = wr_dynamodb_table_trouble(w->table);
    if (!trouble && result->type != WR_OBJECT) {
        trouble = "The result is no JSON object: dynamoDBv2 writes one attribute per member";
    }
    if (trouble) {
        return trouble;
    }
    wr_value object = *result;
    wr_value_force(&object, rec->arena, rec->dialect);
    struct wr_dynamodb_builder builder;
    wr_dynamodb_builder_init(&builder, rec->arena, rec->dialect, object.len);
    for (uint32_t i = 0; object.type == WR_OBJECT && i < object.len; i++) {
        wr_dynamodb_builder_add(&builder, object.as.members[i].key, &object.as.members[i].value);
    }
    *out = w;
    return wr_dynamodb_builder_done(&builder, &w->item);
}

// ---- checks

static wr_err check_table(const struct wr_param *table, bool constant, const char *name,
                          struct wr_fault *fault)
{
    const char *trouble = constant ? wr_dynamodb_table_trouble(table->text) : NULL;
    return trouble ? wr_fault_set(fault, WR_ERR_FAILED, "%s: found \"%.*s\": %s", name,
                                  WR_STR_ARG(table->text), trouble)
                   : WR_OK;
}

// A constant key that DynamoDB would refuse.
static wr_err check_key(const struct wr_param *params, const bool *constant, int value, int type,
                        struct wr_fault *fault)
{
    wr_str text = params[value].text;
    struct wr_dynamodb_number number;
    if (!params[value].set || !constant[value]) {
        return WR_OK;
    }
    if (text.len == 0) {
        return wr_fault_set(fault, WR_ERR_FAILED, "%s: empty, which no key can be",
                            wr_dynamodb_options[value].name);
    }
    bool numeric = constant[type] && wr_str_eq(params[type].text, WR_STR("NUMBER"));
    const char *trouble = numeric ? wr_dynamodb_number_parse(text, &number) : NULL;
    return trouble ? wr_fault_set(fault, WR_ERR_FAILED, "%s: found \"%.*s\", expected a number: %s",
                                  wr_dynamodb_options[value].name, WR_STR_ARG(text), trouble)
                   : WR_OK;
}

wr_err wr_dynamodb_check(const struct wr_param *params, const bool *constant,
                         struct wr_fault *fault)
{
    static const int names[] = {WR_DYNAMODB_V1_HASH_FIELD, WR_DYNAMODB_V1_RANGE_FIELD,
                                WR_DYNAMODB_V1_PAYLOAD_FIELD};
    if (params[WR_DYNAMODB_V1_RANGE_FIELD].set != params[WR_DYNAMODB_V1_RANGE_VALUE].set) {
        return wr_fault_set(
            fault, WR_ERR_MISSING, "%s: missing; rangeKeyField and rangeKeyValue go together",
            params[WR_DYNAMODB_V1_RANGE_FIELD].set ? "rangeKeyValue" : "rangeKeyField");
    }
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        const struct wr_param *a = &params[names[i]];
        if (a->set && constant[names[i]] && a->text.len == 0) {
            return wr_fault_set(fault, WR_ERR_RANGE, "%s: empty",
                                wr_dynamodb_options[names[i]].name);
        }
        for (size_t j = 0; j < i; j++) {
            const struct wr_param *b = &params[names[j]];
            if (a->set && b->set && wr_str_eq(a->text, b->text)) {
                return wr_fault_set(fault, WR_ERR_FAILED, "%s: \"%.*s\" is %s already",
                                    wr_dynamodb_options[names[i]].name, WR_STR_ARG(a->text),
                                    wr_dynamodb_options[names[j]].name);
            }
        }
    }
    wr_err err =
        check_key(params, constant, WR_DYNAMODB_V1_HASH_VALUE, WR_DYNAMODB_V1_HASH_TYPE, fault);
    err = err ? err
              : check_key(params, constant, WR_DYNAMODB_V1_RANGE_VALUE, WR_DYNAMODB_V1_RANGE_TYPE,
                          fault);
    return err ? err
               : check_table(&params[WR_DYNAMODB_V1_TABLE], constant[WR_DYNAMODB_V1_TABLE],
                             "tableName", fault);
}

wr_err wr_dynamodb_v2_check(const struct wr_param *params, const bool *constant,
                            struct wr_fault *fault)
{
    return check_table(&params[WR_DYNAMODB_V2_TABLE], constant[WR_DYNAMODB_V2_TABLE],
                       "putItem.tableName", fault);
}

// ---- settings

static wr_str table_setting(const struct wr_settings *settings, const char *table, const char *name)
{
    char full[600];
    snprintf(full, sizeof full, "tables.%s.%s", table, name);
    return wr_str_of(wr_settings_get(settings, full));
}

wr_err wr_dynamodb_declared(const struct wr_settings *settings, size_t index, wr_str *table,
                            struct wr_dynamodb_schema *schema, struct wr_fault *fault)
{
    const char *name = wr_settings_name(settings, "tables", index);
    const char *trouble = wr_dynamodb_table_trouble(wr_str_of(name));
    if (trouble) {
        return wr_fault_set(fault, WR_ERR_RANGE, "tables.%s: %s", name, trouble);
    }
    wr_str hash_type = table_setting(settings, name, "hash_type");
    wr_str range_type = table_setting(settings, name, "range_type");
    struct wr_dynamodb_schema s = {
        .hash_name = table_setting(settings, name, "hash_key"),
        .hash_type = hash_type.len ? hash_type.at[0] : 'S',
        .range_name = table_setting(settings, name, "range_key"),
    };
    if (s.range_name.len > 0) {
        s.range_type = range_type.len ? range_type.at[0] : 'S';
    }
    if (s.hash_name.len == 0) {
        return wr_fault_set(fault, WR_ERR_MISSING, "tables.%s.hash_key: missing", name);
    }
    if (wr_str_eq(s.hash_name, s.range_name)) {
        return wr_fault_set(fault, WR_ERR_EXISTS,
                            "tables.%s.range_key: \"%.*s\" is hash_key already", name,
                            WR_STR_ARG(s.range_name));
    }
    *schema = s;
    *table = wr_str_of(name);
    return WR_OK;
}
