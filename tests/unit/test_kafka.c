// kafka: what arrives in a mock cluster, what is refused and with which words, brokers that are
// away, a queue that is full, sets of client properties, the end.
#include <stdlib.h>

#include "sinks/kafka/client.h"
#include "sinks/sink.h"
#include "tests/support/kafka_mock.h"
#include "tests/support/sink_bed.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

extern const struct wr_sink_impl wr_sink_kafka;

#define PAIRS_MAX 8

struct bed {
    struct fake f;
    struct kafka_mock mock;
    struct wr_test_setting settings[8];
};

static void begin(struct bed *b, const char *name, const char *value)
{
    kafka_mock_open(&b->mock, 1);
    fake_init(&b->f, &wr_sink_kafka);
    b->settings[0] = (struct wr_test_setting){"bootstrap", b->mock.bootstrap};
    b->settings[1] = (struct wr_test_setting){"timeout", "20s"};
    b->settings[2] = (struct wr_test_setting){name, value};
    b->settings[3] = (struct wr_test_setting){0};
    assert_int_equal(fake_open(&b->f, b->settings), WR_OK);
}

static void end(struct bed *b)
{
    fake_close(&b->f);
    fake_release(&b->f);
    kafka_mock_close(&b->mock);
}

// `rest` is {key, value, …}, ends with NULL.
static void set_pairs(struct fake_record *r, const char *option, const char *const *rest)
{
    wr_str *at = wr_arena_alloc(r->rec.arena, 2 * PAIRS_MAX * sizeof *at);
    int i = wr_option_find(r->rec.sink->impl->options, wr_str_of(option));
    size_t count = 0;
    assert_non_null(at);
    for (; rest[2 * count]; count++) {
        at[count] = wr_str_of(rest[2 * count]);
        at[PAIRS_MAX + count] = wr_str_of(rest[2 * count + 1]);
    }
    r->params[i] =
        (struct wr_param){.set = true, .count = count, .keys = at, .values = at + PAIRS_MAX};
}

static struct fake_record *record(struct bed *b, const char *topic, wr_str body)
{
    static const char *const properties[] = {"bootstrap.servers", "nowhere:9092", "acks", "all",
                                             NULL};
    struct fake_record *r = fake_record(&b->f, body);
    fake_set(r, "topic", wr_str_of(topic));
    set_pairs(r, "clientProperties", properties);
    return r;
}

static void must_be(struct fake_record *r, const char *name, enum wr_verdict verdict,
                    const char *part)
{
    CHECK_INT(name, r->settled, 1);
    if (r->verdict != verdict || (part && !strstr(r->message, part))) {
        CASE_FAIL(name, "verdict %d, message '%s'; wanted %d, '%s'", r->verdict, r->message,
                  verdict, part ? part : "");
    }
}

static void send_one(struct bed *b, struct fake_record *r)
{
    fake_submit(&b->f, r);
    fake_run(&b->f);
}

// ---- what arrives

static void a_record_arrives_with_all_it_has(void **state)
{
    struct bed b;
    begin(&b, "linger", "0");
    static const char *const headers[] = {"device", "kiln-7", "empty", "", "device", "twice", NULL};
    struct fake_record *r = record(&b, "readings", S("{\"t\": 1}"));
    fake_set(r, "key", S("kiln\0seven"));
    fake_set(r, "partition", S("3"));
    set_pairs(r, "headers", headers);
    send_one(&b, r);
    must_be(r, "sent", WR_DELIVERED, NULL);
    free(r);
    rd_kafka_t *reader = kafka_mock_reader(&b.mock, "readings", 4);
    rd_kafka_message_t *m = kafka_mock_next(reader);
    assert_non_null(m);
    CHECK_INT("partition", m->partition, 3);
    CHECK_STR("key", ((wr_str){m->key, m->key_len}), S("kiln\0seven"));
    CHECK_STR("value", ((wr_str){m->payload, m->len}), S("{\"t\": 1}"));
    rd_kafka_headers_t *got;
    assert_int_equal(rd_kafka_message_headers(m, &got), RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_header_cnt(got), 3);
    for (size_t i = 0; i < 3; i++) {
        const char *name;
        const void *value;
        size_t len;
        assert_int_equal(rd_kafka_header_get_all(got, i, &name, &value, &len), 0);
        CHECK_STR("header", Z(name), Z(headers[2 * i]));
        CHECK_STR(name, ((wr_str){value, len}), Z(headers[2 * i + 1]));
    }
    rd_kafka_message_destroy(m);
    kafka_mock_end_reader(reader);
    end(&b);
}

