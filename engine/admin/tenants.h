// The tenants, their access keys and tokens as the loop sees them: a copy in memory of what the
// registry holds, so that asking who somebody is needs no database. Whoever changes the tables
// reads the copy anew in the same transaction and hands it over after the commit:
//
//   run (registry's thread):  … wr_db_run(…);  call->own = wr_tenants_read(tenants, db);
//   after (loop):             wr_tenants_take(tenants, call->own);  call->own = NULL;
//
// control-plane.md 9. A tenant is an account: own id of 12 digits, own registry, own credentials.
// Thread: loop, but for wr_tenants_first() and _read().
#ifndef WR_ENGINE_ADMIN_TENANTS_H
#define WR_ENGINE_ADMIN_TENANTS_H

#include <jansson.h>

#include "engine/admin/router.h"
#include "engine/registry/db.h"
#include "engine/registry/seal.h"

struct wr_config;
struct wr_quotas;

#define WR_TENANT_NAME_MAX   39
#define WR_TENANT_DEFAULT    "default"
#define WR_ACCESS_KEY_LEN    20 // "AKIA" and 16 letters and digits
#define WR_ACCESS_SECRET_LEN 40

struct wr_tenant {
    int64_t id;
    char name[WR_TENANT_NAME_MAX + 1];
    char account[13];
    char state[12]; // DISABLED ENABLING ENABLED DISABLING
    bool is_default;
    json_t *features; // object, "iot.topic_prefix": "…"; what is not set is not there
};

struct wr_access_key {
    char id[129];
    char *secret;
    int64_t tenant;
    enum wr_role role;
    bool may_package;
    int64_t expires_ms; // 0: never
    int64_t used_ms;    // as far as it was written; 0: never
};

struct wr_token {
    int64_t id;
    unsigned char hash[32]; // SHA-256
    int64_t tenant;
    enum wr_role role;
    bool may_package;
    int64_t expires_ms, used_ms;
};

struct wr_tenants;
struct wr_tenants_copy;

// `key` seals the secrets of access keys; both are lent until free.
struct wr_tenants *wr_tenants_new(const struct wr_config *config, const struct wr_seal_key *key);
void wr_tenants_free(struct wr_tenants *t);

// For wr_registry_open(): make the default tenant when there is none, and read all. `user` is the
// struct. Thread: start.
wr_err wr_tenants_first(void *user, struct wr_db *db, struct wr_fault *fault) WR_MUST_CHECK;

// Thread: the registry's. Give; NULL after a failure of the database.
struct wr_tenants_copy *wr_tenants_read(const struct wr_tenants *t, struct wr_db *db);
void wr_tenants_copy_free(void *copy);
// Take `copy`; NULL: nothing happens. Watchers are told.
void wr_tenants_take(struct wr_tenants *t, struct wr_tenants_copy *copy);

// Somebody to tell: `changed` after every take, when tenants, states or features may be others;
// `emptied` when all of a tenant's registry is gone (test mode). NULL: not told. Lent until free.
struct wr_tenants_watch {
    void *user;
    void (*changed)(void *user);
    void (*emptied)(void *user, int64_t tenant);
    struct wr_tenants_watch *next_;
};
void wr_tenants_add_watch(struct wr_tenants *t, struct wr_tenants_watch *watch);
void wr_tenants_emptied(struct wr_tenants *t, int64_t tenant);

// What their rules are held to; lent until free.
const struct wr_quotas *wr_tenants_quotas(const struct wr_tenants *t);

// What seals secrets of the registry; lent until free.
const struct wr_seal_key *wr_tenants_seal(const struct wr_tenants *t);

struct wr_registry;
// tenants_used.c: note that an access key (NULL: the token with this id) has let somebody in now.
// It is written at most once a minute for each, some time later.
void wr_tenants_used(struct wr_tenants *t, struct wr_registry *registry, const char *key,
                     int64_t token);
// For that: true when it is to be written.
bool wr_tenants_note_use(struct wr_tenants *t, const char *key, int64_t token, int64_t now_ms);

// Borrowed until the next take. NULL: there is none.
const struct wr_tenant *wr_tenants_find(const struct wr_tenants *t, wr_str name);
const struct wr_tenant *wr_tenants_by_account(const struct wr_tenants *t, wr_str account);
const struct wr_tenant *wr_tenants_by_id(const struct wr_tenants *t, int64_t id);
const struct wr_tenant *wr_tenants_default(const struct wr_tenants *t);
const struct wr_tenant *wr_tenants_at(const struct wr_tenants *t, size_t index); // NULL: no more
const struct wr_access_key *wr_tenants_key(const struct wr_tenants *t, wr_str key_id);
const struct wr_token *wr_tenants_token(const struct wr_tenants *t, const unsigned char hash[32]);
// IoT is enabled for it.
bool wr_tenants_enabled(const struct wr_tenants *t, int64_t tenant);
// A text feature; {NULL, 0}: not set.
wr_str wr_tenant_text(const struct wr_tenant *tenant, const char *feature);
bool wr_tenant_flag(const struct wr_tenant *tenant, const char *feature, bool missing);

// A new row; returns its id. `account` NULL: a free one is made. 0: the name or the account is
// taken. Thread: the registry's.
int64_t wr_tenants_insert(struct wr_db *db, wr_str name, const char *account, const char *state,
                          int64_t now_ms);
// The same for an access key: id and secret are made, and written to `id` and `secret`
// (terminated). `expires_ms` 0: never. False: the database failed.
bool wr_tenants_insert_key(const struct wr_tenants *t, struct wr_db *db, int64_t tenant,
                           const char *role, int64_t now_ms, int64_t expires_ms,
                           char id[WR_ACCESS_KEY_LEN + 1], char secret[WR_ACCESS_SECRET_LEN + 1]);

// "admin", "operator", "viewer" (reader too), "device-packager" → role. False: none of them.
bool wr_tenant_role(wr_str text, enum wr_role *role, bool *may_package);

#endif
