// One connection to an SQLite file: statements that are kept, arguments by a format, failures that
// are remembered instead of checked at every call.
// Thread: the connection's owner; one at a time.
//
//   struct wr_rows rows = wr_db_query(db, "SELECT name FROM things WHERE realm=?", "i", realm);
//   while (wr_db_next(&rows)) {
//       wr_str name = wr_db_str(&rows, 0);
//   }
//   wr_db_end(&rows);
//
// `types` has a letter an argument: i int64_t, s wr_str as text (a NULL pointer is NULL), z char
// pointer (likewise), b wr_str as a blob, j json_t as text (NULL is NULL), n no argument: NULL.
// Besides SQLite's functions there is wild(TEXT, PATTERN): wild.h.
#ifndef WR_ENGINE_REGISTRY_DB_H
#define WR_ENGINE_REGISTRY_DB_H

#include <jansson.h>
#include <sqlite3.h>

#include "sql/base/compiler.h"
#include "sql/base/err.h"
#include "sql/base/str.h"

struct wr_db;

// Open `path`; read_only: it exists and another connection writes. WR_ERR_IO, WR_ERR_CORRUPT.
wr_err wr_db_open(const char *path, bool read_only, struct wr_db **out,
                  struct wr_fault *fault) WR_MUST_CHECK;
void wr_db_close(struct wr_db *db); // NULL is accepted

// A failure of the file or of the disk since wr_db_forgive(), as a line; NULL: none. What was asked
// since then has done nothing and found nothing. A statement that breaks a constraint is one too.
const char *wr_db_failure(const struct wr_db *db);
void wr_db_forgive(struct wr_db *db);

// Run a statement without rows. `sql` lives as long as the program (a literal): it is kept
// prepared. The rows it changed; 0 after a failure.
int64_t wr_db_run(struct wr_db *db, const char *sql, const char *types, ...);
// What a statement may take of this thread's processor from here on, all together, before it fails;
// 0: any. Seen between rows.
void wr_db_limit(struct wr_db *db, int64_t cpu_ms);
// The failure is that one.
bool wr_db_over_limit(const struct wr_db *db);
// The id of the last row inserted.
int64_t wr_db_last_id(const struct wr_db *db);

struct wr_rows {
    struct wr_db *db_;
    sqlite3_stmt *statement_;
    bool *busy_; // of the kept one; NULL: it is not kept
};
// Must be ended with wr_db_end(), whatever happened. `sql` as above.
struct wr_rows wr_db_query(struct wr_db *db, const char *sql, const char *types, ...) WR_MUST_CHECK;
// The same for a text made at run time.
struct wr_rows wr_db_query_made(struct wr_db *db, const char *sql, const char *types,
                                ...) WR_MUST_CHECK;
bool wr_db_next(struct wr_rows *rows);
void wr_db_end(struct wr_rows *rows);

// Columns of the row that is read; texts are good until the next one.
int64_t wr_db_int(const struct wr_rows *rows, int column);  // NULL: 0
wr_str wr_db_str(const struct wr_rows *rows, int column);   // NULL: {NULL, 0}
json_t *wr_db_json(const struct wr_rows *rows, int column); // give; a text that is JSON, else NULL
json_t *wr_db_json_str(const struct wr_rows *rows, int column); // give; a JSON string, or NULL
bool wr_db_null(const struct wr_rows *rows, int column);

// The first column of the first row; `missing` when there is none.
int64_t wr_db_one(struct wr_db *db, int64_t missing, const char *sql, const char *types, ...);

// Several statements at once, as the schema has them.
bool wr_db_script(struct wr_db *db, const char *sql);
// The connection is inside a transaction.
bool wr_db_in_transaction(const struct wr_db *db);
// Of a call that may take long; the connection's handle for what this header does not have.
sqlite3 *wr_db_handle(struct wr_db *db);

#endif
