// Statements and payloads that make an evaluation as long as they can: for
// tests/unit/test_bounds.c, which wants each to end within its limits, and bench/micro/fuel.c,
// which says what a step takes. Include it in exactly one file of the executable.
#ifndef WR_TESTS_SUPPORT_WORST_H
#define WR_TESTS_SUPPORT_WORST_H

#include "sql/base/buf.h"
#include "sql/sql.h"

#include <stdlib.h>
#include <string.h>

// How the evaluation ends, of statement and output.
enum worst_end { WORST_DONE, WORST_FUEL, WORST_MEMORY, WORST_VARIABLES };

// A payload is written like this: `<COUNT*TEXT>` is TEXT so many times, with commas between them
// when TEXT begins with a comma. `#` in TEXT is the number of the repetition.
struct worst {
    const char *name, *sql, *payload;
    enum worst_end end;
    uint64_t
        least; // steps that it must be charged, so that no work is for nothing; 0: all of the fuel
};

// `(SELECT VALUE x FROM (SELECT VALUE x FROM … ))`: names double a structure that is shared.
#define DOUBLE4(x)                                                                              \
    "(SELECT VALUE [*,*] FROM (SELECT VALUE [*,*] FROM (SELECT VALUE [*,*] FROM (SELECT VALUE " \
    "[*,*] FROM " x "))))"
#define DOUBLE16(x) DOUBLE4(DOUBLE4(DOUBLE4(DOUBLE4(x))))
#define DOUBLE64(x) DOUBLE16(DOUBLE16(DOUBLE16(DOUBLE16(x))))

#define ROWS        "\"a\":[0<9999*,#>]"
#define FOR_ROWS(x) "SET @s = s, @a = a SELECT (SELECT VALUE " x " FROM @a) AS r FROM 'a'"
#define LONG        "{\"s\":\"<60000*x>\"," ROWS "}"

