// The listeners: where they are, who may connect, and the way from a request to the router.
#include "engine/admin/admin.h"

#include <grp.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/admin/auth.h"
#include "engine/admin/roles.h"
#include "engine/observe/log.h"
#include "sinks/lib/httpd_tls.h"

#include "sql/base/banned.h"

#define DEFAULT_GROUP "weir-admin"

struct listener {
    struct wr_admin *admin;
    unsigned bit;
    struct wr_httpd *httpd; // NULL: not open
};

struct wr_admin {
    struct wr_router *router;
    struct wr_roles roles;
    struct wr_auth *auth;
    struct wr_audit *audit;
    struct listener socket, metrics, api;
    struct wr_arena arena;
    struct wr_config_listen at, api_at; // the metrics listener's, and admin.listen
    const char *names[5];               // that may be in its requests' Host header
    uint16_t metrics_port, api_port;
    bool api_tls;
    int closing; // listeners that are not closed yet, and one for the close call itself
    void (*done)(void *user);
    void *user;
};

static bool authorize(struct wr_admin_call *call)
{
    const struct wr_admin *a = call->authority;
    return wr_auth_check(a->auth, call);
}

static void note(const struct wr_admin_call *call, const char *outcome)
{
    wr_api_audit_refused(call, outcome, NULL);
}

static void on_request(void *user, struct wr_httpd_request *req)
{
    struct listener *l = user;
    struct wr_admin *a = l->admin;
    struct wr_admin_call call = {
        .req = req, .listener = l->bit, .arena = &a->arena, .path = req->head->path};
    if (l->bit != WR_ON_METRICS) {
        wr_auth_take_prefix(&call);
        call.authorize = a->auth ? authorize : NULL;
        call.authority = a;
        call.audit = a->audit;
        call.note = note;
    }
    if (l->bit == WR_ON_SOCKET) {
        call.role = wr_roles_of(&a->roles, req);
        call.has_peer = wr_httpd_peer(req, &call.peer);
    }
    wr_router_dispatch(a->router, &call);
    wr_arena_reset(&a->arena);
}

static void on_gone(void *user, struct wr_httpd_request *req)
{
    const struct wr_admin_held *held = req->user;
    if (held) {
        held->gone(req);
    }
}

static wr_err open_listener(struct wr_admin *a, struct listener *l, unsigned bit, uv_loop_t *loop,
                            struct wr_httpd_options *o, struct wr_fault *fault)
{
    l->admin = a;
    l->bit = bit;
    o->header_max = WR_ADMIN_HEADER_MAX;
    o->body_max = WR_ADMIN_BODY_MAX;
    o->connections_max = WR_ADMIN_CONNECTIONS_MAX;
    o->head_timeout_ms = WR_ADMIN_HEAD_TIMEOUT_MS;
    o->close_idle = true;
    o->request = on_request;
    o->gone = on_gone;
    o->user = l;
    return wr_httpd_open(loop, o, &l->httpd, fault);
}

// ---- admin.sock

static wr_err find_group(const struct wr_config *c, uint32_t *gid, struct wr_fault *fault)
{
    if (*c->admin_group) {
        wr_err err = wr_group_find(wr_str_of(c->admin_group), gid, fault);
        if (err) {
            wr_fault_prefix(fault, "admin.group");
        }
        return err;
    }
    const struct group *g = getgrnam(DEFAULT_GROUP);
    *gid = g ? g->gr_gid : getegid();
    return WR_OK;
}

static wr_err read_roles(struct wr_admin *a, const struct wr_config *c, struct wr_fault *fault)
{
    wr_err err = wr_roles_add(&a->roles, wr_str_of(c->admin_users), false, fault);
    if (err) {
        wr_fault_prefix(fault, "admin.users");
        return err;
    }
    err = wr_roles_add(&a->roles, wr_str_of(c->admin_groups), true, fault);
    if (err) {
        wr_fault_prefix(fault, "admin.groups");
    }
    return err;
}

static wr_err listen_at(struct wr_admin *a, const struct wr_admin_options *o, const char *path,
                        uint32_t gid, struct wr_fault *fault)
{
    struct wr_httpd_options httpd = {
        .path = path, .path_mode = 0660, .path_has_group = true, .path_group = gid};
    wr_err err = open_listener(a, &a->socket, WR_ON_SOCKET, o->loop, &httpd, fault);
    if (!err || *o->config->admin_group || gid == getegid()) {
        return err;
    }
    // weir is no member of the group that was found: only its own may connect then.
    httpd.path_group = getegid();
    struct wr_fault first = *fault;
    err = open_listener(a, &a->socket, WR_ON_SOCKET, o->loop, &httpd, fault);
    if (!err) {
        wr_log(WR_LOG_INFO, "admin", "%s belongs to weir's own group, not to %s: %s", path,
               DEFAULT_GROUP, first.text);
    }
    return err;
}

