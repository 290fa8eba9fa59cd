// Certificates that go from one tenant to another (control-plane.md 5 and 6).
//
//   owner: TransferCertificate ──> PENDING_TRANSFER ──Accept (target)──> INACTIVE or ACTIVE,
//   target's
//                                        ├──Reject (target)──> INACTIVE, the owner's again
//                                        └──Cancel (owner) ──> INACTIVE
#include "engine/admin/certificates.h"

#include "engine/registry/escrow.h"

#include "sql/base/banned.h"

#define MESSAGE_MAX 128 // of AWS's model

// The target's registry of the caller's region. 0: the call has failed.
static int64_t target_realm(struct wr_api_call *c, struct wr_db *db)
{
    int64_t tenant = wr_db_one(db, 0, "SELECT id FROM tenants WHERE account=? AND deleted IS NULL",
                               "z", wr_api_text(c, "targetAwsAccount"));
    if (!tenant) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "There is no account %s",
                    wr_api_text(c, "targetAwsAccount"));
        return 0;
    }
    int64_t realm = wr_db_one(db, 0, "SELECT id FROM realms WHERE tenant=? AND region=?", "iz",
                              tenant, c->caller.region);
    if (!realm) {
        wr_db_run(db, "INSERT INTO realms(tenant, region) VALUES(?,?)", "iz", tenant,
                  c->caller.region);
        realm = wr_db_last_id(db);
    }
    return realm;
}

static void transfer(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_certificate certificate;
    char arn[512];
    if (!wr_certificate_find(c, db, "certificateId", &certificate)) {
        return;
    }
    if (!strcmp(wr_api_text(c, "targetAwsAccount"), c->caller.account)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "targetAwsAccount is the account that has the certificate");
    } else if (!certificate.owned || strcmp(certificate.status, "INACTIVE") != 0) {
        wr_api_fail(c, WR_API_CERTIFICATE_STATE,
                    "The certificate %s is %s; only one that is INACTIVE can be transferred",
                    certificate.id, certificate.status);
    } else if (wr_api_certificate_has_policies(c, db, certificate.id)) {
        wr_api_fail(c, WR_API_TRANSFER_CONFLICT,
                    "Policies must be detached from the certificate %s before it is transferred",
                    certificate.id);
    } else if (wr_api_certificate_has_things(c, db, certificate.id)) {
        wr_api_fail(c, WR_API_TRANSFER_CONFLICT,
                    "Things must be detached from the certificate %s before it is transferred",
                    certificate.id);
    }
    int64_t target = c->error ? 0 : target_realm(c, db);
    if (!target) {
        return;
    }
    wr_db_run(db,
              "UPDATE certificates SET status='PENDING_TRANSFER', target=?, target_account=?, "
              "transfer_message=?, transfer_ms=?, accept_ms=NULL, reject_ms=NULL, "
              "reject_reason=NULL, modified_ms=?, version=version+1 WHERE id=?",
              "izziii", target, wr_api_text(c, "targetAwsAccount"),
              wr_api_text(c, "transferMessage"), c->now_ms, c->now_ms, certificate.row);
    // As AWS: the ARN is that of the certificate as it is here.
    json_object_set_new(c->out, "transferredCertificateArn",
                        json_string(wr_api_arn(c, arn, "cert/%s", certificate.id)));
    wr_api_audit_change(c, "status", json_string("INACTIVE"), json_string("PENDING_TRANSFER"));
    wr_api_audit_change(c, "target", NULL, json_string(wr_api_text(c, "targetAwsAccount")));
}

// A transfer that the caller's account had a part in, and that is over.
static bool completed(struct wr_api_call *c, struct wr_db *db, const char *id)
{
    return wr_db_one(db, 0,
                     "SELECT 1 FROM certificates c JOIN realms r ON r.id=c.realm WHERE c.cert_id=? "
                     "AND c.target IS NULL AND c.transfer_ms IS NOT NULL AND r.region=? AND "
                     "(c.realm=? OR c.target_account=? OR c.previous_account=?)",
                     "zzizz", id, c->caller.region, c->realm, c->caller.account, c->caller.account);
}

// The certificate of a transfer that is pending, where the caller is the one whom it is offered to
// (`as_target`), or the owner. False: the call has failed.
static bool find_pending(struct wr_api_call *c, struct wr_db *db, bool as_target,
                         struct wr_certificate *out)
{
    char id[WR_PKI_ID_LEN + 1];
    wr_certificate_id(c, "certificateId", id);
    if (completed(c, db, id)) {
        wr_api_fail(c, WR_API_TRANSFER_COMPLETED,
                    "The transfer of the certificate %s is already complete", id);
        return false;
    }
    if (!wr_certificate_find(c, db, "certificateId", out)) {
        return false;
    }
    bool pending = !strcmp(out->status, "PENDING_TRANSFER");
    if (!pending || out->owned == as_target) {
        wr_api_fail(c, WR_API_NOT_FOUND,
                    "The certificate %s is not being transferred %s this account", id,
                    as_target ? "to" : "from");
        return false;
    }
    return true;
}

