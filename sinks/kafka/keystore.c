// Stores: which kind it is, and its certificates and key as PEM.
#include "sinks/kafka/keystore.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define ENTRIES_MAX  10000 // of a JKS store; what is read may be damaged
#define PASSWORD_MAX 512   // bytes

static const unsigned char jks_magic[4] = {0xfe, 0xed, 0xfe, 0xed};
static const unsigned char jceks_magic[4] = {0xce, 0xce, 0xce, 0xce};

// What a store holds. Owned.
struct content {
    STACK_OF(X509) * certs; // trusted ones, or the key's chain, the key's own first
    EVP_PKEY *key;
    bool wants_key;        // else keys stay locked
    OSSL_LIB_CTX *context; // that the others refer to; NULL: the process's
    OSSL_PROVIDER *providers[2];
};

static void content_release(struct content *c)
{
    sk_X509_pop_free(c->certs, X509_free);
    EVP_PKEY_free(c->key);
    for (size_t i = 0; i < WR_COUNT(c->providers); i++) {
        if (c->providers[i]) {
            OSSL_PROVIDER_unload(c->providers[i]);
        }
    }
    OSSL_LIB_CTX_free(c->context);
}

// OpenSSL keeps errors per thread; the last says most.
static const char *openssl_reason(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return reason ? reason : "no reason given";
}

static void add_cert(struct content *c, X509 *cert)
{
    if (!sk_X509_push(c->certs, cert)) {
        wr_out_of_memory(sizeof cert);
    }
}

// ---- PEM

static int give_password(char *to, int size, int writing, void *user)
{
    const wr_str *password = user;
    if (password->len > (size_t)size) {
        return -1;
    }
    memcpy(to, password->at ? password->at : "", password->len);
    return (int)password->len;
}

static wr_err read_pem(wr_str store, wr_str password, struct content *c, struct wr_fault *fault)
{
    BIO *bio = BIO_new_mem_buf(store.at, (int)store.len);
    for (X509 *cert; (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL));) {
        add_cert(c, cert);
    }
    ERR_clear_error(); // the end
    BIO_free(bio);
    bio = BIO_new_mem_buf(store.at, (int)store.len);
    c->key = PEM_read_bio_PrivateKey(bio, NULL, give_password, &password);
    bool locked = !c->key && wr_str_find(store, WR_STR("PRIVATE KEY-----")) >= 0;
    BIO_free(bio);
    if (locked) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "the key cannot be read, is the password right? (%s)",
                            openssl_reason());
    }
    ERR_clear_error();
    return WR_OK;
}

// ---- PKCS#12

// Stores that Java made before version 17 are locked with old ciphers, which OpenSSL has in a
// provider of its own: in a context of our own, so that nothing else may use them.
static void open_context(struct content *c)
{
    c->context = OSSL_LIB_CTX_new();
    if (!c->context) {
        wr_out_of_memory(sizeof c->context);
    }
    c->providers[0] = OSSL_PROVIDER_load(c->context, "default");
    c->providers[1] = OSSL_PROVIDER_load(c->context, "legacy"); // may not be there
    ERR_clear_error();
}

static wr_err read_pkcs12(wr_str store, wr_str password, struct content *c, struct wr_fault *fault)
{
    char text[PASSWORD_MAX + 1];
    memcpy(text, password.at ? password.at : "", password.len);
    text[password.len] = '\0';
    open_context(c);
    PKCS12 *p12 = PKCS12_init_ex(NID_pkcs7_data, c->context, NULL);
    BIO *bio = BIO_new_mem_buf(store.at, (int)store.len);
    X509 *own = NULL;
    STACK_OF(X509) *others = NULL;
    wr_err err = WR_OK;
    if (!p12 || !d2i_PKCS12_bio(bio, &p12)) {
        err = wr_fault_set(fault, WR_ERR_CORRUPT, "a damaged PKCS#12 store (%s)", openssl_reason());
    } else if (!PKCS12_parse(p12, text, &c->key, &own, &others)) {
        err = wr_fault_set(fault, WR_ERR_FAILED,
                           "the PKCS#12 store cannot be unlocked, is the password right? (%s)",
                           openssl_reason());
    }
    if (own) {
        add_cert(c, own);
    }
    for (int i = 0; i < sk_X509_num(others); i++) {
        X509_up_ref(sk_X509_value(others, i));
        add_cert(c, sk_X509_value(others, i));
    }
    sk_X509_pop_free(others, X509_free);
    OPENSSL_cleanse(text, sizeof text);
    BIO_free(bio);
    PKCS12_free(p12);
    return err;
}

