#include "engine/admin/endpoint.h"

#include <stdio.h>

#include "engine/config.h"

#include "sql/base/banned.h"

#define PORT_TLS 8883

// The members mqtt_* of the tenant's own broker; NULL: it has none.
static const struct wr_config *own_broker(const struct wr_config *config,
                                          const struct wr_tenant *tenant)
{
    wr_str name = tenant ? wr_tenant_text(tenant, "iot.broker") : (wr_str){0};
    for (size_t i = 0; name.len && i < config->broker_count; i++) {
        if (wr_str_eq(wr_str_of(config->brokers[i].name), name)) {
            return config->brokers[i].mqtt;
        }
    }
    return NULL;
}

void wr_endpoint_of(const struct wr_config *config, const struct wr_tenant *tenant,
                    struct wr_endpoint *out)
{
    const struct wr_config *own = own_broker(config, tenant);
    const struct wr_config *mqtt = own ? own : config;
    struct wr_mqtt_url url = {.tls = false};
    bool known = !wr_mqtt_url_parse(wr_str_of(mqtt->mqtt_url), &url, NULL);
    bool told = !own && *config->admin_endpoint;
    snprintf(out->host, sizeof out->host, "%s", told ? config->admin_endpoint : url.host);
    out->port = (uint16_t)(!own && config->admin_broker_port ? config->admin_broker_port
                           : known && url.tls                ? url.port
                                                             : PORT_TLS);
    out->ca_file = !own && *config->admin_broker_ca ? config->admin_broker_ca : mqtt->mqtt_ca_file;
}
