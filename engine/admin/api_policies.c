// Policies, their versions and what they are attached to (control-plane.md 5). What they mean is
// registry/policy.h's.
#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/api_tags.h"
#include "engine/admin/families.h"
#include "engine/admin/policies.h"
#include "engine/config.h"
#include "engine/registry/policy.h"
#include "sql/base/buf.h"

#include "sql/base/banned.h"

#define PAGE           50
#define VERSIONS_MAX   5    // control-plane.md 3
#define DOCUMENT_MAX   2048 // characters without white space
#define ATTACHED_MAX   10   // to a certificate
#define GROUP_MAX      2    // to a thing group
#define DOCUMENT_BYTES 65536

// ---- documents

static size_t characters_of(const char *document)
{
    size_t n = 0;
    for (const char *p = document; *p; p++) {
        bool blank = *p == ' ' || *p == '\t' || *p == '\n' || *p == '\r';
        n += !blank && ((unsigned char)*p & 0xC0) != 0x80;
    }
    return n;
}

// Strict: AWS's rules as far as known. Lenient: any JSON object; what it would not do is said.
static bool check_document(struct wr_api_call *c)
{
    const char *document = wr_api_text(c, "policyDocument");
    bool strict = !strcmp(wr_api_config(c->api)->admin_policy_documents, "strict");
    struct wr_policy_notes notes = {0};
    struct wr_fault fault = {0};
    struct wr_buf compiled = {0};
    wr_err err = wr_policy_compile(wr_str_of(document), &compiled, &notes, &fault);
    wr_buf_release(&compiled);
    if (err) {
        wr_api_fail(c, WR_API_MALFORMED_POLICY, "Policy document is malformed: %s", fault.text);
    } else if (strict && notes.malformed) {
        const char *text = notes.list[0].text;
        for (uint32_t i = 0; i < notes.count && i < WR_POLICY_NOTES_MAX; i++) {
            if (notes.list[i].malformed) {
                text = notes.list[i].text;
                break;
            }
        }
        wr_api_fail(c, WR_API_MALFORMED_POLICY, "Policy document is malformed: %s", text);
    } else if (characters_of(document) > DOCUMENT_MAX) {
        wr_api_fail(c, WR_API_MALFORMED_POLICY,
                    "Policy document has %zu characters without white space; %d are allowed",
                    characters_of(document), DOCUMENT_MAX);
    }
    for (uint32_t i = 0; i < notes.count && i < WR_POLICY_NOTES_MAX && !c->error; i++) {
        wr_api_warn(c, "policy: %s", notes.list[i].text);
    }
    return !c->error;
}

// ---- finding

struct policy {
    int64_t id, default_version, next_version, created, modified;
};

static bool find(struct wr_api_call *c, struct wr_db *db, const char *name, struct policy *out)
{
    struct wr_rows rows = wr_db_query(db,
                                      "SELECT id, default_version, next_version, created, modified "
                                      "FROM policies WHERE realm=? AND name=?",
                                      "iz", c->realm, name);
    bool found = wr_db_next(&rows);
    if (found) {
        *out = (struct policy){wr_db_int(&rows, 0), wr_db_int(&rows, 1), wr_db_int(&rows, 2),
                               wr_db_int(&rows, 3), wr_db_int(&rows, 4)};
    }
    wr_db_end(&rows);
    return found;
}

static bool need(struct wr_api_call *c, struct wr_db *db, struct policy *out)
{
    const char *name = wr_api_text(c, "policyName");
    if (find(c, db, name, out)) {
        return true;
    }
    if (!wr_db_failure(db)) {
        wr_api_fail(c, WR_API_NOT_FOUND, "Policy not found (name=%s)", name);
    }
    return false;
}

static void put_arn(struct wr_api_call *c, json_t *to, const char *name)
{
    char arn[512];
    json_object_set_new(to, "policyName", json_string(name));
    json_object_set_new(to, "policyArn", json_string(wr_api_arn(c, arn, "policy/%s", name)));
}

static json_t *version_text(int64_t version)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)version);
    return json_string(text);
}

// ---- policies

