// The flow from message to settled records, with a source and sinks in process.
#include "engine/flow/flow.h"

#include "tests/support/test.h"

#include "tests/support/fake_sink.h"
#include "tests/support/flow_bed.h"

#include "sql/base/banned.h"

#define RULE(sql, rest) "{\"sql\": \"" sql "\", \"awsIotSqlVersion\": \"2016-03-23\", " rest "}"
#define ONE(name)       "\"actions\": [{\"fake\": {\"name\": \"" name "\"}}]"
#define LOOKUP          "get_thing_shadow('t', 'r')"

static void runs_rules_on_messages(void **state)
{
    static const struct {
        const char *name;
        const char *rules[3];
        const char *topic, *payload;
        const char *notes; // what the sinks saw
    } cases[] = {
        {"projection",
         {RULE("SELECT a.b AS x FROM 't/#'", ONE("n"))},
         "t/1",
         "{\"a\":{\"b\":3}}",
         "fake n {\"x\":3} 1\n"},
        {"no match", {RULE("SELECT * FROM 't' WHERE a > 1", ONE("n"))}, "t", "{\"a\":1}", ""},
        {"undefined WHERE", {RULE("SELECT * FROM 't' WHERE zz > 1", ONE("n"))}, "t", "{}", ""},
        {"other topic", {RULE("SELECT * FROM 't/+'", ONE("n"))}, "t", "{}", ""},
        {"raw payload", {RULE("SELECT * FROM 't'", ONE("n"))}, "t", "hello", "fake n hello 1\n"},
        {"template",
         {RULE("SELECT 1 AS a FROM 't/+'", ONE("k/${topic(2)}/${b}${zz}-${c}"))},
         "t/x",
         "{\"b\":\"y\",\"c\":[1,2]}",
         "fake k/x/y-[1,2] {\"a\":1} 1\n"},
        {"template sees the original, not the result",
         {RULE("SELECT 1 AS v FROM 't'", ONE("<${v}>"))},
         "t",
         "{\"v\":7}",
         "fake <7> {\"v\":1} 1\n"},
        {"template sees variables",
         {RULE("SET @x = a + 1 SELECT @x AS v FROM 't'", ONE("${@x}"))},
         "t",
         "{\"a\":7}",
         "fake 8 {\"v\":8} 1\n"},
        {"pairs",
         {RULE("SELECT 1 AS a FROM 't'",
               "\"actions\": [{\"fake\": {\"name\": \"n\", \"headers\": [{\"key\": \"k\", "
               "\"value\": \"${x}!\"}, {\"key\": \"l\", \"value\": \"c\"}]}}]")},
         "t",
         "{\"x\":5}",
         "fake n k=5! l=c {\"a\":1} 1\n"},
        {"two actions",
         {RULE("SELECT 1 AS a FROM 't'",
               "\"actions\": [{\"fake\": {\"name\": \"n\"}}, {\"other\": {\"name\": \"${x}\"}}]")},
         "t",
         "{\"x\":5}",
         "fake n {\"a\":1} 1\nother 5 {\"a\":1} 1\n"},
        {"no action", {RULE("SELECT 1 AS a FROM 't'", "\"actions\": []")}, "t", "{}", ""},
        {"three rules in order of name",
         {RULE("SELECT 1 AS a FROM '#'", ONE("x")),
          RULE("SELECT 2 AS a FROM 't/1' WHERE zz = 1", ONE("y")),
          RULE("SELECT 3 AS a FROM '+/1'", ONE("z"))},
         "t/1",
         "{}",
         "fake x {\"a\":1} 1\nfake z {\"a\":3} 1\n"},
        {"disabled",
         {RULE("SELECT 1 AS a FROM 't'", "\"ruleDisabled\": true, " ONE("x"))},
         "t",
         "{}",
         ""},
        {"basic ingest",
         {RULE("SELECT topic() AS t FROM 'never'", ONE("${topic(1)}"))},
         "$aws/rules/r0/a/b",
         "{}",
         "fake a {\"t\":\"a/b\"} 1\n"},
        {"basic ingest without FROM",
         {RULE("SELECT 1 AS a", ONE("n"))},
         "$aws/rules/r0/a",
         "{}",
         "fake n {\"a\":1} 1\n"},
        {"basic ingest to another", {RULE("SELECT 1 AS a", ONE("n"))}, "$aws/rules/zz/a", "{}", ""},
        {"payload over the limit", {RULE("SELECT 1 AS a FROM 't'", ONE("n"))}, "t", NULL, ""},
        {"a rule that takes all memory leaves the others theirs",
         {RULE("SELECT replace(concat(rpad(s, 1000), rpad(s, 1000)), ' ', rpad(s, 1000)) AS a FROM "
               "'t'",
               ONE("x")),
          RULE("SELECT upper(s) AS a, concat(s, n) AS b FROM 't'", ONE("y"))},
         "t",
         "{\"s\":\"q\\u0065\",\"n\":1}",
         "fake y {\"a\":\"QE\",\"b\":\"qe1\"} 1\n"},
    };
    static char large[2048];
    memset(large, 'x', sizeof large - 1);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct bed b;
        size_t count = 0;
        while (count < 3 && cases[i].rules[count]) {
            count++;
        }
        bed_open(&b, NULL);
        bed_rules(&b, cases[i].rules, count);
        bed_send(&b, cases[i].topic, cases[i].payload ? cases[i].payload : large);
        CHECK_STR(cases[i].name, wr_buf_str(&fake.notes), Z(cases[i].notes));
        CHECK_INT(cases[i].name, b.settled, 1);
        bed_close(&b);
    }
}

