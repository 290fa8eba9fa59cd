// Sinks: code that performs actions. One `struct wr_sink_impl` per kind of action, one open `struct
// wr_sink` per kind and instance of weir; rules hand it records. actions.md says what each sends.
// Thread: loop. A sink may use uv's thread pool inside, never block, and settle only on its loop.
#ifndef WR_SINKS_SINK_H
#define WR_SINKS_SINK_H

#include "sql/base/arena.h"
#include "sql/base/buf.h"
#include "sql/base/clock.h"
#include "sql/base/err.h"
#include "sql/base/str.h"
#include "sql/base/value.h"

#include <uv.h>

struct wr_sink;
struct wr_record;

// ---- options: one table for validation, `weir sinks`, forms and docs

enum wr_option_type {
    WR_OPT_STRING,
    WR_OPT_BOOL,
    WR_OPT_INT,    // min..max
    WR_OPT_CHOICE, // one of `choices`, compared exactly unless WR_OPT_NOCASE
    WR_OPT_PAIRS,  // list of {key, value} objects; or for WR_OPT_MAP a JSON object of strings
    WR_OPT_LIST,   // list of objects: `fields` is the table of one entry's members. A parameter
                   // holds it flat: keys[i] is where a leaf stands, as in
                   // "[0].propertyValues[1].value.doubleValue", values[i] its text
};

#define WR_OPT_REQUIRED 1u  // the rule is refused without it
#define WR_OPT_TEMPLATE 2u  // substitution templates are accepted in the value
#define WR_OPT_NOCASE   4u  // CHOICE: letters compare without case
#define WR_OPT_MAP      8u  // PAIRS: written as a JSON object
#define WR_OPT_IGNORED  16u // accepted, checked, and without effect here (roleArn)
#define WR_OPT_KEYS     32u // PAIRS: templates are accepted in the keys too
#define WR_OPT_NESTED   64u // refused without it once the object it is a member of is given
#define WR_OPT_SECRET \
    128u // must not be printed, nor kept in the spool: a text; of PAIRS the values
         // whose keys say so (wr_secret_name)

// One thing a sink can be told. A table has at most WR_OPTIONS_MAX entries and ends with a zeroed
// one. Names of nested members are dotted: "putItem.tableName", "headers.userProperties".
#define WR_OPTIONS_MAX 64 // a bit each while a document is read
struct wr_option {
    const char *name;
    enum wr_option_type type;
    unsigned flags;
    const char *fallback; // default as it would be written, or NULL
    int64_t min, max;     // INT: value. STRING: bytes of a constant. PAIRS, LIST: how many entries.
                          // (0, 0: no limit)
    const char *unit;     // "ms", "bytes", NULL
    const char *choices;  // CHOICE: "a|b|c"
    const char *help;     // one sentence
    const struct wr_option *fields; // LIST: what one entry has
};

// Whether what goes by this name is a secret, in any sink's language: sasl.plain.password,
// ssl.keystore, Authorization, x-api-key.
bool wr_secret_name(wr_str name);

// A value after templates were expanded. `set` is false when the rule does not give the parameter
// and it has no default. PAIRS and LIST fill keys/values, the others text (BOOL and INT also
// number).
struct wr_param {
    bool set;
    bool undefined; // a template in it was Undefined or Null
    wr_str text;
    int64_t number;
    size_t count;
    const wr_str *keys, *values;
};

// User property of MQTT 5 and header of Kafka: how often weir has handled the message before
// (actions.md 4.5), by which rules that feed themselves are stopped.
#define WR_HOPS_PROPERTY "weir-hops"

// ---- verdicts

enum wr_verdict {
    WR_DELIVERED, // the destination has it: the engine may forget it
    WR_RETRY,     // not now: the engine keeps it and comes back after its own backoff
    WR_REFUSED,   // never: the engine runs the rule's error action
};

// What an HTTP endpoint came to, by the names of AWS's metrics. MET(name, text)
#define WR_HTTP_MET_MAP(MET)                                       \
    MET(NOTHING, "")                                               \
    MET(4XX, "HttpCode_4XX")                                       \
    MET(5XX, "HttpCode_5XX")                                       \
    MET(OTHER, "HttpCode_Other") /* neither of these, nor a 2xx */ \
    MET(INVALID_URL, "HttpInvalidUrl")                             \
    MET(TIMEOUT, "HttpRequestTimeout")                             \
    MET(UNKNOWN_HOST, "HttpUnknownHost")

