// Which form a file has, and rule documents themselves. The other forms are files of their own.
#include "engine/cli/check/check.h"

#include <ctype.h>
#include <stdlib.h>

#include "sql/base/banned.h"

static bool ends(const struct wr_source *s, const char *suffix)
{
    return wr_str_ends(wr_str_of(s->name), wr_str_of(suffix));
}

static bool says(const struct wr_source *s, const char *words)
{
    return wr_str_find(s->text, wr_str_of(words)) >= 0;
}

// The first character that is not blank.
static int first_char(const struct wr_source *s)
{
    for (size_t i = 0; i < s->text.len; i++) {
        if (!isspace((unsigned char)s->text.at[i])) {
            return (unsigned char)s->text.at[i];
        }
    }
    return 0;
}

// A file of a folder that cannot be read may be anybody's: it matters if it looks like ours.
static bool looks_like_a_rule(const struct wr_source *s)
{
    return says(s, "topicRulePayload") || says(s, "AWS::IoT::TopicRule") ||
           says(s, "aws_iot_topic_rule") || (says(s, "\"sql\"") && says(s, "\"actions\""));
}

static bool is_rule_document(const struct wr_tree *root)
{
    return wr_tree_get(root, "topicRulePayload") || wr_tree_get(root, "ruleName") ||
           (wr_tree_get(root, "sql") && wr_tree_get(root, "actions"));
}

// Named, but a member short of a rule document: say what is missing rather than what it is not.
static bool nearly_a_rule_document(const struct wr_tree *root)
{
    return wr_tree_get(root, "sql") || wr_tree_get(root, "actions");
}

static bool rule_document(struct wr_check *c, struct wr_source *s)
{
    const char *slash = strrchr(s->name, '/');
    struct wr_tree *name = wr_tree_get(s->root, "ruleName");
    wr_str id = wr_str_of(slash ? slash + 1 : s->name);
    if (wr_str_ends(id, WR_STR(".json"))) {
        id.len -= strlen(".json");
    }
    if (name && name->kind == WR_TREE_TEXT) {
        id = name->text;
    }
    wr_check_add_rule(c, s, WR_FORM_RULE, wr_str_dup(&c->arena, id).at, s->root);
    return true;
}

static wr_err read_tree(struct wr_source *s, struct wr_fault *fault)
{
    bool yaml = ends(s, ".yaml") || ends(s, ".yml");
    int c = first_char(s);
    if (!yaml && (c == '{' || c == '[' || ends(s, ".json"))) {
        return wr_tree_read_json(s, fault);
    }
    return wr_tree_read_yaml(s, fault);
}

bool wr_form_read(struct wr_check *c, struct wr_source *s, bool asked)
{
    struct wr_fault fault = {0};
    if (ends(s, ".tf") || ends(s, ".tf.json")) {
        bool found = wr_form_hcl(c, s);
        if (!found && asked) {
            wr_check_at(c, WR_CODE_NO_RULE, s, (struct wr_place){0}, NULL,
                        "no aws_iot_topic_rule is in it");
        }
        return found;
    }
    if (read_tree(s, &fault)) {
        if (asked || looks_like_a_rule(s)) {
            struct wr_place at = {(uint32_t)fault.offset, fault.line, fault.column};
            wr_check_at(c, WR_CODE_SYNTAX, s, at, NULL, "%s", fault.text);
        }
        return false;
    }
    const struct wr_tree *resources = wr_tree_get(s->root, "Resources");
    if (resources && resources->kind == WR_TREE_MAP && wr_form_cloudformation(c, s)) {
        return true;
    }
    if (wr_tree_get(s->root, "format_version") && wr_form_terraform(c, s)) {
        return true;
    }
    if (is_rule_document(s->root) || (asked && nearly_a_rule_document(s->root))) {
        return rule_document(c, s);
    }
    if (asked) {
        wr_check_at(c, WR_CODE_NO_RULE, s, s->root->at, NULL,
                    resources ? "the template has no AWS::IoT::TopicRule"
                    : wr_tree_get(s->root, "format_version")
                        ? "the plan or state has no aws_iot_topic_rule"
                        : "found %s, expected a rule document, a CloudFormation template, or a "
                          "plan or state as terraform show -json writes it",
                    wr_tree_kind_name(s->root));
    }
    return false;
}
