// The AWS forms of s3, dynamoDB, dynamoDBv2 and lambda: the request of one record, kept by a
// recorder instead of sent, and what no request is made for: values that devices may have chosen.
// With real answers: tests/e2e/test_aws_actions.py.
#include "sinks/lib/aws.h"
#include "sinks/lib/recorder.h"

#include "tests/support/sink_bed.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

extern const struct wr_sink_impl wr_sink_s3_aws, wr_sink_lambda_aws, wr_sink_dynamodb_aws,
    wr_sink_dynamodb_v2_aws;

static struct wr_aws *client;

static struct wr_aws *give_client(const struct wr_sink_host *host, struct wr_fault *fault)
{
    return client;
}

// What the recorder has kept, without its time.
static wr_str read_record(const char *dir, const char *kind, struct wr_buf *out)
{
    char path[256], bytes[4096];
    snprintf(path, sizeof path, "%s/local/record/%s.ndjson", dir, kind);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    wr_buf_add(out, (wr_str){bytes, len});
    wr_str text = wr_buf_str(out);
    ptrdiff_t at = wr_str_find(text, S("\"method\""));
    return at < 0 ? text : wr_str_cut(text, (size_t)at, text.len);
}

struct given {
    const char *name;
    wr_str value;
};

static const struct row {
    const char *name;
    const struct wr_sink_impl *impl;
    struct given params[8];
    wr_str body;
    const char *request; // what its line ends with; NULL: refused
    const char *refusal; // part of why
} rows[] = {
    {"an object",
     &wr_sink_s3_aws,
     {{"bucketName", WR_STR_INIT("bucket")},
      {"key", WR_STR_INIT("a b/\xC3\xBC+%=./x")},
      {"cannedAcl", WR_STR_INIT("public-read")}},
     WR_STR_INIT("{\"n\":1}"),
     "\"method\":\"PUT\",\"url\":\"https://bucket.s3.us-east-1.amazonaws.com/"
     "a%20b/%C3%BC%2B%25%3D./x\",\"headers\":[[\"Content-Type\",\"application/json\"],"
     "[\"x-amz-acl\",\"public-read\"]],\"body\":\"{\\\"n\\\":1}\"}\n",
     NULL},
    {"an object of no bytes, without an ACL",
     &wr_sink_s3_aws,
     {{"bucketName", WR_STR_INIT("b.with.dots")}, {"key", WR_STR_INIT("../..//k")}},
     WR_STR_INIT(""),
     "\"method\":\"PUT\",\"url\":\"https://s3.us-east-1.amazonaws.com/b.with.dots/../..//k\","
     "\"headers\":[[\"Content-Type\",\"application/octet-stream\"]],\"body\":\"\"}\n",
     NULL},
    {"a bucket with a slash",
     &wr_sink_s3_aws,
     {{"bucketName", WR_STR_INIT("evil.example/x")}, {"key", WR_STR_INIT("k")}},
     WR_STR_INIT("1"),
     NULL,
     "Failed to put S3 object. The error received was "},
    {"a bucket that is a host",
     &wr_sink_s3_aws,
     {{"bucketName", WR_STR_INIT("a@evil.example#")}, {"key", WR_STR_INIT("k")}},
     WR_STR_INIT("1"),
     NULL,
     "Failed to put S3 object. The error received was "},
    {"no bucket",
     &wr_sink_s3_aws,
     {{"bucketName", WR_STR_INIT("")}, {"key", WR_STR_INIT("k")}},
     WR_STR_INIT("1"),
     NULL,
     "Failed to put S3 object. The error received was "},
    {"no key",
     &wr_sink_s3_aws,
     {{"bucketName", WR_STR_INIT("bucket")}, {"key", WR_STR_INIT("")}},
     WR_STR_INIT("1"),
     NULL,
     "Failed to put S3 object. The error received was "},
    {"an event",
     &wr_sink_lambda_aws,
     {{"functionArn", WR_STR_INIT("arn:aws:lambda:eu-west-1:123456789012:function:f:$LATEST")}},
     WR_STR_INIT("[1]"),
     "\"method\":\"POST\",\"url\":\"https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/"
     "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af%3A%24LATEST/invocations\","
     "\"headers\":[[\"Content-Type\",\"application/json\"],[\"X-Amz-Invocation-Type\",\"Event\"]],"
     "\"body\":\"[1]\"}\n",
     NULL},
    {"a function's name with a path",
     &wr_sink_lambda_aws,
     {{"functionArn", WR_STR_INIT("../../x")}},
     WR_STR_INIT("1"),
     NULL,
     "functionArn is neither a function's ARN nor a name"},
    {"an ARN with another host's region",
     &wr_sink_lambda_aws,
     {{"functionArn", WR_STR_INIT("arn:aws:lambda:evil.example/x:123456789012:function:f")}},
     WR_STR_INIT("1"),
     NULL,
     "the region in the ARN or URL is none"},
    {"bytes for a function",
     &wr_sink_lambda_aws,
     {{"functionArn", WR_STR_INIT("f")}},
     WR_STR_INIT("\xff"),
     NULL,
     "the result is no JSON"},
    {"an item",
     &wr_sink_dynamodb_aws,
     {{"tableName", WR_STR_INIT("table")},
      {"hashKeyField", WR_STR_INIT("id")},
      {"hashKeyValue", WR_STR_INIT("01.50")},
      {"hashKeyType", WR_STR_INIT("NUMBER")}},
     WR_STR_INIT("{\"a\":[true,null]}"),
     "\"method\":\"POST\",\"url\":\"https://dynamodb.us-east-1.amazonaws.com/\",\"headers\":"
     "[[\"Content-Type\",\"application/x-amz-json-1.0\"],[\"X-Amz-Target\","
     "\"DynamoDB_20120810.PutItem\"]],\"body\":\"{\\\"TableName\\\":\\\"table\\\",\\\"Item\\\":"
     "{\\\"id\\\":{\\\"N\\\":\\\"1.5\\\"},\\\"payload\\\":{\\\"M\\\":{\\\"a\\\":{\\\"L\\\":["
     "{\\\"BOOL\\\":true},{\\\"NULL\\\":true}]}}}}}\"}\n",
     NULL},
    {"an update with both keys",
     &wr_sink_dynamodb_aws,
     {{"tableName", WR_STR_INIT("table")},
      {"hashKeyField", WR_STR_INIT("id")},
      {"hashKeyValue", WR_STR_INIT("x\"y")},
      {"rangeKeyField", WR_STR_INIT("at")},
      {"rangeKeyValue", WR_STR_INIT("r")},
      {"operation", WR_STR_INIT("UPDATE")}},
     WR_STR_INIT("7"),
     "\"body\":\"{\\\"TableName\\\":\\\"table\\\",\\\"Key\\\":{\\\"id\\\":{\\\"S\\\":"
     "\\\"x\\\\\\\"y\\\"},\\\"at\\\":{\\\"S\\\":\\\"r\\\"}},\\\"UpdateExpression\\\":"
     "\\\"SET #p = :p\\\",\\\"ExpressionAttributeNames\\\":{\\\"#p\\\":\\\"payload\\\"},"
     "\\\"ExpressionAttributeValues\\\":{\\\":p\\\":{\\\"N\\\":\\\"7\\\"}}}\"}\n",
     NULL},
    {"a delete",
     &wr_sink_dynamodb_aws,
     {{"tableName", WR_STR_INIT("table")},
      {"hashKeyField", WR_STR_INIT("id")},
      {"hashKeyValue", WR_STR_INIT("x")},
      {"operation", WR_STR_INIT("DELETE")}},
     WR_STR_INIT("7"),
     "\"body\":\"{\\\"TableName\\\":\\\"table\\\",\\\"Key\\\":{\\\"id\\\":{\\\"S\\\":\\\"x\\\"}}}"
     "\"}\n",
     NULL},
    {"a number that is none",
     &wr_sink_dynamodb_aws,
     {{"tableName", WR_STR_INIT("table")},
      {"hashKeyField", WR_STR_INIT("id")},
      {"hashKeyValue", WR_STR_INIT("1,5")},
      {"hashKeyType", WR_STR_INIT("NUMBER")}},
     WR_STR_INIT("1"),
     NULL,
     "cannot be converted to a numeric value"},
    {"an operation that is none",
     &wr_sink_dynamodb_aws,
     {{"tableName", WR_STR_INIT("table")},
      {"hashKeyField", WR_STR_INIT("id")},
      {"hashKeyValue", WR_STR_INIT("x")},
      {"operation", WR_STR_INIT("DROP")}},
     WR_STR_INIT("1"),
     NULL,
     "none of INSERT, UPDATE and DELETE"},
    {"a table's name with a quote",
     &wr_sink_dynamodb_v2_aws,
     {{"putItem.tableName", WR_STR_INIT("ta\"ble")}},
     WR_STR_INIT("{}"),
     NULL,
     "Failed to write to DynamoDB table. The error received was "},
    {"a list as an item",
     &wr_sink_dynamodb_v2_aws,
     {{"putItem.tableName", WR_STR_INIT("table")}},
     WR_STR_INIT("[1]"),
     NULL,
     "The result is no JSON object"},
    {"columns",
     &wr_sink_dynamodb_v2_aws,
     {{"putItem.tableName", WR_STR_INIT("table")}},
     WR_STR_INIT("{\"id\":\"k\",\"n\":12345678901234567890123456789012345678}"),
     "\"body\":\"{\\\"TableName\\\":\\\"table\\\",\\\"Item\\\":{\\\"id\\\":{\\\"S\\\":\\\"k\\\"},"
     "\\\"n\\\":{\\\"N\\\":\\\"12345678901234567890123456789012345678\\\"}}}\"}\n",
     NULL},
};

