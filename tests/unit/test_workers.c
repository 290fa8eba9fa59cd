// Evaluation by workers: order, the same results as without (also on the corpus, whose folder is
// the program's argument), rules that change, look-ups, the stop. test_flow, test_durable,
// test_lookup and test_alloc run with workers too (WEIR_TEST_WORKERS).
#include "engine/cli/message_line.h"
#include "engine/flow/trace.h"
#include "engine/rules/quota.h"
#include "engine/rules/zones.h"
#include "sql/base/json.h"

#include "tests/support/test.h"

#include "tests/support/fake_sink.h"
#include "tests/support/flow_bed.h"

#include <dirent.h>

#include "sql/base/banned.h"

#define RULE(sql, rest) "{\"sql\": \"" sql "\", \"awsIotSqlVersion\": \"2016-03-23\", " rest "}"
#define ONE(name)       "\"actions\": [{\"fake\": {\"name\": \"" name "\"}}]"
#define LOOKUP          "get_thing_shadow('t', 'r')"

#define TOPICS 7

static size_t workers = 2;

static void with_workers(struct wr_flow_options *o)
{
    o->workers = workers;
}

static char *text_of(const char *format, ...) WR_PRINTF(1, 2);

// Lives as long as the test: messages lend their bytes.
static char *texts[40000];
static size_t text_count;

static char *text_of(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    wr_assert(text_count < WR_COUNT(texts));
    wr_assert(vasprintf(&texts[text_count], format, args) > 0);
    va_end(args);
    return texts[text_count++];
}

static void forget_texts(void)
{
    while (text_count > 0) {
        free(texts[--text_count]);
    }
}

// `count` messages {"n": first…} in batches of `size`; number i on topic t/(i % TOPICS).
static void feed(struct bed *b, size_t first, size_t count, size_t size)
{
    for (size_t i = 0; i < count;) {
        struct wr_message *list = NULL, **end = &list;
        size_t k = 0;
        for (; k < size && i < count; k++, i++) {
            size_t n = first + i;
            *end = bed_message(b, text_of("t/%zu", n % TOPICS), text_of("{\"n\":%zu}", n));
            end = &(*end)->next;
        }
        wr_flow_batch(b->flow, &b->source, list, k);
        bed_audit(b);
    }
}

// The notes are "kind name {"n":N} …" lines: those of one name ascend, each topic's by TOPICS, or
// more where there may be gaps.
static size_t check_order(const char *what, bool gaps)
{
    size_t next[TOPICS], lines = 0;
    for (size_t i = 0; i < TOPICS; i++) {
        next[i] = i;
    }
    char *at = fake.notes.at, *end = at + fake.notes.len;
    while (at < end) {
        unsigned topic, n;
        wr_assert(sscanf(at, "fake t/%u {\"n\":%u} 1", &topic, &n) == 2 && topic < TOPICS);
        if (gaps ? n < next[topic] : n != next[topic]) {
            CHECK_INT(what, n, next[topic]);
        }
        next[topic] = n + TOPICS;
        lines++;
        at = (char *)memchr(at, '\n', (size_t)(end - at)) + 1;
    }
    return lines;
}

static void keeps_the_order_of_a_topic(void **state)
{
    static const char *const rules[] = {RULE("SELECT n FROM 't/+'", ONE("${topic()}"))};
    static const size_t counts[] = {1, 2, 3, 16}, sizes[] = {1, 7, 64, 5000};
    for (size_t i = 0; i < WR_COUNT(counts); i++) {
        struct bed b;
        workers = counts[i];
        bed_open(&b, with_workers);
        bed_rules(&b, rules, 1);
        feed(&b, 0, 5000, sizes[i]);
        wr_flow_drain(b.flow);
        bed_audit(&b);
        CHECK_INT("all arrived", check_order("in order", false), 5000);
        CHECK_INT("all settled", b.settled, 5000);
        CHECK_INT("all acknowledged", b.acknowledged, 5000);
        CHECK_INT("none is out", b.metrics->now.in_workers, 0);
        bed_close(&b);
        forget_texts();
    }
    workers = 2;
}

