// Offsets finished in any order: the frontier is where the unfinished ones begin. And which MQTT
// topic a message of Kafka gets.
#include "engine/kafka/frontier.h"

#include <stdlib.h>

#include "engine/kafka/topic_map.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

static void it_moves_over_what_is_done_without_a_gap(void **state)
{
    struct wr_frontier f = {0};
    const int64_t offsets[] = {10, 11, 15, 16, 40}; // compacted topics have gaps
    const struct {
        size_t finish;
        bool moves;
        int64_t committable;
        size_t open;
    } steps[] = {
        {1, false, 0, 5}, {3, false, 0, 5}, {0, true, 12, 3}, {4, false, 12, 3}, {2, true, 41, 0}};
    uint64_t numbers[5];
    for (size_t i = 0; i < 5; i++) {
        numbers[i] = wr_frontier_take(&f, offsets[i]);
    }
    for (size_t i = 0; i < WR_COUNT(steps); i++) {
        CHECK_INT("moves", wr_frontier_finish(&f, numbers[steps[i].finish]), steps[i].moves);
        CHECK_INT("committable", f.committable, steps[i].committable);
        CHECK_INT("open", wr_frontier_open(&f), steps[i].open);
    }
    wr_frontier_release(&f);
}

// Against the obvious: the smallest offset that is not finished.
static void it_agrees_with_a_list(void **state)
{
    enum { COUNT = 20000, WINDOW = 700 };
    struct wr_frontier f = {0};
    static uint64_t open[WINDOW];
    static int64_t offsets[WINDOW];
    size_t count = 0;
    int64_t next = 1000, taken = 0;
    srand(7);
    while (taken < COUNT || count > 0) {
        if (taken < COUNT && count < WINDOW && rand() % 2) {
            next += 1 + rand() % 3;
            offsets[count] = next;
            open[count++] = wr_frontier_take(&f, next);
            taken++;
            continue;
        }
        if (count == 0) {
            continue;
        }
        size_t i = (size_t)rand() % count;
        (void)wr_frontier_finish(&f, open[i]);
        count--;
        open[i] = open[count];
        offsets[i] = offsets[count];
        int64_t least = INT64_MAX;
        for (size_t k = 0; k < count; k++) {
            least = offsets[k] < least ? offsets[k] : least;
        }
        // Nothing that is not finished would be committed, and all before it is.
        CHECK("below what is open", f.committable <= least);
        CHECK("none is held back", wr_frontier_open(&f) <= (size_t)WINDOW * 30);
        if (count == 0) {
            CHECK_INT("all", f.committable, next + 1);
        }
    }
    wr_frontier_release(&f);
}

static const struct {
    const char *map, *topic;
} maps[] = {
    {"{topic}", "a.b"},       {"{levels}", "a/b"}, {"x/{levels}/{key}/{partition}", "x/a/b/k.1/7"},
    {"{{{topic}}}", "{a.b}"}, {"plain", "plain"},
};
static const struct {
    const char *map, *fault;
} bad_maps[] = {
    {"", "found nothing, expected for example {topic}"},
    {"a/{", "found '{' at character 3 of \"a/{\""},
    {"{nope}", "found '{' at character 1"},
    {"{topic", "found '{' at character 1"},
    {"topic}", "found '}' at character 6"},
    {"{key}{key}{key}{key}{key}{key}{key}{key}{key}{key}{key}{key}{key}{key}{key}{key}{key}",
     "more than 16 parts"},
};

static void a_map_makes_topics(void **state)
{
    struct wr_arena arena;
    wr_arena_init(&arena, 65536);
    const struct wr_topic_map_values values = {S("a.b"), S("k.1"), S("7")};
    for (size_t i = 0; i < WR_COUNT(maps); i++) {
        struct wr_topic_map map;
        assert_int_equal(wr_topic_map_read(wr_str_of(maps[i].map), &map, NULL), WR_OK);
        CHECK_STR(maps[i].map, wr_topic_map_make(&map, &values, &arena), wr_str_of(maps[i].topic));
    }
    for (size_t i = 0; i < WR_COUNT(bad_maps); i++) {
        struct wr_topic_map map;
        struct wr_fault fault = {0};
        CHECK(bad_maps[i].map,
              wr_topic_map_read(wr_str_of(bad_maps[i].map), &map, &fault) != WR_OK);
        if (!wr_str_starts(wr_str_of(fault.text), wr_str_of(bad_maps[i].fault))) {
            CASE_FAIL(bad_maps[i].map, "'%s', not '%s'", fault.text, bad_maps[i].fault);
        }
    }
    wr_arena_release(&arena);
}

static void unusable_topics_are_known(void **state)
{
    static const struct {
        wr_str topic;
        bool usable;
    } cases[] = {
        {WR_STR_INIT("a/b"), true},        {WR_STR_INIT(""), false},
        {WR_STR_INIT("a/+"), false},       {WR_STR_INIT("#"), false},
        {WR_STR_INIT("a\0b"), false},      {WR_STR_INIT("\xff"), false},
        {WR_STR_INIT("gr\xc3\xbc"), true}, {WR_STR_INIT("$aws/rules/x/y"), true},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        CHECK_INT(cases[i].topic.at, wr_topic_usable(cases[i].topic), cases[i].usable);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(it_moves_over_what_is_done_without_a_gap),
        T(it_agrees_with_a_list),
        T(a_map_makes_topics),
        T(unusable_topics_are_known),
    };
    return TEST_MAIN(tests);
}
