// What a case may hold: names, types, and what goes together. Nothing here is evaluated.
#include "engine/cli/suite.h"

#include "engine/rules/document.h"
#include "sql/base/num.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

enum kind { ANY, TEXT, BASE64, TRUTH, NUMBER, WHOLE, LIST, OBJECT, RULE, ACTION };

static const char *const kind_text[] = {
    [ANY] = "any value",
    [TEXT] = "a string",
    [BASE64] = "a string of base64",
    [TRUTH] = "true or false",
    [NUMBER] = "a number that is not negative",
    [WHOLE] = "a whole number",
    [LIST] = "a list",
    [OBJECT] = "an object",
    [RULE] = "the path of a document, or the document",
    [ACTION] = "an object, or null",
};

struct member {
    const char *name;
    enum kind kind;
};

#define MEMBERS_MAX 32 // of the tables below, for the list of names

static const struct member case_members[] = {
    {"id", TEXT},        {"area", TEXT},     {"source", TEXT},      {"basis", TEXT},
    {"sql", TEXT},       {"rule", RULE},     {"template", TEXT},    {"sqlVersion", TEXT},
    {"topic", TEXT},     {"payload", ANY},   {"payloadText", TEXT}, {"payloadBase64", BASE64},
    {"context", OBJECT}, {"expect", OBJECT}, {"note", TEXT},        {NULL, ANY},
};
static const struct member expect_members[] = {
    {"outcome", TEXT},       {"json", ANY},     {"tolerance", NUMBER}, {"text", TEXT},
    {"base64", BASE64},      {"matches", TEXT}, {"at", TEXT},          {"actions", LIST},
    {"errorAction", ACTION}, {NULL, ANY},
};
static const struct member context_members[] = {
    {"mqtt", TRUTH},
    {"clientId", TEXT},
    {"principal", TEXT},
    {"sourceIp", TEXT},
    {"traceId", TEXT},
    {"accountId", TEXT},
    {"timestamp", WHOLE},
    {"qos", WHOLE},
    {"retain", TRUTH},
    {"ruleName", TEXT},
    {"basicIngest", TRUTH},
    {"userProperties", LIST},
    {"mqttProperties", OBJECT},
    {"lambda", OBJECT},
    {"dynamodb", OBJECT},
    {"secrets", OBJECT},
    {"shadows", OBJECT},
    {"registry", OBJECT},
    {"ml", OBJECT},
    {"failures", OBJECT},
    {"s3", OBJECT},
    {NULL, ANY},
};
static const struct member mqtt_members[] = {
    {"contentType", TEXT},
    {"payloadFormatIndicator", TEXT},
    {"responseTopic", TEXT},
    {"correlationData", BASE64},
    {NULL, ANY},
};
static const struct member registry_members[] = {
    {"DescribeThing", OBJECT},
    {"ListThingGroupsForThing", OBJECT},
    {NULL, ANY},
};
static const struct member secret_members[] = {
    {"SecretString", TEXT},
    {"SecretBinary", BASE64},
    {NULL, ANY},
};
static const struct member lambda_members[] = {{"output", ANY}, {NULL, ANY}};

static bool has(const wr_value *object, const char *name)
{
    return wr_object_get(object, wr_str_of(name)) != NULL;
}

static bool is_base64(wr_str text)
{
    struct wr_buf bytes = {0};
    bool is = wr_buf_add_unbase64(&bytes, text);
    wr_buf_release(&bytes);
    return is;
}

static bool fits(enum kind kind, const wr_value *v)
{
    static const wr_value zero = {.type = WR_NUMBER};
    int64_t whole;
    switch (kind) {
    case ANY:
        return true;
    case TEXT:
        return v->type == WR_STRING;
    case BASE64:
        return v->type == WR_STRING && is_base64(wr_value_text(v));
    case TRUTH:
        return v->type == WR_BOOLEAN;
    case NUMBER:
        return v->type == WR_NUMBER && wr_num_cmp(v, &zero) >= 0;
    case WHOLE:
        return v->type == WR_NUMBER && wr_num_to_i64(v, &whole);
    case LIST:
        return v->type == WR_ARRAY;
    case OBJECT:
        return v->type == WR_OBJECT;
    case RULE:
        return v->type == WR_STRING || v->type == WR_OBJECT;
    case ACTION:
        return v->type == WR_OBJECT || v->type == WR_NULL;
    }
    return false;
}

