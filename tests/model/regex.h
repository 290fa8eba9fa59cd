// Regular expressions by plain backtracking, for a subset of Java's dialect: literals, `.`, `^`,
// `$`, classes with ranges and \d \w \s, groups (capturing, (?:...), (?=...) without groups in it),
// `|`, and * + ? {m,n}, greedy or lazy; `(?i)` in front for ASCII. The rest is "unsupported".
// Thread: one.
#ifndef WR_MODEL_REGEX_H
#define WR_MODEL_REGEX_H

#include "tests/model/model.h"

#define MODEL_GROUPS 10

enum model_regex_state {
    MODEL_REGEX_OK,
    MODEL_REGEX_BAD,         // no regular expression: Undefined
    MODEL_REGEX_UNSUPPORTED, // not of the subset
};

struct model_regex {
    struct model *m;
    struct model_re *root;
    bool nocase;
    int groups;
};

struct model_match {
    size_t from[MODEL_GROUPS], to[MODEL_GROUPS]; // SIZE_MAX: the group took no part
};

enum model_regex_state model_regex_compile(struct model *m, struct model_text pattern,
                                           struct model_regex *out);
// The first match at or after `start`. Too many steps make the case unsupported.
bool model_regex_find(const struct model_regex *re, struct model_text t, size_t start,
                      struct model_match *match);

#endif
