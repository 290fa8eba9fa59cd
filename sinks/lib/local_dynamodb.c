// The local form of DynamoDB: reading its SQLite file, for the command line and tests.
#include "sinks/lib/local_dynamodb.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include <sqlite3.h>

#include "sql/base/banned.h"

#define BUSY_MS 2000 // a reader waits for nobody in WAL mode, except while the file is recovered

static wr_str column_text(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return (wr_str){text, (size_t)sqlite3_column_bytes(stmt, column)};
}

// *out stays NULL when there is no file.
static wr_err open_file(const char *state_dir, sqlite3 **out, struct wr_fault *fault)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", state_dir, WR_LOCAL_DYNAMODB_FILE);
    if (len < 0 || (size_t)len >= sizeof path) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "path too long below %s", state_dir);
    }
    if (access(path, F_OK) != 0) {
        return WR_OK;
    }
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        wr_err err = wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, sqlite3_errstr(rc));
        sqlite3_close(db);
        return err;
    }
    sqlite3_busy_timeout(db, BUSY_MS);
    sqlite3_exec(db, "PRAGMA query_only = 1", NULL, NULL, NULL);
    *out = db;
    return WR_OK;
}

static wr_err sqlite_fault(sqlite3 *db, struct wr_fault *fault)
{
    return wr_fault_set(fault, WR_ERR_IO, "%s: %s", WR_LOCAL_DYNAMODB_FILE, sqlite3_errmsg(db));
}

// Prepare a statement whose %w is `name`.
static int prepare(sqlite3 *db, const char *format, const char *name, sqlite3_stmt **out)
{
    char *sql = sqlite3_mprintf(format, name);
    int rc = sql ? sqlite3_prepare_v2(db, sql, -1, out, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return rc;
}

static uint64_t count_items(sqlite3 *db, const char *sql_name)
{
    sqlite3_stmt *stmt = NULL;
    uint64_t count = 0;
    if (prepare(db, "SELECT count(*) FROM \"%w\"", sql_name, &stmt) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        count = (uint64_t)sqlite3_column_int64(stmt, 0);
    }
    sqlite3_finalize(stmt);
    return count;
}

wr_err wr_local_dynamodb_tables(const char *state_dir,
                                bool (*visit)(void *user,
                                              const struct wr_local_dynamodb_table *table),
                                void *user, struct wr_fault *fault)
{
    sqlite3 *db = NULL;
    wr_err err = open_file(state_dir, &db, fault);
    if (err || !db) {
        return err;
    }
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db,
                                "SELECT name, sql_name, hash_key, hash_type, range_key, range_type "
                                "FROM \"~tables\" ORDER BY name",
                                -1, &stmt, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        if (rc != SQLITE_ROW) {
            break;
        }
        wr_str hash_type = column_text(stmt, 3), range_type = column_text(stmt, 5);
        struct wr_local_dynamodb_table table = {
            .name = column_text(stmt, 0),
            .hash_key = column_text(stmt, 2),
            .range_key = column_text(stmt, 4),
            .hash_type = hash_type.len ? hash_type.at[0] : 0,
            .range_type = range_type.len ? range_type.at[0] : 0,
            .items = count_items(db, (const char *)sqlite3_column_text(stmt, 1)),
        };
        if (!visit(user, &table)) {
            rc = SQLITE_DONE;
        }
    }
    err = rc == SQLITE_DONE ? WR_OK : sqlite_fault(db, fault);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return err;
}

// Step through the rows of a prepared statement (seq, item).
static wr_err visit_items(sqlite3 *db, sqlite3_stmt *stmt,
                          bool (*visit)(void *user, int64_t seq, wr_str item), void *user,
                          struct wr_fault *fault)
{
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (!visit(user, sqlite3_column_int64(stmt, 0), column_text(stmt, 1))) {
            return WR_OK;
        }
    }
    return rc == SQLITE_DONE ? WR_OK : sqlite_fault(db, fault);
}

wr_err wr_local_dynamodb_items(const char *state_dir, wr_str table,
                               enum wr_local_dynamodb_order order, int64_t after,
                               bool (*visit)(void *user, int64_t seq, wr_str item), void *user,
                               struct wr_fault *fault)
{
    sqlite3 *db = NULL;
    wr_err err = open_file(state_dir, &db, fault);
    if (err) {
        return err;
    }
    sqlite3_stmt *name = NULL, *items = NULL;
    const char *format = "SELECT seq, item FROM \"%w\" WHERE seq > ? ORDER BY seq";
    if (order == WR_LOCAL_DYNAMODB_BY_KEY) {
        format = "SELECT seq, item FROM \"%w\" WHERE seq > ? ORDER BY hash, \"range\"";
    }
    if (db && sqlite3_prepare_v2(db, "SELECT sql_name FROM \"~tables\" WHERE name = ?", -1, &name,
                                 NULL) != SQLITE_OK) {
        err = sqlite_fault(db, fault);
    } else if (!db ||
               sqlite3_bind_text(name, 1, table.at, (int)table.len, SQLITE_STATIC) != SQLITE_OK ||
               sqlite3_step(name) != SQLITE_ROW) {
        err =
            wr_fault_set(fault, WR_ERR_UNKNOWN,
                         "Requested resource not found: Table: %.*s not found", WR_STR_ARG(table));
    } else if (prepare(db, format, (const char *)sqlite3_column_text(name, 0), &items) !=
                   SQLITE_OK ||
               sqlite3_bind_int64(items, 1, after) != SQLITE_OK) {
        err = sqlite_fault(db, fault);
    } else {
        err = visit_items(db, items, visit, user, fault);
    }
    sqlite3_finalize(items);
    sqlite3_finalize(name);
    sqlite3_close(db);
    return err;
}
