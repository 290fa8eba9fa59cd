// The local forms of sqs, sns, kinesis and firehose: what is written where, what is refused and
// with which words, order, restarts, crashes, trouble with the disk.
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "sinks/kinesis/shard.h"
#include "sinks/lib/local_firehose.h"
#include "sinks/lib/local_sqs.h"

#include "tests/support/sink_bed.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

extern const struct wr_sink_impl wr_sink_sqs, wr_sink_sns, wr_sink_kinesis, wr_sink_firehose;

static const struct wr_test_setting no_settings[] = {{0}};

#define QUEUE "https://sqs.us-east-1.amazonaws.com/123456789012/"
#define TOPIC "arn:aws:sns:us-east-1:123456789012:"

static struct fake_record *make(struct fake *f, const char *option, wr_str value, wr_str body)
{
    struct fake_record *r = fake_record(f, body);
    r->rec.trace_id = S("6d0a2b1e-4f0c-4d5a-9a63-000000000001");
    fake_set(r, option, value);
    return r;
}

static struct fake_record *put(struct fake *f, const char *option, wr_str value, wr_str body)
{
    struct fake_record *r = make(f, option, value, body);
    fake_submit(f, r);
    return r;
}

// All files below `path` of the state folder, their texts one behind the other.
static void gather(struct wr_buf *b, const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char below[4096], chunk[65536];
        struct stat st;
        snprintf(below, sizeof below, "%.2000s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && stat(below, &st) == 0) {
            if (S_ISDIR(st.st_mode)) {
                gather(b, below);
            } else {
                int fd = open(below, O_RDONLY | O_CLOEXEC);
                for (ssize_t n; (n = read(fd, chunk, sizeof chunk)) > 0;) {
                    wr_buf_add(b, (wr_str){chunk, (size_t)n});
                }
                close(fd);
            }
        }
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
}

static wr_str texts_below(const struct fake *f, struct wr_buf *b, const char *folder)
{
    char path[200];
    snprintf(path, sizeof path, "%s/local/%s", f->dir, folder);
    wr_buf_clear(b);
    gather(b, path);
    return wr_buf_str(b);
}

static void check_refused(const char *name, struct fake *f, struct fake_record *r, const char *said)
{
    fake_run(f);
    CHECK_INT(name, r->settled, 1);
    CHECK_INT(name, r->verdict, WR_REFUSED);
    if (!strstr(r->message, said)) {
        CASE_FAIL(name, "'%s' is not in '%s'", said, r->message);
    }
    free(r);
}

static void check_delivered(const char *name, struct fake_record *r)
{
    if (r->settled != 1 || r->verdict != WR_DELIVERED) {
        CASE_FAIL(name, "settled %u times, verdict %d: %s", r->settled, r->verdict, r->message);
    }
    free(r);
}

// ---- sqs

struct rows {
    struct wr_buf text; // bodies with a blank behind each
    char receipt[200];
    unsigned count, ids;
    int64_t last;
};

static bool see_row(void *user, const struct wr_local_sqs_row *row)
{
    struct rows *rows = user;
    wr_buf_add(&rows->text, row->body);
    wr_buf_add_char(&rows->text, ' ');
    rows->count++;
    rows->last = row->seq;
    rows->ids += row->id.len == WR_LOCAL_SQS_ID_LEN;
    snprintf(rows->receipt, sizeof rows->receipt, "%.*s", WR_STR_ARG(row->receipt));
    return true;
}

static void clear(struct rows *rows)
{
    wr_buf_release(&rows->text);
    *rows = (struct rows){0};
}

static bool see_queue(void *user, const struct wr_local_sqs_queue *q)
{
    wr_buf_addf(user, "%.*s:%d:%d ", WR_STR_ARG(q->name), (int)q->messages, (int)q->in_flight);
    return true;
}

