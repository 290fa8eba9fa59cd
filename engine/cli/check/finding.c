// Codes as a table, and the list of findings.
#include "engine/cli/check/finding.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "sql/base/utf8.h"
#include "sql/lint.h"

#include "sql/base/banned.h"

static const struct wr_check_code codes[] = {
#define CODE(number_, name, severity_, slug_, title_, why_, remedy_, example_) \
    {.number = (number_),                                                      \
     .severity = WR_SEVERITY_##severity_,                                      \
     .slug = (slug_),                                                          \
     .title = (title_),                                                        \
     .why = (why_),                                                            \
     .remedy = (remedy_),                                                      \
     .example = (example_)},
#include "engine/cli/check/codes.h"
};

// ---- the table: ours, then the linter's

#define LINT_MAX 200 // room for codes 300 to 499
static struct wr_check_code lint_codes[LINT_MAX];
static size_t lint_count;

static void load_lint(void)
{
    if (lint_count) {
        return;
    }
    for (size_t i = 0; i < wr_lint_rule_count(); i++) {
        const struct wr_lint_rule *r = wr_lint_rule_at(i);
        wr_assert(lint_count < LINT_MAX);
        lint_codes[lint_count++] = (struct wr_check_code){
            .number = (int)r->code,
            .severity = r->severity == WR_LINT_WARNING ? WR_SEVERITY_WARNING : WR_SEVERITY_NOTE,
            .slug = r->slug,
            .title = r->title,
            .why = r->why,
            .remedy = r->remedy,
            .example = r->fires,
        };
    }
}

size_t wr_check_code_count(void)
{
    load_lint();
    return WR_COUNT(codes) + lint_count;
}

const struct wr_check_code *wr_check_code_at(size_t index)
{
    load_lint();
    return index < WR_COUNT(codes) ? &codes[index] : &lint_codes[index - WR_COUNT(codes)];
}

const struct wr_check_code *wr_check_code_find(int number)
{
    for (size_t i = 0; i < wr_check_code_count(); i++) {
        if (wr_check_code_at(i)->number == number) {
            return wr_check_code_at(i);
        }
    }
    return NULL;
}

const struct wr_check_code *wr_check_code_parse(const char *text)
{
    const char *digits = text + (*text && strchr("EWNewn", *text) ? 1 : 0);
    if (strlen(digits) == 3 && isdigit((unsigned char)digits[0]) &&
        isdigit((unsigned char)digits[1]) && isdigit((unsigned char)digits[2])) {
        return wr_check_code_find((int)strtol(digits, NULL, 10));
    }
    for (size_t i = 0; i < wr_check_code_count(); i++) {
        if (strcasecmp(wr_check_code_at(i)->slug, text) == 0) {
            return wr_check_code_at(i);
        }
    }
    return NULL;
}

const char *wr_severity_name(enum wr_severity severity)
{
    switch (severity) {
    case WR_SEVERITY_ERROR:
        return "error";
    case WR_SEVERITY_WARNING:
        return "warning";
    case WR_SEVERITY_NOTE:
        return "note";
    }
    return "";
}

void wr_check_code_text(int number, enum wr_severity severity, char out[8])
{
    char letter = severity == WR_SEVERITY_ERROR ? 'E' : severity == WR_SEVERITY_WARNING ? 'W' : 'N';
    snprintf(out, 8, "%c%03u", letter, (unsigned)number % 1000);
}

// ---- the list

void wr_findings_init(struct wr_findings *f)
{
    *f = (struct wr_findings){0};
    wr_arena_init(&f->arena, (size_t)1 << 30);
}

void wr_findings_release(struct wr_findings *f)
{
    wr_arena_release(&f->arena);
    free(f->items);
    *f = (struct wr_findings){0};
}

void wr_findings_ignore(struct wr_findings *f, int number)
{
    f->ignored_[number / 64 % WR_COUNT(f->ignored_)] |= (uint64_t)1 << (number % 64);
}

bool wr_findings_ignored(const struct wr_findings *f, int number)
{
    return f->ignored_[number / 64 % WR_COUNT(f->ignored_)] >> (number % 64) & 1;
}

static const char *keep(struct wr_findings *f, const char *text)
{
    return text ? wr_str_dup(&f->arena, wr_str_of(text)).at : NULL;
}

