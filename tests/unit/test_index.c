// The index against running every program: what matches or fails is always nominated, in order,
// whatever the payload holds; and where conditions tell rules apart few are nominated.
#include "sql/index.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "sql/base/hash.h"
#include "sql/program.h"

#include "sql/base/banned.h"

#define PROGRAMS 200

static uint64_t chance;

static unsigned below(unsigned limit)
{
    chance += 0x9e3779b97f4a7c15;
    uint64_t n = chance;
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
    return (unsigned)((n ^ (n >> 31)) % limit);
}

// ---- statements and payloads from few names and values, so that they meet

static const char *const paths[] = {"a", "b", "c.d", "e"};
static const char *const constants[] = {"1",
                                        "2",
                                        "1.0",
                                        "60",
                                        "'60'",
                                        "'6E1'",
                                        "'x'",
                                        "'TRUE'",
                                        "true",
                                        "NULL",
                                        "-5",
                                        "0.1",
                                        "1e3",
                                        "'1e3'",
                                        "''",
                                        "1000",
                                        "'äö'",
                                        "9007199254740993",
                                        "12345678901234567890123",
                                        "[1, 2]",
                                        "{'k': 1}"};
static const char *const values[] = {"1",
                                     "2",
                                     "1.0",
                                     "6e1",
                                     "60",
                                     "\"60\"",
                                     "\"6E1\"",
                                     "\"x\"",
                                     "\"TRUE\"",
                                     "true",
                                     "false",
                                     "null",
                                     "-5",
                                     "0.1",
                                     "0.10",
                                     "1000",
                                     "\"1e3\"",
                                     "\"\"",
                                     "\"\\u0078\"",
                                     "\"äö\"",
                                     "{}",
                                     "[1,2]",
                                     "{\"k\":1}",
                                     "1e1000",
                                     "9007199254740993",
                                     "9007199254740992",
                                     "12345678901234567890123",
                                     "\"not a number\""};
static const char *const orders[] = {"=", "=", "=", "<>", "<", "<=", ">", ">="};

static void add(struct wr_buf *b, const char *text)
{
    wr_buf_add(b, wr_str_of(text));
}

#define ANY(list) (list)[below(WR_COUNT(list))]

static void condition(struct wr_buf *b, unsigned depth)
{
    unsigned kind = below(depth ? 14 : 20);
    if (kind < 8) {
        bool mirrored = below(4) == 0;
        add(b, mirrored ? ANY(constants) : ANY(paths));
        add(b, " ");
        add(b, ANY(orders));
        add(b, " ");
        add(b, mirrored ? ANY(paths) : ANY(constants));
    } else if (kind < 11) {
        add(b, ANY(paths));
        add(b, " IN [");
        for (unsigned i = below(4); i > 0; i--) {
            add(b, ANY(constants));
            add(b, i > 1 ? ", " : "");
        }
        add(b, "]");
    } else if (kind == 11) {
        add(b, ANY(paths));
        add(b, " = ");
        add(b, ANY(paths));
    } else if (kind == 12) {
        add(b, "upper(a) = 'X'");
    } else if (kind == 13) {
        add(b, below(2) ? "true" : ANY(paths));
    } else if (kind < 16) {
        add(b, "NOT (");
        condition(b, depth + 1);
        add(b, ")");
    } else {
        add(b, "(");
        condition(b, depth + 1);
        add(b, kind < 18 ? " OR " : " AND ");
        condition(b, depth + 1);
        add(b, ")");
    }
}

static void statement(struct wr_buf *b)
{
    add(b, "SELECT a FROM 't'");
    for (unsigned i = below(4), k = 0; k < i; k++) {
        add(b, k ? " AND " : " WHERE ");
        condition(b, 0);
    }
}

static void payload(struct wr_buf *b)
{
    if (below(30) == 0) {
        add(b, below(2) ? "no JSON" : "[1, 2]");
        return;
    }
    add(b, "{");
    bool comma = false;
    static const char *const names[] = {"\"a\":", "\"b\":", "\"c\":{\"d\":", "\"e\":"};
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        if (below(5) == 0) {
            continue;
        }
        add(b, comma ? "," : "");
        comma = true;
        add(b, names[i]);
        add(b, ANY(values));
        add(b, i == 2 ? "}" : "");
    }
    add(b, "}");
}

