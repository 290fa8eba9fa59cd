// engine/config.c and its parts: files with the exact place and text of each fault, the
// environment, options, settings of sinks.
#include "engine/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/config_parts.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

static char folder[] = "/tmp/weir-config-XXXXXX";

static const char *write_file(const char *text, size_t len)
{
    FILE *f = fopen("test.yaml", "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    fclose(f);
    return "test.yaml";
}

// A failed load leaves the output alone; a good one is freed by the caller.
static struct wr_config *load(const char *text, struct wr_fault *fault)
{
    struct wr_config *c = NULL;
    wr_err err = wr_config_load(write_file(text, strlen(text)), NULL, NULL, &c, fault);
    assert_int_equal(err == WR_OK, c != NULL);
    return c;
}

// ---- bad files

static const struct {
    const char *name, *text;
    unsigned line, column;
    wr_err code;
    const char *fault;
} bad[] = {
    {"unknown key in a section", "mqtt:\n  url: mqtt://h\n  keepalve: 60\n", 3, 3, WR_ERR_UNKNOWN,
     "test.yaml:3:3: mqtt.keepalve: unknown key, did you mean \"mqtt.keepalive\"?"},
    {"unknown section", "mqqt:\n  url: x\n", 1, 1, WR_ERR_UNKNOWN,
     "test.yaml:1:1: mqqt: unknown key, did you mean \"mqtt\"?"},
    {"section forgotten", "ack: settled\nkeepalive: 60\n", 2, 1, WR_ERR_UNKNOWN,
     "test.yaml:2:1: keepalive: unknown key, did you mean \"mqtt.keepalive\"?"},
    {"nothing is near", "zebra_crossing: 1\n", 1, 1, WR_ERR_UNKNOWN,
     "test.yaml:1:1: zebra_crossing: unknown key, 'weir help run' lists the known ones"},
    {"below an option", "ack:\n  settled: 1\n", 2, 3, WR_ERR_TYPE,
     "test.yaml:2:3: ack: found a mapping, expected a value"},
    {"dotted key", "mqtt.batch: many\n", 1, 13, WR_ERR_TYPE,
     "test.yaml:1:13: mqtt.batch: found \"many\", expected a whole number"},
    {"int with a unit", "mqtt: {batch: 1k}\n", 1, 15, WR_ERR_TYPE,
     "test.yaml:1:15: mqtt.batch: found \"1k\", expected a whole number"},
    {"int with a point", "mqtt: {batch: 1.0}\n", 1, 15, WR_ERR_TYPE,
     "test.yaml:1:15: mqtt.batch: found \"1.0\", expected a whole number"},
    {"int over int64", "fuel: 99999999999999999999\n", 1, 7, WR_ERR_TYPE,
     "test.yaml:1:7: fuel: found \"99999999999999999999\", expected a whole number"},
    {"int below the range", "mqtt:\n  receive_maximum: 0\n", 2, 20, WR_ERR_RANGE,
     "test.yaml:2:20: mqtt.receive_maximum: found \"0\", expected 1..65535"},
    {"int above the range", "mqtt:\n  receive_maximum: 65536\n", 2, 20, WR_ERR_RANGE,
     "test.yaml:2:20: mqtt.receive_maximum: found \"65536\", expected 1..65535"},
    {"duration below the range", "mqtt: {keepalive: 59s}\n", 1, 19, WR_ERR_RANGE,
     "test.yaml:1:19: mqtt.keepalive: found \"59s\", expected 60..65535 s"},
    {"not whole seconds", "mqtt: {keepalive: 60500ms}\n", 1, 19, WR_ERR_RANGE,
     "test.yaml:1:19: mqtt.keepalive: found \"60500ms\", expected whole seconds"},
    {"duration without unit", "drain: 10\n", 1, 8, WR_ERR_TYPE,
     "test.yaml:1:8: drain: found \"10\", a duration without its unit: expected for example "
     "\"10s\" "
     "or \"10ms\""},
    {"duration with a wrong unit", "drain: 10 s\n", 1, 8, WR_ERR_TYPE,
     "test.yaml:1:8: drain: found \"10 s\", expected a duration such as 200ms, 10s, 5m, 1h or 7d"},
    {"duration over int64", "drain: 9223372036854775807d\n", 1, 8, WR_ERR_RANGE,
     "test.yaml:1:8: drain: found \"9223372036854775807d\", which is too large"},
    {"size with a wrong unit", "payload_max: 1MB\n", 1, 14, WR_ERR_TYPE,
     "test.yaml:1:14: payload_max: found \"1MB\", expected a size such as 4096, 128k, 1M or 2G"},
    {"boolean", "rules:\n  watch: maybe\n", 2, 10, WR_ERR_TYPE,
     "test.yaml:2:10: rules.watch: found \"maybe\", expected true or false"},
    {"choice", "mqtt:\n  version: 4\n", 2, 12, WR_ERR_RANGE,
     "test.yaml:2:12: mqtt.version: found \"4\", expected one of 5|3.1.1"},
    {"no value", "mqtt:\n  url:\n  batch: 3\n", 2, 7, WR_ERR_MISSING,
     "test.yaml:2:7: mqtt.url: found nothing, expected a value (an empty text is \"\")"},
    {"null", "region: ~\n", 1, 9, WR_ERR_MISSING,
     "test.yaml:1:9: region: found nothing, expected a value (an empty text is \"\")"},
    {"list for an option", "region:\n  - a\n", 2, 3, WR_ERR_TYPE,
     "test.yaml:2:3: region: found a list, expected a value"},
    {"scalar for a section", "mqtt: yes\n", 1, 7, WR_ERR_TYPE,
     "test.yaml:1:7: mqtt: found \"yes\", expected a mapping (keys below it)"},
    {"list at the top", "- a\n", 1, 1, WR_ERR_TYPE,
     "test.yaml:1:1: found a list, expected \"key: value\" lines"},
    {"scalar at the top", "hello\n", 1, 1, WR_ERR_TYPE,
     "test.yaml:1:1: found a bare value, expected \"key: value\" lines"},
    {"anchor", "region: &r us-east-1\n", 1, 9, WR_ERR_UNSUPPORTED,
     "test.yaml:1:9: found an anchor (&name): not supported"},
    {"anchor on a mapping", "mqtt: &m\n  batch: 2\n", 1, 7, WR_ERR_UNSUPPORTED,
     "test.yaml:1:7: found an anchor (&name): not supported"},
    {"alias", "region: a\naccount_id: *r\n", 2, 13, WR_ERR_UNSUPPORTED,
     "test.yaml:2:13: found an alias (*name): not supported"},
    {"tag", "region: !!str 5\n", 1, 9, WR_ERR_UNSUPPORTED,
     "test.yaml:1:9: found a tag (!name): not supported"},
    {"merge key", "mqtt:\n  <<: {batch: 3}\n", 2, 3, WR_ERR_UNKNOWN,
     "test.yaml:2:3: mqtt.<<: unknown key, 'weir help run' lists the known ones"},
    {"key twice", "region: a\nack: settled\nregion: b\n", 3, 1, WR_ERR_EXISTS,
     "test.yaml:3:1: region: found again, first in line 1"},
    {"key twice, once dotted", "mqtt.batch: 2\nmqtt:\n  batch: 3\n", 3, 3, WR_ERR_EXISTS,
     "test.yaml:3:3: mqtt.batch: found again, first in line 1"},
    {"section twice", "mqtt: {batch: 2}\nmqtt: {version: 5}\n", 2, 1, WR_ERR_EXISTS,
     "test.yaml:2:1: mqtt: found again, first in line 1"},
    {"two documents", "region: a\n---\nack: settled\n", 2, 1, WR_ERR_UNSUPPORTED,
     "test.yaml:2:1: found a second document (---), expected one"},
    {"mapping as key", "? {a: b}\n: c\n", 1, 3, WR_ERR_TYPE,
     "test.yaml:1:3: found a mapping or list as a key"},
    {"empty key", "\"\": 1\n", 1, 1, WR_ERR_SYNTAX, "test.yaml:1:1: found an empty key"},
    {"NUL in a value", "region: \"a\\0b\"\n", 1, 9, WR_ERR_SYNTAX,
     "test.yaml:1:9: region: found a NUL in the value"},
    {"bracket left open", "mqtt: {batch: \"3\"\nack: settled\n", 2, 1, WR_ERR_SYNTAX,
     "test.yaml:2:1: did not find expected ',' or '}', while parsing a flow mapping"},
    {"tab", "mqtt:\n\tbatch: 3\n", 2, 1, WR_ERR_SYNTAX,
     "test.yaml:2:1: found character that cannot start any token, while scanning for the next "
     "token"},
    {"no UTF-8", "ack: settled\nregion: \xff\n", 2, 9, WR_ERR_SYNTAX,
     "test.yaml:2:9: invalid leading UTF-8 octet"},
    {"certificate without key", "mqtt:\n  url: mqtts://h\n  cert_file: c.pem\n", 3, 14,
     WR_ERR_RANGE, "test.yaml:3:14: mqtt.cert_file: found a certificate without mqtt.key_file"},
    {"key without certificate", "mqtt:\n  url: mqtts://h\n  key_file: c.pem\n", 3, 13, WR_ERR_RANGE,
     "test.yaml:3:13: mqtt.key_file: found a key without mqtt.cert_file"},
    {"a MAC without properties", "mqtt:\n  version: 3.1.1\n  mac_key_file: k\n", 3, 17,
     WR_ERR_RANGE,
     "test.yaml:3:17: mqtt.mac_key_file: found with mqtt.version 3.1.1, which has no properties to "
     "carry a MAC"},
    {"TLS option without TLS", "mqtt:\n  url: mqtt://h\n  ca_file: ca.pem\n", 3, 12, WR_ERR_RANGE,
     "test.yaml:3:12: mqtt.ca_file: found without TLS: expected mqtt.url to begin with mqtts://"},
    {"two passwords", "mqtt:\n  password: secret\n  password_file: p\n", 3, 18, WR_ERR_RANGE,
     "test.yaml:3:18: mqtt.password_file: found beside mqtt.password, expected one of them"},
    {"password without name", "mqtt:\n  version: 3.1.1\n  password: secret\n", 3, 13, WR_ERR_RANGE,
     "test.yaml:3:13: mqtt.password: found without mqtt.username, which MQTT 3.1.1 requires"},
    {"URL of another kind", "mqtt: {url: 'http://user:secret@h'}\n", 1, 13, WR_ERR_RANGE,
     "test.yaml:1:13: mqtt.url: found something else than mqtt://host[:port] or "
     "mqtts://host[:port]"},
    {"URL without host", "mqtt: {url: 'mqtt://'}\n", 1, 13, WR_ERR_RANGE,
     "test.yaml:1:13: mqtt.url: found no host, expected mqtt://host[:port]"},
    {"hold_max over a third", "mqtt:\n  keepalive: 60\n  hold_max: 20001ms\n", 3, 13, WR_ERR_RANGE,
     "test.yaml:3:13: mqtt.hold_max: mqtt.hold_max is 20001 ms, expected at most a third of "
     "mqtt.keepalive (60 s)"},
    {"reconnect_min over max", "mqtt: {reconnect_min: 1m}\n", 1, 23, WR_ERR_RANGE,
     "test.yaml:1:23: mqtt.reconnect_min: mqtt.reconnect_min is more than mqtt.reconnect_max"},
    {"share group", "mqtt: {share_group: a/b}\n", 1, 21, WR_ERR_RANGE,
     "test.yaml:1:21: mqtt.share_group: found one of / + # in \"a/b\""},
    {"account of 11 digits", "account_id: 12345678901\n", 1, 13, WR_ERR_RANGE,
     "test.yaml:1:13: account_id: found \"12345678901\", expected 12 digits"},
    {"account of letters", "account_id: 12345678901x\n", 1, 13, WR_ERR_RANGE,
     "test.yaml:1:13: account_id: found \"12345678901x\", expected 12 digits"},
    {"payload over AWS's limit", "limits: aws\npayload_max: 1M\n", 2, 14, WR_ERR_RANGE,
     "test.yaml:2:14: payload_max: found 1048576 bytes, but with limits: aws at most 128k"},
    {"unknown sink", "sinks:\n  s33: {lanes: 2}\n", 2, 3, WR_ERR_UNKNOWN,
     "test.yaml:2:3: sinks.s33: unknown sink, did you mean \"s3\"?"},
    {"unknown setting", "sinks:\n  s3:\n    lane: 2\n", 3, 5, WR_ERR_UNKNOWN,
     "test.yaml:3:5: sinks.s3.lane: unknown setting, did you mean \"sinks.s3.lanes\"?"},
    {"setting out of range", "sinks:\n  s3:\n    lanes: 0\n", 3, 12, WR_ERR_RANGE,
     "test.yaml:3:12: sinks.s3.lanes: found \"0\", expected 1 to 16"},
    {"setting of a wrong type", "sinks: {s3: {fsync: 2}}\n", 1, 21, WR_ERR_TYPE,
     "test.yaml:1:21: sinks.s3.fsync: found \"2\", expected true or false"},
    {"common setting", "sinks: {s3: {retry: {attempt: 2}}}\n", 1, 22, WR_ERR_UNKNOWN,
     "test.yaml:1:22: sinks.s3.retry.attempt: unknown setting, did you mean "
     "\"sinks.s3.retry.attempts\"?"},
    {"common setting out of range", "sinks: {\"null\": {memory: 1k}}\n", 1, 26, WR_ERR_RANGE,
     "test.yaml:1:26: sinks.null.memory: found \"1k\", expected 1048576 to 17179869184 bytes"},
    {"setting below a chosen name", "sinks:\n  dynamoDBv2:\n    tables:\n      T: {hash_kye: id}\n",
     4, 11, WR_ERR_UNKNOWN,
     "test.yaml:4:11: sinks.dynamoDBv2.tables.T.hash_kye: unknown setting, did you mean "
     "\"sinks.dynamoDBv2.tables.*.hash_key\"?"},
    {"required beside another", "sinks: {dynamoDBv2: {tables: {T: {range_key: at}}}}\n", 0, 0,
     WR_ERR_MISSING,
     "sinks.dynamoDBv2.tables.T.hash_key: missing, required beside "
     "sinks.dynamoDBv2.tables.T.range_key"},
    {"choice of a setting", "sinks: {'null': {verdict: maybe}}\n", 1, 27, WR_ERR_RANGE,
     "test.yaml:1:27: sinks.null.verdict: found \"maybe\", expected one of "
     "delivered|retry|refused"},
};

static void test_bad_files(void **state)
{
    for (size_t i = 0; i < WR_COUNT(bad); i++) {
        struct wr_fault fault = {0};
        struct wr_config *c = load(bad[i].text, &fault);
        CHECK(bad[i].name, !c);
        CHECK_STR(bad[i].name, Z(fault.text), Z(bad[i].fault));
        CHECK_INT(bad[i].name, fault.line, bad[i].line);
        CHECK_INT(bad[i].name, fault.column, bad[i].column);
        CHECK_INT(bad[i].name, fault.code, bad[i].code);
    }
}

// Every prefix of a file is read without a crash, with a fault that has a place.
static void test_cut_files(void **state)
{
    static const char text[] =
        "\xef\xbb\xbf# x\nmqtt:\n  url: 'mqtt://h'\n  \"batch\": 3\nsinks: {s3: "
        "{lanes: 2},\n  \"null\": {}}\nregion: >\n  us-\\\n";
    for (size_t len = 0; len < sizeof text - 1; len++) {
        struct wr_config *c = NULL;
        struct wr_fault fault = {0};
        if (wr_config_load(write_file(text, len), NULL, NULL, &c, &fault) != WR_OK) {
            CHECK("cut", fault.text[0]);
        }
        wr_config_free(c);
    }
}

// ---- good files

static void test_defaults(void **state)
{
    struct wr_fault fault = {0};
    static const char *const empty[] = {"", "# nothing\n", "---\n", "mqtt:\n#  url: x\nsinks:\n"};
    for (size_t i = 0; i < WR_COUNT(empty); i++) {
        struct wr_config *c = load(empty[i], &fault);
        CHECK_STR("defaults", Z(fault.text), Z(""));
        CHECK_INT("keepalive", c->mqtt_keepalive_s, 60);
        CHECK_INT("session_expiry", c->mqtt_session_expiry_s, 7 * 86400);
        CHECK_INT("hold_max", c->mqtt_hold_max_ms, 10000);
        CHECK_INT("payload_max", c->payload_max, 1024 * 1024);
        CHECK("verify", c->mqtt_verify);
        CHECK_STR("account", Z(c->account_id), S("123456789012"));
        CHECK_STR("client_id", Z(c->mqtt_client_id), S(""));
        CHECK_STR("rules", Z(c->rules_dir), S("rules"));
        CHECK("state", c->state_dir[0] == '/');
        wr_config_free(c);
    }
}

static void test_values(void **state)
{
    struct wr_fault fault = {0};
    struct wr_config *c = load("mqtt:\n"
                               "  url: mqtts://[::1]:8884\n"
                               "  version: 3.1.1\n"
                               "  keepalive: 2m\n"
                               "  hold_max: 40s\n"
                               "  basic_ingest: Off\n"
                               "  cert_file: tls/c.pem\n"
                               "  key_file: /etc/k.pem\n"
                               "mqtt.batch: 7\n"
                               "limits: aws\n"
                               "message_memory: 128M\n"
                               "drain: 0\n"
                               "state_dir: state\n"
                               "account_id: 000000000001\n",
                               &fault);
    CHECK_STR("values", Z(fault.text), Z(""));
    CHECK_STR("url", Z(c->mqtt_url), S("mqtts://[::1]:8884"));
    CHECK_STR("version", Z(c->mqtt_version), S("3.1.1"));
    CHECK_INT("keepalive", c->mqtt_keepalive_s, 120);
    CHECK_INT("hold_max", c->mqtt_hold_max_ms, 40000);
    CHECK("basic_ingest", !c->mqtt_basic_ingest);
    CHECK_STR("cert", Z(c->mqtt_cert_file), S("tls/c.pem"));
    CHECK_STR("key", Z(c->mqtt_key_file), S("/etc/k.pem"));
    CHECK_INT("batch", c->mqtt_batch, 7);
    CHECK_INT("payload_max follows limits", c->payload_max, 128 * 1024);
    CHECK_INT("memory", c->message_memory, 128 * 1024 * 1024);
    CHECK_INT("drain", c->drain_ms, 0);
    CHECK_STR("account", Z(c->account_id), S("000000000001"));
    CHECK("state", wr_str_ends(Z(c->state_dir), S("/state")));
    wr_config_free(c);
}

static void test_paths_of_a_file_elsewhere(void **state)
{
    mkdir("sub", 0755);
    FILE *f = fopen("sub/w.yaml", "we");
    fputs("mqtt: {password_file: secret}\n", f);
    fclose(f);
    struct wr_config *c = NULL;
    struct wr_fault fault = {0};
    char option[] = "--mqtt-ca-file=here.pem", url[] = "--mqtt-url=mqtts://h";
    char *args[] = {option, url, NULL};
    int count = 2;
    assert_int_equal(wr_config_load("sub/w.yaml", &count, args, &c, &fault), WR_OK);
    CHECK_STR("from the file", Z(c->mqtt_password_file), S("sub/secret"));
    CHECK_STR("default of rules.dir", Z(c->rules_dir), S("sub/rules"));
    CHECK_STR("from an option", Z(c->mqtt_ca_file), S("here.pem"));
    wr_config_free(c);
    assert_int_equal(wr_config_load("sub/none.yaml", NULL, NULL, &c, &fault), WR_ERR_IO);
    CHECK_STR("no file", Z(fault.text), S("sub/none.yaml: No such file or directory"));
}

static void test_table(void **state)
{
    for (size_t i = 0; i < wr_config_option_count(); i++) {
        const struct wr_config_option *o = wr_config_option_at(i);
        CHECK(o->name, *o->type && *o->help);
        CHECK(o->name, o->help[strlen(o->help) - 1] == '.');
        for (size_t k = 0; k < i; k++) {
            CHECK(o->name, strcmp(o->name, wr_config_option_at(k)->name) != 0);
        }
    }
    assert_null(wr_config_option_at(wr_config_option_count()));
}

// ---- another reading

static void note(void *user, const char *name, bool live)
{
    wr_buf_addf(user, "%s%s ", name, live ? "+" : "");
}

static void test_changes(void **state)
{
    static const struct {
        const char *now, *next, *want;
    } pairs[] = {
        {"", "", ""},
        {"drain: 10s\n", "drain: 10000ms\n", ""},
        {"", "drain: 11s\nlog: {level: warn}\n", "drain+ log.level+ "},
        {"mqtt: {url: \"mqtts://a\", verify: false}\n", "mqtt: {url: \"mqtt://b\"}\n",
         "mqtt.url mqtt.verify "},
        {"limits: aws\n", "", "limits+ payload_max+ "},
        {"sinks: {s3: {fsync: true, lanes: 3}}\n", "sinks: {s3: {lanes: 4}}\n",
         "sinks.s3.fsync sinks.s3.lanes "},
        {"", "sinks: {lambda: {functions: {f: {command: x}}}}\n",
         "sinks.lambda.functions.f.command "},
    };
    for (size_t i = 0; i < WR_COUNT(pairs); i++) {
        struct wr_fault fault = {0};
        struct wr_config *now = load(pairs[i].now, &fault), *next = load(pairs[i].next, &fault);
        struct wr_buf names = {0};
        assert_non_null(now);
        assert_non_null(next);
        wr_config_changes(now, next, note, &names);
        CHECK_STR(pairs[i].next, wr_buf_str(&names), Z(pairs[i].want));
        wr_buf_release(&names);
        wr_config_free(now);
        wr_config_free(next);
    }
}

static void test_adopt(void **state)
{
    struct wr_fault fault = {0};
    struct wr_config *c = load("ack: settled\nrules: {dir: a}\n", &fault);
    const char *names[] = {"b", "c", "d"};
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        char text[128];
        snprintf(text, sizeof text, "rules: {dir: %s}\ndrain: %zus\nregion: eu-west-1\n", names[i],
                 i);
        wr_config_adopt(c, load(text, &fault));
        CHECK("live text", wr_str_ends(Z(c->rules_dir), Z(names[i])));
        CHECK_INT("live number", c->drain_ms, (int64_t)i * 1000);
        CHECK_STR("not live", Z(c->ack), S("settled"));
        CHECK_STR("not live", Z(c->region), S("us-east-1"));
    }
    wr_config_free(c);
}

