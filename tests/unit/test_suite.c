// Suites of `weir test`: what a case may hold, how differences read, what --update writes.
#include "engine/cli/test_coverage.h"
#include "engine/cli/test_file.h"
#include "engine/cli/test_update.h"

#include <stdio.h>
#include <stdlib.h>

#include "sql/base/hash.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

// ---- a suite of one case

struct bed {
    struct wr_suite suite;
    struct wr_suite_runner runner;
    const struct wr_suite_result *result; // NULL: the suite is refused
    struct wr_buf plain;                  // differences, or faults
};

static void bed_init(struct bed *b, const char *line)
{
    *b = (struct bed){0};
    wr_suite_add_text(&b->suite, "s", Z(line));
    wr_suite_check_ids(&b->suite);
    wr_suite_runner_init(&b->runner, &b->suite, true);
    if (b->suite.fault_count) {
        wr_str text = wr_buf_str(&b->suite.faults);
        wr_buf_add(&b->plain, wr_str_cut(text, strlen("s:"), text.len)); // "1: …"
    } else {
        b->result = wr_suite_run_case(&b->runner, &b->suite.cases[0]);
        wr_diff_plain(&b->plain, wr_buf_str(&b->result->why));
    }
}

static void bed_release(struct bed *b)
{
    wr_suite_runner_release(&b->runner);
    wr_suite_release(&b->suite);
    wr_buf_release(&b->plain);
}

#define SQL(sql) "\"sql\":\"" sql "\",\"sqlVersion\":\"2016-03-23\",\"topic\":\"a/b\","
#define ALL      SQL("SELECT * FROM 'a/b'")
#define ROLE     "\"roleArn\":\"arn:aws:iam::123456789012:role/weir\""
#define RULE(...)                                                            \
    "\"rule\":{\"awsIotSqlVersion\":\"2016-03-23\",\"sql\":\"SELECT * FROM " \
    "'a/b'\",\"actions\":[" __VA_ARGS__ "},\"topic\":\"a/b\","
#define S3 "{\"s3\":{" ROLE ",\"bucketName\":\"things\",\"key\":\"${k}/x\"}}"
#define REPUBLISH                                                                                  \
    "{\"republish\":{" ROLE ",\"topic\":\"${t}\",\"headers\":{\"userProperties\":[{\"key\":\"a\"," \
    "\"value\":\"${topic(2)}\"}]}}}"
#define INFLUX                                                                                \
    "{\"influxDB\":{\"destinationArn\":\"arn:aws:iot:eu-west-1:123456789012:ruledestination/" \
    "influxdb/x\"," ROLE                                                                      \
    ",\"databaseName\":\"d\",\"tableName\":\"t\",\"tags\":{\"a\":\"${k}\",\"b\":\"y\"}}}"
#define SITE                                                                              \
    "{\"iotSiteWise\":{" ROLE ",\"putAssetPropertyValueEntries\":[{\"propertyAlias\":\"/" \
    "${k}\",\"propertyValues\":[{\"value\":{\"doubleValue\":\"${v}\"},"                   \
    "\"timestamp\":{\"timeInSeconds\":\"7\"}}]}]}}"

// ---- what is refused

