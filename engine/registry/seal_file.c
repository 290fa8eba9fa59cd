// Files of keys: reading with a look at who else may, making without overwriting.
#include "engine/registry/seal.h"

#include "engine/registry/seal_parts.h"
#include "engine/registry/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sql/base/banned.h"

#define FILE_MAX 256 // 64 hex digits, and room for a person's blank lines

// ---- who may read

// An ACL as the kernel gives it (linux/posix_acl_xattr.h): version 2, then entries, little-endian.
#define ACL_VERSION   2
#define ACL_USER_OBJ  0x01
#define ACL_USER      0x02
#define ACL_GROUP_OBJ 0x04
#define ACL_MASK      0x10
#define ACL_MAX       (4 + 8 * 32) // 32 entries; a credential has five

static unsigned le16(const uint8_t *at)
{
    return (unsigned)at[0] | (unsigned)at[1] << 8;
}

static uint32_t le32(const uint8_t *at)
{
    return le16(at) | (uint32_t)le16(at + 2) << 16;
}

// With an ACL the mode's group bits are only its mask. Whether it lets nobody in but the owner and
// this process's user.
static bool acl_is_private(int fd)
{
    uint8_t acl[ACL_MAX];
    ssize_t len = fgetxattr(fd, "system.posix_acl_access", acl, sizeof acl);
    if (len < 4 || le32(acl) != ACL_VERSION) {
        return false;
    }
    for (ssize_t at = 4; at + 8 <= len; at += 8) {
        unsigned tag = le16(acl + at), perm = le16(acl + at + 2);
        bool fine = tag == ACL_USER_OBJ || tag == ACL_MASK || perm == 0 ||
                    (tag == ACL_USER && le32(acl + at + 4) == (uint32_t)geteuid());
        if (!fine) {
            return false;
        }
    }
    return true;
}

static wr_err look_at_mode(int fd, const char *name, struct wr_fault *fault)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", name, strerror(errno));
    }
    if (S_ISDIR(st.st_mode)) {
        return wr_fault_set(fault, WR_ERR_CORRUPT, "%s: is a folder, expected a file with a key",
                            name);
    }
    if (!S_ISREG(st.st_mode)) {
        return WR_OK;
    }
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        return wr_fault_set(fault, WR_ERR_DENIED,
                            "%s: belongs to the user of id %u, expected %u or root: chown it", name,
                            (unsigned)st.st_uid, (unsigned)geteuid());
    }
    bool group = (st.st_mode & S_IRWXG) != 0 && !acl_is_private(fd);
    if (group || (st.st_mode & S_IRWXO) != 0) {
        return wr_fault_set(fault, WR_ERR_DENIED,
                            "%s: mode %04o lets others at the key, expected 0600 or 0400: chmod "
                            "go= it, and think of the key as known",
                            name, (unsigned)(st.st_mode & 07777));
    }
    return WR_OK;
}

// ---- what it holds

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool unhex(wr_str text, uint8_t to[WR_SEAL_KEY_BYTES])
{
    bool ok = text.len == 2 * WR_SEAL_KEY_BYTES;
    for (size_t i = 0; ok && i < WR_SEAL_KEY_BYTES; i++) {
        int high = hex_digit(text.at[2 * i]), low = hex_digit(text.at[2 * i + 1]);
        ok = high >= 0 && low >= 0;
        to[i] = (uint8_t)(ok ? high * 16 + low : 0);
    }
    return ok;
}

