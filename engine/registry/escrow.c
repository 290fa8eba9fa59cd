// Rows of escrow.
#include "engine/registry/escrow.h"

#include <stdio.h>
#include <time.h>

#include "engine/registry/secret.h"

#include "sql/base/banned.h"

static void about(struct wr_escrow_of of, char out[256])
{
    snprintf(out, 256, "escrow/%lld/%s/%s", (long long)of.tenant, of.cert_id, of.generation);
}

wr_err wr_escrow_put(struct wr_db *db, const struct wr_seal_key *seal, struct wr_escrow_of of,
                     const struct wr_pki_key *key, int64_t now_ms, int64_t expires_ms,
                     struct wr_fault *fault)
{
    struct wr_buf secret = {0}, sealed = {0};
    char what[256];
    about(of, what);
    wr_pki_key_private(key, WR_PKI_PKCS8, &secret);
    wr_err err = wr_seal(seal, wr_buf_str(&secret), wr_str_of(what), &sealed, fault);
    wr_secret_release(&secret);
    if (!err) {
        wr_db_run(db,
                  "INSERT INTO escrow(certificate, state, key, expires_ms, changed_ms) "
                  "VALUES(?,'KEPT',?,?,?)",
                  "ibii", of.row, wr_buf_str(&sealed), expires_ms, now_ms);
        if (wr_db_failure(db)) {
            err = wr_fault_set(fault, WR_ERR_IO, "%s", wr_db_failure(db));
        }
    }
    wr_buf_release(&sealed);
    return err;
}

static wr_err missing(const struct wr_rows *rows, struct wr_fault *fault)
{
    wr_str state = rows ? wr_db_str(rows, 0) : (wr_str){0};
    char when[32] = "";
    time_t seconds = rows ? (time_t)(wr_db_int(rows, 2) / 1000) : 0;
    struct tm tm;
    if (gmtime_r(&seconds, &tm)) {
        strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &tm);
    }
    if (wr_str_eq(state, WR_STR("FETCHED"))) {
        return wr_fault_set(fault, WR_ERR_MISSING, "it was fetched on %s, which is possible once.",
                            when);
    }
    if (wr_str_eq(state, WR_STR("REVOKED"))) {
        return wr_fault_set(fault, WR_ERR_MISSING,
                            "the certificate was revoked on %s, and the key destroyed.", when);
    }
    if (wr_str_eq(state, WR_STR("MOVED"))) {
        return wr_fault_set(fault, WR_ERR_MISSING,
                            "the certificate came from another account on %s; its key did not.",
                            when);
    }
    if (state.at) {
        return wr_fault_set(fault, WR_ERR_MISSING, "nobody fetched it until %s, when it expired.",
                            when);
    }
    return wr_fault_set(fault, WR_ERR_MISSING, "weir never had it, or was not asked to keep it.");
}

static wr_err open_key(const struct wr_rows *rows, const struct wr_seal_key *seal,
                       struct wr_escrow_of of, struct wr_pki_key **key, struct wr_fault *fault)
{
    struct wr_buf secret = {0};
    char what[256];
    if (!seal) {
        return wr_fault_set(fault, WR_ERR_STATE,
                            "it is sealed with the key of admin.escrow_key, which this weir was "
                            "not given");
    }
    about(of, what);
    wr_err err = wr_seal_open(seal, wr_db_str(rows, 1), wr_str_of(what), &secret, fault);
    err = err ? err : wr_pki_key_read(wr_buf_str(&secret), key, fault);
    wr_secret_release(&secret);
    return err;
}

wr_err wr_escrow_take(struct wr_db *db, const struct wr_seal_key *seal, struct wr_escrow_of of,
                      bool keep, int64_t now_ms, struct wr_pki_key **key, struct wr_fault *fault)
{
    (void)wr_escrow_expire(db, now_ms);
    struct wr_rows rows = wr_db_query(
        db, "SELECT state, key, changed_ms FROM escrow WHERE certificate=?", "i", of.row);
    bool there = wr_db_next(&rows);
    wr_err err = !there || wr_db_null(&rows, 1) ? missing(there ? &rows : NULL, fault)
                                                : open_key(&rows, seal, of, key, fault);
    wr_db_end(&rows);
    if (!err && !keep) {
        wr_escrow_drop(db, of.row, "FETCHED", now_ms);
    }
    return err;
}

void wr_escrow_drop(struct wr_db *db, int64_t row, const char *state, int64_t now_ms)
{
    wr_db_run(
        db,
        "UPDATE escrow SET state=?, key=NULL, changed_ms=? WHERE certificate=? AND key IS NOT "
        "NULL",
        "zii", state, now_ms, row);
}

int64_t wr_escrow_expire(struct wr_db *db, int64_t now_ms)
{
    return wr_db_run(db,
                     "UPDATE escrow SET state='EXPIRED', key=NULL, changed_ms=expires_ms WHERE "
                     "expires_ms<=? AND key IS NOT NULL",
                     "i", now_ms);
}
