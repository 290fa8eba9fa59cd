// Findings of static analysis: the examples of the table, places to the byte, and that what is
// claimed for every message holds for every message.
#include "sql/lint.h"

#include "sql/base/buf.h"
#include "sql/lint/fact.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

static bool utc_and_berlin(void *user, wr_str name, wr_str *tzif)
{
    (void)user;
    (void)name;
    (void)tzif;
    return false; // UTC and offsets need no file
}

static const struct wr_sql_host host = {.zone = utc_and_berlin};
static const struct wr_lint_options options = {.host = &host};

static struct wr_program *program_of(const char *sql, const char *version)
{
    struct wr_program *p = NULL;
    struct wr_fault fault = {0};
    struct wr_program_options o = {.sql_version = Z(version)};
    if (wr_program_new(Z(sql), &o, &p, &fault)) {
        CASE_FAIL(sql, "does not compile: %s", fault.text);
    }
    return p;
}

static bool found(const struct wr_lint *l, int code)
{
    for (size_t i = 0; i < wr_lint_count(l); i++) {
        if ((int)wr_lint_at(l, i)->rule->code == code) {
            return true;
        }
    }
    return false;
}

static void example(const struct wr_lint_rule *r, const char *sql, const char *template,
                    bool wanted)
{
    struct wr_program *p = program_of(sql, r->version);
    struct wr_lint *l =
        template ? wr_lint_template(p, Z(template), &options) : wr_lint_statement(p, &options);
    if (found(l, r->code) != wanted) {
        for (size_t i = 0; i < wr_lint_count(l); i++) {
            print_error("W%d %.*s\n", wr_lint_at(l, i)->rule->code,
                        WR_STR_ARG(wr_lint_at(l, i)->message));
        }
        CASE_FAIL(sql, "W%d is %s", r->code, wanted ? "not found" : "found");
    }
    wr_lint_free(l);
    wr_program_free(p);
}

static void examples_hold(void **state)
{
    int last = 0;
    for (size_t i = 0; i < wr_lint_rule_count(); i++) {
        const struct wr_lint_rule *r = wr_lint_rule_at(i);
        CHECK(r->slug, (int)r->code > last);
        CHECK(r->slug, wr_lint_rule_find(r->code) == r);
        last = r->code;
        example(r, r->fires, r->fires_template, true);
        example(r, r->silent, r->silent_template, false);
    }
    CHECK("unknown", wr_lint_rule_find(1) == NULL);
}

// ---- places

// A statement of 2016-03-23 with the place of the finding between « and »; without them it is not
// found. `template`: the finding is looked for there, and so are the marks.
struct row {
    int code;
    const char *sql, *template;
};