static void settles_by_verdict(void **state)
{
    static const struct {
        const char *name, *script, *notes;
        uint64_t success, failure, retries;
    } cases[] = {
        {"delivered", "d", "fake n {\"a\":1} 1\n", 1, 0, 0},
        {"retried, then delivered", "rtd",
         "fake n {\"a\":1} 1\nfake n {\"a\":1} 2\nfake n {\"a\":1} 3\n", 1, 0, 2},
        {"retried in vain", "r", "fake n {\"a\":1} 1\nfake n {\"a\":1} 2\nfake n {\"a\":1} 3\n", 0,
         1, 2},
        {"refused", "x", "fake n {\"a\":1} 1\n", 0, 1, 0},
        {"retried, then refused", "rx", "fake n {\"a\":1} 1\nfake n {\"a\":1} 2\n", 0, 1, 1},
    };
    static const char *const rule[] = {RULE("SELECT 1 AS a FROM 't'", ONE("n"))};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct bed b;
        bed_open(&b, NULL);
        bed_rules(&b, rule, 1);
        fake.script = cases[i].script;
        bed_send(&b, "t", "{}");
        bed_wait(&b, 1);
        CHECK_STR(cases[i].name, wr_buf_str(&fake.notes), Z(cases[i].notes));
        CHECK_INT(cases[i].name, b.settled, 1);
        const struct wr_action_counters *c = b.metrics->rules->actions;
        CHECK_INT(cases[i].name, c->success, cases[i].success);
        CHECK_INT(cases[i].name, wr_action_failures(c), cases[i].failure);
        CHECK_INT(cases[i].name, c->retries, cases[i].retries);
        bed_close(&b);
    }
}

#define DOCUMENT                                                                               \
    "{\"ruleName\":\"r0\",\"topic\":\"t\",\"cloudwatchTraceId\":"                              \
    "\"00000000-0000-4000-8000-000000000000\",\"clientId\":\"N/A\",\"base64OriginalPayload\":" \
    "\"eyJ2Ijo3fQ==\",\"failures\":["
#define TAIL " Message arrived on: t, Action: fake, name: "

static void runs_the_error_action(void **state)
{
    static const char with_error[] = "\"actions\": [{\"fake\": {\"name\": \"n\"}}, {\"other\": "
                                     "{\"name\": \"${v}\"}}], \"errorAction\": "
                                     "{\"fake\": {\"name\": \"err-${v}\"}}";
    static const struct {
        const char *name, *script, *notes;
        uint64_t error_success, error_failure;
    } cases[] = {
        {"nothing failed", "d", "fake n {\"a\":1} 1\nother 7 {\"a\":1} 1\n", 0, 0},
        {"one failed", "xdd",
         "fake n {\"a\":1} 1\nother 7 {\"a\":1} 1\nerror fake err-7 " DOCUMENT
         "{\"failedAction\":\"FakeAction\",\"failedResource\":\"n\",\"errorMessage\":\"Failed to "
         "fake. The error received was scripted." TAIL "n\"}]} 1\n",
         1, 0},
        {"both failed, one document", "xxd",
         "fake n {\"a\":1} 1\nother 7 {\"a\":1} 1\nerror fake err-7 " DOCUMENT
         "{\"failedAction\":\"FakeAction\",\"failedResource\":\"n\",\"errorMessage\":\"Failed to "
         "fake. The error received was scripted." TAIL "n\"},"
         "{\"failedAction\":\"OtherAction\",\"failedResource\":\"7\",\"errorMessage\":\"Failed to "
         "fake. The error received was scripted. Message arrived on: t, Action: other, name: "
         "7\"}]} 1\n",
         1, 0},
        {"the error action fails: that is the end", "xdx", NULL, 0, 1},
        {"the error action is retried", "xdrd", NULL, 1, 0},
    };
    char rule[512];
    snprintf(rule, sizeof rule,
             "{\"sql\": \"SELECT 1 AS a FROM 't'\", \"awsIotSqlVersion\": \"2016-03-23\", %s}",
             with_error);
    const char *const rules[] = {rule};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct bed b;
        bed_open(&b, NULL);
        bed_rules(&b, rules, 1);
        fake.script = cases[i].script;
        bed_send(&b, "t", "{\"v\":7}");
        bed_wait(&b, 1);
        if (cases[i].notes) {
            CHECK_STR(cases[i].name, wr_buf_str(&fake.notes), Z(cases[i].notes));
        }
        CHECK_INT(cases[i].name, b.settled, 1);
        const struct wr_action_counters *c = b.metrics->rules->actions;
        CHECK_INT(cases[i].name, c->error_success, cases[i].error_success);
        CHECK_INT(cases[i].name, c->error_failure, cases[i].error_failure);
        bed_close(&b);
    }
}

