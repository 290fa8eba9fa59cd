#include "engine/admin/tenants.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/quotas.h"
#include "engine/config.h"
#include "engine/observe/log.h"
#include "engine/registry/secret.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define USED_EVERY_MS 60000 // as AWS's "last used" a guide for people, not a log

struct wr_tenants_copy {
    struct wr_tenant *tenants;
    struct wr_access_key *keys; // sorted by id
    struct wr_token *tokens;
    size_t tenant_count, key_count, token_count;
};

struct wr_tenants {
    const struct wr_config *config;
    const struct wr_seal_key *seal;
    struct wr_tenants_copy *copy;
    struct wr_tenants_watch *watches;
    struct wr_quotas *quotas;
};

struct wr_tenants *wr_tenants_new(const struct wr_config *config, const struct wr_seal_key *key)
{
    struct wr_tenants *t = wr_zalloc(sizeof *t);
    *t = (struct wr_tenants){.config = config, .seal = key, .quotas = wr_quotas_new()};
    return t;
}

void wr_tenants_copy_free(void *at)
{
    struct wr_tenants_copy *copy = at;
    if (!copy) {
        return;
    }
    for (size_t i = 0; i < copy->tenant_count; i++) {
        json_decref(copy->tenants[i].features);
    }
    for (size_t i = 0; i < copy->key_count; i++) {
        wr_secret_wipe(copy->keys[i].secret, strlen(copy->keys[i].secret));
        free(copy->keys[i].secret);
    }
    free(copy->tenants);
    free(copy->keys);
    free(copy->tokens);
    free(copy);
}

void wr_tenants_free(struct wr_tenants *t)
{
    if (t) {
        wr_tenants_copy_free(t->copy);
        wr_quotas_free(t->quotas);
        free(t);
    }
}

void wr_tenants_take(struct wr_tenants *t, struct wr_tenants_copy *copy)
{
    if (copy) {
        wr_tenants_copy_free(t->copy);
        t->copy = copy;
        for (size_t i = 0; i < copy->tenant_count; i++) {
            const struct wr_tenant *one = &copy->tenants[i];
            wr_quotas_follow(t->quotas, one->id, one->name, one->features);
        }
        for (const struct wr_tenants_watch *w = t->watches; w; w = w->next_) {
            if (w->changed) {
                w->changed(w->user);
            }
        }
    }
}

void wr_tenants_add_watch(struct wr_tenants *t, struct wr_tenants_watch *watch)
{
    watch->next_ = t->watches;
    t->watches = watch;
}

void wr_tenants_emptied(struct wr_tenants *t, int64_t tenant)
{
    for (const struct wr_tenants_watch *w = t->watches; w; w = w->next_) {
        if (w->emptied) {
            w->emptied(w->user, tenant);
        }
    }
}

const struct wr_quotas *wr_tenants_quotas(const struct wr_tenants *t)
{
    return t->quotas;
}

const struct wr_seal_key *wr_tenants_seal(const struct wr_tenants *t)
{
    return t->seal;
}

bool wr_tenant_role(wr_str text, enum wr_role *role, bool *may_package)
{
    static const struct {
        const char *text;
        enum wr_role role;
        bool package;
    } roles[] = {{"admin", WR_ROLE_ADMIN, true},
                 {"operator", WR_ROLE_OPERATOR, false},
                 {"viewer", WR_ROLE_READER, false},
                 {"reader", WR_ROLE_READER, false},
                 {"device-packager", WR_ROLE_READER, true}};
    for (size_t i = 0; i < WR_COUNT(roles); i++) {
        if (wr_str_eq(text, wr_str_of(roles[i].text))) {
            *role = roles[i].role;
            *may_package = roles[i].package;
            return true;
        }
    }
    return false;
}

// ---- reading

static void copy_text(char *to, size_t size, wr_str from)
{
    snprintf(to, size, "%.*s", WR_STR_ARG(from));
}

