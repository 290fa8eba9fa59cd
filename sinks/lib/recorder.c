// A line is appended with one write, so that readers never see half of one.
#include "sinks/lib/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql/base/clock.h"
#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

struct wr_recorder {
    int fd;
    char *path;
    struct wr_buf line, text;
    char why[PATH_MAX + 128];
};

wr_err wr_recorder_open(const char *state_dir, const char *kind, struct wr_recorder **out,
                        struct wr_fault *fault)
{
    static const char *const folders[] = {"", "/local", "/local/record"};
    char path[PATH_MAX];
    for (size_t i = 0; i < WR_COUNT(folders); i++) {
        snprintf(path, sizeof path, "%s%s", state_dir, folders[i]);
        if (mkdir(path, 0777) != 0 && errno != EEXIST) {
            return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
        }
    }
    int len = snprintf(path, sizeof path, "%s/local/record/%s.ndjson", state_dir, kind);
    if (len < 0 || (size_t)len >= sizeof path) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "state_dir: longer than %d bytes", PATH_MAX - 64);
    }
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    struct wr_recorder *r = wr_zalloc(sizeof *r);
    r->fd = fd;
    r->path = wr_strdup(wr_str_of(path));
    *out = r;
    return WR_OK;
}

void wr_recorder_close(struct wr_recorder *r)
{
    if (r) {
        close(r->fd);
        free(r->path);
        wr_buf_release(&r->line);
        wr_buf_release(&r->text);
        free(r);
    }
}

static const char *append(struct wr_recorder *r)
{
    wr_buf_add(&r->line, WR_STR("}\n"));
    ssize_t put;
    do {
        put = write(r->fd, r->line.at, r->line.len);
    } while (put < 0 && errno == EINTR);
    if (put == (ssize_t)r->line.len) {
        return NULL;
    }
    int error = put < 0 ? errno : ENOSPC;
    off_t end = put > 0 ? lseek(r->fd, 0, SEEK_END) : -1;
    if (end >= put && ftruncate(r->fd, end - put) != 0) { // no half line
        error = errno;
    }
    snprintf(r->why, sizeof r->why, "%s: %s", r->path, strerror(error));
    return r->why;
}

static void begin(struct wr_recorder *r)
{
    wr_buf_clear(&r->line);
    wr_buf_addf(&r->line, "{\"timeMs\":%lld,", (long long)wr_wall_ms());
}

// URLs and headers are bytes; one that is no UTF-8 becomes U+FFFD, so that the line stays JSON.
static void add_text(struct wr_recorder *r, wr_str text)
{
    wr_buf_clear(&r->text);
    while (text.len > 0) {
        size_t good = wr_utf8_valid_len(text);
        wr_buf_add(&r->text, wr_str_cut(text, 0, good));
        if (good < text.len) {
            wr_buf_add(&r->text, WR_STR("\xEF\xBF\xBD"));
        }
        text = wr_str_cut(text, good < text.len ? good + 1 : good, text.len);
    }
    wr_json_write_string(&r->line, wr_buf_str(&r->text));
}

const char *wr_recorder_keep(struct wr_recorder *r, const struct wr_http_request *req)
{
    struct wr_buf *b = &r->line;
    begin(r);
    wr_buf_add(b, WR_STR("\"method\":"));
    add_text(r, wr_str_of(req->method));
    wr_buf_add(b, WR_STR(",\"url\":"));
    add_text(r, req->url);
    wr_buf_add(b, WR_STR(",\"headers\":["));
    for (size_t i = 0; i < req->header_count; i++) {
        wr_buf_add(b, i ? WR_STR(",[") : WR_STR("["));
        add_text(r, req->headers[i].name);
        wr_buf_add_char(b, ',');
        add_text(r, req->headers[i].value);
        wr_buf_add_char(b, ']');
    }
    wr_buf_add_char(b, ']');
    if (req->body.at && wr_utf8_valid(req->body)) {
        wr_buf_add(b, WR_STR(",\"body\":"));
        add_text(r, req->body);
    } else if (req->body.at) {
        wr_buf_add(b, WR_STR(",\"bodyBase64\":\""));
        wr_buf_add_base64(b, req->body);
        wr_buf_add_char(b, '"');
    }
    return append(r);
}

const char *wr_recorder_keep_members(struct wr_recorder *r, wr_str json)
{
    begin(r);
    wr_buf_add(&r->line, json);
    return append(r);
}
