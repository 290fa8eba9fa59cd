// Outlines: what comes out of a statement, and what a template depends on.
#include "sql/outline.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

static struct wr_program *compile(const char *sql)
{
    const struct wr_program_options options = {.sql_version = S("2016-03-23")};
    struct wr_program *p;
    struct wr_fault fault = {0};
    if (wr_program_new(Z(sql), &options, &p, &fault)) {
        CASE_FAIL(sql, "%s", fault.text);
    }
    return p;
}

static void outlines_statements(void **state)
{
    static const struct {
        const char *sql;
        enum wr_outline_shape shape;
        bool value, passthrough, star, nested;
    } cases[] = {
        {"SELECT * FROM 'a'", WR_OUTLINE_ANY, false, true, true, false},
        {"SELECT VALUE * FROM 'a'", WR_OUTLINE_ANY, true, true, true, false},
        {"SELECT * AS m FROM 'a'", WR_OUTLINE_OBJECT, false, false, false, false},
        {"SELECT *, 1 AS x FROM 'a'", WR_OUTLINE_OBJECT, false, false, true, false},
        {"SELECT a FROM 'a'", WR_OUTLINE_OBJECT, false, false, false, false},
        {"SELECT a.b FROM 'a'", WR_OUTLINE_OBJECT, false, false, false, true},
        {"SELECT a FROM 'a' WHERE b[0] = 1", WR_OUTLINE_OBJECT, false, false, false, true},
        {"SELECT *.a FROM 'a'", WR_OUTLINE_OBJECT, false, false, false, false},
        {"SELECT state.* FROM 'a'", WR_OUTLINE_OBJECT, false, false, true, true},
        {"SELECT {'a': 1} FROM 'a'", WR_OUTLINE_OBJECT, false, false, true, false},
        {"SELECT VALUE {'a': 1} FROM 'a'", WR_OUTLINE_OBJECT, true, false, false, false},
        {"SELECT VALUE [1] FROM 'a'", WR_OUTLINE_ARRAY, true, false, false, false},
        {"SELECT VALUE (SELECT x FROM y) FROM 'a'", WR_OUTLINE_ARRAY, true, false, false, true},
        {"SELECT VALUE a + 1 FROM 'a'", WR_OUTLINE_SCALAR, true, false, false, false},
        {"SELECT VALUE a FROM 'a'", WR_OUTLINE_ANY, true, false, false, false},
        {"SET @x = a.b SELECT @x FROM 'a'", WR_OUTLINE_OBJECT, false, false, false, true},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_program *p = compile(cases[i].sql);
        struct wr_outline o;
        wr_outline_statement(p, &o);
        CHECK_INT(cases[i].sql, o.shape, cases[i].shape);
        CHECK_INT(cases[i].sql, o.value, cases[i].value);
        CHECK_INT(cases[i].sql, o.passthrough, cases[i].passthrough);
        CHECK_INT(cases[i].sql, o.star, cases[i].star);
        CHECK_INT(cases[i].sql, o.nested, cases[i].nested);
        CHECK_STR(cases[i].sql, o.filter, S("a"));
        wr_program_free(p);
    }
}

static void outlines_items(void **state)
{
    static const struct {
        const char *name;
        bool renamed, computed;
    } items[] = {
        {"a", false, true}, {"b", true, true}, {"c", true, true},  {"topic", true, false},
        {"t", true, false}, {"n", true, true}, {"s", true, false}, {NULL, false, true},
    };
    struct wr_program *p =
        compile("SELECT a, x.b, y AS c.d, topic(), 'x' AS t, a + 1 AS n, cast(a AS String) AS s, * "
                "FROM 'a'");
    struct wr_outline o;
    wr_outline_statement(p, &o);
    CHECK_INT("items", o.item_count, WR_COUNT(items));
    for (size_t i = 0; i < o.item_count; i++) {
        struct wr_outline_item item;
        const char *name = items[i].name ? items[i].name : "*";
        wr_outline_item(p, i, &item);
        CHECK_STR(name, item.name, Z(items[i].name));
        CHECK_INT(name, item.renamed, items[i].renamed);
        CHECK_INT(name, item.computed, items[i].computed);
    }
    wr_program_free(p);
}

struct names {
    struct wr_buf text;
};

static void add_name(void *user, wr_str root, size_t at)
{
    struct names *n = user;
    wr_buf_addf(&n->text, "%.*s@%zu ", WR_STR_ARG(root), at);
}

static void reads_of_templates(void **state)
{
    static const struct {
        const char *text;
        unsigned reads;
        const char *names;
    } cases[] = {
        {"constant", 0, ""},
        {"${1 + 2}", 0, ""},
        {"a/${accountid()}", 0, ""},
        {"${topic(2)}/${clientid()}", WR_READS_MESSAGE, ""},
        {"${timestamp()}", WR_READS_TIME, ""},
        {"${newuuid()}-${topic()}", WR_READS_UNIQUE | WR_READS_MESSAGE, ""},
        {"${parse_time('yyyy', timestamp())}", WR_READS_MESSAGE, ""},
        {"${parse_time('HH.SSS', timestamp())}", WR_READS_TIME, ""},
        {"${timestamp()}/${parse_time('yyyy', timestamp())}", WR_READS_TIME, ""},
        {"x${a.b}${get(c, 0)}", WR_READS_PAYLOAD, "a@3 c@13 "},
        {"${(SELECT x FROM y)}", WR_READS_PAYLOAD, "y@17 "},
        {"${@v}", WR_READS_PAYLOAD | WR_READS_UNIQUE, ""},
        {"${encode(*, 'base64')}", WR_READS_PAYLOAD, ""},
        {"${get_thing_shadow('t', 'r').a}", WR_READS_LOOKUP, ""},
    };
    struct wr_program *p = compile("SET @v = d + newuuid() SELECT a FROM 'a'");
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct names n = {0};
        CHECK_INT(cases[i].text, wr_outline_template(p, Z(cases[i].text), add_name, &n),
                  cases[i].reads);
        CHECK_STR(cases[i].text, wr_buf_str(&n.text), Z(cases[i].names));
        wr_buf_release(&n.text);
    }
    wr_program_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(outlines_statements),
        T(outlines_items),
        T(reads_of_templates),
    };
    return TEST_MAIN(tests);
}
