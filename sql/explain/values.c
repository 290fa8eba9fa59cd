// Runs the program, then walks over its clauses; who is to blame for a WHERE that is not true.
#include "sql/explain/values.h"

#include "sql/explain/values_parts.h"
#include "sql/operator.h"

#include <stdlib.h>

#include "sql/base/banned.h"

// ---- the term that decided

static void blame(struct wr_values_walk *w, struct wr_values_node *t)
{
    const struct wr_node *n = t->node_;
    struct wr_num_context c = wr_values_context(w);
    bool joined = n->kind == WR_NODE_BINARY && (n->op == WR_OP_AND || n->op == WR_OP_OR);
    if (n->kind == WR_NODE_UNARY && n->op == WR_OP_NOT && t->kids) {
        blame(w, t->kids);
        return;
    }
    if (!joined || !t->kids || t->state != WR_VALUES_VALUE) {
        t->blamed = true;
        return;
    }
    int truth = wr_operator_truth(&t->value, &c);
    for (struct wr_values_node *kid = t->kids; kid; kid = kid->next) {
        wr_value v = kid->value;
        // Undefined comes from what is no truth; otherwise the sides that equal the result did it.
        if (wr_operator_truth(&v, &c) == truth) {
            blame(w, kid);
        }
    }
}

static void decide(struct wr_values_walk *w)
{
    struct wr_values_node *where = w->v->where;
    struct wr_num_context c = wr_values_context(w);
    const struct wr_node *n = where->node_;
    bool joined = n->kind == WR_NODE_BINARY && n->op == WR_OP_AND && where->kids;
    for (struct wr_values_node *t = joined ? where->kids : where; t; t = t->next) {
        wr_value v = t->value;
        if (t->state == WR_VALUES_VALUE && wr_operator_truth(&v, &c) == 1) {
            continue;
        }
        w->v->stopped_by = w->v->stopped_by ? w->v->stopped_by : t;
        blame(w, t);
    }
}

// ---- a whole program

static void run_statement(struct wr_values *v, const struct wr_sql_host *host)
{
    struct wr_values_inside *in = v->inside_;
    wr_tape_init(&in->tape, host);
    wr_eval_start(&in->eval, &v->message, 0, &in->tape.host);
    v->state = wr_eval_run(&in->eval);
    if (v->state == WR_EVAL_MATCHED && wr_eval_output(&in->eval, &v->output, &v->json)) {
        v->state = WR_EVAL_FAILED;
        wr_fault_set(&v->fault, WR_ERR_LIMIT, "the result does not fit into memory");
    } else if (v->state == WR_EVAL_FAILED) {
        v->fault = in->eval.fault;
    } else if (v->state == WR_EVAL_SUSPENDED) {
        wr_fault_set(&v->fault, WR_ERR_UNSUPPORTED, "the look-up is not answered");
    }
}

static void run_template(struct wr_values_walk *w, uint32_t id)
{
    struct wr_values *v = w->v;
    struct wr_values_inside *in = v->inside_;
    const struct wr_program *p = in->p;
    struct wr_values_template *t = &v->templates[id];
    const struct wr_template_code *code = &p->templates.at[id];
    struct wr_eval *e = &in->eval;
    *t = (struct wr_values_template){.text = code->text, .constant = code->constant};
    if (v->state == WR_EVAL_SUSPENDED) {
        t->state = WR_EVAL_SUSPENDED;
        return;
    }
    w->now = (struct wr_values_moment){in->tape.at, e->dynamodb_calls_};
    w->text = code->text;
    wr_eval_template(e, id);
    t->state = wr_eval_run(e);
    if (t->state == WR_EVAL_MATCHED && wr_eval_text(e, &t->expanded, &t->undefined)) {
        t->state = WR_EVAL_FAILED;
        wr_fault_set(&t->fault, WR_ERR_LIMIT, "the text does not fit into memory");
    } else if (t->state == WR_EVAL_FAILED) {
        t->fault = e->fault;
    }
    size_t after = in->tape.at;
    for (uint32_t at = code->entry; !code->constant && p->code.at[at].op != WR_OPC_TEXT_RESULT;
         at++) {
        if (p->code.at[at].op == WR_OPC_TEXT_VALUE) {
            wr_values_visit(w, p->sources.at[at], NULL, &t->parts, true);
        }
    }
    in->tape.at = after;
}