static const struct row rows[] = {
    // names
    {301, "SELECT a.b AS x FROM 't' WHERE «x» > 5", NULL},
    {301, "SELECT upper(a.b) AS x, 1 AS y FROM 't' WHERE a.b > 1 AND «x» = 'A' AND x <> 'B'", NULL},
    {301, "SELECT a.temp FROM 't' WHERE «temp».value > 5", NULL},
    {301, "SELECT *, topic(2) AS device FROM 't/+' WHERE startswith(«device», 'x')", NULL},
    {301, "SELECT x AS x FROM 't' WHERE x > 5", NULL},
    {301, "SELECT upper(x) AS x FROM 't' WHERE x = 'a'", NULL},
    {301, "SET @x = a.b SELECT @x AS x FROM 't' WHERE @x > 5", NULL},
    {301, "SELECT a AS x FROM 't' WHERE a.x > 5 AND EXISTS (SELECT * FROM a WHERE x = 1)", NULL},
    {302, "SELECT a.b AS x FROM 't'", "out/${«x»}"},
    {302, "SELECT a.b AS x, topic() AS y FROM 't'", "${a.b}/${upper(«y») + 'z'}"},
    {302, "SELECT a.b AS x FROM 't'", "${a.b}/x/${a.x}"},
    {302, "SELECT x, x * 2 AS y FROM 't'", "${x}"},
    {302, "SET @y = x SELECT @y AS y FROM 't'", "${@y}"},
    {303, "SELECT max, (SELECT VALUE v FROM list WHERE v > «max») AS l FROM 't'", NULL},
    {303, "SELECT max, (SELECT r.v - «max» AS d FROM list AS r) AS l FROM 't'", NULL},
    {303, "SELECT v, (SELECT VALUE v FROM list WHERE v > 5) AS l FROM 't'", NULL},
    {303, "SELECT (SELECT VALUE v FROM list WHERE v > max) AS l FROM 't'", NULL},
    {303, "SELECT r, (SELECT VALUE v FROM list AS r WHERE r.v > r.w) AS l FROM 't'", NULL},
    {304, "SET «@a» = 1 SELECT x FROM 't'", NULL},
    {304, "SET @a = x, «@b» = @a SELECT x FROM 't'", NULL},
    {304, "SET @a = x, @b = @a SELECT @b AS b FROM 't'", NULL},
    {304, "SET @a = x SELECT (SELECT * FROM l WHERE v = @a) AS b FROM 't'", NULL},
    {304, "SET @a = x SELECT y FROM 't' WHERE @a = 1", NULL},
    {305, "SELECT a.x, «b.x» FROM 't'", NULL},
    {305, "SELECT a AS s.x, b AS s.y, «c AS s» FROM 't'", NULL},
    {305, "SELECT (SELECT a AS x, «b AS x» FROM l) AS l FROM 't'", NULL},
    {305, "SELECT a AS s, b AS s.y FROM 't'", NULL},
    {305, "SELECT a.x, b.y FROM 't'", NULL},
    {306, "SELECT topic() AS topic, «*» FROM 't'", NULL},
    {306, "SELECT (SELECT 1 AS x, «*» FROM l) AS l FROM 't'", NULL},
    {306, "SELECT *, topic() AS topic FROM 't'", NULL},
    {306, "SELECT a.*, * FROM 't'", NULL},
    {307, "SELECT «a + 1», b FROM 't'", NULL},
    {307, "SELECT (SELECT «'x'», b FROM l) AS l FROM 't'", NULL},
    {307, "SELECT a.b, topic(), a[0], *, a.* FROM 't'", NULL},
    {307, "SELECT {'a': b} FROM 't'", NULL},
    {307, "SELECT VALUE a + 1 FROM 't'", NULL},
    {308, "SELECT * FROM 't' WHERE «\"state.on\"» = 'x'", NULL},
    {308, "SELECT * FROM 't' WHERE 5 < «\"temp\"»", NULL},
    {308, "SELECT * FROM 't' WHERE state = \"on\"", NULL},
    {308, "SELECT * FROM 't' WHERE 'on' = 'on'", NULL},
    {309, "SELECT «clientid» AS c FROM 't'", NULL},
    {309, "SELECT a FROM 't' WHERE «accountid» = '1'", NULL},
    {309, "SELECT timestamp, topic, principal, abs FROM 't'", NULL},
    {309, "SELECT a.newuuid, (SELECT newuuid FROM l) AS l FROM 't'", NULL},
    {310, "SELECT value «- 1» FROM 't'", NULL},
    {310, "SELECT VALUE«[0]» FROM 't'", NULL},
    {310, "SELECT VALUE -1 FROM 't'", NULL},
    {310, "SELECT VALUE [0] FROM 't'", NULL},
    // comparisons
    {311, "SELECT * FROM 't' WHERE «a < 'x'»", NULL},
    {311, "SELECT «'2020-01-01' <= d» AS old FROM 't'", NULL},
    {311, "SELECT * FROM 't' WHERE a < '5' AND upper(a) < 7", NULL},
    {311, "SELECT * FROM 't' WHERE a < NULL", NULL},
    {312, "SELECT * FROM 't' WHERE «topic() = true»", NULL},
    {312, "SELECT «length(a) <> 'x'» AS v FROM 't'", NULL},
    {312, "SELECT * FROM 't' WHERE «length(a) IN ['1', '2']»", NULL},
    {312, "SELECT * FROM 't' WHERE «concat(a, ['x']) = {'a': 1}»", NULL},
    {312, "SELECT * FROM 't' WHERE topic() = 'x' AND 1 = 2", NULL},
    {312, "SELECT * FROM 't' WHERE length(a) IN [1, 'x'] AND 5 = 5.0", NULL},
    {313, "SELECT * FROM 't' WHERE «length(a) = '5'»", NULL},
    {313, "SELECT * FROM 't' WHERE a = 1 OR «5 = '5'»", NULL},
    {313, "SELECT * FROM 't' WHERE cast(topic(2) AS Int) = 5", NULL},
    {313, "SELECT * FROM 't' WHERE a = 5 AND b = '5'", NULL},
    {314, "SELECT * FROM 't' WHERE «a = 'true'»", NULL},
    {314, "SELECT «'-2.5' <> a.b» AS v FROM 't'", NULL},
    {314, "SELECT * FROM 't' WHERE id = '0042' AND topic(2) = '5'", NULL},
    {314, "SELECT * FROM 't' WHERE cast(a AS String) = '5' AND b = 'yes'", NULL},
    {315, "SELECT * FROM 't' WHERE «upper(a) = 'On'»", NULL},
    {315, "SELECT * FROM 't' WHERE «'FF' <> md5(a)»", NULL},
    {315, "SELECT * FROM 't' WHERE upper(a) = 'ÄON' AND lower(a) = 'on'", NULL},
    {315, "SELECT * FROM 't' WHERE trim(a) = 'On'", NULL},
    {316, "SELECT * FROM 't' WHERE «a.b = NULL»", NULL},
    {316, "SELECT «NULL = get(a, 0)» AS v FROM 't'", NULL},
    {316, "SELECT * FROM 't' WHERE a <> NULL AND isNull(b)", NULL},
    {316, "SELECT * FROM 't' WHERE get_or_default(a, 1) = 2", NULL},
    {317, "SELECT * FROM 't' WHERE c = 1 AND («a > 1 OR b > 2»)", NULL},
    {317, "SELECT (SELECT * FROM l WHERE «a = 1 OR b = 2») AS l FROM 't'", NULL},
    {317, "SELECT * FROM 't' WHERE «a.x = 1 OR topic(2) = 'y'»", NULL},
    {317, "SELECT * FROM 't' WHERE a > 5 OR a < 1 OR a = 3", NULL},
    {317, "SELECT * FROM 't' WHERE NOT isUndefined(a) AND b > 0 AND (a > 1 OR b > 2)", NULL},
    {317, "SELECT * FROM 't' WHERE nanvl(a, 0) > 1 OR isUndefined(b)", NULL},
    {318, "SELECT * FROM 't' WHERE a = 1 AND «b.c <> 5»", NULL},
    {318, "SELECT (SELECT * FROM l WHERE «a <> 'x'») AS l FROM 't'", NULL},
    {318, "SELECT * FROM 't' WHERE b <> 5 AND isUndefined(b) = false AND b <> NULL", NULL},
    {318, "SELECT a <> 5 AS v FROM 't' WHERE topic(1) <> 'x'", NULL},
    {319, "SELECT * FROM 't' WHERE «NOT a > 5» AND b = 1", NULL},
    {319, "SELECT * FROM 't' WHERE «NOT a IN ['x', 'y']»", NULL},
    {319, "SELECT * FROM 't' WHERE NOT isUndefined(a) AND NOT a > 5", NULL},
    {319, "SELECT * FROM 't' WHERE NOT startswith(topic(), 'x')", NULL},
    {320, "SELECT * FROM 't' WHERE «a = 1 AND b = 2 AND a = 3»", NULL},
    {320, "SELECT * FROM 't' WHERE «a >= 5 AND NOT a > 4»", NULL},
    {320, "SELECT * FROM 't' WHERE b = 1 OR («a = 'x' AND a = 'y'»)", NULL},
    {320, "SELECT * FROM 't' WHERE «isUndefined(a.b) AND a.b <> 1»", NULL},
    {320, "SELECT * FROM 't' WHERE «isNull(a) = true AND a > 1»", NULL},
    {320, "SELECT * FROM 't' WHERE «a IN [1, 2] AND a > 7»", NULL},
    {320, "SELECT * FROM 't' WHERE «'5' < a AND 4.5 > a»", NULL},
    {320, "SELECT * FROM 't' WHERE «length(a)»", NULL},
    {320, "SELECT (SELECT * FROM l WHERE «b < 1 AND b > 1») AS l FROM 't'", NULL},
    {320, "SELECT * FROM 't' WHERE «abs('x') > 1 AND a = 1»", NULL},
    {320, "SELECT * FROM 't' WHERE a = 1 AND b = 2 AND a <> 3", NULL},
    {320, "SELECT * FROM 't' WHERE a > 5 AND a < 7 AND a >= 6 AND a IN [6, 9]", NULL},
    {320, "SELECT * FROM 't' WHERE rand() < 0.2 AND rand() > 0.3", NULL},
    {320, "SELECT * FROM 't' WHERE a > 5 AND a = '6'", NULL},
    {320, "SELECT * FROM 't' WHERE a = 5 AND a = 5.0", NULL},
    {320, "SELECT * FROM 't' WHERE a.b > 5 AND a.c < 3 AND a[0] > 5 AND a[1] < 3", NULL},
    {321, "SELECT * FROM 't' WHERE «'TRUE'»", NULL},
    {321, "SELECT * FROM 't' WHERE «isUndefined(timestamp()) = false»", NULL},
    {321, "SELECT * FROM 't' WHERE a = a", NULL},
    {321, "SELECT * FROM 't' WHERE isUndefined(clientid()) = false AND a = 1", NULL},
    {322, "SELECT * FROM 't' WHERE a = 1 AND «get_thing_shadow(topic(2), 'r')».x = 1", NULL},
    {322, "SELECT * FROM 't' WHERE NOT isUndefined(«get_secret('a', 'SecretString', 'r')»)", NULL},
    {322, "SELECT get_thing_shadow(topic(2), 'r').x AS x FROM 't/+' WHERE a = 1", NULL},
    {322, "SET @s = get_thing_shadow(topic(2), 'r') SELECT @s AS s FROM 't/+' WHERE @s.x = 1",
     NULL},
    {323, "SELECT * FROM 't' WHERE a = 1 AND («isUndefined(b) OR b > 3»)", NULL},
    {323, "SELECT * FROM 't' WHERE «a.b = 1 OR isUndefined(a.b) = true»", NULL},
    {323, "SELECT * FROM 't' WHERE isUndefined(a) OR isUndefined(b)", NULL},
    {323, "SELECT * FROM 't' WHERE isUndefined(a) = false AND a > 1", NULL},
    {324, "SELECT * FROM 't' WHERE «a <> 1 OR b = 2 OR a <> 3»", NULL},
    {324, "SELECT * FROM 't' WHERE «NOT a = 'x' OR NOT a = 'y'»", NULL},
    {324, "SELECT * FROM 't' WHERE a <> 1 OR b <> 2", NULL},
    {324, "SELECT * FROM 't' WHERE a <> 1 OR a <> 1.0", NULL},
    // always Undefined
    {331, "SELECT «upper()» AS v FROM 't'", NULL},
    {331, "SELECT * FROM 't' WHERE «startswith(a)»", NULL},
    {331, "SELECT «get_dynamodb('t', 'k', 1, 's', 'r')» AS v FROM 't'", NULL},
    {331, "SELECT upper(a) AS v, concat(), topic(1), substring(a, 1) AS s FROM 't'", NULL},
    {331, "SELECT get_dynamodb('t', 'k', 1, 'r') AS v FROM 't'", NULL},
    {332, "SELECT «round([1])» AS v FROM 't'", NULL},
    {332, "SELECT «a - 'x'» AS v, 1 AS w FROM 't'", NULL},
    {332, "SELECT * FROM 't' WHERE «a = 1 AND 5»", NULL},
    {332, "SELECT * FROM 't' WHERE a = 1 OR «NOT 5»", NULL},
    {332, "SELECT «trunc(a, '2')» AS v FROM 't'", NULL},
    {332, "SELECT «cast(NULL AS Int)» AS v FROM 't'", NULL},
    {332, "SELECT («SELECT * FROM topic()») AS v FROM 't'", NULL},
    {332, "SELECT upper(a + 1) AS v, -a AS w, trunc(a, 2) AS x FROM 't'", NULL},
    {332, "SELECT upper(5) AS v, length([1]) AS w, cast(TRUE AS Int) AS x, '3' * '4' AS y FROM 't'",
     NULL},
    {333, "SELECT «transform('enrich', a, b)» AS v FROM 't'", NULL},
    {333, "SELECT «decode(a, 'base32')» AS v FROM 't'", NULL},
    {333, "SELECT «get_mqtt_property('contentType')» AS v FROM 't'", NULL},
    {333, "SELECT transform('enrichArray', a, b) AS v, decode(a, b) AS w FROM 't'", NULL},
    {333, "SELECT get_mqtt_property('content_type') AS v, get_mqtt_property(a) AS w FROM 't'",
     NULL},
    {334, "SELECT «{'a': b}[0]» AS v FROM 't'", NULL},
    {334, "SET @o = {'1': a} SELECT «get(@o, 1)» AS v FROM 't'", NULL},
    {334, "SELECT get(a, 0) AS v, get(*, 0) AS w FROM 't'", NULL},
    {334, "SELECT {'a': b}[c] AS v, [1, a][0] AS w FROM 't'", NULL},
    {335, "SELECT «topic(2).x».y AS v FROM 't/+'", NULL},
    {335, "SELECT «(a > 1).b» AS v FROM 't'", NULL},
    {335, "SELECT «get(timestamp(), 0)» AS v FROM 't'", NULL},
    {335, "SELECT a.b.c AS v, get(topic(), 0) AS w, get_or_default(a, {}).b AS x FROM 't'", NULL},
    {335, "SELECT decode(a, 'base64').b AS v FROM 't'", NULL},
    {336, "SELECT «regexp_substr(a, '[')» AS v FROM 't'", NULL},
    {336, "SELECT «regexp_replace(a, '*', 'x')» AS v FROM 't'", NULL},
    {336, "SELECT regexp_substr(a, b) AS v, regexp_substr(a, '[a]') AS w FROM 't'", NULL},
    {336, "SELECT replace(a, '[', '(') AS v FROM 't'", NULL},
    {337, "SELECT «time_to_epoch(a, 'yyyy-MM-ddThh')» AS v FROM 't'", NULL},
    {337, "SELECT «parse_time('', a)» AS v FROM 't'", NULL},
    {337, "SELECT parse_time(a, b) AS v, parse_time('HH z', timestamp()) AS w FROM 't'", NULL},
    {337, "SELECT time_to_epoch(a, \"yyyy-MM-dd'T'HH:mm:ssX\") AS v FROM 't'", NULL},
    {338, "SELECT «parse_time('HH', a, 'Mars/North')» AS v FROM 't'", NULL},
    {338, "SELECT «parse_time('HH', a, '')» AS v FROM 't'", NULL},
    {338, "SELECT parse_time('HH', a, '+01:00') AS v, parse_time('HH', a, b) AS w FROM 't'", NULL},
    {338, "SELECT parse_time('HH', a) AS v FROM 't'", NULL},
    {339, "SELECT «a % 0» AS v FROM 't'", NULL},
    {339, "SELECT * FROM 't' WHERE «a / (5 - 5)» > 1", NULL},
    {339, "SELECT a / b AS v, 0 / a AS w FROM 't'", NULL},
    {339, "SELECT 'x' / 0 AS v FROM 't'", NULL},
    {340, "SELECT «1e9999» AS v FROM 't'", NULL},
    {340, "SELECT «concat(1, 2)» AS v FROM 't'", NULL},
    {340, "SELECT «CASE topic() WHEN 1 THEN 2 END» AS v FROM 't'", NULL},
    {340, "SELECT «{'a': 1}.b» AS v FROM 't'", NULL},
    {340, "SELECT a, concat(a, 2) AS v, CASE a WHEN 1 THEN 2 END AS c FROM 't'", NULL},
    {340, "SELECT a IN b AS v, isUndefined(abs('x')) AS u FROM 't'", NULL},
    {342, "SELECT «topic(2)» AS v FROM 't'", NULL},
    {342, "SELECT * FROM 'a/+/b' WHERE «topic(4)» = 'x'", NULL},
    {342, "SELECT a FROM 'a/+'", "x/${«topic(3)»}"},
    {342, "SELECT topic(3) AS v FROM 'a/+/b'", NULL},
    {342, "SELECT topic(9) AS v FROM 'a/#'", NULL},
    {342, "SELECT topic(9) AS v", NULL},
    {343, "SELECT «topic(3)» AS v FROM 'a/+/b'", NULL},
    {343, "SELECT * FROM 'a/#' WHERE «topic(1)» = 'a'", NULL},
    {343, "SELECT topic(2) AS v FROM 'a/+/b'", NULL},
    {343, "SELECT topic(2) AS v, topic() AS w FROM 'a/#'", NULL},
    {344, "SELECT «chr(-1)» AS v FROM 't'", NULL},
    {344, "SELECT «get(a, -1)» AS v FROM 't'", NULL},
    {344, "SELECT «topic(0)» AS v, «acos(2)» AS w FROM 't'", NULL},
    {344, "SELECT «[1, 2][2]» AS v FROM 't'", NULL},
    {344, "SELECT chr(0) AS v, get(a, 0) AS w, topic(1) AS x, acos(1) AS y FROM 't'", NULL},
    {344, "SELECT [1, 2][1] AS v, get(a, b) AS w FROM 't'", NULL},
    // other than meant
    {351, "SELECT «1 / 3» * a AS v FROM 't'", NULL},
    {351, "SELECT a * («9 / 5.0») AS v FROM 't'", NULL},
    {351, "SELECT 6 / 3 AS v, 7 / 2.5 AS w, '7' / 2 AS x FROM 't'", NULL},
    {351, "SELECT floor(7 / 2) AS v, a / 2 AS w FROM 't'", NULL},
    {352, "SELECT «a + '5'» AS v FROM 't'", NULL},
    {352, "SELECT «topic(2) + 1» AS v FROM 't/+'", NULL},
    {352, "SELECT a + 'x' AS v, '5' + '6' AS w, a + 5 AS x FROM 't'", NULL},
    {352, "SELECT topic(2) + a AS v, 'nr' + 5 AS w FROM 't/+'", NULL},
    {353, "SELECT «rpad(a, 20)» AS v FROM 't'", NULL},
    {353, "SELECT upper(«lpad('7', 3)») AS v FROM 't'", NULL},
    {353, "SELECT lpad(a, b) AS v FROM 't'", NULL},
    {353, "SELECT rpad(a, 1) AS v FROM 't'", NULL},
    {354, "SELECT a FROM 't' WHERE NOT «isUndefined(decode(a, 'base64'))»", NULL},
    {354, "SET @d = decode(a, 'base64') SELECT @d AS d FROM 't' WHERE «isUndefined(@d)» = false",
     NULL},
    {354, "SELECT get_or_default(decode(a, 'base64'), 'x') AS v FROM 't'", NULL},
    {354, "SELECT a FROM 't' WHERE isUndefined(encode(a, 'base64')) = false", NULL},
    {355, "SELECT a, «5.0» AS v FROM 't'", NULL},
    {355, "SELECT {'a': [«10.50e1»]} AS v FROM 't'", NULL},
    {355, "SELECT 5 AS v, 5.5 AS w, a * 2.0 AS x, 1e3 AS y FROM 't'", NULL},
    {355, "SELECT a FROM 't' WHERE a > 5.0 AND a IN [1.0, 2.0]", NULL},
    {356, "SELECT «[a, b]» AS v FROM 't'", NULL},
    {356, "SELECT {'p': «[1, a.x, 2]»} AS v FROM 't'", NULL},
    {356, "SELECT «get((SELECT VALUE a FROM l), 2)» AS v FROM 't'", NULL},
    {356, "SELECT [1, a] AS v, a IN [b, c] AS w FROM 't'", NULL},
    {356, "SELECT get((SELECT VALUE a FROM l), 0) AS v, get((SELECT a FROM l), 2) AS w FROM 't'",
     NULL},
    {357, "SELECT {'m': «*»} AS v FROM 't'", NULL},
    {357, "SELECT «*» AS data, topic() AS t FROM 't'", NULL},
    {357, "SELECT *, topic() AS t, encode(*, 'base64') AS e FROM 't'", NULL},
    {357, "SELECT (SELECT * AS x FROM *) AS v, get(*, 'a b') AS w FROM 't'", NULL},
    {358, "SELECT «CASE a WHEN 1 THEN 2 ELSE 3 END» AS v FROM 't'", NULL},
    {358, "SELECT 1 + «CASE topic(3) WHEN 'x' THEN 2 ELSE 3 END» AS v FROM 't/#'", NULL},
    {358, "SELECT CASE a WHEN 1 THEN 2 END AS v FROM 't'", NULL},
    {358, "SELECT CASE topic() WHEN 't' THEN 2 ELSE 3 END AS v FROM 't'", NULL},
    {359, "SELECT CASE a WHEN 'x' THEN 2 WHEN 'y' THEN 3 WHEN «'x'» THEN 4 END AS v FROM 't'",
     NULL},
    {359, "SELECT CASE topic() WHEN 't' THEN 2 WHEN «5» THEN 3 END AS v FROM 't'", NULL},
    {359, "SELECT CASE a WHEN 1 THEN 2 WHEN «1.0» THEN 3 END AS v FROM 't'", NULL},
    {359,
     "SELECT CASE a WHEN 1 THEN 2 WHEN '1' THEN 3 WHEN b THEN 4 WHEN b THEN 5 END AS v FROM 't'",
     NULL},
    {359, "SELECT CASE a WHEN NULL THEN 2 WHEN TRUE THEN 3 END AS v FROM 't'", NULL},
    {360, "SELECT a IN «['x', 5]» AS v FROM 't'", NULL},
    {360, "SELECT * FROM 't' WHERE a IN «[TRUE, 'false']»", NULL},
    {360, "SELECT a IN ['x', NULL] AS v, a IN [1, 2.5] AS w FROM 't'", NULL},
    {360, "SELECT a IN [b, 5] AS v, ['x', 5] AS w FROM 't'", NULL},
    {361, "SELECT * FROM 't' WHERE «timestamp() >= 1609459200»", NULL},
    {361, "SELECT «1609459200 < timestamp()» AS v FROM 't'", NULL},
    {361, "SELECT * FROM 't' WHERE timestamp() >= 1609459200000 AND timestamp() > 0", NULL},
    {361, "SELECT * FROM 't' WHERE a > 1609459200", NULL},
    {362, "SELECT regexp_replace(a, «'(\\d*)*'», '') AS v FROM 't'", NULL},
    {362, "SELECT * FROM 't' WHERE regexp_matches(a, «'^(?:[a-z]+ ?){2,}$'»)", NULL},
    {362, "SELECT * FROM 't' WHERE regexp_matches(a, «'((a|b+))*x'»)", NULL},
    {362,
     "SELECT * FROM 't' WHERE regexp_matches(a, '(\\d+\\.)+') AND regexp_matches(a, '(?>a+)+')",
     NULL},
    {362, "SELECT * FROM 't' WHERE regexp_matches(a, '[(a+)+]') AND regexp_matches(a, '(a+){3}')",
     NULL},
    {363, "SELECT «a / 10» AS v FROM 't'", NULL},
    {363, "SELECT round(«sum / n») AS v FROM 't'", NULL},
    {363, "SELECT «timestamp() / 1000» + 60 AS v FROM 't'", NULL},
    {363, "SELECT a / 2.5 AS v, a / '10' AS w, a / 1 AS x, a * 0.1 AS y FROM 't'", NULL},
    {363, "SELECT floor(a / 10) AS v, cast(timestamp() / 1000 AS Int) AS w FROM 't'", NULL},
    // the topic filter
    {371, "SELECT * FROM «'a/b/#'»", NULL},
    {371, "SELECT *, 'x''/#' AS y FROM «'a''b/#'» WHERE a = 1", NULL},
    {371, "SELECT * FROM 'a/+'", NULL},
    {371, "SELECT * FROM '#'", NULL},
    {372, "SELECT * FROM «'a/'»", NULL},
    {372, "SELECT * FROM «'a//b'»", NULL},
    {372, "SELECT * FROM 'a/b'", NULL},
    {372, "SELECT '/a/' AS v FROM 'a/#'", NULL},
    {373, "SELECT * FROM «'+/a'»", NULL},
    {373, "SELECT * FROM «'#'»", NULL},
    {373, "SELECT * FROM 'a/#'", NULL},
    {373, "SELECT * FROM '$aws/things/+/shadow/update'", NULL},
    {374, "SELECT * FROM «\"a\"»", NULL},
    {374, "SELECT * FROM «\"a/b\"» WHERE a = \"x\"", NULL},
    {374, "SELECT \"a\" AS v FROM 'a'", NULL},
    {374, "SELECT a", NULL},
    {375, "SELECT * FROM «'$aws/rules/r/#'»", NULL},
    {375, "SELECT * FROM «'$aws/rules/r/a/b'» WHERE a = 1", NULL},
    {375, "SELECT * FROM '$aws/things/x/shadow/update'", NULL},
    {375, "SELECT * FROM 'aws/rules/r'", NULL},
};

