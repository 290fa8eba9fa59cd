// The order in which credentials are looked for. Each step either decides (OK, or a fault), or
// passes on (WR_ERR_MISSING).
#include "sinks/lib/aws_plan.h"

#include <stdio.h>

#include <arpa/inet.h>

#include "sinks/lib/aws_canonical.h"
#include "sinks/lib/aws_service.h"

#include "sql/base/banned.h"

#define DURATION_MIN_S 900
#define DURATION_MAX_S 43200

const char *wr_aws_provider_name(enum wr_aws_provider provider)
{
    static const char *const names[] = {
#define PROVIDER(name, text) text,
        WR_AWS_PROVIDER_MAP(PROVIDER)
#undef PROVIDER
    };
    return names[provider];
}

struct planner {
    const struct wr_aws_source *source;
    const struct wr_aws_profiles *profiles;
    struct wr_arena *arena;
    struct wr_aws_plan *plan;
    struct wr_fault *fault;
    wr_str visited[WR_AWS_ROLES_MAX];
    size_t visited_count;
};

#define FAIL(p, code, ...) wr_fault_set((p)->fault, code, __VA_ARGS__)

wr_str wr_aws_profile_name(const struct wr_aws_source *source)
{
    wr_str name = source->profile;
    name = name.len ? name : wr_aws_env("AWS_PROFILE");
    name = name.len ? name : wr_aws_env("AWS_DEFAULT_PROFILE");
    return name.len ? name : WR_STR("default");
}

wr_str wr_aws_region(const struct wr_aws_source *source, const struct wr_aws_profiles *profiles)
{
    wr_str region = wr_aws_env("AWS_REGION");
    region = region.len ? region : wr_aws_env("AWS_DEFAULT_REGION");
    return region.len || !profiles
               ? region
               : wr_aws_profile_get(profiles, wr_aws_profile_name(source), "region");
}

// ---- dates and numbers

static bool two(wr_str s, size_t at, unsigned *out)
{
    unsigned a = at + 1 < s.len ? (unsigned)s.at[at] - '0' : 99;
    unsigned b = at + 1 < s.len ? (unsigned)s.at[at + 1] - '0' : 99;
    *out = a * 10 + b;
    return a <= 9 && b <= 9;
}

bool wr_aws_time_read(wr_str s, int64_t *time_ms)
{
    char form[WR_AWS_DATE_LEN];
    unsigned hours = 0, minutes = 0;
    int sign = 0;
    int64_t ms = 0;
    if (s.len < 20 || s.at[4] != '-' || s.at[7] != '-' || (s.at[10] != 'T' && s.at[10] != ' ') ||
        s.at[13] != ':' || s.at[16] != ':') {
        return false;
    }
    memcpy(form, s.at, 4);
    memcpy(form + 4, s.at + 5, 2);
    memcpy(form + 6, s.at + 8, 2);
    form[8] = 'T';
    memcpy(form + 9, s.at + 11, 2);
    memcpy(form + 11, s.at + 14, 2);
    memcpy(form + 13, s.at + 17, 2);
    form[15] = 'Z';
    size_t i = 19;
    if (s.at[i] == '.' || s.at[i] == ',') {
        for (i++; i < s.len && s.at[i] >= '0' && s.at[i] <= '9'; i++) {
        }
    }
    wr_str zone = wr_str_cut(s, i, s.len);
    if (zone.len == 6 && zone.at[3] == ':' && (zone.at[0] == '+' || zone.at[0] == '-')) {
        sign = zone.at[0] == '+' ? -1 : 1;
        if (!two(zone, 1, &hours) || !two(zone, 4, &minutes)) {
            return false;
        }
    } else if (!wr_str_eq(zone, WR_STR("Z")) && !wr_str_eq(zone, WR_STR("UTC"))) {
        return false;
    }
    if (!wr_aws_date_read((wr_str){form, sizeof form}, &ms)) {
        return false;
    }
    *time_ms = ms + sign * (int64_t)(hours * 60 + minutes) * 60000;
    return true;
}

static uint32_t number(wr_str s, uint32_t low, uint32_t high, uint32_t fallback)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len && n <= high; i++) {
        unsigned d = (unsigned)(unsigned char)s.at[i] - '0';
        if (d > 9) {
            return fallback;
        }
        n = n * 10 + d;
    }
    return s.len == 0 || n < low || n > high ? fallback : (uint32_t)n;
}

