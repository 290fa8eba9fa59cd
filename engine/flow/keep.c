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

void wr_run_keep(struct wr_run *r)
{
    struct wr_flow *f = r->flow;
    struct wr_entry e;
    struct wr_entry_action actions[WR_ENTRY_ACTIONS_MAX];
    wr_run_identify(r);
    wr_run_entry(r, &e, actions);
    e.mid = r->message->mid;
    struct wr_buf *to = wr_spool_begin(f->options.spool);
    size_t before = to->len;
    wr_entry_write(to, &e);
    r->entry_bytes = to->len - before;
    r->seq = wr_spool_end(f->options.spool);
    r->stage = WR_RUN_KEPT;
    r->lane_next = NULL; // it has left its lane
    *(f->kept_last ? &f->kept_last->lane_next : &f->kept) = r;
    f->kept_last = r;
}

// Durable: the broker may forget it, and its rule goes on with it or comes back to it.
static void admit(struct wr_run *r)
{
    struct wr_flow *f = r->flow;
    r->backlog = wr_backlog_of(f, r->rule->counters);
    wr_flow_reached(f, WR_LATENCY_DURABLE, r->message);
    wr_run_release_ack(r);
    if (wr_backlog_admit(r->backlog, r->entry_bytes)) {
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
