#include "engine/plugin/events.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/registry/broker_events.h"
#include "sql/base/clock.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

void wr_events_init(struct wr_events *e, const char *path)
{
    *e = (struct wr_events){.path = path, .fd_ = -1};
}

void wr_events_release(struct wr_events *e)
{
    if (e->fd_ >= 0) {
        close(e->fd_);
    }
    e->fd_ = -1;
}

void wr_events_begin(struct wr_buf *event, const char *name)
{
    wr_buf_init(event, WR_BROKER_EVENT_MAX);
    wr_buf_addf(event, "{\"event\":\"%s\",\"at\":%lld", name, (long long)wr_wall_ms());
}

void wr_events_text(struct wr_buf *event, const char *member, wr_str text)
{
    size_t max = text.len < WR_BROKER_CLIENT_MAX ? text.len : WR_BROKER_CLIENT_MAX;
    wr_str shown = wr_str_cut(text, 0, wr_utf8_valid_len(wr_str_cut(text, 0, max)));
    wr_buf_addf(event, ",\"%s\":\"", member);
    for (size_t i = 0; i < shown.len; i++) {
        unsigned char c = (unsigned char)shown.at[i];
        if (c < 0x20) {
            wr_buf_addf(event, "\\u%04x", c);
        } else {
            if (c == '"' || c == '\\') {
                wr_buf_add_char(event, '\\');
            }
            wr_buf_add_char(event, (char)c);
        }
    }
    wr_buf_add_char(event, '"');
}

void wr_events_number(struct wr_buf *event, const char *member, int64_t number)
{
    wr_buf_addf(event, ",\"%s\":%lld", member, (long long)number);
}

static bool open_socket(struct wr_events *e)
{
    if (e->fd_ < 0) {
        e->fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    return e->fd_ >= 0;
}

bool wr_events_send(struct wr_events *e, struct wr_buf *event, bool kept)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    bool sent = false;
    if (e->path && open_socket(e) && strlen(e->path) < sizeof to.sun_path) {
        if (e->lost_ > 0) {
            wr_events_number(event, "lost", (int64_t)e->lost_);
        }
        wr_buf_add_char(event, '}');
        memcpy(to.sun_path, e->path, strlen(e->path) + 1);
        // Connected to nothing: weir may be started again and bind another socket there.
        sent = !event->over && sendto(e->fd_, event->at, event->len, MSG_NOSIGNAL,
                                      (struct sockaddr *)&to, sizeof to) >= 0;
    }
    e->lost_ = sent ? 0 : e->lost_ + (e->path && !kept);
    wr_buf_release(event);
    return sent;
}
