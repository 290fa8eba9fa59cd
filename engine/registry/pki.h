// Key pairs, certificates, signing requests: what AWS IoT does with them, by OpenSSL. No database,
// no loop. Everything that comes from outside may be any bytes.
//
//     CSR ──read──► wr_pki_request ─┐
//     new key ──────────────────────┴─issue(authority)──► DER ──► wr_pki_cert (id, subject, …)
//     PEM of a certificate ──read─────────────────────────────►
//
// Thread: any, one at a time for one object. wr_pki_key_new(RSA) takes 170 ms on average, up to a
// second: on a thread pool. Issuing takes about a millisecond.
#ifndef WR_REGISTRY_PKI_H
#define WR_REGISTRY_PKI_H

#include "sql/base/buf.h"
#include "sql/base/err.h"

#include <stdint.h>

#define WR_PKI_ID_LEN          64    // hex digits of a certificate id
#define WR_PKI_CERT_MAX        65536 // characters of a certificate's PEM (control-plane.md 3)
#define WR_PKI_REQUEST_MAX     4096  // characters of a CSR
#define WR_PKI_KEY_MAX         16384 // characters of a private key's PEM; RSA-4096 has 3,300
#define WR_PKI_RSA_BITS_MIN    2048
#define WR_PKI_RSA_BITS_MAX    8192 // a signature of a longer one takes long to check
#define WR_PKI_COMMON_NAME_MAX 64   // ub-common-name of RFC 5280
// 2049-12-31T23:59:59Z, which is AWS's end for certificates that it issues.
#define WR_PKI_FOREVER INT64_C(2524607999)

// KIND(name, text). Kinds of keys.
#define WR_PKI_KIND_MAP(KIND) \
    KIND(RSA, "RSA")          \
    KIND(P256, "P-256")       \
    KIND(P384, "P-384")       \
    KIND(P521, "P-521")       \
    KIND(DSA, "DSA")          \
    KIND(OTHER, "other")

enum wr_pki_kind {
#define KIND(name, text) WR_PKI_##name,
    WR_PKI_KIND_MAP(KIND)
#undef KIND
};

// "P-256" for WR_PKI_P256.
const char *wr_pki_kind_text(enum wr_pki_kind kind);

// ---- key pairs

struct wr_pki_key; // private and public half; wiped by OpenSSL when freed

// A new pair of kind RSA (2048 bits), P256, P384 or P521. Give. Fails only on lack of entropy or
// memory.
wr_err wr_pki_key_new(enum wr_pki_kind kind, struct wr_pki_key **key,
                      struct wr_fault *fault) WR_MUST_CHECK;

// The private key of `pem` (PKCS#1, SEC 1 or PKCS#8, not encrypted); give.
wr_err wr_pki_key_read(wr_str pem, struct wr_pki_key **key, struct wr_fault *fault) WR_MUST_CHECK;

void wr_pki_key_free(struct wr_pki_key *key);

enum wr_pki_kind wr_pki_key_kind(const struct wr_pki_key *key);

enum wr_pki_form {
    WR_PKI_TRADITIONAL, // "RSA PRIVATE KEY" (as AWS answers), "EC PRIVATE KEY"
    WR_PKI_PKCS8,       // "PRIVATE KEY"
};

// Append the private half as PEM. The buffer wants wr_secret_release().
void wr_pki_key_private(const struct wr_pki_key *key, enum wr_pki_form form, struct wr_buf *out);

// Append it as encrypted PKCS#8: PBES2, PBKDF2 with HMAC-SHA-256, AES-256-CBC. Takes a tenth of a
// second on purpose. WR_ERR_RANGE: a pass phrase of less than 4 or more than 1024 bytes, or with a
// NUL (OpenSSL's tools refuse the former, and cut the latter).
wr_err wr_pki_key_private_encrypted(const struct wr_pki_key *key, wr_str passphrase,
                                    struct wr_buf *out, struct wr_fault *fault) WR_MUST_CHECK;

// Append the public half as PEM, "PUBLIC KEY".
void wr_pki_key_public(const struct wr_pki_key *key, struct wr_buf *out);

// ---- certificates

