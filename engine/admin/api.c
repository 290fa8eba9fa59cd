// The way of a call through the threads, and its answer.
#include "engine/admin/api.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/admin.h"
#include "engine/admin/tenant_parts.h"
#include "engine/admin/tenants.h"
#include "engine/observe/log.h"
#include "engine/registry/secret.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define MESSAGE_MAX 2048 // of an error; a longer one is cut

struct family {
    struct wr_api *api;
    const struct wr_api_operation *operations;
    size_t count;
    struct wr_admin_route *routes;
    void *user;
    struct family *next;
};

struct wr_api {
    struct wr_api_options options;
    struct family *families, *last;
    struct wr_api_call *calls; // under way
    bool closing;
    void (*closed)(void *user);
    void *user;
};

// ---- errors

static const struct {
    int status;
    const char *code;
} errors[] = {[WR_API_OK] = {200, ""},
#define ERROR(name, status, code) [WR_API_##name] = {status, code},
              WR_API_ERRORS(ERROR)
#undef ERROR
};

static void fail(struct wr_api_call *c, enum wr_api_error error, const char *id, const char *arn,
                 const char *format, va_list args)
{
    if (c->error) {
        return;
    }
    char text[MESSAGE_MAX];
    vsnprintf(text, sizeof text, format, args);
    c->error = error;
    c->message = wr_strdup(wr_str_of(text));
    c->resource_id = id ? wr_strdup(wr_str_of(id)) : NULL;
    c->resource_arn = arn ? wr_strdup(wr_str_of(arn)) : NULL;
    c->job.undo = true;
}

void wr_api_fail(struct wr_api_call *c, enum wr_api_error error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail(c, error, NULL, NULL, format, args);
    va_end(args);
}

void wr_api_fail_for(struct wr_api_call *c, enum wr_api_error error, const char *resource_id,
                     const char *resource_arn, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail(c, error, resource_id, resource_arn, format, args);
    va_end(args);
}

void wr_api_warn(struct wr_api_call *c, const char *format, ...)
{
    char text[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct wr_buf b = {0};
    wr_buf_add(&b, wr_str_of(c->warning ? c->warning : ""));
    wr_buf_addf(&b, "%s%s", c->warning ? "; " : "", text);
    free(c->warning);
    c->warning = wr_strdup(wr_buf_str(&b));
    wr_buf_release(&b);
}

static void internal_failure(struct wr_api_call *c)
{
    static struct wr_log_limit limit;
    wr_log_limited(&limit, WR_LOG_ERROR, "admin", "%s failed: registry.db: %s", c->op->name,
                   c->job.why);
    wr_api_fail(c, c->op->rules ? WR_API_INTERNAL : WR_API_INTERNAL_FAILURE,
                "the registry could not be written or read: %s", c->job.why);
}

// ---- answers

static void add_header(struct wr_http1_header *headers, size_t *count, const char *name,
                       const char *value)
{
    if (value) {
        headers[(*count)++] = (struct wr_http1_header){wr_str_of(name), wr_str_of(value)};
    }
}

static void send_answer(struct wr_httpd_request *req, const struct wr_api_call *c, int status,
                        wr_str type, wr_str body)
{
    size_t count;
    const struct wr_http1_header *common = wr_admin_headers(&count);
    struct wr_http1_header headers[10];
    memcpy(headers, common, count * sizeof *common);
    struct wr_buf name = {0};
    if (c->raw_name) {
        wr_buf_addf(&name, "attachment; filename=\"%s\"", c->raw_name);
    }
    add_header(headers, &count, "x-amzn-RequestId", c->request_id);
    add_header(headers, &count, "x-amzn-ErrorType", c->error ? errors[c->error].code : NULL);
    add_header(headers, &count, "x-weir-warning", c->warning);
    add_header(headers, &count, "Content-Disposition",
               c->raw_name && !c->error ? wr_buf_terminated(&name) : NULL);
    wr_httpd_reply(req, &(struct wr_httpd_reply){.status = status,
                                                 .type = type,
                                                 .headers = headers,
                                                 .header_count = count,
                                                 .body = body});
    wr_buf_release(&name);
}

static json_t *error_body(const struct wr_api_call *c)
{
    json_t *o = json_object();
    json_object_set_new(o, "message", json_string(c->message));
    if (!json_object_get(o, "message")) { // bytes that are no UTF-8 were quoted
        json_object_set_new(o, "message", json_string("the request is not valid"));
    }
    if (c->resource_id) {
        json_object_set_new(o, "resourceId", json_string(c->resource_id));
    }
    if (c->resource_arn) {
        json_object_set_new(o, "resourceArn", json_string(c->resource_arn));
    }
    return o;
}

static void answer(struct wr_api_call *c)
{
    struct wr_httpd_request *req = c->req_;
    c->req_ = NULL;
    if (!req) {
        return; // the client went away
    }
    req->user = NULL;
    if (!c->error && c->raw) {
        send_answer(req, c, 200, wr_str_of(c->raw_type), (wr_str){c->raw, c->raw_len});
        return;
    }
    json_t *body = c->error ? error_body(c) : json_incref(c->out);
    // Timestamps are the only fractions there are: to the millisecond.
    char *text = json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(13));
    wr_assert(text);
    send_answer(req, c, errors[c->error].status, WR_STR("application/json"), wr_str_of(text));
    free(text);
    json_decref(body);
}

