// Topic rules (control-plane.md 5, actions.md 1). The registry has what was given, the rule book
// (rule_book.h) what runs: a call that changes something is answered once the engine has taken it.
// Reading calls are answered from the book.
//
// A change is made on what the caller's rule was when the call came: if another call was faster,
// its version is another and the slower one fails (ConflictingResourceUpdateException).
#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/api_tags.h"
#include "engine/admin/destinations.h"
#include "engine/admin/families.h"
#include "engine/admin/features.h"
#include "engine/admin/rule_book.h"
#include "engine/config.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define PAGE          10000              // Terraform's older releases read only the first
#define RULES_MAX_AWS 1000               // of an account, with limits: aws (actions.md 1.2)
#define SQL_VERSION   "2015-10-08"       // where none was given
#define ROWS_FROM     (INT64_C(1) << 40) // page ids: rules of files first, by number, then rows

// What a call carries from one step to the next.
struct own {
    struct wr_rule *rule;
    int64_t id, version, created_ms; // of the rule as it is known; 0: there is none
    char *payload;
    int64_t quota;
    bool disabled, has_quota, nothing; // nothing: it is so already
    // What its http actions need confirmed, and which of that is new.
    size_t url_count;
    char *urls[WR_RULE_ACTIONS_MAX + 1];
    struct wr_destination_new destinations[WR_RULE_ACTIONS_MAX + 1];
    struct wr_destinations_copy *copy;
};

static void own_free(void *at)
{
    struct own *own = at;
    wr_rule_unlock(own->rule);
    wr_destinations_copy_free(own->copy);
    for (size_t i = 0; i < own->url_count; i++) {
        free(own->urls[i]);
    }
    free(own->payload);
    free(own);
}

static struct own *own_of(struct wr_api_call *c)
{
    if (!c->own) {
        c->own = wr_zalloc(sizeof(struct own));
        c->own_free = own_free;
    }
    return c->own;
}

static const struct wr_api_rules *with_of(const struct wr_api_call *c)
{
    return wr_api_user(c);
}

static struct wr_rule_book *book_of(const struct wr_api_call *c)
{
    return with_of(c)->book;
}

static const char *arn_of(const struct wr_api_call *c, char out[512], wr_str name)
{
    return wr_api_arn(c, out, "rule/%.*s", WR_STR_ARG(name));
}

static const struct wr_book_rule *find(const struct wr_api_call *c)
{
    return wr_rule_book_find(book_of(c), c->caller.tenant, c->caller.region,
                             wr_api_str(c, "ruleName"));
}

// control-plane.md 4: AWS does not say whether a rule is there.
static void fail_unknown(struct wr_api_call *c)
{
    const char *name = wr_api_text(c, "ruleName");
    if (!strcmp(wr_api_config(c->api)->admin_unknown_rule, "unauthorized")) {
        char arn[512];
        wr_api_fail(c, WR_API_UNAUTHORIZED, "Access to topic rule '%s' was denied",
                    arn_of(c, arn, wr_str_of(name)));
    } else {
        wr_api_fail(c, WR_API_NOT_FOUND, "there is no topic rule %s", name);
    }
}

static bool is_file(struct wr_api_call *c, struct wr_folder_rule *file)
{
    return wr_rule_book_file(book_of(c), c->caller.tenant, c->caller.region,
                             wr_api_str(c, "ruleName"), file);
}

// The rule that a call is to change. NULL: the call has failed.
static const struct wr_book_rule *to_change(struct wr_api_call *c)
{
    const struct wr_book_rule *r = find(c);
    struct wr_folder_rule file;
    if (r) {
        struct own *own = own_of(c);
        own->id = r->id;
        own->version = r->version;
        own->created_ms = r->created_ms;
        own->disabled = r->disabled;
    } else if (is_file(c, &file)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "the rule %s comes from the file %s/%s and is read-only here: change the file",
                    wr_api_text(c, "ruleName"), wr_rule_book_dir(book_of(c)), file.file);
    } else {
        fail_unknown(c);
    }
    return r;
}

// ---- compiling

static bool is_sql_fault(const struct wr_fault *fault)
{
    return !strncmp(fault->text, "sql:", 4) && fault->text[4] >= '0' && fault->text[4] <= '9';
}

static void warn_about(struct wr_api_call *c, const struct wr_rule *rule)
{
    for (size_t i = 0; i < wr_program_warning_count(rule->program); i++) {
        const struct wr_fault *w = wr_program_warning(rule->program, i);
        wr_api_warn(c, "sql:%u:%u: %s", (unsigned)w->line, (unsigned)w->column, w->text);
    }
}

