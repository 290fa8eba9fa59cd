// Intrinsic functions of CloudFormation, evaluated as far as a template allows (actions.md 1.4):
// Ref, Fn::Sub, Fn::GetAtt, Fn::Join, Fn::Select, Fn::Split, Fn::If, Fn::FindInMap, Fn::Base64, and
// the short tags of YAML. What only a deployment knows becomes an unknown text with a stand-in.
// Thread: start.
#ifndef WR_ENGINE_CLI_CHECK_CFN_H
#define WR_ENGINE_CLI_CHECK_CFN_H

#include "engine/cli/check/check.h"

#define WR_CFN_TEXT_MAX (1024 * 1024) // bytes that one Fn::Sub or Fn::Join may make

struct wr_cfn {
    struct wr_check *c;
    struct wr_source *s;
    const struct wr_tree *parameters, *resources, *mappings, *conditions; // may be NULL
    const char *rule;                                                     // for findings
    unsigned depth; // of conditions in conditions
    unsigned steps; // conditions evaluated
    unsigned nest;  // of functions in functions, through Mappings too
    bool over;      // too many nodes
};

// `unknown` of a value that a finding was made about.
extern const char wr_cfn_refused[];

// A copy of `value` without intrinsic functions. NULL: AWS::NoValue, as if it were not there.
// Findings are added for what CloudFormation refuses.
struct wr_tree *wr_cfn_resolve(struct wr_cfn *f, const struct wr_tree *value);

#endif
