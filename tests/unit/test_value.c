// Forcing, equality and the builders.
#include "sql/base/value.h"

#include <stdio.h>

#include "sql/base/json.h"
#include "sql/base/num.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

static struct wr_arena arena;

static wr_value parse(const char *text)
{
    wr_value v = wr_undefined();
    struct wr_fault fault;
    assert_int_equal(wr_json_parse(Z(text), &arena, WR_SQL_2016, &v, &fault), WR_OK);
    return v;
}

static const struct {
    const char *a, *b;
    bool equal;
} equal_cases[] = {
    {"1", "1.0", true},
    {"1", "\"1\"", false},
    {"true", "true", true},
    {"true", "false", false},
    {"true", "\"true\"", false},
    {"null", "null", true},
    {"null", "false", false},
    {"\"a\"", "\"\\u0061\"", true},
    {"\"a\"", "\"A\"", false},
    {"\"\"", "\"\"", true},
    {"[]", "[]", true},
    {"[]", "{}", false},
    {"[1,2]", "[1.0,2]", true},
    {"[1,2]", "[2,1]", false},
    {"[1]", "[1,1]", false},
    {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
    {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
    {"{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", false},
    {"{\"a\":[{\"b\":null}]}", "{\"a\":[{\"b\":null}]}", true},
    {"{\"a\":[{\"b\":null}]}", "{\"a\":[{\"b\":0}]}", false},
    {"12345678901234567890.5", "12345678901234567890.50", true},
};

static void equality(void **state)
{
    for (size_t i = 0; i < WR_COUNT(equal_cases); i++) {
        wr_value a = parse(equal_cases[i].a), b = parse(equal_cases[i].b);
        CHECK_INT(equal_cases[i].a, wr_value_equal(&a, &b, &arena, WR_SQL_2016),
                  equal_cases[i].equal);
        CHECK_INT(equal_cases[i].b, wr_value_equal(&b, &a, &arena, WR_SQL_2016),
                  equal_cases[i].equal);
        CHECK(equal_cases[i].a, wr_value_equal(&a, &a, &arena, WR_SQL_2016));
    }
    wr_value x = wr_raw(S("ab")), y = wr_raw(S("ab")), z = wr_string(S("ab"));
    assert_true(wr_value_equal(&x, &y, &arena, WR_SQL_2016));
    assert_false(wr_value_equal(&x, &z, &arena, WR_SQL_2016));
}

static const struct {
    const char *text, *name;
} type_cases[] = {
    {"null", "Null"},   {"true", "Boolean"}, {"1", "Int"},    {"1.0", "Int"},
    {"1.5", "Decimal"}, {"\"\"", "String"},  {"[]", "Array"}, {"{}", "Object"},
};

static void type_names(void **state)
{
    for (size_t i = 0; i < WR_COUNT(type_cases); i++) {
        wr_value v = parse(type_cases[i].text);
        CHECK_STR(type_cases[i].text, Z(wr_value_type_name(&v)), Z(type_cases[i].name));
    }
    wr_value u = wr_undefined(), r = wr_raw(S("x"));
    assert_string_equal(wr_value_type_name(&u), "Undefined");
    assert_string_equal(wr_value_type_name(&r), "Raw");
}

static void arrays_grow(void **state)
{
    struct wr_array_builder b = {0};
    struct wr_num_context c = {&arena, WR_SQL_2016};
    wr_value empty = wr_array_done(&b);
    assert_int_equal(empty.type, WR_ARRAY);
    assert_int_equal(empty.len, 0);
    for (int i = 0; i < 1000; i++) {
        wr_array_push(&b, &arena, wr_num_int(&c, i));
    }
    wr_value v = wr_array_done(&b);
    assert_int_equal(v.len, 1000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(v.as.items[i].as.coef, i);
    }
}

static void objects_keep_keys_unique_in_first_place(void **state)
{
    enum { KEYS = 500 };
    static char names[KEYS][8];
    struct wr_num_context c = {&arena, WR_SQL_2016};
    for (int size = 1; size <= KEYS; size = size * 3 / 2 + 1) {
        struct wr_object_builder b = {0};
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < size; i++) {
                snprintf(names[i], sizeof names[i], "k%d", i);
                wr_object_set(&b, &arena, Z(names[i]), wr_num_int(&c, i + round * 1000));
            }
        }
        wr_value *changed = wr_object_find(&b, S("k0"));
        assert_non_null(changed);
        *changed = wr_null();
        assert_null(wr_object_find(&b, S("nothing")));
        wr_value v = wr_object_done(&b);
        assert_int_equal(v.type, WR_OBJECT);
        assert_int_equal(v.len, size);
        for (int i = 0; i < size; i++) {
            CHECK_STR(names[i], v.as.members[i].key, Z(names[i]));
            const wr_value *got = wr_object_get(&v, Z(names[i]));
            assert_ptr_equal(got, &v.as.members[i].value);
            CHECK_INT(names[i], got->type, i ? WR_NUMBER : WR_NULL);
            CHECK_INT(names[i], got->as.coef, i ? i + 1000 : 0);
        }
        assert_null(wr_object_get(&v, S("")));
    }
}