enum wr_http_met {
#define MET(name, text) WR_HTTP_MET_##name,
    WR_HTTP_MET_MAP(MET)
#undef MET
        WR_HTTP_MET_COUNT
};

// Why not delivered; for the error document (actions.md 5 and 6). Borrowed by wr_record_settle().
struct wr_why {
    wr_str resource; // the resolved primary name: bucket, table, function ARN, topic, …
    wr_str message;  // verb phrase and cause, without the "Message arrived on" tail
    uint32_t
        retry_at_ms; // with RETRY: not earlier than this many ms from now; 0: the engine's backoff
    bool throttled;  // with RETRY: a throttling answer, start from the longer backoff
    uint64_t batch;  // not 0: number of the request that failed for several records, which are
                     // settled one after the other; those that end with it share an error document
    bool batch_last; // the last of them
    enum wr_http_met met; // counted by rule; of a batch once, with its last record
};

// Whether records share requests. Then an error document tells of several messages
// (actions.md 6.2).
enum wr_batching {
    WR_BATCHING_NONE,
    WR_BATCHING_ONE_TOPIC,
    WR_BATCHING_TOPICS, // of different topics too
};

// ---- records

// One result for one action. Made by the engine, lent to a sink until settled; everything it points
// to lives until then.
struct wr_record {
    struct wr_sink *sink;
    const struct wr_param *params; // in the order of impl->options
    // The same as the rule has them, templates not expanded; NULL where that is not known any more
    // (a record from the spool whose rule is gone).
    const struct wr_param *written;
    wr_str body;    // the result as bytes (or the error document)
    bool body_json; // false: raw bytes
    const wr_value
        *result; // the same as a value, may be lazy (wr_value_force a copy); Undefined: empty
    enum wr_dialect dialect; // how its numbers are written
    wr_str rule_name;
    wr_str topic;    // as published
    wr_str trace_id; // UUID text
    wr_str client_id;
    int64_t timestamp_ms; // when the message was seen
    unsigned hops;        // how often weir has handled this message before
    bool may_loop;        // republish: what the rule publishes may come back to it
    unsigned attempt;     // 1 at the first submit
    bool is_error_action;
    struct wr_arena *arena;      // the message's; the sink may allocate while it holds the record
    const uint8_t *delivery_id;  // 16 bytes that name this rule on this message, the same at every
                                 // try, also in another process; NULL: none (tests)
    uint8_t action_number;       // of the rule's actions, and of its error action
    void *sink_data;             // the sink's, from try to try: NULL at the first; in the arena
    struct wr_record *sink_next; // the sink's while it holds the record: queues without allocation
    // behind this the engine's own members follow
};

// Exactly once per submit, now or later. `why` is NULL with WR_DELIVERED. The record must not be
// touched afterwards. May be called from inside submit(). Thread: the sink's loop.
void wr_record_settle(struct wr_record *rec, enum wr_verdict verdict, const struct wr_why *why);

// ---- what a sink may ask for

enum wr_log_level { WR_LOG_ERROR, WR_LOG_WARN, WR_LOG_INFO, WR_LOG_DEBUG };

// A message to publish through one of the engine's own client connections (republish). The struct
// is borrowed, what it points to is lent until `done`.
struct wr_publish {
    wr_str rule; // whose it is, and whether its error action's: which broker gets it
    bool error_action;
    wr_str topic, payload;
    int qos;
    bool retain;
    int format_indicator;                                  // -1 absent
    wr_str content_type, response_topic, correlation_data; // at NULL: absent
    int64_t message_expiry_s;                              // -1 absent
    const wr_str *user_keys, *user_values;
    size_t user_count;
    unsigned hops;
    // Called once: the broker has it (QoS 1: PUBACK; QoS 0: written), or why not.
    void (*done)(void *user, wr_err err, const char *why);
    void *user;
};

