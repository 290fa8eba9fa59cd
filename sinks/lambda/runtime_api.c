// The Lambda Runtime API for one process, on httpd.

#include "sinks/lambda/runtime_api.h"

#include <stdio.h>
#include <stdlib.h>

#include "sinks/lib/httpd.h"
#include "sql/base/buf.h"

#include "sql/base/banned.h"

#define PREFIX          "/2018-06-01/runtime/"
#define CONNECTIONS_MAX 16     // a runtime needs one or two
#define BODY_TIMEOUT_MS 900000 // AWS's longest function: until then its own timer watches
#define IDLE_TIMEOUT_MS 900000 // a runtime keeps its connection while it handles an event

struct wr_runtime_api {
    struct wr_httpd *httpd;
    struct wr_runtime_events events;
    struct wr_httpd_request *poll; // a "next" that waits for an event
    wr_str id;                     // of the event the process has; empty: none
    char address[32];
    void (*done)(void *user);
    void *done_user;
};

static void reply_json(struct wr_httpd_request *req, int status, wr_str body)
{
    wr_httpd_reply(req, &(struct wr_httpd_reply){
                            .status = status, .type = WR_STR("application/json"), .body = body});
}

static void reply_accepted(struct wr_httpd_request *req)
{
    reply_json(req, 202, WR_STR("{\"status\":\"OK\"}"));
}

static void next(struct wr_runtime_api *api, struct wr_httpd_request *req)
{
    if (api->id.len > 0) {
        reply_json(req, 403,
                   WR_STR("{\"errorMessage\":\"State transition from Running to Ready failed for "
                          "runtime. Error: State transition is not allowed\","
                          "\"errorType\":\"InvalidStateTransition\"}"));
        return;
    }
    // A runtime that asks a second time has given up the first request: answer that one emptily.
    struct wr_httpd_request *old = api->poll;
    api->poll = req;
    if (old) {
        wr_httpd_drop(old);
        return;
    }
    api->events.asked(api->events.user);
}

// The part between PREFIX "invocation/" and the last slash.
static void answer(struct wr_runtime_api *api, struct wr_httpd_request *req, wr_str id, bool ok)
{
    if (api->id.len == 0 || !wr_str_eq(api->id, id)) {
        reply_json(req, 400,
                   WR_STR("{\"errorMessage\":\"Invalid request ID\","
                          "\"errorType\":\"InvalidRequestID\"}"));
        return;
    }
    api->id = (wr_str){NULL, 0};
    api->events.answered(api->events.user, ok, req->body,
                         wr_http1_header(req->head, WR_STR("Lambda-Runtime-Function-Error-Type")));
    reply_accepted(req);
}

static void on_request(void *user, struct wr_httpd_request *req)
{
    struct wr_runtime_api *api = user;
    wr_str path = req->head->path;
    wr_str invocation = WR_STR(PREFIX "invocation/");
    bool post = wr_str_eq(req->head->method, WR_STR("POST"));
    if (wr_str_eq(path, WR_STR(PREFIX "invocation/next"))) {
        if (wr_str_eq(req->head->method, WR_STR("GET"))) {
            next(api, req);
        } else {
            wr_httpd_reply_text(req, 405, WR_STR("GET is the method for invocation/next"));
        }
        return;
    }
    if (post && wr_str_eq(path, WR_STR(PREFIX "init/error"))) {
        api->events.init_failed(
            api->events.user, req->body,
            wr_http1_header(req->head, WR_STR("Lambda-Runtime-Function-Error-Type")));
        reply_accepted(req);
        return;
    }
    if (post && wr_str_starts(path, invocation)) {
        wr_str rest = wr_str_cut(path, invocation.len, path.len);
        const char *slash = memchr(rest.at, '/', rest.len);
        size_t id_len = slash ? (size_t)(slash - rest.at) : rest.len;
        wr_str verb = wr_str_cut(rest, id_len, rest.len);
        if (wr_str_eq(verb, WR_STR("/response")) || wr_str_eq(verb, WR_STR("/error"))) {
            answer(api, req, wr_str_cut(rest, 0, id_len), wr_str_eq(verb, WR_STR("/response")));
            return;
        }
    }
    wr_httpd_reply_text(req, 404, WR_STR("not a path of the Lambda Runtime API 2018-06-01"));
}

static void on_gone(void *user, struct wr_httpd_request *req)
{
    struct wr_runtime_api *api = user;
    bool waited = api->poll == req;
    wr_httpd_drop(req);
    if (waited) {
        api->poll = NULL;
        api->events.left(api->events.user);
    }
}

static void on_closed(void *user)
{
    struct wr_runtime_api *api = user;
    void (*done)(void *user) = api->done;
    void *done_user = api->done_user;
    free(api);
    done(done_user);
}

wr_err wr_runtime_api_open(uv_loop_t *loop, const struct wr_runtime_events *events,
                           struct wr_runtime_api **out, struct wr_fault *fault)
{
    struct wr_runtime_api *api = wr_zalloc(sizeof *api);
    api->events = *events;
    struct wr_httpd_options o = {
        .host = "127.0.0.1",
        .body_max = WR_RUNTIME_ANSWER_MAX,
        .connections_max = CONNECTIONS_MAX,
        .request_timeout_ms = BODY_TIMEOUT_MS,
        .idle_timeout_ms = IDLE_TIMEOUT_MS,
        .request = on_request,
        .gone = on_gone,
        .user = api,
    };
    wr_err err = wr_httpd_open(loop, &o, &api->httpd, fault);
    if (err != WR_OK) {
        free(api);
        return err;
    }
    snprintf(api->address, sizeof api->address, "127.0.0.1:%u", wr_httpd_port(api->httpd));
    *out = api;
    return WR_OK;
}

const char *wr_runtime_api_address(const struct wr_runtime_api *api)
{
    return api->address;
}

bool wr_runtime_api_waits(const struct wr_runtime_api *api)
{
    return api->poll && !api->poll->gone;
}

void wr_runtime_api_send(struct wr_runtime_api *api, const struct wr_runtime_event *event)
{
    wr_assert(api->poll && api->id.len == 0);
    char deadline[24];
    int len = snprintf(deadline, sizeof deadline, "%lld", (long long)event->deadline_ms);
    const struct wr_http1_header headers[] = {
        {WR_STR("Lambda-Runtime-Aws-Request-Id"), event->id},
        {WR_STR("Lambda-Runtime-Deadline-Ms"), {deadline, (size_t)len}},
        {WR_STR("Lambda-Runtime-Invoked-Function-Arn"), event->arn},
        {WR_STR("Lambda-Runtime-Trace-Id"), event->trace_id},
    };
    struct wr_httpd_request *req = api->poll;
    api->poll = NULL;
    api->id = event->id;
    wr_httpd_reply(req, &(struct wr_httpd_reply){
                            .status = 200,
                            .type = WR_STR("application/json"),
                            .headers = headers,
                            .header_count = WR_COUNT(headers),
                            .body = event->body,
                        });
}

void wr_runtime_api_reset(struct wr_runtime_api *api)
{
    api->id = (wr_str){NULL, 0};
    if (api->poll) {
        struct wr_httpd_request *req = api->poll;
        api->poll = NULL;
        wr_httpd_drop(req);
    }
}

void wr_runtime_api_close(struct wr_runtime_api *api, void (*done)(void *user), void *user)
{
    api->done = done;
    api->done_user = user;
    wr_runtime_api_reset(api);
    wr_httpd_close(api->httpd, on_closed, api);
}
