// Driving one sink without the engine: a loop, a host, a temporary state folder, records whose
// answers are kept. Include it in exactly one file of the executable: it defines
// wr_record_settle().
#ifndef WR_TESTS_SUPPORT_SINK_BED_H
#define WR_TESTS_SUPPORT_SINK_BED_H

#include "sinks/sink.h"
#include "sql/base/json.h"
#include "tests/support/settings.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAKE_PARAMS_MAX 16

struct fake_record {
    struct wr_record rec; // first: wr_record_settle() finds the rest behind it
    struct wr_param params[FAKE_PARAMS_MAX];
    wr_value result;
    unsigned settled; // how often
    enum wr_verdict verdict;
    char resource[2100], message[2100];
    unsigned order; // of being settled, from 1
};

struct fake {
    uv_loop_t loop;
    char dir[64];
    struct wr_sink_host host;
    struct wr_settings settings;
    struct wr_sink sink;
    struct wr_arena arena; // of all records
    struct wr_fault fault;
    unsigned closed; // how often `done` was called
};

static unsigned fake_settled;

void wr_record_settle(struct wr_record *rec, enum wr_verdict verdict, const struct wr_why *why)
{
    struct fake_record *r = (struct fake_record *)rec;
    r->settled++;
    r->verdict = verdict;
    r->order = ++fake_settled;
    if (why) {
        snprintf(r->resource, sizeof r->resource, "%.*s", WR_STR_ARG(why->resource));
        snprintf(r->message, sizeof r->message, "%.*s", WR_STR_ARG(why->message));
    }
}

WR_PRINTF(3, 4)
static void fake_log(const struct wr_sink_host *host, enum wr_log_level level, const char *format,
                     ...)
{
}

static int fake_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

// The loop, the folder and the host; `impl` is not yet open.
static void fake_init(struct fake *f, const struct wr_sink_impl *impl)
{
    *f = (struct fake){.sink = {.impl = impl}};
    snprintf(f->dir, sizeof f->dir, "/tmp/weir-test-XXXXXX");
    if (!mkdtemp(f->dir) || uv_loop_init(&f->loop) != 0) {
        perror("fake_init");
        abort();
    }
    f->host = (struct wr_sink_host){.loop = &f->loop, .state_dir = f->dir, .log = fake_log};
    f->sink.host = &f->host;
    f->settings.table = impl->settings;
    wr_arena_init(&f->arena, (size_t)1 << 28);
}

static inline wr_err fake_open(struct fake *f, const struct wr_test_setting *pairs)
{
    f->settings.pairs = pairs;
    return f->sink.impl->open(&f->sink, &f->settings, &f->fault);
}

static inline void fake_closed(struct wr_sink *sink)
{
    struct fake *f = WR_CONTAINER(sink, struct fake, sink);
    f->closed++;
}

// Until nothing is pending on the loop.
static inline void fake_run(struct fake *f)
{
    uv_run(&f->loop, UV_RUN_DEFAULT);
}

static inline void fake_close(struct fake *f)
{
    f->closed = 0;
    f->sink.impl->close(&f->sink, fake_closed);
    if (f->closed) {
        fprintf(stderr, "done() was called from inside close()\n");
        abort();
    }
    fake_run(f);
    if (f->closed != 1) {
        fprintf(stderr, "done() was called %u times\n", f->closed);
        abort();
    }
}

static void fake_release(struct fake *f)
{
    fake_run(f);
    if (uv_loop_close(&f->loop) != 0) {
        fprintf(stderr, "the sink left handles on its loop\n");
        abort();
    }
    wr_arena_release(&f->arena);
    nftw(f->dir, fake_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

// Set a parameter by name; NULL text takes it away.
static inline void fake_set(struct fake_record *r, const char *name, wr_str text)
{
    int i = wr_option_find(r->rec.sink->impl->options, wr_str_of(name));
    if (i < 0) {
        fprintf(stderr, "no option %s\n", name);
        abort();
    }
    r->params[i] = (struct wr_param){.set = text.at != NULL, .text = text};
    if (r->rec.sink->impl->options[i].type == WR_OPT_INT && text.at) {
        r->params[i].number = text.at[0] - '0';
    }
}

// A record with the options' defaults and `body` as its result: JSON if it is some, else raw.
static inline struct fake_record *fake_record(struct fake *f, wr_str body)
{
    struct fake_record *r = calloc(1, sizeof *r);
    wr_value value;
    bool json = body.len > 0 && wr_json_parse(body, &f->arena, WR_SQL_2016, &value, NULL) == WR_OK;
    r->result = json ? value : body.len > 0 ? wr_raw(body) : wr_undefined();
    r->rec = (struct wr_record){
        .sink = &f->sink,
        .params = r->params,
        .body = body,
        .body_json = json,
        .result = &r->result,
        .dialect = WR_SQL_2016,
        .rule_name = WR_STR("rule"),
        .topic = WR_STR("a/b"),
        .attempt = 1,
        .arena = &f->arena,
    };
    const struct wr_option *o = f->sink.impl->options;
    for (int i = 0; o[i].name; i++) {
        if (o[i].fallback) {
            fake_set(r, o[i].name, wr_str_of(o[i].fallback));
        }
    }
    return r;
}

static inline void fake_submit(struct fake *f, struct fake_record *r)
{
    f->sink.impl->submit(&f->sink, &r->rec);
}

#endif
