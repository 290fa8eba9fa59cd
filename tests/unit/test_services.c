// Actions whose records become entries of a service: the requests byte for byte (through the AWS
// form, with a client that keeps them), what is refused and with which words, the local forms.
#include "sinks/lib/aws.h"
#include "sinks/lib/local_rows.h"
#include "sinks/lib/recorder.h"
#include "sinks/lib/text.h"
#include "sinks/lib/uuid.h"

#include <stdlib.h>

#include "tests/support/sink_bed.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

#define KINDS(KIND)                 \
    KIND(logs, cloudwatch_logs)     \
    KIND(metric, cloudwatch_metric) \
    KIND(alarm, cloudwatch_alarm)   \
    KIND(timestream, timestream)    \
    KIND(steps, step_functions)     \
    KIND(search, open_search)       \
    KIND(events, iot_events)        \
    KIND(analytics, iot_analytics)  \
    KIND(site, iot_site_wise)       \
    KIND(location, location)
#define KIND(name, variable) \
    extern const struct wr_sink_impl wr_sink_##variable, wr_sink_##variable##_aws;
KINDS(KIND)
#undef KIND

#define ROLE "arn:aws:iam::123456789012:role/iot"
#define NOW  INT64_C(1700000000123)

struct pair {
    const char *name, *text;
};

// ---- a sink with a client that keeps requests

struct bed {
    struct fake f;
    struct wr_recorder *recorder;
    struct wr_aws *aws;
    const char *kind;
};

static struct bed *current; // whose client wr_sink_host.aws gives

static struct wr_aws *give_aws(const struct wr_sink_host *host, struct wr_fault *fault)
{
    return current->aws;
}

static struct bed *bed_new(const struct wr_sink_impl *impl, const struct wr_test_setting *settings)
{
    static const struct wr_test_setting none[] = {{0}};
    struct bed *b = wr_zalloc(sizeof *b);
    fake_init(&b->f, impl);
    b->kind = impl->name;
    assert_int_equal(wr_recorder_open(b->f.dir, impl->name, &b->recorder, &b->f.fault), WR_OK);
    struct wr_aws_options o = {.region = "eu-west-1", .recorder = b->recorder};
    assert_int_equal(wr_aws_open(&b->f.loop, &o, &b->aws, &b->f.fault), WR_OK);
    b->f.host.aws = give_aws;
    current = b;
    if (fake_open(&b->f, settings ? settings : none) != WR_OK) {
        fail_msg("%s: %s", impl->name, b->f.fault.text);
    }
    return b;
}

static void run_once(struct bed *b)
{
    for (int i = 0; i < 50; i++) {
        uv_run(&b->f.loop, UV_RUN_NOWAIT);
    }
}

static void bed_free(struct bed *b)
{
    // The client's timers keep the loop alive, so it is closed before the loop is run to its end.
    b->f.closed = 0;
    b->f.sink.impl->close(&b->f.sink, fake_closed);
    for (int i = 0; i < 1000 && !b->f.closed; i++) {
        uv_run(&b->f.loop, UV_RUN_ONCE);
    }
    assert_int_equal(b->f.closed, 1);
    wr_aws_close(b->aws, NULL, NULL);
    fake_release(&b->f);
    wr_recorder_close(b->recorder);
    free(b);
}

static const uint8_t delivery[16] = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
                                     0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f};
#define UUID0 "10111213-1415-4617-9819-1a1b1c1d1e1f"
#define UUID1 "10111213-1415-4617-9819-1a1b1c1d1e20"

static struct fake_record *record(struct bed *b, wr_str body, const struct pair *pairs)
{
    struct fake_record *r = fake_record(&b->f, body);
    r->rec.timestamp_ms = NOW;
    r->rec.delivery_id = delivery;
    if (wr_option_find(b->f.sink.impl->options, S("roleArn")) >= 0) {
        fake_set(r, "roleArn", S(ROLE));
    }
    for (; pairs && pairs->name; pairs++) {
        fake_set(r, pairs->name, Z(pairs->text));
        if (strcmp(pairs->name, "batchMode") == 0) {
            int i = wr_option_find(b->f.sink.impl->options, S("batchMode"));
            r->params[i].number = 1;
        }
    }
    return r;
}

// A list of objects, flat: the sink's option `name`, keys and values in turn, NULL-terminated.
static void set_list(struct fake_record *r, const char *name, const char *const *leaves,
                     struct wr_arena *arena)
{
    size_t count = 0;
    for (; leaves[2 * count]; count++) {
    }
    wr_str *keys = wr_arena_alloc(arena, count * sizeof *keys);
    wr_str *values = wr_arena_alloc(arena, count * sizeof *values);
    for (size_t i = 0; i < count; i++) {
        keys[i] = Z(leaves[2 * i]);
        values[i] = Z(leaves[2 * i + 1]);
    }
    int at = wr_option_find(r->rec.sink->impl->options, wr_str_of(name));
    r->params[at] = (struct wr_param){.set = true, .count = count, .keys = keys, .values = values};
}

static wr_str file_text(struct bed *b, const char *file)
{
    char path[512];
    snprintf(path, sizeof path, "%s/local/%s", b->f.dir, file);
    FILE *in = fopen(path, "r");
    struct wr_buf text;
    wr_buf_init_arena(&text, &b->f.arena);
    if (in) {
        char *to = wr_buf_reserve(&text, 1 << 20);
        text.len += fread(to, 1, 1 << 20, in);
        fclose(in);
    }
    return wr_buf_str(&text);
}

// The `index`-th request that was kept: a member of its JSON, or the header `name`.
static wr_str kept(struct bed *b, size_t index, const char *name)
{
    char file[80];
    snprintf(file, sizeof file, "record/%s.ndjson", b->kind);
    wr_str text = file_text(b, file);
    for (; text.len > 0; index--) {
        const char *feed = memchr(text.at, '\n', text.len);
        size_t len = feed ? (size_t)(feed - text.at) : text.len;
        if (index == 0) {
            wr_value v;
            assert_int_equal(
                wr_json_parse((wr_str){text.at, len}, &b->f.arena, WR_SQL_2016, &v, NULL), WR_OK);
            const wr_value *member = wr_object_get(&v, Z(name));
            const wr_value *headers = wr_object_get(&v, S("headers"));
            for (uint32_t i = 0; !member && headers && i < headers->len; i++) {
                const wr_value *pair = &headers->as.items[i];
                if (wr_str_eq_nocase(wr_value_text(&pair->as.items[0]), Z(name))) {
                    member = &pair->as.items[1];
                }
            }
            if (!member) {
                return (wr_str){0};
            }
            wr_value copy = *member;
            wr_value_force(&copy, &b->f.arena, WR_SQL_2016);
            return wr_value_text(&copy);
        }
        text = wr_str_cut(text, len + (feed != NULL), text.len);
    }
    return (wr_str){0};
}

