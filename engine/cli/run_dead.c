// The dead letters of a running weir: POST /weir/v1/dead/redrive and /weir/v1/dead/purge.
//
//   body   {"ids": ["3f2a91", …], "rule": "…", "reason": "refused", "older": "1h", "newer": "7d",
//           "limit": N, "dryRun": true}      each may be missing
//   reply  {"letters": N, "unreadable": N, "more": false, "met": [true, …]}   met: an id each
//
// A walk over the letters that there are when it begins, one after the other from the loop, so that
// messages go on. Letters that are redriven are delivered as soon as they are durable in the spool;
// so many are on their way there at once, and it rests while the spool is busy. One job at a time:
// two could redrive the same letter.
#include "engine/cli/run_parts.h"

#include <stdlib.h>

#include <jansson.h>

#include "engine/cli/dead.h"
#include "engine/observe/log.h"

#include "sql/base/banned.h"

#define MOVING_MAX 256 // letters between the two stores at once: the flow looks through them

// A letter on its way into the spool.
struct moving {
    struct wr_daemon_dead *job;
    uint64_t letter;
    bool used;
};

struct wr_daemon_dead {
    struct wr_admin_held held; // first: the request's user
    struct wr_daemon *daemon;
    struct wr_httpd_request *req; // NULL: nobody waits for the answer any more
    enum { LOOK, PURGE, REDRIVE } work;
    struct wr_dead_walk walk;
    bool walking, paused, over; // over: it shows no more
    bool cut;                   // since weir stops
    struct wr_dead_asked asked;
    struct wr_dead_sums sums;
    struct moving moving[MOVING_MAX];
    size_t moving_count;
    char *rule;
    char id_texts[WR_DEAD_IDS_MAX][2 * WR_DELIVERY_ID_LEN + 1];
    wr_str ids[WR_DEAD_IDS_MAX];
    bool met[WR_DEAD_IDS_MAX];
};

static void job_free(struct wr_daemon_dead *j)
{
    free(j->rule);
    free(j);
}

void wr_daemon_dead_free(struct wr_daemon *d)
{
    if (d->dead_job) {
        job_free(d->dead_job);
        d->dead_job = NULL;
    }
}

// ---- the answer

static void write_sums(const struct wr_daemon_dead *j, uint64_t letters, struct wr_buf *out)
{
    wr_buf_addf(out, "{\"letters\":%llu,\"unreadable\":%llu,\"more\":%s,\"met\":[",
                (unsigned long long)letters, (unsigned long long)j->sums.unreadable,
                j->sums.more ? "true" : "false");
    for (size_t i = 0; i < j->asked.id_count; i++) {
        wr_buf_addf(out, "%s%s", i ? "," : "", j->met[i] ? "true" : "false");
    }
    wr_buf_add_char(out, ']');
}

static void answer(struct wr_daemon_dead *j, int status, const char *message)
{
    struct wr_buf text = {0};
    struct wr_httpd_request *req = j->req;
    if (!req) {
        return;
    }
    j->req = NULL;
    write_sums(j, j->sums.letters - j->moving_count, &text);
    if (message) {
        wr_buf_addf(&text, ",\"message\":\"%s\"", message);
    }
    wr_buf_add(&text, WR_STR("}\n"));
    struct wr_httpd_reply reply = {
        .status = status, .type = WR_STR("application/json"), .body = wr_buf_str(&text)};
    reply.headers = wr_admin_headers(&reply.header_count);
    wr_httpd_reply(req, &reply);
    wr_buf_release(&text);
}

static void end(struct wr_daemon_dead *j)
{
    if (!j->over || j->walking || j->moving_count) {
        return;
    }
    struct wr_daemon *d = j->daemon;
    if (j->work != LOOK && j->sums.letters) {
        wr_log(WR_LOG_INFO, "flow", "dead letters: %llu %s", (unsigned long long)j->sums.letters,
               j->work == PURGE ? "purged" : "redriven");
    }
    answer(j, j->cut ? 503 : 200, j->cut ? "weir is stopping: the others stay letters" : NULL);
    d->dead_job = NULL;
    job_free(j);
}

static void on_gone(struct wr_httpd_request *req)
{
    struct wr_daemon_dead *j = req->user;
    j->req = NULL;
    j->over = true;
    wr_httpd_drop(req);
    if (j->walking) {
        wr_dead_walk_end(&j->walk);
    } else {
        end(j);
    }
}

// ---- the walk

static bool spool_full(const struct wr_daemon *d)
{
    struct wr_spool_stats stats;
    wr_spool_stats(d->stores.spool, &stats);
    return stats.full;
}

static void on_kept(void *user)
{
    struct moving *m = user;
    wr_dead_done(m->job->daemon->stores.dead, m->letter);
    m->used = false;
    m->job->moving_count--; // wr_daemon_dead_room() is next
}

