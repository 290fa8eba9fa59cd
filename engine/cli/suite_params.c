// Parameters of actions against what a case expects of them, in the shape of the rule document.
#include "engine/cli/suite_diff.h"

#include <stdlib.h>

#include "engine/rules/document.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define STEPS_MAX 32 // members and indexes from an action down to a leaf; AWS's deepest has 6

struct params {
    struct wr_diff *d;
    const char *path;
    const struct wr_sink_impl *impl;
    const struct wr_param *params;
    struct wr_fault *fault;
};

static wr_value forced(const wr_value *v, struct wr_arena *arena)
{
    wr_value copy = *v;
    wr_value_force(&copy, arena, WR_SQL_2016);
    return copy;
}

static void missing(const struct params *p, const char *path, const wr_value *expected)
{
    struct wr_buf shown = {0};
    wr_diff_show(&shown, expected, p->d->arena);
    wr_diff_pair(p->d, path, wr_buf_str(&shown), WR_STR("nothing"));
    wr_buf_release(&shown);
}

static void surplus(const struct params *p, const char *path, wr_str got)
{
    struct wr_buf shown = {0};
    wr_json_write_string(&shown, got);
    wr_diff_pair(p->d, path, WR_STR("nothing"), wr_buf_str(&shown));
    wr_buf_release(&shown);
}

// ---- pairs and maps

// [{"key", "value"}, …] in the same order.
static wr_err compare_pairs(const struct params *p, const char *path, const wr_value *expected,
                            const struct wr_param *got)
{
    if (expected->type != WR_ARRAY) {
        return wr_fault_set(p->fault, WR_ERR_TYPE, "%s: expected a list of {key, value}", path);
    }
    if (expected->len != got->count) {
        wr_diff_line(p->d, "%s: expected %u entries, got %zu", path, expected->len, got->count);
        return WR_OK;
    }
    wr_err err = WR_OK;
    for (uint32_t i = 0; !err && i < expected->len; i++) {
        wr_value pair = forced(&expected->as.items[i], p->d->arena);
        bool object = pair.type == WR_OBJECT && pair.len == 2;
        const wr_value *key = object ? wr_object_get(&pair, WR_STR("key")) : NULL;
        const wr_value *value = object ? wr_object_get(&pair, WR_STR("value")) : NULL;
        if (!key || !value) {
            return wr_fault_set(p->fault, WR_ERR_TYPE, "%s: expected a list of {key, value}", path);
        }
        struct wr_buf name = {0};
        wr_buf_addf(&name, "%s[%u].key", path, i);
        err = wr_diff_text(p->d, wr_buf_terminated(&name), key, got->keys[i], p->fault);
        wr_buf_clear(&name);
        wr_buf_addf(&name, "%s[%u].value", path, i);
        if (!err) {
            err = wr_diff_text(p->d, wr_buf_terminated(&name), value, got->values[i], p->fault);
        }
        wr_buf_release(&name);
    }
    return err;
}

static const wr_str *leaf(const struct wr_param *p, wr_str key)
{
    for (size_t i = 0; i < p->count; i++) {
        if (wr_str_eq(p->keys[i], key)) {
            return &p->values[i];
        }
    }
    return NULL;
}

static wr_err compare_leaf(const struct params *p, const char *path, const wr_value *expected,
                           const wr_str *got)
{
    wr_value v = forced(expected, p->d->arena);
    if (v.type == WR_NULL) {
        if (got) {
            surplus(p, path, *got);
        }
        return WR_OK;
    }
    if (!got) {
        missing(p, path, &v);
        return WR_OK;
    }
    return wr_diff_text(p->d, path, &v, *got, p->fault);
}

// {"key": value, …}: the given keys.
static wr_err compare_map(const struct params *p, const char *path, const wr_value *expected,
                          const struct wr_param *got)
{
    if (expected->type != WR_OBJECT) {
        return wr_fault_set(p->fault, WR_ERR_TYPE, "%s: expected an object of texts", path);
    }
    wr_err err = WR_OK;
    for (uint32_t i = 0; !err && i < expected->len; i++) {
        const struct wr_member *m = &expected->as.members[i];
        struct wr_buf name = {0};
        wr_buf_addf(&name, "%s[", path);
        wr_json_write_string(&name, m->key);
        wr_buf_add_char(&name, ']');
        err = compare_leaf(p, wr_buf_terminated(&name), &m->value, leaf(got, m->key));
        wr_buf_release(&name);
    }
    return err;
}

