// Appending lines to many files on the pool. Nothing here knows what a line says.
#include "sinks/lib/append.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define TURN_MAX   1024 // lines of one turn: the others are answered meanwhile
#define VECTOR_MAX 64   // lines of one write
#define TAIL_CHUNK 4096 // bytes looked at for the last line feed, each time

// The worker's, as are all descriptors.
struct file {
    char *path; // NULL: free
    uint64_t hash;
    int fd;
    int64_t size;
    uint64_t used; // turn of the last use
};

struct wr_append {
    uv_loop_t *loop;
    struct wr_append_options o;
    char *folder;
    struct wr_append_line *queue, **queue_end;
    struct wr_append_line *turn; // the worker's while busy
    bool busy, closing;
    void (*closed)(void *user);
    void *closed_user;
    uv_work_t work;
    uv_idle_t end; // makes `closed` come from the loop
    struct file *files;
    uint64_t clock;
};

// ---- the worker's side: files

static void forget(struct file *f)
{
    if (f->path) {
        close(f->fd);
        free(f->path);
        *f = (struct file){0};
    }
}

// The folders above `path`, from the byte `from` on. 0 or an errno.
static int make_folders(char *path, size_t from)
{
    for (char *at = strchr(path + from, '/'); at; at = strchr(at + 1, '/')) {
        *at = 0;
        int error = mkdir(path, 0777) != 0 && errno != EEXIST ? errno : 0;
        *at = '/';
        if (error) {
            return error;
        }
    }
    return 0;
}

// A new name in a folder is only there for good once the folder is synced.
static int sync_folder(const char *path, size_t len)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", (int)len, path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

static int sync_folders(const struct wr_append *a, const char *path)
{
    size_t base = strlen(a->folder);
    int error = 0;
    for (size_t len = strlen(path); !error && len > base; len--) {
        if (path[len] == '/') {
            error = sync_folder(path, len);
        }
    }
    return error ? error : sync_folder(path, base);
}

// Cut off what a crash left behind the last line feed.
static int cut_torn_line(struct file *f)
{
    char chunk[TAIL_CHUNK];
    int64_t end = f->size;
    while (end > 0) {
        int64_t from = end > TAIL_CHUNK ? end - TAIL_CHUNK : 0;
        ssize_t got = pread(f->fd, chunk, (size_t)(end - from), from);
        if (got != end - from) {
            return got < 0 ? errno : EIO;
        }
        const char *feed = memrchr(chunk, '\n', (size_t)got);
        if (feed) {
            end = from + (feed - chunk) + 1;
            break;
        }
        end = from;
    }
    if (end < f->size && ftruncate(f->fd, end) != 0) {
        return errno;
    }
    f->size = end;
    return 0;
}

static int open_file(struct wr_append *a, struct file *f)
{
    int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY;
    f->fd = open(f->path, flags);
    bool made = f->fd < 0 && errno == ENOENT;
    if (made) {
        int error = make_folders(f->path, strlen(a->folder) + 1);
        if (error) {
            return error;
        }
        f->fd = open(f->path, flags | O_CREAT, 0666);
    }
    struct stat st;
    if (f->fd < 0 || fstat(f->fd, &st) != 0) {
        return errno;
    }
    if (!S_ISREG(st.st_mode)) {
        return EINVAL; // a pipe, a device: there is no going back in it
    }
    f->size = st.st_size;
    return made ? (a->o.sync ? sync_folders(a, f->path) : 0) : cut_torn_line(f);
}

// Is what we hold still what its path says? Others may remove it, or move it away.
static bool is_in_place(const struct file *f)
{
    struct stat there, held;
    return stat(f->path, &there) == 0 && fstat(f->fd, &held) == 0 && there.st_ino == held.st_ino &&
           there.st_dev == held.st_dev;
}