// ---- requests, byte for byte

static const char *const dimensions[] = {"[0].name", "device",    "[0].value", "kiln-7", "[1].name",
                                         "site",     "[1].value", "a\"b",      NULL};
static const char *const site_one[] = {"[0].propertyAlias",
                                       "/plant/kiln/temp",
                                       "[0].propertyValues[0].value.doubleValue",
                                       "1.50",
                                       "[0].propertyValues[0].timestamp.timeInSeconds",
                                       "1700000000",
                                       "[0].propertyValues[0].timestamp.offsetInNanos",
                                       "1.23E8",
                                       "[0].propertyValues[0].quality",
                                       "GOOD",
                                       NULL};
static const char *const site_many[] = {"[0].entryId",
                                        "e-1",
                                        "[0].assetId",
                                        "asset",
                                        "[0].propertyId",
                                        "property",
                                        "[0].propertyValues[0].value.integerValue",
                                        "42",
                                        "[0].propertyValues[0].timestamp.timeInSeconds",
                                        "1",
                                        "[0].propertyValues[1].value.booleanValue",
                                        "true",
                                        "[0].propertyValues[1].timestamp.timeInSeconds",
                                        "2.0",
                                        "[1].propertyAlias",
                                        "b",
                                        "[1].propertyValues[0].value.stringValue",
                                        "gr\xc3\xbc\xc3\x9f \"x\"",
                                        "[1].propertyValues[0].timestamp.timeInSeconds",
                                        "3",
                                        NULL};

#define JSON10 "application/x-amz-json-1.0"
#define JSON11 "application/x-amz-json-1.1"
#define JSON   "application/json"

