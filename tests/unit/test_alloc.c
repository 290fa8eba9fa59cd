// The warm message path allocates nothing: 10,000 messages through the flow, malloc and its kin
// counted.
#include "engine/flow/flow.h"

#include "tests/support/test.h"

#include "tests/support/allocations.h"
#include "tests/support/fake_sink.h"
#include "tests/support/flow_bed.h"

#include <errno.h>

#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define MESSAGES 10000
#define TOPICS   1000 // distinct ones: more than a few, fewer than the topic cache holds

#define RULE(sql, rest) "{\"sql\": \"" sql "\", \"awsIotSqlVersion\": \"2016-03-23\", " rest "}"

static char topics[TOPICS][32];
static char payloads[TOPICS][96];

static void send_all(struct bed *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bed_send(b, topics[i % TOPICS], payloads[i * 7 % TOPICS]);
    }
}

static struct wr_ring *ring;

// As weir run does it.
static void with_samples_and_a_ring(struct wr_flow_options *o)
{
    o->sample_every = 64;
    o->ring = ring;
}

static void allocates_nothing_when_warm(void **state)
{
    static const struct {
        const char *name;
        const char *rules[2];
        size_t submits; // of the counted messages
    } cases[] = {
        {"projection, WHERE, topic(), constant parameters",
         {RULE("SELECT temp, humidity, topic(2) AS device FROM 'site/+/reading' WHERE temp > 30",
               "\"actions\": [{\"fake\": {\"name\": \"n\"}}]")},
         MESSAGES / 2},
        {"templates",
         {RULE("SELECT * FROM 'site/#'",
               "\"actions\": [{\"fake\": {\"name\": \"k/${topic(2)}/${temp}\", \"headers\": "
               "[{\"key\": \"a\", \"value\": \"${humidity}\"}]}}]")},
         MESSAGES},
        {"two rules, two actions",
         {RULE(
              "SELECT temp * 2 AS t FROM 'site/#' WHERE temp > 30",
              "\"actions\": [{\"fake\": {\"name\": \"n\"}}, {\"other\": {\"name\": \"${temp}\"}}]"),
          RULE("SELECT upper(name) AS n, concat(name, '-', temp) AS c FROM '+/+/reading'",
               "\"actions\": [{\"fake\": {\"name\": \"n\"}}], \"errorAction\": {\"fake\": "
               "{\"name\": \"e${temp}\"}}")},
         2 * MESSAGES},
        {"no match", {RULE("SELECT * FROM 'site/#' WHERE temp > 1000", "\"actions\": []")}, 0},
        {"no rule", {RULE("SELECT * FROM 'other'", "\"actions\": []")}, 0},
    };
    for (size_t i = 0; i < TOPICS; i++) {
        snprintf(topics[i], sizeof topics[i], "site/kiln-%zu/reading", i);
        snprintf(payloads[i], sizeof payloads[i],
                 "{\"temp\": %zu, \"humidity\": %zu.5, \"name\": \"k\\u00fc%zu\"}",
                 i % 2 ? 31 + i % 7 : i % 30, i, i);
    }
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct bed b;
        struct wr_ring_stats kept;
        ring = wr_ring_new(64 << 10);
        bed_open(&b, with_samples_and_a_ring);
        bed_rules(&b, cases[i].rules, cases[i].rules[1] ? 2 : 1);
        fake.quiet = true;
        send_all(&b, 2 * TOPICS);
        size_t before = fake.submits;
        uint64_t warm = allocation_calls;
        send_all(&b, MESSAGES);
        uint64_t counted = allocation_calls - warm;
        CHECK_INT(cases[i].name, counted, 0);
        CHECK_INT(cases[i].name, fake.submits - before, cases[i].submits);
        CHECK_INT(cases[i].name, b.settled, MESSAGES + 2 * TOPICS);
        if (COUNTED) {
            CHECK("the counter counts", allocation_calls > 0);
        }
        wr_ring_stats(ring, &kept);
        CHECK("the ring is full", kept.messages > 300 && kept.bytes > 60000);
        bed_close(&b);
        wr_ring_free(ring);
    }
}