#define MARKS_MAX 4

struct marks {
    size_t begin[MARKS_MAX], end[MARKS_MAX], count;
};

// `marked` without its marks into `out`.
static void unmark(const char *marked, struct wr_buf *out, struct marks *m)
{
    m->count = 0;
    for (wr_str s = Z(marked); s.len; s = wr_str_cut(s, 1, s.len)) {
        bool begin = wr_str_starts(s, S("«")), end = wr_str_starts(s, S("»"));
        if (begin) {
            m->begin[m->count] = out->len;
        } else if (end) {
            m->end[m->count++] = out->len;
        } else {
            wr_buf_add_char(out, s.at[0]);
        }
        s = begin || end ? wr_str_cut(s, 1, s.len) : s;
    }
}

static void check_row(const struct row *r, unsigned *fired, unsigned *silent)
{
    struct wr_buf sql = {0}, template = {0};
    struct marks marks;
    unmark(r->sql, &sql, &marks);
    if (r->template) {
        unmark(r->template, &template, &marks);
    }
    struct wr_program *p = program_of(wr_buf_terminated(&sql), "2016-03-23");
    struct wr_lint *l = r->template ? wr_lint_template(p, wr_buf_str(&template), &options)
                                    : wr_lint_statement(p, &options);
    size_t seen = 0;
    for (size_t i = 0; i < wr_lint_count(l); i++) {
        const struct wr_lint_finding *f = wr_lint_at(l, i);
        CHECK(r->sql, f->message.len > 0 && f->begin < f->end);
        CHECK(r->sql, i == 0 || wr_lint_at(l, i - 1)->begin <= f->begin);
        if ((int)f->rule->code != r->code) {
            continue;
        }
        if (seen == marks.count || f->begin != marks.begin[seen] || f->end != marks.end[seen]) {
            CASE_FAIL(r->sql, "W%d at %u..%u: %.*s", r->code, f->begin, f->end,
                      WR_STR_ARG(f->message));
        }
        seen++;
    }
    if (seen != marks.count) {
        CASE_FAIL(r->sql, "W%d is found %zu times, not %zu", r->code, seen, marks.count);
    }
    ++*(marks.count ? fired : silent);
    wr_lint_free(l);
    wr_program_free(p);
    wr_buf_release(&sql);
    wr_buf_release(&template);
}