static wr_err unknown(wr_str key, const char *where, const struct member *table,
                      struct wr_fault *fault)
{
    const char *names[MEMBERS_MAX + 1];
    size_t count = 0;
    for (; table[count].name; count++) {
        wr_assert(count < MEMBERS_MAX);
        names[count] = table[count].name;
    }
    names[count] = NULL;
    const char *near = wr_name_nearest(key, names);
    return wr_fault_set(fault, WR_ERR_UNKNOWN, "%s%s%.*s: there is no such member%s%s%s", where,
                        *where ? "." : "", WR_STR_ARG(key), near ? "; did you mean \"" : "",
                        near ? near : "", near ? "\"?" : "");
}

// Every member of `object` is in the table and of its kind. `where` is what the object is called.
static wr_err check_object(const wr_value *object, const char *where, const struct member *table,
                           struct wr_arena *arena, struct wr_fault *fault)
{
    for (uint32_t i = 0; i < object->len; i++) {
        wr_str key = object->as.members[i].key;
        const struct member *m = table;
        while (m->name && !wr_str_eq(wr_str_of(m->name), key)) {
            m++;
        }
        if (!m->name) {
            return unknown(key, where, table, fault);
        }
        wr_value v = object->as.members[i].value;
        wr_value_force(&v, arena, WR_SQL_2016);
        if (!fits(m->kind, &v)) {
            return wr_fault_set(fault, WR_ERR_TYPE, "%s%s%s: expected %s", where, *where ? "." : "",
                                m->name, kind_text[m->kind]);
        }
    }
    return WR_OK;
}

// ---- context

// Every member of context.NAME, an OBJECT whose keys are free: of the kind, or if an OBJECT of the
// table's members.
static wr_err check_each(const wr_value *context, const char *name, enum kind kind,
                         const struct member *table, struct wr_arena *arena, struct wr_fault *fault)
{
    wr_value all = wr_line_member(context, name, arena);
    wr_err err = WR_OK;
    for (uint32_t i = 0; !err && all.type == WR_OBJECT && i < all.len; i++) {
        wr_str key = all.as.members[i].key;
        wr_value v = all.as.members[i].value;
        wr_value_force(&v, arena, WR_SQL_2016);
        struct wr_buf where = {0};
        wr_buf_addf(&where, "context.%s.%.*s", name, WR_STR_ARG(key));
        if (!fits(kind, &v)) {
            err = wr_fault_set(fault, WR_ERR_TYPE, "%s: expected %s", wr_buf_terminated(&where),
                               kind_text[kind]);
        } else if (table) {
            err = check_object(&v, wr_buf_terminated(&where), table, arena, fault);
        }
        wr_buf_release(&where);
    }
    return err;
}

// context.s3: {bucket: {key: base64}}.
static wr_err check_s3(const wr_value *context, struct wr_arena *arena, struct wr_fault *fault)
{
    wr_value buckets = wr_line_member(context, "s3", arena);
    for (uint32_t i = 0; buckets.type == WR_OBJECT && i < buckets.len; i++) {
        wr_value objects = buckets.as.members[i].value;
        wr_value_force(&objects, arena, WR_SQL_2016);
        bool good = objects.type == WR_OBJECT;
        for (uint32_t k = 0; good && k < objects.len; k++) {
            wr_value v = objects.as.members[k].value;
            wr_value_force(&v, arena, WR_SQL_2016);
            good = fits(BASE64, &v);
        }
        if (!good) {
            return wr_fault_set(fault, WR_ERR_TYPE,
                                "context.s3.%.*s: expected an object of keys with base64",
                                WR_STR_ARG(buckets.as.members[i].key));
        }
    }
    return WR_OK;
}

static wr_err check_lambda(const wr_value *context, struct wr_arena *arena, struct wr_fault *fault)
{
    wr_value all = wr_line_member(context, "lambda", arena);
    for (uint32_t i = 0; all.type == WR_OBJECT && i < all.len; i++) {
        wr_value v = all.as.members[i].value;
        wr_value_force(&v, arena, WR_SQL_2016);
        bool error = v.type == WR_STRING && wr_str_eq(wr_value_text(&v), WR_STR("error"));
        bool output = v.type == WR_OBJECT && has(&v, "output") &&
                      !check_object(&v, "", lambda_members, arena, NULL);
        if (!error && !output) {
            return wr_fault_set(fault, WR_ERR_TYPE,
                                "context.lambda.%.*s: expected {\"output\": …} or \"error\"",
                                WR_STR_ARG(all.as.members[i].key));
        }
    }
    return WR_OK;
}

