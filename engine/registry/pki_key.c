// Key pairs: made, read, written.
#include "engine/registry/pki.h"

#include "engine/registry/pem.h"
#include "engine/registry/pki_parts.h"
#include "engine/registry/secret.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdlib.h>
#include <string.h>

#include "sql/base/banned.h"

#define PASSPHRASE_MIN 4 // what OpenSSL's command line accepts
#define PASSPHRASE_MAX 1024
#define PBKDF2_ROUNDS  600000 // OWASP's figure of 2023 for HMAC-SHA-256
#define PEM_OF_KEY_MAX 8192

const char *wr_pki_kind_text(enum wr_pki_kind kind)
{
    static const char *const texts[] = {
#define KIND(name, text) text,
        WR_PKI_KIND_MAP(KIND)
#undef KIND
    };
    return texts[kind];
}

wr_err wr_pki_fault(struct wr_fault *fault, wr_err code, const char *text)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = error ? ERR_reason_error_string(error) : NULL;
    ERR_clear_error();
    return wr_fault_set(fault, code, "%s%s%s", text, reason ? ": " : "", reason ? reason : "");
}

enum wr_pki_kind wr_pki_kind_of(const EVP_PKEY *pkey)
{
    // An RSA key that is bound to PSS signs nothing in TLS 1.2 of older devices, but is an RSA key.
    if (EVP_PKEY_is_a(pkey, "RSA") || EVP_PKEY_is_a(pkey, "RSA-PSS")) {
        return WR_PKI_RSA;
    }
    if (EVP_PKEY_is_a(pkey, "DSA")) {
        return WR_PKI_DSA;
    }
    char curve[64];
    size_t len = 0;
    int spelt_out = 0;
    if (!EVP_PKEY_is_a(pkey, "EC") ||
        EVP_PKEY_get_group_name(pkey, curve, sizeof curve, &len) != 1) {
        return WR_PKI_OTHER;
    }
    // A curve that is spelt out may pretend to be another (CVE-2020-0601).
    if (EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &spelt_out) ==
            1 &&
        spelt_out) {
        return WR_PKI_OTHER;
    }
    wr_str name = {curve, len};
    return wr_str_eq(name, WR_STR("prime256v1"))  ? WR_PKI_P256
           : wr_str_eq(name, WR_STR("secp384r1")) ? WR_PKI_P384
           : wr_str_eq(name, WR_STR("secp521r1")) ? WR_PKI_P521
                                                  : WR_PKI_OTHER;
}

wr_err wr_pki_kind_check(const EVP_PKEY *pkey, const char *what, struct wr_fault *fault)
{
    enum wr_pki_kind kind = wr_pki_kind_of(pkey);
    int bits = EVP_PKEY_get_bits(pkey);
    switch (kind) {
    case WR_PKI_RSA:
        if (bits >= WR_PKI_RSA_BITS_MIN && bits <= WR_PKI_RSA_BITS_MAX) {
            return WR_OK;
        }
        return wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                            "%s has an RSA key of %d bits, expected %d to %d", what, bits,
                            WR_PKI_RSA_BITS_MIN, WR_PKI_RSA_BITS_MAX);
    case WR_PKI_P256:
    case WR_PKI_P384:
    case WR_PKI_P521:
        return WR_OK;
    case WR_PKI_DSA:
    case WR_PKI_OTHER:
        break;
    }
    const char *name = EVP_PKEY_get0_type_name(pkey);
    return wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                        "%s has a key of type %s (%d bits), expected RSA of at least %d bits or a "
                        "named curve P-256, P-384 or P-521",
                        what, name ? name : "unknown", bits, WR_PKI_RSA_BITS_MIN);
}

static struct wr_pki_key *key_of(EVP_PKEY *pkey)
{
    struct wr_pki_key *key = wr_zalloc(sizeof *key);
    key->pkey = pkey;
    return key;
}

wr_err wr_pki_key_new(enum wr_pki_kind kind, struct wr_pki_key **key, struct wr_fault *fault)
{
    wr_assert(kind == WR_PKI_RSA || kind == WR_PKI_P256 || kind == WR_PKI_P384 ||
              kind == WR_PKI_P521);
    ERR_clear_error();
    EVP_PKEY *pkey =
        kind == WR_PKI_RSA ? EVP_RSA_gen(WR_PKI_RSA_BITS_MIN) : EVP_EC_gen(wr_pki_kind_text(kind));
    if (!pkey) {
        return wr_pki_fault(fault, WR_ERR_FAILED, "no key could be made");
    }
    *key = key_of(pkey);
    return WR_OK;
}

