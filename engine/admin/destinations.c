#include "engine/admin/destinations.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/admin.h"
#include "engine/admin/api.h"
#include "engine/config.h"
#include "engine/observe/log.h"
#include "engine/registry/secret.h"
#include "sinks/lib/http.h"

#include "sql/base/banned.h"

#define ASK_TIMEOUT_MS 10000 // the endpoint has so long for its answer
#define ANSWER_MAX     16384 // as rules' posts

// One that counts: it is ENABLED.
struct enabled {
    int64_t tenant;
    char region[32];
    char *url;
};

// Likewise, of InfluxDB.
struct influx {
    int64_t tenant;
    char region[32], id[37];
    char *endpoint, *secret, *key;
    bool v3;
};

struct wr_destinations_copy {
    struct enabled *at;
    size_t count;
    struct influx *influx;
    size_t influx_count;
};

struct check;

struct wr_destinations {
    uv_loop_t *loop;
    const struct wr_config *config;
    struct wr_tenants *tenants;
    struct wr_tenants_watch watch;
    struct wr_destinations_copy *copy;
    struct wr_http *http; // opened when somebody is asked
    struct check *checks; // under way
    void (*read_secret)(void *user, struct wr_secret_ask *ask);
    void *secrets;
    bool closing;
};

// ---- what the loop knows

void wr_destinations_copy_free(void *at)
{
    struct wr_destinations_copy *copy = at;
    for (size_t i = 0; copy && i < copy->count; i++) {
        free(copy->at[i].url);
    }
    for (size_t i = 0; copy && i < copy->influx_count; i++) {
        free(copy->influx[i].endpoint);
        free(copy->influx[i].secret);
        free(copy->influx[i].key);
    }
    if (copy) {
        free(copy->at);
        free(copy->influx);
        free(copy);
    }
}

static char *text_member(const json_t *settings, const char *name)
{
    const char *text = json_string_value(json_object_get(settings, name));
    return wr_strdup(wr_str_of(text ? text : ""));
}

// Without slashes at its end.
static char *endpoint_member(const json_t *settings)
{
    char *endpoint = text_member(settings, "endpoint");
    for (size_t len = strlen(endpoint); len && endpoint[len - 1] == '/';) {
        endpoint[--len] = '\0';
    }
    return endpoint;
}

static bool is_v3(const json_t *settings)
{
    const char *version = json_string_value(json_object_get(settings, "influxDBVersion"));
    return version && !strcmp(version, "V3");
}

static void read_influx(struct wr_destinations_copy *copy, struct wr_db *db)
{
    struct wr_rows rows =
        wr_db_query(db,
                    "SELECT m.tenant, m.region, d.uuid, d.settings FROM destinations d JOIN realms "
                    "m ON m.id=d.realm WHERE d.kind='influxdb' AND d.status='ENABLED'",
                    "");
    while (wr_db_next(&rows)) {
        copy->influx = wr_realloc(copy->influx, (copy->influx_count + 1) * sizeof *copy->influx);
        struct influx *i = &copy->influx[copy->influx_count++];
        json_t *settings = wr_db_json(&rows, 3);
        *i = (struct influx){.tenant = wr_db_int(&rows, 0),
                             .endpoint = endpoint_member(settings),
                             .secret = text_member(settings, "secretId"),
                             .key = text_member(settings, "secretKey"),
                             .v3 = is_v3(settings)};
        snprintf(i->region, sizeof i->region, "%.*s", WR_STR_ARG(wr_db_str(&rows, 1)));
        snprintf(i->id, sizeof i->id, "%.*s", WR_STR_ARG(wr_db_str(&rows, 2)));
        json_decref(settings);
    }
    wr_db_end(&rows);
}

struct wr_destinations_copy *wr_destinations_read(struct wr_db *db)
{
    struct wr_destinations_copy *copy = wr_zalloc(sizeof *copy);
    struct wr_rows rows =
        wr_db_query(db,
                    "SELECT m.tenant, m.region, d.url FROM destinations d JOIN realms m ON "
                    "m.id=d.realm WHERE d.kind='http' AND d.status='ENABLED'",
                    "");
    while (wr_db_next(&rows)) {
        copy->at = wr_realloc(copy->at, (copy->count + 1) * sizeof *copy->at);
        struct enabled *e = &copy->at[copy->count++];
        *e = (struct enabled){.tenant = wr_db_int(&rows, 0), .url = wr_strdup(wr_db_str(&rows, 2))};
        snprintf(e->region, sizeof e->region, "%.*s", WR_STR_ARG(wr_db_str(&rows, 1)));
    }
    wr_db_end(&rows);
    read_influx(copy, db);
    if (wr_db_failure(db)) {
        wr_destinations_copy_free(copy);
        return NULL;
    }
    return copy;
}

