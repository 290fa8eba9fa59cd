// republish: which topics and headers go out, and how the broker's answers become verdicts.
#include <stdlib.h>

#include "sinks/sink.h"
#include "tests/support/sink_bed.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

extern const struct wr_sink_impl wr_sink_republish;

static const struct wr_test_setting no_settings[] = {{0}};

// The host's side: what was published last, and how it answers.
static struct {
    unsigned count;
    struct wr_publish last;
    wr_err answer;
    const char *why;
    bool hold; // keep the answer for later
} broker;

static void fake_publish(const struct wr_sink_host *host, const struct wr_publish *publish)
{
    broker.count++;
    broker.last = *publish;
    if (!broker.hold) {
        publish->done(publish->user, broker.answer, broker.why);
    }
}

static void begin(struct fake *f, const struct wr_test_setting *settings)
{
    fake_init(f, &wr_sink_republish);
    f->host.publish = fake_publish;
    broker = (__typeof__(broker)){0};
    assert_int_equal(fake_open(f, settings), WR_OK);
}

static void end(struct fake *f)
{
    fake_close(f);
    fake_release(f);
}

static const struct topic_case {
    const char *name;
    wr_str text;
    const char *published; // NULL: refused
} topics[] = {
    {"plain", WR_STR_INIT("a/b"), "a/b"},
    {"reserved", WR_STR_INIT("$$aws/things/x/shadow/update"), "$aws/things/x/shadow/update"},
    {"only the first dollar goes", WR_STR_INIT("$$$a"), "$$a"},
    {"dollars inside stay", WR_STR_INIT("a/$$b"), "a/$$b"},
    {"single dollar", WR_STR_INIT("$aws/things/x/shadow/update"), NULL},
    {"empty", WR_STR_INIT(""), NULL},
    {"plus", WR_STR_INIT("a/+/b"), NULL},
    {"hash", WR_STR_INIT("a/#"), NULL},
    {"NUL", WR_STR_INIT("a\0b"), NULL},
    {"not UTF-8", WR_STR_INIT("a\xc0\x80"), NULL},
    {"jobs", WR_STR_INIT("$$aws/things/x/jobs/start-next"), NULL},
    {"jobs itself", WR_STR_INIT("$$aws/things/x/jobs"), NULL},
    {"a thing named jobs", WR_STR_INIT("$$aws/things/jobs/shadow/get"),
     "$aws/things/jobs/shadow/get"},
    {"jobs as a part of a word", WR_STR_INIT("$$aws/things/x/jobsite"), "$aws/things/x/jobsite"},
    {"jobs outside $aws", WR_STR_INIT("aws/things/x/jobs/y"), "aws/things/x/jobs/y"},
    {"defender", WR_STR_INIT("$$aws/things/x/defender/metrics/json"), NULL},
    {"shared", WR_STR_INIT("$$share/g/a"), NULL},
};

static void test_topics(void **state)
{
    struct fake f;
    begin(&f, no_settings);
    for (size_t i = 0; i < WR_COUNT(topics); i++) {
        const struct topic_case *c = &topics[i];
        struct fake_record *r = fake_record(&f, S("{}"));
        fake_set(r, "topic", c->text);
        unsigned before = broker.count;
        fake_submit(&f, r);
        CHECK_INT(c->name, r->settled, 1);
        CHECK_INT(c->name, r->verdict, c->published ? WR_DELIVERED : WR_REFUSED);
        CHECK_INT(c->name, broker.count - before, c->published != NULL);
        if (c->published) {
            CHECK_STR(c->name, broker.last.topic, Z(c->published));
        } else {
            CHECK(c->name,
                  strstr(r->message, "Failed to republish to topic. The error received was"));
        }
        free(r);
    }
    end(&f);
}