// Equality of large objects in opposite order goes by an index, not by pairs.
static void large_objects_in_other_order(void **state)
{
    enum { KEYS = 20000 };
    static char names[KEYS][8];
    struct wr_object_builder a = {0}, b = {0};
    for (int i = 0; i < KEYS; i++) {
        snprintf(names[i], sizeof names[i], "%d", i);
    }
    for (int i = 0; i < KEYS; i++) {
        wr_object_set(&a, &arena, Z(names[i]), wr_boolean(true));
        wr_object_set(&b, &arena, Z(names[KEYS - 1 - i]), wr_boolean(true));
    }
    wr_value x = wr_object_done(&a), y = wr_object_done(&b);
    assert_true(wr_value_equal(&x, &y, &arena, WR_SQL_2016));
    *wr_object_find(&b, S("77")) = wr_null();
    assert_false(wr_value_equal(&x, &y, &arena, WR_SQL_2016));
}

static void builders_survive_the_limit(void **state)
{
    for (uint64_t n = 1; n < 12; n++) {
        struct wr_arena small;
        wr_arena_init(&small, 1 << 20);
        small.fail_at = n;
        struct wr_object_builder o = {0};
        struct wr_array_builder a = {0};
        static char names[40][8];
        for (int i = 0; i < 40; i++) {
            snprintf(names[i], sizeof names[i], "%d", i);
            wr_object_set(&o, &small, Z(names[i]), wr_null());
            wr_array_push(&a, &small, wr_null());
        }
        assert_true(small.over ? o.len < 40 || a.len < 40 : o.len == 40 && a.len == 40);
        for (uint32_t i = 0; i < o.len; i++) {
            assert_non_null(wr_object_find(&o, o.members[i].key));
        }
        wr_arena_release(&small);
    }
}

static void forcing(void **state)
{
    wr_value s = {.type = WR_STRING, .flags = WR_V_LAZY, .len = 12, .as.text = "a\\n\\u00e9\\\"b"};
    wr_value_force(&s, &arena, WR_SQL_2016);
    CHECK_STR("string", wr_value_text(&s), S("a\n\xc3\xa9\"b"));
    wr_value n = {.type = WR_NUMBER, .flags = WR_V_LAZY, .len = 4, .as.text = "1e1000"};
    wr_value_force(&n, &arena, WR_SQL_2016); // "1e10"
    assert_int_equal(n.type, WR_NUMBER);
    assert_int_equal(n.as.coef, 10000000000);
    wr_value u = {.type = WR_NUMBER, .flags = WR_V_LAZY, .len = 6, .as.text = "1e1000"};
    wr_value_force(&u, &arena, WR_SQL_2016);
    assert_int_equal(u.type, WR_UNDEFINED);
    wr_value o = {.type = WR_OBJECT,
                  .flags = WR_V_LAZY,
                  .len = 26,
                  .as.text = "{\"a\":1,\"\\u0061\":[{\"b\":2}]}"};
    wr_value_force(&o, &arena, WR_SQL_2016);
    assert_int_equal(o.flags, 0);
    assert_int_equal(o.len, 1);
    assert_int_equal(o.as.members[0].value.type, WR_ARRAY);
    assert_int_equal(o.as.members[0].value.as.items[0].len, 1);
    wr_value b = wr_boolean(true);
    wr_value_force(&b, &arena, WR_SQL_2016);
    assert_true(b.as.truth);
}

int main(void)
{
    wr_arena_init(&arena, 64 << 20);
    const struct CMUnitTest tests[] = {
        T(equality),
        T(type_names),
        T(arrays_grow),
        T(objects_keep_keys_unique_in_first_place),
        T(large_objects_in_other_order),
        T(builders_survive_the_limit),
        T(forcing),
    };
    int failed = TEST_MAIN(tests);
    wr_arena_release(&arena);
    return failed;
}
