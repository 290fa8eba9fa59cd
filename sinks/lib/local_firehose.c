// Files that are filled and followed by the next. Everything but open, send and close runs on the
// worker.
#include "sinks/lib/local_firehose.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/buf.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define FOLDER      "local/firehose"
#define PART        ".part"
#define ACTIVE      ".active"
#define TURN_MAX    2000      // pieces
#define PENDING_MAX (8 << 20) // bytes of one stream in memory before they are written
#define KEEP_BUFFER (256 << 10)
#define TICK_MS     1000
#define STATE_MAX   768 // bytes of state_dir, so that all paths fit PATH_MAX

struct wr_local_firehose_stream {
    char *name;
    int fd;            // of the part; -1: none
    int active;        // of .active; -1: not open
    char *path;        // of the part
    uint64_t size;     // on the disk
    int64_t opened_ms; // wall clock
    struct wr_buf pending;
    const char *trouble; // of this turn
    uint64_t used;
    struct wr_local_firehose_stream *next;
};

struct wr_local_firehose {
    struct wr_local_firehose_options options;
    char *folder;
    struct wr_turns *turns;
    struct wr_local_firehose_stream *streams;
    size_t open;
    uint64_t clock;
    void (*closed)(void *user);
    void *closed_user;
};

static const char *text_of(int error)
{
    return uv_strerror(-error);
}

// ---- files

static int make_folders(const char *path)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
            return errno;
        }
        *slash = '/';
    }
    return 0;
}

// The names of `path` and of the folders above it up to the stream's are on the disk.
static int sync_folders(const char *path, size_t root)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strrchr(folder, '/'); slash && (size_t)(slash - folder) >= root;
         slash = strrchr(folder, '/')) {
        *slash = '\0';
        int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int error = fd < 0 || fsync(fd) != 0 ? errno : 0;
        if (fd >= 0) {
            close(fd);
        }
        if (error) {
            return error;
        }
    }
    return 0;
}

static int write_all(int fd, wr_str bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(fd, bytes.at, bytes.len);
        if (put < 0 && errno != EINTR) {
            return errno;
        }
        if (put > 0) {
            bytes = wr_str_cut(bytes, (size_t)put, bytes.len);
        }
    }
    return 0;
}

// "….part" becomes "…"; an empty one goes.
static int end_part(const char *path, uint64_t size)
{
    char whole[PATH_MAX];
    size_t len = strlen(path) - (sizeof PART - 1);
    if (size == 0) {
        return unlink(path) != 0 && errno != ENOENT ? errno : 0;
    }
    snprintf(whole, sizeof whole, "%.*s", (int)len, path);
    return rename(path, whole) != 0 && errno != ENOENT ? errno : 0;
}

// A name as the service's: the hour's folder in UTC, and a UUID, whose first part counts, so that
// files of one second sort as they were made.
static void make_path(const struct wr_local_firehose *f, const char *stream, int64_t now,
                      char out[PATH_MAX])
{
    uint64_t random[2] = {0};
    int64_t days = now / 86400000, of_day = now % 86400000, year;
    unsigned month, day;
    wr_date_from_days(days, &year, &month, &day);
    unsigned h = (unsigned)(of_day / 3600000), m = (unsigned)(of_day / 60000 % 60),
             s = (unsigned)(of_day / 1000 % 60);
    (void)uv_random(NULL, NULL, random, sizeof random, 0, NULL);
    snprintf(out, PATH_MAX,
             "%s/%s%s/%04lld/%02u/%02u/%02u/%s-1-%04lld-%02u-%02u-%02u-%02u-%02u-%08x-%04x-4%03x-"
             "%04x-%012" PRIx64 PART,
             f->folder, *stream == '.' ? "%2E" : "", *stream == '.' ? stream + 1 : stream,
             (long long)year, month, day, h, stream, (long long)year, month, day, h, m, s,
             (unsigned)(f->clock & 0xffffffff), (unsigned)(random[0] >> 32 & 0xffff),
             (unsigned)(random[0] >> 48 & 0xfff), (unsigned)(0x8000 | (random[1] >> 48 & 0x3fff)),
             random[1] & 0xffffffffffff);
}

// ---- streams

static void end_stream(struct wr_local_firehose *f, struct wr_local_firehose_stream *s)
{
    if (s->fd >= 0) {
        close(s->fd);
        s->fd = -1;
        f->open--;
        (void)end_part(s->path, s->size); // if it cannot, the next start does
        free(s->path);
        s->path = NULL;
    }
}

