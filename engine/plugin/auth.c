// Who may connect and do what.
#include "engine/plugin/plugin.h"

#include <stdlib.h>
#include <time.h>

#include "sql/base/clock.h"

#include "sql/base/banned.h"

// ---- what policies ask

// Who asks: a session, or what a username says of a client that is not connected.
struct asking {
    const struct wr_plugin *plugin;
    struct wr_session *session; // NULL: no certificate at hand
    const struct wr_status_record *record;
    const struct wr_status_found *thing; // NULL: none
};

static bool thing_attribute(void *user, wr_str name, wr_str *value)
{
    const struct asking *a = user;
    return a->thing && wr_status_attribute(&a->plugin->table.status, a->thing, name, value);
}

static bool certificate_value(void *user, wr_str name, uint32_t index, wr_str *value)
{
    const struct asking *a = user;
    struct wr_session *s = a->session;
    if (!s) {
        return false;
    }
    if (!s->values) {
        X509 *certificate = mosquitto_client_certificate(s->client);
        if (!certificate) {
            return false;
        }
        s->values = wr_certificate_values_new(certificate);
        X509_free(certificate);
    }
    return wr_certificate_value(s->values, name, index, value);
}

static enum wr_policy_verdict decide(struct asking *a, wr_str client_id, wr_str address,
                                     wr_str action, wr_str resource)
{
    const struct wr_status *status = &a->plugin->table.status;
    const struct wr_policy_context context = {
        .client_id = client_id,
        .source_ip = address,
        .thing_name = a->thing ? a->thing->name : (wr_str){NULL, 0},
        .thing_type = a->thing && a->thing->type.len ? a->thing->type : (wr_str){NULL, 0},
        .is_attached = a->thing ? WR_STR("true") : WR_STR("false"),
        .attribute = thing_attribute,
        .certificate = certificate_value,
        .user = a,
    };
    const struct wr_policy_request request = {
        .action = action,
        .region = a->record->region,
        .account = wr_status_tenant(status, a->record->tenant).account,
        .resource = resource,
        .context = &context,
    };
    return wr_status_decide(status, a->record->set, &request);
}

static bool allowed(struct asking *a, wr_str client_id, wr_str address, const char *action,
                    const char *kind, const char *name)
{
    char resource[WR_POLICY_RESOURCE_MAX + 16];
    size_t kind_len = strlen(kind), len = strlen(name);
    if (len > WR_POLICY_RESOURCE_MAX - kind_len) {
        return false;
    }
    memcpy(resource, kind, kind_len);
    memcpy(resource + kind_len, name, len);
    return decide(a, client_id, address, wr_str_of(action), (wr_str){resource, kind_len + len}) ==
           WR_POLICY_ALLOW;
}

// ---- sessions and the table

// Whether the certificate may be used by a connection that is there, and if not, why.
static const char *barred(const struct wr_status *status, const struct wr_status_record *record)
{
    static const char *const texts[] = {
        [WR_CERTIFICATE_INACTIVE] = "its certificate is INACTIVE",
        [WR_CERTIFICATE_REVOKED] = "its certificate is REVOKED",
        [WR_CERTIFICATE_PENDING_TRANSFER] = "its certificate is PENDING_TRANSFER",
        [WR_CERTIFICATE_PENDING_ACTIVATION] = "its certificate is PENDING_ACTIVATION",
        [WR_CERTIFICATE_REGISTER_INACTIVE] = "its certificate is REGISTER_INACTIVE",
    };
    if (record->status != WR_CERTIFICATE_ACTIVE) {
        return texts[record->status];
    }
    return wr_status_tenant(status, record->tenant).enabled ? NULL : "IoT is off for its tenant";
}