static void move(struct wr_daemon_dead *j, uint64_t seq, const struct wr_entry *e)
{
    struct moving *m = j->moving;
    while (m->used) {
        m++;
    }
    *m = (struct moving){.job = j, .letter = seq, .used = true};
    j->moving_count++;
    wr_flow_redrive(j->daemon->flow, e, on_kept, m);
}

static enum wr_dead_fate on_letter(struct wr_dead_walk *walk, uint64_t seq,
                                   const struct wr_entry *e, const struct wr_fault *fault)
{
    struct wr_daemon_dead *j = walk->user;
    static struct wr_log_limit limit;
    if (j->over || j->daemon->forced) {
        return WR_DEAD_STOP;
    }
    if (!e) {
        wr_log_limited(&limit, WR_LOG_ERROR, "flow", "a dead letter cannot be read: %s",
                       fault->text);
        j->sums.unreadable++;
        return WR_DEAD_KEEP;
    }
    if (!wr_dead_is_asked(&j->asked, e)) {
        return WR_DEAD_KEEP;
    }
    if (j->asked.limit && j->sums.letters == j->asked.limit) {
        j->sums.more = true;
        return WR_DEAD_STOP;
    }
    if (j->work == REDRIVE &&
        (j->moving_count == MOVING_MAX || wr_spool_busy(j->daemon->stores.spool))) {
        j->paused = true;
        j->walk.from = seq;
        return WR_DEAD_STOP;
    }
    j->sums.letters++;
    if (j->work == REDRIVE) {
        move(j, seq, e);
    }
    return j->work == LOOK ? WR_DEAD_KEEP : (j->work == PURGE ? WR_DEAD_PURGE : WR_DEAD_LEAVE);
}

static void walk_on(struct wr_daemon_dead *j);

static void on_walked(struct wr_dead_walk *walk)
{
    struct wr_daemon_dead *j = walk->user;
    j->walking = false;
    j->over = j->over || !j->paused;
    walk_on(j);
}

// With what is under way when it rests: on, or the end.
static void walk_on(struct wr_daemon_dead *j)
{
    struct wr_daemon *d = j->daemon;
    if (j->paused && !j->over) {
        if (spool_full(d)) {
            answer(j, 507,
                   "the spool takes no more: give it more room (spool.max), or look at "
                   "what hangs");
            j->over = true;
        } else if (j->moving_count < MOVING_MAX && !wr_spool_busy(d->stores.spool)) {
            j->paused = false;
            j->walking = true;
            wr_dead_walk(d->stores.dead, &j->walk);
            return;
        }
    }
    if (!j->walking) {
        end(j);
    }
}

void wr_daemon_dead_room(struct wr_daemon *d)
{
    if (d->dead_job && !d->dead_job->walking) {
        walk_on(d->dead_job);
    }
}

bool wr_daemon_dead_stop(struct wr_daemon *d)
{
    struct wr_daemon_dead *j = d->dead_job;
    if (!j) {
        return false;
    }
    j->cut = j->cut || !j->over;
    j->over = true;
    if (j->walking) {
        wr_dead_walk_end(&j->walk);
    } else {
        end(j);
    }
    return d->dead_job != NULL;
}

// ---- the question

static bool read_text(const json_t *value, const char *name, wr_str *out, struct wr_fault *fault)
{
    if (value && !json_is_string(value)) {
        wr_fault_set(fault, WR_ERR_SYNTAX, "%s: expected a string", name);
        return false;
    }
    *out = value ? (wr_str){json_string_value(value), json_string_length(value)} : (wr_str){0};
    return true;
}

static bool read_age(const json_t *body, const char *name, int64_t *out, struct wr_fault *fault)
{
    wr_str text;
    struct wr_fault why;
    if (!read_text(json_object_get(body, name), name, &text, fault)) {
        return false;
    }
    if (text.at && (wr_config_duration(text, out, &why) || *out <= 0)) {
        wr_fault_set(fault, WR_ERR_RANGE, "%s: expected a duration such as 90s, 12h or 7d", name);
        return false;
    }
    return true;
}

static bool read_ids(struct wr_daemon_dead *j, const json_t *ids, struct wr_fault *fault)
{
    if (ids && (!json_is_array(ids) || json_array_size(ids) > WR_DEAD_IDS_MAX)) {
        wr_fault_set(fault, WR_ERR_SYNTAX, "ids: expected a list of at most %d strings",
                     WR_DEAD_IDS_MAX);
        return false;
    }
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        if (!json_is_string(id) ||
            !wr_dead_id_take((wr_str){json_string_value(id), json_string_length(id)},
                             j->id_texts[i])) {
            wr_fault_set(fault, WR_ERR_SYNTAX, "ids: expected the hexadecimal begin of an id");
            return false;
        }
        j->ids[i] = wr_str_of(j->id_texts[i]);
    }
    j->asked.ids = j->ids;
    j->asked.met = j->met;
    j->asked.id_count = json_array_size(ids);
    return true;
}

