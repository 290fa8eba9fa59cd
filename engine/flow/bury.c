// Dead letters: what neither an action nor the error action took.
#include "engine/flow/durable.h"

#include "engine/flow/say.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

static enum wr_dead_reason reason_of(const struct wr_run *r)
{
    if (r->error_record && r->error_record->failed) {
        switch (r->error_record->reason) {
        case WR_DEAD_EXPIRED:
            return WR_DEAD_ERROR_EXPIRED;
        case WR_DEAD_TEMPLATE:
            return WR_DEAD_ERROR_TEMPLATE;
        default:
            return WR_DEAD_ERROR_REFUSED;
        }
    }
    if (r->document_failed) {
        return WR_DEAD_ERROR_DOCUMENT;
    }
    for (size_t i = 0; i < r->rule->action_count; i++) {
        if (r->records[i].failed) {
            return r->records[i].reason;
        }
    }
    return WR_DEAD_REFUSED;
}

static void on_kept(void *user)
{
    struct wr_run *r = user;
    r->rule->counters->dead++;
    wr_run_complete(r);
}

void wr_run_bury(struct wr_run *r)
{
    struct wr_flow *f = r->flow;
    enum wr_dead_reason reason = reason_of(r);
    if (!f->options.dead) {
        r->rule->counters->unkept++;
        wr_run_complete(r);
        return;
    }
    wr_run_identify(r); // unless the spool has had it
    struct wr_entry e;
    struct wr_entry_action actions[WR_ENTRY_ACTIONS_MAX];
    wr_run_entry(r, &e, actions);
    e.dead_ms = wr_wall_ms();
    e.reason = wr_str_of(wr_dead_word(reason));
    const struct wr_engine_record *error = r->error_record;
    if (error) {
        e.has_error_action = true;
        e.error_action = (struct wr_entry_action){
            .kind = wr_str_of(error->action->impl->name),
            .state = WR_ENTRY_FAILED,
            .param_count = error->rec.params ? error->action->param_count : 0,
            .params = error->rec.params,
            .options = error->action->impl->options,
            .secret = error->action->secret,
            .resource = error->resource,
            .message = error->message,
        };
    }
    char id[2 * WR_DELIVERY_ID_LEN + 1];
    wr_delivery_id_text(&r->id, id);
    wr_say_buried(r, wr_dead_word(reason), id);
    if (r->traced) {
        wr_trace_buried(r, wr_dead_word(reason));
    }
    r->stage = WR_RUN_BURIED;
    wr_dead_put(f->options.dead, &e, on_kept, r);
}
