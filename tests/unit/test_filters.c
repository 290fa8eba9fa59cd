// engine/mqtt: filters, subscriptions and their order, source.json, URLs. Without a broker: a model
// of one stands in, which sends a copy for every subscription that matches.
#include "engine/mqtt/filters.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/mqtt/state.h"
#include "engine/mqtt/subs.h"
#include "engine/mqtt/url.h"
#include "sql/base/buf.h"
#include "sql/topic.h"
#include "tests/support/test.h"

#include "sql/base/banned.h"

static uint64_t seed;

static unsigned chance(unsigned below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % below;
}

// ---- covering and disjoint sets

struct set_case {
    const char *name;
    const char *wanted[6];
    const char *cover, *disjoint; // separated by blanks
};

static const struct set_case set_cases[] = {
    {"none", {0}, "", ""},
    {"one", {"a/b"}, "a/b", "a/b"},
    {"twice", {"a/b", "a/b"}, "a/b", "a/b"},
    {"unrelated", {"b", "a/+"}, "a/+ b", "a/+ b"},
    {"covered", {"a/b", "a/+", "a/#"}, "a/#", "a/#"},
    {"hash covers its parent", {"a", "a/#"}, "a/#", "a/#"},
    {"overlap", {"a/+/c", "a/b/+"}, "a/+/c a/b/+", "a/+/+"},
    {"overlap in a chain", {"a/+/c", "a/b/+", "+/q/r"}, "+/q/r a/+/c a/b/+", "+/+/+"},
    {"disjoint after all", {"a/b/+", "a/c/+"}, "a/b/+ a/c/+", "a/b/+ a/c/+"},
    {"plus and hash overlap", {"+/b", "a/#"}, "+/b a/#", "+/#"},
    {"all twice", {"#", "+/#"}, "#", "#"},
    {"dollar apart", {"#", "$aws/rules/#", "+/x"}, "# $aws/rules/#", "# $aws/rules/#"},
    {"empty levels", {"/+", "+/"}, "+/ /+", "+/+"},
};

static void check_list(const char *name, const struct wr_filters *got, const char *want)
{
    struct wr_buf text = {0};
    for (size_t i = 0; i < got->count; i++) {
        wr_buf_add(&text, i ? S(" ") : S(""));
        wr_buf_add(&text, got->at[i]);
    }
    CHECK_STR(name, wr_buf_str(&text), Z(want));
    wr_buf_release(&text);
}

static void test_sets(void **state)
{
    for (size_t i = 0; i < sizeof set_cases / sizeof *set_cases; i++) {
        const struct set_case *c = &set_cases[i];
        wr_str wanted[6];
        size_t count = 0;
        while (count < 6 && c->wanted[count]) {
            wanted[count] = Z(c->wanted[count]);
            count++;
        }
        struct wr_filters cover = {0}, disjoint = {0};
        wr_filters_cover(wanted, count, &cover);
        wr_filters_disjoint(wanted, count, &disjoint);
        check_list(c->name, &cover, c->cover);
        check_list(c->name, &disjoint, c->disjoint);
        wr_filters_release(&cover);
        wr_filters_release(&disjoint);
    }
}

// ---- random filters and topics over few names, so that they overlap often

#define WANTED_MAX 12

struct random_set {
    char text[WANTED_MAX][32];
    wr_str at[WANTED_MAX];
    size_t count;
};

static void random_name(char *to, size_t size, bool filter)
{
    static const char *const names[] = {"a", "b", "c", "", "$x"};
    unsigned levels = 1 + chance(4);
    struct wr_buf b = {0};
    for (unsigned i = 0; i < levels; i++) {
        wr_buf_add(&b, i ? S("/") : S(""));
        unsigned kind = chance(10);
        if (filter && kind < 3) {
            wr_buf_add_char(&b, '+');
        } else if (filter && kind == 3) {
            wr_buf_add_char(&b, '#');
            break;
        } else {
            wr_buf_add(&b, Z(names[chance(i == 0 ? 5 : 4)]));
        }
    }
    if (b.len == 0) {
        wr_buf_add_char(&b, 'a');
    }
    snprintf(to, size, "%s", wr_buf_terminated(&b));
    wr_buf_release(&b);
}

