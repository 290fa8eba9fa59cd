// The families of /metrics by rule, and by rule and action.
#include "engine/admin/page.h"

#include <stdio.h>

#include "sql/base/banned.h"

// One sample of `metric`, of a rule with up to two more labels.
static void sample(struct wr_buf *out, enum wr_metric metric, const struct wr_rule_counters *r,
                   const char *name, const char *value, const char *name2, const char *value2,
                   uint64_t n)
{
    const struct wr_prom_label labels[] = {
        {"rule", wr_str_of(r->name)},
        {name, wr_str_of(value ? value : "")},
        {name2, wr_str_of(value2 ? value2 : "")},
    };
    wr_prom_u64(out, wr_metric_at(metric)->name, labels, 1 + (name != NULL) + (name2 != NULL), n);
}

#define RULES(r)      for (const struct wr_rule_counters *r = m->rules; r; r = r->next)
#define ACTIONS(a, r) for (const struct wr_action_counters *a = (r)->actions; a; a = a->next)

// A family with one sample a rule: the counter at `offset`.
static void by_rule(const struct wr_metrics *m, struct wr_buf *out, enum wr_metric metric,
                    size_t offset)
{
    wr_page_family(out, metric);
    RULES(r)
    {
        uint64_t n;
        memcpy(&n, (const char *)r + offset, sizeof n);
        sample(out, metric, r, NULL, NULL, NULL, NULL, n);
    }
}

static void by_action(const struct wr_metrics *m, struct wr_buf *out, enum wr_metric metric,
                      size_t offset)
{
    wr_page_family(out, metric);
    RULES(r)
    {
        ACTIONS(a, r)
        {
            uint64_t n;
            memcpy(&n, (const char *)a + offset, sizeof n);
            sample(out, metric, r, "action", a->kind, NULL, NULL, n);
        }
    }
}

static void not_matched(const struct wr_metrics *m, struct wr_buf *out)
{
    wr_page_family(out, WR_METRIC_RULE_NOT);
    RULES(r)
    {
        sample(out, WR_METRIC_RULE_NOT, r, "reason", "false", NULL, NULL,
               r->no_match - r->undefined - r->left_out);
        sample(out, WR_METRIC_RULE_NOT, r, "reason", "undefined", NULL, NULL, r->undefined);
        sample(out, WR_METRIC_RULE_NOT, r, "reason", "index", NULL, NULL, r->left_out);
    }
}

static void by_why(const struct wr_metrics *m, struct wr_buf *out, enum wr_metric metric,
                   bool templates)
{
    static const char *const whys[] = {
#define WHY(name, text) [WR_WHY_##name] = text,
        WR_EVAL_WHY_MAP(WHY)
#undef WHY
    };
    wr_page_family(out, metric);
    RULES(r)
    {
        for (int i = 0; i < WR_WHY_COUNT; i++) {
            sample(out, metric, r, "reason", whys[i], NULL, NULL,
                   templates ? r->templates_failed[i] : r->failed[i]);
        }
    }
}

// Numbered from 1, as people count them.
static void terms(const struct wr_metrics *m, struct wr_buf *out)
{
    wr_page_family(out, WR_METRIC_RULE_TERMS);
    RULES(r)
    {
        for (size_t i = 0; r->terms && i < r->terms->count; i++) {
            char number[24];
            snprintf(number, sizeof number, "%zu", i + 1);
            sample(out, WR_METRIC_RULE_TERMS, r, "term", number, "reason", "false",
                   r->terms->at[i].no);
            sample(out, WR_METRIC_RULE_TERMS, r, "term", number, "reason", "undefined",
                   r->terms->at[i].undefined);
        }
    }
}

static void sampled(const struct wr_metrics *m, struct wr_buf *out)
{
    by_rule(m, out, WR_METRIC_RULE_SAMPLES, offsetof(struct wr_rule_counters, samples));
    wr_page_family(out, WR_METRIC_RULE_SAMPLED);
    RULES(r)
    {
        const struct wr_prom_label label = {"rule", wr_str_of(r->name)};
        wr_prom_double(out, wr_metric_at(WR_METRIC_RULE_SAMPLED)->name, &label, 1,
                       (double)r->sampled_ns / 1e9);
    }
}

