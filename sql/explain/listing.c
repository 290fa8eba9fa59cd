// Instructions in words, from the HELP of opcodes.h.
#include "sql/explain/listing.h"

#include <stdlib.h>

#include "sql/explain/near.h"
#include "sql/explain/show.h"
#include "sql/part.h"
#include "sql/program.h"

#include "sql/base/banned.h"

// In the order of the opcodes.
static const char *const helps[] = {
#define HELP(text) text,
#define OP(name, a, b, c)
#include "sql/opcodes.h"
#undef OP
};
_Static_assert(WR_COUNT(helps) == WR_OPC_COUNT, "every OP has a HELP before it");

static const char *const cast_names[] = {
    [WR_CAST_STRING] = "String", [WR_CAST_INT] = "Int",         [WR_CAST_DECIMAL] = "Decimal",
    [WR_CAST_DOUBLE] = "Double", [WR_CAST_BOOLEAN] = "Boolean",
};

static wr_str kept(struct wr_arena *arena, struct wr_buf *b)
{
    wr_str s = b->len ? wr_str_dup(arena, wr_buf_str(b)) : (wr_str){"", 0};
    wr_buf_release(b);
    return s;
}

// ---- clauses: each SET variable, WHERE, SELECT, each template

enum { CLAUSE_WHERE = WR_SQL_VARS_MAX, CLAUSE_SELECT, CLAUSE_TEMPLATE };

// A clause's last instruction tells it: STORE_VAR, REQUIRE…, RESULT…, TEXT_RESULT.
static void find_clauses(struct wr_listing *l)
{
    const struct wr_program *p = l->p;
    uint32_t template_ = UINT32_MAX, where_end = 0;
    for (uint32_t at = 0; at < p->code.len; at++) {
        uint16_t op = p->code.at[at].op;
        if (op >= WR_OPC_REQUIRE && op <= WR_OPC_REQUIRE_GE) {
            where_end = at + 1;
        }
    }
    uint32_t begin = 0; // of the clause under way
    for (uint32_t at = 0; at < p->code.len; at++) {
        for (uint32_t i = template_ + 1; i < p->templates.len; i++) {
            if (!p->templates.at[i].constant && p->templates.at[i].entry == at) {
                template_ = i;
                break;
            }
        }
        l->clauses_[at] = template_ != UINT32_MAX ? CLAUSE_TEMPLATE + template_
                          : at < where_end        ? (uint32_t)CLAUSE_WHERE
                                                  : (uint32_t)CLAUSE_SELECT;
        if (p->code.at[at].op == WR_OPC_STORE_VAR) {
            for (; begin <= at; begin++) {
                l->clauses_[begin] = p->code.at[at].a;
            }
        }
    }
}

wr_err wr_listing_init(struct wr_listing *l, const struct wr_program *p, struct wr_arena *arena)
{
    *l = (struct wr_listing){.p = p, .arena = arena};
    l->clauses_ = wr_arena_alloc(arena, (p->code.len + 1) * sizeof *l->clauses_);
    if (!l->clauses_) {
        return WR_ERR_LIMIT;
    }
    find_clauses(l);
    return WR_OK;
}

wr_str wr_listing_clause(const struct wr_listing *l, uint32_t clause)
{
    struct wr_buf b = {0};
    if (clause == CLAUSE_WHERE) {
        return WR_STR("WHERE");
    }
    if (clause == CLAUSE_SELECT) {
        return WR_STR("SELECT");
    }
    if (clause < CLAUSE_WHERE) {
        wr_buf_addf(&b, "SET @%.*s", WR_STR_ARG(l->p->statement.assigns[clause].name));
    } else {
        wr_buf_addf(&b, "template %u", clause - CLAUSE_TEMPLATE);
    }
    return kept(l->arena, &b);
}

bool wr_listing_template(const struct wr_listing *l, uint32_t clause, uint32_t *id)
{
    *id = clause - CLAUSE_TEMPLATE;
    return clause >= CLAUSE_TEMPLATE;
}

