// The local form of DynamoDB: GetItem, for SQL's get_dynamodb(). One connection, which is opened
// again when the file was replaced.
#include "sinks/lib/local_dynamodb.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "sinks/dynamodb/item.h"
#include "sinks/dynamodb/number.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define BUSY_MS     1000       // a reader waits for nobody in WAL mode, except for a recovery
#define SCRATCH_MAX (16 << 20) // bytes: an item of 400 KB as a tree takes far less

struct wr_local_dynamodb {
    char path[PATH_MAX];
    sqlite3 *db;
    struct stat file; // what is open
    struct wr_arena scratch;
};

struct table {
    char *sql_name, *hash_name, *range_name; // range_name is "" without one
    char hash_type, range_type;
};

struct wr_local_dynamodb *wr_local_dynamodb_new(const char *state_dir)
{
    struct wr_local_dynamodb *d = wr_zalloc(sizeof *d);
    int len = snprintf(d->path, sizeof d->path, "%s/%s", state_dir, WR_LOCAL_DYNAMODB_FILE);
    if (len < 0 || (size_t)len >= sizeof d->path) {
        d->path[0] = '\0'; // no such file
    }
    wr_arena_init(&d->scratch, SCRATCH_MAX);
    return d;
}

void wr_local_dynamodb_free(struct wr_local_dynamodb *d)
{
    if (d) {
        sqlite3_close(d->db);
        wr_arena_release(&d->scratch);
        free(d);
    }
}

static wr_err sqlite_trouble(struct wr_local_dynamodb *d, struct wr_fault *fault)
{
    return wr_fault_set(fault, WR_ERR_IO, "%s: %s", WR_LOCAL_DYNAMODB_FILE,
                        d->db ? sqlite3_errmsg(d->db) : "cannot be opened");
}

static wr_err no_table(wr_str table, struct wr_fault *fault)
{
    return wr_fault_set(fault, WR_ERR_UNKNOWN,
                        "Requested resource not found: Table: %.*s not found", WR_STR_ARG(table));
}

// d->db is NULL when there is no file.
static wr_err open_file(struct wr_local_dynamodb *d, struct wr_fault *fault)
{
    struct stat now;
    bool there = stat(d->path, &now) == 0;
    if (d->db && there && now.st_ino == d->file.st_ino && now.st_dev == d->file.st_dev) {
        return WR_OK;
    }
    sqlite3_close(d->db);
    d->db = NULL;
    if (!there) {
        return WR_OK;
    }
    // Writable, since a reader may have to recover the WAL; a query cannot change anything.
    int rc = sqlite3_open_v2(d->path, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        d->file = now;
        sqlite3_busy_timeout(d->db, BUSY_MS);
        rc = sqlite3_exec(d->db, "PRAGMA query_only = 1", NULL, NULL, NULL);
    }
    if (rc != SQLITE_OK) {
        wr_err err = sqlite_trouble(d, fault);
        sqlite3_close(d->db);
        d->db = NULL;
        return err;
    }
    return WR_OK;
}

// ---- tables

static void table_release(struct table *t)
{
    free(t->sql_name);
    free(t->hash_name);
    free(t->range_name);
}

static char *column_dup(sqlite3_stmt *stmt, int at)
{
    const char *text = (const char *)sqlite3_column_text(stmt, at);
    return wr_strdup((wr_str){text ? text : "", (size_t)sqlite3_column_bytes(stmt, at)});
}

static wr_err find_table(struct wr_local_dynamodb *d, wr_str name, struct table *out,
                         struct wr_fault *fault)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(d->db,
                                "SELECT sql_name, hash_key, hash_type, range_key, range_type FROM "
                                "\"~tables\" WHERE name = ?",
                                -1, &stmt, NULL);
    rc = rc == SQLITE_OK
             ? sqlite3_bind_text(stmt, 1, name.at ? name.at : "", (int)name.len, SQLITE_STATIC)
             : rc;
    rc = rc == SQLITE_OK ? sqlite3_step(stmt) : rc;
    wr_err err = WR_OK;
    if (rc == SQLITE_ROW) {
        char *hash = column_dup(stmt, 2), *range = column_dup(stmt, 4);
        *out = (struct table){.sql_name = column_dup(stmt, 0),
                              .hash_name = column_dup(stmt, 1),
                              .range_name = column_dup(stmt, 3),
                              .hash_type = hash[0],
                              .range_type = range[0]};
        free(hash);
        free(range);
    } else {
        err = rc == SQLITE_DONE ? no_table(name, fault) : sqlite_trouble(d, fault);
    }
    sqlite3_finalize(stmt);
    return err;
}