static void writes_the_words_of_aws(void **state)
{
    static const char *const rules[] = {
        RULE("SELECT 1 AS a FROM 't'",
             "\"actions\": [{\"s3\": {\"bucketName\": \"b\", \"key\": \"k/${v}\", \"roleArn\": "
             "\"r\"}}], \"errorAction\": {\"fake\": {\"name\": \"e\"}}")};
    struct bed b;
    bed_open(&b, NULL);
    bed_rules(&b, rules, 1);
    fake.script = "xd";
    struct wr_message *m = bed_message(&b, "t", "{\"v\":7}");
    m->sql.source_ip = S("192.0.2.1");
    m->sql.client_id = S("dev");
    bed_batch(&b, m, 1);
    bed_wait(&b, 1);
    static const char want[] =
        "s3 b {\"a\":1} 1\nerror fake e {\"ruleName\":\"r0\",\"topic\":\"t\",\"cloudwatchTraceId\":"
        "\"00000000-0000-4000-8000-000000000000\",\"clientId\":\"dev\",\"sourceIp\":\"192.0.2.1\","
        "\"base64OriginalPayload\":\"eyJ2Ijo3fQ==\",\"failures\":[{\"failedAction\":\"S3Action\","
        "\"failedResource\":\"b\",\"errorMessage\":\"Failed to fake. The error received was "
        "scripted. Message arrived on: t, Action: s3, Bucket: b, Key: \\\"k/7\\\"\"}]} 1\n";
    CHECK_STR("s3", wr_buf_str(&fake.notes), Z(want));
    bed_close(&b);
}

static void undefined_fails(struct wr_flow_options *o)
{
    o->undefined_fails = true;
}

