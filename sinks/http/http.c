// http: one request for each record, or for a batch of them. Retries, back-off and the error action
// are the engine's, with AWS's numbers as defaults: three tries in three seconds.
#include "sinks/http/http.h"

#include <stdlib.h>

#include "sinks/http/poster.h"
#include "sinks/lib/batch.h"
#include "sinks/lib/later.h"
#include "sql/base/json.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

#define BATCH_OPEN_MS     20 // actions.md 4.11
#define BATCH_SIZE        10
#define BATCH_BYTES       5120
#define BATCHES_UNDER_WAY 4 // of one URL; AWS promises no order
#define SIGNED_HEADERS    (WR_AWS_HEADERS_MAX - 1)

struct http;

// A request for one record, in its arena.
struct single {
    struct wr_post post;
    struct http *state;
    struct wr_record *rec;
};

// A request for a batch, kept with its call.
struct many {
    struct wr_post post;
    struct wr_batch_call *call;
};

// Batches with the same limits: rules that say the same share it.
struct group {
    struct http *state;
    struct wr_batch *batch;
    size_t count, bytes;
    uint32_t open_ms;
    struct group *next;
};

struct http {
    struct wr_sink *sink;
    struct wr_poster *poster;
    struct group *groups;
    struct wr_buf key;
    size_t held;      // records not settled
    uint64_t batches; // requests for several that were answered
    size_t closing;   // groups that are not closed yet
    bool ended;       // the poster is being closed
    bool confirm;     // only where a destination covers the URL
    void (*done)(struct wr_sink *self);
};

// ---- the end of a record

static void on_poster_closed(void *user)
{
    struct http *h = user;
    struct wr_sink *sink = h->sink;
    void (*done)(struct wr_sink *) = h->done;
    for (struct group *g = h->groups, *next; g; g = next) {
        next = g->next;
        free(g);
    }
    wr_buf_release(&h->key);
    free(h);
    sink->state = NULL;
    wr_later_done(sink, done);
}

static void end_if_idle(struct http *h)
{
    if (h->done && h->held == 0 && h->closing == 0 && !h->ended) {
        h->ended = true;
        wr_poster_close(h->poster, on_poster_closed, h);
    }
}

static void settle(struct http *h, struct wr_record *rec, const struct wr_post_answer *a)
{
    wr_post_settle(rec, a, "Failed to send HTTP request", rec->params[WR_HTTP_URL].text);
    h->held--; // not before: settling may submit or close
}

static void refuse(struct http *h, struct wr_record *rec, wr_str why, enum wr_http_met met)
{
    settle(h, rec, &(struct wr_post_answer){.verdict = WR_REFUSED, .text = why, .met = met});
    end_if_idle(h);
}

// ---- a request

static bool is_content_type(wr_str name)
{
    return wr_str_eq_nocase(name, WR_STR("content-type"));
}

// The headers of `rec`, in its arena. NULL, or what is wrong.
static const char *fill(struct http *h, struct wr_record *rec, bool batch, struct wr_post *post)
{
    const struct wr_param *p = rec->params, *given = &p[WR_HTTP_HEADERS];
    size_t given_count = given->set ? given->count : 0;
    struct wr_http_header *headers =
        wr_arena_alloc(rec->arena, (given_count + 1) * sizeof *headers);
    size_t count = 1;
    bool own_type = false;
    if (!headers) {
        return "that the message is over its limit of memory";
    }
    for (size_t i = 0; i < given_count; i++) {
        wr_str value = given->values[i];
        for (size_t k = 0; k < value.len; k++) {
            if (value.at[k] == '\r' || value.at[k] == '\n' || value.at[k] == '\0') {
                return "a header with a line break or a NUL in its value";
            }
        }
        if (is_content_type(given->keys[i])) {
            if (batch) {
                continue; // AWS forces application/json
            }
            own_type = true;
        }
        headers[count++] = (struct wr_http_header){given->keys[i], value};
    }
    headers[0] = (struct wr_http_header){
        WR_STR("Content-Type"),
        batch || rec->body_json ? WR_STR("application/json") : WR_STR("application/octet-stream")};
    post->url = p[WR_HTTP_URL].text;
    post->headers = headers + own_type;
    post->header_count = count - own_type;
    if (p[WR_HTTP_SIGN_SERVICE].set) {
        struct wr_fault fault = {0};
        post->sign_service = p[WR_HTTP_SIGN_SERVICE].text;
        post->sign_region = p[WR_HTTP_SIGN_REGION].text;
        post->role_arn = p[WR_HTTP_SIGN_ROLE].text;
        if (post->header_count > SIGNED_HEADERS) {
            return "more headers than a signed request may have (47)";
        }
        if (!wr_poster_can_sign(h->poster, &fault)) {
            return "that there are no settings of AWS to sign with";
        }
    }
    return NULL;
}

// ---- one by one

