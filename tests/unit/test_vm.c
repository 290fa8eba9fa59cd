// Programs run end to end through sql.h: results, look-ups that answer late, guards, limits,
// damage.
#include "sql/sql.h"

#include "sql/explain.h"
#include "sql/program.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "sql/base/banned.h"

#define ARENA_LIMIT (16u << 20)

// A rule, a message and one evaluation.
struct bench {
    struct wr_arena arena;
    struct wr_program *p;
    struct wr_plan *plan;
    struct wr_sql_message m;
    struct wr_sql_host host;
    struct wr_eval e;
};

static struct wr_program *compile(const char *name, const char *sql, const char *version)
{
    struct wr_program *p;
    struct wr_fault fault = {0};
    struct wr_program_options options = {.sql_version = Z(version)};
    if (wr_program_new(Z(sql), &options, &p, &fault)) {
        CASE_FAIL(name, "does not compile: %s", fault.text);
    }
    return p;
}

static void setup(struct bench *b, const char *name, const char *sql, wr_str payload, size_t limit)
{
    memset(b, 0, sizeof *b);
    wr_arena_init(&b->arena, limit);
    b->p = compile(name, sql, "2016-03-23");
    CHECK_INT(name, wr_program_seal(b->p, NULL), WR_OK);
    b->plan = wr_plan_new((const struct wr_program *const *)&b->p, 1);
    b->host.account_id = S("123456789012");
    b->m = (struct wr_sql_message){.topic = S("a/b"), .payload = payload, .format_indicator = -1};
}

static enum wr_eval_state start(struct bench *b)
{
    if (wr_sql_message_read(&b->m, b->plan, &b->arena)) {
        return WR_EVAL_FAILED;
    }
    wr_eval_start(&b->e, &b->m, 0, &b->host);
    return wr_eval_run(&b->e);
}

static void teardown(struct bench *b)
{
    wr_plan_free(b->plan);
    wr_program_free(b->p);
    wr_arena_release(&b->arena);
}

static wr_str output(const char *name, struct bench *b)
{
    wr_str bytes;
    bool json;
    CHECK_INT(name, wr_eval_output(&b->e, &bytes, &json), WR_OK);
    return bytes;
}

// ---- look-ups

// A host that keeps the look-up until the test answers.
struct late {
    struct wr_lookup *pending;
    unsigned calls;
};

static void keep(void *user, struct wr_lookup *l)
{
    struct late *late = user;
    late->pending = l;
    late->calls++;
}

static void answer(struct late *late, wr_value v)
{
    late->pending->result = v;
    late->pending->answered = true;
}

static void refuse(struct late *late)
{
    wr_fault_set(&late->pending->fault, WR_ERR_FAILED, "the function failed");
    late->pending->failed = late->pending->answered = true;
}

static void late_answer_resumes(void **state)
{
    const char *name = "late answer";
    struct bench b;
    struct late late = {0};
    setup(&b, name,
          "SET @r = aws_lambda('f', {'n': n}) SELECT n, @r.x AS x, get_thing_shadow('t', 'role').y "
          "AS y "
          "FROM 'a/b' WHERE @r.x > 1",
          S("{\"n\":5}"), ARENA_LIMIT);
    b.host.user = &late;
    b.host.lookup = keep;
    CHECK_INT(name, start(&b), WR_EVAL_SUSPENDED);
    CHECK_INT(name, late.pending->kind, WR_LOOKUP_LAMBDA);
    CHECK_INT(name, late.pending->arg_count, 2);
    CHECK_STR(name, wr_value_text(&late.pending->args[0]), S("f"));
    CHECK_INT(name, wr_eval_run(&b.e), WR_EVAL_SUSPENDED); // not answered: nothing happens
    CHECK_INT(name, late.calls, 1);
    struct wr_member member = {S("x"), {.type = WR_NUMBER, .as.coef = 7}};
    answer(&late, (wr_value){.type = WR_OBJECT, .len = 1, .as.members = &member});
    CHECK_INT(name, wr_eval_run(&b.e), WR_EVAL_SUSPENDED);
    CHECK_INT(name, late.pending->kind, WR_LOOKUP_SHADOW);
    member.key = S("y");
    answer(&late, (wr_value){.type = WR_OBJECT, .len = 1, .as.members = &member});
    CHECK_INT(name, wr_eval_run(&b.e), WR_EVAL_MATCHED);
    CHECK_INT(name, late.calls, 2);
    teardown(&b);
}

