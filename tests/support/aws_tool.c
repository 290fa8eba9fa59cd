// The AWS client as a process, for tests/e2e/test_aws.py: sends what stdin says, one JSON object a
// line, and prints each answer as a JSON line. Logs go to stderr. Ends when stdin does.
//
//   aws_tool [--option value]...     options: the members of struct wr_aws_options, with dashes;
//                                    --role 'PATTERN=assume|passthrough|profile:NAME'
//                                    --endpoint-SERVICE URL (by its name in a signature)
//
// Lines: {"id":1,"service":"s3","method":"PUT","bucket":"b","path":"/k","query":"","target":"",
// "content_type":"","headers":[["n","v"]],"body":"base64","region":"","role":"","timeout_ms":0}
// {"state":true}: the states of all credentials.   {"cancel":1}: cancel call 1.   {"close":true}:
// end now, whatever is under way.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sinks/lib/aws.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define ROLES_MAX 8

struct sent {
    struct wr_aws_call call;
    struct wr_arena arena;
    struct wr_http_header headers[WR_AWS_HEADERS_MAX + 1];
    int64_t id;
    struct sent *next;
};

static uv_loop_t *loop;
static struct wr_aws *aws;
static struct sent *under_way;
static struct wr_buf input;
static uv_pipe_t in;
static bool ended;
static char role_texts[ROLES_MAX][512];
static struct wr_aws_role_rule roles[ROLES_MAX];
static size_t role_count;
static const char *endpoints[WR_AWS_SERVICE_COUNT];

static wr_str text_of(const wr_value *v, struct wr_arena *arena)
{
    wr_value copy = v ? *v : wr_undefined();
    wr_value_force(&copy, arena, WR_SQL_2016);
    return copy.type == WR_STRING ? wr_value_text(&copy) : (wr_str){0};
}

static int64_t number_of(const wr_value *v, struct wr_arena *arena)
{
    wr_value copy = v ? *v : wr_undefined();
    wr_value_force(&copy, arena, WR_SQL_2016);
    return copy.type == WR_NUMBER && copy.scale == 0 ? copy.as.coef : 0;
}

static void member(struct wr_buf *b, const char *name, wr_str value)
{
    wr_buf_addf(b, ",\"%s\":", name);
    wr_json_write_string(b, value);
}

static void close_if_done(void)
{
    if (ended && !under_way) {
        ended = false;
        wr_aws_close(aws, NULL, NULL);
    }
}

static void on_done(struct wr_aws_call *call, const struct wr_aws_answer *a)
{
    struct sent *s = call->user, **at = &under_way;
    struct wr_buf b = {0}, text = {0};
    struct wr_why why;
    static const char *const verdicts[] = {"delivered", "retry", "refused"};
    enum wr_verdict verdict =
        wr_aws_verdict(a, call->service, WR_STR("Failed to send"), call->bucket, &text, &why);
    wr_buf_addf(&b,
                "{\"id\":%lld,\"class\":\"%s\",\"verdict\":\"%s\",\"throttled\":%s,"
                "\"status\":%d,\"retry_at_ms\":%u",
                (long long)s->id, wr_aws_class_name(a->class), verdicts[verdict],
                why.throttled ? "true" : "false", a->status, a->retry_at_ms);
    member(&b, "code", a->code);
    member(&b, "old_code", a->old_code);
    member(&b, "message", a->message);
    member(&b, "request_id", a->request_id);
    member(&b, "body", a->body);
    member(&b, "why", why.message);
    printf("%.*s}\n", WR_STR_ARG(wr_buf_str(&b)));
    fflush(stdout);
    wr_buf_release(&b);
    wr_buf_release(&text);
    while (*at != s) {
        at = &(*at)->next;
    }
    *at = s->next;
    wr_arena_release(&s->arena);
    free(s);
    close_if_done();
}

