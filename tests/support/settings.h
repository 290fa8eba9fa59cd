// A struct wr_settings made of name/value pairs, for tests that link the sinks without the engine.
// Include it in exactly one file of the executable: it defines wr_settings_get() and its kin.
#ifndef WR_TESTS_SETTINGS_H
#define WR_TESTS_SETTINGS_H

#include "sinks/sink.h"

#include <stdio.h>
#include <stdlib.h>

struct wr_test_setting {
    const char *name, *value;
};

// `table` gives the defaults (impl->settings, may be NULL). `pairs` ends with a zeroed entry.
struct wr_settings {
    const struct wr_option *table;
    const struct wr_test_setting *pairs;
};

// `pattern` may hold "*", which stands for one part between dots.
static inline bool wr_test_setting_matches(const char *pattern, const char *name)
{
    while (*pattern && *name) {
        if (*pattern == '*') {
            size_t part = strcspn(name, ".");
            if (part == 0) {
                return false;
            }
            pattern++;
            name += part;
        } else if (*pattern++ != *name++) {
            return false;
        }
    }
    return !*pattern && !*name;
}

const char *wr_settings_get(const struct wr_settings *s, const char *name)
{
    for (const struct wr_test_setting *p = s->pairs; p && p->name; p++) {
        if (!strcmp(p->name, name)) {
            return p->value;
        }
    }
    for (const struct wr_option *o = s->table; o && o->name; o++) {
        if (wr_test_setting_matches(o->name, name)) {
            return o->fallback ? o->fallback : "";
        }
    }
    return "";
}

// A number, with the units that weir.yaml takes: k M G for bytes, ms s m h d for times (to ms).
int64_t wr_settings_int(const struct wr_settings *s, const char *name)
{
    static const struct {
        const char *unit;
        int64_t factor;
    } units[] = {{"", 1},         {"ms", 1},      {"s", 1000},    {"m", 60000},  {"h", 3600000},
                 {"d", 86400000}, {"k", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}};
    char *end;
    int64_t number = strtoll(wr_settings_get(s, name), &end, 10);
    for (size_t i = 0; i < WR_COUNT(units); i++) {
        if (!strcmp(units[i].unit, end)) {
            return number * units[i].factor;
        }
    }
    fprintf(stderr, "test setting %s: not a number: %s\n", name, wr_settings_get(s, name));
    abort();
}

bool wr_settings_bool(const struct wr_settings *s, const char *name)
{
    return !strcmp(wr_settings_get(s, name), "true");
}

// The part of `full` one level below `prefix` ("" is the root), or length 0.
static inline wr_str wr_test_setting_part(const char *full, const char *prefix)
{
    size_t len = strlen(prefix);
    if (strncmp(full, prefix, len) != 0 || (len > 0 && full[len] != '.')) {
        return (wr_str){NULL, 0};
    }
    const char *part = full + len + (len > 0);
    return (wr_str){part, strcspn(part, ".")};
}

// Index of the first pair with the same part as pair `i`.
static inline size_t wr_test_setting_first(const struct wr_settings *s, const char *prefix,
                                           size_t i)
{
    wr_str part = wr_test_setting_part(s->pairs[i].name, prefix);
    size_t first = 0;
    while (!wr_str_eq(wr_test_setting_part(s->pairs[first].name, prefix), part)) {
        first++;
    }
    return first;
}

size_t wr_settings_count(const struct wr_settings *s, const char *prefix)
{
    size_t count = 0;
    for (size_t i = 0; s->pairs && s->pairs[i].name; i++) {
        count += wr_test_setting_part(s->pairs[i].name, prefix).len > 0 &&
                 wr_test_setting_first(s, prefix, i) == i;
    }
    return count;
}

// Borrowed until 16 more names were asked for.
const char *wr_settings_name(const struct wr_settings *s, const char *prefix, size_t index)
{
    static char names[16][128];
    static unsigned turn;
    for (size_t i = 0; s->pairs && s->pairs[i].name; i++) {
        wr_str part = wr_test_setting_part(s->pairs[i].name, prefix);
        if (part.len > 0 && wr_test_setting_first(s, prefix, i) == i && index-- == 0) {
            char *name = names[turn++ % WR_COUNT(names)];
            snprintf(name, sizeof names[0], "%.*s", WR_STR_ARG(part));
            return name;
        }
    }
    return NULL;
}

#endif