static void two_messages_interleave(void **state)
{
    const char *name = "interleave";
    struct bench one, two;
    struct late first = {0}, second = {0};
    const char *sql = "SELECT aws_lambda('f', a) + a AS r FROM 'a/b'";
    setup(&one, name, sql, S("{\"a\":1}"), ARENA_LIMIT);
    setup(&two, name, sql, S("{\"a\":2}"), ARENA_LIMIT);
    one.host = (struct wr_sql_host){.user = &first, .lookup = keep};
    two.host = (struct wr_sql_host){.user = &second, .lookup = keep};
    CHECK_INT(name, start(&one), WR_EVAL_SUSPENDED);
    CHECK_INT(name, start(&two), WR_EVAL_SUSPENDED);
    answer(&second, (wr_value){.type = WR_NUMBER, .as.coef = 20});
    answer(&first, (wr_value){.type = WR_NUMBER, .as.coef = 10});
    CHECK_INT(name, wr_eval_run(&two.e), WR_EVAL_MATCHED);
    CHECK_INT(name, wr_eval_run(&one.e), WR_EVAL_MATCHED);
    CHECK_STR(name, output(name, &one), S("{\"r\":11}"));
    CHECK_STR(name, output(name, &two), S("{\"r\":22}"));
    teardown(&one);
    teardown(&two);
}

static const struct {
    const char *name, *sql;
    bool refused;
    enum wr_eval_state state;
    const char *output;
} failures[] = {
    {"failure fails the rule", "SELECT aws_lambda('f', 1) AS r FROM 'a'", true, WR_EVAL_FAILED,
     NULL},
    {"get_or_default catches", "SELECT get_or_default(aws_lambda('f', 1), 'd') AS r FROM 'a'", true,
     WR_EVAL_MATCHED, "{\"r\":\"d\"}"},
    {"get_or_default without default", "SELECT get_or_default(aws_lambda('f', 1)) AS r FROM 'a'",
     true, WR_EVAL_MATCHED, "{}"},
    {"the inner guard catches",
     "SELECT get_or_default(get_or_default(aws_lambda('f', 1), 1) + 1, 5) AS r FROM 'a'", true,
     WR_EVAL_MATCHED, "{\"r\":2}"},
    {"a failure outside of the guard",
     "SELECT get_or_default(missing, 1) AS a, aws_lambda('f', 1) AS r FROM 'a'", true,
     WR_EVAL_FAILED, NULL},
    {"in WHERE", "SELECT 1 AS one FROM 'a' WHERE aws_lambda('f', 1) = 4", false, WR_EVAL_MATCHED,
     "{\"one\":1}"},
    {"in a nested query", "SELECT (SELECT VALUE aws_lambda('f', x) FROM l) AS r FROM 'a'", false,
     WR_EVAL_MATCHED, "{\"r\":[4,4]}"},
    {"an earlier term that is false asks nobody",
     "SELECT 1 AS one FROM 'a' WHERE missing = 1 AND aws_lambda('f', 1) = 4", true,
     WR_EVAL_NO_MATCH, NULL},
};

static void lookup_failures(void **state)
{
    for (size_t i = 0; i < WR_COUNT(failures); i++) {
        const char *name = failures[i].name;
        struct bench b;
        struct late late = {0};
        setup(&b, name, failures[i].sql, S("{\"l\":[{\"x\":1},{\"x\":2}]}"), ARENA_LIMIT);
        b.host.user = &late;
        b.host.lookup = keep;
        enum wr_eval_state s = start(&b);
        while (s == WR_EVAL_SUSPENDED) {
            if (failures[i].refused) {
                refuse(&late);
            } else {
                answer(&late, (wr_value){.type = WR_NUMBER, .as.coef = 4});
            }
            s = wr_eval_run(&b.e);
        }
        CHECK_INT(name, s, failures[i].state);
        if (failures[i].output) {
            CHECK_STR(name, output(name, &b), Z(failures[i].output));
        }
        teardown(&b);
    }
}

// ---- limits

static void fuel_ends_long_loops(void **state)
{
    const char *name = "fuel";
    struct wr_buf payload = {0};
    wr_buf_add_char(&payload, '[');
    for (int i = 0; i < 20000; i++) {
        wr_buf_add(&payload, i ? S(",1") : S("1"));
    }
    wr_buf_add_char(&payload, ']');
    struct bench b;
    setup(&b, name,
          "SET @a = * SELECT (SELECT VALUE (SELECT VALUE 1 FROM @a AS y WHERE y = 2) FROM @a AS x) "
          "AS r "
          "FROM 'a'",
          wr_buf_str(&payload), ARENA_LIMIT);
    CHECK_INT(name, start(&b), WR_EVAL_FAILED);
    CHECK_INT(name, b.e.fault.code, WR_ERR_LIMIT);
    teardown(&b);
    wr_buf_release(&payload);
}

