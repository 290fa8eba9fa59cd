// Tenants: made, enabled, changed, deleted (control-plane.md 9 and 10). Weir's own calls.
//
//   DISABLED ── iot.enabled true ──> ENABLING ── job: CA, default type, default policy ──> ENABLED
//      ^                                                                                      │
//      └────────────────────────────── job ── DISABLING <── iot.enabled false ────────────────┘
//
// The states in the middle are on disk: what a weir that ended left there is taken up at the next
// start. Disabling keeps all data. A deleted tenant stays in the file, with its account and its
// name's data, and is nobody's any more.
#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/families.h"
#include "engine/admin/features.h"
#include "engine/admin/quotas.h"
#include "engine/admin/tenant_parts.h"
#include "engine/admin/tenants.h"
#include "engine/config.h"
#include "engine/observe/log.h"
#include "engine/registry/authority.h"

#include "sql/base/banned.h"

#define PAGE         100
#define DEFAULT_NAME "WeirDefault" // of a thing type and a policy

// ---- a tenant's row

struct row {
    int64_t id, created_ms, deleted_ms;
    char name[WR_TENANT_NAME_MAX + 1], account[13], state[12];
    char *reason; // of a state that is not the one that was asked for
    json_t *features;
};

#define COLUMNS "id, name, account, state, created, deleted, features, reason"

static void copy(char *to, size_t size, wr_str from)
{
    snprintf(to, size, "%.*s", WR_STR_ARG(from));
}

static void read_row(const struct wr_rows *rows, struct row *out)
{
    *out = (struct row){.id = wr_db_int(rows, 0),
                        .created_ms = wr_db_int(rows, 4),
                        .deleted_ms = wr_db_int(rows, 5),
                        .features = wr_db_json(rows, 6)};
    copy(out->name, sizeof out->name, wr_db_str(rows, 1));
    copy(out->account, sizeof out->account, wr_db_str(rows, 2));
    copy(out->state, sizeof out->state, wr_db_str(rows, 3));
    if (!wr_db_null(rows, 7)) {
        out->reason = wr_strdup(wr_db_str(rows, 7));
    }
    if (!json_is_object(out->features)) {
        json_decref(out->features);
        out->features = json_object();
    }
}

static void release_row(struct row *t)
{
    json_decref(t->features);
    free(t->reason);
}

static bool find_named(struct wr_api_call *c, struct wr_db *db, const char *name, struct row *out)
{
    *out = (struct row){0};
    struct wr_rows rows = wr_db_query(
        db, "SELECT " COLUMNS " FROM tenants WHERE name=? AND deleted IS NULL", "z", name);
    bool found = wr_db_next(&rows);
    if (found) {
        read_row(&rows, out);
    } else if (!wr_db_failure(db)) {
        wr_api_fail(c, WR_API_NOT_FOUND, "there is no tenant %s", name);
    }
    wr_db_end(&rows);
    return found;
}

// The tenant that the path names. False: the call has failed. Release it all the same.
static bool find(struct wr_api_call *c, struct wr_db *db, struct row *out)
{
    return find_named(c, db, wr_api_text(c, "tenant"), out);
}

static bool is_default(const struct row *t)
{
    return !strcmp(t->name, WR_TENANT_DEFAULT);
}

static void describe(const struct row *t, json_t *out)
{
    json_object_set_new(out, "name", json_string(t->name));
    json_object_set_new(out, "account", json_string(t->account));
    json_object_set_new(out, "state", json_string(t->state));
    if (t->reason) {
        json_object_set_new(out, "reason", json_string(t->reason));
    }
    json_object_set_new(out, "created", wr_api_time(t->created_ms));
    if (t->deleted_ms) {
        json_object_set_new(out, "deleted", wr_api_time(t->deleted_ms));
    }
    json_object_set(out, "features", t->features);
}

// After a change: the loop's copy, and watchers of it.
static void read_again(struct wr_api_call *c, struct wr_db *db)
{
    if (!c->error) {
        c->own = wr_tenants_read(wr_api_tenants(c->api), db);
        c->own_free = wr_tenants_copy_free;
    }
}