static void test_sqs(void **state)
{
    struct fake f;
    struct rows rows = {0};
    struct fake_record *r[40];
    char texts[40][8];
    fake_init(&f, &wr_sink_sqs);
    CHECK_INT("no file", wr_local_sqs_queues(f.dir, see_queue, NULL, &f.fault), WR_OK);
    CHECK_INT("no file", wr_local_sqs_messages(f.dir, S("q"), 0, see_row, &rows, &f.fault),
              WR_ERR_UNKNOWN);
    assert_int_equal(fake_open(&f, no_settings), WR_OK);
    for (int i = 0; i < 40; i++) {
        snprintf(texts[i], sizeof texts[i], "%d", i);
        r[i] = put(&f, "queueUrl", i % 4 == 3 ? S(QUEUE "other") : S(QUEUE "q"), Z(texts[i]));
    }
    fake_run(&f);
    for (int i = 0; i < 40; i++) {
        check_delivered("sent", r[i]);
    }
    assert_int_equal(wr_local_sqs_messages(f.dir, S("other"), 0, see_row, &rows, &f.fault), WR_OK);
    CHECK_STR("order", wr_buf_str(&rows.text), S("3 7 11 15 19 23 27 31 35 39 "));
    CHECK_INT("ids", rows.ids, 10);
    int64_t last = rows.last;
    clear(&rows);
    assert_int_equal(wr_local_sqs_messages(f.dir, S("other"), last, see_row, &rows, &f.fault),
                     WR_OK);
    CHECK_INT("nothing new", rows.count, 0);
    struct wr_buf said = {0};
    assert_int_equal(wr_local_sqs_queues(f.dir, see_queue, &said, &f.fault), WR_OK);
    CHECK_STR("queues", wr_buf_str(&said), S("other:10:0 q:30:0 "));
    wr_buf_release(&said);

    // A consumer: what it has others do not see; what it does not delete comes back.
    assert_int_equal(wr_local_sqs_receive(f.dir, S("other"), 2, 60000, see_row, &rows, &f.fault),
                     WR_OK);
    CHECK_INT("received", rows.count, 2);
    char receipt[200];
    snprintf(receipt, sizeof receipt, "%s", rows.receipt);
    clear(&rows);
    assert_int_equal(wr_local_sqs_receive(f.dir, S("other"), 1, 0, see_row, &rows, &f.fault),
                     WR_OK);
    CHECK_STR("the next", wr_buf_str(&rows.text), S("11 "));
    char old[200];
    snprintf(old, sizeof old, "%s", rows.receipt);
    clear(&rows);
    assert_int_equal(wr_local_sqs_receive(f.dir, S("other"), 1, 60000, see_row, &rows, &f.fault),
                     WR_OK);
    CHECK_STR("it came back", wr_buf_str(&rows.text), S("11 "));
    CHECK_INT("the old receipt", wr_local_sqs_delete(f.dir, Z(old), &f.fault), WR_ERR_UNKNOWN);
    CHECK_INT("deleted", wr_local_sqs_delete(f.dir, Z(receipt), &f.fault), WR_OK);
    CHECK_INT("deleted twice", wr_local_sqs_delete(f.dir, Z(receipt), &f.fault), WR_ERR_UNKNOWN);
    clear(&rows);
    fake_close(&f);
    fake_release(&f);
}

