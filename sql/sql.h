// The SQL language as the engine sees it: compile a rule's statement and templates into one
// program, read a message once for many programs, run, write the result. sql.md is the
// specification.
//
//   start:    wr_program_new ─► wr_program_add_template… ─► wr_program_seal       (immutable from
//   here)
//             wr_plan_new(programs)                              what to read from a payload, for
//             all
//   message:  wr_sql_message_read ─► per program: wr_eval_start ─► wr_eval_run ─► wr_eval_output
//                                    WR_EVAL_SUSPENDED: the host answers the look-up, run again
//             per template: wr_eval_template ─► wr_eval_run ─► wr_eval_text
//
// Thread: a sealed program may be read by any thread; a plan, messages and evals belong to one at a
// time. A message that was read goes on elsewhere without its plan, which only has to live on.
#ifndef WR_SQL_SQL_H
#define WR_SQL_SQL_H

#include "sql/base/arena.h"
#include "sql/base/buf.h"
#include "sql/base/err.h"
#include "sql/base/value.h"

// sql.md 14, "weir decides"; each gives WR_ERR_LIMIT with a place.
#define WR_SQL_LEN_MAX      (256 * 1024) // bytes of a statement
#define WR_SQL_DEPTH_MAX    256          // nesting of expressions
#define WR_SQL_VARS_MAX     10           // SET variables (documented)
#define WR_SQL_VAR_BYTES    (128 * 1024) // all values together, as minified JSON (documented)
#define WR_SQL_CODE_MAX     65535        // instructions, constants, registers: two operand bytes
#define WR_SQL_FUEL_DEFAULT 10000000     // instructions and inner steps one evaluation may take
#define WR_SQL_OBJECT_MAX   (32 * 1024)  // bytes of a Protobuf descriptor file (documented)

struct wr_program;

// "2015-10-08", "2016-03-23", "beta"; empty means 2015-10-08, as the API takes it.
// WR_ERR_UNKNOWN for others.
wr_err wr_sql_version_parse(wr_str text, enum wr_dialect *out, struct wr_fault *fault);

struct wr_program_options {
    wr_str sql_version; // as in awsIotSqlVersion; empty: 2015-10-08
    uint64_t fuel;      // 0: WR_SQL_FUEL_DEFAULT
};

// Give: a program for statement `sql`; wr_program_free() it. Fault places are bytes, lines and
// columns of `sql` (conformance/FORMAT.md, "at").
wr_err wr_program_new(wr_str sql, const struct wr_program_options *options, struct wr_program **out,
                      struct wr_fault *fault) WR_MUST_CHECK;

// Compile a substitution template (sql.md 13) into the program, before sealing. Variables of SET
// are visible, aliases are not. `*id` names it from now on. Fault places are offsets in `text`. A
// text without `${` is a constant: wr_program_template_constant() tells.
wr_err wr_program_add_template(struct wr_program *p, wr_str text, uint32_t *id,
                               struct wr_fault *fault) WR_MUST_CHECK;

// True, and *text set (borrowed from the program), when the template needs no evaluation.
bool wr_program_template_constant(const struct wr_program *p, uint32_t id, wr_str *text);

// Verify registers, jumps and indexes; from here on the program is immutable. Fails only on our bug
// or on a program that was not made by the compiler.
wr_err wr_program_seal(struct wr_program *p, struct wr_fault *fault) WR_MUST_CHECK;
void wr_program_free(struct wr_program *p);

// Make a sealed program, which is taken, small: what running needs stays; explaining, coverage,
// warnings and the places of wr_program_needs_host() are gone. `text` is its statement's, lent
// until it is freed. What is the same in many programs is kept once, in the pool. Before any plan
// has it.
struct wr_program_pool;
struct wr_program *wr_program_slim(struct wr_program *p, wr_str text,
                                   struct wr_program_pool *pool) WR_MUST_CHECK;
struct wr_program_pool *wr_program_pool_new(void);
void wr_program_pool_free(struct wr_program_pool *pool);          // its programs may be freed later
size_t wr_program_pool_count(const struct wr_program_pool *pool); // of what is kept once

// The FROM filter; len 0 when the statement has none. Borrowed from the program.
wr_str wr_program_filter(const struct wr_program *p);
enum wr_dialect wr_program_dialect(const struct wr_program *p);
wr_str wr_program_version(const struct wr_program *p); // as sql_version() gives it

// Things that are valid but likely to surprise (sql.md 12, 15): 0 .. count-1.
size_t wr_program_warning_count(const struct wr_program *p);
const struct wr_fault *wr_program_warning(const struct wr_program *p, size_t index);

// The first call, in the statement or in a template, that the host would have to answer: a look-up
// of sql.md 11.6. False: there is none. The fault names the function, and its place when it stands
// in the statement.
bool wr_program_needs_host(const struct wr_program *p, struct wr_fault *fault);
// Which look-ups the statement and the templates may call: 1u << enum wr_lookup_kind, ored.
unsigned wr_program_lookups(const struct wr_program *p);

