// nec(e, v) as performance-design.md 4 defines it, with a reason for every ALL.
#include "sql/explain/atoms.h"

#include "sql/explain/near.h"
#include "sql/operator.h"
#include "sql/part.h"
#include "sql/program.h"

#include "sql/base/banned.h"

struct finder {
    const struct wr_program *p;
    struct wr_arena *arena;
};

static const struct wr_atom out_of_memory = {.kind = WR_ATOM_ALL,
                                             .why = WR_STR_INIT("the statement is too large")};

static struct wr_atoms one(const struct finder *f, struct wr_atom a)
{
    struct wr_atom *at = wr_arena_alloc(f->arena, sizeof *at);
    if (!at) {
        return (struct wr_atoms){&out_of_memory, 1};
    }
    *at = a;
    return (struct wr_atoms){at, 1};
}

static struct wr_atoms all(const struct finder *f, const struct wr_node *n, const char *why)
{
    return one(f,
               (struct wr_atom){
                   .kind = WR_ATOM_ALL, .why = wr_str_of(why), .begin = n->begin, .end = n->end});
}

static struct wr_atoms never(void)
{
    return (struct wr_atoms){NULL, 0};
}

static bool is_all(struct wr_atoms s)
{
    return s.count && s.at[0].kind == WR_ATOM_ALL;
}

// By its dearest atom, then by how many there are. No atom at all is cheapest.
static bool cheaper(struct wr_atoms a, struct wr_atoms b)
{
    int x = -1, y = -1;
    for (size_t i = 0; i < a.count; i++) {
        x = (int)a.at[i].kind > x ? (int)a.at[i].kind : x;
    }
    for (size_t i = 0; i < b.count; i++) {
        y = (int)b.at[i].kind > y ? (int)b.at[i].kind : y;
    }
    return x != y ? x < y : a.count < b.count;
}

static struct wr_atoms either(const struct finder *f, const struct wr_node *n, struct wr_atoms a,
                              struct wr_atoms b)
{
    if (is_all(a) || is_all(b)) {
        return is_all(a) ? a : b;
    }
    if (a.count + b.count > WR_ATOMS_MAX) {
        return all(f, n, "too many alternatives");
    }
    struct wr_atom *at = wr_arena_alloc(f->arena, (a.count + b.count + 1) * sizeof *at);
    if (!at) {
        return (struct wr_atoms){&out_of_memory, 1};
    }
    memcpy(at, a.count ? a.at : at, a.count * sizeof *at);
    memcpy(at + a.count, b.count ? b.at : at, b.count * sizeof *at);
    return (struct wr_atoms){at, a.count + b.count};
}

// ---- operands

// The path that `n` reads from the payload, also through a variable; at NULL when it is none.
static wr_str path_of(const struct finder *f, const struct wr_node *n)
{
    while (n->kind == WR_NODE_VARIABLE) { // of earlier ones only, so this ends
        n = f->p->statement.assigns[n->index].expr;
    }
    int len = wr_node_path(n);
    struct wr_buf b = {0};
    if (len <= 0) {
        return (wr_str){0};
    }
    wr_str *keys = wr_arena_alloc(f->arena, (size_t)len * sizeof *keys);
    if (!keys) {
        return (wr_str){0};
    }
    wr_node_path_keys(n, len, keys);
    wr_near_spell(keys, (size_t)len, &b);
    wr_str text = wr_str_dup(f->arena, wr_buf_str(&b));
    wr_buf_release(&b);
    return text;
}

// The constant that the compiler folds `n` to, as JSON. False: it is none.
static bool constant_of(const struct finder *f, const struct wr_node *n, wr_value *v, wr_str *json)
{
    struct wr_program *part;
    if (wr_part_new(f->p, n, NULL, &part, NULL)) {
        return false;
    }
    bool constant = wr_part_constant(part, v);
    if (constant) {
        struct wr_buf b = {0};
        wr_json_write(&b, v, f->arena, f->p->dialect);
        *json = wr_str_dup(f->arena, wr_buf_str(&b));
        wr_buf_release(&b);
        if (v->type == WR_STRING) { // its text dies with the part
            *v = wr_string(wr_str_dup(f->arena, wr_value_text(v)));
        } else if (v->type != WR_NUMBER && v->type != WR_BOOLEAN && v->type != WR_NULL &&
                   v->type != WR_UNDEFINED) {
            v->as.text = NULL;
        }
    }
    wr_program_free(part);
    return constant;
}

