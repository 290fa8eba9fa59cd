// HTTP/1.1 server on a uv loop: who connected.

#include "sinks/lib/httpd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "sinks/lib/httpd_parts.h"

#include "sql/base/banned.h"

#define GROUPS_MAX 65536 // NGROUPS_MAX of Linux

static int fd_of(const struct wr_httpd_request *req)
{
    struct wr_httpd_conn *c = req->conn_;
    uv_os_fd_t fd = -1;
    // A closed connection's number may be another's by now.
    return c->state == WR_HTTPD_CLOSED || uv_fileno(&c->io.handle, &fd) != 0 ? -1 : fd;
}

bool wr_httpd_peer(const struct wr_httpd_request *req, struct wr_httpd_peer *out)
{
    struct ucred cred;
    socklen_t len = sizeof cred;
    int fd = fd_of(req);
    const struct wr_httpd_conn *c = req->conn_;
    if (fd < 0 || !c->server->o.path || // TCP answers with nobody's numbers
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0) {
        return false;
    }
    *out = (struct wr_httpd_peer){.pid = cred.pid, .uid = cred.uid, .gid = cred.gid};
    return true;
}

bool wr_httpd_peer_in_group(const struct wr_httpd_request *req, uint32_t gid)
{
    struct wr_httpd_peer peer;
    if (!wr_httpd_peer(req, &peer)) {
        return false;
    }
    if (peer.gid == gid) {
        return true;
    }
    gid_t few[64], *at = few;
    socklen_t len = sizeof few;
    int fd = fd_of(req);
    int failed = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, few, &len);
    if (failed && errno == ERANGE && len <= GROUPS_MAX * sizeof *at) {
        at = wr_alloc(len);
        failed = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, at, &len);
    }
    bool found = false;
    for (size_t i = 0; !failed && !found && i < len / sizeof *at; i++) {
        found = at[i] == gid;
    }
    if (at != few) {
        free(at);
    }
    return found;
}

void wr_httpd_address(const struct wr_httpd_request *req, char out[WR_HTTPD_ADDRESS_MAX])
{
    struct wr_httpd_conn *c = req->conn_;
    struct sockaddr_storage at;
    int len = sizeof at;
    char host[INET6_ADDRSTRLEN] = "";
    if (c->server->o.path) {
        snprintf(out, WR_HTTPD_ADDRESS_MAX, "unix");
    } else if (c->state == WR_HTTPD_CLOSED ||
               uv_tcp_getpeername(&c->io.tcp, (struct sockaddr *)&at, &len) != 0) {
        snprintf(out, WR_HTTPD_ADDRESS_MAX, "gone");
    } else if (at.ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&at;
        uv_ip6_name(six, host, sizeof host);
        snprintf(out, WR_HTTPD_ADDRESS_MAX, "[%s]:%u", host, ntohs(six->sin6_port));
    } else {
        const struct sockaddr_in *four = (const struct sockaddr_in *)&at;
        uv_ip4_name(four, host, sizeof host);
        snprintf(out, WR_HTTPD_ADDRESS_MAX, "%s:%u", host, ntohs(four->sin_port));
    }
}
