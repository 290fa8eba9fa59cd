// Terraform's own files: finds the blocks that make rules, to say where they are and that a plan is
// wanted. No Debian package parses HCL for C, and without variables and modules it would not help.
#include "engine/cli/check/check.h"

#include <ctype.h>
#include <stdlib.h>

#include "sql/base/banned.h"

#define BLOCKS_MAX 10000 // in all files

static const char type[] = "aws_iot_topic_rule";

// Behind the blanks from `at` on.
static size_t skip(wr_str text, size_t at)
{
    while (at < text.len && (text.at[at] == ' ' || text.at[at] == '\t')) {
        at++;
    }
    return at;
}

// The word in double quotes at `*at`, which moves behind it.
static bool quoted(wr_str text, size_t *at, wr_str *out)
{
    if (*at >= text.len || text.at[*at] != '"') {
        return false;
    }
    size_t end = *at + 1;
    while (end < text.len && text.at[end] != '"' && text.at[end] != '\n') {
        end++;
    }
    if (end >= text.len || text.at[end] != '"') {
        return false;
    }
    *out = wr_str_cut(text, *at + 1, end);
    *at = end + 1;
    return true;
}

static void add_block(struct wr_check *c, struct wr_source *s, wr_str name, size_t at)
{
    if (c->hcl_count == BLOCKS_MAX) {
        return;
    }
    c->hcl = wr_realloc(c->hcl, (c->hcl_count + 1) * sizeof *c->hcl);
    struct wr_buf label = {0};
    wr_buf_addf(&label, "%s.%.*s", type, WR_STR_ARG(name));
    c->hcl[c->hcl_count].label = wr_str_dup(&c->arena, wr_buf_str(&label)).at;
    c->hcl[c->hcl_count].source = s;
    c->hcl[c->hcl_count].file_index = c->file_index;
    c->hcl[c->hcl_count++].at = wr_source_place(s, at);
    wr_buf_release(&label);
}

// Behind a comment that begins at `at`, or `at`.
static size_t behind_comment(wr_str text, size_t at)
{
    bool slash = text.at[at] == '/' && at + 1 < text.len;
    if (slash && text.at[at + 1] == '*') {
        wr_str rest = wr_str_cut(text, at + 2, text.len);
        ptrdiff_t end = wr_str_find(rest, WR_STR("*/"));
        return end < 0 ? text.len : at + 2 + (size_t)end + 2;
    }
    if (text.at[at] == '#' || (slash && text.at[at + 1] == '/')) {
        while (at < text.len && text.at[at] != '\n') {
            at++;
        }
    }
    return at;
}

// resource "aws_iot_topic_rule" "name" { at the beginning of a line.
static bool block_at(struct wr_check *c, struct wr_source *s, size_t at)
{
    wr_str text = s->text, kind, name;
    if (!wr_str_starts(wr_str_cut(text, at, text.len), WR_STR("resource"))) {
        return false;
    }
    size_t here = skip(text, at + strlen("resource"));
    if (!quoted(text, &here, &kind) || !wr_str_eq(kind, wr_str_of(type))) {
        return false;
    }
    here = skip(text, here);
    if (!quoted(text, &here, &name)) {
        return false;
    }
    add_block(c, s, name, at);
    return true;
}

static bool scan(struct wr_check *c, struct wr_source *s)
{
    wr_str text = s->text;
    bool found = false, fresh = true; // only blanks in the line so far
    for (size_t at = 0; at < text.len;) {
        size_t behind = behind_comment(text, at);
        if (behind > at) {
            at = behind;
            continue;
        }
        char ch = text.at[at];
        if (fresh && ch == 'r') {
            found = block_at(c, s, at) || found;
        }
        fresh = ch == '\n' || (fresh && (ch == ' ' || ch == '\t' || ch == '\r'));
        if (ch == '"') { // a # or // inside is no comment
            for (at++; at < text.len && text.at[at] != '"' && text.at[at] != '\n'; at++) {
                at += text.at[at] == '\\';
            }
        }
        at += at < text.len && text.at[at] != '\n' ? 1 : 0;
        if (at < text.len && text.at[at] == '\n') {
            fresh = true;
            at++;
        }
    }
    return found;
}

// The JSON spelling of the same language: {"resource": {"aws_iot_topic_rule": {name: …}}}.
static bool scan_json(struct wr_check *c, struct wr_source *s)
{
    struct wr_fault fault = {0};
    if (wr_tree_read_json(s, &fault)) {
        return false;
    }
    const struct wr_tree *rules = wr_tree_get(wr_tree_get(s->root, "resource"), type);
    for (const struct wr_tree *m = rules && rules->kind == WR_TREE_MAP ? rules->first : NULL; m;
         m = m->next) {
        add_block(c, s, m->key, m->key_at.offset);
    }
    return rules != NULL;
}

bool wr_form_hcl(struct wr_check *c, struct wr_source *s)
{
    return wr_str_ends(wr_str_of(s->name), WR_STR(".json")) ? scan_json(c, s) : scan(c, s);
}