static void release_call(struct wr_api_call *c)
{
    if (c->own_free) {
        c->own_free(c->own);
    }
    wr_tenants_copy_free(c->tenants_);
    json_decref(c->in);
    json_decref(c->out);
    json_decref(c->audit);
    free(c->message);
    free(c->resource_id);
    free(c->resource_arn);
    free(c->warning);
    free(c->raw);
    free(c->raw_name);
    free(c);
}

static void answer_and_free(struct wr_api_call *c)
{
    struct wr_api *api = c->api;
    answer(c);
    if (c->next_) {
        c->next_->prev_ = c->prev_;
    }
    *(c->prev_ ? &c->prev_->next_ : &api->calls) = c->next_;
    release_call(c);
    if (api->closing && !api->calls) {
        void (*closed)(void *user) = api->closed;
        void *user = api->user;
        while (api->families) {
            struct family *f = api->families;
            api->families = f->next;
            free(f->routes);
            free(f);
        }
        free(api);
        closed(user);
    }
}

static void on_logged(void *user, bool written)
{
    struct wr_api_call *c = user;
    if (!written) {
        // Whoever was to get a secret does not get it, and whoever changed something hears of it.
        wr_api_fail(c, c->op->rules ? WR_API_INTERNAL : WR_API_INTERNAL_FAILURE,
                    "it was done, but could not be written to the audit log: see weir's own log");
    }
    answer_and_free(c);
}

static void end(struct wr_api_call *c)
{
    if (!wr_api_audit(c, on_logged)) {
        answer_and_free(c);
    }
}

const char *wr_api_broker_name(const struct wr_api_call *c)
{
    const struct wr_tenant *t = wr_tenants_by_id(c->api->options.tenants, c->caller.tenant);
    wr_str name = t ? wr_tenant_text(t, "iot.broker") : (wr_str){0};
    return name.len ? name.at : "";
}

static void on_confirmed(struct wr_broker_wait *wait, bool confirmed)
{
    struct wr_api_call *c = WR_CONTAINER(wait, struct wr_api_call, broker_wait_);
    if (!confirmed) {
        wr_api_warn(c, "broker-not-confirmed");
    }
    end(c);
}

// What was committed is in force at the broker before the answer says so (control-plane.md 6).
static void conclude(struct wr_api_call *c)
{
    if (c->broker_changed_) {
        c->broker_changed_ = false;
        c->broker_wait_.done = on_confirmed;
        // What is about tenants may be about each broker, all else about the caller's.
        wr_broker_wait(c->api->options.broker, c->op->all_tenants ? NULL : wr_api_broker_name(c),
                       &c->broker_wait_);
        return;
    }
    end(c);
}

void wr_api_finish(struct wr_api_call *c)
{
    conclude(c);
}

// ---- the steps

static void on_done(struct wr_registry_job *job)
{
    struct wr_api_call *c = (struct wr_api_call *)job;
    if (job->failed) {
        c->broker_changed_ = false;
        internal_failure(c);
    } else if (!job->undo) {
        wr_tenants_take(c->api->options.tenants, c->tenants_);
        c->tenants_ = NULL;
    }
    if (!c->error && c->op->after) {
        c->op->after(c);
        if (c->later) {
            return;
        }
    }
    conclude(c);
}

