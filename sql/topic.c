// Topic names and filters, level by level, without allocation: sql.md 8.1. Not the trie that finds
// the rules of a topic: engine/rules/trie.
#include "sql/topic.h"

#include "sql/base/utf8.h"

#include "sql/base/banned.h"

static const wr_str basic_ingest = WR_STR_INIT("$aws/rules/");

// Steps through levels. "a/" has two, the second one empty; the empty string has one.
struct levels {
    wr_str rest;
    bool done;
};

static bool next_level(struct levels *l, wr_str *level)
{
    if (l->done) {
        return false;
    }
    const char *slash = l->rest.len ? memchr(l->rest.at, '/', l->rest.len) : NULL;
    size_t len = slash ? (size_t)(slash - l->rest.at) : l->rest.len;
    *level = wr_str_cut(l->rest, 0, len);
    l->done = !slash;
    l->rest = slash ? wr_str_cut(l->rest, len + 1, l->rest.len) : (wr_str){NULL, 0};
    return true;
}

static bool is_plus(wr_str level)
{
    return level.len == 1 && level.at[0] == '+';
}

static bool is_hash(wr_str level)
{
    return level.len == 1 && level.at[0] == '#';
}

static bool starts_with_wildcard(wr_str filter)
{
    return filter.len > 0 && (filter.at[0] == '+' || filter.at[0] == '#');
}

static bool starts_with_dollar(wr_str topic)
{
    return topic.len > 0 && topic.at[0] == '$';
}

// What names and filters have in common.
static wr_err check_text(wr_str text, const char *what, struct wr_fault *fault)
{
    if (text.len == 0) {
        return wr_fault_at(fault, WR_ERR_SYNTAX, text, 0, "%s is empty", what);
    }
    if (text.len > WR_TOPIC_LEN_MAX) {
        return wr_fault_at(fault, WR_ERR_LIMIT, text, 0, "%s has %zu bytes, at most %d are allowed",
                           what, text.len, WR_TOPIC_LEN_MAX);
    }
    const char *nul = memchr(text.at, '\0', text.len);
    if (nul) {
        return wr_fault_at(fault, WR_ERR_SYNTAX, text, (size_t)(nul - text.at),
                           "%s holds a NUL byte", what);
    }
    if (!wr_utf8_valid(text)) {
        return wr_fault_at(fault, WR_ERR_SYNTAX, text, 0, "%s is not valid UTF-8", what);
    }
    return WR_OK;
}

wr_err wr_topic_filter_check(wr_str filter, struct wr_fault *fault)
{
    wr_err err = check_text(filter, "the topic filter", fault);
    if (err) {
        return err;
    }
    struct levels l = {.rest = filter};
    wr_str level;
    while (next_level(&l, &level)) {
        size_t at = (size_t)(level.at - filter.at);
        const char *plus = level.len ? memchr(level.at, '+', level.len) : NULL;
        const char *hash = level.len ? memchr(level.at, '#', level.len) : NULL;
        if ((plus || hash) && level.len > 1) {
            return wr_fault_at(fault, WR_ERR_SYNTAX, filter, at,
                               "found the level '%.*s' in the topic filter, expected '%c' to stand "
                               "alone in its level",
                               WR_STR_ARG(level), plus ? '+' : '#');
        }
        if (hash && !l.done) {
            return wr_fault_at(fault, WR_ERR_SYNTAX, filter, at,
                               "found '#' before the end of the topic filter, expected it as the "
                               "last level only");
        }
    }
    return WR_OK;
}

wr_err wr_topic_name_check(wr_str topic, struct wr_fault *fault)
{
    wr_err err = check_text(topic, "the topic", fault);
    if (err) {
        return err;
    }
    for (size_t i = 0; i < topic.len; i++) {
        if (topic.at[i] == '+' || topic.at[i] == '#') {
            return wr_fault_at(fault, WR_ERR_SYNTAX, topic, i,
                               "found '%c' in the topic: a topic to publish to has no wildcards",
                               topic.at[i]);
        }
    }
    return WR_OK;
}