static const struct worst worst_cases[] = {
    // ---- loops
    {"nested queries, 10,000 by 10,000",
     "SET @a = a SELECT (SELECT VALUE (SELECT VALUE 1 FROM @a) FROM @a) AS r FROM 'a'",
     "{" ROWS "}", WORST_FUEL, 0},
    {"EXISTS that looks at all, 10,000 by 10,000",
     "SET @a = a SELECT (SELECT VALUE 1 FROM @a WHERE EXISTS (SELECT VALUE 1 FROM @a AS b WHERE b "
     "= -1)) "
     "AS r FROM 'a'",
     "{" ROWS "}", WORST_FUEL, 0},
    {"IN with 10,000 items for 10,000 rows",
     "SET @a = a SELECT (SELECT VALUE 1 FROM @a AS x WHERE x IN @a) AS r FROM 'a'", "{" ROWS "}",
     WORST_FUEL, 0},
    {"IN of texts that differ at the end",
     "SET @a = a SELECT (SELECT VALUE 1 FROM @a AS x WHERE concat(x, '') IN @a) AS r FROM 'a'",
     "{\"a\":[\"x\"<400*,\"<200*x>#\">]}", WORST_DONE, 900000},
    {"a long body for each row",
     "SET @a = a SELECT (SELECT VALUE x + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + "
     "1 + 1 + "
     "1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 FROM (SELECT VALUE 1 FROM @a) "
     "AS x) AS "
     "r FROM 'a'",
     "{" ROWS "}", WORST_DONE, 300000},
    {"a member of a large object for each row",
     "SET @o = o, @a = a SELECT (SELECT VALUE get(@o, 'k4999') FROM @a) AS r FROM 'a'",
     "{\"o\":{\"k\":1<4999*,\"k#\":#>}," ROWS "}", WORST_FUEL, 0},
    {"a path into a large object, often",
     "SELECT (SELECT VALUE o.k9999 + o.k9998 + o.k9997 + o.k9996 + o.k9995 FROM a) AS r FROM 'a'",
     "{\"a\":[{\"o\":{\"k\":1<9999*,\"k#\":#>}}<100*,{\"o\":{\"k\":1<30*,\"k#\":#>}}>]}",
     WORST_DONE, 50000},
    {"the last character of a text for each row", FOR_ROWS("get(@s, 59000)"), LONG, WORST_FUEL, 0},
    // ---- growth
    {"concat of a long text",
     "SELECT length(concat(a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a)) AS r FROM 'a'",
     "{\"a\":\"<500000*x>\"}", WORST_DONE, 1000000},
    {"concat beyond the memory", "SELECT (SELECT VALUE concat(s,s,s,s) FROM a) AS r FROM 'a'",
     "{\"a\":[{\"s\":\"x\"}<40*,{\"s\":\"<500000*x>\"}>]}", WORST_FUEL, 0},
    {"replace that grows", "SELECT length(replace(a, 'x', replace('<1>', '1', a))) AS r FROM 'a'",
     "{\"a\":\"<20000*x>\"}", WORST_MEMORY, 1000},
    {"replace of the empty text", "SELECT length(replace(a, '', 'yy')) AS r FROM 'a'",
     "{\"a\":\"<400000*x>\"}", WORST_DONE, 3000000},
    {"replace of every character", "SELECT length(replace(a, 'x', 'yy')) AS r FROM 'a'",
     "{\"a\":\"<400000*x>\"}", WORST_DONE, 3000000},
    {"lpad for each row", FOR_ROWS("length(lpad(@s, 1000))"), LONG, WORST_FUEL, 0},
    {"a sum of texts that grows",
     "SET @a = a SELECT (SELECT VALUE @a + @a + @a + @a FROM b) AS r FROM 'a'",
     "{\"a\":\"<100000*x>\",\"b\":[0<9999*,#>]}", WORST_MEMORY, 1000000},
    {"an array that doubles 64 times", "SELECT 1 = length(" DOUBLE64("b") ") AS r FROM 'a'",
     "{\"b\":[1]}", WORST_FUEL, 0},
    {"two shared arrays compared",
     "SET @a = b SELECT (SELECT VALUE " DOUBLE64("c") " = " DOUBLE64("c") " FROM @a) AS r FROM 'a'",
     "{\"b\":[{\"c\":[1]}]}", WORST_FUEL, 0},
    {"a shared array that is looked for",
     "SELECT " DOUBLE64("b") " IN [1, " DOUBLE64("b") "] AS r FROM 'a'", "{\"b\":[1]}", WORST_FUEL,
     0},
    {"a shared array for CASE",
     "SELECT CASE " DOUBLE64("b") " WHEN " DOUBLE64("b") " THEN 1 ELSE 2 END AS r FROM 'a'",
     "{\"b\":[1]}", WORST_FUEL, 0},
    {"a shared array in WHERE", "SELECT 1 AS r FROM 'a' WHERE " DOUBLE64("b") " = " DOUBLE64("b"),
     "{\"b\":[1]}", WORST_FUEL, 0},
    {"a default does not help", "SELECT get_or_default(length(" DOUBLE64("b") "), 1) AS r FROM 'a'",
     "{\"b\":[1]}", WORST_FUEL, 0},
    {"a shared array as the result", "SELECT VALUE " DOUBLE64("b") " FROM 'a'", "{\"b\":[1]}",
     WORST_FUEL, 0},
    {"a shared array of what is left out, as the result", "SELECT VALUE " DOUBLE16("b") " FROM 'a'",
     "{\"b\":[[1e99999<9999*,1e99999>]]}", WORST_FUEL, 0},
    {"a shared array for transform",
     "SELECT transform('enrichArray', {'k': " DOUBLE64("b") "}, a) AS r FROM 'a'",
     "{\"b\":[1],\"a\":[{}]}", WORST_DONE, 100000},
    {"a shared array in a variable", "SET @v = " DOUBLE64("b") " SELECT 1 AS r FROM 'a'",
     "{\"b\":[1]}", WORST_VARIABLES, 100000},
    {"an array as text for each row", FOR_ROWS("numbytes(@a)"), "{\"s\":1," ROWS "}", WORST_FUEL,
     0},
    {"objects compared for each row",
     "SET @a = a, @b = b SELECT (SELECT VALUE 1 FROM @b WHERE @a = @a) AS r FROM 'a'",
     "{\"a\":{\"k\":1<5000*,\"k#\":[#]>},\"b\":[0<9999*,#>]}", WORST_FUEL, 0},
    {"objects in another order",
     "SET @a = a SELECT (SELECT VALUE 1 FROM @a WHERE x = y) AS r FROM 'a'",
     "{\"a\":[1<200*,{\"x\":{\"a\":1,\"b\":2,\"c\":3},\"y\":{\"c\":3,\"b\":2,\"a\":1}}>]}",
     WORST_DONE, 10000},
    // ---- functions, each on a long text for up to 10,000 rows
    {"upper", FOR_ROWS("length(upper(@s))"), "{\"s\":\"<10000*é>\"," ROWS "}", WORST_FUEL, 0},
    {"trim", FOR_ROWS("trim(@s)"), "{\"s\":\"<60000* >\"," ROWS "}", WORST_FUEL, 0},
    {"startswith", FOR_ROWS("startswith(@s, @s)"), LONG, WORST_FUEL, 0},
    {"endswith", FOR_ROWS("endswith(@s, @s)"), LONG, WORST_FUEL, 0},
    {"equal texts", FOR_ROWS("concat(@s, 'a') = concat(@s, 'b')"), LONG, WORST_FUEL, 0},
    {"indexof", FOR_ROWS("indexof(@s, 'xxxxxxxxxxxxxxxy')"), LONG, WORST_FUEL, 0},
    {"indexof of half a text",
     "SET @s = s, @t = t, @a = a SELECT (SELECT VALUE indexof(@s, @t) FROM @a) AS r FROM 'a'",
     "{\"s\":\"<50000*x>\",\"t\":\"<12000*x>y<12000*x>\",\"a\":[0<2000*,#>]}", WORST_FUEL, 0},
    {"length", FOR_ROWS("length(@s)"), "{\"s\":\"<30000*é>\"," ROWS "}", WORST_FUEL, 0},
    {"substring", FOR_ROWS("substring(@s, 29990)"), "{\"s\":\"<30000*é>\"," ROWS "}", WORST_FUEL,
     0},
    {"numeric text", FOR_ROWS("@s * 1"), "{\"s\":\"<60000*1>\"," ROWS "}", WORST_FUEL, 0},
    {"encode", FOR_ROWS("numbytes(encode(@s, 'base64'))"), LONG, WORST_FUEL, 0},
    {"decode", FOR_ROWS("decode(@s, 'base64')"), "{\"s\":\"<15000*WzFd>\"," ROWS "}", WORST_FUEL,
     0},
    {"decode of JSON",
     FOR_ROWS("decode(encode(concat('[', '0', ',0', ',0', ',0', ',0', ',0', ',0', ',0', ']'), "
              "'base64'), 'base64')"),
     "{\"s\":1," ROWS "}", WORST_DONE, 1000000},
    {"sha512", FOR_ROWS("sha512(@s)"), LONG, WORST_FUEL, 0},
    {"md2", FOR_ROWS("md2(@s)"), LONG, WORST_FUEL, 0},
    {"transform",
     "SET @a = a SELECT (SELECT VALUE transform('enrichArray', {'k': 1}, @a) FROM @a) AS r FROM "
     "'a'",
     "{\"a\":[{}<999*,{\"x\":#}>]}", WORST_FUEL, 0},
    {"regexp_replace", FOR_ROWS("numbytes(regexp_replace(@s, 'x', 'yy'))"), LONG, WORST_FUEL, 0},
    {"a regular expression at its limit", FOR_ROWS("regexp_matches(@s, '(a+)+$')"),
     "{\"s\":\"<60000*a>!\"," ROWS "}", WORST_FUEL, 0},
    {"parse_time", FOR_ROWS("parse_time('EEEE d MMMM yyyy HH:mm:ss.SSS ZZ', 1700000000000)"),
     "{\"s\":1," ROWS "}", WORST_DONE, 1000000},
    {"time_to_epoch", FOR_ROWS("time_to_epoch('2023-11-14 22:13:20', 'yyyy-MM-dd HH:mm:ss')"),
     "{\"s\":1," ROWS "}", WORST_DONE, 1000000},
    {"topic levels", FOR_ROWS("topic(1)"), "{\"s\":1," ROWS "}", WORST_DONE, 100000},
    // ---- numbers, 10,000 of each
    {"large Int division", "SET @n = n SELECT (SELECT VALUE a / @n FROM a AS a) AS r FROM 'a'",
     "{\"n\":7777777777777777777777,\"a\":[1<9999*,9999999999999999999999999999#>]}", WORST_DONE,
     900000},
    {"decimal division", "SET @n = n SELECT (SELECT VALUE a / @n FROM a AS a) AS r FROM 'a'",
     "{\"n\":7.3,\"a\":[1<9999*,9999999999999999999999.99#1>]}", WORST_DONE, 900000},
    {"remainder over 2,000 decades",
     "SET @n = n SELECT (SELECT VALUE a % @n FROM a AS a) AS r FROM 'a'",
     "{\"n\":7.3e-999,\"a\":[1<9999*,9.99#e998>]}", WORST_FUEL, 0},
    {"1e999 and more", "SELECT (SELECT VALUE floor(a) + ceil(a) * a FROM a AS a) AS r FROM 'a'",
     "{\"a\":[1<9999*,9.99#e999>]}", WORST_DONE, 900000},
    {"bits of 34 digits",
     "SET @n = n SELECT (SELECT VALUE bitxor(bitnot(a), @n) FROM a AS a) AS r FROM 'a'",
     "{\"n\":7777777777777777777777777777777777,\"a\":[1<9999*,999999999999999999999999999999#>]}",
     WORST_DONE, 600000},
    {"exp", "SELECT (SELECT VALUE exp(a) FROM a AS a) AS r FROM 'a'", "{\"a\":[1<9999*,-69#.5>]}",
     WORST_DONE, 3000000},
    {"sin of a large number", "SELECT (SELECT VALUE sin(a) FROM a AS a) AS r FROM 'a'",
     "{\"a\":[1<9999*,9.99#e300>]}", WORST_DONE, 3000000},
    {"power", "SELECT (SELECT VALUE power(a, 0.123456789) FROM a AS a) AS r FROM 'a'",
     "{\"a\":[1<9999*,9.99#e300>]}", WORST_DONE, 3000000},
    {"newuuid", "SELECT (SELECT VALUE newuuid() FROM a AS a) AS r FROM 'a'", "{\"a\":[1<9999*,1>]}",
     WORST_DONE, 2000000},
    {"numbers out of range",
     "SET @n = n SELECT (SELECT VALUE 1 FROM a AS a WHERE [a] IN @n) AS r FROM 'a'",
     "{\"n\":[1<9999*,1e99999>],\"a\":[1<9999*,1>]}", WORST_FUEL, 0},
    {"numbers of many digits",
     "SET @n = n SELECT (SELECT VALUE @n.n + 1 FROM a AS a) AS r FROM 'a'",
     "{\"n\":{\"n\":<30000*1>},\"a\":[1<9999*,1>]}", WORST_FUEL, 0},
    {"a text with escapes, again and again",
     "SET @n = n SELECT (SELECT VALUE length(@n.n) FROM a AS a) AS r FROM 'a'",
     "{\"n\":{\"n\":\"<10000*\\u00e9>\"},\"a\":[1<9999*,1>]}", WORST_FUEL, 0},
};