static void test_checks(void **state)
{
    static const struct {
        const char *name, *option, *text;
        bool constant, good;
    } cases[] = {
        {"constant", "topic", "a/b", true, true},
        {"reserved", "topic", "$$aws/things/x/shadow/update", true, true},
        {"single dollar", "topic", "$aws/things/x/shadow/update", true, false},
        {"single dollar before a template", "topic", "$aws/things/${topic(2)}/x", false, false},
        {"a template at the start", "topic", "${topic()}/x", false, true},
        {"dollar and a template", "topic", "$${topic()}", false, true},
        {"wildcard", "topic", "a/+", true, false},
        {"wildcard in a template", "topic", "a/${1 + 1}", false, true},
        {"constant jobs", "topic", "$$aws/things/x/jobs/get", true, false},
        {"response topic", "headers.responseTopic", "a/b", true, true},
        {"response wildcard", "headers.responseTopic", "a/#", true, false},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_param params[FAKE_PARAMS_MAX] = {0};
        bool constant[FAKE_PARAMS_MAX];
        memset(constant, true, sizeof constant);
        struct wr_fault fault = {0};
        int topic = wr_option_find(wr_sink_republish.options, S("topic"));
        int at = wr_option_find(wr_sink_republish.options, Z(cases[i].option));
        params[topic] = (struct wr_param){.set = true, .text = S("t")};
        params[at] = (struct wr_param){.set = true, .text = Z(cases[i].text)};
        constant[at] = cases[i].constant;
        CHECK_INT(cases[i].name, wr_sink_republish.check(params, constant, &fault) == WR_OK,
                  cases[i].good);
    }
}

static void test_check_properties(void **state)
{
    static wr_str keys[101], values[101];
    for (size_t i = 0; i < 101; i++) {
        keys[i] = S("k");
        values[i] = S("v");
    }
    static const struct {
        const char *name;
        size_t count;
        bool good;
    } cases[] = {{"none", 0, false}, {"one", 1, true}, {"100", 100, true}, {"101", 101, false}};
    bool constant[FAKE_PARAMS_MAX] = {0};
    struct wr_fault fault = {0};
    int topic = wr_option_find(wr_sink_republish.options, S("topic"));
    int at = wr_option_find(wr_sink_republish.options, S("headers.userProperties"));
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_param params[FAKE_PARAMS_MAX] = {0};
        params[topic] = (struct wr_param){.set = true, .text = S("t")};
        params[at] =
            (struct wr_param){true, .count = cases[i].count, .keys = keys, .values = values};
        CHECK_INT(cases[i].name, wr_sink_republish.check(params, constant, &fault) == WR_OK,
                  cases[i].good);
    }
    struct wr_param params[FAKE_PARAMS_MAX] = {0};
    params[topic] = (struct wr_param){.set = true, .text = S("t")};
    keys[0] = S("weir-hops");
    params[at] = (struct wr_param){true, .count = 1, .keys = keys, .values = values};
    CHECK_INT("own property", wr_sink_republish.check(params, constant, &fault), WR_ERR_DENIED);
}

static void test_headers(void **state)
{
    struct fake f;
    begin(&f, no_settings);
    wr_str keys[] = {S("k1"), S("")}, values[] = {S(""), S("v2")};
    struct fake_record *r = fake_record(&f, S("\x01\x02"));
    fake_set(r, "topic", S("t"));
    fake_set(r, "qos", S("1"));
    fake_set(r, "headers.payloadFormatIndicator", S("UTF8_DATA"));
    fake_set(r, "headers.contentType", S("text/plain"));
    fake_set(r, "headers.responseTopic", S("answer/1"));
    fake_set(r, "headers.correlationData", S("AP8="));
    fake_set(r, "headers.messageExpiry", S("4294967295"));
    int at = wr_option_find(wr_sink_republish.options, S("headers.userProperties"));
    r->params[at] = (struct wr_param){true, .count = 2, .keys = keys, .values = values};
    r->rec.hops = 3;
    fake_submit(&f, r);
    CHECK_INT("all", r->verdict, WR_DELIVERED);
    CHECK_STR("all", broker.last.payload, S("\x01\x02"));
    CHECK_INT("all", broker.last.qos, 1);
    CHECK_INT("all", broker.last.format_indicator, 1);
    CHECK_STR("all", broker.last.content_type, S("text/plain"));
    CHECK_STR("all", broker.last.response_topic, S("answer/1"));
    CHECK_STR("all", broker.last.correlation_data, S("\0\xff"));
    CHECK_INT("all", broker.last.message_expiry_s, 4294967295);
    CHECK_INT("all", broker.last.user_count, 2);
    CHECK_STR("all", broker.last.user_keys[0], S("k1"));
    CHECK_STR("all", broker.last.user_values[1], S("v2"));
    CHECK_INT("all", broker.last.hops, 4);
    free(r);

    r = fake_record(&f, S("{}"));
    fake_set(r, "topic", S("t"));
    fake_set(r, "headers.messageExpiry", S("")); // a template that was Undefined
    fake_submit(&f, r);
    CHECK_INT("none", r->verdict, WR_DELIVERED);
    CHECK_INT("none", broker.last.qos, 0);
    CHECK_INT("none", broker.last.format_indicator, -1);
    CHECK_INT("none", broker.last.message_expiry_s, -1);
    CHECK("none", !broker.last.content_type.at && !broker.last.response_topic.at);
    CHECK("none", !broker.last.correlation_data.at && broker.last.user_count == 0);
    CHECK_INT("none", broker.last.hops, 1);
    free(r);
    end(&f);
}

