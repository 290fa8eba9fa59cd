// A recursive-descent parser that writes SQL as it goes. Texts of the query never become SQL: they
// go into the array of values.
#include "engine/admin/search_query.h"

#include <stdlib.h>

#include "sql/base/banned.h"

struct parser {
    wr_str text;
    size_t at;
    const struct wr_search_field *fields;
    size_t field_count;
    struct wr_buf *sql;
    json_t *values;
    struct wr_fault *fault;
    int terms, depth;
};

// The field that a value is for: NULL, a word without one.
struct subject {
    const struct wr_search_field *field;
    size_t name; // place of its ?A in the values
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->text.len && is_blank(p->text.at[p->at])) {
        p->at++;
    }
}

static char peek(const struct parser *p)
{
    return p->at < p->text.len ? p->text.at[p->at] : '\0';
}

static wr_err fail(struct parser *p, const char *what)
{
    return wr_fault_at(p->fault, WR_ERR_SYNTAX, p->text, p->at, "%s", what);
}

// AND, OR, NOT as a word of its own.
static bool take_word(struct parser *p, wr_str word)
{
    wr_str rest = wr_str_cut(p->text, p->at, p->text.len);
    if (!wr_str_starts(rest, word) || (rest.len > word.len && !is_blank(rest.at[word.len]) &&
                                       rest.at[word.len] != '(' && rest.at[word.len] != ')')) {
        return false;
    }
    p->at += word.len;
    return true;
}

static size_t add_value(struct parser *p, json_t *value)
{
    json_array_append_new(p->values, value ? value : json_string(""));
    return json_array_size(p->values) - 1;
}

static void write_value(struct parser *p, size_t at)
{
    wr_buf_addf(p->sql, "json_extract(?9,'$[%zu]')", at);
}

static wr_err count_term(struct parser *p)
{
    if (++p->terms > WR_SEARCH_TERMS_MAX) {
        return wr_fault_at(p->fault, WR_ERR_LIMIT, p->text, p->at, "a query has at most %d terms",
                           WR_SEARCH_TERMS_MAX);
    }
    return WR_OK;
}

static void open_field(struct parser *p, const struct subject *s)
{
    const char *name = strstr(s->field->open, "?A");
    if (!name) {
        wr_buf_add(p->sql, wr_str_of(s->field->open));
        return;
    }
    wr_buf_add(p->sql, (wr_str){s->field->open, (size_t)(name - s->field->open)});
    write_value(p, s->name);
    wr_buf_add(p->sql, wr_str_of(name + 2));
}

// ---- words

// A word as it is meant: `literal`, the same as wild()'s pattern, and how much of it has no
// wildcard.
struct word {
    struct wr_buf literal, pattern;
    size_t prefix; // bytes of `literal`
    bool wild;
};

static void release_word(struct word *w)
{
    wr_buf_release(&w->literal);
    wr_buf_release(&w->pattern);
}

static void add_literal(struct word *w, char c)
{
    wr_buf_add_char(&w->literal, c);
    if (c == '%' || c == '_' || c == '\\') {
        wr_buf_add_char(&w->pattern, '\\');
    }
    wr_buf_add_char(&w->pattern, c);
    if (!w->wild) {
        w->prefix = w->literal.len;
    }
}

// Up to a blank or a closing parenthesis, or one of `ends`.
static wr_err read_word(struct parser *p, const char *ends, struct word *w)
{
    for (char c; (c = peek(p)) && !is_blank(c) && !strchr(ends, c); p->at++) {
        if (c == '*' || c == '?') {
            w->wild = true;
            wr_buf_add_char(&w->pattern, c == '*' ? '%' : '_');
        } else if (c == '\\') {
            p->at++;
            if (p->at >= p->text.len) {
                return fail(p, "a character is expected after \\");
            }
            add_literal(w, p->text.at[p->at]);
        } else {
            add_literal(w, c);
        }
    }
    return w->pattern.len ? WR_OK : fail(p, "a word is expected here");
}

