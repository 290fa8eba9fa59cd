#include "engine/admin/families.h"

#include "sql/base/banned.h"

void wr_families_add(struct wr_api *api)
{
    wr_api_add_account(api);
    wr_api_add_credentials(api);
    wr_api_add_tenants(api);
    wr_api_add_things(api);
    wr_api_add_policies(api);
    wr_api_add_role_aliases(api);
    wr_api_add_settings(api);
    wr_api_add_tags(api);
}
