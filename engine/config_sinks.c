// sinks.<kind>.<setting> and aws.<setting>: values checked against tables that stand elsewhere, and
// `struct wr_settings`, which sinks read them through (sinks/sink.h). A kind has the settings of
// all its forms, whatever its mode, and those that every kind has.
//
// A table's name may hold "*", which stands for a name that somebody chose: "functions.*.command".
// Such a name may itself have dots ("tables.my.table.hash"): where its parts end is kept with each
// entry.
#include "engine/config_parts.h"

#include <stdio.h>

#include "sinks/lib/aws_settings.h"

#include "sql/base/banned.h"

#define PARTS_MAX 8 // of a setting's name, with the name of "*" as one
#define NEAR_MAX  3 // letters off, for "did you mean"
#define SINKS     "sinks."

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

#define TABLES 3 // the local form's, the AWS form's, those that every kind has

struct wr_settings {
    const char *prefix, *name;              // "sinks.", "s3"; or "", "aws"
    const struct wr_option *tables[TABLES]; // the first row that fits decides; NULL: none
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

// All rows of all tables; a name that both forms have comes twice.
struct each {
    const struct wr_settings *settings;
    size_t table;
    const struct wr_option *at;
};

static bool next_option(struct each *e)
{
    e->at = e->at ? e->at + 1 : e->settings->tables[0];
    while (!e->at || !e->at->name) {
        if (++e->table >= TABLES) {
            return false;
        }
        e->at = e->settings->tables[e->table];
    }
    return true;
}

static const struct wr_option *find_option(const struct wr_settings *settings, wr_str name,
                                           struct spelling s, uint16_t *ends)
{
    for (struct each e = {.settings = settings}; next_option(&e);) {
        if (name.len < UINT16_MAX && matches(e.at->name, name, 0, s, true, ends, 0)) {
            return e.at;
        }
    }
    return NULL;
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

// The settings that `path` ("sinks.s3.fsync", "sinks.s3", "aws.region") is about; `rest` is what
// stands behind their name.
static struct wr_settings *find_settings(const struct wr_config_sinks *s, wr_str path, wr_str *rest)
{
    for (struct wr_settings *one = s->first; one; one = one->next) {
        size_t before = strlen(one->prefix), end = before + strlen(one->name);
        if (wr_str_starts(path, wr_str_of(one->prefix)) &&
            wr_str_starts(wr_str_cut(path, before, path.len), wr_str_of(one->name)) &&
            (path.len == end || path.at[end] == '.')) {
            *rest = wr_str_cut(path, end + (end < path.len), path.len);
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

static struct wr_settings *add(struct wr_config_sinks *s, const char *prefix, const char *name)
{
    struct wr_settings *made = wr_arena_alloc(s->arena, sizeof *made);
    wr_assert(made);
    *made = (struct wr_settings){.prefix = prefix, .name = name};
    made->last = &made->first;
    *s->last = made;
    s->last = &made->next;
    return made;
}

struct wr_config_sinks *wr_config_sinks_new(struct wr_arena *arena)
{
    struct wr_config_sinks *s = wr_arena_alloc(arena, sizeof *s);
    wr_assert(s);
    *s = (struct wr_config_sinks){.arena = arena};
    s->last = &s->first;
    add(s, "", "aws")->tables[0] = wr_aws_settings;
    add(s, "", "brokers")->tables[0] = wr_config_broker_table;
    for (size_t i = 0; wr_sink_list[i]; i++) {
        const struct wr_sink_kind *k = &wr_sink_kinds[i];
        struct wr_settings *made = add(s, SINKS, wr_sink_list[i]->name);
        made->tables[0] = k->local ? k->local->settings : NULL;
        made->tables[1] = k->aws && k->aws != k->local ? k->aws->settings : NULL;
        made->tables[2] = wr_sink_common_settings;
    }
    return s;
}

bool wr_config_sinks_own(wr_str path)
{
    return wr_str_eq(path, WR_STR("aws")) || wr_str_starts(path, WR_STR("aws.")) ||
           wr_str_eq(path, WR_STR("brokers")) || wr_str_starts(path, WR_STR("brokers.")) ||
           wr_str_starts(path, WR_STR(SINKS));
}

enum wr_config_kind wr_config_sinks_kind(const struct wr_config_sinks *s, wr_str path,
                                         size_t key_at)
{
    wr_str name;
    const struct wr_settings *settings = find_settings(s, path, &name);
    if (!settings) {
        return WR_CONFIG_UNKNOWN;
    }
    if (name.len == 0) {
        return WR_CONFIG_SECTION;
    }
    size_t before = path.len - name.len;
    const struct spelling spelling = {.boundary = key_at > before ? key_at - before : 0};
    if (find_option(settings, name, spelling, NULL)) {
        return WR_CONFIG_OPTION;
    }
    for (struct each e = {.settings = settings}; next_option(&e);) {
        if (matches(e.at->name, name, 0, spelling, false, NULL, 0)) {
            return WR_CONFIG_SECTION;
        }
    }
    return WR_CONFIG_UNKNOWN;
}

static wr_str last_part(wr_str name)
{
    const char *dot = name.at ? memrchr(name.at, '.', name.len) : NULL;
    return dot ? wr_str_cut(name, (size_t)(dot + 1 - name.at), name.len) : name;
}

static wr_err unknown_sink(const struct wr_config_sinks *s, wr_str path, struct wr_fault *fault)
{
    wr_str sink = wr_str_cut(path, strlen(SINKS), path.len);
    const char *dot = memchr(sink.at, '.', sink.len);
    sink = wr_str_cut(sink, 0, dot ? (size_t)(dot - sink.at) : sink.len);
    const char *near = NULL;
    size_t best = NEAR_MAX + 1;
    for (const struct wr_settings *one = s->first; one; one = one->next) {
        size_t d = *one->prefix ? wr_str_distance(sink, wr_str_of(one->name)) : best;
        if (d < best) {
            best = d;
            near = one->name;
        }
    }
    return near ? wr_fault_set(fault, WR_ERR_UNKNOWN,
                               "sinks.%.*s: unknown sink, did you mean \"%s\"?", WR_STR_ARG(sink),
                               near)
                : wr_fault_set(fault, WR_ERR_UNKNOWN, "sinks.%.*s: unknown sink, see 'weir sinks'",
                               WR_STR_ARG(sink));
}

wr_err wr_config_sinks_unknown(const struct wr_config_sinks *s, wr_str path, struct wr_fault *fault)
{
    wr_str name;
    const struct wr_settings *settings = find_settings(s, path, &name);
    const char *near = NULL;
    size_t best = NEAR_MAX + 1;
    if (!settings) {
        return unknown_sink(s, path, fault);
    }
    for (struct each e = {.settings = settings}; next_option(&e);) {
        size_t d = wr_str_distance(last_part(name), last_part(wr_str_of(e.at->name)));
        size_t whole = wr_str_distance(name, wr_str_of(e.at->name));
        d = whole < d ? whole : d;
        if (d < best) {
            best = d;
            near = e.at->name;
        }
    }
    if (near) {
        return wr_fault_set(fault, WR_ERR_UNKNOWN,
                            "%.*s: unknown setting, did you mean \"%s%s.%s\"?", WR_STR_ARG(path),
                            settings->prefix, settings->name, near);
    }
    return wr_fault_set(fault, WR_ERR_UNKNOWN, "%.*s: unknown setting, see 'weir %s%s'",
                        WR_STR_ARG(path), *settings->prefix ? "sinks " : "help options ",
                        settings->name);
}

wr_err wr_config_sinks_set(struct wr_config_sinks *s, wr_str path, wr_str value, wr_str folder,
                           struct wr_fault *fault)
{
    wr_str name = {NULL, 0};
    struct wr_settings *settings = find_settings(s, path, &name);
    wr_assert(settings && name.len > 0);
    uint16_t ends[PARTS_MAX];
    const struct wr_option *o = find_option(settings, name, (struct spelling){0}, ends);
    wr_assert(o);
    wr_err err = store(s, settings, o, name, ends, value, folder, fault);
    if (err) {
        wr_fault_prefix(fault, "%.*s", WR_STR_ARG(path));
    }
    return err;
}

// Whether `flat` begins with `name` and a separator, dots spelt as one.
static bool begins_flat(wr_str flat, const char *name, char separator, wr_str *rest)
{
    size_t len = strlen(name);
    const struct spelling s = {.separator = separator};
    for (size_t i = 0; i < len; i++) {
        if (i >= flat.len || !same_char(s, name[i], flat.at[i])) {
            return false;
        }
    }
    *rest = wr_str_cut(flat, len, flat.len);
    return true;
}

// The settings and row meant by `name`; `rest` is what stands behind the name of the settings.
static const struct wr_option *find_flat(const struct wr_config_sinks *s, wr_str name,
                                         char separator, struct wr_settings **settings,
                                         wr_str *rest, uint16_t *ends)
{
    const struct spelling spelling = {.separator = separator};
    for (struct wr_settings *one = s->first; one; one = one->next) {
        wr_str left;
        if (begins_flat(name, one->prefix, separator, &left) &&
            begins_flat(left, one->name, separator, &left) && left.len > 1 &&
            left.at[0] == separator) {
            *rest = wr_str_cut(left, 1, left.len);
            *settings = one;
            const struct wr_option *o = find_option(one, *rest, spelling, ends);
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
        if (strcmp(e->option->name, o->name) == 0 && wr_str_eq(group(e), of)) {
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

// The first member of the group of `row` that is there without it.
static const struct entry *alone(const struct wr_settings *s, const struct wr_option *row)
{
    for (const struct entry *e = s->first; e && (row->flags & WR_OPT_REQUIRED); e = e->next) {
        if (siblings(row->name, e->option->name) && !in_group(s, group(e), row)) {
            return e;
        }
    }
    return NULL;
}

wr_err wr_config_sinks_check(const struct wr_config_sinks *s, struct wr_fault *fault)
{
    for (const struct wr_settings *one = s->first; one; one = one->next) {
        for (struct each each = {.settings = one}; next_option(&each);) {
            const struct entry *e = alone(one, each.at);
            if (e) {
                return wr_fault_set(fault, WR_ERR_MISSING,
                                    "%s%s.%.*s%s: missing, required beside %s%s.%s", one->prefix,
                                    one->name, WR_STR_ARG(group(e)), strrchr(each.at->name, '.'),
                                    one->prefix, one->name, e->name);
            }
        }
    }
    return WR_OK;
}

const struct wr_settings *wr_config_sinks_find(struct wr_config_sinks *s,
                                               const struct wr_sink_impl *impl)
{
    for (struct wr_settings *one = s->first; one; one = one->next) {
        bool has = !impl->settings;
        for (size_t i = 0; i < TABLES; i++) {
            has = has || one->tables[i] == impl->settings;
        }
        if (has && *one->prefix && strcmp(one->name, impl->name) == 0) {
            return one;
        }
    }
    // A sink outside the list (tests have such) has its defaults.
    struct wr_settings *made = add(s, SINKS, impl->name);
    made->tables[0] = impl->settings;
    made->tables[2] = wr_sink_common_settings;
    return made;
}

const struct wr_settings *wr_config_sinks_aws(const struct wr_config_sinks *s)
{
    return s->first; // added first
}

const struct wr_settings *wr_config_sinks_brokers(const struct wr_config_sinks *s)
{
    return s->first->next; // and this second
}

// ---- two readings

// Whether `s` says the same of `e`'s setting.
static bool same_setting(const struct wr_settings *s, const struct entry *e)
{
    const struct entry *other = find_entry(s, e->name);
    return other && strcmp(other->text, e->text) == 0;
}

void wr_config_sinks_changes(const struct wr_config_sinks *now, const struct wr_config_sinks *next,
                             void (*changed)(void *user, const char *name, bool live), void *user)
{
    const struct wr_settings *b = next->first; // both lists are made alike
    for (const struct wr_settings *a = now->first; a && b; a = a->next, b = b->next) {
        struct wr_buf name = {0};
        for (int side = 0; side < 2; side++) {
            for (const struct entry *e = side ? b->first : a->first; e; e = e->next) {
                bool told = side && find_entry(a, e->name);
                if (told || same_setting(side ? a : b, e)) {
                    continue;
                }
                wr_buf_clear(&name);
                wr_buf_addf(&name, "%s%s.%s", a->prefix, a->name, e->name);
                changed(user, wr_buf_terminated(&name), false);
            }
        }
        wr_buf_release(&name);
    }
}

// The row of that very name in one of its tables.
static const struct wr_option *exact(const struct wr_settings *s, const char *name)
{
    for (struct each e = {.settings = s}; next_option(&e);) {
        if (strcmp(e.at->name, name) == 0) {
            return e.at;
        }
    }
    return NULL;
}

wr_err wr_config_sinks_inherit(struct wr_config_sinks *s, const char *name, const char *text,
                               bool aws_too, struct wr_fault *fault)
{
    wr_err err = WR_OK;
    for (struct wr_settings *one = s->first; !err && one; one = one->next) {
        const struct wr_option *o = *one->prefix || aws_too ? exact(one, name) : NULL;
        if (o && !find_entry(one, name)) {
            const uint16_t end = (uint16_t)strlen(name);
            err =
                store(s, one, o, wr_str_of(name), &end, wr_str_of(text), (wr_str){NULL, 0}, fault);
        }
    }
    return err;
}

// ---- the section aws as options of weir.yaml, for help and the manual

#define SHOWN_MAX  64
#define AWS_PREFIX "aws."

static const char *shown_type(const struct wr_option *o)
{
    switch (type_of(o)) {
    case WR_CONFIG_PATH:
        return "path";
    case WR_CONFIG_BOOL:
        return "boolean";
    case WR_CONFIG_INT:
        return "integer";
    case WR_CONFIG_DURATION:
        return "duration";
    case WR_CONFIG_SIZE:
        return "size";
    case WR_CONFIG_CHOICE:
        return "choice";
    case WR_CONFIG_STRING:
        break;
    }
    return "string";
}

const struct wr_config_option *wr_config_sinks_shown(size_t index)
{
    static struct wr_config_option shown[SHOWN_MAX];
    static char names[SHOWN_MAX][48], ranges[SHOWN_MAX][48];
    size_t count = 0;
    while (wr_aws_settings[count].name) {
        count++;
    }
    wr_assert(count <= SHOWN_MAX);
    if (index >= count) {
        return NULL;
    }
    const struct wr_option *o = &wr_aws_settings[index];
    bool number = o->type == WR_OPT_INT;
    snprintf(names[index], sizeof names[index], AWS_PREFIX "%s", o->name);
    if (number && (o->min || o->max)) {
        snprintf(ranges[index], sizeof ranges[index], "%lld..%lld", (long long)o->min,
                 (long long)o->max);
    }
    shown[index] = (struct wr_config_option){
        .name = names[index],
        .type = shown_type(o),
        .fallback = o->fallback ? o->fallback : "",
        .range = ranges[index],
        .unit = number && o->unit ? o->unit : "",
        .help = o->help,
    };
    return &shown[index];
}

// ---- for sinks

const char *wr_settings_get(const struct wr_settings *s, const char *name)
{
    const struct entry *e = find_entry(s, name);
    if (e) {
        return e->text;
    }
    const struct wr_option *o = find_option(s, wr_str_of(name), (struct spelling){0}, NULL);
    return o && o->fallback ? o->fallback : "";
}

int64_t wr_settings_int(const struct wr_settings *s, const char *name)
{
    const struct entry *e = find_entry(s, name);
    if (e) {
        return e->number;
    }
    const struct wr_option *o = find_option(s, wr_str_of(name), (struct spelling){0}, NULL);
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
