// What the system says of this process, for the process_… metrics. Thread: any.
#ifndef WR_ENGINE_ADMIN_PROCESS_H
#define WR_ENGINE_ADMIN_PROCESS_H

#include <stdint.h>

// What cannot be found out is 0.
struct wr_process {
    double cpu_s;   // user and system
    double start_s; // Unix time
    uint64_t resident_bytes, virtual_bytes;
    uint64_t fds, fds_max;
};
void wr_process_look(struct wr_process *out);

#endif
