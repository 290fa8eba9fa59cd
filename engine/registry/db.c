// Statements are kept by the address of their text.
#include "engine/registry/db.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/registry/wild.h"

#include "sql/base/banned.h"

#define KEPT_SLOTS   1024 // a power of two, several times the statements there are
#define BUSY_MS      5000 // for another process that looks (sqlite3, a backup)
#define FAILURE_MAX  256
#define LIMIT_STEPS  1000 // of SQLite's machine between two looks at the clock
#define CACHE_PRAGMA "PRAGMA cache_size=-16384" // KiB: memory stays bounded whatever the file has
#define MMAP_PRAGMA  "PRAGMA mmap_size=0"

struct kept {
    const char *sql;
    sqlite3_stmt *statement;
    bool busy;
};

struct wr_db {
    sqlite3 *handle;
    struct kept kept[KEPT_SLOTS];
    size_t kept_count;
    bool failed, over_limit;
    int64_t limit_ns; // of the thread's clock
    char failure[FAILURE_MAX];
};

static void fail(struct wr_db *db)
{
    if (!db->failed) {
        db->failed = true;
        snprintf(db->failure, sizeof db->failure, "%s (SQLite %d)", sqlite3_errmsg(db->handle),
                 sqlite3_extended_errcode(db->handle));
    }
}

const char *wr_db_failure(const struct wr_db *db)
{
    return db->failed ? db->failure : NULL;
}

void wr_db_forgive(struct wr_db *db)
{
    db->failed = db->over_limit = false;
}

static int64_t thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int on_steps(void *user)
{
    struct wr_db *db = user;
    db->over_limit = db->over_limit || thread_ns() > db->limit_ns;
    return db->over_limit;
}

void wr_db_limit(struct wr_db *db, int64_t cpu_ms)
{
    db->limit_ns = thread_ns() + cpu_ms * 1000000;
    sqlite3_progress_handler(db->handle, cpu_ms ? LIMIT_STEPS : 0, cpu_ms ? on_steps : NULL, db);
}

bool wr_db_over_limit(const struct wr_db *db)
{
    return db->failed && db->over_limit;
}

static wr_err pragma(struct wr_db *db, const char *sql, struct wr_fault *fault)
{
    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK) {
        return WR_OK;
    }
    int code = sqlite3_errcode(db->handle);
    bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    return wr_fault_set(fault, damaged ? WR_ERR_CORRUPT : WR_ERR_IO, "%s",
                        sqlite3_errmsg(db->handle));
}

wr_err wr_db_open(const char *path, bool read_only, struct wr_db **out, struct wr_fault *fault)
{
    struct wr_db *db = wr_zalloc(sizeof *db);
    int flags = SQLITE_OPEN_NOMUTEX |
                (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    wr_err err = WR_OK;
    if (sqlite3_open_v2(path, &db->handle, flags, NULL) != SQLITE_OK) {
        err = wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, sqlite3_errmsg(db->handle));
    }
    // FULL: a commit is on disk when it returns, in WAL too.
    static const char *const pragmas[] = {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
                                          "PRAGMA foreign_keys=ON", CACHE_PRAGMA, MMAP_PRAGMA};
    for (size_t i = read_only ? 2 : 0; i < WR_COUNT(pragmas) && !err; i++) {
        sqlite3_busy_timeout(db->handle, BUSY_MS);
        err = pragma(db, pragmas[i], fault);
        if (err) {
            wr_fault_prefix(fault, "%s", path);
        }
    }
    if (err) {
        wr_db_close(db);
        return err;
    }
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    wr_wild_register(db->handle);
    *out = db;
    return WR_OK;
}

void wr_db_close(struct wr_db *db)
{
    if (!db) {
        return;
    }
    for (size_t i = 0; i < KEPT_SLOTS; i++) {
        sqlite3_finalize(db->kept[i].statement);
    }
    sqlite3_close(db->handle);
    free(db);
}

sqlite3 *wr_db_handle(struct wr_db *db)
{
    return db->handle;
}

bool wr_db_in_transaction(const struct wr_db *db)
{
    return !sqlite3_get_autocommit(db->handle);
}

bool wr_db_script(struct wr_db *db, const char *sql)
{
    if (!db->failed && sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail(db);
    }
    return !db->failed;
}

// ---- statements

static sqlite3_stmt *prepare(struct wr_db *db, const char *sql, unsigned flags)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v3(db->handle, sql, -1, flags, &statement, NULL) != SQLITE_OK) {
        fail(db);
    }
    return statement;
}

static struct kept *slot_of(struct wr_db *db, const char *sql)
{
    size_t at = ((uintptr_t)sql * 0x9E3779B97F4A7C15u) >> 54;
    while (db->kept[at].sql && db->kept[at].sql != sql) {
        at = (at + 1) % KEPT_SLOTS;
    }
    return &db->kept[at];
}