void wr_destinations_take(struct wr_destinations *d, struct wr_destinations_copy *copy)
{
    if (copy) {
        wr_destinations_copy_free(d->copy);
        d->copy = copy;
    }
}

static void on_emptied(void *user, int64_t tenant)
{
    struct wr_destinations *d = user;
    size_t kept = 0;
    for (size_t i = 0; d->copy && i < d->copy->count; i++) {
        if (d->copy->at[i].tenant == tenant) {
            free(d->copy->at[i].url);
        } else {
            d->copy->at[kept++] = d->copy->at[i];
        }
    }
    if (d->copy) {
        d->copy->count = kept;
    }
    for (size_t i = 0; d->copy && i < d->copy->influx_count; i++) {
        if (d->copy->influx[i].tenant == tenant) {
            d->copy->influx[i].tenant = 0; // nobody's
        }
    }
}

static const struct wr_sink_impl *http_kind(const struct wr_config *c)
{
    const struct wr_sink_impl *const *kinds = wr_config_kinds(c);
    size_t i = 0;
    while (kinds[i] && strcmp(kinds[i]->name, "http") != 0) {
        i++;
    }
    return kinds[i];
}

bool wr_destinations_confirm(const struct wr_destinations *d)
{
    const struct wr_sink_impl *http = http_kind(d->config);
    return http && wr_settings_bool(wr_config_sink(d->config, http), "require_confirmation");
}

// "https://a.example" is no beginning of "https://a.example.net/": behind a bare host the host must
// end. Elsewhere it is AWS's plain prefix.
static bool begins(wr_str url, wr_str prefix)
{
    ptrdiff_t sign = wr_str_find(prefix, WR_STR("://"));
    wr_str behind = sign < 0 ? (wr_str){0} : wr_str_cut(prefix, (size_t)sign + 3, prefix.len);
    bool bare = wr_str_find(behind, WR_STR("/")) < 0;
    return wr_str_starts(url, prefix) &&
           (!bare || url.len == prefix.len ||
            (url.at[prefix.len] && strchr("/?#", url.at[prefix.len])));
}

// Tenant and region out of a rule's name: "acme/eu-west-1/hot", or "hot".
static const struct wr_tenant *owner_of(const struct wr_destinations *d, wr_str rule,
                                        wr_str *region)
{
    ptrdiff_t slash = wr_str_find(rule, WR_STR("/"));
    if (slash < 0) {
        *region = wr_str_of(d->config->region);
        return wr_tenants_default(d->tenants);
    }
    wr_str rest = wr_str_cut(rule, (size_t)slash + 1, rule.len);
    ptrdiff_t end = wr_str_find(rest, WR_STR("/"));
    *region = wr_str_cut(rest, 0, end < 0 ? rest.len : (size_t)end);
    return wr_tenants_find(d->tenants, wr_str_cut(rule, 0, (size_t)slash));
}

bool wr_destinations_cover(const struct wr_destinations *d, wr_str rule, wr_str url)
{
    wr_str region;
    if (!wr_destinations_confirm(d)) {
        return true;
    }
    const struct wr_tenant *tenant = owner_of(d, rule, &region);
    for (size_t i = 0; tenant && d->copy && i < d->copy->count; i++) {
        const struct enabled *e = &d->copy->at[i];
        if (e->tenant == tenant->id && wr_str_eq(wr_str_of(e->region), region) &&
            begins(url, wr_str_of(e->url))) {
            return true;
        }
    }
    return false;
}

bool wr_destinations_influx(const struct wr_destinations *d, wr_str rule, wr_str arn,
                            struct wr_sink_destination *out)
{
    wr_str region;
    const struct wr_tenant *tenant = owner_of(d, rule, &region);
    for (size_t i = 0; tenant && d->copy && i < d->copy->influx_count; i++) {
        const struct influx *x = &d->copy->influx[i];
        char full[256];
        snprintf(full, sizeof full, "arn:aws:iot:%s:%s:ruledestination/influxdb/%s", x->region,
                 tenant->account, x->id);
        if (x->tenant == tenant->id && wr_str_eq(wr_str_of(x->region), region) &&
            wr_str_eq(arn, wr_str_of(full))) {
            *out = (struct wr_sink_destination){
                .endpoint = x->endpoint, .secret = x->secret, .secret_key = x->key, .v3 = x->v3};
            return true;
        }
    }
    return false;
}

// ---- rows