static void test_bad_headers(void **state)
{
    static const struct {
        const char *name, *option;
        wr_str text;
        bool good;
    } cases[] = {
        {"indicator", "headers.payloadFormatIndicator", WR_STR_INIT("UNSPECIFIED_BYTES"), true},
        {"indicator as number", "headers.payloadFormatIndicator", WR_STR_INIT("1"), false},
        {"indicator in lower case", "headers.payloadFormatIndicator", WR_STR_INIT("utf8_data"),
         false},
        {"expiry 0", "headers.messageExpiry", WR_STR_INIT("0"), true},
        {"expiry too large", "headers.messageExpiry", WR_STR_INIT("4294967296"), false},
        {"expiry negative", "headers.messageExpiry", WR_STR_INIT("-1"), false},
        {"expiry fraction", "headers.messageExpiry", WR_STR_INIT("1.5"), false},
        {"expiry huge", "headers.messageExpiry", WR_STR_INIT("99999999999999999999999"), false},
        {"correlation no base64", "headers.correlationData", WR_STR_INIT("a b"), false},
        {"correlation unpadded", "headers.correlationData", WR_STR_INIT("AP8"), false},
        {"content type with NUL", "headers.contentType", WR_STR_INIT("a\0"), false},
        {"response with wildcard", "headers.responseTopic", WR_STR_INIT("a/+"), false},
    };
    struct fake f;
    begin(&f, no_settings);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct fake_record *r = fake_record(&f, S("{}"));
        fake_set(r, "topic", S("t"));
        fake_set(r, cases[i].option, cases[i].text);
        fake_submit(&f, r);
        CHECK_INT(cases[i].name, r->settled, 1);
        CHECK_INT(cases[i].name, r->verdict, cases[i].good ? WR_DELIVERED : WR_REFUSED);
        free(r);
    }
    end(&f);
}

static void test_hops(void **state)
{
    static const struct wr_test_setting two[] = {{"max_hops", "2"}, {0}};
    static const struct {
        const char *name;
        const struct wr_test_setting *settings;
        unsigned hops;
        bool good;
    } cases[] = {
        {"seven", no_settings, 7, true},
        {"eight", no_settings, 8, false},
        {"far", no_settings, 4000000000u, false},
        {"one of two", two, 1, true},
        {"two of two", two, 2, false},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct fake f;
        begin(&f, cases[i].settings);
        struct fake_record *r = fake_record(&f, S("{}"));
        fake_set(r, "topic", S("t"));
        r->rec.hops = cases[i].hops;
        fake_submit(&f, r);
        CHECK_INT(cases[i].name, r->verdict, cases[i].good ? WR_DELIVERED : WR_REFUSED);
        CHECK(cases[i].name, cases[i].good || strstr(r->message, "a loop"));
        free(r);
        end(&f);
    }
}

