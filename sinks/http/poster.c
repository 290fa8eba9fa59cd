// Posts by the HTTP client, or by the AWS client when they are signed.
#include "sinks/http/poster.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "sinks/lib/recorder.h"

#include "sql/base/banned.h"

#define TEXT_MAX        512
#define SNIPPET_MAX     200       // bytes of an answer's body in an error's text
#define RETRY_AFTER_MAX (60 * 60) // s; beyond it the server's clock is its own affair

struct wr_poster {
    struct wr_sink *sink;
    struct wr_poster_options options;
    struct wr_http *http; // our own: its limits are not the shared one's
    struct wr_http *kept; // stay_here: answers 200 and keeps
    struct wr_recorder *recorder;
    char *ca_file;
    struct wr_aws *aws; // NULL until something is signed
    struct wr_post *first;
    size_t pending;
    int closing;
    void (*closed)(void *user);
    void *closed_user;
};

// ---- URLs

static wr_str authority_of(wr_str url)
{
    ptrdiff_t scheme = wr_str_find(url, WR_STR("://"));
    wr_str rest = scheme >= 0 ? wr_str_cut(url, (size_t)scheme + 3, url.len) : (wr_str){NULL, 0};
    size_t end = 0;
    while (end < rest.len && !strchr("/?#", rest.at[end])) {
        end++;
    }
    return wr_str_cut(rest, 0, end);
}

wr_str wr_url_host(wr_str url)
{
    wr_str host = authority_of(url);
    const char *at = host.at ? memrchr(host.at, '@', host.len) : NULL;
    if (at) {
        host = wr_str_cut(host, (size_t)(at + 1 - host.at), host.len);
    }
    if (host.at && host.len && host.at[0] == '[') {
        const char *end = memchr(host.at, ']', host.len);
        return end ? wr_str_cut(host, 1, (size_t)(end - host.at)) : (wr_str){NULL, 0};
    }
    const char *colon = host.at ? memchr(host.at, ':', host.len) : NULL;
    return colon ? wr_str_cut(host, 0, (size_t)(colon - host.at)) : host;
}

bool wr_url_is_loopback(wr_str url)
{
    wr_str host = wr_url_host(url);
    char text[64];
    struct in_addr four;
    struct in6_addr six;
    if (host.len == 0 || host.len >= sizeof text) {
        return false;
    }
    memcpy(text, host.at, host.len);
    text[host.len] = '\0';
    return wr_str_eq_nocase(host, WR_STR("localhost")) ||
           (inet_pton(AF_INET, text, &four) == 1 && ntohl(four.s_addr) >> 24 == 127) ||
           (inet_pton(AF_INET6, text, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six));
}

static bool starts_nocase(wr_str text, wr_str start)
{
    return text.len >= start.len && wr_str_eq_nocase(wr_str_cut(text, 0, start.len), start);
}

const char *wr_poster_url_trouble(const struct wr_poster *p, wr_str url)
{
    for (size_t i = 0; i < url.len; i++) {
        if ((unsigned char)url.at[i] <= ' ' || url.at[i] == 0x7f) {
            return "a blank or control character in the URL";
        }
    }
    if (url.len > WR_HTTP_URL_MAX) {
        return "a URL of more than 8192 bytes";
    }
    bool https = starts_nocase(url, WR_STR("https://"));
    bool http = starts_nocase(url, WR_STR("http://"));
    if (!https && !http) {
        return "a URL that does not begin with https:// (HttpInvalidUrl)";
    }
    if (wr_url_host(url).len == 0) {
        return "a URL without a host (HttpInvalidUrl)";
    }
    if (http && !p->options.allow_http && !wr_url_is_loopback(url)) {
        return "a URL that does not begin with https:// (HttpInvalidUrl; http:// only for this "
               "machine, or with the setting allow_http)";
    }
    return NULL;
}

// ---- answers

