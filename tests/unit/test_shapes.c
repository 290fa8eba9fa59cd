// The tables of AWS's actions: where templates are accepted (actions.md 2.1, row by row), what is
// required, and what the checks say about constants.
#include "engine/rules/document.h"

#include "tests/support/test.h"

#include <jansson.h>
#include <stdlib.h>

#include "sql/base/banned.h"

#define ROLE "\"roleArn\": \"arn:aws:iam::123456789012:role/iot\""

// An action that is taken as it stands, with all that is required and some that is not.
static const struct base {
    const char *kind, *members;
} bases[] = {
    {"s3", "{" ROLE ", \"bucketName\": \"bucket\", \"key\": \"k\", \"cannedAcl\": \"private\"}"},
    {"dynamoDB", "{" ROLE ", \"tableName\": \"table\", \"hashKeyField\": \"h\", \"hashKeyValue\": "
                 "\"v\", \"rangeKeyField\": \"r\", \"rangeKeyValue\": \"w\"}"},
    {"dynamoDBv2", "{" ROLE ", \"putItem\": {\"tableName\": \"table\"}}"},
    {"lambda", "{\"functionArn\": \"arn:aws:lambda:us-east-1:123456789012:function:f\"}"},
    {"republish", "{" ROLE ", \"topic\": \"a/b\", \"qos\": 1, \"headers\": {\"userProperties\": "
                  "[{\"key\": \"k\", \"value\": \"v\"}]}}"},
    {"kafka",
     "{\"destinationArn\": \"arn:aws:iot:us-east-1:123456789012:ruledestination/vpc/1\", "
     "\"topic\": "
     "\"t\", \"headers\": [{\"key\": \"k\", \"value\": \"v\"}], \"clientProperties\": "
     "{\"bootstrap.servers\": \"b:9092\", \"ssl.keystore\": \"x\", \"ssl.keystore.password\": "
     "\"p\"}}"},
    {"sqs", "{" ROLE ", \"queueUrl\": \"https://sqs.us-east-1.amazonaws.com/123456789012/q\", "
            "\"useBase64\": true}"},
    {"sns", "{" ROLE ", \"targetArn\": \"arn:aws:sns:us-east-1:123456789012:t\", "
            "\"messageFormat\": \"JSON\"}"},
    {"kinesis", "{" ROLE ", \"streamName\": \"s\", \"partitionKey\": \"p\"}"},
    {"firehose",
     "{" ROLE ", \"deliveryStreamName\": \"s\", \"separator\": \"\\r\\n\", \"batchMode\": true}"},
    {"http",
     "{\"url\": \"https://example.com/a\", \"confirmationUrl\": \"https://example.com\", "
     "\"headers\": [{\"key\": \"k\", \"value\": \"v\"}], \"auth\": {\"sigv4\": {\"signingRegion\": "
     "\"us-east-1\", \"serviceName\": \"execute-api\", " ROLE "}}, \"enableBatching\": true, "
     "\"batchConfig\": {\"maxBatchSize\": 10, \"batchAcrossTopics\": false}}"},
    {"cloudwatchLogs", "{" ROLE ", \"logGroupName\": \"/aws/g\", \"batchMode\": false}"},
    {"cloudwatchMetric",
     "{" ROLE ", \"metricNamespace\": \"n\", \"metricName\": \"m\", \"metricValue\": \"-1.5e3\", "
     "\"metricUnit\": \"Count/Second\", \"metricTimestamp\": \"1456821314\"}"},
    {"cloudwatchAlarm",
     "{" ROLE ", \"alarmName\": \"a\", \"stateReason\": \"r\", \"stateValue\": \"OK\"}"},
    {"timestream",
     "{" ROLE
     ", \"databaseName\": \"dat\", \"tableName\": \"tab\", \"dimensions\": [{\"name\": \"n\", "
     "\"value\": \"v\"}], \"timestamp\": {\"value\": \"1\", \"unit\": \"SECONDS\"}}"},
    {"stepFunctions", "{" ROLE ", \"stateMachineName\": \"s\", \"executionNamePrefix\": \"p\"}"},
    {"elasticsearch", "{" ROLE ", \"endpoint\": \"https://e\", \"index\": \"i\", \"type\": \"t\", "
                      "\"id\": \"1\"}"},
    {"openSearch", "{" ROLE ", \"endpoint\": \"https://e\", \"index\": \"i\", \"type\": \"_doc\", "
                   "\"id\": \"1\"}"},
    {"iotEvents", "{" ROLE ", \"inputName\": \"i\", \"messageId\": \"m\"}"},
    {"iotAnalytics", "{" ROLE ", \"channelName\": \"c\", \"batchMode\": true}"},
    {"iotSiteWise",
     "{" ROLE
     ", \"putAssetPropertyValueEntries\": [{\"propertyAlias\": \"/a\", \"propertyValues\": "
     "[{\"value\": {\"doubleValue\": \"1\"}, \"timestamp\": {\"timeInSeconds\": \"1\", "
     "\"offsetInNanos\": \"2\"}, \"quality\": \"GOOD\"}]}]}"},
    {"location", "{" ROLE ", \"trackerName\": \"t\", \"deviceId\": \"d\", \"latitude\": \"1\", "
                 "\"longitude\": \"2\", \"timestamp\": {\"value\": \"1\"}}"},
    {"salesforce", "{\"token\": \"0123456789012345678901234567890123456789\", \"url\": "
                   "\"https://ingestion-a.b.sfdcnow.com/streams/c/d/event\"}"},
    {"influxDB", "{" ROLE ", \"destinationArn\": \"arn:d\", \"databaseName\": \"d\", "
                 "\"tableName\": \"t\", \"tags\": {\"k\": \"v\"}}"},
    {"null", "{}"},
};

