// LD_PRELOAD: fdatasync() and fsync() fail with EIO while the file named by BREAK_SYNC exists.
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_broken(void)
{
    const char *file = getenv("BREAK_SYNC");
    return file && access(file, F_OK) == 0;
}

int fdatasync(int fd)
{
    if (is_broken()) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    if (is_broken()) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}
