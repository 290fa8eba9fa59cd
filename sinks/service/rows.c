// The local form of kinds whose entries are rows of an SQLite file. One worker at a time writes all
// that waits in one transaction.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "sinks/lib/later.h"
#include "sinks/service/service.h"

#include "sql/base/banned.h"

#define STATEMENTS_MAX 4
#define FORMAT_VERSION 1    // of the file, in user_version
#define TURN_MAX       1024 // records of one transaction

struct rows {
    struct wr_sink *sink;
    const struct wr_service *service;
    void *kind;
    sqlite3 *db; // the worker's while busy, as are the statements
    sqlite3_stmt *statements[STATEMENTS_MAX], *begin, *commit, *rollback;
    uv_work_t work;
    bool busy;
    struct wr_record *queue, **queue_end; // loop only
    struct wr_record *turn;               // the worker's while busy
    int failure;                          // of the turn: SQLITE_OK, or why nothing of it is there
    size_t held;
    void (*done)(struct wr_sink *self);
};

void wr_service_bind_text(sqlite3_stmt *stmt, int at, wr_str text)
{
    sqlite3_bind_text(stmt, at, text.at ? text.at : "", (int)text.len, SQLITE_STATIC);
}

void wr_service_bind_double(sqlite3_stmt *stmt, int at, double value)
{
    sqlite3_bind_double(stmt, at, value);
}

void wr_service_bind_int(sqlite3_stmt *stmt, int at, int64_t value)
{
    sqlite3_bind_int64(stmt, at, value);
}

// ---- the worker

static int step(sqlite3_stmt *stmt)
{
    int rc = sqlite3_step(stmt);
    int reset = sqlite3_reset(stmt);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : reset ? reset : rc;
}

static int write_record(struct rows *state, const struct wr_service_ask *ask)
{
    const struct wr_service_rows *form = state->service->rows;
    int rc = SQLITE_OK;
    for (uint32_t i = 0; i < ask->count && rc == SQLITE_OK; i++) {
        for (size_t s = 0; form->statements[s] && rc == SQLITE_OK; s++) {
            form->bind(state->statements[s], s, &ask->entries[i]);
            rc = step(state->statements[s]);
            sqlite3_clear_bindings(state->statements[s]);
        }
    }
    return rc;
}

static void work(uv_work_t *request)
{
    struct rows *state = request->data;
    int rc = step(state->begin);
    for (struct wr_record *rec = state->turn; rec && rc == SQLITE_OK; rec = rec->sink_next) {
        rc = write_record(state, rec->sink_data);
    }
    rc = rc == SQLITE_OK ? step(state->commit) : rc;
    if (rc != SQLITE_OK && !sqlite3_get_autocommit(state->db)) {
        (void)step(state->rollback);
    }
    state->failure = rc;
}

// ---- on the loop

static void release(struct rows *state)
{
    for (size_t i = 0; i < STATEMENTS_MAX; i++) {
        sqlite3_finalize(state->statements[i]);
    }
    sqlite3_finalize(state->begin);
    sqlite3_finalize(state->commit);
    sqlite3_finalize(state->rollback);
    sqlite3_close(state->db);
    wr_service_state_free(state->service, state->kind);
    free(state);
}

static void end_if_idle(struct rows *state)
{
    if (state->done && state->held == 0) {
        struct wr_sink *sink = state->sink;
        void (*done)(struct wr_sink *) = state->done;
        sink->state = NULL;
        release(state);
        wr_later_done(sink, done);
    }
}

static void after_work(uv_work_t *request, int status);

static void start(struct rows *state)
{
    if (state->busy || !state->queue) {
        return;
    }
    struct wr_record **last = &state->queue;
    for (int i = 0; i < TURN_MAX && *last; i++) {
        last = &(*last)->sink_next;
    }
    state->turn = state->queue;
    state->queue = *last;
    *last = NULL;
    if (!state->queue) {
        state->queue_end = &state->queue;
    }
    state->busy = true;
    wr_assert(uv_queue_work(state->sink->host->loop, &state->work, work, after_work) == 0);
}

static void settle(const struct rows *state, struct wr_record *rec, int failure)
{
    if (failure == SQLITE_OK) {
        wr_record_settle(rec, WR_DELIVERED, NULL);
        return;
    }
    char text[256];
    snprintf(text, sizeof text, "local/%s: %s", state->service->rows->file,
             sqlite3_errstr(failure));
    wr_service_settle_no(rec, state->service, WR_RETRY, 500, "InternalError", wr_str_of(text));
}

