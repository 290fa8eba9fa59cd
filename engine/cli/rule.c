// `weir rule`: the topic rules of a tenant, those that the API has made and those of files.
#include "engine/cli/control_client.h"
#include "engine/cli/control_verbs.h"

#include <stdlib.h>

#include "sql/base/banned.h"

#define FILE_MAX    (1024 * 1024) // the control plane takes no more
#define SQL_VERSION "2016-03-23"  // what AWS's console fills in

struct own {
    const char *topic;
    bool disabled, enabled;
    // A rule from the command line.
    const char *file, *sql, *sql_version, *description, *error_action;
    struct wr_argument_list actions;
};

static int verb_list(struct wr_control *c, void *user)
{
    static const struct wr_control_column columns[] = {
        {"NAME", "ruleName"},
        {"DISABLED", "ruleDisabled", WR_CONTROL_FLAG},
        {"TOPIC", "topicPattern"},
        {"CREATED", "createdAt", WR_CONTROL_TIME},
        {NULL}};
    const struct own *own = user;
    struct wr_buf query = {0};
    wr_control_query(&query, "topic", own->topic);
    wr_control_query(&query, "ruleDisabled",
                     own->disabled  ? "true"
                     : own->enabled ? "false"
                                    : NULL);
    int code = wr_control_pages_of(c, "rules", "/rules", &query);
    wr_buf_release(&query);
    return code ? code : wr_control_table(c, "rules", columns, "rule");
}

static int verb_show(struct wr_control *c, void *user)
{
    static const struct wr_control_column columns[] = {
        {"name", "rule.ruleName"},
        {"ARN", "ruleArn"},
        {"description", "rule.description"},
        {"disabled", "rule.ruleDisabled", WR_CONTROL_FLAG},
        {"created", "rule.createdAt", WR_CONTROL_TIME},
        {"SQL version", "rule.awsIotSqlVersion"},
        {"SQL", "rule.sql"},
        {"actions", "rule.actions"},
        {"error action", "rule.errorAction"},
        {NULL}};
    int code = wr_control_call(c, "GET", NULL, "/rules/%s", c->words[0]);
    return code ? code : wr_control_show(c, c->answer, columns);
}

// ---- a rule from the command line

// An action as JSON, or @FILE with it. NULL: it was said what is wrong. Give.
static json_t *read_json(const struct wr_control *c, const char *what, const char *text)
{
    struct wr_buf bytes = {0};
    json_error_t error;
    if (text[0] == '@') {
        if (wr_control_read_file(c, text + 1, FILE_MAX, &bytes)) {
            return NULL;
        }
    } else {
        wr_buf_add(&bytes, wr_str_of(text));
    }
    json_t *json = json_loadb(bytes.at ? bytes.at : "", bytes.len, JSON_REJECT_DUPLICATES, &error);
    wr_buf_release(&bytes);
    if (!json_is_object(json)) {
        wr_control_complain(c, WR_EXIT_USAGE, "%s: expected a JSON object: %s", what,
                            json ? "found something else" : error.text);
        json_decref(json);
        return NULL;
    }
    return json;
}

// The document of a file, with or without the wrapping that `aws iot create-topic-rule` has.
static json_t *read_document(const struct wr_control *c, const char *file)
{
    struct wr_buf name = {0};
    wr_buf_addf(&name, "@%s", file);
    json_t *document = read_json(c, file, wr_buf_terminated(&name));
    wr_buf_release(&name);
    json_t *payload = json_object_get(document, "topicRulePayload");
    if (!payload) {
        return document;
    }
    json_incref(payload);
    json_decref(document);
    return payload;
}

static bool put_text(json_t *payload, const char *name, const char *text)
{
    return !text || !json_object_set_new(payload, name, json_string(text));
}

