// What the families of certificates share: api_certificates.c (made here, read, changed),
// api_register.c (made elsewhere), api_ca.c, api_transfers.c, api_devices.c (control-plane.md 5, 6,
// 8). Thread: loop, unless a function says otherwise.
#ifndef WR_ENGINE_ADMIN_CERTIFICATES_H
#define WR_ENGINE_ADMIN_CERTIFICATES_H

#include "engine/admin/families.h"
#include "engine/registry/pki.h"
#include "engine/registry/seal.h"

#define WR_CERTIFICATES_PAGE 25 // as AWS documents for ListCertificates and ListCACertificates

// The `user` of the families.
struct wr_certificates {
    const struct wr_seal_key *seal;   // of the instance
    const struct wr_seal_key *escrow; // the operator's; NULL: escrow is off
};

// A certificate's id in a path or query: 64 hex digits.
#define WR_API_CERTIFICATE_ID(name_, wire_)                                                  \
    {                                                                                        \
        .name = name_, .place = WR_API_IN_PATH, .wire = wire_, .required = true,             \
        .pattern = WR_API_CERTIFICATE_ID_PATTERN, .min = WR_PKI_ID_LEN, .max = WR_PKI_ID_LEN \
    }
#define WR_API_PEM(name_, ...)                                                                \
    {                                                                                         \
        .name = name_, .place = WR_API_IN_BODY, .min = 1, .max = WR_PKI_CERT_MAX, __VA_ARGS__ \
    }
#define WR_API_STATUSES \
    "ACTIVE|INACTIVE|REVOKED|PENDING_TRANSFER|REGISTER_INACTIVE|PENDING_ACTIVATION"

// For wr_families_add_certificates().
void wr_api_add_certificates(struct wr_api *api, struct wr_certificates *certificates);
void wr_api_add_register(struct wr_api *api, struct wr_certificates *certificates);
void wr_api_add_ca(struct wr_api *api, struct wr_certificates *certificates);
void wr_api_add_transfers(struct wr_api *api, struct wr_certificates *certificates);
void wr_api_add_devices(struct wr_api *api, struct wr_certificates *certificates);

// The rest: thread any, or with `db` the registry's.

const struct wr_certificates *wr_certificates_of(const struct wr_api_call *call);

// Member `name` in lower case, as ids are kept.
void wr_certificate_id(const struct wr_api_call *call, const char *name,
                       char id[WR_PKI_ID_LEN + 1]);

// A certificate that the caller's account owns, or that is being transferred to it.
struct wr_certificate {
    int64_t row;
    char id[WR_PKI_ID_LEN + 1];
    char status[24];
    bool owned; // false: it is offered to the caller
};
// Find member `name`; the call fails when there is none.
bool wr_certificate_find(struct wr_api_call *call, struct wr_db *db, const char *name,
                         struct wr_certificate *certificate);
// Things and policies that it is attached to.
bool wr_api_certificate_has_things(const struct wr_api_call *call, struct wr_db *db,
                                   const char *id);
bool wr_api_certificate_has_policies(struct wr_api_call *call, struct wr_db *db, const char *id);

// What is inserted. `status` is the one asked for, or NULL: INACTIVE.
struct wr_certificate_new {
    const struct wr_pki_cert *cert;
    wr_str pem; // empty: the canonical one
    const char *status, *mode;
    int64_t authority; // row of the issuer, or 0
    wr_str ca;         // id of the registered CA that signed it, or empty
    int64_t trusted;   // the broker is to have it among its CAs: a hash of its name; else 0
};
// Insert it, answer certificateArn and certificateId; fails when it is there already. Returns the
// row; 0: failed.
int64_t wr_certificate_insert(struct wr_api_call *call, struct wr_db *db,
                              const struct wr_certificate_new *certificate);

// Whether the status may be asked for at creation or by UpdateCertificate: ACTIVE, INACTIVE,
// REVOKED (control-plane.md 6). False: the call has failed.
bool wr_certificate_may_ask(struct wr_api_call *call, const char *member, const char *status);

// Making a key and a certificate for it, in the three steps of an operation with the members
// keyType and keyEscrow; call->own is theirs. `escrow`: the key is kept for a device package, and
// not answered; the call fails when that is not possible.
void wr_certificate_prepare_key(struct wr_api_call *call, bool escrow); // loop
void wr_certificate_make_key(struct wr_api_call *call);                 // the pool's
// Issue, insert, keep or answer the key. NULL: the call has failed. Borrowed from the call.
const struct wr_pki_cert *wr_certificate_issue(struct wr_api_call *call, struct wr_db *db,
                                               const char *status);

// A failure of pki as the API's error.
void wr_certificate_fail(struct wr_api_call *call, enum wr_api_error error, const char *what,
                         const struct wr_fault *fault);

#endif