static void random_wanted(struct random_set *r, size_t most)
{
    r->count = chance((unsigned)most) + 1;
    for (size_t i = 0; i < r->count; i++) {
        random_name(r->text[i], sizeof r->text[i], true);
        r->at[i] = Z(r->text[i]);
    }
}

static bool any_matches(const wr_str *filters, size_t count, wr_str topic)
{
    for (size_t i = 0; i < count; i++) {
        if (wr_topic_matches_mqtt(filters[i], topic)) {
            return true;
        }
    }
    return false;
}

static void shuffle(wr_str *list, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = chance((unsigned)i);
        wr_str kept = list[i - 1];
        list[i - 1] = list[j];
        list[j] = kept;
    }
}

// How many copies are taken of those a broker sends: one for each match, or one with all
// identifiers.
static size_t taken(const struct wr_copies *c, wr_str topic, bool together)
{
    uint32_t ids[WANTED_MAX];
    size_t count = 0, taken = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (wr_topic_matches_mqtt(c->at[i].filter, topic)) {
            ids[count++] = c->at[i].id;
        }
    }
    if (together) {
        return count && wr_copies_take(c, topic, ids, count);
    }
    for (size_t i = 0; i < count; i++) {
        taken += wr_copies_take(c, topic, &ids[i], 1);
    }
    return taken;
}

static void test_random_sets(void **state)
{
    for (unsigned round = 0; round < 20000; round++) {
        seed = round;
        char name[32], topic_text[32];
        snprintf(name, sizeof name, "seed %u", round);
        struct random_set wanted;
        random_wanted(&wanted, WANTED_MAX);
        struct wr_filters cover = {0}, disjoint = {0}, again = {0};
        wr_filters_cover(wanted.at, wanted.count, &cover);
        wr_filters_disjoint(wanted.at, wanted.count, &disjoint);
        shuffle(wanted.at, wanted.count);
        wr_filters_disjoint(wanted.at, wanted.count, &again);
        CHECK_INT(name, again.count, disjoint.count);
        for (size_t i = 0; i < again.count; i++) {
            CHECK_STR(name, again.at[i], disjoint.at[i]);
        }
        uint32_t ids[WANTED_MAX];
        wr_str order[WANTED_MAX];
        for (size_t i = 0; i < cover.count; i++) {
            ids[i] = (uint32_t)(i + 1) * 3;
            order[i] = cover.at[i];
        }
        shuffle(order, cover.count);
        struct wr_copies copies;
        wr_copies_init(&copies, order, ids, cover.count);
        for (unsigned t = 0; t < 20; t++) {
            random_name(topic_text, sizeof topic_text, false);
            wr_str topic = Z(topic_text);
            bool want = any_matches(wanted.at, wanted.count, topic);
            CHECK_INT(topic_text, taken(&copies, topic, false), want);
            CHECK_INT(topic_text, taken(&copies, topic, true), want);
            size_t matches = 0;
            for (size_t i = 0; i < disjoint.count; i++) {
                matches += wr_topic_matches_mqtt(disjoint.at[i], topic);
            }
            CHECK(name, matches <= 1 && (matches == 1 || !want));
        }
        wr_copies_release(&copies);
        wr_filters_release(&cover);
        wr_filters_release(&disjoint);
        wr_filters_release(&again);
    }
}

static void test_copies(void **state)
{
    const wr_str filters[] = {S("a/+/c"), S("a/b/+")};
    const uint32_t ids[] = {5, 9};
    struct wr_copies c;
    wr_copies_init(&c, filters, ids, 2);
    const uint32_t low = 5, high = 9, old = 3, both[] = {9, 5};
    CHECK("lowest", wr_copies_take(&c, S("a/b/c"), &low, 1));
    CHECK("not the lowest", !wr_copies_take(&c, S("a/b/c"), &high, 1));
    CHECK("the only one", wr_copies_take(&c, S("a/b/x"), &high, 1));
    CHECK("of an old filter", wr_copies_take(&c, S("a/b/c"), &old, 1));
    CHECK("one copy with both", wr_copies_take(&c, S("a/b/c"), both, 2));
    CHECK("without identifier", wr_copies_take(&c, S("a/b/c"), NULL, 0));
    wr_copies_release(&c);
}

