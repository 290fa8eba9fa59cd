// From a checked document to a compiled rule.
#include "engine/rules/rule.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engine/rules/params.h"
#include "sql/template.h"

#include "sql/base/banned.h"

struct builder {
    struct wr_rule *rule;
    const struct wr_rule_options *options;
    struct wr_fault *fault;
};

// Puts the member and the place in its text before the fault. Line and column are then no longer
// those of the document, so they go.
static void place(struct wr_fault *fault, const char *path, const char *dot, const char *name)
{
    if (!fault) {
        return;
    }
    if (fault->line) {
        wr_fault_prefix(fault, "%s%s%s:%" PRIu32 ":%" PRIu32, path, dot, name, fault->line,
                        fault->column);
    } else {
        wr_fault_prefix(fault, "%s%s%s", path, dot, name);
    }
    fault->line = fault->column = 0;
}

static wr_err add_template(struct builder *b, struct wr_rule_action *a, wr_str text, size_t param,
                           size_t pair, enum wr_template_part_of part, struct wr_template_use *uses)
{
    if (!wr_template_has_expression(text)) {
        return WR_OK;
    }
    uint32_t id;
    wr_err err = wr_program_add_template(b->rule->program_, text, &id, b->fault);
    if (err) {
        place(b->fault, a->path, ".", a->impl->options[param].name);
        return err;
    }
    uses[a->template_count++] = (struct wr_template_use){
        .id = id, .param = (uint32_t)param, .pair = (uint32_t)pair, .part = part};
    return WR_OK;
}

// Texts that may hold a template: one a scalar, two a pair.
static size_t text_count(const struct wr_document_action *d)
{
    size_t count = 0;
    for (size_t i = 0; i < d->param_count; i++) {
        count += d->constant[i] ? 0 : 1 + 2 * d->params[i].count;
    }
    return count;
}

// A template that asks for a secret: then what it comes to is one.
static bool asks_for_secret(wr_str text)
{
    static const char name[] = "get_secret";
    for (size_t at = 0; at + sizeof name - 1 <= text.len; at++) {
        if (strncasecmp(text.at + at, name, sizeof name - 1) == 0) {
            return true;
        }
    }
    return false;
}

static bool holds_secret(const struct wr_option *option, const struct wr_param *p)
{
    bool marked = option->flags & WR_OPT_SECRET;
    if (p->set && option->type == WR_OPT_STRING && marked) {
        return true;
    }
    bool found = asks_for_secret(p->text);
    for (size_t i = 0; i < p->count; i++) {
        found |= asks_for_secret(p->keys[i]) || asks_for_secret(p->values[i]) ||
                 (marked && wr_secret_name(p->keys[i]));
    }
    return found;
}

static wr_err add_action(struct builder *b, const struct wr_document_action *d,
                         struct wr_rule_action *a)
{
    *a = (struct wr_rule_action){
        .impl = d->impl, .param_count = d->param_count, .params = d->params, .path = d->path};
    while (b->options->kinds[a->kind] != d->impl) {
        a->kind++;
    }
    for (size_t i = 0; i < d->param_count; i++) {
        a->secret |= holds_secret(&d->impl->options[i], &d->params[i]) ? UINT64_C(1) << i : 0;
    }
    size_t room = text_count(d);
    if (room == 0) {
        return WR_OK;
    }
    struct wr_template_use *uses = wr_arena_alloc(&b->rule->document->arena, room * sizeof *uses);
    if (!uses) {
        return wr_fault_set(b->fault, WR_ERR_LIMIT, "%s: too many templates", d->path);
    }
    a->templates = uses;
    for (size_t i = 0; i < d->param_count; i++) {
        const struct wr_param *p = &d->params[i];
        if (d->constant[i]) {
            continue;
        }
        wr_err err = add_template(b, a, p->text, i, 0, WR_PART_TEXT, uses);
        for (size_t k = 0; !err && k < p->count; k++) {
            err = add_template(b, a, p->keys[k], i, k, WR_PART_KEY, uses);
            if (!err) {
                err = add_template(b, a, p->values[k], i, k, WR_PART_VALUE, uses);
            }
        }
        if (err) {
            return err;
        }
    }
    return WR_OK;
}

static wr_err compile(struct builder *b)
{
    struct wr_rule *r = b->rule;
    struct wr_document *d = r->document;
    wr_str version = b->options->sql_version.at ? b->options->sql_version : d->sql_version;
    struct wr_program_options options = {.sql_version = version, .fuel = b->options->fuel};
    wr_err err = wr_sql_version_parse(version, &(enum wr_dialect){0}, b->fault);
    if (err) {
        wr_fault_prefix(b->fault, "awsIotSqlVersion");
        return err;
    }
    err = wr_program_new(d->sql, &options, &r->program_, b->fault);
    if (err) {
        place(b->fault, "sql", "", "");
        return err;
    }
    r->program = r->program_;
    r->filter = wr_program_filter(r->program);
    r->actions_ = wr_zalloc((d->action_count + d->has_error_action) * sizeof *r->actions_);
    r->actions = r->actions_;
    for (size_t i = 0; i < d->action_count; i++) {
        err = add_action(b, &d->actions[i], &r->actions_[i]);
        if (err) {
            return err;
        }
        r->action_count++;
    }
    if (d->has_error_action) {
        struct wr_rule_action *a = &r->actions_[d->action_count];
        err = add_action(b, &d->error_action, a);
        if (err) {
            return err;
        }
        r->error_action = a;
        r->error_action_dynamic = a->template_count > 0;
    }
    return wr_program_seal(r->program_, b->fault);
}

