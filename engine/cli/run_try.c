// What the console asks that a command of weir knows, in a child process (self.h):
//
//   GET  /weir/v1/sinks       `weir sinks --json`: forms for actions
//   GET  /weir/v1/functions   `weir help functions --json`: completion
//   GET  /weir/v1/dead        `weir dead list --json`: the first letters, JSON Lines
//   POST /weir/v1/try         {"rule": payload, "message": {"topic", "payload" | …}}: findings of
//                             `weir check`, and with a message what `weir explain` says of it
//                       →     {"findings": […], "explained": {…} | null, "fault": "…" | null}
#include "engine/cli/run_parts.h"

#include <stdlib.h>

#include <jansson.h>

#include "engine/cli/self.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define UNDER_WAY_MAX 8 // children at once

struct inquiry {
    struct wr_admin_held held; // first: the request's user
    struct wr_daemon *daemon;
    struct wr_httpd_request *req; // NULL: gone
    char *rule, *message;         // files of the child; NULL: none
    struct wr_buf findings;
};

static unsigned under_way;

static void on_gone(struct wr_httpd_request *req)
{
    struct inquiry *q = req->user;
    q->req = NULL;
    req->user = NULL;
    wr_httpd_drop(req);
}

static struct inquiry *begin(struct wr_admin_call *call)
{
    if (under_way >= UNDER_WAY_MAX) {
        wr_admin_reply_error(call, 429, "%d of these are under way; try again", UNDER_WAY_MAX);
        return NULL;
    }
    under_way++;
    struct inquiry *q = wr_zalloc(sizeof *q);
    *q = (struct inquiry){.held = {.gone = on_gone}, .daemon = call->user, .req = call->req};
    call->req->user = q;
    return q;
}

static void end(struct inquiry *q, int status, wr_str json)
{
    under_way--;
    if (q->req) {
        size_t count;
        const struct wr_http1_header *headers = wr_admin_headers(&count);
        q->req->user = NULL;
        wr_httpd_reply(q->req, &(struct wr_httpd_reply){.status = status,
                                                        .type = WR_STR("application/json"),
                                                        .headers = headers,
                                                        .header_count = count,
                                                        .body = json});
    }
    free(q->rule);
    free(q->message);
    wr_buf_release(&q->findings);
    free(q);
}

static void end_wrong(struct inquiry *q, wr_str why)
{
    struct wr_buf text = {0};
    wr_buf_add(&text, WR_STR("{\"message\":"));
    wr_json_write_string(&text, why);
    wr_buf_add(&text, WR_STR("}\n"));
    end(q, 500, wr_buf_str(&text));
    wr_buf_release(&text);
}

// ---- tables

static void on_table(void *user, int status, wr_str out, wr_str err)
{
    if (status == 0) {
        end(user, 200, out);
    } else {
        end_wrong(user, err);
    }
}

static void get_sinks(struct wr_admin_call *call)
{
    struct inquiry *q = begin(call);
    if (q) {
        wr_self_run(
            &q->daemon->loop,
            &(struct wr_self_ask){.args = {"sinks", "--json"}, .done = on_table, .user = q});
    }
}

static void get_functions(struct wr_admin_call *call)
{
    struct inquiry *q = begin(call);
    if (q) {
        wr_self_run(&q->daemon->loop, &(struct wr_self_ask){.args = {"help", "functions", "--json"},
                                                            .done = on_table,
                                                            .user = q});
    }
}

// Exit 1: there is none.
static void on_letters(void *user, int status, wr_str out, wr_str err)
{
    if (status == 0 || status == 1) {
        end(user, 200, out.len ? out : WR_STR("\n"));
    } else {
        end_wrong(user, err);
    }
}

static void get_letters(struct wr_admin_call *call)
{
    struct inquiry *q = begin(call);
    if (q) {
        wr_self_run(&q->daemon->loop,
                    &(struct wr_self_ask){.args = {"dead", "list", "--json", "--limit", "500",
                                                   "--state-dir", q->daemon->state.path},
                                          .done = on_letters,
                                          .user = q});
    }
}

