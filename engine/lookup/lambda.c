// aws_lambda(): a function of the lambda sink, request and response. machinelearning_predict(): AWS
// has ended that service; here a model is a function of its name, which gets what Predict got.
#include "engine/lookup/pending.h"

#include <stdlib.h>

#include "sinks/lib/local_lambda.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define EVENT_MAX (8 << 20) // bytes: more than event_max of the sink may allow

struct call {
    struct wr_pending p; // first
    struct wr_invocation inv;
    struct wr_buf event;
    struct wr_buf arn;
};

static void call_free(struct call *c)
{
    wr_buf_release(&c->event);
    wr_buf_release(&c->arn);
    wr_pending_free(&c->p);
}

static struct wr_sink *sink_of(const struct wr_lookups *all)
{
    return all->lambda_kind < 0 ? NULL
                                : wr_sinks_opened(all->options.sinks, (size_t)all->lambda_kind);
}

static void on_answered(struct wr_invocation *inv, enum wr_outcome outcome, wr_str answer)
{
    struct call *c = WR_CONTAINER(inv, struct call, inv);
    struct wr_lookup *l = c->p.lookup;
    if (!l) {
        return; // too late
    }
    if (outcome == WR_OUTCOME_OK) {
        wr_lookup_json(l, answer);
    } else if (outcome == WR_OUTCOME_STOPPED) {
        wr_lookup_fail(l, "weir is stopping");
    } else {
        struct wr_buf text = {0};
        wr_lambda_error_text(sink_of(c->p.all), &text, answer);
        wr_lookup_fail(l, "function %.*s failed: %s", WR_STR_ARG(wr_buf_str(&c->arn)),
                       wr_buf_terminated(&text));
        wr_buf_release(&text);
    }
    wr_pending_answer(&c->p);
}

static void on_done(struct wr_invocation *inv, enum wr_outcome outcome)
{
    call_free(WR_CONTAINER(inv, struct call, inv));
}

// The event is taken back if no process has it; else the answer is ignored when it comes.
static void cancel(struct wr_pending *p)
{
    struct call *c = (struct call *)p;
    if (wr_lambda_cancel(&c->inv)) {
        call_free(c);
    }
}

// Takes `event`.
static void invoke(struct wr_lookups *all, struct wr_lookup *l, struct wr_buf *event)
{
    struct wr_sink *sink = sink_of(all);
    struct call *c = wr_pending_new(all, l, sizeof *c);
    c->event = *event;
    wr_buf_add(&c->arn, wr_lookup_text(l, 0));
    c->p.cancel = cancel;
    c->inv.event = wr_buf_str(&c->event);
    c->inv.arn = wr_buf_str(&c->arn);
    c->inv.answered = on_answered;
    c->inv.done = on_done;
    struct wr_fault fault = {0};
    wr_err err = WR_OK;
    if (event->over) {
        err = wr_fault_set(&fault, WR_ERR_LIMIT, "the event has more than %d bytes", EVENT_MAX);
    } else if (!sink) {
        err = wr_fault_set(&fault, WR_ERR_STATE, "the lambda sink is not open");
    } else {
        err = wr_lambda_invoke(sink, &c->inv, &fault);
    }
    if (err) {
        wr_lookup_fail(l, "%s", fault.text);
        wr_pending_answer(&c->p);
        call_free(c);
    }
}

void wr_lookup_begin_lambda(struct wr_lookups *all, struct wr_lookup *l)
{
    struct wr_buf event;
    wr_buf_init(&event, EVENT_MAX);
    wr_lookup_event(l, &event);
    invoke(all, l, &event);
}

void wr_lookup_begin_ml(struct wr_lookups *all, struct wr_lookup *l)
{
    struct wr_buf event;
    wr_buf_init(&event, EVENT_MAX);
    wr_buf_add(&event, WR_STR("{\"MLModelId\":"));
    wr_json_write_string(&event, wr_lookup_text(l, 0));
    wr_buf_add(&event, WR_STR(",\"Record\":"));
    wr_lookup_record(l, &event);
    wr_buf_add_char(&event, '}');
    invoke(all, l, &event);
}
