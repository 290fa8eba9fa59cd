// A worker's part: from a message and a group to results with their parameters.
#include "engine/flow/work.h"

#include <stdlib.h>

#include "sql/base/clock.h"

#include "sql/base/banned.h"

// ---- tools

// The loop asks, when the message is back.
static void ask_nobody(void *user, struct wr_lookup *lookup)
{
}

void wr_worker_tools_init(struct wr_worker_tools *t, const struct wr_sql_host *outer)
{
    *t = (struct wr_worker_tools){.sql = *outer, .readers = wr_readers_new()};
    t->sql.lookup = ask_nobody;
}

void wr_worker_tools_release(struct wr_worker_tools *t)
{
    while (t->hosts) {
        struct wr_account_host *h = t->hosts;
        t->hosts = h->next;
        free((void *)(uintptr_t)h->sql.account_id.at);
        free(h);
    }
    wr_readers_free(t->readers);
}

static const struct wr_sql_host *host_of(struct wr_worker_tools *t, wr_str account)
{
    if (!account.at) {
        return &t->sql;
    }
    struct wr_account_host *h = t->hosts;
    while (h && !wr_str_eq(h->sql.account_id, account)) {
        h = h->next;
    }
    if (!h) {
        h = wr_alloc(sizeof *h);
        *h = (struct wr_account_host){.next = t->hosts, .sql = t->sql};
        h->sql.account_id = (wr_str){wr_strdup(account), account.len};
        t->hosts = h;
    }
    return &h->sql;
}

// ---- views

static void view_fill(struct wr_worker_tools *t, struct wr_view *v)
{
    const struct wr_program **programs = wr_alloc((v->count + 1) * sizeof *programs);
    v->hosts = wr_alloc((v->count + 1) * sizeof *v->hosts);
    for (size_t i = 0; i < v->count; i++) {
        programs[i] = v->rules[i]->program;
        v->hosts[i] = host_of(t, v->rules[i]->owner.account);
    }
    v->plan = wr_plan_new_in(t->readers, programs, v->count);
    v->index = wr_index_new(v->plan);
    free(programs);
}

void wr_view_free(struct wr_view *v)
{
    wr_index_free(v->index);
    wr_plan_free(v->plan);
    free(v->hosts);
    free(v);
}

// ---- one rule

// WHERE was true. False: the loop has to see to it.
static bool make_result(struct wr_run *r)
{
    if (wr_run_make_result(r) != WR_RUN_MADE) {
        return false;
    }
    size_t count = r->rule->action_count;
    for (size_t i = 0; i < count; i++) {
        wr_engine_record_fill(&r->records[i], r, &r->rule->actions[i]);
    }
    r->stage = WR_RUN_TEMPLATES;
    for (; r->action < count; r->action++) {
        if (!wr_expand(r, &r->records[r->action])) {
            return true; // at a look-up
        }
        if (r->records[r->action].failed) {
            return false;
        }
    }
    return true;
}

static bool evaluate(const struct wr_view *v, struct wr_message *m, size_t rule,
                     struct wr_outcome *out, struct wr_run **spare)
{
    const struct wr_work *w = m->work;
    struct wr_run *r = *spare ? *spare : wr_run_new(w->flow, m, w->set, w->group);
    if (!r) {
        return false;
    }
    wr_run_begin(r, v->rules[rule]);
    r->away = true;
    wr_eval_start(&r->eval, &m->sql, rule, v->hosts[rule]);
    enum wr_eval_state state = wr_eval_run(&r->eval);
    *out = (struct wr_outcome){.rule = (uint32_t)rule, .run = r};
    *spare = NULL;
    if (state == WR_EVAL_NO_MATCH) {
        out->run = NULL;
        out->undefined = r->eval.undefined;
        out->regex_limits = r->eval.regex_limits;
        *spare = r;
    } else if (state == WR_EVAL_MATCHED && !make_result(r)) {
        return false;
    }
    return !m->arena.over;
}

// ---- one message

// False: the loop has to evaluate it.
static bool work_on(struct wr_view *v, struct wr_message *m)
{
    struct wr_work *w = m->work;
    int64_t last = w->timed ? wr_mono_ns() : 0;
    if (wr_sql_message_read(&m->sql, v->plan, &m->arena)) {
        return false;
    }
    const uint32_t *numbers = NULL;
    w->count = v->count;
    w->indexed = v->index && m->sql.json;
    if (w->indexed) {
        w->count = wr_index_match(v->index, &m->sql, &numbers);
    }
    w->outcomes = wr_arena_alloc(&m->arena, (w->count + 1) * sizeof *w->outcomes);
    if (!w->outcomes) {
        return false;
    }
    if (WR_UNLIKELY(w->timed)) {
        w->read_ns = wr_mono_ns() - last;
    }
    struct wr_run *spare = NULL;
    for (size_t i = 0; i < w->count; i++) {
        last = w->timed ? wr_mono_ns() : 0;
        if (!evaluate(v, m, numbers ? numbers[i] : i, &w->outcomes[i], &spare)) {
            return false;
        }
        if (WR_UNLIKELY(w->timed)) {
            w->outcomes[i].took_ns = wr_mono_ns() - last;
        }
    }
    return true;
}

void wr_work_on(struct wr_worker_tools *t, struct wr_message *m)
{
    struct wr_work *w = m->work;
    if (w->here) {
        return;
    }
    if (WR_UNLIKELY(!w->view->plan)) {
        view_fill(t, w->view);
    }
    w->here = !work_on(w->view, m);
}
