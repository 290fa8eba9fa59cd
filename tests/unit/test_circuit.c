// Circuits: when one opens, what it lets through, what waits, what fails, and how many there are.
#include "engine/flow/circuit.h"

#include <stdio.h>

#include "engine/observe/log.h"
#include "sql/base/hash.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

#define WAITERS 8

static struct {
    uv_loop_t loop;
    struct wr_jitter jitter;
    struct wr_circuits c;
    struct wr_circuit_waiter w[WAITERS];
    char said[200];  // "0p": waiter 0 is the probe; "1g": go; "2x": expired
    uv_timer_t tick; // so that a loop that waits is woken
    bool closed;
} t;

static void on_tick(uv_timer_t *timer)
{
}

static void say(const struct wr_circuit_waiter *w, char what)
{
    size_t len = strlen(t.said);
    snprintf(t.said + len, sizeof t.said - len, "%d%c ", (int)(w - t.w), what);
}

static void on_go(struct wr_circuit_waiter *w, bool probe)
{
    say(w, probe ? 'p' : 'g');
}

static void on_expired(struct wr_circuit_waiter *w, const struct wr_circuit_state *state)
{
    assert_true(state->failures > 0);
    say(w, 'x');
}

static int setup(void **state)
{
    memset(&t, 0, sizeof t);
    wr_hash_seed_init();
    uv_loop_init(&t.loop);
    uv_timer_init(&t.loop, &t.tick);
    uv_timer_start(&t.tick, on_tick, 1, 1);
    wr_jitter_init(&t.jitter);
    wr_circuits_init(&t.c, &t.loop, &t.jitter);
    t.c.go = on_go;
    t.c.expired = on_expired;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    t.closed = true;
}

static int teardown(void **state)
{
    for (size_t i = 0; i < WAITERS; i++) {
        wr_circuits_leave(&t.w[i]);
    }
    uv_close((uv_handle_t *)&t.tick, NULL);
    wr_circuits_close(&t.c, on_closed);
    uv_run(&t.loop, UV_RUN_DEFAULT);
    return t.closed ? uv_loop_close(&t.loop) : -1;
}

// Back-off of at most 2 ms.
static const struct wr_retry_policy policy = {.attempts = 3,
                                              .budget_ms = 10000,
                                              .base_ms = 1,
                                              .throttled_base_ms = 1,
                                              .cap_ms = 2,
                                              .circuit = 3};
static const struct wr_why why = {.message = WR_STR_INIT("Failed to put. The error was nothing.")};

static struct wr_destination box(const char *name)
{
    return (struct wr_destination){"s3", wr_str_of(name)};
}

static enum wr_circuit_way enter(const struct wr_retry_policy *p, const char *name, size_t w)
{
    struct wr_circuit_state state;
    uv_update_time(&t.loop);
    return wr_circuits_enter(&t.c, box(name), p, (int64_t)uv_now(&t.loop), &t.w[w], &state);
}

static void fail_times(const char *name, int times)
{
    for (int i = 0; i < times; i++) {
        wr_circuits_failed(&t.c, box(name), &policy, false, &why);
    }
}

static struct wr_circuit_state state_of(const char *name)
{
    struct wr_circuit_state s;
    for (size_t at = 0; wr_circuits_next(&t.c, &at, &s);) {
        if (wr_str_eq(s.resource, wr_str_of(name))) {
            return s;
        }
    }
    fail_msg("no circuit %s", name);
    return s;
}

// Until so much was said, at most half a minute.
static void turn_until(const char *said)
{
    uint64_t end = uv_hrtime() + UINT64_C(30000000000);
    while (strcmp(t.said, said) != 0 && uv_hrtime() < end) {
        uv_run(&t.loop, UV_RUN_ONCE);
    }
    CHECK_STR("said", Z(t.said), Z(said));
}

static void test_opens_after_so_many_in_a_row(void **state)
{
    fail_times("a", 2);
    assert_int_equal(enter(&policy, "a", 0), WR_CIRCUIT_GO);
    wr_circuits_answered(&t.c, box("a"));
    assert_int_equal(t.c.troubled, 0);
    fail_times("a", 2); // not in a row
    assert_int_equal(enter(&policy, "a", 0), WR_CIRCUIT_GO);
    fail_times("a", 1);
    assert_int_equal(state_of("a").phase, WR_CIRCUIT_OPEN);
    assert_int_equal(state_of("a").opened, 1);
    assert_int_equal(t.c.open, 1);
    assert_int_equal(enter(&policy, "a", 0), WR_CIRCUIT_WAIT);
    assert_int_equal(enter(&policy, "b", 1), WR_CIRCUIT_GO); // another destination
    struct wr_destination other = {"lambda", WR_STR("a")};
    struct wr_circuit_state s;
    assert_int_equal(wr_circuits_enter(&t.c, other, &policy, 0, &t.w[2], &s), WR_CIRCUIT_GO);
    wr_circuits_leave(&t.w[0]);
}

static void test_one_is_tried_at_a_time(void **state)
{
    fail_times("a", 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(enter(&policy, "a", i), WR_CIRCUIT_WAIT);
    }
    turn_until("0p "); // the first that waits
    assert_int_equal(state_of("a").phase, WR_CIRCUIT_HALF_OPEN);
    assert_int_equal(state_of("a").waiting, 2);
    assert_int_equal(enter(&policy, "a", 3), WR_CIRCUIT_WAIT);
    uv_run(&t.loop, UV_RUN_NOWAIT);
    CHECK_STR("no second one", Z(t.said), S("0p "));
    wr_circuits_failed(&t.c, box("a"), &policy, true, &why);
    assert_int_equal(state_of("a").phase, WR_CIRCUIT_OPEN);
    turn_until("0p 1p ");
    wr_circuits_answered(&t.c, box("a"));
    CHECK_STR("the rest, in order", Z(t.said), S("0p 1p 2g 3g "));
    assert_int_equal(state_of("a").phase, WR_CIRCUIT_CLOSED);
    assert_int_equal(t.c.open, 0);
    assert_int_equal(enter(&policy, "a", 0), WR_CIRCUIT_GO);
}

