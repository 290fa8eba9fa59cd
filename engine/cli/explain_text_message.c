// `weir explain` for people: what a rule makes of one message.
#include "engine/cli/explain_paper.h"

#include "sql/explain/levels.h"
#include "sql/explain/show.h"

#include "sql/base/banned.h"

static void add_value(const struct wr_explain *x, const wr_value *v, struct wr_buf *out)
{
    struct wr_buf text = {0};
    wr_show_value(&text, v, &x->values->arena, wr_program_dialect(x->subject->program));
    bool bad = v->type == WR_UNDEFINED || (v->type == WR_BOOLEAN && !v->as.truth);
    bool good = v->type == WR_BOOLEAN && v->as.truth;
    if (bad || good) {
        wr_paper_ink(x, out, bad ? WR_INK_BAD : WR_INK_GOOD, wr_buf_str(&text));
    } else {
        wr_buf_add(out, wr_buf_str(&text));
    }
    wr_buf_release(&text);
}

static void add_node(const struct wr_explain *x, const struct wr_values_node *n, struct wr_buf *out)
{
    if (n->role) {
        wr_buf_addf(out, "%s%s", n->role, n->source.at ? ": " : "");
    }
    wr_show_source(out, n->source);
    switch (n->state) {
    case WR_VALUES_VALUE:
        wr_buf_add(out, WR_STR(" → "));
        add_value(x, &n->value, out);
        wr_buf_add(out, n->note.at ? WR_STR(": ") : WR_STR(""));
        break;
    case WR_VALUES_FAILED:
        wr_buf_add(out, WR_STR(" → "));
        wr_paper_ink(x, out, WR_INK_BAD, WR_STR("failed"));
        wr_buf_add(out, WR_STR(": "));
        break;
    case WR_VALUES_SKIPPED:
        wr_buf_add(out, WR_STR(" not evaluated: "));
        break;
    }
    wr_paper_ink(x, out, WR_INK_DIM, n->note.at ? n->note : WR_STR(""));
    wr_buf_add_char(out, '\n');
}

static void add_tree(const struct wr_explain *x, const struct wr_values_node *n, int indent,
                     struct wr_buf *out)
{
    for (; n; n = n->next) {
        wr_buf_addf(out, "%*s", indent, "");
        add_node(x, n, out);
        add_tree(x, n->kids, indent + 2, out);
    }
}

// ---- the topic

static void topic(const struct wr_explain *x, struct wr_buf *out)
{
    const struct wr_explain_message *m = x->message;
    wr_str filter = wr_program_filter(x->subject->program);
    struct wr_buf title = {0}, advice = {0};
    wr_buf_addf(&title, "topic '%.*s' ", WR_STR_ARG(m->m.topic));
    if (m->addressed) {
        wr_buf_add(&title, m->matches ? WR_STR("names the rule (Basic Ingest)")
                                      : WR_STR("names another rule (Basic Ingest)"));
    } else if (filter.len == 0) {
        wr_buf_add(&title, WR_STR("does not match: the statement has no FROM"));
    } else {
        wr_buf_addf(&title, "%s FROM '%.*s'", m->matches ? "matches" : "does not match",
                    WR_STR_ARG(filter));
    }
    wr_paper_heading(x, out, wr_buf_str(&title));
    wr_buf_release(&title);
    if (m->addressed) {
        wr_buf_addf(out, "    %s\n",
                    m->matches ? "FROM is not asked; topic() begins behind the rule's name"
                               : "this rule has another name, so the message does not reach it");
        return;
    }
    if (filter.len == 0) {
        wr_buf_add(out, WR_STR("    reached by Basic Ingest only: $aws/rules/NAME/…\n"));
        return;
    }
    static struct wr_level levels[WR_LEVELS_MAX];
    size_t count = wr_levels_compare(filter, m->m.topic, levels);
    for (size_t i = 0; i < count && i < WR_LEVELS_MAX; i++) {
        const struct wr_level *l = &levels[i];
        size_t from = out->len;
        wr_buf_addf(out, "    %zu  ", i + 1);
        wr_show_source(out, l->filter.at ? l->filter : WR_STR("-"));
        wr_paper_pad(out, from, 24);
        from = out->len;
        wr_show_source(out, l->topic.at ? l->topic : WR_STR("-"));
        wr_paper_pad(out, from, 17);
        struct wr_buf how = {0};
        wr_levels_describe(l, &how);
        bool bad =
            l->how == WR_LEVEL_DIFFERENT || l->how == WR_LEVEL_MISSING || l->how == WR_LEVEL_EXTRA;
        wr_paper_ink(x, out, bad ? WR_INK_BAD : WR_INK_DIM, wr_buf_str(&how));
        wr_buf_add_char(out, '\n');
        wr_buf_release(&how);
    }
    wr_levels_advise(filter, m->m.topic, &advice);
    wr_paper_lines(out, wr_buf_str(&advice), 4);
    wr_buf_release(&advice);
}