static bool read_members(json_t *body, struct wr_fault *fault)
{
    static const char *const names[] = {"ids",   "rule",  "reason", "older",
                                        "newer", "limit", "dryRun", NULL};
    const char *name;
    const json_t *value;
    json_object_foreach(body, name, value)
    {
        bool known = false;
        for (size_t i = 0; names[i]; i++) {
            known = known || strcmp(name, names[i]) == 0;
        }
        if (!known) {
            wr_fault_set(fault, WR_ERR_SYNTAX,
                         "unknown member \"%.64s\", expected ids, rule, reason, older, newer, "
                         "limit or dryRun",
                         name);
            return false;
        }
    }
    return true;
}

static bool read_body(struct wr_daemon_dead *j, json_t *body, struct wr_fault *fault)
{
    struct wr_dead_filter *f = &j->walk.filter;
    wr_str rule, reason;
    const json_t *limit = json_object_get(body, "limit"), *dry = json_object_get(body, "dryRun");
    if (!read_members(body, fault) ||
        !read_text(json_object_get(body, "rule"), "rule", &rule, fault) ||
        !read_text(json_object_get(body, "reason"), "reason", &reason, fault) ||
        !read_age(body, "older", &f->older_ms, fault) ||
        !read_age(body, "newer", &f->newer_ms, fault) ||
        !read_ids(j, json_object_get(body, "ids"), fault)) {
        return false;
    }
    f->has_reason = reason.at != NULL;
    if (reason.at && !wr_dead_reason_of(reason, &f->reason)) {
        wr_fault_set(fault, WR_ERR_RANGE, "reason: there is no reason \"%.*s\"",
                     reason.len > 64 ? 64 : (int)reason.len, reason.at);
        return false;
    }
    if ((limit && (!json_is_integer(limit) || json_integer_value(limit) < 1)) ||
        (dry && !json_is_boolean(dry))) {
        wr_fault_set(fault, WR_ERR_RANGE,
                     "limit: expected a number from 1 on, and of dryRun true "
                     "or false");
        return false;
    }
    j->asked.limit = (uint64_t)json_integer_value(limit);
    j->work = json_is_true(dry) ? LOOK : j->work;
    if (rule.len) {
        j->rule = wr_strdup(rule);
        f->rule = (wr_str){j->rule, rule.len};
    }
    return true;
}

// ---- calls

static bool may_begin(struct wr_admin_call *call, struct wr_daemon *d, bool redrive)
{
    if (d->stopping || !d->stores.dead) {
        wr_admin_reply_error(call, 503, "weir is stopping");
    } else if (d->dead_job) {
        wr_admin_reply_error(call, 409, "another redrive or purge is under way; try again");
    } else if (redrive && !d->recovered) {
        wr_admin_reply_error(call, 503,
                             "what the spool has from before is not taken up yet; try "
                             "again");
    } else if (redrive && !d->stores.spool) {
        wr_admin_reply_error(call, 409,
                             "a weir with ack: %s has no spool to deliver from: stop "
                             "it, redrive, start it again",
                             d->config->ack);
    } else {
        return true;
    }
    return false;
}

static void begin(struct wr_admin_call *call, bool redrive)
{
    struct wr_daemon *d = call->user;
    struct wr_fault fault = {0};
    json_error_t wrong = {0};
    if (!may_begin(call, d, redrive)) {
        return;
    }
    wr_str text = call->req->body.len ? call->req->body : WR_STR("{}");
    json_t *body = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES, &wrong);
    struct wr_daemon_dead *j = wr_zalloc(sizeof *j);
    j->work = redrive ? REDRIVE : PURGE;
    if (!json_is_object(body)) {
        wr_fault_set(&fault, WR_ERR_SYNTAX, "the body is no JSON object%s%s",
                     *wrong.text ? ": " : "", wrong.text);
    }
    if (fault.code || !read_body(j, body, &fault)) {
        wr_admin_reply_error(call, 400, "%s", fault.text);
        json_decref(body);
        job_free(j);
        return;
    }
    json_decref(body);
    j->held.gone = on_gone;
    j->daemon = d;
    j->req = call->req;
    j->req->user = j;
    j->walk.letter = on_letter;
    j->walk.done = on_walked;
    j->walk.user = j;
    d->dead_job = j;
    j->walking = true;
    wr_dead_walk(d->stores.dead, &j->walk);
}

static void post_redrive(struct wr_admin_call *call)
{
    begin(call, true);
}

static void post_purge(struct wr_admin_call *call)
{
    begin(call, false);
}

static const struct wr_admin_route routes[] = {
    {"POST", "/weir/v1/dead/redrive", WR_ROLE_OPERATOR, WR_ON_INSIDE, post_redrive},
    {"POST", "/weir/v1/dead/purge", WR_ROLE_ADMIN, WR_ON_INSIDE, post_purge},
};

void wr_daemon_add_dead(struct wr_daemon *d)
{
    wr_admin_add(d->admin, routes, WR_COUNT(routes), d);
}
