// The options table of weir.yaml, and the three ways into it: file, WEIR_… environment, --options.
// What a value may look like is config_value.c's, YAML is config_file.c's, sinks.* is
// config_sinks.c's.
#include "engine/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/config_parts.h"

#include "sql/base/banned.h"

#define ARENA_MAX (64u << 20) // a file of 1 MiB, the environment and the options, each kept once
#define NEAR_MAX  3           // letters off, for "did you mean"
#define STATE_DIR "/var/lib/weir"

extern char **environ;

// X(member, name, type, default, range, unit, help). A range is "min..max" in the unit or with
// units of its own, or "a|b" for choices. A default of "" for a text is "not set".
#define OPTIONS(X)                                                                                 \
    X(mqtt_url, "mqtt.url", STRING, "mqtt://localhost:1883", "", "",                               \
      "The broker: mqtt://host[:1883] or mqtts://host[:8883], an IPv6 address in brackets.")       \
    X(mqtt_version, "mqtt.version", CHOICE, "5", "5|3.1.1", "", "Version of MQTT.")                \
    X(mqtt_client_id, "mqtt.client_id", STRING, "", "", "",                                        \
      "Client id; without one it is made once and kept in the state folder.")                      \
    X(mqtt_username, "mqtt.username", STRING, "", "", "", "User name for the broker.")             \
    X(mqtt_password, "mqtt.password", STRING, "", "", "",                                          \
      "Password; mqtt.password_file is safer.")                                                    \
    X(mqtt_password_file, "mqtt.password_file", PATH, "", "", "",                                  \
      "File whose first line is the password.")                                                    \
    X(mqtt_ca_file, "mqtt.ca_file", PATH, "", "", "",                                              \
      "Certificates (PEM) that may sign the broker's; without one the system's.")                  \
    X(mqtt_cert_file, "mqtt.cert_file", PATH, "", "", "", "Client certificate (PEM).")             \
    X(mqtt_key_file, "mqtt.key_file", PATH, "", "", "", "Key of the client certificate (PEM).")    \
    X(mqtt_verify, "mqtt.verify", BOOL, "true", "", "",                                            \
      "Check the broker's certificate and name.")                                                  \
    X(mqtt_keepalive_s, "mqtt.keepalive", DURATION, "60", "60..65535", "s",                        \
      "Longest silence before a ping.")                                                            \
    X(mqtt_session_expiry_s, "mqtt.session_expiry", DURATION, "7d", "0..4294967295", "s",          \
      "How long the broker keeps messages for a weir that is away.")                               \
    X(mqtt_receive_maximum, "mqtt.receive_maximum", INT, "1000", "1..65535", "",                   \
      "Messages the broker may send before the first is acknowledged (MQTT 5).")                   \
    X(mqtt_share_group, "mqtt.share_group", STRING, "", "", "",                                    \
      "Subscribe as $share/GROUP/…, so that several weirs share the messages.")                    \
    X(mqtt_connect_timeout_ms, "mqtt.connect_timeout", DURATION, "10s", "100ms..10m", "ms",        \
      "How long one attempt to connect may take.")                                                 \
    X(mqtt_reconnect_min_ms, "mqtt.reconnect_min", DURATION, "200ms", "10ms..1h", "ms",            \
      "Pause before the first attempt to connect again; doubles.")                                 \
    X(mqtt_reconnect_max_ms, "mqtt.reconnect_max", DURATION, "30s", "10ms..1h", "ms",              \
      "Longest pause between attempts to connect.")                                                \
    X(mqtt_hold_max_ms, "mqtt.hold_max", DURATION, "10s", "10ms..6h", "ms",                        \
      "Longest hold of acknowledgements, at most a third of mqtt.keepalive.")                      \
    X(mqtt_batch, "mqtt.batch", INT, "256", "1..65536", "",                                        \
      "Messages read before they are settled together.")                                           \
    X(mqtt_basic_ingest, "mqtt.basic_ingest", BOOL, "true", "", "",                                \
      "Subscribe to $aws/rules/# too (Basic Ingest).")                                             \
    X(rules_dir, "rules.dir", PATH, "rules", "", "", "Folder of the rule documents (*.json).")     \
    X(rules_watch, "rules.watch", BOOL, "true", "", "", "Reload rules when the folder changes.")   \
    X(state_dir, "state_dir", PATH, "", "", "",                                                    \
      "Folder for state; without one " STATE_DIR " if it is writable, else ./weir-data.")          \
    X(mode, "mode", CHOICE, "local", "local", "",                                                  \
      "Form of the actions: nothing leaves the machine.")                                          \
    X(ack, "ack", CHOICE, "settled", "settled|received", "",                                       \
      "When a message is acknowledged; with received, a crash loses messages.")                    \
    X(limits, "limits", CHOICE, "weir", "weir|aws", "",                                            \
      "aws: topics and payloads over AWS's limits are not evaluated.")                             \
    X(payload_max, "payload_max", SIZE, "1M", "1..256M", "bytes",                                  \
      "Largest payload that is evaluated; 128k with limits: aws.")                                 \
    X(message_memory, "message_memory", SIZE, "64M", "64k..16G", "bytes",                          \
      "Memory the evaluation of one message may take.")                                            \
    X(fuel, "fuel", INT, "10000000", "1000..1000000000000", "", "Steps one evaluation may take.")  \
    X(account_id, "account_id", STRING, "123456789012", "", "",                                    \
      "What accountid() gives: 12 digits.")                                                        \
    X(region, "region", STRING, "us-east-1", "", "", "Region in ARNs and error documents.")        \
    X(templates_undefined, "templates.undefined", CHOICE, "empty", "empty|fail", "",               \
      "An Undefined or Null in a template inserts nothing, or fails the action.")                  \
    X(retry_attempts, "retry.attempts", INT, "3", "1..1000", "",                                   \
      "Tries of one action, the first included.")                                                  \
    X(retry_budget_ms, "retry.budget", DURATION, "30s", "0..1d", "ms",                             \
      "Longest time for all tries of one action together.")                                        \
    X(retry_base_ms, "retry.base", DURATION, "50ms", "1ms..1h", "ms",                              \
      "Pause before the second try; doubles.")                                                     \
    X(retry_throttled_base_ms, "retry.throttled_base", DURATION, "1s", "1ms..1h", "ms",            \
      "The same after an answer that asks to slow down.")                                          \
    X(retry_cap_ms, "retry.cap", DURATION, "20s", "1ms..1h", "ms", "Longest pause between tries.") \
    X(republish_max_hops, "republish.max_hops", INT, "8", "1..1000", "",                           \
      "How often one message may be republished before it is taken for a loop.")                   \
    X(drain_ms, "drain", DURATION, "10s", "0..1h", "ms",                                           \
      "How long SIGTERM waits for actions under way.")                                             \
    X(log_level, "log.level", CHOICE, "info", "error|warn|info|debug", "",                         \
      "Least grave lines shown.")                                                                  \
    X(log_format, "log.format", CHOICE, "text", "text|json", "", "Form of the log's lines.")

