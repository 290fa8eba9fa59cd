// The spool's thread that writes: groups, marks, removals. A full disk is waited for, with marks
// and removals going on meanwhile, since those are what makes room. Reads are spool_read.c's.
#include "engine/flow/spool_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/observe/log.h"
#include "sql/base/clock.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define FULL_RETRY_US 200000 // how often a full disk is tried again

static int system_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

// File systems that cannot preallocate write all the same, only slower.
static int system_fallocate(int fd, off_t size)
{
    int rc;
    do {
        rc = fallocate(fd, 0, 0, size);
    } while (rc != 0 && errno == EINTR);
    return rc != 0 && (errno == EOPNOTSUPP || errno == ENOSYS) ? 0 : rc;
}

const struct wr_spool_io wr_spool_system_io = {
    .open = system_open,
    .pwrite = pwrite,
    .fdatasync = fdatasync,
    .fallocate = system_fallocate,
    .unlink = unlink,
};

char *wr_spool_path(const struct wr_spool *s, uint64_t base_seq, const char *what)
{
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s/%016" PRIx64 ".%s", s->dir, base_seq, what);
    char *copy = wr_strdup(wr_buf_str(&path));
    wr_buf_release(&path);
    return copy;
}

static bool is_full(int error)
{
    return error == ENOSPC || error == EDQUOT;
}