// ---- the comparison

static struct wr_program *compile(const char *sql, const char *version, uint64_t fuel)
{
    struct wr_program *p = NULL;
    struct wr_fault fault = {0};
    const struct wr_program_options options = {.sql_version = wr_str_of(version), .fuel = fuel};
    if (wr_program_new(wr_str_of(sql), &options, &p, &fault)) {
        return NULL; // a condition that the compiler refuses
    }
    wr_assert(wr_program_seal(p, &fault) == WR_OK);
    return p;
}

struct bed {
    struct wr_program *programs[PROGRAMS];
    size_t count;
    struct wr_plan *plan;
    struct wr_index *index;
    struct wr_arena arena;
    size_t nominated, matched, messages;
};

static void bed_open(struct bed *b)
{
    b->plan = wr_plan_new((const struct wr_program *const *)b->programs, b->count);
    b->index = wr_index_new(b->plan);
    b->nominated = b->matched = b->messages = 0;
    wr_arena_init(&b->arena, 16 << 20);
}

static void bed_close(struct bed *b)
{
    wr_index_free(b->index);
    wr_plan_free(b->plan);
    for (size_t i = 0; i < b->count; i++) {
        wr_program_free(b->programs[i]);
    }
    b->count = 0;
    wr_arena_release(&b->arena);
}

static void check_message(struct bed *b, wr_str text)
{
    struct wr_sql_message m = {.topic = WR_STR("t"), .payload = text, .format_indicator = -1};
    const uint32_t *found;
    wr_arena_reset(&b->arena);
    wr_assert(wr_sql_message_read(&m, b->plan, &b->arena) == WR_OK);
    size_t count = wr_index_match(b->index, &m, &found), at = 0;
    // What the index has decoded must not matter to those that are run behind it, nor the other
    // way.
    for (size_t i = 0; i < b->count; i++) {
        struct wr_eval e = {0};
        bool nominated = at < count && found[at] == i;
        at += nominated;
        wr_eval_start(&e, &m, i, NULL);
        enum wr_eval_state state = wr_eval_run(&e);
        if (!nominated && state != WR_EVAL_NO_MATCH) {
            fprintf(stderr, "%.*s\n  %.*s\n", WR_STR_ARG(text),
                    WR_STR_ARG(b->programs[i]->statement.text));
        }
        CHECK("nominated", nominated || state == WR_EVAL_NO_MATCH);
        b->matched += state == WR_EVAL_MATCHED;
    }
    CHECK_INT("in order, each once", at, count);
    b->nominated += count;
    b->messages++;
}

// WR_INDEX_MESSAGES=1000000 compares so many, for some minutes.
static void nominates_what_matches(void **state)
{
    const char *wanted = getenv("WR_INDEX_MESSAGES");
    unsigned long long messages = wanted ? strtoull(wanted, NULL, 10) : 0;
    unsigned each = messages ? 1000 : 60;
    unsigned rounds = messages ? (unsigned)(messages / each) + 1 : 300;
    size_t nominated = 0, all = 0, matched = 0, indexed = 0, compared = 0;
    for (unsigned round = 0; round < rounds || (messages && compared < messages); round++) {
        struct bed b = {0};
        chance = round + 1;
        bool mixed = round % 3 == 0;
        for (size_t i = 10 + below(PROGRAMS - 10); i > 0; i--) {
            struct wr_buf sql = {0};
            statement(&sql);
            struct wr_program *p = compile(wr_buf_terminated(&sql),
                                           mixed && below(2) ? "2015-10-08" : "2016-03-23", 0);
            b.programs[b.count] = p;
            b.count += p != NULL;
            wr_buf_release(&sql);
        }
        bed_open(&b);
        for (unsigned i = 0; i < each && b.index; i++) {
            struct wr_buf text = {0};
            payload(&text);
            check_message(&b, wr_buf_str(&text));
            wr_buf_release(&text);
        }
        indexed += b.index != NULL;
        nominated += b.nominated;
        matched += b.matched;
        all += b.messages * b.count;
        compared += b.messages;
        bed_close(&b);
    }
    if (messages) {
        print_message("# %zu messages, %zu evaluations compared, %zu nominated, %zu matched\n",
                      compared, all, nominated, matched);
    }
    CHECK("indexes were made", indexed > rounds * 5 / 6);
    CHECK("some match", matched > 1000);
    CHECK("some are left out", nominated < all * 9 / 10);
}

