// Conditions of a template, as far as parameters decide them: Fn::Equals, Fn::And, Fn::Or, Fn::Not
// and conditions by name.
#include "engine/cli/check/cfn_parts.h"

#include <stdio.h>

#include "sql/base/banned.h"

#define CONDITION_DEPTH_MAX 32     // conditions name each other, perhaps in a circle
#define CONDITION_STEPS_MAX 100000 // a condition may name others twice, and they again

static enum wr_truth holds(struct wr_cfn *f, const struct wr_tree *v);

enum wr_truth wr_cfn_condition(struct wr_cfn *f, wr_str name)
{
    char key[256];
    snprintf(key, sizeof key, "%.*s", WR_STR_ARG(name));
    const struct wr_tree *v = wr_tree_get(f->conditions, key);
    if (!v || f->depth >= CONDITION_DEPTH_MAX || f->steps++ >= CONDITION_STEPS_MAX) {
        return WR_TRUTH_UNKNOWN;
    }
    f->depth++;
    enum wr_truth out = holds(f, v);
    f->depth--;
    return out;
}

static enum wr_truth equals(struct wr_cfn *f, const struct wr_tree *arg)
{
    const struct wr_tree *x = wr_tree_item(arg, 0), *y = wr_tree_item(arg, 1);
    struct wr_tree *a = x ? wr_cfn_resolve(f, x) : NULL, *b = y ? wr_cfn_resolve(f, y) : NULL;
    if (!wr_cfn_is_scalar(a) || !wr_cfn_is_scalar(b) || a->unknown || b->unknown) {
        return WR_TRUTH_UNKNOWN;
    }
    return wr_str_eq(a->text, b->text) ? WR_TRUTH_YES : WR_TRUTH_NO;
}

static enum wr_truth holds(struct wr_cfn *f, const struct wr_tree *v)
{
    const struct wr_tree *arg;
    wr_str call = wr_cfn_call(v, &arg);
    if (v->kind == WR_TREE_MAP && v->count == 1 && !v->tag.len &&
        wr_str_eq(v->first->key, WR_STR("Condition"))) {
        return wr_cfn_condition(f, v->first->text);
    }
    if (wr_str_eq(call, WR_STR("Condition"))) {
        return wr_cfn_condition(f, arg->text);
    }
    if (wr_str_eq(call, WR_STR("Equals"))) {
        return equals(f, arg);
    }
    if (wr_str_eq(call, WR_STR("Not"))) {
        const struct wr_tree *one = wr_tree_item(arg, 0);
        enum wr_truth inner = one ? holds(f, one) : WR_TRUTH_UNKNOWN;
        return inner == WR_TRUTH_UNKNOWN ? WR_TRUTH_UNKNOWN
               : inner == WR_TRUTH_YES   ? WR_TRUTH_NO
                                         : WR_TRUTH_YES;
    }
    bool all = wr_str_eq(call, WR_STR("And"));
    if ((!all && !wr_str_eq(call, WR_STR("Or"))) || arg->kind != WR_TREE_LIST) {
        return WR_TRUTH_UNKNOWN;
    }
    enum wr_truth decides = all ? WR_TRUTH_NO : WR_TRUTH_YES,
                  out = all ? WR_TRUTH_YES : WR_TRUTH_NO;
    for (const struct wr_tree *m = arg->first; m; m = m->next) {
        enum wr_truth one = holds(f, m);
        if (one == decides) {
            return decides;
        }
        out = one == WR_TRUTH_UNKNOWN ? WR_TRUTH_UNKNOWN : out;
    }
    return out;
}
