// The spool on a real folder: what was durable is there again after every kind of end, and what is
// damaged is set aside, said and nothing else.
#include "engine/flow/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/flow/spool_format.h"
#include "engine/observe/log.h"
#include "sql/base/hash.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

#define SEGMENT (64u << 10)

// A spool with a loop, and what it told.
struct bed {
    uv_loop_t loop;
    char dir[128];
    struct wr_spool *spool;
    struct wr_spool_io io;
    bool use_io;
    uint64_t max_bytes;
    uint64_t durable;
    int full_calls;
    bool full, broken, closed, read_only;
    struct wr_fault fault;
};

static void on_durable(void *user, uint64_t seq)
{
    struct bed *b = user;
    assert_true(seq > b->durable);
    b->durable = seq;
}

static void on_full(void *user, bool full, const char *why)
{
    struct bed *b = user;
    b->full = full;
    b->full_calls++;
}

static void on_broken(void *user, const struct wr_fault *fault)
{
    struct bed *b = user;
    b->broken = true;
    b->fault = *fault;
}

static wr_err bed_open(struct bed *b)
{
    struct wr_spool_options options = {
        .loop = &b->loop,
        .dir = b->dir,
        .max_bytes = b->max_bytes ? b->max_bytes : 64u << 20,
        .segment_bytes = SEGMENT,
        .read_only = b->read_only,
        .io = b->use_io ? &b->io : NULL,
        .events = {.durable = on_durable, .full = on_full, .broken = on_broken, .user = b},
    };
    b->durable = 0;
    b->closed = false;
    return wr_spool_open(&options, &b->spool, &b->fault);
}

static void bed_init(struct bed *b)
{
    *b = (struct bed){.dir = "/tmp/weir-spool-XXXXXX"};
    assert_non_null(mkdtemp(b->dir));
    uv_loop_init(&b->loop);
    wr_log_setup(WR_LOG_ERROR, WR_LOG_PLAIN);
}

static void on_closed(void *user)
{
    struct bed *b = user;
    b->closed = true;
}

static void bed_close(struct bed *b)
{
    wr_spool_close(b->spool, on_closed, b);
    while (!b->closed) {
        uv_run(&b->loop, UV_RUN_ONCE);
    }
    b->spool = NULL;
}

static void remove_all(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    char path[512];
    while (d && (e = readdir(d))) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
            if (unlink(path) != 0) {
                remove_all(path);
            }
        }
    }
    closedir(d);
    rmdir(dir);
}

static void bed_release(struct bed *b)
{
    if (b->spool) {
        bed_close(b);
    }
    assert_int_equal(uv_loop_close(&b->loop), 0);
    remove_all(b->dir);
}

// Files of the folder whose name ends so.
static int files(const struct bed *b, const char *end, char *last, size_t size)
{
    DIR *d = opendir(b->dir);
    const struct dirent *e;
    int count = 0;
    while ((e = readdir(d))) {
        if (wr_str_ends(wr_str_of(e->d_name), wr_str_of(end))) {
            count++;
            if (last) {
                snprintf(last, size, "%s/%s", b->dir, e->d_name);
            }
        }
    }
    closedir(d);
    return count;
}

static int files_in(const struct bed *b, const char *folder)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", b->dir, folder);
    DIR *d = opendir(path);
    int count = 0;
    while (d && readdir(d)) {
        count++;
    }
    if (d) {
        closedir(d);
    }
    return count ? count - 2 : 0;
}

// Entry `n` is a text that tells its number and varies in length.
static void entry_text(struct wr_buf *b, uint64_t n)
{
    wr_buf_addf(b, "entry %llu ", (unsigned long long)n);
    for (uint64_t i = 0; i < n * 37 % 211; i++) {
        wr_buf_add_char(b, (char)('a' + (n + i) % 26));
    }
}

static uint64_t add(struct bed *b, uint64_t n)
{
    entry_text(wr_spool_begin(b->spool), n);
    return wr_spool_end(b->spool);
}

