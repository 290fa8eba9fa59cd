// DynamoDB's three writes on SQLite. A table's statements are prepared once; all jobs of a run
// share one transaction, and each has its own answer.
#include "sinks/dynamodb/store.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "sinks/dynamodb/number.h"
#include "sinks/lib/local_dynamodb.h"
#include "sql/base/hash.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define FORMAT_VERSION 1          // of the file, in user_version
#define HASH_KEY_MAX   2048       // bytes, as DynamoDB
#define RANGE_KEY_MAX  1024       // bytes, as DynamoDB
#define MERGE_MAX      (64 << 20) // bytes: reading and changing an item of 400 KB takes far less
#define BUCKETS        256        // of the hash table over at most WR_DYNAMODB_TABLES_MAX names

struct table {
    struct table *next;
    char *name;
    char *hash_name, *range_name; // range_name is "" without one
    char hash_type, range_type;
    sqlite3_stmt *put, *get, *delete;
};

struct wr_dynamodb_store {
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *rollback, *find;
    struct table *tables[BUCKETS];
    struct wr_arena arena; // for merging one item
    struct wr_buf merged;
};

// A primary key as the columns hold it.
struct key {
    wr_str hash, range;
    char hash_number[WR_DYNAMODB_NUMBER_KEY_MAX], range_number[WR_DYNAMODB_NUMBER_KEY_MAX];
};

const char *wr_dynamodb_table_trouble(wr_str table)
{
    if (table.len < 3 || table.len > 255) {
        return "TableName must be at least 3 characters long and at most 255 characters long";
    }
    for (size_t i = 0; i < table.len; i++) {
        char c = table.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-' || c == '.')) {
            return "TableName must satisfy regular expression pattern: [a-zA-Z0-9_.-]+";
        }
    }
    return NULL;
}

// ---- answers

WR_PRINTF(5, 6)
static void answer(struct wr_dynamodb_job *job, enum wr_verdict verdict, int status,
                   const char *code, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    job->verdict = verdict;
    job->status = status;
    job->code = code;
    free(job->message);
    job->message = wr_strdup((wr_str){text, len < 0                     ? 0
                                            : (size_t)len < sizeof text ? (size_t)len
                                                                        : sizeof text - 1});
}

#define REFUSE(job, ...) answer(job, WR_REFUSED, 400, "ValidationException", __VA_ARGS__)

static void answer_later(struct wr_dynamodb_job *job, int rc)
{
    answer(job, WR_RETRY, 500, "InternalServerError", "%s", sqlite3_errstr(rc));
}

// ---- statements

static int step_and_reset(sqlite3_stmt *stmt)
{
    int rc = sqlite3_step(stmt);
    int reset = sqlite3_reset(stmt);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : reset ? reset : rc;
}

static int bind_text(sqlite3_stmt *stmt, int column, wr_str text)
{
    return sqlite3_bind_text(stmt, column, text.at ? text.at : "", (int)text.len, SQLITE_STATIC);
}

static wr_str column(sqlite3_stmt *stmt, int at)
{
    const char *text = (const char *)sqlite3_column_text(stmt, at);
    return (wr_str){text, (size_t)sqlite3_column_bytes(stmt, at)};
}

// Prepare for many runs a statement whose "%w" is `name`.
static int prepare_on(sqlite3 *db, sqlite3_stmt **out, const char *format, const char *name)
{
    char *sql = sqlite3_mprintf(format, name);
    int rc =
        sql ? sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return rc;
}

static int exec_on(sqlite3 *db, const char *format, const char *name)
{
    sqlite3_stmt *stmt = NULL;
    int rc = prepare_on(db, &stmt, format, name);
    rc = rc == SQLITE_OK ? step_and_reset(stmt) : rc;
    sqlite3_finalize(stmt);
    return rc;
}

// ---- tables

static void table_free(struct table *t)
{
    if (t) {
        sqlite3_finalize(t->put);
        sqlite3_finalize(t->get);
        sqlite3_finalize(t->delete);
        free(t->name);
        free(t->hash_name);
        free(t->range_name);
        free(t);
    }
}

static void forget_tables(struct wr_dynamodb_store *store)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        while (store->tables[i]) {
            struct table *t = store->tables[i];
            store->tables[i] = t->next;
            table_free(t);
        }
    }
}

