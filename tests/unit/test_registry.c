// The registry's threads: groups of jobs, one of them undone, a disk that is full, closing with
// jobs under way; files that are refused.
#include "engine/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/registry/schema.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

#define JOBS 1000

static char folder[] = "/tmp/weir-registry-XXXXXX";

struct job {
    struct wr_registry_job job; // first
    int64_t n;
    enum { KEEP, UNDO, BREAK, COUNT, SCRIPT } what;
    const char *script;
    int64_t found;
    int done; // its place in the order; 0: not yet
};

static int done_count;
static bool closed;

static void run(struct wr_registry_job *at, struct wr_db *db)
{
    struct job *j = (struct job *)at;
    switch (j->what) {
    case KEEP:
    case UNDO:
        wr_db_run(db, "INSERT INTO t(n, text) VALUES(?, hex(zeroblob(200)))", "i", j->n);
        at->undo = j->what == UNDO;
        break;
    case BREAK: // its first statement is good, its second is not
        wr_db_run(db, "INSERT INTO t(n, text) VALUES(?, 'x')", "i", j->n);
        wr_db_run(db, "INSERT INTO t(n, text) VALUES(?, 'x')", "i", j->n);
        break;
    case COUNT:
        j->found = wr_db_one(db, -1, "SELECT count(*) FROM t", "");
        break;
    case SCRIPT:
        (void)wr_db_script(db, j->script);
        break;
    }
}

static void done(struct wr_registry_job *at)
{
    ((struct job *)at)->done = ++done_count;
}

static void on_closed(void *user)
{
    closed = true;
}

static wr_err first(void *user, struct wr_db *db, struct wr_fault *fault)
{
    return wr_db_script(db, "CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, text TEXT)")
               ? WR_OK
               : wr_fault_set(fault, WR_ERR_IO, "%s", wr_db_failure(db));
}

static struct wr_registry *open_registry(uv_loop_t *loop)
{
    struct wr_registry *r = NULL;
    struct wr_fault fault = {0};
    assert_int_equal(uv_loop_init(loop), 0);
    CHECK_INT(fault.text, wr_registry_open(loop, folder, first, NULL, &r, &fault), WR_OK);
    done_count = 0;
    return r;
}

static void close_registry(struct wr_registry *r, uv_loop_t *loop)
{
    closed = false;
    wr_registry_close(r, on_closed, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_true(closed);
    assert_int_equal(uv_loop_close(loop), 0);
}

static void submit(struct wr_registry *r, struct job *j)
{
    j->job.run = run;
    j->job.done = done;
    j->job.write = j->what != COUNT;
    wr_registry_submit(r, &j->job);
}

static void wait_for(uv_loop_t *loop, int count)
{
    while (done_count < count) {
        uv_run(loop, UV_RUN_ONCE);
    }
}

static int64_t rows_of(struct wr_registry *r, uv_loop_t *loop)
{
    struct job count = {.what = COUNT};
    int before = done_count;
    submit(r, &count);
    wait_for(loop, before + 1);
    assert_false(count.job.failed);
    return count.found;
}

// Jobs that wait share a commit, are done in order, and one that fails or is undone takes nothing
// of the others with it.
static void test_groups(void **state)
{
    uv_loop_t loop;
    struct wr_registry *r = open_registry(&loop);
    static struct job jobs[JOBS];
    int64_t kept = 0;
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){.n = i + 1, .what = i % 10 == 3 ? UNDO : i % 10 == 7 ? BREAK : KEEP};
        kept += jobs[i].what == KEEP;
        submit(r, &jobs[i]);
    }
    wait_for(&loop, JOBS);
    for (int i = 0; i < JOBS; i++) {
        CHECK_INT("in order", jobs[i].done, i + 1);
        CHECK_INT("failed", jobs[i].job.failed, jobs[i].what == BREAK);
        CHECK("why", jobs[i].what != BREAK || strstr(jobs[i].job.why, "UNIQUE"));
    }
    CHECK_INT("kept, nothing else", rows_of(r, &loop), kept);
    struct wr_registry_stats stats;
    wr_registry_stats(r, &stats);
    CHECK_INT("writes", stats.writes, JOBS);
    CHECK_INT("failures", stats.failures, JOBS / 10);
    CHECK("grouped", stats.commits >= JOBS / WR_REGISTRY_GROUP_MAX && stats.commits < JOBS / 2);
    close_registry(r, &loop);
}

