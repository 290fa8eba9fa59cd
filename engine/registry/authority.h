// A tenant's own CA: made once, its key sealed in the registry, opened to issue.
// Thread: the registry's.
#ifndef WR_ENGINE_REGISTRY_AUTHORITY_H
#define WR_ENGINE_REGISTRY_AUTHORITY_H

#include "engine/registry/db.h"
#include "engine/registry/pki.h"
#include "engine/registry/seal.h"

struct wr_authority {
    int64_t id;
    struct wr_pki_cert cert;
    struct wr_pki_key *key;
};

// The tenant's active CA, opened; made (EC P-256, until 2049) when it has none, inside the
// transaction of `db`. WR_ERR_IO: the database failed; others: the key cannot be opened, the fault
// says why. On success wr_authority_release().
wr_err wr_authority_open(struct wr_db *db, const struct wr_seal_key *seal, int64_t tenant,
                         int64_t now_ms, struct wr_authority *authority,
                         struct wr_fault *fault) WR_MUST_CHECK;

// Only make it when there is none: for enabling a tenant. The same errors.
wr_err wr_authority_ensure(struct wr_db *db, const struct wr_seal_key *seal, int64_t tenant,
                           int64_t now_ms, struct wr_fault *fault) WR_MUST_CHECK;

// Make another one, which signs from here on. Those before it stay known as long as certificates of
// theirs are there. The same errors.
wr_err wr_authority_rotate(struct wr_db *db, const struct wr_seal_key *seal, int64_t tenant,
                           int64_t now_ms, struct wr_fault *fault) WR_MUST_CHECK;
// Forget CAs that sign no more and of which no certificate is left. How many.
int64_t wr_authority_forget(struct wr_db *db);

// Of a row of `authorities` with the columns id, pem, key. wr_authority_release() also on failure.
wr_err wr_authority_read(const struct wr_rows *row, const struct wr_seal_key *seal,
                         struct wr_authority *authority, struct wr_fault *fault) WR_MUST_CHECK;

// Zeroed memory is accepted.
void wr_authority_release(struct wr_authority *authority);

#endif
