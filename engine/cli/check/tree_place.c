// Where a byte of a decoded text stands in the file. The text and what is written are walked side
// by side, and whenever they disagree the answer is "it cannot be told": a wrong place is worse
// than the place of the whole value.
#include "engine/cli/check/tree.h"

#include "sql/base/utf8.h"

#include "sql/base/banned.h"

struct walk {
    wr_str file;
    size_t at, end; // in the file
    wr_str text;
    size_t done; // bytes of the text
    size_t indent;
    bool block;
};

static bool is_break(const struct walk *w, size_t at)
{
    return at < w->end && (w->file.at[at] == '\n' || w->file.at[at] == '\r');
}

static bool is_blank(const struct walk *w, size_t at)
{
    return at < w->end && (w->file.at[at] == ' ' || w->file.at[at] == '\t');
}

// Behind one line break.
static size_t behind_break(const struct walk *w, size_t at)
{
    return at + (at + 1 < w->end && w->file.at[at] == '\r' && w->file.at[at + 1] == '\n' ? 2 : 1);
}

// The next bytes of the text are `bytes`: take them.
static bool take(struct walk *w, const char *bytes, size_t len)
{
    if (w->text.len - w->done < len || memcmp(w->text.at + w->done, bytes, len) != 0) {
        return false;
    }
    w->done += len;
    return true;
}

// Line breaks with the blanks around them: they became blanks or line breaks of the text.
static bool fold(struct walk *w)
{
    size_t breaks = 0, at = w->at;
    for (;;) {
        size_t blank = at;
        while (is_blank(w, blank) && (!w->block || (breaks && blank - at < w->indent))) {
            blank++;
        }
        if (!is_break(w, blank)) {
            at = breaks ? blank : at;
            break;
        }
        at = behind_break(w, blank);
        breaks++;
    }
    if (breaks == 0) {
        return false;
    }
    w->at = at;
    size_t taken = 0;
    while (taken < breaks && take(w, "\n", 1)) {
        taken++;
    }
    return taken > 0 || take(w, " ", 1) || w->done == w->text.len;
}

// One character as it is.
static bool plain(struct walk *w)
{
    size_t len = 1;
    while (w->at + len < w->end && ((unsigned char)w->file.at[w->at + len] & 0xc0) == 0x80) {
        len++;
    }
    if (w->at + len > w->end || !take(w, w->file.at + w->at, len)) {
        return false;
    }
    w->at += len;
    return true;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool hex_digits(const struct walk *w, size_t at, size_t count, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < count; i++) {
        int digit = at + i < w->end ? hex(w->file.at[at + i]) : -1;
        if (digit < 0) {
            return false;
        }
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

// At a backslash, in JSON or in YAML's double quotes: the code points of both agree where both have
// the escape.
static bool escape(struct walk *w)
{
    static const char names[] = "0abtnvfre\"/\\ N_";
    static const char *const values[] = {"",   "\a", "\b", "\t",       "\n",
                                         "\v", "\f", "\r", "\033",     "\"",
                                         "/",  "\\", " ",  "\xc2\x85", "\xc2\xa0"};
    if (w->at + 1 >= w->end) {
        return false;
    }
    char c = w->file.at[w->at + 1];
    if (is_break(w, w->at + 1)) { // the line goes on in the next
        w->at = behind_break(w, w->at + 1);
        while (is_blank(w, w->at)) {
            w->at++;
        }
        return true;
    }
    size_t count = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (count == 0) {
        const char *name = c ? strchr(names, c) : NULL;
        if (!name || !take(w, values[name - names], strlen(values[name - names]))) {
            return false;
        }
        w->at += 2;
        return true;
    }
    uint32_t code, low;
    char bytes[4];
    if (!hex_digits(w, w->at + 2, count, &code)) {
        return false;
    }
    size_t len = 2 + count;
    if (code >= 0xd800 && code < 0xdc00) {
        if (w->at + 7 >= w->end || w->file.at[w->at + 6] != '\\' || w->file.at[w->at + 7] != 'u' ||
            !hex_digits(w, w->at + 8, 4, &low) || low < 0xdc00 || low > 0xdfff) {
            return false;
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        len = 12;
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ||
        !take(w, bytes, wr_utf8_put(bytes, code))) {
        return false;
    }
    w->at += len;
    return true;
}

// One step: some bytes of the file, and what they became.
static bool advance(struct walk *w, enum wr_tree_style style)
{
    if (w->at >= w->end) {
        return false;
    }
    bool folds = style != WR_TREE_JSON;
    size_t before = w->at;
    if (folds && (is_break(w, w->at) || is_blank(w, w->at)) && fold(w)) {
        return true;
    }
    if (w->at != before) {
        return false;
    }
    char c = w->file.at[w->at];
    if (c == '\\' && (style == WR_TREE_JSON || style == WR_TREE_DOUBLE)) {
        return escape(w);
    }
    if (c == '\'' && style == WR_TREE_SINGLE) {
        w->at++; // the first of two
    }
    return plain(w);
}

// Behind the header of a block, at its first line; finds the indentation.
static bool enter_block(struct walk *w)
{
    while (w->at < w->end && !is_break(w, w->at)) {
        w->at++;
    }
    while (is_break(w, w->at)) {
        size_t line = behind_break(w, w->at), text = line;
        while (text < w->end && w->file.at[text] == ' ') {
            text++;
        }
        w->at = line;
        if (!is_break(w, text)) {
            w->indent = text - line;
            w->at = text;
            return true;
        }
        if (!take(w, "\n", 1)) { // empty lines at the beginning are kept
            return false;
        }
        w->at = text;
    }
    return false;
}

static bool find(const struct wr_source *s, const struct wr_tree *t, size_t at, size_t *out)
{
    struct walk w = {.file = s->text, .at = t->at.offset, .end = t->end, .text = t->text};
    if (t->style == WR_TREE_NO_STYLE || w.end > s->text.len || w.at > w.end) {
        return false;
    }
    w.block = t->style == WR_TREE_BLOCK;
    if (w.block && !enter_block(&w)) {
        return false;
    }
    w.at += t->style == WR_TREE_JSON || t->style == WR_TREE_SINGLE || t->style == WR_TREE_DOUBLE;
    while (w.done < at) {
        if (!advance(&w, t->style)) {
            return false;
        }
    }
    *out = w.at;
    return w.done == at;
}

// The piece that byte `at` of a text is in.
static const struct wr_tree_piece *piece_at(const struct wr_tree *t, size_t at)
{
    const struct wr_tree_piece *found = NULL;
    for (size_t i = 0; i < t->piece_count && t->pieces[i].at <= at; i++) {
        found = &t->pieces[i];
    }
    return found;
}

bool wr_tree_place(const struct wr_source *s, const struct wr_tree *t, size_t at,
                   struct wr_place *out)
{
    *out = t->at;
    size_t offset;
    if (t->piece_count) {
        const struct wr_tree_piece *p = piece_at(t, at);
        if (!p || !p->from || p->from->piece_count) {
            return false;
        }
        at = p->from_at + (at - p->at);
        t = p->from;
    }
    if (t->kind != WR_TREE_TEXT || at > t->text.len || !find(s, t, at, &offset)) {
        return false;
    }
    // from the value's own place on: the file may be one long line
    struct wr_place place = t->at;
    for (size_t i = t->at.offset; i < offset; i++) {
        if (s->text.at[i] == '\n') {
            place.line++;
            place.column = 1;
        } else {
            place.column += ((unsigned char)s->text.at[i] & 0xc0) != 0x80;
        }
    }
    place.offset = (uint32_t)offset;
    *out = place;
    return true;
}