static void add_snippet(struct wr_buf *b, wr_str body)
{
    size_t n = body.len < SNIPPET_MAX ? body.len : SNIPPET_MAX;
    if (n == 0) {
        return;
    }
    wr_buf_add(b, WR_STR(": "));
    for (size_t i = 0; i < n; i++) {
        char c = body.at[i];
        wr_buf_add_char(b, c >= ' ' && c < 0x7f ? c : '.');
    }
}

static uint32_t retry_after_ms(const struct wr_http_response *r)
{
    wr_str text = wr_http_response_header(r, WR_STR("retry-after"));
    uint32_t s = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return 0; // a date: the clocks need not agree
        }
        s = s * 10 + (uint32_t)(text.at[i] - '0');
        if (s > RETRY_AFTER_MAX) {
            return 0;
        }
    }
    return s * 1000;
}

// actions.md 4.11: 429 and 5xx are tried again, unless the peer has closed the connection.
static void judge_status(const struct wr_poster *p, const struct wr_http_response *r,
                         struct wr_post_answer *out, struct wr_buf *text)
{
    bool again = r->status == 429 || (r->status >= 500 && r->status <= 599);
    out->verdict = r->status >= 200 && r->status <= 299              ? WR_DELIVERED
                   : again && (!r->close || p->options.retry_closed) ? WR_RETRY
                                                                     : WR_REFUSED;
    if (out->verdict == WR_DELIVERED) {
        return;
    }
    out->throttled = r->status == 429;
    out->retry_at_ms = out->verdict == WR_RETRY ? retry_after_ms(r) : 0;
    wr_buf_addf(text, "the endpoint answered with status %d", r->status);
    if (r->status >= 300 && r->status <= 399) {
        wr_buf_add(text, WR_STR(", a redirect, which is not followed"));
    }
    if (again && out->verdict == WR_REFUSED) {
        wr_buf_add(text, WR_STR(" and closed the connection"));
    }
    add_snippet(text, r->body);
    wr_buf_addf(text, " (Service: Http; Status Code: %d)", r->status);
}

static enum wr_http_met met_by(const struct wr_http_response *r)
{
    if (r->outcome == WR_HTTP_ANSWERED || r->outcome == WR_HTTP_TOO_LARGE) {
        int class = r->status / 100;
        return class == 2   ? WR_HTTP_MET_NOTHING
               : class == 4 ? WR_HTTP_MET_4XX
               : class == 5 ? WR_HTTP_MET_5XX
                            : WR_HTTP_MET_OTHER;
    }
    return r->outcome == WR_HTTP_TIMED_OUT    ? WR_HTTP_MET_TIMEOUT
           : r->outcome == WR_HTTP_UNRESOLVED ? WR_HTTP_MET_UNKNOWN_HOST
                                              : WR_HTTP_MET_NOTHING;
}

static void judge(const struct wr_poster *p, const struct wr_http_response *r,
                  struct wr_post_answer *out, struct wr_buf *text)
{
    out->status = r->status;
    out->met = met_by(r);
    switch (r->outcome) {
    case WR_HTTP_ANSWERED:
        out->body = r->body;
        judge_status(p, r, out, text);
        return;
    case WR_HTTP_TOO_LARGE: // it has arrived: what is too large is only the answer
        out->verdict = r->status >= 200 && r->status <= 299 ? WR_DELIVERED : WR_REFUSED;
        break;
    case WR_HTTP_BAD_REQUEST:
        out->verdict = WR_REFUSED;
        break;
    case WR_HTTP_UNRESOLVED:
    case WR_HTTP_UNCONNECTED:
    case WR_HTTP_UNTRUSTED:
    case WR_HTTP_TIMED_OUT:
    case WR_HTTP_CUT_OFF:
    case WR_HTTP_CANCELLED:
        out->verdict = WR_RETRY;
        break;
    }
    wr_buf_add(text, wr_str_of(r->why ? r->why : ""));
}

