// CA certificates of customers, and the registration code that proves who has a CA's key
// (control-plane.md 5).
#include "engine/admin/certificates.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/api_tags.h"
#include "engine/registry/secret.h"

#include "sql/base/banned.h"

#define SAME_SUBJECT_MAX  10    // control-plane.md 3
#define TEMPLATE_BODY_MAX 10240 // of AWS's model
#define TEMPLATE_NAME_MAX 36

// ---- the registration code

static void find_code(struct wr_api_call *c, struct wr_db *db, char code[WR_PKI_ID_LEN + 1])
{
    struct wr_rows rows =
        wr_db_query(db, "SELECT code FROM registration_codes WHERE realm=?", "i", c->realm);
    code[0] = '\0';
    if (wr_db_next(&rows)) {
        snprintf(code, WR_PKI_ID_LEN + 1, "%.*s", WR_STR_ARG(wr_db_str(&rows, 0)));
    }
    wr_db_end(&rows);
}

static void get_code(struct wr_api_call *c, struct wr_db *db)
{
    char code[WR_PKI_ID_LEN + 1];
    find_code(c, db, code);
    if (!code[0]) {
        wr_secret_random_text(code, WR_PKI_ID_LEN, WR_STR("0123456789abcdef"));
        code[WR_PKI_ID_LEN] = '\0';
        wr_db_run(db, "INSERT INTO registration_codes(realm, code) VALUES(?,?)", "iz", c->realm,
                  code);
    }
    json_object_set_new(c->out, "registrationCode", json_string(code));
}

static void delete_code(struct wr_api_call *c, struct wr_db *db)
{
    if (!wr_db_run(db, "DELETE FROM registration_codes WHERE realm=?", "i", c->realm)) {
        wr_api_fail(c, WR_API_NOT_FOUND, "There is no registration code to delete");
    }
}

// ---- registering

struct ca {
    struct wr_pki_cert cert, verification;
};

static void ca_free(void *at)
{
    struct ca *ca = at;
    wr_pki_cert_release(&ca->cert);
    wr_pki_cert_release(&ca->verification);
    free(ca);
}

// What weir does not do of what AWS does.
static void warn_automatic(struct wr_api_call *c, bool on)
{
    const json_t *config = wr_api_json(c, "registrationConfig");
    if (on && !wr_api_broker(c->api)) {
        wr_api_warn(c, "devices are registered by themselves where the broker's plugin tells of "
                       "them (broker.dir), and there is none");
    }
    if (json_object_get(config, "templateName")) {
        wr_api_warn(c, "templates have no names here: templateName is kept and not used, "
                       "templateBody is");
    }
}

static bool check_config(struct wr_api_call *c)
{
    const json_t *config = wr_api_json(c, "registrationConfig");
    const json_t *body = json_object_get(config, "templateBody");
    const json_t *role = json_object_get(config, "roleArn");
    const json_t *name = json_object_get(config, "templateName");
    return (!body || wr_api_check_text(c, "registrationConfig.templateBody", body,
                                       WR_API_ANY_PATTERN, 0, TEMPLATE_BODY_MAX)) &&
           (!role || wr_api_check_text(c, "registrationConfig.roleArn", role, WR_API_ANY_PATTERN, 1,
                                       2048)) &&
           (!name || wr_api_check_text(c, "registrationConfig.templateName", name,
                                       WR_API_THING_PATTERN, 1, TEMPLATE_NAME_MAX));
}

static void check_mode(struct wr_api_call *c)
{
    const char *mode = wr_api_text(c, "certificateMode");
    bool sni_only = mode && !strcmp(mode, "SNI_ONLY");
    bool verified = wr_api_str(c, "verificationCertificate").at;
    if (sni_only && verified) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "verificationCertificate must be empty when certificateMode is SNI_ONLY");
    } else if (!sni_only && !verified) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "verificationCertificate is required when certificateMode is DEFAULT: a "
                    "certificate signed by the CA, with the registration code as common name");
    }
    (void)(!c->error && check_config(c));
}

// Thread: the pool's.
static void read_ca(struct wr_api_call *c)
{
    struct ca *ca = wr_zalloc(sizeof *ca);
    struct wr_fault fault = {0};
    c->own = ca;
    c->own_free = ca_free;
    wr_str verification = wr_api_str(c, "verificationCertificate");
    if (wr_pki_cert_read(wr_api_str(c, "caCertificate"), &ca->cert, &fault) ||
        wr_pki_cert_check_authority(&ca->cert, &fault)) {
        wr_certificate_fail(c, WR_API_CERTIFICATE_VALIDATION, "caCertificate", &fault);
    } else if (ca->cert.not_after < c->now_ms / 1000) {
        wr_api_fail(c, WR_API_CERTIFICATE_VALIDATION, "caCertificate has expired");
    } else if (verification.at && wr_pki_cert_read(verification, &ca->verification, &fault)) {
        wr_certificate_fail(c, WR_API_CERTIFICATE_VALIDATION, "verificationCertificate", &fault);
    } else if (verification.at && !wr_pki_cert_signed_by(&ca->verification, &ca->cert)) {
        wr_api_fail(c, WR_API_CERTIFICATE_VALIDATION,
                    "verificationCertificate is not signed by caCertificate");
    }
}

