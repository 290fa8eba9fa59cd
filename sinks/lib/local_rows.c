// Reading metrics, alarms and Timestream tables of the local forms.
#include "sinks/lib/local_rows.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "sql/base/banned.h"

#define BUSY_MS 2000 // a writer's transaction is short

static const struct {
    const char *file, *sql;
} queries[] = {
#define QUERY(name, file, sql) {file, sql},
    WR_LOCAL_ROWS_MAP(QUERY)
#undef QUERY
};

// NULL with WR_OK: there is no file.
static wr_err open_file(const char *state_dir, const char *file, sqlite3 **out,
                        struct wr_fault *fault)
{
    char path[PATH_MAX];
    struct stat st;
    *out = NULL;
    int len = snprintf(path, sizeof path, "%s/local/%s", state_dir, file);
    if (len < 0 || (size_t)len >= sizeof path) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "path too long below %s", state_dir);
    }
    if (stat(path, &st) != 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? WR_OK
                   : wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX; // a log that was left is recovered
    if (sqlite3_open_v2(path, out, flags, NULL) != SQLITE_OK) {
        wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, sqlite3_errmsg(*out));
        sqlite3_close(*out);
        *out = NULL;
        return WR_ERR_IO;
    }
    sqlite3_busy_timeout(*out, BUSY_MS);
    return WR_OK;
}

static wr_str column(sqlite3_stmt *stmt, int at)
{
    const char *text = (const char *)sqlite3_column_text(stmt, at);
    return (wr_str){text, (size_t)sqlite3_column_bytes(stmt, at)};
}

static void bind_text(sqlite3_stmt *stmt, const char *name, wr_str text)
{
    int at = sqlite3_bind_parameter_index(stmt, name);
    if (at > 0) {
        sqlite3_bind_text(stmt, at, text.at ? text.at : "", (int)text.len, SQLITE_STATIC);
    }
}

// Take `stmt` and `db`: finish what a visit ended with.
static wr_err finish(sqlite3 *db, sqlite3_stmt *stmt, int rc, const char *file,
                     struct wr_fault *fault)
{
    wr_err err = rc == SQLITE_DONE || rc == SQLITE_ROW || rc == SQLITE_OK
                     ? WR_OK
                     : wr_fault_set(fault, WR_ERR_IO, "local/%s: %s", file, sqlite3_errmsg(db));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return err;
}

wr_err wr_local_metrics(const char *state_dir,
                        bool (*visit)(void *user, const struct wr_local_metric *metric), void *user,
                        struct wr_fault *fault)
{
    static const char sql[] = "SELECT namespace, name, unit, count, sum, min, max, last, time_ms "
                              "FROM metrics ORDER BY namespace, name, unit";
    sqlite3 *db;
    sqlite3_stmt *stmt = NULL;
    wr_err err = open_file(state_dir, "metrics.db", &db, fault);
    if (err || !db) {
        return err;
    }
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    bool more = rc == SQLITE_OK;
    while (more && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct wr_local_metric m = {
            .space = column(stmt, 0),
            .name = column(stmt, 1),
            .unit = column(stmt, 2),
            .count = (uint64_t)sqlite3_column_int64(stmt, 3),
            .sum = sqlite3_column_double(stmt, 4),
            .min = sqlite3_column_double(stmt, 5),
            .max = sqlite3_column_double(stmt, 6),
            .last = sqlite3_column_double(stmt, 7),
            .time_ms = sqlite3_column_int64(stmt, 8),
        };
        more = visit(user, &m);
    }
    return finish(db, stmt, rc, "metrics.db", fault);
}

wr_err wr_local_rows(const char *state_dir, enum wr_local_rows_query query, wr_str name, wr_str key,
                     int64_t after, bool (*visit)(void *user, const struct wr_local_row *row),
                     void *user, struct wr_fault *fault)
{
    sqlite3 *db;
    sqlite3_stmt *stmt = NULL;
    const char *file = queries[query].file;
    wr_err err = open_file(state_dir, file, &db, fault);
    if (err || !db) {
        return err;
    }
    int rc = sqlite3_prepare_v2(db, queries[query].sql, -1, &stmt, NULL);
    bool more = rc == SQLITE_OK;
    if (more) {
        bind_text(stmt, ":name", name);
        bind_text(stmt, ":key", key);
        sqlite3_bind_int64(stmt, sqlite3_bind_parameter_index(stmt, ":after"), after);
    }
    while (more && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct wr_local_row row = {
            .seq = sqlite3_column_int64(stmt, 0),
            .json = column(stmt, 1),
            .line = column(stmt, 2),
        };
        more = visit(user, &row);
    }
    return finish(db, stmt, rc, file, fault);
}
