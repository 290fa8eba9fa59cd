// timestream: the requests byte for byte, what is refused and with
// which words, the local forms.
#include "tests/support/service_bed.h"

#include "sql/base/banned.h"

#define TABLE                   \
    {"databaseName", "plant"},  \
    {                           \
        "tableName", "readings" \
    }

static const char *const dimensions[] = {"[0].name", "device",    "[0].value", "kiln-7", "[1].name",
                                         "site",     "[1].value", "a\"b",      NULL};

static const struct request_case request_cases[] = {
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

static void test_requests(void **state)
{
    run_requests(request_cases, WR_COUNT(request_cases));
}

static const struct refusal_case refusal_cases[] = {
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
};

static void test_refusals(void **state)
{
    run_refusals(refusal_cases, WR_COUNT(refusal_cases));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_requests),        T(test_refusals),
        T(test_timestream_2015), T(test_timestream_discovery),
        T(test_timestream_rows),
    };
    return TEST_MAIN(tests);
}
