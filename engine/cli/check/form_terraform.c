// `terraform show -json`: plans and states (actions.md 1.5). Blocks are lists, names are
// snake_case, null and "" are "not set", and what is known only after apply is missing.
#include "engine/cli/check/check.h"

#include <stdlib.h>

#include "sql/base/banned.h"

#define MODULES_MAX 64 // of modules in modules

// Blocks whose names are not the snake_case of the API's.
static const struct {
    const char *hcl, *api;
} names[] = {
    {"dynamodb", "dynamoDB"},        {"dynamodbv2", "dynamoDBv2"}, {"http_header", "headers"},
    {"header", "headers"},           {"dimension", "dimensions"},  {"influxdb", "influxDB"},
    {"iot_sitewise", "iotSiteWise"}, {"opensearch", "openSearch"},
};

// Actions, as the provider calls them, and what it may come to call those it lacks today.
static const char *const blocks[] = {
    "cloudwatch_alarm",
    "cloudwatch_logs",
    "cloudwatch_metric",
    "dynamodb",
    "dynamodbv2",
    "elasticsearch",
    "firehose",
    "http",
    "iot_analytics",
    "iot_events",
    "kafka",
    "kinesis",
    "lambda",
    "republish",
    "s3",
    "sns",
    "sqs",
    "step_functions",
    "timestream",
    "open_search",
    "opensearch",
    "location",
    "iot_site_wise",
    "iot_sitewise",
    "influxdb",
    "salesforce",
};

// Blocks that are lists in the API too; the others are lists of one.
static const char *const lists[] = {"http_header", "header", "dimension", "user_properties",
                                    "user_property"};

struct form {
    struct wr_check *c;
    struct wr_source *s;
    const struct wr_tree *changes; // resource_changes, or NULL
    const char *address;
    bool over; // too many nodes
    size_t found;
};

static bool is_in(wr_str name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (wr_str_eq(name, wr_str_of(list[i]))) {
            return true;
        }
    }
    return false;
}

static wr_str api_name(struct form *f, wr_str hcl)
{
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        if (wr_str_eq(hcl, wr_str_of(names[i].hcl))) {
            return wr_str_of(names[i].api);
        }
    }
    struct wr_buf name = {0};
    for (size_t i = 0; i < hcl.len; i++) {
        bool upper =
            hcl.at[i] == '_' && i + 1 < hcl.len && hcl.at[i + 1] >= 'a' && hcl.at[i + 1] <= 'z';
        wr_buf_add_char(&name, upper ? (char)(hcl.at[++i] - 'a' + 'A') : hcl.at[i]);
    }
    wr_str out = wr_str_dup(&f->s->arena, wr_buf_str(&name));
    wr_buf_release(&name);
    return out;
}

// null, "", and blocks that are not there.
static bool is_unset(const struct wr_tree *v)
{
    return v->kind == WR_TREE_NULL || (v->kind == WR_TREE_TEXT && v->text.len == 0) ||
           (v->kind == WR_TREE_LIST && v->count == 0);
}

static struct wr_tree *make(struct form *f, enum wr_tree_kind kind, wr_str key,
                            const struct wr_tree *like)
{
    struct wr_tree *t = wr_tree_new(f->s, kind);
    if (!t) {
        f->over = true;
        return NULL;
    }
    if (like) {
        t->at = like->at;
        t->key_at = like->key_at;
        t->end = like->end;
    }
    t->key = key;
    return t;
}

static struct wr_tree *add(struct wr_tree *parent, struct wr_tree *child)
{
    if (parent && child) {
        wr_tree_add(parent, child);
    }
    return child;
}

// A value that is known after apply only, or what --param says it will be.
static struct wr_tree *unknown(struct form *f, wr_str key, const char *path,
                               const struct wr_tree *like)
{
    struct wr_tree *t = make(f, WR_TREE_TEXT, key, like);
    if (!t) {
        return NULL;
    }
    struct wr_buf name = {0};
    wr_buf_addf(&name, "%s.%s", f->address, path);
    const char *given = wr_check_param(f->c, wr_buf_terminated(&name));
    t->text = wr_str_dup(&f->s->arena, wr_str_of(given ? given : "unknown"));
    t->unknown = given ? NULL : wr_str_dup(&f->s->arena, wr_buf_str(&name)).at;
    wr_buf_release(&name);
    return t;
}

