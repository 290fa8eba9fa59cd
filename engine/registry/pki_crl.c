#include "engine/registry/pki_crl.h"

#include <stdlib.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "engine/registry/pki_parts.h"

#include "sql/base/banned.h"

struct wr_pki_crl {
    X509_CRL *list;
};

static bool add_number(X509_CRL *list, uint64_t number)
{
    ASN1_INTEGER *n = ASN1_INTEGER_new();
    bool good = n && ASN1_INTEGER_set_uint64(n, number) == 1 &&
                X509_CRL_add1_ext_i2d(list, NID_crl_number, n, 0, 0) == 1;
    ASN1_INTEGER_free(n);
    return good;
}

// Which of several CAs of one name made it.
static bool add_key_id(X509_CRL *list, const struct wr_pki_cert *authority)
{
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(authority->x509_);
    AUTHORITY_KEYID *key = id ? AUTHORITY_KEYID_new() : NULL;
    bool good = !id;
    if (key) {
        key->keyid = ASN1_OCTET_STRING_dup(id);
        good =
            key->keyid && X509_CRL_add1_ext_i2d(list, NID_authority_key_identifier, key, 0, 0) == 1;
    }
    AUTHORITY_KEYID_free(key);
    return good;
}

wr_err wr_pki_crl_new(const struct wr_pki_cert *authority, int64_t now, int64_t next,
                      uint64_t number, struct wr_pki_crl **crl, struct wr_fault *fault)
{
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, now), *to = ASN1_TIME_set(NULL, next);
    bool good = list && from && to && X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1 &&
                X509_CRL_set_issuer_name(list, X509_get_subject_name(authority->x509_)) == 1 &&
                X509_CRL_set1_lastUpdate(list, from) == 1 &&
                X509_CRL_set1_nextUpdate(list, to) == 1 && add_number(list, number) &&
                add_key_id(list, authority);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    if (!good) {
        X509_CRL_free(list);
        return wr_pki_fault(fault, WR_ERR_FAILED, "cannot make a revocation list");
    }
    *crl = wr_alloc(sizeof **crl);
    (*crl)->list = list;
    return WR_OK;
}

void wr_pki_crl_free(struct wr_pki_crl *crl)
{
    if (crl) {
        X509_CRL_free(crl->list);
    }
    free(crl);
}

wr_err wr_pki_crl_add(struct wr_pki_crl *crl, const struct wr_pki_cert *cert, bool hold,
                      int64_t since, struct wr_fault *fault)
{
    X509_REVOKED *row = X509_REVOKED_new();
    ASN1_TIME *at = ASN1_TIME_set(NULL, since);
    ASN1_ENUMERATED *reason = hold ? ASN1_ENUMERATED_new() : NULL;
    bool good =
        row && at && X509_REVOKED_set_serialNumber(row, X509_get_serialNumber(cert->x509_)) == 1 &&
        X509_REVOKED_set_revocationDate(row, at) == 1 &&
        (!hold || (reason && ASN1_ENUMERATED_set(reason, CRL_REASON_CERTIFICATE_HOLD) == 1 &&
                   X509_REVOKED_add1_ext_i2d(row, NID_crl_reason, reason, 0, 0) == 1));
    ASN1_TIME_free(at);
    ASN1_ENUMERATED_free(reason);
    if (!good || X509_CRL_add0_revoked(crl->list, row) != 1) {
        X509_REVOKED_free(row);
        return wr_pki_fault(fault, WR_ERR_FAILED, "cannot add to a revocation list");
    }
    return WR_OK;
}

wr_err wr_pki_crl_sign(struct wr_pki_crl *crl, const struct wr_pki_key *key, struct wr_buf *out,
                       struct wr_fault *fault)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len = 0;
    if (bio && X509_CRL_sort(crl->list) == 1 &&
        X509_CRL_sign(crl->list, key->pkey, EVP_sha256()) > 0 &&
        PEM_write_bio_X509_CRL(bio, crl->list) == 1) {
        len = BIO_get_mem_data(bio, &text);
        wr_buf_add(out, (wr_str){text, (size_t)len});
    }
    BIO_free(bio);
    return len > 0 ? WR_OK : wr_pki_fault(fault, WR_ERR_FAILED, "cannot sign a revocation list");
}
