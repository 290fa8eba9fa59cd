// Entries: what is written is read again, member by member; what is cut or changed is refused.
#include "engine/flow/entry.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

static const wr_str keys[] = {WR_STR_INIT("k1"), WR_STR_INIT("k2")};
static const wr_str values[] = {WR_STR_INIT("v1"), WR_STR_INIT("")};
static const wr_str names[] = {WR_STR_INIT("bucketName"), WR_STR_INIT("headers")};
static const struct wr_param params[] = {
    {.set = true, .text = WR_STR_INIT("bucket"), .number = -5},
    {.set = true, .undefined = true, .count = 2, .keys = keys, .values = values},
};
static const struct wr_user_property properties[] = {
    {WR_STR_INIT("site"), WR_STR_INIT("north")},
    {WR_STR_INIT("site"), WR_STR_INIT("")},
};

static struct wr_entry sample(struct wr_entry_action *actions)
{
    actions[0] = (struct wr_entry_action){
        .kind = S("s3"), .param_count = 2, .names = names, .params = params};
    actions[1] = (struct wr_entry_action){.kind = S("lambda"),
                                          .state = WR_ENTRY_FAILED,
                                          .resource = S("arn"),
                                          .message = S("no such function")};
    struct wr_entry e = {
        .id = {{1, 2, 3, 255}},
        .rule = S("hot"),
        .message = {.topic = S("site/kiln/reading"),
                    .payload = S("{\"a\":1}\0raw"),
                    .timestamp_ms = 1700000000123,
                    .over_mqtt = true,
                    .client_id = S("kiln-7"),
                    .trace_id = S("7c1e52a4-0d0b-4a57-9c85-0f3c6ad1f0aa"),
                    .correlation_data = S(""),
                    .format_indicator = -1,
                    .user_properties = properties,
                    .user_property_count = 2},
        .qos = 1,
        .hops = 3,
        .mid = 77,
        .received_ms = 1700000000124,
        .dialect = WR_SQL_2016,
        .body = S("{\"b\":2}"),
        .body_json = true,
        .action_count = 2,
        .actions = actions,
    };
    return e;
}

static void check_same(const struct wr_entry *a, const struct wr_entry *b)
{
    assert_memory_equal(a->id.at, b->id.at, sizeof a->id.at);
    CHECK_STR("rule", a->rule, b->rule);
    CHECK_STR("topic", a->message.topic, b->message.topic);
    CHECK_STR("payload", a->message.payload, b->message.payload);
    CHECK_STR("client", a->message.client_id, b->message.client_id);
    CHECK_STR("trace", a->message.trace_id, b->message.trace_id);
    assert_int_equal(a->message.timestamp_ms, b->message.timestamp_ms);
    assert_int_equal(a->message.over_mqtt, b->message.over_mqtt);
    assert_int_equal(a->message.basic_ingest, b->message.basic_ingest);
    assert_int_equal(a->message.format_indicator, b->message.format_indicator);
    assert_int_equal(a->message.principal.at != NULL, b->message.principal.at != NULL);
    assert_int_equal(a->message.correlation_data.at != NULL,
                     b->message.correlation_data.at != NULL);
    assert_int_equal(a->message.user_property_count, b->message.user_property_count);
    for (size_t i = 0; i < a->message.user_property_count; i++) {
        CHECK_STR("key", a->message.user_properties[i].key, b->message.user_properties[i].key);
        CHECK_STR("value", a->message.user_properties[i].value,
                  b->message.user_properties[i].value);
    }
    assert_int_equal(a->qos, b->qos);
    assert_int_equal(a->hops, b->hops);
    assert_int_equal(a->mid, b->mid);
    assert_int_equal(a->received_ms, b->received_ms);
    assert_int_equal(a->dialect, b->dialect);
    CHECK_STR("body", a->body, b->body);
    assert_int_equal(a->body_json, b->body_json);
    assert_int_equal(a->action_count, b->action_count);
    for (size_t i = 0; i < a->action_count; i++) {
        const struct wr_entry_action *x = &a->actions[i], *y = &b->actions[i];
        CHECK_STR("kind", x->kind, y->kind);
        assert_int_equal(x->state, y->state);
        CHECK_STR("resource", x->resource, y->resource);
        CHECK_STR("message", x->message, y->message);
        assert_int_equal(x->param_count, y->param_count);
        for (size_t k = 0; k < x->param_count; k++) {
            CHECK_STR("name", x->names[k], y->names[k]);
            CHECK_STR("text", x->params[k].text, y->params[k].text);
            assert_int_equal(x->params[k].number, y->params[k].number);
            assert_int_equal(x->params[k].undefined, y->params[k].undefined);
            assert_true(y->params[k].set);
            assert_int_equal(x->params[k].count, y->params[k].count);
            for (size_t p = 0; p < x->params[k].count; p++) {
                CHECK_STR("pair", x->params[k].keys[p], y->params[k].keys[p]);
                CHECK_STR("pair", x->params[k].values[p], y->params[k].values[p]);
            }
        }
    }
}

