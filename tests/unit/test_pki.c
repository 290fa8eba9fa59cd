// Key pairs, certificates and requests: against files that openssl made (argument:
// tests/fuzz/seeds/pem) and against openssl, which reads what weir makes.
#include "engine/registry/pki.h"

#include "engine/registry/pem.h"
#include "engine/registry/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

static const char *seeds;
static char folder[] = "/tmp/weir-pki-XXXXXX";

static struct wr_buf file(const char *from, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", from, name);
    struct wr_buf b = {0};
    FILE *f = fopen(path, "rbe");
    CHECK(path, f);
    char *to = wr_buf_reserve(&b, 100000);
    b.len = to ? fread(to, 1, 100000, f) : 0;
    fclose(f);
    return b;
}

static void write_file(const char *name, wr_str content)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wbe");
    CHECK(path, f && fwrite(content.at, 1, content.len, f) == content.len);
    fclose(f);
}

// What `openssl …` says, in the folder of what was written; NULL when it fails. Until the next
// call.
static const char *openssl(const char *arguments)
{
    static char out[65536];
    char command[1024];
    snprintf(command, sizeof command, "cd %s && openssl %s 2>&1", folder, arguments);
    FILE *p = popen(command, "re");
    size_t len = p ? fread(out, 1, sizeof out - 1, p) : 0;
    out[len] = 0;
    bool ok = p && pclose(p) == 0;
    if (!ok) {
        print_error("openssl %s: %s\n", arguments, out);
    }
    return ok ? out : NULL;
}

static bool openssl_says(const char *arguments, const char *text)
{
    const char *said = openssl(arguments);
    bool yes = said && strstr(said, text);
    if (!yes) {
        print_error("'%s' is not in what openssl %s says: %s\n", text, arguments, said ? said : "");
    }
    return yes;
}

