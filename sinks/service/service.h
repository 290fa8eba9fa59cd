// Actions that give a service entries: log events, metrics, positions, messages. A kind says how a
// record becomes entries, how entries become a request, and what the answer says of each; its forms
// are the same for all of them:
//
//   record ─ make ─► ask: entries and where they go ─┬─ aws.c    calls, batched by lib/batch
//                                                    ├─ lines.c  lines of files, by lib/append
//                                                    └─ rows.c   rows of an SQLite file
//
// `make` checks all that the service would refuse before anything is sent, in every form: what the
// local form takes, the service takes.
//
// A batch call is sent in one request or, where its entries do not fit into one (limits, `joins`),
// in several, one after the other. Entries that are there are not sent again, whatever becomes of
// the others: an ask is kept from try to try (rec->sink_data).
// Thread: loop.
#ifndef WR_SINKS_SERVICE_SERVICE_H
#define WR_SINKS_SERVICE_SERVICE_H

#include "sinks/lib/aws.h"
#include "sinks/lib/batch.h"
#include "sinks/sink.h"

struct wr_service;
struct wr_service_ask;

enum wr_service_stand {
    WR_SERVICE_WAITS, // to be sent
    WR_SERVICE_THERE,
    WR_SERVICE_LATER, // failed in a way that a later try can change
    WR_SERVICE_NEVER, // refused
};

// One entry. All in the record's arena.
struct wr_service_entry {
    struct wr_service_ask *ask;
    wr_str json;      // as it stands in the request
    wr_str id;        // by which the answer names it; empty: by its place
    wr_str file;      // the local form's file; empty: the ask's names
    int64_t time_ms;  // where the kind sorts or compares by it
    size_t weight;    // bytes for the limit of a call
    double number;    // the kind's
    const void *more; // likewise, in the record's arena
    uint32_t order;   // in its request, before `sort`
    enum wr_service_stand stand;
};

// What one record asks for; in its arena, rec->sink_data points to it.
struct wr_service_ask {
    struct wr_batch_item item; // first
    const struct wr_service *service;
    struct wr_record *rec;
    const void *state;     // the kind's, of the sink
    wr_str names[2];       // where to: entries of one call share them; the local form's file
    wr_str role;           // the rule's
    wr_str path, endpoint; // of a kind whose records have their own; else empty
    wr_str signing_name;   // likewise
    uint32_t lane;         // see wr_batch_add()
    struct wr_service_entry *entries;
    uint32_t count;
    wr_str trouble; // of a failed entry, as wr_why.message: refused before retried
    bool throttled, refused;
    uint32_t retry_at_ms;
    uint32_t tries; // calls it has been in
};

// Why a record cannot be sent, in AWS's words.
struct wr_service_no {
    const char *code; // "ValidationException"
    char text[400];
};
// Fills `no`; returns false, so that `make` can return it.
bool wr_service_refuse(struct wr_service_no *no, const char *code, const char *format, ...)
    WR_PRINTF(3, 4);

// ---- the AWS form's requests

struct wr_service_call {
    struct wr_aws_call aws;
    struct wr_batch_call *batch;
    struct wr_service_aws *state;
    struct wr_service_entry **entries; // of this request
    size_t count, cap_;
    size_t records; // that they are of
    size_t most;    // records of the next request: fewer after a refusal; 0: no limit
    size_t bytes;
    int64_t low_ms, high_ms; // earliest and latest time_ms of the entries
    int step;                // the kind's: 0 for each new request
    struct wr_buf note;      // the kind's: empty for each new request
};

enum wr_service_next {
    WR_SERVICE_BY_CLASS, // as the answer's class says; a 200 by `read`
    WR_SERVICE_AGAIN,    // `write` and send once more
    WR_SERVICE_READ,     // a failure that `read` knows entry by entry
    WR_SERVICE_DONE,     // a failure that means: all are there
};

// ---- a kind. Const.

struct wr_service {
    enum wr_aws_service aws;
    const char *what; // "Failed to put log events"
    int role_option;
    // Fill `ask` (zeroed, with service and rec) from the record; allocate in its arena. False: the
    // record is refused. An arena that is full is seen by the caller.
    bool (*make)(struct wr_record *rec, struct wr_service_ask *ask, struct wr_service_no *no);

