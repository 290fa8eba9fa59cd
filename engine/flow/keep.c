// Runs on their way through the spool.
#include "engine/flow/durable.h"

#include "engine/observe/log.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

void wr_run_identify(struct wr_run *r)
{
    if (r->has_id) {
        return;
    }
    uint64_t half[2] = {wr_jitter_next(&r->flow->jitter), wr_jitter_next(&r->flow->jitter)};
    memcpy(r->id.at, half, sizeof r->id.at);
    r->has_id = true;
}

void wr_run_entry(const struct wr_run *r, struct wr_entry *e, struct wr_entry_action *actions)
{
    const struct wr_message *m = r->message;
    for (size_t i = 0; i < r->rule->action_count; i++) {
        const struct wr_engine_record *er = &r->records[i];
        actions[i] = (struct wr_entry_action){
            .kind = wr_str_of(er->action->impl->name),
            .state = er->failed      ? WR_ENTRY_FAILED
                     : er->delivered ? WR_ENTRY_DELIVERED
                                     : WR_ENTRY_OPEN,
            .param_count = er->rec.params ? er->action->param_count : 0,
            .params = er->rec.params,
            .options = er->action->impl->options,
            .secret = er->action->secret,
            .resource = er->resource,
            .message = er->message,
        };
    }
    *e = (struct wr_entry){
        .id = r->id,
        .rule = r->rule->name,
        .message = m->sql,
        .qos = m->qos,
        .retain = m->retain,
        .hops = m->hops,
        .received_ms = (uint64_t)m->sql.timestamp_ms,
        .dialect = r->records[0].rec.dialect,
        .body = r->body,
        .body_json = r->body_json,
        .action_count = r->rule->action_count,
        .actions = actions,
    };
}

// ---- shares of the spool: a broker that is away must not fill it for all the others

size_t wr_run_spool_share(const struct wr_run *r)
{
    for (size_t i = 0; i < r->rule->action_count; i++) {
        const struct wr_engine_record *er = &r->records[i];
        size_t share = er->failed || er->delivered ? 0 : wr_engine_record_share(er);
        if (wr_sinks_broker(r->flow->options.sinks, share)) {
            return share; // all actions of a rule go to one broker
        }
    }
    return 0;
}

size_t wr_entry_spool_share(const struct wr_flow *f, const struct wr_entry *e)
{
    const struct wr_sinks *sinks = f->options.sinks;
    for (size_t i = 0; i < e->action_count; i++) {
        const struct wr_entry_action *a = &e->actions[i];
        size_t share =
            a->state == WR_ENTRY_OPEN ? wr_sinks_share_named(sinks, a->kind, e->rule) : 0;
        if (wr_sinks_broker(sinks, share)) {
            return share;
        }
    }
    return 0;
}

bool wr_spool_share_full(const struct wr_flow *f, size_t share)
{
    const struct wr_config_broker *broker = wr_sinks_broker(f->options.sinks, share);
    return broker && broker->spool_share < 100 &&
           f->loads[share].spooled >= f->options.spool_max / 100 * (uint64_t)broker->spool_share;
}

WR_COLD void wr_engine_record_refuse_room(struct wr_engine_record *er)
{
    const struct wr_flow *f = er->run->flow;
    size_t share = wr_engine_record_share(er);
    const struct wr_config_broker *broker = wr_sinks_broker(f->options.sinks, share);
    struct wr_buf text;
    wr_buf_init_arena(&text, &er->run->message->arena);
    wr_buf_addf(&text,
                "Failed to republish to topic. The error received was SinkQueueFull: %llu bytes "
                "wait for the broker %s already, its share of the spool "
                "(brokers.%s.spool_share: %d).",
                (unsigned long long)f->loads[share].spooled, broker->name, broker->name,
                (int)broker->spool_share);
    er->reason = WR_DEAD_QUEUE_FULL;
    wr_engine_record_fail(er, er->rec.params[er->action->impl->resource_option].text,
                          wr_buf_str(&text));
}

