// The topic trie: named cases, and random filters and topics against the matcher for one filter.
#include "engine/rules/trie.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "sql/base/hash.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define FILTERS_MAX 200
#define TEXT_MAX    64

static void finds_what_matches(void **state)
{
    static const char *const filters[] = {"a/b",      "a/+", "a/#", "#",  "+/b",   "a",   "$aws/#",
                                          "$aws/+/x", "a/",  "+",   "//", "+/+/+", "a/b", "a/+/#"};
    static const struct {
        const char *name, *topic, *want; // numbers of the filters
    } cases[] = {
        {"literal, plus and hash", "a/b", "0 1 2 3 4 12"},
        {"hash needs a level", "a", "3 5 9"},
        {"a trailing slash is an empty level", "a/", "1 2 3 8"},
        {"reserved topics hide from wildcards", "$aws/b", "6"},
        {"wildcards below the first level see reserved topics", "$aws/b/x", "6 7"},
        {"reserved alone", "$aws", ""},
        {"empty levels", "//", "3 10 11"},
        {"deeper than any filter", "a/b/c/d/e/f", "2 3 13"},
        {"the empty topic is one empty level", "", "3 9"},
        {"no filter but hash", "zzz/y", "3"},
        {"plus then hash", "a/b/c", "2 3 11 13"},
    };
    struct wr_trie *t = wr_trie_new();
    for (uint32_t i = 0; i < WR_COUNT(filters); i++) {
        (void)wr_trie_add(t, Z(filters[i]), i);
    }
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        const uint32_t *values;
        size_t count = wr_trie_match(t, Z(cases[i].topic), &values);
        char got[128] = "";
        size_t len = 0;
        for (size_t k = 0; k < count; k++) {
            len += (size_t)snprintf(got + len, sizeof got - len, "%s%u", k ? " " : "", values[k]);
        }
        CHECK_STR(cases[i].name, Z(got), Z(cases[i].want));
    }
    wr_trie_free(t);
}

static void lists_a_value_once(void **state)
{
    struct wr_trie *t = wr_trie_new();
    (void)wr_trie_add(t, S("a/b"), 7);
    (void)wr_trie_add(t, S("a/+"), 7);
    (void)wr_trie_add(t, S("#"), 7);
    (void)wr_trie_add(t, S("#"), 7);
    const uint32_t *values;
    CHECK_INT("count", wr_trie_match(t, S("a/b"), &values), 1);
    CHECK_INT("value", values[0], 7);
    wr_trie_free(t);
}

static void serves_when_empty(void **state)
{
    struct wr_trie *t = wr_trie_new();
    const uint32_t *values;
    CHECK_INT("plain", wr_trie_match(t, S("a/b"), &values), 0);
    CHECK_INT("empty", wr_trie_match(t, S(""), &values), 0);
    wr_trie_free(t);
}

// Every combination of `+` and a literal over 12 levels: 4,096 filters, one topic fits them all.
static void bears_many_plus(void **state)
{
    struct wr_trie *t = wr_trie_new();
    for (uint32_t bits = 0; bits < 4096; bits++) {
        char filter[TEXT_MAX];
        for (int k = 0; k < 12; k++) {
            filter[2 * k] = bits >> k & 1 ? '+' : 'a';
            filter[2 * k + 1] = '/';
        }
        (void)wr_trie_add(t, (wr_str){filter, 23}, 4095 - bits);
    }
    const uint32_t *values;
    CHECK_INT("all", wr_trie_match(t, S("a/a/a/a/a/a/a/a/a/a/a/a"), &values), 4096);
    for (uint32_t i = 0; i < 4096; i++) {
        CHECK_INT("ascending", values[i], i);
    }
    CHECK_INT("one only", wr_trie_match(t, S("b/b/b/b/b/b/b/b/b/b/b/b"), &values), 1);
    wr_trie_free(t);
}

static unsigned below(uint64_t *seed, unsigned n)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(*seed >> 33) % n;
}

static size_t random_text(uint64_t *seed, bool filter, char *out)
{
    static const char *const names[] = {"a", "b", "ab", "", "$", "$aws", "c"};
    size_t len = 0;
    unsigned levels = 1 + below(seed, 5);
    for (unsigned i = 0; i < levels; i++) {
        const char *name = names[below(seed, WR_COUNT(names))];
        if (filter && below(seed, 3) == 0) {
            name = i + 1 == levels && below(seed, 2) ? "#" : "+";
        }
        len += (size_t)snprintf(out + len, TEXT_MAX - len, "%s%s", i ? "/" : "", name);
    }
    return len;
}

static void agrees_with_the_matcher(void **state)
{
    static char filters[FILTERS_MAX][TEXT_MAX];
    uint64_t seed = 1;
    for (int round = 0; round < 60; round++) {
        unsigned count = 1 + below(&seed, FILTERS_MAX);
        struct wr_trie *t = wr_trie_new();
        unsigned added = 0;
        while (added < count) {
            size_t len = random_text(&seed, true, filters[added]);
            if (wr_topic_filter_check((wr_str){filters[added], len}, NULL) == WR_OK) {
                (void)wr_trie_add(t, (wr_str){filters[added], len}, added);
                added++;
            }
        }
        for (int i = 0; i < 300; i++) {
            char topic[TEXT_MAX];
            size_t len = random_text(&seed, false, topic);
            const uint32_t *values;
            size_t found = wr_trie_match(t, (wr_str){topic, len}, &values);
            size_t at = 0;
            for (uint32_t k = 0; k < count; k++) {
                bool listed = at < found && values[at] == k;
                at += listed;
                if (listed != wr_topic_matches(Z(filters[k]), (wr_str){topic, len})) {
                    CASE_FAIL(filters[k], "topic '%s': the trie says %d", topic, listed);
                }
            }
            CHECK_INT(topic, at, found);
        }
        wr_trie_free(t);
    }
}

int main(void)
{
    wr_hash_seed_init();
    const struct CMUnitTest tests[] = {
        T(finds_what_matches), T(lists_a_value_once),      T(serves_when_empty),
        T(bears_many_plus),    T(agrees_with_the_matcher),
    };
    return TEST_MAIN(tests);
}