// admin.auto_tenants: the account's first call. Thread: the registry's.
static void make_tenant(struct wr_api_call *c, struct wr_db *db)
{
    c->caller.tenant =
        wr_db_one(db, 0, "SELECT id FROM tenants WHERE account=? AND deleted IS NULL", "z",
                  c->caller.account);
    if (!c->caller.tenant) {
        c->caller.tenant = wr_tenants_insert(db, wr_str_of(c->caller.tenant_name),
                                             c->caller.account, "ENABLED", c->now_ms);
        wr_api_audit_change(c, "tenant", NULL, json_string(c->caller.tenant_name));
        c->tenants_ = wr_tenants_read(c->api->options.tenants, db);
    }
}

// Thread: the registry's.
static void on_run(struct wr_registry_job *job, struct wr_db *db)
{
    struct wr_api_call *c = (struct wr_api_call *)job;
    bool watch = c->api->options.broker && job->write;
    int64_t changes = watch ? wr_broker_changes(db) : 0;
    if (!c->caller.tenant && c->caller.account[0]) {
        make_tenant(c, db);
    }
    c->realm = wr_db_one(db, 0, "SELECT id FROM realms WHERE tenant=? AND region=?", "iz",
                         c->caller.tenant, c->caller.region);
    if (!c->realm && c->op->write && c->caller.tenant) { // without one: unsigned_
        wr_db_run(db, "INSERT INTO realms(tenant, region) VALUES(?,?)", "iz", c->caller.tenant,
                  c->caller.region);
        c->realm = wr_db_last_id(db);
        wr_tenant_begin_realm(db, c->caller.tenant, c->realm, c->now_ms);
    }
    c->op->run(c, db);
    c->broker_changed_ = watch && !c->error && wr_broker_changes(db) != changes;
}

static void to_registry(struct wr_api_call *c)
{
    if (c->error || !c->op->run) {
        if (!c->error && c->op->after) {
            c->op->after(c);
            if (c->later) {
                return;
            }
        }
        end(c);
        return;
    }
    c->job.write = c->op->write || !c->caller.tenant;
    c->job.slow = c->op->slow;
    c->job.run = on_run;
    c->job.done = on_done;
    wr_registry_submit(c->api->options.registry, &c->job);
}

// Thread: the pool's.
static void on_work(uv_work_t *work)
{
    struct wr_api_call *c = work->data;
    c->op->work(c);
}

static void on_worked(uv_work_t *work, int status)
{
    to_registry(work->data);
}

static void on_gone(struct wr_httpd_request *req)
{
    struct wr_admin_held *held = req->user;
    struct wr_api_call *c = WR_CONTAINER(held, struct wr_api_call, held_);
    c->req_ = NULL; // what it asked for is done all the same
    req->user = NULL;
    wr_httpd_drop(req);
}

void wr_api_make_id(char out[37])
{
    unsigned char b[16];
    wr_secret_random(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t i = 0; i < sizeof b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            out[at++] = '-';
        }
        out[at++] = digits[b[i] >> 4];
        out[at++] = digits[b[i] & 15];
    }
    out[at] = '\0';
}

static struct wr_api_call *call_new(struct wr_api *api, const struct wr_api_operation *op,
                                    const struct wr_api_caller *caller)
{
    struct wr_api_call *c = wr_zalloc(sizeof *c);
    c->api = api;
    c->op = op;
    c->caller = *caller;
    c->now_ms = wr_wall_ms();
    c->in = json_object();
    c->out = json_object();
    c->work_.data = c;
    c->held_.gone = on_gone;
    wr_api_make_id(c->request_id);
    c->next_ = api->calls;
    if (c->next_) {
        c->next_->prev_ = c;
    }
    api->calls = c;
    return c;
}

void wr_api_begin(struct wr_api *api, const struct wr_api_operation *op, struct wr_admin_call *from,
                  const struct wr_api_caller *caller)
{
    struct wr_api_call *c = call_new(api, op, caller);
    c->req_ = from->req;
    from->req->user = &c->held_;
    if (wr_api_read_input(c, from) && op->prepare) {
        op->prepare(c);
    }
    if (!c->error && op->work) {
        wr_assert(uv_queue_work(api->options.loop, &c->work_, on_work, on_worked) == 0);
    } else {
        to_registry(c);
    }
}