static struct wr_tree *convert(struct form *f, wr_str key, const struct wr_tree *v,
                               const struct wr_tree *after, const char *path);

static bool is_true(const struct wr_tree *v)
{
    return v && v->kind == WR_TREE_BOOL && wr_str_eq(v->text, WR_STR("true"));
}

// Members of one block. `path` is as in Terraform: "s3[0]".
static struct wr_tree *convert_block(struct form *f, wr_str key, const struct wr_tree *v,
                                     const struct wr_tree *after, const char *path)
{
    struct wr_tree *out = make(f, WR_TREE_MAP, key, v);
    struct wr_buf name = {0};
    for (const struct wr_tree *m = v->first; m; m = m->next) {
        wr_buf_clear(&name);
        wr_buf_addf(&name, "%s%s%.*s", path, *path ? "." : "", WR_STR_ARG(m->key));
        const struct wr_tree *flag = wr_tree_get(after, m->key.at);
        if (is_unset(m) && !is_true(flag)) {
            continue;
        }
        add(out, is_true(flag) ? unknown(f, api_name(f, m->key), wr_buf_terminated(&name), m)
                               : convert(f, m->key, m, flag, wr_buf_terminated(&name)));
    }
    for (const struct wr_tree *m = after && after->kind == WR_TREE_MAP ? after->first : NULL; m;
         m = m->next) {
        if (is_true(m) && !wr_tree_get(v, m->key.at)) {
            wr_buf_clear(&name);
            wr_buf_addf(&name, "%s%s%.*s", path, *path ? "." : "", WR_STR_ARG(m->key));
            add(out, unknown(f, api_name(f, m->key), wr_buf_terminated(&name), v));
        }
    }
    wr_buf_release(&name);
    return out;
}

// Entries of a map (client_properties): names are the user's.
static void add_entries(struct form *f, struct wr_tree *out, const struct wr_tree *v,
                        const struct wr_tree *after, const char *path)
{
    for (const struct wr_tree *m = v->first; m; m = m->next) {
        struct wr_tree *entry = is_unset(m) ? NULL : add(out, make(f, m->kind, m->key, m));
        if (entry) {
            entry->style = m->style;
            entry->text = m->text;
        }
    }
    for (const struct wr_tree *m = after && after->kind == WR_TREE_MAP ? after->first : NULL; m;
         m = m->next) {
        if (is_true(m)) {
            struct wr_buf name = {0};
            wr_buf_addf(&name, "%s.%.*s", path, WR_STR_ARG(m->key));
            add(out, unknown(f, m->key, wr_buf_terminated(&name), v));
            wr_buf_release(&name);
        }
    }
}

// `key` is the provider's name.
static struct wr_tree *convert(struct form *f, wr_str key, const struct wr_tree *v,
                               const struct wr_tree *after, const char *path)
{
    wr_str name = api_name(f, key);
    if (v->kind == WR_TREE_LIST) {
        bool many = is_in(key, lists, WR_COUNT(lists)) || v->count > 1;
        struct wr_tree *out = many ? make(f, WR_TREE_LIST, name, v) : NULL;
        size_t i = 0;
        for (const struct wr_tree *item = v->first; item; item = item->next, i++) {
            struct wr_buf at = {0};
            wr_buf_addf(&at, "%s[%zu]", path, i);
            const struct wr_tree *flag = wr_tree_item(after, i);
            struct wr_tree *made =
                item->kind == WR_TREE_MAP
                    ? convert_block(f, many ? (wr_str){0} : name, item, flag,
                                    wr_buf_terminated(&at))
                    : convert(f, many ? (wr_str){0} : name, item, flag, wr_buf_terminated(&at));
            wr_buf_release(&at);
            if (!many) {
                return made;
            }
            add(out, made);
        }
        return out;
    }
    struct wr_tree *out = make(f, v->kind, name, v);
    if (!out) {
        return NULL;
    }
    out->style = v->style;
    out->text = v->text;
    if (v->kind == WR_TREE_MAP) {
        add_entries(f, out, v, after, path);
    }
    return out;
}

