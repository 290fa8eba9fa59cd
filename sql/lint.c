// What a lint is: the table of its rules, and the findings in the order of the text. The analysis
// itself is in sql/lint/.
#include "sql/lint.h"

#include "sql/lint/linter.h"
#include "sql/parser.h"
#include "sql/template.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/banned.h"

#define LINT_BYTES_MAX (128u << 20) // facts of the largest statement fit; messages are bounded

struct wr_lint {
    struct wr_arena arena;
    struct wr_lint_finding *findings;
    size_t count, cap, left_out;
};

// ---- the table

static const struct wr_lint_rule rules[] = {
#define LINT(code, name, severity, slug, title, why, remedy, version, fires, silent) \
    {WR_LINT_##name,                                                                 \
     WR_LINT_##severity,                                                             \
     slug,                                                                           \
     title,                                                                          \
     why,                                                                            \
     remedy,                                                                         \
     version,                                                                        \
     fires,                                                                          \
     silent,                                                                         \
     NULL,                                                                           \
     NULL},
#define LINT_TEMPLATE(code, name, severity, slug, title, why, remedy, version, fires,        \
                      fires_template, silent, silent_template)                               \
    {WR_LINT_##name, WR_LINT_##severity, slug,           title, why, remedy, version, fires, \
     silent,         fires_template,     silent_template},
#include "sql/lint_codes.h"
};

size_t wr_lint_rule_count(void)
{
    return WR_COUNT(rules);
}

const struct wr_lint_rule *wr_lint_rule_at(size_t index)
{
    return &rules[index];
}

const struct wr_lint_rule *wr_lint_rule_find(int code)
{
    for (size_t i = 0; i < WR_COUNT(rules); i++) {
        if ((int)rules[i].code == code) {
            return &rules[i];
        }
    }
    return NULL;
}

// ---- findings

void wr_linter_add(struct wr_linter *l, enum wr_lint_code code, uint32_t begin, uint32_t end,
                   const char *format, ...)
{
    struct wr_lint *lint = l->lint;
    if (lint->count == WR_LINT_FINDINGS_MAX) {
        lint->left_out++;
        return;
    }
    if (lint->count == lint->cap) {
        lint->cap = lint->cap ? 2 * lint->cap : 16;
        lint->findings = wr_realloc(lint->findings, lint->cap * sizeof *lint->findings);
    }
    char text[2 * WR_FAULT_TEXT_MAX]; // longer than a fault holds, which then marks the cut
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct wr_fault place;
    wr_fault_at(&place, WR_OK, l->text, begin, "%s", text);
    lint->findings[lint->count++] = (struct wr_lint_finding){
        .rule = wr_lint_rule_find((int)code),
        .begin = begin,
        .end = end,
        .line = place.line,
        .column = place.column,
        .message = wr_str_dup(&lint->arena, wr_str_of(place.text)),
    };
}

static int by_place(const void *a, const void *b)
{
    const struct wr_lint_finding *x = a, *y = b;
    if (x->begin != y->begin) {
        return x->begin < y->begin ? -1 : 1;
    }
    if (x->rule != y->rule) {
        return x->rule->code < y->rule->code ? -1 : 1;
    }
    return x->end < y->end ? -1 : x->end > y->end;
}

static struct wr_lint *lint_new(void)
{
    struct wr_lint *lint = wr_zalloc(sizeof *lint);
    wr_arena_init(&lint->arena, LINT_BYTES_MAX);
    return lint;
}

static struct wr_lint *done(struct wr_lint *lint)
{
    if (lint->count) {
        qsort(lint->findings, lint->count, sizeof *lint->findings, by_place);
    }
    return lint;
}

wr_str wr_linter_short(struct wr_linter *l, wr_str text)
{
    if (text.len <= WR_LINT_SHOWN) {
        return text;
    }
    size_t len = WR_LINT_SHOWN;
    while (len > 0 && ((unsigned char)text.at[len] & 0xc0) == 0x80) {
        len--;
    }
    struct wr_buf cut;
    wr_buf_init_arena(&cut, l->arena);
    wr_buf_add(&cut, wr_str_cut(text, 0, len));
    wr_buf_add(&cut, WR_STR("…"));
    return cut.over ? wr_str_cut(text, 0, len) : wr_buf_str(&cut);
}

wr_str wr_linter_source(struct wr_linter *l, const struct wr_node *n)
{
    return wr_linter_short(l, wr_str_cut(l->text, n->begin, n->end));
}

// ---- the analysis

static void begin(struct wr_linter *l, const struct wr_program *p, wr_str text,
                  const struct wr_lint_options *options, struct wr_arena *arena)
{
    *l = (struct wr_linter){.p = p,
                            .host = options ? options->host : NULL,
                            .text = text,
                            .arena = arena,
                            .num = {arena, p->dialect}};
    const struct wr_statement *s = &p->statement;
    for (uint32_t i = 0; i < s->assign_count; i++) {
        l->variables[i] = wr_linter_facts(l, s->assigns[i].expr, NULL);
    }
}

static void statement_facts(struct wr_linter *l)
{
    const struct wr_query *q = &l->p->statement.select;
    for (uint32_t i = 0; i < q->item_count; i++) {
        wr_linter_facts(l, q->items[i].expr, NULL);
    }
    if (q->where) {
        wr_linter_facts(l, q->where, NULL);
    }
}

static void value_of_2015(struct wr_linter *l)
{
    const struct wr_query *q = &l->p->statement.select;
    if (!q->value || l->num.dialect != WR_SQL_2015 || q->items[0].star) {
        return;
    }
    const struct wr_node *n = q->items[0].expr;
    if (wr_linter_fact(l, n)->can & WR_CAN_ARRAY) {
        wr_linter_add_node(l, WR_LINT_VALUE_ARRAY_2015, n,
                           "if '%.*s' is an Array the payload is empty", WR_LINT_SOURCE(l, n));
    }
}