static char type_column(sqlite3_stmt *stmt, int at)
{
    wr_str text = column(stmt, at);
    return text.len > 0 ? text.at[0] : 0;
}

// The table `name` from the catalog, its statements prepared; *out is NULL when there is none.
static int table_load(struct wr_dynamodb_store *store, wr_str name, struct table **out)
{
    *out = NULL;
    int rc = bind_text(store->find, 1, name);
    rc = rc == SQLITE_OK ? sqlite3_step(store->find) : rc;
    if (rc != SQLITE_ROW) {
        sqlite3_reset(store->find);
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
    }
    struct table *t = wr_zalloc(sizeof *t);
    t->name = wr_strdup(name);
    t->hash_name = wr_strdup(column(store->find, 1));
    t->hash_type = type_column(store->find, 2);
    t->range_name = wr_strdup(column(store->find, 3));
    t->range_type = type_column(store->find, 4);
    const char *sql_name = (const char *)sqlite3_column_text(store->find, 0);
    rc = prepare_on(store->db, &t->put,
                    "INSERT OR REPLACE INTO \"%w\"(hash, \"range\", item) VALUES(?, ?, ?)",
                    sql_name);
    if (rc == SQLITE_OK) {
        rc = prepare_on(store->db, &t->get,
                        "SELECT item FROM \"%w\" WHERE hash = ? AND \"range\" = ?", sql_name);
    }
    if (rc == SQLITE_OK) {
        rc = prepare_on(store->db, &t->delete,
                        "DELETE FROM \"%w\" WHERE hash = ? AND \"range\" = ?", sql_name);
    }
    sqlite3_reset(store->find);
    if (rc != SQLITE_OK) {
        table_free(t);
        return rc;
    }
    struct table **bucket = &store->tables[wr_hash_str(name) % BUCKETS];
    t->next = *bucket;
    *bucket = t;
    *out = t;
    return SQLITE_OK;
}

static int table_find(struct wr_dynamodb_store *store, wr_str name, struct table **out)
{
    for (*out = store->tables[wr_hash_str(name) % BUCKETS]; *out; *out = (*out)->next) {
        if (wr_str_eq(wr_str_of((*out)->name), name)) {
            return SQLITE_OK;
        }
    }
    return table_load(store, name, out);
}

// One number of a query whose "%w" is `name`; -1 on failure.
static int64_t query_number(sqlite3 *db, const char *format, const char *name)
{
    sqlite3_stmt *stmt = NULL;
    int64_t number = -1;
    if (prepare_on(db, &stmt, format, name) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        number = sqlite3_column_int64(stmt, 0);
    }
    sqlite3_finalize(stmt);
    return number;
}

// A name for SQLite, which keeps sqlite_ for itself and does not tell letters' cases apart.
static void choose_sql_name(sqlite3 *db, wr_str name, char *out, size_t size)
{
    snprintf(out, size, "%.*s", WR_STR_ARG(name));
    bool taken = name.len >= 7 && wr_str_eq_nocase(wr_str_cut(name, 0, 7), WR_STR("sqlite_"));
    const char *count = "SELECT count(*) FROM \"~tables\" WHERE sql_name = '%q' COLLATE NOCASE";
    if (taken) {
        snprintf(out, size, "~%.*s", WR_STR_ARG(name));
        taken = false;
    }
    size_t base = strlen(out);
    for (unsigned n = 1; query_number(db, count, out) > 0; n++) {
        snprintf(out + base, size - base, "~%u", n);
    }
}

static int table_create(struct wr_dynamodb_store *store, wr_str name,
                        const struct wr_dynamodb_schema *schema)
{
    char sql_name[300];
    choose_sql_name(store->db, name, sql_name, sizeof sql_name);
    sqlite3_stmt *stmt = NULL;
    int rc = exec_on(store->db,
                     "CREATE TABLE \"%w\"(seq INTEGER PRIMARY KEY, hash NOT NULL, "
                     "\"range\" NOT NULL, item TEXT NOT NULL, UNIQUE(hash, \"range\"))",
                     sql_name);
    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v2(store->db, "INSERT INTO \"~tables\" VALUES(?, ?, ?, ?, ?, ?)", -1,
                                &stmt, NULL);
    }
    if (rc == SQLITE_OK) {
        bind_text(stmt, 1, name);
        bind_text(stmt, 2, wr_str_of(sql_name));
        bind_text(stmt, 3, schema->hash_name);
        bind_text(stmt, 4, (wr_str){&schema->hash_type, 1});
        bind_text(stmt, 5, schema->range_name);
        bind_text(stmt, 6, (wr_str){&schema->range_type, schema->range_type ? 1 : 0});
        rc = step_and_reset(stmt);
    }
    sqlite3_finalize(stmt);
    return rc;
}

