// Drives one attempt: profiles, plan, the first provider, then role after role.
#include "sinks/lib/aws_fetch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "sinks/lib/aws_fetch_parts.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

static void wipe(struct wr_buf *b)
{
    if (b->at) {
        OPENSSL_cleanse(b->at, b->cap_);
    }
    wr_buf_release(b);
    *b = (struct wr_buf){0};
}

void wr_aws_found_wipe(struct wr_aws_found *f)
{
    wipe(&f->id);
    wipe(&f->secret);
    wipe(&f->token);
    wipe(&f->region);
    f->expires_ms = 0;
}

wr_err wr_aws_endpoint(const struct wr_aws_tools *tools, enum wr_aws_service service,
                       const struct wr_aws_profiles *profiles, wr_str profile, wr_str region,
                       struct wr_buf *url, bool *custom)
{
    const char *set = tools->endpoints ? tools->endpoints[service] : NULL;
    wr_str found = wr_str_of(set && set[0] ? set : tools->endpoint);
    found = found.len ? found : wr_aws_configured_endpoint(service, profiles, profile);
    *custom = found.len > 0;
    if (found.len > 0) {
        wr_buf_add(url, found);
        return WR_OK;
    }
    return wr_aws_default_endpoint(url, service, (wr_str){0}, region) ? WR_OK : WR_ERR_MISSING;
}

// ---- the end

static void release(struct wr_aws_fetch *f)
{
    wr_aws_found_wipe(&f->found);
    wipe(&f->file);
    wipe(&f->url);
    wipe(&f->text);
    wipe(&f->body);
    wipe(&f->imds_token);
    wr_buf_release(&f->imds_role);
    wr_aws_profiles_free(f->profiles);
    wr_arena_release(&f->arena);
    free(f);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct wr_aws_fetch *f = handle->data;
    bool good = f->found.id.len > 0 && !f->cancelled;
    f->done(f->user, good ? &f->found : NULL, f->plan.provider,
            f->cancelled ? "weir is stopping" : f->fault.text);
    release(f);
}

static void on_http_closed(void *user)
{
    struct wr_aws_fetch *f = user;
    uv_close((uv_handle_t *)&f->timer, on_timer_closed);
}

static void end(struct wr_aws_fetch *f)
{
    if (f->own_http) {
        wr_http_close(f->own_http, on_http_closed, f);
    } else {
        on_http_closed(f);
    }
}

void wr_aws_fetch_fail(struct wr_aws_fetch *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(f->fault.text, sizeof f->fault.text, format, args);
    va_end(args);
    for (char *c = f->fault.text; *c; c++) {
        *c = (unsigned char)*c < ' ' ? ' ' : *c; // one line
    }
    wr_aws_found_wipe(&f->found);
    end(f);
}

void wr_aws_fetch_next(struct wr_aws_fetch *f)
{
    if (f->cancelled) {
        wr_aws_fetch_fail(f, "weir is stopping");
    } else if (f->role < f->plan.role_count) {
        wr_aws_ask_role(f, &f->plan.roles[f->role++]);
    } else {
        end(f);
    }
}

// ---- what an answer holds

bool wr_aws_fetch_take(struct wr_aws_fetch *f, wr_str id, wr_str secret, wr_str token,
                       wr_str expires, const char *who)
{
    int64_t expires_ms = 0;
    if (id.len == 0 || secret.len == 0) {
        wr_aws_fetch_fail(f, "%s answered without %s", who, id.len ? "a secret" : "a key id");
        return false;
    }
    if (expires.len > 0 && !wr_aws_time_read(expires, &expires_ms)) {
        wr_aws_fetch_fail(f, "%s answered with an expiration that is no time", who);
        return false;
    }
    struct wr_aws_found found = {.expires_ms = expires_ms};
    wr_buf_add(&found.id, id);
    wr_buf_add(&found.secret, secret);
    wr_buf_add(&found.token, token);
    found.region = f->found.region;
    f->found.region = (struct wr_buf){0};
    wr_aws_found_wipe(&f->found);
    f->found = found;
    return true;
}

static wr_str text_of(const wr_value *o, const char *name, struct wr_arena *arena)
{
    const wr_value *found = wr_object_get(o, wr_str_of(name));
    wr_value v = found ? *found : wr_undefined();
    wr_value_force(&v, arena, WR_SQL_2016);
    return v.type == WR_STRING ? wr_value_text(&v) : (wr_str){0};
}

bool wr_aws_fetch_json(struct wr_aws_fetch *f, wr_str json, const struct wr_aws_key_names *names,
                       const char *who)
{
    wr_value o;
    const wr_value *at = &o;
    if (wr_json_parse(json, &f->arena, WR_SQL_2016, &o, NULL)) {
        wr_aws_fetch_fail(f, "%s answered with something that is not JSON", who);
        return false;
    }
    if (names->wrapper && o.type == WR_OBJECT) {
        at = wr_object_get(&o, wr_str_of(names->wrapper));
    }
    if (!at || at->type != WR_OBJECT) {
        wr_aws_fetch_fail(f, "%s answered without an object of credentials", who);
        return false;
    }
    return wr_aws_fetch_take(
        f, text_of(at, names->id, &f->arena), text_of(at, names->secret, &f->arena),
        text_of(at, names->token, &f->arena), text_of(at, names->expires, &f->arena), who);
}

