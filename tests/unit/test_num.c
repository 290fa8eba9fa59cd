// The edges of num.c by hand; num_decimal.py compares every operation with Python on random pairs.
#include "sql/base/num.h"

#include <math.h>
#include <stdio.h>

#include "sql/base/bid.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

static struct wr_arena arena;
static struct wr_buf buf;

static wr_str text_of(const wr_value *v, enum wr_dialect dialect)
{
    wr_buf_clear(&buf);
    if (v->type == WR_NUMBER) {
        wr_num_write(&buf, v, dialect);
    } else {
        wr_buf_add(&buf, WR_STR("U"));
    }
    return wr_buf_str(&buf);
}

// Two zeros of this library's name are arguments that may be missing: a wrong setting in bid.h
// would make the calls pass garbage for them.
static void library_is_the_variant_we_declare(void **state)
{
    BID_UINT128 one = {{1, UINT64_C(6176) << 49}}, three = {{3, UINT64_C(6176) << 49}};
    _IDEC_flags flags = 0;
    BID_UINT128 third = bid128_div(one, three, WR_BID_HALF_EVEN, &flags);
    // 3333333333333333333333333333333333E-34
    assert_true(third.w[0] == 0x67d9da2155555555u && third.w[1] == 0x2ffca45894e48295u);
    assert_int_equal(flags, 0x20); // inexact
    flags = 0;
    assert_true(bid128_add(one, three, WR_BID_HALF_EVEN, &flags).w[0] == 4);
    assert_int_equal(flags, 0);
    assert_true(bid128_fmod(three, one, &flags).w[0] == 0);
    assert_int_equal(flags, 0);
    // The fourth argument is the rounding mode: up (2) differs from half-even in the last digit.
    BID_UINT128 up = bid128_div(one, three, 2, &flags);
    assert_true(up.w[0] == third.w[0] + 1);
}

static const struct {
    const char *token, *want_2016, *want_2015, *kind_2016, *kind_2015;
} parse_cases[] = {
    {"0", "0", "0", "Int", "Int"},
    {"-0", "0", "0", "Int", "Int"},
    {"0.0", "0", "0.0", "Int", "Decimal"},
    {"-0.0e7", "0", "0.0", "Int", "Decimal"},
    {"0e99999999999999999999", "0", "0.0", "Int", "Decimal"},
    {"007", "7", "7", "Int", "Int"},
    {"5.0", "5", "5.0", "Int", "Decimal"},
    {"5e0", "5", "5.0", "Int", "Decimal"},
    {"1.50", "1.5", "1.5", "Decimal", "Decimal"},
    {"999999999999999999", "999999999999999999", "999999999999999999", "Int", "Int"},
    {"1000000000000000000", "1000000000000000000", "1000000000000000000", "Int", "Int"},
    {"-9223372036854775808", "-9223372036854775808", "-9223372036854775808", "Int", "Int"},
    {"9999999999999999999999999999999999", "9999999999999999999999999999999999",
     "9999999999999999999999999999999999", "Int", "Int"},
    {"10000000000000000000000000000000000", "1E+34", "1E+34", "Decimal", "Decimal"},
    {"1234567890123456789012345678901234567", "1.234567890123456789012345678901235E+36",
     "1.234567890123456789012345678901235E+36", "Decimal", "Decimal"},
    {"99999999999999999999999999999999999", "1E+35", "1E+35", "Decimal", "Decimal"},
    {"00000000000000000000000000000000000000000000000001", "1", "1", "Int", "Int"},
    {"1e33", "1000000000000000000000000000000000", "1000000000000000000000000000000000.0", "Int",
     "Decimal"},
    {"1e34", "1E+34", "1E+34", "Decimal", "Decimal"},
    {"1.5e3", "1500", "1500.0", "Int", "Decimal"},
    {"0.000001", "0.000001", "0.000001", "Decimal", "Decimal"},
    {"0.0000001", "1E-7", "1E-7", "Decimal", "Decimal"},
    {"-0.000000123", "-1.23E-7", "-1.23E-7", "Decimal", "Decimal"},
    {"1e-999", "1E-999", "1E-999", "Decimal", "Decimal"},
    {"1.5e-999", "1.5E-999", "1.5E-999", "Decimal", "Decimal"},
    {"9.99e-1000", "0", "0.0", "Int", "Decimal"},
    {"9.9999999999999999999999999999999999e-1000", "1E-999", "1E-999", "Decimal", "Decimal"},
    {"9.999999999999999999999999999999999e999", "9.999999999999999999999999999999999E+999",
     "9.999999999999999999999999999999999E+999", "Decimal", "Decimal"},
    {"9.9999999999999999999999999999999999e999", "U", "U", "Undefined", "Undefined"},
    {"1e1000", "U", "U", "Undefined", "Undefined"},
    {"-1e99999999999999999999999", "U", "U", "Undefined", "Undefined"},
    {"1e-99999999999999999999999", "0", "0.0", "Int", "Decimal"},
    // Half to even at the 34th digit, with and without something behind it.
    {"1.0000000000000000000000000000000005", "1", "1.0", "Int", "Decimal"},
    {"1.0000000000000000000000000000000015", "1.000000000000000000000000000000002",
     "1.000000000000000000000000000000002", "Decimal", "Decimal"},
    {"1.00000000000000000000000000000000050000000000000001", "1.000000000000000000000000000000001",
     "1.000000000000000000000000000000001", "Decimal", "Decimal"},
};

