// Certificates that weir issues, and what can be asked about and done to every one
// (control-plane.md 5 and 6).
#include "engine/admin/certificates.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/policies.h"
#include "engine/admin/tenants.h"
#include "engine/config.h"
#include "engine/registry/authority.h"
#include "engine/registry/escrow.h"
#include "engine/registry/secret.h"

#include "sql/base/banned.h"

// AWS's certificates are valid from a little before they are made: a device's clock may be behind.
#define BEFORE_S 120

// ---- making

struct issue {
    struct wr_pki_key *key;  // not of a CSR
    int64_t escrow_until_ms; // the key is kept until then; 0: it is answered
    struct wr_pki_request request;
    struct wr_pki_cert cert;
};

static void issue_free(void *at)
{
    struct issue *i = at;
    wr_pki_key_free(i->key);
    wr_pki_request_release(&i->request);
    wr_pki_cert_release(&i->cert);
    free(i);
}

static struct issue *issue_new(struct wr_api_call *c)
{
    struct issue *i = wr_zalloc(sizeof *i);
    c->own = i;
    c->own_free = issue_free;
    return i;
}

// Issue, insert, answer all but the key. Thread: the registry's. Returns the row; 0: the call has
// failed.
static int64_t issue(struct wr_api_call *c, struct wr_db *db, struct issue *i, const char *status)
{
    struct wr_authority authority;
    struct wr_fault fault = {0};
    wr_err err = wr_authority_open(db, wr_certificates_of(c)->seal, c->caller.tenant, c->now_ms,
                                   &authority, &fault);
    if (err) {
        wr_certificate_fail(c, WR_API_INTERNAL_FAILURE, "no certificate can be issued", &fault);
        return 0;
    }
    struct wr_pki_issue what = {.key = i->key,
                                .request = i->request.req_ ? &i->request : NULL,
                                .authority = &authority.cert,
                                .authority_key = authority.key,
                                .not_before = c->now_ms / 1000 - BEFORE_S,
                                .not_after = WR_PKI_FOREVER};
    int64_t row = 0;
    if (wr_pki_issue(&what, &i->cert, &fault)) {
        wr_certificate_fail(c, WR_API_INTERNAL_FAILURE, "the certificate", &fault);
    } else {
        struct wr_buf pem = {0};
        row = wr_certificate_insert(c, db,
                                    &(struct wr_certificate_new){
                                        .cert = &i->cert,
                                        .status = status,
                                        .mode = "DEFAULT",
                                        .authority = authority.id,
                                    });
        wr_pki_cert_pem(&i->cert, &pem);
        json_object_set_new(c->out, "certificatePem", json_stringn(pem.at, pem.len));
        wr_buf_release(&pem);
    }
    wr_authority_release(&authority);
    return row;
}

// ---- with a key of weir's making

void wr_certificate_prepare_key(struct wr_api_call *c, bool escrow)
{
    struct issue *i = issue_new(c);
    const struct wr_tenant *tenant = wr_tenants_by_id(wr_api_tenants(c->api), c->caller.tenant);
    wr_str feature = tenant ? wr_tenant_text(tenant, "iot.key_escrow") : (wr_str){0};
    if (!escrow) {
        return;
    }
    i->escrow_until_ms = c->now_ms + wr_api_config(c->api)->admin_escrow_ttl_s * 1000;
    if (!wr_certificates_of(c)->escrow) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "keyEscrow: this weir keeps no keys, for it has none to seal them with "
                    "(admin.escrow_key)");
    } else if (wr_str_eq(feature, WR_STR("off"))) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "keyEscrow: the tenant %s keeps no keys (iot.key_escrow is off)",
                    c->caller.tenant_name);
    }
}

void wr_certificate_make_key(struct wr_api_call *c)
{
    struct issue *i = c->own;
    struct wr_fault fault = {0};
    const char *type = wr_api_text(c, "keyType");
    enum wr_pki_kind kind = type && !strcmp(type, "P-256") ? WR_PKI_P256 : WR_PKI_RSA;
    if (wr_pki_key_new(kind, &i->key, &fault)) {
        wr_certificate_fail(c, WR_API_INTERNAL_FAILURE, "no key can be made", &fault);
    }
}

static void answer_key(struct wr_api_call *c, const struct issue *i)
{
    struct wr_buf private = {0}, public = {0};
    wr_pki_key_private(i->key, WR_PKI_TRADITIONAL, &private);
    wr_pki_key_public(i->key, &public);
    json_object_set_new(c->out, "keyPair",
                        json_pack("{s:s%, s:s%}", "PublicKey", public.at, public.len, "PrivateKey",
                                  private.at, private.len));
    wr_secret_release(&private);
    wr_buf_release(&public);
}