static wr_err read_phrase(struct parser *p, struct word *w)
{
    size_t begin = p->at++;
    for (; p->at < p->text.len && p->text.at[p->at] != '"'; p->at++) {
        if (p->text.at[p->at] == '\\' && p->at + 1 < p->text.len) {
            p->at++;
        }
        add_literal(w, p->text.at[p->at]);
    }
    if (p->at >= p->text.len) {
        p->at = begin;
        return fail(p, "the quotes that open here are not closed");
    }
    p->at++;
    return WR_OK;
}

// ---- comparisons

static void write_match(struct parser *p, const char *column, const struct word *w)
{
    if (!w->wild) {
        wr_buf_addf(p->sql, "%s=", column);
        write_value(p, add_value(p, json_stringn(w->literal.at, w->literal.len)));
        wr_buf_add(p->sql, WR_STR(" COLLATE NOCASE"));
        return;
    }
    wr_buf_addf(p->sql, "wild(%s,", column);
    write_value(p, add_value(p, json_stringn(w->pattern.at, w->pattern.len)));
    wr_buf_add(p->sql, WR_STR(")"));
    if (w->prefix) { // what an index can seek
        size_t at = add_value(p, json_stringn(w->literal.at, w->prefix));
        wr_buf_addf(p->sql, " AND %s>=", column);
        write_value(p, at);
        wr_buf_addf(p->sql, " COLLATE NOCASE AND %s<", column);
        write_value(p, at);
        wr_buf_add(p->sql, WR_STR("||char(1114111) COLLATE NOCASE"));
    }
}

static bool is_number(const struct word *w, double *out)
{
    struct wr_buf copy = {0};
    wr_buf_add(&copy, wr_buf_str(&w->literal));
    const char *text = wr_buf_terminated(&copy);
    char *end;
    *out = strtod(text, &end);
    bool number = *text && !*end && !strpbrk(text, "xXnNiI \t");
    wr_buf_release(&copy);
    return number;
}

static void write_bound(struct parser *p, const char *column, const char *sign,
                        const struct word *w)
{
    double number;
    if (is_number(w, &number)) {
        wr_buf_addf(p->sql,
                    "%s GLOB '*[0-9]*' AND %s NOT GLOB '*[^-+.0-9eE]*' AND CAST(%s AS REAL)%s",
                    column, column, column, sign);
        write_value(p, add_value(p, json_real(number)));
    } else {
        wr_buf_addf(p->sql, "%s%s", column, sign);
        write_value(p, add_value(p, json_stringn(w->literal.at, w->literal.len)));
        wr_buf_add(p->sql, WR_STR(" COLLATE NOCASE"));
    }
}

static wr_err read_bound(struct parser *p, const char *ends, struct word *w)
{
    skip_blanks(p);
    wr_err err = peek(p) == '"' ? read_phrase(p, w) : read_word(p, ends, w);
    if (!err && w->wild) {
        return fail(p, "a bound of a range has no wildcards");
    }
    skip_blanks(p);
    return err;
}

// "[a TO b}" and its kin.
static wr_err range(struct parser *p, const struct subject *s)
{
    bool low_in = peek(p) == '[';
    struct word low = {0}, high = {0};
    p->at++;
    wr_err err = read_bound(p, ")]}", &low);
    if (!err && !take_word(p, WR_STR("TO"))) {
        err = fail(p, "TO is expected in a range");
    }
    err = err ? err : read_bound(p, ")]}", &high);
    if (!err && peek(p) != ']' && peek(p) != '}') {
        err = fail(p, "] or } is expected at the end of the range");
    }
    err = err ? err : count_term(p);
    if (!err) {
        open_field(p, s);
        write_bound(p, s->field->column, low_in ? ">=" : ">", &low);
        wr_buf_add(p->sql, WR_STR(" AND "));
        write_bound(p, s->field->column, peek(p) == ']' ? "<=" : "<", &high);
        wr_buf_add(p->sql, wr_str_of(s->field->close));
        p->at++;
    }
    release_word(&low);
    release_word(&high);
    return err;
}

