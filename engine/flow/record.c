// Records: handed to sinks, settled by verdicts, tried again, counted.
#include "engine/flow/durable.h"

#include "engine/flow/say.h"
#include "engine/observe/log.h"

#include "sql/base/banned.h"

static const wr_str absent = WR_STR_INIT("N/A");

// Which of the rule's it is: an error action comes after all others.
static uint8_t number_of(const struct wr_run *r, const struct wr_rule_action *action)
{
    for (size_t i = 0; i < r->rule->action_count; i++) {
        if (action == &r->rule->actions[i]) {
            return (uint8_t)i;
        }
    }
    return WR_ENTRY_ACTIONS_MAX;
}

void wr_engine_record_fill(struct wr_engine_record *er, struct wr_run *r,
                           const struct wr_rule_action *action)
{
    const struct wr_sql_message *m = &r->message->sql;
    *er = (struct wr_engine_record){
        .rec =
            {
                .written = action->params,
                .body = r->body,
                .body_json = r->body_json,
                .result = &r->result,
                .dialect = r->rule->program ? wr_program_dialect(r->rule->program) : WR_SQL_2016,
                .rule_name = r->rule->name,
                .topic = m->topic,
                .trace_id = wr_sql_trace_id(m),
                .client_id = m->client_id.at ? m->client_id : absent,
                .timestamp_ms = m->timestamp_ms,
                .hops = r->message->hops,
                .delivery_id = r->id.at,
                .action_number = number_of(r, action),
                .arena = &r->message->arena,
            },
        .run = r,
        .action = action,
    };
}

void wr_engine_record_place(struct wr_engine_record *er)
{
    er->rec.sink = wr_sinks_at(er->run->flow->options.sinks, er->action->kind);
    er->rec.may_loop = er->run->rule->counters->may_loop;
}

void wr_engine_record_init(struct wr_engine_record *er, struct wr_run *r,
                           const struct wr_rule_action *action)
{
    wr_engine_record_fill(er, r, action);
    wr_engine_record_place(er);
}

void wr_engine_record_fail(struct wr_engine_record *er, wr_str resource, wr_str message)
{
    struct wr_arena *arena = &er->run->message->arena;
    er->failed = true;
    er->resource = wr_str_dup(arena, resource);
    er->message = wr_str_dup(arena, message);
    if (!er->message.at) {
        er->message = WR_STR("Failed, and no memory is left for this message to say why");
    }
}

static void settled_one(struct wr_run *r)
{
    if (--r->outstanding > 0) {
        return;
    }
    struct wr_rule_counters *counters = r->rule->counters;
    if (r->abandoned || (r->failed && r->flow->stopped)) {
        wr_run_give_back(r); // not finished: the next process goes on with it
        return;
    }
    counters->broken += r->failed != 0;
    if (!r->failed) {
        counters->delivered++;
        wr_run_complete(r);
    } else if (r->rule->error_action) {
        if (r->together) {
            wr_together_settled(r);
        } else {
            wr_error_action_begin(r);
        }
    } else {
        wr_run_bury(r);
    }
}

static enum wr_failed_of failure_of(enum wr_dead_reason reason)
{
    switch (reason) {
    case WR_DEAD_EXPIRED:
        return WR_FAILURE_EXPIRED;
    case WR_DEAD_TEMPLATE:
        return WR_FAILURE_TEMPLATE;
    case WR_DEAD_NO_SINK:
        return WR_FAILURE_NO_SINK;
    case WR_DEAD_QUEUE_FULL:
        return WR_FAILURE_QUEUE_FULL;
    case WR_DEAD_REFUSED:
    case WR_DEAD_ERROR_REFUSED:
    case WR_DEAD_ERROR_EXPIRED:
    case WR_DEAD_ERROR_TEMPLATE:
    case WR_DEAD_ERROR_DOCUMENT:
    case WR_DEAD_REASON_COUNT:
        break;
    }
    return WR_FAILURE_REFUSED;
}

WR_COLD static void count_failure(struct wr_engine_record *er)
{
    struct wr_run *r = er->run;
    bool last = er->rec.is_error_action;
    r->failed += !last;
    struct wr_action_counters *counters = er->action->counters;
    if (r->flow->stopped) { // given back by a sink that closes: whoever delivers it next counts it
        counters->returned += !last;
        return;
    }
    if (last) {
        counters->error_failure++;
    } else {
        counters->failures[failure_of(er->reason)]++;
    }
    wr_say_action_failed(er);
    if (r->traced) {
        wr_trace_record(er, WR_TRACE_UNDELIVERED, er->message,
                        wr_failure_text(failure_of(er->reason)));
    }
}

static void complete_handled(struct wr_run *r)
{
    r->rule->counters->handled++;
    wr_run_complete(r);
}

// Of runs that another one led.
static void give_back_led(struct wr_run *r)
{
    r->rule->counters->broken_back++;
    wr_run_give_back(r);
}