static wr_err check_properties(const wr_value *context, struct wr_arena *arena,
                               struct wr_fault *fault)
{
    wr_value list = wr_line_member(context, "userProperties", arena);
    for (uint32_t i = 0; list.type == WR_ARRAY && i < list.len; i++) {
        wr_value pair = list.as.items[i];
        wr_value_force(&pair, arena, WR_SQL_2016);
        bool good = pair.type == WR_ARRAY && pair.len == 2 && pair.as.items[0].type == WR_STRING &&
                    pair.as.items[1].type == WR_STRING;
        if (!good) {
            return wr_fault_set(fault, WR_ERR_TYPE,
                                "context.userProperties[%u]: expected [key, value], two strings",
                                i);
        }
    }
    return WR_OK;
}

static wr_err check_context(const wr_value *object, struct wr_arena *arena, struct wr_fault *fault)
{
    wr_value c = wr_line_member(object, "context", arena);
    if (c.type != WR_OBJECT) {
        return WR_OK;
    }
    if (has(&c, "failures") && !has(object, "rule")) {
        return wr_fault_set(fault, WR_ERR_MISSING,
                            "context.failures needs a member rule, "
                            "whose actions can fail");
    }
    wr_err err = check_object(&c, "context", context_members, arena, fault);
    wr_value inner = wr_line_member(&c, "mqttProperties", arena);
    if (!err && inner.type == WR_OBJECT) {
        err = check_object(&inner, "context.mqttProperties", mqtt_members, arena, fault);
    }
    wr_str format = wr_line_text(&inner, "payloadFormatIndicator", arena);
    if (!err && format.at && !wr_str_eq(format, WR_STR("UTF8_DATA")) &&
        !wr_str_eq(format, WR_STR("UNSPECIFIED_BYTES"))) {
        err = wr_fault_set(fault, WR_ERR_RANGE,
                           "context.mqttProperties.payloadFormatIndicator: "
                           "expected UTF8_DATA or UNSPECIFIED_BYTES");
    }
    inner = wr_line_member(&c, "registry", arena);
    if (!err && inner.type == WR_OBJECT) {
        err = check_object(&inner, "context.registry", registry_members, arena, fault);
    }
    err = err ? err : check_properties(&c, arena, fault);
    err = err ? err : check_lambda(&c, arena, fault);
    err = err ? err : check_s3(&c, arena, fault);
    err = err ? err : check_each(&c, "dynamodb", LIST, NULL, arena, fault);
    err = err ? err : check_each(&c, "secrets", OBJECT, secret_members, arena, fault);
    return err ? err : check_each(&c, "failures", TEXT, NULL, arena, fault);
}

// ---- expect

static wr_err check_outcome(const wr_value *expect, wr_str outcome, struct wr_arena *arena,
                            struct wr_fault *fault)
{
    static const char *const outcomes[] = {"output", "nomatch", "invalid", "error", NULL};
    static const char *const of_output[] = {"json",    "text",        "base64",   "matches",
                                            "actions", "errorAction", "tolerance"};
    size_t i = 0;
    while (outcomes[i] && !wr_str_eq(wr_str_of(outcomes[i]), outcome)) {
        i++;
    }
    if (!outcomes[i]) {
        return wr_fault_set(fault, WR_ERR_UNKNOWN,
                            "expect.outcome: expected output, nomatch, invalid or error, "
                            "found \"%.*s\"",
                            WR_STR_ARG(outcome));
    }
    if (has(expect, "at") && strcmp(outcomes[i], "invalid") != 0) {
        return wr_fault_set(fault, WR_ERR_EXISTS, "expect.at goes with outcome invalid only");
    }
    for (size_t k = 0; strcmp(outcomes[i], "output") != 0 && k < WR_COUNT(of_output); k++) {
        wr_value v = wr_line_member(expect, of_output[k], arena);
        bool nothing = v.type == WR_NULL || (v.type == WR_ARRAY && v.len == 0);
        if (has(expect, of_output[k]) && !(nothing && k >= 4 && k <= 5)) {
            return wr_fault_set(fault, WR_ERR_EXISTS, "expect.%s: there is none with outcome %s",
                                of_output[k], outcomes[i]);
        }
    }
    return WR_OK;
}

