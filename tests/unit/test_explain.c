// sql/explain: what people are told, by tables; and on every case of the corpus (the folder is the
// program's argument) that the values shown are the program's.
#include "sql/explain.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/cli/cases.h"
#include "engine/rules/zones.h"
#include "sql/base/json.h"
#include "sql/explain/atoms.h"
#include "sql/explain/levels.h"
#include "sql/explain/listing.h"
#include "sql/explain/near.h"
#include "sql/explain/show.h"
#include "sql/explain/values.h"
#include "sql/program.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

#define ARENA_LIMIT (64u << 20)

static const char *folder;

static struct wr_program *compile(const char *name, const char *sql)
{
    struct wr_program *p;
    struct wr_fault fault = {0};
    struct wr_program_options options = {.sql_version = S("2016-03-23")};
    if (wr_program_new(Z(sql), &options, &p, &fault) || wr_program_seal(p, &fault)) {
        CASE_FAIL(name, "does not compile: %s", fault.text);
    }
    return p;
}

static struct wr_sql_message message_of(const char *payload)
{
    return (struct wr_sql_message){
        .topic = S("a/b"), .payload = Z(payload), .over_mqtt = true, .format_indicator = -1};
}

// ---- nearest keys

static void nearest_keys(void **state)
{
    static const struct {
        const char *name, *payload, *path, *text; // path: keys with a space between
        bool telling;
    } cases[] = {
        {"there", "{\"a\":1}", "a", "", false},
        {"nothing near", "{\"temp\":35}", "kind", "not in the payload", false},
        {"letters", "{\"temperature\":1}", "temprature",
         "not in the payload; did you mean temperature?", true},
        {"short names are not near", "{\"b\":1}", "a", "not in the payload", false},
        {"case", "{\"Temp\":1}", "temp", "not in the payload; did you mean Temp?", true},
        {"case goes before letters", "{\"tempo\":1,\"TEMP\":2}", "temp",
         "not in the payload; did you mean TEMP or tempo?", true},
        {"longer name", "{\"temperature\":1}", "temp",
         "not in the payload; did you mean temperature?", true},
        {"hyphen", "{\"battery-level\":1}", "batteryLevel",
         "not in the payload; did you mean get(*, 'battery-level')?", true},
        {"blank and quote", "{\"it's on\":1}", "its_on",
         "not in the payload; did you mean get(*, 'it''s on')?", true},
        {"deeper", "{\"reported\":{\"t\":1}}", "t", "not in the payload; did you mean reported.t?",
         true},
        {"less deep", "{\"reported\":{\"t\":1}}", "state reported t",
         "not in the payload; did you mean reported.t?", true},
        {"an Object spelt otherwise", "{\"state\":{\"reported\":{\"t\":1}}}", "stat reported t",
         "not in the payload; did you mean state.reported.t?", true},
        {"a member", "{\"state\":{\"temperature\":1}}", "state temprature",
         "state has no member 'temprature'; did you mean state.temperature?", true},
        {"below a key that needs get", "{\"my state\":{\"temp\":1}}", "temp",
         "not in the payload; did you mean get(*, 'my state').temp?", true},
        {"reserved word", "{\"Select\":1}", "select",
         "not in the payload; did you mean get(*, 'Select')?", true},
        {"in an Array", "{\"items\":[{\"t\":1}]}", "items t",
         "items is an Array, which has no members; did you mean get(items, 0).t?", true},
        {"payload is an Array", "[{\"t\":1}]", "t",
         "the payload is an Array, which has no attributes; did you mean get(*, 0).t?", true},
        {"an Int", "{\"b\":5}", "b c", "b is an Int, which has no members", true},
        {"a String", "{\"b\":\"x\"}", "b c", "b is a String, which has no members", true},
        {"Null", "{\"b\":null}", "b c", "b is Null, which has no members", true},
        {"number out of range", "{\"b\":1e1000}", "b",
         "its number is out of range: at most 9.999…E999", true},
        {"other case deeper", "{\"d\":{\"HUMID\":1}}", "humid",
         "not in the payload; did you mean d.HUMID?", true},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_arena arena;
        wr_arena_init(&arena, ARENA_LIMIT);
        wr_value root;
        CHECK_INT(cases[i].name,
                  wr_json_parse(Z(cases[i].payload), &arena, WR_SQL_2016, &root, NULL), WR_OK);
        wr_str keys[8];
        size_t count = 0;
        for (const char *at = cases[i].path; *at; count++) {
            size_t len = strcspn(at, " ");
            keys[count] = (wr_str){at, len};
            at += len + (at[len] == ' ');
        }
        struct wr_near near = {&root, "the payload", &arena, WR_SQL_2016};
        struct wr_buf out = {0};
        bool telling;
        bool said = wr_near_explain(&near, keys, count, &out, &telling);
        CHECK_INT(cases[i].name, said, cases[i].text[0] != '\0');
        CHECK_STR(cases[i].name, wr_buf_str(&out), Z(cases[i].text));
        CHECK_INT(cases[i].name, telling, cases[i].telling);
        wr_buf_release(&out);
        wr_arena_release(&arena);
    }
}