// What the options say, over what is there. False: it was said what is wrong.
static bool put_options(const struct wr_control *c, const struct own *own, json_t *payload)
{
    if (!put_text(payload, "sql", own->sql) ||
        !put_text(payload, "awsIotSqlVersion", own->sql_version) ||
        !put_text(payload, "description", own->description)) {
        wr_control_complain(c, WR_EXIT_USAGE, "the options are not UTF-8");
        return false;
    }
    json_t *actions = own->actions.count ? json_array() : NULL;
    for (size_t i = 0; i < own->actions.count; i++) {
        json_t *one = read_json(c, "--action", own->actions.at[i]);
        if (!one) {
            json_decref(actions);
            return false;
        }
        json_array_append_new(actions, one);
    }
    if (actions) {
        json_object_set_new(payload, "actions", actions);
    }
    if (own->error_action) {
        json_t *one = read_json(c, "--error-action", own->error_action);
        if (!one) {
            return false;
        }
        json_object_set_new(payload, "errorAction", one);
    }
    if (own->disabled || own->enabled) {
        json_object_set_new(payload, "ruleDisabled", json_boolean(own->disabled));
    }
    return true;
}

// From the file and the options. NULL: it was said what is wrong. Give.
static json_t *payload_of(const struct wr_control *c, const struct own *own)
{
    json_t *payload = own->file
                          ? read_document(c, own->file)
                          : json_pack("{s:s, s:[]}", "awsIotSqlVersion", SQL_VERSION, "actions");
    if (payload && !own->file && !own->sql) {
        wr_cli_wrong(c->command, "expected --file FILE, or --sql STATEMENT", NULL);
    } else if (payload && put_options(c, own, payload)) {
        return payload;
    }
    json_decref(payload);
    return NULL;
}

static int send_rule(struct wr_control *c, const char *method, json_t *payload, const char *done)
{
    int code = wr_control_call(c, method, payload, "/rules/%s", c->words[0]);
    return code ? code : wr_control_say(c, "%s %s", done, c->words[0]);
}

static int verb_create(struct wr_control *c, void *user)
{
    json_t *payload = payload_of(c, user);
    return payload ? send_rule(c, "POST", payload, "created") : WR_EXIT_USAGE;
}

static int verb_replace(struct wr_control *c, void *user)
{
    json_t *payload = payload_of(c, user);
    return payload ? send_rule(c, "PATCH", payload, "replaced") : WR_EXIT_USAGE;
}

static int verb_edit(struct wr_control *c, void *user)
{
    const struct own *own = user;
    if (own->file) {
        return wr_cli_wrong(c->command, "--file belongs to create and replace", NULL);
    }
    int code = wr_control_call(c, "GET", NULL, "/rules/%s", c->words[0]);
    if (code) {
        return code;
    }
    json_t *payload = json_copy(json_object_get(c->answer, "rule"));
    json_object_del(payload, "ruleName");
    json_object_del(payload, "createdAt");
    if (!put_options(c, own, payload)) {
        json_decref(payload);
        return WR_EXIT_USAGE;
    }
    return send_rule(c, "PATCH", payload, "changed");
}

static int verb_enable(struct wr_control *c, void *user)
{
    int code = wr_control_call(c, "POST", NULL, "/rules/%s/enable", c->words[0]);
    return code ? code : wr_control_say(c, "enabled %s", c->words[0]);
}

static int verb_disable(struct wr_control *c, void *user)
{
    int code = wr_control_call(c, "POST", NULL, "/rules/%s/disable", c->words[0]);
    return code ? code : wr_control_say(c, "disabled %s", c->words[0]);
}

static int verb_delete(struct wr_control *c, void *user)
{
    int code = wr_control_agree(c, "delete the rule %s?", c->words[0]);
    if (!code) {
        code = wr_control_call(c, "DELETE", NULL, "/rules/%s", c->words[0]);
    }
    return code ? code : wr_control_say(c, "deleted %s", c->words[0]);
}

int wr_cli_rule(int argc, char **argv)
{
    static const struct wr_control_verb verbs[] = {WR_RULE_VERBS(WR_CONTROL_VERB){0}};
    struct own own = {0};
    const struct wr_argument options[] = {{.name = "--topic", .value = &own.topic},
                                          {.name = "--disabled", .flag = &own.disabled},
                                          {.name = "--enabled", .flag = &own.enabled},
                                          {.name = "--file", .value = &own.file},
                                          {.name = "--sql", .value = &own.sql},
                                          {.name = "--sql-version", .value = &own.sql_version},
                                          {.name = "--description", .value = &own.description},
                                          {.name = "--action", .list = &own.actions},
                                          {.name = "--error-action", .value = &own.error_action},
                                          {0}};
    int code = wr_control_main("rule", verbs, options, &own, argc, argv);
    free(own.actions.at);
    return code;
}