// With sinks.http.require_confirmation a rule makes the destinations that its constant URLs need.
static void note_urls(struct wr_api_call *c)
{
    struct own *own = c->own;
    wr_str urls[WR_RULE_ACTIONS_MAX + 1];
    struct wr_fault fault = {0};
    size_t count = with_of(c)->confirm ? wr_destinations_of_rule(own->rule, urls, &fault) : 0;
    if (count == SIZE_MAX) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "%s", fault.text);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        own->urls[own->url_count++] = wr_strdup(urls[i]);
    }
}

static void make_destinations(struct wr_api_call *c, struct wr_db *db)
{
    struct own *own = c->own;
    for (size_t i = 0; i < own->url_count; i++) {
        json_t *settings = json_pack("{s:s}", "confirmationUrl", own->urls[i]);
        (void)wr_destinations_insert(db, c->realm, "http", settings, own->urls[i], true, c->now_ms,
                                     &own->destinations[i]);
        json_decref(settings);
    }
    if (own->url_count) {
        own->copy = wr_destinations_read(db);
    }
}

static void ask_destinations(struct wr_api_call *c)
{
    struct own *own = c->own;
    const struct wr_api_rules *with = with_of(c);
    wr_destinations_take(with->destinations, own->copy);
    own->copy = NULL;
    for (size_t i = 0; i < own->url_count; i++) {
        const struct wr_destination_new *new = &own->destinations[i];
        char arn[512];
        if (*new->token) {
            wr_destinations_ask(with->destinations, wr_api_registry(c->api), with->admin,
                                wr_api_arn(c, arn, "ruledestination/http/%s", new->id), new->id,
                                own->urls[i], new->token);
        }
    }
}

// Into own->rule. The tenant may be one that this call makes (admin.auto_tenants).
static void compile(struct wr_api_call *c, const json_t *payload, bool enabled)
{
    struct own *own = own_of(c);
    struct wr_fault fault = {0};
    const struct wr_tenant *known = wr_tenants_by_id(wr_api_tenants(c->api), c->caller.tenant);
    struct wr_tenant new = {.features = json_object()};
    if (!known) {
        snprintf(new.name, sizeof new.name, "%s", c->caller.tenant_name);
        snprintf(new.account, sizeof new.account, "%s", c->caller.account);
    }
    wr_err err =
        wr_rule_book_compile(book_of(c), known ? known : &new, c->caller.region,
                             wr_api_text(c, "ruleName"), payload, enabled, &own->rule, &fault);
    json_decref(new.features);
    own->disabled = !enabled;
    if (err) {
        wr_api_fail(c, is_sql_fault(&fault) ? WR_API_SQL_PARSE : WR_API_INVALID_REQUEST, "%s",
                    fault.text);
        return;
    }
    own->payload = json_dumps(payload, JSON_COMPACT);
    warn_about(c, own->rule);
    note_urls(c);
}

static void compile_payload(struct wr_api_call *c)
{
    const json_t *payload = wr_api_json(c, "topicRulePayload");
    compile(c, payload, !json_is_true(json_object_get(payload, "ruleDisabled")));
}

// The engine takes the rule; the call is answered when it has.
static void put(struct wr_api_call *c)
{
    struct own *own = c->own;
    ask_destinations(c);
    struct wr_book_rule r = {.id = own->id,
                             .tenant = c->caller.tenant,
                             .name = wr_strdup(wr_api_str(c, "ruleName")),
                             .payload = own->payload,
                             .disabled = own->disabled,
                             .created_ms = own->created_ms,
                             .version = own->version,
                             .rule = own->rule};
    own->rule = NULL;
    own->payload = NULL;
    memcpy(r.region, c->caller.region, sizeof r.region);
    wr_rule_book_put(book_of(c), &r);
    wr_rule_book_wait(book_of(c), c);
}

// ---- changes

static void audit(struct wr_api_call *c)
{
    char arn[512];
    wr_api_audit_arn(c, arn_of(c, arn, wr_api_str(c, "ruleName")));
}

static void fail_exists(struct wr_api_call *c, const char *where)
{
    char arn[512];
    const char *name = wr_api_text(c, "ruleName");
    wr_api_fail_for(c, WR_API_EXISTS, name, arn_of(c, arn, wr_str_of(name)),
                    "Rule with name %s already exists%s", name, where);
}

