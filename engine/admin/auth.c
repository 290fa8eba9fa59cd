#include "engine/admin/auth.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/admin/sessions.h"
#include "engine/admin/tenants.h"
#include "engine/config.h"
#include "engine/registry/secret.h"
#include "sinks/lib/aws_verify.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define BEARER "Bearer "

struct wr_auth {
    const struct wr_config *config;
    struct wr_tenants *tenants;
    struct wr_registry *registry;
    struct wr_sessions *sessions;
    struct wr_aws_signer *signer;
};

struct wr_auth *wr_auth_new(const struct wr_config *config, struct wr_tenants *tenants,
                            struct wr_registry *registry, struct wr_sessions *sessions)
{
    struct wr_auth *a = wr_zalloc(sizeof *a);
    *a = (struct wr_auth){.config = config,
                          .tenants = tenants,
                          .registry = registry,
                          .sessions = sessions,
                          .signer = wr_aws_signer_new()};
    return a;
}

void wr_auth_free(struct wr_auth *a)
{
    if (a) {
        wr_aws_signer_free(a->signer);
        free(a);
    }
}

// "/t/acme/things" → "/things". A tenant's name has no characters that would be escaped.
void wr_auth_take_prefix(struct wr_admin_call *call)
{
    if (!wr_str_starts(call->path, WR_STR("/t/"))) {
        return;
    }
    wr_str rest = wr_str_cut(call->path, 3, call->path.len);
    ptrdiff_t slash = wr_str_find(rest, WR_STR("/"));
    if (slash > 0) {
        call->prefix = wr_str_cut(rest, 0, (size_t)slash);
        call->path = wr_str_cut(rest, (size_t)slash, rest.len);
    }
}

// ---- the caller

static void copy(char *to, size_t size, wr_str from)
{
    snprintf(to, size, "%.*s", WR_STR_ARG(from));
}

static struct wr_api_caller *caller_new(struct wr_admin_call *call, const struct wr_tenant *tenant,
                                        wr_str region, enum wr_role role, bool may_package)
{
    struct wr_api_caller *c = wr_arena_alloc(call->arena, sizeof *c);
    wr_assert(c); // the first of the call
    *c = (struct wr_api_caller){.role = role, .may_package = may_package};
    if (tenant) {
        c->tenant = tenant->id;
        copy(c->tenant_name, sizeof c->tenant_name, wr_str_of(tenant->name));
        copy(c->account, sizeof c->account, wr_str_of(tenant->account));
    }
    copy(c->region, sizeof c->region, region);
    if (call->listener == WR_ON_SOCKET) {
        copy(c->from, sizeof c->from, WR_STR("socket"));
    } else {
        char address[WR_HTTPD_ADDRESS_MAX];
        wr_httpd_address(call->req, address);
        snprintf(c->from, sizeof c->from, "tcp %s", address);
    }
    call->caller = c;
    call->role = role;
    return c;
}

static bool refuse(struct wr_admin_call *call, const char *code, const char *text)
{
    wr_api_refuse(call, 403, code, "%s", text);
    return false;
}

// The path's tenant must be the credential's.
static bool prefix_agrees(struct wr_admin_call *call, const struct wr_tenant *tenant)
{
    return !call->prefix.len || (tenant && wr_str_eq(call->prefix, wr_str_of(tenant->name))) ||
           refuse(call, "AccessDeniedException",
                  "the credentials belong to another tenant than the path");
}

