// The table of services, and where they are.
#include "sinks/lib/aws_service.h"

#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>

#include "sinks/lib/aws_profile.h"

#include "sql/base/banned.h"

const struct wr_aws_service_info wr_aws_services[WR_AWS_SERVICE_COUNT] = {
#define SERVICE(name, signing, host, variable, text) \
    {WR_STR_INIT(signing), WR_STR_INIT(host), WR_STR_INIT(variable), WR_STR_INIT(text)},
    WR_AWS_SERVICE_MAP(SERVICE)
#undef SERVICE
};

wr_str wr_aws_env(const char *name)
{
    return wr_str_of(getenv(name));
}

bool wr_aws_env_true(const char *name)
{
    wr_str v = wr_aws_env(name);
    return wr_str_eq_nocase(v, WR_STR("true")) || wr_str_eq(v, WR_STR("1"));
}

// "CLOUDWATCH_LOGS" of the variable is "cloudwatch_logs" in a file.
static void lower(wr_str s, char out[64])
{
    size_t len = s.len < 63 ? s.len : 63;
    for (size_t i = 0; i < len; i++) {
        out[i] = (char)(s.at[i] >= 'A' && s.at[i] <= 'Z' ? s.at[i] + 32 : s.at[i]);
    }
    out[len] = '\0';
}

wr_str wr_aws_configured_endpoint(enum wr_aws_service service,
                                  const struct wr_aws_profiles *profiles, wr_str profile)
{
    const struct wr_aws_service_info *info = &wr_aws_services[service];
    char name[96], key[64];
    wr_str found;
    if (info->variable.len == 0 || wr_aws_env_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) {
        return (wr_str){0};
    }
    snprintf(name, sizeof name, "AWS_ENDPOINT_URL_%.*s", WR_STR_ARG(info->variable));
    found = wr_aws_env(name);
    found = found.len ? found : wr_aws_env("AWS_ENDPOINT_URL");
    if (found.len || !profiles ||
        wr_str_eq_nocase(wr_aws_profile_get(profiles, profile, "ignore_configured_endpoint_urls"),
                         WR_STR("true"))) {
        return found;
    }
    lower(info->variable, key);
    wr_str section = wr_aws_profile_get(profiles, profile, "services");
    found = section.len ? wr_aws_profile_nested(profiles, WR_AWS_SECTION_SERVICES, section, key,
                                                "endpoint_url")
                        : (wr_str){0};
    return found.len ? found : wr_aws_profile_get(profiles, profile, "endpoint_url");
}

bool wr_aws_default_endpoint(struct wr_buf *b, enum wr_aws_service service, wr_str prefix,
                             wr_str region)
{
    const struct wr_aws_service_info *info = &wr_aws_services[service];
    if (info->host.len == 0) {
        return false;
    }
    wr_buf_add(b, WR_STR("https://"));
    wr_buf_add(b, prefix);
    wr_buf_add(b, info->host);
    wr_buf_add_char(b, '.');
    wr_buf_add(b, region);
    wr_buf_add(b, wr_str_starts(region, WR_STR("cn-")) ? WR_STR(".amazonaws.com.cn")
                                                       : WR_STR(".amazonaws.com"));
    return true;
}

bool wr_aws_is_region(wr_str region)
{
    for (size_t i = 0; i < region.len; i++) {
        char c = region.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    return region.len > 0 && region.len <= 64;
}

bool wr_aws_url_read(wr_str url, struct wr_aws_url *out)
{
    struct wr_aws_url u = {.scheme = WR_STR("https")};
    if (wr_str_starts(url, WR_STR("http://"))) {
        u.scheme = WR_STR("http");
    } else if (!wr_str_starts(url, WR_STR("https://"))) {
        return false;
    }
    url = wr_str_cut(url, u.scheme.len + 3, url.len);
    const char *slash = url.len ? memchr(url.at, '/', url.len) : NULL;
    size_t at = slash ? (size_t)(slash - url.at) : url.len;
    u.host = wr_str_cut(url, 0, at);
    u.path = wr_str_cut(url, at, url.len);
    while (u.path.len > 0 && u.path.at[u.path.len - 1] == '/') {
        u.path.len--;
    }
    for (size_t i = 0; i < url.len; i++) {
        unsigned char c = (unsigned char)url.at[i];
        if (c <= ' ' || c == '@' || c == '?' || c == '#' || c == '\\' || c >= 127) {
            return false;
        }
    }
    if (u.host.len == 0 || u.host.at[0] == ':') {
        return false;
    }
    *out = u;
    return true;
}

static wr_str without_port(wr_str host)
{
    if (host.len > 0 && host.at[0] == '[') {
        const char *end = memchr(host.at, ']', host.len);
        return end ? wr_str_cut(host, 1, (size_t)(end - host.at)) : host;
    }
    const char *colon = host.len ? memchr(host.at, ':', host.len) : NULL;
    return colon ? wr_str_cut(host, 0, (size_t)(colon - host.at)) : host;
}

bool wr_aws_host_is_local(wr_str host)
{
    char name[INET6_ADDRSTRLEN + 1];
    unsigned char address[16];
    host = without_port(host);
    if (wr_str_eq_nocase(host, WR_STR("localhost"))) {
        return true;
    }
    snprintf(name, sizeof name, "%.*s", WR_STR_ARG(host));
    return host.len < sizeof name &&
           (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1);
}

bool wr_aws_arn_read(wr_str arn, struct wr_aws_arn *out)
{
    wr_str parts[6];
    for (size_t i = 0; i < WR_COUNT(parts); i++) {
        const char *colon =
            i + 1 < WR_COUNT(parts) && arn.len ? memchr(arn.at, ':', arn.len) : NULL;
        if (!colon && i + 1 < WR_COUNT(parts)) {
            return false;
        }
        size_t len = colon ? (size_t)(colon - arn.at) : arn.len;
        parts[i] = wr_str_cut(arn, 0, len);
        arn = wr_str_cut(arn, colon ? len + 1 : len, arn.len);
    }
    if (!wr_str_eq(parts[0], WR_STR("arn")) || !parts[1].len || !parts[2].len || !parts[5].len) {
        return false;
    }
    *out = (struct wr_aws_arn){parts[1], parts[2], parts[3], parts[4], parts[5]};
    return true;
}