static void places_are_exact(void **state)
{
    size_t row = 0;
    for (size_t i = 0; i < wr_lint_rule_count(); i++) {
        const struct wr_lint_rule *rule = wr_lint_rule_at(i);
        unsigned fired = 0, silent = 0;
        for (; row < WR_COUNT(rows) && rows[row].code == (int)rule->code; row++) {
            check_row(&rows[row], &fired, &silent);
        }
        bool other_version = !wr_str_eq(Z(rule->version), S("2016-03-23"));
        CHECK(rule->slug, other_version || (fired >= 2 && silent >= 2));
    }
    CHECK_INT("every row was tried", row, WR_COUNT(rows));
}

// ---- what else can be seen

static void versions_differ(void **state)
{
    static const struct {
        int code;
        const char *sql, *version;
        bool wanted;
    } cases[] = {
        {341, "SELECT VALUE a FROM 't'", "2015-10-08", true},
        {341, "SELECT VALUE get(a, 0) FROM 't'", "", true},
        {341, "SELECT VALUE a FROM 't'", "2016-03-23", false},
        {341, "SELECT VALUE a + 1 FROM 't'", "2015-10-08", false},
        {341, "SELECT VALUE * FROM 't'", "2015-10-08", false},
        {351, "SELECT 7 / 2.0 AS v FROM 't'", "2015-10-08", false},
        {351, "SELECT 7 / 2.0 AS v FROM 't'", "beta", true},
        {351, "SELECT 7 / 2 AS v FROM 't'", "2015-10-08", true},
        {355, "SELECT 5.0 AS v FROM 't'", "2015-10-08", false},
        {363, "SELECT a / 2.0 AS v FROM 't'", "2015-10-08", false},
        {363, "SELECT a / 2 AS v FROM 't'", "2015-10-08", true},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_program *p = program_of(cases[i].sql, cases[i].version);
        struct wr_lint *l = wr_lint_statement(p, NULL);
        CHECK_INT(cases[i].sql, found(l, cases[i].code), cases[i].wanted);
        wr_lint_free(l);
        wr_program_free(p);
    }
}