// Where the records of a kind go: `mode` of weir.yaml, or `sinks.<kind>.mode`.
// MODE(name, as it is written, help)
#define WR_MODE_MAP(MODE)                                                                        \
    MODE(LOCAL, "local", "Nothing leaves the machine: files and tables in the state folder.")    \
    MODE(AWS, "aws", "The real service, or what imitates it at an endpoint.")                    \
    MODE(RECORD, "record",                                                                       \
         "Requests are made as for the service and kept in local/record/KIND.ndjson, not sent.") \
    MODE(BLACKHOLE, "blackhole", "Every record counts as delivered; nothing is done with it.")
enum wr_mode {
#define MODE(name, text, help) WR_MODE_##name,
    WR_MODE_MAP(MODE)
#undef MODE
        WR_MODE_COUNT
};
#define WR_MODE_CHOICES "local|aws|record|blackhole" // as options tables write them
const char *wr_mode_name(enum wr_mode mode);
const char *wr_mode_help(enum wr_mode mode);

struct wr_aws;  // sinks/lib/aws.h
struct wr_http; // sinks/lib/http.h

// A secret: what get_secret(id, 'SecretString', [key,] role_arn) gives a rule. All but `done` is
// lent until `done`, which is called once.
struct wr_secret_ask {
    wr_str id, key, role_arn; // key empty: the secret is one text
    bool anew;                // what is kept of it is no good
    // `secret` is lent until this returns. at NULL: `why` says why; never from inside
    // host->secret().
    void (*done)(struct wr_secret_ask *ask, wr_str secret, const char *why);
};

// A destination of InfluxDB (actions.md 4.22). Its token is a secret.
struct wr_sink_destination {
    const char *endpoint; // without a slash at its end
    const char *secret, *secret_key;
    bool v3;
};

// What a sink may ask for; one for each open sink.
struct wr_sink_host {
    uv_loop_t *loop;
    const char *state_dir; // absolute; local forms write below state_dir/local
    const char *endpoint;  // sinks.<kind>.endpoint: beats all others; NULL or "": not set
    // So many records of one rule, and bytes of them, the engine lends at once: a sink that waits
    // for more waits in vain. 0: not known.
    size_t in_flight, in_flight_bytes;
    // The clients, opened when the first asks for them, shared by all sinks of the instance; in
    // mode record one for this sink, which keeps requests and answers them (`recorded`). Borrowed
    // until the sink is closed. NULL with a fault; the members are NULL where there are none.
    struct wr_aws *(*aws)(const struct wr_sink_host *host, struct wr_fault *fault);
    struct wr_http *(*http)(const struct wr_sink_host *host, struct wr_fault *fault);
    // NULL, but in mode record. For requests that are not HTTP: keep this one, `json` being its
    // members without braces. NULL, or why it could not be kept (borrowed until the next call).
    const char *(*record)(const struct wr_sink_host *host, wr_str json);
    struct wr_recorder *recorder; // mode record: for a client of the sink's own; else NULL
    // One line, no newline. Not on the message path.
    void (*log)(const struct wr_sink_host *host, enum wr_log_level level, const char *format, ...);
    // NULL where there is no broker. `done` may be called from inside.
    void (*publish)(const struct wr_sink_host *host, const struct wr_publish *publish);
    // Whether rule `rule` may post to `url`: somebody has confirmed it (actions.md 4.11). NULL: all
    // may.
    bool (*confirmed)(const struct wr_sink_host *host, wr_str rule, wr_str url);
    // The destination with this ARN, made over the API, where rule `rule` may write to. False:
    // there is none, or not for it now. Texts are lent until the next call. NULL: there are none.
    bool (*destination)(const struct wr_sink_host *host, wr_str rule, wr_str arn,
                        struct wr_sink_destination *out);
    // NULL where nobody reads secrets. `done` may be called from inside.
    void (*secret)(const struct wr_sink_host *host, struct wr_secret_ask *ask);
    bool hops_lost;   // messages come without user properties (MQTT 3.1.1): no count of hops
    bool reads_kafka; // messages come from Kafka too: what is sent there may come back
    bool aws_limits;  // limits: aws
    void *user;
};

// ---- the interface

