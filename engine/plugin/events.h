// Datagrams to weir: engine/registry/broker_events.h says what is in them.
// Thread: the broker's only one. Never waits, never fails for the caller.
#ifndef WR_ENGINE_PLUGIN_EVENTS_H
#define WR_ENGINE_PLUGIN_EVENTS_H

#include "sql/base/buf.h"

struct wr_events {
    const char *path; // NULL: nobody wants events
    int fd_;          // -1: none yet
    uint64_t lost_;
};

void wr_events_init(struct wr_events *e, const char *path);
void wr_events_release(struct wr_events *e);

// An event: begin, members, send. `text` is any bytes: escaped, cut at WR_BROKER_CLIENT_MAX.
void wr_events_begin(struct wr_buf *event, const char *name);
void wr_events_text(struct wr_buf *event, const char *member, wr_str text);
void wr_events_number(struct wr_buf *event, const char *member, int64_t number);
// Releases `event`. False: nobody took it. One that is `kept` is sent again by the caller; others
// are counted as lost.
bool wr_events_send(struct wr_events *e, struct wr_buf *event, bool kept);

#endif