static wr_err check_expect(const wr_value *object, struct wr_arena *arena, struct wr_fault *fault)
{
    wr_value expect = wr_line_member(object, "expect", arena);
    if (expect.type != WR_OBJECT) {
        return wr_fault_set(fault, WR_ERR_MISSING, "expect: missing: what must come out");
    }
    wr_err err = check_object(&expect, "expect", expect_members, arena, fault);
    if (err) {
        return err;
    }
    if (expect.len == 0) {
        return wr_fault_set(fault, WR_ERR_MISSING, "expect is empty: it would hold of anything");
    }
    if (has(&expect, "tolerance") && !has(&expect, "json")) {
        return wr_fault_set(fault, WR_ERR_MISSING, "expect.tolerance goes with expect.json");
    }
    if (!has(object, "rule") && (has(&expect, "actions") || has(&expect, "errorAction"))) {
        return wr_fault_set(fault, WR_ERR_MISSING,
                            "expect.%s needs a member rule, whose actions it is about",
                            has(&expect, "actions") ? "actions" : "errorAction");
    }
    wr_str outcome = wr_line_text(&expect, "outcome", arena);
    return check_outcome(&expect, outcome.at ? outcome : WR_STR("output"), arena, fault);
}

// ---- the case

// Members as they are written, of valid JSON of an object: repeated ones count each time.
static size_t written_members(wr_str json)
{
    size_t depth = 0, count = 0;
    bool quoted = false;
    for (size_t i = 0; i < json.len; i++) {
        char c = json.at[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        } else {
            count += c == ':' && depth == 1;
        }
    }
    return count;
}

// Of a member that stands twice JSON readers take the last: whoever reads the line may not.
static wr_err check_repeated(const struct wr_line *line, struct wr_arena *arena,
                             struct wr_fault *fault)
{
    static const char *const objects[] = {"expect", "context"};
    if (written_members(line->text) != line->object.len) {
        return wr_fault_set(fault, WR_ERR_EXISTS, "a member of the case stands twice");
    }
    for (size_t i = 0; i < WR_COUNT(objects); i++) {
        wr_str key = wr_str_of(objects[i]);
        wr_str text = wr_suite_spelt(line->text, &(struct wr_path){&key, 1});
        wr_value v = wr_line_member(&line->object, objects[i], arena);
        if (v.type == WR_OBJECT && written_members(text) != v.len) {
            return wr_fault_set(fault, WR_ERR_EXISTS, "%s: a member stands twice", objects[i]);
        }
    }
    return WR_OK;
}

static wr_err check_id(const wr_value *object, struct wr_arena *arena, struct wr_fault *fault)
{
    wr_str id = wr_line_text(object, "id", arena);
    if (id.len == 0) {
        return wr_fault_set(fault, WR_ERR_MISSING, "id: missing: a string that no other case has");
    }
    for (size_t i = 0; i < id.len; i++) {
        if ((unsigned char)id.at[i] < 0x20 || id.at[i] == 0x7f) {
            return wr_fault_set(fault, WR_ERR_RANGE, "id: a control character is in it");
        }
    }
    return WR_OK;
}

static wr_err check_message(const wr_value *object, struct wr_arena *arena, struct wr_fault *fault)
{
    size_t payloads =
        has(object, "payload") + has(object, "payloadText") + has(object, "payloadBase64");
    if (payloads != 1) {
        return wr_fault_set(fault, payloads ? WR_ERR_EXISTS : WR_ERR_MISSING,
                            "expected one of payload, payloadText, payloadBase64, found %s",
                            payloads ? "several" : "none");
    }
    if (!has(object, "topic")) {
        return wr_fault_set(fault, WR_ERR_MISSING, "topic: missing: where the message came in");
    }
    wr_err err = wr_topic_name_check(wr_line_text(object, "topic", arena), fault);
    if (err) {
        wr_fault_prefix(fault, "topic");
    }
    return err;
}

wr_err wr_suite_check_case(const struct wr_line *line, struct wr_arena *arena,
                           struct wr_fault *fault)
{
    const wr_value *object = &line->object;
    wr_err err = check_id(object, arena, fault);
    err = err ? err : check_repeated(line, arena, fault);
    err = err ? err : check_object(object, "", case_members, arena, fault);
    bool rule = has(object, "rule"), other = has(object, "sql") || has(object, "template");
    if (!err && rule == other) {
        err = wr_fault_set(fault, rule ? WR_ERR_EXISTS : WR_ERR_MISSING,
                           rule ? "rule: stands alone; its sql and templates are the document's"
                                : "expected one of rule, sql, template");
    }
    if (!err && rule && has(object, "sqlVersion")) {
        err = wr_fault_set(fault, WR_ERR_EXISTS,
                           "sqlVersion: a rule's version is its awsIotSqlVersion");
    }
    err = err ? err : check_message(object, arena, fault);
    err = err ? err : check_context(object, arena, fault);
    return err ? err : check_expect(object, arena, fault);
}
