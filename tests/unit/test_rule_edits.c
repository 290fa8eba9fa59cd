// Edits of a rule set against sets made afresh of the same rules: the same groups in the same order
// for any topic, through the topic cache; the same filters; groups in use outlive their rules.
#include "engine/rules/rule_set.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/rules/topic_cache.h"
#include "sql/base/hash.h"
#include "tests/support/fake_sink.h"

#include "sql/base/banned.h"

#define NAMES    40
#define VERSIONS 12   // of each name
#define STEPS    6000 // of a run
#define TOPICS   60
#define HELD     8
#define TEXT     160 // four levels of the longest name

void wr_record_settle(struct wr_record *rec, enum wr_verdict verdict, const struct wr_why *why)
{
    fail(); // nothing is submitted here
}

static struct wr_metrics *metrics;
static struct wr_rule *pool[NAMES][VERSIONS]; // what rules may become
static char topics[TOPICS][TEXT];

static uint64_t seed = 11;
static unsigned below(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(seed >> 33) % n;
}

static size_t random_levels(bool filter, char *out)
{
    static const char *const names[] = {
        "a", "b", "", "$x", "$aws", "a-name-of-more-than-twelve-bytes", "another-long-name", "c"};
    size_t len = 0;
    unsigned levels = 1 + below(4);
    for (unsigned i = 0; i < levels; i++) {
        const char *name = names[below(WR_COUNT(names))];
        if (filter && below(3) == 0) {
            name = i + 1 == levels && below(2) ? "#" : "+";
        }
        len += (size_t)snprintf(out + len, TEXT - len, "%s%s", i ? "/" : "", name);
    }
    return len;
}

// Some share filters, some have none, some are disabled, some are a tenant's on its own broker.
static struct wr_rule *make(unsigned name, unsigned version)
{
    static char shared[4][TEXT];
    const struct wr_rule_owner tenants[] = {
        {.label = WR_STR("acme/eu-west-1/"), .space = 2},
        {.label = WR_STR("acme/us-east-1/"), .space = 2},
    };
    char from[TEXT] = "", clause[TEXT + 16] = "", text[2 * TEXT], file[16];
    do {
        random_levels(true, from);
    } while (wr_str_of(from).len == 0);
    unsigned kind = below(10);
    if (kind < 3) {
        char *one = shared[below(4)];
        snprintf(one, *one ? 0 : TEXT, "%s", from);
        snprintf(from, sizeof from, "%s", one);
    }
    if (kind < 9) {
        snprintf(clause, sizeof clause, " FROM '%s'", from);
    }
    snprintf(text, sizeof text,
             "{\"sql\": \"SELECT %u AS v%s WHERE x = %u\", \"actions\": [], \"ruleDisabled\": %s}",
             version, clause, below(5), below(6) ? "false" : "true");
    snprintf(file, sizeof file, "r%02u", name % 20);
    const struct wr_rule_options options = {
        .kinds = fake_kinds, .metrics = metrics, .owner = name < 20 ? NULL : &tenants[name % 2]};
    struct wr_rule *r;
    struct wr_fault fault = {0};
    if (wr_rule_new(Z(text), file, &options, &r, &fault)) {
        CASE_FAIL(text, "%s", fault.text);
    }
    return r;
}

static int setup(void **state)
{
    metrics = wr_metrics_new();
    for (unsigned i = 0; i < NAMES; i++) {
        for (unsigned k = 0; k < VERSIONS; k++) {
            pool[i][k] = make(i, k);
        }
    }
    for (unsigned i = 0; i < TOPICS; i++) {
        random_levels(false, topics[i]);
    }
    return 0;
}

static int teardown(void **state)
{
    for (unsigned i = 0; i < NAMES * VERSIONS; i++) {
        CHECK_INT("no lock is left", pool[i / VERSIONS][i % VERSIONS]->locks_, 1);
        wr_rule_unlock(pool[i / VERSIONS][i % VERSIONS]);
    }
    wr_metrics_free(metrics);
    return 0;
}

// What there should be.
static struct wr_rule *now[NAMES];

static size_t listed(struct wr_rule **out)
{
    size_t count = 0;
    for (unsigned i = 0; i < NAMES; i++) {
        if (now[i]) {
            out[count++] = now[i];
        }
    }
    return count;
}