// ---- sinks

static void test_settings(void **state)
{
    struct wr_fault fault = {0};
    struct wr_config *c =
        load("region: eu-central-1\n"
             "account_id: \"000000000001\"\n"
             "sinks:\n"
             "  lambda: {account_id: \"000000000002\"}\n"
             "  s3: {fsync: On, lanes: 3, retry: {attempts: 7, budget: 2m}, memory: 2M}\n"
             "  dynamoDBv2:\n"
             "    busy_timeout: 3s\n"
             "    tables:\n"
             "      Orders: {hash_key: id, range_key: at}\n"
             "      \"my.table\": {hash_key: k}\n"
             "  dynamoDBv2.tables.Flat.hash_key: f\n",
             &fault);
    CHECK_STR("settings", Z(fault.text), Z(""));
    const struct wr_settings *s3 = wr_config_sink(c, wr_sink_find(S("s3")));
    CHECK("boolean", wr_settings_bool(s3, "fsync"));
    CHECK_STR("boolean's text", Z(wr_settings_get(s3, "fsync")), S("true"));
    CHECK_INT("int", wr_settings_int(s3, "lanes"), 3);
    CHECK_STR("default", Z(wr_settings_get(s3, "content_type")), S(""));
    CHECK_INT("every sink's", wr_settings_int(s3, "retry.attempts"), 7);
    CHECK_INT("every sink's duration", wr_settings_int(s3, "retry.budget"), 120000);
    CHECK_INT("every sink's size", wr_settings_int(s3, "memory"), 2 << 20);
    CHECK_INT("every sink's default", wr_settings_int(s3, "in_flight"), 4096);
    CHECK_STR("every sink's without one", Z(wr_settings_get(s3, "retry.cap")), S(""));
    CHECK_STR("no such setting", Z(wr_settings_get(s3, "nothing")), S(""));

    const struct wr_settings *lambda = wr_config_sink(c, wr_sink_find(S("lambda")));
    CHECK_STR("weir's own", Z(wr_settings_get(lambda, "region")), S("eu-central-1"));
    CHECK_STR("the sink's wins", Z(wr_settings_get(lambda, "account_id")), S("000000000002"));

    const struct wr_settings *db = wr_config_sink(c, wr_sink_find(S("dynamoDBv2")));
    CHECK_INT("duration", wr_settings_int(db, "busy_timeout"), 3000);
    CHECK_INT("tables", wr_settings_count(db, "tables"), 3);
    CHECK_STR("first", Z(wr_settings_name(db, "tables", 0)), S("Orders"));
    CHECK_STR("second", Z(wr_settings_name(db, "tables", 1)), S("my.table"));
    CHECK_STR("third", Z(wr_settings_name(db, "tables", 2)), S("Flat"));
    CHECK("no fourth", !wr_settings_name(db, "tables", 3));
    CHECK_INT("members", wr_settings_count(db, "tables.Orders"), 2);
    CHECK_INT("roots", wr_settings_count(db, ""), 2);
    CHECK_STR("dots in a name", Z(wr_settings_get(db, "tables.my.table.hash_key")), S("k"));
    CHECK_STR("default below a name", Z(wr_settings_get(db, "tables.Orders.hash_type")), S("S"));

    const struct wr_settings *null = wr_config_sink(c, wr_sink_find(S("null")));
    CHECK_STR("untouched sink", Z(wr_settings_get(null, "verdict")), S("delivered"));
    static const struct wr_option own_table[] = {
        {"size", WR_OPT_INT, 0, "2k", .unit = "bytes", .help = "A size."},
        {0},
    };
    static const struct wr_sink_impl own = {.name = "own", .settings = own_table};
    const struct wr_settings *mine = wr_config_sink(c, &own);
    CHECK_INT("a sink outside the list", wr_settings_int(mine, "size"), 2048);
    CHECK_INT("has nothing set", wr_settings_count(mine, ""), 0);
    wr_config_free(c);
}

