// The local form of S3: names of keys, putting files in place, reading them back.
#include "sinks/lib/local_s3.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define PIECE_MAX 252 // NAME_MAX 255, less "%+" or the "%" of a name in conflict
#define TRIES_MAX 32  // rounds against others who place at the same time

// ---- names

static bool is_ipv4_like(wr_str s)
{
    unsigned dots = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '.') {
            dots++;
        } else if (s.at[i] < '0' || s.at[i] > '9') {
            return false;
        }
    }
    return dots == 3;
}

const char *wr_local_s3_bucket_trouble(wr_str bucket)
{
    static const char invalid[] = "The specified bucket is not valid.";
    static const char *const prefixes[] = {"xn--", "sthree-", "amzn-s3-demo-"};
    static const char *const suffixes[] = {"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"};
    if (bucket.len < 3 || bucket.len > 63) {
        return invalid;
    }
    for (size_t i = 0; i < bucket.len; i++) {
        char c = bucket.at[i];
        bool edge = i == 0 || i + 1 == bucket.len;
        bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!word && (edge || (c != '-' && c != '.'))) {
            return invalid;
        }
        if (c == '.' && bucket.at[i - 1] == '.') {
            return invalid;
        }
    }
    for (size_t i = 0; i < WR_COUNT(prefixes); i++) {
        if (wr_str_starts(bucket, wr_str_of(prefixes[i]))) {
            return invalid;
        }
    }
    for (size_t i = 0; i < WR_COUNT(suffixes); i++) {
        if (wr_str_ends(bucket, wr_str_of(suffixes[i]))) {
            return invalid;
        }
    }
    return is_ipv4_like(bucket) ? invalid : NULL;
}

const char *wr_local_s3_key_trouble(wr_str key)
{
    if (key.len == 0) {
        return "Object key cannot be empty";
    }
    if (key.len > WR_LOCAL_S3_KEY_MAX) {
        return "Your key is too long";
    }
    if (memchr(key.at, 0, key.len) || !wr_utf8_valid(key)) {
        return "Object key is not valid UTF-8 or holds a NUL";
    }
    return NULL;
}

