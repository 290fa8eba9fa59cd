// A call's way: credentials, address, signature, HTTP, meaning; and at most one second try.
#include "sinks/lib/aws.h"

#include <stdio.h>
#include <stdlib.h>

#include "sinks/lib/aws_parts.h"

#include "sql/base/banned.h"

#define KEEP_TRANSFERS 64                         // kept for later, with their memory
#define TRANSFER_ARENA (1u << 20)                 // an error document at a time
#define SKEW_MAX_MS    (24LL * 3600 * 1000 * 366) // a Date further off is not believed

// ---- lists of transfers

static void link_to(struct wr_aws_transfer **list, struct wr_aws_transfer *t)
{
    t->before = NULL;
    t->next = *list;
    if (*list) {
        (*list)->before = t;
    }
    *list = t;
}

static void unlink_from(struct wr_aws_transfer **list, struct wr_aws_transfer *t)
{
    if (t->before) {
        t->before->next = t->next;
    } else {
        *list = t->next;
    }
    if (t->next) {
        t->next->before = t->before;
    }
}

void wr_aws_transfer_free(struct wr_aws_transfer *t)
{
    wr_arena_release(&t->arena);
    wr_buf_release(&t->region);
    free(t);
}

// The transfer is in no list.
static void answer(struct wr_aws_transfer *t, const struct wr_aws_answer *with)
{
    struct wr_aws *a = t->aws;
    struct wr_aws_call *call = t->call;
    call->transfer_ = NULL;
    a->pending--;
    call->done(call, with);
    wr_arena_reset(&t->arena);
    if (a->closing || a->free_count >= KEEP_TRANSFERS) {
        wr_aws_transfer_free(t);
    } else {
        link_to(&a->free, t);
        a->free_count++;
    }
    wr_aws_end_if_closed(a);
}

void wr_aws_on_soon(uv_timer_t *timer)
{
    struct wr_aws *a = timer->data;
    while (a->failing) {
        struct wr_aws_transfer *t = a->failing;
        unlink_from(&a->failing, t);
        answer(t, &(struct wr_aws_answer){
                      .class = t->cancelled ? WR_AWS_RETRY : WR_AWS_PERMANENT,
                      .message = wr_str_of(t->cancelled ? "cancelled" : t->broken),
                  });
    }
}

// Answer from the loop, not from inside a call. `t` is in `active`.
static void fail_soon(struct wr_aws_transfer *t, const char *why)
{
    struct wr_aws *a = t->aws;
    t->broken = why;
    unlink_from(&a->active, t);
    link_to(&a->failing, t);
    uv_timer_start(&a->soon, wr_aws_on_soon, 0, 0);
}

// ---- addresses

static const struct bucket *known_bucket(const struct wr_aws *a, wr_str name)
{
    for (size_t i = 0; name.len > 0 && i < WR_AWS_BUCKETS_MAX; i++) {
        if (wr_str_eq(wr_buf_str(&a->buckets[i].name), name)) {
            return &a->buckets[i];
        }
    }
    return NULL;
}

static void remember_bucket(struct wr_aws *a, wr_str name, wr_str region)
{
    size_t at = a->bucket_next;
    for (size_t i = 0; i < WR_AWS_BUCKETS_MAX; i++) {
        at = wr_str_eq(wr_buf_str(&a->buckets[i].name), name) ? i : at;
    }
    if (at == a->bucket_next) {
        a->bucket_next = (a->bucket_next + 1) % WR_AWS_BUCKETS_MAX;
    }
    wr_buf_clear(&a->buckets[at].name);
    wr_buf_add(&a->buckets[at].name, name);
    wr_buf_clear(&a->buckets[at].region);
    wr_buf_add(&a->buckets[at].region, region);
}

static void choose_region(struct wr_aws_transfer *t)
{
    const struct bucket *b = known_bucket(t->aws, t->call->bucket);
    wr_str region = t->call->region;
    if (b) {
        region = wr_buf_str(&b->region);
    } else if (region.len == 0) {
        region = wr_aws_default_region(t->aws);
    }
    wr_buf_clear(&t->region);
    wr_buf_add(&t->region, region);
}

static bool has_dot(wr_str s)
{
    return s.len > 0 && memchr(s.at, '.', s.len) != NULL;
}