static struct wr_listing_place place_of(const struct wr_program *p, uint32_t clause,
                                        const struct wr_node *n)
{
    struct wr_listing_place place = {.clause = clause};
    wr_str text = clause >= CLAUSE_TEMPLATE ? p->templates.at[clause - CLAUSE_TEMPLATE].text
                                            : p->statement.text;
    if (n) {
        struct wr_fault at;
        wr_fault_at(&at, WR_OK, text, n->begin, "%s", "");
        place.source = wr_str_cut(text, n->begin, n->end);
        place.line = at.line;
        place.column = at.column;
    }
    return place;
}

// ---- one instruction

static void add_path(const struct wr_path *path, struct wr_buf *out)
{
    if (path->len) {
        wr_near_spell(path->keys, path->len, out);
    } else {
        wr_buf_add_char(out, '*');
    }
}

static void add_operand(const struct wr_program *p, const struct wr_ins *ins, int which,
                        struct wr_arena *arena, bool words, struct wr_buf *out)
{
    uint16_t v = which == 0 ? ins->a : which == 1 ? ins->b : ins->c;
    switch (wr_op_table[ins->op].kinds[which]) {
    case WR_OPERAND_NONE:
        return;
    case WR_OPERAND_REG:
    case WR_OPERAND_ARGS:
        wr_buf_addf(out, "r%u", v);
        return;
    case WR_OPERAND_CONST:
        wr_show_text(out, &p->consts.at[v], arena, p->dialect);
        return;
    case WR_OPERAND_PATH:
        add_path(&p->paths.at[v], out);
        return;
    case WR_OPERAND_VAR:
        wr_buf_addf(out, "@%.*s", WR_STR_ARG(p->statement.assigns[v].name));
        return;
    case WR_OPERAND_FUNC:
        wr_buf_addf(out, "%s", wr_function_at(v)->name);
        return;
    case WR_OPERAND_JUMP:
        wr_buf_addf(out, words ? "instruction %u" : "->%u", v);
        return;
    case WR_OPERAND_NUM:
        if (ins->op == WR_OPC_CAST && v < WR_COUNT(cast_names)) {
            wr_buf_addf(out, "%s", cast_names[v]);
        } else {
            wr_buf_addf(out, "%u", v);
        }
        return;
    }
}

static void add_args(const struct wr_ins *ins, struct wr_buf *out)
{
    for (uint32_t i = 0; i < ins->c; i++) {
        wr_buf_addf(out, "%sr%u", i ? ", " : "", ins->a + i);
    }
}

static void add_words(const struct wr_program *p, const struct wr_ins *ins, struct wr_arena *arena,
                      struct wr_buf *out)
{
    const char *help = helps[ins->op], *only = strstr(help, " With b = 1");
    bool one = ins->b == 1;
    for (const char *at = help; *at; at++) {
        if (only && at == only && !one) {
            return;
        }
        if (at[0] == '$' && strncmp(at, "$args", 5) == 0) {
            add_args(ins, out);
            at += 4;
        } else if (at[0] == '$' && at[1] >= 'a' && at[1] <= 'c') {
            add_operand(p, ins, at[1] - 'a', arena, true, out);
            at++;
        } else if (at == only) {
            at += strlen(" With b = 1") - 1;
            wr_buf_add(out, WR_STR(" Here"));
        } else {
            wr_buf_add_char(out, *at);
        }
    }
}

size_t wr_listing_count(const struct wr_listing *l)
{
    return l->p->code.len;
}

void wr_listing_line(const struct wr_listing *l, size_t at, struct wr_listing_line *out)
{
    const struct wr_program *p = l->p;
    struct wr_arena *arena = l->arena;
    const struct wr_ins *ins = &p->code.at[at];
    struct wr_buf operands = {0}, words = {0};
    for (int i = 0; i < 3; i++) {
        if (wr_op_table[ins->op].kinds[i] != WR_OPERAND_NONE) {
            wr_buf_add(&operands, operands.len ? WR_STR(" ") : WR_STR(""));
            add_operand(p, ins, i, arena, false, &operands);
        }
    }
    add_words(p, ins, arena, &words);
    *out = (struct wr_listing_line){
        .opcode = wr_op_table[ins->op].name,
        .operands = kept(arena, &operands),
        .words = kept(arena, &words),
        .place = place_of(p, l->clauses_[at], at < p->sources.len ? p->sources.at[at] : NULL),
    };
}