// Values of the instance's settings (weir.yaml, sinks.<name>): `text` of the named setting, or the
// default; "" when there is neither.
struct wr_settings;
const char *wr_settings_get(const struct wr_settings *s, const char *name);
int64_t wr_settings_int(const struct wr_settings *s, const char *name);
bool wr_settings_bool(const struct wr_settings *s, const char *name);
// Members below `prefix` (tables, functions declared by name): the distinct names one level down,
// 0 .. count-1, borrowed.
size_t wr_settings_count(const struct wr_settings *s, const char *prefix);
const char *wr_settings_name(const struct wr_settings *s, const char *prefix, size_t index);

// What weir.yaml can tell every sink besides, below sinks.<name>; the engine's. Ends with a zeroed
// one. A sink whose table has a row of the same name gives its own default there.
extern const struct wr_option wr_sink_common_settings[];

// One form of one kind of sink. The forms of a kind share name, failed_action, help, options,
// resource_option and check: a rule means the same to each (a macro WR_<KIND>_ACTION holds them).
// `open`, `submit` and `close` are mandatory. Const: state lives in struct wr_sink.
struct wr_sink_impl {
    const char *name;                 // as in the rule document: "s3", "dynamoDBv2"
    const char *failed_action;        // actions.md 5: "S3Action"
    const char *help;                 // what the action does, one sentence
    const char *form;                 // what this form of it does, one sentence
    const struct wr_option *options;  // the action's members in the rule document
    const struct wr_option *settings; // what weir.yaml can tell the sink; may be NULL. A name
                                      // "functions.*.command" stands for any name in place of *.
    int resource_option;              // index into options of the primary name
    bool one_destination;             // all resources fail together
    bool publishes; // its destination is the broker that host->publish() chooses by the rule
    // May be NULL: further checks of one action when its rule is loaded. `params[i].set` as in the
    // document, text unexpanded; `constant[i]` is false where the text holds a template. A fault's
    // text begins with the member: "key: …". WR_ERR_FAILED: AWS takes such a rule, and its
    // destination then refuses every record.
    wr_err (*check)(const struct wr_param *params, const bool *constant, struct wr_fault *fault);
    // May be NULL: how records with these parameters are sent.
    enum wr_batching (*batching)(const struct wr_param *params);
    // Fill self->state. Called once before the first submit.
    wr_err (*open)(struct wr_sink *self, const struct wr_settings *settings,
                   struct wr_fault *fault);
    // Lend `rec` until wr_record_settle(rec, verdict, why), called exactly once, now or later.
    // Never blocks, never fails.
    void (*submit)(struct wr_sink *self, struct wr_record *rec);
    // May be NULL: weir is stopping; what waits for company shall wait no longer. Records may still
    // come.
    void (*drain)(struct wr_sink *self);
    // Settle every record still held, then call `done` once; `self` is valid until then.
    void (*close)(struct wr_sink *self, void (*done)(struct wr_sink *self));
};

struct wr_sink {
    const struct wr_sink_impl *impl;
    const struct wr_sink_host *host;
    void *state; // the impl's
    void *user;  // the engine's
};

// The kinds of this room and their forms; ends with a zeroed one (sinks/kinds.h). Settings of one
// name in both forms of a kind are the same row.
struct wr_sink_kind {
    const struct wr_sink_impl *local, *aws; // NULL: no such form. The same twice: one for both
};
extern const struct wr_sink_kind wr_sink_kinds[];
const struct wr_sink_kind *wr_sink_kind_find(wr_str name);
// The form of `kind` for `mode`, or NULL. RECORD: the AWS form (its host makes the difference), or
// the only one. BLACKHOLE is made in `room`, which must live as long as it is used.
const struct wr_sink_impl *wr_sink_form(const struct wr_sink_kind *kind, enum wr_mode mode,
                                        struct wr_sink_impl *room);

// One form of each kind, NULL-terminated, in the order of wr_sink_kinds: for what looks at rules
// and does not run them. What runs them takes wr_config_kinds() of engine/config.h.
extern const struct wr_sink_impl *const wr_sink_list[];
const struct wr_sink_impl *wr_sink_find(wr_str name);
// Every action that AWS has, NULL-terminated (sinks/shapes/shapes.c): the built-in sinks, and for
// the others what their members are, without open, submit and close. For what looks at rules and
// does not run them.
extern const struct wr_sink_impl *const wr_sink_shapes[];
// Index of an option in a table, or -1.
int wr_option_find(const struct wr_option *options, wr_str name);

#endif