static void parse_and_write(void **state)
{
    for (size_t i = 0; i < WR_COUNT(parse_cases); i++) {
        for (int year = 0; year < 2; year++) {
            enum wr_dialect dialect = year ? WR_SQL_2015 : WR_SQL_2016;
            struct wr_num_context c = {&arena, dialect};
            wr_value v = wr_num_parse(&c, Z(parse_cases[i].token));
            const char *name = parse_cases[i].token;
            CHECK_STR(name, text_of(&v, dialect),
                      Z(year ? parse_cases[i].want_2015 : parse_cases[i].want_2016));
            CHECK_STR(name, Z(wr_value_type_name(&v)),
                      Z(year ? parse_cases[i].kind_2015 : parse_cases[i].kind_2016));
        }
    }
}

static const struct {
    const char *a, *op, *b, *want_2016, *want_2015;
} sums[] = {
    {"0.1", "+", "0.2", "0.3", "0.3"},
    {"2.5", "+", "2.5", "5", "5.0"},
    {"2.5", "-", "2.5", "0", "0.0"},
    {"2", "+", "2", "4", "4"},
    {"999999999999999999", "+", "1", "1000000000000000000", "1000000000000000000"},
    {"9999999999999999999999999999999999", "+", "1", "1E+34", "1E+34"},
    {"9999999999999999999999999999999999", "-", "1", "9999999999999999999999999999999998",
     "9999999999999999999999999999999998"},
    {"1e999", "+", "9e999", "U", "U"},
    {"1e999", "*", "10", "U", "U"},
    {"1e-999", "*", "0.1", "0", "0.0"},
    {"999999999999999999", "*", "999999999999999999", "9.99999999999999998E+35",
     "9.99999999999999998E+35"},
    {"2.5", "*", "2", "5", "5.0"},
    {"7", "/", "2", "3", "3"},
    {"-7", "/", "2", "-3", "-3"},
    {"7", "/", "2.0", "3", "3.5"},
    {"7", "/", "2.5", "2.8", "2.8"},
    {"1", "/", "3.5", "0.2857142857142857142857142857142857",
     "0.2857142857142857142857142857142857"},
    {"7", "e", "2", "3.5", "3.5"},
    {"8", "e", "2", "4", "4.0"},
    {"1", "/", "0", "U", "U"},
    {"1", "e", "0.0", "U", "U"},
    {"1", "%", "0", "U", "U"},
    {"7", "%", "-3", "1", "1"},
    {"-7", "%", "3", "-1", "-1"},
    {"7", "%", "2.0", "1", "1.0"},
    {"5.5", "%", "2", "1.5", "1.5"},
    {"1e900", "%", "7", "1", "1.0"}, // 10^6 % 7 is 1
    {"13", "&", "5", "5", "5"},
    {"-1", "&", "1234567890123456789012345678901234", "1234567890123456789012345678901234",
     "1234567890123456789012345678901234"},
    {"-13", "|", "5", "-9", "-9"},
    {"13", "^", "-5", "-10", "-10"},
};

static void arithmetic(void **state)
{
    for (size_t i = 0; i < WR_COUNT(sums); i++) {
        for (int year = 0; year < 2; year++) {
            struct wr_num_context c = {&arena, year ? WR_SQL_2015 : WR_SQL_2016};
            wr_value a = wr_num_parse(&c, Z(sums[i].a)), b = wr_num_parse(&c, Z(sums[i].b));
            char op = sums[i].op[0];
            wr_value v = op == '+'   ? wr_num_add(&c, &a, &b)
                         : op == '-' ? wr_num_sub(&c, &a, &b)
                         : op == '*' ? wr_num_mul(&c, &a, &b)
                         : op == '/' ? wr_num_div(&c, &a, &b, false)
                         : op == 'e' ? wr_num_div(&c, &a, &b, true)
                         : op == '%' ? wr_num_mod(&c, &a, &b)
                                     : wr_num_bits(&c, op, &a, &b);
            char name[64];
            snprintf(name, sizeof name, "%.25s %s %.25s", sums[i].a, sums[i].op, sums[i].b);
            CHECK_STR(name, text_of(&v, c.dialect),
                      Z(year ? sums[i].want_2015 : sums[i].want_2016));
        }
    }
}

