// What belongs to the account as a whole: its endpoint.
#include "engine/admin/endpoint.h"
#include "engine/admin/families.h"

#include "sql/base/banned.h"

static void describe_endpoint(struct wr_api_call *c)
{
    struct wr_endpoint endpoint;
    wr_endpoint_of(wr_api_config(c->api),
                   wr_tenants_by_id(wr_api_tenants(c->api), c->caller.tenant), &endpoint);
    json_object_set_new(c->out, "endpointAddress", json_string(endpoint.host));
}

static const struct wr_api_member describe_endpoint_in[] = {
    WR_API_QUERY("endpointType", STRING,
                 .one_of = "iot:Data|iot:Data-ATS|iot:CredentialProvider|iot:Jobs"),
    {0},
};

static const struct wr_api_operation operations[] = {
    {.name = "DescribeEndpoint",
     .method = "GET",
     .path = "/endpoint",
     .in = describe_endpoint_in,
     .after = describe_endpoint},
};

void wr_api_add_account(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