// ---- facts

size_t wr_listing_paths(const struct wr_listing *l, const struct wr_listing_path **out)
{
    const struct wr_program *p = l->p;
    struct wr_arena *arena = l->arena;
    struct wr_listing_path *paths = wr_arena_alloc(arena, (p->paths.len + 1) * sizeof *paths);
    struct wr_buf *clauses = wr_zalloc((p->paths.len + 1) * sizeof *clauses);
    uint32_t *last = wr_zalloc((p->paths.len + 1) * sizeof *last);
    for (size_t at = 0; at < p->code.len; at++) {
        const struct wr_ins *ins = &p->code.at[at];
        if (ins->op != WR_OPC_LOAD_PATH && ins->op != WR_OPC_LOAD_SOURCE) {
            continue;
        }
        uint32_t clause = l->clauses_[at];
        struct wr_buf *b = &clauses[ins->b];
        if (last[ins->b] != clause + 1) {
            wr_buf_addf(b, "%s%.*s", b->len ? ", " : "", WR_STR_ARG(wr_listing_clause(l, clause)));
            last[ins->b] = clause + 1;
        }
    }
    for (uint32_t i = 0; i < p->paths.len; i++) {
        struct wr_buf b = {0};
        add_path(&p->paths.at[i], &b);
        wr_str text = kept(arena, &b), used = kept(arena, &clauses[i]);
        if (paths) {
            paths[i] = (struct wr_listing_path){text, p->paths.at[i].len == 0, used};
        }
    }
    free(clauses);
    free(last);
    *out = paths;
    return paths ? p->paths.len : 0;
}

size_t wr_listing_lookups(const struct wr_listing *l, const struct wr_listing_lookup **out)
{
    const struct wr_program *p = l->p;
    struct wr_arena *arena = l->arena;
    size_t count = 0;
    for (size_t at = 0; at < p->code.len; at++) {
        count += p->code.at[at].op == WR_OPC_LOOKUP;
    }
    struct wr_listing_lookup *found = wr_arena_alloc(arena, (count + 1) * sizeof *found);
    *out = found;
    if (!found) {
        return 0;
    }
    for (size_t at = 0; at < p->code.len; at++) {
        if (p->code.at[at].op == WR_OPC_LOOKUP) {
            *found++ = (struct wr_listing_lookup){
                wr_function_at(p->code.at[at].b)->name,
                place_of(p, l->clauses_[at], at < p->sources.len ? p->sources.at[at] : NULL)};
        }
    }
    return count;
}

size_t wr_listing_guard_count(const struct wr_listing *l)
{
    return l->p->guards.len;
}

struct wr_listing_guard wr_listing_guard_at(const struct wr_listing *l, size_t index)
{
    const struct wr_guard *g = &l->p->guards.at[index];
    return (struct wr_listing_guard){g->begin, g->end, g->handler};
}

struct wr_listing_sizes wr_listing_sizes(const struct wr_listing *l)
{
    const struct wr_program *p = l->p;
    return (struct wr_listing_sizes){.statement_len = p->statement.text.len,
                                     .instructions = p->code.len,
                                     .registers = p->reg_count,
                                     .constants = p->consts.len,
                                     .variables = p->statement.assign_count,
                                     .fuel = p->fuel};
}

wr_str wr_listing_statement(const struct wr_listing *l)
{
    return l->p->statement.text;
}

// ---- folded constants

struct folded {
    const struct wr_program *p;
    struct wr_arena *arena;
    struct wr_listing_constant *at;
    size_t count;
    uint32_t clause;
};