static void an_empty_result_is_no_tombstone(void **state)
{
    struct bed b;
    begin(&b, "linger", "0");
    struct fake_record *r = record(&b, "t", S(""));
    fake_set(r, "key", S("")); // Undefined: no key
    fake_set(r, "partition", S("0"));
    send_one(&b, r);
    must_be(r, "sent", WR_DELIVERED, NULL);
    free(r);
    rd_kafka_t *reader = kafka_mock_reader(&b.mock, "t", 1);
    rd_kafka_message_t *m = kafka_mock_next(reader);
    assert_non_null(m);
    CHECK("no key", m->key == NULL);
    CHECK("a value", m->payload != NULL && m->len == 0);
    rd_kafka_message_destroy(m);
    kafka_mock_end_reader(reader);
    end(&b);
}

// Hashes of the Java client's own tests (org.apache.kafka.common.utils.UtilsTest.testMurmur2).
static void keys_land_where_the_java_client_puts_them(void **state)
{
    static const struct {
        const char *key;
        int32_t hash;
    } cases[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    struct bed b;
    begin(&b, "linger", "0");
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct fake_record *r = record(&b, "keys", wr_str_of(cases[i].key));
        fake_set(r, "key", wr_str_of(cases[i].key));
        send_one(&b, r);
        must_be(r, cases[i].key, WR_DELIVERED, NULL);
        free(r);
    }
    rd_kafka_t *reader = kafka_mock_reader(&b.mock, "keys", 4);
    for (size_t n = 0; n < WR_COUNT(cases); n++) {
        rd_kafka_message_t *m = kafka_mock_next(reader);
        assert_non_null(m);
        size_t i = 0;
        while (!wr_str_eq(wr_str_of(cases[i].key), (wr_str){m->payload, m->len})) {
            assert_true(++i < WR_COUNT(cases));
        }
        CHECK_INT(cases[i].key, m->partition, (cases[i].hash & 0x7fffffff) % 4);
        rd_kafka_message_destroy(m);
    }
    kafka_mock_end_reader(reader);
    end(&b);
}

// ---- what is refused

static void values_are_checked_after_substitution(void **state)
{
    static const struct {
        const char *name, *option;
        wr_str value;
        const char *why;
    } cases[] = {
        {"empty topic", "topic", WR_STR_INIT(""), "a topic that is no Kafka topic"},
        {"slash", "topic", WR_STR_INIT("a/b"), "a topic that is no Kafka topic"},
        {"NUL", "topic", WR_STR_INIT("a\0b"), "a topic that is no Kafka topic"},
        {"dots", "topic", WR_STR_INIT(".."), "a topic that is no Kafka topic"},
        {"negative", "partition", WR_STR_INIT("-1"), "a partition that is no whole number"},
        {"text", "partition", WR_STR_INIT("one"), "a partition that is no whole number"},
        {"fraction", "partition", WR_STR_INIT("1.5"), "a partition that is no whole number"},
        {"Undefined", "partition", WR_STR_INIT(""), "a partition that is no whole number"},
        {"huge", "partition", WR_STR_INIT("2147483648"), "a partition that is no whole number"},
    };
    struct bed b;
    begin(&b, "linger", "0");
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct fake_record *r = record(&b, "t", S("x"));
        fake_set(r, cases[i].option, cases[i].value);
        send_one(&b, r);
        must_be(r, cases[i].name, WR_REFUSED, cases[i].why);
        free(r);
    }
    static const char *const headers[][3] = {{"", "v", NULL}, {"k", "\xff", NULL}};
    for (size_t i = 0; i < WR_COUNT(headers); i++) {
        struct fake_record *r = record(&b, "t", S("x"));
        set_pairs(r, "headers", headers[i]);
        send_one(&b, r);
        must_be(r, "header", WR_REFUSED, "Found a header whose");
        CHECK_STR("resource", Z(r->resource), S("t"));
        free(r);
    }
    end(&b);
}

static void a_partition_that_is_not_there_is_refused(void **state)
{
    struct bed b;
    begin(&b, "linger", "0");
    struct fake_record *r = record(&b, "t", S("x"));
    fake_set(r, "partition", S("99"));
    send_one(&b, r);
    must_be(r, "99 of 4", WR_REFUSED,
            "Failed to send to Kafka topic. The error received was Local: Unknown partition "
            "(Service: Kafka; Error Code: _UNKNOWN_PARTITION).");
    free(r);
    end(&b);
}

