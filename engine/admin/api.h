// The AWS IoT control plane: operations as rows of tables, one file a family (api_<family>.c), and
// the way of a call through the threads.
//
//   loop      listener → who asks (auth.h) → router → members read and checked (the row's table)
//             → prepare
//   pool      work: what takes long and needs no data (an RSA key)
//   registry  run: on the writer's thread in a transaction, or on the reader's
//   loop      after: what follows from it (rules, broker) → answer
//
// An operation that fails says so with wr_api_fail() in any step; the later ones do not happen, and
// nothing of `run` is kept.
//
//   static void describe_thing(struct wr_api_call *c, struct wr_db *db) { …
//   json_object_set_new(c->out, …) } static const struct wr_api_member describe_thing_in[] =
//   {WR_API_PATH("thingName", THING), {0}}; static const struct wr_api_operation operations[] = {
//       {.name = "DescribeThing", .method = "GET", .path = "/things/{thingName}",
//        .in = describe_thing_in, .run = describe_thing},
//   };
//
// Thread: loop, unless a function says otherwise.
#ifndef WR_ENGINE_ADMIN_API_H
#define WR_ENGINE_ADMIN_API_H

#include <jansson.h>

#include "engine/admin/api_errors.h"
#include "engine/admin/broker.h"
#include "engine/admin/router.h"
#include "engine/registry/registry.h"

struct wr_admin;
struct wr_audit;
struct wr_api;
struct wr_api_call;
struct wr_config;
struct wr_tenants;
struct wr_tenants_copy;

// ---- members: the inputs of an operation

enum wr_api_place {
    WR_API_IN_PATH, // a label
    WR_API_IN_QUERY,
    WR_API_IN_HEADER,
    WR_API_IN_BODY,    // a member of the body's object
    WR_API_IN_PAYLOAD, // the whole body
};
enum wr_api_type { WR_API_STRING, WR_API_BOOL, WR_API_INT, WR_API_OBJECT, WR_API_LIST };

// PATTERN(name, as AWS writes it in its errors, the bytes it allows). Ranges as in a class of a
// regular expression; "": any. Whether none is enough says `min` of the member.
#define WR_API_PATTERNS(PATTERN)                                                    \
    PATTERN(ANY, "", "")                                                            \
    PATTERN(THING, "[a-zA-Z0-9:_-]+", "a-zA-Z0-9:_-") /* types and groups too */    \
    PATTERN(RULE, "^[a-zA-Z0-9_]+$", "a-zA-Z0-9_")                                  \
    PATTERN(POLICY, "[\\w+=,.@-]+", "a-zA-Z0-9_+=,.@-")                             \
    PATTERN(CERTIFICATE_ID, "(0x)?[a-fA-F0-9]+", "a-fA-F0-9x")                      \
    PATTERN(VERSION_ID, "[0-9]+", "0-9")                                            \
    PATTERN(ATTRIBUTE_NAME, "[a-zA-Z0-9_.,@/:#-]+", "a-zA-Z0-9_.,@/:#-")            \
    PATTERN(ATTRIBUTE_VALUE, "[a-zA-Z0-9_.,@/:#=\\[\\]-]*", "a-zA-Z0-9_.,@/:#=[]-") \
    PATTERN(MARKER, "[A-Za-z0-9+/]+={0,2}", "A-Za-z0-9+/=")                         \
    PATTERN(ACCOUNT, "[0-9]+", "0-9")                                               \
    PATTERN(ROLE_ALIAS, "[\\w=,@-]+", "a-zA-Z0-9_=,@-")                             \
    PATTERN(DOMAIN, "[\\w.-]+", "a-zA-Z0-9_.-")                                     \
    PATTERN(TENANT, "[a-z0-9][a-z0-9-]{0,38}", "a-z0-9-")

enum wr_api_pattern {
#define PATTERN(name, text, bytes) WR_API_##name##_PATTERN,
    WR_API_PATTERNS(PATTERN)
#undef PATTERN
};