static const struct {
    const char *name, *line, *fault;
} refused[] = {
    {"no id", "{" ALL "\"payload\":1,\"expect\":{\"json\":1}}",
     "1: id: missing: a string that no other case has"},
    {"empty id", "{\"id\":\"\"," ALL "\"payload\":1,\"expect\":{\"json\":1}}",
     "1: id: missing: a string that no other case has"},
    {"control in id", "{\"id\":\"a\\u001b\"," ALL "\"payload\":1,\"expect\":{\"json\":1}}",
     "1: a\x1b: id: a control character is in it"},
    {"no expect", "{\"id\":\"a\"," ALL "\"payload\":1}",
     "1: a: expect: missing: what must come out"},
    {"empty expect", "{\"id\":\"a\"," ALL "\"payload\":1,\"expect\":{}}",
     "1: a: expect is empty: it would hold of anything"},
    {"member", "{\"id\":\"a\"," ALL "\"payload\":1,\"expcet\":{\"json\":1}}",
     "1: a: expcet: there is no such member; did you mean \"expect\"?"},
    {"member of context",
     "{\"id\":\"a\"," ALL "\"payload\":1,\"context\":{\"timestmp\":1},\"expect\":{\"json\":1}}",
     "1: a: context.timestmp: there is no such member; did you mean \"timestamp\"?"},
    {"type in context",
     "{\"id\":\"a\"," ALL "\"payload\":1,\"context\":{\"timestamp\":1.5},\"expect\":{\"json\":1}}",
     "1: a: context.timestamp: expected a whole number"},
    {"type", "{\"id\":\"a\",\"sql\":1,\"topic\":\"a\",\"payload\":1,\"expect\":{\"json\":1}}",
     "1: a: sql: expected a string"},
    {"outcome", "{\"id\":\"a\"," ALL "\"payload\":1,\"expect\":{\"outcome\":\"no match\"}}",
     "1: a: expect.outcome: expected output, nomatch, invalid or error, found \"no match\""},
    {"outcome and json",
     "{\"id\":\"a\"," ALL "\"payload\":1,\"expect\":{\"outcome\":\"nomatch\",\"json\":1}}",
     "1: a: expect.json: there is none with outcome nomatch"},
    {"at without invalid", "{\"id\":\"a\"," ALL "\"payload\":1,\"expect\":{\"at\":\"1:1\"}}",
     "1: a: expect.at goes with outcome invalid only"},
    {"tolerance alone", "{\"id\":\"a\"," ALL "\"payload\":1,\"expect\":{\"tolerance\":1}}",
     "1: a: expect.tolerance goes with expect.json"},
    {"negative tolerance",
     "{\"id\":\"a\"," ALL "\"payload\":1,\"expect\":{\"json\":1,\"tolerance\":-1}}",
     "1: a: expect.tolerance: expected a number that is not negative"},
    {"actions without a rule", "{\"id\":\"a\"," ALL "\"payload\":1,\"expect\":{\"actions\":[]}}",
     "1: a: expect.actions needs a member rule, whose actions it is about"},
    {"failures without a rule",
     "{\"id\":\"a\"," ALL "\"payload\":1,\"context\":{\"failures\":{}},\"expect\":{\"json\":1}}",
     "1: a: context.failures needs a member rule, whose actions can fail"},
    {"two payloads",
     "{\"id\":\"a\"," ALL "\"payload\":1,\"payloadText\":\"1\",\"expect\":{\"json\":1}}",
     "1: a: expected one of payload, payloadText, payloadBase64, found several"},
    {"no payload", "{\"id\":\"a\"," ALL "\"expect\":{\"json\":1}}",
     "1: a: expected one of payload, payloadText, payloadBase64, found none"},
    {"no base64", "{\"id\":\"a\"," ALL "\"payloadBase64\":\"_\",\"expect\":{\"json\":1}}",
     "1: a: payloadBase64: expected a string of base64"},
    {"wildcard in the topic",
     "{\"id\":\"a\",\"sql\":\"SELECT *\",\"topic\":\"a/+\",\"payload\":1,\"expect\":{\"json\":1}}",
     "1: a: topic: found '+' in the topic: a topic to publish to has no wildcards"},
    {"rule and sql", "{\"id\":\"a\",\"rule\":\"x\"," ALL "\"payload\":1,\"expect\":{\"json\":1}}",
     "1: a: rule: stands alone; its sql and templates are the document's"},
    {"a member twice",
     "{\"id\":\"a\"," ALL
     "\"payload\":{\"b\":1,\"b\":2},\"note\":\"\\\"{\",\"payload\":1,\"expect\":{\"json\":1}}",
     "1: a: a member of the case stands twice"},
    {"twice in expect",
     "{\"id\":\"a\"," ALL "\"payload\":1,\"expect\":{\"text\":\"a\",\"text\":\"b\"}}",
     "1: a: expect: a member stands twice"},
    {"s3",
     "{\"id\":\"a\"," ALL
     "\"payload\":1,\"context\":{\"s3\":{\"b\":{\"k\":\"*\"}}},\"expect\":{\"json\":1}}",
     "1: a: context.s3.b: expected an object of keys with base64"},
    {"a list", "[]",
     "1:1: expected a JSON object on every line; a suite has one case a line, a JSON object"},
    {"cut off", "{\"id\":\"a\"",
     "1:10: unexpected end of JSON text; a suite has one case a line, a JSON object"},
    {"twice",
     "{\"id\":\"a\"," ALL "\"payload\":1,\"expect\":{\"json\":1}}\n{\"id\":\"a\"," ALL
     "\"payload\":1,\"expect\":{\"json\":1}}",
     "2: the id \"a\" stands also at "},
};

