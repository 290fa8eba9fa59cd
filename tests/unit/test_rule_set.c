// Rules and rule sets: compiling, locks, groups shared by topics, filters, the topic cache.
#include "engine/rules/rule_set.h"

#include "tests/support/test.h"

#include <stdlib.h>

#include "engine/rules/topic_cache.h"
#include "sql/base/hash.h"
#include "tests/support/fake_sink.h"

#include "sql/base/banned.h"

void wr_record_settle(struct wr_record *rec, enum wr_verdict verdict, const struct wr_why *why)
{
    fail(); // nothing is submitted here
}

static struct wr_metrics *metrics;

static struct wr_rule *rule(const char *name, const char *from, const char *rest)
{
    const struct wr_rule_options options = {.kinds = fake_kinds, .metrics = metrics};
    char text[512];
    struct wr_rule *r;
    struct wr_fault fault = {0};
    snprintf(text, sizeof text, "{\"sql\": \"SELECT * %s\", \"actions\": []%s}", from, rest);
    if (wr_rule_new(Z(text), name, &options, &r, &fault)) {
        CASE_FAIL(name, "%s", fault.text);
    }
    return r;
}

// Takes the rules' locks.
static struct wr_rule_set *set_of(struct wr_rule **rules, size_t count)
{
    struct wr_rule_set *s = wr_rule_set_new(rules, count);
    for (size_t i = 0; i < count; i++) {
        wr_rule_unlock(rules[i]);
    }
    return s;
}

static struct wr_rule *rule_of(const struct wr_rule_owner *owner, const char *name,
                               const char *from)
{
    struct wr_rule_options options = {.kinds = fake_kinds, .owner = owner};
    char text[512];
    struct wr_rule *r;
    struct wr_fault fault = {0};
    snprintf(text, sizeof text, "{\"sql\": \"SELECT * FROM '%s'\", \"actions\": []}", from);
    if (wr_rule_new(Z(text), name, &options, &r, &fault)) {
        CASE_FAIL(name, "%s", fault.text);
    }
    CHECK("not counted yet", r->counters == NULL);
    wr_rule_count(r, metrics);
    return r;
}

// Messages of a source meet the rules of its space and no others.
static void keeps_spaces_apart(void **state)
{
    const struct wr_rule_owner own = {.account = WR_STR("111122223333"),
                                      .label = WR_STR("acme/eu-west-1/"),
                                      .space = 2},
                               there = {.label = WR_STR("acme/us-east-1/"), .space = 2},
                               shared = {.label = WR_STR("other/eu-west-1/")};
    struct wr_rule *rules[] = {
        rule("r", "FROM 'x/+'", ""),  rule_of(&own, "r", "x/#"),    rule_of(&there, "r", "y/+"),
        rule_of(&own, "only", "x/+"), rule_of(&shared, "r", "x/1"),
    };
    struct wr_rule_set *s = set_of(rules, WR_COUNT(rules));
    CHECK_INT("the source's", wr_rule_set_topic_in(s, 0, S("x/1"))->count, 2);
    CHECK_INT("their broker's", wr_rule_set_topic_in(s, 2, S("x/1"))->count, 2);
    CHECK_INT("one of them", wr_rule_set_topic_in(s, 2, S("x/1/2"))->count, 1);
    CHECK("no rule", wr_rule_set_topic_in(s, 1, S("x/1")) == NULL);
    CHECK("no such space", wr_rule_set_topic_in(s, 9, S("x/1")) == NULL);
    CHECK_STR("the name with its owner", wr_rule_set_topic_in(s, 2, S("x/1/2"))->rules[0]->name,
              S("acme/eu-west-1/r"));
    CHECK_STR("the document's", wr_rule_set_topic_in(s, 2, S("x/1/2"))->rules[0]->plain, S("r"));
    struct wr_rule_group *g = wr_rule_set_basic_ingest_in(s, 0, S("r"));
    CHECK("by name: nobody else's", g->count == 1 && g->rules[0]->owner.label.len == 0);
    CHECK_INT("all regions", wr_rule_set_basic_ingest_in(s, 2, S("r"))->count, 2);
    CHECK_INT("one region", wr_rule_set_basic_ingest_in(s, 2, S("only"))->count, 1);
    CHECK("unknown", wr_rule_set_basic_ingest_in(s, 2, S("ronly")) == NULL);
    size_t count;
    const wr_str *filters = wr_rule_set_filters(s, 2, &count);
    CHECK("filters of a space", count == 3 && wr_str_eq(filters[0], S("x/#")));
    (void)wr_rule_set_filters(s, 7, &count);
    CHECK_INT("of none", count, 0);
    CHECK_INT("of all", wr_rule_set_filter_count(s), 5);
    struct wr_topic_cache *c = wr_topic_cache_new(64);
    bool hit;
    CHECK("cached", wr_topic_cache_get(c, s, 0, S("x/1"), &hit)->count == 2 && !hit);
    g = wr_topic_cache_get(c, s, 2, S("x/1"), &hit);
    CHECK("apart", g == wr_rule_set_topic_in(s, 2, S("x/1")) && !hit);
    CHECK("and found again", wr_topic_cache_get(c, s, 2, S("x/1"), &hit) == g && hit);
    wr_topic_cache_free(c);
    wr_rule_set_unlock(s);
}