struct wr_api_member {
    const char *name; // as in AWS's model, and in call->in; NULL ends the table
    enum wr_api_place place;
    const char *wire; // of the query or header when it is called otherwise there; NULL: name
    enum wr_api_type type;
    bool required;
    enum wr_api_pattern pattern;
    int64_t min, max;   // bytes of a string (max 0: 2048), or the range of a number
    const char *one_of; // "ACTIVE|INACTIVE": the only values; NULL: any
};

// Rows as short as most are.
#define WR_API_PATH(name_, pattern_)                                 \
    {                                                                \
        .name = name_, .place = WR_API_IN_PATH, .required = true,    \
        .pattern = WR_API_##pattern_##_PATTERN, .min = 1, .max = 128 \
    }
#define WR_API_QUERY(name_, type_, ...)                                              \
    {                                                                                \
        .name = name_, .place = WR_API_IN_QUERY, .type = WR_API_##type_, __VA_ARGS__ \
    }
#define WR_API_HEADER(name_, wire_, ...)                                     \
    {                                                                        \
        .name = name_, .place = WR_API_IN_HEADER, .wire = wire_, __VA_ARGS__ \
    }
#define WR_API_BODY(name_, type_, ...)                                              \
    {                                                                               \
        .name = name_, .place = WR_API_IN_BODY, .type = WR_API_##type_, __VA_ARGS__ \
    }
// The pairs that listings have: nextToken and maxResults, or marker, pageSize and ascendingOrder.
#define WR_API_PAGED                                          \
    WR_API_QUERY("nextToken", STRING, .min = 1, .max = 1024), \
        WR_API_QUERY("maxResults", INT, .min = 1, .max = 250)
#define WR_API_MARKED                                                              \
    WR_API_QUERY("marker", STRING, .pattern = WR_API_MARKER_PATTERN, .max = 1024), \
        WR_API_QUERY("pageSize", INT, .min = 1, .max = 250),                       \
        WR_API_QUERY("ascendingOrder", BOOL, .wire = "isAscendingOrder")

// ---- operations

struct wr_api_operation {
    const char *name; // "CreateThing"
    const char *method, *path;
    const struct wr_api_member *in; // NULL: nothing
    bool write;       // `run` changes data: the writer's thread, the role operator, the audit log
    bool slow;        // one that reads and may take long: not in front of the others
    bool own_only;    // weir's own, under /weir/v1: only by the socket, or with a token of an admin
    bool any_tenant;  // answered also while IoT is off for the tenant
    bool unsigned_;   // no signature is asked for: something in the request is the authority
    bool secret;      // hands out a secret: into the audit log, synced before the answer
    bool synced;      // its line of the audit log is on disk before the answer, as with `secret`
    bool all_tenants; // of weir's own: only for whoever administers all tenants
    enum wr_role least; // 0: reader, or operator for what writes
    bool rules;         // of rules and destinations: failures are InternalException
    void (*prepare)(struct wr_api_call *call);
    void (*work)(struct wr_api_call *call);                  // Thread: any of the pool's
    void (*run)(struct wr_api_call *call, struct wr_db *db); // Thread: the registry's
    // With `call->later` set it answers later, by wr_api_finish().
    void (*after)(struct wr_api_call *call);
};

// Who asks, and for whom.
struct wr_api_caller {
    int64_t tenant; // id
    char tenant_name[40];
    char account[13];
    char region[32];
    enum wr_role role;
    bool may_package; // may fetch device packages
    bool all_tenants; // by the socket, or an admin of the default tenant: administers all
    char actor[64];   // "key AKIA…", "token 12", "uid 0 pid 17"
    char from[80];    // listener and peer's address
};

struct wr_api_call {
    struct wr_registry_job job; // first
    const struct wr_api_operation *op;
    struct wr_api *api;
    struct wr_api_caller caller;
    int64_t now_ms;
    int64_t realm; // of (tenant, region), in `run`; 0: nothing was ever made in it
    json_t *in;    // an object: the members that were given
    json_t *out;   // an object, empty at the start: what success answers
    char request_id[37];

    void *own; // the operation's; freed by own_free
    void (*own_free)(void *own);
    bool later;
    // What the audit log says besides who and when: ARNs, and old and new values of what changed.
    // Objects, or NULL. No keys, secrets, payloads, CSRs.
    json_t *audit;

