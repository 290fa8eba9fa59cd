// A sink of an action whose records become entries of a service (sinks/service), with a client that
// keeps requests; and runners for tables of cases: requests byte for byte, what is refused and with
// which words, lines of the local form.
#ifndef WR_TESTS_SUPPORT_SERVICE_BED_H
#define WR_TESTS_SUPPORT_SERVICE_BED_H

#include "sinks/lib/aws.h"
#include "sinks/lib/local_rows.h"
#include "sinks/lib/recorder.h"

#include <stdlib.h>

#include "tests/support/sink_bed.h"
#include "tests/support/test.h"

#define KINDS(KIND)                 \
    KIND(logs, cloudwatch_logs)     \
    KIND(metric, cloudwatch_metric) \
    KIND(alarm, cloudwatch_alarm)   \
    KIND(timestream, timestream)    \
    KIND(steps, step_functions)     \
    KIND(search, open_search)       \
    KIND(events, iot_events)        \
    KIND(analytics, iot_analytics)  \
    KIND(site, iot_site_wise)       \
    KIND(location, location)
#define KIND(name, variable) \
    extern const struct wr_sink_impl wr_sink_##variable, wr_sink_##variable##_aws;
KINDS(KIND)
#undef KIND

#define ROLE   "arn:aws:iam::123456789012:role/iot"
#define NOW    INT64_C(1700000000123)
#define JSON10 "application/x-amz-json-1.0"
#define JSON11 "application/x-amz-json-1.1"
#define JSON   "application/json"

struct pair {
    const char *name, *text;
};

// ---- the bed

struct bed {
    struct fake f;
    struct wr_recorder *recorder;
    struct wr_aws *aws;
    const char *kind;
};

static struct bed *current; // whose client wr_sink_host.aws gives

static inline struct wr_aws *give_aws(const struct wr_sink_host *host, struct wr_fault *fault)
{
    return current->aws;
}

static inline struct bed *bed_new(const struct wr_sink_impl *impl,
                                  const struct wr_test_setting *settings)
{
    static const struct wr_test_setting none[] = {{0}};
    struct bed *b = wr_zalloc(sizeof *b);
    fake_init(&b->f, impl);
    b->kind = impl->name;
    assert_int_equal(wr_recorder_open(b->f.dir, impl->name, &b->recorder, &b->f.fault), WR_OK);
    struct wr_aws_options o = {.region = "eu-west-1", .recorder = b->recorder};
    assert_int_equal(wr_aws_open(&b->f.loop, &o, &b->aws, &b->f.fault), WR_OK);
    b->f.host.aws = give_aws;
    current = b;
    if (fake_open(&b->f, settings ? settings : none) != WR_OK) {
        fail_msg("%s: %s", impl->name, b->f.fault.text);
    }
    return b;
}

static inline void run_once(struct bed *b)
{
    for (int i = 0; i < 50; i++) {
        uv_run(&b->f.loop, UV_RUN_NOWAIT);
    }
}

static inline void bed_free(struct bed *b)
{
    // The client's timers keep the loop alive, so it is closed before the loop is run to its end.
    b->f.closed = 0;
    b->f.sink.impl->close(&b->f.sink, fake_closed);
    for (int i = 0; i < 1000 && !b->f.closed; i++) {
        uv_run(&b->f.loop, UV_RUN_ONCE);
    }
    assert_int_equal(b->f.closed, 1);
    wr_aws_close(b->aws, NULL, NULL);
    fake_release(&b->f);
    wr_recorder_close(b->recorder);
    free(b);
}

static const uint8_t delivery[16] = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
                                     0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f};
#define UUID0 "10111213-1415-4617-9819-1a1b1c1d1e1f"
#define UUID1 "10111213-1415-4617-9819-1a1b1c1d1e20"