// A payload of a hundred thousand members and one nested 500 deep: bounded work.
static void nearest_keys_are_bounded(void **state)
{
    struct wr_buf text = {0};
    wr_buf_add_char(&text, '{');
    for (int i = 0; i < 100000; i++) {
        wr_buf_addf(&text, "\"key%d\":{\"a\":[[1],[2]]},", i);
    }
    for (int i = 0; i < 500; i++) {
        wr_buf_add(&text, S("\"d\":{"));
    }
    for (int i = 0; i < 501; i++) {
        wr_buf_add_char(&text, '}');
    }
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT * 4);
    wr_value root;
    CHECK_INT("bounded", wr_json_parse(wr_buf_str(&text), &arena, WR_SQL_2016, &root, NULL), WR_OK);
    struct wr_near near = {&root, "the payload", &arena, WR_SQL_2016};
    struct wr_buf out = {0};
    wr_str keys[] = {S("zz"), S("yy"), S("xx")};
    CHECK("bounded", wr_near_explain(&near, keys, 3, &out, NULL));
    CHECK_STR("bounded", wr_buf_str(&out), S("not in the payload"));
    wr_buf_release(&out);
    wr_arena_release(&arena);
    wr_buf_release(&text);
}

// ---- topics

static void topic_levels(void **state)
{
    static const struct {
        const char *name, *filter, *topic, *levels, *advice;
    } cases[] = {
        {"matches", "site/+/reading", "site/kiln/reading", "the same|any one level|the same", ""},
        {"a letter more", "site/+/reading", "site/kiln/readings",
         "the same|any one level|'readings' is not 'reading': 1 letter apart", ""},
        {"case", "site/Reading", "site/reading",
         "the same|'reading' is not 'Reading': they differ in upper and lower case", ""},
        {"blanks", "site/a", "site/a ",
         "the same|'a ' is not 'a': they differ in blanks at the ends", ""},
        {"far off", "site/a", "dog/cat/b",
         "'dog' is not 'site'|'cat' is not 'a'|the filter has no such level", ""},
        {"the parent of #", "a/#", "a", "the same|the topic has no such level",
         "'a/#' does not match 'a' itself on AWS, although a broker's subscription does; it "
         "matches "
         "'a/'\n"},
        {"$ and #", "#", "$aws/x", "this level and all that follow",
         "a filter that begins with '+' or '#' does not match topics that begin with '$': write "
         "the "
         "first level out\n"},
        {"$ and +", "+/x", "$aws/x", "any one level|the same",
         "a filter that begins with '+' or '#' does not match topics that begin with '$': write "
         "the "
         "first level out\n"},
        {"leading slash", "a/b", "/a/b",
         "the level is empty, not 'a'|'a' is not 'b'|the filter has no such level",
         "the topic begins with '/', so its level 1 is empty; the filter does not\n"},
        {"leading slash of the filter", "/a", "a", "'a' is not ''|the topic has no such level",
         "the filter begins with '/', so its level 1 is empty; the topic does not\n"},
        {"slash at the end", "a/b", "a/b/", "the same|the same|the filter has no such level",
         "the topic ends with '/', so its last level is empty; the filter does not\n"},
        {"one level too many", "a/+/c", "a/x/y/c",
         "the same|any one level|'y' is not 'c'|the filter has no such level",
         "level 3 of the topic, 'y', is one too many: without it they match\n"},
        {"one level too few", "a/b/+/c", "a/b/c",
         "the same|the same|any one level|the topic has no such level",
         "level 4 of the filter, 'c', is one too many: without it they match\n"},
        {"template in FROM", "a/${x}", "a/b",
         "the same|'b' is not '${x}': FROM takes no templates; '+' stands for any level", ""},
        {"shared subscription", "$share/g/a", "a",
         "'a' is not '$share'|the topic has no such level|the topic has no such level",
         "FROM takes no shared subscription: leave out $share and the group\n"},
    };
    static struct wr_level levels[WR_LEVELS_MAX];
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf out = {0};
        size_t count = wr_levels_compare(Z(cases[i].filter), Z(cases[i].topic), levels);
        for (size_t k = 0; k < count; k++) {
            wr_buf_add(&out, k ? S("|") : S(""));
            wr_levels_describe(&levels[k], &out);
        }
        CHECK_STR(cases[i].name, wr_buf_str(&out), Z(cases[i].levels));
        wr_buf_clear(&out);
        wr_levels_advise(Z(cases[i].filter), Z(cases[i].topic), &out);
        CHECK_STR(cases[i].name, wr_buf_str(&out), Z(cases[i].advice));
        wr_buf_release(&out);
    }
    static char slashes[WR_TOPIC_LEN_MAX];
    memset(slashes, '/', sizeof slashes);
    wr_str long_topic = {slashes, sizeof slashes};
    CHECK_INT("many levels", wr_levels_compare(S("a/b"), long_topic, levels), WR_LEVELS_MAX);
}

// ---- the term that decided

