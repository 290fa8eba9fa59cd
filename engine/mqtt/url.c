// Splits mqtt.url; no other part of weir reads it.
#include "engine/mqtt/url.h"

#include "sql/base/banned.h"

#define EXPECTED "expected mqtt://host[:port] or mqtts://host[:port]"

static wr_err parse_port(wr_str url, wr_str digits, int *port, struct wr_fault *fault)
{
    size_t at = (size_t)(digits.at - url.at);
    int value = 0;
    if (digits.len == 0) {
        return wr_fault_at(fault, WR_ERR_SYNTAX, url, at, "found no port after ':', " EXPECTED);
    }
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9') {
            return wr_fault_at(fault, WR_ERR_SYNTAX, url, at,
                               "found the port '%.*s', expected a number of 1 to 65535",
                               WR_STR_ARG(digits));
        }
        value = value * 10 + (digits.at[i] - '0');
        if (value > 65535) {
            break;
        }
    }
    if (value < 1 || value > 65535) {
        return wr_fault_at(fault, WR_ERR_RANGE, url, at,
                           "found the port %.*s, expected a number of 1 to 65535",
                           WR_STR_ARG(digits));
    }
    *port = value;
    return WR_OK;
}

// What people carry over from other programs, each with what to do instead.
static wr_err check_authority(wr_str url, wr_str rest, struct wr_fault *fault)
{
    const char *user_end = rest.len ? memchr(rest.at, '@', rest.len) : NULL;
    if (user_end) { // what is before it is not quoted: it may be a password
        return wr_fault_at(fault, WR_ERR_UNSUPPORTED, url, (size_t)(user_end - url.at),
                           "found a user name in the URL: set mqtt.username and "
                           "mqtt.password_file instead");
    }
    for (size_t i = 0; i < rest.len; i++) {
        size_t at = (size_t)(rest.at - url.at) + i;
        unsigned char c = (unsigned char)rest.at[i];
        if (c == '/' || c == '?' || c == '#') {
            return wr_fault_at(fault, WR_ERR_SYNTAX, url, at,
                               "found '%.*s' after the address, " EXPECTED,
                               WR_STR_ARG(wr_str_cut(rest, i, rest.len)));
        }
        if (c <= ' ' || c == 0x7f) {
            return wr_fault_at(fault, WR_ERR_SYNTAX, url, at,
                               "found a blank or control character in the URL, " EXPECTED);
        }
    }
    return WR_OK;
}

static wr_err split_host(wr_str url, wr_str rest, wr_str *host, wr_str *port, bool *has_port,
                         struct wr_fault *fault)
{
    size_t at = (size_t)(rest.at - url.at);
    wr_str tail;
    if (rest.len > 0 && rest.at[0] == '[') {
        const char *end = memchr(rest.at, ']', rest.len);
        if (!end) {
            return wr_fault_at(fault, WR_ERR_SYNTAX, url, at,
                               "found '[' without ']', expected an IPv6 address in brackets");
        }
        *host = wr_str_cut(rest, 1, (size_t)(end - rest.at));
        tail = wr_str_cut(rest, (size_t)(end - rest.at) + 1, rest.len);
    } else {
        const char *colon = rest.len ? memchr(rest.at, ':', rest.len) : NULL;
        size_t len = colon ? (size_t)(colon - rest.at) : rest.len;
        *host = wr_str_cut(rest, 0, len);
        tail = wr_str_cut(rest, len, rest.len);
        if (colon && memchr(colon + 1, ':', rest.len - len - 1)) {
            return wr_fault_at(fault, WR_ERR_SYNTAX, url, at,
                               "found an IPv6 address without brackets, expected mqtt://[%.*s]",
                               WR_STR_ARG(rest));
        }
    }
    *has_port = tail.len > 0;
    if (*has_port && tail.at[0] != ':') {
        return wr_fault_at(fault, WR_ERR_SYNTAX, url, (size_t)(tail.at - url.at),
                           "found '%.*s' after the address, expected ':' and a port",
                           WR_STR_ARG(tail));
    }
    *port = *has_port ? wr_str_cut(tail, 1, tail.len) : tail;
    return WR_OK;
}

wr_err wr_mqtt_url_parse(wr_str text, struct wr_mqtt_url *out, struct wr_fault *fault)
{
    struct wr_mqtt_url url = {0};
    ptrdiff_t sign = wr_str_find(text, WR_STR("://"));
    if (sign < 0) {
        return wr_fault_at(fault, WR_ERR_SYNTAX, text, 0, "found '%.*s', " EXPECTED,
                           WR_STR_ARG(text));
    }
    wr_str scheme = wr_str_cut(text, 0, (size_t)sign);
    if (wr_str_eq_nocase(scheme, WR_STR("mqtts"))) {
        url.tls = true;
    } else if (!wr_str_eq_nocase(scheme, WR_STR("mqtt"))) {
        return wr_fault_at(fault, WR_ERR_UNSUPPORTED, text, 0, "found the scheme '%.*s', " EXPECTED,
                           WR_STR_ARG(scheme));
    }
    url.port = url.tls ? 8883 : 1883;

    wr_str rest = wr_str_cut(text, (size_t)sign + 3, text.len);
    if (rest.len > 0 && rest.at[rest.len - 1] == '/') {
        rest.len--; // mqtt://host/ is common and harmless
    }
    wr_str host = {0}, port = {0};
    bool has_port = false;
    wr_err err = check_authority(text, rest, fault);
    if (!err) {
        err = split_host(text, rest, &host, &port, &has_port, fault);
    }
    if (!err && has_port) {
        err = parse_port(text, port, &url.port, fault);
    }
    if (err) {
        return err;
    }
    if (host.len == 0) {
        return wr_fault_at(fault, WR_ERR_SYNTAX, text, (size_t)sign + 3,
                           "found no host, " EXPECTED);
    }
    if (host.len > WR_MQTT_HOST_MAX) {
        return wr_fault_at(fault, WR_ERR_LIMIT, text, (size_t)sign + 3,
                           "the host has %zu bytes, at most %d are allowed", host.len,
                           WR_MQTT_HOST_MAX);
    }
    memcpy(url.host, host.at, host.len);
    *out = url;
    return WR_OK;
}
