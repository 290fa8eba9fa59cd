// The stages of one rule on one message, and what it holds on to meanwhile.
#include "engine/flow/durable.h"

#include "engine/flow/say.h"
#include "engine/observe/log.h"

#include "sql/base/banned.h"

void wr_run_retain(struct wr_run *r)
{
    if (r->retained) {
        return;
    }
    struct wr_flow *f = r->flow;
    r->retained = true;
    wr_message_lock(r->message);
    if (!r->restored) {
        r->holds_ack = true;
        r->message->ack_holds++;
    }
    if (r->rule_set) {
        wr_rule_set_lock(r->rule_set);
    }
    if (r->group) {
        wr_rule_group_lock(r->group);
    }
    if (r->now) {
        wr_rule_lock(r->now);
    }
    r->live_before = NULL;
    r->live_next = f->live;
    if (f->live) {
        f->live->live_before = r;
    }
    f->live = r;
}

void wr_run_end(struct wr_run *r)
{
    struct wr_flow *f = r->flow;
    if (!r->retained) {
        return;
    }
    r->retained = false;
    if (r->live_before) {
        r->live_before->live_next = r->live_next;
    } else {
        f->live = r->live_next;
    }
    if (r->live_next) {
        r->live_next->live_before = r->live_before;
    }
    if (r->group) {
        wr_rule_group_unlock(r->group);
    }
    wr_rule_unlock(r->now);
    wr_rule_set_unlock(r->rule_set);
    wr_flow_release(f, r->message);
}

void wr_run_give_back(struct wr_run *r)
{
    r->rule->counters->given_back++;
    wr_run_end(r);
}

static void forget_leader(struct wr_run *r)
{
    r->leader = NULL;
}

void wr_run_give_back_error(struct wr_run *r)
{
    r->rule->counters->broken_back++;
    r->error_record->action->counters->error_returned++;
    wr_together_end(r, forget_leader); // they are given back one by one
    wr_run_give_back(r);
}

void wr_run_release_ack(struct wr_run *r)
{
    if (r->holds_ack) {
        r->holds_ack = false;
        wr_flow_unhold(r->flow, r->message);
    }
}

static void leave(struct wr_run *r)
{
    if (r->stage != WR_RUN_READY) {
        wr_run_complete(r);
        return;
    }
    if (r->restored) {
        wr_backlog_restored(r->backlog);
        wr_run_submit(r);
        return;
    }
    wr_flow_reached(r->flow, WR_LATENCY_EVALUATED, r->message);
    if (r->flow->options.spool && !r->flow->options.spool_is_old && r->rule->action_count > 0) {
        wr_run_keep(r);
    } else {
        wr_run_submit(r);
    }
}

// The run waits for nothing but its turn.
static void proceed(struct wr_run *r)
{
    struct wr_flow *f = r->flow;
    struct wr_lane *lane = r->lane;
    if (!lane) {
        leave(r);
        return;
    }
    if (lane->pumping) {
        return; // below us on the stack; it will come to this run
    }
    lane->pumping = true;
    while (lane) {
        struct wr_run *next = wr_lane_take(&f->lanes, &lane);
        if (!next) {
            lane->pumping = false;
            return;
        }
        leave(next);
    }
}

static void suspend(struct wr_run *r)
{
    wr_run_retain(r);
    r->flow->options.metrics->suspended++;
    bool ordered = r->stage == WR_RUN_STATEMENT || r->stage == WR_RUN_TEMPLATES ||
                   r->stage == WR_RUN_SECRETS_STATEMENT || r->stage == WR_RUN_SECRETS;
    if (ordered && !r->lane) {
        wr_lane_open(&r->flow->lanes, r);
    }
}

void wr_run_count(struct wr_run *r, uint64_t failed[WR_WHY_COUNT])
{
    if (WR_UNLIKELY(r->away)) {
        return; // the loop counts, when it is back
    }
    r->rule->counters->regex_limits += r->eval.regex_limits;
    r->eval.regex_limits = 0;
    if (WR_UNLIKELY(r->eval.state == WR_EVAL_FAILED)) {
        failed[r->eval.why]++;
    }
}

WR_COLD static void say_failed(struct wr_run *r, const char *why)
{
    wr_say_evaluation_failed(r, why);
    if (r->rule->counters->traces) {
        wr_trace_run(r, WR_TRACE_FAILED, wr_str_of(why));
    }
}

static inline enum wr_run_made make_result(struct wr_run *r)
{
    r->result = r->eval.result;
    r->records =
        wr_arena_alloc(&r->message->arena, (r->rule->action_count + 1) * sizeof *r->records);
    if (wr_eval_output(&r->eval, &r->body, &r->body_json)) {
        return WR_RUN_NO_OUTPUT;
    }
    return r->records ? WR_RUN_MADE : WR_RUN_NO_RECORDS;
}

