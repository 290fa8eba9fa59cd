// A later step of the tenants' table (schema.c).
#ifndef WR_ENGINE_REGISTRY_SCHEMA_TENANTS_SQL_H
#define WR_ENGINE_REGISTRY_SCHEMA_TENANTS_SQL_H

// `reason`: why the state is not the one that was asked for.
#define WR_SCHEMA_TENANTS "ALTER TABLE tenants ADD COLUMN reason TEXT;"

#endif
