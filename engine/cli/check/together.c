// What rules do to each other: names, keys of tables, filters, and republishing in a circle.
#include "engine/cli/check/check.h"

#include <stdlib.h>

#include "engine/rules/loops.h"

#include "engine/rules/params.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

bool wr_check_selected(const struct wr_check *c, wr_str topic)
{
    for (size_t i = 0; i < c->rule_count; i++) {
        const struct wr_outline *o = &c->rules[i]->outline;
        if (c->rules[i]->program && o->filter.len &&
            (wr_str_eq(o->filter, topic) || wr_topic_covers(o->filter, topic)) &&
            !wr_str_ends(o->filter, WR_STR("/#"))) {
            return true;
        }
    }
    return false;
}

static const struct wr_param *param(const struct wr_document_action *a, const char *name)
{
    int i = wr_option_find(a->impl->options, wr_str_of(name));
    return i >= 0 && (size_t)i < a->param_count && a->params[i].set && a->constant[i]
               ? &a->params[i]
               : NULL;
}

// dynamoDB names the keys of its table; dynamoDBv2 elsewhere may put into the same.
void wr_check_infer_tables(struct wr_check *c)
{
    for (size_t i = 0; i < c->options->table_count; i++) {
        wr_str keys = wr_str_of(c->options->tables[i].value);
        const char *comma = memchr(keys.at, ',', keys.len);
        size_t hash = comma ? (size_t)(comma - keys.at) : keys.len;
        wr_check_add_table(c, wr_str_of(c->options->tables[i].name), wr_str_cut(keys, 0, hash),
                           comma ? wr_str_cut(keys, hash + 1, keys.len) : (wr_str){0});
    }
    for (size_t i = 0; i < c->rule_count; i++) {
        const struct wr_document *d = c->rules[i]->d;
        for (size_t k = 0; d && k < d->action_count; k++) {
            const struct wr_document_action *a = &d->actions[k];
            if (strcmp(a->impl->name, "dynamoDB") != 0) {
                continue;
            }
            const struct wr_param *table = param(a, "tableName"), *hash = param(a, "hashKeyField");
            const struct wr_param *range = param(a, "rangeKeyField");
            if (table && hash) {
                wr_check_add_table(c, table->text, hash->text, range ? range->text : (wr_str){0});
            }
        }
    }
}

// ---- names

static int by_name(const void *a, const void *b)
{
    const struct wr_check_rule *x = *(const struct wr_check_rule *const *)a;
    const struct wr_check_rule *y = *(const struct wr_check_rule *const *)b;
    int order = wr_str_cmp(x->d->name, y->d->name);
    return order                            ? order
           : x->file_index != y->file_index ? (x->file_index < y->file_index ? -1 : 1)
           : x->document->at.offset < y->document->at.offset ? -1
                                                             : 1;
}

static bool has_known_name(const struct wr_check_rule *r)
{
    const struct wr_tree *name = wr_tree_get(r->document, "ruleName");
    return r->d && r->d->name.len && !(name && name->unknown);
}

// The rules with names, sorted by them. Give.
static struct wr_check_rule **sorted(const struct wr_check *c, size_t *count)
{
    struct wr_check_rule **all = wr_alloc((c->rule_count + 1) * sizeof(struct wr_check_rule *));
    *count = 0;
    for (size_t i = 0; i < c->rule_count; i++) {
        if (has_known_name(c->rules[i])) {
            all[(*count)++] = c->rules[i];
        }
    }
    qsort(all, *count, sizeof(struct wr_check_rule *), by_name);
    return all;
}

static void check_names(struct wr_check *c)
{
    size_t count;
    struct wr_check_rule **all = sorted(c, &count);
    for (size_t i = 1; i < count; i++) {
        if (wr_str_eq(all[i - 1]->d->name, all[i]->d->name)) {
            wr_check_member(c, all[i], WR_CODE_SAME_NAME, "ruleName",
                            "%s:%u has a rule of this name as well", all[i - 1]->source->name,
                            (unsigned)all[i - 1]->document->at.line);
        }
    }
    free(all);
}

// ---- loops

struct loops {
    struct wr_check *c;
    struct wr_rule **rules;
    struct wr_check_rule **from; // in the same order
    size_t count;
};