static const struct request_case {
    const char *name;
    const struct wr_sink_impl *impl;
    wr_str body;
    struct pair params[8];
    const char *list; // option, and its leaves
    const char *const *leaves;
    const char *method, *url, *target, *type, *request;
} request_cases[] = {
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
    {"steps with a name",
     &wr_sink_step_functions_aws,
     WR_STR_INIT("{\"a\":1}"),
     {{"stateMachineName", "machine"}, {"executionNamePrefix", "run-"}},
     NULL,
     NULL,
     "POST",
     "https://states.eu-west-1.amazonaws.com/",
     "AWSStepFunctions.StartExecution",
     JSON10,
     "{\"stateMachineArn\":\"arn:aws:states:eu-west-1:123456789012:stateMachine:machine\","
     "\"name\":\"run-" UUID0 "\",\"input\":\"{\\\"a\\\":1}\"}"},
    {"steps without",
     &wr_sink_step_functions_aws,
     WR_STR_INIT("[1]"),
     {{"stateMachineName", "machine"}},
     NULL,
     NULL,
     "POST",
     "https://states.eu-west-1.amazonaws.com/",
     "AWSStepFunctions.StartExecution",
     JSON10,
     "{\"stateMachineArn\":\"arn:aws:states:eu-west-1:123456789012:stateMachine:machine\","
     "\"input\":\"[1]\"}"},
    {"search",
     &wr_sink_open_search_aws,
     WR_STR_INIT("{\"a\":1}"),
     {{"endpoint", "https://search-d.eu-north-1.es.amazonaws.com"},
      {"index", "read-1"},
      {"type", "_doc"},
      {"id", "a/b c+\xc3\xbc"}},
     NULL,
     NULL,
     "PUT",
     "https://search-d.eu-north-1.es.amazonaws.com/read-1/_doc/a%2Fb%20c%2B%C3%BC",
     NULL,
     JSON,
     "{\"a\":1}"},
    {"events",
     &wr_sink_iot_events_aws,
     WR_STR_INIT("{\"a\":1}"),
     {{"inputName", "input"}},
     NULL,
     NULL,
     "POST",
     "https://data.iotevents.eu-west-1.amazonaws.com/inputs/messages",
     NULL,
     JSON,
     "{\"messages\":[{\"messageId\":\"" UUID0 "\",\"inputName\":\"input\",\"payload\":"
     "\"eyJhIjoxfQ==\"}]}"},
    {"events with an id",
     &wr_sink_iot_events_aws,
     WR_STR_INIT("{\"a\":1}"),
     {{"inputName", "input"}, {"messageId", "m_1"}},
     NULL,
     NULL,
     "POST",
     "https://data.iotevents.eu-west-1.amazonaws.com/inputs/messages",
     NULL,
     JSON,
     "{\"messages\":[{\"messageId\":\"m_1\",\"inputName\":\"input\",\"payload\":\"eyJhIjoxfQ==\"}]"
     "}"},
    {"events, a batch",
     &wr_sink_iot_events_aws,
     WR_STR_INIT("[{\"a\":1},2]"),
     {{"inputName", "input"}, {"batchMode", "true"}},
     NULL,
     NULL,
     "POST",
     "https://data.iotevents.eu-west-1.amazonaws.com/inputs/messages",
     NULL,
     JSON,
     "{\"messages\":[{\"messageId\":\"" UUID0 "\",\"inputName\":\"input\",\"payload\":"
     "\"eyJhIjoxfQ==\"},{\"messageId\":\"" UUID1 "\",\"inputName\":\"input\",\"payload\":\"Mg==\"}]"
     "}"},
    {"analytics",
     &wr_sink_iot_analytics_aws,
     WR_STR_INIT("[1]"),
     {{"channelName", "channel"}},
     NULL,
     NULL,
     "POST",
     "https://iotanalytics.eu-west-1.amazonaws.com/messages/batch",
     NULL,
     JSON,
     "{\"channelName\":\"channel\",\"messages\":[{\"messageId\":\"" UUID0 "\",\"payload\":"
     "\"WzFd\"}]}"},
    {"analytics by ARN, a batch",
     &wr_sink_iot_analytics_aws,
     WR_STR_INIT("[1,\"x\"]"),
     {{"channelArn", "arn:aws:iotanalytics:eu-west-1:123456789012:channel/old"},
      {"batchMode", "true"}},
     NULL,
     NULL,
     "POST",
     "https://iotanalytics.eu-west-1.amazonaws.com/messages/batch",
     NULL,
     JSON,
     "{\"channelName\":\"old\",\"messages\":[{\"messageId\":\"" UUID0 "\",\"payload\":\"MQ==\"},{"
     "\"messageId\":\"" UUID1 "\",\"payload\":\"Ingi\"}]}"},
    {"site wise",
     &wr_sink_iot_site_wise_aws,
     WR_STR_INIT("{}"),
     {{0}},
     "putAssetPropertyValueEntries",
     site_one,
     "POST",
     "https://data.iotsitewise.eu-west-1.amazonaws.com/properties",
     NULL,
     JSON,
     "{\"entries\":[{\"entryId\":\"" UUID0 "\",\"propertyAlias\":\"/plant/kiln/temp\","
     "\"propertyValues\":[{\"value\":{\"doubleValue\":1.5},\"timestamp\":{\"timeInSeconds\":"
     "1700000000,\"offsetInNanos\":123000000},\"quality\":\"GOOD\"}]}]}"},
    {"site wise, several",
     &wr_sink_iot_site_wise_aws,
     WR_STR_INIT("{}"),
     {{0}},
     "putAssetPropertyValueEntries",
     site_many,
     "POST",
     "https://data.iotsitewise.eu-west-1.amazonaws.com/properties",
     NULL,
     JSON,
     "{\"entries\":[{\"entryId\":\"e-1\",\"assetId\":\"asset\",\"propertyId\":\"property\","
     "\"propertyValues\":[{\"value\":{\"integerValue\":42},\"timestamp\":{\"timeInSeconds\":1}},{"
     "\"value\":{\"booleanValue\":true},\"timestamp\":{\"timeInSeconds\":2}}]},{\"entryId\":"
     "\"" UUID1 "\",\"propertyAlias\":\"b\",\"propertyValues\":[{\"value\":{\"stringValue\":"
     "\"gr\xc3\xbc\xc3\x9f "
     "\\\"x\\\"\"},\"timestamp\":{\"timeInSeconds\":3}}]}]}"},
    {"location",
     &wr_sink_location_aws,
     WR_STR_INIT("{}"),
     {{"trackerName", "trucks"},
      {"deviceId", "truck-1"},
      {"latitude", "52.5"},
      {"longitude", "-13.40"},
      {"timestamp.value", "1700000000"},
      {"timestamp.unit", "SECONDS"}},
     NULL,
     NULL,
     "POST",
     "https://tracking.geo.eu-west-1.amazonaws.com/tracking/v0/trackers/trucks/positions",
     NULL,
     JSON,
     "{\"Updates\":[{\"DeviceId\":\"truck-1\",\"SampleTime\":\"2023-11-14T22:13:20Z\","
     "\"Position\":[-13.4,52.5]}]}"},
    {"location of now",
     &wr_sink_location_aws,
     WR_STR_INIT("{}"),
     {{"trackerName", "trucks"}, {"deviceId", "truck-1"}, {"latitude", "0"}, {"longitude", "180"}},
     NULL,
     NULL,
     "POST",
     "https://tracking.geo.eu-west-1.amazonaws.com/tracking/v0/trackers/trucks/positions",
     NULL,
     JSON,
     "{\"Updates\":[{\"DeviceId\":\"truck-1\",\"SampleTime\":\"2023-11-14T22:13:20.123Z\","
     "\"Position\":[180,0]}]}"},
    {"timestream",
     &wr_sink_timestream_aws,
     WR_STR_INIT("{\"t\":41.5,\"n\":123456789012,\"b\":true,\"s\":\"12\",\"z\":null,\"w\":10.0,"
                 "\"o\":{\"a\":[1,2]}}"),
     {{"databaseName", "plant"},
      {"tableName", "readings"},
      {"timestamp.value", "1700000000"},
      {"timestamp.unit", "SECONDS"}},
     "dimensions",
     dimensions,
     "POST",
     "https://ingest.timestream.eu-west-1.amazonaws.com/",
     "Timestream_20181101.WriteRecords",
     JSON10,
#define DIM                                                                           \
    "{\"Dimensions\":[{\"Name\":\"device\",\"Value\":\"kiln-7\"},{\"Name\":\"site\"," \
    "\"Value\":\"a\\\"b\"}],\"MeasureName\":"
#define TIME ",\"Time\":\"1700000000\",\"TimeUnit\":\"SECONDS\"}"
     "{\"DatabaseName\":\"plant\",\"TableName\":\"readings\",\"Records\":[" DIM
     "\"t\",\"MeasureValue\":\"41.5\",\"MeasureValueType\":\"DOUBLE\"" TIME "," DIM
     "\"n\",\"MeasureValue\":\"123456789012\",\"MeasureValueType\":\"BIGINT\"" TIME "," DIM
     "\"b\",\"MeasureValue\":\"true\",\"MeasureValueType\":\"BOOLEAN\"" TIME "," DIM
     "\"s\",\"MeasureValue\":\"12\",\"MeasureValueType\":\"VARCHAR\"" TIME "," DIM
     "\"w\",\"MeasureValue\":\"10\",\"MeasureValueType\":\"BIGINT\"" TIME "," DIM
     "\"o\",\"MeasureValue\":\"{\\\"a\\\":[1,2]}\",\"MeasureValueType\":\"VARCHAR\"" TIME "]}"},
};

static const struct wr_test_setting here[] = {
    {"instance", "here"}, {"discovery", "never"}, {"protocol", "json"}, {0}};

static void test_requests(void **state)
{
    for (size_t i = 0; i < WR_COUNT(request_cases); i++) {
        const struct request_case *c = &request_cases[i];
        struct bed *b = bed_new(c->impl, here);
        struct fake_record *r = record(b, c->body, c->params);
        if (c->list) {
            set_list(r, c->list, c->leaves, &b->f.arena);
        }
        fake_submit(&b->f, r);
        run_once(b);
        if (r->settled != 1 || r->verdict != WR_DELIVERED) {
            CASE_FAIL(c->name, "settled %u times, verdict %d: %s", r->settled, r->verdict,
                      r->message);
        }
        CHECK_STR(c->name, kept(b, 0, "method"), Z(c->method));
        CHECK_STR(c->name, kept(b, 0, "url"), Z(c->url));
        CHECK_STR(c->name, kept(b, 0, "X-Amz-Target"), Z(c->target));
        CHECK_STR(c->name, kept(b, 0, "Content-Type"), Z(c->type));
        CHECK_STR(c->name, kept(b, 0, "body"), Z(c->request));
        CHECK_STR(c->name, kept(b, 1, "body"), S(""));
        free(r);
        bed_free(b);
    }
}