static void unlink_post(struct wr_poster *p, struct wr_post *post)
{
    *(post->before_ ? &post->before_->next_ : &p->first) = post->next_;
    if (post->next_) {
        post->next_->before_ = post->before_;
    }
    p->pending--;
}

static void finish(struct wr_post *post, const struct wr_http_response *r, wr_str otherwise)
{
    struct wr_poster *p = post->poster_;
    struct wr_post_answer answer = {.verdict = WR_RETRY};
    struct wr_buf text = {0};
    unlink_post(p, post);
    if (r) {
        judge(p, r, &answer, &text);
    } else {
        wr_buf_add(&text, otherwise);
    }
    answer.text = wr_buf_str(&text);
    post->done(post, &answer);
    wr_buf_release(&text);
}

static void on_response(struct wr_http_request *req, const struct wr_http_response *r)
{
    finish(req->user, r, (wr_str){0});
}

static void on_aws_answer(struct wr_aws_call *call, const struct wr_aws_answer *a)
{
    static const struct wr_http_response good = {.outcome = WR_HTTP_ANSWERED, .status = 200};
    finish(call->user, a->recorded ? &good : a->response, a->message);
}

// ---- sending

static void send_signed(struct wr_poster *p, struct wr_post *post)
{
    wr_str authority = authority_of(post->url);
    size_t path_at = (size_t)(authority.at + authority.len - post->url.at);
    wr_str rest = wr_str_cut(post->url, path_at, post->url.len);
    const char *hash = rest.at ? memchr(rest.at, '#', rest.len) : NULL;
    rest = hash ? wr_str_cut(rest, 0, (size_t)(hash - rest.at)) : rest;
    const char *mark = rest.at ? memchr(rest.at, '?', rest.len) : NULL;
    size_t path_len = mark ? (size_t)(mark - rest.at) : rest.len;
    post->call_ = (struct wr_aws_call){
        .service = WR_AWS_EXECUTE_API,
        .method = post->method ? post->method : "POST",
        .endpoint = wr_str_cut(post->url, 0, path_at),
        .path = path_len ? wr_str_cut(rest, 0, path_len) : WR_STR("/"),
        .query = mark ? wr_str_cut(rest, path_len + 1, rest.len) : (wr_str){NULL, 0},
        .headers = post->headers,
        .header_count = post->header_count,
        .body = post->body,
        .region = post->sign_region,
        .signing_name = post->sign_service,
        .role_arn = post->role_arn,
        .timeout_ms = p->options.timeout_ms,
        .response_max = p->options.response_max,
        .done = on_aws_answer,
        .user = post,
    };
    wr_aws_send(p->aws, &post->call_);
}

bool wr_poster_can_sign(struct wr_poster *p, struct wr_fault *fault)
{
    if (!p->aws && p->sink->host->aws) {
        p->aws = p->sink->host->aws(p->sink->host, fault);
    } else if (!p->aws) {
        wr_fault_set(fault, WR_ERR_UNSUPPORTED, "there is no AWS client here");
    }
    return p->aws != NULL;
}

void wr_poster_send(struct wr_poster *p, struct wr_post *post)
{
    bool away = p->options.stay_here && !wr_url_is_loopback(post->url);
    post->poster_ = p;
    post->before_ = NULL;
    post->next_ = p->first;
    if (p->first) {
        p->first->before_ = post;
    }
    p->first = post;
    p->pending++;
    post->http_ = away ? p->kept : p->http;
    post->request_ = (struct wr_http_request){
        .method = post->method ? post->method : "POST",
        .url = post->url,
        .headers = post->headers,
        .header_count =
            post->header_count - (away || p->sink->host->recorder ? post->secret_count : 0),
        .body = post->body,
        .secret = post->secret_count > 0,
        .done = on_response,
        .user = post,
    };
    if (post->sign_service.len && !away) {
        post->http_ = NULL;
        send_signed(p, post);
        return;
    }
    wr_http_send(post->http_, &post->request_);
}

