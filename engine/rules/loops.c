// Finds cycles in the graph "rule r may publish what rule s listens to".
#include "engine/rules/loops.h"

#include <stdlib.h>

#include "sql/base/hash.h"
#include "sql/template.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

struct target {
    size_t rule;
    char *filter;
};

struct graph {
    const struct wr_rule_set *set;
    struct target *targets;
    size_t count, cap;
    enum { NEW, OPEN, DONE } * state; // by rule
    size_t *first;                    // by rule: its first target; one more entry ends the last
    uint64_t *heads;                  // by rule: see head_of()
    size_t *on;                       // rules with targets: others are in no loop
    size_t on_count;
    size_t *path; // rules on the way to where we are
    size_t depth;
    void (*found)(void *user, const char *path);
    void *user;
};

// Functions whose value never holds a slash.
static bool is_one_level(wr_str expression)
{
    static const char *const calls[] = {"timestamp()", "newuuid()", "accountid()", "traceid()"};
    while (expression.len && expression.at[0] == ' ') {
        expression = wr_str_cut(expression, 1, expression.len);
    }
    while (expression.len && expression.at[expression.len - 1] == ' ') {
        expression.len--;
    }
    for (size_t i = 0; i < WR_COUNT(calls); i++) {
        if (wr_str_eq_nocase(expression, wr_str_of(calls[i]))) {
            return true;
        }
    }
    // topic(n): one level of a topic
    bool topic = expression.len > 7 && expression.at[expression.len - 1] == ')' &&
                 wr_str_eq_nocase(wr_str_cut(expression, 0, 6), WR_STR("topic("));
    for (size_t i = 6; topic && i + 1 < expression.len; i++) {
        topic = expression.at[i] >= '0' && expression.at[i] <= '9';
    }
    return topic;
}

// The filter's level so far: from `level_at` on. A wildcard takes the place of what is in it.
static void level_end(struct wr_buf *out, size_t level_at, bool wild)
{
    if (wild) {
        out->len = level_at;
        wr_buf_add_char(out, '+');
    }
}

void wr_loops_widen(wr_str text, struct wr_buf *out)
{
    if (wr_str_starts(text, WR_STR("$$"))) {
        text = wr_str_cut(text, 1, text.len);
    }
    size_t level_at = out->len;
    bool wild = false;
    struct wr_fault fault = {0};
    struct wr_template_part part;
    for (size_t at = 0; wr_template_next(text, &at, &part, &fault);) {
        if (part.expression) {
            if (!is_one_level(part.text)) {
                out->len = level_at;
                wr_buf_add_char(out, '#');
                return;
            }
            wild = true;
            continue;
        }
        for (size_t i = 0; i < part.text.len; i++) {
            if (part.text.at[i] != '/') {
                wr_buf_add_char(out, part.text.at[i]);
                continue;
            }
            level_end(out, level_at, wild);
            wr_buf_add_char(out, '/');
            level_at = out->len;
            wild = false;
        }
    }
    level_end(out, level_at, wild);
}

static bool republishes(const struct wr_rule_action *a)
{
    return a && strcmp(a->impl->name, "republish") == 0;
}

static void add_target(struct graph *g, size_t rule, const struct wr_rule_action *a)
{
    if (!republishes(a)) {
        return;
    }
    int topic = wr_option_find(a->impl->options, WR_STR("topic"));
    if (topic < 0 || !a->params[topic].set) {
        return;
    }
    struct wr_buf filter = {0};
    wr_loops_widen(a->params[topic].text, &filter);
    if (g->count == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 16;
        g->targets = wr_realloc(g->targets, g->cap * sizeof *g->targets);
    }
    g->targets[g->count++] =
        (struct target){.rule = rule, .filter = wr_strdup(wr_buf_str(&filter))};
    wr_buf_release(&filter);
}

// Whether a message under `filter` may meet the rule: by its FROM, or by name through Basic Ingest.
static bool reaches(const struct wr_rule *from, const char *filter, const struct wr_rule *rule)
{
    wr_str target = wr_str_of(filter);
    wr_str name, rest;
    if (!rule->enabled || from->owner.space != rule->owner.space) {
        return false;
    }
    if (wr_topic_basic_ingest(target, &name, &rest)) {
        wr_str known = rule->owner.space ? rule->plain : rule->name;
        return wr_str_eq(name, known) || wr_str_eq(name, WR_STR("+"));
    }
    if (wr_str_eq(target, WR_STR("$aws/#")) || wr_str_eq(target, WR_STR("$aws/rules/#"))) {
        return true;
    }
    return rule->filter.len && wr_topic_overlap(target, rule->filter);
}