// ---- keys

static const struct wr_dynamodb_attr *find_attr(const struct wr_dynamodb_item *item,
                                                const char *name)
{
    wr_str wanted = wr_str_of(name);
    for (size_t i = 0; i < item->count; i++) {
        if (wr_str_eq(item->attrs[i].name, wanted)) {
            return &item->attrs[i];
        }
    }
    return NULL;
}

// One part of the key as its column holds it. False: the job is refused.
static bool key_part(struct wr_dynamodb_job *job, const char *name, char type, size_t max,
                     char number[WR_DYNAMODB_NUMBER_KEY_MAX], wr_str *out)
{
    bool whole = job->op == WR_DYNAMODB_PUT;
    const struct wr_dynamodb_attr *attr = find_attr(&job->item, name);
    bool fits = attr && attr->type[0] == type && !attr->type[1];
    if (!fits && !whole) {
        REFUSE(job, "The provided key element does not match the schema");
    } else if (!attr) {
        REFUSE(job, "One or more parameter values were invalid: Missing the key %s in the item",
               name);
    } else if (!fits) {
        REFUSE(job,
               "One or more parameter values were invalid: Type mismatch for key %s expected: %c "
               "actual: %s",
               name, type, attr->type);
    } else if (type == 'S' && attr->scalar.len == 0) {
        REFUSE(job,
               "One or more parameter values are not valid. The AttributeValue for a key attribute "
               "cannot contain an empty string value. Key: %s",
               name);
    } else if (attr->scalar.len > max) {
        REFUSE(job, max == HASH_KEY_MAX
                        ? "One or more parameter values were invalid: Size of hashkey has exceeded "
                          "the maximum size limit of2048 bytes"
                        : "One or more parameter values were invalid: Aggregated size of all range "
                          "keys has exceeded the size limit of 1024 bytes");
    } else if (type == 'N') {
        struct wr_dynamodb_number n;
        const char *wrong = wr_dynamodb_number_parse(attr->scalar, &n);
        wr_assert(!wrong); // the builder wrote it
        *out = (wr_str){number, wr_dynamodb_number_key(number, &n)};
        return true;
    } else {
        *out = attr->scalar;
        return true;
    }
    return false;
}

static bool job_key(struct wr_dynamodb_job *job, const struct table *t, struct key *key)
{
    size_t given = job->item.count - (job->op == WR_DYNAMODB_UPDATE); // when it holds the key only
    size_t wanted = t->range_type ? 2 : 1;
    if (job->op != WR_DYNAMODB_PUT && given != wanted) {
        REFUSE(job, "The provided key element does not match the schema");
        return false;
    }
    key->range = WR_STR("");
    return key_part(job, t->hash_name, t->hash_type, HASH_KEY_MAX, key->hash_number, &key->hash) &&
           (!t->range_type || key_part(job, t->range_name, t->range_type, RANGE_KEY_MAX,
                                       key->range_number, &key->range));
}

// ---- the three operations

static int put(const struct table *t, const struct key *key, wr_str item)
{
    int rc = bind_text(t->put, 1, key->hash);
    rc = rc == SQLITE_OK ? bind_text(t->put, 2, key->range) : rc;
    rc = rc == SQLITE_OK ? bind_text(t->put, 3, item) : rc;
    return rc == SQLITE_OK ? step_and_reset(t->put) : rc;
}

static int remove_item(const struct table *t, const struct key *key)
{
    int rc = bind_text(t->delete, 1, key->hash);
    rc = rc == SQLITE_OK ? bind_text(t->delete, 2, key->range) : rc;
    return rc == SQLITE_OK ? step_and_reset(t->delete) : rc;
}