void wr_api_start_own(struct wr_api *api, const struct wr_api_operation *op,
                      const struct wr_api_caller *caller, void *own, void (*own_free)(void *own))
{
    if (api->closing) {
        if (own_free) {
            own_free(own);
        }
        return;
    }
    struct wr_api_call *c = call_new(api, op, caller);
    c->own = own;
    c->own_free = own_free;
    to_registry(c);
}

void wr_api_start(struct wr_api *api, const struct wr_api_operation *op,
                  const struct wr_api_caller *caller)
{
    wr_api_start_own(api, op, caller, NULL, NULL);
}

// ---- inside of other calls

static const struct wr_api_operation *operation_named(const struct wr_api *api, const char *name)
{
    const struct wr_api_operation *op;
    size_t i = 0;
    while (wr_api_operation_at(api, i++, &op)) {
        if (!strcmp(op->name, name)) {
            return op;
        }
    }
    wr_assert(false);
    return NULL;
}

// What the inner call has to say becomes the outer's.
static void hand_up(struct wr_api_call *c, const struct wr_api_call *inner)
{
    const char *field;
    json_t *change;
    size_t i;
    const json_t *arn;
    json_object_foreach(json_object_get(inner->audit, "changes"), field, change)
    {
        wr_api_audit_change(c, field, json_incref(json_object_get(change, "old")),
                            json_incref(json_object_get(change, "new")));
    }
    json_array_foreach(json_object_get(inner->audit, "arns"), i, arn)
    {
        wr_api_audit_arn(c, json_string_value(arn));
    }
    if (inner->warning) {
        wr_api_warn(c, "%s", inner->warning);
    }
    if (inner->error) {
        wr_api_fail_for(c, inner->error, inner->resource_id, inner->resource_arn, "%s",
                        inner->message);
    }
}

json_t *wr_api_nested(struct wr_api_call *c, struct wr_db *db, const char *operation, json_t *in)
{
    struct wr_api_call *inner = wr_zalloc(sizeof *inner);
    *inner = (struct wr_api_call){.op = operation_named(c->api, operation),
                                  .api = c->api,
                                  .caller = c->caller,
                                  .now_ms = c->now_ms,
                                  .realm = c->realm,
                                  .in = in ? in : json_object(),
                                  .out = json_object()};
    wr_assert(!inner->op->prepare && !inner->op->after);
    if (wr_api_check_input(inner) && inner->op->work) {
        inner->op->work(inner);
    }
    if (!inner->error) {
        inner->op->run(inner, db);
    }
    hand_up(c, inner);
    json_t *out = inner->error ? NULL : json_incref(inner->out);
    release_call(inner);
    return out;
}

// ---- the table

// Weir's own calls name their tenant in the path. Whoever does not administer all may ask about
// the own one.
static bool is_own_tenant(const struct wr_api_operation *op, const struct wr_admin_call *call,
                          const struct wr_api_caller *caller)
{
    if (caller->all_tenants || !op->own_only) {
        return true;
    }
    bool named = strstr(op->path, "/{tenant}") != NULL; // it is the first label then
    return !op->all_tenants &&
           (!named || wr_str_eq(call->labels[0], wr_str_of(caller->tenant_name)));
}

static void on_route(struct wr_admin_call *call)
{
    struct family *f = call->user;
    const struct wr_api_operation *op = &f->operations[call->route - f->routes];
    call->operation = op->name;
    if (f->api->closing) {
        wr_api_refuse(call, 503, "ServiceUnavailableException", "weir is stopping");
        return;
    }
    static const struct wr_api_caller nobody;
    const struct wr_api_caller *caller = call->caller ? call->caller : &nobody;
    if (op->own_only && (call->listener & WR_ON_API) && !call->by_token) {
        wr_api_refuse(call, 403, "AccessDeniedException",
                      "%s is answered on the admin socket, or with a bearer token", op->path);
        return;
    }
    if (!is_own_tenant(op, call, caller)) {
        wr_api_refuse(call, 403, "AccessDeniedException", "%s",
                      op->all_tenants ? "only an administrator of the default tenant may do that"
                                      : "that is another tenant");
        return;
    }
    bool made = !caller->tenant && caller->account[0]; // by the call itself
    if (!op->any_tenant && !op->unsigned_ && !made &&
        !wr_tenants_enabled(f->api->options.tenants, caller->tenant)) {
        wr_api_refuse(call, 403, "AccessDeniedException",
                      "AWS IoT is not enabled for the tenant %s (feature iot.enabled)",
                      caller->tenant_name);
        return;
    }
    wr_api_begin(f->api, op, call, caller);
}