static void create_policy(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "policyName");
    struct policy p;
    char arn[512];
    wr_api_arn(c, arn, "policy/%s", name);
    if (!check_document(c)) {
        return;
    }
    if (find(c, db, name, &p)) {
        wr_api_fail_for(c, WR_API_EXISTS, name, arn,
                        "Policy cannot be created - name already exists (name=%s)", name);
        return;
    }
    wr_db_run(db,
              "INSERT INTO policies(realm, name, default_version, next_version, created, modified) "
              "VALUES(?,?,1,2,?,?)",
              "izii", c->realm, name, c->now_ms, c->now_ms);
    wr_db_run(db, "INSERT INTO policy_versions(policy, version, document, created) VALUES(?,1,?,?)",
              "isi", wr_db_last_id(db), wr_api_str(c, "policyDocument"), c->now_ms);
    if (!wr_api_set_tags(c, db, arn, wr_api_json(c, "tags"))) {
        return;
    }
    put_arn(c, c->out, name);
    json_object_set(c->out, "policyDocument", wr_api_json(c, "policyDocument"));
    json_object_set_new(c->out, "policyVersionId", json_string("1"));
    wr_api_audit_arn(c, arn);
}

static void get_policy(struct wr_api_call *c, struct wr_db *db)
{
    struct policy p;
    if (!need(c, db, &p)) {
        return;
    }
    char generation[64];
    put_arn(c, c->out, wr_api_text(c, "policyName"));
    struct wr_rows rows =
        wr_db_query(db, "SELECT document FROM policy_versions WHERE policy=? AND version=?", "ii",
                    p.id, p.default_version);
    if (wr_db_next(&rows)) {
        json_object_set_new(c->out, "policyDocument", wr_db_json_str(&rows, 0));
    }
    wr_db_end(&rows);
    json_object_set_new(c->out, "defaultVersionId", version_text(p.default_version));
    json_object_set_new(c->out, "creationDate", wr_api_time(p.created));
    json_object_set_new(c->out, "lastModifiedDate", wr_api_time(p.modified));
    snprintf(generation, sizeof generation, "%016llx", (unsigned long long)p.modified);
    json_object_set_new(c->out, "generationId", json_string(generation));
}

// `select` gives id and name; `down` and up are two texts, so that both use their index.
static void list(struct wr_api_call *c, struct wr_db *db, const char *up, const char *down,
                 const char *types_key, json_t *key)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, PAGE, false)) {
        return;
    }
    json_t *policies = json_array();
    json_object_set_new(c->out, "policies", policies);
    struct wr_rows rows = *types_key
                              ? wr_db_query(db, page.down ? down : up, "izi", c->realm,
                                            json_string_value(key), page.after)
                              : wr_db_query(db, page.down ? down : up, "ii", c->realm, page.after);
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        json_t *one = json_object();
        char name[129];
        snprintf(name, sizeof name, "%.*s", WR_STR_ARG(wr_db_str(&rows, 1)));
        put_arn(c, one, name);
        json_array_append_new(policies, one);
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

static void list_policies(struct wr_api_call *c, struct wr_db *db)
{
    list(c, db, "SELECT id, name FROM policies WHERE realm=? AND id>? ORDER BY id",
         "SELECT id, name FROM policies WHERE realm=? AND id<? ORDER BY id DESC", "", NULL);
}

static void delete_policy(struct wr_api_call *c, struct wr_db *db)
{
    struct policy p;
    char arn[512];
    const char *name = wr_api_text(c, "policyName");
    if (!need(c, db, &p)) {
        return;
    }
    if (wr_db_one(db, 0, "SELECT count(*) FROM policy_targets WHERE policy=?", "i", p.id)) {
        wr_api_fail(c, WR_API_DELETE_CONFLICT,
                    "The policy cannot be deleted as the policy is attached to one or more "
                    "principals (name=%s)",
                    name);
    } else if (wr_db_one(db, 0, "SELECT count(*) FROM policy_versions WHERE policy=?", "i", p.id) >
               1) {
        wr_api_fail(c, WR_API_DELETE_CONFLICT,
                    "Cannot delete the policy because it has one or more policy versions attached "
                    "to it (name=%s)",
                    name);
    } else {
        wr_db_run(db, "DELETE FROM policies WHERE id=?", "i", p.id);
        wr_api_drop_tags(c, db, wr_api_arn(c, arn, "policy/%s", name));
        wr_api_audit_arn(c, arn);
    }
}

// ---- versions

