// Which handler answers a request: a table of rows, from many files. This is where a family of
// calls is added: an array of rows and wr_admin_add() (admin.h), no other place.
// Thread: loop.
//
//   static void rules_get(struct wr_admin_call *c) { … wr_admin_reply_json(c, 200, text); }
//   static const struct wr_admin_route routes[] = {
//       {"GET", "/weir/v1/rules/{name}", WR_ROLE_READER, WR_ON_SOCKET, rules_get},
//   };
//   wr_admin_add(admin, routes, WR_COUNT(routes), user);
//
// Patterns: segments between slashes, each literal or "{label}"; the last may be "{label+}", which
// takes the rest with its slashes. Where several fit, the one whose first differing segment is
// literal wins over a label, and a label over the rest (control-plane.md 2). HEAD is answered by
// the row of GET. No row: 404; rows, but not this method: 405 with Allow; a lesser role: 403.
#ifndef WR_ENGINE_ADMIN_ROUTER_H
#define WR_ENGINE_ADMIN_ROUTER_H

#include "sinks/lib/httpd.h"
#include "sql/base/arena.h"
#include "sql/base/buf.h"

// From least to most: whoever may do more may do all that others may.
enum wr_role { WR_ROLE_NONE, WR_ROLE_READER, WR_ROLE_OPERATOR, WR_ROLE_ADMIN };
// "reader"; "none" for WR_ROLE_NONE.
const char *wr_role_text(enum wr_role role);

// Listeners a row is reached by.
#define WR_ON_SOCKET  1u // admin.sock: the caller has a role
#define WR_ON_METRICS 2u // the metrics listener: nobody has a role, so only for WR_ROLE_NONE
#define WR_ON_API     4u // admin.listen: the role is the credentials'
#define WR_ON_CONSOLE 8u // likewise, for administrators of all tenants, by a session or a token
// What weir says of itself as a whole: not for tenants.
#define WR_ON_INSIDE (WR_ON_SOCKET | WR_ON_CONSOLE)

#define WR_ADMIN_LABELS_MAX 4 // of a pattern; AWS's deepest has three

struct wr_admin_call;
struct wr_api_caller;
struct wr_audit;

struct wr_admin_route {
    const char *method; // "GET"
    const char *pattern;
    enum wr_role least;
    unsigned listeners;
    void (*handle)(struct wr_admin_call *call);
    bool notes; // tells the audit log itself
};

// A request that found its row. The call lives until the handler returns; `req` until it is
// replied to, so that a handler may keep that and reply later. Then it sets req->user to a struct
// that begins with wr_admin_held, or nobody tells it when the client goes.
struct wr_admin_call {
    struct wr_httpd_request *req;
    const struct wr_admin_route *route;
    void *user; // of wr_admin_add()
    unsigned listener;
    wr_str path;   // the request's, without the tenant's prefix
    wr_str prefix; // NAME of /t/NAME; empty: none
    enum wr_role role;
    // Asked once the row is found, unless it is for WR_ROLE_NONE. Sets the role and the caller;
    // false: it has replied. NULL: the role is set already.
    bool (*authorize)(struct wr_admin_call *call);
    void *authority;                    // for authorize
    const struct wr_api_caller *caller; // in the arena; NULL: nobody was asked
    bool by_token;                      // the caller showed a bearer token, or has a session
    bool all_tenants;                   // and that is an administrator's of weir as a whole
    const char *operation;              // of the API, once it is known; NULL
    char claimed[40];                   // who the caller says it is, believed or not; ""
    // For the audit log: told of a refusal for lack of a role ("AccessDeniedException") and, before
    // the handler is, of a call that changes something ("BEGUN"). NULL: nobody is.
    void (*note)(const struct wr_admin_call *call, const char *outcome);
    struct wr_audit *audit; // NULL: none
    bool has_peer;
    struct wr_httpd_peer peer;
    wr_str labels[WR_ADMIN_LABELS_MAX]; // decoded, in the order of the pattern
    struct wr_arena *arena;             // for what the handler makes of it
};

struct wr_admin_held {
    // The client went away or the server closes: the request must be ended now or soon.
    void (*gone)(struct wr_httpd_request *req);
};

// Parameter `name` of the query, decoded. False: it is not there. A bare name has an empty value.
bool wr_admin_query(const struct wr_admin_call *call, wr_str name, wr_str *value);

// ---- replies: each ends the request

void wr_admin_reply_json(struct wr_admin_call *call, int status, wr_str json);
// `{"message": "…"}`, as in AWS's errors.
void wr_admin_reply_error(struct wr_admin_call *call, int status, const char *format, ...)
    WR_PRINTF(3, 4);
// The headers that every reply carries, for those that are made elsewhere: "Server: weir/…", by
// which clients know that a weir answers.
const struct wr_http1_header *wr_admin_headers(size_t *count);

// ---- the table

struct wr_router;
struct wr_router *wr_router_new(void);
void wr_router_free(struct wr_router *r);
// `routes` is lent until the router is freed.
void wr_router_add(struct wr_router *r, const struct wr_admin_route *routes, size_t count,
                   void *user);
// Which row is meant: 0, and call->route, ->user and ->labels are set; or the status to refuse it
// with: 400, 403, 404, 405 (then `allow` gets the methods there are).
int wr_router_match(const struct wr_router *r, struct wr_admin_call *call, struct wr_buf *allow);
// Answer a request. `call` says who asks: req, listener, role, peer and arena are set.
void wr_router_dispatch(const struct wr_router *r, struct wr_admin_call *call);

#endif
