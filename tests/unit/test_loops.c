// Static check for rules that feed themselves through republish.
#include "engine/rules/loops.h"

#include "tests/support/test.h"

#include <stdlib.h>

#include "tests/support/fake_sink.h"

#include "sql/base/banned.h"

void wr_record_settle(struct wr_record *rec, enum wr_verdict verdict, const struct wr_why *why)
{
    fail(); // nothing is submitted here
}

static void widens_templates(void **state)
{
    static const struct {
        const char *name, *text, *want;
    } cases[] = {
        {"constant", "a/b", "a/b"},
        {"reserved", "$$aws/things/x/shadow/update", "$aws/things/x/shadow/update"},
        {"one level", "a/${topic(2)}/b", "a/+/b"},
        {"part of a level", "a/x-${topic(12)}-y", "a/+"},
        {"one level, blanks", "${ newuuid() }/b", "+/b"},
        {"whole topic", "b/${topic()}", "b/#"},
        {"field", "a/${name}/b", "a/#"},
        {"field alone", "${name}", "#"},
        {"field after text", "a/x-${name}", "a/#"},
        {"an operator is no function", "a/${topic(1) + x}", "a/#"},
        {"two in a level", "${topic(1)}${topic(2)}/z", "+/z"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf got = {0};
        wr_loops_widen(Z(cases[i].text), &got);
        CHECK_STR(cases[i].name, wr_buf_str(&got), Z(cases[i].want));
        wr_buf_release(&got);
    }
}

static void note(void *user, const char *path)
{
    wr_buf_addf(user, "%s; ", path);
}

static bool elsewhere(void *user, wr_str rule, bool error_action)
{
    return wr_str_eq(rule, WR_STR("far")) && !error_action;
}

static void leaves_other_brokers_out(void **state)
{
    static const struct {
        const char *rule;
        bool error_action;
        const char *want;
    } cases[] = {
        {"near", false, "near -> near; "},
        {"far", false, ""},
        {"far", true, "far -> far; "},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_metrics *metrics = wr_metrics_new();
        const struct wr_rule_options options = {.kinds = fake_kinds, .metrics = metrics};
        char text[512], file[16];
        struct wr_fault fault = {0};
        struct wr_rule *rule;
        snprintf(file, sizeof file, "%s.json", cases[i].rule);
        snprintf(text, sizeof text,
                 "{\"sql\": \"SELECT * FROM 'x'\", \"actions\": [%s], \"%s\": %s}",
                 cases[i].error_action ? "{\"republish\": {\"topic\": \"y\"}}"
                                       : "{\"republish\": {\"topic\": \"x\"}}",
                 cases[i].error_action ? "errorAction" : "description",
                 cases[i].error_action ? "{\"republish\": {\"topic\": \"x\"}}" : "\"\"");
        if (wr_rule_new(Z(text), file, &options, &rule, &fault)) {
            CASE_FAIL(text, "%s", fault.text);
        }
        struct wr_rule_set *set = wr_rule_set_new(&rule, 1);
        struct wr_buf got = {0};
        wr_loops_check(set, elsewhere, note, &got);
        CHECK_STR(text, wr_buf_str(&got), Z(cases[i].want));
        wr_buf_release(&got);
        wr_rule_set_unlock(set);
        wr_rule_unlock(rule);
        wr_metrics_free(metrics);
    }
}

static void finds_loops(void **state)
{
    // A rule is "FROM filter, republish topic"; they are named a, b, c, …
    static const struct {
        const char *name;
        struct {
            const char *filter, *topic;
            bool disabled;
        } rules[5];
        const char *want;
    } cases[] = {
        {"none", {{"in/#", "out/x", false}}, ""},
        {"itself", {{"t/+", "t/x", false}}, "a -> a; "},
        {"itself through a template",
         {{"site/+/reading", "site/${topic(2)}/reading", false}},
         "a -> a; "},
        {"a deeper topic does not match", {{"site/+", "site/${topic(2)}/alert", false}}, ""},
        {"two", {{"x/#", "y/1", false}, {"y/#", "x/1", false}}, "a -> b -> a; "},
        {"two, one disabled", {{"x/#", "y/1", false}, {"y/#", "x/1", true}}, ""},
        {"a chain", {{"x", "y", false}, {"y", "z", false}, {"z", "w", false}}, ""},
        {"three", {{"x", "y", false}, {"y", "z", false}, {"z", "x", false}}, "a -> b -> c -> a; "},
        {"behind a chain", {{"x", "y", false}, {"y", "y", false}}, "b -> b; "},
        {"by name", {{"x", "$$aws/rules/a/again", false}}, "a -> a; "},
        {"another by name", {{"x", "$$aws/rules/b/again", false}}, ""},
        {"two loops",
         {{"x", "x", false}, {"y", "z", false}, {"z", "y", false}},
         "a -> a; b -> c -> b; "},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_metrics *metrics = wr_metrics_new();
        const struct wr_rule_options options = {.kinds = fake_kinds, .metrics = metrics};
        struct wr_rule *rules[5];
        size_t count = 0;
        for (; count < 5 && cases[i].rules[count].filter; count++) {
            char text[512], file[16];
            struct wr_fault fault = {0};
            snprintf(file, sizeof file, "%c.json", (int)('a' + count));
            snprintf(text, sizeof text,
                     "{\"sql\": \"SELECT * FROM '%s'\", \"ruleDisabled\": %s, \"actions\": "
                     "[{\"republish\": {\"topic\": \"%s\"}}]}",
                     cases[i].rules[count].filter,
                     cases[i].rules[count].disabled ? "true" : "false",
                     cases[i].rules[count].topic);
            if (wr_rule_new(Z(text), file, &options, &rules[count], &fault)) {
                CASE_FAIL(cases[i].name, "%s", fault.text);
            }
        }
        struct wr_rule_set *set = wr_rule_set_new(rules, count);
        struct wr_buf got = {0};
        wr_loops_check(set, NULL, note, &got);
        CHECK_STR(cases[i].name, wr_buf_str(&got), Z(cases[i].want));
        for (size_t k = 0; k < count; k++) { // names are one letter
            bool named = memchr(cases[i].want, (int)('a' + k), strlen(cases[i].want)) != NULL;
            CHECK_INT(cases[i].name, rules[k]->counters->may_loop, named);
        }
        wr_buf_release(&got);
        wr_rule_set_unlock(set);
        while (count) {
            wr_rule_unlock(rules[--count]);
        }
        wr_metrics_free(metrics);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(widens_templates), T(finds_loops),
                                       T(leaves_other_brokers_out)};
    return TEST_MAIN(tests);
}
