// What a tenant has from the start, and how it is emptied: parts of api_tenants.c, api_trash.c and
// of every call that comes to a region first. Thread: the registry's.
#ifndef WR_ENGINE_ADMIN_TENANT_PARTS_H
#define WR_ENGINE_ADMIN_TENANT_PARTS_H

#include <jansson.h>

#include "engine/registry/db.h"

// The default policy and thing type of the features, in a region of the tenant, unless they are
// there.
void wr_tenant_make_defaults(struct wr_db *db, int64_t realm, const json_t *features,
                             int64_t now_ms);
// The same for a realm that was made just now: when the tenant is enabled.
void wr_tenant_begin_realm(struct wr_db *db, int64_t tenant, int64_t realm, int64_t now_ms);

// All rows of all tables that have a realm of the tenant's.
void wr_tenant_empty(struct wr_db *db, int64_t tenant);

#endif