// ---- the environment

static wr_err try_environment(struct planner *p)
{
    struct wr_aws_plan *plan = p->plan;
    wr_str id = wr_aws_env("AWS_ACCESS_KEY_ID"), secret = wr_aws_env("AWS_SECRET_ACCESS_KEY");
    wr_str token = wr_aws_env("AWS_SESSION_TOKEN"),
           expires = wr_aws_env("AWS_CREDENTIAL_EXPIRATION");
    if (id.len == 0 && secret.len == 0) {
        return WR_ERR_MISSING;
    }
    if (id.len == 0 || secret.len == 0) {
        return FAIL(p, WR_ERR_STATE, "AWS_%s is set and AWS_%s is not: set both, or none",
                    id.len ? "ACCESS_KEY_ID" : "SECRET_ACCESS_KEY",
                    id.len ? "SECRET_ACCESS_KEY" : "ACCESS_KEY_ID");
    }
    if (expires.len > 0 && !wr_aws_time_read(expires, &plan->expires_ms)) {
        return FAIL(p, WR_ERR_SYNTAX,
                    "AWS_CREDENTIAL_EXPIRATION: expected a time like 2026-01-02T03:04:05Z");
    }
    plan->provider = WR_AWS_PROVIDER_ENVIRONMENT;
    plan->key_id = id;
    plan->secret = secret;
    plan->token = token.len ? token : wr_aws_env("AWS_SECURITY_TOKEN");
    return WR_OK;
}

// ---- the container's agent

static bool is_agent(wr_str host)
{
    char name[INET6_ADDRSTRLEN + 1];
    struct in_addr four;
    struct in6_addr six, pod;
    if (host.len > 0 && host.at[0] == '[') {
        const char *end = memchr(host.at, ']', host.len);
        host = end ? wr_str_cut(host, 1, (size_t)(end - host.at)) : host;
    } else {
        const char *colon = host.len ? memchr(host.at, ':', host.len) : NULL;
        host = colon ? wr_str_cut(host, 0, (size_t)(colon - host.at)) : host;
    }
    if (host.len >= sizeof name) {
        return false;
    }
    snprintf(name, sizeof name, "%.*s", WR_STR_ARG(host));
    if (wr_str_eq_nocase(host, WR_STR("localhost"))) {
        return true;
    }
    if (inet_pton(AF_INET, name, &four) == 1) {
        uint32_t address = ntohl(four.s_addr);
        return address >> 24 == 127 || address == 0xa9feaa02 || address == 0xa9feaa17;
    }
    return inet_pton(AF_INET6, name, &six) == 1 && inet_pton(AF_INET6, "fd00:ec2::23", &pod) == 1 &&
           (memcmp(&six, &in6addr_loopback, sizeof six) == 0 ||
            memcmp(&six, &pod, sizeof six) == 0);
}

wr_err wr_aws_container_url(struct wr_arena *arena, wr_str *url, struct wr_fault *fault)
{
    wr_str relative = wr_aws_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    wr_str full = wr_aws_env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (relative.len > 0) {
        struct wr_buf b;
        wr_buf_init_arena(&b, arena);
        wr_buf_add(&b, WR_STR("http://169.254.170.2"));
        wr_buf_add(&b, relative.at[0] == '/' ? WR_STR("") : WR_STR("/"));
        wr_buf_add(&b, relative);
        *url = wr_buf_str(&b);
        return WR_OK;
    }
    if (full.len == 0) {
        return WR_ERR_MISSING;
    }
    // The path may hold a query, which wr_aws_url_read() does not take.
    const char *query = memchr(full.at, '?', full.len);
    struct wr_aws_url u;
    if (!wr_aws_url_read(query ? wr_str_cut(full, 0, (size_t)(query - full.at)) : full, &u)) {
        return wr_fault_set(fault, WR_ERR_SYNTAX,
                            "AWS_CONTAINER_CREDENTIALS_FULL_URI: expected http:// or https://");
    }
    if (!wr_str_eq(u.scheme, WR_STR("https")) && !is_agent(u.host)) {
        return wr_fault_set(fault, WR_ERR_DENIED,
                            "AWS_CONTAINER_CREDENTIALS_FULL_URI: http is for loopback addresses, "
                            "169.254.170.2, 169.254.170.23 and fd00:ec2::23 only, found %.*s",
                            WR_STR_ARG(u.host));
    }
    *url = full;
    return WR_OK;
}