// ---- JKS: numbers big-endian, texts with two bytes of length
//
//   magic u32 │ version u32 │ count u32 │ entries │ SHA-1 of password, "Mighty Aphrodite", the rest
//   entry: tag u32 │ alias │ time u64 │ 1: key │ chain     2: certificate

struct reader {
    const unsigned char *at, *end;
    bool bad;
};

static const unsigned char *take(struct reader *r, size_t len)
{
    if (r->bad || (size_t)(r->end - r->at) < len) {
        r->bad = true;
        return NULL;
    }
    r->at += len;
    return r->at - len;
}

static uint32_t take_number(struct reader *r, size_t bytes)
{
    const unsigned char *at = take(r, bytes);
    uint32_t n = 0;
    for (size_t i = 0; at && i < bytes; i++) {
        n = n << 8 | at[i];
    }
    return n;
}

static X509 *take_cert(struct reader *r)
{
    (void)take(r, take_number(r, 2)); // "X.509"
    uint32_t len = take_number(r, 4);
    const unsigned char *at = take(r, len);
    X509 *cert = at ? d2i_X509(NULL, &at, (long)len) : NULL;
    r->bad = r->bad || !cert;
    return cert;
}

// The password as JKS takes it: UTF-16, big end first. Its length in bytes, 0: it is no text.
static size_t wide_password(wr_str password, unsigned char to[2 * PASSWORD_MAX])
{
    size_t len = 0;
    for (size_t at = 0; at < password.len;) {
        uint32_t c = wr_utf8_next(password, &at);
        if (c > 0xffff) {
            c -= 0x10000;
            uint32_t high = 0xd800 + (c >> 10);
            to[len++] = (unsigned char)(high >> 8);
            to[len++] = (unsigned char)high;
            c = 0xdc00 + (c & 0x3ff);
        }
        to[len++] = (unsigned char)(c >> 8);
        to[len++] = (unsigned char)c;
    }
    return len;
}

static void sha1(unsigned char out[SHA_DIGEST_LENGTH], const void *a, size_t a_len, const void *b,
                 size_t b_len, const void *c, size_t c_len)
{
    EVP_MD_CTX *x = EVP_MD_CTX_new();
    wr_assert(x && EVP_DigestInit_ex(x, EVP_sha1(), NULL) && EVP_DigestUpdate(x, a, a_len) &&
              EVP_DigestUpdate(x, b, b_len) && EVP_DigestUpdate(x, c, c_len) &&
              EVP_DigestFinal_ex(x, out, NULL));
    EVP_MD_CTX_free(x);
}

// Sun's own protection of a key: salt, the key under a stream of digests, a digest of password and
// key. `at` is overwritten with the key.
static bool unlock_jks_key(unsigned char *at, size_t len, wr_str password)
{
    unsigned char wide[2 * PASSWORD_MAX], stream[SHA_DIGEST_LENGTH], check[SHA_DIGEST_LENGTH];
    size_t wide_len = wide_password(password, wide), size = len - 2 * SHA_DIGEST_LENGTH;
    unsigned char *key = at + SHA_DIGEST_LENGTH;
    memcpy(stream, at, sizeof stream);
    for (size_t i = 0; i < size; i++) {
        if (i % sizeof stream == 0) {
            sha1(stream, wide, wide_len, stream, sizeof stream, "", 0);
        }
        key[i] ^= stream[i % sizeof stream];
    }
    sha1(check, wide, wide_len, key, size, "", 0);
    OPENSSL_cleanse(wide, sizeof wide);
    return memcmp(check, key + size, sizeof check) == 0;
}

