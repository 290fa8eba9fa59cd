// The client's credentials by role, its start and its end.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sinks/lib/aws_parts.h"

#include "sql/base/banned.h"

#define POLL_MS             5000
#define METADATA_CONNECT_MS 1000

// ---- roles and sets of credentials

bool wr_aws_glob(const char *pattern, wr_str text)
{
    const char *p = pattern, *star = NULL;
    size_t i = 0, mark = 0;
    while (i < text.len) {
        if (*p == '*') {
            star = p++;
            mark = i;
        } else if (*p && (*p == '?' || *p == text.at[i])) {
            p++;
            i++;
        } else if (star) {
            p = star + 1;
            i = ++mark;
        } else {
            return false;
        }
    }
    while (*p == '*') {
        p++;
    }
    return *p == '\0';
}

static struct set *add_set(struct wr_aws *a, wr_str name)
{
    struct set *s = &a->sets[a->set_count++];
    s->credentials = wr_aws_credentials_new(&a->tools, name, &s->source,
                                            s->role_arn ? a->sets[0].credentials : NULL);
    return s;
}

// NULL: there are too many.
static struct wr_aws_credentials *find_set(struct wr_aws *a, wr_str role_arn, wr_str profile)
{
    for (size_t i = 1; i < a->set_count; i++) {
        const struct set *s = &a->sets[i];
        if (wr_str_eq(wr_str_of(s->role_arn), role_arn) &&
            wr_str_eq(wr_str_of(s->profile), profile)) {
            return s->credentials;
        }
    }
    if (a->set_count == WR_AWS_SETS_MAX) {
        return NULL;
    }
    struct set *s = &a->sets[a->set_count];
    *s = (struct set){.role_arn = role_arn.len ? wr_strdup(role_arn) : NULL,
                      .profile = profile.len ? wr_strdup(profile) : NULL};
    s->source = (struct wr_aws_source){.role_arn = wr_str_of(s->role_arn),
                                       .profile = wr_str_of(s->profile)};
    return add_set(a, role_arn.len ? role_arn : profile)->credentials;
}

struct wr_aws_credentials *wr_aws_credentials_for(struct wr_aws *a, wr_str role_arn)
{
    for (size_t i = 0; role_arn.len > 0 && i < a->options.role_count; i++) {
        const struct wr_aws_role_rule *r = &a->options.roles[i];
        if (!wr_aws_glob(r->pattern, role_arn)) {
            continue;
        }
        switch (r->use) {
        case WR_AWS_ROLE_PASSTHROUGH:
            return a->sets[0].credentials;
        case WR_AWS_ROLE_ASSUME:
            return find_set(a, role_arn, (wr_str){0});
        case WR_AWS_ROLE_PROFILE:
            return find_set(a, (wr_str){0}, wr_str_of(r->profile));
        }
    }
    return a->sets[0].credentials;
}

// ---- what others may ask

wr_str wr_aws_default_region(const struct wr_aws *a)
{
    if (a->region.len > 0) {
        return wr_buf_str(&a->region);
    }
    wr_str found = wr_aws_credentials_region(a->sets[0].credentials);
    return found.len ? found : WR_STR("us-east-1");
}

size_t wr_aws_state_count(const struct wr_aws *a)
{
    return a->set_count;
}

void wr_aws_state(const struct wr_aws *a, size_t index, struct wr_aws_state *out)
{
    wr_aws_credentials_state(a->sets[index].credentials, out);
}

// ---- open

static void on_file(uv_fs_poll_t *poll, int status, const uv_stat_t *before, const uv_stat_t *now)
{
    struct wr_aws *a = poll->data;
    for (size_t i = 0; i < a->set_count && !a->closing; i++) {
        struct wr_aws_state s;
        wr_aws_credentials_state(a->sets[i].credentials, &s);
        if (s.health == WR_AWS_FAILED || s.health == WR_AWS_REFUSED ||
            s.provider == WR_AWS_PROVIDER_CREDENTIALS_FILE ||
            s.provider == WR_AWS_PROVIDER_CONFIG_FILE) {
            wr_aws_credentials_renew(a->sets[i].credentials);
        }
    }
}

static void watch(struct wr_aws *a, uv_loop_t *loop)
{
    for (int i = 0; i < 2; i++) {
        struct wr_buf path = {0};
        uv_fs_poll_init(loop, &a->polls[i]);
        uv_unref((uv_handle_t *)&a->polls[i]);
        a->polls[i].data = a;
        wr_aws_profiles_path(i == 1, &path);
        if (path.len > 0) {
            uv_fs_poll_start(&a->polls[i], on_file, wr_buf_terminated(&path),
                             a->options.poll_ms ? a->options.poll_ms : POLL_MS);
        }
        wr_buf_release(&path);
    }
}