static void test_sqs_bodies(void **state)
{
    static char large[WR_LOCAL_SQS_BODY_MAX + 1];
    memset(large, 'x', sizeof large);
    const struct {
        const char *name;
        wr_str url, body;
        const char *base64, *said; // NULL: delivered
    } cases[] = {
        {"text", S(QUEUE "q"), S("{\"a\":\"\xc3\xbc\\n\"}"), "false", NULL},
        {"bytes as base64", S(QUEUE "q"), S("\xff\x00\x01"), "true", NULL},
        {"largest", S(QUEUE "q"), {large, WR_LOCAL_SQS_BODY_MAX}, "false", NULL},
        {"too large",
         S(QUEUE "q"),
         {large, sizeof large},
         "false",
         "Failed to send SQS message. The error received was One or more parameters are invalid. "
         "Reason: Message must be shorter than 1048576 bytes (Service: AmazonSQS; Status Code: "
         "400; "
         "Error Code: InvalidParameterValue; Request ID: local)."},
        {"too large as base64", S(QUEUE "q"), {large, 800000}, "true", "must be shorter"},
        {"bytes", S(QUEUE "q"), S("\xff\x00"), "false", "Error Code: InvalidMessageContents"},
        {"a control character", S(QUEUE "q"), S("a\x01"), "false", "InvalidMessageContents"},
        {"U+FFFF", S(QUEUE "q"), S("\xef\xbf\xbf"), "false", "InvalidMessageContents"},
        {"U+FFFD", S(QUEUE "q"), S("\xef\xbf\xbd"), "false", NULL},
        {"nothing", S(QUEUE "q"), S(""), "false", "Error Code: MissingParameter"},
        {"fifo", S(QUEUE "q.fifo"), S("x"), "false", "The queue is FIFO"},
        {"no URL", S("q"), S("x"), "false", "Error Code: InvalidAddress"},
        {"no name", S(QUEUE), S("x"), "false", "Error Code: InvalidAddress"},
        {"another name", S(QUEUE "../x"), S("x"), "false", NULL}, // its queue is "x"
        {"bad name", S(QUEUE "a.b"), S("x"), "false", "Error Code: InvalidAddress"},
        {"empty", S(""), S("x"), "false", "Error Code: InvalidAddress"},
    };
    struct fake f;
    struct rows rows = {0};
    fake_init(&f, &wr_sink_sqs);
    assert_int_equal(fake_open(&f, no_settings), WR_OK);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct fake_record *r = make(&f, "queueUrl", cases[i].url, cases[i].body);
        fake_set(r, "useBase64", Z(cases[i].base64));
        fake_submit(&f, r);
        if (cases[i].said) {
            check_refused(cases[i].name, &f, r, cases[i].said);
        } else {
            fake_run(&f);
            check_delivered(cases[i].name, r);
        }
    }
    assert_int_equal(wr_local_sqs_messages(f.dir, S("q"), 1, see_row, &rows, &f.fault), WR_OK);
    CHECK_STR("base64", wr_str_cut(wr_buf_str(&rows.text), 0, 5), S("/wAB "));
    clear(&rows);
    fake_close(&f);
    fake_release(&f);
}

static void test_sqs_trouble(void **state)
{
    struct fake f;
    char path[200];
    sqlite3 *db;
    fake_init(&f, &wr_sink_sqs);
    assert_int_equal(fake_open(&f, (struct wr_test_setting[]){{"retention", "60s"}, {0}}), WR_OK);
    struct fake_record *r = put(&f, "queueUrl", S(QUEUE "q"), S("first"));
    fake_run(&f);
    check_delivered("before", r);
    snprintf(path, sizeof path, "%s/%s", f.dir, WR_LOCAL_SQS_FILE);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "UPDATE messages SET sent_ms = 0;ALTER TABLE messages RENAME "
                                  "TO taken",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    r = put(&f, "queueUrl", S(QUEUE "q"), S("lost table"));
    fake_run(&f);
    CHECK_INT("table gone", r->verdict, WR_RETRY);
    CHECK_STR("table gone", Z(r->resource), S(QUEUE "q"));
    CHECK("table gone", strstr(r->message, "Status Code: 500; Error Code: InternalError"));
    free(r);
    assert_int_equal(sqlite3_exec(db, "ALTER TABLE taken RENAME TO messages", NULL, NULL, NULL),
                     SQLITE_OK);
    r = put(&f, "queueUrl", S(QUEUE "q"), S("again"));
    fake_close(&f);
    check_delivered("close writes what waits", r);
    sqlite3_close(db);
    // The next process: what is too old goes.
    assert_int_equal(fake_open(&f, (struct wr_test_setting[]){{"retention", "60s"}, {0}}), WR_OK);
    r = put(&f, "queueUrl", S(QUEUE "q"), S("new"));
    fake_run(&f);
    check_delivered("after", r);
    struct rows rows = {0};
    assert_int_equal(wr_local_sqs_messages(f.dir, S("q"), 0, see_row, &rows, &f.fault), WR_OK);
    CHECK_STR("retention", wr_buf_str(&rows.text), S("again new "));
    clear(&rows);
    fake_close(&f);

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 2", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    CHECK_INT("newer", fake_open(&f, no_settings), WR_ERR_UNSUPPORTED);
    CHECK("newer", strstr(f.fault.text, "format 2, made by a newer weir; this one knows 1"));
    fake_release(&f);
}

// ---- sns