// Bytes of the character that starts with `lead` in valid UTF-8.
static size_t char_len(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

static size_t put(char *out, size_t at, const char *bytes, size_t len)
{
    memcpy(out + at, bytes, len);
    return at + len;
}

static size_t escape_segment(char *out, size_t at, wr_str segment)
{
    if (segment.len == 0) {
        return put(out, at, "%0", 2);
    }
    size_t piece = at; // where the current file name starts
    for (size_t i = 0; i < segment.len;) {
        size_t len = char_len((unsigned char)segment.at[i]);
        bool percent = segment.at[i] == '%';
        if (at - piece + (percent ? 3 : len) > PIECE_MAX) {
            at = put(out, at, "%+/", 3);
            piece = at;
        }
        at = percent ? put(out, at, "%25", 3) : put(out, at, segment.at + i, len);
        i += len;
    }
    // Also the rest of a split segment must not be a way up.
    wr_str last = {out + piece, at - piece};
    if (wr_str_eq(last, WR_STR("."))) {
        return put(out, piece, "%2E", 3);
    }
    if (wr_str_eq(last, WR_STR(".."))) {
        return put(out, piece, "%2E%2E", 6);
    }
    return at;
}

size_t wr_local_s3_escape(char out[WR_LOCAL_S3_PATH_MAX], wr_str key)
{
    wr_assert(key.len > 0 && key.len <= WR_LOCAL_S3_KEY_MAX);
    size_t at = 0;
    for (size_t from = 0; from <= key.len;) {
        const char *slash = memchr(key.at + from, '/', key.len - from);
        size_t to = slash ? (size_t)(slash - key.at) : key.len;
        if (from > 0) {
            out[at++] = '/';
        }
        at = escape_segment(out, at, wr_str_cut(key, from, to));
        from = to + 1;
    }
    out[at] = 0;
    return at;
}

// One file name, without conflict mark, back into a piece of a key.
static bool unescape_piece(wr_str piece, struct wr_buf *key)
{
    if (wr_str_eq(piece, WR_STR("%0"))) {
        return true;
    }
    for (size_t i = 0; i < piece.len; i++) {
        if (piece.at[i] != '%') {
            wr_buf_add_char(key, piece.at[i]);
            continue;
        }
        wr_str code = wr_str_cut(piece, i, piece.len);
        if (wr_str_starts(code, WR_STR("%25"))) {
            wr_buf_add_char(key, '%');
        } else if (wr_str_starts(code, WR_STR("%2E"))) {
            wr_buf_add_char(key, '.');
        } else {
            return false;
        }
        i += 2;
    }
    return true;
}

bool wr_local_s3_unescape(wr_str path, struct wr_buf *key)
{
    size_t start = key->len;
    wr_str plain = path; // without the conflict mark, which no escape ends in
    if (wr_str_ends(path, WR_STR("%"))) {
        plain.len--;
    }
    bool good = plain.len > 0;
    for (size_t from = 0; good && from <= plain.len;) {
        const char *slash = memchr(plain.at + from, '/', plain.len - from);
        size_t to = slash ? (size_t)(slash - plain.at) : plain.len;
        wr_str piece = wr_str_cut(plain, from, to);
        bool more = slash && wr_str_ends(piece, WR_STR("%+"));
        if (more) {
            piece.len -= 2;
        }
        good = unescape_piece(piece, key);
        if (slash && !more) {
            wr_buf_add_char(key, '/');
        }
        from = to + 1;
    }
    // Only the one spelling that escaping makes is a key's; a stranger's file is none.
    char again[WR_LOCAL_S3_PATH_MAX];
    wr_str found = wr_str_cut(wr_buf_str(key), start, key->len);
    good = good && !key->over && !wr_local_s3_key_trouble(found) &&
           wr_str_eq((wr_str){again, wr_local_s3_escape(again, found)}, plain);
    if (!good) {
        key->len = start;
    }
    return good;
}

// ---- putting in place

// Make the folder `path`; an object of that name is moved aside. Returns 0 or an errno.
static int make_folder(const char *path, bool may_move)
{
    char aside[PATH_MAX];
    for (int i = 0; i < TRIES_MAX; i++) {
        if (mkdir(path, 0777) == 0) {
            return 0;
        }
        struct stat st;
        if (errno != EEXIST) {
            return errno;
        }
        if (stat(path, &st) != 0) {
            continue; // moved aside by another one just now
        }
        if (S_ISDIR(st.st_mode)) {
            return 0;
        }
        if (!may_move || !S_ISREG(st.st_mode)) {
            return ENOTDIR;
        }
        int len = snprintf(aside, sizeof aside, "%s%%", path);
        if (len < 0 || (size_t)len >= sizeof aside) {
            return ENAMETOOLONG;
        }
        // A folder by now fails here with ENOTDIR, which the next round sees.
        if (rename(path, aside) != 0 && errno != ENOENT && errno != ENOTDIR && errno != EISDIR) {
            return errno;
        }
    }
    return EBUSY;
}

// Make the folders above `full`, from the bucket's (its first `folder_len` bytes) on.
static int make_folders(char *full, size_t folder_len)
{
    for (size_t i = folder_len; full[i]; i++) {
        if (full[i] == '/') {
            full[i] = 0;
            int error = make_folder(full, i > folder_len);
            full[i] = '/';
            if (error) {
                return error;
            }
        }
    }
    return 0;
}

int wr_local_s3_place(const char *from, const char *folder, const char *path)
{
    char full[PATH_MAX];
    int len = snprintf(full, sizeof full - 1, "%s/%s", folder, path);
    if (len < 0 || (size_t)len >= sizeof full - 1) {
        return ENAMETOOLONG;
    }
    for (int i = 0; i < TRIES_MAX; i++) {
        if (rename(from, full) == 0) {
            return 0;
        }
        int error = errno;
        if (error == EISDIR) {
            full[len] = '%';
            full[len + 1] = 0;
            if (rename(from, full) == 0) {
                return 0;
            }
            full[len] = 0;
            error = errno;
        }
        if (error != ENOENT && error != ENOTDIR) {
            return error;
        }
        error = make_folders(full, strlen(folder));
        if (error) {
            return error;
        }
    }
    return EBUSY;
}

// ---- looking

// A terminated path below a tree of the local form, or WR_ERR_LIMIT.
static wr_err tree_path(char out[PATH_MAX], const char *state_dir, const char *tree, wr_str bucket,
                        const char *path, struct wr_fault *fault)
{
    int len = snprintf(out, PATH_MAX, "%s/local/%s/%.*s%s%s", state_dir, tree, WR_STR_ARG(bucket),
                       path[0] ? "/" : "", path);
    if (len < 0 || len >= PATH_MAX) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "path too long below %s", state_dir);
    }
    return WR_OK;
}