static wr_err check_endpoints(const struct wr_aws *a, struct wr_fault *fault)
{
    struct wr_aws_url u;
    for (int i = 0; i < WR_AWS_SERVICE_COUNT; i++) {
        wr_str set =
            wr_str_of(a->options.endpoints && a->options.endpoints[i] ? a->options.endpoints[i]
                                                                      : a->options.endpoint);
        set = set.len ? set
                      : wr_aws_configured_endpoint((enum wr_aws_service)i, a->profiles, a->profile);
        if (set.len > 0 && !wr_aws_url_read(set, &u)) {
            return wr_fault_set(
                fault, WR_ERR_SYNTAX,
                "the endpoint of %.*s: expected http://host[:port] or "
                "https://host[:port], found '%.*s'",
                WR_STR_ARG(wr_aws_services[i].signing),
                WR_STR_ARG(wr_str_find(set, WR_STR("@")) < 0 ? set : WR_STR("one with a user")));
        }
    }
    if (a->source.iot_role_alias.len > 0 &&
        (!wr_aws_url_read(a->source.iot_endpoint, &u) || !wr_str_eq(u.scheme, WR_STR("https")))) {
        return wr_fault_set(fault, WR_ERR_SYNTAX,
                            "the endpoint of the IoT credentials provider: expected "
                            "https://PREFIX.credentials.iot.REGION.amazonaws.com");
    }
    return WR_OK;
}

// Else every request would fail with a puzzle.
static wr_err check_file(const char *what, const char *path, struct wr_fault *fault)
{
    if (!path || !path[0] || access(path, R_OK) == 0) {
        return WR_OK;
    }
    return wr_fault_set(fault, WR_ERR_IO, "%s: %s: %s", what, path, strerror(errno));
}

static wr_err check_files(const struct wr_aws *a, struct wr_fault *fault)
{
    const struct wr_aws_source *s = &a->source;
    wr_err err = check_file("the CA certificates for AWS", a->ca_file, fault);
    err = err ? err : check_file("the CA certificates of the IoT provider", s->iot_ca_file, fault);
    err = err ? err : check_file("the IoT provider's client certificate", s->iot_cert_file, fault);
    err = err ? err : check_file("the IoT provider's client key", s->iot_key_file, fault);
    return err;
}

static void set_source(struct wr_aws *a)
{
    const struct wr_aws_options *o = &a->options;
    a->source = (struct wr_aws_source){
        .profile = wr_str_of(o->profile),
        .key_id = wr_str_of(o->access_key_id),
        .secret = wr_str_of(o->secret_access_key),
        .token = wr_str_of(o->session_token),
        .iot_endpoint = wr_str_of(o->iot_endpoint),
        .iot_role_alias = wr_str_of(o->iot_role_alias),
        .iot_thing = wr_str_of(o->iot_thing),
        .iot_cert_file = o->iot_cert_file,
        .iot_key_file = o->iot_key_file,
        .iot_ca_file = o->iot_ca_file,
    };
}

static void find_ca(struct wr_aws *a)
{
    wr_str ca = wr_str_of(a->options.ca_file);
    ca = ca.len ? ca : wr_aws_env("AWS_CA_BUNDLE");
    ca = ca.len ? ca : wr_aws_profile_get(a->profiles, a->profile, "ca_bundle");
    wr_buf_add(&a->ca_path, ca);
    a->ca_file = ca.len ? wr_buf_terminated(&a->ca_path) : NULL;
}

static void make_clients(struct wr_aws *a, uv_loop_t *loop)
{
    const struct wr_aws_options *o = &a->options;
    a->tools.http = wr_http_new(loop, &(struct wr_http_options){
                                          .ca_file = a->ca_file,
                                          .connect_timeout_ms = o->connect_timeout_ms,
                                          .timeout_ms = o->timeout_ms,
                                          .per_host_max = o->per_host_max,
                                          .connections_max = o->connections_max,
                                          .recorder = o->recorder,
                                      });
    a->tools.metadata = wr_http_new(loop, &(struct wr_http_options){
                                              .ca_file = a->ca_file,
                                              .no_proxy = true,
                                              .connect_timeout_ms = METADATA_CONNECT_MS,
                                          });
    a->tools.signer = wr_aws_signer_new();
}

static void copy_arrays(struct wr_aws *a)
{
    const struct wr_aws_options *o = &a->options;
    if (o->role_count > 0) {
        a->roles = wr_alloc(o->role_count * sizeof *a->roles);
        memcpy(a->roles, o->roles, o->role_count * sizeof *a->roles);
    }
    if (o->endpoints) {
        memcpy(a->endpoints, o->endpoints, sizeof a->endpoints);
        a->options.endpoints = a->endpoints;
    }
    a->options.roles = a->roles;
}