static void run_row(const struct row *row)
{
    static const struct wr_test_setting settings[] = {{"describe", "false"}, {0}};
    struct fake f;
    struct wr_recorder *recorder = NULL;
    struct wr_fault fault = {0};
    fake_init(&f, row->impl);
    assert_int_equal(wr_recorder_open(f.dir, row->impl->name, &recorder, &fault), WR_OK);
    const struct wr_aws_options options = {.region = "us-east-1", .recorder = recorder};
    assert_int_equal(wr_aws_open(&f.loop, &options, &client, &fault), WR_OK);
    f.host.aws = give_client;
    CHECK_INT(row->name, fake_open(&f, settings), WR_OK);
    struct fake_record *r = fake_record(&f, row->body);
    for (const struct given *g = row->params; g->name; g++) {
        fake_set(r, g->name, g->value);
    }
    fake_submit(&f, r);
    while (!r->settled) {
        uv_run(&f.loop, UV_RUN_ONCE);
    }
    struct wr_buf text = {0};
    wr_str kept = read_record(f.dir, row->impl->name, &text);
    if (row->request) {
        CHECK_STR(row->name, Z(r->message), S(""));
        CHECK_INT(row->name, r->verdict, WR_DELIVERED);
        if (!wr_str_ends(kept, Z(row->request))) {
            CHECK_STR(row->name, kept, Z(row->request));
        }
    } else {
        CHECK_INT(row->name, r->verdict, WR_REFUSED);
        CHECK(row->name, wr_str_find(Z(r->message), Z(row->refusal)) >= 0);
        CHECK_STR(row->name, kept, S(""));
    }
    CHECK_INT(row->name, r->settled, 1);
    wr_buf_release(&text);
    free(r);
    fake_close(&f);
    wr_aws_close(client, NULL, NULL);
    fake_run(&f);
    wr_recorder_close(recorder);
    fake_release(&f);
}