// What weir wants to know of one. Embedded by value; the pointers are the struct's own.
struct wr_pki_cert {
    char id[WR_PKI_ID_LEN + 1]; // SHA-256 of the DER, lower-case hex
    struct wr_buf der;
    wr_str subject, issuer;         // RFC 4514: "CN=AWS IoT Certificate"; UTF-8; may be empty
    wr_str subject_der, issuer_der; // for comparing names
    wr_str common_name;             // the subject's first CN, UTF-8; empty without one
    wr_str serial;                  // hex digits, lower case, without a sign
    int64_t not_before, not_after;  // seconds since 1970
    enum wr_pki_kind kind;
    unsigned bits;     // of the key
    bool is_authority; // version 3 with basicConstraints CA:TRUE, and may sign certificates
    bool self_signed;  // subject and issuer are the same, and the signature is its own key's
    struct x509_st *x509_;
};

// Read `pem`: exactly one certificate (pem.h says what may be around it), at most WR_PKI_CERT_MAX
// characters. Only readable and well-formed: whether it is fit for something the next two say.
wr_err wr_pki_cert_read(wr_str pem, struct wr_pki_cert *cert, struct wr_fault *fault) WR_MUST_CHECK;

// The same from DER, without any byte behind it.
wr_err wr_pki_cert_read_der(wr_str der, struct wr_pki_cert *cert,
                            struct wr_fault *fault) WR_MUST_CHECK;

// Zeroed memory is accepted.
void wr_pki_cert_release(struct wr_pki_cert *cert);

// Append the canonical PEM.
void wr_pki_cert_pem(const struct wr_pki_cert *cert, struct wr_buf *out);

// Whether a device's certificate may be registered: key RSA of at least 2048 bits or P-256, P-384,
// P-521; signed with SHA-256, -384 or -512 by RSA (PKCS#1 or PSS) or ECDSA, or DSA with SHA-256
// (control-plane.md 5, RegisterCertificate). WR_ERR_UNSUPPORTED says what was found.
wr_err wr_pki_cert_check_device(const struct wr_pki_cert *cert,
                                struct wr_fault *fault) WR_MUST_CHECK;

// Whether a CA may be registered: is_authority, key and signature as above. What it is not: valid
// at the moment (the caller has the clock).
wr_err wr_pki_cert_check_authority(const struct wr_pki_cert *cert,
                                   struct wr_fault *fault) WR_MUST_CHECK;

// Whether `authority` signed `cert`: names, key identifiers, key usage and signature.
bool wr_pki_cert_signed_by(const struct wr_pki_cert *cert, const struct wr_pki_cert *authority);

// Whether `key` is the private half of the certificate's key.
bool wr_pki_cert_is_of(const struct wr_pki_cert *cert, const struct wr_pki_key *key);

// ---- signing requests

struct wr_pki_request {
    enum wr_pki_kind kind;
    wr_str subject; // as a certificate's; the struct's own
    struct X509_req_st *req_;
};

// Read `pem`: exactly one request, at most WR_PKI_REQUEST_MAX characters, with a key of a kind that
// AWS takes, signed by itself (SHA-1 is fine: old tools make those). Extensions that it asks for
// are not looked at and never granted.
wr_err wr_pki_request_read(wr_str pem, struct wr_pki_request *request,
                           struct wr_fault *fault) WR_MUST_CHECK;

void wr_pki_request_release(struct wr_pki_request *request);

// A request for `key` with CN `common_name`, as PEM: for tests and tools.
wr_err wr_pki_request_make(const struct wr_pki_key *key, wr_str common_name, struct wr_buf *out,
                           struct wr_fault *fault) WR_MUST_CHECK;

// ---- issuing

// A CA's certificate for `key`, signed by itself: CN `common_name` (UTF-8, 1 to 64 characters),
// path length 0, may sign certificates and CRLs.
wr_err wr_pki_authority_make(const struct wr_pki_key *key, wr_str common_name, int64_t not_before,
                             int64_t not_after, struct wr_pki_cert *cert,
                             struct wr_fault *fault) WR_MUST_CHECK;

// What is to be issued: for `key`, or for `request`; the other is NULL.
struct wr_pki_issue {
    const struct wr_pki_key *key; // subject CN=AWS IoT Certificate, or common_name
    const struct wr_pki_request
        *request;       // its key and its subject (CN=AWS IoT Certificate when empty)
    wr_str common_name; // empty: AWS's. For verification certificates in tests
    const struct wr_pki_cert *authority;
    const struct wr_pki_key *authority_key; // of that certificate
    int64_t not_before, not_after;          // the end is cut to the authority's end
};

// A certificate for a device: serial of 159 random bits, basicConstraints CA:FALSE, keyUsage, key
// identifiers, extendedKeyUsage none, as AWS's.
wr_err wr_pki_issue(const struct wr_pki_issue *what, struct wr_pki_cert *cert,
                    struct wr_fault *fault) WR_MUST_CHECK;

#endif
