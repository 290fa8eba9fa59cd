// Certificate revocation lists, for brokers without weir's plugin (control-plane.md 7.5).
// Thread: any, one at a time for one object.
#ifndef WR_REGISTRY_PKI_CRL_H
#define WR_REGISTRY_PKI_CRL_H

#include "engine/registry/pki.h"

struct wr_pki_crl;

// An empty list of `authority`, from `now` to `next` (seconds since 1970). Give.
wr_err wr_pki_crl_new(const struct wr_pki_cert *authority, int64_t now, int64_t next,
                      uint64_t number, struct wr_pki_crl **crl,
                      struct wr_fault *fault) WR_MUST_CHECK;
void wr_pki_crl_free(struct wr_pki_crl *crl);

// Put a certificate of that authority on it, since `since`. `hold`: it may come off again.
wr_err wr_pki_crl_add(struct wr_pki_crl *crl, const struct wr_pki_cert *cert, bool hold,
                      int64_t since, struct wr_fault *fault) WR_MUST_CHECK;

// Sign it with the authority's key and append it as PEM.
wr_err wr_pki_crl_sign(struct wr_pki_crl *crl, const struct wr_pki_key *key, struct wr_buf *out,
                       struct wr_fault *fault) WR_MUST_CHECK;

#endif