static void wait_durable(struct bed *b, uint64_t seq)
{
    wr_spool_flush(b->spool);
    while (b->durable < seq && !b->broken) {
        uv_run(&b->loop, UV_RUN_ONCE);
    }
}

static bool fetched;

static void on_fetched(struct wr_spool_fetch *f)
{
    fetched = true;
}

static void check_entry(struct bed *b, const char *name, uint64_t seq, uint64_t n)
{
    struct wr_spool_fetch f = {.seq = seq, .done = on_fetched};
    struct wr_buf want = {0};
    fetched = false;
    wr_spool_fetch(b->spool, &f);
    while (!fetched) {
        uv_run(&b->loop, UV_RUN_ONCE);
    }
    CHECK_INT(name, f.fault.code, WR_OK);
    entry_text(&want, n);
    CHECK_STR(name, wr_buf_str(&f.bytes), wr_buf_str(&want));
    wr_buf_release(&want);
    wr_buf_release(&f.bytes);
}

// Leaves as kill -9 does: nothing more is written, marks that wait are lost.
static void bed_abandon(struct bed *b, const char *copy)
{
    char command[512];
    snprintf(command, sizeof command, "cp -a %s %s", b->dir, copy);
    assert_int_equal(system(command), 0); // NOLINT: a test's own folders
}

static void test_entries_come_back(void **state)
{
    struct bed b;
    bed_init(&b);
    assert_int_equal(bed_open(&b), WR_OK);
    for (uint64_t n = 1; n <= 2000; n++) { // several segments
        assert_int_equal(add(&b, n), n);
        if (n % 7 == 0) {
            wr_spool_flush(b.spool);
        }
        if (n % 70 == 0) {
            wait_durable(&b, n);
        }
    }
    wait_durable(&b, 2000);
    assert_true(files(&b, ".seg", NULL, 0) >= 3);
    check_entry(&b, "first", 1, 1);
    check_entry(&b, "middle", 1111, 1111);
    check_entry(&b, "last", 2000, 2000);
    for (uint64_t n = 1; n <= 2000; n++) {
        if (n % 3) {
            wr_spool_done(b.spool, n);
        }
    }
    bed_close(&b);

    assert_int_equal(bed_open(&b), WR_OK);
    uint64_t seq = 0, count = 0;
    while ((seq = wr_spool_pending(b.spool, seq + 1))) {
        assert_int_equal(seq % 3, 0);
        check_entry(&b, "recovered", seq, seq);
        count++;
    }
    assert_int_equal(count, 666);
    assert_int_equal(add(&b, 2001), 2001); // numbers go on
    wait_durable(&b, 2001);
    for (seq = 0; (seq = wr_spool_pending(b.spool, seq + 1));) {
        wr_spool_done(b.spool, seq);
    }
    bed_close(&b);
    assert_int_equal(files(&b, ".seg", NULL, 0), 0); // nothing is left of what is done
    assert_int_equal(files(&b, ".done", NULL, 0), 0);
    bed_release(&b);
}

static void test_large_entry_has_a_segment_of_its_size(void **state)
{
    struct bed b;
    bed_init(&b);
    assert_int_equal(bed_open(&b), WR_OK);
    add(&b, 1);
    struct wr_buf *to = wr_spool_begin(b.spool);
    for (int i = 0; i < 300000; i++) {
        wr_buf_add_char(to, (char)i);
    }
    wr_spool_end(b.spool);
    wait_durable(&b, 2);
    struct wr_spool_fetch f = {.seq = 2, .done = on_fetched};
    fetched = false;
    wr_spool_fetch(b.spool, &f);
    while (!fetched) {
        uv_run(&b.loop, UV_RUN_ONCE);
    }
    assert_int_equal(f.bytes.len, 300000);
    assert_int_equal((unsigned char)f.bytes.at[299999], (unsigned char)(char)299999);
    wr_buf_release(&f.bytes);
    bed_release(&b);
}