static void a_record_that_is_too_large_is_refused_at_once(void **state)
{
    struct bed b;
    begin(&b, "message_max", "1000");
    char big[2000];
    memset(big, 'x', sizeof big);
    struct fake_record *r = record(&b, "t", (wr_str){big, sizeof big});
    send_one(&b, r);
    must_be(r, "too large", WR_REFUSED, "Error Code: MSG_SIZE_TOO_LARGE");
    free(r);
    end(&b);
}

static void brokers_answers_become_verdicts(void **state)
{
    static const struct {
        const char *name;
        rd_kafka_resp_err_t err;
        enum wr_verdict verdict;
        const char *code;
    } cases[] = {
        {"tried again by the library", RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, WR_DELIVERED,
         NULL},
        {"size", RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, WR_REFUSED, "MSG_SIZE_TOO_LARGE"},
        {"policy", RD_KAFKA_RESP_ERR_POLICY_VIOLATION, WR_REFUSED, "POLICY_VIOLATION"},
        {"anything else", RD_KAFKA_RESP_ERR_UNKNOWN, WR_RETRY, "Error Code: UNKNOWN"},
        {"not allowed", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, WR_REFUSED,
         "TOPIC_AUTHORIZATION_FAILED"},
    };
    struct bed b;
    begin(&b, "linger", "0");
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        char topic[16];
        snprintf(topic, sizeof topic, "t%zu", i);
        rd_kafka_mock_push_request_errors(b.mock.cluster, 0, 1, cases[i].err);
        struct fake_record *r = record(&b, topic, S("x"));
        send_one(&b, r);
        must_be(r, cases[i].name, cases[i].verdict, cases[i].code);
        free(r);
    }
    // From now on the library refuses the topic by itself, for a while.
    struct fake_record *r = record(&b, "t4", S("x"));
    send_one(&b, r);
    must_be(r, "not allowed, known", WR_REFUSED, "TOPIC_AUTHORIZATION_FAILED");
    free(r);
    end(&b);
}

// ---- the world

static void a_broker_that_is_down_and_back(void **state)
{
    struct bed b;
    begin(&b, "timeout", "700ms");
    b.settings[1] = (struct wr_test_setting){0};
    fake_close(&b.f);
    b.settings[1] = (struct wr_test_setting){"timeout", "700ms"};
    assert_int_equal(fake_open(&b.f, b.settings), WR_OK);
    struct fake_record *r = record(&b, "t", S("before"));
    send_one(&b, r);
    must_be(r, "up", WR_DELIVERED, NULL);
    free(r);
    rd_kafka_mock_broker_set_down(b.mock.cluster, 1);
    r = record(&b, "t", S("down"));
    send_one(&b, r);
    must_be(r, "down", WR_RETRY, "Error Code: _MSG_TIMED_OUT");
    free(r);
    rd_kafka_mock_broker_set_up(b.mock.cluster, 1);
    for (int i = 0; i < 20; i++) { // as the engine does
        r = record(&b, "t", S("after"));
        send_one(&b, r);
        bool arrived = r->verdict == WR_DELIVERED;
        free(r);
        if (arrived) {
            end(&b);
            return;
        }
    }
    CASE_FAIL("back", "nothing is delivered any more");
}

static void acks_0_is_never_tried_again(void **state)
{
    static const char *const properties[] = {"bootstrap.servers", "nowhere:9092", "acks", "0",
                                             NULL};
    struct bed b;
    begin(&b, "linger", "0");
    b.settings[1] = (struct wr_test_setting){"timeout", "500ms"};
    fake_close(&b.f);
    assert_int_equal(fake_open(&b.f, b.settings), WR_OK);
    rd_kafka_mock_broker_set_down(b.mock.cluster, 1);
    struct fake_record *r = record(&b, "t", S("x"));
    set_pairs(r, "clientProperties", properties);
    send_one(&b, r);
    must_be(r, "down", WR_REFUSED, "Error Code: _MSG_TIMED_OUT");
    free(r);
    end(&b);
}

#define MANY 3000

