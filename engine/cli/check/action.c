// Traps of a rule and of its actions: what holds for every kind, and who looks at which.
#include "engine/cli/check/action.h"

#include <stdarg.h>
#include <stdlib.h>

#include "sql/template.h"

#include "sql/base/banned.h"

// ---- helpers for the kinds

const struct wr_param *wr_action_param(const struct wr_check_action *a, const char *name,
                                       bool *constant)
{
    int i = wr_option_find(a->a->impl->options, wr_str_of(name));
    if (i < 0 || (size_t)i >= a->a->param_count || !a->a->params[i].set) {
        return NULL;
    }
    if (constant) {
        struct wr_buf path = {0};
        wr_buf_addf(&path, "%s.%s", a->a->path, name);
        *constant = a->a->constant[i] && !wr_check_unknown(a->r, wr_buf_terminated(&path));
        wr_buf_release(&path);
    }
    return &a->a->params[i];
}

bool wr_action_is(const struct wr_check_action *a, const char *name, const char *value)
{
    const struct wr_param *p = wr_action_param(a, name, NULL);
    return p && wr_str_eq(p->text, wr_str_of(value));
}

unsigned wr_action_reads(const struct wr_check_action *a, const char *name)
{
    const struct wr_param *p = wr_action_param(a, name, NULL);
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s.%s", a->a->path, name);
    unsigned reads =
        p && a->r->program ? wr_outline_template(a->r->program, p->text, NULL, NULL) : 0;
    if (wr_check_unknown(a->r, wr_buf_terminated(&path))) {
        // a part that is not known is the same for every message; a whole may be anything
        bool whole;
        const struct wr_tree *t = wr_tree_find(a->r->payload, wr_buf_terminated(&path), &whole);
        reads |= t->piece_count ? 0 : WR_READS_LOOKUP;
    }
    wr_buf_release(&path);
    return reads;
}

bool wr_text_is_now(wr_str text)
{
    struct wr_template_part part, more;
    struct wr_fault fault = {0};
    size_t at = 0;
    if (!wr_template_next(text, &at, &part, &fault) || !part.expression ||
        wr_template_next(text, &at, &more, &fault)) {
        return false;
    }
    char name[16];
    size_t len = 0;
    for (size_t i = 0; i < part.text.len; i++) {
        if (part.text.at[i] != ' ' && part.text.at[i] != '\t' && len + 1 < sizeof name) {
            name[len++] = part.text.at[i];
        }
    }
    return wr_str_eq_nocase((wr_str){name, len}, WR_STR("timestamp()"));
}

bool wr_action_is_now(const struct wr_check_action *a, const char *name)
{
    const struct wr_param *p = wr_action_param(a, name, NULL);
    return p && wr_text_is_now(p->text);
}

// actions.md 6.1
static const char *const error_members[] = {"ruleName", "topic",    "cloudwatchTraceId",
                                            "clientId", "sourceIp", "base64OriginalPayload",
                                            "failures"};

bool wr_action_result_has(const struct wr_check_action *a, wr_str name)
{
    if (a->is_error) {
        for (size_t i = 0; i < WR_COUNT(error_members); i++) {
            if (wr_str_eq(name, wr_str_of(error_members[i]))) {
                return true;
            }
        }
        return false;
    }
    if (a->open) {
        return true;
    }
    for (size_t i = 0; i < a->r->outline.item_count; i++) {
        struct wr_outline_item item;
        wr_outline_item(a->r->program, i, &item);
        if (wr_str_eq(item.name, name)) {
            return true;
        }
    }
    return false;
}

void wr_action_find(const struct wr_check_action *a, int number, const char *member,
                    const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s%s%s", a->a->path, *member ? "." : "", member);
    wr_check_member(a->c, a->r, number, wr_buf_terminated(&path), "%s", text);
    wr_buf_release(&path);
}