// 2015-10-08 keeps a Decimal a Decimal: the type does not flip.
static void test_timestream_2015(void **state)
{
    struct bed *b = bed_new(&wr_sink_timestream_aws, here);
    static const struct pair params[] = {{"databaseName", "plant"}, {"tableName", "readings"}, {0}};
    static const char *const one[] = {"[0].name", "d", "[0].value", "v", NULL};
    struct fake_record *r = record(b, S("{\"w\":10.0,\"i\":10}"), params);
    set_list(r, "dimensions", one, &b->f.arena);
    r->rec.dialect = WR_SQL_2015;
    assert_int_equal(wr_json_parse(r->rec.body, &b->f.arena, WR_SQL_2015, &r->result, NULL), WR_OK);
    fake_submit(&b->f, r);
    run_once(b);
    CHECK_STR("request", kept(b, 0, "body"),
              S("{\"DatabaseName\":\"plant\",\"TableName\":\"readings\",\"Records\":[{"
                "\"Dimensions\":[{\"Name\":\"d\",\"Value\":\"v\"}],\"MeasureName\":\"w\","
                "\"MeasureValue\":\"10.0\",\"MeasureValueType\":\"DOUBLE\",\"Time\":"
                "\"1700000000123\",\"TimeUnit\":\"MILLISECONDS\"},{\"Dimensions\":[{\"Name\":\"d\","
                "\"Value\":\"v\"}],\"MeasureName\":\"i\",\"MeasureValue\":\"10\","
                "\"MeasureValueType\":\"BIGINT\",\"Time\":\"1700000000123\",\"TimeUnit\":"
                "\"MILLISECONDS\"}]}"));
    free(r);
    bed_free(b);
}

// The endpoint is asked for once; nothing is sent here, so its usual name is taken.
static void test_timestream_discovery(void **state)
{
    struct bed *b = bed_new(&wr_sink_timestream_aws, NULL);
    static const struct pair params[] = {{"databaseName", "plant"}, {"tableName", "readings"}, {0}};
    static const char *const one[] = {"[0].name", "d", "[0].value", "v", NULL};
    for (int i = 0; i < 2; i++) {
        struct fake_record *r = record(b, S("{\"i\":10}"), params);
        set_list(r, "dimensions", one, &b->f.arena);
        fake_submit(&b->f, r);
        run_once(b);
        assert_int_equal(r->verdict, WR_DELIVERED);
        free(r);
    }
    CHECK_STR("asked", kept(b, 0, "X-Amz-Target"), S("Timestream_20181101.DescribeEndpoints"));
    CHECK_STR("with", kept(b, 0, "body"), S("{}"));
    for (size_t i = 1; i < 3; i++) {
        CHECK_STR("written", kept(b, i, "X-Amz-Target"), S("Timestream_20181101.WriteRecords"));
        CHECK_STR("to", kept(b, i, "url"), S("https://ingest.timestream.eu-west-1.amazonaws.com/"));
    }
    CHECK_STR("no more", kept(b, 3, "method"), S(""));
    bed_free(b);
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

// ---- batches

// How many entries each request has, by counting `mark`.
static void check_sizes(struct bed *b, const char *mark, const size_t *want, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wr_str body = kept(b, i, "body");
        size_t found = 0;
        for (ptrdiff_t at; (at = wr_str_find(body, Z(mark))) >= 0; found++) {
            body = wr_str_cut(body, (size_t)at + 1, body.len);
        }
        CHECK_INT(mark, found, want[i]);
    }
    CHECK_STR("no more", kept(b, count, "body"), S(""));
}

static void test_batches(void **state)
{
    static const struct pair params[] = {
        {"trackerName", "t"}, {"deviceId", ""}, {"latitude", "1"}, {"longitude", "2"}, {0}};
    struct bed *b = bed_new(&wr_sink_location_aws, here);
    struct fake_record *r[25];
    char names[25][8];
    for (int i = 0; i < 25; i++) {
        r[i] = record(b, S("{}"), params);
        snprintf(names[i], sizeof names[i], "d%d", i);
        fake_set(r[i], "deviceId", Z(names[i]));
        fake_submit(&b->f, r[i]);
    }
    run_once(b);
    check_sizes(b, "DeviceId", (const size_t[]){10, 10, 5}, 3);
    for (int i = 0; i < 25; i++) {
        assert_int_equal(r[i]->verdict, WR_DELIVERED);
        free(r[i]);
    }
    bed_free(b);
}

// Closing with records that wait and a request that is under way: each is settled once.
static void test_close(void **state)
{
    static const struct pair params[] = {
        {"trackerName", "t"}, {"deviceId", ""}, {"latitude", "1"}, {"longitude", "2"}, {0}};
    static const struct wr_sink_impl *const impls[] = {&wr_sink_location_aws, &wr_sink_location};
    for (size_t k = 0; k < WR_COUNT(impls); k++) {
        for (int turns = 0; turns < 4; turns++) {
            struct bed *b = bed_new(impls[k], NULL);
            struct fake_record *r[95];
            char names[95][8];
            for (int i = 0; i < 95; i++) {
                r[i] = record(b, S("{}"), params);
                snprintf(names[i], sizeof names[i], "d%d", i);
                fake_set(r[i], "deviceId", Z(names[i]));
                fake_submit(&b->f, r[i]);
            }
            for (int i = 0; i < turns; i++) {
                uv_run(&b->f.loop, UV_RUN_NOWAIT);
            }
            bed_free(b);
            for (int i = 0; i < 95; i++) {
                CHECK_INT(impls[k]->form, r[i]->settled, 1);
                CHECK(impls[k]->form, r[i]->verdict != WR_REFUSED);
                free(r[i]);
            }
        }
    }
}