void wr_destinations_make_token(char token[WR_DESTINATION_TOKEN_LEN + 1])
{
    wr_secret_random_text(token, WR_DESTINATION_TOKEN_LEN,
                          WR_STR("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"));
    token[WR_DESTINATION_TOKEN_LEN] = '\0';
}

bool wr_destinations_insert(struct wr_db *db, int64_t realm, const char *kind,
                            const json_t *settings, const char *url, bool confirm, int64_t now_ms,
                            struct wr_destination_new *out)
{
    *out = (struct wr_destination_new){0};
    if (url &&
        wr_db_one(db, 0, "SELECT 1 FROM destinations WHERE realm=? AND url=?", "iz", realm, url)) {
        return false;
    }
    wr_api_make_id(out->id);
    if (confirm && !strcmp(kind, "http")) {
        wr_destinations_make_token(out->token);
    }
    wr_db_run(db,
              "INSERT INTO destinations(realm, uuid, kind, settings, url, status, token, asked, "
              "created, changed) VALUES(?1,?2,?3,?4,?5,?6,nullif(?7,''),?8,?8,?8)",
              "izzjzzzi", realm, out->id, kind, (json_t *)(uintptr_t)settings, url,
              confirm ? "IN_PROGRESS" : "ENABLED", out->token, now_ms);
    return true;
}

// ---- asking

struct ask {
    struct wr_registry_job job; // first
    struct wr_http_request request;
    struct wr_destinations *d;
    struct wr_registry *registry;
    char id[37];
    char *body;
    char reason[256];
};

static void ask_free(struct ask *a)
{
    free(a->body);
    free(a);
}

// Thread: the registry's.
static void note(struct wr_registry_job *job, struct wr_db *db)
{
    struct ask *a = (struct ask *)job;
    wr_db_run(db,
              "UPDATE destinations SET reason=nullif(?,'') WHERE uuid=? AND status='IN_PROGRESS'",
              "zz", a->reason, a->id);
}

static void on_noted(struct wr_registry_job *job)
{
    ask_free((struct ask *)job);
}

static void on_answered(struct wr_http_request *request, const struct wr_http_response *r)
{
    struct ask *a = WR_CONTAINER(request, struct ask, request);
    if (r->outcome == WR_HTTP_CANCELLED) {
        ask_free(a);
        return;
    }
    if (r->outcome != WR_HTTP_ANSWERED) {
        snprintf(a->reason, sizeof a->reason, "the confirmation request failed: %s", r->why);
    } else if (r->status / 100 != 2) {
        snprintf(a->reason, sizeof a->reason,
                 "the confirmation request was answered with status %d", r->status);
    }
    if (*a->reason) {
        wr_log(WR_LOG_WARN, "admin", "destination %s: %s", a->id, a->reason);
    }
    a->job.write = true;
    a->job.run = note;
    a->job.done = on_noted;
    wr_registry_submit(a->registry, &a->job);
}

// Where the endpoint's answer comes to: admin.listen, under the name that others know it by.
static void write_enable_url(const struct wr_destinations *d, const struct wr_admin *admin,
                             const char *token, struct wr_buf *out)
{
    struct wr_config_listen listen = {.loopback = true};
    struct wr_fault fault;
    const char *given = d->config->admin_listen;
    bool known = *given && wr_config_address(wr_str_of(given), &listen, &fault) == WR_OK;
    const char *host = !known || listen.loopback    ? "127.0.0.1"
                       : *d->config->admin_endpoint ? d->config->admin_endpoint
                                                    : listen.host;
    wr_buf_addf(out, "%s://%s:%u/confirmdestination/%s", listen.loopback ? "http" : "https", host,
                wr_admin_api_port(admin), token);
}

static char *body_of(const struct wr_destinations *d, const struct wr_admin *admin, const char *arn,
                     const char *token)
{
    struct wr_buf url = {0};
    write_enable_url(d, admin, token, &url);
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:s}", "arn", arn, "confirmationToken", token, "enableUrl",
                  wr_buf_terminated(&url), "messageType", "DestinationConfirmation");
    char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    wr_buf_release(&url);
    return text;
}

static void open_http(struct wr_destinations *d)
{
    if (!d->http) {
        const struct wr_sink_impl *http = http_kind(d->config);
        const char *ca = http ? wr_settings_get(wr_config_sink(d->config, http), "ca_file") : "";
        d->http = wr_http_new(d->loop, &(struct wr_http_options){.timeout_ms = ASK_TIMEOUT_MS,
                                                                 .response_max = ANSWER_MAX,
                                                                 .ca_file = ca && *ca ? ca : NULL});
    }
}

