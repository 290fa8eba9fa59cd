// The conversion tables of sql.md 5, cell by cell.
#include "sql/convert.h"

#include "sql/base/hash.h"
#include "sql/base/json.h"

#include <stdio.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

static struct wr_arena arena;

static int setup(void **state)
{
    wr_hash_seed_init();
    wr_arena_init(&arena, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    wr_arena_release(&arena);
    return 0;
}

// `json` is the value, NULL for Undefined. Results as compact JSON, NULL for Undefined.
static wr_value value(const char *name, const char *json, enum wr_dialect dialect)
{
    wr_value v = wr_undefined();
    if (json) {
        // As a member, so that it arrives lazy as it does from a payload.
        wr_value list;
        struct wr_buf b;
        wr_buf_init_arena(&b, &arena);
        wr_buf_add_char(&b, '[');
        wr_buf_add(&b, Z(json));
        wr_buf_add_char(&b, ']');
        CHECK_INT(name, wr_json_parse(wr_buf_str(&b), &arena, dialect, &list, NULL), WR_OK);
        v = list.as.items[0];
    }
    return v;
}

static void check(const char *name, const char *column, const wr_value *v, const char *want,
                  enum wr_dialect dialect)
{
    char label[128];
    snprintf(label, sizeof label, "%s to %s", name, column);
    struct wr_buf b;
    wr_buf_init_arena(&b, &arena);
    wr_json_write(&b, v, &arena, dialect);
    CHECK_STR(label, v->type == WR_UNDEFINED ? S("Undefined") : wr_buf_str(&b),
              want ? Z(want) : S("Undefined"));
}

static void standard(void **state)
{
    static const struct {
        const char *json, *decimal, *integer, *boolean, *string;
    } cases[] = {
        {"5", "5", "5", NULL, "\"5\""},
        {"2.75", "2.75", "2", NULL, "\"2.75\""},
        {"-2.5", "-2.5", "-3", NULL, "\"-2.5\""},
        {"1.5e-7", "1.5E-7", "0", NULL, "\"1.5E-7\""},
        {"1e40", "1E+40", "1E+40", NULL, "\"1E+40\""},
        {"1e1200", NULL, NULL, NULL, NULL},
        {"true", NULL, NULL, "true", "\"true\""},
        {"false", NULL, NULL, "false", "\"false\""},
        {"\"42\"", "42", "42", NULL, "\"42\""},
        {"\"-1.25\"", "-1.25", "-2", NULL, "\"-1.25\""},
        {"\"5E-1\"", "0.5", "0", NULL, "\"5E-1\""},
        {"\"1e3\"", "1000", "1000", NULL, "\"1e3\""},
        {"\"TrUe\"", NULL, NULL, "true", "\"TrUe\""},
        {"\"FALSE\"", NULL, NULL, "false", "\"FALSE\""},
        {"\"abc\"", NULL, NULL, NULL, "\"abc\""},
        {"\"\"", NULL, NULL, NULL, "\"\""},
        {"\"+5\"", NULL, NULL, NULL, "\"+5\""},
        {"\" 5\"", NULL, NULL, NULL, "\" 5\""},
        {"\".5\"", NULL, NULL, NULL, "\".5\""},
        {"\"5.\"", NULL, NULL, NULL, "\"5.\""},
        {"\"1e+3\"", NULL, NULL, NULL, "\"1e+3\""},
        {"\"0x10\"", NULL, NULL, NULL, "\"0x10\""},
        {"\"NaN\"", NULL, NULL, NULL, "\"NaN\""},
        {"\"\\u0034\"", "4", "4", NULL, "\"4\""},
        {"[1, \"x\", null]", NULL, NULL, NULL, "\"[1,\\\"x\\\",null]\""},
        {"{\"k\": 1.50}", NULL, NULL, NULL, "\"{\\\"k\\\":1.5}\""},
        {"null", NULL, NULL, NULL, NULL},
        {NULL, NULL, NULL, NULL, NULL},
    };
    const struct wr_num_context c = {&arena, WR_SQL_2016};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        wr_arena_reset(&arena);
        const char *name = cases[i].json ? cases[i].json : "Undefined";
        wr_value v = value(name, cases[i].json, c.dialect), r;
        r = wr_convert_string(&c, &v);
        check(name, "String", &r, cases[i].string, c.dialect);
        v = value(name, cases[i].json, c.dialect);
        r = wr_convert_decimal(&c, &v);
        check(name, "Decimal", &r, cases[i].decimal, c.dialect);
        v = value(name, cases[i].json, c.dialect);
        r = wr_convert_int(&c, &v);
        check(name, "Int", &r, cases[i].integer, c.dialect);
        v = value(name, cases[i].json, c.dialect);
        r = wr_convert_boolean(&c, &v);
        check(name, "Boolean", &r, cases[i].boolean, c.dialect);
    }
}

struct cast_case {
    const char *json, *decimal, *real, *integer, *boolean, *string;
};

static void check_casts(const struct cast_case *cases, size_t count, enum wr_dialect dialect)
{
    const struct wr_num_context c = {&arena, dialect};
    for (size_t i = 0; i < count; i++) {
        const struct {
            const char *column;
            enum wr_cast_type to;
            const char *want;
        } columns[] = {{"Decimal", WR_CAST_DECIMAL, cases[i].decimal},
                       {"Double", WR_CAST_DOUBLE, cases[i].real},
                       {"Int", WR_CAST_INT, cases[i].integer},
                       {"Boolean", WR_CAST_BOOLEAN, cases[i].boolean},
                       {"String", WR_CAST_STRING, cases[i].string}};
        const char *name = cases[i].json ? cases[i].json : "Undefined";
        for (size_t k = 0; k < WR_COUNT(columns); k++) {
            wr_arena_reset(&arena);
            wr_value v = value(name, cases[i].json, dialect);
            wr_value r = wr_convert_cast(&c, &v, columns[k].to);
            check(name, columns[k].column, &r, columns[k].want, dialect);
        }
    }
}