static void test_late_answers(void **state)
{
    fail_times("a", 3);
    assert_int_equal(enter(&policy, "a", 0), WR_CIRCUIT_WAIT);
    fail_times("a", 2); // went out before it opened: no matter
    assert_int_equal(state_of("a").phase, WR_CIRCUIT_OPEN);
    assert_int_equal(state_of("a").opened, 1);
    wr_circuits_answered(&t.c, box("a")); // likewise, and it is good news
    CHECK_STR("goes on", Z(t.said), S("0g "));
}

static void test_nothing_waits(void **state)
{
    fail_times("a", 3);
    uint64_t end = uv_hrtime() + UINT64_C(30000000000);
    while (state_of("a").phase == WR_CIRCUIT_OPEN && uv_hrtime() < end) {
        uv_run(&t.loop, UV_RUN_ONCE);
    }
    assert_int_equal(enter(&policy, "a", 0), WR_CIRCUIT_PROBE); // the next that comes
    assert_int_equal(enter(&policy, "a", 1), WR_CIRCUIT_WAIT);
}

static void test_budgets_end(void **state)
{
    struct wr_retry_policy short_one = policy;
    short_one.budget_ms = 30;
    fail_times("a", 3);
    assert_int_equal(enter(&short_one, "a", 0), WR_CIRCUIT_WAIT);
    assert_int_equal(enter(&policy, "a", 1), WR_CIRCUIT_WAIT);
    assert_int_equal(enter(&short_one, "a", 2), WR_CIRCUIT_WAIT);
    turn_until("0p "); // it hangs
    turn_until("0p 2x ");
    assert_int_equal(state_of("a").waiting, 1);
    // The destination has been away for a whole budget: not even a moment more.
    assert_int_equal(enter(&short_one, "a", 3), WR_CIRCUIT_FAIL);
    wr_circuits_failed(&t.c, box("a"), &short_one, true, &why);
    turn_until("0p 2x 1p "); // but what may wait is tried
    assert_int_equal(enter(&short_one, "a", 3), WR_CIRCUIT_FAIL);
    wr_circuits_failed(&t.c, box("a"), &short_one, true, &why);
    uint64_t end = uv_hrtime() + UINT64_C(30000000000);
    while (state_of("a").phase == WR_CIRCUIT_OPEN && uv_hrtime() < end) {
        uv_run(&t.loop, UV_RUN_ONCE);
    }
    assert_int_equal(enter(&short_one, "a", 3), WR_CIRCUIT_PROBE);
    wr_circuits_answered(&t.c, box("a"));
    assert_int_equal(enter(&short_one, "a", 3), WR_CIRCUIT_GO);
}

static void test_zero_never_opens(void **state)
{
    struct wr_retry_policy never = policy;
    never.circuit = 0;
    for (int i = 0; i < 1000; i++) {
        wr_circuits_failed(&t.c, box("a"), &never, false, NULL);
    }
    assert_int_equal(enter(&never, "a", 0), WR_CIRCUIT_GO);
}

static void test_memory_is_bounded(void **state)
{
    char name[16];
    for (int i = 0; i < 3 * WR_CIRCUITS_MAX; i++) {
        snprintf(name, sizeof name, "box-%d", i);
        fail_times(name, 1);
    }
    assert_int_equal(t.c.count, WR_CIRCUITS_MAX);
    assert_int_equal(t.c.troubled, WR_CIRCUITS_MAX);
    assert_int_equal(t.c.untracked, 0); // those that failed once were forgotten
    size_t seen = 0;
    struct wr_circuit_state s;
    for (size_t at = 0; wr_circuits_next(&t.c, &at, &s);) {
        seen++;
    }
    assert_int_equal(seen, WR_CIRCUITS_MAX);
    for (int i = 0; i < 2 * WR_CIRCUITS_MAX; i++) {
        snprintf(name, sizeof name, "open-%d", i);
        fail_times(name, 3);
    }
    assert_int_equal(t.c.count, WR_CIRCUITS_MAX);
    assert_int_equal(t.c.open, WR_CIRCUITS_MAX);
    assert_int_equal(t.c.untracked, 3 * WR_CIRCUITS_MAX); // and retried each on its own
    assert_int_equal(enter(&policy, "open-2000", 0), WR_CIRCUIT_GO);
    assert_int_equal(enter(&policy, "open-0", 0), WR_CIRCUIT_WAIT);
}

static void test_long_names_differ_behind_what_is_kept(void **state)
{
    char a[600], b[600];
    memset(a, 'x', sizeof a);
    memset(b, 'x', sizeof b);
    a[sizeof a - 1] = b[sizeof b - 1] = '\0';
    b[sizeof b - 2] = 'y';
    fail_times(a, 3);
    assert_int_equal(enter(&policy, a, 0), WR_CIRCUIT_WAIT);
    assert_int_equal(enter(&policy, b, 1), WR_CIRCUIT_GO);
}

int main(void)
{
    wr_log_setup(WR_LOG_ERROR, false);
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        CASE(test_opens_after_so_many_in_a_row),
        CASE(test_one_is_tried_at_a_time),
        CASE(test_late_answers),
        CASE(test_nothing_waits),
        CASE(test_budgets_end),
        CASE(test_zero_never_opens),
        CASE(test_memory_is_bounded),
        CASE(test_long_names_differ_behind_what_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