static wr_err comparison(struct parser *p, const struct subject *s)
{
    char sign[3] = {peek(p)};
    struct word w = {0};
    p->at++;
    if (peek(p) == '=') {
        sign[1] = '=';
        p->at++;
    }
    wr_err err = read_bound(p, ")", &w);
    err = err ? err : count_term(p);
    if (!err) {
        open_field(p, s);
        write_bound(p, s->field->column, sign, &w);
        wr_buf_add(p->sql, wr_str_of(s->field->close));
    }
    release_word(&w);
    return err;
}

// The word in the subject, or in all fields that words are looked for in.
static wr_err match(struct parser *p, const struct subject *s, const struct word *w)
{
    wr_err limit = count_term(p);
    if (limit) {
        return limit;
    }
    if (s->field) {
        open_field(p, s);
        write_match(p, s->field->column, w);
        wr_buf_add(p->sql, wr_str_of(s->field->close));
        return WR_OK;
    }
    // Each SELECT has an index of its own, which OR would not use.
    wr_buf_add(p->sql, WR_STR("t.id IN ("));
    bool first = true;
    for (size_t i = 0; i < p->field_count; i++) {
        if (p->fields[i].all) {
            wr_buf_add(p->sql, first ? WR_STR("") : WR_STR(" UNION ALL "));
            wr_buf_add(p->sql, wr_str_of(p->fields[i].all));
            write_match(p, p->fields[i].column, w);
            first = false;
        }
    }
    wr_buf_add(p->sql, WR_STR(")"));
    return WR_OK;
}

// ---- terms

static wr_err alternatives(struct parser *p, const struct subject *s);

static wr_err find_field(struct parser *p, wr_str name, size_t at, struct subject *out)
{
    for (size_t i = 0; i < p->field_count; i++) {
        const struct wr_search_field *f = &p->fields[i];
        wr_str known = wr_str_of(f->name);
        if (known.at[known.len - 1] != '.') {
            if (wr_str_eq(name, known)) {
                *out = (struct subject){f, 0};
                return WR_OK;
            }
        } else if (name.len > known.len && wr_str_starts(name, known)) {
            wr_str rest = wr_str_cut(name, known.len, name.len);
            *out = (struct subject){f, add_value(p, json_stringn(rest.at, rest.len))};
            return WR_OK;
        }
    }
    struct wr_buf all = {0};
    for (size_t i = 0; i < p->field_count; i++) {
        wr_str known = wr_str_of(p->fields[i].name);
        bool dot = known.len && known.at[known.len - 1] == '.';
        wr_buf_addf(&all, "%s%s%s", all.len ? ", " : "", p->fields[i].name, dot ? "NAME" : "");
    }
    wr_err err = wr_fault_at(p->fault, WR_ERR_UNKNOWN, p->text, at,
                             "%.*s is not a field of this index (%s); a colon of a value is "
                             "written \\:",
                             WR_STR_ARG(name), wr_buf_terminated(&all));
    wr_buf_release(&all);
    return err;
}

static wr_err group(struct parser *p, const struct subject *s)
{
    size_t begin = p->at++;
    if (++p->depth > WR_SEARCH_DEPTH_MAX) {
        return wr_fault_at(p->fault, WR_ERR_LIMIT, p->text, p->at,
                           "parentheses are at most %d deep", WR_SEARCH_DEPTH_MAX);
    }
    wr_buf_add(p->sql, WR_STR("("));
    wr_err err = alternatives(p, s);
    wr_buf_add(p->sql, WR_STR(")"));
    if (!err && peek(p) != ')') {
        p->at = begin;
        err = fail(p, "the parenthesis that opens here is not closed");
    }
    p->at++;
    p->depth--;
    return err;
}