// ---- lists

// How many entries the list at `prefix` has: leaves are called "PREFIX[0]…", "PREFIX[1]…".
static size_t entries(const struct wr_param *p, wr_str prefix)
{
    size_t most = 0;
    for (size_t i = 0; i < p->count; i++) {
        if (!wr_str_starts(p->keys[i], prefix) || p->keys[i].len <= prefix.len ||
            p->keys[i].at[prefix.len] != '[') {
            continue;
        }
        size_t n = 0;
        for (size_t k = prefix.len + 1; k < p->keys[i].len && p->keys[i].at[k] != ']'; k++) {
            n = 10 * n + (size_t)(p->keys[i].at[k] - '0');
        }
        most = n + 1 > most ? n + 1 : most;
    }
    return most;
}

static wr_err unknown(const struct params *p, const struct wr_option *options, const char *path,
                      wr_str name)
{
    size_t count = 0;
    while (options && options[count].name) {
        count++;
    }
    const char **names = wr_alloc((count + 1) * sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = options[i].name;
    }
    names[count] = NULL;
    const char *near = wr_name_nearest(name, names);
    wr_fault_set(p->fault, WR_ERR_UNKNOWN, "%s: %s has no such member%s%s%s", path, p->impl->name,
                 near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    free(names);
    return WR_ERR_UNKNOWN;
}

// Some option's name goes on behind `name` with a dot.
static bool is_container(const struct wr_option *options, wr_str name)
{
    for (const struct wr_option *o = options; o && o->name; o++) {
        wr_str whole = wr_str_of(o->name);
        if (wr_str_starts(whole, name) && whole.len > name.len && whole.at[name.len] == '.') {
            return true;
        }
    }
    return false;
}

// Where the comparison stands in a LIST: `at` is the path below the action, and behind `base` bytes
// of it (the option's name) the key of the flat list.
struct walk {
    const struct params *p;
    const struct wr_param *got;
    struct wr_buf at;
    size_t base;
};

static wr_str key_of(const struct walk *w)
{
    return wr_str_cut(wr_buf_str(&w->at), w->base, w->at.len);
}

// "ACTION.PATH"; free() it.
static char *path_of(const struct walk *w)
{
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s.%.*s", w->p->path, WR_STR_ARG(wr_buf_str(&w->at)));
    char *text = wr_strdup(wr_buf_str(&path));
    wr_buf_release(&path);
    return text;
}

static wr_err walk_list(struct walk *w, const struct wr_option *list, const wr_value *expected);

static wr_err walk_member(struct walk *w, const struct wr_option *fields, wr_str name,
                          const wr_value *v);

// The members of an entry, or of an object in it; `name` is the object's dotted name in the entry.
static wr_err walk_members(struct walk *w, const struct wr_option *fields, wr_str name,
                           const wr_value *object)
{
    wr_err err = WR_OK;
    size_t len = w->at.len;
    for (uint32_t i = 0; !err && i < object->len; i++) {
        const struct wr_member *m = &object->as.members[i];
        wr_value v = forced(&m->value, w->p->d->arena);
        struct wr_buf full = {0};
        wr_buf_addf(&full, "%.*s%s%.*s", WR_STR_ARG(name), name.len ? "." : "", WR_STR_ARG(m->key));
        wr_buf_addf(&w->at, ".%.*s", WR_STR_ARG(m->key));
        err = walk_member(w, fields, wr_buf_str(&full), &v);
        w->at.len = len;
        wr_buf_release(&full);
    }
    return err;
}

// No stack trouble: no deeper than the table's names.
static wr_err walk_member(struct walk *w, const struct wr_option *fields, wr_str name,
                          const wr_value *v)
{
    int field = wr_option_find(fields, name);
    if (field < 0 && v->type == WR_OBJECT && is_container(fields, name)) {
        return walk_members(w, fields, name, v);
    }
    if (field >= 0 && fields[field].type == WR_OPT_LIST) {
        return walk_list(w, &fields[field], v);
    }
    char *path = path_of(w);
    wr_err err = field < 0 ? unknown(w->p, fields, path, name)
                           : compare_leaf(w->p, path, v, leaf(w->got, key_of(w)));
    free(path);
    return err;
}

static wr_err walk_list(struct walk *w, const struct wr_option *list, const wr_value *expected)
{
    char *path = path_of(w);
    size_t count = entries(w->got, key_of(w)), len = w->at.len;
    wr_err err = WR_OK;
    if (expected->type != WR_ARRAY) {
        err = wr_fault_set(w->p->fault, WR_ERR_TYPE, "%s: expected a list of objects", path);
    } else if (expected->len != count) {
        wr_diff_line(w->p->d, "%s: expected %u entries, got %zu", path, expected->len, count);
    }
    for (uint32_t i = 0; !err && i < expected->len && i < count; i++) {
        wr_value entry = forced(&expected->as.items[i], w->p->d->arena);
        wr_buf_addf(&w->at, "[%u]", i);
        err = entry.type == WR_OBJECT
                  ? walk_members(w, list->fields, (wr_str){"", 0}, &entry)
                  : wr_fault_set(w->p->fault, WR_ERR_TYPE, "%s[%u]: expected an object", path, i);
        w->at.len = len;
    }
    free(path);
    return err;
}

// ---- members

static wr_err compare_option(const struct params *p, const char *path, size_t index,
                             const wr_value *expected)
{
    const struct wr_option *option = &p->impl->options[index];
    const struct wr_param *got = &p->params[index];
    bool pairs = option->type == WR_OPT_PAIRS, list = option->type == WR_OPT_LIST;
    if (expected->type == WR_NULL) {
        if (got->set) {
            surplus(p, path, pairs || list ? WR_STR("some") : got->text);
        }
        return WR_OK;
    }
    if (!got->set) {
        missing(p, path, expected);
        return WR_OK;
    }
    if (pairs) {
        return option->flags & WR_OPT_MAP ? compare_map(p, path, expected, got)
                                          : compare_pairs(p, path, expected, got);
    }
    if (!list) {
        return wr_diff_text(p->d, path, expected, got->text, p->fault);
    }
    struct walk w = {.p = p, .got = got};
    wr_buf_add(&w.at, wr_str_of(option->name));
    w.base = w.at.len;
    wr_err err = walk_list(&w, option, expected);
    wr_buf_release(&w.at);
    return err;
}

static bool in_list(wr_str name, const char *const *list)
{
    for (; *list; list++) {
        if (wr_str_eq(wr_str_of(*list), name)) {
            return true;
        }
    }
    return false;
}

// `prefix` is the dotted name so far: "putItem."
static wr_err compare_members(const struct params *p, wr_str prefix, const wr_value *expected,
                              const char *const *skip)
{
    wr_err err = WR_OK;
    for (uint32_t i = 0; !err && i < expected->len; i++) {
        const struct wr_member *m = &expected->as.members[i];
        if (in_list(m->key, skip)) {
            continue;
        }
        struct wr_buf name = {0}, path = {0};
        wr_buf_add(&name, prefix);
        wr_buf_add(&name, m->key);
        wr_buf_addf(&path, "%s.%.*s", p->path, WR_STR_ARG(wr_buf_str(&name)));
        wr_value v = forced(&m->value, p->d->arena);
        int option = p->impl->options ? wr_option_find(p->impl->options, wr_buf_str(&name)) : -1;
        if (option >= 0) {
            err = compare_option(p, wr_buf_terminated(&path), (size_t)option, &v);
        } else if (v.type == WR_OBJECT && is_container(p->impl->options, wr_buf_str(&name))) {
            static const char *const none[] = {NULL};
            wr_buf_add_char(&name, '.');
            err = compare_members(p, wr_buf_str(&name), &v, none);
        } else {
            err = unknown(p, p->impl->options, wr_buf_terminated(&path), wr_buf_str(&name));
        }
        wr_buf_release(&name);
        wr_buf_release(&path);
    }
    return err;
}

wr_err wr_diff_params(struct wr_diff *d, const char *path, const struct wr_sink_impl *impl,
                      const struct wr_param *params, const wr_value *expected,
                      const char *const *skip, struct wr_fault *fault)
{
    struct params p = {d, path, impl, params, fault};
    return compare_members(&p, (wr_str){"", 0}, expected, skip);
}

// ---- writing

struct step {
    wr_str name;
    bool index; // of a list
};

// JSON from leaves with paths like "a.b[0].c", which come in the order of a document.
struct nest {
    struct wr_buf *out;
    struct step steps[STEPS_MAX];
    size_t depth;
};

static size_t split(wr_str path, struct step *steps)
{
    size_t count = 0;
    for (size_t at = 0; at < path.len && count < STEPS_MAX;) {
        bool index = path.at[at] == '[';
        at += index || path.at[at] == '.';
        size_t end = at;
        while (end < path.len && path.at[end] != '.' && path.at[end] != '[' &&
               path.at[end] != ']') {
            end++;
        }
        steps[count++] = (struct step){wr_str_cut(path, at, end), index};
        at = end + (end < path.len && path.at[end] == ']');
    }
    return count;
}

static void close_to(struct nest *n, size_t depth)
{
    for (; n->depth > depth; n->depth--) {
        wr_buf_add_char(n->out, n->steps[n->depth - 1].index ? ']' : '}');
    }
}

// All that stands before the value of the leaf `path`.
static void open_leaf(struct nest *n, wr_str path)
{
    struct step steps[STEPS_MAX];
    size_t count = split(path, steps), same = 0;
    while (same < n->depth && same + 1 < count && steps[same].index == n->steps[same].index &&
           wr_str_eq(steps[same].name, n->steps[same].name)) {
        same++;
    }
    if (n->depth) {
        close_to(n, same + 1);
        wr_buf_add_char(n->out, ',');
    }
    for (size_t i = same; i < count; i++) {
        if (i > same) {
            wr_buf_add_char(n->out, steps[i].index ? '[' : '{');
        }
        if (!steps[i].index) {
            wr_json_write_string(n->out, steps[i].name);
            wr_buf_add_char(n->out, ':');
        }
        n->steps[i] = steps[i];
    }
    n->depth = count;
}

void wr_diff_write_param(struct wr_buf *out, const struct wr_option *option,
                         const struct wr_param *p)
{
    bool map = option->flags & WR_OPT_MAP;
    if (!p->set) {
        wr_buf_add(out, WR_STR("null"));
    } else if (option->type == WR_OPT_PAIRS) {
        wr_buf_add_char(out, map ? '{' : '[');
        for (size_t i = 0; i < p->count; i++) {
            wr_buf_add(out, i ? WR_STR(",") : WR_STR(""));
            wr_buf_add(out, map ? WR_STR("") : WR_STR("{\"key\":"));
            wr_json_write_string(out, p->keys[i]);
            wr_buf_add(out, map ? WR_STR(":") : WR_STR(",\"value\":"));
            wr_json_write_string(out, p->values[i]);
            wr_buf_add(out, map ? WR_STR("") : WR_STR("}"));
        }
        wr_buf_add_char(out, map ? '}' : ']');
    } else if (option->type == WR_OPT_LIST) {
        struct nest n = {.out = out};
        wr_buf_add_char(out, '[');
        for (size_t i = 0; i < p->count; i++) {
            open_leaf(&n, p->keys[i]);
            wr_json_write_string(out, p->values[i]);
        }
        if (n.depth) {
            close_to(&n, 1);
        }
        wr_buf_add_char(out, ']');
    } else if (option->type == WR_OPT_INT) {
        wr_buf_add_i64(out, p->number);
    } else if (option->type == WR_OPT_BOOL) {
        wr_buf_add(out, p->number ? WR_STR("true") : WR_STR("false"));
    } else {
        wr_json_write_string(out, p->text);
    }
}

size_t wr_diff_write_params(struct wr_buf *out, const struct wr_sink_impl *impl,
                            const struct wr_param *params, const bool *wanted)
{
    struct nest n = {.out = out};
    size_t count = 0;
    for (size_t i = 0; impl->options && impl->options[i].name; i++) {
        if (wanted[i] && params[i].set) {
            open_leaf(&n, wr_str_of(impl->options[i].name));
            wr_diff_write_param(out, &impl->options[i], &params[i]);
            count++;
        }
    }
    if (n.depth) {
        close_to(&n, 1);
    }
    return count;
}