static void refuses_what_is_no_case(void **state)
{
    for (size_t i = 0; i < WR_COUNT(refused); i++) {
        struct bed b;
        bed_init(&b, refused[i].line);
        wr_str text = wr_buf_str(&b.plain), wanted = Z(refused[i].fault);
        if (b.result || !wr_str_starts(text, wanted)) {
            CASE_FAIL(refused[i].name, "'%.*s', not '%s'", WR_STR_ARG(text), refused[i].fault);
        }
        bed_release(&b);
    }
}

// ---- differences, and what --update makes of them

static const struct {
    const char *name, *head, *expect; // the case's members before `expect`, and `expect`
    const char *why;                  // "" when it passes
    const char *updated;              // `expect` after --update; NULL: as it was
} judged[] = {
    {"same", ALL "\"payload\":{\"a\":1}", "{\"json\":{\"a\":1.0}}", "", NULL},
    {"order of members", ALL "\"payload\":{\"a\":1,\"b\":2}", "{\"json\":{\"b\":2,\"a\":1}}", "",
     NULL},
    {"number", ALL "\"payload\":{\"a\":1}", "{\"json\":{\"a\":1.5}}", "$.a: expected 1.5, got 1\n",
     "{\"json\":{\"a\":1}}"},
    {"exact number", ALL "\"payloadText\":\"{\\\"a\\\":0.1000000000000000000000000000000001}\"",
     "{\"json\":{\"a\":0.1}}", "$.a: expected 0.1, got 0.1000000000000000000000000000000001\n",
     "{\"json\":{\"a\":0.1000000000000000000000000000000001}}"},
    {"type", ALL "\"payload\":{\"a\":1}", "{\"json\":{\"a\":\"1\"}}",
     "$.a: expected \"1\", got 1\n", "{\"json\":{\"a\":1}}"},
    {"more and less", ALL "\"payload\":{\"a\":[1],\"c d\":2}", "{\"json\":{\"a\":[1,2]}}",
     "$.a[1]: expected 2, got nothing\n$[\"c d\"]: expected nothing, got 2\n",
     "{\"json\":{\"a\":[1],\"c d\":2}}"},
    {"tolerance", ALL "\"payload\":{\"a\":100}", "{\"json\":{\"a\":101},\"tolerance\":0.01}", "",
     NULL},
    {"over the tolerance", ALL "\"payload\":{\"a\":100}",
     "{\"json\":{\"a\":102}, \"tolerance\": 0.01}", "$.a: expected 102, got 100\n",
     "{\"json\":{\"a\":100}, \"tolerance\": 0.01}"},
    {"text", ALL "\"payloadText\":\"abXd\"", "{ \"text\" : \"abcd\" }",
     "payload: texts differ from byte 3 on\n  expected \"abcd\"\n  got      \"abXd\"\n             "
     " ^\n",
     "{ \"text\" : \"abXd\" }"},
    {"marker", ALL "\"payload\":{\"a\":1}", "{\"text\":\"{\\\"a\\\":2}\"}",
     "payload: texts differ from byte 6 on\n"
     "  expected \"{\\\"a\\\":2}\"\n"
     "  got      \"{\\\"a\\\":1}\"\n"
     "                   ^\n",
     "{\"text\":\"{\\\"a\\\":1}\"}"},
    {"inside a character", ALL "\"payloadText\":\"é\"", "{\"text\":\"è\"}",
     "payload: texts differ from byte 1 on\n  expected \"è\"\n  got      \"é\"\n            ^\n",
     "{\"text\":\"é\"}"},
    {"bytes", ALL "\"payloadBase64\":\"/wD/\"", "{\"base64\":\"/wH/\"}",
     "payload: bytes differ from byte 2 on\n  expected ff 01 ff (3 bytes)\n  got      ff 00 ff (3 "
     "bytes)\n              ^\n",
     "{\"base64\":\"/wD/\"}"},
    {"no JSON", ALL "\"payloadText\":\"x\"", "{\"json\":{}}",
     "$: expected JSON, got what is none\n$: texts differ from byte 1 on\n  expected \"{}\"\n  got "
     "     \"x\"\n            ^\n",
     "{\"text\":\"x\"}"},
    {"matches", ALL "\"payload\":{\"a\":1}", "{\"matches\":\"\\\"a\\\":\\\\d\"}", "", NULL},
    {"matches not", ALL "\"payload\":{\"a\":1}", "{\"matches\":\"z\"}",
     "payload: expected a match of z, got \"{\\\"a\\\":1}\"\n", "{\"text\":\"{\\\"a\\\":1}\"}"},
    {"no match", SQL("SELECT * FROM 'a/b' WHERE x > 1") "\"payload\":{\"x\":1}",
     "{\"outcome\":\"output\"}",
     "outcome: expected output, got nomatch\n  decided by line 1, column 27: x > 1 is false\n      "
     "x is 1\n",
     "{\"outcome\":\"nomatch\"}"},
    {"another topic", SQL("SELECT * FROM 'c'") "\"payload\":{\"x\":1}", "{\"json\":{}}",
     "outcome: expected output, got nomatch\n  topic \"a/b\" is not matched by FROM 'c'\n",
     "{\"outcome\":\"nomatch\"}"},
    {"invalid", SQL("SELECT FROM 'c'") "\"payload\":{\"x\":1}",
     "{\"outcome\":\"invalid\",\"at\":\"1:1\"}", NULL, "{\"outcome\":\"invalid\",\"at\":\"1:8\"}"},
    {"blanks stay", ALL "\"payload\":{\"a\":1}",
     "{ \"outcome\": \"output\" , \"json\" : { \"a\" : 2 } }", "$.a: expected 2, got 1\n",
     "{ \"outcome\": \"output\" , \"json\" : {\"a\":1} }"},
    {"template",
     "\"template\":\"${topic(1)}/x\",\"sqlVersion\":\"2016-03-23\",\"topic\":\"a/"
     "b\",\"payload\":{}",
     "{\"text\":\"b/x\"}",
     "text: texts differ from byte 1 on\n  expected \"b/x\"\n  got      \"a/x\"\n            ^\n",
     "{\"text\":\"a/x\"}"},
    // actions
    {"action", RULE(S3 "]") "\"payload\":{\"k\":1}",
     "{\"actions\":[{\"s3\":{\"key\":\"1/"
     "x\",\"payload\":{\"k\":1},\"payloadText\":\"{\\\"k\\\":1}\",\"payloadBase64\":\"eyJrIjoxfQ=="
     "\"}}]}",
     "", NULL},
    {"key of an action", RULE(S3 "]") "\"payload\":{\"k\":1}",
     "{\"actions\":[{\"s3\":{\"key\":\"2/x\",\"bucketName\":{\"matches\":\"^t\"}}}]}",
     "actions[0].s3.key: expected \"2/x\", got \"1/x\"\n",
     "{\"actions\":[{\"s3\":{\"key\":\"1/x\",\"bucketName\":{\"matches\":\"^t\"}}}]}"},
    {"another kind", RULE(S3 "]") "\"payload\":{\"k\":1}", "{\"actions\":[{\"sqs\":{}}]}",
     "actions[0]: expected sqs, got s3\n", "{\"actions\":[{\"s3\":{\"key\":\"1/x\"}}]}"},
    {"how many", RULE(S3 "," S3 "]") "\"payload\":{\"k\":1}", "{\"actions\":[{\"s3\":{}}]}",
     "actions: expected 1, got 2\n", "{\"actions\":[{\"s3\":{}},{\"s3\":{\"key\":\"1/x\"}}]}"},
    {"payload of an action", RULE(S3 "]") "\"payload\":{\"k\":1}",
     "{\"actions\":[{\"s3\":{\"payload\":{\"k\":2}}}]}",
     "actions[0].s3.payload.k: expected 2, got 1\n",
     "{\"actions\":[{\"s3\":{\"payload\":{\"k\":1}}}]}"},
    {"no such member", RULE(S3 "]") "\"payload\":{\"k\":1}",
     "{\"actions\":[{\"s3\":{\"bucket\":\"x\",\"keys\":1}}]}",
     "actions[0].s3.bucket: s3 has no such member\n", NULL},
    {"what is not sent", RULE(REPUBLISH "]") "\"payload\":{\"t\":\"x\"}",
     "{\"actions\":[{\"republish\":{\"qos\":null}}]}",
     "actions[0].republish.qos: expected nothing, got \"0\"\n",
     "{\"actions\":[{\"republish\":{\"qos\":0}}]}"},
    {"pairs", RULE(REPUBLISH "]") "\"payload\":{\"t\":\"x\"}",
     "{\"actions\":[{\"republish\":{\"topic\":\"x\",\"qos\":0,\"headers\":{\"userProperties\":[{"
     "\"key\":\"a\",\"value\":\"c\"}]}}}]}",
     "actions[0].republish.headers.userProperties[0].value: expected \"c\", got \"b\"\n",
     "{\"actions\":[{\"republish\":{\"topic\":\"x\",\"qos\":0,\"headers\":{\"userProperties\":[{"
     "\"key\":\"a\",\"value\":\"b\"}]}}}]}"},
    {"map", RULE(INFLUX "]") "\"payload\":{\"k\":1}",
     "{\"actions\":[{\"influxDB\":{\"tags\":{\"a\":2,\"c\":\"z\"}}}]}",
     "actions[0].influxDB.tags[\"a\"]: expected \"2\", got \"1\"\nactions[0].influxDB.tags[\"c\"]: "
     "expected \"z\", got nothing\n",
     "{\"actions\":[{\"influxDB\":{\"tags\":{\"a\":\"1\",\"b\":\"y\"}}}]}"},
    {"list", RULE(SITE "]") "\"payload\":{\"k\":1,\"v\":2.5}",
     "{\"actions\":[{\"iotSiteWise\":{\"putAssetPropertyValueEntries\":[{\"propertyAlias\":\"/"
     "1\",\"propertyValues\":[{\"value\":{\"doubleValue\":3.5}}]}]}}]}",
     "actions[0].iotSiteWise.putAssetPropertyValueEntries[0].propertyValues[0].value.doubleValue: "
     "expected \"3.5\", got \"2.5\"\n",
     "{\"actions\":[{\"iotSiteWise\":{\"putAssetPropertyValueEntries\":[{\"propertyAlias\":\"/"
     "1\",\"propertyValues\":[{\"value\":{\"doubleValue\":\"2.5\"},\"timestamp\":{"
     "\"timeInSeconds\":\"7\"}}]}]}}]}"},
    {"length of a list", RULE(SITE "]") "\"payload\":{\"k\":1,\"v\":2.5}",
     "{\"actions\":[{\"iotSiteWise\":{\"putAssetPropertyValueEntries\":[]}}]}",
     "actions[0].iotSiteWise.putAssetPropertyValueEntries: expected 0 entries, got 1\n", NULL},
    {"member of a list", RULE(SITE "]") "\"payload\":{\"k\":1,\"v\":2.5}",
     "{\"actions\":[{\"iotSiteWise\":{\"putAssetPropertyValueEntries\":[{\"propertyAlais\":1}]}}]}",
     "actions[0].iotSiteWise.putAssetPropertyValueEntries[0].propertyAlais: iotSiteWise has no "
     "such member; did you mean \"propertyAlias\"?\n",
     NULL},
    // failures
    {"fails by itself", RULE(REPUBLISH "]") "\"payload\":{\"t\":\"a/#\"}",
     "{\"json\":{\"t\":\"a/#\"}}",
     "actions[0].republish: it fails: Failed to perform the action. The error received was topic: "
     "a topic with a wildcard (+ or #)\n",
     "{\"json\":{\"t\":\"a/#\"},\"actions\":[{\"republish\":{\"topic\":\"a/"
     "#\",\"headers\":{\"userProperties\":[{\"key\":\"a\",\"value\":\"b\"}]},\"fails\":\"Failed to "
     "perform the action. The error received was topic: a topic with a wildcard (+ or #)\"}}]}"},
    {"fails as expected", RULE(REPUBLISH "]") "\"payload\":{}",
     "{\"actions\":[{\"republish\":{\"fails\":{\"matches\":\"must not be empty\"}}}]}", "", NULL},
    {"does not fail", RULE(S3 "]") "\"payload\":{\"k\":1}",
     "{\"actions\":[{\"s3\":{\"fails\":true}}]}",
     "actions[0].s3: expected that it fails, but it would be sent\n",
     "{\"actions\":[{\"s3\":{}}]}"},
    {"error action",
     RULE(S3 "],\"errorAction\":" REPUBLISH) "\"payload\":{\"k\":1,\"t\":\"e\"},\"context\":{"
                                             "\"failures\":{\"s3\":\"gone\"}}",
     "{\"errorAction\":{\"republish\":{\"topic\":\"e\",\"payload\":{\"ruleName\":\"rule\","
     "\"failures\":[{\"failedAction\":\"S3Action\",\"failedResource\":\"other\",\"errorMessage\":{"
     "\"matches\":\"^gone\\\\.\"}}]}}}}",
     "errorAction.republish.payload.failures[0].failedResource: expected \"other\", got "
     "\"things\"\n",
     "{\"errorAction\":{\"republish\":{\"topic\":\"e\",\"payload\":{\"ruleName\":\"rule\","
     "\"failures\":[{\"failedAction\":\"S3Action\",\"failedResource\":\"things\",\"errorMessage\":{"
     "\"matches\":\"^gone\\\\.\"}}]}}}}"},
    {"by place",
     RULE(S3 "," S3 "],\"errorAction\":" REPUBLISH) "\"payload\":{\"k\":1,\"t\":\"e\"},\"context\":"
                                                    "{\"failures\":{\"actions[1]\":\"gone\"}}",
     "{\"actions\":[{\"s3\":{\"fails\":false}},{\"s3\":{\"fails\":\"gone\",\"key\":\"1/"
     "x\"}}],\"errorAction\":{\"republish\":{}}}",
     "", NULL},
    {"error action that stays away",
     RULE(S3 "],\"errorAction\":" REPUBLISH) "\"payload\":{\"k\":1}",
     "{\"errorAction\":{\"republish\":{}}}",
     "errorAction: expected one, got none: no action failed (context.failures makes one fail)\n",
     "{\"errorAction\":null}"},
    {"error action that comes",
     RULE(S3 "],\"errorAction\":" REPUBLISH) "\"payload\":{\"k\":1,\"t\":\"e\"},\"context\":{"
                                             "\"failures\":{\"s3\":\"gone\"}}",
     "{\"errorAction\":null}", "errorAction: expected none, got republish\n",
     "{\"errorAction\":{\"republish\":{\"topic\":\"e\",\"headers\":{\"userProperties\":[{\"key\":"
     "\"a\",\"value\":\"b\"}]}}}}"},
    {"unknown failure",
     RULE(S3 "]") "\"payload\":{\"k\":1},\"context\":{\"failures\":{\"sqs\":\"x\"}}",
     "{\"json\":{}}",
     "context.failures.sqs: the rule has no such action; expected a kind of its actions, or "
     "actions[N]\n",
     NULL},
};