static inline struct fake_record *record(struct bed *b, wr_str body, const struct pair *pairs)
{
    struct fake_record *r = fake_record(&b->f, body);
    r->rec.timestamp_ms = NOW;
    r->rec.delivery_id = delivery;
    if (wr_option_find(b->f.sink.impl->options, S("roleArn")) >= 0) {
        fake_set(r, "roleArn", S(ROLE));
    }
    for (; pairs && pairs->name; pairs++) {
        fake_set(r, pairs->name, Z(pairs->text));
        if (strcmp(pairs->name, "batchMode") == 0) {
            int i = wr_option_find(b->f.sink.impl->options, S("batchMode"));
            r->params[i].number = 1;
        }
    }
    return r;
}

// A list of objects, flat: the sink's option `name`, keys and values in turn, NULL-terminated.
static inline void set_list(struct fake_record *r, const char *name, const char *const *leaves,
                            struct wr_arena *arena)
{
    size_t count = 0;
    for (; leaves[2 * count]; count++) {
    }
    wr_str *keys = wr_arena_alloc(arena, count * sizeof *keys);
    wr_str *values = wr_arena_alloc(arena, count * sizeof *values);
    for (size_t i = 0; i < count; i++) {
        keys[i] = Z(leaves[2 * i]);
        values[i] = Z(leaves[2 * i + 1]);
    }
    int at = wr_option_find(r->rec.sink->impl->options, wr_str_of(name));
    r->params[at] = (struct wr_param){.set = true, .count = count, .keys = keys, .values = values};
}

static inline wr_str file_text(struct bed *b, const char *file)
{
    char path[512];
    snprintf(path, sizeof path, "%s/local/%s", b->f.dir, file);
    FILE *in = fopen(path, "r");
    struct wr_buf text;
    wr_buf_init_arena(&text, &b->f.arena);
    if (in) {
        char *to = wr_buf_reserve(&text, 1 << 20);
        text.len += fread(to, 1, 1 << 20, in);
        fclose(in);
    }
    return wr_buf_str(&text);
}

// The `index`-th request that was kept: a member of its JSON, or the header `name`.
static inline wr_str kept(struct bed *b, size_t index, const char *name)
{
    char file[80];
    snprintf(file, sizeof file, "record/%s.ndjson", b->kind);
    wr_str text = file_text(b, file);
    for (; text.len > 0; index--) {
        const char *feed = memchr(text.at, '\n', text.len);
        size_t len = feed ? (size_t)(feed - text.at) : text.len;
        if (index == 0) {
            wr_value v;
            assert_int_equal(
                wr_json_parse((wr_str){text.at, len}, &b->f.arena, WR_SQL_2016, &v, NULL), WR_OK);
            const wr_value *member = wr_object_get(&v, Z(name));
            const wr_value *headers = wr_object_get(&v, S("headers"));
            for (uint32_t i = 0; !member && headers && i < headers->len; i++) {
                const wr_value *pair = &headers->as.items[i];
                if (wr_str_eq_nocase(wr_value_text(&pair->as.items[0]), Z(name))) {
                    member = &pair->as.items[1];
                }
            }
            if (!member) {
                return (wr_str){0};
            }
            wr_value copy = *member;
            wr_value_force(&copy, &b->f.arena, WR_SQL_2016);
            return wr_value_text(&copy);
        }
        text = wr_str_cut(text, len + (feed != NULL), text.len);
    }
    return (wr_str){0};
}

// How many entries each request has, by counting `mark`.
static inline void check_sizes(struct bed *b, const char *mark, const size_t *want, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wr_str body = kept(b, i, "body");
        size_t found = 0;
        for (ptrdiff_t at; (at = wr_str_find(body, Z(mark))) >= 0; found++) {
            body = wr_str_cut(body, (size_t)at + 1, body.len);
        }
        CHECK_INT(mark, found, want[i]);
    }
    CHECK_STR("no more", kept(b, count, "body"), S(""));
}

static inline void finish(struct bed *b)
{
    b->f.closed = 0;
    b->f.sink.impl->close(&b->f.sink, fake_closed);
    for (int k = 0; k < 1000 && !b->f.closed; k++) {
        uv_run(&b->f.loop, UV_RUN_ONCE);
    }
}

static inline void drop(struct bed *b)
{
    wr_aws_close(b->aws, NULL, NULL);
    fake_release(&b->f);
    wr_recorder_close(b->recorder);
    free(b);
}