static struct wr_admin_route route_of(const struct wr_api_operation *op)
{
    enum wr_role least = op->least ? op->least : op->write ? WR_ROLE_OPERATOR : WR_ROLE_READER;
    return (struct wr_admin_route){.method = op->method,
                                   .pattern = op->path,
                                   .least = op->unsigned_ ? WR_ROLE_NONE : least,
                                   .listeners = WR_ON_SOCKET | WR_ON_API,
                                   .handle = on_route,
                                   .notes = true};
}

void wr_api_add(struct wr_api *api, const struct wr_api_operation *operations, size_t count,
                void *user)
{
    struct family *f = wr_zalloc(sizeof *f);
    *f = (struct family){.api = api,
                         .operations = operations,
                         .count = count,
                         .user = user,
                         .routes = wr_zalloc(count * sizeof *f->routes)};
    for (size_t i = 0; i < count; i++) {
        f->routes[i] = route_of(&operations[i]);
    }
    *(api->last ? &api->last->next : &api->families) = f;
    api->last = f;
    wr_admin_add(api->options.admin, f->routes, count, f);
}

void *wr_api_user(const struct wr_api_call *call)
{
    for (const struct family *f = call->api->families; f; f = f->next) {
        if (call->op >= f->operations && call->op < f->operations + f->count) {
            return f->user;
        }
    }
    return NULL;
}

bool wr_api_operation_at(const struct wr_api *api, size_t index,
                         const struct wr_api_operation **out)
{
    for (const struct family *f = api->families; f; f = f->next) {
        if (index < f->count) {
            *out = &f->operations[index];
            return true;
        }
        index -= f->count;
    }
    return false;
}

void wr_api_refuse(struct wr_admin_call *call, int status, const char *code, const char *format,
                   ...)
{
    struct wr_api_call c = {0};
    char text[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    wr_api_make_id(c.request_id);
    wr_api_audit_refused(call, code, c.request_id);
    size_t count;
    const struct wr_http1_header *common = wr_admin_headers(&count);
    struct wr_http1_header headers[8];
    memcpy(headers, common, count * sizeof *common);
    add_header(headers, &count, "x-amzn-RequestId", c.request_id);
    add_header(headers, &count, "x-amzn-ErrorType", code);
    c.message = text;
    json_t *body = error_body(&c);
    char *dump = json_dumps(body, JSON_COMPACT);
    wr_httpd_reply(call->req, &(struct wr_httpd_reply){.status = status,
                                                       .type = WR_STR("application/json"),
                                                       .headers = headers,
                                                       .header_count = count,
                                                       .body = wr_str_of(dump)});
    free(dump);
    json_decref(body);
}

// ---- life

struct wr_api *wr_api_open(const struct wr_api_options *options)
{
    struct wr_api *api = wr_zalloc(sizeof *api);
    api->options = *options;
    return api;
}

void wr_api_close(struct wr_api *api, void (*closed)(void *user), void *user)
{
    if (!api) {
        closed(user);
        return;
    }
    api->closing = true;
    api->closed = closed;
    api->user = user;
    // A call that ends frees the last of it; so does one that is made for this and ends at once.
    static const struct wr_api_operation nothing = {.name = "close"};
    end(call_new(api, &nothing, &(struct wr_api_caller){0}));
}

const char *wr_api_error_code(enum wr_api_error error)
{
    return error ? errors[error].code : "OK";
}

const struct wr_api_options *wr_api_options(const struct wr_api *api)
{
    return &api->options;
}

const struct wr_config *wr_api_config(const struct wr_api *api)
{
    return api->options.config;
}

uv_loop_t *wr_api_loop(const struct wr_api *api)
{
    return api->options.loop;
}

struct wr_registry *wr_api_registry(const struct wr_api *api)
{
    return api->options.registry;
}

struct wr_tenants *wr_api_tenants(const struct wr_api *api)
{
    return api->options.tenants;
}

const struct wr_broker *wr_api_broker(const struct wr_api *api)
{
    return api->options.broker;
}
