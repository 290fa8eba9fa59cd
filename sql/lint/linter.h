// Inside of static analysis: what the files of sql/lint share; nobody else includes it.
//
//   fact.c, fact_operator.c, fact_call.c, fact_functions.c: what values an expression can have
//   conflict.c: terms of an AND that exclude each other
//   need.c:     which fields make an expression Undefined when they are missing
//   rules_….c:  what is reported, by family: names, comparisons, conditions, always Undefined,
//               values, the topic filter
//
// Thread: the lint's owner.
#ifndef WR_SQL_LINT_LINTER_H
#define WR_SQL_LINT_LINTER_H

#include "sql/base/num.h"
#include "sql/lint.h"
#include "sql/lint/fact.h"
#include "sql/program.h"

// Where names and `*` look: the payload, or the row of the innermost nested query.
struct wr_lint_scope {
    bool row;
    wr_str alias; // the row's own name, at NULL without
};

// Two terms of one AND that are never both true, or of one OR that leave nothing out.
struct wr_lint_conflict {
    const struct wr_node *a, *b;
};

struct wr_lint_slot {
    const struct wr_node *node;
    struct wr_fact fact;
    const struct wr_lint_conflict *conflict; // of a whole AND that has one
};

// A set of names, with what is known of each.
struct wr_lint_name {
    wr_str name; // at NULL: a free place
    const void *value;
};
struct wr_lint_names {
    struct wr_lint_name *at;
    uint32_t len, cap; // a power of two
};
// The first value of a name stays. When the arena is full the set misses it.
void wr_lint_names_add(struct wr_lint_names *set, struct wr_arena *arena, wr_str name,
                       const void *value);

struct wr_linter {
    const struct wr_program *p;
    const struct wr_sql_host *host; // NULL: none
    wr_str text;                    // what places count in: the statement, or a template
    struct wr_arena *arena;         // facts, messages
    struct wr_num_context num;
    struct wr_lint *lint; // NULL: only facts are wanted
    struct wr_lint_slot *slots;
    uint32_t slot_count, slot_cap; // a power of two
    struct wr_fact variables[WR_SQL_VARS_MAX];
    struct wr_lint_names read;  // names of the payload that items and SET values read
    struct wr_lint_names given; // names of items: struct wr_item
};

// ---- reporting

// Report bytes [begin, end) of the text. Messages that are too long end in "...".
void wr_linter_add(struct wr_linter *l, enum wr_lint_code code, uint32_t begin, uint32_t end,
                   const char *format, ...) WR_PRINTF(5, 6);
// The same for a node, without its outer parentheses.
#define wr_linter_add_node(l, code, n, ...) \
    wr_linter_add((l), (code), (n)->begin, (n)->end, __VA_ARGS__)

// A text cut to fit into a message, in the lint's arena when it has to be.
#define WR_LINT_SHOWN 60 // bytes
wr_str wr_linter_short(struct wr_linter *l, wr_str text);
// The same of the source of a node.
wr_str wr_linter_source(struct wr_linter *l, const struct wr_node *n);
// printf's "%.*s" for the source of a node.
#define WR_LINT_SOURCE(l, n) WR_STR_ARG(wr_linter_source((l), (n)))

// ---- facts

// Find the facts of `n` and of all below it. `scope` NULL: the payload.
struct wr_fact wr_linter_facts(struct wr_linter *l, const struct wr_node *n,
                               const struct wr_lint_scope *scope);
// The fact of a node that wr_linter_facts() has seen.
const struct wr_fact *wr_linter_fact(const struct wr_linter *l, const struct wr_node *n);
// The terms for which an AND is never true, or NULL.
const struct wr_lint_conflict *wr_linter_conflict_of(const struct wr_linter *l,
                                                     const struct wr_node *n);

// A value that is always the same. What is large is not kept, and what met the arena's limit is not
// known: then it is not `constant`. `folded`: and what was made in the arena since is given back.
struct wr_fact wr_linter_fixed(struct wr_linter *l, wr_value v);
struct wr_fact wr_linter_folded(struct wr_linter *l, struct wr_arena_mark mark, wr_value v);