// Whatever allocation meets the arena's limit, the answer is the full one or a failure by limit.
static void every_allocation_may_fail(void **state)
{
    const char *sql =
        "SET @v = {'k': lower(s)} SELECT *, concat(s, d, '-') AS c, (SELECT n FROM l WHERE "
        "n > 0) AS q, @v.k AS x.y, topic(1) AS x.z, d * 12345678901234567890 AS big, "
        "regexp_replace(s, 'l+', '<$0>') AS re, [a, {'b': s}] AS arr FROM 'a/b' WHERE d > "
        "0.5 AND s <> 'zzz' AND d IN [1.5, 2.5]";
    wr_str payload = S("{\"s\":\"he\\u006clo\",\"d\":1.50,\"a\":[1,{\"z\":null}],\"l\":[{\"n\":1},"
                       "{\"n\":0},{\"n\":123456789012345678901234567890}]}");
    char expected[2048] = "";
    for (uint64_t n = 0;; n++) {
        char name[32];
        snprintf(name, sizeof name, "allocation %d", (int)n);
        struct bench b;
        setup(&b, name, sql, payload, ARENA_LIMIT);
        b.arena.fail_at = n;
        enum wr_eval_state s = start(&b);
        wr_str bytes = {NULL, 0};
        bool json;
        bool made = s == WR_EVAL_MATCHED && wr_eval_output(&b.e, &bytes, &json) == WR_OK;
        bool met = n > 0 && b.arena.fail_at == 0;
        if (n == 0) {
            CHECK(name, made);
            snprintf(expected, sizeof expected, "%.*s", WR_STR_ARG(bytes));
        } else if (!met) {
            CHECK(name, made);
            CHECK_STR(name, bytes, Z(expected));
            teardown(&b);
            CHECK(name, n > 20);
            return;
        } else if (made) {
            CHECK_STR(name, bytes, Z(expected));
        } else {
            CHECK(name, s == WR_EVAL_FAILED || s == WR_EVAL_MATCHED);
        }
        teardown(&b);
    }
}

// ---- damage

static void damaged_programs_are_refused(void **state)
{
    const char *sql = "SET @v = a SELECT b.c, lower(d) AS e, (SELECT f FROM g WHERE f > 2) AS h, "
                      "{'x': 1, 'y': a} "
                      "AS o FROM 'a' WHERE a > 1 AND get_or_default(aws_lambda('f', a), 1) = 1";
    struct wr_program *whole = compile("damage", sql, "2016-03-23");
    uint32_t len = whole->code.len;
    wr_program_free(whole);
    unsigned refused = 0;
    for (uint32_t at = 0; at < len * 4; at++) {
        char name[32];
        snprintf(name, sizeof name, "field %u", at);
        struct wr_program *p = compile(name, sql, "2016-03-23");
        uint16_t *field = &((uint16_t *)(void *)p->code.at)[at];
        *field = 0xffff;
        refused += wr_program_seal(p, NULL) != WR_OK;
        wr_program_free(p);
    }
    // Plain numbers (an argument's bits) may hold anything; everything else must be noticed.
    CHECK("damage", refused >= len * 4 - 3);
}

// ---- rows whose condition is known to NEXT_WHERE

static const char rows_of_all_kinds[] =
    "{\"r\":[{\"n\":1,\"v\":50},{\"n\":2,\"v\":50.0},{\"n\":3,\"v\":5e1},{\"n\":4,\"v\":\"50\"},"
    "{\"n\":5,\"v\":null},{\"n\":6},{\"v\":51,\"n\":7},{\"n\":8,\"v\":49.999},{\"n\":9,\"v\":{}},"
    "{\"n\":10,\"v\":[]},{\"n\":11,\"v\":-0},{\"n\":12,\"v\":1e-400},{\"n\":13,\"v\":1e1000},"
    "{\"n\":14,\"v\":50.000000000000000000000000000000001},{\"n\":15,\"v\":12345678901234567890},"
    "{\"n\":16,\"v\":true},{\"n\":17,\"v\":\"50\\u0030\"},50,\"x\",null,[],[{\"v\":60}],"
    "{\"v\":1,\"n\":18,\"v\":99},{\"n\":19,\"v\":50.10}]}";