static void keep_key(struct wr_api_call *c, struct wr_db *db, const struct issue *i, int64_t row)
{
    char generation[64] = "";
    struct wr_fault fault = {0};
    struct wr_rows rows =
        wr_db_query(db, "SELECT generation FROM certificates WHERE id=?", "i", row);
    if (wr_db_next(&rows)) {
        snprintf(generation, sizeof generation, "%.*s", WR_STR_ARG(wr_db_str(&rows, 0)));
    }
    wr_db_end(&rows);
    struct wr_escrow_of of = {
        .row = row, .tenant = c->caller.tenant, .cert_id = i->cert.id, .generation = generation};
    if (wr_escrow_put(db, wr_certificates_of(c)->escrow, of, i->key, c->now_ms, i->escrow_until_ms,
                      &fault)) {
        wr_certificate_fail(c, WR_API_INTERNAL_FAILURE, "keyEscrow", &fault);
    }
    json_object_set_new(c->out, "keyEscrowedUntil", wr_api_time(i->escrow_until_ms));
    wr_api_audit_change(c, "privateKey", NULL, json_string("escrowed"));
}

const struct wr_pki_cert *wr_certificate_issue(struct wr_api_call *c, struct wr_db *db,
                                               const char *status)
{
    struct issue *i = c->own;
    int64_t row = issue(c, db, i, status);
    if (row && i->escrow_until_ms) {
        keep_key(c, db, i, row);
    } else if (row) {
        answer_key(c, i);
    }
    return c->error || !row ? NULL : &i->cert;
}

static const char *status_asked(const struct wr_api_call *c)
{
    return wr_api_bool(c, "setAsActive", false) ? "ACTIVE" : "INACTIVE";
}

// As AWS the answer has the key; with keyEscrow weir keeps it besides, for the device package.
static void prepare_keys(struct wr_api_call *c)
{
    wr_certificate_prepare_key(c, wr_api_bool(c, "keyEscrow", false));
}

static void create_keys(struct wr_api_call *c, struct wr_db *db)
{
    struct issue *i = c->own;
    if (wr_certificate_issue(c, db, status_asked(c)) && i->escrow_until_ms) {
        answer_key(c, i);
    }
}

// ---- from a signing request

static void read_csr(struct wr_api_call *c)
{
    struct issue *i = issue_new(c);
    struct wr_fault fault = {0};
    if (wr_pki_request_read(wr_api_str(c, "certificateSigningRequest"), &i->request, &fault)) {
        wr_certificate_fail(c, WR_API_INVALID_REQUEST, "certificateSigningRequest", &fault);
    }
}

static void create_from_csr(struct wr_api_call *c, struct wr_db *db)
{
    (void)issue(c, db, c->own, status_asked(c));
}

// ---- reading

static void set_time(json_t *to, const char *name, const struct wr_rows *rows, int column,
                     int64_t unit_ms)
{
    if (!wr_db_null(rows, column)) {
        json_object_set_new(to, name, wr_api_time(wr_db_int(rows, column) * unit_ms));
    }
}

static void set_text(json_t *to, const char *name, const struct wr_rows *rows, int column)
{
    if (!wr_db_null(rows, column)) {
        json_object_set_new(to, name, wr_db_json_str(rows, column));
    }
}

static void set_arn(struct wr_api_call *c, json_t *to, const struct wr_rows *rows, int column)
{
    char arn[512];
    wr_str id = wr_db_str(rows, column);
    json_object_set_new(to, "certificateArn",
                        json_string(wr_api_arn(c, arn, "cert/%.*s", WR_STR_ARG(id))));
    json_object_set_new(to, "certificateId", json_stringn(id.at, id.len));
}