// There is a result, with its records.
static void announce(struct wr_run *r)
{
    struct wr_rule_counters *counters = r->rule->counters;
    counters->matched++;
    if (WR_UNLIKELY(wr_log_enabled(WR_LOG_DEBUG))) {
        wr_say_matched(r);
    }
    wr_run_retain(r);
    if (WR_UNLIKELY(counters->traces)) {
        wr_trace_run(r, WR_TRACE_MATCHED, (wr_str){0});
    }
}

// WHERE was true. False: the result or its records do not fit into the message's memory.
static bool matched(struct wr_run *r)
{
    struct wr_rule_counters *counters = r->rule->counters;
    switch (make_result(r)) {
    case WR_RUN_MADE:
        break;
    case WR_RUN_NO_OUTPUT:
        wr_run_count(r, counters->failed);
        say_failed(r, r->eval.fault.text);
        return false;
    case WR_RUN_NO_RECORDS:
        counters->failed[WR_WHY_MEMORY]++;
        say_failed(r, "the records do not fit into message_memory");
        return false;
    }
    for (size_t i = 0; i < r->rule->action_count; i++) {
        wr_engine_record_init(&r->records[i], r, &r->rule->actions[i]);
    }
    announce(r);
    return true;
}

static void count_no_match(struct wr_run *r)
{
    struct wr_rule_counters *c = r->rule->counters;
    c->no_match++;
    c->undefined += r->eval.undefined;
    if (WR_UNLIKELY(c->terms)) {
        wr_flow_count_term(r);
    }
    if (WR_UNLIKELY(c->traces)) {
        wr_trace_run(r, WR_TRACE_NO_MATCH, (wr_str){0});
    }
}

// True when there is a result; else the run has ended or is suspended.
static WR_ALWAYS_INLINE bool evaluate(struct wr_run *r)
{
    enum wr_eval_state state = wr_eval_run(&r->eval);
    if (state != WR_EVAL_SUSPENDED) {
        wr_run_count(r, r->rule->counters->failed);
    }
    switch (state) {
    case WR_EVAL_MATCHED:
        if (matched(r)) {
            return true;
        }
        break;
    case WR_EVAL_NO_MATCH:
        count_no_match(r);
        break;
    case WR_EVAL_FAILED:
        say_failed(r, r->eval.fault.text);
        break;
    case WR_EVAL_SUSPENDED:
        suspend(r);
        return false;
    case WR_EVAL_READY:
        wr_assert(false);
    }
    r->stage = WR_RUN_ENDED;
    if (WR_UNLIKELY(r->retained)) { // else it holds nothing, and nobody waits for it
        proceed(r);
    }
    return false;
}

// From a result to what is done with it, or to a look-up that is waited for.
static void expand(struct wr_run *r)
{
    for (; r->action < r->rule->action_count; r->action++) {
        if (!wr_expand(r, &r->records[r->action])) {
            suspend(r);
            return;
        }
    }
    r->stage = WR_RUN_READY;
    proceed(r);
}

static inline void advance_statement(struct wr_run *r)
{
    if (evaluate(r)) {
        r->stage = WR_RUN_TEMPLATES;
        expand(r);
    }
}

void wr_run_advance(struct wr_run *r)
{
    if (r->stage == WR_RUN_ERROR_STATEMENT || r->stage == WR_RUN_ERROR_TEMPLATES) {
        wr_error_action_advance(r);
        return;
    }
    if (r->stage == WR_RUN_SECRETS_STATEMENT || r->stage == WR_RUN_SECRETS) {
        if (!wr_secrets_advance(r)) {
            suspend(r);
            return;
        }
        r->stage = WR_RUN_READY;
        proceed(r);
        return;
    }
    if (r->stage == WR_RUN_STATEMENT) {
        advance_statement(r);
        return;
    }
    wr_assert(r->stage == WR_RUN_TEMPLATES);
    expand(r);
}

// A rule that met the message's memory limit must not take it from the rules behind it: what it
// made is given back, and the payload is read again, since values decoded meanwhile lay behind the
// mark.
WR_COLD static void reclaim(struct wr_message *m, struct wr_rule_group *group,
                            struct wr_arena_mark mark)
{
    wr_arena_rewind(&m->arena, mark);
    if (wr_sql_message_read(&m->sql, group->plan, &m->arena)) {
        m->arena.over = true; // then there is no room for them either, and each says so
    }
}

