// The flow with a spool and a dead-letter store on a real folder, over ends and new starts of the
// process.
#include "engine/flow/durable.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "engine/observe/log.h"

#include "tests/support/fake_sink.h"
#include "tests/support/flow_bed.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

static struct {
    struct bed b;
    char dir[64];
    char spool_dir[100], dead_dir[100];
    struct wr_spool *spool;
    struct wr_dead *dead;
    size_t in_flight;
    struct wr_twice *twice; // of the present process
    bool recovered, closed;
    uv_timer_t tick; // so that a loop that waits is woken
} p;

static void on_durable(void *user, uint64_t seq)
{
    wr_flow_durable(p.b.flow, seq);
}

static void on_full(void *user, bool full, const char *why)
{
    fail_msg("full: %s", why);
}

static void on_broken(void *user, const struct wr_fault *fault)
{
    fail_msg("%s", fault->text);
}

static void open_stores(struct wr_flow_options *o)
{
    struct wr_fault fault;
    const struct wr_spool_options spool = {
        .loop = o->loop,
        .dir = p.spool_dir,
        .max_bytes = 64u << 20,
        .segment_bytes = 1u << 20,
        .events = {.durable = on_durable, .full = on_full, .broken = on_broken},
    };
    const struct wr_dead_options dead = {.loop = o->loop,
                                         .dir = p.dead_dir,
                                         .max_bytes = 64u << 20,
                                         .full = on_full,
                                         .broken = on_broken};
    assert_int_equal(wr_spool_open(&spool, &p.spool, &fault), WR_OK);
    assert_int_equal(wr_dead_open(&dead, &p.dead, &fault), WR_OK);
    o->spool = p.spool;
    o->dead = p.dead;
    o->in_flight_max = p.in_flight;
}

static void set_pool(struct wr_flow_options *o)
{
    open_stores(o);
    o->pool = p.b.pool;
}

static void on_recovered(void *user)
{
    p.recovered = true;
}

static void on_tick(uv_timer_t *timer)
{
}

static void turn_until(const bool *done)
{
    uint64_t end = uv_hrtime() + UINT64_C(30000000000);
    while (!*done && uv_hrtime() < end) {
        uv_run(&p.b.loop, UV_RUN_ONCE);
        bed_audit(&p.b);
    }
    assert_true(*done);
}

// A new process: what a former one left is taken up.
static void start(const char *const *documents, size_t count, const char *script)
{
    bed_open(&p.b, set_pool);
    fake.script = script;
    uv_timer_init(&p.b.loop, &p.tick);
    uv_timer_start(&p.tick, on_tick, 2, 2);
    bed_rules(&p.b, documents, count);
    struct wr_fault fault;
    assert_int_equal(wr_twice_open(p.spool_dir, S("session"), "boot", &p.twice, &fault), WR_OK);
    wr_flow_set_twice(p.b.flow, p.twice);
    p.recovered = false;
    wr_flow_recover(p.b.flow, on_recovered, NULL);
    turn_until(&p.recovered);
}

static void on_spool_closed(void *user)
{
    p.closed = true;
}

static void on_dead_closed(void *user)
{
    wr_spool_close(p.spool, on_spool_closed, NULL);
}

// As SIGTERM does it when the drain is over.
static void stop(void)
{
    bed_audit(&p.b);
    wr_flow_stop(p.b.flow);
    bed_audit(&p.b);
    wr_sinks_close(p.b.sinks, bed_nothing, NULL);
    p.closed = false;
    wr_dead_close(p.dead, on_dead_closed, NULL);
    turn_until(&p.closed);
    uv_close((uv_handle_t *)&p.tick, NULL);
    bed_close(&p.b);
    wr_twice_free(p.twice);
    p.twice = NULL;
}

