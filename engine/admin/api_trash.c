// The trash: what deleted tenants had, and its end (control-plane.md 9).
//
// A purge is a state on disk, PURGING, and steps of a few thousand rows each, a transaction of its
// own, between which others write: 100,000 things are half a million rows. What a weir that ended
// left is taken up at the next start. The tenant's row stays, as PURGED: its account is never used
// again. Its realms stay too, since a transfer that waits may name one.
#include "engine/admin/families.h"
#include "engine/admin/tenant_parts.h"
#include "engine/registry/authority.h"

#include "sql/base/banned.h"

// What there is much of, children first; ?1 is the tenant. Each takes a step's worth of rows.
#define OF_TENANT "realm IN (SELECT id FROM realms WHERE tenant=?1)"
static const char *const steps[] = {
    "DELETE FROM thing_attributes WHERE (realm, name, value, thing) IN (SELECT realm, name, value, "
    "thing FROM thing_attributes WHERE " OF_TENANT " LIMIT 2000)",
    "DELETE FROM thing_group_members WHERE (root, thing) IN (SELECT root, thing FROM "
    "thing_group_members WHERE " OF_TENANT " LIMIT 2000)",
    "DELETE FROM thing_principals WHERE id IN (SELECT id FROM thing_principals WHERE " OF_TENANT
    " LIMIT 2000)",
    "DELETE FROM things WHERE id IN (SELECT id FROM things WHERE " OF_TENANT " LIMIT 1000)",
    "DELETE FROM certificates WHERE id IN (SELECT id FROM certificates WHERE " OF_TENANT
    " LIMIT 1000)",
};

static bool take_step(struct wr_db *db, int64_t tenant)
{
    for (size_t i = 0; i < WR_COUNT(steps); i++) {
        if (wr_db_run(db, steps[i], "i", tenant) > 0) {
            return true;
        }
    }
    return false;
}

// `later` says that there is more to do.
static void run_step(struct wr_api_call *c, struct wr_db *db)
{
    int64_t tenant =
        wr_db_one(db, 0, "SELECT id FROM tenants WHERE state='PURGING' ORDER BY id LIMIT 1", "");
    if (!tenant) {
        return;
    }
    json_object_set_new(c->out, "more", json_true());
    if (!take_step(db, tenant)) {
        wr_tenant_empty(db, tenant);
        // One whose certificates other tenants have stays with them.
        wr_db_run(db, "UPDATE authorities SET active=0 WHERE tenant=?", "i", tenant);
        wr_authority_forget(db);
        wr_db_run(db, "UPDATE tenants SET state='PURGED', features='{}' WHERE id=?", "i", tenant);
    }
}

static void go_on(struct wr_api *api);

static void after_step(struct wr_api_call *c)
{
    if (json_object_get(c->out, "more")) {
        go_on(c->api);
    }
}

// No `write`: steps are nobody's calls, and not what the audit log is about. Of no tenant, so that
// it is the writer's job all the same.
static const struct wr_api_operation step = {
    .name = "PurgeTenantStep", .run = run_step, .after = after_step};

static void go_on(struct wr_api *api)
{
    wr_api_start(api, &step, &(struct wr_api_caller){.actor = "weir", .role = WR_ROLE_ADMIN});
}

static void purge_tenant(struct wr_api_call *c, struct wr_db *db)
{
    const char *account = wr_api_text(c, "account");
    struct wr_rows rows =
        wr_db_query(db, "SELECT id, name, state, deleted IS NOT NULL FROM tenants WHERE account=?",
                    "z", account);
    bool found = wr_db_next(&rows);
    int64_t id = found ? wr_db_int(&rows, 0) : 0;
    wr_str name = found ? wr_db_str(&rows, 1) : (wr_str){0};
    bool purged = found && wr_str_eq(wr_db_str(&rows, 2), WR_STR("PURGED"));
    if (!found) {
        wr_api_fail(c, WR_API_NOT_FOUND, "there is no deleted tenant with the account %s", account);
    } else if (!wr_db_int(&rows, 3)) {
        wr_api_fail(c, WR_API_CONFLICT,
                    "the account %s is the tenant %.*s's, which is not deleted: delete it first",
                    account, WR_STR_ARG(name));
    } else {
        json_object_set_new(c->out, "name", json_stringn(name.at, name.len));
        json_object_set_new(c->out, "account", json_string(account));
        json_object_set_new(c->out, "state", json_string(purged ? "PURGED" : "PURGING"));
        wr_api_audit_change(c, "account", json_string(account), NULL);
    }
    wr_db_end(&rows);
    if (!c->error && !purged) {
        wr_db_run(db, "UPDATE tenants SET state='PURGING' WHERE id=?", "i", id);
    }
}

static void begin(struct wr_api_call *c)
{
    go_on(c->api);
}

static const struct wr_api_member purge_in[] = {{.name = "account",
                                                 .place = WR_API_IN_PATH,
                                                 .required = true,
                                                 .pattern = WR_API_ACCOUNT_PATTERN,
                                                 .min = 12,
                                                 .max = 12},
                                                {0}};

static const struct wr_api_operation operations[] = {
    {.name = "PurgeTenant",
     .method = "DELETE",
     .path = "/weir/v1/trash/{account}",
     .in = purge_in,
     .own_only = true,
     .any_tenant = true,
     .write = true,
     .synced = true,
     .least = WR_ROLE_ADMIN,
     .all_tenants = true,
     .run = purge_tenant,
     .after = begin},
};

void wr_api_add_trash(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
    go_on(api); // what was under way
}
