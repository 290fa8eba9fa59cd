// The tables of registry.db, as steps from one version to the next. A family of operations adds its
// tables as a step of its own at the end of the list in schema.c; a step that has been released is
// never changed.
// Thread: start.
#ifndef WR_ENGINE_REGISTRY_SCHEMA_H
#define WR_ENGINE_REGISTRY_SCHEMA_H

#include "engine/registry/db.h"

// Bring the file to this version of weir, all steps in one transaction. A file of a newer weir is
// refused by its number (WR_ERR_UNSUPPORTED); one of another program likewise.
wr_err wr_schema_migrate(struct wr_db *db, struct wr_fault *fault) WR_MUST_CHECK;
// The version that this weir writes.
int wr_schema_version(void);

#endif
