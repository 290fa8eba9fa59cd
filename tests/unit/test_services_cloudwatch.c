// cloudwatchLogs, cloudwatchMetric, cloudwatchAlarm: the requests byte for byte, what is refused
// and with which words, the local forms.
#include "tests/support/service_bed.h"

#include "sql/base/banned.h"

#define METRIC(value, unit)                                                    \
    {                                                                          \
        {"metricNamespace", "n"}, {"metricName", "m"}, {"metricValue", value}, \
            {"metricUnit", unit},                                              \
    }

static const struct request_case request_cases[] = {
    {"logs",
     &wr_sink_cloudwatch_logs_aws,
     WR_STR_INIT("{\"t\":\"\xc3\xbc\"}"),
     {{"logGroupName", "/iot/group"}},
     NULL,
     NULL,
     "POST",
     "https://logs.eu-west-1.amazonaws.com/",
     "Logs_20140328.PutLogEvents",
     JSON11,
     "{\"logGroupName\":\"/iot/group\",\"logStreamName\":\"rule/here\",\"logEvents\":[{"
     "\"timestamp\":1700000000123,\"message\":\"{\\\"t\\\":\\\"\xc3\xbc\\\"}\"}]}"},
    {"logs of text",
     &wr_sink_cloudwatch_logs_aws,
     WR_STR_INIT("no json\n"),
     {{"logGroupName", "g"}},
     NULL,
     NULL,
     "POST",
     "https://logs.eu-west-1.amazonaws.com/",
     "Logs_20140328.PutLogEvents",
     JSON11,
     "{\"logGroupName\":\"g\",\"logStreamName\":\"rule/here\",\"logEvents\":[{\"timestamp\":"
     "1700000000123,\"message\":\"no json\\n\"}]}"},
    {"logs, a batch out of order",
     &wr_sink_cloudwatch_logs_aws,
     WR_STR_INIT("[{\"timestamp\":20,\"message\":\"b\"},{\"timestamp\":10,\"message\":\"a\",\"x\":"
                 "1},{\"timestamp\":20,\"message\":\"c\"}]"),
     {{"logGroupName", "g"}, {"batchMode", "true"}},
     NULL,
     NULL,
     "POST",
     "https://logs.eu-west-1.amazonaws.com/",
     "Logs_20140328.PutLogEvents",
     JSON11,
     "{\"logGroupName\":\"g\",\"logStreamName\":\"rule/here\",\"logEvents\":[{\"timestamp\":10,"
     "\"message\":\"a\"},{\"timestamp\":20,\"message\":\"b\"},{\"timestamp\":20,\"message\":\"c\"}"
     "]}"},
    {"metric",
     &wr_sink_cloudwatch_metric_aws,
     WR_STR_INIT("{}"),
     {{"metricNamespace", "plant"},
      {"metricName", "temp"},
      {"metricValue", "+1.50"},
      {"metricUnit", "Count"},
      {"metricTimestamp", "1456821314"}},
     NULL,
     NULL,
     "POST",
     "https://monitoring.eu-west-1.amazonaws.com/",
     "GraniteServiceVersion20100801.PutMetricData",
     JSON10,
     "{\"Namespace\":\"plant\",\"MetricData\":[{\"MetricName\":\"temp\",\"Value\":1.5,\"Unit\":"
     "\"Count\",\"Timestamp\":1456821314}]}"},
    {"metric of now",
     &wr_sink_cloudwatch_metric_aws,
     WR_STR_INIT("{}"),
     {{"metricNamespace", "plant"},
      {"metricName", "temp"},
      {"metricValue", "-3e2"},
      {"metricUnit", "None"}},
     NULL,
     NULL,
     "POST",
     "https://monitoring.eu-west-1.amazonaws.com/",
     "GraniteServiceVersion20100801.PutMetricData",
     JSON10,
     "{\"Namespace\":\"plant\",\"MetricData\":[{\"MetricName\":\"temp\",\"Value\":-300,\"Unit\":"
     "\"None\",\"Timestamp\":1700000000}]}"},
    {"alarm",
     &wr_sink_cloudwatch_alarm_aws,
     WR_STR_INIT("{}"),
     {{"alarmName", "kiln hot"}, {"stateReason", "41 > 30"}, {"stateValue", "ALARM"}},
     NULL,
     NULL,
     "POST",
     "https://monitoring.eu-west-1.amazonaws.com/",
     "GraniteServiceVersion20100801.SetAlarmState",
     JSON10,
     "{\"AlarmName\":\"kiln hot\",\"StateValue\":\"ALARM\",\"StateReason\":\"41 > 30\"}"},
};

