// The parts of config.c that have files of their own; nobody else includes this.
//
//   file ──► config_file.c (YAML, places) ─┐
//   WEIR_… and --options ──────────────────┼─► config.c: table ─► wr_config
//                                          └─► config_sinks.c: tables of the sinks ─► wr_settings
//   config_value.c reads one value by its type, for both tables.
// Thread: start.
#ifndef WR_ENGINE_CONFIG_PARTS_H
#define WR_ENGINE_CONFIG_PARTS_H

#include "engine/config.h"

#define WR_CONFIG_FILE_MAX  (1024 * 1024) // bytes of weir.yaml; bounds what is read into memory
#define WR_CONFIG_KEYS_MAX  4096          // repeated keys are looked for pairwise
#define WR_CONFIG_DEPTH_MAX 8             // levels of nesting; the deepest known key has 5
#define WR_CONFIG_PATH_MAX  512           // bytes of a dotted name
#define WR_CONFIG_VALUE_MAX 65536         // bytes of one value

// ---- config_value.c

enum wr_config_type {
    WR_CONFIG_STRING,
    WR_CONFIG_PATH, // relative ones are made relative to the file's folder
    WR_CONFIG_BOOL,
    WR_CONFIG_INT,
    WR_CONFIG_DURATION,
    WR_CONFIG_SIZE,
    WR_CONFIG_CHOICE,
};

// "a duration such as 10s", for "expected …".
const char *wr_config_type_text(enum wr_config_type type);

// A whole number: an integer, or a duration (ms s m h d) or size (k M G) in `unit` ("s", "ms",
// "bytes"). `bare`: a duration may have no unit, and is in `unit`; else only 0 may have none, and
// only where `unit` is not "s". The fault says what was found and expected.
wr_err wr_config_number(wr_str text, enum wr_config_type type, const char *unit, bool bare,
                        int64_t *out, struct wr_fault *fault) WR_MUST_CHECK;
// true|yes|on, false|no|off, without case.
wr_err wr_config_bool(wr_str text, bool *out, struct wr_fault *fault) WR_MUST_CHECK;
// Whether `text` is one of "a|b|c".
bool wr_config_is_choice(wr_str text, const char *choices, bool nocase);

// ---- config_file.c

enum wr_config_kind {
    WR_CONFIG_UNKNOWN,
    WR_CONFIG_SECTION, // has keys below it
    WR_CONFIG_OPTION,  // has a value
};

// What stands at `path` is the caller's to know. Places are put into faults by the reader.
struct wr_config_file_events {
    // The innermost key begins at byte `key_at` of `path`; it may hold dots of its own.
    enum wr_config_kind (*kind)(void *user, wr_str path, size_t key_at);
    // Fill the fault for a key that is not known: found, nearest.
    wr_err (*unknown)(void *user, wr_str path, struct wr_fault *fault);
    // `value` holds no NUL. Borrowed. `line` and `column` are the value's.
    wr_err (*value)(void *user, wr_str path, wr_str value, uint32_t line, uint32_t column,
                    struct wr_fault *fault);
    void *user;
};

// Read `text` as one YAML document: a mapping of mappings and scalars. `name` stands before places:
// "weir.yaml:3:7: …".
wr_err wr_config_file_read(const char *name, wr_str text,
                           const struct wr_config_file_events *events,
                           struct wr_fault *fault) WR_MUST_CHECK;

// ---- config_sinks.c

struct wr_config_sinks *wr_config_sinks_new(struct wr_arena *arena);
// Whether `path` ("sinks.s3.fsync", "aws.region") is looked up here. Paths and names are whole.
bool wr_config_sinks_own(wr_str path);
// A "*" of a table does not reach over `key_at` (0: no matter).
enum wr_config_kind wr_config_sinks_kind(const struct wr_config_sinks *s, wr_str path,
                                         size_t key_at);
wr_err wr_config_sinks_unknown(const struct wr_config_sinks *s, wr_str path,
                               struct wr_fault *fault);
// `folder` ("" or ending in a slash): what relative paths begin at.
wr_err wr_config_sinks_set(struct wr_config_sinks *s, wr_str path, wr_str value, wr_str folder,
                           struct wr_fault *fault) WR_MUST_CHECK;
// The same for names in which every separator is `separator` and letters have no case, except in
// the parts that a table writes as "*": WEIR_SINKS_… and --sinks-…. WR_ERR_UNKNOWN when there is
// none.
wr_err wr_config_sinks_set_flat(struct wr_config_sinks *s, wr_str name, char separator,
                                wr_str value, struct wr_fault *fault) WR_MUST_CHECK;
// The setting has this type; WR_CONFIG_STRING when `name` is none.
enum wr_config_type wr_config_sinks_flat_type(const struct wr_config_sinks *s, wr_str name,
                                              char separator);
// What weir.yaml says of weir as a whole (region, account_id) is the default of every sink that has
// a setting of the same name, and of the section aws if `aws_too`.
wr_err wr_config_sinks_inherit(struct wr_config_sinks *s, const char *name, const char *text,
                               bool aws_too, struct wr_fault *fault) WR_MUST_CHECK;
// Settings that a table calls required, in groups that are used.
wr_err wr_config_sinks_check(const struct wr_config_sinks *s, struct wr_fault *fault) WR_MUST_CHECK;
const struct wr_settings *wr_config_sinks_find(struct wr_config_sinks *s,
                                               const struct wr_sink_impl *impl);
// Settings that are in one of both only, or differ: "sinks.s3.fsync". None of them is live.
void wr_config_sinks_changes(const struct wr_config_sinks *now, const struct wr_config_sinks *next,
                             void (*changed)(void *user, const char *name, bool live), void *user);
const struct wr_settings *wr_config_sinks_aws(const struct wr_config_sinks *s);
const struct wr_settings *wr_config_sinks_brokers(const struct wr_config_sinks *s);
// The rows of the section aws as options of the file: 0, 1, …; then NULL.
const struct wr_config_option *wr_config_sinks_shown(size_t index);

// ---- config_kinds.c

// Choose the form of each kind, once everything is read.
wr_err wr_config_kinds_choose(struct wr_config *c, struct wr_fault *fault) WR_MUST_CHECK;

// ---- config_brokers.c

extern const struct wr_option wr_config_broker_table[]; // brokers.*: "*.url", …
// Check what brokers.* and sinks.republish.* say together, and make c->brokers and the routes.
wr_err wr_config_brokers_finish(struct wr_config *c, struct wr_fault *fault) WR_MUST_CHECK;

#endif