static void create_version(struct wr_api_call *c, struct wr_db *db)
{
    struct policy p;
    const char *name = wr_api_text(c, "policyName");
    if (!need(c, db, &p) || !check_document(c)) {
        return;
    }
    if (wr_db_one(db, 0, "SELECT count(*) FROM policy_versions WHERE policy=?", "i", p.id) >=
        VERSIONS_MAX) {
        wr_api_fail(c, WR_API_VERSIONS_LIMIT,
                    "The policy %s already has the maximum number of versions (%d)", name,
                    VERSIONS_MAX);
        return;
    }
    bool becomes_default = wr_api_bool(c, "setAsDefault", false);
    wr_db_run(db, "INSERT INTO policy_versions(policy, version, document, created) VALUES(?,?,?,?)",
              "iisi", p.id, p.next_version, wr_api_str(c, "policyDocument"), c->now_ms);
    wr_db_run(db,
              "UPDATE policies SET next_version=next_version+1, modified=?, "
              "default_version=iif(?, ?, default_version) WHERE id=?",
              "iiii", c->now_ms, (int64_t)becomes_default, p.next_version, p.id);
    char arn[512];
    json_object_set_new(c->out, "policyArn", json_string(wr_api_arn(c, arn, "policy/%s", name)));
    json_object_set(c->out, "policyDocument", wr_api_json(c, "policyDocument"));
    json_object_set_new(c->out, "policyVersionId", version_text(p.next_version));
    json_object_set_new(c->out, "isDefaultVersion", json_boolean(becomes_default));
    wr_api_audit_arn(c, arn);
    if (becomes_default) {
        wr_api_audit_change(c, "defaultVersionId", version_text(p.default_version),
                            version_text(p.next_version));
    }
}

// The version that the path names. 0: the call has failed.
static int64_t need_version(struct wr_api_call *c, struct wr_db *db, const struct policy *p)
{
    const char *text = wr_api_text(c, "policyVersionId");
    int64_t version = strlen(text) < 18 ? strtoll(text, NULL, 10) : 0;
    if (wr_db_one(db, 0, "SELECT 1 FROM policy_versions WHERE policy=? AND version=?", "ii", p->id,
                  version)) {
        return version;
    }
    if (!wr_db_failure(db)) {
        wr_api_fail(c, WR_API_NOT_FOUND, "Policy version not found (name=%s, version=%s)",
                    wr_api_text(c, "policyName"), text);
    }
    return 0;
}

static void get_version(struct wr_api_call *c, struct wr_db *db)
{
    struct policy p;
    int64_t version = need(c, db, &p) ? need_version(c, db, &p) : 0;
    if (!version) {
        return;
    }
    char generation[64];
    put_arn(c, c->out, wr_api_text(c, "policyName"));
    struct wr_rows rows = wr_db_query(
        db, "SELECT document, created FROM policy_versions WHERE policy=? AND version=?", "ii",
        p.id, version);
    if (wr_db_next(&rows)) {
        json_object_set_new(c->out, "policyDocument", wr_db_json_str(&rows, 0));
        json_object_set_new(c->out, "creationDate", wr_api_time(wr_db_int(&rows, 1)));
        json_object_set_new(c->out, "lastModifiedDate", wr_api_time(wr_db_int(&rows, 1)));
        snprintf(generation, sizeof generation, "%016llx", (unsigned long long)wr_db_int(&rows, 1));
        json_object_set_new(c->out, "generationId", json_string(generation));
    }
    wr_db_end(&rows);
    json_object_set_new(c->out, "policyVersionId", version_text(version));
    json_object_set_new(c->out, "isDefaultVersion", json_boolean(version == p.default_version));
}

static void list_versions(struct wr_api_call *c, struct wr_db *db)
{
    struct policy p;
    if (!need(c, db, &p)) {
        return;
    }
    json_t *versions = json_array();
    json_object_set_new(c->out, "policyVersions", versions);
    struct wr_rows rows = wr_db_query(db,
                                      "SELECT version, created FROM policy_versions WHERE policy=? "
                                      "ORDER BY version",
                                      "i", p.id);
    while (wr_db_next(&rows)) {
        json_t *one = json_object();
        json_object_set_new(one, "versionId", version_text(wr_db_int(&rows, 0)));
        json_object_set_new(one, "isDefaultVersion",
                            json_boolean(wr_db_int(&rows, 0) == p.default_version));
        json_object_set_new(one, "createDate", wr_api_time(wr_db_int(&rows, 1)));
        json_array_append_new(versions, one);
    }
    wr_db_end(&rows);
}

static void delete_version(struct wr_api_call *c, struct wr_db *db)
{
    struct policy p;
    int64_t version = need(c, db, &p) ? need_version(c, db, &p) : 0;
    char arn[512];
    if (!version) {
        return;
    }
    if (version == p.default_version) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "Cannot delete the default version of a policy");
        return;
    }
    wr_db_run(db, "DELETE FROM policy_versions WHERE policy=? AND version=?", "ii", p.id, version);
    wr_api_audit_arn(c, wr_api_arn(c, arn, "policy/%s", wr_api_text(c, "policyName")));
}