static bool region_is_good(wr_str region)
{
    bool good = region.len > 0 && region.len < sizeof((struct wr_api_caller *)NULL)->region;
    for (size_t i = 0; i < region.len && good; i++) {
        char c = region.at[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    }
    return good;
}

static wr_str region_of(const struct wr_auth *a, const struct wr_admin_call *call)
{
    wr_str given = wr_http1_header(call->req->head, WR_STR("X-Weir-Region"));
    return region_is_good(given) ? given : wr_str_of(a->config->region);
}

// ---- admin.sock

static bool check_socket(struct wr_auth *a, struct wr_admin_call *call)
{
    wr_str header = wr_http1_header(call->req->head, WR_STR("X-Weir-Tenant"));
    wr_str name = call->prefix.len ? call->prefix : header;
    const struct wr_tenant *tenant =
        name.len ? wr_tenants_find(a->tenants, name) : wr_tenants_default(a->tenants);
    if (!tenant) {
        wr_api_refuse(call, 403, "AccessDeniedException", "there is no tenant %.*s",
                      WR_STR_ARG(wr_str_cut(name, 0, name.len < 64 ? name.len : 64)));
        return false;
    }
    struct wr_api_caller *c =
        caller_new(call, tenant, region_of(a, call), call->role, call->role >= WR_ROLE_ADMIN);
    c->all_tenants = true; // who may connect to the socket, the system's administrator says
    snprintf(c->actor, sizeof c->actor, "uid %u pid %lld", call->peer.uid,
             (long long)call->peer.pid);
    return true;
}

// ---- bearer tokens

// What follows "Bearer "; at is NULL: there is no such header.
static wr_str bearer_of(const struct wr_httpd_request *req)
{
    wr_str header = wr_http1_header(req->head, WR_STR("Authorization"));
    bool bearer = header.len > sizeof BEARER - 1 &&
                  wr_str_eq_nocase(wr_str_cut(header, 0, sizeof BEARER - 1), WR_STR(BEARER));
    return bearer ? wr_str_cut(header, sizeof BEARER - 1, header.len) : (wr_str){0};
}

// NULL: it is not valid, or has expired.
static const struct wr_token *find_token(const struct wr_auth *a, wr_str token)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    wr_assert(EVP_Digest(token.at, token.len, hash, NULL, EVP_sha256(), NULL) == 1);
    const struct wr_token *found = wr_tenants_token(a->tenants, hash);
    return found && (!found->expires_ms || found->expires_ms > wr_wall_ms()) ? found : NULL;
}

static bool check_token(struct wr_auth *a, struct wr_admin_call *call, wr_str token)
{
    const struct wr_token *found = find_token(a, token);
    if (!found) {
        return refuse(call, "UnrecognizedClientException",
                      "the token is not valid, or has expired");
    }
    // A token of an admin of the default tenant is for all tenants: the path or the header says
    // which.
    const struct wr_tenant *tenant = wr_tenants_by_id(a->tenants, found->tenant);
    bool all = tenant && tenant->is_default && found->role == WR_ROLE_ADMIN;
    wr_tenants_used(a->tenants, a->registry, NULL, found->id);
    wr_str header = wr_http1_header(call->req->head, WR_STR("X-Weir-Tenant"));
    wr_str name = call->prefix.len ? call->prefix : header;
    if (name.len && all) {
        tenant = wr_tenants_find(a->tenants, name);
    }
    if (!tenant || (name.len && !wr_str_eq(name, wr_str_of(tenant->name)))) {
        return refuse(call, "AccessDeniedException", "the token belongs to another tenant");
    }
    struct wr_api_caller *c =
        caller_new(call, tenant, region_of(a, call), found->role, found->may_package);
    c->all_tenants = all;
    snprintf(c->actor, sizeof c->actor, "token %lld", (long long)found->id);
    call->by_token = true;
    call->all_tenants = all;
    return true;
}

// ---- sessions of the console

bool wr_auth_key_stands(struct wr_tenants *tenants, const struct wr_session *s, int64_t now_ms)
{
    if (!s->key_id[0]) {
        return true;
    }
    const struct wr_access_key *key = wr_tenants_key(tenants, wr_str_of(s->key_id));
    return key && key->role == s->role && (!key->expires_ms || key->expires_ms > now_ms);
}