static void fails_on_templates(void **state)
{
    static const struct {
        const char *name, *rule;
        void (*change)(struct wr_flow_options *o);
        const char *notes; // of the error action's failures
    } cases[] = {
        {"a number that is none",
         RULE("SELECT 1 AS a FROM 't'", "\"actions\": [{\"fake\": {\"name\": \"n\", \"qos\": "
                                        "\"${v}\"}}, {\"other\": {\"name\": "
                                        "\"o\"}}], \"errorAction\": {\"fake\": {\"name\": \"e\"}}"),
         NULL,
         "other o {\"a\":1} 1\nerror fake e " DOCUMENT
         "{\"failedAction\":\"FakeAction\",\"failedResource\":\"n\",\"errorMessage\":\"Failed to "
         "resolve the template of qos. The error received was expected 0 to 1, found 7." TAIL
         "n\"}]} 1\n"},
        {"a choice that is none",
         RULE("SELECT 1 AS a FROM 't'",
              "\"actions\": [{\"fake\": {\"name\": \"n\", \"color\": \"${v}\"}}], \"errorAction\": "
              "{\"fake\": {\"name\": \"e\"}}"),
         NULL,
         "error fake e " DOCUMENT
         "{\"failedAction\":\"FakeAction\",\"failedResource\":\"n\",\"errorMessage\":\"Failed to "
         "resolve the template of color. The error received was expected one of red|green, found "
         "\\\"7\\\"." TAIL "n\"}]} 1\n"},
        {"undefined, as told to fail",
         RULE("SELECT 1 AS a FROM 't'",
              "\"actions\": [{\"fake\": {\"name\": \"x${zz}\"}}], \"errorAction\": "
              "{\"fake\": {\"name\": \"e\"}}"),
         undefined_fails,
         "error fake e " DOCUMENT
         "{\"failedAction\":\"FakeAction\",\"failedResource\":\"x${zz}\",\"errorMessage\":\"Failed "
         "to resolve the template of name. The error received was an expression that is Undefined "
         "or Null." TAIL "x${zz}\"}]} 1\n"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct bed b;
        bed_open(&b, cases[i].change);
        bed_rules(&b, &cases[i].rule, 1);
        bed_send(&b, "t", "{\"v\":7}");
        bed_wait(&b, 1);
        CHECK_STR(cases[i].name, wr_buf_str(&fake.notes), Z(cases[i].notes));
        CHECK_INT(cases[i].name, b.settled, 1);
        bed_close(&b);
    }
}

static void waits_for_sinks(void **state)
{
    static const char *const rules[] = {RULE("SELECT v FROM 't'", ONE("n"))};
    struct bed b;
    bed_open(&b, NULL);
    bed_rules(&b, rules, 1);
    fake.script = "h";
    bed_send(&b, "t", "{\"v\":1}");
    bed_send(&b, "t", "{\"v\":2}");
    CHECK_INT("held", b.settled, 0);
    CHECK_INT("alive", wr_flow_live(b.flow), 2);
    fake_release(WR_DELIVERED);
    CHECK_INT("released", b.settled, 2);
    CHECK_INT("none alive", wr_flow_live(b.flow), 0);
    bed_close(&b);
}

static void keeps_rules_of_messages_under_way(void **state)
{
    static const char *const before[] = {RULE(
        "SELECT v FROM 't'", ONE("old") ", \"errorAction\": {\"fake\": {\"name\": \"e${v}\"}}")};
    static const char *const after[] = {RULE("SELECT v FROM 't'", ONE("new"))};
    struct bed b;
    bed_open(&b, NULL);
    bed_rules(&b, before, 1);
    fake.script = "hdd";
    bed_send(&b, "t", "{\"v\":1}");
    bed_rules(&b, after, 1);
    bed_send(&b, "t", "{\"v\":2}");
    fake_release(WR_REFUSED);
    CHECK_INT("settled", b.settled, 2);
    CHECK("the old error action ran",
          wr_str_find(wr_buf_str(&fake.notes), S("error fake e1 ")) > 0);
    CHECK("the new rule ran", wr_str_find(wr_buf_str(&fake.notes), S("fake new {\"v\":2} 1")) > 0);
    bed_close(&b);
}

static void answers_look_ups(void **state)
{
    static const char *const rules[] = {
        RULE("SELECT " LOOKUP " AS s, v FROM 't/+'", ONE("n/${v}"))};
    struct bed b;
    bed_open(&b, NULL);
    bed_rules(&b, rules, 1);
    b.answer_at_once = true;
    bed_send(&b, "t/a", "{\"v\":0}");
    CHECK_STR("at once", wr_buf_str(&fake.notes), S("fake n/0 {\"s\":\"at once\",\"v\":0} 1\n"));
    wr_buf_clear(&fake.notes);
    b.answer_at_once = false;
    bed_send(&b, "t/a", "{\"v\":1}");
    bed_send(&b, "t/a", "{\"v\":2}");
    bed_send(&b, "t/b", "{\"v\":3}");
    CHECK_INT("they wait together", b.lookup_count, 3);
    bed_answer(&b, 1, "two"); // of v 2: behind v 1
    CHECK_STR("not before its turn", wr_buf_str(&fake.notes), S(""));
    bed_answer(&b, 1, "three"); // of v 3: another topic
    CHECK_STR("topics do not wait for each other", wr_buf_str(&fake.notes),
              S("fake n/3 {\"s\":\"three\",\"v\":3} 1\n"));
    bed_answer(&b, 0, "one");
    CHECK_STR("in the order of the messages", wr_buf_str(&fake.notes),
              S("fake n/3 {\"s\":\"three\",\"v\":3} 1\nfake n/1 {\"s\":\"one\",\"v\":1} 1\n"
                "fake n/2 {\"s\":\"two\",\"v\":2} 1\n"));
    CHECK_INT("settled", b.settled, 4);
    bed_close(&b);
}

static void does_not_overtake_a_waiting_message(void **state)
{
    static const char *const rules[] = {RULE(
        "SELECT v FROM 't' WHERE CASE v WHEN 1 THEN " LOOKUP " = 'yes' ELSE v < 9 END", ONE("n"))};
    struct bed b;
    bed_open(&b, NULL);
    bed_rules(&b, rules, 1);
    bed_send(&b, "t", "{\"v\":1}");
    bed_send(&b, "t", "{\"v\":2}"); // needs no look-up
    bed_send(&b, "t", "{\"v\":9}"); // does not match
    CHECK_STR("behind", wr_buf_str(&fake.notes), S(""));
    CHECK_INT("one waits", b.lookup_count, 1);
    bed_answer(&b, 0, "no");
    CHECK_STR("the first did not match", wr_buf_str(&fake.notes), S("fake n {\"v\":2} 1\n"));
    CHECK_INT("settled", b.settled, 3);
    bed_close(&b);
}

static void does_not_overtake_an_earlier_version(void **state)
{
    static const char *const before[] = {RULE("SELECT " LOOKUP " AS s FROM 't'", ONE("old"))};
    static const char *const after[] = {RULE("SELECT v FROM 't'", ONE("new"))};
    struct bed b;
    bed_open(&b, NULL);
    bed_rules(&b, before, 1);
    bed_send(&b, "t", "{\"v\":1}");
    bed_rules(&b, after, 1);
    bed_send(&b, "t", "{\"v\":2}");
    CHECK_STR("behind", wr_buf_str(&fake.notes), S(""));
    bed_answer(&b, 0, "one");
    CHECK_STR("in order", wr_buf_str(&fake.notes),
              S("fake old {\"s\":\"one\"} 1\nfake new {\"v\":2} 1\n"));
    CHECK_INT("settled", b.settled, 2);
    bed_close(&b);
}

// Each doubles what is below it, without taking more memory.
#define TWICE(x) "(SELECT VALUE [*,*] FROM (SELECT VALUE [*,*] FROM " x "))"
#define OFTEN(x) TWICE(TWICE(TWICE(TWICE(TWICE(x)))))

static void counts_why_evaluations_fail(void **state)
{
    static const struct {
        const char *name, *sql;
        enum wr_eval_why why;
        uint64_t regex_limits;
    } cases[] = {
        {"memory", "SELECT replace(concat(rpad(s, 1000), rpad(s, 1000)), ' ', rpad(s, 1000)) AS a",
         WR_WHY_MEMORY, 0},
        {"fuel", "SELECT " OFTEN(OFTEN(OFTEN("b"))) " = " OFTEN(OFTEN(OFTEN("b"))) " AS a",
         WR_WHY_FUEL, 0},
        {"variables", "SET @a = " OFTEN(OFTEN("b")) " SELECT 1 AS a", WR_WHY_VARIABLES, 0},
        {"small variables", "SET @a = rpad(rpad(s, 1000), 1000) SELECT @a AS a", WR_WHY_COUNT, 0},
        {"function", "SELECT decode(1, 'proto', 'b', 'k', 'p', 'm') AS a", WR_WHY_FUNCTION, 0},
        {"a match limit", "SELECT regexp_matches(s, '(a+)+$') AS a", WR_WHY_COUNT, 1},
    };
    static char payload[1000] = "{\"s\":\"";
    memset(payload + 6, 'a', 900);
    memcpy(payload + 906, "!\",\"b\":[1]}", 12);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        char rule[4096];
        snprintf(rule, sizeof rule,
                 "{\"sql\": \"%s FROM 't'\", \"awsIotSqlVersion\": \"2016-03-23\", " ONE("n") "}",
                 cases[i].sql);
        const char *const rules[] = {rule};
        struct bed b;
        bed_open(&b, NULL);
        bed_rules(&b, rules, 1);
        bed_send(&b, "t", payload);
        for (int why = 0; why < WR_WHY_COUNT; why++) {
            CHECK_INT(cases[i].name, b.metrics->rules->failed[why], why == (int)cases[i].why);
        }
        CHECK_INT(cases[i].name, b.metrics->rules->regex_limits, cases[i].regex_limits);
        CHECK_INT(cases[i].name, b.settled, 1);
        bed_close(&b);
    }
}

