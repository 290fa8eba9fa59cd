// Files of lines on their way to stdout: whole, and as they grow.
#include "engine/cli/local.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/banned.h"

// Copy `fd` from where it stands to stdout, whole lines only. Returns the bytes taken, or -1.
static int64_t copy_lines(int fd)
{
    struct wr_buf text = {0};
    int64_t taken = 0;
    for (;;) {
        char *to = wr_buf_reserve(&text, 65536);
        ssize_t n = to ? read(fd, to, 65536) : -1;
        if (n < 0 && to && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            taken = -1;
        }
        if (n <= 0) {
            break;
        }
        text.len += (size_t)n;
        const char *end = memrchr(text.at, '\n', text.len);
        if (end) {
            size_t whole = (size_t)(end + 1 - text.at);
            fwrite(text.at, 1, whole, stdout);
            memmove(text.at, text.at + whole, text.len - whole);
            text.len -= whole;
            taken += (int64_t)whole;
        }
    }
    wr_buf_release(&text);
    return taken;
}

int wr_local_copy(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int trouble = copy_lines(fd) < 0 ? errno : 0;
    close(fd);
    return trouble;
}

// What was added to the file that `path` was before it was put aside as PATH.1.
static void finish(const struct wr_local_follow *f, const char *path)
{
    struct wr_buf old = {0};
    wr_buf_addf(&old, "%s.1", path);
    int fd = open(wr_buf_terminated(&old), O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == f->file && st.st_size > f->offset &&
        lseek(fd, f->offset, SEEK_SET) >= 0) {
        (void)copy_lines(fd);
    }
    if (fd >= 0) {
        close(fd);
    }
    wr_buf_release(&old);
}

void wr_local_look(struct wr_local_follow *f, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0) {
        if (f->first) {
            f->offset = st.st_size;
        } else if (st.st_ino != f->file || st.st_size < f->offset) {
            finish(f, path);
            f->offset = 0; // a new file took its place
        }
        f->file = st.st_ino;
        if (st.st_size > f->offset && lseek(fd, f->offset, SEEK_SET) >= 0) {
            int64_t taken = copy_lines(fd);
            f->offset += taken > 0 ? taken : 0;
        }
    }
    f->first = false;
    if (fd >= 0) {
        close(fd);
    }
}