static bool check_code(struct wr_api_call *c, struct wr_db *db, const struct ca *ca)
{
    char code[WR_PKI_ID_LEN + 1];
    find_code(c, db, code);
    if (ca->verification.x509_ &&
        (!code[0] || !wr_secret_eq(ca->verification.common_name, wr_str_of(code)))) {
        wr_api_fail(c, WR_API_REGISTRATION_CODE,
                    "The common name of verificationCertificate is not the registration code "
                    "(GetRegistrationCode tells it)");
        return false;
    }
    return true;
}

static bool check_new(struct wr_api_call *c, struct wr_db *db, const struct ca *ca)
{
    char arn[512];
    const char *mode = wr_api_text(c, "certificateMode");
    if (wr_db_one(db, 0, "SELECT 1 FROM ca_certificates WHERE realm=? AND cert_id=?", "iz",
                  c->realm, ca->cert.id)) {
        wr_api_fail_for(c, WR_API_EXISTS, ca->cert.id, wr_api_arn(c, arn, "cacert/%s", ca->cert.id),
                        "The CA certificate is already registered");
    } else if ((!mode || strcmp(mode, "SNI_ONLY") != 0) &&
               wr_db_one(db, 0,
                         "SELECT 1 FROM ca_certificates a JOIN realms r ON r.id=a.realm WHERE "
                         "a.cert_id=? AND a.mode='DEFAULT' AND r.region=? AND r.tenant<>?",
                         "zzi", ca->cert.id, c->caller.region, c->caller.tenant)) {
        wr_api_fail(c, WR_API_EXISTS,
                    "The CA certificate is registered by another account; certificateMode SNI_ONLY "
                    "allows several");
    } else if (wr_db_one(db, 0, "SELECT count(*) FROM ca_certificates WHERE realm=? AND subject=?",
                         "ib", c->realm, ca->cert.subject_der) >= SAME_SUBJECT_MAX) {
        wr_api_fail(c, WR_API_LIMIT_EXCEEDED,
                    "There are %d CA certificates of the subject '%.*s', which is the most",
                    SAME_SUBJECT_MAX, WR_STR_ARG(ca->cert.subject));
    }
    return !c->error;
}

static void register_ca(struct wr_api_call *c, struct wr_db *db)
{
    struct ca *ca = c->own;
    if (!check_code(c, db, ca) || !check_new(c, db, ca)) {
        return;
    }
    char generation[37], arn[512];
    const char *mode = wr_api_text(c, "certificateMode");
    const char *status = wr_api_bool(c, "setAsActive", false) ? "ACTIVE" : "INACTIVE";
    bool automatic = wr_api_bool(c, "allowAutoRegistration", false);
    wr_api_make_id(generation);
    wr_db_run(db,
              "INSERT INTO ca_certificates(realm, cert_id, subject, pem, status, mode, "
              "auto_registration, registration_config, not_before_s, not_after_s, created_ms, "
              "modified_ms, version, generation) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,1,?)",
              "izbszzzjiiiiz", c->realm, ca->cert.id, ca->cert.subject_der,
              wr_api_str(c, "caCertificate"), status, mode ? mode : "DEFAULT",
              automatic ? "ENABLE" : "DISABLE", wr_api_json(c, "registrationConfig"),
              ca->cert.not_before, ca->cert.not_after, c->now_ms, c->now_ms, generation);
    wr_api_arn(c, arn, "cacert/%s", ca->cert.id);
    if (!wr_api_set_tags(c, db, arn, wr_api_json(c, "tags"))) {
        return;
    }
    json_object_set_new(c->out, "certificateArn", json_string(arn));
    json_object_set_new(c->out, "certificateId", json_string(ca->cert.id));
    wr_api_audit_arn(c, arn);
    wr_api_audit_change(c, "status", NULL, json_string(status));
    warn_automatic(c, automatic);
}

// ---- reading

struct found {
    int64_t row;
    char id[WR_PKI_ID_LEN + 1], status[16];
};

