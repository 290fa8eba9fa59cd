// What a broker delivers twice: which entries may be recognised, by which messages, how long.
#include "engine/flow/twice.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/observe/log.h"
#include "sql/base/hash.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

static char dir[64], file[100];

static int setup(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/weir-twice-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/acknowledged", dir);
    return 0;
}

static int teardown(void **state)
{
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

#define BOOT    "11111111-2222-3333-4444-555555555555"
#define SESSION "mqtt://here\nweir-1"

static struct wr_twice *start(const char *session, const char *boot)
{
    struct wr_twice *t;
    struct wr_fault fault;
    assert_int_equal(wr_twice_open(dir, Z(session), boot, &t, &fault), WR_OK);
    return t;
}

static void acknowledging(struct wr_twice *t, uint64_t seq)
{
    struct wr_fault fault;
    assert_int_equal(wr_twice_acknowledging(t, seq, &fault), WR_OK);
}

static void add(struct wr_twice *t, uint64_t seq, uint16_t mid, const char *payload)
{
    wr_twice_add(t, seq, mid, S("a/b"), Z(payload), S("rule"));
}

static bool take_for(struct wr_twice *t, uint16_t mid, bool dup, const char *payload,
                     const char *rule)
{
    struct wr_message m = {
        .sql = {.topic = S("a/b"), .payload = Z(payload)}, .mid = mid, .dup = dup, .qos = 1};
    wr_twice_seen(t, &m);
    return wr_twice_take(t, &m, Z(rule));
}

static bool take(struct wr_twice *t, uint16_t mid, bool dup, const char *payload)
{
    return take_for(t, mid, dup, payload, "rule");
}

static void test_what_was_not_acknowledged_is_recognised_once(void **state)
{
    struct wr_twice *t = start(SESSION, BOOT);
    add(t, 1, 5, "x"); // an older weir left it: nothing is known of it
    assert_int_equal(wr_twice_count(t), 0);
    acknowledging(t, 0); // connected
    acknowledging(t, 42);
    wr_twice_free(t); // a kill does no more
    t = start(SESSION, BOOT);
    add(t, 41, 4, "x");
    add(t, 42, 5, "x");
    add(t, 43, 6, "x");
    add(t, 44, 7, "y");
    add(t, 45, 0, "z"); // not of a message of QoS 1, or redriven
    assert_int_equal(wr_twice_count(t), 2);
    assert_false(take(t, 4, true, "x"));
    assert_false(take(t, 5, true, "x")); // acknowledged: its identifier may be another's
    assert_true(take(t, 6, true, "x"));
    assert_false(take(t, 6, true, "x")); // once
    assert_false(take(t, 0, true, "z"));
    assert_true(take(t, 7, true, "y"));
    assert_int_equal(wr_twice_count(t), 0);
    wr_twice_free(t);
}

// A kill before it was connected again changes nothing; afterwards nothing old is recognised.
static void test_over_several_starts(void **state)
{
    struct wr_twice *t = start(SESSION, BOOT);
    acknowledging(t, 10);
    for (int i = 0; i < 3; i++) {
        wr_twice_free(t);
        t = start(SESSION, BOOT);
        add(t, 11, 5, "x");
        assert_int_equal(wr_twice_count(t), 1);
    }
    acknowledging(t, 11); // connected
    assert_true(take(t, 5, true, "x"));
    wr_twice_free(t);
    t = start(SESSION, BOOT);
    add(t, 11, 5, "x");
    assert_int_equal(wr_twice_count(t), 0);
    wr_twice_free(t);
}

// An identifier that the broker gives to a new message with the same bytes.
static void test_packet_identifiers_come_again(void **state)
{
    struct wr_twice *t = start(SESSION, BOOT);
    acknowledging(t, 10);
    wr_twice_free(t);
    // 11 was kept, acknowledged (so the file says 11), and its identifier used again before the
    // kill.
    t = start(SESSION, BOOT);
    acknowledging(t, 11);
    wr_twice_free(t);
    t = start(SESSION, BOOT);
    add(t, 11, 5, "x");
    assert_false(take(t, 5, true, "x"));
    wr_twice_free(t);
    // 12 was not; but the broker has lost its session since, and begins with new identifiers.
    t = start(SESSION, BOOT);
    add(t, 12, 5, "x");
    assert_false(take(t, 5, false, "x")); // not marked: new
    assert_int_equal(wr_twice_count(t), 0);
    assert_false(take(t, 5, true, "x")); // the same one again
    wr_twice_free(t);
    t = start(SESSION, BOOT);
    add(t, 12, 5, "x");
    wr_twice_forget(t); // it kept no session, or the connection is gone
    assert_false(take(t, 5, true, "x"));
    add(t, 13, 6, "x");
    assert_int_equal(wr_twice_count(t), 0);
    wr_twice_free(t);
}

static void test_all_of_it_must_be_the_same(void **state)
{
    struct wr_twice *t = start(SESSION, BOOT);
    acknowledging(t, 10);
    wr_twice_free(t);
    t = start(SESSION, BOOT);
    add(t, 11, 5, "x");
    wr_twice_add(t, 12, 5, S("a/b"), S("x"), S("other")); // two rules on one message
    wr_twice_add(t, 13, 6, S("a/bx"), S(""), S("rule"));  // where topic and payload end matters
    assert_false(take(t, 4, true, "x"));
    assert_false(take(t, 5, true, "y"));
    assert_false(take_for(t, 5, true, "x", "third"));
    assert_true(take_for(t, 5, true, "x", "other"));
    assert_false(take_for(t, 5, true, "x", "other"));
    assert_true(take(t, 5, true, "x"));
    assert_false(take(t, 6, true, "x"));
    assert_int_equal(wr_twice_count(t), 1);
    wr_twice_free(t);
}

static void test_other_boots_and_sessions_know_nothing(void **state)
{
    static const struct {
        const char *name, *session, *boot;
        size_t want;
    } cases[] = {
        {"the same", SESSION, BOOT, 1},
        {"another boot", SESSION, "11111111-2222-3333-4444-555555555556", 0},
        {"no boot", SESSION, "", 0},
        {"another broker", "mqtt://their\nweir-1", BOOT, 0},
        {"another client id", "mqtt://here\nweir-12", BOOT, 0},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_twice *t = start(SESSION, BOOT);
        acknowledging(t, 10);
        wr_twice_free(t);
        t = start(cases[i].session, cases[i].boot);
        add(t, 11, 5, "x");
        CHECK_INT(cases[i].name, wr_twice_count(t), cases[i].want);
        wr_twice_free(t);
    }
    // This machine's boot is known, and it is this one.
    struct wr_twice *t = start(SESSION, NULL);
    acknowledging(t, 10);
    wr_twice_free(t);
    t = start(SESSION, NULL);
    add(t, 11, 5, "x");
    assert_int_equal(wr_twice_count(t), 1);
    wr_twice_free(t);
}

// Every bit of the file, and every length.
static void test_damage_recognises_nothing(void **state)
{
    char bytes[200], read_back[200];
    struct wr_twice *t = start(SESSION, BOOT);
    acknowledging(t, 10);
    wr_twice_free(t);
    int fd = open(file, O_RDWR);
    ssize_t len = read(fd, bytes, sizeof bytes);
    assert_true(len > 60 && len < (ssize_t)sizeof bytes);
    for (ssize_t bit = 0; bit < 8 * len; bit++) {
        memcpy(read_back, bytes, (size_t)len);
        read_back[bit / 8] = (char)(read_back[bit / 8] ^ (1 << (bit % 8)));
        assert_int_equal(pwrite(fd, read_back, (size_t)len, 0), len);
        t = start(SESSION, BOOT);
        add(t, UINT64_MAX - 1, 5, "x");
        assert_int_equal(wr_twice_count(t), 0);
        wr_twice_free(t);
    }
    for (ssize_t cut = 0; cut < len; cut++) {
        assert_int_equal(pwrite(fd, bytes, (size_t)len, 0), len);
        assert_int_equal(ftruncate(fd, cut), 0);
        t = start(SESSION, BOOT);
        add(t, 11, 5, "x");
        assert_int_equal(wr_twice_count(t), 0);
        acknowledging(t, 11); // and goes on
        wr_twice_free(t);
    }
    close(fd);
    t = start(SESSION, BOOT);
    add(t, 12, 5, "x");
    assert_int_equal(wr_twice_count(t), 1);
    wr_twice_free(t);
}

static void test_what_cannot_be_written(void **state)
{
    struct wr_twice *t = start(SESSION, BOOT);
    acknowledging(t, 10);
    wr_twice_free(t);
    t = start(SESSION, BOOT);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mkdir(file, 0700), 0); // neither a file nor removed like one
    struct wr_fault fault;
    assert_int_equal(wr_twice_acknowledging(t, 11, &fault), WR_ERR_IO);
    CHECK("it says which", strstr(fault.text, file) && strstr(fault.text, "nor removed"));
    wr_twice_free(t);
    assert_int_equal(wr_twice_open(dir, S(SESSION), BOOT, &t, &fault), WR_ERR_IO);
    assert_int_equal(rmdir(file), 0);
    t = start(SESSION, BOOT);
    char moved[120]; // the folder is gone: no file, so nothing is recognised, and it goes on
    snprintf(moved, sizeof moved, "%s-moved", dir);
    assert_int_equal(rename(dir, moved), 0);
    acknowledging(t, 12);
    assert_int_equal(rename(moved, dir), 0);
    acknowledging(t, 13);
    wr_twice_free(t);
    t = start(SESSION, BOOT);
    add(t, 14, 5, "x");
    assert_int_equal(wr_twice_count(t), 1);
    wr_twice_free(t);
}

static void test_many(void **state)
{
    struct wr_twice *t = start(SESSION, BOOT);
    acknowledging(t, 0);
    wr_twice_free(t);
    t = start(SESSION, BOOT);
    char payload[16];
    for (unsigned i = 1; i <= 65535; i++) {
        for (int rule = 0; rule < 5; rule++) { // more than are remembered
            snprintf(payload, sizeof payload, "%u", i);
            wr_twice_add(t, i, (uint16_t)i, S("a/b"), Z(payload), S("rule"));
        }
    }
    assert_int_equal(wr_twice_count(t), WR_TWICE_MAX);
    assert_true(take(t, 1, true, "1"));
    assert_false(take(t, 65535, true, "65535"));
    wr_twice_free(t);
}

int main(void)
{
    wr_hash_seed_init();
    wr_log_setup(WR_LOG_ERROR, false);
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        CASE(test_what_was_not_acknowledged_is_recognised_once),
        CASE(test_over_several_starts),
        CASE(test_packet_identifiers_come_again),
        CASE(test_all_of_it_must_be_the_same),
        CASE(test_other_boots_and_sessions_know_nothing),
        CASE(test_damage_recognises_nothing),
        CASE(test_what_cannot_be_written),
        CASE(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