static int setup(void **state)
{
    metrics = wr_metrics_new();
    return 0;
}

static int teardown(void **state)
{
    wr_metrics_free(metrics);
    return 0;
}

static void shares_groups(void **state)
{
    struct wr_rule *rules[] = {
        rule("b", "FROM 'x/+'", ""),
        rule("a", "FROM 'x/#'", ""),
        rule("off", "FROM '#'", ", \"ruleDisabled\": true"),
        rule("ingest", "", ""),
    };
    struct wr_rule_set *s = set_of(rules, 4);
    struct wr_rule_group *g = wr_rule_set_topic(s, S("x/1"));
    CHECK_INT("two rules", g->count, 2);
    CHECK_STR("in order of name", g->rules[0]->name, S("a"));
    CHECK_STR("in order of name", g->rules[1]->name, S("b"));
    CHECK("equal sets are one group", wr_rule_set_topic(s, S("x/2")) == g);
    CHECK_INT("one rule", wr_rule_set_topic(s, S("x/1/2"))->count, 1);
    CHECK("none", wr_rule_set_topic(s, S("y")) == NULL);
    CHECK("by name", wr_rule_set_basic_ingest(s, S("ingest"))->count == 1);
    CHECK("by name, whatever FROM says",
          wr_rule_set_basic_ingest(s, S("a")) == wr_rule_set_topic(s, S("x/1/2")));
    CHECK("disabled", wr_rule_set_basic_ingest(s, S("off")) == NULL);
    CHECK("unknown", wr_rule_set_basic_ingest(s, S("zz")) == NULL);
    CHECK("found", wr_rule_set_find(s, S("off")) != NULL);
    wr_rule_set_unlock(s);
}

static void lists_filters_once(void **state)
{
    struct wr_rule *rules[] = {
        rule("a", "FROM 'x'", ""), rule("b", "FROM 'b'", ""), rule("c", "FROM 'x'", ""),
        rule("d", "FROM 'off'", ", \"ruleDisabled\": true"), rule("e", "", "")};
    struct wr_rule_set *s = set_of(rules, 5);
    size_t count;
    const wr_str *filters = wr_rule_set_filters(s, 0, &count);
    CHECK_INT("count", count, 2);
    CHECK_STR("sorted", filters[0], S("b"));
    CHECK_STR("sorted", filters[1], S("x"));
    CHECK("first", wr_rule_set_first_complaint(s, S("x")));
    CHECK("second", !wr_rule_set_first_complaint(s, S("x")));
    CHECK("another", wr_rule_set_first_complaint(s, S("b")));
    CHECK("no filter of the set", !wr_rule_set_first_complaint(s, S("zz")));
    wr_rule_set_unlock(s);
}

static void caches_topics(void **state)
{
    struct wr_rule *rules[] = {rule("a", "FROM 'x/#'", "")};
    struct wr_rule *more[] = {rules[0], rule("b", "FROM 'x/1'", "")};
    wr_rule_lock(rules[0]);
    struct wr_rule_set *s = set_of(rules, 1);
    struct wr_topic_cache *c = wr_topic_cache_new(1); // two topics
    bool hit;
    struct wr_rule_group *g = wr_topic_cache_get(c, s, 0, S("x/1"), &hit);
    CHECK_INT("first", hit, false);
    CHECK("again", wr_topic_cache_get(c, s, 0, S("x/1"), &hit) == g && hit);
    CHECK("nothing is an answer too", wr_topic_cache_get(c, s, 0, S("y"), &hit) == NULL && !hit);
    CHECK("nothing, again", wr_topic_cache_get(c, s, 0, S("y"), &hit) == NULL && hit);
    CHECK("third", wr_topic_cache_get(c, s, 0, S("x/3"), &hit) == g && !hit);
    struct wr_rule_set *newer = set_of(more, 2);
    CHECK_INT("another set", wr_topic_cache_get(c, newer, 0, S("x/1"), &hit)->count, 2);
    CHECK_INT("is a miss", hit, false);
    CHECK_INT("and then a hit", wr_topic_cache_get(c, newer, 0, S("x/1"), &hit)->count, 2);
    CHECK_INT("and then a hit", hit, true);
    static char long_topic[WR_TOPIC_CACHE_LEN + 2] = "x/";
    memset(long_topic + 2, 'y', sizeof long_topic - 3);
    CHECK("long topics are looked up", wr_topic_cache_get(c, s, 0, Z(long_topic), &hit) == g);
    CHECK("each time", wr_topic_cache_get(c, s, 0, Z(long_topic), &hit) == g && !hit);
    wr_topic_cache_free(c);
    wr_rule_set_unlock(s);
    wr_rule_set_unlock(newer);
}

