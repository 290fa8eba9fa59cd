// JSON into nodes: RFC 8259, UTF-8, no duplicate keys, as rule documents are read for running.
#include "engine/cli/check/tree.h"

#include <stdio.h>

#include "sql/base/utf8.h"

#include "sql/base/banned.h"

struct reader {
    struct wr_source *s;
    struct wr_fault *fault;
    struct wr_place here; // of the next byte
    size_t depth;
};

static wr_err fail_at(struct reader *r, struct wr_place at, wr_err code, const char *text)
{
    (void)wr_fault_set(r->fault, code, "%s", text);
    if (r->fault) {
        r->fault->offset = at.offset;
        r->fault->line = at.line;
        r->fault->column = at.column;
    }
    return code;
}

static wr_err fail(struct reader *r, const char *expected)
{
    char text[128];
    size_t at = r->here.offset;
    wr_str all = r->s->text;
    if (at >= all.len) {
        snprintf(text, sizeof text, "found the end of the file, expected %s", expected);
    } else if ((unsigned char)all.at[at] < 0x20) {
        snprintf(text, sizeof text, "found a %s, expected %s",
                 all.at[at] == '\n' || all.at[at] == '\r' ? "line break" : "control character",
                 expected);
    } else {
        size_t len = 1;
        while (at + len < all.len && ((unsigned char)all.at[at + len] & 0xc0) == 0x80) {
            len++;
        }
        snprintf(text, sizeof text, "found '%.*s', expected %s", (int)len, all.at + at, expected);
    }
    return fail_at(r, r->here, WR_ERR_SYNTAX, text);
}

static int peek(const struct reader *r)
{
    return r->here.offset < r->s->text.len ? (unsigned char)r->s->text.at[r->here.offset] : -1;
}

static void advance(struct reader *r)
{
    unsigned char c = (unsigned char)r->s->text.at[r->here.offset++];
    if (c == '\n') {
        r->here.line++;
        r->here.column = 1;
    } else {
        r->here.column += (c & 0xc0) != 0x80;
    }
}

static void skip_space(struct reader *r)
{
    int c;
    while ((c = peek(r)) == ' ' || c == '\t' || c == '\n' || c == '\r') {
        advance(r);
    }
}

static int hex(int c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// Behind `\u`.
static wr_err read_hex4(struct reader *r, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex(peek(r));
        if (digit < 0) {
            return fail(r, "four hexadecimal digits");
        }
        *out = *out * 16 + (uint32_t)digit;
        advance(r);
    }
    return WR_OK;
}