// Without a drain: what is back is taken up by the loop.
static void wakes_the_loop(void **state)
{
    static const char *const rules[] = {RULE("SELECT n FROM 't/+'", ONE("${topic()}"))};
    struct bed b;
    bed_open(&b, with_workers);
    bed_rules(&b, rules, 1);
    feed(&b, 0, 300, 64);
    bed_wait(&b, 300);
    CHECK_INT("all arrived", check_order("in order", false), 300);
    bed_close(&b);
    forget_texts();
}

static void has_a_bound(void **state)
{
    static const char *const rules[] = {
        RULE("SELECT n FROM 't/+' WHERE regexp_matches(rpad('a', 900), '(a|b|c)*x') OR true",
             ONE("${topic()}"))};
    struct bed b;
    bed_open(&b, with_workers);
    bed_rules(&b, rules, 1);
    size_t most = 0;
    for (size_t i = 0; i < 4000; i += 64) {
        feed(&b, i, i + 64 <= 4000 ? 64 : 4000 - i, 64);
        most = b.metrics->now.in_workers > most ? b.metrics->now.in_workers : most;
    }
    CHECK("no more than fit, and what waits for a batch",
          most <= workers * (WR_FLOW_WORKER_MESSAGES + 64));
    wr_flow_drain(b.flow);
    CHECK_INT("all arrived", check_order("in order", false), 4000);
    bed_close(&b);
    forget_texts();
}

// ---- the same as without

// Every end an evaluation can come to; more than eight on one topic, so that there is an index.
static const char *const zoo[] = {
    RULE("SELECT n, a.b AS x FROM 't/+' WHERE n > 100", ONE("${topic()}/${n}")),
    RULE("SELECT * FROM 't/#'", "\"actions\": []"),
    RULE("SELECT * FROM 't/1' WHERE zz = 1", ONE("never")),
    RULE("SET @v = n * 2 SELECT @v AS v FROM 't/+' WHERE kind = 'k3'", ONE("${@v}-${n}")),
    RULE("SELECT n FROM 't/+' WHERE kind = 'k1'", ONE("k1")),
    RULE("SELECT n FROM 't/+' WHERE kind = 'k2' AND n < 500", ONE("k2")),
    RULE("SELECT n FROM 't/+' WHERE kind = 'k4'",
         "\"actions\": [{\"fake\": {\"name\": \"q\", \"qos\": \"${n}\"}}], \"errorAction\": "
         "{\"other\": {\"name\": \"e\"}}"),
    RULE("SELECT n FROM 't/+' WHERE kind = 'k5'", ONE("${zz}")),
    RULE("SELECT replace(concat(rpad(s, 1000), rpad(s, 1000)), ' ', rpad(s, 1000)) AS a FROM 't/2' "
         "WHERE kind = 'k1'",
         ONE("m")),
    RULE("SELECT decode(1, 'proto', 'b', 'k', 'p', 'm') AS a FROM 't/3'", ONE("f")),
    RULE("SELECT regexp_matches(s, '(a+)+$') AS a, n FROM 't/4' WHERE kind = 'k0'", ONE("r")),
    "{\"sql\": \"SELECT n, upper(kind) AS k FROM 't/+' WHERE n > 900\", \"awsIotSqlVersion\": "
    "\"2015-10-08\", " ONE("old") "}",
    RULE("SELECT parse_time('yyyy-MM-dd HH:mm', n * 60000, 'Europe/Berlin') AS t FROM 't/5'",
         ONE("z")),
    RULE("SELECT (SELECT v FROM rows WHERE v > 1) AS r FROM 't/6'", ONE("rows")),
    RULE("SELECT " LOOKUP " AS s, n FROM 't/0' WHERE kind = 'k2'", ONE("look")),
    RULE("SELECT n FROM 't/1' WHERE kind = 'k2'", ONE("${" LOOKUP "}")),
};