static wr_err write_at(const struct wr_spool *s, int fd, const void *from, size_t len,
                       uint64_t offset)
{
    const char *at = from;
    while (len > 0) {
        ssize_t n = s->io.pwrite(fd, at, len, (off_t)offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n == 0 ? EIO : errno;
            return WR_ERR_IO;
        }
        at += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return WR_OK;
}

static wr_err sync_dir(const struct wr_spool *s)
{
    int fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    wr_err err = fd >= 0 && fsync(fd) == 0 ? WR_OK : WR_ERR_IO;
    if (fd >= 0) {
        close(fd);
    }
    return err;
}

bool wr_spool_set_aside(const struct wr_spool *s, const char *name, const void *at, size_t len,
                        bool *fresh)
{
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s/" WR_SPOOL_DAMAGED, s->dir);
    mkdir(wr_buf_terminated(&path), 0700);
    wr_buf_addf(&path, "/%s", name);
    const char *file = wr_buf_terminated(&path);
    bool there = access(file, F_OK) == 0;
    bool ok = there;
    if (!there) {
        int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        ok = fd >= 0 && write_at(s, fd, at, len, 0) == WR_OK && fsync(fd) == 0;
        if (fd >= 0) {
            close(fd);
        }
        if (fd >= 0 && !ok) {
            unlink(file); // a part would be taken for the whole the next time
        }
    }
    wr_buf_release(&path);
    if (fresh) {
        *fresh = !there;
    }
    return ok;
}

// ---- the manifest

// A line a segment. Replaced, not synced: an old one only makes a wrong complaint.
static void write_manifest(const struct wr_spool *s, const struct wr_spool_command *c)
{
    if (!c->manifest) {
        return;
    }
    struct wr_buf text = {0}, path = {0}, draft = {0};
    wr_buf_addf(&text, "weir spool %d\n", WR_SPOOL_VERSION);
    for (size_t i = 0; i < c->manifest_count; i++) {
        wr_buf_addf(&text, "%016" PRIx64 " %08" PRIx32 "\n", c->manifest[i].base_seq,
                    c->manifest[i].salt);
    }
    wr_buf_addf(&path, "%s/manifest", s->dir);
    wr_buf_addf(&draft, "%s/manifest.tmp", s->dir);
    int fd = open(wr_buf_terminated(&draft), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) {
        bool ok = write_at(s, fd, text.at, text.len, 0) == WR_OK;
        close(fd);
        if (!ok || rename(wr_buf_terminated(&draft), wr_buf_terminated(&path)) != 0) {
            unlink(wr_buf_terminated(&draft));
        }
    }
    wr_buf_release(&text);
    wr_buf_release(&path);
    wr_buf_release(&draft);
}

// ---- groups

uint32_t wr_spool_header_crc(const struct wr_spool_batch_header *h, uint32_t salt)
{
    uint32_t crc = wr_crc32c(0, &salt, sizeof salt);
    return wr_crc32c(crc, (const char *)h + 8, sizeof *h - 8);
}

static void seal(struct wr_spool_group *g, uint32_t salt)
{
    char *body = g->body.at;
    for (uint32_t i = 0; i < g->count; i++) {
        struct wr_spool_entry_header entry;
        memcpy(&entry, body + g->offsets[i], sizeof entry);
        entry.crc = wr_crc32c(0, body + g->offsets[i] + sizeof entry, entry.len);
        memcpy(body + g->offsets[i], &entry, sizeof entry);
    }
    struct wr_spool_batch_header h = {.mark = WR_SPOOL_BATCH_MARK,
                                      .base_seq = g->base_seq,
                                      .body_len = (uint32_t)(g->body.len - sizeof h),
                                      .count = g->count};
    h.body_crc = wr_crc32c(0, body + sizeof h, h.body_len);
    h.crc = wr_spool_header_crc(&h, salt);
    memcpy(body, &h, sizeof h);
}

// Make the files of a new segment; what is in them and their names are synced with its first group.
// On failure nothing is left open, and no file that takes room.
static wr_err create_segment(const struct wr_spool *s, struct wr_spool_command *c)
{
    char *path = wr_spool_path(s, c->base_seq, "seg");
    char *done = wr_spool_path(s, c->base_seq, "done");
    struct wr_spool_segment_header h = {.version = WR_SPOOL_VERSION,
                                        .header_size = sizeof h,
                                        .base_seq = c->base_seq,
                                        .created_ms = wr_wall_ms(),
                                        .salt = c->salt};
    memcpy(h.mark, WR_SPOOL_SEGMENT_MARK, sizeof h.mark);
    h.crc = wr_crc32c(0, &h, offsetof(struct wr_spool_segment_header, crc));
    int fd = s->io.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int done_fd = fd < 0 ? -1 : s->io.open(done, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    bool ok = done_fd >= 0 && s->io.fallocate(fd, (off_t)c->size) == 0 &&
              write_at(s, fd, &h, sizeof h, 0) == WR_OK;
    int error = errno;
    if (ok) {
        c->fd = fd;
        c->done_fd = done_fd;
    } else {
        if (fd >= 0) {
            close(fd);
            unlink(path);
        }
        if (done_fd >= 0) {
            close(done_fd);
            unlink(done);
        }
    }
    free(path);
    free(done);
    errno = error;
    return ok ? WR_OK : WR_ERR_IO;
}

// One try.
static wr_err write_group(const struct wr_spool *s, struct wr_spool_command *c)
{
    const char *what = "making a segment";
    if (c->create && c->fd < 0) {
        if (create_segment(s, c)) {
            goto failed;
        }
        if (c->trim && ftruncate(c->trim_fd, (off_t)c->trim) != 0) {
            wr_log(WR_LOG_WARN, "spool", "a full segment keeps its spare room: %s",
                   strerror(errno));
        }
        write_manifest(s, c);
    }
    what = "writing";
    const struct wr_buf *body = &c->group->body;
    if (write_at(s, c->fd, body->at, body->len, c->offset)) {
        goto failed;
    }
    what = "syncing";
    if (s->io.fdatasync(c->fd) == 0 && (!c->create || sync_dir(s) == WR_OK)) {
        return WR_OK;
    }
    // What a failed sync has lost cannot be known, and a second one may say that all is well.
    wr_fault_set(&c->fault, WR_ERR_IO, "spool %s: syncing failed: %s", s->dir, strerror(errno));
    return WR_ERR_IO;
failed:
    wr_fault_set(&c->fault, is_full(errno) ? WR_ERR_LIMIT : WR_ERR_IO, "spool %s: %s failed: %s",
                 s->dir, what, strerror(errno));
    return c->fault.code;
}

// ---- the rest

static void write_marks(const struct wr_spool *s, const struct wr_spool_command *c)
{
    static const size_t chunk = 512;
    uint32_t pairs[2 * 512];
    for (size_t i = 0, n; i < c->mark_count; i += n) {
        int fd = c->marks[i].fd;
        for (n = 0; n < chunk && i + n < c->mark_count && c->marks[i + n].fd == fd; n++) {
            pairs[2 * n] = c->marks[i + n].index;
            pairs[2 * n + 1] = ~c->marks[i + n].index;
        }
        if (write(fd, pairs, n * 8) != (ssize_t)(n * 8)) {
            static struct wr_log_limit limit; // the thread's
            wr_log_limited(&limit, WR_LOG_WARN, "spool",
                           "%s: what is done could not be noted (%s): after a crash it would be "
                           "delivered again",
                           s->dir, strerror(errno));
        }
    }
}

static void unlist(struct wr_spool_command *c, uint64_t base_seq)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->manifest_count; i++) {
        if (c->manifest[i].base_seq != base_seq) {
            c->manifest[kept++] = c->manifest[i];
        }
    }
    c->manifest_count = kept;
}

