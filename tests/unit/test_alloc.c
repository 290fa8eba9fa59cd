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
        bed_open(&b, NULL);
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
        bed_close(&b);
    }
}

int main(void)
{
    wr_hash_seed_init();
    const struct CMUnitTest tests[] = {T(allocates_nothing_when_warm)};
    return TEST_MAIN(tests);
}