static void on_single(struct wr_post *post, const struct wr_post_answer *answer)
{
    struct single *s = post->user;
    struct http *h = s->state;
    settle(h, s->rec, answer); // `s` is gone with it
    end_if_idle(h);
}

static void send_single(struct http *h, struct wr_record *rec)
{
    struct single *s = wr_arena_alloc(rec->arena, sizeof *s);
    const char *trouble = "that the message is over its limit of memory";
    if (s) {
        *s = (struct single){.state = h, .rec = rec};
        trouble = fill(h, rec, false, &s->post);
    }
    if (trouble) {
        refuse(h, rec, wr_str_of(trouble), WR_HTTP_MET_NOTHING);
        return;
    }
    s->post.body = rec->body.at ? rec->body : WR_STR("");
    s->post.done = on_single;
    s->post.user = s;
    wr_poster_send(h->poster, &s->post);
}

// ---- in batches

static void settle_all(struct group *g, struct wr_batch_call *call,
                       const struct wr_post_answer *answer)
{
    struct http *h = g->state;
    struct wr_post_answer mine = *answer;
    size_t left = call->record_count;
    mine.batch = ++h->batches;
    for (struct wr_record *rec; (rec = wr_batch_pop(call));) {
        mine.batch_last = --left == 0;
        settle(h, rec, &mine);
    }
    wr_batch_done(call);
    end_if_idle(h);
}

static void on_many(struct wr_post *post, const struct wr_post_answer *answer)
{
    struct many *m = WR_CONTAINER(post, struct many, post);
    settle_all(post->user, m->call, answer);
}

static void send_many(void *user, struct wr_batch_call *call)
{
    struct group *g = user;
    struct many *m = call->user;
    struct wr_record *rec = call->records, *last = NULL;
    if (!m) {
        m = call->user = wr_alloc(sizeof *m);
    }
    *m = (struct many){.call = call};
    wr_buf_add_char(&call->body, '[');
    for (size_t i = 0; i < call->record_count; i++, rec = rec->sink_next) {
        if (i) {
            wr_buf_add_char(&call->body, ',');
        }
        if (rec->body_json) {
            wr_buf_add(&call->body, rec->body);
        } else {
            wr_json_write_string(&call->body, rec->body);
        }
        last = rec;
    }
    wr_buf_add_char(&call->body, ']');
    // What can be wrong was looked at when each came in.
    const char *trouble = fill(g->state, last, true, &m->post);
    wr_assert(!trouble || last->arena->over);
    m->post.body = wr_buf_str(&call->body);
    m->post.done = on_many;
    m->post.user = g;
    wr_poster_send(g->state->poster, &m->post);
}

static void cancel_many(void *user, struct wr_batch_call *call)
{
    struct group *g = user;
    wr_poster_cancel(g->state->poster);
}

static void abandon(void *user, struct wr_record *rec)
{
    struct group *g = user;
    settle(g->state, rec,
           &(struct wr_post_answer){.verdict = WR_RETRY, .text = WR_STR("that weir is stopping")});
}

static void forget(void *user, struct wr_batch_call *call)
{
    free(call->user);
}

static struct group *group_of(struct http *h, const struct wr_param *p)
{
    size_t count = p[WR_HTTP_BATCH_SIZE].set ? (size_t)p[WR_HTTP_BATCH_SIZE].number : BATCH_SIZE;
    size_t bytes = p[WR_HTTP_BATCH_BYTES].set ? (size_t)p[WR_HTTP_BATCH_BYTES].number : BATCH_BYTES;
    uint32_t open_ms =
        p[WR_HTTP_BATCH_OPEN].set ? (uint32_t)p[WR_HTTP_BATCH_OPEN].number : BATCH_OPEN_MS;
    struct group *g = h->groups;
    while (g && (g->count != count || g->bytes != bytes || g->open_ms != open_ms)) {
        g = g->next;
    }
    if (!g) {
        g = wr_zalloc(sizeof *g);
        *g = (struct group){
            .state = h, .count = count, .bytes = bytes, .open_ms = open_ms, .next = h->groups};
        g->batch = wr_batch_new(&(struct wr_batch_options){
            .loop = h->sink->host->loop,
            .count_max = count,
            .bytes_max = bytes,
            .age_ms = open_ms,
            .in_flight_max = BATCHES_UNDER_WAY,
            .send = send_many,
            .cancel = cancel_many,
            .abandon = abandon,
            .forget = forget,
            .user = g,
        });
        h->groups = g;
    }
    return g;
}

