// Names of files that lines are appended to, and back.
#include "sinks/lib/append.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "sql/base/banned.h"

#define PIECE_MAX 240       // bytes of a file's name, with room for the ending and a number
#define ENDING    ".ndjson" // unless another is named

static const char hex[] = "0123456789ABCDEF";

static bool is_plain(wr_str name, size_t i)
{
    unsigned char c = (unsigned char)name.at[i];
    return c >= 0x20 && c != 0x7f && c != '/' && c != '%' && (c != '.' || i > 0);
}

static size_t escape(char *out, size_t at, wr_str name)
{
    size_t piece = at;
    if (name.len == 0) {
        out[at++] = '%';
        out[at++] = '0';
    }
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.at[i];
        bool plain = is_plain(name, i);
        // A character of several bytes stays in one piece.
        if (at - piece + (plain ? 1 : 3) > PIECE_MAX - 3 && (c & 0xc0) != 0x80) {
            memcpy(out + at, "%+/", 3);
            at += 3;
            piece = at;
            plain = plain && c != '.'; // in front again
        }
        if (plain) {
            out[at++] = (char)c;
        } else {
            out[at++] = '%';
            out[at++] = hex[c >> 4];
            out[at++] = hex[c & 15];
        }
    }
    return at;
}

bool wr_append_path(char out[WR_APPEND_PATH_MAX], const wr_str names[2], const char *ending)
{
    ending = ending ? ending : ENDING;
    wr_assert(strlen(ending) <= WR_APPEND_ENDING_MAX);
    if (names[0].len > WR_APPEND_NAME_MAX || names[1].len > WR_APPEND_NAME_MAX) {
        return false;
    }
    size_t at = escape(out, 0, names[0]);
    if (names[1].at) {
        out[at++] = '/';
        at = escape(out, at, names[1]);
    }
    memcpy(out + at, ending, strlen(ending) + 1);
    return true;
}

// ---- looking

static int digit(char c)
{
    const char *at = c ? strchr(hex, c) : NULL;
    return at ? (int)(at - hex) : -1;
}

// One file's name, without mark and ending, appended to `name`.
static bool unescape(wr_str piece, struct wr_buf *name)
{
    if (wr_str_eq(piece, WR_STR("%0"))) {
        return true;
    }
    for (size_t i = 0; i < piece.len; i++) {
        if (piece.at[i] != '%') {
            wr_buf_add_char(name, piece.at[i]);
            continue;
        }
        bool whole = i + 2 < piece.len;
        int high = whole ? digit(piece.at[i + 1]) : -1, low = whole ? digit(piece.at[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return false;
        }
        wr_buf_add_char(name, (char)(high << 4 | low));
        i += 2;
    }
    return true;
}

struct listing {
    const char *root;
    int depth;
    const char *ending;
    bool (*visit)(void *user, const struct wr_append_file *file);
    void *user;
    bool more;
    struct wr_buf names[2];
    struct wr_fault *fault;
};

static wr_err look(struct listing *l, const char *path, int level);

static void show(struct listing *l, const char *path, const struct stat *st)
{
    // Only the spelling that wr_append_path() makes is a name's; a stranger's file is none.
    char again[WR_APPEND_PATH_MAX];
    wr_str names[2] = {wr_buf_str(&l->names[0]), wr_buf_str(&l->names[1])};
    if (l->depth == 1) {
        names[1] = (wr_str){0};
    } else if (!names[1].at) {
        names[1].at = "";
    }
    if (!wr_append_path(again, names, l->ending) ||
        strcmp(path + strlen(l->root) + 1, again) != 0) {
        return;
    }
    struct wr_append_file file = {
        .names = {names[0], names[1]},
        .path = path,
        .size = (uint64_t)st->st_size,
        .modified_ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000,
    };
    l->more = l->visit(l->user, &file);
}

static wr_err look_at(struct listing *l, const char *path, wr_str entry, int level)
{
    struct stat st;
    struct wr_buf *name = &l->names[level];
    size_t before = name->len;
    wr_err err = WR_OK;
    if (stat(path, &st) != 0) {
        return WR_OK; // gone meanwhile
    }
    bool last = level + 1 == l->depth;
    if (S_ISDIR(st.st_mode) && wr_str_ends(entry, WR_STR("%+"))) {
        if (unescape(wr_str_cut(entry, 0, entry.len - 2), name)) {
            err = look(l, path, level);
        }
    } else if (S_ISDIR(st.st_mode) && !last) {
        if (unescape(entry, name)) {
            wr_buf_clear(&l->names[level + 1]);
            err = look(l, path, level + 1);
        }
    } else if (S_ISREG(st.st_mode) && last && wr_str_ends(entry, wr_str_of(l->ending))) {
        if (unescape(wr_str_cut(entry, 0, entry.len - strlen(l->ending)), name)) {
            show(l, path, &st);
        }
    }
    name->len = before;
    return err;
}

static wr_err look(struct listing *l, const char *path, int level)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        return errno == ENOENT ? WR_OK
                               : wr_fault_set(l->fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    wr_err err = WR_OK;
    for (int i = 0; i < count; i++) {
        char below[PATH_MAX];
        const char *entry = entries[i]->d_name;
        int len = snprintf(below, sizeof below, "%s/%s", path, entry);
        if (!err && l->more && entry[0] != '.' && len > 0 && (size_t)len < sizeof below) {
            err = look_at(l, below, wr_str_of(entry), level);
        }
        free(entries[i]);
    }
    free(entries);
    return err;
}

wr_err wr_append_list(const char *folder, int depth, const char *ending,
                      bool (*visit)(void *user, const struct wr_append_file *file), void *user,
                      struct wr_fault *fault)
{
    struct listing l = {.root = folder,
                        .depth = depth,
                        .ending = ending ? ending : ENDING,
                        .visit = visit,
                        .user = user,
                        .more = true,
                        .fault = fault};
    wr_err err = look(&l, folder, 0);
    wr_buf_release(&l.names[0]);
    wr_buf_release(&l.names[1]);
    return err;
}
