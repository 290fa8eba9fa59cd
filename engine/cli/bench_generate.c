// Rules and messages made from a seed: the cases that people ask about, each with a knob or two.
#include "engine/cli/bench.h"

#include <inttypes.h>

#include "sql/base/banned.h"

#define SITES     8
#define MODELS    100 // many: values of the first attribute
#define FIELDS    60  // wide
#define OBJECTS   8   // arrays
#define FAN_LEVEL 100 // fan-in: topics below one node of the tree

uint64_t wr_bench_chance(uint64_t *state)
{
    uint64_t n = *state += 0x9e3779b97f4a7c15;
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
    return n ^ (n >> 31);
}

static unsigned below(uint64_t *chance, unsigned limit)
{
    return (unsigned)(wr_bench_chance(chance) % limit);
}

static void document(struct wr_buf *out, const char *name, uint64_t i, const char *sql)
{
    wr_buf_addf(out,
                "{\"ruleName\": \"%s_%" PRIu64 "\", \"topicRulePayload\": {\"sql\": \"%s\", "
                "\"awsIotSqlVersion\": \"2016-03-23\", \"actions\": [{\"null\": {}}]}}",
                name, i, sql);
}

// ---- small: about 200 bytes, a filter that one in ten passes, four columns

static void small_rule(struct wr_buf *out, uint64_t i, uint64_t count)
{
    document(out, "small", i,
             "SELECT device, temp, humidity, pos.lat AS lat FROM 'plant/+/sensor' WHERE temp > 90");
}

static void small_payload(struct wr_buf *p, uint64_t i, uint64_t *chance)
{
    wr_buf_addf(p,
                "{\"device\":\"sensor-%04u\",\"site\":\"plant-%u\",\"temp\":%u.%u,\"humidity\":%u,"
                "\"battery\":0.%02u,\"status\":\"%s\",\"seq\":%" PRIu64
                ",\"tags\":[\"a\",\"b\"],\"pos\":{\"lat\":52.%05u,\"lon\":13.%05u},"
                "\"fw\":\"2.14.%u\",\"up\":%u}",
                below(chance, 10000), below(chance, SITES), below(chance, 100),
                1 + below(chance, 9), 30 + below(chance, 60), below(chance, 100),
                below(chance, 3) ? "ok" : "warn", i, below(chance, 100000), below(chance, 100000),
                below(chance, 30), 100000 + below(chance, 900000));
}

static void small_message(struct wr_buf *topic, struct wr_buf *payload, uint64_t i, uint64_t rules,
                          uint64_t *chance)
{
    wr_buf_addf(topic, "plant/%u/sensor", below(chance, 100));
    small_payload(payload, i, chance);
}

// ---- passthrough: the same messages, everything is handed on with one member more

static void passthrough_rule(struct wr_buf *out, uint64_t i, uint64_t count)
{
    document(out, "passthrough", i, "SELECT *, topic(4) AS dev FROM 'plant/#'");
}

static void passthrough_message(struct wr_buf *topic, struct wr_buf *payload, uint64_t i,
                                uint64_t rules, uint64_t *chance)
{
    wr_buf_addf(topic, "plant/%u/line/dev-%u", below(chance, SITES), below(chance, 1000));
    small_payload(payload, i, chance);
}

// ---- wide: about 2 KB, 60 members, three of them read

static void wide_rule(struct wr_buf *out, uint64_t i, uint64_t count)
{
    document(out, "wide", i,
             "SELECT field_05 AS a, field_55 AS b FROM 'wide/+' WHERE field_30 > 900");
}

static void wide_message(struct wr_buf *topic, struct wr_buf *payload, uint64_t i, uint64_t rules,
                         uint64_t *chance)
{
    wr_buf_addf(topic, "wide/%u", below(chance, 100));
    for (unsigned k = 0; k < FIELDS; k++) {
        wr_buf_addf(payload, "%s\"field_%02u\":", k ? "," : "{", k);
        switch (k % 5) {
        case 0:
            wr_buf_addf(payload, "%u", below(chance, 1000));
            break;
        case 1:
            wr_buf_addf(payload, "\"a text of some greater length %07u\"", below(chance, 100000));
            break;
        case 2:
            wr_buf_addf(payload, "%u.%03u", below(chance, 1000), below(chance, 1000));
            break;
        case 3:
            wr_buf_addf(payload, "[%u,%u,%u]", below(chance, 100), below(chance, 100),
                        below(chance, 100));
            break;
        case 4:
            wr_buf_addf(payload, "{\"on\":%s,\"n\":%u}", below(chance, 2) ? "true" : "false",
                        below(chance, 1000));
            break;
        }
    }
    wr_buf_add_char(payload, '}');
}

// ---- functions: a regular expression, strings, arithmetic, a nested query over eight objects

static void functions_rule(struct wr_buf *out, uint64_t i, uint64_t count)
{
    document(out, "functions", i,
             "SELECT upper(name) AS name, (temp * 9 / 5) + 32 AS f, (SELECT VALUE v FROM readings "
             "WHERE v > 50) AS high, topic(2) AS line FROM 'line/+/station' WHERE "
             "regexp_matches(serial, '^SN-[0-9]{4}-(A|B)')");
}