// ---- the payload

static void payload(const struct wr_explain *x, struct wr_buf *out)
{
    const struct wr_values *v = x->values;
    struct wr_buf why = {0};
    if (wr_values_why_raw(&v->message, &why)) {
        wr_paper_heading(x, out, WR_STR("payload: Raw, so no path has a value"));
        wr_buf_addf(out, "    %.*s\n", WR_STR_ARG(wr_buf_str(&why)));
    } else {
        wr_paper_heading(x, out, WR_STR("payload"));
        wr_buf_add(out, WR_STR("    "));
        add_value(x, &v->root, out);
        wr_buf_add_char(out, '\n');
    }
    wr_buf_release(&why);
}

// ---- the outcome

static void add_place(const struct wr_values_node *n, const struct wr_explain *x,
                      struct wr_buf *out)
{
    struct wr_fault place;
    wr_str text = {n->source.at - n->begin, n->begin}; // up to the term
    wr_fault_at(&place, WR_OK, text, n->begin, "%s", "");
    wr_buf_addf(out, "line %u, column %u: ", place.line, place.column);
    add_node(x, n, out);
}

// The leaves that have something to say, below a term that decided.
static void add_causes(const struct wr_explain *x, const struct wr_values_node *n, int indent,
                       struct wr_buf *out)
{
    for (const struct wr_values_node *kid = n->kids; kid; kid = kid->next) {
        if (kid->note.at || !kid->kids) {
            wr_buf_addf(out, "%*s", indent, "");
            add_node(x, kid, out);
        }
        add_causes(x, kid, indent, out);
        if (kid->from && kid->value.type == WR_UNDEFINED) {
            wr_buf_addf(out, "%*s", indent, "");
            add_node(x, kid->from, out);
            add_causes(x, kid->from, indent, out);
        }
    }
}

// Terms below `n` that decided it; itself when it is one.
static void add_blamed(const struct wr_explain *x, const struct wr_values_node *n,
                       struct wr_buf *out)
{
    if (n->blamed) {
        wr_buf_add(out, WR_STR("    "));
        add_place(n, x, out);
        add_causes(x, n, 8, out);
        return;
    }
    for (const struct wr_values_node *kid = n->kids; kid; kid = kid->next) {
        add_blamed(x, kid, out);
    }
}

static void decided(const struct wr_explain *x, struct wr_buf *out)
{
    const struct wr_values *v = x->values;
    const struct wr_values_node *stop = v->stopped_by;
    if (!stop) {
        wr_buf_addf(out, "  decided by a term behind the first %d sub-expressions of WHERE\n",
                    WR_VALUES_SHOWN_MAX);
        return;
    }
    wr_buf_add(out, WR_STR("  decided by\n"));
    add_blamed(x, stop, out);
    size_t before = out->len;
    bool first = stop != v->where;
    for (const struct wr_values_node *t = first ? stop->next : NULL; t; t = t->next) {
        size_t at = out->len;
        add_blamed(x, t, out);
        if (out->len > at && first) {
            struct wr_buf rest = {0};
            wr_buf_add(&rest, wr_str_cut(wr_buf_str(out), before, out->len));
            out->len = before;
            wr_buf_add(out, WR_STR("  and if that were true, not true either\n"));
            wr_buf_add(out, wr_buf_str(&rest));
            wr_buf_release(&rest);
            first = false;
        }
    }
}

