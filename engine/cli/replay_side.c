// Evaluates rules as the flow does, one after the other, and keeps what came out.
#include "engine/cli/replay_side.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/rules/folder.h"
#include "engine/rules/zones.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

// Memory of one message: all its rules' results live at once here, so more than message_memory.
#define SIDE_BYTES (1u << 30)

// ---- chance, and what weir run adds to a message

static uint64_t mix(uint64_t n) // splitmix64's finisher
{
    n += 0x9e3779b97f4a7c15;
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
    return n ^ (n >> 31);
}

static void draw(void *user, void *at, size_t len)
{
    struct wr_case_host *host = user;
    struct wr_side *s = WR_CONTAINER(host, struct wr_side, host);
    uint64_t base = mix(s->chance);
    unsigned char *to = at;
    s->drawn += !s->same_chance;
    for (size_t i = 0; i < len; i++) {
        to[i] = (unsigned char)(mix(base + (s->drawn << 16) + i / 8) >> (i % 8 * 8));
    }
}

// As a broker's message would have one: a version 4 UUID.
static void make_trace_id(struct wr_side *s, struct wr_sql_message *m)
{
    static const char hex[] = "0123456789abcdef";
    uint64_t halves[2] = {mix(~s->chance), mix(mix(~s->chance))};
    for (size_t i = 0, digit = 0; i < sizeof s->trace_id; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            s->trace_id[i] = '-';
            continue;
        }
        unsigned value = halves[digit / 16] >> (60 - 4 * (digit % 16)) & 15;
        value = i == 14 ? 4 : i == 19 ? 8 | (value & 3) : value;
        s->trace_id[i] = hex[value];
        digit++;
    }
    m->trace_id = (wr_str){s->trace_id, sizeof s->trace_id};
}

// ---- one rule

static wr_err expand_one(struct wr_side *s, const struct wr_rule_action *a, struct wr_param *params,
                         const struct wr_template_use *use, struct wr_fault *fault)
{
    wr_str text;
    bool undefined = false;
    wr_eval_template(&s->eval, use->id);
    if (wr_eval_run(&s->eval) != WR_EVAL_MATCHED) {
        return wr_fault_set(fault, WR_ERR_FAILED, "%s", s->eval.fault.text);
    }
    if (wr_eval_text(&s->eval, &text, &undefined)) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "the text does not fit into memory");
    }
    return wr_rule_action_put(a, params, use, text, undefined, fault);
}

static void expand(struct wr_side *s, const struct wr_rule_action *a, struct wr_outcome_action *out)
{
    *out = (struct wr_outcome_action){.action = a, .params = a->params};
    if (a->template_count == 0) {
        return;
    }
    struct wr_param *params = wr_rule_action_params(a, &s->arena);
    struct wr_fault fault = {0};
    out->params = params;
    for (size_t i = 0; params && i < a->template_count; i++) {
        const struct wr_template_use *use = &a->templates[i];
        if (expand_one(s, a, params, use, &fault)) {
            struct wr_buf why;
            wr_buf_init_arena(&why, &s->arena);
            wr_buf_addf(&why, "%s: %s", a->impl->options[use->param].name, fault.text);
            out->why = wr_buf_str(&why);
            out->params = params = NULL;
        }
    }
    if (!out->params && !out->why.at) {
        out->why = WR_STR("its parameters do not fit into memory");
    }
}

static void matched(struct wr_side *s, struct wr_outcome *o)
{
    size_t count = o->rule->action_count;
    o->actions = wr_arena_alloc(&s->arena, (count + 1) * sizeof *o->actions);
    if (!o->actions || wr_eval_output(&s->eval, &o->result, &o->json)) {
        o->state = WR_OUTCOME_FAILED;
        o->why = WR_STR("the result does not fit into memory");
        o->rule->counters->failed[WR_WHY_MEMORY]++;
        return;
    }
    o->state = WR_OUTCOME_MATCHED;
    o->rule->counters->matched++;
    o->action_count = count;
    for (size_t i = 0; i < count; i++) {
        expand(s, &o->rule->actions[i], &o->actions[i]);
        o->rule->actions[i].counters->success += o->actions[i].params != NULL;
        o->rule->actions[i].counters->failures[WR_FAILURE_TEMPLATE] += o->actions[i].params == NULL;
    }
}