static void test_requests(void **state)
{
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        run_row(&rows[i]);
    }
}

// Without a client there is a fault, and nothing to close.
static void test_no_client(void **state)
{
    static const struct wr_sink_impl *const impls[] = {
        &wr_sink_s3_aws, &wr_sink_lambda_aws, &wr_sink_dynamodb_aws, &wr_sink_dynamodb_v2_aws};
    for (size_t i = 0; i < WR_COUNT(impls); i++) {
        struct fake f;
        fake_init(&f, impls[i]);
        CHECK_INT(impls[i]->name, fake_open(&f, NULL), WR_ERR_UNSUPPORTED);
        CHECK_STR(impls[i]->name, Z(f.fault.text), S("there is no AWS client here"));
        fake_release(&f);
    }
}

// A disk that is full for the recorder is a destination that is away.
static void test_recorder_fails(void **state)
{
    struct fake f;
    struct wr_recorder *recorder = NULL;
    fake_init(&f, &wr_sink_lambda_aws);
    char path[256];
    snprintf(path, sizeof path, "%s/local", f.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/local/record", f.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/local/record/lambda.ndjson", f.dir);
    assert_int_equal(symlink("/dev/full", path), 0);
    CHECK_INT("a link is not followed", wr_recorder_open(f.dir, "lambda", &recorder, &f.fault),
              WR_ERR_IO);
    assert_int_equal(unlink(path), 0);
    fake_release(&f);
}

int main(void)
{
    setenv("HOME", "/nonexistent", 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    static const char *const variables[] = {"AWS_CA_BUNDLE", "AWS_PROFILE", "AWS_REGION",
                                            "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"};
    for (size_t i = 0; i < WR_COUNT(variables); i++) {
        unsetenv(variables[i]);
    }
    static const struct CMUnitTest tests[] = {T(test_requests), T(test_no_client),
                                              T(test_recorder_fails)};
    return TEST_MAIN(tests);
}
