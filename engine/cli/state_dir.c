// Folder and lock file of one instance of weir.
#include "engine/cli/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/buf.h"

#include "sql/base/banned.h"

static wr_err make_path(const char *path, struct wr_fault *fault)
{
    char *copy = wr_strdup(wr_str_of(path));
    wr_err err = WR_OK;
    for (char *at = copy; !err && *at; at++) {
        bool last = at[1] == '\0';
        if ((*at != '/' && !last) || at == copy) {
            continue;
        }
        char kept = *at;
        if (kept == '/') {
            *at = '\0';
        }
        if (mkdir(copy, 0750) != 0 && errno != EEXIST) {
            err = wr_fault_set(fault, WR_ERR_IO, "state_dir: %s cannot be made: %s", copy,
                               strerror(errno));
        }
        *at = kept;
    }
    free(copy);
    return err;
}

static wr_err write_all(int fd, wr_str text)
{
    while (text.len) {
        ssize_t n = write(fd, text.at, text.len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return WR_ERR_IO;
        }
        text = wr_str_cut(text, (size_t)n, text.len);
    }
    return WR_OK;
}

static wr_err lock(const char *dir, int *out, struct wr_fault *fault)
{
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s/weir.lock", dir);
    int fd = open(wr_buf_terminated(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    wr_buf_release(&path);
    if (fd < 0) {
        return wr_fault_set(fault, WR_ERR_IO, "state_dir: %s cannot be written: %s", dir,
                            strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        char pid[24] = "";
        ssize_t n = read(fd, pid, sizeof pid - 1);
        close(fd);
        wr_str digits = {pid, 0};
        while (n > 0 && digits.len < (size_t)n && pid[digits.len] >= '0' &&
               pid[digits.len] <= '9') {
            digits.len++;
        }
        return wr_fault_set(fault, WR_ERR_BUSY, "state_dir: %s is in use by pid %.*s", dir,
                            WR_STR_ARG(digits));
    }
    char text[24];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || write_all(fd, (wr_str){text, (size_t)len})) {
        wr_err err = wr_fault_set(fault, WR_ERR_IO, "state_dir: %s/weir.lock cannot be written: %s",
                                  dir, strerror(errno));
        close(fd);
        return err;
    }
    *out = fd;
    return WR_OK;
}

wr_err wr_state_dir_open(const char *path, struct wr_state_dir *out, struct wr_fault *fault)
{
    wr_err err = make_path(path, fault);
    if (err) {
        return err;
    }
    char *absolute = realpath(path, NULL);
    if (!absolute) {
        return wr_fault_set(fault, WR_ERR_IO, "state_dir: %s: %s", path, strerror(errno));
    }
    int fd = -1;
    err = lock(absolute, &fd, fault);
    if (err) {
        free(absolute);
        return err;
    }
    *out = (struct wr_state_dir){.path = absolute, .lock_fd = fd};
    return WR_OK;
}

void wr_state_dir_close(struct wr_state_dir *s)
{
    if (s->path) {
        free(s->path);
        close(s->lock_fd);
        s->path = NULL;
    }
}

wr_err wr_file_replace(const char *path, wr_str text, struct wr_fault *fault)
{
    struct wr_buf draft = {0};
    wr_buf_addf(&draft, "%s.tmp", path);
    const char *name = wr_buf_terminated(&draft);
    wr_err err = WR_OK;
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool ok = fd >= 0 && write_all(fd, text) == WR_OK;
    if (fd >= 0 && close(fd) != 0) {
        ok = false;
    }
    if (!ok || rename(name, path) != 0) {
        err = wr_fault_set(fault, WR_ERR_IO, "%s cannot be written: %s", path, strerror(errno));
    }
    wr_buf_release(&draft);
    return err;
}