static void test_sns(void **state)
{
    static const struct wr_test_setting settings[] = {
        {"subscriptions.a.topic", "alarms"},   {"subscriptions.a.queue", "inbox"},
        {"subscriptions.b.topic", "alarms"},   {"subscriptions.b.queue", "raw"},
        {"subscriptions.b.raw", "true"},       {"subscriptions.c.topic", "nobody"},
        {"subscriptions.c.queue", "not-used"}, {0}};
    struct fake f;
    struct wr_buf b = {0};
    struct rows rows = {0};
    fake_init(&f, &wr_sink_sns);
    assert_int_equal(fake_open(&f, settings), WR_OK);
    struct fake_record *one = put(&f, "targetArn", S(TOPIC "alarms"), S("{\"t\":41}"));
    struct fake_record *two = make(&f, "targetArn", S(TOPIC "alarms"),
                                   S("{\"default\":\"d\xc3\xbc\",\"sqs\":\"for queues\"}"));
    fake_set(two, "messageFormat", S("JSON"));
    fake_submit(&f, two);
    struct fake_record *three =
        put(&f, "targetArn", S(TOPIC "endpoint/GCM/app/0b2c"), S("\"text\""));
    fake_run(&f);
    check_delivered("raw", one);
    check_delivered("json", two);
    check_delivered("endpoint", three);
    wr_str all = texts_below(&f, &b, "sns");
    CHECK("raw", wr_str_find(all, S(",\"topicArn\":\"" TOPIC "alarms\",\"message\":\"{\\\"t\\\":41}"
                                    "\"}\n")) > 0);
    CHECK("json", wr_str_find(all, S("\"message\":\"d\xc3\xbc\",\"protocols\":{\"default\":\"d\xc3"
                                     "\xbc\",\"sqs\":\"for queues\"}}\n")) > 0);
    CHECK("endpoint", wr_str_find(all, S("\"message\":\"\\\"text\\\"\"}\n")) > 0);
    assert_int_equal(wr_local_sqs_messages(f.dir, S("raw"), 0, see_row, &rows, &f.fault), WR_OK);
    CHECK_STR("raw delivery", wr_buf_str(&rows.text), S("{\"t\":41} for queues "));
    clear(&rows);
    assert_int_equal(wr_local_sqs_messages(f.dir, S("inbox"), 0, see_row, &rows, &f.fault), WR_OK);
    CHECK("envelope",
          wr_str_starts(wr_buf_str(&rows.text),
                        S("{\"Type\":\"Notification\",\"MessageId\":\"6d0a2b1e-4f0c-4d5a-9a63-"
                          "000000000001\",\"TopicArn\":\"" TOPIC
                          "alarms\",\"Message\":\"{\\\"t\\\":41}\",\"Timestamp\":\"2")));
    CHECK_INT("envelope", rows.count, 2);
    clear(&rows);
    CHECK_INT("not used", wr_local_sqs_messages(f.dir, S("not-used"), 0, see_row, &rows, &f.fault),
              WR_ERR_UNKNOWN);

    static char large[262145];
    memset(large, 'x', sizeof large);
    const struct {
        const char *name;
        wr_str target, body;
        const char *format, *said;
    } refused[] = {
        {"too large",
         S(TOPIC "t"),
         {large, sizeof large},
         "RAW",
         "Failed to publish SNS message. The error received was Invalid parameter: Message too "
         "long "
         "(Service: AmazonSNS; Status Code: 400; Error Code: InvalidParameter; Request ID: "
         "local)."},
        {"bytes", S(TOPIC "t"), S("\xff"), "RAW", "no text in UTF-8"},
        {"empty", S(TOPIC "t"), S(""), "RAW", "Empty message"},
        {"no default", S(TOPIC "t"), S("{\"sqs\":\"x\"}"), "JSON", "No default entry"},
        {"default is a number", S(TOPIC "t"), S("{\"default\":1}"), "JSON", "No default entry"},
        {"no object", S(TOPIC "t"), S("[1]"), "JSON", "failed to parse"},
        {"no ARN", S("t"), S("x"), "RAW", "TargetArn"},
        {"ARN of another", S("arn:aws:sqs:us-east-1:1:t"), S("x"), "RAW", "TargetArn"},
        {"fifo", S(TOPIC "t.fifo"), S("x"), "RAW", "FIFO"},
    };
    for (size_t i = 0; i < WR_COUNT(refused); i++) {
        struct fake_record *r = make(&f, "targetArn", refused[i].target, refused[i].body);
        fake_set(r, "messageFormat", Z(refused[i].format));
        fake_submit(&f, r);
        check_refused(refused[i].name, &f, r, refused[i].said);
    }
    one = put(&f, "targetArn", S(TOPIC "alarms"), S("{\"last\":1}"));
    fake_close(&f);
    check_delivered("close writes what waits, to the queues too", one);
    wr_buf_release(&b);
    CHECK_INT("bad queue",
              fake_open(&f, (struct wr_test_setting[]){{"subscriptions.a.topic", "t"},
                                                       {"subscriptions.a.queue", "a/b"},
                                                       {0}}),
              WR_ERR_RANGE);
    fake_release(&f);
}