// Look the session up in the table in force. Why it is barred, or NULL.
static const char *look_up(const struct wr_plugin *p, struct wr_session *s)
{
    const struct wr_status *status = &p->table.status;
    if (!wr_status_find(status, s->sha256, &s->record)) {
        return "its certificate is not registered";
    }
    wr_str tenant = wr_status_tenant(status, s->record.tenant).name;
    if (!wr_str_eq(tenant, (wr_str){s->username, s->tenant_len})) {
        return "its certificate belongs to another tenant now";
    }
    s->has_thing = wr_status_thing(status, &s->record, wr_str_of(s->client_id), &s->thing);
    return barred(status, &s->record);
}

struct dropping {
    const struct wr_plugin *plugin;
    struct wr_buf ids; // of clients, each with its NUL
};

static void look_again(void *user, struct wr_session *s)
{
    struct dropping *d = user;
    const char *why = look_up(d->plugin, s);
    if (why) {
        mosquitto_log_printf(MOSQ_LOG_NOTICE, "weir: %s (%s) is dropped: %s", s->client_id,
                             s->username, why);
        s->dropped = true;
        wr_buf_add(&d->ids, wr_str_of(s->client_id));
        wr_buf_add_char(&d->ids, 0);
    }
}

static void tell_table(struct wr_plugin *p)
{
    struct wr_buf event;
    wr_events_begin(&event, "table");
    wr_events_number(&event, "generation", (int64_t)p->table.status.generation);
    wr_events_number(&event, "certificates", p->table.status.certificates);
    p->told_table = wr_events_send(&p->events, &event, true) || !p->events.path;
}

void wr_plugin_refresh(struct wr_plugin *p)
{
    switch (wr_table_refresh(&p->table, wr_mono_now().us)) {
    case WR_TABLE_SAME:
        if (p->table.have && !p->told_table) {
            tell_table(p); // weir was not there, or slow: it waits for this one
        }
        return;
    case WR_TABLE_FAILED:
        mosquitto_log_printf(MOSQ_LOG_ERR, "weir: the status table is not usable: %s",
                             p->table.why);
        return;
    case WR_TABLE_NEW:
        break;
    }
    struct dropping d = {.plugin = p};
    wr_session_free(p->leaving); // its record is the old table's
    p->leaving = NULL;
    wr_sessions_each(&p->sessions, look_again, &d);
    for (size_t at = 0; at < d.ids.len; at += strlen(d.ids.at + at) + 1) {
        (void)mosquitto_kick_client_by_clientid(d.ids.at + at, false); // without its Will
    }
    wr_buf_release(&d.ids);
    tell_table(p);
}

// ---- connecting

static int refuse(struct wr_plugin *p, const struct mosquitto *client, const char *hex,
                  const char *why)
{
    const char *id = mosquitto_client_id(client), *address = mosquitto_client_address(client);
    mosquitto_log_printf(MOSQ_LOG_NOTICE, "weir: %s from %s is refused: %s", id ? id : "-",
                         address ? address : "-", why);
    struct wr_buf event;
    wr_events_begin(&event, "refused");
    wr_events_text(&event, "client", wr_str_of(id ? id : ""));
    wr_events_text(&event, "address", wr_str_of(address ? address : "-"));
    if (hex) {
        wr_events_text(&event, "certificate", wr_str_of(hex));
    }
    wr_events_text(&event, "why", wr_str_of(why));
    (void)wr_events_send(&p->events, &event, false);
    return MOSQ_ERR_AUTH;
}

static void session_event(struct wr_plugin *p, const struct wr_session *s, const char *name)
{
    struct wr_buf event;
    wr_events_begin(&event, name);
    wr_events_text(&event, "client", wr_str_of(s->client_id));
    wr_events_text(&event, "tenant", (wr_str){s->username, s->tenant_len});
    wr_events_text(&event, "certificate", wr_str_of(s->hex));
    wr_events_text(&event, "address", wr_str_of(s->address));
    if (strcmp(name, "connect") == 0) {
        wr_events_number(&event, "protocol", mosquitto_client_protocol_version(s->client));
    } else {
        wr_buf_addf(&event, ",\"dropped\":%s", s->dropped ? "true" : "false");
    }
    (void)wr_events_send(&p->events, &event, false);
}