static void set_default(struct wr_api_call *c, struct wr_db *db)
{
    struct policy p;
    int64_t version = need(c, db, &p) ? need_version(c, db, &p) : 0;
    char arn[512];
    if (version) {
        wr_db_run(db, "UPDATE policies SET default_version=?, modified=? WHERE id=?", "iii",
                  version, c->now_ms, p.id);
        wr_api_audit_arn(c, wr_api_arn(c, arn, "policy/%s", wr_api_text(c, "policyName")));
        wr_api_audit_change(c, "defaultVersionId", version_text(p.default_version),
                            version_text(version));
    }
}

// ---- targets

// "eu-west-1:UUID", an identity of Cognito: nothing here knows them, so none is refused.
static bool is_cognito(wr_str target)
{
    ptrdiff_t colon = wr_str_find(target, WR_STR(":"));
    return colon > 0 && target.len - (size_t)colon - 1 == 36 &&
           !wr_str_starts(target, WR_STR("arn:"));
}

bool wr_policy_target_exists(struct wr_api_call *c, struct wr_db *db, wr_str target)
{
    wr_str certificate = wr_api_arn_rest(c, target, "cert");
    wr_str group = wr_api_arn_rest(c, target, "thinggroup");
    if (is_cognito(target)) {
        return true;
    }
    bool found = false;
    if (certificate.at) {
        found = wr_db_one(db, 0, "SELECT 1 FROM certificates WHERE realm=? AND cert_id=?", "is",
                          c->realm, certificate);
    } else if (group.at) {
        found = wr_db_one(db, 0, "SELECT 1 FROM thing_groups WHERE realm=? AND name=?", "is",
                          c->realm, group);
    } else if (!wr_str_starts(target, WR_STR("arn:"))) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "Invalid target: %.*s",
                    WR_STR_ARG(wr_str_cut(target, 0, target.len < 200 ? target.len : 200)));
        return false;
    }
    if (!found && !wr_db_failure(db)) {
        wr_api_fail(c, WR_API_NOT_FOUND, "The target %.*s does not exist", WR_STR_ARG(target));
    }
    return found;
}

int64_t wr_policy_count_of(struct wr_api_call *c, struct wr_db *db, const char *target)
{
    return wr_db_one(db, 0, "SELECT count(*) FROM policy_targets WHERE realm=? AND target=?", "iz",
                     c->realm, target);
}

void wr_policy_detach_all(struct wr_api_call *c, struct wr_db *db, const char *target)
{
    wr_db_run(db, "DELETE FROM policy_targets WHERE realm=? AND target=?", "iz", c->realm, target);
}

// The member that names the target: its name differs between old and new forms.
static const char *target_of(const struct wr_api_call *c)
{
    const char *target = wr_api_text(c, "target");
    return target ? target : wr_api_text(c, "principal");
}

static void attach(struct wr_api_call *c, struct wr_db *db)
{
    struct policy p;
    const char *target = target_of(c);
    if (!need(c, db, &p) || !wr_policy_target_exists(c, db, wr_str_of(target))) {
        return;
    }
    if (wr_db_one(db, 0, "SELECT 1 FROM policy_targets WHERE policy=? AND target=?", "iz", p.id,
                  target)) {
        return; // as it is
    }
    bool group = wr_api_arn_rest(c, wr_str_of(target), "thinggroup").at != NULL;
    int64_t max = group ? GROUP_MAX : ATTACHED_MAX;
    if (wr_policy_count_of(c, db, target) >= max) {
        wr_api_fail(c, WR_API_LIMIT_EXCEEDED, "%s has %lld policies already, which is the limit",
                    target, (long long)max);
        return;
    }
    wr_db_run(db, "INSERT INTO policy_targets(realm, policy, target) VALUES(?,?,?)", "iiz",
              c->realm, p.id, target);
    char arn[512];
    wr_api_audit_arn(c, wr_api_arn(c, arn, "policy/%s", wr_api_text(c, "policyName")));
    wr_api_audit_arn(c, target);
}

