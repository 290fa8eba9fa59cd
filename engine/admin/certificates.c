// Rows of certificates, for all families that touch them.
#include "engine/admin/certificates.h"

#include <stdio.h>

#include "engine/admin/policies.h"
#include "engine/registry/things.h"

#include "sql/base/banned.h"

const struct wr_certificates *wr_certificates_of(const struct wr_api_call *c)
{
    return wr_api_user(c);
}

void wr_certificate_id(const struct wr_api_call *c, const char *name, char id[WR_PKI_ID_LEN + 1])
{
    wr_str given = wr_api_str(c, name);
    size_t len = given.len < WR_PKI_ID_LEN ? given.len : WR_PKI_ID_LEN;
    for (size_t i = 0; i < len; i++) {
        char one = given.at[i];
        id[i] = one >= 'A' && one <= 'F' ? (char)(one + 32) : one;
    }
    id[len] = '\0';
}

bool wr_certificate_find(struct wr_api_call *c, struct wr_db *db, const char *name,
                         struct wr_certificate *out)
{
    struct wr_certificate found = {.row = 0};
    wr_certificate_id(c, name, found.id);
    struct wr_rows rows = wr_db_query(
        db,
        "SELECT id, status, realm=? FROM certificates WHERE cert_id=? AND (realm=? OR target=?)",
        "izii", c->realm, found.id, c->realm, c->realm);
    if (wr_db_next(&rows)) {
        found.row = wr_db_int(&rows, 0);
        snprintf(found.status, sizeof found.status, "%.*s", WR_STR_ARG(wr_db_str(&rows, 1)));
        found.owned = wr_db_int(&rows, 2);
    }
    wr_db_end(&rows);
    if (!found.row) {
        wr_api_fail(c, WR_API_NOT_FOUND, "The specified resource does not exist");
        return false;
    }
    char arn[512];
    wr_api_audit_arn(c, wr_api_arn(c, arn, "cert/%s", found.id));
    *out = found;
    return true;
}

bool wr_api_certificate_has_things(const struct wr_api_call *c, struct wr_db *db, const char *id)
{
    return wr_certificate_has_things(db, c->realm, wr_str_of(id));
}

bool wr_api_certificate_has_policies(struct wr_api_call *c, struct wr_db *db, const char *id)
{
    char arn[512];
    return wr_policy_count_of(c, db, wr_api_arn(c, arn, "cert/%s", id));
}

bool wr_certificate_may_ask(struct wr_api_call *c, const char *member, const char *status)
{
    if (!strcmp(status, "ACTIVE") || !strcmp(status, "INACTIVE") || !strcmp(status, "REVOKED")) {
        return true;
    }
    wr_api_fail(c, WR_API_INVALID_REQUEST,
                "%s must be ACTIVE, INACTIVE or REVOKED; %s is a status that only AWS IoT itself "
                "sets",
                member, status);
    return false;
}

void wr_certificate_fail(struct wr_api_call *c, enum wr_api_error error, const char *what,
                         const struct wr_fault *fault)
{
    if (fault->line) {
        wr_api_fail(c, error, "%s: line %u, column %u: %s", what, fault->line, fault->column,
                    fault->text);
    } else {
        wr_api_fail(c, error, "%s: %s", what, fault->text);
    }
}

// It is there: the caller's own, or one that another account or region has.
static void fail_exists(struct wr_api_call *c, struct wr_db *db, const char *id)
{
    char arn[512];
    if (wr_db_one(db, 0, "SELECT 1 FROM certificates WHERE cert_id=? AND realm=?", "zi", id,
                  c->realm)) {
        wr_api_fail_for(c, WR_API_EXISTS, id, wr_api_arn(c, arn, "cert/%s", id),
                        "The certificate is already provisioned or registered");
    } else {
        // The broker tells devices apart by their certificates alone.
        wr_api_fail(c, WR_API_CERTIFICATE_CONFLICT,
                    "The certificate is registered in another account or region of this weir, "
                    "whose devices share a broker");
    }
}

// iot.quota.certificates of the tenant, all regions together.
static bool quota_allows(struct wr_api_call *c, struct wr_db *db)
{
    int64_t quota = wr_db_one(
        db, INT64_MAX,
        "SELECT coalesce(features->>'$.\"iot.quota.certificates\"', 9223372036854775807) FROM "
        "tenants WHERE id=?",
        "i", c->caller.tenant);
    if (quota != INT64_MAX &&
        wr_db_one(db, 0,
                  "SELECT count(*) FROM (SELECT 1 FROM realms r CROSS JOIN certificates t ON "
                  "t.realm=r.id WHERE r.tenant=? LIMIT max(?,0))",
                  "ii", c->caller.tenant, quota) >= quota) {
        wr_api_fail(c, WR_API_LIMIT_EXCEEDED,
                    "The tenant %s has %lld certificates, which is its quota "
                    "(iot.quota.certificates)",
                    c->caller.tenant_name, (long long)quota);
    }
    return !c->error;
}

int64_t wr_certificate_insert(struct wr_api_call *c, struct wr_db *db,
                              const struct wr_certificate_new *n)
{
    const char *id = n->cert->id;
    if (wr_db_one(db, 0, "SELECT 1 FROM certificates WHERE cert_id=?", "z", id)) {
        fail_exists(c, db, id);
        return 0;
    }
    if (!quota_allows(c, db)) {
        return 0;
    }
    char generation[37], arn[512];
    struct wr_buf pem = {0};
    wr_pki_cert_pem(n->cert, &pem);
    wr_api_make_id(generation);
    const char *status = n->status ? n->status : "INACTIVE";
    wr_db_run(db,
              "INSERT INTO certificates(realm, cert_id, pem, status, mode, authority, ca, "
              "not_before_s, not_after_s, created_ms, modified_ms, version, generation, trusted) "
              "VALUES(?,?,?,?,?,nullif(?,0),nullif(?,''),?,?,?,?,1,?,?)",
              "izszzisiiiizi", c->realm, id, n->pem.len ? n->pem : wr_buf_str(&pem), status,
              n->mode, n->authority, n->ca.len ? n->ca : WR_STR(""), n->cert->not_before,
              n->cert->not_after, c->now_ms, c->now_ms, generation, n->trusted);
    wr_buf_release(&pem);
    wr_api_arn(c, arn, "cert/%s", id);
    json_object_set_new(c->out, "certificateArn", json_string(arn));
    json_object_set_new(c->out, "certificateId", json_string(id));
    wr_api_audit_arn(c, arn);
    wr_api_audit_change(c, "status", NULL, json_string(status));
    return wr_db_last_id(db);
}
