// The local form of S3: where keys land, what can be read back, order, conflicts, failures.
#include "sinks/lib/local_s3.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/support/sink_bed.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

extern const struct wr_sink_impl wr_sink_s3;

static const struct wr_test_setting no_settings[] = {{0}};

static char long_keys[6][1025];

static const struct key_case {
    const char *name;
    wr_str key;
    const char *path; // NULL: only the round trip is checked
} key_cases[] = {
    {"plain", WR_STR_INIT("a/b/c.json"), "a/b/c.json"},
    {"one segment", WR_STR_INIT("a"), "a"},
    {"up", WR_STR_INIT("../../etc/passwd"), "%2E%2E/%2E%2E/etc/passwd"},
    {"up in the middle", WR_STR_INIT("a/../../../b"), "a/%2E%2E/%2E%2E/%2E%2E/b"},
    {"up at the end", WR_STR_INIT("a/.."), "a/%2E%2E"},
    {"only up", WR_STR_INIT(".."), "%2E%2E"},
    {"here", WR_STR_INIT("./a/./."), "%2E/a/%2E/%2E"},
    {"three dots", WR_STR_INIT(".../....x"), ".../....x"},
    {"absolute", WR_STR_INIT("/etc/passwd"), "%0/etc/passwd"},
    {"many slashes", WR_STR_INIT("//a//b//"), "%0/%0/a/%0/b/%0/%0"},
    {"only a slash", WR_STR_INIT("/"), "%0/%0"},
    {"folder marker", WR_STR_INIT("a/"), "a/%0"},
    {"percent", WR_STR_INIT("100%/a%2Fb%"), "100%25/a%252Fb%25"},
    {"an escape of ours", WR_STR_INIT("%2E%2E/%0/x%+/a%"), "%252E%252E/%250/x%25+/a%25"},
    {"only a percent", WR_STR_INIT("%"), "%25"},
    {"backslash", WR_STR_INIT("..\\..\\a"), "..\\..\\a"},
    {"control characters", WR_STR_INIT("a\nb\tc\033[2J\x7f"), "a\nb\tc\033[2J\x7f"},
    {"blanks", WR_STR_INIT(" . / .. "), " . / .. "},
    {"unicode", WR_STR_INIT("gr\xc3\xbc\xc3\x9f/\xf0\x9f\x94\xa5"),
     "gr\xc3\xbc\xc3\x9f/\xf0\x9f\x94\xa5"},
    {"temporary look", WR_STR_INIT(".tmp-1/s3-tmp/x"), ".tmp-1/s3-tmp/x"},
    {"meta look", WR_STR_INIT("../../s3-meta/bucket-1/x"), NULL},
    {"shell", WR_STR_INIT("$(rm -rf /); `x` 'y' \"z\""), NULL},
    {"longest", {long_keys[0], 1024}, NULL},
    {"longest of percents", {long_keys[1], 1024}, NULL},
    {"longest of slashes", {long_keys[2], 1024}, NULL},
    {"dots behind a full piece", {long_keys[3], 254}, NULL},
    {"one dot behind a full piece", {long_keys[3], 253}, NULL},
    {"long and below", {long_keys[4], 1024}, NULL},
    {"long of wide characters", {long_keys[5], 1024}, NULL},
};

static void make_long_keys(void)
{
    memset(long_keys[0], 'x', 1024);
    memset(long_keys[1], '%', 1024);
    memset(long_keys[2], '/', 1024);
    memset(long_keys[3], 'y', 252);
    memcpy(long_keys[3] + 252, "..", 2);
    memset(long_keys[4], 'z', 600);
    memcpy(long_keys[4] + 600, "/../", 4);
    memset(long_keys[4] + 604, '.', 420);
    for (int i = 0; i < 256; i++) {
        memcpy(long_keys[5] + 4 * i, "\xf0\x9f\x94\xa5", 4);
    }
}

