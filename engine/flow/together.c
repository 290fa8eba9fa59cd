// Failures of one batch (actions.md 6.2): the runs whose records a sink sent in one request, and
// gave up in one request, share one error document and one error action.
//
//   settle(why->batch) ─► joined ─► last of the batch, and each run's other actions settled ─►
//   the first run leads: its error action has the document of all; the others end as it ends
#include "engine/flow/durable.h"
#include "engine/flow/error_document.h"

#include <stdlib.h>

#include "sql/base/banned.h"

// Lives until its runs' error action begins.
struct wr_together {
    uint64_t batch;
    const struct wr_sink_impl *impl;         // whose number that is
    const struct wr_rule_counters *counters; // of the rule
    const struct wr_rule_action *action;     // its error action: of this version of it
    struct wr_run *first, **last;            // by together_next
    size_t open;                             // runs with other actions under way
    bool closed;                             // no more come
    struct wr_together *next;                // of the flow
};

static struct wr_together **find(struct wr_flow *f, const struct wr_engine_record *er,
                                 uint64_t batch)
{
    struct wr_together **at = &f->together;
    while (*at && ((*at)->batch != batch || (*at)->impl != er->action->impl ||
                   (*at)->counters != er->run->rule->counters ||
                   (*at)->action != er->run->rule->error_action)) {
        at = &(*at)->next;
    }
    return at;
}

void wr_together_join(struct wr_engine_record *er, uint64_t batch)
{
    struct wr_run *r = er->run;
    if (r->together) {
        return; // by another of its actions
    }
    struct wr_together **at = find(r->flow, er, batch), *g = *at;
    if (!g) {
        g = *at = wr_zalloc(sizeof *g);
        *g = (struct wr_together){.batch = batch,
                                  .impl = er->action->impl,
                                  .counters = r->rule->counters,
                                  .action = r->rule->error_action};
        g->last = &g->first;
    }
    *g->last = r;
    g->last = &r->together_next;
    g->open++;
    r->together = g;
}

static void go_if_whole(struct wr_flow *f, struct wr_together *g)
{
    if (!g->closed || g->open > 0) {
        return;
    }
    struct wr_run *leader = g->first;
    struct wr_together **at = &f->together;
    while (*at != g) {
        at = &(*at)->next;
    }
    *at = g->next;
    for (struct wr_run *r = leader; r; r = r->together_next) {
        r->together = NULL;
        r->leader = r == leader ? NULL : leader;
    }
    free(g);
    wr_error_action_begin(leader);
}

void wr_together_settled(struct wr_run *r)
{
    struct wr_together *g = r->together;
    r->stage = WR_RUN_ERROR_TOGETHER;
    g->open--;
    go_if_whole(r->flow, g);
}

void wr_together_close(struct wr_flow *f, const struct wr_sink_impl *impl, uint64_t batch)
{
    for (struct wr_together *g = f->together, *next; g; g = next) {
        next = g->next;
        if (g->batch == batch && g->impl == impl) {
            g->closed = true;
            go_if_whole(f, g);
            next = f->together; // what it began may have changed the list
            while (next && (next->closed || next->batch != batch || next->impl != impl)) {
                next = next->next;
            }
        }
    }
}

void wr_together_split(struct wr_run *leader)
{
    struct wr_run *r = leader->together_next;
    leader->together_next = NULL;
    for (struct wr_run *next; r; r = next) {
        next = r->together_next;
        r->together_next = NULL;
        r->leader = NULL;
        wr_error_action_begin(r);
    }
}

void wr_together_end(struct wr_run *leader, void (*end)(struct wr_run *r))
{
    for (struct wr_run *r = leader->together_next, *next; r; r = next) {
        next = r->together_next;
        r->together_next = NULL;
        end(r);
    }
    leader->together_next = NULL;
}

bool wr_together_abandon(struct wr_run *r)
{
    struct wr_run *leader = r->leader;
    if (leader && leader->error_record && leader->error_record->lent) {
        return false; // ends with its leader's verdict
    }
    if (leader) {
        struct wr_run **at = &leader->together_next;
        while (*at != r) {
            at = &(*at)->together_next;
        }
        *at = r->together_next;
    }
    return true;
}

// Of groups that never went: their runs have been given back.
void wr_together_free(struct wr_flow *f)
{
    for (struct wr_together *g = f->together, *next; g; g = next) {
        next = g->next;
        free(g);
    }
    f->together = NULL;
}