static void take(struct wr_api_call *c)
{
    wr_tenants_take(wr_api_tenants(c->api), c->own);
    c->own = NULL;
}

// ---- the two jobs

static void finish_state(struct wr_api_call *c, struct wr_db *db, const char *from, const char *to)
{
    int64_t changed =
        wr_db_run(db, "UPDATE tenants SET state=?, reason=NULL WHERE id=? AND state=?", "ziz", to,
                  c->caller.tenant, from);
    if (changed) {
        wr_api_audit_change(c, "state", json_string(from), json_string(to));
    }
    read_again(c, db);
}

// It cannot be enabled: that stays to be seen, and can be tried again.
static void give_up(struct wr_api_call *c, struct wr_db *db, struct row *t, const char *why)
{
    wr_log(WR_LOG_ERROR, "admin", "the tenant %s cannot be enabled: its CA: %s", t->name, why);
    wr_db_run(db, "UPDATE tenants SET state='DISABLED', reason=? WHERE id=?", "zi", why, t->id);
    wr_api_audit_change(c, "state", json_string("ENABLING"), json_string("DISABLED"));
}

// In the region of the call and in those where it has been before.
static void make_defaults(struct wr_api_call *c, struct wr_db *db, const struct row *t)
{
    struct wr_rows rows = wr_db_query(db, "SELECT id FROM realms WHERE tenant=?", "i", t->id);
    while (wr_db_next(&rows)) {
        wr_tenant_make_defaults(db, wr_db_int(&rows, 0), t->features, c->now_ms);
    }
    wr_db_end(&rows);
}

static void run_enable(struct wr_api_call *c, struct wr_db *db)
{
    struct row t;
    struct wr_fault fault = {0};
    if (find_named(c, db, c->caller.tenant_name, &t) && !strcmp(t.state, "ENABLING")) {
        if (wr_authority_ensure(db, wr_tenants_seal(wr_api_tenants(c->api)), t.id, c->now_ms,
                                &fault)) {
            give_up(c, db, &t, fault.text);
        } else {
            make_defaults(c, db, &t);
        }
    }
    release_row(&t);
    finish_state(c, db, "ENABLING", "ENABLED");
}

static void run_disable(struct wr_api_call *c, struct wr_db *db)
{
    finish_state(c, db, "DISABLING", "DISABLED");
}

static const struct wr_api_operation enable = {
    .name = "EnableTenant", .write = true, .synced = true, .run = run_enable, .after = take};
static const struct wr_api_operation disable = {
    .name = "DisableTenant", .write = true, .synced = true, .run = run_disable, .after = take};

// What the state says is under way is done; what is made, in that region.
static void go_on(struct wr_api *api, const struct wr_tenant *t, const char *region)
{
    bool enabling = !strcmp(t->state, "ENABLING");
    if (!enabling && strcmp(t->state, "DISABLING") != 0) {
        return;
    }
    struct wr_api_caller caller = {.tenant = t->id, .role = WR_ROLE_ADMIN};
    copy(caller.tenant_name, sizeof caller.tenant_name, wr_str_of(t->name));
    copy(caller.account, sizeof caller.account, wr_str_of(t->account));
    copy(caller.region, sizeof caller.region, wr_str_of(region));
    copy(caller.actor, sizeof caller.actor, WR_STR("weir"));
    wr_api_start(api, enabling ? &enable : &disable, &caller);
}

static void take_and_go_on(struct wr_api_call *c)
{
    take(c);
    wr_str name = wr_api_str(c, wr_api_text(c, "tenant") ? "tenant" : "name");
    const struct wr_tenant *t = wr_tenants_find(wr_api_tenants(c->api), name);
    if (t) {
        go_on(c->api, t, c->caller.region);
    }
}

// ---- features

