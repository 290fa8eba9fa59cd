// Backtracking over a tree, with what is still to be matched as a list of continuations.
#include "tests/model/regex.h"

#include <string.h>

#define STEPS_MAX  20000 // weir's own limit differs: what comes near either is not compared
#define REPEAT_MAX 1000

enum kind {
    RE_EMPTY,
    RE_CHAR, // one of `ranges`, or none of them
    RE_START,
    RE_END,
    RE_SEQUENCE, // a, then b
    RE_EITHER,   // a, or b
    RE_REPEAT,   // a, min to max times
    RE_GROUP,    // a, remembered as `index`
    RE_AHEAD,    // a follows
};

struct range {
    uint32_t from, to;
};

struct model_re {
    enum kind kind;
    struct model_re *a, *b;
    struct range ranges[32];
    int range_count;
    bool negated, lazy;
    int min, max, index; // max -1: any number
};

// ---- reading a pattern

struct reader {
    struct model_regex *re;
    struct model_text t;
    size_t at;
    enum model_regex_state state;
    int depth, ahead; // groups, look-aheads around
};

static struct model_re *read_either(struct reader *r);

static int peek(const struct reader *r)
{
    return r->at < r->t.len ? (unsigned char)r->t.at[r->at] : -1;
}

static bool take(struct reader *r, const char *what)
{
    size_t len = strlen(what);
    bool there = r->t.len - r->at >= len && memcmp(r->t.at + r->at, what, len) == 0;
    r->at += there ? len : 0;
    return there;
}

static struct model_re *make(struct reader *r, enum kind kind, struct model_re *a,
                             struct model_re *b)
{
    struct model_re *n = model_alloc(r->re->m, sizeof *n);
    n->kind = kind;
    n->a = a;
    n->b = b;
    return n;
}

static struct model_re *stop(struct reader *r, enum model_regex_state why)
{
    if (r->state == MODEL_REGEX_OK) {
        r->state = why;
    }
    r->at = r->t.len;
    return make(r, RE_EMPTY, NULL, NULL);
}

static void add_range(struct reader *r, struct model_re *n, uint32_t from, uint32_t to)
{
    if (n->range_count == 32) {
        stop(r, MODEL_REGEX_UNSUPPORTED);
        return;
    }
    n->ranges[n->range_count++] = (struct range){from, to};
}

// \d \w \s, or a quoted sign. False: something else.
static bool read_escape(struct reader *r, struct model_re *n, uint32_t *point)
{
    static const char names[] = "rntf", controls[] = "\r\n\t\f";
    int c = peek(r);
    *point = 0;
    r->at++;
    switch (c) {
    case 'd':
        add_range(r, n, '0', '9');
        return true;
    case 'w':
        add_range(r, n, 'a', 'z');
        add_range(r, n, 'A', 'Z');
        add_range(r, n, '0', '9');
        add_range(r, n, '_', '_');
        return true;
    case 's':
        add_range(r, n, '\t', '\r');
        add_range(r, n, ' ', ' ');
        return true;
    default:
        if (c > 0 && strchr(names, c)) {
            *point = (uint32_t)controls[strchr(names, c) - names];
            add_range(r, n, *point, *point);
            return true;
        }
        if (c > 0 && strchr(".*+?()[]{}|^$\\/-\"", c)) {
            *point = (uint32_t)c;
            add_range(r, n, *point, *point);
            return true;
        }
        stop(r, MODEL_REGEX_UNSUPPORTED);
        return false;
    }
}

static uint32_t read_point(struct reader *r)
{
    uint32_t point = 0;
    r->at += model_utf8(r->t, r->at, &point);
    return point;
}

static struct model_re *read_class(struct reader *r)
{
    struct model_re *n = make(r, RE_CHAR, NULL, NULL);
    n->negated = take(r, "^");
    if (peek(r) == ']') {
        return stop(r, MODEL_REGEX_UNSUPPORTED);
    }
    while (!take(r, "]")) {
        uint32_t from = 0, to;
        if (peek(r) < 0) {
            return stop(r, MODEL_REGEX_BAD);
        }
        if (peek(r) == '[' || peek(r) == '&') { // nested classes, intersections
            return stop(r, MODEL_REGEX_UNSUPPORTED);
        }
        if (take(r, "\\")) {
            if (!read_escape(r, n, &from) || from == 0) {
                continue;
            }
            n->range_count--; // it may begin a range
        } else {
            from = read_point(r);
        }
        to = from;
        if (peek(r) == '-' && r->at + 1 < r->t.len && r->t.at[r->at + 1] != ']') {
            r->at++;
            if (peek(r) == '[' || peek(r) == '\\' || peek(r) == '&') {
                return stop(r, MODEL_REGEX_UNSUPPORTED);
            }
            to = read_point(r);
        }
        if (to < from) {
            return stop(r, MODEL_REGEX_BAD);
        }
        add_range(r, n, from, to);
    }
    return n;
}