static void test_requests(void **state)
{
    run_requests(request_cases, WR_COUNT(request_cases));
}

static const struct refusal_case refusal_cases[] = {
    {"logs: group",
     &wr_sink_cloudwatch_logs,
     WR_STR_INIT("{}"),
     {{"logGroupName", "a b"}},
     NULL,
     NULL,
     "Failed to put log events. The error received was 1 validation error detected: Value 'a b' at "
     "'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: "
     "[\\.\\-_/#A-Za-z0-9]+, and have 1 to 512 characters (Service: AWSLogs; Status Code: 400; "
     "Error Code: InvalidParameterException; Request ID: local)."},
    {"logs: binary",
     &wr_sink_cloudwatch_logs,
     WR_STR_INIT("\xff\xfe"),
     {{"logGroupName", "g"}},
     NULL,
     NULL,
     "The result is binary: expected text"},
    {"logs: nothing",
     &wr_sink_cloudwatch_logs,
     WR_STR_INIT(""),
     {{"logGroupName", "g"}},
     NULL,
     NULL,
     "Member must have length greater than or equal to 1"},
    {"logs: a batch that is none",
     &wr_sink_cloudwatch_logs,
     WR_STR_INIT("{}"),
     {{"logGroupName", "g"}, {"batchMode", "true"}},
     NULL,
     NULL,
     "batchMode: expected an array of {\"timestamp\": milliseconds, \"message\": \"text\"}, found "
     "Object"},
    {"logs: an empty batch",
     &wr_sink_cloudwatch_logs,
     WR_STR_INIT("[]"),
     {{"logGroupName", "g"}, {"batchMode", "true"}},
     NULL,
     NULL,
     "found an empty one"},
    {"logs: no time",
     &wr_sink_cloudwatch_logs,
     WR_STR_INIT("[{\"timestamp\":1,\"message\":\"a\"},{\"message\":\"b\"}]"),
     {{"logGroupName", "g"}, {"batchMode", "true"}},
     NULL,
     NULL,
     "batchMode: element 1 of the result, timestamp: expected whole milliseconds since 1970, found "
     "Undefined"},
    {"logs: half a millisecond",
     &wr_sink_cloudwatch_logs,
     WR_STR_INIT("[{\"timestamp\":1.5,\"message\":\"a\"}]"),
     {{"logGroupName", "g"}, {"batchMode", "true"}},
     NULL,
     NULL,
     "found Decimal"},
    {"logs: no text",
     &wr_sink_cloudwatch_logs,
     WR_STR_INIT("[{\"timestamp\":1,\"message\":{}}]"),
     {{"logGroupName", "g"}, {"batchMode", "true"}},
     NULL,
     NULL,
     "element 0 of the result, message: expected a String, found Object"},
    {"metric: no number", &wr_sink_cloudwatch_metric, WR_STR_INIT("{}"), METRIC("warm", "Count"),
     NULL, NULL,
     "Failed to put metric data. The error received was The value warm for parameter "
     "MetricData.member.1.Value is invalid: expected a number from -2^360 to 2^360. (Service: "
     "AmazonCloudWatch; Status Code: 400; Error Code: InvalidParameterValue; Request ID: local)."},
    {"metric: nothing", &wr_sink_cloudwatch_metric, WR_STR_INIT("{}"), METRIC("", "Count"), NULL,
     NULL, "The value  for parameter MetricData.member.1.Value is invalid"},
    {"metric: nan", &wr_sink_cloudwatch_metric, WR_STR_INIT("{}"), METRIC("nan", "Count"), NULL,
     NULL, "is invalid"},
    {"metric: hexadecimal", &wr_sink_cloudwatch_metric, WR_STR_INIT("{}"), METRIC("0x10", "Count"),
     NULL, NULL, "is invalid"},
    {"metric: too large", &wr_sink_cloudwatch_metric, WR_STR_INIT("{}"), METRIC("1e200", "Count"),
     NULL, NULL, "is invalid"},
    {"metric: infinite", &wr_sink_cloudwatch_metric, WR_STR_INIT("{}"), METRIC("1e999", "Count"),
     NULL, NULL, "is invalid"},
    {"metric: unit", &wr_sink_cloudwatch_metric, WR_STR_INIT("{}"), METRIC("1", "count"), NULL,
     NULL, "Value 'count' at 'metricData.member.1.unit' failed to satisfy constraint"},
    {"metric: AWS's namespace",
     &wr_sink_cloudwatch_metric,
     WR_STR_INIT("{}"),
     {{"metricNamespace", "AWS/IoT"},
      {"metricName", "m"},
      {"metricValue", "1"},
      {"metricUnit", "None"}},
     NULL,
     NULL,
     "The value AWS/IoT for parameter Namespace is invalid."},
    {"metric: time",
     &wr_sink_cloudwatch_metric,
     WR_STR_INIT("{}"),
     {{"metricNamespace", "n"},
      {"metricName", "m"},
      {"metricValue", "1"},
      {"metricUnit", "None"},
      {"metricTimestamp", "1.5"}},
     NULL,
     NULL,
     "The value 1.5 for parameter MetricData.member.1.Timestamp is invalid"},
    {"alarm: state",
     &wr_sink_cloudwatch_alarm,
     WR_STR_INIT("{}"),
     {{"alarmName", "a"}, {"stateReason", "r"}, {"stateValue", "alarm"}},
     NULL,
     NULL,
     "Value 'alarm' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value "
     "set: [INSUFFICIENT_DATA, ALARM, OK]"},
    {"alarm: name",
     &wr_sink_cloudwatch_alarm,
     WR_STR_INIT("{}"),
     {{"alarmName", ""}, {"stateReason", "r"}, {"stateValue", "OK"}},
     NULL,
     NULL,
     "at 'alarmName' failed"},
};