// One that is in use already (a query inside a query of the same text) is made a second time.
static struct wr_rows begin(struct wr_db *db, const char *sql, bool keep)
{
    struct wr_rows rows = {.db_ = db};
    if (db->failed) {
        return rows;
    }
    struct kept *slot = keep ? slot_of(db, sql) : NULL;
    if (slot && slot->sql && !slot->busy) {
        slot->busy = true;
        rows.statement_ = slot->statement;
        rows.busy_ = &slot->busy;
        return rows;
    }
    bool room = slot && !slot->sql && db->kept_count < KEPT_SLOTS / 2;
    rows.statement_ = prepare(db, sql, room ? SQLITE_PREPARE_PERSISTENT : 0);
    if (room && rows.statement_) {
        *slot = (struct kept){sql, rows.statement_, true};
        rows.busy_ = &slot->busy;
        db->kept_count++;
    }
    return rows;
}

static void bind_json(sqlite3_stmt *s, int at, const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    sqlite3_bind_text(s, at, text, -1, text ? free : SQLITE_STATIC);
}

static void bind(struct wr_rows *rows, const char *types, va_list args)
{
    sqlite3_stmt *s = rows->statement_;
    if (!s) {
        return;
    }
    int at = 1;
    for (const char *t = types; *t; t++, at++) {
        wr_str text;
        switch (*t) {
        case 'i':
            sqlite3_bind_int64(s, at, va_arg(args, int64_t));
            break;
        case 'z':
            sqlite3_bind_text(s, at, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
            break;
        case 's':
            text = va_arg(args, wr_str);
            sqlite3_bind_text64(s, at, text.at, text.len, SQLITE_TRANSIENT, SQLITE_UTF8);
            break;
        case 'b':
            text = va_arg(args, wr_str);
            sqlite3_bind_blob64(s, at, text.at, text.len, SQLITE_TRANSIENT);
            break;
        case 'j':
            bind_json(s, at, va_arg(args, const json_t *));
            break;
        default:
            wr_assert(*t == 'n');
            sqlite3_bind_null(s, at);
        }
    }
    wr_assert(at - 1 == sqlite3_bind_parameter_count(s));
}

struct wr_rows wr_db_query(struct wr_db *db, const char *sql, const char *types, ...)
{
    struct wr_rows rows = begin(db, sql, true);
    va_list args;
    va_start(args, types);
    bind(&rows, types, args);
    va_end(args);
    return rows;
}

struct wr_rows wr_db_query_made(struct wr_db *db, const char *sql, const char *types, ...)
{
    struct wr_rows rows = begin(db, sql, false);
    va_list args;
    va_start(args, types);
    bind(&rows, types, args);
    va_end(args);
    return rows;
}

bool wr_db_next(struct wr_rows *rows)
{
    if (!rows->statement_ || rows->db_->failed) {
        return false;
    }
    int code = sqlite3_step(rows->statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        fail(rows->db_);
    }
    return code == SQLITE_ROW;
}

void wr_db_end(struct wr_rows *rows)
{
    if (!rows->statement_) {
        return;
    }
    if (rows->busy_) {
        sqlite3_reset(rows->statement_);
        sqlite3_clear_bindings(rows->statement_);
        *rows->busy_ = false;
    } else {
        sqlite3_finalize(rows->statement_);
    }
    rows->statement_ = NULL;
}

int64_t wr_db_run(struct wr_db *db, const char *sql, const char *types, ...)
{
    struct wr_rows rows = begin(db, sql, true);
    va_list args;
    va_start(args, types);
    bind(&rows, types, args);
    va_end(args);
    while (wr_db_next(&rows)) { // a pragma's rows are of no interest here
    }
    int64_t changed = db->failed ? 0 : sqlite3_changes64(db->handle);
    wr_db_end(&rows);
    return changed;
}

int64_t wr_db_one(struct wr_db *db, int64_t missing, const char *sql, const char *types, ...)
{
    struct wr_rows rows = begin(db, sql, true);
    va_list args;
    va_start(args, types);
    bind(&rows, types, args);
    va_end(args);
    int64_t found = wr_db_next(&rows) ? wr_db_int(&rows, 0) : missing;
    wr_db_end(&rows);
    return found;
}

int64_t wr_db_last_id(const struct wr_db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

// ---- columns

int64_t wr_db_int(const struct wr_rows *rows, int column)
{
    return sqlite3_column_int64(rows->statement_, column);
}

wr_str wr_db_str(const struct wr_rows *rows, int column)
{
    const char *at = sqlite3_column_blob(rows->statement_, column);
    size_t len = (size_t)sqlite3_column_bytes(rows->statement_, column);
    if (!at && sqlite3_column_type(rows->statement_, column) != SQLITE_NULL) {
        at = "";
    }
    return (wr_str){at, len};
}

bool wr_db_null(const struct wr_rows *rows, int column)
{
    return sqlite3_column_type(rows->statement_, column) == SQLITE_NULL;
}

json_t *wr_db_json(const struct wr_rows *rows, int column)
{
    wr_str text = wr_db_str(rows, column);
    return text.at ? json_loadb(text.at, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
}

json_t *wr_db_json_str(const struct wr_rows *rows, int column)
{
    wr_str text = wr_db_str(rows, column);
    return text.at ? json_stringn(text.at, text.len) : NULL;
}
