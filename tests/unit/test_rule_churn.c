// Rules change while messages flow: between messages, inside of one (from a sink), and while
// look-ups are under way. Every message is evaluated by exactly the rules that there were when it
// came, none is lost, and the counters add up after each step (flow_bed.h).
#include "engine/flow/flow.h"

#include "tests/support/test.h"

#include "tests/support/fake_sink.h"
#include "tests/support/flow_bed.h"

#include "sql/base/hash.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define RULES    24
#define MESSAGES 4000
#define TEXT     128

// A rule as it is now.
struct known {
    bool there, enabled, looks_up;
    unsigned version;
    int k; // WHERE k = …; -1: all messages
    char filter[32];
};

static struct bed bed;
static struct known known[RULES];
static unsigned versions, edits;
static char pending[BED_LOOKUPS_MAX][TEXT]; // what the look-ups under way lead to, in their order

static uint64_t seed = 5;
static unsigned below(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(seed >> 33) % n;
}

static void put(unsigned i)
{
    static const char *const filters[] = {"a/+", "a/1", "a/2", "b/#", "#", "a/1", "a/1", "+/1"};
    struct known *r = &known[i];
    *r = (struct known){.there = true,
                        .enabled = below(8) != 0,
                        .looks_up = below(6) == 0,
                        .version = ++versions,
                        .k = (int)below(5) - 1};
    // Look-ups on topics of their own, so that no message waits for another's.
    snprintf(r->filter, sizeof r->filter, "%s",
             r->looks_up ? "look/+" : filters[below(WR_COUNT(filters))]);
    char text[512], where[32] = "", name[8];
    if (r->k >= 0) {
        snprintf(where, sizeof where, " WHERE k = %d", r->k);
    }
    snprintf(name, sizeof name, "r%02u", i);
    snprintf(text, sizeof text,
             "{\"sql\": \"SELECT n, %u AS v%s FROM '%s'%s\", \"awsIotSqlVersion\": \"2016-03-23\", "
             "\"ruleDisabled\": %s, \"actions\": [{\"fake\": {\"name\": \"%s\"}}]}",
             r->version, r->looks_up ? ", get_thing_shadow('t', 'r') AS s" : "", r->filter, where,
             r->enabled ? "false" : "true", name);
    const struct wr_rule_options options = {.kinds = fake_kinds, .metrics = bed.metrics};
    struct wr_rule *rule;
    struct wr_fault fault = {0};
    if (wr_rule_new(Z(text), name, &options, &rule, &fault)) {
        CASE_FAIL(text, "%s", fault.text);
    }
    wr_flow_adopt(bed.flow, rule);
    wr_rule_set_put(wr_flow_rules(bed.flow), rule);
    wr_rule_unlock(rule);
}

static void edit(void)
{
    unsigned i = below(RULES);
    char name[8];
    snprintf(name, sizeof name, "r%02u", i);
    edits++;
    if (!known[i].there || below(3)) {
        put(i);
        return;
    }
    known[i].there = false;
    CHECK_INT(name, wr_rule_set_remove(wr_flow_rules(bed.flow), Z(name)), true);
}

static void edit_now_and_then(void)
{
    if (below(4) == 0) {
        edit();
    }
}

static bool meets(const struct known *r, unsigned i, const char *topic, unsigned k)
{
    wr_str name, rest;
    char own[8];
    snprintf(own, sizeof own, "r%02u", i);
    bool met = wr_topic_basic_ingest(Z(topic), &name, &rest)
                   ? wr_str_eq(name, Z(own))
                   : wr_topic_matches(Z(r->filter), Z(topic));
    return r->there && r->enabled && met && (r->k < 0 || (unsigned)r->k == k);
}

// What the rules as they are make of a message at once; what they make later goes to `pending`.
static size_t expect(struct wr_buf *out, const char *topic, unsigned n, unsigned k)
{
    size_t waiting = bed.lookup_count;
    for (unsigned i = 0; i < RULES; i++) {
        const struct known *r = &known[i];
        if (!meets(r, i, topic, k)) {
            continue;
        }
        if (r->looks_up) {
            snprintf(pending[waiting++], TEXT, "fake r%02u {\"n\":%u,\"v\":%u,\"s\":\"here\"} 1\n",
                     i, n, r->version);
        } else {
            wr_buf_addf(out, "fake r%02u {\"n\":%u,\"v\":%u} 1\n", i, n, r->version);
        }
    }
    return waiting;
}

static size_t count_waiting(const char *topic, unsigned k)
{
    size_t waiting = bed.lookup_count;
    for (unsigned i = 0; i < RULES; i++) {
        waiting += known[i].looks_up && meets(&known[i], i, topic, k);
    }
    return waiting;
}

static void answer(size_t i)
{
    wr_buf_clear(&fake.notes);
    char want[TEXT];
    memcpy(want, pending[i], TEXT);
    memmove(pending[i], pending[i + 1], (BED_LOOKUPS_MAX - 1 - i) * TEXT);
    bed_answer(&bed, i, "here");
    bed_audit(&bed);
    CHECK_STR("the rule as it was when its message came", wr_buf_str(&fake.notes), Z(want));
}

static void loses_and_misroutes_nothing(void **state)
{
    static const char *const topics[] = {"a/1", "a/2", "a/3", "b/1/2", "c/1", "zzz"};
    static char sent[MESSAGES][2][64]; // lent to the messages
    bed_open(&bed, NULL);
    bed_rules(&bed, NULL, 0);
    fake.submitted = edit_now_and_then;
    struct wr_buf want = {0};
    unsigned held_over_edits = 0;
    for (unsigned n = 0; n < MESSAGES; n++) {
        for (unsigned i = below(3); i; i--) {
            edit();
        }
        char *topic = sent[n][0], *payload = sent[n][1];
        unsigned k = below(4), kind = below(8);
        if (kind == 0) {
            snprintf(topic, sizeof sent[n][0], "$aws/rules/r%02u/look/%u", below(RULES), n);
        } else if (kind == 1) {
            snprintf(topic, sizeof sent[n][0], "look/%u", n);
        } else {
            snprintf(topic, sizeof sent[n][0], "%s", topics[below(WR_COUNT(topics))]);
        }
        while (bed.lookup_count && (below(4) == 0 || count_waiting(topic, k) > BED_LOOKUPS_MAX)) {
            held_over_edits++;
            answer(below((unsigned)bed.lookup_count));
        }
        snprintf(payload, sizeof sent[n][1], "{\"n\": %u, \"k\": %u}", n, k);
        wr_buf_clear(&want);
        wr_buf_clear(&fake.notes);
        size_t waiting = expect(&want, topic, n, k);
        bed_send(&bed, topic, payload);
        CHECK_STR(topic, wr_buf_str(&fake.notes), wr_buf_str(&want));
        CHECK_INT(topic, bed.lookup_count, waiting);
        if (n % 1000 == 999) { // a set of its own, of nothing: runs under way keep the old one
            bed_rules(&bed, NULL, 0);
            memset(known, 0, sizeof known);
        }
    }
    while (bed.lookup_count) {
        answer(0);
    }
    CHECK_INT("none is lost", bed.settled, MESSAGES);
    CHECK_INT("acknowledged", bed.acknowledged, MESSAGES);
    CHECK("many edits", edits > MESSAGES);
    CHECK("many runs outlived edits", held_over_edits > 100);
    wr_buf_release(&want);
    bed_close(&bed);
}

int main(void)
{
    wr_hash_seed_init();
    const struct CMUnitTest tests[] = {T(loses_and_misroutes_nothing)};
    return TEST_MAIN(tests);
}
