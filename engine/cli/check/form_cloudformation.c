// CloudFormation templates (actions.md 1.4), also as CDK writes them: AWS::IoT::TopicRule, and
// SAM's event IoTRule, in the API's form. Names begin with a capital there, at every level.
#include "engine/cli/check/cfn.h"

#include <stdlib.h>

#include "sql/base/banned.h"

struct form {
    struct wr_cfn cfn;
    bool found;
};

// What the API has and the resource's schema lacks (actions.md 1.4): a path in the action.
static const char *const absent[] = {"salesforce", "dynamoDB.operation", "iotAnalytics.channelArn"};

// Maps whose keys are the user's own.
static bool is_free(wr_str key)
{
    return wr_str_eq(key, WR_STR("clientProperties")) || wr_str_eq(key, WR_STR("tags"));
}

static void check_absent(struct form *f, const struct wr_tree *v, wr_str kind, wr_str member)
{
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%.*s%s%.*s", WR_STR_ARG(kind), member.len ? "." : "", WR_STR_ARG(member));
    for (size_t i = 0; i < WR_COUNT(absent); i++) {
        if (wr_str_eq(wr_buf_str(&path), wr_str_of(absent[i]))) {
            wr_check_at(f->cfn.c, WR_CODE_NOT_IN_CLOUDFORMATION, f->cfn.s, v->key_at, f->cfn.rule,
                        "AWS::IoT::TopicRule has no %s, as far as is known", absent[i]);
        }
    }
    wr_buf_release(&path);
}

// `key` with its first letter small; one that is small already is refused by CloudFormation.
static wr_str api_key(struct form *f, const struct wr_tree *v)
{
    wr_str key = wr_str_dup(&f->cfn.s->arena, v->key);
    char *first = f->cfn.s->arena.over ? NULL : wr_strdup((wr_str){key.at, key.len});
    if (!first) {
        return key;
    }
    if (key.len && key.at[0] >= 'a' && key.at[0] <= 'z') {
        wr_check_at(f->cfn.c, WR_CODE_UNKNOWN_MEMBER, f->cfn.s, v->key_at, f->cfn.rule,
                    "%s: in CloudFormation names begin with a capital", first);
    } else if (key.len && key.at[0] >= 'A' && key.at[0] <= 'Z') {
        first[0] = (char)(first[0] - 'A' + 'a');
        key = wr_str_dup(&f->cfn.s->arena, wr_str_of(first));
    }
    free(first);
    return key;
}

// Rename what `v` holds, in place. CloudFormation converts scalars to the type that is wanted, so
// all are texts here; ruleDisabled alone must be a Boolean.
static void rename_members(struct form *f, struct wr_tree *v, bool free_keys)
{
    for (struct wr_tree *m = v->first; m; m = m->next) {
        if (v->kind == WR_TREE_MAP && !free_keys) {
            m->key = api_key(f, m);
        }
        bool flag = v->kind == WR_TREE_MAP && wr_str_eq(m->key, WR_STR("ruleDisabled"));
        if (flag && m->kind == WR_TREE_TEXT &&
            (wr_str_eq_nocase(m->text, WR_STR("true")) ||
             wr_str_eq_nocase(m->text, WR_STR("false")))) {
            m->kind = WR_TREE_BOOL;
            m->text = m->text.len == strlen("true") ? WR_STR("true") : WR_STR("false");
        } else if (!flag && (m->kind == WR_TREE_NUMBER || m->kind == WR_TREE_BOOL)) {
            m->kind = WR_TREE_TEXT;
        }
        rename_members(f, m, !free_keys && v->kind == WR_TREE_MAP && is_free(m->key));
    }
}

static void check_schema(struct form *f, const struct wr_tree *action)
{
    const struct wr_tree *kind = action && action->kind == WR_TREE_MAP ? action->first : NULL;
    if (!kind) {
        return;
    }
    check_absent(f, kind, kind->key, (wr_str){0});
    for (const struct wr_tree *m = kind->kind == WR_TREE_MAP ? kind->first : NULL; m; m = m->next) {
        check_absent(f, m, kind->key, m->key);
    }
}

static struct wr_tree *text_node(struct form *f, const char *key, wr_str text,
                                 const struct wr_tree *like)
{
    struct wr_tree *t = wr_tree_new(f->cfn.s, WR_TREE_TEXT);
    if (t) {
        t->key = wr_str_of(key);
        t->text = wr_str_dup(&f->cfn.s->arena, text);
        t->at = like->at;
        t->key_at = like->key_at;
        t->end = like->end;
    }
    return t;
}