// Whether this process may run machine code made at run time (systemd's MemoryDenyWriteExecute
// takes that away). If not, regular expressions work, several times slower.
bool wr_regex_jit_works(void);

// ---- reading messages

// The union of what `count` sealed programs read from a payload. Programs must outlive the plan.
struct wr_plan;
struct wr_plan *wr_plan_new(const struct wr_program *const *programs, size_t count);
// The same within a pool, which must outlive it: plans that read the same paths read them with one
// reader, and what it learns of payloads serves all. NULL: no pool. A pool belongs to one thread.
struct wr_readers;
struct wr_plan *wr_plan_new_in(struct wr_readers *pool, const struct wr_program *const *programs,
                               size_t count);
struct wr_readers *wr_readers_new(void);
void wr_readers_free(struct wr_readers *pool); // once no plan of it is left
size_t wr_readers_count(const struct wr_readers *pool);
void wr_plan_free(struct wr_plan *plan);
// Have fetched what evaluating its program `index` looks at, each step through the one before:
// 0 the plan, 1 the program. Not needed, but so memory is waited for together.
void wr_plan_fetch(const struct wr_plan *plan, size_t index, unsigned step);

struct wr_user_property {
    wr_str key, value;
};

// A message as SQL sees it. The caller fills the first part, the bytes live as long as the arena's
// content; wr_sql_message_read() fills the second. Absent texts have `at` NULL.
struct wr_sql_message {
    wr_str topic;         // as published, the Basic Ingest prefix included
    wr_str payload;       // as published
    bool padded;          // 32 bytes behind the payload may be read, whatever they are: faster
    int64_t timestamp_ms; // when the engine saw it
    bool basic_ingest;    // topic() drops the first three levels
    bool over_mqtt;       // false: clientid() is n/a, traceid() is Undefined
    wr_str client_id, principal, source_ip;
    wr_str trace_id; // or made when somebody asks: read it by wr_sql_trace_id()
    uint64_t trace_seed[2];
    char *trace_room; // WR_SQL_TRACE_LEN bytes for it; NULL: it has none
    wr_str content_type, response_topic;
    wr_str correlation_data; // the bytes, not base64
    int8_t format_indicator; // -1: absent; 0: bytes; 1: UTF-8
    const struct wr_user_property *user_properties;
    size_t user_property_count;

    struct wr_arena *arena;
    const struct wr_plan *plan;
    wr_value *slots;     // one a path of the plan, memoised as they are decoded
    wr_value *trees;     // NULL, or one a path: the lazy Array or Object of the slot, decoded, or
                         // Undefined while nobody has asked
    bool json;           // false: Raw
    size_t malformed_at; // where the payload stops being JSON, when it is not
};

// UUID version 4, lower case: given, or made of the seed. As long as the message.
#define WR_SQL_TRACE_LEN 36
wr_str wr_sql_trace_id(const struct wr_sql_message *m);

// Parse the payload once for all programs of `plan`. WR_ERR_LIMIT when the arena's limit is met.
wr_err wr_sql_message_read(struct wr_sql_message *m, const struct wr_plan *plan,
                           struct wr_arena *arena) WR_MUST_CHECK;

// ---- evaluating

enum wr_eval_state {
    WR_EVAL_READY,     // started, not yet run
    WR_EVAL_MATCHED,   // WHERE was true: there is a result
    WR_EVAL_NO_MATCH,  // the topic was not asked; WHERE was not true
    WR_EVAL_FAILED,    // sql.md 11.7, or fuel or memory ran out: `fault` says which
    WR_EVAL_SUSPENDED, // a look-up is under way: call wr_eval_run() again once it is answered
};

// WHY(NAME, text): what an evaluation failed of.
#define WR_EVAL_WHY_MAP(WHY)    \
    WHY(LOOKUP, "lookup")       \
    WHY(FUEL, "fuel")           \
    WHY(MEMORY, "memory")       \
    WHY(VARIABLES, "variables") \
    WHY(FUNCTION, "function")

enum wr_eval_why {
    WR_WHY_LOOKUP,    // a look-up failed (sql.md 11.7)
    WR_WHY_FUEL,      // more steps than the limit
    WR_WHY_MEMORY,    // more memory than the message's limit
    WR_WHY_VARIABLES, // the SET variables are over their limit (sql.md 14)
    WR_WHY_FUNCTION,  // a function failed: Protobuf
    WR_WHY_COUNT,
};

// Look-up functions of sql.md 11.6.
enum wr_lookup_kind {
    WR_LOOKUP_LAMBDA,   // functionArn, payload
    WR_LOOKUP_DYNAMODB, // table, pk, value [, sk, value], role
    WR_LOOKUP_SHADOW,   // thing [, shadow], role
    WR_LOOKUP_SECRET,   // id, type [, key], role
    WR_LOOKUP_REGISTRY, // api, thing, role
    WR_LOOKUP_ML,       // model, role, record
};
#define WR_LOOKUP_KINDS (WR_LOOKUP_ML + 1)
const char *wr_lookup_name(enum wr_lookup_kind kind); // "aws_lambda"