// Every leaf of every action: whether a template is taken there.
static const struct {
    const char *kind, *yes, *no; // members, a blank between them
} templates[] = {
    {"s3", "bucketName key", "cannedAcl roleArn"},
    {"dynamoDB",
     "tableName hashKeyField hashKeyType hashKeyValue rangeKeyField rangeKeyType rangeKeyValue "
     "payloadField operation",
     "roleArn"},
    {"dynamoDBv2", "putItem.tableName", "roleArn"},
    {"lambda", "functionArn", ""},
    {"republish",
     "topic headers.payloadFormatIndicator headers.contentType headers.responseTopic "
     "headers.correlationData headers.messageExpiry headers.userProperties[0].key "
     "headers.userProperties[0].value",
     "qos roleArn"},
    {"kafka",
     "topic key partition headers[0].key headers[0].value clientProperties.ssl.truststore "
     "clientProperties.ssl.truststore.password clientProperties.ssl.keystore "
     "clientProperties.ssl.keystore.password clientProperties.ssl.key.password "
     "clientProperties.sasl.kerberos.keytab clientProperties.sasl.plain.username "
     "clientProperties.sasl.plain.password clientProperties.sasl.scram.username "
     "clientProperties.sasl.scram.password",
     "destinationArn clientProperties.acks clientProperties.bootstrap.servers "
     "clientProperties.compression.type clientProperties.security.protocol "
     "clientProperties.key.serializer clientProperties.value.serializer "
     "clientProperties.sasl.mechanism clientProperties.sasl.kerberos.service.name "
     "clientProperties.sasl.kerberos.krb5.kdc clientProperties.sasl.kerberos.krb5.realm "
     "clientProperties.sasl.kerberos.principal"},
    {"sqs", "queueUrl", "useBase64 roleArn"},
    {"sns", "targetArn", "messageFormat roleArn"},
    {"kinesis", "streamName partitionKey", "roleArn"},
    {"firehose", "deliveryStreamName", "separator batchMode roleArn"},
    {"http", "url confirmationUrl headers[0].value",
     "headers[0].key auth.sigv4.signingRegion auth.sigv4.serviceName auth.sigv4.roleArn "
     "enableBatching batchConfig.maxBatchOpenMs batchConfig.maxBatchSize "
     "batchConfig.maxBatchSizeBytes batchConfig.batchAcrossTopics"},
    {"cloudwatchLogs", "logGroupName", "batchMode roleArn"},
    {"cloudwatchMetric", "metricNamespace metricName metricValue metricUnit metricTimestamp",
     "roleArn"},
    {"cloudwatchAlarm", "alarmName stateReason stateValue", "roleArn"},
    {"timestream", "databaseName tableName dimensions[0].value timestamp.value",
     "dimensions[0].name timestamp.unit roleArn"},
    {"stepFunctions", "stateMachineName executionNamePrefix", "roleArn"},
    {"elasticsearch", "endpoint index type id", "roleArn"},
    {"openSearch", "endpoint index type id", "roleArn"},
    {"iotEvents", "inputName messageId", "batchMode roleArn"},
    {"iotAnalytics", "channelName", "channelArn batchMode roleArn"},
    {"iotSiteWise",
     "putAssetPropertyValueEntries[0].entryId putAssetPropertyValueEntries[0].propertyAlias "
     "putAssetPropertyValueEntries[0].propertyValues[0].value.doubleValue "
     "putAssetPropertyValueEntries[0].propertyValues[0].timestamp.timeInSeconds "
     "putAssetPropertyValueEntries[0].propertyValues[0].timestamp.offsetInNanos "
     "putAssetPropertyValueEntries[0].propertyValues[0].quality",
     "roleArn"},
    {"location", "deviceId latitude longitude trackerName timestamp.value timestamp.unit",
     "roleArn"},
    {"salesforce", "", "url token"},
    {"influxDB", "tableName tags.k",
     "destinationArn roleArn databaseName organization timestampUnit batchConfig.maxBatchSize "
     "batchConfig.maxBatchOpenMs batchConfig.maxBatchSizeBytes batchConfig.batchAcrossTopics"},
    {"null", "name", ""},
};

