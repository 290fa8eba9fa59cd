// Where a tenant's devices connect: the broker's name, port and CA.
// Thread: loop.
#ifndef WR_ENGINE_ADMIN_ENDPOINT_H
#define WR_ENGINE_ADMIN_ENDPOINT_H

#include "engine/admin/tenants.h"
#include "engine/mqtt/url.h"

struct wr_endpoint {
    char host[WR_MQTT_HOST_MAX + 1];
    uint16_t port; // of TLS
    const char
        *ca_file; // of the broker's certificate, PEM; "": not known. Borrowed from the config
};

// Of the tenant's own broker (feature iot.broker), else of the one that admin.endpoint,
// admin.broker_port, admin.broker_ca and mqtt.* are about. `tenant` may be NULL.
void wr_endpoint_of(const struct wr_config *config, const struct wr_tenant *tenant,
                    struct wr_endpoint *out);

#endif
