// `weir tenant`: tenants, their features and credentials.
#include "engine/cli/control_client.h"
#include "engine/cli/control_verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/config.h"

#include "sql/base/banned.h"

#define WAIT_MS 30000 // enabling takes milliseconds; a busy disk longer
#define POLL_MS 50

struct own {
    const char *account, *role, *ttl, *name;
    struct wr_argument_list features;
    bool deleted, enable, unset;
};

static const struct wr_control_column one_tenant[] = {{"name", "name"},
                                                      {"account", "account"},
                                                      {"state", "state"},
                                                      {"reason", "reason"},
                                                      {"created", "created", WR_CONTROL_TIME},
                                                      {"features", "features"},
                                                      {"regions", "regions"},
                                                      {"CA", "certificateAuthority.certificateId"},
                                                      {NULL}};

static int verb_list(struct wr_control *c, void *user)
{
    static const struct wr_control_column columns[] = {{"NAME", "name"},
                                                       {"ACCOUNT", "account"},
                                                       {"STATE", "state"},
                                                       {"CREATED", "created", WR_CONTROL_TIME},
                                                       {"DELETED", "deleted", WR_CONTROL_TIME},
                                                       {NULL}};
    const struct own *own = user;
    int code = own->deleted ? wr_control_pages(c, "tenants", "/weir/v1/tenants?deleted=true")
                            : wr_control_pages(c, "tenants", "/weir/v1/tenants");
    return code ? code : wr_control_table(c, "tenants", columns, "tenant");
}

static int verb_show(struct wr_control *c, void *user)
{
    int code = wr_control_call(c, "GET", NULL, "/weir/v1/tenants/%s", c->words[0]);
    return code ? code : wr_control_show(c, c->answer, one_tenant);
}

// ---- states

static int wait_for(struct wr_control *c, const char *state)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000l};
    for (int waited = 0; waited < WAIT_MS; waited += POLL_MS) {
        int code = wr_control_call(c, "GET", NULL, "/weir/v1/tenants/%s", c->words[0]);
        if (code || !strcmp(wr_control_text(c->answer, "state"), state)) {
            return code;
        }
        const char *reason = wr_control_text(c->answer, "reason");
        if (*reason) {
            return wr_control_complain(c, WR_EXIT_NO, "%s is %s: %s", c->words[0],
                                       wr_control_text(c->answer, "state"), reason);
        }
        nanosleep(&pause, NULL);
    }
    return wr_control_complain(c, WR_EXIT_NO, "%s is still %s", c->words[0],
                               wr_control_text(c->answer, "state"));
}

static int turn(struct wr_control *c, bool on)
{
    int code = wr_control_call(c, "PUT", json_pack("{s:b}", "value", on),
                               "/weir/v1/tenants/%s/features/iot.enabled", c->words[0]);
    if (!code) {
        code = wait_for(c, on ? "ENABLED" : "DISABLED");
    }
    return code ? code
                : wr_control_say(c, "%s is %s", c->words[0], wr_control_text(c->answer, "state"));
}

static int verb_enable(struct wr_control *c, void *user)
{
    return turn(c, true);
}

static int verb_disable(struct wr_control *c, void *user)
{
    return turn(c, false);
}

// ---- features

// true, false and numbers as JSON has them, else a text.
static json_t *read_value(const char *word)
{
    json_t *value = json_loads(word, JSON_DECODE_ANY, NULL);
    if (json_is_boolean(value) || json_is_integer(value)) {
        return value;
    }
    json_decref(value);
    return json_string(word);
}