static void bury_led(struct wr_run *r)
{
    r->error_record = r->leader->error_record;
    r->leader = NULL;
    wr_run_bury(r);
}

// The record has come to its end.
static void finish(struct wr_engine_record *er)
{
    wr_backlog_unload(er);
    if (!er->rec.is_error_action) {
        settled_one(er->run);
    } else if (!er->failed) {
        wr_together_end(er->run, complete_handled);
        complete_handled(er->run);
    } else if (er->run->flow->stopped) {
        wr_together_end(er->run, give_back_led);
        wr_run_give_back_error(er->run);
    } else {
        wr_together_end(er->run, bury_led);
        wr_run_bury(er->run); // there is no second error action
    }
}

size_t wr_engine_record_share(const struct wr_engine_record *er)
{
    return wr_sinks_share(er->run->flow->options.sinks, er->action->kind, er->rec.rule_name,
                          er->rec.is_error_action);
}

// What fails together with the record.
static struct wr_destination destination_of(const struct wr_engine_record *er)
{
    const struct wr_sink_impl *impl = er->action->impl;
    wr_str resource = {"", 0};
    if (impl->publishes) {
        const struct wr_config_broker *broker =
            wr_sinks_broker(er->run->flow->options.sinks, wr_engine_record_share(er));
        resource = broker ? wr_str_of(broker->name) : resource;
    } else if (!impl->one_destination && impl->resource_option >= 0) {
        resource = er->rec.params[impl->resource_option].text;
    }
    return (struct wr_destination){impl->name, resource};
}

static struct wr_retry_policy policy_of(const struct wr_engine_record *er)
{
    const struct wr_flow_options *o = &er->run->flow->options;
    return wr_sinks_retry(o->sinks, er->action->kind, &o->retry);
}

// True when the record waits for another try.
static bool retry_later(struct wr_engine_record *er, const struct wr_retry_policy *policy,
                        const struct wr_why *why)
{
    struct wr_flow *f = er->run->flow;
    if (er->rec.attempt >= policy->attempts) {
        return false;
    }
    int64_t base = why && why->throttled ? policy->throttled_base_ms : policy->base_ms;
    int64_t delay = wr_backoff_ms(&f->jitter, base, policy->cap_ms, er->rec.attempt);
    if (why && why->retry_at_ms > delay) {
        delay = why->retry_at_ms;
    }
    int64_t spent = (int64_t)uv_now(f->options.loop) - er->first_try_ms;
    if (spent + delay > policy->budget_ms) {
        return false;
    }
    er->action->counters->retries++;
    if (er->run->traced) {
        wr_trace_record(er, WR_TRACE_RETRY, why ? why->message : (wr_str){0}, NULL);
    }
    wr_retry_add(&f->retry, &er->retry, delay);
    return true;
}

// WR_RETRY: true when it is tried again.
WR_COLD static bool not_now(struct wr_engine_record *er, const struct wr_why *why)
{
    struct wr_flow *f = er->run->flow;
    if (f->stopped) {
        return false;
    }
    struct wr_retry_policy policy = policy_of(er);
    wr_circuits_failed(&f->circuits, destination_of(er), &policy, er->probe, why);
    return retry_later(er, &policy, why);
}

static void settle(struct wr_engine_record *er, enum wr_verdict verdict, const struct wr_why *why)
{
    struct wr_record *rec = &er->rec;
    wr_assert(er->lent); // settled twice is the sink's bug
    er->lent = false;
    if (WR_UNLIKELY(er->run->flow->circuits.troubled) && verdict != WR_RETRY) {
        wr_circuits_answered(&er->run->flow->circuits, destination_of(er));
    }
    switch (verdict) {
    case WR_DELIVERED:
        if (rec->is_error_action) {
            er->action->counters->error_success++;
        } else {
            er->action->counters->success++;
        }
        er->delivered = true;
        if (WR_UNLIKELY(wr_log_enabled(WR_LOG_DEBUG))) {
            wr_say_delivered(er);
        }
        if (WR_UNLIKELY(er->run->traced)) {
            wr_trace_record(er, WR_TRACE_DELIVERED, (wr_str){0}, NULL);
        }
        finish(er);
        return;
    case WR_RETRY:
        if (not_now(er, why)) {
            return;
        }
        er->reason = WR_DEAD_EXPIRED;
        break;
    case WR_REFUSED:
        er->reason = WR_DEAD_REFUSED;
        break;
    }
    wr_engine_record_fail(er, why ? why->resource : (wr_str){0},
                          why ? why->message : WR_STR("The sink refused the record"));
    count_failure(er);
    if (why && why->batch && !rec->is_error_action && er->run->rule->error_action &&
        !er->run->flow->stopped) {
        er->batch = why->batch;
        wr_together_join(er, why->batch);
    }
    finish(er);
}