static void deciding_terms(void **state)
{
    static const struct {
        const char *name, *where, *payload, *text;
    } cases[] = {
        {"false", "temp > 30", "{\"temp\":25}",
         "decided by line 1, column 29: temp > 30 is false\n    temp is 25\n"},
        {"the first that is not true", "a = 1 AND b = 2 AND c = 3", "{\"a\":1,\"b\":3,\"c\":4}",
         "decided by line 1, column 39: b = 2 is false\n    b is 3\n"},
        {"Undefined", "temprature > 30", "{\"temperature\":35}",
         "decided by line 1, column 29: temprature > 30 is Undefined\n    temprature is Undefined\n"
         "    temprature: not in the payload; did you mean temperature?\n"},
        {"a Boolean text is true", "'TRUE' AND a = 2", "{\"a\":1}",
         "decided by line 1, column 40: a = 2 is false\n    a is 1\n"},
        {"calls show their arguments", "startswith(name, 'k')", "{\"name\":\"oven\"}",
         "decided by line 1, column 29: startswith(name, 'k') is false\n"
         "    startswith(name, 'k') is false\n    name is \"oven\"\n"},
        {"a constant", "1 = 2", "{}", "decided by line 1, column 29: 1 = 2 is false\n"},
        {"all true", "a = 1", "{\"a\":1}", "every term of WHERE is true\n"},
        {"a failure", "get_thing_shadow('a', 'r').x = 1", "{}",
         "get_thing_shadow() cannot be answered here\n"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "SELECT * FROM 'a/b'   WHERE %s", cases[i].where);
        struct wr_program *p = compile(cases[i].name, sql);
        struct wr_sql_message m = message_of(cases[i].payload);
        struct wr_buf out = {0};
        wr_explain_where(p, &m, NULL, &out);
        CHECK_STR(cases[i].name, wr_buf_str(&out), Z(cases[i].text));
        wr_buf_release(&out);
        wr_program_free(p);
    }
}

static void add_blamed(const struct wr_values_node *n, struct wr_buf *out)
{
    for (; n; n = n->next) {
        if (n->blamed) {
            wr_buf_addf(out, "%s%.*s", out->len ? "|" : "", WR_STR_ARG(n->source));
        }
        add_blamed(n->kids, out);
    }
}

// Which terms are to blame, inside OR and NOT too.
static void blamed_terms(void **state)
{
    static const struct {
        const char *name, *where, *payload, *blamed;
    } cases[] = {
        {"every conjunct that is not true", "a = 1 AND b = 1 AND c = 1", "{\"a\":1,\"b\":2}",
         "b = 1|c = 1"},
        {"OR is false through both", "a = 1 OR b = 1", "{\"a\":2,\"b\":2}", "a = 1|b = 1"},
        {"OR is Undefined through one", "a = 1 OR b = 1", "{\"a\":1}", "b = 1"},
        {"AND in OR", "a = 1 OR (b = 1 AND c = 1)", "{\"a\":2,\"b\":1,\"c\":2}", "a = 1|c = 1"},
        {"NOT", "NOT (a = 1 OR b = 1)", "{\"a\":1,\"b\":2}", "a = 1"},
        {"a path", "a", "{\"a\":\"yes\"}", "a"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "SELECT * FROM 'a/b' WHERE %s", cases[i].where);
        struct wr_program *p = compile(cases[i].name, sql);
        struct wr_sql_message m = message_of(cases[i].payload);
        struct wr_values *v = wr_values_new(p, &m, NULL, false);
        struct wr_buf out = {0};
        CHECK_INT(cases[i].name, v->state, WR_EVAL_NO_MATCH);
        add_blamed(v->where, &out);
        CHECK_STR(cases[i].name, wr_buf_str(&out), Z(cases[i].blamed));
        wr_buf_release(&out);
        wr_values_free(v);
        wr_program_free(p);
    }
}

// ---- reasons