// Every default in a sink's table fits its own type.
static void test_sink_tables(void **state)
{
    struct wr_fault fault = {0};
    struct wr_config *c = load("", &fault);
    for (size_t i = 0; wr_sink_list[i]; i++) {
        const struct wr_settings *s = wr_config_sink(c, wr_sink_list[i]);
        for (const struct wr_option *o = wr_sink_list[i]->settings; o && o->name; o++) {
            if (o->type == WR_OPT_INT && !strchr(o->name, '*')) {
                int64_t n = wr_settings_int(s, o->name);
                CHECK(o->name, (!o->min && !o->max) || (n >= o->min && n <= o->max));
            }
        }
    }
    wr_config_free(c);
}

// ---- environment and options

static const struct {
    const char *name, *variable, *value, *fault;
} variables[] = {
    {"known", "WEIR_MQTT_CLIENT_ID", "me", NULL},
    {"any case", "WEIR_mqtt_client_id", "me", NULL},
    {"sink", "WEIR_SINKS_S3_LANES", "4", NULL},
    {"sink with capitals", "WEIR_SINKS_DYNAMODBV2_TABLES_My_Table_HASH_KEY", "k", NULL},
    {"unknown", "WEIR_MQTT_CLIENTID", "me",
     "WEIR_MQTT_CLIENTID: unknown, did you mean WEIR_MQTT_CLIENT_ID?"},
    {"far away", "WEIR_ZEBRAS", "2", "WEIR_ZEBRAS: unknown, 'weir help run' lists the known"},
    {"range", "WEIR_MQTT_KEEPALIVE", "5", "WEIR_MQTT_KEEPALIVE: found \"5\", expected 60..65535 s"},
    {"sink's range", "WEIR_SINKS_S3_LANES", "99",
     "WEIR_SINKS_S3_LANES: found \"99\", expected 1 to 16"},
    {"unknown setting", "WEIR_SINKS_S3_NOTHING", "1",
     "WEIR_SINKS_S3_NOTHING: unknown, 'weir help run' lists the known"},
    {"cross-field", "WEIR_MQTT_KEY_FILE", "k",
     "WEIR_MQTT_KEY_FILE: mqtt.key_file: found a key without mqtt.cert_file"},
};