// ---- keys

// The column's text for one part of the key.
static wr_err key_text(struct wr_local_dynamodb *d, const struct wr_local_dynamodb_key *key,
                       const char *name, char type, wr_str *out, struct wr_fault *fault)
{
    if (!wr_str_eq(key->name, wr_str_of(name))) {
        return wr_fault_set(fault, WR_ERR_TYPE,
                            "The provided key element does not match the schema: found the key "
                            "%.*s, the table's is %s",
                            WR_STR_ARG(key->name), name);
    }
    if (type == 'N' && key->type == 'N') {
        struct wr_dynamodb_number n;
        const char *wrong = wr_dynamodb_number_parse(key->value, &n);
        if (wrong) {
            return wr_fault_set(fault, WR_ERR_RANGE, "key %s: %s", name, wrong);
        }
        char *text = wr_arena_alloc(&d->scratch, WR_DYNAMODB_NUMBER_KEY_MAX);
        if (!text) {
            return wr_fault_set(fault, WR_ERR_LIMIT, "key %s: too long", name);
        }
        *out = (wr_str){text, wr_dynamodb_number_key(text, &n)};
        return WR_OK;
    }
    if (type != 'S' || key->type != 'S') {
        return wr_fault_set(fault, WR_ERR_TYPE,
                            "The provided key element does not match the schema: Type mismatch for "
                            "key %s expected: %c actual: %c",
                            name, type, key->type);
    }
    *out = key->value;
    return WR_OK;
}

static wr_err key_texts(struct wr_local_dynamodb *d, const struct table *t,
                        const struct wr_local_dynamodb_key *hash,
                        const struct wr_local_dynamodb_key *range, wr_str out[2],
                        struct wr_fault *fault)
{
    if (!range != !t->range_type) {
        return wr_fault_set(
            fault, WR_ERR_TYPE, "The provided key element does not match the schema: %s",
            range ? "the table has no sort key" : "the table has a sort key, which is not given");
    }
    out[1] = WR_STR("");
    wr_err err = key_text(d, hash, t->hash_name, t->hash_type, &out[0], fault);
    if (!err && range) {
        err = key_text(d, range, t->range_name, t->range_type, &out[1], fault);
    }
    return err;
}

// ---- from typed JSON to plain

static void plain(struct wr_buf *out, const wr_value *typed, struct wr_arena *scratch, int depth);

static void plain_list(struct wr_buf *out, const wr_value *list, char type,
                       struct wr_arena *scratch, int depth)
{
    wr_buf_add_char(out, '[');
    for (uint32_t i = 0; i < list->len; i++) {
        wr_value item = list->as.items[i];
        wr_value_force(&item, scratch, WR_SQL_2016);
        if (i > 0) {
            wr_buf_add_char(out, ',');
        }
        if (type == 'L') {
            plain(out, &item, scratch, depth + 1);
        } else if (type == 'N') { // NS
            wr_buf_add(out, wr_value_text(&item));
        } else {
            wr_json_write_string(out, wr_value_text(&item));
        }
    }
    wr_buf_add_char(out, ']');
}

static void plain_map(struct wr_buf *out, const wr_value *map, struct wr_arena *scratch, int depth)
{
    wr_buf_add_char(out, '{');
    for (uint32_t i = 0; i < map->len; i++) {
        if (i > 0) {
            wr_buf_add_char(out, ',');
        }
        wr_json_write_string(out, map->as.members[i].key);
        wr_buf_add_char(out, ':');
        plain(out, &map->as.members[i].value, scratch, depth + 1);
    }
    wr_buf_add_char(out, '}');
}