static int verb_feature(struct wr_control *c, void *user)
{
    const struct own *own = user;
    const char *path = "/weir/v1/tenants/%s/features/%s";
    int code;
    if (c->word_count > 3 || (own->unset && c->word_count != 2)) {
        return wr_cli_wrong("tenant", "expected feature NAME [FEATURE] [VALUE], or --unset", NULL);
    }
    if (own->unset) {
        code = wr_control_call(c, "DELETE", NULL, path, c->words[0], c->words[1]);
    } else if (c->word_count == 3) {
        json_t *value = read_value(c->words[2]);
        if (!value) {
            return wr_control_complain(c, WR_EXIT_USAGE, "the value is not UTF-8");
        }
        code = wr_control_call(c, "PUT", json_pack("{s:o}", "value", value), path, c->words[0],
                               c->words[1]);
    } else {
        code = wr_control_call(c, "GET", NULL, "/weir/v1/tenants/%s", c->words[0]);
    }
    if (code || c->json) {
        return code ? code : wr_control_say(c, "%s", "");
    }
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(c->answer, "features"), name, value)
    {
        if (c->word_count < 2 || !strcmp(name, c->words[1])) {
            char *text = json_dumps(value, JSON_ENCODE_ANY);
            printf("%s = %s\n", name, text ? text : "");
            free(text);
        }
    }
    return WR_EXIT_OK;
}

// ---- life

static int verb_create(struct wr_control *c, void *user)
{
    const struct own *own = user;
    json_t *given = wr_control_pairs(c, &own->features), *features = json_object();
    const char *name;
    json_t *value;
    if (!given) {
        json_decref(features);
        return WR_EXIT_USAGE;
    }
    json_object_foreach(given, name, value)
    {
        json_object_set_new(features, name, read_value(json_string_value(value)));
    }
    json_decref(given);
    json_t *body = json_pack("{s:s,s:s*,s:o}", "name", c->words[0], "account", own->account,
                             "features", features);
    if (!body) {
        return wr_control_complain(c, WR_EXIT_USAGE, "the name is not UTF-8");
    }
    int code = wr_control_call(c, "POST", body, "/weir/v1/tenants");
    if (!code && own->enable) {
        return turn(c, true);
    }
    return code ? code
                : wr_control_say(c, "%s has the account %s and is %s", c->words[0],
                                 wr_control_text(c->answer, "account"),
                                 wr_control_text(c->answer, "state"));
}

static int verb_delete(struct wr_control *c, void *user)
{
    int code = wr_control_agree(c, "delete the tenant %s with all it has", c->words[0]);
    if (!code) {
        code = wr_control_call(c, "DELETE", NULL, "/weir/v1/tenants/%s", c->words[0]);
    }
    return code ? code : wr_control_say(c, "%s is deleted", c->words[0]);
}

static int verb_rotate(struct wr_control *c, void *user)
{
    int code =
        wr_control_call(c, "POST", NULL, "/weir/v1/tenants/%s/certificate-authority", c->words[0]);
    return code ? code
                : wr_control_say(c, "%s signs with %s from now on", c->words[0],
                                 wr_control_text(c->answer, "certificateAuthority.certificateId"));
}

// Under way when this ends: `weir tenant list --deleted` shows it.
static int verb_purge(struct wr_control *c, void *user)
{
    int code = wr_control_agree(c, "destroy all that the tenant of account %s had", c->words[0]);
    if (!code) {
        code = wr_control_call(c, "DELETE", NULL, "/weir/v1/trash/%s", c->words[0]);
    }
    return code ? code
                : wr_control_say(c, "%s is %s", wr_control_text(c->answer, "name"),
                                 wr_control_text(c->answer, "state"));
}

static int verb_reset(struct wr_control *c, void *user)
{
    int code = wr_control_agree(c, "empty the registry of the tenant %s", c->words[0]);
    if (!code) {
        code = wr_control_call(c, "POST", NULL, "/weir/v1/tenants/%s/reset", c->words[0]);
    }
    return code ? code : wr_control_say(c, "%s has an empty registry", c->words[0]);
}

// ---- credentials

static int read_ttl(struct wr_control *c, const char *text, json_t *body)
{
    int64_t ms;
    struct wr_fault fault;
    if (!text) {
        return WR_EXIT_OK;
    }
    if (wr_config_duration(wr_str_of(text), &ms, &fault) || ms < 1000) {
        return wr_control_complain(c, WR_EXIT_USAGE,
                                   "--ttl: expected a time of at least a second, as 1h, found '%s'",
                                   text);
    }
    json_object_set_new(body, "ttl", json_integer(ms / 1000));
    return WR_EXIT_OK;
}