static inline bool add_row(void *user, const struct wr_local_row *row)
{
    struct wr_buf *b = user;
    wr_buf_add(b, row->json);
    wr_buf_add_char(b, '\n');
    return true;
}

static inline void check_rows(struct bed *b, enum wr_local_rows_query query, const char *name,
                              const char *key, int64_t after, const char *want)
{
    struct wr_buf got = {0};
    if (wr_local_rows(b->f.dir, query, Z(name), Z(key), after, add_row, &got, &b->f.fault)) {
        fail_msg("%s", b->f.fault.text);
    }
    CHECK_STR(name, wr_buf_str(&got), Z(want));
    wr_buf_release(&got);
}

struct request_case {
    const char *name;
    const struct wr_sink_impl *impl;
    wr_str body;
    struct pair params[8];
    const char *list; // option, and its leaves
    const char *const *leaves;
    const char *method, *url, *target, *type, *request;
};

struct refusal_case {
    const char *name;
    const struct wr_sink_impl *impl;
    wr_str body;
    struct pair params[8];
    const char *list;
    const char *const *leaves;
    const char *words;
};

struct local_case {
    const char *name;
    const struct wr_sink_impl *impl;
    wr_str body;
    struct pair params[8];
    const char *list;
    const char *const *leaves;
    const char *file, *text;
};

// ---- runners

static const struct wr_test_setting here[] = {
    {"instance", "here"}, {"discovery", "never"}, {"protocol", "json"}, {0}};

static const struct wr_test_setting local_settings[] = {
    {"instance", "here"}, {"files_kept", "2"},      {"fsync", "true"},
    {"file_size", "0"},   {"busy_timeout", "2000"}, {0}};

static inline void run_requests(const struct request_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct request_case *c = &cases[i];
        struct bed *b = bed_new(c->impl, here);
        struct fake_record *r = record(b, c->body, c->params);
        if (c->list) {
            set_list(r, c->list, c->leaves, &b->f.arena);
        }
        fake_submit(&b->f, r);
        run_once(b);
        if (r->settled != 1 || r->verdict != WR_DELIVERED) {
            CASE_FAIL(c->name, "settled %u times, verdict %d: %s", r->settled, r->verdict,
                      r->message);
        }
        CHECK_STR(c->name, kept(b, 0, "method"), Z(c->method));
        CHECK_STR(c->name, kept(b, 0, "url"), Z(c->url));
        CHECK_STR(c->name, kept(b, 0, "X-Amz-Target"), Z(c->target));
        CHECK_STR(c->name, kept(b, 0, "Content-Type"), Z(c->type));
        CHECK_STR(c->name, kept(b, 0, "body"), Z(c->request));
        CHECK_STR(c->name, kept(b, 1, "body"), S(""));
        free(r);
        bed_free(b);
    }
}

static inline void run_refusals(const struct refusal_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct refusal_case *c = &cases[i];
        struct bed *b = bed_new(c->impl, local_settings);
        struct fake_record *r = record(b, c->body, c->params);
        if (c->list) {
            set_list(r, c->list, c->leaves, &b->f.arena);
        }
        fake_submit(&b->f, r);
        CHECK_INT(c->name, r->settled, 1);
        CHECK_INT(c->name, r->verdict, WR_REFUSED);
        if (!strstr(r->message, c->words)) {
            CASE_FAIL(c->name, "'%s' does not say '%s'", r->message, c->words);
        }
        free(r);
        bed_free(b);
    }
}

static inline void run_local(const struct local_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct local_case *c = &cases[i];
        struct bed *b = bed_new(c->impl, local_settings);
        struct fake_record *r = record(b, c->body, c->params);
        if (c->list) {
            set_list(r, c->list, c->leaves, &b->f.arena);
        }
        fake_submit(&b->f, r);
        finish(b); // closing waits for what is held
        CHECK_INT(c->name, r->settled, 1);
        if (r->verdict != WR_DELIVERED) {
            CASE_FAIL(c->name, "%s", r->message);
        }
        CHECK_STR(c->name, file_text(b, c->file), Z(c->text));
        free(r);
        drop(b);
    }
}

#endif