static json_t *base_of(const char *kind)
{
    for (size_t i = 0; i < WR_COUNT(bases); i++) {
        if (strcmp(bases[i].kind, kind) == 0) {
            json_error_t error;
            json_t *v = json_loads(bases[i].members, JSON_REJECT_DUPLICATES, &error);
            if (!v) {
                CASE_FAIL(kind, "the test's own JSON: %s", error.text);
            }
            return v;
        }
    }
    CASE_FAIL(kind, "no base");
    return NULL;
}

// Parse a rule with one action; takes `members`. The fault's text is "" when it is taken.
static wr_err parse(const char *kind, json_t *members, struct wr_fault *fault)
{
    json_t *rule = json_pack("{s:s, s:[{s:o}]}", "sql", "SELECT 1", "actions", kind, members);
    char *text = json_dumps(rule, JSON_COMPACT);
    struct wr_document *d = NULL;
    *fault = (struct wr_fault){0};
    wr_err err = wr_document_parse(Z(text), "rule.json", wr_sink_shapes, &d, fault);
    if (!err) {
        wr_document_free(d);
    }
    free(text);
    json_decref(rule);
    return err;
}

// Set the member `path`, as in "a.b[0].c", to `value` (taken), making what is missing on the way.
// The names in clientProperties have dots in them.
static void set(json_t *at, const char *path, json_t *value)
{
    static const char flat[] = "clientProperties.";
    if (strncmp(path, flat, strlen(flat)) == 0) {
        json_object_set_new(json_object_get(at, "clientProperties"), path + strlen(flat), value);
        return;
    }
    for (;;) {
        char name[128];
        size_t len = strcspn(path, ".[");
        snprintf(name, sizeof name, "%.*s", (int)len, path);
        path += len;
        if (*path == '\0') {
            json_object_set_new(at, name, value);
            return;
        }
        if (!json_object_get(at, name)) {
            json_object_set_new(at, name, json_object());
        }
        at = json_object_get(at, name);
        if (*path == '[') {
            at = json_array_get(at, (size_t)(path[1] - '0'));
            path += 3;
        }
        path += *path == '.';
    }
}

static void takes_the_bases(void **state)
{
    for (size_t i = 0; i < WR_COUNT(bases); i++) {
        struct wr_fault fault;
        if (parse(bases[i].kind, base_of(bases[i].kind), &fault)) {
            CASE_FAIL(bases[i].kind, "%s", fault.text);
        }
    }
}

// The error names the member and the template, or there is none of that kind.
static void check_member(const char *kind, const char *member, bool yes)
{
    char name[256];
    snprintf(name, sizeof name, "%s.%s", kind, member);
    json_t *members = base_of(kind);
    set(members, member, json_string("${topic(2)}"));
    struct wr_fault fault;
    wr_err err = parse(kind, members, &fault);
    if (yes) {
        if (err) {
            CASE_FAIL(name, "a template is refused: %s", fault.text);
        }
        return;
    }
    CHECK_INT(name, err, WR_ERR_UNSUPPORTED);
    char text[400];
    snprintf(text, sizeof text, "actions[0].%s: substitution templates are not accepted here",
             name);
    CHECK_STR(name, Z(fault.text), Z(text));
}