// ---- the whole order, against a broker that answers late, and crashes

#define TOPICS 6
static const char *const topics[TOPICS] = {"a/b/c", "a/x/c", "a/b/y", "a", "q/r", "a/b"};
static const char *const choices[] = {"a/+/c", "a/b/+", "a/#", "a/b/c", "q/+", "#", "+/b", "a/+"};
#define CHOICES (sizeof choices / sizeof *choices)

enum what { ASK, LEAVE, GRANTED, LEFT, COPY };

struct packet {
    enum what what;
    int mid;
    uint32_t id, message;
    int topic;
    char filter[16];
};

struct queue {
    struct packet at[4096];
    size_t first, count;
};

static void push(struct queue *q, struct packet p)
{
    wr_assert(q->first + q->count < sizeof q->at / sizeof *q->at);
    q->at[q->first + q->count++] = p;
}

static struct packet shift(struct queue *q)
{
    struct packet p = q->at[q->first++];
    if (--q->count == 0) {
        q->first = 0;
    }
    return p;
}

struct model {
    struct wr_subs subs;
    struct wr_source_state state;
    char *folder;
    struct queue up, down; // to the broker, to us
    struct {
        char filter[16];
        uint32_t id;
    } session[64]; // what the broker has
    size_t session_count;
    bool wanted[CHOICES];
    int mid;
    uint32_t messages;
    bool must[512];   // published while a filter for it was wanted and granted
    uint8_t got[512]; // copies taken
};

static void model_plan(struct model *m)
{
    wr_str wanted[CHOICES];
    size_t count = 0;
    for (size_t i = 0; i < CHOICES; i++) {
        if (m->wanted[i]) {
            wanted[count++] = Z(choices[i]);
        }
    }
    struct wr_filters target = {0};
    wr_filters_cover(wanted, count, &target);
    wr_subs_plan(&m->subs, &target, true);
    wr_filters_release(&target);
}

static void model_save(struct model *m)
{
    struct wr_fault fault;
    CHECK("save", !m->subs.dirty || wr_source_state_save(&m->state, &m->subs, &fault) == WR_OK);
}

// As source.c does it.
static void model_arrange(struct model *m)
{
    struct wr_sub *sub;
    if (m->subs.plan_again && !wr_subs_next(&m->subs, WR_SUB_ASKED, NULL)) {
        model_plan(m);
    }
    model_save(m);
    bool asked = false;
    while ((sub = wr_subs_next(&m->subs, WR_SUB_ASK, NULL))) {
        struct packet p = {.what = ASK, .mid = ++m->mid, .id = sub->id};
        snprintf(p.filter, sizeof p.filter, "%s", sub->filter.at);
        push(&m->up, p);
        sub->mid = p.mid;
        sub->phase = WR_SUB_ASKED;
        asked = true;
    }
    if (asked || wr_subs_next(&m->subs, WR_SUB_ASKED, NULL)) {
        return;
    }
    wr_subs_leave(&m->subs);
    model_save(m);
    while ((sub = wr_subs_next(&m->subs, WR_SUB_LEAVE, NULL))) {
        if (wr_subs_replaced(&m->subs, sub)) {
            wr_subs_remove(&m->subs, sub);
            continue;
        }
        struct packet p = {.what = LEAVE, .mid = ++m->mid};
        snprintf(p.filter, sizeof p.filter, "%s", sub->filter.at);
        push(&m->up, p);
        sub->mid = p.mid;
        sub->phase = WR_SUB_LEFT;
    }
}

