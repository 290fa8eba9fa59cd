// `weir local … firehose`: delivery streams and their files (sinks/lib/local_firehose.h).
#include "engine/cli/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "sinks/lib/local_firehose.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

// ---- ls

static bool list_stream(void *user, wr_str stream)
{
    const struct wr_local_asked *a = user;
    struct wr_buf b = {0};
    if (a->json) {
        wr_buf_add(&b, WR_STR("{\"deliveryStream\":"));
        wr_json_write_string(&b, stream);
        wr_buf_add_char(&b, '}');
    } else {
        wr_buf_add(&b, stream);
    }
    bool ok = wr_local_line(&b);
    wr_buf_release(&b);
    return ok;
}

static bool list_file(void *user, const struct wr_local_firehose_file *file)
{
    const struct wr_local_asked *a = user;
    struct wr_buf b = {0};
    if (a->json) {
        wr_buf_add(&b, WR_STR("{\"file\":"));
        wr_json_write_string(&b, file->name);
        wr_buf_addf(&b, ",\"size\":%llu,\"complete\":%s,\"lastModified\":\"",
                    (unsigned long long)file->size, file->part ? "false" : "true");
        wr_local_time(&b, file->modified_ms);
        wr_buf_add(&b, WR_STR("\"}"));
    } else {
        wr_local_time(&b, file->modified_ms);
        printf("%s %10llu ", wr_buf_terminated(&b), (unsigned long long)file->size);
        wr_local_print(file->name);
        if (file->part) {
            printf("  (being filled)");
        }
        wr_buf_clear(&b);
    }
    bool ok = wr_local_line(&b);
    wr_buf_release(&b);
    return ok;
}

static wr_err ls(const struct wr_local_asked *a, struct wr_fault *fault)
{
    struct wr_local_asked copy = *a;
    return a->name
               ? wr_local_firehose_files(a->state_dir, wr_str_of(a->name), list_file, &copy, fault)
               : wr_local_firehose_streams(a->state_dir, list_stream, &copy, fault);
}

// ---- cat and tail: bytes as they are; the separator is the rule's

// Copy from `offset` on; where it ends. -1: it cannot be read.
static int64_t copy_from(const char *path, int64_t offset)
{
    char chunk[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 0;
    while (fd >= 0 && (n = pread(fd, chunk, sizeof chunk, offset)) > 0) {
        fwrite(chunk, 1, (size_t)n, stdout);
        offset += n;
    }
    if (fd >= 0) {
        close(fd);
    }
    return n < 0 ? -1 : offset;
}

struct copy {
    const char *key; // one file's name; NULL: all
    bool found;
    const char *trouble;
};

static bool copy_file(void *user, const struct wr_local_firehose_file *file)
{
    struct copy *c = user;
    if (c->key && !wr_str_eq(file->name, wr_str_of(c->key))) {
        return true;
    }
    c->found = true;
    if (copy_from(file->path, 0) < 0 && errno != ENOENT) { // it may have been renamed
        c->trouble = strerror(errno);
    }
    return !c->trouble && !ferror(stdout);
}

static wr_err cat(const struct wr_local_asked *a, struct wr_fault *fault)
{
    struct copy c = {.key = a->key};
    wr_err err = wr_local_firehose_files(a->state_dir, wr_str_of(a->name), copy_file, &c, fault);
    if (!err && c.trouble) {
        err = wr_fault_set(fault, WR_ERR_IO, "firehose %s: %s", a->name, c.trouble);
    }
    if (!err && a->key && !c.found) {
        err = wr_fault_set(fault, WR_ERR_UNKNOWN, "firehose %s has no file %s", a->name, a->key);
    }
    return err;
}

struct seen {
    char *name;
    int64_t offset;
};

struct tail {
    struct seen *files;
    size_t count;
    bool begun;
};

// Names sort by time, so a file that is known is near the end.
static bool look_at(void *user, const struct wr_local_firehose_file *file)
{
    struct tail *t = user;
    size_t i = t->count;
    while (i > 0 && !wr_str_eq(wr_str_of(t->files[i - 1].name), file->name)) {
        i--;
    }
    if (i == 0) {
        t->files = wr_realloc(t->files, (t->count + 1) * sizeof *t->files);
        t->files[t->count++] =
            (struct seen){wr_strdup(file->name), t->begun ? 0 : (int64_t)file->size};
        i = t->count;
    }
    struct seen *s = &t->files[i - 1];
    if ((int64_t)file->size > s->offset) {
        int64_t to = copy_from(file->path, s->offset);
        s->offset = to > 0 ? to : s->offset;
    }
    return !ferror(stdout);
}

static wr_err tail(const struct wr_local_asked *a, struct wr_fault *fault)
{
    struct tail t = {0};
    wr_err err;
    do {
        err = wr_local_firehose_files(a->state_dir, wr_str_of(a->name), look_at, &t, fault);
        t.begun = true;
        // A stream that does not exist yet may come.
    } while ((!err || err == WR_ERR_UNKNOWN) && !ferror(stdout) && wr_local_wait(a));
    for (size_t i = 0; i < t.count; i++) {
        free(t.files[i].name);
    }
    free(t.files);
    return err == WR_ERR_UNKNOWN ? WR_OK : err;
}

const struct wr_local_service wr_local_streams = {
    .name = "firehose",
    .ls = ls,
    .cat = cat,
    .tail = tail,
    .may_key = true,
    .ls_name = true,
};
