// What belongs to the account as a whole: its endpoint.
#include "engine/admin/families.h"
#include "engine/config.h"

#include "sql/base/banned.h"

// The host of mqtt.url, which is what devices of this weir talk to unless admin.endpoint says
// otherwise.
static wr_str host_of(wr_str url)
{
    ptrdiff_t at = wr_str_find(url, WR_STR("://"));
    wr_str rest = at < 0 ? url : wr_str_cut(url, (size_t)at + 3, url.len);
    if (rest.len && rest.at[0] == '[') {
        ptrdiff_t end = wr_str_find(rest, WR_STR("]"));
        return end < 0 ? rest : wr_str_cut(rest, 1, (size_t)end);
    }
    size_t len = 0;
    while (len < rest.len && rest.at[len] != ':' && rest.at[len] != '/') {
        len++;
    }
    return wr_str_cut(rest, 0, len);
}

static void describe_endpoint(struct wr_api_call *c)
{
    const struct wr_config *config = wr_api_config(c->api);
    wr_str host = *config->admin_endpoint ? wr_str_of(config->admin_endpoint)
                                          : host_of(wr_str_of(config->mqtt_url));
    json_object_set_new(c->out, "endpointAddress", json_stringn(host.at, host.len));
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
