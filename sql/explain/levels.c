// Near-misses of topics: what people get wrong, one small test each.
#include "sql/explain/levels.h"

#include "sql/explain/show.h"

#include "sql/base/banned.h"

#define NEAR_LETTERS 3 // letters that two levels may differ by and still be called near

size_t wr_levels_compare(wr_str filter, wr_str topic, struct wr_level out[WR_LEVELS_MAX])
{
    size_t count = 0;
    for (;; count++) {
        struct wr_level l = {0};
        bool f = wr_topic_level(filter, count, &l.filter), t;
        t = wr_topic_level(topic, count, &l.topic);
        if (!f && !t) {
            return count;
        }
        if (f && wr_str_eq(l.filter, WR_STR("#"))) {
            l.how = t ? WR_LEVEL_HASH : WR_LEVEL_MISSING;
        } else if (!f || !t) {
            l.how = f ? WR_LEVEL_MISSING : WR_LEVEL_EXTRA;
        } else if (wr_str_eq(l.filter, WR_STR("+"))) {
            l.how = WR_LEVEL_PLUS;
        } else {
            l.how = wr_str_eq(l.filter, l.topic) ? WR_LEVEL_SAME : WR_LEVEL_DIFFERENT;
        }
        if (count < WR_LEVELS_MAX) {
            out[count] = l;
        } else {
            return count; // a topic of 65535 slashes is not worth counting
        }
        if (l.how == WR_LEVEL_HASH) {
            return count + 1;
        }
    }
}

static wr_str trimmed(wr_str s)
{
    while (s.len && s.at[0] == ' ') {
        s = wr_str_cut(s, 1, s.len);
    }
    while (s.len && s.at[s.len - 1] == ' ') {
        s.len--;
    }
    return s;
}

static void quoted(struct wr_buf *out, wr_str s)
{
    wr_buf_add_char(out, '\'');
    wr_show_source(out, s);
    wr_buf_add_char(out, '\'');
}

static void difference(wr_str filter, wr_str topic, struct wr_buf *out)
{
    if (topic.len == 0) {
        wr_buf_add(out, WR_STR("the level is empty, not "));
        quoted(out, filter);
        return;
    }
    quoted(out, topic);
    wr_buf_add(out, WR_STR(" is not "));
    quoted(out, filter);
    size_t d = wr_str_distance(filter, topic);
    if (wr_str_eq_nocase(filter, topic)) {
        wr_buf_add(out, WR_STR(": they differ in upper and lower case"));
    } else if (wr_str_eq(trimmed(filter), trimmed(topic))) {
        wr_buf_add(out, WR_STR(": they differ in blanks at the ends"));
    } else if (wr_str_starts(filter, WR_STR("${")) || wr_str_starts(filter, WR_STR("{"))) {
        wr_buf_add(out, WR_STR(": FROM takes no templates; '+' stands for any level"));
    } else if (wr_str_eq(filter, WR_STR("*"))) {
        wr_buf_add(out, WR_STR(": '*' is no wildcard here; '+' stands for any level"));
    } else if (d <= NEAR_LETTERS && d < filter.len && d < topic.len) {
        wr_buf_addf(out, ": %zu letter%s apart", d, d == 1 ? "" : "s");
    }
}

void wr_levels_describe(const struct wr_level *l, struct wr_buf *out)
{
    switch (l->how) {
    case WR_LEVEL_SAME:
        wr_buf_add(out, WR_STR("the same"));
        return;
    case WR_LEVEL_PLUS:
        wr_buf_add(out, l->topic.len ? WR_STR("any one level")
                                     : WR_STR("any one level, an empty one too"));
        return;
    case WR_LEVEL_HASH:
        wr_buf_add(out, WR_STR("this level and all that follow"));
        return;
    case WR_LEVEL_DIFFERENT:
        difference(l->filter, l->topic, out);
        return;
    case WR_LEVEL_MISSING:
        wr_buf_add(out, WR_STR("the topic has no such level"));
        return;
    case WR_LEVEL_EXTRA:
        wr_buf_add(out, WR_STR("the filter has no such level"));
        return;
    }
}