// What a case's line is after --update.
static void update(struct bed *b, const char *line, struct wr_buf *out)
{
    struct wr_test_update u = {0};
    wr_test_update_add(&u, &b->runner, &b->suite.cases[0]);
    const char *from = b->suite.files[0].text;
    for (size_t i = 0; i < u.count; i++) {
        wr_buf_add(out, (wr_str){from, (size_t)(u.edits[i].old.at - from)});
        wr_buf_add(out, Z(u.edits[i].text));
        from = u.edits[i].old.at + u.edits[i].old.len;
    }
    wr_buf_add(out, Z(from));
    wr_test_update_release(&u);
}

static void judges_and_updates(void **state)
{
    for (size_t i = 0; i < WR_COUNT(judged); i++) {
        const char *name = judged[i].name;
        struct wr_buf line = {0}, wanted = {0}, got = {0};
        wr_buf_addf(&line, "{\"id\":\"a\",%s,\"expect\":%s}", judged[i].head, judged[i].expect);
        struct bed b;
        bed_init(&b, wr_buf_terminated(&line));
        if (!b.result) {
            CASE_FAIL(name, "is refused: %.*s", WR_STR_ARG(wr_buf_str(&b.plain)));
        }
        wr_str why = wr_buf_str(&b.plain);
        if (judged[i].why && judged[i].updated) {
            CHECK_STR(name, why, Z(judged[i].why));
        } else if (judged[i].why && !wr_str_starts(why, Z(judged[i].why))) {
            CHECK_STR(name, why, Z(judged[i].why));
        }
        CHECK(name, (b.result->state == WR_SUITE_PASSED) == (why.len == 0));
        if (judged[i].updated) {
            CHECK_INT(name, b.result->state, WR_SUITE_FAILED);
            wr_buf_addf(&wanted, "{\"id\":\"a\",%s,\"expect\":%s}", judged[i].head,
                        judged[i].updated);
            update(&b, line.at, &got);
            CHECK_STR(name, wr_buf_str(&got), wr_buf_str(&wanted));
            bed_release(&b);
            bed_init(&b, wr_buf_terminated(&got)); // and then it passes
            CHECK_STR(name, wr_buf_str(&b.plain), S(""));
        }
        bed_release(&b);
        wr_buf_release(&line);
        wr_buf_release(&wanted);
        wr_buf_release(&got);
    }
}