static bool set_feature(struct wr_api_call *c, struct wr_db *db, struct row *t, const char *name,
                        json_t *value)
{
    enum wr_feature feature;
    struct wr_fault fault = {0};
    if (!wr_feature_of(wr_str_of(name), &feature)) {
        struct wr_buf list = {0};
        for (int i = 0; i < WR_FEATURES_COUNT_; i++) {
            wr_buf_addf(&list, "%s%s", i ? ", " : "", wr_feature_name((enum wr_feature)i));
        }
        wr_api_fail(c, WR_API_INVALID_REQUEST, "there is no feature %.100s, expected one of %s",
                    name, wr_buf_terminated(&list));
        wr_buf_release(&list);
        return false;
    }
    if (json_is_null(value)) {
        wr_api_audit_change(c, name, json_incref(json_object_get(t->features, name)), NULL);
        json_object_del(t->features, name);
        return true;
    }
    wr_err err = wr_feature_check(db, t->id, feature, value, &fault);
    if (err) {
        wr_api_fail(c, err == WR_ERR_EXISTS ? WR_API_CONFLICT : WR_API_INVALID_REQUEST, "%s",
                    fault.text);
        return false;
    }
    json_t *before = json_object_get(t->features, name);
    if (!before || !json_equal(before, value)) {
        wr_api_audit_change(c, name, json_incref(before), json_incref(value));
    }
    json_object_set(t->features, name, value);
    return true;
}

// What a tenant has when nothing else is said: prefixes from its name, as the portal shows them,
// and what is made for it when it is enabled.
static void set_defaults(struct row *t)
{
    char text[2 * sizeof t->name];
    if (is_default(t)) {
        return; // it is who had all topics before there were tenants
    }
    static const char *const names[] = {"iot.topic_prefix", "iot.thing_prefix", "iot.rule_prefix",
                                        "iot.default_thing_type", "iot.default_policy"};
    static const char *const ends[] = {"/", "-", "_", "", ""};
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        snprintf(text, sizeof text, "%s%s", *ends[i] ? t->name : DEFAULT_NAME, ends[i]);
        for (char *p = text; i == 2 && *p; p++) {
            *p = *p == '-' ? '_' : *p;
        }
        if (!json_object_get(t->features, names[i])) {
            json_object_set_new(t->features, names[i], json_string(text));
        }
    }
}

static bool turn(struct row *t, bool on)
{
    bool is_on = !strcmp(t->state, "ENABLED") || !strcmp(t->state, "ENABLING");
    if (on == is_on) {
        return false;
    }
    copy(t->state, sizeof t->state, on ? WR_STR("ENABLING") : WR_STR("DISABLING"));
    free(t->reason);
    t->reason = NULL;
    return true;
}

// `features` into the row and the row into the database.
static void change(struct wr_api_call *c, struct wr_db *db, struct row *t, json_t *features)
{
    const char *name;
    json_t *value;
    char old[sizeof t->state];
    memcpy(old, t->state, sizeof old);
    json_object_foreach(features, name, value)
    {
        if (!set_feature(c, db, t, name, value)) {
            return;
        }
    }
    bool on = json_is_true(json_object_get(t->features, "iot.enabled"));
    if (json_object_get(features, "iot.enabled") && turn(t, on)) {
        wr_api_audit_change(c, "state", json_string(old), json_string(t->state));
    }
    wr_db_run(db, "UPDATE tenants SET features=?, state=?, reason=? WHERE id=?", "jzzi",
              t->features, t->state, t->reason, t->id);
    describe(t, c->out);
    read_again(c, db);
}

static void put_feature(struct wr_api_call *c, struct wr_db *db)
{
    struct row t;
    json_t *value = json_object_get(wr_api_json(c, "feature"), "value");
    if (!value) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "expected {\"value\": …}");
        return;
    }
    if (find(c, db, &t)) {
        json_t *one = json_object();
        json_object_set(one, wr_api_text(c, "name"), value);
        change(c, db, &t, one);
        json_decref(one);
    }
    release_row(&t);
}