// Open a regular file for reading: fd, or -1 with errno.
static int open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        errno = ENOENT;
        return -1;
    }
    return fd;
}

// Append the file of a key in `tree`, under its name or its name in conflict.
static wr_err read_file(const char *state_dir, const char *tree, wr_str bucket, const char *path,
                        struct wr_buf *out, struct wr_fault *fault)
{
    char full[PATH_MAX], marked[WR_LOCAL_S3_PATH_MAX + 1];
    snprintf(marked, sizeof marked, "%s%%", path);
    int fd = -1;
    for (int i = 0; i < 2 && fd < 0; i++) {
        wr_err err = tree_path(full, state_dir, tree, bucket, i ? marked : path, fault);
        if (err) {
            return err;
        }
        fd = open_file(full);
        if (fd < 0 && errno != ENOENT && errno != ENOTDIR) {
            return wr_fault_set(fault, WR_ERR_IO, "%s: %s", full, strerror(errno));
        }
    }
    if (fd < 0) {
        return wr_fault_set(fault, WR_ERR_UNKNOWN, "The specified key does not exist.");
    }
    size_t start = out ? out->len : 0;
    ssize_t got = 0;
    while (out) {
        char *to = wr_buf_reserve(out, 65536);
        got = to ? read(fd, to, 65536) : -1;
        if (got < 0 && to && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        out->len += (size_t)got;
    }
    int error = errno;
    close(fd);
    if (got < 0) {
        out->len = start;
        return out->over ? wr_fault_set(fault, WR_ERR_LIMIT, "%s: larger than the limit", full)
                         : wr_fault_set(fault, WR_ERR_IO, "%s: %s", full, strerror(error));
    }
    return WR_OK;
}

wr_err wr_local_s3_read(const char *state_dir, wr_str bucket, wr_str key, struct wr_buf *body,
                        struct wr_buf *meta, struct wr_fault *fault)
{
    const char *trouble = wr_local_s3_bucket_trouble(bucket);
    trouble = trouble ? trouble : wr_local_s3_key_trouble(key);
    if (trouble) {
        return wr_fault_set(fault, WR_ERR_RANGE, "%s", trouble);
    }
    char path[WR_LOCAL_S3_PATH_MAX];
    wr_local_s3_escape(path, key);
    wr_err err = read_file(state_dir, "s3", bucket, path, body, fault);
    if (err || !meta) {
        return err;
    }
    err = read_file(state_dir, "s3-meta", bucket, path, meta, fault);
    return err == WR_ERR_UNKNOWN ? WR_OK : err; // a file that somebody put there has none
}

struct entry {
    struct wr_local_s3_object object; // its key is on the heap
    bool marked;
};

struct entries {
    struct entry *at;
    size_t len, cap;
};

static int entry_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = wr_str_cmp(x->object.key, y->object.key);
    return order ? order : (int)x->marked - (int)y->marked;
}

