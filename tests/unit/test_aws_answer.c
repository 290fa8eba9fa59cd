// What answers mean: codes in all their spellings, bodies in JSON and XML, statuses, and texts.
#include "sinks/lib/aws_answer.h"

#include <stdio.h>
#include <stdlib.h>

#include "sinks/lib/aws.h"
#include "sinks/lib/aws_xml.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

static void test_codes(void **state)
{
    static const struct {
        const char *code, *plain;
    } cases[] = {
        {"ThrottlingException", "ThrottlingException"},
        {"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "ResourceNotFoundException"},
        {"ValidationException:http://internal.amazon.com/coral/a#b/", "ValidationException"},
        {"aws#A:b", "A"},
        {" A ", "A"},
        {"a#", ""},
        {"#", ""},
        {":", ""},
        {"", ""},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        CHECK_STR(cases[i].code, wr_aws_code(Z(cases[i].code)), Z(cases[i].plain));
    }
    CHECK_STR("none", wr_aws_code((wr_str){0}), S(""));
}

static const struct {
    const char *name;
    enum wr_aws_service service;
    int status;
    const char *headers, *body;
    enum wr_aws_class class;
    const char *code, *message, *request_id, *text;
} answers[] = {
    {"ok", WR_AWS_DYNAMODB, 200, "x-amzn-RequestId: R1\r\n", "{}", WR_AWS_OK, "", "", "R1", NULL},
    {"any 2xx", WR_AWS_LAMBDA, 202, "", "", WR_AWS_OK, "", "", "", NULL},
    {"JSON", WR_AWS_DYNAMODB, 400, "X-AMZN-REQUESTID: R2\r\n",
     "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\","
     "\"message\":\"No \\\"table\\\"\"}",
     WR_AWS_PERMANENT, "ResourceNotFoundException", "No \"table\"", "R2",
     "No \"table\" (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: "
     "ResourceNotFoundException; Request ID: R2)"},
    {"JSON with a capital", WR_AWS_KINESIS, 400, "",
     " {\"__type\":\"ThrottlingException\",\"Message\":\"m\"}", WR_AWS_THROTTLED,
     "ThrottlingException", "m", "", NULL},
    {"the header wins", WR_AWS_LAMBDA, 429,
     "x-amzn-ErrorType: TooManyRequestsException:http://x/\r\n",
     "{\"Reason\":\"r\",\"Type\":\"User\",\"message\":\"Rate Exceeded.\"}", WR_AWS_THROTTLED,
     "TooManyRequestsException", "Rate Exceeded.", "", NULL},
    {"who is at fault is no code", WR_AWS_LAMBDA, 404, "", "{\"Type\":\"User\",\"Message\":\"m\"}",
     WR_AWS_PERMANENT, "", "m", "", NULL},
    {"query error", WR_AWS_SQS, 400,
     "x-amzn-query-error: AWS.SimpleQueueService.NonExistentQueue;Sender\r\n",
     "{\"__type\":\"com.amazonaws.sqs#QueueDoesNotExist\",\"message\":\"m\"}", WR_AWS_PERMANENT,
     "QueueDoesNotExist", "m", "", NULL},
    {"the old code counts too", WR_AWS_SQS, 400, "x-amzn-query-error: RequestThrottled;Sender\r\n",
     "{\"__type\":\"com.amazonaws.sqs#SomethingNew\"}", WR_AWS_THROTTLED, "SomethingNew", "", "",
     NULL},
    {"S3", WR_AWS_S3, 403, "x-amz-request-id: R3\r\n",
     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>Access "
     "Denied &amp; gone</Message><RequestId>R4</RequestId></Error>",
     WR_AWS_PERMANENT, "AccessDenied", "Access Denied & gone", "R3",
     "Access Denied & gone (Service: AmazonS3; Status Code: 403; Error Code: AccessDenied; Request "
     "ID: R3)"},
    {"SNS", WR_AWS_SNS, 400, "",
     "<ErrorResponse xmlns=\"http://sns\"><Error><Type>Sender</Type><Code>Throttling</Code>"
     "<Message>\n Rate </Message></Error><RequestId>R5</RequestId></ErrorResponse>",
     WR_AWS_THROTTLED, "Throttling", "Rate", "R5", NULL},
    {"a code that is another service's", WR_AWS_SQS, 409, "",
     "{\"__type\":\"ResourceConflictException\"}", WR_AWS_PERMANENT, "ResourceConflictException",
     "", "", NULL},
    {"no body", WR_AWS_SQS, 503, "", "", WR_AWS_RETRY, "", "", "",
     "null (Service: AmazonSQS; Status Code: 503; Error Code: null; Request ID: null)"},
    {"expired", WR_AWS_DYNAMODB, 400, "", "{\"__type\":\"x#ExpiredTokenException\"}",
     WR_AWS_REFRESH, "ExpiredTokenException", "", "", NULL},
    {"clock", WR_AWS_KINESIS, 403, "",
     "{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature expired: a is now "
     "earlier\"}",
     WR_AWS_SKEWED, "InvalidSignatureException", "Signature expired: a is now earlier", "", NULL},
    {"wrong secret", WR_AWS_KINESIS, 403, "",
     "{\"__type\":\"InvalidSignatureException\",\"message\":\"The request signature we\"}",
     WR_AWS_PERMANENT, "InvalidSignatureException", "The request signature we", "", NULL},
    {"checksum", WR_AWS_DYNAMODB, 200, "x-amz-crc32: 2745614147\r\n", "{}", WR_AWS_OK, "", "", "",
     NULL},
    {"wrong checksum", WR_AWS_DYNAMODB, 200, "x-amz-crc32: 2745614148\r\n", "{}", WR_AWS_RETRY, "",
     "the answer was damaged on its way: its checksum is wrong", "", NULL},
    {"members of other types", WR_AWS_DYNAMODB, 400, "", "{\"__type\":1,\"message\":[\"a\"]}",
     WR_AWS_PERMANENT, "", "", "", NULL},
    {"a scalar", WR_AWS_DYNAMODB, 400, "", "\"text\"", WR_AWS_PERMANENT, "", "", "", NULL},
    {"broken JSON", WR_AWS_DYNAMODB, 500, "", "{\"__type\":", WR_AWS_RETRY, "", "", "", NULL},
};

static void test_answers(void **state)
{
    for (size_t i = 0; i < WR_COUNT(answers); i++) {
        struct wr_arena arena;
        struct wr_aws_answer a;
        struct wr_http_response r = {.outcome = WR_HTTP_ANSWERED,
                                     .status = answers[i].status,
                                     .headers = Z(answers[i].headers),
                                     .body = Z(answers[i].body)};
        wr_arena_init(&arena, 65536);
        wr_aws_answer_read(answers[i].service, &r, &arena, &a);
        CHECK_INT(answers[i].name, a.class, answers[i].class);
        CHECK_STR(answers[i].name, a.code, Z(answers[i].code));
        CHECK_STR(answers[i].name, a.message, Z(answers[i].message));
        CHECK_STR(answers[i].name, a.request_id, Z(answers[i].request_id));
        if (answers[i].text) {
            struct wr_buf text = {0};
            wr_aws_answer_text(&a, answers[i].service, &text);
            CHECK_STR(answers[i].name, wr_buf_str(&text), Z(answers[i].text));
            wr_buf_release(&text);
        }
        wr_arena_release(&arena);
    }
}

static void test_dates(void **state)
{
    static const struct {
        const char *date;
        int64_t ms;
    } cases[] = {{"Fri, 02 Jan 2026 03:04:05 GMT", 1767323045000},
                 {"Fri, 02 Jux 2026 03:04:05 GMT", 0},
                 {"Fri, 02 anF 2026 03:04:05 GMT", 0},
                 {"Fri, 32 Jan 2026 03:04:05 GMT", 0},
                 {"2026-01-02T03:04:05Z", 0},
                 {"Friday, 02-Jan-26 03:04:05 GMT", 0},
                 {"", 0}};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        char headers[128];
        struct wr_arena arena;
        struct wr_aws_answer a;
        snprintf(headers, sizeof headers, "Date: %s\r\n", cases[i].date);
        struct wr_http_response r = {
            .outcome = WR_HTTP_ANSWERED, .status = 400, .headers = Z(headers)};
        wr_arena_init(&arena, 65536);
        wr_aws_answer_read(WR_AWS_S3, &r, &arena, &a);
        CHECK_INT(cases[i].date, a.date_ms, cases[i].ms);
        wr_arena_release(&arena);
    }
}

