// What weir keeps for those who manage it and does not act on itself: domain configurations and
// logging options (control-plane.md 5, tier 3). The header x-weir-warning says so at each change.
#include <stdio.h>
#include <string.h>

#include "engine/admin/api_tags.h"
#include "engine/admin/families.h"

#include "sql/base/banned.h"

#define PAGE        50
#define DOMAINS_MAX 10 // control-plane.md 3

static void warn_kept(struct wr_api_call *c)
{
    wr_api_warn(c, "kept and given back, but nothing in weir follows it");
}

// ---- domain configurations: the members that were given, as one JSON object

static const char *const members[] = {"authorizerConfig",        "tlsConfig",
                                      "serverCertificateConfig", "authenticationType",
                                      "applicationProtocol",     "clientCertificateConfig"};

static void take_members(const struct wr_api_call *c, json_t *settings)
{
    for (size_t i = 0; i < WR_COUNT(members); i++) {
        json_t *value = wr_api_json(c, members[i]);
        if (value) {
            json_object_set(settings, members[i], value);
        }
    }
}

// The ARN ends in a random word, as AWS's do.
static void put_arn(struct wr_api_call *c, json_t *to, const char *name, wr_str suffix)
{
    char arn[512];
    json_object_set_new(to, "domainConfigurationName", json_string(name));
    json_object_set_new(
        to, "domainConfigurationArn",
        json_string(wr_api_arn(c, arn, "domainconfiguration/%s/%.*s", name, WR_STR_ARG(suffix))));
}

static void create_domain(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "domainConfigurationName");
    const json_t *certificates = wr_api_json(c, "serverCertificateArns");
    if (wr_db_one(db, 0, "SELECT 1 FROM domain_configurations WHERE realm=? AND name=?", "iz",
                  c->realm, name)) {
        wr_api_fail(c, WR_API_EXISTS, "Domain configuration %s already exists", name);
        return;
    }
    if (wr_db_one(db, 0, "SELECT count(*) FROM domain_configurations WHERE realm=?", "i",
                  c->realm) >= DOMAINS_MAX) {
        wr_api_fail(c, WR_API_LIMIT_EXCEEDED, "there are %d domain configurations already",
                    DOMAINS_MAX);
        return;
    }
    if (json_array_size(certificates) > 1) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "serverCertificateArns: at most one is allowed");
        return;
    }
    char id[37], arn[512];
    wr_api_make_id(id);
    wr_str suffix = {id, 5};
    json_t *settings = json_object();
    take_members(c, settings);
    static const char *const own[] = {"domainName", "serverCertificateArns",
                                      "validationCertificateArn", "serviceType"};
    for (size_t i = 0; i < WR_COUNT(own); i++) {
        if (wr_api_json(c, own[i])) {
            json_object_set(settings, own[i], wr_api_json(c, own[i]));
        }
    }
    wr_db_run(db,
              "INSERT INTO domain_configurations(realm, name, suffix, status, settings, modified) "
              "VALUES(?,?,?,'ENABLED',?,?)",
              "izsji", c->realm, name, suffix, settings, c->now_ms);
    json_decref(settings);
    put_arn(c, c->out, name, suffix);
    wr_api_arn(c, arn, "domainconfiguration/%s/%.*s", name, WR_STR_ARG(suffix));
    if (wr_api_set_tags(c, db, arn, wr_api_json(c, "tags"))) {
        wr_api_audit_arn(c, arn);
        warn_kept(c);
    }
}

static void no_domain(struct wr_api_call *c, struct wr_db *db)
{
    if (!wr_db_failure(db)) {
        wr_api_fail(c, WR_API_NOT_FOUND, "Domain configuration %s not found",
                    wr_api_text(c, "domainConfigurationName"));
    }
}

static void describe_domain(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "domainConfigurationName");
    struct wr_rows rows = wr_db_query(db,
                                      "SELECT suffix, status, settings, modified FROM "
                                      "domain_configurations WHERE realm=? AND name=?",
                                      "iz", c->realm, name);
    if (!wr_db_next(&rows)) {
        no_domain(c, db);
        wr_db_end(&rows);
        return;
    }
    json_t *settings = wr_db_json(&rows, 2);
    const char *domain = json_string_value(json_object_get(settings, "domainName"));
    const char *service = json_string_value(json_object_get(settings, "serviceType"));
    put_arn(c, c->out, name, wr_db_str(&rows, 0));
    json_object_set_new(c->out, "domainConfigurationStatus", wr_db_json_str(&rows, 1));
    json_object_set_new(c->out, "lastStatusChangeDate", wr_api_time(wr_db_int(&rows, 3)));
    json_object_set_new(c->out, "serviceType", json_string(service ? service : "DATA"));
    json_object_set_new(c->out, "domainType",
                        json_string(domain ? "CUSTOMER_MANAGED" : "AWS_MANAGED"));
    json_object_set_new(c->out, "serverCertificates", json_array());
    if (domain) {
        json_object_set_new(c->out, "domainName", json_string(domain));
    }
    const char *arn =
        json_string_value(json_array_get(json_object_get(settings, "serverCertificateArns"), 0));
    if (arn) {
        json_array_append_new(json_object_get(c->out, "serverCertificates"),
                              json_pack("{s:s, s:s}", "serverCertificateArn", arn,
                                        "serverCertificateStatus", "VALID"));
    }
    for (size_t i = 0; i < WR_COUNT(members); i++) {
        json_t *value = json_object_get(settings, members[i]);
        if (value) {
            json_object_set(c->out, members[i], value);
        }
    }
    json_decref(settings);
    wr_db_end(&rows);
}