static bool find(struct wr_api_call *c, struct wr_db *db, struct found *out)
{
    struct found f = {.row = 0};
    char arn[512];
    wr_certificate_id(c, "certificateId", f.id);
    struct wr_rows rows =
        wr_db_query(db, "SELECT id, status FROM ca_certificates WHERE realm=? AND cert_id=?", "iz",
                    c->realm, f.id);
    if (wr_db_next(&rows)) {
        f.row = wr_db_int(&rows, 0);
        snprintf(f.status, sizeof f.status, "%.*s", WR_STR_ARG(wr_db_str(&rows, 1)));
    }
    wr_db_end(&rows);
    if (!f.row) {
        wr_api_fail(c, WR_API_NOT_FOUND, "The specified resource does not exist");
        return false;
    }
    wr_api_audit_arn(c, wr_api_arn(c, arn, "cacert/%s", f.id));
    *out = f;
    return true;
}

static void set_arn(struct wr_api_call *c, json_t *to, const char *id)
{
    char arn[512];
    json_object_set_new(to, "certificateArn", json_string(wr_api_arn(c, arn, "cacert/%s", id)));
    json_object_set_new(to, "certificateId", json_string(id));
}

static void describe(struct wr_api_call *c, struct wr_db *db)
{
    struct found f;
    if (!find(c, db, &f)) {
        return;
    }
    struct wr_rows rows =
        wr_db_query(db,
                    "SELECT status, pem, created_ms, auto_registration, modified_ms, version, "
                    "generation, not_before_s, not_after_s, mode, registration_config FROM "
                    "ca_certificates WHERE id=?",
                    "i", f.row);
    if (wr_db_next(&rows)) {
        json_t *d = json_object();
        json_object_set_new(c->out, "certificateDescription", d);
        set_arn(c, d, f.id);
        json_object_set_new(d, "status", wr_db_json_str(&rows, 0));
        json_object_set_new(d, "certificatePem", wr_db_json_str(&rows, 1));
        json_object_set_new(d, "ownedBy", json_string(c->caller.account));
        json_object_set_new(d, "creationDate", wr_api_time(wr_db_int(&rows, 2)));
        json_object_set_new(d, "autoRegistrationStatus", wr_db_json_str(&rows, 3));
        json_object_set_new(d, "lastModifiedDate", wr_api_time(wr_db_int(&rows, 4)));
        json_object_set_new(d, "customerVersion", json_integer(wr_db_int(&rows, 5)));
        json_object_set_new(d, "generationId", wr_db_json_str(&rows, 6));
        json_object_set_new(d, "validity",
                            json_pack("{s:o, s:o}", "notBefore",
                                      wr_api_time(wr_db_int(&rows, 7) * 1000), "notAfter",
                                      wr_api_time(wr_db_int(&rows, 8) * 1000)));
        json_object_set_new(d, "certificateMode", wr_db_json_str(&rows, 9));
        if (!wr_db_null(&rows, 10)) {
            json_object_set_new(c->out, "registrationConfig", wr_db_json(&rows, 10));
        }
    }
    wr_db_end(&rows);
}

// Whether the registration template of the row is the one that the listing asks for.
static bool has_template(const struct wr_rows *rows, int column, wr_str wanted)
{
    if (!wanted.at) {
        return true;
    }
    json_t *config = wr_db_json(rows, column);
    const char *name = json_string_value(json_object_get(config, "templateName"));
    bool yes = name && wr_str_eq(wr_str_of(name), wanted);
    json_decref(config);
    return yes;
}

#define LISTED                                                                                \
    "SELECT id, cert_id, status, created_ms, registration_config FROM ca_certificates WHERE " \
    "realm=?"

static void list(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, WR_CERTIFICATES_PAGE, true)) {
        return;
    }
    json_t *all = json_array();
    json_object_set_new(c->out, "certificates", all);
    wr_str wanted = wr_api_str(c, "templateName");
    struct wr_rows rows = wr_db_query(
        db, page.down ? LISTED " AND id<? ORDER BY id DESC" : LISTED " AND id>? ORDER BY id", "ii",
        c->realm, page.after);
    while (wr_db_next(&rows)) {
        if (!has_template(&rows, 4, wanted)) {
            continue;
        }
        if (!wr_api_page_take(&page, wr_db_int(&rows, 0))) {
            break;
        }
        char id[WR_PKI_ID_LEN + 1];
        json_t *one = json_object();
        snprintf(id, sizeof id, "%.*s", WR_STR_ARG(wr_db_str(&rows, 1)));
        set_arn(c, one, id);
        json_object_set_new(one, "status", wr_db_json_str(&rows, 2));
        json_object_set_new(one, "creationDate", wr_api_time(wr_db_int(&rows, 3)));
        json_array_append_new(all, one);
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

// ---- changing

static void update(struct wr_api_call *c, struct wr_db *db)
{
    struct found f;
    if (!find(c, db, &f)) {
        return;
    }
    const char *status = wr_api_text(c, "newStatus");
    const char *automatic = wr_api_text(c, "newAutoRegistrationStatus");
    bool remove = wr_api_bool(c, "removeAutoRegistration", false);
    if (remove && (automatic || wr_api_json(c, "registrationConfig"))) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "removeAutoRegistration cannot be given with newAutoRegistrationStatus or "
                    "registrationConfig");
        return;
    }
    wr_db_run(db,
              "UPDATE ca_certificates SET status=coalesce(?,status), "
              "auto_registration=coalesce(?,auto_registration), "
              "registration_config=coalesce(?,registration_config), modified_ms=?, "
              "version=version+1 WHERE id=?",
              "zzjii", status, remove ? "DISABLE" : automatic, wr_api_json(c, "registrationConfig"),
              c->now_ms, f.row);
    if (remove) {
        wr_db_run(db, "UPDATE ca_certificates SET registration_config=NULL WHERE id=?", "i", f.row);
    }
    if (status && strcmp(status, f.status) != 0) {
        wr_api_audit_change(c, "status", json_string(f.status), json_string(status));
    }
    warn_automatic(c, automatic && !strcmp(automatic, "ENABLE"));
}