// S3: in the host, or in the path where a name in the host cannot be resolved or certified.
static bool bucket_in_host(const struct wr_aws_url *u, wr_str bucket, bool custom)
{
    if (custom) {
        return wr_str_starts(u->host, WR_STR("s3.")) && !wr_aws_host_is_local(u->host);
    }
    return !has_dot(bucket);
}

// a->url: the whole URL; parts of it in `req`. False: t->broken says why.
static bool make_url(struct wr_aws_transfer *t, struct wr_aws_request *req)
{
    struct wr_aws *a = t->aws;
    const struct wr_aws_call *call = t->call;
    bool custom = call->endpoint.len > 0;
    struct wr_aws_url u;
    wr_buf_clear(&a->text);
    if (custom) {
        wr_buf_add(&a->text, call->endpoint);
    } else if (wr_aws_endpoint(&a->tools, call->service, a->profiles, a->profile,
                               wr_buf_str(&t->region), &a->text, &custom)) {
        t->broken = "this service has no endpoint of its own in a region: set one";
        return false;
    }
    if (!wr_aws_url_read(wr_buf_str(&a->text), &u)) {
        t->broken = "the endpoint is no URL: expected http:// or https://, a host, no query";
        return false;
    }
    struct wr_buf *b = &a->url;
    bool in_host = call->bucket.len > 0 && bucket_in_host(&u, call->bucket, custom);
    wr_buf_clear(b);
    wr_buf_add(b, u.scheme);
    wr_buf_add(b, WR_STR("://"));
    size_t host = b->len;
    if (in_host) {
        wr_buf_add(b, call->bucket);
        wr_buf_add_char(b, '.');
    }
    // The scheme's own port is not part of what is signed, nor sent.
    wr_str port = wr_str_eq(u.scheme, WR_STR("https")) ? WR_STR(":443") : WR_STR(":80");
    wr_buf_add(b,
               wr_str_ends(u.host, port) ? wr_str_cut(u.host, 0, u.host.len - port.len) : u.host);
    size_t path = b->len;
    wr_buf_add(b, u.path);
    if (call->bucket.len > 0 && !in_host) {
        wr_buf_add_char(b, '/');
        wr_aws_encode(b, call->bucket, false);
    }
    wr_buf_add(b, call->path.len ? call->path : WR_STR("/"));
    size_t end = b->len;
    if (call->query.len > 0) {
        wr_buf_add_char(b, '?');
        wr_buf_add(b, call->query);
    }
    wr_str all = wr_buf_str(b);
    req->host = wr_str_cut(all, host, path);
    req->path = wr_str_cut(all, path, end);
    req->query = call->query;
    req->unsigned_payload = call->unsigned_payload && wr_str_eq(u.scheme, WR_STR("https"));
    return true;
}

// ---- sending

static void on_answer(struct wr_http_request *http, const struct wr_http_response *response);

// `keys` NULL: unsigned, for the recorder.
static void send_with(struct wr_aws_transfer *t, const struct wr_aws_keys *keys)
{
    struct wr_aws *a = t->aws;
    const struct wr_aws_call *call = t->call;
    struct wr_aws_request req = {
        .method = wr_str_of(call->method), .headers = a->headers, .body = call->body};
    size_t count = 0;
    if (!make_url(t, &req)) {
        fail_soon(t, t->broken);
        return;
    }
    if (call->content_type.len > 0) {
        a->headers[count++] = (struct wr_http_header){WR_STR("Content-Type"), call->content_type};
    }
    if (call->target.len > 0) {
        a->headers[count++] = (struct wr_http_header){WR_STR("X-Amz-Target"), call->target};
    }
    for (size_t i = 0; i < call->header_count; i++) {
        a->headers[count++] = call->headers[i];
    }
    req.header_count = count;
    struct wr_aws_signature sig = {0};
    struct wr_aws_scope scope = {wr_buf_str(&t->region),
                                 call->signing_name.len ? call->signing_name
                                                        : wr_aws_services[call->service].signing,
                                 wr_aws_now_ms(&a->tools)};
    if (keys && wr_aws_sign(a->tools.signer, keys, &scope, &req, &a->auth, &sig)) {
        fail_soon(t, "the request cannot be signed: too many headers or query parameters");
        return;
    }
    for (size_t i = 0; i < sig.count; i++) {
        a->headers[count++] = sig.headers[i];
    }
    t->req = (struct wr_http_request){.method = call->method,
                                      .url = wr_buf_str(&a->url),
                                      .headers = a->headers,
                                      .header_count = count,
                                      .body = call->body,
                                      .timeout_ms = call->timeout_ms,
                                      .response_max = call->response_max,
                                      .secret = call->secret,
                                      .done = on_answer,
                                      .user = t};
    wr_http_send(a->tools.http, &t->req);
}