// A segment goes while a write waits for room: the write must not cut or list it, and the segment
// that the write is to make is not there yet.
static void pass_stuck(struct wr_spool_command *write, struct wr_spool_command *c)
{
    if (write->trim_fd == c->fd) {
        write->trim = 0; // the descriptor may soon be another file's
    }
    unlist(write, c->base_seq);
    if (write->create && write->fd < 0) {
        unlist(c, write->base_seq);
    }
}

static void drop(const struct wr_spool *s, const struct wr_spool_command *c)
{
    char *path = wr_spool_path(s, c->base_seq, "seg");
    char *done = wr_spool_path(s, c->base_seq, "done");
    write_manifest(s, c);
    // The segment first: without its marks it would be delivered again.
    if (s->io.unlink(path) != 0 && errno != ENOENT) {
        wr_log(WR_LOG_WARN, "spool", "%s cannot be removed: %s", path, strerror(errno));
    } else {
        s->io.unlink(done);
    }
    if (c->fd >= 0) {
        close(c->fd);
    }
    if (c->done_fd >= 0) {
        close(c->done_fd);
    }
    free(path);
    free(done);
}

static void say_full(struct wr_spool *s, bool full, const struct wr_fault *why)
{
    struct wr_spool_command *state = wr_zalloc(sizeof *state);
    state->kind = WR_SPOOL_STATE;
    state->full = full;
    if (why) {
        state->fault = *why;
    }
    wr_mailbox_send(&s->answers, &state->letter);
}

// Try the write until it is done or its failure is final. NULL: it waits for room.
static struct wr_spool_command *try_write(struct wr_spool *s, struct wr_spool_command *c,
                                          bool *waiting)
{
    c->fault.code = WR_OK;
    if (write_group(s, c) == WR_ERR_LIMIT && !s->stopping) {
        if (!*waiting) {
            say_full(s, true, &c->fault);
        }
        *waiting = true;
        return c;
    }
    if (*waiting) {
        say_full(s, false, NULL);
    }
    *waiting = false;
    wr_mailbox_send(&s->answers, &c->letter);
    return NULL;
}

void wr_spool_thread(void *spool)
{
    struct wr_spool *s = spool;
    struct wr_spool_command *stuck = NULL, *stop = NULL; // a write that waits for room
    bool waiting = false;
    while (!stop || stuck) {
        struct wr_letter *letters =
            stop ? NULL : wr_mailbox_wait(&s->commands, stuck ? FULL_RETRY_US : UINT64_MAX);
        while (letters) {
            struct wr_spool_command *c = (struct wr_spool_command *)letters;
            letters = letters->next;
            switch (c->kind) {
            case WR_SPOOL_WRITE:
                seal(c->group, c->salt);
                stuck = try_write(s, c, &waiting);
                continue; // answered by itself
            case WR_SPOOL_MARK:
                write_marks(s, c);
                break;
            case WR_SPOOL_DROP:
                if (stuck) {
                    pass_stuck(stuck, c);
                }
                drop(s, c);
                break;
            case WR_SPOOL_STOP:
                s->stopping = true;
                stop = c;
                continue;
            case WR_SPOOL_FETCH:
            case WR_SPOOL_STATE:
                wr_assert(false);
            }
            wr_mailbox_send(&s->answers, &c->letter);
        }
        if (stuck) {
            stuck = try_write(s, stuck, &waiting);
        }
    }
    wr_mailbox_send(&s->answers, &stop->letter);
}