static void update_domain(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "domainConfigurationName");
    struct wr_rows rows = wr_db_query(
        db, "SELECT suffix, settings FROM domain_configurations WHERE realm=? AND name=?", "iz",
        c->realm, name);
    if (!wr_db_next(&rows)) {
        no_domain(c, db);
        wr_db_end(&rows);
        return;
    }
    put_arn(c, c->out, name, wr_db_str(&rows, 0));
    json_t *settings = wr_db_json(&rows, 1);
    wr_db_end(&rows);
    take_members(c, settings);
    if (wr_api_bool(c, "removeAuthorizerConfig", false)) {
        json_object_del(settings, "authorizerConfig");
    }
    wr_db_run(db,
              "UPDATE domain_configurations SET settings=?, status=coalesce(?, status), modified=? "
              "WHERE realm=? AND name=?",
              "jziiz", settings, wr_api_text(c, "domainConfigurationStatus"), c->now_ms, c->realm,
              name);
    json_decref(settings);
    wr_api_audit_arn(c, json_string_value(json_object_get(c->out, "domainConfigurationArn")));
    warn_kept(c);
}

static void list_domains(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, PAGE, false)) {
        return;
    }
    json_t *all = json_array();
    json_object_set_new(c->out, "domainConfigurations", all);
    struct wr_rows rows = wr_db_query(
        db,
        "SELECT id, name, suffix, coalesce(json_extract(settings,'$.serviceType'),'DATA') FROM "
        "domain_configurations WHERE realm=?1 AND id>?2 AND (?3 IS NULL OR "
        "coalesce(json_extract(settings,'$.serviceType'),'DATA')=?3) ORDER BY id",
        "iiz", c->realm, page.after, wr_api_text(c, "serviceType"));
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        json_t *one = json_object();
        char name[129];
        snprintf(name, sizeof name, "%.*s", WR_STR_ARG(wr_db_str(&rows, 1)));
        put_arn(c, one, name, wr_db_str(&rows, 2));
        json_object_set_new(one, "serviceType", wr_db_json_str(&rows, 3));
        json_array_append_new(all, one);
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

static void delete_domain(struct wr_api_call *c, struct wr_db *db)
{
    const char *name = wr_api_text(c, "domainConfigurationName");
    struct wr_rows rows =
        wr_db_query(db, "SELECT status, suffix FROM domain_configurations WHERE realm=? AND name=?",
                    "iz", c->realm, name);
    bool found = wr_db_next(&rows);
    bool enabled = found && wr_str_eq(wr_db_str(&rows, 0), WR_STR("ENABLED"));
    char arn[512] = "";
    if (found) {
        wr_api_arn(c, arn, "domainconfiguration/%s/%.*s", name, WR_STR_ARG(wr_db_str(&rows, 1)));
    }
    wr_db_end(&rows);
    if (!found) {
        no_domain(c, db);
    } else if (enabled) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "Domain configuration %s must be DISABLED before it is deleted", name);
    } else {
        wr_db_run(db, "DELETE FROM domain_configurations WHERE realm=? AND name=?", "iz", c->realm,
                  name);
        wr_api_drop_tags(c, db, arn);
        wr_api_audit_arn(c, arn);
    }
}

// ---- logging options

static void set_logging(struct wr_api_call *c, struct wr_db *db)
{
    wr_db_run(db,
              "INSERT INTO logging_options(realm, settings) VALUES(?1,?2) ON CONFLICT(realm) DO "
              "UPDATE SET settings=json_patch(settings, ?2)",
              "ij", c->realm, c->in);
    warn_kept(c);
}

