// Certificates on things (control-plane.md 5).
#include <stdio.h>

#include "engine/admin/api_parts.h"
#include "engine/admin/families.h"

#include "sql/base/banned.h"

#define TYPES "EXCLUSIVE_THING|NON_EXCLUSIVE_THING"

static const char *type_text(bool exclusive)
{
    return exclusive ? "EXCLUSIVE_THING" : "NON_EXCLUSIVE_THING";
}

// The certificate's id in the member principal. {NULL, 0}: the call has failed.
static wr_str principal_of(struct wr_api_call *c)
{
    wr_str arn = wr_api_str(c, "principal");
    if (!wr_str_starts(arn, WR_STR("arn:"))) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "The principal must be the ARN of a certificate; this is %.160s", arn.at);
        return (wr_str){0};
    }
    wr_str id = wr_api_arn_rest(c, arn, "cert");
    if (!id.at) {
        wr_api_fail(c, WR_API_NOT_FOUND,
                    "The principal %.200s is no certificate of this account and region", arn.at);
    }
    return id;
}

// False: the call has failed.
static bool check_certificate(struct wr_api_call *c, struct wr_db *db, wr_str id)
{
    if (id.at && !wr_db_one(db, 0, "SELECT 1 FROM certificates WHERE realm=? AND cert_id=?", "is",
                            c->realm, id)) {
        wr_api_fail(c, WR_API_NOT_FOUND,
                    "The certificate given in the principal does not exist: %.*s", WR_STR_ARG(id));
    }
    return !c->error;
}

// ---- attach, detach

// What is on its way to another tenant takes no thing along.
static bool check_transfer(struct wr_api_call *c, struct wr_db *db, wr_str cert)
{
    if (wr_db_one(db, 0,
                  "SELECT 1 FROM certificates WHERE realm=? AND cert_id=? AND "
                  "status='PENDING_TRANSFER'",
                  "is", c->realm, cert)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "The certificate %.*s is being transferred: accept, reject or cancel the "
                    "transfer first",
                    WR_STR_ARG(cert));
    }
    return !c->error;
}

// An attachment to another thing that stands in the way of one to `thing`.
static bool check_others(struct wr_api_call *c, struct wr_db *db, int64_t thing, wr_str cert,
                         bool exclusive)
{
    struct wr_rows rows = wr_db_query(
        db,
        "SELECT t.name, p.exclusive FROM thing_principals p JOIN things t ON t.id=p.thing WHERE "
        "p.realm=? AND p.cert_id=? AND p.thing<>? AND (p.exclusive OR ?) ORDER BY p.exclusive DESC "
        "LIMIT 1",
        "isii", c->realm, cert, thing, (int64_t)exclusive);
    if (wr_db_next(&rows)) {
        wr_str other = wr_db_str(&rows, 0);
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "The certificate is attached to the thing %.*s%s; detach it there first",
                    WR_STR_ARG(other),
                    wr_db_int(&rows, 1) ? " exclusively" : ", so it cannot be exclusive here");
    }
    wr_db_end(&rows);
    return !c->error;
}

static void audit(struct wr_api_call *c, json_t *before, json_t *after)
{
    char arn[512];
    wr_api_audit_arn(c, wr_api_arn(c, arn, "thing/%s", wr_api_text(c, "thingName")));
    wr_api_audit_arn(c, wr_api_text(c, "principal"));
    wr_api_audit_change(c, "thingPrincipalType", before, after);
}

static void attach(struct wr_api_call *c, struct wr_db *db)
{
    wr_str cert = principal_of(c);
    int64_t thing = c->error ? 0 : wr_api_find_thing(c, db, wr_api_str(c, "thingName"));
    const char *type = wr_api_text(c, "thingPrincipalType");
    bool exclusive = type && !strcmp(type, type_text(true));
    if (!thing || !check_certificate(c, db, cert) || !check_transfer(c, db, cert) ||
        !check_others(c, db, thing, cert, exclusive)) {
        return;
    }
    int64_t is =
        wr_db_one(db, -1, "SELECT exclusive FROM thing_principals WHERE thing=? AND cert_id=?",
                  "is", thing, cert);
    if (is == (int64_t)exclusive) {
        return;
    }
    if (is >= 0) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "The certificate is attached to this thing as %s; detach it first",
                    type_text(is));
        return;
    }
    wr_db_run(db, "INSERT INTO thing_principals(realm, thing, cert_id, exclusive) VALUES(?,?,?,?)",
              "iisi", c->realm, thing, cert, (int64_t)exclusive);
    audit(c, NULL, json_string(type_text(exclusive)));
}

static void detach(struct wr_api_call *c, struct wr_db *db)
{
    wr_str cert = principal_of(c);
    int64_t thing = c->error ? 0 : wr_api_find_thing(c, db, wr_api_str(c, "thingName"));
    if (!thing) {
        return;
    }
    int64_t is =
        wr_db_one(db, -1, "SELECT exclusive FROM thing_principals WHERE thing=? AND cert_id=?",
                  "is", thing, cert);
    if (is < 0) {
        wr_api_fail(c, WR_API_NOT_FOUND, "The principal is not attached to the thing %s",
                    wr_api_text(c, "thingName"));
        return;
    }
    wr_db_run(db, "DELETE FROM thing_principals WHERE thing=? AND cert_id=?", "is", thing, cert);
    audit(c, json_string(type_text(is)), NULL);
}

// ---- lists