struct wr_lint *wr_lint_statement(const struct wr_program *p, const struct wr_lint_options *options)
{
    struct wr_lint *lint = lint_new();
    struct wr_arena work;
    struct wr_linter l;
    wr_arena_init(&work, LINT_BYTES_MAX);
    begin(&l, p, p->statement.text, options, &work);
    l.lint = lint;
    statement_facts(&l);
    // What matters most comes first, in case there are more findings than are kept.
    const struct wr_statement *s = &p->statement;
    wr_linter_filter(&l);
    if (s->select.where) {
        wr_linter_where(&l, s->select.where);
        wr_linter_expression(&l, s->select.where, (struct wr_lint_place){.parent = NULL});
    }
    wr_linter_collect(&l);
    wr_linter_names(&l);
    for (uint32_t i = 0; i < s->assign_count; i++) {
        wr_linter_expression(&l, s->assigns[i].expr, (struct wr_lint_place){.parent = NULL});
    }
    for (uint32_t i = 0; i < s->select.item_count; i++) {
        const struct wr_item *item = &s->select.items[i];
        bool payload = item->expr->kind == WR_NODE_STAR && (item->star || s->select.value);
        wr_linter_expression(&l, item->expr,
                             (struct wr_lint_place){.item = !payload && !item->all});
    }
    value_of_2015(&l);
    wr_arena_release(&work);
    return done(lint);
}

struct wr_lint *wr_lint_template(const struct wr_program *p, wr_str text,
                                 const struct wr_lint_options *options)
{
    struct wr_lint *lint = lint_new();
    struct wr_arena work;
    struct wr_linter l;
    wr_arena_init(&work, LINT_BYTES_MAX);
    begin(&l, p, text, options, &work);
    l.lint = lint;
    wr_linter_collect(&l);
    struct wr_template_part part;
    struct wr_fault wrong = {0};
    size_t at = 0;
    while (wr_template_next(text, &at, &part, &wrong)) {
        struct wr_node *n;
        size_t from = (size_t)(part.text.at - text.at);
        if (!part.expression || wr_parse_expression(text, from, from + part.text.len, p->dialect,
                                                    &p->statement, &work, &n, NULL)) {
            continue; // who compiled the rule has said what is wrong
        }
        wr_linter_facts(&l, n, NULL);
        wr_linter_expression(&l, n, (struct wr_lint_place){.parent = NULL});
        wr_linter_template_names(&l, n);
    }
    wr_arena_release(&work);
    return done(lint);
}

// ---- claims

struct claims {
    struct wr_linter l;
    void (*visit)(void *user, const struct wr_lint_claim *claim);
    void *user;
};

static uint8_t types_of(unsigned can)
{
    static const struct {
        uint16_t can;
        enum wr_type type;
    } types[] = {
        {WR_CAN_UNDEFINED, WR_UNDEFINED}, {WR_CAN_NULL, WR_NULL},     {WR_CAN_BOOLEAN, WR_BOOLEAN},
        {WR_CAN_NUMBER, WR_NUMBER},       {WR_CAN_STRING, WR_STRING}, {WR_CAN_ARRAY, WR_ARRAY},
        {WR_CAN_OBJECT, WR_OBJECT},       {WR_CAN_RAW, WR_RAW},
    };
    unsigned found = 0;
    for (size_t i = 0; i < WR_COUNT(types); i++) {
        found |= can & types[i].can ? 1u << types[i].type : 0u;
    }
    return (uint8_t)found;
}

static void claim(struct claims *c, const struct wr_node *n)
{
    const struct wr_fact *f = wr_linter_fact(&c->l, n);
    if (n->kind != WR_NODE_PAIR && n->kind != WR_NODE_ALL) {
        c->visit(c->user, &(struct wr_lint_claim){.begin = n->begin,
                                                  .end = n->end,
                                                  .types = types_of(f->can),
                                                  .constant = f->constant,
                                                  .never_true = !(f->can & WR_CAN_HOLD),
                                                  .always_true = !(f->can & ~WR_CAN_HOLD)});
    }
    for (uint32_t i = 0; i < n->kid_count && n->kind != WR_NODE_EXISTS; i++) {
        claim(c, n->kids[i]);
    }
}

void wr_lint_claims(const struct wr_program *p, const struct wr_lint_options *options,
                    void (*visit)(void *user, const struct wr_lint_claim *claim), void *user)
{
    struct wr_arena arena;
    wr_arena_init(&arena, LINT_BYTES_MAX);
    struct claims c = {.visit = visit, .user = user};
    begin(&c.l, p, p->statement.text, options, &arena);
    statement_facts(&c.l);
    const struct wr_statement *s = &p->statement;
    for (uint32_t i = 0; i < s->assign_count; i++) {
        claim(&c, s->assigns[i].expr);
    }
    for (uint32_t i = 0; i < s->select.item_count; i++) {
        claim(&c, s->select.items[i].expr);
    }
    if (s->select.where) {
        claim(&c, s->select.where);
    }
    wr_arena_release(&arena);
}

size_t wr_lint_count(const struct wr_lint *l)
{
    return l->count;
}

const struct wr_lint_finding *wr_lint_at(const struct wr_lint *l, size_t index)
{
    return &l->findings[index];
}

size_t wr_lint_left_out(const struct wr_lint *l)
{
    return l->left_out;
}

void wr_lint_free(struct wr_lint *l)
{
    if (l) {
        free(l->findings);
        wr_arena_release(&l->arena);
        free(l);
    }
}
