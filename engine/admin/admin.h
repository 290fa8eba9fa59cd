// The listeners of a running weir (control-plane.md 10), all on its loop:
//   admin.sock        unix socket, 0660: internal calls under /weir/v1/…, JSON; the caller's role
//                     comes from the kernel (roles.h)
//   admin.listen      TCP, default 127.0.0.1:8081: the AWS IoT control plane; who asks says auth.h.
//                     Beyond loopback only with TLS
//   metrics.listen    TCP on loopback: GET of /metrics, /healthz, /readyz; nobody is asked who
//                     they are, so nothing with payloads or secrets is there
// Calls are rows of a table (router.h), added by whoever answers them.
// Thread: loop. A handler must not block: what takes long replies later.
#ifndef WR_ENGINE_ADMIN_ADMIN_H
#define WR_ENGINE_ADMIN_ADMIN_H

#include "engine/admin/router.h"
#include "engine/config.h"

// control-plane.md 10
#define WR_ADMIN_HEADER_MAX      (32u << 10)
#define WR_ADMIN_BODY_MAX        (1u << 20)
#define WR_ADMIN_CONNECTIONS_MAX 1024
#define WR_ADMIN_HEAD_TIMEOUT_MS 5000
#define WR_ADMIN_ARENA_MAX       (4u << 20) // what a handler makes of one call: labels, queries

struct wr_admin;
struct wr_auth;

struct wr_admin_options {
    uv_loop_t *loop;
    const struct wr_config *config; // admin.*, metrics.listen; lent until open returns
    const char *state_dir;
    struct wr_auth *auth;   // lent until close
    struct wr_audit *audit; // likewise; NULL: none
};

// Open them. A socket whose default place cannot be had (its path is too long), and a default
// metrics port that is in use are said in the log and left out; what the configuration names is an
// error. Give: wr_admin_close() it, also after a failure, which leaves *out NULL or not.
wr_err wr_admin_open(const struct wr_admin_options *options, struct wr_admin **out,
                     struct wr_fault *fault) WR_MUST_CHECK;

// Rows for both listeners; `routes` is lent until close.
void wr_admin_add(struct wr_admin *a, const struct wr_admin_route *routes, size_t count,
                  void *user);

// Of the metrics listener, and of admin.listen; 0: there is none.
uint16_t wr_admin_metrics_port(const struct wr_admin *a);
uint16_t wr_admin_api_port(const struct wr_admin *a);

// Read the certificate of admin.listen again, from the files that `config` names; what is wrong is
// said in the log, and then the one from before stays.
void wr_admin_reload(struct wr_admin *a, const struct wr_config *config);

// Stop listening, cut connections; `done` when all are closed. Handlers that hold a request are
// told (wr_admin_held) and end it. NULL: `done` is called at once.
void wr_admin_close(struct wr_admin *a, void (*done)(void *user), void *user);

// ---- health.c

// What weir says of itself.
struct wr_health_host {
    void *user;
    // Append a line for each reason why it is not ready; none: it is.
    void (*reasons)(void *user, struct wr_buf *out);
};
// /healthz: 200 as long as the loop turns. /readyz: 200, or 503 with the reasons as lines. `host`
// is lent until close.
void wr_health_add(struct wr_admin *a, const struct wr_health_host *host);

#endif
