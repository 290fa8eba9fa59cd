// GET /weir/v1/trace?rule=R[&topic=F][&why][&sample=N][&count=N][&payload]: what a rule does with
// messages, as JSON Lines, until the client goes or `count` messages are through. With
// `Accept: text/event-stream` as server-sent events, for the console: the same lines as data, a
// comment every BEAT_MS, so that a way that is cut shows, and at the end
// `event: end`, data {"reason":"count"|"session"}. Nothing is sent again to who comes back: it is a
// view of now.
//
//   time (ms), topic, traceId, outcome (flow/trace.h), and
//   matched       resultBytes, and for admins result | resultText | resultBase64
//   noMatch       reason: "false" or "undefined"; with `why` the term of WHERE that decided
//   failed        message: why
//   of an action  action, errorAction, attempt, resource, message, reason
//   {"dropped":N} so many lines were left out: the client does not take them as fast
//
// A stream that began with a session or a token ends with it. While it is open it counts as a call.
//
// Lines gather in a buffer for FLUSH_MS; what does not fit there, or in what the client has not
// taken (httpd's stream_max), is counted and left out. The flow waits for nobody.
#include "engine/cli/run_parts.h"

#include <stdlib.h>

#include "engine/admin/auth.h"
#include "engine/cli/message_text.h"
#include "engine/flow/trace.h"
#include "sql/base/json.h"
#include "sql/base/utf8.h"
#include "sql/topic.h"

#include "sql/base/banned.h"

#define FLUSH_MS   50           // a line is no later than this
#define BUFFER_MAX (256u << 10) // bytes of lines in FLUSH_MS: 5 MB a second for one trace
#define BYTES_MAX  1024u        // of a payload or a result that are shown; and of a message's text
#define TEXT_MAX   512u
#define COUNT_MAX  1000000000u
#define LINGER_MS  10000 // after `count` messages: for what becomes of their records
#define BEAT_MS    2000  // without a line, of server-sent events
#define STANDS_MS  1000  // between looks whether the session stands: no longer is it outlived
#define RETRY_MS   1000  // before a browser comes back

struct trace {
    struct wr_admin_held held; // first: the request's user
    struct wr_daemon_traces *all;
    struct wr_httpd_request *req; // NULL: free
    const struct wr_rule_counters *rule;
    char *filter; // NULL: any topic
    bool why, payload, result;
    bool events;  // server-sent ones
    bool by_word; // with a session or a token, which must stand
    uint64_t sample, until_sample, count, seen, dropped;
    uint64_t linger_end_ms; // of uv_now(); 0: not all seen
    uint64_t sent_ms, stood_ms;
    struct wr_buf lines;
};

struct wr_daemon_traces {
    struct wr_daemon *daemon;
    struct trace at[WR_TRACES_MAX];
    size_t count;
    uv_timer_t timer;
    struct wr_flow_tap tap;
};

// ---- lines