static wr_err open_socket(struct wr_admin *a, const struct wr_admin_options *o,
                          struct wr_fault *fault)
{
    const struct wr_config *c = o->config;
    uint32_t gid;
    wr_err err = read_roles(a, c, fault);
    if (!err) {
        err = find_group(c, &gid, fault);
    }
    if (err) {
        return err;
    }
    struct wr_buf text = {0};
    if (*c->admin_socket) {
        wr_buf_add(&text, wr_str_of(c->admin_socket));
    } else {
        wr_buf_addf(&text, "%s/admin.sock", o->state_dir);
    }
    const char *path = wr_buf_terminated(&text);
    size_t max = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    if (!*c->admin_socket && strlen(path) > max) {
        wr_log(WR_LOG_WARN, "admin",
               "no admin socket: %s has more than the %zu bytes of a socket's path; admin.socket "
               "can name another place",
               path, max);
    } else {
        err = listen_at(a, o, path, gid, fault);
        if (err) {
            wr_fault_prefix(fault, "admin.socket");
        }
    }
    wr_buf_release(&text);
    return err;
}

// ---- the metrics listener

static wr_err open_metrics(struct wr_admin *a, const struct wr_admin_options *o,
                           struct wr_fault *fault)
{
    const struct wr_config *c = o->config;
    struct wr_config_listen *at = &a->at;
    if (!*c->metrics_listen) {
        return WR_OK;
    }
    wr_err err = wr_config_address(wr_str_of(c->metrics_listen), at, fault);
    if (!err) {
        // A web page may not reach loopback through a name of its own.
        const char *names[] = {"localhost", "127.0.0.1", "[::1]", at->host, NULL};
        memcpy(a->names, names, sizeof names);
        struct wr_httpd_options httpd = {
            .host = at->host, .port = at->port, .hosts = at->loopback ? a->names : NULL};
        err = open_listener(a, &a->metrics, WR_ON_METRICS, o->loop, &httpd, fault);
    }
    if (err && !c->metrics_listen_given) {
        wr_log(WR_LOG_WARN, "admin",
               "no metrics listener: %s; metrics.listen can name another port", fault->text);
        return WR_OK;
    }
    if (err) {
        wr_fault_prefix(fault, "metrics.listen");
        return err;
    }
    a->metrics_port = wr_httpd_port(a->metrics.httpd);
    bool six = strchr(at->host, ':') != NULL;
    wr_log(WR_LOG_INFO, "admin", "metrics: http://%s%s%s:%u/metrics", six ? "[" : "", at->host,
           six ? "]" : "", a->metrics_port);
    if (!at->loopback) {
        wr_log(WR_LOG_WARN, "admin",
               "metrics.listen: %s is not a loopback address: names of rules and counters can be "
               "read by whoever reaches it",
               at->host);
    }
    return WR_OK;
}

// ---- admin.listen

// Who may reach it, and with what.
static wr_err check_reach(const struct wr_config *c, const struct wr_config_listen *at,
                          struct wr_fault *fault)
{
    if (!*c->admin_tls_cert_file != !*c->admin_tls_key_file) {
        return wr_fault_set(fault, WR_ERR_MISSING,
                            "admin.tls_cert_file and admin.tls_key_file go together");
    }
    if (at->loopback) {
        return WR_OK;
    }
    if (!strcmp(c->admin_mode, "open")) {
        return wr_fault_set(fault, WR_ERR_DENIED,
                            "%s is not a loopback address, and admin.mode is open: everybody who "
                            "reaches it would be administrator",
                            at->host);
    }
    return *c->admin_tls_cert_file
               ? WR_OK
               : wr_fault_set(fault, WR_ERR_DENIED,
                              "%s is not a loopback address: that wants TLS, with "
                              "admin.tls_cert_file and admin.tls_key_file",
                              at->host);
}

static wr_err read_tls(const struct wr_config *c, struct wr_httpd_tls_identity **out,
                       struct wr_fault *fault)
{
    if (!*c->admin_tls_cert_file) {
        return WR_OK;
    }
    return wr_httpd_tls_identity_read(c->admin_tls_cert_file, c->admin_tls_key_file, out, fault);
}

