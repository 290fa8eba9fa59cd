// What belongs to the account as a whole: its endpoint; and the list of all operations.
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

// ---- which operations there are: for tests that must miss none, and for people

static json_t *member_json(const struct wr_api_member *m)
{
    static const char *const places[] = {[WR_API_IN_PATH] = "path",
                                         [WR_API_IN_QUERY] = "query",
                                         [WR_API_IN_HEADER] = "header",
                                         [WR_API_IN_BODY] = "body",
                                         [WR_API_IN_PAYLOAD] = "payload"};
    static const char *const types[] = {[WR_API_STRING] = "string",
                                        [WR_API_BOOL] = "boolean",
                                        [WR_API_INT] = "integer",
                                        [WR_API_OBJECT] = "object",
                                        [WR_API_LIST] = "list"};
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:s*}", "name", m->name, "in", places[m->place],
                     "wire", m->wire ? m->wire : m->name, "type", types[m->type], "required",
                     m->required, "oneOf", m->one_of);
}

static void list_operations(struct wr_api_call *c)
{
    json_t *list = json_array();
    const struct wr_api_operation *op;
    for (size_t i = 0; wr_api_operation_at(c->api, i, &op); i++) {
        json_t *members = json_array();
        for (const struct wr_api_member *m = op->in; m && m->name; m++) {
            json_array_append_new(members, member_json(m));
        }
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:o}", "name",
                                              op->name, "method", op->method, "path", op->path,
                                              "writes", op->write, "own", op->own_only, "unsigned",
                                              op->unsigned_, "members", members));
    }
    json_object_set_new(c->out, "operations", list);
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
    {.name = "ListOperations",
     .method = "GET",
     .path = "/weir/v1/operations",
     .own_only = true,
     .any_tenant = true,
     .after = list_operations},
};

void wr_api_add_account(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