static inline void worst_payload(struct wr_buf *out, const char *p)
{
    while (*p) {
        if (*p != '<') {
            wr_buf_add_char(out, *p++);
            continue;
        }
        char *text;
        unsigned long count = strtoul(p + 1, &text, 10);
        text++; // the star
        const char *end = text;
        for (int open = 0; *end != '>' || open; end++) {
            open += (*end == '<') - (*end == '>');
        }
        struct wr_buf one = {0};
        char *copy = wr_strdup((wr_str){text, (size_t)(end - text)});
        worst_payload(&one, copy);
        free(copy);
        for (unsigned long i = 1; i <= count; i++) {
            for (size_t k = 0; k < one.len; k++) {
                if (one.at[k] == '#') {
                    wr_buf_add_u64(out, i);
                } else {
                    wr_buf_add_char(out, one.at[k]);
                }
            }
        }
        wr_buf_release(&one);
        p = end + 1;
    }
}

struct worst_result {
    enum worst_end end;
    bool other; // ended some other way
    uint64_t steps;
    struct wr_fault fault;
};

static inline struct worst_result worst_run(const struct worst *w, uint64_t fuel, size_t memory,
                                            wr_str payload)
{
    struct worst_result r = {0};
    struct wr_program_options options = {.sql_version = WR_STR("2016-03-23"), .fuel = fuel};
    struct wr_program *p = NULL;
    if (wr_program_new(wr_str_of(w->sql), &options, &p, &r.fault) || wr_program_seal(p, &r.fault)) {
        wr_program_free(p);
        r.other = true;
        return r;
    }
    const struct wr_program *programs[] = {p};
    struct wr_plan *plan = wr_plan_new(programs, 1);
    struct wr_arena arena;
    wr_arena_init(&arena, memory);
    struct wr_sql_message m = {.topic = WR_STR("a"), .payload = payload, .format_indicator = -1};
    struct wr_eval e = {0};
    r.other = wr_sql_message_read(&m, plan, &arena) != WR_OK || !m.json;
    if (!r.other) {
        wr_eval_start(&e, &m, 0, NULL);
        enum wr_eval_state state = wr_eval_run(&e);
        wr_str bytes;
        bool json;
        if (state == WR_EVAL_MATCHED && wr_eval_output(&e, &bytes, &json)) {
            state = WR_EVAL_FAILED;
        }
        r.steps = fuel - e.fuel_left;
        r.fault = e.fault;
        r.end = state != WR_EVAL_FAILED     ? WORST_DONE
                : e.why == WR_WHY_FUEL      ? WORST_FUEL
                : e.why == WR_WHY_MEMORY    ? WORST_MEMORY
                : e.why == WR_WHY_VARIABLES ? WORST_VARIABLES
                                            : WORST_DONE;
        r.other = state == WR_EVAL_FAILED && r.end == WORST_DONE;
    }
    wr_plan_free(plan);
    wr_program_free(p);
    wr_arena_release(&arena);
    return r;
}

#endif