static void reasons(void **state)
{
    static const struct {
        const char *name, *expr, *payload, *note; // NULL: none
    } cases[] = {
        {"fine", "a + 1", "{\"a\":1}", NULL},
        {"no number", "a * 2", "{\"a\":\"12a\"}", "\"12a\" is no number"},
        {"both", "a * b", "{\"a\":\"x\"}", "\"x\" is no number; the right side is Undefined"},
        {"a Boolean is no number", "a - 1", "{\"a\":true}",
         "the left side is true, which is no number"},
        {"division by zero", "1 / a", "{\"a\":0}", "division by zero"},
        {"the fraction is cut", "a / 2", "{\"a\":7}",
         "both sides are Ints: the fraction is cut off"},
        {"no fraction to cut", "a / 2", "{\"a\":8}", NULL},
        {"out of range", "a * a", "{\"a\":1e900}",
         "the result is out of range: at most 9.999…E999"},
        {"joins texts", "a + 1", "{\"a\":\"2\"}", "a side is a String, so + joins texts"},
        {"no text", "a + 'x'", "{\"a\":null}", "the left side is Null, which has no text"},
        {"texts have no order", "a < 'b'", "{\"a\":\"abc\"}",
         "\"abc\" is no number; \"b\" is no number: < compares numbers, texts have no order"},
        {"= does not convert", "a = '5'", "{\"a\":5}",
         "Int 5 and String \"5\" are of different types: = does not convert"},
        {"case", "a = 'Open'", "{\"a\":\"open\"}", "they differ in upper and lower case only"},
        {"blanks", "a = 'open'", "{\"a\":\"open \"}",
         "they differ in blanks at the ends only: trim() takes them off"},
        {"really different", "a = 'open'", "{\"a\":\"shut\"}", NULL},
        {"a side is Undefined", "a <> 5", "{}", "the left side is Undefined"},
        {"IN does not convert", "a IN ['1', '2']", "{\"a\":2}",
         "Int 2 and String \"2\" are of different types: IN does not convert"},
        {"IN and case", "a IN ['Open', 'Shut']", "{\"a\":\"open\"}",
         "they differ in upper and lower case only"},
        {"IN without a list", "a IN b", "{\"a\":1,\"b\":2}",
         "the right side is Int 2, not an Array"},
        {"no short cut", "a OR b", "{\"a\":true}",
         "OR has no short cut, and of its 2 terms neither true nor false: 2"},
        {"NOT", "NOT a", "{\"a\":1}", "the operand is Int 1: NOT needs a Boolean"},
        {"cast", "cast(a AS Int)", "{\"a\":\"12a\"}", "\"12a\" is no number"},
        {"cast to Boolean", "cast(a AS Boolean)", "{\"a\":\"yes\"}",
         "\"yes\" is neither true nor false"},
        {"index out of range", "get(a, 3)", "{\"a\":[1,2]}",
         "index 3 is out of range: the Array has 2 items, counted from 0"},
        {"key is no String", "get(a, 1)", "{\"a\":{\"1\":2}}",
         "a key must be a String, it is not converted: found Int 1"},
        {"argument", "sqrt(a)", "{\"a\":\"x\"}", "\"x\" is no number"},
        {"second argument", "lpad('x', a)", "{}", "argument 2 is Undefined"},
        {"optional argument", "substring('abc', 1, a)", "{\"a\":\"x\"}", "\"x\" is no number"},
        {"text argument", "upper(a)", "{\"a\":null}", "argument 1 is Null, which has no text"},
        {"wrong count", "abs(a, a)", "{\"a\":1}",
         "the wrong number of arguments gives Undefined: found 2, expected abs(x Decimal)"},
        {"no base64", "decode(a, 'base64')", "{\"a\":\"%\"}",
         "the text is not base64, or holds no UTF-8"},
        {"CASE without ELSE", "CASE a WHEN 1 THEN 2 END", "{\"a\":3}",
         "no WHEN is equal, and there is no ELSE"},
        {"CASE of Undefined", "CASE a WHEN 1 THEN 2 ELSE 3 END", "{}",
         "the operand is Undefined: no WHEN is tried, and ELSE is ignored"},
        {"a hyphen subtracts", "my-key", "{\"my-key\":1}",
         "this subtracts; the key 'my-key' is read by get(*, 'my-key')"},
        {"rows", "(SELECT a FROM l WHERE a > 1)", "{\"l\":[{\"a\":1},{\"a\":2}]}",
         "2 rows, 1 in the result"},
        {"no rows", "(SELECT a FROM l)", "{\"l\":5}",
         "the source is Int, neither an Array nor an Object"},
        {"constant", "2 * 3", "{}", "constant"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "SELECT %s AS v FROM 'a/b'", cases[i].expr);
        struct wr_program *p = compile(cases[i].name, sql);
        struct wr_sql_message m = message_of(cases[i].payload);
        struct wr_values *v = wr_values_new(p, &m, NULL, false);
        CHECK(cases[i].name, v->items && !v->items->next);
        CHECK_STR(cases[i].name, v->items->note, Z(cases[i].note));
        wr_values_free(v);
        wr_program_free(p);
    }
}

