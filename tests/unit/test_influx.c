// influxDB: results as lines of line protocol, and what cannot be one.
#include <stdlib.h>

#include "sinks/http/influx.h"
#include "sinks/sink.h"
#include "tests/support/sink_bed.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

extern const struct wr_sink_impl wr_sink_influx_db;

#define TAGS_MAX 4

static const struct line_case {
    const char *name, *result, *table;
    const char *tags[2 * TAGS_MAX]; // as the rule has them: key, value, …
    const char *lines;              // NULL: refused
    const char *why;                // a part of it
    bool v3, error;
    const char *unit;
    const char *expanded; // tableName after `${…}`; NULL: as written
} cases[] = {
    {"one field", "{\"a\":1,\"timestamp\":17}", "t", {0}, "t a=1i 17\n"},
    {"kinds of numbers",
     "{\"i\":-5,\"d\":2.5,\"u\":18446744073709551615,\"timestamp\":1}",
     "t",
     {0},
     "t i=-5i,d=2.5,u=18446744073709551615u 1\n"},
    {"largest signed",
     "{\"a\":9223372036854775807,\"b\":9223372036854775808,\"timestamp\":1}",
     "t",
     {0},
     "t a=9223372036854775807i,b=9223372036854775808u 1\n"},
    {"too large", "{\"a\":18446744073709551616,\"timestamp\":1}", "t", {0}, NULL, "an integer"},
    {"too small", "{\"a\":-9223372036854775809,\"timestamp\":1}", "t", {0}, NULL, "an integer"},
    {"booleans, texts, null",
     "{\"t\":true,\"f\":false,\"s\":\"x\",\"n\":null,\"timestamp\":1}",
     "t",
     {0},
     "t t=t,f=f,s=\"x\" 1\n"},
    {"quotes and backslashes",
     "{\"s\":\"a\\\"b\\\\c d,e=f\",\"timestamp\":1}",
     "t",
     {0},
     "t s=\"a\\\"b\\\\c d,e=f\" 1\n"},
    {"objects and arrays",
     "{\"o\":{\"x\":\"y\"},\"l\":[1,2],\"timestamp\":1}",
     "t",
     {0},
     "t o=\"{\\\"x\\\":\\\"y\\\"}\",l=\"[1,2]\" 1\n"},
    {"escapes",
     "{\"a b,c=d\":1,\"timestamp\":1}",
     "t b,c=d",
     {"k ,=", "v ,="},
     "t\\ b\\,c=d,k\\ \\,\\==v\\ \\,\\= a\\ b\\,c\\=d=1i 1\n"},
    {"tags are sorted, empty ones go",
     "{\"a\":1,\"timestamp\":1}",
     "t",
     {"z", "1", "b", "2", "e", ""},
     "t,b=2,z=1 a=1i 1\n"},
    {"array",
     "[{\"a\":1,\"timestamp\":1},{\"a\":2,\"timestamp\":2}]",
     "t",
     {0},
     "t a=1i 1\nt a=2i 2\n"},
    {"marker",
     "[{\"d\":\"x\",\"a\":1,\"timestamp\":1},{\"d\":\"y\",\"a\":2,\"timestamp\":1}]",
     "t_@{d}",
     {"tag", "@{d}"},
     "t_x,tag=x a=1i 1\nt_y,tag=y a=2i 1\n"},
    {"marker without its member", "{\"a\":1,\"timestamp\":1}", "t", {"tag", "@{d}"}, "t a=1i 1\n"},
    {"table by a marker without its member",
     "{\"a\":1,\"timestamp\":1}",
     "@{d}",
     {0},
     NULL,
     "an empty tableName"},
    {"what a template names is no field",
     "{\"d\":\"x\",\"a\":1,\"timestamp\":1}",
     "${d}",
     {0},
     "x a=1i 1\n",
     .expanded = "x"},
    {"a marker from a device is a text",
     "{\"d\":\"x\",\"a\":1,\"timestamp\":1}",
     "${z}",
     {0},
     "@{d} d=\"x\",a=1i 1\n",
     .expanded = "@{d}"},
    {"no timestamp", "{\"a\":1}", "t", {0}, NULL, "\"timestamp\""},
    {"a text as timestamp", "{\"a\":1,\"timestamp\":\"1\"}", "t", {0}, NULL, "\"timestamp\""},
    {"a broken timestamp", "{\"a\":1,\"timestamp\":1.5}", "t", {0}, NULL, "\"timestamp\""},
    {"one element without it",
     "[{\"a\":1,\"timestamp\":1},{\"a\":2}]",
     "t",
     {0},
     NULL,
     "\"timestamp\""},
    {"no field", "{\"timestamp\":1,\"n\":null}", "t", {0}, NULL, "without a field"},
    {"field name", "{\"_a\":1,\"timestamp\":1}", "t", {0}, NULL, "begins with _"},
    {"empty field name", "{\"\":1,\"timestamp\":1}", "t", {0}, NULL, "is empty"},
    {"line break in a tag",
     "{\"d\":\"a\\nb c=1\",\"a\":1,\"timestamp\":1}",
     "t",
     {"k", "@{d}"},
     NULL,
     "a line break"},
    {"line break in a text", "{\"s\":\"a\\nb\",\"timestamp\":1}", "t", {0}, "t s=\"a\nb\" 1\n"},
    {"backslash at the end",
     "{\"d\":\"a\\\\\",\"a\":1,\"timestamp\":1}",
     "t",
     {"k", "@{d}"},
     NULL,
     "ends in a backslash"},
    {"comment", "{\"a\":1,\"timestamp\":1}", "#t", {0}, NULL, "begins with #"},
    {"scalar", "5", "t", {0}, NULL, "neither an object nor"},
    {"array of scalars", "[1]", "t", {0}, NULL, "neither an object nor"},
    {"empty array", "[]", "t", {0}, NULL, "an empty array"},
    {"version 3: names", "{\"a\":1,\"timestamp\":1}", "-t", {0}, NULL, "first character", true},
    {"version 3: tag and field",
     "{\"a\":1,\"timestamp\":1}",
     "t",
     {"a", "x"},
     NULL,
     "of one name",
     true},
    {"version 2: tag and field", "{\"a\":1,\"timestamp\":1}", "t", {"a", "x"}, "t,a=x a=1i 1\n"},
    {"error document",
     "{\"ruleName\":\"r\",\"failures\":[{\"x\":1}]}",
     "t",
     {"k", "@{d}"},
     "t,k=@{d} ruleName=\"r\",failures=\"[{\\\"x\\\":1}]\" 1700000000123\n",
     NULL,
     false,
     true},
    {"error document in seconds",
     "{\"a\":1}",
     "t",
     {0},
     "t a=1i 1700000000\n",
     NULL,
     false,
     true,
     "s"},
};

