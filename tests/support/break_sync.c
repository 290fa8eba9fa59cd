// LD_PRELOAD: fdatasync() and fsync() fail with EIO while the file named by BREAK_SYNC exists;
// with BREAK_SYNC_ONLY, those of a file whose name ends so.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_meant(int fd)
{
    const char *only = getenv("BREAK_SYNC_ONLY");
    char link[64], path[4096];
    if (!only) {
        return 1;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    size_t want = strlen(only);
    return len >= (ssize_t)want && memcmp(path + len - want, only, want) == 0;
}

static int is_broken(int fd)
{
    const char *file = getenv("BREAK_SYNC");
    return file && access(file, F_OK) == 0 && is_meant(fd);
}

int fdatasync(int fd)
{
    if (is_broken(fd)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    if (is_broken(fd)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}