static const char *why_no_path(const struct wr_node *a, const struct wr_node *b)
{
    const struct wr_node *sides[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        switch (sides[i]->kind) {
        case WR_NODE_CALL:
            return "a function call";
        case WR_NODE_CASE:
            return "a CASE";
        case WR_NODE_EXISTS:
        case WR_NODE_QUERY:
            return "a nested query";
        case WR_NODE_CAST:
            return "a cast";
        case WR_NODE_UNARY:
        case WR_NODE_BINARY:
            return "an operator on one side";
        case WR_NODE_STAR:
            return "the whole payload";
        case WR_NODE_NUMBER:
        case WR_NODE_STRING:
        case WR_NODE_NULL:
        case WR_NODE_TRUE:
        case WR_NODE_FALSE:
        case WR_NODE_NAME:
        case WR_NODE_VARIABLE:
        case WR_NODE_MEMBER:
        case WR_NODE_ALL:
        case WR_NODE_INDEX:
        case WR_NODE_ARRAY:
        case WR_NODE_OBJECT:
        case WR_NODE_PAIR:
            break;
        }
    }
    return "no path is compared with a constant";
}

// ---- nec

static struct wr_atoms nec(const struct finder *f, const struct wr_node *n, bool wanted);

static struct wr_atoms exists(const struct finder *f, const struct wr_node *n, wr_str path)
{
    return one(f, (struct wr_atom){
                      .kind = WR_ATOM_EXISTS, .path = path, .begin = n->begin, .end = n->end});
}

static struct wr_atoms comparison(const struct finder *f, const struct wr_node *n, bool wanted)
{
    enum wr_operator op = wanted ? n->op : wr_operator_negated(n->op);
    wr_value v = {0};
    wr_str json, path = path_of(f, n->kids[0]);
    bool constant = path.at && constant_of(f, n->kids[1], &v, &json);
    if (!constant) {
        path = path_of(f, n->kids[1]);
        constant = path.at && constant_of(f, n->kids[0], &v, &json);
        op = wr_operator_mirrored(op);
    }
    if (!constant) {
        return all(f, n, why_no_path(n->kids[0], n->kids[1]));
    }
    struct wr_atom a = {.path = path, .constant = json, .begin = n->begin, .end = n->end};
    if (v.type == WR_UNDEFINED) {
        return never();
    }
    if (op == WR_OP_NE) {
        return exists(f, n, path);
    }
    if (op == WR_OP_EQ) {
        a.kind = WR_ATOM_EQ;
        return one(f, a);
    }
    if (v.type != WR_NUMBER &&
        !(v.type == WR_STRING && wr_num_is_numeric_string(wr_value_text(&v)))) {
        return never(); // there is no other ordering
    }
    a.kind = WR_ATOM_RANGE;
    a.sign = wr_operator_text(op);
    a.constant = v.type == WR_STRING ? wr_value_text(&v) : json;
    return one(f, a);
}

static struct wr_atoms in_list(const struct finder *f, const struct wr_node *n, bool wanted)
{
    const struct wr_node *list = n->kids[1];
    wr_str path = path_of(f, n->kids[0]), json;
    wr_value v;
    if (!path.at) {
        return all(f, n, why_no_path(n->kids[0], n->kids[0]));
    }
    if (list->kind != WR_NODE_ARRAY || !constant_of(f, list, &v, &json)) {
        return all(f, n, "the list of IN is no constant");
    }
    if (!wanted) {
        return exists(f, n, path);
    }
    if (list->kid_count > WR_ATOMS_MAX) {
        return all(f, n, "too many alternatives");
    }
    struct wr_atoms found = never();
    for (uint32_t i = 0; i < list->kid_count; i++) {
        if (!constant_of(f, list->kids[i], &v, &json)) {
            return all(f, n, "the list of IN is no constant");
        }
        struct wr_atom a = {
            .kind = WR_ATOM_EQ, .path = path, .constant = json, .begin = n->begin, .end = n->end};
        found = v.type == WR_UNDEFINED ? found : either(f, n, found, one(f, a));
    }
    return found;
}

static struct wr_atoms binary(const struct finder *f, const struct wr_node *n, bool wanted)
{
    switch (n->op) {
    case WR_OP_AND:
    case WR_OP_OR: {
        struct wr_atoms a = nec(f, n->kids[0], wanted), b = nec(f, n->kids[1], wanted);
        if ((n->op == WR_OP_AND) == wanted) { // both must be so
            return cheaper(b, a) ? b : a;
        }
        return either(f, n, a, b);
    }
    case WR_OP_EQ:
    case WR_OP_NE:
    case WR_OP_LT:
    case WR_OP_LE:
    case WR_OP_GT:
    case WR_OP_GE:
        return comparison(f, n, wanted);
    case WR_OP_IN:
        return in_list(f, n, wanted);
    case WR_OP_ADD:
    case WR_OP_SUB:
    case WR_OP_MUL:
    case WR_OP_DIV:
    case WR_OP_MOD:
    case WR_OP_NOT:
    case WR_OP_NEG:
        break;
    }
    return all(f, n, "an operator that is no comparison");
}