static void delete_feature(struct wr_api_call *c, struct wr_db *db)
{
    struct row t;
    if (find(c, db, &t)) {
        json_t *one = json_object();
        bool enabled = !strcmp(wr_api_text(c, "name"), "iot.enabled");
        json_object_set_new(one, wr_api_text(c, "name"), enabled ? json_false() : json_null());
        change(c, db, &t, one);
        json_decref(one);
    }
    release_row(&t);
}

// ---- tenants

static void list_tenants(struct wr_api_call *c, struct wr_db *db)
{
    struct wr_api_page page;
    if (!wr_api_page_begin(c, &page, PAGE, false)) {
        return;
    }
    json_t *list = json_array();
    json_object_set_new(c->out, "tenants", list);
    struct wr_rows rows = wr_db_query(
        db,
        "SELECT " COLUMNS " FROM tenants WHERE id>? AND (deleted IS NOT NULL)=? AND (? OR id=?) "
        "ORDER BY id LIMIT ?",
        "iiiii", page.after, (int64_t)wr_api_bool(c, "deleted", false),
        (int64_t)c->caller.all_tenants, c->caller.tenant, page.limit + 1);
    while (wr_db_next(&rows) && wr_api_page_take(&page, wr_db_int(&rows, 0))) {
        struct row t;
        json_t *one = json_object();
        read_row(&rows, &t);
        describe(&t, one);
        json_array_append_new(list, one);
        release_row(&t);
    }
    wr_db_end(&rows);
    wr_api_page_end(c, &page);
}

// The CA that signs the tenant's certificates; the broker must know it.
static void describe_authority(struct wr_db *db, int64_t tenant, json_t *out)
{
    struct wr_rows rows = wr_db_query(db,
                                      "SELECT cert_id, pem, not_after_s FROM authorities WHERE "
                                      "tenant=? AND active ORDER BY id DESC LIMIT 1",
                                      "i", tenant);
    if (wr_db_next(&rows)) {
        json_t *ca = json_object();
        json_object_set_new(ca, "certificateId", wr_db_json_str(&rows, 0));
        json_object_set_new(ca, "certificatePem", wr_db_json_str(&rows, 1));
        json_object_set_new(ca, "notAfter", wr_api_time(wr_db_int(&rows, 2) * 1000));
        json_object_set_new(out, "certificateAuthority", ca);
    }
    wr_db_end(&rows);
}

// All that the broker takes certificates of: those before the one that signs too, while there are
// certificates of theirs.
static void list_authorities(struct wr_db *db, int64_t tenant, json_t *out)
{
    json_t *list = json_array();
    struct wr_rows rows = wr_db_query(
        db,
        "SELECT cert_id, active, created_ms, (SELECT count(*) FROM certificates c WHERE "
        "c.authority=a.id) FROM authorities a WHERE tenant=? ORDER BY id DESC",
        "i", tenant);
    while (wr_db_next(&rows)) {
        json_t *ca = json_object();
        json_object_set_new(ca, "certificateId", wr_db_json_str(&rows, 0));
        json_object_set_new(ca, "signs", json_boolean(wr_db_int(&rows, 1)));
        json_object_set_new(ca, "created", wr_api_time(wr_db_int(&rows, 2)));
        json_object_set_new(ca, "certificates", json_integer(wr_db_int(&rows, 3)));
        json_array_append_new(list, ca);
    }
    wr_db_end(&rows);
    json_object_set_new(out, "certificateAuthorities", list);
}

static void rotate_authority(struct wr_api_call *c, struct wr_db *db)
{
    struct row t;
    struct wr_fault fault = {0};
    if (find(c, db, &t)) {
        if (wr_authority_rotate(db, wr_tenants_seal(wr_api_tenants(c->api)), t.id, c->now_ms,
                                &fault)) {
            wr_api_fail(c, WR_API_INTERNAL_FAILURE, "the new CA could not be made: %s", fault.text);
        } else {
            describe_authority(db, t.id, c->out);
            list_authorities(db, t.id, c->out);
            wr_api_audit_change(
                c, "certificateAuthority", NULL,
                json_incref(json_object_get(json_object_get(c->out, "certificateAuthority"),
                                            "certificateId")));
        }
    }
    release_row(&t);
}

