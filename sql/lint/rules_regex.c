// A heuristic for regular expressions that may take exponential time: a group that is repeated
// without end, one of whose alternatives is, but for parts that may be absent, a single repetition:
// (a+)+, (\d*)*, ([a-z]+ ?)*. Not for validity: that is wr_regex_check().
#include "sql/lint/linter.h"

#include "sql/base/banned.h"

#define GROUPS_MAX 250 // as deep as WR_REGEX_DEPTH_MAX; deeper ones are not judged

struct group {
    bool atomic;
    bool explosive; // an alternative is a repetition
    // of the alternative under way
    uint32_t required; // parts that cannot be absent
    bool fixed;        // one of them is not repeated
    bool repeats;      // a part is repeated without end
};

struct quantifier {
    bool there, unbounded, optional, possessive;
};

static void end_alternative(struct group *g)
{
    g->explosive = g->explosive || (g->repeats && !g->fixed && g->required <= 1);
    g->required = 0;
    g->fixed = g->repeats = false;
}

// `{2,}` and the like at `*at`; false: the brace is text.
static bool braces(wr_str p, size_t *at, struct quantifier *q)
{
    size_t i = *at + 1;
    size_t digits = i;
    bool zero = true;
    for (; i < p.len && p.at[i] >= '0' && p.at[i] <= '9'; i++) {
        zero = zero && p.at[i] == '0';
    }
    if (i == digits || i >= p.len) {
        return false;
    }
    q->optional = zero;
    if (p.at[i] == ',') {
        i++;
        q->unbounded = i < p.len && p.at[i] == '}';
        while (i < p.len && p.at[i] >= '0' && p.at[i] <= '9') {
            i++;
        }
    }
    if (i >= p.len || p.at[i] != '}') {
        return false;
    }
    *at = i + 1;
    q->there = true;
    return true;
}

static struct quantifier quantifier_at(wr_str p, size_t *at)
{
    struct quantifier q = {.there = false};
    if (*at >= p.len) {
        return q;
    }
    char c = p.at[*at];
    if (c == '*' || c == '+' || c == '?') {
        q = (struct quantifier){.there = true, .unbounded = c != '?', .optional = c != '+'};
        ++*at;
    } else if (c != '{' || !braces(p, at, &q)) {
        return (struct quantifier){.there = false};
    }
    if (*at < p.len && (p.at[*at] == '+' || p.at[*at] == '?')) {
        q.possessive = p.at[*at] == '+';
        ++*at;
    }
    return q;
}

// Behind the class that begins at `at`.
static size_t skip_class(wr_str p, size_t at)
{
    size_t depth = 0;
    for (; at < p.len; at++) {
        if (p.at[at] == '\\') {
            at++;
        } else if (p.at[at] == '[') {
            depth++;
        } else if (p.at[at] == ']' && --depth == 0) {
            return at + 1;
        }
    }
    return p.len;
}

// A part of the alternative is complete. `inner`: it is a group that is itself a repetition.
static void part(struct group *g, struct quantifier q, bool inner)
{
    bool repeats = (q.unbounded && !q.possessive) || (inner && !q.possessive);
    g->required += !q.optional;
    g->repeats = g->repeats || repeats;
    g->fixed = g->fixed || (!repeats && !q.optional);
}

// Behind `(` and what may follow it: ?: ?> ?= ?<name> …
static size_t open_group(wr_str p, size_t at, struct group *g)
{
    *g = (struct group){.atomic = false};
    at++;
    if (at < p.len && p.at[at] == '?') {
        g->atomic = at + 1 < p.len && p.at[at + 1] == '>';
        while (at < p.len && p.at[at] != ':' && p.at[at] != '>' && p.at[at] != '=' &&
               p.at[at] != '!' && p.at[at] != ')') {
            at++;
        }
        at += at < p.len && p.at[at] != ')';
    }
    return at;
}

bool wr_linter_regex_explodes(wr_str p)
{
    struct group groups[GROUPS_MAX + 1] = {{.atomic = false}};
    uint32_t depth = 0;
    for (size_t at = 0; at < p.len;) {
        struct group *g = &groups[depth];
        char c = p.at[at];
        if (c == '(') {
            if (depth == GROUPS_MAX) {
                return false;
            }
            at = open_group(p, at, &groups[++depth]);
            continue;
        }
        if (c == ')') {
            if (depth == 0) {
                return false;
            }
            end_alternative(g);
            at++;
            struct quantifier q = quantifier_at(p, &at);
            bool inner = g->explosive && !g->atomic;
            if (inner && q.unbounded && !q.possessive) {
                return true;
            }
            part(&groups[--depth], q, inner);
            continue;
        }
        if (c == '|') {
            end_alternative(g);
            at++;
            continue;
        }
        if (c == '^' || c == '$') {
            at++;
            continue;
        }
        at = c == '\\' ? at + 2 : c == '[' ? skip_class(p, at) : at + 1;
        part(g, quantifier_at(p, &at), false);
    }
    return false;
}
