// `weir explain --json`: the same findings as one JSON object. docs/explain.md names the members.
#include "engine/cli/explain.h"

#include "sql/base/json.h"
#include "sql/base/utf8.h"
#include "sql/explain/atoms.h"
#include "sql/explain/levels.h"
#include "sql/explain/listing.h"
#include "sql/explain/show.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define VALUE_BYTES_MAX 4096 // of a value that is written whole; longer ones are only shown

// ---- writing

static void comma(struct wr_buf *b)
{
    if (b->len && !strchr("{[:", b->at[b->len - 1])) {
        wr_buf_add_char(b, ',');
    }
}

static void open_(struct wr_buf *b, const char *name, char bracket)
{
    comma(b);
    if (name) {
        wr_buf_addf(b, "\"%s\":", name);
    }
    wr_buf_add_char(b, bracket);
}

static void text(struct wr_buf *b, const char *name, wr_str s)
{
    comma(b);
    if (name) {
        wr_buf_addf(b, "\"%s\":", name);
    }
    wr_json_write_string(b, s);
}

static void number(struct wr_buf *b, const char *name, uint64_t n)
{
    comma(b);
    wr_buf_addf(b, "\"%s\":", name);
    wr_buf_add_u64(b, n);
}

static void truth(struct wr_buf *b, const char *name, bool yes)
{
    comma(b);
    wr_buf_addf(b, "\"%s\":%s", name, yes ? "true" : "false");
}

static void place(struct wr_buf *b, wr_str source, uint32_t line, uint32_t column)
{
    if (source.at) {
        text(b, "source", source);
        number(b, "line", line);
        number(b, "column", column);
    }
}

// ---- the rule

static void levels_of(struct wr_buf *b, wr_str filter)
{
    wr_str level;
    open_(b, "levels", '[');
    for (size_t i = 0; wr_topic_level(filter, i, &level); i++) {
        text(b, NULL, level);
    }
    wr_buf_add_char(b, ']');
}

static void atoms_of(struct wr_buf *b, struct wr_atoms atoms)
{
    open_(b, "atoms", '[');
    for (size_t i = 0; i < atoms.count; i++) {
        const struct wr_atom *a = &atoms.at[i];
        open_(b, NULL, '{');
        text(b, "kind", wr_str_of(wr_atom_kind_name(a->kind)));
        if (a->kind == WR_ATOM_ALL) {
            text(b, "why", a->why);
        } else {
            text(b, "path", a->path);
        }
        if (a->kind == WR_ATOM_RANGE) {
            text(b, "sign", wr_str_of(a->sign));
        }
        if (a->kind == WR_ATOM_RANGE || a->kind == WR_ATOM_EQ) {
            text(b, "constant", a->constant);
        }
        wr_buf_add_char(b, '}');
    }
    wr_buf_add_char(b, ']');
}

static void index_of(const struct wr_explain *x, const struct wr_listing *l, struct wr_buf *b)
{
    const struct wr_atoms_term *terms = NULL;
    size_t count = wr_atoms_terms(x->subject->program, x->arena, &terms);
    open_(b, "index", '{');
    atoms_of(b, wr_atoms_of(x->subject->program, x->arena));
    open_(b, "terms", '[');
    for (size_t i = 0; i < count; i++) {
        open_(b, NULL, '{');
        text(b, "source", wr_str_cut(wr_listing_statement(l), terms[i].begin, terms[i].end));
        truth(b, "chosen", terms[i].chosen);
        atoms_of(b, terms[i].atoms);
        wr_buf_add_char(b, '}');
    }
    wr_buf_add(b, WR_STR("]}"));
}

static void reads(const struct wr_listing *l, struct wr_buf *b)
{
    const struct wr_listing_path *paths;
    size_t count = wr_listing_paths(l, &paths);
    bool whole = false;
    open_(b, "reads", '[');
    for (size_t i = 0; i < count; i++) {
        whole |= paths[i].whole;
        open_(b, NULL, '{');
        text(b, "path", paths[i].text);
        text(b, "by", paths[i].clauses);
        wr_buf_add_char(b, '}');
    }
    wr_buf_add_char(b, ']');
    truth(b, "wholePayload", whole);
}

