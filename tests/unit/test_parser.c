// Statements to trees, and every error with its place and text. Semantic checks (check.c) and
// advice (hint.c) are tested here too, since the parser is where they are heard.
#include "sql/parser.h"

#include "sql/base/buf.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

#define ARENA_LIMIT (64u << 20)

static void builds_trees(void **state)
{
    static const struct {
        const char *expr, *tree;
    } cases[] = {
        // operands
        {"1.50", "1.50"},
        {"'it''s'", "'it''s'"},
        {"null", "NULL"},
        {"True", "TRUE"},
        {"FALSE", "FALSE"},
        {"(*)", "*"},
        {"value", "value"},
        {"cast", "cast"},
        {"timestamp", "timestamp"},
        // precedence, from the strongest
        {"a.b.c", "(. (. a b) c)"},
        {"a.from.SELECT", "(. (. a from) SELECT)"},
        {"a[0][b]", "([] ([] a 0) b)"},
        {"a.b[1 + 2].c", "(. ([] (. a b) (+ 1 2)) c)"},
        {"*.a", "(. * a)"},
        {"* .a * *", "(* (. * a) *)"},
        {"(* * *)", "(* * *)"},
        {"-a.b", "(- (. a b))"},
        {"- -a", "(- (- a))"},
        {"-a * b", "(* (- a) b)"},
        {"a * -b", "(* a (- b))"},
        {"a * b / c % d", "(% (/ (* a b) c) d)"},
        {"a + b * c", "(+ a (* b c))"},
        {"(a + b) * c", "(* (+ a b) c)"},
        {"a - b - c", "(- (- a b) c)"},
        {"a - (b - c)", "(- a (- b c))"},
        {"a + b = c - d", "(= (+ a b) (- c d))"},
        {"a != b", "(<> a b)"},
        {"a <> b", "(<> a b)"},
        {"a <= b", "(<= a b)"},
        {"a >= b", "(>= a b)"},
        {"a IN [1, 2]", "(IN a (array 1 2))"},
        {"a = b AND c < d", "(AND (= a b) (< c d))"},
        {"NOT a = b", "(NOT (= a b))"},
        {"NOT NOT a", "(NOT (NOT a))"},
        {"NOT a AND NOT b", "(AND (NOT a) (NOT b))"},
        {"a AND NOT b = c OR d", "(OR (AND a (NOT (= b c))) d)"},
        {"a OR b AND c OR d", "(OR (OR a (AND b c)) d)"},
        {"(a < b) < c", "(< (< a b) c)"},
        {"(NOT a) = b", "(= (NOT a) b)"},
        {"a = (NOT b)", "(= a (NOT b))"},
        {"a.b + a[1] * -2 >= 3 AND NOT x OR y",
         "(OR (AND (>= (+ (. a b) (* ([] a 1) (- 2))) 3) (NOT x)) y)"},
        // compounds
        {"topic()", "(topic)"},
        {"Upper ( a )", "(Upper a)"},
        {"get(*, 'my key')", "(get * 'my key')"},
        {"get(a, 0).b", "(. (get a 0) b)"},
        {"concat(a, 1, [b])", "(concat a 1 (array b))"},
        {"cast(a + 1 AS nvarchar)", "(cast String (+ a 1))"},
        {"CAST(a as Integer)", "(cast Int a)"},
        {"cast(a as BOOL)", "(cast Boolean a)"},
        {"cast(a as double)", "(cast Double a)"},
        {"cast(a as Decimal)", "(cast Decimal a)"},
        {"CASE a WHEN 1 THEN 'x' END", "(case a 1 'x')"},
        {"CASE a WHEN 1 THEN 'x' WHEN 2 THEN b ELSE c + 1 END", "(case-else a 1 'x' 2 b (+ c 1))"},
        {"[]", "(array)"},
        {"[1, [a], {}]", "(array 1 (array a) (object))"},
        {"{'a': 1, \"b c\": {'d': *},}", "(object ('a' 1) ('b c' (object ('d' *))))"},
        {"{'a': 1}.a", "(. (object ('a' 1)) a)"},
        {"'text'.a", "(. 'text' a)"},
        {"EXISTS (SELECT * FROM a WHERE b = 1)", "(exists (select * (from a) (where (= b 1))))"},
        {"NOT exists(SELECT 1 FROM a)", "(NOT (exists (select (as 1 1) (from a))))"},
        {"(SELECT VALUE a FROM b)", "(value (as a a) (from b))"},
        {"(SELECT a, b AS c.d FROM e.f AS g WHERE h)",
         "(select (as a a) (as b c.d) (from (. e f) g) (where h))"},
        {"(SELECT a.* FROM *)", "(select (.* a) (from *))"},
        {"(SELECT VALUE FROM a)", "(select (as VALUE VALUE) (from a))"},
        {"(SELECT * FROM (SELECT a FROM b))", "(select * (from (select (as a a) (from b))))"},
        {"(SELECT a FROM get(b, 'c'))[0].a", "(. ([] (select (as a a) (from (get b 'c'))) 0) a)"},
        {"get(SELECT a, b FROM c, 0)", "(get (select (as a a) (as b b) (from c)) 0)"},
        {"transform('enrichArray', (SELECT a FROM b), (SELECT VALUE c FROM d))",
         "(transform 'enrichArray' (select (as a a) (from b)) (value (as c c) (from d)))"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_arena arena;
        struct wr_buf b = {0};
        struct wr_fault fault = {0};
        struct wr_node *n = NULL;
        wr_arena_init(&arena, ARENA_LIMIT);
        wr_str text = Z(cases[i].expr);
        wr_err err = wr_parse_expression(text, 0, text.len, WR_SQL_2016, NULL, &arena, &n, &fault);
        if (err) {
            CASE_FAIL(cases[i].expr, "does not parse: %s", fault.text);
        }
        wr_node_print(n, &b);
        CHECK_STR(cases[i].expr, wr_buf_str(&b), Z(cases[i].tree));
        wr_buf_release(&b);
        wr_arena_release(&arena);
    }
}

static void builds_statements(void **state)
{
    static const struct {
        const char *sql, *tree;
    } cases[] = {
        {"SELECT * FROM 'a/b'", "(select * (from 'a/b'))"},
        {"select * from \"a/#\" where a", "(select * (from 'a/#') (where a))"},
        {"SELECT 1", "(select (as 1 1))"},
        {"SELECT a WHERE b", "(select (as a a) (where b))"},
        {"SELECT value FROM 'a'", "(select (as value value) (from 'a'))"},
        {"SELECT value", "(select (as value value))"},
        {"SELECT value, a", "(select (as value value) (as a a))"},
        {"SELECT value.x AS y", "(select (as (. value x) y))"},
        {"SELECT value AS v", "(select (as value v))"},
        {"SELECT value WHERE a", "(select (as value value) (where a))"},
        {"SELECT VALUE value", "(value (as value value))"},
        {"SELECT VALUE *", "(value *)"},
        {"SELECT VALUE *.a", "(value (as (. * a) a))"},
        {"SELECT VALUE -1", "(value (as (- 1) -1))"},
        {"SELECT VALUE [1]", "(value (as (array 1) [1]))"},
        {"SELECT VALUE (a)", "(value (as a a))"},
        {"SELECT a, value FROM 'x'", "(select (as a a) (as value value) (from 'x'))"},
        {"SELECT a, VALUE + 1 AS b", "(select (as a a) (as (+ VALUE 1) b))"},
        {"SET @a = 1, @b = @a + 1 SELECT @b WHERE @a = 1",
         "(set @a 1) (set @b (+ @a 1)) (select (as @b b) (where (= @a 1)))"},
        {"SET @a = 1 SELECT (SELECT @a FROM b) AS c",
         "(set @a 1) (select (as (select (as @a a) (from b)) c))"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_arena arena;
        struct wr_buf b = {0};
        struct wr_fault fault = {0};
        struct wr_statement s;
        wr_arena_init(&arena, ARENA_LIMIT);
        if (wr_parse_statement(Z(cases[i].sql), WR_SQL_2016, &arena, &s, &fault)) {
            CASE_FAIL(cases[i].sql, "does not parse: %s", fault.text);
        }
        wr_statement_print(&s, &b);
        CHECK_STR(cases[i].sql, wr_buf_str(&b), Z(cases[i].tree));
        wr_buf_release(&b);
        wr_arena_release(&arena);
    }
}

static void names_items(void **state)
{
    static const struct {
        const char *item, *name; // the path joined by '/'; "*" for star, ".*" for all
    } cases[] = {
        {"a", "a"},
        {"a.b.c", "c"},
        {"*.a", "a"},
        {"(a.b)", "b"},
        {"a[0]", "a"},
        {"a.b[0][1]", "b"},
        {"a[0].b", "b"},
        {"@v", "v"},
        {"@v.m", "m"},
        {"@v[0]", "v"},
        {"topic()", "topic"},
        {"Upper(a)", "Upper"},
        {"get(a, 0)[1]", "get"},
        {"Cast(a AS Int)", "Cast"},
        {"1", "1"},
        {"'x'", "'x'"},
        {"a  +  1", "a  +  1"},
        {"(a + 1)", "(a + 1)"},
        {"(a + 1) * 2", "(a + 1) * 2"},
        {"NOT a", "NOT a"},
        {"[1][0]", "[1][0]"},
        {"{'a': 1}", "{'a': 1}"},
        {"(SELECT a FROM b)", "(SELECT a FROM b)"},
        {"a AS b", "b"},
        {"a AS b.c.d", "b/c/d"},
        {"a AS select", "select"},
        {"a AS from.where", "from/where"},
        {"*", "*"},
        {"* AS m", "m"},
        {"a.b.*", ".*"},
        {"@v.*", ".*"},
        {"*.*", ".*"},
        {"(a).*", ".*"},
        {"a.* AS b", "b"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_arena arena;
        struct wr_buf sql = {0}, name = {0};
        struct wr_fault fault = {0};
        struct wr_statement s;
        wr_arena_init(&arena, ARENA_LIMIT);
        wr_buf_addf(&sql, "SET @v = 1 SELECT %s FROM 't'", cases[i].item);
        if (wr_parse_statement(wr_buf_str(&sql), WR_SQL_2016, &arena, &s, &fault)) {
            CASE_FAIL(cases[i].item, "does not parse: %s", fault.text);
        }
        const struct wr_item *item = &s.select.items[0];
        if (item->star || item->all) {
            CHECK_INT(cases[i].item, item->path_len, 0);
            wr_buf_add(&name, item->all ? S(".*") : S("*"));
        }
        for (uint32_t k = 0; k < item->path_len; k++) {
            wr_buf_addf(&name, "%s%.*s", k ? "/" : "", WR_STR_ARG(item->path[k]));
        }
        CHECK_STR(cases[i].item, wr_buf_str(&name), Z(cases[i].name));
        CHECK_STR("an item's source", wr_str_cut(s.text, item->begin, item->end), Z(cases[i].item));
        CHECK("all has its node", item->all == (item->expr->kind == WR_NODE_ALL));
        wr_buf_release(&sql);
        wr_buf_release(&name);
        wr_arena_release(&arena);
    }
}

static void ignores_the_alias_of_value(void **state)
{
    struct wr_arena arena;
    struct wr_statement s;
    wr_arena_init(&arena, ARENA_LIMIT);
    CHECK_INT("star", wr_parse_statement(S("SELECT VALUE * AS x"), WR_SQL_2016, &arena, &s, NULL),
              WR_OK);
    CHECK("star", s.select.value && s.select.items[0].star && !s.select.items[0].has_alias);
    CHECK_INT("all", wr_parse_statement(S("SELECT VALUE a.* AS x"), WR_SQL_2016, &arena, &s, NULL),
              WR_OK);
    CHECK("all", s.select.items[0].all && s.select.items[0].expr->kind == WR_NODE_ALL);
    wr_arena_release(&arena);
}

// Where nodes begin and end, and what an error at run time would point to.
static void keeps_places(void **state)
{
    struct wr_arena arena;
    struct wr_node *n;
    wr_arena_init(&arena, ARENA_LIMIT);
    wr_str text = S("x${ ((a) + b.c) * topic() }y");
    CHECK_INT("parses", wr_parse_expression(text, 3, 26, WR_SQL_2016, NULL, &arena, &n, NULL),
              WR_OK);
    CHECK_STR("product", wr_str_cut(text, n->begin, n->end), S("((a) + b.c) * topic()"));
    CHECK_INT("product", n->at, 16);
    const struct wr_node *sum = n->kids[0];
    CHECK_STR("sum", wr_str_cut(text, sum->begin, sum->end), S("(a) + b.c"));
    CHECK_INT("sum", sum->at, 9);
    CHECK("sum", sum->parenthesised && !n->parenthesised);
    CHECK_STR("name", wr_str_cut(text, sum->kids[0]->begin, sum->kids[0]->end), S("a"));
    CHECK_INT("member", sum->kids[1]->at, 13);
    CHECK_INT("call", n->kids[1]->at, 18);
    CHECK_STR("call", wr_str_cut(text, n->kids[1]->begin, n->kids[1]->end), S("topic()"));
    CHECK_INT("height", n->height, 4);
    CHECK_STR("function", Z(n->kids[1]->function->name), S("topic"));
    wr_arena_release(&arena);
}

struct refused {
    const char *sql;
    size_t offset;
    const char *text; // NULL: not looked at; with "~" at the end: only the beginning
    wr_err err;       // 0: WR_ERR_SYNTAX
};

static void check_fault(const struct refused *c, wr_err err, const struct wr_fault *fault)
{
    CHECK_INT(c->sql, err, c->err ? c->err : WR_ERR_SYNTAX);
    CHECK_INT(c->sql, fault->code, err);
    CHECK_INT(c->sql, fault->offset, c->offset);
    wr_str got = Z(fault->text), want = Z(c->text ? c->text : fault->text);
    if (wr_str_ends(want, S("~"))) {
        want.len--;
        got.len = got.len > want.len ? want.len : got.len;
    }
    CHECK_STR(c->sql, got, want);
}

static void refuses_statements(void **state)
{
    static const struct refused cases[] = {
        {"", 0, "found the end of the statement, expected SELECT or SET", 0},
        {"   ", 3, "found the end of the statement, expected SELECT or SET", 0},
        {"FROM 'a/b'", 0, "found 'FROM', expected SELECT or SET", 0},
        {"UPDATE x SET y = 1", 0, NULL, 0},
        {"SELECT", 6, "found the end of the statement, expected a value", 0},
        {"SELECT FROM 'a'", 7, "found 'FROM', expected a value (SELECT * takes everything)", 0},
        {"SELECT a, FROM 'a'", 10, "found 'FROM', expected a value (a comma stands between~", 0},
        {"SELECT , a", 7, NULL, 0},
        {"SELECT my field FROM 'a'", 10,
         "found 'field', expected an operator, AS, a comma, FROM, WHERE or the end of the "
         "statement "
         "(an alias needs AS; a field with a blank in its name is read with get(*, 'my field'))",
         0},
        {"SELECT DISTINCT a FROM 'a'", 16,
         "found 'a', expected an operator, AS, a comma, FROM, WHERE or the end of the statement "
         "(there is no DISTINCT)",
         0},
        {"SELECT a AS 'x'", 12,
         "found the string 'x', expected an alias (an alias is a bare word, or several joined by "
         "points)",
         0},
        {"SELECT a AS b. FROM 'a/b'", 20,
         "found the string 'a/b', expected an operator, AS, a comma, FROM, WHERE or the end of the "
         "statement (FROM was taken as a name, look at what is before it)",
         0},
        {"SELECT a. FROM 'a/b'", 15, NULL, 0},
        {"SELECT a.1", 9, "found '1', expected a name after the point", 0},
        {"SELECT a.'b'", 9, "found the string 'b', expected a name after the point", 0},
        {"SELECT VALUE a, b", 14, "found ',', expected FROM: SELECT VALUE takes one item", 0},
        {"SELECT VALUE = 1", 13, NULL, 0},
        {"SELECT where FROM 'a'", 7,
         "found 'where', expected a value (keywords are reserved, a field of that name is read "
         "with "
         "get(*, 'name'))",
         0},
        {"SELECT 1 AS r SET @a = 1", 14, NULL, 0},
        {"SELECT a.* + 1", 11, NULL, 0},
        {"SELECT 1 + a.*", 13, "found '*', expected a name after the point", 0},
        {"SELECT (a.*)", 10, NULL, 0},
        {"SELECT -a.*", 10, NULL, 0},
        {"SELECT f.* AS", 13, "found the end of the statement, expected an alias~", 0},
        // FROM
        {"SELECT * FROM a/b", 14,
         "found 'a', expected a topic filter (the topic filter stands in single quotes: FROM "
         "'a/b')",
         0},
        {"SELECT * FROM \u2018a/b\u2019", 14,
         "found '\u2018a', expected a topic filter (typographic quotes do not delimit strings, use "
         "')",
         0},
        {"SELECT * FROM", 13, NULL, 0},
        {"SELECT * FROM ''", 14, "the topic filter is empty", 0},
        {"SELECT * FROM 'a/#/b'", 14,
         "found '#' before the end of the topic filter, expected it as the last level only", 0},
        {"SELECT * FROM 'a', 'b'", 17, NULL, 0},
        {"SELECT * FROM 'a'.b", 17, NULL, 0},
        {"SELECT * FROM 'a' AS b", 18, NULL, 0},
        {"SELECT * FROM 'a';", 17, "found ';': a rule is one statement without a final semicolon",
         0},
        {"SELECT * FROM 'a' foo", 18, "found 'foo', expected WHERE or the end of the statement", 0},
        {"SELECT * FROM 'a' GROUP BY b", 18,
         "found 'GROUP', expected WHERE or the end of the statement (a rule sees one message at a "
         "time: no grouping, ordering or joins)",
         0},
        {"SELECT * FROM 'a' -- all", 18, "found '--': comments are not part of AWS IoT SQL~", 0},
        {"SELECT * FROM 'a/b", 14, "found a string without an end: 'a/b", 0},
        {"SELECT 'a\\' FROM b", 7,
         "found a string without an end (a backslash before a quote makes the quote part of the "
         "string): 'a\\' FROM b",
         0},
        // WHERE
        {"SELECT * WHERE x LIKE 'a%'", 17,
         "found 'LIKE', expected AND, OR, another operator or the end of the statement (there is "
         "no "
         "LIKE, use startswith(), endswith(), indexof() or regexp_matches())",
         0},
        {"SELECT * WHERE x BETWEEN 1 AND 2", 17, NULL, 0},
        {"SELECT * WHERE x IS NULL", 17,
         "found 'IS', expected AND, OR, another operator or the end of the statement (there is no "
         "IS "
         "NULL, use isNull(x) for null and isUndefined(x) for a missing field)",
         0},
        {"SELECT * WHERE x NOT IN [1]", 17, NULL, 0},
        {"SELECT * WHERE x == 1", 18, "found '=', expected a value (equality is a single =)", 0},
        {"SELECT * WHERE x => 1", 18, "found '>', expected a value (write >=)", 0},
        {"SELECT * WHERE x && y", 17, "found '&&': write AND", 0},
        {"SELECT * WHERE x = !y", 19, "found '!': write NOT, or <> for 'not equal'", 0},
        {"SELECT * WHERE 1 < a < 5", 21,
         "found '<', expected AND, OR, another operator or the end of the statement (comparisons "
         "do "
         "not chain, join two of them with AND)",
         0},
        {"SELECT * WHERE NOT a = b = c", 25, NULL, 0},
        {"SELECT * WHERE a IN b IN c", 22, NULL, 0},
        {"SELECT * WHERE a = NOT b", 19,
         "found 'NOT', expected a value (put NOT and what it negates in parentheses)", 0},
        {"SELECT * WHERE a AND", 20, "found the end of the statement, expected a value", 0},
        {"SELECT * WHERE a = 1 WHERE b = 2", 21, NULL, 0},
        {"SELECT * WHERE a = 1 FROM 'a'", 21,
         "found 'FROM', expected AND, OR, another operator or the end of the statement (FROM "
         "stands "
         "before WHERE, once)",
         0},
        {"SELECT * WHERE a IN (1, 2)", 22,
         "found ',', expected an operator or ')' (a list is written in brackets: [1, 2])", 0},
        // expressions
        {"SELECT (a FROM 'a'", 10, "found 'FROM', expected an operator or ')'", 0},
        {"SELECT ()", 8, NULL, 0},
        {"SELECT [1, 2 AS x", 13, "found 'AS', expected an operator, a comma or ']'", 0},
        {"SELECT [1,]", 10, NULL, 0},
        {"SELECT {a: 1}", 8, "found 'a', expected a quoted key or '}' (keys are quoted: {'a': 1})",
         0},
        {"SELECT {'a' 1}", 12, "found '1', expected ':' and a value", 0},
        {"SELECT {'a': 1 'b': 2}", 15, "found the string 'b', expected an operator, a comma or '}'",
         0},
        {"SELECT {,}", 8, NULL, 0},
        {"SELECT upper(a,)", 15, NULL, 0},
        {"SELECT upper(a", 14,
         "found the end of the statement, expected an operator, a comma or ')'", 0},
        {"SELECT a[1", 10, "found the end of the statement, expected an operator or ']'", 0},
        {"SELECT a[]", 9, "found ']', expected a value", 0},
        {"SELECT cast(a Int)", 14, "found 'Int', expected an operator or AS and a type", 0},
        {"SELECT cast(a AS)", 16, "found ')', expected a type such as String, Int or Decimal", 0},
        {"SELECT cast(a AS Int", 20, "found the end of the statement, expected ')'", 0},
        {"SELECT cast(a AS Date)", 17,
         "found the unknown type 'Date', expected String, Int, Decimal, Double or Boolean",
         WR_ERR_UNKNOWN},
        {"SELECT CASE WHEN a THEN b END", 12,
         "found 'WHEN', expected a value (CASE compares one value: CASE x WHEN 1 THEN 'one' ELSE "
         "'many' END)",
         0},
        {"SELECT CASE a ELSE 1 END", 14, "found 'ELSE', expected an operator or WHEN", 0},
        {"SELECT CASE a WHEN 1 2 END", 21, "found '2', expected an operator or THEN", 0},
        {"SELECT CASE a WHEN 1 THEN 2", 27,
         "found the end of the statement, expected an operator, WHEN, ELSE or END", 0},
        {"SELECT CASE a WHEN 1 THEN 2 ELSE 3 WHEN", 35, "found 'WHEN', expected an operator or END",
         0},
        {"SELECT * WHERE EXISTS (a)", 23, "found 'a', expected SELECT: EXISTS takes a nested query",
         0},
        {"SELECT * WHERE EXISTS a", 22, "found 'a', expected '(' and a nested query", 0},
        {"SELECT (SELECT a) AS x", 16, "found ')', expected an operator, AS, a comma or FROM", 0},
        {"SELECT (SELECT VALUE a, b FROM c)", 22, NULL, 0},
        {"SELECT (SELECT a FROM b AS 'c')", 27, NULL, 0},
        {"SELECT a + SELECT b FROM c", 11,
         "found 'SELECT', expected a value (a nested query stands in parentheses)", 0},
        {"SELECT 5abc", 7, "found '5abc': a number cannot be followed directly by a letter~", 0},
        {"SELECT 5.", 7, "found '5.': a number cannot end in a point", 0},
        {"SELECT .5", 7, NULL, 0},
        {"SELECT +5", 7, "found '+', expected a value (numbers have no plus sign)", 0},
        {"SELECT a ? b", 9, "found '?': AWS IoT SQL has no such sign", 0},
        {"SELECT `a`", 7, NULL, 0},
        {"SELECT $a", 7, NULL, 0},
        {"\ufeffSELECT *", 0,
         "found '\ufeffSELECT', expected SELECT or SET (the text begins with a byte order mark)",
         0},
        {"SELECT aaaaaaaaaabbbbbbbbbbccccccccccddddddddd\u00e9 "
         "\"eeeeeeeeeeffffffffffgggggggggghhhhhhhhhhi\"",
         49, "found the string \"eeeeeeeeeeffffffffffgggggggggghhhhhhhhh..., expected~", 0},
        {"SELECT a aaaaaaaaaabbbbbbbbbbccccccccccddddddddd\u00e9", 9,
         "found 'aaaaaaaaaabbbbbbbbbbccccccccccddddddddd...', expected~", 0},
        // functions
        {"SELECT nosuch(a)", 7, "found the unknown function 'nosuch'", WR_ERR_UNKNOWN},
        {"SELECT nosuch (", 7, NULL, WR_ERR_UNKNOWN},
        {"SELECT uper(a)", 7, "found the unknown function 'uper', did you mean upper?",
         WR_ERR_UNKNOWN},
        {"SELECT substrnig(a, 1)", 7,
         "found the unknown function 'substrnig', did you mean substring?", WR_ERR_UNKNOWN},
        {"SELECT is_undefined(a)", 7,
         "found the unknown function 'is_undefined', did you mean isUndefined?", WR_ERR_UNKNOWN},
        {"SELECT SUBSTR(a, 1)", 7, "found the unknown function 'SUBSTR': did you mean substring?",
         WR_ERR_UNKNOWN},
        {"SELECT count(*)", 7,
         "found the unknown function 'count': a rule sees one message at a time, so there are no "
         "aggregates",
         WR_ERR_UNKNOWN},
        {"SELECT value(a), b", 15, NULL, 0},
        {"SELECT get_or_default(a, get_secret('s', 'SecretString', 'r'))", 25,
         "found get_secret() in the default of get_or_default(), where it is not allowed",
         WR_ERR_UNSUPPORTED},
        {"SELECT get_or_default(a, upper(decode(b, 'proto', 'c', 'd', 'e', 'f')))", 31, NULL,
         WR_ERR_UNSUPPORTED},
        {"SELECT decode(a, 'proto', 1, 2, 3, 4) = decode(b, 'proto', 1, 2, 3, 4) AND decode(c, "
         "'proto', 1, 2, 3, 4)",
         75, NULL, WR_ERR_LIMIT},
        // SET
        {"SET a = 1 SELECT a", 4, "found 'a', expected a variable such as @name", 0},
        {"SET @a 1 SELECT a", 7, "found '1', expected '=' and a value", 0},
        {"SET @a = SELECT @a", 9, NULL, 0},
        {"SET @a = 1, SELECT @a", 12, "found 'SELECT', expected a variable such as @name", 0},
        {"SET @a = 1", 10,
         "found the end of the statement, expected an operator, a comma or SELECT", 0},
        {"SET @a = 1 SET @b = 2 SELECT 1", 11, NULL, 0},
        {"SET @a = 1, @a = 2 SELECT 1", 12, "found @a again: a variable is assigned once",
         WR_ERR_EXISTS},
        {"SET @a = @a SELECT 1", 9, NULL, WR_ERR_UNKNOWN},
        {"SET @a = @b, @b = 1 SELECT 1", 9,
         "found the variable @b, which no SET before this place declares", WR_ERR_UNKNOWN},
        {"SET @a = 1 SELECT @A", 18, NULL, WR_ERR_UNKNOWN},
        {"SELECT @x", 7, NULL, WR_ERR_UNKNOWN},
        {"SELECT @ x", 7, NULL, 0},
        {"SET @0 = 1, @1 = 1, @2 = 1, @3 = 1, @4 = 1, @5 = 1, @6 = 1, @7 = 1, @8 = 1, @9 = 1, @b = "
         "1 "
         "SELECT 1",
         84, "found @b, a statement has at most 10 variables", WR_ERR_LIMIT},
        {"SET @r = 'r' SELECT get_thing_shadow('t', @r)", 42,
         "found the variable @r as a role ARN, which cannot be a variable", WR_ERR_UNSUPPORTED},
        {"SET @r = 'r' SELECT get_thing_shadow('t', 's', concat('arn:', @r))", 62, NULL,
         WR_ERR_UNSUPPORTED},
        {"SET @r = 'r' SELECT get_dynamodb('t', 'k', 'v', @r.a)", 48, NULL, WR_ERR_UNSUPPORTED},
        {"SET @r = 'r' SELECT get_dynamodb('t', 'k', 'v', 's', 'w', @r)", 58, NULL,
         WR_ERR_UNSUPPORTED},
        {"SET @r = 'r' SELECT get_secret('s', 'SecretString', @r)", 52, NULL, WR_ERR_UNSUPPORTED},
        {"SET @r = 'r' SELECT get_registry_data('DescribeThing', 't', @r)", 60, NULL,
         WR_ERR_UNSUPPORTED},
        {"SET @r = 'r' SELECT machinelearning_predict('m', @r, *)", 49, NULL, WR_ERR_UNSUPPORTED},
        {"SET @m = 'enrichArray' SELECT transform(@m, a, b)", 40,
         "found the variable @m as the mode of transform(), which cannot be a variable",
         WR_ERR_UNSUPPORTED},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_arena arena;
        struct wr_fault fault = {0};
        struct wr_statement s;
        wr_arena_init(&arena, ARENA_LIMIT);
        wr_err err = wr_parse_statement(Z(cases[i].sql), WR_SQL_2016, &arena, &s, &fault);
        check_fault(&cases[i], err, &fault);
        wr_arena_release(&arena);
    }
}

// What is refused elsewhere in a row, or looks like it, and is fine.
static void accepts(void **state)
{
    static const char *const cases[] = {
        "SET @0=1, @1=1, @2=1, @3=1, @4=1, @5=1, @6=1, @7=1, @8=1, @9=1 SELECT @9",
        "SET @t = 't' SELECT get_thing_shadow(@t, 'arn')",
        "SET @p = 1 SELECT machinelearning_predict('m', 'r', @p), aws_lambda('arn', @p)",
        "SET @o = 1 SELECT transform('enrichArray', @o, b)",
        "SET @r = 1 SELECT get_thing_shadow(@r)", // too few arguments: Undefined, not an error
        "SELECT get_or_default(get_thing_shadow('a', 'r'), 1)",
        "SELECT get_or_default(a, get_registry_data('DescribeThing', 'a', 'r'))",
        "SELECT decode(a, 'proto', 1, 2, 3, 4), decode(b, 'proto', 1, 2, 3, 4), decode(c, 'proto')",
        "SELECT upper()",
        "SELECT upper(1, 2, 3)",
        "SELECT a FROM '$aws/things/+/shadow/#'",
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_arena arena;
        struct wr_fault fault = {0};
        struct wr_statement s;
        wr_arena_init(&arena, ARENA_LIMIT);
        if (wr_parse_statement(Z(cases[i]), WR_SQL_2016, &arena, &s, &fault)) {
            CASE_FAIL(cases[i], "does not parse: %s", fault.text);
        }
        wr_arena_release(&arena);
    }
}

static void knows_2015(void **state)
{
    static const struct refused cases[] = {
        {"SELECT [] AS r", 7,
         "an array literal needs SQL version 2016-03-23, this rule has 2015-10-08",
         WR_ERR_UNSUPPORTED},
        {"SELECT {'a': 1}", 7, NULL, WR_ERR_UNSUPPORTED},
        {"SELECT concat([1], 2)", 14, NULL, WR_ERR_UNSUPPORTED},
        {"SELECT (SELECT a FROM b)", 8, NULL, WR_ERR_UNSUPPORTED},
        {"SELECT concat(SELECT a FROM b)", 14, NULL, WR_ERR_UNSUPPORTED},
        {"SELECT * WHERE EXISTS (SELECT a FROM b)", 15, NULL, WR_ERR_UNSUPPORTED},
        {"SELECT encode(*, 'base64')", 7, NULL, WR_ERR_UNSUPPORTED},
        {"SELECT cast(a AS Bool)", 17,
         "a cast to Decimal or Boolean needs SQL version 2016-03-23, this rule has 2015-10-08",
         WR_ERR_UNSUPPORTED},
        {"SELECT cast(a AS Double), cast(b AS decimal)", 36, NULL, WR_ERR_UNSUPPORTED},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_arena arena;
        struct wr_fault fault = {0};
        struct wr_statement s;
        wr_arena_init(&arena, ARENA_LIMIT);
        wr_err err = wr_parse_statement(Z(cases[i].sql), WR_SQL_2015, &arena, &s, &fault);
        check_fault(&cases[i], err, &fault);
        CHECK_INT(cases[i].sql,
                  wr_parse_statement(Z(cases[i].sql), WR_SQL_2016, &arena, &s, &fault), WR_OK);
        wr_arena_release(&arena);
    }
}

static void refuses_template_expressions(void **state)
{
    // The expression is what stands between the first two bytes and the last.
    static const struct refused cases[] = {
        {"${}", 2, "found the end of the expression, expected a value", 0},
        {"${1 +}", 5, "found the end of the expression, expected a value", 0},
        {"${a AS b}", 4,
         "found 'AS', expected an operator or the } that ends the expression (a template takes an "
         "expression without an alias)",
         0},
        {"${SELECT a FROM 'b'}", 2,
         "found 'SELECT', expected a value (a nested query stands in parentheses)", 0},
        {"${iot:Thing.ThingName}", 5,
         "found ':', expected an operator or the } that ends the expression (policy variables~", 0},
        {"${nosuch()}", 2, NULL, WR_ERR_UNKNOWN},
        {"${a.*}", 4, NULL, 0},
        {"${@v + @w}", 7, NULL, WR_ERR_UNKNOWN},
        {"${decode(a, 'proto', 'b', 'c', 'd', 'e')}", 2,
         "found decode(…, 'proto', …), which is not allowed in a template: decode in the "
         "statement, "
         "with SET",
         WR_ERR_UNSUPPORTED},
        {"${a\xff}", 3, "found byte 0xff, expected UTF-8", 0},
    };
    struct wr_arena arena;
    struct wr_statement s;
    wr_arena_init(&arena, ARENA_LIMIT);
    CHECK_INT("scope", wr_parse_statement(S("SET @v = 1 SELECT 1"), WR_SQL_2016, &arena, &s, NULL),
              WR_OK);
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_fault fault = {0};
        struct wr_node *n;
        wr_str text = Z(cases[i].sql);
        wr_err err =
            wr_parse_expression(text, 2, text.len - 1, WR_SQL_2016, &s, &arena, &n, &fault);
        check_fault(&cases[i], err, &fault);
    }
    wr_arena_release(&arena);
}

static void counts_lines_and_columns(void **state)
{
    struct wr_arena arena;
    struct wr_statement s;
    struct wr_fault fault = {0};
    wr_arena_init(&arena, ARENA_LIMIT);
    CHECK_INT("place",
              wr_parse_statement(S("SELECT 'é😀',\n\r\t'é' é é"), WR_SQL_2016, &arena, &s, &fault),
              WR_ERR_SYNTAX);
    CHECK_INT("line", fault.line, 2);
    CHECK_INT("column", fault.column, 7);
    wr_arena_release(&arena);
}

// ---- limits

static wr_err parse_repeated(const char *before, const char *open, size_t times,
                             const char *between, const char *close, struct wr_fault *fault)
{
    struct wr_arena arena;
    struct wr_buf b = {0};
    struct wr_statement s;
    wr_arena_init(&arena, ARENA_LIMIT);
    wr_buf_add(&b, Z(before));
    for (size_t i = 0; i < times; i++) {
        wr_buf_add(&b, Z(open));
    }
    wr_buf_add(&b, Z(between));
    for (size_t i = 0; i < times; i++) {
        wr_buf_add(&b, Z(close));
    }
    wr_err err = wr_parse_statement(wr_buf_str(&b), WR_SQL_2016, &arena, &s, fault);
    if (!err) {
        struct wr_buf tree = {0};
        wr_statement_print(&s,
                           &tree); // recursion over a tree of any allowed shape must be possible
        CHECK(open, tree.len > 0);
        wr_buf_release(&tree);
    }
    wr_buf_release(&b);
    wr_arena_release(&arena);
    return err;
}

static void limits_depth(void **state)
{
    static const struct {
        const char *open, *between, *close;
    } cases[] = {
        {"(", "a", ")"},
        {"[", "a", "]"},
        {"{'a':", "a", "}"},
        {"upper(", "a", ")"},
        {"-(", "a", ")"},
        {"NOT ", "a", ""},
        {"- ", "a", ""},
        {"a[", "a", "]"},
        {"cast(", "a", " AS Int)"},
        {"CASE ", "a", " WHEN 1 THEN 2 END"},
        {"(SELECT VALUE a FROM ", "a", ")"},
        {"upper(SELECT VALUE a FROM ", "a", ")"},
        {"EXISTS(SELECT a FROM a WHERE ", "a", ")"},
        {"1 + (1 = (", "a", "))"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_fault fault = {0};
        size_t each = 1 + (strcmp(cases[i].open, "-(") == 0) + (strcmp(cases[i].close, "))") == 0);
        size_t most = WR_SQL_DEPTH_MAX / each;
        CHECK_INT(cases[i].open,
                  parse_repeated("SELECT ", cases[i].open, most, cases[i].between, cases[i].close,
                                 &fault),
                  WR_OK);
        CHECK_INT(cases[i].open,
                  parse_repeated("SELECT ", cases[i].open, most + 1, cases[i].between,
                                 cases[i].close, &fault),
                  WR_ERR_LIMIT);
        CHECK_STR(cases[i].open, Z(fault.text), S("found nesting deeper than 256 levels"));
        CHECK_INT(cases[i].open, parse_repeated("SELECT ", cases[i].open, 8000, "a", "", &fault),
                  WR_ERR_LIMIT);
    }
}

static void limits_height(void **state)
{
    static const char *const chains[] = {" OR a", " + 1", ".a", "[0]", " AND NOT a = 1"};
    for (size_t i = 0; i < WR_COUNT(chains); i++) {
        struct wr_fault fault = {0};
        CHECK_INT(chains[i], parse_repeated("SELECT a", chains[i], 3000, "", "", &fault), WR_OK);
        CHECK_INT(chains[i], parse_repeated("SELECT a", chains[i], 4096, "", "", &fault),
                  WR_ERR_LIMIT);
        CHECK_STR(chains[i], Z(fault.text), S("found more than 4096 operators in a row or nested"));
    }
    // Lists are not chains.
    CHECK_INT("items", parse_repeated("SELECT a", ",a", 100000, "", "", NULL), WR_OK);
    CHECK_INT("array", parse_repeated("SELECT [a", ",a", 100000, "]", "", NULL), WR_OK);
}

static void limits_length(void **state)
{
    struct wr_fault fault = {0};
    size_t blanks = WR_SQL_LEN_MAX - strlen("SELECT a");
    CHECK_INT("longest", parse_repeated("SELECT ", " ", blanks, "a", "", &fault), WR_OK);
    CHECK_INT("longer", parse_repeated("SELECT ", " ", blanks + 1, "a", "", &fault), WR_ERR_LIMIT);
    CHECK_INT("longer", fault.offset, WR_SQL_LEN_MAX);
    CHECK_STR("longer", Z(fault.text),
              S("the statement has 262145 bytes, at most 262144 are allowed"));
}

// The n-th allocation meets the arena's limit, for every n: an error with a place, never a crash.
static void survives_a_full_arena(void **state)
{
    static const char sql[] = "SET @a = {'x': 'it''s', \"y\": [1, -2]} SELECT *, a.b[0] AS c.d.e, "
                              "CASE a WHEN 1 THEN cast(b AS Int) ELSE (SELECT VALUE x FROM y AS z "
                              "WHERE NOT z.a) END, EXISTS (SELECT * FROM a), get(a.b, 'x') FROM "
                              "'t''s' WHERE a + 1 IN [@a]";
    wr_err err = WR_ERR_LIMIT;
    uint64_t n = 1;
    for (; err && n < 1000; n++) {
        struct wr_arena arena;
        struct wr_fault fault = {0};
        struct wr_statement s = {.filter_at = 12345};
        wr_arena_init(&arena, ARENA_LIMIT);
        arena.fail_at = n;
        err = wr_parse_statement(Z(sql), WR_SQL_2016, &arena, &s, &fault);
        CHECK_INT("step", err ? err : WR_ERR_LIMIT, WR_ERR_LIMIT);
        CHECK_INT("code", fault.code, err);
        CHECK("untouched", !err || s.filter_at == 12345);
        wr_arena_release(&arena);
    }
    CHECK("many steps", n > 40 && n < 1000);
}

// Any sequence of tokens parses or gives a fault inside the statement.
static void survives_any_tokens(void **state)
{
    static const char *const words[] = {
        "SELECT", "VALUE", "FROM",   "WHERE", "AS",   "AND",   "NOT",  "IN", "CASE", "WHEN", "THEN",
        "ELSE",   "END",   "EXISTS", "SET",   "cast", "upper", "get",  "a",  "b",    "1",    "'x'",
        "@v",     "(",     ")",      "(",     ")",    "[",     "]",    "{",  "}",    ",",    ".",
        ":",      "*",     "+",      "-",     "=",    "<",     "NULL", "é",
    };
    uint32_t seed = 11;
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    for (int round = 0; round < 50000; round++) {
        struct wr_buf b = {0};
        struct wr_fault fault = {0};
        struct wr_statement s;
        wr_buf_add(&b, S("SELECT"));
        for (int i = 0; i < 12; i++) {
            seed = seed * 1664525u + 1013904223u;
            wr_buf_addf(&b, " %s", words[(seed >> 8) % WR_COUNT(words)]);
        }
        wr_err err = wr_parse_statement(wr_buf_str(&b), WR_SQL_2016, &arena, &s, &fault);
        CHECK("random", !err || (fault.code == err && fault.offset <= b.len && fault.text[0]));
        wr_buf_release(&b);
        wr_arena_reset(&arena);
    }
    wr_arena_release(&arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(builds_trees),
        T(builds_statements),
        T(names_items),
        T(ignores_the_alias_of_value),
        T(keeps_places),
        T(refuses_statements),
        T(accepts),
        T(knows_2015),
        T(refuses_template_expressions),
        T(counts_lines_and_columns),
        T(limits_depth),
        T(limits_height),
        T(limits_length),
        T(survives_a_full_arena),
        T(survives_any_tokens),
    };
    return TEST_MAIN(tests);
}