// `queue_full: fail`: what is new does not wait behind what is stuck.
static void refuse_where_full(struct wr_run *r)
{
    const struct wr_flow *f = r->flow;
    for (size_t i = 0; i < r->rule->action_count; i++) {
        struct wr_engine_record *er = &r->records[i];
        size_t share = er->failed || er->delivered ? 0 : wr_engine_record_share(er);
        if (er->failed || er->delivered || !wr_sinks_fails_when_full(f->options.sinks, share) ||
            !wr_share_full(f, share)) {
            continue;
        }
        struct wr_buf text;
        wr_buf_init_arena(&text, &r->message->arena);
        wr_buf_addf(&text,
                    "Failed to queue the record. The error received was SinkQueueFull: %zu records "
                    "of %s are under way, %zu bytes (sinks.%s.in_flight, .memory, queue_full: "
                    "fail).",
                    f->loads[share].records, er->action->impl->name, f->loads[share].bytes,
                    er->action->impl->name);
        er->reason = WR_DEAD_QUEUE_FULL;
        int primary = er->action->impl->resource_option;
        wr_engine_record_fail(er, primary < 0 ? (wr_str){0} : er->rec.params[primary].text,
                              wr_buf_str(&text));
    }
}

static size_t take_share(struct wr_run *r)
{
    size_t share = wr_run_spool_share(r);
    if (!share || !wr_spool_share_full(r->flow, share)) {
        return share;
    }
    for (size_t i = 0; i < r->rule->action_count; i++) {
        struct wr_engine_record *er = &r->records[i];
        if (!er->failed && wr_engine_record_share(er) == share) {
            wr_engine_record_refuse_room(er);
        }
    }
    return 0;
}

void wr_run_keep(struct wr_run *r)
{
    struct wr_flow *f = r->flow;
    struct wr_entry e;
    struct wr_entry_action actions[WR_ENTRY_ACTIONS_MAX];
    wr_run_identify(r);
    refuse_where_full(r);
    r->spool_share = take_share(r);
    wr_run_entry(r, &e, actions);
    e.mid = r->message->mid;
    struct wr_buf *to = wr_spool_begin(f->options.spool);
    size_t before = to->len;
    wr_entry_write(to, &e);
    r->entry_bytes = to->len - before;
    if (r->spool_share) {
        f->loads[r->spool_share].spooled += r->entry_bytes;
    }
    r->seq = wr_spool_end(f->options.spool);
    r->message->kept = r->seq;
    r->stage = WR_RUN_KEPT;
    r->lane_next = NULL; // it has left its lane
    *(f->kept_last ? &f->kept_last->lane_next : &f->kept) = r;
    f->kept_last = r;
}

// Some action is still to be tried: it takes room of a sink.
static bool needs_sinks(const struct wr_run *r)
{
    for (size_t i = 0; i < r->rule->action_count; i++) {
        if (!r->records[i].failed) {
            return true;
        }
    }
    return r->rule->action_count == 0;
}

// Durable: the broker may forget it, and its rule goes on with it or comes back to it.
static void admit(struct wr_run *r)
{
    struct wr_flow *f = r->flow;
    r->backlog = wr_backlog_of(f, r->rule->counters);
    wr_flow_reached(f, WR_LATENCY_DURABLE, r->message);
    wr_run_release_ack(r);
    if (wr_backlog_admit(r->backlog, r->entry_bytes, !needs_sinks(r))) {
        wr_run_submit(r);
        return;
    }
    wr_backlog_push(r->backlog, r->seq);
    r->seq = 0; // the backlog's now
    r->backlog = NULL;
    wr_run_end(r);
}

void wr_keep_durable(struct wr_flow *f, uint64_t seq)
{
    while (f->kept && f->kept->seq <= seq) {
        struct wr_run *r = f->kept;
        f->kept = r->lane_next;
        if (!f->kept) {
            f->kept_last = NULL;
        }
        r->lane_next = NULL;
        admit(r);
    }
}

void wr_run_complete(struct wr_run *r)
{
    struct wr_backlog *b = r->backlog;
    struct wr_flow *f = r->flow;
    size_t bytes = r->entry_bytes;
    if (r->seq) {
        wr_spool_done(f->options.spool, r->seq);
        r->seq = 0;
        if (r->spool_share) {
            f->loads[r->spool_share].spooled -= bytes;
        }
    }
    r->backlog = NULL;
    if (r->stage != WR_RUN_ENDED) {
        wr_flow_reached(f, WR_LATENCY_SETTLED, r->message);
    }
    wr_run_release_ack(r);
    wr_run_end(r);
    if (b) {
        wr_backlog_left(b, bytes);
    }
}
