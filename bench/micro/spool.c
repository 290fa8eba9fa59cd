// How fast is the spool beside what the disk allows? Floor, in the same run and turn by turn: an
// append loop of bare write() and fdatasync() with groups of the same number of bytes.
#include "engine/flow/spool.h"
#include "sql/base/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sql/base/banned.h"

#define ENTRY  256
#define ROUNDS 7
#define BYTES  (8u << 20) // of entries, a round

static char entry[ENTRY];
static uv_loop_t loop;
static uint64_t durable;
static bool closed;

static void on_durable(void *user, uint64_t seq)
{
    durable = seq;
}

static void on_full(void *user, bool full, const char *why)
{
    fprintf(stderr, "the disk is full: %s\n", why);
    exit(2);
}

static void on_broken(void *user, const struct wr_fault *fault)
{
    fprintf(stderr, "%s\n", fault->text);
    exit(2);
}

static void on_closed(void *user)
{
    closed = true;
}

// Seconds for `groups` groups of `count` entries each.
static double run_spool(struct wr_spool *s, size_t groups, size_t count)
{
    wr_mono from = wr_mono_now();
    for (size_t g = 0; g < groups; g++) {
        uint64_t seq = 0;
        for (size_t i = 0; i < count; i++) {
            wr_buf_add(wr_spool_begin(s), (wr_str){entry, sizeof entry});
            seq = wr_spool_end(s);
        }
        wr_spool_flush(s);
        while (durable < seq) {
            uv_run(&loop, UV_RUN_ONCE);
        }
    }
    double took = (double)wr_mono_since_us(from, wr_mono_now()) / 1e6;
    for (uint64_t seq = 0; (seq = wr_spool_pending(s, seq + 1));) {
        wr_spool_done(s, seq);
    }
    return took;
}

static double run_floor(int fd, size_t groups, size_t count)
{
    size_t size = count * (ENTRY + 8) + 32;
    char *group = calloc(1, size);
    wr_mono from = wr_mono_now();
    for (size_t g = 0; g < groups; g++) {
        if (write(fd, group, size) != (ssize_t)size || fdatasync(fd) != 0) {
            perror("write");
            exit(2);
        }
    }
    free(group);
    return (double)wr_mono_since_us(from, wr_mono_now()) / 1e6;
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    static const size_t counts[] = {16, 64, 256, 1024};
    const char *base = getenv("WR_BENCH_DIR");
    char dir[256], path[600];
    snprintf(dir, sizeof dir, "%s/weir-bench-XXXXXX", base ? base : ".");
    if (!mkdtemp(dir)) {
        perror(dir);
        return 2;
    }
    for (size_t i = 0; i < sizeof entry; i++) {
        entry[i] = (char)i;
    }
    uv_loop_init(&loop);
    struct wr_spool_options options = {
        .loop = &loop,
        .dir = dir,
        .max_bytes = UINT64_C(1) << 30,
        .segment_bytes = 64u << 20,
        .events = {.durable = on_durable, .full = on_full, .broken = on_broken},
    };
    struct wr_spool *s;
    struct wr_fault fault;
    if (wr_spool_open(&options, &s, &fault)) {
        fprintf(stderr, "%s\n", fault.text);
        return 2;
    }
    printf("%u-byte entries, medians of %d rounds, folder %s\n", ENTRY, ROUNDS, base ? base : ".");
    printf("%8s %14s %14s %8s\n", "a group", "spool rec/s", "floor rec/s", "ratio");
    for (size_t c = 0; c < WR_COUNT(counts); c++) {
        size_t groups = BYTES / ENTRY / counts[c];
        groups = groups > 300 ? 300 : groups;
        double spool[ROUNDS], floor[ROUNDS];
        for (int r = 0; r < ROUNDS; r++) {
            snprintf(path, sizeof path, "%s/floor", dir);
            int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
            floor[r] = run_floor(fd, groups, counts[c]);
            close(fd);
            unlink(path);
            spool[r] = run_spool(s, groups, counts[c]);
        }
        qsort(spool, ROUNDS, sizeof *spool, order);
        qsort(floor, ROUNDS, sizeof *floor, order);
        double n = (double)(groups * counts[c]);
        printf("%8zu %14.0f %14.0f %8.2f\n", counts[c], n / spool[ROUNDS / 2],
               n / floor[ROUNDS / 2], floor[ROUNDS / 2] / spool[ROUNDS / 2]);
    }
    wr_spool_close(s, on_closed, NULL);
    while (!closed) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    DIR *d = opendir(dir);
    const struct dirent *e;
    while (d && (e = readdir(d))) {
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        unlink(path);
    }
    closedir(d);
    rmdir(dir);
    return uv_loop_close(&loop) ? 1 : 0;
}