static void outcome(const struct wr_explain *x, struct wr_buf *out)
{
    const struct wr_values *v = x->values;
    const char *if_it = x->message->matches ? "" : " (if the topic matched)";
    struct wr_buf title = {0};
    switch (v->state) {
    case WR_EVAL_MATCHED:
        wr_buf_addf(&title, "the rule matches%s", if_it);
        break;
    case WR_EVAL_NO_MATCH:
        wr_buf_addf(&title, "no match: WHERE is not true%s", if_it);
        break;
    case WR_EVAL_FAILED:
    case WR_EVAL_SUSPENDED:
    case WR_EVAL_READY:
        wr_buf_addf(&title, "the rule fails%s: %s", if_it, v->fault.text);
        break;
    }
    wr_paper_heading(x, out, wr_buf_str(&title));
    wr_buf_release(&title);
    if (v->state == WR_EVAL_NO_MATCH) {
        decided(x, out);
    } else if (v->state == WR_EVAL_FAILED && !x->message->answers) {
        wr_buf_add(out,
                   WR_STR("    look-ups are not answered here; --context FILE answers them\n"));
    } else if (v->state == WR_EVAL_MATCHED) {
        struct wr_buf text = {0};
        wr_show_bytes(&text, v->output);
        wr_paper_lines(
            out, v->output.len ? wr_buf_str(&text) : WR_STR("(the outgoing payload is empty)"), 4);
        wr_buf_release(&text);
    }
}

static void values(const struct wr_explain *x, struct wr_buf *out)
{
    const struct wr_values *v = x->values;
    bool reached = v->state == WR_EVAL_MATCHED;
    if (v->set || v->where) {
        wr_paper_heading(x, out, WR_STR("values"));
    }
    add_tree(x, v->set, 4, out);
    add_tree(x, v->where, 4, out);
    if (v->items) {
        wr_paper_heading(x, out,
                         reached ? WR_STR("values of SELECT")
                                 : WR_STR("values of SELECT (not reached)"));
        add_tree(x, v->items, 4, out);
    }
}

static void templates(const struct wr_explain *x, struct wr_buf *out)
{
    const struct wr_values *v = x->values;
    bool reached = v->state == WR_EVAL_MATCHED;
    if (v->template_count) {
        wr_paper_heading(x, out, reached ? WR_STR("templates") : WR_STR("templates (not reached)"));
    }
    for (size_t i = 0; i < v->template_count; i++) {
        const struct wr_values_template *t = &v->templates[i];
        const struct wr_explain_subject *s = x->subject;
        wr_buf_addf(out, "    %s: ", i < s->template_count ? s->templates[i].parameter : "");
        wr_show_source(out, t->text);
        wr_buf_add(out, WR_STR("\n      → "));
        if (t->state == WR_EVAL_MATCHED) {
            wr_show_bytes(out, t->expanded);
        } else {
            wr_paper_ink(x, out, WR_INK_BAD, WR_STR("failed: "));
            wr_buf_addf(out, "%s", t->fault.text);
        }
        wr_buf_add_char(out, '\n');
        add_tree(x, t->parts, 8, out);
    }
}

void wr_paper_message(const struct wr_explain *x, struct wr_buf *out)
{
    topic(x, out);
    if (!x->values) {
        wr_buf_add(out, WR_STR("    no payload is given (-p): only the topic is explained\n"));
        return;
    }
    payload(x, out);
    outcome(x, out);
    values(x, out);
    templates(x, out);
    if (x->values->left_out) {
        wr_buf_addf(out, "\n… %zu more sub-expressions are left out: %d of a clause are shown\n",
                    x->values->left_out, WR_VALUES_SHOWN_MAX);
    }
}