// Entries inside a 200.
static void test_classes(void **state)
{
    CHECK_INT("kinesis",
              wr_aws_class_of(WR_AWS_KINESIS, S("ProvisionedThroughputExceededException"),
                              WR_AWS_PERMANENT),
              WR_AWS_THROTTLED);
    CHECK_INT("another", wr_aws_class_of(WR_AWS_KINESIS, S("Odd"), WR_AWS_PERMANENT),
              WR_AWS_PERMANENT);
    CHECK_INT("another", wr_aws_class_of(WR_AWS_KINESIS, S("Odd"), WR_AWS_RETRY), WR_AWS_RETRY);
}

static void test_verdicts(void **state)
{
    static const struct {
        enum wr_aws_class class;
        enum wr_verdict verdict;
    } cases[] = {{WR_AWS_OK, WR_DELIVERED},    {WR_AWS_RETRY, WR_RETRY},
                 {WR_AWS_THROTTLED, WR_RETRY}, {WR_AWS_REFRESH, WR_RETRY},
                 {WR_AWS_SKEWED, WR_RETRY},    {WR_AWS_PERMANENT, WR_REFUSED}};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf text = {0};
        struct wr_why why;
        struct wr_aws_answer a = {.class = cases[i].class, .message = S("m"), .retry_at_ms = 7};
        const char *name = wr_aws_class_name(cases[i].class);
        CHECK_INT(name, wr_aws_verdict(&a, WR_AWS_S3, S("Failed"), S("b"), &text, &why),
                  cases[i].verdict);
        CHECK_INT(name, why.throttled, cases[i].class == WR_AWS_THROTTLED);
        CHECK_INT(name, why.retry_at_ms, 7);
        CHECK_STR(name, why.resource, S("b"));
        if (cases[i].class != WR_AWS_OK) {
            CHECK_STR(name, why.message, S("Failed. The error received was m."));
        }
        wr_buf_release(&text);
    }
}