static struct wr_atoms nec(const struct finder *f, const struct wr_node *n, bool wanted)
{
    wr_value v;
    wr_str json, path;
    if (n->kind == WR_NODE_BINARY && n->op != WR_OP_AND && n->op != WR_OP_OR &&
        constant_of(f, n, &v, &json)) {
        bool holds = v.type == WR_BOOLEAN && v.as.truth == wanted;
        return holds ? all(f, n, "it is always so") : never();
    }
    switch (n->kind) {
    case WR_NODE_BINARY:
        return binary(f, n, wanted);
    case WR_NODE_UNARY:
        if (n->op == WR_OP_NOT) {
            return nec(f, n->kids[0], !wanted);
        }
        return all(f, n, "an operator that is no comparison");
    case WR_NODE_NAME:
    case WR_NODE_MEMBER:
    case WR_NODE_VARIABLE:
    case WR_NODE_INDEX:
        path = path_of(f, n);
        return path.at ? exists(f, n, path) : all(f, n, "no plain path");
    case WR_NODE_TRUE:
    case WR_NODE_FALSE:
        return (n->kind == WR_NODE_TRUE) == wanted ? all(f, n, "it is always so") : never();
    case WR_NODE_CALL:
        path = path_of(f, n);
        return path.at ? exists(f, n, path) : all(f, n, "a function call");
    case WR_NODE_CAST:
        return all(f, n, "a cast");
    case WR_NODE_CASE:
        return all(f, n, "a CASE");
    case WR_NODE_EXISTS:
    case WR_NODE_QUERY:
        return all(f, n, "a nested query");
    case WR_NODE_STRING: // 'true' counts as true
    case WR_NODE_NUMBER:
    case WR_NODE_NULL:
    case WR_NODE_ALL:
    case WR_NODE_STAR:
    case WR_NODE_ARRAY:
    case WR_NODE_OBJECT:
    case WR_NODE_PAIR:
        break;
    }
    return all(f, n, "no condition on a path");
}

struct wr_atoms wr_atoms_of(const struct wr_program *p, struct wr_arena *arena)
{
    struct finder f = {p, arena};
    const struct wr_node *where = p->statement.select.where;
    if (!where) {
        return one(&f, (struct wr_atom){.kind = WR_ATOM_ALL,
                                        .why = WR_STR_INIT("the statement has no WHERE")});
    }
    return nec(&f, where, true);
}

// ---- terms

static uint32_t count_terms(const struct wr_node *n)
{
    return n->kind == WR_NODE_BINARY && n->op == WR_OP_AND
               ? count_terms(n->kids[0]) + count_terms(n->kids[1])
               : 1;
}

static void add_terms(const struct finder *f, const struct wr_node *n, struct wr_atoms_term **to)
{
    if (n->kind == WR_NODE_BINARY && n->op == WR_OP_AND) {
        add_terms(f, n->kids[0], to);
        add_terms(f, n->kids[1], to);
        return;
    }
    **to = (struct wr_atoms_term){.atoms = nec(f, n, true), .begin = n->begin, .end = n->end};
    (*to)++;
}

size_t wr_atoms_terms(const struct wr_program *p, struct wr_arena *arena,
                      const struct wr_atoms_term **terms)
{
    struct finder f = {p, arena};
    const struct wr_node *where = p->statement.select.where;
    size_t count = where ? count_terms(where) : 0;
    struct wr_atoms_term *at = wr_arena_alloc(arena, (count + 1) * sizeof *at), *next = at;
    if (!at || !where) {
        return 0;
    }
    add_terms(&f, where, &next);
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        best = cheaper(at[i].atoms, at[best].atoms) ? i : best;
    }
    at[best].chosen = true;
    *terms = at;
    return count;
}

// ---- words

const char *wr_atom_kind_name(enum wr_atom_kind kind)
{
    static const char *const names[] = {"eq", "range", "exists", "ALL"};
    return names[kind];
}

void wr_atom_write(const struct wr_atom *a, struct wr_buf *out)
{
    switch (a->kind) {
    case WR_ATOM_EQ:
        wr_buf_addf(out, "%.*s = %.*s", WR_STR_ARG(a->path), WR_STR_ARG(a->constant));
        return;
    case WR_ATOM_RANGE:
        wr_buf_addf(out, "%.*s %s %.*s", WR_STR_ARG(a->path), a->sign, WR_STR_ARG(a->constant));
        return;
    case WR_ATOM_EXISTS:
        wr_buf_addf(out, "%.*s is there", WR_STR_ARG(a->path));
        return;
    case WR_ATOM_ALL:
        wr_buf_addf(out, "every message: %.*s", WR_STR_ARG(a->why));
        return;
    }
}