void wr_record_settle(struct wr_record *rec, enum wr_verdict verdict, const struct wr_why *why)
{
    struct wr_engine_record *er = WR_CONTAINER(rec, struct wr_engine_record, rec);
    struct wr_flow *f = er->run->flow;
    const struct wr_sink_impl *impl = er->action->impl;
    uint64_t closes = why && why->batch_last ? why->batch : 0;
    if (why && why->met && (!why->batch || why->batch_last)) {
        er->action->counters->met[why->met]++;
    }
    settle(er, verdict, why); // may be its end, and that of `why`
    if (closes && !f->stopped) {
        wr_together_close(f, impl, closes);
    }
}

// The destination is away, and the budget is over.
WR_COLD static void away(struct wr_engine_record *er, const struct wr_circuit_state *state)
{
    struct wr_buf text;
    wr_buf_init_arena(&text, &er->run->message->arena);
    wr_buf_add(&text, state->why);
    wr_buf_addf(&text, " %s: %llu tries in a row failed for this destination.",
                er->rec.attempt ? "Not tried again" : "Not tried",
                (unsigned long long)state->failures);
    er->reason = WR_DEAD_EXPIRED;
    wr_engine_record_fail(er, state->resource, wr_buf_str(&text));
    count_failure(er);
    finish(er);
}

void wr_engine_record_expired(struct wr_circuit_waiter *w, const struct wr_circuit_state *state)
{
    away(WR_CONTAINER(w, struct wr_engine_record, waiter), state);
}

// A destination failed: false if this record is not submitted now.
WR_COLD static bool may_go(struct wr_engine_record *er)
{
    struct wr_circuit_state state;
    struct wr_retry_policy policy = policy_of(er);
    switch (wr_circuits_enter(&er->run->flow->circuits, destination_of(er), &policy,
                              er->first_try_ms, &er->waiter, &state)) {
    case WR_CIRCUIT_GO:
        break;
    case WR_CIRCUIT_PROBE:
        er->probe = true;
        break;
    case WR_CIRCUIT_WAIT:
        return false;
    case WR_CIRCUIT_FAIL:
        away(er, &state);
        return false;
    }
    return true;
}

static void submit(struct wr_engine_record *er)
{
    struct wr_sink *sink = er->rec.sink;
    wr_run_identify(er->run);
    er->rec.attempt++;
    er->lent = true;
    sink->impl->submit(sink, &er->rec);
}

void wr_engine_record_submit(struct wr_engine_record *er)
{
    er->probe = false;
    if (WR_LIKELY(!er->run->flow->circuits.troubled) || may_go(er)) {
        submit(er);
    }
}

void wr_engine_record_go(struct wr_circuit_waiter *w, bool probe)
{
    struct wr_engine_record *er = WR_CONTAINER(w, struct wr_engine_record, waiter);
    if (probe) {
        er->probe = true;
        submit(er);
    } else {
        wr_retry_add(&er->run->flow->retry, &er->retry, 0);
    }
}

bool wr_engine_record_unwait(struct wr_engine_record *er)
{
    bool waited = er->retry.place_ || er->waiter.circuit;
    wr_retry_remove(&er->run->flow->retry, &er->retry);
    wr_circuits_leave(&er->waiter);
    return waited;
}

// An error action's record keeps its run's entry in the spool: it takes from its broker's share.
static void take_room(struct wr_engine_record *er)
{
    struct wr_run *r = er->run;
    size_t share = wr_engine_record_share(er);
    if (!r->seq || r->spool_share == share || !wr_sinks_broker(r->flow->options.sinks, share)) {
        return;
    }
    if (wr_spool_share_full(r->flow, share)) {
        wr_engine_record_refuse_room(er);
        return;
    }
    if (r->spool_share) {
        r->flow->loads[r->spool_share].spooled -= r->entry_bytes;
    }
    r->spool_share = share;
    r->flow->loads[share].spooled += r->entry_bytes;
}

void wr_engine_record_start(struct wr_engine_record *er)
{
    struct wr_flow *f = er->run->flow;
    er->action->counters->records += !er->rec.is_error_action; // the other is counted with its run
    if (!er->failed && !er->rec.sink) {
        er->reason = WR_DEAD_NO_SINK;
        wr_engine_record_fail(er, (wr_str){0}, WR_STR("The sink is not open"));
    }
    if (!er->failed && er->rec.is_error_action) {
        take_room(er);
    }
    if (er->failed) {
        count_failure(er);
        finish(er);
        return;
    }
    er->first_try_ms = (int64_t)uv_now(f->options.loop);
    wr_backlog_load(er);
    f->options.metrics->records++;
    wr_engine_record_submit(er);
}

void wr_run_submit(struct wr_run *r)
{
    size_t count = r->rule->action_count;
    r->stage = WR_RUN_SUBMITTED;
    r->outstanding = (uint32_t)count + 1; // ours: a sink may settle at once
    if (r->backlog) {
        r->backlog->shares = 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (r->records[i].delivered) { // before it was redriven
            r->outstanding--;
        } else {
            wr_engine_record_start(&r->records[i]);
        }
    }
    settled_one(r);
}