static void test_lines(void **state)
{
    struct fake f;
    fake_init(&f, &wr_sink_influx_db);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        const struct line_case *c = &cases[i];
        struct fake_record *r = fake_record(&f, Z(c->result));
        struct wr_param written[FAKE_PARAMS_MAX];
        wr_str keys[TAGS_MAX], values[TAGS_MAX];
        size_t count = 0;
        for (; count < TAGS_MAX && c->tags[2 * count]; count++) {
            keys[count] = Z(c->tags[2 * count]);
            values[count] = Z(c->tags[2 * count + 1]);
        }
        fake_set(r, "tableName", Z(c->table));
        fake_set(r, "timestampUnit", Z(c->unit ? c->unit : "ms"));
        r->params[WR_INFLUX_TAGS] =
            (struct wr_param){.set = true, .count = count, .keys = keys, .values = values};
        memcpy(written, r->params, sizeof written);
        if (c->expanded) {
            fake_set(r, "tableName", Z(c->expanded));
        }
        r->rec.written = written;
        r->rec.is_error_action = c->error;
        r->rec.timestamp_ms = 1700000000123;
        struct wr_buf out = {0};
        size_t points = 0;
        const char *why = wr_influx_lines(&r->rec, c->v3, &out, &points);
        if (c->lines) {
            CHECK_STR(c->name, Z(why ? why : ""), S(""));
            CHECK_STR(c->name, wr_buf_str(&out), Z(c->lines));
            size_t want = c->result[0] == '[' ? 2 : 1;
            CHECK_INT(c->name, points, want);
        } else {
            CHECK(c->name, why && strstr(why, c->why));
        }
        wr_buf_release(&out);
        free(r);
    }
    fake_release(&f);
}

// 250 tags and fields are one point, 251 are none.
static void test_most(void **state)
{
    struct fake f;
    fake_init(&f, &wr_sink_influx_db);
    for (int fields = 249; fields <= 251; fields++) {
        struct wr_buf text = {0}, out = {0};
        size_t points;
        wr_buf_add(&text, WR_STR("{\"timestamp\":1"));
        for (int i = 0; i < fields; i++) {
            wr_buf_addf(&text, ",\"f%d\":%d", i, i);
        }
        wr_buf_add_char(&text, '}');
        struct fake_record *r = fake_record(&f, wr_buf_str(&text));
        fake_set(r, "tableName", S("t"));
        const char *why = wr_influx_lines(&r->rec, false, &out, &points);
        CHECK_INT("refused", why != NULL, fields > 250);
        free(r);
        wr_buf_release(&text);
        wr_buf_release(&out);
    }
    fake_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(test_lines), T(test_most)};
    return TEST_MAIN(tests);
}