void wr_action_want_object(const struct wr_check_action *a, bool array)
{
    if (a->shape == WR_OUTLINE_SCALAR || (a->shape == WR_OUTLINE_ARRAY && !array)) {
        wr_action_find(a, WR_CODE_OBJECT_ONLY, "",
                       "%s takes an object%s, and SELECT VALUE gives %s", a->a->impl->name,
                       array ? " or an array" : "",
                       a->shape == WR_OUTLINE_ARRAY ? "an array" : "a scalar");
    } else if (a->passthrough) {
        wr_action_find(a, WR_CODE_LAMBDA_RAW, "",
                       "%s fails for a payload that is not JSON, which SELECT * passes on",
                       a->a->impl->name);
    }
}

// ---- every kind

static void check_role(const struct wr_check_action *a)
{
    bool constant;
    const struct wr_param *p = wr_action_param(a, "roleArn", &constant);
    int at = wr_option_find(a->a->impl->options, WR_STR("roleArn"));
    if (at >= 0 && (a->a->impl->options[at].flags & WR_OPT_REQUIRED) && !a->a->params[at].set) {
        wr_action_find(a, WR_CODE_NO_ROLE, "", "no roleArn: AWS refuses the rule, weir does not");
    }
    if (!p || !constant) {
        return;
    }
    bool arn = wr_str_starts(p->text, WR_STR("arn:")) &&
               wr_str_find(p->text, WR_STR(":iam::")) >= 0 &&
               wr_str_find(p->text, WR_STR(":role/")) >= 0;
    if (!arn) {
        wr_action_find(a, WR_CODE_ROLE, "roleArn", "\"%.*s\" is no ARN of a role",
                       WR_STR_ARG(p->text));
    }
}

static void check_misprints(const struct wr_check_action *a)
{
    static const struct {
        const char *kind, *wrong, *right;
    } misprints[] = {{"s3", "cannedacl", "cannedAcl"}, {"location", "sampleTime", "timestamp"}};
    bool whole;
    const struct wr_tree *t = wr_tree_find(a->r->payload, a->a->path, &whole);
    for (size_t i = 0; whole && i < WR_COUNT(misprints); i++) {
        if (strcmp(misprints[i].kind, a->a->impl->name) == 0 &&
            wr_tree_get(t, misprints[i].wrong)) {
            wr_action_find(a, WR_CODE_MISPRINT, misprints[i].wrong, "the API calls it \"%s\"",
                           misprints[i].right);
        }
    }
}

static void check_gone(const struct wr_check_action *a)
{
    static const struct {
        const char *kind, *text;
    } gone[] = {
        {"iotAnalytics", "IoT Analytics is no more"},
        {"iotEvents", "IoT Events is no more"},
        {"salesforce", "Salesforce IoT is no more"},
        {"elasticsearch", "AWS takes no new rule with elasticsearch; openSearch is its successor"},
    };
    for (size_t i = 0; i < WR_COUNT(gone); i++) {
        if (strcmp(gone[i].kind, a->a->impl->name) == 0) {
            wr_action_find(a, WR_CODE_SERVICE_GONE, "", "%s", gone[i].text);
        }
    }
    if (strcmp(a->a->impl->name, "null") == 0) {
        wr_action_find(a, WR_CODE_WEIR_ONLY, "", "null is weir's own action; AWS has none");
    }
}

struct names {
    const struct wr_check_action *a;
    const char *path;
};

static void error_name(void *user, wr_str root, size_t at)
{
    static const char *const names[] = {"ruleName", "cloudwatchTraceId",    "base64OriginalPayload",
                                        "failures", "payloadsWithMetadata", "errorMessage"};
    const struct names *n = user;
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        if (wr_str_eq(root, wr_str_of(names[i]))) {
            char text[160];
            snprintf(
                text, sizeof text,
                "%s is a member of the error document; templates read the message as published",
                names[i]);
            wr_check_text(n->a->c, n->a->r, WR_CODE_ERROR_DOCUMENT, n->path, at, 0, 0, text);
        }
    }
}