void wr_post_settle(struct wr_record *rec, const struct wr_post_answer *a, const char *what,
                    wr_str resource)
{
    if (a->verdict == WR_DELIVERED) {
        wr_record_settle(rec, WR_DELIVERED, NULL);
        return;
    }
    struct wr_buf text;
    wr_buf_init_arena(&text, rec->arena);
    wr_buf_addf(&text, "%s. The error received was %.*s.", what, WR_STR_ARG(a->text));
    const struct wr_why why = {
        .resource = resource,
        .message = text.over ? wr_str_of(what) : wr_buf_str(&text),
        .retry_at_ms = a->retry_at_ms,
        .throttled = a->throttled,
        .batch = a->batch,
        .batch_last = a->batch_last,
        .met = a->met,
    };
    wr_record_settle(rec, a->verdict, &why);
}

void wr_poster_cancel(struct wr_poster *p)
{
    for (struct wr_post *post = p->first; post; post = post->next_) {
        if (post->http_) {
            wr_http_cancel(post->http_, &post->request_);
        } else {
            wr_aws_cancel(p->aws, &post->call_);
        }
    }
}

size_t wr_poster_pending(const struct wr_poster *p)
{
    return p->pending;
}

// ---- open and close

wr_err wr_poster_open(struct wr_sink *sink, const struct wr_poster_options *options,
                      struct wr_poster **out, struct wr_fault *fault)
{
    struct wr_poster *p = wr_zalloc(sizeof *p);
    *p = (struct wr_poster){.sink = sink, .options = *options};
    p->ca_file = wr_strdup(wr_str_of(options->ca_file ? options->ca_file : ""));
    if (options->stay_here) {
        wr_err err = wr_recorder_open(sink->host->state_dir, sink->impl->name, &p->recorder, fault);
        if (err) {
            free(p->ca_file);
            free(p);
            return err;
        }
        p->kept = wr_http_new(sink->host->loop, &(struct wr_http_options){.recorder = p->recorder});
    }
    p->http = wr_http_new(sink->host->loop,
                          &(struct wr_http_options){.timeout_ms = options->timeout_ms,
                                                    .response_max = options->response_max,
                                                    .ca_file = *p->ca_file ? p->ca_file : NULL,
                                                    .recorder = sink->host->recorder});
    *out = p;
    return WR_OK;
}

wr_err wr_poster_open_settings(struct wr_sink *sink, const struct wr_settings *s, bool stay_here,
                               struct wr_poster **out, struct wr_fault *fault)
{
    const char *endpoint = sink->host->endpoint;
    bool by_endpoint = endpoint && starts_nocase(wr_str_of(endpoint), WR_STR("http://"));
    const struct wr_poster_options options = {
        .stay_here = stay_here,
        .allow_http = by_endpoint || wr_settings_bool(s, "allow_http"),
        .retry_closed = wr_settings_bool(s, "retry_closed"),
        .timeout_ms = (uint32_t)wr_settings_int(s, "timeout"),
        .ca_file = wr_settings_get(s, "ca_file"),
        .response_max = (size_t)wr_settings_int(s, "response_max"),
    };
    return wr_poster_open(sink, &options, out, fault);
}

static void on_closed(void *user)
{
    struct wr_poster *p = user;
    if (--p->closing > 0) {
        return;
    }
    void (*closed)(void *) = p->closed;
    void *closed_user = p->closed_user;
    wr_recorder_close(p->recorder);
    free(p->ca_file);
    free(p);
    closed(closed_user);
}

void wr_poster_close(struct wr_poster *p, void (*closed)(void *user), void *user)
{
    wr_assert(p->pending == 0);
    p->closed = closed;
    p->closed_user = user;
    p->closing = 1 + (p->kept != NULL);
    if (p->kept) {
        wr_http_close(p->kept, on_closed, p);
    }
    wr_http_close(p->http, on_closed, p);
}
