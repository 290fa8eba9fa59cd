// Addresses to listen on, as people write them.
#include "engine/config.h"

#include <arpa/inet.h>
#include <string.h>

#include "sql/base/banned.h"

static bool read_port(wr_str text, uint16_t *out)
{
    uint32_t port = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || i == 5) {
            return false;
        }
        port = port * 10 + (uint32_t)(text.at[i] - '0');
    }
    *out = (uint16_t)port;
    return text.len > 0 && port <= UINT16_MAX;
}

// The address without its brackets; `*port` what follows the colon behind it.
static bool split(wr_str text, wr_str *host, wr_str *port)
{
    size_t colon = text.len;
    while (colon > 0 && text.at[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0) {
        *host = WR_STR("127.0.0.1");
        *port = text;
        return true;
    }
    *host = wr_str_cut(text, 0, colon - 1);
    *port = wr_str_cut(text, colon, text.len);
    if (host->len >= 2 && host->at[0] == '[' && host->at[host->len - 1] == ']') {
        *host = wr_str_cut(*host, 1, host->len - 1);
        return memchr(host->at, ':', host->len) != NULL;
    }
    return memchr(host->at, ':', host->len) == NULL;
}

wr_err wr_config_address(wr_str text, struct wr_config_listen *out, struct wr_fault *fault)
{
    wr_str host, port;
    struct wr_config_listen l = {0};
    struct in_addr four;
    struct in6_addr six;
    if (split(text, &host, &port) && read_port(port, &l.port) && host.len < sizeof l.host) {
        memcpy(l.host, host.at, host.len);
        if (inet_pton(AF_INET, l.host, &four) == 1) {
            l.loopback = ntohl(four.s_addr) >> 24 == 127;
            *out = l;
            return WR_OK;
        }
        if (inet_pton(AF_INET6, l.host, &six) == 1) {
            l.loopback = IN6_IS_ADDR_LOOPBACK(&six);
            *out = l;
            return WR_OK;
        }
    }
    return wr_fault_set(fault, WR_ERR_RANGE,
                        "found \"%.*s\", expected a numeric address and a port such as "
                        "127.0.0.1:9464 or [::1]:9464, or a port alone",
                        WR_STR_ARG(text));
}