static void on_keys(struct wr_aws_waiter *w, const struct wr_aws_keys *keys, const char *why)
{
    struct wr_aws_transfer *t = w->user;
    struct wr_aws *a = t->aws;
    t->waiting = false;
    if (keys && !t->cancelled) {
        (void)wr_aws_credentials_now(t->credentials, &t->version);
        if (t->region.len == 0) {
            choose_region(t);
        }
        send_with(t, keys);
        return;
    }
    unlink_from(&a->active, t);
    wr_buf_clear(&a->text);
    wr_buf_add(&a->text, WR_STR("There are no AWS credentials: "));
    wr_buf_add(&a->text, wr_str_of(why));
    answer(t, &(struct wr_aws_answer){
                  .class = t->cancelled ? WR_AWS_RETRY : WR_AWS_REFRESH,
                  .message = t->cancelled ? WR_STR("cancelled") : wr_buf_str(&a->text),
                  .retry_at_ms =
                      t->cancelled || a->closing ? 0 : wr_aws_credentials_retry_ms(t->credentials),
              });
}

static void begin(struct wr_aws_transfer *t)
{
    if (t->aws->options.recorder) {
        choose_region(t);
        send_with(t, NULL);
        return;
    }
    const struct wr_aws_keys *keys = wr_aws_credentials_now(t->credentials, &t->version);
    if (keys) {
        choose_region(t);
        send_with(t, keys);
        return;
    }
    wr_buf_clear(&t->region); // the keys may bring it
    t->waiting = true;
    t->waiter = (struct wr_aws_waiter){.done = on_keys, .user = t};
    wr_aws_credentials_wait(t->credentials, &t->waiter);
}

// AWS's clock is right by definition.
static bool set_clock(struct wr_aws *a, int64_t date_ms)
{
    int64_t offset = date_ms - wr_wall_ms();
    if (date_ms == 0 || offset > SKEW_MAX_MS || offset < -SKEW_MAX_MS) {
        return false;
    }
    int64_t change = offset - a->tools.clock_offset_ms;
    if (a->options.log && (change > 60000 || change < -60000)) {
        char line[128];
        snprintf(line, sizeof line, "AWS's clock is %lld s %s this one: requests are signed by it",
                 (long long)(offset < 0 ? -offset : offset) / 1000,
                 offset < 0 ? "behind" : "ahead of");
        a->options.log(a->options.log_user, WR_AWS_LOG_WARN, line);
    }
    a->tools.clock_offset_ms = offset;
    return true;
}

// Where S3 says the bucket is; empty: no other place.
static wr_str other_region(const struct wr_aws_transfer *t, const struct wr_aws_answer *r)
{
    bool moved =
        r->status == 301 || r->status == 302 || r->status == 307 || r->status == 308 ||
        (r->status == 400 && (wr_str_eq(r->code, WR_STR("AuthorizationHeaderMalformed")) ||
                              wr_str_eq(r->code, WR_STR("IllegalLocationConstraintException"))));
    bool other = wr_aws_is_region(r->region) && !wr_str_eq(r->region, wr_buf_str(&t->region));
    return t->call->bucket.len > 0 && moved && other && !t->moved ? r->region : (wr_str){0};
}

// True: the call is under way again.
static bool once_more(struct wr_aws_transfer *t, const struct wr_aws_answer *r)
{
    struct wr_aws *a = t->aws;
    wr_str region = other_region(t, r);
    if (t->cancelled || a->closing) {
        return false;
    }
    if (region.len > 0) {
        t->moved = true;
        remember_bucket(a, t->call->bucket, region);
        begin(t);
        return true;
    }
    if (r->class == WR_AWS_SKEWED && !t->renewed && set_clock(a, r->date_ms)) {
        t->renewed = true;
        begin(t);
        return true;
    }
    if (r->class == WR_AWS_REFRESH) {
        bool first = !t->renewed;
        wr_aws_credentials_refused(t->credentials, t->version, r->code);
        t->renewed = true;
        if (first) {
            begin(t);
        }
        return first;
    }
    return false;
}