// ---- XML

static void test_xml(void **state)
{
    static const struct {
        const char *name, *text;
        bool good;
        const char *code, *region; // NULL: not found
    } cases[] = {
        {"plain", "<a><Code>x</Code></a>", true, "x", NULL},
        {"empty element", "<a><Code/></a>", true, "", NULL},
        {"the first wins", "<a><Code>x</Code><Code>y</Code></a>", true, "x", NULL},
        {"prefix", "<s:a xmlns:s='u'><s:Code>x</s:Code></s:a>", true, "x", NULL},
        {"CDATA and references", "<a><Code><![CDATA[<&]]>&#65;&lt;</Code></a>", true, "<&A<", NULL},
        {"inner elements do not count", "<a><Code>x<b>y</b>z</Code></a>", true, "xz", NULL},
        {"latin 1", "<?xml version='1.0' encoding='ISO-8859-1'?><a><Code>\xfc</Code></a>", true,
         "\xc3\xbc", NULL},
        {"nested field", "<Region><Code>x</Code> r </Region>", true, NULL, "r"},
        {"not closed", "<a><Code>x</Code>", false, "x", NULL},
        {"two roots", "<a/><a/>", false, NULL, NULL},
        {"not XML", "hello", false, NULL, NULL},
        {"empty", "", false, NULL, NULL},
        {"document type", "<!DOCTYPE a><a><Code>x</Code></a>", false, NULL, NULL},
        {"entities", "<!DOCTYPE a [<!ENTITY e 'x'>]><a><Code>&e;</Code></a>", false, NULL, NULL},
        {"unknown entity", "<a><Code>&e;</Code></a>", false, NULL, NULL},
        {"invalid UTF-8", "<a><Code>\xff</Code></a>", false, NULL, NULL},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_aws_xml_field f[] = {{S("Code"), {0}}, {S("Region"), {0}}};
        struct wr_arena arena;
        wr_arena_init(&arena, 65536);
        CHECK_INT(cases[i].name, wr_aws_xml_read(Z(cases[i].text), f, 2, &arena), cases[i].good);
        CHECK_STR(cases[i].name, f[0].text, Z(cases[i].code));
        CHECK_INT(cases[i].name, f[0].text.at != NULL, cases[i].code != NULL);
        CHECK_STR(cases[i].name, f[1].text, Z(cases[i].region));
        wr_arena_release(&arena);
    }
    struct wr_buf deep = {0};
    struct wr_aws_xml_field f = {S("Code"), {0}};
    struct wr_arena arena;
    wr_arena_init(&arena, 65536);
    for (int i = 0; i < WR_AWS_XML_DEPTH_MAX + 1; i++) {
        wr_buf_add(&deep, S("<a>"));
    }
    wr_buf_add(&deep, S("<Code>x</Code>"));
    CHECK("too deep", !wr_aws_xml_read(wr_buf_str(&deep), &f, 1, &arena));
    CHECK("too deep", f.text.at == NULL);
    wr_buf_release(&deep);
    wr_arena_release(&arena);
}

static void test_globs(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool fits;
    } cases[] = {
        {"", "", true},           {"*", "", true},      {"a", "a", true},
        {"a", "ab", false},       {"a*", "ab", true},   {"*b", "ab", true},
        {"a?c", "abc", true},     {"a?c", "ac", false}, {"*a*b*", "xaxbx", true},
        {"*a*b", "xaxbx", false}, {"**", "abc", true},  {"arn:*:role/x-*", "arn:a:role/x-", true},
        {"?", "", false}};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        CHECK_INT(cases[i].pattern, wr_aws_glob(cases[i].pattern, Z(cases[i].text)), cases[i].fits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(test_codes),   T(test_answers),  T(test_dates),
                                       T(test_classes), T(test_verdicts), T(test_xml),
                                       T(test_globs)};
    return TEST_MAIN(tests);
}