static void get_tenant(struct wr_api_call *c, struct wr_db *db)
{
    struct row t;
    if (find(c, db, &t)) {
        describe(&t, c->out);
        json_t *regions = json_array();
        struct wr_rows rows =
            wr_db_query(db, "SELECT region FROM realms WHERE tenant=? ORDER BY id", "i", t.id);
        while (wr_db_next(&rows)) {
            json_array_append_new(regions, wr_db_json_str(&rows, 0));
        }
        wr_db_end(&rows);
        json_object_set_new(c->out, "regions", regions);
        describe_authority(db, t.id, c->out);
        list_authorities(db, t.id, c->out);
    }
    release_row(&t);
}

// What its rules had since weir started, if it has a quota for that.
static void add_use(struct wr_api_call *c)
{
    struct wr_tenants *tenants = wr_api_tenants(c->api);
    const struct wr_tenant *t = wr_tenants_find(tenants, wr_api_str(c, "tenant"));
    const struct wr_quota *q = t ? wr_quotas_find(wr_tenants_quotas(tenants), t->id) : NULL;
    if (q && q->counts) {
        json_object_set_new(c->out, "use", wr_quota_use(q));
    }
}

static void create_tenant(struct wr_api_call *c, struct wr_db *db)
{
    const char *account = wr_api_text(c, "account");
    if (account && !wr_api_config(c->api)->admin_test) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "the account is chosen by weir, but in test mode (admin.test)");
        return;
    }
    int64_t id = wr_tenants_insert(db, wr_api_str(c, "name"), account, "DISABLED", c->now_ms);
    if (!id) {
        if (!wr_db_failure(db)) {
            wr_api_fail(c, WR_API_EXISTS, "there is a tenant %s already%s", wr_api_text(c, "name"),
                        account ? ", or a tenant has or had this account" : "");
        }
        return;
    }
    struct row t;
    if (find_named(c, db, wr_api_text(c, "name"), &t)) {
        json_t *given = wr_api_json(c, "features");
        // Prefixes that were given are not made.
        json_t *made = given ? json_incref(given) : json_object();
        json_object_update_missing(t.features, made);
        set_defaults(&t);
        json_t *all = json_copy(t.features);
        json_object_clear(t.features);
        change(c, db, &t, all);
        json_decref(all);
        json_decref(made);
        wr_api_audit_change(c, "tenant", NULL, json_string(t.name));
        wr_api_audit_change(c, "account", NULL, json_string(t.account));
    }
    release_row(&t);
}

static void update_tenant(struct wr_api_call *c, struct wr_db *db)
{
    struct row t;
    if (find(c, db, &t)) {
        change(c, db, &t, wr_api_json(c, "features"));
    }
    release_row(&t);
}

static void delete_tenant(struct wr_api_call *c, struct wr_db *db)
{
    struct row t;
    if (!find(c, db, &t)) {
        return;
    }
    if (is_default(&t)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST, "the default tenant cannot be deleted");
    } else if (strcmp(t.state, "DISABLED") != 0) {
        wr_api_fail(c, WR_API_CONFLICT,
                    "the tenant %s is %s: switch iot.enabled off first, then delete it", t.name,
                    t.state);
    } else {
        wr_db_run(db, "DELETE FROM access_keys WHERE tenant=?", "i", t.id);
        wr_db_run(db, "DELETE FROM tokens WHERE tenant=?", "i", t.id);
        wr_db_run(db, "UPDATE tenants SET deleted=? WHERE id=?", "ii", c->now_ms, t.id);
        wr_api_audit_change(c, "tenant", json_string(t.name), NULL);
        wr_api_audit_change(c, "account", json_string(t.account), NULL);
        read_again(c, db);
    }
    release_row(&t);
}

// ---- test mode: an empty registry

