// Numbers of /proc and of the resource calls.
#include "engine/admin/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sql/base/banned.h"

// Unix time at which the system started, from which the kernel counts; 0: unknown.
static double boot_time(void)
{
    char line[256];
    double found = 0;
    FILE *f = fopen("/proc/stat", "re");
    while (f && fgets(line, sizeof line, f)) {
        uint64_t seconds;
        if (sscanf(line, "btime %" SCNu64, &seconds) == 1) {
            found = (double)seconds;
            break;
        }
    }
    if (f) {
        fclose(f);
    }
    return found;
}

// Fields 22 to 24 of stat: start in ticks, bytes of address space, pages in RAM. They stand behind
// the command's name, which may hold anything, in parentheses.
static void look_at_stat(struct wr_process *out)
{
    char text[1024];
    FILE *f = fopen("/proc/self/stat", "re");
    size_t len = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f) {
        fclose(f);
    }
    text[len] = '\0';
    const char *at = strrchr(text, ')');
    uint64_t start, bytes, pages;
    if (at && sscanf(at + 1,
                     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                     "%*d %" SCNu64 " %" SCNu64 " %" SCNu64,
                     &start, &bytes, &pages) == 3) {
        double boot = boot_time();
        out->start_s = boot > 0 ? boot + (double)start / (double)sysconf(_SC_CLK_TCK) : 0;
        out->virtual_bytes = bytes;
        out->resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    }
}

static uint64_t count_fds(void)
{
    uint64_t count = 0;
    DIR *d = opendir("/proc/self/fd");
    for (const struct dirent *e; d && (e = readdir(d));) {
        count += e->d_name[0] != '.';
    }
    if (d) {
        closedir(d);
        count--; // its own
    }
    return count;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

void wr_process_look(struct wr_process *out)
{
    struct rusage usage;
    struct rlimit limit;
    memset(out, 0, sizeof *out);
    look_at_stat(out);
    out->fds = count_fds();
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        out->cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        out->fds_max = limit.rlim_cur;
    }
}