static void describe(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_certificate certificate;
    if (!wr_certificate_find(c, db, "certificateId", &certificate)) {
        return;
    }
    struct wr_rows rows = wr_db_query(
        db,
        "SELECT c.cert_id, c.ca, c.status, c.pem, t.account, c.previous_account, c.created_ms, "
        "c.modified_ms, c.version, c.generation, c.not_before_s, c.not_after_s, c.mode, "
        "c.transfer_message, c.reject_reason, c.transfer_ms, c.accept_ms, c.reject_ms "
        "FROM certificates c JOIN realms r ON r.id=c.realm JOIN tenants t ON t.id=r.tenant "
        "WHERE c.id=?",
        "i", certificate.row);
    if (wr_db_next(&rows)) {
        json_t *d = json_object(), *validity = json_object(), *transfer = json_object();
        json_object_set_new(c->out, "certificateDescription", d);
        set_arn(c, d, &rows, 0);
        set_text(d, "caCertificateId", &rows, 1);
        set_text(d, "status", &rows, 2);
        set_text(d, "certificatePem", &rows, 3);
        set_text(d, "ownedBy", &rows, 4);
        set_text(d, "previousOwnedBy", &rows, 5);
        set_time(d, "creationDate", &rows, 6, 1);
        set_time(d, "lastModifiedDate", &rows, 7, 1);
        json_object_set_new(d, "customerVersion", json_integer(wr_db_int(&rows, 8)));
        set_text(d, "generationId", &rows, 9);
        set_time(validity, "notBefore", &rows, 10, 1000);
        set_time(validity, "notAfter", &rows, 11, 1000);
        json_object_set_new(d, "validity", validity);
        set_text(d, "certificateMode", &rows, 12);
        set_text(transfer, "transferMessage", &rows, 13);
        set_text(transfer, "rejectReason", &rows, 14);
        set_time(transfer, "transferDate", &rows, 15, 1);
        set_time(transfer, "acceptDate", &rows, 16, 1);
        set_time(transfer, "rejectDate", &rows, 17, 1);
        json_object_set_new(d, "transferData", transfer);
    }
    wr_db_end(&rows);
}

// The rows that a query of cert_id, status, mode and creation by id gives, as a page.
static void list_rows(struct wr_api_call *c, struct wr_api_page *page, struct wr_rows *rows)
{
    json_t *list = json_array();
    json_object_set_new(c->out, "certificates", list);
    while (wr_db_next(rows) && wr_api_page_take(page, wr_db_int(rows, 0))) {
        json_t *one = json_object();
        set_arn(c, one, rows, 1);
        set_text(one, "status", rows, 2);
        set_text(one, "certificateMode", rows, 3);
        set_time(one, "creationDate", rows, 4, 1);
        json_array_append_new(list, one);
    }
    wr_db_end(rows);
    wr_api_page_end(c, page);
}

#define LISTED "SELECT id, cert_id, status, mode, created_ms FROM certificates WHERE "

// The account's own, and those that are offered to it: two indexes, merged.
static void list(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    if (wr_api_page_begin(c, &page, WR_CERTIFICATES_PAGE, true)) {
        struct wr_rows rows = wr_db_query(db,
                                          page.down ? LISTED "realm=? AND id<? UNION ALL " LISTED
                                                             "target=? AND id<? ORDER BY 1 DESC"
                                                    : LISTED "realm=? AND id>? UNION ALL " LISTED
                                                             "target=? AND id>? ORDER BY 1",
                                          "iiii", c->realm, page.after, c->realm, page.after);
        list_rows(c, &page, &rows);
    }
}

static void list_by_ca(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    char ca[WR_PKI_ID_LEN + 1];
    wr_certificate_id(c, "caCertificateId", ca);
    if (wr_api_page_begin(c, &page, WR_CERTIFICATES_PAGE, true)) {
        struct wr_rows rows =
            wr_db_query(db,
                        page.down ? LISTED "realm=? AND ca=? AND id<? ORDER BY id DESC"
                                  : LISTED "realm=? AND ca=? AND id>? ORDER BY id",
                        "izi", c->realm, ca, page.after);
        list_rows(c, &page, &rows);
    }
}

// ---- changing

static void update(struct wr_api_call *c, struct wr_db *db)
{
    const char *wanted = wr_api_text(c, "newStatus");
    struct wr_certificate certificate;
    if (!wr_certificate_find(c, db, "certificateId", &certificate) ||
        !wr_certificate_may_ask(c, "newStatus", wanted)) {
        return;
    }
    bool same = !strcmp(certificate.status, wanted);
    if (!strcmp(certificate.status, "PENDING_TRANSFER")) {
        wr_api_fail(c, WR_API_CERTIFICATE_STATE,
                    "The certificate %s is being transferred: accept, reject or cancel the "
                    "transfer first",
                    certificate.id);
    } else if (!strcmp(certificate.status, "REVOKED") && !same) {
        wr_api_fail(c, WR_API_CERTIFICATE_STATE,
                    "The certificate %s is REVOKED, which is final: it cannot become %s",
                    certificate.id, wanted);
    } else if (!same) {
        wr_db_run(db,
                  "UPDATE certificates SET status=?, modified_ms=?, version=version+1 WHERE id=?",
                  "zii", wanted, c->now_ms, certificate.row);
        wr_api_audit_change(c, "status", json_string(certificate.status), json_string(wanted));
    }
    if (!strcmp(wanted, "REVOKED")) { // nobody shall fetch its key any more
        wr_escrow_drop(db, certificate.row, "REVOKED", c->now_ms);
    }
}

