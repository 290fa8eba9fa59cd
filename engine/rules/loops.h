// Rules that may feed themselves through republish (actions.md 4.5): a static check when rules are
// loaded. It may see a loop where none can happen, since templates are widened to wildcards; it
// warns only. Thread: loop.
#ifndef WR_ENGINE_RULES_LOOPS_H
#define WR_ENGINE_RULES_LOOPS_H

#include "engine/rules/rule_set.h"
#include "sql/base/buf.h"

// A topic template as a filter that covers every topic it can expand to: an expression of one level
// becomes
// `+`, any other ends the filter with `#`. A leading `$$` loses one `$`. Appends to `out`.
void wr_loops_widen(wr_str topic_template, struct wr_buf *out);

// Of each loop at least one rule is marked in its counters (may_loop), the others not.
// Calls `found` for each loop, once, with its rules in order, as in "a -> b -> a". `elsewhere` (may
// be NULL): the rule's republish action, or its error action's, publishes to another broker than
// the one that messages come from, and so feeds no rule.
void wr_loops_check(const struct wr_rule_set *set,
                    bool (*elsewhere)(void *user, wr_str rule, bool error_action),
                    void (*found)(void *user, const char *path), void *user);

#endif