static void raw_payloads(void **state)
{
    static const struct {
        const char *payload, *why; // NULL: it is JSON
    } cases[] = {
        {"{}", NULL},
        {"[]", NULL},
        {"", "it is empty"},
        {"80", "it is a bare scalar: only an Object or an Array has attributes"},
        {"{\"a\":1,\n \"b\":'x'}", "it stops being JSON at line 2, column 6 (byte 13): found '''"},
        {"{\"a\":1", "it stops being JSON at line 1, column 7 (byte 6): the end comes too soon"},
        {"{\"a\":\xff}", "it stops being JSON at line 1, column 6 (byte 5): found byte 0xff"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_program *p = compile(cases[i].payload, "SELECT a FROM 'a/b'");
        struct wr_sql_message m = message_of(cases[i].payload);
        struct wr_values *v = wr_values_new(p, &m, NULL, false);
        struct wr_buf out = {0};
        CHECK_INT(cases[i].payload, wr_values_why_raw(&v->message, &out), cases[i].why != NULL);
        CHECK_STR(cases[i].payload, wr_buf_str(&out), Z(cases[i].why));
        wr_buf_release(&out);
        wr_values_free(v);
        wr_program_free(p);
    }
}

// ---- what an index could use

static void atoms(void **state)
{
    static const struct {
        const char *name, *where, *atoms;
    } cases[] = {
        {"eq", "kind = 'oven'", "kind = \"oven\""},
        {"mirrored", "30 < temp", "temp > 30"},
        {"folded", "temp >= 20 + 10", "temp >= 30"},
        {"numeric text", "temp > '30'", "temp > 30"},
        {"AND takes the cheaper", "temp > 30 AND kind = 'oven'", "kind = \"oven\""},
        {"AND takes the first of equals", "a > 1 AND b > 2", "a > 1"},
        {"OR takes both", "a = 1 OR b > 2", "a = 1 or b > 2"},
        {"OR with a call", "a = 1 OR length(b) > 2", "every message: a function call"},
        {"AND with a call", "length(b) > 2 AND a = 1", "a = 1"},
        {"NOT of a range", "NOT temp > 30", "temp <= 30"},
        {"NOT of OR", "NOT (a > 1 OR b = 2)", "a <= 1"},
        {"NOT of AND", "NOT (a > 1 AND b = 2)", "a <= 1 or b is there"},
        {"<> wants it to be there", "a <> 1", "a is there"},
        {"NOT <>", "NOT a <> 1", "a = 1"},
        {"IN", "a IN [1, 'x']", "a = 1 or a = \"x\""},
        {"NOT IN", "NOT a IN [1]", "a is there"},
        {"IN a path", "a IN b", "every message: the list of IN is no constant"},
        {"a path", "a.b", "a.b is there"},
        {"get", "get(a, 'b c') = 1", "get(a, 'b c') = 1"},
        {"two paths", "a = b", "every message: no path is compared with a constant"},
        {"arithmetic", "a + 1 > 2", "every message: an operator on one side"},
        {"call", "isUndefined(a) = false", "every message: a function call"},
        {"CASE", "CASE a WHEN 1 THEN true END", "every message: a CASE"},
        {"EXISTS", "EXISTS (SELECT a FROM b)", "every message: a nested query"},
        {"never: no order of texts", "a > 'x'", ""},
        {"never: constant", "1 = 2", ""},
        {"always", "1 = 1", "every message: it is always so"},
        {"AND with never", "a = 1 AND b > 'x'", ""},
        {"OR with never", "a = 1 OR b > 'x'", "a = 1"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "SELECT * FROM 'a/b' WHERE %s", cases[i].where);
        struct wr_program *p = compile(cases[i].name, sql);
        struct wr_arena arena;
        wr_arena_init(&arena, ARENA_LIMIT);
        struct wr_atoms found = wr_atoms_of(p, &arena);
        struct wr_buf out = {0};
        for (size_t k = 0; k < found.count; k++) {
            wr_buf_add(&out, k ? S(" or ") : S(""));
            wr_atom_write(&found.at[k], &out);
        }
        CHECK_STR(cases[i].name, wr_buf_str(&out), Z(cases[i].atoms));
        wr_buf_release(&out);
        wr_arena_release(&arena);
        wr_program_free(p);
    }
    struct wr_program *p = compile("variable", "SET @t = a.b SELECT * FROM 'x' WHERE @t = 1");
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    struct wr_atoms found = wr_atoms_of(p, &arena);
    CHECK_INT("variable", found.count, 1);
    CHECK_STR("variable", found.at[0].path, S("a.b"));
    wr_program_free(p);
    p = compile("no WHERE", "SELECT * FROM 'x'");
    found = wr_atoms_of(p, &arena);
    CHECK_INT("no WHERE", found.at[0].kind, WR_ATOM_ALL);
    wr_program_free(p);
    wr_arena_release(&arena);
}

// ---- short forms

static void short_forms(void **state)
{
    static const struct {
        const char *name, *json, *shown;
    } cases[] = {
        {"Int", "5", "Int 5"},
        {"Decimal", "5.5", "Decimal 5.5"},
        {"String", "\"a\\n\\u0007\\u009b\"", "String \"a\\n\\u0007\\u009b\""},
        {"items", "[1,2,3,4,5,6,7,8,9,10]", "Array of 10 [1,2,3,4,5,6,7,8,… 2 more]"},
        {"deep", "[[[[1,2]]]]", "Array of 1 [[[[… 2]]]]"},
        {"Object", "{\"a\":{\"b\":null}}", "Object of 1 {\"a\":{\"b\":null}}"},
    };
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    struct wr_buf out = {0};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        wr_value v;
        CHECK_INT(cases[i].name, wr_json_parse(Z(cases[i].json), &arena, WR_SQL_2016, &v, NULL),
                  WR_OK);
        wr_buf_clear(&out);
        wr_show_value(&out, &v, &arena, WR_SQL_2016);
        CHECK_STR(cases[i].name, wr_buf_str(&out), Z(cases[i].shown));
    }
    static char text[4000];
    memset(text, 'x', sizeof text);
    wr_value v = wr_string((wr_str){text, sizeof text});
    wr_buf_clear(&out);
    wr_show_value(&out, &v, &arena, WR_SQL_2016);
    CHECK("long", wr_str_ends(wr_buf_str(&out), S("…\" (4000 bytes)")) && out.len < 200);
    wr_buf_clear(&out);
    wr_show_string(&out, S("a\xff\xc3"));
    CHECK_STR("not UTF-8", wr_buf_str(&out), S("\"a\\xff\\xc3\""));
    wr_buf_clear(&out);
    wr_show_source(&out, S("a\n\t  AND   b"));
    CHECK_STR("source", wr_buf_str(&out), S("a AND b"));
    wr_buf_release(&out);
    wr_arena_release(&arena);
}

// ---- the program in words