    // The AWS form. `write` appends the body of a request with call->entries and sets what
    // call->aws needs: method, path, target, content_type.
    size_t entries_max, bytes_max; // of a request; 0: no limit of bytes
    unsigned in_flight_max;        // requests of one destination and lane at once
    void (*write)(struct wr_service_call *call, struct wr_buf *body);
    // May be NULL. Does `entry` fit into the request with call->entries, besides the limits?
    bool (*joins)(const struct wr_service_call *call, const struct wr_service_entry *entry);
    // May be NULL: call->entries in another order, before `write`.
    void (*sort)(struct wr_service_call *call);
    // May be NULL. The first to see an answer.
    enum wr_service_next (*turn)(struct wr_service_call *call, const struct wr_aws_answer *answer);
    // May be NULL: a 200 is for all. wr_service_fail_entry() for each that failed.
    void (*read)(struct wr_service_call *call, const struct wr_aws_answer *answer);

    // What the kind keeps for an open sink, in every form: zeroed, then `open` (may be NULL).
    size_t state_size;
    void (*open)(void *state, const struct wr_sink *sink, const struct wr_settings *settings);
    void (*close)(void *state); // may be NULL

    // The local form as lines.
    const char *folder; // below local/
    int depth;          // names of a file: 1 or 2
    // Append the line of an entry, with its line feed.
    void (*line)(const struct wr_service_entry *entry, struct wr_buf *b);

    // Or as rows.
    const struct wr_service_rows *rows;
};

// `index`: of call->entries. The rest of an answer is taken for this entry.
void wr_service_fail_entry(struct wr_service_call *call, const struct wr_aws_answer *answer,
                           size_t index, wr_str code, wr_str message, enum wr_aws_class fallback);
// The entry with this id, from `from` on, or SIZE_MAX.
size_t wr_service_find_entry(const struct wr_service_call *call, wr_str id, size_t from);
void *wr_service_call_state(const struct wr_service_call *call); // the kind's
// The client, for what a kind wants to know of it.
struct wr_aws *wr_service_client(const struct wr_service_call *call);
const struct wr_sink *wr_service_sink(const struct wr_service_call *call);

// The entries' json with commas between them.
void wr_service_write_entries(const struct wr_service_call *call, struct wr_buf *body);
// What requests to CloudWatch's JSON protocol have in common.
void wr_service_cloudwatch(struct wr_service_call *call, wr_str target);

// ---- making asks

// The record's ask, made at the first try. NULL: the record is settled, as refused.
struct wr_service_ask *wr_service_ask_of(const struct wr_service *service, const void *state,
                                         struct wr_record *rec);
// The state of a kind, opened; give: wr_service_state_free().
void *wr_service_state_new(const struct wr_service *service, const struct wr_sink *sink,
                           const struct wr_settings *settings);
void wr_service_state_free(const struct wr_service *service, void *state);
// Room for `count` entries; NULL when the arena is full.
struct wr_service_entry *wr_service_entries(struct wr_service_ask *ask, size_t count) WR_MUST_CHECK;
// The text in the record's arena; empty, and the arena over, when it is full.
wr_str wr_service_keep(struct wr_service_ask *ask, const struct wr_buf *b);
// The record's result, forced, on a copy. Its items and members may be lazy still.
wr_value wr_service_result(const struct wr_record *rec);
// A member of the answer's body, which is JSON: made in `arena`. Undefined: there is none, or the
// body is no JSON object.
wr_value wr_service_member(const wr_value *object, const char *name, struct wr_arena *arena);
wr_value wr_service_body(const struct wr_aws_answer *answer, struct wr_arena *arena);
wr_str wr_service_member_text(const wr_value *object, const char *name, struct wr_arena *arena);
// A record's body as text for a service: valid UTF-8 that is not empty, or refused.
bool wr_service_text_body(const struct wr_record *rec, const char *member,
                          struct wr_service_no *no) WR_MUST_CHECK;
// The body is JSON, or refused.
bool wr_service_json_body(const struct wr_record *rec, struct wr_service_no *no) WR_MUST_CHECK;
// AWS's words for a value that its model does not allow.
bool wr_service_refuse_length(struct wr_service_no *no, const char *code, const char *member,
                              wr_str value, const char *constraint);
