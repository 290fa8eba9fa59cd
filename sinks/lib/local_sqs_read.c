// Queues in SQLite: looking, and consuming.
#include "sinks/lib/local_sqs.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include <sqlite3.h>

#include "sql/base/clock.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define COLUMNS "seq, id, body, ifnull(receipt, ''), sent_ms, visible_ms, received"

// A receipt is the consumer's name for this delivery, with the message's number behind it.
const char wr_local_sqs_receive_sql[] =
    "UPDATE messages SET visible_ms = ?2 + ?3, received = received + 1, receipt = ?4 || '-' || seq "
    "WHERE seq IN (SELECT seq FROM messages WHERE queue = ?1 AND visible_ms <= ?2 ORDER BY seq "
    "LIMIT ?5) RETURNING " COLUMNS;

const char wr_local_sqs_delete_sql[] = "DELETE FROM messages WHERE receipt = ?1";

static wr_str column_text(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return (wr_str){text, (size_t)sqlite3_column_bytes(stmt, column)};
}

// *out stays NULL when there is no file.
static wr_err open_file(const char *state_dir, bool read_only, sqlite3 **out,
                        struct wr_fault *fault)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", state_dir, WR_LOCAL_SQS_FILE);
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
    sqlite3_busy_timeout(db, WR_LOCAL_SQS_BUSY_MS);
    sqlite3_exec(db, read_only ? "PRAGMA query_only = 1" : "PRAGMA synchronous = FULL", NULL, NULL,
                 NULL);
    *out = db;
    return WR_OK;
}

static wr_err sqlite_fault(sqlite3 *db, struct wr_fault *fault)
{
    return wr_fault_set(fault, WR_ERR_IO, "%s: %s", WR_LOCAL_SQS_FILE, sqlite3_errmsg(db));
}

static wr_err no_queue(wr_str queue, struct wr_fault *fault)
{
    return wr_fault_set(fault, WR_ERR_UNKNOWN, "The specified queue does not exist: %.*s",
                        WR_STR_ARG(queue));
}

wr_err wr_local_sqs_queues(const char *state_dir,
                           bool (*visit)(void *user, const struct wr_local_sqs_queue *queue),
                           void *user, struct wr_fault *fault)
{
    sqlite3 *db = NULL;
    wr_err err = open_file(state_dir, true, &db, fault);
    if (err || !db) {
        return err;
    }
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(
        db,
        "SELECT name, url, (SELECT count(*) FROM messages m WHERE m.queue = q.name), (SELECT "
        "count(*) FROM messages m WHERE m.queue = q.name AND m.visible_ms > ?1) FROM queues q "
        "ORDER BY name",
        -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(stmt, 1, wr_wall_ms());
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
            struct wr_local_sqs_queue queue = {
                .name = column_text(stmt, 0),
                .url = column_text(stmt, 1),
                .messages = (uint64_t)sqlite3_column_int64(stmt, 2),
                .in_flight = (uint64_t)sqlite3_column_int64(stmt, 3),
            };
            if (!visit(user, &queue)) {
                rc = SQLITE_DONE;
                break;
            }
        }
    }
    err = rc == SQLITE_DONE ? WR_OK : sqlite_fault(db, fault);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return err;
}

static struct wr_local_sqs_row row_of(sqlite3_stmt *stmt)
{
    return (struct wr_local_sqs_row){
        .seq = sqlite3_column_int64(stmt, 0),
        .id = column_text(stmt, 1),
        .body = column_text(stmt, 2),
        .receipt = column_text(stmt, 3),
        .sent_ms = sqlite3_column_int64(stmt, 4),
        .visible_ms = sqlite3_column_int64(stmt, 5),
        .received = sqlite3_column_int64(stmt, 6),
    };
}

// Whether the queue is known; *err otherwise.
static bool has_queue(sqlite3 *db, wr_str queue, wr_err *err, struct wr_fault *fault)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, "SELECT 1 FROM queues WHERE name = ?1", -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, queue.at, (int)queue.len, SQLITE_STATIC);
        rc = sqlite3_step(stmt);
    }
    *err = rc == SQLITE_ROW    ? WR_OK
           : rc == SQLITE_DONE ? no_queue(queue, fault)
                               : sqlite_fault(db, fault);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW;
}