static void test_key_names(void **state)
{
    for (size_t i = 0; i < WR_COUNT(key_cases); i++) {
        const struct key_case *c = &key_cases[i];
        char path[WR_LOCAL_S3_PATH_MAX];
        size_t len = wr_local_s3_escape(path, c->key);
        CHECK_INT(c->name, strlen(path), len);
        if (c->path) {
            CHECK_STR(c->name, Z(path), Z(c->path));
        }
        for (const char *from = path; from;) {
            const char *slash = strchr(from, '/');
            size_t piece = slash ? (size_t)(slash - from) : strlen(from);
            CHECK(c->name, piece > 0 && piece <= 254);
            CHECK(c->name, strncmp(from, ".", piece) != 0 && strncmp(from, "..", piece) != 0);
            from = slash ? slash + 1 : NULL;
        }
        struct wr_buf key = {0};
        CHECK(c->name, wr_local_s3_unescape(Z(path), &key));
        CHECK_STR(c->name, wr_buf_str(&key), c->key);
        wr_buf_clear(&key);
        path[len] = '%'; // the mark of a conflict
        CHECK(c->name, wr_local_s3_unescape((wr_str){path, len + 1}, &key));
        CHECK_STR(c->name, wr_buf_str(&key), c->key);
        wr_buf_release(&key);
    }
}

static void test_foreign_names(void **state)
{
    static const char *const paths[] = {"",    "%",    "a/%",       "%%",   "a%/b", "%41",
                                        "a%2", "%2e",  "x%2Ey",     "a//b", "/a",   "a/",
                                        "..",  "a/..", "short%+/x", "a%+",  "%0x",  "%25%%"};
    for (size_t i = 0; i < WR_COUNT(paths); i++) {
        struct wr_buf key = {0};
        CHECK(paths[i], !wr_local_s3_unescape(Z(paths[i]), &key));
        CHECK_INT(paths[i], key.len, 0);
        wr_buf_release(&key);
    }
}

static const struct {
    const char *name;
    bool good;
} buckets[] = {
    {"readings", true},
    {"a-b.c-9", true},
    {"abc", true},
    {"ab", false},
    {"", false},
    {"Readings", false},
    {"a_b", false},
    {"..", false},
    {"...", false},
    {"a/b", false},
    {"a/../b", false},
    {"../up", false},
    {".abc", false},
    {"abc.", false},
    {"-abc", false},
    {"abc-", false},
    {"a..b", false},
    {"192.168.0.1", false},
    {"xn--abc", false},
    {"abc-s3alias", false},
    {"a\nb", false},
    {"\xc3\xa4\xc3\xb6\xc3\xbc", false},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
};

static void test_bucket_names(void **state)
{
    for (size_t i = 0; i < WR_COUNT(buckets); i++) {
        CHECK_INT(buckets[i].name, !wr_local_s3_bucket_trouble(Z(buckets[i].name)),
                  buckets[i].good);
    }
}

// ---- through the sink

static struct fake_record *put(struct fake *f, const char *bucket, wr_str key, wr_str body)
{
    struct fake_record *r = fake_record(f, body);
    fake_set(r, "bucketName", Z(bucket));
    fake_set(r, "key", key);
    fake_submit(f, r);
    return r;
}

static void check_object(struct fake *f, const char *name, const char *bucket, wr_str key,
                         wr_str body)
{
    struct wr_buf got = {0}, meta = {0};
    struct wr_fault fault = {0};
    wr_err err = wr_local_s3_read(f->dir, Z(bucket), key, &got, &meta, &fault);
    if (err) {
        CASE_FAIL(name, "cannot be read: %s", fault.text);
    }
    CHECK_STR(name, wr_buf_str(&got), body);
    CHECK(name, wr_str_find(wr_buf_str(&meta), S("\"etag\":\"")) > 0);
    wr_buf_release(&got);
    wr_buf_release(&meta);
}

struct listing {
    char text[4096];
    size_t count, known;
};

static bool list_visit(void *user, const struct wr_local_s3_object *object)
{
    struct listing *l = user;
    l->count++;
    for (size_t i = 0; i < WR_COUNT(key_cases); i++) {
        l->known += wr_str_eq(key_cases[i].key, object->key) && object->size == 7;
    }
    size_t len = strlen(l->text);
    snprintf(l->text + len, sizeof l->text - len, "%.*s:%d ", WR_STR_ARG(object->key),
             (int)object->size);
    return true;
}