static void walk_all(struct wr_values_walk *w, bool where_only)
{
    struct wr_values *v = w->v;
    const struct wr_statement *s = &v->inside_->p->statement;
    struct wr_values_node *hidden = NULL, **set = where_only ? &hidden : &v->set;
    size_t after = v->inside_->tape.at;
    bool failed = false;
    v->inside_->room = WR_VALUES_SHOWN_MAX;
    for (uint32_t i = 0; i < s->assign_count; i++) {
        struct wr_values_node *made = NULL, **end = set;
        const char *role = wr_values_role(w, "SET @", s->assigns[i].name);
        failed |= !wr_values_visit(w, s->assigns[i].expr, role, &made, true).known;
        w->assigned[i] = made;
        while (*end) {
            end = &(*end)->next;
        }
        *end = made;
    }
    if (where_only) { // the variables were only for chance's sake
        v->shown = v->left_out = 0;
    }
    if (failed && v->state == WR_EVAL_FAILED) {
        return;
    }
    v->inside_->room = WR_VALUES_SHOWN_MAX;
    if (s->select.where) {
        wr_values_visit(w, s->select.where, "WHERE", &v->where, true);
    }
    if (v->where && v->state == WR_EVAL_NO_MATCH) {
        decide(w);
    }
    v->inside_->room = WR_VALUES_SHOWN_MAX;
    if (!where_only) {
        wr_values_items(w, &s->select, &v->items);
    }
    v->inside_->tape.at = after;
}

struct wr_values *wr_values_new(const struct wr_program *p, const struct wr_sql_message *message,
                                const struct wr_sql_host *host, bool where_only)
{
    struct wr_values *v = wr_zalloc(sizeof *v);
    struct wr_values_inside *in = wr_zalloc(sizeof *in);
    wr_arena_init(&v->arena, WR_VALUES_BYTES_MAX);
    v->inside_ = in;
    v->message = *message;
    in->p = p;
    in->plan = wr_plan_new(&p, 1);
    in->fuel = p->fuel * WR_VALUES_FUEL;
    if (wr_sql_message_read(&v->message, in->plan, &v->arena)) {
        v->state = WR_EVAL_FAILED;
        wr_fault_set(&v->fault, WR_ERR_LIMIT, "the payload does not fit into memory");
        return v;
    }
    if (!v->message.json ||
        wr_json_parse(v->message.payload, &v->arena, p->dialect, &v->root, NULL)) {
        v->root = wr_raw(v->message.payload);
    }
    run_statement(v, host);
    struct wr_eval eval = {0};
    struct wr_values_walk w = {.v = v, .eval = &eval, .text = p->statement.text};
    if (v->state != WR_EVAL_SUSPENDED) {
        walk_all(&w, where_only);
    }
    if (!where_only && p->templates.len) {
        v->templates = wr_zalloc(p->templates.len * sizeof *v->templates);
        v->template_count = p->templates.len;
        in->room = WR_VALUES_SHOWN_MAX;
        for (uint32_t i = 0; i < p->templates.len; i++) {
            run_template(&w, i);
        }
    }
    return v;
}

void wr_values_free(struct wr_values *v)
{
    if (!v) {
        return;
    }
    struct wr_values_inside *in = v->inside_;
    for (uint32_t i = 0; i < in->parts.len; i++) {
        wr_program_free(in->parts.at[i]);
    }
    free(in->parts.at);
    wr_plan_free(in->plan);
    wr_tape_release(&in->tape);
    free(in);
    free(v->templates);
    wr_arena_release(&v->arena);
    free(v);
}

bool wr_values_is_operator(const struct wr_values_node *t)
{
    const struct wr_node *n = t->node_;
    return !n || n->kind == WR_NODE_BINARY || n->kind == WR_NODE_UNARY || n->kind == WR_NODE_CASE;
}

bool wr_values_why_raw(const struct wr_sql_message *m, struct wr_buf *out)
{
    size_t at = 0;
    if (m->json) {
        return false;
    }
    struct wr_fault fault = {0};
    if (m->payload.len == 0) {
        wr_buf_add(out, WR_STR("it is empty"));
        return true;
    }
    switch (wr_json_read(NULL, m->payload, NULL, &at)) {
    case WR_JSON_VALID:
        break;
    case WR_JSON_SCALAR:
        wr_buf_add(out, WR_STR("it is a bare scalar: only an Object or an Array has attributes"));
        return true;
    case WR_JSON_TOO_DEEP:
        wr_buf_addf(out, "it is nested more than %d deep", WR_JSON_DEPTH_MAX);
        return true;
    case WR_JSON_MALFORMED:
        break;
    }
    wr_fault_at(&fault, WR_ERR_SYNTAX, m->payload, at, "%s", "");
    wr_buf_addf(out, "it stops being JSON at line %u, column %u (byte %zu): ", fault.line,
                fault.column, at);
    if (at >= m->payload.len) {
        wr_buf_add(out, WR_STR("the end comes too soon"));
    } else {
        unsigned char c = (unsigned char)m->payload.at[at];
        if (c > 0x20 && c < 0x7f) {
            wr_buf_addf(out, "found '%c'", c);
        } else {
            wr_buf_addf(out, "found byte 0x%02x", c);
        }
    }
    return true;
}
