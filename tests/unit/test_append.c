// Files that lines are appended to: names, order, what a crash left, full files, trouble.
#include "sinks/lib/append.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

static char long_names[3][WR_APPEND_NAME_MAX + 2];

static const struct name_case {
    const char *name;
    wr_str names[2];
    const char *path; // NULL: only the round trip is checked
} name_cases[] = {
    {"plain", {WR_STR_INIT("a")}, "a.ndjson"},
    {"two", {WR_STR_INIT("group"), WR_STR_INIT("stream")}, "group/stream.ndjson"},
    {"slashes", {WR_STR_INIT("/aws/iot"), WR_STR_INIT("r/1")}, "%2Faws%2Fiot/r%2F1.ndjson"},
    {"up", {WR_STR_INIT(".."), WR_STR_INIT("../../x")}, "%2E./%2E.%2F..%2Fx.ndjson"},
    {"here", {WR_STR_INIT("."), WR_STR_INIT("")}, "%2E/%0.ndjson"},
    {"empty", {WR_STR_INIT("")}, "%0.ndjson"},
    {"percent", {WR_STR_INIT("100%0")}, "100%250.ndjson"},
    {"an ending of ours", {WR_STR_INIT("a.ndjson.1")}, "a.ndjson.1.ndjson"},
    {"control characters", {WR_STR_INIT("a\nb\0c\x7f")}, "a%0Ab%00c%7F.ndjson"},
    {"unicode", {WR_STR_INIT("gr\xc3\xbc\xc3\x9f")}, "gr\xc3\xbc\xc3\x9f.ndjson"},
    {"no utf-8", {WR_STR_INIT("\xff\xfe")}, "\xff\xfe.ndjson"},
    {"longest", {{long_names[0], WR_APPEND_NAME_MAX}}, NULL},
    {"longest of percents", {{long_names[1], WR_APPEND_NAME_MAX}}, NULL},
    {"longest of dots",
     {{long_names[2], WR_APPEND_NAME_MAX}, {long_names[1], WR_APPEND_NAME_MAX}},
     NULL},
};

struct bed {
    uv_loop_t loop;
    char dir[64];
    struct wr_append *append;
    struct wr_append_line lines[4096];
    size_t count, done;
    size_t order[4096]; // of lines, as they were done
    struct wr_fault fault;
    bool closed;
};

static void on_done(void *user, struct wr_append_line *lines)
{
    struct bed *b = user;
    for (; lines; lines = lines->next) {
        b->order[b->done++] = (size_t)(lines - b->lines);
    }
}

static void on_closed(void *user)
{
    ((struct bed *)user)->closed = true;
}