static void test_what_is_written_is_read(void **state)
{
    struct wr_entry_action actions[2];
    struct wr_entry e = sample(actions), back;
    struct wr_buf b = {0};
    struct wr_arena arena;
    wr_arena_init(&arena, 1 << 20);
    wr_entry_write(&b, &e);
    assert_int_equal(wr_entry_read(wr_buf_str(&b), &arena, &back, NULL), WR_OK);
    check_same(&e, &back);

    wr_buf_clear(&b); // the payload itself as result is kept once; a dead letter
    e.body = e.message.payload;
    e.dialect = WR_SQL_2015;
    e.message.basic_ingest = true;
    e.has_error_action = true;
    e.error_action = actions[1];
    e.dead_ms = 1700000009999;
    e.reason = S("refused");
    wr_entry_write(&b, &e);
    assert_int_equal(wr_entry_read(wr_buf_str(&b), &arena, &back, NULL), WR_OK);
    check_same(&e, &back);
    assert_ptr_equal(back.body.at, back.message.payload.at);
    assert_int_equal(back.dead_ms, 1700000009999);
    CHECK_STR("reason", back.reason, S("refused"));
    assert_true(back.has_error_action);
    CHECK_STR("error action", back.error_action.message, S("no such function"));
    wr_arena_release(&arena);
    wr_buf_release(&b);
}

// Of what is secret only the names are in the bytes; likewise once they are written again.
static void test_secrets_are_not_written(void **state)
{
    static const wr_str given_keys[] = {WR_STR_INIT("bootstrap.servers"),
                                        WR_STR_INIT("sasl.password")};
    static const wr_str given_values[] = {WR_STR_INIT("host:9092"), WR_STR_INIT("hunter2")};
    static const struct wr_option options[] = {
        {"topic", WR_OPT_STRING},
        {"token", WR_OPT_STRING, WR_OPT_SECRET},
        {"clientProperties", WR_OPT_PAIRS, WR_OPT_SECRET},
        {0},
    };
    const struct wr_param given[] = {
        {.set = true, .text = S("t")},
        {.set = true, .text = S("swordfish"), .number = 4711},
        {.set = true, .count = 2, .keys = given_keys, .values = given_values},
    };
    struct wr_entry_action action = {
        .kind = S("kafka"), .param_count = 3, .params = given, .options = options, .secret = 6};
    struct wr_entry_action actions[WR_ENTRY_ACTIONS_MAX];
    struct wr_entry e = sample(actions), back;
    e.actions = &action;
    e.action_count = 1;
    struct wr_arena arena;
    wr_arena_init(&arena, 1 << 20);
    struct wr_buf b = {0}, again = {0};
    wr_entry_write(&b, &e);
    assert_true(wr_str_find(wr_buf_str(&b), S("swordfish")) < 0);
    assert_true(wr_str_find(wr_buf_str(&b), S("hunter2")) < 0);
    assert_true(wr_str_find(wr_buf_str(&b), S("host:9092")) < 0);
    assert_int_equal(wr_entry_read(wr_buf_str(&b), &arena, &back, NULL), WR_OK);
    const struct wr_entry_action *a = &back.actions[0];
    assert_int_equal(a->secret, 6);
    assert_int_equal(a->param_count, 3);
    CHECK_STR("kept", a->params[0].text, S("t"));
    CHECK_STR("name", a->names[1], S("token"));
    assert_null(a->params[1].text.at);
    assert_int_equal(a->params[1].number, 0);
    assert_int_equal(a->params[2].count, 2);
    CHECK_STR("key", a->params[2].keys[1], given_keys[1]);
    assert_null(a->params[2].values[1].at);
    struct wr_entry redriven;
    wr_entry_redrive(&back, &redriven, actions);
    wr_entry_write(&again, &redriven);
    assert_int_equal(wr_entry_read(wr_buf_str(&again), &arena, &back, NULL), WR_OK);
    assert_int_equal(back.actions[0].secret, 6);
    wr_arena_release(&arena);
    wr_buf_release(&b);
    wr_buf_release(&again);
}