static bool check_session(struct wr_auth *a, struct wr_admin_call *call, struct wr_session s)
{
    wr_str method = call->req->head->method;
    wr_str word = wr_http1_header(call->req->head, WR_STR("X-Weir-Csrf"));
    bool reads = wr_str_eq(method, WR_STR("GET")) || wr_str_eq(method, WR_STR("HEAD"));
    if (!wr_auth_key_stands(a->tenants, &s, wr_wall_ms())) {
        return refuse(call, "UnrecognizedClientException", "the access key is no more");
    }
    if (!reads && !wr_secret_eq(word, wr_str_of(s.csrf))) {
        return refuse(call, "AccessDeniedException", "X-Weir-Csrf is not the session's");
    }
    const struct wr_tenant *tenant = wr_tenants_by_id(a->tenants, s.tenant);
    wr_str header = wr_http1_header(call->req->head, WR_STR("X-Weir-Tenant"));
    wr_str name = call->prefix.len ? call->prefix : header;
    if (name.len && s.all) {
        tenant = wr_tenants_find(a->tenants, name);
    }
    if (!tenant || (name.len && !wr_str_eq(name, wr_str_of(tenant->name)))) {
        return refuse(call, "AccessDeniedException", "the session is not for this tenant");
    }
    struct wr_api_caller *c = caller_new(call, tenant, region_of(a, call), s.role, s.may_package);
    c->all_tenants = s.all;
    snprintf(c->actor, sizeof c->actor, "%s", s.actor);
    call->by_token = true;
    call->all_tenants = s.all;
    return true;
}

// ---- SigV4

// The request as it was signed: the path with its prefix. Headers are lent by the head.
static void signed_request(const struct wr_admin_call *call, struct wr_http_header *headers,
                           struct wr_aws_request *out)
{
    const struct wr_http1_head *head = call->req->head;
    for (size_t i = 0; i < head->header_count; i++) {
        headers[i] = (struct wr_http_header){head->headers[i].name, head->headers[i].value};
    }
    *out = (struct wr_aws_request){.method = head->method,
                                   .host = head->host,
                                   .path = head->path,
                                   .query = head->query,
                                   .headers = headers,
                                   .header_count = head->header_count,
                                   .body = call->req->body};
}

static bool check_signature(struct wr_auth *a, struct wr_admin_call *call)
{
    static const wr_str services[] = {WR_STR_INIT("iot"), WR_STR_INIT("execute-api"),
                                      WR_STR_INIT("iotdata")};
    struct wr_http_header headers[WR_HTTP1_HEADERS_MAX];
    struct wr_aws_request req;
    struct wr_aws_claim claim;
    struct wr_fault fault = {0};
    signed_request(call, headers, &req);
    int64_t now_ms = wr_wall_ms();
    enum wr_aws_check check = wr_aws_claim_read(&req, call->arena, &claim, &fault);
    const struct wr_access_key *key = NULL;
    if (check == WR_AWS_CHECK_VERIFIED) {
        snprintf(call->claimed, sizeof call->claimed, "key %.*s",
                 (int)(claim.key_id.len < 32 ? claim.key_id.len : 32), claim.key_id.at);
        key = wr_tenants_key(a->tenants, claim.key_id);
        if (key && key->expires_ms && key->expires_ms <= now_ms) {
            key = NULL;
        }
        const struct wr_aws_expected expected = {
            .services = services, .service_count = WR_COUNT(services), .now_ms = now_ms};
        check = wr_aws_verify(a->signer, &req, &claim,
                              key ? wr_str_of(key->secret) : (wr_str){NULL, 0}, &expected, &fault);
    }
    if (check != WR_AWS_CHECK_VERIFIED) {
        return refuse(call, wr_aws_check_code(check),
                      fault.text[0] ? fault.text : wr_aws_check_text(check));
    }
    const struct wr_tenant *tenant = wr_tenants_by_id(a->tenants, key->tenant);
    if (!region_is_good(claim.region)) {
        return refuse(call, "InvalidSignatureException", "the scope's region is not one");
    }
    if (!tenant || !prefix_agrees(call, tenant)) {
        return tenant ? false : refuse(call, "UnrecognizedClientException", "no such tenant");
    }
    wr_tenants_used(a->tenants, a->registry, key->id, 0);
    struct wr_api_caller *c = caller_new(call, tenant, claim.region, key->role, key->may_package);
    snprintf(c->actor, sizeof c->actor, "key %.48s", key->id);
    return true;
}