static void messages_say_what(void **state)
{
    static const struct {
        const char *sql, *message; // how it begins
        uint32_t line, column;
    } cases[] = {
        {"SELECT *\n FROM 't' WHERE\n\té.ü > 5 AND\n\té.ü < 3",
         "`é.ü > 5` and `é.ü < 3` are never both true", 3, 2},
        {"SELECT 1e0 / 3 AS v FROM 't'", "Int / Int loses its fraction: this is 0", 1, 8},
        {"SELECT a FROM 't' WHERE topic() = 5",
         "`topic()` is text and `5` is an Int: they are never equal", 1, 25},
        {"SELECT abs('x') AS v FROM 't'",
         "always Undefined: `'x'` is text that is no number; the signature is abs(", 1, 8},
        {"SELECT upper(a, b) AS v FROM 't'",
         "always Undefined: 2 arguments; the signature is upper(", 1, 8},
        {"SELECT topic(3) AS v FROM 'a/+'", "topics of 'a/+' have 2 levels, there is no level 3", 1,
         8},
        {"SELECT a AS b FROM 't' WHERE a = 1 AND b = 2",
         "`b` names `a` in the result; in WHERE it is a member of the payload", 1, 40},
        {"SELECT a FROM 't' WHERE (a) > 1 OR b = 2",
         "with a missing this OR is Undefined, even when its other side is true", 1, 25},
        // Cut in front of a character that does not fit, and control characters taken out.
        {"SELECT concat('012345678901234567890123456789012345678901234567891ö', a).x AS v FROM 't'",
         "always Undefined: `concat('012345678901234567890123456789012345678901234567891…` is text "
         "or an Array and has no "
         "members",
         1, 8},
        {"SELECT a FROM 't'\nWHERE abs('\nx') = 1",
         "always Undefined: `' x'` is text that is no number; the signature is abs(", 2, 7},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_program *p = program_of(cases[i].sql, "2016-03-23");
        struct wr_lint *l = wr_lint_statement(p, NULL);
        bool seen = false;
        for (size_t k = 0; k < wr_lint_count(l); k++) {
            const struct wr_lint_finding *f = wr_lint_at(l, k);
            if (wr_str_starts(f->message, Z(cases[i].message))) {
                CHECK_INT(cases[i].sql, f->line, cases[i].line);
                CHECK_INT(cases[i].sql, f->column, cases[i].column);
                seen = true;
            }
        }
        CHECK(cases[i].sql, seen);
        wr_lint_free(l);
        wr_program_free(p);
    }
}