static bool same_tenant(const struct wr_session *a, const struct wr_session *b)
{
    return a->tenant_len == b->tenant_len && memcmp(a->username, b->username, a->tenant_len) == 0;
}

// Why a session that is being made does not come about, or NULL.
static const char *why_not(struct wr_plugin *p, struct wr_session *s, bool taken)
{
    const char *why = look_up(p, s);
    if (why) {
        return why;
    }
    if (s->record.not_after_s <= (int64_t)time(NULL)) {
        return "its certificate has expired";
    }
    if (taken) {
        return "a client of another tenant is connected with this client id";
    }
    wr_str tenant = {s->username, s->tenant_len};
    if (wr_owners_is_other(&p->owners, s->client_id, tenant, wr_mono_now().us)) {
        return "a device of another tenant has a session with this client id";
    }
    struct asking a = {p, s, &s->record, s->has_thing ? &s->thing : NULL};
    if (!allowed(&a, wr_str_of(s->client_id), wr_str_of(s->address), "iot:Connect", "client/",
                 s->client_id)) {
        return "its policies do not allow iot:Connect with this client id";
    }
    return NULL;
}

// weir may know its CA, and register it (engine/admin/auto_register.h).
static void tell_unregistered(struct wr_plugin *p, const X509 *certificate)
{
    struct wr_buf event, der = {0};
    if (wr_certificate_der(certificate, &der)) {
        wr_events_begin(&event, "unregistered");
        wr_buf_add(&event, WR_STR(",\"der\":\""));
        wr_buf_add_base64(&event, wr_buf_str(&der));
        wr_buf_add_char(&event, '"');
        (void)wr_events_send(&p->events, &event, false);
    }
    wr_buf_release(&der);
}

static int connect_device(struct wr_plugin *p, struct mosquitto *client, const X509 *certificate)
{
    uint8_t sha256[WR_STATUS_SHA256];
    struct wr_status_record record;
    const char *id = mosquitto_client_id(client), *why;
    if (!id || !wr_certificate_sha256(certificate, sha256)) {
        return refuse(p, client, NULL, "it has no client id, or a certificate without a digest");
    }
    struct wr_session *known = wr_sessions_find(&p->sessions, client);
    if (known && memcmp(known->sha256, sha256, sizeof sha256) == 0 && !known->dropped) {
        return MOSQ_ERR_SUCCESS; // asked again after SIGHUP: the ticks watch over it
    }
    if (!p->ticking) {
        return refuse(p, client, NULL, "the broker gives no ticks (per_listener_settings true?)");
    }
    if (!wr_table_is_fresh(&p->table, wr_mono_now().us, &why)) {
        return refuse(p, client, NULL, why);
    }
    if (!wr_status_find(&p->table.status, sha256, &record)) {
        struct wr_buf hex = {0};
        wr_buf_add_hex(&hex, sha256, sizeof sha256);
        int rc = refuse(p, client, wr_buf_terminated(&hex), "its certificate is not registered");
        wr_buf_release(&hex);
        tell_unregistered(p, certificate);
        return rc;
    }
    const struct wr_session *other = wr_sessions_by_id(&p->sessions, id);
    wr_str tenant = wr_status_tenant(&p->table.status, record.tenant).name;
    struct wr_session *s =
        wr_sessions_add(&p->sessions, client, id, mosquitto_client_address(client), sha256, tenant);
    why = why_not(p, s, other && other->client != client && !same_tenant(other, s));
    if (!why && mosquitto_set_username(client, s->username) != MOSQ_ERR_SUCCESS) {
        why = "the broker does not take its username";
    }
    if (why) {
        int rc = refuse(p, client, s->hex, why);
        wr_sessions_remove(&p->sessions, s);
        wr_session_free(s);
        return rc;
    }
    wr_owners_clear(&p->owners, s->client_id);
    session_event(p, s, "connect");
    return MOSQ_ERR_SUCCESS;
}

