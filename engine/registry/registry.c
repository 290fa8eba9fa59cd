#include "engine/registry/registry.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engine/observe/log.h"
#include "engine/registry/schema.h"
#include "sql/base/buf.h"

#include "sql/base/banned.h"

struct worker {
    struct wr_registry *registry;
    struct wr_db *db;
    struct wr_mailbox inbox;
    uv_thread_t thread;
    struct wr_registry_job end; // the last letter
};

// Counters are atomics: the threads count, anyone looks.
struct wr_registry {
    struct worker writer, reader, searcher;
    struct wr_mailbox back;
    atomic_uint_fast64_t commits, writes, reads, failures;
    int ends; // threads that have not ended
    bool closing;
    void (*closed)(void *user);
    void *user;
};

static struct wr_registry_job *job_of(struct wr_letter *letter)
{
    return (struct wr_registry_job *)letter; // its first member
}

// ---- on the threads

static void note_failure(struct wr_registry *r, struct wr_db *db, struct wr_registry_job *job)
{
    job->failed = true;
    const char *why = wr_db_failure(db);
    snprintf(job->why, sizeof job->why, "%s", why ? why : "the transaction was given up");
    atomic_fetch_add(&r->failures, 1);
}

static void write_one(struct wr_registry *r, struct wr_db *db, struct wr_registry_job *job)
{
    bool ready = wr_db_script(db, "SAVEPOINT job");
    if (ready) {
        job->run(job, db);
    }
    if (wr_db_failure(db)) {
        note_failure(r, db, job);
        wr_db_forgive(db);
    }
    if ((job->undo || job->failed) && wr_db_in_transaction(db)) {
        (void)wr_db_script(db, "ROLLBACK TO job");
    }
    if (wr_db_in_transaction(db)) {
        (void)wr_db_script(db, "RELEASE job");
    }
    wr_db_forgive(db);
}

// Jobs from `first` on, at most WR_REGISTRY_GROUP_MAX: the one behind them is returned.
static struct wr_letter *write_group(struct worker *w, struct wr_letter *first)
{
    struct wr_registry *r = w->registry;
    struct wr_letter *end = first;
    bool good = wr_db_script(w->db, "BEGIN IMMEDIATE");
    char why[160];
    snprintf(why, sizeof why, "%s", good ? "" : wr_db_failure(w->db));
    wr_db_forgive(w->db);
    for (int n = 0; end && end != &w->end.letter_ && n < WR_REGISTRY_GROUP_MAX; n++) {
        struct wr_registry_job *job = job_of(end);
        // A full disk ends the whole transaction, not only the job's part.
        if (good) {
            write_one(r, w->db, job);
            if (!wr_db_in_transaction(w->db)) {
                good = false;
                snprintf(why, sizeof why, "%s", job->failed ? job->why : "the transaction ended");
            }
        }
        atomic_fetch_add(&r->writes, 1);
        end = end->next;
    }
    if (good && !wr_db_script(w->db, "COMMIT")) {
        good = false;
        snprintf(why, sizeof why, "%s", wr_db_failure(w->db));
        wr_db_forgive(w->db);
    }
    if (wr_db_in_transaction(w->db)) {
        (void)wr_db_script(w->db, "ROLLBACK");
        wr_db_forgive(w->db);
    }
    atomic_fetch_add(&r->commits, good);
    for (struct wr_letter *l = first; l != end;) {
        struct wr_letter *next = l->next;
        struct wr_registry_job *job = job_of(l);
        if (!good && !job->failed) {
            job->failed = true;
            snprintf(job->why, sizeof job->why, "%s", why);
            atomic_fetch_add(&r->failures, 1);
        }
        wr_mailbox_send(&r->back, l);
        l = next;
    }
    return end;
}

static void write_jobs(void *arg)
{
    struct worker *w = arg;
    for (;;) {
        struct wr_letter *l = wr_mailbox_wait(&w->inbox, UINT64_MAX);
        while (l && l != &w->end.letter_) {
            l = write_group(w, l);
        }
        if (l) {
            wr_mailbox_send(&w->registry->back, l);
            return;
        }
    }
}

static void read_jobs(void *arg)
{
    struct worker *w = arg;
    for (;;) {
        struct wr_letter *l = wr_mailbox_wait(&w->inbox, UINT64_MAX);
        while (l) {
            struct wr_letter *next = l->next;
            struct wr_registry_job *job = job_of(l);
            if (job != &w->end) {
                // One view of the data for all that a job asks.
                (void)wr_db_script(w->db, "BEGIN");
                job->run(job, w->db);
                if (wr_db_failure(w->db)) {
                    note_failure(w->registry, w->db, job);
                    wr_db_forgive(w->db);
                }
                if (wr_db_in_transaction(w->db)) {
                    (void)wr_db_script(w->db, "COMMIT");
                }
                wr_db_forgive(w->db);
                atomic_fetch_add(&w->registry->reads, 1);
            }
            bool last = job == &w->end;
            wr_mailbox_send(&w->registry->back, l);
            if (last) {
                return;
            }
            l = next;
        }
    }
}

// ---- on the loop

