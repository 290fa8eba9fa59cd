// Payloads and topics as given on the command line.
#include "engine/cli/given.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "sql/base/banned.h"

static wr_err slurp(int fd, const char *what, struct wr_buf *out, struct wr_fault *fault)
{
    for (;;) {
        char *to = wr_buf_reserve(out, 65536);
        ssize_t n = to ? read(fd, to, 65536) : 0;
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return wr_fault_set(fault, WR_ERR_IO, "%s: %s", what, strerror(errno));
        }
        if (n == 0) {
            return WR_OK;
        }
        out->len += (size_t)n;
        if (out->len > WR_GIVEN_BYTES_MAX) {
            return wr_fault_set(fault, WR_ERR_LIMIT, "%s: more than %u MiB", what,
                                WR_GIVEN_BYTES_MAX >> 20);
        }
    }
}

wr_err wr_given_file(const char *path, struct wr_buf *out, struct wr_fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    wr_err err = slurp(fd, path, out, fault);
    close(fd);
    return err;
}

bool wr_given_payload(const char *name, const char *given, struct wr_buf *out)
{
    struct wr_fault fault = {0};
    wr_err err = WR_OK;
    if (strcmp(given, "-") == 0) {
        err = slurp(STDIN_FILENO, "-", out, &fault);
    } else if (given[0] == '@') {
        err = wr_given_file(given + 1, out, &fault);
    } else {
        wr_buf_add(out, wr_str_of(given));
    }
    if (err) {
        fprintf(stderr, "weir %s: payload %s%s\n", name, given[0] == '@' ? "@" : "", fault.text);
    }
    return !err;
}

void wr_given_topic(wr_str filter, struct wr_buf *out)
{
    for (size_t i = 0; i < filter.len; i++) {
        char c = filter.at[i];
        wr_buf_add_char(out, c == '+' || c == '#' ? 'x' : c);
    }
    if (filter.len == 0) {
        wr_buf_add(out, WR_STR("x"));
    }
}