static void lives_as_long_as_it_is_locked(void **state)
{
    struct wr_rule *rules[] = {rule("a", "FROM 'x'", "")};
    struct wr_rule_set *s = set_of(rules, 1);
    wr_rule_set_lock(s);
    wr_rule_set_unlock(s);
    CHECK_STR("still there", wr_rule_set_at(s, 0)->name, S("a"));
    wr_rule_set_unlock(s);
}

// 13 filters `+/…/letter/…/+` make every subset of them a group: topics bring more than the limit.
static void forgets_groups_beyond_the_limit(void **state)
{
    struct wr_rule *rules[13];
    for (size_t i = 0; i < 13; i++) {
        char name[8], from[64];
        size_t len = 0;
        for (size_t k = 0; k < 13; k++) {
            len += (size_t)snprintf(from + len, sizeof from - len, "%s%s", k ? "/" : "FROM '",
                                    k == i ? "x" : "+");
        }
        snprintf(from + len, sizeof from - len, "'");
        snprintf(name, sizeof name, "r%02zu", i);
        rules[i] = rule(name, from, "");
    }
    struct wr_rule_set *s = set_of(rules, 13);
    uint64_t epoch = wr_rule_set_epoch(s);
    struct wr_rule_group *held = NULL;
    for (unsigned bits = 1; bits < 8192; bits++) {
        char topic[26];
        for (unsigned k = 0; k < 13; k++) {
            topic[2 * k] = bits >> k & 1 ? 'x' : 'y';
            topic[2 * k + 1] = '/';
        }
        struct wr_rule_group *g = wr_rule_set_topic(s, (wr_str){topic, 25});
        CHECK_INT("as many rules as x", g->count, __builtin_popcount(bits));
        if (bits == 5) {
            held = g;
            held->locks++;
        }
    }
    CHECK("swept", wr_rule_set_epoch(s) != epoch);
    CHECK("what is in use stays",
          wr_rule_set_topic(s, S("x/y/x/y/y/y/y/y/y/y/y/y/y")) == held && held->count == 2);
    held->locks--;
    wr_rule_set_unlock(s);
}

static void refuses_rules(void **state)
{
    static const struct {
        const char *name, *text, *want;
        wr_err err;
    } cases[] = {
        {"version", "{\"sql\": \"SELECT 1\", \"actions\": [], \"awsIotSqlVersion\": \"2016\"}",
         "awsIotSqlVersion: ", WR_ERR_UNKNOWN},
        {"statement", "{\"sql\": \"SELECT\\n  FROM 'x'\", \"actions\": []}",
         "sql:2:3: ", WR_ERR_SYNTAX},
        {"template", "{\"sql\": \"SELECT 1\", \"actions\": [{\"fake\": {\"name\": \"ab${1 +}\"}}]}",
         "actions[0].fake.name:1:", WR_ERR_SYNTAX},
        {"open template",
         "{\"sql\": \"SELECT 1\", \"actions\": [{\"fake\": {\"name\": \"ab${1\"}}]}",
         "actions[0].fake.name:1:", WR_ERR_SYNTAX},
        {"pair",
         "{\"sql\": \"SELECT 1\", \"actions\": [{\"fake\": {\"name\": \"a\", \"headers\": "
         "[{\"key\": \"k\", \"value\": \"${}\"}]}}]}",
         "actions[0].fake.headers:1:", WR_ERR_SYNTAX},
        {"error action",
         "{\"sql\": \"SELECT 1\", \"actions\": [], \"errorAction\": {\"fake\": {\"name\": "
         "\"${nope(}\"}}}",
         "errorAction.fake.name:1:", WR_ERR_UNKNOWN},
    };
    const struct wr_rule_options options = {.kinds = fake_kinds, .metrics = metrics};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_rule *r;
        struct wr_fault fault = {0};
        CHECK_INT(cases[i].name, wr_rule_new(Z(cases[i].text), "f.json", &options, &r, &fault),
                  cases[i].err);
        if (!wr_str_starts(Z(fault.text), Z(cases[i].want))) {
            CASE_FAIL(cases[i].name, "'%s' does not begin with '%s'", fault.text, cases[i].want);
        }
        CHECK_INT(cases[i].name, fault.line, 0);
    }
}

int main(void)
{
    wr_hash_seed_init();
    const struct CMUnitTest tests[] = {
        T(shares_groups),
        T(keeps_spaces_apart),
        T(lists_filters_once),
        T(caches_topics),
        T(lives_as_long_as_it_is_locked),
        T(forgets_groups_beyond_the_limit),
        T(refuses_rules),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