// ---- kinesis

static void test_shards(void **state)
{
    // MD5("a") is 0cc175b9…, of "b" 92eb5ffe…, of "d" 8277e091…, of "user-7" 0x9f…; by hand.
    static const struct {
        const char *key;
        unsigned shards, shard;
    } cases[] = {
        {"a", 1, 0},      {"a", 2, 0},      {"b", 2, 1},  {"d", 2, 1},
        {"a", 16, 0},     {"b", 16, 9},     {"d", 16, 8}, {"a", 256, 12},
        {"b", 256, 0x92}, {"d", 256, 0x82}, {"b", 3, 1},  {"c", 3, 0},
    };
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    char name[WR_KINESIS_SHARD_LEN + 1];
    assert_true(EVP_DigestInit_ex2(digest, EVP_md5(), NULL));
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        CHECK_INT(cases[i].key, wr_kinesis_shard_of(digest, Z(cases[i].key), cases[i].shards),
                  cases[i].shard);
    }
    unsigned seen[7] = {0};
    for (int i = 0; i < 7000; i++) {
        char key[16];
        snprintf(key, sizeof key, "key-%d", i);
        unsigned shard = wr_kinesis_shard_of(digest, Z(key), 7);
        CHECK("in range", shard < 7);
        seen[shard]++;
    }
    for (int i = 0; i < 7; i++) {
        CHECK("even", seen[i] > 850 && seen[i] < 1150);
    }
    wr_kinesis_shard_name(name, 0);
    CHECK_STR("name", Z(name), S("shardId-000000000000"));
    wr_kinesis_shard_name(name, 907);
    CHECK_STR("name", Z(name), S("shardId-000000000907"));
    EVP_MD_CTX_free(digest);
}

// The sequence numbers of the lines, which must grow, and how many there are.
static unsigned check_numbers(const char *name, wr_str lines, uint64_t *last)
{
    unsigned count = 0;
    while (lines.len > 0) {
        CHECK(name, wr_str_starts(lines, S("{\"sequenceNumber\":\"")));
        uint64_t number = strtoull(lines.at + 19, NULL, 10);
        CHECK(name, number > *last);
        *last = number;
        count++;
        const char *feed = memchr(lines.at, '\n', lines.len);
        CHECK(name, feed);
        lines = wr_str_cut(lines, (size_t)(feed - lines.at) + 1, lines.len);
    }
    return count;
}