// One AttributeValue: {"S":"…"}. The file was written by the sink; what it cannot have written is
// Null.
static void plain(struct wr_buf *out, const wr_value *typed, struct wr_arena *scratch, int depth)
{
    wr_value av = *typed;
    wr_value_force(&av, scratch, WR_SQL_2016);
    if (av.type != WR_OBJECT || av.len != 1 || depth > WR_DYNAMODB_DEPTH_MAX + 1) {
        wr_buf_add(out, WR_STR("null"));
        return;
    }
    wr_str type = av.as.members[0].key;
    wr_value v = av.as.members[0].value;
    wr_value_force(&v, scratch, WR_SQL_2016);
    if (v.type == WR_STRING && wr_str_eq(type, WR_STR("N"))) {
        wr_buf_add(out, wr_value_text(&v)); // digits as they are stored
    } else if (v.type == WR_STRING) {
        wr_json_write_string(out, wr_value_text(&v)); // S; B is base64
    } else if (v.type == WR_BOOLEAN && wr_str_eq(type, WR_STR("BOOL"))) {
        wr_buf_add(out, v.as.truth ? WR_STR("true") : WR_STR("false"));
    } else if (v.type == WR_ARRAY) { // L, SS, NS, BS
        plain_list(out, &v, type.len ? type.at[0] : 'L', scratch, depth);
    } else if (v.type == WR_OBJECT) {
        plain_map(out, &v, scratch, depth);
    } else {
        wr_buf_add(out, WR_STR("null")); // NULL
    }
}

void wr_local_dynamodb_plain(struct wr_buf *out, const wr_value *item, struct wr_arena *scratch)
{
    plain_map(out, item, scratch, 0);
}

static wr_err plain_item(struct wr_local_dynamodb *d, wr_str typed, size_t size_max,
                         struct wr_buf *out, struct wr_fault *fault)
{
    wr_value item;
    if (wr_json_parse(typed, &d->scratch, WR_SQL_2016, &item, NULL) || item.type != WR_OBJECT) {
        return wr_fault_set(fault, WR_ERR_CORRUPT, "the item in %s is damaged",
                            WR_LOCAL_DYNAMODB_FILE);
    }
    size_t size = wr_dynamodb_item_size(&item, &d->scratch);
    if (size > size_max) {
        return wr_fault_set(fault, WR_ERR_LIMIT,
                            "the item has %zu bytes, at most %zu may be looked up", size, size_max);
    }
    wr_local_dynamodb_plain(out, &item, &d->scratch);
    return out->over || d->scratch.over
               ? wr_fault_set(fault, WR_ERR_LIMIT, "no memory for the item")
               : WR_OK;
}

// ---- the call

static wr_err get_row(struct wr_local_dynamodb *d, const struct table *t, const wr_str keys[2],
                      size_t size_max, struct wr_buf *out, bool *found, struct wr_fault *fault)
{
    sqlite3_stmt *stmt = NULL;
    char *sql =
        sqlite3_mprintf("SELECT item FROM \"%w\" WHERE hash = ? AND \"range\" = ?", t->sql_name);
    int rc = sql ? sqlite3_prepare_v2(d->db, sql, -1, &stmt, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    for (int i = 0; i < 2 && rc == SQLITE_OK; i++) {
        rc = sqlite3_bind_text(stmt, i + 1, keys[i].at ? keys[i].at : "", (int)keys[i].len,
                               SQLITE_STATIC);
    }
    rc = rc == SQLITE_OK ? sqlite3_step(stmt) : rc;
    wr_err err = WR_OK;
    *found = rc == SQLITE_ROW;
    if (*found) {
        wr_str typed = {(const char *)sqlite3_column_text(stmt, 0),
                        (size_t)sqlite3_column_bytes(stmt, 0)};
        err = plain_item(d, typed, size_max, out, fault);
    } else if (rc != SQLITE_DONE) {
        err = sqlite_trouble(d, fault);
    }
    sqlite3_finalize(stmt);
    return err;
}

wr_err wr_local_dynamodb_get(struct wr_local_dynamodb *d, wr_str table,
                             const struct wr_local_dynamodb_key *hash,
                             const struct wr_local_dynamodb_key *range, size_t size_max,
                             struct wr_buf *out, bool *found, struct wr_fault *fault)
{
    wr_err err = open_file(d, fault);
    if (err) {
        return err;
    }
    if (!d->db) {
        return no_table(table, fault);
    }
    struct table t = {0};
    err = find_table(d, table, &t, fault);
    if (err) {
        return err;
    }
    wr_str keys[2];
    err = key_texts(d, &t, hash, range, keys, fault);
    if (!err) {
        err = get_row(d, &t, keys, size_max, out, found, fault);
    }
    table_release(&t);
    wr_arena_reset(&d->scratch);
    return err;
}