// ---- coverage

static const struct {
    const char *sql, *payload;
    const char *places; // "LINE:COLUMN what was seen", joined by "; "
    size_t covered, total;
} covered[] = {
    {"SELECT a, b FROM 'a/b'", "{\"a\":1}",
     "1:8 value 1, Undefined 0; 1:11 value 0, Undefined 1: never had a value", 1, 2},
    {"SELECT 1 AS x FROM 'a/b' WHERE a > 1 AND NOT (b OR c = 2)", "{\"a\":2,\"b\":false,\"c\":1}",
     "1:8 value 1, Undefined 0; 1:32 true 1, false 0, Undefined 0: never false; 1:47 true 0, false "
     "1, Undefined 0: never true; "
     "1:52 true 0, false 1, Undefined 0: never true",
     4, 7},
    {"SELECT 1 AS x FROM 'a/b' WHERE a > 1", "{\"a\":1}",
     "1:8 value 0, Undefined 0: never had a value; 1:32 true 0, false 1, Undefined 0: never true",
     1, 3},
    {"SELECT 1 AS x FROM 'a/b' WHERE a > 1", "{}",
     "1:8 value 0, Undefined 0: never had a value; 1:32 true 0, false 0, Undefined 1: never true "
     "or false",
     0, 3},
    {"SELECT CASE k WHEN 1 THEN 'a' WHEN 2 THEN 'b' ELSE 'c' END AS x FROM 'a/b' WHERE 1 = 1",
     "{\"k\":1}",
     "1:8 value 1, Undefined 0; 1:20 true 1, false 0, Undefined 0: never false; 1:36 true 0, false "
     "0, Undefined 0: never true or false",
     2, 5},
    {"SELECT (SELECT v FROM xs WHERE v > 3 OR (SELECT * FROM ys WHERE y = 1) = []) AS r FROM 'a/b'",
     "{\"xs\":[{\"v\":1,\"ys\":[{\"y\":1},{}]},{\"v\":9,\"ys\":[{\"y\":2}]},{}]}",
     "1:9 value 1, Undefined 0; 1:32 true 1, false 1, Undefined 1; 1:41 true 1, false 1, Undefined "
     "1; 1:65 true 1, false 1, Undefined 1",
     7, 7},
    {"SET @v = a SELECT @v AS x FROM 'a/b' WHERE @v IN [1, 2]", "{\"a\":2}",
     "1:19 value 1, Undefined 0; 1:44 true 1, false 0, Undefined 0: never false", 2, 3},
};