static void run(struct wr_side *s, struct wr_outcome *o)
{
    struct wr_rule_counters *c = o->rule->counters;
    c->topic_match++;
    switch (wr_eval_run(&s->eval)) {
    case WR_EVAL_MATCHED:
        matched(s, o);
        return;
    case WR_EVAL_NO_MATCH:
        c->no_match++;
        return;
    case WR_EVAL_FAILED:
    case WR_EVAL_READY:
    case WR_EVAL_SUSPENDED: // this host answers at once
        break;
    }
    o->state = WR_OUTCOME_FAILED;
    o->why = wr_str_dup(&s->arena, wr_str_of(s->eval.fault.text));
    c->failed[s->eval.why]++;
}

// ---- one message

static struct wr_rule_group *find_group(struct wr_side *s, struct wr_sql_message *m)
{
    wr_str rule, rest;
    m->basic_ingest = wr_topic_basic_ingest(m->topic, &rule, &rest);
    return m->basic_ingest ? wr_rule_set_basic_ingest(s->rules, rule)
                           : wr_rule_set_topic(s->rules, m->topic);
}

const struct wr_outcome *wr_side_evaluate(struct wr_side *s, const struct wr_file_message *from,
                                          uint64_t number, size_t *count)
{
    struct wr_sql_message m = from->sql;
    wr_arena_reset(&s->arena);
    memset(&s->eval, 0, sizeof s->eval); // its registers were in the arena
    s->chance = number;
    s->drawn = 0;
    s->metrics->messages++;
    if (!m.trace_id.at && m.over_mqtt) {
        make_trace_id(s, &m);
    }
    struct wr_rule_group *group = find_group(s, &m);
    *count = group ? group->count : 0;
    if (!group) {
        s->metrics->no_rule++;
        return NULL;
    }
    if (group->count > s->outcome_cap) {
        s->outcome_cap = group->count;
        s->outcomes = wr_realloc(s->outcomes, s->outcome_cap * sizeof *s->outcomes);
    }
    wr_case_host_init(&s->host, &from->context, &s->arena);
    s->host.host.random = draw;
    bool read = !wr_sql_message_read(&m, group->plan, &s->arena);
    for (size_t i = 0; i < group->count; i++) {
        struct wr_outcome *o = &s->outcomes[i];
        *o = (struct wr_outcome){.rule = group->rules[i]};
        if (read && !s->arena.over) {
            wr_eval_start(&s->eval, &m, i, &s->host.host);
            run(s, o);
        } else {
            o->state = WR_OUTCOME_FAILED;
            o->why = WR_STR("the message's rules do not fit into memory");
            o->rule->counters->topic_match++;
            o->rule->counters->failed[WR_WHY_MEMORY]++;
        }
    }
    return s->outcomes;
}

// ---- open and close

static void report(void *user, enum wr_log_level level, const char *line)
{
    if (level == WR_LOG_ERROR) {
        fprintf(stderr, "weir replay: %s\n", line);
    }
}

static void warn_lookups(const struct wr_rule_set *rules)
{
    for (size_t i = 0; i < wr_rule_set_count(rules); i++) {
        const struct wr_rule *r = wr_rule_set_at(rules, i);
        struct wr_fault fault = {0};
        if (wr_program_needs_host(r->program, &fault)) {
            fprintf(stderr,
                    "weir replay: warning: rule %.*s: %s: look-ups are answered from a case's "
                    "context only, without one they fail\n",
                    WR_STR_ARG(r->name), fault.text);
        }
    }
}

wr_err wr_side_open(struct wr_side *s, const char *dir, bool same_chance, struct wr_fault *fault)
{
    *s = (struct wr_side){.same_chance = same_chance};
    s->metrics = wr_metrics_new();
    wr_arena_init(&s->arena, SIDE_BYTES);
    const struct wr_folder_options options = {
        .dir = dir, .rule = {.kinds = wr_sink_shapes, .metrics = s->metrics}, .report = report};
    s->folder = wr_folder_open(&options);
    size_t refused = 0;
    wr_err err = wr_folder_load(s->folder, true, &refused, fault);
    if (err) {
        return err;
    }
    s->rules = wr_folder_rules(s->folder);
    if (refused) {
        return wr_fault_set(fault, WR_ERR_FAILED, "%s: documents refused: %zu", dir, refused);
    }
    if (wr_rule_set_count(s->rules) == 0) {
        return wr_fault_set(fault, WR_ERR_MISSING, "%s: holds no rule document (*.json)", dir);
    }
    warn_lookups(s->rules);
    return WR_OK;
}

void wr_side_close(struct wr_side *s)
{
    if (!s->metrics) {
        return;
    }
    wr_folder_close(s->folder, NULL, NULL);
    wr_arena_release(&s->arena);
    free(s->outcomes);
    wr_metrics_free(s->metrics);
    wr_zones_release();
}