struct credentials {
    const char *path, *one, *list, *noun;
    const struct wr_control_column *columns;
    int (*made)(struct wr_control *c);
};

static int credentials(struct wr_control *c, const struct own *own, const struct credentials *kind)
{
    const char *verb = c->words[0], *tenant = c->words[1];
    int code;
    if (!strcmp(verb, "list") && c->word_count == 2) {
        code = wr_control_call(c, "GET", NULL, kind->path, tenant);
        return code ? code : wr_control_table(c, kind->list, kind->columns, kind->noun);
    }
    if (!strcmp(verb, "delete") && c->word_count == 3) {
        code = wr_control_call(c, "DELETE", NULL, kind->one, tenant, c->words[2]);
        return code ? code : wr_control_say(c, "%s is deleted", c->words[2]);
    }
    if (strcmp(verb, "create") != 0 || c->word_count != 2) {
        return wr_cli_wrong("tenant", "expected create NAME, list NAME or delete NAME ID, found ",
                            verb);
    }
    json_t *body = json_pack("{s:s*,s:s*}", "role", own->role, "name", own->name);
    code = body ? read_ttl(c, own->ttl, body)
                : wr_control_complain(c, WR_EXIT_USAGE, "a word is not UTF-8");
    if (code) {
        json_decref(body);
        return code;
    }
    code = wr_control_call(c, "POST", body, kind->path, tenant);
    return code ? code : kind->made(c);
}

// As a shell takes them: export $(weir tenant key create acme).
static int key_made(struct wr_control *c)
{
    return wr_control_say(c, "AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s",
                          wr_control_text(c->answer, "accessKeyId"),
                          wr_control_text(c->answer, "secretAccessKey"));
}

static int token_made(struct wr_control *c)
{
    return wr_control_say(c, "%s", wr_control_text(c->answer, "token"));
}

static int verb_key(struct wr_control *c, void *user)
{
    static const struct wr_control_column columns[] = {{"ID", "accessKeyId"},
                                                       {"ROLE", "role"},
                                                       {"CREATED", "created", WR_CONTROL_TIME},
                                                       {"EXPIRES", "expires", WR_CONTROL_TIME},
                                                       {"LAST USED", "lastUsed", WR_CONTROL_TIME},
                                                       {NULL}};
    static const struct credentials kind = {"/weir/v1/tenants/%s/access-keys",
                                            "/weir/v1/tenants/%s/access-keys/%s",
                                            "accessKeys",
                                            "access key",
                                            columns,
                                            key_made};
    return credentials(c, user, &kind);
}

static int verb_token(struct wr_control *c, void *user)
{
    static const struct wr_control_column columns[] = {{"ID", "id"},
                                                       {"NAME", "name"},
                                                       {"ROLE", "role"},
                                                       {"CREATED", "created", WR_CONTROL_TIME},
                                                       {"EXPIRES", "expires", WR_CONTROL_TIME},
                                                       {"LAST USED", "lastUsed", WR_CONTROL_TIME},
                                                       {NULL}};
    static const struct credentials kind = {"/weir/v1/tenants/%s/tokens",
                                            "/weir/v1/tenants/%s/tokens/%s",
                                            "tokens",
                                            "token",
                                            columns,
                                            token_made};
    return credentials(c, user, &kind);
}

int wr_cli_tenant(int argc, char **argv)
{
    static const struct wr_control_verb verbs[] = {WR_TENANT_VERBS(WR_CONTROL_VERB){0}};
    struct own own = {0};
    const struct wr_argument options[] = {{.name = "--feature", .list = &own.features},
                                          {.name = "--account", .value = &own.account},
                                          {.name = "--role", .value = &own.role},
                                          {.name = "--ttl", .value = &own.ttl},
                                          {.name = "--name", .value = &own.name},
                                          {.name = "--deleted", .flag = &own.deleted},
                                          {.name = "--enable", .flag = &own.enable},
                                          {.name = "--unset", .flag = &own.unset},
                                          {0}};
    int code = wr_control_main("tenant", verbs, options, &own, argc, argv);
    free(own.features.at);
    return code;
}