// Every file that lies in the state folder, outside the three trees of S3.
static unsigned strays;
static char strays_prefix[3][128];
static int count_stray(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    bool inside = type != FTW_F;
    for (size_t i = 0; i < 3; i++) {
        inside = inside || !strncmp(path, strays_prefix[i], strlen(strays_prefix[i]));
    }
    strays += !inside;
    return 0;
}

static void test_hostile_keys(void **state)
{
    struct fake f;
    fake_init(&f, &wr_sink_s3);
    assert_int_equal(fake_open(&f, no_settings), WR_OK);
    struct fake_record *records[WR_COUNT(key_cases)];
    for (size_t i = 0; i < WR_COUNT(key_cases); i++) {
        records[i] = put(&f, "bucket-1", key_cases[i].key, S("{\"a\":1}"));
    }
    fake_run(&f);
    for (size_t i = 0; i < WR_COUNT(key_cases); i++) {
        const char *name = key_cases[i].name;
        CHECK_INT(name, records[i]->settled, 1);
        if (records[i]->verdict != WR_DELIVERED) {
            CASE_FAIL(name, "not delivered: %s", records[i]->message);
        }
        check_object(&f, name, "bucket-1", key_cases[i].key, S("{\"a\":1}"));
        free(records[i]);
    }
    struct listing list = {0};
    assert_int_equal(wr_local_s3_list(f.dir, S("bucket-1"), S(""), list_visit, &list, &f.fault),
                     WR_OK);
    CHECK_INT("all keys are listed under their names", list.known, WR_COUNT(key_cases));
    CHECK_INT("nothing else is listed", list.count, WR_COUNT(key_cases));
    static const char *const trees[] = {"s3/bucket-1/", "s3-meta/bucket-1/", "s3-tmp/"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(strays_prefix[i], sizeof strays_prefix[i], "%s/local/%s", f.dir, trees[i]);
    }
    strays = 0;
    nftw(f.dir, count_stray, 16, FTW_PHYS);
    CHECK_INT("files outside the bucket's folder", strays, 0);
    fake_close(&f);
    fake_release(&f);
}

static const struct {
    const char *name, *bucket;
    wr_str key;
    const char *message;
} refused[] = {
    {"bucket that goes up", "..", WR_STR_INIT("a"),
     "Failed to put S3 object. The error received was The specified bucket is not valid. (Service: "
     "Amazon S3; Status Code: 400; Error Code: InvalidBucketName; Request ID: local)."},
    {"bucket with a slash", "a/../../b", WR_STR_INIT("a"), "InvalidBucketName"},
    {"empty bucket", "", WR_STR_INIT("a"), "InvalidBucketName"},
    {"empty key", "bucket-1", WR_STR_INIT(""), "InvalidURI"},
    {"key with NUL", "bucket-1", WR_STR_INIT("a\0b"), "InvalidURI"},
    {"key that is no UTF-8", "bucket-1", WR_STR_INIT("a\xff"), "InvalidURI"},
    {"key too long", "bucket-1", {long_keys[0], 1025}, "KeyTooLongError"},
};

static void test_refused(void **state)
{
    struct fake f;
    fake_init(&f, &wr_sink_s3);
    assert_int_equal(fake_open(&f, no_settings), WR_OK);
    for (size_t i = 0; i < WR_COUNT(refused); i++) {
        struct fake_record *r = put(&f, refused[i].bucket, refused[i].key, S("{}"));
        CHECK_INT(refused[i].name, r->settled, 1);
        CHECK_INT(refused[i].name, r->verdict, WR_REFUSED);
        CHECK_STR(refused[i].name, Z(r->resource), Z(refused[i].bucket));
        if (!strstr(r->message, refused[i].message)) {
            CASE_FAIL(refused[i].name, "message is: %s", r->message);
        }
        free(r);
    }
    fake_close(&f);
    fake_release(&f);
}