static void turn_until_settled(size_t count)
{
    uint64_t end = uv_hrtime() + UINT64_C(30000000000);
    while (p.b.settled < count && uv_hrtime() < end) {
        uv_run(&p.b.loop, UV_RUN_ONCE);
        bed_audit(&p.b);
    }
    assert_int_equal(p.b.settled, count);
}

static void turn_until_submits(size_t count)
{
    uint64_t end = uv_hrtime() + UINT64_C(30000000000);
    while (fake.submits < count && uv_hrtime() < end) {
        uv_run(&p.b.loop, UV_RUN_ONCE);
        bed_audit(&p.b);
    }
    assert_int_equal(fake.submits, count);
}

static uint64_t in_spool(void)
{
    struct wr_spool_stats stats;
    wr_spool_stats(p.spool, &stats);
    return stats.pending;
}

// Until the store has as many letters.
static void turn_until_dead(uint64_t count)
{
    uint64_t end = uv_hrtime() + UINT64_C(30000000000);
    while ((wr_dead_count(p.dead) < count || in_spool() > 0) && uv_hrtime() < end) {
        uv_run(&p.b.loop, UV_RUN_ONCE);
        bed_audit(&p.b);
    }
    assert_int_equal(wr_dead_count(p.dead), count);
    assert_int_equal(in_spool(), 0);
}

static int setup(void **state)
{
    memset(&p, 0, sizeof p);
    snprintf(p.dir, sizeof p.dir, "/tmp/weir-durable-XXXXXX");
    assert_non_null(mkdtemp(p.dir));
    snprintf(p.spool_dir, sizeof p.spool_dir, "%s/spool", p.dir);
    snprintf(p.dead_dir, sizeof p.dead_dir, "%s/dead", p.dir);
    p.in_flight = 1000;
    return 0;
}

static int teardown(void **state)
{
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", p.dir);
    return system(command);
}

#define RULE(actions, error)                                    \
    "{\"sql\":\"SET @v = v SELECT v FROM 'a/+' WHERE v >= 0\"," \
    "\"awsIotSqlVersion\":\"2016-03-23\",\"actions\":[" actions "]" error "}"
#define FAKE \
    "{\"fake\":{\"name\":\"n-${topic(2)}\",\"headers\":[{\"key\":\"h\",\"value\":\"${v + 1}\"}]}}"

static const char *const plain[] = {RULE(FAKE, "")};

static void test_acknowledged_once_durable(void **state)
{
    start(plain, 1, "h");
    bed_send(&p.b, "a/x", "{\"v\":1}");
    assert_int_equal(p.b.acknowledged, 0);
    assert_int_equal(fake.submits, 0); // not before it is durable
    turn_until_submits(1);
    assert_int_equal(p.b.acknowledged, 1);
    assert_int_equal(p.b.settled, 0);
    fake_release(WR_DELIVERED);
    assert_int_equal(p.b.settled, 1);
    assert_int_equal(in_spool(), 0);
    bed_send(&p.b, "a/x", "{\"v\":-1}"); // nothing to keep: nothing to wait for
    bed_send(&p.b, "other", "{}");
    assert_int_equal(p.b.acknowledged, 3);
    stop();
}

static void test_a_new_process_delivers_what_was_kept(void **state)
{
    start(plain, 1, "h");
    bed_send(&p.b, "a/x", "{\"v\":1, \"big\":12345678901234567890.5}");
    bed_send(&p.b, "a/y", "{\"v\":2}");
    turn_until_submits(2);
    struct wr_delivery_id id = p.b.flow->live->id;
    CHECK_STR("before", wr_buf_str(&fake.notes),
              S("fake n-x h=2 {\"v\":1} 1\nfake n-y h=3 {\"v\":2} 1\n"));
    stop();
    start(plain, 1, "h");
    turn_until_submits(2);
    CHECK_STR("again", wr_buf_str(&fake.notes),
              S("fake n-x h=2 {\"v\":1} 1\nfake n-y h=3 {\"v\":2} 1\n"));
    assert_memory_equal(p.b.flow->live->id.at, id.at, sizeof id.at); // the same delivery
    fake_release(WR_DELIVERED);
    assert_int_equal(in_spool(), 0);
    stop();
    start(plain, 1, "d");
    assert_int_equal(fake.submits, 0);
    stop();
}