// Two positions of one device: an error could not tell them apart.
static void test_one_of_a_name(void **state)
{
    static const struct pair params[] = {{"inputName", "i"}, {"messageId", "same"}, {0}};
    struct bed *b = bed_new(&wr_sink_iot_events_aws, here);
    struct fake_record *r[3];
    for (int i = 0; i < 3; i++) {
        r[i] = record(b, S("{}"), params);
        fake_submit(&b->f, r[i]);
    }
    run_once(b);
    check_sizes(b, "messageId", (const size_t[]){1, 1, 1}, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(r[i]->settled, 1);
        free(r[i]);
    }
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

// ---- what is refused

static const char *const site_bad_integer[] = {"[0].propertyAlias",
                                               "a",
                                               "[0].propertyValues[0].value.integerValue",
                                               "1.5",
                                               "[0].propertyValues[0].timestamp.timeInSeconds",
                                               "1",
                                               NULL};
static const char *const site_bad_boolean[] = {"[0].propertyAlias",
                                               "a",
                                               "[0].propertyValues[0].value.booleanValue",
                                               "1",
                                               "[0].propertyValues[0].timestamp.timeInSeconds",
                                               "1",
                                               NULL};
static const char *const site_bad_seconds[] = {"[0].propertyAlias",
                                               "a",
                                               "[0].propertyValues[0].value.doubleValue",
                                               "1",
                                               "[0].propertyValues[0].timestamp.timeInSeconds",
                                               "1700000000.5",
                                               NULL};
static const char *const site_bad_nanos[] = {"[0].propertyAlias",
                                             "a",
                                             "[0].propertyValues[0].value.doubleValue",
                                             "1",
                                             "[0].propertyValues[0].timestamp.timeInSeconds",
                                             "1",
                                             "[0].propertyValues[0].timestamp.offsetInNanos",
                                             "1E9",
                                             NULL};
static const char *const site_no_alias[] = {"[0].propertyAlias",
                                            "",
                                            "[0].propertyValues[0].value.doubleValue",
                                            "1",
                                            "[0].propertyValues[0].timestamp.timeInSeconds",
                                            "1",
                                            NULL};
static const char *const site_twice[] = {"[0].entryId",
                                         "e",
                                         "[0].propertyAlias",
                                         "a",
                                         "[0].propertyValues[0].value.doubleValue",
                                         "1",
                                         "[0].propertyValues[0].timestamp.timeInSeconds",
                                         "1",
                                         "[1].entryId",
                                         "e",
                                         "[1].propertyAlias",
                                         "b",
                                         "[1].propertyValues[0].value.doubleValue",
                                         "1",
                                         "[1].propertyValues[0].timestamp.timeInSeconds",
                                         "1",
                                         NULL};

#define METRIC(value, unit)                                                    \
    {                                                                          \
        {"metricNamespace", "n"}, {"metricName", "m"}, {"metricValue", value}, \
            {"metricUnit", unit},                                              \
    }
#define TABLE                   \
    {"databaseName", "plant"},  \
    {                           \
        "tableName", "readings" \
    }
#define PLACE(latitude, longitude)                                   \
    {"trackerName", "t"}, {"deviceId", "d"}, {"latitude", latitude}, \
    {                                                                \
        "longitude", longitude                                       \
    }
#define DOCUMENT(index, id)                                        \
    {"endpoint", "https://e"}, {"index", index}, {"type", "_doc"}, \
    {                                                              \
        "id", id                                                   \
    }

static const struct refusal_case {
    const char *name;
    const struct wr_sink_impl *impl;
    wr_str body;
    struct pair params[8];
    const char *list;
    const char *const *leaves;
    const char *words;
} refusal_cases[] = {
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
    {"timestream: an array",
     &wr_sink_timestream,
     WR_STR_INIT("[1]"),
     {TABLE},
     "dimensions",
     dimensions,
     "The result is no JSON object, whose attributes would be measures: found Array"},
    {"timestream: raw",
     &wr_sink_timestream,
     WR_STR_INIT("\xff"),
     {TABLE},
     "dimensions",
     dimensions,
     "found Raw"},
    {"timestream: no measure",
     &wr_sink_timestream,
     WR_STR_INIT("{\"a\":null}"),
     {TABLE},
     "dimensions",
     dimensions,
     "The result has 0 measures: expected 1 to 100"},
    {"timestream: empty text",
     &wr_sink_timestream,
     WR_STR_INIT("{\"a\":\"\"}"),
     {TABLE},
     "dimensions",
     dimensions,
     "Value '' at 'records.1.member.measureValue' failed to satisfy constraint: Member must have "
     "length greater than or equal to 1"},
    {"timestream: too large",
     &wr_sink_timestream,
     WR_STR_INIT("{\"a\":9223372036854775808}"),
     {TABLE},
     "dimensions",
     dimensions,
     "The value 9223372036854775808 of measure a is no BIGINT"},
    {"timestream: time",
     &wr_sink_timestream,
     WR_STR_INIT("{\"a\":1}"),
     {TABLE, {"timestamp.value", "now"}, {"timestamp.unit", "SECONDS"}},
     "dimensions",
     dimensions,
     "timestamp.value: expected a whole number of SECONDS since 1970, found 'now'"},
    {"timestream: table",
     &wr_sink_timestream,
     WR_STR_INIT("{\"a\":1}"),
     {{"databaseName", "plant"}, {"tableName", "a/../b"}},
     "dimensions",
     dimensions,
     "Value 'a/../b' at 'tableName' failed"},
    {"steps: raw",
     &wr_sink_step_functions,
     WR_STR_INIT("\xff"),
     {{"stateMachineName", "m"}},
     NULL,
     NULL,
     "The result is binary, or text that is no JSON: expected JSON"},
    {"steps: machine",
     &wr_sink_step_functions,
     WR_STR_INIT("{}"),
     {{"stateMachineName", "../m"}},
     NULL,
     NULL,
     "Invalid Arn: 'stateMachine:../m'"},
    {"steps: name",
     &wr_sink_step_functions,
     WR_STR_INIT("{}"),
     {{"stateMachineName", "m"}, {"executionNamePrefix", "a b"}},
     NULL,
     NULL,
     "Invalid Name: 'a b" UUID0 "'"},
    {"steps: long name",
     &wr_sink_step_functions,
     WR_STR_INIT("{}"),
     {{"stateMachineName", "m"},
      {"executionNamePrefix", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}},
     NULL,
     NULL,
     "Error Code: InvalidName"},
    {"search: index",
     &wr_sink_open_search,
     WR_STR_INIT("{}"),
     {DOCUMENT("Big", "1")},
     NULL,
     NULL,
     "Invalid index name [Big]: must be lowercase"},
    {"search: index that leads up",
     &wr_sink_open_search,
     WR_STR_INIT("{}"),
     {DOCUMENT("..", "1")},
     NULL,
     NULL,
     "Error Code: invalid_index_name_exception"},
    {"search: all indexes",
     &wr_sink_open_search,
     WR_STR_INIT("{}"),
     {DOCUMENT("_all", "1")},
     NULL,
     NULL,
     "Error Code: invalid_index_name_exception"},
    {"search: id",
     &wr_sink_open_search,
     WR_STR_INIT("{}"),
     {DOCUMENT("i", "")},
     NULL,
     NULL,
     "id [] is of 0 bytes"},
    {"search: an array",
     &wr_sink_open_search,
     WR_STR_INIT("[1]"),
     {DOCUMENT("i", "1")},
     NULL,
     NULL,
     "The result is no JSON object, as a document must be: found Array"},
    {"search: endpoint",
     &wr_sink_open_search,
     WR_STR_INIT("{}"),
     {{"endpoint", "ftp://x"}, {"index", "i"}, {"type", "_doc"}, {"id", "1"}},
     NULL,
     NULL,
     "endpoint: \"ftp://x\" is no URL"},
    {"events: input",
     &wr_sink_iot_events,
     WR_STR_INIT("{}"),
     {{"inputName", "a b"}},
     NULL,
     NULL,
     "Value 'a b' at 'messages.1.member.inputName' failed"},
    {"events: id",
     &wr_sink_iot_events,
     WR_STR_INIT("{}"),
     {{"inputName", "i"}, {"messageId", "a/b"}},
     NULL,
     NULL,
     "Value 'a/b' at 'messages.1.member.messageId' failed"},
    {"events: too many",
     &wr_sink_iot_events,
     WR_STR_INIT("[1,2,3,4,5,6,7,8,9,10,11]"),
     {{"inputName", "i"}, {"batchMode", "true"}},
     NULL,
     NULL,
     "batchMode: the array has 11 elements: expected 1 to 10"},
    {"events: none",
     &wr_sink_iot_events,
     WR_STR_INIT("[]"),
     {{"inputName", "i"}, {"batchMode", "true"}},
     NULL,
     NULL,
     "the array has 0 elements"},
    {"events: raw",
     &wr_sink_iot_events,
     WR_STR_INIT("\xff"),
     {{"inputName", "i"}},
     NULL,
     NULL,
     "expected JSON"},
    {"analytics: channel",
     &wr_sink_iot_analytics,
     WR_STR_INIT("{}"),
     {{"channelName", "a-b"}},
     NULL,
     NULL,
     "Value 'a-b' at 'channelName' failed"},
    {"site wise: integer",
     &wr_sink_iot_site_wise,
     WR_STR_INIT("{}"),
     {{0}},
     "putAssetPropertyValueEntries",
     site_bad_integer,
     "putAssetPropertyValueEntries[0].propertyValues[0].value.integerValue: expected a whole "
     "number of 32 bits, found '1.5'"},
    {"site wise: boolean",
     &wr_sink_iot_site_wise,
     WR_STR_INIT("{}"),
     {{0}},
     "putAssetPropertyValueEntries",
     site_bad_boolean,
     "expected true or false, found '1'"},
    {"site wise: seconds",
     &wr_sink_iot_site_wise,
     WR_STR_INIT("{}"),
     {{0}},
     "putAssetPropertyValueEntries",
     site_bad_seconds,
     "timestamp.timeInSeconds: expected whole seconds since 1970, found '1700000000.5'"},
    {"site wise: nanoseconds",
     &wr_sink_iot_site_wise,
     WR_STR_INIT("{}"),
     {{0}},
     "putAssetPropertyValueEntries",
     site_bad_nanos,
     "expected a whole number from 0 to 999999999, found '1E9'"},
    {"site wise: no alias",
     &wr_sink_iot_site_wise,
     WR_STR_INIT("{}"),
     {{0}},
     "putAssetPropertyValueEntries",
     site_no_alias,
     "putAssetPropertyValueEntries[0].propertyAlias: expected 1 to 2048 characters"},
    {"site wise: an id twice",
     &wr_sink_iot_site_wise,
     WR_STR_INIT("{}"),
     {{0}},
     "putAssetPropertyValueEntries",
     site_twice,
     "putAssetPropertyValueEntries[1]: expected an entryId that no other entry has, found 'e'"},
    {"location: latitude",
     &wr_sink_location,
     WR_STR_INIT("{}"),
     {PLACE("90.1", "0")},
     NULL,
     NULL,
     "latitude: expected a number from -90 to 90, found '90.1'"},
    {"location: longitude",
     &wr_sink_location,
     WR_STR_INIT("{}"),
     {PLACE("0", "east")},
     NULL,
     NULL,
     "longitude: expected a number from -180 to 180, found 'east'"},
    {"location: device",
     &wr_sink_location,
     WR_STR_INIT("{}"),
     {{"trackerName", "t"}, {"deviceId", "a b"}, {"latitude", "1"}, {"longitude", "1"}},
     NULL,
     NULL,
     "Value 'a b' at 'updates.1.member.deviceId' failed"},
    {"location: tracker",
     &wr_sink_location,
     WR_STR_INIT("{}"),
     {{"trackerName", "a/b"}, {"deviceId", "d"}, {"latitude", "1"}, {"longitude", "1"}},
     NULL,
     NULL,
     "Value 'a/b' at 'trackerName' failed"},
    {"location: time",
     &wr_sink_location,
     WR_STR_INIT("{}"),
     {PLACE("1", "1"), {"timestamp.value", "1e30"}},
     NULL,
     NULL,
     "timestamp.value: expected a whole number, found '1e30'"},
    {"location: year",
     &wr_sink_location,
     WR_STR_INIT("{}"),
     {PLACE("1", "1"), {"timestamp.value", "1700000000000"}, {"timestamp.unit", "SECONDS"}},
     NULL,
     NULL,
     "is in no year from 0 to 9999"},
    {"location: unit",
     &wr_sink_location,
     WR_STR_INIT("{}"),
     {PLACE("1", "1"), {"timestamp.value", "1"}, {"timestamp.unit", "HOURS"}},
     NULL,
     NULL,
     "timestamp.unit: expected SECONDS|MILLISECONDS"},
};

static const struct wr_test_setting local_settings[] = {
    {"instance", "here"}, {"files_kept", "2"},      {"fsync", "true"},
    {"file_size", "0"},   {"busy_timeout", "2000"}, {0}};

static void test_refusals(void **state)
{
    for (size_t i = 0; i < WR_COUNT(refusal_cases); i++) {
        const struct refusal_case *c = &refusal_cases[i];
        struct bed *b = bed_new(c->impl, local_settings);
        struct fake_record *r = record(b, c->body, c->params);
        if (c->list) {
            set_list(r, c->list, c->leaves, &b->f.arena);
        }
        fake_submit(&b->f, r);
        CHECK_INT(c->name, r->settled, 1);
        CHECK_INT(c->name, r->verdict, WR_REFUSED);
        if (!strstr(r->message, c->words)) {
            CASE_FAIL(c->name, "'%s' does not say '%s'", r->message, c->words);
        }
        free(r);
        bed_free(b);
    }
}

// ---- local forms

static const struct local_case {
    const char *name;
    const struct wr_sink_impl *impl;
    wr_str body;
    struct pair params[8];
    const char *list;
    const char *const *leaves;
    const char *file, *text;
} local_cases[] = {
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
    {"steps",
     &wr_sink_step_functions,
     WR_STR_INIT("{\"a\":\n1}"),
     {{"stateMachineName", "m"}},
     NULL,
     NULL,
     "stepfunctions/m.ndjson",
     "{\"executionArn\":\"arn:aws:states:local:123456789012:execution:m:" UUID0
     "\",\"stateMachineArn\":\"arn:aws:states:local:123456789012:stateMachine:m\",\"name\":"
     "\"" UUID0 "\",\"status\":\"RECORDED\",\"startDate\":1700000000123,\"input\":{\"a\": 1}}\n"},
    {"search",
     &wr_sink_open_search,
     WR_STR_INIT("{\"a\":1}"),
     {DOCUMENT("i", "1")},
     NULL,
     NULL,
     "opensearch/i.ndjson",
     "{\"index\":{\"_index\":\"i\",\"_id\":\"1\"}}\n{\"a\":1}\n"},
    {"search with a type",
     &wr_sink_open_search,
     WR_STR_INIT("{\"a\":1}"),
     {{"endpoint", "https://e"}, {"index", "i"}, {"type", "t"}, {"id", "1"}},
     NULL,
     NULL,
     "opensearch/i.ndjson",
     "{\"index\":{\"_index\":\"i\",\"_type\":\"t\",\"_id\":\"1\"}}\n{\"a\":1}\n"},
    {"events",
     &wr_sink_iot_events,
     WR_STR_INIT("{\"a\":1}"),
     {{"inputName", "input"}, {"messageId", "m"}},
     NULL,
     NULL,
     "iotevents/input.ndjson",
     "{\"timestamp\":1700000000123,\"messageId\":\"m\",\"inputName\":\"input\",\"payload\":{\"a\":"
     "1}}\n"},
    {"analytics, a batch",
     &wr_sink_iot_analytics,
     WR_STR_INIT("[1,{\"x\":2}]"),
     {{"channelName", "c"}, {"batchMode", "true"}},
     NULL,
     NULL,
     "iotanalytics/c.ndjson",
     "{\"timestamp\":1700000000123,\"messageId\":\"" UUID0 "\",\"payload\":1}\n"
     "{\"timestamp\":1700000000123,\"messageId\":\"" UUID1 "\",\"payload\":{\"x\":2}}\n"},
    {"site wise",
     &wr_sink_iot_site_wise,
     WR_STR_INIT("{}"),
     {{0}},
     "putAssetPropertyValueEntries",
     site_one,
     "iotsitewise/values.ndjson",
     "{\"entryId\":\"" UUID0 "\",\"propertyAlias\":\"/plant/kiln/temp\",\"propertyValues\":[{"
     "\"value\":{\"doubleValue\":1.5},\"timestamp\":{\"timeInSeconds\":1700000000,"
     "\"offsetInNanos\":123000000},\"quality\":\"GOOD\"}]}\n"},
    {"location",
     &wr_sink_location,
     WR_STR_INIT("{}"),
     {PLACE("1", "2")},
     NULL,
     NULL,
     "location/t.ndjson",
     "{\"DeviceId\":\"d\",\"SampleTime\":\"2023-11-14T22:13:20.123Z\",\"Position\":[2,1]}\n"},
};

static void finish(struct bed *b)
{
    b->f.closed = 0;
    b->f.sink.impl->close(&b->f.sink, fake_closed);
    for (int k = 0; k < 1000 && !b->f.closed; k++) {
        uv_run(&b->f.loop, UV_RUN_ONCE);
    }
}

static void drop(struct bed *b)
{
    wr_aws_close(b->aws, NULL, NULL);
    fake_release(&b->f);
    wr_recorder_close(b->recorder);
    free(b);
}

static void test_local(void **state)
{
    for (size_t i = 0; i < WR_COUNT(local_cases); i++) {
        const struct local_case *c = &local_cases[i];
        struct bed *b = bed_new(c->impl, local_settings);
        struct fake_record *r = record(b, c->body, c->params);
        if (c->list) {
            set_list(r, c->list, c->leaves, &b->f.arena);
        }
        fake_submit(&b->f, r);
        finish(b); // closing waits for what is held
        CHECK_INT(c->name, r->settled, 1);
        if (r->verdict != WR_DELIVERED) {
            CASE_FAIL(c->name, "%s", r->message);
        }
        CHECK_STR(c->name, file_text(b, c->file), Z(c->text));
        free(r);
        drop(b);
    }
}

static bool add_row(void *user, const struct wr_local_row *row)
{
    struct wr_buf *b = user;
    wr_buf_add(b, row->json);
    wr_buf_add_char(b, '\n');
    return true;
}

static void check_rows(struct bed *b, enum wr_local_rows_query query, const char *name,
                       const char *key, int64_t after, const char *want)
{
    struct wr_buf got = {0};
    if (wr_local_rows(b->f.dir, query, Z(name), Z(key), after, add_row, &got, &b->f.fault)) {
        fail_msg("%s", b->f.fault.text);
    }
    CHECK_STR(name, wr_buf_str(&got), Z(want));
    wr_buf_release(&got);
}

static bool sum_up(void *user, const struct wr_local_metric *m)
{
    struct wr_buf *b = user;
    wr_buf_addf(b, "%.*s %.*s %.*s %llu %g %g %g %g %lld;", WR_STR_ARG(m->space),
                WR_STR_ARG(m->name), WR_STR_ARG(m->unit), (unsigned long long)m->count, m->sum,
                m->min, m->max, m->last, (long long)m->time_ms);
    return true;
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

static void test_timestream_rows(void **state)
{
    static const char *const one[] = {"[0].name", "d", "[0].value", "v", NULL};
    static const struct pair params[] = {{"databaseName", "plant"},
                                         {"tableName", "readings"},
                                         {"timestamp.value", "7"},
                                         {"timestamp.unit", "SECONDS"},
                                         {0}};
    struct bed *b = bed_new(&wr_sink_timestream, local_settings);
    struct fake_record *r = record(b, S("{\"t\":1.5,\"s\":\"a\\u0000b\"}"), params);
    set_list(r, "dimensions", one, &b->f.arena);
    fake_submit(&b->f, r);
    finish(b);
    assert_int_equal(r->verdict, WR_DELIVERED);
    free(r);
    check_rows(b, WR_LOCAL_TABLES, "", "", 0,
               "{\"database\":\"plant\",\"table\":\"readings\",\"records\":2}\n");
    check_rows(b, WR_LOCAL_RECORDS, "plant", "readings", 0,
               "{\"table\":\"readings\",\"measure\":\"t\",\"type\":\"DOUBLE\",\"value\":"
               "\"1.5\",\"time\":7,\"timeUnit\":\"SECONDS\",\"dimensions\":[{\"Name\":\"d\","
               "\"Value\":\"v\"}]}\n"
               "{\"table\":\"readings\",\"measure\":\"s\",\"type\":\"VARCHAR\",\"value\":"
               "\"a\\u0000b\",\"time\":7,\"timeUnit\":\"SECONDS\",\"dimensions\":[{\"Name\":\"d\","
               "\"Value\":\"v\"}]}\n");
    check_rows(b, WR_LOCAL_RECORDS, "plant", "other", 0, "");
    drop(b);
}

// ---- numbers and ids

static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        bool number, whole;
        double d;
        int64_t n;
    } cases[] = {
        {"0", true, true, 0, 0},
        {"-0", true, true, 0, 0},
        {"+7", true, true, 7, 7},
        {"123000000", true, true, 123000000, 123000000},
        {"1.23E8", true, true, 123000000, 123000000},
        {"5.0", true, true, 5, 5},
        {"1.5", true, false, 1.5, 0},
        {"15e-1", true, false, 1.5, 0},
        {".5", true, false, 0.5, 0},
        {"9223372036854775807", true, true, 9223372036854775808.0, INT64_MAX},
        {"9223372036854775808", true, false, 9223372036854775808.0, 0},
        {"1e400", false, false, 0, 0},
        {"", false, false, 0, 0},
        {" 1", false, false, 0, 0},
        {"1 ", false, false, 0, 0},
        {"1,5", false, false, 0, 0},
        {"0x1", false, false, 0, 0},
        {"inf", false, false, 0, 0},
        {"nan", false, false, 0, 0},
        {"-", false, false, 0, 0},
        {".", false, false, 0, 0},
        {"1e", false, false, 0, 0},
        {"--1", false, false, 0, 0},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        double d = 0;
        int64_t n = 0;
        CHECK_INT(cases[i].text, wr_text_double(Z(cases[i].text), &d), cases[i].number);
        CHECK(cases[i].text, d == cases[i].d);
        CHECK_INT(cases[i].text, wr_text_whole(Z(cases[i].text), &n), cases[i].whole);
        CHECK_INT(cases[i].text, n, cases[i].n);
    }
}

