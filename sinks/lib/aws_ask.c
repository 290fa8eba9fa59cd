// The providers that are asked over HTTP: a container's agent, instance metadata, IoT's credentials
// provider, STS.
#include "sinks/lib/aws_fetch_parts.h"

#include <inttypes.h>
#include <stdio.h>

#include "sinks/lib/aws_answer.h"
#include "sinks/lib/aws_xml.h"

#include "sql/base/banned.h"

#define CONTAINER_TIMEOUT_MS 2000
#define CONTAINER_ATTEMPTS   3
#define AGAIN_MS             1000 // between attempts
#define TIMEOUT_MS           10000
#define IMDS_TOKEN_TTL_S     "21600"

static const struct wr_aws_key_names usual_names = {NULL, "AccessKeyId", "SecretAccessKey", "Token",
                                                    "Expiration"};

static void on_answer(struct wr_http_request *req, const struct wr_http_response *response)
{
    struct wr_aws_fetch *f = req->user;
    if (f->cancelled) {
        wr_aws_fetch_fail(f, "weir is stopping");
    } else {
        f->after_answer(f, response);
    }
}

// f->url, f->headers and f->body (`with_body`) are the question.
static void ask(struct wr_aws_fetch *f, struct wr_http *http, const char *method,
                size_t header_count, bool with_body, uint32_t timeout_ms,
                void (*after)(struct wr_aws_fetch *f, const struct wr_http_response *response))
{
    f->after_answer = after;
    f->req.method = method;
    f->req.url = wr_buf_str(&f->url);
    f->req.headers = f->headers;
    f->req.header_count = header_count;
    f->req.body = with_body ? wr_buf_str(&f->body) : (wr_str){0};
    f->req.timeout_ms = timeout_ms;
    f->req.response_max = WR_AWS_ANSWER_MAX;
    f->req.done = on_answer;
    f->asked = http;
    wr_http_send(http, &f->req);
}

static void set_url(struct wr_aws_fetch *f, wr_str base, wr_str rest)
{
    wr_buf_clear(&f->url);
    wr_buf_add(&f->url, base);
    wr_buf_add(&f->url, rest);
}

// "status 403" or what happened to the connection.
static const char *said(const struct wr_http_response *r, char out[160])
{
    if (r->outcome == WR_HTTP_ANSWERED) {
        snprintf(out, 160, "status %d", r->status);
    } else {
        snprintf(out, 160, "%s", r->why);
    }
    return out;
}

