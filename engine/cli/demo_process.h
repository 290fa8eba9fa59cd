// The demo's helpers in processes of their own: a private broker, and weir itself. They die with
// the demo. Thread: start; no other thread may run while a process is started.
#ifndef WR_ENGINE_CLI_DEMO_PROCESS_H
#define WR_ENGINE_CLI_DEMO_PROCESS_H

#include "sql/base/err.h"

#include <sys/types.h>

// Start argv[0] (searched in PATH and the sbin folders) with output appended to `log`.
wr_err wr_demo_start(char *const argv[], const char *log, pid_t *pid, struct wr_fault *fault);
// Whether it still runs; `*status` as from waitpid() when it does not.
bool wr_demo_alive(pid_t pid, int *status);
// SIGTERM, then SIGKILL after `grace_ms`. Returns waitpid()'s status.
int wr_demo_stop(pid_t pid, int grace_ms);

// A mosquitto on a free loopback port, with its files in `folder`; waits until it listens.
wr_err wr_demo_broker(const char *folder, pid_t *pid, int *port, struct wr_fault *fault);

// The last line of a log, to say why something ended. Empty when there is none.
void wr_demo_last_line(const char *log, char *out, size_t size);

#endif