static void test_times(void **state)
{
    static const struct {
        const char *unit, *text;
        int64_t value;
    } cases[] = {
        {"SECONDS", "2023-11-14T22:13:20Z", 1700000000},
        {"MILLISECONDS", "2023-11-14T22:13:20.001Z", 1700000000001},
        {"MICROSECONDS", "2023-11-14T22:13:20.000001Z", 1700000000000001},
        {"NANOSECONDS", "2023-11-14T22:13:20.000000001Z", 1700000000000000001},
        {"MILLISECONDS", "1969-12-31T23:59:59.999Z", -1},
        {"SECONDS", "9999-12-31T23:59:59Z", 253402300799},
        {"SECONDS", NULL, 253402300800},
        {"MINUTES", NULL, 1},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        int64_t seconds;
        uint32_t nanos;
        struct wr_buf b = {0};
        bool good = wr_text_time_parts(cases[i].value, Z(cases[i].unit), &seconds, &nanos) &&
                    wr_text_add_time(&b, seconds, nanos);
        CHECK_INT(cases[i].unit, good, cases[i].text != NULL);
        if (good) {
            CHECK_STR(cases[i].unit, wr_buf_str(&b), Z(cases[i].text));
        }
        wr_buf_release(&b);
    }
}

static void test_uuids(void **state)
{
    struct wr_record rec = {.delivery_id = delivery};
    char a[WR_UUID_LEN + 1], b[WR_UUID_LEN + 1];
    wr_uuid_of_record(a, &rec, 0);
    CHECK_STR("first", Z(a), S(UUID0));
    wr_uuid_of_record(b, &rec, 0);
    CHECK_STR("again", Z(b), S(UUID0));
    wr_uuid_of_record(b, &rec, 1);
    CHECK_STR("second", Z(b), S(UUID1));
    rec.action_number = 1;
    wr_uuid_of_record(b, &rec, 0);
    CHECK("another action", strcmp(a, b) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_numbers),
        T(test_times),
        T(test_uuids),
        T(test_requests),
        T(test_metric_query),
        T(test_timestream_2015),
        T(test_timestream_discovery),
        T(test_batches),
        T(test_close),
        T(test_one_of_a_name),
        T(test_logs_limits),
        T(test_refusals),
        T(test_local),
        T(test_metric_rows),
        T(test_alarm_rows),
        T(test_timestream_rows),
    };
    return TEST_MAIN(tests);
}