static void casts(void **state)
{
    static const struct cast_case cases[] = {
        {"5", "5", "5", "5", "true", "\"5\""},
        {"0", "0", "0", "0", "false", "\"0\""},
        {"2.5", "2.5", "2.5", "2", "true", "\"2.5\""},
        {"-2.5", "-2.5", "-2.5", "-3", "true", "\"-2.5\""},
        {"0.12345678901234567890123", "0.12345678901234567890123", "0.12345678901234568", "0",
         "true", "\"0.12345678901234567890123\""},
        {"true", "1", "1", "1", "true", "\"true\""},
        {"false", "0", "0", "0", "false", "\"false\""},
        {"\"42\"", "42", "42", "42", NULL, "\"42\""},
        {"\"-1.25\"", "-1.25", "-1.25", "-2", NULL, "\"-1.25\""},
        {"\"TrUe\"", NULL, NULL, NULL, "true", "\"TrUe\""},
        {"\"abc\"", NULL, NULL, NULL, NULL, "\"abc\""},
        {"[1]", NULL, NULL, NULL, NULL, "\"[1]\""},
        {"{}", NULL, NULL, NULL, NULL, "\"{}\""},
        {"null", NULL, NULL, NULL, NULL, NULL},
        {NULL, NULL, NULL, NULL, NULL, NULL},
    };
    static const struct cast_case old[] = {
        {"5.0", "5.0", "5.0", "5", "true", "\"5.0\""},
        {"5", "5.0", "5.0", "5", "true", "\"5\""},
        {"5.9", "5.9", "5.9", "5", "true", "\"5.9\""},
        {"true", "1.0", "1.0", "1", "true", "\"true\""},
    };
    check_casts(cases, WR_COUNT(cases), WR_SQL_2016);
    check_casts(old, WR_COUNT(old), WR_SQL_2015);
}

static void cast_names(void **state)
{
    static const struct {
        const char *name;
        bool known, since16;
        enum wr_cast_type type;
    } cases[] = {
        {"String", true, false, WR_CAST_STRING},  {"NVARCHAR", true, false, WR_CAST_STRING},
        {"text", true, false, WR_CAST_STRING},    {"Ntext", true, false, WR_CAST_STRING},
        {"varchar", true, false, WR_CAST_STRING}, {"Int", true, false, WR_CAST_INT},
        {"INTEGER", true, false, WR_CAST_INT},    {"Double", true, false, WR_CAST_DOUBLE},
        {"Decimal", true, true, WR_CAST_DECIMAL}, {"Bool", true, true, WR_CAST_BOOLEAN},
        {"boolean", true, true, WR_CAST_BOOLEAN}, {"Date", false, false, WR_CAST_STRING},
        {"", false, false, WR_CAST_STRING},       {"Int ", false, false, WR_CAST_STRING},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        enum wr_cast_type type = WR_CAST_STRING;
        bool since16 = false;
        CHECK_INT(cases[i].name, wr_cast_type_parse(Z(cases[i].name), &type, &since16),
                  cases[i].known);
        CHECK_INT(cases[i].name, type, cases[i].type);
        CHECK_INT(cases[i].name, since16, cases[i].since16);
    }
}

static void template_text(void **state)
{
    static const struct {
        const char *json, *want;
    } cases[] = {
        {"\"a\\u0041\"", "aA"},
        {"5.0", "5"},
        {"true", "true"},
        {"[1, \"x\"]", "[1,\"x\"]"},
        {"{\"k\": null}", "{\"k\":null}"},
        {"null", ""},
        {NULL, ""},
        {"1e1200", ""},
    };
    const struct wr_num_context c = {&arena, WR_SQL_2016};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        wr_arena_reset(&arena);
        wr_value v = value("template", cases[i].json, c.dialect);
        struct wr_buf b;
        wr_buf_init_arena(&b, &arena);
        wr_convert_template_text(&c, &v, &b);
        CHECK_STR(cases[i].json ? cases[i].json : "Undefined", wr_buf_str(&b), Z(cases[i].want));
    }
    wr_value raw = wr_raw(S("\x00\xff"));
    struct wr_buf b;
    wr_buf_init_arena(&b, &arena);
    wr_convert_template_text(&c, &raw, &b);
    CHECK_STR("Raw", wr_buf_str(&b), S("AP8="));
    wr_value v = wr_convert_string(&c, &raw);
    CHECK_INT("Raw to String", v.type, WR_UNDEFINED);
}

// Every allocation fails once: the answer is Undefined and the arena says why.
static void memory(void **state)
{
    static const char *const cases[] = {"2.75", "[1, {\"k\": \"\\u0041\"}]", "\"\\u0041\"",
                                        "1.234567890123456789012345678901234"};
    const struct wr_num_context c = {&arena, WR_SQL_2016};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        for (uint64_t n = 1;; n++) {
            CHECK(cases[i], n < 100);
            wr_arena_reset(&arena);
            wr_value v = value(cases[i], cases[i], c.dialect);
            arena.fail_at = n;
            wr_value r = wr_convert_string(&c, &v);
            bool untouched = arena.fail_at != 0;
            arena.fail_at = 0;
            CHECK_INT(cases[i], r.type, untouched ? WR_STRING : WR_UNDEFINED);
            CHECK_INT(cases[i], arena.over, !untouched);
            if (untouched) {
                break;
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(standard), T(casts), T(cast_names), T(template_text),
                                       T(memory)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