static EVP_PKEY *take_jks_key(struct reader *r, wr_str password, bool *locked)
{
    uint32_t len = take_number(r, 4);
    const unsigned char *at = take(r, len);
    X509_SIG *sig = at ? d2i_X509_SIG(NULL, &at, (long)len) : NULL;
    const ASN1_OCTET_STRING *octets = NULL;
    const X509_ALGOR *algorithm;
    EVP_PKEY *key = NULL;
    if (sig) {
        X509_SIG_get0(sig, &algorithm, &octets);
    }
    size_t size = octets ? (size_t)ASN1_STRING_length(octets) : 0;
    if (size > 2 * SHA_DIGEST_LENGTH) {
        unsigned char *copy = wr_alloc(size);
        memcpy(copy, ASN1_STRING_get0_data(octets), size);
        *locked = !unlock_jks_key(copy, size, password);
        const unsigned char *plain = copy + SHA_DIGEST_LENGTH;
        key =
            *locked ? NULL : d2i_AutoPrivateKey(NULL, &plain, (long)(size - 2 * SHA_DIGEST_LENGTH));
        OPENSSL_cleanse(copy, size);
        free(copy);
    }
    r->bad = r->bad || (!key && !*locked);
    X509_SIG_free(sig);
    return key;
}

static void read_jks_entry(struct reader *r, wr_str key_password, struct content *c, bool *locked)
{
    uint32_t tag = take_number(r, 4);
    (void)take(r, take_number(r, 2)); // alias
    (void)take(r, 8);                 // time
    uint32_t count = 1;
    bool wanted = true;
    if (tag == 1 && c->wants_key && !c->key) {
        c->key = take_jks_key(r, key_password, locked);
        count = take_number(r, 4);
    } else if (tag == 1) {
        (void)take(r, take_number(r, 4));
        wanted = !c->wants_key;
        count = take_number(r, 4);
    } else if (tag != 2) {
        r->bad = true;
    }
    for (uint32_t i = 0; i < count && !r->bad && !*locked; i++) {
        X509 *cert = take_cert(r);
        if (cert && wanted) {
            add_cert(c, cert);
        } else {
            X509_free(cert);
        }
    }
}

static wr_err read_jks(wr_str store, wr_str password, wr_str key_password, struct content *c,
                       struct wr_fault *fault)
{
    static const char aphrodite[] = "Mighty Aphrodite";
    if (store.len < 12 + SHA_DIGEST_LENGTH) {
        return wr_fault_set(fault, WR_ERR_CORRUPT, "a damaged JKS store");
    }
    const unsigned char *bytes = (const unsigned char *)store.at;
    size_t len = store.len - SHA_DIGEST_LENGTH;
    if (password.len > 0) {
        unsigned char wide[2 * PASSWORD_MAX + sizeof aphrodite], digest[SHA_DIGEST_LENGTH];
        size_t wide_len = wide_password(password, wide);
        sha1(digest, wide, wide_len, aphrodite, sizeof aphrodite - 1, bytes, len);
        OPENSSL_cleanse(wide, sizeof wide);
        if (memcmp(digest, bytes + len, sizeof digest) != 0) {
            return wr_fault_set(fault, WR_ERR_FAILED,
                                "the JKS store is damaged, or the password is wrong");
        }
    }
    struct reader r = {.at = bytes + 4, .end = bytes + len};
    uint32_t version = take_number(&r, 4), count = take_number(&r, 4);
    bool locked = false;
    if (version != 2 || count > ENTRIES_MAX) {
        return wr_fault_set(fault, WR_ERR_UNSUPPORTED, "a JKS store of version %u with %u entries",
                            (unsigned)version, (unsigned)count);
    }
    for (uint32_t i = 0; i < count && !r.bad && !locked; i++) {
        read_jks_entry(&r, key_password, c, &locked);
    }
    ERR_clear_error();
    if (locked) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "the key cannot be unlocked, is ssl.key.password right?");
    }
    return r.bad ? wr_fault_set(fault, WR_ERR_CORRUPT, "a damaged JKS store") : WR_OK;
}

// ---- any of them

static wr_err read_known(wr_str store, wr_str password, wr_str key_password, struct content *c,
                         bool *known, struct wr_fault *fault)
{
    *known = true;
    if (wr_str_find(store, WR_STR("-----BEGIN ")) >= 0) {
        return read_pem(store, key_password, c, fault);
    }
    if (store.len >= 4 && memcmp(store.at, jks_magic, 4) == 0) {
        return read_jks(store, password, key_password, c, fault);
    }
    if (store.len >= 4 && memcmp(store.at, jceks_magic, 4) == 0) {
        return wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                            "a JCEKS store; expected PKCS#12, JKS or PEM: keytool "
                            "-importkeystore -deststoretype pkcs12 makes one of it");
    }
    if (store.len >= 4 && store.at[0] == 0x30) { // a SEQUENCE
        return read_pkcs12(store, password, c, fault);
    }
    *known = false;
    return WR_OK;
}