// A new function needs its row, or a place among those that fact_call.c knows itself.
static void functions_are_known(void **state)
{
    static const char *const by_itself[] = {"get",    "get_or_default", "nanvl", "concat",
                                            "isNull", "isUndefined",    "decode"};
    size_t rows_found = 0;
    for (size_t i = 0; i < wr_function_count(); i++) {
        const struct wr_function *f = wr_function_at(i);
        bool known = wr_fact_function_find(f);
        rows_found += known;
        for (size_t k = 0; k < WR_COUNT(by_itself); k++) {
            known = known || strcmp(f->name, by_itself[k]) == 0;
        }
        CHECK(f->name, known);
    }
    CHECK_INT("rows", rows_found + WR_COUNT(by_itself), wr_function_count());
}

// Zones are judged only by who knows them.
static void zones_need_a_host(void **state)
{
    struct wr_program *p =
        program_of("SELECT parse_time('HH', a, 'Europe/Nowhere') AS v FROM 't'", "2016-03-23");
    struct wr_lint *l = wr_lint_statement(p, NULL);
    CHECK("no host", !found(l, WR_LINT_UNKNOWN_ZONE));
    wr_lint_free(l);
    wr_program_free(p);
}

// A variable that only a template of the rule reads is read.
static void templates_read_variables(void **state)
{
    struct wr_program *p = program_of("SET @a = x, @b = y SELECT x FROM 't'", "2016-03-23");
    uint32_t id;
    assert_int_equal(wr_program_add_template(p, S("plain"), &id, NULL), WR_OK);
    assert_int_equal(wr_program_add_template(p, S("x/${@b}"), &id, NULL), WR_OK);
    struct wr_lint *l = wr_lint_statement(p, &options);
    CHECK_INT("one", wr_lint_count(l), 1);
    CHECK_INT("@a", wr_lint_at(l, 0)->begin, 4);
    CHECK_INT("@a", wr_lint_at(l, 0)->end, 6);
    wr_lint_free(l);
    wr_program_free(p);
}

