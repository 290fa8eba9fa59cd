// The control plane of `weir run`: registry, tenants, operations.
#include "engine/cli/run_parts.h"

#include "engine/admin/audit.h"
#include "engine/admin/auth.h"
#include "engine/admin/auto_register.h"
#include "engine/admin/broker.h"
#include "engine/admin/certificates.h"
#include "engine/admin/console.h"
#include "engine/admin/destinations.h"
#include "engine/admin/families.h"
#include "engine/admin/rule_book.h"
#include "engine/admin/sessions.h"
#include "engine/admin/sweep.h"
#include "engine/admin/tenants.h"
#include "engine/observe/log.h"
#include "engine/registry/registry.h"

#include <stdlib.h>

#include "sql/base/banned.h"

static bool is_elsewhere(void *user, wr_str rule, bool error_action)
{
    const struct wr_daemon *d = user;
    return wr_daemon_is_elsewhere(d->config, rule, error_action);
}

// A file that was refused, perhaps since the API had its name.
static void on_freed(void *user)
{
    struct wr_daemon *d = user;
    struct wr_fault fault = {0};
    if (d->folder && d->metrics->refused_documents &&
        wr_folder_load(d->folder, false, NULL, &fault)) {
        wr_log(WR_LOG_ERROR, "rules", "%s; the rules stay as they are", fault.text);
    }
}

// Inside the registry's first transaction.
static wr_err first(void *user, struct wr_db *db, struct wr_fault *fault)
{
    struct wr_daemon *d = user;
    wr_err err = wr_tenants_first(d->tenants, db, fault);
    if (!err) {
        wr_rule_book_read(d->book, db);
        wr_destinations_take(d->destinations, wr_destinations_read(db));
        wr_broker_watch(db);
    }
    return err;
}

// The operator's key comes from elsewhere: beside what it seals it would protect nothing.
static wr_err open_escrow(struct wr_daemon *d, struct wr_fault *fault)
{
    const char *path = d->config->admin_escrow_key;
    if (!*path) {
        return WR_OK;
    }
    char *file = realpath(path, NULL), *state = realpath(d->state.path, NULL);
    size_t len = state ? strlen(state) : 0;
    bool inside = file && state && !strncmp(file, state, len) && file[len] == '/';
    free(file);
    free(state);
    wr_err err = inside
                     ? wr_fault_set(fault, WR_ERR_DENIED,
                                    "%s: lies in the state folder, so that who copies the folder "
                                    "has the keys too: put it elsewhere",
                                    path)
                     : wr_seal_key_read(path, &d->escrow, fault);
    if (err) {
        wr_fault_prefix(fault, "admin.escrow_key: ");
    }
    d->certificates->escrow = d->escrow;
    return err;
}

wr_err wr_daemon_open_registry(struct wr_daemon *d, struct wr_fault *fault)
{
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s/secrets.key", d->state.path);
    wr_err err = wr_seal_key_open(wr_buf_terminated(&path), &d->seal, NULL, fault);
    wr_buf_release(&path);
    if (err) {
        return err;
    }
    d->certificates = wr_zalloc(sizeof *d->certificates);
    d->certificates->seal = d->seal;
    err = open_escrow(d, fault);
    if (err) {
        return err;
    }
    d->tenants = wr_tenants_new(d->config, d->seal);
    d->destinations = wr_destinations_new(&d->loop, d->config, d->tenants);
    d->book = wr_rule_book_new(&(struct wr_rule_book_options){.loop = &d->loop,
                                                              .config = d->config,
                                                              .tenants = d->tenants,
                                                              .metrics = d->metrics,
                                                              .accept = wr_daemon_accept_rule,
                                                              .elsewhere = is_elsewhere,
                                                              .enters = wr_daemon_adopt_rule,
                                                              .changed = wr_daemon_take_rules,
                                                              .freed = on_freed,
                                                              .user = d});
    err = wr_registry_open(&d->loop, d->state.path, first, d, &d->registry, fault);
    if (!err) {
        err = wr_broker_open(&d->loop, d->config, d->state.path, d->seal, &d->broker, fault);
    }
    if (!err) {
        err = wr_audit_open(&d->loop, d->state.path,
                            &(struct wr_audit_limits){
                                .file_bytes = (uint64_t)d->config->admin_audit_file,
                                .files = (size_t)d->config->admin_audit_files,
                            },
                            &d->audit, fault);
    }
    if (!err) {
        d->sessions = wr_sessions_new();
        d->auth = wr_auth_new(d->config, d->tenants, d->registry, d->sessions);
        d->sweep = wr_sweep_open(&d->loop, d->registry);
    }
    return err;
}