static void waits_for_look_ups_in_templates(void **state)
{
    static const char *const rules[] = {RULE(
        "SELECT v FROM 't'",
        ONE("${" LOOKUP "}/${v}") ", \"errorAction\": {\"fake\": {\"name\": \"${" LOOKUP "}\"}}")};
    struct bed b;
    bed_open(&b, NULL);
    bed_rules(&b, rules, 1);
    bed_send(&b, "t", "{\"v\":1}");
    bed_send(&b, "t", "{\"v\":2}");
    bed_answer(&b, 1, "b");
    bed_answer(&b, 0, "a");
    CHECK_STR("in order", wr_buf_str(&fake.notes),
              S("fake a/1 {\"v\":1} 1\nfake b/2 {\"v\":2} 1\n"));
    wr_buf_clear(&fake.notes);
    bed_send(&b, "t", "{\"v\":3}");
    bed_answer(&b, 0, NULL); // the action fails, the error action asks as well
    CHECK_INT("the error action waits", b.lookup_count, 1);
    bed_answer(&b, 0, "err");
    CHECK("it ran", wr_str_starts(wr_buf_str(&fake.notes), S("error fake err {\"ruleName\"")));
    CHECK_INT("settled", b.settled, 3);
    bed_close(&b);
}

static void ends_a_rule_whose_look_up_fails(void **state)
{
    static const char *const rules[] = {
        RULE("SELECT " LOOKUP " AS s FROM 't'",
             ONE("n") ", \"errorAction\": {\"fake\": {\"name\": \"e\"}}")};
    struct bed b;
    bed_open(&b, NULL);
    bed_rules(&b, rules, 1);
    bed_send(&b, "t", "{}");
    bed_answer(&b, 0, NULL);
    CHECK_STR("no action, no error action", wr_buf_str(&fake.notes), S(""));
    CHECK_INT("counted", b.metrics->rules->failed[WR_WHY_LOOKUP], 1);
    CHECK_INT("settled", b.settled, 1);
    bed_close(&b);
}

static void without_host(struct wr_flow_options *o)
{
    o->host = NULL;
}

static void fails_look_ups_without_a_host(void **state)
{
    static const char *const rules[] = {RULE("SELECT " LOOKUP " AS s FROM 't'", ONE("n"))};
    struct bed b;
    bed_open(&b, without_host);
    bed_rules(&b, rules, 1);
    bed_send(&b, "t", "{}");
    CHECK_INT("counted", b.metrics->rules->failed[WR_WHY_LOOKUP], 1);
    CHECK_INT("settled", b.settled, 1);
    bed_close(&b);
}

