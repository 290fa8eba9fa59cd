// Java's stores as PEM: the same key and certificates from every kind, and what is said of stores
// that are damaged, locked or none. argv[1]: the folder of the stores, which openssl and keytool
// made.
#include "sinks/kafka/keystore.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

static const char *folder;

static struct wr_buf load(const char *name)
{
    char path[512], bytes[4096];
    struct wr_buf b = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f) {
        CASE_FAIL(name, "cannot be read");
    }
    wr_buf_add(&b, (wr_str){bytes, fread(bytes, 1, sizeof bytes, f)});
    fclose(f);
    return b;
}

// Certificates of `pem` in their order, as they are in ca.pem and client.pem.
static void must_hold(const char *name, const struct wr_buf *pem, const char *const *certs)
{
    struct wr_buf want = {0};
    for (size_t i = 0; certs[i]; i++) {
        struct wr_buf one = load(certs[i]);
        wr_buf_add(&want, wr_buf_str(&one));
        wr_buf_release(&one);
    }
    CHECK_STR(name, wr_buf_str(pem), wr_buf_str(&want));
    wr_buf_release(&want);
}

static const char *const chain[] = {"client.pem", "ca.pem", NULL};
static const char *const ca[] = {"ca.pem", NULL};

static const struct {
    const char *file, *password, *key_password;
    const char *const *certs;
} identities[] = {
    {"client.p12", "changeit", "", chain},
    {"client-legacy.p12", "changeit", "", chain}, // RC2 and 3DES, as Java before 17 has it
    {"client.jks", "changeit", "keypass", chain},
    {"client-locked.pem", "", "keypass", chain},
};

static void a_key_and_its_chain_come_out(void **state)
{
    for (size_t i = 0; i < WR_COUNT(identities); i++) {
        struct wr_buf store = load(identities[i].file), base64 = {0};
        wr_buf_add_base64(&base64, wr_buf_str(&store));
        wr_buf_add_char(&base64, '\n');
        for (int encoded = 0; encoded < 2; encoded++) {
            struct wr_buf certs = {0}, key = {0};
            struct wr_fault fault = {0};
            wr_err err = wr_keystore_identity(
                wr_buf_str(encoded ? &base64 : &store), wr_str_of(identities[i].password),
                wr_str_of(identities[i].key_password), &certs, &key, &fault);
            CHECK_STR(identities[i].file, wr_str_of(fault.text), S(""));
            CHECK_INT(identities[i].file, err, WR_OK);
            must_hold(identities[i].file, &certs, identities[i].certs);
            // The key fits: reading back checked it. It is not locked any more.
            BIO *bio = BIO_new_mem_buf(key.at, (int)key.len);
            EVP_PKEY *k = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
            CHECK(identities[i].file, k != NULL);
            EVP_PKEY_free(k);
            BIO_free(bio);
            wr_buf_release(&certs);
            wr_buf_release(&key);
        }
        wr_buf_release(&store);
        wr_buf_release(&base64);
    }
}

static void trusted_certificates_come_out(void **state)
{
    static const struct {
        const char *file, *password;
        const char *const *certs;
    } cases[] = {
        {"trust.p12", "changeit", ca}, {"trust.jks", "changeit", ca},
        {"trust.jks", "", ca},         {"ca.pem", "", ca},
        {"client.jks", "", chain}, // the key stays locked
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf store = load(cases[i].file), pem = {0};
        struct wr_fault fault = {0};
        CHECK_INT(
            cases[i].file,
            wr_keystore_trusted(wr_buf_str(&store), wr_str_of(cases[i].password), &pem, &fault),
            WR_OK);
        must_hold(cases[i].file, &pem, cases[i].certs);
        wr_buf_release(&store);
        wr_buf_release(&pem);
    }
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *file, *password, *key_password, *text;
    } cases[] = {
        {"client.p12", "wrong", "", "the PKCS#12 store cannot be unlocked, is the password right?"},
        {"client.jks", "wrong", "keypass", "the JKS store is damaged, or the password is wrong"},
        {"client.jks", "changeit", "", "the key cannot be unlocked, is ssl.key.password right?"},
        {"client-locked.pem", "", "wrong", "the key cannot be read, is the password right?"},
        {"trust.p12", "changeit", "", "a store without a key and its certificate"},
        {"trust.jks", "changeit", "", "a store without a key and its certificate"},
        {"ca.pem", "", "", "a store without a key and its certificate"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf store = load(cases[i].file), certs = {0}, key = {0};
        struct wr_fault fault = {0};
        wr_err err = wr_keystore_identity(wr_buf_str(&store), wr_str_of(cases[i].password),
                                          wr_str_of(cases[i].key_password), &certs, &key, &fault);
        CHECK(cases[i].file, err != WR_OK && certs.len == 0 && key.len == 0);
        if (!wr_str_starts(wr_str_of(fault.text), wr_str_of(cases[i].text))) {
            CASE_FAIL(cases[i].file, "'%s', wanted '%s'", fault.text, cases[i].text);
        }
        wr_buf_release(&store);
    }
    static const struct {
        const char *name;
        wr_str store;
    } no_stores[] = {
        {"empty", WR_STR_INIT("")},
        {"text", WR_STR_INIT("not a store")},
        {"base64 of text", WR_STR_INIT("bm90IGEgc3RvcmU=")},
        {"JCEKS", WR_STR_INIT("\xce\xce\xce\xce\0\0\0\2")},
        {"a sequence", WR_STR_INIT("\x30\x82\xff\xff")},
        {"JKS, cut", WR_STR_INIT("\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1")},
        {"PEM, empty", WR_STR_INIT("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")},
    };
    for (size_t i = 0; i < WR_COUNT(no_stores); i++) {
        struct wr_buf pem = {0};
        struct wr_fault fault = {0};
        wr_err err = wr_keystore_trusted(no_stores[i].store, S("p"), &pem, &fault);
        CHECK(no_stores[i].name, err != WR_OK && fault.text[0] != '\0');
    }
}

// No byte of a store, changed or cut, may do more than fail.
static void damaged_stores_do_no_harm(void **state)
{
    for (size_t i = 0; i < WR_COUNT(identities); i++) {
        struct wr_buf store = load(identities[i].file);
        size_t step = wr_str_ends(wr_str_of(identities[i].file), S(".p12")) ? 37 : 3;
        for (size_t at = 0; at < store.len; at += step) {
            for (int cut = 0; cut < 2; cut++) {
                struct wr_buf bad = {0}, certs = {0}, key = {0};
                wr_buf_add(&bad, (wr_str){store.at, cut ? at : store.len});
                if (!cut) {
                    bad.at[at] = (char)(bad.at[at] ^ 0x85);
                }
                (void)!wr_keystore_identity(wr_buf_str(&bad), S(""),
                                            wr_str_of(identities[i].key_password), &certs, &key,
                                            NULL);
                wr_buf_release(&certs);
                wr_buf_release(&key);
                wr_buf_release(&bad);
            }
        }
        wr_buf_release(&store);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        T(a_key_and_its_chain_come_out),
        T(trusted_certificates_come_out),
        T(what_is_wrong_is_said),
        T(damaged_stores_do_no_harm),
    };
    folder = argc > 1 ? argv[1] : ".";
    return TEST_MAIN(tests);
}