// The item `old` with the job's last attribute set, into store->merged. False: the job is refused.
static bool merge(struct wr_dynamodb_store *store, struct wr_dynamodb_job *job, wr_str old)
{
    const struct wr_dynamodb_attr *set = &job->item.attrs[job->item.count - 1];
    wr_value item, value;
    wr_buf_clear(&store->merged);
    if (wr_json_parse(old, &store->arena, WR_SQL_2016, &item, NULL) || item.type != WR_OBJECT ||
        wr_json_parse(set->json, &store->arena, WR_SQL_2016, &value, NULL)) {
        answer(job, WR_REFUSED, 500, "InternalServerError", "The item in %s is damaged",
               WR_LOCAL_DYNAMODB_FILE);
        return false;
    }
    struct wr_object_builder builder = {0};
    for (uint32_t i = 0; i < item.len; i++) {
        wr_object_set(&builder, &store->arena, item.as.members[i].key, item.as.members[i].value);
    }
    wr_object_set(&builder, &store->arena, set->name, value);
    item = wr_object_done(&builder);
    if (wr_dynamodb_item_size(&item, &store->arena) > WR_DYNAMODB_ITEM_MAX || store->arena.over) {
        REFUSE(job, "Item size to update has exceeded the maximum allowed size");
        return false;
    }
    wr_json_write(&store->merged, &item, &store->arena, WR_SQL_2016);
    return true;
}

static int update(struct wr_dynamodb_store *store, struct wr_dynamodb_job *job,
                  const struct table *t, const struct key *key)
{
    const struct wr_dynamodb_attr *set = &job->item.attrs[job->item.count - 1];
    if (wr_str_eq(set->name, wr_str_of(t->hash_name)) ||
        wr_str_eq(set->name, wr_str_of(t->range_name))) {
        REFUSE(job,
               "One or more parameter values were invalid: Cannot update attribute %.*s. This "
               "attribute is part of the key",
               WR_STR_ARG(set->name));
        return SQLITE_OK;
    }
    int rc = bind_text(t->get, 1, key->hash);
    rc = rc == SQLITE_OK ? bind_text(t->get, 2, key->range) : rc;
    rc = rc == SQLITE_OK ? sqlite3_step(t->get) : rc;
    if (rc == SQLITE_ROW) {
        bool good = merge(store, job, column(t->get, 0));
        sqlite3_reset(t->get);
        rc = good ? put(t, key, wr_buf_str(&store->merged)) : SQLITE_OK;
        wr_arena_reset(&store->arena);
        return rc;
    }
    sqlite3_reset(t->get);
    return rc == SQLITE_DONE ? put(t, key, job->item.json) : rc;
}

// The job's table, made if it may be. NULL with SQLITE_OK: the job is refused.
static int job_table(struct wr_dynamodb_store *store, struct wr_dynamodb_job *job,
                     struct table **out)
{
    int rc = table_find(store, job->table, out);
    if (rc != SQLITE_OK || *out) {
        return rc;
    }
    if (!job->infer) {
        answer(job, WR_REFUSED, 400, "ResourceNotFoundException",
               "Requested resource not found: Table: %.*s not found; declare its key in weir.yaml "
               "as sinks.dynamoDBv2.tables.%.*s.hash_key",
               WR_STR_ARG(job->table), WR_STR_ARG(job->table));
        return SQLITE_OK;
    }
    int64_t count = query_number(store->db, "SELECT count(*) FROM \"~tables\"", "");
    if (count >= WR_DYNAMODB_TABLES_MAX) {
        answer(job, WR_REFUSED, 400, "LimitExceededException",
               "Subscriber limit exceeded: There is a limit of %d tables per subscriber",
               WR_DYNAMODB_TABLES_MAX);
        return SQLITE_OK;
    }
    rc = table_create(store, job->table, job->infer);
    return rc == SQLITE_OK ? table_load(store, job->table, out) : rc;
}

static int run_job(struct wr_dynamodb_store *store, struct wr_dynamodb_job *job)
{
    struct table *t = NULL;
    struct key key;
    int rc = job_table(store, job, &t);
    if (rc != SQLITE_OK || !t || !job_key(job, t, &key)) {
        return rc;
    }
    switch (job->op) {
    case WR_DYNAMODB_PUT:
        return put(t, &key, job->item.json);
    case WR_DYNAMODB_UPDATE:
        return update(store, job, t, &key);
    case WR_DYNAMODB_DELETE:
        return remove_item(t, &key);
    }
    return SQLITE_MISUSE;
}