static void forgets_what_is_under_way(void **state)
{
    static const char *const rules[] = {
        RULE("SELECT v FROM 'held'", ONE("n") ", \"errorAction\": {\"fake\": {\"name\": \"e\"}}"),
        RULE("SELECT " LOOKUP " AS s FROM 'waiting'", ONE("n")),
        RULE("SELECT v FROM 'retried'", ONE("n")),
    };
    struct bed b;
    bed_open(&b, NULL);
    bed_rules(&b, rules, 3);
    fake.script = "rh";
    bed_send(&b, "retried", "{}");
    bed_send(&b, "held", "{}");
    bed_send(&b, "waiting", "{}");
    bed_send(&b, "waiting", "{}");
    CHECK_INT("alive", wr_flow_live(b.flow), 4);
    wr_buf_clear(&fake.notes);
    wr_flow_stop(b.flow);
    CHECK_INT("the sink has one", wr_flow_live(b.flow), 1);
    fake_release(WR_REFUSED);
    CHECK_INT("none", wr_flow_live(b.flow), 0);
    CHECK_STR("no error action", wr_buf_str(&fake.notes), S(""));
    CHECK_INT("every message ends once", b.settled, 4);
    bed_close(&b);
}

static void aws_limits(struct wr_flow_options *o)
{
    o->aws_limits = true;
}

static void keeps_limits(void **state)
{
    static char long_topic[300];
    memset(long_topic, 'x', 257);
    static const struct {
        const char *name, *topic;
        enum wr_drop why;
        bool dropped;
    } cases[] = {
        {"8 levels", "1/2/3/4/5/6/7/8", WR_DROP_TOPIC_TOO_DEEP, false},
        {"9 levels", "1/2/3/4/5/6/7/8/9", WR_DROP_TOPIC_TOO_DEEP, true},
        {"the prefix does not count", "$aws/rules/r0/1/2/3/4/5/6/7/8", WR_DROP_TOPIC_TOO_DEEP,
         false},
        {"behind the prefix", "$aws/rules/r0/1/2/3/4/5/6/7/8/9", WR_DROP_TOPIC_TOO_DEEP, true},
        {"257 bytes", long_topic, WR_DROP_TOPIC_TOO_LONG, true},
        {"256 bytes", long_topic + 1, WR_DROP_TOPIC_TOO_LONG, false},
    };
    static const char *const rules[] = {RULE("SELECT 1 AS a FROM '#'", ONE("n"))};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct bed b;
        bed_open(&b, aws_limits);
        bed_rules(&b, rules, 1);
        bed_send(&b, cases[i].topic, "{}");
        CHECK_INT(cases[i].name, b.metrics->dropped[cases[i].why], cases[i].dropped);
        CHECK_INT(cases[i].name, fake.submits, !cases[i].dropped);
        CHECK_INT(cases[i].name, b.settled, 1);
        bed_close(&b);
    }
}

static void counts(void **state)
{
    static const char *const rules[] = {RULE("SELECT v FROM 't' WHERE v = 1", ONE("n"))};
    struct bed b;
    bed_open(&b, NULL);
    bed_rules(&b, rules, 1);
    bed_send(&b, "t", "{\"v\":1}");
    bed_send(&b, "t", "{\"v\":2}");
    bed_send(&b, "t", "no json");
    bed_send(&b, "u", "{}");
    bed_send(&b, "$aws/rules/none/x", "{}");
    struct wr_buf text = {0};
    wr_metrics_write(b.metrics, &text);
    wr_metrics_write_rules(b.metrics, &text);
    wr_buf_add_char(&text, '}');
    CHECK_STR(
        "as JSON", wr_buf_str(&text),
        S("{\"messages\":5,\"noRule\":1,\"ruleNotFound\":1,\"evaluated\":3,\"restored\":0,"
          "\"settled\":5,"
          "\"records\":1,\"suspended\":0,\"recognised\":0,\"spoolUnreadable\":0,\"spoolLeft\":0,"
          "\"topicCacheHits\":2,\"topicCacheMisses\":2,"
          "\"reloads\":0,\"refusedDocuments\":0,\"samples\":0,\"sampledNs\":0,"
          "\"lookups\":{\"aws_lambda\":{\"made\":0,"
          "\"failed\":0,\"timedOut\":0,\"waiting\":0},\"get_dynamodb\":{\"made\":0,"
          "\"failed\":0,\"timedOut\":0,\"waiting\":0},\"get_thing_shadow\":{\"made\":0,"
          "\"failed\":0,\"timedOut\":0,\"waiting\":0},\"get_secret\":{\"made\":0,\"failed\":"
          "0,\"timedOut\":0,\"waiting\":0},\"get_registry_data\":{\"made\":0,\"failed\":0,"
          "\"timedOut\":0,\"waiting\":0},\"machinelearning_predict\":{\"made\":0,\"failed\":"
          "0,\"timedOut\":0,\"waiting\":0}},\"dropped\":{\"payload_too_large\":0,"
          "\"topic_too_long\":0,\"topic_too_deep\":0,\"message_memory\":0,\"overload\":0,"
          "\"throttled\":0,"
          "\"stopping\":0},"
          "\"rules\":{\"r0\":{\"topicMatch\":3,\"matched\":1,\"noMatch\":2,\"undefined\":1,"
          "\"leftOut\":0,"
          "\"parseError\":1,\"regexLimits\":0,\"evaluating\":0,\"unfinished\":0,"
          "\"recovered\":0,\"redriven\":0,\"delivered\":1,\"broken\":0,\"handled\":0,"
          "\"dead\":0,\"unkept\":0,\"damaged\":0,\"givenBack\":0,\"brokenBack\":0,"
          "\"waiting\":0,\"fetching\":0,\"inFlight\":{\"templates\":0,\"spooling\":0,"
          "\"delivering\":0,\"error_action\":0,\"burying\":0},\"samples\":0,\"sampledNs\":0,"
          "\"failed\":{\"lookup\":0,"
          "\"fuel\":0,\"memory\":0,\"variables\":0,\"function\":0},\"templatesFailed\":{"
          "\"lookup\":0,\"fuel\":0,\"memory\":0,\"variables\":0,\"function\":0},"
          "\"actions\":{\"fake\":{"
          "\"success\":1,\"failure\":0,\"retries\":0,\"errorActionSuccess\":0,"
          "\"errorActionFailure\":0,\"records\":1,\"returned\":0,\"inFlight\":0,"
          "\"errorRecords\":0,\"errorReturned\":0,\"errorInFlight\":0,\"failures\":{"
          "\"refused\":0,\"expired\":0,\"template\":0,\"no_sink\":0,"
          "\"queue_full\":0}}}}}}"));
    wr_buf_release(&text);
    bed_close(&b);
}

