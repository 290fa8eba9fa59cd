// Loads what `weir bench` measures: everything is in memory before the first round.
#include "engine/cli/bench.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>

#include "engine/cli/message_file.h"
#include "engine/rules/folder.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define SET_BYTES  (4ull << 30)                      // of all messages
#define PADDING    32                                // wr_sql_message.padded
#define LINE_BYTES (2 * (size_t)WR_MESSAGE_LINE_MAX) // of one while it is read

static void add_message(struct wr_bench_set *s, size_t *cap, const struct wr_sql_message *m)
{
    if (s->count == *cap) {
        *cap = *cap ? 2 * *cap : 1024;
        s->messages = wr_realloc(s->messages, *cap * sizeof *s->messages);
    }
    s->messages[s->count++] = *m;
    s->bytes += m->payload.len;
}

static wr_err full(const char *name, struct wr_fault *fault)
{
    return wr_fault_set(fault, WR_ERR_LIMIT,
                        "%s: the messages do not fit into 4 GiB; measure with fewer of them", name);
}

// With room behind it, as a source's buffers have.
static wr_str padded(struct wr_arena *a, wr_str payload)
{
    char *copy = wr_arena_alloc(a, payload.len + PADDING);
    if (!copy) {
        return (wr_str){0};
    }
    if (payload.len) {
        memcpy(copy, payload.at, payload.len);
    }
    memset(copy + payload.len, 0, PADDING);
    return (wr_str){copy, payload.len};
}

// ---- from a file

static void keep(struct wr_arena *a, wr_str *text)
{
    if (text->at) {
        *text = wr_str_dup(a, *text);
    }
}

// Everything the file lent becomes ours.
static bool copy_message(struct wr_arena *a, struct wr_sql_message *m)
{
    keep(a, &m->topic);
    m->payload = padded(a, m->payload);
    m->padded = true;
    keep(a, &m->client_id);
    keep(a, &m->principal);
    keep(a, &m->source_ip);
    keep(a, &m->trace_id);
    keep(a, &m->content_type);
    keep(a, &m->response_topic);
    keep(a, &m->correlation_data);
    size_t count = m->user_property_count;
    if (count) {
        struct wr_user_property *copy = wr_arena_alloc(a, count * sizeof *copy);
        for (size_t i = 0; copy && i < count; i++) {
            copy[i] = m->user_properties[i];
            keep(a, &copy[i].key);
            keep(a, &copy[i].value);
        }
        m->user_properties = copy;
    }
    wr_str rule, rest;
    m->basic_ingest = wr_topic_basic_ingest(m->topic, &rule, &rest);
    return !a->over;
}

static wr_err read_messages(struct wr_bench_set *s, const char *name, struct wr_fault *fault)
{
    struct wr_message_file *file;
    wr_err err = wr_message_file_open(name, &file, fault);
    if (err) {
        return err;
    }
    struct wr_arena line;
    size_t cap = 0;
    wr_arena_init(&line, LINE_BYTES);
    for (;;) {
        struct wr_file_message m;
        bool end;
        wr_arena_reset(&line);
        err = wr_message_file_next(file, &line, &m, &end, fault);
        if (err || end) {
            break;
        }
        if (m.stored) {
            continue; // told to the recorder when it subscribed: no publication
        }
        if (!copy_message(&s->arena, &m.sql)) {
            err = full(name, fault);
            break;
        }
        add_message(s, &cap, &m.sql);
    }
    wr_arena_release(&line);
    wr_message_file_close(file);
    return !err && s->count == 0 ? wr_fault_set(fault, WR_ERR_MISSING, "%s: holds no message", name)
                                 : err;
}

// ---- from a generator

static wr_err make_messages(struct wr_bench_set *s, const struct wr_bench_options *o,
                            struct wr_fault *fault)
{
    uint64_t count = o->message_count ? o->message_count : o->gen->message_count;
    uint64_t rules = o->rule_count ? o->rule_count : o->gen->rule_count;
    uint64_t chance = o->seed;
    struct wr_buf topic = {0}, payload = {0};
    size_t cap = 0;
    wr_err err = WR_OK;
    for (uint64_t i = 0; i < count && !err; i++) {
        wr_buf_clear(&topic);
        wr_buf_clear(&payload);
        o->gen->message(&topic, &payload, i, rules, &chance);
        struct wr_sql_message m = {.topic = wr_str_dup(&s->arena, wr_buf_str(&topic)),
                                   .payload = padded(&s->arena, wr_buf_str(&payload)),
                                   .padded = true,
                                   .timestamp_ms = 1700000000000 + (int64_t)i,
                                   .over_mqtt = true,
                                   .format_indicator = -1};
        if (s->arena.over) {
            err = full(o->gen->name, fault);
        } else {
            add_message(s, &cap, &m);
        }
    }
    wr_buf_release(&topic);
    wr_buf_release(&payload);
    return err;
}

