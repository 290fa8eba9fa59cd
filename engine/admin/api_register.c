// Certificates that were made elsewhere: registered with a CA, or without one (control-plane.md 5).
#include "engine/admin/certificates.h"

#include <stdlib.h>

#include "sql/base/hash.h"

#include "sql/base/banned.h"

struct registration {
    struct wr_pki_cert cert, ca; // ca: given by the caller
    bool ca_given;
};

static void registration_free(void *at)
{
    struct registration *r = at;
    wr_pki_cert_release(&r->cert);
    wr_pki_cert_release(&r->ca);
    free(r);
}

static bool read_pem(struct wr_api_call *c, const char *member, struct wr_pki_cert *cert)
{
    struct wr_fault fault = {0};
    if (wr_pki_cert_read(wr_api_str(c, member), cert, &fault)) {
        wr_certificate_fail(c, WR_API_CERTIFICATE_VALIDATION, member, &fault);
        return false;
    }
    return true;
}

// What needs no database. Thread: the pool's.
static void read_given(struct wr_api_call *c)
{
    struct registration *r = wr_zalloc(sizeof *r);
    struct wr_fault fault = {0};
    c->own = r;
    c->own_free = registration_free;
    const char *status = wr_api_text(c, "status");
    if ((status && !wr_certificate_may_ask(c, "status", status)) ||
        !read_pem(c, "certificatePem", &r->cert)) {
        return;
    }
    if (wr_pki_cert_check_device(&r->cert, &fault)) {
        wr_certificate_fail(c, WR_API_CERTIFICATE_VALIDATION, "certificatePem", &fault);
        return;
    }
    r->ca_given = wr_api_str(c, "caCertificatePem").at;
    if (r->ca_given) {
        (void)read_pem(c, "caCertificatePem", &r->ca);
    }
}

static bool expired(struct wr_api_call *c, const struct wr_pki_cert *cert)
{
    if (cert->not_after < c->now_ms / 1000) {
        wr_api_fail(c, WR_API_CERTIFICATE_VALIDATION, "The certificate has expired");
        return true;
    }
    return false;
}

// status, or the older setAsActive.
static const char *status_of(const struct wr_api_call *c)
{
    const char *status = wr_api_text(c, "status");
    return status ? status : wr_api_bool(c, "setAsActive", false) ? "ACTIVE" : NULL;
}

static int64_t name_of(const struct wr_pki_cert *cert)
{
    return (int64_t)(wr_hash_str(cert->subject_der) | 1);
}

// The broker's TLS wants to know who signed it (control-plane.md 7): one that signed itself becomes
// a CA there; any other needs its CA registered.
static void look_at_broker(struct wr_api_call *c, struct wr_db *db, const struct registration *r)
{
    if (!wr_api_broker(c->api)) {
        return;
    }
    if (r->cert.self_signed) {
        if (wr_db_one(db, 0, "SELECT count(*) FROM certificates WHERE trusted=?", "i",
                      name_of(&r->cert)) > 1) {
            wr_api_warn(c, "the broker gets to know it when it is restarted: there is another "
                           "certificate of the same subject, and OpenSSL looks once for a name");
        }
        if (wr_db_one(db, 0, "SELECT count(*) FROM certificates WHERE trusted<>0", "") >
            WR_BROKER_TRUSTED_MAX) {
            wr_api_warn(c,
                        "the broker takes at most %d certificates that signed themselves: this "
                        "device will not get in",
                        WR_BROKER_TRUSTED_MAX);
        }
    } else if (!wr_db_one(db, 0,
                          "SELECT 1 FROM ca_certificates WHERE subject=?1 AND status='ACTIVE' "
                          "UNION SELECT 1 FROM authorities WHERE subject=?1",
                          "b", r->cert.issuer_der)) {
        wr_api_warn(c, "the broker does not know the CA that signed it: register that one too "
                       "(RegisterCACertificate, SNI_ONLY)");
    }
}

static void register_without_ca(struct wr_api_call *c, struct wr_db *db)
{
    struct registration *r = c->own;
    if (!expired(c, &r->cert) &&
        wr_certificate_insert(c, db,
                              &(struct wr_certificate_new){
                                  .cert = &r->cert,
                                  .pem = wr_api_str(c, "certificatePem"),
                                  .status = status_of(c),
                                  .mode = "SNI_ONLY",
                                  .trusted = r->cert.self_signed ? name_of(&r->cert) : 0,
                              })) {
        look_at_broker(c, db, r);
    }
}

// Who signed it.
struct signer {
    int64_t authority;          // one of the tenant's own
    char ca[WR_PKI_ID_LEN + 1]; // or one that was registered
    bool inactive;
    unsigned count; // of registered ones that fit
};

static bool signed_by_pem(const struct wr_pki_cert *cert, wr_str pem)
{
    struct wr_pki_cert ca = {.id = ""};
    bool yes = !wr_pki_cert_read(pem, &ca, NULL) && wr_pki_cert_signed_by(cert, &ca);
    wr_pki_cert_release(&ca);
    return yes;
}