static void compare(const char *what, const struct wr_rule_group *got,
                    const struct wr_rule_group *want)
{
    CHECK_INT(what, got ? got->count : 0, want ? want->count : 0);
    for (size_t i = 0; got && i < got->count; i++) {
        if (got->rules[i] != want->rules[i]) {
            CASE_FAIL(what, "rule %zu is %.*s %p, not %.*s %p", i, WR_STR_ARG(got->rules[i]->name),
                      (void *)got->rules[i], WR_STR_ARG(want->rules[i]->name),
                      (void *)want->rules[i]);
        }
    }
}

static void compare_lists(struct wr_rule_set *got, struct wr_rule_set *want)
{
    CHECK_INT("rules", wr_rule_set_count(got), wr_rule_set_count(want));
    for (size_t i = 0; i < wr_rule_set_count(got); i++) {
        CHECK("in order", wr_rule_set_at(got, i) == wr_rule_set_at(want, i));
    }
    CHECK_INT("filters", wr_rule_set_filter_count(got), wr_rule_set_filter_count(want));
    for (uint32_t space = 0; space < 4; space++) {
        size_t got_count, want_count;
        const wr_str *a = wr_rule_set_filters(got, space, &got_count);
        const wr_str *b = wr_rule_set_filters(want, space, &want_count);
        CHECK_INT("filters of a space", got_count, want_count);
        for (size_t i = 0; i < got_count; i++) {
            CHECK_STR("filter", a[i], b[i]);
        }
    }
}

// Everything that can be asked, of both.
static void compare_sets(struct wr_rule_set *s, struct wr_topic_cache *c)
{
    struct wr_rule *rules[NAMES];
    struct wr_rule_set *fresh = wr_rule_set_new(rules, listed(rules));
    for (unsigned i = 0; i < 12; i++) {
        char topic[TEXT];
        bool hit;
        unsigned k = below(TOPICS + 10);
        wr_str text = k < TOPICS ? Z(topics[k]) : (wr_str){topic, random_levels(false, topic)};
        uint32_t space = below(3);
        compare(text.at, wr_topic_cache_get(c, s, space, text, &hit),
                wr_rule_set_topic_in(fresh, space, text));
        compare(text.at, wr_rule_set_topic_in(s, space, text),
                wr_rule_set_topic_in(fresh, space, text));
        char name[8];
        snprintf(name, sizeof name, "r%02u", below(22));
        compare(name, wr_rule_set_basic_ingest_in(s, space, Z(name)),
                wr_rule_set_basic_ingest_in(fresh, space, Z(name)));
        CHECK("found", wr_rule_set_find(s, Z(name)) == wr_rule_set_find(fresh, Z(name)));
    }
    compare_lists(s, fresh);
    wr_rule_set_unlock(fresh);
}

// A group that somebody uses, and what it was made of.
struct held {
    struct wr_rule_group *group;
    struct wr_rule *rules[NAMES];
    size_t count;
};

static void hold(struct held *h, struct wr_rule_group *g)
{
    *h = (struct held){.group = g, .count = g->count};
    memcpy(h->rules, g->rules, g->count * sizeof(struct wr_rule *));
    wr_rule_group_lock(g);
}

static void let_go(struct held *h)
{
    if (h->group) {
        CHECK_INT("as it was", h->group->count, h->count);
        CHECK("as it was", memcmp(h->group->rules, h->rules, h->count * sizeof(void *)) == 0);
        wr_rule_group_unlock(h->group);
        h->group = NULL;
    }
}

static void edit(struct wr_rule_set *s)
{
    unsigned name = below(NAMES);
    if (below(3) && (!now[name] || below(3))) {
        struct wr_rule **version = &pool[name][below(VERSIONS)];
        if (below(3) == 0) { // so that what nobody locks any more ends
            wr_rule_unlock(*version);
            *version = make(name, 0);
        }
        now[name] = *version;
        wr_rule_set_put(s, now[name]);
        return;
    }
    wr_str text = now[name] ? now[name]->name : pool[name][0]->name;
    CHECK_INT("there", wr_rule_set_remove(s, text), now[name] != NULL);
    now[name] = NULL;
}