static struct wr_sql_host zoned = {.zone = wr_zones_find};

static void with_zones(struct wr_flow_options *o)
{
    o->workers = workers;
    o->sql = &zoned;
}

static const char *payload_of(size_t i)
{
    static const char *const broken[] = {"", "{\"n\":", "hello", "{\"n\":1}x", "[1,2]", "\xff\xfe"};
    if (i % 17 == 3) {
        return broken[i / 17 % WR_COUNT(broken)];
    }
    return text_of("{\"n\":%zu,\"kind\":\"k%zu\",\"a\":{\"b\":[%zu,\"\\u00fc\"]},\"s\":\"%.*s!\","
                   "\"rows\":[{\"v\":1},{\"v\":%zu},{\"w\":0}]}",
                   i * 7919 % 1009, i % 6, i, (int)(i % 40),
                   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", i % 5);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Lines of the notes, sorted: between topics there is no order.
static void sort_lines(struct wr_buf *notes, struct wr_buf *out)
{
    static char *lines[60000];
    size_t count = 0;
    wr_buf_add_char(notes, '\0');
    for (char *save, *line = strtok_r(notes->at, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        wr_assert(count < WR_COUNT(lines));
        lines[count++] = line;
    }
    qsort(lines, count, sizeof *lines, by_text);
    for (size_t i = 0; i < count; i++) {
        wr_buf_addf(out, "%s\n", lines[i]);
    }
}

// What sinks got, and every counter of every rule.
static void run_zoo(size_t count, struct wr_buf *notes, struct wr_buf *counters)
{
    struct bed b;
    workers = count;
    bed_open(&b, with_zones);
    bed_rules(&b, zoo, WR_COUNT(zoo));
    b.answer_at_once = true;
    for (size_t i = 0; i < 3000;) {
        struct wr_message *list = NULL, **end = &list;
        size_t k = 0;
        for (; k < 50; k++, i++) {
            *end = bed_message(&b, text_of("t/%zu", i * 31 % TOPICS), payload_of(i));
            end = &(*end)->next;
        }
        wr_flow_batch(b.flow, &b.source, list, k);
        bed_audit(&b);
    }
    wr_flow_drain(b.flow);
    bed_wait(&b, 3000);
    CHECK_INT("all settled", b.settled, 3000);
    CHECK_INT("all acknowledged", b.acknowledged, 3000);
    sort_lines(&fake.notes, notes);
    wr_rule_set_settle(wr_flow_rules(b.flow));
    // The order of errors may differ between topics, not what they are.
    wr_buf_addf(counters, "%llu evaluated, %llu dropped for memory, %llu suspended",
                (unsigned long long)b.metrics->evaluated,
                (unsigned long long)b.metrics->dropped[WR_DROP_MEMORY],
                (unsigned long long)b.metrics->suspended);
    wr_metrics_write_rules(b.metrics, counters);
    wr_buf_add_char(counters, '\n');
    bed_close(&b);
    forget_texts();
}

static void check_same(const char *what, const struct wr_buf *got, const struct wr_buf *want)
{
    size_t i = 0;
    while (i < got->len && i < want->len && got->at[i] == want->at[i]) {
        i++;
    }
    if (i < got->len || i < want->len) {
        size_t from = i > 60 ? i - 60 : 0;
        CASE_FAIL(what, "at byte %zu: \"%.120s\", not \"%.120s\"", i, got->at + from,
                  want->at + from);
    }
}

static void comes_to_the_same(void **state)
{
    struct wr_buf notes[2] = {{0}}, counters[2] = {{0}};
    run_zoo(0, &notes[0], &counters[0]);
    CHECK("there is much to compare", notes[0].len > 50000);
    for (size_t n = 1; n <= 3; n += 2) {
        wr_buf_clear(&notes[1]);
        wr_buf_clear(&counters[1]);
        run_zoo(n, &notes[1], &counters[1]);
        check_same("results", &notes[1], &notes[0]);
        check_same("counters", &counters[1], &counters[0]);
    }
    for (int i = 0; i < 2; i++) {
        wr_buf_release(&notes[i]);
        wr_buf_release(&counters[i]);
    }
    wr_zones_release();
    workers = 2;
}

// ---- the corpus: each rule on the messages of its neighbours too

static const char *corpus;

static void fixed_random(void *user, void *at, size_t len)
{
    memset(at, 0x42, len);
}

static struct wr_sql_host fixed = {
    .account_id = WR_STR_INIT("123456789012"), .random = fixed_random, .zone = wr_zones_find};

static void with_fixed_random(struct wr_flow_options *o)
{
    o->workers = workers;
    o->sql = &fixed;
    o->payload_max = 256 << 10;
}

struct corpus {
    struct wr_arena arena; // of the lines
    struct wr_line lines[BED_RULES_MAX];
    size_t count, messages, sets, bytes;
    struct wr_buf all[2]; // what came of it: by the loop, by workers
};

static void add_member(struct wr_buf *out, const char *name, wr_str text)
{
    wr_buf_addf(out, "\"%s\": ", name);
    wr_json_write_string(out, text);
    wr_buf_add(out, S(", "));
}

// NULL: it is no rule.
static struct wr_rule *rule_of(struct bed *b, struct corpus *c, size_t i)
{
    const wr_value *line = &c->lines[i].object;
    wr_str sql = wr_line_text(line, "sql", &c->arena);
    wr_str template = wr_line_text(line, "template", &c->arena);
    struct wr_buf text = {0};
    wr_buf_add_char(&text, '{');
    add_member(&text, "sql", sql.at ? sql : S("SELECT * FROM '#'"));
    add_member(&text, "awsIotSqlVersion", wr_line_text(line, "sqlVersion", &c->arena));
    wr_buf_add(&text, S("\"actions\": [{\"fake\": {\"name\": "));
    wr_json_write_string(&text, template.len ? template : S("n"));
    wr_buf_add(&text, S("}}]}"));
    const struct wr_rule_options options = {.kinds = fake_kinds, .metrics = b->metrics};
    char file[32];
    struct wr_rule *rule;
    snprintf(file, sizeof file, "r%zu.json", i);
    wr_err err = wr_rule_new(wr_buf_str(&text), file, &options, &rule, NULL);
    wr_buf_release(&text);
    return err ? NULL : rule;
}

static size_t set_rules(struct bed *b, struct corpus *c)
{
    struct wr_rule *rules[BED_RULES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++) {
        rules[count] = rule_of(b, c, i);
        count += rules[count] != NULL;
    }
    for (size_t k = 0; fake_kinds[k]; k++) {
        wr_assert(wr_sinks_require(b->sinks, k, NULL) == WR_OK);
    }
    struct wr_rule_set *set = wr_rule_set_new(rules, count);
    wr_flow_set_rules(b->flow, set);
    wr_rule_set_unlock(set);
    for (size_t i = 0; i < count; i++) {
        wr_rule_unlock(rules[i]);
    }
    return count;
}

static void run_lines(struct corpus *c, size_t count, struct wr_buf *out)
{
    struct bed b;
    workers = count;
    bed_open(&b, with_fixed_random);
    b.answer_at_once = true;
    set_rules(&b, c);
    size_t messages = 0;
    struct wr_message *list = NULL, **end = &list;
    for (size_t i = 0; i < c->count; i++) {
        struct wr_message *m = bed_message(&b, "", "");
        wr_value none = wr_undefined();
        struct wr_sql_message given = m->sql;
        if (!wr_line_message(&c->lines[i], &none, &c->arena, &given, NULL)) {
            given.timestamp_ms = m->sql.timestamp_ms;
            given.trace_id = m->sql.trace_id;
            m->sql = given;
        }
        *end = m;
        end = &m->next;
        messages++;
    }
    wr_flow_batch(b.flow, &b.source, list, messages);
    wr_flow_drain(b.flow);
    bed_audit(&b);
    CHECK_INT("settled", b.settled, messages);
    sort_lines(&fake.notes, out);
    wr_rule_set_settle(wr_flow_rules(b.flow));
    wr_metrics_write_rules(b.metrics, out);
    wr_buf_add_char(out, '\n');
    bed_close(&b);
    c->messages += messages;
}

static void compare_lines(struct corpus *c)
{
    for (size_t i = 0; i < 2; i++) {
        wr_buf_clear(&c->all[i]);
        run_lines(c, 2 * i, &c->all[i]);
    }
    check_same("the corpus", &c->all[1], &c->all[0]);
    c->bytes += c->all[0].len;
    c->count = 0;
    c->sets++;
    wr_arena_reset(&c->arena);
}

static void read_file(struct corpus *c, const char *path)
{
    FILE *in = fopen(path, "re");
    char *bytes = NULL;
    size_t cap = 0;
    ssize_t len;
    wr_assert(in);
    while ((len = getline(&bytes, &cap, in)) > 0) {
        wr_str text = wr_str_dup(&c->arena, (wr_str){bytes, (size_t)len - 1});
        CHECK_INT(path, wr_line_read(text, &c->arena, &c->lines[c->count], NULL), WR_OK);
        if (++c->count == BED_RULES_MAX) {
            compare_lines(c);
        }
    }
    free(bytes);
    fclose(in);
}

static void comes_to_the_same_on_the_corpus(void **state)
{
    struct corpus c = {0};
    wr_arena_init(&c.arena, 64 << 20);
    DIR *d = opendir(corpus);
    CHECK("the corpus is there", d != NULL);
    for (struct dirent *e; (e = readdir(d));) {
        if (wr_str_ends(Z(e->d_name), S(".jsonl"))) {
            char path[512];
            snprintf(path, sizeof path, "%s/%s", corpus, e->d_name);
            read_file(&c, path);
        }
    }
    compare_lines(&c);
    closedir(d);
    CHECK("there is much to compare", c.sets > 50 && c.messages > 3000 && c.bytes > 1000000);
    wr_buf_release(&c.all[0]);
    wr_buf_release(&c.all[1]);
    wr_arena_release(&c.arena);
    wr_zones_release();
    workers = 2;
}

// ---- rules

// Each message meets the rules of its time, in whole, and versions do not overtake each other.
static void takes_new_rules_between_two_messages(void **state)
{
    struct bed b;
    bed_open(&b, with_workers);
    for (size_t version = 0; version < 50; version++) {
        char rule[2][256];
        for (size_t i = 0; i < 2; i++) {
            snprintf(rule[i], sizeof rule[i],
                     "{\"sql\": \"SELECT n, %zu AS v FROM 't/+' WHERE n >= 0\", "
                     "\"awsIotSqlVersion\": \"2016-03-23\", " ONE("%s") "}",
                     version, i ? "b" : "a");
        }
        const char *const rules[] = {rule[0], rule[1]};
        bed_rules(&b, rules, 2);
        feed(&b, version * 100, 100, 64);
    }
    wr_flow_drain(b.flow);
    bed_audit(&b);
    size_t lines = 0, next[2][TOPICS] = {{0}};
    bool in_order = true, right = true;
    char *at = fake.notes.at, *end = at + fake.notes.len;
    while (at < end) {
        char name;
        unsigned n, version;
        wr_assert(sscanf(at, "fake %c {\"n\":%u,\"v\":%u} 1", &name, &n, &version) == 3);
        right = right && version == n / 100;
        in_order = in_order && n >= next[name == 'b'][n % TOPICS];
        next[name == 'b'][n % TOPICS] = n + 1;
        lines++;
        at = (char *)memchr(at, '\n', (size_t)(end - at)) + 1;
    }
    CHECK_INT("both rules on every message", lines, 2 * 50 * 100);
    CHECK("by the rules of its time", right);
    CHECK("in order", in_order);
    bed_close(&b);
    forget_texts();
}

struct seen {
    size_t no_match;
};

static void on_trace(void *user, struct wr_trace_event *e)
{
    struct seen *s = user;
    s->no_match += e->what == WR_TRACE_NO_MATCH;
}

// What the loop has to see goes the same way, and passes nobody.
static void keeps_the_order_of_what_is_traced(void **state)
{
    static const char *const rules[] = {RULE("SELECT n FROM 't/+' WHERE n >= 0", ONE("${topic()}")),
                                        RULE("SELECT n FROM 't/+' WHERE n < 0", ONE("never"))};
    struct seen seen = {0};
    const struct wr_flow_tap tap = {&seen, on_trace};
    struct bed b;
    bed_open(&b, with_workers);
    bed_rules(&b, rules, 2);
    feed(&b, 0, 400, 64);
    CHECK("traced", wr_flow_trace(b.flow, WR_STR("r1"), &tap) != NULL);
    feed(&b, 400, 400, 64);
    wr_flow_drain(b.flow);
    size_t traced = seen.no_match;
    wr_flow_untrace(b.flow, wr_rule_set_find(wr_flow_rules(b.flow), WR_STR("r1"))->counters, 1,
                    true);
    CHECK_INT("all that came later are seen", traced, 400);
    CHECK("terms are counted", wr_flow_count_terms(b.flow, WR_STR("r1"), true));
    feed(&b, 800, 400, 64);
    wr_flow_drain(b.flow);
    const struct wr_rule_counters *c =
        wr_rule_set_find(wr_flow_rules(b.flow), WR_STR("r1"))->counters;
    CHECK_INT("by term", c->terms->at[0].no, 400);
    CHECK("no more", wr_flow_count_terms(b.flow, WR_STR("r1"), false));
    feed(&b, 1200, 400, 64);
    wr_flow_drain(b.flow);
    CHECK_INT("all arrived", check_order("in order", false), 1600);
    CHECK_INT("nothing else was traced", seen.no_match, traced);
    bed_close(&b);
    forget_texts();
}

static void with_samples(struct wr_flow_options *o)
{
    o->workers = workers;
    o->sample_every = 8;
}

// A quota is asked where it is counted: on the loop, in the order of the messages.
static void keeps_to_quotas(void **state)
{
    static const char *const rules[] = {RULE("SELECT n FROM 't/+'", ONE("${topic()}")),
                                        RULE("SELECT 1 AS one FROM 't/+'", "\"actions\": []")};
    struct wr_quota quota = {.tenant = "acme"};
    struct bed b;
    bed_open(&b, with_workers);
    bed_rules(&b, rules, 2);
    feed(&b, 0, 70, 64);
    wr_rule_set_at(wr_flow_rules(b.flow), 0)->quota = &quota;
    wr_quota_set(&quota, 7, WR_QUOTA_NONE);
    feed(&b, 70, 70, 64);
    wr_flow_drain(b.flow);
    bed_audit(&b);
    const struct wr_rule_counters *limited = wr_rule_set_at(wr_flow_rules(b.flow), 0)->counters;
    const struct wr_rule_counters *free_one = wr_rule_set_at(wr_flow_rules(b.flow), 1)->counters;
    CHECK_INT("asked about each since", quota.messages, 70);
    CHECK("a second's worth has passed", limited->matched >= 77);
    CHECK_INT("no more", limited->matched, 140 - quota.throttled[WR_THROTTLE_MESSAGES]);
    CHECK_INT("the other rule has all", free_one->matched, 140);
    CHECK_INT("in order", check_order("in order", true), limited->matched);
    bed_close(&b);
    forget_texts();
}

static void times_one_of_many(void **state)
{
    static const char *const rules[] = {RULE("SELECT n FROM 't/+' WHERE n >= 0", ONE("n")),
                                        RULE("SELECT n FROM 't/+' WHERE n < 0", ONE("never"))};
    struct bed b;
    bed_open(&b, with_samples);
    bed_rules(&b, rules, 2);
    feed(&b, 0, 640, 64);
    wr_flow_drain(b.flow);
    CHECK_INT("messages", b.metrics->samples, 80);
    for (const struct wr_rule_counters *c = b.metrics->rules; c; c = c->next) {
        CHECK_INT(c->name, c->samples, 80);
        CHECK("time passed", c->sampled_ns > 0);
    }
    CHECK("and all of it", b.metrics->sampled_ns >=
                               b.metrics->rules->sampled_ns + b.metrics->rules->next->sampled_ns);
    bed_close(&b);
    forget_texts();
}

// ---- look-ups

// Answers come in any order; the records of a topic do not.
static void waits_for_look_ups_in_order(void **state)
{
    static const char *const rules[] = {
        RULE("SELECT n FROM 't/+' WHERE CASE n % 3 WHEN 0 THEN " LOOKUP " ELSE 'y' END = 'y'",
             ONE("${topic()}"))};
    struct bed b;
    bed_open(&b, with_workers);
    bed_rules(&b, rules, 1);
    feed(&b, 0, 40, 64); // 14 look-ups
    wr_flow_drain(b.flow);
    bed_audit(&b);
    CHECK_INT("wait", b.lookup_count, 14);
    while (b.lookup_count > 0) {
        bed_answer(&b, b.lookup_count * 5 % b.lookup_count, "y");
        bed_audit(&b);
    }
    CHECK_INT("all arrived", check_order("in order", false), 40);
    CHECK_INT("all settled", b.settled, 40);
    bed_close(&b);
    forget_texts();
}

// ---- the stop

static uv_sem_t gate;

// Evaluation stands still until the gate opens, for each worker once.
static bool gated_zone(void *user, wr_str name, wr_str *tzif)
{
    uv_sem_wait(&gate);
    uv_sem_post(&gate);
    return false;
}

static struct wr_sql_host gated = {.zone = gated_zone};

static void with_a_gate(struct wr_flow_options *o)
{
    o->workers = workers;
    o->sql = &gated;
}

static void forgets_what_workers_have(void **state)
{
    static const char *const rules[] = {
        RULE("SELECT n, parse_time('yyyy', n, 'Europe/Berlin') AS t FROM 't/+'", ONE("never"))};
    struct bed b;
    wr_assert(uv_sem_init(&gate, 0) == 0);
    bed_open(&b, with_a_gate);
    bed_rules(&b, rules, 1);
    feed(&b, 0, 900, 300);
    CHECK_INT("all are out", b.metrics->now.in_workers, 900);
    uv_sem_post(&gate);
    wr_flow_stop(b.flow);
    bed_audit(&b);
    CHECK_INT("none is out", b.metrics->now.in_workers, 0);
    CHECK_INT("every message is reported", b.settled, 900);
    CHECK_INT("and not acknowledged", b.acknowledged, 0);
    CHECK_INT("counted", b.metrics->dropped[WR_DROP_STOPPING], 900);
    CHECK_INT("nothing came of them", fake.submits, 0);
    bed_send(&b, "t/0", "{}"); // what comes now is dropped
    CHECK_INT("dropped", b.settled, 901);
    bed_close(&b);
    uv_sem_destroy(&gate);
    forget_texts();
}

int main(int argc, char **argv)
{
    corpus = argc > 1 ? argv[1] : "tests/corpus";
    const struct CMUnitTest tests[] = {
        T(keeps_the_order_of_a_topic),
        T(wakes_the_loop),
        T(has_a_bound),
        T(comes_to_the_same),
        T(comes_to_the_same_on_the_corpus),
        T(takes_new_rules_between_two_messages),
        T(keeps_the_order_of_what_is_traced),
        T(keeps_to_quotas),
        T(times_one_of_many),
        T(waits_for_look_ups_in_order),
        T(forgets_what_workers_have),
    };
    return TEST_MAIN(tests);
}