void wr_admin_reload(struct wr_admin *a, const struct wr_config *c)
{
    struct wr_httpd_tls_identity *tls = NULL;
    struct wr_fault fault = {0};
    if (!a->api.httpd || !a->api_tls) {
        return;
    }
    if (read_tls(c, &tls, &fault)) {
        wr_log(WR_LOG_ERROR, "admin", "reload: %s; the certificate from before stays", fault.text);
    } else if (tls) {
        wr_httpd_set_tls(a->api.httpd, tls);
        wr_log(WR_LOG_INFO, "admin", "reload: certificate %s read", c->admin_tls_cert_file);
    }
}

static wr_err open_api(struct wr_admin *a, const struct wr_admin_options *o, struct wr_fault *fault)
{
    const struct wr_config *c = o->config;
    struct wr_config_listen *at = &a->api_at;
    if (!*c->admin_listen) {
        return WR_OK;
    }
    wr_err err = wr_config_address(wr_str_of(c->admin_listen), at, fault);
    bool open = !strcmp(c->admin_mode, "open");
    struct wr_httpd_tls_identity *tls = NULL;
    if (!err) {
        err = check_reach(c, at, fault);
    }
    if (!err) {
        err = read_tls(c, &tls, fault);
    }
    if (!err) {
        struct wr_httpd_options httpd = {.host = at->host,
                                         .tls = tls,
                                         .port = at->port,
                                         .hosts = open ? a->names : NULL,
                                         .same_origin = open};
        const char *names[] = {"localhost", "127.0.0.1", "[::1]", NULL};
        memcpy(a->names, names, sizeof names);
        err = open_listener(a, &a->api, WR_ON_API | WR_ON_CONSOLE, o->loop, &httpd, fault);
    }
    if (err && !c->admin_listen_given) {
        wr_log(WR_LOG_WARN, "admin",
               "no listener for the control plane: %s; admin.listen can name another port",
               fault->text);
        return WR_OK;
    }
    if (err) {
        wr_fault_prefix(fault, "admin.listen");
        return err;
    }
    a->api_tls = tls != NULL;
    a->api_port = wr_httpd_port(a->api.httpd);
    bool six = strchr(at->host, ':') != NULL;
    wr_log(WR_LOG_INFO, "admin", "control plane: http%s://%s%s%s:%u (admin.mode %s)",
           tls ? "s" : "", six ? "[" : "", at->host, six ? "]" : "", a->api_port, c->admin_mode);
    if (open) {
        wr_log(WR_LOG_WARN, "admin",
               "admin.mode is open: whoever reaches port %u of this machine is administrator of "
               "every tenant; signatures are not checked",
               a->api_port);
    }
    return WR_OK;
}

// ---- life

wr_err wr_admin_open(const struct wr_admin_options *options, struct wr_admin **out,
                     struct wr_fault *fault)
{
    struct wr_admin *a = wr_zalloc(sizeof *a);
    *out = a;
    a->router = wr_router_new();
    a->auth = options->auth;
    a->audit = options->audit;
    wr_arena_init(&a->arena, WR_ADMIN_ARENA_MAX);
    wr_err err = open_socket(a, options, fault);
    if (!err) {
        err = open_metrics(a, options, fault);
    }
    return err ? err : open_api(a, options, fault);
}

void wr_admin_add(struct wr_admin *a, const struct wr_admin_route *routes, size_t count, void *user)
{
    wr_router_add(a->router, routes, count, user);
}

uint16_t wr_admin_metrics_port(const struct wr_admin *a)
{
    return a->metrics_port;
}

uint16_t wr_admin_api_port(const struct wr_admin *a)
{
    return a->api_port;
}

static void on_closed(void *user)
{
    struct wr_admin *a = user;
    if (--a->closing > 0) {
        return;
    }
    void (*done)(void *user) = a->done;
    void *done_user = a->user;
    wr_router_free(a->router);
    wr_arena_release(&a->arena);
    free(a);
    done(done_user);
}

void wr_admin_close(struct wr_admin *a, void (*done)(void *user), void *user)
{
    if (!a) {
        done(user);
        return;
    }
    a->done = done;
    a->user = user;
    struct wr_httpd *open[] = {a->socket.httpd, a->metrics.httpd, a->api.httpd};
    a->closing = 1;
    for (size_t i = 0; i < WR_COUNT(open); i++) {
        if (open[i]) {
            a->closing++;
            wr_httpd_close(open[i], on_closed, a);
        }
    }
    on_closed(a); // ours
}