// Every length of what was written of the last batch.
static void test_torn_at_every_byte(void **state)
{
    struct bed b;
    bed_init(&b);
    assert_int_equal(bed_open(&b), WR_OK);
    add(&b, 1);
    wait_durable(&b, 1);
    add(&b, 2);
    add(&b, 3);
    wait_durable(&b, 3);
    char copy[] = "/tmp/weir-spool-torn-XXXXXX";
    assert_non_null(mkdtemp(copy));
    char inner[128];
    snprintf(inner, sizeof inner, "%s/spool", copy);
    bed_abandon(&b, inner);
    bed_close(&b);

    struct bed torn = {0};
    uv_loop_init(&torn.loop);
    snprintf(torn.dir, sizeof torn.dir, "%s", inner);
    char segment[512];
    assert_int_equal(files(&torn, ".seg", segment, sizeof segment), 1);
    int fd = open(segment, O_RDWR);
    static char whole[SEGMENT];
    assert_int_equal(pread(fd, whole, sizeof whole, 0), SEGMENT);
    struct wr_spool_batch_header first, second;
    memcpy(&first, whole + 64, sizeof first);
    size_t from = 64 + sizeof first + first.body_len;
    memcpy(&second, whole + from, sizeof second);
    assert_int_equal(second.base_seq, 2);
    size_t to = from + sizeof second + second.body_len;
    for (size_t end = from; end <= to; end++) {
        static const char zeros[4096];
        assert_true(to - end <= sizeof zeros);
        assert_int_equal(pwrite(fd, whole + from, end - from, (off_t)from), end - from);
        assert_int_equal(pwrite(fd, zeros, to - end, (off_t)end), to - end);
        wr_log_setup(WR_LOG_ERROR, WR_LOG_PLAIN);
        assert_int_equal(bed_open(&torn), WR_OK);
        // Zeros at the end of the batch (padding, unused) are the same as what was not written.
        bool same = memcmp(whole + end, zeros, to - end) == 0;
        assert_int_equal(wr_spool_pending(torn.spool, 1), 1);
        assert_int_equal(wr_spool_pending(torn.spool, 2), same ? 2 : 0);
        check_entry(&torn, "before the torn batch", 1, 1);
        if (same) {
            check_entry(&torn, "whole", 3, 3);
        }
        bed_close(&torn);
    }
    close(fd);
    assert_true(files_in(&torn, "damaged") >= 1);
    remove_all(copy);
    uv_loop_close(&torn.loop);
    bed_release(&b);
}

// One flipped bit anywhere costs at most the batch it is in, which is kept as it is.
static void test_flipped_bits_cost_one_batch(void **state)
{
    struct bed b;
    bed_init(&b);
    assert_int_equal(bed_open(&b), WR_OK);
    for (uint64_t n = 1; n <= 12; n++) {
        add(&b, n);
        if (n % 3 == 0) {
            wait_durable(&b, n);
        }
    }
    char segment[512];
    assert_int_equal(files(&b, ".seg", segment, sizeof segment), 1);
    bed_close(&b);
    int fd = open(segment, O_RDWR);
    static char whole[SEGMENT];
    ssize_t len = pread(fd, whole, sizeof whole, 0);
    assert_true(len > 0);
    size_t used = (size_t)len;
    while (whole[used - 1] == 0) {
        used--;
    }
    int set_aside = 0;
    for (size_t at = 0; at < used; at++) {
        char flipped = (char)(whole[at] ^ (1 << (at % 8)));
        assert_int_equal(pwrite(fd, &flipped, 1, (off_t)at), 1);
        wr_log_setup(WR_LOG_ERROR, WR_LOG_PLAIN); // each is said; a thousand lines say nothing
        assert_int_equal(bed_open(&b), WR_OK);
        uint64_t lost = 0, gone_from = 0;
        for (uint64_t n = 1; n <= 12; n++) {
            if (wr_spool_pending(b.spool, n) != n) {
                gone_from = gone_from ? gone_from : n;
                lost++;
            } else {
                check_entry(&b, "beside the damage", n, n);
            }
        }
        if (lost != 0 && (lost != 3 || gone_from % 3 != 1)) {
            fail_msg("bit at byte %zu: %d entries lost from %d", at, (int)lost, (int)gone_from);
        }
        struct wr_spool_stats stats;
        wr_spool_stats(b.spool, &stats);
        if (lost) {
            assert_int_equal(stats.damaged_batches, 1);
            set_aside++;
        }
        bed_close(&b);
        assert_int_equal(pwrite(fd, &whole[at], 1, (off_t)at), 1);
    }
    close(fd);
    assert_true(set_aside > 500);
    assert_true(files_in(&b, "damaged") >= 4); // a file a place
    bed_release(&b);
}

