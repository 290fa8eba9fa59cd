// Device packages and renewed certificates: weir's own calls (control-plane.md 8).
//
//   device-package: loop ── pool: the broker's CA is read ── registry: thing, certificate, key out
//   of
//                   escrow, destroyed there ── commit ── pool: the zip ── answer
//
// The key leaves escrow before the zip is made: a transfer that breaks costs the key, and nobody
// can fetch it twice.
#include "engine/admin/certificates.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/device_package.h"
#include "engine/admin/endpoint.h"
#include "engine/admin/tenants.h"
#include "engine/registry/authority.h"
#include "engine/registry/escrow.h"
#include "engine/registry/secret.h"

#include "sql/base/banned.h"

#define ROOT_MAX       65536     // bytes of the file with the broker's CA
#define BODY_MAX       (1 << 20) // of a request
#define PASSPHRASE_MIN 4         // as wr_pki_key_private_encrypted() has it
#define PASSPHRASE_MAX 1024

struct package {
    uv_work_t work;
    struct wr_endpoint endpoint;
    char prefix[256];
    bool keep;          // iot.key_escrow is "keep"
    struct wr_buf root; // PEM
    struct wr_buf pem;  // of the certificate
    char id[WR_PKI_ID_LEN + 1];
    struct wr_pki_key *key;
    char no_key[WR_FAULT_TEXT_MAX];
    struct wr_buf zip;
    struct wr_fault fault;
    wr_err err;
};

static void package_free(void *at)
{
    struct package *p = at;
    wr_pki_key_free(p->key);
    wr_secret_release(&p->zip);
    wr_buf_release(&p->root);
    wr_buf_release(&p->pem);
    free(p);
}

// ---- before: who, where

static void prepare_package(struct wr_api_call *c)
{
    const struct wr_tenant *tenant = wr_tenants_by_id(wr_api_tenants(c->api), c->caller.tenant);
    struct package *p = wr_zalloc(sizeof *p);
    c->own = p;
    c->own_free = package_free;
    wr_endpoint_of(wr_api_config(c->api), tenant, &p->endpoint);
    if (tenant) {
        snprintf(p->prefix, sizeof p->prefix, "%.*s",
                 WR_STR_ARG(wr_tenant_text(tenant, "iot.topic_prefix")));
        p->keep = wr_str_eq(wr_tenant_text(tenant, "iot.key_escrow"), WR_STR("keep"));
    }
    wr_str passphrase = wr_api_str(c, "passphrase");
    if (passphrase.at && (passphrase.len < PASSPHRASE_MIN || passphrase.len > PASSPHRASE_MAX)) {
        // Not by the table of members, whose errors show what they found.
        wr_api_fail(c, WR_API_INVALID_REQUEST, "passphrase has %zu bytes, expected %d to %d",
                    passphrase.len, PASSPHRASE_MIN, PASSPHRASE_MAX);
    }
    if (!c->caller.may_package) {
        wr_api_fail(c, WR_API_ACCESS_DENIED,
                    "%s may not fetch device packages: the roles admin and device-packager may",
                    c->caller.actor);
    } else if (!*p->endpoint.ca_file || !*p->endpoint.host) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "%s is not known, and a device must: set %s (of a tenant's own broker: its "
                    "ca_file and url)",
                    *p->endpoint.host ? "which CA signed the broker's certificate"
                                      : "the broker's name",
                    *p->endpoint.host ? "admin.broker_ca" : "admin.endpoint");
    }
}

// Thread: the pool's.
static void read_root(struct wr_api_call *c)
{
    struct package *p = c->own;
    const char *path = p->endpoint.ca_file;
    FILE *f = fopen(path, "rbe");
    char *to = f ? wr_buf_reserve(&p->root, ROOT_MAX + 1) : NULL;
    p->root.len = to ? fread(to, 1, ROOT_MAX + 1, f) : 0;
    int error = f ? 0 : errno;
    if (f) {
        fclose(f);
    }
    if (error) {
        wr_api_fail(c, WR_API_INTERNAL_FAILURE, "%s: %s", path, strerror(error));
    } else if (p->root.len > ROOT_MAX ||
               wr_str_find(wr_buf_str(&p->root), WR_STR("-----BEGIN CERTIFICATE-----")) < 0) {
        wr_api_fail(c, WR_API_INTERNAL_FAILURE, "%s: expected certificates (PEM), at most %d bytes",
                    path, ROOT_MAX);
    }
}

// ---- on the registry's thread

struct attached {
    unsigned count, active;
    bool asked; // the one that is asked for is among them
    char first[WR_PKI_ID_LEN + 1], last_active[WR_PKI_ID_LEN + 1];
};

