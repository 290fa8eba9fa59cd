// Reads message files: blocks from the disk, through zlib where the name says so, cut into lines.
#include "engine/cli/message_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "sql/base/banned.h"

#define BLOCK_BYTES (256u << 10) // read at a time
#define GZIP_WINDOW (15 + 16)    // zlib: the largest window, and a gzip header

struct wr_message_file {
    char *name;
    int fd;
    bool gzip, ended; // ended: nothing more to read
    bool in_member;   // gzip: within a member
    z_stream z;
    bool z_open;
    char *block; // gzip: compressed bytes
    struct stat opened;
    bool regular;
    uint64_t done;
    struct wr_buf text;  // from the line that was handed out last on
    size_t next, looked; // the next line; no line end before `looked`
    wr_str line;
    size_t number, messages;
};

static wr_err told(const struct wr_message_file *f, struct wr_fault *fault, wr_err err)
{
    wr_fault_prefix(fault, "%s", f->name);
    return err;
}

const char *wr_message_file_name(const struct wr_message_file *f)
{
    return f->name;
}

wr_str wr_message_file_text(const struct wr_message_file *f)
{
    return f->line;
}

size_t wr_message_file_line(const struct wr_message_file *f)
{
    return f->number;
}

uint64_t wr_message_file_done(const struct wr_message_file *f, uint64_t *total)
{
    *total = f->regular ? (uint64_t)f->opened.st_size : 0;
    return f->done;
}

// ---- bytes

// At most `size` bytes; of a regular file no more than it had when it was opened, so that one that
// grows as fast as it is read has an end. 0: the end.
static ssize_t read_some(struct wr_message_file *f, char *to, size_t size, struct wr_fault *fault)
{
    if (f->regular) {
        uint64_t left = (uint64_t)f->opened.st_size - f->done;
        size = size < left ? size : (size_t)left;
    }
    ssize_t n;
    do {
        n = size ? read(f->fd, to, size) : 0;
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        wr_fault_set(fault, WR_ERR_IO, "cannot be read: %s", strerror(errno));
        return -1;
    }
    f->done += (uint64_t)n;
    return n;
}

static wr_err check_unchanged(const struct wr_message_file *f, struct wr_fault *fault)
{
    struct stat now;
    if (!f->regular || fstat(f->fd, &now) != 0) {
        return WR_OK;
    }
    const struct stat *then = &f->opened;
    if (now.st_size == then->st_size && now.st_mtim.tv_sec == then->st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == then->st_mtim.tv_nsec && f->done == (uint64_t)then->st_size) {
        return WR_OK;
    }
    return wr_fault_set(fault, WR_ERR_BUSY,
                        "changed while it was read (%" PRId64 " bytes when it was opened, "
                        "%" PRId64 " now): read it again when nobody writes to it",
                        (int64_t)then->st_size, (int64_t)now.st_size);
}

static wr_err damaged(const struct wr_message_file *f, struct wr_fault *fault)
{
    return wr_fault_set(fault, WR_ERR_CORRUPT, "the gzip data is damaged near byte %" PRIu64 "%s%s",
                        f->done - f->z.avail_in, f->z.msg ? ": " : "", f->z.msg ? f->z.msg : "");
}

// The begin of a member, where the one before has ended.
static wr_err next_member(struct wr_message_file *f, struct wr_fault *fault)
{
    if (f->z.next_in[0] != 0x1f) {
        return f->done == f->z.avail_in
                   ? wr_fault_set(fault, WR_ERR_SYNTAX, "found no gzip data, as its name says")
                   : damaged(f, fault);
    }
    inflateReset(&f->z);
    f->in_member = true;
    return WR_OK;
}

static wr_err inflate_some(struct wr_message_file *f, char *to, size_t size, struct wr_fault *fault)
{
    if (f->z.avail_in == 0) {
        ssize_t n = read_some(f, f->block, BLOCK_BYTES, fault);
        if (n <= 0) {
            f->ended = n == 0;
            return n < 0          ? WR_ERR_IO
                   : f->in_member ? wr_fault_set(fault, WR_ERR_CORRUPT,
                                                 "the gzip data ends early: the file was cut off")
                                  : WR_OK;
        }
        f->z.next_in = (unsigned char *)f->block;
        f->z.avail_in = (unsigned)n;
    }
    if (!f->in_member) {
        wr_err err = next_member(f, fault);
        if (err) {
            return err;
        }
    }
    f->z.next_out = (unsigned char *)to;
    f->z.avail_out = (unsigned)size;
    int rc = inflate(&f->z, Z_NO_FLUSH);
    f->text.len += size - f->z.avail_out;
    if (rc == Z_STREAM_END) {
        f->in_member = false;
    } else if (rc != Z_OK && rc != Z_BUF_ERROR) {
        return damaged(f, fault);
    }
    return WR_OK;
}

