// Who is connected, as the broker's plugin tells it (registry/broker_events.h): for
// GetThingConnectivityData and the console. In memory: what was before weir started is not known.
// Thread: loop.
#ifndef WR_ENGINE_ADMIN_BROKER_CLIENTS_H
#define WR_ENGINE_ADMIN_BROKER_CLIENTS_H

#include <jansson.h>

#include "sql/base/str.h"

// Clients that are remembered, about 500 bytes each; of more, new ones are not, until some of those
// that have gone are forgotten.
#define WR_BROKER_CLIENTS_MAX 100000

struct wr_broker_clients;
struct wr_broker_clients *wr_broker_clients_new(void);
void wr_broker_clients_free(struct wr_broker_clients *c);

// A connect or disconnect event.
void wr_broker_clients_event(struct wr_broker_clients *c, const json_t *event);

// {"client", "connected", "at" (ms), "address", "certificate", "dropped"}, borrowed; NULL: never
// heard of.
const json_t *wr_broker_clients_find(const struct wr_broker_clients *c, const char *tenant,
                                     const char *client);
// Those of a tenant that are connected, at most `max`. Give.
json_t *wr_broker_clients_of(const struct wr_broker_clients *c, const char *tenant, size_t max);

#endif