static void broker_step(struct model *m)
{
    if (m->up.count == 0) {
        return;
    }
    struct packet p = shift(&m->up);
    size_t i = 0;
    while (i < m->session_count && strcmp(m->session[i].filter, p.filter) != 0) {
        i++;
    }
    if (p.what == ASK) {
        m->session_count += i == m->session_count;
        snprintf(m->session[i].filter, sizeof m->session[i].filter, "%s", p.filter);
        m->session[i].id = p.id;
        p.what = GRANTED;
    } else {
        if (i < m->session_count) {
            m->session[i] = m->session[--m->session_count];
        }
        p.what = LEFT;
    }
    push(&m->down, p);
}

static void broker_publish(struct model *m)
{
    int topic = (int)chance(TOPICS);
    uint32_t message = m->messages++;
    for (size_t i = 0; i < m->session_count; i++) {
        if (wr_topic_matches_mqtt(Z(m->session[i].filter), Z(topics[topic]))) {
            m->must[message] = true;
            push(&m->down,
                 (struct packet){
                     .what = COPY, .topic = topic, .message = message, .id = m->session[i].id});
        }
    }
}

static void model_receive(struct model *m)
{
    if (m->down.count == 0) {
        return;
    }
    struct packet p = shift(&m->down);
    wr_str refused = {0};
    if (p.what == COPY) {
        m->got[p.message] += wr_copies_take(&m->subs.copies, Z(topics[p.topic]), &p.id, 1);
    } else if (p.what == GRANTED) {
        wr_subs_granted(&m->subs, p.mid, true, &refused);
        model_arrange(m);
    } else {
        wr_subs_left(&m->subs, p.mid);
        model_arrange(m);
    }
}

static void model_open(struct model *m)
{
    struct wr_fault fault = {0};
    wr_subs_init(&m->subs);
    wr_err err = wr_source_state_open(m->folder, "source", &m->state, &m->subs, &fault);
    if (err) {
        CASE_FAIL("open", "%s", fault.text);
    }
    if (!m->state.client_id) {
        m->state.client_id = wr_strdup(S("c"));
        m->state.broker = wr_strdup(S("b"));
    }
    wr_subs_connected(&m->subs, true);
    model_plan(m);
    model_arrange(m);
}

// The process is killed: what we sent may or may not have arrived; acknowledgements are lost,
// queued copies come again.
static void model_crash(struct model *m)
{
    for (size_t sent = chance(3); sent > 0; sent--) {
        broker_step(m);
    }
    m->up.first = m->up.count = 0;
    struct queue kept = {0};
    while (m->down.count) {
        struct packet p = shift(&m->down);
        if (p.what == COPY) {
            push(&kept, p);
        }
    }
    m->down = kept;
    wr_subs_release(&m->subs);
    wr_source_state_close(&m->state);
    model_open(m);
}

static void model_settle(struct model *m)
{
    while (m->up.count || m->down.count) {
        broker_step(m);
        model_receive(m);
        model_arrange(m);
    }
}

static void model_round(const char *name, struct model *m, bool crashes)
{
    uint32_t steady = 0;
    for (unsigned step = 0; step < 120; step++) {
        unsigned kind = chance(crashes ? 20 : 19);
        if (kind < 6) {
            broker_publish(m);
        } else if (kind < 11) {
            broker_step(m);
        } else if (kind < 17) {
            model_receive(m);
        } else if (kind < 18) {
            m->wanted[chance(CHOICES)] ^= true;
            model_plan(m);
            model_arrange(m);
        } else if (kind == 18) {
            model_settle(m);
            CHECK_INT(name, wr_subs_count(&m->subs, WR_SUB_ON), m->session_count);
            steady = m->messages; // from here until the next change: once
            for (unsigned i = 0; i < 5; i++) {
                broker_publish(m);
            }
            model_settle(m);
            for (uint32_t i = steady; i < m->messages; i++) {
                CHECK_INT(name, m->got[i], m->must[i]);
            }
        } else {
            model_crash(m);
        }
    }
    model_settle(m);
    for (uint32_t i = 0; i < m->messages; i++) {
        if (m->must[i] && m->got[i] == 0) {
            CASE_FAIL(name, "message %u is lost", i);
        }
    }
    // Nothing is left behind at the broker.
    CHECK_INT(name, wr_subs_count(&m->subs, WR_SUB_ON), m->session_count);
}

