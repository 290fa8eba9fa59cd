// What a former process left: segments are read once, whole, and every batch is checked. What
// cannot be read is kept in DIR/damaged and said; nothing of it stops the start, except a file of a
// newer format or a disk that cannot be read.
#include "engine/flow/spool_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/observe/log.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

struct scan {
    struct wr_spool *s;
    struct wr_spool_segment *segment;
    const char *at; // the whole file
    size_t len;
    size_t end; // behind it there are only zeros
    bool last;  // of the spool's segments
    uint64_t next_seq;
    uint32_t salt;
};

// ---- batches

static bool all_zero(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (at[i]) {
            return false;
        }
    }
    return true;
}

// A header that was written so, and whose batch may stand here.
static bool header_at(const struct scan *c, size_t pos, struct wr_spool_batch_header *h)
{
    if (pos + sizeof *h > c->len) {
        return false;
    }
    memcpy(h, c->at + pos, sizeof *h);
    return h->mark == WR_SPOOL_BATCH_MARK && h->base_seq >= c->next_seq &&
           h->crc == wr_spool_header_crc(h, c->salt);
}

static bool body_is_whole(const struct scan *c, size_t pos, const struct wr_spool_batch_header *h)
{
    const char *body = c->at + pos + sizeof *h;
    return h->body_len <= c->len - pos - sizeof *h &&
           wr_crc32c(0, body, h->body_len) == h->body_crc;
}

// Take the entries of a batch whose checksum fits.
static void take_batch(struct scan *c, size_t pos, const struct wr_spool_batch_header *h)
{
    size_t at = pos + sizeof *h;
    while (c->next_seq < h->base_seq) { // lost to damage before it: numbers without bytes
        wr_spool_segment_add(c->segment, 0);
        wr_spool_segment_mark(c->segment, c->segment->count - 1);
        c->next_seq++;
    }
    for (uint32_t i = 0; i < h->count; i++) {
        struct wr_spool_entry_header entry;
        memcpy(&entry, c->at + at, sizeof entry);
        wr_spool_segment_add(c->segment, at);
        at += sizeof entry + wr_spool_padded(entry.len);
    }
    c->next_seq = h->base_seq + h->count;
}

// Bytes [from, to) are no batches. `torn`: the process ended while it wrote them.
static void damaged(struct scan *c, size_t from, size_t to, bool torn)
{
    while (to > from && c->at[to - 1] == 0) {
        to--; // spare room
    }
    if (to == from) {
        return;
    }
    c->s->stats.damaged_batches++;
    c->s->stats.damaged_bytes += to - from;
    if (c->s->options.read_only) {
        return; // it may be what is being written now
    }
    char name[64];
    bool fresh;
    // The number of a segment without whole batches is given again: the content tells them apart.
    snprintf(name, sizeof name, "%016" PRIx64 "-%08zx-%08" PRIx32, c->segment->base_seq, from,
             wr_crc32c(0, c->at + from, to - from));
    bool kept = wr_spool_set_aside(c->s, name, c->at + from, to - from, &fresh);
    c->segment->pinned |= !kept;
    if (kept && !fresh) {
        return; // was said when it was found
    }
    wr_log(torn ? WR_LOG_WARN : WR_LOG_ERROR, "spool",
           "%s/%016" PRIx64 ".seg: %zu bytes at %zu %s; they are %s%s", c->s->dir,
           c->segment->base_seq, to - from, from,
           torn ? "are a batch that was not finished, of which nobody was told that it was kept"
           : from == 0 ? "are damaged, the head of the file: the batches behind it are read"
                       : "are damaged, and the entries in them lost",
           kept ? "set aside as damaged/" : "left where they are, since they cannot be copied to ",
           kept ? name : "damaged/");
}

// The place of the next batch behind `pos`, or the file's length.
static size_t find_batch(const struct scan *c, size_t pos)
{
    struct wr_spool_batch_header h;
    for (pos = wr_spool_padded(pos); pos < c->len; pos += WR_SPOOL_ALIGN) {
        if (header_at(c, pos, &h) && body_is_whole(c, pos, &h)) {
            return pos;
        }
    }
    return c->len;
}

static void scan_batches(struct scan *c)
{
    size_t pos = sizeof(struct wr_spool_segment_header);
    while (pos < c->len) {
        struct wr_spool_batch_header h;
        bool header = header_at(c, pos, &h);
        if (header && body_is_whole(c, pos, &h)) {
            take_batch(c, pos, &h);
            pos += sizeof h + h.body_len;
            continue;
        }
        if (all_zero(c->at + pos, c->len - pos)) {
            c->end = pos;
            return;
        }
        size_t next;
        if (header) { // its length can be trusted
            next = h.body_len < c->len - pos - sizeof h ? pos + sizeof h + h.body_len : c->len;
        } else {
            next = find_batch(c, pos + 1);
        }
        damaged(c, pos, next, c->last && all_zero(c->at + next, c->len - next));
        pos = next;
    }
}

