// Buffers on the heap and in an arena, numbers, hex and base64.
#include "sql/base/buf.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

static void everything_is_appended(struct wr_buf *b)
{
    wr_buf_add(b, S("a"));
    wr_buf_add(b, (wr_str){NULL, 0});
    wr_buf_add_char(b, ' ');
    wr_buf_add_u64(b, 0);
    wr_buf_add_char(b, ' ');
    wr_buf_add_u64(b, UINT64_MAX);
    wr_buf_add_char(b, ' ');
    wr_buf_add_i64(b, INT64_MIN);
    wr_buf_add_char(b, ' ');
    wr_buf_add_i64(b, 7);
    wr_buf_add_char(b, ' ');
    wr_buf_add_hex(b, "\x00\xfa\x09", 3);
    wr_buf_addf(b, " %d%s", 5, "x");
    CHECK_STR("text", wr_buf_str(b),
              S("a 0 18446744073709551615 -9223372036854775808 7 00fa09 5x"));
    assert_int_equal(strlen(wr_buf_terminated(b)), b->len);
    wr_buf_clear(b);
    assert_int_equal(b->len, 0);
    assert_string_equal(wr_buf_terminated(b), "");
}

static void heap_and_arena(void **state)
{
    struct wr_buf b = {0};
    everything_is_appended(&b);
    wr_buf_release(&b);
    wr_buf_release(&b);

    struct wr_arena a;
    wr_arena_init(&a, 1 << 16);
    wr_buf_init_arena(&b, &a);
    everything_is_appended(&b);
    for (int i = 0; i < 10000; i++) {
        wr_buf_add_char(&b, (char)('a' + i % 26));
    }
    assert_int_equal(b.len, 10000);
    assert_int_equal(b.at[9999], 'a' + 9999 % 26);
    for (int i = 0; i < 100000; i++) {
        wr_buf_add_char(&b, 'x');
    }
    assert_true(b.over && a.over);
    wr_arena_release(&a);
}

static void limit_is_kept(void **state)
{
    struct wr_buf b;
    wr_buf_init(&b, 10);
    wr_buf_add(&b, S("12345"));
    wr_buf_add(&b, S("123456"));
    assert_true(b.over);
    CHECK_STR("kept", wr_buf_str(&b), S("12345"));
    wr_buf_clear(&b);
    assert_false(b.over);
    wr_buf_add(&b, S("1234567890"));
    assert_false(b.over);
    wr_buf_add_char(&b, 'x');
    assert_true(b.over);
    wr_buf_clear(&b);
    wr_buf_addf(&b, "%s", "1234567890"); // as long as the limit
    assert_false(b.over);
    CHECK_STR("formatted", wr_buf_str(&b), S("1234567890"));
    assert_string_equal(wr_buf_terminated(&b), "1234567890");
    assert_false(b.over);
    wr_buf_clear(&b);
    assert_true(wr_buf_add_unbase64(&b, S("MTIzNDU2Nzg5MA==")));
    assert_false(b.over);
    CHECK_STR("decoded", wr_buf_str(&b), S("1234567890"));
    wr_buf_release(&b);
}

static const struct {
    wr_str bytes, text;
} base64_cases[] = {
    {WR_STR_INIT(""), WR_STR_INIT("")},
    {WR_STR_INIT("f"), WR_STR_INIT("Zg==")},
    {WR_STR_INIT("fo"), WR_STR_INIT("Zm8=")},
    {WR_STR_INIT("foo"), WR_STR_INIT("Zm9v")},
    {WR_STR_INIT("foob"), WR_STR_INIT("Zm9vYg==")},
    {WR_STR_INIT("fooba"), WR_STR_INIT("Zm9vYmE=")},
    {WR_STR_INIT("foobar"), WR_STR_INIT("Zm9vYmFy")},
    {WR_STR_INIT("\x00\xff\xfe"), WR_STR_INIT("AP/+")},
    {WR_STR_INIT("\xfb\xf0"), WR_STR_INIT("+/A=")},
};

static void base64_both_ways(void **state)
{
    for (size_t i = 0; i < WR_COUNT(base64_cases); i++) {
        struct wr_buf b = {0};
        wr_buf_add_base64(&b, base64_cases[i].bytes);
        CHECK_STR(base64_cases[i].text.at, wr_buf_str(&b), base64_cases[i].text);
        wr_buf_clear(&b);
        assert_true(wr_buf_add_unbase64(&b, base64_cases[i].text));
        CHECK_STR(base64_cases[i].text.at, wr_buf_str(&b), base64_cases[i].bytes);
        wr_buf_release(&b);
    }
}

static const char *const not_base64[] = {
    "Z",    "Zg",   "Zg=",  "Zm8",  "Zg==Zg==", "Z===", "====", "=",        "Zm9v\n",     "Zm 9",
    "Zm9-", "Zm9_", "Zh==", "Zm9=", "Zg=a",     "Z=g=", "=AAA", "Zm9vZg=a", "\xc3\xa9__",
};

static void base64_is_strict(void **state)
{
    struct wr_buf b = {0};
    wr_buf_add(&b, S("x"));
    for (size_t i = 0; i < WR_COUNT(not_base64); i++) {
        CHECK_INT(not_base64[i], wr_buf_add_unbase64(&b, Z(not_base64[i])), false);
        CHECK_STR(not_base64[i], wr_buf_str(&b), S("x"));
    }
    wr_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(heap_and_arena),
        T(limit_is_kept),
        T(base64_both_ways),
        T(base64_is_strict),
    };
    return TEST_MAIN(tests);
}
