#include "engine/plugin/certificate.h"

#include <stdlib.h>

#include <arpa/inet.h>

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "engine/registry/policy.h"

#include "sql/base/banned.h"

#define VALUES_MAX 256 // of one certificate; TLS bounds its size too

struct wr_certificate_values {
    size_t count;
    struct {
        const char *name; // static: the variable's
        char *text;       // own
        size_t len;
    } at[VALUES_MAX];
};

static const struct {
    int nid;
    const char *subject, *issuer;
} dn_names[] = {
#define DN(nid, name)                        \
    {                                        \
        nid, "Subject." name, "Issuer." name \
    }
    DN(NID_countryName, "Country"),
    DN(NID_organizationName, "Organization"),
    DN(NID_organizationalUnitName, "OrganizationalUnit"),
    DN(NID_stateOrProvinceName, "State"),
    DN(NID_commonName, "CommonName"),
    DN(NID_serialNumber, "SerialNumber"),
    DN(NID_title, "Title"),
    DN(NID_surname, "Surname"),
    DN(NID_givenName, "GivenName"),
    DN(NID_initials, "Initials"),
    DN(NID_pseudonym, "Pseudonym"),
    DN(NID_generationQualifier, "GenerationQualifier"),
    DN(NID_dnQualifier, "DistinguishedNameQualifier"),
#undef DN
};

bool wr_certificate_der(const X509 *certificate, struct wr_buf *out)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    if (len > 0) {
        wr_buf_add(out, (wr_str){(const char *)der, (size_t)len});
    }
    OPENSSL_free(der);
    return len > 0;
}

bool wr_certificate_sha256(const X509 *certificate, uint8_t out[32])
{
    unsigned int len = 0;
    return X509_digest(certificate, EVP_sha256(), out, &len) == 1 && len == 32;
}

static void add(struct wr_certificate_values *v, const char *name, const char *text, size_t len)
{
    // A NUL inside has fooled others: such a value is none.
    if (v->count < VALUES_MAX && !memchr(text, 0, len)) {
        v->at[v->count].name = name;
        v->at[v->count].text = wr_strdup((wr_str){text, len});
        v->at[v->count].len = len;
        v->count++;
    }
}

static void add_name(struct wr_certificate_values *v, const X509_NAME *name, bool subject)
{
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
        for (size_t k = 0; k < WR_COUNT(dn_names); k++) {
            unsigned char *text = NULL;
            int len = dn_names[k].nid == nid
                          ? ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry))
                          : -1;
            if (len >= 0) {
                add(v, subject ? dn_names[k].subject : dn_names[k].issuer, (char *)text,
                    (size_t)len);
            }
            OPENSSL_free(text);
        }
    }
}

static void add_ia5(struct wr_certificate_values *v, const char *name, const ASN1_IA5STRING *text)
{
    add(v, name, (const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
}

static void add_address(struct wr_certificate_values *v, const char *name,
                        const ASN1_OCTET_STRING *bytes)
{
    char text[INET6_ADDRSTRLEN];
    int len = ASN1_STRING_length(bytes);
    int family = len == 4 ? AF_INET : AF_INET6;
    if ((len == 4 || len == 16) &&
        inet_ntop(family, ASN1_STRING_get0_data(bytes), text, sizeof text)) {
        add(v, name, text, strlen(text));
    }
}

static void add_directory(struct wr_certificate_values *v, const char *name, const X509_NAME *dn)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (bio && X509_NAME_print_ex(bio, dn, 0, XN_FLAG_RFC2253) >= 0) {
        long len = BIO_get_mem_data(bio, &text);
        if (len > 0) {
            add(v, name, text, (size_t)len);
        }
    }
    BIO_free(bio);
}

static void add_alternatives(struct wr_certificate_values *v, const X509 *certificate, int nid,
                             const char *const names[5])
{
    GENERAL_NAMES *list = X509_get_ext_d2i(certificate, nid, NULL, NULL);
    for (int i = 0; list && i < sk_GENERAL_NAME_num(list); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(list, i);
        switch (g->type) {
        case GEN_EMAIL:
            add_ia5(v, names[0], g->d.rfc822Name);
            break;
        case GEN_DNS:
            add_ia5(v, names[1], g->d.dNSName);
            break;
        case GEN_DIRNAME:
            add_directory(v, names[2], g->d.directoryName);
            break;
        case GEN_URI:
            add_ia5(v, names[3], g->d.uniformResourceIdentifier);
            break;
        case GEN_IPADD:
            add_address(v, names[4], g->d.iPAddress);
            break;
        default: // kinds without a variable
            break;
        }
    }
    GENERAL_NAMES_free(list);
}

struct wr_certificate_values *wr_certificate_values_new(const X509 *certificate)
{
#define ALTERNATIVES(whose)                                                                        \
    {                                                                                              \
        whose ".AlternativeName.RFC822Name", whose ".AlternativeName.DNSName",                     \
            whose ".AlternativeName.DirectoryName",                                                \
            whose ".AlternativeName.UniformResourceIdentifier", whose ".AlternativeName.IPAddress" \
    }
    static const char *const subject[5] = ALTERNATIVES("Subject");
    static const char *const issuer[5] = ALTERNATIVES("Issuer");
    struct wr_certificate_values *v = wr_zalloc(sizeof *v);
    add_name(v, X509_get_subject_name(certificate), true);
    add_name(v, X509_get_issuer_name(certificate), false);
    add_alternatives(v, certificate, NID_subject_alt_name, subject);
    add_alternatives(v, certificate, NID_issuer_alt_name, issuer);
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *decimal = serial ? BN_bn2dec(serial) : NULL;
    if (decimal) {
        add(v, "SerialNumber", decimal, strlen(decimal));
    }
    OPENSSL_free(decimal);
    BN_free(serial);
    return v;
}

void wr_certificate_values_free(struct wr_certificate_values *v)
{
    for (size_t i = 0; v && i < v->count; i++) {
        free(v->at[i].text);
    }
    free(v);
}

// Value `index` of AvailableKeys: the name of each variable that has a value.
static bool available(const struct wr_certificate_values *v, uint32_t index, wr_str *value)
{
    wr_str name, unused;
    for (size_t i = 0; (name = wr_policy_certificate_name(i)).at; i++) {
        if (!wr_str_eq(name, WR_STR("AvailableKeys")) &&
            wr_certificate_value(v, name, 0, &unused) && index-- == 0) {
            *value = name;
            return true;
        }
    }
    return false;
}

bool wr_certificate_value(const struct wr_certificate_values *v, wr_str name, uint32_t index,
                          wr_str *value)
{
    if (wr_str_eq(name, WR_STR("AvailableKeys"))) {
        return available(v, index, value);
    }
    for (size_t i = 0; i < v->count; i++) {
        if (wr_str_eq(wr_str_of(v->at[i].name), name) && index-- == 0) {
            *value = (wr_str){v->at[i].text, v->at[i].len};
            return true;
        }
    }
    return false;
}