// The name that the stack gives stands for one that is not given or not known. One that is known in
// part is kept: what stands in has letters only, so a hyphen in it is the template's.
static struct wr_tree *rule_name(struct form *f, const struct wr_tree *resource,
                                 struct wr_tree *given)
{
    if (given && given->kind == WR_TREE_TEXT && (!given->unknown || given->piece_count > 1)) {
        given->key = WR_STR("ruleName");
        return given;
    }
    wr_str id = resource->key;
    id.len = id.len > WR_RULE_NAME_MAX ? WR_RULE_NAME_MAX : id.len;
    struct wr_tree *name = text_node(f, "ruleName", id, resource);
    if (name) {
        name->unknown = "RuleName";
    }
    return name;
}

static void add_document(struct form *f, const struct wr_tree *like, struct wr_tree *name,
                         struct wr_tree *payload)
{
    struct wr_tree *document = wr_tree_new(f->cfn.s, WR_TREE_MAP);
    if (!document || !name || !payload) {
        f->cfn.over = true;
        return;
    }
    document->at = like->at;
    document->key_at = like->key_at;
    document->end = like->end;
    payload->key = WR_STR("topicRulePayload");
    wr_tree_add(document, name);
    wr_tree_add(document, payload);
    wr_check_add_rule(f->cfn.c, f->cfn.s, WR_FORM_CLOUDFORMATION, f->cfn.rule, document);
}

static void topic_rule(struct form *f, const struct wr_tree *resource)
{
    static const char *const known[] = {"RuleName", "Tags", "TopicRulePayload", NULL};
    const struct wr_tree *source = wr_tree_get(resource, "Properties");
    f->found = true;
    if (!source) {
        wr_check_at(f->cfn.c, WR_CODE_MISSING_MEMBER, f->cfn.s, resource->at, f->cfn.rule,
                    "Properties: missing");
        return;
    }
    struct wr_tree *properties = wr_cfn_resolve(&f->cfn, source);
    struct wr_tree *payload = wr_tree_get(properties, "TopicRulePayload");
    if (f->cfn.over) {
        return;
    }
    for (const struct wr_tree *m = properties && properties->kind == WR_TREE_MAP ? properties->first
                                                                                 : NULL;
         m; m = m->next) {
        const char *near = NULL;
        bool fits = false;
        for (size_t i = 0; known[i]; i++) {
            fits = fits || wr_str_eq(m->key, wr_str_of(known[i]));
        }
        near = fits ? NULL : wr_name_nearest(m->key, known);
        if (!fits) {
            wr_check_at(f->cfn.c, WR_CODE_UNKNOWN_MEMBER, f->cfn.s, m->key_at, f->cfn.rule,
                        "%.*s: there is no such property%s%s", WR_STR_ARG(m->key),
                        near ? "; did you mean " : "", near ? near : "");
        }
    }
    if (!payload || payload->kind != WR_TREE_MAP) {
        wr_check_at(f->cfn.c, payload ? WR_CODE_WRONG_TYPE : WR_CODE_MISSING_MEMBER, f->cfn.s,
                    payload ? payload->at : source->at, f->cfn.rule, "TopicRulePayload: %s",
                    payload ? "expected an object" : "missing");
        return;
    }
    struct wr_tree *name = rule_name(f, resource, wr_tree_get(properties, "RuleName"));
    rename_members(f, payload, false);
    const struct wr_tree *actions = wr_tree_get(payload, "actions");
    for (const struct wr_tree *a = actions ? actions->first : NULL; a; a = a->next) {
        check_schema(f, a);
    }
    check_schema(f, wr_tree_get(payload, "errorAction"));
    add_document(f, resource, name, payload);
}

// Events.NAME: {Type: IoTRule, Properties: {Sql, AwsIotSqlVersion}}: a rule that invokes the
// function.
static void sam_event(struct form *f, const struct wr_tree *function, const struct wr_tree *event)
{
    const struct wr_tree *source = wr_tree_get(event, "Properties");
    struct wr_tree *payload = source ? wr_cfn_resolve(&f->cfn, source) : NULL;
    struct wr_source *s = f->cfn.s;
    f->found = true;
    struct wr_tree *actions = wr_tree_new(s, WR_TREE_LIST), *action = wr_tree_new(s, WR_TREE_MAP);
    struct wr_tree *lambda = wr_tree_new(s, WR_TREE_MAP);
    struct wr_tree *arn = text_node(f, "functionArn", WR_STR("arn"), event);
    if (!payload || payload->kind != WR_TREE_MAP || !actions || !action || !lambda || !arn) {
        return;
    }
    rename_members(f, payload, false);
    arn->unknown = "the function's ARN";
    lambda->key = WR_STR("lambda");
    actions->key = WR_STR("actions");
    actions->at = action->at = lambda->at = event->at;
    actions->key_at = action->key_at = lambda->key_at = event->key_at;
    wr_tree_add(lambda, arn);
    wr_tree_add(action, lambda);
    wr_tree_add(actions, action);
    wr_tree_add(payload, actions);
    add_document(f, event, rule_name(f, event, NULL), payload);
}

