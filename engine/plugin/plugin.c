// What the broker calls: load, events, unload.
#include "engine/plugin/plugin.h"

#include <stdlib.h>

#include "sql/base/clock.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

// The declarations of mosquitto_plugin.h, visible.
WR_EXPORT int mosquitto_plugin_version(int supported_version_count, const int *supported_versions);
WR_EXPORT int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **user_data,
                                    struct mosquitto_opt *options, int option_count);
WR_EXPORT int mosquitto_plugin_cleanup(void *user_data, struct mosquitto_opt *options,
                                       int option_count);

static int on_tick(int event, void *data, void *user)
{
    struct wr_plugin *p = user;
    p->ticking = true;
    wr_plugin_refresh(p);
    return MOSQ_ERR_SUCCESS;
}

static wr_err load_key(struct wr_plugin *p, struct wr_fault *fault)
{
    if (!p->setup.mac_key_file) {
        return WR_OK;
    }
    wr_err err = wr_origin_key_load(p->setup.mac_key_file, &p->key, fault);
    p->has_key = p->has_key || !err;
    return err;
}

// SIGHUP: the key's file and the table are read again; options of mosquitto.conf are not.
static int on_reload(int event, void *data, void *user)
{
    struct wr_plugin *p = user;
    struct wr_fault fault = {0};
    if (load_key(p, &fault) != WR_OK) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "weir: the old key stays in use: %s", fault.text);
    }
    wr_plugin_refresh(p);
    return MOSQ_ERR_SUCCESS;
}

static const struct {
    int event;
    MOSQ_FUNC_generic_callback callback;
} callbacks[] = {
    {MOSQ_EVT_BASIC_AUTH, wr_plugin_on_auth},
    {MOSQ_EVT_ACL_CHECK, wr_plugin_on_acl},
    {MOSQ_EVT_MESSAGE, wr_plugin_on_message},
    {MOSQ_EVT_DISCONNECT, wr_plugin_on_disconnect},
    {MOSQ_EVT_TICK, on_tick},
    {MOSQ_EVT_RELOAD, on_reload},
};

static void release(struct wr_plugin *p)
{
    wr_sessions_release(&p->sessions);
    wr_owners_release(&p->owners);
    wr_session_free(p->leaving);
    wr_table_release(&p->table);
    wr_events_release(&p->events);
    wr_setup_release(&p->setup);
    free(p);
}

static wr_err start(struct wr_plugin *p, const struct mosquitto_opt *options, int count,
                    struct wr_fault *fault)
{
    wr_err err = wr_setup_read(&p->setup, options, count, fault);
    err = err ? err : wr_setup_check_broker(fault);
    err = err ? err : load_key(p, fault);
    if (err) {
        return err;
    }
    wr_table_init(&p->table, p->setup.status_file, p->setup.grace_s);
    wr_events_init(&p->events, p->setup.events_socket);
    for (size_t i = 0; i < WR_COUNT(callbacks); i++) {
        if (mosquitto_callback_register(p->id, callbacks[i].event, callbacks[i].callback, NULL,
                                        p) != MOSQ_ERR_SUCCESS) {
            return wr_fault_set(fault, WR_ERR_FAILED, "the broker does not take event %d",
                                callbacks[i].event);
        }
    }
    return WR_OK;
}

int mosquitto_plugin_version(int supported_version_count, const int *supported_versions)
{
    for (int i = 0; i < supported_version_count; i++) {
        if (supported_versions[i] == MOSQ_PLUGIN_VERSION) {
            return MOSQ_PLUGIN_VERSION;
        }
    }
    return -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **user_data,
                          struct mosquitto_opt *options, int option_count)
{
    struct wr_plugin *p = wr_zalloc(sizeof *p);
    struct wr_fault fault = {0};
    wr_hash_seed_init();
    p->id = identifier;
    wr_events_init(&p->events, NULL);
    if (start(p, options, option_count, &fault) != WR_OK) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "weir: %s", fault.text);
        release(p);
        return MOSQ_ERR_INVAL;
    }
    wr_plugin_refresh(p);
    if (!p->table.have) {
        mosquitto_log_printf(MOSQ_LOG_WARNING,
                             "weir: no device gets in before there is a status table: %s",
                             p->table.why);
    }
    *user_data = p;
    return MOSQ_ERR_SUCCESS;
}

int mosquitto_plugin_cleanup(void *user_data, struct mosquitto_opt *options, int option_count)
{
    struct wr_plugin *p = user_data;
    if (p) {
        for (size_t i = 0; i < WR_COUNT(callbacks); i++) {
            (void)mosquitto_callback_unregister(p->id, callbacks[i].event, callbacks[i].callback,
                                                NULL);
        }
        release(p);
    }
    return MOSQ_ERR_SUCCESS;
}