static const char rows_alike[] =
    "{\"r\":[{\"n\":1,\"v\":50},{\"n\":2,\"v\":50.5},{\"n\":3,\"v\":49.9},{\"n\":4,\"v\":\"x\"},"
    "{\"n\":5,\"v\":-1},{\"n\":6,\"v\":null},{\"n\":7,\"v\":50.0},{\"n\":8,\"v\":1e9}]}";

// The result on the second of two equal messages, which is read by the shape of the first.
static void second_output(const char *name, const char *sql, const char *payload, bool plain,
                          struct wr_buf *out)
{
    struct bench b = {0};
    wr_arena_init(&b.arena, ARENA_LIMIT);
    b.p = compile(name, sql, "2016-03-23");
    unsigned tests = 0;
    for (uint32_t i = 0; i < b.p->code.len; i++) {
        tests += b.p->code.at[i].op == WR_OPC_NEXT_WHERE;
        if (plain && b.p->code.at[i].op == WR_OPC_NEXT_WHERE) {
            b.p->code.at[i].op = WR_OPC_NEXT;
        }
    }
    CHECK_INT(name, tests, 1);
    CHECK_INT(name, wr_program_seal(b.p, NULL), WR_OK);
    b.plan = wr_plan_new((const struct wr_program *const *)&b.p, 1);
    for (int i = 0; i < 2; i++) {
        wr_arena_reset(&b.arena);
        b.e = (struct wr_eval){0};
        b.m =
            (struct wr_sql_message){.topic = S("a"), .payload = Z(payload), .format_indicator = -1};
        CHECK_INT(name, start(&b), WR_EVAL_MATCHED);
    }
    wr_buf_add(out, output(name, &b));
    teardown(&b);
}

static void rows_that_cannot_pass_are_left_out(void **state)
{
    static const char *const conditions[] = {"v = 50",  "v <> 50", "v < 50",   "v <= 50", "v > 50",
                                             "v >= 50", "v > -1",  "v = 50.1", "n >= 1.5"};
    static const char *const payloads[] = {rows_of_all_kinds, rows_alike, "{\"r\":{\"v\":50}}",
                                           "{\"r\":[]}", "{\"r\":5}"};
    for (size_t i = 0; i < WR_COUNT(conditions); i++) {
        for (size_t k = 0; k < WR_COUNT(payloads); k++) {
            char sql[160];
            snprintf(sql, sizeof sql,
                     "SELECT (SELECT n, v, x FROM r WHERE %s) AS rows, r AS as_it_was FROM 'a'",
                     conditions[i]);
            struct wr_buf got = {0}, want = {0};
            second_output(sql, sql, payloads[k], false, &got);
            second_output(sql, sql, payloads[k], true, &want);
            CHECK_STR(sql, wr_buf_str(&got), wr_buf_str(&want));
            wr_buf_release(&got);
            wr_buf_release(&want);
        }
    }
    struct wr_buf got = {0};
    second_output("alike", "SELECT VALUE (SELECT VALUE n FROM r WHERE v >= 50) FROM 'a'",
                  rows_alike, false, &got);
    CHECK_STR("alike", wr_buf_str(&got), S("[1,2,7,8]"));
    wr_buf_release(&got);
}

// Only the four instructions that it knows may follow it.
static void row_tests_are_verified(void **state)
{
    static const struct {
        uint32_t at; // behind NEXT_WHERE
        struct wr_ins ins;
    } damages[] = {
        {1, {WR_OPC_INDEX, 4, 3, 4}},      {1, {WR_OPC_MEMBER, 4, 2, 0}},
        {2, {WR_OPC_LOAD_CONST, 4, 0, 0}}, {2, {WR_OPC_LOAD_CONST, 5, 1, 0}},
        {3, {WR_OPC_ADD, 4, 4, 5}},        {3, {WR_OPC_GT, 4, 5, 4}},
        {4, {WR_OPC_JUMP, 0, 0, 0}},       {4, {WR_OPC_JUMP_NOT_TRUE, 5, 0, 0}},
    };
    const char *sql = "SELECT 't' AS k, (SELECT v FROM r WHERE v > 50) AS o FROM 'a'";
    for (size_t i = 0; i <= WR_COUNT(damages); i++) {
        struct wr_program *p = compile("row test", sql, "2016-03-23");
        uint32_t next = 0;
        while (p->code.at[next].op != WR_OPC_NEXT_WHERE) {
            next++;
        }
        if (i < WR_COUNT(damages)) {
            struct wr_ins *ins = &p->code.at[next + damages[i].at];
            uint16_t back = ins->c;
            *ins = damages[i].ins;
            ins->c = damages[i].at == 4 ? back : ins->c;
        }
        char name[32];
        snprintf(name, sizeof name, "damage %zu", i);
        CHECK_INT(name, wr_program_seal(p, NULL), i < WR_COUNT(damages) ? WR_ERR_CORRUPT : WR_OK);
        wr_program_free(p);
    }
}