static void leaves_out_what_conditions_tell_apart(void **state)
{
    static const struct {
        const char *name, *sql, *payload;
        size_t most;
    } cases[] = {
        {"equality", "SELECT a FROM 't' WHERE a = 'k%u'", "{\"a\":\"k7\"}", 8},
        {"number", "SELECT a FROM 't' WHERE %u = a", "{\"a\":7.0}", 8},
        {"two equalities", "SELECT a FROM 't' WHERE a = 'x' AND b = %u", "{\"a\":\"x\",\"b\":7}",
         8},
        {"list", "SELECT a FROM 't' WHERE a IN [%u, 1000]", "{\"a\":7}", 8},
        {"range", "SELECT a FROM 't' WHERE a > %u AND a < 7", "{\"a\":6}", 7},
        {"range of a text", "SELECT a FROM 't' WHERE a > %u", "{\"a\":\"2\"}", 3},
        {"missing", "SELECT a FROM 't' WHERE a = %u AND b > 3", "{\"b\":7}", 0},
        {"or of one path", "SELECT a FROM 't' WHERE a = %u OR a = 'k'", "{\"a\":7}", 8},
        {"not", "SELECT a FROM 't' WHERE NOT a <> %u", "{\"a\":7}", 8},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct bed b = {0};
        for (unsigned k = 0; k < 100; k++) {
            char sql[128];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(sql, sizeof sql, cases[i].sql, k);
#pragma GCC diagnostic pop
            b.programs[b.count++] = compile(sql, "2016-03-23", 0);
        }
        bed_open(&b);
        CHECK(cases[i].name, b.index);
        check_message(&b, wr_str_of(cases[i].payload));
        CHECK(cases[i].name, b.nominated <= cases[i].most);
        bed_close(&b);
    }
}

// What stands behind a call is not looked at: the call is made, or not, as without an index.
static void keeps_calls_as_they_are(void **state)
{
    struct bed b = {0};
    for (unsigned k = 0; k < 100; k++) {
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT a FROM 't' WHERE decode(a, 'proto', 'b') = 1 AND b = %u",
                 k);
        struct wr_program *p = compile(sql, "2016-03-23", 0);
        if (!p) {
            snprintf(sql, sizeof sql, "SELECT a FROM 't' WHERE abs(a) = 1 AND b = %u", k);
            p = compile(sql, "2016-03-23", 0);
        }
        b.programs[b.count++] = p;
    }
    b.plan = wr_plan_new((const struct wr_program *const *)b.programs, b.count);
    CHECK("no index", !wr_index_new(b.plan));
    bed_close(&b);
}

static void leaves_large_payloads_to_the_programs(void **state)
{
    struct bed b = {0};
    for (unsigned k = 0; k < 20; k++) {
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT a FROM 't' WHERE a = %u", k);
        b.programs[b.count++] = compile(sql, "2016-03-23", 0);
    }
    bed_open(&b);
    struct wr_buf text = {0};
    add(&text, "{\"a\":\"");
    for (unsigned i = 0; i < 70000; i++) {
        add(&text, "y");
    }
    add(&text, "\"}");
    check_message(&b, wr_buf_str(&text));
    CHECK_INT("all", b.nominated, 20);
    wr_buf_release(&text);
    bed_close(&b);
}

int main(void)
{
    wr_hash_seed_init();
    const struct CMUnitTest tests[] = {
        T(nominates_what_matches),
        T(leaves_out_what_conditions_tell_apart),
        T(keeps_calls_as_they_are),
        T(leaves_large_payloads_to_the_programs),
    };
    return TEST_MAIN(tests);
}