static bool unbase64(wr_str text, struct wr_buf *out)
{
    struct wr_buf tight = {0};
    for (size_t i = 0; i < text.len; i++) {
        if (!memchr(" \t\r\n", text.at[i], 4)) {
            wr_buf_add_char(&tight, text.at[i]);
        }
    }
    bool good = wr_buf_add_unbase64(out, wr_buf_str(&tight));
    wr_buf_release(&tight);
    return good;
}

static wr_err read_store(wr_str store, wr_str password, wr_str key_password, struct content *c,
                         struct wr_fault *fault)
{
    c->certs = sk_X509_new_null();
    if (!c->certs) {
        wr_out_of_memory(sizeof c);
    }
    if (password.len > PASSWORD_MAX || key_password.len > PASSWORD_MAX ||
        !wr_utf8_valid(password) || !wr_utf8_valid(key_password)) {
        return wr_fault_set(fault, WR_ERR_LIMIT,
                            "a password of more than %d bytes or that is no text", PASSWORD_MAX);
    }
    bool known;
    wr_err err = read_known(store, password, key_password, c, &known, fault);
    if (known) {
        return err;
    }
    struct wr_buf bytes = {0};
    if (unbase64(store, &bytes)) {
        err = read_known(wr_buf_str(&bytes), password, key_password, c, &known, fault);
    }
    if (!known) {
        err = wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                           "%zu bytes that are no store; expected PKCS#12, JKS or PEM, as it is "
                           "or in base64",
                           store.len);
    }
    if (bytes.len) {
        OPENSSL_cleanse(bytes.at, bytes.len);
    }
    wr_buf_release(&bytes);
    return err;
}

static void add_bio(struct wr_buf *to, BIO *bio)
{
    char *at;
    long len = BIO_get_mem_data(bio, &at);
    wr_buf_add(to, (wr_str){at, (size_t)len});
    OPENSSL_cleanse(at, (size_t)len);
    BIO_free(bio);
}

static void add_certs(struct wr_buf *to, STACK_OF(X509) * certs)
{
    BIO *bio = BIO_new(BIO_s_mem());
    for (int i = 0; i < sk_X509_num(certs); i++) {
        wr_assert(PEM_write_bio_X509(bio, sk_X509_value(certs, i)));
    }
    add_bio(to, bio);
}

wr_err wr_keystore_trusted(wr_str store, wr_str password, struct wr_buf *pem,
                           struct wr_fault *fault)
{
    struct content c = {0};
    wr_err err = read_store(store, password, password, &c, fault);
    if (!err && sk_X509_num(c.certs) == 0) {
        err = wr_fault_set(fault, WR_ERR_MISSING, "a store without certificates");
    }
    if (!err) {
        add_certs(pem, c.certs);
    }
    content_release(&c);
    return err;
}

wr_err wr_keystore_identity(wr_str store, wr_str password, wr_str key_password,
                            struct wr_buf *chain_pem, struct wr_buf *key_pem,
                            struct wr_fault *fault)
{
    struct content c = {.wants_key = true};
    wr_err err = read_store(store, password, key_password.len ? key_password : password, &c, fault);
    if (!err && (!c.key || sk_X509_num(c.certs) == 0)) {
        err = wr_fault_set(fault, WR_ERR_MISSING, "a store without a key and its certificate");
    }
    if (!err && !X509_check_private_key(sk_X509_value(c.certs, 0), c.key)) {
        err = wr_fault_set(fault, WR_ERR_FAILED,
                           "the store's first certificate is not that of its key");
        ERR_clear_error();
    }
    if (!err) {
        add_certs(chain_pem, c.certs);
        BIO *bio = BIO_new(BIO_s_mem());
        wr_assert(PEM_write_bio_PrivateKey(bio, c.key, NULL, NULL, 0, NULL, NULL));
        add_bio(key_pem, bio);
    }
    content_release(&c);
    return err;
}