// path.1 becomes path.2 and so on; path becomes path.1.
static int put_aside(const struct wr_append *a, const struct file *f)
{
    char from[PATH_MAX], to[PATH_MAX];
    if (a->o.keep == 0) {
        return unlink(f->path) == 0 ? 0 : errno;
    }
    for (unsigned i = a->o.keep; i > 0; i--) {
        snprintf(to, sizeof to, "%s.%u", f->path, i);
        if (i > 1) {
            snprintf(from, sizeof from, "%s.%u", f->path, i - 1);
        } else {
            snprintf(from, sizeof from, "%s", f->path);
        }
        if (rename(from, to) != 0 && errno != ENOENT) {
            return errno;
        }
    }
    return 0;
}

// The file of `path`, open, with room in it; NULL with an errno.
static struct file *file_for(struct wr_append *a, const char *path, uint64_t hash, int *error)
{
    struct file *f = NULL, *oldest = &a->files[0];
    for (unsigned i = 0; i < a->o.open_max; i++) {
        struct file *g = &a->files[i];
        if (g->path && g->hash == hash && strcmp(g->path, path) == 0) {
            f = g;
        }
        if (!g->path || (oldest->path && g->used < oldest->used)) {
            oldest = g;
        }
    }
    if (f && !is_in_place(f)) {
        forget(f);
        oldest = f;
        f = NULL;
    }
    if (f && a->o.size_max > 0 && f->size >= a->o.size_max) {
        *error = put_aside(a, f);
        if (*error) {
            return NULL;
        }
        forget(f);
        oldest = f;
        f = NULL;
    }
    if (!f) {
        f = oldest;
        forget(f);
        *f = (struct file){.path = wr_strdup(wr_str_of(path)), .hash = hash, .fd = -1};
        *error = open_file(a, f);
        if (*error) {
            if (f->fd >= 0) {
                close(f->fd);
            }
            free(f->path);
            *f = (struct file){0};
            return NULL;
        }
        if (a->o.size_max > 0 && f->size >= a->o.size_max) {
            return file_for(a, path, hash, error); // of an earlier process; once
        }
    }
    f->used = ++a->clock;
    return f;
}

// ---- the worker's side: lines

// Everything, or an errno.
static int write_vector(int fd, struct iovec *at, int count)
{
    while (count > 0) {
        ssize_t put = writev(fd, at, count);
        if (put < 0 && errno != EINTR) {
            return errno;
        }
        for (; put >= 0 && count > 0 && (size_t)put >= at->iov_len; at++, count--) {
            put -= (ssize_t)at->iov_len;
        }
        if (put > 0) {
            at->iov_base = (char *)at->iov_base + put;
            at->iov_len -= (size_t)put;
        }
    }
    return 0;
}

// Lines of one file, linked by same_. Returns 0 or an errno, and then nothing of them is in the
// file.
static int write_lines(struct file *f, const struct wr_append_line *lines, bool sync)
{
    int64_t before = f->size;
    int error = 0;
    while (lines && !error) {
        struct iovec vector[VECTOR_MAX];
        int count = 0;
        for (; lines && count < VECTOR_MAX; lines = lines->same_) {
            vector[count++] = (struct iovec){(void *)(uintptr_t)lines->text.at, lines->text.len};
            f->size += (int64_t)lines->text.len;
        }
        error = write_vector(f->fd, vector, count);
    }
    if (!error && sync && fdatasync(f->fd) != 0) {
        error = errno;
    }
    if (error) {
        // Half a line must not stay. If it cannot be cut off now, it is when the file is opened.
        if (ftruncate(f->fd, before) != 0) {
            forget(f);
        } else {
            f->size = before;
        }
    }
    return error;
}

// Link the lines of the first one's file, by same_.
static void gather(struct wr_append_line *first)
{
    struct wr_append_line *last = first;
    for (struct wr_append_line *line = first->next; line; line = line->next) {
        if (line->hash_ == first->hash_ && !line->taken_ &&
            wr_str_eq(line->names[0], first->names[0]) &&
            wr_str_eq(line->names[1], first->names[1])) {
            line->taken_ = true;
            last->same_ = line;
            last = line;
        }
    }
    last->same_ = NULL;
}