static void test_kinesis(void **state)
{
    static const struct wr_test_setting settings[] = {
        {"shards", "1"}, {"streams.wide.shards", "2"}, {0}};
    struct fake f;
    struct wr_buf b = {0};
    fake_init(&f, &wr_sink_kinesis);
    assert_int_equal(fake_open(&f, settings), WR_OK);
    struct fake_record *r[20];
    for (int i = 0; i < 20; i++) {
        r[i] = make(&f, "streamName", S("wide"), i == 5 ? S("\xff\xfe") : S("{\"n\":1}"));
        fake_set(r[i], "partitionKey", i % 2 ? S("a") : S("b"));
        fake_submit(&f, r[i]);
    }
    struct fake_record *own = put(&f, "streamName", S("..dots"), S("\"x\""));
    fake_run(&f);
    for (int i = 0; i < 20; i++) {
        check_delivered("put", r[i]);
    }
    check_delivered("without a key", own);
    uint64_t last = 0, first = 0;
    wr_str lines = texts_below(&f, &b, "kinesis/wide");
    CHECK("key and data",
          wr_str_find(lines, S(",\"partitionKey\":\"a\",\"approximateArrivalTimestamp\":1")) > 0);
    CHECK("text", wr_str_find(lines, S(",\"data\":\"{\\\"n\\\":1}\"}\n")) > 0);
    CHECK("bytes", wr_str_find(lines, S(",\"dataBase64\":\"//4=\"}\n")) > 0);
    ptrdiff_t second = wr_str_find(lines, S("\"b\""));
    CHECK("shard 0 has a, shard 1 has b", second > 0);
    const char *start = memrchr(lines.at, '\n', (size_t)second);
    wr_str one = wr_str_cut(lines, 0, (size_t)(start - lines.at) + 1);
    CHECK_INT("shard 0", check_numbers("shard 0", one, &first), 10);
    CHECK_INT("shard 1", check_numbers("shard 1", wr_str_cut(lines, one.len, lines.len), &last),
              10);
    lines = texts_below(&f, &b, "kinesis/%2E.dots");
    CHECK("trace id", wr_str_find(lines, S("\"partitionKey\":\"6d0a2b1e-4f0c-4d5a-9a63-"
                                           "000000000001\"")) > 0);
    fake_close(&f);

    // The next process goes on behind the last number, behind a torn line too.
    char path[300];
    snprintf(path, sizeof path, "%s/local/kinesis/wide/shardId-000000000001.ndjson", f.dir);
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    static const char high[] = "{\"sequenceNumber\":\"9000000000000000000\",\"partitionKey\":\"b\","
                               "\"data\":\"1\"}\n{\"seq";
    assert_int_equal(write(fd, high, sizeof high - 1), sizeof high - 1);
    close(fd);
    assert_int_equal(fake_open(&f, settings), WR_OK);
    own = make(&f, "streamName", S("wide"), S("\"after\""));
    fake_set(own, "partitionKey", S("b"));
    fake_submit(&f, own);
    fake_run(&f);
    check_delivered("after", own);
    lines = texts_below(&f, &b, "kinesis/wide");
    CHECK("goes on", wr_str_find(lines, S("{\"sequenceNumber\":\"9000000000000000001\",")) > 0);
    CHECK("the torn line is gone", wr_str_find(lines, S("{\"seq{")) < 0);
    wr_buf_release(&b);

    static char key[257 * 2 + 1];
    for (int i = 0; i < 257; i++) {
        memcpy(key + 2 * i, "\xc3\xbc", 2);
    }
    own = make(&f, "streamName", S("s"), S("1"));
    fake_set(own, "partitionKey", (wr_str){key, 512});
    fake_submit(&f, own);
    fake_run(&f);
    check_delivered("256 characters", own);
    own = make(&f, "streamName", S("s"), S("1"));
    fake_set(own, "partitionKey", (wr_str){key, 514});
    fake_submit(&f, own);
    check_refused("257 characters", &f, own, "less than or equal to 256");
    own = make(&f, "streamName", S("s"), S("1"));
    fake_set(own, "partitionKey", S(""));
    fake_submit(&f, own);
    check_refused("empty key", &f, own,
                  "Failed to put Kinesis record. The error received was 1 validation error "
                  "detected: Value at 'partitionKey' failed to satisfy constraint");
    check_refused("bad name", &f, put(&f, "streamName", S("a/../b"), S("1")), "'streamName'");
    check_refused("no name", &f, put(&f, "streamName", S(""), S("1")), "'streamName'");
    static char large[10485760];
    check_refused("too large", &f, put(&f, "streamName", S("s"), (wr_str){large, sizeof large}),
                  "less than or equal to 10485760");
    fake_close(&f);
    fake_release(&f);
}

// ---- firehose

static bool see_file(void *user, const struct wr_local_firehose_file *file)
{
    wr_buf_addf(user, "%s%d ", file->part ? "part " : "", (int)file->size);
    CHECK("name", file->name.len > 0 && wr_str_find(file->name, S(".part")) < 0);
    return true;
}

static wr_str files_of(const struct fake *f, struct wr_buf *b, const char *stream)
{
    struct wr_fault fault;
    wr_buf_clear(b);
    if (wr_local_firehose_files(f->dir, Z(stream), see_file, b, &fault) != WR_OK) {
        return S("no stream");
    }
    return wr_buf_str(b);
}

static bool see_stream(void *user, wr_str stream)
{
    wr_buf_add(user, stream);
    wr_buf_add_char(user, ' ');
    return true;
}