// ---- segments

static bool read_file(const char *path, struct wr_buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool ok = true;
    for (;;) {
        char *to = wr_buf_reserve(out, 1 << 20);
        wr_assert(to);
        ssize_t n = read(fd, to, 1 << 20);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            ok = n == 0;
            break;
        }
        out->len += (size_t)n;
    }
    int error = errno;
    close(fd);
    errno = error;
    return ok;
}

static void read_marks(struct wr_spool *s, struct wr_spool_segment *segment)
{
    char *path = wr_spool_path(s, segment->base_seq, "done");
    struct wr_buf b = {0};
    if (!read_file(path, &b) && !s->options.read_only) {
        wr_log(WR_LOG_WARN, "spool",
               "%s cannot be read (%s): all %" PRIu32 " entries of its segment are delivered again",
               path, strerror(errno), segment->count);
    }
    for (size_t at = 0; at + 8 <= b.len;) {
        uint32_t pair[2];
        memcpy(pair, b.at + at, sizeof pair);
        bool whole = pair[0] == ~pair[1];
        if (whole && pair[0] < segment->count) {
            wr_spool_segment_mark(segment, pair[0]);
        }
        at += whole ? 8 : 1; // a torn write leaves the next pairs out of step
    }
    wr_buf_release(&b);
    free(path);
}

static wr_err check_header(struct scan *c, const char *path, struct wr_fault *fault)
{
    struct wr_spool_segment_header h;
    if (c->len >= sizeof h) {
        memcpy(&h, c->at, sizeof h);
        if (memcmp(h.mark, WR_SPOOL_SEGMENT_MARK, sizeof h.mark) == 0 &&
            h.crc == wr_crc32c(0, &h, offsetof(struct wr_spool_segment_header, crc))) {
            if (h.version > WR_SPOOL_VERSION) {
                return wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                                    "%s is in format %" PRIu32 ", this weir reads up to %d: start "
                                    "the newer weir, or move the folder away",
                                    path, h.version, WR_SPOOL_VERSION);
            }
            c->salt = h.salt;
            return WR_OK;
        }
    }
    // Batches speak for themselves, once it is known how they were salted.
    size_t size = c->len < sizeof h ? c->len : sizeof h;
    damaged(c, 0, size, c->last && all_zero(c->at + size, c->len - size));
    return WR_OK;
}