void wr_destinations_ask(struct wr_destinations *d, struct wr_registry *registry,
                         const struct wr_admin *admin, const char *arn, const char *id,
                         const char *url, const char *token)
{
    if (d->closing) {
        return;
    }
    open_http(d);
    struct ask *a = wr_zalloc(sizeof *a);
    a->d = d;
    a->registry = registry;
    snprintf(a->id, sizeof a->id, "%s", id);
    a->body = body_of(d, admin, arn, token);
    struct wr_buf target = {0};
    wr_str base = wr_str_of(url);
    wr_buf_addf(&target, "%s%s?confirmationToken=%s", url,
                wr_str_ends(base, WR_STR("/")) ? "" : "/", token);
    const struct wr_http_header headers[] = {
        {WR_STR("Content-Type"), WR_STR("application/json")},
        {WR_STR("x-amz-rules-engine-message-type"), WR_STR("DestinationConfirmation")},
        {WR_STR("x-amz-rules-engine-destination-arn"), wr_str_of(arn)},
    };
    a->request = (struct wr_http_request){.method = "POST",
                                          .url = wr_buf_str(&target),
                                          .headers = headers,
                                          .header_count = WR_COUNT(headers),
                                          .body = wr_str_of(a->body),
                                          .done = on_answered};
    wr_http_send(d->http, &a->request);
    wr_buf_release(&target);
}

// ---- InfluxDB: does it take the token?

struct check {
    struct wr_registry_job job; // first
    struct wr_secret_ask ask;
    struct wr_http_request request;
    struct wr_destinations *d; // NULL: closed meanwhile
    struct check *next;
    struct wr_registry *registry;
    struct wr_destinations_copy *copy;
    char id[37];
    char *endpoint, *secret, *key;
    bool v3;
    struct wr_buf bearer;
    char reason[256]; // "": it does
};

static void check_free(struct check *c)
{
    for (struct check **at = c->d ? &c->d->checks : NULL; at && *at; at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            break;
        }
    }
    wr_destinations_copy_free(c->copy);
    wr_secret_release(&c->bearer);
    free(c->endpoint);
    free(c->secret);
    free(c->key);
    free(c);
}

// Thread: the registry's.
static void note_check(struct wr_registry_job *job, struct wr_db *db)
{
    struct check *c = (struct check *)job;
    wr_db_run(db,
              "UPDATE destinations SET status=?, reason=nullif(?,'') WHERE uuid=? AND "
              "status='IN_PROGRESS'",
              "zzz", *c->reason ? "ERROR" : "ENABLED", c->reason, c->id);
    c->copy = wr_destinations_read(db);
}

static void on_check_noted(struct wr_registry_job *job)
{
    struct check *c = (struct check *)job;
    if (c->d && !job->failed) {
        wr_destinations_take(c->d, c->copy);
        c->copy = NULL;
    }
    check_free(c);
}

static void end_check(struct check *c)
{
    if (*c->reason) {
        wr_log(WR_LOG_WARN, "admin", "destination %s: %s", c->id, c->reason);
    }
    c->job.write = true;
    c->job.run = note_check;
    c->job.done = on_check_noted;
    wr_registry_submit(c->registry, &c->job);
}

static void on_checked(struct wr_http_request *request, const struct wr_http_response *r)
{
    struct check *c = WR_CONTAINER(request, struct check, request);
    if (r->outcome == WR_HTTP_CANCELLED || !c->d) {
        check_free(c);
        return;
    }
    if (r->outcome != WR_HTTP_ANSWERED) {
        snprintf(c->reason, sizeof c->reason, "InfluxDB cannot be asked: %s", r->why);
    } else if (r->status / 100 != 2) {
        snprintf(c->reason, sizeof c->reason, "InfluxDB answered with status %d", r->status);
    }
    end_check(c);
}

static void on_token(struct wr_secret_ask *ask, wr_str secret, const char *why)
{
    struct check *c = WR_CONTAINER(ask, struct check, ask);
    if (!c->d) {
        check_free(c);
        return;
    }
    if (!secret.at || !secret.len || memchr(secret.at, '\n', secret.len)) {
        snprintf(c->reason, sizeof c->reason, "the token is not known: %s",
                 why ? why : "the secret is no token");
        end_check(c);
        return;
    }
    wr_buf_add(&c->bearer, c->v3 ? WR_STR("Bearer ") : WR_STR("Token "));
    wr_buf_add(&c->bearer, secret);
    struct wr_buf url = {0};
    wr_buf_addf(&url, "%s%s", c->endpoint,
                c->v3 ? "/api/v3/configure/database?format=json" : "/api/v2/me");
    const struct wr_http_header headers[] = {
        {WR_STR("Authorization"), wr_buf_str(&c->bearer)},
    };
    c->request = (struct wr_http_request){.method = "GET",
                                          .url = wr_buf_str(&url),
                                          .headers = headers,
                                          .header_count = WR_COUNT(headers),
                                          .secret = true,
                                          .done = on_checked};
    open_http(c->d);
    wr_http_send(c->d->http, &c->request);
    wr_buf_release(&url);
}