static void test_meta(void **state)
{
    struct fake f;
    fake_init(&f, &wr_sink_s3);
    assert_int_equal(fake_open(&f, no_settings), WR_OK);
    struct fake_record *r = fake_record(&f, S("{}"));
    fake_set(r, "bucketName", S("bucket-1"));
    fake_set(r, "key", S("json"));
    fake_set(r, "cannedAcl", S("public-read"));
    fake_submit(&f, r);
    fake_run(&f);
    struct wr_buf meta = {0};
    assert_int_equal(wr_local_s3_read(f.dir, S("bucket-1"), S("json"), NULL, &meta, &f.fault), 0);
    wr_str want = S("{\"key\":\"json\",\"size\":2,\"etag\":\"99914b932bd37a50b983c5e7c90ae93b\","
                    "\"contentType\":\"application/json\",\"acl\":\"public-read\","
                    "\"lastModified\":\"20");
    CHECK("json", wr_str_starts(wr_buf_str(&meta), want));
    CHECK("json", wr_str_ends(wr_buf_str(&meta), S("Z\"}\n")));
    wr_buf_release(&meta);
    free(r);
    fake_close(&f);
    fake_release(&f);
}

// `a` and `a/b`, each written `first` and then the other, then both again.
static void test_conflicts(void **state)
{
    static const struct {
        const char *name;
        const char *keys[4];
        const char *list;
    } cases[] = {
        {"object, then folder", {"a", "a/b", NULL}, "a:2 a/b:2 "},
        {"folder, then object", {"a/b", "a", NULL}, "a:2 a/b:2 "},
        {"replaced in conflict", {"a/b", "a", "a/b", "a"}, "a:2 a/b:2 "},
        {"replaced after moving", {"a", "a/b", "a", "a/c"}, "a:2 a/b:2 a/c:2 "},
        {"deep below an object", {"a", "a/b/c/d", "a/b", NULL}, "a:2 a/b:2 a/b/c/d:2 "},
        {"empty names", {"a//b", "a/", "a", NULL}, "a:2 a/:2 a//b:2 "},
        {"percent beside", {"a%", "a", "a/b", "a%/c"}, "a:2 a%:2 a%/c:2 a/b:2 "},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct fake f;
        fake_init(&f, &wr_sink_s3);
        assert_int_equal(fake_open(&f, no_settings), WR_OK);
        for (size_t k = 0; k < 4 && cases[i].keys[k]; k++) {
            char body[3] = {'0', (char)('0' + k), 0};
            struct fake_record *r = put(&f, "bucket-1", Z(cases[i].keys[k]), Z(body));
            fake_run(&f);
            CHECK_INT(cases[i].name, r->verdict, WR_DELIVERED);
            free(r);
            check_object(&f, cases[i].name, "bucket-1", Z(cases[i].keys[k]), Z(body));
        }
        struct listing list = {0};
        assert_int_equal(wr_local_s3_list(f.dir, S("bucket-1"), S(""), list_visit, &list, &f.fault),
                         WR_OK);
        CHECK_STR(cases[i].name, Z(list.text), Z(cases[i].list));
        fake_close(&f);
        fake_release(&f);
    }
}

// Conflicting keys at the same time in different lanes, and versions of one key in order.
static void test_many_at_once(void **state)
{
    enum { ROUNDS = 40, KEYS = 8 };
    static const char *const keys[KEYS] = {"k", "k/a", "k/a/b", "k/b", "l/a", "l", "m/x/y", "m/x"};
    static char bodies[ROUNDS][8];
    struct fake f;
    fake_init(&f, &wr_sink_s3);
    assert_int_equal(fake_open(&f, no_settings), WR_OK);
    static struct fake_record *records[ROUNDS][KEYS];
    for (int round = 0; round < ROUNDS; round++) {
        snprintf(bodies[round], sizeof bodies[round], "%d", round);
        for (int k = 0; k < KEYS; k++) {
            records[round][k] = put(&f, "bucket-1", Z(keys[k]), Z(bodies[round]));
        }
    }
    fake_close(&f); // settles what is held
    for (int k = 0; k < KEYS; k++) {
        for (int round = 0; round < ROUNDS; round++) {
            CHECK_INT(keys[k], records[round][k]->settled, 1);
            CHECK_INT(keys[k], records[round][k]->verdict, WR_DELIVERED);
            CHECK(keys[k], round == 0 || records[round][k]->order > records[round - 1][k]->order);
        }
        check_object(&f, keys[k], "bucket-1", Z(keys[k]), Z(bodies[ROUNDS - 1]));
    }
    for (int i = 0; i < ROUNDS * KEYS; i++) {
        free(records[i / KEYS][i % KEYS]);
    }
    fake_release(&f);
}