static void detach(struct wr_api_call *c, struct wr_db *db)
{
    struct policy p;
    const char *target = target_of(c);
    if (!need(c, db, &p)) {
        return;
    }
    if (!wr_db_run(db, "DELETE FROM policy_targets WHERE policy=? AND target=?", "iz", p.id,
                   target)) {
        wr_api_fail(c, WR_API_NOT_FOUND, "The policy %s is not attached to %s",
                    wr_api_text(c, "policyName"), target);
        return;
    }
    char arn[512];
    wr_api_audit_arn(c, wr_api_arn(c, arn, "policy/%s", wr_api_text(c, "policyName")));
    wr_api_audit_arn(c, target);
}

#define ATTACHED                                                                           \
    "SELECT DISTINCT p.id, p.name FROM policy_targets t JOIN policies p ON p.id=t.policy " \
    "WHERE t.realm=? AND t.target=? AND p.id"
// A group and those above it.
#define ATTACHED_ABOVE                                                                    \
    "WITH RECURSIVE up(id, name, parent) AS (SELECT id, name, parent FROM thing_groups "  \
    "WHERE realm=?1 AND name=?4 UNION SELECT g.id, g.name, g.parent FROM thing_groups g " \
    "JOIN up ON g.id=up.parent) SELECT DISTINCT p.id, p.name FROM policy_targets t JOIN " \
    "policies p ON p.id=t.policy JOIN up ON t.target=?2||up.name WHERE t.realm=?1 AND p.id"

static void list_above(struct wr_api_call *c, struct wr_db *db, wr_str group)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, PAGE, false)) {
        return;
    }
    json_t *policies = json_array();
    json_object_set_new(c->out, "policies", policies);
    char prefix[512];
    wr_api_arn(c, prefix, "thinggroup/");
    struct wr_rows rows = wr_db_query(db, ATTACHED_ABOVE ">?3 ORDER BY p.id", "izis", c->realm,
                                      prefix, page.after, group);
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        json_t *one = json_object();
        char name[129];
        snprintf(name, sizeof name, "%.*s", WR_STR_ARG(wr_db_str(&rows, 1)));
        put_arn(c, one, name);
        json_array_append_new(policies, one);
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

static void list_attached(struct wr_api_call *c, struct wr_db *db)
{
    const char *target = target_of(c);
    if (!wr_policy_target_exists(c, db, wr_str_of(target))) {
        return;
    }
    wr_str group = wr_api_arn_rest(c, wr_str_of(target), "thinggroup");
    if (group.at && wr_api_bool(c, "recursive", false)) {
        list_above(c, db, group);
        return;
    }
    json_t *key = json_string(target);
    list(c, db, ATTACHED ">? ORDER BY p.id", ATTACHED "<? ORDER BY p.id DESC", "z", key);
    json_decref(key);
}