wr_err wr_pki_key_read(wr_str pem, struct wr_pki_key **key, struct wr_fault *fault)
{
    if (pem.len > WR_PKI_KEY_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "a private key of %zu characters, at most %d",
                            pem.len, WR_PKI_KEY_MAX);
    }
    struct wr_buf der = {0};
    wr_str label;
    wr_err err = wr_pem_read(pem, "a private key", &label, &der, fault);
    if (err) {
        wr_secret_release(&der);
        return err;
    }
    ERR_clear_error();
    const unsigned char *at = (const unsigned char *)der.at;
    long len = (long)der.len;
    EVP_PKEY *pkey = NULL;
    if (wr_str_eq(label, WR_STR("PRIVATE KEY")) || wr_str_eq(label, WR_STR("RSA PRIVATE KEY")) ||
        wr_str_eq(label, WR_STR("EC PRIVATE KEY"))) {
        pkey = d2i_AutoPrivateKey(NULL, &at, len);
        bool whole = pkey && at == (const unsigned char *)der.at + len;
        err = whole ? WR_OK : wr_pki_fault(fault, WR_ERR_SYNTAX, "the private key is damaged");
    } else {
        err = wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                           "found '-----BEGIN %.*s-----', expected a private key that is not "
                           "encrypted",
                           WR_STR_ARG(label));
    }
    wr_secret_release(&der);
    if (err) {
        EVP_PKEY_free(pkey);
        return err;
    }
    *key = key_of(pkey);
    return WR_OK;
}

void wr_pki_key_free(struct wr_pki_key *key)
{
    if (key) {
        EVP_PKEY_free(key->pkey);
        free(key);
    }
}

enum wr_pki_kind wr_pki_key_kind(const struct wr_pki_key *key)
{
    return wr_pki_kind_of(key->pkey);
}

// What stands in `bio`, which ends here; a secret one wipes itself.
static void take_text(BIO *bio, struct wr_buf *out)
{
    char *at;
    long len = BIO_get_mem_data(bio, &at);
    wr_assert(len > 0 && wr_buf_reserve(out, PEM_OF_KEY_MAX + (size_t)len));
    wr_buf_add(out, (wr_str){at, (size_t)len});
    BIO_free_all(bio);
}

void wr_pki_key_private(const struct wr_pki_key *key, enum wr_pki_form form, struct wr_buf *out)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    wr_assert(bio);
    int ok = form == WR_PKI_TRADITIONAL
                 ? PEM_write_bio_PrivateKey_traditional(bio, key->pkey, NULL, NULL, 0, NULL, NULL)
                 : PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL);
    wr_assert(ok == 1);
    take_text(bio, out);
}

wr_err wr_pki_key_private_encrypted(const struct wr_pki_key *key, wr_str passphrase,
                                    struct wr_buf *out, struct wr_fault *fault)
{
    if (passphrase.len < PASSPHRASE_MIN || passphrase.len > PASSPHRASE_MAX ||
        memchr(passphrase.at, 0, passphrase.len)) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "a pass phrase has %d to %d bytes and no NUL, found %zu bytes",
                            PASSPHRASE_MIN, PASSPHRASE_MAX, passphrase.len);
    }
    uint8_t salt[16];
    wr_secret_random(salt, sizeof salt);
    ERR_clear_error();
    X509_ALGOR *how = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), PBKDF2_ROUNDS, salt, sizeof salt, NULL,
                                        NID_hmacWithSHA256);
    PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key->pkey);
    X509_SIG *sealed =
        how && plain ? PKCS8_set0_pbe(passphrase.at, (int)passphrase.len, plain, how) : NULL;
    PKCS8_PRIV_KEY_INFO_free(plain);
    BIO *bio = BIO_new(BIO_s_mem());
    // set0: the algorithm is the signature's once that is made.
    if (!sealed || !bio || PEM_write_bio_PKCS8(bio, sealed) != 1) {
        if (!sealed) {
            X509_ALGOR_free(how);
        }
        X509_SIG_free(sealed);
        BIO_free_all(bio);
        return wr_pki_fault(fault, WR_ERR_FAILED, "the private key could not be encrypted");
    }
    X509_SIG_free(sealed);
    take_text(bio, out);
    return WR_OK;
}

void wr_pki_key_public(const struct wr_pki_key *key, struct wr_buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    wr_assert(bio && PEM_write_bio_PUBKEY(bio, key->pkey) == 1);
    take_text(bio, out);
}