static void functions_message(struct wr_buf *topic, struct wr_buf *payload, uint64_t i,
                              uint64_t rules, uint64_t *chance)
{
    wr_buf_addf(topic, "line/%u/station", below(chance, 100));
    wr_buf_addf(payload, "{\"name\":\"station %c%u\",\"serial\":\"SN-%04u-%c%03u\",\"temp\":%u.%u,",
                'a' + (char)below(chance, 26), below(chance, 100), below(chance, 10000),
                'A' + (char)below(chance, 3), below(chance, 1000), below(chance, 100),
                below(chance, 10));
    for (unsigned k = 0; k < OBJECTS; k++) {
        wr_buf_addf(payload, "%s{\"n\":\"channel-%u\",\"unit\":\"V\",\"v\":%u.%u,\"ok\":%s}",
                    k ? "," : "\"readings\":[", k, below(chance, 100), below(chance, 10),
                    below(chance, 9) ? "true" : "false");
    }
    wr_buf_addf(payload, "],\"seq\":%" PRIu64 "}", i);
}

// ---- arrays: every element looked at, some handed on

static void arrays_rule(struct wr_buf *out, uint64_t i, uint64_t count)
{
    document(out, "arrays", i,
             "SELECT device, (SELECT id, level * 2 AS twice FROM tanks WHERE level > 80) AS full, "
             "get(tanks, 0).id AS first FROM 'farm/+' WHERE get(tanks, 0).level > 20");
}

static void arrays_message(struct wr_buf *topic, struct wr_buf *payload, uint64_t i, uint64_t rules,
                           uint64_t *chance)
{
    wr_buf_addf(topic, "farm/%u", below(chance, 100));
    wr_buf_addf(payload, "{\"device\":\"farm-%u\",\"tanks\":[", below(chance, 1000));
    unsigned tanks = 4 + below(chance, 28);
    for (unsigned k = 0; k < tanks; k++) {
        wr_buf_addf(payload, "%s{\"id\":\"tank-%02u\",\"level\":%u,\"ph\":%u.%02u}", k ? "," : "",
                    k, below(chance, 100), 5 + below(chance, 4), below(chance, 100));
    }
    wr_buf_add(payload, WR_STR("]}"));
}

// ---- fan-in: each rule has a filter of its own, each message one of the topics

static void fan_in_rule(struct wr_buf *out, uint64_t i, uint64_t count)
{
    char sql[192];
    snprintf(sql, sizeof sql,
             "SELECT device, temp FROM 'fleet/%" PRIu64 "/dev-%" PRIu64 "/+' WHERE temp > 90",
             i / FAN_LEVEL, i);
    document(out, "fan_in", i, sql);
}

static void fan_in_message(struct wr_buf *topic, struct wr_buf *payload, uint64_t i, uint64_t rules,
                           uint64_t *chance)
{
    uint64_t device = wr_bench_chance(chance) % rules;
    wr_buf_addf(topic, "fleet/%" PRIu64 "/dev-%" PRIu64 "/state", device / FAN_LEVEL, device);
    small_payload(payload, i, chance);
}

// ---- many: all rules on one topic, equality on two attributes and a range. A message has the
// attributes of about count / (MODELS * SITES) rules, whatever the count; half of them let it pass.

static void many_rule(struct wr_buf *out, uint64_t i, uint64_t count)
{
    uint64_t groups = count < 10 ? 10 : count; // so that about one rule has a message's attributes
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT device, temp, '%" PRIu64 "' AS rule FROM 'many/data' WHERE model = 'm-%" PRIu64
             "' AND site = %" PRIu64 " AND temp > %" PRIu64 " AND temp <= %" PRIu64,
             i, i % groups % MODELS, i % groups / MODELS, i % 7 * 10, i % 7 * 10 + 40);
    document(out, "many", i, sql);
}

static void many_message(struct wr_buf *topic, struct wr_buf *payload, uint64_t i, uint64_t rules,
                         uint64_t *chance)
{
    uint64_t like = wr_bench_chance(chance) % (rules < 10 ? 10 : rules);
    wr_buf_add(topic, WR_STR("many/data"));
    wr_buf_addf(payload,
                "{\"device\":\"d-%05u\",\"model\":\"m-%" PRIu64 "\",\"site\":%" PRIu64
                ",\"temp\":%u.%u,\"humidity\":%u,\"state\":\"%s\",\"seq\":%" PRIu64 "}",
                below(chance, 100000), like % MODELS, like / MODELS, below(chance, 110),
                below(chance, 10), below(chance, 100), below(chance, 2) ? "run" : "idle", i);
}

const struct wr_bench_generator wr_bench_generators[] = {
    {"small", "200 bytes, WHERE passes one in ten, four columns", 1, 1000, small_rule,
     small_message},
    {"passthrough", "200 bytes, SELECT *, topic(4)", 1, 1000, passthrough_rule,
     passthrough_message},
    {"wide", "2 KB with 60 members, three are read", 1, 1000, wide_rule, wide_message},
    {"functions", "regular expression, upper(), arithmetic, a query over 8 objects", 1, 1000,
     functions_rule, functions_message},
    {"arrays", "4 to 31 objects in an array, queried", 1, 1000, arrays_rule, arrays_message},
    {"fan-in", "each rule has a filter of its own, each message one of the topics", 10000, 10000,
     fan_in_rule, fan_in_message},
    {"many", "all rules on one topic: two equalities and a range each", 10000, 10000, many_rule,
     many_message},
    {0},
};