static void get_logging(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_rows rows =
        wr_db_query(db, "SELECT settings FROM logging_options WHERE realm=?", "i", c->realm);
    json_t *settings = wr_db_next(&rows) ? wr_db_json(&rows, 0) : NULL;
    wr_db_end(&rows);
    if (!settings) {
        if (!wr_db_failure(db)) {
            wr_api_fail(c, WR_API_NOT_CONFIGURED, "Logging options are not set for this account");
        }
        return;
    }
    static const char *const answered[] = {"roleArn", "defaultLogLevel", "disableAllLogs",
                                           "eventConfigurations"};
    for (size_t i = 0; i < WR_COUNT(answered); i++) {
        bool verbose =
            strcmp(answered[i], "eventConfigurations") != 0 || wr_api_bool(c, "verbose", false);
        json_t *value = json_object_get(settings, answered[i]);
        if (value && verbose) {
            json_object_set(c->out, answered[i], value);
        }
    }
    if (!json_object_get(c->out, "disableAllLogs")) {
        json_object_set_new(c->out, "disableAllLogs", json_false());
    }
    json_decref(settings);
}

// ---- the table

#define DOMAIN_NAME                                                                   \
    {                                                                                 \
        .name = "domainConfigurationName", .place = WR_API_IN_PATH, .required = true, \
        .pattern = WR_API_DOMAIN_PATTERN, .min = 1, .max = 128                        \
    }
#define SHARED                                                                            \
    WR_API_BODY("authorizerConfig", OBJECT), WR_API_BODY("tlsConfig", OBJECT),            \
        WR_API_BODY("serverCertificateConfig", OBJECT),                                   \
        WR_API_BODY("authenticationType", STRING,                                         \
                    .one_of = "CUSTOM_AUTH_X509|CUSTOM_AUTH|AWS_X509|AWS_SIGV4|DEFAULT"), \
        WR_API_BODY("applicationProtocol", STRING,                                        \
                    .one_of = "SECURE_MQTT|MQTT_WSS|HTTPS|DEFAULT"),                      \
        WR_API_BODY("clientCertificateConfig", OBJECT)

static const struct wr_api_member create_domain_in[] = {
    DOMAIN_NAME,
    WR_API_BODY("domainName", STRING, .min = 1, .max = 253),
    WR_API_BODY("serverCertificateArns", LIST),
    WR_API_BODY("validationCertificateArn", STRING, .min = 1, .max = 2048),
    WR_API_BODY("serviceType", STRING, .one_of = "DATA|CREDENTIAL_PROVIDER|JOBS"),
    WR_API_BODY("tags", LIST),
    SHARED,
    {0},
};
static const struct wr_api_member update_domain_in[] = {
    DOMAIN_NAME,
    WR_API_BODY("domainConfigurationStatus", STRING, .one_of = "ENABLED|DISABLED"),
    WR_API_BODY("removeAuthorizerConfig", BOOL),
    SHARED,
    {0},
};
static const struct wr_api_member domain_in[] = {DOMAIN_NAME, {0}};
static const struct wr_api_member list_domains_in[] = {
    WR_API_QUERY("marker", STRING, .pattern = WR_API_MARKER_PATTERN, .max = 1024),
    WR_API_QUERY("pageSize", INT, .min = 1, .max = 250),
    WR_API_QUERY("serviceType", STRING, .one_of = "DATA|CREDENTIAL_PROVIDER|JOBS"),
    {0},
};
static const struct wr_api_member set_logging_in[] = {
    WR_API_BODY("roleArn", STRING, .max = 2048),
    WR_API_BODY("defaultLogLevel", STRING, .one_of = "DEBUG|INFO|ERROR|WARN|DISABLED"),
    WR_API_BODY("disableAllLogs", BOOL),
    WR_API_BODY("eventConfigurations", LIST),
    {0},
};
static const struct wr_api_member get_logging_in[] = {WR_API_QUERY("verbose", BOOL), {0}};

#define DOMAIN "/domainConfigurations/{domainConfigurationName}"

static const struct wr_api_operation operations[] = {
    {.name = "CreateDomainConfiguration",
     .method = "POST",
     .path = DOMAIN,
     .in = create_domain_in,
     .write = true,
     .run = create_domain},
    {.name = "DescribeDomainConfiguration",
     .method = "GET",
     .path = DOMAIN,
     .in = domain_in,
     .run = describe_domain},
    {.name = "UpdateDomainConfiguration",
     .method = "PUT",
     .path = DOMAIN,
     .in = update_domain_in,
     .write = true,
     .run = update_domain},
    {.name = "ListDomainConfigurations",
     .method = "GET",
     .path = "/domainConfigurations",
     .in = list_domains_in,
     .run = list_domains},
    {.name = "DeleteDomainConfiguration",
     .method = "DELETE",
     .path = DOMAIN,
     .in = domain_in,
     .write = true,
     .run = delete_domain},
    {.name = "SetV2LoggingOptions",
     .method = "POST",
     .path = "/v2LoggingOptions",
     .in = set_logging_in,
     .write = true,
     .run = set_logging},
    {.name = "GetV2LoggingOptions",
     .method = "GET",
     .path = "/v2LoggingOptions",
     .in = get_logging_in,
     .run = get_logging},
};

void wr_api_add_settings(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
