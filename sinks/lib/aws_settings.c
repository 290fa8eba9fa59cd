// From texts of weir.yaml to struct wr_aws_options.
#include "sinks/lib/aws_settings.h"

#include <stdio.h>

#include "sql/base/banned.h"

const struct wr_option wr_aws_settings[] = {
    {"region", WR_OPT_STRING, 0, "",
     .help = "Region of requests whose ARN or URL names none; without it weir's region if that is "
             "set, AWS_REGION, the profile's, the machine's, us-east-1."},
    {"profile", WR_OPT_STRING, 0, "",
     .help = "Profile of ~/.aws; without it AWS_PROFILE. With it the environment's keys do not "
             "count."},
    {"access_key_id", WR_OPT_STRING, 0, "",
     .help = "Keys of weir's own; a profile, a role or the environment is safer."},
    {"secret_access_key", WR_OPT_STRING, WR_OPT_SECRET, "", .help = "Secret of access_key_id."},
    {"session_token", WR_OPT_STRING, WR_OPT_SECRET, "", .help = "Token of temporary keys."},
    {"endpoint", WR_OPT_STRING, 0, "", .unit = "URL",
     .help = "Where all services are: http://localhost:4566. http is allowed where it says so."},
    {"endpoints.*", WR_OPT_STRING, 0, .unit = "URL",
     .help = "Where one service is, by the name it has in ~/.aws/config: endpoints.dynamodb."},
    {"ca_file", WR_OPT_STRING, 0, "", .unit = "path",
     .help = "Certificates (PEM) that may sign the services'; without it AWS_CA_BUNDLE, the "
             "profile's, the system's."},
    {"roles.*", WR_OPT_STRING, 0,
     .help = "What roleArn means in rules: an ARN, * and ? allowed, and passthrough (its default: "
             "the credentials as they are), assume, or profile:NAME. The first that fits decides."},
    {"iot_endpoint", WR_OPT_STRING, 0, "", .unit = "URL",
     .help = "Credentials by a device's certificate: "
             "https://PREFIX.credentials.iot.REGION.amazonaws.com."},
    {"iot_role_alias", WR_OPT_STRING, 0, "", .help = "Role alias to ask there for."},
    {"iot_thing", WR_OPT_STRING, 0, "", .help = "Name of the thing that the certificate is of."},
    {"iot_cert_file", WR_OPT_STRING, 0, "", .unit = "path", .help = "The device's certificate."},
    {"iot_key_file", WR_OPT_STRING, 0, "", .unit = "path", .help = "Its key."},
    {"iot_ca_file", WR_OPT_STRING, 0, "", .unit = "path",
     .help = "Certificates that may sign that endpoint's; without it the system's."},
    {"connect_timeout", WR_OPT_INT, 0, "5000", .unit = "ms", .min = 1, .max = 600000,
     .help = "How long name, connection and TLS may take together."},
    {"timeout", WR_OPT_INT, 0, "30000", .unit = "ms", .min = 1, .max = 600000,
     .help = "How long a request may take as a whole."},
    {"connections", WR_OPT_INT, 0, "256", .min = 1, .max = 65536,
     .help = "Connections in all; more requests wait for one."},
    {"connections_per_host", WR_OPT_INT, 0, "64", .min = 1, .max = 65536,
     .help = "Connections to one host."},
    {0},
};

// The service that is called `name` in ~/.aws/config, or in a signature.
static int find_service(wr_str name)
{
    for (int i = 0; i < WR_AWS_SERVICE_COUNT; i++) {
        const struct wr_aws_service_info *s = &wr_aws_services[i];
        if ((s->variable.len > 0 && wr_str_eq_nocase(name, s->variable)) ||
            wr_str_eq(name, s->signing)) {
            return i;
        }
    }
    return -1;
}

static wr_err unknown_service(wr_str name, struct wr_fault *fault)
{
    const char *near = "s3";
    size_t best = SIZE_MAX;
    for (int i = 0; i < WR_AWS_SERVICE_COUNT; i++) {
        wr_str known = wr_aws_services[i].signing;
        size_t d = wr_str_distance(name, known);
        if (d < best) {
            best = d;
            near = known.at;
        }
    }
    return wr_fault_set(fault, WR_ERR_UNKNOWN,
                        "aws.endpoints.%.*s: no such service, did you mean \"%s\"?",
                        WR_STR_ARG(name), near);
}