void wr_rule_count(struct wr_rule *r, struct wr_metrics *metrics)
{
    r->counters = wr_metrics_rule(metrics, r->name);
    size_t count = r->action_count + (r->error_action != NULL);
    for (size_t i = 0; i < count; i++) {
        r->actions_[i].counters = wr_metrics_action(r->counters, r->actions_[i].impl->name);
    }
}

static void set_owner(struct wr_rule *r, const struct wr_rule_owner *owner)
{
    struct wr_arena *arena = &r->document->arena;
    r->name = r->plain = r->document->name;
    if (!owner) {
        return;
    }
    r->owner = *owner;
    r->owner.account = owner->account.at ? wr_str_dup(arena, owner->account) : (wr_str){0};
    r->owner.label = wr_str_dup(arena, owner->label);
    if (owner->label.len) {
        struct wr_buf name = {0};
        wr_buf_add(&name, owner->label);
        wr_buf_add(&name, r->plain);
        r->name = wr_str_dup(arena, wr_buf_str(&name));
        wr_buf_release(&name);
    }
}

wr_err wr_rule_new(wr_str text, const char *file_name, const struct wr_rule_options *options,
                   struct wr_rule **out, struct wr_fault *fault)
{
    struct wr_document *d;
    wr_err err = wr_document_parse(text, file_name, options->kinds, &d, fault);
    if (err) {
        return err;
    }
    struct wr_rule *r = wr_zalloc(sizeof *r);
    r->locks_ = 1;
    r->document = d;
    r->enabled = options->turn ? options->enabled : !d->disabled;
    set_owner(r, options->owner);
    struct builder b = {.rule = r, .options = options, .fault = fault};
    err = compile(&b);
    if (err) {
        wr_rule_unlock(r);
        return err;
    }
    if (options->metrics) {
        wr_rule_count(r, options->metrics);
    }
    *out = r;
    return WR_OK;
}

struct wr_param *wr_rule_action_params(const struct wr_rule_action *a, struct wr_arena *arena)
{
    struct wr_param *params = wr_arena_alloc(arena, (a->param_count + 1) * sizeof *params);
    for (size_t i = 0; params && i < a->param_count; i++) {
        params[i] = a->params[i];
        size_t size = params[i].count * sizeof(wr_str);
        wr_str *pairs = size ? wr_arena_alloc(arena, 2 * size) : NULL;
        if (size && !pairs) {
            return NULL;
        }
        if (size) {
            memcpy(pairs, params[i].keys, size);
            memcpy(pairs + params[i].count, params[i].values, size);
            params[i].keys = pairs;
            params[i].values = pairs + params[i].count;
        }
    }
    return params;
}

wr_err wr_rule_action_put(const struct wr_rule_action *a, struct wr_param *params,
                          const struct wr_template_use *use, wr_str text, bool undefined,
                          struct wr_fault *fault)
{
    struct wr_param *p = &params[use->param];
    p->undefined |= undefined;
    if (use->part != WR_PART_TEXT) { // the arrays are wr_rule_action_params()'s
        wr_str *at = (wr_str *)(uintptr_t)(use->part == WR_PART_KEY ? p->keys : p->values);
        at[use->pair] = text;
        return WR_OK;
    }
    const struct wr_option *option = &a->impl->options[use->param];
    wr_err err =
        option->type == WR_OPT_STRING ? WR_OK : wr_param_check(option, text, &p->number, fault);
    if (!err) {
        p->text = text;
    }
    return err;
}

wr_str wr_rule_plain_name(wr_str name)
{
    const char *slash = name.at && name.len ? memrchr(name.at, '/', name.len) : NULL;
    return slash ? wr_str_cut(name, (size_t)(slash - name.at) + 1, name.len) : name;
}

void wr_rule_slim(struct wr_rule *r, struct wr_program_pool *pool)
{
    r->program = r->program_ = wr_program_slim(r->program_, r->document->sql, pool);
    r->filter = wr_program_filter(r->program);
}

void wr_rule_lock(struct wr_rule *r)
{
    r->locks_++;
}

void wr_rule_unlock(struct wr_rule *r)
{
    if (!r || --r->locks_ > 0) {
        return;
    }
    wr_program_free(r->program_);
    wr_document_free(r->document);
    free(r->actions_);
    free(r);
}