static wr_err try_container(struct planner *p)
{
    struct wr_aws_plan *plan = p->plan;
    wr_err err = wr_aws_container_url(p->arena, &plan->url, p->fault);
    if (err) {
        return err;
    }
    plan->provider = WR_AWS_PROVIDER_CONTAINER;
    plan->auth_token_file = wr_aws_env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    plan->auth_token = wr_aws_env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    return WR_OK;
}

// ---- instance metadata

static wr_err try_imds(struct planner *p)
{
    struct wr_aws_plan *plan = p->plan;
    wr_str url = wr_aws_env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    wr_str mode = wr_aws_env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    struct wr_aws_url u;
    if (wr_aws_env_true("AWS_EC2_METADATA_DISABLED")) {
        return WR_ERR_MISSING;
    }
    if (url.len > 0 && !wr_aws_url_read(url, &u)) {
        return FAIL(p, WR_ERR_SYNTAX,
                    "AWS_EC2_METADATA_SERVICE_ENDPOINT: expected http://host[:port]");
    }
    if (url.len == 0) {
        url = wr_str_eq_nocase(mode, WR_STR("ipv6")) ? WR_STR("http://[fd00:ec2::254]")
                                                     : WR_STR("http://169.254.169.254");
    }
    while (url.at[url.len - 1] == '/') {
        url.len--;
    }
    plan->provider = WR_AWS_PROVIDER_IMDS;
    plan->url = url;
    plan->imds_timeout_ms = number(wr_aws_env("AWS_METADATA_SERVICE_TIMEOUT"), 1, 60, 1) * 1000;
    plan->imds_attempts = number(wr_aws_env("AWS_METADATA_SERVICE_NUM_ATTEMPTS"), 1, 10, 1);
    plan->imds_v1_disabled = wr_aws_env_true("AWS_EC2_METADATA_V1_DISABLED");
    return WR_OK;
}

// ---- profiles

static wr_str get(const struct planner *p, wr_str profile, const char *key)
{
    return wr_aws_profile_get(p->profiles, profile, key);
}

// Static keys of one file.
static wr_err try_file(struct planner *p, wr_str profile, bool credentials)
{
    enum wr_aws_section kind = credentials ? WR_AWS_SECTION_KEYS : WR_AWS_SECTION_PROFILE;
    wr_str id = wr_aws_profile_key(p->profiles, kind, profile, "aws_access_key_id");
    wr_str secret = wr_aws_profile_key(p->profiles, kind, profile, "aws_secret_access_key");
    if (id.len == 0 && secret.len == 0) {
        return WR_ERR_MISSING;
    }
    if (id.len == 0 || secret.len == 0) {
        return FAIL(p, WR_ERR_STATE, "profile %.*s has aws_%s and no aws_%s", WR_STR_ARG(profile),
                    id.len ? "access_key_id" : "secret_access_key",
                    id.len ? "secret_access_key" : "access_key_id");
    }
    p->plan->provider =
        credentials ? WR_AWS_PROVIDER_CREDENTIALS_FILE : WR_AWS_PROVIDER_CONFIG_FILE;
    p->plan->key_id = id;
    p->plan->secret = secret;
    p->plan->token = wr_aws_profile_key(p->profiles, kind, profile, "aws_session_token");
    return WR_OK;
}

static wr_err try_process(struct planner *p, wr_str profile)
{
    wr_str command = get(p, profile, "credential_process");
    if (command.len == 0) {
        return WR_ERR_MISSING;
    }
    p->plan->provider = WR_AWS_PROVIDER_PROCESS;
    p->plan->command = command;
    return WR_OK;
}