// One call of a look-up. Lives in the message's arena. The host sets `result` (made in
// eval->message->arena) or fills `fault`, then sets `answered`.
struct wr_lookup {
    enum wr_lookup_kind kind;
    const wr_value *args; // Strings but for payload, record and key values; none Undefined or lazy
                          // at top level; lend until answered
    size_t arg_count;
    struct wr_eval *eval;
    bool answered;
    bool failed; // the rule fails with `fault`, unless get_or_default() catches it
    wr_value result;
    struct wr_fault fault;
};

// What SQL needs from outside. Functions may be NULL where said. One host may serve many evals.
struct wr_sql_host {
    void *user;
    wr_str account_id;
    // Fill `len` random bytes. NULL: the system's source. A test fixes chance here.
    void (*random)(void *user, void *at, size_t len);
    // Begin a look-up. Answer at once (set `answered` before returning) or later; then the caller
    // of wr_eval_run() sees WR_EVAL_SUSPENDED and runs again after `answered` is set. NULL: all
    // fail.
    void (*lookup)(void *user, struct wr_lookup *lookup);
    // The file of a tz database zone ("Europe/Berlin"), TZif bytes, lend until the host ends.
    // False: no such zone. NULL: none but UTC is known. May be called while compiling and while
    // running.
    bool (*zone)(void *user, wr_str name, wr_str *tzif);
    // An object of S3, whole, lend until the host ends: small, read once and kept; may block when
    // it is read. Of one longer than WR_SQL_OBJECT_MAX only `len` is asked. False: no such object.
    // NULL: none.
    bool (*object)(void *user, wr_str bucket, wr_str key, wr_str *bytes);
};

// One run of one program on one message, then of its templates. Embedded by value or in the arena;
// may be started again for the next program when it is not SUSPENDED and its results are not
// needed.
struct wr_eval {
    const struct wr_program *program;
    struct wr_sql_message *message;
    const struct wr_sql_host *host;
    enum wr_eval_state state;
    wr_value result;       // MATCHED; may be lazy; Undefined is an empty payload
    struct wr_fault fault; // FAILED
    enum wr_eval_why why;  // FAILED
    bool undefined;        // NO_MATCH: the term that decided was no truth, rather than false
    uint64_t fuel_left;
    uint32_t
        regex_limits; // matches since the start, templates' too, that gave Undefined at a limit
    struct wr_lookup *lookup; // SUSPENDED
    // private to sql/vm.c
    wr_value *regs_;
    uint32_t regs_cap_;
    uint32_t pc_;
    uint32_t section_;    // instructions of what is run
    const uint32_t *map_; // program path -> slot of the plan
    wr_value vars_[WR_SQL_VARS_MAX];
    bool passthrough_; // the result is the payload itself: output is the original bytes
    bool in_template_;
    uint8_t dynamodb_calls_;
    bool template_undefined_; // an expression of the template was Undefined or Null
};

// Begin: program `index` of the plan that `m` was read with. Reuses registers of an earlier start.
void wr_eval_start(struct wr_eval *e, struct wr_sql_message *m, size_t index,
                   const struct wr_sql_host *host);

// Run until an end or a look-up. The answer is also e->state.
enum wr_eval_state wr_eval_run(struct wr_eval *e) WR_HOT;

// The terms of WHERE: what stands between its topmost ANDs, in order. A program ends at the first
// that is not true.
size_t wr_program_term_count(const struct wr_program *p); // 0: there is no WHERE
// As written; lives as `p`. Not for every message: it may read the statement again.
wr_str wr_program_term(const struct wr_program *p, size_t index);
// After NO_MATCH: the number of the term that decided, from 0. Looks at the program: not for every
// message.
size_t wr_eval_term(const struct wr_eval *e);

// After MATCHED: the outgoing payload (in the arena, or the message's own bytes). `*json` tells
// whether it is JSON text. WR_ERR_LIMIT when fuel or memory do not suffice: FAILED then, with
// `fault` and `why`.
wr_err wr_eval_output(struct wr_eval *e, wr_str *bytes, bool *json) WR_MUST_CHECK;

// Begin template `id` of the same program, with the variables that the run has set (also when WHERE
// did not match). Then wr_eval_run(): MATCHED means expanded, wr_eval_text() gives the text.
void wr_eval_template(struct wr_eval *e, uint32_t id);
// `*undefined` (may be NULL) tells whether an expression of the template was Undefined or Null.
wr_err wr_eval_text(struct wr_eval *e, wr_str *text, bool *undefined) WR_MUST_CHECK;

#endif