// ---- slim programs

static const struct {
    const char *sql, *template;
} slim_cases[] = {
    {"SELECT device, temp * 2 AS twice, 'k1' AS k FROM 'a/+' WHERE device = 'd1' AND temp > 1", ""},
    {"SELECT device, temp * 2 AS twice, 'k2' AS k FROM 'a/+' WHERE device = 'd2' AND temp > 5",
     "t/${device}/${upper(get(list, 0).x)}"},
    {"SELECT *, topic(1) AS t FROM 'a/+'", "constant"},
    {"SET @v = 12345678901234567890123 SELECT @v AS v, {'a': [1, 'x', {'b': 1e40}]} AS o, "
     "(SELECT x FROM list WHERE x > 1) AS rows FROM 'a/+' WHERE device IN ['d1', 'd\\u00fc', null]",
     "${temp}"},
    {"SELECT VALUE get_or_default(aws_lambda('f', 1), 'none') FROM 'it''s/+'", ""},
};

static void run_slim_case(size_t i, struct wr_program_pool *pool, struct wr_buf *out)
{
    struct bench b = {0};
    wr_arena_init(&b.arena, ARENA_LIMIT);
    const char *sql = slim_cases[i].sql;
    b.p = compile(sql, sql, "2016-03-23");
    uint32_t id;
    CHECK_INT(sql, wr_program_add_template(b.p, Z(slim_cases[i].template), &id, NULL), WR_OK);
    CHECK_INT(sql, wr_program_seal(b.p, NULL), WR_OK);
    if (pool) {
        b.p = wr_program_slim(b.p, Z(sql), pool);
    }
    b.plan = wr_plan_new((const struct wr_program *const *)&b.p, 1);
    b.m = (struct wr_sql_message){
        .topic = S("a/b"),
        .payload = S("{\"device\":\"d1\",\"temp\":4.5,\"list\":[{\"x\":1},{\"x\":2}]}"),
        .format_indicator = -1};
    enum wr_eval_state state = start(&b);
    wr_buf_addf(out, "%d %.*s %.*s ", (int)state, WR_STR_ARG(wr_program_filter(b.p)),
                WR_STR_ARG(wr_program_version(b.p)));
    if (state == WR_EVAL_MATCHED) {
        wr_buf_add(out, output(sql, &b));
        wr_eval_template(&b.e, id);
        wr_str text = {0};
        wr_eval_run(&b.e);
        CHECK_INT(sql, wr_eval_text(&b.e, &text, NULL), WR_OK);
        wr_buf_add(out, text);
    }
    for (size_t k = 0; k < wr_program_term_count(b.p); k++) {
        wr_buf_addf(out, " [%.*s]", WR_STR_ARG(wr_program_term(b.p, k)));
    }
    wr_str constant = {0};
    wr_buf_addf(out, " %u %d %.*s", wr_program_lookups(b.p),
                wr_program_template_constant(b.p, id, &constant), WR_STR_ARG(constant));
    teardown(&b);
}

static void slim_programs_do_the_same(void **state)
{
    struct wr_program_pool *pool = wr_program_pool_new();
    for (size_t i = 0; i < WR_COUNT(slim_cases); i++) {
        struct wr_buf got = {0}, want = {0};
        run_slim_case(i, pool, &got);
        run_slim_case(i, NULL, &want);
        CHECK_STR(slim_cases[i].sql, wr_buf_str(&got), wr_buf_str(&want));
        CHECK_INT(slim_cases[i].sql, wr_program_pool_count(pool), 0);
        wr_buf_release(&got);
        wr_buf_release(&want);
    }
    wr_program_pool_free(pool);
}