static void test_firehose(void **state)
{
    static const struct wr_test_setting settings[] = {{"buffer_size", "20"}, {0}};
    struct fake f;
    struct wr_buf b = {0};
    fake_init(&f, &wr_sink_firehose);
    assert_int_equal(fake_open(&f, settings), WR_OK);
    CHECK_STR("nothing yet", files_of(&f, &b, "s"), S("no stream"));
    struct fake_record *r = make(&f, "deliveryStreamName", S("s"), S("{\"a\":1}"));
    fake_set(r, "separator", S("\n"));
    fake_submit(&f, r);
    struct fake_record *bare = put(&f, "deliveryStreamName", S("bare"), S("[1,2]"));
    fake_run(&f);
    check_delivered("one", r);
    check_delivered("bare", bare);
    CHECK_STR("being filled", files_of(&f, &b, "s"), S("part 8 "));
    CHECK_STR("separator", texts_below(&f, &b, "firehose/s"), S("{\"a\":1}\n"));
    CHECK_STR("an array as it is", texts_below(&f, &b, "firehose/bare"), S("[1,2]"));
    // An array in batchMode: a record an element; the file is full in between.
    r = make(&f, "deliveryStreamName", S("s"), S("[{\"b\":\"\xc3\xbc\"}, 1.50, \"x\", null, [1]]"));
    fake_set(r, "separator", S("\r\n"));
    fake_set(r, "batchMode", S("true"));
    fake_submit(&f, r);
    fake_run(&f);
    check_delivered("elements", r);
    CHECK_STR("elements", files_of(&f, &b, "s"), S("20 16 part 5 "));
    CHECK_STR("elements", texts_below(&f, &b, "firehose/s"),
              S("{\"a\":1}\n{\"b\":\"\xc3\xbc\"}\r\n1.5\r\n\"x\"\r\nnull\r\n[1]\r\n"));
    r = make(&f, "deliveryStreamName", S("s"), S("{\"c\":1}"));
    fake_set(r, "batchMode", S("true"));
    fake_submit(&f, r);
    fake_run(&f);
    check_delivered("no array", r);
    fake_close(&f);
    wr_buf_clear(&b);
    assert_int_equal(wr_local_firehose_streams(f.dir, see_stream, &b, &f.fault), WR_OK);
    CHECK_STR("streams", wr_buf_str(&b), S("bare s "));
    CHECK("close ends the files", wr_str_find(files_of(&f, &b, "s"), S("part")) < 0);

    static char large[4 << 20], many[501 * 2 + 2] = "[";
    for (int i = 0; i < 501; i++) {
        memcpy(many + 1 + 2 * i, i < 500 ? "1," : "1]", 2);
    }
    memset(large, 'x', sizeof large);
    assert_int_equal(fake_open(&f, no_settings), WR_OK);
    r = put(&f, "deliveryStreamName", S("s"), (wr_str){large, 1024000});
    fake_run(&f);
    check_delivered("largest", r);
    check_refused("too large", &f, put(&f, "deliveryStreamName", S("s"), (wr_str){large, 1024001}),
                  "Failed to put Firehose record. The error received was 1 validation error "
                  "detected: Value at 'record.data' failed to satisfy constraint: Member must have "
                  "length less than or equal to 1024000 (Service: AmazonKinesisFirehose; Status "
                  "Code: 400; Error Code: ValidationException; Request ID: local).");
    r = make(&f, "deliveryStreamName", S("s"), (wr_str){large, 1024000});
    fake_set(r, "separator", S("\n"));
    fake_submit(&f, r);
    check_refused("too large with its separator", &f, r, "1024000");
    r = make(&f, "deliveryStreamName", S("s"), Z(many));
    fake_set(r, "batchMode", S("true"));
    fake_submit(&f, r);
    check_refused("501 elements", &f, r, "less than or equal to 500");
    r = make(&f, "deliveryStreamName", S("s"), S("[]"));
    fake_set(r, "batchMode", S("true"));
    fake_submit(&f, r);
    check_refused("no element", &f, r, "greater than or equal to 1");
    check_refused("bad name", &f, put(&f, "deliveryStreamName", S("../x"), S("1")),
                  "'deliveryStreamName'");
    r = put(&f, "deliveryStreamName", S(".."), S("1"));
    fake_run(&f);
    check_delivered("a name of dots stays in its folder", r);
    CHECK_STR("a name of dots", files_of(&f, &b, ".."), S("part 1 "));
    fake_close(&f);
    wr_buf_release(&b);
    fake_release(&f);
}