static void test_missing_files(void **state)
{
    struct bed b;
    bed_init(&b);
    assert_int_equal(bed_open(&b), WR_OK);
    for (uint64_t n = 1; n <= 2000; n++) {
        add(&b, n);
        if (n % 50 == 0) {
            wait_durable(&b, n);
        }
    }
    for (uint64_t n = 1; n <= 10; n++) {
        wr_spool_done(b.spool, n);
    }
    bed_close(&b);
    char path[512];
    wr_log_setup(WR_LOG_ERROR, WR_LOG_PLAIN);

    snprintf(path, sizeof path, "%s/0000000000000001.done", b.dir);
    assert_int_equal(unlink(path), 0); // the cursor: everything of the segment comes again
    assert_int_equal(bed_open(&b), WR_OK);
    assert_int_equal(wr_spool_pending(b.spool, 1), 1);
    bed_close(&b);

    snprintf(path, sizeof path, "%s/0000000000000001.seg", b.dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(bed_open(&b), WR_OK);
    struct wr_spool_stats stats;
    wr_spool_stats(b.spool, &stats);
    assert_int_equal(stats.missing_segments, 1);
    uint64_t first = wr_spool_pending(b.spool, 1);
    assert_true(first > 1 && first < 2000);
    check_entry(&b, "of the next segment", first, first);
    check_entry(&b, "last", 2000, 2000);
    bed_close(&b);

    snprintf(path, sizeof path, "%s/manifest", b.dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(bed_open(&b), WR_OK);
    check_entry(&b, "without manifest", 2000, 2000);
    bed_release(&b);
}

static void test_a_newer_format_is_refused_by_name(void **state)
{
    struct bed b;
    bed_init(&b);
    assert_int_equal(bed_open(&b), WR_OK);
    add(&b, 1);
    wait_durable(&b, 1);
    char segment[512];
    files(&b, ".seg", segment, sizeof segment);
    bed_close(&b);
    int fd = open(segment, O_RDWR);
    struct wr_spool_segment_header h;
    assert_int_equal(pread(fd, &h, sizeof h, 0), sizeof h);
    h.version = 2;
    h.crc = wr_crc32c(0, &h, offsetof(struct wr_spool_segment_header, crc));
    assert_int_equal(pwrite(fd, &h, sizeof h, 0), sizeof h);
    close(fd);
    assert_int_equal(bed_open(&b), WR_ERR_UNSUPPORTED);
    assert_non_null(strstr(b.fault.text, "0000000000000001.seg is in format 2"));
    b.spool = NULL;
    bed_release(&b);
}

// ---- failing calls: the n-th one fails, or all from the n-th to the m-th

static int calls, fail_from, fail_to, fail_errno;
static _Atomic int sync_fails, allocate_fails; // changed while the thread works
static _Atomic int syncs;

static bool fails(void)
{
    calls++;
    if (calls >= fail_from && calls < fail_to) {
        errno = fail_errno;
        return true;
    }
    return false;
}

static int io_open(const char *path, int flags, mode_t mode)
{
    return fails() ? -1 : open(path, flags, mode);
}

static ssize_t io_pwrite(int fd, const void *at, size_t len, off_t offset)
{
    if (fails()) {
        return -1;
    }
    return pwrite(fd, at, len > 100 ? len / 2 : len, offset); // short writes too
}

static int io_fdatasync(int fd)
{
    if (sync_fails) {
        errno = EIO;
        return -1;
    }
    syncs++;
    return fdatasync(fd);
}

static int io_fallocate(int fd, off_t size)
{
    if (allocate_fails) {
        errno = ENOSPC;
        return -1;
    }
    return fails() ? -1 : ftruncate(fd, size);
}

static void test_a_full_disk_is_waited_for_at_every_step(void **state)
{
    for (int step = 1; step <= 12; step++) {
        struct bed b;
        bed_init(&b);
        b.use_io = true;
        b.io = (struct wr_spool_io){.open = io_open,
                                    .pwrite = io_pwrite,
                                    .fdatasync = io_fdatasync,
                                    .fallocate = io_fallocate,
                                    .unlink = unlink};
        calls = sync_fails = 0;
        fail_from = step;
        fail_to = step + 2;
        fail_errno = ENOSPC;
        assert_int_equal(bed_open(&b), WR_OK);
        add(&b, 1);
        wait_durable(&b, 1);
        add(&b, 2);
        wait_durable(&b, 2);
        assert_false(b.broken);
        if (calls >= step) {
            assert_int_equal(b.full_calls, 2); // full, and not any more
            assert_false(b.full);
        }
        check_entry(&b, "first", 1, 1);
        check_entry(&b, "second", 2, 2);
        bed_close(&b);
        fail_from = fail_to = 0;
        assert_int_equal(bed_open(&b), WR_OK);
        check_entry(&b, "recovered", 2, 2);
        bed_release(&b);
    }
}

// Its head is synced with the group that it is made for: who waits for that waits no longer than
// for any other.
static void test_a_new_segment_costs_no_sync_of_its_own(void **state)
{
    struct bed b;
    bed_init(&b);
    b.use_io = true;
    b.io = (struct wr_spool_io){io_open, io_pwrite, io_fdatasync, io_fallocate, unlink};
    calls = sync_fails = fail_from = fail_to = syncs = 0;
    assert_int_equal(bed_open(&b), WR_OK);
    uint64_t groups = 0;
    for (uint64_t n = 1; files(&b, ".seg", NULL, 0) < 3; n++) {
        wait_durable(&b, add(&b, n));
        groups++;
    }
    assert_int_equal(syncs, groups);
    bed_release(&b);
}

// A segment goes while the write that would cut its spare room waits: the descriptor is another
// file's by then, and the manifest must tell the truth at every moment.
static void test_a_segment_goes_while_the_disk_is_full(void **state)
{
    enum { FILES = 8 };
    struct bed b;
    bed_init(&b);
    b.use_io = true;
    b.io = (struct wr_spool_io){io_open, io_pwrite, io_fdatasync, io_fallocate, unlink};
    calls = sync_fails = fail_from = fail_to = 0;
    assert_int_equal(bed_open(&b), WR_OK);
    wait_durable(&b, add(&b, 1));
    uint64_t n = 1;
    allocate_fails = 1;
    while (!b.full) { // the next segment is to be made
        add(&b, ++n);
        wr_spool_flush(b.spool);
        uv_run(&b.loop, UV_RUN_ONCE);
    }
    uint64_t before = b.durable;
    assert_true(before > 100 && before < n);
    for (uint64_t seq = 1; seq <= before; seq++) {
        wr_spool_done(b.spool, seq);
    }
    uint64_t end = uv_hrtime() + UINT64_C(30000000000);
    while (files(&b, ".seg", NULL, 0) > 0 && uv_hrtime() < end) {
        uv_run(&b.loop, UV_RUN_NOWAIT);
    }
    char copy[200], now[200], path[300];
    snprintf(copy, sizeof copy, "%s-copy", b.dir);
    snprintf(now, sizeof now, "%s-now", b.dir);
    bed_abandon(&b, copy);
    int fds[FILES];
    for (int i = 0; i < FILES; i++) { // one of them has the descriptor
        snprintf(path, sizeof path, "%s/other-%d", b.dir, i);
        fds[i] = open(path, O_RDWR | O_CREAT, 0600);
        assert_int_equal(write(fds[i], "mine", 4), 4);
    }
    allocate_fails = 0;
    wait_durable(&b, n);
    for (int i = 0; i < FILES; i++) {
        struct stat st;
        assert_int_equal(fstat(fds[i], &st), 0);
        assert_int_equal(st.st_size, 4);
        close(fds[i]);
    }
    bed_close(&b);
    wr_log_setup(WR_LOG_ERROR, WR_LOG_PLAIN);
    for (int i = 0; i < 2; i++) { // as a kill would have left it; as it is now
        struct wr_spool_stats stats;
        if (i == 0) {
            assert_int_equal(rename(b.dir, now), 0);
            assert_int_equal(rename(copy, b.dir), 0);
        }
        assert_int_equal(bed_open(&b), WR_OK);
        wr_spool_stats(b.spool, &stats);
        assert_int_equal(stats.missing_segments, 0);
        assert_int_equal(stats.pending, i == 0 ? 0 : n - before);
        bed_close(&b);
        if (i == 0) {
            remove_all(b.dir);
            assert_int_equal(rename(now, b.dir), 0);
        }
    }
    bed_release(&b);
}

// Segments that kills left hold little: they must not fill the room that there is.
static void test_spare_room_of_former_processes_is_given_back(void **state)
{
    struct bed b;
    struct wr_spool_stats stats;
    bed_init(&b);
    for (uint64_t n = 1; n <= 5; n++) {
        char copy[200];
        assert_int_equal(bed_open(&b), WR_OK);
        wait_durable(&b, add(&b, n));
        snprintf(copy, sizeof copy, "%s-copy", b.dir);
        bed_abandon(&b, copy);
        bed_close(&b);
        remove_all(b.dir);
        assert_int_equal(rename(copy, b.dir), 0);
    }
    assert_int_equal(bed_open(&b), WR_OK);
    wr_spool_stats(b.spool, &stats);
    assert_int_equal(stats.segments, 5);
    assert_true(stats.disk_bytes < 5 * 1024);
    for (uint64_t n = 1; n <= 5; n++) {
        check_entry(&b, "kept", n, n);
    }
    bed_release(&b);
}

// Batches that were torn at the same place of segments with the same number are all kept.
static void test_damage_never_hides_other_damage(void **state)
{
    struct bed b;
    bed_init(&b);
    for (int i = 1; i <= 2; i++) {
        char path[300];
        assert_int_equal(bed_open(&b), WR_OK);
        wait_durable(&b, add(&b, (uint64_t)(10 * i)));
        files(&b, ".seg", path, sizeof path);
        char copy[200];
        snprintf(copy, sizeof copy, "%s-copy", b.dir);
        bed_abandon(&b, copy);
        bed_close(&b);
        remove_all(b.dir);
        assert_int_equal(rename(copy, b.dir), 0);
        int fd = open(path, O_WRONLY);
        assert_int_equal(pwrite(fd, "?", 1, 64 + 32 + 8 + 2), 1);
        close(fd);
        assert_int_equal(bed_open(&b), WR_OK);
        assert_int_equal(files_in(&b, "damaged"), i);
        bed_close(&b);
    }
    bed_release(&b);
}

static void test_closing_with_a_full_disk_ends(void **state)
{
    struct bed b;
    bed_init(&b);
    b.use_io = true;
    b.io = (struct wr_spool_io){io_open, io_pwrite, io_fdatasync, io_fallocate, unlink};
    calls = sync_fails = 0;
    fail_from = 6;
    fail_to = 1 << 30;
    fail_errno = ENOSPC;
    assert_int_equal(bed_open(&b), WR_OK);
    add(&b, 1);
    wr_spool_flush(b.spool);
    while (!b.full) {
        uv_run(&b.loop, UV_RUN_ONCE);
    }
    assert_true(wr_spool_busy(b.spool));
    bed_close(&b);
    assert_int_equal(b.durable, 0);
    bed_release(&b);
}

static void test_a_failed_sync_ends_it(void **state)
{
    struct bed b;
    bed_init(&b);
    b.use_io = true;
    b.io = (struct wr_spool_io){io_open, io_pwrite, io_fdatasync, io_fallocate, unlink};
    calls = fail_from = fail_to = sync_fails = 0;
    assert_int_equal(bed_open(&b), WR_OK);
    add(&b, 1);
    wait_durable(&b, 1);
    sync_fails = 1;
    add(&b, 2);
    wr_spool_flush(b.spool);
    while (!b.broken) {
        uv_run(&b.loop, UV_RUN_ONCE);
    }
    assert_int_equal(b.durable, 1);
    assert_non_null(strstr(b.fault.text, "syncing failed"));
    bed_close(&b);
    sync_fails = 0;
    b.broken = false;
    assert_int_equal(bed_open(&b), WR_OK); // the next process goes on with what is there
    check_entry(&b, "durable before", 1, 1);
    bed_release(&b);
}

static void test_its_own_limit_is_waited_for(void **state)
{
    struct bed b;
    bed_init(&b);
    b.max_bytes = 2 * SEGMENT;
    assert_int_equal(bed_open(&b), WR_OK);
    uint64_t n = 0;
    while (!b.full) {
        add(&b, ++n);
        wr_spool_flush(b.spool);
        uv_run(&b.loop, UV_RUN_NOWAIT);
    }
    assert_true(n > 300);
    uint64_t durable = b.durable;
    for (int i = 0; i < 20; i++) {
        uv_run(&b.loop, UV_RUN_NOWAIT);
    }
    assert_true(b.durable >= durable && b.durable < n);
    for (uint64_t seq = 1; b.durable < n; seq++) {
        while (seq > b.durable) {
            uv_run(&b.loop, UV_RUN_ONCE);
        }
        wr_spool_done(b.spool, seq);
    }
    assert_false(b.full);
    check_entry(&b, "after the wait", n, n);
    bed_release(&b);
}

// Looking beside the process that writes: what is whole is there, and nothing is touched.
static void test_reading_only(void **state)
{
    struct bed b, looker;
    char path[300];
    bed_init(&b);
    assert_int_equal(bed_open(&b), WR_OK);
    for (uint64_t n = 1; n <= 3; n++) {
        wait_durable(&b, add(&b, n));
    }
    files(&b, ".seg", path, sizeof path);
    int fd = open(path, O_RDWR);
    static char bytes[4096];
    assert_int_equal(pread(fd, bytes, sizeof bytes, 0), sizeof bytes);
    size_t end = sizeof bytes;
    while (bytes[end - 1] == 0) {
        end--;
    }
    assert_int_equal(pwrite(fd, "wirb half", 9, (off_t)wr_spool_padded(end)), 9); // on its way
    struct stat before, after;
    assert_int_equal(fstat(fd, &before), 0);
    bed_init(&looker);
    rmdir(looker.dir);
    memcpy(looker.dir, b.dir, sizeof b.dir);
    looker.read_only = true;
    assert_int_equal(bed_open(&looker), WR_OK);
    for (uint64_t n = 1; n <= 3; n++) {
        check_entry(&looker, "whole", n, n);
    }
    assert_int_equal(wr_spool_pending(looker.spool, 4), 0);
    bed_close(&looker);
    assert_int_equal(fstat(fd, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    assert_int_equal(files_in(&b, "damaged"), 0);
    close(fd);
    snprintf(looker.dir, sizeof looker.dir, "/tmp/weir-spool-none/none");
    assert_int_equal(bed_open(&looker), WR_OK); // nothing is there, and nothing is made
    assert_int_equal(wr_spool_last(looker.spool), 0);
    bed_close(&looker);
    assert_int_equal(access("/tmp/weir-spool-none", F_OK), -1);
    assert_int_equal(uv_loop_close(&looker.loop), 0);
    for (uint64_t n = 1; n <= 3; n++) {
        wr_spool_done(b.spool, n);
    }
    bed_release(&b);
}

// What one batch of messages makes may be larger than any group, and than the room there is.
static void test_a_large_batch_is_several_groups(void **state)
{
    enum { COUNT = 40, SIZE = 1 << 20 };
    static char text[SIZE];
    struct wr_spool_stats stats;
    struct bed b;
    bed_init(&b);
    b.max_bytes = 30u << 20;
    assert_int_equal(bed_open(&b), WR_OK);
    memset(text, 'x', sizeof text);
    for (uint64_t n = 1; n <= COUNT; n++) {
        wr_buf_add(wr_spool_begin(b.spool), (wr_str){text, sizeof text});
        assert_int_equal(wr_spool_end(b.spool), n);
        assert_int_equal(wr_spool_busy(b.spool), n >= WR_SPOOL_GROUP_MAX / SIZE);
    }
    wr_spool_flush(b.spool);
    while (!b.full) {
        uv_run(&b.loop, UV_RUN_ONCE);
    }
    assert_true(b.durable >= 20 && b.durable < 30);
    wr_spool_stats(b.spool, &stats);
    assert_int_equal(stats.groups, b.durable / (WR_SPOOL_GROUP_MAX / SIZE));
    assert_true(stats.disk_bytes <= b.max_bytes);
    for (uint64_t seq = 1; b.durable < COUNT; seq++) {
        while (seq > b.durable) {
            uv_run(&b.loop, UV_RUN_ONCE);
        }
        wr_spool_done(b.spool, seq);
    }
    assert_false(b.full);
    wr_spool_stats(b.spool, &stats);
    assert_int_equal(stats.unwritten_bytes, 0);
    assert_int_equal(wr_spool_pending(b.spool, COUNT), COUNT);
    bed_close(&b);
    assert_int_equal(bed_open(&b), WR_OK);
    assert_int_equal(wr_spool_pending(b.spool, COUNT), COUNT);
    bed_release(&b);
}

// Random adds, flushes, marks, ends and reopenings against a plain table.
static void test_against_a_table(void **state)
{
    enum { MAX = 6000 };
    static bool done[MAX + 1];
    struct bed b;
    bed_init(&b);
    unsigned seed = 7;
    uint64_t added = 0;
    memset(done, 0, sizeof done);
    assert_int_equal(bed_open(&b), WR_OK);
    for (int step = 0; step < 4000 && added < MAX; step++) {
        seed = seed * 1103515245 + 12345;
        unsigned r = seed >> 16;
        switch (r % 8) {
        case 0:
            wait_durable(&b, added);
            if (r % 64 == 0) {
                bed_close(&b);
                assert_int_equal(bed_open(&b), WR_OK);
                b.durable = added;
            }
            break;
        case 1:
        case 2:
        case 3:
            add(&b, ++added);
            wr_spool_flush(b.spool);
            break;
        default: {
            uint64_t seq = b.durable ? 1 + r / 8 % b.durable : 0;
            if (seq && !done[seq]) {
                wr_spool_done(b.spool, seq);
                done[seq] = true;
            }
            uv_run(&b.loop, UV_RUN_NOWAIT);
        }
        }
    }
    wait_durable(&b, added);
    bed_close(&b);
    assert_int_equal(bed_open(&b), WR_OK);
    uint64_t seq = 0;
    for (uint64_t n = 1; n <= added; n++) {
        if (!done[n]) {
            seq = wr_spool_pending(b.spool, seq + 1);
            assert_int_equal(seq, n);
        }
    }
    assert_int_equal(wr_spool_pending(b.spool, seq + 1), 0);
    bed_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_entries_come_back),
        T(test_large_entry_has_a_segment_of_its_size),
        T(test_torn_at_every_byte),
        T(test_flipped_bits_cost_one_batch),
        T(test_missing_files),
        T(test_a_newer_format_is_refused_by_name),
        T(test_a_full_disk_is_waited_for_at_every_step),
        T(test_a_new_segment_costs_no_sync_of_its_own),
        T(test_a_segment_goes_while_the_disk_is_full),
        T(test_spare_room_of_former_processes_is_given_back),
        T(test_damage_never_hides_other_damage),
        T(test_closing_with_a_full_disk_ends),
        T(test_a_failed_sync_ends_it),
        T(test_its_own_limit_is_waited_for),
        T(test_reading_only),
        T(test_a_large_batch_is_several_groups),
        T(test_against_a_table),
    };
    return TEST_MAIN(tests);
}