// The line around byte `at`: whole, or a window of it. Tabs and the like become blanks, so that the
// caret stands right.
static void add_excerpt(struct wr_findings *f, struct wr_finding *out, wr_str text, size_t at)
{
    size_t begin = at, end = at;
    while (begin > 0 && text.at[begin - 1] != '\n') {
        begin--;
    }
    while (end < text.len && text.at[end] != '\n' && text.at[end] != '\r') {
        end++;
    }
    if (end - begin > WR_EXCERPT_MAX) {
        size_t before = at - begin > WR_EXCERPT_MAX / 2 ? WR_EXCERPT_MAX / 2 : at - begin;
        begin = at - before;
        end = end - begin > WR_EXCERPT_MAX ? begin + WR_EXCERPT_MAX : end;
    }
    while (begin < at && ((unsigned char)text.at[begin] & 0xc0) == 0x80) {
        begin++;
    }
    while (end > at && end < text.len && ((unsigned char)text.at[end] & 0xc0) == 0x80) {
        end--;
    }
    wr_str line = wr_str_dup(&f->arena, wr_str_cut(text, begin, end));
    char *bytes = wr_arena_alloc(&f->arena, line.len + 1);
    if (!line.at || !bytes) {
        return;
    }
    bool valid = wr_utf8_valid(line);
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.at[i];
        bytes[i] = c < 0x20 || c == 0x7f ? ' ' : c >= 0x80 && !valid ? '?' : line.at[i];
        out->excerpt_column += i < at - begin && ((unsigned char)line.at[i] & 0xc0) != 0x80;
    }
    bytes[line.len] = '\0';
    out->excerpt = bytes;
}

// Line breaks and control characters of hostile input stay out of the report's lines.
static const char *one_line(struct wr_findings *f, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    char *copy = text ? wr_arena_alloc(&f->arena, len + 1) : NULL;
    for (size_t i = 0; copy && i <= len; i++) {
        unsigned char c = (unsigned char)text[i];
        copy[i] = (c < 0x20 && i < len) || c == 0x7f ? ' ' : text[i];
    }
    return copy;
}

void wr_findings_add(struct wr_findings *f, int number, wr_str text, size_t at,
                     const struct wr_finding *finding)
{
    if (wr_findings_ignored(f, number)) {
        return;
    }
    if (f->count == WR_FINDINGS_MAX) {
        f->left_out++;
        return;
    }
    if (f->count == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 64;
        f->items = wr_realloc(f->items, f->cap * sizeof *f->items);
    }
    struct wr_finding *out = &f->items[f->count++];
    *out = *finding;
    out->code = wr_check_code_find(number);
    wr_assert(out->code);
    out->severity = out->code->severity;
    if (f->lenient && number == WR_CODE_UNKNOWN_MEMBER) {
        out->severity = WR_SEVERITY_WARNING;
    }
    out->file = keep(f, finding->file);
    out->rule = one_line(f, finding->rule);
    out->path = one_line(f, finding->path ? finding->path : "");
    out->message = one_line(f, finding->message);
    out->remedy = one_line(f, finding->remedy);
    out->excerpt = NULL;
    out->excerpt_column = 0;
    if (at <= text.len) {
        add_excerpt(f, out, text, at);
    }
    wr_assert(!f->arena.over); // WR_FINDINGS_MAX short texts fit
}

static int by_place(const void *a, const void *b)
{
    const struct wr_finding *x = a, *y = b;
    const uint64_t keys[][2] = {
        {x->file_index, y->file_index},
        {x->line, y->line},
        {x->column, y->column},
        {x->severity, y->severity},
        {(uint64_t)x->code->number, (uint64_t)y->code->number},
    };
    for (size_t i = 0; i < WR_COUNT(keys); i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    int order = strcmp(x->path, y->path);
    return order ? order : strcmp(x->message, y->message);
}

void wr_findings_sort(struct wr_findings *f)
{
    if (f->count) {
        qsort(f->items, f->count, sizeof *f->items, by_place);
    }
}

size_t wr_findings_of(const struct wr_findings *f, enum wr_severity severity)
{
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++) {
        count += f->items[i].severity == severity;
    }
    return count;
}