static struct attached find_attached(struct wr_db *db, int64_t thing, wr_str asked)
{
    struct attached a = {.count = 0};
    struct wr_rows rows =
        wr_db_query(db,
                    "SELECT p.cert_id, c.status FROM thing_principals p JOIN certificates c ON "
                    "c.cert_id=p.cert_id AND c.realm=p.realm WHERE p.thing=? ORDER BY p.id",
                    "i", thing);
    while (wr_db_next(&rows)) {
        wr_str id = wr_db_str(&rows, 0);
        if (!a.count++) {
            snprintf(a.first, sizeof a.first, "%.*s", WR_STR_ARG(id));
        }
        if (wr_str_eq(wr_db_str(&rows, 1), WR_STR("ACTIVE"))) {
            a.active++;
            snprintf(a.last_active, sizeof a.last_active, "%.*s", WR_STR_ARG(id));
        }
        a.asked = a.asked || wr_str_eq(id, asked);
    }
    wr_db_end(&rows);
    return a;
}

// Which certificate: the one that is asked for and attached, or the only one, or the only one that
// may connect.
static bool choose(struct wr_api_call *c, struct wr_db *db, int64_t thing, struct package *p)
{
    const char *name = wr_api_text(c, "thingName");
    wr_certificate_id(c, "certificateId", p->id);
    struct attached a = find_attached(db, thing, wr_str_of(p->id));
    if (p->id[0] && !a.asked) {
        wr_api_fail(c, WR_API_NOT_FOUND, "The certificate %s is not attached to the thing %s",
                    p->id, name);
    } else if (!a.count) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "No certificate is attached to the thing %s: attach one first", name);
    } else if (!p->id[0] && a.count > 1 && a.active != 1) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "%u certificates are attached to the thing %s, %u of them ACTIVE: say which "
                    "with certificateId",
                    a.count, name, a.active);
    } else if (!p->id[0]) {
        memcpy(p->id, a.count == 1 ? a.first : a.last_active, sizeof p->id);
    }
    return !c->error;
}

static void take_key(struct wr_api_call *c, struct wr_db *db, struct package *p)
{
    struct wr_rows rows = wr_db_query(
        db, "SELECT id, pem, status, generation FROM certificates WHERE realm=? AND cert_id=?",
        "iz", c->realm, p->id);
    char generation[64] = "";
    int64_t row = 0;
    if (wr_db_next(&rows)) {
        row = wr_db_int(&rows, 0);
        wr_buf_add(&p->pem, wr_db_str(&rows, 1));
        snprintf(generation, sizeof generation, "%.*s", WR_STR_ARG(wr_db_str(&rows, 3)));
        if (wr_str_eq(wr_db_str(&rows, 2), WR_STR("REVOKED"))) {
            wr_api_fail(c, WR_API_CERTIFICATE_STATE, "The certificate %s is REVOKED", p->id);
        }
    }
    wr_db_end(&rows);
    if (c->error || !row) {
        return;
    }
    struct wr_fault fault = {0};
    wr_err err = wr_escrow_take(
        db, wr_certificates_of(c)->escrow,
        (struct wr_escrow_of){
            .row = row, .tenant = c->caller.tenant, .cert_id = p->id, .generation = generation},
        p->keep, c->now_ms, &p->key, &fault);
    if (err && err != WR_ERR_MISSING) {
        wr_certificate_fail(c, WR_API_INTERNAL_FAILURE, "the private key", &fault);
    } else if (err) {
        snprintf(p->no_key, sizeof p->no_key, "%s", fault.text);
    }
}

static void find_package(struct wr_api_call *c, struct wr_db *db)
{
    struct package *p = c->own;
    char arn[512];
    int64_t thing = wr_db_one(db, 0, "SELECT id FROM things WHERE realm=? AND name=?", "iz",
                              c->realm, wr_api_text(c, "thingName"));
    if (!thing) {
        wr_api_fail(c, WR_API_NOT_FOUND, "Thing %s not found", wr_api_text(c, "thingName"));
        return;
    }
    if (choose(c, db, thing, p)) {
        take_key(c, db, p);
        wr_api_audit_arn(c, wr_api_arn(c, arn, "thing/%s", wr_api_text(c, "thingName")));
        wr_api_audit_arn(c, wr_api_arn(c, arn, "cert/%s", p->id));
        wr_api_audit_change(c, "privateKey", NULL, json_string(p->key ? "released" : "none"));
    }
}

// ---- after

// Thread: the pool's.
static void make_zip(uv_work_t *work)
{
    struct wr_api_call *c = work->data;
    struct package *p = c->own;
    const struct wr_device_package what = {.thing = wr_api_str(c, "thingName"),
                                           .tenant = wr_str_of(c->caller.tenant_name),
                                           .region = wr_str_of(c->caller.region),
                                           .certificate_id = wr_str_of(p->id),
                                           .certificate_pem = wr_buf_str(&p->pem),
                                           .root_pem = wr_buf_str(&p->root),
                                           .key = p->key,
                                           .passphrase = wr_api_str(c, "passphrase"),
                                           .no_key = wr_str_of(p->no_key),
                                           .endpoint = wr_str_of(p->endpoint.host),
                                           .port = p->endpoint.port,
                                           .topic_prefix = wr_str_of(p->prefix)};
    p->err = wr_device_package_make(&what, &p->zip, &p->fault);
}