static void slim_programs_share(void **state)
{
    struct wr_program_pool *pool = wr_program_pool_new();
    struct wr_program *programs[300];
    char texts[300][96];
    for (size_t i = 0; i < WR_COUNT(programs); i++) {
        snprintf(texts[i], sizeof texts[i], "SELECT a FROM 't' WHERE %s = %zu", i % 3 ? "a" : "b.c",
                 i);
        programs[i] = compile(texts[i], texts[i], "2016-03-23");
        CHECK_INT(texts[i], wr_program_seal(programs[i], NULL), WR_OK);
        programs[i] = wr_program_slim(programs[i], Z(texts[i]), pool);
    }
    CHECK_INT("two kinds", wr_program_pool_count(pool), 2);
    wr_program_pool_free(pool); // the programs live on
    for (size_t i = 0; i < WR_COUNT(programs); i++) {
        CHECK_STR(texts[i], wr_program_term(programs[i], 0), Z(strchr(texts[i], 'W') + 6));
        wr_program_free(programs[i]);
    }
}

// No compiler makes these: [[[…]]] around itself, once for each row.
static const struct wr_ins nesting[] = {
    {WR_OPC_LOAD_PATH, 1, 0, 0}, {WR_OPC_ROWS, 1, 1, 8},       {WR_OPC_NEXT, 2, 1, 8},
    {WR_OPC_ARRAY_NEW, 3, 0, 0}, {WR_OPC_ARRAY_PUSH, 3, 0, 0}, {WR_OPC_ARRAY_DONE, 3, 0, 0},
    {WR_OPC_MOVE, 0, 3, 0},      {WR_OPC_JUMP, 0, 0, 2},       {WR_OPC_EQ, 4, 0, 0},
    {WR_OPC_RESULT, 0, 0, 0},
};
enum { JUMP_AT = 7, EQ_AT = 8 };

static void replace_code(struct wr_program *p)
{
    CHECK("room", p->code.cap >= WR_COUNT(nesting) || p->code.len >= WR_COUNT(nesting));
    memcpy(p->code.at, nesting, sizeof nesting);
    p->code.len = p->places.len = WR_COUNT(nesting);
    p->reg_count = 5;
}

static const char nesting_sql[] =
    "SELECT VALUE [a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a] FROM 'a'";

static void loops_pass_a_next(void **state)
{
    static const struct {
        struct wr_ins ins;
        bool good;
    } cases[] = {
        {{WR_OPC_JUMP, 0, 0, 2}, true},
        {{WR_OPC_JUMP_NOT_TRUE, 0, 0, 2}, true},
        {{WR_OPC_JUMP, 0, 0, 7}, false},
        {{WR_OPC_JUMP, 0, 0, 1}, false},
        {{WR_OPC_JUMP_UNDEFINED, 0, 0, 3}, false},
        {{WR_OPC_NEXT, 2, 1, 7}, true},
        {{WR_OPC_JUMP_PRESENT, 0, 0, 8}, true},
        {{WR_OPC_JUMP, 0, 0, 10}, false},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        char name[32];
        snprintf(name, sizeof name, "jump %zu", i);
        struct wr_program *p = compile(name, nesting_sql, "2016-03-23");
        replace_code(p);
        p->code.at[JUMP_AT] = cases[i].ins;
        CHECK_INT(name, wr_program_seal(p, NULL) == WR_OK, cases[i].good);
        wr_program_free(p);
    }
}

static void depth_of_values_is_limited(void **state)
{
    struct wr_buf rows = {0};
    wr_buf_add(&rows, S("{\"a\":[0"));
    for (int i = 0; i < WR_VALUE_DEPTH_MAX + 100; i++) {
        wr_buf_add(&rows, S(",0"));
    }
    wr_buf_add(&rows, S("]}"));
    for (int compared = 0; compared < 2; compared++) {
        struct bench b;
        setup(&b, "depth", nesting_sql, wr_buf_str(&rows), ARENA_LIMIT);
        replace_code(b.p);
        if (!compared) {
            b.p->code.at[EQ_AT] = (struct wr_ins){WR_OPC_MOVE, 4, 0, 0};
        }
        CHECK_INT("seal", wr_program_seal(b.p, NULL), WR_OK);
        wr_str bytes;
        bool json;
        CHECK_INT("run", start(&b), compared ? WR_EVAL_FAILED : WR_EVAL_MATCHED);
        if (!compared) {
            CHECK_INT("output", wr_eval_output(&b.e, &bytes, &json), WR_ERR_LIMIT);
        }
        teardown(&b);
    }
    wr_buf_release(&rows);
}

// ---- templates and texts