static inline struct wr_run *new_run(struct wr_flow *f, struct wr_message *m,
                                     struct wr_rule_set *set, struct wr_rule_group *group)
{
    struct wr_run *r = wr_arena_alloc(&m->arena, sizeof *r);
    if (!r) {
        return NULL;
    }
    // All but the fault's text and variables: more than half of the run, and read only when they
    // have been set.
    size_t fault = offsetof(struct wr_run, eval.fault);
    size_t behind = fault + sizeof r->eval.fault;
    size_t vars = offsetof(struct wr_run, eval.vars_);
    size_t rest = vars + sizeof r->eval.vars_;
    memset(r, 0, fault);
    memset((char *)r + behind, 0, vars - behind);
    wr_zero_small((char *)r + rest, sizeof *r - rest);
    r->flow = f;
    r->message = m;
    r->rule_set = set;
    r->group = group;
    return r;
}

// Before another rule has it.
static inline void clear(struct wr_run *r)
{
    r->expanding = r->abandoned = r->has_id = r->document_failed = false;
    r->action = r->template_at = r->outstanding = r->failed = 0;
    r->traced = 0;
    r->error_record = NULL;
    r->together = NULL;
    r->together_next = r->leader = NULL;
    r->seq = 0;
    r->spool_share = 0;
    r->backlog = NULL;
}

static inline void begin(struct wr_run *r, struct wr_rule *rule)
{
    r->rule = rule;
    r->stage = WR_RUN_STATEMENT;
}

void wr_run_start(struct wr_flow *f, struct wr_message *m, struct wr_rule_set *set,
                  struct wr_rule_group *group, size_t index, struct wr_run **spare)
{
    struct wr_rule *rule = group->rules[index];
    __builtin_prefetch(rule->counters);
    __builtin_prefetch(rule->program);
    if (WR_UNLIKELY(m->dup && f->twice) && wr_twice_take(f->twice, m, rule->name)) {
        f->options.metrics->recognised++;
        return;
    }
    rule->counters->topic_match++;
    rule->counters->not_json += !m->sql.json;
    struct wr_arena_mark mark = wr_arena_mark(&m->arena);
    struct wr_run *r = *spare;
    if (!r) {
        r = new_run(f, m, set, group);
        if (!r) {
            rule->counters->failed[WR_WHY_MEMORY]++;
            return;
        }
    } else {
        clear(r);
    }
    begin(r, rule);
    wr_eval_start(&r->eval, &m->sql, index, WR_LIKELY(!rule->host) ? &f->sql : rule->host);
    if (WR_UNLIKELY(f->lanes.count) && wr_lane_join(&f->lanes, r)) {
        wr_run_retain(r);
    }
    advance_statement(r);
    // The message is the caller's, so the run's memory is still there even when it has ended.
    bool retained = r->retained;
    *spare = retained ? NULL : r;
    if (WR_UNLIKELY(m->arena.over)) {
        *spare = NULL;
        m->arena.over = false;
        if (!retained) {
            reclaim(m, group, mark);
        }
    }
}

// ---- parts for workers

struct wr_run *wr_run_new(struct wr_flow *f, struct wr_message *m, struct wr_rule_set *set,
                          struct wr_rule_group *group)
{
    return new_run(f, m, set, group);
}

void wr_run_begin(struct wr_run *r, struct wr_rule *rule)
{
    clear(r);
    begin(r, rule);
}

enum wr_run_made wr_run_make_result(struct wr_run *r)
{
    return make_result(r);
}

// Ask what a worker left unasked, since look-ups are the loop's. The run goes on with the answer.
static void ask(struct wr_run *r)
{
    struct wr_lookup *lookup = r->eval.lookup;
    r->eval.host->lookup(r->eval.host->user, lookup);
    if (lookup->answered) {
        wr_run_advance(r);
    } else {
        suspend(r);
    }
}

// Statement and templates are through, or wait for the look-up of a template.
static void adopt_result(struct wr_run *r)
{
    for (size_t i = 0; i < r->rule->action_count; i++) {
        wr_engine_record_place(&r->records[i]);
    }
    announce(r);
    if (r->action < r->rule->action_count) {
        ask(r);
        return;
    }
    r->stage = WR_RUN_READY;
    proceed(r);
}

void wr_run_adopt(struct wr_run *r)
{
    struct wr_flow *f = r->flow;
    r->away = false;
    r->eval.host = WR_LIKELY(!r->rule->host) ? &f->sql : r->rule->host;
    if (r->eval.state == WR_EVAL_FAILED) { // a template that failed does not come here
        wr_run_count(r, r->rule->counters->failed);
        say_failed(r, r->eval.fault.text);
        return;
    }
    r->rule->counters->regex_limits += r->eval.regex_limits;
    r->eval.regex_limits = 0;
    if (WR_UNLIKELY(f->lanes.count) && wr_lane_join(&f->lanes, r)) {
        wr_run_retain(r);
    }
    if (r->stage == WR_RUN_STATEMENT) {
        ask(r);
    } else {
        adopt_result(r);
    }
}
