// Certificates that come from somewhere: read, described, judged.
#include "engine/registry/pki.h"

#include "engine/registry/pem.h"
#include "engine/registry/pki_parts.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sql/base/banned.h"

static wr_str copy(const void *at, size_t len)
{
    return len ? (wr_str){wr_strdup((wr_str){at, len}), len} : (wr_str){NULL, 0};
}

static void drop(wr_str *s)
{
    free((void *)(uintptr_t)s->at);
    *s = (wr_str){NULL, 0};
}

wr_str wr_pki_name_text(const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    wr_assert(bio);
    // Characters beyond ASCII as UTF-8, not as escapes; control characters stay escaped.
    unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    wr_str text = {NULL, 0};
    if (X509_NAME_print_ex(bio, name, 0, flags) >= 0) {
        char *at;
        long len = BIO_get_mem_data(bio, &at);
        text = copy(at, len > 0 ? (size_t)len : 0);
    }
    BIO_free_all(bio);
    return text;
}

static wr_str name_der(X509_NAME *name)
{
    unsigned char *at = NULL;
    int len = i2d_X509_NAME(name, &at);
    wr_str der = copy(at, len > 0 ? (size_t)len : 0);
    OPENSSL_free(at);
    return der;
}

static wr_str common_name(const X509_NAME *name)
{
    int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    const X509_NAME_ENTRY *entry = index >= 0 ? X509_NAME_get_entry(name, index) : NULL;
    unsigned char *text = NULL;
    int len = entry ? ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry)) : 0;
    wr_str cn = copy(text, len > 0 ? (size_t)len : 0);
    OPENSSL_free(text);
    return cn;
}

static wr_str serial_of(const X509 *x)
{
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *hex = n ? BN_bn2hex(n) : NULL;
    size_t skip = hex && hex[0] == '-' ? 1 : 0;
    wr_str text = copy(hex ? hex + skip : "", hex ? strlen(hex + skip) : 0);
    for (size_t i = 0; i < text.len; i++) {
        char *c = (char *)(uintptr_t)text.at + i;
        *c = *c >= 'A' && *c <= 'F' ? (char)(*c + 32) : *c;
    }
    OPENSSL_free(hex);
    BN_free(n);
    return text;
}

static bool seconds_of(const ASN1_TIME *time, int64_t *seconds)
{
    struct tm tm;
    if (!time || ASN1_TIME_to_tm(time, &tm) != 1) {
        return false;
    }
    *seconds = (int64_t)timegm(&tm);
    return true;
}

static bool describe(struct wr_pki_cert *c)
{
    X509 *x = c->x509_;
    uint8_t digest[EVP_MAX_MD_SIZE];
    wr_assert(EVP_Digest(c->der.at, c->der.len, digest, NULL, EVP_sha256(), NULL) == 1);
    struct wr_buf hex = {0};
    wr_buf_add_hex(&hex, digest, WR_PKI_ID_LEN / 2);
    memcpy(c->id, hex.at, WR_PKI_ID_LEN);
    wr_buf_release(&hex);
    c->subject = wr_pki_name_text(X509_get_subject_name(x));
    c->issuer = wr_pki_name_text(X509_get_issuer_name(x));
    c->subject_der = name_der(X509_get_subject_name(x));
    c->issuer_der = name_der(X509_get_issuer_name(x));
    c->common_name = common_name(X509_get_subject_name(x));
    c->serial = serial_of(x);
    EVP_PKEY *pkey = X509_get0_pubkey(x);
    c->kind = pkey ? wr_pki_kind_of(pkey) : WR_PKI_OTHER;
    c->bits = pkey ? (unsigned)EVP_PKEY_get_bits(pkey) : 0;
    c->is_authority = X509_check_ca(x) == 1;
    c->self_signed = pkey && X509_check_issued(x, x) == X509_V_OK && X509_verify(x, pkey) == 1;
    return seconds_of(X509_get0_notBefore(x), &c->not_before) &&
           seconds_of(X509_get0_notAfter(x), &c->not_after);
}

// `der` is taken.
static wr_err read_der(struct wr_buf *der, struct wr_pki_cert *cert, struct wr_fault *fault)
{
    struct wr_pki_cert c = {.der = *der};
    const unsigned char *at = (const unsigned char *)c.der.at;
    ERR_clear_error();
    c.x509_ = d2i_X509(NULL, &at, (long)c.der.len);
    wr_err err = WR_OK;
    if (!c.x509_) {
        err = wr_pki_fault(fault, WR_ERR_SYNTAX, "the certificate is damaged");
    } else if (at != (const unsigned char *)c.der.at + c.der.len) {
        err = wr_fault_set(fault, WR_ERR_SYNTAX,
                           "the certificate is followed by %zu bytes that do not belong to it",
                           c.der.len - (size_t)(at - (const unsigned char *)c.der.at));
    } else if (!describe(&c)) {
        err = wr_fault_set(fault, WR_ERR_SYNTAX, "the certificate's validity is not a time");
    }
    ERR_clear_error(); // a signature that does not fit leaves one
    if (err) {
        wr_pki_cert_release(&c);
        return err;
    }
    *cert = c;
    return WR_OK;
}

