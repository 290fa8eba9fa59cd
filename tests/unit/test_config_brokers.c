// engine/config_brokers.c: brokers.*, what goes to which, and the faults of both.
#include "engine/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

static char folder[] = "/tmp/weir-brokers-XXXXXX";

static struct wr_config *load(const char *text, struct wr_fault *fault)
{
    struct wr_config *c = NULL;
    FILE *f = fopen("test.yaml", "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    wr_err err = wr_config_load("test.yaml", NULL, NULL, &c, fault);
    assert_int_equal(err == WR_OK, c != NULL);
    return c;
}

// Broker 0, which is called a.
static const struct wr_config_broker *first(const struct wr_config *c)
{
    assert_int_equal(c->broker_count > 0, true);
    assert_string_equal(c->brokers[0].name, "a");
    return &c->brokers[0];
}

static void test_values(void **state)
{
    struct wr_fault fault = {0};
    struct wr_config *c = load("mqtt: {url: 'mqtt://here', username: me, keepalive: 90}\n"
                               "brokers:\n"
                               "  a:\n"
                               "    url: mqtts://there:8884\n"
                               "    version: 3.1.1\n"
                               "    client_id: id\n"
                               "    username: you\n"
                               "    password: word\n"
                               "    ca_file: ca.pem\n"
                               "    cert_file: /c.pem\n"
                               "    key_file: k.pem\n"
                               "    alpn: x\n"
                               "    verify: no\n"
                               "    keepalive: 10\n"
                               "    connect_timeout: 3s\n"
                               "    reconnect_min: 1s\n"
                               "    reconnect_max: 1m\n"
                               "    window: 7\n"
                               "    rate: 9\n"
                               "    spool_share: 20\n"
                               "  b: {url: 'mqtt://other'}\n",
                               &fault);
    assert_string_equal(fault.text, "");
    assert_int_equal(c->broker_count, 2);
    const struct wr_config_broker *a = first(c);
    assert_string_equal(a->mqtt->mqtt_section, "brokers.a");
    assert_string_equal(a->mqtt->mqtt_url, "mqtts://there:8884");
    assert_string_equal(a->mqtt->mqtt_version, "3.1.1");
    assert_string_equal(a->mqtt->mqtt_client_id, "id");
    assert_string_equal(a->mqtt->mqtt_username, "you");
    assert_string_equal(a->mqtt->mqtt_password, "word");
    assert_string_equal(a->mqtt->mqtt_ca_file, "ca.pem");
    assert_string_equal(a->mqtt->mqtt_cert_file, "/c.pem");
    assert_string_equal(a->mqtt->mqtt_key_file, "k.pem");
    assert_string_equal(a->mqtt->mqtt_alpn, "x");
    assert_false(a->mqtt->mqtt_verify);
    assert_int_equal(a->mqtt->mqtt_keepalive_s, 10);
    assert_int_equal(a->mqtt->mqtt_connect_timeout_ms, 3000);
    assert_int_equal(a->mqtt->mqtt_reconnect_min_ms, 1000);
    assert_int_equal(a->mqtt->mqtt_reconnect_max_ms, 60000);
    assert_int_equal(a->window, 7);
    assert_int_equal(a->rate, 9);
    assert_int_equal(a->spool_share, 20);
    assert_false(a->aws_limits);
    // Nothing of mqtt.* is a broker's default.
    const struct wr_config_broker *b = &c->brokers[1];
    assert_string_equal(b->mqtt->mqtt_username, "");
    assert_int_equal(b->mqtt->mqtt_keepalive_s, 60);
    assert_true(b->mqtt->mqtt_verify);
    assert_int_equal(b->window, 100);
    assert_int_equal(b->rate, 0);
    assert_int_equal(b->spool_share, 50);
    assert_string_equal(c->mqtt_url, "mqtt://here");
    assert_string_equal(c->mqtt_section, "mqtt");
    wr_config_free(c);
}

static void test_aws(void **state)
{
    static const struct {
        const char *name, *url, *more;
        bool aws;
        const char *alpn;
        int64_t rate;
    } cases[] = {
        {"8883", "mqtts://x-ats.iot.eu-west-1.amazonaws.com", "", true, "", 100},
        {"443", "mqtts://x-ats.iot.eu-west-1.amazonaws.com:443", "", true, "x-amzn-mqtt-ca", 100},
        {"443 with a slash", "mqtts://x.iot.cn-north-1.amazonaws.com.cn:443/", "", true,
         "x-amzn-mqtt-ca", 100},
        {"letters", "mqtts://X.IOT.EU-WEST-1.AMAZONAWS.COM", "", true, "", 100},
        {"its own protocol", "mqtts://x.amazonaws.com:443", ", alpn: mqtt", true, "mqtt", 100},
        {"its own rate", "mqtts://x.amazonaws.com", ", rate: 0", true, "", 0},
        {"not wanted", "mqtts://x.amazonaws.com:443", ", limits: none", false, "", 0},
        {"another host", "mqtts://x.amazonaws.com.example:443", "", false, "", 0},
        {"told so", "mqtt://localhost", ", limits: aws", true, "", 100},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_fault fault = {0};
        struct wr_buf text = {0};
        wr_buf_addf(&text, "brokers: {a: {url: '%s'%s}}\n", cases[i].url, cases[i].more);
        struct wr_config *c = load(wr_buf_terminated(&text), &fault);
        CHECK_STR(cases[i].name, Z(fault.text), Z(""));
        CHECK_INT(cases[i].name, first(c)->aws_limits, cases[i].aws);
        CHECK_STR(cases[i].name, Z(first(c)->mqtt->mqtt_alpn), Z(cases[i].alpn));
        CHECK_INT(cases[i].name, first(c)->rate, cases[i].rate);
        wr_config_free(c);
        wr_buf_release(&text);
    }
}

static void test_routes(void **state)
{
    static const char brokers[] = "brokers: {a: {url: 'mqtt://a'}, b: {url: 'mqtt://b'}}\n";
    static const struct {
        const char *name, *republish;
        size_t hot, hot_error, cold, cold_error; // 0 source, 1 a, 2 b
    } cases[] = {
        {"nothing said", "{}", 0, 0, 0, 0},
        {"a default", "{broker: b}", 2, 2, 2, 2},
        {"error actions elsewhere", "{broker: b, error_broker: source}", 2, 0, 2, 0},
        {"a rule", "{rules: {hot: a}}", 1, 1, 0, 0},
        {"a rule back to the source", "{broker: a, rules: {hot: source}}", 0, 0, 1, 1},
        {"error default before the rule", "{error_broker: b, rules: {hot: a}}", 1, 2, 0, 2},
        {"a rule's error action", "{rules: {hot: a, cold: b}, error_rules: {hot: b}}", 1, 2, 2, 2},
        {"only the error action", "{error_rules: {cold: a}}", 0, 0, 0, 1},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_fault fault = {0};
        struct wr_buf text = {0};
        wr_buf_addf(&text, "%ssinks: {republish: %s}\n", brokers, cases[i].republish);
        struct wr_config *c = load(wr_buf_terminated(&text), &fault);
        CHECK_STR(cases[i].name, Z(fault.text), Z(""));
        CHECK_INT(cases[i].name, wr_config_route(c, S("hot"), false), cases[i].hot);
        CHECK_INT(cases[i].name, wr_config_route(c, S("hot"), true), cases[i].hot_error);
        CHECK_INT(cases[i].name, wr_config_route(c, S("cold"), false), cases[i].cold);
        CHECK_INT(cases[i].name, wr_config_route(c, S("cold"), true), cases[i].cold_error);
        wr_config_free(c);
        wr_buf_release(&text);
    }
}

static const struct {
    const char *name, *text, *fault;
} bad[] = {
    {"no URL", "brokers: {a: {window: 3}}\n",
     "brokers.a.url: missing, required beside brokers.a.window"},
    {"unknown setting", "brokers:\n  a:\n    url: mqtt://h\n    keepalve: 3\n",
     "test.yaml:4:5: brokers.a.keepalve: unknown setting, did you mean \"brokers.*.keepalive\"?"},
    {"a value without a name", "brokers:\n  url: mqtt://h\n",
     "test.yaml:2:8: brokers.url: found \"mqtt://h\", expected a mapping (keys below it)"},
    {"what sinks can be told", "brokers: {in_flight: 4}\n",
     "test.yaml:1:22: brokers.in_flight: found \"4\", expected a mapping (keys below it)"},
    {"out of range", "brokers:\n  a:\n    url: mqtt://h\n    window: 0\n",
     "test.yaml:4:13: brokers.a.window: found \"0\", expected 1 to 65535"},
    {"the source's name", "brokers: {source: {url: 'mqtt://h'}}\n",
     "brokers.source: expected a name of at most 64 letters, digits, _ and -, and not \"source\", "
     "which is the broker of mqtt.url"},
    {"a bad name", "brokers: {'a b': {url: 'mqtt://h'}}\n",
     "brokers.a b: expected a name of at most 64 letters, digits, _ and -, and not \"source\", "
     "which is the broker of mqtt.url"},
    {"another scheme", "brokers: {a: {url: 'https://u:secret@h'}}\n",
     "brokers.a.url: found something else than mqtt://host[:port] or mqtts://host[:port]"},
    {"TLS without TLS", "brokers: {a: {url: 'mqtt://h', ca_file: c}}\n",
     "brokers.a: ca_file, cert_file, alpn and verify are about TLS: expected url to begin with "
     "mqtts://"},
    {"certificate without key", "brokers: {a: {url: 'mqtts://h', cert_file: c}}\n",
     "brokers.a: a client certificate wants cert_file and key_file"},
    {"two passwords", "brokers: {a: {url: 'mqtt://h', password: x, password_file: y}}\n",
     "brokers.a.password_file: found beside password, expected one of them"},
    {"password without name", "brokers: {a: {url: 'mqtt://h', version: 3.1.1, password: x}}\n",
     "brokers.a.username: missing, MQTT 3.1.1 wants it with a password"},
    {"pauses", "brokers: {a: {url: 'mqtt://h', reconnect_min: 1m}}\n",
     "brokers.a.reconnect_min: more than reconnect_max"},
    {"AWS without TLS", "brokers: {a: {url: 'mqtt://x.iot.eu-west-1.amazonaws.com'}}\n",
     "brokers.a.url: AWS IoT Core takes TLS only: expected mqtts://"},
    {"AWS and a long keepalive", "brokers: {a: {url: 'mqtts://x.amazonaws.com', keepalive: 1h}}\n",
     "brokers.a.keepalive: found 3600 s, AWS IoT Core keeps 30 to 1200 s"},
    {"AWS and a client id", "brokers: {a: {url: 'mqtts://x.amazonaws.com', client_id: $a}}\n",
     "brokers.a.client_id: found '$' in front, which AWS IoT Core refuses"},
    {"a route to nowhere",
     "brokers: {cloud: {url: 'mqtt://h'}}\nsinks: {republish: {rules: {hot: cluod}}}\n",
     "sinks.republish.rules.hot: found \"cluod\", which is no name under brokers; did you mean "
     "\"cloud\"?"},
    {"a default to nowhere", "sinks: {republish: {broker: cloud}}\n",
     "sinks.republish.broker: found \"cloud\", expected \"source\" or a name under brokers"},
    {"a section that is near", "brokrs: {a: {url: 'mqtt://h'}}\n",
     "test.yaml:1:1: brokrs: unknown key, did you mean \"brokers\"?"},
};

static void test_faults(void **state)
{
    for (size_t i = 0; i < WR_COUNT(bad); i++) {
        struct wr_fault fault = {0};
        CHECK(bad[i].name, !load(bad[i].text, &fault));
        CHECK_STR(bad[i].name, Z(fault.text), Z(bad[i].fault));
    }
}

// Secrets come by the environment.
static void test_environment(void **state)
{
    struct wr_fault fault = {0};
    setenv("WEIR_BROKERS_a_PASSWORD", "word", 1);
    setenv("WEIR_BROKERS_a_USERNAME", "me", 1);
    struct wr_config *c = load("brokers: {a: {url: 'mqtt://h', username: you}}\n", &fault);
    assert_string_equal(fault.text, "");
    assert_string_equal(first(c)->mqtt->mqtt_password, "word");
    assert_string_equal(first(c)->mqtt->mqtt_username, "me");
    wr_config_free(c);
    setenv("WEIR_BROKERS_a_PASWORD", "word", 1);
    assert_null(load("", &fault));
    assert_non_null(strstr(fault.text, "WEIR_BROKERS_a_PASWORD: unknown"));
    unsetenv("WEIR_BROKERS_a_PASSWORD");
    unsetenv("WEIR_BROKERS_a_PASWORD");
    unsetenv("WEIR_BROKERS_a_USERNAME");
}

static void test_table(void **state)
{
    for (size_t i = 0; i < wr_config_broker_option_count(); i++) {
        const struct wr_config_option *o = wr_config_broker_option_at(i);
        CHECK(o->name, strncmp(o->name, "brokers.NAME.", 13) == 0);
        CHECK(o->name, o->help[0] && o->help[strlen(o->help) - 1] == '.');
    }
    const struct wr_config_option *window = NULL;
    for (size_t i = 0; i < wr_config_broker_option_count(); i++) {
        if (strcmp(wr_config_broker_option_at(i)->name, "brokers.NAME.window") == 0) {
            window = wr_config_broker_option_at(i);
        }
    }
    assert_non_null(window);
    assert_string_equal(window->range, "1..65535");
    assert_string_equal(window->fallback, "100");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_values), T(test_aws),         T(test_routes),
        T(test_faults), T(test_environment), T(test_table),
    };
    if (!mkdtemp(folder) || chdir(folder) != 0) {
        perror(folder);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink("test.yaml");
    rmdir(folder);
    return failed;
}