static void after_work(uv_work_t *request, int status)
{
    struct rows *state = request->data;
    struct wr_record *rec = state->turn;
    int failure = state->failure;
    state->turn = NULL;
    state->busy = false;
    start(state);
    while (rec) {
        struct wr_record *next = rec->sink_next;
        settle(state, rec, failure);
        state->held--; // not before: settling may call close()
        rec = next;
    }
    end_if_idle(state);
}

void wr_service_rows_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct rows *state = self->state;
    if (!wr_service_ask_of(state->service, state->kind, rec)) {
        return;
    }
    rec->sink_next = NULL;
    *state->queue_end = rec;
    state->queue_end = &rec->sink_next;
    state->held++;
    start(state);
}

// ---- open and close

const struct wr_option wr_service_rows_settings[] = {
    {"busy_timeout", WR_OPT_INT, 0, "2000", .min = 0, .max = 60000, .unit = "ms",
     .help = "How long a write waits for another process that writes to the same file."},
    {0},
};

static wr_err refuse(struct rows *state, const char *path, struct wr_fault *fault)
{
    return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, sqlite3_errmsg(state->db));
}

static int version_of(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    int version = -1;
    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        version = sqlite3_column_int(stmt, 0);
    }
    sqlite3_finalize(stmt);
    return version;
}

static int prepare(struct rows *state, const char *sql, sqlite3_stmt **out)
{
    return sqlite3_prepare_v3(state->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
}

static wr_err open_file(struct rows *state, const char *path, int busy_ms, struct wr_fault *fault)
{
    const struct wr_service_rows *form = state->service->rows;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &state->db, flags, NULL) != SQLITE_OK) {
        return refuse(state, path, fault);
    }
    sqlite3_busy_timeout(state->db, busy_ms);
    int version = version_of(state->db);
    if (version > FORMAT_VERSION) {
        return wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                            "%s is of a newer weir (version %d of the file, this one knows %d)",
                            path, version, FORMAT_VERSION);
    }
    if (version < 0 ||
        sqlite3_exec(state->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", NULL, NULL,
                     NULL) != SQLITE_OK ||
        sqlite3_exec(state->db, form->schema, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(state->db, "PRAGMA user_version=1", NULL, NULL, NULL) != SQLITE_OK ||
        prepare(state, "BEGIN IMMEDIATE", &state->begin) != SQLITE_OK ||
        prepare(state, "COMMIT", &state->commit) != SQLITE_OK ||
        prepare(state, "ROLLBACK", &state->rollback) != SQLITE_OK) {
        return refuse(state, path, fault);
    }
    for (size_t i = 0; form->statements[i]; i++) {
        wr_assert(i < STATEMENTS_MAX);
        if (prepare(state, form->statements[i], &state->statements[i]) != SQLITE_OK) {
            return refuse(state, path, fault);
        }
    }
    return WR_OK;
}

static wr_err make_folder(const char *path, struct wr_fault *fault)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST
               ? WR_OK
               : wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
}

wr_err wr_service_rows_open(struct wr_sink *self, const struct wr_settings *settings,
                            struct wr_fault *fault)
{
    const struct wr_service *service = wr_service_of(self->impl);
    const char *state_dir = self->host->state_dir;
    char path[PATH_MAX];
    if (strlen(state_dir) + strlen(service->rows->file) + 8 >= sizeof path) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "state_dir: the path is too long");
    }
    wr_err err = make_folder(state_dir, fault);
    snprintf(path, sizeof path, "%s/local", state_dir);
    err = err ? err : make_folder(path, fault);
    if (err) {
        return err;
    }
    struct rows *state = wr_zalloc(sizeof *state);
    state->sink = self;
    state->service = service;
    state->work.data = state;
    state->queue_end = &state->queue;
    state->kind = wr_service_state_new(service, self, settings);
    snprintf(path, sizeof path, "%s/local/%s", state_dir, service->rows->file);
    err = open_file(state, path, (int)wr_settings_int(settings, "busy_timeout"), fault);
    if (err) {
        release(state);
        return err;
    }
    self->state = state;
    return WR_OK;
}

void wr_service_rows_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct rows *state = self->state;
    state->done = done;
    end_if_idle(state);
}
