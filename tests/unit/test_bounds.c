// Evaluations that would take for ever end within their fuel and memory, each for its own reason,
// and what they do is paid for in steps. No clock is asked: a stall is a time-out of the test.
#include "tests/support/test.h"

#include "sql/program.h"
#include "tests/support/worst.h"

#include "sql/base/banned.h"

#define MEMORY (64u << 20) // message_memory

static const char *const ends[] = {"done", "fuel", "memory", "variables"};

static void check_end(const struct worst *w, struct worst_result r)
{
    if (r.other) {
        CASE_FAIL(w->name, "ended otherwise: %s", r.fault.text);
    }
    CHECK_STR(w->name, wr_str_of(ends[r.end]), wr_str_of(ends[w->end]));
    static const char *const texts[] = {"", "more steps than its limit (fuel)",
                                        "more memory than its limit (message_memory)",
                                        "variables hold more than 128 KiB"};
    CHECK(w->name, strstr(r.fault.text, texts[r.end]));
}

static void each_ends_within_its_limits(void **state)
{
    for (size_t i = 0; i < WR_COUNT(worst_cases); i++) {
        const struct worst *w = &worst_cases[i];
        struct wr_buf payload = {0};
        worst_payload(&payload, w->payload);
        struct worst_result r = worst_run(w, WR_SQL_FUEL_DEFAULT, MEMORY, wr_buf_str(&payload));
        check_end(w, r);
        uint64_t least = w->end == WORST_FUEL ? WR_SQL_FUEL_DEFAULT : w->least;
        if (r.steps < least) {
            CASE_FAIL(w->name, "paid for in %llu steps, expected %llu at least",
                      (unsigned long long)r.steps, (unsigned long long)least);
        }
        wr_buf_release(&payload);
    }
}

// The same steps each time; one less is too few.
static void fuel_is_exact(void **state)
{
    for (size_t i = 0; i < WR_COUNT(worst_cases); i++) {
        const struct worst *w = &worst_cases[i];
        if (w->end != WORST_DONE) {
            continue;
        }
        struct wr_buf payload = {0};
        worst_payload(&payload, w->payload);
        wr_str text = wr_buf_str(&payload);
        struct worst_result r = worst_run(w, WR_SQL_FUEL_DEFAULT, MEMORY, text);
        struct worst_result same = worst_run(w, r.steps, MEMORY, text);
        CHECK_INT(w->name, same.end, WORST_DONE);
        CHECK_INT(w->name, same.steps, r.steps);
        struct worst_result less = worst_run(w, r.steps - 1, MEMORY, text);
        CHECK_INT(w->name, less.end, WORST_FUEL);
        CHECK_INT(w->name, less.steps, r.steps - 1);
        wr_buf_release(&payload);
    }
}

// Whatever is cut short, nothing is made of it.
static void small_limits_end_it_early(void **state)
{
    static const uint64_t fuels[] = {1, 100, 1000, 20000, 123456};
    static const size_t memories[] = {64 << 10, 300 << 10, 2 << 20};
    for (size_t i = 0; i < WR_COUNT(worst_cases); i++) {
        const struct worst *w = &worst_cases[i];
        struct wr_buf payload = {0};
        worst_payload(&payload, w->payload);
        for (size_t k = 0; k < WR_COUNT(fuels); k++) {
            struct worst_result r = worst_run(w, fuels[k], MEMORY, wr_buf_str(&payload));
            CHECK(w->name, !r.other && r.steps <= fuels[k]);
            CHECK(w->name, r.end == WORST_FUEL || (r.end == w->end && r.steps < fuels[k]));
        }
        for (size_t k = 0; k < WR_COUNT(memories); k++) {
            struct worst_result r =
                worst_run(w, WR_SQL_FUEL_DEFAULT / 10, memories[k], wr_buf_str(&payload));
            CHECK(w->name, !r.other);
        }
        wr_buf_release(&payload);
    }
}

static void templates_have_the_same_limits(void **state)
{
    static const struct {
        const char *name, *text;
        enum wr_eval_why why;
    } cases[] = {
        {"a shared array", "x${" DOUBLE64("b") "}", WR_WHY_FUEL},
        {"compared", "${" DOUBLE64("b") " = " DOUBLE64("b") "}", WR_WHY_FUEL},
        {"a text that grows", "${replace(s, 'x', replace(s, 'x', s))}", WR_WHY_MEMORY},
    };
    struct wr_buf payload = {0};
    worst_payload(&payload, "{\"b\":[1],\"s\":\"<1000*x>\"}");
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_program_options options = {.sql_version = WR_STR("2016-03-23")};
        struct wr_program *p;
        struct wr_fault fault;
        uint32_t id;
        assert_int_equal(wr_program_new(S("SELECT 1 AS a FROM 'a'"), &options, &p, &fault), WR_OK);
        assert_int_equal(wr_program_add_template(p, wr_str_of(cases[i].text), &id, &fault), WR_OK);
        assert_int_equal(wr_program_seal(p, &fault), WR_OK);
        struct wr_plan *plan = wr_plan_new((const struct wr_program *const *)&p, 1);
        struct wr_arena arena;
        wr_arena_init(&arena, MEMORY);
        struct wr_sql_message m = {
            .topic = WR_STR("a"), .payload = wr_buf_str(&payload), .format_indicator = -1};
        struct wr_eval e = {0};
        assert_int_equal(wr_sql_message_read(&m, plan, &arena), WR_OK);
        wr_eval_start(&e, &m, 0, NULL);
        CHECK_INT(cases[i].name, wr_eval_run(&e), WR_EVAL_MATCHED);
        wr_eval_template(&e, id);
        CHECK_INT(cases[i].name, wr_eval_run(&e), WR_EVAL_FAILED);
        CHECK_INT(cases[i].name, e.why, cases[i].why);
        wr_plan_free(plan);
        wr_program_free(p);
        wr_arena_release(&arena);
    }
    wr_buf_release(&payload);
}