static void test_refusals(void **state)
{
    run_refusals(refusal_cases, WR_COUNT(refusal_cases));
}

static const struct local_case local_cases[] = {
    {"logs",
     &wr_sink_cloudwatch_logs,
     WR_STR_INIT("{\"a\":1}"),
     {{"logGroupName", "/g/h"}},
     NULL,
     NULL,
     "logs/%2Fg%2Fh/rule%2Fhere.ndjson",
     "{\"timestamp\":1700000000123,\"message\":\"{\\\"a\\\":1}\"}\n"},
    {"logs, a batch",
     &wr_sink_cloudwatch_logs,
     WR_STR_INIT("[{\"timestamp\":2,\"message\":\"b\"},{\"timestamp\":1,\"message\":\"a\"}]"),
     {{"logGroupName", "g"}, {"batchMode", "true"}},
     NULL,
     NULL,
     "logs/g/rule%2Fhere.ndjson",
     "{\"timestamp\":2,\"message\":\"b\"}\n{\"timestamp\":1,\"message\":\"a\"}\n"},
};

static void test_local(void **state)
{
    run_local(local_cases, WR_COUNT(local_cases));
}

static bool sum_up(void *user, const struct wr_local_metric *m)
{
    struct wr_buf *b = user;
    wr_buf_addf(b, "%.*s %.*s %.*s %llu %g %g %g %g %lld;", WR_STR_ARG(m->space),
                WR_STR_ARG(m->name), WR_STR_ARG(m->unit), (unsigned long long)m->count, m->sum,
                m->min, m->max, m->last, (long long)m->time_ms);
    return true;
}