// From the environment, whose words count first, and the profile.
static wr_err try_web_identity(struct planner *p, wr_str profile, bool environment)
{
    wr_str file = environment ? wr_aws_env("AWS_WEB_IDENTITY_TOKEN_FILE") : (wr_str){0};
    wr_str arn = environment ? wr_aws_env("AWS_ROLE_ARN") : (wr_str){0};
    wr_str name = environment ? wr_aws_env("AWS_ROLE_SESSION_NAME") : (wr_str){0};
    file = file.len ? file : get(p, profile, "web_identity_token_file");
    if (file.len == 0) {
        return WR_ERR_MISSING;
    }
    arn = arn.len ? arn : get(p, profile, "role_arn");
    name = name.len ? name : get(p, profile, "role_session_name");
    if (arn.len == 0) {
        return FAIL(p, WR_ERR_STATE,
                    "a web identity's token file is given and no role: set AWS_ROLE_ARN, or "
                    "role_arn in profile %.*s",
                    WR_STR_ARG(profile));
    }
    p->plan->provider = WR_AWS_PROVIDER_WEB_IDENTITY;
    p->plan->token_file = file;
    p->plan->web = (struct wr_aws_role){.arn = arn, .session_name = name};
    return WR_OK;
}

static wr_err plan_profile(struct planner *p, wr_str profile, bool first);

static wr_err plan_credential_source(struct planner *p, wr_str profile, wr_str source)
{
    wr_err err;
    if (wr_str_eq_nocase(source, WR_STR("Environment"))) {
        err = try_environment(p);
    } else if (wr_str_eq_nocase(source, WR_STR("EcsContainer"))) {
        err = try_container(p);
    } else if (wr_str_eq_nocase(source, WR_STR("Ec2InstanceMetadata"))) {
        err = try_imds(p);
    } else {
        return FAIL(p, WR_ERR_UNKNOWN,
                    "profile %.*s: credential_source %.*s is unknown, expected Environment, "
                    "EcsContainer or Ec2InstanceMetadata",
                    WR_STR_ARG(profile), WR_STR_ARG(source));
    }
    return err == WR_ERR_MISSING
               ? FAIL(p, WR_ERR_STATE, "profile %.*s: credential_source %.*s has no credentials",
                      WR_STR_ARG(profile), WR_STR_ARG(source))
               : err;
}

// A role with source_profile or credential_source: first the source's, then this role.
static wr_err try_role(struct planner *p, wr_str profile)
{
    wr_str arn = get(p, profile, "role_arn"), from = get(p, profile, "source_profile");
    wr_str source = get(p, profile, "credential_source");
    if (arn.len == 0 || get(p, profile, "web_identity_token_file").len > 0) {
        return WR_ERR_MISSING;
    }
    if ((from.len > 0) == (source.len > 0)) {
        return FAIL(p, WR_ERR_STATE,
                    "profile %.*s has role_arn and %s of source_profile and credential_source: "
                    "expected one",
                    WR_STR_ARG(profile), from.len ? "both" : "neither");
    }
    for (size_t i = 0; i < p->visited_count; i++) {
        if (wr_str_eq(p->visited[i], profile)) {
            return FAIL(p, WR_ERR_STATE, "profile %.*s: source_profile leads back to it",
                        WR_STR_ARG(profile));
        }
    }
    if (p->visited_count == WR_AWS_ROLES_MAX) {
        return FAIL(p, WR_ERR_LIMIT, "profile %.*s: more than %d roles one after the other",
                    WR_STR_ARG(profile), WR_AWS_ROLES_MAX);
    }
    p->visited[p->visited_count++] = profile;
    wr_err err = WR_OK;
    if (source.len > 0) {
        err = plan_credential_source(p, profile, source);
    } else if (wr_str_eq(from, profile)) { // its own keys
        err = try_file(p, profile, true);
        err = err == WR_ERR_MISSING ? try_file(p, profile, false) : err;
        err = err == WR_ERR_MISSING
                  ? FAIL(p, WR_ERR_STATE,
                         "profile %.*s is its own source_profile and has no keys of its own",
                         WR_STR_ARG(profile))
                  : err;
    } else if (!wr_aws_profile_exists(p->profiles, from)) {
        err = FAIL(p, WR_ERR_UNKNOWN, "profile %.*s: there is no profile %.*s (source_profile)",
                   WR_STR_ARG(profile), WR_STR_ARG(from));
    } else {
        err = plan_profile(p, from, false);
        err =
            err == WR_ERR_MISSING
                ? FAIL(p, WR_ERR_STATE, "profile %.*s: its source_profile %.*s has no credentials",
                       WR_STR_ARG(profile), WR_STR_ARG(from))
                : err;
    }
    if (err) {
        return err;
    }
    p->plan->roles[p->plan->role_count++] = (struct wr_aws_role){
        .arn = arn,
        .external_id = get(p, profile, "external_id"),
        .session_name = get(p, profile, "role_session_name"),
        .duration_s =
            number(get(p, profile, "duration_seconds"), DURATION_MIN_S, DURATION_MAX_S, 0),
    };
    return get(p, profile, "mfa_serial").len
               ? FAIL(p, WR_ERR_UNSUPPORTED,
                      "profile %.*s: mfa_serial wants a person; use credential_process",
                      WR_STR_ARG(profile))
               : WR_OK;
}