// A file that cannot grow: jobs fail and say so, nothing that failed is there, everything that was
// done is, and when there is room again it goes on.
static void test_full(void **state)
{
    uv_loop_t loop;
    struct wr_registry *r = open_registry(&loop);
    int64_t before = rows_of(r, &loop);
    struct job limit = {.what = SCRIPT, .script = "PRAGMA max_page_count=1"}; // what there is now
    submit(r, &limit);
    wait_for(&loop, done_count + 1);
    static struct job jobs[JOBS];
    int at = done_count;
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){.n = 10000 + i, .what = KEEP};
        submit(r, &jobs[i]);
    }
    wait_for(&loop, at + JOBS);
    int64_t kept = 0, failed = 0;
    for (int i = 0; i < JOBS; i++) {
        kept += !jobs[i].job.failed;
        failed += jobs[i].job.failed;
        CHECK("why", !jobs[i].job.failed || strstr(jobs[i].job.why, "full"));
    }
    CHECK("some failed", failed > 0);
    CHECK_INT("what was done is there, the rest is not", rows_of(r, &loop), before + kept);
    struct job room = {.what = SCRIPT, .script = "PRAGMA max_page_count=1000000"};
    struct job again = {.n = 20000, .what = KEEP};
    submit(r, &room);
    submit(r, &again);
    wait_for(&loop, done_count + 2);
    CHECK("it goes on", !again.job.failed);
    CHECK_INT("one more", rows_of(r, &loop), before + kept + 1);
    close_registry(r, &loop);
}

// Everything that was submitted is done before it is closed, and lasts.
static void test_close(void **state)
{
    uv_loop_t loop;
    struct wr_registry *r = open_registry(&loop);
    int64_t before = rows_of(r, &loop);
    static struct job jobs[JOBS], reads[10];
    done_count = 0;
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){.n = 30000 + i, .what = KEEP};
        submit(r, &jobs[i]);
    }
    for (size_t i = 0; i < WR_COUNT(reads); i++) {
        reads[i] = (struct job){.what = COUNT};
        submit(r, &reads[i]);
    }
    close_registry(r, &loop);
    CHECK_INT("all done", done_count, JOBS + WR_COUNT(reads));
    for (size_t i = 0; i < WR_COUNT(reads); i++) {
        CHECK("a state between two commits",
              reads[i].found >= before && reads[i].found <= before + JOBS);
    }
    r = open_registry(&loop);
    CHECK_INT("all there", rows_of(r, &loop), before + JOBS);
    close_registry(r, &loop);
    closed = false;
    wr_registry_close(NULL, on_closed, NULL);
    CHECK("nothing to close", closed);
}

static void run_script(const char *script)
{
    char path[256];
    struct wr_db *db = NULL;
    snprintf(path, sizeof path, "%s/registry.db", folder);
    assert_int_equal(wr_db_open(path, false, &db, NULL), WR_OK);
    assert_true(wr_db_script(db, script));
    wr_db_close(db);
}

static wr_err open_refused(struct wr_fault *fault)
{
    uv_loop_t loop;
    struct wr_registry *r = NULL;
    assert_int_equal(uv_loop_init(&loop), 0);
    wr_err err = wr_registry_open(&loop, folder, NULL, NULL, &r, fault);
    assert_null(r);
    assert_int_equal(uv_loop_close(&loop), 0);
    return err;
}

static void test_refused(void **state)
{
    struct wr_fault fault = {0};
    char script[64], text[32];
    run_script("PRAGMA user_version=9999");
    CHECK_INT("a newer one", open_refused(&fault), WR_ERR_UNSUPPORTED);
    CHECK(fault.text, strstr(fault.text, "registry.db") && strstr(fault.text, "version 9999"));
    snprintf(script, sizeof script, "PRAGMA user_version=%d; PRAGMA application_id=5",
             wr_schema_version());
    run_script(script);
    CHECK_INT("another program's", open_refused(&fault), WR_ERR_CORRUPT);
    CHECK(fault.text, strstr(fault.text, "another program"));
    char path[256];
    snprintf(path, sizeof path, "%s/registry.db", folder);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    for (int i = 0; i < 4096 * 8; i += 32) {
        snprintf(text, sizeof text, "%031d", i);
        assert_int_equal(fseek(f, 4096 + i, SEEK_SET), 0);
        assert_true(fwrite(text, 1, sizeof text, f) == sizeof text);
    }
    fclose(f);
    CHECK_INT("damaged", open_refused(&fault), WR_ERR_CORRUPT);
    CHECK(fault.text, strstr(fault.text, "registry.db"));
}

int main(void)
{
    if (!mkdtemp(folder)) {
        return 1;
    }
    static const struct CMUnitTest tests[] = {T(test_groups), T(test_full), T(test_close),
                                              T(test_refused)};
    int failed = TEST_MAIN(tests);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? failed : 1;
}
