#include "engine/registry/things.h"

#include "sql/base/banned.h"

bool wr_certificate_has_things(struct wr_db *db, int64_t realm, wr_str cert_id)
{
    return wr_db_one(db, 0, "SELECT 1 FROM thing_principals WHERE realm=? AND cert_id=? LIMIT 1",
                     "is", realm, cert_id) == 1;
}

void wr_thing_type_ensure(struct wr_db *db, int64_t realm, const char *name, const char *type_id,
                          int64_t now_ms)
{
    wr_db_run(db,
              "INSERT INTO thing_types(realm, name, type_id, properties, created) "
              "VALUES(?,?,?,'{}',?) ON CONFLICT DO NOTHING",
              "izzi", realm, name, type_id, now_ms);
}