static void read_tenants(struct wr_tenants_copy *copy, struct wr_db *db)
{
    struct wr_rows rows = wr_db_query(
        db,
        "SELECT id, name, account, state, features FROM tenants WHERE deleted IS NULL ORDER BY id",
        "");
    while (wr_db_next(&rows)) {
        copy->tenants = wr_realloc(copy->tenants, (copy->tenant_count + 1) * sizeof *copy->tenants);
        struct wr_tenant *t = &copy->tenants[copy->tenant_count++];
        *t = (struct wr_tenant){.id = wr_db_int(&rows, 0), .features = wr_db_json(&rows, 4)};
        copy_text(t->name, sizeof t->name, wr_db_str(&rows, 1));
        copy_text(t->account, sizeof t->account, wr_db_str(&rows, 2));
        copy_text(t->state, sizeof t->state, wr_db_str(&rows, 3));
        t->is_default = !strcmp(t->name, WR_TENANT_DEFAULT);
        if (!json_is_object(t->features)) {
            json_decref(t->features);
            t->features = json_object();
        }
    }
    wr_db_end(&rows);
}

static void about_key(struct wr_buf *out, const char *id)
{
    wr_buf_clear(out);
    wr_buf_addf(out, "access-key/%s", id);
}

static void read_key(const struct wr_tenants *t, struct wr_tenants_copy *copy, struct wr_rows *rows)
{
    struct wr_access_key key = {.tenant = wr_db_int(rows, 1),
                                .expires_ms = wr_db_int(rows, 4),
                                .used_ms = wr_db_int(rows, 5)};
    copy_text(key.id, sizeof key.id, wr_db_str(rows, 0));
    struct wr_buf about = {0}, secret = {0};
    struct wr_fault fault = {0};
    about_key(&about, key.id);
    if (!wr_tenant_role(wr_db_str(rows, 3), &key.role, &key.may_package)) {
        wr_log(WR_LOG_ERROR, "admin", "access key %s has an unknown role: it is not usable",
               key.id);
    } else if (wr_seal_open(t->seal, wr_db_str(rows, 2), wr_buf_str(&about), &secret, &fault)) {
        wr_log(WR_LOG_ERROR, "admin", "access key %s cannot be used: its secret: %s", key.id,
               fault.text);
    } else {
        key.secret = wr_strdup(wr_buf_str(&secret));
        copy->keys = wr_realloc(copy->keys, (copy->key_count + 1) * sizeof *copy->keys);
        copy->keys[copy->key_count++] = key;
    }
    wr_secret_release(&secret);
    wr_buf_release(&about);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct wr_access_key *)a)->id, ((const struct wr_access_key *)b)->id);
}

static void read_keys(const struct wr_tenants *t, struct wr_tenants_copy *copy, struct wr_db *db)
{
    struct wr_rows rows =
        wr_db_query(db,
                    "SELECT k.key_id, k.tenant, k.secret, k.role, k.expires, k.used FROM "
                    "access_keys k JOIN tenants t ON t.id=k.tenant WHERE "
                    "t.deleted IS NULL",
                    "");
    while (wr_db_next(&rows)) {
        read_key(t, copy, &rows);
    }
    wr_db_end(&rows);
    if (copy->key_count) {
        qsort(copy->keys, copy->key_count, sizeof *copy->keys, by_id);
    }
}

static void read_tokens(struct wr_tenants_copy *copy, struct wr_db *db)
{
    struct wr_rows rows =
        wr_db_query(db,
                    "SELECT k.id, k.hash, k.tenant, k.role, k.expires, k.used FROM tokens "
                    "k JOIN tenants t ON t.id=k.tenant WHERE t.deleted IS NULL",
                    "");
    while (wr_db_next(&rows)) {
        struct wr_token token = {.id = wr_db_int(&rows, 0),
                                 .tenant = wr_db_int(&rows, 2),
                                 .expires_ms = wr_db_int(&rows, 4),
                                 .used_ms = wr_db_int(&rows, 5)};
        wr_str hash = wr_db_str(&rows, 1);
        if (hash.len != sizeof token.hash ||
            !wr_tenant_role(wr_db_str(&rows, 3), &token.role, &token.may_package)) {
            continue;
        }
        memcpy(token.hash, hash.at, sizeof token.hash);
        copy->tokens = wr_realloc(copy->tokens, (copy->token_count + 1) * sizeof *copy->tokens);
        copy->tokens[copy->token_count++] = token;
    }
    wr_db_end(&rows);
}

