// salesforce: posts the result to a Salesforce input stream (actions.md 4.21), a product that is no
// more. One request for each record, with the rule's token as bearer; what nothing documents is as
// with http.
#include <stdlib.h>

#include "sinks/http/http.h"
#include "sinks/http/poster.h"
#include "sinks/lib/later.h"

#include "sql/base/banned.h"

#define WHAT "Failed to send to Salesforce"

enum { TOKEN, URL };

static const struct wr_option options[] = {
    [TOKEN] = {"token", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_SECRET, .min = 40, .unit = "bytes",
               .help = "Bearer token of the stream."},
    [URL] = {"url", WR_OPT_STRING, WR_OPT_REQUIRED, .min = 1, .max = 2000, .unit = "bytes",
             .help = "URL of the stream's input."},
    {0},
};

// https://ingestion-NAME.NAME.sfdc-matrix.net/streams/NAME/NAME/event
static wr_err check(const struct wr_param *params, const bool *constant, struct wr_fault *fault)
{
    wr_str url = params[URL].text;
    bool fits = wr_str_starts(url, WR_STR("https://ingestion-")) &&
                (wr_str_find(url, WR_STR(".sfdc-matrix.net/streams/")) >= 0 ||
                 wr_str_find(url, WR_STR(".sfdcnow.com/streams/")) >= 0) &&
                wr_str_ends(url, WR_STR("/event"));
    return fits ? WR_OK
                : wr_fault_set(fault, WR_ERR_RANGE,
                               "url: \"%.*s\": expected "
                               "https://ingestion-….sfdcnow.com/streams/…/…/event",
                               WR_STR_ARG(url));
}

struct salesforce {
    struct wr_sink *sink;
    struct wr_poster *poster;
    size_t held;
    bool ended;
    void (*done)(struct wr_sink *self);
};

struct job {
    struct wr_post post;
    struct wr_http_header headers[2];
    struct wr_record *rec;
};

static void on_poster_closed(void *user)
{
    struct salesforce *s = user;
    struct wr_sink *sink = s->sink;
    void (*done)(struct wr_sink *) = s->done;
    free(s);
    sink->state = NULL;
    wr_later_done(sink, done);
}

static void end_if_idle(struct salesforce *s)
{
    if (s->done && s->held == 0 && !s->ended) {
        s->ended = true;
        wr_poster_close(s->poster, on_poster_closed, s);
    }
}

static void settle(struct salesforce *s, struct wr_record *rec, const struct wr_post_answer *a)
{
    wr_post_settle(rec, a, WHAT, rec->params[URL].text);
    s->held--;
    end_if_idle(s);
}

static void on_answer(struct wr_post *post, const struct wr_post_answer *answer)
{
    struct job *j = WR_CONTAINER(post, struct job, post);
    settle(post->user, j->rec, answer);
}

// The URL, at the endpoint that weir.yaml names instead of its own host.
static wr_str url_of(const struct wr_sink *self, struct wr_record *rec)
{
    wr_str url = rec->params[URL].text;
    const char *endpoint = self->host->endpoint;
    if (!endpoint || !*endpoint) {
        return url;
    }
    struct wr_buf b;
    wr_buf_init_arena(&b, rec->arena);
    wr_buf_add(&b, wr_str_of(endpoint));
    while (b.len && b.at[b.len - 1] == '/') {
        b.len--;
    }
    wr_buf_add(&b, wr_str_cut(url, (size_t)wr_str_find(url, WR_STR("/streams/")), url.len));
    return b.over ? (wr_str){NULL, 0} : wr_buf_str(&b);
}

static void submit(struct wr_sink *self, struct wr_record *rec)
{
    struct salesforce *s = self->state;
    struct job *j = wr_arena_alloc(rec->arena, sizeof *j);
    struct wr_buf bearer;
    wr_buf_init_arena(&bearer, rec->arena);
    wr_buf_add(&bearer, WR_STR("Bearer "));
    wr_buf_add(&bearer, rec->params[TOKEN].text);
    wr_str url = url_of(self, rec);
    const char *trouble = !j || bearer.over || !url.at
                              ? "that the message is over its limit of memory"
                          : !rec->body_json ? "a result that is no JSON"
                                            : wr_poster_url_trouble(s->poster, url);
    s->held++;
    if (trouble) {
        settle(s, rec, &(struct wr_post_answer){.verdict = WR_REFUSED, .text = wr_str_of(trouble)});
        return;
    }
    *j = (struct job){
        .post = {.url = url,
                 .header_count = 2,
                 .secret_count = 1,
                 .body = rec->body,
                 .done = on_answer,
                 .user = s},
        .headers = {{WR_STR("Content-Type"), WR_STR("application/json")},
                    {WR_STR("Authorization"), wr_buf_str(&bearer)}},
        .rec = rec,
    };
    j->post.headers = j->headers;
    wr_poster_send(s->poster, &j->post);
}

static wr_err open_form(struct wr_sink *self, const struct wr_settings *settings, bool local,
                        struct wr_fault *fault)
{
    struct salesforce *s = wr_zalloc(sizeof *s);
    wr_err err = wr_poster_open_settings(self, settings, local, &s->poster, fault);
    if (err) {
        free(s);
        return err;
    }
    s->sink = self;
    self->state = s;
    return WR_OK;
}

static wr_err open_local(struct wr_sink *self, const struct wr_settings *settings,
                         struct wr_fault *fault)
{
    return open_form(self, settings, true, fault);
}

static wr_err open_real(struct wr_sink *self, const struct wr_settings *settings,
                        struct wr_fault *fault)
{
    return open_form(self, settings, false, fault);
}

static void close_sink(struct wr_sink *self, void (*done)(struct wr_sink *self))
{
    struct salesforce *s = self->state;
    s->done = done;
    wr_poster_cancel(s->poster);
    end_if_idle(s);
}

static const struct wr_option settings_table[] = {WR_POSTER_SETTINGS, {0}};

#define SALESFORCE_ACTION                                                                   \
    .name = "salesforce", .failed_action = "SalesforceAction",                              \
    .help = "Sends the result to a Salesforce input stream, a product that is no more.",    \
    .options = options, .resource_option = URL, .check = check, .settings = settings_table, \
    .submit = submit, .close = close_sink

const struct wr_sink_impl wr_sink_salesforce = {
    SALESFORCE_ACTION,
    .form = "Requests are kept in local/record/salesforce.ndjson, without the token.",
    .open = open_local,
};

const struct wr_sink_impl wr_sink_salesforce_aws = {
    SALESFORCE_ACTION,
    .form = "A POST for each record, to the rule's URL or to the endpoint.",
    .open = open_real,
};