static void check_update(struct wr_api_call *c)
{
    (void)check_config(c);
}

static void delete_one(struct wr_api_call *c, struct wr_db *db)
{
    struct found f;
    if (!find(c, db, &f)) {
        return;
    }
    if (!strcmp(f.status, "ACTIVE")) {
        wr_api_fail(c, WR_API_CERTIFICATE_STATE,
                    "The CA certificate %s is ACTIVE: set it INACTIVE before it is deleted", f.id);
        return;
    }
    char arn[512];
    wr_db_run(db, "DELETE FROM ca_certificates WHERE id=?", "i", f.row);
    wr_api_drop_tags(c, db, wr_api_arn(c, arn, "cacert/%s", f.id));
    wr_api_audit_change(c, "status", json_string(f.status), NULL);
}

// ---- the table

static const struct wr_api_member register_in[] = {
    WR_API_PEM("caCertificate", .required = true),
    WR_API_PEM("verificationCertificate"),
    WR_API_QUERY("setAsActive", BOOL),
    WR_API_QUERY("allowAutoRegistration", BOOL),
    WR_API_BODY("registrationConfig", OBJECT),
    WR_API_BODY("tags", LIST),
    WR_API_BODY("certificateMode", STRING, .one_of = "DEFAULT|SNI_ONLY"),
    {0},
};
static const struct wr_api_member one_in[] = {
    WR_API_CERTIFICATE_ID("certificateId", "caCertificateId"), {0}};
static const struct wr_api_member list_in[] = {
    WR_API_MARKED,
    WR_API_QUERY("templateName", STRING, .pattern = WR_API_THING_PATTERN, .min = 1,
                 .max = TEMPLATE_NAME_MAX),
    {0},
};
static const struct wr_api_member update_in[] = {
    WR_API_CERTIFICATE_ID("certificateId", "caCertificateId"),
    WR_API_QUERY("newStatus", STRING, .one_of = "ACTIVE|INACTIVE"),
    WR_API_QUERY("newAutoRegistrationStatus", STRING, .one_of = "ENABLE|DISABLE"),
    WR_API_BODY("registrationConfig", OBJECT),
    WR_API_BODY("removeAutoRegistration", BOOL),
    {0},
};

static const struct wr_api_operation operations[] = {
    {.name = "GetRegistrationCode",
     .method = "GET",
     .path = "/registrationcode",
     .write = true, // it is made when it is first asked for
     .run = get_code},
    {.name = "DeleteRegistrationCode",
     .method = "DELETE",
     .path = "/registrationcode",
     .write = true,
     .run = delete_code},
    {.name = "RegisterCACertificate",
     .method = "POST",
     .path = "/cacertificate",
     .in = register_in,
     .write = true,
     .prepare = check_mode,
     .work = read_ca,
     .run = register_ca},
    {.name = "DescribeCACertificate",
     .method = "GET",
     .path = "/cacertificate/{caCertificateId}",
     .in = one_in,
     .run = describe},
    {.name = "ListCACertificates",
     .method = "GET",
     .path = "/cacertificates",
     .in = list_in,
     .run = list},
    {.name = "UpdateCACertificate",
     .method = "PUT",
     .path = "/cacertificate/{caCertificateId}",
     .in = update_in,
     .write = true,
     .prepare = check_update,
     .run = update},
    {.name = "DeleteCACertificate",
     .method = "DELETE",
     .path = "/cacertificate/{caCertificateId}",
     .in = one_in,
     .write = true,
     .run = delete_one},
};

void wr_api_add_ca(struct wr_api *api, struct wr_certificates *certificates)
{
    wr_api_add(api, operations, WR_COUNT(operations), certificates);
}