static void test_what_is_new_comes_behind(void **state)
{
    p.in_flight = 2;
    start(plain, 1, "h");
    for (int i = 0; i < 6; i++) {
        static char text[6][20];
        snprintf(text[i], sizeof text[i], "{\"v\":%d}", i);
        bed_send(&p.b, "a/x", text[i]);
    }
    turn_until_submits(2);
    assert_int_equal(wr_metrics_rule(p.b.metrics, S("r0"))->waiting, 4);
    assert_int_equal(p.b.settled, 4); // on disk only
    assert_int_equal(p.b.acknowledged, 6);
    stop();
    start(plain, 1, "h");
    bed_send(&p.b, "a/x", "{\"v\":6}");
    bed_send(&p.b, "a/x", "{\"v\":7}");
    for (size_t n = 2; n <= 8; n += 2) {
        turn_until_submits(n);
        fake_release(WR_DELIVERED);
    }
    wr_str notes = wr_buf_str(&fake.notes);
    for (int i = 0; i < 8; i++) {
        char line[40];
        snprintf(line, sizeof line, "fake n-x h=%d {\"v\":%d} 1\n", i + 1, i);
        CHECK("order", wr_str_starts(notes, Z(line)));
        notes = wr_str_cut(notes, strlen(line), notes.len);
    }
    assert_int_equal(in_spool(), 0);
    stop();
}

static enum wr_dead_fate on_letter(struct wr_dead_walk *w, uint64_t seq, const struct wr_entry *e,
                                   const struct wr_fault *fault)
{
    struct wr_buf *b = w->user;
    wr_buf_addf(b, "%.*s %.*s:", WR_STR_ARG(e->rule), WR_STR_ARG(e->reason));
    for (size_t i = 0; i < e->action_count; i++) {
        wr_buf_addf(b, " %.*s %d %.*s", WR_STR_ARG(e->actions[i].kind), e->actions[i].state,
                    WR_STR_ARG(e->actions[i].message));
    }
    return WR_DEAD_KEEP;
}

static bool walked;

static void on_walked(struct wr_dead_walk *w)
{
    walked = true;
}

static void check_dead(const char *name, const char *want)
{
    struct wr_buf text = {0};
    struct wr_dead_walk w = {.letter = on_letter, .done = on_walked, .user = &text};
    walked = false;
    wr_dead_walk(p.dead, &w);
    turn_until(&walked);
    CHECK_STR(name, wr_buf_str(&text), Z(want));
    wr_buf_release(&text);
}