static void find_registered(struct wr_api_call *c, struct wr_db *db, const struct registration *r,
                            struct signer *s)
{
    struct wr_rows rows = wr_db_query(
        db, "SELECT cert_id, pem, status FROM ca_certificates WHERE realm=? AND subject=?", "ib",
        c->realm, r->cert.issuer_der);
    while (wr_db_next(&rows)) {
        wr_str id = wr_db_str(&rows, 0);
        if ((r->ca_given && !wr_str_eq(id, wr_str_of(r->ca.id))) ||
            !signed_by_pem(&r->cert, wr_db_str(&rows, 1))) {
            continue;
        }
        s->count++;
        memcpy(s->ca, id.at, WR_PKI_ID_LEN);
        s->inactive = !wr_str_eq(wr_db_str(&rows, 2), WR_STR("ACTIVE"));
    }
    wr_db_end(&rows);
}

static void find_authority(struct wr_api_call *c, struct wr_db *db, const struct registration *r,
                           struct signer *s)
{
    struct wr_rows rows =
        wr_db_query(db, "SELECT id, cert_id, pem FROM authorities WHERE tenant=? AND subject=?",
                    "ib", c->caller.tenant, r->cert.issuer_der);
    while (wr_db_next(&rows)) {
        bool meant = !r->ca_given || wr_str_eq(wr_db_str(&rows, 1), wr_str_of(r->ca.id));
        if (meant && signed_by_pem(&r->cert, wr_db_str(&rows, 2))) {
            s->authority = wr_db_int(&rows, 0);
        }
    }
    wr_db_end(&rows);
}

static bool check_signer(struct wr_api_call *c, const struct registration *r,
                         const struct signer *s)
{
    if (s->authority) {
        return true;
    }
    if (!s->count && r->ca_given) {
        wr_api_fail(c, WR_API_CERTIFICATE_VALIDATION,
                    "caCertificatePem is not a registered CA certificate that signed the "
                    "certificate");
    } else if (!s->count) {
        wr_api_fail(c, WR_API_CERTIFICATE_VALIDATION,
                    "The certificate is not signed by a registered CA certificate (issuer '%.*s')",
                    WR_STR_ARG(r->cert.issuer));
    } else if (s->count > 1) {
        wr_api_fail(c, WR_API_CERTIFICATE_CONFLICT,
                    "%u registered CA certificates with the same subject and key signed the "
                    "certificate: say which with caCertificatePem",
                    s->count);
    } else if (s->inactive) {
        wr_api_fail(c, WR_API_CERTIFICATE_STATE, "The CA certificate %s is INACTIVE", s->ca);
    } else {
        return true;
    }
    return false;
}

static void register_with_ca(struct wr_api_call *c, struct wr_db *db)
{
    struct registration *r = c->own;
    struct signer s = {.count = 0};
    struct wr_certificate_new n = {.cert = &r->cert,
                                   .pem = wr_api_str(c, "certificatePem"),
                                   .status = status_of(c),
                                   .mode = "DEFAULT"};
    // What is there already is said first, as AWS does: whoever signed it.
    if (!wr_db_one(db, 0, "SELECT 1 FROM certificates WHERE cert_id=?", "z", r->cert.id)) {
        if (expired(c, &r->cert)) {
            return;
        }
        find_registered(c, db, r, &s);
        find_authority(c, db, r, &s);
        if (!check_signer(c, r, &s)) {
            return;
        }
        n.authority = s.authority;
        n.ca = s.authority ? (wr_str){0} : wr_str_of(s.ca);
    }
    (void)wr_certificate_insert(c, db, &n);
}

static const struct wr_api_member with_in[] = {
    WR_API_PEM("certificatePem", .required = true),
    WR_API_PEM("caCertificatePem"),
    WR_API_QUERY("setAsActive", BOOL),
    WR_API_BODY("status", STRING, .one_of = WR_API_STATUSES),
    {0},
};
static const struct wr_api_member without_in[] = {
    WR_API_PEM("certificatePem", .required = true),
    WR_API_BODY("status", STRING, .one_of = WR_API_STATUSES),
    {0},
};

static const struct wr_api_operation operations[] = {
    {.name = "RegisterCertificate",
     .method = "POST",
     .path = "/certificate/register",
     .in = with_in,
     .write = true,
     .work = read_given,
     .run = register_with_ca},
    {.name = "RegisterCertificateWithoutCA",
     .method = "POST",
     .path = "/certificate/register-no-ca",
     .in = without_in,
     .write = true,
     .work = read_given,
     .run = register_without_ca},
};

void wr_api_add_register(struct wr_api *api, struct wr_certificates *certificates)
{
    wr_api_add(api, operations, WR_COUNT(operations), certificates);
}