static void facts(const struct wr_listing *l, struct wr_buf *b)
{
    const struct wr_listing_constant *constants;
    size_t count = wr_listing_constants(l, &constants);
    open_(b, "constants", '[');
    for (size_t i = 0; i < count; i++) {
        const struct wr_listing_place *p = &constants[i].place;
        open_(b, NULL, '{');
        text(b, "clause", wr_listing_clause(l, p->clause));
        place(b, p->source, p->line, p->column);
        text(b, "shown", constants[i].value);
        wr_buf_add_char(b, '}');
    }
    wr_buf_add_char(b, ']');
    const struct wr_listing_lookup *lookups;
    count = wr_listing_lookups(l, &lookups);
    open_(b, "lookups", '[');
    for (size_t i = 0; i < count; i++) {
        const struct wr_listing_place *p = &lookups[i].place;
        open_(b, NULL, '{');
        text(b, "function", wr_str_of(lookups[i].function));
        text(b, "clause", wr_listing_clause(l, p->clause));
        place(b, p->source, p->line, p->column);
        wr_buf_add_char(b, '}');
    }
    wr_buf_add_char(b, ']');
}

static void program(const struct wr_listing *l, struct wr_buf *b)
{
    size_t count = wr_listing_count(l);
    open_(b, "program", '[');
    for (size_t i = 0; i < count && i < WR_EXPLAIN_INSTRUCTIONS_MAX; i++) {
        struct wr_listing_line line;
        wr_listing_line(l, i, &line);
        open_(b, NULL, '{');
        number(b, "at", i);
        text(b, "clause", wr_listing_clause(l, line.place.clause));
        text(b, "opcode", wr_str_of(line.opcode));
        text(b, "operands", line.operands);
        text(b, "does", line.words);
        place(b, line.place.source, line.place.line, line.place.column);
        wr_buf_add_char(b, '}');
    }
    wr_buf_add_char(b, ']');
    open_(b, "guards", '[');
    for (size_t i = 0; i < wr_listing_guard_count(l); i++) {
        struct wr_listing_guard g = wr_listing_guard_at(l, i);
        open_(b, NULL, '{');
        number(b, "begin", g.begin);
        number(b, "end", g.end);
        number(b, "handler", g.handler);
        wr_buf_add_char(b, '}');
    }
    wr_buf_add_char(b, ']');
    struct wr_listing_sizes s = wr_listing_sizes(l);
    open_(b, "limits", '{');
    number(b, "instructions", s.instructions);
    number(b, "instructionsMax", WR_SQL_CODE_MAX);
    number(b, "registers", s.registers);
    number(b, "constants", s.constants);
    number(b, "variables", s.variables);
    number(b, "variablesMax", WR_SQL_VARS_MAX);
    number(b, "statementBytes", s.statement_len);
    number(b, "statementBytesMax", WR_SQL_LEN_MAX);
    number(b, "fuel", s.fuel);
    wr_buf_add_char(b, '}');
}

static void rule(const struct wr_explain *x, const struct wr_listing *l, struct wr_buf *b)
{
    const struct wr_explain_subject *s = x->subject;
    open_(b, "rule", '{');
    if (s->rule) {
        text(b, "name", s->rule->name);
        if (wr_utf8_valid(wr_str_of(s->file))) { // a path is bytes, JSON is not
            text(b, "file", wr_str_of(s->file));
        }
        truth(b, "enabled", s->rule->enabled);
    }
    text(b, "sql", wr_listing_statement(l));
    text(b, "sqlVersion", s->given_version);
    text(b, "effectiveVersion", wr_program_version(s->program));
    open_(b, "warnings", '[');
    for (size_t i = 0; i < wr_program_warning_count(s->program); i++) {
        const struct wr_fault *w = wr_program_warning(s->program, i);
        open_(b, NULL, '{');
        text(b, "text", wr_str_of(w->text));
        number(b, "line", w->line);
        number(b, "column", w->column);
        wr_buf_add_char(b, '}');
    }
    wr_buf_add_char(b, ']');
    wr_str filter = wr_program_filter(s->program);
    if (filter.len) {
        text(b, "filter", filter);
        levels_of(b, filter);
    }
    reads(l, b);
    index_of(x, l, b);
    facts(l, b);
    open_(b, "templates", '[');
    for (size_t i = 0; i < s->template_count; i++) {
        open_(b, NULL, '{');
        text(b, "parameter", wr_str_of(s->templates[i].parameter));
        text(b, "text", s->templates[i].text);
        wr_buf_add_char(b, '}');
    }
    wr_buf_add_char(b, ']');
    program(l, b);
    wr_buf_add_char(b, '}');
}

