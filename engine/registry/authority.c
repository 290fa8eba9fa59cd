// Making and opening a tenant's CA.
#include "engine/registry/authority.h"

#include <stdio.h>

#include "engine/registry/secret.h"

#include "sql/base/banned.h"

// A device's clock may be behind ours: what is made now has been valid for a while.
#define BEFORE_S 3600

// What the sealed key is about: moving it to another row does not open.
static void about_key(const char *cert_id, char out[128])
{
    snprintf(out, 128, "ca-key/%s", cert_id);
}

static wr_err insert(struct wr_db *db, const struct wr_seal_key *seal, int64_t tenant,
                     int64_t now_ms, struct wr_authority *a, struct wr_fault *fault)
{
    struct wr_buf pem = {0}, secret = {0}, sealed = {0};
    char about[128];
    about_key(a->cert.id, about);
    wr_pki_cert_pem(&a->cert, &pem);
    wr_pki_key_private(a->key, WR_PKI_PKCS8, &secret);
    wr_err err = wr_seal(seal, wr_buf_str(&secret), wr_str_of(about), &sealed, fault);
    if (!err) {
        wr_db_run(db,
                  "INSERT INTO authorities(tenant, cert_id, subject, pem, key, not_after_s, "
                  "created_ms, active) VALUES(?,?,?,?,?,?,?,1)",
                  "izbsbii", tenant, a->cert.id, a->cert.subject_der, wr_buf_str(&pem),
                  wr_buf_str(&sealed), a->cert.not_after, now_ms);
        a->id = wr_db_last_id(db);
        if (wr_db_failure(db)) {
            err = wr_fault_set(fault, WR_ERR_IO, "%s", wr_db_failure(db));
        }
    }
    wr_secret_release(&secret);
    wr_buf_release(&sealed);
    wr_buf_release(&pem);
    return err;
}

// "weir CA acme 3f2a9c01…": another of the same tenant has another name, so that a folder of CAs
// and a chain find the right one by name.
static wr_err make(struct wr_db *db, const struct wr_seal_key *seal, int64_t tenant, int64_t now_ms,
                   struct wr_authority *a, struct wr_fault *fault)
{
    char name[WR_PKI_COMMON_NAME_MAX + 1], unique[9] = "";
    wr_secret_random_text(unique, 8, WR_STR("0123456789abcdef"));
    struct wr_rows rows = wr_db_query(db, "SELECT name FROM tenants WHERE id=?", "i", tenant);
    wr_str tenant_name = wr_db_next(&rows) ? wr_db_str(&rows, 0) : (wr_str){0};
    snprintf(name, sizeof name, "weir CA %.*s %s", WR_STR_ARG(tenant_name), unique);
    wr_db_end(&rows);
    wr_err err = wr_pki_key_new(WR_PKI_P256, &a->key, fault);
    if (!err) {
        err = wr_pki_authority_make(a->key, wr_str_of(name), now_ms / 1000 - BEFORE_S,
                                    WR_PKI_FOREVER, &a->cert, fault);
    }
    return err ? err : insert(db, seal, tenant, now_ms, a, fault);
}

wr_err wr_authority_read(const struct wr_rows *row, const struct wr_seal_key *seal,
                         struct wr_authority *a, struct wr_fault *fault)
{
    struct wr_buf secret = {0};
    char about[128];
    a->id = wr_db_int(row, 0);
    wr_err err = wr_pki_cert_read(wr_db_str(row, 1), &a->cert, fault);
    if (!err) {
        about_key(a->cert.id, about);
        err = wr_seal_open(seal, wr_db_str(row, 2), wr_str_of(about), &secret, fault);
    }
    err = err ? err : wr_pki_key_read(wr_buf_str(&secret), &a->key, fault);
    wr_secret_release(&secret);
    return err;
}

wr_err wr_authority_open(struct wr_db *db, const struct wr_seal_key *seal, int64_t tenant,
                         int64_t now_ms, struct wr_authority *authority, struct wr_fault *fault)
{
    struct wr_authority a = {.id = 0};
    struct wr_rows rows = wr_db_query(
        db, "SELECT id, pem, key FROM authorities WHERE tenant=? AND active ORDER BY id DESC", "i",
        tenant);
    bool there = wr_db_next(&rows);
    wr_err err = there ? wr_authority_read(&rows, seal, &a, fault) : WR_OK;
    wr_db_end(&rows);
    if (err) {
        wr_fault_prefix(fault, "the tenant's CA: ");
    } else if (wr_db_failure(db)) {
        err = wr_fault_set(fault, WR_ERR_IO, "%s", wr_db_failure(db));
    } else if (!there) {
        err = make(db, seal, tenant, now_ms, &a, fault);
    }
    if (err) {
        wr_authority_release(&a);
        return err;
    }
    *authority = a;
    return WR_OK;
}

wr_err wr_authority_ensure(struct wr_db *db, const struct wr_seal_key *seal, int64_t tenant,
                           int64_t now_ms, struct wr_fault *fault)
{
    if (wr_db_one(db, 0, "SELECT 1 FROM authorities WHERE tenant=? AND active", "i", tenant)) {
        return WR_OK;
    }
    struct wr_authority a = {.id = 0};
    wr_err err = make(db, seal, tenant, now_ms, &a, fault);
    wr_authority_release(&a);
    return err;
}

wr_err wr_authority_rotate(struct wr_db *db, const struct wr_seal_key *seal, int64_t tenant,
                           int64_t now_ms, struct wr_fault *fault)
{
    struct wr_authority a = {.id = 0};
    wr_db_run(db, "UPDATE authorities SET active=0 WHERE tenant=?", "i", tenant);
    wr_err err = make(db, seal, tenant, now_ms, &a, fault);
    wr_authority_release(&a);
    wr_authority_forget(db);
    return err;
}

int64_t wr_authority_forget(struct wr_db *db)
{
    return wr_db_run(db,
                     "DELETE FROM authorities WHERE NOT active AND NOT EXISTS (SELECT 1 FROM "
                     "certificates c WHERE c.authority=authorities.id)",
                     "");
}

void wr_authority_release(struct wr_authority *authority)
{
    wr_pki_cert_release(&authority->cert);
    wr_pki_key_free(authority->key);
    *authority = (struct wr_authority){.id = 0};
}
