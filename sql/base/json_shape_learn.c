// Learning shapes from payloads.
#include "sql/base/json_shape_parts.h"

#include <limits.h>
#include <stdlib.h>

#include "sql/base/compiler.h"
#include "sql/base/err.h"
#include "sql/base/json_scan.h"
#include "sql/base/json_text.h"

#include "sql/base/banned.h"

#define OPS_MAX  4096 // a payload with more holes is not worth it
#define KEYS_MAX 1024 // of one object: each is compared with all before it

struct element {
    uint32_t op; // the array's
    const char *at;
    unsigned depth, wanted;
};

#define NO_ROW  UINT_MAX
#define NOWHERE UINT32_MAX // nobody wants it

struct learner {
    const struct wr_paths *paths;
    struct shape *s;
    const char *end;
    char literal[LITERAL]; // under construction
    unsigned len;
    unsigned wanted; // containers around that are wanted as a whole
    bool failed;
    uint32_t nowhere;         // op.at of what nobody wants
    unsigned row;             // depth of the members of the element that is learned, or NO_ROW
    unsigned columns;         // of them so far
    struct element *elements; // still to be learned
    size_t element_count, element_cap;
};

static void emit(struct learner *l, enum op_kind kind, uint32_t at, unsigned depth)
{
    struct shape *s = l->s;
    if (l->failed || s->op_count == OPS_MAX) {
        l->failed = true;
        return;
    }
    if (s->op_count == s->op_cap) {
        s->op_cap = s->op_cap ? 2 * s->op_cap : 32;
        s->ops = wr_realloc(s->ops, s->op_cap * sizeof *s->ops);
    }
    struct op *o = &s->ops[s->op_count++];
    *o = (struct op){.kind = (uint8_t)kind,
                     .len = (uint8_t)l->len,
                     .mask = (uint16_t)((1u << l->len) - 1),
                     .depth = (uint16_t)depth,
                     .at = at == NOWHERE ? l->nowhere : at};
    memcpy(o->literal, l->literal, l->len);
    l->len = 0;
}

static void add_literal(struct learner *l, const char *from, const char *to)
{
    while (from < to && !l->failed) {
        if (l->len == LITERAL) {
            emit(l, OP_TEXT, NOWHERE, 0);
        }
        l->literal[l->len++] = *from++;
    }
}

static const char *learn_space(struct learner *l, const char *p)
{
    const char *next = wr_json_skip_space(p, l->end);
    if (next > p) {
        l->s->tidy = false;
        add_literal(l, p, next);
    }
    return next;
}

static void push_element(struct learner *l, const char *at, unsigned depth, unsigned wanted)
{
    if (l->element_count == l->element_cap) {
        l->element_cap = l->element_cap ? 2 * l->element_cap : 8;
        l->elements = wr_realloc(l->elements, l->element_cap * sizeof *l->elements);
    }
    l->elements[l->element_count++] = (struct element){l->s->op_count - 1, at, depth, wanted};
}

// Where the scalar goes whose place among the wanted paths is `node`.
static uint32_t place_of(struct learner *l, const struct wr_path_node *node, unsigned depth)
{
    if (depth == l->row) {
        return l->columns++ * (uint32_t)sizeof(struct wr_member) +
               (uint32_t)offsetof(struct wr_member, value);
    }
    return node && node->slot != WR_PATHS_NO_SLOT ? node->slot * (uint32_t)sizeof(wr_value)
                                                  : NOWHERE;
}

static const char *learn_object(struct learner *l, const char *p, const struct wr_path_node *node,
                                unsigned depth);

// The value at p, which is valid; `node` is its place among the wanted paths, or NULL.
static const char *learn_value(struct learner *l, const char *p, const struct wr_path_node *node,
                               unsigned depth)
{
    uint32_t at = place_of(l, node, depth);
    wr_value v;
    if (*p == '{' || *p == '[') {
        at = depth == l->row ? NOWHERE : at;
        l->row = NO_ROW;
    }
    if (*p == '{') {
        bool whole = at != NOWHERE;
        if (whole) {
            emit(l, OP_OPEN, at, depth);
        }
        l->wanted += whole;
        p = learn_object(l, p, node, depth);
        l->wanted -= whole;
        if (whole) {
            emit(l, OP_CLOSE, at, depth);
        }
        return p;
    }
    if (*p == '[') {
        const char *first = wr_json_skip_space(p + 1, l->end);
        bool skip = at == NOWHERE && !l->wanted && *first != '{';
        emit(l, skip ? OP_SKIP_ARRAY : OP_ARRAY, at, depth);
        if (*first == '{' && !l->failed) {
            push_element(l, first, depth + 1, l->wanted + (at != NOWHERE));
        }
        return wr_json_skip_value(p, l->end, depth);
    }
    bool skip = at == NOWHERE && !l->wanted;
    emit(l,
         *p == '"'   ? (skip ? OP_SKIP_STRING : OP_STRING)
         : *p <= '9' ? (skip ? OP_SKIP_NUMBER : OP_NUMBER)
                     : OP_WORD,
         at, depth);
    return wr_json_scan_scalar(p, l->end, &v);
}