static void stream_free(struct wr_local_firehose *f, struct wr_local_firehose_stream *s)
{
    end_stream(f, s);
    if (s->active >= 0) {
        close(s->active);
    }
    wr_buf_release(&s->pending);
    free(s->name);
    free(s);
}

// Before a write: where it begins and how long it is. Not synced: what is older than the last
// write does no harm, for that one has become longer since.
static int announce(struct wr_local_firehose *f, struct wr_local_firehose_stream *s)
{
    char line[PATH_MAX + 64];
    const char *name = strrchr(s->path, '/');
    for (int up = 0; up < 4; up++) { // the hour's folder and the three above it
        name = memrchr(s->path, '/', (size_t)(name - s->path));
    }
    if (s->active < 0) {
        snprintf(line, sizeof line, "%.*s/" ACTIVE, (int)(name - s->path), s->path);
        s->active = open(line, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (s->active < 0) {
            return errno;
        }
    }
    // One write of one length: a reader sees the old or the new.
    int len = snprintf(line, sizeof line, "%020" PRIu64 " %020" PRIu64 " %s\n", s->size,
                       (uint64_t)s->pending.len, name + 1);
    return pwrite(s->active, line, (size_t)len, 0) == len ? 0 : errno ? errno : EIO;
}

static void make_room(struct wr_local_firehose *f, const struct wr_local_firehose_stream *but);

static int begin_part(struct wr_local_firehose *f, struct wr_local_firehose_stream *s)
{
    char path[PATH_MAX];
    make_room(f, s);
    int64_t now = wr_wall_ms();
    f->clock++;
    make_path(f, s->name, now, path);
    int error = make_folders(path);
    if (error) {
        return error;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) {
        return errno;
    }
    error = sync_folders(path, strlen(f->folder));
    if (error) {
        close(fd);
        unlink(path);
        return error;
    }
    s->fd = fd;
    s->path = wr_strdup(wr_str_of(path));
    s->size = 0;
    s->opened_ms = now;
    f->open++;
    return 0;
}

// Somebody may have taken the file, or its folder, away: what is written then would be lost.
static bool is_gone(const struct wr_local_firehose_stream *s)
{
    struct stat st;
    return fstat(s->fd, &st) != 0 || st.st_nlink == 0;
}

// What is pending is on the disk, or s->trouble.
static void commit(struct wr_local_firehose *f, struct wr_local_firehose_stream *s)
{
    if (s->pending.len == 0 || s->trouble) {
        wr_buf_clear(&s->pending);
        return;
    }
    if (s->fd >= 0 && is_gone(s)) {
        end_stream(f, s);
    }
    int error = s->fd < 0 ? begin_part(f, s) : 0;
    error = error ? error : announce(f, s);
    error = error ? error : write_all(s->fd, wr_buf_str(&s->pending));
    if (!error && fdatasync(s->fd) != 0) {
        error = errno;
    }
    if (!error) {
        s->size += s->pending.len;
    } else {
        s->trouble = text_of(error);
        if (s->fd >= 0 && ftruncate(s->fd, (off_t)s->size) != 0) {
            // Not ended: what stands in .active repairs it at the next start.
            close(s->fd);
            s->fd = -1;
            f->open--;
            free(s->path);
            s->path = NULL;
        }
    }
    if (s->pending.cap_ > KEEP_BUFFER) {
        wr_buf_release(&s->pending);
        s->pending = (struct wr_buf){0};
    } else {
        wr_buf_clear(&s->pending);
    }
}

// With as many open as may be, the one that was not used for the longest time ends.
static void make_room(struct wr_local_firehose *f, const struct wr_local_firehose_stream *but)
{
    struct wr_local_firehose_stream *oldest = NULL;
    for (struct wr_local_firehose_stream *s = f->streams; s; s = s->next) {
        if (s->fd >= 0 && s != but && (!oldest || s->used < oldest->used)) {
            oldest = s;
        }
    }
    if (oldest && f->open >= WR_LOCAL_FIREHOSE_OPEN_MAX) {
        commit(f, oldest);
        end_stream(f, oldest);
    }
}

static struct wr_local_firehose_stream *stream_of(struct wr_local_firehose *f, wr_str name)
{
    struct wr_local_firehose_stream **at = &f->streams, *s;
    for (; (s = *at); at = &s->next) {
        if (wr_str_eq(wr_str_of(s->name), name)) {
            *at = s->next; // the next search finds it first
            break;
        }
    }
    if (!s) {
        s = wr_zalloc(sizeof *s);
        s->name = wr_strdup(name);
        s->fd = s->active = -1;
    }
    s->next = f->streams;
    f->streams = s;
    s->used = ++f->clock;
    return s;
}

// ---- turns

static void add_piece(struct wr_local_firehose *f, struct wr_local_firehose_piece *p)
{
    struct wr_local_firehose_stream *s = stream_of(f, p->stream);
    p->to_ = s;
    for (size_t i = 0; i < p->count; i++) {
        size_t len = p->texts[i].len + p->separator.len;
        if (s->size + s->pending.len > 0 && s->size + s->pending.len + len > f->options.size_max) {
            commit(f, s);
            end_stream(f, s);
            s->size = 0;
        }
        wr_buf_add(&s->pending, p->texts[i]);
        wr_buf_add(&s->pending, p->separator);
        if (s->pending.len > PENDING_MAX) {
            commit(f, s);
        }
    }
}

static void end_old(struct wr_local_firehose *f)
{
    int64_t now = wr_wall_ms();
    struct wr_local_firehose_stream **at = &f->streams, *s;
    while ((s = *at)) {
        if (s->fd >= 0 && now - s->opened_ms >= f->options.age_ms) {
            end_stream(f, s);
        }
        s->trouble = NULL;
        if (s->fd < 0) {
            *at = s->next;
            stream_free(f, s);
        } else {
            at = &s->next;
        }
    }
}

static void work(void *user, struct wr_turn_item *items)
{
    struct wr_local_firehose *f = user;
    end_old(f);
    for (struct wr_turn_item *i = items; i; i = i->next) {
        add_piece(f, (struct wr_local_firehose_piece *)i);
    }
    for (struct wr_local_firehose_stream *s = f->streams; s; s = s->next) {
        commit(f, s);
    }
    for (struct wr_turn_item *i = items; i; i = i->next) {
        struct wr_local_firehose_piece *p = (struct wr_local_firehose_piece *)i;
        p->trouble = p->to_->trouble;
    }
}

static void tick(void *user)
{
    end_old(user);
}

static void done(void *user, struct wr_turn_item *items)
{
    struct wr_local_firehose *f = user;
    f->options.done(f->options.user, (struct wr_local_firehose_piece *)items);
}

void wr_local_firehose_send(struct wr_local_firehose *f, struct wr_local_firehose_piece *piece)
{
    piece->trouble = NULL;
    wr_turns_add(f->turns, &piece->item);
}

// ---- open and close

// What a former process was writing when it ended: whole, or cut back to where it began.
static void repair(const char *folder)
{
    char path[PATH_MAX], line[PATH_MAX];
    snprintf(path, sizeof path, "%.3000s/" ACTIVE, folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    if (fd >= 0) {
        close(fd);
    }
    if (len < 43) {
        return;
    }
    line[len] = 0;
    uint64_t from = strtoull(line, NULL, 10), planned = strtoull(line + 21, NULL, 10);
    char *feed = strchr(line, '\n');
    struct stat st;
    if (feed) {
        *feed = 0;
        snprintf(path, sizeof path, "%.1500s/%.2000s", folder, line + 42);
        if (!strstr(line + 42, "..") && stat(path, &st) == 0 && (uint64_t)st.st_size > from &&
            (uint64_t)st.st_size < from + planned) {
            (void)!truncate(path, (off_t)from);
        }
    }
}

static bool end_left_over(void *user, const struct wr_local_firehose_file *file)
{
    if (file->part) {
        (void)end_part(file->path, file->size);
    }
    return true;
}

static bool repair_stream(void *user, wr_str stream)
{
    const struct wr_local_firehose *f = user;
    struct wr_fault fault;
    char folder[PATH_MAX];
    bool dot = stream.at[0] == '.';
    snprintf(folder, sizeof folder, "%.1500s/%s%.*s", f->folder, dot ? "%2E" : "",
             (int)(stream.len - dot), stream.at + dot);
    repair(folder);
    wr_err err = wr_local_firehose_files(f->options.state_dir, stream, end_left_over, NULL, &fault);
    (void)err; // what cannot be looked at now is left as it is
    return true;
}

wr_err wr_local_firehose_open(const struct wr_local_firehose_options *options,
                              struct wr_local_firehose **out, struct wr_fault *fault)
{
    if (strlen(options->state_dir) > STATE_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "state_dir: found %zu bytes, at most %d",
                            strlen(options->state_dir), STATE_MAX);
    }
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s/" FOLDER "/", options->state_dir);
    int error = make_folders(folder);
    if (error) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", folder, text_of(error));
    }
    folder[strlen(folder) - 1] = 0;
    struct wr_local_firehose *f = wr_zalloc(sizeof *f);
    f->options = *options;
    f->folder = wr_strdup(wr_str_of(folder));
    wr_err err = wr_local_firehose_streams(options->state_dir, repair_stream, f, fault);
    if (err) {
        free(f->folder);
        free(f);
        return err;
    }
    f->turns = wr_turns_new(&(struct wr_turns_options){.loop = options->loop,
                                                       .items_max = TURN_MAX,
                                                       .work = work,
                                                       .done = done,
                                                       .tick = tick,
                                                       .tick_ms = TICK_MS,
                                                       .user = f});
    *out = f;
    return WR_OK;
}