static void test_answers(void **state)
{
    static const struct {
        const char *name;
        wr_err answer;
        enum wr_verdict verdict;
    } cases[] = {
        {"taken", WR_OK, WR_DELIVERED},
        {"disconnected", WR_ERR_BUSY, WR_RETRY},
        {"broken connection", WR_ERR_IO, WR_RETRY},
        {"not allowed", WR_ERR_DENIED, WR_REFUSED},
        {"too large", WR_ERR_LIMIT, WR_REFUSED},
    };
    struct fake f;
    begin(&f, no_settings);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct fake_record *r = fake_record(&f, S("{}"));
        fake_set(r, "topic", S("$$a"));
        broker.answer = cases[i].answer;
        broker.why = "the broker said so";
        fake_submit(&f, r);
        CHECK_INT(cases[i].name, r->settled, 1);
        CHECK_INT(cases[i].name, r->verdict, cases[i].verdict);
        if (cases[i].answer) {
            CHECK_STR(cases[i].name, Z(r->resource), S("$a"));
            CHECK_STR(
                cases[i].name, Z(r->message),
                S("Failed to republish to topic. The error received was the broker said so."));
        }
        free(r);
    }
    end(&f);
}

static void test_no_broker(void **state)
{
    struct fake f;
    begin(&f, no_settings);
    f.host.publish = NULL;
    struct fake_record *r = fake_record(&f, S("{}"));
    fake_set(r, "topic", S("t"));
    fake_submit(&f, r);
    CHECK_INT("no broker", r->verdict, WR_REFUSED);
    free(r);
    end(&f);
}

// close() waits for the answer to what is out.
static void test_close_waits(void **state)
{
    struct fake f;
    begin(&f, no_settings);
    broker.hold = true;
    struct fake_record *r = fake_record(&f, S("{}"));
    fake_set(r, "topic", S("t"));
    fake_submit(&f, r);
    f.sink.impl->close(&f.sink, fake_closed);
    fake_run(&f);
    CHECK_INT("still out", f.closed, 0);
    broker.last.done(broker.last.user, WR_OK, NULL);
    CHECK_INT("answered", r->settled, 1);
    fake_run(&f);
    CHECK_INT("answered", f.closed, 1);
    free(r);
    fake_release(&f);
}

static const struct wr_test_setting fuse_of_three[] = {{"fuse", "3"}, {0}};
static const struct wr_test_setting no_fuse[] = {{"fuse", "0"}, {0}};

// MQTT 3.1.1 carries no count of hops: what may be a loop is limited by its rate.
static void test_fuse(void **state)
{
    static const struct {
        const char *name;
        bool hops_lost, may_loop;
        const struct wr_test_setting *settings;
        unsigned want; // published of ten at once
    } cases[] = {
        {"a loop over 3.1.1", true, true, fuse_of_three, 3},
        {"no loop", true, false, fuse_of_three, 10},
        {"MQTT 5 counts hops", false, true, fuse_of_three, 10},
        {"0: no limit", true, true, no_fuse, 10},
        {"the default", true, true, no_settings, 10},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct fake f;
        begin(&f, cases[i].settings);
        f.host.hops_lost = cases[i].hops_lost;
        unsigned refused = 0;
        for (int n = 0; n < 10; n++) {
            struct fake_record *r = fake_record(&f, S("{}"));
            r->rec.may_loop = cases[i].may_loop;
            fake_set(r, "topic", S("a/b"));
            fake_submit(&f, r);
            refused += r->verdict == WR_REFUSED;
            CHECK("why",
                  r->verdict != WR_REFUSED ||
                      strstr(r->message, "may feed itself and published 3 results in a second"));
            free(r);
        }
        CHECK_INT(cases[i].name, broker.count, cases[i].want);
        CHECK_INT(cases[i].name, refused, 10 - cases[i].want);
        end(&f);
    }
}