static void templates_may_be_anything(void **state)
{
    static const char *const texts[] = {
        "", "x", "${", "${}", "${a", "${a +}", "${@none}", "${nope()}", "a}${'}'}${a / 0}"};
    struct wr_program *p = program_of("SELECT a.b AS a FROM 't'", "2016-03-23");
    for (size_t i = 0; i < WR_COUNT(texts); i++) {
        struct wr_lint *l = wr_lint_template(p, Z(texts[i]), &options);
        CHECK(texts[i], wr_lint_count(l) == 0 || i == WR_COUNT(texts) - 1);
        wr_lint_free(l);
    }
    wr_program_free(p);
}

// ---- bounds

// `count` times `part`, between `before` and `after`; `wanted` (0: none) is found in it.
static void repeated(const char *before, const char *part, size_t count, const char *after,
                     int wanted, bool *many)
{
    struct wr_buf sql = {0};
    struct wr_program *p = NULL;
    struct wr_program_options o = {.sql_version = S("2016-03-23")};
    wr_buf_add(&sql, Z(before));
    for (size_t i = 0; i < count && sql.len + strlen(part) + strlen(after) < WR_SQL_LEN_MAX; i++) {
        wr_buf_add(&sql, Z(part));
    }
    wr_buf_add(&sql, Z(after));
    struct wr_fault fault = {0};
    if (wr_program_new(wr_buf_str(&sql), &o, &p, &fault)) {
        CASE_FAIL(part, "does not compile: %s", fault.text);
    }
    struct wr_lint *l = wr_lint_statement(p, &options);
    CHECK(part, wr_lint_count(l) <= WR_LINT_FINDINGS_MAX);
    CHECK_INT(part, wanted == 0 || found(l, wanted), true);
    *many = wr_lint_left_out(l) > 0;
    if (*many) {
        CHECK_INT(part, wr_lint_count(l), WR_LINT_FINDINGS_MAX);
    }
    wr_lint_free(l);
    wr_program_free(p);
    wr_buf_release(&sql);
}