static void test_metric_query(void **state)
{
    static const struct wr_test_setting query[] = {{"protocol", "query"}, {0}};
    static const struct pair params[] = {{"metricNamespace", "p&x"},
                                         {"metricName", "a b"},
                                         {"metricValue", "1.5"},
                                         {"metricUnit", "Count/Second"},
                                         {"metricTimestamp", "1456821314"},
                                         {0}};
    struct bed *b = bed_new(&wr_sink_cloudwatch_metric_aws, query);
    struct fake_record *one = record(b, S("{}"), params), *two = record(b, S("{}"), params);
    fake_submit(&b->f, one);
    fake_submit(&b->f, two);
    run_once(b);
    CHECK_STR("type", kept(b, 0, "Content-Type"),
              S("application/x-www-form-urlencoded; charset=utf-8"));
    CHECK_STR("request", kept(b, 0, "body"),
              S("Action=PutMetricData&Version=2010-08-01&Namespace=p%26x"
                "&MetricData.member.1.MetricName=a%20b&MetricData.member.1.Value=1.5"
                "&MetricData.member.1.Unit=Count%2FSecond"
                "&MetricData.member.1.Timestamp=2016-03-01T08%3A35%3A14Z"
                "&MetricData.member.2.MetricName=a%20b&MetricData.member.2.Value=1.5"
                "&MetricData.member.2.Unit=Count%2FSecond"
                "&MetricData.member.2.Timestamp=2016-03-01T08%3A35%3A14Z"));
    free(one);
    free(two);
    bed_free(b);
}

static void test_logs_limits(void **state)
{
    static const struct pair params[] = {{"logGroupName", "g"}, {"batchMode", "true"}, {0}};
    struct bed *b = bed_new(&wr_sink_cloudwatch_logs_aws, here);
    // 24 hours are one request, a millisecond more is not.
    struct fake_record *r = record(b,
                                   S("[{\"timestamp\":0,\"message\":\"a\"},{\"timestamp\":86400000,"
                                     "\"message\":\"b\"},{\"timestamp\":86400001,\"message\":\"c\"}"
                                     ",{\"timestamp\":1,\"message\":\"d\"}]"),
                                   params);
    fake_submit(&b->f, r);
    run_once(b);
    check_sizes(b, "message\"", (const size_t[]){2, 2}, 2);
    assert_int_equal(r->settled, 1);
    assert_int_equal(r->verdict, WR_DELIVERED);
    free(r);
    bed_free(b);
    // 1 MiB, with 26 bytes for each event: two events of half of it and a byte do not fit.
    b = bed_new(&wr_sink_cloudwatch_logs_aws, here);
    char *text = wr_alloc(1 << 21);
    int half = 1048576 / 2 - 26;
    memset(text, 'x', 1 << 21);
    const struct pair plain[] = {{"logGroupName", "g"}, {0}};
    struct fake_record *a[4] = {record(b, (wr_str){text, (size_t)half}, plain),
                                record(b, (wr_str){text, (size_t)half}, plain),
                                record(b, (wr_str){text, (size_t)half + 1}, plain),
                                record(b, (wr_str){text, (size_t)half}, plain)};
    for (int i = 0; i < 4; i++) {
        fake_submit(&b->f, a[i]);
    }
    run_once(b);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(a[i]->verdict, WR_DELIVERED);
    }
    struct fake_record *large = record(b, (wr_str){text, 1048576 - 26 + 1}, plain);
    fake_submit(&b->f, large);
    run_once(b);
    assert_int_equal(large->verdict, WR_REFUSED);
    CHECK("too large",
          strstr(large->message, "Log event too large: 1048577 bytes exceeds limit of 1048576"));
    for (int i = 0; i < 4; i++) {
        free(a[i]);
    }
    free(large);
    free(text);
    bed_free(b);
}