static bool is_blank_or_feed(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static wr_str trim(wr_str s)
{
    while (s.len > 0 && is_blank_or_feed(s.at[0])) {
        s = wr_str_cut(s, 1, s.len);
    }
    while (s.len > 0 && is_blank_or_feed(s.at[s.len - 1])) {
        s.len--;
    }
    return s;
}

// ---- a container's agent

static void ask_container(struct wr_aws_fetch *f);

static void on_again(uv_timer_t *timer)
{
    ask_container(timer->data);
}

static void on_container(struct wr_aws_fetch *f, const struct wr_http_response *r)
{
    char why[160];
    bool good = r->outcome == WR_HTTP_ANSWERED && r->status == 200;
    if (good) {
        if (wr_aws_fetch_json(f, r->body, &usual_names, "the container endpoint")) {
            wr_aws_fetch_next(f);
        }
        return;
    }
    bool final = r->outcome == WR_HTTP_ANSWERED && r->status >= 400 && r->status < 500;
    if (!final && ++f->attempts < CONTAINER_ATTEMPTS) {
        uv_timer_start(&f->timer, on_again, AGAIN_MS, 0);
        return;
    }
    wr_aws_fetch_fail(f, "the container endpoint gave no credentials: %s", said(r, why));
}

static void ask_container(struct wr_aws_fetch *f)
{
    // The file wins, and was read for this very question.
    wr_str token = f->plan.auth_token_file.len ? trim(wr_buf_str(&f->file)) : f->plan.auth_token;
    size_t count = 0;
    f->headers[count++] = (struct wr_http_header){WR_STR("Accept"), WR_STR("application/json")};
    for (size_t i = 0; i < token.len; i++) {
        if (token.at[i] == '\r' || token.at[i] == '\n' || token.at[i] == '\0') {
            wr_aws_fetch_fail(f, "the container's authorization token holds a line break");
            return;
        }
    }
    if (token.len > 0) {
        f->headers[count++] = (struct wr_http_header){WR_STR("Authorization"), token};
    }
    set_url(f, f->plan.url, (wr_str){0});
    ask(f, f->tools->metadata, "GET", count, false, CONTAINER_TIMEOUT_MS, on_container);
}

void wr_aws_ask_container(struct wr_aws_fetch *f)
{
    f->attempts = 0;
    ask_container(f);
}

// ---- instance metadata: token, role, keys, and the region if nobody has said one

#define ROLES "/latest/meta-data/iam/security-credentials/"

static void ask_imds_token(struct wr_aws_fetch *f);

static void imds_get(struct wr_aws_fetch *f, wr_str path,
                     void (*after)(struct wr_aws_fetch *f, const struct wr_http_response *r))
{
    size_t count = 0;
    if (f->imds_token.len > 0) {
        f->headers[count++] =
            (struct wr_http_header){WR_STR("x-aws-ec2-metadata-token"), wr_buf_str(&f->imds_token)};
    }
    set_url(f, f->plan.url, path);
    ask(f, f->tools->metadata, "GET", count, false, f->plan.imds_timeout_ms, after);
}

static void on_imds_region(struct wr_aws_fetch *f, const struct wr_http_response *r)
{
    if (r->outcome == WR_HTTP_ANSWERED && r->status == 200 && r->body.len < 64) {
        wr_buf_clear(&f->found.region);
        wr_buf_add(&f->found.region, trim(r->body));
    }
    wr_aws_fetch_next(f);
}

// Another attempt of the whole question, or the end. True: it goes on.
static bool imds_again(struct wr_aws_fetch *f, const struct wr_http_response *r)
{
    bool final = r->outcome == WR_HTTP_ANSWERED && r->status < 500 && r->status != 401;
    if (final || ++f->attempts >= f->plan.imds_attempts) {
        return false;
    }
    ask_imds_token(f);
    return true;
}

static void on_imds_keys(struct wr_aws_fetch *f, const struct wr_http_response *r)
{
    char why[160];
    if (r->outcome != WR_HTTP_ANSWERED || r->status != 200) {
        if (!imds_again(f, r)) {
            wr_aws_fetch_fail(f, "instance metadata gave no credentials: %s", said(r, why));
        }
        return;
    }
    if (!wr_aws_fetch_json(f, r->body, &usual_names, "instance metadata")) {
        return;
    }
    if (f->plan.region.len == 0 && f->tools->region.len == 0) {
        imds_get(f, WR_STR("/latest/meta-data/placement/region"), on_imds_region);
    } else {
        wr_aws_fetch_next(f);
    }
}

static void on_imds_role(struct wr_aws_fetch *f, const struct wr_http_response *r)
{
    char why[160];
    wr_str role = trim(r->body);
    const char *end = role.len ? memchr(role.at, '\n', role.len) : NULL;
    role.len = end ? (size_t)(end - role.at) : role.len;
    if (r->outcome != WR_HTTP_ANSWERED || r->status != 200 || role.len == 0 || role.len > 128) {
        if (!imds_again(f, r)) {
            wr_aws_fetch_fail(f, "instance metadata knows no role for this machine: %s",
                              said(r, why));
        }
        return;
    }
    wr_buf_clear(&f->imds_role);
    wr_buf_add(&f->imds_role, WR_STR(ROLES));
    wr_aws_encode(&f->imds_role, role, false);
    imds_get(f, wr_buf_str(&f->imds_role), on_imds_keys);
}

static void on_imds_token(struct wr_aws_fetch *f, const struct wr_http_response *r)
{
    char why[160];
    bool answered = r->outcome == WR_HTTP_ANSWERED;
    bool old = answered && (r->status == 403 || r->status == 404 || r->status == 405);
    if (answered && r->status == 200) {
        wr_buf_add(&f->imds_token, trim(r->body));
    } else if (!old || f->plan.imds_v1_disabled) {
        if (!imds_again(f, r)) {
            wr_aws_fetch_fail(f,
                              answered ? "instance metadata gave no token: %s"
                                       : "no credentials found: neither in the environment nor in "
                                         "a profile, and instance metadata does not answer: %s",
                              said(r, why));
        }
        return;
    }
    imds_get(f, WR_STR(ROLES), on_imds_role);
}

static void ask_imds_token(struct wr_aws_fetch *f)
{
    wr_buf_clear(&f->imds_token);
    wr_buf_clear(&f->body);
    f->headers[0] = (struct wr_http_header){WR_STR("x-aws-ec2-metadata-token-ttl-seconds"),
                                            WR_STR(IMDS_TOKEN_TTL_S)};
    set_url(f, f->plan.url, WR_STR("/latest/api/token"));
    wr_buf_add_char(&f->body, ' '); // so that there is memory: a body, of no bytes
    wr_buf_clear(&f->body);
    ask(f, f->tools->metadata, "PUT", 1, true, f->plan.imds_timeout_ms, on_imds_token);
}

void wr_aws_ask_imds(struct wr_aws_fetch *f)
{
    f->attempts = 0;
    ask_imds_token(f);
}

// ---- the IoT credentials provider

static void on_iot(struct wr_aws_fetch *f, const struct wr_http_response *r)
{
    static const struct wr_aws_key_names names = {"credentials", "accessKeyId", "secretAccessKey",
                                                  "sessionToken", "expiration"};
    char why[160];
    if (r->outcome != WR_HTTP_ANSWERED || r->status != 200) {
        struct wr_aws_answer a;
        wr_aws_answer_read(WR_AWS_STS, r, &f->arena, &a);
        wr_aws_fetch_fail(f, "the IoT credentials provider gave no credentials: %s%s%.*s",
                          said(r, why), a.status && a.message.len ? ": " : "",
                          WR_STR_ARG(a.status ? a.message : (wr_str){0}));
    } else if (wr_aws_fetch_json(f, r->body, &names, "the IoT credentials provider")) {
        wr_aws_fetch_next(f);
    }
}

void wr_aws_ask_iot(struct wr_aws_fetch *f)
{
    const struct wr_aws_source *s = f->source;
    size_t count = 0;
    f->own_http = wr_http_new(f->tools->loop, &(struct wr_http_options){
                                                  .ca_file = s->iot_ca_file,
                                                  .cert_file = s->iot_cert_file,
                                                  .key_file = s->iot_key_file,
                                              });
    if (s->iot_thing.len > 0) {
        f->headers[count++] = (struct wr_http_header){WR_STR("x-amzn-iot-thingname"), s->iot_thing};
    }
    set_url(f, f->plan.url, (wr_str){0});
    ask(f, f->own_http, "GET", count, false, TIMEOUT_MS, on_iot);
}

// ---- STS

static void add_field(struct wr_aws_fetch *f, const char *name, wr_str value)
{
    if (value.len > 0) {
        wr_buf_add_char(&f->body, '&');
        wr_buf_add(&f->body, wr_str_of(name));
        wr_buf_add_char(&f->body, '=');
        wr_aws_encode(&f->body, value, false);
    }
}

static void begin_form(struct wr_aws_fetch *f, const char *action, const struct wr_aws_role *role)
{
    char name[64];
    wr_str session = role->session_name;
    if (session.len == 0) {
        int len = snprintf(name, sizeof name, "weir-%" PRId64, wr_wall_ms());
        session = (wr_str){name, (size_t)len};
    }
    wr_buf_clear(&f->body);
    wr_buf_add(&f->body, WR_STR("Action="));
    wr_buf_add(&f->body, wr_str_of(action));
    add_field(f, "Version", WR_STR("2011-06-15"));
    add_field(f, "RoleArn", role->arn);
    add_field(f, "RoleSessionName", session);
}

static void on_sts(struct wr_aws_fetch *f, const struct wr_http_response *r)
{
    struct wr_aws_xml_field x[] = {{WR_STR("AccessKeyId"), {0}},
                                   {WR_STR("SecretAccessKey"), {0}},
                                   {WR_STR("SessionToken"), {0}},
                                   {WR_STR("Expiration"), {0}}};
    if (r->outcome != WR_HTTP_ANSWERED || r->status != 200) {
        struct wr_aws_answer a;
        struct wr_buf text;
        wr_aws_answer_read(WR_AWS_STS, r, &f->arena, &a);
        wr_buf_init_arena(&text, &f->arena);
        wr_aws_answer_text(&a, WR_AWS_STS, &text);
        wr_aws_fetch_fail(f, "STS does not give the role %.*s: %.*s", WR_STR_ARG(f->asked_role),
                          WR_STR_ARG(wr_buf_str(&text)));
    } else if (!wr_aws_xml_read(r->body, x, WR_COUNT(x), &f->arena)) {
        wr_aws_fetch_fail(f, "STS answered with something that is not XML");
    } else if (wr_aws_fetch_take(f, x[0].text, x[1].text, x[2].text, x[3].text, "STS")) {
        wr_aws_fetch_next(f);
    }
}

static void send_sts(struct wr_aws_fetch *f, bool sign)
{
    wr_str region = f->tools->region.len ? f->tools->region : f->plan.region;
    region = region.len ? region : WR_STR("us-east-1");
    bool custom;
    struct wr_aws_url u;
    struct wr_aws_signature sig; // the headers borrow from it until they are sent
    size_t count = 0;
    wr_buf_clear(&f->url);
    if (wr_aws_endpoint(f->tools, WR_AWS_STS, f->profiles, f->plan.profile, region, &f->url,
                        &custom) ||
        !wr_aws_url_read(wr_buf_str(&f->url), &u)) {
        wr_aws_fetch_fail(f, "the endpoint of STS is no URL: expected http:// or https://");
        return;
    }
    f->headers[count++] = (struct wr_http_header){
        WR_STR("Content-Type"), WR_STR("application/x-www-form-urlencoded; charset=utf-8")};
    if (sign) {
        struct wr_aws_keys keys = {wr_buf_str(&f->found.id), wr_buf_str(&f->found.secret),
                                   wr_buf_str(&f->found.token)};
        struct wr_aws_request req = {.method = WR_STR("POST"),
                                     .host = u.host,
                                     .path = u.path.len ? u.path : WR_STR("/"),
                                     .headers = f->headers,
                                     .header_count = count,
                                     .body = wr_buf_str(&f->body)};
        if (wr_aws_sign(f->tools->signer, &keys,
                        &(struct wr_aws_scope){region, WR_STR("sts"), wr_aws_now_ms(f->tools)},
                        &req, &f->text, &sig)) {
            wr_aws_fetch_fail(f, "the question to STS cannot be signed");
            return;
        }
        for (size_t i = 0; i < sig.count; i++) {
            f->headers[count++] = sig.headers[i];
        }
    }
    if (u.path.len == 0) {
        wr_buf_add_char(&f->url, '/');
    }
    ask(f, f->tools->http, "POST", count, true, TIMEOUT_MS, on_sts);
}

void wr_aws_ask_web_identity(struct wr_aws_fetch *f)
{
    begin_form(f, "AssumeRoleWithWebIdentity", &f->plan.web);
    add_field(f, "WebIdentityToken", trim(wr_buf_str(&f->file)));
    f->asked_role = f->plan.web.arn;
    send_sts(f, false);
}

void wr_aws_ask_role(struct wr_aws_fetch *f, const struct wr_aws_role *role)
{
    char seconds[16];
    begin_form(f, "AssumeRole", role);
    add_field(f, "ExternalId", role->external_id);
    if (role->duration_s > 0) {
        snprintf(seconds, sizeof seconds, "%" PRIu32, role->duration_s);
        add_field(f, "DurationSeconds", wr_str_of(seconds));
    }
    f->asked_role = role->arn;
    send_sts(f, true);
}