static void reset_tenant(struct wr_api_call *c, struct wr_db *db)
{
    struct row t;
    if (!wr_api_config(c->api)->admin_test) {
        wr_api_fail(c, WR_API_ACCESS_DENIED, "only in test mode (admin.test)");
        return;
    }
    if (find(c, db, &t)) {
        wr_tenant_empty(db, t.id);
        struct wr_rows rows = wr_db_query(db, "PRAGMA foreign_key_check", "");
        if (wr_db_next(&rows)) {
            wr_api_fail(c, WR_API_CONFLICT,
                        "rows of %.*s that are not the tenant's refer to what it has",
                        WR_STR_ARG(wr_db_str(&rows, 0)));
        }
        wr_db_end(&rows);
        describe(&t, c->out);
        read_again(c, db);
    }
    release_row(&t);
}

static void take_reset(struct wr_api_call *c)
{
    take(c);
    const struct wr_tenant *t = wr_tenants_find(wr_api_tenants(c->api), wr_api_str(c, "tenant"));
    if (t) {
        wr_tenants_emptied(wr_api_tenants(c->api), t->id);
    }
}

// ---- the table

static const struct wr_api_member list_in[] = {WR_API_PAGED, WR_API_QUERY("deleted", BOOL), {0}};
static const struct wr_api_member create_in[] = {
    WR_API_BODY("name", STRING, .required = true, .min = 1, .max = WR_TENANT_NAME_MAX,
                .pattern = WR_API_TENANT_PATTERN),
    WR_API_BODY("account", STRING, .min = 12, .max = 12, .pattern = WR_API_ACCOUNT_PATTERN),
    WR_API_BODY("features", OBJECT),
    {0}};
static const struct wr_api_member one_in[] = {WR_API_PATH("tenant", TENANT), {0}};
static const struct wr_api_member update_in[] = {
    WR_API_PATH("tenant", TENANT), WR_API_BODY("features", OBJECT, .required = true), {0}};
static const struct wr_api_member put_in[] = {
    WR_API_PATH("tenant", TENANT),
    WR_API_PATH("name", ANY),
    {.name = "feature", .place = WR_API_IN_PAYLOAD, .type = WR_API_OBJECT, .required = true},
    {0}};
static const struct wr_api_member name_in[] = {
    WR_API_PATH("tenant", TENANT), WR_API_PATH("name", ANY), {0}};

#define ONE "/weir/v1/tenants/{tenant}"
#define OWN(name_, method_, path_, in_) \
    .name = name_, .method = method_, .path = path_, .in = in_, .own_only = true, .any_tenant = true
#define CHANGES .write = true, .synced = true, .least = WR_ROLE_ADMIN, .all_tenants = true

static const struct wr_api_operation operations[] = {
    {OWN("ListTenants", "GET", "/weir/v1/tenants", list_in), .run = list_tenants},
    {OWN("CreateTenant", "POST", "/weir/v1/tenants", create_in), CHANGES, .run = create_tenant,
     .after = take_and_go_on},
    {OWN("GetTenant", "GET", ONE, one_in), .run = get_tenant, .after = add_use},
    {OWN("UpdateTenant", "PATCH", ONE, update_in), CHANGES, .run = update_tenant,
     .after = take_and_go_on},
    {OWN("DeleteTenant", "DELETE", ONE, one_in), CHANGES, .run = delete_tenant, .after = take},
    {OWN("PutTenantFeature", "PUT", ONE "/features/{name}", put_in), CHANGES, .run = put_feature,
     .after = take_and_go_on},
    {OWN("DeleteTenantFeature", "DELETE", ONE "/features/{name}", name_in), CHANGES,
     .run = delete_feature, .after = take_and_go_on},
    {OWN("RotateTenantAuthority", "POST", ONE "/certificate-authority", one_in), CHANGES,
     .run = rotate_authority},
    {OWN("ResetTenant", "POST", ONE "/reset", one_in), CHANGES, .run = reset_tenant,
     .after = take_reset},
};

void wr_api_add_tenants(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
    const struct wr_tenant *t;
    for (size_t i = 0; (t = wr_tenants_at(wr_api_tenants(api), i)) != NULL; i++) {
        go_on(api, t, wr_api_config(api)->region);
    }
}