// More of the text behind what is there. f->ended: there was nothing more.
static wr_err fill(struct wr_message_file *f, struct wr_fault *fault)
{
    if (f->next > 0) {
        size_t len = f->text.len - f->next;
        memmove(f->text.at, f->text.at + f->next, len);
        f->text.len = len;
        f->looked -= f->next;
        f->next = 0;
    }
    char *to = wr_buf_reserve(&f->text, BLOCK_BYTES);
    wr_assert(to); // no limit is set: next_line() keeps it
    if (f->gzip) {
        return inflate_some(f, to, BLOCK_BYTES, fault);
    }
    ssize_t n = read_some(f, to, BLOCK_BYTES, fault);
    if (n < 0) {
        return WR_ERR_IO;
    }
    if (f->done == (uint64_t)n && n >= 2 && memcmp(to, "\x1f\x8b", 2) == 0) {
        return wr_fault_set(fault, WR_ERR_SYNTAX, "is gzip data: give it a name that ends in .gz");
    }
    f->text.len += (size_t)n;
    f->ended = n == 0;
    return WR_OK;
}

// ---- lines

// *whole: a line end was behind it. `line.at` NULL at the end.
static wr_err next_line(struct wr_message_file *f, bool *whole, struct wr_fault *fault)
{
    f->line = (wr_str){NULL, 0};
    const char *stop;
    while (!(stop = f->text.len > f->looked
                        ? memchr(f->text.at + f->looked, '\n', f->text.len - f->looked)
                        : NULL)) {
        f->looked = f->text.len;
        if (f->text.len - f->next > WR_MESSAGE_LINE_MAX) {
            return wr_fault_set(fault, WR_ERR_LIMIT, ":%zu:1: the line is longer than %u bytes",
                                f->number + 1, WR_MESSAGE_LINE_MAX);
        }
        wr_err err = f->ended ? WR_OK : fill(f, fault);
        if (err) {
            return err;
        }
        if (f->ended) {
            break;
        }
    }
    size_t end = stop ? (size_t)(stop - f->text.at) : f->text.len;
    *whole = stop;
    if (end == f->next && !stop) {
        return WR_OK;
    }
    f->number++;
    f->line = wr_str_cut(wr_buf_str(&f->text), f->next, end);
    f->next = f->looked = end + (stop != NULL);
    while (f->line.len && memchr("\r \t", f->line.at[f->line.len - 1], 3)) {
        f->line.len--;
    }
    return WR_OK;
}

static wr_err at_end(const struct wr_message_file *f, struct wr_fault *fault)
{
    wr_err err = check_unchanged(f, fault);
    return !err && f->messages == 0 ? wr_fault_set(fault, WR_ERR_MISSING, "holds no message") : err;
}

wr_err wr_message_file_next(struct wr_message_file *f, struct wr_arena *arena,
                            struct wr_file_message *out, bool *end, struct wr_fault *fault)
{
    bool whole = true;
    struct wr_fault inner = {0};
    wr_err err;
    do {
        err = next_line(f, &whole, &inner);
    } while (!err && f->line.at && !f->line.len);
    *end = !err && !f->line.at;
    if (*end) {
        err = at_end(f, &inner);
    }
    if (!err && !*end) {
        struct wr_fault why = {0};
        err = wr_message_text_read(f->line, arena, out, &why);
        f->messages++;
        if (err) {
            wr_fault_set(&inner, err, ":%zu:%" PRIu32 ": %s%s", f->number, why.column, why.text,
                         whole ? "" : " (the file ends within this line: was it cut off?)");
        }
    }
    if (err) {
        *end = false;
        bool placed = inner.text[0] == ':';
        if (fault) {
            wr_fault_set(fault, err, "%s%s%s", f->name, placed ? "" : ": ", inner.text);
        }
    }
    return err;
}

// ---- open and close

wr_err wr_message_file_open(const char *name, struct wr_message_file **out, struct wr_fault *fault)
{
    struct wr_message_file *f = wr_zalloc(sizeof *f);
    bool standard = strcmp(name, "-") == 0;
    f->name = wr_strdup(wr_str_of(standard ? "standard input" : name));
    f->fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    wr_err err = WR_OK;
    if (f->fd < 0 || fstat(f->fd, &f->opened) != 0) {
        err = wr_fault_set(fault, WR_ERR_IO, "cannot be opened: %s", strerror(errno));
    } else if (S_ISDIR(f->opened.st_mode)) {
        err = wr_fault_set(fault, WR_ERR_TYPE, "is a folder, expected a message file");
    }
    f->regular = !err && !standard && S_ISREG(f->opened.st_mode);
    f->gzip = wr_str_ends(wr_str_of(name), WR_STR(".gz"));
    if (!err && f->gzip) {
        f->block = wr_alloc(BLOCK_BYTES);
        f->z_open = inflateInit2(&f->z, GZIP_WINDOW) == Z_OK;
        if (!f->z_open) {
            wr_out_of_memory(sizeof f->z);
        }
    }
    if (err) {
        told(f, fault, err);
        wr_message_file_close(f);
        return err;
    }
    *out = f;
    return WR_OK;
}

void wr_message_file_close(struct wr_message_file *f)
{
    if (!f) {
        return;
    }
    if (f->z_open) {
        inflateEnd(&f->z);
    }
    if (f->fd > STDIN_FILENO) {
        close(f->fd);
    }
    wr_buf_release(&f->text);
    free(f->block);
    free(f->name);
    free(f);
}