void wr_destinations_set_secrets(struct wr_destinations *d,
                                 void (*read)(void *user, struct wr_secret_ask *ask), void *user)
{
    if (d) {
        d->read_secret = read;
        d->secrets = user;
    }
}

void wr_destinations_check(struct wr_destinations *d, struct wr_registry *registry, const char *id,
                           const json_t *settings)
{
    if (d->closing) {
        return;
    }
    struct check *c = wr_zalloc(sizeof *c);
    c->d = d;
    c->registry = registry;
    c->next = d->checks;
    d->checks = c;
    snprintf(c->id, sizeof c->id, "%s", id);
    c->endpoint = endpoint_member(settings);
    c->secret = text_member(settings, "secretId");
    c->key = text_member(settings, "secretKey");
    c->v3 = is_v3(settings);
    c->ask = (struct wr_secret_ask){
        .id = wr_str_of(c->secret), .key = wr_str_of(c->key), .anew = true, .done = on_token};
    if (d->read_secret) {
        d->read_secret(d->secrets, &c->ask);
    } else {
        on_token(&c->ask, (wr_str){0}, "there are no secrets here");
    }
}

// ---- rules

static wr_str text_of(const struct wr_rule_action *a, const char *name, bool *has_templates)
{
    int at = wr_option_find(a->impl->options, wr_str_of(name));
    *has_templates = false;
    for (size_t i = 0; at >= 0 && i < a->template_count; i++) {
        *has_templates |= a->templates[i].param == (uint32_t)at;
    }
    return at >= 0 && a->params[at].set ? a->params[at].text : (wr_str){0};
}

static bool add_action(const struct wr_rule_action *a, wr_str *urls, size_t *count,
                       struct wr_fault *fault)
{
    bool templates, confirmation_templates;
    if (!a || strcmp(a->impl->name, "http") != 0) {
        return true;
    }
    wr_str url = text_of(a, "url", &templates);
    wr_str confirmation = text_of(a, "confirmationUrl", &confirmation_templates);
    if (confirmation.len ? confirmation_templates : templates) {
        if (confirmation.len) {
            return true; // made by hand
        }
        (void)wr_fault_set(fault, WR_ERR_MISSING,
                           "%s.confirmationUrl: missing; a URL with templates wants one "
                           "(sinks.http.require_confirmation)",
                           a->path);
        return false;
    }
    wr_str wanted = confirmation.len ? confirmation : url;
    for (size_t i = 0; i < *count; i++) {
        if (wr_str_eq(urls[i], wanted)) {
            return true;
        }
    }
    urls[(*count)++] = wanted;
    return true;
}

size_t wr_destinations_of_rule(const struct wr_rule *rule, wr_str *urls, struct wr_fault *fault)
{
    size_t count = 0;
    bool good = add_action(rule->error_action, urls, &count, fault);
    for (size_t i = 0; good && i < rule->action_count; i++) {
        good = add_action(&rule->actions[i], urls, &count, fault);
    }
    return good ? count : SIZE_MAX;
}

// ---- life

struct wr_destinations *wr_destinations_new(uv_loop_t *loop, const struct wr_config *config,
                                            struct wr_tenants *tenants)
{
    struct wr_destinations *d = wr_zalloc(sizeof *d);
    d->loop = loop;
    d->config = config;
    d->tenants = tenants;
    d->watch = (struct wr_tenants_watch){.user = d, .emptied = on_emptied};
    wr_tenants_add_watch(tenants, &d->watch);
    return d;
}

void wr_destinations_free(struct wr_destinations *d)
{
    if (d) {
        wr_destinations_copy_free(d->copy);
        free(d);
    }
}

void wr_destinations_close(struct wr_destinations *d, void (*done)(void *user), void *user)
{
    for (struct check *c = d ? d->checks : NULL; c; c = c->next) {
        c->d = NULL; // whatever it waits for, it ends without us
    }
    if (d) {
        d->checks = NULL;
        d->closing = true;
    }
    if (d && d->http) {
        wr_http_close(d->http, done, user);
    } else {
        done(user);
    }
}
