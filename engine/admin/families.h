// The families of operations: each adds its rows to the API. A new one is a line here, one in
// wr_families_add(), its file, and its tables as a step of schema.c.
// Thread: loop.
#ifndef WR_ENGINE_ADMIN_FAMILIES_H
#define WR_ENGINE_ADMIN_FAMILIES_H

#include "engine/admin/api.h"

void wr_families_add(struct wr_api *api); // all that need nothing but the registry

// api_certificates.c, api_register.c, api_ca.c, api_transfers.c, api_devices.c; see certificates.h.
// `certificates` is lent until the API is closed.
struct wr_certificates;
void wr_families_add_certificates(struct wr_api *api, struct wr_certificates *certificates);

void wr_api_add_audit(struct wr_api *api);       // api_audit.c: the audit log
void wr_api_add_account(struct wr_api *api);     // api_account.c: DescribeEndpoint
void wr_api_add_credentials(struct wr_api *api); // api_credentials.c: access keys, tokens
void wr_api_add_things(struct wr_api *api);      // api_things.c
void wr_api_add_thing_types(struct wr_api *api);
void wr_api_add_principals(struct wr_api *api); // api_principals.c: certificates on things
void wr_api_add_groups(struct wr_api *api);     // api_groups.c: thing groups
void wr_api_add_group_members(struct wr_api *api);
void wr_api_add_billing(struct wr_api *api);       // api_billing.c: billing groups
void wr_api_add_connectivity(struct wr_api *api);  // api_connectivity.c: who is connected
void wr_api_add_authorization(struct wr_api *api); // api_authorization.c: what is allowed
void wr_api_add_policies(struct wr_api *api);      // api_policies.c
void wr_api_add_role_aliases(struct wr_api *api);  // api_role_aliases.c
void wr_api_add_tags(struct wr_api *api);          // api_tags.c
void wr_api_add_settings(struct wr_api *api);      // api_settings.c: domains, logging
void wr_api_add_tenants(struct wr_api *api);       // api_tenants.c: tenants, features
void wr_api_add_provision(struct wr_api *api);     // api_provision.c: RegisterThing
void wr_api_add_trash(struct wr_api *api);         // api_trash.c: what deleted tenants had
void wr_api_add_search(struct wr_api *api);        // api_search.c: SearchIndex and its settings

// What rules and destinations work with. Lent until the API is closed.
struct wr_api_rules {
    struct wr_rule_book *book;
    struct wr_destinations *destinations;
    const struct wr_admin *admin; // NULL: nowhere to send confirmations to
    bool confirm;                 // sinks.http.require_confirmation, as it was at the start
};
void wr_api_add_rules(struct wr_api *api, const struct wr_api_rules *with); // api_rules.c
void wr_api_add_destinations(struct wr_api *api,
                             const struct wr_api_rules *with); // api_destinations.c

#endif