static void add_to_batch(struct http *h, struct wr_record *rec)
{
    const struct wr_param *p = rec->params;
    struct wr_post probe = {0};
    struct wr_batch_item *item = wr_arena_alloc(rec->arena, sizeof *item);
    const char *trouble =
        item ? fill(h, rec, true, &probe) : "that the message is over its limit of memory";
    if (!trouble && !rec->body_json && !wr_utf8_valid(rec->body)) {
        trouble = "a result that is no UTF-8, which a batch cannot hold";
    }
    if (trouble) {
        refuse(h, rec, wr_str_of(trouble), WR_HTTP_MET_NOTHING);
        return;
    }
    *item = (struct wr_batch_item){.bytes = rec->body.len + 1, .entries = 1};
    rec->sink_data = item;
    wr_buf_clear(&h->key); // parts of it may hold anything: lengths tell them apart
    wr_buf_addf(&h->key, "%zu %zu ", rec->rule_name.len, p[WR_HTTP_URL].text.len);
    wr_buf_add(&h->key, rec->rule_name);
    wr_buf_add(&h->key, p[WR_HTTP_URL].text);
    wr_str across = p[WR_HTTP_BATCH_TOPICS].text;
    if (!wr_str_eq(across, WR_STR("true"))) {
        wr_buf_add(&h->key, rec->topic);
    }
    wr_batch_add(group_of(h, p)->batch, wr_buf_str(&h->key), 0, rec);
}

// ---- the interface

static wr_err open_http(struct wr_sink *self, const struct wr_settings *s, bool local,
                        struct wr_fault *fault)
{
    struct http *h = wr_zalloc(sizeof *h);
    wr_err err = wr_poster_open_settings(self, s, local, &h->poster, fault);
    h->sink = self;
    h->confirm = wr_settings_bool(s, "require_confirmation") && self->host->confirmed;
    if (err) {
        free(h);
        return err;
    }
    self->state = h;
    return WR_OK;
}

static wr_err open_local(struct wr_sink *self, const struct wr_settings *settings,
                         struct wr_fault *fault)
{
    return open_http(self, settings, true, fault);
}

static wr_err open_real(struct wr_sink *self, const struct wr_settings *settings,
                        struct wr_fault *fault)
{
    return open_http(self, settings, false, fault);
}

static void http_submit(struct wr_sink *self, struct wr_record *rec)
{
    struct http *h = self->state;
    h->held++;
    const char *trouble = wr_poster_url_trouble(h->poster, rec->params[WR_HTTP_URL].text);
    if (trouble) {
        refuse(h, rec, wr_str_of(trouble), WR_HTTP_MET_INVALID_URL);
    } else if (h->confirm &&
               !self->host->confirmed(self->host, rec->rule_name, rec->params[WR_HTTP_URL].text)) {
        refuse(h, rec,
               WR_STR("that no topic rule destination that is ENABLED covers the URL "
                      "(sinks.http.require_confirmation; see weir destinations)"),
               WR_HTTP_MET_NOTHING);
    } else if (wr_str_eq(rec->params[WR_HTTP_BATCHING].text, WR_STR("true"))) {
        add_to_batch(h, rec);
    } else {
        send_single(h, rec);
    }
}

static void on_batch_closed(void *user)
{
    struct http *h = user;
    h->closing--;
    end_if_idle(h);
}

static void http_close(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct http *h = self->state;
    h->done = done;
    wr_poster_cancel(h->poster);
    for (struct group *g = h->groups; g; g = g->next) {
        h->closing++;
    }
    for (struct group *g = h->groups; g; g = g->next) {
        wr_batch_close(g->batch, on_batch_closed, h);
    }
    end_if_idle(h);
}

static enum wr_batching batching(const struct wr_param *p)
{
    return !wr_str_eq(p[WR_HTTP_BATCHING].text, WR_STR("true"))      ? WR_BATCHING_NONE
           : wr_str_eq(p[WR_HTTP_BATCH_TOPICS].text, WR_STR("true")) ? WR_BATCHING_TOPICS
                                                                     : WR_BATCHING_ONE_TOPIC;
}

static const struct wr_option settings_table[] = {
    WR_POSTER_SETTINGS,
    {"require_confirmation", WR_OPT_BOOL, 0, "false",
     .help = "Post only below a URL that has confirmed that it wants messages, as at AWS: a topic "
             "rule destination that is ENABLED."},
    {"retry.budget", WR_OPT_INT, 0, "3000", .min = 0, .max = 86400000, .unit = "ms",
     .help = "Longest time for all tries together; AWS's is 3 s."},
    {0},
};

#define WR_HTTP_ACTION                                                                   \
    .name = "http", .failed_action = "HttpAction",                                       \
    .help = "Posts the result to an HTTP endpoint.", .options = wr_http_action_options,  \
    .resource_option = WR_HTTP_URL, .check = wr_http_action_check, .batching = batching, \
    .settings = settings_table, .submit = http_submit, .close = http_close

const struct wr_sink_impl wr_sink_http = {
    WR_HTTP_ACTION,
    .form = "To this machine for real; what is for others is kept in local/record/http.ndjson.",
    .open = open_local,
};

const struct wr_sink_impl wr_sink_http_aws = {
    WR_HTTP_ACTION,
    .form = "To every host, signed with AWS's keys where the rule says so.",
    .open = open_real,
};
