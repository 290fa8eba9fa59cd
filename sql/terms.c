// The terms of WHERE, and which one ended a program.
#include "sql/parser.h"
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

static bool ends_term(const struct wr_ins *ins)
{
    return ins->op >= WR_OPC_REQUIRE && ins->op <= WR_OPC_REQUIRE_GE;
}

size_t wr_program_term_count(const struct wr_program *p)
{
    size_t count = 0;
    for (uint32_t i = 0; i < p->body_len; i++) {
        count += ends_term(&p->code.at[i]);
    }
    return count;
}

static wr_str term_of(const struct wr_statement *s, size_t index)
{
    const struct wr_node *n = s->select.where ? find(s->select.where, &index) : NULL;
    wr_assert(n);
    return wr_str_cut(s->text, n->begin, n->end);
}

wr_str wr_program_term(const struct wr_program *p, size_t index)
{
    if (!p->part) {
        return term_of(&p->statement, index);
    }
    struct wr_arena arena; // the tree was given up (slim.c)
    struct wr_statement s;
    wr_arena_init(&arena, SIZE_MAX / 2);
    wr_assert(wr_parse_statement(p->statement.text, p->dialect, &arena, &s, NULL) == WR_OK);
    wr_str term = term_of(&s, index);
    wr_arena_release(&arena);
    return term;
}

size_t wr_eval_term(const struct wr_eval *e)
{
    size_t passed = 0;
    for (uint32_t i = 0; i < e->pc_; i++) {
        passed += ends_term(&e->program->code.at[i]);
    }
    wr_assert(e->state == WR_EVAL_NO_MATCH && passed > 0);
    return passed - 1; // the last one was met and not passed
}