// A rule that has too little fuel for a part of the payload leaves it to those behind it.
static void rules_do_not_share_their_poverty(void **state)
{
    static const char *const sql[] = {"SELECT a FROM 'a'", "SELECT get(a, 9999) AS r FROM 'a'"};
    static const uint64_t fuel[] = {1000, 0};
    struct wr_program *p[2];
    struct wr_fault fault;
    struct wr_buf payload = {0};
    worst_payload(&payload, "{\"a\":[0<9999*,#>]}");
    for (size_t i = 0; i < 2; i++) {
        struct wr_program_options options = {.sql_version = WR_STR("2016-03-23"), .fuel = fuel[i]};
        assert_int_equal(wr_program_new(wr_str_of(sql[i]), &options, &p[i], &fault), WR_OK);
        assert_int_equal(wr_program_seal(p[i], &fault), WR_OK);
    }
    struct wr_plan *plan = wr_plan_new((const struct wr_program *const *)p, 2);
    struct wr_arena arena;
    wr_arena_init(&arena, MEMORY);
    struct wr_sql_message m = {
        .topic = WR_STR("a"), .payload = wr_buf_str(&payload), .format_indicator = -1};
    struct wr_eval e = {0};
    wr_str bytes;
    bool json;
    assert_int_equal(wr_sql_message_read(&m, plan, &arena), WR_OK);
    wr_eval_start(&e, &m, 0, NULL);
    bool failed = wr_eval_run(&e) == WR_EVAL_FAILED ||
                  (wr_eval_output(&e, &bytes, &json) && e.state == WR_EVAL_FAILED);
    CHECK("the first", failed);
    CHECK_INT("the first", e.why, WR_WHY_FUEL);
    wr_eval_start(&e, &m, 1, NULL);
    CHECK_INT("the second", wr_eval_run(&e), WR_EVAL_MATCHED);
    CHECK_INT("the second", wr_eval_output(&e, &bytes, &json), WR_OK);
    CHECK_STR("the second", bytes, S("{\"r\":9999}"));
    wr_plan_free(plan);
    wr_program_free(p[0]);
    wr_program_free(p[1]);
    wr_arena_release(&arena);
    wr_buf_release(&payload);
}

static void answer_at_once(void *user, struct wr_lookup *l)
{
    (*(unsigned *)user)++;
    l->result = wr_boolean(true);
    l->answered = true;
}

// A look-up for each row: their number is bounded.
static void look_ups_are_bounded(void **state)
{
    struct wr_program_options options = {.sql_version = WR_STR("2016-03-23")};
    struct wr_program *p;
    struct wr_fault fault;
    struct wr_buf payload = {0};
    worst_payload(&payload, "{\"a\":[0<9999*,#>]}");
    assert_int_equal(
        wr_program_new(S("SELECT (SELECT VALUE aws_lambda('f', x) FROM a AS x) AS r FROM 'a'"),
                       &options, &p, &fault),
        WR_OK);
    assert_int_equal(wr_program_seal(p, &fault), WR_OK);
    struct wr_plan *plan = wr_plan_new((const struct wr_program *const *)&p, 1);
    struct wr_arena arena;
    wr_arena_init(&arena, MEMORY);
    struct wr_sql_message m = {
        .topic = WR_STR("a"), .payload = wr_buf_str(&payload), .format_indicator = -1};
    unsigned calls = 0;
    const struct wr_sql_host host = {.user = &calls, .lookup = answer_at_once};
    struct wr_eval e = {0};
    assert_int_equal(wr_sql_message_read(&m, plan, &arena), WR_OK);
    wr_eval_start(&e, &m, 0, &host);
    CHECK_INT("ends", wr_eval_run(&e), WR_EVAL_FAILED);
    CHECK_INT("for want of fuel", e.why, WR_WHY_FUEL);
    CHECK("calls", calls > 900 && calls <= 1000);
    wr_plan_free(plan);
    wr_program_free(p);
    wr_arena_release(&arena);
    wr_buf_release(&payload);
}

// Constants are folded within bounds: the rest waits for the run.
static void compiling_is_bounded(void **state)
{
    struct wr_buf sql = {0};
    wr_buf_add(&sql, WR_STR("SELECT 1 AS a"));
    for (int i = 0; i < 3000; i++) {
        wr_buf_addf(&sql, ", regexp_matches('aaaaaaaaaaaaaaaaaaaaaaa!%d', '(a+)+$') AS b%d", i, i);
    }
    wr_buf_add(&sql, WR_STR(" FROM 'a'"));
    struct wr_program_options options = {.sql_version = WR_STR("2016-03-23")};
    struct wr_program *p;
    struct wr_fault fault;
    CHECK_INT("compiles", wr_program_new(wr_buf_str(&sql), &options, &p, &fault), WR_OK);
    unsigned calls = 0;
    for (uint32_t i = 0; i < p->code.len; i++) {
        calls += p->code.at[i].op == WR_OPC_CALL;
    }
    CHECK("some are folded, most are left", calls > 1000 && calls < 3000);
    wr_program_free(p);
    wr_buf_release(&sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_ends_within_its_limits),
        T(fuel_is_exact),
        T(small_limits_end_it_early),
        T(templates_have_the_same_limits),
        T(rules_do_not_share_their_poverty),
        T(look_ups_are_bounded),
        T(compiling_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
