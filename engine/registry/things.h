// Things as other parts of the control plane ask for them: what a certificate is attached to, and
// the type that a tenant has from the start.
// Thread: the registry's.
#ifndef WR_ENGINE_REGISTRY_THINGS_H
#define WR_ENGINE_REGISTRY_THINGS_H

#include "engine/registry/db.h"

// A thing is attached to the certificate: it cannot be deleted or given away.
bool wr_certificate_has_things(struct wr_db *db, int64_t realm, wr_str cert_id);

// Make the thing type unless it is there: a tenant's default one.
void wr_thing_type_ensure(struct wr_db *db, int64_t realm, const char *name, const char *type_id,
                          int64_t now_ms);

#endif
