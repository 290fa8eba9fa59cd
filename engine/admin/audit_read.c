// The reading half of the audit log: the end of the file, the chain, pages.
#include "engine/admin/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/admin/audit_files.h"

#include "sql/base/banned.h"

#define PIECE 65536

void wr_audit_line_sum(wr_str line, char out[WR_AUDIT_SUM_LEN + 1])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    wr_assert(EVP_Digest(line.at ? line.at : "", line.len, hash, NULL, EVP_sha256(), NULL) == 1);
    for (size_t i = 0; i < 32; i++) {
        out[2 * i] = "0123456789abcdef"[hash[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
    }
    out[WR_AUDIT_SUM_LEN] = '\0';
}

// "0…0": before the first line.
static void no_sum(char out[WR_AUDIT_SUM_LEN + 1])
{
    memset(out, '0', WR_AUDIT_SUM_LEN);
    out[WR_AUDIT_SUM_LEN] = '\0';
}

static bool seq_of(wr_str line, uint64_t *seq)
{
    wr_str begin = WR_STR("{\"seq\":");
    uint64_t n = 0;
    size_t i = begin.len;
    if (!wr_str_starts(line, begin)) {
        return false;
    }
    for (; i < line.len && i < begin.len + 18 && line.at[i] >= '0' && line.at[i] <= '9'; i++) {
        n = n * 10 + (uint64_t)(line.at[i] - '0');
    }
    *seq = n;
    return i > begin.len && i < line.len && line.at[i] == ',';
}

// A whole line of the log: JSON with a number. Give; NULL: it is none.
static json_t *read_line(wr_str line, uint64_t *seq)
{
    if (!seq_of(line, seq)) {
        return NULL;
    }
    json_t *o = json_loadb(line.at, line.len, JSON_REJECT_DUPLICATES, NULL);
    if (o && !json_is_string(json_object_get(o, "previous"))) {
        json_decref(o);
        o = NULL;
    }
    return o;
}

// ---- lines of a file, from an offset on

struct lines {
    int fd;
    int64_t at; // of the next byte to read
    struct wr_buf buf;
    size_t from;   // of the next line in buf
    int64_t start; // of the line in the file
    bool too_long, failed;
};

// The next whole line, without its line feed; false at the end, and then `half` has what is left.
static bool next_line(struct lines *l, wr_str *line, wr_str *half)
{
    size_t looked = l->from;
    for (;;) {
        const char *feed =
            l->buf.len > looked ? memchr(l->buf.at + looked, '\n', l->buf.len - looked) : NULL;
        if (feed) {
            *line = wr_str_cut(wr_buf_str(&l->buf), l->from, (size_t)(feed - l->buf.at));
            l->start = l->at - (int64_t)(l->buf.len - l->from);
            l->from += line->len + 1;
            return true;
        }
        if (l->buf.len - l->from > 2 * (size_t)WR_AUDIT_LINE_MAX) {
            l->too_long = true;
            return false;
        }
        size_t left = l->buf.len - l->from;
        if (l->from) {
            memmove(l->buf.at, l->buf.at + l->from, left);
            l->buf.len = left;
            l->from = 0;
        }
        looked = left;
        char piece[PIECE];
        ssize_t n = pread(l->fd, piece, sizeof piece, l->at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            l->failed = n < 0;
            *half = wr_buf_str(&l->buf);
            return false;
        }
        wr_buf_add(&l->buf, (wr_str){piece, (size_t)n});
        l->at += n;
    }
}

static wr_err ended(const struct lines *l, const char *path, struct wr_fault *fault)
{
    return l->failed     ? wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno))
           : l->too_long ? wr_fault_set(fault, WR_ERR_CORRUPT,
                                        "%s: no line of weir's at byte %lld: longer than any", path,
                                        (long long)(l->at - (int64_t)l->buf.len))
                         : WR_OK;
}

// ---- the chain

struct walk {
    struct wr_audit_sum *out;
    char sum[WR_AUDIT_SUM_LEN + 1];
    // The chain begins in its middle: from the line with this number and sum, which a line of
    // weir's own must have told of before its file was removed.
    bool begun_late, vouched;
    uint64_t before_seq;
    char before_sum[WR_AUDIT_SUM_LEN + 1];
};