// It mends with time, and each rule has its own.
static void test_fuse_mends(void **state)
{
    struct fake f;
    begin(&f, (const struct wr_test_setting[]){{"fuse", "50"}, {0}});
    f.host.hops_lost = true;
    unsigned published = 0;
    uint64_t began = uv_hrtime(), last = began;
    while (uv_hrtime() - began < 400000000) {
        last = uv_hrtime();
        struct fake_record *r = fake_record(&f, S("{}"));
        r->rec.may_loop = true;
        fake_set(r, "topic", S("a/b"));
        fake_submit(&f, r);
        published += r->verdict == WR_DELIVERED;
        free(r);
        uv_sleep(1);
        uv_update_time(&f.loop);
    }
    double seconds = (double)(uv_hrtime() - began) / 1e9; // 50 at once, and 50 a second
    double least = (double)(last - began) / 1e9;
    CHECK("at least", (double)published >= 50 + 50 * (least - 0.1) - 2);
    CHECK("at most", (double)published <= 50 + 50 * seconds + 2);
    struct fake_record *r = fake_record(&f, S("{}"));
    r->rec.may_loop = true;
    r->rec.rule_name = S("another");
    fake_set(r, "topic", S("a/b"));
    fake_submit(&f, r);
    CHECK_INT("another rule", r->verdict, WR_DELIVERED);
    free(r);
    end(&f);
}

// What AWS's broker would refuse, to the byte.
static void test_aws_limits(void **state)
{
    static char big[150 * 1024];
    memset(big, 'x', sizeof big);
    static const struct {
        const char *name, *option;
        size_t limit;
        const char *why;
    } cases[] = {
        {"topic", "topic", 256, "a topic of more than 256 bytes"},
        {"payload", NULL, 128 * 1024, "a payload of more than 128 KB"},
        {"contentType", "headers.contentType", 256, "a contentType of more than 256 bytes"},
        {"responseTopic", "headers.responseTopic", 256, "a responseTopic of more than 256 bytes"},
    };
    struct fake f;
    begin(&f, no_settings);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        for (int over = 0; over <= 2; over++) { // 2: over, and without limits: aws
            wr_str text = {big, cases[i].limit + (over > 0)};
            struct fake_record *r = fake_record(&f, cases[i].option ? S("{}") : text);
            fake_set(r, "topic", S("a/b"));
            if (cases[i].option) {
                fake_set(r, cases[i].option, text);
            }
            f.host.aws_limits = over < 2;
            fake_submit(&f, r);
            CHECK_INT(cases[i].name, r->verdict, over == 1 ? WR_REFUSED : WR_DELIVERED);
            CHECK(cases[i].name, over != 1 || strstr(r->message, cases[i].why));
            free(r);
        }
    }
    f.host.aws_limits = true;
    struct fake_record *r = fake_record(&f, S("{}"));
    fake_set(r, "topic", S("a/b"));
    fake_set(r, "headers.messageExpiry", S("604800"));
    fake_submit(&f, r);
    CHECK_INT("a week", r->verdict, WR_DELIVERED);
    free(r);
    r = fake_record(&f, S("{}"));
    fake_set(r, "topic", S("a/b"));
    fake_set(r, "headers.messageExpiry", S("604801"));
    fake_submit(&f, r);
    CHECK_INT("more than a week", r->verdict, WR_REFUSED);
    free(r);
    static const struct {
        const char *topic;
        bool good;
    } levels[] = {{"1/2/3/4/5/6/7/8", true},
                  {"1/2/3/4/5/6/7/8/9", false},
                  {"$$aws/rules/r/1/2/3/4/5/6/7/8", true},
                  {"$$aws/rules/r/1/2/3/4/5/6/7/8/9", false}};
    for (size_t i = 0; i < WR_COUNT(levels); i++) {
        r = fake_record(&f, S("{}"));
        fake_set(r, "topic", Z(levels[i].topic));
        fake_submit(&f, r);
        CHECK_INT(levels[i].topic, r->verdict, levels[i].good ? WR_DELIVERED : WR_REFUSED);
        free(r);
    }
    r = fake_record(&f, S("{}"));
    char text[300];
    snprintf(text, sizeof text, "$$aws/rules/some_rule/%.256s", big); // the prefix does not count
    fake_set(r, "topic", Z(text));
    fake_submit(&f, r);
    CHECK_INT("Basic Ingest", r->verdict, WR_DELIVERED);
    free(r);
    end(&f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(test_topics),      T(test_checks), T(test_check_properties), T(test_headers),
        T(test_bad_headers), T(test_hops),   T(test_answers),          T(test_no_broker),
        T(test_close_waits), T(test_fuse),   T(test_fuse_mends),       T(test_aws_limits),
    };
    return TEST_MAIN(tests);
}
