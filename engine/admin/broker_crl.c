// The revocation lists of the tenants' CAs, one behind the other in a file: what OpenSSL reads from
// mosquitto's crlfile and its like.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/broker_parts.h"
#include "engine/registry/authority.h"
#include "engine/registry/pki_crl.h"
#include "engine/registry/status.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

// A list that has run out bars everybody at mosquitto; it is written anew at each change, and at
// each start of weir.
#define NEXT_S (INT64_C(10) * 365 * 86400)

static wr_err add_rows(struct wr_db *db, int64_t authority, struct wr_pki_crl *crl,
                       struct wr_fault *fault)
{
    struct wr_rows rows = wr_db_query(db,
                                      "SELECT pem, status, modified_ms FROM certificates WHERE "
                                      "authority=? AND status<>'ACTIVE' ORDER BY id",
                                      "i", authority);
    wr_err err = WR_OK;
    while (!err && wr_db_next(&rows)) {
        struct wr_pki_cert cert = {.id = {0}};
        err = wr_pki_cert_read(wr_db_str(&rows, 0), &cert, fault);
        bool hold = !wr_str_eq(wr_db_str(&rows, 1), WR_STR("REVOKED"));
        err = err ? err : wr_pki_crl_add(crl, &cert, hold, wr_db_int(&rows, 2) / 1000, fault);
        wr_pki_cert_release(&cert);
    }
    wr_db_end(&rows);
    return err;
}

static wr_err add_list(const struct wr_broker_table *t, struct wr_db *db, const struct wr_rows *row,
                       struct wr_buf *out, struct wr_fault *fault)
{
    struct wr_authority a = {.id = 0};
    struct wr_pki_crl *crl = NULL;
    int64_t now = wr_wall_ms() / 1000;
    wr_err err = wr_authority_read(row, t->seal, &a, fault);
    err = err ? err : wr_pki_crl_new(&a.cert, now, now + NEXT_S, t->generation, &crl, fault);
    err = err ? err : add_rows(db, a.id, crl, fault);
    err = err ? err : wr_pki_crl_sign(crl, a.key, out, fault);
    wr_pki_crl_free(crl);
    wr_authority_release(&a);
    return err;
}

wr_err wr_broker_crl_write(const struct wr_broker_table *t, struct wr_db *db,
                           struct wr_fault *fault)
{
    struct wr_buf out = {0};
    struct wr_rows rows = wr_db_query(db, "SELECT id, pem, key FROM authorities ORDER BY id", "");
    wr_err err = WR_OK;
    while (!err && wr_db_next(&rows)) {
        err = add_list(t, db, &rows, &out, fault);
    }
    wr_db_end(&rows);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/crl.pem", t->dir);
    if (!err && !wr_db_failure(db) && out.len > 0) { // an empty one would let everybody in
        err = wr_status_write(path, wr_buf_str(&out), fault);
    }
    wr_buf_release(&out);
    return err;
}