static void a_full_queue_waits_and_keeps_the_order(void **state)
{
    struct bed b;
    begin(&b, "queue_max", "10");
    static struct fake_record *many[MANY];
    static char bodies[MANY][8];
    for (int i = 0; i < MANY; i++) {
        int len = snprintf(bodies[i], sizeof bodies[i], "%d", i);
        many[i] = record(&b, "order", (wr_str){bodies[i], (size_t)len});
        fake_set(many[i], "partition", S("0"));
        fake_submit(&b.f, many[i]);
    }
    fake_run(&b.f);
    for (int i = 0; i < MANY; i++) {
        must_be(many[i], bodies[i], WR_DELIVERED, NULL);
        free(many[i]);
    }
    rd_kafka_t *reader = kafka_mock_reader(&b.mock, "order", 1);
    for (int i = 0; i < MANY; i++) {
        rd_kafka_message_t *m = kafka_mock_next(reader);
        assert_non_null(m);
        CHECK_STR("in order", ((wr_str){m->payload, m->len}), wr_str_of(bodies[i]));
        rd_kafka_message_destroy(m);
    }
    kafka_mock_end_reader(reader);
    end(&b);
}

static void the_end_gives_back_what_no_broker_has(void **state)
{
    struct bed b;
    begin(&b, "flush", "300ms");
    struct fake_record *r = record(&b, "t", S("first"));
    send_one(&b, r);
    must_be(r, "up", WR_DELIVERED, NULL);
    free(r);
    rd_kafka_mock_broker_set_down(b.mock.cluster, 1);
    struct fake_record *held[50];
    for (int i = 0; i < 50; i++) {
        held[i] = record(&b, "t", S("held"));
        fake_submit(&b.f, held[i]);
    }
    uint64_t from = uv_hrtime();
    fake_close(&b.f);
    CHECK("in time", uv_hrtime() - from < UINT64_C(30000000000));
    for (int i = 0; i < 50; i++) {
        must_be(held[i], "held", WR_RETRY, "_PURGE_");
        free(held[i]);
    }
    fake_release(&b.f);
    kafka_mock_close(&b.mock);
}

static void the_end_waits_for_answers(void **state)
{
    struct bed b;
    begin(&b, "linger", "200ms");
    struct fake_record *held[50];
    for (int i = 0; i < 50; i++) {
        held[i] = record(&b, "t", S("held"));
        fake_submit(&b.f, held[i]);
    }
    fake_close(&b.f);
    for (int i = 0; i < 50; i++) {
        must_be(held[i], "held", WR_DELIVERED, NULL);
        free(held[i]);
    }
    fake_release(&b.f);
    kafka_mock_close(&b.mock);
}

// ---- clients

static void on_set_closed(void *user)
{
    *(bool *)user = true;
}

static struct wr_kafka_clients *open_set(struct bed *b, const char *bootstrap)
{
    const struct wr_kafka_options o = {.host = &b->f.host,
                                       .bootstrap = bootstrap,
                                       .timeout_ms = 20000,
                                       .queue_max = 1000,
                                       .message_max = 1000000,
                                       .flush_ms = 1000};
    return wr_kafka_clients_new(&o);
}

static void close_set(struct bed *b, struct wr_kafka_clients *set)
{
    bool closed = false;
    wr_kafka_clients_close(set, on_set_closed, &closed);
    fake_run(&b->f);
    assert_true(closed);
}

static struct fake_record *submit_to(struct bed *b, struct wr_kafka_clients *set, const char *topic,
                                     const char *const *properties)
{
    struct fake_record *r = record(b, topic, S("x"));
    struct wr_kafka_send *send = wr_arena_alloc(&b->f.arena, sizeof *send);
    int at = wr_option_find(wr_sink_kafka.options, S("clientProperties"));
    set_pairs(r, "clientProperties", properties);
    *send = (struct wr_kafka_send){
        .properties = &r->params[at], .topic = wr_str_of(topic), .partition = -1};
    wr_kafka_clients_submit(set, &r->rec, send);
    return r;
}