static void test_environment(void **state)
{
    for (size_t i = 0; i < WR_COUNT(variables); i++) {
        struct wr_fault fault = {0};
        setenv(variables[i].variable, variables[i].value, 1);
        struct wr_config *c = load("", &fault);
        unsetenv(variables[i].variable);
        CHECK(variables[i].name, !c == !!variables[i].fault);
        CHECK_STR(variables[i].name, Z(fault.text),
                  Z(variables[i].fault ? variables[i].fault : ""));
        wr_config_free(c);
    }
}

static const struct {
    const char *name;
    const char *args[6];
    const char *left; // joined with blanks, or NULL
    const char *fault;
} option_cases[] = {
    {"one word", {"--mqtt-batch=9"}, "", NULL},
    {"two words", {"a", "--mqtt-batch", "9", "b"}, "a b", NULL},
    {"boolean alone", {"--rules-watch", "x"}, "x", NULL},
    {"boolean with a value", {"--rules-watch", "false"}, "", NULL},
    {"unknown is the caller's", {"--check", "-v", "--cases=x"}, "--check -v --cases=x", NULL},
    {"behind two dashes", {"--", "--mqtt-batch=9"}, "-- --mqtt-batch=9", NULL},
    {"sink", {"--sinks-s3-lanes", "2", "--sinks-s3-fsync"}, "", NULL},
    {"sink with a chosen name", {"--sinks-dynamodbv2-tables-My-Table-hash-key=k"}, "", NULL},
    {"unknown in a section",
     {"--mqtt-bach", "9"},
     NULL,
     "--mqtt-bach: unknown, did you mean --mqtt-batch?"},
    {"no value", {"--mqtt-batch"}, NULL, "--mqtt-batch: expected a value after it"},
    {"wrong value", {"--mqtt-batch=x"}, NULL, "--mqtt-batch: found \"x\", expected a whole number"},
};

