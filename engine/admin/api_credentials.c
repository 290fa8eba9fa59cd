// Access keys and bearer tokens of a tenant (control-plane.md 9 and 10): weir's own calls.
#include <openssl/evp.h>
#include <stdio.h>

#include "engine/admin/families.h"
#include "engine/admin/tenants.h"
#include "engine/registry/secret.h"
#include "sql/base/buf.h"

#include "sql/base/banned.h"

#define ROLES     "admin|operator|viewer|reader|device-packager"
#define TTL_MAX_S (10 * 365 * 86400ll) // ten years

static int64_t tenant_of(struct wr_api_call *c, struct wr_db *db)
{
    int64_t id = wr_db_one(db, 0, "SELECT id FROM tenants WHERE name=? AND deleted IS NULL", "s",
                           wr_api_str(c, "tenant"));
    if (!id && !wr_db_failure(db)) {
        wr_api_fail(c, WR_API_NOT_FOUND, "there is no tenant %s", wr_api_text(c, "tenant"));
    }
    return id;
}

static void read_again(struct wr_api_call *c, struct wr_db *db)
{
    c->own = wr_tenants_read(wr_api_tenants(c->api), db);
    c->own_free = wr_tenants_copy_free;
}

static void take(struct wr_api_call *c)
{
    wr_tenants_take(wr_api_tenants(c->api), c->own);
    c->own = NULL;
}

static int64_t expires_of(const struct wr_api_call *c)
{
    int64_t ttl = wr_api_int(c, "ttl", 0);
    return ttl ? c->now_ms + ttl * 1000 : 0;
}

static void set_time(json_t *to, const char *name, int64_t ms)
{
    if (ms) {
        json_object_set_new(to, name, wr_api_time(ms));
    }
}

// ---- access keys

static void create_key(struct wr_api_call *c, struct wr_db *db)
{
    int64_t tenant = tenant_of(c, db);
    if (!tenant) {
        return;
    }
    char id[WR_ACCESS_KEY_LEN + 1], secret[WR_ACCESS_SECRET_LEN + 1];
    const char *role = wr_api_text(c, "role") ? wr_api_text(c, "role") : "operator";
    if (wr_tenants_insert_key(wr_api_tenants(c->api), db, tenant, role, c->now_ms, expires_of(c),
                              id, secret)) {
        json_object_set_new(c->out, "accessKeyId", json_string(id));
        json_object_set_new(c->out, "secretAccessKey", json_string(secret));
        json_object_set_new(c->out, "role", json_string(role));
        set_time(c->out, "expires", expires_of(c));
        wr_api_audit_arn(c, id);
    }
    wr_secret_wipe(secret, sizeof secret);
    read_again(c, db);
}

static void list_keys(struct wr_api_call *c, struct wr_db *db)
{
    json_t *keys = json_array();
    json_object_set_new(c->out, "accessKeys", keys);
    struct wr_rows rows = wr_db_query(
        db,
        "SELECT key_id, role, created, expires, used FROM access_keys WHERE tenant=? ORDER BY id",
        "i", tenant_of(c, db));
    while (wr_db_next(&rows)) {
        json_t *one = json_object();
        json_object_set_new(one, "accessKeyId", wr_db_json_str(&rows, 0));
        json_object_set_new(one, "role", wr_db_json_str(&rows, 1));
        json_object_set_new(one, "created", wr_api_time(wr_db_int(&rows, 2)));
        set_time(one, "expires", wr_db_int(&rows, 3));
        set_time(one, "lastUsed", wr_db_int(&rows, 4));
        json_array_append_new(keys, one);
    }
    wr_db_end(&rows);
}

static void delete_key(struct wr_api_call *c, struct wr_db *db)
{
    int64_t tenant = tenant_of(c, db);
    if (tenant && !wr_db_run(db, "DELETE FROM access_keys WHERE tenant=? AND key_id=?", "is",
                             tenant, wr_api_str(c, "id"))) {
        wr_api_fail(c, WR_API_NOT_FOUND, "the tenant has no access key %s", wr_api_text(c, "id"));
    }
    wr_api_audit_arn(c, wr_api_text(c, "id"));
    read_again(c, db);
}

// ---- tokens: 32 random bytes in base64url behind "weir_"; only their SHA-256 is kept

