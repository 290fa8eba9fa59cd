// Dead letters: kept over a restart, found by rule, reason, age and id, gone when purged.
#include "engine/flow/dead.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/observe/log.h"
#include "sql/base/clock.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

struct bed {
    uv_loop_t loop;
    char dir[64];
    struct wr_dead *dead;
    int kept;
    bool ended;
    struct wr_buf seen;
    enum wr_dead_fate fate;
};

static void on_full(void *user, bool full, const char *why)
{
    fail_msg("full: %s", why);
}

static void on_broken(void *user, const struct wr_fault *fault)
{
    fail_msg("%s", fault->text);
}

static void bed_open(struct bed *b)
{
    struct wr_dead_options options = {.loop = &b->loop,
                                      .dir = b->dir,
                                      .max_bytes = 64u << 20,
                                      .full = on_full,
                                      .broken = on_broken,
                                      .user = b};
    struct wr_fault fault;
    assert_int_equal(wr_dead_open(&options, &b->dead, &fault), WR_OK);
}

static void on_end(void *user)
{
    struct bed *b = user;
    b->ended = true;
}

static void bed_close(struct bed *b)
{
    b->ended = false;
    wr_dead_close(b->dead, on_end, b);
    while (!b->ended) {
        uv_run(&b->loop, UV_RUN_ONCE);
    }
}

static void on_kept(void *user)
{
    struct bed *b = user;
    b->kept++;
}

static void put(struct bed *b, uint8_t id, const char *rule, enum wr_dead_reason reason,
                int64_t age_ms)
{
    struct wr_entry e = {
        .id = {{id}},
        .rule = wr_str_of(rule),
        .message = {.topic = S("a/b"), .payload = S("{}"), .format_indicator = -1},
        .body = S("{}"),
        .dead_ms = wr_wall_ms() - age_ms,
        .reason = wr_str_of(wr_dead_word(reason)),
    };
    wr_dead_put(b->dead, &e, on_kept, b);
}

static enum wr_dead_fate on_letter(struct wr_dead_walk *w, uint64_t seq, const struct wr_entry *e,
                                   const struct wr_fault *fault)
{
    struct bed *b = w->user;
    assert_non_null(e);
    wr_buf_addf(&b->seen, "%u ", e->id.at[0]);
    return b->fate;
}

static void on_walked(struct wr_dead_walk *w)
{
    struct bed *b = w->user;
    b->ended = true;
}

static void check_walk(struct bed *b, const char *name, struct wr_dead_filter filter,
                       enum wr_dead_fate fate, const char *want)
{
    struct wr_dead_walk w = {.filter = filter, .letter = on_letter, .done = on_walked, .user = b};
    wr_buf_clear(&b->seen);
    b->fate = fate;
    b->ended = false;
    wr_dead_walk(b->dead, &w);
    while (!b->ended) {
        uv_run(&b->loop, UV_RUN_ONCE);
    }
    CHECK_STR(name, wr_buf_str(&b->seen), Z(want));
}

static void test_letters_are_kept_and_found(void **state)
{
    struct bed b = {.dir = "/tmp/weir-dead-XXXXXX"};
    assert_non_null(mkdtemp(b.dir));
    uv_loop_init(&b.loop);
    bed_open(&b);
    put(&b, 1, "hot", WR_DEAD_REFUSED, 100000);
    put(&b, 2, "cold", WR_DEAD_EXPIRED, 50000);
    put(&b, 3, "hot", WR_DEAD_ERROR_REFUSED, 0);
    put(&b, 16, "hot", WR_DEAD_REFUSED, 0);
    while (b.kept < 4) {
        uv_run(&b.loop, UV_RUN_ONCE);
    }
    bed_close(&b);
    bed_open(&b);
    assert_int_equal(wr_dead_count(b.dead), 4);
    check_walk(&b, "all", (struct wr_dead_filter){0}, WR_DEAD_KEEP, "1 2 3 16 ");
    check_walk(&b, "rule", (struct wr_dead_filter){.rule = S("hot")}, WR_DEAD_KEEP, "1 3 16 ");
    check_walk(&b, "reason", (struct wr_dead_filter){.has_reason = true, .reason = WR_DEAD_REFUSED},
               WR_DEAD_KEEP, "1 16 ");
    check_walk(&b, "older", (struct wr_dead_filter){.older_ms = 40000}, WR_DEAD_KEEP, "1 2 ");
    check_walk(&b, "newer", (struct wr_dead_filter){.newer_ms = 60000}, WR_DEAD_KEEP, "2 3 16 ");
    check_walk(&b, "id", (struct wr_dead_filter){.id = S("10")}, WR_DEAD_KEEP, "16 ");
    check_walk(&b, "stop", (struct wr_dead_filter){0}, WR_DEAD_STOP, "1 ");
    check_walk(&b, "purge", (struct wr_dead_filter){.rule = S("hot")}, WR_DEAD_PURGE, "1 3 16 ");
    check_walk(&b, "purged", (struct wr_dead_filter){0}, WR_DEAD_KEEP, "2 ");
    bed_close(&b);
    bed_open(&b);
    check_walk(&b, "purged for ever", (struct wr_dead_filter){0}, WR_DEAD_PURGE, "2 ");
    bed_close(&b);
    assert_int_equal(uv_loop_close(&b.loop), 0);
    wr_buf_release(&b.seen);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", b.dir);
    assert_int_equal(system(command), 0);
}

static void test_words(void **state)
{
    enum wr_dead_reason reason;
    assert_true(wr_dead_reason_of(S("error-expired"), &reason));
    assert_int_equal(reason, WR_DEAD_ERROR_EXPIRED);
    assert_false(wr_dead_reason_of(S("error"), &reason));
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(test_letters_are_kept_and_found), T(test_words)};
    return TEST_MAIN(tests);
}
