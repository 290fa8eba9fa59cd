// What the files of cfn share; nobody else includes it. Thread: start.
#ifndef WR_ENGINE_CLI_CHECK_CFN_PARTS_H
#define WR_ENGINE_CLI_CHECK_CFN_PARTS_H

#include "engine/cli/check/cfn.h"

// What `v` calls: "Ref", "Sub" (for Fn::Sub and !Sub), …; len 0: it is no call. *arg is its
// argument.
wr_str wr_cfn_call(const struct wr_tree *v, const struct wr_tree **arg);

static inline bool wr_cfn_is_scalar(const struct wr_tree *t)
{
    return t && (t->kind == WR_TREE_TEXT || t->kind == WR_TREE_NUMBER || t->kind == WR_TREE_BOOL);
}

enum wr_truth { WR_TRUTH_NO, WR_TRUTH_YES, WR_TRUTH_UNKNOWN };

// The condition of this name; unknown when the template has none.
enum wr_truth wr_cfn_condition(struct wr_cfn *f, wr_str name);

#endif