    enum wr_api_error error;
    char *message, *resource_id, *resource_arn;
    char *warning;        // x-weir-warning
    const char *raw_type; // of a reply that is not JSON: `raw` is its body, given by malloc
    char *raw;
    size_t raw_len;
    char *raw_name; // of the file, for Content-Disposition

    bool broker_changed_; // it has changed what the broker must know
    struct wr_broker_wait broker_wait_;
    struct wr_tenants_copy *tenants_; // with the tenant that the call itself has made
    struct wr_admin_held held_;
    struct wr_httpd_request *req_; // NULL: the client went away
    uv_work_t work_;
    struct wr_api_call *prev_, *next_;
};

// ---- for operations. Thread: any, the call's

// The call fails; only the first counts. `message` is what AWS would say, as far as known.
void wr_api_fail(struct wr_api_call *call, enum wr_api_error error, const char *format, ...)
    WR_PRINTF(3, 4);
// Likewise, with the members resourceId and resourceArn (NULL: without).
void wr_api_fail_for(struct wr_api_call *call, enum wr_api_error error, const char *resource_id,
                     const char *resource_arn, const char *format, ...) WR_PRINTF(5, 6);
// Add to the header x-weir-warning.
void wr_api_warn(struct wr_api_call *call, const char *format, ...) WR_PRINTF(2, 3);

// Members of call->in: {NULL, 0}, or the given value, when it was not sent.
wr_str wr_api_str(const struct wr_api_call *call, const char *name);
const char *wr_api_text(const struct wr_api_call *call, const char *name); // NULL: not sent
bool wr_api_bool(const struct wr_api_call *call, const char *name, bool missing);
int64_t wr_api_int(const struct wr_api_call *call, const char *name, int64_t missing);
json_t *wr_api_json(const struct wr_api_call *call, const char *name); // borrowed

// A string inside the body: checked like a member; `where` is its path in the error
// ("attributePayload.attributes"). False: the call has failed.
bool wr_api_check_text(struct wr_api_call *call, const char *where, const json_t *value,
                       enum wr_api_pattern pattern, int64_t min, int64_t max);

// "arn:aws:iot:REGION:ACCOUNT:" and what `format` makes of the rest, in `out`. Returns `out`.
const char *wr_api_arn(const struct wr_api_call *call, char out[512], const char *format, ...)
    WR_PRINTF(3, 4);
// The rest of an ARN of the call's own region and account behind "TYPE/"; {NULL, 0}: it is none.
wr_str wr_api_arn_rest(const struct wr_api_call *call, wr_str arn, const char *type);

// A random UUID (version 4), terminated.
void wr_api_make_id(char out[37]);

// Milliseconds as the API's timestamps: seconds with a fraction. Give.
json_t *wr_api_time(int64_t ms);

// The audit log's part of the call: old and new value of a field. `before`, `after` are taken;
// NULL: there was, or is, none.
void wr_api_audit_change(struct wr_api_call *call, const char *field, json_t *before,
                         json_t *after);
void wr_api_audit_arn(struct wr_api_call *call, const char *arn);

// ---- pages. Thread: the registry's

// One page of a listing, by the rows' ids. Begin reads the token (nextToken or marker, whichever
// the operation has), which names tenant, region, operation and filters: a foreign or damaged one
// makes the call fail, false.
struct wr_api_page {
    int64_t after;  // rows with an id beyond this one (below it, when `down`)
    int64_t limit;  // of the page
    bool down;      // newest first
    int64_t count_; // so far
    int64_t last_;
    bool more_;
};
// `limit` unless the call asks for another. `down`: the order without ascendingOrder.
bool wr_api_page_begin(struct wr_api_call *call, struct wr_api_page *page, int64_t limit,
                       bool down);