static int write_group(struct wr_append *a, const struct wr_append_line *first)
{
    char path[PATH_MAX], below[WR_APPEND_PATH_MAX];
    if (!wr_append_path(below, first->names, a->o.ending)) {
        return ENAMETOOLONG;
    }
    int len = snprintf(path, sizeof path, "%s/%s", a->folder, below);
    if (len < 0 || (size_t)len + 4 > sizeof path) { // ".99"
        return ENAMETOOLONG;
    }
    int error = 0;
    struct file *f = file_for(a, path, first->hash_, &error);
    return f ? write_lines(f, first, a->o.sync) : error;
}

static void work(uv_work_t *request)
{
    struct wr_append *a = request->data;
    for (struct wr_append_line *line = a->turn; line; line = line->next) {
        if (line->taken_) {
            continue;
        }
        gather(line);
        int error = write_group(a, line);
        for (struct wr_append_line *one = line; one; one = one->same_) {
            one->error = error;
        }
    }
}

// ---- turns, on the loop

static void on_end_closed(uv_handle_t *handle)
{
    struct wr_append *a = handle->data;
    void (*closed)(void *user) = a->closed;
    void *user = a->closed_user;
    for (unsigned i = 0; i < a->o.open_max; i++) {
        forget(&a->files[i]);
    }
    free(a->files);
    free(a->folder);
    free(a);
    if (closed) {
        closed(user);
    }
}

static void after_work(uv_work_t *request, int status);

static void start(struct wr_append *a)
{
    if (a->busy) {
        return;
    }
    if (!a->queue) {
        if (a->closing && !uv_is_closing((uv_handle_t *)&a->end)) {
            uv_close((uv_handle_t *)&a->end, on_end_closed);
        }
        return;
    }
    struct wr_append_line **last = &a->queue;
    for (int i = 0; i < TURN_MAX && *last; i++) {
        last = &(*last)->next;
    }
    a->turn = a->queue;
    a->queue = *last;
    *last = NULL;
    if (!a->queue) {
        a->queue_end = &a->queue;
    }
    a->busy = true;
    wr_assert(uv_queue_work(a->loop, &a->work, work, after_work) == 0);
}

static void after_work(uv_work_t *request, int status)
{
    struct wr_append *a = request->data;
    struct wr_append_line *lines = a->turn;
    a->turn = NULL;
    a->o.done(a->o.user, lines); // may add, and close
    a->busy = false;
    start(a);
}

void wr_append_add(struct wr_append *a, struct wr_append_line *line)
{
    wr_assert(!a->closing);
    line->hash_ = wr_hash_bytes(line->names[1].at, line->names[1].len, wr_hash_str(line->names[0]));
    line->taken_ = false;
    line->error = 0;
    line->next = NULL;
    *a->queue_end = line;
    a->queue_end = &line->next;
    start(a);
}

// ---- open and close

wr_err wr_append_open(uv_loop_t *loop, const struct wr_append_options *options,
                      struct wr_append **out, struct wr_fault *fault)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/", options->folder);
    if (len < 0 || (size_t)len + WR_APPEND_PATH_MAX > sizeof path) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "%s: the path is too long: at most %d bytes",
                            options->folder, PATH_MAX - WR_APPEND_PATH_MAX);
    }
    int error = make_folders(path, 1);
    struct stat st;
    if (error || stat(path, &st) != 0) { // with its slash: a folder, or ENOTDIR
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", options->folder,
                            strerror(error ? error : errno));
    }
    struct wr_append *a = wr_zalloc(sizeof *a);
    a->loop = loop;
    a->o = *options;
    a->o.open_max = options->open_max ? options->open_max : WR_APPEND_OPEN_MAX;
    a->folder = wr_strdup(wr_str_of(options->folder));
    a->o.folder = NULL;
    a->queue_end = &a->queue;
    a->files = wr_zalloc(a->o.open_max * sizeof *a->files);
    a->work.data = a;
    uv_idle_init(loop, &a->end);
    a->end.data = a;
    *out = a;
    return WR_OK;
}

void wr_append_close(struct wr_append *a, void (*closed)(void *user), void *user)
{
    wr_assert(!a->closing);
    a->closing = true;
    a->closed = closed;
    a->closed_user = user;
    start(a);
}