static void create_token(struct wr_api_call *c, struct wr_db *db)
{
    int64_t tenant = tenant_of(c, db);
    if (!tenant) {
        return;
    }
    char token[5 + 43 + 1] = "weir_";
    wr_secret_random_text(
        token + 5, 43, WR_STR("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"));
    token[48] = '\0';
    unsigned char hash[EVP_MAX_MD_SIZE];
    wr_assert(EVP_Digest(token, 48, hash, NULL, EVP_sha256(), NULL) == 1);
    const char *role = wr_api_text(c, "role") ? wr_api_text(c, "role") : "operator";
    const char *name = wr_api_text(c, "name");
    wr_db_run(db,
              "INSERT INTO tokens(hash, name, tenant, role, created, expires) "
              "VALUES(?,?,?,?,?,nullif(?,0))",
              "bzizii", ((wr_str){(const char *)hash, 32}), name ? name : "", tenant, role,
              c->now_ms, expires_of(c));
    json_object_set_new(c->out, "id", json_integer(wr_db_last_id(db)));
    json_object_set_new(c->out, "token", json_string(token));
    json_object_set_new(c->out, "role", json_string(role));
    set_time(c->out, "expires", expires_of(c));
    wr_secret_wipe(token, sizeof token);
    read_again(c, db);
}

static void list_tokens(struct wr_api_call *c, struct wr_db *db)
{
    json_t *tokens = json_array();
    json_object_set_new(c->out, "tokens", tokens);
    struct wr_rows rows = wr_db_query(
        db, "SELECT id, name, role, created, expires, used FROM tokens WHERE tenant=? ORDER BY id",
        "i", tenant_of(c, db));
    while (wr_db_next(&rows)) {
        json_t *one = json_object();
        json_object_set_new(one, "id", json_integer(wr_db_int(&rows, 0)));
        json_object_set_new(one, "name", wr_db_json_str(&rows, 1));
        json_object_set_new(one, "role", wr_db_json_str(&rows, 2));
        json_object_set_new(one, "created", wr_api_time(wr_db_int(&rows, 3)));
        set_time(one, "expires", wr_db_int(&rows, 4));
        set_time(one, "lastUsed", wr_db_int(&rows, 5));
        json_array_append_new(tokens, one);
    }
    wr_db_end(&rows);
}

static void delete_token(struct wr_api_call *c, struct wr_db *db)
{
    int64_t tenant = tenant_of(c, db);
    if (tenant && !wr_db_run(db, "DELETE FROM tokens WHERE tenant=? AND id=?", "is", tenant,
                             wr_api_str(c, "id"))) {
        wr_api_fail(c, WR_API_NOT_FOUND, "the tenant has no token %s", wr_api_text(c, "id"));
    }
    read_again(c, db);
}

// ---- the table

static const struct wr_api_member create_in[] = {
    WR_API_PATH("tenant", TENANT),
    WR_API_BODY("role", STRING, .one_of = ROLES),
    WR_API_BODY("ttl", INT, .min = 1, .max = TTL_MAX_S),
    WR_API_BODY("name", STRING, .max = 128),
    {0},
};
static const struct wr_api_member tenant_in[] = {WR_API_PATH("tenant", TENANT), {0}};
static const struct wr_api_member one_in[] = {
    WR_API_PATH("tenant", TENANT), WR_API_PATH("id", ANY), {0}};

#define OWN(name_, method_, path_, in_)                                                     \
    .name = name_, .method = method_, .path = "/weir/v1/tenants/{tenant}" path_, .in = in_, \
    .own_only = true, .any_tenant = true, .least = WR_ROLE_ADMIN

static const struct wr_api_operation operations[] = {
    {OWN("CreateAccessKey", "POST", "/access-keys", create_in), .write = true, .secret = true,
     .run = create_key, .after = take},
    {OWN("ListAccessKeys", "GET", "/access-keys", tenant_in), .run = list_keys},
    {OWN("DeleteAccessKey", "DELETE", "/access-keys/{id}", one_in), .write = true, .secret = true,
     .run = delete_key, .after = take},
    {OWN("CreateToken", "POST", "/tokens", create_in), .write = true, .secret = true,
     .run = create_token, .after = take},
    {OWN("ListTokens", "GET", "/tokens", tenant_in), .run = list_tokens},
    {OWN("DeleteToken", "DELETE", "/tokens/{id}", one_in), .write = true, .secret = true,
     .run = delete_token, .after = take},
};

void wr_api_add_credentials(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
