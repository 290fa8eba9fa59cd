// Walks the tree: expressions, nested queries, SELECT output (sql.md 7, 8), and the case's answer.
#include "tests/model/model.h"

#include <string.h>

static bool is_true(mval v) // sql.md 8.2
{
    mval truth = model_to_bool(v);
    return truth->type == MODEL_BOOL && truth->truth;
}

static void merge(struct model *m, struct model_value *out, mval object)
{
    for (size_t i = 0; object->type == MODEL_OBJECT && i < object->list.count; i++) {
        if (object->list.at[i].value->type != MODEL_UNDEFINED) {
            model_put(m, out, object->list.at[i].key, object->list.at[i].value);
        }
    }
}

// Put `v` at the end of a dotted alias; what is no Object on the way is replaced.
static void put_path(struct model *m, struct model_value *out, const struct model_text *path,
                     size_t len, mval v)
{
    if (len > 1) {
        struct model_value *inner = model_new(m, MODEL_OBJECT);
        merge(m, inner, model_member_of(out, path[0]));
        put_path(m, inner, path + 1, len - 1, v);
        v = inner;
    }
    model_put(m, out, path[0], v);
}

// What the items of a SELECT make of the current payload or row.
static mval project(struct model_run *r, const struct model_query *q)
{
    struct model_value *out = model_new(r->m, MODEL_OBJECT);
    if (q->value) {
        mval v = model_eval(r, q->items[0].expr);
        return !q->items[0].spread || v->type == MODEL_OBJECT ? v : out;
    }
    for (size_t i = 0; i < q->count; i++) {
        const struct model_item *item = &q->items[i];
        bool star = item->expr->kind == NODE_STAR;
        mval v = model_eval(r, item->expr);
        if (!item->has_alias && q->count == 1 && !item->spread &&
            (star || item->expr->kind == NODE_OBJECT)) {
            return v;
        }
        if (!item->has_alias && (star || item->spread)) {
            merge(r->m, out, v);
        } else if (v->type != MODEL_UNDEFINED) {
            put_path(r->m, out, item->path, item->path_len, v);
        }
    }
    return out;
}

static void query_row(const struct model_run *outer, const struct model_query *q, mval item,
                      struct model_value *out)
{
    struct model_row row = {item, q->as};
    struct model_run inner = *outer;
    inner.row = &row;
    if (q->where && !is_true(model_eval(&inner, q->where))) {
        return;
    }
    mval v = project(&inner, q);
    if (v->type != MODEL_UNDEFINED) {
        model_append(outer->m, out, v);
    }
}

static mval run_query(struct model_run *r, const struct model_query *q)
{
    mval source = model_eval(r, q->source);
    struct model_value *out = model_new(r->m, MODEL_ARRAY);
    if (source->type == MODEL_OBJECT) {
        query_row(r, q, source, out);
        return out;
    }
    if (source->type != MODEL_ARRAY) {
        return &model_undefined;
    }
    for (size_t i = 0; i < source->list.count; i++) {
        query_row(r, q, source->list.at[i].value, out);
    }
    return out;
}

static mval run_case(struct model_run *r, const struct model_node *n)
{
    mval v = model_eval(r, n->kids[0]);
    size_t pairs = n->count - n->has_else;
    if (v->type == MODEL_UNDEFINED) {
        return v;
    }
    for (size_t i = 1; i < pairs; i += 2) {
        if (is_true(model_binary(r->m, TEXT("="), v, model_eval(r, n->kids[i])))) {
            return model_eval(r, n->kids[i + 1]);
        }
    }
    return n->has_else ? model_eval(r, n->kids[n->count - 1]) : &model_undefined;
}

static mval tally(struct model_run *r, const struct model_function *f, mval v)
{
    for (struct model_tally *t = r->m->tally; t && t->function; t++) {
        if (t->function == f->name) {
            t->calls++;
            t->values += v->type != MODEL_UNDEFINED && v->type != MODEL_NULL;
        }
    }
    return v;
}

