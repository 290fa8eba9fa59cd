#include "engine/admin/console.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/admin.h"
#include "engine/admin/auth.h"
#include "engine/admin/sessions.h"
#include "engine/admin/tenants.h"
#include "engine/config.h"
#include "engine/observe/log.h"
#include "engine/registry/secret.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

// Nothing from elsewhere, no style but the page's own (%s), no inline script, no page that frames
// this one.
#define POLICY                                                                    \
    "default-src 'none'; script-src 'self'; style-src %s; img-src 'self' data:; " \
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
#define SESSION_MAX    4096 // bytes of what a page is told of its session; more only costs a copy
#define BAD_LOGINS_MAX 20   // in BAD_LOGINS_MS, of all clients together: then all wait
#define BAD_LOGINS_MS  60000

struct wr_console {
    struct wr_console_options options;
    int64_t bad_since_ms;
    unsigned bad_logins;
    char policy[320];
};

// ---- what a page may know of its session

// As text of JSON; freed by the caller.
static char *session_text(const struct wr_console *c, const struct wr_session *s)
{
    const struct wr_tenant *tenant = wr_tenants_by_id(c->options.tenants, s->tenant);
    json_t *o = json_pack(
        "{s:s, s:s, s:s, s:b, s:b, s:s, s:s, s:s, s:b, s:b}", "tenant", tenant ? tenant->name : "",
        "account", tenant ? tenant->account : "", "role", wr_role_text(s->role), "allTenants",
        s->all, "mayPackage", s->may_package, "csrf", s->csrf, "region", c->options.config->region,
        "version", WR_VERSION, "openMode", !strcmp(c->options.config->admin_mode, "open"),
        "keepsKeys", c->options.config->admin_escrow_key[0] != '\0');
    char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return text;
}

// NULL: none that could do anything.
static const struct wr_session *session_of(const struct wr_console *c, struct wr_admin_call *call)
{
    int64_t now_ms = wr_wall_ms();
    const struct wr_session *s = wr_sessions_find(c->options.sessions, call->req->head, now_ms);
    return s && wr_auth_key_stands(c->options.tenants, s, now_ms) ? s : NULL;
}

void wr_console_add_inert(struct wr_buf *to, const char *json)
{
    for (size_t n; *json; json += n) {
        n = strcspn(json, "<");
        wr_buf_add(to, (wr_str){json, n});
        if (json[n] == '<') {
            wr_buf_add(to, WR_STR("\\u003c"));
            n++;
        }
    }
}

// ---- files

// `cache`: who may keep it; `etag`: NULL for what may not be kept.
static void reply_with(const struct wr_console *c, struct wr_admin_call *call, const char *type,
                       const char *cache, const char *etag, wr_str body)
{
    bool same = etag && wr_str_eq(wr_http1_header(call->req->head, WR_STR("If-None-Match")),
                                  wr_str_of(etag));
    const struct wr_http1_header headers[] = {
        {WR_STR("Server"), WR_STR("weir/" WR_VERSION)},
        {WR_STR("Content-Security-Policy"), wr_str_of(c->policy)},
        {WR_STR("X-Content-Type-Options"), WR_STR("nosniff")},
        {WR_STR("X-Frame-Options"), WR_STR("DENY")},
        {WR_STR("Referrer-Policy"), WR_STR("no-referrer")},
        {WR_STR("Cross-Origin-Opener-Policy"), WR_STR("same-origin")},
        {WR_STR("Cache-Control"), wr_str_of(cache)},
        {WR_STR("ETag"), wr_str_of(etag ? etag : "")},
    };
    wr_httpd_reply(call->req, &(struct wr_httpd_reply){.status = same ? 304 : 200,
                                                       .type = wr_str_of(type),
                                                       .headers = headers,
                                                       .header_count = WR_COUNT(headers) - !etag,
                                                       .body = same ? WR_STR("") : body});
}

// With its session in it, so that it need not ask for that first: for who shows the cookie, as with
// GET /console/session, and kept by nobody. What follows in the path is the page's own business, in
// its fragment.
static void get_page(struct wr_admin_call *call)
{
    struct wr_console *c = call->user;
    const struct wr_session *s = session_of(c, call);
    struct wr_buf page = {0};
    char *room =
        wr_buf_reserve(&page, wr_console_page.before.len + wr_console_page.after.len + SESSION_MAX);
    wr_assert(room); // it has no limit
    wr_buf_add(&page, wr_console_page.before);
    if (s) {
        char *text = session_text(c, s);
        wr_buf_add(&page, WR_STR("<script type=\"application/json\" id=\"session\">"));
        wr_console_add_inert(&page, text);
        wr_buf_add(&page, WR_STR("</script>\n"));
        free(text);
    }
    wr_buf_add(&page, wr_console_page.after);
    reply_with(c, call, "text/html; charset=utf-8", "no-store", NULL, wr_buf_str(&page));
    wr_secret_release(&page);
}