// "error_action": [{"sqs": [{…}], "s3": []}]
static void add_error_action(struct form *f, struct wr_tree *payload, const struct wr_tree *list,
                             const struct wr_tree *after)
{
    const struct wr_tree *block = wr_tree_item(list, 0);
    if (!block || block->kind != WR_TREE_MAP) {
        return;
    }
    struct wr_tree *action = make(f, WR_TREE_MAP, WR_STR("errorAction"), list);
    for (const struct wr_tree *m = block->first; m; m = m->next) {
        if (m->kind == WR_TREE_LIST && m->count) {
            struct wr_buf path = {0};
            wr_buf_addf(&path, "error_action[0].%.*s", WR_STR_ARG(m->key));
            add(action, convert(f, m->key, m, wr_tree_get(wr_tree_item(after, 0), m->key.at),
                                wr_buf_terminated(&path)));
            wr_buf_release(&path);
        }
    }
    add(payload, action);
}

// Each entry of a block is an action.
static void add_actions(struct form *f, struct wr_tree *actions, const struct wr_tree *list,
                        const struct wr_tree *after)
{
    size_t i = 0;
    for (const struct wr_tree *item = list->first; item; item = item->next, i++) {
        struct wr_buf path = {0};
        wr_buf_addf(&path, "%.*s[%zu]", WR_STR_ARG(list->key), i);
        struct wr_tree *action = add(actions, make(f, WR_TREE_MAP, (wr_str){0}, item));
        if (item->kind == WR_TREE_MAP) {
            add(action, convert_block(f, api_name(f, list->key), item, wr_tree_item(after, i),
                                      wr_buf_terminated(&path)));
        }
        wr_buf_release(&path);
    }
}

static void add_scalar(struct form *f, struct wr_tree *payload, const char *api, const char *hcl,
                       const struct wr_tree *values, const struct wr_tree *after)
{
    const struct wr_tree *v = wr_tree_get(values, hcl);
    if (is_true(wr_tree_get(after, hcl))) {
        add(payload, unknown(f, wr_str_of(api), hcl, v ? v : values));
    } else if (v && !is_unset(v)) {
        struct wr_tree *t = convert(f, wr_str_of(hcl), v, NULL, hcl);
        if (t) {
            t->key = wr_str_of(api);
            wr_tree_add(payload, t);
        }
    }
}

static void add_enabled(struct form *f, struct wr_tree *payload, const struct wr_tree *values)
{
    const struct wr_tree *v = wr_tree_get(values, "enabled");
    struct wr_tree *t = v && v->kind == WR_TREE_BOOL
                            ? add(payload, make(f, WR_TREE_BOOL, WR_STR("ruleDisabled"), v))
                            : NULL;
    if (t) {
        t->text = is_true(v) ? WR_STR("false") : WR_STR("true");
    }
}

static const struct wr_tree *after_unknown(const struct form *f)
{
    for (const struct wr_tree *m =
             f->changes && f->changes->kind == WR_TREE_LIST ? f->changes->first : NULL;
         m; m = m->next) {
        if (wr_tree_is(wr_tree_get(m, "address"), f->address)) {
            return wr_tree_get(wr_tree_get(m, "change"), "after_unknown");
        }
    }
    return NULL;
}