// ---- a run

// Nothing of the transaction is kept: what was not refused comes again.
static void run_failed(struct wr_dynamodb_store *store, struct wr_dynamodb_job *jobs, int rc)
{
    if (!sqlite3_get_autocommit(store->db)) {
        step_and_reset(store->rollback);
    }
    forget_tables(store); // some may have been made in this transaction
    for (struct wr_dynamodb_job *job = jobs; job; job = job->next) {
        if (job->verdict != WR_REFUSED) {
            answer_later(job, rc);
        }
    }
}

void wr_dynamodb_store_run(struct wr_dynamodb_store *store, struct wr_dynamodb_job *jobs)
{
    for (struct wr_dynamodb_job *job = jobs; job; job = job->next) {
        job->verdict = WR_DELIVERED;
        job->code = NULL;
        job->message = NULL;
    }
    int rc = step_and_reset(store->begin);
    if (rc != SQLITE_OK) {
        run_failed(store, jobs, rc);
        return;
    }
    bool forget = false;
    for (struct wr_dynamodb_job *job = jobs; job; job = job->next) {
        rc = run_job(store, job);
        if (rc == SQLITE_OK) {
            continue;
        }
        // A full disk and the like end the transaction for all. Anything else (a table that
        // somebody dropped) is about this job; SQLite has undone its statement.
        if ((rc & 0xff) != SQLITE_ERROR || sqlite3_get_autocommit(store->db)) {
            run_failed(store, jobs, rc);
            return;
        }
        answer_later(job, rc);
        forget = true;
    }
    rc = step_and_reset(store->commit);
    if (rc != SQLITE_OK) {
        run_failed(store, jobs, rc);
    } else if (forget) {
        forget_tables(store);
    }
}

// ---- open, declare, close

static int prepare_all(struct wr_dynamodb_store *store)
{
    int rc = prepare_on(store->db, &store->begin, "BEGIN IMMEDIATE", "");
    rc = rc == SQLITE_OK ? prepare_on(store->db, &store->commit, "COMMIT", "") : rc;
    rc = rc == SQLITE_OK ? prepare_on(store->db, &store->rollback, "ROLLBACK", "") : rc;
    if (rc == SQLITE_OK) {
        rc = prepare_on(store->db, &store->find,
                        "SELECT sql_name, hash_key, hash_type, range_key, range_type FROM "
                        "\"~tables\" WHERE name = ?",
                        "");
    }
    return rc;
}

static wr_err set_up(struct wr_dynamodb_store *store, const char *path, struct wr_fault *fault)
{
    static const char schema[] =
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE;"
        "CREATE TABLE IF NOT EXISTS \"~tables\"(name TEXT PRIMARY KEY, sql_name TEXT NOT NULL "
        "UNIQUE COLLATE NOCASE, hash_key TEXT NOT NULL, hash_type TEXT NOT NULL, range_key TEXT "
        "NOT NULL, range_type TEXT NOT NULL) WITHOUT ROWID;"
        "PRAGMA user_version = 1; COMMIT";
    _Static_assert(FORMAT_VERSION == 1, "user_version in the text above");
    int64_t version = query_number(store->db, "PRAGMA user_version", "");
    if (version > FORMAT_VERSION) {
        return wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                            "%s: format %lld, made by a newer weir; this one knows %d", path,
                            (long long)version, FORMAT_VERSION);
    }
    if (sqlite3_exec(store->db, schema, NULL, NULL, NULL) != SQLITE_OK ||
        prepare_all(store) != SQLITE_OK) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, sqlite3_errmsg(store->db));
    }
    return WR_OK;
}