// What a crash leaves: the file being filled, and a write that began at byte 8.
static void test_firehose_crash(void **state)
{
    static const struct {
        const char *name, *active, *text, *want;
    } cases[] = {
        {"whole", "00000000000000000008 00000000000000000008 ", "{\"a\":1}\n{\"a\":2}\n",
         "{\"a\":1}\n{\"a\":2}\n"},
        {"torn", "00000000000000000008 00000000000000000008 ", "{\"a\":1}\n{\"a\"", "{\"a\":1}\n"},
        {"not begun", "00000000000000000008 00000000000000000008 ", "{\"a\":1}\n", "{\"a\":1}\n"},
        {"an older word", "00000000000000000000 00000000000000000008 ", "{\"a\":1}\n{\"a\":2}\n",
         "{\"a\":1}\n{\"a\":2}\n"},
        {"first one torn", "00000000000000000000 00000000000000000008 ", "{\"a\"", ""},
        {"damaged", "0000", "{\"a\":1}\n", "{\"a\":1}\n"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct fake f;
        struct wr_buf b = {0};
        char path[400], name[] = "2026/11/27/10/s-1-2026-11-27-10-00-00-0.part";
        fake_init(&f, &wr_sink_firehose);
        assert_int_equal(fake_open(&f, no_settings), WR_OK);
        fake_close(&f);
        static const char *const folders[] = {"s", "s/2026", "s/2026/11", "s/2026/11/27",
                                              "s/2026/11/27/10"};
        for (size_t k = 0; k < WR_COUNT(folders); k++) {
            snprintf(path, sizeof path, "%s/local/firehose/%s", f.dir, folders[k]);
            assert_int_equal(mkdir(path, 0777), 0);
        }
        snprintf(path, sizeof path, "%s/local/firehose/s/%s", f.dir, name);
        FILE *file = fopen(path, "w");
        fputs(cases[i].text, file);
        fclose(file);
        snprintf(path, sizeof path, "%s/local/firehose/s/.active", f.dir);
        file = fopen(path, "w");
        fprintf(file, "%s%s\n", cases[i].active, name);
        fclose(file);
        assert_int_equal(fake_open(&f, no_settings), WR_OK);
        CHECK_STR(cases[i].name, texts_below(&f, &b, "firehose/s"), Z(cases[i].want));
        CHECK(cases[i].name, wr_str_find(files_of(&f, &b, "s"), S("part")) < 0);
        struct fake_record *r = put(&f, "deliveryStreamName", S("s"), S("new"));
        fake_run(&f);
        check_delivered(cases[i].name, r);
        fake_close(&f);
        wr_buf_release(&b);
        fake_release(&f);
    }
}

// Many streams: descriptors are bounded, nothing is lost or mixed.
static void test_firehose_many(void **state)
{
    struct fake f;
    struct wr_buf b = {0};
    static struct fake_record *r[600];
    static char names[300][16];
    fake_init(&f, &wr_sink_firehose);
    assert_int_equal(fake_open(&f, no_settings), WR_OK);
    for (int i = 0; i < 600; i++) {
        snprintf(names[i % 300], sizeof names[0], "stream-%d", i % 300);
        r[i] = make(&f, "deliveryStreamName", Z(names[i % 300]), i < 300 ? S("one") : S("two"));
        fake_set(r[i], "separator", S(","));
        fake_submit(&f, r[i]);
    }
    fake_run(&f);
    for (int i = 0; i < 600; i++) {
        check_delivered("sent", r[i]);
    }
    for (int i = 0; i < 300; i++) {
        char folder[40];
        snprintf(folder, sizeof folder, "firehose/stream-%d", i);
        CHECK_STR(folder, texts_below(&f, &b, folder), S("one,two,"));
    }
    fake_close(&f);
    wr_buf_release(&b);
    fake_release(&f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(test_sqs),      T(test_sqs_bodies),     T(test_sqs_trouble),
        T(test_sns),      T(test_shards),         T(test_kinesis),
        T(test_firehose), T(test_firehose_crash), T(test_firehose_many),
    };
    return TEST_MAIN(tests);
}