static void counts_what_was_seen(void **state)
{
    for (size_t i = 0; i < WR_COUNT(covered); i++) {
        struct wr_buf line = {0}, places = {0};
        struct bed b;
        wr_buf_addf(
            &line, "{\"id\":\"a\"," SQL("%s") "\"payload\":%s,\"expect\":{\"outcome\":\"output\"}}",
            covered[i].sql, covered[i].payload);
        bed_init(&b, wr_buf_terminated(&line));
        CHECK_INT(covered[i].sql, b.runner.rules.count, 1);
        const struct wr_suite_rule *rule = b.runner.rules.all[0];
        for (size_t k = 0; rule->coverage && k < wr_coverage_count(rule->coverage); k++) {
            const struct wr_coverage_place *p = wr_coverage_at(rule->coverage, k);
            wr_buf_addf(&places, "%s%u:%u ", k ? "; " : "", p->line, p->column);
            wr_test_coverage_describe(p, &places);
        }
        CHECK_STR(covered[i].sql, wr_buf_str(&places), Z(covered[i].places));
        struct wr_test_coverage sum = wr_test_coverage_of(rule);
        CHECK_INT(covered[i].sql, sum.covered, covered[i].covered);
        CHECK_INT(covered[i].sql, sum.total, covered[i].total);
        CHECK_INT(covered[i].sql, rule->left_out, 0);
        bed_release(&b);
        wr_buf_release(&line);
        wr_buf_release(&places);
    }
}

