// The options table of weir.yaml, and the three ways into it: file, WEIR_… environment, --options.
// What a value may look like is config_value.c's, YAML is config_file.c's, sinks.* is
// config_sinks.c's.
#include "engine/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/config_options.h"
#include "engine/config_parts.h"

#include "sql/base/banned.h"

#define ARENA_MAX (64u << 20) // a file of 1 MiB, the environment and the options, each kept once
#define NEAR_MAX  3           // letters off, for "did you mean"

extern char **environ;

// Members must have the type that the table says.
#define IS_TEXT(type)                                                              \
    (WR_CONFIG_##type == WR_CONFIG_STRING || WR_CONFIG_##type == WR_CONFIG_PATH || \
     WR_CONFIG_##type == WR_CONFIG_CHOICE)
#define X(member, name, type, when, fallback, range, unit, help) \
    _Static_assert(_Generic(((struct wr_config *)0)->member,                                       \
                            const char *: IS_TEXT(type),                                           \
                            bool: WR_CONFIG_##type == WR_CONFIG_BOOL,                              \
                            int64_t: !IS_TEXT(type) && WR_CONFIG_##type != WR_CONFIG_BOOL),        \
                   name);
WR_CONFIG_OPTIONS(X)
#undef X

static const struct row {
    enum wr_config_type type;
    size_t offset;
} rows[] = {
#define X(member, name, type, when, fallback, range, unit, help) \
    {WR_CONFIG_##type, offsetof(struct wr_config, member)},
    WR_CONFIG_OPTIONS(X)
#undef X
};

#define NAME_STRING   "string"
#define NAME_PATH     "path"
#define NAME_BOOL     "boolean"
#define NAME_INT      "integer"
#define NAME_DURATION "duration"
#define NAME_SIZE     "size"
#define NAME_CHOICE   "choice"

#define LIVE_LIVE    true
#define LIVE_RESTART false

static const struct wr_config_option options[] = {
#define X(member, name, type, when, fallback, range, unit, help) \
    {name, NAME_##type, fallback, range, unit, help, LIVE_##when},
    WR_CONFIG_OPTIONS(X)
#undef X
};

struct load {
    struct wr_config *config;
    struct wr_config_origin origins[WR_CONFIG_OPTION_COUNT];
    const char *file;
    wr_str folder; // of the file, "" or ending in a slash
};

// ---- the table for others

size_t wr_config_option_count(void)
{
    size_t more = 0;
    while (wr_config_sinks_shown(more)) {
        more++;
    }
    return WR_CONFIG_OPTION_COUNT + more;
}

const struct wr_config_option *wr_config_option_at(size_t index)
{
    return index < WR_CONFIG_OPTION_COUNT ? &options[index]
                                          : wr_config_sinks_shown(index - WR_CONFIG_OPTION_COUNT);
}

// ---- faults

wr_err wr_config_blame(const struct wr_config_origin *o, wr_err err, struct wr_fault *fault)
{
    if (o->from && o->line) {
        wr_fault_prefix(fault, "%s:%u:%u", o->from, (unsigned)o->line, (unsigned)o->column);
        if (fault) {
            fault->line = o->line;
            fault->column = o->column;
        }
    } else if (o->from) {
        wr_fault_prefix(fault, "%s", o->from);
    }
    return err;
}

static wr_str last_part(wr_str name)
{
    const char *dot = name.at ? memrchr(name.at, '.', name.len) : NULL;
    return dot ? wr_str_cut(name, (size_t)(dot + 1 - name.at), name.len) : name;
}

static wr_str first_part(wr_str name)
{
    const char *dot = name.at ? memchr(name.at, '.', name.len) : NULL;
    return wr_str_cut(name, 0, dot ? (size_t)(dot - name.at) : name.len);
}

// The known name that may be meant: of an option, or of a section; or {NULL, 0}.
static wr_str nearest(wr_str name)
{
    wr_str best = {NULL, 0};
    size_t least = NEAR_MAX + 1;
    for (size_t i = 0; i < WR_CONFIG_OPTION_COUNT; i++) {
        wr_str known = wr_str_of(options[i].name);
        if (wr_str_eq_nocase(last_part(known), name)) {
            return known; // its section was forgotten
        }
        wr_str candidates[] = {known, first_part(known), WR_STR("sinks"), WR_STR("aws"),
                               WR_STR("brokers")};
        for (size_t k = 0; k < WR_COUNT(candidates); k++) {
            size_t d = wr_str_distance(name, candidates[k]);
            if (d < least && d <= last_part(candidates[k]).len / 2) {
                least = d;
                best = candidates[k];
            }
        }
    }
    return best;
}

// ---- one value into the configuration

static ptrdiff_t find(wr_str name)
{
    for (size_t i = 0; i < WR_CONFIG_OPTION_COUNT; i++) {
        if (wr_str_eq(wr_str_of(options[i].name), name)) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

// "min..max" in the option's unit.
static void range_of(size_t i, int64_t *min, int64_t *max)
{
    wr_str range = wr_str_of(options[i].range);
    ptrdiff_t dots = wr_str_find(range, WR_STR(".."));
    wr_assert(dots > 0);
    wr_err low = wr_config_number(wr_str_cut(range, 0, (size_t)dots), rows[i].type, options[i].unit,
                                  true, min, NULL);
    wr_err high = wr_config_number(wr_str_cut(range, (size_t)dots + 2, range.len), rows[i].type,
                                   options[i].unit, true, max, NULL);
    wr_assert(low == WR_OK && high == WR_OK);
}

static wr_err set_number(struct wr_config *c, size_t i, wr_str value, struct wr_fault *fault)
{
    int64_t n, min, max;
    wr_err err = wr_config_number(value, rows[i].type, options[i].unit, false, &n, fault);
    if (err) {
        return err;
    }
    range_of(i, &min, &max);
    if (n < min || n > max) {
        return wr_fault_set(fault, WR_ERR_RANGE, "found \"%.*s\", expected %s%s%s",
                            WR_STR_ARG(value), options[i].range, *options[i].unit ? " " : "",
                            options[i].unit);
    }
    memcpy((char *)c + rows[i].offset, &n, sizeof n);
    return WR_OK;
}

static wr_err set_text(struct wr_config *c, size_t i, wr_str value, wr_str folder,
                       struct wr_fault *fault)
{
    if (rows[i].type == WR_CONFIG_CHOICE && !wr_config_is_choice(value, options[i].range, false)) {
        return wr_fault_set(fault, WR_ERR_RANGE, "found \"%.*s\", expected one of %s",
                            WR_STR_ARG(value), options[i].range);
    }
    struct wr_buf b;
    wr_buf_init_arena(&b, c->arena_);
    if (rows[i].type == WR_CONFIG_PATH && value.len > 0 && value.at[0] != '/') {
        wr_buf_add(&b, folder);
    }
    wr_buf_add(&b, value);
    const char *text = wr_buf_terminated(&b);
    if (b.over) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "the configuration is too large");
    }
    if (rows[i].type == WR_CONFIG_PATH && b.len >= PATH_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "found a path of %zu bytes, at most %d", b.len,
                            PATH_MAX - 1);
    }
    memcpy((char *)c + rows[i].offset, &text, sizeof text);
    return WR_OK;
}

static wr_err set(struct load *l, size_t i, wr_str value, wr_str folder,
                  struct wr_config_origin origin, struct wr_fault *fault)
{
    wr_err err = WR_OK;
    bool on;
    switch (rows[i].type) {
    case WR_CONFIG_BOOL:
        err = wr_config_bool(value, &on, fault);
        if (!err) {
            memcpy((char *)l->config + rows[i].offset, &on, sizeof on);
        }
        break;
    case WR_CONFIG_INT:
    case WR_CONFIG_DURATION:
    case WR_CONFIG_SIZE:
        err = set_number(l->config, i, value, fault);
        break;
    case WR_CONFIG_STRING:
    case WR_CONFIG_PATH:
    case WR_CONFIG_CHOICE:
        err = set_text(l->config, i, value, folder, fault);
        break;
    }
    if (!err) {
        l->origins[i] = origin;
    }
    return err;
}

static void set_defaults(struct load *l)
{
    for (size_t i = 0; i < WR_CONFIG_OPTION_COUNT; i++) {
        // The rules stand beside the file, wherever weir is started; the state does not.
        wr_str folder = i == WR_AT_rules_dir ? l->folder : (wr_str){NULL, 0};
        wr_err err =
            set(l, i, wr_str_of(options[i].fallback), folder, (struct wr_config_origin){0}, NULL);
        wr_assert(err == WR_OK);
    }
}

// ---- the file

static enum wr_config_kind file_kind(void *user, wr_str path, size_t key_at)
{
    const struct load *l = user;
    if (wr_str_eq(path, WR_STR("sinks"))) {
        return WR_CONFIG_SECTION;
    }
    if (wr_config_sinks_own(path)) {
        return wr_config_sinks_kind(l->config->sinks_, path, key_at);
    }
    if (find(path) >= 0) {
        return WR_CONFIG_OPTION;
    }
    for (size_t i = 0; i < WR_CONFIG_OPTION_COUNT; i++) {
        wr_str name = wr_str_of(options[i].name);
        if (wr_str_starts(name, path) && name.at[path.len] == '.') {
            return WR_CONFIG_SECTION;
        }
    }
    return WR_CONFIG_UNKNOWN;
}

static wr_err file_unknown(void *user, wr_str path, struct wr_fault *fault)
{
    const struct load *l = user;
    if (wr_config_sinks_own(path)) {
        return wr_config_sinks_unknown(l->config->sinks_, path, fault);
    }
    wr_str near = nearest(path);
    return near.len
               ? wr_fault_set(fault, WR_ERR_UNKNOWN, "%.*s: unknown key, did you mean \"%.*s\"?",
                              WR_STR_ARG(path), WR_STR_ARG(near))
               : wr_fault_set(fault, WR_ERR_UNKNOWN,
                              "%.*s: unknown key, 'weir help run' lists the known ones",
                              WR_STR_ARG(path));
}

static wr_err file_value(void *user, wr_str path, wr_str value, uint32_t line, uint32_t column,
                         struct wr_fault *fault)
{
    struct load *l = user;
    if (wr_config_sinks_own(path)) {
        return wr_config_sinks_set(l->config->sinks_, path, value, l->folder, fault);
    }
    ptrdiff_t i = find(path);
    wr_assert(i >= 0);
    wr_err err = set(l, (size_t)i, value, l->folder,
                     (struct wr_config_origin){l->file, line, column}, fault);
    if (err) {
        wr_fault_prefix(fault, "%.*s", WR_STR_ARG(path));
    }
    return err;
}

static wr_err read_file(const char *name, struct wr_buf *out, struct wr_fault *fault)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", name, strerror(errno));
    }
    wr_err err = WR_OK;
    for (;;) {
        char *to = wr_buf_reserve(out, 65536);
        wr_assert(to);
        ssize_t n = read(fd, to, 65536);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            err = wr_fault_set(fault, WR_ERR_IO, "%s: %s", name, strerror(errno));
        }
        if (n <= 0) {
            break;
        }
        out->len += (size_t)n;
        if (out->len > WR_CONFIG_FILE_MAX) {
            err = wr_fault_set(fault, WR_ERR_LIMIT, "%s: found more than %d bytes", name,
                               WR_CONFIG_FILE_MAX);
            break;
        }
    }
    close(fd);
    return err;
}