// Escapes in keys are left to the reader that knows nothing; so are repeated keys.
static bool new_key(struct learner *l, wr_str *keys, size_t count, wr_str key, bool escaped)
{
    if (escaped || count == KEYS_MAX) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (wr_str_eq(keys[i], key)) {
            return false;
        }
    }
    keys[count] = key;
    return true;
}

static void add_row_key(struct shape *s, wr_str key)
{
    if (s->key_count == s->key_cap) {
        s->key_cap = s->key_cap ? 2 * s->key_cap : 16;
        s->keys = wr_realloc(s->keys, s->key_cap * sizeof *s->keys);
    }
    s->keys[s->key_count++] = (struct range){(uint32_t)s->key_text.len, (uint32_t)key.len};
    wr_buf_add(&s->key_text, key);
}

static const char *learn_object(struct learner *l, const char *p, const struct wr_path_node *node,
                                unsigned depth)
{
    wr_str *keys = wr_alloc(KEYS_MAX * sizeof *keys);
    size_t count = 0;
    add_literal(l, p, p + 1);
    p = learn_space(l, p + 1);
    while (!l->failed && *p != '}') {
        bool escaped;
        wr_str key = wr_json_string_at(p + 1, l->end, &escaped);
        if (!new_key(l, keys, count++, key, escaped)) {
            l->failed = true;
            break;
        }
        if (depth + 1 == l->row) {
            add_row_key(l->s, key);
        }
        const char *behind = key.at + key.len + 1;
        add_literal(l, p, behind);
        p = learn_space(l, behind);
        add_literal(l, p, p + 1); // the colon
        p = learn_space(l, p + 1);
        const struct wr_path_node *child =
            node && node->count ? wr_paths_child(l->paths, node, key) : NULL;
        p = learn_value(l, p, child, depth + 1);
        if (l->failed) {
            break;
        }
        p = learn_space(l, p);
        if (*p == ',') {
            add_literal(l, p, p + 1);
            p = learn_space(l, p + 1);
        }
    }
    free(keys);
    if (!l->failed) {
        add_literal(l, p, p + 1);
        p++;
    }
    return p;
}

// The ops of an element from `first` on: whether it can be a row, and how short it may be.
static void fill_head(struct learner *l, uint32_t first, bool row)
{
    struct op *head = &l->s->ops[first - 1];
    unsigned least = 1; // the comma
    for (uint32_t i = first; i < l->s->op_count; i++) {
        struct op *o = &l->s->ops[i];
        least += o->len + (o->kind < OP_ARRAY);
        o->at = row ? o->at : l->nowhere;
    }
    head->depth = (uint16_t)(least < UINT16_MAX ? least : UINT16_MAX);
    head->element = row ? l->columns : 0;
}

static void learn_elements(struct learner *l)
{
    l->nowhere = (uint32_t)offsetof(struct wr_member, value);
    for (size_t i = 0; i < l->element_count && !l->failed; i++) {
        struct element e = l->elements[i];
        emit(l, OP_HEAD, l->s->key_count, 0);
        uint32_t first = l->s->op_count;
        l->s->ops[e.op].element = first;
        l->wanted = e.wanted;
        l->row = e.wanted ? e.depth + 1 : NO_ROW;
        l->columns = 0;
        learn_object(l, e.at, NULL, e.depth);
        emit(l, OP_END, NOWHERE, e.depth);
        if (!l->failed) {
            fill_head(l, first, l->row != NO_ROW && l->columns && l->columns <= COLUMNS_MAX);
        }
    }
}

// Whether an op outside of elements sets each slot. Not those of keys that the payload has not, nor
// those below what is no object there.
static bool sets_all(const struct shape *s, size_t op_count, size_t slots)
{
    bool *set = wr_zalloc((slots + 1) * sizeof *set); // the last: what nobody wants
    size_t count = 0;
    for (size_t i = 0; i < op_count; i++) {
        const struct op *o = &s->ops[i];
        if (o->kind != OP_TEXT && o->kind != OP_END) {
            size_t slot = o->at / sizeof(wr_value);
            count += slot < slots && !set[slot];
            set[slot] = true;
        }
    }
    free(set);
    return count == slots;
}

bool wr_shape_learn(const struct wr_paths *paths, struct shape *s, wr_str text)
{
    struct learner l = {.paths = paths, .s = s, .end = text.at + text.len, .row = NO_ROW};
    l.nowhere = (uint32_t)(paths->count * sizeof(wr_value));
    s->op_count = s->key_count = 0;
    wr_buf_clear(&s->key_text);
    s->hits = 0;
    const char *p = learn_space(&l, text.at);
    s->tidy = true; // blanks around the whole belong to no value
    p = learn_value(&l, p, paths->count ? &paths->nodes[0] : NULL, 0);
    bool tidy = s->tidy;
    if (!l.failed) {
        learn_space(&l, p);
        emit(&l, OP_END, NOWHERE, 0);
    }
    s->tidy = tidy;
    s->full = !l.failed && sets_all(s, s->op_count, paths->count);
    learn_elements(&l);
    free(l.elements);
    return !l.failed;
}