// The largest statements of several shapes: each is looked at within the test's time, and nothing
// overflows. What is quadratic would take minutes here.
static void work_is_bounded(void **state)
{
    bool many;
    repeated("SELECT a FROM 't' WHERE a = 0", " AND a = 1", 4000, "", 320, &many);
    repeated("SELECT a FROM 't' WHERE a = 0", " OR b <> 1", 4000, "", 317, &many);
    repeated("SELECT a FROM 't' WHERE a = 0", " OR (a > 5 AND a < 3)", 2000, "", 320, &many);
    CHECK("conflicts", many);
    repeated("SELECT a FROM 't' WHERE a", "+b.c", 4000, " > 1", 0, &many);
    repeated("SELECT b AS a FROM 't' WHERE [a", ", c, a, b", 5000, "] = 1", 301, &many);
    repeated("SET @a = ['x', 'x', 'x', 'x'], @b = [@a, @a, @a, @a, @a, @a, @a, @a, @a, @a], "
             "@c = [@b, @b, @b, @b, @b, @b, @b, @b, @b, @b], "
             "@d = [@c, @c, @c, @c, @c, @c, @c, @c, @c, @c], "
             "@e = [@d, @d, @d, @d, @d, @d, @d, @d, @d, @d], @f = [@e, @e, @e, @e, @e, @e, @e] "
             "SELECT [1",
             ", @f = [@e, @e, @e, @e, @e, @e, @d]", 2000, "] AS v FROM 't'", 0, &many);
    repeated("SELECT [1", ", lpad(lpad(lpad('x', 1000), 1000), 1000)", 4000, "] AS v FROM 't'", 353,
             &many);
    // Whatever the items are, WHERE and FROM are not what is left out.
    repeated("SELECT a AS x, b AS y", ", a / 2", 8000, " FROM 't/#' WHERE a > 1 AND a < 1", 320,
             &many);
    CHECK("items", many);
    repeated("SELECT a AS x, b AS y", ", a / 2", 8000, " FROM 't/#' WHERE a > 1 AND a < 1", 371,
             &many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(examples_hold),
                                       T(places_are_exact),
                                       T(versions_differ),
                                       T(messages_say_what),
                                       T(functions_are_known),
                                       T(zones_need_a_host),
                                       T(templates_read_variables),
                                       T(work_is_bounded),
                                       T(templates_may_be_anything)};
    return TEST_MAIN(tests);
}