static void on_back_closed(void *user)
{
    struct wr_registry *r = user;
    void (*closed)(void *user) = r->closed;
    void *closed_user = r->user;
    wr_mailbox_release(&r->writer.inbox);
    wr_mailbox_release(&r->reader.inbox);
    wr_mailbox_release(&r->searcher.inbox);
    wr_db_close(r->reader.db);
    wr_db_close(r->searcher.db);
    wr_db_close(r->writer.db); // the last: it takes the log into the file
    free(r);
    closed(closed_user);
}

static void on_back(void *user, struct wr_letter *letters)
{
    struct wr_registry *r = user;
    while (letters) {
        struct wr_letter *next = letters->next;
        struct wr_registry_job *job = job_of(letters);
        if (job == &r->writer.end || job == &r->reader.end || job == &r->searcher.end) {
            r->ends--;
        } else {
            job->done(job);
        }
        letters = next;
    }
    if (r->closing && r->ends == 0) {
        r->closing = false;
        uv_thread_join(&r->writer.thread);
        uv_thread_join(&r->reader.thread);
        uv_thread_join(&r->searcher.thread);
        wr_mailbox_close(&r->back, on_back_closed);
    }
}

static wr_err check(struct wr_db *db, struct wr_fault *fault)
{
    struct wr_rows rows = wr_db_query(db, "PRAGMA quick_check(1)", "");
    wr_err err = WR_OK;
    if (!wr_db_next(&rows)) {
        err = wr_fault_set(fault, WR_ERR_CORRUPT, "cannot be read: %s", wr_db_failure(db));
    } else if (!wr_str_eq(wr_db_str(&rows, 0), WR_STR("ok"))) {
        wr_str what = wr_db_str(&rows, 0);
        err = wr_fault_set(fault, WR_ERR_CORRUPT,
                           "is damaged (%.*s); put a backup in its place, or move it away to begin "
                           "with an empty one",
                           WR_STR_ARG(what));
    }
    wr_db_end(&rows);
    return err;
}

static wr_err prepare(struct wr_db *db,
                      wr_err (*first)(void *user, struct wr_db *db, struct wr_fault *fault),
                      void *user, struct wr_fault *fault)
{
    wr_err err = check(db, fault);
    if (!err) {
        err = wr_schema_migrate(db, fault);
    }
    if (!err && first) {
        (void)wr_db_script(db, "BEGIN IMMEDIATE");
        err = first(user, db, fault);
        (void)wr_db_script(db, err ? "ROLLBACK" : "COMMIT");
        if (!err && wr_db_failure(db)) {
            err = wr_fault_set(fault, WR_ERR_IO, "%s", wr_db_failure(db));
        }
    }
    return err;
}

static void start(struct worker *w, struct wr_registry *r, void (*main)(void *arg))
{
    w->registry = r;
    wr_mailbox_init(&w->inbox);
    wr_assert(uv_thread_create(&w->thread, main, w) == 0);
    r->ends++;
}

wr_err wr_registry_open(uv_loop_t *loop, const char *state_dir,
                        wr_err (*first)(void *user, struct wr_db *db, struct wr_fault *fault),
                        void *user, struct wr_registry **out, struct wr_fault *fault)
{
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s/registry.db", state_dir);
    struct wr_registry *r = wr_zalloc(sizeof *r);
    mode_t old = umask(0077); // sealed secrets are in it, and names
    wr_err err = wr_db_open(wr_buf_terminated(&path), false, &r->writer.db, fault);
    if (!err) {
        err = prepare(r->writer.db, first, user, fault);
        if (!err) {
            err = wr_db_open(wr_buf_terminated(&path), true, &r->reader.db, fault);
            err = err ? err : wr_db_open(wr_buf_terminated(&path), true, &r->searcher.db, fault);
        } else {
            wr_fault_prefix(fault, "%s", wr_buf_terminated(&path));
        }
    }
    umask(old);
    wr_buf_release(&path);
    if (err) {
        wr_db_close(r->reader.db);
        wr_db_close(r->searcher.db);
        wr_db_close(r->writer.db);
        free(r);
        return err;
    }
    wr_mailbox_open(&r->back, loop, on_back, r);
    start(&r->writer, r, write_jobs);
    start(&r->reader, r, read_jobs);
    start(&r->searcher, r, read_jobs);
    *out = r;
    return WR_OK;
}

void wr_registry_submit(struct wr_registry *r, struct wr_registry_job *job)
{
    job->undo = job->failed = false;
    struct worker *w = job->write ? &r->writer : job->slow ? &r->searcher : &r->reader;
    wr_mailbox_send(&w->inbox, &job->letter_);
}

void wr_registry_stats(const struct wr_registry *r, struct wr_registry_stats *out)
{
    *out = (struct wr_registry_stats){.commits = atomic_load(&r->commits),
                                      .writes = atomic_load(&r->writes),
                                      .reads = atomic_load(&r->reads),
                                      .failures = atomic_load(&r->failures)};
}

void wr_registry_close(struct wr_registry *r, void (*closed)(void *user), void *user)
{
    if (!r) {
        closed(user);
        return;
    }
    r->closed = closed;
    r->user = user;
    r->closing = true;
    wr_mailbox_send(&r->writer.inbox, &r->writer.end.letter_);
    wr_mailbox_send(&r->reader.inbox, &r->reader.end.letter_);
    wr_mailbox_send(&r->searcher.inbox, &r->searcher.end.letter_);
}