// Valid JSON on one line: a line feed in it is a blank between tokens.
void wr_service_add_json(struct wr_buf *b, wr_str json);
// Settle as refused, or for later, with texts of weir's own.
void wr_service_settle_no(struct wr_record *rec, const struct wr_service *service,
                          enum wr_verdict verdict, int status, const char *code, wr_str text);

// A kind whose local form is rows of an SQLite file: a statement for each entry, all that waits in
// one transaction.
struct sqlite3_stmt;
struct wr_service_rows {
    const char *file;              // below local/
    const char *schema;            // CREATE … IF NOT EXISTS, for version 1 of the file
    const char *const *statements; // run in order for each entry; NULL-terminated
    // Bind the parameters of one of them: false when the arena is full. On the pool: reads only.
    void (*bind)(struct sqlite3_stmt *stmt, size_t statement, const struct wr_service_entry *entry);
};
void wr_service_bind_text(struct sqlite3_stmt *stmt, int at, wr_str text); // lent to the step
void wr_service_bind_double(struct sqlite3_stmt *stmt, int at, double value);
void wr_service_bind_int(struct sqlite3_stmt *stmt, int at, int64_t value);

// ---- forms: what a wr_sink_impl points to. wr_service_of() finds the kind by the impl's name
// (kinds.c).

const struct wr_service *wr_service_of(const struct wr_sink_impl *impl);

wr_err wr_service_aws_open(struct wr_sink *self, const struct wr_settings *settings,
                           struct wr_fault *fault);
void wr_service_aws_submit(struct wr_sink *self, struct wr_record *rec);
void wr_service_aws_close(struct wr_sink *self, void (*done)(struct wr_sink *self));
#define WR_SERVICE_AWS \
    .open = wr_service_aws_open, .submit = wr_service_aws_submit, .close = wr_service_aws_close
// A setting of the form, for kinds that have several requests on their way to one destination.
#define WR_SERVICE_LINGER                                                                       \
    {                                                                                           \
        "linger", WR_OPT_INT, 0, "0",                                                           \
            .min = 0, .max = 5000, .unit = "ms",                                                \
            .help = "How long entries wait for company while a request is on its way to their " \
                    "destination, before they leave beside it."                                 \
    }

wr_err wr_service_lines_open(struct wr_sink *self, const struct wr_settings *settings,
                             struct wr_fault *fault);
void wr_service_lines_submit(struct wr_sink *self, struct wr_record *rec);
void wr_service_lines_close(struct wr_sink *self, void (*done)(struct wr_sink *self));
// For a form that does something else before: `submit` in two parts, and what the kind keeps.
void wr_service_lines_write(struct wr_sink *self, struct wr_service_ask *ask);
void *wr_service_lines_kind(struct wr_sink *self);
#define WR_SERVICE_LINES                                              \
    .open = wr_service_lines_open, .submit = wr_service_lines_submit, \
    .close = wr_service_lines_close
#define WR_SERVICE_FILES                                                                     \
    {"file_size",                                                                            \
     WR_OPT_INT,                                                                             \
     0,                                                                                      \
     "67108864",                                                                             \
     .min = 0,                                                                               \
     .max = INT64_C(1) << 40,                                                                \
     .unit = "bytes",                                                                        \
     .help = "A file this large is put aside, as NAME.ndjson.1; 0: never."},                 \
        {"files_kept",                                                                       \
         WR_OPT_INT,                                                                         \
         0,                                                                                  \
         "4",                                                                                \
         .min = 0,                                                                           \
         .max = 99,                                                                          \
         .unit = "files",                                                                    \
         .help = "How many are kept of those that were put aside; the oldest goes first."},  \
    {                                                                                        \
        "fsync", WR_OPT_BOOL, 0, "true",                                                     \
            .help = "Flush lines to the disk before they count as delivered, against power " \
                    "loss."                                                                  \
    }
extern const struct wr_option wr_service_lines_settings[]; // those, for a kind without its own

wr_err wr_service_rows_open(struct wr_sink *self, const struct wr_settings *settings,
                            struct wr_fault *fault);
void wr_service_rows_submit(struct wr_sink *self, struct wr_record *rec);
void wr_service_rows_close(struct wr_sink *self, void (*done)(struct wr_sink *self));
#define WR_SERVICE_ROWS \
    .open = wr_service_rows_open, .submit = wr_service_rows_submit, .close = wr_service_rows_close
extern const struct wr_option wr_service_rows_settings[];

#endif