static void entries_add(struct entries *list, const FTSENT *file, wr_str path, wr_str prefix)
{
    struct wr_buf key;
    wr_buf_init(&key, 0);
    if (!wr_local_s3_unescape(path, &key) || !wr_str_starts(wr_buf_str(&key), prefix)) {
        wr_buf_release(&key);
        return;
    }
    if (list->len == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 64;
        list->at = wr_realloc(list->at, list->cap * sizeof *list->at);
    }
    const struct stat *st = file->fts_statp;
    list->at[list->len++] = (struct entry){
        .object = {.key = {wr_strdup(wr_buf_str(&key)), key.len},
                   .size = (uint64_t)st->st_size,
                   .modified_ms =
                       (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000},
        .marked = wr_str_ends(path, WR_STR("%")),
    };
    wr_buf_release(&key);
}

// All objects below `folder`.
static wr_err collect(char *folder, wr_str prefix, struct entries *list, struct wr_fault *fault)
{
    char *roots[] = {folder, NULL};
    size_t skip = strlen(folder) + 1;
    FTS *fts = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    if (!fts) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", folder, strerror(errno));
    }
    wr_err err = WR_OK;
    for (FTSENT *file; !err && (file = fts_read(fts));) {
        bool ours = file->fts_pathlen > skip;
        if (file->fts_info == FTS_F && ours) {
            entries_add(list, file, (wr_str){file->fts_path + skip, file->fts_pathlen - skip},
                        prefix);
        } else if ((file->fts_info == FTS_DNR || file->fts_info == FTS_ERR ||
                    file->fts_info == FTS_NS) &&
                   file->fts_errno != ENOENT) {
            err =
                wr_fault_set(fault, WR_ERR_IO, "%s: %s", file->fts_path, strerror(file->fts_errno));
        }
    }
    fts_close(fts);
    return err;
}

wr_err wr_local_s3_list(const char *state_dir, wr_str bucket, wr_str prefix,
                        bool (*visit)(void *user, const struct wr_local_s3_object *object),
                        void *user, struct wr_fault *fault)
{
    char folder[PATH_MAX];
    const char *trouble = wr_local_s3_bucket_trouble(bucket);
    if (trouble) {
        return wr_fault_set(fault, WR_ERR_RANGE, "%s", trouble);
    }
    wr_err err = tree_path(folder, state_dir, "s3", bucket, "", fault);
    if (err) {
        return err;
    }
    struct stat st;
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return wr_fault_set(fault, WR_ERR_UNKNOWN, "The specified bucket does not exist");
    }
    struct entries list = {0};
    err = collect(folder, prefix, &list, fault);
    if (!err && list.len > 0) {
        qsort(list.at, list.len, sizeof *list.at, entry_order);
    }
    bool more = !err;
    for (size_t i = 0; i < list.len; i++) {
        // The file with the plain name is the object if, against our rules, both are there.
        bool twice = i > 0 && wr_str_eq(list.at[i].object.key, list.at[i - 1].object.key);
        more = more && (twice || visit(user, &list.at[i].object));
    }
    for (size_t i = 0; i < list.len; i++) {
        free((void *)(uintptr_t)list.at[i].object.key.at);
    }
    free(list.at);
    return err;
}

wr_err wr_local_s3_buckets(const char *state_dir, bool (*visit)(void *user, wr_str bucket),
                           void *user, struct wr_fault *fault)
{
    char folder[PATH_MAX];
    wr_err err = tree_path(folder, state_dir, "s3", WR_STR(""), "", fault);
    if (err) {
        return err;
    }
    struct dirent **names;
    int count = scandir(folder, &names, NULL, alphasort);
    if (count < 0) {
        return errno == ENOENT ? WR_OK
                               : wr_fault_set(fault, WR_ERR_IO, "%s: %s", folder, strerror(errno));
    }
    bool more = true;
    for (int i = 0; i < count; i++) {
        wr_str name = wr_str_of(names[i]->d_name);
        if (more && !wr_local_s3_bucket_trouble(name)) {
            more = visit(user, name);
        }
        free(names[i]);
    }
    free(names);
    return WR_OK;
}