void wr_daemon_start_book(struct wr_daemon *d)
{
    wr_mono began = wr_mono_now();
    size_t count = wr_rule_book_start(d->book);
    if (count) {
        wr_log(WR_LOG_INFO, "rules", "rules of the API: %zu, read in %lld ms", count,
               (long long)(wr_mono_since_us(began, wr_mono_now()) / 1000));
    }
}

static void publish_event(void *user, const char *broker, const struct wr_publish *p)
{
    const struct wr_daemon *d = user;
    size_t at = 0;
    for (size_t i = 0; i < d->config->broker_count; i++) {
        at = strcmp(d->config->brokers[i].name, broker) == 0 ? i + 1 : at;
    }
    if (d->brokers) {
        wr_brokers_publish(d->brokers, at, p);
    } else {
        p->done(p->user, WR_ERR_BUSY, "the publishing connection is not open");
    }
}

void wr_daemon_open_api(struct wr_daemon *d)
{
    d->api = wr_api_open(&(struct wr_api_options){.loop = &d->loop,
                                                  .admin = d->admin,
                                                  .registry = d->registry,
                                                  .tenants = d->tenants,
                                                  .config = d->config,
                                                  .broker = d->broker,
                                                  .audit = d->audit,
                                                  .state_dir = d->state.path});
    d->auto_register = wr_zalloc(sizeof *d->auto_register);
    *d->auto_register =
        (struct wr_auto_register){.api = d->api, .publish = publish_event, .user = d};
    wr_broker_on_unregistered(d->broker, wr_auto_register, d->auto_register);
    wr_families_add(d->api);
    wr_families_add_certificates(d->api, d->certificates);
    d->console = wr_console_new(&(struct wr_console_options){
        .admin = d->admin, .config = d->config, .tenants = d->tenants, .sessions = d->sessions});
    d->api_rules = wr_alloc(sizeof *d->api_rules);
    *d->api_rules = (struct wr_api_rules){.book = d->book,
                                          .destinations = d->destinations,
                                          .admin = d->admin,
                                          .confirm = wr_destinations_confirm(d->destinations)};
    wr_api_add_rules(d->api, d->api_rules);
    wr_api_add_destinations(d->api, d->api_rules);
}

static void on_book_closed(void *user)
{
    struct wr_daemon *d = user;
    d->book = NULL;
    wr_destinations_free(d->destinations);
    free(d->api_rules);
    free(d->auto_register);
    wr_console_free(d->console);
    wr_auth_free(d->auth);
    wr_sessions_free(d->sessions);
    wr_tenants_free(d->tenants);
    wr_seal_key_free(d->escrow);
    free(d->certificates);
    wr_seal_key_free(d->seal);
    d->control_closed(d);
}

static void on_registry_closed(void *user)
{
    struct wr_daemon *d = user;
    d->registry = NULL;
    wr_rule_book_close(d->book, on_book_closed, d);
}

static void on_broker_closed(void *user)
{
    struct wr_daemon *d = user;
    d->broker = NULL;
    wr_registry_close(d->registry, on_registry_closed, d);
}

static void on_audit_closed(void *user)
{
    struct wr_daemon *d = user;
    d->audit = NULL;
    wr_broker_close(d->broker, on_broker_closed, d);
}

static void on_destinations_closed(void *user)
{
    struct wr_daemon *d = user;
    wr_audit_close(d->audit, on_audit_closed, d);
}

static void on_api_closed(void *user)
{
    struct wr_daemon *d = user;
    d->api = NULL;
    wr_destinations_close(d->destinations, on_destinations_closed, d);
}

void wr_daemon_close_control(struct wr_daemon *d, void (*closed)(void *user))
{
    d->control_closed = closed;
    wr_sweep_close(d->sweep);
    wr_api_close(d->api, on_api_closed, d);
}
