// Inside of a tree of values: shared by values.c, which runs the program, and values_tree.c, which
// evaluates its parts. Nobody else includes it. Thread: the owner's.
#ifndef WR_SQL_EXPLAIN_VALUES_PARTS_H
#define WR_SQL_EXPLAIN_VALUES_PARTS_H

#include "sql/explain/tape.h"
#include "sql/explain/values.h"
#include "sql/program.h"

// What evaluating changes beside the value.
struct wr_values_moment {
    size_t chance; // place on the tape
    uint8_t calls; // of get_dynamodb
};

struct wr_values_inside {
    const struct wr_program *p;
    struct wr_tape tape;
    struct wr_plan *plan;
    struct wr_eval eval;                // of the program
    uint64_t fuel;                      // left for the tree
    size_t room;                        // sub-expressions that the clause may still show
    WR_LIST(struct wr_program *) parts; // values point into their constants
};

// One walk over an expression. Copied where a row of a nested query is entered.
struct wr_values_walk {
    struct wr_values *v;
    struct wr_eval *eval; // of the parts
    wr_str text;          // what the nodes' places count in
    const struct wr_query *row_of;
    const wr_value *row;
    struct wr_values_moment now;
    const struct wr_values_node *assigned[WR_SQL_VARS_MAX];
};

// A value, and whether it is one: not failed, not left out.
struct wr_values_seen {
    bool known;
    wr_value value;
};

static inline struct wr_num_context wr_values_context(const struct wr_values_walk *w)
{
    return (struct wr_num_context){&w->v->arena, w->v->inside_->p->dialect};
}

// "word" and "name" as one text in the arena.
const char *wr_values_role(struct wr_values_walk *w, const char *word, wr_str name);

// Evaluate `n` and what is inside of it, and append its node to the list; literals only with
// `literals`. w->now moves on as the program would.
struct wr_values_seen wr_values_visit(struct wr_values_walk *w, const struct wr_node *n,
                                      const char *role, struct wr_values_node **list,
                                      bool literals);
// The items of a select list, likewise.
void wr_values_items(struct wr_values_walk *w, const struct wr_query *q,
                     struct wr_values_node **list);

#endif