static wr_err make_rules(struct wr_bench_set *s, const struct wr_bench_options *o,
                         const struct wr_rule_options *options, struct wr_fault *fault)
{
    uint64_t count = o->rule_count ? o->rule_count : o->gen->rule_count;
    struct wr_buf text = {0};
    s->rules = wr_alloc(count * sizeof *s->rules);
    wr_err err = WR_OK;
    for (uint64_t i = 0; i < count && !err; i++) {
        wr_buf_clear(&text);
        o->gen->rule(&text, i, count);
        err = wr_rule_new(wr_buf_str(&text), "generated.json", options, &s->rules[i], fault);
        s->rule_count += !err;
        if (!err) {
            wr_rule_slim(s->rules[i], s->programs);
        }
    }
    wr_buf_release(&text);
    if (err) {
        wr_fault_prefix(fault, "generator %s", o->gen->name);
        return err;
    }
    s->rule_set = wr_rule_set_new(s->rules, s->rule_count);
    return WR_OK;
}

// ---- from a folder

static void report(void *user, enum wr_log_level level, const char *line)
{
    if (level == WR_LOG_ERROR) {
        fprintf(stderr, "weir bench: %s\n", line);
    }
}

static wr_err read_rules(struct wr_bench_set *s, const char *dir,
                         const struct wr_rule_options *options, struct wr_fault *fault)
{
    const struct wr_folder_options folder = {
        .dir = dir, .rule = *options, .slim = true, .report = report};
    size_t refused = 0;
    s->folder = wr_folder_open(&folder);
    wr_err err = wr_folder_load(s->folder, true, &refused, fault);
    if (err) {
        return err;
    }
    s->rule_set = wr_folder_rules(s->folder);
    wr_rule_set_lock(s->rule_set);
    if (refused) {
        return wr_fault_set(fault, WR_ERR_FAILED, "%s: documents refused: %zu", dir, refused);
    }
    if (wr_rule_set_count(s->rule_set) == 0) {
        return wr_fault_set(fault, WR_ERR_MISSING, "%s: holds no rule document (*.json)", dir);
    }
    return WR_OK;
}

static void warn_lookups(const struct wr_rule_set *rules)
{
    for (size_t i = 0; i < wr_rule_set_count(rules); i++) {
        const struct wr_rule *r = wr_rule_set_at(rules, i);
        struct wr_fault fault = {0};
        if (wr_program_needs_host(r->program, &fault)) {
            fprintf(stderr,
                    "weir bench: warning: rule %.*s: %s: look-ups are not made here, they fail\n",
                    WR_STR_ARG(r->name), fault.text);
        }
    }
}

size_t wr_bench_heap(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

wr_err wr_bench_set_open(struct wr_bench_set *s, const struct wr_bench_options *o,
                         struct wr_fault *fault)
{
    *s = (struct wr_bench_set){.metrics = wr_metrics_new(), .programs = wr_program_pool_new()};
    wr_arena_init(&s->arena, SET_BYTES);
    const struct wr_rule_options options = {.kinds = wr_bench_kinds(), .metrics = s->metrics};
    wr_err err = o->messages ? read_messages(s, o->messages, fault) : make_messages(s, o, fault);
    s->heap_before = wr_bench_heap();
    if (!err) {
        err =
            o->rules ? read_rules(s, o->rules, &options, fault) : make_rules(s, o, &options, fault);
    }
    if (!err) {
        warn_lookups(s->rule_set);
    }
    return err;
}

void wr_bench_set_close(struct wr_bench_set *s)
{
    if (!s->metrics) {
        return;
    }
    wr_rule_set_unlock(s->rule_set);
    for (size_t i = 0; i < s->rule_count; i++) {
        wr_rule_unlock(s->rules[i]);
    }
    if (s->folder) {
        wr_folder_close(s->folder, NULL, NULL);
    }
    wr_program_pool_free(s->programs);
    free(s->rules);
    free(s->messages);
    wr_arena_release(&s->arena);
    wr_metrics_free(s->metrics);
}
