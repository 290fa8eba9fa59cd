// GET /weir/v1/messages[?last=N][&filter=F]: the last messages that came, as a message file
// (message_file.h). `filter`: topic filters with a line feed between them; one must match. Payloads
// are in it: for the role admin.
//
// The ring is copied first (4 MB: about a millisecond), so that what is sent is of one moment
// however slow the client is; then lines are made a slice at a time.
#include "engine/cli/run_parts.h"

#include <stdlib.h>

#include "engine/cli/message_text.h"
#include "engine/flow/ring.h"
#include "engine/observe/log.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define REPLIES_MAX 4            // at once: a copy of the ring each
#define SLICE_BYTES (128u << 10) // of lines in one turn of the loop
#define QUEUED_MAX  (512u << 10) // bytes that the client has not taken; httpd's limit is 1 MiB
#define SLICE_MS    2
#define ARENA_MAX   (1u << 20) // user properties of one message
#define FILTERS_MAX 64
#define LAST_MAX    UINT32_MAX

struct reply {
    struct wr_admin_held held; // first: the request's user
    struct wr_daemon *daemon;
    struct wr_httpd_request *req; // NULL: closing
    struct wr_ring *ring;
    uint64_t at, skip; // messages that match before the last N
    char *filter_text;
    wr_str filters[FILTERS_MAX];
    size_t filter_count;
    struct wr_arena arena;
    struct wr_buf lines;
    uv_timer_t timer;
};

static void on_closed(uv_handle_t *timer)
{
    struct reply *r = timer->data;
    wr_ring_free(r->ring);
    free(r->filter_text);
    wr_arena_release(&r->arena);
    wr_buf_release(&r->lines);
    free(r);
}

static void close_reply(struct reply *r)
{
    r->req = NULL;
    r->daemon->message_replies--;
    uv_close((uv_handle_t *)&r->timer, on_closed);
}

static void on_gone(struct wr_httpd_request *req)
{
    close_reply(req->user);
    wr_httpd_drop(req);
}

// ---- lines

static bool wanted(const struct reply *r, wr_str topic)
{
    bool any = r->filter_count == 0;
    for (size_t i = 0; i < r->filter_count && !any; i++) {
        any = wr_topic_matches(r->filters[i], topic);
    }
    return any;
}

static bool next(struct reply *r, struct wr_ring_message *m)
{
    wr_arena_reset(&r->arena);
    while (wr_ring_next(r->ring, &r->at, &r->arena, m)) {
        if (wanted(r, m->sql.topic)) {
            return true;
        }
        wr_arena_reset(&r->arena);
    }
    return false;
}

static void add_line(struct reply *r, const struct wr_ring_message *m)
{
    static struct wr_log_limit limit;
    struct wr_fault fault;
    const struct wr_file_message file = {
        .sql = m->sql, .timed = true, .qos = m->qos, .retain = m->retain, .expiry_s = -1};
    if (wr_message_text_write(&file, false, &r->lines, &fault)) {
        wr_log_limited(&limit, WR_LOG_WARN, "admin", "a message that was kept is left out: %s",
                       fault.text);
    }
}

static void on_slice(uv_timer_t *timer)
{
    struct reply *r = timer->data;
    struct wr_ring_message m;
    bool more = true;
    if (wr_httpd_stream_queued(r->req) > QUEUED_MAX) {
        return; // the client has time; httpd ends one that takes nothing at all
    }
    while (r->lines.len < SLICE_BYTES && (more = next(r, &m))) {
        if (r->skip > 0) {
            r->skip--;
        } else {
            add_line(r, &m);
        }
    }
    struct wr_httpd_request *req = r->req;
    if (r->lines.len && !wr_httpd_stream_send(req, wr_buf_str(&r->lines))) {
        close_reply(r); // one line over httpd's limit: the client sees that the end is missing
        wr_httpd_drop(req);
        return;
    }
    wr_buf_clear(&r->lines);
    if (!more) {
        close_reply(r);
        wr_httpd_stream_end(req);
    }
}

// ---- the question

static bool read_filters(struct reply *r, wr_str text, struct wr_fault *fault)
{
    r->filter_text = wr_strdup(text);
    for (size_t i = 0, start = 0; i <= text.len; i++) {
        if (i < text.len && text.at[i] != '\n') {
            continue;
        }
        if (r->filter_count == FILTERS_MAX) {
            wr_fault_set(fault, WR_ERR_LIMIT, "more than %d filters", FILTERS_MAX);
            return false;
        }
        wr_str filter = {r->filter_text + start, i - start};
        if (wr_topic_filter_check(filter, fault)) {
            return false;
        }
        r->filters[r->filter_count++] = filter;
        start = i + 1;
    }
    return true;
}

static bool read_last(wr_str text, uint64_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < text.len && n <= LAST_MAX; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return false;
        }
        n = 10 * n + (uint64_t)(text.at[i] - '0');
    }
    *out = n;
    return text.len && n >= 1 && n <= LAST_MAX;
}

// How many there are before the last N.
static void count_skipped(struct reply *r, uint64_t last)
{
    struct wr_ring_message m;
    uint64_t count = 0;
    while (next(r, &m)) {
        count++;
    }
    r->skip = count > last ? count - last : 0;
    r->at = 0;
}

static void begin(struct wr_admin_call *c, struct reply *r)
{
    struct wr_daemon *d = c->user;
    r->held.gone = on_gone;
    r->daemon = d;
    r->req = c->req;
    r->req->user = r;
    d->message_replies++;
    uv_timer_init(&d->loop, &r->timer);
    r->timer.data = r;
    uv_timer_start(&r->timer, on_slice, 0, SLICE_MS);
    struct wr_httpd_reply reply = {.status = 200, .type = WR_STR("application/x-ndjson")};
    reply.headers = wr_admin_headers(&reply.header_count);
    wr_httpd_stream_begin(r->req, &reply);
}

static void get_messages(struct wr_admin_call *c)
{
    struct wr_daemon *d = c->user;
    struct wr_fault fault = {0};
    wr_str text;
    uint64_t last = 0;
    if (!d->ring) {
        wr_admin_reply_error(c, 409, "this weir keeps no messages: ring.bytes is 0");
        return;
    }
    if (d->message_replies == REPLIES_MAX) {
        wr_admin_reply_error(c, 429, "%d such replies are under way, which is the limit",
                             REPLIES_MAX);
        return;
    }
    if (wr_admin_query(c, WR_STR("last"), &text) && !read_last(text, &last)) {
        wr_admin_reply_error(c, 400, "last: expected a number from 1 on");
        return;
    }
    struct reply *r = wr_zalloc(sizeof *r);
    if (wr_admin_query(c, WR_STR("filter"), &text) && !read_filters(r, text, &fault)) {
        wr_admin_reply_error(c, 400, "filter: %s", fault.text);
        free(r->filter_text);
        free(r);
        return;
    }
    r->ring = wr_ring_copy(d->ring);
    wr_arena_init(&r->arena, ARENA_MAX);
    if (last) {
        count_skipped(r, last);
    }
    begin(c, r);
}

static const struct wr_admin_route routes[] = {
    {"GET", "/weir/v1/messages", WR_ROLE_ADMIN, WR_ON_INSIDE, get_messages},
};

void wr_daemon_add_messages(struct wr_daemon *d)
{
    wr_admin_add(d->admin, routes, WR_COUNT(routes), d);
}