static void results(const struct wr_metrics *m, struct wr_buf *out)
{
    wr_page_family(out, WR_METRIC_RESULTS_IN);
    RULES(r)
    {
        sample(out, WR_METRIC_RESULTS_IN, r, "origin", "matched", NULL, NULL, r->matched);
        sample(out, WR_METRIC_RESULTS_IN, r, "origin", "recovered", NULL, NULL, r->recovered);
        sample(out, WR_METRIC_RESULTS_IN, r, "origin", "redriven", NULL, NULL, r->redriven);
    }
    wr_page_family(out, WR_METRIC_RESULTS);
    RULES(r)
    {
        sample(out, WR_METRIC_RESULTS, r, "outcome", "delivered", NULL, NULL, r->delivered);
        sample(out, WR_METRIC_RESULTS, r, "outcome", "error_action", NULL, NULL, r->handled);
        sample(out, WR_METRIC_RESULTS, r, "outcome", "dead", NULL, NULL, r->dead);
        sample(out, WR_METRIC_RESULTS, r, "outcome", "lost", NULL, NULL, r->unkept);
        sample(out, WR_METRIC_RESULTS, r, "outcome", "damaged", NULL, NULL, r->damaged);
        sample(out, WR_METRIC_RESULTS, r, "outcome", "given_back", NULL, NULL, r->given_back);
    }
    wr_page_family(out, WR_METRIC_RESULTS_NOW);
    RULES(r)
    {
        for (int i = 0; i < WR_STAGE_COUNT; i++) {
            sample(out, WR_METRIC_RESULTS_NOW, r, "stage", wr_stage_text((enum wr_stage)i), NULL,
                   NULL, r->now.stages[i]);
        }
        sample(out, WR_METRIC_RESULTS_NOW, r, "stage", "waiting", NULL, NULL, r->waiting);
        sample(out, WR_METRIC_RESULTS_NOW, r, "stage", "fetching", NULL, NULL, r->now.fetching);
    }
    by_rule(m, out, WR_METRIC_RESULTS_BROKEN, offsetof(struct wr_rule_counters, broken));
}

static void failures(const struct wr_metrics *m, struct wr_buf *out)
{
    wr_page_family(out, WR_METRIC_FAILED);
    RULES(r)
    {
        ACTIONS(a, r)
        {
            for (int i = 0; i < WR_FAILURE_COUNT; i++) {
                sample(out, WR_METRIC_FAILED, r, "action", a->kind, "reason",
                       wr_failure_text((enum wr_failed_of)i), a->failures[i]);
            }
        }
    }
}

static void http_met(const struct wr_metrics *m, struct wr_buf *out)
{
    wr_page_family(out, WR_METRIC_HTTP_MET);
    RULES(r)
    {
        ACTIONS(a, r)
        {
            for (int i = WR_HTTP_MET_NOTHING + 1; i < WR_HTTP_MET_COUNT; i++) {
                if (a->met[i] || strcmp(a->kind, "http") == 0) {
                    sample(out, WR_METRIC_HTTP_MET, r, "action", a->kind, "metric",
                           wr_http_met_text((enum wr_http_met)i), a->met[i]);
                }
            }
        }
    }
}

void wr_page_rules(const struct wr_metrics *m, struct wr_buf *out)
{
#define RULE(metric, member) \
    by_rule(m, out, WR_METRIC_##metric, offsetof(struct wr_rule_counters, member))
#define ACTION(metric, member) \
    by_action(m, out, WR_METRIC_##metric, offsetof(struct wr_action_counters, member))
    RULE(RULE_TRIED, topic_match);
    RULE(RULE_MATCHED, matched);
    not_matched(m, out);
    by_why(m, out, WR_METRIC_RULE_ERRORS, false);
    RULE(RULE_UNFINISHED, unfinished);
    RULE(RULE_EVALUATING, now.evaluating);
    RULE(RULE_NOT_JSON, not_json);
    terms(m, out);
    by_why(m, out, WR_METRIC_RULE_TEMPLATES, true);
    RULE(RULE_REGEX, regex_limits);
    sampled(m, out);
    results(m, out);
    ACTION(RECORDS, records);
    ACTION(DELIVERED, success);
    failures(m, out);
    ACTION(RETRIES, retries);
    http_met(m, out);
    ACTION(RETURNED, returned);
    ACTION(RECORDS_NOW, now.records);
    ACTION(ERR_RECORDS, error_records);
    ACTION(ERR_DELIVERED, error_success);
    ACTION(ERR_FAILED, error_failure);
#undef RULE
#undef ACTION
}
