// Topic filters and names: tables, and the fast matchers against slow ones on random filters.
#include "sql/topic.h"

#include "tests/support/test.h"

#include <stdio.h>

#include "sql/base/banned.h"

static void checks_filters(void **state)
{
    static const struct {
        const char *name;
        wr_str filter;
        wr_err err;
        size_t offset;
        const char *text;
    } cases[] = {
        {"plain", WR_STR_INIT("a/b"), WR_OK, 0, NULL},
        {"one level", WR_STR_INIT("a"), WR_OK, 0, NULL},
        {"empty levels", WR_STR_INIT("//"), WR_OK, 0, NULL},
        {"plus everywhere", WR_STR_INIT("+/+/+"), WR_OK, 0, NULL},
        {"hash alone", WR_STR_INIT("#"), WR_OK, 0, NULL},
        {"hash last", WR_STR_INIT("a/+/#"), WR_OK, 0, NULL},
        {"dollar", WR_STR_INIT("$aws/things/+/shadow"), WR_OK, 0, NULL},
        {"blank and UTF-8", WR_STR_INIT("a b/é"), WR_OK, 0, NULL},
        {"empty", WR_STR_INIT(""), WR_ERR_SYNTAX, 0, "the topic filter is empty"},
        {"hash in the middle", WR_STR_INIT("a/#/b"), WR_ERR_SYNTAX, 2,
         "found '#' before the end of the topic filter, expected it as the last level only"},
        {"hash twice", WR_STR_INIT("a/#/#"), WR_ERR_SYNTAX, 2, NULL},
        {"hash in a level", WR_STR_INIT("a/b#"), WR_ERR_SYNTAX, 2,
         "found the level 'b#' in the topic filter, expected '#' to stand alone in its level"},
        {"double hash", WR_STR_INIT("a/##"), WR_ERR_SYNTAX, 2, NULL},
        {"plus in a level", WR_STR_INIT("a/+b/c"), WR_ERR_SYNTAX, 2,
         "found the level '+b' in the topic filter, expected '+' to stand alone in its level"},
        {"hash before a slash", WR_STR_INIT("#/"), WR_ERR_SYNTAX, 0, NULL},
        {"NUL", WR_STR_INIT("a\0b"), WR_ERR_SYNTAX, 1, "the topic filter holds a NUL byte"},
        {"not UTF-8", WR_STR_INIT("a\xff"), WR_ERR_SYNTAX, 0,
         "the topic filter is not valid UTF-8"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_fault fault = {0};
        CHECK_INT(cases[i].name, wr_topic_filter_check(cases[i].filter, &fault), cases[i].err);
        if (cases[i].err) {
            CHECK_INT(cases[i].name, fault.offset, cases[i].offset);
            CHECK_STR(cases[i].name, Z(fault.text), Z(cases[i].text ? cases[i].text : fault.text));
        }
    }
}

static void checks_names(void **state)
{
    static const struct {
        const char *name;
        wr_str topic;
        wr_err err;
        size_t offset;
    } cases[] = {
        {"plain", WR_STR_INIT("a/b"), WR_OK, 0},
        {"slash", WR_STR_INIT("/"), WR_OK, 0},
        {"dollar", WR_STR_INIT("$aws/rules/r"), WR_OK, 0},
        {"empty", WR_STR_INIT(""), WR_ERR_SYNTAX, 0},
        {"plus", WR_STR_INIT("a/+"), WR_ERR_SYNTAX, 2},
        {"hash in a level", WR_STR_INIT("a/b#"), WR_ERR_SYNTAX, 3},
        {"NUL", WR_STR_INIT("a/\0"), WR_ERR_SYNTAX, 2},
        {"not UTF-8", WR_STR_INIT("\xc0\x80"), WR_ERR_SYNTAX, 0},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_fault fault = {0};
        CHECK_INT(cases[i].name, wr_topic_name_check(cases[i].topic, &fault), cases[i].err);
        CHECK_INT(cases[i].name, fault.offset, cases[i].offset);
    }
}

static void limits_length(void **state)
{
    static char text[WR_TOPIC_LEN_MAX + 1];
    memset(text, 'a', sizeof text);
    struct wr_fault fault = {0};
    CHECK_INT("name, longest", wr_topic_name_check((wr_str){text, sizeof text - 1}, &fault), WR_OK);
    CHECK_INT("name, longer", wr_topic_name_check((wr_str){text, sizeof text}, &fault),
              WR_ERR_LIMIT);
    CHECK_INT("filter, longest", wr_topic_filter_check((wr_str){text, sizeof text - 1}, NULL),
              WR_OK);
    CHECK_INT("filter, longer", wr_topic_filter_check((wr_str){text, sizeof text}, NULL),
              WR_ERR_LIMIT);
}

static void matches(void **state)
{
    static const struct {
        const char *filter, *topic;
        bool aws, mqtt;
    } cases[] = {
        {"a/b", "a/b", true, true},       {"a/b", "a", false, false},
        {"a", "a/b", false, false},       {"a/b", "A/b", false, false},
        {"a/b", "a/bc", false, false},    {"a/bc", "a/b", false, false},
        {"+", "a", true, true},           {"+", "a/b", false, false},
        {"+/+", "/a", true, true},        {"/+", "/a", true, true},
        {"+", "/a", false, false},        {"a/+", "a/", true, true},
        {"a/+", "a", false, false},       {"a/+/c", "a//c", true, true},
        {"a/#", "a", false, true},        {"a/#", "a/", true, true},
        {"a/#", "a/b/c", true, true},     {"a/#", "ab", false, false},
        {"a/#", "b/a", false, false},     {"#", "a", true, true},
        {"#", "/", true, true},           {"#", "$aws/x", false, false},
        {"+/x", "$aws/x", false, false},  {"+/#", "$aws/x", false, false},
        {"$aws/#", "$aws/x", true, true}, {"$aws/#", "$aws", false, true},
        {"$aws/+", "$aws/x", true, true}, {"a/+", "a/$b", true, true},
        {"+/#", "a", false, true},        {"+/b/#", "a/b", false, true},
        {"a/+/#", "a", false, false},     {"/#", "", false, true},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        wr_str filter = Z(cases[i].filter), topic = Z(cases[i].topic);
        CHECK_INT(cases[i].filter, wr_topic_matches(filter, topic), cases[i].aws);
        CHECK_INT(cases[i].filter, wr_topic_matches_mqtt(filter, topic), cases[i].mqtt);
    }
}

static void compares_filters(void **state)
{
    static const struct {
        const char *a, *b;
        bool covers, covered, overlap; // a covers b, b covers a
    } cases[] = {
        {"a/b", "a/b", true, true, true},        {"a/b", "a/c", false, false, false},
        {"a/+", "a/b", true, false, true},       {"a/#", "a/b/c", true, false, true},
        {"a/#", "a", true, false, true},         {"a/#", "a/+", true, false, true},
        {"a/#", "a/b/#", true, false, true},     {"#", "a/b", true, false, true},
        {"#", "+/#", true, true, true},          {"+/+/#", "#", false, true, true},
        {"+", "#", false, true, true},           {"#", "$aws/x", false, false, false},
        {"+/x", "$aws/x", false, false, false},  {"+/x", "$aws/+", false, false, false},
        {"$aws/#", "$aws/+", true, false, true}, {"a/+/c", "a/b/+", false, false, true},
        {"a/+/c", "+/b/d", false, false, false}, {"a/#", "+/b", false, false, true},
        {"a/+/#", "a/#", false, true, true},     {"a", "a/b", false, false, false},
        {"a/b/#", "a", false, false, false},     {"+/b", "#", false, true, true},
        {"a/+", "a/#", false, true, true},       {"+", "+", true, true, true},
        {"/+", "+/+", false, true, true},        {"a/+/#", "a", false, false, false},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        wr_str a = Z(cases[i].a), b = Z(cases[i].b);
        CHECK_INT(cases[i].a, wr_topic_covers(a, b), cases[i].covers);
        CHECK_INT(cases[i].a, wr_topic_covers(b, a), cases[i].covered);
        CHECK_INT(cases[i].a, wr_topic_overlap(a, b), cases[i].overlap);
        CHECK_INT(cases[i].a, wr_topic_overlap(b, a), cases[i].overlap);
    }
}

static void gives_levels(void **state)
{
    static const struct {
        const char *topic;
        size_t index;
        bool found;
        const char *level;
    } cases[] = {
        {"a/b", 0, true, "a"}, {"a/b", 1, true, "b"},  {"a/b", 2, false, NULL},
        {"/", 0, true, ""},    {"/", 1, true, ""},     {"/", 2, false, NULL},
        {"a//c", 1, true, ""}, {"a//c", 2, true, "c"}, {"", 0, true, ""},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        wr_str level = {0};
        CHECK_INT(cases[i].topic, wr_topic_level(Z(cases[i].topic), cases[i].index, &level),
                  cases[i].found);
        if (cases[i].found) {
            CHECK_STR(cases[i].topic, level, Z(cases[i].level));
        }
    }
}

static void splits_basic_ingest(void **state)
{
    static const struct {
        const char *topic;
        bool is;
        const char *rule, *rest;
    } cases[] = {
        {"$aws/rules/r/a/b", true, "r", "a/b"}, {"$aws/rules/r", true, "r", ""},
        {"$aws/rules/r/", true, "r", ""},       {"$aws/rules/my_rule/x", true, "my_rule", "x"},
        {"$aws/rules/", false, NULL, NULL},     {"$aws/rules//a", false, NULL, NULL},
        {"$aws/rules", false, NULL, NULL},      {"$aws/things/r/a", false, NULL, NULL},
        {"x/$aws/rules/r", false, NULL, NULL},  {"", false, NULL, NULL},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        wr_str rule = {0}, rest = {0};
        CHECK_INT(cases[i].topic, wr_topic_basic_ingest(Z(cases[i].topic), &rule, &rest),
                  cases[i].is);
        if (cases[i].is) {
            CHECK_STR(cases[i].topic, rule, Z(cases[i].rule));
            CHECK_STR(cases[i].topic, rest, Z(cases[i].rest));
        }
    }
}

// ---- against a slow matcher: recursion over split levels, straight from the words of sql.md 8.1

#define LEVELS_MAX 6

static size_t split(wr_str s, wr_str *levels)
{
    size_t count = 0, from = 0;
    for (size_t i = 0; i <= s.len; i++) {
        if (i == s.len || s.at[i] == '/') {
            levels[count++] = wr_str_cut(s, from, i);
            from = i + 1;
        }
    }
    return count;
}

static bool slow_tail(const wr_str *f, size_t fn, const wr_str *t, size_t tn, bool parent)
{
    if (fn > 0 && wr_str_eq(f[0], S("#"))) {
        return tn > 0 || parent;
    }
    if (fn == 0 || tn == 0) {
        return fn == tn;
    }
    return (wr_str_eq(f[0], S("+")) || wr_str_eq(f[0], t[0])) &&
           slow_tail(f + 1, fn - 1, t + 1, tn - 1, parent);
}

static bool slow(wr_str filter, wr_str topic, bool parent)
{
    wr_str f[LEVELS_MAX], t[LEVELS_MAX];
    size_t fn = split(filter, f), tn = split(topic, t);
    bool wild = wr_str_eq(f[0], S("+")) || wr_str_eq(f[0], S("#"));
    if (wild && wr_str_starts(t[0], S("$"))) {
        return false;
    }
    return slow_tail(f, fn, t, tn, parent);
}

static uint32_t chance(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

// Up to 4 levels of few names, so that much matches. `wild` makes it a filter.
static wr_str random_text(uint32_t *seed, char *to, bool wild)
{
    static const char *const names[] = {"a", "b", "", "$x", "ab"};
    size_t len = 0, levels = 1 + chance(seed, 4);
    for (size_t i = 0; i < levels; i++) {
        const char *name = names[chance(seed, WR_COUNT(names))];
        if (wild && chance(seed, 3) == 0) {
            name = i + 1 == levels && chance(seed, 2) ? "#" : "+";
        }
        len += (size_t)snprintf(to + len, 32 - len, "%s%s", i ? "/" : "", name);
    }
    return (wr_str){to, len};
}

static void matches_as_the_slow_matcher(void **state)
{
    uint32_t seed = 1;
    for (int i = 0; i < 200000; i++) {
        char f[32], t[32], name[80];
        wr_str filter = random_text(&seed, f, true), topic = random_text(&seed, t, false);
        snprintf(name, sizeof name, "%.*s on %.*s", WR_STR_ARG(filter), WR_STR_ARG(topic));
        CHECK_INT(name, wr_topic_matches(filter, topic), slow(filter, topic, false));
        CHECK_INT(name, wr_topic_matches_mqtt(filter, topic), slow(filter, topic, true));
    }
}

// All topics of up to 5 levels over an alphabet with one name that no filter holds: enough to tell
// whether one filter of up to 4 levels covers or overlaps another.
static size_t all_topics(char (*to)[32])
{
    static const char *const names[] = {"a", "", "$x", "other"};
    size_t count = 0;
    for (size_t levels = 1; levels <= 5; levels++) {
        size_t total = 1;
        for (size_t i = 0; i < levels; i++) {
            total *= WR_COUNT(names);
        }
        for (size_t n = 0; n < total; n++) {
            size_t len = 0, rest = n;
            for (size_t i = 0; i < levels; i++, rest /= WR_COUNT(names)) {
                len += (size_t)snprintf(to[count] + len, 32 - len, "%s%s", i ? "/" : "",
                                        names[rest % WR_COUNT(names)]);
            }
            count += len > 0; // a topic is not empty
        }
    }
    return count;
}

static wr_str random_filter(uint32_t *seed, char *to)
{
    static const char *const names[] = {"a", "", "$x", "+", "+"};
    size_t len = 0, levels = 1 + chance(seed, 4);
    for (size_t i = 0; i < levels; i++) {
        const char *name = names[chance(seed, WR_COUNT(names))];
        if (i + 1 == levels && chance(seed, 3) == 0) {
            name = "#";
        }
        len += (size_t)snprintf(to + len, 32 - len, "%s%s", i ? "/" : "", name);
    }
    return (wr_str){to, len};
}

static void covers_what_it_matches(void **state)
{
    static char topics[1400][32];
    size_t count = all_topics(topics);
    uint32_t seed = 7;
    for (int i = 0; i < 4000; i++) {
        char f[32], g[32], name[80];
        wr_str a = random_filter(&seed, f), b = random_filter(&seed, g);
        if (a.len == 0 || b.len == 0) {
            continue;
        }
        bool covers = true, overlap = false;
        for (size_t t = 0; t < count; t++) {
            bool in_a = slow(a, Z(topics[t]), true), in_b = slow(b, Z(topics[t]), true);
            covers &= in_a || !in_b;
            overlap |= in_a && in_b;
        }
        snprintf(name, sizeof name, "%.*s and %.*s", WR_STR_ARG(a), WR_STR_ARG(b));
        CHECK_INT(name, wr_topic_covers(a, b), covers);
        CHECK_INT(name, wr_topic_overlap(a, b), overlap);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(checks_filters),         T(checks_names),
        T(limits_length),          T(matches),
        T(compares_filters),       T(gives_levels),
        T(splits_basic_ingest),    T(matches_as_the_slow_matcher),
        T(covers_what_it_matches),
    };
    return TEST_MAIN(tests);
}