static void listing(void **state)
{
    struct wr_program *p =
        compile("listing", "SET @a = 1 + 2 SELECT upper(get(x, 'y z')) AS u, VALUE FROM 'a' "
                           "WHERE aws_lambda('f', @a) = 5 AND get_or_default(b.c, 7) > 2");
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    struct wr_listing l;
    struct wr_listing_line line;
    struct wr_buf out = {0};
    CHECK_INT("listing", wr_listing_init(&l, p, &arena), WR_OK);
    for (size_t i = 0; i < wr_listing_count(&l); i++) {
        wr_listing_line(&l, i, &line);
        wr_buf_addf(&out, "%.*s|%s %.*s|%.*s|%.*s\n",
                    WR_STR_ARG(wr_listing_clause(&l, line.place.clause)), line.opcode,
                    WR_STR_ARG(line.operands), WR_STR_ARG(line.words),
                    WR_STR_ARG(line.place.source));
    }
    static const char *const wanted[] = {
        "SET @a|LOAD_CONST r0 3|r0 := constant 3.|1 + 2\n",
        "SET @a|STORE_VAR @a r0|SET variable @a := r0. Fails the rule when the variables pass "
        "their "
        "size limit.|1 + 2\n",
        "WHERE|LOOKUP r0 aws_lambda 2|r0 := look-up aws_lambda of the arguments (r0, r1); may "
        "suspend the message.|aws_lambda('f', @a)\n",
        "WHERE|REQUIRE_EQ r0 r1|Unless (r0 = r1) is true, end the program: no match.|"
        "aws_lambda('f', @a) = 5\n",
        "|LOAD_PATH r0 b.c|r0 := the payload value at b.c, decoded (and remembered decoded for the "
        "other rules).|b.c\n",
        "SELECT|CALL r1 upper 1|r1 := function upper of the arguments (r1).|upper(get(x, 'y z'))\n",
        "SELECT|RESULT r0 0|End: the rule matches with result r0.|\n",
    };
    for (size_t i = 0; i < WR_COUNT(wanted); i++) {
        if (wr_str_find(wr_buf_str(&out), Z(wanted[i])) < 0) {
            CASE_FAIL("listing", "no line\n%sin\n%.*s", wanted[i], WR_STR_ARG(wr_buf_str(&out)));
        }
    }
    const struct wr_listing_path *paths;
    CHECK_INT("paths", wr_listing_paths(&l, &paths), 3);
    CHECK_STR("paths", paths[0].text, S("b.c"));
    CHECK_STR("paths", paths[0].clauses, S("WHERE"));
    CHECK_STR("paths", paths[1].text, S("get(x, 'y z')"));
    const struct wr_listing_constant *constants;
    CHECK_INT("constants", wr_listing_constants(&l, &constants), 1);
    CHECK_STR("constants", constants[0].value, S("Int 3"));
    const struct wr_listing_lookup *lookups;
    CHECK_INT("look-ups", wr_listing_lookups(&l, &lookups), 1);
    CHECK_STR("look-ups", Z(lookups[0].function), S("aws_lambda"));
    CHECK_INT("look-ups", lookups[0].place.column, 71);
    CHECK_INT("guards", wr_listing_guard_count(&l), 1);
    wr_buf_release(&out);
    wr_program_free(p);
    wr_arena_release(&arena);
}

// ---- against the program

// Chance of the part is chance of the result, wherever it is drawn.
static void chance_agrees(void **state)
{
    struct wr_program *p = compile(
        "chance", "SET @a = rand() SELECT @a AS a, rand() AS b, CASE rand() < 2 WHEN true THEN "
                  "rand() END AS c, (SELECT VALUE newuuid() FROM l WHERE rand() < 2) AS d, "
                  "get_or_default(x, rand()) AS e, newuuid() AS f FROM 'a/b' WHERE rand() < 2");
    struct wr_sql_message m = message_of("{\"l\":[1,2]}");
    struct wr_values *v = wr_values_new(p, &m, NULL, false);
    CHECK_INT("chance", v->state, WR_EVAL_MATCHED);
    wr_value result;
    CHECK_INT("chance", wr_json_parse(v->output, &v->arena, WR_SQL_2016, &result, NULL), WR_OK);
    size_t count = 0;
    for (const struct wr_values_node *n = v->items; n; n = n->next, count++) {
        const wr_value *member = wr_object_get(&result, Z(n->role + 3));
        CHECK(n->role, member && wr_value_equal(member, &n->value, &v->arena, WR_SQL_2016));
    }
    CHECK_INT("chance", count, 6);
    const struct wr_values_node *row = v->items->next->next->next->kids->next;
    const wr_value *drawn = wr_object_get(&result, S("d"));
    CHECK("row",
          wr_value_equal(&drawn->as.items[0], &row->kids->next->value, &v->arena, WR_SQL_2016));
    wr_values_free(v);
    wr_program_free(p);
}

static size_t compared, nominated;

static bool object_of_aliases(const struct wr_program *p)
{
    const struct wr_query *q = &p->statement.select;
    bool plain = !q->value;
    for (uint32_t i = 0; i < q->item_count; i++) {
        plain &= q->items[i].has_alias && q->items[i].path_len == 1 && !q->items[i].all;
        for (uint32_t k = 0; plain && k < i; k++) { // the last of a name wins
            plain = !wr_str_eq(q->items[k].path[0], q->items[i].path[0]);
        }
    }
    return plain;
}

static void compare_items(const char *id, const struct wr_program *p, struct wr_values *v)
{
    wr_value result;
    enum wr_dialect dialect = wr_program_dialect(p);
    CHECK_INT(id, wr_json_parse(v->output, &v->arena, dialect, &result, NULL), WR_OK);
    for (const struct wr_values_node *n = v->items; n; n = n->next) {
        const wr_value *member = wr_object_get(&result, Z(n->role + 3));
        struct wr_buf got = {0}, want = {0};
        CHECK_INT(id, n->state, WR_VALUES_VALUE);
        wr_json_write(&got, &n->value, &v->arena, dialect);
        if (member) {
            wr_json_write(&want, member, &v->arena, dialect);
        }
        CHECK_STR(id, wr_buf_str(&got), wr_buf_str(&want));
        wr_buf_release(&got);
        wr_buf_release(&want);
        compared++;
    }
}