static void on_answer(struct wr_http_request *http, const struct wr_http_response *response)
{
    struct wr_aws_transfer *t = http->user;
    struct wr_aws_answer r;
    wr_aws_answer_read(t->call->service, response, &t->arena, &r);
    if (once_more(t, &r)) {
        return;
    }
    if (r.recorded) {
        // No credentials have shown that they work.
    } else if (r.class == WR_AWS_OK) {
        wr_aws_credentials_worked(t->credentials, t->version);
    } else if (r.class == WR_AWS_REFRESH && !t->aws->closing) {
        r.retry_at_ms = wr_aws_credentials_retry_ms(t->credentials);
    }
    if (r.class == WR_AWS_PERMANENT && r.status >= 300 && r.status < 400 && r.message.len == 0) {
        r.message = WR_STR("a redirect, which is not followed with credentials");
    }
    unlink_from(&t->aws->active, t);
    answer(t, &r);
}

void wr_aws_send(struct wr_aws *a, struct wr_aws_call *call)
{
    wr_assert(!a->closing);
    struct wr_aws_transfer *t = a->free;
    if (t) {
        unlink_from(&a->free, t);
        a->free_count--;
    } else {
        t = wr_zalloc(sizeof *t);
        wr_arena_init(&t->arena, TRANSFER_ARENA);
        t->aws = a;
    }
    t->call = call;
    call->transfer_ = t;
    t->renewed = t->moved = t->waiting = t->cancelled = false;
    t->req = (struct wr_http_request){0};
    a->pending++;
    link_to(&a->active, t);
    t->credentials = wr_aws_credentials_for(a, call->role_arn);
    if (call->header_count > WR_AWS_HEADERS_MAX) {
        fail_soon(t, "more than 48 headers");
    } else if (call->region.len > 0 && !wr_aws_is_region(call->region)) {
        fail_soon(t, "the region in the ARN or URL is none: expected something like us-east-1");
    } else if (!t->credentials) {
        fail_soon(t, "more than 256 roles and profiles are in use");
    } else {
        begin(t);
    }
}

void wr_aws_cancel(struct wr_aws *a, struct wr_aws_call *call)
{
    struct wr_aws_transfer *t = call->transfer_;
    if (!t || t->cancelled) {
        return;
    }
    t->cancelled = true;
    if (t->req.transfer_) {
        wr_http_cancel(a->tools.http, &t->req);
    } else if (t->waiting) {
        wr_aws_credentials_forget(t->credentials, &t->waiter);
        t->waiting = false;
        fail_soon(t, "cancelled");
    }
}

size_t wr_aws_pending(const struct wr_aws *a)
{
    return a->pending;
}

bool wr_aws_own_endpoint(struct wr_aws *a, enum wr_aws_service service, struct wr_buf *url)
{
    bool custom = false;
    size_t before = url->len;
    if (wr_aws_endpoint(&a->tools, service, a->profiles, a->profile, wr_aws_default_region(a), url,
                        &custom) ||
        !custom) {
        url->len = before;
    }
    return custom;
}

// ---- verdicts and states

enum wr_verdict wr_aws_verdict(const struct wr_aws_answer *r, enum wr_aws_service service,
                               wr_str what, wr_str resource, struct wr_buf *text,
                               struct wr_why *why)
{
    *why = (struct wr_why){.resource = resource, .retry_at_ms = r->retry_at_ms};
    if (r->class == WR_AWS_OK) {
        return WR_DELIVERED;
    }
    wr_buf_clear(text);
    wr_buf_add(text, what);
    wr_buf_add(text, WR_STR(". The error received was "));
    wr_aws_answer_text(r, service, text);
    wr_buf_add_char(text, '.');
    why->message = wr_buf_str(text);
    why->throttled = r->class == WR_AWS_THROTTLED;
    return r->class == WR_AWS_PERMANENT ? WR_REFUSED : WR_RETRY;
}