static void accept_transfer(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_certificate certificate;
    if (!find_pending(c, db, true, &certificate)) {
        return;
    }
    const char *status = wr_api_bool(c, "setAsActive", false) ? "ACTIVE" : "INACTIVE";
    wr_db_run(db,
              "UPDATE certificates SET previous_account=(SELECT t.account FROM realms r JOIN "
              "tenants t ON t.id=r.tenant WHERE r.id=certificates.realm), realm=target, "
              "target=NULL, status=?, accept_ms=?, modified_ms=?, version=version+1 WHERE id=?",
              "ziii", status, c->now_ms, c->now_ms, certificate.row);
    // The former owner's escrow is not the new one's to fetch.
    wr_escrow_drop(db, certificate.row, "MOVED", c->now_ms);
    wr_api_audit_change(c, "status", json_string("PENDING_TRANSFER"), json_string(status));
}

static void reject(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_certificate certificate;
    if (find_pending(c, db, true, &certificate)) {
        wr_db_run(db,
                  "UPDATE certificates SET target=NULL, status='INACTIVE', reject_ms=?, "
                  "reject_reason=?, modified_ms=?, version=version+1 WHERE id=?",
                  "izii", c->now_ms, wr_api_text(c, "rejectReason"), c->now_ms, certificate.row);
        wr_api_audit_change(c, "status", json_string("PENDING_TRANSFER"), json_string("INACTIVE"));
    }
}

static void cancel(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_certificate certificate;
    if (find_pending(c, db, false, &certificate)) {
        wr_db_run(db,
                  "UPDATE certificates SET target=NULL, target_account=NULL, status='INACTIVE', "
                  "transfer_message=NULL, transfer_ms=NULL, modified_ms=?, version=version+1 "
                  "WHERE id=?",
                  "ii", c->now_ms, certificate.row);
        wr_api_audit_change(c, "status", json_string("PENDING_TRANSFER"), json_string("INACTIVE"));
    }
}

#define LISTED                                                                            \
    "SELECT id, cert_id, target_account, transfer_ms, transfer_message, created_ms FROM " \
    "certificates WHERE realm=? AND target IS NOT NULL AND "

static void list_outgoing(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, WR_CERTIFICATES_PAGE, true)) {
        return;
    }
    json_t *all = json_array();
    json_object_set_new(c->out, "outgoingCertificates", all);
    struct wr_rows rows =
        wr_db_query(db, page.down ? LISTED "id<? ORDER BY id DESC" : LISTED "id>? ORDER BY id",
                    "ii", c->realm, page.after);
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        char arn[512];
        json_t *one = json_object();
        wr_api_arn(c, arn, "cert/%.*s", WR_STR_ARG(wr_db_str(&rows, 1)));
        json_object_set_new(one, "certificateArn", json_string(arn));
        json_object_set_new(one, "certificateId", wr_db_json_str(&rows, 1));
        json_object_set_new(one, "transferredTo", wr_db_json_str(&rows, 2));
        json_object_set_new(one, "transferDate", wr_api_time(wr_db_int(&rows, 3)));
        if (!wr_db_null(&rows, 4)) {
            json_object_set_new(one, "transferMessage", wr_db_json_str(&rows, 4));
        }
        json_object_set_new(one, "creationDate", wr_api_time(wr_db_int(&rows, 5)));
        json_array_append_new(all, one);
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

// ---- the table

static const struct wr_api_member transfer_in[] = {
    WR_API_CERTIFICATE_ID("certificateId", NULL),
    WR_API_QUERY("targetAwsAccount", STRING, .required = true, .pattern = WR_API_ACCOUNT_PATTERN,
                 .min = 12, .max = 12),
    WR_API_BODY("transferMessage", STRING, .max = MESSAGE_MAX),
    {0},
};
static const struct wr_api_member accept_in[] = {
    WR_API_CERTIFICATE_ID("certificateId", NULL), WR_API_QUERY("setAsActive", BOOL), {0}};
static const struct wr_api_member reject_in[] = {
    WR_API_CERTIFICATE_ID("certificateId", NULL),
    WR_API_BODY("rejectReason", STRING, .max = MESSAGE_MAX),
    {0},
};
static const struct wr_api_member cancel_in[] = {WR_API_CERTIFICATE_ID("certificateId", NULL), {0}};
static const struct wr_api_member list_in[] = {WR_API_MARKED, {0}};

#define TRANSFER(name_, path_, in_, run_)                                              \
    {                                                                                  \
        .name = name_, .method = "PATCH", .path = path_ "/{certificateId}", .in = in_, \
        .write = true, .synced = true, .run = run_                                     \
    }

static const struct wr_api_operation operations[] = {
    TRANSFER("TransferCertificate", "/transfer-certificate", transfer_in, transfer),
    TRANSFER("AcceptCertificateTransfer", "/accept-certificate-transfer", accept_in,
             accept_transfer),
    TRANSFER("RejectCertificateTransfer", "/reject-certificate-transfer", reject_in, reject),
    TRANSFER("CancelCertificateTransfer", "/cancel-certificate-transfer", cancel_in, cancel),
    {.name = "ListOutgoingCertificates",
     .method = "GET",
     .path = "/certificates-out-going",
     .in = list_in,
     .run = list_outgoing},
};

void wr_api_add_transfers(struct wr_api *api, struct wr_certificates *certificates)
{
    wr_api_add(api, operations, WR_COUNT(operations), certificates);
}