static void delete_one(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_certificate certificate;
    char arn[512];
    if (!wr_certificate_find(c, db, "certificateId", &certificate)) {
        return;
    }
    wr_api_arn(c, arn, "cert/%s", certificate.id);
    if (!strcmp(certificate.status, "ACTIVE")) {
        wr_api_fail(c, WR_API_CERTIFICATE_STATE,
                    "Certificate must be deactivated (not ACTIVE) before deletion.");
    } else if (!strcmp(certificate.status, "PENDING_TRANSFER")) {
        wr_api_fail(c, WR_API_CERTIFICATE_STATE,
                    "The certificate %s is being transferred: accept, reject or cancel the "
                    "transfer first",
                    certificate.id);
    } else if (wr_api_certificate_has_things(c, db, certificate.id)) {
        wr_api_fail(c, WR_API_DELETE_CONFLICT, "Things must be detached before deletion (arn: %s)",
                    arn);
    } else if (!wr_api_bool(c, "forceDelete", false) &&
               wr_api_certificate_has_policies(c, db, certificate.id)) {
        wr_api_fail(c, WR_API_DELETE_CONFLICT,
                    "Certificate policies must be detached before deletion (arn: %s)", arn);
    } else {
        wr_policy_detach_all(c, db, arn);
        wr_db_run(db, "DELETE FROM certificates WHERE id=?", "i", certificate.row);
        wr_api_audit_change(c, "status", json_string(certificate.status), NULL);
    }
}

// ---- the table

static const struct wr_api_member keys_in[] = {
    WR_API_QUERY("setAsActive", BOOL),
    // weir's own:
    WR_API_QUERY("keyType", STRING, .one_of = "RSA-2048|P-256"),
    WR_API_QUERY("keyEscrow", BOOL),
    {0},
};
static const struct wr_api_member csr_in[] = {
    WR_API_BODY("certificateSigningRequest", STRING, .required = true, .min = 1,
                .max = WR_PKI_REQUEST_MAX),
    WR_API_QUERY("setAsActive", BOOL),
    {0},
};
static const struct wr_api_member one_in[] = {WR_API_CERTIFICATE_ID("certificateId", NULL), {0}};
static const struct wr_api_member list_in[] = {WR_API_MARKED, {0}};
static const struct wr_api_member by_ca_in[] = {
    WR_API_CERTIFICATE_ID("caCertificateId", NULL), WR_API_MARKED, {0}};
static const struct wr_api_member update_in[] = {
    WR_API_CERTIFICATE_ID("certificateId", NULL),
    WR_API_QUERY("newStatus", STRING, .required = true, .one_of = WR_API_STATUSES),
    {0},
};
static const struct wr_api_member delete_in[] = {
    WR_API_CERTIFICATE_ID("certificateId", NULL), WR_API_QUERY("forceDelete", BOOL), {0}};

static const struct wr_api_operation operations[] = {
    {.name = "CreateKeysAndCertificate",
     .method = "POST",
     .path = "/keys-and-certificate",
     .in = keys_in,
     .write = true,
     .secret = true,
     .prepare = prepare_keys,
     .work = wr_certificate_make_key,
     .run = create_keys},
    {.name = "CreateCertificateFromCsr",
     .method = "POST",
     .path = "/certificates",
     .in = csr_in,
     .write = true,
     .work = read_csr,
     .run = create_from_csr},
    {.name = "DescribeCertificate",
     .method = "GET",
     .path = "/certificates/{certificateId}",
     .in = one_in,
     .run = describe},
    {.name = "ListCertificates",
     .method = "GET",
     .path = "/certificates",
     .in = list_in,
     .run = list},
    {.name = "ListCertificatesByCA",
     .method = "GET",
     .path = "/certificates-by-ca/{caCertificateId}",
     .in = by_ca_in,
     .run = list_by_ca},
    {.name = "UpdateCertificate",
     .method = "PUT",
     .path = "/certificates/{certificateId}",
     .in = update_in,
     .write = true,
     .synced = true,
     .run = update},
    {.name = "DeleteCertificate",
     .method = "DELETE",
     .path = "/certificates/{certificateId}",
     .in = delete_in,
     .write = true,
     .synced = true,
     .run = delete_one},
};

void wr_api_add_certificates(struct wr_api *api, struct wr_certificates *certificates)
{
    wr_api_add(api, operations, WR_COUNT(operations), certificates);
}