// ---- through the spool

// What may allocate there, and nothing more: each group is a command to the spool's thread, and the
// list of a segment's entries doubles now and then. A message allocates nothing.
#define CALLS_PER_GROUP 4  // commands to write, and to note what is done; made and freed
#define CALLS_TO_GROW   32 // over all groups

static struct {
    struct bed b;
    struct wr_spool *spool;
    char dir[64];
    bool closed;
    uv_timer_t tick;
} d;

static void on_durable(void *user, uint64_t seq)
{
    wr_flow_durable(d.b.flow, seq);
}

static void on_full(void *user, bool full, const char *why)
{
    fail_msg("full: %s", why);
}

static void on_broken(void *user, const struct wr_fault *fault)
{
    fail_msg("%s", fault->text);
}

static void with_spool(struct wr_flow_options *o)
{
    const struct wr_spool_options spool = {
        .loop = o->loop,
        .dir = d.dir,
        .max_bytes = 256u << 20,
        .segment_bytes = 128u << 20,
        .events = {.durable = on_durable, .full = on_full, .broken = on_broken},
    };
    assert_int_equal(wr_spool_open(&spool, &d.spool, NULL), WR_OK);
    o->spool = d.spool;
    o->pool = d.b.pool;
    o->in_flight_max = 1000;
}

static void on_tick(uv_timer_t *timer)
{
}

static void on_closed(void *user)
{
    d.closed = true;
}

// `groups` batches of `size` messages, each delivered before the next.
static void send_groups(size_t groups, size_t size)
{
    for (size_t g = 0; g < groups; g++) {
        struct wr_message *first = NULL, **last = &first;
        for (size_t i = 0; i < size; i++) {
            *last = bed_message(&d.b, topics[i % TOPICS], payloads[i * 7 % TOPICS]);
            last = &(*last)->next;
        }
        size_t want = d.b.settled + size;
        bed_batch(&d.b, first, size);
        uint64_t end = uv_hrtime() + UINT64_C(30000000000);
        while (d.b.settled < want && uv_hrtime() < end) {
            uv_run(&d.b.loop, UV_RUN_ONCE);
        }
        assert_int_equal(d.b.settled, want);
    }
}

static void a_spool_allocates_by_groups_not_by_messages(void **state)
{
    static const char *const rules[] = {
        RULE("SELECT temp * 2 AS t FROM 'site/#'",
             "\"actions\": [{\"fake\": {\"name\": \"k/${topic(2)}/${temp}\"}}]")};
    static const size_t sizes[] = {5, 20, 60}; // the bed's pool keeps 64 messages
    snprintf(d.dir, sizeof d.dir, "/tmp/weir-alloc-XXXXXX");
    assert_non_null(mkdtemp(d.dir));
    bed_open(&d.b, with_spool);
    fake.quiet = true;
    uv_timer_init(&d.b.loop, &d.tick);
    uv_timer_start(&d.tick, on_tick, 1, 1);
    bed_rules(&d.b, rules, 1);
    send_groups(20, 300); // warm: all is as large as it gets
    for (size_t i = 0; i < WR_COUNT(sizes); i++) {
        uint64_t warm = allocation_calls;
        size_t groups = 40, submits = fake.submits;
        send_groups(groups, sizes[i]);
        uint64_t counted = allocation_calls - warm;
        if (COUNTED) {
            CHECK("by groups", counted <= groups * CALLS_PER_GROUP + CALLS_TO_GROW);
        }
        CHECK_INT("submits", fake.submits - submits, groups * sizes[i]);
    }
    wr_flow_stop(d.b.flow);
    wr_spool_close(d.spool, on_closed, NULL);
    while (!d.closed) {
        uv_run(&d.b.loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&d.tick, NULL);
    bed_close(&d.b);
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", d.dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    wr_hash_seed_init();
    const struct CMUnitTest tests[] = {T(allocates_nothing_when_warm),
                                       T(a_spool_allocates_by_groups_not_by_messages)};
    return TEST_MAIN(tests);
}
