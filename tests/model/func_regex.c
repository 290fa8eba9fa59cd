// regexp_matches, regexp_substr, regexp_replace: sql.md 11.2.
#include "tests/model/regex.h"

// The text (and pattern) of the call; false with the answer in *out.
static bool open(struct model_run *r, const mval *args, size_t count, struct model_text *t,
                 struct model_regex *re)
{
    for (size_t i = 0; i < count; i++) {
        mval v = model_to_string(r->m, args[i]);
        if (v->type != MODEL_STRING) {
            return false;
        }
        t[i] = v->text;
    }
    enum model_regex_state state = model_regex_compile(r->m, t[1], re);
    if (state == MODEL_REGEX_UNSUPPORTED) {
        r->m->unsupported = "regular expressions outside the subset";
    }
    return state == MODEL_REGEX_OK;
}

static MODEL_BODY(regexp_matches)
{
    struct model_text t[2];
    struct model_regex re;
    struct model_match match;
    return open(r, args, 2, t, &re) ? model_bool(model_regex_find(&re, t[0], 0, &match))
                                    : &model_undefined;
}

static MODEL_BODY(regexp_substr)
{
    struct model_text t[2];
    struct model_regex re;
    struct model_match match;
    if (!open(r, args, 2, t, &re) || !model_regex_find(&re, t[0], 0, &match)) {
        return &model_undefined;
    }
    return model_string(r->m, model_text_part(t[0], match.from[0], match.to[0]));
}

// One replacement; false: it is malformed. `$12` is group 12 if there is one, else group 1 and 2.
static bool expand(struct model_buf *b, const struct model_regex *re, struct model_text t,
                   struct model_text by, const struct model_match *match)
{
    for (size_t i = 0; i < by.len; i++) {
        if (by.at[i] == '\\') {
            if (++i == by.len) {
                return false;
            }
            model_add_char(b, by.at[i]);
        } else if (by.at[i] == '$') {
            int group = i + 1 < by.len ? by.at[++i] - '0' : -1;
            if (group < 0 || group > 9 || group > re->groups) {
                return false;
            }
            while (i + 1 < by.len && by.at[i + 1] >= '0' && by.at[i + 1] <= '9' &&
                   group * 10 + (by.at[i + 1] - '0') <= re->groups) {
                group = group * 10 + (by.at[++i] - '0');
            }
            if (match->from[group] != SIZE_MAX) {
                model_add(b, model_text_part(t, match->from[group], match->to[group]));
            }
        } else {
            model_add_char(b, by.at[i]);
        }
    }
    return true;
}

static MODEL_BODY(regexp_replace)
{
    struct model_text t[3];
    struct model_regex re;
    struct model_match match;
    struct model_buf b = {.m = r->m};
    size_t copied = 0, start = 0;
    if (!open(r, args, 3, t, &re)) {
        return &model_undefined;
    }
    while (start <= t[0].len && model_regex_find(&re, t[0], start, &match)) {
        model_add(&b, model_text_part(t[0], copied, match.from[0]));
        if (!expand(&b, &re, t[0], t[2], &match)) {
            return &model_undefined;
        }
        copied = start = match.to[0];
        if (match.from[0] == match.to[0]) { // forward one character
            start += start < t[0].len ? model_utf8(t[0], start, NULL) : 1;
        }
    }
    model_add(&b, model_text_part(t[0], copied, t[0].len));
    return model_string(r->m, model_buf_text(&b));
}

const struct model_function model_regexes[] = {
    {"regexp_matches", 2, 2, false, model_fn_regexp_matches},
    {"regexp_substr", 2, 2, false, model_fn_regexp_substr},
    {"regexp_replace", 3, 3, false, model_fn_regexp_replace},
    {0},
};
