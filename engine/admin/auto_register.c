#include "engine/admin/auto_register.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/certificates.h"
#include "engine/admin/tenants.h"
#include "engine/observe/log.h"

#include "sql/base/banned.h"

// One certificate on its way. `topic`, `payload`: of the message when it was registered.
struct newcomer {
    struct wr_auto_register *with;
    char broker[128]; // brokers.NAME has 64
    struct wr_buf der, topic, payload;
    struct wr_pki_cert cert;
    char ca[WR_PKI_ID_LEN + 1];
    json_t *template; // of the CA's registrationConfig; NULL: none
};

static void release(struct newcomer *n)
{
    wr_pki_cert_release(&n->cert);
    wr_buf_release(&n->der);
    wr_buf_release(&n->topic);
    wr_buf_release(&n->payload);
    json_decref(n->template);
    free(n);
}

static void newcomer_free(void *at)
{
    struct newcomer *n = at;
    if (n) {
        n->with->under_way_--;
        release(n);
    }
}

// ---- the registry's thread

// A row of a CA: the broker that the device came to has its tenant, and it signed.
static bool fits(const struct newcomer *n, const struct wr_rows *rows)
{
    json_t *features = wr_db_json(rows, 6);
    const char *broker = json_string_value(json_object_get(features, "iot.broker"));
    struct wr_pki_cert ca = {.id = ""};
    bool yes = !strcmp(broker ? broker : "", n->broker) &&
               !wr_pki_cert_read(wr_db_str(rows, 1), &ca, NULL) &&
               wr_pki_cert_signed_by(&n->cert, &ca);
    wr_pki_cert_release(&ca);
    json_decref(features);
    return yes;
}

static void copy(char *to, size_t size, wr_str from)
{
    snprintf(to, size, "%.*s", WR_STR_ARG(from));
}

// The call is that tenant's from here on. False: no CA fits, or CAs of several tenants do.
static bool find_owner(struct wr_api_call *c, struct wr_db *db, struct newcomer *n)
{
    static struct wr_log_limit limit;
    struct wr_rows rows = wr_db_query(
        db,
        "SELECT a.cert_id, a.pem, a.realm, r.region, t.name, t.account, t.features, t.id, "
        "a.registration_config->>'$.templateBody' FROM "
        "ca_certificates a JOIN realms r ON r.id=a.realm JOIN tenants t ON t.id=r.tenant WHERE "
        "a.subject=? AND a.status='ACTIVE' AND a.auto_registration='ENABLE' AND t.state='ENABLED' "
        "AND t.deleted IS NULL ORDER BY a.id",
        "b", n->cert.issuer_der);
    unsigned count = 0;
    while (wr_db_next(&rows)) {
        if (!fits(n, &rows)) {
            continue;
        }
        count++;
        copy(n->ca, sizeof n->ca, wr_db_str(&rows, 0));
        c->realm = wr_db_int(&rows, 2);
        copy(c->caller.region, sizeof c->caller.region, wr_db_str(&rows, 3));
        copy(c->caller.tenant_name, sizeof c->caller.tenant_name, wr_db_str(&rows, 4));
        copy(c->caller.account, sizeof c->caller.account, wr_db_str(&rows, 5));
        c->caller.tenant = wr_db_int(&rows, 7);
        json_t *features = wr_db_json(&rows, 6);
        const char *prefix = json_string_value(json_object_get(features, "iot.topic_prefix"));
        wr_buf_clear(&n->topic);
        wr_buf_addf(&n->topic, "%s$aws/events/certificates/registered/%s",
                    prefix && !*n->broker ? prefix : "", n->ca);
        json_decref(features);
        json_decref(n->template);
        n->template = wr_db_json_str(&rows, 8);
    }
    wr_db_end(&rows);
    if (count > 1) {
        wr_log_limited(&limit, WR_LOG_WARN, "admin",
                       "the certificate %s of a device is not registered: several accounts or "
                       "regions have the CA that signed it",
                       n->cert.id);
    }
    return count == 1;
}

static bool may_be_one(const struct wr_api_call *c, struct wr_db *db, struct newcomer *n)
{
    return !wr_pki_cert_read_der(wr_buf_str(&n->der), &n->cert, NULL) &&
           !wr_pki_cert_check_device(&n->cert, NULL) && n->cert.not_after >= c->now_ms / 1000 &&
           !wr_db_one(db, 0, "SELECT 1 FROM certificates WHERE cert_id=?", "z", n->cert.id);
}