static void add_text(struct wr_buf *b, const char *name, wr_str text)
{
    if (text.len > TEXT_MAX) {
        text.len = TEXT_MAX;
        while (text.len && ((unsigned char)text.at[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    wr_buf_addf(b, ",\"%s\":", name);
    if (wr_utf8_valid(text)) {
        wr_json_write_string(b, text);
    } else {
        wr_buf_add_char(b, '"');
        wr_buf_add_base64(b, text);
        wr_buf_add_char(b, '"');
    }
}

// As in message files, under another name; a part of it when it is long.
static void add_bytes(struct wr_buf *b, const char *name, wr_str bytes)
{
    bool cut = bytes.len > BYTES_MAX;
    if (cut) {
        bytes.len = BYTES_MAX;
        while (bytes.len && ((unsigned char)bytes.at[bytes.len] & 0xc0) == 0x80) {
            bytes.len--;
        }
    }
    wr_buf_add_char(b, ',');
    wr_message_text_member(name, bytes, false, b);
    if (cut) {
        wr_buf_addf(b, ",\"%sCut\":true", name);
    }
}

static void write_record(struct wr_buf *b, const struct wr_trace_event *e)
{
    wr_buf_addf(b, ",\"action\":\"%s\"%s,\"attempt\":%u", e->action,
                e->error_action ? ",\"errorAction\":true" : "", e->attempt);
    if (e->resource.len) {
        add_text(b, "resource", e->resource);
    }
}

static void write_line(struct trace *t, const struct wr_trace_event *e)
{
    struct wr_buf *b = &t->lines;
    const struct wr_sql_message *m = &e->message->sql;
    wr_buf_addf(b, "%s{\"time\":%lld", t->events ? "data: " : "", (long long)wr_wall_ms());
    add_text(b, "topic", m->topic);
    add_text(b, "traceId", wr_sql_trace_id(m));
    wr_buf_addf(b, ",\"outcome\":\"%s\"", wr_trace_word(e->what));
    if (e->what == WR_TRACE_NO_MATCH) {
        wr_buf_addf(b, ",\"reason\":\"%s\"", e->undefined ? "undefined" : "false");
    } else if (e->reason) {
        wr_buf_addf(b, ",\"reason\":\"%s\"", e->reason);
    }
    if (e->action) {
        write_record(b, e);
    }
    if (e->text.len) {
        add_text(b, "message", e->text);
    }
    if (e->what == WR_TRACE_NO_MATCH && t->why) {
        add_text(b, "term", wr_trace_term(e));
    }
    if (e->what == WR_TRACE_MATCHED) {
        wr_buf_addf(b, ",\"resultBytes\":%zu", e->result.len);
    }
    if (e->what == WR_TRACE_MATCHED && t->result) {
        add_bytes(b, "result", e->result);
    }
    if (e->what <= WR_TRACE_DROPPED && t->payload) {
        add_bytes(b, "payload", m->payload);
    }
    wr_buf_add(b, t->events ? WR_STR("}\n\n") : WR_STR("}\n"));
}

static void add_line(struct trace *t, const struct wr_trace_event *e)
{
    size_t before = t->lines.len;
    if (before >= BUFFER_MAX) {
        t->dropped++;
        return;
    }
    write_line(t, e);
    if (t->lines.len > BUFFER_MAX) {
        t->lines.len = before;
        t->dropped++;
    }
}

// ---- events

static bool wants(struct trace *t, const struct wr_trace_event *e)
{
    if (!t->req || t->rule != e->rule || (t->count && t->seen == t->count) ||
        (t->filter && !wr_topic_matches(wr_str_of(t->filter), e->message->sql.topic)) ||
        --t->until_sample > 0) {
        return false;
    }
    t->until_sample = t->sample;
    t->seen++;
    return true;
}

static void on_event(void *user, struct wr_trace_event *e)
{
    struct wr_daemon_traces *all = user;
    bool first = e->what <= WR_TRACE_DROPPED;
    for (unsigned i = 0; i < WR_TRACES_MAX; i++) {
        uint8_t bit = (uint8_t)(1u << i);
        if (first && wants(&all->at[i], e)) {
            e->who |= bit;
        }
        if (e->who & bit) {
            add_line(&all->at[i], e);
        }
    }
}

// ---- the end

static void forget(struct trace *t)
{
    struct wr_daemon_traces *all = t->all;
    uint8_t bit = (uint8_t)(1u << (t - all->at));
    all->count--;
    wr_flow_untrace(all->daemon->flow, t->rule, bit, all->count == 0);
    if (all->count == 0) {
        uv_timer_stop(&all->timer);
    }
    wr_buf_release(&t->lines);
    free(t->filter);
    *t = (struct trace){.all = all};
}

static void on_gone(struct wr_httpd_request *req)
{
    forget(req->user);
    wr_httpd_drop(req);
}

static bool put(struct trace *t, wr_str bytes, uint64_t now)
{
    bool sent = wr_httpd_stream_send(t->req, bytes);
    t->sent_ms = sent ? now : t->sent_ms;
    return sent;
}

static void flush(struct trace *t, uint64_t now)
{
    if (t->dropped) {
        char line[64];
        int len = snprintf(line, sizeof line, "%s{\"dropped\":%llu}\n%s", t->events ? "data: " : "",
                           (unsigned long long)t->dropped, t->events ? "\n" : "");
        if (put(t, (wr_str){line, (size_t)len}, now)) {
            t->dropped = 0;
        }
    }
    if (t->lines.len && !put(t, wr_buf_str(&t->lines), now)) {
        size_t feeds = 0;
        for (size_t i = 0; i < t->lines.len; i++) {
            feeds += t->lines.at[i] == '\n';
        }
        t->dropped += t->events ? feeds / 2 : feeds;
    }
    wr_buf_clear(&t->lines);
    if (t->events && now - t->sent_ms >= BEAT_MS && !put(t, WR_STR(":\n\n"), now)) {
        t->sent_ms = now; // it has enough to take
    }
}

static void end(struct trace *t, const char *reason)
{
    struct wr_httpd_request *req = t->req;
    if (t->events) {
        char line[64];
        int len = snprintf(line, sizeof line, "event: end\ndata: {\"reason\":\"%s\"}\n\n", reason);
        // Who does not take it sees the end of the stream.
        (void)!wr_httpd_stream_send(req, (wr_str){line, (size_t)len});
    }
    forget(t);
    wr_httpd_stream_end(req);
}

// Asked once in STANDS_MS.
static bool stands(struct trace *t, uint64_t now)
{
    if (!t->by_word || now - t->stood_ms < STANDS_MS) {
        return true;
    }
    t->stood_ms = now;
    return wr_auth_stands(t->all->daemon->auth, t->req);
}

static void on_timer(uv_timer_t *timer)
{
    struct wr_daemon_traces *all = timer->data;
    uint64_t now = uv_now(timer->loop);
    for (unsigned i = 0; i < WR_TRACES_MAX && all->count; i++) {
        struct trace *t = &all->at[i];
        if (!t->req) {
            continue;
        }
        bool all_seen = t->count && t->seen == t->count;
        if (all_seen && !t->linger_end_ms) {
            t->linger_end_ms = now + LINGER_MS;
        }
        bool over = all_seen && (now >= t->linger_end_ms ||
                                 !wr_flow_traced_live(all->daemon->flow, (uint8_t)(1u << i)));
        if (!stands(t, now)) {
            end(t, "session");
            continue;
        }
        flush(t, now);
        if (over && !t->dropped) {
            end(t, "count");
        }
    }
}

static void on_timer_closed(uv_handle_t *timer)
{
    free(timer->data);
}

// The admin socket is closed: no client is left.
void wr_daemon_close_traces(struct wr_daemon *d)
{
    if (d->traces) {
        uv_close((uv_handle_t *)&d->traces->timer, on_timer_closed);
        d->traces = NULL;
    }
}

// ---- the question

static bool read_number(const struct wr_admin_call *c, const char *name, uint64_t *out)
{
    wr_str text;
    uint64_t n = 0;
    if (!wr_admin_query(c, wr_str_of(name), &text)) {
        return true;
    }
    for (size_t i = 0; i < text.len && n <= COUNT_MAX; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return false;
        }
        n = 10 * n + (uint64_t)(text.at[i] - '0');
    }
    *out = n;
    return text.len && n >= 1 && n <= COUNT_MAX;
}

static bool flag(const struct wr_admin_call *c, const char *name)
{
    wr_str value;
    return wr_admin_query(c, wr_str_of(name), &value);
}

// False: it is answered.
static bool read_query(struct wr_admin_call *c, wr_str *rule, wr_str *filter, struct trace *t)
{
    struct wr_fault fault;
    *filter = (wr_str){0};
    if (!wr_admin_query(c, WR_STR("rule"), rule) || rule->len == 0) {
        wr_admin_reply_error(c, 400, "expected ?rule=NAME");
        return false;
    }
    if (wr_admin_query(c, WR_STR("topic"), filter) && wr_topic_filter_check(*filter, &fault)) {
        wr_admin_reply_error(c, 400, "topic: %s", fault.text);
        return false;
    }
    t->sample = 1;
    if (!read_number(c, "sample", &t->sample) || !read_number(c, "count", &t->count)) {
        wr_admin_reply_error(c, 400, "expected a number from 1 to %u of sample and count",
                             COUNT_MAX);
        return false;
    }
    wr_str accept = wr_http1_header(c->req->head, WR_STR("Accept"));
    t->events = wr_str_find(accept, WR_STR("text/event-stream")) >= 0;
    t->why = flag(c, "why");
    t->payload = flag(c, "payload");
    t->result = c->role >= WR_ROLE_ADMIN;
    if (t->payload && c->role < WR_ROLE_ADMIN) {
        wr_admin_reply_error(c, 403, "payloads need the role admin; yours is %s",
                             wr_role_text(c->role));
        return false;
    }
    return true;
}

static struct trace *find_room(struct wr_daemon_traces *all)
{
    for (unsigned i = 0; i < WR_TRACES_MAX; i++) {
        if (!all->at[i].req) {
            return &all->at[i];
        }
    }
    return NULL;
}

static void begin(struct trace *t)
{
    struct wr_httpd_reply reply = {
        .status = 200,
        .type = t->events ? WR_STR("text/event-stream") : WR_STR("application/x-ndjson"),
    };
    reply.headers = wr_admin_headers(&reply.header_count);
    wr_httpd_stream_begin(t->req, &reply);
    if (t->events) {
        char line[32];
        int len = snprintf(line, sizeof line, "retry: %d\n\n", RETRY_MS);
        (void)!wr_httpd_stream_send(t->req, (wr_str){line, (size_t)len}); // the first: it has room
    }
}

static void get_trace(struct wr_admin_call *c)
{
    struct wr_daemon *d = c->user;
    struct wr_daemon_traces *all = d->traces;
    struct trace asked = {.all = all}, *t = find_room(all);
    wr_str rule, filter;
    if (!read_query(c, &rule, &filter, &asked)) {
        return;
    }
    if (!t) {
        wr_admin_reply_error(c, 429, "%d traces are under way, which is the limit; end one",
                             WR_TRACES_MAX);
        return;
    }
    asked.rule = wr_flow_trace(d->flow, rule, &all->tap);
    if (!asked.rule) {
        wr_admin_reply_error(c, 404, "there is no rule %.*s", WR_STR_ARG(rule));
        return;
    }
    asked.filter = filter.at ? wr_strdup(filter) : NULL;
    asked.held.gone = on_gone;
    asked.until_sample = 1; // the first one at once
    asked.req = c->req;
    asked.by_word = c->by_token;
    asked.sent_ms = asked.stood_ms = uv_now(&d->loop);
    *t = asked;
    c->req->user = t;
    if (all->count++ == 0) {
        uv_timer_start(&all->timer, on_timer, FLUSH_MS, FLUSH_MS);
    }
    begin(t);
}

static const struct wr_admin_route routes[] = {
    {"GET", "/weir/v1/trace", WR_ROLE_OPERATOR, WR_ON_INSIDE, get_trace},
};

void wr_daemon_add_traces(struct wr_daemon *d)
{
    struct wr_daemon_traces *all = wr_zalloc(sizeof *all);
    all->daemon = d;
    all->tap = (struct wr_flow_tap){.user = all, .event = on_event};
    uv_timer_init(&d->loop, &all->timer);
    all->timer.data = all;
    d->traces = all;
    wr_admin_add(d->admin, routes, WR_COUNT(routes), d);
}