// `member` of the answer; whole ARNs, or what the old form calls principals.
static void list_targets(struct wr_api_call *c, struct wr_db *db, const char *member)
{
    struct policy p;
    struct wr_api_page page;
    if (!find(c, db, wr_api_text(c, "policyName"), &p)) {
        if (!wr_db_failure(db)) {
            wr_api_fail(c, WR_API_NOT_FOUND, "Policy not found");
        }
        return;
    }
    if (!wr_api_page_begin(c, &page, PAGE, false)) {
        return;
    }
    json_t *targets = json_array();
    json_object_set_new(c->out, member, targets);
    struct wr_rows rows =
        wr_db_query(db,
                    page.down ? "SELECT id, target FROM policy_targets WHERE policy=? AND id<? "
                                "ORDER BY id DESC"
                              : "SELECT id, target FROM policy_targets WHERE policy=? AND id>? "
                                "ORDER BY id",
                    "ii", p.id, page.after);
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        json_array_append_new(targets, wr_db_json_str(&rows, 1));
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

static void list_targets_for_policy(struct wr_api_call *c, struct wr_db *db)
{
    list_targets(c, db, "targets");
}

static void list_policy_principals(struct wr_api_call *c, struct wr_db *db)
{
    list_targets(c, db, "principals");
}

// ---- the table

#define DOCUMENT WR_API_BODY("policyDocument", STRING, .required = true, .max = DOCUMENT_BYTES)
#define VERSION                                                               \
    {                                                                         \
        .name = "policyVersionId", .place = WR_API_IN_PATH, .required = true, \
        .pattern = WR_API_VERSION_ID_PATTERN, .min = 1, .max = 18             \
    }
#define PRINCIPAL WR_API_HEADER("principal", "x-amzn-iot-principal", .required = true, .min = 1)
#define MARKED_PAIR                                                                \
    WR_API_QUERY("marker", STRING, .pattern = WR_API_MARKER_PATTERN, .max = 1024), \
        WR_API_QUERY("pageSize", INT, .min = 1, .max = 250)

static const struct wr_api_member create_in[] = {
    WR_API_PATH("policyName", POLICY), DOCUMENT, WR_API_BODY("tags", LIST), {0}};
static const struct wr_api_member name_in[] = {WR_API_PATH("policyName", POLICY), {0}};
static const struct wr_api_member marked_in[] = {WR_API_MARKED, {0}};
static const struct wr_api_member create_version_in[] = {
    WR_API_PATH("policyName", POLICY), DOCUMENT, WR_API_QUERY("setAsDefault", BOOL), {0}};
static const struct wr_api_member version_in[] = {WR_API_PATH("policyName", POLICY), VERSION, {0}};
static const struct wr_api_member target_in[] = {
    WR_API_PATH("policyName", POLICY),
    WR_API_BODY("target", STRING, .required = true, .min = 1),
    {0},
};
static const struct wr_api_member attached_in[] = {
    {.name = "target", .place = WR_API_IN_PATH, .required = true, .min = 1, .max = 2048},
    WR_API_QUERY("recursive", BOOL),
    MARKED_PAIR,
    {0},
};
static const struct wr_api_member targets_in[] = {
    WR_API_PATH("policyName", POLICY), MARKED_PAIR, {0}};
static const struct wr_api_member principal_in[] = {
    WR_API_PATH("policyName", POLICY), PRINCIPAL, {0}};
static const struct wr_api_member principal_policies_in[] = {PRINCIPAL, WR_API_MARKED, {0}};
static const struct wr_api_member policy_principals_in[] = {
    WR_API_HEADER("policyName", "x-amzn-iot-policy", .required = true,
                  .pattern = WR_API_POLICY_PATTERN, .min = 1, .max = 128),
    WR_API_MARKED,
    {0},
};

#define OP_READ(name_, method_, path_, in_, run_)                               \
    {                                                                           \
        .name = name_, .method = method_, .path = path_, .in = in_, .run = run_ \
    }
#define OP_WRITE(name_, method_, path_, in_, run_)                                             \
    {                                                                                          \
        .name = name_, .method = method_, .path = path_, .in = in_, .write = true, .run = run_ \
    }

static const struct wr_api_operation operations[] = {
    OP_WRITE("CreatePolicy", "POST", "/policies/{policyName}", create_in, create_policy),
    OP_READ("GetPolicy", "GET", "/policies/{policyName}", name_in, get_policy),
    OP_READ("ListPolicies", "GET", "/policies", marked_in, list_policies),
    OP_WRITE("DeletePolicy", "DELETE", "/policies/{policyName}", name_in, delete_policy),
    OP_WRITE("CreatePolicyVersion", "POST", "/policies/{policyName}/version", create_version_in,
             create_version),
    OP_READ("GetPolicyVersion", "GET", "/policies/{policyName}/version/{policyVersionId}",
            version_in, get_version),
    OP_READ("ListPolicyVersions", "GET", "/policies/{policyName}/version", name_in, list_versions),
    OP_WRITE("DeletePolicyVersion", "DELETE", "/policies/{policyName}/version/{policyVersionId}",
             version_in, delete_version),
    OP_WRITE("SetDefaultPolicyVersion", "PATCH", "/policies/{policyName}/version/{policyVersionId}",
             version_in, set_default),
    OP_WRITE("AttachPolicy", "PUT", "/target-policies/{policyName}", target_in, attach),
    OP_WRITE("DetachPolicy", "POST", "/target-policies/{policyName}", target_in, detach),
    OP_READ("ListAttachedPolicies", "POST", "/attached-policies/{target+}", attached_in,
            list_attached),
    OP_READ("ListTargetsForPolicy", "POST", "/policy-targets/{policyName}", targets_in,
            list_targets_for_policy),
    OP_WRITE("AttachPrincipalPolicy", "PUT", "/principal-policies/{policyName}", principal_in,
             attach),
    OP_WRITE("DetachPrincipalPolicy", "DELETE", "/principal-policies/{policyName}", principal_in,
             detach),
    OP_READ("ListPrincipalPolicies", "GET", "/principal-policies", principal_policies_in,
            list_attached),
    OP_READ("ListPolicyPrincipals", "GET", "/policy-principals", policy_principals_in,
            list_policy_principals),
};

void wr_api_add_policies(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