static void test_metric_rows(void **state)
{
    static const struct {
        const char *name, *value, *time;
    } values[] = {{"t", "2", "100"}, {"t", "-1.5", "300"}, {"t", "7", "200"}, {"a", "1", "100"}};
    struct bed *b = bed_new(&wr_sink_cloudwatch_metric, local_settings);
    struct fake_record *r[4];
    for (int i = 0; i < 4; i++) {
        const struct pair params[] = {{"metricNamespace", "n"},
                                      {"metricName", values[i].name},
                                      {"metricValue", values[i].value},
                                      {"metricUnit", "None"},
                                      {"metricTimestamp", values[i].time},
                                      {0}};
        r[i] = record(b, S("{}"), params);
        fake_submit(&b->f, r[i]);
    }
    finish(b);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(r[i]->verdict, WR_DELIVERED);
        free(r[i]);
    }
    struct wr_buf got = {0};
    assert_int_equal(wr_local_metrics(b->f.dir, sum_up, &got, &b->f.fault), WR_OK);
    // The last value is that of the latest time.
    CHECK_STR("metrics", wr_buf_str(&got),
              S("n a None 1 1 1 1 1 100000;n t None 3 7.5 -1.5 7 -1.5 300000;"));
    wr_buf_release(&got);
    check_rows(b, WR_LOCAL_NAMESPACES, "", "", 0,
               "{\"namespace\":\"n\",\"metrics\":2,\"values\":4,\"lastModified\":"
               "\"1970-01-01T00:05:00.000Z\"}\n");
    check_rows(b, WR_LOCAL_METRICS, "n", "", 3,
               "{\"namespace\":\"n\",\"name\":\"a\",\"unit\":\"None\",\"count\":1,\"sum\":1.0,"
               "\"min\":1.0,\"max\":1.0,\"last\":1.0,\"time\":\"1970-01-01T00:01:40.000Z\"}\n");
    check_rows(b, WR_LOCAL_METRICS, "other", "", 0, "");
    drop(b);
}

static void test_alarm_rows(void **state)
{
    static const struct {
        const char *name, *state, *reason;
    } changes[] = {{"a", "OK", "1"}, {"a", "OK", "2"}, {"b", "ALARM", "3"}, {"a", "ALARM", "4"}};
    struct bed *b = bed_new(&wr_sink_cloudwatch_alarm, local_settings);
    check_rows(b, WR_LOCAL_CHANGES, "a", "", 0, "");
    for (int i = 0; i < 4; i++) {
        const struct pair params[] = {{"alarmName", changes[i].name},
                                      {"stateValue", changes[i].state},
                                      {"stateReason", changes[i].reason},
                                      {0}};
        struct fake_record *r = record(b, S("{}"), params);
        fake_submit(&b->f, r);
        while (!r->settled) {
            uv_run(&b->f.loop, UV_RUN_ONCE);
        }
        assert_int_equal(r->verdict, WR_DELIVERED);
        free(r);
    }
    finish(b);
#define AT ",\"time\":\"2023-11-14T22:13:20.123Z\"}\n"
    check_rows(b, WR_LOCAL_ALARMS, "", "", 0,
               "{\"alarm\":\"a\",\"state\":\"ALARM\",\"reason\":\"4\"" AT
               "{\"alarm\":\"b\",\"state\":\"ALARM\",\"reason\":\"3\"" AT);
    check_rows(b, WR_LOCAL_CHANGES, "a", "", 0,
               "{\"alarm\":\"a\",\"before\":null,\"state\":\"OK\",\"reason\":\"1\"" AT
               "{\"alarm\":\"a\",\"before\":\"OK\",\"state\":\"ALARM\",\"reason\":\"4\"" AT);
    drop(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_requests),    T(test_refusals),    T(test_local),      T(test_metric_query),
        T(test_logs_limits), T(test_metric_rows), T(test_alarm_rows),
    };
    return TEST_MAIN(tests);
}