wr_err wr_pki_cert_read(wr_str pem, struct wr_pki_cert *cert, struct wr_fault *fault)
{
    if (pem.len > WR_PKI_CERT_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "a certificate of %zu characters, at most %d",
                            pem.len, WR_PKI_CERT_MAX);
    }
    struct wr_buf der = {0};
    wr_str label;
    wr_err err = wr_pem_read(pem, "a certificate", &label, &der, fault);
    if (!err && !wr_str_eq(label, WR_STR("CERTIFICATE"))) {
        err = wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                           "found '-----BEGIN %.*s-----', expected '-----BEGIN CERTIFICATE-----'",
                           WR_STR_ARG(label));
    }
    if (err) {
        wr_buf_release(&der);
        return err;
    }
    return read_der(&der, cert, fault);
}

wr_err wr_pki_cert_read_der(wr_str der, struct wr_pki_cert *cert, struct wr_fault *fault)
{
    if (der.len > WR_PKI_CERT_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "a certificate of %zu bytes, at most %d", der.len,
                            WR_PKI_CERT_MAX);
    }
    struct wr_buf mine = {0};
    wr_buf_add(&mine, der);
    return read_der(&mine, cert, fault);
}

void wr_pki_cert_release(struct wr_pki_cert *cert)
{
    drop(&cert->subject);
    drop(&cert->issuer);
    drop(&cert->subject_der);
    drop(&cert->issuer_der);
    drop(&cert->common_name);
    drop(&cert->serial);
    X509_free(cert->x509_);
    wr_buf_release(&cert->der);
    *cert = (struct wr_pki_cert){.id = ""};
}

void wr_pki_cert_pem(const struct wr_pki_cert *cert, struct wr_buf *out)
{
    wr_pem_write(out, "CERTIFICATE", wr_buf_str(&cert->der));
}

// The signature's algorithm, by what it is made of.
static wr_err check_signature(const struct wr_pki_cert *cert, const char *what,
                              struct wr_fault *fault)
{
    int digest = NID_undef, key = NID_undef;
    ERR_clear_error();
    bool known = X509_get_signature_info(cert->x509_, &digest, &key, NULL, NULL) == 1;
    ERR_clear_error();
    bool sha2 = digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512;
    bool pair = key == NID_rsaEncryption || key == NID_rsassaPss || key == NID_X9_62_id_ecPublicKey;
    if (known && ((sha2 && pair) || (digest == NID_sha256 && key == NID_dsa))) {
        return WR_OK;
    }
    const char *name = OBJ_nid2ln(X509_get_signature_nid(cert->x509_));
    return wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                        "%s is signed with %s, expected SHA-256, SHA-384 or SHA-512 with RSA or "
                        "ECDSA, or SHA-256 with DSA",
                        what, name ? name : "something unknown");
}

static wr_err check(const struct wr_pki_cert *cert, const char *what, struct wr_fault *fault)
{
    const EVP_PKEY *pkey = X509_get0_pubkey(cert->x509_);
    if (!pkey) {
        return wr_pki_fault(fault, WR_ERR_UNSUPPORTED, "the certificate's key cannot be read");
    }
    wr_err err = wr_pki_kind_check(pkey, what, fault);
    return err ? err : check_signature(cert, what, fault);
}

wr_err wr_pki_cert_check_device(const struct wr_pki_cert *cert, struct wr_fault *fault)
{
    return check(cert, "the certificate", fault);
}

wr_err wr_pki_cert_check_authority(const struct wr_pki_cert *cert, struct wr_fault *fault)
{
    if (!cert->is_authority) {
        return wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                            "the certificate is no CA: expected version 3 with basicConstraints "
                            "CA:TRUE, and keyUsage, if there, with keyCertSign");
    }
    return check(cert, "the CA certificate", fault);
}

bool wr_pki_cert_signed_by(const struct wr_pki_cert *cert, const struct wr_pki_cert *authority)
{
    EVP_PKEY *pkey = X509_get0_pubkey(authority->x509_);
    bool yes = pkey && X509_check_issued(authority->x509_, cert->x509_) == X509_V_OK &&
               X509_verify(cert->x509_, pkey) == 1;
    ERR_clear_error();
    return yes;
}

bool wr_pki_cert_is_of(const struct wr_pki_cert *cert, const struct wr_pki_key *key)
{
    const EVP_PKEY *pkey = X509_get0_pubkey(cert->x509_);
    bool yes = pkey && EVP_PKEY_eq(pkey, key->pkey) == 1;
    ERR_clear_error();
    return yes;
}
