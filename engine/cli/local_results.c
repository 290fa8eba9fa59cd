// `weir local … lambda`: results of functions, JSON Lines in
// local/lambda/<function>/results.ndjson. A file that has grown too large was renamed to
// results.ndjson.1.
#include "engine/cli/local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/json.h"

#include "sql/base/banned.h"

#define FOLDER "local/lambda"
#define FILE_  "results.ndjson"

static bool path_of(const struct wr_local_asked *a, const char *function, const char *ending,
                    struct wr_buf *out)
{
    wr_str name = wr_str_of(function);
    // A name is one segment: "../x" must not lead out of the folder.
    if (name.len == 0 || memchr(name.at, '/', name.len) || name.at[0] == '.') {
        return false;
    }
    wr_buf_addf(out, "%s/" FOLDER "/%s/" FILE_ "%s", a->state_dir, function, ending);
    return true;
}

static wr_err bad_name(const char *name, struct wr_fault *fault)
{
    return wr_fault_set(fault, WR_ERR_RANGE, "'%s' is no function's name", name);
}

// ---- ls

static void list_function(const struct wr_local_asked *a, const char *name, const struct stat *st)
{
    struct wr_buf b = {0};
    int64_t ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
    if (a->json) {
        wr_buf_add(&b, WR_STR("{\"function\":"));
        wr_json_write_string(&b, wr_str_of(name));
        wr_buf_addf(&b, ",\"size\":%lld,\"lastModified\":\"", (long long)st->st_size);
        wr_local_time(&b, ms);
        wr_buf_add(&b, WR_STR("\"}"));
    } else {
        wr_local_time(&b, ms);
        printf("%s %10lld ", wr_buf_terminated(&b), (long long)st->st_size);
        wr_local_print(wr_str_of(name));
        wr_buf_clear(&b);
    }
    (void)wr_local_line(&b);
    wr_buf_release(&b);
}

static wr_err ls(const struct wr_local_asked *a, struct wr_fault *fault)
{
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s/" FOLDER, a->state_dir);
    struct dirent **entries = NULL;
    int count = scandir(wr_buf_terminated(&path), &entries, NULL, alphasort);
    wr_err err = WR_OK;
    if (count < 0 && errno != ENOENT) {
        err = wr_fault_set(fault, WR_ERR_IO, "%s: %s", wr_buf_terminated(&path), strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        struct stat st;
        wr_buf_clear(&path);
        if (path_of(a, entries[i]->d_name, "", &path) && stat(wr_buf_terminated(&path), &st) == 0) {
            list_function(a, entries[i]->d_name, &st);
        }
        free(entries[i]);
    }
    free(entries);
    wr_buf_release(&path);
    return err;
}

// ---- cat and tail

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

// 0, or an errno.
static int copy_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int trouble = copy_lines(fd) < 0 ? errno : 0;
    close(fd);
    return trouble;
}

static wr_err cat(const struct wr_local_asked *a, struct wr_fault *fault)
{
    static const char *const endings[] = {".1", ""};
    bool found = false;
    wr_err err = WR_OK;
    for (size_t i = 0; i < WR_COUNT(endings) && !err; i++) {
        struct wr_buf path = {0};
        if (!path_of(a, a->name, endings[i], &path)) {
            return bad_name(a->name, fault);
        }
        int trouble = copy_file(wr_buf_terminated(&path));
        if (trouble && trouble != ENOENT && trouble != ENOTDIR) {
            err = wr_fault_set(fault, WR_ERR_IO, "%s: %s", wr_buf_terminated(&path),
                               strerror(trouble));
        }
        found = found || !trouble;
        wr_buf_release(&path);
    }
    if (!err && !found) {
        err = wr_fault_set(fault, WR_ERR_UNKNOWN, "function %s has no results", a->name);
    }
    return err;
}

// Where a tail stands.
struct follow {
    ino_t file;
    int64_t offset;
    bool first; // what is there at the start is not shown
};

static void look(struct follow *f, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0) {
        if (f->first) {
            f->offset = st.st_size;
        } else if (st.st_ino != f->file || st.st_size < f->offset) {
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

static wr_err tail(const struct wr_local_asked *a, struct wr_fault *fault)
{
    struct wr_buf path = {0};
    if (!path_of(a, a->name, "", &path)) {
        return bad_name(a->name, fault);
    }
    struct follow f = {.first = true};
    do {
        look(&f, wr_buf_terminated(&path));
    } while (!ferror(stdout) && wr_local_wait(a));
    wr_buf_release(&path);
    return WR_OK;
}

const struct wr_local_service wr_local_results = {
    .name = "lambda",
    .ls = ls,
    .cat = cat,
    .tail = tail,
};
