#include "engine/registry/schema.h"

#include <stdio.h>

#include "engine/registry/schema_broker.sql.h"
#include "engine/registry/schema_certificates.sql.h"
#include "engine/registry/schema_rules.sql.h"
#include "engine/registry/schema_tenants.sql.h"
#include "engine/registry/schema_things.sql.h"

#include "sql/base/banned.h"

#define APPLICATION_ID 0x77656972 // "weir": PRAGMA application_id

// Times are milliseconds since 1970. `id` is the order in which rows were made: lists and pages go
// by it, and it is never used again.
static const char *const steps[] = {
    // Tenants. `account` is never used twice, also not after the tenant is gone. A realm is one
    // tenant in one region: everything below belongs to one.
    "CREATE TABLE tenants("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, account TEXT NOT NULL UNIQUE,"
    " state TEXT NOT NULL, created INTEGER NOT NULL, deleted INTEGER, features TEXT NOT NULL);"
    "CREATE UNIQUE INDEX tenants_name ON tenants(name) WHERE deleted IS NULL;"
    "CREATE TABLE realms("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, tenant INTEGER NOT NULL REFERENCES tenants(id),"
    " region TEXT NOT NULL, UNIQUE(tenant, region));"
    // `secret` is sealed; `hash` is the SHA-256 of a token.
    "CREATE TABLE access_keys("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, key_id TEXT NOT NULL UNIQUE,"
    " tenant INTEGER NOT NULL REFERENCES tenants(id), secret BLOB NOT NULL, role TEXT NOT NULL,"
    " created INTEGER NOT NULL, expires INTEGER, used INTEGER);"
    "CREATE TABLE tokens("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, name TEXT NOT NULL,"
    " tenant INTEGER NOT NULL REFERENCES tenants(id), role TEXT NOT NULL,"
    " created INTEGER NOT NULL, expires INTEGER, used INTEGER);",
    WR_SCHEMA_THINGS,
    // Policies. A version's number is never used again. `target` is an ARN, or an identity of
    // Cognito.
    "CREATE TABLE policies("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, realm INTEGER NOT NULL REFERENCES realms(id),"
    " name TEXT NOT NULL, default_version INTEGER NOT NULL, next_version INTEGER NOT NULL,"
    " created INTEGER NOT NULL, modified INTEGER NOT NULL, UNIQUE(realm, name));"
    "CREATE TABLE policy_versions("
    " policy INTEGER NOT NULL REFERENCES policies(id) ON DELETE CASCADE,"
    " version INTEGER NOT NULL, document TEXT NOT NULL, created INTEGER NOT NULL,"
    " PRIMARY KEY(policy, version)) WITHOUT ROWID;"
    "CREATE TABLE policy_targets("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, realm INTEGER NOT NULL REFERENCES realms(id),"
    " policy INTEGER NOT NULL REFERENCES policies(id) ON DELETE CASCADE, target TEXT NOT NULL,"
    " UNIQUE(policy, target));"
    "CREATE INDEX policy_targets_target ON policy_targets(realm, target);"
    "CREATE TABLE role_aliases("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, realm INTEGER NOT NULL REFERENCES realms(id),"
    " name TEXT NOT NULL, role TEXT NOT NULL, duration INTEGER NOT NULL,"
    " created INTEGER NOT NULL, modified INTEGER NOT NULL, UNIQUE(realm, name));"
    "CREATE TABLE domain_configurations("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, realm INTEGER NOT NULL REFERENCES realms(id),"
    " name TEXT NOT NULL, suffix TEXT NOT NULL, status TEXT NOT NULL, settings TEXT NOT NULL,"
    " modified INTEGER NOT NULL, UNIQUE(realm, name));"
    "CREATE TABLE tags("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, realm INTEGER NOT NULL REFERENCES realms(id),"
    " arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, UNIQUE(realm, arn, key));"
    "CREATE TABLE logging_options("
    " realm INTEGER PRIMARY KEY REFERENCES realms(id), settings TEXT NOT NULL);",
    WR_SCHEMA_TENANTS,
    WR_SCHEMA_CERTIFICATES,
    WR_SCHEMA_RULES,
    WR_SCHEMA_BROKER,
    WR_SCHEMA_DESTINATIONS,
    WR_SCHEMA_TRUSTED,
};

int wr_schema_version(void)
{
    return (int)WR_COUNT(steps);
}

static wr_err refuse(struct wr_db *db, struct wr_fault *fault)
{
    return wr_fault_set(fault, WR_ERR_IO, "%s", wr_db_failure(db));
}

wr_err wr_schema_migrate(struct wr_db *db, struct wr_fault *fault)
{
    int64_t version = wr_db_one(db, 0, "PRAGMA user_version", "");
    int64_t application = wr_db_one(db, 0, "PRAGMA application_id", "");
    int64_t tables = wr_db_one(db, 0, "SELECT count(*) FROM sqlite_schema", "");
    if (wr_db_failure(db)) {
        return refuse(db, fault);
    }
    if (tables && application != APPLICATION_ID) {
        return wr_fault_set(fault, WR_ERR_CORRUPT, "is a database of another program");
    }
    if (version > (int64_t)WR_COUNT(steps)) {
        return wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                            "has version %lld; this weir knows versions up to %zu, a newer one "
                            "wrote it",
                            (long long)version, WR_COUNT(steps));
    }
    if (version == (int64_t)WR_COUNT(steps)) {
        return WR_OK;
    }
    char done[96];
    snprintf(done, sizeof done, "PRAGMA user_version=%zu; PRAGMA application_id=%d",
             WR_COUNT(steps), APPLICATION_ID);
    bool good = wr_db_script(db, "BEGIN IMMEDIATE");
    for (size_t i = (size_t)version; i < WR_COUNT(steps) && good; i++) {
        good = wr_db_script(db, steps[i]);
    }
    if (!good || !wr_db_script(db, done) || !wr_db_script(db, "COMMIT")) {
        wr_err err = refuse(db, fault);
        wr_db_forgive(db);
        if (wr_db_in_transaction(db)) {
            (void)wr_db_script(db, "ROLLBACK");
        }
        return err;
    }
    return WR_OK;
}
