// What a principal may do: GetEffectivePolicies and TestAuthorization (control-plane.md 5, tier 3),
// by the same evaluator that the broker's plugin asks (registry/policy.h).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/admin/families.h"
#include "engine/admin/policies.h"
#include "engine/registry/policy.h"
#include "sql/base/buf.h"

#include "sql/base/banned.h"

#define INFOS_MAX     10 // of authInfos (control-plane.md 3)
#define RESOURCES_MAX 100
#define POLICIES_MAX \
    256 // that are looked at; a certificate has 10, and those of its things' groups

// A policy that has a say.
struct policy {
    char *name;
    json_t *document; // a string
    struct wr_buf compiled;
    bool usable;
};
struct policies {
    struct policy at[POLICIES_MAX];
    size_t count;
};

static void release(struct policies *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->at[i].name);
        json_decref(p->at[i].document);
        wr_buf_release(&p->at[i].compiled);
    }
    free(p);
}

// Those of the principal itself, and those of the groups of `thing` (empty: of all its things) and
// of the groups above them.
#define FIND                                                                                      \
    "WITH RECURSIVE up(grp) AS (SELECT m.grp FROM thing_group_members m JOIN things t ON "        \
    "t.id=m.thing WHERE t.realm=?1 AND ((?4<>'' AND t.name=?4) OR (?4='' AND t.id IN (SELECT "    \
    "thing FROM thing_principals WHERE realm=?1 AND cert_id=?3))) UNION SELECT g.parent FROM up " \
    "JOIN thing_groups g ON g.id=up.grp WHERE g.parent IS NOT NULL) "                             \
    "SELECT DISTINCT p.id, p.name, v.document FROM policy_targets t JOIN policies p ON "          \
    "p.id=t.policy JOIN policy_versions v ON v.policy=p.id AND v.version=p.default_version "      \
    "WHERE t.realm=?1 AND (t.target=?2 OR t.target IN (SELECT ?5||g.name FROM up JOIN "           \
    "thing_groups g ON g.id=up.grp)) ORDER BY p.id"

static void add(struct policies *p, const char *name, json_t *document)
{
    struct policy *one = &p->at[p->count++];
    *one = (struct policy){.name = wr_strdup(wr_str_of(name)), .document = document};
    struct wr_policy_notes notes = {0};
    wr_str text = {json_string_value(document), json_string_length(document)};
    one->usable = wr_policy_compile(text, &one->compiled, &notes, NULL) == WR_OK;
}

// False: the call has failed.
static bool find(struct wr_api_call *c, struct wr_db *db, struct policies *p)
{
    wr_str principal = wr_api_str(c, "principal");
    wr_str thing = wr_api_str(c, "thingName");
    if (!principal.len) {
        principal = wr_api_str(c, "cognitoIdentityPoolId");
    }
    if (principal.len && !wr_policy_target_exists(c, db, principal)) {
        return false;
    }
    if (thing.len &&
        !wr_db_one(db, 0, "SELECT 1 FROM things WHERE realm=? AND name=?", "is", c->realm, thing)) {
        wr_api_fail(c, WR_API_NOT_FOUND, "Thing %s not found", thing.at);
        return false;
    }
    char groups[512];
    wr_api_arn(c, groups, "thinggroup/");
    struct wr_rows rows =
        wr_db_query(db, FIND, "isssz", c->realm, principal, wr_api_arn_rest(c, principal, "cert"),
                    thing.at ? thing : WR_STR(""), groups);
    while (p->count < POLICIES_MAX && wr_db_next(&rows)) {
        char name[129];
        snprintf(name, sizeof name, "%.*s", WR_STR_ARG(wr_db_str(&rows, 1)));
        add(p, name, wr_db_json_str(&rows, 2));
    }
    wr_db_end(&rows);
    return true;
}

static json_t *named(struct wr_api_call *c, const struct policy *p, bool document)
{
    char arn[512];
    json_t *one = json_pack("{s:s, s:s}", "policyName", p->name, "policyArn",
                            wr_api_arn(c, arn, "policy/%s", p->name));
    if (document) {
        json_object_set(one, "policyDocument", p->document);
    }
    return one;
}

