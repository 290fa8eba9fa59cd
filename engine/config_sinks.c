// sinks.<name>.<setting>: values checked against the sinks' own tables, and `struct wr_settings`,
// which sinks read them through (sinks/sink.h).
//
// A table's name may hold "*", which stands for a name that somebody chose: "functions.*.command".
// Such a name may itself have dots ("tables.my.table.hash"): where its parts end is kept with each
// entry.
#include "engine/config_parts.h"

#include "sql/base/banned.h"

#define PARTS_MAX 8 // of a setting's name, with the name of "*" as one
#define NEAR_MAX  3 // letters off, for "did you mean"

struct entry {
    struct entry *next;
    const char *name;         // "functions.f.command", in the arena
    uint16_t ends[PARTS_MAX]; // where part i ends in name
    size_t part_count;
    const char *parts[PARTS_MAX];   // each terminated
    const struct wr_option *option; // the row it was checked against
    const char *text;
    int64_t number; // INT: in the option's unit. BOOL: 0 or 1.
};

struct wr_settings {
    const struct wr_sink_impl *impl;
    struct entry *first, **last;
    struct wr_settings *next;
};

struct wr_config_sinks {
    struct wr_arena *arena;
    struct wr_settings *first, **last;
};

// ---- names and patterns

// How the characters between parts and inside them compare.
struct spelling {
    char separator;  // 0: names as in the file
    size_t boundary; // a "*" does not reach over this byte; 0: none
};

static bool same_char(struct spelling s, char pattern, char c)
{
    if (!s.separator) {
        return pattern == c;
    }
    bool between = pattern == '.' || pattern == '_' || pattern == '-';
    return between ? c == s.separator : wr_str_eq_nocase((wr_str){&pattern, 1}, (wr_str){&c, 1});
}

// A part of what somebody chose ends where the next separator may stand.
static bool may_end(struct spelling s, wr_str name, size_t at)
{
    return at == name.len || name.at[at] == (s.separator ? s.separator : '.');
}

// Whether `name` is an instance of `pattern`, or (`whole` false) of the parts before one of its
// dots. A "*" takes as little as it can. `starts`/`ends` (PARTS_MAX, or NULL): the parts of `name`.
static bool matches(const char *pattern, wr_str name, size_t at, struct spelling s, bool whole,
                    uint16_t *ends, size_t part)
{
    while (*pattern) {
        if (at == name.len) {
            if (!whole && *pattern == '.') {
                break;
            }
            return false;
        }
        if (*pattern == '*') {
            for (size_t end = at + 1; end <= name.len; end++) {
                bool over = at < s.boundary && end >= s.boundary;
                if (!over && may_end(s, name, end) &&
                    matches(pattern + 1, name, end, s, whole, ends, part)) {
                    return true;
                }
            }
            return false;
        }
        if (!same_char(s, *pattern, name.at[at])) {
            return false;
        }
        if (*pattern == '.') {
            if (ends && part < PARTS_MAX) {
                ends[part] = (uint16_t)at;
            }
            part++;
        }
        pattern++;
        at++;
    }
    if (at != name.len || (whole && *pattern)) {
        return false;
    }
    if (ends && part < PARTS_MAX) {
        ends[part] = (uint16_t)at;
    }
    return part < PARTS_MAX;
}

static size_t count_parts(const char *pattern)
{
    size_t count = 1;
    for (; *pattern; pattern++) {
        count += *pattern == '.';
    }
    return count;
}

static const struct wr_option *find_option(const struct wr_option *table, wr_str name,
                                           struct spelling s, uint16_t *ends)
{
    for (const struct wr_option *o = table; o && o->name; o++) {
        if (name.len < UINT16_MAX && matches(o->name, name, 0, s, true, ends, 0)) {
            return o;
        }
    }
    return NULL;
}

// Of the sink's own table, or of what every sink can be told.
static const struct wr_option *find_setting(const struct wr_sink_impl *impl, wr_str name,
                                            struct spelling s, uint16_t *ends)
{
    const struct wr_option *o = find_option(impl->settings, name, s, ends);
    return o ? o : find_option(wr_sink_common_settings, name, s, ends);
}

// ---- values

