// uv_spawn() with close-on-exec on everything else.
#include "sinks/lib/spawn.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "sql/base/compiler.h"

#include "sql/base/banned.h"

#ifndef CLOSE_RANGE_CLOEXEC
#    define CLOSE_RANGE_CLOEXEC 4
#endif

// Kernels before 5.11.
WR_COLD static void one_by_one(void)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *e;
    while (dir && (e = readdir(dir))) {
        int fd = (int)strtol(e->d_name, NULL, 10);
        if (fd > STDERR_FILENO) {
            (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

int wr_spawn(uv_loop_t *loop, uv_process_t *process, const uv_process_options_t *options)
{
    if (close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC)) {
        one_by_one();
    }
    return uv_spawn(loop, process, options); // its dup2() takes the flag from what is handed on
}