static size_t check_members(const char *kind, const char *members, bool yes)
{
    size_t count = 0;
    for (const char *at = members; *at;) {
        size_t len = strcspn(at, " ");
        char member[128];
        snprintf(member, sizeof member, "%.*s", (int)len, at);
        check_member(kind, member, yes);
        at += len + (at[len] == ' ');
        count++;
    }
    return count;
}

static void takes_templates_where_aws_does(void **state)
{
    for (size_t i = 0; i < WR_COUNT(templates); i++) {
        check_members(templates[i].kind, templates[i].yes, true);
        check_members(templates[i].kind, templates[i].no, false);
    }
}

static bool is_word_of(const char *list, const char *word)
{
    for (const char *at = list; (at = strstr(at, word)); at++) {
        char before = at == list ? ' ' : at[-1], after = at[strlen(word)];
        if (before == ' ' && (after == ' ' || after == '\0' || after == '[' || after == '.')) {
            return true;
        }
    }
    return false;
}

// No action and no member is left out of the tables above.
static void the_tables_are_complete(void **state)
{
    size_t count = 0;
    for (; wr_sink_shapes[count]; count++) {
        const struct wr_sink_impl *impl = wr_sink_shapes[count];
        size_t row = 0;
        while (row < WR_COUNT(templates) && strcmp(templates[row].kind, impl->name) != 0) {
            row++;
        }
        if (row == WR_COUNT(templates)) {
            CASE_FAIL(impl->name, "not in the table of the test");
        }
        for (size_t i = 0; impl->options[i].name; i++) {
            if (!is_word_of(templates[row].yes, impl->options[i].name) &&
                !is_word_of(templates[row].no, impl->options[i].name)) {
                CASE_FAIL(impl->name, "%s is not in the table of the test", impl->options[i].name);
            }
        }
        if (!impl->help || !impl->failed_action || impl->resource_option < 0) {
            CASE_FAIL(impl->name, "help, failed_action or resource_option is missing");
        }
    }
    CHECK_INT("as many as the test has", count, WR_COUNT(templates));
}

static void wants_what_is_required(void **state)
{
    for (size_t i = 0; i < WR_COUNT(bases); i++) {
        const struct wr_sink_impl *impl = NULL;
        for (size_t k = 0; wr_sink_shapes[k]; k++) {
            impl = strcmp(wr_sink_shapes[k]->name, bases[i].kind) ? impl : wr_sink_shapes[k];
        }
        for (size_t k = 0; impl->options[k].name; k++) {
            if (!(impl->options[k].flags & (WR_OPT_REQUIRED | WR_OPT_NESTED))) {
                continue;
            }
            const char *member = impl->options[k].name;
            char name[128], text[160];
            snprintf(name, sizeof name, "%s.%s", impl->name, member);
            snprintf(text, sizeof text, "actions[0].%s: missing", name);
            json_t *members = base_of(impl->name);
            set(members, member, json_null()); // null is as not given
            struct wr_fault fault;
            bool spared =
                strcmp(member, "roleArn") == 0 && (impl->options[k].flags & WR_OPT_IGNORED);
            CHECK_INT(name, parse(impl->name, members, &fault), spared ? WR_OK : WR_ERR_MISSING);
            if (!spared) { // weir has no IAM
                CHECK_STR(name, Z(fault.text), Z(text));
            }
        }
    }
}