// Settings have the sinks' types; numbers with a unit are written as elsewhere in the file.
static enum wr_config_type type_of(const struct wr_option *o)
{
    switch (o->type) {
    case WR_OPT_BOOL:
        return WR_CONFIG_BOOL;
    case WR_OPT_CHOICE:
        return WR_CONFIG_CHOICE;
    case WR_OPT_INT:
        if (o->unit && (strcmp(o->unit, "ms") == 0 || strcmp(o->unit, "s") == 0)) {
            return WR_CONFIG_DURATION;
        }
        return o->unit && strcmp(o->unit, "bytes") == 0 ? WR_CONFIG_SIZE : WR_CONFIG_INT;
    case WR_OPT_STRING:
        return o->unit && strcmp(o->unit, "path") == 0 ? WR_CONFIG_PATH : WR_CONFIG_STRING;
    case WR_OPT_PAIRS:
    case WR_OPT_LIST:
        break; // of rule documents only: a setting is one value
    }
    return WR_CONFIG_STRING;
}

static wr_err check_number(const struct wr_option *o, wr_str value, int64_t *number,
                           struct wr_fault *fault)
{
    const char *unit = o->unit ? o->unit : "";
    wr_err err = wr_config_number(value, type_of(o), unit, false, number, fault);
    if (err) {
        return err;
    }
    if ((o->min || o->max) && (*number < o->min || *number > o->max)) {
        return wr_fault_set(fault, WR_ERR_RANGE, "found \"%.*s\", expected %lld to %lld%s%s",
                            WR_STR_ARG(value), (long long)o->min, (long long)o->max,
                            *unit ? " " : "", unit);
    }
    return WR_OK;
}

static wr_err check_value(const struct wr_option *o, wr_str value, int64_t *number,
                          struct wr_fault *fault)
{
    bool on = false;
    wr_err err = WR_OK;
    switch (type_of(o)) {
    case WR_CONFIG_BOOL:
        err = wr_config_bool(value, &on, fault);
        *number = on;
        break;
    case WR_CONFIG_INT:
    case WR_CONFIG_DURATION:
    case WR_CONFIG_SIZE:
        err = check_number(o, value, number, fault);
        break;
    case WR_CONFIG_CHOICE:
        if (!wr_config_is_choice(value, o->choices, o->flags & WR_OPT_NOCASE)) {
            err = wr_fault_set(fault, WR_ERR_RANGE, "found \"%.*s\", expected one of %s",
                               WR_STR_ARG(value), o->choices);
        }
        break;
    case WR_CONFIG_STRING:
    case WR_CONFIG_PATH:
        if (value.len < (size_t)o->min || (o->max && value.len > (size_t)o->max)) {
            err = wr_fault_set(fault, WR_ERR_RANGE, "found %zu bytes, expected %lld to %lld",
                               value.len, (long long)o->min, (long long)o->max);
        }
        break;
    }
    return err;
}

static const char *keep_text(struct wr_arena *arena, const struct wr_option *o, wr_str value,
                             wr_str folder)
{
    if (type_of(o) == WR_CONFIG_BOOL) {
        bool on = false;
        return wr_config_bool(value, &on, NULL) == WR_OK && on ? "true" : "false";
    }
    struct wr_buf b;
    wr_buf_init_arena(&b, arena);
    if (type_of(o) == WR_CONFIG_PATH && value.len > 0 && value.at[0] != '/') {
        wr_buf_add(&b, folder);
    }
    wr_buf_add(&b, value);
    return wr_buf_terminated(&b);
}

static struct wr_settings *find_settings(const struct wr_config_sinks *s, wr_str name)
{
    for (struct wr_settings *one = s->first; one; one = one->next) {
        if (wr_str_eq(wr_str_of(one->impl->name), name)) {
            return one;
        }
    }
    return NULL;
}

static struct entry *find_entry(const struct wr_settings *s, const char *name)
{
    for (struct entry *e = s->first; e; e = e->next) {
        if (strcmp(e->name, name) == 0) {
            return e;
        }
    }
    return NULL;
}

// The table's row with every "*" as it is in `name`, whose parts are known: how the file spells it.
static const char *instance(struct wr_arena *arena, const struct wr_option *o, wr_str name,
                            const uint16_t *ends)
{
    struct wr_buf b;
    wr_buf_init_arena(&b, arena);
    size_t part = 0;
    for (const char *p = o->name; *p; p++) {
        if (*p == '*') {
            size_t from = part ? (size_t)ends[part - 1] + 1 : 0;
            wr_buf_add(&b, wr_str_cut(name, from, ends[part]));
        } else {
            part += *p == '.';
            wr_buf_add_char(&b, *p);
        }
    }
    return wr_buf_terminated(&b);
}

