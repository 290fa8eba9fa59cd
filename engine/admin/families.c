#include "engine/admin/families.h"

#include "engine/admin/certificates.h"

#include "sql/base/banned.h"

void wr_families_add(struct wr_api *api)
{
    wr_api_add_account(api);
    wr_api_add_audit(api);
    wr_api_add_credentials(api);
    wr_api_add_tenants(api);
    wr_api_add_trash(api);
    wr_api_add_provision(api);
    wr_api_add_things(api);
    wr_api_add_thing_types(api);
    wr_api_add_principals(api);
    wr_api_add_groups(api);
    wr_api_add_group_members(api);
    wr_api_add_billing(api);
    wr_api_add_search(api);
    wr_api_add_policies(api);
    wr_api_add_authorization(api);
    wr_api_add_connectivity(api);
    wr_api_add_role_aliases(api);
    wr_api_add_settings(api);
    wr_api_add_tags(api);
}

void wr_families_add_certificates(struct wr_api *api, struct wr_certificates *certificates)
{
    wr_api_add_certificates(api, certificates);
    wr_api_add_register(api, certificates);
    wr_api_add_ca(api, certificates);
    wr_api_add_transfers(api, certificates);
    wr_api_add_devices(api, certificates);
}