static void sample_every_third(struct wr_flow_options *o)
{
    o->sample_every = 3;
}

static void times_one_message_in_so_many(void **state)
{
    struct bed b;
    const char *rules[] = {RULE("SELECT a FROM 't'", "\"actions\": []"),
                           RULE("SELECT b FROM 't' WHERE a > 5", "\"actions\": []")};
    bed_open(&b, sample_every_third);
    bed_rules(&b, rules, 2);
    for (int i = 0; i < 8; i++) {
        bed_send(&b, "t", "{\"a\": 1}");
        bed_send(&b, "nobody", "{}"); // meets no rule: is not counted
    }
    const struct wr_rule_counters *first = wr_rule_set_at(wr_flow_rules(b.flow), 0)->counters;
    CHECK_INT("messages", b.metrics->samples, 2);
    CHECK_INT("of a rule", first->samples, 2);
    CHECK("the rules' time is part of the message's", b.metrics->sampled_ns >= first->sampled_ns);
    bed_close(&b);
}

static void circuit_of_three(struct wr_flow_options *o)
{
    o->retry.circuit = 3;
    o->retry.budget_ms = 5000;
}

static void on_tick(uv_timer_t *timer)
{
}

// A destination away: what waits for it costs no attempt, keeps its order, and does not keep
// others.
static void a_dead_destination_is_tried_with_one(void **state)
{
    struct bed b;
    static const char *const rules[] = {RULE("SELECT v FROM 't'", ONE("n"))};
    bed_open(&b, circuit_of_three);
    bed_rules(&b, rules, 1);
    uv_timer_t tick; // a loop that waits is woken
    uv_timer_init(&b.loop, &tick);
    uv_timer_start(&tick, on_tick, 1, 1);
    fake.script = "rrrrd"; // three records, and one that is tried
    static char text[10][20];
    for (int i = 0; i < 10; i++) {
        snprintf(text[i], sizeof text[i], "{\"v\":%d}", i);
        bed_send(&b, "t", text[i]);
    }
    assert_int_equal(fake.submits, 3);
    struct wr_circuit_state s;
    size_t at = 0;
    assert_true(wr_flow_circuits(b.flow, &at, &s));
    assert_int_equal(s.phase, WR_CIRCUIT_OPEN);
    assert_int_equal(s.waiting, 7); // and three in their back-off
    CHECK_STR("kind", Z(s.kind), S("fake"));
    CHECK_STR("resource", s.resource, S("n"));
    CHECK_STR("why", s.why, S("Failed to fake. The error received was scripted"));
    assert_int_equal(wr_flow_circuits_open(b.flow), 1);
    bed_wait(&b, 10);
    assert_int_equal(b.settled, 10);
    assert_int_equal(wr_flow_circuits_open(b.flow), 0);
    const struct wr_action_counters *c =
        wr_metrics_action(wr_metrics_rule(b.metrics, S("r0")), "fake");
    assert_int_equal(c->success, 10);
    assert_int_equal(wr_action_failures(c), 0);
    wr_str notes = wr_buf_str(&fake.notes);
    ptrdiff_t last = -1;
    for (int i = 4; i < 10; i++) { // which of the first four is tried is chance
        char line[40];
        snprintf(line, sizeof line, "fake n {\"v\":%d} 1\n", i);
        ptrdiff_t place = wr_str_find(notes, Z(line));
        assert_true(place > last);
        last = place;
    }
    uv_close((uv_handle_t *)&tick, NULL);
    bed_close(&b);
}

static void short_budget(struct wr_flow_options *o)
{
    o->retry.circuit = 3;
    o->retry.attempts = 1000;
    o->retry.budget_ms = 50;
}

