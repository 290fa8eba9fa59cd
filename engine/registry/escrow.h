// Device keys that weir keeps until they are fetched (control-plane.md 8): sealed with a key that
// the operator gives from outside the state folder.
// Thread: the registry's.
#ifndef WR_ENGINE_REGISTRY_ESCROW_H
#define WR_ENGINE_REGISTRY_ESCROW_H

#include "engine/registry/db.h"
#include "engine/registry/pki.h"
#include "engine/registry/seal.h"

// STATE(name): why there is no key any more; KEPT: there is one.
#define WR_ESCROW_STATES(STATE) \
    STATE(KEPT)                 \
    STATE(FETCHED)              \
    STATE(EXPIRED)              \
    STATE(REVOKED)              \
    STATE(MOVED)

// Whose key it is: the certificate's row and what the seal is about.
struct wr_escrow_of {
    int64_t row;            // of certificates
    int64_t tenant;         // id
    const char *cert_id;    // hex
    const char *generation; // of the key: the certificate's generationId
};

// Keep `key` until `expires_ms`. WR_ERR_IO: the database failed.
wr_err wr_escrow_put(struct wr_db *db, const struct wr_seal_key *seal, struct wr_escrow_of of,
                     const struct wr_pki_key *key, int64_t now_ms, int64_t expires_ms,
                     struct wr_fault *fault) WR_MUST_CHECK;

// Open the key, and destroy the sealed one unless `keep`. Give. WR_ERR_MISSING: there is none, the
// fault is a sentence that says why; WR_ERR_STATE, WR_ERR_CORRUPT: it cannot be opened (and stays).
wr_err wr_escrow_take(struct wr_db *db, const struct wr_seal_key *seal, struct wr_escrow_of of,
                      bool keep, int64_t now_ms, struct wr_pki_key **key,
                      struct wr_fault *fault) WR_MUST_CHECK;

// Destroy the key of a certificate, if there is one; `state` is a name of the table above.
void wr_escrow_drop(struct wr_db *db, int64_t row, const char *state, int64_t now_ms);

// Destroy all whose time is over; how many there were.
int64_t wr_escrow_expire(struct wr_db *db, int64_t now_ms);

#endif