// What else the tables and checks refuse: the member, its value as JSON, the fault.
static void refuses(void **state)
{
    static const struct {
        const char *kind, *member, *value;
        wr_err err;
        const char *text;
    } cases[] = {
        {"sqs", "queueUrl", "\"https://sqs.us-east-1.amazonaws.com/1/q.fifo\"", WR_ERR_FAILED,
         "queueUrl: \"https://sqs.us-east-1.amazonaws.com/1/q.fifo\" is FIFO; rules deliver to "
         "standard queues and topics only"},
        {"sqs", "queueUrl", "\"${topic(1)}.fifo\"", WR_ERR_FAILED, NULL},
        {"sqs", "queueUrl", "\"q\"", WR_ERR_FAILED, NULL},
        {"sns", "targetArn", "\"arn:aws:sns:us-east-1:1:t.fifo\"", WR_ERR_FAILED, NULL},
        {"sns", "targetArn", "\"arn:aws:sqs:us-east-1:1:t\"", WR_ERR_FAILED,
         "targetArn: \"arn:aws:sqs:us-east-1:1:t\" is no ARN of sns: "
         "arn:aws:sns:REGION:ACCOUNT:NAME"},
        {"sns", "messageFormat", "\"json\"", WR_ERR_RANGE,
         "messageFormat: expected one of RAW|JSON, found \"json\""},
        {"kinesis", "partitionKey", "\"\"", WR_ERR_FAILED, NULL},
        {"firehose", "separator", "\";\"", WR_ERR_RANGE,
         "separator: expected one of \"\\n\", \"\\t\", \"\\r\\n\" and \",\""},
        {"kafka", "clientProperties.acks", "\"2\"", WR_ERR_RANGE,
         "clientProperties.acks: expected one of -1|0|1|all, found \"2\""},
        {"kafka", "clientProperties",
         "{\"bootstrap.servers\": \"b\", \"security.protocol\": \"SASL_SSL\", \"sasl.mechanism\": "
         "\"GSSAPI\", \"sasl.kerberos.keytab\": \"k\"}",
         WR_ERR_MISSING,
         "clientProperties: missing sasl.kerberos.service.name, sasl.kerberos.krb5.kdc, "
         "sasl.kerberos.krb5.realm, sasl.kerberos.principal, which sasl.mechanism GSSAPI needs"},
        {"kafka", "clientProperties", "{\"bootstrap.servers\": \"b\"}", WR_ERR_MISSING,
         "clientProperties: missing ssl.keystore, ssl.keystore.password, which security.protocol "
         "SSL needs"},
        {"kafka", "clientProperties",
         "{\"bootstrap.servers\": \"b\", \"security.protocol\": \"SASL_SSL\", \"sasl.mechanism\": "
         "\"SCRAM-SHA-512\"}",
         WR_ERR_MISSING, NULL},
        {"kafka", "clientProperties.foo", "\"x\"", WR_ERR_UNKNOWN, NULL},
        {"kafka", "partition", "\"-1\"", WR_ERR_FAILED, NULL},
        {"http", "url", "\"http://example.com/a\"", WR_ERR_FAILED, NULL},
        {"http", "confirmationUrl", "\"https://elsewhere.com\"", WR_ERR_FAILED,
         "confirmationUrl: url does not begin with it, so it confirms nothing"},
        {"http", "headers", "[{\"key\": \"Host\", \"value\": \"v\"}]", WR_ERR_FAILED, NULL},
        {"http", "headers", "[{\"key\": \"\", \"value\": \"v\"}]", WR_ERR_LIMIT, NULL},
        {"http", "batchConfig", "{\"maxBatchSize\": 11}", WR_ERR_RANGE,
         "batchConfig.maxBatchSize: expected 2 to 10, found 11"},
        {"http", "auth", "{\"sigv4\": {\"serviceName\": \"s\", " ROLE "}}", WR_ERR_MISSING,
         "auth.sigv4.signingRegion: missing"},
        {"cloudwatchMetric", "metricUnit", "\"Furlongs\"", WR_ERR_FAILED, NULL},
        {"cloudwatchMetric", "metricNamespace", "\"AWS/IoT\"", WR_ERR_FAILED, NULL},
        {"timestream", "tableName", "\"a b c\"", WR_ERR_FAILED,
         "tableName: \"a b c\" is no name: 1 to 256 letters, digits and _.-"},
        {"openSearch", "index", "\"Big\"", WR_ERR_FAILED, NULL},
        {"location", "latitude", "\"91\"", WR_ERR_FAILED,
         "latitude: expected a number from -90 to 90, found '91'"},
        {"location", "longitude", "\"east\"", WR_ERR_FAILED, NULL},
        {"location", "deviceId", "\"a b\"", WR_ERR_FAILED, NULL},
        {"location", "trackerName", "\"a/b\"", WR_ERR_FAILED, NULL},
        {"iotSiteWise", "putAssetPropertyValueEntries",
         "[{\"propertyAlias\": \"a\", \"propertyValues\": [{\"value\": {\"integerValue\": "
         "\"1.5\"}, \"timestamp\": {\"timeInSeconds\": \"${t}\"}}]}]",
         WR_ERR_FAILED,
         "putAssetPropertyValueEntries[0].propertyValues[0].value.integerValue: expected a whole "
         "number of 32 bits, found '1.5'"},
        {"cloudwatchMetric", "metricValue", "\"1.5x\"", WR_ERR_FAILED, NULL},
        {"cloudwatchAlarm", "stateValue", "\"FINE\"", WR_ERR_RANGE, NULL},
        {"timestream", "dimensions", "[]", WR_ERR_LIMIT,
         "dimensions: expected 1 to 128 entries, found 0"},
        {"timestream", "dimensions", "[{\"name\": \"n\"}]", WR_ERR_MISSING,
         "dimensions[0].value: missing"},
        {"timestream", "dimensions",
         "[{\"name\": \"n\", \"value\": \"v\"}, {\"name\": \"ts_x\", \"value\": \"v\"}]",
         WR_ERR_FAILED, NULL},
        {"timestream", "dimensions", "[{\"name\": \"n\", \"vlaue\": \"v\"}]", WR_ERR_UNKNOWN,
         "dimensions[0].vlaue: there is no such member; did you mean \"value\"?"},
        {"timestream", "timestamp", "{\"value\": \"${t}\"}", WR_ERR_MISSING,
         "timestamp.unit: missing"},
        {"timestream", "timestamp.unit", "\"HOURS\"", WR_ERR_RANGE, NULL},
        {"stepFunctions", "stateMachineName", "\"arn:aws:states:r:1:stateMachine:s\"",
         WR_ERR_FAILED, NULL},
        {"openSearch", "endpoint", "\"search.example.com\"", WR_ERR_RANGE, NULL},
        {"iotEvents", "batchMode", "true", WR_ERR_RANGE, "messageId: not possible with batchMode"},
        {"iotAnalytics", "channelName", "null", WR_ERR_MISSING, "channelName: missing"},
        {"iotSiteWise", "putAssetPropertyValueEntries",
         "[{\"assetId\": \"a\", \"propertyValues\": [{\"value\": {\"doubleValue\": \"1\"}, "
         "\"timestamp\": {\"timeInSeconds\": \"1\"}}]}]",
         WR_ERR_RANGE,
         "putAssetPropertyValueEntries[0]: expected either propertyAlias, or assetId and "
         "propertyId"},
        {"iotSiteWise", "putAssetPropertyValueEntries",
         "[{\"propertyAlias\": \"a\", \"propertyValues\": [{\"value\": {\"doubleValue\": \"1\", "
         "\"stringValue\": \"1\"}, \"timestamp\": {\"timeInSeconds\": \"1\"}}]}]",
         WR_ERR_RANGE, NULL},
        {"iotSiteWise", "putAssetPropertyValueEntries",
         "[{\"propertyAlias\": \"a\", \"propertyValues\": [{\"value\": {\"doubleValue\": "
         "\"1\"}}]}]",
         WR_ERR_MISSING,
         "putAssetPropertyValueEntries[0].propertyValues[0].timestamp.timeInSeconds: missing"},
        {"salesforce", "token", "\"short\"", WR_ERR_LIMIT,
         "token: expected at least 40 bytes, found 5"},
        {"influxDB", "tableName", "\"@{a}@{b}\"", WR_ERR_RANGE, "tableName: more than one @{…}"},
        {"influxDB", "tags", "{\"k\": \"${a}@{b}\"}", WR_ERR_RANGE,
         "tags.k: @{…} and ${…} cannot stand in one value"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        char name[256];
        snprintf(name, sizeof name, "%s.%s = %s", cases[i].kind, cases[i].member, cases[i].value);
        json_t *members = base_of(cases[i].kind);
        set(members, cases[i].member, json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        struct wr_fault fault;
        CHECK_INT(name, parse(cases[i].kind, members, &fault), cases[i].err);
        char text[WR_FAULT_TEXT_MAX];
        snprintf(text, sizeof text, "actions[0].%s.%s", cases[i].kind, cases[i].text);
        if (cases[i].text) {
            CHECK_STR(name, Z(fault.text), Z(text));
        }
    }
}

// A list is kept flat: where each leaf stands, and its text.
static void keeps_lists_flat(void **state)
{
    json_t *rule = json_pack("{s:s, s:[{s:o}]}", "sql", "SELECT 1", "actions", "iotSiteWise",
                             base_of("iotSiteWise"));
    char *text = json_dumps(rule, 0);
    struct wr_document *d;
    struct wr_fault fault = {0};
    if (wr_document_parse(Z(text), "r.json", wr_sink_shapes, &d, &fault)) {
        CASE_FAIL("site", "%s", fault.text);
    }
    static const char *const expected[][2] = {
        {"[0].propertyAlias", "/a"},
        {"[0].propertyValues[0].value.doubleValue", "1"},
        {"[0].propertyValues[0].timestamp.timeInSeconds", "1"},
        {"[0].propertyValues[0].timestamp.offsetInNanos", "2"},
        {"[0].propertyValues[0].quality", "GOOD"},
    };
    const struct wr_param *p = &d->actions[0].params[1];
    CHECK_INT("leaves", p->count, WR_COUNT(expected));
    for (size_t i = 0; i < p->count; i++) {
        CHECK_STR("key", p->keys[i], Z(expected[i][0]));
        CHECK_STR("value", p->values[i], Z(expected[i][1]));
    }
    CHECK_INT("constant", d->actions[0].constant[1], true);
    wr_document_free(d);
    free(text);
    json_decref(rule);
}

// With a report every fault is told at its path, and what is good is read.
struct told {
    struct wr_buf text;
};

static void tell(void *user, const char *path, const struct wr_fault *fault)
{
    struct told *told = user;
    wr_buf_addf(&told->text, "%s | %s\n", path, fault->text);
}

static void reports_every_fault(void **state)
{
    static const char text[] =
        "{\"sqll\": 1, \"sql\": \"SELECT 1\", \"ruleDisabled\": \"no\", \"actions\": ["
        "{\"s3\": {\"bucket\": \"b\", \"bucketName\": \"${a}\", \"cannedAcl\": \"x\"}},"
        "{\"sqs\": {}, \"sns\": {}}, {\"lamda\": {}}, 7,"
        "{\"lambda\": {\"functionArn\": \"arn:aws:lambda:us-east-1:123456789012:function:f\"}}],"
        "\"errorAction\": {\"kafka\": []}}";
    static const char expected[] =
        "ruleName | the document has no ruleName and its file's name does not serve: \"a-b\": only "
        "letters, digits and _ are allowed, no hyphen\n"
        "sqll | there is no such member; did you mean \"sql\"?\n"
        "ruleDisabled | expected true or false, found a string\n"
        "actions[0].s3.bucket | there is no such member; the API calls it \"bucketName\"\n"
        "actions[0].s3.cannedAcl | expected one of private|public-read|public-read-write|"
        "aws-exec-read|authenticated-read|bucket-owner-read|bucket-owner-full-control|"
        "log-delivery-write, found \"x\"\n"
        "actions[0].s3.key | missing\n"
        "actions[1] | expected exactly one member, the kind of action, found 2\n"
        "actions[2].lamda | there is no such member; did you mean \"lambda\"?\n"
        "actions[3] | expected an object, found a number\n"
        "errorAction.kafka | expected an object, found a list\n";
    json_t *root = json_loads(text, 0, NULL);
    struct told told = {0};
    const struct wr_document_options options = {
        .kinds = wr_sink_shapes, .report = tell, .user = &told};
    struct wr_document *d;
    struct wr_fault fault = {0};
    CHECK_INT("is read", wr_document_read(root, "x/a-b.json", &options, &d, &fault), WR_OK);
    CHECK_STR("faults", wr_buf_str(&told.text), Z(expected));
    CHECK_INT("actions", d->action_count, 2);
    CHECK_STR("of s3", d->actions[0].params[1].text, S("${a}"));
    CHECK_STR("the last", Z(d->actions[1].path), S("actions[4].lambda"));
    wr_document_free(d);
    wr_buf_release(&told.text);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_bases),
        cmocka_unit_test(takes_templates_where_aws_does),
        cmocka_unit_test(the_tables_are_complete),
        cmocka_unit_test(wants_what_is_required),
        cmocka_unit_test(refuses),
        cmocka_unit_test(keeps_lists_flat),
        cmocka_unit_test(reports_every_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