static void error_text(void *user, const char *path, wr_str text)
{
    const struct wr_check_action *a = user;
    struct names n = {a, path};
    (void)wr_outline_template(a->r->program, text, error_name, &n);
}

// What SELECT computes is not used, and the message as published is what templates see.
static void check_unused(const struct wr_check_action *a)
{
    static const char *const kinds[] = {"cloudwatchMetric", "cloudwatchAlarm", "iotSiteWise",
                                        "location"};
    bool unused = false, renamed = false;
    for (size_t i = 0; i < WR_COUNT(kinds); i++) {
        unused = unused || strcmp(kinds[i], a->a->impl->name) == 0;
    }
    for (size_t i = 0; unused && !a->is_error && i < a->r->outline.item_count; i++) {
        struct wr_outline_item item;
        wr_outline_item(a->r->program, i, &item);
        renamed = renamed || item.renamed;
    }
    if (renamed && a->r->d->action_count == 1) {
        wr_action_find(a, WR_CODE_RESULT_UNUSED, "",
                       "%s does not use what SELECT computes; its members read the message",
                       a->a->impl->name);
    }
}

// actions.md 2.1, security note: a target that the payload names.
static void check_target(const struct wr_check_action *a)
{
    static const char *const members[] = {
        "bucketName",       "tableName",    "putItem.tableName",  "functionArn", "queueUrl",
        "targetArn",        "url",          "endpoint",           "streamName",  "logGroupName",
        "stateMachineName", "databaseName", "deliveryStreamName", "trackerName",
    };
    for (size_t i = 0; i < WR_COUNT(members); i++) {
        if (wr_action_param(a, members[i], NULL) &&
            wr_action_reads(a, members[i]) & WR_READS_PAYLOAD) {
            wr_action_find(a, WR_CODE_DEVICE_TARGET, members[i], "the payload names the target");
        }
    }
}

static void check_action(struct wr_check *c, struct wr_check_rule *r,
                         const struct wr_document_action *action, bool is_error)
{
    static const struct {
        const char *kind;
        void (*check)(const struct wr_check_action *a);
    } kinds[] = {
        {"s3", wr_check_s3},
        {"dynamoDB", wr_check_dynamodb},
        {"dynamoDBv2", wr_check_dynamodb_v2},
        {"lambda", wr_check_lambda},
        {"republish", wr_check_republish},
        {"kafka", wr_check_kafka},
        {"sqs", wr_check_sqs},
        {"sns", wr_check_sns},
        {"kinesis", wr_check_kinesis},
        {"firehose", wr_check_firehose},
        {"http", wr_check_http},
        {"cloudwatchLogs", wr_check_logs},
        {"cloudwatchMetric", wr_check_metric},
        {"timestream", wr_check_timestream},
        {"stepFunctions", wr_check_batch},
        {"elasticsearch", wr_check_search},
        {"openSearch", wr_check_search},
        {"iotEvents", wr_check_batch},
        {"iotAnalytics", wr_check_batch},
        {"iotSiteWise", wr_check_site_wise},
        {"location", wr_check_location},
        {"influxDB", wr_check_influx},
    };
    const struct wr_outline *o = &r->outline;
    const struct wr_check_action a = {
        .c = c,
        .r = r,
        .a = action,
        .is_error = is_error,
        .shape = is_error ? WR_OUTLINE_OBJECT : o->shape,
        .passthrough = !is_error && o->passthrough,
        .open = !is_error && (o->star || o->value || o->passthrough),
    };
    check_role(&a);
    check_misprints(&a);
    check_gone(&a);
    check_unused(&a);
    check_target(&a);
    if (is_error) {
        wr_check_texts(action, error_text, (void *)(uintptr_t)&a);
    }
    for (size_t i = 0; i < WR_COUNT(kinds); i++) {
        if (strcmp(kinds[i].kind, action->impl->name) == 0) {
            kinds[i].check(&a);
        }
    }
}

// ---- the rule as a whole

