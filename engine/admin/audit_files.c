#include "engine/admin/audit_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sql/base/banned.h"

#define TRIES 10 // a file takes longer to fill than to be listed

static void split(const char *path, char folder[PATH_MAX], const char **name)
{
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    snprintf(folder, PATH_MAX, "%.*s", slash ? (int)(slash - path) + 1 : 2, slash ? path : "./");
}

// N of "NAME.N"; 0: it is another name.
static uint64_t number_of(const char *file, const char *name)
{
    size_t len = strlen(name);
    if (strncmp(file, name, len) != 0 || file[len] != '.') {
        return 0;
    }
    const char *digits = file + len + 1;
    size_t count = strspn(digits, "0123456789");
    return count && count < 19 && !digits[count] && *digits != '0' ? strtoull(digits, NULL, 10) : 0;
}

static int by_last(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

// The numbers of those kept, ascending. Give.
static uint64_t *list(const char *path, size_t *count)
{
    char folder[PATH_MAX];
    const char *name;
    uint64_t *all = wr_alloc(sizeof *all);
    *count = 0;
    split(path, folder, &name);
    DIR *dir = opendir(folder);
    const struct dirent *d;
    while (dir && (d = readdir(dir))) {
        uint64_t number = number_of(d->d_name, name);
        if (number) {
            all = wr_realloc(all, (*count + 1) * sizeof *all);
            all[(*count)++] = number;
        }
    }
    if (dir) {
        closedir(dir);
    }
    qsort(all, *count, sizeof *all, by_last);
    return all;
}

static wr_err add(struct wr_audit_files *out, const char *path, uint64_t last,
                  struct wr_fault *fault)
{
    char file[PATH_MAX];
    snprintf(file, sizeof file, "%s", path);
    if (last) {
        snprintf(file, sizeof file, "%s.%llu", path, (unsigned long long)last);
    }
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return wr_fault_set(fault, errno == ENOENT ? WR_ERR_MISSING : WR_ERR_IO, "%s: %s", file,
                            strerror(errno));
    }
    out->at = wr_realloc(out->at, (out->count + 1) * sizeof *out->at);
    out->at[out->count++] = (struct wr_audit_file){wr_strdup(wr_str_of(file)), last, fd};
    return WR_OK;
}

// What is there now. WR_ERR_MISSING may also be a file that was renamed under us.
static wr_err open_all(const char *path, const uint64_t *kept, size_t count,
                       struct wr_audit_files *out, struct wr_fault *fault)
{
    wr_err err = WR_OK;
    for (size_t i = 0; i < count && !err; i++) {
        err = add(out, path, kept[i], fault);
    }
    if (!err) {
        err = add(out, path, 0, fault);
        // A weir that was killed between two files left only the kept ones.
        err = err == WR_ERR_MISSING && count ? WR_OK : err;
    }
    return err;
}

wr_err wr_audit_files_open(const char *path, struct wr_audit_files *out, struct wr_fault *fault)
{
    wr_err err = WR_OK;
    for (int i = 0; i < TRIES; i++) {
        size_t count, after;
        uint64_t *kept = list(path, &count);
        *out = (struct wr_audit_files){0};
        err = open_all(path, kept, count, out, fault);
        uint64_t *now = list(path, &after);
        bool same = count == after && (!count || !memcmp(kept, now, count * sizeof *kept));
        free(kept);
        free(now);
        if (same && !err) {
            return WR_OK;
        }
        wr_audit_files_close(out);
        if (same) {
            return err;
        }
    }
    return err ? err
               : wr_fault_set(fault, WR_ERR_IO, "%s: files come and go too fast to be read", path);
}

void wr_audit_files_close(struct wr_audit_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        close(files->at[i].fd);
        free(files->at[i].path);
    }
    free(files->at);
    *files = (struct wr_audit_files){0};
}

int wr_audit_files_log(const char *path)
{
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
}

static void sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd); // if it fails: after a power cut the file has its old name, or both are there
        close(fd);
    }
}

wr_err wr_audit_files_begin(const char *path, uint64_t last, int *fd, struct wr_fault *fault)
{
    char to[PATH_MAX], folder[PATH_MAX];
    const char *name;
    split(path, folder, &name);
    if (snprintf(to, sizeof to, "%s.%llu", path, (unsigned long long)last) >= (int)sizeof to) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "%s: the path is too long", path);
    }
    if (access(to, F_OK) == 0) {
        return wr_fault_set(fault, WR_ERR_EXISTS, "%s is there already", to);
    }
    if (rename(path, to) != 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", to, strerror(errno));
    }
    *fd = wr_audit_files_log(path);
    if (*fd < 0) {
        wr_err err = wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
        (void)rename(to, path);
        return err;
    }
    sync_folder(folder);
    return WR_OK;
}