struct wr_tenants_copy *wr_tenants_read(const struct wr_tenants *t, struct wr_db *db)
{
    struct wr_tenants_copy *copy = wr_zalloc(sizeof *copy);
    read_tenants(copy, db);
    read_keys(t, copy, db);
    read_tokens(copy, db);
    if (wr_db_failure(db)) {
        wr_tenants_copy_free(copy);
        return NULL;
    }
    return copy;
}

// ---- writing

int64_t wr_tenants_insert(struct wr_db *db, wr_str name, const char *account, const char *state,
                          int64_t now_ms)
{
    char made[13];
    if (!account) {
        account = made;
        do {
            wr_secret_random_text(made, 12, WR_STR("0123456789"));
            made[12] = '\0';
        } while (made[0] == '0' ||
                 wr_db_one(db, 0, "SELECT 1 FROM tenants WHERE account=?", "z", made));
    }
    if (wr_db_one(db, 0, "SELECT 1 FROM tenants WHERE account=?", "z", account) ||
        wr_db_one(db, 0, "SELECT 1 FROM tenants WHERE name=? AND deleted IS NULL", "s", name)) {
        return 0;
    }
    wr_db_run(db,
              "INSERT INTO tenants(name, account, state, created, features) VALUES(?,?,?,?,'{}')",
              "szzi", name, account, state, now_ms);
    return wr_db_failure(db) ? 0 : wr_db_last_id(db);
}

bool wr_tenants_insert_key(const struct wr_tenants *t, struct wr_db *db, int64_t tenant,
                           const char *role, int64_t now_ms, int64_t expires_ms,
                           char id[WR_ACCESS_KEY_LEN + 1], char secret[WR_ACCESS_SECRET_LEN + 1])
{
    memcpy(id, "AKIA", 4);
    wr_secret_random_text(id + 4, WR_ACCESS_KEY_LEN - 4,
                          WR_STR("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"));
    id[WR_ACCESS_KEY_LEN] = '\0';
    wr_secret_random_text(
        secret, WR_ACCESS_SECRET_LEN,
        WR_STR("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"));
    secret[WR_ACCESS_SECRET_LEN] = '\0';
    struct wr_buf about = {0}, sealed = {0};
    struct wr_fault fault = {0};
    about_key(&about, id);
    wr_err err = wr_seal(t->seal, wr_str_of(secret), wr_buf_str(&about), &sealed, &fault);
    wr_assert(!err); // it is short
    wr_db_run(db,
              "INSERT INTO access_keys(key_id, tenant, secret, role, created, expires) "
              "VALUES(?,?,?,?,?,nullif(?,0))",
              "zibzii", id, tenant, wr_buf_str(&sealed), role, now_ms, expires_ms);
    wr_buf_release(&about);
    wr_buf_release(&sealed);
    return !wr_db_failure(db);
}

// ---- the default tenant, whose account is that of the configuration

static wr_err follow_account(struct wr_db *db, int64_t id, const char *account,
                             struct wr_fault *fault)
{
    if (wr_db_one(db, 0, "SELECT 1 FROM tenants WHERE id=? AND account=?", "iz", id, account)) {
        return WR_OK;
    }
    if (wr_db_one(db, 0, "SELECT 1 FROM tenants WHERE account=?", "z", account)) {
        return wr_fault_set(fault, WR_ERR_EXISTS,
                            "account_id %s belongs to another tenant than the default one",
                            account);
    }
    wr_db_run(db, "UPDATE tenants SET account=? WHERE id=?", "zi", account, id);
    wr_log(WR_LOG_WARN, "admin",
           "the default tenant has the account %s from now on (account_id): its ARNs are others",
           account);
    return WR_OK;
}

wr_err wr_tenants_first(void *user, struct wr_db *db, struct wr_fault *fault)
{
    struct wr_tenants *t = user;
    const char *account = t->config->account_id;
    int64_t id = wr_db_one(db, 0, "SELECT id FROM tenants WHERE name=? AND deleted IS NULL", "z",
                           WR_TENANT_DEFAULT);
    if (id) {
        wr_err err = follow_account(db, id, account, fault);
        if (err) {
            return err;
        }
    } else if (!wr_tenants_insert(db, WR_STR(WR_TENANT_DEFAULT), account, "ENABLED",
                                  wr_wall_ms())) {
        const char *why = wr_db_failure(db);
        return why ? wr_fault_set(fault, WR_ERR_IO, "%s", why)
                   : wr_fault_set(fault, WR_ERR_EXISTS, "account_id %s belongs to another tenant",
                                  account);
    }
    wr_tenants_take(t, wr_tenants_read(t, db));
    return t->copy ? WR_OK : wr_fault_set(fault, WR_ERR_IO, "%s", wr_db_failure(db));
}