static wr_err store(struct wr_config_sinks *s, struct wr_settings *settings,
                    const struct wr_option *o, wr_str name, const uint16_t *ends, wr_str value,
                    wr_str folder, struct wr_fault *fault)
{
    int64_t number = 0;
    wr_err err = check_value(o, value, &number, fault);
    if (err) {
        return err;
    }
    struct entry *e = wr_arena_alloc(s->arena, sizeof *e);
    const char *full = instance(s->arena, o, name, ends);
    const char *text = keep_text(s->arena, o, value, folder);
    if (!e || s->arena->over) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "the configuration is too large");
    }
    struct entry *old = find_entry(settings, full);
    if (old) {
        old->text = text; // the environment over the file, an option over both
        old->number = number;
        return WR_OK;
    }
    *e = (struct entry){.name = full, .option = o, .text = text, .number = number};
    (void)matches(o->name, wr_str_of(full), 0, (struct spelling){0}, true, e->ends, 0);
    e->part_count = count_parts(o->name);
    for (size_t i = 0; i < e->part_count; i++) {
        size_t from = i ? (size_t)e->ends[i - 1] + 1 : 0;
        e->parts[i] = wr_str_dup(s->arena, wr_str_cut(wr_str_of(full), from, e->ends[i])).at;
        wr_assert(e->parts[i]);
    }
    *settings->last = e;
    settings->last = &e->next;
    return WR_OK;
}

// ---- for config.c

struct wr_config_sinks *wr_config_sinks_new(struct wr_arena *arena)
{
    struct wr_config_sinks *s = wr_arena_alloc(arena, sizeof *s);
    wr_assert(s);
    *s = (struct wr_config_sinks){.arena = arena};
    s->last = &s->first;
    for (size_t i = 0; wr_sink_list[i]; i++) {
        (void)wr_config_sinks_find(s, wr_sink_list[i]);
    }
    return s;
}

static wr_str first_part(wr_str path)
{
    const char *dot = path.at ? memchr(path.at, '.', path.len) : NULL;
    return wr_str_cut(path, 0, dot ? (size_t)(dot - path.at) : path.len);
}

enum wr_config_kind wr_config_sinks_kind(const struct wr_config_sinks *s, wr_str path,
                                         size_t key_at)
{
    wr_str sink = first_part(path);
    const struct wr_settings *settings = find_settings(s, sink);
    if (!settings) {
        return WR_CONFIG_UNKNOWN;
    }
    if (sink.len == path.len) {
        return WR_CONFIG_SECTION;
    }
    wr_str name = wr_str_cut(path, sink.len + 1, path.len);
    const struct spelling spelling = {
        .boundary = key_at > sink.len + 1 ? key_at - sink.len - 1 : 0,
    };
    if (find_setting(settings->impl, name, spelling, NULL)) {
        return WR_CONFIG_OPTION;
    }
    const struct wr_option *tables[] = {settings->impl->settings, wr_sink_common_settings};
    for (size_t i = 0; i < WR_COUNT(tables); i++) {
        for (const struct wr_option *o = tables[i]; o && o->name; o++) {
            if (matches(o->name, name, 0, spelling, false, NULL, 0)) {
                return WR_CONFIG_SECTION;
            }
        }
    }
    return WR_CONFIG_UNKNOWN;
}

static wr_str last_part(wr_str name)
{
    const char *dot = name.at ? memrchr(name.at, '.', name.len) : NULL;
    return dot ? wr_str_cut(name, (size_t)(dot + 1 - name.at), name.len) : name;
}

wr_err wr_config_sinks_unknown(const struct wr_config_sinks *s, wr_str path, struct wr_fault *fault)
{
    wr_str sink = first_part(path);
    const struct wr_settings *settings = find_settings(s, sink);
    const char *near = NULL;
    size_t best = NEAR_MAX + 1;
    if (!settings) {
        for (const struct wr_settings *one = s->first; one; one = one->next) {
            size_t d = wr_str_distance(sink, wr_str_of(one->impl->name));
            if (d < best) {
                best = d;
                near = one->impl->name;
            }
        }
        return near ? wr_fault_set(fault, WR_ERR_UNKNOWN,
                                   "sinks.%.*s: unknown sink, did you mean \"%s\"?",
                                   WR_STR_ARG(sink), near)
                    : wr_fault_set(fault, WR_ERR_UNKNOWN,
                                   "sinks.%.*s: unknown sink, see 'weir sinks'", WR_STR_ARG(sink));
    }
    wr_str name = wr_str_cut(path, sink.len + (sink.len < path.len), path.len);
    const struct wr_option *tables[] = {settings->impl->settings, wr_sink_common_settings};
    for (size_t i = 0; i < WR_COUNT(tables); i++) {
        for (const struct wr_option *o = tables[i]; o && o->name; o++) {
            size_t d = wr_str_distance(last_part(name), last_part(wr_str_of(o->name)));
            size_t whole = wr_str_distance(name, wr_str_of(o->name));
            d = whole < d ? whole : d;
            if (d < best) {
                best = d;
                near = o->name;
            }
        }
    }
    return near ? wr_fault_set(fault, WR_ERR_UNKNOWN,
                               "sinks.%.*s: unknown setting, did you mean \"sinks.%.*s.%s\"?",
                               WR_STR_ARG(path), WR_STR_ARG(sink), near)
                : wr_fault_set(fault, WR_ERR_UNKNOWN,
                               "sinks.%.*s: unknown setting, see 'weir sinks %.*s'",
                               WR_STR_ARG(path), WR_STR_ARG(sink));
}