static void one_client_for_each_set_of_properties(void **state)
{
    static const char *const sets[][5] = {
        {"bootstrap.servers", "x", "acks", "1", NULL},
        {"acks", "1", "bootstrap.servers", "x", NULL}, // the same
        {"acks", "all", "bootstrap.servers", "x", NULL},
        {"bootstrap.servers", "x", NULL},
        {"acks", "1", "bootstrap.servers", "x", NULL},
    };
    static const size_t counts[] = {1, 1, 2, 3, 3};
    struct bed b;
    begin(&b, "linger", "0");
    struct wr_kafka_clients *set = open_set(&b, b.mock.bootstrap);
    for (size_t i = 0; i < WR_COUNT(sets); i++) {
        struct fake_record *r = submit_to(&b, set, "t", sets[i]);
        fake_run(&b.f);
        must_be(r, "sent", WR_DELIVERED, NULL);
        CHECK_INT("clients", wr_kafka_clients_count(set), counts[i]);
        free(r);
    }
    close_set(&b, set);
    end(&b);
}

static void clients_are_bounded(void **state)
{
    struct bed b;
    begin(&b, "linger", "0");
    struct wr_kafka_clients *set = open_set(&b, b.mock.bootstrap);
    for (int i = 0; i < 2 * WR_KAFKA_CLIENTS_MAX; i++) { // as when a secret rotates
        char password[16];
        snprintf(password, sizeof password, "%d", i);
        const char *const properties[] = {"bootstrap.servers", "x", "sasl.plain.password", password,
                                          NULL};
        struct fake_record *r = submit_to(&b, set, "t", properties);
        fake_run(&b.f);
        must_be(r, password, WR_DELIVERED, NULL);
        free(r);
    }
    CHECK_INT("clients", wr_kafka_clients_count(set), WR_KAFKA_CLIENTS_MAX);
    close_set(&b, set);
    end(&b);
}

static void a_client_with_too_many_topics_is_replaced(void **state)
{
    static const char *const properties[] = {"bootstrap.servers", "x", NULL};
    static struct fake_record *many[WR_KAFKA_TOPICS_MAX + 10];
    static char names[WR_KAFKA_TOPICS_MAX + 10][8];
    struct bed b;
    begin(&b, "linger", "0");
    struct wr_kafka_clients *set = open_set(&b, b.mock.bootstrap);
    for (size_t i = 0; i < WR_COUNT(many); i++) {
        snprintf(names[i], sizeof names[i], "t%zu", i);
        if (i == 0) {
            struct fake_record *r = submit_to(&b, set, names[i], properties);
            fake_run(&b.f); // the client is open now
            must_be(r, "the first", WR_DELIVERED, NULL);
            free(r);
        }
        many[i] = submit_to(&b, set, names[i], properties);
    }
    CHECK_INT("clients while the first is busy", wr_kafka_clients_count(set), 2);
    fake_run(&b.f);
    for (size_t i = 0; i < WR_COUNT(many); i++) {
        must_be(many[i], names[i], WR_DELIVERED, NULL);
        free(many[i]);
    }
    CHECK_INT("clients", wr_kafka_clients_count(set), 1);
    close_set(&b, set);
    end(&b);
}

static void properties_that_make_no_client_refuse_without_their_secrets(void **state)
{
    static const char *const properties[] = {"bootstrap.servers",
                                             "localhost:1",
                                             "ssl.keystore",
                                             "bm8gc3RvcmUgYXQgYWxs",
                                             "ssl.keystore.password",
                                             "hunter2",
                                             NULL};
    struct bed b;
    begin(&b, "linger", "0");
    struct wr_kafka_clients *set = open_set(&b, "");
    for (int i = 0; i < 2; i++) { // found, and remembered
        struct fake_record *r = submit_to(&b, set, "t", properties);
        fake_run(&b.f);
        must_be(r, "no store", WR_REFUSED, "clientProperties.ssl.keystore: 20 bytes that are no");
        CHECK("no secret", !strstr(r->message, "hunter2") && !strstr(r->message, "bm8gc3"));
        free(r);
    }
    close_set(&b, set);
    end(&b);
}

// ---- the local form without a broker

static void file_must_be(struct bed *b, const char *name, const char *want)
{
    char path[256], text[2048], shown[2048] = "";
    snprintf(path, sizeof path, "%s/local/kafka/%s", b->f.dir, name);
    FILE *f = fopen(path, "rb");
    if (!f) {
        CASE_FAIL(name, "is not there");
    }
    size_t len = fread(text, 1, sizeof text - 1, f), at = 0;
    fclose(f);
    text[len] = '\0';
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) { // without the time
        long long time;
        int used = 0;
        assert_int_equal(sscanf(line, "{\"timestamp\":%lld%n", &time, &used), 1);
        CHECK("now", time / 1000 >= 1700000000);
        at += (size_t)snprintf(shown + at, sizeof shown - at, "%.*s",
                               (int)(strchr(line, '\n') + 1 - line) - used, line + used);
    }
    CHECK_STR(name, wr_str_of(shown), wr_str_of(want));
}