static unsigned files_in(const struct fake *f, const char *folder)
{
    char path[128];
    snprintf(path, sizeof path, "%s/local/%s", f->dir, folder);
    uv_fs_t scan;
    int count = uv_fs_scandir(NULL, &scan, path, 0, NULL);
    uv_fs_req_cleanup(&scan);
    return count < 0 ? 0 : (unsigned)count;
}

// A file that may not grow: the old object stays whole, nothing half-written is left.
static void test_disk_trouble(void **state)
{
    static char large[100000];
    memset(large, 'x', sizeof large);
    struct fake f;
    fake_init(&f, &wr_sink_s3);
    assert_int_equal(fake_open(&f, no_settings), WR_OK);
    struct fake_record *first = put(&f, "bucket-1", S("a"), S("old"));
    fake_run(&f);
    struct rlimit old, small;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = (struct rlimit){4096, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    struct fake_record *r = put(&f, "bucket-1", S("a"), (wr_str){large, sizeof large});
    fake_run(&f);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK_INT("file limit", r->verdict, WR_RETRY);
    CHECK("file limit", strstr(r->message, "Error Code: InternalError"));
    check_object(&f, "file limit", "bucket-1", S("a"), S("old"));
    CHECK_INT("file limit", files_in(&f, "s3-tmp"), 0);
    free(first);
    free(r);

    // Where the bucket's folder should be lies a file: it is never moved aside.
    char path[128];
    snprintf(path, sizeof path, "%s/local/s3/bucket-2", f.dir);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    r = put(&f, "bucket-2", S("a/b"), S("x"));
    fake_run(&f);
    CHECK_INT("bucket is a file", r->verdict, WR_RETRY);
    CHECK_STR("bucket is a file", Z(r->resource), S("bucket-2"));
    CHECK_INT("bucket is a file", files_in(&f, "s3-tmp"), 0);
    free(r);
    fake_close(&f);
    fake_release(&f);
}

static void test_looking_at_nothing(void **state)
{
    struct fake f;
    fake_init(&f, &wr_sink_s3);
    struct listing list = {0};
    CHECK_INT("no bucket",
              wr_local_s3_list(f.dir, S("bucket-1"), S(""), list_visit, &list, &f.fault),
              WR_ERR_UNKNOWN);
    CHECK_INT("no object", wr_local_s3_read(f.dir, S("bucket-1"), S("a/b"), NULL, NULL, &f.fault),
              WR_ERR_UNKNOWN);
    CHECK_INT("bad bucket", wr_local_s3_read(f.dir, S(".."), S("a"), NULL, NULL, &f.fault),
              WR_ERR_RANGE);
    fake_release(&f);
}

static void test_open_faults(void **state)
{
    struct fake f;
    fake_init(&f, &wr_sink_s3);
    char path[128];
    snprintf(path, sizeof path, "%s/local", f.dir);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    CHECK_INT("local is a file", fake_open(&f, no_settings), WR_ERR_IO);
    CHECK("local is a file", strstr(f.fault.text, "/local"));
    static char long_dir[WR_LOCAL_S3_STATE_MAX + 2];
    memset(long_dir, '/', sizeof long_dir - 1);
    f.host.state_dir = long_dir;
    CHECK_INT("state folder too long", fake_open(&f, no_settings), WR_ERR_LIMIT);
    fake_release(&f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(test_key_names),          T(test_foreign_names), T(test_bucket_names),
        T(test_hostile_keys),       T(test_refused),       T(test_meta),
        T(test_conflicts),          T(test_many_at_once),  T(test_disk_trouble),
        T(test_looking_at_nothing), T(test_open_faults),
    };
    make_long_keys();
    return TEST_MAIN(tests);
}