wr_err wr_config_sinks_set(struct wr_config_sinks *s, wr_str path, wr_str value, wr_str folder,
                           struct wr_fault *fault)
{
    wr_str sink = first_part(path);
    struct wr_settings *settings = find_settings(s, sink);
    wr_assert(settings && sink.len < path.len);
    wr_str name = wr_str_cut(path, sink.len + 1, path.len);
    uint16_t ends[PARTS_MAX];
    const struct wr_option *o = find_setting(settings->impl, name, (struct spelling){0}, ends);
    wr_assert(o);
    wr_err err = store(s, settings, o, name, ends, value, folder, fault);
    if (err) {
        wr_fault_prefix(fault, "sinks.%.*s", WR_STR_ARG(path));
    }
    return err;
}

// The sink and row meant by `name`; `rest` is what stands behind the sink's name.
static const struct wr_option *find_flat(const struct wr_config_sinks *s, wr_str name,
                                         char separator, struct wr_settings **settings,
                                         wr_str *rest, uint16_t *ends)
{
    const struct spelling spelling = {.separator = separator};
    for (struct wr_settings *one = s->first; one; one = one->next) {
        wr_str sink = wr_str_of(one->impl->name);
        if (name.len > sink.len && name.at[sink.len] == separator &&
            wr_str_eq_nocase(wr_str_cut(name, 0, sink.len), sink)) {
            *rest = wr_str_cut(name, sink.len + 1, name.len);
            *settings = one;
            const struct wr_option *o = find_setting(one->impl, *rest, spelling, ends);
            if (o) {
                return o;
            }
        }
    }
    return NULL;
}

wr_err wr_config_sinks_set_flat(struct wr_config_sinks *s, wr_str name, char separator,
                                wr_str value, struct wr_fault *fault)
{
    struct wr_settings *settings = NULL;
    wr_str rest;
    uint16_t ends[PARTS_MAX];
    const struct wr_option *o = find_flat(s, name, separator, &settings, &rest, ends);
    if (!o) {
        return WR_ERR_UNKNOWN;
    }
    return store(s, settings, o, rest, ends, value, (wr_str){NULL, 0}, fault);
}

enum wr_config_type wr_config_sinks_flat_type(const struct wr_config_sinks *s, wr_str name,
                                              char separator)
{
    struct wr_settings *settings;
    wr_str rest;
    uint16_t ends[PARTS_MAX];
    const struct wr_option *o = find_flat(s, name, separator, &settings, &rest, ends);
    return o ? type_of(o) : WR_CONFIG_STRING;
}

// The group of a row: "functions.f" of "functions.f.command".
static wr_str group(const struct entry *e)
{
    return (wr_str){e->name, e->part_count > 1 ? e->ends[e->part_count - 2] : 0};
}

static bool in_group(const struct wr_settings *s, wr_str of, const struct wr_option *o)
{
    for (const struct entry *e = s->first; e; e = e->next) {
        if (e->option == o && wr_str_eq(group(e), of)) {
            return true;
        }
    }
    return false;
}

// Whether two rows belong to the same group: equal up to the last dot.
static bool siblings(const char *a, const char *b)
{
    const char *end_a = strrchr(a, '.'), *end_b = strrchr(b, '.');
    return end_a && end_b && end_a - a == end_b - b && memcmp(a, b, (size_t)(end_a - a)) == 0;
}

