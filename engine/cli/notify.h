// What the service manager is told: sd_notify(3), datagrams to the socket that NOTIFY_SOCKET names.
// Our own, since the protocol is one sendto() of a few words: libsystemd would bring five libraries
// into a process that most often runs without systemd. Thread: loop.
#ifndef WR_ENGINE_CLI_NOTIFY_H
#define WR_ENGINE_CLI_NOTIFY_H

#include "sql/base/compiler.h"

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

// Embedded by value, zeroed.
struct wr_notify {
    int fd_; // + 1; 0: nobody listens
    struct sockaddr_un to_;
    socklen_t to_len_;
    uint64_t watchdog_us; // a WATCHDOG=1 is wanted at least so often; 0: none
};

// From the environment, whose variables are taken out, so that what weir starts does not speak for
// it. A socket that cannot be used is said in the log, and nobody is told anything.
void wr_notify_open(struct wr_notify *n);
// "KEY=VALUE", a line each. Nothing when nobody listens. May block for a tenth of a second.
void wr_notify_send(struct wr_notify *n, const char *format, ...) WR_PRINTF(2, 3);
void wr_notify_close(struct wr_notify *n);

#endif