// ---- the message

static void value(const struct wr_explain *x, const wr_value *v, struct wr_buf *b)
{
    enum wr_dialect dialect = wr_program_dialect(x->subject->program);
    struct wr_arena *arena = &x->values->arena;
    struct wr_buf whole, shown = {0};
    text(b, "type", wr_str_of(wr_value_type_name(v)));
    wr_buf_init(&whole, VALUE_BYTES_MAX);
    if (v->type != WR_UNDEFINED && v->type != WR_RAW) {
        wr_json_write(&whole, v, arena, dialect);
    }
    if (whole.len && !whole.over) {
        comma(b);
        wr_buf_add(b, WR_STR("\"value\":"));
        wr_buf_add(b, wr_buf_str(&whole));
    } else if (v->type != WR_UNDEFINED) {
        wr_show_value(&shown, v, arena, dialect);
        text(b, "shown", wr_buf_str(&shown));
    }
    wr_buf_release(&shown);
    wr_buf_release(&whole);
}

static void nodes(const struct wr_explain *x, const char *name, const struct wr_values_node *n,
                  struct wr_buf *b)
{
    static const char *const states[] = {"value", "failed", "not evaluated"};
    open_(b, name, '[');
    for (; n; n = n->next) {
        open_(b, NULL, '{');
        if (n->role) {
            text(b, "role", wr_str_of(n->role));
        }
        if (n->source.at) {
            struct wr_fault at;
            wr_str before = {n->source.at - n->begin, n->begin};
            wr_fault_at(&at, WR_OK, before, n->begin, "%s", "");
            place(b, n->source, at.line, at.column);
        }
        text(b, "state", wr_str_of(states[n->state]));
        if (n->state == WR_VALUES_VALUE) {
            value(x, &n->value, b);
        }
        if (n->note.at) {
            text(b, "note", n->note);
        }
        if (n->blamed) {
            truth(b, "decided", true);
        }
        if (n->kids) {
            nodes(x, "parts", n->kids, b);
        }
        wr_buf_add_char(b, '}');
    }
    wr_buf_add_char(b, ']');
}

static void topic(const struct wr_explain *x, struct wr_buf *b)
{
    static const char *const hows[] = {"same", "plus", "hash", "different", "missing", "extra"};
    static struct wr_level levels[WR_LEVELS_MAX];
    const struct wr_explain_message *m = x->message;
    wr_str filter = wr_program_filter(x->subject->program);
    text(b, "topic", m->m.topic);
    truth(b, "topicMatches", m->matches);
    truth(b, "basicIngest", m->addressed);
    if (m->addressed || filter.len == 0) {
        return;
    }
    size_t count = wr_levels_compare(filter, m->m.topic, levels);
    open_(b, "levels", '[');
    for (size_t i = 0; i < count && i < WR_LEVELS_MAX; i++) {
        struct wr_buf words = {0};
        wr_levels_describe(&levels[i], &words);
        open_(b, NULL, '{');
        text(b, "how", wr_str_of(hows[levels[i].how]));
        if (levels[i].filter.at) {
            text(b, "filter", levels[i].filter);
        }
        if (levels[i].topic.at) {
            text(b, "topic", levels[i].topic);
        }
        text(b, "note", wr_buf_str(&words));
        wr_buf_add_char(b, '}');
        wr_buf_release(&words);
    }
    wr_buf_add_char(b, ']');
    struct wr_buf advice = {0};
    wr_levels_advise(filter, m->m.topic, &advice);
    if (advice.len) {
        text(b, "advice", wr_str_cut(wr_buf_str(&advice), 0, advice.len - 1));
    }
    wr_buf_release(&advice);
}