static const struct {
    const char *name, *text, *wanted;
    bool constant, undefined;
} templates[] = {
    {"constant", "plain $ {text}", "plain $ {text}", true, false},
    {"topic", "x/${topic(2)}/y", "x/b/y", false, false},
    {"two", "${n}${s}", "5str", false, false},
    {"missing is empty", "[${missing}]", "[]", false, true},
    {"variable", "${@v}", "10", false, false},
    {"object", "${o}", "{\"k\":[1,2]}", false, false},
    {"aliases are not visible", "${alias}", "", false, true},
};

static void templates_expand(void **state)
{
    struct wr_program *p = compile("templates", "SET @v = n * 2 SELECT n AS alias FROM 'a/b'", "");
    uint32_t ids[WR_COUNT(templates)];
    for (size_t i = 0; i < WR_COUNT(templates); i++) {
        CHECK_INT(templates[i].name,
                  wr_program_add_template(p, Z(templates[i].text), &ids[i], NULL), WR_OK);
        wr_str constant;
        CHECK_INT(templates[i].name, wr_program_template_constant(p, ids[i], &constant),
                  templates[i].constant);
    }
    CHECK_INT("seal", wr_program_seal(p, NULL), WR_OK);
    struct bench b = {.p = p};
    wr_arena_init(&b.arena, ARENA_LIMIT);
    b.plan = wr_plan_new((const struct wr_program *const *)&p, 1);
    b.m = (struct wr_sql_message){.topic = S("a/b"),
                                  .payload = S("{\"n\":5,\"s\":\"str\",\"o\":{ \"k\": [1, 2] }}")};
    CHECK_INT("run", start(&b), WR_EVAL_MATCHED);
    CHECK_STR("run", output("run", &b), S("{\"alias\":5}"));
    for (size_t i = 0; i < WR_COUNT(templates); i++) {
        wr_str text;
        bool undefined;
        wr_eval_template(&b.e, ids[i]);
        CHECK_INT(templates[i].name, wr_eval_run(&b.e), WR_EVAL_MATCHED);
        CHECK_INT(templates[i].name, wr_eval_text(&b.e, &text, &undefined), WR_OK);
        CHECK_STR(templates[i].name, text, Z(templates[i].wanted));
        CHECK_INT(templates[i].name, undefined, templates[i].undefined);
    }
    teardown(&b);
}

// One payload for programs of both versions: what one decodes must not change what the other sees.
static void versions_share_a_message(void **state)
{
    struct wr_program *p[2] = {compile("2015", "SELECT d, d / 4 AS q FROM 'a'", "2015-10-08"),
                               compile("2016", "SELECT d, d / 4 AS q FROM 'a'", "2016-03-23")};
    static const char *const wanted[2] = {"{\"d\":10.0,\"q\":2.5}", "{\"d\":10,\"q\":2}"};
    for (int order = 0; order < 2; order++) {
        struct wr_arena arena;
        wr_arena_init(&arena, ARENA_LIMIT);
        for (int i = 0; i < 2; i++) {
            CHECK_INT("seal", wr_program_seal(p[i], NULL), WR_OK);
        }
        struct wr_plan *plan = wr_plan_new((const struct wr_program *const *)p, 2);
        struct wr_sql_message m = {.topic = S("a"), .payload = S("{\"d\":10.0}")};
        CHECK_INT("read", wr_sql_message_read(&m, plan, &arena), WR_OK);
        for (int i = 0; i < 2; i++) {
            int which = order ? 1 - i : i;
            struct wr_eval e = {0};
            wr_str bytes;
            bool json;
            wr_eval_start(&e, &m, (size_t)which, NULL);
            CHECK_INT("run", wr_eval_run(&e), WR_EVAL_MATCHED);
            CHECK_INT("output", wr_eval_output(&e, &bytes, &json), WR_OK);
            CHECK_STR("shared", bytes, Z(wanted[which]));
        }
        wr_plan_free(plan);
        wr_arena_release(&arena);
    }
    wr_program_free(p[0]);
    wr_program_free(p[1]);
}

static void explains_the_deciding_term(void **state)
{
    struct bench b;
    setup(&b, "explain", "SELECT * FROM 'a/b' WHERE kind = 'hot' AND temp > 30 + 5",
          S("{\"kind\":\"hot\",\"temp\":25}"), ARENA_LIMIT);
    CHECK_INT("explain", start(&b), WR_EVAL_NO_MATCH);
    struct wr_buf out = {0};
    wr_explain_where(b.p, &b.m, &b.host, &out);
    CHECK_STR("explain", wr_buf_str(&out),
              S("decided by line 1, column 44: temp > 30 + 5 is false\n    temp is 25\n"));
    wr_buf_release(&out);
    teardown(&b);
}

