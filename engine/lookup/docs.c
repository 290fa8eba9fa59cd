// Documents: reading them, and which are kept. A kept one is shared with the reads that compare
// with it, by a count of the loop's.
#include "engine/lookup/docs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/observe/log.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define KEEP_BYTES (64 * 1024) // larger ones are read each time: 16 MiB are kept at most

struct wr_doc {
    char *bytes;
    size_t len;
    struct stat file;
    unsigned locks;
    bool secret;
};

struct kept {
    char *name; // NULL: free
    uint64_t hash;
    struct wr_doc *document;
    uint64_t read_ms; // of uv_now()
};

struct wr_docs {
    struct wr_docs_options options;
    struct kept kept[WR_DOCS_KEPT];
    size_t hand; // the next to go
    size_t under_way;
    uint64_t reads;
};

// ---- documents

static void unlock(struct wr_doc *doc)
{
    if (!doc || --doc->locks > 0) {
        return;
    }
    if (doc->secret) {
        explicit_bzero(doc->bytes, doc->len);
    }
    free(doc->bytes);
    free(doc);
}

static void forget(struct kept *k)
{
    unlock(k->document);
    free(k->name);
    *k = (struct kept){0};
}

static struct kept *find(struct wr_docs *d, wr_str name)
{
    uint64_t hash = wr_hash_str(name);
    for (size_t i = 0; i < WR_DOCS_KEPT; i++) {
        struct kept *k = &d->kept[i];
        if (k->name && k->hash == hash && wr_str_eq(wr_str_of(k->name), name)) {
            return k;
        }
    }
    return NULL;
}

static void keep(struct wr_docs *d, wr_str name, struct wr_doc *doc)
{
    struct kept *k = find(d, name);
    if ((d->options.secret && d->options.fresh_ms == 0) || doc->len > KEEP_BYTES) {
        if (k) {
            forget(k);
        }
        return;
    }
    if (!k) {
        k = &d->kept[d->hand];
        d->hand = (d->hand + 1) % WR_DOCS_KEPT;
        forget(k);
        k->name = wr_strdup(name);
        k->hash = wr_hash_str(name);
    } else {
        unlock(k->document);
    }
    doc->locks++;
    k->document = doc;
    k->read_ms = uv_now(d->options.loop);
}

struct wr_docs *wr_docs_new(const struct wr_docs_options *options)
{
    struct wr_docs *d = wr_zalloc(sizeof *d);
    d->options = *options;
    return d;
}

void wr_docs_set_fresh(struct wr_docs *d, int64_t fresh_ms)
{
    d->options.fresh_ms = fresh_ms;
    for (size_t i = 0; d->options.secret && fresh_ms == 0 && i < WR_DOCS_KEPT; i++) {
        forget(&d->kept[i]);
    }
}

void wr_docs_expire(struct wr_docs *d)
{
    for (size_t i = 0; i < WR_DOCS_KEPT; i++) {
        d->kept[i].read_ms = uv_now(d->options.loop) - (uint64_t)d->options.fresh_ms;
    }
}

void wr_docs_free(struct wr_docs *d)
{
    wr_assert(d->under_way == 0);
    for (size_t i = 0; i < WR_DOCS_KEPT; i++) {
        forget(&d->kept[i]);
    }
    free(d);
}

uint64_t wr_docs_reads(const struct wr_docs *d)
{
    return d->reads;
}

// ---- the worker

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void trouble(struct wr_doc_read *r, wr_err err, const char *what)
{
    r->err_ = wr_fault_set(&r->fault_, err, "%s: %s", r->path_, what);
}

static void read_bytes(struct wr_doc_read *r, int fd, const struct stat *file)
{
    struct wr_doc *doc = wr_zalloc(sizeof *doc);
    doc->locks = 1;
    doc->file = *file;
    doc->secret = r->documents_->options.secret;
    doc->bytes = wr_alloc((size_t)file->st_size + 1);
    // A file that grows meanwhile is cut: then its time has changed, and the next read sees all.
    while (doc->len < (size_t)file->st_size) {
        ssize_t n = read(fd, doc->bytes + doc->len, (size_t)file->st_size - doc->len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            if (n < 0) {
                trouble(r, WR_ERR_IO, strerror(errno));
            }
            break;
        }
        doc->len += (size_t)n;
    }
    r->made_ = doc;
}