static void bytes(struct wr_buf *b, wr_str s)
{
    size_t len = s.len < WR_SHOW_MESSAGE_MAX ? s.len : WR_SHOW_MESSAGE_MAX;
    bool utf8 = wr_utf8_valid(s);
    while (utf8 && len < s.len && ((unsigned char)s.at[len] & 0xc0) == 0x80) {
        len--;
    }
    wr_str cut = wr_str_cut(s, 0, len);
    if (utf8) {
        text(b, "text", cut);
    } else {
        comma(b);
        wr_buf_add(b, WR_STR("\"base64\":\""));
        wr_buf_add_base64(b, cut);
        wr_buf_add_char(b, '"');
    }
    number(b, "bytes", s.len);
    if (cut.len < s.len) {
        truth(b, "cut", true);
    }
}

static const char *outcome_of(enum wr_eval_state state)
{
    switch (state) {
    case WR_EVAL_MATCHED:
        return "output";
    case WR_EVAL_NO_MATCH:
        return "nomatch";
    case WR_EVAL_FAILED:
    case WR_EVAL_SUSPENDED:
    case WR_EVAL_READY:
        break;
    }
    return "error";
}

static void templates(const struct wr_explain *x, struct wr_buf *b)
{
    const struct wr_values *v = x->values;
    open_(b, "templates", '[');
    for (size_t i = 0; i < v->template_count; i++) {
        const struct wr_values_template *t = &v->templates[i];
        open_(b, NULL, '{');
        if (i < x->subject->template_count) {
            text(b, "parameter", wr_str_of(x->subject->templates[i].parameter));
        }
        text(b, "template", t->text);
        text(b, "outcome", wr_str_of(outcome_of(t->state)));
        if (t->state == WR_EVAL_MATCHED) {
            bytes(b, t->expanded);
            truth(b, "undefined", t->undefined);
        } else {
            text(b, "error", wr_str_of(t->fault.text));
        }
        nodes(x, "parts", t->parts, b);
        wr_buf_add_char(b, '}');
    }
    wr_buf_add_char(b, ']');
}

static void message(const struct wr_explain *x, struct wr_buf *b)
{
    const struct wr_values *v = x->values;
    open_(b, "message", '{');
    topic(x, b);
    if (v) {
        struct wr_buf why = {0};
        if (wr_values_why_raw(&v->message, &why)) {
            text(b, "raw", wr_buf_str(&why));
        }
        wr_buf_release(&why);
        text(b, "outcome", wr_str_of(outcome_of(v->state)));
        if (v->state == WR_EVAL_MATCHED) {
            open_(b, "output", '{');
            bytes(b, v->output);
            truth(b, "json", v->json);
            wr_buf_add_char(b, '}');
        } else if (v->state != WR_EVAL_NO_MATCH) {
            text(b, "error", wr_str_of(v->fault.text));
        }
        if (v->stopped_by) {
            struct wr_fault at;
            const struct wr_values_node *n = v->stopped_by;
            wr_str before = {n->source.at - n->begin, n->begin};
            wr_fault_at(&at, WR_OK, before, n->begin, "%s", "");
            open_(b, "stoppedBy", '{');
            place(b, n->source, at.line, at.column);
            wr_buf_add_char(b, '}');
        }
        nodes(x, "set", v->set, b);
        nodes(x, "where", v->where, b);
        nodes(x, "select", v->items, b);
        templates(x, b);
        number(b, "leftOut", v->left_out);
    }
    wr_buf_add_char(b, '}');
}

void wr_explain_write_json(const struct wr_explain *x, struct wr_buf *out)
{
    struct wr_listing l;
    wr_buf_add_char(out, '{');
    if (!wr_listing_init(&l, x->subject->program, x->arena)) {
        rule(x, &l, out);
    }
    if (x->message) {
        message(x, out);
    }
    wr_buf_add(out, WR_STR("}\n"));
}
