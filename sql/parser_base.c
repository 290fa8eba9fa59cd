// What the two halves of the parser stand on: tokens, faults, nodes. No grammar.
#include "sql/parser_base.h"

#include "sql/base/banned.h"

#define SHOWN_MAX 40 // bytes of a found token that an error shows

void wr_parser_advance(struct wr_parser *p)
{
    p->before = p->tok;
    p->tok = p->next;
    p->next = wr_lexer_next(&p->lexer);
}

bool wr_parser_take(struct wr_parser *p, enum wr_token_kind kind)
{
    if (!wr_parser_at(p, kind)) {
        return false;
    }
    wr_parser_advance(p);
    return true;
}

wr_str wr_parser_text(const struct wr_parser *p, struct wr_token t)
{
    return wr_lexer_text(&p->lexer, t);
}

// A token as an error shows it: at most SHOWN_MAX bytes, cut between characters.
static wr_str shown(wr_str text)
{
    size_t len = text.len;
    if (len > SHOWN_MAX) {
        for (len = SHOWN_MAX; len > 0 && ((unsigned char)text.at[len] & 0xc0) == 0x80; len--) {
        }
    }
    return wr_str_cut(text, 0, len);
}

void *wr_parser_refuse(struct wr_parser *p, wr_err err)
{
    p->err = err;
    return NULL;
}

void *wr_parser_unexpected(struct wr_parser *p, enum wr_hint_place place, const char *expected)
{
    struct wr_token t = p->tok;
    wr_str all = wr_parser_text(p, t), found = shown(all);
    const char *more = found.len < all.len ? "..." : "";
    wr_str text = p->check.text;
    p->err = WR_ERR_SYNTAX;
    if (t.kind == WR_TOKEN_BAD) {
        if (text.at[t.begin] == '\'' || text.at[t.begin] == '"') { // a string: `why` names it
            (void)wr_fault_at(p->fault, p->err, text, t.begin, "found %s: %.*s%s", t.why,
                              WR_STR_ARG(found), more);
            return NULL;
        }
        (void)wr_fault_at(p->fault, p->err, text, t.begin, "found '%.*s%s': %s", WR_STR_ARG(found),
                          more, t.why);
        return NULL;
    }
    wr_str before = wr_parser_text(p, p->before);
    const char *hint = wr_hint_find(place, all, before);
    if (!hint && place == WR_HINT_ITEM && wr_token_is_word(t.kind)) {
        hint = wr_hint_find(WR_HINT_WORD, all, before);
    }
    const char *open = hint ? " (" : "", *close = hint ? ")" : "";
    hint = hint ? hint : "";
    if (t.kind == WR_TOKEN_END) {
        (void)wr_fault_at(p->fault, p->err, text, t.begin,
                          "found the end of the %s, expected %s%s%s%s", p->end_name, expected, open,
                          hint, close);
    } else if (t.kind == WR_TOKEN_STRING) {
        (void)wr_fault_at(p->fault, p->err, text, t.begin,
                          "found the string %.*s%s, expected %s%s%s%s", WR_STR_ARG(found), more,
                          expected, open, hint, close);
    } else {
        (void)wr_fault_at(p->fault, p->err, text, t.begin, "found '%.*s%s', expected %s%s%s%s",
                          WR_STR_ARG(found), more, expected, open, hint, close);
    }
    return NULL;
}

bool wr_parser_expect(struct wr_parser *p, enum wr_token_kind kind, enum wr_hint_place place,
                      const char *expected)
{
    if (wr_parser_take(p, kind)) {
        return true;
    }
    return wr_parser_unexpected(p, place, expected);
}

bool wr_parser_deeper(struct wr_parser *p)
{
    if (p->depth < WR_SQL_DEPTH_MAX) {
        p->depth++;
        return true;
    }
    return wr_parser_refuse(p,
                            wr_fault_at(p->fault, WR_ERR_LIMIT, p->check.text, p->tok.begin,
                                        "found nesting deeper than %d levels", WR_SQL_DEPTH_MAX));
}

// ---- nodes

void *wr_parser_no_memory(struct wr_parser *p)
{
    return wr_parser_refuse(p,
                            wr_fault_at(p->fault, WR_ERR_LIMIT, p->check.text, p->tok.begin,
                                        "found more than the memory for one statement can hold"));
}

void *wr_parser_make(struct wr_parser *p, size_t size)
{
    void *made = wr_arena_alloc(p->arena, size);
    return made ? memset(made, 0, size) : wr_parser_no_memory(p);
}

struct wr_node *wr_parser_node(struct wr_parser *p, enum wr_node_kind kind, uint32_t begin,
                               uint32_t blame)
{
    struct wr_node *n = wr_parser_make(p, sizeof *n);
    if (n) {
        n->kind = kind;
        n->begin = begin;
        n->at = blame;
    }
    return n;
}

// A list that grows in the arena, to `cap` being a power of two.
bool wr_parser_push(struct wr_parser *p, struct wr_node *n, struct wr_node *kid)
{
    uint32_t count = n->kid_count;
    if ((count & (count - 1)) == 0) { // 0, 1, 2, 4, 8 …: full
        size_t size = sizeof(struct wr_node *);
        void *grown =
            wr_arena_grow(p->arena, n->kids, count * size, (count ? 2 * count : 1) * size);
        if (!grown) {
            return wr_parser_no_memory(p);
        }
        n->kids = grown;
    }
    n->kids[n->kid_count++] = kid;
    return true;
}

static uint32_t higher(const struct wr_node *n, uint32_t height)
{
    return n && n->height > height ? n->height : height;
}

struct wr_node *wr_parser_finish(struct wr_parser *p, struct wr_node *n)
{
    uint32_t height = 0;
    for (uint32_t i = 0; i < n->kid_count; i++) {
        height = higher(n->kids[i], height);
    }
    if (n->query) {
        for (uint32_t i = 0; i < n->query->item_count; i++) {
            height = higher(n->query->items[i].expr, height);
        }
        height = higher(n->query->where, higher(n->query->source, height));
    }
    n->end = p->before.end;
    n->height = height + 1;
    if (n->height > WR_AST_HEIGHT_MAX) {
        return wr_parser_refuse(p, wr_fault_at(p->fault, WR_ERR_LIMIT, p->check.text, n->at,
                                               "found more than %d operators in a row or nested",
                                               WR_AST_HEIGHT_MAX));
    }
    return n;
}

struct wr_node *wr_parser_join(struct wr_parser *p, struct wr_node *n, struct wr_node *left,
                               struct wr_node *right)
{
    if (!n || !wr_parser_push(p, n, left) || (right && !wr_parser_push(p, n, right))) {
        return NULL;
    }
    return wr_parser_finish(p, n);
}