// The rule as the engine has it; NULL when it is not valid.
static struct wr_rule *engine_rule(const struct wr_check_rule *r, const char *name,
                                   struct wr_metrics *metrics)
{
    const struct wr_rule_options options = {.kinds = wr_sink_shapes, .metrics = metrics};
    struct wr_rule *rule = NULL;
    struct wr_fault fault = {0};
    json_t *document = json_object();
    json_object_set_new(document, "ruleName", json_string(name));
    json_object_set_new(document, "topicRulePayload", wr_tree_json(r->payload));
    char *text = json_dumps(document, JSON_COMPACT);
    if (!text || wr_rule_new(wr_str_of(text), "rule.json", &options, &rule, &fault)) {
        rule = NULL;
    }
    free(text);
    json_decref(document);
    return rule;
}

static bool republishes(const struct wr_document_action *a)
{
    return strcmp(a->impl->name, "republish") == 0;
}

// The rule of this name in the engine's set.
static const struct wr_check_rule *find(const struct loops *l, wr_str name)
{
    for (size_t i = 0; i < l->count; i++) {
        if (wr_str_eq(l->rules[i]->name, name)) {
            return l->from[i];
        }
    }
    return NULL;
}

static void loop_found(void *user, const char *path)
{
    struct loops *l = user;
    struct wr_buf text = {0};
    const struct wr_check_rule *r = NULL;
    for (const char *at = path; *at;) {
        const char *next = strstr(at, " -> ");
        size_t len = next ? (size_t)(next - at) : strlen(at);
        const struct wr_check_rule *one = find(l, (wr_str){at, len});
        wr_assert(one);
        r = r ? r : one;
        wr_buf_addf(&text, "%s%s", text.len ? " -> " : "", one->id);
        at = next ? next + strlen(" -> ") : at + len;
    }
    const char *action = "";
    struct wr_buf where = {0};
    for (size_t i = r->d->action_count; i-- > 0;) {
        action = republishes(&r->d->actions[i]) ? r->d->actions[i].path : action;
    }
    if (!*action && r->d->has_error_action && republishes(&r->d->error_action)) {
        action = r->d->error_action.path;
    }
    wr_buf_addf(&where, "%s.topic", action);
    wr_check_member(l->c, r, WR_CODE_REPUBLISH_LOOP, wr_buf_terminated(&where),
                    "may lead back to the rule itself: %s", wr_buf_terminated(&text));
    wr_buf_release(&text);
    wr_buf_release(&where);
}

// Names in a set differ; a name that is taken or not valid is replaced, which loses only what is
// published to $aws/rules/ and the name.
static struct wr_rule *add_rule(const struct loops *l, const struct wr_check_rule *r,
                                struct wr_metrics *metrics)
{
    char name[WR_RULE_NAME_MAX + 1];
    if (!r->sealed) {
        return NULL;
    }
    if (wr_rule_name_check(r->d->name, NULL) || find(l, r->d->name)) {
        snprintf(name, sizeof name, "weir_check_%zu", l->count);
    } else {
        snprintf(name, sizeof name, "%.*s", WR_STR_ARG(r->d->name));
    }
    return engine_rule(r, name, metrics);
}

static void check_loops(struct wr_check *c)
{
    struct wr_metrics *metrics = wr_metrics_new();
    struct loops l = {.c = c};
    l.rules = wr_alloc((c->rule_count + 1) * sizeof(struct wr_rule *));
    l.from = wr_alloc((c->rule_count + 1) * sizeof(struct wr_check_rule *));
    for (size_t i = 0; i < c->rule_count; i++) {
        struct wr_rule *rule = add_rule(&l, c->rules[i], metrics);
        if (rule) {
            l.from[l.count] = c->rules[i];
            l.rules[l.count++] = rule;
        }
    }
    struct wr_rule_set *set = wr_rule_set_new(l.rules, l.count);
    wr_loops_check(set, NULL, loop_found, &l);
    wr_rule_set_unlock(set);
    for (size_t i = 0; i < l.count; i++) {
        wr_rule_unlock(l.rules[i]);
    }
    free(l.rules);
    free(l.from);
    wr_metrics_free(metrics);
}

void wr_check_together(struct wr_check *c)
{
    check_names(c);
    check_loops(c);
}