static void test_options(void **state)
{
    for (size_t i = 0; i < WR_COUNT(option_cases); i++) {
        char *args[6], left[256] = "";
        int count = 0;
        char *copies[6];
        for (; count < 6 && option_cases[i].args[count]; count++) {
            args[count] = copies[count] = wr_strdup(Z(option_cases[i].args[count]));
        }
        int all = count;
        struct wr_fault fault = {0};
        struct wr_config *c = NULL;
        wr_err err = wr_config_load(write_file("", 0), &count, args, &c, &fault);
        CHECK_STR(option_cases[i].name, Z(fault.text),
                  Z(option_cases[i].fault ? option_cases[i].fault : ""));
        CHECK(option_cases[i].name, (err == WR_OK) == !option_cases[i].fault);
        size_t at = 0;
        for (int k = 0; !err && k < count; k++) {
            at += (size_t)snprintf(left + at, sizeof left - at, "%s%s", k ? " " : "", args[k]);
        }
        CHECK_STR(option_cases[i].name, Z(left),
                  Z(option_cases[i].left ? option_cases[i].left : ""));
        wr_config_free(c);
        for (int k = 0; k < all; k++) {
            free(copies[k]);
        }
    }
}

static void test_order(void **state)
{
    struct wr_fault fault = {0};
    struct wr_config *c = NULL;
    char option[] = "--mqtt-batch=4";
    char *args[] = {option, NULL};
    int count = 1;
    setenv("WEIR_MQTT_BATCH", "3", 1);
    setenv("WEIR_REGION", "eu-west-1", 1);
    static const char text[] = "mqtt.batch: 2\nregion: us-east-2\nfuel: 5000\n";
    wr_err err = wr_config_load(write_file(text, sizeof text - 1), &count, args, &c, &fault);
    unsetenv("WEIR_MQTT_BATCH");
    unsetenv("WEIR_REGION");
    assert_int_equal(err, WR_OK);
    CHECK_INT("option over environment", c->mqtt_batch, 4);
    CHECK_STR("environment over file", Z(c->region), S("eu-west-1"));
    CHECK_INT("file over default", c->fuel, 5000);
    wr_config_free(c);
}

static int enter_folder(void **state)
{
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    unlink("test.yaml");
    unlink("sub/w.yaml");
    rmdir("sub");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_bad_files),
        T(test_cut_files),
        T(test_defaults),
        T(test_values),
        T(test_paths_of_a_file_elsewhere),
        T(test_table),
        T(test_changes),
        T(test_adopt),
        T(test_settings),
        T(test_sink_tables),
        T(test_environment),
        T(test_options),
        T(test_order),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