static void on_closed(void *user)
{
    struct wr_local_firehose *f = user;
    while (f->streams) {
        struct wr_local_firehose_stream *s = f->streams;
        f->streams = s->next;
        stream_free(f, s);
    }
    void (*closed)(void *) = f->closed;
    void *closed_user = f->closed_user;
    free(f->folder);
    free(f);
    closed(closed_user);
}

void wr_local_firehose_close(struct wr_local_firehose *f, void (*closed)(void *user), void *user)
{
    f->closed = closed;
    f->closed_user = user;
    wr_turns_close(f->turns, on_closed, f);
}

// ---- looking

// A stream may be called "..", so its files may begin with dots.
static int is_ours(const struct dirent *entry)
{
    const char *name = entry->d_name;
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, ACTIVE) != 0;
}

wr_err wr_local_firehose_streams(const char *state_dir, bool (*visit)(void *user, wr_str stream),
                                 void *user, struct wr_fault *fault)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s/" FOLDER, state_dir);
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_ours, alphasort);
    wr_err err = WR_OK;
    if (count < 0 && errno != ENOENT) {
        err = wr_fault_set(fault, WR_ERR_IO, "%s: %s", folder, text_of(errno));
    }
    bool more = true;
    for (int i = 0; i < count; i++) {
        char name[NAME_MAX + 2];
        const char *found = entries[i]->d_name;
        bool dot = strncmp(found, "%2E", 3) == 0;
        snprintf(name, sizeof name, "%s%s", dot ? "." : "", dot ? found + 3 : found);
        more = more && visit(user, wr_str_of(name));
        free(entries[i]);
    }
    free(entries);
    return err;
}