// What tells most filters that cannot meet apart: a hash of the first level, or ANY for a wildcard
// and for the topics of AWS, which are looked at closely.
#define ANY 0
static uint64_t head_of(wr_str filter)
{
    const char *slash = filter.len ? memchr(filter.at, '/', filter.len) : NULL;
    size_t len = slash ? (size_t)(slash - filter.at) : filter.len;
    bool any = filter.len == 0 || filter.at[0] == '$' || memchr(filter.at, '+', len) ||
               memchr(filter.at, '#', len);
    return any ? ANY : wr_hash_str(wr_str_cut(filter, 0, len)) | 1;
}

static void report(struct graph *g, size_t first)
{
    struct wr_buf text = {0};
    for (size_t i = first; i < g->depth; i++) {
        const struct wr_rule *r = wr_rule_set_at(g->set, g->path[i]);
        if (r->counters) {
            r->counters->may_loop = true;
        }
        wr_buf_add(&text, r->name);
        wr_buf_add(&text, WR_STR(" -> "));
    }
    wr_buf_add(&text, wr_rule_set_at(g->set, g->path[first])->name);
    g->found(g->user, wr_buf_terminated(&text));
    wr_buf_release(&text);
}

// Depth first; a rule that is met while it is open closes a loop. Depth is bounded by the count of
// rules that republish, and the explicit path doubles as the stack of rules; the C stack holds one
// frame a rule.
static void visit(struct graph *g, size_t rule)
{
    g->state[rule] = OPEN;
    g->path[g->depth++] = rule;
    for (size_t i = g->first[rule]; i < g->first[rule + 1]; i++) {
        uint64_t head = head_of(wr_str_of(g->targets[i].filter));
        for (size_t k = 0; k < g->on_count; k++) {
            size_t s = g->on[k];
            if (head != g->heads[s] && head != ANY && g->heads[s] != ANY) {
                continue;
            }
            if (g->state[s] == DONE || !reaches(wr_rule_set_at(g->set, rule), g->targets[i].filter,
                                                wr_rule_set_at(g->set, s))) {
                continue;
            }
            if (g->state[s] == NEW) {
                visit(g, s);
                continue;
            }
            size_t first = 0;
            while (g->path[first] != s) {
                first++;
            }
            report(g, first);
        }
    }
    g->depth--;
    g->state[rule] = DONE;
}

void wr_loops_check(const struct wr_rule_set *set,
                    bool (*elsewhere)(void *user, wr_str rule, bool error_action),
                    void (*found)(void *user, const char *path), void *user)
{
    size_t count = wr_rule_set_count(set);
    struct graph g = {.set = set, .found = found, .user = user};
    g.first = wr_zalloc((count + 1) * sizeof *g.first);
    g.heads = wr_zalloc((count + 1) * sizeof *g.heads);
    g.on = wr_alloc((count + 1) * sizeof *g.on);
    for (size_t i = 0; i < count; i++) {
        const struct wr_rule *r = wr_rule_set_at(set, i);
        g.first[i] = g.count;
        g.heads[i] = head_of(r->filter);
        if (r->counters) {
            r->counters->may_loop = false;
        }
        bool any = false;
        for (size_t k = 0; r->enabled && k < r->action_count; k++) {
            any |= republishes(&r->actions[k]);
        }
        if (any && (!elsewhere || !elsewhere(user, r->name, false))) {
            for (size_t k = 0; k < r->action_count; k++) {
                add_target(&g, i, &r->actions[k]);
            }
        }
        if (r->enabled && republishes(r->error_action) &&
            (!elsewhere || !elsewhere(user, r->name, true))) {
            add_target(&g, i, r->error_action);
        }
        if (g.count > g.first[i]) {
            g.on[g.on_count++] = i;
        }
    }
    g.first[count] = g.count;
    g.state = wr_zalloc((count + 1) * sizeof *g.state);
    g.path = wr_alloc((count + 1) * sizeof *g.path);
    for (size_t i = 0; i < g.count; i++) {
        if (g.state[g.targets[i].rule] == NEW) {
            visit(&g, g.targets[i].rule);
        }
    }
    for (size_t i = 0; i < g.count; i++) {
        free(g.targets[i].filter);
    }
    free(g.targets);
    free(g.first);
    free(g.heads);
    free(g.on);
    free(g.state);
    free(g.path);
}
