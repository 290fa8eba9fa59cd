// `weir thing`: the things of a tenant.
#include "engine/cli/control_cert.h"
#include "engine/cli/control_verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/registry/secret.h"

#include "sql/base/banned.h"

#define PASSPHRASE_MAX 1025 // control-plane.md 8, and a line feed

struct own {
    const char *type, *cert, *out, *passphrase_file;
    struct wr_argument_list attributes;
    bool untype, replace, exclusive;
};

static int verb_list(struct wr_control *c, void *user)
{
    static const struct wr_control_column columns[] = {
        {"NAME", "thingName"}, {"TYPE", "thingTypeName"}, {"ATTRIBUTES", "attributes"}, {NULL}};
    const struct own *own = user;
    if (own->attributes.count > 1) {
        return wr_cli_wrong(c->command, "expected one --attribute after list", NULL);
    }
    json_t *pairs = wr_control_pairs(c, &own->attributes);
    if (!pairs) {
        return WR_EXIT_USAGE;
    }
    void *first = json_object_iter(pairs);
    struct wr_buf query = {0};
    wr_control_query(&query, "thingTypeName", own->type);
    wr_control_query(&query, "attributeName", first ? json_object_iter_key(first) : NULL);
    wr_control_query(&query, "attributeValue",
                     first ? json_string_value(json_object_iter_value(first)) : NULL);
    int code = wr_control_pages_of(c, "things", "/things", &query);
    wr_buf_release(&query);
    json_decref(pairs);
    return code ? code : wr_control_table(c, "things", columns, "thing");
}

// c->answer of a thing gets its principals.
static int add_principals(struct wr_control *c)
{
    json_t *thing = json_incref(c->answer);
    int code = wr_control_pages(c, "principals", "/things/%s/principals", c->words[0]);
    if (!code) {
        json_object_set(thing, "principals", json_object_get(c->answer, "principals"));
        json_decref(c->answer);
        c->answer = json_incref(thing);
    }
    json_decref(thing);
    return code;
}

static int verb_show(struct wr_control *c, void *user)
{
    static const struct wr_control_column columns[] = {{"name", "thingName"},
                                                       {"ARN", "thingArn"},
                                                       {"id", "thingId"},
                                                       {"type", "thingTypeName"},
                                                       {"billing group", "billingGroupName"},
                                                       {"attributes", "attributes"},
                                                       {"version", "version"},
                                                       {"principals", "principals"},
                                                       {NULL}};
    int code = wr_control_call(c, "GET", NULL, "/things/%s", c->words[0]);
    if (!code) {
        code = add_principals(c);
    }
    return code ? code : wr_control_show(c, c->answer, columns);
}

static int attach(struct wr_control *c, const char *arn, bool exclusive)
{
    return wr_control_with_principal(c, arn, "PUT",
                                     exclusive ? "/things/%s/principals?thingPrincipalType="
                                                 "EXCLUSIVE_THING"
                                               : "/things/%s/principals",
                                     c->words[0]);
}

static int verb_create(struct wr_control *c, void *user)
{
    const struct own *own = user;
    struct wr_buf arn = {0};
    json_t *attributes = wr_control_pairs(c, &own->attributes);
    if (!attributes) {
        return WR_EXIT_USAGE;
    }
    json_t *body = json_pack("{s:s*,s:{s:o}}", "thingTypeName", own->type, "attributePayload",
                             "attributes", attributes);
    int code = own->cert ? wr_control_cert_arn(c, own->cert, &arn) : WR_EXIT_OK;
    if (code) {
        json_decref(body);
        return code;
    }
    code = wr_control_call(c, "POST", body, "/things/%s", c->words[0]);
    json_t *made = json_incref(c->answer);
    if (!code && own->cert) {
        code = attach(c, wr_buf_terminated(&arn), false);
        if (code) { // both or neither
            (void)wr_control_call(c, "DELETE", NULL, "/things/%s", c->words[0]);
        }
    }
    json_decref(c->answer);
    c->answer = made;
    wr_buf_release(&arn);
    return code ? code : wr_control_say(c, "%s", wr_control_text(c->answer, "thingArn"));
}

static int verb_update(struct wr_control *c, void *user)
{
    const struct own *own = user;
    json_t *attributes = wr_control_pairs(c, &own->attributes);
    if (!attributes) {
        return WR_EXIT_USAGE;
    }
    json_t *body = json_pack("{s:s*}", "thingTypeName", own->type);
    if (own->untype) {
        json_object_set_new(body, "removeThingType", json_true());
    }
    if (own->attributes.count || own->replace) {
        json_object_set_new(
            body, "attributePayload",
            json_pack("{s:O,s:b}", "attributes", attributes, "merge", !own->replace));
    }
    json_decref(attributes);
    int code = wr_control_call(c, "PATCH", body, "/things/%s", c->words[0]);
    return code ? code : wr_control_say(c, "%s is changed", c->words[0]);
}