wr_err wr_dynamodb_store_open(const char *state_dir, int busy_ms, struct wr_dynamodb_store **out,
                              struct wr_fault *fault)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", state_dir, WR_LOCAL_DYNAMODB_FILE);
    if (len < 0 || (size_t)len >= sizeof path) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "state_dir: too long");
    }
    char *slash = strrchr(path, '/');
    *slash = 0;
    if ((mkdir(state_dir, 0777) != 0 && errno != EEXIST) ||
        (mkdir(path, 0777) != 0 && errno != EEXIST)) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    *slash = '/';
    struct wr_dynamodb_store *store = wr_zalloc(sizeof *store);
    wr_arena_init(&store->arena, MERGE_MAX);
    wr_err err = WR_OK;
    int rc = sqlite3_open_v2(
        path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        err = wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, sqlite3_errstr(rc));
    } else {
        sqlite3_extended_result_codes(store->db, 1);
        sqlite3_busy_timeout(store->db, busy_ms);
        err = set_up(store, path, fault);
    }
    if (err) {
        wr_dynamodb_store_close(store);
        return err;
    }
    *out = store;
    return WR_OK;
}

void wr_dynamodb_store_close(struct wr_dynamodb_store *store)
{
    if (store) {
        forget_tables(store);
        sqlite3_finalize(store->begin);
        sqlite3_finalize(store->commit);
        sqlite3_finalize(store->rollback);
        sqlite3_finalize(store->find);
        sqlite3_close(store->db);
        wr_arena_release(&store->arena);
        wr_buf_release(&store->merged);
        free(store);
    }
}

static bool has_schema(const struct table *t, const struct wr_dynamodb_schema *s)
{
    return wr_str_eq(wr_str_of(t->hash_name), s->hash_name) && t->hash_type == s->hash_type &&
           wr_str_eq(wr_str_of(t->range_name), s->range_name) && t->range_type == s->range_type;
}

// Give an empty table another schema: forget it, so that it is made anew.
static wr_err replace_schema(struct wr_dynamodb_store *store, const struct table *t,
                             struct wr_fault *fault)
{
    sqlite3_stmt *stmt = NULL;
    char sql_name[300] = "";
    bind_text(store->find, 1, wr_str_of(t->name));
    if (sqlite3_step(store->find) == SQLITE_ROW) {
        snprintf(sql_name, sizeof sql_name, "%s",
                 (const char *)sqlite3_column_text(store->find, 0));
    }
    sqlite3_reset(store->find);
    if (query_number(store->db, "SELECT count(*) FROM (SELECT 1 FROM \"%w\" LIMIT 1)", sql_name)) {
        return wr_fault_set(
            fault, WR_ERR_STATE,
            "tables.%s: found items under the key %s (%c)%s%s; declare that key, or "
            "remove %s",
            t->name, t->hash_name, t->hash_type, t->range_type ? " and " : "", t->range_name,
            WR_LOCAL_DYNAMODB_FILE);
    }
    int rc = exec_on(store->db, "DROP TABLE \"%w\"", sql_name);
    rc = rc == SQLITE_OK
             ? prepare_on(store->db, &stmt, "DELETE FROM \"~tables\" WHERE name = ?", "")
             : rc;
    rc = rc == SQLITE_OK ? bind_text(stmt, 1, wr_str_of(t->name)) : rc;
    rc = rc == SQLITE_OK ? step_and_reset(stmt) : rc;
    sqlite3_finalize(stmt);
    return rc == SQLITE_OK ? WR_OK
                           : wr_fault_set(fault, WR_ERR_IO, "%s", sqlite3_errmsg(store->db));
}

wr_err wr_dynamodb_store_declare(struct wr_dynamodb_store *store, wr_str table,
                                 const struct wr_dynamodb_schema *schema, struct wr_fault *fault)
{
    struct table *t = NULL;
    int rc = step_and_reset(store->begin);
    rc = rc == SQLITE_OK ? table_find(store, table, &t) : rc;
    wr_err err = WR_OK;
    bool same = rc == SQLITE_OK && t && has_schema(t, schema);
    if (rc == SQLITE_OK && t && !same) {
        err = replace_schema(store, t, fault);
        forget_tables(store);
    }
    rc = rc == SQLITE_OK && !err && !same ? table_create(store, table, schema) : rc;
    rc = rc == SQLITE_OK && !err ? step_and_reset(store->commit) : rc;
    if (rc != SQLITE_OK) {
        err = wr_fault_set(fault, WR_ERR_IO, "%s: %s", WR_LOCAL_DYNAMODB_FILE, sqlite3_errstr(rc));
    }
    if (err && !sqlite3_get_autocommit(store->db)) {
        step_and_reset(store->rollback);
    }
    return err;
}
