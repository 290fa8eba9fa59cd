// The sums of the funnel, as metrics.h writes them down.
#include "engine/observe/metrics.h"

#include "sql/base/banned.h"

struct sum {
    const char *name, *rule, *kind; // kind: of an action, or NULL
    uint64_t in, out;
};

static wr_err check(const struct sum *s, struct wr_fault *fault)
{
    if (s->in == s->out) {
        return WR_OK;
    }
    return wr_fault_set(fault, WR_ERR_STATE, "%s%s%s%s%s: %llu came in, %llu are accounted for",
                        s->name, s->rule ? " of rule " : "", s->rule ? s->rule : "",
                        s->kind ? ", " : "", s->kind ? s->kind : "", (unsigned long long)s->in,
                        (unsigned long long)s->out);
}

static wr_err check_action(const struct wr_rule_counters *r, const struct wr_action_counters *a,
                           struct wr_fault *fault)
{
    const struct sum records = {
        "records",
        r->name,
        a->kind,
        a->records,
        a->success + wr_action_failures(a) + a->returned + a->now.records,
    };
    const struct sum errors = {
        "errors",
        r->name,
        a->kind,
        a->error_records,
        a->error_success + a->error_failure + a->error_returned + a->now.error_records,
    };
    wr_err err = check(&records, fault);
    return err ? err : check(&errors, fault);
}

static uint64_t stages_of(const struct wr_rule_counters *r)
{
    uint64_t sum = 0;
    for (int i = 0; i < WR_STAGE_COUNT; i++) {
        sum += r->now.stages[i];
    }
    return sum;
}

static wr_err check_rule(const struct wr_rule_counters *r, struct wr_fault *fault)
{
    const struct sum sums[] = {
        {"matching", r->name, NULL, r->topic_match,
         r->matched + r->no_match + wr_rule_failures(r) + r->unfinished + r->now.evaluating},
        {"results", r->name, NULL, r->matched + r->recovered + r->redriven,
         r->delivered + r->handled + r->dead + r->unkept + r->damaged + r->given_back +
             stages_of(r) + r->waiting + r->now.fetching},
        {"failing", r->name, NULL, r->broken,
         r->handled + r->dead + r->unkept + r->broken_back + r->now.stages[WR_STAGE_ERROR] +
             r->now.stages[WR_STAGE_BURYING]},
    };
    wr_err err = WR_OK;
    for (size_t i = 0; !err && i < WR_COUNT(sums); i++) {
        err = check(&sums[i], fault);
    }
    for (const struct wr_action_counters *a = r->actions; !err && a; a = a->next) {
        err = check_action(r, a, fault);
    }
    return err;
}

wr_err wr_metrics_audit(const struct wr_metrics *m, struct wr_fault *fault)
{
    uint64_t dropped = 0, spooled = m->now.redriving + m->now.unread + m->spool_left;
    for (int i = 0; i < WR_DROP_COUNT; i++) {
        dropped += m->dropped[i];
    }
    for (const struct wr_rule_counters *r = m->rules; r; r = r->next) {
        spooled += r->now.in_spool + r->waiting + r->now.fetching;
    }
    const struct sum sums[] = {
        {"intake", NULL, NULL, m->messages,
         m->no_rule + m->rule_not_found + dropped + m->evaluated + m->now.in_workers},
        {"settled", NULL, NULL, m->messages + m->restored, m->settled + m->now.live},
        {"spool", NULL, NULL, m->now.has_spool ? m->now.pending : spooled, spooled},
    };
    wr_err err = WR_OK;
    for (size_t i = 0; !err && i < WR_COUNT(sums); i++) {
        err = check(&sums[i], fault);
    }
    for (const struct wr_rule_counters *r = m->rules; !err && r; r = r->next) {
        err = check_rule(r, fault);
    }
    return err;
}