// control-plane.md 9: names are taken as they are, unless the tenant wants them checked.
static bool name_is_good(struct wr_api_call *c)
{
    const struct wr_tenant *t = wr_tenants_by_id(wr_api_tenants(c->api), c->caller.tenant);
    wr_str prefix = t ? wr_tenant_text(t, wr_feature_name(WR_FEATURE_RULE_PREFIX)) : (wr_str){0};
    if (prefix.len && wr_tenant_flag(t, wr_feature_name(WR_FEATURE_ENFORCE_PREFIX), false) &&
        !wr_str_starts(wr_api_str(c, "ruleName"), prefix)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "names of rules of the tenant %s begin with '%.*s' (iot.rule_prefix, "
                    "iot.enforce_prefix)",
                    t->name, WR_STR_ARG(prefix));
    }
    const json_t *quota =
        t ? json_object_get(t->features, wr_feature_name(WR_FEATURE_QUOTA_RULES)) : NULL;
    bool aws = !strcmp(wr_api_config(c->api)->limits, "aws");
    own_of(c)->has_quota = quota || aws;
    own_of(c)->quota = quota ? json_integer_value(quota) : RULES_MAX_AWS;
    return !c->error;
}

// All regions together, as the feature says.
static bool has_room(struct wr_api_call *c, struct wr_db *db)
{
    const struct own *own = c->own;
    int64_t count = !own->has_quota
                        ? 0
                        : wr_db_one(db, 0,
                                    "SELECT count(*) FROM rules r JOIN realms m ON m.id=r.realm "
                                    "WHERE m.tenant=?",
                                    "i", c->caller.tenant);
    if (own->has_quota && count >= own->quota) {
        wr_api_fail(
            c, WR_API_LIMIT_EXCEEDED,
            "the tenant %s has %lld rules, and may have %lld (iot.quota.rules; limits: aws)",
            c->caller.tenant_name, (long long)count, (long long)own->quota);
    }
    return !c->error;
}

static void create_prepare(struct wr_api_call *c)
{
    struct wr_folder_rule file;
    if (!name_is_good(c)) {
        return;
    }
    if (is_file(c, &file)) {
        char where[320];
        snprintf(where, sizeof where, ": it comes from the file %s/%s",
                 wr_rule_book_dir(book_of(c)), file.file);
        fail_exists(c, where);
    } else if (find(c)) {
        fail_exists(c, "");
    } else {
        compile_payload(c);
    }
}

static void create_run(struct wr_api_call *c, struct wr_db *db)
{
    struct own *own = c->own;
    const char *name = wr_api_text(c, "ruleName");
    char arn[512];
    if (wr_db_one(db, 0, "SELECT 1 FROM rules WHERE realm=? AND name=?", "iz", c->realm, name)) {
        fail_exists(c, "");
        return;
    }
    if (!has_room(c, db)) {
        return;
    }
    wr_db_run(db,
              "INSERT INTO rules(realm, name, payload, disabled, version, created) "
              "VALUES(?,?,?,?,1,?)",
              "izzii", c->realm, name, own->payload, (int64_t)own->disabled, c->now_ms);
    own->id = wr_db_last_id(db);
    own->version = 1;
    own->created_ms = c->now_ms;
    if (wr_api_json(c, "tags")) {
        (void)wr_api_set_tags_text(c, db, arn_of(c, arn, wr_str_of(name)), wr_api_str(c, "tags"));
    }
    make_destinations(c, db);
    audit(c);
}

// What the call was prepared for is no longer what is there.
static void fail_overtaken(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "ruleName");
    if (wr_db_one(db, 0, "SELECT 1 FROM rules WHERE realm=? AND name=?", "iz", c->realm, name)) {
        wr_api_fail(c, WR_API_CONFLICTING_UPDATE,
                    "another call was changing the rule %s at the same time; try again", name);
    } else {
        fail_unknown(c);
    }
}

static void replace_prepare(struct wr_api_call *c)
{
    if (to_change(c)) {
        compile_payload(c);
    }
}

static void change_run(struct wr_api_call *c, struct wr_db *db)
{
    struct own *own = c->own;
    if (own->nothing) {
        return;
    }
    if (!wr_db_run(db,
                   "UPDATE rules SET payload=?, disabled=?, version=version+1 WHERE realm=? AND "
                   "name=? AND version=?",
                   "ziizi", own->payload, (int64_t)own->disabled, c->realm,
                   wr_api_text(c, "ruleName"), own->version)) {
        fail_overtaken(c, db);
        return;
    }
    own->version++;
    make_destinations(c, db);
    audit(c);
}