static void begin_late(struct walk *w, uint64_t seq, const char *previous)
{
    if (seq > 1 && strlen(previous) == WR_AUDIT_SUM_LEN && strcmp(previous, w->sum) != 0) {
        w->begun_late = true;
        w->before_seq = w->out->last_seq = seq - 1;
        memcpy(w->before_sum, previous, sizeof w->before_sum);
        memcpy(w->sum, previous, sizeof w->sum);
    }
}

static void look_for_voucher(struct walk *w, const json_t *o)
{
    const char *operation = json_string_value(json_object_get(o, "operation"));
    if (!w->begun_late || !operation || strcmp(operation, WR_AUDIT_REMOVED) != 0) {
        return;
    }
    const json_t *changes = json_object_get(o, "changes");
    const char *sum = json_string_value(json_object_get(changes, "sum"));
    w->vouched = w->vouched ||
                 (sum && !strcmp(sum, w->before_sum) &&
                  (uint64_t)json_integer_value(json_object_get(changes, "last")) == w->before_seq);
}

static wr_err not_after(const char *path, unsigned long long n, struct wr_fault *fault)
{
    return wr_fault_set(fault, WR_ERR_CORRUPT,
                        "%s, line %llu: the line before it is not the one it was written "
                        "after: something was changed, taken out or put in",
                        path, n);
}

static wr_err verify_line(struct walk *w, const char *path, unsigned long long n, wr_str line,
                          struct wr_fault *fault)
{
    uint64_t seq = 0;
    json_t *o = read_line(line, &seq);
    if (!o) {
        return wr_fault_set(fault, WR_ERR_CORRUPT, "%s, line %llu: is damaged", path, n);
    }
    const char *previous = json_string_value(json_object_get(o, "previous"));
    wr_err err = WR_OK;
    if (w->out->lines++ == 0) {
        begin_late(w, seq, previous);
        w->out->first_seq = seq;
    }
    unsigned long long want = w->out->last_seq + 1;
    if (strcmp(previous, w->sum) != 0) {
        err = not_after(path, n, fault);
    } else if (seq != want) {
        err = wr_fault_set(fault, WR_ERR_CORRUPT, "%s, line %llu: has number %llu, expected %llu",
                           path, n, (unsigned long long)seq, want);
    }
    look_for_voucher(w, o);
    json_decref(o);
    wr_audit_line_sum(line, w->sum);
    w->out->last_seq = seq;
    memcpy(w->out->last_sum, w->sum, sizeof w->sum);
    return err;
}

static wr_err verify_file(struct walk *w, const struct wr_audit_file *file, bool last,
                          struct wr_fault *fault)
{
    struct lines l = {.fd = file->fd};
    wr_str line, half = {0};
    unsigned long long n = 0;
    wr_err err = WR_OK;
    while (!err && next_line(&l, &line, &half)) {
        err = verify_line(w, file->path, ++n, line, fault);
    }
    err = err ? err : ended(&l, file->path, fault);
    if (!err && half.len && !last) {
        err =
            wr_fault_set(fault, WR_ERR_CORRUPT, "%s, line %llu: is half a line", file->path, n + 1);
    }
    w->out->torn = half.len > 0;
    wr_buf_release(&l.buf);
    return err;
}

wr_err wr_audit_verify(const char *path, struct wr_audit_sum *out, struct wr_fault *fault)
{
    struct wr_audit_files files;
    wr_err err = wr_audit_files_open(path, &files, fault);
    if (err) {
        return err;
    }
    *out = (struct wr_audit_sum){.files = files.count};
    struct walk w = {.out = out};
    no_sum(w.sum);
    for (size_t i = 0; i < files.count && !err; i++) {
        err = verify_file(&w, &files.at[i], i + 1 == files.count, fault);
    }
    if (!err && w.begun_late && !w.vouched) {
        err = not_after(files.at[0].path, 1, fault);
    }
    wr_audit_files_close(&files);
    return err;
}

// ---- the end

// Where the last `max` bytes begin, at the begin of a line.
static int64_t near_end(int fd, int64_t size, int64_t max)
{
    int64_t from = size > max ? size - max : 0;
    char byte = '\n';
    while (from > 0 && from < size && (pread(fd, &byte, 1, from - 1) != 1 || byte != '\n')) {
        from++;
    }
    return from;
}