static void without_a_broker_records_are_lines(void **state)
{
    static const char *const headers[] = {"a", "1", "a", "\"2\"", NULL};
    static const struct {
        const char *topic, *key, *partition;
        bool headers;
        wr_str body;
    } cases[] = {
        {"t", NULL, NULL, false, WR_STR_INIT("{\"a\":\r\n1}")},
        {"t", NULL, NULL, false, WR_STR_INIT("not \"JSON\"\n")},
        {"t", NULL, NULL, false, WR_STR_INIT("\xff\0")},
        {"t", NULL, NULL, false, WR_STR_INIT("")},
        {"t", NULL, "3", true, WR_STR_INIT("[1]")},
        {"t", "foobar", NULL, false, WR_STR_INIT("2")}, // as in the broker above
        {"t", "\xff", "2", false, WR_STR_INIT("\"x\"")},
    };
    struct bed b;
    begin(&b, "linger", "0");
    fake_close(&b.f);
    b.settings[0] = (struct wr_test_setting){"partitions", "4"};
    assert_int_equal(fake_open(&b.f, b.settings), WR_OK);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct fake_record *r = record(&b, cases[i].topic, cases[i].body);
        if (cases[i].key) {
            fake_set(r, "key", wr_str_of(cases[i].key));
        }
        if (cases[i].partition) {
            fake_set(r, "partition", wr_str_of(cases[i].partition));
        }
        if (cases[i].headers) {
            set_pairs(r, "headers", headers);
        }
        send_one(&b, r);
        must_be(r, cases[i].topic, WR_DELIVERED, NULL);
        free(r);
    }
    struct fake_record *r = record(&b, "t", S("x"));
    fake_set(r, "partition", S("4"));
    send_one(&b, r);
    must_be(r, "the fifth of four", WR_REFUSED, "Error Code: _UNKNOWN_PARTITION");
    free(r);
    file_must_be(&b, "t/0.ndjson",
                 ",\"value\":{\"a\":  1}}\n"
                 ",\"valueText\":\"not \\\"JSON\\\"\\n\"}\n"
                 ",\"valueBase64\":\"/wA=\"}\n"
                 ",\"valueText\":\"\"}\n");
    file_must_be(&b, "t/2.ndjson",
                 ",\"key\":\"foobar\",\"value\":2}\n"
                 ",\"keyBase64\":\"/w==\",\"value\":\"x\"}\n");
    file_must_be(&b, "t/3.ndjson",
                 ",\"headers\":[{\"key\":\"a\",\"value\":\"1\"},{\"key\":\"a\",\"value\":"
                 "\"\\\"2\\\"\"}],\"value\":[1]}\n");
    end(&b);
}

static void without_a_folder_it_does_not_open(void **state)
{
    struct bed b;
    begin(&b, "linger", "0");
    fake_close(&b.f);
    b.settings[0] = (struct wr_test_setting){"partitions", "4"};
    b.f.host.state_dir = "/dev/null";
    assert_int_not_equal(fake_open(&b.f, b.settings), WR_OK);
    CHECK("says where", strstr(b.f.fault.text, "/dev/null") != NULL);
    fake_release(&b.f);
    kafka_mock_close(&b.mock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_record_arrives_with_all_it_has),
        T(an_empty_result_is_no_tombstone),
        T(keys_land_where_the_java_client_puts_them),
        T(values_are_checked_after_substitution),
        T(a_partition_that_is_not_there_is_refused),
        T(a_record_that_is_too_large_is_refused_at_once),
        T(brokers_answers_become_verdicts),
        T(a_broker_that_is_down_and_back),
        T(acks_0_is_never_tried_again),
        T(a_full_queue_waits_and_keeps_the_order),
        T(the_end_gives_back_what_no_broker_has),
        T(the_end_waits_for_answers),
        T(one_client_for_each_set_of_properties),
        T(clients_are_bounded),
        T(a_client_with_too_many_topics_is_replaced),
        T(properties_that_make_no_client_refuse_without_their_secrets),
        T(without_a_broker_records_are_lines),
        T(without_a_folder_it_does_not_open),
    };
    return TEST_MAIN(tests);
}