// fact_operator.c: of an operator, the facts of whose operands are known.
struct wr_fact wr_linter_unary_fact(struct wr_linter *l, const struct wr_node *n);
struct wr_fact wr_linter_binary_fact(struct wr_linter *l, const struct wr_node *n);
struct wr_fact wr_linter_cast_fact(struct wr_linter *l, const struct wr_node *n);
struct wr_fact wr_linter_case_fact(struct wr_linter *l, const struct wr_node *n);
// fact_call.c: of a call, likewise.
struct wr_fact wr_linter_call_fact(struct wr_linter *l, const struct wr_node *n);
struct wr_fact wr_linter_index_fact(struct wr_linter *l, const struct wr_node *base,
                                    const struct wr_node *index);
bool wr_linter_is_call(const struct wr_node *n, const char *name);

// Whether `a = b` can be true, and whether it can be false, neither being Undefined.
void wr_fact_equal(const struct wr_linter *l, const struct wr_fact *a, const struct wr_fact *b,
                   bool *yes, bool *no);

// ---- conditions

#define WR_LINT_TERMS_MAX 128 // terms of one AND or OR that are compared with each other

// The operands of a chain of `op` (AND, OR), in order; more than `max` are left out.
uint32_t wr_linter_terms(const struct wr_node *n, enum wr_operator op, const struct wr_node **terms,
                         uint32_t max);
// The same expression, written the same way but for blanks, parentheses and the case of function
// names.
bool wr_linter_same(const struct wr_node *a, const struct wr_node *b);
// conflict.c: two terms of the AND `n` that are never both true.
bool wr_linter_conflict(struct wr_linter *l, const struct wr_node *n, struct wr_lint_conflict *out);
// Two terms of the OR `n` of which one always holds when the field is there: x <> 1 OR x <> 2.
bool wr_linter_covers(struct wr_linter *l, const struct wr_node *n, struct wr_lint_conflict *out);

// need.c: the fields (names and members of the payload or the row) whose absence makes `n`
// Undefined, the outermost form of each. At most `max`; duplicates are left out.
#define WR_LINT_NEEDS_MAX 32
struct wr_lint_needs {
    const struct wr_node *at[WR_LINT_NEEDS_MAX];
    uint32_t len;
};
void wr_linter_needs(const struct wr_node *n, struct wr_lint_needs *out);
bool wr_linter_needs_has(const struct wr_lint_needs *needs, const struct wr_node *field);

// ---- rules

// Fill `read` and `given`.
void wr_linter_collect(struct wr_linter *l);
// The statement's own names: aliases, variables, items.
void wr_linter_names(struct wr_linter *l);
// A template's expression: aliases that it reads.
void wr_linter_template_names(struct wr_linter *l, const struct wr_node *n);
// The items of a list: their names.
void wr_linter_items(struct wr_linter *l, const struct wr_query *q);
// The topic filter.
void wr_linter_filter(struct wr_linter *l);
// `n` as a WHERE, without what its parts are worth by themselves.
void wr_linter_where(struct wr_linter *l, const struct wr_node *n);

// Where an expression stands.
struct wr_lint_place {
    const struct wr_node *parent; // NULL: none
    bool item;                    // it is an item of SELECT: its value is in the result
    bool row;                     // in a nested query
};
// `n` and all below it.
void wr_linter_expression(struct wr_linter *l, const struct wr_node *n, struct wr_lint_place place);
// A single node, without those below it: each a family of rules.
void wr_linter_undefined(struct wr_linter *l, const struct wr_node *n); // `n` always is
void wr_linter_compare(struct wr_linter *l, const struct wr_node *n);
void wr_linter_value(struct wr_linter *l, const struct wr_node *n, struct wr_lint_place place);
// Whether the node is a name in double quotes, compared with a constant; then that is reported.
bool wr_linter_quoted_name(struct wr_linter *l, const struct wr_node *n);
// Whether a repetition inside a repetition may take exponential time.
bool wr_linter_regex_explodes(wr_str pattern);

#endif