// ---- try it

static void answer(struct inquiry *q, wr_str explained, wr_str fault)
{
    struct wr_buf text = {0};
    wr_buf_addf(&text, "{\"findings\":%s",
                q->findings.len ? wr_buf_terminated(&q->findings) : "[]");
    wr_buf_add(&text, WR_STR(",\"explained\":"));
    wr_buf_add(&text, explained.len ? explained : WR_STR("null"));
    wr_buf_add(&text, WR_STR(",\"fault\":"));
    if (fault.len) {
        wr_json_write_string(&text, fault);
    } else {
        wr_buf_add(&text, WR_STR("null"));
    }
    wr_buf_add(&text, WR_STR("}\n"));
    end(q, 200, wr_buf_str(&text));
    wr_buf_release(&text);
}

// Exit 0: it matched, 1: it did not, 2: rule or message are wrong, and that is said.
static void on_explained(void *user, int status, wr_str out, wr_str err)
{
    answer(user, status == 0 || status == 1 ? out : (wr_str){0},
           status == 0 || status == 1 ? (wr_str){0} : err);
}

static void on_checked(void *user, int status, wr_str out, wr_str err)
{
    struct inquiry *q = user;
    if (status != 0 && status != 1) {
        end_wrong(q, err);
        return;
    }
    wr_buf_add(&q->findings, out);
    if (!q->message) {
        answer(q, (wr_str){0}, (wr_str){0});
        return;
    }
    wr_self_run(&q->daemon->loop,
                &(struct wr_self_ask){
                    .args = {"explain", WR_SELF_FIRST, "--message", WR_SELF_SECOND, "--json"},
                    .first = wr_str_of(q->rule),
                    .second = wr_str_of(q->message),
                    .done = on_explained,
                    .user = q});
}

// A document in the console's own name, so that findings do not call it after a file descriptor.
static char *document_of(json_t *rule, json_t *name)
{
    json_t *d = json_object();
    json_object_set_new(d, "ruleName",
                        json_is_string(name) ? json_incref(name) : json_string("new_rule"));
    json_object_set(d, "topicRulePayload", rule);
    char *text = json_dumps(d, JSON_INDENT(1));
    json_decref(d);
    return text;
}

static void post_try(struct wr_admin_call *call)
{
    json_t *body = json_loadb(call->req->body.at ? call->req->body.at : "", call->req->body.len,
                              JSON_REJECT_DUPLICATES, NULL);
    json_t *rule = json_object_get(body, "rule");
    json_t *message = json_object_get(body, "message");
    if (!json_is_object(rule) || (message && !json_is_object(message))) {
        json_decref(body);
        wr_admin_reply_error(call, 400,
                             "expected {\"rule\": {the rule's payload}, \"message\": {…}}");
        return;
    }
    struct inquiry *q = begin(call);
    if (q) {
        q->rule = document_of(rule, json_object_get(body, "ruleName"));
        q->message = message ? json_dumps(message, JSON_COMPACT) : NULL;
        wr_self_run(&q->daemon->loop,
                    &(struct wr_self_ask){.args = {"check", "--json", WR_SELF_FIRST},
                                          .first = wr_str_of(q->rule),
                                          .done = on_checked,
                                          .user = q});
    }
    json_decref(body);
}

static const struct wr_admin_route routes[] = {
    {"GET", "/weir/v1/sinks", WR_ROLE_READER, WR_ON_SOCKET | WR_ON_API, get_sinks},
    {"GET", "/weir/v1/functions", WR_ROLE_READER, WR_ON_SOCKET | WR_ON_API, get_functions},
    {"GET", "/weir/v1/dead", WR_ROLE_ADMIN, WR_ON_INSIDE, get_letters},
    // It changes nothing: nothing for the audit log, which would get a line for every word typed.
    {"POST", "/weir/v1/try", WR_ROLE_READER, WR_ON_SOCKET | WR_ON_API, post_try, .notes = true},
};

void wr_daemon_add_try(struct wr_daemon *d)
{
    wr_admin_add(d->admin, routes, WR_COUNT(routes), d);
}