static wr_err value(struct parser *p, const struct subject *s)
{
    struct word w = {0};
    if (peek(p) == '(') {
        return group(p, s);
    }
    if (s->field && (peek(p) == '[' || peek(p) == '{')) {
        return range(p, s);
    }
    wr_err err = peek(p) == '"' ? read_phrase(p, &w) : read_word(p, ")", &w);
    err = err ? err : match(p, s, &w);
    release_word(&w);
    return err;
}

// field:value, field<value, or a word.
static wr_err named(struct parser *p, const struct subject *s)
{
    size_t begin = p->at;
    struct word w = {0};
    struct subject field;
    wr_err err = read_word(p, "():<>\"[{", &w);
    size_t end = p->at;
    skip_blanks(p);
    char c = peek(p);
    if (!err && (c == ':' || c == '<' || c == '>')) {
        err = w.wild ? wr_fault_at(p->fault, WR_ERR_SYNTAX, p->text, begin,
                                   "a field's name has no wildcards")
                     : find_field(p, wr_buf_str(&w.literal), begin, &field);
        if (!err && c == ':') {
            p->at++;
            skip_blanks(p);
            err = value(p, &field);
        } else if (!err) {
            err = comparison(p, &field);
        }
    } else if (!err) {
        p->at = end;
        err = match(p, s, &w);
    }
    release_word(&w);
    return err;
}

static wr_err term(struct parser *p, const struct subject *s)
{
    skip_blanks(p);
    bool minus = peek(p) == '-' && p->at + 1 < p->text.len && !is_blank(p->text.at[p->at + 1]);
    if (minus || take_word(p, WR_STR("NOT"))) {
        p->at += minus;
        if (++p->depth > WR_SEARCH_DEPTH_MAX) {
            return wr_fault_at(p->fault, WR_ERR_LIMIT, p->text, p->at, "NOTs are at most %d deep",
                               WR_SEARCH_DEPTH_MAX);
        }
        wr_buf_add(p->sql, WR_STR("NOT ifnull(("));
        wr_err err = term(p, s);
        wr_buf_add(p->sql, WR_STR("),0)"));
        p->depth--;
        return err;
    }
    if (s->field || peek(p) == '(' || peek(p) == '"') {
        return value(p, s);
    }
    return named(p, s);
}

static wr_err together(struct parser *p, const struct subject *s)
{
    wr_err err = term(p, s);
    while (!err) {
        skip_blanks(p);
        size_t here = p->at;
        if (!peek(p) || peek(p) == ')' || take_word(p, WR_STR("OR"))) {
            p->at = here;
            return WR_OK;
        }
        (void)take_word(p, WR_STR("AND"));
        wr_buf_add(p->sql, WR_STR(" AND "));
        err = term(p, s);
    }
    return err;
}

static wr_err alternatives(struct parser *p, const struct subject *s)
{
    wr_buf_add(p->sql, WR_STR("("));
    wr_err err = together(p, s);
    while (!err && take_word(p, WR_STR("OR"))) {
        wr_buf_add(p->sql, WR_STR(") OR ("));
        err = together(p, s);
    }
    wr_buf_add(p->sql, WR_STR(")"));
    return err;
}

wr_err wr_search_compile(wr_str text, const struct wr_search_field *fields, size_t field_count,
                         struct wr_buf *sql, json_t *values, struct wr_fault *fault)
{
    struct parser p = {.text = text,
                       .fields = fields,
                       .field_count = field_count,
                       .sql = sql,
                       .values = values,
                       .fault = fault};
    if (text.len > WR_SEARCH_TEXT_MAX || (text.len && memchr(text.at, '\0', text.len))) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "a query is a text of at most %d bytes",
                            WR_SEARCH_TEXT_MAX);
    }
    skip_blanks(&p);
    wr_buf_add(sql, WR_STR("("));
    wr_err err = alternatives(&p, &(struct subject){0});
    wr_buf_add(sql, WR_STR(")"));
    skip_blanks(&p);
    if (!err && p.at < text.len) {
        err = fail(&p, "nothing was opened that is closed here");
    }
    return err;
}
