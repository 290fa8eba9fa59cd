// Parameters that hold secrets are not kept in the spool (rule.h, entry.h). A run that comes back
// from it takes them from its rule as it is then: constants as they are, templates evaluated again,
// so that what get_secret() gives is asked for anew.
#include "engine/flow/run.h"

#include "sql/base/banned.h"

// Not failed before, and not delivered before it became a dead letter.
static bool is_open(const struct wr_engine_record *er)
{
    return er->missing && !er->failed && !er->delivered;
}

WR_COLD static void fail(struct wr_engine_record *er, const char *why)
{
    int primary = er->action->impl->resource_option;
    struct wr_buf text;
    wr_buf_init_arena(&text, &er->run->message->arena);
    wr_buf_add(&text,
               WR_STR("Failed to restore the record. The error received was SecretNotKept: "));
    for (size_t i = 0; i < er->action->param_count; i++) {
        if (er->missing >> i & 1) {
            wr_buf_addf(&text, "%s, ", er->action->impl->options[i].name);
        }
    }
    wr_buf_addf(&text,
                "which holds a secret, is taken from the rule and not kept in the spool, and %s",
                why);
    er->reason = WR_DEAD_TEMPLATE;
    wr_engine_record_fail(er, primary < 0 ? (wr_str){0} : er->params[primary].text,
                          text.over ? (wr_str){0} : wr_buf_str(&text));
}

static void take(struct wr_engine_record *er, const struct wr_param *from, uint64_t which)
{
    for (size_t i = 0; i < er->action->param_count; i++) {
        if (which >> i & 1) {
            er->params[i] = from[i];
        }
    }
    er->missing &= ~which;
}

bool wr_secrets_restore(struct wr_run *r, const struct wr_rule *now)
{
    bool templates = false;
    for (size_t i = 0; i < r->rule->action_count; i++) {
        struct wr_engine_record *er = &r->records[i];
        if (!is_open(er)) {
            continue;
        }
        uint64_t dynamic = 0;
        for (size_t k = 0; er->source && k < er->source->template_count; k++) {
            dynamic |= UINT64_C(1) << er->source->templates[k].param;
        }
        if (!now) {
            fail(er, "there is no such rule any more");
        } else if (!er->source) {
            fail(er, "the rule has other actions now");
        } else if ((dynamic & er->missing) && !r->group) {
            fail(er, "the rule is disabled");
        } else {
            take(er, er->source->params, er->missing & ~dynamic);
            templates |= er->missing != 0;
        }
    }
    return templates;
}

bool wr_secrets_advance(struct wr_run *r)
{
    if (r->stage == WR_RUN_SECRETS_STATEMENT) {
        if (!wr_run_statement_again(r)) {
            return false;
        }
        r->stage = WR_RUN_SECRETS;
        r->expanding = false;
        r->action = r->template_at = 0;
    }
    for (; r->action < r->rule->action_count; r->action++) {
        struct wr_engine_record *er = &r->records[r->action];
        if (!is_open(er)) {
            continue;
        }
        if (!er->fresh) {
            er->fresh = wr_rule_action_params(er->source, &r->message->arena);
        }
        if (!er->fresh) {
            fail(er, "no memory is left for this message");
            continue;
        }
        if (!wr_expand_missing(r, er, er->fresh)) {
            return false;
        }
        if (!er->failed) {
            take(er, er->fresh, er->missing);
        }
    }
    return true;
}