static void change_after(struct wr_api_call *c)
{
    if (!((struct own *)c->own)->nothing) {
        put(c);
    }
}

static void turn(struct wr_api_call *c, bool enabled)
{
    const struct wr_book_rule *r = to_change(c);
    if (!r) {
        return;
    }
    if (r->disabled == !enabled) {
        own_of(c)->nothing = true;
        return;
    }
    json_t *payload = json_loads(r->payload, 0, NULL);
    compile(c, payload, enabled);
    json_decref(payload);
    wr_api_audit_change(c, "ruleDisabled", json_boolean(enabled), json_boolean(!enabled));
}

static void enable_prepare(struct wr_api_call *c)
{
    turn(c, true);
}

static void disable_prepare(struct wr_api_call *c)
{
    turn(c, false);
}

static void delete_prepare(struct wr_api_call *c)
{
    (void)to_change(c);
}

static void delete_run(struct wr_api_call *c, struct wr_db *db)
{
    struct own *own = c->own;
    char arn[512];
    if (!wr_db_run(db, "DELETE FROM rules WHERE realm=? AND name=? AND version=?", "izi", c->realm,
                   wr_api_text(c, "ruleName"), own->version)) {
        fail_overtaken(c, db);
        return;
    }
    wr_api_drop_tags(c, db, arn_of(c, arn, wr_api_str(c, "ruleName")));
    audit(c);
}

static void delete_after(struct wr_api_call *c)
{
    wr_rule_book_remove(book_of(c), c->caller.tenant, c->caller.region, wr_api_str(c, "ruleName"));
    wr_rule_book_wait(book_of(c), c);
}

// ---- reading

// As GetTopicRule shows a payload.
static json_t *rule_json(const char *name, json_t *payload, bool disabled, int64_t created_ms)
{
    static const char *const members[] = {"sql", "description", "actions", "awsIotSqlVersion",
                                          "errorAction"};
    json_t *rule = json_object();
    json_object_set_new(rule, "ruleName", json_string(name));
    for (size_t i = 0; i < WR_COUNT(members); i++) {
        json_t *value = json_object_get(payload, members[i]);
        if (value && !json_is_null(value)) {
            json_object_set(rule, members[i], value);
        }
    }
    if (!json_object_get(rule, "awsIotSqlVersion")) {
        json_object_set_new(rule, "awsIotSqlVersion", json_string(SQL_VERSION));
    }
    json_object_set_new(rule, "createdAt", wr_api_time(created_ms));
    json_object_set_new(rule, "ruleDisabled", json_boolean(disabled));
    return rule;
}

static json_t *file_payload(const struct wr_folder_rule *file, json_t **document)
{
    *document = json_loadb(file->text.at, file->text.len, 0, NULL);
    json_t *wrapped = json_object_get(*document, "topicRulePayload");
    return wrapped ? wrapped : *document;
}

static void get_rule(struct wr_api_call *c)
{
    const struct wr_book_rule *r = find(c);
    const char *name = wr_api_text(c, "ruleName");
    struct wr_folder_rule file;
    char arn[512];
    if (r) {
        json_t *payload = json_loads(r->payload, 0, NULL);
        json_object_set_new(c->out, "rule", rule_json(name, payload, r->disabled, r->created_ms));
        json_decref(payload);
        if (r->why) {
            wr_api_warn(c, "this rule does not run: %s", r->why);
        }
    } else if (is_file(c, &file)) {
        json_t *document;
        json_t *payload = file_payload(&file, &document);
        json_object_set_new(c->out, "rule",
                            rule_json(name, payload, !file.rule->enabled, file.time_ms));
        json_decref(document);
        wr_api_warn(c, "from the file %s/%s: read-only here", wr_rule_book_dir(book_of(c)),
                    file.file);
    } else {
        fail_unknown(c);
        return;
    }
    json_object_set_new(c->out, "ruleArn", json_string(arn_of(c, arn, wr_str_of(name))));
}

// One item of a listing.
struct item {
    int64_t id;
    wr_str name, filter;
    bool disabled;
    int64_t created_ms;
};