// `parent`: `a/#` matches `a` too.
static bool matches(wr_str filter, wr_str topic, bool parent)
{
    if (starts_with_wildcard(filter) && starts_with_dollar(topic)) {
        return false;
    }
    size_t f = 0, t = 0;
    for (;;) { // f and t stand at the start of a level
        if (f < filter.len && filter.at[f] == '#') {
            return true;
        }
        if (f < filter.len && filter.at[f] == '+') {
            f++;
            while (t < topic.len && topic.at[t] != '/') {
                t++;
            }
        } else {
            for (; f < filter.len && filter.at[f] != '/'; f++, t++) {
                if (t == topic.len || topic.at[t] != filter.at[f]) {
                    return false;
                }
            }
        }
        if (f == filter.len) {
            return t == topic.len;
        }
        if (t == topic.len) {
            return parent && filter.len - f == 2 && filter.at[f + 1] == '#';
        }
        if (topic.at[t] != '/') {
            return false;
        }
        f++;
        t++;
    }
}

bool wr_topic_matches(wr_str filter, wr_str topic)
{
    return matches(filter, topic, false);
}

bool wr_topic_matches_mqtt(wr_str filter, wr_str topic)
{
    return matches(filter, topic, true);
}

// The parent that `/#` matches too would be the empty topic, which does not exist; so it is `/+/#`.
static wr_str without_empty_parent(wr_str filter)
{
    return wr_str_eq(filter, WR_STR("/#")) ? WR_STR("/+/#") : filter;
}

bool wr_topic_covers(wr_str wide, wr_str narrow)
{
    wide = without_empty_parent(wide);
    narrow = without_empty_parent(narrow);
    if (starts_with_wildcard(wide) && starts_with_dollar(narrow)) {
        return false;
    }
    struct levels w = {.rest = wide}, n = {.rest = narrow};
    wr_str wide_level, narrow_level;
    // A `#` on the first level stands for one level or more, further on for none or more; so the
    // first one is treated as `+/#`.
    bool narrow_open = false;
    for (bool first = true; next_level(&w, &wide_level); first = false) {
        if (is_hash(wide_level)) {
            return true;
        }
        if (narrow_open) {
            return false; // `#` may stand for no level here, but `wide` wants one
        }
        if (!next_level(&n, &narrow_level)) {
            return false;
        }
        if (is_hash(narrow_level)) {
            if (!first || !is_plus(wide_level)) {
                return false;
            }
            narrow_open = true;
        } else if (!is_plus(wide_level) && !wr_str_eq(wide_level, narrow_level)) {
            return false;
        }
    }
    return n.done && !narrow_open;
}

bool wr_topic_overlap(wr_str a, wr_str b)
{
    a = without_empty_parent(a);
    b = without_empty_parent(b);
    if ((starts_with_wildcard(a) && starts_with_dollar(b)) ||
        (starts_with_wildcard(b) && starts_with_dollar(a))) {
        return false;
    }
    struct levels la = {.rest = a}, lb = {.rest = b};
    wr_str level_a = {0}, level_b = {0};
    for (;;) {
        bool more_a = next_level(&la, &level_a), more_b = next_level(&lb, &level_b);
        if ((more_a && is_hash(level_a)) || (more_b && is_hash(level_b))) {
            return true; // the other one's remaining levels, or none, do for it
        }
        if (!more_a || !more_b) {
            return more_a == more_b;
        }
        if (!is_plus(level_a) && !is_plus(level_b) && !wr_str_eq(level_a, level_b)) {
            return false;
        }
    }
}

bool wr_topic_level(wr_str topic, size_t index, wr_str *level)
{
    struct levels l = {.rest = topic};
    wr_str found;
    while (next_level(&l, &found)) {
        if (index-- == 0) {
            *level = found;
            return true;
        }
    }
    return false;
}

bool wr_topic_basic_ingest(wr_str topic, wr_str *rule, wr_str *rest)
{
    if (!wr_str_starts(topic, basic_ingest) || topic.len == basic_ingest.len ||
        topic.at[basic_ingest.len] == '/') {
        return false;
    }
    wr_str tail = wr_str_cut(topic, basic_ingest.len, topic.len);
    const char *slash = memchr(tail.at, '/', tail.len);
    size_t len = slash ? (size_t)(slash - tail.at) : tail.len;
    *rule = wr_str_cut(tail, 0, len);
    *rest = slash ? wr_str_cut(tail, len + 1, tail.len) : wr_str_cut(tail, len, len);
    return true;
}
