// Entries of the spool that are read again, many at once, on a real folder: each has its own bytes
// in whatever order it was asked for, a sync that takes its time holds none up, and a segment stays
// while something of it is read.
#include "engine/flow/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/observe/log.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

#define ENTRIES 3000
#define LARGE   500 // each so many is longer than what is read in one piece

static struct {
    uv_loop_t loop;
    char dir[128];
    struct wr_spool *spool;
    uint64_t durable;
    bool closed;
    size_t answers;
} b;

static uv_sem_t sync_may_end;
static uv_sem_t sync_has_begun;
static volatile bool slow;

static int slow_sync(int fd)
{
    if (slow) {
        uv_sem_post(&sync_has_begun);
        uv_sem_wait(&sync_may_end);
    }
    return fdatasync(fd);
}

static int open_file(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

static int no_allocation(int fd, off_t size)
{
    return 0;
}

static const struct wr_spool_io io = {.open = open_file,
                                      .pwrite = pwrite,
                                      .fdatasync = slow_sync,
                                      .fallocate = no_allocation,
                                      .unlink = unlink};

static void on_durable(void *user, uint64_t seq)
{
    b.durable = seq;
}

static void on_full(void *user, bool full, const char *why)
{
    fail_msg("full: %s", why);
}

static void on_broken(void *user, const struct wr_fault *fault)
{
    fail_msg("broken: %s", fault->text);
}

static void bed_open(uint64_t segment_bytes)
{
    struct wr_fault fault;
    memset(&b, 0, sizeof b);
    snprintf(b.dir, sizeof b.dir, "/tmp/weir-spool-read-XXXXXX");
    assert_non_null(mkdtemp(b.dir));
    uv_loop_init(&b.loop);
    wr_log_setup(WR_LOG_ERROR, WR_LOG_PLAIN);
    assert_int_equal(wr_spool_open(&(struct wr_spool_options){.loop = &b.loop,
                                                              .dir = b.dir,
                                                              .max_bytes = UINT64_C(1) << 30,
                                                              .segment_bytes = segment_bytes,
                                                              .io = &io,
                                                              .events = {.durable = on_durable,
                                                                         .full = on_full,
                                                                         .broken = on_broken}},
                                   &b.spool, &fault),
                     WR_OK);
}

static void on_closed(void *user)
{
    b.closed = true;
}

static size_t segments(void)
{
    DIR *d = opendir(b.dir);
    size_t count = 0;
    for (const struct dirent *e; (e = readdir(d));) {
        count += wr_str_ends(wr_str_of(e->d_name), WR_STR(".seg"));
    }
    closedir(d);
    return count;
}

static void bed_close(void)
{
    char command[300];
    wr_spool_close(b.spool, on_closed, NULL);
    while (!b.closed) {
        uv_run(&b.loop, UV_RUN_ONCE);
    }
    assert_int_equal(uv_loop_close(&b.loop), 0);
    snprintf(command, sizeof command, "rm -rf %s", b.dir);
    assert_int_equal(system(command), 0); // NOLINT: a test's own folder
}

static void text_of(struct wr_buf *to, uint64_t n)
{
    wr_buf_addf(to, "entry %llu ", (unsigned long long)n);
    uint64_t len = n % LARGE == 0 ? 300000 : n * 37 % 211;
    for (uint64_t i = 0; i < len; i++) {
        wr_buf_add_char(to, (char)('a' + (n + i) % 26));
    }
}

static void write_entries(uint64_t from, uint64_t to)
{
    for (uint64_t n = from; n <= to; n++) {
        text_of(wr_spool_begin(b.spool), n);
        assert_int_equal(wr_spool_end(b.spool), n);
        if (n % 97 == 0 || n == to) {
            wr_spool_flush(b.spool);
            while (b.durable < n) { // else all would be one group, and one segment
                uv_run(&b.loop, UV_RUN_ONCE);
            }
        }
    }
}

static void on_fetched(struct wr_spool_fetch *f)
{
    struct wr_buf want = {0};
    b.answers++;
    text_of(&want, f->seq);
    CHECK_INT("fault", f->fault.code, WR_OK);
    CHECK_STR("bytes", wr_buf_str(&f->bytes), wr_buf_str(&want));
    wr_buf_release(&want);
    wr_buf_release(&f->bytes);
}

static struct wr_spool_fetch fetches[ENTRIES];

static void fetch(uint64_t seq)
{
    struct wr_spool_fetch *f = &fetches[seq - 1];
    *f = (struct wr_spool_fetch){.seq = seq, .done = on_fetched};
    wr_spool_fetch(b.spool, f);
}

static void wait_answers(size_t count)
{
    while (b.answers < count) {
        uv_run(&b.loop, UV_RUN_ONCE);
    }
    assert_int_equal(b.answers, count);
    b.answers = 0;
}

static void test_every_order(void **state)
{
    bed_open(1u << 20); // several segments
    write_entries(1, ENTRIES);
    assert_true(segments() > 2);
    for (uint64_t n = 1; n <= ENTRIES; n++) {
        fetch(n);
    }
    wait_answers(ENTRIES);
    for (uint64_t n = ENTRIES; n > 0; n--) {
        fetch(n);
    }
    wait_answers(ENTRIES);
    for (uint64_t n = 1; n <= ENTRIES; n++) { // 7 has no divisor in common with 3000
        fetch(n * 7 % ENTRIES + 1);
    }
    wait_answers(ENTRIES);
    for (uint64_t gap = 2; gap < 200; gap += 9) {
        size_t asked = 0;
        for (uint64_t n = 1; n <= ENTRIES; n += gap) {
            fetch(n);
            asked++;
        }
        wait_answers(asked);
    }
    bed_close();
}

static void test_sizes(void **state)
{
    bed_open(1u << 20);
    write_entries(1, ENTRIES);
    for (uint64_t n = 1; n <= ENTRIES; n++) {
        struct wr_buf text = {0};
        text_of(&text, n);
        size_t size = wr_spool_size(b.spool, n);
        assert_true(size >= text.len && size < text.len + 64); // headers and padding
        wr_buf_release(&text);
    }
    bed_close();
}

// A second group is on its way to the disk, and stays there while entries of the first are read.
static void test_a_slow_sync_holds_up_no_read(void **state)
{
    uv_sem_init(&sync_may_end, 0);
    uv_sem_init(&sync_has_begun, 0);
    bed_open(8u << 20);
    write_entries(1, 200);
    slow = true;
    text_of(wr_spool_begin(b.spool), 201);
    wr_spool_end(b.spool);
    wr_spool_flush(b.spool);
    uv_sem_wait(&sync_has_begun);
    for (uint64_t n = 1; n <= 200; n++) {
        fetch(n);
    }
    wait_answers(200);
    assert_int_equal(b.durable, 200);
    slow = false;
    uv_sem_post(&sync_may_end);
    while (b.durable < 201) {
        uv_run(&b.loop, UV_RUN_ONCE);
    }
    fetch(201);
    wait_answers(1);
    bed_close();
    uv_sem_destroy(&sync_may_end);
    uv_sem_destroy(&sync_has_begun);
}

// What is read may be done before it arrives: its segment goes when it has.
static void test_a_segment_stays_while_it_is_read(void **state)
{
    bed_open(16u << 10);
    write_entries(1, 499);
    size_t before = segments();
    assert_true(before > 1);
    for (uint64_t n = 1; n <= 499; n++) {
        fetch(n);
    }
    for (uint64_t n = 1; n <= 499; n++) {
        wr_spool_done(b.spool, n);
    }
    struct wr_spool_stats stats;
    wr_spool_stats(b.spool, &stats);
    assert_int_equal(stats.segments, before);
    wait_answers(499);
    wr_spool_stats(b.spool, &stats);
    assert_int_equal(stats.segments, 1); // the one that is written to
    bed_close();
}

// Closing answers what was asked.
static void test_close_answers(void **state)
{
    bed_open(1u << 20);
    write_entries(1, 400);
    for (uint64_t n = 1; n <= 400; n++) {
        fetch(n);
    }
    bed_close();
    assert_int_equal(b.answers, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_order),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_a_slow_sync_holds_up_no_read),
        cmocka_unit_test(test_a_segment_stays_while_it_is_read),
        cmocka_unit_test(test_close_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