static const struct {
    const char *name, *sql;
    bool needs;
    const char *what;
    uint32_t column;
} hosts[] = {
    {"nothing", "SELECT upper(a) AS b FROM 'a'", false, "", 0},
    {"a look-up", "SELECT 1 AS a FROM 'a' WHERE aws_lambda('f', 1) = 2", true, "aws_lambda", 30},
    {"Protobuf", "SELECT decode(*, 'proto', 'b', 'k', 'p', 'T') AS d FROM 'a'", false, "", 0},
    {"base64", "SELECT decode(a, 'base64') AS d FROM 'a'", false, "", 0},
};

static void needs_of_programs(void **state)
{
    for (size_t i = 0; i < WR_COUNT(hosts); i++) {
        struct wr_program *p = compile(hosts[i].name, hosts[i].sql, "2016-03-23");
        struct wr_fault fault = {0};
        CHECK_INT(hosts[i].name, wr_program_needs_host(p, &fault), hosts[i].needs);
        CHECK_STR(hosts[i].name, Z(fault.text), Z(hosts[i].what));
        CHECK_INT(hosts[i].name, fault.column, hosts[i].column);
        wr_program_free(p);
    }
}

// ---- terms of WHERE

static const struct {
    const char *name, *where, *payload;
    size_t count, term;
    const char *text; // of the term that decides
    bool undefined;
} terms[] = {
    {"one", "a > 1", "{\"a\":0}", 1, 0, "a > 1", false},
    {"one, absent", "a > 1", "{}", 1, 0, "a > 1", true},
    {"the first of three", "a = 1 AND b = 2 AND c = 3", "{\"a\":0}", 3, 0, "a = 1", false},
    {"the second", "a = 1 AND (b = 2) AND c = 3", "{\"a\":1,\"b\":3}", 3, 1, "b = 2", false},
    {"the last, absent", "a = 1 AND (b = 2 AND c = 3)", "{\"a\":1,\"b\":2}", 3, 2, "c = 3", true},
    {"OR is one term", "a = 1 AND (b = 2 OR c = 3)", "{\"a\":1}", 2, 1, "b = 2 OR c = 3", true},
    {"a Boolean", "a AND b", "{\"a\":true,\"b\":false}", 2, 1, "b", false},
    {"text that is a truth", "a AND b", "{\"a\":\"true\",\"b\":\"False\"}", 2, 1, "b", false},
    {"neither", "a", "{\"a\":1}", 1, 0, "a", true},
    {"behind variables", "@v = 2 AND b", "{\"b\":false}", 2, 1, "b", false},
    {"no JSON", "a = 1 AND b = 2", "text", 2, 0, "a = 1", true},
};

static void term_that_decides(void **state)
{
    for (size_t i = 0; i < WR_COUNT(terms); i++) {
        const char *name = terms[i].name;
        struct wr_buf sql = {0};
        wr_buf_addf(&sql, "SET @v = 2 SELECT 1 AS one FROM 'a/b' WHERE %s", terms[i].where);
        struct bench b;
        setup(&b, name, wr_buf_terminated(&sql), Z(terms[i].payload), ARENA_LIMIT);
        CHECK_INT(name, wr_program_term_count(b.p), terms[i].count);
        CHECK_INT(name, start(&b), WR_EVAL_NO_MATCH);
        CHECK_INT(name, wr_eval_term(&b.e), terms[i].term);
        CHECK_STR(name, wr_program_term(b.p, terms[i].term), Z(terms[i].text));
        CHECK_INT(name, b.e.undefined, terms[i].undefined);
        teardown(&b);
        wr_buf_release(&sql);
    }
    struct bench b;
    setup(&b, "no WHERE", "SELECT 1 AS one FROM 'a/b'", S("{}"), ARENA_LIMIT);
    CHECK_INT("no WHERE", wr_program_term_count(b.p), 0);
    teardown(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(term_that_decides),
        T(late_answer_resumes),
        T(two_messages_interleave),
        T(lookup_failures),
        T(fuel_ends_long_loops),
        T(every_allocation_may_fail),
        T(damaged_programs_are_refused),
        T(rows_that_cannot_pass_are_left_out),
        T(row_tests_are_verified),
        T(slim_programs_do_the_same),
        T(slim_programs_share),
        T(loops_pass_a_next),
        T(depth_of_values_is_limited),
        T(templates_expand),
        T(versions_share_a_message),
        T(explains_the_deciding_term),
        T(needs_of_programs),
    };
    return TEST_MAIN(tests);
}
