// iotEvents, iotAnalytics, iotSiteWise, location: the requests byte for byte, what is refused and
// with which words, the local forms.
#include "tests/support/service_bed.h"

#include "sql/base/banned.h"

#define PLACE(latitude, longitude)                                   \
    {"trackerName", "t"}, {"deviceId", "d"}, {"latitude", latitude}, \
    {                                                                \
        "longitude", longitude                                       \
    }

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

static const struct request_case request_cases[] = {
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
};

static void test_requests(void **state)
{
    run_requests(request_cases, WR_COUNT(request_cases));
}

static const struct refusal_case refusal_cases[] = {
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

static void test_refusals(void **state)
{
    run_refusals(refusal_cases, WR_COUNT(refusal_cases));
}

static const struct local_case local_cases[] = {
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

static void test_local(void **state)
{
    run_local(local_cases, WR_COUNT(local_cases));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_requests), T(test_refusals), T(test_local),
        T(test_batches),  T(test_close),    T(test_one_of_a_name),
    };
    return TEST_MAIN(tests);
}