static wr_err load_file(struct load *l, struct wr_fault *fault)
{
    struct wr_buf text = {0};
    wr_err err = read_file(l->file, &text, fault);
    if (!err) {
        const struct wr_config_file_events events = {file_kind, file_unknown, file_value, l};
        err = wr_config_file_read(l->file, wr_buf_str(&text), &events, fault);
    }
    wr_buf_release(&text);
    return err;
}

// ---- environment and options: the same names, spelt with one separator

// Whether `flat` is `name` with `separator` for every dot and underscore, letters without case.
static bool spells(wr_str flat, const char *name, char separator)
{
    wr_str n = wr_str_of(name);
    if (flat.len != n.len) {
        return false;
    }
    for (size_t i = 0; i < n.len; i++) {
        bool between = n.at[i] == '.' || n.at[i] == '_';
        if (between ? flat.at[i] != separator
                    : !wr_str_eq_nocase(wr_str_cut(flat, i, i + 1), wr_str_cut(n, i, i + 1))) {
            return false;
        }
    }
    return true;
}

static ptrdiff_t find_flat(wr_str flat, char separator)
{
    for (size_t i = 0; i < WR_CONFIG_OPTION_COUNT; i++) {
        if (spells(flat, options[i].name, separator)) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

// `name` ("mqtt.url") as it is spelt outside the file, after `prefix`.
static void add_flat(struct wr_buf *b, const char *prefix, wr_str name, char separator)
{
    wr_buf_add(b, wr_str_of(prefix));
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool between = c == '.' || c == '_';
        bool letter = c >= 'a' && c <= 'z';
        wr_buf_add_char(b, between                      ? separator
                           : separator == '_' && letter ? (char)(c - 'a' + 'A')
                                                        : c);
    }
}

static wr_err unknown_flat(wr_str found, wr_str flat, const char *prefix, char separator,
                           struct wr_fault *fault)
{
    // Compare as in the file: with dots. The section's dot is the first separator, more or less.
    char dotted[WR_STR_DISTANCE_MAX];
    wr_str near = {NULL, 0};
    if (flat.len <= sizeof dotted) {
        for (size_t i = 0; i < flat.len; i++) {
            dotted[i] = flat.at[i] == separator ? '_' : flat.at[i];
        }
        char *first = memchr(dotted, '_', flat.len);
        near = nearest((wr_str){dotted, flat.len});
        if (first) {
            *first = '.';
            wr_str other = nearest((wr_str){dotted, flat.len});
            near = other.len ? other : near;
        }
    }
    if (find(near) < 0) {
        return wr_fault_set(fault, WR_ERR_UNKNOWN, "%.*s: unknown, 'weir help run' lists the known",
                            WR_STR_ARG(found));
    }
    struct wr_buf b = {0};
    add_flat(&b, prefix, near, separator);
    wr_err err = wr_fault_set(fault, WR_ERR_UNKNOWN, "%.*s: unknown, did you mean %.*s?",
                              WR_STR_ARG(found), WR_STR_ARG(wr_buf_str(&b)));
    wr_buf_release(&b);
    return err;
}

static wr_err set_flat(struct load *l, wr_str found, const char *prefix, char separator,
                       wr_str value, struct wr_fault *fault)
{
    const wr_str none = {NULL, 0};
    wr_str flat = wr_str_cut(found, strlen(prefix), found.len);
    wr_str kept = wr_str_dup(l->config->arena_, found);
    struct wr_config_origin origin = {.from = kept.at ? kept.at : prefix};
    ptrdiff_t i = find_flat(flat, separator);
    wr_err err;
    if (value.len > WR_CONFIG_VALUE_MAX) {
        err = wr_fault_set(fault, WR_ERR_LIMIT, "found %zu bytes, at most %d", value.len,
                           WR_CONFIG_VALUE_MAX);
    } else if (i >= 0) {
        err = set(l, (size_t)i, value, none, origin, fault);
    } else {
        err = wr_config_sinks_set_flat(l->config->sinks_, flat, separator, value, fault);
        if (err == WR_ERR_UNKNOWN) {
            return unknown_flat(found, flat, prefix, separator, fault);
        }
    }
    return err ? wr_config_blame(&origin, err, fault) : WR_OK;
}

static wr_err load_environment(struct load *l, struct wr_fault *fault)
{
    const char prefix[] = "WEIR_";
    for (char **e = environ; e && *e; e++) {
        wr_str entry = wr_str_of(*e);
        ptrdiff_t equals = wr_str_find(entry, WR_STR("="));
        if (!wr_str_starts(entry, wr_str_of(prefix)) || equals < 0) {
            continue;
        }
        wr_err err = set_flat(l, wr_str_cut(entry, 0, (size_t)equals), prefix, '_',
                              wr_str_cut(entry, (size_t)equals + 1, entry.len), fault);
        if (err) {
            return err;
        }
    }
    return WR_OK;
}

// Whether the option named `flat` is ours: one of the table, or wrong but in one of its sections.
static bool is_ours(wr_str flat)
{
    if (find_flat(flat, '-') >= 0) {
        return true;
    }
    const char *dash = flat.at ? memchr(flat.at, '-', flat.len) : NULL;
    wr_str section = wr_str_cut(flat, 0, dash ? (size_t)(dash - flat.at) : 0);
    if (section.len == 0) {
        return false;
    }
    for (size_t i = 0; i < WR_CONFIG_OPTION_COUNT; i++) {
        wr_str name = wr_str_of(options[i].name);
        if (strchr(options[i].name, '.') && wr_str_eq(first_part(name), section)) {
            return true;
        }
    }
    return wr_str_eq(section, WR_STR("sinks")) || wr_str_eq(section, WR_STR("aws")) ||
           wr_str_eq(section, WR_STR("brokers"));
}

static bool is_boolean_option(const struct load *l, wr_str flat)
{
    ptrdiff_t i = find_flat(flat, '-');
    if (i < 0) {
        return wr_config_sinks_flat_type(l->config->sinks_, flat, '-') == WR_CONFIG_BOOL;
    }
    return i >= 0 && rows[i].type == WR_CONFIG_BOOL;
}

// The option at args[*at] with its value; `*at` moves to the last word that belongs to it.
static wr_err load_option(struct load *l, int count, char **args, int *at, struct wr_fault *fault)
{
    wr_str word = wr_str_of(args[*at]);
    ptrdiff_t equals = wr_str_find(word, WR_STR("="));
    if (equals >= 0) {
        return set_flat(l, wr_str_cut(word, 0, (size_t)equals), "--", '-',
                        wr_str_cut(word, (size_t)equals + 1, word.len), fault);
    }
    bool boolean = is_boolean_option(l, wr_str_cut(word, 2, word.len));
    bool on;
    if (boolean &&
        (*at + 1 == count || wr_config_bool(wr_str_of(args[*at + 1]), &on, NULL) != WR_OK)) {
        return set_flat(l, word, "--", '-', WR_STR("true"), fault);
    }
    if (*at + 1 == count) {
        return wr_fault_set(fault, WR_ERR_MISSING, "%s: expected a value after it", args[*at]);
    }
    ++*at;
    return set_flat(l, word, "--", '-', wr_str_of(args[*at]), fault);
}

static wr_err load_options(struct load *l, int *count, char **args, struct wr_fault *fault)
{
    int kept = 0;
    for (int i = 0; i < *count; i++) {
        wr_str word = wr_str_of(args[i]);
        if (wr_str_eq(word, WR_STR("--"))) {
            while (i < *count) {
                args[kept++] = args[i++];
            }
            break;
        }
        ptrdiff_t equals = wr_str_find(word, WR_STR("="));
        size_t end = equals < 0 ? word.len : (size_t)equals;
        if (!wr_str_starts(word, WR_STR("--")) || end < 3 || !is_ours(wr_str_cut(word, 2, end))) {
            args[kept++] = args[i];
            continue;
        }
        wr_err err = load_option(l, *count, args, &i, fault);
        if (err) {
            return err;
        }
    }
    for (int i = kept; i < *count; i++) {
        args[i] = NULL;
    }
    *count = kept;
    return WR_OK;
}

// ---- what follows from the rest

static wr_err finish_state_dir(struct wr_config *c, struct wr_fault *fault)
{
    const char *dir = c->state_dir;
    struct stat st;
    if (!*dir) {
        bool there = stat(WR_CONFIG_STATE_DIR, &st) == 0 && S_ISDIR(st.st_mode);
        dir = there && access(WR_CONFIG_STATE_DIR, W_OK | X_OK) == 0 ? WR_CONFIG_STATE_DIR
                                                                     : "weir-data";
    }
    struct wr_buf b;
    wr_buf_init_arena(&b, c->arena_);
    if (dir[0] != '/') {
        char here[PATH_MAX];
        if (!getcwd(here, sizeof here)) {
            return wr_fault_set(fault, WR_ERR_IO, "state_dir: no current folder: %s",
                                strerror(errno));
        }
        wr_buf_add(&b, wr_str_of(here));
        if (here[1]) {
            wr_buf_add_char(&b, '/');
        }
        dir += strncmp(dir, "./", 2) == 0 ? 2 : 0;
    }
    wr_buf_add(&b, wr_str_of(dir));
    c->state_dir = wr_buf_terminated(&b);
    return WR_OK;
}

static wr_err finish(struct load *l, struct wr_fault *fault)
{
    struct wr_config *c = l->config;
    wr_err err = wr_config_check(c, l->origins, fault);
    if (!err && strcmp(c->limits, "aws") == 0 && !l->origins[WR_AT_payload_max].from) {
        c->payload_max = 128 * 1024;
    }
    if (c->admin_test && !l->origins[WR_AT_admin_thing_type_delete_wait_ms].from) {
        c->admin_thing_type_delete_wait_ms = 0;
    }
    c->admin_listen_given = l->origins[WR_AT_admin_listen].from != NULL;
    c->metrics_listen_given = l->origins[WR_AT_metrics_listen].from != NULL;
    return err ? err : finish_state_dir(c, fault);
}

// ---- the whole

static void name_file(struct load *l, const char *file)
{
    if (!file && access("weir.yaml", F_OK) == 0) {
        file = "weir.yaml";
    }
    l->file = file;
    const char *slash = file ? strrchr(file, '/') : NULL;
    l->folder = (wr_str){file, slash ? (size_t)(slash + 1 - file) : 0};
}

wr_err wr_config_load(const char *file, int *arg_count, char **args, struct wr_config **out,
                      struct wr_fault *fault)
{
    struct wr_config *c = wr_zalloc(sizeof *c);
    struct wr_fault unused = {0};
    struct load l = {.config = c};
    c->arena_ = wr_alloc(sizeof *c->arena_);
    wr_arena_init(c->arena_, ARENA_MAX);
    c->sinks_ = wr_config_sinks_new(c->arena_);
    c->mqtt_section = "mqtt";
    fault = fault ? fault : &unused;
    name_file(&l, file);
    set_defaults(&l);
    wr_err err = l.file ? load_file(&l, fault) : WR_OK;
    if (!err) {
        err = load_environment(&l, fault);
    }
    if (!err && arg_count) {
        err = load_options(&l, arg_count, args, fault);
    }
    if (!err) {
        err = finish(&l, fault);
    }
    if (!err) {
        // Not its default: the environment, the profile or the machine may say more of AWS's.
        err = wr_config_sinks_inherit(c->sinks_, "region", c->region,
                                      l.origins[WR_AT_region].from != NULL, fault);
    }
    if (!err) {
        err = wr_config_sinks_inherit(c->sinks_, "account_id", c->account_id, false, fault);
    }
    if (!err) {
        err = wr_config_kinds_choose(c, fault);
    }
    if (!err) {
        err = wr_config_brokers_finish(c, fault);
    }
    if (err) {
        wr_config_free(c);
        return err;
    }
    *out = c;
    return WR_OK;
}

void wr_config_free(struct wr_config *c)
{
    if (!c) {
        return;
    }
    wr_config_free(c->adopted_);
    wr_arena_release(c->arena_);
    free(c->arena_);
    free(c);
}

const struct wr_settings *wr_config_sink(const struct wr_config *c, const struct wr_sink_impl *impl)
{
    return wr_config_sinks_find(c->sinks_, impl);
}

const struct wr_settings *wr_config_aws(const struct wr_config *c)
{
    return wr_config_sinks_aws(c->sinks_);
}

bool wr_config_has_mqtt(const struct wr_config *c)
{
    return strcmp(c->source, "kafka") != 0;
}

bool wr_config_has_kafka(const struct wr_config *c)
{
    return strcmp(c->source, "kafka") == 0 || strcmp(c->source, "both") == 0;
}

bool wr_config_has_libmosquitto(const struct wr_config *c)
{
    return strcmp(c->source, "libmosquitto") == 0;
}

bool wr_config_is_native(const struct wr_config *c)
{
    return wr_config_has_mqtt(c) && !wr_config_has_libmosquitto(c);
}