static struct model_re *read_group(struct reader *r)
{
    enum kind kind = RE_GROUP;
    int index = 0;
    if (take(r, "?:")) {
        kind = RE_EMPTY;
    } else if (take(r, "?=")) {
        kind = RE_AHEAD;
    } else if (peek(r) == '?') {
        return stop(r, MODEL_REGEX_UNSUPPORTED);
    } else if (r->ahead) { // what it captured is kept or not when the look-ahead is left backwards
        return stop(r, MODEL_REGEX_UNSUPPORTED);
    } else if (++r->re->groups >= MODEL_GROUPS || ++r->depth > 50) {
        return stop(r, MODEL_REGEX_UNSUPPORTED);
    } else {
        index = r->re->groups;
    }
    r->ahead += kind == RE_AHEAD;
    struct model_re *inner = read_either(r);
    r->ahead -= kind == RE_AHEAD;
    if (!take(r, ")")) {
        return stop(r, MODEL_REGEX_BAD);
    }
    if (kind == RE_EMPTY) {
        return inner;
    }
    struct model_re *n = make(r, kind, inner, NULL);
    n->index = index;
    return n;
}

static struct model_re *read_atom(struct reader *r)
{
    static const uint32_t line_ends[] = {'\n', '\r', 0x85, 0x2028, 0x2029};
    struct model_re *n = make(r, RE_CHAR, NULL, NULL);
    uint32_t point;
    if (take(r, "(")) {
        return read_group(r);
    }
    if (take(r, "[")) {
        return read_class(r);
    }
    if (take(r, "^") || take(r, "$")) {
        n->kind = r->t.at[r->at - 1] == '^' ? RE_START : RE_END;
        return n;
    }
    if (take(r, ".")) {
        n->negated = true;
        for (int i = 0; i < 5; i++) {
            add_range(r, n, line_ends[i], line_ends[i]);
        }
        return n;
    }
    if (take(r, "\\")) {
        read_escape(r, n, &point);
        return n;
    }
    if (peek(r) == '*' || peek(r) == '+' || peek(r) == '?' || peek(r) == '{') {
        return stop(r, MODEL_REGEX_BAD);
    }
    point = read_point(r);
    add_range(r, n, point, point);
    return n;
}

static bool read_count(struct reader *r, int *count)
{
    bool any = false;
    *count = 0;
    while (peek(r) >= '0' && peek(r) <= '9' && *count <= REPEAT_MAX) {
        *count = *count * 10 + (peek(r) - '0');
        r->at++;
        any = true;
    }
    return any;
}

static struct model_re *read_repeat(struct reader *r)
{
    struct model_re *atom = read_atom(r);
    int min, max;
    if (take(r, "*")) {
        min = 0, max = -1;
    } else if (take(r, "+")) {
        min = 1, max = -1;
    } else if (take(r, "?")) {
        min = 0, max = 1;
    } else if (take(r, "{")) {
        if (!read_count(r, &min)) {
            return stop(r, MODEL_REGEX_BAD);
        }
        max = min;
        if (take(r, ",") && !read_count(r, &max)) {
            max = -1;
        }
        if (!take(r, "}") || (max >= 0 && max < min)) {
            return stop(r, MODEL_REGEX_BAD);
        }
        if (min > REPEAT_MAX || max > REPEAT_MAX || max == 0) { // {0}: weir does not do it
            return stop(r, MODEL_REGEX_UNSUPPORTED);
        }
    } else {
        return atom;
    }
    if (atom->kind == RE_START || atom->kind == RE_END || atom->kind == RE_AHEAD) {
        return stop(r, MODEL_REGEX_UNSUPPORTED);
    }
    struct model_re *n = make(r, RE_REPEAT, atom, NULL);
    n->min = min;
    n->max = max;
    n->lazy = take(r, "?");
    if (peek(r) == '+') { // possessive
        return stop(r, MODEL_REGEX_UNSUPPORTED);
    }
    if (peek(r) == '*' || peek(r) == '?' || peek(r) == '{') {
        return stop(r, MODEL_REGEX_BAD);
    }
    return n;
}

static struct model_re *read_either(struct reader *r)
{
    struct model_re *n = make(r, RE_EMPTY, NULL, NULL);
    while (peek(r) >= 0 && peek(r) != '|' && peek(r) != ')') {
        n = make(r, RE_SEQUENCE, n, read_repeat(r));
    }
    return take(r, "|") ? make(r, RE_EITHER, n, read_either(r)) : n;
}

enum model_regex_state model_regex_compile(struct model *m, struct model_text pattern,
                                           struct model_regex *out)
{
    struct reader r = {.re = out, .t = pattern};
    *out = (struct model_regex){.m = m};
    out->nocase = take(&r, "(?i)");
    out->root = read_either(&r);
    if (r.state == MODEL_REGEX_OK && r.at < pattern.len) {
        return MODEL_REGEX_BAD; // a `)` too many
    }
    return r.state;
}

// ---- matching