static int verb_attach(struct wr_control *c, void *user)
{
    const struct own *own = user;
    struct wr_buf arn = {0};
    int code = wr_control_cert_arn(c, c->words[1], &arn);
    if (!code) {
        code = attach(c, wr_buf_terminated(&arn), own->exclusive);
    }
    if (!code) {
        code = wr_control_say(c, "%s is attached to %s", wr_buf_terminated(&arn), c->words[0]);
    }
    wr_buf_release(&arn);
    return code;
}

static int verb_detach(struct wr_control *c, void *user)
{
    struct wr_buf arn = {0};
    int code = wr_control_cert_arn(c, c->words[1], &arn);
    if (!code) {
        code = wr_control_with_principal(c, wr_buf_terminated(&arn), "DELETE",
                                         "/things/%s/principals", c->words[0]);
    }
    if (!code) {
        code = wr_control_say(c, "%s is detached from %s", wr_buf_terminated(&arn), c->words[0]);
    }
    wr_buf_release(&arn);
    return code;
}

// The first line of the file.
static int read_passphrase(struct wr_control *c, const char *file, json_t *body)
{
    struct wr_buf text = {0};
    int code = wr_control_read_file(c, file, PASSPHRASE_MAX, &text);
    const char *end = text.len ? memchr(text.at, '\n', text.len) : NULL;
    size_t len = end ? (size_t)(end - text.at) : text.len;
    if (!code && json_object_set_new(body, "passphrase", json_stringn(text.at, len))) {
        code = wr_control_complain(c, WR_EXIT_USAGE, "%s is not UTF-8", file);
    }
    wr_secret_release(&text);
    return code;
}

static int verb_package(struct wr_control *c, void *user)
{
    const struct own *own = user;
    struct wr_buf id = {0}, zip = {0}, file = {0};
    json_t *body = json_object();
    int code = own->cert ? wr_control_cert_id(c, own->cert, &id) : WR_EXIT_OK;
    if (!code && own->cert) {
        json_object_set_new(body, "certificateId", json_string(wr_buf_terminated(&id)));
    }
    if (!code && own->passphrase_file) {
        code = read_passphrase(c, own->passphrase_file, body);
    }
    wr_buf_addf(&file, "%s%s", own->out ? own->out : c->words[0], own->out ? "" : ".zip");
    if (!code && access(wr_buf_terminated(&file), F_OK) == 0) { // before the key is given away
        code = wr_control_complain(c, WR_EXIT_NO, "%s is there already", wr_buf_terminated(&file));
    }
    if (code) {
        json_decref(body);
    } else {
        code = wr_control_fetch(c, "POST", body, &zip, "/weir/v1/things/%s/device-package",
                                c->words[0]);
    }
    if (!code) {
        code = wr_control_write_file(c, wr_buf_terminated(&file), wr_buf_str(&zip));
    }
    if (!code) {
        printf("%s\n", wr_buf_terminated(&file));
    }
    wr_secret_release(&zip);
    wr_buf_release(&id);
    wr_buf_release(&file);
    return code;
}

static int verb_delete(struct wr_control *c, void *user)
{
    int code = wr_control_pages(c, "principals", "/things/%s/principals", c->words[0]);
    if (code) {
        return code;
    }
    json_t *principals = json_incref(json_object_get(c->answer, "principals"));
    size_t count = json_array_size(principals), i;
    const json_t *one;
    if (count) {
        code = wr_control_agree(c, "%s has %zu certificate%s attached: detach and delete",
                                c->words[0], count, count == 1 ? "" : "s");
    }
    json_array_foreach(principals, i, one)
    {
        if (!code) {
            code = wr_control_with_principal(c, json_string_value(one), "DELETE",
                                             "/things/%s/principals", c->words[0]);
        }
    }
    json_decref(principals);
    if (!code) {
        code = wr_control_call(c, "DELETE", NULL, "/things/%s", c->words[0]);
    }
    return code ? code : wr_control_say(c, "%s is deleted", c->words[0]);
}

int wr_cli_thing(int argc, char **argv)
{
    static const struct wr_control_verb verbs[] = {WR_THING_VERBS(WR_CONTROL_VERB){0}};
    struct own own = {0};
    const struct wr_argument options[] = {
        {.name = "--type", .value = &own.type},
        {.name = "--cert", .value = &own.cert},
        {.name = "--out", .value = &own.out},
        {.name = "--passphrase-file", .value = &own.passphrase_file},
        {.name = "--attribute", .list = &own.attributes},
        {.name = "--untype", .flag = &own.untype},
        {.name = "--replace", .flag = &own.replace},
        {.name = "--exclusive", .flag = &own.exclusive},
        {0}};
    int code = wr_control_main("thing", verbs, options, &own, argc, argv);
    free(own.attributes.at);
    return code;
}