static void test_certificates(void **state)
{
    static const struct {
        const char *name;
        wr_err read, check;
        enum wr_pki_kind kind;
        unsigned bits;
        const char *says;
    } cases[] = {
        {"cert_rsa2048.pem", 0, 0, WR_PKI_RSA, 2048, ""},
        {"cert_rsa4096.pem", 0, 0, WR_PKI_RSA, 4096, ""},
        {"cert_P-256.pem", 0, 0, WR_PKI_P256, 256, ""},
        {"cert_P-384.pem", 0, 0, WR_PKI_P384, 384, ""},
        {"cert_P-521.pem", 0, 0, WR_PKI_P521, 521, ""},
        {"cert_pss_signed.pem", 0, 0, WR_PKI_RSA, 2048, ""},
        {"cert_pss_key.pem", 0, 0, WR_PKI_RSA, 2048, ""},
        {"cert_with_text.pem", 0, 0, WR_PKI_P256, 256, ""},
        {"cert_one_line.pem", 0, 0, WR_PKI_P256, 256, ""},
        {"cert_crlf.pem", 0, 0, WR_PKI_P256, 256, ""},
        {"leaf_version1.pem", 0, 0, WR_PKI_P384, 384, ""},
        {"cert_rsa1024.pem", 0, WR_ERR_UNSUPPORTED, WR_PKI_RSA, 1024,
         "RSA key of 1024 bits, expected 2048"},
        {"cert_secp256k1.pem", 0, WR_ERR_UNSUPPORTED, WR_PKI_OTHER, 256, "named curve P-256"},
        {"cert_explicit.pem", 0, WR_ERR_UNSUPPORTED, WR_PKI_OTHER, 256, "named curve P-256"},
        {"cert_ed25519.pem", 0, WR_ERR_UNSUPPORTED, WR_PKI_OTHER, 256, "type ED25519"},
        {"cert_dsa.pem", 0, WR_ERR_UNSUPPORTED, WR_PKI_DSA, 2048, "type DSA"},
        {"cert_sha1.pem", 0, WR_ERR_UNSUPPORTED, WR_PKI_RSA, 2048,
         "signed with sha1WithRSAEncryption"},
        {"cert_sha224.pem", 0, WR_ERR_UNSUPPORTED, WR_PKI_RSA, 2048, "sha224WithRSA"},
        {"csr_P-256.pem", WR_ERR_UNSUPPORTED, 0, 0, 0, "found '-----BEGIN CERTIFICATE REQUEST"},
        {"key_pkcs8.pem", WR_ERR_UNSUPPORTED, 0, 0, 0, "expected '-----BEGIN CERTIFICATE-----'"},
        {"bad_two.pem", WR_ERR_SYNTAX, 0, 0, 0, "a second PEM block, expected a certificate alone"},
        {"bad_junk_behind.pem", WR_ERR_SYNTAX, 0, 0, 0, "text behind the PEM block"},
        {"bad_key_before.pem", WR_ERR_SYNTAX, 0, 0, 0, "a second PEM block"},
        {"bad_cut.pem", WR_ERR_SYNTAX, 0, 0, 0, "has no end"},
        {"bad_byte.pem", WR_ERR_SYNTAX, 0, 0, 0, "line 3, column 1: found byte 0x21"},
        {"bad_line_gone.pem", WR_ERR_SYNTAX, 0, 0, 0, "the certificate is damaged"},
        {"bad_end.pem", WR_ERR_SYNTAX, 0, 0, 0, "expected '-----END CERTIFICATE-----'"},
        {"bad_trusted.pem", WR_ERR_UNSUPPORTED, 0, 0, 0, "TRUSTED"},
        {"bad_text.pem", WR_ERR_MISSING, 0, 0, 0, "found no PEM block, expected a certificate"},
        {"bad_empty.pem", WR_ERR_SYNTAX, 0, 0, 0, "is empty"},
        {"bad_der_longer.pem", WR_ERR_SYNTAX, 0, 0, 0, "followed by 3 bytes"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf pem = file(seeds, cases[i].name);
        struct wr_pki_cert cert = {.id = ""};
        struct wr_fault fault = {0};
        wr_err err = wr_pki_cert_read(wr_buf_str(&pem), &cert, &fault);
        CHECK_INT(cases[i].name, err, cases[i].read);
        if (!err) {
            CHECK_INT(cases[i].name, cert.kind, cases[i].kind);
            CHECK_INT(cases[i].name, cert.bits, cases[i].bits);
            CHECK_INT(cases[i].name, wr_pki_cert_check_device(&cert, &fault), cases[i].check);
        }
        char said[WR_FAULT_TEXT_MAX + 64];
        snprintf(said, sizeof said, "line %u, column %u: %s", fault.line, fault.column, fault.text);
        if (!strstr(said, cases[i].says)) {
            CASE_FAIL(cases[i].name, "'%s' is not in '%s'", cases[i].says, said);
        }
        wr_pki_cert_release(&cert);
        wr_buf_release(&pem);
    }
}

static void test_described(void **state)
{
    struct wr_buf pem = file(seeds, "cert_P-256.pem"), leaf = file(seeds, "leaf_of_ca_rsa.pem");
    struct wr_buf root = file(seeds, "ca_rsa.pem"), other = file(seeds, "ca_may_not_sign.pem");
    struct wr_pki_cert c = {.id = ""}, l = {.id = ""}, r = {.id = ""}, o = {.id = ""};
    assert_int_equal(wr_pki_cert_read(wr_buf_str(&pem), &c, NULL), WR_OK);
    assert_int_equal(wr_pki_cert_read(wr_buf_str(&leaf), &l, NULL), WR_OK);
    assert_int_equal(wr_pki_cert_read(wr_buf_str(&root), &r, NULL), WR_OK);
    assert_int_equal(wr_pki_cert_read(wr_buf_str(&other), &o, NULL), WR_OK);
    CHECK_STR("subject", c.subject, S("CN=P-256,O=Mü & Söhne\\, GmbH,C=DE"));
    CHECK_STR("common name", c.common_name, S("P-256"));
    CHECK("names", wr_str_eq(c.subject_der, c.issuer_der) && c.self_signed);
    CHECK_STR("serial", l.serial, S("0a1b2c"));
    CHECK_STR("issuer", l.issuer, S("CN=Root R"));
    CHECK("issuer's DER", wr_str_eq(l.issuer_der, r.subject_der) && !l.self_signed);
    // The id is what sha256sum says of the DER.
    write_file("c.pem", wr_buf_str(&pem));
    CHECK("id", openssl("x509 -in c.pem -outform DER -out c.der") &&
                    openssl_says("dgst -sha256 -r c.der", c.id));
    CHECK("lower case", strspn(c.id, "0123456789abcdef") == WR_PKI_ID_LEN);
    CHECK("authority", r.is_authority && r.self_signed && !l.is_authority && !o.is_authority);
    CHECK("signed", wr_pki_cert_signed_by(&l, &r) && wr_pki_cert_signed_by(&r, &r));
    CHECK("not signed", !wr_pki_cert_signed_by(&l, &o) && !wr_pki_cert_signed_by(&r, &l));
    struct wr_fault fault = {0};
    CHECK_INT(fault.text, wr_pki_cert_check_authority(&r, &fault), WR_OK);
    CHECK_INT("leaf", wr_pki_cert_check_authority(&l, &fault), WR_ERR_UNSUPPORTED);
    CHECK_INT("no keyCertSign", wr_pki_cert_check_authority(&o, &fault), WR_ERR_UNSUPPORTED);
    CHECK("says", strstr(fault.text, "CA:TRUE"));
    // What is written is what was read.
    struct wr_buf again = {0};
    wr_pki_cert_pem(&c, &again);
    CHECK_STR("canonical", wr_buf_str(&again), wr_buf_str(&pem));
    wr_pki_cert_release(&c);
    wr_pki_cert_release(&l);
    wr_pki_cert_release(&r);
    wr_pki_cert_release(&o);
    struct wr_buf *const all[] = {&pem, &leaf, &root, &other, &again};
    for (size_t i = 0; i < WR_COUNT(all); i++) {
        wr_buf_release(all[i]);
    }
}

static void test_requests(void **state)
{
    static const struct {
        const char *name;
        wr_err want;
        enum wr_pki_kind kind;
        const char *says;
    } cases[] = {
        {"csr_rsa2048.pem", WR_OK, WR_PKI_RSA, ""},
        {"csr_P-256.pem", WR_OK, WR_PKI_P256, ""},
        {"csr_P-384.pem", WR_OK, WR_PKI_P384, ""},
        {"csr_P-521.pem", WR_OK, WR_PKI_P521, ""},
        {"csr_sha1.pem", WR_OK, WR_PKI_RSA, ""},
        {"csr_keytool.pem", WR_OK, WR_PKI_P256, ""},
        {"csr_no_subject.pem", WR_OK, WR_PKI_P256, ""},
        {"csr_pss.pem", WR_OK, WR_PKI_RSA, ""},
        {"csr_rsa1024.pem", WR_ERR_UNSUPPORTED, 0, "an RSA key of 1024 bits"},
        {"csr_secp256k1.pem", WR_ERR_UNSUPPORTED, 0, "P-256, P-384 or P-521"},
        {"csr_explicit.pem", WR_ERR_UNSUPPORTED, 0, "named curve"},
        {"csr_ed25519.pem", WR_ERR_UNSUPPORTED, 0, "type ED25519"},
        {"csr_dsa.pem", WR_ERR_UNSUPPORTED, 0, "type DSA"},
        {"csr_bad_signature.pem", WR_ERR_DENIED, 0, "not signed with its own key"},
        {"cert_P-256.pem", WR_ERR_UNSUPPORTED, 0, "expected '-----BEGIN CERTIFICATE REQUEST"},
        {"bad_text.pem", WR_ERR_MISSING, 0, "expected a certificate signing request"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf pem = file(seeds, cases[i].name);
        struct wr_pki_request r = {.req_ = NULL};
        struct wr_fault fault = {0};
        CHECK_INT(cases[i].name, wr_pki_request_read(wr_buf_str(&pem), &r, &fault), cases[i].want);
        if (!cases[i].want) {
            CHECK_INT(cases[i].name, r.kind, cases[i].kind);
        }
        if (!strstr(fault.text, cases[i].says)) {
            CASE_FAIL(cases[i].name, "'%s' is not in '%s'", cases[i].says, fault.text);
        }
        wr_pki_request_release(&r);
        wr_buf_release(&pem);
    }
    char long_one[WR_PKI_REQUEST_MAX + 1];
    memset(long_one, 'A', sizeof long_one);
    struct wr_pki_request r = {.req_ = NULL};
    CHECK_INT("too long", wr_pki_request_read((wr_str){long_one, sizeof long_one}, &r, NULL),
              WR_ERR_LIMIT);
}

static void test_keys(void **state)
{
    static const struct {
        enum wr_pki_kind kind;
        const char *traditional, *says;
    } cases[] = {
        {WR_PKI_RSA, "-----BEGIN RSA PRIVATE KEY-----\n", "Private-Key: (2048 bit, 2 primes)"},
        {WR_PKI_P256, "-----BEGIN EC PRIVATE KEY-----\n", "ASN1 OID: prime256v1"},
        {WR_PKI_P384, "-----BEGIN EC PRIVATE KEY-----\n", "ASN1 OID: secp384r1"},
        {WR_PKI_P521, "-----BEGIN EC PRIVATE KEY-----\n", "ASN1 OID: secp521r1"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        const char *name = wr_pki_kind_text(cases[i].kind);
        struct wr_pki_key *key = NULL, *again = NULL;
        struct wr_buf old = {0}, pkcs8 = {0}, sealed = {0}, public = {0}, second = {0};
        struct wr_fault fault = {0};
        CHECK_INT(name, wr_pki_key_new(cases[i].kind, &key, &fault), WR_OK);
        CHECK_INT(name, wr_pki_key_kind(key), cases[i].kind);
        wr_pki_key_private(key, WR_PKI_TRADITIONAL, &old);
        wr_pki_key_private(key, WR_PKI_PKCS8, &pkcs8);
        wr_pki_key_public(key, &public);
        const char *half = wr_buf_terminated(&public);
        CHECK(name, wr_str_starts(wr_buf_str(&old), Z(cases[i].traditional)));
        CHECK(name, wr_str_starts(wr_buf_str(&pkcs8), S("-----BEGIN PRIVATE KEY-----\n")));
        CHECK(name, wr_str_starts(wr_buf_str(&public), S("-----BEGIN PUBLIC KEY-----\n")));
        CHECK_INT(name, wr_pki_key_private_encrypted(key, S("pass phrase"), &sealed, &fault),
                  WR_OK);
        write_file("old.pem", wr_buf_str(&old));
        write_file("pkcs8.pem", wr_buf_str(&pkcs8));
        write_file("sealed.pem", wr_buf_str(&sealed));
        write_file("public.pem", wr_buf_str(&public));
        CHECK(name, openssl_says("pkey -in old.pem -noout -text", cases[i].says));
        CHECK(name, openssl("pkey -in old.pem -check -noout"));
        CHECK(name, openssl_says("pkey -in pkcs8.pem -pubout", half));
        CHECK(name, openssl_says("pkey -in sealed.pem -passin 'pass:pass phrase' -pubout", half));
        CHECK(name, openssl_says("asn1parse -in sealed.pem", "PBES2") &&
                        openssl_says("asn1parse -in sealed.pem", "aes-256-cbc"));
        // Both forms are the same key.
        CHECK_INT(name, wr_pki_key_read(wr_buf_str(&old), &again, &fault), WR_OK);
        wr_pki_key_private(again, WR_PKI_PKCS8, &second);
        CHECK_STR(name, wr_buf_str(&second), wr_buf_str(&pkcs8));
        CHECK_INT(name, wr_pki_key_private_encrypted(key, S("abc"), &sealed, &fault), WR_ERR_RANGE);
        CHECK_INT(name, wr_pki_key_private_encrypted(key, S("abc\0def"), &sealed, &fault),
                  WR_ERR_RANGE);
        wr_pki_key_free(key);
        wr_pki_key_free(again);
        struct wr_buf *const all[] = {&old, &pkcs8, &sealed, &public, &second};
        for (size_t k = 0; k < WR_COUNT(all); k++) {
            wr_secret_release(all[k]);
        }
    }
}

static void test_key_files(void **state)
{
    static const struct {
        const char *name;
        wr_err want;
        const char *says;
    } cases[] = {
        {"key_pkcs1.pem", WR_OK, ""},
        {"key_pkcs8.pem", WR_OK, ""},
        {"key_sec1.pem", WR_OK, ""},
        {"key_old_encrypted.pem", WR_ERR_UNSUPPORTED, "a header in the PEM block"},
        {"key_encrypted.pem", WR_ERR_UNSUPPORTED, "expected a private key that is not encrypted"},
        {"cert_P-256.pem", WR_ERR_UNSUPPORTED, "found '-----BEGIN CERTIFICATE-----'"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf pem = file(seeds, cases[i].name);
        struct wr_pki_key *key = NULL;
        struct wr_fault fault = {0};
        CHECK_INT(cases[i].name, wr_pki_key_read(wr_buf_str(&pem), &key, &fault), cases[i].want);
        CHECK(cases[i].name, strstr(fault.text, cases[i].says) && !key == (cases[i].want != 0));
        wr_pki_key_free(key);
        wr_buf_release(&pem);
    }
}

// A CA and what it issues, in every mix of kinds, verified by openssl.
static void test_issued(void **state)
{
    int64_t now = (int64_t)time(NULL);
    static const enum wr_pki_kind kinds[] = {WR_PKI_P256, WR_PKI_RSA, WR_PKI_P384, WR_PKI_P521};
    for (size_t i = 0; i < WR_COUNT(kinds); i++) {
        const char *name = wr_pki_kind_text(kinds[i]);
        struct wr_pki_key *ca_key = NULL, *key = NULL;
        struct wr_pki_cert ca = {.id = ""}, cert = {.id = ""}, second = {.id = ""};
        struct wr_fault fault = {0};
        struct wr_buf pem = {0};
        assert_int_equal(wr_pki_key_new(kinds[i], &ca_key, &fault), WR_OK);
        assert_int_equal(wr_pki_key_new(WR_PKI_P256, &key, &fault), WR_OK);
        CHECK_INT(fault.text,
                  wr_pki_authority_make(ca_key, S("weir CA äcme 1"), now - 60, WR_PKI_FOREVER, &ca,
                                        &fault),
                  WR_OK);
        CHECK(name, ca.is_authority && ca.self_signed && ca.kind == kinds[i]);
        CHECK_STR(name, ca.common_name, S("weir CA äcme 1"));
        CHECK_INT(fault.text, wr_pki_cert_check_authority(&ca, &fault), WR_OK);
        struct wr_pki_issue what = {.key = key,
                                    .authority = &ca,
                                    .authority_key = ca_key,
                                    .not_before = now - 30,
                                    .not_after = WR_PKI_FOREVER + 1000};
        CHECK_INT(fault.text, wr_pki_issue(&what, &cert, &fault), WR_OK);
        CHECK_INT(fault.text, wr_pki_issue(&what, &second, &fault), WR_OK);
        CHECK(name, strcmp(cert.id, second.id) != 0 && cert.serial.len == 40);
        CHECK_STR(name, cert.subject, S("CN=AWS IoT Certificate"));
        CHECK_STR(name, cert.issuer, ca.subject);
        CHECK_INT(name, cert.not_before, now - 30);
        CHECK_INT(name, cert.not_after, WR_PKI_FOREVER); // the authority's end
        CHECK(name, wr_pki_cert_signed_by(&cert, &ca) && wr_pki_cert_is_of(&cert, key));
        CHECK(name, !wr_pki_cert_is_of(&cert, ca_key) && !cert.is_authority && !cert.self_signed);
        CHECK_INT(fault.text, wr_pki_cert_check_device(&cert, &fault), WR_OK);
        wr_pki_cert_pem(&ca, &pem);
        write_file("ca.pem", wr_buf_str(&pem));
        wr_buf_clear(&pem);
        wr_pki_cert_pem(&cert, &pem);
        write_file("cert.pem", wr_buf_str(&pem));
        CHECK(name, openssl_says("verify -x509_strict -purpose sslclient -CAfile ca.pem cert.pem",
                                 "cert.pem: OK"));
        CHECK(name,
              openssl_says("x509 -in cert.pem -noout -dates", "notAfter=Dec 31 23:59:59 2049 GMT"));
        CHECK(name, openssl_says("x509 -in cert.pem -noout -ext basicConstraints,keyUsage",
                                 "X509v3 Basic Constraints: critical\n    CA:FALSE\n"
                                 "X509v3 Key Usage: critical\n    Digital Signature\n"));
        CHECK(name, openssl_says("x509 -in ca.pem -noout -ext basicConstraints,keyUsage",
                                 "CA:TRUE, pathlen:0\nX509v3 Key Usage: critical\n    "
                                 "Certificate Sign, CRL Sign"));
        wr_buf_release(&pem);
        wr_pki_cert_release(&ca);
        wr_pki_cert_release(&cert);
        wr_pki_cert_release(&second);
        wr_pki_key_free(ca_key);
        wr_pki_key_free(key);
    }
}

// From a request: its key, and its subject if it has one.
static void test_issued_for_request(void **state)
{
    static const struct {
        const char *name, *subject;
    } cases[] = {
        {"csr_rsa2048.pem", "O=Example GmbH,CN=device"},
        {"csr_P-521.pem", "O=Example GmbH,CN=device"},
        {"csr_no_subject.pem", "CN=AWS IoT Certificate"},
    };
    struct wr_pki_key *ca_key = NULL, *other = NULL;
    struct wr_pki_cert ca = {.id = ""};
    struct wr_fault fault = {0};
    assert_int_equal(wr_pki_key_new(WR_PKI_P256, &ca_key, &fault), WR_OK);
    assert_int_equal(wr_pki_key_new(WR_PKI_P256, &other, &fault), WR_OK);
    assert_int_equal(wr_pki_authority_make(ca_key, S("CA"), 1000, 2000, &ca, &fault), WR_OK);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf pem = file(seeds, cases[i].name);
        struct wr_pki_request r = {.req_ = NULL};
        struct wr_pki_cert cert = {.id = ""};
        assert_int_equal(wr_pki_request_read(wr_buf_str(&pem), &r, &fault), WR_OK);
        struct wr_pki_issue what = {.request = &r,
                                    .authority = &ca,
                                    .authority_key = ca_key,
                                    .not_before = 1500,
                                    .not_after = 1800};
        CHECK_INT(fault.text, wr_pki_issue(&what, &cert, &fault), WR_OK);
        CHECK_STR(cases[i].name, cert.subject, Z(cases[i].subject));
        CHECK_INT(cases[i].name, cert.kind, r.kind);
        CHECK(cases[i].name, wr_pki_cert_signed_by(&cert, &ca));
        CHECK_INT(cases[i].name, cert.not_after, 1800);
        wr_pki_cert_release(&cert);
        what.authority_key = other; // the sealed key of another CA
        CHECK_INT(cases[i].name, wr_pki_issue(&what, &cert, &fault), WR_ERR_CORRUPT);
        what.authority_key = ca_key;
        what.not_before = 2500; // after the CA's end
        CHECK_INT(cases[i].name, wr_pki_issue(&what, &cert, &fault), WR_ERR_RANGE);
        wr_pki_request_release(&r);
        wr_buf_release(&pem);
    }
    static const wr_str bad[] = {WR_STR_INIT(""), WR_STR_INIT("a\0b"), WR_STR_INIT("\xff"),
                                 WR_STR_INIT("12345678901234567890123456789012345678901234567890123"
                                             "456789012345")};
    struct wr_pki_cert none = {.id = ""};
    struct wr_buf out = {0};
    for (size_t i = 0; i < WR_COUNT(bad); i++) {
        CHECK_INT("name", wr_pki_authority_make(ca_key, bad[i], 1, 2, &none, &fault), WR_ERR_RANGE);
        CHECK_INT("name", wr_pki_request_make(ca_key, bad[i], &out, &fault), WR_ERR_RANGE);
    }
    struct wr_pki_request r = {.req_ = NULL};
    CHECK_INT(fault.text, wr_pki_request_make(ca_key, S("me"), &out, &fault), WR_OK);
    CHECK_INT(fault.text, wr_pki_request_read(wr_buf_str(&out), &r, &fault), WR_OK);
    CHECK_STR("its own", r.subject, S("CN=me"));
    wr_pki_request_release(&r);
    wr_buf_release(&out);
    wr_pki_cert_release(&ca);
    wr_pki_key_free(ca_key);
    wr_pki_key_free(other);
}

int main(int argc, char **argv)
{
    seeds = argc > 1 ? argv[1] : "tests/fuzz/seeds/pem";
    if (!mkdtemp(folder)) {
        return 1;
    }
    static const struct CMUnitTest tests[] = {
        T(test_certificates), T(test_described), T(test_requests),           T(test_keys),
        T(test_key_files),    T(test_issued),    T(test_issued_for_request),
    };
    int failed = TEST_MAIN(tests);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? failed : 1;
}
