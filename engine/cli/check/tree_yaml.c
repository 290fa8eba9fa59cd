// YAML into nodes, from libyaml's events. Aliases are copied, so the limit on nodes ends bombs of
// aliases. Local tags (!Sub) are kept; the rest of YAML's types is left to who asks.
#include "engine/cli/check/tree.h"

#include <stdio.h>
#include <stdlib.h>

#include <yaml.h>

#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define ANCHORS_MAX 1000 // names of anchors in one file

struct reader {
    struct wr_source *s;
    struct wr_fault *fault;
    yaml_parser_t parser;
    size_t depth;
    // libyaml counts characters, we count bytes: where the last mark was.
    size_t mark_index, mark_offset;
    struct {
        wr_str name;
        const struct wr_tree *tree; // NULL while it is read
    } anchors[ANCHORS_MAX];
    size_t anchor_count;
};

// Byte offset of character `index`; marks are close to each other, so few steps lead there.
static size_t offset_of(struct reader *r, size_t index)
{
    wr_str text = r->s->text;
    while (r->mark_index < index && r->mark_offset < text.len) {
        r->mark_offset++;
        while (r->mark_offset < text.len &&
               ((unsigned char)text.at[r->mark_offset] & 0xc0) == 0x80) {
            r->mark_offset++;
        }
        r->mark_index++;
    }
    while (r->mark_index > index && r->mark_offset > 0) {
        r->mark_offset--;
        while (r->mark_offset > 0 && ((unsigned char)text.at[r->mark_offset] & 0xc0) == 0x80) {
            r->mark_offset--;
        }
        r->mark_index--;
    }
    return r->mark_offset;
}

static struct wr_place place_of(struct reader *r, yaml_mark_t mark)
{
    return (struct wr_place){
        .offset = (uint32_t)offset_of(r, mark.index),
        .line = (uint32_t)mark.line + 1,
        .column = (uint32_t)mark.column + 1,
    };
}

static wr_err fail(struct reader *r, yaml_mark_t mark, wr_err code, const char *text)
{
    (void)wr_fault_set(r->fault, code, "%s", text);
    if (r->fault) {
        struct wr_place at = place_of(r, mark);
        r->fault->offset = at.offset;
        r->fault->line = at.line;
        r->fault->column = at.column;
    }
    return code;
}

static wr_err parser_failed(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    char text[200];
    snprintf(text, sizeof text, "%s%s%s", p->problem ? p->problem : "not YAML",
             p->context ? ", " : "", p->context ? p->context : "");
    if (p->error != YAML_READER_ERROR) {
        return fail(r, p->problem_mark, WR_ERR_SYNTAX, text);
    }
    struct wr_place at = wr_source_place(r->s, p->problem_offset);
    (void)wr_fault_set(r->fault, WR_ERR_SYNTAX, "%s", text);
    if (r->fault) {
        r->fault->offset = at.offset;
        r->fault->line = at.line;
        r->fault->column = at.column;
    }
    return WR_ERR_SYNTAX;
}

static wr_err next(struct reader *r, yaml_event_t *e)
{
    return yaml_parser_parse(&r->parser, e) ? WR_OK : parser_failed(r);
}

