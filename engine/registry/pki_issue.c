// Requests, CAs, and certificates that weir issues.
#include "engine/registry/pki.h"

#include "engine/registry/pem.h"
#include "engine/registry/pki_parts.h"
#include "engine/registry/secret.h"

#include "sql/base/utf8.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sql/base/banned.h"

#define SERIAL_BYTES 20 // the most that RFC 5280 allows
#define AWS_NAME     WR_STR("AWS IoT Certificate")

// ---- requests

wr_err wr_pki_request_read(wr_str pem, struct wr_pki_request *request, struct wr_fault *fault)
{
    if (pem.len > WR_PKI_REQUEST_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "a signing request of %zu characters, at most %d",
                            pem.len, WR_PKI_REQUEST_MAX);
    }
    struct wr_buf der = {0};
    wr_str label;
    wr_err err = wr_pem_read(pem, "a certificate signing request", &label, &der, fault);
    X509_REQ *req = NULL;
    if (!err && !wr_str_eq(label, WR_STR("CERTIFICATE REQUEST")) &&
        !wr_str_eq(label, WR_STR("NEW CERTIFICATE REQUEST"))) { // Java's keytool
        err = wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                           "found '-----BEGIN %.*s-----', expected '-----BEGIN CERTIFICATE "
                           "REQUEST-----'",
                           WR_STR_ARG(label));
    }
    if (!err) {
        const unsigned char *at = (const unsigned char *)der.at, *end = at + der.len;
        ERR_clear_error();
        req = d2i_X509_REQ(NULL, &at, (long)der.len);
        EVP_PKEY *pkey = req ? X509_REQ_get0_pubkey(req) : NULL;
        err = !req || at != end
                  ? wr_pki_fault(fault, WR_ERR_SYNTAX, "the signing request is damaged")
              : !pkey ? wr_pki_fault(fault, WR_ERR_UNSUPPORTED,
                                     "the signing request's key cannot be read")
                      : wr_pki_kind_check(pkey, "the signing request", fault);
        if (!err && X509_REQ_verify(req, pkey) != 1) {
            err = wr_pki_fault(fault, WR_ERR_DENIED,
                               "the signing request is not signed with its own key");
        }
        request->kind = err ? WR_PKI_OTHER : wr_pki_kind_of(pkey);
    }
    wr_buf_release(&der);
    if (err) {
        X509_REQ_free(req);
        return err;
    }
    request->req_ = req;
    request->subject = wr_pki_name_text(X509_REQ_get_subject_name(req));
    return WR_OK;
}

void wr_pki_request_release(struct wr_pki_request *request)
{
    X509_REQ_free(request->req_);
    free((void *)(uintptr_t)request->subject.at);
    *request = (struct wr_pki_request){.kind = WR_PKI_OTHER};
}

static bool set_common_name(X509_NAME *name, wr_str text)
{
    return wr_utf8_valid(text) &&
           X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)text.at, (int)text.len, -1, 0) == 1;
}

static wr_err check_common_name(wr_str text, struct wr_fault *fault)
{
    bool ok = text.len && wr_utf8_valid(text) && !memchr(text.at, 0, text.len) &&
              wr_utf8_count(text) <= WR_PKI_COMMON_NAME_MAX;
    return ok ? WR_OK
              : wr_fault_set(fault, WR_ERR_RANGE,
                             "a common name of %zu bytes, expected 1 to %d characters of UTF-8",
                             text.len, WR_PKI_COMMON_NAME_MAX);
}

wr_err wr_pki_request_make(const struct wr_pki_key *key, wr_str cn, struct wr_buf *out,
                           struct wr_fault *fault)
{
    wr_err err = check_common_name(cn, fault);
    if (err) {
        return err;
    }
    ERR_clear_error();
    X509_REQ *req = X509_REQ_new();
    unsigned char *der = NULL;
    int len = -1;
    if (req && X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 &&
        set_common_name(X509_REQ_get_subject_name(req), cn) &&
        X509_REQ_set_pubkey(req, key->pkey) == 1 &&
        X509_REQ_sign(req, key->pkey, EVP_sha256()) > 0) {
        len = i2d_X509_REQ(req, &der);
    }
    X509_REQ_free(req);
    if (len <= 0) {
        return wr_pki_fault(fault, WR_ERR_FAILED, "no signing request could be made");
    }
    wr_pem_write(out, "CERTIFICATE REQUEST", (wr_str){(const char *)der, (size_t)len});
    OPENSSL_free(der);
    return WR_OK;
}

// ---- certificates

static bool set_serial(X509 *x)
{
    uint8_t bytes[SERIAL_BYTES];
    do {
        wr_secret_random(bytes, sizeof bytes);
        bytes[0] &= 0x7f; // positive
    } while (!bytes[0]);  // always of the same length
    BIGNUM *n = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
    BN_free(n);
    return ok;
}

static bool set_time(ASN1_TIME *to, int64_t seconds)
{
    // By RFC 5280 UTCTime until 2049, GeneralizedTime from 2050 on: X509_time_adj_ex knows.
    time_t zero = 0;
    return X509_time_adj_ex(to, (int)(seconds / 86400), (long)(seconds % 86400), &zero) != NULL;
}