static bool has_action(const struct wr_document *d, const char *kind)
{
    for (size_t i = 0; i < d->action_count; i++) {
        if (strcmp(d->actions[i].impl->name, kind) == 0) {
            return true;
        }
    }
    return false;
}

static void check_version(struct wr_check *c, struct wr_check_rule *r)
{
    const struct wr_outline *o = &r->outline;
    bool hurts = o->passthrough || o->star || o->nested;
    if (r->d->sql_version.len == 0) {
        wr_check_member(c, r, WR_CODE_NO_SQL_VERSION, "awsIotSqlVersion", "%s",
                        o->passthrough || o->star
                            ? "missing, so 2015-10-08: SELECT * damages nested payloads there"
                        : o->nested ? "missing, so 2015-10-08, which damages nested payloads"
                                    : "missing, so 2015-10-08; the console would write 2016-03-23");
    } else if (hurts && wr_program_dialect(r->program) == WR_SQL_2015 &&
               !has_action(r->d, "timestream")) {
        wr_check_member(c, r, WR_CODE_NESTED_IN_2015, "awsIotSqlVersion",
                        o->nested
                            ? "the statement reads nested data, which the real service "
                              "damages in 2015-10-08"
                            : "SELECT * passes on nested data, which the real service damages "
                              "in 2015-10-08");
    }
}

// The Region of "arn:aws:lambda:REGION:…".
static wr_str region_of(const struct wr_check_action *a, const char *member)
{
    bool constant;
    const struct wr_param *p = wr_action_param(a, member, &constant);
    if (!p || !constant || !wr_str_starts(p->text, WR_STR("arn:"))) {
        return (wr_str){0};
    }
    size_t colons = 0, from = 0;
    for (size_t i = 0; i < p->text.len; i++) {
        if (p->text.at[i] == ':' && ++colons == 3) {
            from = i + 1;
        } else if (p->text.at[i] == ':' && colons == 4) {
            return wr_str_cut(p->text, from, i);
        }
    }
    return (wr_str){0};
}

static void check_regions(struct wr_check *c, struct wr_check_rule *r)
{
    wr_str first = {0};
    for (size_t i = 0; i < r->d->action_count; i++) {
        const struct wr_check_action a = {.c = c, .r = r, .a = &r->d->actions[i]};
        const char *kind = a.a->impl->name;
        const char *member = strcmp(kind, "lambda") == 0 ? "functionArn"
                             : strcmp(kind, "sns") == 0  ? "targetArn"
                                                         : NULL;
        wr_str region = member ? region_of(&a, member) : (wr_str){0};
        if (region.len && first.len && !wr_str_eq(region, first)) {
            wr_action_find(&a, WR_CODE_TWO_REGIONS, member, "%.*s, while another action is in %.*s",
                           WR_STR_ARG(region), WR_STR_ARG(first));
            return;
        }
        first = first.len ? first : region;
    }
}

void wr_check_actions(struct wr_check *c, struct wr_check_rule *r)
{
    const struct wr_document *d = r->d;
    if (!d || !r->program) {
        return;
    }
    const struct wr_tree *actions = wr_tree_get(r->payload, "actions");
    bool none = actions && actions->kind == WR_TREE_LIST && actions->count == 0;
    check_version(c, r);
    if (!r->outline.filter.len) {
        wr_check_member(c, r, WR_CODE_BASIC_INGEST_ONLY, "sql",
                        "no FROM: only messages to $aws/rules/ and its name reach the rule");
    }
    if (none) {
        wr_check_member(c, r, WR_CODE_NO_ACTION, "actions", "the rule does nothing");
    }
    if (!none && !wr_tree_get(r->payload, "errorAction")) {
        wr_check_member(c, r, WR_CODE_NO_ERROR_ACTION, "errorAction",
                        "no error action: what fails is lost");
    }
    for (size_t i = 0; i < d->action_count; i++) {
        check_action(c, r, &d->actions[i], false);
    }
    if (d->has_error_action) {
        check_action(c, r, &d->error_action, true);
    }
    check_regions(c, r);
}