static bool is_one_of(wr_str text, const char *const *words)
{
    for (size_t i = 0; words[i]; i++) {
        if (wr_str_eq(text, wr_str_of(words[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_number(wr_str s)
{
    size_t i = 0, whole = 0, part = 0;
    i += i < s.len && s.at[i] == '-';
    for (; i < s.len && s.at[i] >= '0' && s.at[i] <= '9'; i++) {
        whole++;
    }
    if (i < s.len && s.at[i] == '.') {
        for (i++; i < s.len && s.at[i] >= '0' && s.at[i] <= '9'; i++) {
            part++;
        }
    }
    if (whole && i < s.len && (s.at[i] == 'e' || s.at[i] == 'E')) {
        i++;
        i += i < s.len && (s.at[i] == '-' || s.at[i] == '+');
        size_t from = i;
        while (i < s.len && s.at[i] >= '0' && s.at[i] <= '9') {
            i++;
        }
        whole = i > from ? whole : 0;
    }
    // 007 is an octal number to some readers and a text to others
    bool leading = whole > 1 && (s.at[0] == '0' || (s.at[0] == '-' && s.at[1] == '0'));
    return whole && i == s.len && !leading && (part || !memchr(s.at, '.', s.len));
}

// What an untagged plain scalar is.
static void resolve_plain(struct wr_tree *t)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    if (is_one_of(t->text, nulls)) {
        t->kind = WR_TREE_NULL;
    } else if (is_one_of(t->text, trues)) {
        t->kind = WR_TREE_BOOL;
        t->text = WR_STR("true");
    } else if (is_one_of(t->text, falses)) {
        t->kind = WR_TREE_BOOL;
        t->text = WR_STR("false");
    } else if (is_number(t->text)) {
        t->kind = WR_TREE_NUMBER;
    }
}

static enum wr_tree_style style_of(yaml_scalar_style_t style)
{
    switch (style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
        return WR_TREE_SINGLE;
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        return WR_TREE_DOUBLE;
    case YAML_LITERAL_SCALAR_STYLE:
    case YAML_FOLDED_SCALAR_STYLE:
        return WR_TREE_BLOCK;
    case YAML_ANY_SCALAR_STYLE:
    case YAML_PLAIN_SCALAR_STYLE:
        break;
    }
    return WR_TREE_PLAIN;
}

static wr_err read_scalar(struct reader *r, const yaml_event_t *e, struct wr_tree *t)
{
    wr_str text = {(const char *)e->data.scalar.value, e->data.scalar.length};
    t->kind = WR_TREE_TEXT;
    t->style = style_of(e->data.scalar.style);
    t->text = wr_str_dup(&r->s->arena, text);
    if (!t->text.at) {
        return fail(r, e->start_mark, WR_ERR_LIMIT, "the file takes too much memory");
    }
    if (memchr(text.at, 0, text.len)) {
        return fail(r, e->start_mark, WR_ERR_SYNTAX, "found \\0, which no text here can hold");
    }
    const char *tag = (const char *)e->data.scalar.tag;
    if (t->style == WR_TREE_PLAIN && !tag) {
        resolve_plain(t);
    }
    return WR_OK;
}

// ---- anchors and aliases

static wr_err add_anchor(struct reader *r, const yaml_event_t *e, const yaml_char_t *name,
                         size_t *index)
{
    if (r->anchor_count == ANCHORS_MAX) {
        return fail(r, e->start_mark, WR_ERR_LIMIT, "found more anchors than are read");
    }
    *index = r->anchor_count++;
    r->anchors[*index].name = wr_str_dup(&r->s->arena, wr_str_of((const char *)name));
    r->anchors[*index].tree = NULL;
    return WR_OK;
}

static struct wr_tree *copy(struct wr_source *s, const struct wr_tree *t)
{
    struct wr_tree *c = wr_tree_new(s, t->kind);
    if (!c) {
        return NULL;
    }
    *c = *t;
    c->next = NULL;
    struct wr_tree **end = &c->first;
    for (const struct wr_tree *m = t->first; m; m = m->next) {
        *end = copy(s, m);
        if (!*end) {
            return NULL;
        }
        end = &(*end)->next;
    }
    *end = NULL;
    return c;
}

static size_t height(const struct wr_tree *t)
{
    size_t most = 0;
    for (const struct wr_tree *m = t->first; m; m = m->next) {
        size_t h = height(m);
        most = h > most ? h : most;
    }
    return most + 1;
}

static wr_err read_alias(struct reader *r, const yaml_event_t *e, struct wr_tree **out)
{
    wr_str name = wr_str_of((const char *)e->data.alias.anchor);
    for (size_t i = r->anchor_count; i-- > 0;) { // a later anchor hides an earlier one
        if (!wr_str_eq(r->anchors[i].name, name)) {
            continue;
        }
        if (!r->anchors[i].tree) {
            return fail(r, e->start_mark, WR_ERR_SYNTAX, "found an alias inside of what it means");
        }
        if (r->depth + height(r->anchors[i].tree) > WR_TREE_DEPTH_MAX) {
            return fail(r, e->start_mark, WR_ERR_LIMIT,
                        "found more levels of nesting than are read");
        }
        *out = copy(r->s, r->anchors[i].tree);
        return *out ? WR_OK
                    : fail(r, e->start_mark, WR_ERR_LIMIT,
                           "found more values than are read, aliases counted");
    }
    return fail(r, e->start_mark, WR_ERR_UNKNOWN, "found an alias without its anchor");
}

// ---- values

static wr_err read_value(struct reader *r, yaml_event_t *e, struct wr_tree **out);

static wr_err read_key(struct reader *r, const yaml_event_t *e, const struct wr_tree *map,
                       wr_str *key)
{
    if (e->type != YAML_SCALAR_EVENT) {
        return fail(r, e->start_mark, WR_ERR_TYPE, "found a mapping, list or alias as a key");
    }
    wr_str text = {(const char *)e->data.scalar.value, e->data.scalar.length};
    if (memchr(text.at, 0, text.len)) {
        return fail(r, e->start_mark, WR_ERR_SYNTAX, "found \\0 in a key");
    }
    *key = wr_str_dup(&r->s->arena, text);
    return key->at ? WR_OK : fail(r, e->start_mark, WR_ERR_LIMIT, "the file takes too much memory");
}

static wr_err check_repeated(struct reader *r, const struct wr_tree *map)
{
    const struct wr_tree *first, *again = wr_tree_repeated(map, &first);
    if (!again) {
        return WR_OK;
    }
    (void)wr_fault_set(r->fault, WR_ERR_EXISTS, "found the key \"%.80s\" again, first in line %u",
                       again->key.at, (unsigned)first->key_at.line);
    if (r->fault) {
        r->fault->offset = again->key_at.offset;
        r->fault->line = again->key_at.line;
        r->fault->column = again->key_at.column;
    }
    return WR_ERR_EXISTS;
}

// Behind the start event.
static wr_err read_many(struct reader *r, struct wr_tree *t, yaml_event_type_t end_type,
                        yaml_mark_t start)
{
    struct wr_tree **end = &t->first;
    if (++r->depth > WR_TREE_DEPTH_MAX) {
        return fail(r, start, WR_ERR_LIMIT, "found more levels of nesting than are read");
    }
    for (;;) {
        yaml_event_t e;
        wr_err err = next(r, &e);
        if (err) {
            return err;
        }
        if (e.type == end_type) {
            t->end = (uint32_t)offset_of(r, e.end_mark.index);
            yaml_event_delete(&e);
            r->depth--;
            return t->kind == WR_TREE_MAP ? check_repeated(r, t) : WR_OK;
        }
        wr_str key = {0};
        struct wr_place key_at = place_of(r, e.start_mark);
        struct wr_tree *item = NULL;
        if (t->kind == WR_TREE_MAP) {
            err = read_key(r, &e, t, &key);
            yaml_event_delete(&e);
            err = err ? err : next(r, &e);
            if (err) {
                return err;
            }
        }
        err = read_value(r, &e, &item);
        yaml_event_delete(&e);
        if (err) {
            return err;
        }
        item->key = key;
        item->key_at = key_at;
        *end = item;
        end = &item->next;
        t->count++;
    }
}

static wr_err read_value(struct reader *r, yaml_event_t *e, struct wr_tree **out)
{
    if (e->type == YAML_ALIAS_EVENT) {
        return read_alias(r, e, out);
    }
    struct wr_tree *t = wr_tree_new(r->s, WR_TREE_NULL);
    if (!t) {
        return fail(r, e->start_mark, WR_ERR_LIMIT, "found more values than are read");
    }
    const yaml_char_t *anchor = NULL, *tag = NULL;
    size_t index = 0;
    wr_err err = WR_OK;
    t->at = place_of(r, e->start_mark);
    t->end = (uint32_t)offset_of(r, e->end_mark.index);
    if (e->type == YAML_SCALAR_EVENT) {
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
    }
    if (tag && tag[0] == '!' && tag[1]) {
        t->tag = wr_str_dup(&r->s->arena, wr_str_of((const char *)tag + 1));
    }
    if (anchor) {
        err = add_anchor(r, e, anchor, &index);
    }
    if (err) {
        return err;
    }
    if (e->type == YAML_SCALAR_EVENT) {
        err = read_scalar(r, e, t);
        if (tag) { // `!Ref x` and `!!str 1`: the mark is the tag's, the place is the text's
            while (t->at.offset < t->end && r->s->text.at[t->at.offset] != ' ' &&
                   r->s->text.at[t->at.offset] != '\n') {
                t->at.offset++;
                t->at.column++;
            }
            while (t->at.offset < t->end && r->s->text.at[t->at.offset] == ' ') {
                t->at.offset++;
                t->at.column++;
            }
        }
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        t->kind = WR_TREE_MAP;
        err = read_many(r, t, YAML_MAPPING_END_EVENT, e->start_mark);
    } else {
        t->kind = WR_TREE_LIST;
        err = read_many(r, t, YAML_SEQUENCE_END_EVENT, e->start_mark);
    }
    if (!err && anchor) {
        r->anchors[index].tree = t;
    }
    *out = t;
    return err;
}

// STREAM-START [DOCUMENT-START value DOCUMENT-END] STREAM-END
static wr_err read_stream(struct reader *r)
{
    bool seen = false;
    for (;;) {
        yaml_event_t e;
        wr_err err = next(r, &e);
        if (err) {
            return err;
        }
        yaml_event_type_t type = e.type;
        if (type == YAML_DOCUMENT_START_EVENT && seen) {
            err = fail(r, e.start_mark, WR_ERR_UNSUPPORTED,
                       "found a second document, expected one a file");
        } else if (type != YAML_STREAM_START_EVENT && type != YAML_STREAM_END_EVENT &&
                   type != YAML_DOCUMENT_START_EVENT && type != YAML_DOCUMENT_END_EVENT) {
            err = read_value(r, &e, &r->s->root);
            seen = true;
        }
        yaml_event_delete(&e);
        if (err) {
            r->s->root = NULL;
            return err;
        }
        if (type == YAML_STREAM_END_EVENT) {
            return seen ? WR_OK : wr_fault_set(r->fault, WR_ERR_MISSING, "the file is empty");
        }
    }
}

wr_err wr_tree_read_yaml(struct wr_source *s, struct wr_fault *fault)
{
    size_t valid = wr_utf8_valid_len(s->text);
    if (valid < s->text.len) {
        struct wr_place at = wr_source_place(s, valid);
        (void)wr_fault_set(fault, WR_ERR_SYNTAX, "found bytes that are not UTF-8");
        if (fault) {
            fault->offset = at.offset;
            fault->line = at.line;
            fault->column = at.column;
        }
        return WR_ERR_SYNTAX;
    }
    struct reader *r = wr_zalloc(sizeof *r);
    r->s = s;
    r->fault = fault;
    // the reader skips the mark and does not count it
    r->mark_offset = wr_str_starts(s->text, WR_STR("\xef\xbb\xbf")) ? 3 : 0;
    if (!yaml_parser_initialize(&r->parser)) {
        wr_out_of_memory(sizeof r->parser);
    }
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)s->text.at + r->mark_offset,
                                 s->text.len - r->mark_offset);
    wr_err err = read_stream(r);
    yaml_parser_delete(&r->parser);
    free(r);
    return err;
}
