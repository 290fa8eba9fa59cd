// Takes stock: what is under way now, counted by looking at each of it; and the terms of WHERE on
// request. Not for the message path.
#include "engine/flow/durable.h"

#include <stdlib.h>

#include "engine/flow/workers.h"

#include "sql/base/banned.h"

static bool is_under_way(const struct wr_engine_record *er)
{
    return er->lent || er->retry.place_ || er->waiter.circuit;
}

static void count_records(const struct wr_run *r)
{
    for (size_t i = 0; i < r->rule->action_count; i++) {
        r->records[i].action->counters->now.records += is_under_way(&r->records[i]);
    }
}

static void count_run(const struct wr_run *r)
{
    struct wr_rule_counters *c = r->rule->counters;
    c->now.in_spool += r->seq != 0;
    switch (r->stage) {
    case WR_RUN_STATEMENT:
        c->now.evaluating++;
        return;
    case WR_RUN_ENDED: // counted as what it came to
        return;
    case WR_RUN_TEMPLATES:
    case WR_RUN_SECRETS_STATEMENT:
    case WR_RUN_SECRETS:
    case WR_RUN_READY:
        c->now.stages[WR_STAGE_TEMPLATES]++;
        return;
    case WR_RUN_KEPT:
        c->now.stages[WR_STAGE_SPOOLING]++;
        return;
    case WR_RUN_SUBMITTED:
        c->now.stages[WR_STAGE_DELIVERING]++;
        count_records(r);
        return;
    case WR_RUN_ERROR_STATEMENT:
    case WR_RUN_ERROR_TEMPLATES:
    case WR_RUN_ERROR_SUBMITTED:
        c->now.stages[WR_STAGE_ERROR]++;
        r->error_record->action->counters->now.error_records++;
        return;
    case WR_RUN_ERROR_TOGETHER: // its leader's record is counted with the leader
        c->now.stages[WR_STAGE_ERROR]++;
        return;
    case WR_RUN_BURIED:
        c->now.stages[WR_STAGE_BURYING]++;
        return;
    }
}

static void clear(struct wr_metrics *m)
{
    memset(&m->now, 0, sizeof m->now);
    for (struct wr_rule_counters *r = m->rules; r; r = r->next) {
        memset(&r->now, 0, sizeof r->now);
        for (struct wr_action_counters *a = r->actions; a; a = a->next) {
            memset(&a->now, 0, sizeof a->now);
        }
    }
}

void wr_flow_take_stock(const struct wr_flow *f)
{
    struct wr_metrics *m = f->options.metrics;
    if (f->rules) {
        wr_rule_set_settle(f->rules);
    }
    clear(m);
    m->now.live = f->live_messages;
    m->now.workers = wr_flow_workers(f);
    m->now.in_workers = f->workers ? wr_workers_out(f->workers) : 0;
    for (const struct wr_run *r = f->live; r; r = r->live_next) {
        count_run(r);
    }
    for (const struct wr_backlog *b = f->backlogs; b; b = b->next) {
        b->counters->now.fetching = (uint32_t)b->fetching;
    }
    m->now.redriving = wr_redriven_count(f);
    m->now.unread = f->unread;
    if (f->options.spool && !f->stopped) {
        struct wr_spool_stats stats;
        wr_spool_stats(f->options.spool, &stats);
        m->now.has_spool = true;
        m->now.pending = stats.pending;
    }
}

wr_err wr_flow_audit(const struct wr_flow *f, struct wr_fault *fault)
{
    wr_flow_take_stock(f);
    return wr_metrics_audit(f->options.metrics, fault);
}

// ---- terms of WHERE

static void forget_terms(struct wr_rule_counters *c)
{
    if (c->terms) {
        wr_rule_unlock(c->terms->rule);
        wr_metrics_forget_terms(c);
    }
}

static void make_terms(struct wr_rule *rule)
{
    size_t count = wr_program_term_count(rule->program);
    struct wr_term_counters *t = wr_zalloc(sizeof *t + count * sizeof t->at[0]);
    t->count = count;
    for (size_t i = 0; i < count; i++) {
        t->at[i].text = wr_strdup(wr_program_term(rule->program, i));
    }
    t->rule = rule;
    wr_rule_lock(rule); // its address is its name here
    rule->counters->terms = t;
}

void wr_flow_count_term(struct wr_run *r)
{
    struct wr_rule_counters *c = r->rule->counters;
    if (c->terms->rule != r->rule) { // the rule was replaced: other terms, counted from 0
        forget_terms(c);
        make_terms(r->rule);
    }
    size_t term = wr_eval_term(&r->eval);
    if (r->eval.undefined) {
        c->terms->at[term].undefined++;
    } else {
        c->terms->at[term].no++;
    }
}

bool wr_flow_count_terms(struct wr_flow *f, wr_str name, bool on)
{
    struct wr_rule *rule = f->rules ? wr_rule_set_find(f->rules, name) : NULL;
    if (!rule) {
        return false;
    }
    forget_terms(rule->counters);
    if (on) {
        make_terms(rule);
    }
    f->counts_terms = false;
    for (const struct wr_rule_counters *r = f->options.metrics->rules; r; r = r->next) {
        f->counts_terms |= r->terms != NULL;
    }
    return true;
}

void wr_flow_forget_terms(struct wr_flow *f)
{
    for (struct wr_rule_counters *r = f->options.metrics->rules; r; r = r->next) {
        forget_terms(r);
    }
    f->counts_terms = false;
}
