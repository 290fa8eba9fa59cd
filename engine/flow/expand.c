// Parameters of a record: constants as they are, templates expanded against the original message.
#include "engine/flow/run.h"

#include "sql/base/banned.h"

static const char *option_name(const struct wr_engine_record *er, const struct wr_template_use *use)
{
    return er->action->impl->options[use->param].name;
}

WR_COLD static void fail(struct wr_engine_record *er, const struct wr_template_use *use,
                         const char *why)
{
    struct wr_buf text;
    wr_buf_init_arena(&text, &er->run->message->arena);
    wr_buf_addf(&text, "Failed to resolve the template of %s. The error received was %s",
                use ? option_name(er, use) : er->action->impl->name, why);
    int primary = er->action->impl->resource_option;
    wr_str resource = {0};
    if (primary >= 0 && (size_t)primary < er->action->param_count) {
        // What was resolved before the failure, or the template as written.
        resource = er->params ? er->params[primary].text : er->action->params[primary].text;
    }
    er->reason = WR_DEAD_TEMPLATE;
    wr_engine_record_fail(er, resource,
                          text.over ? WR_STR("Failed to resolve a template") : wr_buf_str(&text));
}

// What the template at the cursor came to. False: the action has failed.
static bool take(struct wr_run *r, struct wr_engine_record *er, const struct wr_rule_action *a,
                 struct wr_param *params, const struct wr_template_use *use)
{
    wr_run_count(r, r->rule->counters->templates_failed);
    if (r->eval.state != WR_EVAL_MATCHED) {
        fail(er, use, r->eval.fault.text);
        return false;
    }
    wr_str text;
    bool undefined;
    if (wr_eval_text(&r->eval, &text, &undefined)) {
        fail(er, use, "no memory left for this message");
        return false;
    }
    if (undefined && r->flow->options.undefined_fails) {
        fail(er, use, "an expression that is Undefined or Null");
        return false;
    }
    struct wr_fault fault;
    if (wr_rule_action_put(a, params, use, text, undefined, &fault)) {
        fail(er, use, fault.text);
        return false;
    }
    return true;
}

// Templates of `a` whose parameters are in `mask`. False: suspended.
static bool expand(struct wr_run *r, struct wr_engine_record *er, const struct wr_rule_action *a,
                   struct wr_param *params, uint64_t mask)
{
    for (; r->template_at < a->template_count; r->template_at++) {
        const struct wr_template_use *use = &a->templates[r->template_at];
        if (!(mask >> use->param & 1)) {
            continue;
        }
        if (!r->expanding) {
            wr_eval_template(&r->eval, use->id);
            r->expanding = true;
        }
        if (wr_eval_run(&r->eval) == WR_EVAL_SUSPENDED) {
            return false;
        }
        r->expanding = false;
        if (!take(r, er, a, params, use)) {
            break;
        }
    }
    r->template_at = 0;
    return true;
}

bool wr_expand_missing(struct wr_run *r, struct wr_engine_record *er, struct wr_param *params)
{
    return expand(r, er, er->source, params, er->missing);
}

bool wr_expand(struct wr_run *r, struct wr_engine_record *er)
{
    const struct wr_rule_action *a = er->action;
    if (a->template_count == 0) {
        er->rec.params = a->params;
        return true;
    }
    if (!er->params) {
        er->params = wr_rule_action_params(a, &r->message->arena);
        if (!er->params) {
            fail(er, NULL, "no memory left for this message");
            return true;
        }
        er->rec.params = er->params;
    }
    return expand(r, er, a, er->params, UINT64_MAX);
}