// ---- advice

// `text` without its level `index`.
static void without_level(wr_str text, size_t index, struct wr_buf *out)
{
    wr_str level;
    wr_buf_clear(out);
    for (size_t i = 0, n = 0; wr_topic_level(text, i, &level); i++) {
        if (i == index) {
            continue;
        }
        wr_buf_add(out, n++ ? WR_STR("/") : WR_STR(""));
        wr_buf_add(out, level);
    }
}

static void advise_level(const char *whose, size_t index, wr_str level, struct wr_buf *out)
{
    wr_buf_addf(out, "level %zu of the %s, ", index + 1, whose);
    if (level.len) {
        quoted(out, level);
    } else {
        wr_buf_add(out, WR_STR("which is empty"));
    }
    wr_buf_add(out, WR_STR(", is one too many: without it they match\n"));
}

// The last level without which the two match; false when there is none. `ours` is the one that
// loses a level.
static bool level_too_many(wr_str ours, bool ours_is_filter, wr_str other, size_t *index,
                           wr_str *level)
{
    struct wr_buf b = {0};
    wr_str each;
    bool found = false;
    for (size_t i = 0; i < WR_LEVELS_MAX && wr_topic_level(ours, i, &each); i++) {
        without_level(ours, i, &b);
        wr_str rest = wr_buf_str(&b);
        bool match = ours_is_filter ? wr_topic_matches(rest, other) : wr_topic_matches(other, rest);
        if (rest.len && match) {
            *index = i;
            *level = each;
            found = true;
        }
    }
    wr_buf_release(&b);
    return found;
}

static void one_level_off(wr_str filter, wr_str topic, struct wr_buf *out)
{
    size_t index;
    wr_str level;
    if (level_too_many(topic, false, filter, &index, &level)) {
        advise_level("topic", index, level, out);
    } else if (level_too_many(filter, true, topic, &index, &level)) {
        advise_level("filter", index, level, out);
    }
}

static void ends(wr_str filter, wr_str topic, struct wr_buf *out)
{
    bool f = filter.len && filter.at[0] == '/', t = topic.len && topic.at[0] == '/';
    if (f != t) {
        wr_buf_addf(out, "the %s begins with '/', so its level 1 is empty; the %s does not\n",
                    f ? "filter" : "topic", f ? "topic" : "filter");
    }
    f = wr_str_ends(filter, WR_STR("/"));
    t = wr_str_ends(topic, WR_STR("/"));
    if (f != t) {
        wr_buf_addf(out, "the %s ends with '/', so its last level is empty; the %s does not\n",
                    f ? "filter" : "topic", f ? "topic" : "filter");
    }
}

void wr_levels_advise(wr_str filter, wr_str topic, struct wr_buf *out)
{
    if (topic.len == 0 || filter.len == 0 || wr_topic_matches(filter, topic)) {
        return;
    }
    if (topic.at[0] == '$' && (filter.at[0] == '+' || filter.at[0] == '#')) {
        wr_buf_add(out, WR_STR("a filter that begins with '+' or '#' does not match topics that "
                               "begin with '$': write the first level out\n"));
        return;
    }
    if (wr_topic_matches_mqtt(filter, topic)) { // only `a/#` and `a` tell the two apart
        wr_buf_addf(out,
                    "'%.*s' does not match '%.*s' itself on AWS, although a broker's subscription "
                    "does; it matches '%.*s/'\n",
                    WR_STR_ARG(filter), WR_STR_ARG(topic), WR_STR_ARG(topic));
        return;
    }
    if (wr_str_starts(filter, WR_STR("$share/"))) {
        wr_buf_add(out, WR_STR("FROM takes no shared subscription: leave out $share and the "
                               "group\n"));
    }
    size_t before = out->len;
    ends(filter, topic, out);
    if (out->len == before) {
        one_level_off(filter, topic, out);
    }
}
