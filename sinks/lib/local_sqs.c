// Queues in SQLite: the writer.
#include "sinks/lib/local_sqs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "sql/base/buf.h"
#include "sql/base/clock.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define FORMAT_VERSION 1     // of the file, in user_version
#define TURN_MAX       2000  // messages of a transaction
#define SWEEP_EVERY_MS 60000 // for messages that are too old

struct wr_local_sqs {
    struct wr_local_sqs_options options;
    struct wr_turns *turns;
    sqlite3 *db; // the worker's
    sqlite3_stmt *begin, *commit, *rollback, *queue, *message, *sweep;
    wr_str last_queue; // of this transaction: it is there
    int64_t swept_ms;
    uint64_t ids;
    void (*closed)(void *user);
    void *closed_user;
};

// ---- the worker's side

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

static int insert(struct wr_local_sqs *q, const struct wr_local_sqs_message *m, int64_t now)
{
    int rc = SQLITE_OK;
    if (!q->last_queue.at || !wr_str_eq(q->last_queue, m->queue)) {
        bind_text(q->queue, 1, m->queue);
        bind_text(q->queue, 2, m->url);
        sqlite3_bind_int64(q->queue, 3, now);
        rc = step_and_reset(q->queue);
        q->last_queue = m->queue;
    }
    if (rc == SQLITE_OK) {
        bind_text(q->message, 1, m->queue);
        bind_text(q->message, 2, wr_str_of(m->id));
        bind_text(q->message, 3, m->body);
        sqlite3_bind_int64(q->message, 4, now);
        rc = step_and_reset(q->message);
    }
    return rc;
}

static int sweep(struct wr_local_sqs *q, int64_t now)
{
    if (q->options.retention_ms == 0 || now - q->swept_ms < SWEEP_EVERY_MS) {
        return SQLITE_OK;
    }
    q->swept_ms = now;
    sqlite3_bind_int64(q->sweep, 1, now - q->options.retention_ms);
    return step_and_reset(q->sweep);
}

static void work(void *user, struct wr_turn_item *items)
{
    struct wr_local_sqs *q = user;
    int64_t now = wr_wall_ms();
    int rc = step_and_reset(q->begin);
    rc = rc == SQLITE_OK ? sweep(q, now) : rc;
    q->last_queue = (wr_str){0};
    for (struct wr_turn_item *i = items; i && rc == SQLITE_OK; i = i->next) {
        rc = insert(q, (struct wr_local_sqs_message *)i, now);
    }
    rc = rc == SQLITE_OK ? step_and_reset(q->commit) : rc;
    if (rc != SQLITE_OK && !sqlite3_get_autocommit(q->db)) {
        step_and_reset(q->rollback);
    }
    for (struct wr_turn_item *i = items; i; i = i->next) {
        ((struct wr_local_sqs_message *)i)->trouble = rc == SQLITE_OK ? NULL : sqlite3_errstr(rc);
    }
}

static void done(void *user, struct wr_turn_item *items)
{
    struct wr_local_sqs *q = user;
    q->options.done(q->options.user, (struct wr_local_sqs_message *)items);
}

// ---- the loop's side