static wr_err open_segment(const struct wr_spool *s, struct wr_spool_segment *segment,
                           const char *path, const char *done, struct wr_fault *fault)
{
    bool read_only = s->options.read_only;
    segment->fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (!read_only) {
        segment->done_fd = open(done, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    if (segment->fd < 0 || (segment->done_fd < 0 && !read_only)) {
        return wr_fault_set(fault, WR_ERR_IO, "%s cannot be opened: %s", path, strerror(errno));
    }
    return WR_OK;
}

static wr_err read_segment(struct wr_spool *s, uint64_t base_seq, uint32_t salt, bool last,
                           struct wr_fault *fault)
{
    char *path = wr_spool_path(s, base_seq, "seg");
    char *done = wr_spool_path(s, base_seq, "done");
    struct wr_buf b = {0};
    wr_err err = WR_OK;
    if (!read_file(path, &b)) {
        if (errno == ENOENT && s->options.read_only) {
            goto out; // it has gone since the folder was listed
        }
        err = wr_fault_set(fault, WR_ERR_IO, "%s cannot be read: %s", path, strerror(errno));
        goto out;
    }
    struct wr_spool_segment *segment = wr_spool_segment_new(s, base_seq);
    segment->used = segment->size = b.len;
    struct scan c = {.s = s,
                     .segment = segment,
                     .at = b.at,
                     .len = b.len,
                     .end = b.len,
                     .last = last,
                     .next_seq = base_seq,
                     .salt = salt};
    err = check_header(&c, path, fault);
    if (err) {
        goto out;
    }
    segment->salt = c.salt;
    scan_batches(&c);
    read_marks(s, segment);
    err = open_segment(s, segment, path, done, fault);
    if (err) {
        goto out;
    }
    // What a kill left unsynced will be trusted from here on.
    if (!s->options.read_only && segment->live && s->io.fdatasync(segment->fd)) {
        err = wr_fault_set(fault, WR_ERR_IO, "%s: syncing failed: %s", path, strerror(errno));
        goto out;
    }
    // Nothing is added to it any more: its spare room is free for others.
    if (c.end < b.len && !s->options.read_only && ftruncate(segment->fd, (off_t)c.end) == 0) {
        segment->used = segment->size = c.end;
    }
    segment->durable = c.end;
    if (c.next_seq > s->next_seq) {
        s->next_seq = c.next_seq;
    }
    s->stats.disk_bytes += segment->size;
    s->stats.recovered += segment->live;
    s->stats.pending += segment->live;
out:
    wr_buf_release(&b);
    free(path);
    free(done);
    return err;
}

// ---- the folder

static int by_number(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

// "0123456789abcdef.seg"
static bool segment_name(const char *name, uint64_t *base_seq)
{
    char *end;
    if (strlen(name) != 20 || strcmp(name + 16, ".seg") != 0) {
        return false;
    }
    errno = 0;
    *base_seq = strtoull(name, &end, 16);
    return end == name + 16 && errno == 0 && *base_seq > 0;
}

static wr_err list_segments(const struct wr_spool *s, uint64_t **numbers, size_t *count,
                            struct wr_fault *fault)
{
    DIR *dir = opendir(s->dir);
    if (!dir && errno == ENOENT && s->options.read_only) {
        return WR_OK;
    }
    if (!dir) {
        return wr_fault_set(fault, WR_ERR_IO, "%s cannot be read: %s", s->dir, strerror(errno));
    }
    size_t cap = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        uint64_t number;
        if (!segment_name(entry->d_name, &number)) {
            continue;
        }
        if (*count == cap) {
            cap = cap ? 2 * cap : 16;
            *numbers = wr_realloc(*numbers, cap * sizeof **numbers);
        }
        (*numbers)[(*count)++] = number;
    }
    closedir(dir);
    if (*count > 1) {
        qsort(*numbers, *count, sizeof **numbers, by_number);
    }
    return WR_OK;
}

// Absent, it says nothing.
static void read_manifest(const struct wr_spool *s, struct wr_spool_manifest **lines, size_t *count)
{
    struct wr_buf path = {0}, text = {0};
    wr_buf_addf(&path, "%s/manifest", s->dir);
    bool there = read_file(wr_buf_terminated(&path), &text);
    const char *line = there ? strchr(wr_buf_terminated(&text), '\n') : NULL;
    struct wr_spool_manifest m;
    int used;
    while (line &&
           sscanf(line + 1, "%16" SCNx64 " %8" SCNx32 "%n", &m.base_seq, &m.salt, &used) == 2 &&
           line[1 + used] == '\n') {
        *lines = wr_realloc(*lines, (*count + 1) * sizeof **lines);
        (*lines)[(*count)++] = m;
        line += 1 + used;
    }
    wr_buf_release(&path);
    wr_buf_release(&text);
}

static void complain_of_missing(struct wr_spool *s, const struct wr_spool_manifest *lines,
                                size_t count, const uint64_t *numbers, size_t number_count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t number = lines[i].base_seq;
        if (bsearch(&number, numbers, number_count, sizeof *numbers, by_number)) {
            continue;
        }
        s->stats.missing_segments++;
        wr_log(WR_LOG_ERROR, "spool",
               "%s/%016" PRIx64 ".seg is missing: what was in it and not yet delivered is lost",
               s->dir, number);
        if (number >= s->next_seq) {
            s->next_seq = number + 1; // its name is not given again
        }
    }
}

static uint32_t salt_of(const struct wr_spool_manifest *lines, size_t count, uint64_t base_seq)
{
    for (size_t i = 0; i < count; i++) {
        if (lines[i].base_seq == base_seq) {
            return lines[i].salt;
        }
    }
    return 0;
}

wr_err wr_spool_recover(struct wr_spool *s, struct wr_fault *fault)
{
    uint64_t *numbers = NULL;
    struct wr_spool_manifest *lines = NULL;
    size_t count = 0, line_count = 0;
    s->next_seq = 1;
    wr_err err = list_segments(s, &numbers, &count, fault);
    if (!err) {
        read_manifest(s, &lines, &line_count);
    }
    for (size_t i = 0; !err && i < count; i++) {
        uint32_t salt = salt_of(lines, line_count, numbers[i]);
        err = read_segment(s, numbers[i], salt, i + 1 == count, fault);
    }
    if (s->options.read_only) {
        // Segments come and go.
    } else if (!err && count > 0) {
        complain_of_missing(s, lines, line_count, numbers, count);
    } else if (!err) {
        complain_of_missing(s, lines, line_count, NULL, 0);
    }
    free(numbers);
    free(lines);
    return err;
}