struct matcher {
    const struct model_regex *re;
    struct model_text t;
    struct model_match *match;
    size_t end;
    int steps, depth;
};

// What follows: match `node`, close group `node`, or repeat `node` once more.
struct after {
    const struct model_re *node;
    const struct after *next;
    char what; // 'n' node, 'g' group's end, 'r' another turn
    int turns;
    size_t from;
};

static bool run(struct matcher *x, const struct model_re *n, size_t at, const struct after *k);

static bool turn(struct matcher *x, const struct model_re *n, size_t at, const struct after *next,
                 int turns);

static bool proceed(struct matcher *x, const struct after *k, size_t at)
{
    if (!k) {
        x->end = at;
        return true;
    }
    if (k->what == 'n') {
        return run(x, k->node, at, k->next);
    }
    if (k->what == 'r') {
        if (at == k->from && k->turns >= k->node->min) {
            return proceed(x, k->next, at); // an empty turn ends the repetition
        }
        return turn(x, k->node, at, k->next, k->turns);
    }
    size_t from = x->match->from[k->node->index], to = x->match->to[k->node->index];
    x->match->from[k->node->index] = k->from;
    x->match->to[k->node->index] = at;
    if (proceed(x, k->next, at)) {
        return true;
    }
    x->match->from[k->node->index] = from;
    x->match->to[k->node->index] = to;
    return false;
}

static bool turn(struct matcher *x, const struct model_re *n, size_t at, const struct after *next,
                 int turns)
{
    struct after again = {n, next, 'r', turns + 1, at};
    bool more = n->max < 0 || turns < n->max, enough = turns >= n->min;
    if (enough && n->lazy && proceed(x, next, at)) {
        return true;
    }
    if (more && run(x, n->a, at, &again)) {
        return true;
    }
    return enough && !n->lazy && proceed(x, next, at);
}

static uint32_t other_case(uint32_t c)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter ? c ^ 0x20 : c;
}

static bool in_class(const struct matcher *x, const struct model_re *n, uint32_t c)
{
    bool in = false;
    for (int i = 0; i < n->range_count; i++) {
        uint32_t o = x->re->nocase ? other_case(c) : c;
        in = in || (c >= n->ranges[i].from && c <= n->ranges[i].to) ||
             (o >= n->ranges[i].from && o <= n->ranges[i].to);
    }
    return in != n->negated;
}

static bool at_end(struct model_text t, size_t at)
{
    static const char *const ends[] = {"",         "\n",           "\r\n",        "\r",
                                       "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
    struct model_text rest = model_text_part(t, at, t.len);
    if (at > 0 && t.at[at - 1] == '\r' && model_text_is(rest, "\n")) {
        return false; // within the pair
    }
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (model_text_is(rest, ends[i])) {
            return true;
        }
    }
    return false;
}

static bool ahead(struct matcher *x, const struct model_re *n, size_t at)
{
    size_t end = x->end;
    bool found = run(x, n->a, at, NULL);
    x->end = end;
    return found;
}

static bool step(struct matcher *x, const struct model_re *n, size_t at, const struct after *k)
{
    uint32_t c;
    struct after second = {n->b, k, 'n', 0, 0}, close = {n, k, 'g', 0, at};
    switch (n->kind) {
    case RE_EMPTY:
        return proceed(x, k, at);
    case RE_CHAR:
        return at < x->t.len && model_utf8(x->t, at, &c) && in_class(x, n, c) &&
               proceed(x, k, at + model_utf8(x->t, at, NULL));
    case RE_START:
        return at == 0 && proceed(x, k, at);
    case RE_END:
        return at_end(x->t, at) && proceed(x, k, at);
    case RE_SEQUENCE:
        return run(x, n->a, at, &second);
    case RE_EITHER:
        return run(x, n->a, at, k) || run(x, n->b, at, k);
    case RE_REPEAT:
        return turn(x, n, at, k, 0);
    case RE_GROUP:
        return run(x, n->a, at, &close);
    case RE_AHEAD:
        return ahead(x, n, at) && proceed(x, k, at);
    }
    return false;
}

static bool run(struct matcher *x, const struct model_re *n, size_t at, const struct after *k)
{
    if (++x->steps > STEPS_MAX || x->depth > STEPS_MAX / 4) {
        x->re->m->unsupported = "long regular expression matches";
        return false;
    }
    x->depth++;
    bool found = step(x, n, at, k);
    x->depth--;
    return found;
}

bool model_regex_find(const struct model_regex *re, struct model_text t, size_t start,
                      struct model_match *match)
{
    struct matcher x = {.re = re, .t = t, .match = match};
    while (start <= t.len) {
        for (int i = 0; i < MODEL_GROUPS; i++) {
            match->from[i] = match->to[i] = SIZE_MAX;
        }
        if (run(&x, re->root, start, NULL)) {
            match->from[0] = start;
            match->to[0] = x.end;
            return true;
        }
        size_t next = start < t.len ? model_utf8(t, start, NULL) : 1;
        start += next;
    }
    return false;
}