static wr_err read_endpoints(const struct wr_settings *s, const char **endpoints,
                             struct wr_fault *fault)
{
    char full[256];
    for (size_t i = 0; i < wr_settings_count(s, "endpoints"); i++) {
        const char *name = wr_settings_name(s, "endpoints", i);
        int service = find_service(wr_str_of(name));
        struct wr_aws_url u;
        if (service < 0) {
            return unknown_service(wr_str_of(name), fault);
        }
        snprintf(full, sizeof full, "endpoints.%s", name);
        endpoints[service] = wr_settings_get(s, full);
        if (!wr_aws_url_read(wr_str_of(endpoints[service]), &u)) {
            return wr_fault_set(
                fault, WR_ERR_SYNTAX,
                "aws.%s: expected http://host[:port] or https://host[:port], found "
                "\"%s\"",
                full, strchr(endpoints[service], '@') ? "one with a user" : endpoints[service]);
        }
    }
    return WR_OK;
}

static wr_err read_roles(const struct wr_settings *s, struct wr_aws_role_rule *roles, size_t *count,
                         struct wr_fault *fault)
{
    *count = wr_settings_count(s, "roles");
    if (*count > WR_AWS_ROLE_RULES_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "aws.roles: found %zu, at most %d", *count,
                            WR_AWS_ROLE_RULES_MAX);
    }
    for (size_t i = 0; i < *count; i++) {
        const char *pattern = wr_settings_name(s, "roles", i);
        char full[2200]; // an ARN has at most 2048
        int len = snprintf(full, sizeof full, "roles.%s", pattern);
        const char *use =
            len > 0 && (size_t)len < sizeof full ? wr_settings_get(s, full) : "too long";
        roles[i] = (struct wr_aws_role_rule){.pattern = pattern};
        if (strcmp(use, "assume") == 0) {
            roles[i].use = WR_AWS_ROLE_ASSUME;
        } else if (strncmp(use, "profile:", 8) == 0 && use[8]) {
            roles[i].use = WR_AWS_ROLE_PROFILE;
            roles[i].profile = use + 8;
        } else if (strcmp(use, "passthrough") != 0) {
            return wr_fault_set(fault, WR_ERR_RANGE,
                                "aws.roles.%.200s: expected passthrough, assume or profile:NAME, "
                                "found \"%.200s\"",
                                pattern, use);
        }
    }
    return WR_OK;
}

static const char *file(const struct wr_settings *s, const char *name)
{
    const char *path = wr_settings_get(s, name);
    return *path ? path : NULL;
}

static uint32_t number(const struct wr_settings *s, const char *name)
{
    return (uint32_t)wr_settings_int(s, name);
}

wr_err wr_aws_open_settings(uv_loop_t *loop, const struct wr_settings *s,
                            struct wr_recorder *recorder,
                            void (*log)(void *user, enum wr_aws_level level, const char *line),
                            void *log_user, struct wr_aws **out, struct wr_fault *fault)
{
    const char *endpoints[WR_AWS_SERVICE_COUNT] = {0};
    struct wr_aws_role_rule roles[WR_AWS_ROLE_RULES_MAX];
    struct wr_aws_options o = {
        .region = wr_settings_get(s, "region"),
        .profile = wr_settings_get(s, "profile"),
        .access_key_id = wr_settings_get(s, "access_key_id"),
        .secret_access_key = wr_settings_get(s, "secret_access_key"),
        .session_token = wr_settings_get(s, "session_token"),
        .iot_endpoint = wr_settings_get(s, "iot_endpoint"),
        .iot_role_alias = wr_settings_get(s, "iot_role_alias"),
        .iot_thing = wr_settings_get(s, "iot_thing"),
        .iot_cert_file = file(s, "iot_cert_file"),
        .iot_key_file = file(s, "iot_key_file"),
        .iot_ca_file = file(s, "iot_ca_file"),
        .endpoint = wr_settings_get(s, "endpoint"),
        .endpoints = endpoints,
        .ca_file = file(s, "ca_file"),
        .roles = roles,
        .connect_timeout_ms = number(s, "connect_timeout"),
        .timeout_ms = number(s, "timeout"),
        .connections_max = number(s, "connections"),
        .per_host_max = number(s, "connections_per_host"),
        .recorder = recorder,
        .log = log,
        .log_user = log_user,
    };
    if (!*o.access_key_id != !*o.secret_access_key) {
        return wr_fault_set(fault, WR_ERR_MISSING, "aws.%s: missing, required beside aws.%s",
                            *o.access_key_id ? "secret_access_key" : "access_key_id",
                            *o.access_key_id ? "access_key_id" : "secret_access_key");
    }
    wr_err err = read_endpoints(s, endpoints, fault);
    err = err ? err : read_roles(s, roles, &o.role_count, fault);
    err = err ? err : wr_aws_open(loop, &o, out, fault);
    return err;
}