static bool add_extension(X509 *x, X509V3_CTX *context, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
    bool ok = extension && X509_add_ext(x, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static const EVP_MD *digest_for(const struct wr_pki_key *key)
{
    switch (wr_pki_key_kind(key)) {
    case WR_PKI_P384:
        return EVP_sha384();
    case WR_PKI_P521:
        return EVP_sha512();
    case WR_PKI_RSA:
    case WR_PKI_P256:
    case WR_PKI_DSA:
    case WR_PKI_OTHER:
        break;
    }
    return EVP_sha256();
}

// Version, serial, validity, key.
static bool begin(X509 *x, EVP_PKEY *pkey, int64_t not_before, int64_t not_after)
{
    return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
           set_time(X509_getm_notBefore(x), not_before) &&
           set_time(X509_getm_notAfter(x), not_after) && X509_set_pubkey(x, pkey) == 1;
}

// Sign, and read back what came out. `x` is taken.
static wr_err finish(X509 *x, const struct wr_pki_key *key, bool ok, struct wr_pki_cert *cert,
                     struct wr_fault *fault)
{
    unsigned char *der = NULL;
    int len = -1;
    if (ok && X509_sign(x, key->pkey, digest_for(key)) > 0) {
        len = i2d_X509(x, &der);
    }
    X509_free(x);
    if (len <= 0) {
        return wr_pki_fault(fault, WR_ERR_FAILED, "no certificate could be made");
    }
    wr_err err = wr_pki_cert_read_der((wr_str){(const char *)der, (size_t)len}, cert, fault);
    OPENSSL_free(der);
    return err;
}

static wr_err check_times(int64_t not_before, int64_t not_after, struct wr_fault *fault)
{
    // Years 1970 to 9999, which is what a certificate can say, and the right way round.
    bool ok = not_before >= 0 && not_after > not_before && not_after <= INT64_C(253402300799);
    return ok ? WR_OK
              : wr_fault_set(fault, WR_ERR_RANGE, "the certificate would end before it begins");
}

wr_err wr_pki_authority_make(const struct wr_pki_key *key, wr_str cn, int64_t not_before,
                             int64_t not_after, struct wr_pki_cert *cert, struct wr_fault *fault)
{
    wr_err err = check_common_name(cn, fault);
    err = err ? err : check_times(not_before, not_after, fault);
    if (err) {
        return err;
    }
    ERR_clear_error();
    X509 *x = X509_new();
    X509V3_CTX context;
    bool ok = x && begin(x, key->pkey, not_before, not_after) &&
              set_common_name(X509_get_subject_name(x), cn) &&
              X509_set_issuer_name(x, X509_get_subject_name(x)) == 1;
    if (ok) {
        X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
        X509V3_set_ctx_nodb(&context);
        ok = add_extension(x, &context, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
             add_extension(x, &context, NID_key_usage, "critical,keyCertSign,cRLSign") &&
             add_extension(x, &context, NID_subject_key_identifier, "hash") &&
             add_extension(x, &context, NID_authority_key_identifier, "keyid:always");
    }
    return finish(x, key, ok, cert, fault);
}

static bool set_subject(X509 *x, const struct wr_pki_issue *what)
{
    X509_NAME *asked = what->request ? X509_REQ_get_subject_name(what->request->req_) : NULL;
    if (asked && X509_NAME_entry_count(asked) > 0) {
        return X509_set_subject_name(x, asked) == 1;
    }
    return set_common_name(X509_get_subject_name(x),
                           what->common_name.len ? what->common_name : AWS_NAME);
}

wr_err wr_pki_issue(const struct wr_pki_issue *what, struct wr_pki_cert *cert,
                    struct wr_fault *fault)
{
    const struct wr_pki_cert *ca = what->authority;
    int64_t not_after = what->not_after < ca->not_after ? what->not_after : ca->not_after;
    wr_err err = check_times(what->not_before, not_after, fault);
    if (!err && what->common_name.len) {
        err = check_common_name(what->common_name, fault);
    }
    if (!err && !wr_pki_cert_is_of(ca, what->authority_key)) {
        err = wr_fault_set(fault, WR_ERR_CORRUPT, "the CA's key is not the one of its certificate");
    }
    if (err) {
        return err;
    }
    ERR_clear_error();
    EVP_PKEY *pkey = what->request ? X509_REQ_get0_pubkey(what->request->req_) : what->key->pkey;
    X509 *x = X509_new();
    X509V3_CTX context;
    bool ok = x && begin(x, pkey, what->not_before, not_after) && set_subject(x, what) &&
              X509_set_issuer_name(x, X509_get_subject_name(ca->x509_)) == 1;
    if (ok) {
        X509V3_set_ctx(&context, ca->x509_, x, NULL, NULL, 0);
        X509V3_set_ctx_nodb(&context);
        ok = add_extension(x, &context, NID_authority_key_identifier, "keyid:always") &&
             add_extension(x, &context, NID_subject_key_identifier, "hash") &&
             add_extension(x, &context, NID_basic_constraints, "critical,CA:FALSE") &&
             add_extension(x, &context, NID_key_usage, "critical,digitalSignature");
    }
    return finish(x, what->authority_key, ok, cert, fault);
}