// Away for good: the error action has everything, as soon as the budget allows.
static void a_destination_away_for_its_budget_fails_at_once(void **state)
{
    struct bed b;
    static const char *const rules[] = {
        RULE("SELECT v FROM 't'", ONE("n") ", \"errorAction\": {\"other\": {\"name\": \"e\"}}")};
    bed_open(&b, short_budget);
    bed_rules(&b, rules, 1);
    uv_timer_t tick;
    uv_timer_init(&b.loop, &tick);
    uv_timer_start(&tick, on_tick, 1, 1);
    fake.script = "r"; // the error action's too
    for (int i = 0; i < 20; i++) {
        bed_send(&b, "t", "{\"v\":1}");
    }
    bed_wait(&b, 20);
    assert_int_equal(b.settled, 20);
    const struct wr_rule_counters *r = wr_metrics_rule(b.metrics, S("r0"));
    const struct wr_action_counters *c = wr_metrics_action(b.metrics->rules, "fake");
    assert_int_equal(wr_action_failures(c), 20);
    c = wr_metrics_action(b.metrics->rules, "other");
    assert_int_equal(c->error_failure, 20);
    assert_int_equal(r->dead, 0); // there is no store here
    size_t before = fake.submits;
    for (int i = 0; i < 100; i++) { // both are away for longer than the budget
        bed_send(&b, "t", "{\"v\":1}");
    }
    bed_wait(&b, 120);
    assert_int_equal(b.settled, 120);
    assert_true(fake.submits - before < 60); // tries of one at a time only
    uv_close((uv_handle_t *)&tick, NULL);
    bed_close(&b);
}

// The flow stops with records in every state of a circuit.
static void stops_while_records_wait_for_a_destination(void **state)
{
    struct bed b;
    static const char *const rules[] = {RULE("SELECT v FROM 't'", ONE("n"))};
    bed_open(&b, circuit_of_three);
    bed_rules(&b, rules, 1);
    fake.script = "rrrh";
    for (int i = 0; i < 10; i++) {
        bed_send(&b, "t", "{\"v\":1}");
    }
    uint64_t end = uv_hrtime() + UINT64_C(30000000000);
    while (fake.submits < 4 && uv_hrtime() < end) {
        bed_turn(&b);
    }
    assert_int_equal(fake.submits, 4); // one is out, and hangs
    bed_close(&b);
    assert_int_equal(b.settled, 10);
}

// More rules than an index wants: the same records in the same order as without one, and counters
// that say what became of every rule.
static void nominates_by_an_index(void **state)
{
    char texts[20][256];
    const char *rules[20];
    struct bed b;
    bed_open(&b, NULL);
    for (int i = 0; i < 20; i++) {
        snprintf(
            texts[i], sizeof texts[i],
            RULE("SELECT v FROM 't' WHERE %s", "\"actions\": [{\"fake\": {\"name\": \"r%d\"}}]"),
            i == 7    ? "upper(k) = 'A3'"
            : i == 12 ? "v > 5"
                      : (const char *[]){"k = 'a0'", "k = 'a1'", "k = 'a2'", "k = 'a3'"}[i % 4],
            i);
        rules[i] = texts[i];
    }
    bed_rules(&b, rules, 20);
    bed_send(&b, "t", "{\"k\": \"a3\", \"v\": 9}"); // r3, r7 by its function, r11, r12, r15, r19
    CHECK_INT("records", fake.submits, 6);
    bed_send(&b, "t", "{\"k\": \"a\\u0031\", \"v\": 1}"); // r1, r5, r9, r13, r17
    CHECK_INT("records", fake.submits, 11);
    bed_send(&b, "t", "{\"v\": 7}"); // r12
    CHECK_INT("records", fake.submits, 12);
    bed_send(&b, "t", "no JSON");
    CHECK_INT("records", fake.submits, 12);
    wr_flow_take_stock(b.flow);
    for (size_t i = 0; i < 20; i++) {
        const struct wr_rule_counters *c = wr_rule_set_at(wr_flow_rules(b.flow), i)->counters;
        CHECK_INT(c->name, c->topic_match, 4);
        CHECK_INT(c->name, c->matched + c->no_match, 4);
        CHECK_INT(c->name, c->not_json, 1);
        // Functions the index knows nothing of; a single range is not worth a column.
        bool always = strcmp(c->name, "r7") == 0 || strcmp(c->name, "r12") == 0;
        CHECK_INT(c->name, c->left_out > 0, !always);
    }
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(runs_rules_on_messages),
        T(settles_by_verdict),
        T(runs_the_error_action),
        T(writes_the_words_of_aws),
        T(fails_on_templates),
        T(waits_for_sinks),
        T(keeps_rules_of_messages_under_way),
        T(answers_look_ups),
        T(does_not_overtake_a_waiting_message),
        T(does_not_overtake_an_earlier_version),
        T(counts_why_evaluations_fail),
        T(waits_for_look_ups_in_templates),
        T(ends_a_rule_whose_look_up_fails),
        T(fails_look_ups_without_a_host),
        T(forgets_what_is_under_way),
        T(keeps_limits),
        T(counts),
        T(times_one_message_in_so_many),
        T(nominates_by_an_index),
        T(a_dead_destination_is_tried_with_one),
        T(a_destination_away_for_its_budget_fails_at_once),
        T(stops_while_records_wait_for_a_destination),
    };
    return TEST_MAIN(tests);
}
