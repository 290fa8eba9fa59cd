// From runs and records to events for the tap.
#include "engine/flow/run.h"

#include "sql/base/banned.h"

const char *wr_trace_word(enum wr_trace_what what)
{
    static const char *const words[] = {
#define TRACE(name, word) [WR_TRACE_##name] = word,
        WR_TRACE_MAP(TRACE)
#undef TRACE
    };
    return words[what];
}

wr_str wr_trace_term(const struct wr_trace_event *e)
{
    const struct wr_run *r = WR_CONTAINER(e->eval, struct wr_run, eval);
    size_t term = wr_eval_term(&r->eval);
    return term < wr_program_term_count(r->rule->program) ? wr_program_term(r->rule->program, term)
                                                          : (wr_str){0};
}

// ---- events

void wr_trace_run(struct wr_run *r, enum wr_trace_what what, wr_str text)
{
    const struct wr_flow_tap *tap = r->flow->tap;
    struct wr_trace_event e = {
        .what = what,
        .rule = r->rule->counters,
        .message = r->message,
        .undefined = r->eval.undefined,
        .text = text,
        .eval = &r->eval,
    };
    if (what == WR_TRACE_MATCHED) {
        e.result = r->body;
        e.result_json = r->body_json;
    }
    if (tap) {
        tap->event(tap->user, &e);
        r->traced = e.who;
    }
}

void wr_trace_record(const struct wr_engine_record *er, enum wr_trace_what what, wr_str text,
                     const char *reason)
{
    const struct wr_run *r = er->run;
    const struct wr_flow_tap *tap = r->flow->tap;
    struct wr_trace_event e = {
        .what = what,
        .rule = r->rule->counters,
        .message = r->message,
        .who = r->traced,
        .error_action = er->rec.is_error_action,
        .text = text,
        .resource = er->resource,
        .reason = reason,
        .action = er->action->impl->name,
        .attempt = er->rec.attempt,
    };
    if (tap) {
        tap->event(tap->user, &e);
    }
}

void wr_trace_buried(const struct wr_run *r, const char *reason)
{
    const struct wr_flow_tap *tap = r->flow->tap;
    struct wr_trace_event e = {.what = WR_TRACE_DEAD,
                               .rule = r->rule->counters,
                               .message = r->message,
                               .who = r->traced,
                               .reason = reason};
    if (tap) {
        tap->event(tap->user, &e);
    }
}

void wr_trace_dropped(struct wr_flow *f, const struct wr_message *m,
                      const struct wr_rule_group *group, enum wr_drop why)
{
    for (size_t i = 0; i < group->count; i++) {
        struct wr_trace_event e = {.what = WR_TRACE_DROPPED,
                                   .rule = group->rules[i]->counters,
                                   .message = m,
                                   .reason = wr_drop_text(why)};
        if (e.rule->traces) {
            f->tap->event(f->tap->user, &e);
        }
    }
}

bool wr_trace_has(const struct wr_flow *f, const struct wr_rule_group *group)
{
    bool any = false;
    for (size_t i = 0; i < group->count && !any; i++) {
        any = group->rules[i]->counters->traces > 0;
    }
    return any;
}

// ---- who wants them

const struct wr_rule_counters *wr_flow_trace(struct wr_flow *f, wr_str name,
                                             const struct wr_flow_tap *tap)
{
    const struct wr_rule *rule = f->rules ? wr_rule_set_find(f->rules, name) : NULL;
    if (!rule || rule->counters->traces == WR_TRACES_MAX) {
        return NULL;
    }
    rule->counters->traces++;
    f->tap = tap;
    return rule->counters;
}

void wr_flow_untrace(struct wr_flow *f, const struct wr_rule_counters *rule, uint8_t who, bool last)
{
    wr_metrics_rule(f->options.metrics, wr_str_of(rule->name))->traces--;
    for (struct wr_run *r = f->live; r; r = r->live_next) {
        r->traced &= (uint8_t)~who;
    }
    f->tap = last ? NULL : f->tap;
}

bool wr_flow_traced_live(const struct wr_flow *f, uint8_t who)
{
    const struct wr_run *r = f->live;
    while (r && !(r->traced & who)) {
        r = r->live_next;
    }
    return r != NULL;
}