// Rows with an id of all or of those of one type, as JSON by `make`.
static void list(struct wr_api_call *c, struct wr_rows *rows, struct wr_api_page *page,
                 const char *member, json_t *(*make)(const struct wr_api_call *, wr_str, bool))
{
    const char *type = wr_api_text(c, "thingPrincipalType");
    json_t *list = json_array();
    json_object_set_new(c->out, member, list);
    while (wr_db_next(rows)) {
        bool exclusive = wr_db_int(rows, 2) != 0;
        if (type && strcmp(type, type_text(exclusive)) != 0) {
            continue;
        }
        if (!wr_api_page_take(page, wr_db_int(rows, 0))) {
            break;
        }
        json_array_append_new(list, make(c, wr_db_str(rows, 1), exclusive));
    }
    wr_db_end(rows);
    wr_api_page_end(c, page);
}

static json_t *principal(const struct wr_api_call *c, wr_str cert, bool exclusive)
{
    char arn[512];
    return json_string(wr_api_arn(c, arn, "cert/%.*s", WR_STR_ARG(cert)));
}

static json_t *principal_object(const struct wr_api_call *c, wr_str cert, bool exclusive)
{
    return json_pack("{s:o, s:s}", "principal", principal(c, cert, exclusive), "thingPrincipalType",
                     type_text(exclusive));
}

static json_t *thing_name(const struct wr_api_call *c, wr_str name, bool exclusive)
{
    return json_stringn(name.at, name.len);
}

static json_t *thing_object(const struct wr_api_call *c, wr_str name, bool exclusive)
{
    return json_pack("{s:o, s:s}", "thingName", thing_name(c, name, exclusive),
                     "thingPrincipalType", type_text(exclusive));
}

static void list_principals_as(struct wr_api_call *c, struct wr_db *db, const char *member,
                               json_t *(*make)(const struct wr_api_call *, wr_str, bool))
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, WR_LIST_PAGE, false)) {
        return;
    }
    const char *name = wr_api_text(c, "thingName");
    int64_t thing =
        wr_db_one(db, 0, "SELECT id FROM things WHERE realm=? AND name=?", "iz", c->realm, name);
    if (!thing) {
        wr_api_fail(c, WR_API_NOT_FOUND,
                    "Failed to list principals for thing %s because the thing does not exist in "
                    "your account",
                    name);
        return;
    }
    struct wr_rows rows = wr_db_query(
        db,
        "SELECT id, cert_id, exclusive FROM thing_principals WHERE thing=? AND id>? ORDER BY id",
        "ii", thing, page.after);
    list(c, &rows, &page, member, make);
}

static void list_principals(struct wr_api_call *c, struct wr_db *db)
{
    list_principals_as(c, db, "principals", principal);
}

static void list_principals_v2(struct wr_api_call *c, struct wr_db *db)
{
    list_principals_as(c, db, "thingPrincipalObjects", principal_object);
}

static void list_things_as(struct wr_api_call *c, struct wr_db *db, const char *member,
                           json_t *(*make)(const struct wr_api_call *, wr_str, bool))
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, WR_LIST_PAGE, false)) {
        return;
    }
    wr_str cert = principal_of(c);
    if (c->error || !check_certificate(c, db, cert)) {
        return;
    }
    struct wr_rows rows =
        wr_db_query(db,
                    "SELECT p.id, t.name, p.exclusive FROM thing_principals p JOIN things t ON "
                    "t.id=p.thing WHERE p.realm=? AND p.cert_id=? AND p.id>? ORDER BY p.id",
                    "isi", c->realm, cert, page.after);
    list(c, &rows, &page, member, make);
}

static void list_things(struct wr_api_call *c, struct wr_db *db)
{
    list_things_as(c, db, "things", thing_name);
}

static void list_things_v2(struct wr_api_call *c, struct wr_db *db)
{
    list_things_as(c, db, "principalThingObjects", thing_object);
}

// ---- the table

#define PRINCIPAL WR_API_HEADER("principal", "x-amzn-principal", .required = true, .min = 1)
#define OF_TYPE   WR_API_QUERY("thingPrincipalType", STRING, .one_of = TYPES)

static const struct wr_api_member attach_in[] = {
    WR_API_PATH("thingName", THING), PRINCIPAL, OF_TYPE, {0}};
static const struct wr_api_member detach_in[] = {WR_API_PATH("thingName", THING), PRINCIPAL, {0}};
static const struct wr_api_member of_thing_in[] = {
    WR_API_PATH("thingName", THING), WR_API_PAGED, {0}};
static const struct wr_api_member of_thing_v2_in[] = {
    WR_API_PATH("thingName", THING), WR_API_PAGED, OF_TYPE, {0}};
static const struct wr_api_member of_principal_in[] = {PRINCIPAL, WR_API_PAGED, {0}};
static const struct wr_api_member of_principal_v2_in[] = {PRINCIPAL, WR_API_PAGED, OF_TYPE, {0}};

#define ROW(name_, method_, path_, in_) .name = name_, .method = method_, .path = path_, .in = in_
static const struct wr_api_operation operations[] = {
    {ROW("AttachThingPrincipal", "PUT", "/things/{thingName}/principals", attach_in), .write = true,
     .run = attach},
    {ROW("DetachThingPrincipal", "DELETE", "/things/{thingName}/principals", detach_in),
     .write = true, .run = detach},
    {ROW("ListThingPrincipals", "GET", "/things/{thingName}/principals", of_thing_in),
     .run = list_principals},
    {ROW("ListThingPrincipalsV2", "GET", "/things/{thingName}/principals-v2", of_thing_v2_in),
     .run = list_principals_v2},
    {ROW("ListPrincipalThings", "GET", "/principals/things", of_principal_in), .run = list_things},
    {ROW("ListPrincipalThingsV2", "GET", "/principals/things-v2", of_principal_v2_in),
     .run = list_things_v2},
};

void wr_api_add_principals(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