wr_err wr_config_sinks_check(const struct wr_config_sinks *s, struct wr_fault *fault)
{
    for (const struct wr_settings *one = s->first; one; one = one->next) {
        for (const struct wr_option *o = one->impl->settings; o && o->name; o++) {
            for (const struct entry *e = one->first; e && (o->flags & WR_OPT_REQUIRED);
                 e = e->next) {
                if (siblings(o->name, e->option->name) && !in_group(one, group(e), o)) {
                    return wr_fault_set(fault, WR_ERR_MISSING,
                                        "sinks.%s.%.*s%s: missing, required beside sinks.%s.%s",
                                        one->impl->name, WR_STR_ARG(group(e)),
                                        strrchr(o->name, '.'), one->impl->name, e->name);
                }
            }
        }
    }
    return WR_OK;
}

const struct wr_settings *wr_config_sinks_find(struct wr_config_sinks *s,
                                               const struct wr_sink_impl *impl)
{
    for (struct wr_settings *one = s->first; one; one = one->next) {
        if (one->impl == impl) {
            return one;
        }
    }
    // A sink outside the list (tests have such) has its defaults.
    struct wr_settings *made = wr_arena_alloc(s->arena, sizeof *made);
    wr_assert(made);
    *made = (struct wr_settings){.impl = impl};
    made->last = &made->first;
    *s->last = made;
    s->last = &made->next;
    return made;
}

wr_err wr_config_sinks_inherit(struct wr_config_sinks *s, const char *name, const char *text,
                               struct wr_fault *fault)
{
    wr_err err = WR_OK;
    for (struct wr_settings *one = s->first; !err && one; one = one->next) {
        int index = one->impl->settings ? wr_option_find(one->impl->settings, wr_str_of(name)) : -1;
        if (index >= 0 && !find_entry(one, name)) {
            const uint16_t end = (uint16_t)strlen(name);
            err = store(s, one, &one->impl->settings[index], wr_str_of(name), &end, wr_str_of(text),
                        (wr_str){NULL, 0}, fault);
        }
    }
    return err;
}

// ---- for sinks

const char *wr_settings_get(const struct wr_settings *s, const char *name)
{
    const struct entry *e = find_entry(s, name);
    if (e) {
        return e->text;
    }
    const struct wr_option *o = find_setting(s->impl, wr_str_of(name), (struct spelling){0}, NULL);
    return o && o->fallback ? o->fallback : "";
}

int64_t wr_settings_int(const struct wr_settings *s, const char *name)
{
    const struct entry *e = find_entry(s, name);
    if (e) {
        return e->number;
    }
    const struct wr_option *o = find_setting(s->impl, wr_str_of(name), (struct spelling){0}, NULL);
    int64_t number = 0;
    if (o && o->fallback && *o->fallback) {
        // A table that does not fit its own type is our bug.
        wr_err err = wr_config_number(wr_str_of(o->fallback), type_of(o), o->unit ? o->unit : "",
                                      true, &number, NULL);
        wr_assert(err == WR_OK);
    }
    return number;
}

bool wr_settings_bool(const struct wr_settings *s, const char *name)
{
    bool on = false;
    return wr_config_bool(wr_str_of(wr_settings_get(s, name)), &on, NULL) == WR_OK && on;
}

// The part of `e` one level below `prefix` ("": the root) and its index, or length 0.
static wr_str part_below(const struct entry *e, wr_str prefix, size_t *part)
{
    size_t from = 0;
    for (size_t i = 0; i < e->part_count; i++) {
        wr_str before = {e->name, i ? e->ends[i - 1] : 0};
        if (wr_str_eq(before, prefix)) {
            *part = i;
            return wr_str_cut(wr_str_of(e->name), from, e->ends[i]);
        }
        from = (size_t)e->ends[i] + 1;
    }
    return (wr_str){NULL, 0};
}

// The first entry whose part below `prefix` is that of `e`.
static bool is_first(const struct wr_settings *s, const struct entry *e, wr_str prefix)
{
    const struct entry *first = s->first;
    size_t part;
    wr_str wanted = part_below(e, prefix, &part);
    while (!wr_str_eq(part_below(first, prefix, &part), wanted)) {
        first = first->next;
    }
    return first == e;
}

size_t wr_settings_count(const struct wr_settings *s, const char *prefix)
{
    size_t count = 0, part;
    wr_str p = wr_str_of(prefix);
    for (const struct entry *e = s->first; e; e = e->next) {
        count += part_below(e, p, &part).len > 0 && is_first(s, e, p);
    }
    return count;
}

const char *wr_settings_name(const struct wr_settings *s, const char *prefix, size_t index)
{
    wr_str p = wr_str_of(prefix);
    for (const struct entry *e = s->first; e; e = e->next) {
        size_t part;
        if (part_below(e, p, &part).len > 0 && is_first(s, e, p) && index-- == 0) {
            return e->parts[part];
        }
    }
    return NULL;
}