// Whether an atom, written as a condition, holds of the message. True for one that is no SQL: JSON
// escapes.
static bool atom_holds(const struct wr_atom *a, const struct wr_program *p,
                       const struct wr_sql_message *m)
{
    struct wr_buf sql = {0};
    struct wr_program_options options = {.sql_version = wr_program_version(p)};
    struct wr_program *q;
    wr_buf_add(&sql, S("SELECT 1 AS v WHERE "));
    if (a->kind == WR_ATOM_EXISTS) {
        wr_buf_addf(&sql, "%.*s = %.*s", WR_STR_ARG(a->path), WR_STR_ARG(a->path));
    } else {
        wr_atom_write(a, &sql);
    }
    bool escaped = a->constant.len && memchr(a->constant.at, '\\', a->constant.len);
    if (a->kind == WR_ATOM_ALL || escaped || wr_program_new(wr_buf_str(&sql), &options, &q, NULL)) {
        wr_buf_release(&sql);
        return true;
    }
    CHECK_INT("atom", wr_program_seal(q, NULL), WR_OK);
    struct wr_values *v = wr_values_new(q, m, NULL, true);
    bool holds = v->state == WR_EVAL_MATCHED;
    wr_values_free(v);
    wr_program_free(q);
    wr_buf_release(&sql);
    nominated++;
    return holds;
}

// An index by these atoms would not have lost the rule.
static void nominates(const char *id, const struct wr_program *p, const struct wr_sql_message *m)
{
    struct wr_arena arena;
    wr_arena_init(&arena, ARENA_LIMIT);
    struct wr_atoms atoms = wr_atoms_of(p, &arena);
    bool holds = false;
    for (size_t i = 0; i < atoms.count && !holds; i++) {
        holds = atom_holds(&atoms.at[i], p, m);
    }
    CHECK(id, holds);
    wr_arena_release(&arena);
}

static uint32_t seed = 1;

static uint32_t chance(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 16) % below;
}

static void random_condition(struct wr_buf *sql, int depth)
{
    static const char *const paths[] = {"a", "b", "c.d"};
    static const char *const constants[] = {"1",    "30",     "'x'",     "'30'", "NULL",
                                            "TRUE", "'true'", "10 + 20", "-1"};
    static const char *const signs[] = {"=", "<>", "<", "<=", ">", ">="};
    const char *path = paths[chance(WR_COUNT(paths))];
    const char *constant = constants[chance(WR_COUNT(constants))];
    const char *sign = signs[chance(WR_COUNT(signs))];
    switch (depth > 0 ? chance(8) : 4 + chance(4)) {
    case 0:
    case 1:
        wr_buf_add(sql, S("NOT ("));
        random_condition(sql, depth - 1);
        break;
    case 2:
    case 3:
        wr_buf_add_char(sql, '(');
        random_condition(sql, depth - 1);
        wr_buf_add(sql, chance(2) ? S(") AND (") : S(") OR ("));
        random_condition(sql, depth - 1);
        break;
    case 4:
        wr_buf_addf(sql, "(%s IN [%s, 30, 'x']", path, constant);
        break;
    case 5:
        wr_buf_addf(sql, "(%s", path);
        break;
    case 6:
        wr_buf_addf(sql, "(%s %s %s", constant, sign, path);
        break;
    default:
        wr_buf_addf(sql, "(%s %s %s", path, sign, constant);
        break;
    }
    wr_buf_add_char(sql, ')');
}

static void random_payload(struct wr_buf *out)
{
    static const char *const values[] = {"1",     "30",       "\"x\"", "\"30\"", "null", "true",
                                         "false", "\"TRUE\"", "31.5",  "[1]",    "{}",   "-1"};
    static const char *const members[] = {"\"a\":", "\"b\":", "\"c\":{\"d\":"};
    wr_buf_add_char(out, '{');
    for (size_t i = 0; i < WR_COUNT(members); i++) {
        if (chance(4)) {
            wr_buf_addf(out, "%s%s%s%s", out->len > 1 ? "," : "", members[i],
                        values[chance(WR_COUNT(values))], i == 2 ? "}" : "");
        }
    }
    wr_buf_add_char(out, '}');
}

// Whatever WHERE is true of, an atom holds of.
static void atoms_lose_nothing(void **state)
{
    struct wr_buf sql = {0}, payload = {0};
    size_t matched = 0;
    for (int i = 0; i < 4000; i++) {
        wr_buf_clear(&sql);
        wr_buf_clear(&payload);
        wr_buf_add(&sql, S("SELECT 1 AS v FROM 'a/b' WHERE "));
        random_condition(&sql, 3);
        random_payload(&payload);
        const char *name = wr_buf_terminated(&sql);
        struct wr_program *p = compile(name, name);
        struct wr_sql_message m = message_of(wr_buf_terminated(&payload));
        struct wr_values *v = wr_values_new(p, &m, NULL, true);
        if (v->state == WR_EVAL_MATCHED) {
            matched++;
            nominates(name, p, &m);
        }
        wr_values_free(v);
        wr_program_free(p);
    }
    CHECK("some match", matched > 500 && nominated > 500);
    wr_buf_release(&sql);
    wr_buf_release(&payload);
}