static void bitnot_and_as_decimal(void **state)
{
    struct wr_num_context c = {&arena, WR_SQL_2015};
    wr_value n = wr_num_int(&c, 13), v = wr_num_bitnot(&c, &n);
    CHECK_STR("bitnot", text_of(&v, c.dialect), S("-14"));
    v = wr_num_as_decimal(&c, &n);
    CHECK_STR("as decimal 2015", text_of(&v, c.dialect), S("13.0"));
    c.dialect = WR_SQL_2016;
    v = wr_num_as_decimal(&c, &n);
    CHECK_STR("as decimal 2016", text_of(&v, c.dialect), S("13"));
    v = wr_num_int(&c, INT64_MIN);
    CHECK_STR("INT64_MIN", text_of(&v, c.dialect), S("-9223372036854775808"));
    int64_t back = 0;
    assert_true(wr_num_to_i64(&v, &back) && back == INT64_MIN);
    v = wr_num_neg(&c, &v);
    CHECK_STR("-INT64_MIN", text_of(&v, c.dialect), S("9223372036854775808"));
    assert_false(wr_num_to_i64(&v, &back));
    assert_int_equal(wr_num_floor_clamped(&v), INT64_MAX);
}

static const struct {
    const char *text;
    bool numeric;
} numeric_cases[] = {
    {"5", true},      {"-5", true},      {"05", true},        {"1.5", true},  {"1e5", true},
    {"1E-5", true},   {"1.50e07", true}, {"", false},         {"-", false},   {"+5", false},
    {" 5", false},    {"5 ", false},     {".5", false},       {"5.", false},  {"1e+3", false},
    {"1e", false},    {"1e-", false},    {"0x10", false},     {"NaN", false}, {"1.e5", false},
    {"1.5.5", false}, {"--5", false},    {"\xd9\xa5", false},
};

static void numeric_strings(void **state)
{
    for (size_t i = 0; i < WR_COUNT(numeric_cases); i++) {
        CHECK_INT(numeric_cases[i].text, wr_num_is_numeric_string(Z(numeric_cases[i].text)),
                  numeric_cases[i].numeric);
    }
    assert_false(wr_num_is_numeric_string((wr_str){NULL, 0}));
}

static void doubles(void **state)
{
    static const struct {
        double d;
        const char *want;
    } cases[] = {
        {0.1, "0.1"},
        {-0.0, "0"},
        {1e22, "10000000000000000000000"},
        {5e-324, "5E-324"},
        {2.2250738585072014e-308, "2.2250738585072014E-308"},
        {1.7976931348623157e308, "1.7976931348623157E+308"},
        {0x1p-44, "5.684341886080802E-14"},
        {0x1p97, "158456325028528680000000000000"},
        {123456.789, "123456.789"},
        {1.0 / 3, "0.3333333333333333"},
        {NAN, "U"},
        {INFINITY, "U"},
        {-INFINITY, "U"},
    };
    struct wr_num_context c = {&arena, WR_SQL_2016};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        wr_value v = wr_num_from_double(&c, cases[i].d);
        CHECK_STR(cases[i].want, text_of(&v, c.dialect), Z(cases[i].want));
        if (v.type == WR_NUMBER) {
            CHECK(cases[i].want, wr_num_to_double(&v) == cases[i].d);
        }
    }
    wr_value far = wr_num_parse(&c, S("1e500")), near = wr_num_parse(&c, S("-1e-500"));
    assert_true(wr_num_to_double(&far) == INFINITY);
    assert_true(wr_num_to_double(&near) == 0);
}

static void equal_numbers_compare_and_hash_equal(void **state)
{
    static const char *const groups[][3] = {
        {"10", "10.0", "1e1"},
        {"0", "-0.0", "0e5"},
        {"123456789012345678901234.5", "1234567890123456789012345e-1",
         "123456789012345678901234.50"},
        {"1e34", "10000000000000000000000000000000000", "10e33"},
    };
    for (int year = 0; year < 2; year++) {
        struct wr_num_context c = {&arena, year ? WR_SQL_2015 : WR_SQL_2016};
        for (size_t i = 0; i < WR_COUNT(groups); i++) {
            wr_value first = wr_num_parse(&c, Z(groups[i][0]));
            for (int k = 1; k < 3; k++) {
                wr_value other = wr_num_parse(&c, Z(groups[i][k]));
                CHECK_INT(groups[i][k], wr_num_cmp(&first, &other), 0);
                CHECK_HEX(groups[i][k], wr_num_hash(&first), wr_num_hash(&other));
            }
        }
    }
}

static void lack_of_arena_is_undefined(void **state)
{
    struct wr_arena small;
    wr_arena_init(&small, 0);
    struct wr_num_context c = {&small, WR_SQL_2016};
    wr_value v = wr_num_parse(&c, S("1234567890123456789012"));
    assert_int_equal(v.type, WR_UNDEFINED);
    assert_true(small.over);
    wr_arena_release(&small);
}

int main(void)
{
    wr_arena_init(&arena, 1 << 20);
    const struct CMUnitTest tests[] = {
        T(library_is_the_variant_we_declare),
        T(parse_and_write),
        T(arithmetic),
        T(bitnot_and_as_decimal),
        T(numeric_strings),
        T(doubles),
        T(equal_numbers_compare_and_hash_equal),
        T(lack_of_arena_is_undefined),
    };
    int failed = TEST_MAIN(tests);
    wr_buf_release(&buf);
    wr_arena_release(&arena);
    return failed;
}