static void work(uv_work_t *item)
{
    struct wr_doc_read *r = item->data;
    struct stat file;
    // Never waits: a FIFO put there is opened and refused.
    int fd = open(r->path_, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &file) != 0) {
        trouble(r, errno == ENOENT || errno == ENOTDIR ? WR_ERR_UNKNOWN : WR_ERR_IO,
                errno == ENOENT || errno == ENOTDIR ? "no such file" : strerror(errno));
    } else if (!S_ISREG(file.st_mode)) {
        trouble(r, WR_ERR_IO, "not a file");
    } else if (file.st_size > WR_DOC_MAX) {
        trouble(r, WR_ERR_LIMIT, "more than 1 MiB");
    } else if (!r->known_ || !same_file(&r->known_->file, &file)) {
        read_bytes(r, fd, &file);
    }
    if (fd >= 0) {
        close(fd);
    }
}

// ---- the loop

static void warn_of_mode(const struct wr_docs *d, const struct wr_doc_read *r)
{
    static struct wr_log_limit limit;
    if (d->options.secret && (r->made_->file.st_mode & S_IROTH)) {
        wr_log_limited(&limit, WR_LOG_WARN, "lookups",
                       "secret %s can be read by everybody on this machine: chmod 600", r->path_);
    }
}

static void after_work(uv_work_t *item, int status)
{
    struct wr_doc_read *r = item->data;
    struct wr_docs *d = r->documents_;
    struct wr_doc *known = r->known_, *made = r->made_;
    wr_str name = wr_str_of(r->name_);
    d->under_way--;
    if (made && !r->err_) {
        d->reads++;
        warn_of_mode(d, r);
        keep(d, name, made);
    } else if (r->err_) {
        struct kept *k = find(d, name);
        if (k) {
            forget(k);
        }
    } else {
        struct kept *k = find(d, name);
        if (k && k->document == known) {
            k->read_ms = uv_now(d->options.loop);
        }
    }
    struct wr_doc *use = r->err_ ? NULL : made ? made : known;
    r->done(r, r->err_, use ? (wr_str){use->bytes, use->len} : (wr_str){0}, &r->fault_);
    unlock(known); // `r` and `d` may be gone
    unlock(made);
}

void wr_docs_read(struct wr_docs *d, struct wr_doc_read *r, wr_str name)
{
    struct kept *k = find(d, name);
    if (k && d->options.secret) {
        uint64_t age = uv_now(d->options.loop) - k->read_ms;
        if (age < (uint64_t)d->options.fresh_ms) {
            struct wr_doc *doc = k->document;
            doc->locks++;
            r->done(r, WR_OK, (wr_str){doc->bytes, doc->len}, NULL);
            unlock(doc);
            return;
        }
    }
    r->documents_ = d;
    r->known_ = k ? k->document : NULL;
    r->made_ = NULL;
    r->err_ = WR_OK;
    r->work_.data = r;
    snprintf(r->name_, sizeof r->name_, "%.*s", WR_STR_ARG(name));
    int len = snprintf(r->path_, sizeof r->path_, "%s/%s", d->options.dir, r->name_);
    wr_assert(name.len < sizeof r->name_);
    if (len < 0 || (size_t)len >= sizeof r->path_) {
        struct wr_fault fault = {0};
        wr_fault_set(&fault, WR_ERR_LIMIT, "%s: too long for a path", r->name_);
        r->done(r, WR_ERR_LIMIT, (wr_str){0}, &fault);
        return;
    }
    if (r->known_) {
        r->known_->locks++;
    }
    d->under_way++;
    wr_assert(uv_queue_work(d->options.loop, &r->work_, work, after_work) == 0);
}