// WR_ERR_MISSING without a text of its own: the next provider may be asked.
static wr_err plan_profile(struct planner *p, wr_str profile, bool first)
{
    wr_err err = try_role(p, profile);
    if (err == WR_ERR_MISSING) {
        err = try_web_identity(p, profile, first && p->source->profile.len == 0);
    }
    err = err == WR_ERR_MISSING ? try_file(p, profile, true) : err;
    err = err == WR_ERR_MISSING ? try_process(p, profile) : err;
    err = err == WR_ERR_MISSING ? try_file(p, profile, false) : err;
    if (err == WR_ERR_MISSING &&
        (get(p, profile, "sso_session").len > 0 || get(p, profile, "sso_start_url").len > 0)) {
        return FAIL(
            p, WR_ERR_UNSUPPORTED,
            "profile %.*s uses SSO, which weir does not speak: use credential_process = aws "
            "configure export-credentials --profile %.*s",
            WR_STR_ARG(profile), WR_STR_ARG(profile));
    }
    return err;
}

// ---- all

static wr_err plan_chain(struct planner *p)
{
    wr_str profile = wr_aws_profile_name(p->source);
    bool chosen = p->source->profile.len > 0;
    wr_err err = chosen ? WR_ERR_MISSING : try_environment(p);
    if (err == WR_ERR_MISSING &&
        (chosen || wr_aws_env("AWS_PROFILE").len || wr_aws_env("AWS_DEFAULT_PROFILE").len) &&
        !wr_aws_profile_exists(p->profiles, profile)) {
        return FAIL(p, WR_ERR_UNKNOWN, "there is no profile %.*s", WR_STR_ARG(profile));
    }
    err = err == WR_ERR_MISSING ? plan_profile(p, profile, true) : err;
    err = err == WR_ERR_MISSING ? try_container(p) : err;
    err = err == WR_ERR_MISSING ? try_imds(p) : err;
    return err == WR_ERR_MISSING
               ? FAIL(p, WR_ERR_MISSING,
                      "no credentials: neither in the environment (AWS_ACCESS_KEY_ID) nor in "
                      "profile %.*s, no container endpoint, and instance metadata is disabled",
                      WR_STR_ARG(profile))
               : err;
}

wr_err wr_aws_plan_make(const struct wr_aws_source *source, const struct wr_aws_profiles *profiles,
                        struct wr_arena *arena, struct wr_aws_plan *out, struct wr_fault *fault)
{
    struct wr_fault own = {0};
    struct wr_aws_plan plan = {.region = wr_aws_region(source, profiles),
                               .profile = wr_aws_profile_name(source)};
    struct planner p = {source, profiles, arena, &plan, &own};
    wr_err err = WR_OK;
    if (source->role_arn.len > 0) {
        plan.provider = WR_AWS_PROVIDER_BASE;
        plan.roles[plan.role_count++] = (struct wr_aws_role){.arn = source->role_arn};
    } else if (source->key_id.len > 0) {
        plan.provider = WR_AWS_PROVIDER_SETTINGS;
        plan.key_id = source->key_id;
        plan.secret = source->secret;
        plan.token = source->token;
    } else if (source->iot_role_alias.len > 0) {
        plan.provider = WR_AWS_PROVIDER_IOT;
        struct wr_buf b;
        wr_buf_init_arena(&b, arena);
        wr_buf_add(&b, source->iot_endpoint);
        wr_buf_add(&b, WR_STR("/role-aliases/"));
        wr_aws_encode(&b, source->iot_role_alias, false);
        wr_buf_add(&b, WR_STR("/credentials"));
        plan.url = wr_buf_str(&b);
    } else {
        err = plan_chain(&p);
    }
    if (err) {
        if (fault) {
            *fault = own;
        }
        return err;
    }
    *out = plan;
    return WR_OK;
}