static mval call(struct model_run *r, const struct model_node *n)
{
    const struct model_function *f = model_function(n->text);
    mval *args = model_alloc(r->m, (n->count + 1) * sizeof *args);
    for (size_t i = 0; i < n->count; i++) {
        args[i] = model_eval(r, n->kids[i]);
    }
    if (n->count < f->min || n->count > f->max) {
        return &model_undefined;
    }
    if (model_text_is_nocase(n->text, "encode")) {
        bool payload = n->kids[0]->kind == NODE_STAR && !r->row;
        return tally(r, f, model_encode(r, args[0], args[1], payload));
    }
    return tally(r, f, f->body(r, args, n->count));
}

static mval name(const struct model_run *r, struct model_text text)
{
    if (r->row && r->row->as.at && model_text_same(text, r->row->as)) {
        return r->row->item;
    }
    return model_member_of(r->row ? r->row->item : r->payload, text);
}

static mval variable(const struct model_run *r, struct model_text text)
{
    for (size_t i = 0; i < r->statement->var_count; i++) {
        if (model_text_same(r->statement->vars[i], text)) {
            return r->vars[i];
        }
    }
    return &model_undefined;
}

static mval collect(struct model_run *r, const struct model_node *n)
{
    struct model_value *out = model_new(r->m, n->kind == NODE_ARRAY ? MODEL_ARRAY : MODEL_OBJECT);
    for (size_t i = 0; i < n->count; i++) {
        mval v = model_eval(r, n->kids[i]);
        if (v->type == MODEL_UNDEFINED) {
            continue;
        }
        if (n->kind == NODE_ARRAY) {
            model_append(r->m, out, v);
        } else {
            model_put(r->m, out, n->keys[i], v);
        }
    }
    return out;
}

mval model_eval(struct model_run *r, const struct model_node *n)
{
    mval v;
    switch (n->kind) {
    case NODE_VALUE:
        return n->value;
    case NODE_STAR:
        return r->row ? r->row->item : r->payload;
    case NODE_VARIABLE:
        return variable(r, n->text);
    case NODE_NAME:
        return name(r, n->text);
    case NODE_MEMBER:
        return model_member_of(model_eval(r, n->kids[0]), n->text);
    case NODE_INDEX:
        v = model_eval(r, n->kids[0]);
        return model_get(r->m, v, model_eval(r, n->kids[1]));
    case NODE_CALL:
        return call(r, n);
    case NODE_CAST:
        return model_cast(r->m, model_eval(r, n->kids[0]), n->type);
    case NODE_QUERY:
        return run_query(r, n->query);
    case NODE_EXISTS:
        v = run_query(r, n->query);
        return model_bool(v->type == MODEL_ARRAY && v->list.count > 0);
    case NODE_CASE:
        return run_case(r, n);
    case NODE_ARRAY:
    case NODE_OBJECT:
        return collect(r, n);
    case NODE_UNARY:
        return model_unary(r->m, n->text, model_eval(r, n->kids[0]));
    case NODE_BINARY:
        v = model_eval(r, n->kids[0]);
        return model_binary(r->m, n->text, v, model_eval(r, n->kids[1]));
    }
    return &model_undefined;
}

// ---- topics: sql.md 8.1

static size_t level_end(struct model_text t, size_t at)
{
    while (at < t.len && t.at[at] != '/') {
        at++;
    }
    return at;
}

static bool topic_fits(struct model_text filter, struct model_text topic)
{
    size_t f = 0, t = 0;
    if (topic.len && topic.at[0] == '$' && (filter.at[0] == '+' || filter.at[0] == '#')) {
        return false;
    }
    for (;;) {
        size_t f_end = level_end(filter, f), t_end = level_end(topic, t);
        struct model_text want = model_text_part(filter, f, f_end);
        if (model_text_is(want, "#")) {
            return true;
        }
        if (!model_text_is(want, "+") && !model_text_same(want, model_text_part(topic, t, t_end))) {
            return false;
        }
        if (f_end == filter.len || t_end == topic.len) {
            return f_end == filter.len && t_end == topic.len;
        }
        f = f_end + 1;
        t = t_end + 1;
    }
}

// ---- one case

static mval read_payload(struct model *m, struct model_text payload)
{
    mval v;
    if (model_json_read(m, payload, &v) && (v->type == MODEL_OBJECT || v->type == MODEL_ARRAY)) {
        return v;
    }
    return model_raw(m, payload);
}