int wr_plugin_on_auth(int event, void *data, void *user)
{
    struct wr_plugin *p = user;
    struct mosquitto_evt_basic_auth *auth = data;
    wr_plugin_refresh(p);
    X509 *certificate = mosquitto_client_certificate(auth->client);
    if (certificate) {
        int rc = connect_device(p, auth->client, certificate);
        X509_free(certificate);
        return rc;
    }
    const char *address = mosquitto_client_address(auth->client);
    if (wr_setup_is_account(&p->setup, auth->username, address)) {
        return MOSQ_ERR_PLUGIN_DEFER; // to the broker's password file
    }
    return refuse(
        p, auth->client, NULL,
        "it has neither a certificate nor the name of an account that may come from there "
        "(plugin_opt_allow_user)");
}

int wr_plugin_on_disconnect(int event, void *data, void *user)
{
    struct wr_plugin *p = user;
    const struct mosquitto_evt_disconnect *d = data;
    struct wr_session *s = wr_sessions_find(&p->sessions, d->client);
    if (s) {
        struct asking a = {.plugin = p, .session = s};
        wr_str unused;
        (void)certificate_value(&a, WR_STR("SerialNumber"), 0, &unused); // while it is there
        session_event(p, s, "disconnect");
        if (!mosquitto_client_clean_session(s->client)) {
            wr_owners_set(&p->owners, s->client_id, (wr_str){s->username, s->tenant_len},
                          wr_mono_now().us);
        }
        wr_sessions_remove(&p->sessions, s);
        wr_session_free(p->leaving);
        p->leaving = s;
    }
    return MOSQ_ERR_SUCCESS;
}

// ---- doing

// Whether `topic` (or a filter, from where it can match) is the prefix or below it, level by level.
static bool below(wr_str prefix, const char *topic)
{
    while (prefix.len && prefix.at[prefix.len - 1] == '/') {
        prefix.len--;
    }
    if (prefix.len == 0) {
        return true;
    }
    return strncmp(topic, prefix.at, prefix.len) == 0 &&
           (topic[prefix.len] == 0 || topic[prefix.len] == '/');
}

static bool is_root(wr_str prefix)
{
    while (prefix.len && prefix.at[prefix.len - 1] == '/') {
        prefix.len--;
    }
    return prefix.len == 0;
}

// Whether a tenant's device may have anything to do with `topic`, by where it lies. Without a
// prefix that is everywhere but below the prefix of another tenant. (A filter with wildcards may
// reach there; what comes by it is asked about one by one.)
static bool in_place(const struct wr_status *status, uint32_t tenant, const char *topic)
{
    wr_str prefix = wr_status_tenant(status, tenant).prefix;
    if (!is_root(prefix)) {
        return below(prefix, topic);
    }
    for (uint32_t i = 0; i < status->tenants; i++) {
        wr_str other = wr_status_tenant(status, i).prefix;
        if (i != tenant && !is_root(other) && below(other, topic)) {
            return false;
        }
    }
    return true;
}

// The filter of "$share/GROUP/FILTER".
static const char *without_share(const char *filter)
{
    if (strncmp(filter, "$share/", 7) != 0) {
        return filter;
    }
    const char *slash = strchr(filter + 7, '/');
    return slash ? slash + 1 : "";
}