// A UUID by its form: nothing that must not be guessed hangs on it.
static void make_id(struct wr_local_sqs *q, char id[WR_LOCAL_SQS_ID_LEN + 1])
{
    static const char hex[] = "0123456789abcdef";
    uint64_t parts[2];
    q->ids++;
    parts[0] = wr_hash_bytes(&q->ids, sizeof q->ids, wr_hash_seed);
    parts[1] = wr_hash_bytes(&q->ids, sizeof q->ids, parts[0]);
    uint8_t bytes[16];
    memcpy(bytes, parts, sizeof bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    for (int i = 0; i < 16; i++) {
        *id++ = hex[bytes[i] >> 4];
        *id++ = hex[bytes[i] & 15];
        if (i == 3 || i == 5 || i == 7 || i == 9) {
            *id++ = '-';
        }
    }
    *id = 0;
}

void wr_local_sqs_send(struct wr_local_sqs *q, struct wr_local_sqs_message *message)
{
    make_id(q, message->id);
    message->trouble = NULL;
    wr_turns_add(q->turns, &message->item);
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

bool wr_local_sqs_name(wr_str url, wr_str *name, const char **trouble)
{
    const char *slash = url.at ? memrchr(url.at, '/', url.len) : NULL;
    size_t from = slash ? (size_t)(slash - url.at) + 1 : 0;
    wr_str n = wr_str_cut(url, from, url.len);
    *trouble = "The address is not valid for this endpoint: expected http(s)://HOST/ACCOUNT/QUEUE";
    if (!slash ||
        !(wr_str_starts(url, WR_STR("https://")) || wr_str_starts(url, WR_STR("http://")))) {
        return false;
    }
    if (wr_str_ends(n, WR_STR(".fifo"))) {
        *trouble = "The queue is FIFO; rules deliver to standard queues only";
        return false;
    }
    bool good = n.len > 0 && n.len <= WR_LOCAL_SQS_NAME_MAX;
    for (size_t i = 0; i < n.len; i++) {
        good = good && is_name_char(n.at[i]);
    }
    *trouble = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in "
               "length";
    *name = n;
    return good;
}

// ---- open and close

static void free_all(struct wr_local_sqs *q)
{
    sqlite3_finalize(q->begin);
    sqlite3_finalize(q->commit);
    sqlite3_finalize(q->rollback);
    sqlite3_finalize(q->queue);
    sqlite3_finalize(q->message);
    sqlite3_finalize(q->sweep);
    sqlite3_close(q->db);
    free(q);
}

static int prepare(struct wr_local_sqs *q, sqlite3_stmt **out, const char *sql)
{
    return sqlite3_prepare_v3(q->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
}

static int set_up(struct wr_local_sqs *q)
{
    static const char schema[] =
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE;"
        "CREATE TABLE IF NOT EXISTS queues(name TEXT PRIMARY KEY, url TEXT NOT NULL, created_ms "
        "INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS messages(seq INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT "
        "NULL, id TEXT NOT NULL, body TEXT NOT NULL, sent_ms INTEGER NOT NULL, visible_ms INTEGER "
        "NOT NULL DEFAULT 0, received INTEGER NOT NULL DEFAULT 0, receipt TEXT);"
        "CREATE INDEX IF NOT EXISTS messages_queue ON messages(queue, seq);"
        "CREATE INDEX IF NOT EXISTS messages_receipt ON messages(receipt) WHERE receipt NOT NULL;"
        "PRAGMA user_version = 1; COMMIT";
    _Static_assert(FORMAT_VERSION == 1, "user_version in the text above");
    int rc = sqlite3_exec(q->db, schema, NULL, NULL, NULL);
    rc = rc ? rc : prepare(q, &q->begin, "BEGIN IMMEDIATE");
    rc = rc ? rc : prepare(q, &q->commit, "COMMIT");
    rc = rc ? rc : prepare(q, &q->rollback, "ROLLBACK");
    rc = rc ? rc
            : prepare(q, &q->queue,
                      "INSERT INTO queues VALUES(?1, ?2, ?3) ON CONFLICT(name) DO UPDATE SET url = "
                      "excluded.url WHERE url <> excluded.url");
    rc = rc ? rc
            : prepare(q, &q->message,
                      "INSERT INTO messages(queue, id, body, sent_ms) VALUES(?1, ?2, ?3, ?4)");
    return rc ? rc : prepare(q, &q->sweep, "DELETE FROM messages WHERE sent_ms < ?1");
}

static int64_t version_of(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    int64_t version = 0;
    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        version = sqlite3_column_int64(stmt, 0);
    }
    sqlite3_finalize(stmt);
    return version;
}

wr_err wr_local_sqs_open(const struct wr_local_sqs_options *options, struct wr_local_sqs **out,
                         struct wr_fault *fault)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/local", options->state_dir);
    if (len < 0 || (size_t)len + 16 >= sizeof path) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "state_dir: too long");
    }
    if ((mkdir(options->state_dir, 0777) != 0 && errno != EEXIST) ||
        (mkdir(path, 0777) != 0 && errno != EEXIST)) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    snprintf(path, sizeof path, "%s/%s", options->state_dir, WR_LOCAL_SQS_FILE);
    struct wr_local_sqs *q = wr_zalloc(sizeof *q);
    q->options = *options;
    q->ids = (uint64_t)wr_wall_ms() << 20;
    wr_err err = WR_OK;
    int rc = sqlite3_open_v2(
        path, &q->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_extended_result_codes(q->db, 1);
        sqlite3_busy_timeout(q->db, WR_LOCAL_SQS_BUSY_MS);
        int64_t version = version_of(q->db);
        if (version > FORMAT_VERSION) {
            err = wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                               "%s: format %lld, made by a newer weir; this one knows %d", path,
                               (long long)version, FORMAT_VERSION);
        } else {
            rc = set_up(q);
        }
    }
    if (rc != SQLITE_OK) {
        err = wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, sqlite3_errstr(rc));
    }
    if (err) {
        free_all(q);
        return err;
    }
    q->turns = wr_turns_new(&(struct wr_turns_options){
        .loop = options->loop, .items_max = TURN_MAX, .work = work, .done = done, .user = q});
    *out = q;
    return WR_OK;
}

static void on_closed(void *user)
{
    struct wr_local_sqs *q = user;
    void (*closed)(void *) = q->closed;
    void *closed_user = q->closed_user;
    free_all(q);
    closed(closed_user);
}

void wr_local_sqs_close(struct wr_local_sqs *q, void (*closed)(void *user), void *user)
{
    q->closed = closed;
    q->closed_user = user;
    wr_turns_close(q->turns, on_closed, q);
}