// Behind the backslash.
static wr_err read_escape(struct reader *r, struct wr_buf *out)
{
    static const char plain[] = "\"\\/bfnrt", decoded[] = "\"\\/\b\f\n\r\t";
    int c = peek(r);
    const char *at = c > 0 ? strchr(plain, c) : NULL;
    if (at) {
        advance(r);
        wr_buf_add_char(out, decoded[at - plain]);
        return WR_OK;
    }
    if (c != 'u') {
        return fail(r, "an escape: one of \" \\ / b f n r t u");
    }
    struct wr_place start = r->here;
    uint32_t code, low;
    advance(r);
    wr_err err = read_hex4(r, &code);
    if (!err && code >= 0xd800 && code < 0xdc00) {
        if (peek(r) != '\\') {
            return fail(r, "the second half of a surrogate pair");
        }
        advance(r);
        if (peek(r) != 'u') {
            return fail(r, "the second half of a surrogate pair");
        }
        advance(r);
        err = read_hex4(r, &low);
        if (!err && (low < 0xdc00 || low > 0xdfff)) {
            return fail_at(r, start, WR_ERR_SYNTAX, "found half a surrogate pair");
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (!err && code >= 0xdc00 && code < 0xe000) {
        return fail_at(r, start, WR_ERR_SYNTAX, "found half a surrogate pair");
    }
    if (!err && code == 0) {
        return fail_at(r, start, WR_ERR_SYNTAX, "found \\u0000, which no text here can hold");
    }
    char bytes[4];
    if (!err) {
        wr_buf_add(out, (wr_str){bytes, wr_utf8_put(bytes, code)});
    }
    return err;
}

// At the opening quote.
static wr_err read_string(struct reader *r, wr_str *out)
{
    struct wr_buf text = {0};
    wr_err err = WR_OK;
    advance(r);
    while (!err && peek(r) != '"') {
        int c = peek(r);
        if (c < 0x20) {
            err = fail(r, "the rest of a string and a \"");
        } else if (c == '\\') {
            advance(r);
            err = read_escape(r, &text);
        } else {
            wr_buf_add_char(&text, (char)c);
            advance(r);
        }
    }
    if (!err) {
        advance(r);
        *out = wr_str_dup(&r->s->arena, wr_buf_str(&text));
        err = out->at ? WR_OK : fail_at(r, r->here, WR_ERR_LIMIT, "the file takes too much memory");
    }
    wr_buf_release(&text);
    return err;
}

static wr_err digits(struct reader *r)
{
    if (peek(r) < '0' || peek(r) > '9') {
        return fail(r, "a digit");
    }
    while (peek(r) >= '0' && peek(r) <= '9') {
        advance(r);
    }
    return WR_OK;
}

static wr_err read_number(struct reader *r, struct wr_tree *t)
{
    size_t from = r->here.offset;
    wr_err err;
    if (peek(r) == '-') {
        advance(r);
    }
    if (peek(r) == '0') {
        advance(r);
        err = peek(r) >= '0' && peek(r) <= '9' ? fail(r, "no digit after a leading 0") : WR_OK;
    } else {
        err = digits(r);
    }
    if (!err && peek(r) == '.') {
        advance(r);
        err = digits(r);
    }
    if (!err && (peek(r) == 'e' || peek(r) == 'E')) {
        advance(r);
        if (peek(r) == '+' || peek(r) == '-') {
            advance(r);
        }
        err = digits(r);
    }
    t->text = wr_str_dup(&r->s->arena, wr_str_cut(r->s->text, from, r->here.offset));
    return err;
}

static wr_err read_word(struct reader *r, struct wr_tree *t)
{
    static const struct {
        const char *word;
        enum wr_tree_kind kind;
    } words[] = {{"true", WR_TREE_BOOL}, {"false", WR_TREE_BOOL}, {"null", WR_TREE_NULL}};
    wr_str rest = wr_str_cut(r->s->text, r->here.offset, r->s->text.len);
    for (size_t i = 0; i < WR_COUNT(words); i++) {
        if (wr_str_starts(rest, wr_str_of(words[i].word))) {
            t->kind = words[i].kind;
            t->text = wr_str_of(words[i].word);
            for (size_t k = 0; k < t->text.len; k++) {
                advance(r);
            }
            return WR_OK;
        }
    }
    return fail(r, "a value");
}

static wr_err check_repeated(struct reader *r, const struct wr_tree *t)
{
    const struct wr_tree *first, *again = wr_tree_repeated(t, &first);
    if (!again) {
        return WR_OK;
    }
    char text[160];
    snprintf(text, sizeof text, "found the key \"%.80s\" again, first in line %u", again->key.at,
             (unsigned)first->key_at.line);
    return fail_at(r, again->key_at, WR_ERR_EXISTS, text);
}

static wr_err read_value(struct reader *r, struct wr_tree **out);

// At the opening bracket: members of a map, or entries of a list, up to `close`.
static wr_err read_many(struct reader *r, struct wr_tree *t, char close)
{
    struct wr_tree **end = &t->first;
    if (++r->depth > WR_TREE_DEPTH_MAX) {
        return fail_at(r, r->here, WR_ERR_LIMIT, "found more levels of nesting than are read");
    }
    advance(r);
    skip_space(r);
    wr_err err = WR_OK;
    for (bool more = peek(r) != close; more && !err;) {
        wr_str key = {0};
        struct wr_place key_at = r->here;
        if (close == '}') {
            err = peek(r) == '"' ? read_string(r, &key)
                                 : fail(r, t->count ? "a key in \"" : "a key in \" or }");
            skip_space(r);
            if (!err && peek(r) != ':') {
                err = fail(r, "a colon");
            }
            if (!err) {
                advance(r);
                skip_space(r);
            }
        }
        struct wr_tree *item = NULL;
        err = err ? err : read_value(r, &item);
        if (err) {
            return err;
        }
        item->key = key;
        item->key_at = key_at;
        *end = item;
        end = &item->next;
        t->count++;
        skip_space(r);
        more = peek(r) == ',';
        if (more) {
            advance(r);
            skip_space(r);
        } else if (peek(r) != close) {
            return fail(r, close == '}' ? "a comma or }" : "a comma or ]");
        }
    }
    if (err) {
        return err;
    }
    advance(r);
    r->depth--;
    return close == '}' ? check_repeated(r, t) : WR_OK;
}

static wr_err read_value(struct reader *r, struct wr_tree **out)
{
    struct wr_tree *t = wr_tree_new(r->s, WR_TREE_NUMBER);
    if (!t) {
        return fail_at(r, r->here, WR_ERR_LIMIT, "found more values than are read");
    }
    int c = peek(r);
    wr_err err;
    t->at = r->here;
    t->style = WR_TREE_JSON;
    if (c == '{' || c == '[') {
        t->kind = c == '{' ? WR_TREE_MAP : WR_TREE_LIST;
        t->style = WR_TREE_NO_STYLE;
        err = read_many(r, t, c == '{' ? '}' : ']');
    } else if (c == '"') {
        t->kind = WR_TREE_TEXT;
        err = read_string(r, &t->text);
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        err = read_number(r, t);
    } else {
        err = read_word(r, t);
    }
    t->end = r->here.offset;
    *out = t;
    return err;
}

wr_err wr_tree_read_json(struct wr_source *s, struct wr_fault *fault)
{
    struct reader r = {.s = s, .fault = fault, .here = {0, 1, 1}};
    size_t valid = wr_utf8_valid_len(s->text);
    if (valid < s->text.len) {
        return fail_at(&r, wr_source_place(s, valid), WR_ERR_SYNTAX,
                       "found bytes that are not UTF-8");
    }
    if (wr_str_starts(s->text, WR_STR("\xef\xbb\xbf"))) {
        return fail_at(&r, r.here, WR_ERR_SYNTAX,
                       "found a byte order mark, which JSON does not have");
    }
    struct wr_tree *root;
    skip_space(&r);
    wr_err err = read_value(&r, &root);
    skip_space(&r);
    if (!err && peek(&r) >= 0) {
        err = fail(&r, "the end of the file");
    }
    if (!err) {
        s->root = root;
    }
    return err;
}