static bool may(struct asking *a, const struct mosquitto_evt_acl_check *acl, wr_str client_id,
                wr_str address)
{
    const struct wr_status *status = &a->plugin->table.status;
    uint32_t tenant = a->record->tenant;
    switch (acl->access) {
    case MOSQ_ACL_READ:
        return in_place(status, tenant, acl->topic) &&
               allowed(a, client_id, address, "iot:Receive", "topic/", acl->topic);
    case MOSQ_ACL_WRITE:
        return in_place(status, tenant, acl->topic) &&
               allowed(a, client_id, address, "iot:Publish", "topic/", acl->topic) &&
               (!acl->retain ||
                allowed(a, client_id, address, "iot:RetainPublish", "topic/", acl->topic));
    case MOSQ_ACL_SUBSCRIBE:
        return in_place(status, tenant, without_share(acl->topic)) &&
               allowed(a, client_id, address, "iot:Subscribe", "topicfilter/", acl->topic);
    case MOSQ_ACL_UNSUBSCRIBE:
        return true;
    default:
        return false;
    }
}

static bool unhex(const char *hex, uint8_t out[WR_STATUS_SHA256])
{
    for (size_t i = 0; i < 2 * WR_STATUS_SHA256; i++) {
        char c = hex[i];
        int n = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (n < 0) {
            return false;
        }
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | n : n << 4);
    }
    return hex[2 * WR_STATUS_SHA256] == 0;
}

// A client of ours that is not connected now: queued and retained messages, a delayed Will. What
// variables say of its certificate and address is not known then, and statements with them do not
// hold.
static bool away_may(struct wr_plugin *p, const struct mosquitto_evt_acl_check *acl,
                     const char *username)
{
    const char *slash = strchr(username, '/');
    uint8_t sha256[WR_STATUS_SHA256];
    struct wr_status_record record;
    if (!p->table.have || !slash || !unhex(slash + 1, sha256) ||
        !wr_status_find(&p->table.status, sha256, &record) || barred(&p->table.status, &record)) {
        return false;
    }
    wr_str tenant = {username, (size_t)(slash - username)};
    wr_str id = wr_str_of(mosquitto_client_id(acl->client));
    struct wr_status_found thing;
    bool has_thing = wr_status_thing(&p->table.status, &record, id, &thing);
    struct asking a = {p, NULL, &record, has_thing ? &thing : NULL};
    return wr_str_eq(tenant, wr_status_tenant(&p->table.status, record.tenant).name) &&
           may(&a, acl, id, (wr_str){NULL, 0});
}

static bool session_may(struct wr_plugin *p, const struct mosquitto_evt_acl_check *acl,
                        struct wr_session *s)
{
    struct asking a = {p, s, &s->record, s->has_thing ? &s->thing : NULL};
    return !s->dropped && !barred(&p->table.status, &s->record) &&
           may(&a, acl, wr_str_of(s->client_id), wr_str_of(s->address));
}

static bool client_may(struct wr_plugin *p, const struct mosquitto_evt_acl_check *acl)
{
    struct wr_session *s = wr_sessions_find(&p->sessions, acl->client);
    if (s) {
        return session_may(p, acl, s);
    }
    const char *username = mosquitto_client_username(acl->client);
    X509 *certificate = mosquitto_client_certificate(acl->client);
    if (certificate) {
        X509_free(certificate);
        if (!p->told_bypass) {
            p->told_bypass = true;
            mosquitto_log_printf(
                MOSQ_LOG_ERR,
                "weir: %s is connected with a certificate that the broker never asked the plugin "
                "about, and may do nothing: use_identity_as_username and use_subject_as_username "
                "must be false on every listener",
                mosquitto_client_id(acl->client));
        }
        return false;
    }
    if (p->leaving && p->leaving->client == acl->client && username &&
        strcmp(username, p->leaving->username) == 0) {
        return session_may(p, acl, p->leaving);
    }
    if (!username) {
        return false;
    }
    if (strchr(username, '/')) {
        return away_may(p, acl, username);
    }
    for (size_t i = 0; i < p->setup.account_count; i++) {
        if (strcmp(p->setup.accounts[i].name, username) == 0) {
            return true; // from where it may come was looked at when it came
        }
    }
    return false;
}

int wr_plugin_on_acl(int event, void *data, void *user)
{
    const struct mosquitto_evt_acl_check *acl = data;
    return client_may(user, acl) ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
}