// A row with this id: true, it belongs on the page. False: there is one more page, stop.
bool wr_api_page_take(struct wr_api_page *page, int64_t id);
// Set nextToken or nextMarker in call->out if there is one more page.
void wr_api_page_end(struct wr_api_call *call, const struct wr_api_page *page);
// The page's edge for SQL: "id > after" both ways: use `id*?` with wr_api_page_sign().
//   … WHERE realm=? AND id*? > ? ORDER BY id*? … is not indexed; take the two texts apart instead:
//   page.down ? "… AND id<? ORDER BY id DESC" : "… AND id>? ORDER BY id"
// `after` is INT64_MAX for the first page when `down`.

// ---- life

struct wr_api_options {
    uv_loop_t *loop;
    struct wr_admin *admin; // gets the rows
    struct wr_registry *registry;
    struct wr_tenants *tenants;
    const struct wr_config *config;
    struct wr_broker *broker; // NULL: none to keep up to date
    struct wr_audit *audit;
    const char *state_dir;
};
struct wr_api *wr_api_open(const struct wr_api_options *options);
// `closed` when the last call has been answered. NULL: at once.
void wr_api_close(struct wr_api *api, void (*closed)(void *user), void *user);

// Add a family. `operations` is lent until close; `user` is its own, see wr_api_user().
void wr_api_add(struct wr_api *api, const struct wr_api_operation *operations, size_t count,
                void *user);
void *wr_api_user(const struct wr_api_call *call);
// Which operations are there, for documents and tests. False: no such index.
bool wr_api_operation_at(const struct wr_api *api, size_t index,
                         const struct wr_api_operation **out);

// Begin the call of `op` for a request that the router has brought here and auth.h has approved.
void wr_api_begin(struct wr_api *api, const struct wr_api_operation *op, struct wr_admin_call *call,
                  const struct wr_api_caller *caller);
// Begin a call that nobody has asked for: weir's own work, with weir's own `op`, which is lent.
void wr_api_start(struct wr_api *api, const struct wr_api_operation *op,
                  const struct wr_api_caller *caller);
// The same with something of its own: call->own and own_free, which is called in any case.
void wr_api_start_own(struct wr_api *api, const struct wr_api_operation *op,
                      const struct wr_api_caller *caller, void *own, void (*own_free)(void *own));
// Answer a call whose `after` set `later`.
void wr_api_finish(struct wr_api_call *call);

const struct wr_config *wr_api_config(const struct wr_api *api);
uv_loop_t *wr_api_loop(const struct wr_api *api);
struct wr_registry *wr_api_registry(const struct wr_api *api);
struct wr_tenants *wr_api_tenants(const struct wr_api *api);
const struct wr_broker *wr_api_broker(const struct wr_api *api); // NULL: no broker.dir
// Of the caller's tenant's own broker; "": it has none.
const char *wr_api_broker_name(const struct wr_api_call *call);

// An error in AWS's form, for what fails before there is a call.
void wr_api_refuse(struct wr_admin_call *call, int status, const char *code, const char *format,
                   ...) WR_PRINTF(4, 5);

// ---- api_audit.c

// Write the call's line of the audit log, if it is to have one. True: `done` is called, with what
// became of it, when the line is on disk; the answer must wait for that.
bool wr_api_audit(struct wr_api_call *call, void (*done)(void *call, bool written));
// A call that was refused before it became one. `request_id` is that of the answer.
void wr_api_audit_refused(const struct wr_admin_call *call, const char *code,
                          const char *request_id);
const char *wr_api_error_code(enum wr_api_error error); // "OK" for none
const struct wr_api_options *wr_api_options(const struct wr_api *api);

// ---- inside of other calls. Thread: the registry's

// Do another operation, one without `prepare` and `after`, as a part of this call: in its
// transaction, with the members `in` (taken), checked as a request's are. What it answers, to be
// given back; NULL: this call has failed, with the other's error. Its part of the audit log and its
// warnings become this call's.
json_t *wr_api_nested(struct wr_api_call *call, struct wr_db *db, const char *operation,
                      json_t *in);

// ---- api_input.c

// Check what stands in call->in by the operation's table. False: the call has failed.
bool wr_api_check_input(struct wr_api_call *call);

// Read and check the members of `op` out of a request, into call->in. False: the call has failed.
bool wr_api_read_input(struct wr_api_call *call, const struct wr_admin_call *from);

#endif