static void test_what_nothing_took_is_a_dead_letter(void **state)
{
    static const struct {
        const char *name, *rule, *script, *want;
    } cases[] = {
        {"refused", RULE(FAKE, ""), "x",
         "r0 refused: fake 2 Failed to fake. The error received was scripted"},
        {"tries are over", RULE(FAKE, ""), "r",
         "r0 expired: fake 2 Failed to fake. The error received was scripted"},
        {"error action too", RULE(FAKE, ",\"errorAction\":{\"other\":{\"name\":\"e\"}}"), "x",
         "r0 error-refused: fake 2 Failed to fake. The error received was scripted"},
        {"the error action's tries are over",
         RULE(FAKE, ",\"errorAction\":{\"other\":{\"name\":\"e\"}}"), "xr",
         "r0 error-expired: fake 2 Failed to fake. The error received was scripted"},
        {"the error action's template",
         RULE(FAKE, ",\"errorAction\":{\"other\":{\"name\":\"e\",\"qos\":\"${v}\"}}"), "x",
         "r0 error-template: fake 2 Failed to fake. The error received was scripted"},
        {"expired, and the error action too",
         RULE(FAKE, ",\"errorAction\":{\"other\":{\"name\":\"e\"}}"), "rrrx",
         "r0 error-refused: fake 2 Failed to fake. The error received was scripted"},
        {"one of two", RULE(FAKE "," FAKE, ""), "dx",
         "r0 refused: fake 1  fake 2 Failed to fake. The error received was scripted"},
        {"template", RULE("{\"fake\":{\"name\":\"n\",\"qos\":\"${v}\"}}", ""), "d",
         "r0 template: fake 2 Failed to resolve the template of qos. The error received was "
         "expected 0 to 1, found 5"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        if (i > 0) {
            teardown(NULL);
            setup(NULL);
        }
        start(&cases[i].rule, 1, cases[i].script);
        bed_send(&p.b, "a/x", "{\"v\":5}");
        turn_until_settled(1);
        turn_until_dead(1);
        check_dead(cases[i].name, cases[i].want);
        assert_int_equal(wr_metrics_rule(p.b.metrics, S("r0"))->dead, 1);
        stop();
    }
}

static uint64_t redriven_seq;

static void on_redriven(void *user)
{
    wr_dead_done(p.dead, redriven_seq);
}

static enum wr_dead_fate redrive(struct wr_dead_walk *w, uint64_t seq, const struct wr_entry *e,
                                 const struct wr_fault *fault)
{
    struct wr_delivery_id *id = w->user;
    *id = e->id;
    redriven_seq = seq;
    wr_flow_redrive(p.b.flow, e, on_redriven, NULL);
    return WR_DEAD_LEAVE;
}

static void test_redriven_letters_keep_their_id_and_what_was_done(void **state)
{
    static const char *const two[] = {RULE(FAKE ",{\"other\":{\"name\":\"second\"}}", "")};
    struct wr_delivery_id id;
    start(two, 1, "dx");
    bed_send(&p.b, "a/x", "{\"v\":5}");
    turn_until_dead(1);
    struct wr_dead_walk w = {.letter = redrive, .done = on_walked, .user = &id};
    walked = false;
    fake.script = "h";
    wr_dead_walk(p.dead, &w);
    turn_until(&walked);
    turn_until_submits(3);
    assert_memory_equal(p.b.flow->live->id.at, id.at, sizeof id.at);
    CHECK_STR("the second only", wr_buf_str(&fake.notes),
              S("fake n-x h=6 {\"v\":5} 1\nother second {\"v\":5} 1\nother second {\"v\":5} 1\n"));
    assert_int_equal(wr_dead_count(p.dead), 0);
    fake_release(WR_DELIVERED);
    assert_int_equal(in_spool(), 0);
    stop();
}

static void test_error_action_of_a_restored_run_sees_message_and_variables(void **state)
{
    static const char *const rule[] = {
        RULE(FAKE, ",\"errorAction\":{\"other\":{\"name\":\"e-${topic()}-${@v * 2}\"}}")};
    start(rule, 1, "h");
    bed_send(&p.b, "a/x", "{\"v\":21}");
    turn_until_submits(1);
    stop();
    start(rule, 1, "xd");
    turn_until_submits(2);
    wr_str notes = wr_buf_str(&fake.notes);
    CHECK("error record",
          wr_str_find(notes, S("error other e-a/x-42 {\"ruleName\":\"r0\",\"topic\":"
                               "\"a/x\"")) > 0);
    CHECK("original", wr_str_find(notes, S("\"base64OriginalPayload\":\"eyJ2IjoyMX0=\"")) > 0);
    assert_int_equal(in_spool(), 0);
    stop();
}

static void test_a_rule_that_is_gone_is_delivered_still(void **state)
{
    static const char *const other[] = {"{\"sql\":\"SELECT 1 AS x FROM 'zzz'\",\"actions\":[" FAKE
                                        "]}"};
    start(plain, 1, "h");
    bed_send(&p.b, "a/x", "{\"v\":1}");
    bed_send(&p.b, "a/x", "{\"v\":2}");
    turn_until_submits(2);
    stop();
    bed_open(&p.b, set_pool); // by hand: the rule has another name now
    fake.script = "dx";
    uv_timer_init(&p.b.loop, &p.tick);
    uv_timer_start(&p.tick, on_tick, 2, 2);
    bed_rules(&p.b, other, 0);
    p.recovered = false;
    wr_flow_recover(p.b.flow, on_recovered, NULL);
    turn_until(&p.recovered);
    turn_until_submits(2);
    turn_until_dead(1);
    check_dead("the second", "r0 refused: fake 2 Failed to fake. The error received was scripted");
    stop();
}

static void test_an_action_that_is_not_known_any_more(void **state)
{
    start(plain, 1, "d");
    struct wr_entry_action action = {.kind = S("carrier-pigeon")};
    struct wr_entry e = {.rule = S("old"),
                         .message = {.topic = S("a"), .payload = S("{}"), .format_indicator = -1},
                         .body = S("{}"),
                         .body_json = true,
                         .action_count = 1,
                         .actions = &action};
    wr_entry_write(wr_spool_begin(p.spool), &e);
    wr_spool_end(p.spool);
    wr_flow_stop(p.b.flow); // that entry was put in behind its back
    stop();
    start(plain, 1, "d");
    turn_until_dead(1);
    check_dead("named", "old no-sink: unknown 2 This weir does not perform the action that was "
                        "kept: carrier-pigeon");
    stop();
}

// Refused at the start: the error action of the rule, as it is now, has it.
static void test_refused_at_the_start_is_for_the_error_action(void **state)
{
    static const char *const with_error[] = {
        RULE(FAKE, ",\"errorAction\":{\"other\":{\"name\":\"e-${topic(2)}-${v}\"}}")};
    start(plain, 1, "d");
    struct wr_entry_action actions[2] = {{.kind = S("carrier-pigeon")},
                                         {.kind = S("carrier-pigeon")}};
    struct wr_entry e = {.rule = S("r0"),
                         .message = {.topic = S("a/x"),
                                     .payload = S("{\"v\":7}"),
                                     .trace_id = S("00000000-0000-4000-8000-000000000000"),
                                     .format_indicator = -1},
                         .body = S("{}"),
                         .body_json = true,
                         .action_count = 2,
                         .actions = actions};
    wr_entry_write(wr_spool_begin(p.spool), &e);
    wr_spool_end(p.spool);
    wr_flow_stop(p.b.flow); // that entry was put in behind its back
    stop();
    start(with_error, 1, "d");
    turn_until_submits(1); // once for both
    wr_str notes = wr_buf_str(&fake.notes);
    CHECK("where",
          wr_str_starts(notes, S("error other e-x-7 {\"ruleName\":\"r0\",\"topic\":\"a/x\",")));
    CHECK("payload", wr_str_find(notes, S("\"base64OriginalPayload\":\"eyJ2Ijo3fQ==\"")) > 0);
    ptrdiff_t first =
        wr_str_find(notes, S("{\"failedAction\":\"UnknownAction\",\"failedResource\":"
                             "\"carrier-pigeon\",\"errorMessage\":\"This weir does not "
                             "perform the action that was kept: carrier-pigeon"));
    CHECK("failure", first > 0);
    CHECK("both", wr_str_find(wr_str_cut(notes, (size_t)first + 10, notes.len),
                              S("\"failedAction\":\"UnknownAction\"")) > 0);
    turn_until_dead(0);
    assert_int_equal(wr_metrics_rule(p.b.metrics, S("r0"))->dead, 0);
    stop();
}

static void test_a_look_up_holds_the_acknowledgement(void **state)
{
    static const char *const rule[] = {
        "{\"sql\":\"SELECT aws_lambda('arn:aws:lambda:eu-west-1:1:function:f', v) AS l FROM "
        "'a/+'\","
        "\"awsIotSqlVersion\":\"2016-03-23\",\"actions\":[{\"fake\":{\"name\":\"n\"}}]}"};
    start(rule, 1, "d");
    bed_send(&p.b, "a/x", "{\"v\":1}");
    assert_int_equal(p.b.lookup_count, 1);
    assert_int_equal(p.b.acknowledged, 0);
    bed_answer(&p.b, 0, "answer");
    turn_until_settled(1);
    assert_int_equal(p.b.acknowledged, 1);
    CHECK_STR("record", wr_buf_str(&fake.notes), S("fake n {\"l\":\"answer\"} 1\n"));
    stop();
}

// What the source does when it is connected, and before acknowledgements are written.
static void acknowledging(void)
{
    struct wr_fault fault;
    assert_int_equal(wr_twice_acknowledging(p.twice, wr_spool_last(p.spool), &fault), WR_OK);
}

static void send_as(uint16_t mid, bool dup, const char *payload)
{
    struct wr_message *m = bed_message(&p.b, "a/x", payload);
    m->mid = mid;
    m->dup = dup;
    bed_batch(&p.b, m, 1);
}

// Kept, the process ends before the acknowledgement left, the broker delivers again.
static void test_a_second_delivery_is_recognised(void **state)
{
    static const char *const two[] = {RULE(FAKE, ""), RULE(FAKE, "")};
    start(plain, 1, "h");
    acknowledging();
    send_as(7, false, "{\"v\":1}");
    turn_until_submits(1);
    acknowledging();                // its acknowledgement leaves
    send_as(7, false, "{\"v\":1}"); // the same bytes under the identifier that is free again
    send_as(8, false, "{\"v\":2}");
    turn_until_submits(3);
    struct wr_delivery_id id = p.b.flow->live->id; // of the last
    stop();
    start(two, 2, "h"); // and another rule, which has not seen it
    turn_until_submits(3);
    assert_int_equal(wr_twice_count(p.twice), 2);
    acknowledging();
    send_as(7, true, "{\"v\":1}");
    send_as(8, true, "{\"v\":2}");
    send_as(8, true, "{\"v\":2}"); // not once more
    turn_until_submits(3 + 2 + 2);
    CHECK_STR("what came", wr_buf_str(&fake.notes),
              S("fake n-x h=2 {\"v\":1} 1\nfake n-x h=2 {\"v\":1} 1\nfake n-x h=3 {\"v\":2} 1\n"
                "fake n-x h=2 {\"v\":1} 1\nfake n-x h=3 {\"v\":2} 1\n"
                "fake n-x h=3 {\"v\":2} 1\nfake n-x h=3 {\"v\":2} 1\n"));
    bool same = false;
    size_t of_first = 0;
    for (const struct wr_run *r = p.b.flow->live; r; r = r->live_next) {
        of_first += wr_str_eq(r->rule->name, S("r0"));
        same |= memcmp(r->id.at, id.at, sizeof id.at) == 0;
    }
    assert_true(same); // the same delivery
    assert_int_equal(of_first, 4);
    assert_int_equal(p.b.metrics->recognised, 2);
    assert_int_equal(p.b.acknowledged, 3);
    const struct wr_rule_counters *r = wr_metrics_rule(p.b.metrics, S("r0"));
    assert_int_equal(r->topic_match, 1); // those that were evaluated
    fake_release(WR_DELIVERED);
    assert_int_equal(in_spool(), 0);
    stop();
}

// A dead letter that is redriven is of no message that the broker still has.
static void test_a_redriven_letter_recognises_nothing(void **state)
{
    struct wr_entry dead = {.mid = 7, .message = {.topic = S("t")}}, e;
    struct wr_entry_action actions[WR_ENTRY_ACTIONS_MAX];
    wr_entry_redrive(&dead, &e, actions);
    assert_int_equal(e.mid, 0);
}

// ---- clocks

static _Atomic int64_t wall_jump_s; // threads ask too

// In front of libc's: the wall clock is where the test wants it, the monotonic one as it is.
int clock_gettime(clockid_t id, struct timespec *at)
{
    int rc = (int)syscall(SYS_clock_gettime, id, at);
    at->tv_sec += id == CLOCK_REALTIME ? wall_jump_s : 0;
    return rc;
}

// Hours back and forth: order, back-off and numbers of tries are as ever, nothing is stuck or lost.
static void test_the_wall_clock_jumps(void **state)
{
    static const int64_t jumps[] = {0, -3600, 7200, -86400 * 365, 86400 * 3650, 0};
    static char text[24][20];
    p.in_flight = 1; // the others wait in the spool
    start(plain, 1, "rdrrdrdd");
    for (int i = 0; i < 24; i++) {
        wall_jump_s = jumps[(size_t)i % WR_COUNT(jumps)];
        snprintf(text[i], sizeof text[i], "{\"v\":%d}", i);
        struct wr_message *m = bed_message(&p.b, "a/x", text[i]);
        m->sql.timestamp_ms = 0; // of now
        bed_batch(&p.b, m, 1);
        uv_run(&p.b.loop, UV_RUN_NOWAIT);
    }
    uint64_t began = uv_hrtime();
    for (size_t i = 0; in_spool() > 0 && uv_hrtime() - began < UINT64_C(30000000000); i++) {
        wall_jump_s = jumps[i % WR_COUNT(jumps)];
        uv_run(&p.b.loop, UV_RUN_ONCE);
    }
    assert_int_equal(in_spool(), 0);
    wr_str notes = wr_buf_str(&fake.notes);
    static const int tries[] = {2, 3, 2}; // of the first three, as the script says
    for (int i = 0; i < 24; i++) {
        for (int n = 1; n <= (i < 3 ? tries[i] : 1); n++) {
            char line[40];
            snprintf(line, sizeof line, "fake n-x h=%d {\"v\":%d} %d\n", i + 1, i, n);
            CHECK("order and tries", wr_str_starts(notes, Z(line)));
            notes = wr_str_cut(notes, strlen(line), notes.len);
        }
    }
    // Letters made in the future are neither younger than nothing nor in the way.
    fake.script = "x";
    wall_jump_s = 86400;
    bed_send(&p.b, "a/x", "{\"v\":100}");
    turn_until_dead(1);
    stop();
    wall_jump_s = -86400;
    start(plain, 1, "d");
    check_dead("of tomorrow", "r0 refused: fake 2 Failed to fake. The error received was scripted");
    bed_send(&p.b, "a/x", "{\"v\":101}");
    turn_until_submits(1);
    wall_jump_s = 0;
    stop();
}

int main(void)
{
#define D(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        D(test_acknowledged_once_durable),
        D(test_a_new_process_delivers_what_was_kept),
        D(test_what_is_new_comes_behind),
        D(test_what_nothing_took_is_a_dead_letter),
        D(test_redriven_letters_keep_their_id_and_what_was_done),
        D(test_error_action_of_a_restored_run_sees_message_and_variables),
        D(test_a_rule_that_is_gone_is_delivered_still),
        D(test_an_action_that_is_not_known_any_more),
        D(test_refused_at_the_start_is_for_the_error_action),
        D(test_a_look_up_holds_the_acknowledgement),
        D(test_the_wall_clock_jumps),
        D(test_a_second_delivery_is_recognised),
        D(test_a_redriven_letter_recognises_nothing),
    };
    wr_log_setup(WR_LOG_ERROR, WR_LOG_PLAIN);
    return TEST_MAIN(tests);
}