// ---- asking

const struct wr_tenant *wr_tenants_at(const struct wr_tenants *t, size_t index)
{
    return index < t->copy->tenant_count ? &t->copy->tenants[index] : NULL;
}

const struct wr_tenant *wr_tenants_find(const struct wr_tenants *t, wr_str name)
{
    const struct wr_tenant *one;
    for (size_t i = 0; (one = wr_tenants_at(t, i)) != NULL; i++) {
        if (wr_str_eq(wr_str_of(one->name), name)) {
            return one;
        }
    }
    return NULL;
}

const struct wr_tenant *wr_tenants_by_account(const struct wr_tenants *t, wr_str account)
{
    const struct wr_tenant *one;
    for (size_t i = 0; (one = wr_tenants_at(t, i)) != NULL; i++) {
        if (wr_str_eq(wr_str_of(one->account), account)) {
            return one;
        }
    }
    return NULL;
}

const struct wr_tenant *wr_tenants_by_id(const struct wr_tenants *t, int64_t id)
{
    const struct wr_tenant *one;
    for (size_t i = 0; (one = wr_tenants_at(t, i)) != NULL; i++) {
        if (one->id == id) {
            return one;
        }
    }
    return NULL;
}

const struct wr_tenant *wr_tenants_default(const struct wr_tenants *t)
{
    return wr_tenants_find(t, WR_STR(WR_TENANT_DEFAULT));
}

const struct wr_access_key *wr_tenants_key(const struct wr_tenants *t, wr_str key_id)
{
    struct wr_access_key wanted;
    if (!t->copy->key_count || key_id.len >= sizeof wanted.id ||
        memchr(key_id.at, '\0', key_id.len)) {
        return NULL;
    }
    copy_text(wanted.id, sizeof wanted.id, key_id);
    return bsearch(&wanted, t->copy->keys, t->copy->key_count, sizeof wanted, by_id);
}

const struct wr_token *wr_tenants_token(const struct wr_tenants *t, const unsigned char hash[32])
{
    for (size_t i = 0; i < t->copy->token_count; i++) {
        if (!memcmp(t->copy->tokens[i].hash, hash, 32)) {
            return &t->copy->tokens[i];
        }
    }
    return NULL;
}

bool wr_tenants_note_use(struct wr_tenants *t, const char *key, int64_t token, int64_t now_ms)
{
    int64_t *used = NULL;
    if (key && t->copy->key_count) {
        struct wr_access_key wanted;
        copy_text(wanted.id, sizeof wanted.id, wr_str_of(key));
        struct wr_access_key *found =
            bsearch(&wanted, t->copy->keys, t->copy->key_count, sizeof wanted, by_id);
        used = found ? &found->used_ms : NULL;
    }
    for (size_t i = 0; !key && i < t->copy->token_count && !used; i++) {
        used = t->copy->tokens[i].id != token ? NULL : &t->copy->tokens[i].used_ms;
    }
    if (!used || (*used && now_ms >= *used && now_ms - *used < USED_EVERY_MS)) {
        return false;
    }
    *used = now_ms;
    return true;
}

bool wr_tenants_enabled(const struct wr_tenants *t, int64_t tenant)
{
    const struct wr_tenant *one = wr_tenants_by_id(t, tenant);
    return one && !strcmp(one->state, "ENABLED");
}

wr_str wr_tenant_text(const struct wr_tenant *tenant, const char *feature)
{
    const json_t *value = json_object_get(tenant->features, feature);
    return (wr_str){json_string_value(value), json_string_length(value)};
}

bool wr_tenant_flag(const struct wr_tenant *tenant, const char *feature, bool missing)
{
    const json_t *value = json_object_get(tenant->features, feature);
    return json_is_boolean(value) ? json_is_true(value) : missing;
}