// Members must have the type that the table says.
#define IS_TEXT(type)                                                              \
    (WR_CONFIG_##type == WR_CONFIG_STRING || WR_CONFIG_##type == WR_CONFIG_PATH || \
     WR_CONFIG_##type == WR_CONFIG_CHOICE)
#define X(member, name, type, fallback, range, unit, help) \
    _Static_assert(_Generic(((struct wr_config *)0)->member,                                       \
                            const char *: IS_TEXT(type),                                           \
                            bool: WR_CONFIG_##type == WR_CONFIG_BOOL,                              \
                            int64_t: !IS_TEXT(type) && WR_CONFIG_##type != WR_CONFIG_BOOL),        \
                   name);
OPTIONS(X)
#undef X

static const struct row {
    enum wr_config_type type;
    size_t offset;
} rows[] = {
#define X(member, name, type, fallback, range, unit, help) \
    {WR_CONFIG_##type, offsetof(struct wr_config, member)},
    OPTIONS(X)
#undef X
};

#define NAME_STRING   "string"
#define NAME_PATH     "path"
#define NAME_BOOL     "boolean"
#define NAME_INT      "integer"
#define NAME_DURATION "duration"
#define NAME_SIZE     "size"
#define NAME_CHOICE   "choice"

static const struct wr_config_option options[] = {
#define X(member, name, type, fallback, range, unit, help) \
    {name, NAME_##type, fallback, range, unit, help},
    OPTIONS(X)
#undef X
};

#define OPTION_COUNT WR_COUNT(options)

enum {
#define X(member, name, type, fallback, range, unit, help) AT_##member,
    OPTIONS(X)
#undef X
};

// Where an option's value comes from; `from` NULL: the default.
struct origin {
    const char *from;      // the file's name, "WEIR_MQTT_URL" or "--mqtt-url"
    uint32_t line, column; // 0 outside the file
};

struct load {
    struct wr_config *config;
    struct origin origins[OPTION_COUNT];
    const char *file;
    wr_str folder; // of the file, "" or ending in a slash
};

// ---- the table for others

size_t wr_config_option_count(void)
{
    return OPTION_COUNT;
}

const struct wr_config_option *wr_config_option_at(size_t index)
{
    return index < OPTION_COUNT ? &options[index] : NULL;
}

// ---- faults

static wr_err blame(const struct origin *o, wr_err err, struct wr_fault *fault)
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
    const char *dot = name.len ? memrchr(name.at, '.', name.len) : NULL;
    return dot ? wr_str_cut(name, (size_t)(dot + 1 - name.at), name.len) : name;
}

static wr_str first_part(wr_str name)
{
    const char *dot = name.len ? memchr(name.at, '.', name.len) : NULL;
    return wr_str_cut(name, 0, dot ? (size_t)(dot - name.at) : name.len);
}

// The known name that may be meant: of an option, or of a section; or {NULL, 0}.
static wr_str nearest(wr_str name)
{
    wr_str best = {NULL, 0};
    size_t least = NEAR_MAX + 1;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        wr_str known = wr_str_of(options[i].name);
        if (wr_str_eq_nocase(last_part(known), name)) {
            return known; // its section was forgotten
        }
        wr_str candidates[] = {known, first_part(known), WR_STR("sinks")};
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
    for (size_t i = 0; i < OPTION_COUNT; i++) {
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

static wr_err set(struct load *l, size_t i, wr_str value, wr_str folder, struct origin origin,
                  struct wr_fault *fault)
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
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        // The rules stand beside the file, wherever weir is started; the state does not.
        wr_str folder = i == AT_rules_dir ? l->folder : (wr_str){NULL, 0};
        wr_err err = set(l, i, wr_str_of(options[i].fallback), folder, (struct origin){0}, NULL);
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
    if (wr_str_starts(path, WR_STR("sinks."))) {
        return wr_config_sinks_kind(l->config->sinks_, wr_str_cut(path, 6, path.len),
                                    key_at > 6 ? key_at - 6 : 0);
    }
    if (find(path) >= 0) {
        return WR_CONFIG_OPTION;
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
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
    if (wr_str_starts(path, WR_STR("sinks."))) {
        return wr_config_sinks_unknown(l->config->sinks_, wr_str_cut(path, 6, path.len), fault);
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
    if (wr_str_starts(path, WR_STR("sinks."))) {
        return wr_config_sinks_set(l->config->sinks_, wr_str_cut(path, 6, path.len), value,
                                   l->folder, fault);
    }
    ptrdiff_t i = find(path);
    wr_assert(i >= 0);
    wr_err err = set(l, (size_t)i, value, l->folder, (struct origin){l->file, line, column}, fault);
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
    for (size_t i = 0; i < OPTION_COUNT; i++) {
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
    struct origin origin = {.from = kept.at ? kept.at : prefix};
    ptrdiff_t i = find_flat(flat, separator);
    wr_err err;
    if (value.len > WR_CONFIG_VALUE_MAX) {
        err = wr_fault_set(fault, WR_ERR_LIMIT, "found %zu bytes, at most %d", value.len,
                           WR_CONFIG_VALUE_MAX);
    } else if (i >= 0) {
        err = set(l, (size_t)i, value, none, origin, fault);
    } else {
        err = WR_ERR_UNKNOWN;
        if (flat.len > 6 && flat.at[5] == separator &&
            wr_str_eq_nocase(wr_str_cut(flat, 0, 5), WR_STR("sinks"))) {
            err = wr_config_sinks_set_flat(l->config->sinks_, wr_str_cut(flat, 6, flat.len),
                                           separator, value, fault);
        }
        if (err == WR_ERR_UNKNOWN) {
            return unknown_flat(found, flat, prefix, separator, fault);
        }
    }
    return err ? blame(&origin, err, fault) : WR_OK;
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
    const char *dash = flat.len ? memchr(flat.at, '-', flat.len) : NULL;
    wr_str section = wr_str_cut(flat, 0, dash ? (size_t)(dash - flat.at) : 0);
    if (section.len == 0) {
        return false;
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        wr_str name = wr_str_of(options[i].name);
        if (strchr(options[i].name, '.') && wr_str_eq(first_part(name), section)) {
            return true;
        }
    }
    return wr_str_eq(section, WR_STR("sinks"));
}

static bool is_boolean_option(const struct load *l, wr_str flat)
{
    ptrdiff_t i = find_flat(flat, '-');
    if (i < 0 && wr_str_starts(flat, WR_STR("sinks-"))) {
        return wr_config_sinks_flat_type(l->config->sinks_, wr_str_cut(flat, 6, flat.len), '-') ==
               WR_CONFIG_BOOL;
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

// ---- what must fit together

static wr_err clash(const struct load *l, size_t at, struct wr_fault *fault, const char *format,
                    ...) WR_PRINTF(4, 5);

// A fault at option `at`, where it was set.
static wr_err clash(const struct load *l, size_t at, struct wr_fault *fault, const char *format,
                    ...)
{
    char text[WR_FAULT_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    wr_err err = wr_fault_set(fault, WR_ERR_RANGE, "%s: %s", options[at].name, text);
    return blame(&l->origins[at], err, fault);
}

// Of two options, the one that somebody set; the later one when both or none are.
static size_t set_one(const struct load *l, size_t a, size_t b)
{
    return l->origins[a].from && !l->origins[b].from ? a : b;
}

static wr_err check_tls(const struct load *l, struct wr_fault *fault)
{
    const struct wr_config *c = l->config;
    if (*c->mqtt_cert_file && !*c->mqtt_key_file) {
        return clash(l, AT_mqtt_cert_file, fault, "found a certificate without mqtt.key_file");
    }
    if (*c->mqtt_key_file && !*c->mqtt_cert_file) {
        return clash(l, AT_mqtt_key_file, fault, "found a key without mqtt.cert_file");
    }
    static const size_t tls_only[] = {AT_mqtt_ca_file, AT_mqtt_cert_file, AT_mqtt_verify};
    for (size_t i = 0; i < WR_COUNT(tls_only); i++) {
        if (l->origins[tls_only[i]].from && strncmp(c->mqtt_url, "mqtts:", 6) != 0) {
            return clash(l, tls_only[i], fault,
                         "found without TLS: expected mqtt.url to begin with mqtts://");
        }
    }
    return WR_OK;
}

static wr_err check_mqtt(const struct load *l, struct wr_fault *fault)
{
    const struct wr_config *c = l->config;
    wr_str url = wr_str_of(c->mqtt_url), group = wr_str_of(c->mqtt_share_group);
    if (!wr_str_starts(url, WR_STR("mqtt://")) && !wr_str_starts(url, WR_STR("mqtts://"))) {
        // Not quoted: it may hold a password.
        return clash(l, AT_mqtt_url, fault,
                     "found something else than mqtt://host[:port] or mqtts://host[:port]");
    }
    if (wr_str_ends(url, WR_STR("//"))) {
        return clash(l, AT_mqtt_url, fault, "found no host, expected mqtt://host[:port]");
    }
    if (*c->mqtt_password && *c->mqtt_password_file) {
        return clash(l, AT_mqtt_password_file, fault,
                     "found beside mqtt.password, expected one of them");
    }
    bool password = *c->mqtt_password || *c->mqtt_password_file;
    if (password && !*c->mqtt_username && strcmp(c->mqtt_version, "3.1.1") == 0) {
        return clash(l, *c->mqtt_password ? AT_mqtt_password : AT_mqtt_password_file, fault,
                     "found without mqtt.username, which MQTT 3.1.1 requires");
    }
    if (group.len && (memchr(group.at, '/', group.len) || memchr(group.at, '+', group.len) ||
                      memchr(group.at, '#', group.len))) {
        return clash(l, AT_mqtt_share_group, fault, "found one of / + # in \"%s\"",
                     c->mqtt_share_group);
    }
    if (c->mqtt_hold_max_ms > c->mqtt_keepalive_s * 1000 / 3) {
        return clash(
            l, set_one(l, AT_mqtt_keepalive_s, AT_mqtt_hold_max_ms), fault,
            "mqtt.hold_max is %lld ms, expected at most a third of mqtt.keepalive (%lld s)",
            (long long)c->mqtt_hold_max_ms, (long long)c->mqtt_keepalive_s);
    }
    if (c->mqtt_reconnect_min_ms > c->mqtt_reconnect_max_ms) {
        return clash(l, set_one(l, AT_mqtt_reconnect_min_ms, AT_mqtt_reconnect_max_ms), fault,
                     "mqtt.reconnect_min is more than mqtt.reconnect_max");
    }
    return check_tls(l, fault);
}

static bool all_of(const char *text, const char *allowed)
{
    return strspn(text, allowed) == strlen(text);
}

static wr_err check_rest(const struct load *l, struct wr_fault *fault)
{
    const struct wr_config *c = l->config;
    if (strlen(c->account_id) != 12 || !all_of(c->account_id, "0123456789")) {
        return clash(l, AT_account_id, fault, "found \"%s\", expected 12 digits", c->account_id);
    }
    if (!*c->region || !all_of(c->region, "abcdefghijklmnopqrstuvwxyz0123456789-")) {
        return clash(l, AT_region, fault, "found \"%s\", expected for example us-east-1",
                     c->region);
    }
    if (!*c->rules_dir) {
        return clash(l, AT_rules_dir, fault, "found nothing, expected a folder");
    }
    if (c->retry_base_ms > c->retry_cap_ms) {
        return clash(l, set_one(l, AT_retry_base_ms, AT_retry_cap_ms), fault,
                     "retry.base is more than retry.cap");
    }
    if (c->retry_throttled_base_ms > c->retry_cap_ms) {
        return clash(l, set_one(l, AT_retry_throttled_base_ms, AT_retry_cap_ms), fault,
                     "retry.throttled_base is more than retry.cap");
    }
    if (strcmp(c->limits, "aws") == 0 && l->origins[AT_payload_max].from &&
        c->payload_max > 128 * 1024) {
        return clash(l, AT_payload_max, fault,
                     "found %lld bytes, but with limits: aws at most 128k",
                     (long long)c->payload_max);
    }
    return wr_config_sinks_check(c->sinks_, fault);
}

// ---- what follows from the rest

static wr_err finish_state_dir(struct wr_config *c, struct wr_fault *fault)
{
    const char *dir = c->state_dir;
    struct stat st;
    if (!*dir) {
        bool there = stat(STATE_DIR, &st) == 0 && S_ISDIR(st.st_mode);
        dir = there && access(STATE_DIR, W_OK | X_OK) == 0 ? STATE_DIR : "weir-data";
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
    wr_err err = check_mqtt(l, fault);
    if (!err) {
        err = check_rest(l, fault);
    }
    if (!err && strcmp(c->limits, "aws") == 0 && !l->origins[AT_payload_max].from) {
        c->payload_max = 128 * 1024;
    }
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
    wr_arena_release(c->arena_);
    free(c->arena_);
    free(c);
}

const struct wr_settings *wr_config_sink(const struct wr_config *c, const struct wr_sink_impl *impl)
{
    return wr_config_sinks_find(c->sinks_, impl);
}