static void on_made(uv_work_t *work, int status)
{
    struct wr_api_call *c = work->data;
    struct package *p = c->own;
    if (p->err) {
        wr_certificate_fail(c, WR_API_INTERNAL_FAILURE, "the device package", &p->fault);
    } else {
        struct wr_buf name = {0};
        wr_device_package_name(wr_api_str(c, "thingName"), &name);
        wr_buf_add(&name, WR_STR(".zip"));
        c->raw_type = "application/zip";
        c->raw = wr_alloc(p->zip.len);
        c->raw_len = p->zip.len;
        memcpy(c->raw, p->zip.at, p->zip.len);
        c->raw_name = wr_strdup(wr_buf_str(&name));
        wr_buf_release(&name);
        if (!p->key) {
            wr_api_warn(c, "the package has no private key: %s", p->no_key);
        }
    }
    wr_api_finish(c);
}

static void pack(struct wr_api_call *c)
{
    struct package *p = c->own;
    c->later = true;
    p->work.data = c;
    wr_assert(uv_queue_work(wr_api_loop(c->api), &p->work, make_zip, on_made) == 0);
}

// ---- renewing

static void copy_attachments(struct wr_api_call *c, struct wr_db *db, const char *from,
                             const char *to)
{
    char old[512], new[512];
    wr_api_arn(c, old, "cert/%s", from);
    wr_api_arn(c, new, "cert/%s", to);
    wr_db_run(
        db,
        "INSERT INTO thing_principals(realm, thing, cert_id, exclusive) SELECT realm, thing, ?, "
        "exclusive FROM thing_principals WHERE realm=? AND cert_id=?",
        "ziz", to, c->realm, from);
    wr_db_run(db,
              "INSERT INTO policy_targets(realm, policy, target) SELECT realm, policy, ? FROM "
              "policy_targets WHERE realm=? AND target=?",
              "ziz", new, c->realm, old);
}

// The new key is kept for the device package unless the caller wants it himself.
static void prepare_renew(struct wr_api_call *c)
{
    wr_certificate_prepare_key(c, wr_api_bool(c, "keyEscrow", true));
}

// The certificate that is replaced; false: the call has failed.
static bool find_old(struct wr_api_call *c, struct wr_db *db, struct wr_certificate *old)
{
    if (!wr_certificate_find(c, db, "certificateId", old)) {
        return false;
    }
    if (!strcmp(old->status, "PENDING_TRANSFER")) {
        wr_api_fail(c, WR_API_CERTIFICATE_STATE, "The certificate %s is being transferred",
                    old->id);
        return false;
    }
    return true;
}

static void renew(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_certificate old;
    if (!find_old(c, db, &old)) {
        return;
    }
    bool was_active = !strcmp(old.status, "ACTIVE");
    bool active = wr_api_bool(c, "setAsActive", was_active);
    const struct wr_pki_cert *cert = wr_certificate_issue(c, db, active ? "ACTIVE" : "INACTIVE");
    if (!cert) {
        return;
    }
    copy_attachments(c, db, old.id, cert->id);
    if (was_active) {
        wr_db_run(db,
                  "UPDATE certificates SET status='INACTIVE', modified_ms=?, version=version+1 "
                  "WHERE id=?",
                  "ii", c->now_ms, old.row);
    }
    wr_escrow_drop(db, old.row, "FETCHED", c->now_ms);
    const char *now = was_active ? "INACTIVE" : old.status;
    json_object_set_new(c->out, "replaced",
                        json_pack("{s:s, s:s}", "certificateId", old.id, "status", now));
    wr_api_audit_change(c, "replaced", json_string(old.status), json_string(now));
}

// ---- the table

static const struct wr_api_member package_in[] = {
    WR_API_PATH("thingName", THING),
    WR_API_BODY("certificateId", STRING, .pattern = WR_API_CERTIFICATE_ID_PATTERN,
                .min = WR_PKI_ID_LEN, .max = WR_PKI_ID_LEN),
    WR_API_BODY("passphrase", STRING, .max = BODY_MAX), // its length: prepare
    {0},
};
static const struct wr_api_member renew_in[] = {
    WR_API_CERTIFICATE_ID("certificateId", NULL),
    WR_API_BODY("setAsActive", BOOL),
    WR_API_BODY("keyEscrow", BOOL),
    WR_API_BODY("keyType", STRING, .one_of = "RSA-2048|P-256"),
    {0},
};

static const struct wr_api_operation operations[] = {
    {.name = "GetDevicePackage",
     .method = "POST",
     .path = "/weir/v1/things/{thingName}/device-package",
     .in = package_in,
     .write = true,
     .own_only = true,
     .secret = true,
     .least = WR_ROLE_READER,
     .prepare = prepare_package,
     .work = read_root,
     .run = find_package,
     .after = pack},
    {.name = "RenewCertificate",
     .method = "POST",
     .path = "/weir/v1/certificates/{certificateId}/renew",
     .in = renew_in,
     .write = true,
     .own_only = true,
     .secret = true,
     .prepare = prepare_renew,
     .work = wr_certificate_make_key,
     .run = renew},
};

void wr_api_add_devices(struct wr_api *api, struct wr_certificates *certificates)
{
    wr_api_add(api, operations, WR_COUNT(operations), certificates);
}
