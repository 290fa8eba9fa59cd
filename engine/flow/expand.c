// Parameters of a record: constants as they are, templates expanded against the original message.
#include "engine/flow/run.h"

#include "engine/rules/params.h"

#include "sql/base/banned.h"

// A table of parameters that may be written to, with its own arrays of pairs.
static struct wr_param *copy_params(struct wr_run *r, const struct wr_rule_action *a)
{
    struct wr_arena *arena = &r->message->arena;
    struct wr_param *params = wr_arena_alloc(arena, a->param_count * sizeof *params);
    if (!params) {
        return NULL;
    }
    memcpy(params, a->params, a->param_count * sizeof *params);
    for (size_t i = 0; i < a->param_count; i++) {
        size_t size = params[i].count * sizeof(wr_str);
        if (size == 0) {
            continue;
        }
        wr_str *pairs = wr_arena_alloc(arena, 2 * size);
        if (!pairs) {
            return NULL;
        }
        memcpy(pairs, params[i].keys, size);
        memcpy(pairs + params[i].count, params[i].values, size);
        params[i].keys = pairs;
        params[i].values = pairs + params[i].count;
    }
    return params;
}

// The arrays are our copy (copy_params), so writing through them is allowed.
static void put_pair(const wr_str *base, size_t index, wr_str text)
{
    wr_str *at = (wr_str *)(uintptr_t)base;
    at[index] = text;
}

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
    wr_engine_record_fail(er, resource,
                          text.over ? WR_STR("Failed to resolve a template") : wr_buf_str(&text));
}

static bool store(struct wr_engine_record *er, const struct wr_template_use *use, wr_str text,
                  bool undefined)
{
    struct wr_param *p = &er->params[use->param];
    p->undefined |= undefined;
    switch (use->part) {
    case WR_PART_KEY:
        put_pair(p->keys, use->pair, text);
        return true;
    case WR_PART_VALUE:
        put_pair(p->values, use->pair, text);
        return true;
    case WR_PART_TEXT:
        break;
    }
    const struct wr_option *option = &er->action->impl->options[use->param];
    if (option->type != WR_OPT_STRING) {
        struct wr_fault fault;
        if (wr_param_check(option, text, &p->number, &fault)) {
            fail(er, use, fault.text);
            return false;
        }
    }
    p->text = text;
    return true;
}

// What the template at the cursor came to. False: the action has failed.
static bool take(struct wr_run *r, struct wr_engine_record *er, const struct wr_template_use *use)
{
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
    return store(er, use, text, undefined);
}

bool wr_expand(struct wr_run *r, struct wr_engine_record *er)
{
    const struct wr_rule_action *a = er->action;
    if (a->template_count == 0) {
        er->rec.params = a->params;
        return true;
    }
    if (!er->params) {
        er->params = copy_params(r, a);
        if (!er->params) {
            fail(er, NULL, "no memory left for this message");
            return true;
        }
        er->rec.params = er->params;
    }
    for (; r->template_at < a->template_count; r->template_at++) {
        const struct wr_template_use *use = &a->templates[r->template_at];
        if (!r->expanding) {
            wr_eval_template(&r->eval, use->id);
            r->expanding = true;
        }
        if (wr_eval_run(&r->eval) == WR_EVAL_SUSPENDED) {
            return false;
        }
        r->expanding = false;
        if (!take(r, er, use)) {
            break;
        }
    }
    r->template_at = 0;
    return true;
}
