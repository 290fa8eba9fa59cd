// Which things and clients are connected (control-plane.md 5, tier 3), from the broker's plugin.
#include "engine/admin/api_parts.h"
#include "engine/admin/broker.h"
#include "engine/admin/families.h"

#include "sql/base/banned.h"

#define LISTED_MAX 1000 // clients of one answer

static void find_thing(struct wr_api_call *c, struct wr_db *db)
{
    if (!wr_db_one(db, 0, "SELECT 1 FROM things WHERE realm=? AND name=?", "is", c->realm,
                   wr_api_str(c, "thingName")) &&
        !wr_db_failure(db)) {
        wr_api_fail(c, WR_API_NOT_FOUND, "Thing %s not found", wr_api_text(c, "thingName"));
    }
}

// A device's client id is its thing's name, as AWS's fleet indexing takes it.
static void connectivity(struct wr_api_call *c)
{
    const char *name = wr_api_text(c, "thingName");
    const struct wr_broker *broker = wr_api_broker(c->api);
    if (!broker) {
        wr_api_fail(c, WR_API_INDEX_NOT_READY,
                    "connections are told by the broker's plugin (broker.dir), and there is none");
        return;
    }
    const json_t *known = wr_broker_clients_find(wr_broker_clients(broker, wr_api_broker_name(c)),
                                                 c->caller.tenant_name, name);
    bool connected = json_is_true(json_object_get(known, "connected"));
    json_object_set_new(c->out, "thingName", json_string(name));
    json_object_set_new(c->out, "connected", json_boolean(connected));
    if (known) {
        json_object_set_new(c->out, "timestamp",
                            wr_api_time(json_integer_value(json_object_get(known, "at"))));
    }
    if (known && !connected) {
        bool dropped = json_is_true(json_object_get(known, "dropped"));
        json_object_set_new(c->out, "disconnectReason",
                            json_string(dropped ? "FORBIDDEN_ACCESS" : "UNKNOWN"));
    }
}

static void clients(struct wr_api_call *c)
{
    const struct wr_broker *broker = wr_api_broker(c->api);
    json_object_set_new(c->out, "told", json_boolean(broker != NULL));
    json_object_set_new(c->out, "clients",
                        broker
                            ? wr_broker_clients_of(wr_broker_clients(broker, wr_api_broker_name(c)),
                                                   c->caller.tenant_name, LISTED_MAX)
                            : json_array());
}

static const struct wr_api_member thing_in[] = {WR_API_PATH("thingName", THING), {0}};

static const struct wr_api_operation operations[] = {
    {.name = "GetThingConnectivityData",
     .method = "POST",
     .path = "/things/{thingName}/connectivity-data",
     .in = thing_in,
     .run = find_thing,
     .after = connectivity},
    {.name = "ListClients",
     .method = "GET",
     .path = "/weir/v1/clients",
     .own_only = true,
     .after = clients},
};

void wr_api_add_connectivity(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