static void invalid(struct model_answer *a, struct model_text text, size_t at)
{
    a->outcome = MODEL_INVALID;
    a->at = at;
    a->line = a->column = 1;
    for (size_t i = 0; i < at; i++) {
        if (text.at[i] == '\n') {
            a->line++;
            a->column = 1;
        } else {
            a->column += ((unsigned char)text.at[i] & 0xc0) != 0x80;
        }
    }
}

// Both passes over a template: with `r` NULL only the syntax.
static bool expand(struct model *m, struct model_run *r, const struct model_statement *s,
                   struct model_text t, struct model_buf *out, size_t *fault)
{
    for (size_t at = 0; at < t.len;) {
        struct model_node *n;
        if (t.at[at] != '$' || at + 1 == t.len || t.at[at + 1] != '{') {
            model_add_char(out, t.at[at++]);
            continue;
        }
        if (!model_parse_template(m, t, at + 2, s, &n, &at, fault)) {
            return false;
        }
        if (r) {
            mval v = model_eval(r, n);
            if (v->type == MODEL_RAW) {
                model_base64_write(out, v->text);
            } else {
                model_add(out, model_to_string(m, v)->text);
            }
        }
    }
    return true;
}

static bool version_known(struct model *m, struct model_text version)
{
    m->is16 = model_text_is(version, "2016-03-23") || model_text_is(version, "beta");
    return m->is16 || version.len == 0 || model_text_is(version, "2015-10-08");
}

static void statement_answer(struct model_run *r, struct model_answer *a)
{
    const struct model_query *q = &r->statement->query;
    const struct model_message *message = r->message;
    a->outcome = MODEL_NOMATCH;
    if (!message->basic_ingest && (!q->has_from || !topic_fits(q->filter, message->topic))) {
        return;
    }
    if (q->where && !is_true(model_eval(r, q->where))) {
        return;
    }
    a->outcome = MODEL_OUTPUT;
    mval v = project(r, q);
    if (q->value && !r->m->is16 && v->type == MODEL_ARRAY) {
        v = &model_undefined; // sql.md 12
    }
    a->whole = q->count == 1 && v == r->payload;
    struct model_buf b = {.m = r->m};
    if (v->type == MODEL_RAW && v == r->payload) {
        model_add(&b, v->text);
    } else {
        model_json_write(&b, v);
    }
    a->bytes = model_buf_text(&b);
}

// A statement is text: UTF-8 without NUL. sql.md does not say it; what is none is told first.
static bool is_text(struct model_text t, size_t *at)
{
    for (size_t step; *at < t.len; *at += step) {
        step = model_utf8(t, *at, NULL);
        if (step == 0 || t.at[*at] == 0) {
            return false;
        }
    }
    return true;
}

void model_answer(struct model *m, const struct model_case *c, struct model_answer *a)
{
    struct model_statement s;
    struct model_text sql = c->sql.at ? c->sql : TEXT("SELECT *");
    struct model_buf text = {.m = m};
    size_t at = 0;
    *a = (struct model_answer){.outcome = MODEL_INVALID};
    if (!version_known(m, c->version)) {
        return;
    }
    if (!is_text(sql, &at) || !model_parse(m, sql, &s, &at)) {
        invalid(a, sql, at);
    } else if (c->template.at && !expand(m, NULL, &s, c->template, &text, &at)) {
        invalid(a, c->template, at);
    } else {
        struct model_run r = {m,
                              &c->message,
                              c->version.len ? c->version : TEXT("2015-10-08"),
                              read_payload(m, c->message.payload),
                              &s,
                              {0},
                              NULL};
        for (size_t i = 0; i < s.var_count; i++) {
            r.vars[i] = &model_undefined;
        }
        for (size_t i = 0; i < s.var_count; i++) {
            mval v = model_eval(&r, s.sets[i]);
            r.vars[i] = v->type == MODEL_RAW ? &model_undefined : v; // sql.md 8.3
        }
        text = (struct model_buf){.m = m};
        if (c->template.at) {
            expand(m, &r, &s, c->template, &text, &at);
            a->outcome = MODEL_OUTPUT;
            a->bytes = model_buf_text(&text);
        } else {
            statement_answer(&r, a);
        }
    }
    a->chance = m->chance;
    m->chance = false;
    if (m->unsupported) {
        a->outcome = MODEL_UNSUPPORTED;
        a->why = m->unsupported;
    }
}