static void sam_function(struct form *f, const struct wr_tree *resource)
{
    const struct wr_tree *events = wr_tree_get(wr_tree_get(resource, "Properties"), "Events");
    for (const struct wr_tree *e = events && events->kind == WR_TREE_MAP ? events->first : NULL; e;
         e = e->next) {
        if (wr_tree_is(wr_tree_get(e, "Type"), "IoTRule")) {
            struct wr_buf id = {0};
            wr_buf_addf(&id, "%.*s.%.*s", WR_STR_ARG(resource->key), WR_STR_ARG(e->key));
            f->cfn.rule = wr_str_dup(&f->cfn.c->arena, wr_buf_str(&id)).at;
            wr_buf_release(&id);
            sam_event(f, resource, e);
        }
    }
}

// KeySchema: [{AttributeName, KeyType: HASH | RANGE}]
static void table(struct form *f, const struct wr_tree *resource)
{
    const struct wr_tree *p = wr_tree_get(resource, "Properties");
    const struct wr_tree *schema = wr_tree_get(p, "KeySchema"), *name = wr_tree_get(p, "TableName");
    wr_str keys[2] = {{0}, {0}};
    for (const struct wr_tree *k = schema && schema->kind == WR_TREE_LIST ? schema->first : NULL; k;
         k = k->next) {
        const struct wr_tree *attribute = wr_tree_get(k, "AttributeName");
        if (attribute && attribute->kind == WR_TREE_TEXT && !attribute->tag.len) {
            keys[wr_tree_is(wr_tree_get(k, "KeyType"), "RANGE")] = attribute->text;
        }
    }
    if (keys[0].len && name && name->kind == WR_TREE_TEXT && !name->tag.len) {
        wr_check_add_table(f->cfn.c, name->text, keys[0], keys[1]);
    }
    if (keys[0].len) { // as `unknown` says it, for Ref of a table without a name
        wr_check_add_table(f->cfn.c, resource->key, keys[0], keys[1]);
    }
}

// Fn::ForEach::Name: [variable, list, {…}]
static bool mentions_rule(const struct wr_tree *v)
{
    if (v->kind == WR_TREE_TEXT) {
        return wr_str_eq(v->text, WR_STR("AWS::IoT::TopicRule"));
    }
    for (const struct wr_tree *m = v->first; m; m = m->next) {
        if (mentions_rule(m)) {
            return true;
        }
    }
    return false;
}

bool wr_form_cloudformation(struct wr_check *c, struct wr_source *s)
{
    struct form f = {.cfn = {.c = c,
                             .s = s,
                             .parameters = wr_tree_get(s->root, "Parameters"),
                             .resources = wr_tree_get(s->root, "Resources"),
                             .mappings = wr_tree_get(s->root, "Mappings"),
                             .conditions = wr_tree_get(s->root, "Conditions")}};
    for (const struct wr_tree *r = f.cfn.resources->first; r && !f.cfn.over; r = r->next) {
        f.cfn.rule = wr_str_dup(&c->arena, r->key).at;
        const struct wr_tree *type = wr_tree_get(r, "Type");
        if (wr_tree_is(type, "AWS::IoT::TopicRule")) {
            topic_rule(&f, r);
        } else if (wr_tree_is(type, "AWS::Serverless::Function")) {
            sam_function(&f, r);
        } else if (wr_tree_is(type, "AWS::DynamoDB::Table")) {
            table(&f, r);
        } else if (wr_str_starts(r->key, WR_STR("Fn::ForEach")) && mentions_rule(r)) {
            f.found = true;
            wr_check_at(c, WR_CODE_NOT_EXPANDED, s, r->key_at, NULL,
                        "Fn::ForEach is not expanded: rules in it are not checked");
        }
    }
    if (f.cfn.over) {
        wr_check_at(c, WR_CODE_SYNTAX, s, (struct wr_place){0}, NULL,
                    "the template has more values than are read");
    }
    return f.found;
}