// ---- files, on the thread pool

static wr_err read_file(struct wr_aws_fetch *f)
{
    char path[4096];
    snprintf(path, sizeof path, "%.*s", WR_STR_ARG(f->path));
    wr_buf_clear(&f->file);
    return wr_aws_file_read(path, WR_AWS_TOKEN_MAX, &f->file, &f->fault);
}

static void on_work(uv_work_t *work)
{
    struct wr_aws_fetch *f = work->data;
    f->work_err = f->path.len ? read_file(f) : wr_aws_profiles_load(&f->profiles, &f->fault);
}

static void on_work_done(uv_work_t *work, int status)
{
    struct wr_aws_fetch *f = work->data;
    if (f->cancelled || status < 0) {
        wr_aws_fetch_fail(f, "weir is stopping");
    } else if (f->work_err) {
        wr_aws_found_wipe(&f->found);
        end(f);
    } else {
        f->after_work(f);
    }
}

void wr_aws_fetch_read(struct wr_aws_fetch *f, wr_str path, void (*after)(struct wr_aws_fetch *f))
{
    f->path = path;
    f->after_work = after;
    f->work.data = f;
    int status = uv_queue_work(f->tools->loop, &f->work, on_work, on_work_done);
    wr_assert(status == 0);
}

// ---- the first provider

static void on_base(struct wr_aws_waiter *w, const struct wr_aws_keys *keys, const char *why)
{
    struct wr_aws_fetch *f = w->user;
    if (!keys) {
        wr_aws_fetch_fail(f, "%s", why);
    } else if (wr_aws_fetch_take(f, keys->id, keys->secret, keys->token, (wr_str){0}, "")) {
        wr_aws_fetch_next(f);
    }
}

static void take_static(struct wr_aws_fetch *f)
{
    const struct wr_aws_plan *p = &f->plan;
    if (p->expires_ms && p->expires_ms <= wr_aws_now_ms(f->tools)) {
        wr_aws_fetch_fail(f, "the credentials in the environment have expired "
                             "(AWS_CREDENTIAL_EXPIRATION)");
    } else if (wr_aws_fetch_take(f, p->key_id, p->secret, p->token, (wr_str){0},
                                 wr_aws_provider_name(p->provider))) {
        f->found.expires_ms = p->expires_ms;
        wr_aws_fetch_next(f);
    }
}

static void on_profiles(struct wr_aws_fetch *f)
{
    if (wr_aws_plan_make(f->source, f->profiles, &f->arena, &f->plan, &f->fault)) {
        end(f);
        return;
    }
    switch (f->plan.provider) {
    case WR_AWS_PROVIDER_NONE:
        wr_aws_fetch_fail(f, "no credentials");
        break;
    case WR_AWS_PROVIDER_SETTINGS:
    case WR_AWS_PROVIDER_ENVIRONMENT:
    case WR_AWS_PROVIDER_CREDENTIALS_FILE:
    case WR_AWS_PROVIDER_CONFIG_FILE:
        take_static(f);
        break;
    case WR_AWS_PROVIDER_WEB_IDENTITY:
        wr_aws_fetch_read(f, f->plan.token_file, wr_aws_ask_web_identity);
        break;
    case WR_AWS_PROVIDER_PROCESS:
        wr_aws_run_process(f);
        break;
    case WR_AWS_PROVIDER_CONTAINER:
        if (f->plan.auth_token_file.len > 0) {
            wr_aws_fetch_read(f, f->plan.auth_token_file, wr_aws_ask_container);
        } else {
            wr_aws_ask_container(f);
        }
        break;
    case WR_AWS_PROVIDER_IMDS:
        wr_aws_ask_imds(f);
        break;
    case WR_AWS_PROVIDER_IOT:
        wr_aws_ask_iot(f);
        break;
    case WR_AWS_PROVIDER_BASE:
        f->waiter = (struct wr_aws_waiter){.done = on_base, .user = f};
        wr_aws_credentials_wait(f->base, &f->waiter);
        break;
    }
}

struct wr_aws_fetch *wr_aws_fetch_start(struct wr_aws_tools *tools,
                                        const struct wr_aws_source *source,
                                        struct wr_aws_credentials *base, wr_aws_fetched done,
                                        void *user)
{
    struct wr_aws_fetch *f = wr_zalloc(sizeof *f);
    f->tools = tools;
    f->source = source;
    f->base = base;
    f->done = done;
    f->user = user;
    f->req.user = f;
    f->req.secret = true;
    wr_arena_init(&f->arena, WR_AWS_ARENA_MAX);
    uv_timer_init(tools->loop, &f->timer);
    f->timer.data = f;
    wr_aws_fetch_read(f, (wr_str){0}, on_profiles);
    return f;
}

void wr_aws_fetch_cancel(struct wr_aws_fetch *f)
{
    f->cancelled = true;
    wr_aws_process_cancel(f);
    if (f->req.transfer_) {
        wr_http_cancel(f->asked, &f->req);
    } else if (uv_is_active((uv_handle_t *)&f->timer)) { // between two attempts
        uv_timer_stop(&f->timer);
        wr_aws_fetch_fail(f, "weir is stopping");
    }
}
