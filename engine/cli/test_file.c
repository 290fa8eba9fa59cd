// Writes a file so that nobody sees half of it.
#include "engine/cli/test_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/utf8.h"

#include "sql/base/banned.h"

static bool write_all(int fd, wr_str text)
{
    while (text.len > 0) {
        ssize_t put = write(fd, text.at, text.len);
        if (put < 0 && errno != EINTR) {
            return false;
        }
        text = put > 0 ? wr_str_cut(text, (size_t)put, text.len) : text;
    }
    return true;
}

// A file of its own beside `path`, which then takes its place.
static bool replace(const char *path, const struct stat *old, wr_str text)
{
    struct wr_buf name = {0};
    wr_buf_addf(&name, "%s.XXXXXX", path);
    char *fresh = wr_strdup(wr_buf_str(&name));
    wr_buf_release(&name);
    int fd = mkostemp(fresh, O_CLOEXEC);
    bool ok = fd >= 0;
    if (ok) {
        mode_t mask = umask(0);
        umask(mask);
        bool owned = old && fchown(fd, old->st_uid, old->st_gid) == 0;
        // Without its group the file is not given that group's rights.
        mode_t mode = !old ? 0666 & ~mask : owned ? old->st_mode & 07777 : old->st_mode & 0707;
        ok = write_all(fd, text) && fchmod(fd, mode) == 0 && fsync(fd) == 0;
        ok = close(fd) == 0 && ok;
        ok = ok && rename(fresh, path) == 0;
        if (!ok) {
            int reason = errno;
            unlink(fresh);
            errno = reason;
        }
    }
    free(fresh);
    return ok;
}

wr_err wr_test_write_file(const char *path, wr_str text, struct wr_fault *fault)
{
    struct stat is;
    bool there = stat(path, &is) == 0, ok;
    if (there && !S_ISREG(is.st_mode)) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        ok = fd >= 0 && write_all(fd, text);
        ok = fd >= 0 && close(fd) == 0 && ok;
    } else {
        char *real = there ? realpath(path, NULL) : NULL;
        ok = replace(real ? real : path, there ? &is : NULL, text);
        int reason = errno;
        free(real);
        errno = reason;
    }
    return ok ? WR_OK : wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
}

void wr_test_add_xml(struct wr_buf *b, wr_str s)
{
    for (size_t i = 0; i < s.len;) {
        size_t valid = wr_utf8_valid_len(wr_str_cut(s, i, s.len)), end = i + valid;
        for (; i < end; i++) {
            unsigned char c = (unsigned char)s.at[i];
            bool noncharacter = c == 0xef && i + 2 < end && (unsigned char)s.at[i + 1] == 0xbf &&
                                (unsigned char)s.at[i + 2] >= 0xbe; // U+FFFE, U+FFFF
            if (c == '<') {
                wr_buf_add(b, WR_STR("&lt;"));
            } else if (c == '>') {
                wr_buf_add(b, WR_STR("&gt;"));
            } else if (c == '&') {
                wr_buf_add(b, WR_STR("&amp;"));
            } else if (c == '"') {
                wr_buf_add(b, WR_STR("&quot;"));
            } else if (noncharacter) {
                wr_buf_add(b, WR_STR("\xef\xbf\xbd"));
                i += 2;
            } else if (c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f)) {
                wr_buf_add_char(b, (char)c);
            } else {
                wr_buf_add(b, WR_STR("\xef\xbf\xbd"));
            }
        }
        if (i < s.len) {
            wr_buf_add(b, WR_STR("\xef\xbf\xbd"));
            i++;
        }
    }
}