wr_err wr_audit_find_end(int fd, struct wr_audit_end *out, struct wr_fault *fault)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s", strerror(errno));
    }
    *out = (struct wr_audit_end){0};
    no_sum(out->sum);
    // Far enough for a line and a half; the whole file if no good line is there.
    for (int64_t max = 4 * (int64_t)WR_AUDIT_LINE_MAX;; max = INT64_MAX) {
        struct lines l = {.fd = fd, .at = near_end(fd, st.st_size, max)};
        bool all = l.at == 0, good = false;
        wr_str line, half = {0};
        struct wr_audit_end end = {0};
        no_sum(end.sum);
        while (next_line(&l, &line, &half)) {
            uint64_t seq = 0;
            json_t *o = read_line(line, &seq);
            good = good || o;
            end.damaged = o ? 0 : end.damaged + 1;
            end.seq = o ? seq : end.seq + 1;
            json_decref(o);
            wr_audit_line_sum(line, end.sum);
            end.end = l.start + (int64_t)line.len + 1;
        }
        end.torn = half.len;
        bool failed = l.failed, too_long = l.too_long;
        wr_buf_release(&l.buf);
        if (failed) {
            return wr_fault_set(fault, WR_ERR_IO, "%s", strerror(errno));
        }
        if (too_long) {
            return wr_fault_set(fault, WR_ERR_CORRUPT,
                                "is not an audit log: it has a line longer than any of weir's; "
                                "move it away");
        }
        if (good || all) {
            *out = end;
            return WR_OK;
        }
    }
}

// ---- pages

// The line at or behind byte `at`: its number. False: there is none.
static bool seq_at(int fd, int64_t at, int64_t size, uint64_t *seq, int64_t *start)
{
    struct lines l = {.fd = fd, .at = near_end(fd, size, size - at)};
    wr_str line, half;
    bool found = false;
    while (!found && next_line(&l, &line, &half)) {
        found = seq_of(line, seq); // a damaged line has none
        *start = l.start;
    }
    wr_buf_release(&l.buf);
    return found;
}

// A place at or before the first line above `after`: numbers only grow.
static int64_t find_after(int fd, uint64_t after)
{
    struct stat st;
    int64_t low = 0, high = fstat(fd, &st) == 0 ? st.st_size : 0;
    while (high - low > PIECE) {
        int64_t middle = low + (high - low) / 2, start = 0;
        uint64_t seq;
        if (seq_at(fd, middle, st.st_size, &seq, &start) && seq <= after) {
            low = middle < start ? start : middle;
        } else {
            high = middle;
        }
    }
    return near_end(fd, st.st_size, st.st_size - low);
}

static bool is_of(const json_t *o, const char *tenant)
{
    const char *own = json_string_value(json_object_get(o, "tenant"));
    const char *subject = json_string_value(json_object_get(o, "subject"));
    return (own && !strcmp(own, tenant)) || (subject && !strcmp(subject, tenant));
}

static wr_err read_file(const struct wr_audit_file *file, uint64_t after, const char *tenant,
                        bool (*each)(void *user, uint64_t seq, wr_str line), void *user, bool *more,
                        struct wr_fault *fault)
{
    struct lines l = {.fd = file->fd, .at = after ? find_after(file->fd, after) : 0};
    wr_str line, half;
    while (*more && next_line(&l, &line, &half)) {
        uint64_t seq;
        if (!seq_of(line, &seq) || seq <= after) {
            continue; // verify tells of damaged ones
        }
        json_t *o = tenant ? json_loadb(line.at, line.len, 0, NULL) : NULL;
        if (!tenant || is_of(o, tenant)) {
            *more = each(user, seq, line);
        }
        json_decref(o);
    }
    wr_err err = ended(&l, file->path, fault);
    wr_buf_release(&l.buf);
    return err;
}

wr_err wr_audit_read(const char *path, uint64_t after, const char *tenant,
                     bool (*each)(void *user, uint64_t seq, wr_str line), void *user,
                     struct wr_fault *fault)
{
    struct wr_audit_files files;
    wr_err err = wr_audit_files_open(path, &files, fault);
    bool more = true;
    for (size_t i = 0; !err && i < files.count && more; i++) {
        if (!files.at[i].last || files.at[i].last > after) {
            err = read_file(&files.at[i], after, tenant, each, user, &more, fault);
        }
    }
    wr_audit_files_close(&files);
    return err;
}