wr_err wr_local_sqs_messages(const char *state_dir, wr_str queue, int64_t after,
                             bool (*visit)(void *user, const struct wr_local_sqs_row *row),
                             void *user, struct wr_fault *fault)
{
    sqlite3 *db = NULL;
    wr_err err = open_file(state_dir, true, &db, fault);
    if (err || !db) {
        return err ? err : no_queue(queue, fault);
    }
    sqlite3_stmt *stmt = NULL;
    if (has_queue(db, queue, &err, fault)) {
        int rc = sqlite3_prepare_v2(
            db, "SELECT " COLUMNS " FROM messages WHERE queue = ?1 AND seq > ?2 ORDER BY seq", -1,
            &stmt, NULL);
        if (rc == SQLITE_OK) {
            sqlite3_bind_text(stmt, 1, queue.at, (int)queue.len, SQLITE_STATIC);
            sqlite3_bind_int64(stmt, 2, after);
            while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
                struct wr_local_sqs_row row = row_of(stmt);
                if (!visit(user, &row)) {
                    rc = SQLITE_DONE;
                    break;
                }
            }
        }
        err = rc == SQLITE_DONE ? WR_OK : sqlite_fault(db, fault);
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return err;
}

static void make_receipt(char out[32])
{
    static _Thread_local uint64_t count;
    uint64_t seed[3] = {(uint64_t)wr_wall_ms(), (uint64_t)getpid(), ++count};
    snprintf(out, 32, "%016llx",
             (unsigned long long)wr_hash_bytes(seed, sizeof seed, wr_hash_seed));
}

wr_err wr_local_sqs_receive(const char *state_dir, wr_str queue, unsigned max,
                            int64_t visibility_ms,
                            bool (*visit)(void *user, const struct wr_local_sqs_row *row),
                            void *user, struct wr_fault *fault)
{
    sqlite3 *db = NULL;
    wr_err err = open_file(state_dir, false, &db, fault);
    if (err || !db) {
        return err ? err : no_queue(queue, fault);
    }
    sqlite3_stmt *stmt = NULL;
    if (has_queue(db, queue, &err, fault)) {
        char receipt[32];
        make_receipt(receipt);
        int rc = sqlite3_prepare_v2(db, wr_local_sqs_receive_sql, -1, &stmt, NULL);
        if (rc == SQLITE_OK) {
            sqlite3_bind_text(stmt, 1, queue.at, (int)queue.len, SQLITE_STATIC);
            sqlite3_bind_int64(stmt, 2, wr_wall_ms());
            sqlite3_bind_int64(stmt, 3, visibility_ms);
            sqlite3_bind_text(stmt, 4, receipt, -1, SQLITE_STATIC);
            sqlite3_bind_int64(stmt, 5, max);
            bool more = true; // the statement runs to its end whatever the visitor wants
            while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
                struct wr_local_sqs_row row = row_of(stmt);
                more = more && visit(user, &row);
            }
        }
        err = rc == SQLITE_DONE ? WR_OK : sqlite_fault(db, fault);
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return err;
}

wr_err wr_local_sqs_delete(const char *state_dir, wr_str receipt, struct wr_fault *fault)
{
    sqlite3 *db = NULL;
    wr_err err = open_file(state_dir, false, &db, fault);
    if (err) {
        return err;
    }
    sqlite3_stmt *stmt = NULL;
    int rc = db ? sqlite3_prepare_v2(db, wr_local_sqs_delete_sql, -1, &stmt, NULL) : SQLITE_DONE;
    if (db && rc == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, receipt.at, (int)receipt.len, SQLITE_STATIC);
        rc = sqlite3_step(stmt);
    }
    if (rc != SQLITE_DONE) {
        err = sqlite_fault(db, fault);
    } else if (!db || sqlite3_changes(db) == 0) {
        err = wr_fault_set(fault, WR_ERR_UNKNOWN, "The receipt handle has expired: %.*s",
                           WR_STR_ARG(receipt));
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return err;
}