static void add_rule(struct form *f, const struct wr_tree *resource)
{
    const struct wr_tree *values = wr_tree_get(resource, "values");
    const struct wr_tree *address = wr_tree_get(resource, "address");
    const struct wr_tree *label = wr_tree_get(resource, "name");
    if (!values || values->kind != WR_TREE_MAP || !address || address->kind != WR_TREE_TEXT) {
        return;
    }
    f->address = address->text.at;
    const struct wr_tree *after = after_unknown(f);
    struct wr_tree *document = make(f, WR_TREE_MAP, (wr_str){0}, resource);
    struct wr_tree *payload = make(f, WR_TREE_MAP, WR_STR("topicRulePayload"), values);
    struct wr_tree *actions = make(f, WR_TREE_LIST, WR_STR("actions"), values);
    if (!document || !payload || !actions) {
        return;
    }
    add_scalar(f, document, "ruleName", "name", values, after);
    struct wr_tree *name = wr_tree_get(document, "ruleName");
    if (!name || name->unknown) { // any name that is valid stands for it
        wr_str stand_in = label && label->kind == WR_TREE_TEXT ? label->text : WR_STR("rule");
        name = name ? name : add(document, make(f, WR_TREE_TEXT, WR_STR("ruleName"), resource));
        if (name) {
            name->text = stand_in;
            name->unknown = name->unknown ? name->unknown : "name";
        }
    }
    wr_tree_add(document, payload);
    add_scalar(f, payload, "sql", "sql", values, after);
    add_scalar(f, payload, "awsIotSqlVersion", "sql_version", values, after);
    add_scalar(f, payload, "description", "description", values, after);
    add_enabled(f, payload, values);
    wr_tree_add(payload, actions);
    for (const struct wr_tree *m = values->first; m; m = m->next) {
        const struct wr_tree *flag = wr_tree_get(after, m->key.at);
        if (wr_str_eq(m->key, WR_STR("error_action")) && m->kind == WR_TREE_LIST) {
            add_error_action(f, payload, m, flag);
        } else if (m->kind == WR_TREE_LIST && is_in(m->key, blocks, WR_COUNT(blocks))) {
            add_actions(f, actions, m, flag);
        }
    }
    wr_check_add_rule(f->c, f->s, WR_FORM_TERRAFORM, f->address, document);
    f->found++;
}

// Keys of tables, for dynamoDBv2.
static void add_table(struct form *f, const struct wr_tree *resource)
{
    const struct wr_tree *values = wr_tree_get(resource, "values");
    const struct wr_tree *name = wr_tree_get(values, "name");
    const struct wr_tree *hash = wr_tree_get(values, "hash_key");
    const struct wr_tree *range = wr_tree_get(values, "range_key");
    if (name && hash && name->kind == WR_TREE_TEXT && hash->kind == WR_TREE_TEXT) {
        wr_check_add_table(f->c, name->text, hash->text,
                           range && range->kind == WR_TREE_TEXT ? range->text : (wr_str){0});
    }
}

static void walk(struct form *f, const struct wr_tree *module, unsigned depth)
{
    const struct wr_tree *resources = wr_tree_get(module, "resources");
    const struct wr_tree *children = wr_tree_get(module, "child_modules");
    for (const struct wr_tree *r = resources && resources->kind == WR_TREE_LIST ? resources->first
                                                                                : NULL;
         r; r = r->next) {
        if (!wr_tree_is(wr_tree_get(r, "mode"), "managed")) {
            continue;
        }
        if (wr_tree_is(wr_tree_get(r, "type"), "aws_iot_topic_rule")) {
            add_rule(f, r);
        } else if (wr_tree_is(wr_tree_get(r, "type"), "aws_dynamodb_table")) {
            add_table(f, r);
        }
    }
    for (const struct wr_tree *m = children && children->kind == WR_TREE_LIST && depth < MODULES_MAX
                                       ? children->first
                                       : NULL;
         m; m = m->next) {
        walk(f, m, depth + 1);
    }
}

bool wr_form_terraform(struct wr_check *c, struct wr_source *s)
{
    const struct wr_tree *version = wr_tree_get(s->root, "format_version");
    const struct wr_tree *planned = wr_tree_get(s->root, "planned_values");
    const struct wr_tree *values = wr_tree_get(s->root, "values");
    const struct wr_tree *root = wr_tree_get(planned ? planned : values, "root_module");
    if (!root) {
        return false;
    }
    if (version->kind != WR_TREE_TEXT || !(wr_str_starts(version->text, WR_STR("1.")) ||
                                           wr_str_starts(version->text, WR_STR("0.")))) {
        wr_check_at(c, WR_CODE_SYNTAX, s, version->at, NULL,
                    "format_version: found %s, expected \"1.x\" of terraform show -json",
                    version->kind == WR_TREE_TEXT ? version->text.at : wr_tree_kind_name(version));
        return true;
    }
    struct form f = {.c = c, .s = s, .changes = wr_tree_get(s->root, "resource_changes")};
    walk(&f, root, 0);
    if (f.over) {
        wr_check_at(c, WR_CODE_SYNTAX, s, (struct wr_place){0}, NULL,
                    "the plan has more values than are read");
    }
    return f.found > 0;
}