static void cuts_percentages(void **state)
{
    static const struct {
        size_t covered, total;
        const char *text;
    } rows[] = {
        {0, 0, "100.0"}, {0, 3, "0.0"}, {2, 3, "66.6"}, {3, 3, "100.0"}, {1999, 2000, "99.9"}};
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_buf out = {0};
        wr_test_coverage_add_percent(&out,
                                     &(struct wr_test_coverage){rows[i].covered, rows[i].total});
        CHECK_STR(rows[i].text, wr_buf_str(&out), Z(rows[i].text));
        wr_buf_release(&out);
    }
}

// ---- XML

static void escapes_xml(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"a<b>&\"c'", "a&lt;b&gt;&amp;&quot;c'"},
        {"é\n\t", "é\n\t"},
        {"\x01\x1b\x7f", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b"},
        {"\xc3", "\xef\xbf\xbd"},
        {"\xef\xbf\xbe"
         "x",
         "\xef\xbf\xbd"
         "x"},
    };
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_buf out = {0};
        wr_test_add_xml(&out, Z(rows[i].in));
        CHECK_STR(rows[i].in, wr_buf_str(&out), Z(rows[i].out));
        wr_buf_release(&out);
    }
}

int main(void)
{
    wr_hash_seed_init();
    const struct CMUnitTest tests[] = {
        T(refuses_what_is_no_case), T(judges_and_updates), T(counts_what_was_seen),
        T(cuts_percentages),        T(escapes_xml),
    };
    return TEST_MAIN(tests);
}