// What a provisioning template may ask of the certificate (AWS IoT's guide, "Just-in-time
// provisioning"). Give.
static json_t *parameters_of(const struct wr_pki_cert *cert)
{
    static const struct {
        const char *name;
        int nid;
    } subject[] = {{"Country", NID_countryName},
                   {"Organization", NID_organizationName},
                   {"OrganizationalUnit", NID_organizationalUnitName},
                   {"DistinguishedNameQualifier", NID_dnQualifier},
                   {"StateName", NID_stateOrProvinceName},
                   {"CommonName", NID_commonName},
                   {"SerialNumber", NID_serialNumber}};
    const X509_NAME *name = X509_get_subject_name(cert->x509_);
    json_t *out = json_pack("{s:s}", "AWS::IoT::Certificate::Id", cert->id);
    char key[80];
    for (size_t i = 0; i < WR_COUNT(subject); i++) {
        int at = X509_NAME_get_index_by_NID((X509_NAME *)(uintptr_t)name, subject[i].nid, -1);
        unsigned char *text = NULL;
        int len = at < 0 ? -1
                         : ASN1_STRING_to_UTF8(
                               &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
        snprintf(key, sizeof key, "AWS::IoT::Certificate::%s", subject[i].name);
        if (len >= 0) {
            json_object_set_new(out, key, json_stringn((const char *)text, (size_t)len));
        }
        OPENSSL_free(text);
    }
    return out;
}

static void insert(struct wr_api_call *c, struct wr_db *db, struct newcomer *n)
{
    if (wr_certificate_insert(c, db,
                              &(struct wr_certificate_new){.cert = &n->cert,
                                                           .status = "PENDING_ACTIVATION",
                                                           .mode = "DEFAULT",
                                                           .ca = wr_str_of(n->ca)}) &&
        n->template) {
        json_decref(wr_api_nested(c, db, "RegisterThing",
                                  json_pack("{s:O, s:o}", "templateBody", n->template, "parameters",
                                            parameters_of(&n->cert))));
    }
}

static void run(struct wr_api_call *c, struct wr_db *db)
{
    struct newcomer *n = c->own;
    if (!may_be_one(c, db, n) || !find_owner(c, db, n)) {
        return;
    }
    insert(c, db, n);
    if (c->error || wr_db_failure(db)) {
        wr_log(WR_LOG_WARN, "admin", "the certificate %s of a device of %s is not registered: %s",
               n->cert.id, c->caller.tenant_name, c->message ? c->message : "registry.db failed");
        return;
    }
    struct wr_rows rows =
        wr_db_query(db, "SELECT status FROM certificates WHERE cert_id=?", "z", n->cert.id);
    char status[24] = "";
    if (wr_db_next(&rows)) {
        copy(status, sizeof status, wr_db_str(&rows, 0));
    }
    wr_db_end(&rows);
    json_t *event = json_pack("{s:s, s:s, s:I, s:s, s:s, s:I}", "certificateId", n->cert.id,
                              "caCertificateId", n->ca, "timestamp", (json_int_t)c->now_ms,
                              "certificateStatus", status, "awsAccountId", c->caller.account,
                              "certificateRegistrationTimestamp", (json_int_t)c->now_ms);
    char *text = json_dumps(event, JSON_COMPACT);
    wr_buf_add(&n->payload, wr_str_of(text));
    free(text);
    json_decref(event);
}

// ---- the loop

// The message lives until the broker has it.
static void on_published(void *user, wr_err err, const char *why)
{
    struct newcomer *n = user;
    if (err) {
        wr_log(WR_LOG_WARN, "admin", "that the certificate %s is registered was not published: %s",
               n->cert.id, why ? why : "");
    }
    release(n);
}

static void after(struct wr_api_call *c)
{
    struct newcomer *n = c->own;
    if (!n->payload.len) {
        return;
    }
    wr_log(
        WR_LOG_INFO, "admin",
        "a device of %s came with the certificate %s, which is PENDING_ACTIVATION now: the CA %s "
        "registers by itself",
        c->caller.tenant_name, n->cert.id, n->ca);
    c->own = NULL;
    n->with->under_way_--;
    n->with->publish(n->with->user, n->broker,
                     &(struct wr_publish){.topic = wr_buf_str(&n->topic),
                                          .payload = wr_buf_str(&n->payload),
                                          .qos = 1,
                                          .format_indicator = -1,
                                          .message_expiry_s = -1,
                                          .done = on_published,
                                          .user = n});
}

// No `write`: most newcomers are nobody's, and not what the audit log is about; what is registered
// is noted all the same. Of no tenant at first, so that it is the writer's job.
static const struct wr_api_operation operation = {
    .name = "AutoRegisterCertificate", .run = run, .after = after};

void wr_auto_register(void *at, const char *broker, wr_str der)
{
    struct wr_auto_register *with = at;
    if (!with->api || with->under_way_ >= WR_AUTO_REGISTER_MAX) {
        return;
    }
    struct newcomer *n = wr_zalloc(sizeof *n);
    n->with = with;
    copy(n->broker, sizeof n->broker, wr_str_of(broker));
    wr_buf_add(&n->der, der);
    with->under_way_++;
    wr_api_start_own(with->api, &operation,
                     &(struct wr_api_caller){
                         .role = WR_ROLE_ADMIN, .actor = "weir", .from = "the broker's plugin"},
                     n, newcomer_free);
}