static void print_states(void)
{
    static const char *const healths[] = {"unasked", "good", "failed", "refused"};
    struct wr_buf b = {0};
    wr_buf_add(&b, WR_STR("{\"states\":["));
    for (size_t i = 0; i < wr_aws_state_count(aws); i++) {
        struct wr_aws_state s;
        wr_aws_state(aws, i, &s);
        wr_buf_addf(&b,
                    "%s{\"health\":\"%s\",\"expires_ms\":%lld,\"fetched\":%llu,\"failed\":%llu,"
                    "\"refused\":%llu",
                    i ? "," : "", healths[s.health], (long long)s.expires_ms,
                    (unsigned long long)s.fetched, (unsigned long long)s.failed,
                    (unsigned long long)s.refused);
        member(&b, "name", wr_str_of(s.name));
        member(&b, "provider", wr_str_of(wr_aws_provider_name(s.provider)));
        member(&b, "why", wr_str_of(s.why));
        wr_buf_add_char(&b, '}');
    }
    wr_buf_add(&b, WR_STR("]"));
    member(&b, "region", wr_aws_default_region(aws));
    printf("%.*s}\n", WR_STR_ARG(wr_buf_str(&b)));
    fflush(stdout);
    wr_buf_release(&b);
}

static enum wr_aws_service service_of(wr_str name)
{
    for (int i = 0; i < WR_AWS_SERVICE_COUNT; i++) {
        if (wr_str_eq(wr_aws_services[i].signing, name)) {
            return (enum wr_aws_service)i;
        }
    }
    fprintf(stderr, "aws_tool: unknown service %.*s\n", WR_STR_ARG(name));
    exit(2);
}

static void send_call(struct sent *s, const wr_value *o)
{
    struct wr_arena *a = &s->arena;
#define TEXT(name) text_of(wr_object_get(o, WR_STR(name)), a)
    struct wr_buf body, method;
    const wr_value *given = wr_object_get(o, WR_STR("headers"));
    wr_buf_init_arena(&body, a);
    wr_buf_init_arena(&method, a);
    wr_buf_add(&method, TEXT("method"));
    if (!wr_buf_add_unbase64(&body, TEXT("body"))) {
        fprintf(stderr, "aws_tool: body is not base64\n");
        exit(2);
    }
    s->id = number_of(wr_object_get(o, WR_STR("id")), a);
    s->call = (struct wr_aws_call){
        .service = service_of(TEXT("service")),
        .method = wr_buf_terminated(&method),
        .bucket = TEXT("bucket"),
        .path = TEXT("path"),
        .query = TEXT("query"),
        .target = TEXT("target"),
        .content_type = TEXT("content_type"),
        .headers = s->headers,
        .body = wr_object_get(o, WR_STR("body")) ? (body.len ? wr_buf_str(&body) : WR_STR(""))
                                                 : (wr_str){0},
        .region = TEXT("region"),
        .endpoint = TEXT("endpoint"),
        .role_arn = TEXT("role"),
        .timeout_ms = (uint32_t)number_of(wr_object_get(o, WR_STR("timeout_ms")), a),
        .response_max = (size_t)number_of(wr_object_get(o, WR_STR("response_max")), a),
        .unsigned_payload = wr_object_get(o, WR_STR("unsigned")) != NULL,
        .done = on_done,
        .user = s,
    };
    for (uint32_t i = 0; given && i < given->len && i <= WR_AWS_HEADERS_MAX; i++) {
        const wr_value *pair = &given->as.items[i];
        s->headers[s->call.header_count++] =
            (struct wr_http_header){text_of(&pair->as.items[0], a), text_of(&pair->as.items[1], a)};
    }
#undef TEXT
    s->next = under_way;
    under_way = s;
    wr_aws_send(aws, &s->call);
}

static void on_line(wr_str line)
{
    struct sent *s = wr_zalloc(sizeof *s);
    struct wr_fault fault = {0};
    wr_value o;
    wr_arena_init(&s->arena, 64u << 20);
    if (wr_json_parse(wr_str_dup(&s->arena, line), &s->arena, WR_SQL_2016, &o, &fault) ||
        o.type != WR_OBJECT) {
        fprintf(stderr, "aws_tool: %s\n", fault.text);
        exit(2);
    }
    if (wr_object_get(&o, WR_STR("service"))) {
        send_call(s, &o);
        return;
    }
    if (wr_object_get(&o, WR_STR("state"))) {
        print_states();
    }
    const wr_value *cancel = wr_object_get(&o, WR_STR("cancel"));
    for (struct sent *x = under_way; cancel && x; x = x->next) {
        if (x->id == number_of(cancel, &s->arena)) {
            wr_aws_cancel(aws, &x->call);
        }
    }
    if (wr_object_get(&o, WR_STR("close"))) {
        uv_close((uv_handle_t *)&in, NULL);
        wr_aws_close(aws, NULL, NULL);
    }
    wr_arena_release(&s->arena);
    free(s);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    char *to = wr_buf_reserve(&input, 65536);
    *buf = uv_buf_init(to, 65536);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    if (len < 0) {
        uv_close((uv_handle_t *)stream, NULL);
        ended = true;
        close_if_done();
        return;
    }
    input.len += (size_t)len;
    size_t from = 0;
    for (;;) {
        const char *end = memchr(input.at + from, '\n', input.len - from);
        if (!end) {
            break;
        }
        size_t to = (size_t)(end - input.at);
        on_line(wr_str_cut(wr_buf_str(&input), from, to));
        from = to + 1;
    }
    memmove(input.at, input.at + from, input.len - from);
    input.len -= from;
}

