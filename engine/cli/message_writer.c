// Writes message files: whole lines only, and each write leaves a file that can be read.
#include "engine/cli/message_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "sql/base/banned.h"

#define FLUSH_BYTES (256u << 10) // lines that wait in memory
#define KEEP_BYTES  (4u << 20)   // memory kept after a line that was larger
#define CHUNK_BYTES (64u << 10)
#define GZIP_WINDOW (15 + 16) // zlib: the largest window, and a gzip header
#define GZIP_MEMORY 8         // zlib's default

struct wr_message_writer {
    char *name;
    int fd;
    bool gzip, failed, regular, made;
    z_stream z;
    struct wr_buf lines, packed;
    uint64_t size, bytes; // of the file: whole up to there; written by us
};

struct wr_buf *wr_message_writer_lines(struct wr_message_writer *w)
{
    return &w->lines;
}

uint64_t wr_message_writer_bytes(const struct wr_message_writer *w)
{
    return w->bytes;
}

// ---- to the disk

// How much of `bytes` was written; less than all: errno says why.
static size_t write_all(int fd, wr_str bytes)
{
    size_t at = 0;
    while (at < bytes.len) {
        ssize_t n = write(fd, bytes.at + at, bytes.len - at);
        if (n < 0 && errno != EINTR) {
            break;
        }
        at += n > 0 ? (size_t)n : 0;
    }
    return at;
}

static void pack(struct wr_message_writer *w)
{
    wr_buf_clear(&w->packed);
    deflateReset(&w->z);
    wr_str left = wr_buf_str(&w->lines);
    int rc;
    w->z.next_in = (unsigned char *)(uintptr_t)left.at;
    w->z.avail_in = (unsigned)left.len; // below 4 GiB: FLUSH_BYTES and one line
    do {
        char *to = wr_buf_reserve(&w->packed, CHUNK_BYTES);
        wr_assert(to); // no limit is set
        w->z.next_out = (unsigned char *)to;
        w->z.avail_out = CHUNK_BYTES;
        rc = deflate(&w->z, Z_FINISH);
        wr_assert(rc == Z_OK || rc == Z_STREAM_END);
        w->packed.len += CHUNK_BYTES - w->z.avail_out;
    } while (rc != Z_STREAM_END);
}

static void shrink(struct wr_buf *b)
{
    if (b->len > KEEP_BYTES) {
        wr_buf_release(b);
        *b = (struct wr_buf){0};
    } else {
        wr_buf_clear(b);
    }
}

// Bytes of a torn write that make whole lines; a torn gzip member makes none.
static size_t whole_lines(const struct wr_message_writer *w, wr_str bytes, size_t written)
{
    const char *last = w->gzip || !written ? NULL : memrchr(bytes.at, '\n', written);
    return last ? (size_t)(last - bytes.at) + 1 : 0;
}

wr_err wr_message_writer_flush(struct wr_message_writer *w, bool now, struct wr_fault *fault)
{
    if (w->failed || w->lines.len == 0 || (!now && w->lines.len < FLUSH_BYTES)) {
        return WR_OK;
    }
    if (w->gzip) {
        pack(w);
    }
    wr_str bytes = wr_buf_str(w->gzip ? &w->packed : &w->lines);
    size_t written = write_all(w->fd, bytes), good = written;
    wr_err err = WR_OK;
    if (written < bytes.len) {
        int error = errno;
        w->failed = true;
        good = whole_lines(w, bytes, written);
        bool cut = w->regular && ftruncate(w->fd, (off_t)(w->size + good)) == 0;
        err =
            wr_fault_set(fault, WR_ERR_IO, "%s: cannot be written: %s%s", w->name, strerror(error),
                         cut ? "; it ends with the last line that was whole" : "");
    }
    w->size += good;
    w->bytes += good;
    shrink(&w->lines);
    shrink(&w->packed);
    return err;
}

// ---- open and close

// A gzip file can only be gone on with where it ends as it should: read it once.
static wr_err check_gzip(const char *name, struct wr_fault *fault)
{
    struct wr_message_file *f;
    struct wr_file_message m;
    struct wr_arena arena;
    bool end = false;
    wr_err err = wr_message_file_open(name, &f, fault);
    if (err) {
        return err;
    }
    wr_arena_init(&arena, 2 * (size_t)WR_MESSAGE_LINE_MAX);
    while (!err && !end) {
        wr_arena_reset(&arena);
        err = wr_message_file_next(f, &arena, &m, &end, fault);
    }
    wr_arena_release(&arena);
    wr_message_file_close(f);
    return err;
}

static wr_err check_end(struct wr_message_writer *w, struct wr_fault *fault)
{
    char last = '\n';
    if (w->size == 0) {
        return WR_OK;
    }
    if (w->gzip) {
        return check_gzip(w->name, fault);
    }
    int fd = open(w->name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, &last, 1, (off_t)w->size - 1);
    int error = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (n != 1) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: cannot be read: %s", w->name, strerror(error));
    }
    return last == '\n' ? WR_OK
                        : wr_fault_set(fault, WR_ERR_CORRUPT,
                                       "%s: its last line has no end: complete or remove that "
                                       "line before more is appended",
                                       w->name);
}

static wr_err open_file(struct wr_message_writer *w, bool append, struct wr_fault *fault)
{
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | (append ? 0 : O_EXCL);
    w->fd = open(w->name, flags, 0666);
    struct stat st;
    if (w->fd < 0 && errno == EEXIST) {
        return wr_fault_set(fault, WR_ERR_EXISTS,
                            "%s: is there already: --append adds to it, or choose another name",
                            w->name);
    }
    if (w->fd < 0 || fstat(w->fd, &st) != 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: cannot be opened: %s", w->name, strerror(errno));
    }
    w->regular = S_ISREG(st.st_mode);
    w->size = w->regular ? (uint64_t)st.st_size : 0;
    w->made = w->regular && !append;
    return check_end(w, fault);
}

static void writer_free(struct wr_message_writer *w)
{
    if (w->gzip) {
        deflateEnd(&w->z);
    }
    if (w->fd > STDERR_FILENO) {
        close(w->fd);
    }
    wr_buf_release(&w->lines);
    wr_buf_release(&w->packed);
    free(w->name);
    free(w);
}

wr_err wr_message_writer_open(const char *name, bool append, struct wr_message_writer **out,
                              struct wr_fault *fault)
{
    struct wr_message_writer *w = wr_zalloc(sizeof *w);
    bool standard = strcmp(name, "-") == 0;
    w->name = wr_strdup(wr_str_of(standard ? "standard output" : name));
    w->fd = STDOUT_FILENO;
    w->gzip = wr_str_ends(wr_str_of(name), WR_STR(".gz"));
    if (w->gzip && deflateInit2(&w->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                                Z_DEFAULT_STRATEGY) != Z_OK) {
        wr_out_of_memory(sizeof w->z);
    }
    wr_err err = standard ? WR_OK : open_file(w, append, fault);
    if (err) {
        writer_free(w);
        return err;
    }
    *out = w;
    return WR_OK;
}

wr_err wr_message_writer_close(struct wr_message_writer *w, struct wr_fault *fault)
{
    wr_err err = wr_message_writer_flush(w, true, fault);
    if (!err && !w->failed && w->regular && fdatasync(w->fd) != 0) {
        err = wr_fault_set(fault, WR_ERR_IO, "%s: cannot be written: %s", w->name, strerror(errno));
    }
    if (w->made && w->size == 0) {
        (void)unlink(w->name);
    }
    writer_free(w);
    return err;
}