// The FROM of a rule that does not compile here is not known.
static bool next_item(const struct wr_api_call *c, int64_t after, struct item *out)
{
    const struct wr_rule_book *book = book_of(c);
    struct wr_folder_rule file;
    if (after < ROWS_FROM &&
        wr_rule_book_next_file(book, c->caller.tenant, c->caller.region, after, &file)) {
        *out = (struct item){file.number, file.rule->plain, file.rule->filter, !file.rule->enabled,
                             file.time_ms};
        return true;
    }
    const struct wr_book_rule *r = wr_rule_book_next(book, c->caller.tenant, c->caller.region,
                                                     after < ROWS_FROM ? 0 : after - ROWS_FROM);
    if (r) {
        *out = (struct item){ROWS_FROM + r->id, wr_str_of(r->name),
                             r->rule ? r->rule->filter : (wr_str){0}, r->disabled, r->created_ms};
    }
    return r != NULL;
}

static bool is_wanted(const struct wr_api_call *c, const struct item *item)
{
    if (wr_api_json(c, "ruleDisabled") && wr_api_bool(c, "ruleDisabled", false) != item->disabled) {
        return false;
    }
    return !wr_api_json(c, "topic") ||
           (item->filter.len && wr_topic_matches(item->filter, wr_api_str(c, "topic")));
}

static void list_rules(struct wr_api_call *c)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, PAGE, false)) {
        return;
    }
    json_t *rules = json_array();
    json_object_set_new(c->out, "rules", rules);
    struct item item;
    for (int64_t after = page.after; next_item(c, after, &item); after = item.id) {
        if (!is_wanted(c, &item)) {
            continue;
        }
        if (!wr_api_page_take(&page, item.id)) {
            break;
        }
        char arn[512];
        json_t *one = json_object();
        json_object_set_new(one, "ruleArn", json_string(arn_of(c, arn, item.name)));
        json_object_set_new(one, "ruleName", json_stringn(item.name.at, item.name.len));
        if (item.filter.len) {
            json_object_set_new(one, "topicPattern", json_stringn(item.filter.at, item.filter.len));
        }
        json_object_set_new(one, "createdAt", wr_api_time(item.created_ms));
        json_object_set_new(one, "ruleDisabled", json_boolean(item.disabled));
        json_array_append_new(rules, one);
    }
    wr_api_page_end(c, &page);
}

// ---- the table

#define PAYLOAD                                                                        \
    {                                                                                  \
        .name = "topicRulePayload", .place = WR_API_IN_PAYLOAD, .type = WR_API_OBJECT, \
        .required = true                                                               \
    }

static const struct wr_api_member create_in[] = {
    WR_API_PATH("ruleName", RULE),
    PAYLOAD,
    WR_API_HEADER("tags", "x-amz-tagging", .max = 16384),
    {0}};
static const struct wr_api_member replace_in[] = {WR_API_PATH("ruleName", RULE), PAYLOAD, {0}};
static const struct wr_api_member rule_in[] = {WR_API_PATH("ruleName", RULE), {0}};
static const struct wr_api_member list_in[] = {
    WR_API_QUERY("topic", STRING, .min = 1, .max = 256),
    WR_API_QUERY("ruleDisabled", BOOL),
    WR_API_QUERY("nextToken", STRING, .min = 1, .max = 1024),
    WR_API_QUERY("maxResults", INT, .min = 1, .max = 10000),
    {0},
};

#define OP(name_, method_, path_, in_) \
    .name = name_, .method = method_, .path = path_, .in = in_, .rules = true

static const struct wr_api_operation operations[] = {
    {OP("CreateTopicRule", "POST", "/rules/{ruleName}", create_in), .write = true,
     .prepare = create_prepare, .run = create_run, .after = put},
    {OP("GetTopicRule", "GET", "/rules/{ruleName}", rule_in), .prepare = get_rule},
    {OP("ListTopicRules", "GET", "/rules", list_in), .prepare = list_rules},
    {OP("ReplaceTopicRule", "PATCH", "/rules/{ruleName}", replace_in), .write = true,
     .prepare = replace_prepare, .run = change_run, .after = change_after},
    {OP("DeleteTopicRule", "DELETE", "/rules/{ruleName}", rule_in), .write = true,
     .prepare = delete_prepare, .run = delete_run, .after = delete_after},
    {OP("EnableTopicRule", "POST", "/rules/{ruleName}/enable", rule_in), .write = true,
     .prepare = enable_prepare, .run = change_run, .after = change_after},
    {OP("DisableTopicRule", "POST", "/rules/{ruleName}/disable", rule_in), .write = true,
     .prepare = disable_prepare, .run = change_run, .after = change_after},
};

void wr_api_add_rules(struct wr_api *api, const struct wr_api_rules *with)
{
    wr_api_add(api, operations, WR_COUNT(operations), (void *)(uintptr_t)with);
}