// With its version it is kept for ever; without, or with another's, it is asked for again.
static void get_file(struct wr_admin_call *call)
{
    for (size_t i = 0; i < wr_console_file_count; i++) {
        const struct wr_console_file *f = &wr_console_files[i];
        if (wr_str_eq(call->labels[0], wr_str_of(f->name))) {
            wr_str version = {0};
            bool fixed = wr_admin_query(call, WR_STR("v"), &version) &&
                         wr_str_eq(version, wr_str_of(f->version));
            reply_with(call->user, call, f->type,
                       fixed ? "max-age=31536000, immutable" : "no-cache", f->etag,
                       (wr_str){f->bytes, f->len});
            return;
        }
    }
    wr_admin_reply_error(call, 404, "the console has no file of this name");
}

static void go_there(struct wr_admin_call *call)
{
    const struct wr_http1_header headers[] = {{WR_STR("Location"), WR_STR("/console/")}};
    wr_httpd_reply(call->req,
                   &(struct wr_httpd_reply){.status = 302, .headers = headers, .header_count = 1});
}

// ---- sessions

static json_t *read_body(struct wr_admin_call *call)
{
    json_t *body = json_loadb(call->req->body.at ? call->req->body.at : "", call->req->body.len,
                              JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(body)) {
        json_decref(body);
        wr_admin_reply_error(call, 400, "the body must be a JSON object");
        return NULL;
    }
    return body;
}

static void reply_session(struct wr_console *c, struct wr_admin_call *call,
                          const struct wr_session *s, const char *cookie)
{
    char *text = session_text(c, s);
    char line[160];
    snprintf(line, sizeof line, WR_SESSION_COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict",
             cookie ? cookie : "");
    size_t count;
    const struct wr_http1_header *common = wr_admin_headers(&count);
    struct wr_http1_header headers[8];
    memcpy(headers, common, count * sizeof *common);
    if (cookie) {
        headers[count++] = (struct wr_http1_header){WR_STR("Set-Cookie"), wr_str_of(line)};
    }
    wr_httpd_reply(call->req, &(struct wr_httpd_reply){.status = 200,
                                                       .type = WR_STR("application/json"),
                                                       .headers = headers,
                                                       .header_count = count,
                                                       .body = wr_str_of(text)});
    wr_secret_wipe(line, sizeof line);
    free(text);
}

// The same answer, and the same time, for an unknown key and a wrong secret.
static bool check_key(struct wr_console *c, const json_t *body, int64_t now_ms,
                      struct wr_session *out)
{
    const json_t *id = json_object_get(body, "accessKeyId");
    const json_t *secret = json_object_get(body, "secretAccessKey");
    wr_str id_text = {json_string_value(id), json_string_length(id)};
    wr_str given = {json_string_value(secret), json_string_length(secret)};
    const struct wr_access_key *key =
        id_text.at ? wr_tenants_key(c->options.tenants, id_text) : NULL;
    static const char nothing[WR_ACCESS_SECRET_LEN + 1] =
        "----------------------------------------";
    bool same = wr_secret_eq(given, wr_str_of(key ? key->secret : nothing));
    if (!key || !same || (key->expires_ms && key->expires_ms <= now_ms)) {
        return false;
    }
    const struct wr_tenant *tenant = wr_tenants_by_id(c->options.tenants, key->tenant);
    *out = (struct wr_session){.tenant = key->tenant,
                               .all = tenant && tenant->is_default && key->role == WR_ROLE_ADMIN,
                               .role = key->role,
                               .may_package = key->may_package};
    snprintf(out->actor, sizeof out->actor, "console, key %.40s", key->id);
    snprintf(out->key_id, sizeof out->key_id, "%s", key->id);
    return tenant != NULL;
}

static bool too_many(struct wr_console *c, int64_t now_ms)
{
    if (now_ms - c->bad_since_ms > BAD_LOGINS_MS || now_ms < c->bad_since_ms) {
        c->bad_since_ms = now_ms;
        c->bad_logins = 0;
    }
    return c->bad_logins >= BAD_LOGINS_MAX;
}