static bool wrong_count(const struct wr_node *n)
{
    const struct wr_function *f = n->function;
    return n->kid_count < f->min_args || (f->max_args < 255 && n->kid_count > f->max_args);
}

static bool is_leaf(const struct wr_node *n)
{
    return n->kind <= WR_NODE_FALSE ||
           (n->kind == WR_NODE_UNARY && n->op == WR_OP_NEG && n->kids[0]->kind == WR_NODE_NUMBER);
}

// Nothing below `n` needs a message; the compiler has the last word.
static bool may_fold(const struct wr_node *n)
{
    if (is_leaf(n)) {
        return true;
    }
    bool call = n->kind == WR_NODE_CALL;
    if (call && wrong_count(n)) {
        return true;
    }
    bool folds = n->kind == WR_NODE_BINARY || n->kind == WR_NODE_UNARY || n->kind == WR_NODE_CAST ||
                 n->kind == WR_NODE_ARRAY || n->kind == WR_NODE_OBJECT || n->kind == WR_NODE_PAIR ||
                 n->kind == WR_NODE_MEMBER || n->kind == WR_NODE_INDEX ||
                 (call && n->function->flags & WR_FN_PURE);
    for (uint32_t i = 0; folds && i < n->kid_count; i++) {
        folds = may_fold(n->kids[i]);
    }
    return folds;
}

static void find_folded(struct folded *f, const struct wr_node *n);

static void find_in_query(struct folded *f, const struct wr_query *q)
{
    for (uint32_t i = 0; i < q->item_count; i++) {
        find_folded(f, q->items[i].expr);
    }
    if (q->source) {
        find_folded(f, q->source);
    }
    if (q->where) {
        find_folded(f, q->where);
    }
}

static void find_folded(struct folded *f, const struct wr_node *n)
{
    bool container = n->kind == WR_NODE_ARRAY || n->kind == WR_NODE_OBJECT;
    if (f->count == WR_LISTING_CONSTANTS_MAX || is_leaf(n)) {
        return;
    }
    struct wr_program *part;
    wr_value v;
    if (!container && n->kind != WR_NODE_PAIR && may_fold(n) &&
        !wr_part_new(f->p, n, NULL, &part, NULL)) {
        bool constant = wr_part_constant(part, &v);
        if (constant) {
            struct wr_buf b = {0};
            wr_show_value(&b, &v, f->arena, f->p->dialect);
            f->at[f->count++] =
                (struct wr_listing_constant){place_of(f->p, f->clause, n), kept(f->arena, &b)};
        }
        wr_program_free(part);
        if (constant) {
            return;
        }
    }
    if (n->query) {
        find_in_query(f, n->query);
    }
    for (uint32_t i = 0; i < n->kid_count; i++) {
        find_folded(f, n->kids[i]);
    }
}

size_t wr_listing_constants(const struct wr_listing *l, const struct wr_listing_constant **out)
{
    const struct wr_program *p = l->p;
    struct wr_arena *arena = l->arena;
    struct folded f = {.p = p, .arena = arena};
    f.at = wr_arena_alloc(arena, WR_LISTING_CONSTANTS_MAX * sizeof *f.at);
    *out = f.at;
    if (!f.at) {
        return 0;
    }
    const struct wr_statement *s = &p->statement;
    for (uint32_t i = 0; i < s->assign_count; i++) {
        f.clause = i;
        find_folded(&f, s->assigns[i].expr);
    }
    f.clause = CLAUSE_WHERE;
    if (s->select.where) {
        find_folded(&f, s->select.where);
    }
    f.clause = CLAUSE_SELECT;
    for (uint32_t i = 0; i < s->select.item_count; i++) {
        find_folded(&f, s->select.items[i].expr);
    }
    for (size_t at = 0; at < p->code.len && at < p->sources.len; at++) {
        if (p->code.at[at].op == WR_OPC_TEXT_VALUE && p->sources.at[at]) {
            f.clause = l->clauses_[at];
            find_folded(&f, p->sources.at[at]);
        }
    }
    return f.count;
}
