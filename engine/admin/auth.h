// Who asks: from a signature, a token or the kernel to a caller with tenant, region and role
// (control-plane.md 9 and 10).
//
//   admin.sock    the peer's uid and groups give the role (roles.h); the tenant is that of the path
//                 /t/NAME/…, of the header X-Weir-Tenant, or the default one
//   admin.listen  mode verify: SigV4, the access key names the tenant; a bearer token likewise
//                 mode open:   the key id picks the tenant, nothing is checked; loopback only
//                 mode token:  bearer tokens only
//                 in all modes: the session of a browser (sessions.h)
//
// Thread: loop.
#ifndef WR_ENGINE_ADMIN_AUTH_H
#define WR_ENGINE_ADMIN_AUTH_H

#include "engine/admin/api.h"

struct wr_auth;
struct wr_session;
struct wr_sessions;

// Lent until free: all of them. The registry gets notes of when a key was used last.
struct wr_auth *wr_auth_new(const struct wr_config *config, struct wr_tenants *tenants,
                            struct wr_registry *registry, struct wr_sessions *sessions);
void wr_auth_free(struct wr_auth *a);

// Take a path prefix /t/NAME off call->path; `prefix` gets NAME.
void wr_auth_take_prefix(struct wr_admin_call *call);

// Sets call->role, ->caller (in the call's arena) and ->by_token. False: the request has been
// refused, with the code and status that AWS gives.
bool wr_auth_check(struct wr_auth *a, struct wr_admin_call *call);

// For requests that stay open: the token or the session it came with (call->by_token) is good
// still. Counts as a call of the session.
bool wr_auth_stands(struct wr_auth *a, const struct wr_httpd_request *req);

// The access key that began a session is there still, as it was; so is a link.
bool wr_auth_key_stands(struct wr_tenants *tenants, const struct wr_session *s, int64_t now_ms);

#endif
