// Datagrams for the service manager.
#include "engine/cli/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "engine/observe/log.h"

#include "sql/base/banned.h"

#define TEXT_MAX    1024
#define SEND_MAX_US 100000 // a manager that does not read must not hold the loop up

// "/run/x", or "@x" in the abstract namespace.
static bool address(struct wr_notify *n, const char *path)
{
    size_t len = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof n->to_.sun_path) {
        return false;
    }
    n->to_.sun_family = AF_UNIX;
    memcpy(n->to_.sun_path, path, len);
    n->to_len_ = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] == '/'));
    if (path[0] == '@') {
        n->to_.sun_path[0] = '\0';
    }
    return true;
}

// WATCHDOG_USEC is for us if WATCHDOG_PID says so, or is not there.
static uint64_t watchdog(void)
{
    const char *text = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    char *end;
    if (!text || (pid && strtol(pid, NULL, 10) != (long)getpid())) {
        return 0;
    }
    errno = 0;
    unsigned long long us = strtoull(text, &end, 10);
    return errno || *end || end == text ? 0 : us;
}

void wr_notify_open(struct wr_notify *n)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (path && !address(n, path)) {
        wr_log(
            WR_LOG_WARN, "run",
            "NOTIFY_SOCKET: found '%s', expected /PATH or @NAME: nobody is told that weir is ready",
            path);
    } else if (path) {
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct timeval most = {.tv_usec = SEND_MAX_US};
        if (fd >= 0) {
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
        }
        n->fd_ = fd + 1;
        n->watchdog_us = watchdog();
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void wr_notify_send(struct wr_notify *n, const char *format, ...)
{
    static struct wr_log_limit limit;
    char text[TEXT_MAX];
    if (n->fd_ <= 0) {
        return;
    }
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t size = len < 0 ? 0 : (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
    while (sendto(n->fd_ - 1, text, size, MSG_NOSIGNAL, (const struct sockaddr *)&n->to_,
                  n->to_len_) < 0) {
        if (errno != EINTR) {
            wr_log_limited(&limit, WR_LOG_WARN, "run", "the service manager cannot be told: %s",
                           strerror(errno));
            return;
        }
    }
}

void wr_notify_close(struct wr_notify *n)
{
    if (n->fd_ > 0) {
        close(n->fd_ - 1);
    }
    n->fd_ = 0;
}
