// UTF-8 checks at the borders of table 3-7, stepping, and case mapping.
#include "sql/base/utf8.h"

#include "sql/base/compiler.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

static const struct {
    wr_str text;
    size_t valid_len;
    size_t count; // of the valid part
} cases[] = {
    {WR_STR_INIT(""), 0, 0},
    {WR_STR_INIT("abc"), 3, 3},
    {WR_STR_INIT("0123456789abcdef\xc3\xa9"), 18, 17},
    {WR_STR_INIT("\0"), 1, 1},
    {WR_STR_INIT("\x7f\xc2\x80"), 3, 2},
    {WR_STR_INIT("\xdf\xbf\xe0\xa0\x80"), 5, 2},
    {WR_STR_INIT("\xed\x9f\xbf\xee\x80\x80"), 6, 2},
    {WR_STR_INIT("\xef\xbf\xbf\xf0\x90\x80\x80"), 7, 2},
    {WR_STR_INIT("\xf4\x8f\xbf\xbf"), 4, 1},
    {WR_STR_INIT("a\x80"), 1, 1},
    {WR_STR_INIT("a\xbf"), 1, 1},
    {WR_STR_INIT("\xc0\x80"), 0, 0},
    {WR_STR_INIT("\xc1\xbf"), 0, 0},
    {WR_STR_INIT("\xc2"), 0, 0},
    {WR_STR_INIT("\xc2\x7f"), 0, 0},
    {WR_STR_INIT("\xc2\xc0"), 0, 0},
    {WR_STR_INIT("\xe0\x9f\xbf"), 0, 0},
    {WR_STR_INIT("\xe1\x80"), 0, 0},
    {WR_STR_INIT("\xe1\x80\x7f"), 0, 0},
    {WR_STR_INIT("\xed\xa0\x80"), 0, 0},
    {WR_STR_INIT("\xed\xbf\xbf"), 0, 0},
    {WR_STR_INIT("\xf0\x8f\xbf\xbf"), 0, 0},
    {WR_STR_INIT("\xf0\x90\x80"), 0, 0},
    {WR_STR_INIT("\xf4\x90\x80\x80"), 0, 0},
    {WR_STR_INIT("\xf5\x80\x80\x80"), 0, 0},
    {WR_STR_INIT("\xff"), 0, 0},
    {WR_STR_INIT("01234567\xff"), 8, 8},
};

static void validity_and_count(void **state)
{
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        wr_str s = cases[i].text;
        CHECK_INT(s.at, wr_utf8_valid_len(s), cases[i].valid_len);
        CHECK_INT(s.at, wr_utf8_valid(s), cases[i].valid_len == s.len);
        CHECK_INT(s.at, wr_utf8_count(wr_str_cut(s, 0, cases[i].valid_len)), cases[i].count);
    }
}

static bool is_surrogate(uint32_t c)
{
    return c >= 0xd800 && c < 0xe000;
}

static void every_code_point_round_trips(void **state)
{
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        if (is_surrogate(c)) {
            continue;
        }
        char room[4];
        wr_str s = {room, wr_utf8_put(room, c)};
        size_t at = 0;
        assert_true(wr_utf8_valid(s));
        assert_int_equal(wr_utf8_next(s, &at), c);
        assert_int_equal(at, s.len);
    }
}

static void offsets(void **state)
{
    wr_str s = S("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80xyz0123456789\xc3\xa9z");
    size_t at = 0, index = 0;
    while (at < s.len) {
        assert_int_equal(wr_utf8_offset(s, index), at);
        assert_int_equal(wr_utf8_count(wr_str_cut(s, 0, at)), index);
        wr_utf8_next(s, &at);
        index++;
    }
    assert_int_equal(wr_utf8_offset(s, index), s.len);
    assert_int_equal(wr_utf8_offset(s, SIZE_MAX), s.len);
    assert_int_equal(wr_utf8_offset((wr_str){NULL, 0}, 0), 0);
}

static const struct {
    const char *name;
    uint32_t code, lower, upper;
} letters[] = {
    {"A", 'A', 'a', 'A'},
    {"z", 'z', 'z', 'Z'},
    {"@", '@', '@', '@'},
    {"[", '[', '[', '['},
    {"`", '`', '`', '`'},
    {"{", '{', '{', '{'},
    {"digit", '5', '5', '5'},
    {"a umlaut", 0xe4, 0xe4, 0xc4},
    {"times", 0xd7, 0xd7, 0xd7},
    {"sharp s", 0xdf, 0xdf, 0xdf}, // one to one: no "SS"
    {"capital sharp s", 0x1e9e, 0xdf, 0x1e9e},
    {"y diaeresis", 0xff, 0xff, 0x178},
    {"micro", 0xb5, 0xb5, 0x39c},
    {"I with dot", 0x130, 'i', 0x130},
    {"dotless i", 0x131, 0x131, 'I'},
    {"long s", 0x17f, 0x17f, 'S'},
    {"title DZ", 0x1c5, 0x1c6, 0x1c4},
    {"final sigma", 0x3c2, 0x3c2, 0x3a3},
    {"Omega", 0x3a9, 0x3c9, 0x3a9},
    {"Cyrillic", 0x416, 0x436, 0x416},
    {"Armenian", 0x561, 0x561, 0x531},
    {"Georgian", 0x10d0, 0x10d0, 0x1c90},
    {"Cherokee", 0xab70, 0xab70, 0x13a0},
    {"Kelvin", 0x212a, 'k', 0x212a},
    {"circled", 0x24b6, 0x24d0, 0x24b6},
    {"Deseret", 0x10400, 0x10428, 0x10400},
    {"CJK", 0x4e2d, 0x4e2d, 0x4e2d},
    {"emoji", 0x1f600, 0x1f600, 0x1f600},
};

static void case_mapping(void **state)
{
    for (size_t i = 0; i < WR_COUNT(letters); i++) {
        CHECK_HEX(letters[i].name, wr_utf8_lower(letters[i].code), letters[i].lower);
        CHECK_HEX(letters[i].name, wr_utf8_upper(letters[i].code), letters[i].upper);
    }
    size_t lowered = 0, raised = 0;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        uint32_t lower = wr_utf8_lower(c), upper = wr_utf8_upper(c);
        lowered += lower != c;
        raised += upper != c;
        assert_true(is_surrogate(c) || (!is_surrogate(lower) && !is_surrogate(upper)));
        assert_true(lower <= 0x10ffff && upper <= 0x10ffff);
        assert_int_equal(wr_utf8_lower(lower), lower);
        assert_int_equal(wr_utf8_upper(upper), upper);
    }
    assert_int_equal(lowered, 1433); // as many as UnicodeData.txt 14.0 has
    assert_int_equal(raised, 1450);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(validity_and_count),
        T(every_code_point_round_trips),
        T(offsets),
        T(case_mapping),
    };
    return TEST_MAIN(tests);
}