// ---- mode open

static bool is_account(wr_str id)
{
    bool digits = id.len == 12;
    for (size_t i = 0; i < id.len && digits; i++) {
        digits = id.at[i] >= '0' && id.at[i] <= '9';
    }
    return digits;
}

static bool check_open(struct wr_auth *a, struct wr_admin_call *call)
{
    struct wr_http_header headers[WR_HTTP1_HEADERS_MAX];
    struct wr_aws_request req;
    struct wr_aws_claim claim = {0};
    signed_request(call, headers, &req);
    bool claims = wr_aws_claim_read(&req, call->arena, &claim, NULL) == WR_AWS_CHECK_VERIFIED;
    const struct wr_access_key *key = claims ? wr_tenants_key(a->tenants, claim.key_id) : NULL;
    bool account = claims && !key && is_account(claim.key_id);
    const struct wr_tenant *tenant = key       ? wr_tenants_by_id(a->tenants, key->tenant)
                                     : account ? wr_tenants_by_account(a->tenants, claim.key_id)
                                     : call->prefix.len ? wr_tenants_find(a->tenants, call->prefix)
                                                        : wr_tenants_default(a->tenants);
    bool make = account && !tenant && a->config->admin_auto_tenants;
    if (!tenant && !make) {
        return refuse(call, "UnrecognizedClientException", "there is no such tenant");
    }
    if (!make && !prefix_agrees(call, tenant)) {
        return false;
    }
    wr_str region = claims && region_is_good(claim.region) ? claim.region : region_of(a, call);
    struct wr_api_caller *c =
        caller_new(call, tenant, region, key ? key->role : WR_ROLE_ADMIN, !key || key->may_package);
    if (make) {
        copy(c->account, sizeof c->account, claim.key_id);
        snprintf(c->tenant_name, sizeof c->tenant_name, "t%s", c->account);
    }
    snprintf(c->actor, sizeof c->actor, "key %.*s (not checked)",
             claims ? (int)(claim.key_id.len < 32 ? claim.key_id.len : 32) : 4,
             claims ? claim.key_id.at : "none");
    return true;
}

bool wr_auth_check(struct wr_auth *a, struct wr_admin_call *call)
{
    if (call->listener == WR_ON_SOCKET) {
        return check_socket(a, call);
    }
    wr_str header = wr_http1_header(call->req->head, WR_STR("Authorization"));
    wr_str token = bearer_of(call->req);
    if (token.at) {
        return check_token(a, call, token);
    }
    const struct wr_session *session =
        header.len ? NULL : wr_sessions_find(a->sessions, call->req->head, wr_wall_ms());
    if (session) {
        return check_session(a, call, *session);
    }
    if (!strcmp(a->config->admin_mode, "open")) {
        return check_open(a, call);
    }
    if (!strcmp(a->config->admin_mode, "token")) {
        return refuse(call, "MissingAuthenticationTokenException",
                      "a bearer token is wanted here (admin.mode token)");
    }
    return check_signature(a, call);
}

bool wr_auth_stands(struct wr_auth *a, const struct wr_httpd_request *req)
{
    wr_str token = bearer_of(req);
    if (token.at) {
        return find_token(a, token) != NULL;
    }
    int64_t now_ms = wr_wall_ms();
    const struct wr_session *s = wr_sessions_find(a->sessions, req->head, now_ms);
    return s && wr_auth_key_stands(a->tenants, s, now_ms);
}