static void run(unsigned first)
{
    struct held held[HELD] = {0};
    struct wr_rule *rules[NAMES];
    memset(now, 0, sizeof now);
    for (unsigned i = 0; i < first; i++) {
        now[i] = pool[i][0];
    }
    struct wr_rule_set *s = wr_rule_set_new(rules, listed(rules));
    struct wr_topic_cache *c = wr_topic_cache_new(16);
    for (unsigned step = 0; step < STEPS; step++) {
        for (unsigned edits = below(4) ? 1 : below(80); edits; edits--) {
            edit(s);
        }
        if (below(200) == 0) {
            for (unsigned i = 0; i < NAMES; i++) {
                now[i] = below(8) ? now[i] : below(2) ? pool[i][below(VERSIONS)] : NULL;
            }
            (void)wr_rule_set_become(s, rules, listed(rules));
            CHECK_INT("is so", wr_rule_set_become(s, rules, listed(rules)), 0);
        }
        struct wr_rule_group *g = wr_rule_set_topic_in(s, below(3), Z(topics[below(TOPICS)]));
        struct held *h = &held[below(HELD)];
        let_go(h);
        if (g) {
            hold(h, g);
        }
        compare_sets(s, c);
    }
    for (unsigned i = 0; i < HELD; i++) {
        let_go(&held[i]);
    }
    wr_topic_cache_free(c);
    wr_rule_set_unlock(s);
}

static void is_like_a_set_made_afresh(void **state)
{
    run(NAMES);
}

static void grows_from_nothing(void **state)
{
    run(0);
}

// A topic's group is left alone by what does not concern it, and so is its place in the cache.
static void leaves_the_others_alone(void **state)
{
    struct wr_rule_options options = {.kinds = fake_kinds, .metrics = metrics};
    static const char *const froms[] = {"a/1", "a/2", "a/+", "b/#", "a/1"};
    struct wr_rule *r[WR_COUNT(froms)];
    for (size_t i = 0; i < WR_COUNT(froms); i++) {
        char text[128], name[8];
        snprintf(text, sizeof text, "{\"sql\": \"SELECT * FROM '%s'\", \"actions\": []}", froms[i]);
        snprintf(name, sizeof name, "n%zu", i);
        assert_int_equal(wr_rule_new(Z(text), name, &options, &r[i], NULL), WR_OK);
    }
    struct wr_rule_set *s = wr_rule_set_new(r, 2);
    struct wr_topic_cache *c = wr_topic_cache_new(64);
    bool hit;
    struct wr_rule_group *one = wr_topic_cache_get(c, s, 0, S("a/1"), &hit);
    struct wr_rule_group *two = wr_topic_cache_get(c, s, 0, S("a/2"), &hit);
    CHECK("none yet", wr_topic_cache_get(c, s, 0, S("b/1"), &hit) == NULL && !hit);
    wr_rule_set_put(s, r[4]);
    CHECK("untouched", wr_topic_cache_get(c, s, 0, S("a/2"), &hit) == two && hit);
    struct wr_rule_group *both = wr_topic_cache_get(c, s, 0, S("a/1"), &hit);
    CHECK("one more", both->count == 2 && both != one && !hit);
    wr_rule_set_put(s, r[3]);
    CHECK("not what the wildcard is about", wr_topic_cache_get(c, s, 0, S("a/2"), &hit) == two);
    CHECK_INT("and it was not looked up", hit, true);
    CHECK("what it is about", wr_topic_cache_get(c, s, 0, S("b/1"), &hit)->count == 1 && !hit);
    uint64_t filters = wr_rule_set_filters_epoch(s);
    CHECK_INT("one of two on a filter", wr_rule_set_remove(s, S("n4")), true);
    CHECK("the filters are the same", wr_rule_set_filters_epoch(s) == filters);
    CHECK("back to one", wr_topic_cache_get(c, s, 0, S("a/1"), &hit)->count == 1 && !hit);
    CHECK("remembered", wr_topic_cache_get(c, s, 0, S("a/2"), &hit) == two && hit);
    wr_rule_set_put(s, r[2]);
    CHECK("all that it matches", wr_topic_cache_get(c, s, 0, S("a/2"), &hit)->count == 2 && !hit);
    CHECK("other filters now", wr_rule_set_filters_epoch(s) != filters);
    wr_topic_cache_free(c);
    wr_rule_set_unlock(s);
    for (size_t i = 0; i < WR_COUNT(froms); i++) {
        CHECK_INT("no lock is left", r[i]->locks_, 1);
        wr_rule_unlock(r[i]);
    }
}

int main(void)
{
    wr_hash_seed_init();
    const struct CMUnitTest tests[] = {
        T(is_like_a_set_made_afresh),
        T(grows_from_nothing),
        T(leaves_the_others_alone),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
