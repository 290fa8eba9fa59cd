// What a lint is: the table of its rules, and the findings in the order of the text. The analysis
// itself is in sql/lint/.
#include "sql/lint.h"

#include "sql/lint/linter.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/banned.h"

#define LINT_BYTES_MAX (64u << 20) // facts and messages of the largest statement fit

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
    char text[WR_FAULT_TEXT_MAX];
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

static struct wr_lint *done(struct wr_lint *lint)
{
    if (lint->count) {
        qsort(lint->findings, lint->count, sizeof *lint->findings, by_place);
    }
    return lint;
}

static struct wr_lint *begin(struct wr_linter *l, const struct wr_program *p, wr_str text,
                             const struct wr_lint_options *options)
{
    struct wr_lint *lint = wr_zalloc(sizeof *lint);
    wr_arena_init(&lint->arena, LINT_BYTES_MAX);
    *l = (struct wr_linter){.p = p,
                            .host = options ? options->host : NULL,
                            .text = text,
                            .arena = &lint->arena,
                            .lint = lint};
    return lint;
}

struct wr_lint *wr_lint_statement(const struct wr_program *p, const struct wr_lint_options *options)
{
    struct wr_linter l;
    struct wr_lint *lint = begin(&l, p, p->statement.text, options);
    wr_linter_filter(&l);
    return done(lint);
}

struct wr_lint *wr_lint_template(const struct wr_program *p, wr_str text,
                                 const struct wr_lint_options *options)
{
    struct wr_linter l;
    return done(begin(&l, p, text, options));
}

void wr_lint_claims(const struct wr_program *p, const struct wr_lint_options *options,
                    void (*visit)(void *user, const struct wr_lint_claim *claim), void *user)
{
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