static void on_log(void *user, enum wr_aws_level level, const char *line)
{
    fprintf(stderr, "%s: %s\n", level == WR_AWS_LOG_WARN ? "warn" : "info", line);
}

static void add_role(char *rule)
{
    char *use = strrchr(rule, '=');
    if (!use || role_count == ROLES_MAX) {
        fprintf(stderr, "aws_tool: --role PATTERN=USE\n");
        exit(2);
    }
    snprintf(role_texts[role_count], sizeof role_texts[0], "%.*s", (int)(use - rule), rule);
    use++;
    roles[role_count] = (struct wr_aws_role_rule){
        .pattern = role_texts[role_count],
        .use = strcmp(use, "assume") == 0         ? WR_AWS_ROLE_ASSUME
               : strncmp(use, "profile:", 8) == 0 ? WR_AWS_ROLE_PROFILE
                                                  : WR_AWS_ROLE_PASSTHROUGH,
        .profile = strncmp(use, "profile:", 8) == 0 ? use + 8 : NULL,
    };
    role_count++;
}

static void set_option(struct wr_aws_options *o, const char *name, char *value)
{
    const struct {
        const char *name;
        const char **to;
    } texts[] = {
        {"region", &o->region},
        {"profile", &o->profile},
        {"access-key-id", &o->access_key_id},
        {"secret-access-key", &o->secret_access_key},
        {"session-token", &o->session_token},
        {"iot-endpoint", &o->iot_endpoint},
        {"iot-role-alias", &o->iot_role_alias},
        {"iot-thing", &o->iot_thing},
        {"iot-cert-file", &o->iot_cert_file},
        {"iot-key-file", &o->iot_key_file},
        {"iot-ca-file", &o->iot_ca_file},
        {"endpoint", &o->endpoint},
        {"ca-file", &o->ca_file},
    };
    for (size_t i = 0; i < WR_COUNT(texts); i++) {
        if (strcmp(texts[i].name, name) == 0) {
            *texts[i].to = value;
            return;
        }
    }
    if (strcmp(name, "timeout-ms") == 0) {
        o->timeout_ms = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(name, "poll-ms") == 0) {
        o->poll_ms = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(name, "role") == 0) {
        add_role(value);
    } else if (strncmp(name, "endpoint-", 9) == 0) {
        endpoints[service_of(wr_str_of(name + 9))] = value;
    } else {
        fprintf(stderr, "aws_tool: unknown option --%s\n", name);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct wr_aws_options options = {.log = on_log, .endpoints = endpoints, .roles = roles};
    struct wr_fault fault = {0};
    for (int i = 1; i + 1 < argc; i += 2) {
        set_option(&options, argv[i] + 2, argv[i + 1]);
    }
    options.role_count = role_count;
    loop = uv_default_loop();
    if (wr_aws_open(loop, &options, &aws, &fault)) {
        fprintf(stderr, "aws_tool: %s\n", fault.text);
        return 2;
    }
    uv_pipe_init(loop, &in, 0);
    if (uv_pipe_open(&in, STDIN_FILENO) || uv_read_start((uv_stream_t *)&in, on_alloc, on_read)) {
        fprintf(stderr, "aws_tool: stdin is not a pipe\n");
        return 2;
    }
    uv_run(loop, UV_RUN_DEFAULT);
    int status = uv_loop_close(loop) ? 3 : 0; // a handle was left behind
    wr_buf_release(&input);
    return status;
}