struct walk {
    bool (*visit)(void *user, const struct wr_local_firehose_file *file);
    void *user;
    size_t root; // bytes of the stream's folder and its slash
    bool more;
};

// Names sort by time; depth 4 is the hour's folder.
static void walk(struct walk *w, const char *folder, int depth)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_ours, alphasort);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        struct stat st;
        snprintf(path, sizeof path, "%.3000s/%s", folder, entries[i]->d_name);
        if (w->more && stat(path, &st) == 0) {
            if (depth < 4 && S_ISDIR(st.st_mode)) {
                walk(w, path, depth + 1);
            } else if (depth == 4 && S_ISREG(st.st_mode)) {
                wr_str name = wr_str_of(path + w->root);
                bool part = wr_str_ends(name, WR_STR(PART));
                struct wr_local_firehose_file file = {
                    .name = wr_str_cut(name, 0, name.len - (part ? sizeof PART - 1 : 0)),
                    .path = path,
                    .part = part,
                    .size = (uint64_t)st.st_size,
                    .modified_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000,
                };
                w->more = w->visit(w->user, &file);
            }
        }
        free(entries[i]);
    }
    free(entries);
}

wr_err wr_local_firehose_files(const char *state_dir, wr_str stream,
                               bool (*visit)(void *user, const struct wr_local_firehose_file *file),
                               void *user, struct wr_fault *fault)
{
    char folder[2 * PATH_MAX];
    struct stat st;
    bool dot = stream.len > 0 && stream.at[0] == '.';
    if (stream.len == 0 || memchr(stream.at, '/', stream.len) || memchr(stream.at, 0, stream.len)) {
        return wr_fault_set(fault, WR_ERR_RANGE, "'%.*s' is no delivery stream's name",
                            WR_STR_ARG(stream));
    }
    int len = snprintf(folder, sizeof folder, "%s/" FOLDER "/%s%.*s", state_dir, dot ? "%2E" : "",
                       (int)(stream.len - dot), stream.at + dot);
    if (len < 0 || (size_t)len > 2000 || stat(folder, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return wr_fault_set(fault, WR_ERR_UNKNOWN, "Firehose %.*s not found", WR_STR_ARG(stream));
    }
    struct walk w = {.visit = visit, .user = user, .root = (size_t)len + 1, .more = true};
    walk(&w, folder, 0);
    return WR_OK;
}