static void compare_case(wr_str text, struct wr_arena *arena)
{
    struct wr_line line;
    struct wr_fault fault = {0};
    CHECK_INT("line", wr_line_read(text, arena, &line, &fault), WR_OK);
    const char *id = wr_line_text(&line.object, "id", arena).at;
    wr_str sql = wr_line_text(&line.object, "sql", arena);
    wr_str template = wr_line_text(&line.object, "template", arena);
    struct wr_program_options options = {.sql_version =
                                             wr_line_text(&line.object, "sqlVersion", arena)};
    struct wr_program *p;
    uint32_t template_id;
    if (!sql.at || wr_program_new(sql, &options, &p, NULL)) {
        return;
    }
    if ((template.at && wr_program_add_template(p, template, &template_id, NULL)) ||
        wr_program_seal(p, NULL)) {
        wr_program_free(p);
        return;
    }
    struct wr_case c;
    CHECK_INT(id, wr_case_init(&c, p, &line, arena, &fault), WR_OK);
    struct wr_values *v = wr_values_new(p, &c.message, &c.host.host, false);
    enum wr_eval_state ran = wr_eval_run(&c.eval);
    CHECK_INT(id, v->state, ran);
    bool chance = wr_str_find(sql, S("rand")) >= 0 || wr_str_find(sql, S("newuuid")) >= 0;
    if (ran == WR_EVAL_MATCHED && !chance) {
        wr_str bytes;
        bool json;
        CHECK_INT(id, wr_eval_output(&c.eval, &bytes, &json), WR_OK);
        CHECK_STR(id, v->output, bytes);
    }
    if (ran == WR_EVAL_MATCHED && object_of_aliases(p)) {
        compare_items(id, p, v);
    }
    if (ran == WR_EVAL_NO_MATCH) {
        CHECK(id, v->stopped_by);
    } else if (ran == WR_EVAL_MATCHED) {
        nominates(id, p, &c.message);
    }
    wr_str expanded;
    if (template.at && wr_case_template(&c, template_id, &expanded, NULL) && !chance) {
        CHECK_STR(id, v->templates[0].expanded, expanded);
    }
    wr_values_free(v);
    wr_case_release(&c);
    wr_program_free(p);
}

static void compare_file(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *in = fopen(path, "re");
    CHECK(path, in != NULL);
    struct wr_arena arena;
    wr_arena_init(&arena, 256u << 20);
    char *bytes = NULL;
    size_t cap = 0;
    ssize_t len;
    while ((len = getline(&bytes, &cap, in)) >= 0) {
        if (len > 1) {
            compare_case((wr_str){bytes, (size_t)len}, &arena);
        }
        wr_arena_reset(&arena);
    }
    free(bytes);
    fclose(in);
    wr_arena_release(&arena);
}

static void agrees_with_the_corpus(void **state)
{
    DIR *d = opendir(folder);
    CHECK(folder, d != NULL);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (wr_str_ends(Z(e->d_name), S(".jsonl"))) {
            compare_file(e->d_name);
        }
    }
    closedir(d);
    CHECK("items compared", compared > 1000);
    wr_zones_release();
}

// ---- bounds

static void large_statements(void **state)
{
    struct wr_buf sql = {0};
    wr_buf_add(&sql, S("SELECT a FROM 'a/b' WHERE a > 0"));
    for (int i = 0; i < 3000; i++) {
        wr_buf_addf(&sql, " AND a > %d", -i);
    }
    wr_buf_add(&sql, S(" AND b = 1"));
    struct wr_program *p = compile("many terms", wr_buf_terminated(&sql));
    struct wr_sql_message m = message_of("{\"a\":1}");
    struct wr_values *v = wr_values_new(p, &m, NULL, false);
    CHECK_INT("many terms", v->state, WR_EVAL_NO_MATCH);
    CHECK("many terms", v->shown <= 2 * WR_VALUES_SHOWN_MAX && v->left_out > 0);
    wr_values_free(v);
    wr_program_free(p);
    wr_buf_clear(&sql);
    wr_buf_add(&sql, S("SELECT "));
    for (int i = 0; i < 250; i++) {
        wr_buf_add(&sql, S("(1 + "));
    }
    wr_buf_add(&sql, S("a"));
    for (int i = 0; i < 250; i++) {
        wr_buf_add(&sql, S(")"));
    }
    wr_buf_add(&sql, S(" AS v FROM 'a/b'"));
    p = compile("deep", wr_buf_terminated(&sql));
    v = wr_values_new(p, &m, NULL, false);
    CHECK_STR("deep", v->output, S("{\"v\":251}"));
    wr_values_free(v);
    wr_program_free(p);
    wr_buf_release(&sql);
}

int main(int argc, char **argv)
{
    folder = argc > 1 ? argv[1] : "tests/corpus";
    static const struct CMUnitTest tests[] = {
        T(nearest_keys),
        T(nearest_keys_are_bounded),
        T(topic_levels),
        T(deciding_terms),
        T(blamed_terms),
        T(reasons),
        T(raw_payloads),
        T(atoms),
        T(short_forms),
        T(listing),
        T(chance_agrees),
        T(atoms_lose_nothing),
        T(agrees_with_the_corpus),
        T(large_statements),
    };
    return TEST_MAIN(tests);
}