static void rounds(bool crashes, unsigned count)
{
    struct model *m = wr_zalloc(sizeof *m);
    for (unsigned round = 0; round < count; round++) {
        char name[32], folder[] = "/tmp/wr-filters-XXXXXX";
        snprintf(name, sizeof name, "seed %u%s", round, crashes ? " with crashes" : "");
        seed = round;
        *m = (struct model){.folder = mkdtemp(folder)};
        assert_non_null(m->folder);
        m->wanted[0] = m->wanted[1] = true;
        model_open(m);
        model_round(name, m, crashes);
        wr_subs_release(&m->subs);
        wr_source_state_close(&m->state);
        const char *const files[] = {"source.json", "source.lock"};
        for (size_t i = 0; i < 2; i++) {
            char path[64];
            snprintf(path, sizeof path, "%s/%s", folder, files[i]);
            unlink(path);
        }
        rmdir(folder);
    }
    free(m);
}

static void test_order(void **state)
{
    rounds(false, 50);
}

static void test_order_with_crashes(void **state)
{
    rounds(true, 50);
}

// ---- URLs

struct url_case {
    const char *name, *url;
    wr_err err;
    bool tls;
    const char *host;
    int port;
};

static const struct url_case url_cases[] = {
    {"plain", "mqtt://broker", WR_OK, false, "broker", 1883},
    {"port", "mqtt://127.0.0.1:2000", WR_OK, false, "127.0.0.1", 2000},
    {"tls", "mqtts://b.example/", WR_OK, true, "b.example", 8883},
    {"ipv6", "mqtts://[::1]:99", WR_OK, true, "::1", 99},
    {"ipv6 without port", "mqtt://[fe80::1]", WR_OK, false, "fe80::1", 1883},
    {"letters' case", "MQTT://B", WR_OK, false, "B", 1883},
    {"empty", "", .err = WR_ERR_SYNTAX},
    {"no scheme", "broker:1883", .err = WR_ERR_SYNTAX},
    {"other scheme", "http://b", .err = WR_ERR_UNSUPPORTED},
    {"no host", "mqtt://", .err = WR_ERR_SYNTAX},
    {"no host, port", "mqtt://:1883", .err = WR_ERR_SYNTAX},
    {"user", "mqtt://u:p/w@b", .err = WR_ERR_UNSUPPORTED},
    {"path", "mqtt://b/x", .err = WR_ERR_SYNTAX},
    {"no port", "mqtt://b:", .err = WR_ERR_SYNTAX},
    {"port zero", "mqtt://b:0", .err = WR_ERR_RANGE},
    {"port too large", "mqtt://b:65536", .err = WR_ERR_RANGE},
    {"port much too large", "mqtt://b:99999999999999999999", .err = WR_ERR_RANGE},
    {"port no number", "mqtt://b:x", .err = WR_ERR_SYNTAX},
    {"bare ipv6", "mqtt://::1", .err = WR_ERR_SYNTAX},
    {"open bracket", "mqtt://[::1", .err = WR_ERR_SYNTAX},
    {"behind bracket", "mqtt://[::1]x", .err = WR_ERR_SYNTAX},
    {"blank", "mqtt://a b", .err = WR_ERR_SYNTAX},
};

static void test_url(void **state)
{
    for (size_t i = 0; i < sizeof url_cases / sizeof *url_cases; i++) {
        const struct url_case *c = &url_cases[i];
        struct wr_mqtt_url url = {0};
        struct wr_fault fault = {0};
        CHECK_INT(c->name, wr_mqtt_url_parse(Z(c->url), &url, &fault), c->err);
        if (c->err == WR_OK) {
            CHECK_STR(c->name, Z(url.host), Z(c->host));
            CHECK_INT(c->name, url.port, c->port);
            CHECK_INT(c->name, url.tls, c->tls);
        } else {
            CHECK(c->name, fault.text[0] != '\0');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_sets),  T(test_random_sets),        T(test_copies),
        T(test_order), T(test_order_with_crashes), T(test_url),
    };
    return TEST_MAIN(tests);
}