static void effective(struct wr_api_call *c, struct wr_db *db)
{
    struct policies *p = wr_zalloc(sizeof *p);
    if (find(c, db, p)) {
        json_t *list = json_array();
        json_object_set_new(c->out, "effectivePolicies", list);
        for (size_t i = 0; i < p->count; i++) {
            json_array_append_new(list, named(c, &p->at[i], true));
        }
    }
    release(p);
}

// ---- TestAuthorization

static bool skipped(const json_t *names, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(names, i, one)
    {
        if (json_is_string(one) && !strcmp(json_string_value(one), name)) {
            return true;
        }
    }
    return false;
}

static bool add_named(struct wr_api_call *c, struct wr_db *db, struct policies *p)
{
    size_t i;
    json_t *name;
    json_array_foreach(wr_api_json(c, "policyNamesToAdd"), i, name)
    {
        struct wr_rows rows =
            wr_db_query(db,
                        "SELECT v.document FROM policies p JOIN policy_versions v ON v.policy=p.id "
                        "AND v.version=p.default_version WHERE p.realm=? AND p.name=?",
                        "iz", c->realm, json_is_string(name) ? json_string_value(name) : "");
        bool found = wr_db_next(&rows);
        if (found && p->count < POLICIES_MAX) {
            add(p, json_string_value(name), wr_db_json_str(&rows, 0));
        }
        wr_db_end(&rows);
        if (!found) {
            wr_api_fail(c, WR_API_NOT_FOUND, "Policy not found (name=%s)",
                        json_is_string(name) ? json_string_value(name) : "?");
            return false;
        }
    }
    return true;
}

// "PUBLISH" → "iot:Publish".
static const char *action_of(const char *type)
{
    static const char *const types[][2] = {{"PUBLISH", "iot:Publish"},
                                           {"SUBSCRIBE", "iot:Subscribe"},
                                           {"RECEIVE", "iot:Receive"},
                                           {"CONNECT", "iot:Connect"}};
    for (size_t i = 0; i < WR_COUNT(types); i++) {
        if (!strcmp(type, types[i][0])) {
            return types[i][1];
        }
    }
    return NULL;
}

// The parts of "arn:aws:iot:REGION:ACCOUNT:REST".
static bool split_arn(wr_str arn, wr_str *region, wr_str *account, wr_str *rest)
{
    wr_str parts[5];
    for (size_t i = 0; i < 5; i++) {
        ptrdiff_t colon = wr_str_find(arn, WR_STR(":"));
        if (colon < 0) {
            return false;
        }
        parts[i] = wr_str_cut(arn, 0, (size_t)colon);
        arn = wr_str_cut(arn, (size_t)colon + 1, arn.len);
    }
    *region = parts[3];
    *account = parts[4];
    *rest = arn;
    return arn.len && wr_str_eq(parts[0], WR_STR("arn")) && wr_str_eq(parts[2], WR_STR("iot"));
}

struct decision {
    json_t *allowed, *denied; // policies that said so
    enum wr_policy_verdict verdict;
};

static void ask(struct wr_api_call *c, const struct policies *p, struct wr_policy_request *request,
                struct decision *d)
{
    uint64_t steps = WR_POLICY_STEPS;
    const json_t *skip = wr_api_json(c, "policyNamesToSkip");
    for (size_t i = 0; i < p->count; i++) {
        struct wr_policy view;
        if (!p->at[i].usable || skipped(skip, p->at[i].name) ||
            wr_policy_open(wr_buf_str(&p->at[i].compiled), &view)) {
            continue;
        }
        enum wr_policy_verdict v = wr_policy_evaluate(&view, request, NULL, &steps);
        if (v == WR_POLICY_ALLOW) {
            json_array_append_new(d->allowed, named(c, &p->at[i], false));
        } else if (v == WR_POLICY_DENY) {
            json_array_append_new(d->denied, named(c, &p->at[i], false));
        }
        d->verdict = wr_policy_join(d->verdict, v);
    }
}