static struct bed *bed_new(void)
{
    struct bed *b = wr_zalloc(sizeof *b);
    snprintf(b->dir, sizeof b->dir, "/tmp/weir-test-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    assert_int_equal(uv_loop_init(&b->loop), 0);
    return b;
}

static void bed_open(struct bed *b, struct wr_append_options o)
{
    char folder[80];
    snprintf(folder, sizeof folder, "%s/local/logs", b->dir);
    o.folder = folder;
    o.done = on_done;
    o.user = b;
    assert_int_equal(wr_append_open(&b->loop, &o, &b->append, &b->fault), WR_OK);
}

static struct wr_append_line *add(struct bed *b, wr_str first, wr_str second, wr_str text)
{
    struct wr_append_line *line = &b->lines[b->count++];
    *line = (struct wr_append_line){.names = {first, second}, .text = text};
    wr_append_add(b->append, line);
    return line;
}

static void run(struct bed *b)
{
    uv_run(&b->loop, UV_RUN_DEFAULT);
}

static void shut(struct bed *b)
{
    b->closed = false;
    wr_append_close(b->append, on_closed, b);
    assert_false(b->closed);
    run(b);
    assert_true(b->closed);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static void bed_free(struct bed *b)
{
    assert_int_equal(uv_loop_close(&b->loop), 0);
    nftw(b->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(b);
}

static const char *path_of(const struct bed *b, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/local/logs/%s", b->dir, name);
    return path;
}

static void check_file(const char *name, const struct bed *b, const char *file, const char *want)
{
    FILE *in = fopen(path_of(b, file), "r");
    if (!want) {
        CHECK(name, !in);
        return;
    }
    if (!in) {
        CASE_FAIL(name, "%s: %s", file, strerror(errno));
    }
    static char text[65536];
    size_t len = fread(text, 1, sizeof text, in);
    fclose(in);
    CHECK_STR(name, ((wr_str){text, len}), Z(want));
}

static void put_file(const struct bed *b, const char *file, const char *text)
{
    FILE *out = fopen(path_of(b, file), "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

// ---- names

static bool remember(void *user, const struct wr_append_file *file)
{
    struct wr_buf *b = user;
    wr_buf_add(b, file->names[0]);
    if (file->names[1].at) {
        wr_buf_add_char(b, '|');
        wr_buf_add(b, file->names[1]);
    }
    wr_buf_addf(b, " %llu;", (unsigned long long)file->size);
    return true;
}

static void test_names(void **state)
{
    memset(long_names[0], 'x', WR_APPEND_NAME_MAX);
    memset(long_names[1], '%', WR_APPEND_NAME_MAX);
    memset(long_names[2], '.', WR_APPEND_NAME_MAX);
    for (size_t i = 0; i < WR_COUNT(name_cases); i++) {
        const struct name_case *c = &name_cases[i];
        struct bed *b = bed_new();
        bed_open(b, (struct wr_append_options){0});
        struct wr_append_line *line = add(b, c->names[0], c->names[1], S("1\n"));
        shut(b);
        CHECK_INT(c->name, line->error, 0);
        if (c->path) {
            check_file(c->name, b, c->path, "1\n");
        }
        struct wr_buf got = {0}, want = {0};
        wr_buf_add(&want, c->names[0]);
        if (c->names[1].at) {
            wr_buf_add_char(&want, '|');
            wr_buf_add(&want, c->names[1]);
        }
        wr_buf_add(&want, S(" 2;"));
        CHECK_INT(c->name,
                  wr_append_list(path_of(b, "."), c->names[1].at ? 2 : 1, NULL, remember, &got,
                                 &b->fault),
                  WR_OK);
        CHECK_STR(c->name, wr_buf_str(&got), wr_buf_str(&want));
        wr_buf_release(&got);
        wr_buf_release(&want);
        bed_free(b);
    }
}

static void test_names_too_long(void **state)
{
    struct bed *b = bed_new();
    bed_open(b, (struct wr_append_options){0});
    struct wr_append_line *bad =
        add(b, (wr_str){long_names[0], WR_APPEND_NAME_MAX + 1}, (wr_str){0}, S("1\n"));
    struct wr_append_line *good = add(b, S("a"), (wr_str){0}, S("2\n"));
    shut(b);
    assert_int_equal(bad->error, ENAMETOOLONG);
    assert_int_equal(good->error, 0);
    check_file("beside it", b, "a.ndjson", "2\n");
    bed_free(b);
}

static void test_list(void **state)
{
    struct bed *b = bed_new();
    bed_open(b, (struct wr_append_options){.size_max = 1, .keep = 2});
    for (int i = 0; i < 3; i++) {
        add(b, S("b"), S("s"), S("1\n"));
        run(b);
    }
    add(b, S("a/x"), S("t"), S("22\n"));
    shut(b);
    put_file(b, "stranger.txt", "x");
    put_file(b, "b/%zz.ndjson", "x");
    put_file(b, "b/%41.ndjson", "x"); // not our spelling of A
    put_file(b, "b/.hidden.ndjson", "x");
    struct wr_buf got = {0};
    assert_int_equal(wr_append_list(path_of(b, "."), 2, NULL, remember, &got, &b->fault), WR_OK);
    CHECK_STR("files", wr_buf_str(&got), S("a/x|t 3;b|s 2;"));
    wr_buf_clear(&got);
    assert_int_equal(wr_append_list(path_of(b, "nosuch"), 2, NULL, remember, &got, &b->fault),
                     WR_OK);
    CHECK_STR("no folder", wr_buf_str(&got), S(""));
    assert_int_equal(wr_append_list(path_of(b, "stranger.txt"), 2, NULL, remember, &got, &b->fault),
                     WR_ERR_IO);
    wr_buf_release(&got);
    bed_free(b);
}

// ---- lines

static void test_many_files_in_order(void **state)
{
    struct bed *b = bed_new();
    bed_open(b, (struct wr_append_options){.open_max = 3, .sync = true});
    static char names[40][8], texts[2000][16];
    for (int i = 0; i < 40; i++) {
        snprintf(names[i], sizeof names[0], "f%d", i);
    }
    for (int i = 0; i < 2000; i++) {
        snprintf(texts[i], sizeof texts[0], "%d\n", i);
        add(b, Z(names[i % 40]), (wr_str){0}, Z(texts[i]));
    }
    run(b);
    int fds = 0;
    for (int fd = 3; fd < 200; fd++) {
        char link[64], target[256];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t len = readlink(link, target, sizeof target - 1);
        if (len > 0) {
            target[len] = 0;
            fds += strstr(target, ".ndjson") != NULL;
        }
    }
    assert_int_equal(fds, 3);
    shut(b);
    assert_int_equal(b->done, 2000);
    for (size_t i = 0; i < 2000; i++) {
        assert_int_equal(b->order[i], i);
        assert_int_equal(b->lines[i].error, 0);
    }
    for (int f = 0; f < 40; f++) {
        struct wr_buf want = {0};
        char file[16];
        for (int i = f; i < 2000; i += 40) {
            wr_buf_addf(&want, "%d\n", i);
        }
        snprintf(file, sizeof file, "f%d.ndjson", f);
        check_file(file, b, file, wr_buf_terminated(&want));
        wr_buf_release(&want);
    }
    bed_free(b);
}

static void test_torn_line(void **state)
{
    static char whole[9001], torn[9100];
    memset(whole, 'y', 9000);
    memset(torn, 'z', 9099);
    static const struct {
        const char *name, *before, *after;
    } cases[] = {
        {"a whole line", "one\n", "one\nnew\n"}, {"half a line", "one\ntw", "one\nnew\n"},
        {"only half a line", "tw", "new\n"},     {"empty", "", "new\n"},
        {"long and torn", torn, "new\n"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct bed *b = bed_new();
        bed_open(b, (struct wr_append_options){0});
        put_file(b, "a.ndjson", cases[i].before);
        add(b, S("a"), (wr_str){0}, S("new\n"));
        shut(b);
        check_file(cases[i].name, b, "a.ndjson", cases[i].after);
        bed_free(b);
    }
    struct bed *b = bed_new();
    bed_open(b, (struct wr_append_options){0});
    struct wr_buf text = {0};
    wr_buf_addf(&text, "%s\n%s", whole, torn);
    put_file(b, "a.ndjson", wr_buf_terminated(&text));
    add(b, S("a"), (wr_str){0}, S("new\n"));
    shut(b);
    wr_buf_clear(&text);
    wr_buf_addf(&text, "%s\nnew\n", whole);
    check_file("a long line and a torn one", b, "a.ndjson", wr_buf_terminated(&text));
    wr_buf_release(&text);
    bed_free(b);
}

static void test_full_files(void **state)
{
    struct bed *b = bed_new();
    bed_open(b, (struct wr_append_options){.size_max = 4, .keep = 2});
    for (int i = 0; i < 5; i++) {
        static const char *const texts[] = {"11\n", "22\n", "33\n", "44\n", "55\n"};
        add(b, S("a"), (wr_str){0}, Z(texts[i]));
        run(b);
    }
    shut(b);
    check_file("newest", b, "a.ndjson", "55\n");
    check_file("before", b, "a.ndjson.1", "33\n44\n");
    check_file("oldest", b, "a.ndjson.2", "11\n22\n");
    bed_open(b, (struct wr_append_options){.size_max = 3, .keep = 2});
    add(b, S("a"), (wr_str){0}, S("66\n"));
    shut(b);
    check_file("full at the start", b, "a.ndjson", "66\n");
    check_file("put aside", b, "a.ndjson.1", "55\n");
    check_file("older", b, "a.ndjson.2", "33\n44\n");
    bed_open(b, (struct wr_append_options){.size_max = 3, .keep = 0});
    add(b, S("a"), (wr_str){0}, S("77\n"));
    shut(b);
    check_file("nothing is kept", b, "a.ndjson", "77\n");
    check_file("nothing is moved", b, "a.ndjson.1", "55\n");
    bed_free(b);
}

static void test_moved_away(void **state)
{
    struct bed *b = bed_new();
    bed_open(b, (struct wr_append_options){0});
    add(b, S("a"), S("s"), S("1\n"));
    run(b);
    char away[4096];
    snprintf(away, sizeof away, "%s", path_of(b, "away"));
    assert_int_equal(rename(path_of(b, "a/s.ndjson"), away), 0);
    add(b, S("a"), S("s"), S("2\n"));
    run(b);
    check_file("moved", b, "away", "1\n");
    check_file("made again", b, "a/s.ndjson", "2\n");
    assert_int_equal(unlink(path_of(b, "a/s.ndjson")), 0);
    assert_int_equal(rmdir(path_of(b, "a")), 0);
    add(b, S("a"), S("s"), S("3\n"));
    shut(b);
    check_file("removed with its folder", b, "a/s.ndjson", "3\n");
    bed_free(b);
}

static void test_trouble(void **state)
{
    struct bed *b = bed_new();
    bed_open(b, (struct wr_append_options){0});
    put_file(b, "file", "x");
    assert_int_equal(mkdir(path_of(b, "c.ndjson"), 0777), 0);
    assert_int_equal(mkfifo(path_of(b, "d.ndjson"), 0666), 0);
    struct wr_append_line *below = add(b, S("file"), S("s"), S("1\n"));
    struct wr_append_line *folder = add(b, S("c"), (wr_str){0}, S("1\n"));
    struct wr_append_line *pipe = add(b, S("d"), (wr_str){0}, S("1\n"));
    struct wr_append_line *good = add(b, S("e"), (wr_str){0}, S("1\n"));
    shut(b);
    assert_int_equal(below->error, ENOTDIR);
    assert_int_equal(folder->error, EISDIR);
    assert_int_equal(pipe->error, EINVAL);
    assert_int_equal(good->error, 0);
    struct wr_append_options o = {.done = on_done, .user = b};
    o.folder = path_of(b, "file");
    assert_int_equal(wr_append_open(&b->loop, &o, &b->append, &b->fault), WR_ERR_IO);
    assert_non_null(strstr(b->fault.text, "Not a directory"));
    bed_free(b);
}

// The limit stands for a full disk: a write stops in the middle of a line.
static void test_full_disk(void **state)
{
    struct bed *b = bed_new();
    bed_open(b, (struct wr_append_options){0});
    add(b, S("a"), (wr_str){0}, S("first\n"));
    run(b);
    struct rlimit old, low;
    getrlimit(RLIMIT_FSIZE, &old);
    low = (struct rlimit){10, old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &low);
    struct wr_append_line *second = add(b, S("a"), (wr_str){0}, S("second\n"));
    struct wr_append_line *third = add(b, S("b"), (wr_str){0}, S("third\n"));
    run(b);
    check_file("no half line", b, "a.ndjson", "first\n");
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(second->error, EFBIG);
    assert_int_equal(third->error, 0);
    add(b, S("a"), (wr_str){0}, S("second\n"));
    shut(b);
    check_file("room again", b, "a.ndjson", "first\nsecond\n");
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_names),
        T(test_names_too_long),
        T(test_list),
        T(test_torn_line),
        T(test_many_files_in_order),
        T(test_full_files),
        T(test_moved_away),
        T(test_trouble),
        T(test_full_disk),
    };
    return TEST_MAIN(tests);
}