static void post_login(struct wr_admin_call *call)
{
    struct wr_console *c = call->user;
    int64_t now_ms = wr_wall_ms();
    struct wr_session as = {0};
    if (too_many(c, now_ms)) {
        wr_admin_reply_error(call, 429, "too many logins were wrong; try again in a minute");
        return;
    }
    json_t *body = read_body(call);
    if (!body) {
        return;
    }
    const json_t *link = json_object_get(body, "link");
    bool by_link = json_is_string(link);
    bool open = !strcmp(c->options.config->admin_mode, "open");
    const struct wr_tenant *def = wr_tenants_default(c->options.tenants);
    bool good;
    if (by_link) {
        wr_str word = {json_string_value(link), json_string_length(link)};
        good = wr_sessions_take_link(c->options.sessions, word, now_ms, &as);
    } else if (open && !json_object_get(body, "accessKeyId")) {
        as = (struct wr_session){.tenant = def->id,
                                 .all = true,
                                 .role = WR_ROLE_ADMIN,
                                 .may_package = true,
                                 .actor = "console (not checked)"};
        good = true;
    } else {
        good = check_key(c, body, now_ms, &as);
    }
    json_decref(body);
    if (!good) {
        c->bad_logins++;
        wr_admin_reply_error(call, 403, "%s",
                             by_link
                                 ? "the link has been used or is too old; make another one with "
                                   "weir console"
                                 : "key id and secret do not fit");
        return;
    }
    char cookie[WR_SESSION_WORD_LEN + 1];
    wr_sessions_begin(c->options.sessions, &as, now_ms, cookie);
    // The one that begun has words of its own.
    char header[sizeof WR_SESSION_COOKIE + sizeof cookie];
    snprintf(header, sizeof header, WR_SESSION_COOKIE "=%s", cookie);
    const struct wr_http1_head head = {.headers = {{WR_STR("Cookie"), wr_str_of(header)}},
                                       .header_count = 1};
    reply_session(c, call, wr_sessions_find(c->options.sessions, &head, now_ms), cookie);
    wr_secret_wipe(cookie, sizeof cookie);
    wr_secret_wipe(header, sizeof header);
}

static void get_session(struct wr_admin_call *call)
{
    struct wr_console *c = call->user;
    const struct wr_session *s = session_of(c, call);
    if (s) {
        reply_session(c, call, s, NULL);
    } else {
        wr_admin_reply_json(call, 200,
                            !strcmp(c->options.config->admin_mode, "open")
                                ? WR_STR("{\"openMode\":true}\n")
                                : WR_STR("{}\n"));
    }
}

static void post_logout(struct wr_admin_call *call)
{
    struct wr_console *c = call->user;
    const struct wr_session *s =
        wr_sessions_find(c->options.sessions, call->req->head, wr_wall_ms());
    wr_str word = wr_http1_header(call->req->head, WR_STR("X-Weir-Csrf"));
    if (s && wr_secret_eq(word, wr_str_of(s->csrf))) {
        wr_sessions_end(c->options.sessions, s);
    }
    wr_admin_reply_json(call, 200, WR_STR("{}\n"));
}

// On admin.sock: the kernel has said who asks.
static void post_link(struct wr_admin_call *call)
{
    struct wr_console *c = call->user;
    const struct wr_tenant *tenant =
        call->caller ? wr_tenants_by_id(c->options.tenants, call->caller->tenant) : NULL;
    uint16_t port = wr_admin_api_port(c->options.admin);
    if (!tenant || !port) {
        wr_admin_reply_error(call, 409,
                             "the console is at admin.listen, and this weir listens nowhere");
        return;
    }
    struct wr_session as = {.tenant = tenant->id,
                            .all = tenant->is_default && call->role == WR_ROLE_ADMIN,
                            .role = call->role,
                            .may_package = call->caller->may_package};
    snprintf(as.actor, sizeof as.actor, "console, %.50s", call->caller->actor);
    char word[WR_SESSION_WORD_LEN + 1];
    wr_sessions_link(c->options.sessions, &as, wr_wall_ms(), word);
    struct wr_buf text = {0};
    wr_buf_addf(&text, "{\"port\":%u,\"path\":\"/console/#login/%s\"}\n", port, word);
    wr_admin_reply_json(call, 200, wr_buf_str(&text));
    wr_secret_wipe(word, sizeof word);
    wr_secret_release(&text);
}

static const struct wr_admin_route routes[] = {
    {"GET", "/", WR_ROLE_NONE, WR_ON_API, go_there},
    {"GET", "/console", WR_ROLE_NONE, WR_ON_API, go_there},
    {"GET", "/console/", WR_ROLE_NONE, WR_ON_API, get_page},
    {"GET", "/console/{file+}", WR_ROLE_NONE, WR_ON_API, get_file},
    {"POST", "/console/login", WR_ROLE_NONE, WR_ON_API, post_login},
    {"GET", "/console/session", WR_ROLE_NONE, WR_ON_API, get_session},
    {"POST", "/console/logout", WR_ROLE_NONE, WR_ON_API, post_logout},
    {"POST", "/weir/v1/console-links", WR_ROLE_READER, WR_ON_SOCKET, post_link},
};

struct wr_console *wr_console_new(const struct wr_console_options *options)
{
    struct wr_console *c = wr_zalloc(sizeof *c);
    c->options = *options;
    snprintf(c->policy, sizeof c->policy, POLICY, wr_console_page.style);
    wr_admin_add(options->admin, routes, WR_COUNT(routes), c);
    return c;
}

void wr_console_free(struct wr_console *c)
{
    free(c);
}