// One authInfo for one of its resources. NULL: the call has failed.
static json_t *decide(struct wr_api_call *c, const struct policies *p, const char *type,
                      const json_t *resource)
{
    wr_str arn = {json_string_value(resource), json_string_length(resource)};
    wr_str client = wr_api_str(c, "clientId");
    // Neither thing nor certificate is asked: policies about them are decided at the broker.
    const struct wr_policy_context context = {.client_id = client};
    struct wr_policy_request request = {.action = wr_str_of(action_of(type)), .context = &context};
    if (!split_arn(arn, &request.region, &request.account, &request.resource)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "authInfos.resources: %.200s is no ARN of AWS IoT",
                    arn.at ? arn.at : "null");
        return NULL;
    }
    struct decision d = {.allowed = json_array(), .denied = json_array()};
    ask(c, p, &request, &d);
    bool is_denied = d.verdict == WR_POLICY_DENY;
    bool is_allowed = d.verdict == WR_POLICY_ALLOW;
    return json_pack("{s:{s:s, s:[O]}, s:{s:o}, s:{s:{s:o}, s:{s:o}}, s:s, s:[]}", "authInfo",
                     "actionType", type, "resources", resource, "allowed", "policies", d.allowed,
                     "denied", "explicitDeny", "policies", d.denied, "implicitDeny", "policies",
                     json_array(), "authDecision",
                     is_denied    ? "EXPLICIT_DENY"
                     : is_allowed ? "ALLOWED"
                                  : "IMPLICIT_DENY",
                     "missingContextValues");
}

static bool test_info(struct wr_api_call *c, const struct policies *p, const json_t *info,
                      json_t *results)
{
    const char *type = json_string_value(json_object_get(info, "actionType"));
    const json_t *resources = json_object_get(info, "resources");
    if (!type || !action_of(type) || !json_is_array(resources) || !json_array_size(resources) ||
        json_array_size(resources) > RESOURCES_MAX) {
        wr_api_fail(
            c, WR_API_INVALID_REQUEST,
            "authInfos: each has an actionType (PUBLISH, SUBSCRIBE, RECEIVE, CONNECT) and 1 "
            "to %d resources",
            RESOURCES_MAX);
        return false;
    }
    size_t i;
    json_t *resource;
    json_array_foreach(resources, i, resource)
    {
        json_t *one = decide(c, p, type, resource);
        if (!one) {
            return false;
        }
        json_array_append_new(results, one);
    }
    return true;
}

static void test_authorization(struct wr_api_call *c, struct wr_db *db)
{
    struct policies *p = wr_zalloc(sizeof *p);
    json_t *infos = wr_api_json(c, "authInfos");
    if (!json_array_size(infos)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "authInfos: 1 to %d are wanted", INFOS_MAX);
    } else if (find(c, db, p) && add_named(c, db, p)) {
        json_t *results = json_array();
        json_object_set_new(c->out, "authResults", results);
        size_t i;
        json_t *info;
        json_array_foreach(infos, i, info)
        {
            if (!test_info(c, p, info, results)) {
                break;
            }
        }
    }
    release(p);
}

// ---- the table

static const struct wr_api_member effective_in[] = {
    WR_API_BODY("principal", STRING, .min = 1),
    WR_API_BODY("cognitoIdentityPoolId", STRING, .min = 1),
    WR_API_QUERY("thingName", STRING, .pattern = WR_API_THING_PATTERN, .min = 1, .max = 128),
    {0},
};
static const struct wr_api_member test_in[] = {
    WR_API_BODY("principal", STRING, .min = 1),
    WR_API_BODY("cognitoIdentityPoolId", STRING, .min = 1),
    WR_API_BODY("authInfos", LIST, .required = true, .max = INFOS_MAX),
    WR_API_QUERY("clientId", STRING, .min = 1, .max = 128),
    WR_API_BODY("policyNamesToAdd", LIST, .max = 50),
    WR_API_BODY("policyNamesToSkip", LIST, .max = 50),
    {0},
};

static const struct wr_api_operation operations[] = {
    {.name = "GetEffectivePolicies",
     .method = "POST",
     .path = "/effective-policies",
     .in = effective_in,
     .run = effective},
    {.name = "TestAuthorization",
     .method = "POST",
     .path = "/test-authorization",
     .in = test_in,
     .run = test_authorization},
};

void wr_api_add_authorization(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