static bool unbase64(wr_str text, uint8_t to[WR_SEAL_KEY_BYTES])
{
    struct wr_buf b = {0};
    bool ok = text.len == 44 && wr_buf_reserve(&b, 64) && wr_buf_add_unbase64(&b, text) &&
              b.len == WR_SEAL_KEY_BYTES;
    if (ok) {
        memcpy(to, b.at, WR_SEAL_KEY_BYTES);
    }
    wr_secret_release(&b);
    return ok;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static wr_err parse(wr_str content, const char *name, uint8_t to[WR_SEAL_KEY_BYTES],
                    struct wr_fault *fault)
{
    wr_str text = content;
    while (text.len && blank(text.at[0])) {
        text = wr_str_cut(text, 1, text.len);
    }
    while (text.len && blank(text.at[text.len - 1])) {
        text.len--;
    }
    if (content.len == WR_SEAL_KEY_BYTES) {
        memcpy(to, content.at, WR_SEAL_KEY_BYTES);
    } else if (!unhex(text, to) && !unbase64(text, to)) {
        return wr_fault_set(fault, WR_ERR_CORRUPT,
                            "%s: %s%zu bytes that are no key, expected 32 bytes, 64 hex digits or "
                            "base64 of 32 bytes (openssl rand -hex 32 makes one)",
                            name, content.len > FILE_MAX ? "more than " : "",
                            content.len > FILE_MAX ? (size_t)FILE_MAX : content.len);
    }
    bool same = true;
    for (int i = 1; i < WR_SEAL_KEY_BYTES; i++) {
        same = same && to[i] == to[0];
    }
    return same ? wr_fault_set(fault, WR_ERR_CORRUPT,
                               "%s: 32 times the same byte is no key (openssl rand -hex 32 makes "
                               "one)",
                               name)
                : WR_OK;
}

wr_err wr_seal_key_read_fd(int fd, const char *name, struct wr_seal_key **key,
                           struct wr_fault *fault)
{
    wr_err err = look_at_mode(fd, name, fault);
    if (err) {
        return err;
    }
    char content[FILE_MAX + 1];
    size_t len = 0;
    ssize_t n;
    do {
        n = read(fd, content + len, sizeof content - len);
        len += n > 0 ? (size_t)n : 0;
    } while ((n > 0 && len < sizeof content) || (n < 0 && errno == EINTR));
    uint8_t bytes[WR_SEAL_KEY_BYTES] = {0};
    err = n < 0 ? wr_fault_set(fault, WR_ERR_IO, "%s: %s", name, strerror(errno))
                : parse((wr_str){content, len}, name, bytes, fault);
    if (!err) {
        *key = wr_seal_key_of(bytes);
    }
    wr_secret_wipe(content, sizeof content);
    wr_secret_wipe(bytes, sizeof bytes);
    return err;
}

wr_err wr_seal_key_read(const char *path, struct wr_seal_key **key, struct wr_fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        wr_err code = errno == ENOENT                     ? WR_ERR_MISSING
                      : errno == EACCES || errno == EPERM ? WR_ERR_DENIED
                                                          : WR_ERR_IO;
        return wr_fault_set(fault, code, "%s: %s", path, strerror(errno));
    }
    wr_err err = wr_seal_key_read_fd(fd, path, key, fault);
    close(fd);
    return err;
}

// ---- making

static bool write_all(int fd, const uint8_t *at, size_t len)
{
    while (len) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool sync_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    wr_str folder = slash ? (wr_str){path, (size_t)(slash - path)} : WR_STR(".");
    char *name = wr_strdup(folder.len ? folder : WR_STR("/"));
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(name);
    bool ok = fd >= 0 && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0) {
        close(fd);
    }
    errno = error;
    return ok;
}

// The file gets its name only when the key is in it and on disk: a crash leaves no half key.
wr_err wr_seal_key_make(const char *path, struct wr_seal_key **key, struct wr_fault *fault)
{
    uint8_t bytes[WR_SEAL_KEY_BYTES];
    wr_secret_random(bytes, sizeof bytes);
    struct wr_buf other = {0};
    wr_buf_addf(&other, "%s.XXXXXX", path);
    char *name = wr_strdup(wr_buf_str(&other));
    wr_buf_release(&other);
    int fd = mkostemp(name, O_CLOEXEC); // O_EXCL and 0600 by itself
    bool ok =
        fd >= 0 && write_all(fd, bytes, sizeof bytes) && fsync(fd) == 0 && link(name, path) == 0;
    int error = errno;
    if (fd >= 0) {
        close(fd);
        unlink(name);
    }
    if (ok && !sync_folder_of(path)) {
        error = errno;
        ok = false;
    }
    free(name);
    if (ok) {
        *key = wr_seal_key_of(bytes);
    }
    wr_secret_wipe(bytes, sizeof bytes);
    return ok ? WR_OK
              : wr_fault_set(fault, error == EEXIST ? WR_ERR_EXISTS : WR_ERR_IO, "%s: %s", path,
                             strerror(error));
}

wr_err wr_seal_key_open(const char *path, struct wr_seal_key **key, bool *made,
                        struct wr_fault *fault)
{
    struct wr_fault trouble = {0};
    wr_err err = wr_seal_key_read(path, key, &trouble);
    bool mine = err == WR_ERR_MISSING;
    if (mine) {
        err = wr_seal_key_make(path, key, &trouble);
        if (err == WR_ERR_EXISTS) { // another process was faster
            mine = false;
            err = wr_seal_key_read(path, key, &trouble);
        }
    }
    if (err && fault) {
        *fault = trouble;
    }
    if (made) {
        *made = mine && !err;
    }
    return err;
}