// What an older weir left is read.
static void test_version_1(void **state)
{
    struct wr_entry_action actions[2];
    struct wr_entry e = sample(actions), back;
    struct wr_buf b = {0};
    struct wr_arena arena;
    wr_arena_init(&arena, 1 << 20);
    wr_entry_write(&b, &e);
    b.at[0] = 1;
    assert_int_equal(wr_entry_read(wr_buf_str(&b), &arena, &back, NULL), WR_OK);
    check_same(&e, &back);
    wr_arena_release(&arena);
    wr_buf_release(&b);
}

static void test_cut_and_changed_entries_are_refused_or_safe(void **state)
{
    struct wr_entry_action actions[2];
    struct wr_entry e = sample(actions), back;
    struct wr_buf b = {0};
    struct wr_arena arena;
    wr_arena_init(&arena, 1 << 20);
    wr_entry_write(&b, &e);
    for (size_t len = 0; len < b.len; len++) {
        assert_int_equal(wr_entry_read((wr_str){b.at, len}, &arena, &back, NULL), WR_ERR_CORRUPT);
        wr_arena_reset(&arena);
    }
    for (size_t at = 0; at < b.len; at++) {
        for (int bit = 0; bit < 8; bit++) {
            b.at[at] = (char)(b.at[at] ^ 1 << bit);
            struct wr_fault fault;
            if (wr_entry_read(wr_buf_str(&b), &arena, &back, &fault) == WR_OK) {
                struct wr_buf again = {0};
                wr_entry_write(&again, &back); // everything it points to can be read
                wr_buf_release(&again);
            }
            wr_arena_reset(&arena);
            b.at[at] = (char)(b.at[at] ^ 1 << bit);
        }
    }
    b.at[0] = WR_ENTRY_VERSION + 1;
    struct wr_fault fault;
    assert_int_equal(wr_entry_read(wr_buf_str(&b), &arena, &back, &fault), WR_ERR_UNSUPPORTED);
    wr_arena_release(&arena);
    wr_buf_release(&b);
}

static void test_an_arena_that_is_too_small(void **state)
{
    struct wr_entry_action actions[2];
    struct wr_entry e = sample(actions), back;
    struct wr_buf b = {0};
    struct wr_arena arena;
    wr_arena_init(&arena, 100);
    wr_entry_write(&b, &e);
    assert_int_equal(wr_entry_read(wr_buf_str(&b), &arena, &back, NULL), WR_ERR_LIMIT);
    wr_arena_release(&arena);
    wr_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_what_is_written_is_read),
        T(test_secrets_are_not_written),
        T(test_version_1),
        T(test_cut_and_changed_entries_are_refused_or_safe),
        T(test_an_arena_that_is_too_small),
    };
    return TEST_MAIN(tests);
}