wr_err wr_aws_open(uv_loop_t *loop, const struct wr_aws_options *options, struct wr_aws **out,
                   struct wr_fault *fault)
{
    struct wr_aws *a = wr_zalloc(sizeof *a);
    a->options = *options;
    copy_arrays(a);
    set_source(a);
    a->profile = wr_aws_profile_name(&a->source);
    wr_err err = wr_aws_profiles_load(&a->profiles, fault);
    wr_str region = {NULL, 0};
    if (!err) {
        find_ca(a);
        err = check_endpoints(a, fault);
        region = wr_str_of(options->region);
        region = region.len ? region : wr_aws_region(&a->source, a->profiles);
    }
    if (!err && region.len > 0 && !wr_aws_is_region(region)) {
        err = wr_fault_set(fault, WR_ERR_RANGE,
                           "the AWS region: found \"%.*s\", expected something like us-east-1",
                           WR_STR_ARG(region));
    }
    err = err ? err : check_files(a, fault);
    if (err) {
        wr_buf_release(&a->ca_path);
        wr_aws_profiles_free(a->profiles);
        free(a->roles);
        free(a);
        return err;
    }
    wr_buf_add(&a->region, region);
    a->tools.loop = loop;
    a->tools.region = wr_str_of(options->region);
    a->tools.endpoint = options->endpoint;
    a->tools.endpoints = a->options.endpoints;
    a->tools.log = options->log;
    a->tools.log_user = options->log_user;
    make_clients(a, loop);
    a->sets = wr_zalloc(WR_AWS_SETS_MAX * sizeof *a->sets);
    a->sets[0].source = a->source;
    add_set(a, a->source.key_id.len           ? WR_STR("weir.yaml")
               : a->source.iot_role_alias.len ? a->source.iot_role_alias
                                              : a->profile);
    uv_timer_init(loop, &a->soon);
    a->soon.data = a;
    watch(a, loop);
    *out = a;
    return WR_OK;
}

// ---- close: credentials and files, then HTTP clients, then what is left

static void release(struct wr_aws *a)
{
    for (size_t i = 0; i < a->set_count; i++) {
        free(a->sets[i].role_arn);
        free(a->sets[i].profile);
    }
    free(a->sets);
    free(a->roles);
    for (size_t i = 0; i < WR_AWS_BUCKETS_MAX; i++) {
        wr_buf_release(&a->buckets[i].name);
        wr_buf_release(&a->buckets[i].region);
    }
    for (struct wr_aws_transfer *t = a->free, *next; t; t = next) {
        next = t->next;
        wr_aws_transfer_free(t);
    }
    wr_aws_signer_free(a->tools.signer);
    wr_aws_profiles_free(a->profiles);
    wr_buf_release(&a->region);
    wr_buf_release(&a->ca_path);
    wr_buf_release(&a->url);
    wr_buf_release(&a->auth);
    wr_buf_release(&a->text);
    free(a);
}

static void on_soon_closed(uv_handle_t *handle)
{
    struct wr_aws *a = handle->data;
    void (*closed)(void *user) = a->closed;
    void *user = a->closed_user;
    release(a);
    if (closed) {
        closed(user);
    }
}

void wr_aws_end_if_closed(struct wr_aws *a)
{
    if (a->closing && a->parts == 0 && !a->tools.http && a->pending == 0) {
        uv_close((uv_handle_t *)&a->soon, on_soon_closed);
    }
}

static void on_part_closed(void *user)
{
    struct wr_aws *a = user;
    if (--a->parts == 0 && a->tools.http) { // credentials are gone: nobody asks any more
        struct wr_http *http = a->tools.http, *metadata = a->tools.metadata;
        a->tools.http = a->tools.metadata = NULL;
        a->parts = 2;
        wr_http_close(http, on_part_closed, a);
        wr_http_close(metadata, on_part_closed, a);
        return;
    }
    wr_aws_end_if_closed(a);
}

static void on_handle_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

void wr_aws_close(struct wr_aws *a, void (*closed)(void *user), void *user)
{
    a->closing = true;
    a->closed = closed;
    a->closed_user = user;
    for (struct wr_aws_transfer *t = a->active, *next; t; t = next) {
        next = t->next;
        wr_aws_cancel(a, t->call);
    }
    a->parts = 2 + (int)a->set_count;
    uv_close((uv_handle_t *)&a->polls[0], on_handle_closed);
    uv_close((uv_handle_t *)&a->polls[1], on_handle_closed);
    for (size_t i = 0; i < a->set_count; i++) {
        wr_aws_credentials_close(a->sets[i].credentials, on_part_closed, a);
    }
}
