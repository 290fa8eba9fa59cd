// The terms of WHERE, and which one ended a program.
#include "sql/program.h"

#include "sql/base/banned.h"

static bool joins(const struct wr_node *n)
{
    return n->kind == WR_NODE_BINARY && n->op == WR_OP_AND;
}

// The term number *left below `n`; NULL, and *left is less by those there are.
static const struct wr_node *find(const struct wr_node *n, size_t *left)
{
    if (joins(n)) {
        const struct wr_node *found = find(n->kids[0], left);
        return found ? found : find(n->kids[1], left);
    }
    return (*left)-- == 0 ? n : NULL;
}

static size_t count(const struct wr_node *n)
{
    return joins(n) ? count(n->kids[0]) + count(n->kids[1]) : 1;
}

size_t wr_program_term_count(const struct wr_program *p)
{
    const struct wr_node *where = p->statement.select.where;
    return where ? count(where) : 0;
}

wr_str wr_program_term(const struct wr_program *p, size_t index)
{
    const struct wr_node *n = find(p->statement.select.where, &index);
    wr_assert(n);
    return wr_str_cut(p->statement.text, n->begin, n->end);
}

size_t wr_eval_term(const struct wr_eval *e)
{
    size_t passed = 0;
    for (uint32_t i = 0; i < e->pc_; i++) {
        enum wr_opcode op = e->program->code.at[i].op;
        passed += op >= WR_OPC_REQUIRE && op <= WR_OPC_REQUIRE_GE;
    }
    wr_assert(e->state == WR_EVAL_NO_MATCH && passed > 0);
    return passed - 1; // the last one was met and not passed
}
