// `weir local … lambda`: results of functions, JSON Lines in
// local/lambda/<function>/results.ndjson. A file that has grown too large was renamed to
// results.ndjson.1.
#include "engine/cli/local.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

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
        int trouble = wr_local_copy(wr_buf_terminated(&path));
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

static wr_err tail(const struct wr_local_asked *a, struct wr_fault *fault)
{
    struct wr_buf path = {0};
    if (!path_of(a, a->name, "", &path)) {
        return bad_name(a->name, fault);
    }
    struct wr_local_follow f = {.first = true};
    do {
        wr_local_look(&f, wr_buf_terminated(&path));
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
